package ingest

import (
	"context"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/geo"

	"github.com/gridward/gridward/geo/datum"
	"github.com/gridward/gridward/server/fleet"
	"github.com/gridward/gridward/server/postgres"
)

const (
	clockTolerance = 2 * time.Minute
	fastest        = 45.0 // m/s; nobody here is faster
	vague          = 100  // metres
	sosReach       = 2 * time.Hour
	sosGrace       = time.Minute // until the call just taken in has its row
	stillRadius    = 30.0        // metres: less is not moving
	farAway        = 50_000.0    // metres outside the territory
)

// around is the box and farAway on every side.
func around(b orb.Bound) orb.Bound {
	north := farAway / 110_574
	east := farAway / (111_320 * math.Max(0.1, math.Cos(b.Center()[1]*math.Pi/180)))
	b.Min[0], b.Min[1], b.Max[0], b.Max[1] = b.Min[0]-east, b.Min[1]-north, b.Max[0]+east, b.Max[1]+north
	return b
}

// prepare does what needs no database, in the request's own goroutine: datum,
// the flags that a fix alone can show, and the grid.
func (in *Ingest) prepare(dev fleet.Device, b Batch) *job {
	now := in.d.Clock().UTC().Truncate(time.Microsecond)
	g := in.ground.Load()
	j := &job{dev: dev, batch: b, at: now, ground: g, done: make(chan struct{}), fixes: make([]fleet.Fix, 0, len(b.Reports))}
	sorted := true
	for i := range b.Reports {
		r := &b.Reports[i]
		if !r.Placed {
			j.lone = append(j.lone, *r)
			continue
		}
		j.fixes = append(j.fixes, fleet.Fix{
			Region: dev.Region, Worker: dev.Worker, Device: dev.ID, At: r.At, ReceivedAt: now, Point: r.Point,
			Speed: r.Speed, Course: r.Course, Accuracy: r.Accuracy, Altitude: r.Altitude, Battery: r.Battery,
			Source: b.Source, Flags: r.Flags, Org: dev.Org, OrgPath: dev.OrgPath, Interval: dev.Interval, Priority: dev.Priority,
		})
		f := &j.fixes[len(j.fixes)-1]
		if f.At.IsZero() {
			f.At, f.Flags = now, f.Flags|fleet.NoTime
		}
		crs := r.CRS
		if crs == "" {
			crs = dev.CRS
		}
		if crs != fleet.WGS84 && crs != "" {
			if p, err := datum.ToWGS84(string(crs), f.Point); err == nil && p != f.Point {
				f.Point, f.Flags = p, f.Flags|fleet.Converted
			}
		}
		g.locate(f, now)
		if n := len(j.fixes); n > 1 && f.At.Before(j.fixes[n-2].At) {
			sorted = false
		}
	}
	j.batch.Reports = nil // the caller may use its memory again
	if !sorted {
		slices.SortStableFunc(j.fixes, func(a, b fleet.Fix) int { return a.At.Compare(b.At) })
	}
	return j
}

// locate gives a fix its grid and the flags that it shows by itself on this ground.
func (g *ground) locate(f *fleet.Fix, now time.Time) {
	f.Flags = f.Flags&^fleet.OutOfRegion | g.flags(f, now)
	f.Grid, f.GridVersion = 0, 0
	if g.fence == nil {
		return
	}
	if k, ok := g.fence.Locate(f.Point); ok {
		a := &g.fence.Areas()[k]
		f.Grid, f.GridVersion = a.ID, a.Version
	}
}

// settleGround returns the ground of this transaction, and moves the jobs onto
// it that were located on an older one: a grid that was imported before a fix
// is committed is the grid that the fix is in.
func (in *Ingest) settleGround(ctx context.Context, tx pgx.Tx, jobs []*job) (*ground, error) {
	g := in.ground.Load()
	if g.epoch != 0 {
		epoch, err := postgres.TerritoryEpoch(ctx, tx)
		if err != nil {
			return nil, err
		}
		if epoch != g.epoch {
			f, err := postgres.LoadFence(ctx, tx)
			if err != nil {
				return nil, err
			}
			in.SetGround(f, epoch)
			g = in.ground.Load()
		}
	}
	for _, j := range jobs {
		if j.ground == g {
			continue
		}
		for i := range j.fixes {
			g.locate(&j.fixes[i], j.at)
		}
		j.ground = g
	}
	return g, nil
}

