package live

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gridward/gridward/server/access"
)

// screens of everybody there is: the sender's own, another account's, and three walls.
func TestAConsoleDrivesItsOwnScreensAndTheWallsOfItsScope(t *testing.T) {
	in(t, nil, func(t *testing.T, h *house) {
		kiosk := func(id int64, path string) access.Session {
			return access.Session{Principal: access.Principal{Kiosk: id, Posts: []access.Post{{Path: path, Region: 1, Role: access.KioskRole}}}, Credential: 100 + id}
		}
		h.mu.Lock()
		h.people["street wall"], h.people["east wall"], h.people["west wall"] = kiosk(1, street), kiosk(2, east), kiosk(3, west)
		h.mu.Unlock()
		all := map[string]*client{}
		for _, who := range []string{"commander", "east", "west", "street wall", "east wall", "west wall"} {
			all[who] = h.dial(who, hello())
			all[who].until("it is live", isLive(all[who]))
		}
		send := func(from string, do string) int {
			t.Helper()
			who := h.people[from]
			told, err := h.live.Control(Control{From: who.Account, ByName: "王强", At: time.Now(), Region: 1, Scope: who.Scope(access.Dispatch), Do: json.RawMessage(do)})
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			return told
		}
		if told := send("commander", `{"do":"fly","point":[114.1,22.6],"zoom":16,"type":"event","from":99}`); told != 4 {
			t.Errorf("the commander drives its own screen and three walls: %d", told)
		}
		if told := send("east", `{"do":"popup","text":"联系13812345678","phone":"1"}`); told != 2 {
			t.Errorf("the east station drives its own screen and its wall: %d", told)
		}
		h.happen("duty.started", street, map[string]any{"worker": 1}) // something to wait for
		for who, want := range map[string]string{"commander": "fly", "east": "popup", "west": "", "street wall": "fly", "east wall": "fly popup", "west wall": "fly"} {
			c := all[who]
			c.until("the news have come", func() bool { return len(c.events)+int(c.skipped) == 1 })
			var got []string
			for line := range bytes.Lines(c.text) {
				var m map[string]any
				if json.Unmarshal(line, &m) == nil && m["type"] == "control" {
					got = append(got, m["do"].(string))
					if m["from"] == 99.0 || m["at"] == nil {
						t.Errorf("%s: a sender pretends to be another: %s", who, line)
					}
				}
			}
			if strings.Join(got, " ") != want {
				t.Errorf("%s was told %q, want %q", who, got, want)
			}
		}
		if east := all["east wall"].text; bytes.Contains(east, []byte("13812345678")) || bytes.Contains(east, []byte("王强")) || !bytes.Contains(east, []byte("王师傅")) || bytes.Contains(east, []byte(`"phone"`)) {
			t.Errorf("a wall was told %s", east)
		}
		if own := all["east"].text; !bytes.Contains(own, []byte("13812345678")) || !bytes.Contains(own, []byte("王强")) {
			t.Errorf("the sender's own screen was told %s", own)
		}
	})
}

func TestAControlThatIsNone(t *testing.T) {
	in(t, nil, func(t *testing.T, h *house) {
		for what, do := range map[string]string{
			"no JSON":         `{`,
			"a list":          `[1]`,
			"nothing to do":   `{"text":"x"}`,
			"an unknown deed": `{"do":"format"}`,
			"too many bytes":  `{"do":"popup","text":"` + strings.Repeat("长", MaxControl) + `"}`,
			"do is no word":   `{"do":7}`,
		} {
			if _, err := h.live.Control(Control{From: 1, Do: json.RawMessage(do)}); !errors.Is(err, ErrControl) {
				t.Errorf("%s: %v", what, err)
			}
		}
	})
}

// A control is news of the moment: it never fills a queue that events wait in.
func TestAScreenThatIsBehindIsSparedControls(t *testing.T) {
	in(t, func(d *Deps) { d.MaxQueue = 1000 }, func(t *testing.T, h *house) {
		s := &screen{live: h.live, news: make(chan struct{}, 1), done: make(chan struct{})}
		m := textLetter("control", bytes.Repeat([]byte("x"), 200))
		taken := 0
		for range 10 {
			if s.nudge(m) {
				taken++
			}
		}
		if taken != 2 || s.failed() {
			t.Errorf("%d of 10 taken into half a queue of 1000 bytes; failed %v", taken, s.failed())
		}
	})
}
