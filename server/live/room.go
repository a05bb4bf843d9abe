package live

import (
	"math"
	"slices"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/board"
	"github.com/gridward/gridward/server/fleet"
	"github.com/gridward/gridward/server/wire"
)

// A room holds what the screens of one audience see in one mode. It numbers
// its states 1, 2, 3, …; a screen remembers the number it has shown and takes,
// whenever its socket is free, whatever leads from there to the newest state.
// That is the one-slot mailbox: it is shared, and it always holds the newest.
//
//   - The state before: the tick's own change, framed once for everybody.
//   - A little older: everything that changed since, framed once for all
//     screens that are equally late.
//   - Much older, or new: a snapshot, framed once for all of those.
//
// So a slow screen gets fewer frames and never an older one, and the last
// position of a worker reaches it however many frames it missed in between.
type room interface {
	// take applies one change of the board; it shows at the next cut.
	take(c *change)
	// cut closes the state at now and reports whether it differs from the one before.
	cut(now time.Time) bool
	// next returns what leads from the state seen, with told announcements, to the newest.
	next(seen uint32, told int, now time.Time) delivery
	size() int
}

// delivery is what a screen writes next, in order.
type delivery struct {
	announce []letter
	frame    letter // frame.frame is nil when there is nothing new
	seq      uint32
	told     int
	missed   int // states that this one replaced unread
}

// change is a board.Change that may be kept.
type change struct {
	mark  uint32
	gone  bool
	was   string
	entry board.Entry
	state fleet.Presence
}

// pointRoom shows every worker of a scope as a point.
type pointRoom struct {
	hall *hall

	mu      sync.Mutex
	seq     uint32
	members map[uint32]*member
	changed []*member
	gone    []uint32    // handles that left since the last cut
	left    []departure // handles that left, oldest first, as far back as leftFrom
	oldest  uint32      // states older than this one cannot be led from: take a snapshot
	names   ledger
	scratch []wire.Point

	delta letter            // leads from seq-1
	late  map[uint32]letter // lead from older states
	full  letter            // leads from anywhere
}

type member struct {
	handle  uint32
	point   wire.Point // but for its age
	at      time.Time
	changed uint32 // the state in which it last changed
	waiting bool   // is in changed
	name    []byte
	person  fleet.Person
	org     int64
	path    string
}

type departure struct {
	handle uint32
	seq    uint32
}

// keepDepartures bounds what a room remembers of who left.
const keepDepartures = 4096

func newPointRoom(h *hall) *pointRoom {
	return &pointRoom{hall: h, seq: 1, oldest: 1, members: map[uint32]*member{}, late: map[uint32]letter{}, names: newLedger("names", "names")}
}

func (r *pointRoom) size() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.members)
}

func (r *pointRoom) take(c *change) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m, here := r.members[c.mark]
	if c.gone || !access.Within(r.hall.scope, c.entry.OrgPath) {
		if here {
			delete(r.members, c.mark)
			r.gone = append(r.gone, c.mark)
			m.handle = 0
		}
		return
	}
	if !here {
		m = &member{handle: c.mark}
		r.members[c.mark] = m
		// Back before anybody was told that it had left.
		r.gone = slices.DeleteFunc(r.gone, func(h uint32) bool { return h == c.mark })
	}
	e := &c.entry
	if !here || m.person != e.Person || m.org != e.Org || m.path != e.OrgPath {
		m.person, m.org, m.path = e.Person, e.Org, e.OrgPath
		m.name = mustJSON(r.hall.nameOf(c.mark, e))
		r.names.add(m.name)
	}
	m.at = e.At
	m.point = wire.Point{
		Handle: c.mark, Lon: e.Point[0], Lat: e.Point[1], Speed: e.Speed, Course: e.Course, Accuracy: e.Accuracy,
		Presence: uint8(c.state), Flags: pointFlags(e),
	}
	if !m.waiting {
		m.waiting = true
		r.changed = append(r.changed, m)
	}
}

func pointFlags(e *board.Entry) (flags uint8) {
	if e.Vehicle() {
		flags |= wire.Vehicle
	}
	if e.Flags&fleet.Inaccurate != 0 {
		flags |= wire.Inaccurate
	}
	return flags
}

