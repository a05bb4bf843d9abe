package desk

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/journal"
	"github.com/gridward/gridward/server/postgres"
)

// dutyBody is the body of duty.started and duty.ended.
type dutyBody struct {
	Session uuid.UUID `json:"session"`
	Worker  int64     `json:"worker"`
	Name    string    `json:"name"`
	Purpose string    `json:"purpose"`
	Org     int64     `json:"org"`
	OrgName string    `json:"org_name"`
	Auto    bool      `json:"auto,omitempty"` // closed by silence, or reopened by late fixes
	At      time.Time `json:"at"`
}

// RecordTurn writes the start or end of a duty session into its region's
// journal, in the transaction that made it. It takes the region's row: call it
// last. Positions are no decision and never come here.
func RecordTurn(ctx context.Context, tx pgx.Tx, t postgres.Turn) error {
	kind := "duty.ended"
	if t.Started {
		kind = "duty.started"
	}
	s := t.Session
	e, err := journal.About(kind, s.ID.String(), s.OrgPath, 0, dutyBody{
		Session: s.ID, Worker: s.Worker, Name: t.Name, Purpose: s.Purpose, Org: s.Org, OrgName: t.OrgName, Auto: t.Auto, At: t.At.UTC(),
	})
	if err != nil {
		return err
	}
	_, err = postgres.AppendJournal(ctx, tx, s.Region, e)
	return err
}

// CloseSilent ends the sessions of which nothing was heard for silence, and
// returns them. The end is provisional: late fixes before an explicit end
// reopen a session.
func (d *Desk) CloseSilent(ctx context.Context, silence time.Duration) (turns []postgres.Turn, err error) {
	err = d.db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if turns, err = postgres.CloseStaleSessions(ctx, tx, d.clock(), silence); err != nil {
			return err
		}
		slices.SortStableFunc(turns, func(a, b postgres.Turn) int { return cmp.Compare(a.Session.Region, b.Session.Region) })
		for _, t := range turns {
			if err := RecordTurn(ctx, tx, t); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return turns, nil
}
