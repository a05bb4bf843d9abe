package fence

import (
	"cmp"
	"math"
	"slices"

	"github.com/paulmach/orb"
)

const (
	squaresPerArea = 2000    // finer costs memory and cache, coarser costs edges per square
	leastSquares   = 1 << 10 //
	mostSquares    = 1 << 22 // 16 MiB
	margin         = 1e-3    // of a square: how far beyond itself a square looks for edges
	crowded        = 8       // edges in a square that are worth a raster of their own
	squaresPerEdge = 32      // in such a raster
	deepest        = 3       // rasters within rasters; a vertex of many areas is crowded at any size

	// A determinant of two products of differences of doubles is wrong by at most
	// 3·2⁻⁵³ of the sum of the products' sizes; this is a generous multiple of it.
	rounding = 1.0 / (1 << 48)
)

// segment is a border once, whatever number of areas it bounds and in whatever
// direction their rings run. It runs upwards, a horizontal one to the east.
type segment struct {
	a, b  orb.Point
	areas []int32 // one entry for each ring that runs along it
}

// builder is what build needs only while it builds.
type builder struct {
	*Fence
	segments []segment
	xs       map[float64]bool // longitudes of vertices
	coarse   [][]int32        // areas by bounding box, on a coarse raster
	near     []bool           // scratch: areas with an edge in this square
}

// grid is a raster under construction.
type grid struct {
	raster
	lon, lat float64 // the sides of a square in degrees
	depth    int
}

// coarseSide is the number of columns and of rows of the coarse raster.
const coarseSide = 64

func (f *Fence) build() {
	b := &builder{Fence: f, xs: map[float64]bool{}, near: make([]bool, len(f.areas))}
	b.collect()
	if len(b.segments) == 0 {
		return
	}
	box := orb.Bound{Min: b.segments[0].a, Max: b.segments[0].a}
	all := make([]int32, len(b.segments))
	for i, s := range b.segments {
		box = box.Extend(s.a).Extend(s.b)
		all[i] = int32(i)
	}
	top := cut(box, min(max(squaresPerArea*len(b.areas), 4*len(b.segments), leastSquares), mostSquares))
	top.pad()
	b.top = top.raster
	b.index()
	b.fill(&top, all)
}

// fill prepares all squares of a raster that these segments cross.
func (b *builder) fill(g *grid, segments []int32) {
	b.squares = append(b.squares, make([]int32, g.columns*g.rows)...)
	byRow := b.spread(g, segments)
	for row := range g.rows {
		hits := byRow[row]
		for column := range g.columns {
			n := 0
			for n < len(hits) && hits[n].column == int32(column) {
				n++
			}
			value := b.square(g, column, row, hits[:n])
			b.squares[g.first+row*g.columns+column] = value
			hits = hits[n:]
		}
	}
}

// collect gathers the borders of all areas, shared ones once.
func (b *builder) collect() {
	known := map[[2]orb.Point]int{}
	for i, area := range b.areas {
		for _, polygon := range area.Shape {
			for _, ring := range polygon {
				for k := 1; k < len(ring); k++ {
					p, q := ring[k-1], ring[k]
					if p == q {
						continue
					}
					if p[1] > q[1] || p[1] == q[1] && p[0] > q[0] {
						p, q = q, p
					}
					at, ok := known[[2]orb.Point{p, q}]
					if !ok {
						at = len(b.segments)
						known[[2]orb.Point{p, q}] = at
						b.segments = append(b.segments, segment{a: p, b: q})
					}
					b.segments[at].areas = append(b.segments[at].areas, int32(i))
					b.xs[p[0]], b.xs[q[0]] = true, true
				}
			}
		}
	}
}

// cut cuts a box into about so many squares.
func cut(box orb.Bound, squares int) grid {
	const least = 1e-7 // degrees: keeps the squares of a degenerate territory far above rounding
	width, height := max(box.Max[0]-box.Min[0], least), max(box.Max[1]-box.Min[1], least)
	want := float64(squares)
	columns := math.Ceil(min(max(math.Sqrt(want*width/height), 1), want))
	rows := math.Ceil(max(want/columns, 1))
	g := grid{lon: width / columns, lat: height / rows}
	g.columns, g.rows = int(columns), int(rows)
	g.width, g.height = columns, rows
	g.west, g.south = box.Min[0], box.Min[1]
	g.perLon, g.perLat = 1/g.lon, 1/g.lat
	return g
}

// pad adds half a square all around, so that nothing lies on the rim.
func (g *grid) pad() {
	g.columns, g.rows = g.columns+1, g.rows+1
	g.width, g.height = g.width+1, g.height+1
	g.west, g.south = g.west-g.lon/2, g.south-g.lat/2
}

