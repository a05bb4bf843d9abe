package api

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/postgres"
)

const (
	exportFolk  = 100                 // people in one export at most
	exportDays  = 500                 // days of people
	exportSpan  = 31 * 24 * time.Hour // of time
	exportValid = 7 * 24 * time.Hour  // how long a request waits, and a file can be fetched
)

// approves is where the caller may let exports go.
func approves(who access.Session) []string {
	return access.Outermost(append(who.Scope(access.Command), who.Scope(access.SeeAudit)...))
}

type exportReply struct{ Body postgres.TrackExport }

func (a *API) trackExportRoutes() {
	route(a, http.MethodPost, "/track-exports", "Ask for tracks as a file; other people's wait until somebody else lets them go, where the house asks that", power(access.SeeTrack),
		func(ctx context.Context, who access.Session, in *struct {
			Body struct {
				Workers  []int64    `json:"workers" minItems:"1" maxItems:"100"`
				Day      string     `json:"day,omitempty" format:"date" doc:"instead of from and to"`
				From     time.Time  `json:"from,omitempty"`
				To       time.Time  `json:"to,omitempty" doc:"at most 31 days after from"`
				Format   string     `json:"format" enum:"gpx,geojson,csv,xlsx"`
				CRS      string     `json:"crs,omitempty" enum:"EPSG:4326,EPSG:4490,GCJ-02,BD-09" default:"EPSG:4326"`
				Purpose  string     `json:"purpose" maxLength:"200"`
				Playback *uuid.UUID `json:"playback,omitempty"`
			}
		}) (*exportReply, error) {
			b := in.Body
			purpose, err := purposeOf(b.Purpose)
			if err != nil {
				return nil, err
			}
			from, to, err := a.spanOf(b.Day, b.From, b.To, exportSpan)
			if err != nil {
				return nil, err
			}
			if b.Format == "gpx" && (b.CRS == "GCJ-02" || b.CRS == "BD-09") {
				return nil, fault.New(fault.Invalid, "GPX 文件规定使用 WGS-84，请选择 EPSG:4326 或 EPSG:4490，或换一种格式").At("crs")
			}
			people, err := a.people(ctx, who, b.Workers, nil, nil, from, to, exportFolk)
			if err != nil {
				return nil, err
			}
			if days := int((to.Sub(from) + 24*time.Hour - 1) / (24 * time.Hour)); days*len(people) > exportDays {
				return nil, fault.New(fault.Invalid, "一次最多导出 %d 个人日，请减少人员或缩短时间", exportDays).At("workers")
			}
			now := a.Clock().UTC().Truncate(time.Microsecond)
			e := postgres.TrackExport{Account: who.Account, Playback: b.Playback, From: from, To: to, Format: b.Format, CRS: b.CRS, Purpose: purpose, State: "ready", AskedAt: now, ExpiresAt: now.Add(exportValid)}
			if b.Playback != nil {
				if _, err := postgres.PlaybackOf(ctx, a.DB.Pool, *b.Playback, who.Account, who.Credential, now); err != nil {
					return nil, err
				}
			}
			if len(othersIn(who, people)) > 0 && !a.ExportFreely {
				e.State = "waiting"
			}
			for _, one := range people {
				e.Workers = append(e.Workers, one.ID)
			}
			if e.ID, err = uuid.NewV7(); err != nil {
				return nil, fmt.Errorf("make an id: %w", err)
			}
			err = a.DB.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
				if err := postgres.AskTrackExport(ctx, tx, e); err != nil {
					return err
				}
				return a.audit(ctx, tx, who, "track_export.asked", e.ID.String(), map[string]any{"workers": len(e.Workers), "format": e.Format, "crs": e.CRS, "state": e.State})
			})
			if err != nil {
				return nil, err
			}
			return a.trackExport(ctx, who, e.ID)
		}, created)

	route(a, http.MethodGet, "/track-exports", "The caller's exports of tracks, and those that wait for the caller's decision", person, func(ctx context.Context, who access.Session, in *Paging) (*struct {
		ListHead
		Body exportList
	}, error) {
		f := postgres.ExportFilter{Account: who.Account, Approves: approves(who), Now: a.Clock(), Limit: in.rows()}
		var after incidentCursor
		if ok, err := in.read(&after); err != nil {
			return nil, err
		} else if ok {
			f.BeforeAt, f.BeforeID = &after.At, &after.ID
		}
		list, err := postgres.TrackExports(ctx, a.DB.Pool, f)
		if err != nil {
			return nil, err
		}
		list, next := cut(*in, list, func(e postgres.TrackExport) any { return incidentCursor{e.AskedAt, e.ID} })
		for i := range list {
			maskExport(who, &list[i])
		}
		return &struct {
			ListHead
			Body exportList
		}{head(*in, "track-exports", a.Clock()), exportList{list, next}}, nil
	})

	for _, do := range []struct{ word, state, action string }{{"approve", "ready", "track_export.approved"}, {"refuse", "refused", "track_export.refused"}} {
		route(a, http.MethodPost, "/track-exports/{id}/"+do.word, "Decide on an export of tracks that somebody else asked for", person, func(ctx context.Context, who access.Session, in *struct {
			ID   uuid.UUID `path:"id"`
			Body struct {
				Reason string `json:"reason,omitempty" maxLength:"200"`
			}
		}) (*exportReply, error) {
			scope := approves(who)
			e, err := a.exportByID(ctx, who, in.ID)
			if err != nil {
				return nil, err
			}
			if e.Account == who.Account {
				return nil, fault.New(fault.Denied, "导出申请要由另一个人审批")
			}
			for _, path := range e.OrgPaths {
				if !access.Within(scope, path) {
					return nil, fault.New(fault.Missing, "没有这份导出申请")
				}
			}
			reason := strings.TrimSpace(in.Body.Reason)
			if do.state == "refused" && len([]rune(reason)) < 2 {
				return nil, fault.New(fault.Invalid, "请填写不同意的理由").At("reason")
			}
			now := a.Clock()
			err = a.DB.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
				if err := postgres.DecideTrackExport(ctx, tx, e.ID, do.state, who.Account, reason, now, now.Add(exportValid)); err != nil {
					return err
				}
				return a.audit(ctx, tx, who, do.action, e.ID.String(), map[string]any{"asked_by": e.Account})
			})
			if err != nil {
				return nil, err
			}
			return a.trackExport(ctx, who, e.ID)
		})
	}

	route(a, http.MethodGet, "/track-exports/{id}/file", "The file, for whoever asked for it; each fetch is recorded first", power(access.SeeTrack),
		func(ctx context.Context, who access.Session, in *struct {
			ID uuid.UUID `path:"id"`
		}) (*huma.StreamResponse, error) {
			e, err := a.exportByID(ctx, who, in.ID)
			switch {
			case err != nil:
				return nil, err
			case e.Account != who.Account:
				return nil, fault.New(fault.Missing, "没有这份导出申请")
			case e.State == "waiting":
				return nil, fault.New(fault.Conflict, "这份导出还在等待审批")
			case e.State == "refused":
				return nil, fault.New(fault.Conflict, "这份导出没有获得同意")
			case e.State == "expired":
				return nil, fault.New(fault.Conflict, "这份导出已经过期，请重新申请")
			}
			return a.trackFile(ctx, who, e)
		})
}

