package live

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/board"
	"github.com/gridward/gridward/server/fleet"
	"github.com/gridward/gridward/server/wire"
)

// A screen that keeps up gets one frame per tick however many fixes there were.
func TestPositionsAreConflatedPerTick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, nil)
		synctest.Wait()
		h.worker(7, "张伟", east, time.Now(), at(0))
		c := h.dial("commander", hello())
		c.until("it is live", func() bool { return c.live })
		before := c.frames
		stop := c.drain()
		for i := range 50 { // ten seconds, five fixes each
			time.Sleep(200 * time.Millisecond)
			h.board.Put([]fleet.Fix{fix(7, east, time.Now(), at(i))})
		}
		time.Sleep(2 * time.Second)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		if n := c.frames - before; n < 10 || n > 12 {
			t.Errorf("%d frames in ten seconds", n)
		}
		if !c.shows(7, at(49)) {
			t.Error("the last position did not arrive")
		}
	})
}

// Nobody who reads slowly may end with an older position than the newest, or
// with a worker that left, whatever was missed in between. The fast reader of
// the same room is the model.
func TestASlowScreenGetsFewerFramesAndTheSameEnd(t *testing.T) {
	for seed := range uint64(8) {
		synctest.Test(t, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 2))
			h := open(t, nil)
			synctest.Wait()
			for id := range int64(40) {
				h.worker(id+1, "张伟", east, time.Now(), at(0))
			}
			fast := h.dial("commander", hello())
			fast.until("it is live", func() bool { return fast.live })
			slow := h.dial("commander", hello())
			slow.until("it is live", func() bool { return slow.live })
			stop := fast.drain()
			finish := make(chan struct{})
			late := make(chan error, 1)
			go func() { // takes 0 to 8 s for every message, less than the write's deadline
				for {
					select {
					case <-finish:
						late <- nil
						return
					case <-time.After(time.Duration(rng.IntN(8000)) * time.Millisecond):
					}
					if err := slow.read(); err != nil {
						late <- err
						return
					}
				}
			}()
			work := rand.New(rand.NewPCG(seed, 3))
			on := map[int64]bool{}
			for i := range 300 {
				time.Sleep(200 * time.Millisecond)
				id := work.Int64N(45) + 1
				switch {
				case work.IntN(10) == 0:
					h.board.Off(id, duty)
					on[id] = false
				case work.IntN(10) == 0 && !on[id]:
					h.worker(id, "李娜", east, time.Now(), at(i))
				default:
					h.board.Put([]fleet.Fix{fix(id, east, time.Now(), at(i))})
				}
			}
			close(finish)
			if err := <-late; err != nil {
				t.Fatal(err)
			}
			slow.until("it is quiet", func() bool { return slow.seq >= h.roomSeq() })
			time.Sleep(1500 * time.Millisecond)
			slow.until("it is quiet", func() bool { return slow.seq >= h.roomSeq() })
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			if slow.frames >= fast.frames {
				t.Errorf("the slow screen got %d frames, the fast one %d", slow.frames, fast.frames)
			}
			want := map[uint32]orb.Point{}
			h.board.Each([]string{street}, func(mark uint32, e *board.Entry) { want[mark] = e.Point })
			for name, c := range map[string]*client{"fast": fast, "slow": slow} {
				if err := same(want, c.points); err != nil {
					t.Errorf("seed %d: the %s screen: %v", seed, name, err)
				}
			}
		})
	}
}

func same(want map[uint32]orb.Point, got map[uint32]wire.Point) error {
	if len(want) != len(got) {
		return fmt.Errorf("shows %d workers, not %d", len(got), len(want))
	}
	for h, p := range want {
		if g, ok := got[h]; !ok || abs(g.Lon-p[0]) > 1e-6 || abs(g.Lat-p[1]) > 1e-6 {
			return fmt.Errorf("shows handle %d at %v, not %v", h, g, p)
		}
	}
	return nil
}

func abs(v float64) float64 { return max(v, -v) }

// roomSeq is the newest state of the one room of points.
func (h *house) roomSeq() uint32 {
	h.live.mu.Lock()
	defer h.live.mu.Unlock()
	for _, hall := range h.live.halls {
		if hall.points != nil {
			hall.points.mu.Lock()
			defer hall.points.mu.Unlock()
			return hall.points.seq
		}
	}
	return 0
}

