package live

import "github.com/gridward/gridward/server/board"

// start is where a screen's listening to a region begins.
type start struct {
	region *region
	epoch  string
	seq    int64  // the subscription tells everything after this
	after  int64  // the client's cursor
	how    string // fresh, resumed or reset
	reason string
}

// enterHall finds the screen's audience and subscribes it to its regions.
func (l *Live) enterHall(s *screen, resume []cursor) []start {
	l.mu.Lock()
	h := audience(s.who, l.regionList())
	if old, ok := l.halls[h.key]; ok {
		h = old
	} else {
		l.halls[h.key] = h
		clear(l.routes)
	}
	h.screens++
	s.hall = h
	regions := make([]*region, len(h.regions))
	for i, id := range h.regions {
		regions[i] = l.regions[id]
	}
	l.mu.Unlock()

	cursors := make(map[int64]cursor, len(resume))
	for _, c := range resume {
		cursors[c.Region] = c
	}
	starts := make([]start, 0, len(regions))
	for _, r := range regions {
		c, resuming := cursors[r.id]
		if resuming {
			r.mu.Lock()
			ahead := c.Epoch == r.epoch && c.After > r.known
			r.mu.Unlock()
			if ahead { // it heard from another node, or from this one before a restart
				if err := l.advance(l.leave, r); err != nil {
					l.Log.Warn("a screen could not resume", "error", err)
				}
			}
		}
		r.mu.Lock()
		st := start{region: r, epoch: r.epoch, seq: r.known, after: max(c.After, 0), how: "resumed"}
		if r.halls[h] == nil {
			r.halls[h] = map[*screen]struct{}{}
		}
		r.halls[h][s] = struct{}{}
		r.mu.Unlock()
		switch {
		case !resuming:
			st.how = "fresh"
		case c.Epoch != st.epoch:
			st.how, st.reason = "reset", "epoch"
		case c.After > st.seq:
			st.how, st.reason = "reset", "ahead"
		case st.seq-st.after > tooFar:
			st.how, st.reason = "reset", "behind"
		}
		starts = append(starts, st)
	}
	return starts
}

// leaveHall undoes enterHall and seat.
func (l *Live) leaveHall(s *screen) {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := s.hall
	if h == nil {
		return
	}
	for _, id := range h.regions {
		r := l.regions[id]
		r.mu.Lock()
		delete(r.halls[h], s)
		if len(r.halls[h]) == 0 {
			delete(r.halls, h)
		}
		r.mu.Unlock()
	}
	l.stand(s)
	if h.screens--; h.screens == 0 {
		delete(l.halls, h.key)
		clear(l.routes)
	}
}

// seat puts the screen into the room that its view asks for, and reports
// whether that is another one than before.
func (l *Live) seat(s *screen, v view) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := s.hall
	n, known := h.population()
	if !known {
		l.Board.Each(h.scope, func(uint32, *board.Entry) { n++ })
	}
	res := mode(v, n, s.res > 0)
	if s.room != nil && res == s.res {
		return false
	}
	l.stand(s)
	r := l.roomFor(h, res)
	if h.seats[r] == nil {
		h.seats[r] = map[*screen]struct{}{}
	}
	h.seats[r][s] = struct{}{}
	s.room, s.res, s.seq, s.told = r, res, 0, -1
	return true
}

// stand takes the screen out of its room, and the room away with its last screen.
func (l *Live) stand(s *screen) {
	if s.room == nil {
		return
	}
	h := s.hall
	delete(h.seats[s.room], s)
	if len(h.seats[s.room]) == 0 {
		delete(h.seats, s.room)
		if s.res == 0 {
			h.points = nil
		} else {
			delete(h.bins, s.res)
		}
	}
	s.room = nil
}

// roomFor returns the hall's room for the resolution (0 = points), filling a
// new one from the board in one step with taking its changes.
func (l *Live) roomFor(h *hall, res int) room {
	var r room
	switch {
	case res == 0 && h.points != nil:
		return h.points
	case res != 0 && h.bins[res] != nil:
		return h.bins[res]
	case res == 0:
		r = newPointRoom(h)
	default:
		r = newBinRoom(h, res)
	}
	now := l.Clock()
	var changes []change
	l.Board.Join(now, func(c board.Change) { changes = append(changes, keep(c, now)) },
		h.scope, func(mark uint32, e *board.Entry) {
			r.take(&change{mark: mark, entry: *e, state: e.Presence(now)})
		})
	l.spread(changes)
	r.cut(now)
	switch r := r.(type) {
	case *pointRoom:
		h.points = r
	case *binRoom:
		h.bins[res] = r
	}
	return r
}
