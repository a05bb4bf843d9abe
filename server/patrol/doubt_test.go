package patrol_test

import (
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paulmach/orb"
	"pgregory.net/rapid"

	"github.com/gridward/gridward/geo/trail"
	"github.com/gridward/gridward/server/fleet"
	"github.com/gridward/gridward/server/patrol"
	"github.com/gridward/gridward/server/simulate"
)

// dayStart is the beginning of a business day.
var dayStart = time.Date(2026, 9, 14, 0, 0, 0, 0, time.FixedZone("Asia/Shanghai", 8*3600)).UnixMilli()

const day = int64(86_400_000)

// stroll is an honest day: along the streets of a chequerboard of 80 m with the
// pace of a person, standing now and then, seen by a phone whose error wanders
// as a real receiver's does.
func stroll(rng *rand.Rand, from int64, minutes int, start orb.Point) []trail.Fix {
	var out []trail.Fix
	x, y, dir := 0.0, 0.0, rng.IntN(4)
	ex, ey := 0.0, 0.0
	left, still := 80.0, 0
	pace := 1.2
	for s := 0; s < minutes*60; s++ {
		if still > 0 {
			still--
		} else {
			v := pace + 0.25*rng.NormFloat64()
			v = max(0, min(v, 2.2))
			x, y = x+v*[4]float64{1, 0, -1, 0}[dir], y+v*[4]float64{0, 1, 0, -1}[dir]
			if left -= v; left <= 0 {
				left = 80
				if k := rng.IntN(4); k < 2 {
					dir = (dir + 1 + 2*k) % 4
				}
				if rng.IntN(6) == 0 {
					still = 60 + rng.IntN(400)
				}
			}
		}
		ex, ey = 0.96*ex+rng.NormFloat64()*0.9, 0.96*ey+rng.NormFloat64()*0.9 // σ ≈ 3.2 m, wandering
		if s%5 != 0 {
			continue
		}
		out = append(out, trail.Fix{
			Ms: from + int64(s)*1000 + int64(rng.IntN(300)), Point: metresFrom(start, x+ex, y+ey), Speed: float32(math.Abs(pace + 0.3*rng.NormFloat64())), Course: float32(dir * 90),
			Accuracy: float32(math.Round((4+6*rng.Float64())*10) / 10), Flags: uint32(fleet.Satellite),
		})
	}
	return out
}

func metresFrom(p orb.Point, x, y float64) orb.Point {
	const perDegree = math.Pi * 6371008.8 / 180
	q := orb.Point{p[0] + x/(perDegree*math.Cos(p[1]*math.Pi/180)), p[1] + y/perDegree}
	return orb.Point{math.Round(q[0]*1e6) / 1e6, math.Round(q[1]*1e6) / 1e6}
}

var square = orb.Point{114.2, 22.69}

func honest(seed uint64) []trail.Fix {
	return stroll(rand.New(rand.NewPCG(seed, 7)), dayStart+8*3600_000, 240, square)
}

func codes(signals []patrol.Signal) []string {
	out := []string{}
	for _, s := range signals {
		out = append(out, string(s.Code))
	}
	return out
}

// each applies a change to every fix.
func each(fixes []trail.Fix, do func(i int, f *trail.Fix)) []trail.Fix {
	out := slices.Clone(fixes)
	for i := range out {
		do(i, &out[i])
	}
	return out
}

// glide is a track drawn by a machine: straight, at one speed.
func glide(from int64, n int, stepMs int64, x, y float64) []trail.Fix {
	var out []trail.Fix
	for i := range n {
		s := float64(i) * float64(stepMs) / 1000
		out = append(out, trail.Fix{Ms: from + int64(i)*stepMs, Point: metresFrom(square, x*s, y*s), Accuracy: float32(5 + i%3), Speed: 1, Course: 1, Flags: uint32(fleet.Satellite)})
	}
	return out
}

