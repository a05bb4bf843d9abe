package trail

import (
	"math"

	"github.com/paulmach/orb"
)

// Simplify leaves out fixes that are nearer than metres to the line without
// them (Douglas and Peucker); those that stay keep their times. The first and
// the last always stay.
func Simplify(fixes []Fix, metres float64) []Fix {
	if len(fixes) < 3 {
		return append([]Fix(nil), fixes...)
	}
	keep := make([]bool, len(fixes))
	keep[0], keep[len(fixes)-1] = true, true
	kept := 2
	type span struct{ a, b int }
	for todo := []span{{0, len(fixes) - 1}}; len(todo) > 0; {
		s := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		far, at := metres, 0
		for i := s.a + 1; i < s.b; i++ {
			if d := offLine(fixes[s.a].Point, fixes[s.b].Point, fixes[i].Point); d > far {
				far, at = d, i
			}
		}
		if at > 0 {
			keep[at] = true
			kept++
			todo = append(todo, span{s.a, at}, span{at, s.b})
		}
	}
	out := make([]Fix, 0, kept)
	for i, k := range keep {
		if k {
			out = append(out, fixes[i])
		}
	}
	return out
}

// offLine is how far p is from the stretch a…b.
func offLine(a, b, p orb.Point) float64 {
	k := math.Cos(a[1] * math.Pi / 180)
	bx, by := (b[0]-a[0])*k, b[1]-a[1]
	px, py := (p[0]-a[0])*k, p[1]-a[1]
	if l := bx*bx + by*by; l > 0 {
		t := min(max((px*bx+py*by)/l, 0), 1)
		px, py = px-t*bx, py-t*by
	}
	return math.Hypot(px, py) * metresPerDegree
}
