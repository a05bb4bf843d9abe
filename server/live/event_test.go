package live

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
)

// in runs the test in a bubble with a house whose journals have been looked at.
func in(t *testing.T, change func(*Deps), do func(t *testing.T, h *house)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h := open(t, change)
		synctest.Wait()
		do(t, h)
	})
}

func isLive(c *client) func() bool { return func() bool { return c.live } }

func TestResumeTellsEveryNumberOnce(t *testing.T) {
	in(t, nil, func(t *testing.T, h *house) {
		for range 700 {
			h.happen("incident.reported", east, map[string]string{"title": "井盖"})
		}
		c := h.dial("commander", nil)
		c.cursors[1] = cursor{1, "e1", 41}
		if err := c.conn.WriteJSON(hello(c.cursors[1])); err != nil {
			t.Fatal(err)
		}
		stop := make(chan struct{})
		go func() { // writes go on while it catches up
			defer close(stop)
			for range 300 {
				h.happen("incident.reported", west, map[string]string{"title": "占道"})
				time.Sleep(time.Millisecond)
			}
		}()
		c.until("all has come", func() bool { return c.cursors[1].After == 1000 })
		<-stop
		if len(c.events) != 1000-41 || len(c.resets) != 0 {
			t.Errorf("%d events, %d resets", len(c.events), len(c.resets))
		}
	})
}

func TestAScreenThatCannotResumeIsReset(t *testing.T) {
	in(t, nil, func(t *testing.T, h *house) {
		for range tooFar + 10 {
			h.write("incident.reported", east, map[string]string{})
		}
		h.live.Ring(1, tooFar+10)
		synctest.Wait()
		for why, resume := range map[string]cursor{
			"behind": {1, "e1", 3},
			"epoch":  {1, "e0", tooFar},
			"ahead":  {1, "e1", tooFar + 11},
		} {
			c := h.dial("commander", hello(resume))
			c.cursors[1] = resume
			c.until("it is live", isLive(c))
			if len(c.resets) != 1 || c.resets[0].Reason != why || c.resets[0].Seq != tooFar+10 || len(c.events) != 0 {
				t.Errorf("%s: resets %+v, %d events", why, c.resets, len(c.events))
			}
		}
	})
}

// A client may have heard more from another node than this one has read.
func TestAClientAheadOfThisNodeResumes(t *testing.T) {
	in(t, nil, func(t *testing.T, h *house) {
		for range 5 {
			h.write("incident.reported", east, map[string]string{}) // nobody rings here
		}
		c := h.dial("commander", nil)
		c.cursors[1] = cursor{1, "e1", 4}
		if err := c.conn.WriteJSON(hello(c.cursors[1])); err != nil {
			t.Fatal(err)
		}
		c.until("it is live", isLive(c))
		if len(c.resets) != 0 || len(c.events) != 1 || c.events[0].Seq != 5 {
			t.Errorf("resets %v, events %v", c.resets, c.events)
		}
	})
}

