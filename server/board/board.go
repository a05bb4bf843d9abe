// Package board knows who is where now: for every worker who may be drawn, the
// newest plausible fix, and the k nearest to a point.
//
// It is a cache of the table last_fix and of who is on duty. Losing it loses
// nothing: Fill reads everything, Heal keeps correcting it, and between the two
// local commits (Put) and the journal (On, Off, SOS) keep it current to the
// moment. Every path may repeat, overtake or forget news; the rules below make
// the result the same:
//
//   - A fix moves the marker when it is plausible and newer by its own time.
//     A marker never goes back in time.
//   - Of two devices of one worker the one with the higher priority holds the
//     marker until it is overdue.
//   - A worker is drawn while there is a reason: a fix of an open duty session,
//     a shift, an open SOS, or being a vehicle. When the reason ends the worker
//     is gone at the next Drain, and a late fix of that duty does not bring it
//     back.
//
// One reader, the live rooms, takes the changes with Drain.
package board

import (
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/geo/near"
	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/fleet"
)

// Entry is one worker on the board.
type Entry = fleet.Standing

// Board is safe for concurrent use. Make one with New.
type Board struct {
	clock func() time.Time

	mu     sync.RWMutex
	people map[int64]fleet.Person
	slots  map[int64]*slot // by worker; whoever is on duty or was a moment ago
	marks  map[uint32]*slot
	last   uint32 // newest mark given out
	near   *near.Index
	dirty  []*slot
	gone   []*slot // forgotten since the last Drain, and drawn when it ran

	stranger chan struct{} // a fix of a worker whose name we do not know
}

type slot struct {
	Entry
	mark    uint32
	placed  bool        // has a fix
	drawn   bool        // is on the map
	anchor  orb.Point   // where it stood when StillSince was set
	open    []uuid.UUID // open duty sessions, seldom more than one
	shift   bool
	touched time.Time // when a reason last changed here; older truth does not undo it

	// what Drain last told
	dirty    bool
	told     bool
	presence fleet.Presence
	path     string
}

// New makes an empty board. The clock is the server's.
func New(clock func() time.Time) *Board {
	return &Board{
		clock:    clock,
		people:   map[int64]fleet.Person{},
		slots:    map[int64]*slot{},
		marks:    map[uint32]*slot{},
		near:     near.New(),
		stranger: make(chan struct{}, 1),
	}
}

// Load puts entries on the board as they are, each with the reason that its
// fix carries. Fill does the same from the database.
func (b *Board) Load(entries []Entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range entries {
		e := &entries[i]
		person := e.Person
		person.ID = e.Worker
		b.people[e.Worker] = person
		s := b.slot(e.Worker)
		if e.Session != (uuid.UUID{}) {
			s.add(e.Session)
		} else {
			s.shift = true
		}
		s.Calling = e.Calling
		b.place(s, &e.Fix, e.StillSince)
		b.judge(s)
	}
}

// Put takes fixes that are committed, in any order and any number of times.
func (b *Board) Put(fixes []fleet.Fix) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range fixes {
		f := &fixes[i]
		if !f.Plausible() {
			continue
		}
		s, ok := b.slots[f.Worker]
		if !ok {
			s = b.slot(f.Worker)
			s.touched = b.clock() // older truth must not forget it before its duty is heard of
		}
		// Without a session it was stored under a shift, or as a vehicle's.
		// The next Heal says whether that shift still holds.
		if f.Session == (uuid.UUID{}) && f.Flags&fleet.OffDutySOS == 0 && !s.shift {
			s.shift, s.touched = true, b.clock()
		}
		b.place(s, f, time.Time{})
		b.judge(s)
	}
}

// On says that a duty session of the worker is open.
func (b *Board) On(worker int64, session uuid.UUID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.slot(worker)
	s.add(session)
	s.touched = b.clock()
	b.judge(s)
}

// Off says that a duty session of the worker has ended.
func (b *Board) Off(worker int64, session uuid.UUID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s, ok := b.slots[worker]
	if !ok {
		return
	}
	s.open = slices.DeleteFunc(s.open, func(id uuid.UUID) bool { return id == session })
	s.touched = b.clock()
	b.judge(s)
}

// SOS says whether an SOS of the worker is open.
func (b *Board) SOS(worker int64, open bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s, ok := b.slots[worker]
	if !ok {
		if !open {
			return
		}
		s = b.slot(worker)
	}
	s.Calling, s.touched = open, b.clock()
	b.mark(s)
	b.judge(s)
}

// Get returns the worker's entry when it is on the map.
func (b *Board) Get(worker int64) (Entry, bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if s, ok := b.slots[worker]; ok && s.drawn {
		return s.Entry, true
	}
	return Entry{}, false
}

// All returns the entries that the scope covers, in no order.
func (b *Board) All(scope []string) []Entry {
	var all []Entry
	b.Each(scope, func(_ uint32, e *Entry) { all = append(all, *e) })
	return all
}