// Screens come while everything moves: each must know everybody at once.
func TestJoiningDuringChangesMissesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, nil)
		synctest.Wait()
		// One that stays, woken by events between the ticks as well.
		stays := h.dial("commander", hello())
		stays.until("it is live", func() bool { return stays.live })
		stop := stays.drain()
		defer func() {
			if err := stop(); err != nil {
				t.Error(err)
			}
		}()
		for i := range 60 {
			time.Sleep(137 * time.Millisecond)
			h.happen("incident.reported", east, map[string]string{})
			id := int64(i%20) + 1
			switch {
			case i%7 == 3:
				h.board.Off(id, duty)
			default:
				h.worker(id, "王芳", []string{east, west}[i%2], time.Now(), at(i))
			}
			if i%5 == 0 {
				c := h.dial([]string{"commander", "east"}[i/5%2], hello())
				c.until("it is live", func() bool { return c.live })
				scope := c.welcome.Scope
				want := map[uint32]orb.Point{}
				h.board.Each(scope, func(mark uint32, e *board.Entry) { want[mark] = e.Point })
				if i%10 == 5 { // the east's room is made this instant
					if err := same(want, c.points); err != nil {
						t.Errorf("step %d: %v", i, err)
					}
				}
				for range 3 {
					c.until("a tick", func() bool { n := c.frames + c.ticks; _ = c.read(); return c.frames+c.ticks > n })
				}
				want = map[uint32]orb.Point{}
				h.board.Each(scope, func(mark uint32, e *board.Entry) { want[mark] = e.Point })
				if err := same(want, c.points); err != nil {
					t.Errorf("step %d, after ticks: %v", i, err)
				}
				_ = c.conn.Close()
			}
		}
	})
}

func TestAWorkerWhoseDutyEndedIsGoneWithinATick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, nil)
		synctest.Wait()
		h.worker(7, "张伟", east, time.Now(), at(0))
		c := h.dial("commander", hello())
		c.until("it is live", func() bool { return c.live })
		h.happen("duty.ended", east, map[string]any{"session": duty, "worker": 7, "name": "张伟"})
		start := time.Now()
		c.until("worker 7 is gone", func() bool { return len(c.points) == 0 })
		if took := time.Since(start); took > time.Second {
			t.Errorf("it took %v", took)
		}
		// What was under way when the duty ended changes nothing.
		h.board.Put([]fleet.Fix{fix(7, east, time.Now(), at(9))})
		c.until("two ticks have passed", func() bool { return c.ticks >= 2 })
		if len(c.points) != 0 {
			t.Error("a late fix brought a worker back who is off duty")
		}
	})
}

func TestASilentWorkerTurnsStaleThenOfflineOnTheScreen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, nil)
		synctest.Wait()
		h.worker(7, "张伟", east, time.Now(), at(0))
		c := h.dial("commander", hello())
		c.until("it is live", func() bool { return c.live })
		var seen []uint8
		stop := make(chan struct{})
		go func() {
			defer close(stop)
			for c.read() == nil {
				if p, ok := c.where(7); ok && (len(seen) == 0 || seen[len(seen)-1] != p.Presence) {
					seen = append(seen, p.Presence)
				}
			}
		}()
		time.Sleep(31 * time.Minute)
		h.board.SOS(7, true)
		time.Sleep(2 * time.Second)
		_ = c.conn.Close()
		<-stop
		if got := fmt.Sprint(seen); got != "[3 1 0 4]" {
			t.Errorf("presences were %v, want online, stale, offline, SOS", got)
		}
	})
}

func TestAWideViewIsBinsAndComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, nil)
		synctest.Wait()
		var entries []board.Entry
		for i := range 2500 {
			entries = append(entries, entry(int64(i+1), "张伟", east, time.Now(), orb.Point{114.2 + float64(i%50)*1e-3, 22.65 + float64(i/50)*1e-3}))
		}
		h.board.Load(entries)
		c := h.dial("commander", helloMessage{"hello", nil, view{Zoom: 11.6, Mode: "auto"}})
		c.until("it is live", func() bool { return c.live })
		total := func() (n int) {
			for _, b := range c.bins {
				n += int(b.Workers)
			}
			return n
		}
		if c.mode.Mode != "bins" || c.mode.Res != 8 || total() != 2500 || len(c.names) != 0 {
			t.Errorf("mode %+v, %d workers in %d bins, %d names", c.mode, total(), len(c.bins), len(c.names))
		}
		h.worker(9999, "李娜", west, time.Now(), orb.Point{114.4, 22.8})
		c.until("the new cell is counted", func() bool { return total() == 2501 })
		if err := c.conn.WriteJSON(map[string]any{"type": "view", "zoom": 15.1, "bbox": []float64{114, 22, 115, 23}}); err != nil {
			t.Fatal(err)
		}
		c.until("points are back", func() bool { return len(c.points) == 2501 })
		if c.mode.Mode != "points" {
			t.Errorf("mode %+v", c.mode)
		}
	})
}
