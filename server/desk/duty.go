package desk

import (
	"context"
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
