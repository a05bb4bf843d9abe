package api

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/patrol"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/workday"
)

type patrolLeader struct {
	Worker int64  `json:"worker"`
	Name   string `json:"name"`
}

type patrolDoubts struct {
	Open  int64 `json:"open"`
	Total int64 `json:"total"`
}

type boardRow struct {
	Grid         int64                `json:"grid"`
	Code         string               `json:"code"`
	Name         string               `json:"name"`
	Org          int64                `json:"org"`
	OrgName      string               `json:"org_name"`
	Leader       *patrolLeader        `json:"leader,omitempty"`
	Workers      int                  `json:"workers" doc:"who answered for the grid in the week"`
	HalfDays     []patrol.HalfOf      `json:"half_days" doc:"fourteen, Monday morning first"`
	Qualified    int                  `json:"qualified"`
	Required     int                  `json:"required"`
	State        patrol.State         `json:"state" enum:"met,unmet,exempt" doc:"达标, 未达标, 免考; while the week runs, as it stands"`
	Coverage     patrol.Coverage      `json:"coverage" doc:"four figures, never blended"`
	Visits       int64                `json:"visits"`
	Attempts     int64                `json:"attempts" doc:"nobody was met"`
	Short        int64                `json:"short" doc:"走过场: visits of less than three minutes by the track"`
	Found        int64                `json:"found" doc:"problems found on visits"`
	FoundRate    patrol.Frac          `json:"found_rate" doc:"problems over visits"`
	OutOfGrid    patrol.Frac          `json:"out_of_grid" doc:"seconds heard of outside the grid over all seconds heard of"`
	AverageGap   patrol.Frac          `json:"average_gap" doc:"milliseconds between accepted fixes over their number"`
	DistanceM    float64              `json:"distance_m"`
	Night        int                  `json:"night" doc:"night patrols"`
	Doubts       patrolDoubts         `json:"doubts" doc:"doubtful days of those who answer for the grid: advice, no part of any figure"`
	Trend        []postgres.TrendWeek `json:"trend" doc:"up to six weeks that end with this one"`
	Rules        []patrol.RuleResult  `json:"rules,omitempty" doc:"what the week came to under other policies"`
	RecomputedAt *time.Time           `json:"recomputed_at" doc:"null: not computed yet"`
	postgres.Computing
	Why         []string `json:"why" doc:"why it was computed last: see words"`
	RuleVersion string   `json:"rule_version"`
}

type calendarDay struct {
	Day     workday.Day `json:"day"`
	Working bool        `json:"working"`
	Note    string      `json:"note,omitempty" doc:"the holiday, or 调休"`
}

type boardQuota struct {
	patrol.Quota
	OrgName string `json:"org_name,omitempty" doc:"of the policy; none = everybody's"`
	Grids   int    `json:"grids" doc:"for how many grids it holds"`
}

type boardTotals struct {
	Grids     int `json:"grids"`
	Settled   int `json:"settled" doc:"grids whose week was computed; of the others no state is counted"`
	Met       int `json:"met"`
	Unmet     int `json:"unmet"`
	Exempt    int `json:"exempt"`
	Qualified int `json:"qualified"`
	Required  int `json:"required"`
}

type boardBody struct {
	Week        workday.Day       `json:"week"`
	Running     bool              `json:"running" doc:"the week is not over"`
	WorkingDays int               `json:"working_days"`
	Required    int               `json:"required" doc:"of a grid without leave"`
	RuleVersion string            `json:"rule_version"`
	Quotas      []boardQuota      `json:"quotas" doc:"what holds in the week: several where grids have policies of their own, or one changes within the week"`
	Days        []calendarDay     `json:"days"`
	Rows        []boardRow        `json:"rows"`
	Totals      boardTotals       `json:"totals" doc:"of everything that matches, not of the page"`
	Total       int               `json:"total"`
	Next        string            `json:"next,omitempty"`
	Words       map[string]string `json:"words" doc:"why, in Chinese"`
	ToDoubt     int64             `json:"to_doubt" doc:"worker-days of the week not yet looked at for doubts: while there are some, no doubts is no finding"`
	postgres.Computing
}

