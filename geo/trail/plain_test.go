package trail

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// The path that streams, forgets and judges early is the cheapest of all paths
// through the whole track, found by trying every step.
func TestPathIsTheCheapestOfAll(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		m := []manner{{pace: 1.35, least: 5, most: 5, sigma: 5}, {pace: 6, least: 1, most: 20, sigma: 4}, {pace: 13, least: 15, most: 15, sigma: 4}}[seed%3]
		tr := newTrace(seed, newErrand(seed, m, 3), m)
		for _, f := range otherFaults {
			tr.fault(f)
		}
		fixes := tr.all()
		slices.SortFunc(fixes, compare)
		c := NewCleaner(Options{}, Sink{})
		var items []*item // all candidates
		known := map[*item]bool{}
		look := func() {
			for _, it := range c.path.items {
				if !known[it] {
					known[it] = true
					items = append(items, it)
				}
			}
		}
		for _, f := range fixes {
			c.take(f)
			look()
		}
		c.Finish()
		look()
		if got, want := costs(items, c.o); got > want+1e-6 {
			t.Errorf("seed %d: the path through %d candidates costs %.3f, the cheapest %.3f", seed, len(items), got, want)
		}
	}
}

// costs are those of the path that was kept, and of the cheapest, for which all
// steps between all candidates are tried.
func costs(items []*item, o Options) (kept, cheapest float64) {
	n := len(items)
	dropped := make([]float64, n+1)            // of all before
	run, nth := make([]int, n), make([]int, n) // which begins with that item, and which of it
	for i, it := range items {
		dropped[i+1] = dropped[i] + it.price
		run[i] = i
		for k := i - 1; k >= max(0, i-leads); k-- {
			d, far := items[k].to(it), it.easily(seconds(items[k], it))
			if d <= far {
				run[i], nth[i] = run[k], nth[k]+1
			}
			if d <= far || d > far+2*it.easily(0) {
				break
			}
		}
	}
	walk := func(i, j int) float64 { // from i to j, all between left out
		a, b := items[i], items[j]
		t := seconds(a, b)
		if t <= 0 || j-i >= span {
			return math.Inf(1)
		}
		cost := step(a, b, b, o.MaxSpeed)
		last, first := i, j // of the two runs, between
		for k := i; k <= j; k++ {
			if run[k] == run[i] && k < j {
				last = k
			}
			if r := j + i - k; run[r] == run[j] && r > i {
				first = r
			}
		}
		if left := nth[last] - nth[i] + nth[j] - nth[first]; run[i] != run[j] && (last > i || first < j) && (left > 1 || a.to(b) > b.easily(t)) {
			cost = max(cost, step(items[last], items[first], b, o.MaxSpeed))
		}
		return cost + dropped[j] - dropped[i+1]
	}
	best := make([]float64, n)
	cheapest = math.Inf(1)
	before := -1
	for j := range items {
		best[j] = dropped[j]
		for i := range j {
			best[j] = min(best[j], best[i]+walk(i, j))
		}
		cheapest = min(cheapest, best[j]+dropped[n]-dropped[j+1])
		switch {
		case !items[j].kept:
			continue
		case before < 0:
			kept = dropped[j]
		default:
			kept += walk(before, j)
		}
		before = j
	}
	return kept + dropped[n] - dropped[before+1], cheapest
}

// What stays are, said plainly: all windows long enough in which everybody would
// say that he stood are in one, and in none he is elsewhere for long.
func TestStaysAreWhatTheyPlainlyAre(t *testing.T) {
	t.Parallel()
	for seed := range uint64(5) {
		m := manner{pace: 1.35, least: 5, most: 5, sigma: 4}
		tr := newTrace(seed, newErrand(seed, m, 3), m)
		r := rand.New(rand.NewPCG(seed, 1))
		for _, f := range []string{"teleport", "spike", "gap", "burst"}[:r.IntN(5)] {
			tr.fault(f)
		}
		o := Options{}.filled()
		got := Clean(tr.all(), o)
		var good []Fix
		for _, j := range got.Fixes {
			if j.Why == Good {
				good = append(good, j.Fix)
			}
		}
		for _, s := range got.Stays {
			in, near, away := 0, 0, int64(0)
			back := s.From
			for _, f := range good {
				if f.Ms < s.From || f.Ms > s.To {
					continue
				}
				in++
				if Metres(f.Point, s.Point) <= o.widest {
					near++
					back = f.Ms
				}
				away = max(away, f.Ms-back)
			}
			if s.To-s.From < o.StayMs-30_000 || 10*near < 9*in || away > 60_000 {
				t.Errorf("seed %d: a stay of %d s, %d of %d fixes in it, away for %d s", seed, (s.To-s.From)/1000, near, in, away/1000)
			}
		}
		for i := range good {
			var x, y float64
			for j := i; j < len(good) && (j == i || good[j].Ms-good[j-1].Ms <= o.GapMs); j++ {
				px, py := fromPoint(good[j].Point)
				x, y = x+px, y+py
				if good[j].Ms-good[i].Ms < o.StayMs+60_000 {
					continue
				}
				n := float64(j - i + 1)
				place := toPoint(x/n, y/n)
				stood := !slices.ContainsFunc(good[i:j+1], func(f Fix) bool { return Metres(f.Point, place) > o.StayRadius/2 })
				if stood && !slices.ContainsFunc(got.Stays, func(s Stay) bool {
					return min(s.To, good[j].Ms)-max(s.From, good[i].Ms) > o.StayMs/2
				}) {
					t.Errorf("seed %d: he stood from %d to %d s", seed, (good[i].Ms-epoch)/1000, (good[j].Ms-epoch)/1000)
				}
				break
			}
		}
	}
}
