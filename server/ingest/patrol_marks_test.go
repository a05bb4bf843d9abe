package ingest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/gridward/gridward/geo/trail"
	"github.com/gridward/gridward/server/fleet"
	"github.com/gridward/gridward/server/ingest"
	"github.com/gridward/gridward/server/patrol"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/workday"
)

// The western grid is ben's from Wednesday on: ann's Wednesday loses its minutes
// and ben's gains them, Tuesday stays, and both verdicts are kept.
func TestAGridHandedOverChangesTheDaysFromThenOn(t *testing.T) {
	s := newPast(t)
	if got := s.weekOf(0); got != "2/3 of 5 days, nightly,days" {
		t.Fatalf("the week of the west before: %s", got)
	}
	s.exec(`UPDATE grid_assignment SET is_primary = false`)
	s.exec(`UPDATE grid_assignment SET valid_to = NULL WHERE valid_to IS NULL`)
	if got := s.marks(); len(got) != 0 {
		t.Fatalf("what changes nobody's days marks %q", got)
	}
	s.exec(`UPDATE grid_assignment SET valid_to = '2026-11-24' WHERE grid_id = $1`, s.grids[0])
	s.exec(`INSERT INTO grid_assignment (grid_id, worker_id, role, valid_from) VALUES ($1, $2, 'leader', '2026-11-25')`, s.grids[0], s.ben.Worker)
	if got := s.marks(); !slices.Equal(got, []string{"ann 2026-11-25 beat", "ben 2026-11-25 beat", "west 2026-11-23 beat"}) {
		t.Fatalf("marked: %q", got)
	}
	s.changed("beat", map[string][2]int{s.key(s.ann, s.wed): {0, 0}, s.key(s.ben, s.wed): {150, 0}})
	if got := s.weekOf(0); got != "2/3 of 5 days, beat,days" && got != "2/3 of 5 days, days,beat" {
		t.Errorf("the week of the west after: %s", got)
	}
	if n := s.count(`SELECT count(*) FROM patrol_week w, jsonb_array_elements(w.measure->'half_days') h WHERE w.grid_id = $1 AND (h->>'qualified')::boolean AND h->>'worker' = CASE h->>'day' WHEN '2026-11-24' THEN $2::text ELSE $3::text END`,
		s.grids[0], fmt.Sprint(s.ann.Worker), fmt.Sprint(s.ben.Worker)); n != 2 {
		t.Errorf("%d half-days, Tuesday's ann's and Wednesday's ben's", n)
	}
	history, err := postgres.Verdicts(t.Context(), s.db.Pool, postgres.PatrolKey{Region: s.region, Worker: s.ann.Worker, Day: s.wed})
	if err != nil || len(history) != 2 || history[0].PmMs != 150*60_000 || history[1].PmMs != 0 || !slices.Equal(history[1].Why, []string{"beat"}) {
		t.Errorf("history %+v, %v", history, err)
	}

	// it was a mistake: everything is as it was, and still on record
	s.exec(`DELETE FROM grid_assignment WHERE grid_id = $1 AND worker_id = $2`, s.grids[0], s.ben.Worker)
	s.exec(`UPDATE grid_assignment SET valid_to = NULL WHERE grid_id = $1`, s.grids[0])
	s.changed("beat", map[string][2]int{s.key(s.ann, s.wed): {0, 150}, s.key(s.ben, s.wed): {0, 0}})
	if n := s.count(`SELECT count(*) FROM patrol_verdict WHERE day = '2026-11-25'`); n != 6 {
		t.Errorf("%d verdicts of Wednesday, want three each", n)
	}
}

// A shift that is imported, moved or taken out changes the day it covers.
func TestAnImportedShiftChangesItsDay(t *testing.T) {
	s := newPast(t)
	cleo := s.device(fleet.DutySchedule)
	s.exec(`INSERT INTO grid_assignment (grid_id, worker_id, role, valid_from) VALUES ($1, $2, 'worker', '2026-01-01')`, s.grids[0], cleo.Worker)
	shift := func(from, to string) {
		s.exec(`INSERT INTO shift (worker_id, org_id, starts_at, ends_at) VALUES ($1, $2, ($3 || '+08')::timestamptz, ($4 || '+08')::timestamptz)
			ON CONFLICT (worker_id, starts_at) DO UPDATE SET ends_at = excluded.ends_at`, cleo.Worker, s.region, from, to)
	}
	for _, d := range []workday.Day{s.wed - 1, s.wed} {
		shift(d.String()+" 14:00", d.String()+" 16:30")
		var b ingest.Batch
		for i := range 301 {
			b.Reports = append(b.Reports, s.ago(s.clock().Sub(d.Start().Add(14*time.Hour+time.Duration(i)*30*time.Second)), -500+math.Abs(float64(i%40-20))*8))
		}
		s.sendAll(cleo, b)
	}
	s.round()
	if j := s.judged()[s.key(cleo, s.wed)]; j.Pm != 150*60_000 {
		t.Fatalf("Wednesday under its shift: %+v", j)
	}
	shift(s.wed.String()+" 14:00", s.wed.String()+" 16:30") // the same file again
	s.exec(`UPDATE shift SET org_id = org_id`)
	if n := s.count(`SELECT count(*) FROM patrol_dirty`); n != 0 {
		t.Fatalf("a shift that did not change marks %d days", n)
	}
	shift(s.wed.String()+" 14:00", s.wed.String()+" 15:30")
	s.changed("shift", map[string][2]int{s.key(cleo, s.wed): {0, 90}})
	s.exec(`DELETE FROM shift WHERE worker_id = $1 AND starts_at = '2026-11-25 14:00+08'`, cleo.Worker)
	s.changed("shift", map[string][2]int{s.key(cleo, s.wed): {0, 0}})
}

