package api

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/fleet"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/territory"
)

// org is an organisation in a list.
type org struct {
	territory.Org
	Parent *int64 `json:"parent"`
}

type leaderRef struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
}

type gridBody struct {
	territory.Grid
	BBox           []float64  `json:"bbox" doc:"west, south, east, north"`
	Online         int        `json:"online" doc:"people in it who are heard of now"`
	OnDuty         int        `json:"on_duty" doc:"people on duty who answer for it"`
	Covered        bool       `json:"covered" doc:"counts as online in 网格在线率"`
	IncidentsToday int        `json:"incidents_today"`
	Open           int        `json:"open"`
	Leader         *leaderRef `json:"leader"`
}

type gridList struct {
	Epoch int64      `json:"epoch"`
	Grids []gridBody `json:"grids"`
}

func (l gridList) table() ([]string, [][]string) {
	rows := make([][]string, len(l.Grids))
	for i, g := range l.Grids {
		leader, kind := "", "否"
		if g.Leader != nil {
			leader = g.Leader.Name
		}
		if g.IsExecution {
			kind = "是"
		}
		rows[i] = []string{g.Code, g.Name, g.OrgName, map[string]string{"urban": "城市", "rural": "农村"}[g.Setting], kind, strconv.Itoa(g.Households), strconv.Itoa(g.Population),
			strconv.FormatFloat(g.AreaM2, 'f', 0, 64), leader, strconv.Itoa(g.Online), strconv.Itoa(g.OnDuty), strconv.Itoa(g.IncidentsToday), strconv.Itoa(g.Open)}
	}
	return []string{"网格编码", "名称", "社区(村)", "类型", "执行网格", "户数", "人口", "面积(平方米)", "网格长", "在线", "在岗", "今日事件", "未结事件"}, rows
}

type multiPolygon struct {
	Type        string           `json:"type" enum:"MultiPolygon"`
	Coordinates orb.MultiPolygon `json:"coordinates"`
}

type gridPerson struct {
	ID         int64  `json:"id"`
	Name       string `json:"name"`
	Role       string `json:"role"`
	Assignment string `json:"assignment"`
	Phone      string `json:"phone,omitempty"`
	State      string `json:"state"`
	AgeS       *int   `json:"age_s"`
	OnDuty     bool   `json:"on_duty"`
}

type gridDetail struct {
	gridBody
	Geometry  multiPolygon        `json:"geometry"`
	People    []gridPerson        `json:"people"`
	Incidents []incident.Incident `json:"incidents"`
	Complete  struct {
		Leader bool `json:"leader"`
		Guide  bool `json:"guide"`
		Worker bool `json:"worker"`
	} `json:"complete" doc:"1+1+1+X"`
	ValidFrom time.Time `json:"valid_from"`
}

func (a *API) mapRoutes() {
	route(a, http.MethodGet, "/overview", "Figures of the caller's scope, at most a second old", power(access.SeeMap), func(ctx context.Context, who access.Session, _ *nothing) (*struct{ Body *overviewBody }, error) {
		b, err := a.overview(ctx, who.Scope(access.SeeMap))
		return &struct{ Body *overviewBody }{b}, err
	})

	route(a, http.MethodGet, "/grids", "Grids of the scope with what is on them now", power(access.SeeMap), func(ctx context.Context, who access.Session, in *struct {
		Format string `query:"format" enum:"json,csv" default:"json"`
	}) (*struct {
		ListHead
		Body gridList
	}, error) {
		scope, now := who.Scope(access.SeeMap), a.Clock()
		land, sky, err := a.atlas.read(ctx)
		if err != nil {
			return nil, err
		}
		by := tallies(land, sky, a.present(scope, now), scope)
		out := gridList{Epoch: land.epoch, Grids: []gridBody{}}
		for i := range land.grids {
			if g := &land.grids[i]; access.Within(scope, g.OrgPath) {
				out.Grids = append(out.Grids, gridOf(g, by[g.ID], who))
			}
		}
		return &struct {
			ListHead
			Body gridList
		}{head(Paging{Format: in.Format}, "grids", now), out}, nil
	})

	route(a, http.MethodGet, "/grids/{id}", "One grid: its shape, its people, its open cases", power(access.SeeMap), func(ctx context.Context, who access.Session, in *struct {
		ID int64 `path:"id"`
	}) (*struct{ Body gridDetail }, error) {
		d, err := a.gridDetail(ctx, who, in.ID)
		return &struct{ Body gridDetail }{d}, err
	})

	route(a, http.MethodGet, "/orgs", "Organisations of the scope", settled, func(ctx context.Context, who access.Session, _ *nothing) (*struct {
		Body struct {
			Orgs []org `json:"orgs"`
		}
	}, error) {
		land, _, err := a.atlas.read(ctx)
		if err != nil {
			return nil, err
		}
		out := &struct {
			Body struct {
				Orgs []org `json:"orgs"`
			}
		}{}
		out.Body.Orgs = []org{}
		var scope []string
		for _, post := range who.Posts {
			scope = append(scope, post.Path)
		}
		for _, o := range land.orgs {
			if access.Within(scope, o.Path) {
				out.Body.Orgs = append(out.Body.Orgs, o)
			}
		}
		return out, nil
	})

	route(a, http.MethodGet, "/map-sources", "What the map can be drawn on, and what it must say", signedIn, func(ctx context.Context, who access.Session, _ *nothing) (*struct{ Body territory.MapSources }, error) {
		m, err := a.Sources(ctx, who)
		return &struct{ Body territory.MapSources }{m}, err
	})
}

