package api

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/board"
	"github.com/gridward/gridward/server/desk"
	"github.com/gridward/gridward/server/fleet"
	"github.com/gridward/gridward/server/postgres"
)

type commandReply struct{ Body postgres.Command }

type commandList struct {
	Commands []postgres.Command `json:"commands"`
	Next     string             `json:"next,omitempty"`
}

type atCursor struct {
	At time.Time
	ID uuid.UUID
}

// judged says whether a command is overdue.
func (a *API) judged(c postgres.Command) postgres.Command {
	c.Late = c.NeedAck && c.AckDue != nil && c.Acked < c.Count && !a.Clock().Before(*c.AckDue)
	return c
}

// addressed is the command as one of those it is for reads it: without the others.
func addressed(who access.Session, c postgres.Command) postgres.Command {
	c.Targets = slices.DeleteFunc(slices.Clone(c.Targets), func(t postgres.CommandTarget) bool { return !desk.AddressedTo(who.Principal, t) })
	c.Count, c.Acked = len(c.Targets), 0
	for _, t := range c.Targets {
		if t.AckedAt != nil {
			c.Acked++
		}
	}
	return c
}

func (a *API) commandRoutes() {
	route(a, http.MethodPost, "/commands", "Give a command (指令) to people, organisations, or all on duty inside an area", power(access.Dispatch), func(ctx context.Context, who access.Session, in *struct {
		Body struct {
			ClientID string     `json:"client_id,omitempty" maxLength:"64"`
			Text     string     `json:"text"`
			Incident *uuid.UUID `json:"incident,omitempty"`
			NeedAck  bool       `json:"need_ack,omitempty"`
			AckDue   *time.Time `json:"ack_due,omitempty"`
			Targets  struct {
				Workers []int64         `json:"workers,omitempty"`
				Orgs    []int64         `json:"orgs,omitempty"`
				Area    json.RawMessage `json:"area,omitempty" doc:"a shape as POST /area takes it: all on duty inside"`
			} `json:"targets"`
		}
	}) (*commandReply, error) {
		b := in.Body
		draft := desk.CommandDraft{ClientID: b.ClientID, Text: b.Text, Incident: b.Incident, NeedAck: b.NeedAck, AckDue: b.AckDue, Workers: b.Targets.Workers, Orgs: b.Targets.Orgs}
		if len(b.Targets.Area) > 0 && string(b.Targets.Area) != "null" {
			shape, err := readShape(b.Targets.Area)
			if err != nil {
				return nil, err
			}
			if _, err := a.judge(ctx, shape); err != nil {
				return nil, err
			}
			on, err := a.onDutyIn(ctx, shape, who.Scope(access.Dispatch))
			if err != nil {
				return nil, err
			}
			draft.Workers = append(draft.Workers, on...)
			area := shape.MultiPolygon
			draft.Area = &area
		}
		c, err := a.Desk.SendCommand(ctx, who.Principal, draft)
		return &commandReply{a.judged(c)}, err
	})

	route(a, http.MethodGet, "/commands", "Commands for the caller (mine), or sent by the caller and its organisations (sent), newest first", person, func(ctx context.Context, who access.Session, in *struct {
		Paging
		Mine     bool      `query:"mine" doc:"what is for the caller: this one unless told"`
		Sent     bool      `query:"sent"`
		Incident uuid.UUID `query:"incident" doc:"of sent ones: about this case"`
		Late     bool      `query:"late" doc:"those that are not acknowledged in time"`
	}) (*struct{ Body commandList }, error) {
		var at *time.Time
		var id *uuid.UUID
		var c atCursor
		if ok, err := in.read(&c); err != nil {
			return nil, err
		} else if ok {
			at, id = &c.At, &c.ID
		}
		var late *time.Time
		if in.Late {
			now := a.Clock()
			late = &now
		}
		var list []postgres.Command
		var err error
		if in.Sent && !in.Mine {
			var of *uuid.UUID
			if in.Incident != (uuid.UUID{}) {
				of = &in.Incident
			}
			list, err = postgres.CommandsSent(ctx, a.DB.Pool, who.Account, who.Scope(access.Dispatch), of, at, id, in.rows(), late)
		} else {
			list, err = postgres.CommandsFor(ctx, a.DB.Pool, who.Worker, ownOrgs(who), at, id, in.rows(), late)
		}
		if err != nil {
			return nil, err
		}
		list, next := cut(in.Paging, list, func(c postgres.Command) any { return atCursor{c.At, c.ID} })
		for i := range list {
			if !in.Sent || in.Mine {
				list[i] = addressed(who, list[i])
			}
			list[i] = a.judged(list[i])
		}
		return &struct{ Body commandList }{commandList{append([]postgres.Command{}, list...), next}}, nil
	})

	route(a, http.MethodPost, "/commands/{id}/ack", "Acknowledge a command that is for the caller; again changes nothing", person, func(ctx context.Context, who access.Session, in *struct {
		ID   uuid.UUID `path:"id"`
		Body struct {
			Text string `json:"text,omitempty"`
		}
	}) (*commandReply, error) {
		c, err := a.Desk.AckCommand(ctx, who.Principal, in.ID, in.Body.Text)
		return &commandReply{a.judged(addressed(who, c))}, err
	})
}

