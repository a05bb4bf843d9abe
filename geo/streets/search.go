package streets

import (
	"math"

	"github.com/paulmach/orb"
)

const none = -1

// Reach bounds a search.
type Reach struct {
	Snap  float64 // metres: a point farther than this from every street is on none
	Limit float64 // metres: whoever is farther than this along the streets is not looked for
}

// Search measures distances on one graph. It keeps its memory from one question
// to the next, and is not safe for concurrent use.
type Search struct {
	g       *Graph
	metres  []float64 // from the goal, of nodes of this round
	round   []uint32  // the round in which metres was set
	waiting []uint32  // the round in which somebody waits for the node
	now     uint32
	heap    []reached
	places  []Place
}

type reached struct {
	metres float64
	node   int32
}

// NewSearch makes a search on the graph.
func NewSearch(g *Graph) *Search {
	n := g.Nodes()
	return &Search{g: g, metres: make([]float64, n), round: make([]uint32, n), waiting: make([]uint32, n)}
}

// Towards appends to dst the metres that it is from each point of from to goal
// along streets that mode may use, the steps to and from the street included;
// +Inf where none leads there within the reach.
// It is never less than the straight line.
func (s *Search) Towards(goal orb.Point, from []orb.Point, mode Mode, r Reach, dst []float64) []float64 {
	at := len(dst)
	for range from {
		dst = append(dst, math.Inf(1))
	}
	out := dst[at:]
	end, ok := s.g.Snap(goal, mode, r.Snap)
	if !ok {
		return dst
	}
	s.begin()
	left := 0 // nodes that somebody waits for
	wait := func(node int32) {
		if s.waiting[node] != s.now {
			s.waiting[node] = s.now
			left++
		}
	}
	s.places = s.places[:0]
	for _, p := range from {
		place, ok := s.g.Snap(p, mode, r.Snap)
		if !ok {
			place.edge = none
		} else {
			a, b := s.g.ends(place, mode, false)
			if !math.IsInf(a, 1) {
				wait(s.g.edges[place.edge].a)
			}
			if !math.IsInf(b, 1) {
				wait(s.g.edges[place.edge].b)
			}
		}
		s.places = append(s.places, place)
	}
	s.spread(end, mode, r.Limit, left)
	for i, place := range s.places {
		if place.edge == none {
			continue
		}
		along := s.leave(place, mode)
		if place.edge == end.edge { // along the one street, without a junction
			e := &s.g.edges[end.edge]
			if ahead := end.along - place.along; ahead >= 0 && e.ahead&mode != 0 || ahead <= 0 && e.back&mode != 0 {
				along = min(along, math.Abs(ahead))
			}
		}
		if total := place.Metres + along + end.Metres; total <= r.Limit {
			out[i] = max(total, Metres(from[i], goal))
		}
	}
	return dst
}

// begin starts a round: what the last one reached is forgotten.
func (s *Search) begin() {
	if s.now == math.MaxUint32 {
		clear(s.round)
		clear(s.waiting)
		s.now = 0
	}
	s.now++
	s.heap = s.heap[:0]
}

// spread is Dijkstra from the goal outwards, against the traffic, until nobody
// waits for a node any more or the limit is passed.
func (s *Search) spread(end Place, mode Mode, limit float64, left int) {
	g := s.g
	e := &g.edges[end.edge]
	a, b := g.ends(end, mode, true)
	if !math.IsInf(a, 1) {
		s.reach(e.a, a)
	}
	if !math.IsInf(b, 1) {
		s.reach(e.b, b)
	}
	for len(s.heap) > 0 && left > 0 {
		next := s.pop()
		if next.metres > s.metres[next.node] {
			continue // reached by a shorter way since
		}
		if next.metres > limit {
			return
		}
		if s.waiting[next.node] == s.now {
			left--
		}
		for i := g.first[next.node]; i < g.first[next.node+1]; i++ {
			if a := &g.arcs[i]; a.enter&mode != 0 {
				s.reach(a.to, next.metres+float64(a.metres))
			}
		}
	}
}

// leave is how far it is from a place to the goal by either end of its street.
func (s *Search) leave(p Place, mode Mode) float64 {
	e := &s.g.edges[p.edge]
	best := math.Inf(1)
	a, b := s.g.ends(p, mode, false)
	if s.round[e.a] == s.now {
		best = a + s.metres[e.a]
	}
	if s.round[e.b] == s.now {
		best = min(best, b+s.metres[e.b])
	}
	return best
}

// ends is how far it is from a place to the ends a and b of its street, or,
// when one is to arrive there, from these to the place; +Inf against the
// traffic. A place at an end is at that end whichever way the street runs.
func (g *Graph) ends(p Place, mode Mode, arrive bool) (a, b float64) {
	const here = 0.01 // metres
	e := &g.edges[p.edge]
	toA, toB := e.back, e.ahead
	if arrive {
		toA, toB = e.ahead, e.back
	}
	a, b = p.along, e.metres-p.along
	if toA&mode == 0 && a > here {
		a = math.Inf(1)
	}
	if toB&mode == 0 && b > here {
		b = math.Inf(1)
	}
	return a, b
}

// reach notes that the node is so far from the goal, if that is nearer than known.
func (s *Search) reach(node int32, metres float64) {
	if s.round[node] == s.now && s.metres[node] <= metres {
		return
	}
	s.round[node], s.metres[node] = s.now, metres
	s.heap = append(s.heap, reached{metres, node})
	h := s.heap
	for i := len(h) - 1; i > 0; {
		up := (i - 1) / 2
		if !h[i].before(h[up]) {
			return
		}
		h[i], h[up] = h[up], h[i]
		i = up
	}
}

func (s *Search) pop() reached {
	h := s.heap
	top, last := h[0], len(h)-1
	h[0] = h[last]
	h = h[:last]
	for i := 0; ; {
		down := 2*i + 1
		if down >= last {
			break
		}
		if right := down + 1; right < last && h[right].before(h[down]) {
			down = right
		}
		if !h[down].before(h[i]) {
			break
		}
		h[i], h[down] = h[down], h[i]
		i = down
	}
	s.heap = h
	return top
}

func (r reached) before(o reached) bool {
	return r.metres < o.metres || r.metres == o.metres && r.node < o.node
}