// hit says that a segment may cross the square in this column of a row.
type hit struct{ column, segment int32 }

// spread lists for each row which segments come near which square.
func (b *builder) spread(g *grid, segments []int32) [][]hit {
	byRow := make([][]hit, g.rows)
	clamp := func(v float64, n int) int { return int(min(max(math.Floor(v), 0), float64(n-1))) }
	for _, i := range segments {
		s := b.segments[i]
		lowest, highest := (s.a[1]-g.south)*g.perLat-2*margin, (s.b[1]-g.south)*g.perLat+2*margin
		if highest < 0 || lowest >= g.height {
			continue
		}
		low, high := clamp(lowest, g.rows), clamp(highest, g.rows)
		for row := low; row <= high; row++ {
			// the part of the segment within the row and a little more
			x0, x1 := s.a[0], s.b[0]
			if dy := s.b[1] - s.a[1]; dy > 0 {
				slope := (s.b[0] - s.a[0]) / dy
				bottom := g.south + (float64(row)-4*margin)*g.lat
				top := g.south + (float64(row)+1+4*margin)*g.lat
				if bottom > s.a[1] {
					x0 = s.a[0] + (bottom-s.a[1])*slope
				}
				if top < s.b[1] {
					x1 = s.a[0] + (top-s.a[1])*slope
				}
			}
			leftmost, rightmost := (min(x0, x1)-g.west)*g.perLon-4*margin, (max(x0, x1)-g.west)*g.perLon+4*margin
			if rightmost < 0 || leftmost >= g.width {
				continue
			}
			left, right := clamp(leftmost, g.columns), clamp(rightmost, g.columns)
			for column := left; column <= right; column++ {
				byRow[row] = append(byRow[row], hit{int32(column), i})
			}
		}
	}
	for _, hits := range byRow {
		slices.SortFunc(hits, func(p, q hit) int {
			return cmp.Or(cmp.Compare(p.column, q.column), cmp.Compare(p.segment, q.segment))
		})
	}
	return byRow
}

// index puts the areas on the coarse raster by their bounding boxes.
func (b *builder) index() {
	b.coarse = make([][]int32, coarseSide*coarseSide)
	for i, box := range b.bounds {
		if box.IsEmpty() {
			continue
		}
		left, bottom := b.coarseAt(box.Min)
		right, top := b.coarseAt(box.Max)
		for y := bottom; y <= top; y++ {
			for x := left; x <= right; x++ {
				b.coarse[y*coarseSide+x] = append(b.coarse[y*coarseSide+x], int32(i))
			}
		}
	}
}

func (b *builder) coarseAt(p orb.Point) (x, y int) {
	clamp := func(v float64) int { return min(max(int(v), 0), coarseSide-1) }
	return clamp((p[0] - b.top.west) * b.top.perLon / b.top.width * coarseSide), clamp((p[1] - b.top.south) * b.top.perLat / b.top.height * coarseSide)
}

// first returns the smallest area that holds p and has no edge near, for a p
// that lies on no border.
func (b *builder) first(p orb.Point) int32 {
	x, y := b.coarseAt(p)
	for _, i := range b.coarse[y*coarseSide+x] {
		if !b.near[i] && b.bounds[i].Contains(p) && odd(b.areas[i].Shape, p) {
			return i
		}
	}
	return outside
}

// odd is the crossing number of a point that is level with or straight above
// an edge by clearly more than rounding, as the corners of squares are.
func odd(shape orb.MultiPolygon, p orb.Point) bool {
	inside := false
	for _, polygon := range shape {
		for _, ring := range polygon {
			for k := 1; k < len(ring); k++ {
				a, c := ring[k-1], ring[k]
				if (a[1] > p[1]) == (c[1] > p[1]) || p[0] > max(a[0], c[0]) {
					continue
				}
				if p[0] < min(a[0], c[0]) {
					inside = !inside
					continue
				}
				// p is to the left of an edge that it is level with when it is above
				// one that falls to the left, or below one that rises to the right.
				if a[1] > c[1] {
					a, c = c, a
				}
				rises := c[0] > a[0]
				if above := p[1] > heightAt(a, c, p[0]); above == rises {
					inside = !inside
				}
			}
		}
	}
	return inside
}

// heightAt is the latitude at which the line through a and b crosses longitude x.
func heightAt(a, b orb.Point, x float64) float64 {
	return a[1] + (x-a[0])/(b[0]-a[0])*(b[1]-a[1])
}
