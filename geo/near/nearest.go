package near

import (
	"math"

	"github.com/paulmach/orb"
)

// search is one query under way.
type search struct {
	p           orb.Point
	east, north float64 // metres per degree at p
	narrows     float64 // by how much east shrinks per degree of latitude towards the pole, halved: at the middle of the way
	k           int
	keep        func(uint32) bool
	hits        []Hit   // nearest first, Metres squared while the search runs
	first       int     // index of the first hit of this search
	worst       float64 // square of the distance from which nobody is wanted any more
	seen        int
}

// Nearest appends the k points nearest to p to dst, nearest first; equal
// distances by id. keep, when not nil, narrows the choice; it is only asked
// about points that are near enough to matter. A dst with room for k more
// makes the query free of allocations.
func (x *Index) Nearest(p orb.Point, k int, keep func(id uint32) bool, dst []Hit) []Hit {
	if k <= 0 || len(x.at) == 0 || !(math.Abs(p[0]) <= 180 && math.Abs(p[1]) <= 90) {
		return dst
	}
	s := search{p: p, k: k, keep: keep, hits: dst, first: len(dst), worst: math.Inf(1)}
	s.east, s.north, s.narrows = plane(p[1])
	if !x.rings(&s) {
		s.hits, s.worst = s.hits[:s.first], math.Inf(1)
		for i := range x.slots {
			if x.slots[i].bucket != none {
				s.meet(&x.slots[i])
			}
		}
	}
	for i := s.first; i < len(s.hits); i++ {
		s.hits[i].Metres = math.Sqrt(s.hits[i].Metres)
	}
	return s.hits
}

// rings looks around p, farther and farther. It gives up, and reports false,
// when looking at everybody is cheaper, or when the rings would meet themselves
// behind the wallpaper's back.
func (x *Index) rings(s *search) bool {
	column, row := math.Floor(s.p[0]*x.perLon), math.Floor(s.p[1]*x.perLat)
	toSide := min(s.p[0]*x.perLon-column, column+1-s.p[0]*x.perLon) / x.perLon
	toEdge := min(s.p[1]*x.perLat-row, row+1-s.p[1]*x.perLat) / x.perLat
	c, r := int32(column), int32(row)
	for ring := int32(0); ; ring++ {
		width := 2*ring + 1
		if width > x.columns || width > x.rows || int(width)*int(width) > 9+len(x.slots)/32 {
			return false
		}
		for dx := -ring; dx <= ring; dx++ {
			x.look(s, c+dx, r-ring)
			if ring > 0 {
				x.look(s, c+dx, r+ring)
			}
		}
		for dy := 1 - ring; dy < ring; dy++ {
			x.look(s, c-ring, r+dy)
			x.look(s, c+ring, r+dy)
		}
		if s.seen == len(x.at) {
			return true
		}
		// Whoever is not seen yet is beyond the top or bottom of the block that is,
		// or level with it (where a degree has at least the narrowest width) and
		// beyond its sides.
		beyond := toEdge + float64(ring)/x.perLat
		level := float64(ring+1) / x.perLat
		aside := (toSide + float64(ring)/x.perLon) * max(s.east-math.Abs(s.narrows)*level, 0)
		if least := min(beyond*s.north, aside); len(s.hits)-s.first == s.k && s.worst < least*least {
			return true
		}
	}
}

func (x *Index) look(s *search, column, row int32) {
	for i := x.buckets[x.wrap(column, row)]; i != none; i = x.slots[i].next {
		s.seen++
		s.meet(&x.slots[i])
	}
}

// meet takes a point in if it is among the nearest so far.
func (s *search) meet(t *slot) {
	north := t.lat - s.p[1]
	dx := (t.lon - s.p[0]) * max(s.east-s.narrows*north, 0)
	dy := north * s.north
	square := dx*dx + dy*dy
	if square > s.worst || s.keep != nil && !s.keep(t.id) {
		return
	}
	at := len(s.hits)
	if at-s.first < s.k {
		s.hits = append(s.hits, Hit{})
	} else {
		at--
		if last := s.hits[at]; square == last.Metres && t.id > last.ID {
			return
		}
	}
	for at > s.first && (s.hits[at-1].Metres > square || s.hits[at-1].Metres == square && s.hits[at-1].ID > t.id) {
		s.hits[at] = s.hits[at-1]
		at--
	}
	s.hits[at] = Hit{t.id, square}
	if len(s.hits)-s.first == s.k {
		s.worst = s.hits[len(s.hits)-1].Metres
	}
}

// plane returns the metres per degree of longitude and latitude on WGS-84, and
// how the former changes with half a degree of latitude.
func plane(latitude float64) (east, north, narrows float64) {
	const (
		a      = 6378137.0
		e2     = 0.00669437999014
		degree = math.Pi / 180
	)
	sin, cos := math.Sincos(latitude * degree)
	w := 1 - e2*sin*sin
	n := a / math.Sqrt(w)
	m := n * (1 - e2) / w
	// the radius of a parallel shrinks by m·sin per radian of latitude
	return n * cos * degree, m * degree, m * sin * degree * degree / 2
}
