package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gridward/gridward/fixtures"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/patrol"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/simulate"
	"github.com/gridward/gridward/server/workday"
)

const (
	historyStep    = 30 * time.Second // between fixes of the demo's past
	historyWorkers = 40               // grid workers with a past; all leaders have one
)

// announceHistory says which days of the past are on their way, before anybody
// looks: pages call them 尚未计算 until they are there and computed. There is
// nothing to announce where there is a past already.
func (h *house) announceHistory(ctx context.Context, street *fixtures.Demo) (coming bool, err error) {
	some, err := postgres.AnyPast(ctx, h.db.Pool)
	if err != nil {
		return false, err
	}
	if some { // what was announced when the house was shut down in between
		return false, postgres.ReleasePatrolDays(ctx, h.db.Pool)
	}
	first, last := h.historyDays()
	var codes []string
	for _, p := range pastPeople(street.People) {
		codes = append(codes, p.Code)
	}
	return true, h.desk.AnnounceHistory(ctx, codes, first, last)
}

// historyDays are the first and the last day of the demo's past. It begins on a
// Monday: of a week that began before it no verdict would be fair.
func (h *house) historyDays() (first, last workday.Day) {
	today := workday.DayOf(h.clock().In(incident.BusinessZone()))
	return patrol.Monday(today - workday.Day(h.conf.History)), today - 1
}

// seedHistory gives a fresh demo what was done on the last days: patrols,
// mostly honest, some too short, and a few that a supervisor should look at;
// visits in their cycles and the cases they found; information; leave. It takes
// seconds, and the demo does not wait.
func (h *house) seedHistory(ctx context.Context, street *fixtures.Demo) error {
	began := time.Now()
	ground, err := simulate.Street()
	if err != nil {
		return fmt.Errorf("read the demo street: %w", err)
	}
	first, last := h.historyDays()
	if err := postgres.EnterVisitObjects(ctx, h.db.Pool, first); err != nil {
		return err
	}
	goals, err := postgres.PastGoals(ctx, h.db.Pool, first)
	if err != nil {
		return err
	}
	items, err := postgres.InfoItems(ctx, h.db.Pool)
	if err != nil {
		return err
	}
	maker := pastMaker{ground: ground, items: items, first: first, last: last, now: h.clock()}
	past, err := maker.make(ctx, street.People, goals)
	if err != nil {
		return err
	}
	fixes, err := postgres.AddPast(ctx, h.db, past)
	if err != nil {
		return err
	}
	if err := h.desk.KeepPastCases(ctx, past.Visits); err != nil {
		return err
	}
	h.log.InfoContext(ctx, "the demo has a past", "outings", len(past.Outings), "fixes", fixes, "visits", len(past.Visits), "took", time.Since(began))
	if err := h.desk.MeasureHistory(ctx, first, last); err != nil {
		return err
	}
	if h.conf.Workers == 0 || h.conf.Incidents == 0 { // a street without cases has nothing to be assessed
		return nil
	}
	return h.seedAssessment(ctx)
}

// pastPeople are those who have a past: leaders, and some workers.
func pastPeople(people []fixtures.Person) (chosen []fixtures.Person) {
	workers := 0
	for _, p := range people {
		switch {
		case len(p.Grids) == 0:
		case p.Role == "grid_leader":
			chosen = append(chosen, p)
		case p.Role == "grid_worker" && workers < historyWorkers:
			chosen = append(chosen, p)
			workers++
		}
	}
	return chosen
}

// pastMaker makes up what was done on the working days between the two.
type pastMaker struct {
	ground      *simulate.Ground
	items       []postgres.InfoItem
	first, last workday.Day
	now         time.Time
}

// make makes up what the leaders and some workers did, grid by grid.
func (m *pastMaker) make(ctx context.Context, people []fixtures.Person, goals []postgres.PastGoal) (past postgres.Past, err error) {
	chosen := pastPeople(people)
	grids := map[string]*gridPast{}
	var order []*gridPast
	for i, p := range chosen {
		g := grids[p.Grids[0]]
		if g == nil {
			g = &gridPast{pastMaker: m, code: p.Grids[0]}
			grids[g.code] = g
			order = append(order, g)
		}
		g.people = append(g.people, pastPerson{Person: p, number: uint64(i), leave: leaveOf(p, uint64(i), m.first, m.last)})
	}
	for i := range goals {
		if g := grids[goals[i].GridCode]; g != nil {
			g.goals = append(g.goals, &goals[i])
		}
	}
	all, ctx := errgroup.WithContext(ctx)
	all.SetLimit(2) // the demo's first minute has other work too
	for _, g := range order {
		all.Go(func() error {
			g.make()
			return ctx.Err()
		})
	}
	if err := all.Wait(); err != nil {
		return past, fmt.Errorf("make up a past: %w", err)
	}
	for _, g := range order {
		past.Outings, past.Visits, past.Notes = append(past.Outings, g.past.Outings...), append(past.Visits, g.past.Visits...), append(past.Notes, g.past.Notes...)
		for _, p := range g.people {
			if p.leave != nil {
				past.Leaves = append(past.Leaves, *p.leave)
			}
		}
	}
	if len(chosen) > carried {
		past = carry(past, chosen[carrier].Code, chosen[carried].Code)
	}
	return past, nil
}

