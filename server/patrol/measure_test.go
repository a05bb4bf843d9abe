package patrol_test

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/geo/fence"
	"github.com/gridward/gridward/geo/trail"
	"github.com/gridward/gridward/server/fleet"
	"github.com/gridward/gridward/server/patrol"
	"github.com/gridward/gridward/server/workday"
)

// The ground of these tests: two squares of about a kilometre that share an
// edge, grid 1 in the west and grid 2 in the east.
const (
	lon0, lat0 = 114.20, 22.68
	side       = 0.009
	metre      = 1.0 / 111195 // of latitude, in degrees
)

var monday = workday.Date(2026, time.November, 23)

func block(id int64, west float64) fence.Area {
	return fence.Area{ID: id, Version: 1, Code: fmt.Sprintf("99010100100%04d", id), Shape: orb.MultiPolygon{{{{west, lat0}, {west + side, lat0}, {west + side, lat0 + side}, {west, lat0 + side}, {west, lat0}}}}}
}

var (
	one, two = block(1, lon0), block(2, lon0+side)
	middle   = orb.Point{lon0 + side/2, lat0 + side/2}
)

// at is an instant of the Monday: "09:00" or "09:00:30".
func at(clock string) int64 {
	layout := "15:04"
	if strings.Count(clock, ":") == 2 {
		layout = "15:04:05"
	}
	t, err := time.Parse(layout, clock)
	if err != nil {
		panic(err)
	}
	return monday.Start().Add(time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute + time.Duration(t.Second())*time.Second).UnixMilli()
}

func fixAt(ms int64, p orb.Point) trail.Fix {
	return trail.Fix{Ms: ms, Point: p, Accuracy: 8, Speed: 1, Course: float32(math.NaN()), Source: uint8(fleet.FromOsmAnd)}
}

// walk is somebody going to and fro near p, heard of every so many seconds.
func walk(from, to string, every int64, p orb.Point) []trail.Fix {
	var out []trail.Fix
	for ms := at(from); ms <= at(to); ms += every * 1000 {
		out = append(out, fixAt(ms, sway(ms, p)))
	}
	return out
}

// sway moves a place by a few metres, as somebody who walks about does.
func sway(ms int64, p orb.Point) orb.Point {
	a := float64(ms/1000%600) / 600 * 2 * math.Pi
	return orb.Point{p[0] + 12*metre*math.Sin(a), p[1] + 6*metre*math.Sin(2*a)}
}

func north(p orb.Point, m float64) orb.Point { return orb.Point{p[0], p[1] + m*metre} }

// east is a place so many metres beyond the border of the two grids.
func east(m float64) orb.Point {
	return orb.Point{lon0 + side + m*metre/math.Cos(middle[1]*math.Pi/180), middle[1]}
}

func duty(from, to, purpose string) patrol.Duty {
	return patrol.Duty{From: at(from), To: at(to), Purpose: purpose}
}

func visit(id byte, from, to string) patrol.Visit {
	p := middle
	return patrol.Visit{ID: uuid.UUID{15: id}, At: time.UnixMilli(at(from)), Left: time.UnixMilli(at(to)), Point: &p, TargetPoint: &p, Target: 7, TargetKind: "household", Outcome: patrol.Normal, Method: patrol.OnSite, Verified: patrol.AutoOK}
}

func join(parts ...[]trail.Fix) []trail.Fix { return slices.Concat(parts...) }

// onPatrol is an input with a whole day on patrol in grid 1.
func onPatrol(fixes []trail.Fix, change ...func(*patrol.Input)) patrol.Input {
	in := patrol.Input{Day: monday, Fixes: fixes, Duties: []patrol.Duty{duty("00:00", "23:59", "patrol")}, Grids: []fence.Area{one}}
	for _, c := range change {
		c(&in)
	}
	return in
}

func with(v ...patrol.Visit) func(*patrol.Input) { return func(in *patrol.Input) { in.Visits = v } }

func duties(d ...patrol.Duty) func(*patrol.Input) { return func(in *patrol.Input) { in.Duties = d } }

func edit(v patrol.Visit, do func(*patrol.Visit)) patrol.Visit { do(&v); return v }

// marked gives every fix between the two clocks an accuracy and flags.
func marked(fixes []trail.Fix, from, to string, accuracy float32, flags fleet.Flag) []trail.Fix {
	for i := range fixes {
		if fixes[i].Ms >= at(from) && fixes[i].Ms <= at(to) {
			fixes[i].Accuracy, fixes[i].Flags = accuracy, uint32(flags)
		}
	}
	return fixes
}