// ownOrgs are the organisations in which the caller has a post.
func ownOrgs(who access.Session) []int64 {
	orgs := make([]int64, len(who.Posts))
	for i, p := range who.Posts {
		orgs[i] = p.Org
	}
	return orgs
}

// onDutyIn returns the people on duty inside a shape, as far as the scope goes.
// A vehicle takes no commands, and whoever has left is not reached by where he was.
func (a *API) onDutyIn(ctx context.Context, shape drawn, scope []string) ([]int64, error) {
	land, sky, err := a.atlas.read(ctx)
	if err != nil {
		return nil, err
	}
	now, bound := a.Clock(), shape.Bound()
	var ids []int64
	a.Board.Each(scope, func(_ uint32, e *board.Entry) {
		_, session := sky.duty[e.Worker]
		presence := e.Presence(now)
		if e.Vehicle() || !session && !atWork(presence) || presence == fleet.Offline {
			return
		}
		if land.byID[e.Worker] != nil && bound.Contains(e.Point) && shape.holds(e.Point) {
			ids = append(ids, e.Worker)
		}
	})
	slices.Sort(ids)
	return ids, nil
}

type noticeReply struct{ Body postgres.Notice }

// noticed is the notice as the caller may read it: how many have read it is for who may post.
func noticed(who access.Session, n postgres.Notice) postgres.Notice {
	if !who.May(access.Dispatch, n.OrgPath) {
		n.Reads, n.Readers = nil, nil
	}
	return n
}

func (a *API) noticeRoutes() {
	type noticeList struct {
		Notices []postgres.Notice `json:"notices"`
		Next    string            `json:"next,omitempty"`
	}
	route(a, http.MethodGet, "/notices", "Notices (通知公告) for the caller that still hold, newest first", person, func(ctx context.Context, who access.Session, in *struct {
		Paging
		Unread bool `query:"unread"`
	}) (*struct{ Body noticeList }, error) {
		var at *time.Time
		var id *uuid.UUID
		var c atCursor
		if ok, err := in.read(&c); err != nil {
			return nil, err
		} else if ok {
			at, id = &c.At, &c.ID
		}
		list, err := postgres.Notices(ctx, a.DB.Pool, desk.ReaderOf(who.Principal), at, id, a.Clock(), in.Unread, in.rows())
		if err != nil {
			return nil, err
		}
		list, next := cut(in.Paging, list, func(n postgres.Notice) any { return atCursor{n.At, n.ID} })
		for i := range list {
			list[i] = noticed(who, list[i])
		}
		return &struct{ Body noticeList }{noticeList{append([]postgres.Notice{}, list...), next}}, nil
	})
	route(a, http.MethodPost, "/notices", "Publish a notice to an organisation and all below it", power(access.Dispatch), func(ctx context.Context, who access.Session, in *struct {
		Body struct {
			Org         int64      `json:"org,omitempty" doc:"the caller's own unless told"`
			Kind        string     `json:"kind,omitempty" enum:"notice,announcement,urgent,"`
			Title       string     `json:"title"`
			Text        string     `json:"text,omitempty"`
			NeedReceipt bool       `json:"need_read,omitempty"`
			Top         bool       `json:"top,omitempty"`
			ValidUntil  *time.Time `json:"valid_until,omitempty"`
		}
	}) (*noticeReply, error) {
		b := in.Body
		for _, p := range who.Posts {
			if b.Org == 0 && who.May(access.Dispatch, p.Path) {
				b.Org = p.Org
			}
		}
		n, err := a.Desk.PostNotice(ctx, who.Principal, postgres.Notice{Org: b.Org, Kind: b.Kind, Title: b.Title, Text: b.Text, NeedReceipt: b.NeedReceipt, Top: b.Top, ValidUntil: b.ValidUntil})
		return &noticeReply{n}, err
	})
	route(a, http.MethodPost, "/notices/{id}/read", "Say that the caller has read a notice", person, func(ctx context.Context, who access.Session, in *struct {
		ID uuid.UUID `path:"id"`
	}) (*noticeReply, error) {
		n, err := postgres.NoticeByID(ctx, a.DB.Pool, desk.ReaderOf(who.Principal), in.ID)
		if err != nil {
			return nil, err
		}
		if err := postgres.ReadNotice(ctx, a.DB.Pool, n.ID, who.Account, a.Clock()); err != nil {
			return nil, err
		}
		n, err = postgres.NoticeByID(ctx, a.DB.Pool, desk.ReaderOf(who.Principal), in.ID)
		return &noticeReply{noticed(who, n)}, err
	})
	type receiptList struct {
		Notice   postgres.Notice    `json:"notice"`
		Receipts []postgres.Receipt `json:"receipts"`
	}
	route(a, http.MethodGet, "/notices/{id}/receipts", "Who has read a notice, and who has not", power(access.Dispatch), func(ctx context.Context, who access.Session, in *struct {
		ID uuid.UUID `path:"id"`
	}) (*struct{ Body receiptList }, error) {
		n, err := postgres.NoticeByID(ctx, a.DB.Pool, desk.ReaderOf(who.Principal), in.ID)
		if err != nil {
			return nil, err
		}
		list, err := postgres.Receipts(ctx, a.DB.Pool, n.ID, who.Scope(access.Dispatch))
		return &struct{ Body receiptList }{receiptList{noticed(who, n), append([]postgres.Receipt{}, list...)}}, err
	})
}