// Every kind of doubtful day shows its signal, with the points of the policy,
// and a day that comes close to it does not.
func TestDoubtSignals(t *testing.T) {
	t.Parallel()
	base := honest(1)
	foot := func(f []trail.Fix) patrol.DoubtDay { return patrol.DoubtDay{Fixes: f, OnFoot: true} }
	noon := dayStart + 12*3600_000
	hour := func(h int) time.Time { return time.UnixMilli(dayStart).Add(time.Duration(h) * time.Hour) }
	arrivals := func(n int, lag func(i int) int64) []patrol.Arrival {
		var a []patrol.Arrival
		for i := range n {
			a = append(a, patrol.Arrival{Device: 1, Ms: noon + int64(i)*60_000, LagMs: lag(i)})
		}
		return a
	}
	for name, c := range map[string]struct {
		day  patrol.DoubtDay
		want []string
	}{
		"an honest morning shows nothing":        {foot(base), nil},
		"one mock fix is enough to ask: 60":      {foot(each(base, func(i int, f *trail.Fix) { f.Flags |= flagIf(i == 100, fleet.Mock) })), []string{"mock"}},
		"a rooted phone: 20":                     {foot(each(base, func(i int, f *trail.Fix) { f.Flags |= flagIf(i > 9, fleet.Tampered) })), []string{"tampered_client"}},
		"cells and wireless all day: 10":         {foot(each(base, func(_ int, f *trail.Fix) { f.Flags = uint32(fleet.Terrestrial) })), []string{"never_gps"}},
		"one satellite fix among them":           {foot(each(base, func(i int, f *trail.Fix) { f.Flags = uint32(fleet.Terrestrial) | flagIf(i == 5, fleet.Satellite) })), nil},
		"no device said where it had it from":    {foot(each(base, func(_ int, f *trail.Fix) { f.Flags = 0 })), nil},
		"20 identical fixes: 30":                 {foot(each(base, func(i int, f *trail.Fix) { f.Point = pointIf(i >= 200 && i < 220, base[200].Point, f.Point) })), []string{"zero_jitter"}},
		"19 identical fixes are not 20":          {foot(each(base, func(i int, f *trail.Fix) { f.Point = pointIf(i >= 200 && i < 219, base[200].Point, f.Point) })), nil},
		"one accuracy all day: 10":               {foot(each(base, func(_ int, f *trail.Fix) { f.Accuracy = 5 })), []string{"constant_accuracy"}},
		"one accuracy but for once":              {foot(each(base, func(i int, f *trail.Fix) { f.Accuracy = float32(5 + i/2000*3) })), nil},
		"no accuracy at all is no accuracy":      {foot(each(base, func(_ int, f *trail.Fix) { f.Accuracy = float32(math.NaN()) })), nil},
		"a kilometre in five seconds, and stays": {foot(each(base, func(i int, f *trail.Fix) { f.Point = pointIf(i >= 1000, metresFrom(f.Point, 1500, 0), f.Point) })), []string{"teleport"}},
		"one stray fix comes back: no teleport":  {foot(each(base, func(i int, f *trail.Fix) { f.Point = pointIf(i == 1000, metresFrom(f.Point, 1500, 0), f.Point) })), nil},
		"two stray fixes come back: no teleport": {foot(each(base, func(i int, f *trail.Fix) { f.Point = pointIf(i/2 == 500, metresFrom(f.Point, 1500, 0), f.Point) })), nil},
		"900 m are not a kilometre":              {foot(each(base, func(i int, f *trail.Fix) { f.Point = pointIf(i >= 1000, metresFrom(f.Point, 900, 0), f.Point) })), nil},
		"vague fixes do not teleport": {foot(each(base, func(i int, f *trail.Fix) {
			f.Point, f.Flags = pointIf(i >= 1000 && i < 1050, metresFrom(f.Point, 1500, 0), f.Point), f.Flags|flagIf(i >= 1000 && i < 1050, fleet.Inaccurate)
		})), nil},
		"25 m/s for two minutes on foot: 15":      {foot(append(slices.Clone(base), wobble(glide(base[len(base)-1].Ms+400_000, 25, 5000, 25, 0))...)), []string{"too_fast"}},
		"the same in a car is nothing":            {patrol.DoubtDay{Fixes: append(slices.Clone(base), wobble(glide(base[len(base)-1].Ms+400_000, 25, 5000, 25, 0))...)}, nil},
		"25 m/s for 50 seconds":                   {foot(append(slices.Clone(base), wobble(glide(base[len(base)-1].Ms+400_000, 11, 5000, 25, 0))...)), nil},
		"straight at 1.4 m/s for 10 minutes: 20":  {foot(append(slices.Clone(base), glide(base[len(base)-1].Ms+400_000, 120, 5000, 1.2, 0.7)...)), []string{"straight_constant"}},
		"the same with an honest receiver":        {foot(append(slices.Clone(base), wobble(glide(base[len(base)-1].Ms+400_000, 120, 5000, 1.2, 0.7))...)), nil},
		"straight for a minute only":              {foot(append(slices.Clone(base), glide(base[len(base)-1].Ms+400_000, 13, 5000, 1.2, 0.7)...)), nil},
		"a clock 15 minutes slow all day: 10":     {patrol.DoubtDay{Fixes: base, Arrivals: arrivals(20, func(i int) int64 { return 900_000 + int64(i%3)*2000 })}, []string{"clock_skew"}},
		"a clock 15 minutes fast all day: 10":     {patrol.DoubtDay{Fixes: base, Arrivals: arrivals(20, func(i int) int64 { return -900_000 + int64(i%3)*2000 })}, []string{"clock_skew"}},
		"uploads that waited for the network":     {patrol.DoubtDay{Fixes: base, Arrivals: arrivals(20, func(i int) int64 { return 600_000 + int64(i)*120_000 })}, nil},
		"a late upload after a day in time":       {patrol.DoubtDay{Fixes: base, Arrivals: arrivals(20, func(i int) int64 { return int64(i/18) * 7_200_000 })}, nil},
		"one phone, two people, an hour each: 30": {patrol.DoubtDay{Fixes: base, Phones: []patrol.PhoneUse{{Worker: 2, Name: "钱二", From: hour(8), To: hour(9), MyFrom: hour(10), MyTo: hour(11)}}}, []string{"shared_phone"}},
		"a colleague signed in for five minutes":  {patrol.DoubtDay{Fixes: base, Phones: []patrol.PhoneUse{{Worker: 2, From: hour(8), To: hour(8).Add(5 * time.Minute), MyFrom: hour(10), MyTo: hour(11)}}}, nil},
		"a photo from 400 m away: 20":             {patrol.DoubtDay{Fixes: base, Photos: []patrol.PhotoSpot{{At: hour(9), Where: square, Photo: metresFrom(square, 400, 0)}}}, []string{"photo_far"}},
		"a photo from across the street":          {patrol.DoubtDay{Fixes: base, Photos: []patrol.PhotoSpot{{At: hour(9), Where: square, Photo: metresFrom(square, 40, 0)}}}, nil},
		"a day without a fix":                     {foot(nil), nil},
		"a single fix":                            {foot(base[:1]), nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := patrol.DefaultDoubtPolicy()
			got := patrol.FindDoubts(c.day, p)
			if strings.Join(codes(got), " ") != strings.Join(c.want, " ") {
				t.Fatalf("%v, want %v", codes(got), c.want)
			}
			for _, s := range got {
				if s.Points != p.Rule(s.Code).Points || s.Text == "" || len(s.Evidence) == 0 || s.Name == "" {
					t.Errorf("%+v", s)
				}
				for _, e := range s.Evidence {
					if e.To.Before(e.From) {
						t.Errorf("%s ends before it begins: %v–%v", s.Code, e.From, e.To)
					}
				}
			}
		})
	}
}

