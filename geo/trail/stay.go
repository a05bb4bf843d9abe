package trail

import (
	"math"
	"slices"

	"github.com/paulmach/orb"
)

// walked makes gaps, stays and the length out of the fixes that are left. It
// sees good fixes, and frozen ones: those are no evidence of a way, but where
// the next good fix agrees with them they are evidence of a stay.
type walked struct {
	c      *Cleaner
	frozen []*item // since the last good fix
	good   *item   // the last
	way    way

	held   []*item // the last while, or the present stay from a while before it; thinned in the middle of a long one
	inside bool    // a stay
	core   int     // of held: the first fix that is surely in the stay
	lastIn int     // of held: the last fix in it
	x, y   float64 // its place, as far as known
	n      int     // its fixes
	unseen int64   // ms of silence in it
	noise  int     // fixes that are none, since the last in it
	heard  int64   // when the last of them was told that may be of somebody there
}

const (
	mostHeld = 2048
	margin   = 90_000      // ms: so far on either side a stay's ends are looked for
	earshot  = 500         // metres: noise so far from a place may be of somebody there
	bridge   = 30 * 60_000 // ms: so long a silence may lie in a stay when both its ends are at the place
)

func (w *walked) take(it *item) {
	if it.Why == Frozen {
		if len(w.frozen) == mostHeld { // any would do: they are the same place
			w.frozen = slices.Delete(w.frozen, mostHeld/2, mostHeld/2+1)
		}
		w.frozen = append(w.frozen, it)
		return
	}
	w.thaw(it)
	if g := w.good; g != nil && it.Ms-g.Ms > w.c.o.GapMs && w.c.sink.Gap != nil {
		w.c.sink.Gap(Gap{g.Ms, it.Ms, g.Point, it.Point, g.to(it)})
	}
	w.good = it
	w.visit(it)
}

// thaw decides about the frozen fixes when the next good one is known.
func (w *walked) thaw(next *item) {
	if len(w.frozen) == 0 {
		return
	}
	last := w.frozen[len(w.frozen)-1]
	if next == nil || last.to(next) <= w.c.o.StayRadius+1.5*min(seconds(last, next), 60) {
		for _, z := range w.frozen {
			w.visit(z)
		}
		w.good = last
	}
	w.frozen = w.frozen[:0]
}

func (w *walked) end() float64 {
	w.thaw(nil)
	if w.inside {
		w.leave(true)
	}
	w.walk(len(w.held))
	return w.way.end()
}

// reach is how far from a place a fix may be and still be at it.
func (w *walked) reach(it *item) float64 {
	r := max(w.c.o.StayRadius, 3*it.noise)
	if a := float64(it.Accuracy); a == a {
		r = max(r, 1.5*a)
	}
	return min(r, w.c.o.widest)
}

func (w *walked) off(it *item) float64 { return math.Hypot(it.x-w.x, it.y-w.y) }

// murmur is told of a fix that is none: who stands amid noise is heard of.
func (w *walked) murmur(it *item) {
	if w.inside {
		w.noise++
		if it.Why == Noise && w.off(it) <= earshot {
			w.heard = it.Ms
		}
	}
}

func (w *walked) visit(it *item) {
	w.held = append(w.held, it)
	if !w.inside {
		w.arrive(it)
		return
	}
	before := w.held[w.lastIn]
	if it.Ms-max(before.Ms, w.heard) > bridge {
		w.leave(false)
		return
	}
	d, r, away := w.off(it), w.reach(it), it.Ms-before.Ms
	if d <= r {
		if away > w.c.o.GapMs {
			w.unseen += away
		}
		w.n += len(w.held) - 1 - w.lastIn
		w.lastIn = len(w.held) - 1
		w.noise, w.heard = 0, 0
		if w.n < 200 || w.n%16 == 0 {
			w.x, w.y = middle(w.held[w.core : w.lastIn+1])
		}
		if len(w.held) > mostHeld {
			w.thin()
		}
		return
	}
	out := len(w.held) - 1 - w.lastIn
	if out > w.noise && (out >= 3 && away >= 15_000 || out >= 2 && d > 1.5*r && away >= 10_000 || d > 4*r && away <= 30_000) || out > 64 {
		w.leave(false)
	}
}