func h5(fixes ...trail.Fix) []trail.Fix {
	for i := range fixes {
		fixes[i].Source = uint8(fleet.FromNative)
	}
	return fixes
}

func TestEffectiveMinutesByHand(t *testing.T) {
	t.Parallel()
	ends := func(gapFrom, gapTo string, before, after float64) []trail.Fix { // an hour before the gap, an hour after it
		return join(walk("09:00", gapFrom, 60, north(middle, before)), walk(gapTo, "11:00", 60, north(middle, after)))
	}
	inside := visit(1, "09:35", "09:50")
	south := orb.Point{middle[0], lat0}
	for name, c := range map[string]struct {
		in     patrol.Input
		am, pm float64 // minutes
		ok     string  // which halves qualify
		why    string  // that must have taken time away or given it
	}{
		"two hours in the morning are a half-day":      {onPatrol(walk("09:00", "11:00", 30, middle)), 120, 0, "am", patrol.WhyOK},
		"half a minute less is none":                   {onPatrol(walk("09:00", "10:59:30", 30, middle)), 119.5, 0, "", patrol.WhyOK},
		"three hours around 12:30 are split":           {onPatrol(walk("11:00", "14:00", 30, middle)), 90, 90, "", patrol.WhyOK},
		"four hours around 12:30 are two half-days":    {onPatrol(walk("10:30", "14:30", 30, middle)), 120, 120, "am pm", patrol.WhyOK},
		"a pair of fixes across 12:30 is split itself": {onPatrol([]trail.Fix{fixAt(at("12:29:20"), middle), fixAt(at("12:30:50"), north(middle, 20))}), 40.0 / 60, 50.0 / 60, "", patrol.WhyOK},
		"two sessions of an hour are summed, the time between them is not": {onPatrol(walk("08:00", "11:00", 30, middle), duties(duty("08:00", "09:00", "patrol"), duty("10:00", "11:00", "visit"))),
			120, 0, "am", patrol.WhyOffDuty},
		"a session across 12:30 is split":                   {onPatrol(walk("11:30", "14:30", 30, middle), duties(duty("11:30", "14:30", "emergency"))), 60, 120, "pm", patrol.WhyOK},
		"120 seconds of silence count, 121 not":             {onPatrol([]trail.Fix{fixAt(at("09:00"), middle), fixAt(at("09:02"), north(middle, 30)), fixAt(at("09:04:01"), north(middle, 60))}), 2, 0, "", patrol.WhyGap},
		"the worker page may sleep for 300":                 {onPatrol(h5(fixAt(at("09:00"), middle), fixAt(at("09:05"), north(middle, 30)), fixAt(at("09:10:01"), north(middle, 60)))), 5, 0, "", patrol.WhyGap},
		"three sleeps of 300 s and one of 301":              {onPatrol(h5(fixAt(at("09:00"), middle), fixAt(at("09:05"), north(middle, 30)), fixAt(at("09:10"), middle), fixAt(at("09:15"), north(middle, 30)), fixAt(at("09:20:01"), middle))), 15, 0, "", patrol.WhyGap},
		"a vague fix in a sleep changes nothing":            {onPatrol(marked(h5(fixAt(at("09:00"), middle), fixAt(at("09:02"), middle), fixAt(at("09:05"), north(middle, 30))), "09:02", "09:02", 80, 0)), 5, 0, "", patrol.WhyOK},
		"one end of another client allows 120":              {onPatrol([]trail.Fix{h5(fixAt(at("09:00"), middle))[0], fixAt(at("09:03"), north(middle, 30))}), 0, 0, "", patrol.WhyGap},
		"a vague fix between good ones costs nothing":       {onPatrol(marked(walk("09:00", "09:10", 30, middle), "09:05", "09:05", 51, 0)), 10, 0, "", patrol.WhyOK},
		"accuracy of 50 m is accepted":                      {onPatrol(marked(walk("09:00", "09:10", 30, middle), "09:02", "09:08", 50, 0)), 10, 0, "", patrol.WhyOK},
		"six vague minutes are lost, and say so":            {onPatrol(marked(walk("09:00", "09:20", 60, middle), "09:05", "09:10", 51, 0)), 13, 0, "", patrol.WhyVague},
		"mock fixes never count":                            {onPatrol(marked(walk("09:00", "09:20", 60, middle), "09:05", "09:10", 8, fleet.Mock)), 13, 0, "", patrol.WhyMock},
		"all mocked is nothing":                             {onPatrol(marked(walk("09:00", "11:00", 60, middle), "09:00", "11:00", 8, fleet.Mock)), 0, 0, "", ""},
		"29 m outside the border counts":                    {onPatrol([]trail.Fix{fixAt(at("09:00"), north(south, -29)), fixAt(at("09:01"), north(south, -29))}), 1, 0, "", patrol.WhyOK},
		"31 m outside does not":                             {onPatrol([]trail.Fix{fixAt(at("09:00"), north(south, -31)), fixAt(at("09:01"), north(south, -31))}), 0, 0, "", patrol.WhyOutside},
		"29 m into the neighbour's grid counts":             {onPatrol([]trail.Fix{fixAt(at("09:00"), east(29)), fixAt(at("09:01"), east(29))}), 1, 0, "", patrol.WhyOK},
		"31 m into the neighbour's grid does not":           {onPatrol([]trail.Fix{fixAt(at("09:00"), east(31)), fixAt(at("09:01"), east(31))}), 0, 0, "", patrol.WhyOutside},
		"on the border itself it does":                      {onPatrol([]trail.Fix{fixAt(at("09:00"), east(0)), fixAt(at("09:01"), east(0))}), 1, 0, "", patrol.WhyOK},
		"one fix inside and one outside does not":           {onPatrol([]trail.Fix{fixAt(at("09:00"), north(south, 10)), fixAt(at("09:01"), north(south, -40))}), 0, 0, "", patrol.WhyOutside},
		"before 06:00 and after 22:00 nothing counts":       {onPatrol(join(walk("05:30", "06:30", 60, middle), walk("21:30", "22:30", 60, middle))), 30, 30, "", patrol.WhyWindow},
		"at the window it does not count":                   {onPatrol(walk("09:00", "11:00", 60, middle), duties(duty("09:00", "11:00", "window"))), 0, 0, "", patrol.WhyPurpose},
		"off duty under a call for help neither":            {onPatrol(walk("09:00", "11:00", 60, middle), duties()), 0, 0, "", ""},
		"nor where no grid is assigned":                     {onPatrol(walk("09:00", "11:00", 60, middle), func(in *patrol.Input) { in.Grids = nil }), 0, 0, "", patrol.WhyNoGrid},
		"a shift holds where there is no session":           {onPatrol(walk("09:00", "11:00", 60, middle), duties(patrol.Duty{From: at("08:00"), To: at("12:00"), Purpose: "patrol", Shift: true}, duty("10:00", "12:00", "window"))), 60, 0, "", patrol.WhyPurpose},
		"sessions that follow without a break lose nothing": {onPatrol(walk("09:00", "11:00", 50, middle), duties(duty("09:00", "09:33:10", "patrol"), duty("09:33:10", "10:20", "visit"), duty("10:20", "11:00", "patrol"))), 120, 0, "am", patrol.WhyOK},
		"half a minute off duty between two fixes": {onPatrol([]trail.Fix{fixAt(at("09:00"), middle), fixAt(at("09:01:30"), north(middle, 20))}, duties(duty("08:00", "09:00:20", "patrol"), duty("09:00:50", "10:00", "patrol"))),
			1, 0, "", patrol.WhyOffDuty},
		"seven sessions of 20 minutes make 120, and one before them 20 more": {onPatrol(walk("06:00", "12:30", 60, middle), duties(duty("06:00", "06:20", "patrol"), duty("07:00", "07:20", "visit"), duty("08:00", "08:20", "emergency"), duty("09:00", "09:20", "patrol"), duty("10:00", "10:20", "patrol"), duty("11:00", "11:20", "patrol"), duty("12:10", "12:30", "patrol"))),
			140, 0, "am", patrol.WhyOffDuty},
		"a minute short in each half: 119 and 119":   {onPatrol(walk("10:31", "14:29", 60, middle)), 119, 119, "", patrol.WhyOK},
		"from 04:00 to 23:00 the window is 06 to 22": {onPatrol(walk("04:00", "23:00", 60, middle)), 390, 570, "am pm", patrol.WhyWindow},
		"a pair of fixes across 06:00":               {onPatrol([]trail.Fix{fixAt(at("05:59:30"), middle), fixAt(at("06:00:30"), north(middle, 20))}), .5, 0, "", patrol.WhyWindow},
		"a pair of fixes across 22:00":               {onPatrol([]trail.Fix{fixAt(at("21:59:15"), middle), fixAt(at("22:00:45"), north(middle, 20))}), 0, .75, "", patrol.WhyWindow},

		"indoors for 25 minutes with a visit":      {onPatrol(ends("09:30", "09:55", 0, 0), with(inside)), 120, 0, "am", patrol.WhyIndoor},
		"30 minutes exactly":                       {onPatrol(ends("09:30", "10:00", 0, 0), with(inside)), 120, 0, "am", patrol.WhyIndoor},
		"31 minutes are too long":                  {onPatrol(ends("09:30", "10:01", 0, 0), with(inside)), 89, 0, "", patrol.WhyGap},
		"without a visit a gap is a gap":           {onPatrol(ends("09:30", "09:55", 0, 0)), 95, 0, "", patrol.WhyGap},
		"a visit outside the gap explains nothing": {onPatrol(ends("09:30", "09:55", 0, 0), with(visit(1, "10:10", "10:20"))), 95, 0, "", patrol.WhyGap},
		"gone in at the door, out at the next":     {onPatrol(ends("09:30", "09:55", -45, 45), with(inside)), 120, 0, "am", patrol.WhyIndoor},
		"both ends at 59.9 m":                      {onPatrol(ends("09:30", "09:55", -59.9, 59.9), with(inside)), 120, 0, "am", patrol.WhyIndoor},
		"one end 61 m away":                        {onPatrol(ends("09:30", "09:55", 0, 61), with(inside)), 95, 0, "", patrol.WhyGap},
		"a visit that ended when the gap began":    {onPatrol(ends("09:30", "09:55", 0, 0), with(visit(1, "09:10", "09:30"))), 95, 0, "", patrol.WhyGap},
		"a visit that begins when the gap ends":    {onPatrol(ends("09:30", "09:55", 0, 0), with(visit(1, "09:55", "10:05"))), 95, 0, "", patrol.WhyGap},
		"one that began before the last fix":       {onPatrol(ends("09:30", "09:55", 0, 0), with(visit(1, "09:25", "09:50"))), 120, 0, "am", patrol.WhyIndoor},
		"a record without an end, inside":          {onPatrol(ends("09:30", "09:55", 0, 0), with(edit(inside, func(v *patrol.Visit) { v.Left = time.Time{} }))), 120, 0, "am", patrol.WhyIndoor},
		"refused at the door: an attempt":          {onPatrol(ends("09:30", "09:55", 0, 0), with(edit(inside, func(v *patrol.Visit) { v.Outcome = patrol.Refused }))), 95, 0, "", patrol.WhyGap},
		"two visits in two gaps of half an hour":   {onPatrol(join(walk("09:00", "09:20", 60, middle), walk("09:50", "10:00", 60, middle), walk("10:30", "11:00", 60, middle)), with(visit(1, "09:25", "09:45"), visit(2, "10:05", "10:25"))), 120, 0, "am", patrol.WhyIndoor},
		"indoors past the end of duty: until then": {onPatrol(join(walk("09:00", "09:30", 60, middle), walk("09:55", "10:00", 60, middle)), with(inside), duties(duty("09:00", "09:40", "visit"), duty("09:50", "10:00", "visit"))), 50, 0, "", patrol.WhyIndoor},
		"a call by phone happens anywhere":         {onPatrol(ends("09:30", "09:55", 0, 0), with(edit(inside, func(v *patrol.Visit) { v.Method = patrol.ByPhone }))), 95, 0, "", patrol.WhyGap},
		"nobody at home: nobody was indoors":       {onPatrol(ends("09:30", "09:55", 0, 0), with(edit(inside, func(v *patrol.Visit) { v.Outcome = patrol.NoOne }))), 95, 0, "", patrol.WhyGap},
		"a visit that somebody rejected":           {onPatrol(ends("09:30", "09:55", 0, 0), with(edit(inside, func(v *patrol.Visit) { v.Verified = patrol.Rejected }))), 95, 0, "", patrol.WhyGap},
		"a doubtful visit takes nothing away":      {onPatrol(ends("09:30", "09:55", 0, 0), with(edit(inside, func(v *patrol.Visit) { v.Verified = patrol.Doubtful }))), 120, 0, "am", patrol.WhyIndoor},
		"a gap indoors around 12:30 is split":      {onPatrol(join(walk("12:00", "12:20", 60, middle), walk("12:40", "13:00", 60, middle)), with(visit(1, "12:22", "12:38"))), 30, 30, "", patrol.WhyIndoor},
		"a visit in somebody else's grid":          {onPatrol(join(walk("09:00", "09:30", 60, orb.Point{lon0 + 1.5*side, middle[1]}), walk("09:50", "10:00", 60, orb.Point{lon0 + 1.5*side, middle[1]})), with(edit(visit(1, "09:35", "09:45"), func(v *patrol.Visit) { v.TargetPoint = &orb.Point{lon0 + 1.5*side, middle[1]} }))), 0, 0, "", patrol.WhyOutside},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, _ := patrol.Measure(c.in, patrol.Defaults())
			got := [2]float64{float64(m.Halves[0].Ms) / 60_000, float64(m.Halves[1].Ms) / 60_000}
			if math.Abs(got[0]-c.am) > 1e-9 || math.Abs(got[1]-c.pm) > 1e-9 {
				t.Errorf("%v minutes, by hand %v and %v\n%s", got, c.am, c.pm, show(m))
			}
			ok := ""
			for h, word := range []string{"am", "pm"} {
				if m.Halves[h].Qualified {
					ok = strings.TrimSpace(ok + " " + word)
				}
			}
			if ok != c.ok {
				t.Errorf("qualified %q, want %q", ok, c.ok)
			}
			if c.why != "" && !slices.ContainsFunc(m.Intervals, func(i patrol.Interval) bool { return i.Why == c.why }) {
				t.Errorf("no interval says %q\n%s", c.why, show(m))
			}
			accounted(t, m)
		})
	}
}

