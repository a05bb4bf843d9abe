package patrol_test

import (
	"slices"
	"testing"
	"time"

	"github.com/gridward/gridward/server/patrol"
	"github.com/gridward/gridward/server/workday"
)

// office is the calendar of an office in 2026, with its holidays and 调休.
func office(t *testing.T) *workday.Calendar {
	t.Helper()
	lists, err := workday.Bundled()
	if err != nil {
		t.Fatal(err)
	}
	c, err := workday.New(workday.Plan{Weekdays: []int{1, 2, 3, 4, 5}, Periods: []workday.Period{{From: "08:30", To: "12:00"}, {From: "13:30", To: "17:00"}}, Holidays: true}, workday.NewLists(lists...))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func several(parts ...[]patrol.Leave) []patrol.Leave { return slices.Concat(parts...) }

func TestWeeksByHand(t *testing.T) {
	t.Parallel()
	cal := office(t)
	plain := workday.Date(2026, time.November, 23)
	off := func(from int, fh patrol.Half, to int, th patrol.Half) []patrol.Leave {
		return []patrol.Leave{{FromDay: plain + workday.Day(from), FromHalf: fh, ToDay: plain + workday.Day(to), ToHalf: th}}
	}
	for name, c := range map[string]struct {
		week           workday.Day
		leave          []patrol.Leave
		good           int // half-days that qualify
		fixed          bool
		days, required int
		state          patrol.State
	}{
		"a plain week asks for three":                              {plain, nil, 3, false, 5, 3, patrol.Met},
		"two of three are not enough":                              {plain, nil, 2, false, 5, 3, patrol.Unmet},
		"more is met as well":                                      {plain, nil, 7, false, 5, 3, patrol.Met},
		"the week of 春节 asks for nothing":                          {workday.Date(2026, time.February, 16), nil, 0, false, 0, 0, patrol.Exempt},
		"the same week, when holidays do not matter":               {workday.Date(2026, time.February, 16), nil, 0, true, 0, 3, patrol.Unmet},
		"six working days with 调休 ask for three":                   {workday.Date(2026, time.September, 14), nil, 3, false, 6, 3, patrol.Met},
		"four working days with a worked Saturday: three":          {workday.Date(2026, time.May, 4), nil, 2, false, 4, 3, patrol.Unmet},
		"two working days ask for two":                             {workday.Date(2026, time.February, 23), nil, 2, false, 5, 3, patrol.Unmet},
		"国庆 leaves three: two are asked":                           {workday.Date(2026, time.October, 5), nil, 2, false, 3, 2, patrol.Met},
		"a morning off changes nothing: 9 of 10 halves":            {plain, off(0, patrol.AM, 0, patrol.AM), 2, false, 5, 3, patrol.Unmet},
		"a day and a half off: 7 halves ask for three":             {plain, off(0, patrol.AM, 1, patrol.AM), 3, false, 5, 3, patrol.Met},
		"two days off: 6 halves ask for two":                       {plain, off(0, patrol.AM, 1, patrol.PM), 2, false, 5, 2, patrol.Met},
		"from Monday noon to Wednesday: 5 halves, two":             {plain, off(0, patrol.PM, 2, patrol.PM), 1, false, 5, 2, patrol.Unmet},
		"four days off: one":                                       {plain, off(0, patrol.AM, 3, patrol.PM), 1, false, 5, 1, patrol.Met},
		"the whole week off is exempt":                             {plain, off(0, patrol.AM, 6, patrol.PM), 0, false, 5, 0, patrol.Exempt},
		"one half of leave in each of three days: 7 halves, three": {plain, several(off(0, patrol.AM, 0, patrol.AM), off(2, patrol.PM, 2, patrol.PM), off(4, patrol.AM, 4, patrol.AM)), 2, false, 5, 3, patrol.Unmet},
		"four of them, on four days: 6 halves, two":                {plain, several(off(0, patrol.AM, 0, patrol.AM), off(2, patrol.PM, 3, patrol.AM), off(4, patrol.AM, 4, patrol.AM)), 2, false, 5, 2, patrol.Met},
		"leave that overlaps leave is taken once":                  {plain, several(off(0, patrol.AM, 1, patrol.PM), off(1, patrol.AM, 1, patrol.PM)), 1, false, 5, 2, patrol.Unmet},
		"nine halves off: one":                                     {plain, off(0, patrol.AM, 4, patrol.AM), 0, false, 5, 1, patrol.Unmet},
		"fixed: leave is taken off as well, two days ask for two":  {plain, off(0, patrol.AM, 1, patrol.PM), 1, true, 5, 2, patrol.Unmet},
		"fixed: the whole week off is exempt":                      {plain, off(0, patrol.AM, 6, patrol.PM), 0, true, 5, 0, patrol.Exempt},
		"one working day asks for one":                             {workday.Date(2027, time.February, 1), nil, 1, false, 5, 3, patrol.Unmet},
		"leave on the weekend takes nothing":                       {plain, off(5, patrol.AM, 6, patrol.PM), 2, false, 5, 3, patrol.Unmet},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rules := patrol.InForce(nil, "1.2.", c.week)
			if c.fixed {
				rules.Quota.Holiday = patrol.Fixed
			}
			var days [7]patrol.WeekDay
			for i := range days {
				days[i].Leave = c.leave
			}
			for i := range c.good {
				days[i/2].Halves[i%2] = patrol.HalfDay{Ms: 7_200_000, Qualified: true}
			}
			w := patrol.Week(c.week, days, cal, rules, patrol.Coverage{})
			if w.WorkingDays != c.days || w.Required != c.required || w.Qualified != c.good || w.State != c.state {
				t.Errorf("%d working days, %d of %d, %s; by hand %d, %d of %d, %s", w.WorkingDays, w.Qualified, w.Required, w.State, c.days, c.good, c.required, c.state)
			}
			if len(w.HalfDays) != 14 {
				t.Errorf("%d half-days", len(w.HalfDays))
			}
		})
	}
}

