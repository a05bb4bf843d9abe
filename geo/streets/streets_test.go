package streets

import (
	"fmt"
	"math"
	"testing"

	"github.com/paulmach/orb"
	"pgregory.net/rapid"
)

// at is a point so many metres east and north of a corner of the demo's county.
func at(east, north float64) orb.Point {
	e, n := perDegree(22.6)
	return orb.Point{114.1 + east/e, 22.6 + north/n}
}

func way(modes Mode, oneway bool, metres ...float64) Way {
	w := Way{Modes: modes, Oneway: oneway}
	for i := 0; i < len(metres); i += 2 {
		w.Line = append(w.Line, at(metres[i], metres[i+1]))
	}
	return w
}

var reach = Reach{Snap: 100, Limit: 5000}

func one(g *Graph, from, to orb.Point, mode Mode, r Reach) float64 {
	return NewSearch(g).Towards(to, []orb.Point{from}, mode, r, nil)[0]
}

func TestDistanceAlongStreets(t *testing.T) {
	t.Parallel()
	both := Foot | Drive
	// A square block of 200 m, its south side one-way eastwards, and a flyover
	// from corner to corner that meets nothing.
	block := []Way{
		way(both, true, 0, 0, 200, 0),
		way(both, false, 200, 0, 200, 200),
		way(both, false, 200, 200, 0, 200),
		way(both, false, 0, 200, 0, 0),
		way(Drive, false, -100, 100, 300, 101),
		way(Foot, false, 1000, 1000, 1030, 1000), // an island
	}
	whole, tied := Build(block, Options{}), Build(block, Options{LeastPiece: 100})
	inf := math.Inf(1)
	for sentence, c := range map[string]struct {
		g        *Graph
		from, to orb.Point
		mode     Mode
		reach    Reach
		want     float64
	}{
		"along one street":                                     {whole, at(20, 0), at(120, 0), Foot, reach, 100},
		"a walker ignores the one-way sign":                    {whole, at(120, 0), at(20, 0), Foot, reach, 100},
		"a vehicle goes with the one-way sign":                 {whole, at(20, 0), at(120, 0), Drive, reach, 100},
		"a vehicle goes round the block against it":            {whole, at(120, 0), at(20, 0), Drive, reach, 80 + 600 + 20},
		"round the corner":                                     {whole, at(150, 0), at(200, 50), Foot, reach, 100},
		"the steps to and from the street count":               {whole, at(100, 30), at(0, 100), Foot, reach, 30 + 100 + 100},
		"a vehicle at a corner is on both streets":             {whole, at(0, 0), at(0, 50), Drive, reach, 50},
		"and may end at the corner of a street it cannot take": {whole, at(0, 50), at(0, 0), Drive, reach, 50},
		"a walker does not take the flyover":                   {whole, at(0, 100), at(200, 100), Foot, reach, 400},
		"ways that cross without a shared vertex do not meet":  {whole, at(-100, 100), at(0, 150), Drive, reach, inf},
		"nobody walks to an island":                            {whole, at(0, 0), at(1010, 1000), Foot, reach, inf},
		"an island that is left out is no street":              {tied, at(1010, 1000), at(1020, 1000), Foot, reach, inf},
		"but it is one while it is there":                      {whole, at(1010, 1000), at(1020, 1000), Foot, reach, 10},
		"too far from every street":                            {whole, at(0, -150), at(100, 0), Foot, reach, inf},
		"beyond the limit":                                     {whole, at(0, 100), at(200, 100), Foot, Reach{100, 399}, inf},
		"within the limit":                                     {whole, at(0, 100), at(200, 100), Foot, Reach{100, 401}, 400},
		"where one is already":                                 {whole, at(77, 0), at(77, 0), Foot, reach, 0},
		"a goal that is nowhere":                               {whole, at(77, 0), orb.Point{math.NaN(), 22}, Foot, reach, inf},
		"a walker that is nowhere":                             {whole, orb.Point{1e9, 1e9}, at(77, 0), Foot, reach, inf},
		"no streets at all":                                    {Build(nil, Options{}), at(77, 0), at(78, 0), Foot, reach, inf},
	} {
		got := one(c.g, c.from, c.to, c.mode, c.reach)
		if got != c.want && !(math.Abs(got-c.want) < 0.2) {
			t.Errorf("%s: %.2f m, want %.2f", sentence, got, c.want)
		}
	}
}

