package api

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/postgres"
)

type sosReply struct{ Body postgres.SOS }

// shownSOS is the call as this caller may read it.
func shownSOS(who access.Session, s postgres.SOS) postgres.SOS {
	if who.MaskFor(s.OrgPath) == access.MaskPeople {
		s.Name, s.Phone, s.WorkerCode, s.AckedBy = access.MaskName(s.Name), "", "", nil
	}
	return s
}

// sosDetail is a call with whoever and whatever is near. Where he is now
// counts; where he called from, when nothing newer is known.
type sosDetail struct {
	postgres.SOS
	Now        *orb.Point            `json:"now,omitempty" doc:"where the caller is, as far as is known"`
	NowAt      *time.Time            `json:"now_at,omitempty"`
	Nearest    []nearWorker          `json:"nearest" doc:"on duty, nearest first"`
	DistanceBy string                `json:"distance_by" enum:"straight" doc:"how distance_m was measured"`
	Cameras    []postgres.NearCamera `json:"cameras" doc:"within 300 m; first those that see the place"`
	Case       *incident.Incident    `json:"case,omitempty"`
}

func (a *API) sosDetail(ctx context.Context, who access.Session, id uuid.UUID) (sosDetail, error) {
	s, err := postgres.SOSByID(ctx, a.DB.Pool, id, false)
	if err != nil {
		return sosDetail{}, err
	}
	visible := who.May(access.SeeMap, s.OrgPath)
	d := sosDetail{SOS: s, DistanceBy: "straight", Nearest: []nearWorker{}, Cameras: []postgres.NearCamera{}, Now: s.Point}
	if s.Incident != nil { // he may stand on the caller's ground without being of the caller's people
		if err := a.mayReadIncident(ctx, who, *s.Incident); err == nil {
			visible = true
			inc, err := postgres.IncidentByID(ctx, a.DB.Pool, *s.Incident)
			if err != nil {
				return sosDetail{}, err
			}
			inc = shown(who, inc)
			d.Case = &inc
		}
	}
	if !visible {
		return sosDetail{}, fault.New(fault.Missing, "没有这个求助，或者不在您的管辖范围")
	}
	if e, ok := a.Board.Get(s.Worker); ok && s.State != "closed" && who.May(access.SeeMap, e.OrgPath) {
		at, p := e.At.UTC(), e.Point
		d.Now, d.NowAt = &p, &at
	}
	d.SOS = shownSOS(who, s)
	if d.Now == nil {
		return d, nil
	}
	if d.Nearest, err = a.nearestBut(ctx, who, *d.Now, 5, s.Worker); err != nil {
		return d, err
	}
	d.Cameras, err = a.camerasNear(ctx, who, *d.Now, 300, 20)
	return d, err
}

func (a *API) sosRoutes() {
	route(a, http.MethodGet, "/sos", "Calls for help that are not closed", power(access.SeeMap), func(ctx context.Context, who access.Session, _ *nothing) (*struct {
		Body struct {
			SOS []postgres.SOS `json:"sos"`
		}
	}, error) {
		list, err := postgres.OpenSOS(ctx, a.DB.Pool, who.Scope(access.SeeMap))
		if err != nil {
			return nil, err
		}
		for i := range list {
			list[i] = shownSOS(who, list[i])
		}
		out := &struct {
			Body struct {
				SOS []postgres.SOS `json:"sos"`
			}
		}{}
		out.Body.SOS = list
		return out, nil
	})
	route(a, http.MethodGet, "/sos/{id}", "One call for help with the five nearest people on duty, by straight line, and the cameras within 300 m", power(access.SeeMap), func(ctx context.Context, who access.Session, in *struct {
		ID uuid.UUID `path:"id"`
	}) (*struct{ Body sosDetail }, error) {
		d, err := a.sosDetail(ctx, who, in.ID)
		return &struct{ Body sosDetail }{d}, err
	})
	route(a, http.MethodPost, "/sos/{id}/ack", "Take a call for help", power(access.AnswerSOS), func(ctx context.Context, who access.Session, in *struct {
		ID uuid.UUID `path:"id"`
	}) (*sosReply, error) {
		s, err := a.Desk.AckSOS(ctx, who.Principal, in.ID)
		return &sosReply{shownSOS(who, s)}, err
	})
	route(a, http.MethodPost, "/sos/{id}/close", "Close a call for help", power(access.AnswerSOS), func(ctx context.Context, who access.Session, in *struct {
		ID   uuid.UUID `path:"id"`
		Body struct {
			Note string `json:"note,omitempty" maxLength:"500"`
		}
	}) (*sosReply, error) {
		s, err := a.Desk.CloseSOS(ctx, who.Principal, in.ID, in.Body.Note)
		return &sosReply{shownSOS(who, s)}, err
	})
}
