package live

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/gridward/gridward/server/journal"
)

// region is one journal as it goes to screens. One goroutine reads it; known
// is the number up to which it has been handed out.
type region struct {
	id   int64
	path string
	ring chan struct{} // look!

	reading sync.Mutex // held while the journal is read and handed out, in order

	mu    sync.Mutex
	epoch string
	known int64
	halls map[*hall]map[*screen]struct{}
}

// batch is how many entries are read at a time.
const batch = 500

// tooFar is how many entries a screen may be behind and still be told them.
const tooFar = 2000

// rouse makes the reader look, soon.
func (r *region) rouse() {
	select {
	case r.ring <- struct{}{}:
	default:
	}
}

// advance reads what the journal has after known and hands it out, until
// there is no more.
func (l *Live) advance(ctx context.Context, r *region) error {
	r.reading.Lock()
	defer r.reading.Unlock()
	for {
		r.mu.Lock()
		known := r.known
		r.mu.Unlock()
		entries, err := l.Journal(ctx, r.id, known, batch)
		if err != nil {
			return fmt.Errorf("read the journal of region %d: %w", r.id, err)
		}
		if len(entries) == 0 {
			return nil
		}
		for i := range entries {
			l.heed(&entries[i])
		}
		r.publish(entries)
		if len(entries) < batch {
			return nil
		}
	}
}

// publish hands entries to every screen that listens. An entry is written at
// most twice, for those who may see people and for those who may not.
func (r *region) publish(entries []journal.Entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	plain, masked := make([]letter, len(entries)), make([]letter, len(entries))
	for h, screens := range r.halls {
		letters := h.letters(r.id, entries, r.known, plain, masked)
		for s := range screens {
			s.push(letters)
		}
	}
	r.known = entries[len(entries)-1].Seq
}

// letters writes the entries after the number after as the hall may see them;
// numbers that it may not see become ranges. plain and masked keep what has
// been written already, so that halls share it; both may be nil.
func (h *hall) letters(region int64, entries []journal.Entry, after int64, plain, masked []letter) []letter {
	var out []letter
	from := after + 1 // first number not yet spoken of
	for i := range entries {
		e := &entries[i]
		visible, mask := h.sees(e)
		if !visible {
			continue
		}
		if e.Seq > from {
			out = append(out, skipLetter(region, from, e.Seq-1))
		}
		from = e.Seq + 1
		made := plain
		if mask {
			made = masked
		}
		if made == nil {
			out = append(out, eventLetter(*e, mask))
			continue
		}
		if made[i].frame == nil {
			made[i] = eventLetter(*e, mask)
		}
		out = append(out, made[i])
	}
	if last := entries[len(entries)-1].Seq; last >= from {
		out = append(out, skipLetter(region, from, last))
	}
	return out
}

// heed keeps the board's reasons for drawing a worker as fresh as the journal.
// What it misses, healing tells a few seconds later.
func (l *Live) heed(e *journal.Entry) {
	duty, sos := strings.HasPrefix(e.Kind, "duty."), strings.HasPrefix(e.Kind, "sos.")
	if !duty && !sos {
		return
	}
	var body struct {
		Session uuid.UUID `json:"session"`
		Worker  int64     `json:"worker"`
	}
	if json.Unmarshal(e.Body, &body) != nil || body.Worker == 0 {
		return
	}
	switch e.Kind {
	case "duty.started":
		l.Board.On(body.Worker, body.Session)
	case "duty.ended":
		l.Board.Off(body.Worker, body.Session)
	case "sos.opened", "sos.acked":
		l.Board.SOS(body.Worker, true)
	case "sos.closed":
		l.Board.SOS(body.Worker, false)
	}
}

// read hands out a region's journal until ctx ends: at every ring, and every
// poll because rings may be lost.
func (l *Live) read(ctx context.Context, r *region) {
	away := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.ring:
		}
		switch err := l.advance(ctx, r); {
		case err == nil:
			away = false
		case ctx.Err() == nil:
			if !away {
				l.Log.Warn("events wait for the journal", "region", r.id, "error", err)
				away = true
			}
			select {
			case <-ctx.Done():
			case <-time.After(time.Second):
				r.rouse()
			}
		}
	}
}

// look compares every journal's head with what has been handed out, and finds
// regions that are new. It is called by watch alone.
func (l *Live) look(ctx context.Context) error {
	heads, err := l.Heads(ctx)
	if err != nil {
		return fmt.Errorf("look at the journals: %w", err)
	}
	var fresh []*region
	l.mu.Lock()
	for id, head := range heads {
		r, ok := l.regions[id]
		if !ok {
			r = &region{id: id, path: head.Path, epoch: head.Epoch, known: head.Seq, ring: make(chan struct{}, 1), halls: map[*hall]map[*screen]struct{}{}}
			l.regions[id] = r
			fresh = append(fresh, r)
			continue
		}
		r.mu.Lock()
		if head.Epoch != r.epoch {
			// Another database, or one restored: its numbers are not ours.
			r.epoch, r.known = head.Epoch, head.Seq
			for _, screens := range r.halls {
				for s := range screens {
					s.push([]letter{textLetter("events", mustJSON(reset{"reset", id, head.Epoch, head.Seq, "epoch"}))})
				}
			}
		} else if head.Seq > r.known {
			r.rouse()
		}
		r.mu.Unlock()
	}
	var moved []*screen
	if len(fresh) > 0 {
		regions := l.regionList()
		for s := range l.screens {
			if s.hall != nil && audience(s.who, regions).key != s.hall.key {
				moved = append(moved, s)
			}
		}
	}
	l.mu.Unlock()
	for _, r := range fresh {
		l.wait.Go(func() { l.read(ctx, r) }) // watch is waited for, so the group is not empty
	}
	for _, s := range moved {
		s.fail(closeMoved)
	}
	return nil
}

func (l *Live) regionList() []*region {
	list := make([]*region, 0, len(l.regions))
	for _, r := range l.regions {
		list = append(list, r)
	}
	return list
}
