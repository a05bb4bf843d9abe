package api

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/postgres"
)

// atlas holds what the lists are drawn from and what changes slowly: everybody,
// every grid, who is on duty, how many cases lie where. It is read for the
// whole house at once and narrowed to a scope in memory, so that a hundred
// screens cost the database one reading a second. Losing it loses nothing.
type atlas struct {
	db    *postgres.DB
	clock func() time.Time

	mu   sync.Mutex // held by whoever reads anew
	slow atomic.Pointer[leaves]
	fast atomic.Pointer[weather]
}

const (
	slowEvery  = 5 * time.Second
	fastEvery  = time.Second
	muchTooOld = 10 * time.Second
	// A new leader of a grid does not change the territory's epoch.
	gridsEvery = time.Minute
)

// leaves are people and grids. They are never changed once made.
type leaves struct {
	at       time.Time
	epoch    int64
	workers  []postgres.WorkerRow // by id
	byID     map[int64]*postgres.WorkerRow
	grids    []postgres.GridRow // by code
	grid     map[int64]*postgres.GridRow
	orgs     []org
	orgAt    map[string]*org  // by path
	initials map[int64]string // of grids
	drawn    time.Time        // when grids and orgs were read
}

// weather is who is on duty and where the cases are. It is never changed once made.
type weather struct {
	at    time.Time
	duty  map[int64]postgres.DutyNow
	cases []postgres.CaseCount
}

func newAtlas(db *postgres.DB, clock func() time.Time) *atlas { return &atlas{db: db, clock: clock} }

// everywhere is the scope of the whole house; narrowing happens in memory.
func everywhere() []string { return []string{""} }

// read returns the atlas. One caller at a time reads what has grown too old;
// the others meanwhile take what there is, unless it is much too old.
func (a *atlas) read(ctx context.Context) (*leaves, *weather, error) {
	if slow, fast := a.slow.Load(), a.fast.Load(); slow != nil && fast != nil {
		now := a.clock()
		if now.Sub(slow.at) < slowEvery && now.Sub(fast.at) < fastEvery {
			return slow, fast, nil
		}
		if now.Sub(fast.at) < muchTooOld && !a.mu.TryLock() {
			return slow, fast, nil
		} else if now.Sub(fast.at) >= muchTooOld {
			a.mu.Lock()
		}
	} else {
		a.mu.Lock()
	}
	defer a.mu.Unlock()
	now := a.clock()
	slow, fast := a.slow.Load(), a.fast.Load()
	if slow == nil || now.Sub(slow.at) >= slowEvery {
		var err error
		if slow, err = a.readSlow(ctx, now); err != nil {
			return nil, nil, err
		}
		a.slow.Store(slow)
	}
	if fast == nil || now.Sub(fast.at) >= fastEvery {
		duty, err := postgres.OnDutyNow(ctx, a.db.Pool, now)
		if err != nil {
			return nil, nil, err
		}
		cases, err := postgres.CaseCounts(ctx, a.db.Pool, today(now))
		if err != nil {
			return nil, nil, err
		}
		fast = &weather{at: now, duty: duty, cases: cases}
		a.fast.Store(fast)
	}
	return slow, fast, nil
}

func (a *atlas) readSlow(ctx context.Context, now time.Time) (*leaves, error) {
	l := &leaves{at: now, byID: map[int64]*postgres.WorkerRow{}, grid: map[int64]*postgres.GridRow{}, orgAt: map[string]*org{}}
	var err error
	if l.epoch, err = postgres.TerritoryEpoch(ctx, a.db.Pool); err != nil {
		return nil, err
	}
	if l.workers, err = postgres.Roster(ctx, a.db.Pool); err != nil {
		return nil, err
	}
	for i := range l.workers {
		l.byID[l.workers[i].ID] = &l.workers[i]
	}
	if old := a.slow.Load(); old != nil && old.epoch == l.epoch {
		if now.Sub(old.drawn) < gridsEvery {
			l.grids, l.grid, l.orgs, l.orgAt, l.drawn, l.initials = old.grids, old.grid, old.orgs, old.orgAt, old.drawn, old.initials
			return l, nil
		}
	}
	l.drawn = now
	if l.grids, err = postgres.Grids(ctx, a.db.Pool, everywhere()); err != nil {
		return nil, err
	}
	for i := range l.grids {
		l.grid[l.grids[i].ID] = &l.grids[i]
	}
	if l.initials, err = postgres.GridInitials(ctx, a.db.Pool); err != nil {
		return nil, err
	}
	list, err := postgres.Orgs(ctx, a.db.Pool, everywhere())
	if err != nil {
		return nil, err
	}
	l.orgs = make([]org, len(list))
	for i, o := range list {
		l.orgs[i] = org{Org: o}
		if o.Parent != 0 {
			l.orgs[i].Parent = &o.Parent
		}
		l.orgAt[o.Path] = &l.orgs[i]
	}
	return l, nil
}

// today is the instant at which the business day of now began.
func today(now time.Time) time.Time {
	n := now.In(incident.BusinessZone())
	return time.Date(n.Year(), n.Month(), n.Day(), 0, 0, 0, 0, n.Location())
}

// mine returns the workers whose home lies in the scope, and those on duty for
// an organisation in it.
func (l *leaves) mine(w *weather, scope []string) []*postgres.WorkerRow {
	list := make([]*postgres.WorkerRow, 0, len(l.workers))
	for i := range l.workers {
		row := &l.workers[i]
		if access.Within(scope, row.OrgPath) {
			list = append(list, row)
		} else if d, ok := w.duty[row.ID]; ok && access.Within(scope, d.OrgPath) {
			list = append(list, row)
		}
	}
	return list
}

// community is the village or community at or above path, where figures are
// counted; nil when there is none.
func (l *leaves) community(path string) *org {
	for p := path; p != ""; p = parentPath(p) {
		if o := l.orgAt[p]; o != nil && slices.Contains([]string{"village", "community"}, o.Kind) {
			return o
		}
	}
	return nil
}

func parentPath(path string) string {
	for i := len(path) - 2; i >= 0; i-- {
		if path[i] == '.' {
			return path[:i+1]
		}
	}
	return ""
}