func (a *API) exportByID(ctx context.Context, who access.Session, id uuid.UUID) (postgres.TrackExport, error) {
	list, err := postgres.TrackExports(ctx, a.DB.Pool, postgres.ExportFilter{Account: who.Account, Approves: approves(who), ID: &id, Now: a.Clock(), Limit: 1})
	if err == nil && len(list) == 0 {
		err = fault.New(fault.Missing, "没有这份导出申请")
	}
	if err != nil {
		return postgres.TrackExport{}, err
	}
	return list[0], nil
}

func (a *API) trackExport(ctx context.Context, who access.Session, id uuid.UUID) (*exportReply, error) {
	e, err := a.exportByID(ctx, who, id)
	maskExport(who, &e)
	return &exportReply{e}, err
}

func maskExport(who access.Session, e *postgres.TrackExport) {
	for i, path := range e.OrgPaths {
		e.WorkerNames[i] = personName(who, e.WorkerNames[i], path)
	}
}

type exportList struct {
	Exports []postgres.TrackExport `json:"exports"`
	Next    string                 `json:"next,omitempty"`
}

var exportStates = map[string]string{"waiting": "待审批", "ready": "可下载", "refused": "未同意", "expired": "已过期"}

func (l exportList) table() ([]string, [][]string) {
	rows := make([][]string, len(l.Exports))
	for i, e := range l.Exports {
		rows[i] = []string{localTime(e.AskedAt), e.Actor, strings.Join(e.WorkerNames, "、"), localTime(e.From), localTime(e.To), strings.ToUpper(e.Format), e.CRS, e.Purpose, exportStates[e.State], e.DecidedBy, e.Reason, fmt.Sprint(e.Taken)}
	}
	return []string{"申请时间", "申请人", "人员", "开始", "结束", "格式", "坐标系", "事由", "状态", "审批人", "审批意见", "下载次数"}, rows
}

