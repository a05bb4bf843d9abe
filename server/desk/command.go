package desk

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/deadline"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/journal"
	"github.com/gridward/gridward/server/postgres"
)

// CommandDraft is a command (指令) before it is given.
type CommandDraft struct {
	ClientID string // makes sending again harmless
	Text     string
	Incident *uuid.UUID
	NeedAck  bool
	AckDue   *time.Time
	Workers  []int64
	Orgs     []int64
	Area     *orb.MultiPolygon // that the workers were found in
}

// mostAddressed is to how many one command can be given.
const mostAddressed = 500

// commandBody is what the journal says to one organisation about a command:
// whom of its people it is for, and nothing of the others.
type commandBody struct {
	ID       uuid.UUID   `json:"id"`
	At       time.Time   `json:"at"`
	ByName   string      `json:"by_name"`
	Text     string      `json:"text,omitempty"`
	Incident *uuid.UUID  `json:"incident,omitempty"`
	NeedAck  bool        `json:"need_ack"`
	AckDue   *time.Time  `json:"ack_due,omitempty"`
	Org      int64       `json:"org"`
	OrgName  string      `json:"org_name"`
	Targets  []addressed `json:"targets"`
	Count    int         `json:"count"`           // of the organisation's targets
	Acked    int         `json:"acked"`           // of these
	Reply    string      `json:"reply,omitempty"` // of an acknowledgement
}

type addressed struct {
	Nr      int16  `json:"nr"`
	Worker  *int64 `json:"worker,omitempty"`
	Name    string `json:"name,omitempty"`
	AckName string `json:"acked_name,omitempty"`
}

// SendCommand gives a command to workers and organisations of the caller's
// scope. Sent again under the same ClientID it answers with the first.
func (d *Desk) SendCommand(ctx context.Context, by access.Principal, draft CommandDraft) (postgres.Command, error) {
	now := d.clock().UTC().Truncate(time.Microsecond)
	if err := draft.check(now); err != nil {
		return postgres.Command{}, err
	}
	scope := by.Scope(access.Dispatch)
	if len(scope) == 0 {
		return postgres.Command{}, fault.New(fault.Denied, "您没有下达指令的权限")
	}
	var out postgres.Command
	var regions []int64
	err := d.db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if draft.ClientID != "" {
			known, ok, err := postgres.CommandByClient(ctx, tx, by.Account, draft.ClientID)
			if err != nil || ok {
				out = known
				return err
			}
		}
		targets, err := postgres.Addressees(ctx, tx, draft.Workers, draft.Orgs, scope)
		if err != nil {
			return err
		}
		if draft.Incident != nil {
			ok, err := postgres.IncidentVisible(ctx, tx, *draft.Incident, postgres.Viewer{Scope: scope, Account: by.Account})
			if err != nil {
				return err
			}
			if !ok {
				return fault.New(fault.Missing, "没有这个事件，或者不在您的管辖范围")
			}
		}
		id, err := newID()
		if err != nil {
			return err
		}
		from := postFor(by, access.Dispatch, targets[0].OrgPath)
		c := postgres.Command{ID: id, Region: from.Region, Org: from.Org, By: by.Account, ByName: by.Name, At: now, Text: draft.Text, Incident: draft.Incident,
			NeedAck: draft.NeedAck, AckDue: draft.AckDue, Area: draft.Area, ClientID: draft.ClientID, Targets: targets}
		if err := postgres.InsertCommand(ctx, tx, c); err != nil {
			return err
		}
		if out, err = postgres.CommandByID(ctx, tx, id, false); err != nil {
			return err
		}
		if c.AckDue != nil {
			if err := deadline.InsertAt(ctx, tx, deadline.Acks{Command: id}, *c.AckDue); err != nil {
				return err
			}
		}
		regions, err = tell(ctx, tx, c, commandSent, by.Account)
		return err
	})
	if postgres.Violates(err, "command_client") { // the same command came twice at once
		out, _, err = postgres.CommandByClient(ctx, d.db.Pool, by.Account, draft.ClientID)
	}
	if err != nil {
		return postgres.Command{}, err
	}
	for _, region := range regions {
		d.ring(region)
	}
	return out, nil
}

func (c *CommandDraft) check(now time.Time) error {
	wrong := map[string]string{}
	c.Text = strings.TrimSpace(c.Text)
	switch n := utf8.RuneCountInString(c.Text); {
	case n == 0:
		wrong["text"] = "请填写指令内容"
	case n > 500 || !utf8.ValidString(c.Text) || strings.ContainsRune(c.Text, 0):
		wrong["text"] = "指令内容太长或含有无法保存的字符"
	}
	for _, list := range []*[]int64{&c.Workers, &c.Orgs} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	switch n := len(c.Workers) + len(c.Orgs); {
	case n == 0 && c.Area != nil:
		wrong["targets"] = "这个区域内没有在岗人员"
	case n == 0:
		wrong["targets"] = "请选择指令的接收人"
	case n > mostAddressed:
		wrong["targets"] = fmt.Sprintf("接收人 %d 个，最多 %d 个", n, mostAddressed)
	}
	if len(c.ClientID) > 64 {
		wrong["client_id"] = "太长"
	}
	if c.AckDue != nil && !c.AckDue.After(now) {
		wrong["ack_due"] = "回执期限已经过去"
	}
	c.NeedAck = c.NeedAck || c.AckDue != nil
	if len(wrong) == 0 {
		return nil
	}
	f := fault.New(fault.Invalid, "指令有误，请检查标出的项目")
	f.Fields = wrong
	return f
}

