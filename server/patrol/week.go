package patrol

import (
	"slices"

	"github.com/gridward/gridward/server/workday"
)

// Leave is approved leave of one worker, in half-days, both ends included.
type Leave struct {
	FromDay  workday.Day `json:"from_day"`
	FromHalf Half        `json:"from_half" enum:"am,pm"`
	ToDay    workday.Day `json:"to_day"`
	ToHalf   Half        `json:"to_half" enum:"am,pm"`
}

// Covers reports whether the half-day is taken off.
func (l Leave) Covers(d workday.Day, h Half) bool {
	after := d > l.FromDay || d == l.FromDay && h >= l.FromHalf
	before := d < l.ToDay || d == l.ToDay && h <= l.ToHalf
	return after && before
}

// WeekDay is one day of a week as the caller has found it: whose halves they
// are, and the leave that he had.
type WeekDay struct {
	Worker int64
	Halves [2]HalfDay
	Twice  bool
	Leave  []Leave
}

// Monday is the first day of d's week.
func Monday(d workday.Day) workday.Day { return d - workday.Day(d.Weekday()-1) }

// Week puts seven days, Monday first, to the working calendar. Whatever is
// required is required of working days only: a working day counts two halves,
// approved leave takes halves away, and five working days ask for the whole
// quota. cover is what the week came to for the policies that ask for coverage.
func Week(monday workday.Day, days [7]WeekDay, cal *workday.Calendar, r Rules, cover Coverage) WeekMeasure {
	out := WeekMeasure{Week: monday, RuleVersion: r.Quota.RuleVersion(), HalfDays: make([]HalfOf, 0, 14)}
	rounds := 0 // working days that are not wholly taken off
	for i := range days {
		day, d := &days[i], monday+workday.Day(i)
		off := 0
		working := cal.Working(d)
		for h := AM; h <= PM; h++ {
			leave := slices.ContainsFunc(day.Leave, func(l Leave) bool { return l.Covers(d, h) })
			if working && leave {
				off++
			}
			half := day.Halves[h]
			out.HalfDays = append(out.HalfDays, HalfOf{d, h, half.Minutes(), half.Qualified, day.Worker, !working || leave, leave})
			if half.Qualified {
				out.Qualified++
			}
		}
		out.LeaveHalves += off
		if working {
			out.WorkingDays++
			if off < 2 {
				rounds++
			}
		}
		if day.Twice {
			out.Twice++
		}
	}
	out.Required = required(&r.Quota, 2*out.WorkingDays-out.LeaveHalves)
	out.State = verdict(int64(out.Qualified), int64(out.Required))
	for i := range r.More {
		p := &r.More[i]
		res := RuleResult{Policy: p.ID, Rule: p.Rule, Name: p.Name}
		switch p.Rule {
		case TwiceDaily:
			res.N, res.D = int64(out.Twice), int64(rounds)
			if p.Holiday == Fixed {
				res.D = 5
			}
			if p.Params.Required > 0 {
				res.D = min(res.D, int64(p.Params.Required))
			}
			res.State = verdict(res.N, res.D)
		case WeeklySweep:
			res.N, res.D = cover.Household.N, cover.Household.D
			res.State = share(res, p.Params.TargetPct)
		case ObjectCycle:
			res.N, res.D = cover.Object.N, cover.Object.D
			res.State = share(res, p.Params.TargetPct)
		case CheckpointRoute:
			res.N, res.D = cover.Checkpoint.N, cover.Checkpoint.D
			res.State = share(res, p.Params.TargetPct)
		}
		out.Rules = append(out.Rules, res)
	}
	return out
}

// required are the half-days that so many working halves ask for: the share of
// ten, rounded up, never more than the quota, and nothing of nothing.
func required(p *Policy, halves int) int {
	n := p.Params.Required
	if p.Holiday == Fixed {
		return n
	}
	return min(n, (n*max(0, halves)+9)/10)
}

func verdict(n, d int64) State {
	switch {
	case d == 0:
		return Exempt
	case n >= d:
		return Met
	}
	return Unmet
}

func share(r RuleResult, pct int) State {
	switch {
	case r.D == 0:
		return Exempt
	case 100*r.N >= int64(pct)*r.D:
		return Met
	}
	return Unmet
}
