package api

import (
	"cmp"
	"context"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/paulmach/orb"

	"github.com/gridward/gridward/geo/trail"
	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/patrol"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/workday"
)

type halfReason struct {
	Why     string `json:"why"`
	Counted bool   `json:"counted"`
	Ms      int64  `json:"ms"`
}

type personHalf struct {
	patrol.HalfOf
	IndoorMinutes int          `json:"indoor_minutes" doc:"of these credited by the indoor rule"`
	Reasons       []halfReason `json:"reasons" doc:"how the time between fixes went, by reason"`
}

type gridName struct {
	Grid int64  `json:"grid"`
	Name string `json:"name"`
}

type personWeek struct {
	Worker         int64               `json:"worker"`
	Name           string              `json:"name"`
	OrgName        string              `json:"org_name"`
	Grids          []gridName          `json:"grids"`
	Week           workday.Day         `json:"week"`
	WorkingDays    int                 `json:"working_days"`
	LeaveHalves    int                 `json:"leave_halves"`
	Required       int                 `json:"required"`
	Qualified      int                 `json:"qualified"`
	State          patrol.State        `json:"state" enum:"met,unmet,exempt"`
	RuleVersion    string              `json:"rule_version"`
	Quota          int                 `json:"quota" doc:"half-days that a full week asks for"`
	Holiday        string              `json:"holiday" enum:"prorate,fixed"`
	HalfDayMinutes int                 `json:"half_day_minutes" doc:"effective minutes from which a half-day qualifies, on Monday"`
	Quotas         []patrol.Quota      `json:"quotas" doc:"what holds in the week; more than one where the policy changes within it"`
	HalfDays       []personHalf        `json:"half_days" doc:"fourteen, Monday morning first"`
	Rules          []patrol.RuleResult `json:"rules"`
	Leaves         []postgres.LeaveRow `json:"leaves"`
	Days           []calendarDay       `json:"days"`
	Visits         int                 `json:"visits"`
	Short          int                 `json:"short" doc:"走过场"`
	Twice          int                 `json:"twice" doc:"days with two rounds"`
	Night          int                 `json:"night" doc:"night patrols"`
	DistanceM      float64             `json:"distance_m"`
	OutOfGrid      patrol.Frac         `json:"out_of_grid" doc:"seconds heard of outside over all seconds heard of"`
	RecomputedAt   *time.Time          `json:"recomputed_at"`
	Why            []string            `json:"why"`
	Words          map[string]string   `json:"words" doc:"reasons in Chinese"`
	postgres.Computing
}

// patrolWords are the reasons of minutes and of computing, in Chinese.
func patrolWords() map[string]string {
	words := postgres.Recomputings()
	for code, word := range patrol.Whys() {
		words[code] = word
	}
	return words
}

