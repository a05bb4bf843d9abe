package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gridward/gridward/server/pgtest"
)

// open runs the whole house until the test ends, or stop is called.
func open(t *testing.T, args ...string) (h *house, stop func() error) {
	t.Helper()
	c, err := parseServe("serve", append([]string{"-addr", "127.0.0.1:0", "-data", t.TempDir(), "-database-url", pgtest.DSN(t)}, args...), func(string) string { return "" }, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	opened, ended := make(chan *house, 1), make(chan error, 1)
	go func() {
		ended <- serve(ctx, c, io.Discard, func(_ context.Context, h *house) error { opened <- h; return nil })
	}()
	stop = func() error { cancel(); return <-ended }
	select {
	case h = <-opened:
	case err := <-ended:
		t.Fatal(err)
	}
	return h, stop
}

// A client that was given the address without a path must not take the way to
// the big screen for the receipt of its fix.
func TestATrackerAtTheRootIsNotSentToAPage(t *testing.T) {
	h, stop := open(t)
	defer func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	}()
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for sentence, c := range map[string]struct {
		method, path string
		want         int
	}{
		"a person is":                        {"GET", "/", 302},
		"OsmAnd is not":                      {"GET", "/?id=nobody&lat=22.7&lon=114.2", 401},
		"nor by its other names":             {"GET", "/?deviceid=nobody&lat=22.7&lon=114.2", 401},
		"Traccar Client posts":               {"POST", "/?id=nobody&lat=22.7&lon=114.2", 401},
		"with everything in the body":        {"POST", "/", 401},
		"nothing else may be done there":     {"DELETE", "/", 405},
		"a page's own parameters are a page": {"GET", "/?lang=en", 302},
	} {
		r, err := http.NewRequestWithContext(t.Context(), c.method, h.url+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != c.want {
			t.Errorf("%s: %s %s: %d, want %d", sentence, c.method, c.path, res.StatusCode, c.want)
		}
	}
}

func TestAStalledRequestDoesNotHoldTheHouse(t *testing.T) {
	h, stop := open(t)
	conn, err := net.Dial("tcp", strings.TrimPrefix(h.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "POST /api/v1/fixes HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nAuthorization: Bearer x\r\nContent-Length: 10\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(conn, make([]byte, len("HTTP/1.1 100"))); err != nil { // its body is waited for
		t.Fatal(err)
	}
	began := time.Now()
	if err := stop(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("stopped after %v", took)
	}
}

func TestTheShownAddressCanBeTyped(t *testing.T) {
	for sentence, c := range map[string]struct {
		hosts, addr string
		secure      bool
		want        string
	}{
		"one address is itself":                    {"", "10.1.2.3:80", false, "http://10.1.2.3:80"},
		"every address is the certificate's first": {"gridward.lan,10.1.2.3", "[::]:8443", true, "https://gridward.lan:8443"},
		"an IPv6 address keeps its brackets":       {"fd00::1", "0.0.0.0:8443", true, "https://[fd00::1]:8443"},
	} {
		if got := (config{Hosts: c.hosts}).shownURL(c.secure, c.addr); got != c.want {
			t.Errorf("%s: %s", sentence, got)
		}
	}
}