// trackFile records the fetch and writes the file, worker by worker.
func (a *API) trackFile(ctx context.Context, who access.Session, e postgres.TrackExport) (*huma.StreamResponse, error) {
	scope := who.Scope(access.SeeTrack)
	people, err := postgres.PlayPeople(ctx, a.DB.Pool, postgres.PlayChoice{Scope: scope, Workers: e.Workers, From: e.From, To: e.To, Limit: exportFolk})
	if err != nil {
		return nil, err
	}
	if len(people) < len(e.Workers) { // rights were lost since it was asked for
		return nil, fault.New(fault.Missing, "导出的人员有的已不在您的管辖范围，请重新申请")
	}
	now := a.Clock()
	by := postgres.Audit{Account: who.Account, Actor: who.Login, IP: who.IP, Action: "track_export.taken", Object: e.ID.String(), Detail: map[string]any{"workers": len(e.Workers), "format": e.Format}}
	if err := postgres.TakeTrackExport(ctx, a.DB, e, othersIn(who, people), by, now); err != nil {
		return nil, err
	}
	h := trackHead{id: e.ID, by: strings.TrimSpace(who.Name + " " + who.Login), at: now, purpose: e.Purpose, crs: e.CRS, from: e.From, to: e.To}
	read := func(i int) (trackOf, error) {
		p := people[i]
		fixes, err := postgres.SeenTracks(ctx, a.DB.Pool, p.Region, p.ID, e.From, e.To, scope)
		return trackOf{worker: p.ID, name: personName(who, p.Name, p.OrgPath), org: p.OrgName, fixes: fixes}, err
	}
	write, err := h.file(e.Format, len(people), read)
	if err != nil {
		return nil, err
	}
	name := "gridward-track-" + e.From.In(incident.BusinessZone()).Format("20060102") + "-" + strings.ReplaceAll(e.CRS, ":", "") + "." + e.Format
	return &huma.StreamResponse{Body: func(c huma.Context) {
		c.SetHeader("Content-Type", trackTypes[e.Format])
		c.SetHeader("Content-Disposition", `attachment; filename="`+name+`"`)
		c.SetHeader("Cache-Control", "private, no-store")
		if err := write(c.BodyWriter()); err != nil {
			a.Log.ErrorContext(ctx, "an export of tracks broke off", "export", e.ID, "error", err)
			panic(http.ErrAbortHandler) // half a file must not look like a whole one
		}
	}}, nil
}