func TestAWayIsSplitWhereItMeetsAnother(t *testing.T) {
	t.Parallel()
	for sentence, c := range map[string]struct {
		ways         []Way
		nodes, edges int
	}{
		"a way alone is one stretch":             {[]Way{way(Foot, false, 0, 0, 10, 0, 20, 0)}, 2, 1},
		"a street that ends at the middle":       {[]Way{way(Foot, false, 0, 0, 10, 0, 20, 0), way(Foot, false, 10, 0, 10, 10)}, 4, 3},
		"two that cross at a shared vertex":      {[]Way{way(Foot, false, 0, 0, 10, 0, 20, 0), way(Foot, false, 10, -10, 10, 0, 10, 10)}, 5, 4},
		"two that cross without one":             {[]Way{way(Foot, false, 0, 0, 20, 0), way(Foot, false, 10, -10, 10, 10)}, 4, 2},
		"a loop is one stretch of one node":      {[]Way{way(Foot, false, 0, 0, 10, 0, 10, 10, 0, 0)}, 1, 1},
		"a figure of eight crosses itself":       {[]Way{way(Foot, false, -10, 0, 0, 0, 10, 0, 10, 10, 0, 0, 0, 20)}, 3, 3},
		"a repeated vertex is one":               {[]Way{way(Foot, false, 0, 0, 0, 0, 10, 0)}, 2, 1},
		"a way of one place is none":             {[]Way{way(Foot, false, 0, 0, 0, 0)}, 0, 0},
		"a way for nobody is none":               {[]Way{way(0, false, 0, 0, 10, 0)}, 0, 0},
		"a vertex that is nowhere is left out":   {[]Way{{Line: orb.LineString{at(0, 0), {math.NaN(), 1}, at(10, 0)}, Modes: Foot}}, 2, 1},
		"the same way twice is two side by side": {[]Way{way(Foot, false, 0, 0, 10, 0), way(Foot, false, 0, 0, 10, 0)}, 2, 2},
	} {
		g := Build(c.ways, Options{})
		if g.Nodes() != c.nodes || g.Edges() != c.edges {
			t.Errorf("%s: %d nodes and %d edges, want %d and %d", sentence, g.Nodes(), g.Edges(), c.nodes, c.edges)
		}
	}
}

// town draws streets between the crossings of a lattice, bent or not, so that
// junctions, dead ends, islands and parallel streets occur.
func town(t *rapid.T) []Way {
	const side = 4
	crossing := rapid.Custom(func(t *rapid.T) orb.Point {
		return at(float64(rapid.IntRange(0, side).Draw(t, "east"))*70, float64(rapid.IntRange(0, side).Draw(t, "north"))*70)
	})
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Way {
		return Way{
			Line:   rapid.SliceOfN(crossing, 2, 4).Draw(t, "line"),
			Modes:  rapid.SampledFrom([]Mode{Foot, Drive, Foot | Drive}).Draw(t, "modes"),
			Oneway: rapid.Bool().Draw(t, "oneway"),
		}
	}), 1, 9).Draw(t, "ways")
}

func anywhere(t *rapid.T, what string) orb.Point {
	return at(rapid.Float64Range(-60, 340).Draw(t, what+" east"), rapid.Float64Range(-60, 340).Draw(t, what+" north"))
}

