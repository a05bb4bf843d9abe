package trail

import (
	"math"
	"slices"
)

// way measures how far somebody went. Noise makes every step longer, and the
// more steps the longer. So its share, which is known, is taken out of the
// square of each chord; and where the noise is as long as the steps, chords over
// several steps are measured. What those cut off corners is made good with what
// chords of twice as many steps cut off more.
type way struct {
	bin    node // the mean of the fixes of a few seconds
	bins   int
	since  int64
	nodes  []node // of this stretch; the first done ones are measured
	done   int
	begun  bool    // nodes[0] is not the first of its stretch
	noise  float64 // of the last block that could tell
	steps  int
	length float64
	work   []float64

	first  node // of this stretch
	told   int  // fixes of this stretch
	known  node // the end of the last stretch that counts
	begins bool // there is one
	thin   []thin
	sparse bool // this phone speaks so seldom
}

// node is a place on the way.
type node struct {
	x, y float64
	ms   int64
	pace float64 // m/s, usual there
	told int     // by so many fixes
}

// thin is a stretch of a few fixes, with silence on both sides.
type thin struct {
	first, last node
	length      float64 // from the one to the other
	told        int
}

const (
	aside                    = 3         // so many fixes between two silences do not lead the way there and back…
	outside                  = 6         // …nor do so many before the first stretch of more, or after the last
	binMs                    = 4000      // fixes of so long are one place…
	binPaces                 = 8         // …unless one goes farther than this many metres meanwhile
	widest                   = 8         // steps of the widest chord, before it is doubled
	block                    = 32        // nodes that are measured alike
	straight                 = 20        // seconds: what is off the line between neighbours farther apart is the way itself
	turning                  = 0.15      // of the steps' squares: what the next go back by is noise, when it is so much
	lasting                  = 1.5       // times as much noise over twice as many steps is noise that lasts, or bends
	clearWhite, clearLasting = 7.0, 20.0 // times the square of the noise is that of a chord that is clear of it
	context                  = 16        // nodes on either side that tell how
)

func (w *way) step(c *Cleaner, n node) {
	if w.bins > 0 {
		t := n.ms - w.since
		if t < binMs && n.pace*float64(t)/1000 < binPaces {
			k := float64(w.bins)
			w.bin.x, w.bin.y = (w.bin.x*k+n.x)/(k+1), (w.bin.y*k+n.y)/(k+1)
			w.bin.ms = n.ms
			w.bins++
			w.told++
			return
		}
		last := w.bin
		w.put()
		if n.ms-last.ms > c.o.GapMs {
			w.stop()
		}
	}
	if w.told == 0 {
		w.first = n
	}
	w.told += max(n.told, 1)
	w.bin, w.bins, w.since = n, 1, n.ms
}

// put makes the bin a node.
func (w *way) put() {
	if w.bins == 0 {
		return
	}
	w.nodes = append(w.nodes, w.bin)
	w.bins = 0
	if len(w.nodes)-w.done >= block+context+2*widest {
		w.measure(w.done + block)
		if w.done > 4*block {
			n := w.done - context
			w.nodes = slices.Delete(w.nodes, 0, n)
			w.done, w.begun = w.done-n, true
		}
	}
}

// stop ends a stretch: what comes next has no chord with what was before.
func (w *way) stop() {
	w.put()
	if len(w.nodes) > 0 {
		before := w.length
		w.measure(len(w.nodes))
		length := w.length - before
		w.length = before
		w.join(w.nodes[len(w.nodes)-1], length)
	}
	w.nodes, w.done, w.begun = w.nodes[:0], 0, false
}

// join leads the way over the silence before the stretch that ends in last, and
// is so long. A few fixes amid silence may have been told by a wrong clock, so
// they do not lead it aside: between stretches of more it is straight, and
// before the first and after the last there is none. A phone that speaks no
// oftener is another thing.
func (w *way) join(last node, length float64) {
	s := thin{w.first, last, length, w.told}
	w.told = 0
	fixes := 0
	for _, t := range w.thin {
		fixes += t.told
	}
	switch {
	case s.told > aside:
		if w.begins && fixes > aside {
			w.lead()
		}
		w.thin, w.sparse = append(w.thin[:0], s), false
		w.lead()
	case w.sparse, fixes+s.told > outside:
		w.thin, w.sparse = append(w.thin, s), true
		w.lead()
	default:
		w.thin = append(w.thin, s)
	}
}

