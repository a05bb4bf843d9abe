package api

import (
	"context"
	"net/http"
	"time"

	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/patrol"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/workday"
)

// outline is a GeoJSON feature that is a shape; its properties are P.
type outline[P any] struct {
	Type       string   `json:"type" enum:"Feature"`
	Geometry   geoShape `json:"geometry"`
	Properties P        `json:"properties"`
}

// geoShape is a GeoJSON geometry of polygons.
type geoShape struct {
	Type        string `json:"type" enum:"Polygon,MultiPolygon"`
	Coordinates any    `json:"coordinates"`
}

func shaped[P any](g orb.Geometry, properties P) outline[P] {
	return outline[P]{"Feature", geoShape{g.GeoJSONType(), g}, properties}
}

type cellFacts struct {
	State  string     `json:"state" enum:"walked,missed,unwalkable"`
	LastAt *time.Time `json:"last_at" doc:"the day on which somebody last walked there, within as long as tracks are kept; null = never"`
	Times  int64      `json:"times" doc:"days and people between the days asked for"`
}

type gridFacts struct {
	Grid int64  `json:"grid"`
	Code string `json:"code"`
}

type cellMap struct {
	Type     string               `json:"type" enum:"FeatureCollection"`
	Features []outline[cellFacts] `json:"features"`
}

type coverGrid struct {
	ID      int64         `json:"id"`
	Code    string        `json:"code"`
	Name    string        `json:"name"`
	OrgName string        `json:"org_name"`
	Leader  *patrolLeader `json:"leader,omitempty"`
}

type coverBody struct {
	Grid        coverGrid               `json:"grid"`
	From        workday.Day             `json:"from"`
	To          workday.Day             `json:"to"`
	Outline     outline[gridFacts]      `json:"outline"`
	Cells       cellMap                 `json:"cells"`
	Coverage    patrol.Coverage         `json:"coverage"`
	Households  []postgres.PatrolTarget `json:"households" doc:"and enterprises"`
	Objects     []postgres.PatrolTarget `json:"objects" doc:"管控对象 only for those who may see people"`
	Checkpoints []postgres.PatrolTarget `json:"checkpoints"`
	Verdicts    []postgres.WeekVerdict  `json:"verdicts" doc:"every verdict that there has been of the weeks that are over, oldest first"`
	postgres.Computing
}

func (a *API) patrolGridRoutes() {
	route(a, http.MethodGet, "/patrol/grids/{id}/coverage", "Where a grid was walked and where not, and whom nobody has visited", power(access.SeeTrack), func(ctx context.Context, who access.Session, in *struct {
		ID   int64  `path:"id"`
		From string `query:"from" doc:"YYYY-MM-DD; Monday of this week when left out"`
		To   string `query:"to" doc:"YYYY-MM-DD, included; at most a quarter later"`
	}) (*struct{ Body coverBody }, error) {
		g, err := a.trackedGrid(ctx, who, in.ID)
		if err != nil {
			return nil, err
		}
		from, to, err := a.coverDays(in.From, in.To)
		if err != nil {
			return nil, err
		}
		body, err := a.coverage(ctx, who, g, from, to)
		return &struct{ Body coverBody }{body}, err
	})
	route(a, http.MethodGet, "/patrol/grids/{id}/days", "The days behind a grid's week: who, how long, how far, whether at night; no places", power(access.SeeTrack), func(ctx context.Context, who access.Session, in *struct {
		ID   int64  `path:"id"`
		Week string `query:"week" doc:"its Monday; this week when left out"`
	}) (*struct{ Body gridWeekBody }, error) {
		g, err := a.trackedGrid(ctx, who, in.ID)
		if err != nil {
			return nil, err
		}
		monday, err := a.monday(in.Week)
		if err != nil {
			return nil, err
		}
		body, err := a.gridWeek(ctx, who, g, monday)
		return &struct{ Body gridWeekBody }{body}, err
	})
}

// trackedGrid is a grid whose people's tracks the caller may see.
func (a *API) trackedGrid(ctx context.Context, who access.Session, id int64) (*postgres.GridRow, error) {
	land, _, err := a.atlas.read(ctx)
	if err != nil {
		return nil, err
	}
	if g := land.grid[id]; g != nil && access.Within(who.Scope(access.SeeTrack), g.OrgPath) {
		return g, nil
	}
	return nil, fault.New(fault.Missing, "没有这个网格，或者不在您的管辖范围")
}

// gridWeekBody are the days behind a grid's week.
type gridWeekBody struct {
	Grid coverGrid          `json:"grid"`
	Week workday.Day        `json:"week"`
	Days []postgres.GridDay `json:"days" doc:"of everybody who answers for the grid: their distances and night patrols add up to the board's"`
	postgres.Computing
}

