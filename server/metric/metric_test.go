package metric_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/metric"
)

func TestRatiosAreRoundedHalfUpForShowingOnly(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		n, d int64
		want float64
	}{
		"天门, closed of what was due":    {911, 972, 93.72},
		"天门, closed on time":            {737, 972, 75.82},
		"4645 of 4680":                  {4645, 4680, 99.25},
		"13622 of 13657":                {13622, 13657, 99.74},
		"42689 of 42736":                {42689, 42736, 99.89},
		"half a hundredth goes up":      {1, 800, 0.13}, // 0.125
		"below half goes down":          {1, 801, 0.12},
		"none":                          {0, 7, 0},
		"all":                           {7, 7, 100},
		"a fall":                        {-1, 800, -0.13},
		"a third":                       {1, 3, 33.33},
		"two thirds":                    {2, 3, 66.67},
		"more than before, three times": {6, 2, 300},
	} {
		r := metric.NewRatio(c.n, c.d)
		if r.Value == nil || *r.Value != c.want || r.N != c.n || r.D != c.d {
			t.Errorf("%s: %+v, want %v", name, r, c.want)
		}
	}
	if r := metric.NewRatio(0, 0); r.Value != nil {
		t.Errorf("nothing divided by nothing is %v, want no value", *r.Value)
	}
	if r := metric.Change(5, 0); r.Value != nil || r.N != 5 {
		t.Errorf("a change against nothing: %+v", r)
	}
	if r := metric.Change(15, 10); *r.Value != 50 {
		t.Errorf("15 after 10: %v", *r.Value)
	}
}

func TestTheDictionaryIsSound(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, c := range metric.Counts() {
		if seen[c.Code] || c.Name == "" || c.Explain == "" || len(c.Parts) == 0 || len(c.Parts) > 3 || !slices.Contains(metric.Cohorts(), c.Cohort) {
			t.Errorf("%+v", c)
		}
		seen[c.Code] = true
		for _, p := range c.Parts {
			if p.All&p.None != 0 || p.All&metric.Counted == 0 {
				t.Errorf("%s asks for what it excludes, or counts drills: %+v", c.Code, p)
			}
		}
	}
	for _, r := range metric.Rates() {
		if seen[r.Code] || r.Name == "" || r.Explain == "" {
			t.Errorf("%+v", r)
		}
		seen[r.Code] = true
		over, ok := metric.CountByCode(r.Over)
		under, ok2 := metric.CountByCode(r.Under)
		if !ok || !ok2 || over.Cohort != under.Cohort {
			t.Errorf("%s divides %q by %q", r.Code, r.Over, r.Under)
		}
	}
}

func TestDurationsAreRoundedHalfUpForShowingOnly(t *testing.T) {
	t.Parallel()
	mean, p90 := metric.Durations()[1], metric.Durations()[2]
	if m := mean.Of(metric.Lengths{Cases: 2, Sum: 401, P90: 300}); *m.Value != 201 || m.N != 401 || m.D != 2 {
		t.Errorf("%+v", m)
	}
	if m := p90.Of(metric.Lengths{Cases: 2, Sum: 401, P90: 300}); *m.Value != 300 || m.N != 300 || m.D != 2 {
		t.Errorf("%+v", m)
	}
	for _, d := range metric.Durations() {
		want := map[metric.Stretch]metric.Cohort{metric.Acceptance: metric.ByReport, metric.Handling: metric.ByClose}[d.Stretch]
		if c, ok := metric.CountByCode(d.Cases); !ok || c.Cohort != want || len(c.Parts) != 1 || d.Explain == "" {
			t.Errorf("%s is of %+v", d.Code, c)
		}
		if m := d.Of(metric.Lengths{}); m.Value != nil {
			t.Errorf("%s of nothing is %v", d.Code, *m.Value)
		}
	}
}

