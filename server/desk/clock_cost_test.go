package desk

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/pgtest"
	"github.com/gridward/gridward/server/postgres"
)

// trips counts what goes to the database and back.
type trips struct{ n atomic.Int64 }

func (c *trips) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	c.n.Add(1)
	return ctx
}
func (*trips) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}
func (c *trips) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	c.n.Add(1)
	return ctx
}
func (*trips) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}
func (*trips) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData)     {}
func (c *trips) TraceCopyFromStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceCopyFromStartData) context.Context {
	c.n.Add(1)
	return ctx
}
func (*trips) TraceCopyFromEnd(context.Context, *pgx.Conn, pgx.TraceCopyFromEndData) {}

// The clocks of a command cost three round trips, however many rules there
// are: what a node remembers is compared, not read.
func TestClocksCostThreeRoundTrips(t *testing.T) {
	t.Parallel()
	conf := pgtest.New(t).Pool.Config()
	count := &trips{}
	conf.ConnConfig.Tracer = count
	pool, err := pgxpool.NewWithConfig(t.Context(), conf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	db := &postgres.DB{Pool: pool}
	now := time.Date(2026, 3, 9, 2, 0, 0, 0, time.UTC)
	d := New(db, nil, func() time.Time { return now }, func(int64) {})
	street := pgtest.Street(t, db)
	if _, err := pool.Exec(t.Context(), `INSERT INTO sla_rule (stage, category, limit_n, limit_unit) SELECT 'handle', 'C' || n, 1, 'wd' FROM generate_series(1, 2000) n`); err != nil {
		t.Fatal(err)
	}
	states := []incident.State{"", incident.Reported, incident.Accepted, incident.Dispatched, incident.Handling, incident.Suspended, incident.Handling, incident.FedBack, incident.Checking, incident.Evaluating, incident.Closed}
	var took time.Duration
	turns := 0
	for round := range 3 {
		inc := incident.Incident{ID: uuid.New(), Region: street, CaseNo: fmt.Sprint(round), Version: 1, State: incident.Reported, Kind: "incident", Source: "patrol", Title: "井盖", Urgency: incident.Normal,
			Org: street, Address: "明湖路", SrcCRS: "wgs84", ReportedAt: now, UpdatedAt: now, StateSince: now, Sensitivity: "normal"}
		for i, to := range states[1:] {
			err := db.Tx(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
				if i == 0 {
					if err := postgres.InsertIncident(ctx, tx, inc); err != nil {
						return err
					}
				}
				left := inc
				left.State = states[i]
				inc.State = to
				before, start := count.n.Load(), time.Now()
				if err := d.setClocks(ctx, tx, &inc, left, now); err != nil {
					return err
				}
				if n := count.n.Load() - before; n > 3 && (round > 0 || i > 0) {
					t.Errorf("%s → %s: %d round trips", states[i], to, n)
				}
				if round > 0 {
					took += time.Since(start)
					turns++
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Logf("%s a transition, with 2,030 rules", took/time.Duration(turns))
}
