package simulate

import (
	"container/heap"
	"errors"
	"maps"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/planar"

	"github.com/gridward/gridward/fixtures"
)

// Road is one way of the ground, lon before lat. Class is OpenStreetMap's
// highway value. Two roads meet where they share a vertex exactly.
type Road struct {
	Line   orb.LineString
	Class  string
	Oneway bool
}

// Block is a grid that a walker answers for.
type Block struct {
	Code  string
	Shape orb.MultiPolygon
}

// notOnFoot are roads that nobody walks along; notByCar those no car takes.
var (
	notOnFoot = map[string]bool{"motorway": true, "motorway_link": true, "trunk": true, "trunk_link": true, "construction": true, "proposed": true, "services": true}
	notByCar  = map[string]bool{"footway": true, "cycleway": true, "steps": true, "path": true, "pedestrian": true, "corridor": true, "construction": true, "proposed": true, "services": true}
	carPace   = map[string]float64{"motorway": 20, "trunk": 17, "primary": 14, "secondary": 12, "tertiary": 10, "unclassified": 8, "residential": 7, "service": 5}
)

const (
	metresPerDegree = math.Pi * 6371008.8 / 180
	longestSegment  = 30.0  // metres: longer ones are cut, so that a grid with a long straight road has nodes of its own
	smallestIsland  = 250.0 // metres: a component of the graph with less road than this is left out
)

// vec is a place on the flat ground, metres east and north of its origin.
type vec struct{ x, y float64 }

func (a vec) add(b vec) vec           { return vec{a.x + b.x, a.y + b.y} }
func (a vec) sub(b vec) vec           { return vec{a.x - b.x, a.y - b.y} }
func (a vec) times(k float64) vec     { return vec{a.x * k, a.y * k} }
func (a vec) length() float64         { return math.Hypot(a.x, a.y) }
func (a vec) dot(b vec) float64       { return a.x*b.x + a.y*b.y }
func (a vec) course() float64         { return math.Mod(math.Atan2(a.x, a.y)*180/math.Pi+360, 360) }
func lerp(a, b vec, k float64) vec    { return a.add(b.sub(a).times(k)) }
func clamp(v, lo, hi float64) float64 { return max(lo, min(hi, v)) }

// unit returns a with length one, or zero for zero.
func (a vec) unit() vec {
	if l := a.length(); l > 0 {
		return a.times(1 / l)
	}
	return vec{}
}

// step is one edge of the graph out of a node.
type step struct {
	to   int32
	pace float64 // what a car drives here, m/s
}

// graph is the network one can walk, or drive.
type graph struct {
	nodes  []vec
	out    [][]step
	usable []int32 // nodes that have an edge
}

// home is where a block's walker belongs.
type home struct {
	nodes []int32   // nodes of the walking graph inside the block
	far   []float32 // metres along the roads from each node to the block; 0 inside
}

// Ground is the road graph of a place. It is read-only once made.
type Ground struct {
	origin orb.Point
	kx, ky float64
	walk   graph
	drive  graph
	homes  []home
	codes  map[string]int
}

// NewGround joins roads into a network and finds each block's part of it.
func NewGround(roads []Road, blocks []Block) (*Ground, error) {
	bound := orb.Bound{Min: orb.Point{180, 90}, Max: orb.Point{-180, -90}}
	for _, r := range roads {
		bound = bound.Union(r.Line.Bound())
	}
	if bound.IsEmpty() {
		return nil, errors.New("the ground has no roads")
	}
	g := newGround(bound.Center())
	g.walk = g.lay(roads, notOnFoot, false)
	g.drive = g.lay(roads, notByCar, true)
	if len(g.walk.usable) == 0 {
		return nil, errors.New("the ground has no road that one can walk on")
	}
	for i, b := range blocks {
		g.codes[b.Code] = i
		g.homes = append(g.homes, g.settle(b.Shape))
	}
	return g, nil
}

// Street is the ground of the demo street.
func Street() (*Ground, error) {
	network, err := fixtures.Walk()
	if err != nil {
		return nil, err
	}
	ways, err := fixtures.Roads()
	if err != nil {
		return nil, err
	}
	bound := orb.MultiPoint(network.Nodes).Bound()
	g := newGround(bound.Center())
	for i, p := range network.Nodes {
		g.walk.nodes = append(g.walk.nodes, g.flat(p))
		g.walk.out = append(g.walk.out, nil)
		for _, to := range network.Next[i] {
			g.walk.out[i] = append(g.walk.out[i], step{to: to})
		}
	}
	g.walk.prune()
	var roads []Road
	for _, w := range ways { // cars of the street stay on its streets
		if !notOnFoot[w.Class] && bound.Contains(w.Line.Bound().Center()) {
			roads = append(roads, Road{Line: w.Line, Class: w.Class, Oneway: w.Oneway})
		}
	}
	g.drive = g.lay(roads, notByCar, true)
	for _, code := range slices.Sorted(maps.Keys(network.Grid)) {
		g.codes[code] = len(g.homes)
		g.homes = append(g.homes, home{nodes: network.Grid[code], far: g.distances(network.Grid[code])})
	}
	return g, nil
}

func newGround(origin orb.Point) *Ground {
	return &Ground{origin: origin, ky: metresPerDegree, kx: metresPerDegree * math.Cos(origin[1]*math.Pi/180), codes: map[string]int{}}
}

