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
	NoGrid bool // of a person: no grid was his, so that nothing is asked of the day
	Needed int  // effective minutes from which a half of the day qualifies
}

// Monday is the first day of d's week.
func Monday(d workday.Day) workday.Day { return d - workday.Day(d.Weekday()-1) }

// Week puts seven days, Monday first, to the working calendar. Whatever is
// required is required of working days only, or of Monday to Friday where the
// policy does not prorate holidays: such a day counts two halves, approved leave
// takes halves away, and five days ask for the whole quota. cover is what the
// week came to for the policies that ask for coverage.
func Week(monday workday.Day, days [7]WeekDay, cal *workday.Calendar, r Rules, cover Coverage) WeekMeasure {
	out := WeekMeasure{Week: monday, RuleVersion: r.Quota.RuleVersion(), HalfDays: make([]HalfOf, 0, 14)}
	for i := range days {
		day, d := &days[i], monday+workday.Day(i)
		working := cal.Working(d)
		if working {
			out.WorkingDays++
		}
		for h := AM; h <= PM; h++ {
			leave := day.off(d, h)
			half := day.Halves[h]
			out.HalfDays = append(out.HalfDays, HalfOf{d, h, half.Minutes(), half.Qualified, day.Worker, !working || leave || day.NoGrid, leave, day.Needed})
			if half.Qualified {
				out.Qualified++
			}
		}
		if day.Twice {
			out.Twice++
		}
	}
	halves, _, leave := asked(monday, &days, cal, r.Quota.Holiday)
	out.LeaveHalves, out.Required = leave, min(r.Quota.Params.Required, (r.Quota.Params.Required*halves+9)/10)
	out.State = verdict(int64(out.Qualified), int64(out.Required))
	for i := range r.More {
		p := &r.More[i]
		res := RuleResult{Policy: p.ID, Rule: p.Rule, Name: p.Name}
		switch p.Rule {
		case TwiceDaily:
			_, whole, _ := asked(monday, &days, cal, p.Holiday)
			res.N, res.D = int64(out.Twice), int64(whole)
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

func (w *WeekDay) off(d workday.Day, h Half) bool {
	return slices.ContainsFunc(w.Leave, func(l Leave) bool { return l.Covers(d, h) })
}

// asked is of how many halves of a week something is asked, how many of its days
// are asked whole, and how many halves leave took away.
func asked(monday workday.Day, days *[7]WeekDay, cal *workday.Calendar, holiday string) (halves, whole, leave int) {
	for i := range days {
		d := monday + workday.Day(i)
		if holiday == Fixed && i > 4 || holiday != Fixed && !cal.Working(d) || days[i].NoGrid {
			continue
		}
		off := 0
		for h := AM; h <= PM; h++ {
			if days[i].off(d, h) {
				off++
			}
		}
		halves, leave = halves+2-off, leave+off
		if off == 0 {
			whole++
		}
	}
	return halves, whole, leave
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