// accounted checks that the evidence adds up to the figures.
func accounted(t interface{ Errorf(string, ...any) }, m patrol.DayMeasure) {
	var sums [2]int64
	for i, iv := range m.Intervals {
		if iv.To <= iv.From || i > 0 && iv.From != m.Intervals[i-1].To {
			t.Errorf("interval %d does not follow the one before", i)
		}
		if iv.Counted {
			sums[iv.Half] += iv.To - iv.From
		}
		if patrol.Whys()[iv.Why] == "" {
			t.Errorf("%q has no words", iv.Why)
		}
	}
	var shares [2]int64
	for _, g := range m.Grids {
		for h := range shares {
			shares[h] += g.Halves[h].Ms
		}
	}
	for h := range sums {
		if sums[h] != m.Halves[h].Ms || shares[h] != m.Halves[h].Ms {
			t.Errorf("half %d: %d ms, its intervals %d, its grids %d", h, m.Halves[h].Ms, sums[h], shares[h])
		}
	}
}

func show(m patrol.DayMeasure) string {
	b, _ := json.MarshalIndent(m.Intervals, "", " ")
	return string(b)
}

// A gap of an hour in each half, and what a policy's own figures make of the day.
func TestThePolicysFiguresAreTheOnesThatMeasure(t *testing.T) {
	t.Parallel()
	in := onPatrol(join(walk("05:30", "06:30", 60, middle), walk("11:30", "13:30", 180, middle), marked(walk("21:30", "22:30", 60, middle), "21:30", "22:30", 70, 0)))
	for name, c := range map[string]struct {
		edit   func(*patrol.Params)
		am, pm int
	}{
		"as it is: half an hour, three minutes are too long, 70 m too vague": {func(*patrol.Params) {}, 30, 0},
		"gaps of three minutes count":                                        {func(p *patrol.Params) { p.GapMaxS = 180 }, 90, 60},
		"and the day is split at 12:00":                                      {func(p *patrol.Params) { p.GapMaxS, p.Split = 180, "12:00" }, 60, 90},
		"from 05:00":                                                         {func(p *patrol.Params) { p.From = "05:00" }, 60, 0},
		"70 m will do, until 22:00":                                          {func(p *patrol.Params) { p.AccuracyMaxM = 70 }, 30, 30},
		"and until 23:00":                                                    {func(p *patrol.Params) { p.AccuracyMaxM, p.To = 70, "23:00" }, 30, 60},
		"only visits count":                                                  {func(p *patrol.Params) { p.Purposes = []string{"visit"} }, 0, 0},
	} {
		p := patrol.Defaults()
		c.edit(&p)
		m, _ := patrol.Measure(in, p)
		if m.Halves[0].Minutes() != c.am || m.Halves[1].Minutes() != c.pm {
			t.Errorf("%s: %d and %d minutes, by hand %d and %d\n%s", name, m.Halves[0].Minutes(), m.Halves[1].Minutes(), c.am, c.pm, show(m))
		}
		accounted(t, m)
	}
}

