package patrol

import (
	"math"

	"github.com/paulmach/orb"

	"github.com/gridward/gridward/geo/trail"
)

// aboutMs is how far a visit's record may lie from the stay that it tells of.
const aboutMs = 120_000

// visits counts the visits, and says of each how long the track shows the
// worker at its target.
func (m *meter) visits() {
	for i := range m.in.Visits {
		v := &m.in.Visits[i]
		if !v.InPerson() {
			continue
		}
		c := Called{Visit: v.ID.String(), Target: v.target(), At: v.At.UnixMilli(), Attempt: v.Attempt()}
		if place := v.place(); place != nil {
			c.DwellMs = m.dwell(v, *place)
		}
		m.out.Found += v.Incidents
		if c.Attempt {
			m.out.Attempts++
		}
		if !c.Attempt || m.in.AttemptCounts {
			m.out.Visits++
		}
		if c.Short = !c.Attempt && !v.Quick() && c.DwellMs != nil && *c.DwellMs < int64(m.p.DwellS)*1000; c.Short {
			m.out.Short++
			m.share(v.Grid).Short++
		}
		m.out.Called = append(m.out.Called, c)
	}
}

// dwell is the longest stretch near the place that touches the visit: from one
// accepted fix near it to the next, through gaps that being indoors explains.
// Where the track is silent around the visit, it is what the visit itself says,
// and nothing when it does not say.
func (m *meter) dwell(v *Visit, place orb.Point) *int64 {
	at, left := span(v)
	best, heard := int64(-1), false
	var from, last int64
	open := false
	end := func() {
		if open && from <= left+aboutMs && last >= at-aboutMs {
			best = max(best, last-from)
		}
		open = false
	}
	around := newAround(place, m.p.DwellM)
	for i := range m.steps {
		s := &m.steps[i]
		heard = heard || s.ms >= at-aboutMs && s.ms <= left+aboutMs
		if !around.holds(s.point) {
			end()
			continue
		}
		if !open || s.ms-last > int64(m.p.IndoorGapS)*1000 {
			end()
			from, open = s.ms, true
		}
		last = s.ms
	}
	end()
	switch {
	case best >= 0:
	case heard:
		best = 0
	case left > at:
		best = left - at
	default:
		return nil
	}
	return &best
}

// places says which key objects and checkpoints were reached, and for how long.
func (m *meter) places() {
	for i := range m.in.Places {
		p := &m.in.Places[i]
		around := newAround(p.Point, m.p.DwellM)
		d := PlaceDwell{Place: p.ID, Kind: p.Kind, Grid: p.Grid, FirstAt: -1}
		was := false
		for j := range m.steps {
			s := &m.steps[j]
			is := s.counts && around.holds(s.point)
			if is && d.FirstAt < 0 {
				d.FirstAt = s.ms
			}
			if is && was {
				b := &m.steps[j-1]
				if dt := s.ms - b.ms; b.spell == s.spell && (dt <= m.gapMax(b, s) || m.judge(b, s, dt).why == WhyIndoor) {
					d.Ms += dt
				}
			}
			was = is
		}
		if d.FirstAt >= 0 {
			m.out.Places = append(m.out.Places, d)
		}
	}
}

// around is a circle on the ground with the box that rules most points out.
type around struct {
	middle   orb.Point
	radius   float64
	lon, lat float64
}

func newAround(p orb.Point, radius float64) around {
	const degree = 111_000.0 // a little less than trail.Metres has it: the box holds the circle
	lat := radius / degree
	return around{p, radius, lat / math.Max(0.01, math.Cos(p[1]*math.Pi/180)), lat}
}

func (a around) holds(p orb.Point) bool {
	return math.Abs(p[1]-a.middle[1]) <= a.lat && math.Abs(p[0]-a.middle[0]) <= a.lon && trail.Metres(p, a.middle) <= a.radius
}