// A case never counts twice in a number, is never in a numerator without being
// in the denominator, and bits that no count of its cohort asks for do not matter.
func TestWhatACaseCountsForOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := metric.Alike{Tally: metric.Tally(rapid.Int32Range(0, 1<<31-1).Draw(t, "tally")), Past: rapid.Bool().Draw(t, "past"), N: 1}
		// what the schema makes impossible: two grades, two tiers, in time and late
		exclude := func(bits ...metric.Tally) {
			for i, b := range bits {
				if a.Tally&b != 0 {
					for _, other := range bits[i+1:] {
						a.Tally &^= other
					}
				}
			}
		}
		exclude(metric.VerySatisfied, metric.Satisfied, metric.JustSatisfied, metric.Dissatisfied)
		exclude(metric.TierOne, metric.TierTwo)
		exclude(metric.DoneOnTime, metric.DoneLate)
		exclude(metric.Done, metric.Deferred)
		for bit, needs := range map[metric.Tally]metric.Tally{metric.VerySatisfied: metric.Rated, metric.Satisfied: metric.Rated, metric.JustSatisfied: metric.Rated, metric.HandledOnTime: metric.Handled,
			metric.DoneOnTime: metric.Done, metric.DoneLate: metric.Done, metric.FiledOnTime: metric.FiledTimed, metric.FiledTimed: metric.Filed} {
			if a.Tally&needs == 0 {
				a.Tally &^= bit
			}
		}
		for _, c := range metric.Counts() {
			fits := 0
			for _, p := range c.Parts {
				if p.Fits(a) {
					fits++
				}
			}
			n := c.Of([]metric.Alike{a})
			if fits > 1 || n != int64(min(1, fits)) {
				t.Fatalf("%s counts a case %d times (%d parts)", c.Code, n, fits)
			}
			if m := c.Of([]metric.Alike{{Tally: a.Tally & metric.Asked(c.Cohort), Past: a.Past, N: 1}}); m != n {
				t.Fatalf("%s: %d, without the bits nobody asks for %d", c.Code, n, m)
			}
		}
		for _, r := range metric.Rates() {
			over, _ := metric.CountByCode(r.Over)
			under, _ := metric.CountByCode(r.Under)
			if r.Over == "overdue" {
				continue // checked against real rows: only a case that is over can be late
			}
			if over.Of([]metric.Alike{a}) > under.Of([]metric.Alike{a}) {
				t.Fatalf("%s: in the numerator only: %b", r.Code, a.Tally)
			}
		}
	})
}

func TestPeriodsThatAreHeldAgainstEachOther(t *testing.T) {
	t.Parallel()
	day := func(s string) time.Time {
		d, err := time.ParseInLocation(time.DateOnly, s, incident.BusinessZone())
		if err != nil {
			t.Fatal(err)
		}
		return d.UTC()
	}
	for name, c := range map[string]struct{ from, to, beforeFrom, beforeTo, lastFrom, lastTo string }{
		"March is held against February":              {"2026-03-01", "2026-04-01", "2026-02-01", "2026-03-01", "2025-03-01", "2025-04-01"},
		"a quarter against the quarter before":        {"2026-01-01", "2026-04-01", "2025-10-01", "2026-01-01", "2025-01-01", "2025-04-01"},
		"a year against the year before, both ways":   {"2026-01-01", "2027-01-01", "2025-01-01", "2026-01-01", "2025-01-01", "2026-01-01"},
		"a week against the week before":              {"2026-11-02", "2026-11-09", "2026-10-26", "2026-11-02", "2025-11-02", "2025-11-09"},
		"leap day against the last day of February":   {"2028-02-29", "2028-03-01", "2028-02-28", "2028-02-29", "2027-02-28", "2027-03-01"},
		"a leap February against January and a short": {"2028-02-01", "2028-03-01", "2028-01-01", "2028-02-01", "2027-02-01", "2027-03-01"},
	} {
		p := metric.Span{From: day(c.from), To: day(c.to)}
		if got, want := p.Before(), (metric.Span{From: day(c.beforeFrom), To: day(c.beforeTo)}); got != want {
			t.Errorf("%s: before it %v, want %v", name, got, want)
		}
		if got, want := p.LastYear(), (metric.Span{From: day(c.lastFrom), To: day(c.lastTo)}); got != want {
			t.Errorf("%s: last year %v, want %v", name, got, want)
		}
	}
}

func TestWhoWorksThroughWhichQueues(t *testing.T) {
	t.Parallel()
	open := []incident.OpenCases{
		{State: incident.Returned, Late: true, Mine: true, N: 3}, {State: incident.Reported, Soon: true, NoGround: true, N: 2}, {State: incident.FedBack, Supervised: true, N: 4},
		{State: incident.Handling, Asked: true, N: 1}, {State: incident.Suspended, N: 5}, {State: incident.Dispatched, Mine: true, N: 7}, {State: incident.Evaluating, N: 6},
	}
	type counts map[incident.Queue][2]int
	everybody := counts{"late": {3, 3}, "soon": {2, 0}, "returned": {3, 3}, "unsigned": {7, 0}, "supervised": {4, 0}, "suspended": {5, 0}, "open": {28, 3}}
	desk := counts{"mine": {10, 3}, "triage": {2, 0}, "dispatch": {3, 3}, "check": {4, 0}, "evaluate": {6, 0}, "approve": {1, 0}, "noground": {2, 0}}
	for role, more := range map[access.Role]counts{
		access.Operator: desk, access.Commander: desk, access.Station: desk,
		access.DeptClerk: {"mine": {10, 3}}, access.Inspector: {}, access.KioskRole: {},
	} {
		want := counts{}
		for _, c := range []counts{everybody, more} {
			for q, n := range c {
				want[q] = n
			}
		}
		got := incident.Queues(access.Principal{Posts: []access.Post{{Org: 1, Path: "1.", Role: role}}}, open)
		for _, q := range got {
			if n, ok := want[q.Code]; !ok || n != [2]int{q.Count, q.Late} || q.Name == "" || !incident.QueueKnown(q.Code) {
				t.Errorf("%s: %+v, want %v", role, q, n)
			}
		}
		if len(got) != len(want) {
			t.Errorf("%s has %d queues, want %d", role, len(got), len(want))
		}
	}
}
