package api

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/assess"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/postgres"
)

type markEdit struct {
	Level    assess.Level `json:"level" enum:"grid,guide,community,department"`
	Subject  int64        `json:"subject"`
	Item     string       `json:"item,omitempty" maxLength:"40" doc:"a mark is for an item; points are for none"`
	Score    *float64     `json:"score,omitempty" minimum:"0" maximum:"100"`
	Points   *float64     `json:"points,omitempty" minimum:"-100" maximum:"100"`
	Reason   string       `json:"reason" maxLength:"4000"`
	Incident *uuid.UUID   `json:"incident,omitempty"`
}

func (e markEdit) mark() (m postgres.AssessMark, err error) {
	m = postgres.AssessMark{Level: e.Level, Subject: e.Subject, Item: e.Item, Reason: e.Reason, Incident: e.Incident}
	for _, v := range []struct {
		name string
		from *float64
		to   **int32
	}{{"score", e.Score, &m.Score}, {"points", e.Points, &m.Points}} {
		if v.from != nil {
			n, err := inHundredths(v.name, *v.from)
			if err != nil {
				return m, err
			}
			*v.to = &n
		}
	}
	return m, nil
}

type markReply struct{ Body postgres.AssessMark }

type appealList struct {
	Appeals []postgres.AssessAppeal `json:"appeals"`
}

type inspectionList struct {
	Inspections []postgres.AssessInspection `json:"inspections"`
}

