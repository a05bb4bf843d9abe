package api

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/postgres"
)

const (
	playFolk  = 500           // people in one playback at most
	playValid = 2 * time.Hour // how long it may be read
)

// purposeOf reads why somebody looks at tracks.
func purposeOf(text string) (string, error) {
	purpose := strings.TrimSpace(text)
	if len([]rune(purpose)) < 2 {
		return "", fault.New(fault.Invalid, "请填写查看轨迹的事由").At("purpose")
	}
	return purpose, nil
}

// spanOf reads a day, or a stretch of at most so long, of which tracks may still be kept.
func (a *API) spanOf(day string, from, to time.Time, most time.Duration) (time.Time, time.Time, error) {
	if day != "" {
		from, to, _, err := a.dayOf(day)
		return from, to, err
	}
	wrong := func(format string, args ...any) (time.Time, time.Time, error) {
		return from, to, fault.New(fault.Invalid, format, args...).At("from")
	}
	now := a.Clock()
	switch {
	case from.IsZero() || to.IsZero() || !from.Before(to):
		return wrong("请选择日期，或起止时间")
	case to.Sub(from) > most:
		return wrong("起止时间最长 %d 小时", int(most.Hours()))
	case from.After(now) || postgres.BusinessDay(now).Sub(from) > time.Duration(a.Keep.Track)*24*time.Hour:
		return wrong("请选择最近 %d 天内的时间", a.Keep.Track)
	}
	return from, to, nil
}

// people reads whose tracks are asked for; who is not in the caller's scope does not exist.
func (a *API) people(ctx context.Context, who access.Session, ids []int64, org, grid *int64, from, to time.Time, most int) ([]postgres.PlayPerson, error) {
	choice := postgres.PlayChoice{Scope: who.Scope(access.SeeTrack), From: from, To: to, Grid: grid, Limit: most + 1}
	missing := fault.New(fault.Missing, "没有这些人员，或者不在您的管辖范围")
	if grid != nil {
		g, err := postgres.GridByID(ctx, a.DB.Pool, *grid)
		if err != nil {
			return nil, err
		}
		if !access.Within(choice.Scope, g.OrgPath) {
			return nil, fault.New(fault.Missing, "没有这个网格，或者不在您的管辖范围")
		}
	}
	switch {
	case len(ids) > 0:
		seen := map[int64]bool{}
		for _, id := range ids {
			if !seen[id] {
				seen[id] = true
				choice.Workers = append(choice.Workers, id)
			}
		}
	case org != nil:
		o, err := postgres.OrgByID(ctx, a.DB.Pool, *org)
		if err != nil {
			return nil, err
		}
		if !overlaps(choice.Scope, o.Path) {
			return nil, fault.New(fault.Missing, "没有这个组织机构，或者不在您的管辖范围")
		}
		choice.Org = o.Path
	case grid == nil:
		return nil, fault.New(fault.Invalid, "请选择人员、组织机构或网格").At("workers")
	}
	list, err := postgres.PlayPeople(ctx, a.DB.Pool, choice)
	switch {
	case err != nil:
		return nil, err
	case len(choice.Workers) > 0 && len(list) < min(len(choice.Workers), most+1):
		return nil, missing
	case len(list) > most:
		return nil, fault.New(fault.Invalid, "一次最多 %d 人，请缩小范围", most)
	case len(list) == 0:
		return nil, fault.New(fault.Missing, "这段时间没有在岗人员")
	}
	return list, nil
}

// overlaps reports whether a scope covers the organisation, or part of what lies below it.
func overlaps(scope []string, path string) bool {
	if access.Within(scope, path) {
		return true
	}
	for _, s := range scope {
		if access.Covers(path, s) {
			return true
		}
	}
	return false
}

// othersIn are the workers of the list that the caller is not.
func othersIn(who access.Session, people []postgres.PlayPerson) []int64 {
	others := make([]int64, 0, len(people))
	for _, p := range people {
		if p.ID != who.Worker {
			others = append(others, p.ID)
		}
	}
	return others
}

type playPerson struct {
	Worker  int64      `json:"worker"`
	Name    string     `json:"name"`
	OrgName string     `json:"org_name"`
	Role    string     `json:"role"`
	FirstAt *time.Time `json:"first_at" doc:"null: nothing was heard"`
	LastAt  *time.Time `json:"last_at"`
}

type playback struct {
	ID        uuid.UUID    `json:"id"`
	From      time.Time    `json:"from"`
	To        time.Time    `json:"to"`
	ExpiresAt time.Time    `json:"expires_at"`
	Archived  bool         `json:"archived" doc:"all of it is: the whole overview comes at once; otherwise it is better asked for in pieces, from where one looks"`
	Workers   []playPerson `json:"workers" doc:"in the order of their numbers in the frames, from 0"`
}

type playCounts struct {
	Fixes []int                `json:"fixes" doc:"of the workers, in the order of their numbers"`
	Hours []postgres.HourFixes `json:"hours" doc:"hours that hold anything"`
}

