package api

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/desk"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/metric"
	"github.com/gridward/gridward/server/postgres"
)

type incidentList struct {
	Incidents []incident.Incident `json:"incidents"`
	Next      string              `json:"next,omitempty"`
	Total     int64               `json:"total"`
	Capped    bool                `json:"total_approximate,omitempty" doc:"there are more than total; open cases and statistics are always counted to the end"`
}

func (l incidentList) table() ([]string, [][]string) {
	rows := make([][]string, len(l.Incidents))
	for i, n := range l.Incidents {
		lon, lat := "", ""
		if n.Point != nil {
			lon, lat = strconv.FormatFloat(n.Point[0], 'f', 6, 64), strconv.FormatFloat(n.Point[1], 'f', 6, 64)
		}
		tier := ""
		if n.Tier != nil {
			tier = metric.TierName(*n.Tier)
		}
		rows[i] = []string{n.CaseNo, localTime(n.ReportedAt), n.Title, n.Category, string(n.Urgency), string(n.State), incident.Sources()[n.Source], n.OrgName, n.GridName, n.Address, lon, lat, n.ReporterName, n.Description,
			tier, n.OwnerName, localInstant(n.CaseDue), localInstant(n.ClosedAt)}
	}
	return []string{"案号", "上报时间", "标题", "类别", "紧急程度", "状态", "来源", "社区(村)", "网格", "地址", "经度", "纬度", "上报人", "描述", "层级", "当前责任单位", "办结时限", "结案时间"}, rows
}

func localInstant(t *time.Time) string {
	if t == nil {
		return ""
	}
	return localTime(*t)
}

type incidentQuery struct {
	Paging
	State    string    `query:"state"`
	Urgency  string    `query:"urgency" enum:"critical,urgent,normal,notice,"`
	Category string    `query:"category" doc:"this category and those below it"`
	Org      int64     `query:"org" doc:"on whose ground it lies, and below"`
	Grid     int64     `query:"grid"`
	From     time.Time `query:"from"`
	To       time.Time `query:"to"`
	Q        string    `query:"q" maxLength:"60"`
	Tier     int16     `query:"tier" minimum:"0" maximum:"4"`
	Source   string    `query:"source"`
	Kind     string    `query:"kind"`
	Owner    int64     `query:"owner" doc:"in whose court the ball is (organisation), and below"`
	SLA      string    `query:"sla" enum:"late,soon," doc:"open cases that are overdue (逾期), or soon to be (临期)"`
	Queue    string    `query:"queue" doc:"a code of GET /queues"`
	Drill    string    `query:"drill" enum:"true,false," doc:"drills alone, or without them"`
	Sort     string    `query:"sort" enum:"newest,due," doc:"due: open cases, first what is due first"`
}

func (in incidentQuery) filter(who access.Session, now time.Time) (f postgres.IncidentFilter, err error) {
	f = postgres.IncidentFilter{
		Scope: who.Scope(access.SeeMap), Mine: who.Account, State: in.State, Urgency: in.Urgency, Category: in.Category,
		Org: some(in.Org), Grid: some(in.Grid), Owner: some(in.Owner), From: instant(in.From), To: instant(in.To), Query: in.Q,
		Tier: in.Tier, Source: in.Source, Kind: in.Kind, SLA: in.SLA, Queue: incident.Queue(in.Queue), Due: in.Sort == "due",
		Acting: acting(who.Principal), Now: now, Limit: in.rows(),
	}
	if in.Drill != "" {
		drill := in.Drill == "true"
		f.Drill = &drill
	}
	if in.Queue != "" && !incident.QueueKnown(f.Queue) {
		return f, fault.New(fault.Invalid, "没有这个待办分组").At("queue")
	}
	var after incident.ListCursor
	if ok, err := in.read(&after); err != nil {
		return f, err
	} else if ok {
		f.After = &after
	}
	return f, nil
}

