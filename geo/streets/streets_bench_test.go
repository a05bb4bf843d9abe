package streets_test

import (
	"container/heap"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/paulmach/orb"

	"github.com/gridward/gridward/fixtures"
	"github.com/gridward/gridward/geo/streets"
)

// demo is the street of the demo, and points scattered over it.
func demo(tb testing.TB, n int) (*streets.Graph, []streets.Way, []orb.Point) {
	tb.Helper()
	roads, err := fixtures.Roads()
	if err != nil {
		tb.Fatal(err)
	}
	ways := make([]streets.Way, len(roads))
	for i, r := range roads {
		ways[i] = streets.Way{Line: r.Line, Modes: streets.ModesOf(r.Class), Oneway: r.Oneway}
	}
	d, err := fixtures.Street()
	if err != nil {
		tb.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	var points []orb.Point
	for range n { // about a grid's middle
		p := d.Grids[random.IntN(len(d.Grids))].Shape.Bound().Center()
		points = append(points, orb.Point{p[0] + random.NormFloat64()*5e-4, p[1] + random.NormFloat64()*5e-4})
	}
	return streets.Build(ways, streets.Options{LeastPiece: 2000}), ways, points
}

var afoot = streets.Reach{Snap: 300, Limit: 12000}

func TestTheDemoStreetIsConnected(t *testing.T) {
	t.Parallel()
	g, _, points := demo(t, 300)
	s := streets.NewSearch(g)
	asked, snapped, reached, detour := 0, 0, 0, 0.0
	for _, goal := range points[:20] {
		if _, ok := g.Snap(goal, streets.Foot, afoot.Snap); !ok {
			continue
		}
		for i, m := range s.Towards(goal, points, streets.Foot, afoot, nil) {
			straight := streets.Metres(goal, points[i])
			_, ok := g.Snap(points[i], streets.Foot, afoot.Snap)
			asked++
			switch {
			case !ok:
				continue
			case m < straight:
				t.Errorf("%.0f m along streets, %.0f m straight", m, straight)
			case !math.IsInf(m, 1):
				reached++
				detour += m / max(straight, 1)
			}
			snapped++
		}
	}
	t.Logf("%d nodes, %d stretches; of %d pairs %d are on streets and %d connected, %.2f times as long as the straight line", g.Nodes(), g.Edges(), asked, snapped, reached, detour/float64(reached))
	if reached < snapped*9/10 || snapped < asked*3/4 {
		t.Errorf("of %d pairs only %d are on streets and %d connected", asked, snapped, reached)
	}
}

// BenchmarkStreets measures from 200 people to one case on the demo street.
func BenchmarkStreets(b *testing.B) {
	g, ways, points := demo(b, 500)
	b.Run("streets/build", func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			streets.Build(ways, streets.Options{LeastPiece: 2000})
		}
	})
	b.Run("streets/snap", func(b *testing.B) {
		b.ReportAllocs()
		for i := range b.N {
			g.Snap(points[i%len(points)], streets.Foot, afoot.Snap)
		}
	})
	b.Run("streets/one-by-one", func(b *testing.B) { // the baseline: the way of each of 200 for itself
		g := gridOf(ways)
		var from []int
		for _, p := range points[:200] {
			from = append(from, g.nearest(p))
		}
		b.ResetTimer()
		for i := range b.N {
			goal := g.nearest(points[200+i%300])
			for _, f := range from {
				g.way(f, goal)
			}
		}
	})
	for name, n := range map[string]int{"streets/200-candidates": 200, "streets/10-candidates": 10} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			s := streets.NewSearch(g)
			dst := make([]float64, 0, n)
			for i := range b.N {
				dst = s.Towards(points[200+i%300], points[:n], streets.Foot, afoot, dst[:0])
			}
		})
	}
}

// plain is the graph as one writes it down first: every vertex a node, a
// Dijkstra with container/heap from each start until it meets the goal.
type plain struct {
	at   []orb.Point
	next [][]step
}

type step struct {
	to     int
	metres float64
}

func gridOf(ways []streets.Way) *plain {
	g, id := &plain{}, map[orb.Point]int{}
	node := func(p orb.Point) int {
		n, ok := id[p]
		if !ok {
			n = len(g.at)
			id[p] = n
			g.at, g.next = append(g.at, p), append(g.next, nil)
		}
		return n
	}
	for _, w := range ways {
		for i := 1; i < len(w.Line) && w.Modes&streets.Foot != 0; i++ {
			a, b, m := node(w.Line[i-1]), node(w.Line[i]), streets.Metres(w.Line[i-1], w.Line[i])
			g.next[a], g.next[b] = append(g.next[a], step{b, m}), append(g.next[b], step{a, m})
		}
	}
	return g
}

func (g *plain) nearest(p orb.Point) int {
	best, least := 0, math.Inf(1)
	for i, q := range g.at {
		if d := streets.Metres(p, q); d < least {
			best, least = i, d
		}
	}
	return best
}

func (g *plain) way(from, to int) float64 {
	far := map[int]float64{from: 0}
	queue := &steps{{from, 0}}
	for queue.Len() > 0 {
		s, _ := heap.Pop(queue).(step)
		if s.to == to {
			return s.metres
		}
		if s.metres > far[s.to] {
			continue
		}
		for _, n := range g.next[s.to] {
			m := s.metres + n.metres
			if old, ok := far[n.to]; !ok || m < old {
				far[n.to] = m
				heap.Push(queue, step{n.to, m})
			}
		}
	}
	return math.Inf(1)
}

type steps []step

func (s steps) Len() int           { return len(s) }
func (s steps) Less(i, j int) bool { return s[i].metres < s[j].metres }
func (s steps) Swap(i, j int)      { s[i], s[j] = s[j], s[i] }
func (s *steps) Push(x any)        { *s = append(*s, x.(step)) }
func (s *steps) Pop() any {
	last := (*s)[len(*s)-1]
	*s = (*s)[:len(*s)-1]
	return last
}
