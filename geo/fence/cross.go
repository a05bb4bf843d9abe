package fence

import (
	"math/bits"

	"github.com/paulmach/orb"
)

// cross walks from the corner of a square to p and returns where that leads.
//
// At p's height an edge has been crossed when it spans that height and p lies on
// the far side of it, or when it met the square's left side further down. That
// is decided without knowing where exactly it met it: see build.
func (f *Fence) cross(p orb.Point, c *crossing) (int, bool) {
	if c.finer > 0 {
		return f.within(p, &f.finer[c.finer-1])
	}
	if c.slow {
		return f.ask(p, c)
	}
	inside := c.corner
	x, y := p[0], p[1]
	edges := f.edges[c.firstEdge : c.firstEdge+c.edges]
	for i := range edges {
		e := &edges[i]
		if y < e.y0 {
			continue
		}
		if y > e.y1 {
			inside ^= e.above
			continue
		}
		side := e.nx*(x-e.x0) + e.ny*(y-e.y0)
		if side > e.slack && y < e.y1 {
			inside ^= e.flips
		} else if side >= -e.slack || y == e.y1 {
			return f.ask(p, c)
		}
	}
	if inside == 0 {
		return outside, false
	}
	return int(f.candidates[c.first+uint32(bits.TrailingZeros32(inside))]), true
}

// within is Locate in a crowded square, which its raster covers with room to spare.
func (f *Fence) within(p orb.Point, r *raster) (int, bool) {
	x := max(0, min((p[0]-r.west)*r.perLon, r.width-1))
	y := max(0, min((p[1]-r.south)*r.perLat, r.height-1))
	square := f.squares[r.first+int(y)*r.columns+int(x)]
	if square >= outside {
		return int(square), square >= 0
	}
	return f.cross(p, &f.crossed[-2-square])
}

// ask settles a point on (or within rounding of) a border.
func (f *Fence) ask(p orb.Point, c *crossing) (int, bool) {
	candidates := f.candidates[c.first : c.first+uint32(c.count)]
	for i, area := range candidates {
		if c.whole && i == len(candidates)-1 || f.Covers(int(area), p) {
			return int(area), true
		}
	}
	return outside, false
}

// covers is ST_Covers(shape, p) for a valid shape.
func covers(shape orb.MultiPolygon, p orb.Point) bool {
	for _, polygon := range shape {
		if len(polygon) == 0 {
			continue
		}
		switch winds(polygon[0], p) {
		case onRing:
			return true
		case inRing:
			if holes(polygon[1:], p) {
				return true
			}
		}
	}
	return false
}

// holes reports whether a point within the outer ring stays in the polygon.
func holes(rings []orb.Ring, p orb.Point) bool {
	for _, ring := range rings {
		switch winds(ring, p) {
		case onRing:
			return true
		case inRing:
			return false
		}
	}
	return true
}

type where int8

const (
	offRing where = iota
	onRing
	inRing
)

// winds is the winding number test as PostGIS rounds it: the determinant's
// operands in the ring's own direction, and segments shorter than 1e-12 skipped.
// The conversions keep compilers of machines that can from fusing the products.
func winds(ring orb.Ring, p orb.Point) where {
	turns := 0
	for i := 1; i < len(ring); i++ {
		a, b := ring[i-1], ring[i]
		if a[1] > p[1] && b[1] > p[1] || a[1] < p[1] && b[1] < p[1] {
			continue
		}
		dx, dy := b[0]-a[0], b[1]-a[1]
		if dx*dx+dy*dy < 1e-24 {
			continue
		}
		side := float64(dx*(p[1]-a[1])) - float64((p[0]-a[0])*dy)
		switch {
		case side == 0 && min(a[0], b[0]) <= p[0] && p[0] <= max(a[0], b[0]):
			return onRing
		case side > 0 && a[1] <= p[1] && p[1] < b[1]:
			turns++
		case side < 0 && b[1] <= p[1] && p[1] < a[1]:
			turns--
		}
	}
	if turns == 0 {
		return offRing
	}
	return inRing
}
