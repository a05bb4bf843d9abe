package sector

import (
	"math"
	"testing"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/geo"
	"pgregory.net/rapid"
)

func TestWhatACameraSees(t *testing.T) {
	t.Parallel()
	at := orb.Point{114.2, 22.68}
	east := geo.PointAtBearingAndDistance(at, 90, 50)
	for name, c := range map[string]struct {
		heading, fov, rng float64
		p                 orb.Point
		want              bool
	}{
		"straight ahead":                         {90, 60, 80, east, true},
		"behind its back":                        {270, 60, 80, east, false},
		"just inside the edge":                   {61, 60, 80, east, true},
		"just outside the edge":                  {59, 60, 80, east, false},
		"too far":                                {90, 60, 40, east, false},
		"north lies on both sides of zero":       {350, 60, 80, geo.PointAtBearingAndDistance(at, 10, 50), true},
		"and not half a circle away":             {350, 60, 80, geo.PointAtBearingAndDistance(at, 190, 50), false},
		"a dome looks all around":                {math.NaN(), 60, 80, east, true},
		"even so not farther than its range":     {math.NaN(), 60, 40, east, false},
		"what stands under it is seen":           {0, 10, 80, at, true},
		"a view of a whole circle is all around": {0, 360, 80, geo.PointAtBearingAndDistance(at, 180, 50), true},
	} {
		if got, _, _ := (View{at, c.heading, c.fov, c.rng}).Sees(c.p); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// Turning the whole picture changes nothing, and what a narrow view sees a wider one sees too.
func TestTurningAndWidening(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		at := orb.Point{rapid.Float64Range(73, 135).Draw(t, "lon"), rapid.Float64Range(18, 53).Draw(t, "lat")}
		heading, turn := rapid.Float64Range(0, 359.9).Draw(t, "heading"), rapid.Float64Range(0, 359.9).Draw(t, "turn")
		bearing, metres := rapid.Float64Range(0, 359.9).Draw(t, "bearing"), rapid.Float64Range(5, 400).Draw(t, "metres")
		fov, rng := rapid.Float64Range(5, 350).Draw(t, "fov"), rapid.Float64Range(10, 500).Draw(t, "range")
		if edge := Between(heading, bearing); math.Abs(edge-fov/2) < 0.5 || math.Abs(metres-rng) < 2 {
			t.Skip("on the edge")
		}
		v := View{at, heading, fov, rng}
		saw, far, _ := v.Sees(geo.PointAtBearingAndDistance(at, bearing, metres))
		if math.Abs(far-metres) > metres/100+0.1 {
			t.Fatalf("%v m away is %v m", metres, far)
		}
		if want := Between(heading, bearing) <= fov/2 && metres <= rng; saw != want {
			t.Fatalf("sees %v, want %v", saw, want)
		}
		turned, _, _ := View{at, math.Mod(heading+turn, 360), fov, rng}.Sees(geo.PointAtBearingAndDistance(at, math.Mod(bearing+turn, 360), metres))
		if turned != saw {
			t.Fatal("turned by the same angle it sees something else")
		}
		if wider, _, _ := (View{at, heading, fov + 5, rng + 5}).Sees(geo.PointAtBearingAndDistance(at, bearing, metres)); saw && !wider {
			t.Fatal("a wider view sees less")
		}
	})
}
