package simulate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// strict is a server in a box: it takes what docs/protocol.md lets it take,
// remembers everything and complains of what a phone should not do.
type strict struct {
	mu       sync.Mutex
	rng      *rand.Rand
	trouble  func(now time.Time) string // "", "busy", "dead" (nothing kept), "mute" (kept, answer lost), "unknown"
	open     map[string]map[string]bool // ident → session ids that started and did not end
	ended    map[string]bool
	stored   map[string]map[time.Time]int
	requests int
	wrong    []string
}

func newStrict(trouble func(time.Time) string) *strict {
	return &strict{rng: rand.New(rand.NewPCG(1, 2)), trouble: trouble, open: map[string]map[string]bool{}, ended: map[string]bool{}, stored: map[string]map[time.Time]int{}}
}

func (s *strict) RoundTrip(req *http.Request) (*http.Response, error) {
	time.Sleep(3 * time.Millisecond) // the bubble's time: what an answer takes
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests++
	rec := httptest.NewRecorder()
	switch trouble := s.trouble(time.Now()); trouble {
	case "busy":
		rec.Header().Set("Retry-After", "4")
		rec.WriteHeader(http.StatusServiceUnavailable)
		return rec.Result(), nil
	case "unknown":
		rec.WriteHeader(http.StatusUnauthorized)
		return rec.Result(), nil
	case "dead":
		return nil, errors.New("connection refused")
	default:
		s.take(rec, req)
		if trouble == "mute" {
			return nil, errors.New("connection reset by peer")
		}
		return rec.Result(), nil
	}
}

func (s *strict) complain(format string, args ...any) {
	s.wrong = append(s.wrong, fmt.Sprintf(format, args...))
}

func (s *strict) take(w http.ResponseWriter, req *http.Request) {
	var in struct {
		Sessions []struct {
			ID      string
			Started time.Time  `json:"started_at"`
			Ended   *time.Time `json:"ended_at"`
		}
		Fixes []struct {
			At       time.Time
			Lon, Lat float64
		}
	}
	ident := ""
	switch {
	case req.URL.Path == "/api/v1/fixes":
		ident = req.Header.Get("Authorization")[len("Bearer token-"):]
		body, err := io.ReadAll(req.Body)
		if err == nil {
			err = json.NewDecoder(bytes.NewReader(body)).Decode(&in)
		}
		if err != nil {
			s.complain("no JSON: %v", err)
		}
	case req.Method == http.MethodPost && len(req.URL.Path) > 9 && req.URL.Path[:9] == "/d/token-":
		ident = req.URL.Path[9:]
		var ms int64
		if _, err := fmt.Sscan(req.URL.Query().Get("timestamp"), &ms); err != nil {
			s.complain("no timestamp: %v", err)
		}
		in.Fixes = append(in.Fixes, struct {
			At       time.Time
			Lon, Lat float64
		}{At: time.UnixMilli(ms)})
	default:
		s.complain("no such door: %s", req.URL.Path)
	}
	for _, session := range in.Sessions {
		if s.open[ident] == nil {
			s.open[ident] = map[string]bool{}
		}
		s.open[ident][session.ID] = session.Ended == nil && !s.ended[session.ID]
		s.ended[session.ID] = s.ended[session.ID] || session.Ended != nil
	}
	stored, duplicate := 0, 0
	for _, f := range in.Fixes {
		if len(s.open[ident]) == 0 {
			s.complain("%s: a fix before any session", ident)
		}
		if s.stored[ident] == nil {
			s.stored[ident] = map[time.Time]int{}
		}
		at := f.At.UTC()
		if s.stored[ident][at]++; s.stored[ident][at] > 1 {
			duplicate++
		} else {
			stored++
		}
	}
	if len(in.Fixes) > largestBatch || len(in.Sessions) > 20 {
		s.complain("%d fixes, %d sessions in one request", len(in.Fixes), len(in.Sessions))
	}
	fmt.Fprintf(w, `{"stored":%d,"duplicate":%d,"off_duty":0,"quarantined":[]}`, stored, duplicate)
}

func TestCrowdLosesNothingWhateverTheServerDoes(t *testing.T) {
	tests := map[string]func(rng *rand.Rand, start time.Time) func(time.Time) string{
		"a good server": func(*rand.Rand, time.Time) func(time.Time) string {
			return func(time.Time) string { return "" }
		},
		"full for two minutes": func(_ *rand.Rand, start time.Time) func(time.Time) string {
			return func(now time.Time) string {
				if s := now.Sub(start).Seconds(); s > 60 && s < 180 {
					return "busy"
				}
				return ""
			}
		},
		"killed again and again": func(rng *rand.Rand, start time.Time) func(time.Time) string {
			return func(now time.Time) string {
				if s := now.Sub(start).Seconds(); s < 500 && rng.Float64() < 0.3 {
					return []string{"dead", "mute"}[rng.IntN(2)]
				}
				return ""
			}
		},
	}
	for name, make := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := newStrict(nil)
				server.trouble = make(server.rng, time.Now())
				var phones []Phone
				for i := range 60 {
					ident := fmt.Sprintf("p%02d", i)
					phones = append(phones, Phone{Ident: ident, Token: "token-" + ident, Protocol: []string{"native", "osmand"}[i%2], Block: "sw"})
				}
				c := NewCrowd(NewDoorVia("http://box", server), town(t), phones, Options{Interval: 5 * time.Second, Batch: 1 + len(name)%3, Senders: 4, Seed: 9, Ramp: 20 * time.Second, Shifts: true, Tunnels: true})
				ctx, stop := context.WithTimeout(t.Context(), 20*time.Minute)
				defer stop()
				if err := c.Run(ctx); err != nil {
					t.Fatal(err)
				}
				for _, w := range server.wrong {
					t.Error(w)
				}
				n, kept, twice := c.Counters(), 0, 0
				for _, fixes := range server.stored {
					for _, times := range fixes {
						kept++
						twice += times - 1
					}
				}
				if n.Made < 60*200*6/10 || n.Behind != 0 || n.Lost != 0 || int64(kept) != n.Made || n.Acked != n.Made {
					t.Errorf("made %d, acknowledged %d, kept by the server %d: %v", n.Made, n.Acked, kept, n)
				}
				if name == "killed again and again" && (twice == 0 || n.Repeated == 0) {
					t.Errorf("nothing was sent twice, so nothing was tested")
				}
				for ident, sessions := range server.open {
					for id, open := range sessions {
						if open {
							t.Errorf("%s: session %s was never ended", ident, id)
						}
					}
				}
			})
		})
	}
}

func TestPhoneWithABadCredentialFallsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newStrict(func(time.Time) string { return "unknown" })
		c := NewCrowd(NewDoorVia("http://box", server), town(t), []Phone{{Ident: "a", Token: "token-a", Protocol: "native"}}, Options{})
		ctx, stop := context.WithTimeout(t.Context(), 10*time.Minute)
		defer stop()
		if err := c.Run(ctx); err == nil {
			t.Error("Run ended well although no credential is good")
		}
		if server.requests != 1 {
			t.Errorf("asked %d times", server.requests)
		}
	})
}

func TestPhoneHonoursRetryAfter(t *testing.T) {
	p := &phone{rng: rand.New(rand.NewPCG(1, 1))}
	now := time.Now()
	p.refused(now, &Refusal{Status: 503, After: 40 * time.Second})
	if wait := p.retry.Sub(now); wait < 40*time.Second || wait > time.Minute {
		t.Errorf("told to wait 40 s, waits %v", wait)
	}
}
