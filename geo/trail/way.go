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
}

// node is a place on the way.
type node struct {
	x, y float64
	ms   int64
	pace float64 // m/s, usual there
}

const (
	binMs    = 4000 // fixes of so long are one place…
	binPaces = 8    // …unless one goes farther than this many metres meanwhile
	widest   = 8    // steps of the widest chord, before it is doubled
	block    = 32   // nodes that are measured alike
	straight = 20   // seconds: what is off the line between neighbours farther apart is the way itself
	context  = 16   // nodes on either side that tell how
)

func (w *way) step(c *Cleaner, n node) {
	if w.bins > 0 {
		t := n.ms - w.since
		if t < binMs && n.pace*float64(t)/1000 < binPaces {
			k := float64(w.bins)
			w.bin.x, w.bin.y = (w.bin.x*k+n.x)/(k+1), (w.bin.y*k+n.y)/(k+1)
			w.bin.ms = n.ms
			w.bins++
			return
		}
		last := w.bin
		w.put()
		if n.ms-last.ms > c.o.GapMs {
			w.stop()
			w.length += math.Hypot(n.x-last.x, n.y-last.y)
		}
	}
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
		w.measure(len(w.nodes))
	}
	w.nodes, w.done, w.begun = w.nodes[:0], 0, false
}

func (w *way) end() float64 {
	w.stop()
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
		off := w.quantile(a+m, b-m, 0.35, func(i int) float64 {
			p, q, r := &w.nodes[i-m], &w.nodes[i], &w.nodes[i+m]
			k := float64(q.ms-p.ms) / float64(r.ms-p.ms)
			return math.Hypot(q.x-p.x-k*(r.x-p.x), q.y-p.y-k*(r.y-p.y))
		}) / 1.137
		d := w.quantile(a, b-m, 0.6, func(i int) float64 {
			return math.Hypot(w.nodes[i+m].x-w.nodes[i].x, w.nodes[i+m].y-w.nodes[i].y)
		})
		w.steps = m
		if dt*float64(m) <= straight {
			w.noise = off
		} else if m == 1 {
			w.noise = min(off, 5)
			break
		}
		if d*d-2*w.noise*w.noise >= 12*w.noise*w.noise {
			break
		}
	}
	w.steps = max(w.steps, 1)
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
