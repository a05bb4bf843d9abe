package main

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"testing"
	"time"
)

func TestPrivateCAIsKeptAndTrusted(t *testing.T) {
	c := config{Addr: "0.0.0.0:8443", TLS: "auto", Data: t.TempDir(), Hosts: "gridward.lan,127.0.0.1"}
	conf, root, err := c.secure(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	_, again, err := c.secure(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if string(root) != string(again) {
		t.Fatal("a second start made another CA: every phone would have to be set up again")
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", conf)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			s, err := l.Accept()
			if err != nil {
				return
			}
			_ = s.(*tls.Conn).Handshake()
			s.Close()
		}
	}()
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(root)
	for _, name := range []string{"gridward.lan", "127.0.0.1"} {
		s, err := tls.DialWithDialer(&net.Dialer{Timeout: 5 * time.Second}, "tcp", l.Addr().String(), &tls.Config{RootCAs: pool, ServerName: name})
		if err != nil {
			t.Fatalf("with the root installed, %s is not trusted: %v", name, err)
		}
		s.Close()
	}
}

func TestPlainHTTPOnLoopbackAndBehindAProxyOnly(t *testing.T) {
	for _, c := range []struct {
		name  string
		conf  config
		plain bool
	}{
		{"loopback may be plain", config{Addr: "127.0.0.1:8080", TLS: "auto"}, true},
		{"localhost may be plain", config{Addr: "localhost:8080", TLS: "auto"}, true},
		{"a wide address may not", config{Addr: ":8080", TLS: "auto"}, false},
		{"loopback with TLS asked for is not", config{Addr: "127.0.0.1:8080", TLS: "on"}, false},
		{"behind a proxy it is", config{Addr: "10.0.0.5:8080", TLS: "proxy"}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.conf.Data = t.TempDir()
			conf, _, err := c.conf.secure(time.Now())
			if err != nil {
				t.Fatal(err)
			}
			if (conf == nil) != c.plain {
				t.Fatalf("plain = %v, want %v", conf == nil, c.plain)
			}
		})
	}
}
