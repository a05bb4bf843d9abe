package trail

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/paulmach/orb"
)

// This is a second world of known faults, made without regard to the first: other
// ways, other phones, other faults. What holds in both was not fitted to one.

// manner is how somebody moves and how his phone tells of it.
type manner struct {
	name       string
	pace       float64 // m/s
	ride       float64 // m/s, on some of the legs
	least      float64 // seconds between fixes…
	most       float64 // …up to so many
	sigma      float64 // metres of noise on each axis on the way; in stays 3 to 10
	tau        float64 // seconds in which the noise forgets itself, 0 = at once
	accuracies string  // honest, constant, absent
}

// marked is a fix of which everything is known.
type marked struct {
	Fix
	s    float64 // when it was truly taken
	x, y float64 // where its phone truly was
	what string  // what was done to it
	fair bool    // nobody could take it for a good one
}

// errand is a true way, second by second, with the stays on it.
type errand struct {
	r     *rand.Rand
	spots []spot
	stays []Stay
	sigma []float64 // of each stay's noise
}

func (e *errand) last() spot { return e.spots[len(e.spots)-1] }

// move walks or drives: streets that bend, corners, turns about, lights that are red.
func (e *errand) move(secs, pace float64) {
	r := e.r
	heading, rate, v, want := r.Float64()*2*math.Pi, 0.0, 0.3*pace, pace
	for s := 0.0; s < secs; s++ {
		if r.Float64() < 1.0/60 {
			want = pace * (0.75 + 0.45*r.Float64())
		}
		rate += -0.1*rate + 0.004*r.NormFloat64()
		heading += rate
		switch k := r.Float64(); {
		case k < 0.008:
			heading += []float64{1, -1}[r.IntN(2)] * (0.9 + 1.2*r.Float64())
			v = min(v, 5)
		case k < 0.0083 && s > 60 && s < secs-90: // who dawdles at the door has not left
			heading += math.Pi
			v = min(v, 3)
		case k >= 0.0083 && k < 0.0105 && s > 60 && s < secs-90:
			n := 5 + 40*r.Float64()
			e.wait(n)
			s += n
			v = 0
		}
		v += min(max(want-v, -2.5), 1.5)
		p := e.last()
		e.spots = append(e.spots, spot{p.s + 1, p.x + v*math.Sin(heading), p.y + v*math.Cos(heading)})
	}
}

func (e *errand) wait(secs float64) {
	for range int(secs) {
		p := e.last()
		e.spots = append(e.spots, spot{p.s + 1, p.x, p.y})
	}
}

func (e *errand) stay(secs float64) {
	p := e.last()
	e.wait(secs)
	e.stays = append(e.stays, Stay{From: int64(p.s), To: int64(e.last().s), Point: orb.Point{p.x, p.y}})
	e.sigma = append(e.sigma, 3+7*e.r.Float64())
}

func newErrand(seed uint64, m manner, hours float64) *errand {
	e := &errand{r: rand.New(rand.NewPCG(seed, 4242)), spots: []spot{{}}}
	for e.last().s < hours*3600 {
		e.move(300+1200*e.r.Float64(), m.pace)
		if m.ride > 0 {
			e.move(90+300*e.r.Float64(), m.ride)
			e.move(200+400*e.r.Float64(), m.pace)
		}
		e.stay(270 + math.Pow(e.r.Float64(), 2)*3330)
	}
	e.move(600, m.pace)
	return e
}

func (e *errand) at(s float64) (x, y float64) {
	i := int(math.Floor(s))
	if i < 0 {
		return e.spots[0].x, e.spots[0].y
	}
	if i >= len(e.spots)-1 {
		return e.last().x, e.last().y
	}
	a, b, k := e.spots[i], e.spots[i+1], s-math.Floor(s)
	return a.x + k*(b.x-a.x), a.y + k*(b.y-a.y)
}

// trace is what was told of an errand.
type trace struct {
	r       *rand.Rand
	e       *errand
	m       manner
	fixes   []marked
	moments []spot       // the true places of all fixes
	holes   [][2]float64 // seconds of which nothing true was told
}

