package simulate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/geo/trail"
	"github.com/gridward/gridward/server/fleet"
)

// Habit is how a phone's owner patrols: nearly all do it honestly.
type Habit uint8

// What a past outing may be like.
const (
	Honest     Habit = iota
	Mocking          // a program makes the positions, and the phone says so
	Motionless       // the phone lies on a desk: not a millionth of a degree of jitter
	Jumping          // now and then somewhere else, kilometres away, for a moment
	Ruled            // straight as a ruler, at one pace, always as accurate
)

// Outing is one past duty session of somebody on foot.
type Outing struct {
	Session  uuid.UUID
	Purpose  string
	From, To time.Time
	Fixes    []trail.Fix
	Calls    []Call
}

// Call is a visit to somebody indoors.
type Call struct {
	ID       uuid.UUID
	At, Left time.Time
	Door     orb.Point
	Goal     int  // of the plan: who it was that was visited; -1 = nobody of a register
	silent   bool // the phone saw no satellite meanwhile
}

// Plan is when somebody goes out, and how.
type Plan struct {
	From  time.Time
	Long  time.Duration
	Step  time.Duration // between fixes
	Habit Habit
	// Goal is asked now and then by an honest walker: is there somebody near by to
	// go and see? nil: whoever it may be, as chance has it.
	Goal func(near orb.Point, at time.Time) (door orb.Point, goal int, ok bool)
}

const lookAround = 15 // seconds between two questions for somebody to see

// Outing lets a walker of the block with this code go out as planned. The same
// seed and plan make the same outing, to the last fix.
func (g *Ground) Outing(code string, seed uint64, p Plan) Outing {
	w := g.NewWalker(code, false, seed)
	r := rand.New(rand.NewPCG(seed, 0x0417))
	o := Outing{Session: named("session", seed, p.From), Purpose: purposes[r.IntN(5)], From: p.From.UTC().Truncate(time.Millisecond)}
	o.To = o.From.Add(p.Long)
	step := max(p.Step, time.Second)
	still := w.Sample()
	heading := 2 * math.Pi * r.Float64()
	unpunctual := 1 + 19*int(seed%2) // ms: a chip tells at whole seconds, what sits on top of it a little later
	away := 0                        // fixes that a jump still lasts
	var to vec
	var call *Call
	goal := -1
	next := o.From
	for at := o.From; !at.After(o.To); at = at.Add(time.Second) {
		w.second(1)
		if goal = o.seek(w, p, at, goal); p.Goal != nil && goal < 0 && w.busy == visiting {
			w.busy, w.aim = talking, w.kerb() // goes in only where somebody is to be seen
		}
		switch in := w.busy == visiting && p.Habit == Honest; {
		case in && call == nil:
			call = &Call{ID: named("call", seed, at), At: at, Goal: goal, silent: r.IntN(2) == 0}
		case in:
			call.Door = w.At()
		case call != nil:
			call.Left = at
			if call.Left.Sub(call.At) > time.Minute {
				o.Calls = append(o.Calls, *call)
			}
			call, goal = nil, -1
		}
		if at.Before(next) {
			continue
		}
		next = next.Add(step)
		read := w.Sample()
		if !read.Seen || call != nil && call.silent {
			continue
		}
		f := trail.Fix{
			Ms: at.UnixMilli() + int64(r.IntN(unpunctual)), Point: read.Point, Accuracy: float32(read.Accuracy),
			Speed: float32(read.Speed), Course: float32(read.Course), Source: uint8(fleet.FromNative),
		}
		switch p.Habit {
		case Honest:
		case Mocking:
			f.Flags |= uint32(fleet.Mock)
		case Motionless:
			f.Point, f.Accuracy, f.Speed, f.Course = still.Point, 5, 0, fleet.Unknown()
		case Jumping:
			if away == 0 && r.Float64() < step.Seconds()/900 {
				away = 1 + r.IntN(4)
				a := 2 * math.Pi * r.Float64()
				to = vec{math.Sin(a), math.Cos(a)}.times(2000 + 6000*r.Float64())
			}
			if away > 0 {
				away--
				f.Point = g.point(g.flat(f.Point).add(to))
			}
		case Ruled:
			const pace = 1.25
			gone := pace * at.Sub(o.From).Seconds()
			if gone = math.Mod(gone, 1200); gone > 600 { // to and fro on one line
				gone = 1200 - gone
			}
			f.Point = g.point(g.flat(still.Point).add(vec{math.Sin(heading), math.Cos(heading)}.times(gone)))
			f.Accuracy, f.Speed, f.Course = 5, pace, float32(heading*180/math.Pi)
		}
		o.Fixes = append(o.Fixes, f)
	}
	return o
}