func TestOtherPoliciesStandBesideTheQuota(t *testing.T) {
	t.Parallel()
	mon := workday.Date(2026, time.November, 23)
	all := []patrol.Policy{
		{ID: 1, Version: 1, Rule: patrol.HalfDayQuota, Holiday: patrol.Prorate, Params: patrol.Params{Required: 2}},
		{ID: 2, Version: 4, Rule: patrol.HalfDayQuota, Holiday: patrol.Prorate, OrgPath: "1.4.", Params: patrol.Params{Required: 4, HalfDayS: 3600}},
		{ID: 3, Version: 1, Rule: patrol.TwiceDaily, Holiday: patrol.Prorate, OrgPath: "1.4."},
		{ID: 4, Version: 1, Rule: patrol.WeeklySweep, Holiday: patrol.Prorate, Params: patrol.Params{TargetPct: 80}},
		{ID: 5, Version: 1, Rule: patrol.CheckpointRoute, Holiday: patrol.Prorate, ValidFrom: mon + 7},
		{ID: 6, Version: 1, Rule: patrol.ObjectCycle, Holiday: patrol.Prorate},
	}
	rules := patrol.InForce(all, "1.4.9.", mon)
	if rules.Quota.RuleVersion() != "a2.p2.v4" || rules.Quota.Params.HalfDayS != 3600 || rules.Quota.Params.GapMaxS != 120 || len(rules.More) != 3 {
		t.Fatalf("in force below 1.4: %+v", rules)
	}
	if other := patrol.InForce(all, "1.5.", mon); other.Quota.ID != 1 || len(other.More) != 2 {
		t.Fatalf("in force below 1.5: %+v", other)
	}
	var days [7]patrol.WeekDay
	days[0].Twice, days[1].Twice = true, true
	w := patrol.Week(mon, days, office(t), rules, patrol.Coverage{Household: patrol.Frac{N: 80, D: 100}})
	want := map[string]patrol.State{patrol.TwiceDaily: patrol.Unmet, patrol.WeeklySweep: patrol.Met, patrol.ObjectCycle: patrol.Exempt}
	for _, r := range w.Rules {
		if r.State != want[r.Rule] {
			t.Errorf("%s: %d of %d is %s", r.Rule, r.N, r.D, r.State)
		}
	}
	if len(w.Rules) != 3 {
		t.Errorf("%d rules", len(w.Rules))
	}
}