func newTrace(seed uint64, e *errand, m manner) *trace {
	t := &trace{r: rand.New(rand.NewPCG(seed, 99)), e: e, m: m}
	var ex, ey, before float64
	for s := 0.0; s <= e.last().s; s += m.least + (m.most-m.least)*t.r.Float64() {
		sigma := m.sigma
		for i, st := range e.stays {
			if s >= float64(st.From) && s <= float64(st.To) {
				sigma = e.sigma[i]
			}
		}
		keep := 0.0
		if m.tau > 0 {
			keep = math.Exp((before - s) / m.tau)
		}
		before = s
		ex, ey = ex*keep+math.Sqrt(1-keep*keep)*t.r.NormFloat64(), ey*keep+math.Sqrt(1-keep*keep)*t.r.NormFloat64()
		x, y := e.at(s)
		t.moments = append(t.moments, spot{s, x, y})
		t.fixes = append(t.fixes, marked{s: s, x: x, y: y, fair: true, Fix: Fix{
			Ms: epoch + int64(s*1000), Point: toPoint(x+sigma*ex, y+sigma*ey), Accuracy: t.accuracy(sigma), Speed: nan(), Course: nan(),
		}})
	}
	return t
}

func (t *trace) accuracy(sigma float64) float32 {
	switch t.m.accuracies {
	case "honest":
		return float32(sigma * (1 + 0.8*t.r.Float64()))
	case "constant":
		return 10
	}
	return nan()
}

func (m manner) every() float64 { return (m.least + m.most) / 2 }

// edge reports whether a stay begins or ends around then.
func (t *trace) edge(from, to float64) bool {
	const about = 100
	return slices.ContainsFunc(t.e.stays, func(s Stay) bool {
		a, b := float64(s.From), float64(s.To)
		return from-about < a && to+about > a || from-about < b && to+about > b
	})
}

func (t *trace) inside(s float64) bool {
	return slices.ContainsFunc(t.e.stays, func(st Stay) bool { return float64(st.From) < s && s < float64(st.To) })
}

// spell finds n untouched fixes in a row, with some on either side; i < 0 if none.
func (t *trace) spell(n int, edges bool) int {
	for range 200 {
		if n+12 >= len(t.fixes) {
			return -1
		}
		i := 6 + t.r.IntN(len(t.fixes)-n-12)
		free := true
		for _, f := range t.fixes[i-5 : i+n+5] {
			free = free && f.what == ""
		}
		if free && (edges || !t.edge(t.fixes[i].s, t.fixes[i+n-1].s)) {
			return i
		}
	}
	return -1
}

func (t *trace) shift(i int, dx, dy float64) {
	x, y := fromPoint(t.fixes[i].Point)
	t.fixes[i].Point = toPoint(x+dx, y+dy)
}

func (t *trace) round() (dx, dy float64) {
	a := t.r.Float64() * 2 * math.Pi
	return math.Sin(a), math.Cos(a)
}

// fits is how many fixes last so long.
func (t *trace) fits(secs float64) int { return max(1, int(secs/t.m.every())) }

// astray is how far off a fix must be to be surely wrong.
func (t *trace) astray() float64 { return max(60, 8*t.m.sigma, 2*max(t.m.pace, t.m.ride)*t.m.most) }

const (
	minute = 60_000
	dayMs  = 86400_000
)

