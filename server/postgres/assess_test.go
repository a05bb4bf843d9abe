package postgres_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gridward/gridward/server/assess"
	"github.com/gridward/gridward/server/metric"
	"github.com/gridward/gridward/server/pgtest"
	"github.com/gridward/gridward/server/postgres"
)

// What is counted for a grid and for a department are the cases that a slow and
// plain reading of all of them finds.
func TestAssessedCasesAreThoseOfAPlainReading(t *testing.T) {
	t.Parallel()
	w := newTown(t, 600)
	from, to := w.now.AddDate(0, 0, -30), w.now.AddDate(0, 0, -3)
	street, team, squad := w.org["明湖街道"], w.org["执法队"], w.org["执法一中队"]
	for _, c := range []struct {
		item    assess.Item
		level   assess.Level
		subject int64
		whose   func(pgtest.Case) bool
	}{
		{assess.Item{Source: "grid_on_time"}, assess.Grid, 7, func(c pgtest.Case) bool { return c.GridID != nil && *c.GridID == 7 }},
		{assess.Item{Source: "grid_on_time", Tiers: []int16{1, 2}}, assess.Grid, 7, func(c pgtest.Case) bool {
			return c.GridID != nil && *c.GridID == 7 && c.Tier != nil && *c.Tier <= 2
		}},
		{assess.Item{Source: "grid_closed"}, assess.Grid, 7, func(c pgtest.Case) bool { return c.GridID != nil && *c.GridID == 7 }},
		{assess.Item{Source: "grid_self"}, assess.Grid, 7, func(c pgtest.Case) bool {
			return c.GridID != nil && *c.GridID == 7 && c.Tier != nil && *c.Tier == 1
		}},
		{assess.Item{Source: "grid_rework"}, assess.Grid, 7, func(c pgtest.Case) bool { return c.GridID != nil && *c.GridID == 7 }},
		{assess.Item{Source: "grid_satisfied"}, assess.Grid, 7, func(c pgtest.Case) bool { return c.GridID != nil && *c.GridID == 7 }},
		{assess.Item{Source: "dept_on_time", Tiers: []int16{1}}, assess.Department, team, func(c pgtest.Case) bool { // always of tier 3, whatever a template says
			return c.Handler != nil && (*c.Handler == team || *c.Handler == squad) && c.Tier != nil && *c.Tier == 3
		}},
		{assess.Item{Source: "dept_rework"}, assess.Department, team, func(c pgtest.Case) bool {
			return c.Handler != nil && (*c.Handler == team || *c.Handler == squad) && c.Tier != nil && *c.Tier == 3
		}},
	} {
		m, _ := assess.MeasureByCode(c.item.Source)
		var n, d int64
		for _, one := range w.cases {
			at := one.CaseDue
			if m.Cohort == metric.ByClose {
				at = one.ClosedAt
			}
			if one.RegionID != street || at == nil || at.Before(from) || !at.Before(to) || !c.whose(one) {
				continue
			}
			if a := (metric.Alike{Tally: bits(one)}); m.Under.Fits(a) {
				d++
				if m.Over.Fits(a) {
					n++
				}
			}
		}
		got, err := postgres.CountAssessed(t.Context(), w.db.Pool, postgres.AssessCount{Region: street, From: from, To: to, Now: w.now, Item: c.item, Subjects: []int64{c.subject}})
		if err != nil {
			t.Fatal(err)
		}
		if want := (assess.Figure{N: assess.Whole(n), D: assess.Whole(d)}); got[c.subject] != want || d == 0 {
			t.Errorf("%s of %d: %v, want %v", c.item.Source, c.subject, got[c.subject], want)
		}
	}
}

