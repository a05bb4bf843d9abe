// Package sector answers what a camera sees: whether a place lies inside the
// piece of circle in front of it, and how far away.
//
// Bearings are degrees clockwise from north. Distances here are some hundred
// metres, so the earth is flat: the error stays below a thousandth.
package sector

import (
	"math"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/geo"
)

// View is what something that looks can see.
type View struct {
	From    orb.Point
	Heading float64 // where the middle of the view points; NaN = it looks all around
	FOV     float64 // degrees from edge to edge
	Range   float64 // metres
}

// Sees reports whether p lies inside the view, how far it is, and by how many
// degrees the view would have to turn to have p in its middle (0 to 180).
// Its edges belong to the view, and what stands where the camera hangs is seen.
func (v View) Sees(p orb.Point) (sees bool, metres, off float64) {
	metres = geo.Distance(v.From, p)
	if math.IsNaN(v.Heading) || v.FOV >= 360 || v.From == p {
		return metres <= v.Range, metres, 0
	}
	off = Between(v.Heading, Bearing(v.From, p))
	return metres <= v.Range && off <= v.FOV/2, metres, off
}

// Bearing is the direction from one place to another, 0 to 360.
func Bearing(from, to orb.Point) float64 {
	x := (to[0] - from[0]) * math.Cos((from[1]+to[1])/2*math.Pi/180)
	b := math.Atan2(x, to[1]-from[1]) * 180 / math.Pi
	if b < 0 {
		b += 360
	}
	return b
}

// Between is the angle between two directions, 0 to 180.
func Between(a, b float64) float64 {
	d := math.Abs(math.Mod(a-b, 360))
	return math.Min(d, 360-d)
}
