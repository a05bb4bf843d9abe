package patrol

import (
	"fmt"
	"math"
	"slices"

	"github.com/paulmach/orb"

	"github.com/gridward/gridward/geo/fence"
	"github.com/gridward/gridward/geo/hexgrid"
	"github.com/gridward/gridward/geo/trail"
)

// CellResolution is that of the cells by which area is covered: at 11 an H3
// cell is 2,150 m² large and 50 m wide.
const CellResolution = 11

// Ground is the walkable ground of all grids, in cells. A cell belongs to the
// grid that holds its centre, so that no cell counts twice. It is walkable when
// a road or a building touches it; where a grid has neither on the base map,
// all of its cells are. A Ground never changes.
type Ground struct {
	index  map[hexgrid.Cell]int32
	cells  []cell
	around [][]int32         // cells within two steps, itself first
	grids  map[int64][]int32 // cells of a grid
	walk   map[int64]int     // how many of them are walkable
}

type cell struct {
	id       hexgrid.Cell
	grid     int64
	walkable bool
	centre   orb.Point
	east     float64 // metres in a degree of longitude
	hex      [][2]float64
	inner    float64 // radius of the circle inside
	outer    float64 // and of the one around
}

const north = math.Pi * 6371008.8 / 180 // metres in a degree of latitude

// NewGround cuts the grids into cells and finds what can be walked.
func NewGround(grids []fence.Area, roads []orb.LineString, buildings []orb.Polygon) (*Ground, error) {
	g := &Ground{index: map[hexgrid.Cell]int32{}, grids: map[int64][]int32{}, walk: map[int64]int{}}
	for _, area := range grids {
		for _, polygon := range area.Shape {
			ids, err := hexgrid.CoverPolygon(polygon, CellResolution, hexgrid.Centres)
			if err != nil {
				return nil, fmt.Errorf("cut the grid %s into cells: %w", area.Code, err)
			}
			slices.Sort(ids)
			for _, id := range ids {
				if _, there := g.index[id]; there {
					continue // grids of a layer share no ground; where they do, the smaller code has it
				}
				c, err := newCell(id, area.ID)
				if err != nil {
					return nil, err
				}
				g.index[id] = int32(len(g.cells))
				g.grids[area.ID] = append(g.grids[area.ID], int32(len(g.cells)))
				g.cells = append(g.cells, c)
			}
		}
	}
	for i := range g.cells {
		near, err := g.near(g.cells[i].id, 2)
		if err != nil {
			return nil, err
		}
		g.around = append(g.around, near)
	}
	for _, road := range roads {
		if err := g.along(road, 0, func(i int32) { g.cells[i].walkable = true }, func(i int32) bool { return g.cells[i].walkable }); err != nil {
			return nil, err
		}
	}
	for _, b := range buildings {
		ids, err := hexgrid.CoverPolygon(b, CellResolution, hexgrid.Touching)
		if err != nil {
			return nil, fmt.Errorf("cover a building with cells: %w", err)
		}
		for _, id := range ids {
			if i, ok := g.index[id]; ok {
				g.cells[i].walkable = true
			}
		}
	}
	for id, cells := range g.grids {
		n := 0
		for _, i := range cells {
			if g.cells[i].walkable {
				n++
			}
		}
		if n == 0 {
			for _, i := range cells {
				g.cells[i].walkable = true
			}
			n = len(cells)
		}
		g.walk[id] = n
	}
	return g, nil
}

func newCell(id hexgrid.Cell, grid int64) (cell, error) {
	c := cell{id: id, grid: grid, inner: math.Inf(1)}
	ring, err := id.Ring()
	if err == nil {
		c.centre, err = id.Centre()
	}
	if err != nil {
		return c, err
	}
	c.east = north * math.Cos(c.centre[1]*math.Pi/180)
	for _, p := range ring[:len(ring)-1] {
		c.hex = append(c.hex, c.local(p))
	}
	for i, a := range c.hex {
		b := c.hex[(i+1)%len(c.hex)]
		c.inner = min(c.inner, toSegment(0, 0, a[0], a[1], b[0], b[1]))
		c.outer = max(c.outer, math.Hypot(a[0], a[1]))
	}
	return c, nil
}

// near are the known cells within so many steps of c.
func (g *Ground) near(c hexgrid.Cell, steps int) ([]int32, error) {
	disk, err := hexgrid.Disk(c, steps)
	if err != nil {
		return nil, err
	}
	slices.Sort(disk)
	var out []int32
	for _, id := range disk {
		if i, ok := g.index[id]; ok {
			out = append(out, i)
		}
	}
	return out, nil
}

// pieceM is how long a piece of a line is looked at in one go.
const pieceM = 20

