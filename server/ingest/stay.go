package ingest

import (
	"time"

	"github.com/gridward/gridward/server/fleet"
	"github.com/gridward/gridward/server/postgres"
)

// The hysteresis of grid_presence. Phones wander by tens of metres; a worker who
// walks along a border must not be in and out of two grids all day.
const (
	surelyOut   = 30.0             // metres beyond the border, or twice the accuracy: one more fix there is a move
	surelyFixes = 2                // fixes of such a quick move
	dwell       = time.Minute      // otherwise: this long…
	dwellFixes  = 3                // …and so many fixes beyond the border
	leastGap    = 30 * time.Minute // silence of this, or ten intervals, ends a stay
	tooVague    = 100.0            // metres of accuracy that say nothing about grids
)

// sighting is a fix as presence sees it.
type sighting struct {
	at       time.Time
	grid     int64 // 0 = in no grid
	version  int32
	accuracy float64 // 0 = unknown
	outside  float64 // metres outside the grid of the present stay; only looked at when the grid is another
	gap      time.Duration
}

// track moves a stay on by one sighting, which must be newer than the stay's
// last. It returns the stay as it stands now, and the one that ended by it, if
// any. A stay with Grid 0 is none.
func track(s postgres.Stay, f sighting) (now, ended postgres.Stay) {
	enter := func(grid int64, version int32, at time.Time, fixes int32) postgres.Stay {
		return postgres.Stay{Region: s.Region, Worker: s.Worker, Grid: grid, Version: version, EnteredAt: at, LastAt: f.at, Fixes: fixes}
	}
	leave := func(at time.Time) postgres.Stay {
		e := s
		e.LeftAt, e.Next, e.NextVersion, e.NextSince, e.NextFixes = at, 0, 0, time.Time{}, 0
		return e
	}
	vague := f.accuracy > tooVague
	if s.Grid == 0 {
		if f.grid == 0 || vague {
			return s, postgres.Stay{}
		}
		return enter(f.grid, f.version, f.at, 1), postgres.Stay{}
	}
	if f.at.Sub(s.LastAt) > max(leastGap, 10*f.gap) {
		e := leave(s.LastAt)
		if f.grid == 0 || vague {
			return enter(0, 0, f.at, 0), e
		}
		return enter(f.grid, f.version, f.at, 1), e
	}
	if vague {
		return s, postgres.Stay{}
	}
	if f.grid == s.Grid {
		s.LastAt, s.Fixes = f.at, s.Fixes+1
		s.Next, s.NextVersion, s.NextSince, s.NextFixes = 0, 0, time.Time{}, 0
		return s, postgres.Stay{}
	}
	if s.NextFixes == 0 || s.Next != f.grid {
		s.Next, s.NextVersion, s.NextSince, s.NextFixes = f.grid, f.version, f.at, 1
	} else {
		s.NextFixes++
	}
	sure := f.outside >= max(surelyOut, 2*f.accuracy) && s.NextFixes >= surelyFixes
	long := f.at.Sub(s.NextSince) >= dwell && s.NextFixes >= dwellFixes
	if !sure && !long {
		return s, postgres.Stay{}
	}
	e := leave(s.NextSince)
	e.LastAt = earlier(e.LastAt, s.NextSince)
	return enter(s.Next, s.NextVersion, s.NextSince, s.NextFixes), e
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// sight makes a sighting of a fix, seen from the stay s.
func (g *ground) sight(s *postgres.Stay, f *fleet.Fix) sighting {
	v := sighting{at: f.At, grid: f.Grid, version: f.GridVersion, gap: f.Interval}
	if f.Accuracy == f.Accuracy {
		v.accuracy = float64(f.Accuracy)
	}
	if s.Grid != 0 && s.Grid != f.Grid {
		if i, ok := g.index[s.Grid]; ok {
			v.outside = -g.fence.DistanceToBorder(i, f.Point)
		} else {
			v.outside = surelyOut + 2*v.accuracy // the grid is no more
		}
	}
	return v
}
