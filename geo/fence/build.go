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
	lon, lat float64 // the sides of a square in degrees
	segments []segment
	xs       map[float64]bool // longitudes of vertices
	coarse   [][]int32        // areas by bounding box, on a coarse raster
	near     []bool           // scratch: areas with an edge in this square
}

// coarseSide is the number of columns and of rows of the coarse raster.
const coarseSide = 64

func (f *Fence) build() {
	b := &builder{Fence: f, xs: map[float64]bool{}, near: make([]bool, len(f.areas))}
	b.collect()
	if len(b.segments) == 0 {
		return
	}
	b.raster()
	b.index()
	byRow := b.spread()
	f.squares = make([]int32, f.columns*f.rows)
	for row := range f.rows {
		hits := byRow[row]
		for column := range f.columns {
			n := 0
			for n < len(hits) && hits[n].column == int32(column) {
				n++
			}
			f.squares[row*f.columns+column] = b.square(column, row, hits[:n])
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

// raster chooses the squares.
func (b *builder) raster() {
	box := orb.Bound{Min: b.segments[0].a, Max: b.segments[0].a}
	for _, s := range b.segments {
		box = box.Extend(s.a).Extend(s.b)
	}
	const least = 1e-7 // degrees: keeps the squares of a degenerate territory far above rounding
	width, height := max(box.Max[0]-box.Min[0], least), max(box.Max[1]-box.Min[1], least)
	want := float64(min(max(squaresPerArea*len(b.areas), 4*len(b.segments), leastSquares), mostSquares))
	columns := math.Ceil(min(max(math.Sqrt(want*width/height), 1), want))
	rows := math.Ceil(max(want/columns, 1))
	// One more column and row than needed, so that nothing lies on the rim.
	b.lon, b.lat = width/columns, height/rows
	b.columns, b.rows = int(columns)+1, int(rows)+1
	b.width, b.height = columns+1, rows+1
	b.west, b.south = box.Min[0]-b.lon/2, box.Min[1]-b.lat/2
	b.perLon, b.perLat = 1/b.lon, 1/b.lat
}

// hit says that a segment may cross the square in this column of a row.
type hit struct{ column, segment int32 }

// spread lists for each row which segments come near which square.
func (b *builder) spread() [][]hit {
	byRow := make([][]hit, b.rows)
	clamp := func(v float64, n int) int { return min(max(int(math.Floor(v)), 0), n-1) }
	for i, s := range b.segments {
		low := clamp((s.a[1]-b.south)*b.perLat-2*margin, b.rows)
		high := clamp((s.b[1]-b.south)*b.perLat+2*margin, b.rows)
		for row := low; row <= high; row++ {
			// the part of the segment within the row and a little more
			x0, x1 := s.a[0], s.b[0]
			if dy := s.b[1] - s.a[1]; dy > 0 {
				slope := (s.b[0] - s.a[0]) / dy
				bottom := b.south + (float64(row)-4*margin)*b.lat
				top := b.south + (float64(row)+1+4*margin)*b.lat
				if bottom > s.a[1] {
					x0 = s.a[0] + (bottom-s.a[1])*slope
				}
				if top < s.b[1] {
					x1 = s.a[0] + (top-s.a[1])*slope
				}
			}
			left := clamp((min(x0, x1)-b.west)*b.perLon-4*margin, b.columns)
			right := clamp((max(x0, x1)-b.west)*b.perLon+4*margin, b.columns)
			for column := left; column <= right; column++ {
				byRow[row] = append(byRow[row], hit{int32(column), int32(i)})
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
	return clamp((p[0] - b.west) / (b.lon * b.width) * coarseSide), clamp((p[1] - b.south) / (b.lat * b.height) * coarseSide)
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
