package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/desk"
	"github.com/gridward/gridward/server/postgres"
)

type watchList struct {
	Entries []postgres.WatchEntry `json:"entries"`
	Next    string                `json:"next,omitempty"`
}

var watchKinds = map[string]string{"call": "来电", "event": "事件", "instruction": "指示", "inspection": "查岗", "note": "记事", "handover": "交接班"}

func (l watchList) table() ([]string, [][]string) {
	rows := make([][]string, len(l.Entries))
	for i, e := range l.Entries {
		rows[i] = []string{localTime(e.At), e.RoomName, watchKinds[e.Kind], e.Text, e.CaseNo, e.ByName}
	}
	return []string{"时间", "指挥室", "类型", "内容", "案号", "记录人"}, rows
}

// watchHolder is who holds the watch, by the last signed handover.
type watchHolder struct {
	Account int64     `json:"account"`
	Name    string    `json:"name"`
	Since   time.Time `json:"since"`
}

// openLine is a line of what is open now: a count, or a case by name.
type openLine struct {
	Key      string     `json:"key,omitempty" doc:"what is counted"`
	Code     string     `json:"code,omitempty" doc:"the queue that it opens"`
	Name     string     `json:"name,omitempty"`
	Count    *int64     `json:"count,omitempty"`
	Incident *uuid.UUID `json:"incident,omitempty"`
	CaseNo   string     `json:"case_no,omitempty"`
	Title    string     `json:"title,omitempty"`
	State    string     `json:"state,omitempty"`
	Due      *time.Time `json:"due,omitempty"`
	Late     bool       `json:"late,omitempty"`
}

type watchNow struct {
	Room       int64              `json:"room"`
	RoomName   string             `json:"room_name"`
	Holder     *watchHolder       `json:"holder"`
	Asked      *postgres.Handover `json:"asked" doc:"waits for its signature"`
	Last       *postgres.Handover `json:"last" doc:"the last one that was signed"`
	Successors []postgres.Watcher `json:"successors" doc:"who may take the watch over"`
	Open       []openLine         `json:"open" doc:"what a handover would take down now"`
}

// openNames are the counts of a handover in the order in which they are told; a code that a queue has too opens it.
var openNames = []struct{ key, code, name string }{
	{"open", "open", "未关闭"}, {"critical", "", "特急"}, {"late", "late", "逾期"}, {"soon", "soon", "临期"}, {"unsigned", "unsigned", "未签收"}, {"suspended", "suspended", "挂账"},
	{"supervised", "supervised", "督办"}, {"sos", "", "求助未结束"}, {"alarms", "", "报警未处理"}, {"whistles", "", "哨单未销"},
}

func openLines(o postgres.OpenItems) []openLine {
	lines := []openLine{}
	for _, n := range openNames {
		count := o.Counts[n.key]
		if count > 0 || n.key == "open" || n.key == "late" {
			lines = append(lines, openLine{Key: n.key, Code: n.code, Name: n.name, Count: &count})
		}
	}
	for _, c := range o.Cases {
		lines = append(lines, openLine{Incident: &c.ID, CaseNo: c.CaseNo, Title: c.Title, State: c.State, Due: c.Due, Late: c.Late})
	}
	return lines
}