// oracle measures by Floyd–Warshall over every vertex of every way, the point
// and the goal added as vertices of the segments they were snapped to.
func oracle(ways []Way, from, to orb.Point, mode Mode, r Reach) float64 {
	inf := math.Inf(1)
	id := map[[2]int64]int{}
	var points []orb.Point
	var d [][]float64
	node := func(p orb.Point) int {
		if n, ok := id[key(p)]; ok {
			return n
		}
		id[key(p)] = len(points)
		points = append(points, p)
		return len(points) - 1
	}
	type segment struct {
		u, v  orb.Point
		drive bool // both ways
		ok    bool // usable by mode
	}
	var segments []segment
	for _, w := range ways {
		for i := 1; i < len(w.Line); i++ {
			if key(w.Line[i-1]) != key(w.Line[i]) {
				segments = append(segments, segment{w.Line[i-1], w.Line[i], mode == Foot || !w.Oneway, w.Modes&mode != 0})
				node(w.Line[i-1])
				node(w.Line[i])
			}
		}
	}
	// The point is on every segment that is nearest to it: the graph may take any.
	type stop struct {
		segment int
		t, off  float64
	}
	snap := func(p orb.Point) (best []stop) {
		east, north := perDegree(p[1])
		nearest := inf
		for i, s := range segments {
			if !s.ok {
				continue
			}
			f, off := foot(p, s.u, s.v, east, north)
			switch {
			case off > r.Snap:
			case off < nearest-1e-6:
				nearest, best = off, []stop{{i, f, off}}
			case off < nearest+1e-6:
				best = append(best, stop{i, f, off})
			}
		}
		return best
	}
	n := len(points)
	d = make([][]float64, n)
	for i := range d {
		d[i] = make([]float64, n)
		for j := range d[i] {
			if i != j {
				d[i][j] = inf
			}
		}
	}
	for _, s := range segments {
		if s.ok {
			u, v, m := node(s.u), node(s.v), Metres(s.u, s.v)
			d[u][v] = min(d[u][v], m)
			if s.drive {
				d[v][u] = min(d[v][u], m)
			}
		}
	}
	for k := range n {
		for i := range n {
			for j := range n {
				d[i][j] = min(d[i][j], d[i][k]+d[k][j])
			}
		}
	}
	best := inf
	for _, p := range snap(from) {
		for _, q := range snap(to) {
			ps, qs := segments[p.segment], segments[q.segment]
			pm, qm := Metres(ps.u, ps.v), Metres(qs.u, qs.v)
			leave := map[int]float64{}
			put := func(m map[int]float64, n int, x float64, may bool) {
				if !may && x > 0.01 {
					return
				}
				if old, ok := m[n]; !ok || x < old {
					m[n] = x
				}
			}
			put(leave, node(ps.u), p.t*pm, ps.drive)
			put(leave, node(ps.v), (1-p.t)*pm, true)
			arrive := map[int]float64{}
			put(arrive, node(qs.u), q.t*qm, true)
			put(arrive, node(qs.v), (1-q.t)*qm, qs.drive)
			if p.segment == q.segment && (q.t >= p.t || ps.drive) {
				best = min(best, p.off+math.Abs(q.t-p.t)*pm+q.off)
			}
			for i, x := range leave {
				for j, y := range arrive {
					best = min(best, p.off+x+d[i][j]+y+q.off)
				}
			}
		}
	}
	if best > r.Limit {
		return inf
	}
	return max(best, Metres(from, to))
}

// Points whose nearest street is not unique may be snapped to another one than
// the oracle likes best: then the answer is only held to be no better.
func TestDistanceEqualsFloydWarshall(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ways := town(t)
		g := Build(ways, Options{})
		mode := rapid.SampledFrom([]Mode{Foot, Drive}).Draw(t, "mode")
		goal := anywhere(t, "goal")
		r := Reach{Snap: rapid.SampledFrom([]float64{30, 200}).Draw(t, "snap"), Limit: rapid.SampledFrom([]float64{250, 1e6}).Draw(t, "limit")}
		var from []orb.Point
		for i := range 5 {
			from = append(from, anywhere(t, fmt.Sprint("from ", i)))
		}
		got := NewSearch(g).Towards(goal, from, mode, r, nil)
		for i, p := range from {
			want := oracle(ways, p, goal, mode, r)
			if math.Abs(want-r.Limit) < 0.1 || math.Abs(got[i]-want) < 0.05 || math.IsInf(got[i], 1) && math.IsInf(want, 1) {
				continue
			}
			if sharesItsPlace(g, ways, p, mode) || sharesItsPlace(g, ways, goal, mode) {
				if got[i] > want-0.05 {
					continue
				}
			}
			t.Fatalf("from %v to %v: %.3f m, Floyd–Warshall says %.3f", p, goal, got[i], want)
		}
	})
}

