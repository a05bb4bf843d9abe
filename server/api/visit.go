package api

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/desk"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/patrol"
	"github.com/gridward/gridward/server/postgres"
)

type visitList struct {
	Visits []postgres.Visit      `json:"visits"`
	Totals *postgres.VisitTotals `json:"totals,omitempty" doc:"of all pages; with the first"`
	Next   string                `json:"next,omitempty"`
}

var (
	visitClasses  = map[string]string{"backbone": "骨干对象", "service": "服务对象", "control": "管控对象", "place": "住户、企业与点位"}
	visitMethods  = map[string]string{"onsite": "上门", "phone": "电话", "video": "视频", "group": "集中走访"}
	visitOutcomes = map[string]string{"normal": "正常", "no_one_home": "未遇", "refused": "拒访", "problem": "发现问题"}
	visitVerified = map[string]string{"auto_ok": "系统核实", "doubtful": "存疑", "manual_ok": "人工核实", "rejected": "认定无效"}
)

func (l visitList) table() ([]string, [][]string) {
	rows := make([][]string, len(l.Visits))
	for i, v := range l.Visits {
		distance, doubts, cases, fellows := "", []string{}, []string{}, []string{}
		if v.DistanceM != nil {
			distance = fmt.Sprintf("%.0f", *v.DistanceM)
		}
		for _, d := range v.Doubts {
			doubts = append(doubts, patrol.VisitDoubts()[d])
		}
		for _, c := range v.Incidents {
			cases = append(cases, c.CaseNo)
		}
		for _, f := range v.Companions {
			fellows = append(fellows, f.Name)
		}
		rows[i] = []string{localTime(v.ArrivedAt), localTime(v.LeftAt), fmt.Sprintf("%.0f", v.LeftAt.Sub(v.ArrivedAt).Minutes()), v.OrgName, v.GridName, v.WorkerName, visitClasses[v.Class], v.KindName, v.TargetName, v.Address,
			visitMethods[v.Method], visitOutcomes[v.Outcome], distance, visitVerified[v.Verified], strings.Join(doubts, "、"), v.DecidedWhy, strings.Join(fellows, "、"), strings.Join(cases, "、"), v.Content}
	}
	return []string{"到达时间", "离开时间", "停留（分钟）", "社区(村)", "网格", "走访人", "对象类别", "类型", "走访对象", "地址", "方式", "结果", "距对象（米）", "核实", "存疑原因", "核实理由", "同行", "关联案号", "内容"}, rows
}

// maskTarget hides whom a visit is about: 张伟 → 张**.
func maskTarget(name string) string {
	for _, r := range name {
		return string(r) + "**"
	}
	return ""
}

// personal are the kinds of places behind which stands a person.
func personal(class, kind string) bool { return class != "place" || kind == "household" }

// shownVisit is the visit as this caller may read it. 管控对象 are L3: masked
// without see_people, and whenever they leave the house as a file.
func shownVisit(who access.Session, v postgres.Visit, leaves bool) postgres.Visit {
	people := who.MaskFor(v.OrgPath) != access.MaskPeople
	own := who.Worker != 0 && who.Worker == v.Worker
	if v.Sensitive && (leaves || !people && !own) {
		v.TargetName, v.Address, v.Content, v.TargetAt, v.Point, v.Target = maskTarget(v.TargetName), "", "", nil, nil, nil
		v.Answers, v.Photos, v.Incidents = []postgres.VisitAnswer{}, []postgres.VisitPhoto{}, []postgres.VisitIncident{}
	}
	if !people && !own {
		if personal(v.Class, v.TargetKind) && !v.Sensitive {
			v.TargetName = maskTarget(v.TargetName)
		}
		v.WorkerName = access.MaskName(v.WorkerName)
		for i := range v.Companions {
			v.Companions[i].Name = access.MaskName(v.Companions[i].Name)
		}
	}
	return v
}