// carry is what the second phone in the carrier's pocket tells of the longest
// outing, in place of what its owner did that day.
func carry(past postgres.Past, carrier, carried string) postgres.Past {
	var longest *postgres.PastOuting
	for i := range past.Outings {
		if o := &past.Outings[i]; o.Worker == carrier && (longest == nil || len(o.Fixes) > len(longest.Fixes)) {
			longest = o
		}
	}
	if longest == nil {
		return past
	}
	o := *longest
	both := simulate.Outing{Session: o.Session, Purpose: o.Purpose, From: o.From, To: o.To, Fixes: o.Fixes}.Beside(1)
	day := workday.DayOf(o.From)
	past.Outings = slices.DeleteFunc(past.Outings, func(p postgres.PastOuting) bool { return p.Worker == carried && workday.DayOf(p.From) == day })
	past.Visits = slices.DeleteFunc(past.Visits, func(v postgres.PastVisit) bool { return v.Worker == carried && workday.DayOf(v.At) == day })
	past.Outings = append(past.Outings, postgres.PastOuting{Worker: carried, Session: both.Session, Purpose: both.Purpose, From: both.From, To: both.To, Fixes: both.Fixes})
	return past
}

// The odd ones, by their number: there is something to look at, and not much.
var oddHabits = map[uint64]simulate.Habit{17: simulate.Mocking, 23: simulate.Motionless, 31: simulate.Jumping, 47: simulate.Ruled}

const (
	copyist          = 11     // shows the same walk on several days
	carrier, carried = 53, 54 // one carries the other's phone
)

// leaveOf is the leave that some people took: two days of the second week.
func leaveOf(p fixtures.Person, number uint64, from, to workday.Day) *postgres.PastLeave {
	kinds := []struct{ kind, reason string }{{"leave", "探亲"}, {"sick", "感冒发热"}, {"training", "区社工委业务培训"}, {"leave", "年休假"}}
	if number%23 != 5 {
		return nil
	}
	k := kinds[number/23%uint64(len(kinds))]
	day := max(from, to-6)
	for wd := day.Start().Weekday(); wd == time.Saturday || wd == time.Sunday || wd == time.Friday; wd = day.Start().Weekday() {
		day++
	}
	return &postgres.PastLeave{Worker: p.Code, From: day, To: day + 1, Kind: k.kind, Reason: k.reason}
}

// pastPerson is somebody of a grid's past.
type pastPerson struct {
	fixtures.Person
	number uint64
	leave  *postgres.PastLeave
	again  *simulate.Outing // what a copyist shows once more
}

// gridPast makes up what was done in a grid, day by day.
type gridPast struct {
	*pastMaker
	code   string
	people []pastPerson
	goals  []*postgres.PastGoal
	rounds *simulate.Rounds
	past   postgres.Past
}

func (g *gridPast) make() {
	g.begin()
	for day := g.first; day <= g.last; day++ {
		if wd := day.Start().Weekday(); wd == time.Saturday || wd == time.Sunday {
			continue
		}
		for i := range g.people {
			if p := &g.people[i]; p.leave == nil || day < p.leave.From || day > p.leave.To {
				g.day(p, day)
			}
		}
	}
}

// day is what somebody of the grid did on a day.
func (g *gridPast) day(p *pastPerson, day workday.Day) {
	midnight := day.Start()
	for k, plan := range simulate.PlanDay(p.number, midnight, historyStep) {
		plan.Habit = oddHabits[p.number]
		if day%2 == 0 {
			plan.Habit = simulate.Honest // not always
		}
		var paid []*simulate.Paid
		plan.Goal = g.goal(p, &paid)
		var o simulate.Outing
		if p.number == copyist && p.again != nil {
			o = p.again.Again(midnight.Add(10 * time.Hour).Sub(p.again.From))
		} else {
			o = g.ground.Outing(g.code, p.number*1000+uint64(day)*10+uint64(k), plan)
			p.again = &o
		}
		g.past.Outings = append(g.past.Outings, postgres.PastOuting{Worker: p.Code, Session: o.Session, Purpose: o.Purpose, From: o.From, To: o.To, Fixes: o.Fixes})
		g.visits(p, &o, paid)
		if p.number == copyist {
			break
		}
	}
}