// sharesItsPlace reports whether several segments are equally near to p.
func sharesItsPlace(g *Graph, ways []Way, p orb.Point, mode Mode) bool {
	place, ok := g.Snap(p, mode, math.Inf(1))
	east, north := perDegree(p[1])
	n := 0
	for _, w := range ways {
		for i := 1; i < len(w.Line); i++ {
			if w.Modes&mode != 0 && key(w.Line[i-1]) != key(w.Line[i]) {
				if _, d := foot(p, w.Line[i-1], w.Line[i], east, north); d < place.Metres+1e-6 {
					n++
				}
			}
		}
	}
	return ok && n > 1
}

func TestWalkingIsSymmetricAndNeverShorterThanTheStraightLine(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := Build(town(t), Options{})
		p, q := anywhere(t, "p"), anywhere(t, "q")
		r := Reach{Snap: 200, Limit: 1e6}
		there, back := one(g, p, q, Foot, r), one(g, q, p, Foot, r)
		if math.Abs(there-back) > 0.01 || math.IsInf(there, 1) != math.IsInf(back, 1) {
			t.Fatalf("%.3f m there, %.3f m back", there, back)
		}
		if there < Metres(p, q) {
			t.Fatalf("%.3f m along streets, %.3f m straight", there, Metres(p, q))
		}
		if drive := one(g, p, p, Drive, r); drive != 0 && !math.IsInf(drive, 1) {
			place, _ := g.Snap(p, Drive, 200)
			if math.Abs(drive-2*place.Metres) > 0.01 {
				t.Fatalf("%.3f m to where one is", drive)
			}
		}
	})
}

// One question after the other, and everybody at once, gives what each alone gives.
func TestASearchForgetsTheLastQuestion(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := Build(town(t), Options{})
		s := NewSearch(g)
		s.now = rapid.SampledFrom([]uint32{0, math.MaxUint32 - 2}).Draw(t, "rounds before")
		for range rapid.IntRange(1, 5).Draw(t, "questions") {
			goal, from := anywhere(t, "goal"), []orb.Point{anywhere(t, "a"), anywhere(t, "b"), anywhere(t, "c")}
			mode := rapid.SampledFrom([]Mode{Foot, Drive}).Draw(t, "mode")
			all := s.Towards(goal, from, mode, reach, nil)
			for i, p := range from {
				if alone := one(g, p, goal, mode, reach); alone != all[i] {
					t.Fatalf("%v alone, %v among others", alone, all[i])
				}
			}
		}
	})
}

func TestSnapEqualsLookingAtEverySegment(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := Build(town(t), Options{})
		p := at(rapid.Float64Range(-400, 700).Draw(t, "east"), rapid.Float64Range(-400, 700).Draw(t, "north"))
		within := rapid.SampledFrom([]float64{0, 10, 100, 1000}).Draw(t, "within")
		east, north := perDegree(p[1])
		want := math.Inf(1)
		for _, e := range g.edges {
			for v := e.start; v < e.end-1 && (e.ahead|e.back)&Foot != 0; v++ {
				_, d := foot(p, g.line[v], g.line[v+1], east, north)
				want = min(want, d)
			}
		}
		place, ok := g.Snap(p, Foot, within)
		if ok != (want <= within) || ok && place.Metres != want {
			t.Fatalf("%v %.3f m, want %.3f within %.0f", ok, place.Metres, want, within)
		}
	})
}
