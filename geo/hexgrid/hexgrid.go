// Package hexgrid is H3 in our terms: points are orb points with the longitude
// first, everything that can fail says so, and nobody else imports the library.
//
// It serves bins of wide views, cells of coverage, and rings to draw them. It is
// not how a grid is found: one look-up costs about a microsecond through cgo,
// and cells do not follow borders (see package fence).
package hexgrid

import (
	"fmt"
	"math"
	"strconv"

	"github.com/paulmach/orb"
	h3 "github.com/uber/h3-go/v4"
)

// Finest is the finest resolution. At 10 a cell is about 130 m wide, at 8 about 900 m.
const Finest = 15

// Cell is one hexagon (twelve of each resolution are pentagons) of the globe.
// The zero Cell is none.
type Cell uint64

// At returns the cell of the resolution that holds p.
func At(p orb.Point, resolution int) (Cell, error) {
	if !(math.Abs(p[0]) <= 180 && math.Abs(p[1]) <= 90) { // NaN is refused too
		return 0, fmt.Errorf("cell at %v: not a longitude and latitude", p)
	}
	c, err := h3.LatLngToCell(h3.LatLng{Lat: p[1], Lng: p[0]}, resolution)
	if err != nil {
		return 0, fmt.Errorf("cell of resolution %d at %v: %w", resolution, p, err)
	}
	return Cell(c), nil
}

// Parse reads what String writes.
func Parse(s string) (Cell, error) {
	n, err := strconv.ParseUint(s, 16, 64)
	if err != nil || !Cell(n).Valid() {
		return 0, fmt.Errorf("%q is not an H3 cell", s)
	}
	return Cell(n), nil
}

// String is the usual name of the cell: hexadecimal without leading zeros.
func (c Cell) String() string { return strconv.FormatUint(uint64(c), 16) }

// Valid reports whether c is a cell.
func (c Cell) Valid() bool { return h3.Cell(c).IsValid() }

// Resolution of the cell, 0 (two fifths of Europe) to 15 (a desk).
func (c Cell) Resolution() int { return h3.Cell(c).Resolution() }

// Centre returns the middle of the cell.
func (c Cell) Centre() (orb.Point, error) {
	if err := c.check(); err != nil {
		return orb.Point{}, err
	}
	ll, err := h3.Cell(c).LatLng()
	if err != nil {
		return orb.Point{}, fmt.Errorf("centre of cell %v: %w", c, err)
	}
	return orb.Point{ll.Lng, ll.Lat}, nil
}

// Ring returns the outline, closed and counterclockwise. Where it crosses the
// antimeridian, longitudes go on beyond 180 instead of jumping.
func (c Cell) Ring() (orb.Ring, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	boundary, err := h3.Cell(c).Boundary()
	if err != nil {
		return nil, fmt.Errorf("outline of cell %v: %w", c, err)
	}
	ring := make(orb.Ring, 0, len(boundary)+1)
	for i, ll := range boundary {
		lon := ll.Lng
		if i > 0 {
			lon -= 360 * math.Round((lon-ring[0][0])/360)
		}
		ring = append(ring, orb.Point{lon, ll.Lat})
	}
	return append(ring, ring[0]), nil
}

// Parent returns the cell of the coarser resolution that holds the centre of c.
func (c Cell) Parent(resolution int) (Cell, error) {
	if err := c.check(); err != nil {
		return 0, err
	}
	p, err := h3.Cell(c).Parent(resolution)
	if err != nil {
		return 0, fmt.Errorf("parent of cell %v at resolution %d: %w", c, resolution, err)
	}
	return Cell(p), nil
}

// mostSteps and mostCells keep a wrong number from asking for all the memory there is.
const (
	mostSteps = 500
	mostCells = 1_000_000
)

// Disk returns c and all cells within k steps of it, in no particular order.
func Disk(c Cell, k int) ([]Cell, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if k < 0 || k > mostSteps {
		return nil, fmt.Errorf("disk of %d steps around cell %v: want 0 to %d", k, c, mostSteps)
	}
	cells, err := h3.GridDisk(h3.Cell(c), k)
	if err != nil {
		return nil, fmt.Errorf("disk of %d steps around cell %v: %w", k, c, err)
	}
	return ours(cells), nil
}

// Cover says which cells along the border CoverPolygon takes.
type Cover int

const (
	Centres  Cover = iota // cells whose centre is in the polygon: neighbours share no cell
	Touching              // every cell that touches the polygon
	Whole                 // only cells that lie completely in the polygon
)

// CoverPolygon returns the cells of the resolution that fill the polygon.
func CoverPolygon(polygon orb.Polygon, resolution int, cover Cover) ([]Cell, error) {
	if len(polygon) == 0 || len(polygon[0]) < 4 {
		return nil, nil
	}
	if resolution < 0 || resolution > Finest {
		return nil, fmt.Errorf("cover a polygon: resolution %d is not within 0 to %d", resolution, Finest)
	}
	mode, ok := map[Cover]h3.ContainmentMode{
		Centres: h3.ContainmentCenter, Touching: h3.ContainmentOverlapping, Whole: h3.ContainmentFull,
	}[cover]
	if !ok {
		return nil, fmt.Errorf("cover a polygon: no such cover: %d", cover)
	}
	size, err := h3.HexagonAreaAvgKm2(resolution)
	if err != nil {
		return nil, fmt.Errorf("cover a polygon at resolution %d: %w", resolution, err)
	}
	if n := squareKm(polygon.Bound()) / size; !(n <= mostCells) {
		return nil, fmt.Errorf("cover a polygon at resolution %d: about %.0f cells, more than %d", resolution, n, mostCells)
	}
	shape := h3.GeoPolygon{GeoLoop: loop(polygon[0])}
	for _, hole := range polygon[1:] {
		if len(hole) >= 4 {
			shape.Holes = append(shape.Holes, loop(hole))
		}
	}
	cells, err := h3.PolygonToCellsExperimental(shape, resolution, mode)
	if err != nil {
		return nil, fmt.Errorf("cover a polygon at resolution %d: %w", resolution, err)
	}
	return ours(cells), nil
}

func (c Cell) check() error {
	if !c.Valid() {
		return fmt.Errorf("%v is not an H3 cell", c)
	}
	return nil
}

func ours(cells []h3.Cell) []Cell {
	out := make([]Cell, len(cells))
	for i, c := range cells {
		out[i] = Cell(c)
	}
	return out
}

// loop leaves out the closing point, which H3 adds itself.
func loop(ring orb.Ring) h3.GeoLoop {
	out := make(h3.GeoLoop, 0, len(ring))
	for _, p := range ring[:len(ring)-1] {
		out = append(out, h3.LatLng{Lat: p[1], Lng: p[0]})
	}
	return out
}

// squareKm is the rough size of a box.
func squareKm(b orb.Bound) float64 {
	const perDegree = 111.3
	middle := b.Center()[1] * math.Pi / 180
	return (b.Max[0] - b.Min[0]) * (b.Max[1] - b.Min[1]) * perDegree * perDegree * math.Cos(middle)
}
