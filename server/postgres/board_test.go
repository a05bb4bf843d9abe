package postgres_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/fleet"
	"github.com/gridward/gridward/server/pgtest"
	"github.com/gridward/gridward/server/postgres"
)

func TestTheBoardIsReadBack(t *testing.T) {
	db := pgtest.New(t)
	ctx := t.Context()
	var org, worker, device int64
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(db.Pool.QueryRow(ctx, `INSERT INTO org (region_id, path, code, kind, name) VALUES (1, '1.', '1', 'street', '明湖街道') RETURNING id`).Scan(&org))
	_, err := db.Pool.Exec(ctx, `INSERT INTO region (id) VALUES ($1)`, org)
	must(err)
	must(db.Pool.QueryRow(ctx, `INSERT INTO worker (region_id, org_id, code, name) VALUES ($1, $1, 'w1', '张伟') RETURNING id`, org).Scan(&worker))
	must(db.Pool.QueryRow(ctx, `INSERT INTO device (region_id, worker_id, ident, protocol, interval_s, priority) VALUES ($1, $2, 'd1', 'osmand', 15, 3) RETURNING id`, org, worker).Scan(&device))
	session := uuid.MustParse("01990000-0000-7000-8000-000000000001")
	at := time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC)
	_, err = db.Pool.Exec(ctx, `INSERT INTO duty_session (id, region_id, worker_id, org_id, purpose, started_at) VALUES ($1, $2, $3, $2, 'patrol', $4)`, session, org, worker, at)
	must(err)
	_, err = db.Pool.Exec(ctx, `INSERT INTO last_fix (region_id, worker_id, device_id, org_id, at, received_at, session_id, flags, speed, still_since, geom, updated_at)
		VALUES ($1, $2, $3, $1, $4, $4, $5, 64, 1.5, $6, $7, $8)`, org, worker, device, at, session, at.Add(-time.Hour), orb.Point{114.2, 22.7}, at.Add(time.Second))
	must(err)
	_, err = db.Pool.Exec(ctx, `INSERT INTO shift (worker_id, org_id, starts_at, ends_at) VALUES ($1, $2, now() - interval '1 hour', now() + interval '1 hour'), ($1, $2, now() - interval '9 hours', now() - interval '8 hours')`, worker, org)
	must(err)
	_, err = db.Pool.Exec(ctx, `INSERT INTO sos (id, region_id, worker_id, at, state) VALUES ($1, $2, $3, now(), 'acked')`, session, org, worker)
	must(err)

	people, err := postgres.BoardPeople(ctx, db.Pool)
	must(err)
	if len(people) != 1 || people[0] != (fleet.Person{ID: worker, Name: "张伟", Role: "grid_worker", Kind: "person", OrgName: "明湖街道"}) {
		t.Errorf("people %+v", people)
	}

	fixes, seen, err := postgres.BoardFixes(ctx, db.Pool, time.Time{})
	must(err)
	if len(fixes) != 1 || !seen.Equal(at.Add(time.Second)) {
		t.Fatalf("%d fixes, seen %v", len(fixes), seen)
	}
	f := fixes[0]
	if f.Worker != worker || f.Session != session || f.Point != (orb.Point{114.2, 22.7}) || f.OrgPath != "1." || f.Interval != 15*time.Second || f.Priority != 3 ||
		f.Speed != 1.5 || f.Accuracy == f.Accuracy || f.Flags != fleet.Inaccurate || f.Battery != -1 || !f.StillSince.Equal(at.Add(-time.Hour)) {
		t.Errorf("fix %+v", f)
	}
	if again, _, err := postgres.BoardFixes(ctx, db.Pool, seen.Add(time.Microsecond)); err != nil || len(again) != 0 {
		t.Errorf("%d fixes after the newest, %v", len(again), err)
	}

	duties, err := postgres.BoardDuties(ctx, db.Pool)
	must(err)
	var got struct{ session, shift, sos int }
	for _, d := range duties {
		switch {
		case d.Session == session:
			got.session++
		case d.Shift:
			got.shift++
		case d.SOS:
			got.sos++
		}
	}
	if len(duties) != 3 || got.session != 1 || got.shift != 1 || got.sos != 1 {
		t.Errorf("duties %+v", duties)
	}
	_, err = db.Pool.Exec(ctx, `UPDATE duty_session SET ended_at = started_at; `)
	must(err)
	_, err = db.Pool.Exec(ctx, `UPDATE sos SET state = 'closed'`)
	must(err)
	if duties, err := postgres.BoardDuties(ctx, db.Pool); err != nil || len(duties) != 1 || !duties[0].Shift {
		t.Errorf("after the end: %+v, %v", duties, err)
	}
}
