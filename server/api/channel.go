package api

import (
	"cmp"
	"context"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/courier"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/postgres"
)

// channelBody is a channel as it is written. Secrets go in and never come out.
type channelBody struct {
	Org       int64             `json:"org,omitempty" doc:"whose subtree it tells of; fixed once it is made"`
	Kind      string            `json:"kind,omitempty" enum:"webhook,smtp,dingtalk,wecom," doc:"fixed once it is made"`
	Name      string            `json:"name" maxLength:"60"`
	Enabled   bool              `json:"enabled"`
	People    bool              `json:"people,omitempty" doc:"unmasked people and sensitive cases may leave by it; needs see_people"`
	Drills    bool              `json:"drills,omitempty"`
	Events    []string          `json:"events" maxItems:"80" doc:"incident.dispatched, incident.*, sos.*, …"`
	Tiers     []int16           `json:"tiers,omitempty" maxItems:"4" doc:"of cases; none = all"`
	Urgencies []string          `json:"urgencies,omitempty" maxItems:"4"`
	Category  string            `json:"category,omitempty" maxLength:"40" doc:"this category and what lies under it"`
	Settings  map[string]string `json:"settings" doc:"webhook: url; smtp: host port security user from to; dingtalk: base app_key agent_id to_users to_depts; wecom: base corp_id agent_id to_users to_parties to_tags; each: ca (PEM)"`
	Secrets   map[string]string `json:"secrets,omitempty" doc:"webhook: secret; smtp: password; dingtalk: app_secret; wecom: corp_secret. Left out = as it was"`
	Version   int32             `json:"version,omitempty" doc:"of a change: what was read"`
}

// into puts what was written into the channel.
func (b channelBody) into(c postgres.Channel) postgres.Channel {
	c.Name, c.Enabled, c.People, c.Drills, c.Category, c.Settings = b.Name, b.Enabled, b.People, b.Drills, strings.TrimSpace(b.Category), b.Settings
	c.Events, c.Tiers, c.Urgencies = list(b.Events), list(b.Tiers), list(b.Urgencies)
	return c
}

// list is never nil: columns and JSON want an empty one.
func list[T cmp.Ordered](given []T) []T {
	kept := slices.Clone(given)
	slices.Sort(kept)
	return append([]T{}, slices.Compact(kept)...)
}

type channelMade struct {
	Channel postgres.Channel `json:"channel"`
	Secret  string           `json:"secret,omitempty" doc:"the signing key that was made for a webhook, shown this once"`
}

type eventName struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
}

// channelOf returns one channel of the scope.
func (a *API) channelOf(ctx context.Context, who access.Session, id int64) (postgres.Channel, error) {
	c, err := postgres.ChannelByID(ctx, a.DB.Pool, id)
	if err == nil && !who.May(access.ManageRules, c.OrgPath) {
		err = fault.New(fault.Missing, "没有这个消息通道，或者不在您的管辖范围")
	}
	return c, err
}

// mayShowPeople refuses to let somebody who may not see people send them to a
// receiver of his choice.
func mayShowPeople(who access.Session, path string) error {
	if who.May(access.SeePeople, path) {
		return nil
	}
	return fault.New(fault.Denied, "这个通道会发送未脱敏的人员信息，只有有权查看人员信息的人才能设置它发往何处").At("people")
}

