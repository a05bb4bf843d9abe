package patrol_test

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/paulmach/orb"

	"github.com/gridward/gridward/fixtures"
	"github.com/gridward/gridward/geo/trail"
	"github.com/gridward/gridward/server/fleet"
	"github.com/gridward/gridward/server/patrol"
	"github.com/gridward/gridward/server/simulate"
)

// street is the demo street with the codes of its grids.
var street = sync.OnceValues(func() (*simulate.Ground, []string) {
	ground, err := simulate.Street()
	if err != nil {
		panic(err)
	}
	demo, err := fixtures.Street()
	if err != nil {
		panic(err)
	}
	var codes []string
	for _, p := range demo.People {
		if len(p.Grids) > 0 {
			codes = append(codes, p.Grids[0])
		}
	}
	return ground, codes
})

// life is what a phone told of somebody on some days, the last of which is looked at.
type life struct {
	days   [][]trail.Fix // of business days that follow each other, each beginning at dayStart + n days
	peers  []patrol.Peer // of the last day
	phones []patrol.PhoneUse
	lag    int64 // the phone's clock, ms
}

// look is what the house does with the last day of a life.
func (l life) look() ([]patrol.Signal, int) {
	p := patrol.DefaultDoubtPolicy()
	last := len(l.days) - 1
	start := dayStart + int64(last)*day
	fixes := l.days[last]
	in := patrol.DoubtDay{Fixes: fixes, OnFoot: true, Phones: l.phones}
	for i := 0; i < len(fixes); i += 60 {
		in.Arrivals = append(in.Arrivals, patrol.Arrival{Device: 1, Ms: fixes[i].Ms + l.lag, LagMs: l.lag + int64(i%7)*500})
	}
	found := patrol.FindDoubts(in, p)
	now := patrol.NewSignature(fixes, start)
	var earlier []patrol.Earlier
	for k, then := range l.days[:last] {
		from := dayStart + int64(k)*day
		if lags := now.Lags(patrol.NewSignature(then, from), p.Rule(patrol.DoubtReplay)); len(lags) > 0 {
			earlier = append(earlier, patrol.Earlier{Day: time.UnixMilli(from).Format(time.DateOnly), Start: from, Lags: lags, Fixes: then})
		}
	}
	if s, ok := patrol.FindReplay(fixes, start, earlier, p); ok {
		found = append(found, s)
	}
	var near []patrol.Peer
	for _, q := range l.peers {
		if now.Beside(patrol.NewSignature(q.Fixes, start), p.Rule(patrol.DoubtTwin)) {
			near = append(near, q)
		}
	}
	if s, ok := patrol.FindTwin(fixes, near, p); ok {
		found = append(found, s)
	}
	patrol.SortSignals(found)
	return found, patrol.DoubtScore(found)
}

// receiver is a phone in the open: its error wanders and is never forgotten from one fix to the next.
type receiver struct {
	rng    *rand.Rand
	sigma  float64
	ex, ey float64
}

func newReceiver(rng *rand.Rand) *receiver {
	return &receiver{rng: rng, sigma: 1.5 + 2.5*rng.Float64()}
}

// read is the fix of a place dt seconds after the last; indoors the error is larger.
func (r *receiver) read(at int64, p orb.Point, dt float64, indoors bool) trail.Fix {
	s := r.sigma
	if indoors {
		s = 6 + 3*r.sigma
	}
	keep := math.Exp(-dt / 25)
	add := s * math.Sqrt(1-keep*keep)
	r.ex, r.ey = keep*r.ex+add*r.rng.NormFloat64(), keep*r.ey+add*r.rng.NormFloat64()
	return trail.Fix{Ms: at, Point: metresFrom(p, r.ex, r.ey), Accuracy: float32(math.Round(10*s*(1.3+0.5*r.rng.Float64())) / 10), Speed: 1, Course: fleet.Unknown(), Flags: uint32(fleet.Satellite)}
}

