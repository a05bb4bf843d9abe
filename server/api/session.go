package api

import (
	"context"
	"net/http"
	"time"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/fault"
)

// sessionBody says who is signed in and what they may do.
type sessionBody struct {
	Principal  access.Principal `json:"principal"`
	Powers     []access.Power   `json:"powers"`
	ServerTime time.Time        `json:"server_time"`
	MustChange bool             `json:"must_change"`
	ExpiresAt  *time.Time       `json:"expires_at,omitempty"`
	Version    string           `json:"version"`
}

type sessionReply struct {
	SetCookie string `header:"Set-Cookie"`
	Body      sessionBody
}

type nothing struct{}

type cookieOnly struct {
	SetCookie string `header:"Set-Cookie"`
}

func (a *API) sessionOf(s access.Session, c *http.Cookie) *sessionReply {
	if s.Posts == nil {
		s.Posts = []access.Post{}
	}
	r := &sessionReply{Body: sessionBody{Principal: s.Principal, Powers: s.AllPowers(), ServerTime: a.Clock().UTC(), MustChange: s.MustChange, Version: a.Version}}
	if !s.ExpiresAt.IsZero() {
		r.Body.ExpiresAt = &s.ExpiresAt
	}
	if c != nil {
		r.SetCookie = c.String()
	}
	return r
}

func (a *API) sessionRoutes() {
	route(a, http.MethodPost, "/session", "Sign in", anyone, func(ctx context.Context, _ access.Session, in *struct {
		Body struct {
			Login    string `json:"login" maxLength:"100"`
			Password string `json:"password" maxLength:"1024"`
		}
	}) (*sessionReply, error) {
		s, cookie, err := a.Door.Login(ctx, request(ctx), in.Body.Login, in.Body.Password)
		if err != nil {
			return nil, err
		}
		return a.sessionOf(s, cookie), nil
	})
	route(a, http.MethodGet, "/session", "Who is signed in", signedIn, func(_ context.Context, who access.Session, _ *nothing) (*sessionReply, error) {
		return a.sessionOf(who, nil), nil
	})
	route(a, http.MethodDelete, "/session", "Sign out", signedIn, func(ctx context.Context, who access.Session, _ *nothing) (*cookieOnly, error) {
		cookie, err := a.Door.Logout(ctx, request(ctx), who)
		if err != nil {
			return nil, err
		}
		return &cookieOnly{SetCookie: cookie.String()}, nil
	})
	route(a, http.MethodPost, "/session/password", "Change one's own password", signedIn, func(ctx context.Context, who access.Session, in *struct {
		Body struct {
			Old string `json:"old" maxLength:"1024"`
			New string `json:"new" maxLength:"1024"`
		}
	}) (*nothing, error) {
		if who.Account == 0 {
			return nil, fault.New(fault.Denied, "大屏没有密码")
		}
		return &nothing{}, a.Door.ChangePassword(ctx, who, in.Body.Old, in.Body.New)
	})
	route(a, http.MethodPost, "/kiosk-session", "Pair this browser as a wall screen", anyone, func(ctx context.Context, _ access.Session, in *struct {
		Body struct {
			Code string `json:"code" maxLength:"20"`
		}
	}) (*sessionReply, error) {
		s, cookie, err := a.Door.Pair(ctx, request(ctx), in.Body.Code)
		if err != nil {
			return nil, err
		}
		return a.sessionOf(s, cookie), nil
	})
}