// Whose minutes they are where two grids meet: of the grid that holds both ends,
// else of the one whose margin does, and never of both.
func TestBorderGrids(t *testing.T) {
	t.Parallel()
	pair := func(a, b orb.Point) []trail.Fix { return []trail.Fix{fixAt(at("09:00"), a), fixAt(at("09:01"), b)} }
	for name, c := range map[string]struct {
		fixes      []trail.Fix
		grids      []fence.Area
		west, east int // minutes
		out        int
	}{
		"two grids: within the west":                            {pair(east(-100), east(-110)), []fence.Area{one, two}, 1, 0, 0},
		"two grids: within the east":                            {pair(east(100), east(110)), []fence.Area{one, two}, 0, 1, 0},
		"two grids: in the west, in the margin of both":         {pair(east(-5), east(-10)), []fence.Area{one, two}, 1, 0, 0},
		"two grids: in the east, in the margin of both":         {pair(east(5), east(10)), []fence.Area{one, two}, 0, 1, 0},
		"two grids: across the border, both in its margin":      {pair(east(-20), east(20)), []fence.Area{one, two}, 1, 0, 0},
		"two grids: across it from afar goes where one came to": {pair(east(-50), east(50)), []fence.Area{one, two}, 0, 1, 0},
		"two grids: from the margin into the east":              {pair(east(-10), east(100)), []fence.Area{one, two}, 0, 1, 0},
		"one grid: along the border":                            {pair(east(0), north(east(0), 40)), []fence.Area{one}, 1, 0, 0},
		"one grid: deep in the neighbour's":                     {pair(east(200), east(210)), []fence.Area{one}, 0, 0, 1},
		"the neighbour's worker on the same border":             {pair(east(-29), east(-20)), []fence.Area{two}, 0, 1, 0},
		"from 31 m beyond it to the border":                     {pair(east(31), east(0)), []fence.Area{one}, 0, 0, 1},
	} {
		in := onPatrol(c.fixes)
		in.Grids = c.grids
		m, _ := patrol.Measure(in, patrol.Defaults())
		if w, e := m.Of(1)[0].Minutes(), m.Of(2)[0].Minutes(); w != c.west || e != c.east || m.OutMs != int64(c.out)*60_000 {
			t.Errorf("%s: west %d, east %d, %d ms outside; by hand %d, %d, %d minutes\n%s", name, w, e, m.OutMs, c.west, c.east, c.out, show(m))
		}
		accounted(t, m)
	}
	// 60 minutes in each of two grids are a half-day of the worker's and of neither grid
	in := onPatrol(join(walk("08:00", "09:00", 60, east(-60)), walk("09:01", "10:01", 60, east(60))))
	in.Grids = []fence.Area{one, two}
	m, _ := patrol.Measure(in, patrol.Defaults())
	if m.Halves[0].Minutes() != 121 || !m.Halves[0].Qualified || m.Of(1)[0].Minutes() != 60 || m.Of(2)[0].Minutes() != 61 || m.Of(1)[0].Qualified || m.Of(2)[0].Qualified {
		t.Errorf("%+v %+v", m.Halves, m.Grids)
	}
}

