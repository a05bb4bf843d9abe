package api

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/paulmach/orb"

	"github.com/gridward/gridward/geo/streets"
	"github.com/gridward/gridward/server/dispatch"
	"github.com/gridward/gridward/server/postgres"
)

// wayfinder knows how far it is along the streets of the base map, and which
// grids touch. The graph is built when the base map changes; between looks,
// and while it is being built anew, the one there is serves.
type wayfinder struct {
	db    *postgres.DB
	clock func() time.Time

	mu      sync.Mutex // held by whoever looks
	looked  time.Time
	edition string

	now sync.RWMutex
	net *network

	borders    sync.Mutex
	epoch      int64
	neighbours map[int64][]int64
}

// network is one state of the streets, with the scratch of searches on it.
type network struct {
	graph    *streets.Graph
	searches sync.Pool
}

const (
	lookEvery  = 10 * time.Second
	leastPiece = 2000.0 // metres: a shorter piece of streets leads nowhere
	toStreet   = 300.0  // metres from a street within which one is on it
	detour     = 4      // how many times its radius a way may be long, to be known at all
)

func newWayfinder(db *postgres.DB, clock func() time.Time) *wayfinder {
	return &wayfinder{db: db, clock: clock, neighbours: map[int64][]int64{}}
}

// network returns the streets as they are.
func (w *wayfinder) network(ctx context.Context) (*network, error) {
	w.now.RLock()
	net := w.net
	w.now.RUnlock()
	if net == nil {
		w.mu.Lock()
	} else if !w.mu.TryLock() {
		return net, nil
	}
	defer w.mu.Unlock()
	now := w.clock()
	if w.net != nil && now.Sub(w.looked) < lookEvery && !now.Before(w.looked) {
		return w.net, nil
	}
	edition, err := postgres.RoadsEdition(ctx, w.db.Pool)
	if err != nil {
		return nil, err
	}
	w.looked = now
	if w.net != nil && edition == w.edition {
		return w.net, nil
	}
	ways, err := postgres.Roads(ctx, w.db.Pool)
	if err != nil {
		return nil, err
	}
	net = &network{graph: streets.Build(ways, streets.Options{LeastPiece: leastPiece})}
	net.searches.New = func() any { return streets.NewSearch(net.graph) }
	w.now.Lock()
	w.net = net
	w.now.Unlock()
	w.edition = edition
	return net, nil
}

// measure gives each fact with a place its distance to the goal: along the
// streets where they lead there, else the straight line, named as such.
func (n *network) measure(goal orb.Point, facts []dispatch.Fact, p *dispatch.Policy) {
	search, _ := n.searches.Get().(*streets.Search)
	defer n.searches.Put(search)
	for _, mode := range []streets.Mode{streets.Foot, streets.Drive} {
		var who []int
		var from []orb.Point
		for i := range facts {
			if facts[i].Placed && facts[i].Vehicle == (mode == streets.Drive) {
				who, from = append(who, i), append(from, facts[i].Point)
			}
		}
		if len(who) == 0 {
			continue
		}
		limit := p.MaxM
		if mode == streets.Drive {
			limit = p.VehicleMaxM
		}
		for k, m := range search.Towards(goal, from, mode, streets.Reach{Snap: toStreet, Limit: detour * limit}, nil) {
			f := &facts[who[k]]
			f.Metres, f.By = m, dispatch.ByStreet
			if math.IsInf(m, 1) {
				f.Metres, f.By = streets.Metres(from[k], goal), dispatch.ByStraight
			}
		}
	}
}

// touching returns the grids that touch a grid, remembered until the territory changes.
func (w *wayfinder) touching(ctx context.Context, epoch, grid int64) ([]int64, error) {
	w.borders.Lock()
	if w.epoch != epoch {
		w.epoch = epoch
		clear(w.neighbours)
	}
	list, ok := w.neighbours[grid]
	w.borders.Unlock()
	if ok {
		return list, nil
	}
	list, err := postgres.Neighbours(ctx, w.db.Pool, grid)
	if err != nil {
		return nil, err
	}
	w.borders.Lock()
	if w.epoch == epoch {
		w.neighbours[grid] = list
	}
	w.borders.Unlock()
	return list, nil
}
