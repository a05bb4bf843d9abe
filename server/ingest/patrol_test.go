package ingest_test

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/desk"
	"github.com/gridward/gridward/server/fleet"
	"github.com/gridward/gridward/server/ingest"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/workday"
)

// outing sends somebody's patrol of a past day between two clocks, a fix each
// half minute, in the batches in which phones send.
func (s *street) outing(dev fleet.Device, d workday.Day, from, to string) (stored int) {
	s.t.Helper()
	at := func(clock string) time.Time {
		c, err := time.Parse("15:04", clock)
		if err != nil {
			s.t.Fatal(err)
		}
		return d.Start().Add(time.Duration(c.Hour())*time.Hour + time.Duration(c.Minute())*time.Minute)
	}
	duty := fleet.DutyReport{ID: uuid.NewSHA1(uuid.Nil, []byte(fmt.Sprint(dev.ID, d, from))), Purpose: "patrol", StartedAt: at(from), EndedAt: at(to)}
	b := ingest.Batch{Sessions: []fleet.DutyReport{duty}}
	for t, i := at(from), 0; !t.After(at(to)); t, i = t.Add(30*time.Second), i+1 {
		r := s.ago(s.clock().Sub(t), -500+math.Abs(float64(i%40-20))*8) // to and fro
		b.Reports = append(b.Reports, r)
		if len(b.Reports) == 100 {
			stored += s.sendAll(dev, b).Stored
			b = ingest.Batch{}
		}
	}
	return stored + s.sendAll(dev, b).Stored
}

// judged is a row of patrol_day as far as a test compares it.
type judged struct {
	Worker     int64
	Day        time.Time
	Am, Pm     int
	Seq        int
	Why        []string
	ComputedAt time.Time
	SeenAt     time.Time
	Digest     []byte
}

