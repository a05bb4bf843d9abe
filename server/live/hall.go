package live

import (
	"slices"
	"strconv"
	"strings"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/board"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/journal"
)

// hall is an audience: all screens that may see the same. Its rooms are made
// when their first screen joins and gone with their last.
type hall struct {
	key     string
	scope   []string // where its screens see the map
	people  []string // where they see people unmasked
	mask    access.Mask
	wall    bool    // a shared screen: nothing sensitive reaches it
	regions []int64 // whose journals concern them, ascending

	screens int
	points  *pointRoom
	bins    map[int]*binRoom
	seats   map[room]map[*screen]struct{}
}

// audience says which hall the principal belongs to.
func audience(p access.Principal, regions []*region) *hall {
	h := &hall{
		scope:  p.Scope(access.SeeMap),
		people: p.Scope(access.SeePeople),
		mask:   p.Mask(),
		wall:   p.Kiosk != 0,
		bins:   map[int]*binRoom{},
		seats:  map[room]map[*screen]struct{}{},
	}
	for _, r := range regions {
		mine := access.Within(h.scope, r.path)
		for _, post := range p.Posts {
			mine = mine || post.Region == r.id && access.Within(h.scope, post.Path)
		}
		if mine {
			h.regions = append(h.regions, r.id)
		}
	}
	slices.Sort(h.regions)
	var key strings.Builder
	if h.wall {
		key.WriteByte('w')
	}
	key.WriteString(strings.Join(h.scope, " "))
	key.WriteByte('|')
	key.WriteString(strings.Join(h.people, " "))
	for _, id := range h.regions {
		key.WriteByte('|')
		key.WriteString(strconv.FormatInt(id, 10))
	}
	h.key = key.String()
	return h
}

// sees reports whether the audience may see the entry, and whether masked.
func (h *hall) sees(e *journal.Entry) (visible, masked bool) {
	visible = access.Within(h.scope, e.OrgPath) || strings.HasPrefix(e.Kind, bare)
	for _, p := range e.Parties {
		visible = visible || access.Within(h.scope, p)
	}
	masked = !access.Within(h.people, e.OrgPath)
	if h.wall && visible && incident.Sensitive(*e) || masked && hidden(e.Kind) {
		return false, true
	}
	return visible, masked
}

// nameOf is what the audience is told of the worker behind a handle.
func (h *hall) nameOf(handle uint32, e *board.Entry) name {
	n := name{handle, e.Worker, e.Name, e.Role, e.Kind, e.Org, e.OrgName}
	if !e.Vehicle() && !access.Within(h.people, e.OrgPath) {
		n.Name = access.MaskName(n.Name)
	}
	return n
}

// rooms are those that somebody sits in.
func (h *hall) rooms(visit func(room)) {
	if h.points != nil {
		visit(h.points)
	}
	for _, r := range h.bins {
		visit(r)
	}
}

// population is how many workers the audience sees, where a room counts them.
func (h *hall) population() (n int, known bool) {
	h.rooms(func(r room) { n, known = r.size(), true })
	return n, known
}

// above is how many workers make a wide view one of bins, below how few make
// it one of points again: a scope at the limit does not flap.
const (
	above    = 2000
	below    = 1800
	wideZoom = 13
)

// mode chooses what a view shows: points (0) or bins of a resolution.
func mode(v view, population int, nowBins bool) (resolution int) {
	limit := above
	if nowBins {
		limit = below
	}
	switch {
	case v.Mode == "bins", v.Mode == "auto" && v.Zoom < wideZoom && population > limit:
		return resolutionAt(v.Zoom)
	}
	return 0
}
