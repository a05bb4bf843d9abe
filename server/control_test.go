package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/gridward/gridward/fixtures"
	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/live"
	"github.com/gridward/gridward/server/postgres"
)

// What a console posts reaches the same account's screen through the whole house.
func TestAConsoleDrivesTheWall(t *testing.T) {
	h, stop := open(t)
	defer func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	}()
	street, err := fixtures.Street()
	if err != nil {
		t.Fatal(err)
	}
	if err := postgres.SeedStreet(t.Context(), h.db, street); err != nil {
		t.Fatal(err)
	}
	password, err := addAccount(t.Context(), h.db, "commander", "梁萍欣", "", fixtures.StreetCode, access.Commander)
	if err != nil {
		t.Fatal(err)
	}
	jar, _ := cookiejar.New(nil)
	client := http.Client{Jar: jar}
	post := func(path string, body any) (int, string) {
		t.Helper()
		data, _ := json.Marshal(body)
		r, err := http.NewRequestWithContext(t.Context(), "POST", h.url+path, bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		res, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var text bytes.Buffer
		_, _ = text.ReadFrom(res.Body)
		return res.StatusCode, text.String()
	}
	if status, text := post("/api/v1/session", map[string]string{"login": "commander", "password": password}); status != 200 {
		t.Fatal(status, text)
	}
	at, _ := url.Parse(h.url)
	var cookies []string
	for _, c := range jar.Cookies(at) {
		cookies = append(cookies, c.Name+"="+c.Value)
	}
	dialer := websocket.Dialer{Subprotocols: []string{live.Protocol}}
	conn, _, err := dialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(h.url, "http")+"/ws", http.Header{"Cookie": {strings.Join(cookies, "; ")}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.WriteJSON(map[string]any{"type": "hello", "view": map[string]any{"zoom": 15}}); err != nil {
		t.Fatal(err)
	}
	until := func(kind string) map[string]any {
		t.Helper()
		for {
			typ, data, err := conn.ReadMessage()
			if err != nil {
				t.Fatal(err)
			}
			var m map[string]any
			if typ == websocket.TextMessage && json.Unmarshal(data, &m) == nil && m["type"] == kind {
				return m
			}
		}
	}
	until("live")
	if status, text := post("/api/v1/screen-control", map[string]any{"do": "fly", "point": []float64{114.2, 22.7}, "zoom": 16}); status != 200 || !strings.Contains(text, `"told":1`) {
		t.Fatal(status, text)
	}
	if m := until("control"); m["do"] != "fly" || m["zoom"] != 16.0 || m["by_name"] != "梁萍欣" {
		t.Errorf("the screen was told %v", m)
	}
	if status, _ := post("/api/v1/screen-control", map[string]any{"do": "format"}); status != 422 {
		t.Errorf("an unknown deed: %d", status)
	}
}
