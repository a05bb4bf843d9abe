package api

import (
	"cmp"
	"context"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/board"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/fleet"
	"github.com/gridward/gridward/server/postgres"
)

type workerBody struct {
	ID       int64      `json:"id"`
	Code     string     `json:"code"`
	Name     string     `json:"name"`
	Role     string     `json:"role"`
	Kind     string     `json:"kind"`
	Org      int64      `json:"org"`
	OrgName  string     `json:"org_name"`
	Grid     *int64     `json:"grid" doc:"where they are; else the grid they answer for"`
	GridName string     `json:"grid_name"`
	State    string     `json:"state" enum:"offline,stale,idle,online,sos"`
	At       *time.Time `json:"at"`
	AgeS     *int       `json:"age_s"`
	Point    *orb.Point `json:"point"`
	Speed    *float32   `json:"speed"`
	Course   *float32   `json:"course"`
	Accuracy *float32   `json:"accuracy"`
	Battery  *int16     `json:"battery"`
	OnDuty   bool       `json:"on_duty"`
	Purpose  string     `json:"purpose"`
	Phone    string     `json:"phone,omitempty"`
}

type nearWorker struct {
	workerBody
	DistanceM float64 `json:"distance_m"`
}

type workerList struct {
	Workers []workerBody `json:"workers"`
	Next    string       `json:"next,omitempty"`
	Total   int          `json:"total"`
}

func (l workerList) table() ([]string, [][]string) {
	rows := make([][]string, len(l.Workers))
	for i, w := range l.Workers {
		at, duty := "", "离岗"
		if w.At != nil {
			at = localTime(*w.At)
		}
		if w.OnDuty {
			duty = "在岗"
		}
		rows[i] = []string{w.Code, w.Name, w.Role, w.OrgName, w.GridName, duty, w.State, at, w.Phone}
	}
	return []string{"工号", "姓名", "岗位", "社区(村)", "网格", "在岗", "状态", "最近定位时间", "电话"}, rows
}

type workerDetail struct {
	workerBody
	Session     *sessionRef             `json:"session"`
	Devices     []postgres.WorkerDevice `json:"devices"`
	Assignments []postgres.Assignment   `json:"assignments"`
}

type sessionRef struct {
	ID        uuid.UUID  `json:"id"`
	Purpose   string     `json:"purpose"`
	StartedAt time.Time  `json:"started_at"`
	EndedAt   *time.Time `json:"ended_at"`
}

// person is one worker as this caller may see them now.
func (a *API) person(who access.Session, land *leaves, sky *weather, w *postgres.WorkerRow, scope []string, now time.Time) workerBody {
	b := workerBody{ID: w.ID, Code: w.Code, Name: w.Name, Role: w.Role, Kind: w.Kind, Org: w.Org, OrgName: w.OrgName, GridName: w.GridName, State: fleet.Offline.String()}
	if w.Grid != 0 {
		grid := w.Grid
		b.Grid = &grid
	}
	path := w.OrgPath
	d, onDuty := sky.duty[w.ID]
	if onDuty && access.Within(scope, d.OrgPath) {
		b.OnDuty, b.Purpose, path = true, d.Purpose, d.OrgPath
	}
	if e, ok := a.Board.Get(w.ID); ok && access.Within(scope, e.OrgPath) {
		path = e.OrgPath
		at, age, p := e.At.UTC(), int(now.Sub(e.At)/time.Second), e.Point
		presence := e.Presence(now)
		b.State, b.At, b.AgeS, b.Point = presence.String(), &at, &age, &p
		b.OnDuty = b.OnDuty || !onDuty && atWork(presence)
		b.Speed, b.Course, b.Accuracy = figure(e.Speed), figure(e.Course), figure(e.Accuracy)
		if e.Battery >= 0 {
			b.Battery = &e.Battery
		}
		b.Grid, b.GridName = nil, ""
		if e.Grid != 0 {
			grid := e.Grid
			b.Grid = &grid
			if g := land.grid[e.Grid]; g != nil {
				b.GridName = g.Name
			}
		}
	}
	switch {
	case who.MaskFor(path) != access.MaskPeople:
		b.Phone = w.Phone
	case w.Kind != "vehicle": // a plate is no person's name; the socket shows it too
		b.Name, b.Code, b.Battery = access.MaskName(b.Name), "", nil
	}
	return b
}

