package api

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/board"
	"github.com/gridward/gridward/server/fleet"
	"github.com/gridward/gridward/server/postgres"
)

type overviewBody struct {
	At      time.Time  `json:"at"`
	DataAt  *time.Time `json:"data_at" doc:"the newest fix in the scope"`
	Workers struct {
		Total   int `json:"total"`
		OnDuty  int `json:"on_duty"`
		Online  int `json:"online"`
		Idle    int `json:"idle"`
		Stale   int `json:"stale"`
		Offline int `json:"offline" doc:"on duty, but not heard of for long"`
		SOS     int `json:"sos"`
	} `json:"workers"`
	Grids struct {
		Total      int      `json:"total"`
		Execution  int      `json:"execution"`
		Online     int      `json:"online" doc:"execution grids where somebody is on duty who answers for the grid or stands in it"`
		OnlineRate *float64 `json:"online_rate" doc:"网格在线率: online ÷ execution; null when there is no execution grid"`
	} `json:"grids"`
	Incidents struct {
		Today      int            `json:"today"`
		Open       int            `json:"open"`
		Critical   int            `json:"critical" doc:"open and critical"`
		ByUrgency  map[string]int `json:"by_urgency" doc:"today's"`
		ByCategory []categoryN    `json:"by_category" doc:"today's, most first"`
		ByHour     []int          `json:"by_hour" doc:"today's, 24 hours of the business zone"`
	} `json:"incidents"`
	Communities []communityN `json:"communities"`
}

type categoryN struct {
	Code  string `json:"code"`
	Name  string `json:"name"`
	Count int    `json:"count"`
}

type communityN struct {
	Org            int64  `json:"org"`
	Name           string `json:"name"`
	Kind           string `json:"kind"`
	WorkersOnline  int    `json:"workers_online"`
	WorkersOnDuty  int    `json:"workers_on_duty"`
	Grids          int    `json:"grids"`
	Execution      int    `json:"execution"`
	GridsOnline    int    `json:"grids_online"`
	IncidentsToday int    `json:"incidents_today"`
	Open           int    `json:"open"`
}

// overviews remembers each scope's figures for a second: a wall asks every
// second, and ten walls of one street ask the same.
type overviews struct {
	mu   sync.Mutex
	kept map[string]*overviewBody
}

func newOverviews() *overviews { return &overviews{kept: map[string]*overviewBody{}} }

// keptScopes bounds the memory; there are far fewer organisations with screens.
const keptScopes = 512

func (a *API) overview(ctx context.Context, scope []string) (*overviewBody, error) {
	key, now := strings.Join(scope, "|"), a.Clock()
	a.counts.mu.Lock()
	kept := a.counts.kept[key]
	a.counts.mu.Unlock()
	if kept != nil && now.Sub(kept.At) < fastEvery && !now.Before(kept.At) {
		return kept, nil
	}
	land, sky, err := a.atlas.read(ctx)
	if err != nil {
		return nil, err
	}
	categories, err := postgres.Categories(ctx, a.DB.Pool)
	if err != nil {
		return nil, err
	}
	body := count(land, sky, a.present(scope, now), categories, scope, now)
	a.counts.mu.Lock()
	if len(a.counts.kept) >= keptScopes {
		clear(a.counts.kept)
	}
	a.counts.kept[key] = body
	a.counts.mu.Unlock()
	return body, nil
}

// here is what the figures need of a worker on the board.
type here struct {
	worker, grid int64
	orgPath      string
	presence     fleet.Presence
	at           time.Time
}

// present takes the scope's workers off the board without copying all that is known of them.
func (a *API) present(scope []string, now time.Time) []here {
	drawn, _ := a.Board.Size()
	on := make([]here, 0, drawn)
	a.Board.Each(scope, func(_ uint32, e *board.Entry) {
		on = append(on, here{e.Worker, e.Grid, e.OrgPath, e.Presence(now), e.At})
	})
	return on
}

// tally is what is on one grid.
type tally struct {
	present        bool // somebody on duty answers for it or stands in it
	online, onDuty int
	today, open    int
}

// tallies counts people and cases by grid, as far as the scope goes.
func tallies(land *leaves, sky *weather, on []here, scope []string) map[int64]*tally {
	by := make(map[int64]*tally, len(land.grids))
	at := func(grid int64) *tally {
		t := by[grid]
		if t == nil {
			t = &tally{}
			by[grid] = t
		}
		return t
	}
	for i := range on {
		e := &on[i]
		if e.grid == 0 {
			continue
		}
		if e.presence >= fleet.Idle {
			at(e.grid).online++
			if _, ok := sky.duty[e.worker]; ok {
				at(e.grid).present = true
			}
		}
	}
	for worker, d := range sky.duty {
		if w := land.byID[worker]; w != nil && w.Grid != 0 && access.Within(scope, d.OrgPath) {
			at(w.Grid).onDuty++
			at(w.Grid).present = true
		}
	}
	for _, c := range sky.cases {
		if c.Grid != 0 && access.Within(scope, c.OrgPath) {
			if c.Hour >= 0 {
				at(c.Grid).today += c.N
			}
			if c.Open {
				at(c.Grid).open += c.N
			}
		}
	}
	return by
}

