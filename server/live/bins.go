package live

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/geo/hexgrid"
	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/fleet"
	"github.com/gridward/gridward/server/wire"
)

// binRoom shows how many workers of a scope are in each H3 cell. Its frames
// are always whole, so that leading from any state to the newest is the same.
type binRoom struct {
	hall *hall
	res  int

	mu      sync.Mutex
	seq     uint32
	members map[uint32]*binMember
	dirty   bool
	known   map[hexgrid.Cell][]byte // announced: the item that outlines it
	cells   ledger
	last    []wire.Bin
	frame   letter
}

// maxCells bounds what a room remembers having announced.
const maxCells = 20_000

type binMember struct {
	point orb.Point
	cell  hexgrid.Cell
	state fleet.Presence
}

func newBinRoom(h *hall, res int) *binRoom {
	return &binRoom{hall: h, res: res, members: map[uint32]*binMember{}, known: map[hexgrid.Cell][]byte{}, cells: newLedger("cells", "cells")}
}

func (r *binRoom) size() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.members)
}

func (r *binRoom) take(c *change) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m, here := r.members[c.mark]
	if c.gone || !access.Within(r.hall.scope, c.entry.OrgPath) {
		if here {
			delete(r.members, c.mark)
			r.dirty = true
		}
		return
	}
	if !here {
		m = &binMember{}
		r.members[c.mark] = m
		r.dirty = true
	}
	if !here || m.point != c.entry.Point {
		m.point = c.entry.Point
		cell, err := hexgrid.At(m.point, r.res)
		if err != nil { // not a place on earth: it is counted nowhere
			cell = 0
		}
		r.dirty = r.dirty || cell != m.cell
		m.cell = cell
	}
	r.dirty = r.dirty || m.state != c.state
	m.state = c.state
}

func (r *binRoom) cut(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.dirty && r.seq > 0 {
		return false
	}
	r.dirty = false
	index := map[hexgrid.Cell]int{}
	bins := make([]wire.Bin, 0, len(r.last))
	for _, m := range r.members {
		if m.cell == 0 {
			continue
		}
		i, ok := index[m.cell]
		if !ok {
			i = len(bins)
			index[m.cell] = i
			bins = append(bins, wire.Bin{Cell: uint64(m.cell)})
		}
		b := &bins[i]
		b.Workers++
		switch m.state {
		case fleet.Online, fleet.Idle:
			b.Active++
		case fleet.Stale:
			b.Stale++
		case fleet.InSOS:
			b.SOS++
		}
	}
	slices.SortFunc(bins, func(a, b wire.Bin) int { return cmp.Compare(a.Cell, b.Cell) })
	if r.seq > 0 && slices.Equal(bins, r.last) {
		return false
	}
	r.last = bins
	r.seq++
	if len(r.known) > maxCells {
		clear(r.known)
		r.cells.forget()
	}
	for _, b := range bins {
		r.announce(hexgrid.Cell(b.Cell))
	}
	buf := wire.AppendBins(nil, wire.Header{Flags: wire.Snapshot, Seq: r.seq, Base: now}, bins)
	r.frame = makeLetter(websocket.BinaryMessage, "bins", buf, 0)
	return true
}

// announce puts a cell's outline into the ledger the first time it is used.
func (r *binRoom) announce(c hexgrid.Cell) {
	if _, ok := r.known[c]; ok {
		return
	}
	ring, err := c.Ring()
	if err != nil { // it came from hexgrid.At a moment ago
		ring = orb.Ring{}
	}
	item, err := json.Marshal(struct {
		Cell string   `json:"c"`
		Ring orb.Ring `json:"ring"`
	}{c.String(), ring})
	if err != nil {
		return
	}
	r.known[c] = item
	r.cells.add(item)
}

func (r *binRoom) next(seen uint32, told int, _ time.Time) delivery {
	r.mu.Lock()
	defer r.mu.Unlock()
	d := delivery{seq: r.seq, told: r.cells.end()}
	if seen == r.seq {
		d.told = told
		return d
	}
	if seen != 0 {
		d.missed = int(r.seq - seen - 1)
	}
	d.frame = r.frame
	announce, ok := r.cells.since(told)
	if !ok {
		announce = r.cells.whole(func() [][]byte {
			return slices.Collect(maps.Values(r.known))
		})
	}
	d.announce = announce
	return d
}

// resolutionAt is the H3 resolution whose cells are a few dozen pixels wide.
func resolutionAt(zoom float64) int {
	switch {
	case zoom >= 14.5:
		return 10
	case zoom >= 13:
		return 9
	case zoom >= 11.5:
		return 8
	case zoom >= 10:
		return 7
	case zoom >= 8.5:
		return 6
	}
	return 5
}
