package trail

import (
	"math"

	"github.com/paulmach/orb"
)

// Interval is a time in one area: a grid, or 0 for none.
type Interval struct {
	Area     int64
	From, To int64 // the first and the last good fix in it
	Fixes    int
}

// dwellFixes is how many fixes it takes to be elsewhere when the border is near.
const dwellFixes = 3

// Intervals says when the good fixes were in which area. Phones wander by tens
// of metres: whoever walks along a border is not in and out of it all day. To be
// elsewhere takes two fixes that are surely beyond the border (nothing within
// BorderM of them, nor within twice their accuracy, is in the area before), or
// DwellMs and three fixes. The move then is dated to the first of them. A gap
// ends an interval: nothing is known of it.
func Intervals(fixes []Judged, locate func(orb.Point) int64, o Options) []Interval {
	o = o.filled()
	var all []Interval
	var now, next Interval // next: a candidate that is not yet long or deep enough
	sure := 0
	end := func() {
		if now.Fixes > 0 {
			all = append(all, now)
		}
		now, next, sure = Interval{}, Interval{}, 0
	}
	for i := range fixes {
		f := &fixes[i]
		if f.Why != Good {
			continue
		}
		area := locate(f.Point)
		if now.Fixes > 0 && f.Ms-max(now.To, next.To) > o.GapMs {
			if next.Fixes > 0 { // he was last seen there, if not for long
				now.To, now.Fixes = next.To, now.Fixes+next.Fixes
			}
			end()
		}
		switch {
		case now.Fixes == 0:
			now = Interval{area, f.Ms, f.Ms, 1}
			continue
		case area == now.Area:
			now.To, now.Fixes = f.Ms, now.Fixes+next.Fixes+1
			next, sure = Interval{}, 0
			continue
		case next.Fixes == 0 || next.Area != area:
			if next.Fixes > 0 { // a third area: what was next is as little proven as this
				now.To, now.Fixes = next.To, now.Fixes+next.Fixes
			}
			next, sure = Interval{area, f.Ms, f.Ms, 0}, 0
		}
		next.To, next.Fixes = f.Ms, next.Fixes+1
		if beyond(f, now.Area, locate, o.BorderM) {
			sure++
		}
		if sure >= 2 || next.Fixes >= dwellFixes && next.To-next.From >= o.DwellMs {
			moved := next
			end()
			now = moved
		}
	}
	if next.Fixes > 0 {
		now.To, now.Fixes = next.To, now.Fixes+next.Fixes
	}
	end()
	return all
}

// beyond reports whether nothing near the fix is in the area.
func beyond(f *Judged, area int64, locate func(orb.Point) int64, border float64) bool {
	r := border
	if a := float64(f.Accuracy); a == a {
		r = max(r, 2*a)
	}
	dy := r / metresPerDegree
	dx := dy / math.Max(0.01, math.Cos(f.Point[1]*math.Pi/180))
	for k := range 8 {
		s, c := math.Sincos(float64(k) * math.Pi / 4)
		if locate(orb.Point{f.Point[0] + c*dx, f.Point[1] + s*dy}) == area {
			return false
		}
	}
	return true
}