// A grid that is drawn anew on Wednesday, away from where ann walked.
func TestAGridDrawnAnewChangesTheDaysFromThenOn(t *testing.T) {
	s := newPast(t)
	s.exec(`UPDATE grid_version SET valid_to = '2026-11-25 03:00+08' WHERE grid_id = $1`, s.grids[0])
	s.exec(`INSERT INTO grid_version (grid_id, version, name, setting, geom, label_point, area_m2, valid_from)
		SELECT grid_id, 2, name, setting, ST_Multi(ST_MakeEnvelope(114.20, 22.68, 114.201, 22.69, 4326)), label_point, area_m2, '2026-11-25 03:00+08' FROM grid_version WHERE grid_id = $1`, s.grids[0])
	if got := s.marks(); !slices.Equal(got, []string{"ann 2026-11-25 grid", "west 2026-11-23 grid"}) {
		t.Fatalf("marked: %q", got)
	}
	s.changed("grid", map[string][2]int{s.key(s.ann, s.wed): {0, 0}})
	if got := s.weekOf(0); got != "1/3 of 5 days, grid,days" {
		t.Errorf("the week after: %s", got)
	}
	// from Monday on it is no execution grid: nothing is asked of it any more
	s.exec(`UPDATE grid_version SET is_execution = false WHERE grid_id = $1 AND version = 2`, s.grids[0])
	s.exec(`INSERT INTO patrol_week_dirty (region_id, grid_id, week, why) VALUES ($1, $2, '2026-11-23', '{grid}'), ($1, $2, '2026-11-16', '{grid}')`, s.region, s.grids[0])
	s.round()
	if n := s.count(`SELECT count(*) FROM patrol_week WHERE grid_id = $1 AND week = '2026-11-23'`, s.grids[0]); n != 0 {
		t.Error("the week of a grid that nobody is asked to patrol is on the board")
	}
	if n := s.count(`SELECT count(*) FROM patrol_week WHERE grid_id = $1 AND week = '2026-11-16'`, s.grids[0]); n != 1 {
		t.Error("the week before, when it was one, is not")
	}
}

// A holiday that is announced changes what weeks ask for and no minute; a limit
// on cases, which has the same epoch, changes nothing at all.
func TestAHolidayChangesWeeksAndNoMinute(t *testing.T) {
	s := newPast(t)
	s.now = s.now.Add(time.Hour)
	s.exec(`UPDATE sla_rule SET note = note || ' '`)
	s.changed("", nil)
	if n := s.count(`SELECT count(*) FROM patrol_week WHERE computed_at = $1`, s.now); n != 0 {
		t.Errorf("a limit on cases had %d weeks computed", n)
	}
	s.exec(`INSERT INTO holiday_list (year, status, days) VALUES (2026, 'published', $1) ON CONFLICT (year) DO UPDATE SET days = excluded.days, version = holiday_list.version + 1`,
		`[{"date":"2026-11-26","off":true,"name":"临时放假"},{"date":"2026-11-27","off":true,"name":"临时放假"}]`)
	s.changed("", nil)
	for i, want := range []string{"2/2 of 3 days, calendar", "0/2 of 3 days, calendar"} {
		if got := s.weekOf(i); got != want {
			t.Errorf("week %d: %s, want %s", i, got, want)
		}
	}
}