func (a *API) watchLogRoutes() {
	route(a, http.MethodGet, "/watch-log", "The room's log (值班日志), newest first", power(access.WatchLog), func(ctx context.Context, who access.Session, in *struct {
		Paging
		Room int64     `query:"room" doc:"all of the scope unless told"`
		Kind string    `query:"kind" enum:"call,event,instruction,inspection,note,handover,"`
		Q    string    `query:"q" maxLength:"60"`
		From time.Time `query:"from"`
		To   time.Time `query:"to"`
	}) (*struct {
		ListHead
		Body watchList
	}, error) {
		f := postgres.WatchFilter{Scope: who.Scope(access.WatchLog), Room: some(in.Room), Kind: in.Kind, Query: in.Q, From: instant(in.From), To: instant(in.To), Limit: in.rows()}
		var at incidentCursor
		if ok, err := in.read(&at); err != nil {
			return nil, err
		} else if ok {
			f.BeforeAt, f.BeforeID = &at.At, &at.ID
		}
		list, err := postgres.WatchLog(ctx, a.DB.Pool, f)
		if err != nil {
			return nil, err
		}
		if err := a.exported(ctx, in.Paging, who, "watch_log.exported", "", map[string]any{"rows": len(list)}); err != nil {
			return nil, err
		}
		list, next := cut(in.Paging, list, func(e postgres.WatchEntry) any { return incidentCursor{e.At, e.ID} })
		return &struct {
			ListHead
			Body watchList
		}{head(in.Paging, "watch-log", a.Clock()), watchList{append([]postgres.WatchEntry{}, list...), next}}, nil
	})

	route(a, http.MethodPost, "/watch-log", "Write a line into the room's log; it cannot be changed afterwards", power(access.WatchLog), func(ctx context.Context, who access.Session, in *struct {
		Body struct {
			Room     int64      `json:"room,omitempty" doc:"one's own unless told"`
			Kind     string     `json:"kind" enum:"call,event,instruction,inspection,note"`
			Text     string     `json:"text"`
			Incident *uuid.UUID `json:"incident,omitempty"`
		}
	}) (*struct{ Body postgres.WatchEntry }, error) {
		e, err := a.Desk.Note(ctx, who.Principal, in.Body.Room, in.Body.Kind, in.Body.Text, in.Body.Incident)
		return &struct{ Body postgres.WatchEntry }{e}, err
	}, created)

	route(a, http.MethodGet, "/watch-log/current", "Who holds the watch, what waits for a signature, and what is open", power(access.WatchLog), func(ctx context.Context, who access.Session, in *struct {
		Room int64 `query:"room" doc:"one's own unless told"`
	}) (*struct{ Body watchNow }, error) {
		room, at, err := a.Desk.Room(ctx, who.Principal, in.Room)
		if err != nil {
			return nil, err
		}
		out := watchNow{Room: room, RoomName: at.Name, Successors: []postgres.Watcher{}}
		if out.Last, out.Asked, err = postgres.WatchOf(ctx, a.DB.Pool, room); err != nil {
			return nil, err
		}
		if out.Last != nil {
			out.Holder = &watchHolder{out.Last.To, out.Last.ToName, *out.Last.SignedAt}
		}
		watchers, err := postgres.Watchers(ctx, a.DB.Pool, room, desk.Keepers())
		if err != nil {
			return nil, err
		}
		for _, w := range watchers {
			if w.ID != who.Account {
				out.Successors = append(out.Successors, w)
			}
		}
		open, err := postgres.OpenAt(ctx, a.DB.Pool, at.Path, a.Clock().UTC())
		if err != nil {
			return nil, err
		}
		out.Open = openLines(open)
		return &struct{ Body watchNow }{out}, nil
	})

	route(a, http.MethodGet, "/watch-log/handovers", "Handovers (交接班) of the room with what was open and their digests, newest first", power(access.WatchLog), func(ctx context.Context, who access.Session, in *struct {
		Room   int64     `query:"room"`
		State  string    `query:"state" enum:"asked,signed,replaced,"`
		Before time.Time `query:"before"`
		Limit  int       `query:"limit" minimum:"1" maximum:"100" default:"20"`
	}) (*struct {
		Body struct {
			Handovers []postgres.Handover `json:"handovers"`
		}
	}, error) {
		list, err := postgres.Handovers(ctx, a.DB.Pool, who.Scope(access.WatchLog), some(in.Room), in.State, instant(in.Before), in.Limit)
		out := &struct {
			Body struct {
				Handovers []postgres.Handover `json:"handovers"`
			}
		}{}
		out.Body.Handovers = append([]postgres.Handover{}, list...)
		return out, err
	})

	route(a, http.MethodPost, "/watch-log/handover", "Hand the watch over to another account, with what is open; it counts once signed", power(access.WatchLog), func(ctx context.Context, who access.Session, in *struct {
		Body struct {
			Room int64  `json:"room,omitempty" doc:"one's own unless told"`
			To   int64  `json:"to" doc:"account"`
			Note string `json:"note,omitempty"`
		}
	}) (*struct{ Body postgres.Handover }, error) {
		h, err := a.Desk.AskHandover(ctx, who.Principal, in.Body.Room, in.Body.To, in.Body.Note)
		return &struct{ Body postgres.Handover }{h}, err
	}, created)

	route(a, http.MethodPost, "/watch-log/handover/{id}/sign", "Sign for the watch: only the account that it is handed to", power(access.WatchLog), func(ctx context.Context, who access.Session, in *struct {
		ID uuid.UUID `path:"id"`
	}) (*struct{ Body postgres.Handover }, error) {
		h, err := a.Desk.SignHandover(ctx, who.Principal, in.ID)
		return &struct{ Body postgres.Handover }{h}, err
	}, func(op *huma.Operation) { op.DefaultStatus = http.StatusOK })
}