// What stands beside the minutes: share outside, average gap, attempts, nights of each grid.
func TestFiguresBesideTheMinutes(t *testing.T) {
	t.Parallel()
	p := patrol.Defaults()
	out := onPatrol(join(walk("09:00", "10:30", 60, east(-60)), walk("10:31", "11:00", 60, east(60))))
	if m, _ := patrol.Measure(out, p); m.InMs != 90*60_000 || m.OutMs != 30*60_000 || m.Halves[0].Minutes() != 90 {
		t.Errorf("90 minutes inside and 30 outside, one of them on the way: %d, %d", m.InMs, m.OutMs)
	}
	gaps := onPatrol([]trail.Fix{fixAt(at("09:00"), middle), fixAt(at("09:00:30"), middle), fixAt(at("09:02"), middle), fixAt(at("09:12"), middle)})
	if m, _ := patrol.Measure(gaps, p); m.Gaps != 3 || m.GapMs != 12*60_000 || m.InMs != 2*60_000 {
		t.Errorf("three gaps of 30 s, 90 s and 10 min: an average of 4 min: %d of %d", m.Gaps, m.GapMs)
	}
	apart := onPatrol(join(walk("09:00", "09:10", 60, middle), walk("11:00", "11:10", 60, middle)), duties(duty("09:00", "09:10", "patrol"), duty("11:00", "11:10", "patrol")))
	if m, _ := patrol.Measure(apart, p); m.Gaps != 20 || m.GapMs != 20*60_000 {
		t.Errorf("the time off duty is no gap: %d of %d", m.Gaps, m.GapMs)
	}
	called := onPatrol(walk("09:00", "11:00", 60, middle), with(visit(1, "09:10", "09:20"), edit(visit(2, "09:30", "09:31"), func(v *patrol.Visit) { v.Outcome = patrol.NoOne; v.Incidents = 1 }),
		edit(visit(3, "10:00", "10:20"), func(v *patrol.Visit) { v.Outcome = patrol.Problem; v.Incidents = 2 }), edit(visit(4, "10:30", "10:40"), func(v *patrol.Visit) { v.Method = patrol.ByVideo })))
	if m, _ := patrol.Measure(called, p); m.Visits != 2 || m.Attempts != 1 || m.Found != 3 {
		t.Errorf("two visits, one attempt, a call by video, three problems: %d, %d, %d", m.Visits, m.Attempts, m.Found)
	}
	called.AttemptCounts = true
	if m, _ := patrol.Measure(called, p); m.Visits != 3 || m.Attempts != 1 {
		t.Errorf("where 未遇 counts: %d, %d", m.Visits, m.Attempts)
	}
	night := onPatrol(join(walk("19:00", "19:40", 60, east(-60)), walk("19:42", "20:02", 60, east(60))))
	night.Grids = []fence.Area{one, two}
	if m, _ := patrol.Measure(night, p); !m.Night || !m.Grids[0].Night || m.Grids[1].Night || m.Grids[0].NightMs != 40*60_000 {
		t.Errorf("a night patrol of the west alone: %+v", m.Grids)
	}
}