// seek lets an honest walker look around for somebody to see, and go in; it
// returns whom he is seeing.
func (o *Outing) seek(w *Walker, p Plan, at time.Time, goal int) int {
	gone := int(at.Sub(o.From) / time.Second)
	if p.Goal == nil || p.Habit != Honest || w.busy != walking || gone%lookAround != 0 || o.To.Sub(at) < 10*time.Minute {
		return goal
	}
	door, k, ok := p.Goal(w.At(), at)
	if !ok {
		return goal
	}
	w.callAt(door)
	return k
}

// Again is the outing on another day, fix for fix: what somebody replays.
func (o Outing) Again(later time.Duration) Outing {
	c := Outing{Purpose: o.Purpose, From: o.From.Add(later), To: o.To.Add(later)}
	c.Session = uuid.NewSHA1(o.Session, fmt.Appendf(nil, "again:%d", later))
	for _, f := range o.Fixes {
		f.Ms += later.Milliseconds()
		c.Fixes = append(c.Fixes, f)
	}
	return c
}

// Beside is what a second phone tells of the outing: one person carries both.
func (o Outing) Beside(seed uint64) Outing {
	r := rand.New(rand.NewPCG(seed, 0xbe51de))
	c := Outing{Purpose: o.Purpose, From: o.From, To: o.To}
	c.Session = uuid.NewSHA1(o.Session, fmt.Appendf(nil, "beside:%d", seed))
	const metre = 1 / metresPerDegree
	for _, f := range o.Fixes {
		f.Ms += int64(r.IntN(800))
		f.Point[0] += metre * r.NormFloat64()
		f.Point[1] += metre * r.NormFloat64()
		f.Accuracy *= float32(0.9 + 0.2*r.Float64())
		c.Fixes = append(c.Fixes, f)
	}
	return c
}

// named is an id that the same past gets again.
func named(what string, seed uint64, at time.Time) uuid.UUID {
	return uuid.NewSHA1(uuid.NameSpaceOID, fmt.Appendf(nil, "gridward:history:%s:%d:%d", what, seed, at.UnixMilli()))
}

// PlanDay is what somebody of this seed does on a day that begins at midnight:
// most leaders patrol on most mornings or afternoons; some go over noon, some
// for too short a time, some not at all.
func PlanDay(seed uint64, midnight time.Time, step time.Duration) []Plan {
	r := rand.New(rand.NewPCG(seed, uint64(midnight.Unix())))
	keen := rand.New(rand.NewPCG(seed, 0x3ee4)).Float64() // of the person: how much of the quota is done
	about := func(h, m int, spread time.Duration) time.Time {
		return midnight.Add(time.Duration(h)*time.Hour + time.Duration(m)*time.Minute + time.Duration(r.Int64N(int64(spread))))
	}
	mins := func(least, more int) time.Duration { return time.Duration(least+r.IntN(more)) * time.Minute }
	var plans []Plan
	switch x := r.Float64(); {
	case x > 0.35+0.55*keen: // at the desk today
	case x < 0.08:
		plans = append(plans, Plan{From: about(10, 40, 40*time.Minute), Long: mins(170, 90)}) // over noon
	case x < 0.16:
		plans = append(plans, Plan{From: about(9, 0, 2*time.Hour), Long: mins(25, 50)}) // too short
	case x < 0.26:
		plans = append(plans, Plan{From: about(8, 30, 20*time.Minute), Long: mins(125, 40)}, Plan{From: about(14, 0, 30*time.Minute), Long: mins(125, 40)})
	case x < 0.6:
		plans = append(plans, Plan{From: about(8, 30, time.Hour), Long: mins(128, 50)})
	default:
		plans = append(plans, Plan{From: about(13, 40, time.Hour), Long: mins(128, 50)})
	}
	for i := range plans {
		plans[i].Step = step
	}
	return plans
}
