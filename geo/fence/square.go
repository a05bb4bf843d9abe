package fence

import (
	"math"
	"math/bits"
	"slices"

	"github.com/paulmach/orb"
)

// square prepares one square and returns its value.
func (b *builder) square(g *grid, column, row int, hits []hit) int32 {
	left := g.west + float64(column)*g.lon
	bottom := g.south + float64(row)*g.lat
	if len(hits) == 0 {
		if column > 0 {
			if before := b.squares[g.first+row*g.columns+column-1]; before >= outside {
				return before // nothing lies between here and there
			}
		}
		return b.first(orb.Point{left + g.lon/2, bottom + g.lat/2})
	}
	if len(hits) > crowded && g.depth < deepest && len(b.squares) < 2*mostSquares &&
		min(g.lon, g.lat) > 1e-6 && 4*min(g.lon, g.lat) > max(g.lon, g.lat) {
		return b.finer(g, left, bottom, hits)
	}
	c := crossing{firstEdge: uint32(len(b.edges)), first: uint32(len(b.candidates))}
	corner, ok := b.corner(g, left, bottom, hits)
	for _, h := range hits {
		for _, area := range b.segments[h.segment].areas {
			if !b.near[area] {
				b.near[area] = true
				b.candidates = append(b.candidates, area)
			}
		}
	}
	candidates := b.candidates[c.first:]
	slices.Sort(candidates)
	whole := int32(outside)
	if ok {
		whole = b.first(corner)
	}
	for _, area := range candidates {
		b.near[area] = false
	}
	if whole >= 0 {
		// What a smaller code covers completely nobody needs to look at.
		n, _ := slices.BinarySearch(candidates, whole)
		if n == 0 {
			b.candidates = b.candidates[:c.first]
			return whole
		}
		b.candidates = append(b.candidates[:int(c.first)+n], whole)
		candidates = b.candidates[c.first:]
		c.whole = true
	}
	if len(candidates) > math.MaxUint16 {
		panic("fence: more areas meet in one square than there are grids in a city")
	}
	c.count = uint16(len(candidates))
	c.slow = !ok || len(candidates) > 32
	if !c.slow {
		for i, area := range candidates {
			if c.whole && area == whole || odd(b.areas[area].Shape, corner) {
				c.corner |= 1 << i
			}
		}
		for _, h := range hits {
			b.edge(g, b.segments[h.segment], corner, left, bottom, candidates)
		}
		c.edges = uint32(len(b.edges)) - c.firstEdge
		if c.edges == 0 { // the hits were near misses
			answer := int32(outside)
			if c.corner != 0 {
				answer = candidates[bits.TrailingZeros32(c.corner)]
			}
			b.candidates = b.candidates[:c.first]
			return answer
		}
	}
	b.crossed = append(b.crossed, c)
	return -2 - int32(len(b.crossed)-1)
}

// finer makes a crowded square a raster of its own, a margin larger than itself
// on all sides: spread listed the edges for two, so also its outermost squares,
// which look a fraction of that margin beyond themselves, know all of theirs.
func (b *builder) finer(g *grid, left, bottom float64, hits []hit) int32 {
	inner := cut(orb.Bound{
		Min: orb.Point{left - margin*g.lon, bottom - margin*g.lat},
		Max: orb.Point{left + (1+margin)*g.lon, bottom + (1+margin)*g.lat},
	}, min(squaresPerEdge*len(hits), leastSquares*leastSquares))
	inner.depth, inner.first = g.depth+1, len(b.squares)
	b.Fence.finer = append(b.Fence.finer, inner.raster)
	b.crossed = append(b.crossed, crossing{finer: int32(len(b.Fence.finer))})
	value := -2 - int32(len(b.crossed)-1)
	segments := make([]int32, len(hits))
	for i, h := range hits {
		segments[i] = h.segment
	}
	b.fill(&inner, segments)
	return value
}

// corner chooses the reference point of a square: a little below and left of the
// square itself, level with no vertex of a left side, and with no edge so close
// above or below that rounding could exchange them.
func (b *builder) corner(g *grid, left, bottom float64, hits []hit) (orb.Point, bool) {
	x := left - margin*g.lon
	for step := 1; b.xs[x]; step++ {
		x = left - margin*g.lon*(1+float64(step)/1024)
	}
	for try := range 64 {
		y := bottom - margin*g.lat*(1+float64(try)/64)
		free := true
		for _, h := range hits {
			s := b.segments[h.segment]
			if s.a[1] == y || s.b[1] == y {
				free = false
			} else if min(s.a[0], s.b[0]) < x && x < max(s.a[0], s.b[0]) &&
				math.Abs(heightAt(s.a, s.b, x)-y) < margin*g.lat/1024 {
				free = false
			}
		}
		if free {
			return orb.Point{x, y}, true
		}
	}
	return orb.Point{}, false
}

// edge adds what a segment means to a square.
//
// The walk from the corner c goes up the line x = c.x to p's latitude, then
// right to p. Let the segment meet the line x = c.x at height h (if it does):
//
//   - It does not, and lies to the left: it is never crossed.
//   - It does not, and lies to the right: it is crossed when it spans p's
//     latitude and p is to the right of it.
//   - h is below the corner: where it rises to the right it comes into the square
//     and counts as the case before; where it rises to the left it is gone.
//   - h is above the square: the same, mirrored.
//   - h is on the square's left side: it is crossed by either leg, but not by
//     both, when p is above its line, or above its upper end.
//
// So the exact h never matters to a point: only on which side of the segment it
// is, and nothing near the ends of the left side, where c keeps its distance
// and no point of the square can be.
func (b *builder) edge(g *grid, s segment, c orb.Point, left, bottom float64, candidates []int32) {
	right := left + (1+2*margin)*g.lon
	top := bottom + (1+2*margin)*g.lat
	west, east := min(s.a[0], s.b[0]), max(s.a[0], s.b[0])
	if east < c[0] || west > right || s.b[1] < c[1] || s.a[1] > top {
		return
	}
	dx, dy := s.b[0]-s.a[0], s.b[1]-s.a[1]
	e := edge{x0: s.a[0], y0: s.a[1], y1: s.b[1], nx: dy, ny: -dx}
	e.slack = rounding * dy * (2*math.Abs(dx) + 2*g.lon)
	asked := false
	for _, area := range s.areas {
		if i, ok := slices.BinarySearch(candidates, area); ok {
			e.flips ^= 1 << i
			asked = true
		}
	}
	if !asked {
		return
	}
	if west < c[0] {
		switch h := heightAt(s.a, s.b, c[0]); {
		case h < c[1]:
			if dx < 0 || dy == 0 {
				return
			}
		case h > top:
			if dx > 0 {
				return
			}
		default:
			e.above = e.flips
			if dx > 0 { // above its line is to the left of it
				e.nx, e.ny = -e.nx, -e.ny
			}
		}
	}
	b.edges = append(b.edges, e)
}
