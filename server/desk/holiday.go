package desk

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/deadline"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/workday"
)

// PreviewHolidays says which of the scope's running clocks a list would move.
// It changes nothing. running is how many count down now.
func (d *Desk) PreviewHolidays(ctx context.Context, list workday.List, scope []string) (changed []incident.Change, running int, err error) {
	calendars, err := postgres.Calendars(ctx, d.db.Pool)
	if err != nil {
		return nil, 0, err
	}
	lists, err := postgres.HolidayLists(ctx, d.db.Pool)
	if err != nil {
		return nil, 0, err
	}
	with := []postgres.HolidayList{{List: list}}
	for _, l := range lists {
		if l.Year != list.Year {
			with = append(with, l)
		}
	}
	next := &incident.Terms{}
	if next.Calendars, err = postgres.MakeCalendars(calendars, with); err != nil {
		return nil, 0, err
	}
	open, err := postgres.OpenClocks(ctx, d.db.Pool, scope, false)
	if err != nil {
		return nil, 0, err
	}
	return next.Moves(open), len(open), nil
}

// ImportHolidays takes in the list of a year, over an older one. The clocks
// that stand on days it decides are moved by a job of the same transaction,
// case by case, so that nobody waits for all of them; moved is how many it
// will find.
func (d *Desk) ImportHolidays(ctx context.Context, list workday.List, trace postgres.HolidayImport, audit postgres.Audit) (out postgres.HolidayList, moved int, err error) {
	now := d.clock().UTC().Truncate(time.Microsecond)
	err = d.db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		version, err := postgres.PutHolidayList(ctx, tx, list, now)
		if err != nil {
			return err
		}
		t, err := postgres.ReadTerms(ctx, tx, now)
		if err != nil {
			return err
		}
		open, err := postgres.OpenClocks(ctx, tx, nil, true)
		if err != nil {
			return err
		}
		moved = len(t.Moves(open))
		trace.Year, trace.Version, trace.At, trace.Status, trace.Days, trace.Moved = list.Year, version, now, string(list.Status), len(list.Days), moved
		if err := postgres.NoteHolidayImport(ctx, tx, trace); err != nil {
			return err
		}
		audit.Detail = map[string]any{"version": version, "status": list.Status, "days": len(list.Days), "moved": moved}
		if err := postgres.WriteAudit(ctx, tx, audit); err != nil {
			return err
		}
		out = postgres.HolidayList{List: list, Version: version, ImportedAt: now}
		return deadline.Insert(ctx, tx, deadline.Recount{Year: list.Year, Version: version})
	})
	return out, moved, err
}

// Recount moves the running clocks that stood on days which a list has decided
// meanwhile, each in a transaction of its own, and says in how many cases one
// moved. Doing it again changes nothing.
func (d *Desk) Recount(ctx context.Context, year int) (moved int, err error) {
	cases, err := postgres.ProvisionalCases(ctx, d.db.Pool)
	if err != nil {
		return 0, err
	}
	for _, id := range cases {
		did, err := d.recount(ctx, id, fmt.Sprintf("%d 年放假安排公布，时限重算", year))
		if err != nil {
			return moved, err
		}
		if did {
			moved++
		}
	}
	return moved, nil
}

func (d *Desk) recount(ctx context.Context, id uuid.UUID, why string) (did bool, err error) {
	var region int64
	err = d.db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		did = false
		inc, err := postgres.LockIncident(ctx, tx, id)
		if err != nil {
			return err
		}
		now := d.clock().UTC().Truncate(time.Microsecond)
		t, on, pair, err := d.running(ctx, tx, &inc, now)
		if err != nil {
			return err
		}
		before := map[uuid.UUID]time.Time{}
		for _, c := range []*incident.Countdown{pair.Stage, pair.Case} {
			if c != nil {
				before[c.ID] = c.DueAt
			}
		}
		moved, settled := t.Recount(&inc, &pair, on, why, now)
		if err := postgres.PutClocks(ctx, tx, settled); err != nil {
			return err
		}
		if len(moved) == 0 {
			return postgres.ShowClocks(ctx, tx, inc) // what it stands on may have become certain
		}
		if err := keepClocks(ctx, tx, moved); err != nil {
			return err
		}
		sign, handle := orderDues(&inc)
		if err := postgres.MoveOrderDues(ctx, tx, inc.ID, sign, handle); err != nil {
			return err
		}
		old := before[moved[0].ID]
		done := incident.Done{Action: incident.DueMoved, Code: moved[0].Scope, Reason: why, OldDue: &old, NewDue: &moved[0].DueAt}
		var words []string
		for _, c := range moved {
			words = append(words, fmt.Sprintf("%s %s → %s", incident.StageNames()[c.Stage], shortTime(before[c.ID]), shortTime(c.DueAt)))
		}
		done.Note = strings.Join(words, "；")
		did, region = true, inc.Region
		return recordClock(ctx, tx, &inc, done)
	})
	if err == nil && did {
		d.ring(region)
	}
	return did, err
}

func shortTime(t time.Time) string { return t.In(incident.BusinessZone()).Format("2006-01-02 15:04") }