// fault injects one kind.
func (t *trace) fault(what string) {
	n := len(t.fixes)
	switch what {
	case "teleport":
		for wrong := 0; wrong < n/100; {
			k := 1
			if t.r.IntN(2) == 0 {
				k = 2 + t.r.IntN(19)
			}
			i := t.spell(k, k == 1)
			if i < 0 {
				return
			}
			d := max(math.Exp(math.Log(200)+t.r.Float64()*math.Log(250)), 2*t.astray(), max(t.m.pace+10, 4*t.m.pace, 4*t.m.ride)*t.m.most) // 200 m to 50 km, and not by bus
			sx, sy := t.round()
			for j := i; j < i+k; j++ {
				t.shift(j, d*sx, d*sy)
				t.fixes[j].what = what
			}
			wrong += k
		}
	case "spike":
		for range n / 100 {
			if i := t.spell(1, true); i >= 0 {
				d := max(60+440*t.r.Float64(), t.astray())
				sx, sy := t.round()
				t.shift(i, d*sx, d*sy)
				t.fixes[i].what = what
			}
		}
	case "zero":
		for range n / 100 {
			if i := t.spell(1, true); i >= 0 {
				t.fixes[i].Point = orb.Point{}
				if t.r.IntN(2) == 0 {
					t.fixes[i].Point = orb.Point{0.002 * t.r.NormFloat64(), 0.002 * t.r.NormFloat64()}
				}
				t.fixes[i].what = what
			}
		}
	case "freeze":
		for range 2 {
			k := t.fits(180 + 1620*t.r.Float64())
			i := t.spell(k+1, false)
			if i < 0 || slices.ContainsFunc(t.e.stays, func(s Stay) bool { // he walks on
				return float64(s.From) < t.fixes[i+k].s && float64(s.To) > t.fixes[i].s
			}) {
				continue
			}
			for j := i + 1; j <= i+k; j++ {
				t.fixes[j].Point, t.fixes[j].what = t.fixes[i].Point, what
			}
			t.holes = append(t.holes, [2]float64{t.fixes[i].s, t.fixes[i+k+1].s})
		}
	case "gap":
		for range 2 {
			k := t.fits(180 + math.Pow(t.r.Float64(), 2)*5220)
			i := t.spell(k, false)
			if i >= 0 && (t.fixes[i+k].s-t.fixes[i-1].s < 1800 || !t.inside(t.fixes[i].s)) { // who is silent longer may have been elsewhere
				t.holes = append(t.holes, [2]float64{t.fixes[i-1].s, t.fixes[i+k].s})
				t.fixes = slices.Delete(t.fixes, i, i+k)
			}
		}
	case "clock": // single fixes
		for range n / 100 {
			if i := t.spell(1, true); i >= 0 {
				by := t.jump()
				t.fixes[i].Ms += by
				t.fixes[i].what = what
			}
		}
	case "batch": // some minutes' fixes were sent with another clock
		for range 2 {
			k := t.fits(60 + 540*t.r.Float64())
			i := t.spell(k, false)
			if i < 0 {
				return
			}
			by := t.jump()
			for float64(max(by, -by))/1000 < t.fixes[i+k].s-t.fixes[i-1].s { // else it is its own neighbour, a little late
				by = t.jump()
			}
			for j := i; j < i+k; j++ {
				t.fixes[j].Ms += by
				t.fixes[j].what = what
			}
			t.holes = append(t.holes, [2]float64{t.fixes[i-1].s, t.fixes[i+k].s})
		}
	case "burst":
		for range 3 {
			k, sigma := 5+t.r.IntN(56), max(30+120*t.r.Float64(), 5*t.m.sigma, 0.5*max(t.m.pace, t.m.ride)*t.m.most) // or it is like turning corners
			i := t.spell(k, false)
			if i < 0 {
				return
			}
			for j := i; j < i+k; j++ {
				t.shift(j, sigma*t.r.NormFloat64(), sigma*t.r.NormFloat64())
				t.fixes[j].Accuracy, t.fixes[j].what = t.accuracy(sigma), what
			}
			t.holes = append(t.holes, [2]float64{t.fixes[i-1].s, t.fixes[i+k].s})
		}
	default:
		panic(what)
	}
}

func (t *trace) jump() int64 {
	sign := []int64{1, -1}[t.r.IntN(2)]
	switch t.r.IntN(5) {
	case 0:
		return sign * minute * (1 + t.r.Int64N(59))
	case 1:
		return sign * minute * (60 + t.r.Int64N(1380))
	case 2:
		return sign * dayMs
	case 3:
		return 8 * 60 * minute
	default:
		return -1024 * 7 * dayMs
	}
}

var otherFaults = []string{"teleport", "spike", "zero", "freeze", "gap", "clock", "batch", "burst"}

