package main

import (
	"io"
	"strings"
	"testing"
)

func TestParseServe(t *testing.T) {
	env := func(pairs ...string) func(string) string {
		return func(name string) string {
			for i := 0; i+1 < len(pairs); i += 2 {
				if pairs[i] == name {
					return pairs[i+1]
				}
			}
			return ""
		}
	}
	for _, c := range []struct {
		name    string
		command string
		args    []string
		env     func(string) string
		want    []string // every one of these words must be in the complaint; none = no complaint
	}{
		{"the defaults are good", "serve", nil, env(), nil},
		{"a flag may come from the environment", "serve", nil, env("GRIDWARD_ADDR", "nonsense"), []string{"-addr", "host:port"}},
		{"the flag wins over the environment", "serve", []string{"-addr", "127.0.0.1:9"}, env("GRIDWARD_ADDR", "nonsense"), nil},
		{"DATABASE_URL is read by its plain name", "serve", nil, env("DATABASE_URL", "mysql://x"), []string{"DATABASE_URL"}},
		{"all problems are told at once", "serve", []string{"-tick", "1h", "-tls", "maybe", "-trusted-proxies", "x", "-log-level", "loud"}, env(), []string{"-tick", "-tls", "-trusted-proxies", "-log-level"}},
		{"those of the environment among them", "serve", []string{"-tls", "maybe"}, env("GRIDWARD_DB_CONNS", "many"), []string{"-tls", "GRIDWARD_DB_CONNS"}},
		{"a certificate needs its key", "serve", []string{"-tls-cert", "c.pem"}, env(), []string{"-tls-key"}},
		{"behind a proxy one must say which", "serve", []string{"-tls", "proxy"}, env(), []string{"-trusted-proxies"}},
		{"a single proxy address is a prefix", "serve", []string{"-tls", "proxy", "-trusted-proxies", "10.1.2.3"}, env(), nil},
		{"the demo stays on loopback", "demo", []string{"-addr", "0.0.0.0:8080"}, env(), []string{"-allow-remote"}},
		{"unless it is told", "demo", []string{"-addr", "0.0.0.0:8080", "-allow-remote"}, env(), nil},
		{"serve may listen anywhere", "serve", []string{"-addr", "0.0.0.0:8443"}, env(), nil},
		{"a broker has an address", "serve", []string{"-mqtt-url", "10.0.0.5:1883"}, env(), []string{"-mqtt-url"}},
		{"and is told what to hear", "serve", []string{"-mqtt-url", "mqtt://10.0.0.5:1883", "-mqtt-topics", ""}, env(), []string{"-mqtt-topics"}},
		{"a video gateway says where the camera's name belongs", "serve", []string{"-video-gateway", "http://10.0.0.5/live"}, env(), []string{"-video-gateway", "{stream}"}},
		{"both may be there", "serve", []string{"-mqtt-url", "mqtts://u:p@broker", "-video-gateway", "https://gw/live/{stream}/hls.m3u8"}, env(), nil},
		{"a public address is a whole one", "serve", []string{"-public-url", "gridward.example"}, env(), []string{"-public-url"}},
		{"a stray argument is not ignored", "serve", []string{"now"}, env(), []string{"now"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := parseServe(c.command, c.args, c.env, io.Discard)
			if len(c.want) == 0 {
				if err != nil {
					t.Fatalf("complained: %v", err)
				}
				return
			}
			if err == nil {
				t.Fatal("did not complain")
			}
			for _, w := range c.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%q is not in the complaint: %v", w, err)
				}
			}
		})
	}
}

func TestPrintConfigHidesPasswords(t *testing.T) {
	for flag, urls := range map[string]map[string]string{
		"database-url": {
			"postgres://me:geheim@db/x":                        "postgres://me:xxxxx@db/x",
			"postgres://me@/x?host=/run&password=geheim":       "postgres://me@/x?host=%2Frun&password=xxxxx",
			"postgres://me@db/x?sslpassword=geheim&sslmode=no": "postgres://me@db/x?sslmode=no&sslpassword=xxxxx",
		},
		"nats-url": {
			"nats://geheim@bus:4222":               "nats://xxxxx@bus:4222",
			"nats://me:geheim@a:1,nats://geheim@b": "nats://me:xxxxx@a:1,nats://xxxxx@b",
			"tls://me:geheim@a,tls://me:geheim@b":  "(set)",
		},
	} {
		for url, want := range urls {
			var out strings.Builder
			if _, err := parseServe("serve", []string{"-print-config", "-" + flag, url}, func(string) string { return "" }, &out); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(out.String(), "geheim") || !strings.Contains(out.String(), flag+" = "+want+"\n") {
				t.Errorf("printed:\n%s", out.String())
			}
		}
	}
}