func figure(v float32) *float32 {
	if math.IsNaN(float64(v)) {
		return nil
	}
	return &v
}

func (a *API) workerRoutes() {
	route(a, http.MethodGet, "/workers", "Workers and vehicles of the scope", power(access.SeeMap), func(ctx context.Context, who access.Session, in *struct {
		Paging
		State string `query:"state" enum:"offline,stale,idle,online,sos,on_duty,"`
		Org   int64  `query:"org"`
		Grid  int64  `query:"grid"`
		Role  string `query:"role"`
		Q     string `query:"q" maxLength:"40" doc:"name, number or pinyin initials"`
	}) (*struct {
		ListHead
		Body workerList
	}, error) {
		scope, now := who.Scope(access.SeeMap), a.Clock()
		land, sky, err := a.atlas.read(ctx)
		if err != nil {
			return nil, err
		}
		orgPath := ""
		if in.Org != 0 {
			for i := range land.orgs {
				if land.orgs[i].ID == in.Org {
					orgPath = land.orgs[i].Path
				}
			}
			if orgPath == "" || !access.Within(scope, orgPath) && !strings.HasPrefix(scope[0], orgPath) {
				return nil, fault.New(fault.Missing, "没有这个组织机构，或者不在您的管辖范围")
			}
		}
		var after int64
		if _, err := in.read(&after); err != nil {
			return nil, err
		}
		list, total := []workerBody{}, 0
		for _, w := range land.mine(sky, scope) {
			if orgPath != "" && !access.Covers(orgPath, w.OrgPath) || in.Role != "" && w.Role != in.Role || !a.named(who, w, in.Q) {
				continue
			}
			b := a.person(who, land, sky, w, scope, now)
			if in.Grid != 0 && (b.Grid == nil || *b.Grid != in.Grid) || in.State == "on_duty" && !b.OnDuty || in.State != "" && in.State != "on_duty" && b.State != in.State {
				continue
			}
			if total++; w.ID > after && len(list) < in.rows() {
				list = append(list, b)
			}
		}
		if err := a.exported(ctx, in.Paging, who, "workers.exported", "", map[string]any{"rows": len(list)}); err != nil {
			return nil, err
		}
		list, next := cut(in.Paging, list, func(w workerBody) any { return w.ID })
		return &struct {
			ListHead
			Body workerList
		}{head(in.Paging, "workers", now), workerList{list, next, total}}, nil
	})

	route(a, http.MethodGet, "/workers/near", "The k workers on the map nearest to a point", power(access.SeeMap), func(ctx context.Context, who access.Session, in *struct {
		Lon float64 `query:"lon" required:"true" minimum:"-180" maximum:"180"`
		Lat float64 `query:"lat" required:"true" minimum:"-90" maximum:"90"`
		K   int     `query:"k" minimum:"1" maximum:"50" default:"10"`
	}) (*struct {
		Body struct {
			Workers []nearWorker `json:"workers"`
		}
	}, error) {
		list, err := a.nearest(ctx, who, orb.Point{in.Lon, in.Lat}, in.K)
		out := &struct {
			Body struct {
				Workers []nearWorker `json:"workers"`
			}
		}{}
		out.Body.Workers = list
		return out, err
	})

	route(a, http.MethodGet, "/workers/{id}", "One worker", power(access.SeeMap), func(ctx context.Context, who access.Session, in *struct {
		ID int64 `path:"id"`
	}) (*struct{ Body workerDetail }, error) {
		scope, now := who.Scope(access.SeeMap), a.Clock()
		land, sky, err := a.atlas.read(ctx)
		if err != nil {
			return nil, err
		}
		w, d := land.byID[in.ID], sky.duty[in.ID]
		if w == nil || !access.Within(scope, w.OrgPath) && !access.Within(scope, d.OrgPath) {
			return nil, fault.New(fault.Missing, "没有这名人员，或者不在您的管辖范围")
		}
		out := workerDetail{workerBody: a.person(who, land, sky, w, scope, now), Devices: []postgres.WorkerDevice{}}
		if d.Session != nil && access.Within(scope, d.OrgPath) {
			out.Session = &sessionRef{ID: *d.Session, Purpose: d.Purpose, StartedAt: d.StartedAt.UTC()}
		}
		if who.May(access.SeePeople, w.OrgPath) {
			if out.Devices, err = postgres.WorkerDevices(ctx, a.DB.Pool, in.ID); err != nil {
				return nil, err
			}
		}
		if out.Assignments, err = postgres.Assignments(ctx, a.DB.Pool, in.ID); err != nil {
			return nil, err
		}
		return &struct{ Body workerDetail }{out}, nil
	})
}