func (a *API) assessNoteRoutes() {
	route(a, http.MethodPost, "/assess/periods/{id}/marks", "Mark an item, or give points above or below (专项), with the reason: by inspectors and those who assess", person, func(ctx context.Context, who access.Session, in *struct {
		ID   int64 `path:"id"`
		Body markEdit
	}) (*markReply, error) {
		m, err := in.Body.mark()
		if err != nil {
			return nil, err
		}
		m, err = a.Desk.GiveMark(ctx, who.Principal, in.ID, m)
		return &markReply{m}, err
	}, created)

	route(a, http.MethodGet, "/assess/periods/{id}/inspections", "Joint inspections (联合督查) of a period, with the grids that were drawn and what was found", person, func(ctx context.Context, who access.Session, in *struct {
		ID int64 `path:"id"`
	}) (*struct{ Body inspectionList }, error) {
		p, err := a.periodFor(ctx, who, in.ID)
		if err != nil {
			return nil, err
		}
		if !assesses(who, p) {
			return nil, fault.New(fault.Missing, "没有这个考核期，或者不在您的管辖范围")
		}
		list, err := postgres.AssessInspections(ctx, a.DB.Pool, p.ID)
		if err != nil {
			return nil, err
		}
		return &struct{ Body inspectionList }{inspectionList{list}}, nil
	})

	route(a, http.MethodPost, "/assess/periods/{id}/inspections", "Begin a joint inspection: its grids are drawn by lot, by a seed that is kept with it", power(access.Inspect), func(ctx context.Context, who access.Session, in *struct {
		ID   int64 `path:"id"`
		Body struct {
			Title   string   `json:"title" maxLength:"400"`
			Members []string `json:"members" maxItems:"30"`
			Draw    int      `json:"draw" minimum:"0" maximum:"200" doc:"how many grids"`
		}
	}) (*struct{ Body postgres.AssessInspection }, error) {
		i, err := a.Desk.Inspect(ctx, who.Principal, in.ID, postgres.AssessInspection{Title: in.Body.Title, Members: in.Body.Members}, in.Body.Draw)
		return &struct{ Body postgres.AssessInspection }{i}, err
	}, created)

	route(a, http.MethodPost, "/assess/inspections/{id}/findings", "What the inspection found at a subject: a mark, points, or words alone", power(access.Inspect), func(ctx context.Context, who access.Session, in *struct {
		ID   uuid.UUID `path:"id"`
		Body markEdit
	}) (*markReply, error) {
		m, err := in.Body.mark()
		if err != nil {
			return nil, err
		}
		m, err = a.Desk.Find(ctx, who.Principal, in.ID, m)
		return &markReply{m}, err
	}, created)

	route(a, http.MethodGet, "/assess/periods/{id}/appeals", "Appeals of a period: all for those who assess, otherwise those about one's own", person, func(ctx context.Context, who access.Session, in *struct {
		ID int64 `path:"id"`
	}) (*struct{ Body appealList }, error) {
		p, err := a.periodFor(ctx, who, in.ID)
		if err != nil {
			return nil, err
		}
		v, err := a.assessView(ctx, who, p)
		if err != nil {
			return nil, err
		}
		list, err := postgres.AssessAppeals(ctx, a.DB.Pool, p.ID)
		if err != nil {
			return nil, err
		}
		out := []postgres.AssessAppeal{}
		for _, one := range list {
			if v.all || one.By == who.Account || v.mine(one.Level, one.Subject) {
				out = append(out, one)
			}
		}
		return &struct{ Body appealList }{appealList{out}}, nil
	})

	route(a, http.MethodPost, "/assess/periods/{id}/appeals", "Appeal against a published score: whoever stands for what was scored", person, func(ctx context.Context, who access.Session, in *struct {
		ID   int64 `path:"id"`
		Body struct {
			Level     assess.Level `json:"level" enum:"grid,guide,community,department"`
			Subject   int64        `json:"subject"`
			Item      string       `json:"item,omitempty" maxLength:"40"`
			Reason    string       `json:"reason" maxLength:"4000"`
			Evidence  string       `json:"evidence,omitempty" maxLength:"4000"`
			Incidents []uuid.UUID  `json:"incidents,omitempty" maxItems:"50"`
			Photos    []uuid.UUID  `json:"photos,omitempty" maxItems:"9"`
		}
	}) (*struct{ Body postgres.AssessAppeal }, error) {
		b := in.Body
		one, err := a.Desk.AppealScore(ctx, who.Principal, postgres.AssessAppeal{Period: in.ID, Level: b.Level, Subject: b.Subject, Item: b.Item, Reason: b.Reason, Evidence: b.Evidence, Incidents: b.Incidents, Photos: b.Photos})
		return &struct{ Body postgres.AssessAppeal }{one}, err
	}, created)

	route(a, http.MethodPost, "/assess/appeals/{id}/decide", "Decide an appeal: somebody else than who appealed; upheld, it may put points beside the score", power(access.Assess), func(ctx context.Context, who access.Session, in *struct {
		ID   uuid.UUID `path:"id"`
		Body struct {
			Verdict string  `json:"verdict" enum:"upheld,partly,rejected"`
			Answer  string  `json:"answer" maxLength:"4000"`
			Points  float64 `json:"points,omitempty" minimum:"-100" maximum:"100"`
		}
	}) (*struct{ Body postgres.AssessAppeal }, error) {
		points, err := inHundredths("points", in.Body.Points)
		if err != nil {
			return nil, err
		}
		one, err := a.Desk.DecideAppeal(ctx, who.Principal, in.ID, in.Body.Verdict, in.Body.Answer, points)
		return &struct{ Body postgres.AssessAppeal }{one}, err
	})
}

// mayReadAppealPhoto reports whether a photo belongs to an appeal that the caller may read.
func (a *API) mayReadAppealPhoto(ctx context.Context, who access.Session, photo uuid.UUID) (bool, error) {
	id, found, err := postgres.AppealOfPhoto(ctx, a.DB.Pool, photo)
	if err != nil || !found || who.Kiosk != 0 {
		return false, err
	}
	one, err := postgres.AssessAppealByID(ctx, a.DB.Pool, id)
	if err != nil {
		return false, err
	}
	p, err := a.periodFor(ctx, who, one.Period)
	if err != nil {
		return false, err
	}
	v, err := a.assessView(ctx, who, p)
	return v.all || v.mine(one.Level, one.Subject), err
}
