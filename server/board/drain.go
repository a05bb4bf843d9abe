package board

import (
	"math"
	"time"

	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/access"
)

// Change is what happened to one worker since the last Drain.
type Change struct {
	Mark  uint32 // the marker's number: never another worker's while the program runs
	Entry *Entry // valid during the call only
	Gone  bool   // no longer drawn
	Was   string // the organisation path told before, "" when it was not drawn
}

// Drain tells, once each, every worker that moved, came, went, or whose
// presence changed by the passing of time. It is for one reader. visit must
// not call the board.
func (b *Board) Drain(now time.Time, visit func(Change)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.drain(now, visit)
}

// Join drains and then tells everybody whom the scope covers, in one step, so
// that a new room misses nothing between what it is told and the next Drain.
func (b *Board) Join(now time.Time, visit func(Change), scope []string, each func(mark uint32, e *Entry)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.drain(now, visit)
	for _, s := range b.slots {
		if s.drawn && access.Within(scope, s.OrgPath) {
			each(s.mark, &s.Entry)
		}
	}
}

func (b *Board) drain(now time.Time, visit func(Change)) {
	for _, s := range b.gone {
		visit(Change{Mark: s.mark, Entry: &s.Entry, Gone: true, Was: s.path})
		s.told = false
	}
	clear(b.gone)
	b.gone = b.gone[:0]
	// Presence moves by itself: a silent worker turns stale without any news.
	for _, s := range b.slots {
		if s.drawn && s.told && !s.dirty && s.Presence(now) != s.presence {
			b.mark(s)
		}
	}
	for _, s := range b.dirty {
		s.dirty = false
		switch {
		case s.drawn:
			visit(Change{Mark: s.mark, Entry: &s.Entry, Was: s.path})
			s.told, s.presence, s.path = true, s.Presence(now), s.OrgPath
		case s.told:
			visit(Change{Mark: s.mark, Entry: &s.Entry, Gone: true, Was: s.path})
			s.told, s.path = false, ""
		}
	}
	clear(b.dirty)
	b.dirty = b.dirty[:0]
}

// Size is how many workers are drawn, and how many are held.
func (b *Board) Size() (drawn, held int) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	for _, s := range b.slots {
		if s.drawn {
			drawn++
		}
	}
	return drawn, len(b.slots)
}

// metres between two points that are near each other; far apart it is only
// large, which is all that is asked of it.
func metres(a, b orb.Point) float64 {
	const perDegree = math.Pi / 180 * orb.EarthRadius
	dy := (b[1] - a[1]) * perDegree
	dx := (b[0] - a[0]) * perDegree * math.Cos((a[1]+b[1])/2*math.Pi/180)
	return math.Hypot(dx, dy)
}