// named reports whether the worker answers to what was typed. Somebody who may
// not see people can search by nothing that is masked from them.
func (a *API) named(who access.Session, w *postgres.WorkerRow, q string) bool {
	q = strings.ToLower(strings.TrimSpace(q))
	if q == "" {
		return true
	}
	if w.Kind != "vehicle" && who.MaskFor(w.OrgPath) == access.MaskPeople {
		return strings.Contains(access.MaskName(w.Name), q)
	}
	return strings.Contains(strings.ToLower(w.Name), q) || strings.HasPrefix(strings.ToLower(w.Code), q) || strings.HasPrefix(w.Pinyin, q)
}

// nearest returns the k workers of the scope nearest to p who can be sent:
// on the map and heard of lately.
func (a *API) nearest(ctx context.Context, who access.Session, p orb.Point, k int) ([]nearWorker, error) {
	return a.nearestBut(ctx, who, p, k, 0)
}

// nearestBut is nearest without one worker, 0 for none: he who calls for help
// is not sent to himself.
func (a *API) nearestBut(ctx context.Context, who access.Session, p orb.Point, k int, but int64) ([]nearWorker, error) {
	scope, now := who.Scope(access.SeeMap), a.Clock()
	land, sky, err := a.atlas.read(ctx)
	if err != nil {
		return nil, err
	}
	hits := a.Board.Nearest(p, k, scope, func(e *board.Entry) bool { return e.Presence(now) >= fleet.Stale && e.Worker != but })
	out := make([]nearWorker, 0, len(hits))
	for _, h := range hits {
		if w := land.byID[h.Worker]; w != nil {
			out = append(out, nearWorker{a.person(who, land, sky, w, scope, now), math.Round(h.Metres)})
		}
	}
	slices.SortStableFunc(out, func(x, y nearWorker) int { return cmp.Compare(x.DistanceM, y.DistanceM) })
	return out, nil
}