// The measures that are no cases, each by hand.
func TestAssessedThingsByHand(t *testing.T) {
	t.Parallel()
	w := newTown(t, 4)
	ctx, street, dept, squad := t.Context(), w.org["明湖街道"], w.org["执法队"], w.org["执法一中队"]
	exec := func(sql string, args ...any) {
		t.Helper()
		if _, err := w.db.Pool.Exec(ctx, sql, args...); err != nil {
			t.Fatal(err)
		}
	}
	one := func(sql string, args ...any) (id int64) {
		t.Helper()
		if err := w.db.Pool.QueryRow(ctx, sql, args...).Scan(&id); err != nil {
			t.Fatal(err)
		}
		return id
	}
	at := func(day, hour int) time.Time { return time.Date(2026, 10, day, hour-8, 0, 0, 0, time.UTC) }
	from, to, now := at(1, 0), at(32, 0), at(40, 0)
	grid := one(`INSERT INTO grid (region_id, org_id, code) VALUES ($1, $2, '990101001001001') RETURNING id`, street, w.org["东湖社区"])
	guide := one(`INSERT INTO worker (region_id, org_id, role, code, name) VALUES ($1, $1, 'grid_guide', 'ZD9', '某人') RETURNING id`, street)
	idle := one(`INSERT INTO worker (region_id, org_id, role, code, name) VALUES ($1, $1, 'grid_guide', 'ZD8', '某人') RETURNING id`, street)
	account := one(`INSERT INTO account (login, name, password_hash) VALUES ('a', 'a', '-') RETURNING id`)

	// Orders: signed in time, too late, not at all; returned for good; returned and given again; recalled; of another tier.
	order := func(incident uuid.UUID, seq int, org int64, state string, issued time.Time, signed *time.Time, due *time.Time) {
		exec(`INSERT INTO dispatch_order (id, region_id, incident_id, seq, mode, org_id, state, issued_at, signed_at, sign_due) VALUES ($1, $2, $3, $4, 'lead', $5, $6, $7, $8, $9)`, uuid.New(), street, incident, seq, org, state, issued, signed, due)
	}
	kase := func(tier int) uuid.UUID {
		id := uuid.New()
		exec(`INSERT INTO incident (id, region_id, case_no, title, org_id, address, reported_at, updated_at, tier) VALUES ($1, $2, $3, '某事', $4, '某路', $5, $5, $6)`, id, street, id.String()[:12], w.org["东湖社区"], at(2, 9), tier)
		return id
	}
	p := func(t time.Time) *time.Time { return &t }
	order(kase(3), 1, dept, "done", at(5, 9), p(at(5, 23)), nil)             // the same day
	order(kase(3), 1, squad, "done", at(5, 9), p(at(6, 1)), nil)             // after midnight; below the department
	order(kase(3), 1, dept, "handling", at(5, 9), p(at(6, 9)), p(at(6, 12))) // within a limit of its own
	order(kase(3), 1, dept, "pending", at(5, 9), nil, nil)                   // never
	order(kase(3), 1, dept, "returned", at(5, 9), nil, nil)                  // rightly: not its own
	order(kase(2), 1, dept, "done", at(5, 9), nil, nil)                      // not of tier 3
	order(kase(3), 1, dept, "recalled", at(5, 9), nil, nil)                  // taken back
	again := kase(3)
	order(again, 1, dept, "returned", at(7, 9), nil, nil)          // and wrongly so:
	order(again, 2, squad, "done", at(8, 9), p(at(8, 10)), nil)    // it came back
	order(kase(3), 1, dept, "done", at(31, 9), p(at(31, 10)), nil) // signed on the last day

	for i, grade := range []int{5, 4, 3, 1, 5} { // the last is a drill
		id := uuid.New()
		exec(`INSERT INTO whistle (id, region_id, no, kind, drill, org_id, raised_by, raised_at, reason, address) SELECT $1, $2, $3, (SELECT kind FROM whistle_rule LIMIT 1), $4, $5, $6, $7, '某事', '某路'`, id, street, fmt.Sprint("CS", i), i == 4, w.org["东湖社区"], account, at(3, 9))
		exec(`INSERT INTO whistle_department (whistle_id, org_id, state, rated_at, grade) VALUES ($1, $2, 'rated', $3, $4)`, id, dept, at(9+i, 9), grade)
	}

	for i, when := range []time.Time{at(3, 9), at(3, 15), at(4, 9), at(6, 9), at(33, 9)} { // three days, and one of November
		exec(`INSERT INTO duty_session (id, region_id, worker_id, org_id, purpose, started_at, ended_at) VALUES ($1, $2, $3, $2, 'patrol', $4, $5)`, uuid.New(), street, guide, when, when.Add(time.Duration(i+1)*time.Hour))
	}

	for i, verified := range []string{"auto_ok", "doubtful", "rejected", "manual_ok", "auto_ok"} { // a doubt is no untruth
		exec(`INSERT INTO visit (id, region_id, worker_id, org_id, grid_id, target_kind, target_name, arrived_at, left_at, method, outcome, verified, decided_why, client_id, received_at) VALUES ($1, $2, $3, $4, $5, 'household', '某户', $6, $6, 'onsite', 'normal', $7, '核对过', $8, $6)`,
			uuid.New(), street, guide, w.org["东湖社区"], grid, at(10+i, 9), verified, fmt.Sprint(i))
	}

	exec(`UPDATE visit_plan SET valid_to = '2026-01-01', valid_from = '2025-01-01' WHERE aim = 'clear'`)
	exec(`INSERT INTO visit_plan (aim, name, items, cycle_n, cycle_unit, valid_from) VALUES ('clear', '清', '{AQ-01,CJ-01,ZZ-02}', 1, 'month', '2026-01-01'), ('clear', '明', '{ZZ-03}', 1, 'quarter', '2026-01-01')`)
	for i, r := range []struct {
		item string
		at   time.Time
	}{{"AQ-01", at(20, 9)}, {"CJ-01", at(-40, 9)}, {"ZZ-03", at(-40, 9)}, {"ZZ-02", at(34, 9)}} { // in time; too old for a month; within a quarter; only afterwards
		exec(`INSERT INTO info_record (id, region_id, org_id, grid_id, worker_id, item_code, at, received_at, client_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8)`, uuid.New(), street, w.org["东湖社区"], grid, guide, r.item, r.at, fmt.Sprint(i))
	}

	var period int64
	if err := w.db.Pool.QueryRow(ctx, `INSERT INTO assess_period (region_id, kind, label, from_at, to_at, opened_at, opened_name) VALUES ($1, 'month', '2026-10', $2, $3, $2, '某人') RETURNING id`, street, from, to).Scan(&period); err != nil {
		t.Fatal(err)
	}
	for sentence, c := range map[string]struct {
		source   string
		level    assess.Level
		subjects []int64
		subject  int64
		n, d     int64 // -1: nothing at all
	}{
		"signed in time: four of seven":               {"sign_rate", assess.Department, []int64{dept}, dept, 4, 7},
		"one return of eight was improper":            {"wrong_return", assess.Department, []int64{dept}, dept, 1, 8},
		"two of four rated it good":                   {"grid_rating", assess.Department, []int64{dept}, dept, 2, 4},
		"three days of eight":                         {"onsite_days", assess.Guide, []int64{guide, idle}, guide, 3, 8},
		"who keeps no duty has no such days":          {"onsite_days", assess.Guide, []int64{guide, idle}, idle, -1, -1},
		"one of five visits was rejected by somebody": {"visit_validity", assess.Grid, []int64{grid}, grid, 1, 5},
		"three of four items are known":               {"info_complete", assess.Grid, []int64{grid}, grid, 3, 4},
		"two of those three are recent enough":        {"info_timely", assess.Grid, []int64{grid}, grid, 2, 3},
		"no week was measured":                        {"quota", assess.Grid, []int64{grid}, grid, -1, -1},
		"nothing of another department":               {"sign_rate", assess.Department, []int64{w.org["应急办"]}, w.org["应急办"], -1, -1},
	} {
		ask := postgres.AssessCount{Region: street, From: from, To: to, Now: now, Item: assess.Item{Code: sentence, Source: c.source, Target: 8}, Subjects: c.subjects}
		want, there := assess.Figure{N: assess.Whole(c.n), D: assess.Whole(c.d)}, c.d >= 0
		got, err := postgres.CountAssessed(ctx, w.db.Pool, ask)
		if err != nil {
			t.Fatalf("%s: %v", sentence, err)
		}
		if f, ok := got[c.subject]; ok != there || ok && f != want {
			t.Errorf("%s: %v", sentence, f)
		}
		// What is kept comes to the same, and can be listed.
		ask.Keep = &postgres.AssessKeep{Period: period, Level: c.level}
		if got, err = postgres.CountAssessed(ctx, w.db.Pool, ask); err != nil {
			t.Fatalf("%s: %v", sentence, err)
		}
		if f, ok := got[c.subject]; ok != there || ok && f != want {
			t.Errorf("%s, kept: %v", sentence, f)
		}
		m, _ := assess.MeasureByCode(c.source)
		list, err := postgres.ThingsBehind(ctx, w.db.Pool, postgres.AssessThings{Period: period, Level: c.level, Subject: c.subject, Item: sentence, Unit: m.Unit, Limit: 100})
		if err != nil {
			t.Fatalf("%s: %v", sentence, err)
		}
		var n, d int64
		for _, x := range list {
			n, d = n+x.N, d+x.D
		}
		if there && (n != c.n || d != c.d) || !there && len(list) > 0 {
			t.Errorf("%s: the list comes to %d of %d", sentence, n, d)
		}
	}
}

