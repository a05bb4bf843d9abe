// Package datum converts between WGS-84, in which everything here is kept, and
// the two shifted datums of Chinese maps: GCJ-02 (高德, 腾讯) and BD-09 (百度).
//
// It is used at the doors and nowhere else: a position is converted once, when
// it comes in. A conversion done twice, or forgotten, moves a worker by 100 to
// 700 m into a neighbouring grid, and nothing later can tell.
//
// GCJ-02 has no published definition; these are the formulas that everybody
// uses, and like everybody's they shift whatever lies in a plain box around
// China, Seoul and Ulaanbaatar included. WGS-84 equals CGCS2000 within centimetres.
package datum

import (
	"fmt"
	"math"

	"github.com/paulmach/orb"
)

// ToWGS84 converts p from the named datum: "wgs84", "gcj02" or "bd09".
func ToWGS84(crs string, p orb.Point) (orb.Point, error) {
	switch crs {
	case "wgs84":
		return p, nil
	case "gcj02":
		return fromGCJ02(p), nil
	case "bd09":
		return fromGCJ02(fromBD09(p)), nil
	}
	return orb.Point{}, fmt.Errorf("unknown datum %q: want wgs84, gcj02 or bd09", crs)
}

// GCJ02 converts p from WGS-84 to GCJ-02.
func GCJ02(p orb.Point) orb.Point {
	if !shifted(p) {
		return p
	}
	d := shift(p)
	return orb.Point{p[0] + d[0], p[1] + d[1]}
}

// BD09 converts p from WGS-84 to BD-09.
func BD09(p orb.Point) orb.Point { return swirl(GCJ02(p)) }

// shifted reports whether p lies in the box that GCJ-02 shifts.
func shifted(p orb.Point) bool {
	return p[0] >= 72.004 && p[0] <= 137.8347 && p[1] >= 0.8293 && p[1] <= 55.8271
}

// shift is how far GCJ-02 moves p, in degrees. It knows no box, so that the
// inverse can be searched for across the rim.
func shift(p orb.Point) orb.Point {
	const (
		a  = 6378245.0 // Krasovsky's ellipsoid
		e2 = 0.00669342162296594323
	)
	x, y := p[0]-105, p[1]-35
	root := math.Sqrt(math.Abs(x))
	wave := 20*math.Sin(6*x*math.Pi) + 20*math.Sin(2*x*math.Pi)
	north := -100 + 2*x + 3*y + 0.2*y*y + 0.1*x*y + 0.2*root +
		(wave+20*math.Sin(y*math.Pi)+40*math.Sin(y/3*math.Pi)+160*math.Sin(y/12*math.Pi)+320*math.Sin(y*math.Pi/30))*2/3
	east := 300 + x + 2*y + 0.1*x*x + 0.1*x*y + 0.1*root +
		(wave+20*math.Sin(x*math.Pi)+40*math.Sin(x/3*math.Pi)+150*math.Sin(x/12*math.Pi)+300*math.Sin(x/30*math.Pi))*2/3
	sin, cos := math.Sincos(p[1] / 180 * math.Pi)
	w := 1 - e2*sin*sin
	return orb.Point{
		east * 180 / (a / math.Sqrt(w) * cos * math.Pi),
		north * 180 / (a * (1 - e2) / (w * math.Sqrt(w)) * math.Pi),
	}
}

// fromGCJ02 is the inverse of GCJ02. A point outside the box is where it says,
// also the few that were moved out of it across the rim.
func fromGCJ02(p orb.Point) orb.Point {
	if !shifted(p) {
		return p
	}
	return undo(p, func(w orb.Point) orb.Point {
		d := shift(w)
		return orb.Point{w[0] + d[0], w[1] + d[1]}
	})
}

// fromBD09 is the inverse of swirl.
func fromBD09(p orb.Point) orb.Point { return undo(p, swirl) }

// swirl is the second shift, from GCJ-02 to BD-09.
func swirl(p orb.Point) orb.Point {
	const turn = math.Pi * 3000 / 180
	r := math.Hypot(p[0], p[1]) + 0.00002*math.Sin(p[1]*turn)
	sin, cos := math.Sincos(math.Atan2(p[1], p[0]) + 0.000003*math.Cos(p[0]*turn))
	return orb.Point{r*cos + 0.0065, r*sin + 0.006}
}

// undo finds the point that forward moves to p, to about a tenth of a micrometre.
//
// Both shifts change by less than a hundredth of the way one goes, so every step
// gains two digits: six suffice. The cap is for what has no such point.
func undo(p orb.Point, forward func(orb.Point) orb.Point) orb.Point {
	const (
		enough = 1e-12 // degrees
		most   = 20
	)
	w := p
	for range most {
		q := forward(w)
		dx, dy := q[0]-p[0], q[1]-p[1]
		w = orb.Point{w[0] - dx, w[1] - dy}
		if math.Abs(dx) < enough && math.Abs(dy) < enough {
			break
		}
	}
	return w
}
