package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/desk"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/postgres"
)

type myDuty struct {
	Worker  leaderRef `json:"worker"`
	Tracked bool      `json:"tracked" doc:"whether positions of this worker would be stored now"`
	postgres.MyDuty
	SOS *postgres.SOS `json:"sos"`
}

func (a *API) accountRoutes() {
	route(a, http.MethodGet, "/accounts", "Accounts with a post in the scope", power(access.ManageUsers), func(ctx context.Context, who access.Session, in *Paging) (*struct {
		Body struct {
			Accounts []postgres.AccountRow `json:"accounts"`
			Next     string                `json:"next,omitempty"`
		}
	}, error) {
		out := &struct {
			Body struct {
				Accounts []postgres.AccountRow `json:"accounts"`
				Next     string                `json:"next,omitempty"`
			}
		}{}
		var after int64
		if _, err := in.read(&after); err != nil {
			return nil, err
		}
		list, err := postgres.ListAccounts(ctx, a.DB.Pool, who.Scope(access.ManageUsers), after, in.rows())
		out.Body.Accounts, out.Body.Next = cut(*in, list, func(r postgres.AccountRow) any { return r.ID })
		return out, err
	})
}

func (a *API) meRoutes() {
	// Served by the doors of devices; described here because people's clients use it too.
	a.huma.OpenAPI().AddOperation(&huma.Operation{
		Method: http.MethodPost, Path: "/api/v1/fixes", OperationID: "post-fixes", Summary: "Native batch of duty sessions and positions",
		Description: "Bodies and answers are specified in docs/protocol.md, section 1. Needs a device's bearer token, or the session of a signed-in worker.",
		Security:    []map[string][]string{{"session": {}}},
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/json": {Schema: &huma.Schema{Type: huma.TypeObject}}}},
		Responses:   map[string]*huma.Response{"200": {Description: "Receipt"}, "401": {Description: "The credential is not good"}, "503": {Description: "Nothing was kept; send the same later"}},
	})
	route(a, http.MethodGet, "/me/duty", "Whether the caller is on duty and tracked", person, func(ctx context.Context, who access.Session, _ *nothing) (*struct{ Body myDuty }, error) {
		home, err := a.myself(ctx, who)
		if err != nil {
			return nil, err
		}
		now := a.Clock()
		out := myDuty{Worker: leaderRef{home.ID, home.Name}}
		if out.MyDuty, err = postgres.DutyOf(ctx, a.DB.Pool, home.Region, home.ID, today(now), now); err != nil {
			return nil, err
		}
		if s, ok, err := postgres.OpenSOSOf(ctx, a.DB.Pool, home.ID); err != nil {
			return nil, err
		} else if ok {
			out.SOS = &s
		}
		inShift := out.Shift != nil && !out.Shift.StartsAt.After(now) && out.ScheduledToo
		out.Tracked = out.Session != nil || inShift || out.SOS != nil && now.Sub(out.SOS.At) < 2*time.Hour
		return &struct{ Body myDuty }{out}, nil
	})

	route(a, http.MethodPost, "/me/sos", "Call for help; the same call again changes nothing", power(access.OnDuty), func(ctx context.Context, who access.Session, in *struct {
		Body struct {
			ID       uuid.UUID  `json:"id" doc:"the caller's own"`
			Point    *orb.Point `json:"point,omitempty"`
			CRS      string     `json:"crs,omitempty" enum:"wgs84,gcj02,bd09,"`
			Accuracy *float32   `json:"accuracy,omitempty"`
			At       time.Time  `json:"at,omitempty"`
		}
	}) (*struct {
		Body struct {
			ID    uuid.UUID `json:"id"`
			State string    `json:"state"`
		}
	}, error) {
		home, err := a.myself(ctx, who)
		if err != nil {
			return nil, err
		}
		point, err := a.toWGS84(in.Body.CRS, in.Body.Point)
		if err != nil {
			point = nil // a call for help is never refused for its coordinates
		}
		if p := point; p != nil && !(p[0] >= -180 && p[0] <= 180 && p[1] >= -90 && p[1] <= 90) {
			point = nil
		}
		s, err := a.Desk.OpenSOS(ctx, desk.SOSCall{ID: in.Body.ID, Worker: home.ID, Account: who.Account, At: in.Body.At, Point: point, Accuracy: in.Body.Accuracy})
		out := &struct {
			Body struct {
				ID    uuid.UUID `json:"id"`
				State string    `json:"state"`
			}
		}{}
		out.Body.ID, out.Body.State = s.ID, s.State
		return out, err
	})
}

// myself returns the worker that the caller is.
func (a *API) myself(ctx context.Context, who access.Session) (postgres.WorkerHome, error) {
	if who.Worker == 0 {
		return postgres.WorkerHome{}, fault.New(fault.Denied, "这个账号没有对应的在册人员")
	}
	return postgres.HomeOf(ctx, a.DB.Pool, who.Worker)
}