func TestTwoGridsShareADayAndNoMinuteTwice(t *testing.T) {
	t.Parallel()
	west, east := middle, orb.Point{lon0 + 1.5*side, middle[1]}
	border := orb.Point{lon0 + side, middle[1]}
	in := onPatrol(join(walk("08:00", "09:00", 60, west), walk("09:10", "10:10", 60, border), walk("10:20", "11:20", 60, east)))
	in.Grids = []fence.Area{two, one}
	m, _ := patrol.Measure(in, patrol.Defaults())
	accounted(t, m)
	if m.Halves[0].Minutes() != 180 {
		t.Fatalf("%d minutes, want 180\n%s", m.Halves[0].Minutes(), show(m))
	}
	if w, e := m.Of(1)[0].Minutes(), m.Of(2)[0].Minutes(); w < 60 || e < 60 || w+e < 179 {
		t.Errorf("west %d, east %d", w, e)
	}
	in.Grids = []fence.Area{one}
	m, _ = patrol.Measure(in, patrol.Defaults())
	if got := m.Halves[0].Minutes(); got != 120 { // the border is within the margin of one's own grid
		t.Errorf("with the west alone %d minutes, want 120\n%s", got, show(m))
	}
	if m.OutMs != 60*60_000 {
		t.Errorf("outside for %d ms, want an hour", m.OutMs)
	}
}

