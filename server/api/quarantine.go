package api

import (
	"context"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/postgres"
)

type heldBody struct {
	ID         int64     `json:"id"`
	ReceivedAt time.Time `json:"received_at"`
	LastAt     time.Time `json:"last_at"`
	Device     string    `json:"device"`
	Protocol   string    `json:"protocol"`
	Reason     string    `json:"reason"`
	Detail     string    `json:"detail"`
	Seen       int       `json:"seen"`
	Preview    string    `json:"preview"`
	State      string    `json:"state"`
	Outcome    string    `json:"outcome,omitempty"`
}

// previewBytes is how much of a record a list shows.
const previewBytes = 300

func heldOf(h postgres.Held) heldBody {
	text := h.Query
	if len(h.Body) > 0 {
		body := h.Body[:min(len(h.Body), previewBytes)]
		if utf8.Valid(h.Body) || strings.HasPrefix(h.ContentType, "application/json") {
			text = strings.TrimSpace(text + " " + strings.ToValidUTF8(string(body), "�"))
		} else {
			text = strings.TrimSpace(text + " (binary)")
		}
	}
	if len(text) > previewBytes {
		text = strings.ToValidUTF8(text[:previewBytes], "") + "…"
	}
	return heldBody{h.ID, h.ReceivedAt.UTC(), h.LastAt.UTC(), h.DeviceIdent, h.Protocol, string(h.Reason), h.Detail, h.Seen, text, h.State, h.Outcome}
}

func (a *API) quarantineRoutes() {
	route(a, http.MethodGet, "/quarantine", "Records that were taken but could not become fixes", power(access.SeeDevices), func(ctx context.Context, who access.Session, in *struct {
		Paging
		State    string `query:"state" enum:"held,replayed,discarded," default:"held"`
		Protocol string `query:"protocol"`
		Reason   string `query:"reason"`
	}) (*struct {
		Body struct {
			Items []heldBody `json:"items"`
			Next  string     `json:"next,omitempty"`
		}
	}, error) {
		f := postgres.HeldFilter{Scope: who.Scope(access.SeeDevices), State: in.State, Protocol: in.Protocol, Reason: in.Reason, Limit: in.rows()}
		if _, err := in.read(&f.Before); err != nil {
			return nil, err
		}
		list, err := postgres.ListHeld(ctx, a.DB.Pool, f)
		if err != nil {
			return nil, err
		}
		out := &struct {
			Body struct {
				Items []heldBody `json:"items"`
				Next  string     `json:"next,omitempty"`
			}
		}{}
		list, out.Body.Next = cut(in.Paging, list, func(h postgres.Held) any { return h.ID })
		out.Body.Items = make([]heldBody, len(list))
		for i := range list {
			out.Body.Items[i] = heldOf(list[i])
		}
		return out, nil
	})

	type decided struct {
		Body struct {
			ID      int64  `json:"id"`
			State   string `json:"state"`
			Outcome string `json:"outcome"`
		}
	}
	route(a, http.MethodPost, "/quarantine/{id}/replay", "Read a record again, as if it came now", power(access.ManageDevices), func(ctx context.Context, who access.Session, in *struct {
		ID int64 `path:"id"`
	}) (*decided, error) {
		if _, err := postgres.HeldByID(ctx, a.DB.Pool, in.ID, who.Scope(access.ManageDevices)); err != nil {
			return nil, err
		}
		if a.Replay == nil {
			return nil, fault.New(fault.Busy, "这台服务器没有接收定位的入口，无法重放")
		}
		outcome, err := a.Replay(ctx, in.ID, who.Scope(access.ManageDevices), who.Account)
		if err != nil {
			return nil, err
		}
		held, err := postgres.HeldByID(ctx, a.DB.Pool, in.ID, who.Scope(access.ManageDevices))
		if err != nil {
			return nil, err
		}
		out := &decided{}
		out.Body.ID, out.Body.State, out.Body.Outcome = in.ID, held.State, outcome
		return out, a.audit(ctx, a.DB.Pool, who, "quarantine.replayed", held.DeviceIdent, map[string]any{"id": in.ID, "outcome": outcome})
	})
	route(a, http.MethodPost, "/quarantine/{id}/discard", "Give a record up, with a reason", power(access.ManageDevices), func(ctx context.Context, who access.Session, in *struct {
		ID   int64 `path:"id"`
		Body struct {
			Reason string `json:"reason" minLength:"2" maxLength:"200"`
		}
	}) (*decided, error) {
		held, err := postgres.HeldByID(ctx, a.DB.Pool, in.ID, who.Scope(access.ManageDevices))
		if err != nil {
			return nil, err
		}
		if err := postgres.DecideHeld(ctx, a.DB.Pool, in.ID, "discarded", in.Body.Reason, who.Account, a.Clock()); err != nil {
			return nil, err
		}
		out := &decided{}
		out.Body.ID, out.Body.State, out.Body.Outcome = in.ID, "discarded", in.Body.Reason
		return out, a.audit(ctx, a.DB.Pool, who, "quarantine.discarded", held.DeviceIdent, map[string]any{"id": in.ID, "reason": in.Body.Reason})
	})
}