// visitDraft is what a phone sends.
type visitDraft struct {
	ClientID   string                 `json:"client_id" minLength:"1" maxLength:"48" doc:"the caller's own: sent twice, kept once"`
	Target     int64                  `json:"target,omitempty" doc:"a visit object; without one a kind and a name are wanted"`
	Kind       string                 `json:"target_kind,omitempty"`
	Name       string                 `json:"target_name,omitempty"`
	ArrivedAt  time.Time              `json:"arrived_at"`
	LeftAt     time.Time              `json:"left_at"`
	Point      *orb.Point             `json:"point,omitempty" doc:"[longitude, latitude], where it was recorded"`
	CRS        string                 `json:"crs,omitempty" enum:"wgs84,gcj02,bd09,"`
	Accuracy   *float32               `json:"accuracy,omitempty" minimum:"0"`
	Method     string                 `json:"method" enum:"onsite,phone,video,group"`
	Outcome    string                 `json:"outcome" enum:"normal,no_one_home,refused,problem"`
	Activities []string               `json:"activities,omitempty"`
	Content    string                 `json:"content,omitempty"`
	Answers    []postgres.VisitAnswer `json:"answers,omitempty"`
	Companions []int64                `json:"companions,omitempty" doc:"workers who came along"`
	Photos     []uuid.UUID            `json:"photos,omitempty" doc:"uploaded before; never compulsory"`
	Incident   *visitProblem          `json:"incident,omitempty" doc:"reports the problem as an incident; without it, it is filed as information alone"`
}

type visitProblem struct {
	Title       string           `json:"title"`
	Category    string           `json:"category,omitempty"`
	Description string           `json:"description,omitempty"`
	Urgency     incident.Urgency `json:"urgency,omitempty"`
	Address     string           `json:"address,omitempty"`
	Photos      []uuid.UUID      `json:"photos,omitempty"`
}

// VisitQuery narrows the visit log.
type VisitQuery struct {
	Paging
	Org      int64     `query:"org"`
	Grid     int64     `query:"grid"`
	Worker   int64     `query:"worker"`
	Target   int64     `query:"target"`
	From     time.Time `query:"from"`
	To       time.Time `query:"to"`
	Class    string    `query:"class" enum:"backbone,service,control,place,"`
	Kind     string    `query:"kind" maxLength:"30"`
	Outcome  string    `query:"outcome" enum:"normal,no_one_home,refused,problem,"`
	Method   string    `query:"method" enum:"onsite,phone,video,group,"`
	Verified string    `query:"verified" enum:"auto_ok,doubtful,manual_ok,rejected,"`
	Q        string    `query:"q" maxLength:"40" doc:"whom, who, or what was written"`
	Counted  bool      `query:"counted" doc:"only those that count as a visit: met, on the spot, not rejected, as the region's rule says"`
	Found    bool      `query:"found" doc:"only those that found a case"`
}