// way is a true path with an instant for each second, which only the generator knows.
func way(seed uint64, minutes int, car bool) []orb.Point {
	ground, codes := street()
	w := ground.NewWalker(codes[seed%uint64(len(codes))], car, seed)
	var out []orb.Point
	for range minutes * 60 {
		w.Advance(time.Second)
		p := w.At()
		if len(out) > 0 && trail.Metres(out[len(out)-1], p) > 100 { // the model puts a car that can go nowhere on another street
			break
		}
		out = append(out, p)
	}
	return out
}

// seen is the way as a receiver tells it, every step seconds, k seconds of the way in each.
func seen(rng *rand.Rand, path []orb.Point, from int64, step int, k float64, off float64) []trail.Fix {
	r := newReceiver(rng)
	var out []trail.Fix
	x := 0.0
	for s := 0; x < float64(len(path)-1); s += step {
		i := int(x)
		p, q := path[i], path[i+1]
		f := x - float64(i)
		at := orb.Point{p[0] + f*(q[0]-p[0]), p[1] + f*(q[1]-p[1])}
		out = append(out, r.read(from+int64(s)*1000+int64(rng.IntN(400)), metresFrom(at, off, off), float64(step), false))
		x += float64(step) * k * max(0.2, 1+0.25*rng.NormFloat64())
	}
	return out
}

// outings are honest days as the demo's past has them, indoor visits and their silences included.
func outings(seed uint64, days int, step time.Duration) [][]trail.Fix {
	ground, codes := street()
	var out [][]trail.Fix
	for n := range days {
		var fixes []trail.Fix
		for k, plan := range simulate.PlanDay(seed, time.UnixMilli(dayStart+int64(n)*day), step) {
			fixes = append(fixes, ground.Outing(codes[seed%uint64(len(codes))], seed*1000+uint64(n)*10+uint64(k), plan).Fixes...)
		}
		out = append(out, fixes)
	}
	return out
}

// atDesk is a day on one chair: a receiver behind a window, a phone that pins
// itself while it lies still, or one that knows only the wireless around it.
func atDesk(rng *rand.Rand, from int64, kind int) []trail.Fix {
	r := newReceiver(rng)
	chair := metresFrom(square, 200*rng.NormFloat64(), 200*rng.NormFloat64())
	masts := []orb.Point{metresFrom(chair, 12, -7), metresFrom(chair, -20, 3), metresFrom(chair, 5, 18)}
	var out []trail.Fix
	for s := 0; s < 3*3600; s += 5 {
		f := r.read(from+int64(s)*1000, chair, 5, true)
		switch kind {
		case 1:
			if len(out) > 0 && rng.IntN(400) > 0 {
				f.Point = out[len(out)-1].Point
			}
		case 2:
			f.Point, f.Flags, f.Accuracy = masts[rng.IntN(3)], uint32(fleet.Terrestrial), float32(20+5*rng.IntN(4))
		}
		out = append(out, f)
	}
	return out
}

// oddities of phones that are nobody's fault.
func constant(fixes []trail.Fix) []trail.Fix {
	return each(fixes, func(_ int, f *trail.Fix) { f.Accuracy = 5 })
}

func sparse(rng *rand.Rand, fixes []trail.Fix) (out []trail.Fix) { // a page in the background
	next := int64(0)
	for _, f := range fixes {
		if f.Ms >= next {
			f.Flags &^= uint32(fleet.Satellite) // a browser does not say where it has it from
			out, next = append(out, f), f.Ms+int64(45+rng.IntN(255))*1000
		}
	}
	return out
}