// postFor is the post from which a principal acts on an organisation.
func postFor(by access.Principal, power access.Power, path string) access.Post {
	for _, p := range by.Posts {
		if access.Covers(p.Path, path) && slices.Contains(access.Powers(p.Role), power) {
			return p
		}
	}
	return access.Post{}
}

// What the journal says of a command.
const (
	commandSent    = "command.sent"
	commandOverdue = "command.overdue"
)

// tell writes a command into the journals: one entry for each organisation
// that it is for, regions in ascending order. An overdue one is told to those
// alone that owe an acknowledgement, and to whoever is above them. It takes
// the regions' rows: call it last.
func tell(ctx context.Context, tx pgx.Tx, c postgres.Command, kind string, actor int64) (regions []int64, err error) {
	bodies := map[string]*commandBody{}
	type place struct {
		region int64
		path   string
	}
	var places []place
	for _, t := range c.Targets {
		b := bodies[t.OrgPath]
		if b == nil {
			b = &commandBody{ID: c.ID, At: c.At, ByName: c.ByName, Text: c.Text, Incident: c.Incident, NeedAck: c.NeedAck, AckDue: c.AckDue, Org: t.Org, OrgName: t.OrgName}
			bodies[t.OrgPath] = b
			places = append(places, place{t.Region, t.OrgPath})
		}
		b.Count++
		if t.AckedAt != nil {
			b.Acked++
			continue
		}
		b.Targets = append(b.Targets, addressed{Nr: t.Nr, Worker: t.Worker, Name: t.Name})
	}
	places = slices.DeleteFunc(places, func(p place) bool { return len(bodies[p.path].Targets) == 0 })
	slices.SortFunc(places, func(a, b place) int {
		if a.region != b.region {
			return int(min(max(a.region-b.region, -1), 1))
		}
		return strings.Compare(a.path, b.path)
	})
	for _, p := range places {
		e, err := journal.About(kind, c.ID.String(), p.path, actor, bodies[p.path])
		if err != nil {
			return nil, err
		}
		if _, err := postgres.AppendJournal(ctx, tx, p.region, e); err != nil {
			return nil, err
		}
		if len(regions) == 0 || regions[len(regions)-1] != p.region {
			regions = append(regions, p.region)
		}
	}
	return regions, nil
}

// AckCommand says that whoever the command is for has taken it: the worker
// himself, or somebody with a post in the organisation. Doing it again changes
// nothing.
func (d *Desk) AckCommand(ctx context.Context, by access.Principal, id uuid.UUID, text string) (postgres.Command, error) {
	text = strings.TrimSpace(text)
	if utf8.RuneCountInString(text) > 500 || !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return postgres.Command{}, fault.New(fault.Invalid, "回执内容太长或含有无法保存的字符").At("text")
	}
	var (
		out    postgres.Command
		region int64
	)
	now := d.clock().UTC().Truncate(time.Microsecond)
	err := d.db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		c, err := postgres.CommandByID(ctx, tx, id, true)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(c.Targets, func(t postgres.CommandTarget) bool { return AddressedTo(by, t) && t.AckedAt == nil })
		if i < 0 && !slices.ContainsFunc(c.Targets, func(t postgres.CommandTarget) bool { return AddressedTo(by, t) }) {
			return fault.New(fault.Missing, "没有这条指令，或者不是给您的")
		}
		if i < 0 {
			out = c
			return nil
		}
		t := c.Targets[i]
		if _, err := postgres.AckCommand(ctx, tx, id, t.Nr, now, by.Account, by.Name, text); err != nil {
			return err
		}
		if out, err = postgres.CommandByID(ctx, tx, id, false); err != nil {
			return err
		}
		region = t.Region
		body := commandBody{ID: c.ID, At: now, ByName: by.Name, Incident: c.Incident, NeedAck: c.NeedAck, AckDue: c.AckDue, Org: t.Org, OrgName: t.OrgName, Reply: text,
			Targets: []addressed{{Nr: t.Nr, Worker: t.Worker, Name: t.Name, AckName: by.Name}}}
		for _, other := range out.Targets {
			if other.OrgPath == t.OrgPath {
				body.Count++
				if other.AckedAt != nil {
					body.Acked++
				}
			}
		}
		e, err := journal.About("command.acked", id.String(), t.OrgPath, by.Account, body)
		if err != nil {
			return err
		}
		_, err = postgres.AppendJournal(ctx, tx, region, e)
		return err
	})
	if err != nil {
		return postgres.Command{}, err
	}
	if region != 0 {
		d.ring(region)
	}
	return out, nil
}

// AddressedTo reports whether a target of a command is the principal: the
// worker, or the organisation in which it has a post.
func AddressedTo(by access.Principal, t postgres.CommandTarget) bool {
	if t.Worker != nil {
		return by.Worker != 0 && *t.Worker == by.Worker
	}
	return slices.ContainsFunc(by.Posts, func(p access.Post) bool { return p.Org == t.Org })
}