func (s *street) judged() map[string]judged {
	s.t.Helper()
	rows, err := s.db.Pool.Query(s.t.Context(), `SELECT worker_id, day, am_ms, pm_ms, seq, why, computed_at, seen_at, digest FROM patrol_day ORDER BY worker_id, day`)
	if err != nil {
		s.t.Fatal(err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[judged])
	if err != nil {
		s.t.Fatal(err)
	}
	out := map[string]judged{}
	for _, j := range list {
		out[fmt.Sprintf("%d %s", j.Worker, j.Day.Format(time.DateOnly))] = j
	}
	return out
}

// past is a street on a Thursday morning: two people, each the leader of a grid,
// have walked the western one on Tuesday and on Wednesday, ann in the afternoon
// and ben, who is not assigned to it, in the morning; all of it is judged.
type past struct {
	*street
	desk     *desk.Desk
	ann, ben fleet.Device
	wed      workday.Day
}

func newPast(t *testing.T) *past {
	s := &past{street: newStreet(t), wed: workday.Date(2026, time.November, 25)}
	s.now = (s.wed + 1).Start().Add(9 * time.Hour).UTC()
	s.exec(`SELECT keep_fix_partitions(20, 3, '2026-11-26')`)
	s.desk = desk.New(s.db, nil, s.clock, func(int64) {})
	s.ann, s.ben = s.device(fleet.DutySession), s.device(fleet.DutySession)
	s.exec(`UPDATE grid_version SET valid_from = '2026-01-01'`)
	for i, dev := range []fleet.Device{s.ann, s.ben} {
		s.exec(`INSERT INTO grid_assignment (grid_id, worker_id, role, is_primary, valid_from) VALUES ($1, $2, 'leader', true, '2026-01-01')`, s.grids[i], dev.Worker)
	}
	for _, day := range []workday.Day{s.wed - 1, s.wed} {
		s.outing(s.ann, day, "14:00", "16:30")
		s.outing(s.ben, day, "08:30", "11:00")
	}
	s.round()
	return s
}

func (s *past) round() {
	s.t.Helper()
	if _, _, err := s.desk.PatrolRound(s.t.Context(), -time.Minute, time.Minute); err != nil {
		s.t.Fatal(err)
	}
}

// marks are the days and weeks that wait, and why.
func (s *past) marks() (out []string) {
	s.t.Helper()
	s.scan(&out, `SELECT COALESCE(array_agg(line ORDER BY line), '{}') FROM (
		SELECT CASE worker_id WHEN $1 THEN 'ann' ELSE 'ben' END || ' ' || day || ' ' || array_to_string(why, ',') FROM patrol_dirty
		UNION ALL SELECT CASE grid_id WHEN $2 THEN 'west' ELSE 'east' END || ' ' || week || ' ' || array_to_string(why, ',') FROM patrol_week_dirty) AS x(line)`, s.ann.Worker, s.grids[0])
	return out
}

func (s *past) key(dev fleet.Device, d workday.Day) string {
	return fmt.Sprintf("%d %s", dev.Worker, d)
}

// changed runs a round and checks that exactly the days given were judged
// otherwise, for the reason given; a day comes with its minutes then.
func (s *past) changed(why string, minutes map[string][2]int) {
	s.t.Helper()
	before := s.judged()
	s.now = s.now.Add(time.Hour)
	s.round()
	for key, is := range s.judged() {
		want, changes := minutes[key]
		was := before[key]
		switch {
		case changes && (is.Am != want[0]*60_000 || is.Pm != want[1]*60_000 || is.Seq != was.Seq+1 || !slices.Equal(is.Why, []string{why}) || !is.ComputedAt.Equal(s.now)):
			s.t.Errorf("%s is %+v, want %v minutes because of %s", key, is, want, why)
		case !changes && (!is.ComputedAt.Equal(was.ComputedAt) || is.Seq != was.Seq || is.Am != was.Am || is.Pm != was.Pm):
			s.t.Errorf("%s changed from %+v to %+v", key, was, is)
		}
	}
}

// weekOf is a grid's week: what was asked, what came, and why it was computed.
func (s *past) weekOf(i int) (text string) {
	s.t.Helper()
	s.scan(&text, `SELECT qualified || '/' || required || ' of ' || working_days || ' days, ' || array_to_string(why, ',') FROM patrol_week WHERE grid_id = $1 AND week = '2026-11-23'`, s.grids[i])
	return text
}

// A whole morning that is uploaded days later changes exactly the day that it
// belongs to, and says so; what was judged before can still be read.
func TestALateMorningChangesExactlyItsDay(t *testing.T) {
	s := newPast(t)
	ann, wednesday, round := s.ann, s.wed, s.round
	before := s.judged()
	if len(before) != 4 {
		t.Fatalf("%d days were judged, want 4: %+v", len(before), before)
	}
	key := fmt.Sprintf("%d %s", ann.Worker, wednesday)
	if j := before[key]; j.Am != 0 || j.Pm != 150*60_000 || j.Seq != 1 {
		t.Fatalf("Wednesday before: %+v", j)
	}
	if n := s.count(`SELECT qualified FROM patrol_week WHERE grid_id = $1 AND week = '2026-11-23'`, s.grids[0]); n != 2 {
		t.Fatalf("the week had %d half-days, want 2", n)
	}

	s.now = s.now.Add(time.Hour)
	if n := s.outing(ann, wednesday, "08:00", "11:00"); n != 361 {
		t.Fatalf("%d fixes of the late morning are stored", n)
	}
	var marked []string
	s.scan(&marked, `SELECT array_agg(worker_id || ' ' || day || ' ' || array_to_string(why, ',')) FROM patrol_dirty`)
	if len(marked) != 1 || marked[0] != fmt.Sprintf("%d 2026-11-25 late", ann.Worker) {
		t.Fatalf("marked: %q", marked)
	}
	round()
	after := s.judged()
	for k, was := range before {
		is := after[k]
		if k != key {
			if fmt.Sprint(is) != fmt.Sprint(was) {
				t.Errorf("%s changed from %+v to %+v", k, was, is)
			}
			continue
		}
		if is.Am != 180*60_000 || is.Pm != was.Pm || is.Seq != 2 || !slices.Equal(is.Why, []string{"late"}) || !is.ComputedAt.Equal(s.now) {
			t.Errorf("Wednesday after: %+v", is)
		}
	}
	if len(after) != 4 {
		t.Errorf("%d days after", len(after))
	}
	if n := s.count(`SELECT qualified FROM patrol_week WHERE grid_id = $1 AND week = '2026-11-23'`, s.grids[0]); n != 3 {
		t.Errorf("the week has %d half-days, want 3", n)
	}
	if n := s.count(`SELECT count(*) FROM patrol_week WHERE computed_at = $1`, s.now); n != 1 {
		t.Errorf("%d weeks were computed again, want the one of that grid", n)
	}
	history, err := postgres.Verdicts(t.Context(), s.db.Pool, postgres.PatrolKey{Region: s.region, Worker: ann.Worker, Day: wednesday})
	if err != nil || len(history) != 2 || history[0].AmMs != 0 || history[1].AmMs != 180*60_000 || history[0].Digest == history[1].Digest {
		t.Fatalf("history %+v, %v", history, err)
	}
	if then, err := postgres.VerdictMeasure(t.Context(), s.db.Pool, postgres.PatrolKey{Region: s.region, Worker: ann.Worker, Day: wednesday}, 1); err != nil || then.Halves[0].Ms != 0 || len(then.Intervals) == 0 {
		t.Errorf("the verdict of then: %+v, %v", then, err)
	}
	if _, err := s.db.Pool.Exec(t.Context(), `UPDATE patrol_verdict SET am_ms = 0`); err == nil {
		t.Error("a verdict could be changed")
	}

	s.now = s.now.Add(time.Hour)
	s.outing(ann, wednesday, "08:00", "11:00") // once more: everything is there
	s.outing(ann, wednesday+1, "08:00", "09:00")
	if n := s.count(`SELECT count(*) FROM patrol_dirty`); n != 0 {
		t.Errorf("repeats, or fixes of today, marked %d days", n)
	}
}