// honestLives are kinds of people who do their work and whose tracks look odd in some way.
var honestLives = map[string]func(rng *rand.Rand, seed uint64) life{
	"as the street walks, with visits indoors": func(_ *rand.Rand, seed uint64) life { return life{days: outings(seed, 5, 5*time.Second)} },
	"a fix in half a minute":                   func(_ *rand.Rand, seed uint64) life { return life{days: outings(seed, 5, 30*time.Second)} },
	"a page in the background": func(rng *rand.Rand, seed uint64) life {
		days := outings(seed, 4, 5*time.Second)
		for i := range days {
			days[i] = sparse(rng, days[i])
		}
		return life{days: days}
	},
	"one accuracy for ever, and a wrong clock": func(_ *rand.Rand, seed uint64) life {
		days := outings(seed, 4, 5*time.Second)
		for i := range days {
			days[i] = constant(days[i])
		}
		return life{days: days, lag: 780_000}
	},
	"long silences indoors": func(rng *rand.Rand, seed uint64) life {
		days := outings(seed, 3, 5*time.Second)
		for i := range days {
			from, to := int64(0), int64(0)
			days[i] = slices.DeleteFunc(days[i], func(f trail.Fix) bool {
				if f.Ms > to+900_000 && rng.IntN(200) == 0 {
					from, to = f.Ms, f.Ms+int64(10+rng.IntN(20))*60_000
				}
				return f.Ms > from && f.Ms < to
			})
		}
		return life{days: days}
	},
	"at the service window, by a receiver": func(rng *rand.Rand, _ uint64) life {
		return life{days: [][]trail.Fix{atDesk(rng, dayStart+9*3600_000, 0), atDesk(rng, dayStart+day+9*3600_000, 0)}}
	},
	"at the window, a phone that pins itself": func(rng *rand.Rand, _ uint64) life {
		return life{days: [][]trail.Fix{constant(atDesk(rng, dayStart+9*3600_000, 1)), constant(atDesk(rng, dayStart+day+9*3600_000, 1))}, lag: 660_000}
	},
	"at the window, by the wireless alone": func(rng *rand.Rand, _ uint64) life {
		return life{days: [][]trail.Fix{constant(atDesk(rng, dayStart+9*3600_000, 2)), constant(atDesk(rng, dayStart+day+9*3600_000, 2))}, lag: 660_000}
	},
	"on an electric bicycle": func(rng *rand.Rand, seed uint64) life {
		return life{days: [][]trail.Fix{seen(rng, way(seed, 600, false), dayStart+8*3600_000, 5, 5, 0), seen(rng, way(seed+1, 600, false), dayStart+day+8*3600_000, 5, 5, 0)}}
	},
	"in a car to the place and back": func(rng *rand.Rand, seed uint64) life {
		return life{days: [][]trail.Fix{seen(rng, way(seed, 120, true), dayStart+8*3600_000, 5, 1, 0)}}
	},
	"two together all morning, nobody wrote it down": func(rng *rand.Rand, seed uint64) life {
		path := way(seed, 150, false)
		pace := rng.Uint64()
		two := func(off float64) []trail.Fix {
			r := newReceiver(rand.New(rand.NewPCG(rng.Uint64(), 1)))
			step := rand.New(rand.NewPCG(pace, 2))
			var out []trail.Fix
			for s := 0; s < len(path); s += 5 {
				out = append(out, r.read(dayStart+8*3600_000+int64(s)*1000+int64(step.IntN(300)), metresFrom(path[s], off, 0), 5, false))
			}
			return out
		}
		return life{days: [][]trail.Fix{two(0)}, peers: []patrol.Peer{{Worker: 2, Name: "钱二", Fixes: two(1.2)}}}
	},
	"the same round every day": func(rng *rand.Rand, seed uint64) life {
		path := way(seed, 150, false)
		var l life
		for n := range 6 {
			l.days = append(l.days, seen(rng, path, dayStart+int64(n)*day+8*3600_000+int64(rng.IntN(900))*1000, 5, 0.9+0.2*rng.Float64(), 0))
		}
		return l
	},
	"the same round in a navigator's rhythm": func(rng *rand.Rand, seed uint64) life { // even the pace is the same to the second
		path := way(seed, 150, false)
		var l life
		for n := range 4 {
			r := newReceiver(rand.New(rand.NewPCG(rng.Uint64(), 3)))
			var out []trail.Fix
			for s := 0; s < len(path); s += 5 {
				out = append(out, r.read(dayStart+int64(n)*day+8*3600_000+int64(s)*1000, path[s], 5, false))
			}
			l.days = append(l.days, out)
		}
		return l
	},
}