func (g *Ground) flat(p orb.Point) vec {
	return vec{(p[0] - g.origin[0]) * g.kx, (p[1] - g.origin[1]) * g.ky}
}

func (g *Ground) point(v vec) orb.Point {
	return orb.Point{g.origin[0] + v.x/g.kx, g.origin[1] + v.y/g.ky}
}

// lay makes the network of the roads whose class is not among the closed ones.
func (g *Ground) lay(roads []Road, closed map[string]bool, directed bool) graph {
	var r graph
	known := map[[2]int32]int32{}
	node := func(p orb.Point) int32 {
		key := [2]int32{int32(math.Round(p[0] * 1e7)), int32(math.Round(p[1] * 1e7))}
		n, ok := known[key]
		if !ok {
			n = int32(len(r.nodes))
			known[key] = n
			r.nodes = append(r.nodes, g.flat(p))
			r.out = append(r.out, nil)
		}
		return n
	}
	for _, road := range roads {
		if closed[road.Class] {
			continue
		}
		pace := carPace[road.Class]
		if pace == 0 {
			pace = 8
		}
		for i := 1; i < len(road.Line); i++ {
			a, b := road.Line[i-1], road.Line[i]
			parts := max(1, math.Ceil(g.flat(b).sub(g.flat(a)).length()/longestSegment))
			from := node(a)
			for k := 1.0; k <= parts; k++ {
				p := b
				if k < parts {
					p = orb.Point{a[0] + (b[0]-a[0])*k/parts, a[1] + (b[1]-a[1])*k/parts}
				}
				to := node(p)
				if from == to {
					continue
				}
				r.join(from, to, pace)
				if !directed || !road.Oneway {
					r.join(to, from, pace)
				}
				from = to
			}
		}
	}
	r.prune()
	return r
}

func (r *graph) join(a, b int32, pace float64) {
	for _, s := range r.out[a] {
		if s.to == b {
			return
		}
	}
	r.out[a] = append(r.out[a], step{b, pace})
}

// prune drops components too small to walk about in.
func (r *graph) prune() {
	around := make([][]int32, len(r.out)) // both directions: a one-way street belongs to what it leads to
	for a, steps := range r.out {
		for _, s := range steps {
			around[a] = append(around[a], s.to)
			around[s.to] = append(around[s.to], int32(a))
		}
	}
	seen := make([]bool, len(r.out))
	for start := range around {
		if seen[start] || len(around[start]) == 0 {
			continue
		}
		seen[start] = true
		island, length := []int32{int32(start)}, 0.0
		for i := 0; i < len(island); i++ {
			for _, b := range around[island[i]] {
				length += r.nodes[island[i]].sub(r.nodes[b]).length() / 2
				if !seen[b] {
					seen[b] = true
					island = append(island, b)
				}
			}
		}
		for _, n := range island {
			if length < smallestIsland {
				r.out[n] = nil
			} else if len(r.out[n]) > 0 {
				r.usable = append(r.usable, n)
			}
		}
	}
	slices.Sort(r.usable)
}

// settle finds the walking nodes inside shape, or the nearest where there are none.
func (g *Ground) settle(shape orb.MultiPolygon) home {
	var h home
	bound := shape.Bound()
	for _, n := range g.walk.usable {
		if p := g.point(g.walk.nodes[n]); bound.Contains(p) && planar.MultiPolygonContains(shape, p) {
			h.nodes = append(h.nodes, n)
		}
	}
	if len(h.nodes) < 4 { // woods and ponds: the streets along its edge
		centre, _ := planar.CentroidArea(shape)
		at := g.flat(centre)
		near := slices.Clone(g.walk.usable)
		slices.SortFunc(near, func(a, b int32) int {
			da, db := g.walk.nodes[a].sub(at).length(), g.walk.nodes[b].sub(at).length()
			switch {
			case da < db:
				return -1
			case da > db:
				return 1
			}
			return int(a - b)
		})
		h.nodes = append(h.nodes, near[:min(12, len(near))]...)
	}
	h.far = g.distances(h.nodes)
	return h
}

// distances is Dijkstra from a set of nodes over the walking graph.
func (g *Ground) distances(from []int32) []float32 {
	far := make([]float32, len(g.walk.nodes))
	for i := range far {
		far[i] = math.MaxFloat32
	}
	q := &queue{}
	for _, n := range from {
		far[n] = 0
		heap.Push(q, reach{n, 0})
	}
	for q.Len() > 0 {
		r := heap.Pop(q).(reach)
		if r.far > far[r.node] {
			continue
		}
		for _, s := range g.walk.out[r.node] {
			d := r.far + float32(g.walk.nodes[r.node].sub(g.walk.nodes[s.to]).length())
			if d < far[s.to] {
				far[s.to] = d
				heap.Push(q, reach{s.to, d})
			}
		}
	}
	return far
}

// anywhere picks a node of the graph by chance.
func (r *graph) anywhere(rng *rand.Rand) int32 { return r.usable[rng.IntN(len(r.usable))] }

type reach struct {
	node int32
	far  float32
}

type queue []reach

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].far < q[j].far }
func (q queue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)        { *q = append(*q, x.(reach)) }
func (q *queue) Pop() any {
	old := *q
	r := old[len(old)-1]
	*q = old[:len(old)-1]
	return r
}