// personWeek is a worker's week with the reasons.
func (a *API) personWeek(ctx context.Context, who access.Session, w *postgres.WorkerRow, monday workday.Day) (personWeek, error) {
	out := personWeek{Worker: w.ID, Name: w.Name, OrgName: w.OrgName, Week: monday, Grids: []gridName{}, Leaves: []postgres.LeaveRow{}, Rules: []patrol.RuleResult{}, Why: []string{}, Words: patrolWords()}
	if who.Worker != w.ID {
		out.Name = personName(who, w.Name, w.OrgPath)
	}
	if today := workday.DayOf(a.Clock()); today >= monday && today < monday+7 {
		if err := a.Desk.MeasureNow(ctx, w.Region, w.ID, time.Minute); err != nil {
			return out, err
		}
	}
	rows, err := postgres.PatrolDays(ctx, a.DB.Pool, w.Region, w.ID, monday, monday+6)
	if err != nil {
		return out, err
	}
	if out.Computing, err = postgres.WorkerProgress(ctx, a.DB.Pool, w.Region, w.ID, monday); err != nil {
		return out, err
	}
	if out.Leaves, err = postgres.WorkerLeave(ctx, a.DB.Pool, w.ID, monday, monday+6); err != nil {
		return out, err
	}
	held, err := postgres.GridsHeld(ctx, a.DB.Pool, w.ID, monday, monday+6)
	if err != nil {
		return out, err
	}
	for _, g := range held {
		if name := (gridName{g.Grid, g.GridName}); !slices.Contains(out.Grids, name) {
			out.Grids = append(out.Grids, name)
		}
	}
	policies, err := postgres.PatrolPolicies(ctx, a.DB.Pool)
	if err != nil {
		return out, err
	}
	kind, err := postgres.OrgKind(ctx, a.DB.Pool, w.Org)
	if err != nil {
		return out, err
	}
	cal, err := a.Desk.WorkingCalendar(ctx, w.OrgPath, kind)
	if err != nil {
		return out, err
	}
	rules := patrol.InForce(policies, w.OrgPath, monday)
	out.Days, out.Quota, out.Holiday, out.HalfDayMinutes = calendarDays(cal, monday), rules.Quota.Params.Required, rules.Quota.Holiday, rules.Quota.Params.HalfDayS/60
	out.Quotas = patrol.Quotas(policies, w.OrgPath, monday)
	var days [7]patrol.WeekDay
	by := map[workday.Day]*patrol.DayMeasure{}
	for i := range days {
		day := monday + workday.Day(i)
		days[i].Worker, days[i].Needed = w.ID, patrol.InForce(policies, w.OrgPath, day).Quota.Params.HalfDayS/60
		days[i].NoGrid = !slices.ContainsFunc(held, func(h postgres.Holding) bool { return day >= h.From && day <= h.To })
		for _, l := range out.Leaves {
			days[i].Leave = append(days[i].Leave, l.Leave)
		}
	}
	for i := range rows {
		d := &rows[i]
		by[d.Day] = &d.Measure
		days[d.Day-monday].Halves, days[d.Day-monday].Twice = d.Measure.Halves, d.Measure.Twice
		out.Visits, out.Short, out.DistanceM = out.Visits+d.Measure.Visits, out.Short+d.Measure.Short, out.DistanceM+d.Measure.DistanceM
		out.OutOfGrid.N, out.OutOfGrid.D = out.OutOfGrid.N+d.Measure.OutMs/1000, out.OutOfGrid.D+(d.Measure.InMs+d.Measure.OutMs)/1000
		if d.Measure.Night {
			out.Night++
		}
		if out.RecomputedAt == nil || d.ComputedAt.After(*out.RecomputedAt) {
			at := d.ComputedAt
			out.RecomputedAt, out.Why = &at, d.Why
		}
	}
	m := patrol.Week(monday, days, cal, rules, patrol.Coverage{})
	out.WorkingDays, out.LeaveHalves, out.Required, out.Qualified, out.State, out.RuleVersion, out.Twice = m.WorkingDays, m.LeaveHalves, m.Required, m.Qualified, m.State, m.RuleVersion, m.Twice
	for _, r := range m.Rules {
		if r.Rule == patrol.TwiceDaily { // coverage is a grid's
			out.Rules = append(out.Rules, r)
		}
	}
	for _, h := range m.HalfDays {
		p := personHalf{HalfOf: h, Reasons: []halfReason{}}
		if d := by[h.Day]; d != nil {
			p.IndoorMinutes, p.Reasons = int(d.Halves[h.Half].IndoorMs/60_000), reasonsOf(d, h.Half)
		}
		switch {
		case len(p.Reasons) > 0:
		case days[h.Day-monday].NoGrid:
			p.Reasons = append(p.Reasons, halfReason{Why: patrol.WhyNoGrid})
		case !h.Rest && out.Settled:
			p.Reasons = append(p.Reasons, halfReason{Why: patrol.WhyNoRecord})
		}
		out.HalfDays = append(out.HalfDays, p)
	}
	return out, nil
}

// reasonsOf is how a half-day's time went, what counted first.
func reasonsOf(d *patrol.DayMeasure, half patrol.Half) []halfReason {
	sums := map[string]*halfReason{}
	for _, iv := range d.Intervals {
		if iv.Half != half {
			continue
		}
		if sums[iv.Why] == nil {
			sums[iv.Why] = &halfReason{Why: iv.Why, Counted: iv.Counted}
		}
		sums[iv.Why].Ms += iv.To - iv.From
	}
	out := make([]halfReason, 0, len(sums))
	for _, r := range sums {
		out = append(out, *r)
	}
	slices.SortFunc(out, func(x, y halfReason) int {
		if x.Counted != y.Counted {
			return map[bool]int{true: -1, false: 1}[x.Counted]
		}
		return cmp.Or(cmp.Compare(y.Ms, x.Ms), strings.Compare(x.Why, y.Why))
	})
	return out
}