// flags are those that a fix shows by itself.
func (g *ground) flags(f *fleet.Fix, now time.Time) fleet.Flag {
	var flags fleet.Flag
	switch {
	case f.At.After(now.Add(clockTolerance)):
		flags |= fleet.FutureClock
	case f.At.Before(now.Truncate(24*time.Hour).AddDate(0, 0, -postgres.KeepDays)):
		flags |= fleet.OldClock
	}
	p := f.Point
	switch {
	case math.Abs(p[0]) < 0.01 && math.Abs(p[1]) < 0.01:
		flags |= fleet.NullIsland
	case math.Abs(p[1]) > 90:
		flags |= fleet.Swapped
	case g.fence != nil && len(g.index) > 0 && !g.box.Contains(p):
		if g.box.Contains(orb.Point{p[1], p[0]}) {
			flags |= fleet.Swapped
		} else {
			flags |= fleet.OutOfRegion
		}
	}
	if f.Accuracy > vague {
		flags |= fleet.Inaccurate
	}
	if f.Speed > fastest {
		flags |= fleet.TooFast
	}
	return flags
}

// inCommit are the flags that only the commit can decide, and decides anew when it is tried again.
const inCommit = fleet.Late | fleet.OffDutySOS

// tooFast reports whether nobody could have come from last to f. Each fix may
// be wrong by its accuracy, and less than a second between two says nothing.
func tooFast(last *postgres.Last, f *fleet.Fix) bool {
	if last.Device != f.Device || !f.At.After(last.At) {
		return false
	}
	slack := 0.0
	for _, a := range []float32{last.Accuracy, f.Accuracy} {
		if a != a {
			a = 20
		}
		slack += float64(min(a, 1000))
	}
	dt := math.Max(1, f.At.Sub(last.At).Seconds())
	return geo.Distance(last.Point, f.Point)-slack > fastest*dt
}

// takes reports whether f moves the marker that stands at last: it must be
// newer, and of a device that ranks no lower, unless that one has fallen silent.
func takes(last *postgres.Last, f *fleet.Fix) bool {
	if f.At.Equal(last.At) {
		return f.Device != last.Device && (f.Priority > last.Priority || f.Priority == last.Priority && f.Device < last.Device)
	}
	if f.At.Before(last.At) {
		return false
	}
	if f.Device == last.Device || f.Priority >= last.Priority {
		return true
	}
	return f.At.Sub(last.At) > max(2*time.Minute, 3*last.Interval)
}

// step moves the marker to f and keeps the place where the worker stood still.
func step(last *postgres.Last, known bool, f *fleet.Fix) {
	since, at, battery := last.StillSince, last.StillPoint, last.Battery
	last.Fix = *f
	if known && f.Battery < 0 {
		last.Battery = battery
	}
	radius := stillRadius
	if f.Accuracy == f.Accuracy {
		radius = math.Max(radius, math.Min(float64(f.Accuracy), vague))
	}
	if !known || geo.Distance(at, f.Point) > radius {
		since, at = f.At, f.Point
	}
	last.StillSince, last.StillPoint = since, at
}

// duty is what covers a fix.
type duty struct {
	session uuid.UUID
	org     int64
	path    string
	reopen  bool // the session had been closed automatically; this fix disproves it
	over    bool // the session's end has been said
}

// covered decides whether a fix of a device may be kept.
func covered(dev *fleet.Device, c *postgres.Cover, at time.Time) (duty, bool) {
	if dev.Duty == fleet.DutyAlways && dev.Vehicle {
		return duty{org: dev.Org, path: dev.OrgPath}, true
	}
	if c == nil {
		return duty{}, false
	}
	for i := range c.Sessions {
		s := &c.Sessions[i]
		if s.Covers(at) {
			return duty{session: s.ID, org: s.Org, path: s.OrgPath, reopen: s.AutoClosed && at.After(*s.EndedAt), over: s.EndedAt != nil && !s.AutoClosed}, true
		}
	}
	if dev.Duty == fleet.DutySchedule {
		for _, s := range c.Shifts {
			if !at.Before(s.From) && !at.After(s.To) {
				return duty{org: s.Org, path: s.OrgPath}, true
			}
		}
	}
	return duty{}, false
}

// reached reports whether a fix off duty belongs to the call for help.
func reached(called, at time.Time) bool {
	return at.After(called.Add(-clockTolerance)) && at.Before(called.Add(sosReach))
}

// call is a worker's call for help, at the time of its fix.
type call struct {
	worker int64
	at     time.Time
}

// calls remembers for a short while who has called for help: the call's row is
// written by a job a moment later, and the fixes in between are not to be lost.
type calls struct {
	mu sync.Mutex
	of map[int64]noted
}

type noted struct {
	at   time.Time // of the call
	till time.Time // by the server's clock
}

func (c *calls) note(made call, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for w, n := range c.of {
		if now.After(n.till) {
			delete(c.of, w)
		}
	}
	c.of[made.worker] = noted{made.at, now.Add(sosGrace)}
}

// recent returns when the worker called, if the call has just come.
func (c *calls) recent(worker int64, now time.Time) (time.Time, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, ok := c.of[worker]
	return n.at, ok && !now.After(n.till)
}
