// Package fence answers "which area holds this point?" for every position that
// comes in, so it is prepared once and asked millions of times.
//
// The bounding box of all areas is cut into equal squares. A square that no
// border crosses has one answer, stored in the square. A square that borders
// cross keeps those few edges and the answer at one reference point, its lower
// left corner: walking from there up the left side and then right to the point,
// each edge that is crossed flips the areas it bounds. Neighbours share their
// edges, so one crossing test moves the point out of one area and into the next.
//
// A square that too many edges cross is a raster of its own, so that one far
// outlier, or two towns in one fence, cost a second look-up and not more.
//
// The answer is PostGIS's: of the areas for which ST_Covers(shape, point) is
// true, the one with the smallest code; a point on a border is in all areas that
// touch there. Floating point decides borders, so a point that lies closer to
// an edge than the rounding of the crossing test goes to Covers, which computes
// the same determinant in the same order as PostGIS does. Everything else is
// settled far outside of any rounding.
//
// Shapes are planar in degrees, lon before lat, and valid as ST_IsValid says
// (checking that is the work of whoever imports them). Areas of one Fence may
// overlap, have holes and several parts. A Fence never changes: to change the
// territory build another and swap the pointer. All methods may be called from
// many goroutines and none of them allocates.
package fence

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/paulmach/orb"
)

// Area is one shape with the identity that a fix keeps.
type Area struct {
	ID      int64
	Version int32
	Code    string
	Shape   orb.MultiPolygon // not copied: leave it alone after New
}

// Fence finds the area of a point.
type Fence struct {
	areas  []Area // by code
	bounds []orb.Bound

	top        raster
	finer      []raster // of squares that are too crowded for one answer
	squares    []int32  // an index into areas, or outside, or crossed(n)
	crossed    []crossing
	edges      []edge
	candidates []int32
}

// raster is a box cut into squares.
type raster struct {
	west, south    float64 // corner of its first square
	perLon, perLat float64 // squares per degree
	width, height  float64 // columns and rows, as the index calculation needs them
	columns, rows  int
	first          int // in squares
}

// Values of a square that are not an area: outside, and below it -2-n for crossed[n].
const outside = -1

// crossing is a square with borders in it.
type crossing struct {
	firstEdge, edges uint32
	first            uint32 // in candidates, smallest code first
	count            uint16
	finer            int32  // 1 + the raster to look at instead, or 0
	whole            bool   // the last candidate covers the whole square
	slow             bool   // too crowded for bits: ask every candidate
	corner           uint32 // bit i: candidate i holds the lower left corner
}

// edge is a border as one square sees it, prepared so that crossing it on the
// way from the corner is one comparison. It runs upwards: y0 <= y1.
type edge struct {
	x0, y0, y1 float64
	nx, ny     float64 // points to the side that is reached by crossing
	slack      float64 // below this the sign of the determinant proves nothing
	flips      uint32  // candidates that change when the edge is crossed
	above      uint32  // the same for a point above the edge's upper end
}

// New prepares a fence of the areas, which it orders by code.
func New(areas []Area) (*Fence, error) {
	f := &Fence{areas: slices.Clone(areas)}
	slices.SortStableFunc(f.areas, func(a, b Area) int {
		return cmp.Or(cmp.Compare(a.Code, b.Code), cmp.Compare(a.ID, b.ID))
	})
	for _, a := range f.areas {
		if err := check(a.Shape); err != nil {
			return nil, fmt.Errorf("area %s: %w", a.Code, err)
		}
		f.bounds = append(f.bounds, a.Shape.Bound())
	}
	f.build()
	return f, nil
}

func check(shape orb.MultiPolygon) error {
	for i, polygon := range shape {
		for j, ring := range polygon {
			if len(ring) < 4 || ring[0] != ring[len(ring)-1] {
				return fmt.Errorf("part %d ring %d is not a closed ring of at least four points", i+1, j+1)
			}
			for k, p := range ring {
				// a NaN fails this comparison too
				if !(math.Abs(p[0]) <= 180 && math.Abs(p[1]) <= 90) {
					return fmt.Errorf("part %d ring %d point %d is not a longitude and latitude: %v", i+1, j+1, k+1, p)
				}
			}
		}
	}
	return nil
}

// Areas returns all areas in the order of their codes. Do not modify it.
func (f *Fence) Areas() []Area { return f.areas }

// Locate returns the index in Areas of the area that covers p, the one with the
// smallest code when there are several, and false when there is none.
func (f *Fence) Locate(p orb.Point) (int, bool) {
	x := (p[0] - f.top.west) * f.top.perLon
	y := (p[1] - f.top.south) * f.top.perLat
	if !(x >= 0 && x < f.top.width && y >= 0 && y < f.top.height) { // NaN is outside too
		return outside, false
	}
	square := f.squares[int(y)*f.top.columns+int(x)]
	if square >= outside {
		return int(square), square >= 0
	}
	return f.cross(p, &f.crossed[-2-square])
}

// Covers reports whether area i covers p, its border included.
func (f *Fence) Covers(i int, p orb.Point) bool {
	return f.bounds[i].Contains(p) && covers(f.areas[i].Shape, p)
}