type judgedFixes struct {
	At       []int64    `json:"at" doc:"Unix milliseconds"`
	Lon      []float64  `json:"lon"`
	Lat      []float64  `json:"lat"`
	Speed    []*float32 `json:"speed"`
	Accuracy []*float32 `json:"accuracy"`
	Flags    []int32    `json:"flags"`
	Why      []string   `json:"why" doc:"good = accepted, else why not"`
}

type stayBody struct {
	From      int64     `json:"from"`
	To        int64     `json:"to"`
	Point     orb.Point `json:"point"`
	RadiusM   float64   `json:"radius_m"`
	Certainty float32   `json:"certainty"`
}

type gapBody struct {
	From int64     `json:"from"`
	To   int64     `json:"to"`
	A    orb.Point `json:"a"`
	B    orb.Point `json:"b"`
	M    float64   `json:"m"`
}

type dayVisit struct {
	ID          string     `json:"id"`
	Target      string     `json:"target,omitempty"`
	TargetKind  string     `json:"target_kind,omitempty"`
	ArrivedAt   time.Time  `json:"arrived_at"`
	LeftAt      *time.Time `json:"left_at"`
	Point       *orb.Point `json:"point"`
	TargetPoint *orb.Point `json:"target_point"`
	DistanceM   *float64   `json:"distance_m"`
	Outcome     string     `json:"outcome"`
	Method      string     `json:"method"`
	Verified    string     `json:"verified"`
	DwellMs     *int64     `json:"dwell_ms"`
	Short       bool       `json:"short"`
}

type dayView struct {
	Worker      int64                `json:"worker"`
	Name        string               `json:"name"`
	Day         workday.Day          `json:"day"`
	Fixes       judgedFixes          `json:"fixes"`
	Intervals   []patrol.Interval    `json:"intervals"`
	Stays       []stayBody           `json:"stays"`
	Gaps        []gapBody            `json:"gaps"`
	Visits      []dayVisit           `json:"visits"`
	Places      []patrol.PlaceDwell  `json:"places"`
	Verdicts    []postgres.Verdict   `json:"verdicts" doc:"every verdict that there has been, oldest first"`
	AmMs        int64                `json:"am_ms"`
	PmMs        int64                `json:"pm_ms"`
	AmOK        bool                 `json:"am_ok"`
	PmOK        bool                 `json:"pm_ok"`
	NeededMs    int64                `json:"needed_ms"`
	Split       string               `json:"split" doc:"where the policy splits the day, HH:MM"`
	DistanceM   float64              `json:"distance_m"`
	InMs        int64                `json:"in_ms"`
	OutMs       int64                `json:"out_ms"`
	Refused     patrol.Refusals      `json:"refused"`
	RuleVersion string               `json:"rule_version"`
	ComputedAt  *time.Time           `json:"computed_at"`
	Why         []string             `json:"why"`
	Grids       []outline[gridFacts] `json:"grids" doc:"the assigned grids as they were drawn that day"`
	Words       map[string]string    `json:"words"`
}

