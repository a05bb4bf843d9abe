package api

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"github.com/gridward/gridward/server/access"
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