func (a *API) channelRoutes() {
	route(a, http.MethodGet, "/channels", "Channels of the scope by which messages leave, and the kinds of messages there are", power(access.ManageRules), func(ctx context.Context, who access.Session, _ *nothing) (*struct {
		Body struct {
			Channels []postgres.Channel `json:"channels"`
			Events   []eventName        `json:"events"`
		}
	}, error) {
		out := &struct {
			Body struct {
				Channels []postgres.Channel `json:"channels"`
				Events   []eventName        `json:"events"`
			}
		}{}
		for _, kind := range slices.Sorted(maps.Keys(courier.Events())) {
			if kind != courier.KindTrial {
				out.Body.Events = append(out.Body.Events, eventName{kind, courier.Events()[kind]})
			}
		}
		var err error
		out.Body.Channels, err = postgres.ListChannels(ctx, a.DB.Pool, who.Scope(access.ManageRules))
		return out, err
	})

	route(a, http.MethodPost, "/channels", "Open a channel; a webhook without a secret is given one, shown once", power(access.ManageRules), func(ctx context.Context, who access.Session, in *struct{ Body channelBody }) (*struct{ Body channelMade }, error) {
		b := in.Body
		path, err := postgres.OrgPlace(ctx, a.DB.Pool, b.Org)
		if err != nil || !who.May(access.ManageRules, path) {
			if err == nil || fault.Is(err, fault.Missing) {
				err = fault.New(fault.Missing, "没有这个组织机构，或者不在您的管辖范围")
			}
			return nil, err
		}
		if b.People {
			if err := mayShowPeople(who, path); err != nil {
				return nil, err
			}
		}
		var out channelMade
		if b.Kind == "webhook" && b.Secrets["secret"] == "" {
			out.Secret = courier.NewSecret()
			b.Secrets = map[string]string{"secret": out.Secret}
		}
		c := b.into(postgres.Channel{Org: b.Org, Kind: b.Kind})
		if err := courier.Check(&c, b.Secrets, nil); err != nil {
			return nil, err
		}
		err = a.DB.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
			id, err := postgres.InsertChannel(ctx, tx, c, courier.SealSecrets(a.Seal, b.Secrets), courier.SealAckKey(a.Seal), who.Account, a.Clock())
			if err != nil {
				return err
			}
			if out.Channel, err = postgres.ChannelByID(ctx, tx, id); err != nil {
				return err
			}
			return a.audit(ctx, tx, who, "channel.added", c.Name, map[string]any{"channel": id, "kind": c.Kind, "people": c.People})
		})
		return &struct{ Body channelMade }{out}, err
	}, created)

	route(a, http.MethodPut, "/channels/{id}", "Change a channel", power(access.ManageRules), func(ctx context.Context, who access.Session, in *struct {
		ID   int64 `path:"id"`
		Body channelBody
	}) (*struct{ Body postgres.Channel }, error) {
		was, err := a.channelOf(ctx, who, in.ID)
		if err != nil {
			return nil, err
		}
		b := in.Body
		c := b.into(was)
		c.Version = b.Version
		if err := courier.Check(&c, b.Secrets, was.Secrets); err != nil {
			return nil, err
		}
		if c.People && (!was.People || courier.Elsewhere(was.Settings, c.Settings, b.Secrets)) {
			if err := mayShowPeople(who, was.OrgPath); err != nil {
				return nil, err
			}
		}
		err = a.DB.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
			if err := postgres.UpdateChannel(ctx, tx, c, courier.SealSecrets(a.Seal, b.Secrets), a.Clock()); err != nil {
				return err
			}
			if c, err = postgres.ChannelByID(ctx, tx, in.ID); err != nil {
				return err
			}
			return a.audit(ctx, tx, who, "channel.changed", c.Name, map[string]any{
				"channel": c.ID, "enabled": c.Enabled, "people": c.People, "receiver_changed": courier.Elsewhere(was.Settings, c.Settings, b.Secrets), "secrets": slices.Sorted(maps.Keys(b.Secrets))})
		})
		a.Sending()
		return &struct{ Body postgres.Channel }{c}, err
	})

	route(a, http.MethodDelete, "/channels/{id}", "Close a channel: its secrets are erased, what waits is given up, what it sent stays on record", power(access.ManageRules), func(ctx context.Context, who access.Session, in *struct {
		ID int64 `path:"id"`
	}) (*nothing, error) {
		c, err := a.channelOf(ctx, who, in.ID)
		if err != nil {
			return nil, err
		}
		return &nothing{}, a.DB.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
			if err := postgres.RetireChannel(ctx, tx, c.ID, a.Clock()); err != nil {
				return err
			}
			return a.audit(ctx, tx, who, "channel.removed", c.Name, map[string]any{"channel": c.ID})
		})
	})

	route(a, http.MethodPost, "/channels/{id}/try", "Send a message on trial, the way every message goes; the answer is the delivery, to be looked at again", power(access.ManageRules), func(ctx context.Context, who access.Session, in *struct {
		ID int64 `path:"id"`
	}) (*struct{ Body postgres.Delivery }, error) {
		c, err := a.channelOf(ctx, who, in.ID)
		if err != nil {
			return nil, err
		}
		d, err := courier.Trial(c.ID)
		if err != nil {
			return nil, err
		}
		var out postgres.Delivery
		err = a.DB.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
			if err := postgres.InsertTrial(ctx, tx, d, a.Clock()); err != nil {
				return err
			}
			if out, err = postgres.DeliveryByID(ctx, tx, d.ID); err != nil {
				return err
			}
			return a.audit(ctx, tx, who, "channel.tried", c.Name, map[string]any{"channel": c.ID})
		})
		a.Sending()
		return &struct{ Body postgres.Delivery }{out}, err
	}, accepted)
	a.deliveryRoutes()
}

