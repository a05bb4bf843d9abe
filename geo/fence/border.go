package fence

import (
	"math"

	"github.com/paulmach/orb"
)

// DistanceToBorder returns how many metres p is from the nearest border of area
// i: positive inside, negative outside, +Inf or -Inf when the area has none.
// Good to about a metre in a kilometre, and better the closer the border is.
func (f *Fence) DistanceToBorder(i int, p orb.Point) float64 {
	east, north := metresPerDegree(p[1])
	nearest := math.Inf(1)
	for _, polygon := range f.areas[i].Shape {
		for _, ring := range polygon {
			if len(ring) == 0 {
				continue
			}
			ax, ay := (ring[0][0]-p[0])*east, (ring[0][1]-p[1])*north
			for _, b := range ring[1:] {
				bx, by := (b[0]-p[0])*east, (b[1]-p[1])*north
				nearest = min(nearest, fromOrigin(ax, ay, bx, by))
				ax, ay = bx, by
			}
		}
	}
	if f.Covers(i, p) {
		return math.Sqrt(nearest)
	}
	return -math.Sqrt(nearest)
}

// fromOrigin is the square of the distance from 0,0 to the segment a–b.
func fromOrigin(ax, ay, bx, by float64) float64 {
	dx, dy := bx-ax, by-ay
	if along := -(ax*dx + ay*dy); along > 0 {
		if length := dx*dx + dy*dy; along >= length {
			ax, ay = bx, by
		} else {
			across := ax*dy - ay*dx
			return across * across / length
		}
	}
	return ax*ax + ay*ay
}

// metresPerDegree of longitude and of latitude on the WGS-84 ellipsoid.
func metresPerDegree(latitude float64) (east, north float64) {
	const (
		a  = 6378137.0
		e2 = 0.00669437999014
	)
	sin, cos := math.Sincos(latitude * math.Pi / 180)
	w := 1 - e2*sin*sin
	n := a / math.Sqrt(w)
	return n * cos * math.Pi / 180, n * (1 - e2) / w * math.Pi / 180
}