// dayView is a worker's day with its evidence. own is the worker's own view:
// nothing is hidden from it.
func (a *API) dayView(ctx context.Context, who access.Session, w *postgres.WorkerRow, day workday.Day, own bool) (dayView, error) {
	out := dayView{Worker: w.ID, Name: w.Name, Day: day, Words: patrolWords(), Intervals: []patrol.Interval{}, Stays: []stayBody{}, Gaps: []gapBody{}, Visits: []dayVisit{}, Places: []patrol.PlaceDwell{},
		Why: []string{}, Grids: []outline[gridFacts]{}, Fixes: judgedFixes{[]int64{}, []float64{}, []float64{}, []*float32{}, []*float32{}, []int32{}, []string{}}}
	people := own || who.May(access.SeePeople, w.OrgPath)
	if !own {
		out.Name = personName(who, w.Name, w.OrgPath)
	}
	if day == workday.DayOf(a.Clock()) {
		if err := a.Desk.MeasureNow(ctx, w.Region, w.ID, time.Minute); err != nil {
			return out, err
		}
	}
	k := postgres.PatrolKey{Region: w.Region, Worker: w.ID, Day: day}
	in, path, err := postgres.PatrolInput(ctx, a.DB.Pool, k)
	if err != nil {
		return out, err
	}
	policies, err := postgres.PatrolPolicies(ctx, a.DB.Pool)
	if err != nil {
		return out, err
	}
	params := patrol.InForce(policies, path, day).Quota.Params
	rows, err := postgres.PatrolDays(ctx, a.DB.Pool, w.Region, w.ID, day, day)
	if err != nil {
		return out, err
	}
	called := map[string]patrol.Called{}
	if len(rows) > 0 {
		d, at := &rows[0].Measure, rows[0].ComputedAt
		out.Intervals, out.Places, out.AmMs, out.PmMs, out.AmOK, out.PmOK = d.Intervals, d.Places, d.Halves[0].Ms, d.Halves[1].Ms, d.Halves[0].Qualified, d.Halves[1].Qualified
		out.DistanceM, out.InMs, out.OutMs, out.Refused, out.RuleVersion, out.ComputedAt, out.Why = d.DistanceM, d.InMs, d.OutMs, d.Refused, rows[0].RuleVersion, &at, rows[0].Why
		for _, c := range d.Called {
			called[c.Visit] = c
		}
	}
	out.NeededMs, out.Split = int64(params.HalfDayS)*1000, params.Split
	if out.Verdicts, err = postgres.Verdicts(ctx, a.DB.Pool, k); err != nil {
		return out, err
	}
	if !own {
		if in.Fixes, err = a.mineOf(ctx, who, w, day, in.Fixes); err != nil {
			return out, err
		}
	}
	out.draw(patrol.JudgeDay(in, params))
	for i := range in.Visits {
		out.Visits = append(out.Visits, visitBody(&in.Visits[i], called, people))
	}
	for _, g := range in.Grids {
		out.Grids = append(out.Grids, shaped(g.Shape, gridFacts{g.ID, g.Code}))
	}
	return out, nil
}

// mineOf leaves out the fixes of duty for organisations outside the caller's scope.
func (a *API) mineOf(ctx context.Context, who access.Session, w *postgres.WorkerRow, day workday.Day, fixes []trail.Fix) ([]trail.Fix, error) {
	from, to := day.Start(), (day + 1).Start()
	all, err := postgres.DaySessions(ctx, a.DB.Pool, w.ID, from, to, nil, true)
	if err != nil {
		return nil, err
	}
	seen, err := postgres.DaySessions(ctx, a.DB.Pool, w.ID, from, to, who.Scope(access.SeeTrack), false)
	if err != nil || len(seen) == len(all) {
		return fixes, err
	}
	in := func(list []postgres.DaySession, ms int64) bool {
		return slices.ContainsFunc(list, func(s postgres.DaySession) bool {
			return ms >= s.StartedAt.UnixMilli() && (s.EndedAt == nil || ms <= s.EndedAt.UnixMilli())
		})
	}
	return slices.DeleteFunc(fixes, func(f trail.Fix) bool { return in(all, f.Ms) && !in(seen, f.Ms) }), nil
}

func (v *dayView) draw(j patrol.JudgedDay) {
	for i := range j.Fixes {
		f := &j.Fixes[i]
		v.Fixes.At, v.Fixes.Lon, v.Fixes.Lat = append(v.Fixes.At, f.Ms), append(v.Fixes.Lon, f.Point[0]), append(v.Fixes.Lat, f.Point[1])
		v.Fixes.Speed, v.Fixes.Accuracy, v.Fixes.Flags = append(v.Fixes.Speed, figure(f.Speed)), append(v.Fixes.Accuracy, figure(f.Accuracy)), append(v.Fixes.Flags, int32(f.Flags))
	}
	v.Fixes.Why = append(v.Fixes.Why, j.Why...)
	for _, s := range j.Stays {
		v.Stays = append(v.Stays, stayBody{s.From, s.To, s.Point, s.RadiusM, s.Certainty})
	}
	for _, g := range j.Gaps {
		v.Gaps = append(v.Gaps, gapBody{g.From, g.To, g.A, g.B, g.M})
	}
}

// visitBody is a visit on the day's map. Whom it was paid to is for those who may see people.
func visitBody(v *patrol.Visit, called map[string]patrol.Called, people bool) dayVisit {
	b := dayVisit{ID: v.ID.String(), ArrivedAt: v.At.UTC(), Point: v.Point, Outcome: v.Outcome, Method: v.Method, Verified: v.Verified}
	if !v.Left.IsZero() {
		left := v.Left.UTC()
		b.LeftAt = &left
	}
	if c, ok := called[b.ID]; ok {
		b.DwellMs, b.Short = c.DwellMs, c.Short
		if people {
			b.Target = c.Target
		}
	}
	if people {
		b.TargetKind, b.TargetPoint = v.TargetKind, v.TargetPoint
	}
	if v.Point != nil && v.TargetPoint != nil {
		m := math.Round(trail.Metres(*v.Point, *v.TargetPoint))
		b.DistanceM = &m
	}
	return b
}

