package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gridward/gridward/fixtures"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/simulate"
	"github.com/gridward/gridward/server/workday"
)

const (
	historyStep    = 30 * time.Second // between fixes of the demo's past
	historyWorkers = 40               // grid workers with a past; all leaders have one
)

// seedHistory gives a fresh demo the patrols of the last days: mostly honest,
// some too short, and a few that a supervisor should look at. It does nothing
// where there is a past already. It takes seconds, and the demo does not wait.
func (h *house) seedHistory(ctx context.Context, street *fixtures.Demo) error {
	some, err := postgres.AnyPast(ctx, h.db.Pool)
	if err != nil || some {
		return err
	}
	began := time.Now()
	ground, err := simulate.Street()
	if err != nil {
		return fmt.Errorf("read the demo street: %w", err)
	}
	today := workday.DayOf(h.clock().In(incident.BusinessZone()))
	first := today - workday.Day(h.conf.History)
	past, err := pastOf(ground, street.People, first, today-1)
	if err != nil {
		return err
	}
	fixes, err := postgres.AddPast(ctx, h.db, past)
	if err != nil {
		return err
	}
	h.log.InfoContext(ctx, "the demo has a past", "outings", len(past), "fixes", fixes, "took", time.Since(began))
	return h.desk.MeasureHistory(ctx, first, today-1)
}

// pastOf is what the leaders and some workers did on the working days between the two.
func pastOf(ground *simulate.Ground, people []fixtures.Person, from, to workday.Day) ([]postgres.PastOuting, error) {
	var chosen []fixtures.Person
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
	done := make([][]postgres.PastOuting, len(chosen))
	var all errgroup.Group
	all.SetLimit(4)
	for i, p := range chosen {
		all.Go(func() error {
			done[i] = onesPast(ground, p, uint64(i), from, to)
			return nil
		})
	}
	if err := all.Wait(); err != nil {
		return nil, err
	}
	if len(done) > carried {
		done[carried] = carry(done[carrier], done[carried], chosen[carried].Code)
	}
	var out []postgres.PastOuting
	for _, d := range done {
		out = append(out, d...)
	}
	return out, nil
}

// carry is what the second phone in the carrier's pocket tells of the longest
// outing, in place of what its owner did that day.
func carry(with, own []postgres.PastOuting, code string) []postgres.PastOuting {
	if len(with) == 0 {
		return own
	}
	o := slices.MaxFunc(with, func(a, b postgres.PastOuting) int { return cmp.Compare(len(a.Fixes), len(b.Fixes)) })
	both := simulate.Outing{Session: o.Session, Purpose: o.Purpose, From: o.From, To: o.To, Fixes: o.Fixes}.Beside(carried)
	own = slices.DeleteFunc(own, func(p postgres.PastOuting) bool { return workday.DayOf(p.From) == workday.DayOf(o.From) })
	return append(own, postgres.PastOuting{Worker: code, Session: both.Session, Purpose: both.Purpose, From: both.From, To: both.To, Fixes: both.Fixes})
}

// The odd ones, by their number: there is something to look at, and not much.
var oddHabits = map[uint64]simulate.Habit{17: simulate.Mocking, 23: simulate.Motionless, 31: simulate.Jumping, 47: simulate.Ruled}

const (
	copyist          = 11     // shows the same walk on several days
	carrier, carried = 53, 54 // one carries the other's phone
)

func onesPast(ground *simulate.Ground, p fixtures.Person, number uint64, from, to workday.Day) (out []postgres.PastOuting) {
	var again *simulate.Outing
	for day := from; day <= to; day++ {
		midnight := day.Start()
		if wd := midnight.Weekday(); wd == time.Saturday || wd == time.Sunday {
			continue
		}
		for k, plan := range simulate.PlanDay(number, midnight, historyStep) {
			plan.Habit = oddHabits[number]
			if day%2 == 0 {
				plan.Habit = simulate.Honest // not always
			}
			var o simulate.Outing
			if number == copyist && again != nil {
				o = again.Again(midnight.Add(10 * time.Hour).Sub(again.From))
			} else {
				o = ground.Outing(p.Grids[0], number*1000+uint64(day)*10+uint64(k), plan)
				again = &o
			}
			past := postgres.PastOuting{Worker: p.Code, Session: o.Session, Purpose: o.Purpose, From: o.From, To: o.To, Fixes: o.Fixes}
			for i, c := range o.Calls {
				outcome := "normal"
				if (uint64(i)+number+uint64(day))%7 == 0 {
					outcome = "no_one_home"
				}
				past.Calls = append(past.Calls, postgres.PastCall{ID: c.ID, At: c.At, Left: c.Left, Door: c.Door, Name: fmt.Sprintf("沿街住户 %d 号", i+1), Outcome: outcome})
			}
			out = append(out, past)
			if number == copyist {
				break
			}
		}
	}
	return out
}