func (r *pointRoom) cut(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.changed) == 0 && len(r.gone) == 0 {
		return false
	}
	r.seq++
	points := r.scratch[:0]
	for _, handle := range r.gone {
		points = append(points, goneRecord(handle))
		r.left = append(r.left, departure{handle, r.seq})
	}
	for _, m := range r.changed {
		m.waiting = false
		if m.handle == 0 {
			continue // left before it was shown
		}
		m.changed = r.seq
		points = append(points, m.record(now))
	}
	r.scratch = points
	r.delta = r.frame(points, 0, now)
	r.full = letter{}
	clear(r.late)
	clear(r.changed)
	r.changed, r.gone = r.changed[:0], r.gone[:0]
	if n := len(r.left); n > keepDepartures {
		r.oldest = r.left[n/2].seq
		r.left = append([]departure(nil), r.left[n/2:]...)
	}
	r.names.trim(len(r.members))
	return true
}

func (r *pointRoom) next(seen uint32, told int, now time.Time) delivery {
	r.mu.Lock()
	defer r.mu.Unlock()
	d := delivery{seq: r.seq, told: r.names.end()}
	switch {
	case seen == r.seq:
		d.told = told // names without a state to use them wait for it
		return d
	case seen == r.seq-1 && seen >= r.oldest:
		d.frame = r.delta
	case seen >= r.oldest && seen != 0:
		d.frame = r.since(seen, now)
		d.missed = int(r.seq - seen - 1)
	default:
		d.frame = r.snapshot(now)
		if seen != 0 {
			d.missed = int(r.seq - seen - 1)
		}
	}
	announce, ok := r.names.since(told)
	if !ok {
		d.frame = r.snapshot(now) // everybody named anew is placed anew
		announce = r.names.whole(func() [][]byte {
			all := make([][]byte, 0, len(r.members))
			for _, m := range r.members {
				all = append(all, m.name)
			}
			return all
		})
	}
	d.announce = announce
	return d
}

// since frames everything that changed after the state seen, or a snapshot
// when that is no longer than it.
func (r *pointRoom) since(seen uint32, now time.Time) letter {
	if l, ok := r.late[seen]; ok {
		return l
	}
	points := r.scratch[:0]
	for i := len(r.left) - 1; i >= 0 && r.left[i].seq > seen; i-- {
		if _, back := r.members[r.left[i].handle]; !back { // to forget it now would forget the name just announced
			points = append(points, goneRecord(r.left[i].handle))
		}
	}
	for _, m := range r.members {
		if m.changed > seen {
			points = append(points, m.record(now))
		}
	}
	r.scratch = points
	var l letter
	if len(points) >= len(r.members) {
		l = r.snapshot(now)
	} else {
		l = r.frame(points, 0, now)
	}
	r.late[seen] = l
	return l
}

func (r *pointRoom) snapshot(now time.Time) letter {
	if r.full.frame == nil {
		points := r.scratch[:0]
		for _, m := range r.members {
			points = append(points, m.record(now))
		}
		r.scratch = points
		r.full = r.frame(points, wire.Snapshot, now)
	}
	return r.full
}

func (r *pointRoom) frame(points []wire.Point, flags uint8, now time.Time) letter {
	buf := make([]byte, 0, wire.HeaderSize+len(points)*wire.Stride)
	buf = wire.AppendPoints(buf, wire.Header{Flags: flags, Seq: r.seq, Base: now}, points)
	return makeLetter(websocket.BinaryMessage, "positions", buf, len(points))
}

// record is the member's record in a frame made at now.
func (m *member) record(now time.Time) wire.Point {
	p := m.point
	p.AgeMs = uint32(min(max(now.Sub(m.at).Milliseconds(), 0), math.MaxUint32))
	return p
}

func goneRecord(handle uint32) wire.Point {
	unknown := fleet.Unknown()
	return wire.Point{Handle: handle, Speed: unknown, Course: unknown, Accuracy: unknown, Flags: wire.HasLeft}
}
