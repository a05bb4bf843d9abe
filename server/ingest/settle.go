package ingest

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/fleet"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/workday"
)

// settle counts what became of a job and calls for help where it did.
func (c *committer) settle(ctx context.Context, tx pgx.Tx, j *job, isNew func(*fleet.Fix) bool) error {
	seen := postgres.Seen{Device: j.dev.ID, At: j.at, Battery: -1, Client: j.batch.Client}
	for i := range j.fixes {
		f := &j.fixes[i]
		if f.Battery >= 0 {
			seen.Battery = f.Battery
		}
		if f.Worker == 0 {
			continue
		}
		if !isNew(f) {
			j.receipt.Duplicate++
			continue
		}
		j.receipt.Stored++
		if f.Flags&fleet.Late != 0 {
			j.receipt.Late++
		}
		if f.At.Unix() < c.midnight && f.Flags&fleet.OldClock == 0 {
			c.past[postgres.PatrolKey{Region: f.Region, Worker: f.Worker, Day: workday.DayOf(f.At)}] = true
		}
		if f.At.Before(j.at.Add(-postgres.LateAfter)) {
			c.came(f)
		}
		if f.At.After(seen.FixAt) && f.Flags&fleet.FutureClock == 0 {
			seen.FixAt = f.At
		}
		if f.Flags&(fleet.FutureClock|fleet.OldClock) == 0 && (seen.FirstAt.IsZero() || f.At.Before(seen.FirstAt)) {
			seen.FirstAt = f.At
		}
		if f.Flags&fleet.SOS != 0 {
			if err := c.call(ctx, tx, *f); err != nil {
				return err
			}
		}
	}
	for i := range j.lone {
		r := &j.lone[i]
		if r.Battery >= 0 {
			seen.Battery = r.Battery
		}
		if r.Flags&fleet.SOS == 0 {
			continue
		}
		f := fleet.Fix{Region: j.dev.Region, Worker: j.dev.Worker, Device: j.dev.ID, At: r.At, ReceivedAt: j.at, Source: j.batch.Source, Flags: r.Flags, Org: j.dev.Org, OrgPath: j.dev.OrgPath}
		if f.At.IsZero() {
			f.At = j.at
		}
		f.Point = orb.Point{math.NaN(), math.NaN()}
		if m := c.moved[j.dev.Worker]; m.known && j.at.Sub(m.last.At) < sosReach {
			f.Point, f.Accuracy = m.last.Point, m.last.Accuracy
		}
		if err := c.call(ctx, tx, f); err != nil {
			return err
		}
	}
	seen.Fixes, seen.Late = int64(j.receipt.Stored), int64(j.receipt.Late)
	c.saw(seen)
	if n := j.receipt.OffDuty; n > 0 {
		y, m, d := j.at.In(businessZone).Date()
		c.offDuty[postgres.OffDuty{Device: j.dev.ID, Day: time.Date(y, m, d, 0, 0, 0, 0, time.UTC)}] += int64(n)
	}
	return nil
}

func (c *committer) call(ctx context.Context, tx pgx.Tx, f fleet.Fix) error {
	c.called = append(c.called, call{f.Worker, f.At})
	if c.in.d.SOS == nil {
		return nil
	}
	if err := c.in.d.SOS(ctx, tx, f); err != nil {
		return fmt.Errorf("pass the SOS on: %w", err)
	}
	return nil
}

// saw adds to what is known of a device.
func (c *committer) saw(s postgres.Seen) {
	if i, ok := c.seen[s.Device]; ok {
		w := &c.wake.Seen[i]
		w.Fixes, w.Late = w.Fixes+s.Fixes, w.Late+s.Late
		if s.FixAt.After(w.FixAt) {
			w.FixAt = s.FixAt
		}
		if w.FirstAt.IsZero() || !s.FirstAt.IsZero() && s.FirstAt.Before(w.FirstAt) {
			w.FirstAt = s.FirstAt
		}
		if s.At.After(w.At) {
			w.At = s.At
		}
		if s.Battery >= 0 {
			w.Battery = s.Battery
		}
		if s.Client != "" {
			w.Client = s.Client
		}
		return
	}
	c.seen[s.Device] = len(c.wake.Seen)
	c.wake.Seen = append(c.wake.Seen, s)
}

// leave adds a worker's part to what the commit leaves behind.
func (c *committer) leave(m *mover) {
	if m.moved {
		c.wake.Last = append(c.wake.Last, m.last)
		c.placed = append(c.placed, m.last.Fix)
	}
	if m.closed != nil {
		c.wake.Changed = append(c.wake.Changed, *m.closed)
	}
	c.wake.Entered = append(c.wake.Entered, m.ended...)
	if m.over && m.stay.Grid != 0 {
		m.stay.LeftAt, m.stay.NextFixes, m.changed = m.stay.LastAt, 0, true
	}
	switch {
	case !m.changed || m.stay.Grid == 0:
	case m.stored:
		c.wake.Changed = append(c.wake.Changed, m.stay)
	default:
		c.wake.Entered = append(c.wake.Entered, m.stay)
	}
}

// after tells the house what is on disk now.
func (c *committer) after() {
	now := c.in.d.Clock()
	for _, call := range c.called {
		c.in.calls.note(call, now)
	}
	if len(c.placed) > 0 && c.in.d.Placed != nil {
		c.in.d.Placed(c.placed)
	}
	if len(c.turns) > 0 && c.in.d.Turned != nil {
		c.in.d.Turned(c.turns)
	}
}

// came notes a new fix of an hour that the archive may have already.
func (c *committer) came(f *fleet.Fix) {
	day := workerDay{f.Region, f.Worker, postgres.BusinessDay(f.At).Unix()}
	if at, ok := c.late[day]; !ok || f.At.Before(at) {
		c.late[day] = f.At
	}
}

// tellArchive tells it in the transaction that stores the fixes.
func (c *committer) tellArchive(ctx context.Context, tx pgx.Tx) error {
	late := make([]postgres.WorkerDay, 0, len(c.late))
	for day, at := range c.late {
		late = append(late, postgres.WorkerDay{Region: day.region, Worker: day.worker, Day: at})
	}
	return postgres.MarkTrails(ctx, tx, late)
}
