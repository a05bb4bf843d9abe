package board

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gridward/gridward/server/fleet"
)

// truth is a database that can be away.
type truth struct {
	mu     sync.Mutex
	away   bool
	people []fleet.Person
	rows   []fleet.Standing
	at     []time.Time // when each row changed
	duties []fleet.OnDuty
	asked  int
	since  time.Time
}

func (d *truth) source() Source {
	ask := func() error {
		if d.away {
			return errors.New("away")
		}
		return nil
	}
	return Source{
		People: func(context.Context) ([]fleet.Person, error) {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.asked++
			return d.people, ask()
		},
		Fixes: func(_ context.Context, since time.Time) (rows []fleet.Standing, seen time.Time, err error) {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.since, seen = since, since
			for i, r := range d.rows {
				if !d.at[i].Before(since) {
					rows = append(rows, r)
				}
				if d.at[i].After(seen) {
					seen = d.at[i]
				}
			}
			return rows, seen, ask()
		},
		Duties: func(context.Context) ([]fleet.OnDuty, error) {
			d.mu.Lock()
			defer d.mu.Unlock()
			return d.duties, ask()
		},
	}
}

func (d *truth) change(f func()) { d.mu.Lock(); defer d.mu.Unlock(); f() }

func (d *truth) add(f fleet.Fix) {
	d.rows, d.at = append(d.rows, fleet.Standing{Fix: f, StillSince: f.At}), append(d.at, time.Now())
}

// What nobody told the board, healing brings; what ended, it takes away; while
// the database is away the board stays as it is.
func TestTheBoardHeals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &truth{people: []fleet.Person{{ID: 1, Name: "张伟", Kind: "person"}, {ID: 9, Kind: "vehicle"}}}
		d.duties = []fleet.OnDuty{{Worker: 1, Session: patrol}}
		d.add(fix(1, 0))
		d.add(fix(9, 0))
		d.add(fix(2, 0)) // off duty: only a row
		b := New(time.Now)
		h := b.Heal(d.source(), 5*time.Second)
		if err := h.Fill(t.Context()); err != nil {
			t.Fatal(err)
		}
		shown := func(workers ...int64) {
			t.Helper()
			for _, w := range workers {
				if _, ok := b.Get(w); !ok {
					t.Errorf("worker %d is not shown", w)
				}
			}
			if n, _ := b.Size(); n != len(workers) {
				t.Errorf("%d are shown, not %d", n, len(workers))
			}
		}
		shown(1, 9)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- h.Run(ctx, slog.New(slog.DiscardHandler)) }()

		d.change(func() { d.add(fix(1, 30)) })
		time.Sleep(6 * time.Second)
		if e, _ := b.Get(1); !e.At.Equal(noon.Add(30 * time.Second)) {
			t.Errorf("worker 1 stands at %v", e.At)
		}

		d.change(func() { d.away, d.duties = true, nil })
		time.Sleep(time.Minute)
		shown(1, 9)
		d.change(func() { d.away = false })
		time.Sleep(6 * time.Second)
		shown(9)

		// A worker hired a moment ago reports before anybody knows the name.
		d.change(func() { d.people = append(d.people, fleet.Person{ID: 3, Kind: "person"}) })
		b.On(3, patrol)
		b.Put([]fleet.Fix{fix(3, 40)})
		d.change(func() { d.duties = []fleet.OnDuty{{Worker: 3, Session: patrol}} })
		time.Sleep(1100 * time.Millisecond)
		shown(3, 9)

		// One whom nobody ever will know does not make us ask without pause.
		d.change(func() { d.asked = 0; d.duties = append(d.duties, fleet.OnDuty{Worker: 77, Session: patrol}) })
		for s := range 100 {
			b.Put([]fleet.Fix{fix(77, s)})
			time.Sleep(100 * time.Millisecond)
		}
		d.change(func() {
			if d.asked > 11 {
				t.Errorf("asked %d times in ten seconds", d.asked)
			}
			if gap := time.Since(d.since); d.since.IsZero() || gap < overlap {
				t.Errorf("asked for rows since %v", d.since)
			}
		})
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if _, held := b.Size(); held > 5 {
			t.Errorf("%d slots are held", held)
		}
	})
}