func flagIf(yes bool, f fleet.Flag) uint32 {
	if yes {
		return uint32(f)
	}
	return 0
}

func pointIf(yes bool, a, b orb.Point) orb.Point {
	if yes {
		return a
	}
	return b
}

// wobble gives a drawn track the error of a receiver.
func wobble(fixes []trail.Fix) []trail.Fix {
	rng := rand.New(rand.NewPCG(3, 3))
	ex, ey := 0.0, 0.0
	return each(fixes, func(_ int, f *trail.Fix) {
		ex, ey = 0.8*ex+1.5*rng.NormFloat64(), 0.8*ey+1.5*rng.NormFloat64()
		f.Point = metresFrom(f.Point, ex, ey)
	})
}

// A score is the sum of its signals and never more than 100; what is explained counts nothing.
func TestDoubtScore(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		points []int
		want   int
	}{"nothing": {nil, 0}, "mock alone: 60, somebody looks": {[]int{60}, 60}, "twin and frozen: 70": {[]int{40, 30}, 70}, "capped": {[]int{60, 50, 40}, 100}, "explained": {[]int{0, 10}, 10}} {
		var s []patrol.Signal
		for _, p := range c.points {
			s = append(s, patrol.Signal{Points: p})
		}
		if got := patrol.DoubtScore(s); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

// replayOf finds an earlier day as the whole house does: by signatures first, then by the fixes.
func replayOf(now []trail.Fix, start int64, then []trail.Fix, thenStart int64) (patrol.Signal, bool) {
	p := patrol.DefaultDoubtPolicy()
	lags := patrol.NewSignature(now, start).Lags(patrol.NewSignature(then, thenStart), p.Rule(patrol.DoubtReplay))
	return patrol.FindReplay(now, start, []patrol.Earlier{{Day: "2026-09-07", Start: thenStart, Lags: lags, Fixes: then}}, p)
}

// shifted is a track sent again later.
func shifted(fixes []trail.Fix, ms int64, jitter float64) []trail.Fix {
	rng := rand.New(rand.NewPCG(5, 5))
	return each(fixes, func(_ int, f *trail.Fix) {
		f.Ms += ms
		f.Point = metresFrom(f.Point, jitter*rng.NormFloat64(), jitter*rng.NormFloat64())
	})
}

func TestDoubtReplay(t *testing.T) {
	t.Parallel()
	then := honest(1)
	half := slices.Clone(then[len(then)/3 : len(then)*2/3])
	sampled := []trail.Fix{}
	for i := 0; i < len(then); i++ { // as a spoofing app plays it: along the old way, at instants of its own
		if i+1 < len(then) && i%3 == 0 {
			a, b := then[i], then[i+1]
			f := a
			f.Ms, f.Point = (a.Ms+b.Ms)/2, orb.Point{(a.Point[0] + b.Point[0]) / 2, (a.Point[1] + b.Point[1]) / 2}
			sampled = append(sampled, f)
		}
	}
	for name, c := range map[string]struct {
		now  []trail.Fix
		want bool
	}{
		"the same track a week later":                  {shifted(then, 7*day, 0), true},
		"an hour later in the day":                     {shifted(then, 7*day+3_611_000, 0), true},
		"with a metre of jitter":                       {shifted(then, 7*day, 1), true},
		"played by an app at other instants":           {shifted(sampled, 7*day+77_000, 0), true},
		"a third of it, after another morning":         {append(stroll(rand.New(rand.NewPCG(9, 9)), dayStart+7*day+6*3600_000, 120, square), shifted(half, 7*day+4*3600_000, 0)...), true},
		"fifteen minutes of it are not twenty":         {shifted(then[600:780], 7*day, 0), false},
		"another honest day on the same streets":       {shifted(honest(2), 7*day, 0), false},
		"the same way, walked again by the same clock": {rewalked(7 * day), false},
		"a day at the desk like the other":             {each(shifted(then, 7*day, 0), func(i int, f *trail.Fix) { f.Point = metresFrom(square, float64(i%3), 0) }), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before := then
			if strings.Contains(name, "desk") {
				before = each(then, func(i int, f *trail.Fix) { f.Point = metresFrom(square, float64(i%2), 0) })
			}
			s, got := replayOf(c.now, dayStart+7*day, before, dayStart)
			if got != c.want {
				t.Fatalf("%v, want %v: %s", got, c.want, s.Text)
			}
			if want := map[bool]int{true: 50, false: 60}[strings.Contains(name, "third")]; got && (s.Points != want || s.Evidence[0].Other == nil || len(s.Evidence[0].Other.Path) < 2 || len(s.Evidence[0].Path) < 2) {
				t.Errorf("%+v", s)
			}
		})
	}
}

