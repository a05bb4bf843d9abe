// Package near finds the k nearest of many moving points: who is closest to
// this incident, out of everybody who moved in the last second.
//
// Points lie in buckets by the square of the map they are in. Squares are sized
// so that a populated one holds a few points, and repeat like a wallpaper:
// squares far from each other share a bucket, so a few buckets for each point
// are enough wherever the points are. A query looks at the bucket of its own
// square, then at ring after ring around it, until k points are closer than
// anything the next ring can hold. A point from afar that shares a bucket is
// simply measured and found to be far.
//
// Distances are metres on the plane that touches WGS-84 between the two points:
// within 0.01 % of the geodesic up to 50 km for latitudes to 60°, rough beyond.
// The antimeridian is an edge of the world: nobody is near across it. That is
// Fiji's concern and not ours.
package near

import (
	"math"

	"github.com/paulmach/orb"
)

// Index holds points by id. It is not safe for concurrent use, except that any
// number of Nearest may run at once while nobody calls Set or Remove.
type Index struct {
	at    map[uint32]int32 // slot of an id
	slots []slot
	free  int32 // first unused slot, linked by next

	buckets       []int32 // first slot of each, or none
	columns, rows int32   // powers of two
	perLon        float64 // squares per degree
	perLat        float64

	changes  int // calls of Set since the squares were sized
	patience int // and how many there may be before they are sized again
	room     int // the same for the number of points
}

type slot struct {
	lon, lat float64
	id       uint32
	bucket   int32
	next     int32 // in the bucket
}

const none = -1

// Hit is a point found.
type Hit struct {
	ID     uint32
	Metres float64
}

// New makes an empty index.
func New() *Index {
	x := &Index{at: map[uint32]int32{}, free: none}
	x.size()
	return x
}

// Len returns how many points there are.
func (x *Index) Len() int { return len(x.at) }

// Set puts id at p, wherever it was. A p that is not a longitude and latitude
// removes it: nobody is near to nowhere.
func (x *Index) Set(id uint32, p orb.Point) {
	if !(math.Abs(p[0]) <= 180 && math.Abs(p[1]) <= 90) {
		x.Remove(id)
		return
	}
	bucket := x.bucket(p)
	i, ok := x.at[id]
	switch {
	case ok && x.slots[i].bucket == bucket:
		x.slots[i].lon, x.slots[i].lat = p[0], p[1]
	case ok:
		x.unlink(i)
		x.link(i, slot{lon: p[0], lat: p[1], id: id, bucket: bucket})
	default:
		if i = x.free; i == none {
			i = int32(len(x.slots))
			x.slots = append(x.slots, slot{})
		} else {
			x.free = x.slots[i].next
		}
		x.at[id] = i
		x.link(i, slot{lon: p[0], lat: p[1], id: id, bucket: bucket})
	}
	if x.changes++; x.changes > x.patience || len(x.at) > x.room {
		x.size()
	}
}

// Remove forgets id.
func (x *Index) Remove(id uint32) {
	i, ok := x.at[id]
	if !ok {
		return
	}
	delete(x.at, id)
	x.unlink(i)
	x.slots[i] = slot{next: x.free, bucket: none}
	x.free = i
}

func (x *Index) link(i int32, s slot) {
	s.next = x.buckets[s.bucket]
	x.buckets[s.bucket] = i
	x.slots[i] = s
}

func (x *Index) unlink(i int32) {
	to := &x.buckets[x.slots[i].bucket]
	for *to != i {
		to = &x.slots[*to].next
	}
	*to = x.slots[i].next
}

func (x *Index) bucket(p orb.Point) int32 {
	column := int32(math.Floor(p[0] * x.perLon))
	row := int32(math.Floor(p[1] * x.perLat))
	return x.wrap(column, row)
}

func (x *Index) wrap(column, row int32) int32 {
	return (row&(x.rows-1))*x.columns + column&(x.columns-1)
}

const (
	leastSide = 8
	perPoint  = 2     // buckets, at least: a bucket that squares from afar share costs more than an empty one
	sociable  = 7.0   // how many a point may find in its own square, itself included, on average
	company   = 16    // more than so many in one square (a depot) do not count: finer squares would not part them
	finest    = 20000 // squares per degree: 5 m
)

// size chooses the squares for where the points are now and sorts all points
// into them, in memory too: who is near is read together. It costs some
// milliseconds for 100,000 points, but so seldom that each Set pays a few
// nanoseconds of it.
func (x *Index) size() {
	n := len(x.at)
	x.changes, x.patience, x.room = 0, max(4*n, 1000), max(2*n, 500)
	side := int32(leastSide)
	for int(side)*int(side) < n*perPoint {
		side *= 2
	}
	x.columns, x.rows = side, side
	x.buckets = make([]int32, side*side)
	x.scale(x.suitable())

	ends := x.buckets // for now: where the slots of a bucket end
	clear(ends)
	for i := range x.slots {
		if s := &x.slots[i]; s.bucket != none {
			s.bucket = x.bucket(orb.Point{s.lon, s.lat})
			ends[s.bucket]++
		}
	}
	for i := 1; i < len(ends); i++ {
		ends[i] += ends[i-1]
	}
	sorted := make([]slot, n, n+n/4)
	for _, s := range x.slots {
		if s.bucket != none {
			ends[s.bucket]--
			sorted[ends[s.bucket]] = s
		}
	}
	x.slots, x.free = sorted, none
	for i := range x.buckets {
		x.buckets[i] = none
	}
	for i := len(sorted) - 1; i >= 0; i-- {
		x.at[sorted[i].id] = int32(i)
		x.link(int32(i), sorted[i])
	}
}

func (x *Index) scale(perDegree float64) { x.perLon, x.perLat = perDegree, perDegree }

// suitable returns how many squares per degree spread the points well: the
// coarsest that does, or that is almost as good as any.
func (x *Index) suitable() float64 {
	n := float64(len(x.at))
	if n == 0 {
		return 1
	}
	counts := x.buckets // not in use yet
	var tried []float64
	best := math.Inf(1)
	for perDegree := 1.0; perDegree <= finest && best > sociable; perDegree *= 2 {
		x.scale(perDegree)
		clear(counts)
		for i := range x.slots {
			if s := &x.slots[i]; s.bucket != none {
				counts[x.bucket(orb.Point{s.lon, s.lat})]++
			}
		}
		met := 0.0
		for _, c := range counts {
			met += float64(c) * float64(min(c, company))
		}
		tried = append(tried, met/n)
		best = min(best, met/n)
	}
	perDegree := 1.0
	for _, met := range tried {
		if met <= max(sociable, 1.2*best) {
			break
		}
		perDegree *= 2
	}
	return perDegree
}