// lead counts what was thin.
func (w *way) lead() {
	for _, t := range w.thin {
		if w.begins {
			w.length += math.Hypot(t.first.x-w.known.x, t.first.y-w.known.y)
		}
		w.length += t.length
		w.known, w.begins = t.last, true
	}
	w.thin = w.thin[:0]
}

func (w *way) end() float64 {
	w.stop()
	if !w.begins { // it is all there is
		w.lead()
	}
	return w.length
}

// measure adds the nodes up to the one before end.
func (w *way) measure(end int) {
	for w.done < end {
		to := min(w.done+block, end)
		w.tune(w.done, to)
		from := w.done
		if from == 0 && !w.begun {
			from = 1 - 2*w.steps // chords that begin before the stretch does
		}
		m := w.steps
		for i := from; i < to; i++ {
			l := w.chord(i, i+m) / float64(m)
			if m > 1 {
				l += (l - w.chord(i, i+2*m)/float64(2*m)) * float64(m-1) / float64(m)
			}
			w.length += l
		}
		w.done = to
	}
}

// tune finds how many steps the chords of a block need, and their noise.
func (w *way) tune(from, to int) {
	a, b := max(from-context, 0), min(to+context, len(w.nodes))
	dt := float64(w.nodes[b-1].ms-w.nodes[a].ms) / 1000 / float64(max(1, b-1-a))
	for m := 1; m <= widest; m++ {
		if b-a < 2*m+6 {
			break // too short to tell: as before
		}
		off := w.off(a, b, m)
		d := w.quantile(a, b-m, 0.6, func(i int) float64 {
			return math.Hypot(w.nodes[i+m].x-w.nodes[i].x, w.nodes[i+m].y-w.nodes[i].y)
		})
		w.steps = m
		switch {
		case dt*float64(m) <= straight:
			w.noise = off
		case m == 1:
			w.noise = max(min(off, 5), w.toandfro(a, b))
		}
		clear := clearWhite
		if dt*float64(m) > straight || b-a >= 4*m+6 && w.off(a, b, 2*m) > lasting*off { // noise that lasts, or bends
			clear = clearLasting
		}
		if d*d-2*w.noise*w.noise >= clear*w.noise*w.noise {
			break
		}
	}
	w.steps = max(w.steps, 1)
}

// off is the noise by what nodes lie off the line between those m steps before
// and after them.
func (w *way) off(from, to, m int) float64 {
	return w.quantile(from+m, to-m, 0.35, func(i int) float64 {
		p, q, r := &w.nodes[i-m], &w.nodes[i], &w.nodes[i+m]
		k := float64(q.ms-p.ms) / float64(r.ms-p.ms)
		return math.Hypot(q.x-p.x-k*(r.x-p.x), q.y-p.y-k*(r.y-p.y))
	}) / 1.137
}

// toandfro is the noise of nodes so far apart that what is off the line may be
// the way itself: on a way one step goes on as the last did, in noise it goes back.
func (w *way) toandfro(from, to int) float64 {
	turn, all := 0.0, 0.0
	for i := from + 1; i < to-1; i++ {
		p, q, r := &w.nodes[i-1], &w.nodes[i], &w.nodes[i+1]
		turn += (q.x-p.x)*(r.x-q.x) + (q.y-p.y)*(r.y-q.y)
		all += (q.x-p.x)*(q.x-p.x) + (q.y-p.y)*(q.y-p.y)
	}
	if turn > -turning*all {
		return 0
	}
	return math.Sqrt(-turn / 2 / float64(to-from-2))
}

func (w *way) quantile(from, to int, q float64, get func(int) float64) float64 {
	w.work = w.work[:0]
	for i := from; i < to; i++ {
		if v := get(i); v == v {
			w.work = append(w.work, v)
		}
	}
	if len(w.work) == 0 {
		return 0
	}
	return nth(w.work, int(q*float64(len(w.work))))
}

// chord is the distance between two nodes, or ends of the stretch beyond it,
// without the noise across it; the noise along it evens out.
func (w *way) chord(i, j int) float64 {
	last := len(w.nodes) - 1
	a, b := &w.nodes[min(max(i, 0), last)], &w.nodes[min(max(j, 0), last)]
	x, y := b.x-a.x, b.y-a.y
	return math.Sqrt(max(0, x*x+y*y-2*w.noise*w.noise))
}
