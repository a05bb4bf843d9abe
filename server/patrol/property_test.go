package patrol_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/paulmach/orb"
	"pgregory.net/rapid"

	"github.com/gridward/gridward/geo/fence"
	"github.com/gridward/gridward/geo/trail"
	"github.com/gridward/gridward/server/fleet"
	"github.com/gridward/gridward/server/patrol"
	"github.com/gridward/gridward/server/workday"
)

// anyDay draws somebody's day in and around two grids: fixes of every quality
// from 04:00 on, sessions and a shift that overlap or do not, visits.
func anyDay(t *rapid.T) patrol.Input {
	var fixes []trail.Fix
	ms := at("04:00")
	for range rapid.IntRange(0, 200).Draw(t, "fixes") {
		ms += rapid.Int64Range(1, 600).Draw(t, "after") * 1000
		p := orb.Point{lon0 + rapid.Float64Range(-0.1, 2.1).Draw(t, "east")*side, lat0 + rapid.Float64Range(-0.1, 1.1).Draw(t, "north")*side}
		f := fixAt(ms, p)
		f.Accuracy = float32(rapid.IntRange(3, 70).Draw(t, "accuracy"))
		if rapid.IntRange(0, 20).Draw(t, "mock") == 0 {
			f.Flags = uint32(fleet.Mock)
		}
		if rapid.Bool().Draw(t, "h5") {
			f.Source = uint8(fleet.FromNative)
		}
		fixes = append(fixes, f)
	}
	in := onPatrol(fixes, duties(), with(visit(1, "08:00", "08:20"), visit(2, "14:00", "14:01")))
	start := monday.Start().UnixMilli()
	for range rapid.IntRange(0, 4).Draw(t, "duties") {
		from := start + rapid.Int64Range(3*3600, 22*3600).Draw(t, "from")*1000
		in.Duties = append(in.Duties, patrol.Duty{From: from, To: from + rapid.Int64Range(0, 6*3600).Draw(t, "long")*1000,
			Purpose: rapid.SampledFrom([]string{"patrol", "visit", "window"}).Draw(t, "purpose"), Shift: rapid.IntRange(0, 3).Draw(t, "shift") == 0})
	}
	in.Grids = []fence.Area{one, two}
	return in
}

func TestOrderAndRepeatsChangeNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := anyDay(t)
		again := in
		again.Fixes = slices.Clone(in.Fixes)
		for _, f := range in.Fixes {
			if rapid.IntRange(0, 3).Draw(t, "again") == 0 {
				again.Fixes = append(again.Fixes, f)
			}
		}
		if len(again.Fixes) > 0 {
			again.Fixes = rapid.Permutation(again.Fixes).Draw(t, "order")
		}
		again.Visits = []patrol.Visit{in.Visits[1], in.Visits[0]}
		again.Duties = slices.Clone(in.Duties)
		slices.Reverse(again.Duties)
		again.Grids = []fence.Area{two, one}
		p := patrol.Defaults()
		a, walkA := patrol.Measure(in, p)
		b, walkB := patrol.Measure(again, p)
		if x, y := jsonText(a), jsonText(b); x != y {
			t.Fatalf("other order, other day:\n%s\n%s", x, y)
		}
		if jsonText(walkA) != jsonText(walkB) {
			t.Fatal("other order, other walk")
		}
		if string(in.Digest(p, "r")) != string(again.Digest(p, "r")) {
			t.Fatal("other order, other digest")
		}
		accounted(t, a)
	})
}

