package board

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/gridward/gridward/server/fleet"
)

// Source is the truth that the board is a cache of.
type Source struct {
	// People returns everybody who may be drawn, by worker.
	People func(ctx context.Context) ([]fleet.Person, error)
	// Fixes returns the newest fix of every worker whose row changed at or
	// after the instant (zero = all), and the newest change it saw.
	Fixes func(ctx context.Context, since time.Time) ([]fleet.Standing, time.Time, error)
	// Duties returns every reason for being drawn, as of now.
	Duties func(ctx context.Context) ([]fleet.OnDuty, error)
}

// overlap is how far a healing pass reaches back behind the newest change seen:
// a row is dated when its transaction begins and shows when it commits.
const overlap = 15 * time.Second

// Healer corrects a board from its source.
type Healer struct {
	board *Board
	from  Source
	every time.Duration
	seen  time.Time
	named time.Time
}

// Heal returns a healer that corrects b from the source every so often.
func (b *Board) Heal(from Source, every time.Duration) *Healer {
	return &Healer{board: b, from: from, every: every}
}

// Fill reads everything. Call it before the first reader.
func (h *Healer) Fill(ctx context.Context) error {
	h.seen, h.named = time.Time{}, time.Time{}
	return h.pass(ctx)
}

// Run heals until ctx ends. A database that is away is a board that is only as
// good as its last news: it is logged once per outage and tried again.
func (h *Healer) Run(ctx context.Context, log *slog.Logger) error {
	tick := time.NewTicker(h.every)
	defer tick.Stop()
	away := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-h.board.stranger:
			h.named = time.Time{}
		}
		switch err := h.pass(ctx); {
		case err == nil && away:
			log.Info("the board is being healed again")
			away = false
		case err != nil && !away && ctx.Err() == nil:
			log.Warn("the board cannot be healed", "error", err)
			away = true
		}
		// A worker nobody knows must not make us ask without pause.
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// pass corrects the board once.
func (h *Healer) pass(ctx context.Context) error {
	start := h.board.clock()
	if h.named.IsZero() || start.Sub(h.named) > time.Minute {
		people, err := h.from.People(ctx)
		if err != nil {
			return fmt.Errorf("heal the board: %w", err)
		}
		h.board.meet(people)
		h.named = start
	}
	duties, err := h.from.Duties(ctx)
	if err != nil {
		return fmt.Errorf("heal the board: %w", err)
	}
	h.board.settle(start, duties)
	since := h.seen
	if !since.IsZero() {
		since = since.Add(-overlap)
	}
	rows, seen, err := h.from.Fixes(ctx, since)
	if err != nil {
		return fmt.Errorf("heal the board: %w", err)
	}
	h.board.restore(rows)
	if seen.After(h.seen) {
		h.seen = seen
	}
	return nil
}

// meet learns who everybody is.
func (b *Board) meet(people []fleet.Person) {
	b.mu.Lock()
	defer b.mu.Unlock()
	known := make(map[int64]fleet.Person, len(people))
	for _, p := range people {
		known[p.ID] = p
	}
	b.people = known
	for _, s := range b.slots {
		b.judge(s)
	}
}

// settle replaces the reasons of every worker by the truth as it was at asOf.
// What was heard here after that instant stands.
func (b *Board) settle(asOf time.Time, duties []fleet.OnDuty) {
	b.mu.Lock()
	defer b.mu.Unlock()
	type reason struct {
		open       []uuid.UUID
		shift, sos bool
	}
	truth := make(map[int64]reason, len(duties))
	for _, d := range duties {
		r := truth[d.Worker]
		if d.Session != (uuid.UUID{}) {
			r.open = append(r.open, d.Session)
		}
		r.shift, r.sos = r.shift || d.Shift, r.sos || d.SOS
		truth[d.Worker] = r
		b.slot(d.Worker)
	}
	for worker, s := range b.slots {
		if s.touched.After(asOf) {
			continue
		}
		r, on := truth[worker]
		s.open, s.shift = r.open, r.shift
		if s.Calling != r.sos {
			s.Calling = r.sos
			b.mark(s)
		}
		b.judge(s)
		if !on && !s.drawn && !s.Vehicle() {
			b.forget(s)
		}
	}
}

// restore takes rows of last_fix. Unlike Put it gives no reason to be drawn:
// a row outlives the duty it was sent in.
func (b *Board) restore(rows []fleet.Standing) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range rows {
		r := &rows[i]
		s, ok := b.slots[r.Worker]
		if !ok {
			if !b.people[r.Worker].Vehicle() {
				continue
			}
			s = b.slot(r.Worker)
		}
		b.place(s, &r.Fix, r.StillSince)
		b.judge(s)
	}
}
