package desk

import (
	"context"
	"maps"
	"math"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/patrol"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/workday"
)

// Tried is what a week comes to under one policy. Of a quota it is half-days, of
// another kind of policy what that asks for; without a state there is none.
type Tried struct {
	Qualified int          `json:"qualified"`
	Required  int          `json:"required"`
	State     patrol.State `json:"state" enum:"met,unmet,exempt,"`
}

// TriedPerson is somebody whose week would come to something else.
type TriedPerson struct {
	Worker  int64  `json:"worker"`
	Name    string `json:"name"`
	OrgPath string `json:"-"`
	OrgName string `json:"org_name"`
	From    Tried  `json:"from"`
	To      Tried  `json:"to"`
}

// TriedGrid is a grid whose week would.
type TriedGrid struct {
	Grid    int64  `json:"grid"`
	Name    string `json:"name"`
	OrgName string `json:"org_name"`
	From    Tried  `json:"from"`
	To      Tried  `json:"to"`
}

// Trial says what a week would come to under a policy that nobody has made yet.
type Trial struct {
	Grids   int           `json:"grids" doc:"that were looked at"`
	Changed []TriedGrid   `json:"changed"`
	Persons int           `json:"persons" doc:"that were looked at"`
	People  []TriedPerson `json:"people" doc:"whose own week would come to something else, by name"`
}

// trial holds a week by the policies of now against the same week by those that
// would be.
type trial struct {
	tx        pgx.Tx
	now, next []patrol.Policy
	week      workday.Day
	known     map[postgres.PatrolKey]patrol.DayMeasure
	people    map[int64]*triedWeek
}

// triedWeek is somebody's week, as it is and as it would be.
type triedWeek struct {
	beat     postgres.Beat
	cal      *workday.Calendar
	from, to [7]patrol.WeekDay
}

// TryPolicy holds a week of all grids that the policy, or the version of it that
// would be replaced, is for against what the policy would make of it: from the
// fixes themselves where it measures otherwise. It changes nothing.
func (d *Desk) TryPolicy(ctx context.Context, p patrol.Policy, path string, monday workday.Day) (out Trial, err error) {
	out.Changed, out.People = []TriedGrid{}, []TriedPerson{}
	if err := p.Check(); err != nil {
		return out, err
	}
	ground, err := d.PatrolGround(ctx)
	if err != nil {
		return out, err
	}
	err = d.db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		t := trial{tx: tx, week: monday, known: map[postgres.PatrolKey]patrol.DayMeasure{}, people: map[int64]*triedWeek{}}
		if t.now, err = postgres.PatrolPolicies(ctx, tx); err != nil {
			return err
		}
		paths := []string{path}
		old := p.ID
		p.OrgPath = path
		if p.ID == 0 {
			p.ID = math.MaxInt64 // the newest of those that began when it does
		}
		if p.ValidFrom > monday {
			p.ValidFrom = monday
		}
		for _, o := range t.now {
			if o.ID == old {
				paths = append(paths, o.OrgPath)
			} else {
				t.next = append(t.next, o)
			}
		}
		t.next = append(t.next, p)
		grids, err := postgres.ExecutionGrids(ctx, tx, paths)
		if err != nil {
			return err
		}
		for _, g := range grids {
			k := postgres.GridWeek{Region: g.Region, Grid: g.ID, Week: monday}
			in, err := postgres.ReadWeek(ctx, tx, k)
			if err != nil {
				return err
			}
			if !in.Asked {
				continue
			}
			out.Grids++
			cal, err := d.calendarFor(ctx, tx, in.OrgPath, in.OrgKind)
			if err != nil {
				return err
			}
			before := gridWeek(k, &in, ground, cal, t.now).Measure
			if err := t.again(ctx, g.Region, cal, &in); err != nil {
				return err
			}
			after := gridWeek(k, &in, ground, cal, t.next).Measure
			if from, to := triedBy(&before, p.Rule), triedBy(&after, p.Rule); from != to {
				out.Changed = append(out.Changed, TriedGrid{g.ID, g.Name, g.OrgName, from, to})
			}
		}
		out.Persons = len(t.people)
		for _, id := range slices.Sorted(maps.Keys(t.people)) {
			w := t.people[id]
			before := patrol.Week(monday, w.from, w.cal, patrol.InForce(t.now, w.beat.OrgPath, monday), patrol.Coverage{})
			after := patrol.Week(monday, w.to, w.cal, patrol.InForce(t.next, w.beat.OrgPath, monday), patrol.Coverage{})
			if p.Rule != patrol.HalfDayQuota && p.Rule != patrol.TwiceDaily {
				continue // coverage is a grid's
			}
			if from, to := triedBy(&before, p.Rule), triedBy(&after, p.Rule); from != to {
				out.People = append(out.People, TriedPerson{id, w.beat.Name, w.beat.OrgPath, w.beat.OrgName, from, to})
			}
		}
		return nil
	})
	return out, err
}

// triedBy is what the week came to by the kind of policy.
func triedBy(m *patrol.WeekMeasure, rule string) Tried {
	if rule == patrol.HalfDayQuota {
		return Tried{m.Qualified, m.Required, m.State}
	}
	for _, r := range m.Rules {
		if r.Rule == rule {
			return Tried{int(r.N), int(r.D), r.State}
		}
	}
	return Tried{}
}

// again replaces the days of a grid's week by what they would be, and notes the
// weeks of those who answer for it.
func (t *trial) again(ctx context.Context, region int64, cal *workday.Calendar, in *postgres.WeekInput) error {
	beats := map[int64]postgres.Beat{}
	for _, b := range in.Beats {
		beats[b.Worker] = b
		if t.people[b.Worker] == nil {
			w := &triedWeek{beat: b, cal: cal}
			for i := range w.from {
				w.from[i] = patrol.WeekDay{Worker: b.Worker, Leave: in.Leave[b.Worker]}
			}
			w.to = w.from
			t.people[b.Worker] = w
		}
	}
	for i := range in.Days {
		s := &in.Days[i]
		w, at := t.people[s.Worker], s.Day-t.week
		w.from[at].Halves, w.from[at].Twice = s.Halves, s.Twice
		m, ok, err := t.day(ctx, postgres.PatrolKey{Region: region, Worker: s.Worker, Day: s.Day}, beats[s.Worker].OrgPath, s)
		if err != nil {
			return err
		}
		if ok {
			s.Share.Halves, s.Halves, s.Twice = m.Of(s.Share.Grid), m.Halves, m.Twice
		}
		w.to[at].Halves, w.to[at].Twice = s.Halves, s.Twice
	}
	return nil
}

// day is a worker's day as it would be measured; ok is false where it would be
// as it is, or where retention has removed the track.
func (t *trial) day(ctx context.Context, k postgres.PatrolKey, path string, s *postgres.DayShare) (m patrol.DayMeasure, ok bool, err error) {
	now, next := patrol.InForce(t.now, path, k.Day).Quota.Params, patrol.InForce(t.next, path, k.Day).Quota.Params
	if now.MeasuresAs(next) {
		return m, false, nil
	}
	if m, ok = t.known[k]; !ok {
		input, _, err := postgres.PatrolInput(ctx, t.tx, k)
		if err != nil {
			return m, false, err
		}
		m, _ = patrol.Measure(input, next)
		t.known[k] = m
	}
	return m, m.Fixes >= s.Fixes, nil
}
