package timekeeper

import (
	"context"
	"testing"
	"time"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/deadline"
	"github.com/gridward/gridward/server/desk"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/pgtest"
	"github.com/gridward/gridward/server/postgres"

	"github.com/jackc/pgx/v5"
)

// Two nodes were away for a month and come back together: the clocks that ran
// out meanwhile ring once each, and only red; a list of holidays is worked off.
func TestClocksRingOnceAfterARestart(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	street := pgtest.Street(t, db)
	account, err := postgres.InsertAccount(t.Context(), db.Pool, postgres.Account{Login: "z", Name: "赵一", PasswordHash: "-"})
	if err != nil {
		t.Fatal(err)
	}
	by := access.Principal{Account: account, Name: "赵一", Posts: []access.Post{{Org: street, Path: "1.", Region: street, Role: access.Station}}}
	past := desk.New(db, nil, func() time.Time { return time.Now().AddDate(0, -1, 0) }, func(int64) {})
	inc, _, err := past.Report(t.Context(), by, incident.Draft{Title: "井盖缺失", Address: "明湖路"})
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
	<-rings // the stage's
	<-rings // the whole's
	if err := db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		return deadline.Insert(ctx, tx, deadline.Recount{Year: 2027, Version: 1})
	}); err != nil {
		t.Fatal(err)
	}
	worked(t, db, `SELECT count(*) FROM river_job WHERE kind IN ('clock', 'recount_clocks') AND state <> 'completed'`, stop, done)
	if kinds := kindsOf(t, db, inc.ID.String()); kinds != "incident.reported incident.overdue incident.overdue " || len(rings) != 0 {
		t.Errorf("the journal says %q, %d rings too many", kinds, len(rings))
	}
}

// worked waits until every job of the query has been worked, then ends the keepers.
func worked(t *testing.T, db *postgres.DB, open string, stop func(), done <-chan error) {
	t.Helper()
	for {
		var n int
		if err := db.Pool.QueryRow(t.Context(), open).Scan(&n); err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			break
		}
		select {
		case <-t.Context().Done():
			t.Fatalf("%d jobs are left", n)
		case <-time.After(50 * time.Millisecond):
		}
	}
	stop()
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// kindsOf are the kinds of a subject's entries in the journal, one after the other.
func kindsOf(t *testing.T, db *postgres.DB, subject string) string {
	t.Helper()
	entries, err := postgres.ReadJournalOf(t.Context(), db.Pool, subject, 100)
	if err != nil {
		t.Fatal(err)
	}
	kinds := ""
	for _, e := range entries {
		kinds += e.Kind + " "
	}
	return kinds
}