func gridOf(g *postgres.GridRow, t *tally, who access.Session) gridBody {
	b := gridBody{Grid: g.Grid, BBox: g.BBox}
	if t != nil {
		b.Online, b.OnDuty, b.Covered, b.IncidentsToday, b.Open = t.online, t.onDuty, t.present, t.today, t.open
	}
	if g.LeaderID != 0 {
		b.Leader = &leaderRef{g.LeaderID, personName(who, g.LeaderName, g.OrgPath)}
	}
	return b
}

// personName is the name as this caller may read it.
func personName(who access.Session, name, orgPath string) string {
	if who.MaskFor(orgPath) == access.MaskPeople {
		return access.MaskName(name)
	}
	return name
}

func (a *API) gridDetail(ctx context.Context, who access.Session, id int64) (d gridDetail, err error) {
	scope, now := who.Scope(access.SeeMap), a.Clock()
	land, sky, err := a.atlas.read(ctx)
	if err != nil {
		return d, err
	}
	row := land.grid[id]
	if row == nil || !access.Within(scope, row.OrgPath) {
		return d, fault.New(fault.Missing, "没有这个网格，或者不在您的管辖范围")
	}
	shape, err := postgres.GridByID(ctx, a.DB.Pool, id)
	if err != nil {
		return d, err
	}
	d.gridBody = gridOf(row, tallies(land, sky, a.present(scope, now), scope)[id], who)
	d.Geometry = multiPolygon{"MultiPolygon", shape.Shape}
	if d.ValidFrom, err = postgres.GridSince(ctx, a.DB.Pool, id); err != nil {
		return d, err
	}
	people, err := postgres.GridPeople(ctx, a.DB.Pool, id)
	if err != nil {
		return d, err
	}
	d.People = make([]gridPerson, 0, len(people))
	for _, p := range people {
		_, onDuty := sky.duty[p.ID]
		g := gridPerson{ID: p.ID, Name: personName(who, p.Name, row.OrgPath), Role: p.Role, Assignment: p.Assignment, State: fleet.Offline.String(), OnDuty: onDuty}
		if who.May(access.SeePeople, row.OrgPath) {
			g.Phone = p.Phone
		}
		if e, ok := a.Board.Get(p.ID); ok && access.Within(scope, e.OrgPath) {
			age := int(now.Sub(e.At) / time.Second)
			g.State, g.AgeS = e.Presence(now).String(), &age
		}
		d.People = append(d.People, g)
		switch p.Assignment {
		case "leader":
			d.Complete.Leader = true
		case "guide":
			d.Complete.Guide = true
		case "worker":
			d.Complete.Worker = true
		}
	}
	found, err := postgres.ListIncidents(ctx, a.DB.Pool, postgres.IncidentFilter{Scope: scope, Grid: &id, Now: now, Limit: 20}, false)
	if err != nil {
		return d, err
	}
	d.Incidents = onScreen(who, found.Incidents)
	if d.Incidents == nil {
		d.Incidents = []incident.Incident{}
	}
	return d, nil
}