func (b boardBody) table() ([]string, [][]string) {
	frac := func(f patrol.Frac) string {
		if f.D == 0 {
			return "—"
		}
		return strconv.FormatInt(f.N, 10) + "/" + strconv.FormatInt(f.D, 10)
	}
	head := []string{"网格编码", "网格", "社区(村)", "网格长"}
	for _, h := range weekHeads(b.Week) {
		head = append(head, h+"(分钟)")
	}
	head = append(head, "合格半天", "应完成", "结果", "区域覆盖", "住户企业走访", "到期对象走访", "必巡点", "走访次数", "未遇", "走过场", "发现问题", "网格外时长(秒)/总时长", "里程(公里)", "夜巡", "存疑待处理", "规则版本", "计算时间")
	rows := make([][]string, len(b.Rows))
	for i, r := range b.Rows {
		leader := ""
		if r.Leader != nil {
			leader = r.Leader.Name
		}
		row := []string{r.Code, r.Name, r.OrgName, leader}
		for _, h := range r.HalfDays {
			row = append(row, strconv.Itoa(h.Minutes))
		}
		at := ""
		if r.RecomputedAt != nil {
			at = localTime(*r.RecomputedAt)
		}
		state := r.State.Name()
		if !r.Settled {
			state = notComputed
		}
		rows[i] = append(row, strconv.Itoa(r.Qualified), strconv.Itoa(r.Required), state, frac(r.Coverage.Area), frac(r.Coverage.Household), frac(r.Coverage.Object), frac(r.Coverage.Checkpoint),
			strconv.FormatInt(r.Visits, 10), strconv.FormatInt(r.Attempts, 10), strconv.FormatInt(r.Short, 10), strconv.FormatInt(r.Found, 10), frac(r.OutOfGrid),
			strconv.FormatFloat(r.DistanceM/1000, 'f', 1, 64), strconv.Itoa(r.Night), strconv.FormatInt(r.Doubts.Open, 10), r.RuleVersion, at)
	}
	return head, rows
}

// notComputed stands where a verdict would, while days wait.
const notComputed = "尚未计算"

// weekHeads are the fourteen half-days as a table names them.
func weekHeads(monday workday.Day) []string {
	var out []string
	for i := range 7 {
		d := monday + workday.Day(i)
		for _, half := range []string{"上午", "下午"} {
			out = append(out, d.String()[5:]+"周"+string([]rune("一二三四五六日")[i])+half)
		}
	}
	return out
}

// patrolScope is where the caller may read what patrols came to.
func patrolScope(who access.Session) ([]string, error) {
	scope := access.Outermost(append(who.Scope(access.SeeStatistic), who.Scope(access.SeeTrack)...))
	if len(scope) == 0 {
		return nil, fault.New(fault.Denied, "您没有这项权限")
	}
	return scope, nil
}

// monday reads a week by its Monday; none is this week.
func (a *API) monday(text string) (workday.Day, error) {
	today := workday.DayOf(a.Clock())
	if text == "" {
		return patrol.Monday(today), nil
	}
	d, err := workday.ParseDay(text)
	if err != nil || d < workday.Date(2016, time.January, 1) || d > today+14 {
		return 0, fault.New(fault.Invalid, "请用周一的日期选择一周").At("week")
	}
	return patrol.Monday(d), nil
}

// below narrows a scope to an organisation and those below it.
func (a *API) below(ctx context.Context, scope []string, org int64) ([]string, error) {
	if org == 0 {
		return scope, nil
	}
	path, err := postgres.OrgPlace(ctx, a.DB.Pool, org)
	if err != nil {
		return nil, err
	}
	if access.Within(scope, path) {
		return []string{path}, nil
	}
	var inside []string
	for _, s := range scope {
		if access.Covers(path, s) {
			inside = append(inside, s)
		}
	}
	if len(inside) == 0 {
		return nil, fault.New(fault.Missing, "没有这个组织机构，或者不在您的管辖范围")
	}
	return inside, nil
}