// A grid counts that was in force for half of a period; a department stands for what is below it.
func TestWhoIsAssessed(t *testing.T) {
	t.Parallel()
	w := newTown(t, 1)
	ctx, street := t.Context(), w.org["明湖街道"]
	from, to := time.Date(2026, 9, 30, 16, 0, 0, 0, time.UTC), time.Date(2026, 10, 31, 16, 0, 0, 0, time.UTC)
	half := from.Add(to.Sub(from) / 2)
	grid := func(code string, spans ...any) int64 { // from, to, execution …
		var id int64
		if err := w.db.Pool.QueryRow(ctx, `INSERT INTO grid (region_id, org_id, code) VALUES ($1, $2, $3) RETURNING id`, street, w.org["东湖社区"], code).Scan(&id); err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(spans); i += 3 {
			if _, err := w.db.Pool.Exec(ctx, `INSERT INTO grid_version (grid_id, version, name, setting, is_execution, geom, label_point, area_m2, valid_from, valid_to) VALUES ($1, $2, $3, 'urban', $4, ST_Multi(ST_MakeEnvelope(114, 22, 114.1, 22.1, 4326)), ST_SetSRID(ST_MakePoint(114.05, 22.05), 4326), 1, $5, $6)`,
				id, i/3+1, code, spans[i+2], spans[i], spans[i+1]); err != nil {
				t.Fatal(err)
			}
		}
		return id
	}
	long := from.AddDate(-1, 0, 0)
	want := map[int64]bool{
		grid("990101001001001", long, nil, true):                                     true,
		grid("990101001001002", half, nil, true):                                     true,  // exactly half
		grid("990101001001003", half.Add(time.Second), nil, true):                    false, // a second less
		grid("990101001001004", long, from.AddDate(0, 0, 10), true, half, nil, true): true,  // in two stretches
		grid("990101001001005", long, half, false, half.Add(time.Hour), nil, true):   false, // was no execution grid before
	}
	grid("990101001001006", long, nil, false) // none at all
	grid("990101001001007", to, nil, true)    // afterwards
	grid("990101001001008", long, from, true) // before
	list, err := postgres.AssessGrids(ctx, w.db.Pool, street, from, to)
	if err != nil {
		t.Fatal(err)
	}
	got := map[int64]bool{}
	for _, s := range list {
		got[s.Key] = assess.Half(s.InForce, from, to)
	}
	if len(got) != len(want) {
		t.Errorf("%d grids, want %d", len(got), len(want))
	}
	for id, counts := range want {
		if got[id] != counts {
			t.Errorf("grid %d counts: %v", id, got[id])
		}
	}
	depts, err := postgres.AssessOrgs(ctx, w.db.Pool, street, []string{"department"}, from, to)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, d := range depts {
		names = append(names, d.Name)
	}
	if !slices.Equal(names, []string{"执法队", "应急办"}) {
		t.Errorf("departments: %v", names)
	}
}
