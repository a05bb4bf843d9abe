package main

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/patrol"
	"github.com/gridward/gridward/server/workday"
)

// fillPatrols gives every grid so many weeks, and every worker their days, of a
// size like real ones: 40 intervals a day.
func (l *loopHouse) fillPatrols(weeks int) {
	l.b.Helper()
	monday := patrol.Monday(workday.DayOf(time.Now()))
	week := patrol.WeekMeasure{Week: monday, WorkingDays: 5, Required: 3, Qualified: 2, State: patrol.Unmet, RuleVersion: "a1.p1.v1"}
	for i := range 7 {
		for h := patrol.AM; h <= patrol.PM; h++ {
			week.HalfDays = append(week.HalfDays, patrol.HalfOf{Day: monday + workday.Day(i), Half: h, Minutes: 121, Qualified: true, Worker: 7})
		}
	}
	day := patrol.DayMeasure{Grids: []patrol.GridShare{{Grid: 1}}, Called: []patrol.Called{}, Places: []patrol.PlaceDwell{}}
	for i := range 40 {
		day.Intervals = append(day.Intervals, patrol.Interval{From: int64(i) * 1000, To: int64(i+1) * 1000, Why: patrol.WhyOK, Counted: true})
	}
	text := func(v any) []byte {
		b, err := json.Marshal(v)
		if err != nil {
			l.b.Fatal(err)
		}
		return b
	}
	for _, s := range []struct {
		sql  string
		args []any
	}{
		{`INSERT INTO worker (region_id, org_id, role, code, name) SELECT g.region_id, g.org_id, 'grid_worker', 'B' || g.id || '-' || n, '压测' FROM grid_now g, generate_series(1, 4) n`, nil},
		{`INSERT INTO grid_assignment (grid_id, worker_id, role, valid_from) SELECT split_part(substr(code, 2), '-', 1)::bigint, id, 'worker', '2026-01-01' FROM worker WHERE code LIKE 'B%' ON CONFLICT DO NOTHING`, nil},
		{`INSERT INTO patrol_week (region_id, grid_id, week, working_days, required, qualified, state, workers, area_n, area_d, household_n, household_d, object_n, object_d, checkpoint_n, checkpoint_d,
		    visits, attempts, short_visits, found, in_ms, out_ms, distance_m, night, gap_ms, gaps, measure, rule_version, why, computed_at)
		  SELECT g.region_id, g.id, $1::date - 7 * n, 5, 3, 2, 'unmet', 5, 70, 90, 30, 300, 4, 9, 3, 5, 75, 6, 2, 4, 30000000, 900000, 21000, 1, 9000000, 3000, $2, 'a1.p1.v1', '{days}', now()
		  FROM grid_now g, generate_series(0, $3 - 1) n ON CONFLICT DO NOTHING`, []any{monday.String(), text(week), weeks}},
		{`INSERT INTO patrol_day (region_id, worker_id, day, am_ms, pm_ms, am_ok, pm_ok, twice, night, in_ms, out_ms, distance_m, fixes, visits, found, grid_ids, shares, measure, rule_version, digest, seq, why, computed_at)
		  SELECT w.region_id, w.id, $1::date - n, 7260000, 7260000, true, true, true, false, 14520000, 0, 7000, 2900, 9, 0, ARRAY[a.grid_id], $3, $2, 'a1.p1.v1', '\x00', 1, '{nightly}', now()
		  FROM worker w JOIN grid_assignment a ON a.worker_id = w.id AND a.role IN ('leader','worker'), generate_series(0, 7 * $4 - 1) n WHERE extract(isodow FROM $1::date - n) < 6 ON CONFLICT DO NOTHING`, []any{monday.String(), text(day), text(day.Grids), weeks}},
		{`ANALYZE patrol_week, patrol_day`, nil},
	} {
		if _, err := l.db.Pool.Exec(l.b.Context(), s.sql, s.args...); err != nil {
			l.b.Fatalf("%v\n%s", err, s.sql)
		}
	}
}

// The week of all grids, with half a year of history of five hundred workers
// behind it, from the request to the last byte.
func BenchmarkPatrolBoard(b *testing.B) {
	l := newLoopHouse(b)
	l.fillPatrols(26)
	var days int
	if err := l.db.Pool.QueryRow(b.Context(), `SELECT count(*) FROM patrol_day`).Scan(&days); err != nil {
		b.Fatal(err)
	}
	var took []time.Duration
	rows := 0
	read := func() {
		began := time.Now()
		req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, l.url+"/api/v1/patrol/board?limit=500", nil)
		if err != nil {
			b.Fatal(err)
		}
		req.Header.Set("Cookie", l.operator)
		res, err := l.client.Do(req)
		if err != nil {
			b.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil || res.StatusCode != http.StatusOK {
			b.Fatalf("%d %v %.200s", res.StatusCode, err, body)
		}
		took = append(took, time.Since(began))
		var answer struct{ Rows []json.RawMessage }
		if err := json.Unmarshal(body, &answer); err != nil {
			b.Fatal(err)
		}
		rows = len(answer.Rows)
	}
	var bare []time.Duration
	plain := func() { // what a board would read that kept no weeks: the days themselves
		began := time.Now()
		list, err := l.db.Pool.Query(b.Context(), `SELECT measure FROM patrol_day WHERE day BETWEEN date_trunc('week', $1::date) - interval '7 days' AND date_trunc('week', $1::date) - interval '1 day'`, workday.DayOf(time.Now()).String())
		if err != nil {
			b.Fatal(err)
		}
		n := 0
		var m patrol.DayMeasure
		if _, err := pgx.ForEachRow(list, []any{&m}, func() error { n += m.Qualified(); return nil }); err != nil {
			b.Fatal(err)
		}
		bare = append(bare, time.Since(began))
	}
	read()
	plain()
	took, bare = took[:0], bare[:0]
	for b.Loop() {
		for i := range 20 {
			read()
			if i%4 == 0 {
				plain()
			}
		}
	}
	slices.Sort(took)
	slices.Sort(bare)
	at := func(list []time.Duration, q float64) float64 { return float64(list[int(q*float64(len(list)-1))]) / 1e6 }
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(at(took, .5), "p50_ms")
	b.ReportMetric(at(took, .99), "p99_ms")
	b.ReportMetric(at(bare, .5), "days_ms")
	b.ReportMetric(at(bare, .5)/at(took, .5), "days/board")
	b.ReportMetric(float64(days), "days")
	b.Logf("%d grids, %d worker-days of 26 weeks behind them; 300 ms are asked for", rows, days)
}