func calendarDays(cal *workday.Calendar, monday workday.Day) []calendarDay {
	out := make([]calendarDay, 7)
	for i := range out {
		v := cal.View(monday + workday.Day(i))
		out[i] = calendarDay{Day: v.Date, Working: v.Working, Note: v.Name}
		if v.Kind == "makeup" && out[i].Note == "" {
			out[i].Note = "调休"
		}
	}
	return out
}

// board reads a week of every execution grid of the scope.
func (a *API) board(ctx context.Context, who access.Session, monday workday.Day, scope []string) (boardBody, error) {
	out := boardBody{Week: monday, Running: monday+7 > workday.DayOf(a.Clock()), Rows: []boardRow{}, Days: []calendarDay{}, Quotas: []boardQuota{}, Words: postgres.Recomputings()}
	lines, err := postgres.PatrolBoard(ctx, a.DB.Pool, monday, scope)
	if err != nil {
		return out, err
	}
	all, each, err := postgres.GridProgress(ctx, a.DB.Pool, monday, monday+6, workday.DayOf(a.Clock()), scope)
	if err != nil {
		return out, err
	}
	out.Computing = all
	since := time.Unix(int64(monday)*86400, 0).UTC()
	until := since.AddDate(0, 0, 6)
	look, err := postgres.DoubtProgress(ctx, a.DB.Pool, postgres.DoubtFilter{Scope: scope, From: &since, To: &until}, workday.DayOf(a.Clock()))
	if err != nil {
		return out, err
	}
	out.ToDoubt = look.Waiting
	policies, err := postgres.PatrolPolicies(ctx, a.DB.Pool)
	if err != nil {
		return out, err
	}
	empty := map[int64]patrol.WeekMeasure{} // of organisations: a week of which nothing is known
	for i := range lines {
		l := &lines[i]
		out.holds(policies, l.OrgPath)
		if _, ok := empty[l.Org]; !ok && (l.Measure == nil || len(empty) == 0) {
			cal, err := a.Desk.WorkingCalendar(ctx, l.OrgPath, l.OrgKind)
			if err != nil {
				return out, err
			}
			m := patrol.Week(monday, [7]patrol.WeekDay{}, cal, patrol.InForce(policies, l.OrgPath, monday), patrol.Coverage{})
			empty[l.Org] = m
			if len(out.Days) == 0 {
				out.Days, out.WorkingDays, out.Required, out.RuleVersion = calendarDays(cal, monday), m.WorkingDays, m.Required, m.RuleVersion
			}
		}
		m := l.Measure
		if m == nil {
			e := empty[l.Org]
			m = &e
		}
		row := boardRow{Grid: l.Grid, Code: l.Code, Name: l.Name, Org: l.Org, OrgName: l.OrgName, Workers: l.Workers, HalfDays: m.HalfDays, Qualified: m.Qualified, Required: m.Required, State: m.State,
			Coverage: l.Cover, Visits: l.Visits, Attempts: l.Attempts, Short: l.Short, Found: l.Found, FoundRate: patrol.Frac{N: l.Found, D: l.Visits}, OutOfGrid: patrol.Frac{N: l.Out / 1000, D: (l.InMs + l.Out) / 1000},
			AverageGap: patrol.Frac{N: l.GapMs, D: l.Gaps}, DistanceM: l.DistanceM, Night: l.Night, Doubts: patrolDoubts{l.DoubtsOpen, l.Doubts}, Trend: l.Trend, Rules: m.Rules,
			RecomputedAt: l.Computed, Computing: each[l.Grid], Why: l.Why, RuleVersion: m.RuleVersion}
		if l.Leader != 0 {
			row.Leader = &patrolLeader{l.Leader, personName(who, l.LeaderName, l.OrgPath)}
		}
		out.Rows = append(out.Rows, row)
	}
	return out, nil
}