func (a *API) visitRoutes() {
	type visitReply struct {
		Status int
		Body   postgres.Visit
	}
	route(a, http.MethodPost, "/visits", "Write a visit down (走访日志), and report the problem it found; the same client_id again answers 200 with the same visit", power(access.OnDuty),
		func(ctx context.Context, who access.Session, in *struct{ Body visitDraft }) (*visitReply, error) {
			b := in.Body
			point, err := a.toWGS84(b.CRS, b.Point)
			if err != nil {
				return nil, err
			}
			d := desk.VisitDraft{ClientID: b.ClientID, Target: b.Target, Kind: b.Kind, Name: b.Name, ArrivedAt: b.ArrivedAt, LeftAt: b.LeftAt, Point: point, Accuracy: b.Accuracy, Method: b.Method, Outcome: b.Outcome,
				Activities: b.Activities, Content: b.Content, Answers: b.Answers, Companions: b.Companions, Photos: b.Photos}
			if p := b.Incident; p != nil {
				at := b.ArrivedAt
				d.Incident = &incident.Draft{Title: p.Title, Category: p.Category, Description: p.Description, Urgency: p.Urgency, Address: p.Address, Photos: p.Photos, OccurredAt: &at}
				if len(p.Photos) == 0 { // they show the problem: the case has them, and the visit leads to it
					d.Incident.Photos, d.Photos = d.Photos, nil
				}
			}
			v, created, err := a.Desk.RecordVisit(ctx, who.Principal, d)
			if err != nil {
				return nil, err
			}
			status := http.StatusOK
			if created {
				status = http.StatusCreated
			}
			return &visitReply{status, shownVisit(who, v, false)}, nil
		})

	route(a, http.MethodGet, "/visits", "The visit log (走访日志), newest first", power(access.SeeStatistic), func(ctx context.Context, who access.Session, in *VisitQuery) (*struct {
		ListHead
		Body visitList
	}, error) {
		f := postgres.VisitFilter{Scope: who.Scope(access.SeeStatistic), Org: some(in.Org), Grid: some(in.Grid), Worker: some(in.Worker), Target: some(in.Target), From: instant(in.From), To: instant(in.To),
			Class: in.Class, Kind: in.Kind, Outcome: in.Outcome, Method: in.Method, Verified: in.Verified, Query: in.Q, Counted: in.Counted, Found: in.Found, Limit: in.rows()}
		if in.Q != "" && !who.Has(access.SeePeople) {
			return nil, fault.New(fault.Denied, "您看不到姓名，不能按姓名查找")
		}
		return a.visitPage(ctx, who, in.Paging, f)
	})

	route(a, http.MethodGet, "/visits/{id}", "One visit, for the scope or for whoever wrote it", person, func(ctx context.Context, who access.Session, in *struct {
		ID uuid.UUID `path:"id"`
	}) (*struct{ Body postgres.Visit }, error) {
		v, err := a.visit(ctx, who, in.ID)
		return &struct{ Body postgres.Visit }{shownVisit(who, v, false)}, err
	})

	route(a, http.MethodPost, "/visits/{id}/verdict", "A supervisor's word on a visit, with a reason; days it touches are measured again", power(access.KeepVisits), func(ctx context.Context, who access.Session, in *struct {
		ID   uuid.UUID `path:"id"`
		Body struct {
			Verdict string `json:"verdict" enum:"manual_ok,rejected"`
			Reason  string `json:"reason"`
			Version int32  `json:"version,omitempty" doc:"as it was read"`
		}
	}) (*struct{ Body postgres.Visit }, error) {
		v, err := a.Desk.DecideVisit(ctx, who.Principal, in.ID, in.Body.Version, in.Body.Verdict, in.Body.Reason)
		return &struct{ Body postgres.Visit }{shownVisit(who, v, false)}, err
	})

	route(a, http.MethodGet, "/me/visits", "The caller's own visits, newest first", person, func(ctx context.Context, who access.Session, in *Paging) (*struct {
		ListHead
		Body visitList
	}, error) {
		if _, err := a.myself(ctx, who); err != nil {
			return nil, err
		}
		return a.visitPage(ctx, who, *in, postgres.VisitFilter{Scope: []string{""}, Worker: &who.Worker, Limit: in.rows()})
	})

	route(a, http.MethodGet, "/me/due-visits", "What the caller has to visit: nearest first where lon and lat are given, else what is due first", person, func(ctx context.Context, who access.Session, in *struct {
		Lon   float64 `query:"lon" minimum:"-180" maximum:"180"`
		Lat   float64 `query:"lat" minimum:"-90" maximum:"90"`
		All   bool    `query:"all" doc:"what is not due as well"`
		Q     string  `query:"q" maxLength:"40"`
		Limit int     `query:"limit" minimum:"1" maximum:"500" default:"200"`
	}) (*struct {
		Body struct {
			Objects []postgres.VisitObject `json:"objects"`
			Grids   []postgres.OwnGrid     `json:"grids" doc:"those the caller answers for"`
			Rule    patrol.VisitRule       `json:"rule"`
			Fellows []postgres.VisitFellow `json:"fellows" doc:"who may come along"`
			At      time.Time              `json:"at"`
		}
	}, error) {
		home, err := a.myself(ctx, who)
		if err != nil {
			return nil, err
		}
		out := &struct {
			Body struct {
				Objects []postgres.VisitObject `json:"objects"`
				Grids   []postgres.OwnGrid     `json:"grids" doc:"those the caller answers for"`
				Rule    patrol.VisitRule       `json:"rule"`
				Fellows []postgres.VisitFellow `json:"fellows" doc:"who may come along"`
				At      time.Time              `json:"at"`
			}
		}{}
		var near *orb.Point
		if in.Lon != 0 || in.Lat != 0 {
			near = &orb.Point{in.Lon, in.Lat}
		}
		out.Body.At = a.Clock().UTC()
		if out.Body.Objects, err = postgres.DueVisits(ctx, a.DB.Pool, home.ID, out.Body.At, near, in.All, in.Q, in.Limit); err != nil {
			return nil, err
		}
		for i := range out.Body.Objects {
			if m := out.Body.Objects[i].DistanceM; m != nil {
				*m = math.Round(*m)
			}
		}
		if out.Body.Grids, err = postgres.GridsOf(ctx, a.DB.Pool, home.ID); err != nil {
			return nil, err
		}
		if out.Body.Fellows, err = postgres.Fellows(ctx, a.DB.Pool, home.Org, home.ID); err != nil {
			return nil, err
		}
		out.Body.Rule, err = postgres.VisitRuleOf(ctx, a.DB.Pool, home.Region)
		return out, err
	})
}

