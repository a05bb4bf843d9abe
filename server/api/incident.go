package api

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/journal"
	"github.com/gridward/gridward/server/postgres"
)

type incidentReply struct {
	Status int
	Body   incident.Incident
}

type incidentDetail struct {
	incident.Incident
	Journal  []journal.Entry    `json:"journal"`
	Nearest  []nearWorker       `json:"nearest"`
	Whistles []incident.Whistle `json:"whistles" doc:"those the caller sees, newest first; a row of a list only counts the open ones"`
	Similar  []incident.Alike   `json:"similar,omitempty" doc:"while the case is nobody's yet: others that may be the same, or have come back"`
}

// shown is the incident as this caller may read it.
func shown(who access.Session, inc incident.Incident) incident.Incident {
	mine := inc.ReporterAccount != nil && who.Account != 0 && *inc.ReporterAccount == who.Account
	if who.MaskFor(inc.OrgPath) == access.MaskPeople && !mine {
		return inc.Masked()
	}
	return inc
}

// onScreen is the list as this caller may read it: a shared wall is shown
// nothing sensitive.
func onScreen(who access.Session, list []incident.Incident) []incident.Incident {
	if who.Kiosk != 0 {
		list = slices.DeleteFunc(list, func(i incident.Incident) bool { return i.Sensitivity == "high" })
	}
	for i := range list {
		list[i] = shown(who, list[i])
	}
	return list
}

func (a *API) incidentRoutes() {
	route(a, http.MethodPost, "/incidents", "Report an incident; the same client_id again answers 200 with the same incident", power(access.Report),
		func(ctx context.Context, who access.Session, in *struct {
			Body struct {
				ClientID    string           `json:"client_id,omitempty" maxLength:"64"`
				Title       string           `json:"title"`
				Category    string           `json:"category,omitempty"`
				Description string           `json:"description,omitempty"`
				Urgency     incident.Urgency `json:"urgency,omitempty"`
				Source      string           `json:"source,omitempty"`
				Point       *orb.Point       `json:"point,omitempty" doc:"[longitude, latitude]"`
				Accuracy    *float32         `json:"accuracy,omitempty"`
				Address     string           `json:"address,omitempty"`
				CRS         string           `json:"crs,omitempty" enum:"wgs84,gcj02,bd09," doc:"what point is in; wgs84 unless told"`
				Photos      []uuid.UUID      `json:"photos,omitempty"`
				OccurredAt  *time.Time       `json:"occurred_at,omitempty"`
				Drill       bool             `json:"drill,omitempty"`
			}
		}) (*incidentReply, error) {
			b := in.Body
			point, err := a.toWGS84(b.CRS, b.Point)
			if err != nil {
				return nil, err
			}
			inc, created, err := a.Desk.Report(ctx, who.Principal, incident.Draft{
				ClientID: b.ClientID, Title: b.Title, Category: b.Category, Description: b.Description, Urgency: b.Urgency, Source: b.Source,
				Point: point, Accuracy: b.Accuracy, Address: b.Address, SrcCRS: b.CRS, OccurredAt: b.OccurredAt, Drill: b.Drill, Photos: b.Photos,
			})
			if err != nil {
				return nil, err
			}
			status := http.StatusOK
			if created {
				status = http.StatusCreated
			}
			return &incidentReply{status, shown(who, inc)}, nil
		})

	route(a, http.MethodGet, "/incidents/{id}", "One incident with its record and the workers nearest to it", settled, func(ctx context.Context, who access.Session, in *struct {
		ID uuid.UUID `path:"id"`
	}) (*struct{ Body caseBody }, error) {
		scope := who.Scope(access.SeeMap)
		if err := a.mayReadIncident(ctx, who, in.ID); err != nil {
			return nil, err
		}
		inc, err := postgres.IncidentByID(ctx, a.DB.Pool, in.ID)
		if err != nil {
			return nil, err
		}
		entries, err := postgres.ReadJournalOf(ctx, a.DB.Pool, in.ID.String(), 200)
		if err != nil {
			return nil, err
		}
		if who.MaskFor(inc.OrgPath) == access.MaskPeople {
			for i := range entries {
				entries[i] = incident.MaskEntry(entries[i])
			}
		}
		out := incidentDetail{Incident: shown(who, inc), Journal: entries, Nearest: []nearWorker{}}
		if out.Whistles, err = a.whistlesOf(ctx, who, in.ID); err != nil {
			return nil, err
		}
		if out.Similar, err = a.alikeTo(ctx, who, inc); err != nil {
			return nil, err
		}
		if inc.Point != nil && len(scope) > 0 {
			if out.Nearest, err = a.nearest(ctx, who, *inc.Point, 5); err != nil {
				return nil, err
			}
		}
		body, err := a.caseFile(ctx, who, out)
		return &struct{ Body caseBody }{body}, err
	})

	route(a, http.MethodGet, "/categories", "The catalogue of incident categories", signedIn, func(ctx context.Context, _ access.Session, _ *nothing) (*struct {
		Body struct {
			Categories []postgres.Category `json:"categories"`
			Sources    map[string]string   `json:"sources"`
		}
	}, error) {
		list, err := postgres.Categories(ctx, a.DB.Pool)
		if err != nil {
			return nil, err
		}
		out := &struct {
			Body struct {
				Categories []postgres.Category `json:"categories"`
				Sources    map[string]string   `json:"sources"`
			}
		}{}
		out.Body.Categories, out.Body.Sources = list, incident.Sources()
		return out, nil
	})
}

// mayReadIncident is a fault of kind Missing when the incident lies outside
// the caller's scope and the caller did not report it.
func (a *API) mayReadIncident(ctx context.Context, who access.Session, id uuid.UUID) error {
	ok, err := postgres.IncidentVisible(ctx, a.DB.Pool, id, viewer(who))
	if err != nil {
		return err
	}
	if !ok {
		return fault.New(fault.Missing, "没有这个事件，或者不在您的管辖范围")
	}
	return nil
}

// viewer is the caller as somebody who wants to see cases.
func viewer(who access.Session) postgres.Viewer {
	return postgres.Viewer{Scope: who.Scope(access.SeeMap), Account: who.Account, Worker: who.Worker, Wall: who.Kiosk != 0}
}

// toWGS84 converts a point once, at the door.
func (a *API) toWGS84(crs string, p *orb.Point) (*orb.Point, error) {
	if p == nil || crs == "" || crs == "wgs84" {
		return p, nil
	}
	out, err := a.WGS84(crs, *p)
	if err != nil {
		return nil, fault.Because(err, fault.Invalid, "坐标无法转换").At("point")
	}
	return &out, nil
}

// some is nil for zero: a filter that was not given.
func some(n int64) *int64 {
	if n == 0 {
		return nil
	}
	return &n
}

func instant(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
