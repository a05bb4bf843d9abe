package trail

import (
	"slices"

	"github.com/paulmach/orb"
)

// A clock that jumped puts a fix, or some minutes of them, where they do not
// belong: hours away, or into a silence. That shows in the whole of a track only,
// so Clean alone sees it; what lands amid other fixes, path sees.

const (
	beyondMs = 35 * 60_000 // away from all crowds: farther than a visit's silence
	elseM    = 60          // metres: a fix so near to its neighbours in time may as well be where it says
)

// clocks narrows the times that can be, and says which of the sorted fixes have
// a wrong clock.
func clocks(sorted []Fix, o Options) (Options, []bool) {
	k := clockwork{o: o, fixes: sorted, wrong: make([]bool, len(sorted))}
	k.see()
	if k.usual == 0 {
		return o, k.wrong
	}
	k.strays()
	k.o = within(k.rest(), o)
	k.see()
	k.returned()
	return k.o, k.wrong
}

// clockwork looks at the clocks of a track.
type clockwork struct {
	o     Options
	fixes []Fix
	wrong []bool
	seen  []int // the fixes that show nothing wrong by themselves
	usual int64 // ms between two of them
	even  bool  // …nearly always
}

// see picks the fixes that can be looked at.
func (k *clockwork) see() {
	k.seen = k.seen[:0]
	var steps []int64
	for i := range k.fixes {
		f := &k.fixes[i]
		if k.wrong[i] || k.o.alone(f) != Good {
			continue
		}
		if n := len(k.seen); n > 0 {
			last := &k.fixes[k.seen[n-1]]
			if last.Ms == f.Ms && near(last.Point, f.Point) {
				continue
			}
			if ms := f.Ms - last.Ms; ms > 0 {
				steps = append(steps, ms)
			}
		}
		k.seen = append(k.seen, i)
	}
	if k.usual = 0; len(steps) < manyFixes {
		return
	}
	slices.Sort(steps)
	k.usual = steps[len(steps)/2]
	lo, _ := slices.BinarySearch(steps, k.usual*4/5)
	hi, _ := slices.BinarySearch(steps, k.usual*6/5+1)
	k.even = (hi-lo)*5 >= len(steps)*4
}

func (k *clockwork) at(n int) *Fix { return &k.fixes[k.seen[n]] }

// rest are the fixes that may have a right clock.
func (k *clockwork) rest() []Fix {
	rest := make([]Fix, 0, len(k.fixes))
	for i, f := range k.fixes {
		if !k.wrong[i] {
			rest = append(rest, f)
		}
	}
	return rest
}

// crowds are the stretches of seen without a silence longer than that: where
// each begins, and at last where the last ends.
func (k *clockwork) crowds(silence int64) []int {
	var at []int
	for n := range k.seen {
		if n == 0 || k.at(n).Ms-k.at(n-1).Ms > silence {
			at = append(at, n)
		}
	}
	return append(at, len(k.seen))
}

// strays refuses the few fixes that are far from all crowds.
func (k *clockwork) strays() {
	at := k.crowds(max(330_000, 12*k.usual))
	before, far := int64(0), make([]bool, len(at)-1)
	for pass := range 2 { // forth, and back
		known := false
		for n := range len(at) - 1 {
			c := n
			if pass == 1 {
				c = len(at) - 2 - n
			}
			from, to := k.at(at[c]).Ms, k.at(at[c+1]-1).Ms
			if at[c+1]-at[c] >= manyFixes {
				known, before = true, to
				if pass == 1 {
					before = from
				}
				continue
			}
			away := !known || from-before > beyondMs
			if pass == 1 {
				away = !known || before-to > beyondMs
			}
			if pass == 0 {
				far[c] = away
			} else {
				far[c] = far[c] && away
			}
		}
		if !known {
			return // there is no crowd
		}
	}
	for c, f := range far {
		if f && at[c+1]-at[c] <= fewFixes {
			k.refuse(at[c], at[c+1])
		}
	}
}

func (k *clockwork) refuse(from, to int) {
	for i, last := k.seen[from], k.seen[to-1]; i <= last; i++ {
		k.wrong[i] = true
	}
}

