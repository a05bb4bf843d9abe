package alarmhook

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gridward/gridward/server/fleet"
)

var now = time.Date(2026, 11, 26, 4, 0, 0, 0, time.UTC)

func TestWhatABodyMeans(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body  string
		want  Signal
		at    time.Time
		bad   fleet.Reason
		index int
	}{
		"the least there is":             {body: `{"device":"A","code":"smoke"}`, want: Signal{Device: "A", Event: "alarm", Code: "smoke"}, at: now},
		"numbers where text belongs":     {body: `{"device":7,"code":12,"id":9}`, want: Signal{Device: "7", Event: "alarm", Code: "12", Key: "id:9"}, at: now},
		"a time makes the message known": {body: `{"device":"A","code":"x","at":"2026-11-26T03:59:00Z"}`, want: Signal{Device: "A", Event: "alarm", Code: "x", Key: "x@2026-11-26T03:59:00Z"}, at: now.Add(-time.Minute)},
		"a clock that was never set":     {body: `{"device":"A","code":"x","at":0,"id":"1"}`, want: Signal{Device: "A", Event: "alarm", Code: "x", Key: "id:1"}, at: now},
		"a clock that is ahead":          {body: `{"device":"A","code":"x","at":"2026-11-26T04:01:00Z","id":"1"}`, want: Signal{Device: "A", Event: "alarm", Code: "x", Key: "id:1"}, at: now},
		"the topic names the device":     {body: `{"code":"x"}`, want: Signal{Device: "topic", Event: "alarm", Code: "x"}, at: now},
		"a heartbeat needs no code":      {body: `{"event":"heartbeat"}`, want: Signal{Device: "topic", Event: "heartbeat"}, at: now},
		"an alarm needs one":             {body: `{"device":"A"}`, bad: fleet.NotUnderstood},
		"an event nobody knows":          {body: `{"event":"dance"}`, bad: fleet.NotUnderstood},
		"a level nobody knows":           {body: `{"code":"x","level":"red"}`, bad: fleet.NotUnderstood},
		"a time that is none":            {body: `{"code":"x","at":"soon"}`, bad: fleet.BadTime},
		"no JSON":                        {body: `smoke`, bad: fleet.BadJSON, index: -1},
		"text that no database holds":    {body: `{"code":"x","text":"a\u0000b"}`, bad: fleet.NotUnderstood},
		"a list where an object belongs": {body: `[1]`, bad: fleet.BadJSON, index: -1},
		"too many":                       {body: `{"events":[` + strings.Repeat(`{},`, 200) + `{}]}`, bad: fleet.TooMany, index: -1},
		"too large":                      {body: strings.Repeat(" ", MostBytes+1), bad: fleet.TooLarge, index: -1},
	} {
		got, bad := Decode([]byte(c.body), "topic", now)
		if c.bad != "" {
			if len(bad) != 1 || bad[0].Reason != c.bad || bad[0].Index != c.index || len(got) != 0 {
				t.Errorf("%s: %+v %+v", name, got, bad)
			}
			continue
		}
		if len(got) != 1 || len(bad) != 0 {
			t.Errorf("%s: %+v %+v", name, got, bad)
			continue
		}
		g := got[0]
		if g.Device != c.want.Device || g.Event != c.want.Event || g.Code != c.want.Code || g.Key != c.want.Key || !g.At.Equal(c.at) {
			t.Errorf("%s: %+v", name, g)
		}
	}
}

// A signature fits what was signed and nothing else.
func TestSignatures(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		secret, body := rapid.SliceOfN(rapid.Byte(), 1, 64).Draw(t, "secret"), rapid.SliceOf(rapid.Byte()).Draw(t, "body")
		const timestamp, nonce = "1795665600", "abcdefgh"
		at := time.Unix(1795665600, 0)
		sum := Sign(secret, timestamp, nonce, body)
		if wrong := Check(secret, timestamp, nonce, "sha256="+sum, body, at); wrong != "" {
			t.Fatal(wrong)
		}
		if Check(secret, timestamp, nonce, sum, append(body, 'x'), at) == "" || Check(append(secret, 'x'), timestamp, nonce, sum, body, at) == "" ||
			Check(secret, "1795665601", nonce, sum, body, at) == "" || Check(secret, timestamp, nonce+"x", sum, body, at) == "" {
			t.Fatal("it fits something else")
		}
		d := time.Duration(rapid.IntRange(-900, 900).Draw(t, "seconds")) * time.Second
		if ok := Check(secret, timestamp, nonce, sum, body, at.Add(d)) == ""; ok != (d >= -Skew && d <= Skew) {
			t.Fatalf("%v later: %v", d, ok)
		}
	})
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{`{"device":"A","code":"smoke","at":"2026-11-26T03:59:00Z","battery":50}`, `{"events":[{"device":1},7,null]}`, `[]`, `{"events":null}`, `{"at":1e300,"code":"x"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		signals, bad := Decode(raw, "topic", now)
		if len(signals)+len(bad) == 0 && !strings.Contains(string(raw), "vents") {
			t.Fatal("neither read nor refused")
		}
		for _, s := range signals {
			if s.Device == "" || s.At.After(now) || s.At.Before(now.Add(-oldest)) || s.Event == "alarm" && s.Code == "" {
				t.Fatalf("%+v", s)
			}
		}
	})
}