// What was judged is judged the same whenever it is computed again from what it
// was judged from, by the policy kept with it. A fix that came later, or a duty
// told later, makes another digest; without it the old one comes out.
func TestAnOldVerdictIsComputedAgain(t *testing.T) {
	s := newPast(t)
	k := postgres.PatrolKey{Region: s.region, Worker: s.ann.Worker, Day: s.wed}
	again := func(v postgres.Verdict, change func(*patrol.Input)) (same bool) {
		t.Helper()
		in, _, err := postgres.PatrolInput(t.Context(), s.db.Pool, k)
		if err != nil {
			t.Fatal(err)
		}
		change(&in)
		got, _ := patrol.Measure(in, v.Policy.Params)
		then, err := postgres.VerdictMeasure(t.Context(), s.db.Pool, k, v.Seq)
		if err != nil {
			t.Fatal(err)
		}
		x, _ := json.Marshal(got)
		y, _ := json.Marshal(then)
		same = fmt.Sprintf("%x", in.Digest(v.Policy.Params, v.RuleVersion)) == v.Digest
		if same != (string(x) == string(y)) {
			t.Errorf("verdict %d: the digest says %v, the figures\n%s\n%s", v.Seq, same, x, y)
		}
		return same
	}
	asItIs := func(*patrol.Input) {}
	verdicts := func() []postgres.Verdict {
		list, err := postgres.Verdicts(t.Context(), s.db.Pool, k)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	strict := patrol.Policy{Name: "严格", Rule: patrol.HalfDayQuota, Cycle: "week", Holiday: patrol.Prorate, ValidFrom: s.wed - 10, Params: patrol.Params{Split: "15:00", HalfDayS: 3600}}
	if _, _, err := s.desk.PutPolicy(t.Context(), strict, postgres.Audit{Actor: "test"}, func(context.Context, postgres.Querier, *int64) error { return nil }); err != nil {
		t.Fatal(err)
	}
	s.changed("rule", map[string][2]int{s.key(s.ann, s.wed): {60, 90}, s.key(s.ann, s.wed-1): {60, 90}, s.key(s.ben, s.wed): {0, 0}, s.key(s.ben, s.wed-1): {0, 0}})
	list := verdicts()
	if len(list) != 2 || list[0].Policy.Params.Split != "12:30" || list[1].Policy.Params.Split != "15:00" || list[1].Policy.Params.GapMaxS != 120 {
		t.Fatalf("%+v", list)
	}
	for _, v := range list {
		if !again(v, asItIs) {
			t.Errorf("verdict %d comes out otherwise after the rules changed", v.Seq)
		}
	}
	until := s.clock()
	s.now = s.now.Add(time.Hour)
	s.outing(s.ann, s.wed, "08:00", "11:00")
	s.changed("late", map[string][2]int{s.key(s.ann, s.wed): {240, 90}})
	early := func(in *patrol.Input) {
		var late []int64
		s.scan(&late, `SELECT array_agg((extract(epoch FROM at) * 1000)::bigint) FROM fix WHERE worker_id = $1 AND received_at > $2`, s.ann.Worker, until)
		in.Fixes = slices.DeleteFunc(in.Fixes, func(f trail.Fix) bool { return slices.Contains(late, f.Ms) })
		in.Duties = slices.DeleteFunc(in.Duties, func(d patrol.Duty) bool { return d.From == s.wed.Start().Add(8*time.Hour).UnixMilli() })
	}
	for _, v := range verdicts() {
		if now, then := again(v, asItIs), again(v, early); now != (v.Seq == 3) || then != (v.Seq < 3) {
			t.Errorf("verdict %d: from all that is there %v, from what was there then %v", v.Seq, now, then)
		}
	}

	// once retention has removed the track, whatever marks the day judges nothing anew
	s.exec(`DELETE FROM fix`)
	s.exec(`INSERT INTO patrol_dirty (region_id, worker_id, day, why) SELECT region_id, worker_id, day, '{rule}' FROM patrol_day`)
	s.changed("", nil)
	if n := s.count(`SELECT count(*) FROM patrol_dirty`); n != 0 {
		t.Errorf("%d days wait for ever", n)
	}
}

// A week that is over has its verdicts, one after the other.
func TestAWeeksVerdictsAreKept(t *testing.T) {
	s := newPast(t)
	s.now = (s.wed + 5).Start().Add(time.Hour).UTC() // Monday
	s.round()
	s.exec(`INSERT INTO leave (region_id, worker_id, from_day, from_half, to_day, to_half, approved_at) VALUES ($1, $2, '2026-11-26', 'am', '2026-11-27', 'pm', now())`, s.region, s.ann.Worker)
	s.exec(`INSERT INTO patrol_week_dirty (region_id, grid_id, week, why) VALUES ($1, $2, '2026-11-23', '{leave}')`, s.region, s.grids[0])
	s.round()
	s.round()
	var lines []string
	s.scan(&lines, `SELECT array_agg(seq || ': ' || qualified || '/' || required || ' ' || state || ' ' || array_to_string(why, ',') ORDER BY grid_id, seq) FROM patrol_week_verdict WHERE week = '2026-11-23'`)
	if want := []string{"1: 2/3 unmet nightly", "2: 2/2 met leave", "1: 0/3 unmet nightly"}; !slices.Equal(lines, want) {
		t.Errorf("%q, want %q", lines, want)
	}
	if list, err := postgres.WeekVerdicts(t.Context(), s.db.Pool, s.region, s.grids[0], s.wed-2, s.wed+4); err != nil || len(list) != 2 || list[1].Policy.Params.Required != 3 || list[1].State != patrol.Met {
		t.Errorf("%+v, %v", list, err)
	}
	if _, err := s.db.Pool.Exec(t.Context(), `DELETE FROM patrol_week_verdict`); err == nil {
		t.Error("a week's verdict could be removed")
	}
}