func (a *API) gridWeek(ctx context.Context, who access.Session, g *postgres.GridRow, monday workday.Day) (gridWeekBody, error) {
	out := gridWeekBody{Grid: coverGrid{ID: g.ID, Code: g.Code, Name: g.Name, OrgName: g.OrgName}, Week: monday}
	_, each, err := postgres.GridProgress(ctx, a.DB.Pool, monday, monday+6, workday.DayOf(a.Clock()), []string{g.OrgPath})
	if err != nil {
		return out, err
	}
	out.Computing = each[g.ID]
	if out.Days, err = postgres.GridDays(ctx, a.DB.Pool, g.Region, g.ID, monday); err != nil {
		return out, err
	}
	for i := range out.Days {
		out.Days[i].Name = personName(who, out.Days[i].Name, g.OrgPath)
	}
	return out, nil
}

// coverDays reads a stretch of days; this week is the default.
func (a *API) coverDays(first, last string) (from, to workday.Day, err error) {
	from = patrol.Monday(workday.DayOf(a.Clock()))
	if first != "" {
		from, err = workday.ParseDay(first)
	}
	to = from + 6
	if err == nil && last != "" {
		to, err = workday.ParseDay(last)
	}
	if err != nil || to < from || to-from > 92 {
		return 0, 0, fault.New(fault.Invalid, "请选择起止日期，最长一个季度").At("from")
	}
	return from, to, nil
}

func (a *API) coverage(ctx context.Context, who access.Session, g *postgres.GridRow, from, to workday.Day) (coverBody, error) {
	out := coverBody{Grid: coverGrid{ID: g.ID, Code: g.Code, Name: g.Name, OrgName: g.OrgName}, From: from, To: to, Cells: cellMap{Type: "FeatureCollection", Features: []outline[cellFacts]{}},
		Households: []postgres.PatrolTarget{}, Objects: []postgres.PatrolTarget{}, Checkpoints: []postgres.PatrolTarget{}}
	if g.LeaderID != 0 {
		out.Grid.Leader = &patrolLeader{g.LeaderID, personName(who, g.LeaderName, g.OrgPath)}
	}
	_, each, err := postgres.GridProgress(ctx, a.DB.Pool, from, to, workday.DayOf(a.Clock()), []string{g.OrgPath})
	if err != nil {
		return out, err
	}
	out.Computing = each[g.ID]
	if out.Verdicts, err = postgres.WeekVerdicts(ctx, a.DB.Pool, g.Region, g.ID, from, to); err != nil {
		return out, err
	}
	shape, err := postgres.GridShape(ctx, a.DB.Pool, g.ID)
	if err != nil {
		return out, err
	}
	out.Outline = shaped(shape, gridFacts{g.ID, g.Code})
	ground, err := a.Desk.PatrolGround(ctx)
	if err != nil {
		return out, err
	}
	cells, err := ground.Cells(g.ID)
	if err != nil {
		return out, err
	}
	walks, err := postgres.CellWalks(ctx, a.DB.Pool, g.Region, g.ID, from, to)
	if err != nil {
		return out, err
	}
	ever, err := postgres.CellWalks(ctx, a.DB.Pool, g.Region, g.ID, to-postgres.KeepDays, to)
	if err != nil {
		return out, err
	}
	if out.Coverage, err = postgres.GridCover(ctx, a.DB.Pool, g.Region, g.ID, from, to); err != nil {
		return out, err
	}
	for _, c := range cells {
		facts := cellFacts{State: "unwalkable"}
		if c.Walkable {
			out.Coverage.Area.D++
			facts.State, facts.Times = "missed", walks[c.ID].Times
			if e, ok := ever[c.ID]; ok {
				last := e.Last.Start().UTC()
				facts.LastAt = &last
			}
			if facts.Times > 0 {
				out.Coverage.Area.N++
				facts.State = "walked"
			}
		}
		out.Cells.Features = append(out.Cells.Features, shaped(orb.Polygon{c.Ring}, facts))
	}
	targets, err := postgres.PatrolTargets(ctx, a.DB.Pool, g.ID, from, to)
	if err != nil {
		return out, err
	}
	people := who.May(access.SeePeople, g.OrgPath)
	for _, t := range targets {
		if !people {
			if t.Secret {
				continue
			}
			if t.Class != "place" || t.Kind == "household" {
				t.Name = access.MaskName(t.Name)
			}
		}
		switch {
		case t.Kind == "checkpoint":
			out.Checkpoints = append(out.Checkpoints, t)
		case t.Class == "place":
			out.Households = append(out.Households, t)
		default:
			out.Objects = append(out.Objects, t)
		}
	}
	return out, nil
}