// along finds the cells within so many metres of a line; has is asked before
// anything is computed about a cell.
func (g *Ground) along(line []orb.Point, within float64, found func(int32), has func(int32) bool) error {
	steps := 2 + int((within+pieceM/2)/40) // what lies further than that is out of reach of any point of the piece
	for i := range line {
		a, b := line[max(0, i-1)], line[i]
		if i == 0 && len(line) > 1 {
			continue
		}
		length := trail.Metres(a, b)
		pieces := max(1, int(math.Ceil(length/pieceM)))
		for k := range pieces {
			p, q := partWay(a, b, float64(k)/float64(pieces)), partWay(a, b, float64(k+1)/float64(pieces))
			middle, err := hexgrid.At(partWay(p, q, 0.5), CellResolution)
			if err != nil {
				return err
			}
			var near []int32
			if at, ok := g.index[middle]; ok && steps == 2 {
				near = g.around[at]
			} else if near, err = g.near(middle, steps); err != nil {
				return err
			}
			for _, n := range near {
				if !has(n) && g.cells[n].within(p, q, within) {
					found(n)
				}
			}
		}
	}
	return nil
}

func partWay(a, b orb.Point, t float64) orb.Point {
	return orb.Point{a[0] + (b[0]-a[0])*t, a[1] + (b[1]-a[1])*t}
}

// local are metres east and north of the cell's centre.
func (c *cell) local(p orb.Point) [2]float64 {
	return [2]float64{(p[0] - c.centre[0]) * c.east, (p[1] - c.centre[1]) * north}
}

// within reports whether the cell is no further than so many metres from the segment.
func (c *cell) within(p, q orb.Point, m float64) bool {
	a, b := c.local(p), c.local(q)
	d := toSegment(0, 0, a[0], a[1], b[0], b[1]) // from the centre
	switch {
	case d <= c.inner+m:
		return true
	case d > c.outer+m:
		return false
	}
	inside := true // of a, in a corner
	for i, u := range c.hex {
		v := c.hex[(i+1)%len(c.hex)]
		if edgeGap(a, b, u, v) <= m {
			return true
		}
		inside = inside && (v[0]-u[0])*(a[1]-u[1]) >= (v[1]-u[1])*(a[0]-u[0]) // rings run counterclockwise
	}
	return inside
}

// toSegment is the distance from x,y to the segment.
func toSegment(x, y, ax, ay, bx, by float64) float64 {
	dx, dy := bx-ax, by-ay
	t := 0.0
	if l := dx*dx + dy*dy; l > 0 {
		t = max(0, min(1, ((x-ax)*dx+(y-ay)*dy)/l))
	}
	return math.Hypot(ax+t*dx-x, ay+t*dy-y)
}

// edgeGap is the distance between two segments.
func edgeGap(a, b, c, d [2]float64) float64 {
	side := func(p, q, r [2]float64) float64 { return (q[0]-p[0])*(r[1]-p[1]) - (q[1]-p[1])*(r[0]-p[0]) }
	if side(a, b, c)*side(a, b, d) < 0 && side(c, d, a)*side(c, d, b) < 0 {
		return 0
	}
	return min(toSegment(a[0], a[1], c[0], c[1], d[0], d[1]), toSegment(b[0], b[1], c[0], c[1], d[0], d[1]),
		toSegment(c[0], c[1], a[0], a[1], b[0], b[1]), toSegment(d[0], d[1], a[0], a[1], b[0], b[1]))
}

// Walked are the walkable cells within so many metres of the walk, by grid and in order.
func (g *Ground) Walked(w Walk, within float64) (map[int64][]int64, error) {
	seen := make(map[int32]bool)
	for _, line := range w {
		thin := line[:1:1]
		for _, p := range line[1:] {
			if trail.Metres(thin[len(thin)-1], p) >= 1 { // standing still covers nothing new
				thin = append(thin, p)
			}
		}
		err := g.along(thin, within, func(i int32) { seen[i] = true }, func(i int32) bool { return seen[i] || !g.cells[i].walkable })
		if err != nil {
			return nil, err
		}
	}
	out := map[int64][]int64{}
	for i := range seen {
		c := &g.cells[i]
		out[c.grid] = append(out[c.grid], int64(c.id))
	}
	for _, cells := range out {
		slices.Sort(cells)
	}
	return out, nil
}

// Walkable is how many walkable cells a grid has.
func (g *Ground) Walkable(grid int64) int { return g.walk[grid] }

// Counts reports whether the cell is walkable ground of the grid.
func (g *Ground) Counts(grid, id int64) bool {
	i, ok := g.index[hexgrid.Cell(id)]
	return ok && g.cells[i].grid == grid && g.cells[i].walkable
}

// GroundCell is a cell as a map draws it.
type GroundCell struct {
	ID       int64
	Walkable bool
	Ring     orb.Ring
}

// Cells are all cells of a grid.
func (g *Ground) Cells(grid int64) ([]GroundCell, error) {
	out := make([]GroundCell, 0, len(g.grids[grid]))
	for _, i := range g.grids[grid] {
		c := &g.cells[i]
		ring, err := c.id.Ring()
		if err != nil {
			return nil, err
		}
		out = append(out, GroundCell{int64(c.id), c.walkable, ring})
	}
	return out, nil
}