func TestALostRingIsNoticedByThePoll(t *testing.T) {
	in(t, nil, func(t *testing.T, h *house) {
		c := h.dial("commander", hello())
		c.until("it is live", isLive(c))
		start := time.Now()
		h.write("incident.reported", east, map[string]string{})
		c.until("it comes", func() bool { return len(c.events) == 1 })
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

func TestAnotherDatabaseResetsOpenScreens(t *testing.T) {
	in(t, nil, func(t *testing.T, h *house) {
		h.happen("incident.reported", east, map[string]string{})
		c := h.dial("commander", hello())
		c.until("it is live", isLive(c))
		h.mu.Lock()
		h.epoch, h.journals[1] = "e2", nil
		h.mu.Unlock()
		c.until("it is reset", func() bool { return len(c.resets) == 1 })
		h.happen("incident.reported", east, map[string]string{})
		c.until("the new numbers come", func() bool { return len(c.events) == 1 })
		if c.resets[0].Epoch != "e2" || c.events[0].Seq != 1 {
			t.Errorf("reset %+v, event %+v", c.resets[0], c.events[0])
		}
	})
}

// The station of the east community is told nothing of the west: no event, no
// name, no position, no byte.
func TestAStationHearsNothingOfAnotherCommunity(t *testing.T) {
	in(t, nil, func(t *testing.T, h *house) {
		h.worker(1, "东边人", east, time.Now(), at(0))
		h.worker(2, "西边人", west, time.Now(), at(1))
		c := h.dial("east", hello())
		c.until("it is live", isLive(c))
		for i := range 10 {
			path, word := east, "东边事"
			if i%3 != 0 {
				path, word = west, "西边事"
			}
			h.happen("incident.reported", path, map[string]string{"title": word})
			h.worker(int64(10+i), strings.Replace(word, "事", "人", 1), path, time.Now(), at(i))
			time.Sleep(300 * time.Millisecond)
		}
		h.mu.Lock()
		h.journals[1][4].Parties = nil
		h.mu.Unlock()
		c.until("all has come", func() bool { return c.cursors[1].After == 10 })
		c.until("the last worker has come", func() bool { _, ok := c.where(19); return ok })
		if len(c.events) != 4 || c.skipped != 6 {
			t.Errorf("%d events, %d skipped", len(c.events), c.skipped)
		}
		if bytes.Contains(c.text, []byte("西")) {
			t.Errorf("the west was mentioned:\n%s", c.text)
		}
		if len(c.points) != 5 {
			t.Errorf("%d points", len(c.points))
		}
		if len(c.welcome.Scope) != 1 || c.welcome.Scope[0] != east {
			t.Errorf("scope %v", c.welcome.Scope)
		}
	})
}

func TestAWorkerWhoChangesCommunityLeavesTheOldOnesScreen(t *testing.T) {
	in(t, nil, func(t *testing.T, h *house) {
		h.worker(1, "张伟", east, time.Now(), at(0))
		e, w := h.dial("east", hello()), h.dial("west", hello())
		e.until("it is live", isLive(e))
		w.until("it is live", isLive(w))
		if len(e.points) != 1 || len(w.points) != 0 {
			t.Fatalf("%d and %d points", len(e.points), len(w.points))
		}
		time.Sleep(time.Second)
		h.worker(1, "张伟", west, time.Now(), at(1))
		stop := w.drain()
		e.until("he left", func() bool { return len(e.points) == 0 })
		time.Sleep(time.Second)
		if err := stop(); err != nil || len(w.points) != 1 {
			t.Errorf("the west shows %d, %v", len(w.points), err)
		}
	})
}

func TestAPartySeesTheEntry(t *testing.T) {
	in(t, nil, func(t *testing.T, h *house) {
		c := h.dial("west", hello())
		c.until("it is live", isLive(c))
		h.write("incident.reported", east, map[string]string{})
		h.mu.Lock()
		h.journals[1][0].Parties = []string{west}
		h.mu.Unlock()
		h.live.Ring(1, 1)
		c.until("it comes", func() bool { return len(c.events) == 1 })
		h.happen("territory.changed", street, map[string]int{"epoch": 2})
		c.until("the territory concerns everybody", func() bool { return len(c.events) == 2 })
	})
}

func TestTheWallSeesNoNames(t *testing.T) {
	in(t, nil, func(t *testing.T, h *house) {
		h.worker(1, "张小伟", east, time.Now(), at(0))
		wall, clerk := h.dial("wall", hello()), h.dial("clerk", hello())
		wall.until("it is live", isLive(wall))
		clerk.until("it is live", isLive(clerk))
		body := map[string]string{"title": "电话13812345678", "reporter_name": "李晓娜", "reporter_phone": "13912345678"}
		h.happen("incident.reported", west, body)
		h.happen("duty.started", east, map[string]any{"worker": 1, "session": duty, "name": "张小伟"})
		wall.until("both come", func() bool { return len(wall.events) == 2 })
		clerk.until("both come", func() bool { return len(clerk.events) == 2 })
		if wall.welcome.Mask != 1 {
			t.Error("the wall does not know that it is masked")
		}
		for _, word := range []string{"小伟", "晓娜", "13812345678", "13912345678"} {
			if bytes.Contains(wall.text, []byte(word)) {
				t.Errorf("the wall was told %s", word)
			}
		}
		if !bytes.Contains(wall.text, []byte("张师傅")) {
			t.Error("the wall was told no name at all")
		}
		// The clerk may see people in the east alone.
		if !bytes.Contains(clerk.text, []byte("张小伟")) || bytes.Contains(clerk.text, []byte("李晓娜")) {
			t.Errorf("the clerk was told\n%s", clerk.text)
		}
	})
}

func TestASlowReaderOfEventsIsClosedAndResumes(t *testing.T) {
	in(t, func(d *Deps) { d.MaxQueue = 20_000 }, func(t *testing.T, h *house) {
		c := h.dial("commander", hello())
		c.until("it is live", isLive(c))
		long := strings.Repeat("长", 300)
		for range 60 {
			h.happen("incident.reported", east, map[string]string{"title": long})
			synctest.Wait()
		}
		if code := c.code(); code != 4409 {
			t.Fatalf("closed with %d", code)
		}
		again := h.dial("commander", hello(c.cursors[1]))
		again.cursors = c.cursors
		again.until("all has come", func() bool { return again.cursors[1].After == 60 })
		if len(c.events)+len(again.events) != 60 {
			t.Errorf("%d and %d events", len(c.events), len(again.events))
		}
	})
}

func TestCloseCodes(t *testing.T) {
	say := func(text string) func(*house, *client) {
		return func(_ *house, c *client) { _ = c.conn.WriteMessage(websocket.TextMessage, []byte(text)) }
	}
	for what, tc := range map[string]struct {
		who  string
		do   func(h *house, c *client)
		code int
	}{
		"no JSON":                  {"commander", say("hallo"), 4400},
		"a second hello":           {"commander", say(`{"type":"hello"}`), 4400},
		"a bbox of three":          {"commander", say(`{"type":"view","bbox":[1,2,3]}`), 4400},
		"a mode nobody knows":      {"commander", say(`{"type":"view","mode":"3d"}`), 4400},
		"binary":                   {"commander", func(_ *house, c *client) { _ = c.conn.WriteMessage(websocket.BinaryMessage, []byte(`{"type":"pong"}`)) }, 4400},
		"too long":                 {"commander", say(strings.Repeat(" ", maxMessage+1)), 1009},
		"the session is revoked":   {"commander", func(h *house, _ *client) { h.mu.Lock(); defer h.mu.Unlock(); h.gone[1]() }, 4401},
		"a stranger":               {"nobody", func(*house, *client) {}, 4401},
		"the server leaves":        {"commander", func(h *house, _ *client) { go h.live.farewell() }, 4412},
		"a region of its own came": {"commander", func(h *house, _ *client) { h.mu.Lock(); defer h.mu.Unlock(); h.journals[1_2] = nil }, 0},
	} {
		t.Run(what, func(t *testing.T) {
			in(t, nil, func(t *testing.T, h *house) {
				c := h.dial(tc.who, hello())
				if tc.who != "nobody" {
					c.until("it is live", isLive(c))
				}
				tc.do(h, c)
				if tc.code == 0 { // 12. is not in the scope 1.: nothing happens
					c.until("ticks go on", func() bool { return c.ticks == 2 })
					return
				}
				if code := c.code(); code != tc.code {
					t.Errorf("closed with %d, not %d", code, tc.code)
				}
			})
		})
	}
}

func TestSilenceIsClosedAndAPongIsNoSilence(t *testing.T) {
	in(t, nil, func(t *testing.T, h *house) {
		mute := h.dial("commander", hello())
		mute.conn.SetPingHandler(func(string) error { return nil })
		polite := h.dial("commander", hello())
		stop := polite.drain()
		start := time.Now()
		if code := mute.code(); code != 4408 {
			t.Errorf("closed with %d", code)
		}
		if took := time.Since(start); took < 55*time.Second || took > 65*time.Second {
			t.Errorf("after %v", took)
		}
		time.Sleep(5 * time.Minute)
		if err := stop(); err != nil || !polite.live {
			t.Errorf("the polite one was closed: %v", err)
		}
		wordless := h.dial("commander", nil)
		if code := wordless.code(); code != 4408 {
			t.Errorf("who never says hello was closed with %d", code)
		}
	})
}

func TestTheDoor(t *testing.T) {
	for what, tc := range map[string]struct {
		who      string
		protocol []string
		origin   string
		status   string // part of the refusal; "" = let in
		code     int
	}{
		"our own page":               {"wall", []string{Protocol}, "http://house", "", 0},
		"a page told to us":          {"wall", []string{Protocol}, "https://wall.example", "", 0},
		"somebody else's page":       {"wall", []string{Protocol}, "http://evil.example", "403", 0},
		"a page that hides":          {"wall", []string{Protocol}, "null", "403", 0},
		"no subprotocol":             {"wall", nil, "", "400", 0},
		"an old page":                {"wall", []string{"gridward.0"}, "", "", 4426},
		"a worker, who has no map":   {"worker", []string{Protocol}, "", "403", 0},
		"one subprotocol among many": {"wall", []string{"x", Protocol}, "", "", 0},
	} {
		t.Run(what, func(t *testing.T) {
			in(t, func(d *Deps) { d.Origins = []string{"https://wall.example"} }, func(t *testing.T, h *house) {
				header := http.Header{}
				if tc.origin != "" {
					header.Set("Origin", tc.origin)
				}
				c, err := knock(t, websocket.Dialer{NetDialContext: h.doors.dial, Subprotocols: tc.protocol}, "ws://house/ws", tc.who, nil, header)
				switch {
				case tc.status != "":
					if err == nil || !strings.Contains(err.Error(), tc.status) {
						t.Errorf("answered %v", err)
					}
				case err != nil:
					t.Error(err)
				case tc.code != 0:
					if code := c.code(); code != tc.code {
						t.Errorf("closed with %d", code)
					}
				default:
					if err := c.conn.WriteJSON(hello()); err != nil {
						t.Fatal(err)
					}
					c.until("it is live", isLive(c))
				}
			})
		})
	}
}

func TestTooManyScreensAreToldToWait(t *testing.T) {
	in(t, func(d *Deps) { d.MaxPerAddress = 2 }, func(t *testing.T, h *house) {
		a, b := h.dial("wall", hello()), h.dial("wall", hello())
		a.until("it is live", isLive(a))
		b.until("it is live", isLive(b))
		if _, err := h.knock("wall", hello(), nil); err == nil || !strings.Contains(err.Error(), "503") {
			t.Fatalf("the third was answered %v", err)
		}
		_ = a.conn.Close()
		stop := b.drain()
		time.Sleep(3 * time.Second)
		if _, err := h.knock("wall", hello(), nil); err != nil {
			t.Errorf("a place was free and it was answered %v", err)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestNobodyIsLetInBeforeTheJournalsWereSeen(t *testing.T) {
	away := errors.New("the database is away")
	in(t, func(d *Deps) {
		d.Heads = func(context.Context) (map[int64]Head, error) { return nil, away }
	}, func(t *testing.T, h *house) {
		if _, err := h.knock("wall", hello(), nil); err == nil || !strings.Contains(err.Error(), "503") {
			t.Errorf("answered %v", err)
		}
	})
}
