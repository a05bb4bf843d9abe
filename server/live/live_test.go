package live

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/fleet"
)

var square = orb.Point{114.2066, 22.6874}

// at is a place i steps of about 11 m east of the square.
func at(i int) orb.Point { return orb.Point{square[0] + float64(i)*1e-4, square[1]} }

func TestASocketIsWelcomedShownAndLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, nil)
		synctest.Wait()
		h.worker(7, "张伟", east, time.Now(), at(0))
		c := h.dial("commander", hello())
		c.until("it is live", func() bool { return c.live })
		if c.welcome.Mask != 0 || len(c.welcome.Regions) != 1 || c.welcome.TickMs != 1000 {
			t.Errorf("welcome %+v", c.welcome)
		}
		if p, ok := c.where(7); !ok || p.Presence != 3 || !c.shows(7, square) {
			t.Errorf("worker 7 is %+v, %v", p, ok)
		}
		if c.snaps != 1 || c.mode.Mode != "points" {
			t.Errorf("%d snapshots, mode %q", c.snaps, c.mode.Mode)
		}
		f := fix(7, east, time.Now().Add(time.Second), at(3))
		time.Sleep(time.Second)
		h.board.Put([]fleet.Fix{f})
		c.until("worker 7 moves", func() bool { return c.shows(7, at(3)) })
		if c.snaps != 1 {
			t.Error("a move came as a snapshot")
		}
		h.happen("incident.reported", east, map[string]any{"title": "井盖破损"})
		c.until("the incident comes", func() bool { return len(c.events) == 1 })
		if e := c.events[0]; e.Kind != "incident.reported" || e.Seq != 1 {
			t.Errorf("event %+v", e)
		}
	})
}
