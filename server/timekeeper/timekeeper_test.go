package timekeeper

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/blob"
	"github.com/gridward/gridward/server/deadline"
	"github.com/gridward/gridward/server/desk"
	"github.com/gridward/gridward/server/pgtest"
	"github.com/gridward/gridward/server/postgres"
)

// A device's SOS is a job in the transaction of its fix; the keeper, with the
// rights of the serving role, makes it a call with an incident, and does the
// rounds by the clock.
func TestJobsThatRing(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	one := func(dest any, sql string, args ...any) {
		t.Helper()
		if err := db.Pool.QueryRow(t.Context(), sql, args...).Scan(dest); err != nil {
			t.Fatalf("%v: %s", err, sql)
		}
	}
	var worker int64
	street := pgtest.Street(t, db)
	one(&worker, `INSERT INTO worker (region_id, org_id, code, name) VALUES ($1, $1, 'W1', '赵一') RETURNING id`, street)
	photos, err := blob.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	called, closed := make(chan postgres.SOS, 10), make(chan struct{}, 10)
	keeper, err := New(Deps{
		DB: db, Desk: desk.New(db, photos, time.Now, func(int64) {}), Called: func(s postgres.SOS) { called <- s },
		CloseSessions: func(context.Context) (int, error) { closed <- struct{}{}; return 1, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- keeper.Run(ctx) }()

	at := time.Now().Add(-time.Second)
	p := orb.Point{114.2, 22.6}
	rolledBack := context.Canceled
	err = db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := deadline.Insert(ctx, tx, deadline.SOS{Region: street, Worker: 999, At: at}); err != nil {
			t.Fatal(err)
		}
		return rolledBack
	})
	if err != rolledBack {
		t.Fatal(err)
	}
	for range 2 { // the next fix of the same call comes at once
		if err := db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
			return deadline.Insert(ctx, tx, deadline.SOS{Region: street, Worker: worker, At: at, Point: &p})
		}); err != nil {
			t.Fatal(err)
		}
		at = at.Add(500 * time.Millisecond)
	}
	first, second := <-called, <-called
	if first.ID != second.ID || first.Worker != worker || first.State != "open" || first.Incident == nil || *first.Point != p {
		t.Errorf("%+v\n%+v", first, second)
	}
	<-closed
	// Nobody takes it: when the minute is over it is said, once, and by the journal.
	if _, err := db.Pool.Exec(t.Context(), `UPDATE river_job SET scheduled_at = now() WHERE kind = 'sos_unacked' AND state = 'scheduled'`); err != nil {
		t.Fatal(err)
	}
	for told := 0; told == 0; {
		select {
		case <-t.Context().Done():
			t.Fatal("nobody was told")
		case <-time.After(50 * time.Millisecond):
			one(&told, `SELECT count(*) FROM journal WHERE kind = 'sos.unacked' AND subject = $1`, first.ID.String())
		}
	}
	var jobs int
	one(&jobs, `SELECT count(*) FROM river_job WHERE kind = 'sos'`)
	if jobs != 2 {
		t.Errorf("%d jobs: one was set although its transaction was not committed", jobs)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