type deliveryList struct {
	Deliveries []postgres.Delivery `json:"deliveries"`
	Next       string              `json:"next,omitempty"`
	Total      int64               `json:"total"`
}

var deliveryStates = map[string]string{"waiting": "待发送", "failed": "发送失败，将重试", "sent": "已送达", "acked": "已回执", "dead": "发送失败，已停止"}

func (l deliveryList) table() ([]string, [][]string) {
	at := func(t *time.Time) string {
		if t == nil {
			return ""
		}
		return localTime(*t)
	}
	rows := make([][]string, len(l.Deliveries))
	for i, d := range l.Deliveries {
		rows[i] = []string{d.ID.String(), localTime(d.CreatedAt), d.OrgName, d.ChannelName, cmp.Or(courier.Events()[d.Kind], d.Kind), d.CaseNo, deliveryStates[d.State], strconv.Itoa(int(d.Attempts)), at(d.NextAt), d.LastError, at(d.SentAt), at(d.AckedAt), d.AckedBy}
	}
	return []string{"编号", "产生时间", "组织机构", "通道", "消息", "案号", "状态", "发送次数", "下次发送", "失败原因", "送达时间", "回执时间", "回执人"}, rows
}

type deliveryCursor struct {
	At time.Time
	ID uuid.UUID
}

func (a *API) deliveryRoutes() {
	route(a, http.MethodGet, "/deliveries", "Messages that left or could not, newest first", power(access.ManageRules), func(ctx context.Context, who access.Session, in *struct {
		Paging
		State    string    `query:"state" doc:"waiting failed sent acked dead; several with commas"`
		Channel  int64     `query:"channel"`
		Incident uuid.UUID `query:"incident"`
		From     time.Time `query:"from"`
		To       time.Time `query:"to"`
		Q        string    `query:"q" maxLength:"60" doc:"how the kind or the case number begins"`
	}) (*struct {
		ListHead
		Body deliveryList
	}, error) {
		f := postgres.DeliveryFilter{Scope: who.Scope(access.ManageRules), Channel: some(in.Channel), From: instant(in.From), To: instant(in.To), Q: in.Q, Limit: in.rows()}
		if in.State != "" {
			f.States = strings.Split(in.State, ",")
		}
		if in.Incident != uuid.Nil {
			f.Subject = in.Incident.String()
		}
		var at deliveryCursor
		if ok, err := in.read(&at); err != nil {
			return nil, err
		} else if ok {
			f.BeforeAt, f.BeforeID = &at.At, &at.ID
		}
		list, total, err := postgres.ListDeliveries(ctx, a.DB.Pool, f)
		if err != nil {
			return nil, err
		}
		if err := a.exported(ctx, in.Paging, who, "deliveries.exported", "", map[string]any{"rows": len(list)}); err != nil {
			return nil, err
		}
		list, next := cut(in.Paging, list, func(d postgres.Delivery) any { return deliveryCursor{d.CreatedAt, d.ID} })
		return &struct {
			ListHead
			Body deliveryList
		}{head(in.Paging, "deliveries", a.Clock()), deliveryList{list, next, total}}, nil
	})

	route(a, http.MethodPost, "/deliveries/{id}/retry", "Send again at once what failed", power(access.ManageRules), func(ctx context.Context, who access.Session, in *struct {
		ID uuid.UUID `path:"id"`
	}) (*struct{ Body postgres.Delivery }, error) {
		d, err := postgres.DeliveryByID(ctx, a.DB.Pool, in.ID)
		if err == nil && !who.May(access.ManageRules, d.OrgPath) {
			err = fault.New(fault.Missing, "没有这条消息，或者不在您的管辖范围")
		}
		if err != nil {
			return nil, err
		}
		if _, err := postgres.ChannelByID(ctx, a.DB.Pool, d.Channel); err != nil {
			return nil, fault.New(fault.Conflict, "消息通道已删除，无法重发")
		}
		err = a.DB.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
			if err := postgres.RetryDelivery(ctx, tx, d.ID, a.Clock()); err != nil {
				return err
			}
			if d, err = postgres.DeliveryByID(ctx, tx, d.ID); err != nil {
				return err
			}
			return a.audit(ctx, tx, who, "delivery.retried", d.CaseNo, map[string]any{"delivery": d.ID, "channel": d.Channel})
		})
		a.Sending()
		return &struct{ Body postgres.Delivery }{d}, err
	})
}

func accepted(op *huma.Operation) { op.DefaultStatus = http.StatusAccepted }