// arrive sees whether the last while is a stay.
func (w *walked) arrive(it *item) {
	h, o := w.held, &w.c.o
	from := len(h) - 1
	for from > 0 && (it.Ms-h[from].Ms < o.StayMs || len(h)-from < 3) && h[from].Ms-h[from-1].Ms <= bridge {
		from--
	}
	if it.Ms-h[from].Ms < o.StayMs || len(h)-from < 3 {
		w.forget(it.Ms)
		return
	}
	x, y := middle(h[from:])
	outside := 0
	for _, m := range h[from:] {
		switch d, r := math.Hypot(m.x-x, m.y-y), w.reach(m); {
		case d > 2*r, d > r && m == it:
			w.forget(it.Ms)
			return
		case d > r:
			outside++
		}
	}
	if 10*outside > len(h)-from {
		w.forget(it.Ms)
		return
	}
	w.inside, w.core, w.lastIn, w.x, w.y, w.n, w.unseen = true, from, len(h)-1, x, y, len(h)-from, 0
	w.noise, w.heard = 0, 0
	for i := from + 1; i < len(h); i++ {
		if gap := h[i].Ms - h[i-1].Ms; gap > o.GapMs {
			w.unseen += gap
		}
	}
}

// forget lets go what is too old for the beginning of a stay.
func (w *walked) forget(now int64) {
	old := now - w.c.o.StayMs - 2*margin
	n := 0
	for n < len(w.held)-8 && w.held[n].Ms < old {
		n++
	}
	for len(w.held)-n > mostHeld {
		n++
	}
	w.walk(n)
}

// walk hands the first n held fixes to the way.
func (w *walked) walk(n int) {
	for _, m := range w.held[:n] {
		w.way.step(w.c, node{x: m.x, y: m.y, ms: m.Ms, pace: m.usual})
	}
	w.held = slices.Delete(w.held, 0, n)
}

// thin leaves out every second fix in the middle of a long stay.
func (w *walked) thin() {
	a, b := w.core+512, w.lastIn-512
	if b-a < 64 {
		a, b = w.core+1, w.lastIn-8 // fixes by the dozen each second
	}
	k := a
	for i := a; i < b; i += 2 {
		w.held[k] = w.held[i]
		k++
	}
	gone := b - k
	w.held = slices.Delete(w.held, k, b)
	w.lastIn -= gone
}

// middle is the mean place.
func middle(of []*item) (x, y float64) {
	for _, m := range of {
		x, y = x+m.x, y+m.y
	}
	n := float64(len(of))
	return x / n, y / n
}

// place is the median on each axis.
func (w *walked) place(of []*item) (x, y float64) {
	work := make([]float64, len(of))
	for i, m := range of {
		work[i] = m.x
	}
	slices.Sort(work)
	x = work[len(work)/2]
	for i, m := range of {
		work[i] = m.y
	}
	slices.Sort(work)
	return x, work[len(work)/2]
}

