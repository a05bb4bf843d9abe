package trail

import (
	"cmp"
	"slices"

	"github.com/paulmach/orb"
)

// A phone that sends some minutes' fixes with another clock leaves a hole where
// they belong. What stands apart in time, or is woven into fixes of another
// place, and fits into a hole, belongs there.

const (
	elseM = 60 // metres: a fix so near to its neighbours in time may as well be where it says
	onM   = 25 // metres: a stretch that begins so near to where the next fix is due goes on from there
)

// hole is a silence between two of seen.
type hole struct {
	before, after int
	ms            int64
}

// stretch are fixes that may belong elsewhere.
type stretch struct {
	of    []int // seen
	a, b  int   // of seen: its neighbours in time
	lasts int64
	far   float64 // metres: so far from its first fix at most
	pace  float64 // metres a ms
	home  bool    // it is near to its neighbours
	apart bool    // they are far away in time
}

// returned refuses the stretches that fit into a hole of the others.
func (k *clockwork) returned() {
	for _, silence := range []int64{k.long(), k.short()} {
		k.fit(silence, k.apart, k.fills)
		k.fit(silence, k.apart, k.goeson)
	}
	for range 3 { // without those, others are told apart better
		one, two := k.fit(k.short(), k.woven, k.fills), k.fit(k.short(), k.woven, k.goeson)
		if !one && !two {
			break
		}
	}
}

// long and short are silences between crowds.
func (k *clockwork) long() int64  { return max(330_000, 12*k.usual) }
func (k *clockwork) short() int64 { return max(30_000, 4*k.usual) }

// fit refuses what is found that fits, and reports whether there is any.
func (k *clockwork) fit(silence int64, find func() []stretch, fits func(*stretch, hole) bool) (any bool) {
	k.see()
	if k.usual == 0 {
		return false
	}
	k.parts = k.crowds(silence)
	holes := k.holes()
	all := find()
	slices.SortStableFunc(all, func(a, b stretch) int { // what is apart first, then the smallest
		switch {
		case a.apart && !b.apart:
			return -1
		case b.apart && !a.apart:
			return 1
		}
		return cmp.Compare(len(a.of), len(b.of))
	})
	for _, s := range all {
		h, _ := slices.BinarySearchFunc(holes, s.lasts, func(a hole, ms int64) int { return cmp.Compare(a.ms, ms) })
		for ; h < len(holes); h++ {
			before, after := holes[h].before, holes[h].after
			beside := before < s.b && after > s.a
			if !beside && !k.wrong[k.seen[before]] && !k.wrong[k.seen[after]] && fits(&s, holes[h]) {
				for _, n := range s.of {
					k.refuse(n)
				}
				any = true
				break
			}
		}
	}
	return any
}

// holes are the silences, the shortest first: between neighbours, and between
// those that have others near. What stands in a hole by itself does not fill it.
func (k *clockwork) holes() []hole {
	var holes []hole
	last := 0
	put := func(before, after int) {
		if ms := k.at(after).Ms - k.at(before).Ms; 2*ms > 3*k.usual {
			holes = append(holes, hole{before, after, ms})
		}
	}
	for n := 1; n < len(k.seen); n++ {
		put(n-1, n)
		if k.alone(n) {
			continue
		}
		if last < n-1 {
			put(last, n)
		}
		last = n
	}
	slices.SortStableFunc(holes, func(a, b hole) int { return cmp.Compare(a.ms, b.ms) })
	return holes
}

// part is where the part of seen[n] begins and ends.
func (k *clockwork) part(n int) (from, to int) {
	c, found := slices.BinarySearch(k.parts, n)
	if !found {
		c--
	}
	return k.parts[c], k.parts[c+1]
}

// alone reports whether seen[n] is a part by itself.
func (k *clockwork) alone(n int) bool {
	from, to := k.part(n)
	return to-from == 1
}

// apart are the parts that silence surrounds.
func (k *clockwork) apart() (all []stretch) {
	islands, i := k.crowds(beyondMs), 0
	for c := range len(k.parts) - 1 {
		from, to := k.parts[c], k.parts[c+1]
		if (to-from)*3 > len(k.seen) {
			continue
		}
		of := make([]int, to-from)
		for i := range of {
			of[i] = from + i
		}
		for islands[i+1] <= from {
			i++
		}
		a, b := from-1, to
		if m := islands[i+1] - islands[i]; m*3 <= len(k.seen) { // the others there may be as wrong
			a, b = islands[i]-1, islands[i+1]
		}
		// Those that are alone tell nothing.
		for a >= 0 && k.alone(a) {
			a--
		}
		for b < len(k.seen) && k.alone(b) {
			b++
		}
		all = append(all, k.stretch(of, a, b))
	}
	return all
}

