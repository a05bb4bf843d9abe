package simulate

import (
	"math/rand/v2"
	"time"

	"github.com/paulmach/orb"

	"github.com/gridward/gridward/geo/trail"
	"github.com/gridward/gridward/server/patrol"
	"github.com/gridward/gridward/server/workday"
)

// Goal is somebody or something to be visited.
type Goal struct {
	ID        int64
	Kind      string
	Class     string
	Point     orb.Point
	Sensitive bool
	Every     int         // days; 0 = never due by itself
	First     workday.Day // when it is due for the first time
}

// Paid is a visit that was paid to a goal, and how it went.
type Paid struct {
	Goal     *Goal
	Outcome  string
	Reported bool // the problem that it found becomes a case
}

// Rounds is a grid's visiting, in the order of time: what is due first, then
// households as they come. Nearly all of it is done, not quite all.
type Rounds struct {
	goals []Goal
	due   []workday.Day // next
	tried []workday.Day
	r     *rand.Rand
}

const (
	reachM    = 55.0 // from the street to what is due
	nextDoorM = 30.0 // to a household that just lies there
	ahead     = 3    // days before it is due somebody is visited, being there
)

// What becomes of visits, in hundredths of a per cent. A case comes of 4.78 in a
// hundred that meet somebody.
const (
	awayIn, refusedIn    = 750, 90
	caseIn, filedAloneIn = 478, 60
)

// NewRounds begins a grid's visiting.
func NewRounds(goals []Goal, seed uint64) *Rounds {
	w := &Rounds{goals: goals, due: make([]workday.Day, len(goals)), tried: make([]workday.Day, len(goals)), r: rand.New(rand.NewPCG(seed, 0x70a9))}
	for i := range goals {
		w.due[i] = goals[i].First
	}
	return w
}

// At decides whom somebody goes to see who walks there; none is nil. 管控对象 are
// the leader's.
func (w *Rounds) At(near orb.Point, at time.Time, leader bool) *Paid {
	day := workday.DayOf(at)
	best, far := -1, 0.0
	for i := range w.goals {
		g := &w.goals[i]
		if g.Sensitive && !leader || w.tried[i] == day || g.Every == 0 || w.due[i] > day+ahead {
			continue
		}
		d := trail.Metres(near, g.Point)
		if d <= reachM && (best < 0 || w.due[i] < w.due[best] || w.due[i] == w.due[best] && d < far) {
			best, far = i, d
		}
	}
	if best < 0 && w.r.IntN(100) < 2 {
		for i := range w.goals {
			g := &w.goals[i]
			if g.Class != "place" || g.Kind == "checkpoint" || w.tried[i] > day-7 {
				continue
			}
			if d := trail.Metres(near, g.Point); d <= nextDoorM && (best < 0 || d < far) {
				best, far = i, d
			}
		}
	}
	if best < 0 {
		return nil
	}
	return w.pay(best, day)
}

// Missed lists whom nobody has come to though it was due by the day.
func (w *Rounds) Missed(day workday.Day) (list []*Goal) {
	for i := range w.goals {
		if g := &w.goals[i]; g.Every > 0 && g.Class != "place" && w.due[i] <= day && w.tried[i] < day {
			list = append(list, g)
		}
	}
	return list
}

func (w *Rounds) pay(i int, day workday.Day) *Paid {
	g := &w.goals[i]
	w.tried[i] = day
	p := &Paid{Goal: g, Outcome: patrol.Normal}
	place := g.Kind == "checkpoint" || g.Kind == "component"
	if x := w.r.IntN(10_000); !place && x < awayIn {
		p.Outcome = patrol.NoOne
		return p
	} else if !place && x < awayIn+refusedIn {
		p.Outcome = patrol.Refused
		return p
	}
	switch x := w.r.IntN(10_000); {
	case g.Sensitive: // what is met there is not for everybody's queue
	case x < caseIn*11/10: // the sensitive ones bring none
		p.Outcome, p.Reported = patrol.Problem, true
	case x < caseIn*11/10+filedAloneIn:
		p.Outcome = patrol.Problem
	}
	if g.Every > 0 {
		w.due[i] = day + workday.Day(g.Every)
	}
	return p
}