// Nobody who does his work is put before anybody: every kind of honest day, over
// many people and seeds of the generator. What is counted is entries of the
// queue; a signal by itself is only a note.
func TestHonestPeopleAreNotAccused(t *testing.T) {
	t.Parallel()
	const each = 20 // people of each kind
	looked, accused, noted := 0, 0, map[string]int{}
	for _, kind := range slices.Sorted(maps.Keys(honestLives)) {
		wrong, here := 0, map[string]int{}
		for n := range uint64(each) {
			for _, generator := range []uint64{1, 77} {
				seed := generator*100_003 + n*17
				found, score := honestLives[kind](rand.New(rand.NewPCG(seed, generator)), seed).look()
				looked++
				for _, s := range found {
					noted[string(s.Code)]++
					here[string(s.Code)]++
				}
				if score >= patrol.DefaultDoubtPolicy().Threshold {
					wrong++
					t.Logf("%s, seed %d: %d %v", kind, seed, score, codes(found))
				}
			}
		}
		accused += wrong
		t.Logf("%-48s %d of %d in the queue; notes %v", kind, wrong, 2*each, here)
	}
	t.Logf("%d honest days, %d in the queue (%.2f %%); notes %v", looked, accused, 100*float64(accused)/float64(looked), noted)
	if accused*1000 > looked { // at most one in a thousand
		t.Errorf("%d of %d honest days would be put before somebody", accused, looked)
	}
}

// dice is a program that hides a phone on a desk: each fix some metres off, as a die falls.
func dice(rng *rand.Rand, from int64, metres float64) []trail.Fix {
	var out []trail.Fix
	for s := 0; s < 2*3600; s += 5 {
		out = append(out, trail.Fix{Ms: from + int64(s)*1000, Point: metresFrom(square, metres*rng.NormFloat64(), metres*rng.NormFloat64()), Accuracy: float32(4 + rng.IntN(6)), Speed: 0, Course: fleet.Unknown(), Flags: uint32(fleet.Satellite)})
	}
	return out
}

