package patrol

import (
	"slices"

	"github.com/gridward/gridward/geo/trail"
)

// JudgedDay is a day's track as it was judged: what a map draws of it.
type JudgedDay struct {
	Fixes []trail.Judged // by time, repeats left out
	Why   []string       // of each: "good" = accepted, else why not
	Stays []trail.Stay
	Gaps  []trail.Gap
}

// JudgeDay judges the fixes of a day as Measure does.
func JudgeDay(in Input, p Params) JudgedDay {
	m := &meter{in: in, p: p}
	m.in.Duties = slices.Clone(in.Duties)
	sortDuties(m.in.Duties)
	clean := m.clean(in.Day.Start().UnixMilli(), (in.Day + 1).Start().UnixMilli())
	out := JudgedDay{Stays: clean.Stays, Gaps: clean.Gaps}
	for i := range clean.Fixes {
		f := &clean.Fixes[i]
		if f.Why == trail.Duplicate {
			continue
		}
		why := refusal(f)
		switch {
		case m.duty(f.Ms, f.Ms) < 0:
			why = WhyOffDuty
		case why == "":
			why = trail.Good.String()
		case why == WhyOutlier && f.Why != trail.Flagged:
			why = f.Why.String()
		}
		out.Fixes, out.Why = append(out.Fixes, *f), append(out.Why, why)
	}
	return out
}