// rewalked is the walk of honest(1) seen by another day's receiver: the same
// way, pauses and pace, another error. Nobody walks so; it must not be taken for a copy all the same.
func rewalked(ms int64) []trail.Fix {
	rng := rand.New(rand.NewPCG(11, 3))
	ex, ey := 0.0, 0.0
	return each(honest(1), func(_ int, f *trail.Fix) {
		ex, ey = 0.82*ex+rng.NormFloat64()*1.9, 0.82*ey+rng.NormFloat64()*1.9
		f.Ms += ms
		f.Point = metresFrom(f.Point, ex*1.4, ey*1.4)
	})
}

func TestDoubtTwin(t *testing.T) {
	t.Parallel()
	mine := honest(1)
	visit := func(why patrol.Together) func(int64) patrol.Together {
		return func(int64) patrol.Together { return why }
	}
	for name, c := range map[string]struct {
		other    []trail.Fix
		together func(int64) patrol.Together
		points   int // -1 = no signal
	}{
		"two phones in one pocket":          {shifted(mine, 1700, 1), nil, 40},
		"declared companions count nothing": {shifted(mine, 1700, 1), visit(patrol.Companions), 0},
		"companions for a quarter of the time": {shifted(mine, 1700, 1), func(ms int64) patrol.Together {
			return map[bool]patrol.Together{true: patrol.Companions}[ms < mine[len(mine)/5].Ms]
		}, 40},
		"together for twenty minutes":                {shifted(mine[:240], 1700, 1), nil, -1},
		"colleagues who walk side by side":           {rewalked(0), nil, -1},
		"somebody else on the same streets":          {honest(2), nil, -1},
		"the same way ten minutes later":             {shifted(mine, 600_000, 0), nil, -1},
		"both at the same desk":                      {each(mine, func(_ int, f *trail.Fix) { f.Point = square }), nil, -1},
		"the same track without a moment in common":  {shifted(mine, 6*3600_000, 0), nil, -1},
		"nobody else was out":                        {nil, nil, -1},
		"another's track of one fix":                 {mine[:1], nil, -1},
		"another's track ends where this one begins": {shifted(mine, -4*3600_000-20_000, 0), nil, -1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := patrol.DefaultDoubtPolicy()
			this := mine
			if strings.Contains(name, "desk") {
				this = each(mine, func(_ int, f *trail.Fix) { f.Point = square })
			}
			if near := patrol.NewSignature(this, dayStart).Beside(patrol.NewSignature(c.other, dayStart), p.Rule(patrol.DoubtTwin)); !near {
				if c.points >= 0 {
					t.Fatal("the signatures do not even look alike")
				}
				return
			}
			s, ok := patrol.FindTwin(this, []patrol.Peer{{Worker: 2, Name: "钱二", Day: "2026-09-14", Fixes: c.other, Together: c.together}}, p)
			if ok != (c.points >= 0) || ok && s.Points != c.points {
				t.Fatalf("%v %d points, want %d: %s", ok, s.Points, c.points, s.Text)
			}
			if ok && (s.Points == 0) != (s.Mitigated != "") {
				t.Errorf("%+v", s)
			}
		})
	}
}

