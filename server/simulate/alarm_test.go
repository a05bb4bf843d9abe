package simulate

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gridward/gridward/server/protocol/alarmhook"
)

// The hub signs as docs/protocol.md says, signs anew when it has to wait, and
// says nothing that the decoder does not understand.
func TestTheHubSpeaksAsCustomersDo(t *testing.T) {
	t.Parallel()
	type heard struct{ beats, alarms int }
	got := make(chan heard, 1000)
	first := true
	nonces := map[string]bool{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		h := r.Header
		nonce := h.Get("X-Gridward-Nonce")
		if wrong := alarmhook.Check([]byte("secret"), h.Get("X-Gridward-Timestamp"), nonce, h.Get("X-Gridward-Signature"), body, time.Now()); wrong != "" || r.URL.Path != "/alarm-hook/hub" || nonces[nonce] {
			t.Errorf("%s: %s", r.URL.Path, wrong)
		}
		nonces[nonce] = true
		if first { // once it is sent away, and comes again
			first = false
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		signals, bad := alarmhook.Decode(body, "", time.Now())
		if len(bad) > 0 {
			t.Errorf("%+v", bad)
		}
		var x heard
		for _, s := range signals {
			if s.Event == "heartbeat" {
				x.beats++
			} else {
				x.alarms++
			}
		}
		_ = json.NewEncoder(w).Encode(map[string]int{})
		got <- x
	}))
	defer server.Close()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	hub := NewAlarmHub(NewDoor(server.URL, 1, nil), "hub", "secret", []AlarmDevice{{"A", "smoke", true}, {"B", "door", false}}, 60_000, 1)
	go func() { done <- hub.Run(ctx) }()
	if x := <-got; x.beats != 1 || x.alarms != 0 {
		t.Errorf("first it says that it is alive: %+v", x)
	}
	for range 20 {
		if x := <-got; x.alarms != 1 {
			t.Errorf("%+v", x)
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