// visitPage is a page of the log, audited when it leaves as a file.
func (a *API) visitPage(ctx context.Context, who access.Session, p Paging, f postgres.VisitFilter) (*struct {
	ListHead
	Body visitList
}, error) {
	var at incidentCursor
	more, err := p.read(&at)
	if err != nil {
		return nil, err
	}
	if more {
		f.BeforeAt, f.BeforeID = &at.At, &at.ID
	}
	list, err := postgres.Visits(ctx, a.DB.Pool, f)
	if err != nil {
		return nil, err
	}
	out := visitList{}
	if !more {
		totals, err := postgres.CountVisits(ctx, a.DB.Pool, f)
		if err != nil {
			return nil, err
		}
		out.Totals = &totals
	}
	if p.export() {
		if err := a.audit(ctx, a.DB.Pool, who, "visits.exported", "", map[string]any{"rows": len(list)}); err != nil {
			return nil, err
		}
	}
	out.Visits, out.Next = cut(p, list, func(v postgres.Visit) any { return incidentCursor{v.ArrivedAt, v.ID} })
	for i, v := range out.Visits {
		out.Visits[i] = shownVisit(who, v, p.export())
	}
	return &struct {
		ListHead
		Body visitList
	}{head(p, "visits", a.Clock()), out}, nil
}

// visit is one that the caller may read: of the scope, or his own.
func (a *API) visit(ctx context.Context, who access.Session, id uuid.UUID) (postgres.Visit, error) {
	v, err := postgres.VisitByID(ctx, a.DB.Pool, id)
	if err != nil {
		return v, err
	}
	if !(who.Worker != 0 && who.Worker == v.Worker) && !who.May(access.SeeStatistic, v.OrgPath) {
		return postgres.Visit{}, postgres.NoVisit()
	}
	return v, nil
}

// maySeeVisitPhoto reports whether the caller may look at a photo of the visit.
func (a *API) maySeeVisitPhoto(ctx context.Context, who access.Session, id, photo uuid.UUID) (bool, error) {
	v, err := a.visit(ctx, who, id)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(shownVisit(who, v, false).Photos, func(p postgres.VisitPhoto) bool { return p.ID == photo }), nil
}
