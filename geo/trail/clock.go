package trail

import "slices"

// A clock that jumped puts a fix, or some minutes of them, where they do not
// belong: hours away, or into a silence. That shows in the whole of a track only,
// so Clean alone sees it; what lands amid other fixes, path sees.

const (
	beyondMs = 35 * 60_000 // away from all crowds: farther than a visit's silence
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
	k.returned()
	return k.o, k.wrong
}

// clockwork looks at the clocks of a track.
type clockwork struct {
	o     Options
	fixes []Fix
	wrong []bool
	seen  []int   // the fixes that show nothing wrong by themselves
	usual int64   // ms between two of them
	even  bool    // …nearly always
	pace  float64 // metres a ms, at which he is seldom faster
	parts []int   // the crowds without a silence of much more: where each begins, and the end
}

// see picks the fixes that can be looked at.
func (k *clockwork) see() {
	k.seen = k.seen[:0]
	var steps []int64
	var paces []float64
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
				steps, paces = append(steps, ms), append(paces, Metres(last.Point, f.Point)/float64(ms))
			}
		}
		k.seen = append(k.seen, i)
	}
	if k.usual = 0; len(steps) < manyFixes {
		return
	}
	k.pace = nth(paces, len(paces)*3/4)
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
	at := k.crowds(k.long())
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
			for n := at[c]; n < at[c+1]; n++ {
				k.refuse(n)
			}
		}
	}
}

// refuse refuses seen[n], and its repeats.
func (k *clockwork) refuse(n int) {
	for i := k.seen[n]; i == k.seen[n] || i < len(k.fixes) && k.fixes[i].Ms == k.at(n).Ms && near(k.fixes[i].Point, k.at(n).Point); i++ {
		k.wrong[i] = true
	}
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
	others, total := int64(0), int64(0)
	away := func(c crowd) int64 { return max(c.from-m.to, m.from-c.to) }
	for _, c := range all {
		total += c.n
		if away(c) > far {
			others += c.n
		}
	}
	rare := func(k int) bool {
		c := all[k]
		each := func(c crowd) int64 { return (c.to - c.from) / max(1, c.n-1) }
		return away(c) > far && others*4 < total || c.n*thin < m.n && (c.n <= fewFixes || each(c) > thin*each(m))
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