func count(land *leaves, sky *weather, on []here, categories []postgres.Category, scope []string, now time.Time) *overviewBody {
	b := &overviewBody{At: now.UTC(), Communities: []communityN{}}
	b.Incidents.ByUrgency = map[string]int{"critical": 0, "urgent": 0, "normal": 0, "notice": 0}
	b.Incidents.ByHour = make([]int, 24)
	places := map[string]*communityN{}
	place := func(path string) *communityN {
		o := land.community(path)
		if o == nil || !access.Within(scope, o.Path) {
			return nil
		}
		c := places[o.Path]
		if c == nil {
			c = &communityN{Org: o.ID, Name: o.Name, Kind: o.Kind}
			places[o.Path] = c
		}
		return c
	}
	for i := range land.orgs {
		place(land.orgs[i].Path) // communities without anybody are listed too
	}
	for range land.mine(sky, scope) {
		b.Workers.Total++
	}
	var newest time.Time
	heard := make(map[int64]bool, len(on))
	for i := range on {
		e := &on[i]
		heard[e.worker] = true
		if e.at.After(newest) {
			newest = e.at
		}
		switch e.presence {
		case fleet.Online:
			b.Workers.Online++
		case fleet.Idle:
			b.Workers.Idle++
		case fleet.Stale:
			b.Workers.Stale++
		case fleet.InSOS:
			b.Workers.SOS++
		default:
			b.Workers.Offline++
		}
		c := place(e.orgPath)
		if e.presence >= fleet.Idle && c != nil {
			c.WorkersOnline++
		}
		if _, session := sky.duty[e.worker]; !session && atWork(e.presence) {
			b.Workers.OnDuty++
			if c != nil {
				c.WorkersOnDuty++
			}
		}
	}
	if !newest.IsZero() {
		newest = newest.UTC()
		b.DataAt = &newest
	}
	for worker, d := range sky.duty {
		if !access.Within(scope, d.OrgPath) {
			continue
		}
		b.Workers.OnDuty++
		if !heard[worker] {
			b.Workers.Offline++
		}
		if c := place(d.OrgPath); c != nil {
			c.WorkersOnDuty++
		}
	}
	by := tallies(land, sky, on, scope)
	for i := range land.grids {
		g := &land.grids[i]
		if !access.Within(scope, g.OrgPath) {
			continue
		}
		c := place(g.OrgPath)
		if c == nil {
			c = &communityN{}
		}
		b.Grids.Total++
		c.Grids++
		if !g.IsExecution {
			continue
		}
		b.Grids.Execution++
		c.Execution++
		if t := by[g.ID]; t != nil && t.present {
			b.Grids.Online++
			c.GridsOnline++
		}
	}
	if b.Grids.Execution > 0 {
		rate := float64(b.Grids.Online) / float64(b.Grids.Execution)
		b.Grids.OnlineRate = &rate
	}
	countCases(b, sky.cases, categories, scope, place)
	for _, c := range places {
		b.Communities = append(b.Communities, *c)
	}
	slices.SortFunc(b.Communities, func(x, y communityN) int { return cmp.Compare(x.Org, y.Org) })
	return b
}

func countCases(b *overviewBody, cases []postgres.CaseCount, categories []postgres.Category, scope []string, place func(string) *communityN) {
	names := make(map[string]string, len(categories))
	for _, c := range categories {
		names[c.Code] = c.Name
	}
	by := map[string]int{}
	for _, c := range cases {
		if !access.Within(scope, c.OrgPath) {
			continue
		}
		at := place(c.OrgPath)
		if at == nil {
			at = &communityN{}
		}
		if c.Open {
			b.Incidents.Open += c.N
			at.Open += c.N
			if c.Urgency == "critical" {
				b.Incidents.Critical += c.N
			}
		}
		if c.Hour >= 0 {
			b.Incidents.Today += c.N
			at.IncidentsToday += c.N
			b.Incidents.ByUrgency[c.Urgency] += c.N
			b.Incidents.ByHour[c.Hour] += c.N
			category, _, _ := strings.Cut(c.Category, "-") // a kind counts for its category
			by[category] += c.N
		}
	}
	b.Incidents.ByCategory = make([]categoryN, 0, len(by))
	for code, n := range by {
		name := names[code]
		if name == "" {
			name = "其他"
		}
		b.Incidents.ByCategory = append(b.Incidents.ByCategory, categoryN{code, name, n})
	}
	slices.SortFunc(b.Incidents.ByCategory, func(x, y categoryN) int { return cmp.Or(cmp.Compare(y.Count, x.Count), cmp.Compare(x.Code, y.Code)) })
}

// atWork reports whether somebody without a duty session is on duty all the
// same: a vehicle, or a worker under a shift, while it is heard. A call for
// help is no duty.
func atWork(p fleet.Presence) bool {
	return p == fleet.Online || p == fleet.Idle || p == fleet.Stale
}