// returned refuses stretches that stand apart and fit exactly into a hole of the
// others: they begin where and end where the others are silent, for as long.
func (k *clockwork) returned() {
	if k.usual == 0 {
		return
	}
	at := k.crowds(max(4*k.usual, 30_000))
	type hole struct {
		before, after int // of seen
		ms            int64
	}
	var holes []hole
	last := 0
	for n := 1; n < len(k.seen); n++ {
		if k.alone(at, n) { // what stands in a hole by itself does not fill it
			continue
		}
		if ms := k.at(n).Ms - k.at(last).Ms; 2*ms > 3*k.usual {
			holes = append(holes, hole{last, n, ms})
		}
		last = n
	}
	slices.SortFunc(holes, func(a, b hole) int { return int(min(max(a.ms-b.ms, -1), 1)) })
	for c := range len(at) - 1 {
		from, to := at[c], at[c+1]
		if (to-from)*4 > len(k.seen) || k.athome(at, from, to) {
			continue
		}
		lasts := k.at(to-1).Ms - k.at(from).Ms
		h, _ := slices.BinarySearchFunc(holes, lasts+k.usual, func(a hole, ms int64) int { return int(min(max(a.ms-ms, -1), 1)) })
		for ; h < len(holes) && holes[h].ms <= lasts+max(4*k.usual, 20_000); h++ {
			if holes[h].before < to && holes[h].after >= from { // its own neighbours
				continue
			}
			if k.fits(from, to, k.at(holes[h].before), k.at(holes[h].after), lasts, holes[h].ms-lasts) {
				k.refuse(from, to)
				break
			}
		}
	}
}

// athome reports whether a stretch is near to its neighbours in time, those that
// are alone left out.
func (k *clockwork) athome(at []int, from, to int) bool {
	nearby := func(p orb.Point) bool {
		return Metres(p, k.at(from).Point) <= elseM || Metres(p, k.at(to-1).Point) <= elseM
	}
	a, b := from-1, to
	for a >= 0 && k.alone(at, a) {
		a--
	}
	for b < len(k.seen) && k.alone(at, b) {
		b++
	}
	return a >= 0 && nearby(k.at(a).Point) || b < len(k.seen) && nearby(k.at(b).Point)
}

// alone reports whether seen[n] is a crowd by itself.
func (k *clockwork) alone(at []int, n int) bool {
	c, found := slices.BinarySearch(at, n)
	return found && c+1 < len(at) && at[c+1] == n+1
}

// fits reports whether a stretch belongs between a and b, which are that much
// farther apart than it lasts.
func (k *clockwork) fits(from, to int, a, b *Fix, lasts, slack int64) bool {
	exact := k.even && 10*slack > 16*k.usual && 10*slack < 24*k.usual
	pace, far := 0.0, 0.0 // metres a ms
	for i := from + 1; i < to; i++ {
		far = max(far, Metres(k.at(from).Point, k.at(i).Point))
	}
	apart := (from == 0 || k.at(from).Ms-k.at(from-1).Ms > beyondMs) && (to == len(k.seen) || k.at(to).Ms-k.at(to-1).Ms > beyondMs)
	switch {
	case to-from <= fewFixes && !exact, !exact && !apart && far < elseM:
		return false // too little to tell
	case to-from <= fewFixes:
		pace = Metres(a.Point, b.Point) / float64(b.Ms-a.Ms)
	default:
		pace = far / float64(lasts)
	}
	r := elseM + 2*max(pace, 0.0015)*float64(slack)
	return Metres(a.Point, k.at(from).Point) <= r && Metres(b.Point, k.at(to-1).Point) <= r
}

// within narrows the times that can be, when the caller did not say: what lies
// hours away from where nearly all fixes are has a wrong clock. Fixes that were
// put to another day one by one are thin there; a short second walk in the
// evening is not.
func within(sorted []Fix, o Options) Options {
	const silence, far, thin = 4 * 3600_000, 18 * 3600_000, 10
	type crowd struct{ from, to, n int64 }
	var all []crowd
	main := -1
	for i := range sorted {
		ms := sorted[i].Ms
		if ms < earliest || ms >= latest {
			continue
		}
		if k := len(all) - 1; k >= 0 && ms-all[k].to <= silence {
			all[k].to, all[k].n = ms, all[k].n+1
		} else {
			all = append(all, crowd{ms, ms, 1})
		}
		if k := len(all) - 1; main < 0 || all[k].n > all[main].n {
			main = k
		}
	}
	if main < 0 || all[main].n < manyFixes {
		return o
	}
	m := all[main]
	rare := func(k int) bool {
		c := all[k]
		away := max(c.from-m.to, m.from-c.to)
		each := func(c crowd) int64 { return (c.to - c.from) / max(1, c.n-1) }
		return c.n*thin < m.n && (away > far || c.n <= fewFixes || each(c) > thin*each(m))
	}
	a, b := main, main
	for k := range all {
		if k != main && !rare(k) {
			a, b = min(a, k), max(b, k)
		}
	}
	o.From = max(o.From, all[a].from)
	if to := all[b].to + 1; o.To == 0 || to < o.To {
		o.To = to
	}
	return o
}