// frames answers with what write makes, as soon as there is some of it.
func (a *API) frames(ctx context.Context, id uuid.UUID, write func(w io.Writer) error) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(c huma.Context) {
		c.SetHeader("Content-Type", "application/octet-stream")
		c.SetHeader("Cache-Control", "private, no-store")
		if err := write(flushed{c.BodyWriter()}); err != nil {
			if ctx.Err() == nil { // nobody waits for it any more otherwise
				a.Log.ErrorContext(ctx, "a playback broke off", "playback", id, "error", err)
			}
			panic(http.ErrAbortHandler) // half an answer must not look like a whole one
		}
	}}
}

func inFrames(op *huma.Operation) {
	op.Responses = map[string]*huma.Response{"200": {Description: "Frames", Content: map[string]*huma.MediaType{"application/octet-stream": {}}}}
}

// flushed sends on what is written to it.
type flushed struct{ io.Writer }

func (f flushed) Write(b []byte) (int, error) {
	n, err := f.Writer.Write(b)
	if to, ok := f.Writer.(http.Flusher); ok && err == nil {
		to.Flush()
	}
	return n, err
}

func (a *API) playbackRoutes() {
	route(a, http.MethodPost, "/playbacks", "Open a playback of up to 500 workers' tracks; who looks and why is recorded first, once for each worker", power(access.SeeTrack),
		func(ctx context.Context, who access.Session, in *struct {
			Body struct {
				Workers []int64   `json:"workers,omitempty" maxItems:"500"`
				Org     *int64    `json:"org,omitempty" doc:"instead of workers: everybody under it who was on duty"`
				Grid    *int64    `json:"grid,omitempty" doc:"alone or with org: those who answer for the grid or were in it"`
				Day     string    `json:"day,omitempty" format:"date"`
				From    time.Time `json:"from,omitempty" doc:"instead of a day: at most 24 hours"`
				To      time.Time `json:"to,omitempty"`
				Purpose string    `json:"purpose" maxLength:"200"`
			}
		}) (*struct{ Body playback }, error) {
			purpose, err := purposeOf(in.Body.Purpose)
			if err != nil {
				return nil, err
			}
			from, to, err := a.spanOf(in.Body.Day, in.Body.From, in.Body.To, 24*time.Hour)
			if err != nil {
				return nil, err
			}
			people, err := a.people(ctx, who, in.Body.Workers, in.Body.Org, in.Body.Grid, from, to, playFolk)
			if err != nil {
				return nil, err
			}
			now := a.Clock().UTC().Truncate(time.Microsecond)
			p := postgres.Playback{Account: who.Account, Credential: who.Credential, From: from, To: to, Purpose: purpose, CreatedAt: now, ExpiresAt: now.Add(playValid)}
			if p.ID, err = uuid.NewV7(); err != nil {
				return nil, fmt.Errorf("make an id: %w", err)
			}
			for _, one := range people {
				p.Workers = append(p.Workers, one.ID)
			}
			if err := postgres.StartPlayback(ctx, a.DB, p, othersIn(who, people), who.IP); err != nil {
				return nil, err
			}
			heard, archived, err := postgres.Reading{People: people, From: from, To: to, Scope: who.Scope(access.SeeTrack)}.Heard(ctx, a.DB.Pool)
			if err != nil {
				return nil, err
			}
			out := playback{ID: p.ID, From: from.UTC(), To: to.UTC(), ExpiresAt: p.ExpiresAt, Archived: archived, Workers: make([]playPerson, len(people))}
			for i, one := range people {
				h := heard[i]
				out.Workers[i] = playPerson{Worker: one.ID, Name: personName(who, one.Name, one.OrgPath), OrgName: one.OrgName, Role: one.Role}
				if !h.First.IsZero() {
					first, last := h.First.UTC(), h.Last.UTC()
					out.Workers[i].FirstAt, out.Workers[i].LastAt = &first, &last
				}
			}
			return &struct{ Body playback }{out}, nil
		}, created)

	route(a, http.MethodGet, "/playbacks/{id}/counts", "How many fixes there are of each worker, and in which hours; those that are not archived are counted one by one", power(access.SeeTrack),
		func(ctx context.Context, who access.Session, in *PlaybackID) (*struct{ Body playCounts }, error) {
			r, err := a.reading(ctx, who, in.ID)
			if err != nil {
				return nil, err
			}
			out := &struct{ Body playCounts }{}
			out.Body.Fixes, out.Body.Hours, err = r.Count(ctx, a.DB.Pool)
			return out, err
		})

	route(a, http.MethodGet, "/playbacks/{id}/overview", "The simplified ways of all workers, or of the time between two instants, as frames (docs/protocol.md, 6)", power(access.SeeTrack),
		func(ctx context.Context, who access.Session, in *struct {
			PlaybackID
			From time.Time `query:"from"`
			To   time.Time `query:"to"`
		}) (*huma.StreamResponse, error) {
			r, err := a.reading(ctx, who, in.ID)
			if err != nil {
				return nil, err
			}
			from, to := in.From, in.To
			if to.IsZero() {
				to = r.To
			}
			return a.frames(ctx, in.ID, func(w io.Writer) error { return r.Overview(ctx, a.DB.Pool, w, from, to) }), nil
		}, inFrames)

	route(a, http.MethodGet, "/playbacks/{id}/chunks", "Every fix of all workers between two instants as frames (docs/protocol.md, 6)", power(access.SeeTrack),
		func(ctx context.Context, who access.Session, in *struct {
			PlaybackID
			From time.Time `query:"from" required:"true"`
			To   time.Time `query:"to" required:"true"`
		}) (*huma.StreamResponse, error) {
			r, err := a.reading(ctx, who, in.ID)
			if err != nil {
				return nil, err
			}
			return a.frames(ctx, in.ID, func(w io.Writer) error { return r.Chunks(ctx, a.DB.Pool, w, in.From, in.To) }), nil
		}, inFrames)

	type events struct {
		Body struct {
			Events []postgres.PlayEvent `json:"events"`
		}
	}
	route(a, http.MethodGet, "/playbacks/{id}/events", "What happened meanwhile, by time: cases, orders, visits, grids entered and left, stays, gaps, duty, calls for help, outliers", power(access.SeeTrack),
		func(ctx context.Context, who access.Session, in *struct {
			PlaybackID
			Of string `query:"of" enum:"both,record,tracks" default:"both" doc:"record: what was written down, at once; tracks: stays, gaps and outliers, for which those are read that are not archived"`
		}) (*events, error) {
			r, err := a.reading(ctx, who, in.ID)
			if err != nil {
				return nil, err
			}
			var record, tracks []postgres.PlayEvent
			if in.Of != "tracks" {
				if record, err = r.RecordEvents(ctx, a.DB.Pool, who.Scope(access.SeeMap)); err != nil {
					return nil, err
				}
			}
			if in.Of != "record" {
				if tracks, err = r.TrackEvents(ctx, a.DB.Pool); err != nil {
					return nil, err
				}
			}
			out := &events{}
			out.Body.Events = postgres.MergeEvents(record, tracks)
			return out, nil
		})

	route(a, http.MethodGet, "/retention-runs", "What retention removed, and when", person, func(ctx context.Context, _ access.Session, in *struct {
		Paging
		Class string `query:"class" enum:"raw_fix,track,fix_outside,playback,track_export,patrol_walk,"`
	}) (*struct {
		ListHead
		Body retentionList
	}, error) {
		var before *int64
		var last int64
		if ok, err := in.read(&last); err != nil {
			return nil, err
		} else if ok {
			before = &last
		}
		list, err := postgres.RetentionRuns(ctx, a.DB.Pool, in.Class, before, in.rows())
		if err != nil {
			return nil, err
		}
		list, next := cut(in.Paging, list, func(r postgres.RetentionRun) any { return r.ID })
		return &struct {
			ListHead
			Body retentionList
		}{head(in.Paging, "retention-runs", a.Clock()), retentionList{list, a.Keep.Raw, a.Keep.Track, next}}, nil
	})
}