// Each calls visit with every entry that the scope covers and its mark, while
// the board is locked for reading: visit must neither keep e nor call the board.
func (b *Board) Each(scope []string, visit func(mark uint32, e *Entry)) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	for _, s := range b.slots {
		if s.drawn && access.Within(scope, s.OrgPath) {
			visit(s.mark, &s.Entry)
		}
	}
}

// Near is an entry with its distance.
type Near struct {
	Entry
	Metres float64
}

// Nearest returns the k entries of the scope nearest to p, nearest first.
// keep, when not nil, narrows the choice; it must not call the board.
func (b *Board) Nearest(p orb.Point, k int, scope []string, keep func(*Entry) bool) []Near {
	b.mu.RLock()
	defer b.mu.RUnlock()
	hits := b.near.Nearest(p, k, func(id uint32) bool {
		s := b.marks[id]
		return s != nil && access.Within(scope, s.OrgPath) && (keep == nil || keep(&s.Entry))
	}, nil)
	list := make([]Near, len(hits))
	for i, h := range hits {
		list[i] = Near{b.marks[h.ID].Entry, h.Metres}
	}
	return list
}

// Summary counts the entries of a scope by presence.
type Summary struct {
	Total, Online, Idle, Stale, Offline, SOS int
}

// Summary counts what the scope covers, now.
func (b *Board) Summary(scope []string) Summary {
	now := b.clock()
	var sum Summary
	b.Each(scope, func(_ uint32, e *Entry) {
		sum.Total++
		switch e.Presence(now) {
		case fleet.Online:
			sum.Online++
		case fleet.Idle:
			sum.Idle++
		case fleet.Stale:
			sum.Stale++
		case fleet.Offline:
			sum.Offline++
		case fleet.InSOS:
			sum.SOS++
		}
	})
	return sum
}

// slot returns the worker's slot, making it when there is none.
func (b *Board) slot(worker int64) *slot {
	s, ok := b.slots[worker]
	if !ok {
		b.last++
		s = &slot{mark: b.last}
		b.slots[worker], b.marks[s.mark] = s, s
		s.Worker = worker
	}
	return s
}

// place lets the fix move the marker when it may. still is since when the
// worker has not moved, where somebody who knows said so.
func (b *Board) place(s *slot, f *fleet.Fix, still time.Time) {
	if !s.moves(f) {
		return
	}
	const stillRadius, strolling = 30, 1.0 // metres, m/s
	switch {
	case !still.IsZero():
		s.StillSince, s.anchor = still, f.Point
	case !s.placed, f.Speed >= strolling,
		metres(s.anchor, f.Point) > stillRadius+float64(min(max(f.Accuracy, 0), 70)):
		s.StillSince, s.anchor = f.At, f.Point
	}
	s.Fix, s.placed = *f, true
	if s.drawn {
		b.near.Set(s.mark, s.Point)
	}
	b.mark(s)
}

// moves reports whether the fix is the better answer to "where now".
func (s *slot) moves(f *fleet.Fix) bool {
	cur := &s.Fix
	switch {
	case !f.Plausible():
		return false
	case !s.placed:
		return true
	case f.At.Equal(cur.At):
		return f.Device != cur.Device && (f.Priority > cur.Priority || f.Priority == cur.Priority && f.Device < cur.Device)
	case f.Priority < cur.Priority && s.drawn:
		return f.At.Sub(cur.At) > max(2*time.Minute, 3*cur.Interval)
	}
	return f.At.After(cur.At)
}

// judge decides whether the worker is on the map.
func (b *Board) judge(s *slot) {
	person, known := b.people[s.Worker]
	if !known && s.placed {
		select {
		case b.stranger <- struct{}{}:
		default:
		}
	}
	if s.Person != person {
		s.Person = person
		b.mark(s)
	}
	drawn := known && s.placed && s.reason()
	if drawn != s.drawn {
		s.drawn = drawn
		b.mark(s)
		if drawn {
			b.near.Set(s.mark, s.Point)
		} else {
			b.near.Remove(s.mark)
		}
	}
}

func (s *slot) reason() bool {
	switch {
	case s.Vehicle(), s.Calling:
		return true
	case s.Session != (uuid.UUID{}):
		return slices.Contains(s.open, s.Session)
	case s.Flags&fleet.OffDutySOS != 0:
		return false // the SOS is over
	}
	return s.shift
}

func (s *slot) add(session uuid.UUID) {
	if !slices.Contains(s.open, session) {
		s.open = append(s.open, session)
	}
}

// mark remembers that the next Drain has to look at the slot.
func (b *Board) mark(s *slot) {
	if !s.dirty {
		s.dirty = true
		b.dirty = append(b.dirty, s)
	}
}

// forget drops a slot that has no reason left.
func (b *Board) forget(s *slot) {
	if s.told {
		b.gone = append(b.gone, s)
	}
	s.drawn, s.placed = false, false
	b.near.Remove(s.mark)
	delete(b.slots, s.Worker)
	delete(b.marks, s.mark)
}
