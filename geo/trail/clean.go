package trail

import (
	"cmp"
	"math"
	"slices"
)

// Clean judges all fixes of one worker and says what they amount to. Neither
// the order of the fixes nor repeats among them change the answer.
func Clean(fixes []Fix, o Options) Trail {
	sorted := slices.Clone(fixes)
	slices.SortFunc(sorted, compare)
	var t Trail
	c := NewCleaner(o, Sink{
		Fix:  func(j Judged) { t.Fixes = append(t.Fixes, j) },
		Gap:  func(g Gap) { t.Gaps = append(t.Gaps, g) },
		Stay: func(s Stay) { t.Stays = append(t.Stays, s) },
	})
	for _, f := range sorted {
		c.take(f)
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
	return cmp.Or(
		cmp.Compare(a.Ms, b.Ms), figure(a.Accuracy, b.Accuracy),
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
// reorder window and the few that the judgement of a fix may still depend on.
type Cleaner struct {
	o      Options
	sink   Sink
	early  []Fix // waiting for what they may have overtaken, by time
	newest int64 // of all that came
	done   int64 // what is older than this comes too late
	last   Judged
	seen   bool
	length float64
}

// NewCleaner makes a Cleaner; a function of sink that is nil is not told.
func NewCleaner(o Options, sink Sink) *Cleaner {
	return &Cleaner{o: o.filled(), sink: sink, newest: math.MinInt64, done: math.MinInt64}
}

// Add takes the next fix of the worker. It reports false when the fix came too
// late: older than the newest by more than Options.ReorderMs. It is then left
// out, and the day is to be done again by Clean.
func (c *Cleaner) Add(f Fix) bool {
	if f.Ms < c.done {
		return false
	}
	at, _ := slices.BinarySearchFunc(c.early, f, compare)
	c.early = slices.Insert(c.early, at, f)
	c.newest = max(c.newest, f.Ms)
	c.done = c.newest - c.o.ReorderMs
	n := 0
	for n < len(c.early) && c.early[n].Ms < c.done {
		c.take(c.early[n])
		n++
	}
	c.early = slices.Delete(c.early, 0, n)
	return true
}

// Finish says what remained, and returns the length of the trail. The Cleaner
// is then done.
func (c *Cleaner) Finish() (metres float64) {
	for _, f := range c.early {
		c.take(f)
	}
	c.early = nil
	return c.length
}

// take is given the fixes in their order.
func (c *Cleaner) take(f Fix) {
	j := Judged{Fix: f, Why: c.alone(&f)}
	if j.Why == Good && c.seen {
		switch d := Metres(c.last.Point, f.Point); {
		case f.Ms == c.last.Ms:
			j.Why = Duplicate
		case d/float64(f.Ms-c.last.Ms)*1000 > c.o.MaxSpeed:
			j.Why = Teleport
		default:
			c.length += d
			if f.Ms-c.last.Ms > c.o.GapMs && c.sink.Gap != nil {
				c.sink.Gap(Gap{c.last.Ms, f.Ms, c.last.Point, f.Point, d})
			}
		}
	}
	if j.Why == Good {
		c.last, c.seen = j, true
	}
	if c.sink.Fix != nil {
		c.sink.Fix(j)
	}
}

// alone judges what a fix shows by itself.
func (c *Cleaner) alone(f *Fix) Reason {
	switch o := &c.o; {
	case math.Abs(f.Point[0]) < 0.01 && math.Abs(f.Point[1]) < 0.01, !(math.Abs(f.Point[0]) <= 180 && math.Abs(f.Point[1]) <= 90):
		return NullIsland
	case o.From != 0 && f.Ms < o.From, o.To != 0 && f.Ms >= o.To, f.Flags&o.ClockFlags != 0:
		return BadClock
	case f.Flags&o.Reject != 0:
		return Flagged
	case float64(f.Accuracy) > o.Accuracy:
		return Inaccurate
	}
	return Good
}