// No honest day is put before anybody: generated ones against each other, over
// many seeds, in any order and with repeats.
func TestHonestDaysRaiseNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64Range(1, 1<<40).Draw(t, "seed")
		now, then := honest(seed), honest(seed+1)
		p := patrol.DefaultDoubtPolicy()
		found := patrol.FindDoubts(patrol.DoubtDay{Fixes: now, OnFoot: true}, p)
		if s, ok := replayOf(shifted(now, 7*day, 0), dayStart+7*day, then, dayStart); ok {
			found = append(found, s)
		}
		if s, ok := patrol.FindTwin(now, []patrol.Peer{{Worker: 2, Fixes: then}}, p); ok {
			found = append(found, s)
		}
		if len(found) > 0 {
			t.Fatalf("an honest day shows %v: %s", codes(found), found[0].Text)
		}
	})
}

// A signature comes back as it was written, and damage is no crash.
func TestSignatureKeeps(t *testing.T) {
	t.Parallel()
	s := patrol.NewSignature(honest(4), dayStart)
	b, err := s.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	var back patrol.Signature
	if err := back.UnmarshalBinary(b); err != nil || back.Len() != s.Len() || s.Len() != 480 && s.Len() != 479 {
		t.Fatalf("%v, %d spots of %d", err, back.Len(), s.Len())
	}
	again, _ := back.AppendBinary(nil)
	if string(again) != string(b) {
		t.Error("written again it is another")
	}
	t.Logf("%d bytes for %d spots", len(b), s.Len())
	for n := range b {
		_ = back.UnmarshalBinary(b[:n])
	}
}

