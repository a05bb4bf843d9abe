package api

import (
	"cmp"
	"context"
	"encoding/json"
	"math"
	"net/http"
	"slices"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/planar"

	"github.com/gridward/gridward/geo/streets"
	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/board"
	"github.com/gridward/gridward/server/fleet"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/territory"
)

// areaWorker is somebody inside a shape; the distance is there when it is a circle.
type areaWorker struct {
	workerBody
	DistanceM *float64 `json:"distance_m,omitempty"`
}

type areaIncident struct {
	incident.Incident
	DistanceM *float64 `json:"distance_m,omitempty"`
}

type areaGrid struct {
	ID        int64      `json:"id"`
	Code      string     `json:"code"`
	Name      string     `json:"name"`
	OrgName   string     `json:"org_name"`
	Execution bool       `json:"is_execution"`
	Leader    *leaderRef `json:"leader"`
}

type areaBody struct {
	AreaM2    float64               `json:"area_m2"`
	Workers   []areaWorker          `json:"workers"`
	Incidents []areaIncident        `json:"incidents" doc:"open ones"`
	Grids     []areaGrid            `json:"grids"`
	Resources []territory.Resource  `json:"resources"`
	Cameras   []postgres.AreaCamera `json:"cameras"`
	Counts    struct {
		Workers   int `json:"workers"`
		OnDuty    int `json:"on_duty"`
		Online    int `json:"online"`
		SOS       int `json:"sos"`
		Incidents int `json:"incidents"`
		Critical  int `json:"critical" doc:"of the incidents listed"`
		Late      int `json:"late" doc:"of the incidents listed"`
		Grids     int `json:"grids"`
		Resources int `json:"resources"`
		Cameras   int `json:"cameras"`
	} `json:"counts" doc:"of everything inside; the lists may be shorter"`
	Kinds map[string]int `json:"resource_kinds" doc:"how many resources of each kind"`
}

// mostInside is how much of each an answer lists.
const mostInside = 500

func (a *API) areaRoutes() {
	route(a, http.MethodPost, "/area", "Who and what is inside a drawn shape", power(access.SeeMap), func(ctx context.Context, who access.Session, in *struct {
		Body struct {
			Shape json.RawMessage `json:"shape" doc:"a GeoJSON Polygon or MultiPolygon, or {\"circle\":{\"center\":[lon,lat],\"radius_m\":500}}"`
		}
	}) (*struct{ Body areaBody }, error) {
		shape, err := readShape(in.Body.Shape)
		if err != nil {
			return nil, err
		}
		out, err := a.inside(ctx, who, shape)
		return &struct{ Body areaBody }{out}, err
	})
	route(a, http.MethodGet, "/nearby", "Who and what is around a point, nearest first", power(access.SeeMap), func(ctx context.Context, who access.Session, in *struct {
		Lon     float64 `query:"lon" required:"true" minimum:"-180" maximum:"180"`
		Lat     float64 `query:"lat" required:"true" minimum:"-85" maximum:"85"`
		RadiusM float64 `query:"radius_m" minimum:"10" maximum:"10000" default:"500"`
	}) (*struct{ Body areaBody }, error) {
		shape, err := circleShape(orb.Point{in.Lon, in.Lat}, in.RadiusM)
		if err != nil {
			return nil, err
		}
		out, err := a.inside(ctx, who, shape)
		return &struct{ Body areaBody }{out}, err
	})
}

// judge has PostGIS look at the shape, and refuses what is none or too large.
func (a *API) judge(ctx context.Context, shape drawn) (areaM2 float64, err error) {
	valid, reason, areaM2, err := postgres.JudgeShape(ctx, a.DB.Pool, shape.MultiPolygon)
	switch {
	case err != nil:
		return 0, err
	case !valid:
		return 0, badShape("%s", wordsOf(reason))
	case areaM2 > mostArea:
		return 0, badShape("区域有 %.0f 平方公里，最多 %.0f 平方公里", areaM2/1e6, mostArea/1e6)
	}
	return areaM2, nil
}

// holds reports whether the shape holds the point, its border included.
func (d drawn) holds(p orb.Point) bool { return planar.MultiPolygonContains(d.MultiPolygon, p) }

// away is how far a point is from the middle of a circle.
func (d drawn) away(p orb.Point) *float64 {
	if d.middle == nil {
		return nil
	}
	m := math.Round(streets.Metres(*d.middle, p))
	return &m
}

// within returns the workers on the map inside the shape, as far as the scope goes.
func (a *API) within(shape drawn, scope []string) []int64 {
	bound := shape.Bound()
	var ids []int64
	a.Board.Each(scope, func(_ uint32, e *board.Entry) {
		if bound.Contains(e.Point) && shape.holds(e.Point) {
			ids = append(ids, e.Worker)
		}
	})
	slices.Sort(ids)
	return ids
}