// leave ends the present stay, and begins again with what comes after it.
func (w *walked) leave(atEnd bool) {
	h, o := w.held, &w.c.o
	w.inside = false
	w.x, w.y = w.place(h[w.core : w.lastIn+1])
	from := w.edge(h[:w.lastIn+1], false)
	to := h[w.lastIn].Ms
	if !atEnd || w.lastIn < len(h)-1 {
		to = w.edge(h[w.core:], true)
	}
	var in, rest []*item
	for _, m := range h {
		if m.Ms >= from && m.Ms <= to {
			in = append(in, m)
		}
	}
	if len(in) < 2 || to-from < o.StayMs-min(30_000, o.StayMs/10) {
		rest = slices.Clone(h[w.lastIn+1:])
		w.walk(w.lastIn + 1)
	} else {
		x, y := w.place(in)
		off := make([]float64, len(in))
		for i, m := range in {
			off[i] = math.Hypot(m.x-x, m.y-y)
		}
		slices.Sort(off)
		radius := off[len(off)/2]
		if w.c.sink.Stay != nil {
			seen := max(0, 1-float64(w.unseen)/float64(to-from))
			tight := min(1, o.StayRadius/(2*max(radius, 1)))
			w.c.sink.Stay(Stay{From: from, To: to, Point: w.c.point(x, y), RadiusM: radius, Fixes: w.n, Certainty: float32(seen * (0.5 + 0.5*tight))})
		}
		first := slices.IndexFunc(h, func(m *item) bool { return m.Ms >= from })
		for _, m := range h {
			if m.Ms > to {
				rest = append(rest, m)
			}
		}
		w.walk(first)
		told := w.n
		if 2*w.unseen > to-from { // it may be no more than what thin fixes have in common
			told = min(told, 1)
		}
		w.way.step(w.c, node{x: x, y: y, ms: from, told: told})
		w.way.stop()
		w.way.step(w.c, node{x: x, y: y, ms: to, told: told})
	}
	w.held = w.held[:0]
	for _, m := range rest {
		w.visit(m)
	}
}

func (c *Cleaner) point(x, y float64) orb.Point {
	return orb.Point{c.origin[0] + x/c.kx, c.origin[1] + y/metresPerDegree}
}

// edge says when a stay at w.x, w.y began, or, looking back, when it ended. The
// fixes around the crossing of its circle are taken for somebody who comes
// straight to the place and then stands: the instant that fits them best.
func (w *walked) edge(h []*item, back bool) int64 {
	at := func(i int) *item {
		if back {
			return h[len(h)-1-i]
		}
		return h[i]
	}
	since := func(a, b *item) float64 { return math.Abs(seconds(a, b)) }
	// the first fix inside after which it is the stay
	first := 0
	core := w.core
	if back {
		core = len(h) - 1 - (w.lastIn - w.core)
	}
	for i := core - 1; i >= 0; i-- {
		if w.off(at(i)) > w.reach(at(i)) {
			first = i + 1
			break
		}
	}
	for first < len(h)-1 && w.off(at(first)) > w.reach(at(first)) {
		first++
	}
	begin := first
	for begin > 0 && since(at(begin-1), at(first)) <= 150 && (since(at(begin-1), at(first)) <= 30 || first-begin < 2) {
		begin--
	}
	if begin == first {
		return at(first).Ms
	}
	end := first
	for end < len(h)-1 && (since(at(first), at(end)) <= 90 || end-first < 4) {
		end++
	}
	type seen struct{ t, x, y float64 }
	pts := make([]seen, 0, end-begin+1)
	for i := begin; i <= end; i++ {
		m := at(i)
		pts = append(pts, seen{since(at(begin), m), m.x - w.x, m.y - w.y})
	}
	best, when := 0.0, pts[first-begin].t
	// He is there soon after he has crossed the circle.
	crossed := pts[first-begin]
	speed := math.Hypot(crossed.x-pts[0].x, crossed.y-pts[0].y) / crossed.t
	top := min(pts[len(pts)-1].t, crossed.t+max(2*w.reach(at(first))/max(speed, 0.3), float64(w.c.o.StayMs)/4000))
	for t := 1.0; t <= top; t++ {
		var sx, sy, s float64
		for _, p := range pts {
			k := t - p.t
			if k <= 0 {
				break
			}
			sx, sy, s = sx+p.x*k, sy+p.y*k, s+k*k
		}
		if fit := (sx*sx + sy*sy) / s; fit > best {
			best, when = fit, t
		}
	}
	ms := int64(math.Round(when * 1000))
	if back {
		return at(begin).Ms - ms
	}
	return at(begin).Ms + ms
}