func FuzzSignature(f *testing.F) {
	b, _ := patrol.NewSignature(honest(4)[:100], dayStart).AppendBinary(nil)
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		var s patrol.Signature
		if s.UnmarshalBinary(b) != nil {
			return
		}
		again, err := s.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		var back patrol.Signature
		if back.UnmarshalBinary(again) != nil || back.Len() != s.Len() {
			t.Fatal("written again it cannot be read")
		}
	})
}

// Real recordings of volunteers, where they are beside the project: cars,
// trains and bad receivers among them, no day comes near to being looked at, and no two days are one.
func TestRealTracksRaiseNothing(t *testing.T) {
	t.Parallel()
	p := patrol.DefaultDoubtPolicy()
	var signatures []patrol.Signature
	var tracks [][]trail.Fix
	var starts []int64
	var names []string
	counted := map[string]int{}
	for _, pattern := range []string{"../../../shared/data/geolife/*.plt", "../../../../shared/data/geolife/*.plt", "../../../shared/data/gpx/*.[gc][ps][xv]", "../../../../shared/data/gpx/*.[gc][ps][xv]"} {
		files, _ := filepath.Glob(pattern)
		for _, file := range files {
			track, err := simulate.ReadTrack(file)
			if err != nil || len(track.Fixes) < 30 {
				continue
			}
			fixes := make([]trail.Fix, len(track.Fixes))
			for i, f := range track.Fixes {
				fixes[i] = trail.Fix{Ms: f.At.UnixMilli(), Point: f.Point, Accuracy: float32(math.NaN()), Speed: float32(math.NaN()), Course: float32(math.NaN())}
			}
			found := patrol.FindDoubts(patrol.DoubtDay{Fixes: fixes, OnFoot: true}, p)
			for _, c := range codes(found) {
				counted[c]++
			}
			if score := patrol.DoubtScore(found); score >= p.Threshold {
				t.Errorf("%s: %d, %v", filepath.Base(file), score, codes(found))
			} else if score > 0 {
				t.Logf("%s: %d, %v", filepath.Base(file), score, codes(found))
			}
			start := fixes[0].Ms - fixes[0].Ms%day
			signatures, tracks, starts, names = append(signatures, patrol.NewSignature(fixes, start)), append(tracks, fixes), append(starts, start), append(names, filepath.Base(file))
		}
	}
	if len(tracks) == 0 {
		t.Log("no recordings beside the project: not tested")
		return
	}
	pairs := 0
	for i := range tracks {
		for k := range tracks {
			if i == k {
				continue
			}
			lags := signatures[i].Lags(signatures[k], p.Rule(patrol.DoubtReplay))
			pairs += len(lags)
			if s, ok := patrol.FindReplay(tracks[i], starts[i], []patrol.Earlier{{Day: names[k], Start: starts[k], Lags: lags, Fixes: tracks[k]}}, p); ok {
				t.Errorf("%s is taken for %s: %s", names[i], names[k], s.Text)
			}
		}
	}
	t.Logf("%d recordings; signals %v; %d of %d pairs looked at closely", len(tracks), counted, pairs, len(tracks)*(len(tracks)-1))
}