// inside collects what the caller may see of what the shape holds.
func (a *API) inside(ctx context.Context, who access.Session, shape drawn) (areaBody, error) {
	scope, now := who.Scope(access.SeeMap), a.Clock()
	out := areaBody{Workers: []areaWorker{}, Incidents: []areaIncident{}, Grids: []areaGrid{}}
	out.Kinds = map[string]int{}
	var err error
	if out.AreaM2, err = a.judge(ctx, shape); err != nil {
		return out, err
	}
	land, sky, err := a.atlas.read(ctx)
	if err != nil {
		return out, err
	}
	for _, id := range a.within(shape, scope) {
		w := land.byID[id]
		if w == nil {
			continue
		}
		b := a.person(who, land, sky, w, scope, now)
		if b.Point == nil {
			continue // left since
		}
		out.Counts.Workers++
		if b.OnDuty {
			out.Counts.OnDuty++
		}
		switch b.State {
		case fleet.Online.String(), fleet.Idle.String():
			out.Counts.Online++
		case fleet.InSOS.String():
			out.Counts.SOS++
		}
		out.Workers = append(out.Workers, areaWorker{b, shape.away(*b.Point)})
	}
	if err := a.casesInside(ctx, who, shape, &out); err != nil {
		return out, err
	}
	ids, err := postgres.AreaGrids(ctx, a.DB.Pool, shape.MultiPolygon, scope)
	if err != nil {
		return out, err
	}
	for _, id := range ids {
		if g := land.grid[id]; g != nil {
			b := areaGrid{ID: g.ID, Code: g.Code, Name: g.Name, OrgName: g.OrgName, Execution: g.IsExecution}
			if g.LeaderID != 0 {
				b.Leader = &leaderRef{g.LeaderID, personName(who, g.LeaderName, g.OrgPath)}
			}
			out.Grids = append(out.Grids, b)
		}
	}
	out.Counts.Grids = len(out.Grids)
	if err := a.thingsInside(ctx, who, shape, &out); err != nil {
		return out, err
	}
	if shape.middle != nil {
		nearest := func(a, b *float64) int { return cmp.Compare(*a, *b) }
		slices.SortStableFunc(out.Workers, func(x, y areaWorker) int { return nearest(x.DistanceM, y.DistanceM) })
		slices.SortStableFunc(out.Incidents, func(x, y areaIncident) int { return nearest(x.DistanceM, y.DistanceM) })
		slices.SortStableFunc(out.Resources, func(x, y territory.Resource) int { return nearest(x.DistanceM, y.DistanceM) })
		slices.SortStableFunc(out.Cameras, func(x, y postgres.AreaCamera) int { return nearest(x.DistanceM, y.DistanceM) })
	}
	out.Workers = out.Workers[:min(len(out.Workers), mostInside)]
	return out, nil
}

func (a *API) casesInside(ctx context.Context, who access.Session, shape drawn, out *areaBody) error {
	list, total, err := postgres.AreaIncidents(ctx, a.DB.Pool, shape.MultiPolygon, who.Scope(access.SeeMap), who.Account == 0, mostInside)
	if err != nil {
		return err
	}
	now := a.Clock()
	out.Counts.Incidents = total
	for _, inc := range list {
		if inc.Urgency == incident.Critical {
			out.Counts.Critical++
		}
		if !inc.Paused && (inc.StageDue != nil && !now.Before(*inc.StageDue) || inc.CaseDue != nil && !now.Before(*inc.CaseDue)) {
			out.Counts.Late++
		}
		out.Incidents = append(out.Incidents, areaIncident{shown(who, inc), shape.away(*inc.Point)})
	}
	return nil
}

func (a *API) thingsInside(ctx context.Context, who access.Session, shape drawn, out *areaBody) (err error) {
	scope := who.Scope(access.SeeMap)
	if out.Resources, err = postgres.AreaResources(ctx, a.DB.Pool, shape.MultiPolygon, scope, mostInside); err != nil {
		return err
	}
	for i := range out.Resources {
		r := &out.Resources[i]
		r.DistanceM = shape.away(r.Point)
		out.Kinds[r.Kind]++
		*r = shownResource(who, *r)
	}
	out.Counts.Resources = len(out.Resources)
	if out.Cameras, err = postgres.AreaCameras(ctx, a.DB.Pool, shape.MultiPolygon, scope, who.Scope(access.SeeVideo), mostInside); err != nil {
		return err
	}
	for i := range out.Cameras {
		out.Cameras[i].DistanceM = shape.away(out.Cameras[i].Point)
	}
	out.Counts.Cameras = len(out.Cameras)
	return nil
}

// shownResource is the resource as this caller may read it: whom to call is for
// those who see people.
func shownResource(who access.Session, r territory.Resource) territory.Resource {
	if who.MaskFor(r.OrgPath) == access.MaskPeople {
		r.Contact, r.Phone = "", ""
	}
	return r
}