// acting is for whom somebody works. Whoever handles acts for his organisation
// and what belongs to it; a command room for its region.
func acting(p access.Principal) (a postgres.Acting) {
	a.Worker = p.Worker
	for _, post := range p.Posts {
		can := access.Powers(post.Role)
		if !slices.Contains(can, access.SeeMap) {
			continue // a worker in the field acts for himself
		}
		if slices.Contains(can, access.Handle) {
			a.Depts = append(a.Depts, post.Org)
		}
		if slices.Contains(can, access.Dispatch) {
			a.Orgs = append(a.Orgs, post.Org)
			if slices.Contains(can, access.WatchLog) {
				a.Orgs = append(a.Orgs, post.Region)
			}
		}
	}
	return a
}

func (a *API) listRoutes() {
	route(a, http.MethodGet, "/incidents", "List incidents, newest first", power(access.SeeMap), func(ctx context.Context, who access.Session, in *incidentQuery) (*struct {
		ListHead
		Body incidentList
	}, error) {
		f, err := in.filter(who, a.Clock())
		if err != nil {
			return nil, err
		}
		found, err := postgres.ListIncidents(ctx, a.DB.Pool, f, true)
		if err != nil {
			return nil, err
		}
		if err := a.exported(ctx, in.Paging, who, "incidents.exported", "", map[string]any{"rows": len(found.Incidents), "format": in.Format}); err != nil {
			return nil, err
		}
		list, next := cut(in.Paging, found.Incidents, cursorOf(f.Due))
		list = onScreen(who, list)
		return &struct {
			ListHead
			Body incidentList
		}{head(in.Paging, "incidents", a.Clock()), incidentList{list, next, found.Total, found.Capped}}, nil
	})

	type queueList struct {
		At        time.Time             `json:"at"`
		Queues    []incident.QueueCount `json:"queues"`
		Reminders []reminder            `json:"reminders" doc:"what is late and no case: commands that nobody acknowledged (指令未回执), whistles to which nobody came (吹哨超时)"`
	}
	route(a, http.MethodGet, "/queues", "What there is to do, grouped, for the posts of the caller; the codes of queues filter GET /incidents", power(access.SeeMap), func(ctx context.Context, who access.Session, _ *nothing) (*struct{ Body queueList }, error) {
		now := a.Clock()
		open, err := postgres.OpenCases(ctx, a.DB.Pool, who.Scope(access.SeeMap), who.Account, acting(who.Principal), now)
		if err != nil {
			return nil, err
		}
		late, err := a.reminders(ctx, who, now)
		return &struct{ Body queueList }{queueList{now.UTC(), incident.Queues(who.Principal, open), late}}, err
	})
}

// reminder is how much of something is late that is no case.
type reminder struct {
	Code  string `json:"code" enum:"ack_owed,ack_missing,whistle_late"`
	Name  string `json:"name"`
	Count int    `json:"count"`
}

// reminders counts what is late for the caller beside its cases. A wall owes
// no acknowledgement.
func (a *API) reminders(ctx context.Context, who access.Session, now time.Time) ([]reminder, error) {
	scope := who.Scope(access.Dispatch)
	n, err := postgres.CountLate(ctx, a.DB.Pool, now, who.Worker, ownOrgs(who), scope, desk.WhistleScopeOf(who.Principal))
	if err != nil {
		return nil, err
	}
	list := []reminder{}
	if who.Account != 0 {
		list = append(list, reminder{"ack_owed", "待我回执", n.Owed})
	}
	if len(scope) > 0 {
		list = append(list, reminder{"ack_missing", "指令未回执", n.Missing})
	}
	return append(list, reminder{"whistle_late", "吹哨超时", n.Whistles}), nil
}

// cursorOf tells where a page ends, in a list sorted by what is due or by the newest.
func cursorOf(due bool) func(incident.Incident) any {
	return func(i incident.Incident) any {
		if due {
			return incident.ListCursor{At: i.NextDue(), ID: i.ID}
		}
		return incident.ListCursor{At: &i.ReportedAt, ID: i.ID}
	}
}
