package postgres_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"github.com/gridward/gridward/fixtures"
	"github.com/gridward/gridward/server/pgtest"
	"github.com/gridward/gridward/server/postgres"
)

func TestProvisionTwiceIsOnce(t *testing.T) {
	db := pgtest.New(t)
	ctx := context.Background()
	if err := postgres.SeedStreet(ctx, db, street(t)); err != nil {
		t.Fatal(err)
	}
	const n = 400
	for round := range 2 {
		list, err := postgres.AddLoadWorkers(ctx, db.Pool, fixtures.StreetCode, n)
		if err != nil {
			t.Fatal(err)
		}
		var gear []postgres.Equipment
		var idents []string
		grids, cars := map[string]int{}, 0
		for i, s := range list {
			grids[s.Grid]++
			if s.Vehicle {
				cars++
			}
			ident := "load-" + s.Worker
			idents = append(idents, ident)
			gear = append(gear, postgres.Equipment{Worker: s.Worker, Ident: ident, Name: "负载测试", Protocol: "native", Interval: 5 * time.Second, Hash: sha256.Sum256(fmt.Appendf(nil, "%d/%d", round, i)), Prefix: "abcdef"})
		}
		if len(grids) != 119 || cars != n/20 {
			t.Errorf("spread over %d grids, %d cars", len(grids), cars)
		}
		if err := postgres.Equip(ctx, db.Pool, gear); err != nil {
			t.Fatal(err)
		}
		if err := postgres.OpenLoadSessions(ctx, db.Pool, idents, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	for what, want := range map[string]int{
		`SELECT count(*) FROM worker WHERE code LIKE 'LT-%' AND status = 'active'`:     n,
		`SELECT count(*) FROM device WHERE ident LIKE 'load-%'`:                        n,
		`SELECT count(*) FROM device WHERE ident LIKE 'load-%' AND duty = 'always'`:    n / 20,
		`SELECT count(*) FROM credential WHERE kind = 'device' AND revoked_at IS NULL`: n,
		`SELECT count(*) FROM duty_session WHERE source = 'load' AND ended_at IS NULL`: n - n/20,
	} {
		if got := count(t, db, what); got != want {
			t.Errorf("%s: %d, want %d", what, got, want)
		}
	}
	if err := postgres.RetireLoadWorkers(ctx, db.Pool, time.Now()); err != nil {
		t.Fatal(err)
	}
	for _, what := range []string{
		`SELECT count(*) FROM worker WHERE code LIKE 'LT-%' AND status = 'active'`, `SELECT count(*) FROM credential WHERE kind = 'device' AND revoked_at IS NULL`, `SELECT count(*) FROM duty_session WHERE ended_at IS NULL`,
	} {
		if got := count(t, db, what); got != 0 {
			t.Errorf("after all have left, %s: %d", what, got)
		}
	}
}

func TestFieldWorkersKnowTheirGrid(t *testing.T) {
	db := pgtest.New(t)
	ctx := context.Background()
	if err := postgres.SeedStreet(ctx, db, street(t)); err != nil {
		t.Fatal(err)
	}
	list, err := postgres.FieldWorkers(ctx, db.Pool, fixtures.StreetCode, 1000)
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 500 {
		t.Errorf("%d workers", len(list))
	}
	for _, s := range list {
		if s.Grid == "" {
			t.Errorf("%s answers for no grid", s.Worker)
		}
	}
	if err := postgres.AddReplayWorker(ctx, db.Pool, "nowhere", "replay-a", "a"); err == nil {
		t.Error("a worker of no organisation")
	}
	for range 2 {
		if err := postgres.AddReplayWorker(ctx, db.Pool, fixtures.StreetCode+"001", "replay-a", "a"); err != nil {
			t.Fatal(err)
		}
	}
	other := []postgres.Equipment{{Worker: list[0].Worker, Ident: "x", Protocol: "osmand", Hash: sha256.Sum256([]byte("1"))}}
	if err := postgres.Equip(ctx, db.Pool, other); err != nil {
		t.Fatal(err)
	}
	other[0].Worker, other[0].Hash = list[1].Worker, sha256.Sum256([]byte("2"))
	if err := postgres.Equip(ctx, db.Pool, other); err == nil {
		t.Error("took the device of another worker")
	}
}