// all is what arrives: some of it twice, in any order.
func (t *trace) all() []Fix {
	limit := t.astray()
	var out []Fix
	for i := range t.fixes {
		f := &t.fixes[i]
		if f.what == "clock" || f.what == "batch" {
			s := float64(f.Ms-epoch) / 1000
			if s >= 0 && s <= t.e.last().s {
				x, y := t.e.at(s)
				f.fair = math.Hypot(x-f.x, y-f.y) >= limit
			}
		}
		out = append(out, f.Fix)
		if t.r.IntN(20) == 0 {
			out = append(out, f.Fix)
		}
	}
	t.r.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// length is the true one from fix to fix, for what is between nobody was told;
// over holes it is as the crow flies.
func (t *trace) length() float64 {
	sum := 0.0
	var last *spot
	for i := range t.moments {
		m := &t.moments[i]
		if slices.ContainsFunc(t.holes, func(h [2]float64) bool { return m.s > h[0] && m.s < h[1] }) {
			continue
		}
		if last != nil {
			sum += math.Hypot(m.x-last.x, m.y-last.y)
		}
		last = m
	}
	return sum
}

// tally is how well the answers of many traces agree with the truth.
type tally struct {
	hit, missed, false int
	fixes              int
	traces, longer     int // of which so many more than 5 % off
	worst              float64
	stays, near, extra int // near: within 30 s and 15 m
	found              int
}

func (a *tally) add(b tally) {
	a.fixes += b.fixes
	a.hit, a.missed, a.false = a.hit+b.hit, a.missed+b.missed, a.false+b.false
	a.traces, a.longer, a.worst = a.traces+b.traces, a.longer+b.longer, worse(a.worst, b.worst)
	a.stays, a.near, a.extra, a.found = a.stays+b.stays, a.near+b.near, a.extra+b.extra, a.found+b.found
}

func worse(a, b float64) float64 {
	if math.Abs(a) > math.Abs(b) {
		return a
	}
	return b
}

func share(n, of int) float64 {
	if of == 0 {
		return 1
	}
	return float64(n) / float64(of)
}

func (a *tally) recall() float64    { return share(a.hit, a.hit+a.missed) }
func (a *tally) precision() float64 { return share(a.hit, a.hit+a.false) }

func (a *tally) String() string {
	return fmt.Sprintf("precision %.3f recall %.3f of %5d | length: %2d of %2d beyond 5 %%, worst %+4.1f %% | stays %3d of %3d close, %3d found, %d that are none",
		a.precision(), a.recall(), a.hit+a.missed, a.longer, a.traces, 100*a.worst, a.near, a.stays, a.found, a.extra)
}

func (t *trace) judge(got Trail) tally {
	key := func(f Fix) Fix { f.Accuracy, f.Speed, f.Course = 0, 0, 0; return f }
	known := map[Fix]*marked{}
	for i := range t.fixes {
		known[key(t.fixes[i].Fix)] = &t.fixes[i]
	}
	a := tally{fixes: len(t.fixes)}
	for _, j := range got.Fixes {
		switch m := known[key(j.Fix)]; {
		case j.Why == Duplicate && m.what == "", !m.fair:
		case m.what == "" && j.Why != Good:
			a.false++
		case m.what == "":
		case j.Why != Good && j.Why != Duplicate:
			a.hit++
		case j.Why == Good:
			a.missed++
		}
	}
	off := got.LengthM/t.length() - 1
	a.traces, a.worst = 1, off
	if math.Abs(off) > 0.05 {
		a.longer = 1
	}
	a.stays = len(t.e.stays)
	used := map[int]bool{}
	for _, want := range t.e.stays {
		best, at := 0.0, -1
		from, to := float64(want.From), float64(want.To)
		for i, g := range got.Stays {
			if o := min(float64(g.To-epoch)/1000, to) - max(float64(g.From-epoch)/1000, from); o > best {
				best, at = o, i
			}
		}
		if at < 0 {
			continue
		}
		used[at] = true
		a.found++
		g := got.Stays[at]
		if math.Abs(float64(g.From-epoch)/1000-from) <= 30 && math.Abs(float64(g.To-epoch)/1000-to) <= 30 && Metres(g.Point, toPoint(want.Point[0], want.Point[1])) <= 15 {
			a.near++
		}
	}
	a.extra = len(got.Stays) - len(used)
	return a
}
