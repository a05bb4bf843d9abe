package streets

import (
	"math"

	"github.com/paulmach/orb"
)

// cells are squares of the map with the segments of street that pass through
// each: segment v goes from line[v] to line[v+1].
type cells struct {
	west, south   float64
	perLon        float64 // cells per degree
	perLat        float64
	side          float64 // of a cell in metres, at the latitude where it is narrowest
	columns, rows int32
	first         []int32 // segments of cell i: segments[first[i]:first[i+1]]
	segments      []int32
}

const (
	leastSide = 60.0 // metres
	mostCells = 1 << 20
)

func sortIntoCells(g *Graph) cells {
	c := cells{columns: 1, rows: 1, first: make([]int32, 2), perLon: 1, perLat: 1, side: math.Inf(1)}
	if len(g.line) == 0 {
		return c
	}
	bound := orb.MultiPoint(g.line).Bound()
	c.west, c.south = bound.Min[0], bound.Min[1]
	polewards := max(math.Abs(bound.Min[1]), math.Abs(bound.Max[1]))
	east, north := perDegree(polewards)
	wide, high := (bound.Max[0]-bound.Min[0])*max(east, 1), (bound.Max[1]-bound.Min[1])*north
	c.side = leastSide
	for (wide/c.side+1)*(high/c.side+1) > float64(min(mostCells, 4*len(g.line)+64)) {
		c.side *= 1.5
	}
	c.perLon, c.perLat = max(east, 1)/c.side, north/c.side
	c.columns, c.rows = int32(wide/c.side)+1, int32(high/c.side)+1

	c.first = make([]int32, int(c.columns)*int(c.rows)+1)
	each := func(visit func(cell int, segment int32)) {
		for _, e := range g.edges {
			for v := e.start; v < e.end-1; v++ {
				c.along(g.line[v], g.line[v+1], func(cell int) { visit(cell, v) })
			}
		}
	}
	each(func(cell int, _ int32) { c.first[cell+1]++ })
	for i := 1; i < len(c.first); i++ {
		c.first[i] += c.first[i-1]
	}
	c.segments = make([]int32, c.first[len(c.first)-1])
	next := append([]int32(nil), c.first...)
	each(func(cell int, v int32) {
		c.segments[next[cell]] = v
		next[cell]++
	})
	return c
}

// along visits the cells that a segment passes through: in every row of cells,
// the columns between where it comes in and where it leaves.
func (c *cells) along(p, q orb.Point, visit func(cell int)) {
	if p[1] > q[1] {
		p, q = q, p
	}
	low, high := c.row(p[1]), c.row(q[1])
	at := func(lat float64) float64 { // the longitude of the segment there
		if q[1] == p[1] {
			return p[0]
		}
		t := min(max((lat-p[1])/(q[1]-p[1]), 0), 1)
		return p[0] + t*(q[0]-p[0])
	}
	for r := low; r <= high; r++ {
		from, to := at(c.south+float64(r)/c.perLat), at(c.south+float64(r+1)/c.perLat)
		if q[1] == p[1] {
			to = q[0]
		}
		if from > to {
			from, to = to, from
		}
		for col := c.column(from); col <= c.column(to); col++ {
			visit(int(r)*int(c.columns) + int(col))
		}
	}
}

func (c *cells) column(lon float64) int32 {
	return int32(min(max(math.Floor((lon-c.west)*c.perLon), 0), float64(c.columns-1)))
}

func (c *cells) row(lat float64) int32 {
	return int32(min(max(math.Floor((lat-c.south)*c.perLat), 0), float64(c.rows-1)))
}

// Place is a point of a street.
type Place struct {
	Point  orb.Point
	Metres float64 // how far the street is from the point that was snapped

	edge  int32
	along float64 // metres from the edge's first vertex
}

// Snap returns the point nearest to p of a street that mode may use, and false
// when there is none within so many metres.
func (g *Graph) Snap(p orb.Point, mode Mode, within float64) (Place, bool) {
	if !onEarth(p) || len(g.edges) == 0 || !(within >= 0) {
		return Place{}, false
	}
	east, north := perDegree(p[1])
	c := &g.places
	best := Place{Metres: math.Inf(1), edge: none}
	col := int32(min(max(math.Floor((p[0]-c.west)*c.perLon), -1e9), 1e9))
	row := int32(min(max(math.Floor((p[1]-c.south)*c.perLat), -1e9), 1e9))
	look := func(column, row int32) {
		if column < 0 || row < 0 || column >= c.columns || row >= c.rows {
			return
		}
		cell := int(row)*int(c.columns) + int(column)
		for _, v := range c.segments[c.first[cell]:c.first[cell+1]] {
			e := &g.edges[g.owner[v]]
			if (e.ahead|e.back)&mode == 0 {
				continue
			}
			t, d := foot(p, g.line[v], g.line[v+1], east, north)
			if d < best.Metres {
				u, w := g.line[v], g.line[v+1]
				best = Place{
					Point: orb.Point{u[0] + t*(w[0]-u[0]), u[1] + t*(w[1]-u[1])}, Metres: d,
					edge: g.owner[v], along: g.along[v] + t*(g.along[v+1]-g.along[v]),
				}
			}
		}
	}
	// Whatever lies in ring k of cells is at least k-1 whole cells away.
	farthest := int32(min(within/c.side, float64(max(c.columns, c.rows))+2)) + 1
	start := max(0, -col-1, -row-1, col-c.columns, row-c.rows) // rings that lie beside the map hold nothing
	for ring := start; ring <= farthest+start; ring++ {
		if nearest := float64(ring-1) * c.side; nearest > within || nearest > best.Metres {
			break
		}
		for x := max(col-ring, 0); x <= min(col+ring, c.columns-1); x++ {
			look(x, row-ring)
			if ring > 0 {
				look(x, row+ring)
			}
		}
		for y := max(row+1-ring, 0); y <= min(row+ring-1, c.rows-1); y++ {
			look(col-ring, y)
			look(col+ring, y)
		}
	}
	return best, best.edge != none && best.Metres <= within
}

// foot returns where on u–v the point nearest to p lies (0 at u, 1 at v), and
// how many metres it is away.
func foot(p, u, v orb.Point, east, north float64) (t, metres float64) {
	dx, dy := (v[0]-u[0])*east, (v[1]-u[1])*north
	px, py := (p[0]-u[0])*east, (p[1]-u[1])*north
	if square := dx*dx + dy*dy; square > 0 {
		t = min(max((px*dx+py*dy)/square, 0), 1)
	}
	return t, math.Hypot(px-t*dx, py-t*dy)
}