// woven are stretches of which the fixes lie between those of others, elsewhere.
func (k *clockwork) woven() (all []stretch) {
	var open, chains [][]int
	of := make([]int, len(k.seen)) // the length of each one's chain
	end := func(chain []int) {
		for _, n := range chain {
			of[n] = len(chain)
		}
		if len(chain) > fewFixes && len(chain)*3 <= len(k.seen) {
			chains = append(chains, chain)
		}
	}
	for n := range k.seen {
		f := k.at(n)
		open = slices.DeleteFunc(open, func(c []int) bool {
			old := f.Ms-k.at(c[len(c)-1]).Ms > k.short()
			if old {
				end(c)
			}
			return old
		})
		best, at := 1.0, -1
		for i, c := range open {
			last := k.at(c[len(c)-1])
			if d := Metres(last.Point, f.Point) / (elseM + 3*k.pace*float64(f.Ms-last.Ms)); d < best && f.Ms > last.Ms {
				best, at = d, i
			}
		}
		if at < 0 {
			open, at = append(open, nil), len(open)
		}
		open[at] = append(open[at], n)
	}
	for _, c := range open {
		end(c)
	}
	for _, c := range chains {
		from, to := c[0], c[len(c)-1]
		next := 0
		var away []float64 // of the others, from this chain
		for n := from; n <= to; n++ {
			if c[next] == n {
				next++
			} else if of[n] > fewFixes {
				away = append(away, Metres(k.at(n).Point, k.at(c[next]).Point))
			}
		}
		if len(away) > fewFixes {
			s := k.stretch(c, from-1, to+1)
			s.home = nth(away, len(away)/2) <= elseM // it may begin where they are
			all = append(all, s)
		}
	}
	return all
}

func (k *clockwork) stretch(of []int, a, b int) stretch {
	first, last := k.at(of[0]), k.at(of[len(of)-1])
	s := stretch{of: of, a: a, b: b, lasts: last.Ms - first.Ms}
	for _, n := range of {
		s.far = max(s.far, Metres(first.Point, k.at(n).Point))
	}
	if s.lasts > 0 {
		s.pace = min(s.far/float64(s.lasts), 2*k.pace)
	}
	nearby := func(p orb.Point) bool { return Metres(p, first.Point) <= elseM || Metres(p, last.Point) <= elseM }
	s.home = a >= 0 && nearby(k.at(a).Point) || b < len(k.seen) && nearby(k.at(b).Point)
	s.apart = (a < 0 || first.Ms-k.at(a).Ms > beyondMs) && (b == len(k.seen) || k.at(b).Ms-last.Ms > beyondMs)
	return s
}

func (k *clockwork) ends(s *stretch) (first, last orb.Point) {
	return k.at(s.of[0]).Point, k.at(s.of[len(s.of)-1]).Point
}

// fills reports whether a stretch lasts as long as a hole, and begins and ends
// where that does.
func (k *clockwork) fills(s *stretch, h hole) bool {
	slack, pace, few := h.ms-s.lasts, s.pace, len(s.of) <= fewFixes
	first, last := k.ends(s)
	a, b := k.at(h.before).Point, k.at(h.after).Point
	if few {
		pace = Metres(a, b) / float64(h.ms)
	}
	r := elseM + 1.2*max(pace, 0.0015)*float64(slack)
	if Metres(a, first) > r || Metres(b, last) > r {
		return false
	}
	if k.even && 10*slack > 16*k.usual && 10*slack < 24*k.usual {
		return !s.home || s.apart && !few
	}
	return !s.home && !few && slack <= max(4*k.usual, 20_000) && (s.apart || slack >= k.usual && s.far >= elseM)
}

// goeson reports whether a stretch goes on exactly as more of the others went
// before a hole, or after it, and may have lain in it.
func (k *clockwork) goeson(s *stretch, h hole) bool {
	slack := h.ms - s.lasts
	if !k.even || s.home || len(s.of) <= fewFixes || s.far < elseM || slack < 2*k.usual || h.ms > beyondMs {
		return false
	}
	meets := func(n, step int, p orb.Point) bool {
		from, to := k.part(n)
		return to-from > len(s.of) && Metres(k.next(n, step), p) <= onM
	}
	first, last := k.ends(s)
	r := elseM + 1.5*s.pace*float64(slack)
	return Metres(k.at(h.before).Point, first) <= r && Metres(k.at(h.after).Point, last) <= r &&
		(meets(h.before, -1, first) || meets(h.after, +1, last))
}

// next is where somebody was one fix after seen[n], going by the few fixes
// before it; with +1, one before it, going by those after.
func (k *clockwork) next(n, step int) orb.Point {
	const few = 3
	m := n
	for m != n+few*step && m+step >= 0 && m+step < len(k.seen) && abs(k.at(m+step).Ms-k.at(m).Ms) <= 3*k.usual {
		m += step
	}
	p, q := k.at(n), k.at(m)
	if p.Ms == q.Ms {
		return p.Point
	}
	on := float64(k.usual) / float64(abs(p.Ms-q.Ms))
	return orb.Point{p.Point[0] + on*(p.Point[0]-q.Point[0]), p.Point[1] + on*(p.Point[1]-q.Point[1])}
}

func abs(ms int64) int64 { return max(ms, -ms) }
