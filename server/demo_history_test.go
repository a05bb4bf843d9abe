package main

import (
	"testing"
	"time"

	"github.com/gridward/gridward/fixtures"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/pgtest"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/simulate"
	"github.com/gridward/gridward/server/workday"
)

// The demo's past: who patrolled, and where, is in the tables as if phones had sent it.
func TestTheDemoHasAPast(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	ctx := t.Context()
	street, err := fixtures.Street()
	if err != nil {
		t.Fatal(err)
	}
	if err := postgres.SeedStreet(ctx, db, street); err != nil {
		t.Fatal(err)
	}
	ground, err := simulate.Street()
	if err != nil {
		t.Fatal(err)
	}
	today := workday.DayOf(time.Now().In(incident.BusinessZone()))
	first, last := today-14, today-1
	began := time.Now()
	if err := postgres.EnterVisitObjects(ctx, db.Pool, first); err != nil {
		t.Fatal(err)
	}
	goals, err := postgres.PastGoals(ctx, db.Pool, first)
	if err != nil {
		t.Fatal(err)
	}
	items, err := postgres.InfoItems(ctx, db.Pool)
	if err != nil {
		t.Fatal(err)
	}
	maker := pastMaker{ground: ground, items: items, first: first, last: last, now: time.Now()}
	past, err := maker.make(ctx, street.People, goals)
	if err != nil {
		t.Fatal(err)
	}
	made := time.Since(began)
	n, err := postgres.AddPast(ctx, db, past)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d outings, %d fixes, %d visits, made in %v, written in %v", len(past.Outings), n, len(past.Visits), made, time.Since(began)-made)
	count := func(sql string, args ...any) (n int) {
		t.Helper()
		if err := db.Pool.QueryRow(ctx, sql, args...).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for sentence, c := range map[string]struct {
		sql         string
		least, most int
	}{
		"every outing is a session":         {`SELECT count(*) FROM duty_session WHERE source = 'history'`, len(past.Outings), len(past.Outings)},
		"every fix is there":                {`SELECT count(*) FROM fix`, n, n},
		"days the archive is not told of":   {`SELECT count(*) FROM (SELECT DISTINCT worker_id, (at AT TIME ZONE 'Asia/Shanghai')::date AS day FROM fix) f WHERE NOT EXISTS (SELECT FROM trail_day t WHERE t.worker_id = f.worker_id AND t.day = f.day AND t.dirty)`, 0, 0},
		"most fixes are in a grid":          {`SELECT count(grid_id) FROM fix`, n * 8 / 10, n},
		"who moved":                         {`SELECT count(DISTINCT worker_id) FROM fix`, 140, 160},
		"visits":                            {`SELECT count(*) FROM visit`, 2500, 6000},
		"all kinds of people but for a few": {`SELECT count(DISTINCT target_kind) FROM visit JOIN visit_kind k ON k.code = target_kind WHERE k.class <> 'place'`, 22, 22},
		"unmet in a hundred":                {`SELECT 100 * count(*) FILTER (WHERE outcome = 'no_one_home') / count(*) FROM visit WHERE method = 'onsite'`, 4, 9},
		"by telephone":                      {`SELECT count(*) FROM visit WHERE method = 'phone'`, 20, 500},
		"cases of ten thousand that count":  {`SELECT 10000 * (SELECT count(*) FROM visit_incident) / count(*) FROM visit_counted`, 400, 560},
		"no case is without its row":        {`SELECT count(*) FROM visit_incident x JOIN incident i ON i.id = x.incident_id WHERE i.source = 'visit' AND i.category <> ''`, count(`SELECT count(*) FROM visit_incident`), 1 << 30},
		"cases of the future":               {`SELECT count(*) FROM incident WHERE greatest(reported_at, closed_at, state_since) > now()`, 0, 0},
		"items of information":              {`SELECT count(DISTINCT item_code) FROM info_record`, 30, 33},
		"information without a visit":       {`SELECT count(*) FROM info_record WHERE visit_id IS NULL`, 100, 600},
		"leave":                             {`SELECT count(*) FROM leave`, 4, 10},
		"nobody is out on his leave":        {`SELECT count(*) FROM leave l JOIN duty_session s ON s.worker_id = l.worker_id AND (s.started_at AT TIME ZONE 'Asia/Shanghai')::date BETWEEN l.from_day AND l.to_day`, 0, 0},
		"workers do not visit 管控对象":         {`SELECT count(*) FROM visit v JOIN worker w ON w.id = v.worker_id WHERE v.sensitive AND w.role <> 'grid_leader'`, 0, 0},
		"visits are near what they visit":   {`SELECT count(*) FROM visit WHERE distance_m > 60`, 0, 20},
		"doubtful in a hundred":             {`SELECT 100 * count(*) FILTER (WHERE verified = 'doubtful') / count(*) FROM visit`, 0, 12},
		"visited once a day":                {`SELECT count(*) FROM (SELECT FROM visit WHERE method = 'onsite' GROUP BY target_id, (arrived_at AT TIME ZONE 'Asia/Shanghai')::date HAVING count(*) > 1) x`, 0, 0},
	} {
		if got := count(c.sql); got < c.least || got > c.most {
			t.Errorf("%s: %d, want %d to %d", sentence, got, c.least, c.most)
		}
	}
	some, err := postgres.AnyPast(ctx, db.Pool)
	if err != nil || !some {
		t.Error("there is no past", err)
	}
}
