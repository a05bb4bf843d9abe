package trail

import (
	"cmp"
	"math"
	"slices"

	"github.com/paulmach/orb"
)

// Clean judges all fixes of one worker and says what they amount to. Neither
// the order of the fixes nor repeats among them change the answer.
func Clean(fixes []Fix, o Options) Trail {
	sorted := slices.Clone(fixes)
	slices.SortFunc(sorted, compare)
	o, wrong := clocks(sorted, o.filled())
	t := Trail{Fixes: make([]Judged, 0, len(fixes))}
	c := newCleaner(o, Sink{
		Fix:  func(j Judged) { t.Fixes = append(t.Fixes, j) },
		Gap:  func(g Gap) { t.Gaps = append(t.Gaps, g) },
		Stay: func(s Stay) { t.Stays = append(t.Stays, s) },
	})
	for i, f := range sorted {
		if wrong[i] {
			c.judged(f, BadClock)
		} else {
			c.take(f)
		}
	}
	t.LengthM = c.Finish()
	return t
}

// compare orders fixes by time, and those of one instant by all that they say,
// the most accurate first: an order that does not depend on arrival.
func compare(a, b Fix) int {
	figure := func(x, y float32) int { // unknown last
		switch xn, yn := x != x, y != y; {
		case xn && yn:
			return 0
		case xn:
			return 1
		case yn:
			return -1
		}
		return cmp.Compare(x, y)
	}
	if a.Ms != b.Ms {
		return cmp.Compare(a.Ms, b.Ms)
	}
	return cmp.Or(figure(a.Accuracy, b.Accuracy),
		cmp.Compare(a.Point[0], b.Point[0]), cmp.Compare(a.Point[1], b.Point[1]),
		figure(a.Speed, b.Speed), figure(a.Course, b.Course),
		cmp.Compare(a.Flags, b.Flags), cmp.Compare(a.Source, b.Source))
}

// Sink is told what a Cleaner finds, each kind in the order of time.
type Sink struct {
	Fix  func(Judged)
	Gap  func(Gap)
	Stay func(Stay)
}

// Cleaner judges fixes as they come, with bounded memory: it holds those of the
// reorder window and those that a judgement may still depend on. They pass
// through rooms, each of which decides one thing:
//
//	order   waits for what was overtaken, sees repeats and what a fix shows by itself
//	lonely  a few fixes far from all others in time have a wrong clock
//	frozen  a receiver that repeats itself
//	path    what cannot lie on one path with the others
//	walked  gaps, stays and the length of what is left
type Cleaner struct {
	o      Options
	sink   Sink
	early  []Fix // waiting for what they may have overtaken, by time
	newest int64 // of all that came
	done   int64 // what is older than this comes too late
	origin orb.Point
	placed bool // origin is known
	kx     float64

	line   []*item // all that came and are not yet told, by time
	before *item   // the last that entered a room behind order
	vague  int     // those that call themselves vague, since
	lonely lonely
	frozen frozen
	path   path
	walked walked
}

// item is a fix on its way.
type item struct {
	Judged
	x, y float64 // metres from the Cleaner's origin
	done bool    // judged

	score  float64 // of the best path that ends here
	price  float64 // of leaving it out
	drops  float64 // of leaving out all up to this one
	from   int32   // how many candidates back the path's step before is; 0 = it begins here
	run    *item   // the first of those that lead here, each from one of the few before
	asked  *item   // of the first: for whom last was found
	last   *item   // …the last of the run before it
	nth    int32   // of its run
	kept   bool
	step   float64 // m/s, from the one before
	silent float64 // seconds that nothing was heard, up to here
	far    bool    // its off says little: the steps are long
	jump   bool    // nobody gets here from the few before
	noise  float64 // metres, of the fixes around
	pace   float64 // m/s, of the time before
	long   float64 // m/s, of the many fixes around
	usual  float64 // m/s, of those, or of the next few when they are faster
	stir   float64 // metres that the fixes next to it are off
	burst  bool    // they jump about
	vague  int     // so many between the one before and it call themselves vague
	wild   bool    // and far
	off    float64 // metres from where the neighbours say that it should be
}

func (a *item) to(b *item) float64 { return math.Hypot(b.x-a.x, b.y-a.y) }

func seconds(a, b *item) float64 { return float64(b.Ms-a.Ms) / 1000 }