// trackedWorker is somebody whose tracks the caller may see.
func (a *API) trackedWorker(ctx context.Context, who access.Session, id int64) (postgres.WorkerRow, error) {
	w, err := postgres.WorkerByID(ctx, a.DB.Pool, id)
	if err == nil && !access.Within(who.Scope(access.SeeTrack), w.OrgPath) || fault.Is(err, fault.Missing) {
		err = fault.New(fault.Missing, "没有这名人员，或者不在您的管辖范围")
	}
	return w, err
}

func (a *API) patrolPersonRoutes() {
	type weekReply struct{ Body personWeek }
	type dayReply struct{ Body dayView }
	route(a, http.MethodGet, "/patrol/workers/{id}/weeks/{monday}", "A person's week: fourteen half-days, what counted, what did not, and why", power(access.SeeTrack), func(ctx context.Context, who access.Session, in *struct {
		ID     int64  `path:"id"`
		Monday string `path:"monday"`
	}) (*weekReply, error) {
		w, err := a.trackedWorker(ctx, who, in.ID)
		if err != nil {
			return nil, err
		}
		monday, err := a.monday(in.Monday)
		if err != nil {
			return nil, err
		}
		body, err := a.personWeek(ctx, who, &w, monday)
		return &weekReply{body}, err
	})
	route(a, http.MethodPost, "/patrol/workers/{id}/days/{day}/views", "A person's day with its evidence: the judged track, every interval with its reason, every verdict. Who looked and why is recorded first", power(access.SeeTrack), func(ctx context.Context, who access.Session, in *struct {
		ID   int64  `path:"id"`
		Day  string `path:"day"`
		Body struct {
			Purpose string `json:"purpose" maxLength:"200"`
		}
	}) (*dayReply, error) {
		purpose := strings.TrimSpace(in.Body.Purpose)
		if len([]rune(purpose)) < 2 {
			return nil, fault.New(fault.Invalid, "请填写查看的事由").At("purpose")
		}
		_, _, date, err := a.dayOf(in.Day)
		if err != nil {
			return nil, err
		}
		w, err := a.trackedWorker(ctx, who, in.ID)
		if err != nil {
			return nil, err
		}
		if err := postgres.WriteAccessRecord(ctx, a.DB.Pool, who.Account, w.ID, "patrol_day", purpose, date, who.IP); err != nil {
			return nil, err
		}
		body, err := a.dayView(ctx, who, &w, workday.Day(date.Unix()/86400), false)
		return &dayReply{body}, err
	})
	route(a, http.MethodGet, "/me/patrol", "The caller's own week, with the reasons", person, func(ctx context.Context, who access.Session, in *struct {
		Week string `query:"week" doc:"its Monday; this week when left out"`
	}) (*weekReply, error) {
		w, err := a.me(ctx, who)
		if err != nil {
			return nil, err
		}
		monday, err := a.monday(in.Week)
		if err != nil {
			return nil, err
		}
		body, err := a.personWeek(ctx, who, &w, monday)
		return &weekReply{body}, err
	})
	route(a, http.MethodGet, "/me/patrol/days/{day}", "The caller's own day with its evidence", person, func(ctx context.Context, who access.Session, in *struct {
		Day string `path:"day"`
	}) (*dayReply, error) {
		w, err := a.me(ctx, who)
		if err != nil {
			return nil, err
		}
		_, _, date, err := a.dayOf(in.Day)
		if err != nil {
			return nil, err
		}
		body, err := a.dayView(ctx, who, &w, workday.Day(date.Unix()/86400), true)
		return &dayReply{body}, err
	})
}

// me is the worker that the caller is.
func (a *API) me(ctx context.Context, who access.Session) (postgres.WorkerRow, error) {
	if who.Worker == 0 {
		return postgres.WorkerRow{}, fault.New(fault.Denied, "您的账号没有对应的网格人员")
	}
	return postgres.WorkerByID(ctx, a.DB.Pool, who.Worker)
}