// What people do who make their tracks up, and what becomes of it: found = how
// many of all are in the queue. What stays below the threshold says so here.
func TestTracksThatWereMadeUpAreFound(t *testing.T) {
	t.Parallel()
	ground, blocks := street()
	habit := func(h simulate.Habit) func(*rand.Rand, uint64) life {
		return func(_ *rand.Rand, seed uint64) life {
			o := ground.Outing(blocks[seed%uint64(len(blocks))], seed, simulate.Plan{From: time.UnixMilli(dayStart + 8*3600_000), Long: 150 * time.Minute, Step: 5 * time.Second, Habit: h})
			return life{days: [][]trail.Fix{o.Fixes}}
		}
	}
	outing := func(seed uint64) simulate.Outing {
		return ground.Outing(blocks[seed%uint64(len(blocks))], seed, simulate.Plan{From: time.UnixMilli(dayStart + 8*3600_000), Long: 150 * time.Minute, Step: 5 * time.Second})
	}
	hour := func(h int) time.Time { return time.UnixMilli(dayStart).Add(time.Duration(h) * time.Hour) }
	for name, c := range map[string]struct {
		make func(rng *rand.Rand, seed uint64) life
		code patrol.DoubtCode
		need int // of a hundred must have the signal
		ask  int // of a hundred must be in the queue
	}{
		"an earlier day sent again": {func(_ *rand.Rand, seed uint64) life {
			o := outing(seed)
			return life{days: [][]trail.Fix{o.Fixes, {}, o.Again(48 * time.Hour).Fixes}}
		}, patrol.DoubtReplay, 100, 100},
		"an earlier day, two hours later and a metre off": {func(rng *rand.Rand, seed uint64) life {
			o := outing(seed)
			again := each(o.Again(26*time.Hour).Fixes, func(_ int, f *trail.Fix) { f.Point = metresFrom(f.Point, rng.NormFloat64(), rng.NormFloat64()) })
			return life{days: [][]trail.Fix{o.Fixes, again}}
		}, patrol.DoubtReplay, 98, 98},
		"an earlier day at the end of an honest one": {func(_ *rand.Rand, seed uint64) life {
			o := outing(seed)
			var again []trail.Fix
			for _, f := range o.Again(30 * time.Hour).Fixes {
				if f.Ms < dayStart+day+15*3600_000 {
					again = append(again, f)
				}
			}
			return life{days: [][]trail.Fix{o.Fixes, append(each(outing(seed+9).Fixes, func(_ int, f *trail.Fix) { f.Ms += day }), again...)}}
		}, patrol.DoubtReplay, 95, 0}, // 50 points: a note, with any other signal a question
		"one phone that carries two accounts": {func(_ *rand.Rand, seed uint64) life {
			o := outing(seed)
			return life{days: [][]trail.Fix{o.Fixes}, peers: []patrol.Peer{{Worker: 2, Name: "钱二", Fixes: o.Beside(seed).Fixes}},
				phones: []patrol.PhoneUse{{Worker: 2, Name: "钱二", From: hour(8), To: hour(10), MyFrom: hour(8), MyTo: hour(10)}}}
		}, patrol.DoubtTwin, 98, 98},
		"a colleague's phone in the other pocket": {func(_ *rand.Rand, seed uint64) life {
			o := outing(seed)
			return life{days: [][]trail.Fix{o.Fixes}, peers: []patrol.Peer{{Worker: 2, Name: "钱二", Fixes: o.Beside(seed).Fixes}}}
		}, patrol.DoubtTwin, 98, 0}, // 40 points: two who walk together look much the same
		"a mock provider that says so": {habit(simulate.Mocking), patrol.DoubtMock, 100, 100},
		"drawn with a ruler":           {habit(simulate.Ruled), patrol.DoubtStraight, 100, 100},
		"a desk, and dice of three metres": {func(rng *rand.Rand, _ uint64) life {
			return life{days: [][]trail.Fix{dice(rng, dayStart+9*3600_000, 3)}}
		}, patrol.DoubtJitter, 98, 98},
		"a desk, and dice of one metre": {func(rng *rand.Rand, _ uint64) life {
			return life{days: [][]trail.Fix{dice(rng, dayStart+9*3600_000, 1)}}
		}, patrol.DoubtJitter, 98, 98},
		"a phone nailed to a desk": {habit(simulate.Motionless), patrol.DoubtFrozen, 100, 0}, // 40: phones pin themselves
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			signal, asked, sum := 0, 0, 0
			const n = 50
			seen := map[string]int{}
			for seed := range uint64(n) {
				found, score := c.make(rand.New(rand.NewPCG(seed, 5)), 1000+seed).look()
				if slices.Contains(codes(found), string(c.code)) {
					signal++
				}
				seen[fmt.Sprint(score, " ", strings.Join(codes(found), "+"))]++
				if sum += score; score >= patrol.DefaultDoubtPolicy().Threshold {
					asked++
				}
			}
			var list []string
			for k, v := range seen {
				list = append(list, fmt.Sprintf("%d× %s", v, k))
			}
			sort.Strings(list)
			t.Logf("%d of %d with the signal, %d in the queue, %d points in the mean: %s", signal, n, asked, sum/n, strings.Join(list, ", "))
			if signal*100 < c.need*n || asked*100 < c.ask*n {
				t.Errorf("%d with %s, %d in the queue; want %d and %d of a hundred", signal, c.code, asked, c.need, c.ask)
			}
		})
	}
}
