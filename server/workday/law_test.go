package workday_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gridward/gridward/server/workday"
)

// anyPlan draws a calendar: a week, hours that may run past midnight, a season,
// days of its own, following the lists or not.
func anyPlan(t *rapid.T) workday.Plan {
	if rapid.IntRange(0, 9).Draw(t, "always") == 0 {
		return workday.Plan{RoundTheClock: true}
	}
	clock := func(m int) string { return fmt.Sprintf("%02d:%02d", m/60, m%60) }
	periods := func(name string) []workday.Period {
		cuts := rapid.SliceOfNDistinct(rapid.IntRange(0, 1439), 2, 6, rapid.ID[int]).Draw(t, name)
		slices.Sort(cuts)
		var out []workday.Period
		for i := 0; i+1 < len(cuts); i += 2 {
			out = append(out, workday.Period{From: clock(cuts[i]), To: clock(cuts[i+1])})
		}
		if rapid.IntRange(0, 3).Draw(t, name+" night") == 0 { // the last one runs until somewhere before the first of the next day
			out[len(out)-1].To = clock(rapid.IntRange(0, cuts[0]).Draw(t, name+" until"))
		}
		return out
	}
	p := workday.Plan{Holidays: rapid.Bool().Draw(t, "holidays"), Periods: periods("periods")}
	p.Weekdays = rapid.SliceOfNDistinct(rapid.IntRange(1, 7), 1, 7, rapid.ID[int]).Draw(t, "weekdays")
	if rapid.Bool().Draw(t, "own hours") {
		p.ByWeekday = map[int][]workday.Period{p.Weekdays[0]: periods("by weekday")}
	}
	if rapid.Bool().Draw(t, "season") {
		p.Seasons = []workday.Season{{Name: "夏", From: "06-16", To: "09-15", Periods: periods("season")}}
	}
	for _, n := range rapid.SliceOfNDistinct(rapid.IntRange(0, 800), 0, 8, rapid.ID[int]).Draw(t, "days") {
		s := workday.Special{Date: workday.Date(2025, 1, 1) + workday.Day(n), Work: rapid.Bool().Draw(t, "work")}
		if s.Work && rapid.Bool().Draw(t, "special hours") {
			s.Periods = periods("special")
		}
		p.Days = append(p.Days, s)
	}
	return p
}

