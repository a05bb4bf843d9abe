// Package streets knows how far it is along the streets: from everybody who
// could be sent to the place where they are wanted.
//
// Build turns the ways of a base map into a graph: a way is split wherever it
// shares a vertex with another way (that is how OpenStreetMap says that two
// streets meet; ways that cross without a shared vertex are a bridge and do
// not). Walkers use a street both ways; vehicles obey oneway. A point is snapped
// to the nearest point of the nearest street, and the step to it counts.
//
// Search.Towards then measures from any number of points to one goal with one
// bounded Dijkstra, from the goal outwards against the traffic, which stops when
// everybody is reached or the limit is.
//
// Distances are metres on the plane that touches WGS-84 between two points (see
// package near for how good that is). What is not reachable, because no street
// is near, or none leads there within the limit, is +Inf: the caller then says
// that it knows the straight line only. A Graph is never changed once built and
// may be read by many at once; a Search belongs to one at a time.
package streets

import (
	"math"
	"slices"

	"github.com/paulmach/orb"
)

// Mode is a set of those who may use a way.
type Mode uint8

// Who may use a way.
const (
	Foot  Mode = 1 << iota // on foot, both ways
	Drive                  // in a vehicle, as oneway says
)

// Way is one line of the base map, longitude before latitude.
type Way struct {
	Line   orb.LineString
	Modes  Mode
	Oneway bool // for vehicles: only in the line's direction
}

// usable says who may use the classes of OpenStreetMap's highway.
var usable = map[string]Mode{
	"motorway": Drive, "motorway_link": Drive, "trunk": Drive, "trunk_link": Drive,
	"primary": Foot | Drive, "primary_link": Foot | Drive, "secondary": Foot | Drive, "secondary_link": Foot | Drive,
	"tertiary": Foot | Drive, "tertiary_link": Foot | Drive, "residential": Foot | Drive, "unclassified": Foot | Drive,
	"living_street": Foot | Drive, "service": Foot | Drive, "road": Foot | Drive, "track": Foot | Drive,
	"pedestrian": Foot, "footway": Foot, "path": Foot, "steps": Foot, "cycleway": Foot, "bridleway": Foot, "corridor": Foot,
}

// ModesOf says who may use a way of a class of the base map; nobody uses a class that it does not know.
func ModesOf(class string) Mode { return usable[class] }

// Options shape a graph. The zero value keeps everything.
type Options struct {
	// LeastPiece leaves out pieces of a mode's network, not connected with the
	// rest of it, that are shorter than so many metres altogether: a courtyard
	// path that leads nowhere on the map would cut off whoever stands beside it.
	LeastPiece float64
}

// Graph is a network of streets.
type Graph struct {
	first []int32 // arcs of node i: arcs[first[i]:first[i+1]]
	arcs  []arc
	edges []edge

	line   []orb.Point // the vertices of all edges, one edge after the other
	along  []float64   // metres from the edge's first vertex
	owner  []int32     // the edge of a vertex
	places cells
}

// arc is one end of an edge: what leads away from a node.
type arc struct {
	to     int32
	metres float32
	leave  Mode // who may use it away from the node
	enter  Mode // who may come back along it, to the node
}

// edge is a stretch of street without a junction inside.
type edge struct {
	a, b       int32 // nodes
	start, end int32 // vertices: line[start:end]
	metres     float64
	ahead      Mode // who may go from a to b
	back       Mode // who may go from b to a
}

// Nodes returns how many junctions and ends there are.
func (g *Graph) Nodes() int { return len(g.first) - 1 }

// Edges returns how many stretches of street there are.
func (g *Graph) Edges() int { return len(g.edges) }

// Build makes the graph of the ways. Vertices are the same when they agree to
// a centimetre (1e-7 degrees).
func Build(ways []Way, o Options) *Graph {
	ways = cleaned(ways)
	b := builder{junction: map[[2]int64]int32{}}
	uses := map[[2]int64]int{}
	for _, w := range ways {
		for i, p := range w.Line {
			uses[key(p)]++
			if i == 0 || i == len(w.Line)-1 {
				uses[key(p)]++ // an end is a node whatever meets it
			}
		}
	}
	for _, w := range ways {
		from := 0
		for i := 1; i < len(w.Line); i++ {
			if uses[key(w.Line[i])] > 1 {
				b.add(w.Line[from:i+1], w)
				from = i
			}
		}
	}
	g := &Graph{edges: b.edges, line: b.line, along: b.along}
	if o.LeastPiece > 0 {
		g.dropPieces(len(b.junction), o.LeastPiece)
	}
	g.owner = make([]int32, len(g.line))
	for i, e := range g.edges {
		for v := e.start; v < e.end; v++ {
			g.owner[v] = int32(i)
		}
	}
	g.connect(len(b.junction))
	g.places = sortIntoCells(g)
	return g
}

