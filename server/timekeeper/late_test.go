package timekeeper

import (
	"context"
	"testing"
	"time"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/desk"
	"github.com/gridward/gridward/server/pgtest"
	"github.com/gridward/gridward/server/postgres"
)

// Two nodes come back together after a day: the command that nobody
// acknowledged meanwhile rings once, by its job or by the round, whichever is first.
func TestALateAcknowledgementRingsOnceAfterARestart(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	street := pgtest.Street(t, db)
	account, err := postgres.InsertAccount(t.Context(), db.Pool, postgres.Account{Login: "z", Name: "赵一", PasswordHash: "-"})
	if err != nil {
		t.Fatal(err)
	}
	by := access.Principal{Account: account, Name: "赵一", Posts: []access.Post{{Org: street, Path: "1.", Region: street, Role: access.Commander}}}
	past := desk.New(db, nil, func() time.Time { return time.Now().AddDate(0, 0, -1) }, func(int64) {})
	due := time.Now().Add(-23 * time.Hour)
	c, err := past.SendCommand(t.Context(), by, desk.CommandDraft{Text: "立即上岗", AckDue: &due, Orgs: []int64{street}})
	if err != nil {
		t.Fatal(err)
	}
	rings := make(chan int64, 100)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 2)
	for range 2 {
		keeper, err := New(Deps{DB: db, Desk: desk.New(db, nil, time.Now, func(region int64) { rings <- region })})
		if err != nil {
			t.Fatal(err)
		}
		go func() { done <- keeper.Run(ctx) }()
	}
	<-rings
	worked(t, db, `SELECT count(*) FILTER (WHERE state <> 'completed') + CASE WHEN count(*) FILTER (WHERE kind = 'late_round') = 0 THEN 1 ELSE 0 END FROM river_job WHERE kind IN ('command_acks', 'late_round')`, stop, done)
	if kinds := kindsOf(t, db, c.ID.String()); kinds != "command.sent command.overdue " || len(rings) != 0 {
		t.Errorf("the journal says %q, %d rings too many", kinds, len(rings))
	}
}