// NewCleaner makes a Cleaner; a function of sink that is nil is not told.
func NewCleaner(o Options, sink Sink) *Cleaner {
	return newCleaner(o.filled(), sink)
}

func newCleaner(o Options, sink Sink) *Cleaner {
	c := &Cleaner{o: o, sink: sink, newest: math.MinInt64, done: math.MinInt64}
	c.walked.c = c
	return c
}

// Add takes the next fix of the worker. It reports false when the fix came too
// late: older than the newest by more than Options.ReorderMs. It is then left
// out, and the day is to be done again by Clean. A fix from the far future would
// make all others late: a wrong clock does not move the window.
func (c *Cleaner) Add(f Fix) bool {
	if f.Ms < c.done {
		return false
	}
	at, _ := slices.BinarySearchFunc(c.early, f, compare)
	c.early = slices.Insert(c.early, at, f)
	if c.o.alone(&f) != BadClock {
		c.newest = max(c.newest, f.Ms)
	}
	if c.newest > math.MinInt64+c.o.ReorderMs {
		c.done = c.newest - c.o.ReorderMs
	}
	n := 0
	for n < len(c.early) && c.early[n].Ms < c.done {
		c.take(c.early[n])
		n++
	}
	c.early = slices.Delete(c.early, 0, n)
	return true
}

// Finish says what remained, and returns the length of the trail: the way of
// the good fixes without the noise; gaps count with their straight lines, but a
// few fixes amid silence do not lead it aside. The Cleaner is then done.
func (c *Cleaner) Finish() (metres float64) {
	for _, f := range c.early {
		c.take(f)
	}
	c.early = nil
	c.lonely.end(c)
	c.frozen.end(c)
	c.path.end(c)
	c.tell()
	return c.walked.end()
}

// take is given the fixes in their order.
func (c *Cleaner) take(f Fix) { c.judged(f, c.o.alone(&f)) }

// judged takes a fix of which is known what it shows by itself.
func (c *Cleaner) judged(f Fix, why Reason) {
	it := &item{Judged: Judged{Fix: f, Why: why}}
	c.line = append(c.line, it)
	if it.Why == Good {
		if b := c.before; b != nil && b.Ms == f.Ms && near(b.Point, f.Point) {
			it.Why = Duplicate
		}
	}
	if it.Why != Good {
		if it.Why == Inaccurate {
			c.vague++
		}
		it.done = true
		c.tell()
		return
	}
	c.before = it
	it.vague, c.vague = c.vague, 0
	if !c.placed {
		c.origin, c.placed = f.Point, true
		c.kx = math.Max(0.01, math.Cos(f.Point[1]*math.Pi/180)) * metresPerDegree
	}
	it.x, it.y = (f.Point[0]-c.origin[0])*c.kx, (f.Point[1]-c.origin[1])*metresPerDegree
	c.lonely.take(c, it)
	c.tell()
}

// near reports whether two places are the same to a millionth of a degree.
func near(a, b orb.Point) bool {
	return math.Abs(a[0]-b[0]) < 1e-6 && math.Abs(a[1]-b[1]) < 1e-6
}

// tell hands on what is judged, in order.
func (c *Cleaner) tell() {
	n := 0
	for n < len(c.line) && c.line[n].done {
		switch it := c.line[n]; it.Why {
		case Good, Frozen:
			c.walked.take(it)
		case Noise, Spike, Teleport:
			c.walked.murmur(it)
		}
		if c.sink.Fix != nil {
			c.sink.Fix(c.line[n].Judged)
		}
		n++
	}
	c.line = slices.Delete(c.line, 0, n)
}

// No device of ours has been anywhere before 2000 or after 2100.
const earliest, latest = 946_684_800_000, 4_102_444_800_000

// alone judges what a fix shows by itself.
func (o *Options) alone(f *Fix) Reason {
	switch {
	case math.Abs(f.Point[0]) < 0.01 && math.Abs(f.Point[1]) < 0.01, !(math.Abs(f.Point[0]) <= 180 && math.Abs(f.Point[1]) <= 90):
		return NullIsland
	case f.Ms < earliest, f.Ms >= latest, o.From != 0 && f.Ms < o.From, o.To != 0 && f.Ms >= o.To, f.Flags&o.ClockFlags != 0:
		return BadClock
	case f.Flags&o.Reject != 0:
		return Flagged
	case float64(f.Accuracy) > o.Accuracy:
		return Inaccurate
	}
	return Good
}