// cleaned leaves out what is no way at all: vertices that are no longitude and
// latitude, repeated vertices, ways of a single place, and ways nobody may use.
func cleaned(ways []Way) []Way {
	out := make([]Way, 0, len(ways))
	for _, w := range ways {
		if w.Modes == 0 {
			continue
		}
		line := make(orb.LineString, 0, len(w.Line))
		for _, p := range w.Line {
			if onEarth(p) && (len(line) == 0 || key(line[len(line)-1]) != key(p)) {
				line = append(line, p)
			}
		}
		if len(line) > 1 {
			w.Line = line
			out = append(out, w)
		}
	}
	return out
}

func onEarth(p orb.Point) bool { return math.Abs(p[0]) <= 180 && math.Abs(p[1]) <= 90 }

func key(p orb.Point) [2]int64 {
	const fine = 1e7
	return [2]int64{int64(math.Round(p[0] * fine)), int64(math.Round(p[1] * fine))}
}

type builder struct {
	junction map[[2]int64]int32
	edges    []edge
	line     []orb.Point
	along    []float64
}

func (b *builder) node(p orb.Point) int32 {
	k := key(p)
	n, ok := b.junction[k]
	if !ok {
		n = int32(len(b.junction))
		b.junction[k] = n
	}
	return n
}

func (b *builder) add(line orb.LineString, w Way) {
	e := edge{a: b.node(line[0]), b: b.node(line[len(line)-1]), start: int32(len(b.line)), ahead: w.Modes, back: w.Modes}
	if w.Oneway {
		e.back &^= Drive
	}
	for i, p := range line {
		if i > 0 {
			e.metres += Metres(line[i-1], p)
		}
		b.line, b.along = append(b.line, p), append(b.along, e.metres)
	}
	e.end = int32(len(b.line))
	b.edges = append(b.edges, e)
}

// dropPieces takes from each mode the short pieces of what it may use, and
// leaves out the edges that nobody may use then.
func (g *Graph) dropPieces(nodes int, least float64) {
	for _, mode := range []Mode{Foot, Drive} {
		root := make([]int32, nodes)
		for i := range root {
			root[i] = int32(i)
		}
		find := func(n int32) int32 {
			for root[n] != n {
				root[n] = root[root[n]]
				n = root[n]
			}
			return n
		}
		for _, e := range g.edges {
			if e.ahead&mode != 0 {
				root[find(e.a)] = find(e.b)
			}
		}
		length := make([]float64, nodes)
		for _, e := range g.edges {
			if e.ahead&mode != 0 {
				length[find(e.a)] += e.metres
			}
		}
		for i := range g.edges {
			if e := &g.edges[i]; length[find(e.a)] < least {
				e.ahead &^= mode
				e.back &^= mode
			}
		}
	}
	var line []orb.Point
	var along []float64
	kept := g.edges[:0]
	for _, e := range g.edges {
		if e.ahead|e.back == 0 {
			continue
		}
		start := int32(len(line))
		line, along = append(line, g.line[e.start:e.end]...), append(along, g.along[e.start:e.end]...)
		e.start, e.end = start, int32(len(line))
		kept = append(kept, e)
	}
	g.edges, g.line, g.along = slices.Clip(kept), line, along
}

// connect lists the arcs of each node, one node after the other.
func (g *Graph) connect(nodes int) {
	g.first = make([]int32, nodes+1)
	for _, e := range g.edges {
		g.first[e.a+1]++
		g.first[e.b+1]++
	}
	for i := range nodes {
		g.first[i+1] += g.first[i]
	}
	g.arcs = make([]arc, 2*len(g.edges))
	next := slices.Clone(g.first)
	put := func(from int32, a arc) {
		g.arcs[next[from]] = a
		next[from]++
	}
	for _, e := range g.edges {
		put(e.a, arc{to: e.b, metres: float32(e.metres), leave: e.ahead, enter: e.back})
		put(e.b, arc{to: e.a, metres: float32(e.metres), leave: e.back, enter: e.ahead})
	}
}

// Metres is the straight line between two points on the ground.
func Metres(p, q orb.Point) float64 {
	east, north := perDegree((p[1] + q[1]) / 2)
	return math.Hypot((p[0]-q[0])*east, (p[1]-q[1])*north)
}

// perDegree returns the metres in one degree of longitude and of latitude on WGS-84.
func perDegree(latitude float64) (east, north float64) {
	const (
		a      = 6378137.0
		e2     = 0.00669437999014
		degree = math.Pi / 180
	)
	sin, cos := math.Sincos(latitude * degree)
	w := 1 - e2*sin*sin
	n := a / math.Sqrt(w)
	return n * cos * degree, n * (1 - e2) / w * degree
}