func TestRoundsNightsAndDwell(t *testing.T) {
	t.Parallel()
	p := patrol.Defaults()
	for name, c := range map[string]struct {
		in    patrol.Input
		twice bool
		night bool
	}{
		"half an hour before 12:30 and half an hour after": {onPatrol(join(walk("09:00", "09:30", 60, middle), walk("15:00", "15:30", 60, middle)), duties(duty("09:00", "09:30", "patrol"), duty("15:00", "15:30", "patrol"))), true, false},
		"29 minutes in the afternoon are no round":         {onPatrol(join(walk("09:00", "09:30", 60, middle), walk("15:00", "15:29", 60, middle)), duties(duty("09:00", "09:30", "patrol"), duty("15:00", "15:29", "patrol"))), false, false},
		"two quarters of an hour in two sessions neither":  {onPatrol(join(walk("09:00", "09:30", 60, middle), walk("15:00", "15:15", 60, middle), walk("16:00", "16:15", 60, middle)), duties(duty("09:00", "09:30", "patrol"), duty("15:00", "15:15", "patrol"), duty("16:00", "16:15", "patrol"))), false, false},
		"one session across 12:30 is both rounds":          {onPatrol(walk("12:00", "13:00", 60, middle)), true, false},
		"half an hour from 19:00":                          {onPatrol(walk("19:00", "19:30", 60, middle)), false, true},
		"night runs past the window":                       {onPatrol(walk("21:50", "22:20", 60, middle)), false, true},
		"two quarters that follow without a break are one": {onPatrol(join(walk("09:00", "09:30", 60, middle), walk("15:00", "15:30", 60, middle)), duties(duty("09:00", "09:15", "patrol"), duty("09:15", "09:30", "visit"), duty("15:00", "15:30", "patrol"))), true, false},
		"both in the morning":                              {onPatrol(join(walk("07:00", "07:40", 60, middle), walk("11:00", "11:40", 60, middle)), duties(duty("07:00", "07:40", "patrol"), duty("11:00", "11:40", "patrol"))), false, false},
		"half an hour at the window is no round":           {onPatrol(join(walk("09:00", "09:30", 60, middle), walk("15:00", "15:30", 60, middle)), duties(duty("09:00", "09:30", "window"), duty("15:00", "15:30", "patrol"))), false, false},
		"29 minutes are no night patrol":                   {onPatrol(walk("18:31", "19:29", 60, middle)), false, false},
	} {
		m, _ := patrol.Measure(c.in, p)
		if m.Twice != c.twice || m.Night != c.night {
			t.Errorf("%s: twice %v night %v\n%s", name, m.Twice, m.Night, show(m))
		}
	}
	far := north(middle, 300)
	for name, c := range map[string]struct {
		in    patrol.Input
		dwell float64 // minutes, -1 = nothing is known
		short bool
	}{
		"ten minutes at the door":        {onPatrol(join(walk("09:00", "09:20", 30, far), walk("09:25", "09:35", 30, middle), walk("09:40", "10:00", 30, far)), with(visit(1, "09:26", "09:34"))), 10, false},
		"two minutes are 走过场":            {onPatrol(join(walk("09:00", "09:20", 30, far), walk("09:25", "09:27", 30, middle), walk("09:32", "10:00", 30, far)), with(visit(1, "09:25", "09:27"))), 2, true},
		"three minutes are a visit":      {onPatrol(join(walk("09:00", "09:20", 30, far), walk("09:25", "09:28", 30, middle), walk("09:33", "10:00", 30, far)), with(visit(1, "09:25", "09:28"))), 3, false},
		"two and a half are 走过场":         {onPatrol(join(walk("09:00", "09:20", 30, far), walk("09:25", "09:27:30", 30, middle), walk("09:33", "10:00", 30, far)), with(visit(1, "09:25", "09:28"))), 2.5, true},
		"a checkpoint is quickly seen":   {onPatrol(join(walk("09:00", "09:20", 30, far), walk("09:25", "09:26", 30, middle), walk("09:32", "10:00", 30, far)), with(edit(visit(1, "09:25", "09:26"), func(v *patrol.Visit) { v.TargetKind = "checkpoint" }))), 1, false},
		"nobody at home is quick too":    {onPatrol(join(walk("09:00", "09:20", 30, far), walk("09:25", "09:26", 30, middle), walk("09:32", "10:00", 30, far)), with(edit(visit(1, "09:25", "09:26"), func(v *patrol.Visit) { v.Outcome = patrol.NoOne }))), 1, false},
		"heard of elsewhere: not there":  {onPatrol(walk("09:00", "10:00", 30, far), with(visit(1, "09:26", "09:34"))), 0, true},
		"indoors without a fix":          {onPatrol(join(walk("09:00", "09:20", 30, middle), walk("09:45", "10:00", 30, middle)), with(visit(1, "09:22", "09:40"))), 60, false},
		"nothing heard: what was said":   {onPatrol(walk("14:00", "15:00", 30, far), with(visit(1, "09:22", "09:30"))), 8, false},
		"nothing heard and nothing said": {onPatrol(walk("14:00", "15:00", 30, far), with(visit(1, "09:22", "09:22"))), -1, false},
	} {
		m, _ := patrol.Measure(c.in, p)
		got := -1.0
		if d := m.Called[0].DwellMs; d != nil {
			got = float64(*d) / 60_000
		}
		if got != c.dwell || m.Called[0].Short != c.short {
			t.Errorf("%s: %v minutes, short %v", name, got, m.Called[0].Short)
		}
	}
}