func (a *API) trackRoutes() {
	type trackBody struct {
		Worker    leaderRef              `json:"worker"`
		Day       string                 `json:"day"`
		Count     int                    `json:"count"`
		Fixes     postgres.Track         `json:"fixes"`
		Presences []postgres.DayPresence `json:"presences"`
		Sessions  []postgres.DaySession  `json:"sessions"`
	}
	route(a, http.MethodPost, "/workers/{id}/track-views", "A worker's track of one day; who looked and why is recorded first, for the worker to read", power(access.SeeTrack),
		func(ctx context.Context, who access.Session, in *struct {
			ID   int64 `path:"id"`
			Body struct {
				Day     string `json:"day" format:"date"`
				Purpose string `json:"purpose" maxLength:"200"`
			}
		}) (*struct{ Body trackBody }, error) {
			purpose, err := purposeOf(in.Body.Purpose)
			if err != nil {
				return nil, err
			}
			from, to, day, err := a.dayOf(in.Body.Day)
			if err != nil {
				return nil, err
			}
			scope := who.Scope(access.SeeTrack)
			w, err := postgres.WorkerByID(ctx, a.DB.Pool, in.ID)
			if err != nil || !access.Within(scope, w.OrgPath) {
				if err == nil || fault.Is(err, fault.Missing) {
					err = fault.New(fault.Missing, "没有这名人员，或者不在您的管辖范围")
				}
				return nil, err
			}
			if err := postgres.WriteAccessRecord(ctx, a.DB.Pool, who.Account, w.ID, "track", purpose, day, who.IP); err != nil {
				return nil, err
			}
			out := trackBody{Worker: leaderRef{w.ID, personName(who, w.Name, w.OrgPath)}, Day: in.Body.Day}
			if out.Fixes, err = postgres.ReadTrack(ctx, a.DB.Pool, w.Region, w.ID, from, to, scope, false); err != nil {
				return nil, err
			}
			if out.Presences, err = postgres.DayPresences(ctx, a.DB.Pool, w.Region, w.ID, from, to, scope, false); err != nil {
				return nil, err
			}
			if out.Sessions, err = postgres.DaySessions(ctx, a.DB.Pool, w.ID, from, to, scope, false); err != nil {
				return nil, err
			}
			out.Count = len(out.Fixes.At)
			return &struct{ Body trackBody }{out}, nil
		})

	route(a, http.MethodGet, "/access-records", "Who looked at whose track, and why", settled, func(ctx context.Context, who access.Session, in *struct {
		Paging
		Worker  int64     `query:"worker"`
		Account int64     `query:"account"`
		From    time.Time `query:"from"`
		To      time.Time `query:"to"`
	}) (*accessReply, error) {
		scope := access.Outermost(append(who.Scope(access.SeeTrack), who.Scope(access.SeeAudit)...))
		if len(scope) == 0 {
			return nil, fault.New(fault.Denied, "您没有这项权限")
		}
		return a.accessRecords(ctx, in.Paging, postgres.AccessFilter{Scope: scope, Worker: some(in.Worker), Account: some(in.Account), From: instant(in.From), To: instant(in.To)})
	})

	route(a, http.MethodGet, "/me/access-records", "Who looked at the caller's own track, and why", person, func(ctx context.Context, who access.Session, in *Paging) (*accessReply, error) {
		if who.Worker == 0 {
			return &accessReply{Body: accessList{Records: []postgres.AccessRecord{}}}, nil
		}
		return a.accessRecords(ctx, *in, postgres.AccessFilter{Worker: &who.Worker})
	})
}

type accessList struct {
	Records []postgres.AccessRecord `json:"records"`
	Next    string                  `json:"next,omitempty"`
}

func (l accessList) table() ([]string, [][]string) {
	rows := make([][]string, len(l.Records))
	for i, r := range l.Records {
		rows[i] = []string{localTime(r.At), r.Actor, r.WorkerName, r.What, r.Day, r.Purpose}
	}
	return []string{"时间", "查看人", "被查看人", "内容", "日期", "事由"}, rows
}

type accessReply struct {
	ListHead
	Body accessList
}

func (a *API) accessRecords(ctx context.Context, p Paging, f postgres.AccessFilter) (*accessReply, error) {
	var before int64
	if ok, err := p.read(&before); err != nil {
		return nil, err
	} else if ok {
		f.Before = &before
	}
	f.Limit = p.rows()
	list, err := postgres.AccessRecords(ctx, a.DB.Pool, f)
	if err != nil {
		return nil, err
	}
	list, next := cut(p, list, func(r postgres.AccessRecord) any { return r.ID })
	return &accessReply{head(p, "access-records", a.Clock()), accessList{list, next}}, nil
}

// dayOf reads a day of the business zone; it may lie as far back as tracks are kept.
func (a *API) dayOf(text string) (from, to, day time.Time, err error) {
	day, err = time.Parse(time.DateOnly, text)
	from = today(a.Clock())
	if err == nil {
		from = time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, from.Location())
	}
	if err != nil || from.After(a.Clock()) || a.Clock().Sub(from) > time.Duration(a.Keep.Track+1)*24*time.Hour {
		return from, to, day, fault.New(fault.Invalid, "请选择最近 %s 天内的日期", strconv.Itoa(a.Keep.Track)).At("day")
	}
	return from, from.AddDate(0, 0, 1), day, nil
}