// No half has more minutes than the window has, nor than its fixes and duties
// span; no grid more than the whole; and what counts is on duty that counts.
func TestMinutesNeverExceedTheWindow(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := anyDay(t)
		p := patrol.Defaults()
		p.From = rapid.SampledFrom([]string{"06:00", "08:00", "12:00"}).Draw(t, "from")
		p.To = rapid.SampledFrom([]string{"13:00", "18:00", "22:00"}).Draw(t, "to")
		m, _ := patrol.Measure(in, p)
		accounted(t, m)
		lo, split, hi := at(p.From), at(p.Split), at(p.To)
		if am, pm := m.Halves[0].Ms, m.Halves[1].Ms; am > split-lo || pm > hi-split {
			t.Fatalf("%d and %d ms between %s and %s", am, pm, p.From, p.To)
		}
		if m.InMs+m.OutMs > hi-lo || m.Halves[0].Ms+m.Halves[1].Ms > m.InMs+m.Halves[0].IndoorMs+m.Halves[1].IndoorMs {
			t.Fatalf("in %d, out %d, halves %+v", m.InMs, m.OutMs, m.Halves)
		}
		for _, iv := range m.Intervals {
			if !iv.Counted {
				continue
			}
			if iv.From < lo || iv.To > hi || (iv.Half == patrol.AM) != (iv.To <= split) {
				t.Fatalf("%+v counts", iv)
			}
			for ms := iv.From; ms < iv.To; ms += 1000 {
				if !slices.ContainsFunc(in.Duties, func(d patrol.Duty) bool { return d.Purpose != "window" && ms >= d.From && ms+1000 <= d.To }) {
					t.Fatalf("%+v counts, off duty", iv)
				}
			}
		}
	})
}

// A session that is ended and begun again at the same instant, wherever, is as
// good as one.
func TestSplittingASessionChangesNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := anyDay(t)
		cut := in
		cut.Duties = nil
		for _, d := range in.Duties {
			for d.To-d.From > 2000 && rapid.Bool().Draw(t, "cut") {
				first := d
				first.To = d.From + rapid.Int64Range(1, (d.To-d.From)/1000-1).Draw(t, "at")*1000
				d.From = first.To
				cut.Duties = append(cut.Duties, first)
			}
			cut.Duties = append(cut.Duties, d)
		}
		a, walkA := patrol.Measure(in, patrol.Defaults())
		b, walkB := patrol.Measure(cut, patrol.Defaults())
		if x, y := jsonText(a), jsonText(b); x != y {
			t.Fatalf("%+v\n%+v\n%s\n%s", in.Duties, cut.Duties, x, y)
		}
		if jsonText(walkA) != jsonText(walkB) {
			t.Fatal("another walk")
		}
	})
}

// Leave never asks for more, and the share asked for is that of the document:
// ceil(3 × working days ÷ 5), a half-day of leave being half a day.
func TestWhatAWeekAsksFor(t *testing.T) {
	t.Parallel()
	cal := office(t)
	rapid.Check(t, func(t *rapid.T) {
		week := patrol.Monday(workday.Date(2026, 1, 5)) + 7*workday.Day(rapid.IntRange(0, 50).Draw(t, "week"))
		var days [7]patrol.WeekDay
		halves, working := 0, 0
		var leave []patrol.Leave
		for i := range days {
			d := week + workday.Day(i)
			if cal.Working(d) {
				working++
			}
			for h := patrol.AM; h <= patrol.PM; h++ {
				off := rapid.IntRange(0, 4).Draw(t, "off") == 0
				if off {
					leave = append(leave, patrol.Leave{FromDay: d, FromHalf: h, ToDay: d, ToHalf: h})
				}
				if cal.Working(d) && !off {
					halves++
				}
			}
		}
		for i := range days {
			days[i].Leave = leave
		}
		n := rapid.IntRange(1, 14).Draw(t, "quota")
		r := patrol.InForce([]patrol.Policy{{ID: 1, Version: 1, Rule: patrol.HalfDayQuota, Holiday: patrol.Prorate, Params: patrol.Params{Required: n}}}, "1.", week)
		w := patrol.Week(week, days, cal, r, patrol.Coverage{})
		want := min(n, (n*halves+9)/10)
		if w.Required != want || w.WorkingDays != working || w.LeaveHalves != 2*working-halves {
			t.Fatalf("%d required, want %d; %d working days, %d halves of leave", w.Required, want, w.WorkingDays, w.LeaveHalves)
		}
	})
}

func jsonText(v any) string { b, _ := json.Marshal(v); return string(b) }