// holds counts a grid of the organisation with the path among those for which
// its quotas hold.
func (b *boardBody) holds(policies []patrol.Policy, path string) {
	for _, q := range patrol.Quotas(policies, path, b.Week) {
		at := slices.IndexFunc(b.Quotas, func(x boardQuota) bool { return x.Quota == q })
		if at < 0 {
			at = len(b.Quotas)
			name := patrol.InForce(policies, path, q.From).Quota.OrgName
			b.Quotas = append(b.Quotas, boardQuota{Quota: q, OrgName: name})
		}
		b.Quotas[at].Grids++
	}
}

// matching are the rows that answer to what was typed, and their totals.
func (b *boardBody) matching(q, state string) {
	q = strings.ToLower(strings.TrimSpace(q))
	b.Rows = slices.DeleteFunc(b.Rows, func(r boardRow) bool {
		if state != "" && (string(r.State) != state || !r.Settled) {
			return true
		}
		return q != "" && !strings.Contains(strings.ToLower(r.Name), q) && !strings.HasPrefix(r.Code, q) && !strings.Contains(r.OrgName, q) && (r.Leader == nil || !strings.Contains(r.Leader.Name, q))
	})
	b.Total, b.Totals = len(b.Rows), boardTotals{Grids: len(b.Rows)}
	for i := range b.Rows {
		r := &b.Rows[i]
		if !r.Settled {
			continue
		}
		b.Totals.Settled++
		b.Totals.Qualified, b.Totals.Required = b.Totals.Qualified+min(r.Qualified, r.Required), b.Totals.Required+r.Required
		switch r.State {
		case patrol.Met:
			b.Totals.Met++
		case patrol.Unmet:
			b.Totals.Unmet++
		case patrol.Exempt:
			b.Totals.Exempt++
		}
	}
}

func (a *API) patrolRoutes() {
	route(a, http.MethodGet, "/patrol/board", "The week of every execution grid: quota, four coverages, doubts, trend (巡查周报)", settled, func(ctx context.Context, who access.Session, in *struct {
		Paging
		Week  string `query:"week" doc:"its Monday, YYYY-MM-DD; this week when left out"`
		Org   int64  `query:"org"`
		Q     string `query:"q" maxLength:"40" doc:"grid, code, community or leader"`
		State string `query:"state" enum:"met,unmet,exempt,"`
	}) (*struct {
		ListHead
		Body boardBody
	}, error) {
		scope, err := patrolScope(who)
		if err != nil {
			return nil, err
		}
		monday, err := a.monday(in.Week)
		if err != nil {
			return nil, err
		}
		if scope, err = a.below(ctx, scope, in.Org); err != nil {
			return nil, err
		}
		after := ""
		if _, err := in.read(&after); err != nil {
			return nil, err
		}
		body, err := a.board(ctx, who, monday, scope)
		if err != nil {
			return nil, err
		}
		body.matching(in.Q, in.State)
		body.Rows = slices.DeleteFunc(body.Rows, func(r boardRow) bool { return r.Code <= after })
		if err := a.exported(ctx, in.Paging, who, "patrol_board.exported", monday.String(), map[string]any{"rows": len(body.Rows)}); err != nil {
			return nil, err
		}
		body.Rows, body.Next = cut(in.Paging, body.Rows, func(r boardRow) any { return r.Code })
		return &struct {
			ListHead
			Body boardBody
		}{head(in.Paging, "patrol-"+monday.String(), a.Clock()), body}, nil
	})
	a.patrolPersonRoutes()
	a.patrolGridRoutes()
	a.patrolPolicyRoutes()
	a.leaveRoutes()
}