func anyCalendar(t *rapid.T, lists []workday.List) *workday.Calendar {
	c, err := workday.New(anyPlan(t), workday.NewLists(lists...))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func instant(t *rapid.T, name string) time.Time {
	return time.Unix(rapid.Int64Range(1735660800, 1798732800+90*86400).Draw(t, name), 0) // 2025 to spring 2027
}

func anyLimit(t *rapid.T) workday.Limit {
	switch rapid.IntRange(0, 3).Draw(t, "unit") {
	case 0:
		return wd(rapid.IntRange(1, 12).Draw(t, "n"))
	case 1:
		return wh(rapid.IntRange(1, 3000).Draw(t, "n"))
	case 2:
		return nat(rapid.IntRange(1, 6000).Draw(t, "n"))
	}
	return today
}

func TestWhatHoldsForEveryCalendar(t *testing.T) {
	t.Parallel()
	lists := bundled(t)
	t.Run("who comes later is never due earlier", rapid.MakeCheck(func(t *rapid.T) {
		c, l := anyCalendar(t, lists), anyLimit(t)
		a, b := instant(t, "a"), instant(t, "b")
		if b.Before(a) {
			a, b = b, a
		}
		x, y := c.Due(a, l, .2), c.Due(b, l, .2)
		if y.At.Before(x.At) || y.Effective.Before(x.Effective) {
			t.Fatalf("%s + %s is due %s, %s already %s", a, l, x.At, b, y.At)
		}
		if x.Effective.Before(a) || x.At.Before(x.Effective) || x.WarnAt.Before(x.Effective) || x.WarnAt.After(x.At) {
			t.Fatalf("out of order: %+v", x)
		}
		if l.Unit != workday.Plain && c.Worked(x.Effective, x.At) != x.Total {
			t.Fatalf("%s worked of %s", c.Worked(x.Effective, x.At), x.Total)
		}
		if left := c.Left(x.WarnAt, x.At, l.Unit); left.Seconds() > .2*x.Total.Seconds()+1 {
			t.Fatalf("yellow with %s of %s left", left, x.Total)
		}
	}))
	t.Run("a duration in parts is the duration", rapid.MakeCheck(func(t *rapid.T) {
		c, from := anyCalendar(t, lists), instant(t, "from")
		a := time.Duration(rapid.Int64Range(0, 300_000).Draw(t, "a")) * time.Second
		b := time.Duration(rapid.Int64Range(0, 300_000).Draw(t, "b")) * time.Second
		if whole, parts := c.Add(from, a+b), c.Add(c.Add(from, a), b); !whole.Equal(parts) {
			t.Fatalf("working time: %s at once, %s in parts", whole, parts)
		}
		if a > 0 && c.Worked(from, c.Add(from, a)) != a {
			t.Fatalf("%s was added, %s was worked", a, c.Worked(from, c.Add(from, a)))
		}
		mid, to := from.Add(a), from.Add(a+b)
		if c.Worked(from, mid)+c.Worked(mid, to) != c.Worked(from, to) {
			t.Fatal("what was worked in parts is not what was worked")
		}
		n, m := int(a/time.Minute)+1, int(b/time.Minute)+1
		if one, two := c.Due(from, nat(n+m), 0).At, c.Due(c.Due(from, nat(n), 0).At, nat(m), 0).At; !one.Equal(two) {
			t.Fatalf("plain time: %s at once, %s in parts", one, two)
		}
		if one, two := c.Due(from, wh(n+m), 0).At, c.Due(c.Due(from, wh(n), 0).At, wh(m), 0).At; !one.Equal(two) {
			t.Fatalf("working limits: %s at once, %s in parts", one, two)
		}
	}))
	t.Run("standing still shifts exactly", rapid.MakeCheck(func(t *rapid.T) {
		c, l, start := anyCalendar(t, lists), anyLimit(t), instant(t, "start")
		d := c.Due(start, l, .2)
		due, total := d, d.Total
		for range rapid.IntRange(1, 4).Draw(t, "times") {
			stop := due.Effective.Add(time.Duration(rapid.Int64Range(0, 400_000).Draw(t, "stop")) * time.Second)
			if !stop.Before(due.At) {
				break // overdue: nothing to shift
			}
			again := stop.Add(time.Duration(rapid.Int64Range(0, 2_000_000).Draw(t, "pause")) * time.Second)
			left := c.Left(stop, due.At, l.Unit)
			if left == 0 {
				break
			}
			next := c.Resume(again, left, total, l.Unit, .2)
			shift := again.Sub(stop)
			want := due.At.Add(shift)
			if l.Unit != workday.Plain {
				shift = c.Worked(stop, again)
				want = c.Add(due.At, shift)
			}
			if !next.At.Equal(want) {
				t.Fatalf("%s stood still for %s: due %s, now %s, want %s", l, shift, due.At, next.At, want)
			}
			if c.Left(again, next.At, l.Unit) != left {
				t.Fatalf("%s left before, %s after", left, c.Left(again, next.At, l.Unit))
			}
			// what counted before and what counts after is the whole
			if counted := c.Left(due.Effective, stop, l.Unit) + c.Left(again, next.At, l.Unit); counted != c.Left(due.Effective, due.At, l.Unit) {
				t.Fatalf("%s counted of %s", counted, c.Left(due.Effective, due.At, l.Unit))
			}
			due = next
		}
	}))
	t.Run("the order of edits is irrelevant", rapid.MakeCheck(func(t *rapid.T) {
		p := anyPlan(t)
		extra := []workday.List{
			{Year: 2027, Status: workday.Published, Days: []workday.Holiday{{Date: workday.Date(2026, 12, 31), Off: true}, {Date: workday.Date(2027, 1, 1), Off: true}}},
			{Year: 2026, Status: workday.Published, Days: []workday.Holiday{{Date: workday.Date(2026, 12, 31), Off: false}}},
		}
		all := append(slices.Clone(lists[:2]), extra...)
		one, err := workday.New(p, workday.NewLists(all...))
		if err != nil {
			t.Fatal(err)
		}
		q := p
		q.Days, q.Weekdays, q.Periods = rapid.Permutation(p.Days).Draw(t, "days"), rapid.Permutation(p.Weekdays).Draw(t, "week"), rapid.Permutation(p.Periods).Draw(t, "hours")
		two, err := workday.New(q, workday.NewLists(rapid.Permutation(all).Draw(t, "lists")...))
		if err != nil {
			t.Fatal(err)
		}
		start, l := instant(t, "start"), anyLimit(t)
		if x, y := one.Due(start, l, .2), two.Due(start, l, .2); x != y {
			t.Fatalf("%+v\n%+v", x, y)
		}
	}))
	t.Run("more days later is later, and by whole days", rapid.MakeCheck(func(t *rapid.T) {
		c, start := anyCalendar(t, lists), instant(t, "start")
		n, days := rapid.IntRange(1, 10).Draw(t, "n"), rapid.IntRange(1, 10).Draw(t, "days")
		longer := c.Extend(c.Due(start, wd(n), .2), days, workday.Days, .2)
		if want := c.Due(start, wd(n+days), .2); longer.At != want.At || longer.Total != want.Total || longer.WarnAt != want.WarnAt || longer.Provisional != want.Provisional {
			t.Fatalf("%d and then %d working days: %+v, at once %+v", n, days, longer, want)
		}
	}))
}

func FuzzParseList(f *testing.F) {
	f.Add([]byte(of2027))
	f.Add([]byte("日期,名称,类型\n2027-01-01,元旦,休\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, read := range []func() (workday.List, error){
			func() (workday.List, error) { return workday.ParseJSON(data) },
			func() (workday.List, error) { return workday.ParseCSV(data, 0) },
		} {
			l, err := read()
			if err != nil {
				continue
			}
			if len(l.Days) == 0 || !slices.IsSortedFunc(l.Days, func(a, b workday.Holiday) int { return int(a.Date - b.Date) }) {
				t.Fatalf("%+v", l)
			}
			l.Doubts()
		}
	})
}

func BenchmarkDue(b *testing.B) {
	c := made(b, office(), bundled(b)...)
	start := at(b, "2026-02-13 10:00")
	for b.Loop() {
		c.Due(start, wd(5), .2)
	}
}