// PlaybackID names a playback in a path.
type PlaybackID struct {
	ID uuid.UUID `path:"id"`
}

// reading is what a playback may read now: rights that were lost since it was opened are lost.
func (a *API) reading(ctx context.Context, who access.Session, id uuid.UUID) (postgres.Reading, error) {
	p, err := postgres.PlaybackOf(ctx, a.DB.Pool, id, who.Account, who.Credential, a.Clock())
	if err != nil {
		return postgres.Reading{}, err
	}
	scope := who.Scope(access.SeeTrack)
	list, err := postgres.PlayPeople(ctx, a.DB.Pool, postgres.PlayChoice{Scope: scope, Workers: p.Workers, From: p.From, To: p.To, Limit: len(p.Workers)})
	if err != nil {
		return postgres.Reading{}, err
	}
	byID := make(map[int64]postgres.PlayPerson, len(list))
	for _, one := range list {
		byID[one.ID] = one
	}
	r := postgres.Reading{From: p.From, To: p.To, Scope: scope, People: make([]postgres.PlayPerson, len(p.Workers))}
	for i, worker := range p.Workers { // their numbers stay what they were; who is out of scope now has no fixes
		r.People[i] = byID[worker]
	}
	return r, nil
}

type retentionList struct {
	Runs      []postgres.RetentionRun `json:"runs"`
	RawDays   int                     `json:"raw_days" doc:"how long fixes are kept as they came, at least until they are archived"`
	TrackDays int                     `json:"track_days" doc:"how long personal tracks are kept in any form"`
	Next      string                  `json:"next,omitempty"`
}

var retentionWords = map[string]string{"raw_fix": "原始定位", "track": "轨迹归档", "fix_outside": "时间异常的定位", "playback": "回放登记", "track_export": "导出登记"}

func (l retentionList) table() ([]string, [][]string) {
	rows := make([][]string, len(l.Runs))
	for i, r := range l.Runs {
		rows[i] = []string{localTime(r.At), retentionWords[r.Class], localTime(r.Cutoff), fmt.Sprint(r.Rows), fmt.Sprint(r.Bytes), r.Detail, r.By}
	}
	return []string{"时间", "类别", "早于此时间的已删除", "行数", "字节数", "说明", "执行"}, rows
}
