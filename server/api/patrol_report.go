package api

import (
	"bytes"
	"context"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/patrol"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/territory"
	"github.com/gridward/gridward/server/workday"
)

// weekReport is the printed week of an organisation's grids: what an inspection
// takes away. It compares grids and ranks nobody.
type weekReport struct {
	form
	From, To, ComputedAt   string
	WorkingDays, Required  int
	LeaveNote, RuleVersion string
	HalfRule               string
	Days                   []string
	Sum                    reportSum
	Orgs                   []reportSum
	Rows, Unmet            []reportRow
}

type reportShare struct{ Share, Of string }

// reportSum is what some grids come to together: each figure for itself, none blended.
type reportSum struct {
	Name                      string
	Grids, Met, Unmet, Exempt int
	Visits, Found             int64
	cover                     [4]patrol.Frac
	open, doubts              int64
}

func (s *reportSum) add(r *boardRow) {
	s.Grids++
	switch {
	case !r.Settled: // no verdict yet
	case r.State == patrol.Met:
		s.Met++
	case r.State == patrol.Unmet:
		s.Unmet++
	case r.State == patrol.Exempt:
		s.Exempt++
	}
	for k, c := range coverOf(r) {
		s.cover[k].N, s.cover[k].D = s.cover[k].N+c.N, s.cover[k].D+c.D
	}
	s.Visits, s.Found = s.Visits+r.Visits, s.Found+r.Found
	s.open, s.doubts = s.open+r.Doubts.Open, s.doubts+r.Doubts.Total
}

func (s reportSum) Rate() string {
	return shareText(patrol.Frac{N: int64(s.Met), D: int64(s.Met + s.Unmet)})
}
func (s reportSum) FoundRate() string { return perHundred(s.Found, s.Visits) }
func (s reportSum) Doubts() string    { return fmt.Sprintf("%d / %d", s.open, s.doubts) }

func (s reportSum) Cover() (shares [4]reportShare) {
	for k := range s.cover {
		shares[k] = shareOf(s.cover[k])
	}
	return shares
}

// coverOf are a grid's four coverages, in the order in which paper has them.
func coverOf(r *boardRow) [4]patrol.Frac {
	return [4]patrol.Frac{r.Coverage.Area, r.Coverage.Household, r.Coverage.Object, r.Coverage.Checkpoint}
}

type reportHalf struct{ Text, Class string }

type reportRow struct {
	No                               int
	Name, Org, Leader, State, Quota  string
	Unmet                            bool
	Halves                           []reportHalf
	Cover                            [4]reportShare
	Visits                           int64
	Found, Outside, Distance, Doubts string
}

// dash stands for a share of nothing.
const dash = "—"

// shareText is a share in whole per cent, rounded half up.
func shareText(f patrol.Frac) string {
	if f.D <= 0 {
		return dash
	}
	return strconv.FormatInt((200*f.N+f.D)/(2*f.D), 10) + "%"
}

func shareOf(f patrol.Frac) reportShare {
	if f.D <= 0 {
		return reportShare{dash, ""}
	}
	return reportShare{shareText(f), fmt.Sprintf("%d/%d", f.N, f.D)}
}

// perHundred are problems found on a hundred visits.
func perHundred(found, visits int64) string {
	if visits <= 0 {
		return dash
	}
	hundredths := (20000*found + visits) / (2 * visits)
	return fmt.Sprintf("%d.%02d", hundredths/100, hundredths%100)
}

func quotaOf(r *boardRow) string {
	if r.Required == 0 {
		return fmt.Sprintf("%d/%s", r.Qualified, dash)
	}
	return fmt.Sprintf("%d/%d", r.Qualified, r.Required)
}

// patrolReportRoute is a page, not JSON: described here and served beside huma.
func (a *API) patrolReportRoute(mux *http.ServeMux) {
	const path = "/api/v1/patrol/report"
	n := power(access.SeeStatistic)
	a.routes = append(a.routes, Route{http.MethodGet, path, n.word})
	text := &huma.Schema{Type: huma.TypeString}
	a.huma.OpenAPI().AddOperation(&huma.Operation{
		Method: http.MethodGet, Path: path, OperationID: "get-patrol-report", Summary: "The week's patrols of an organisation's grids as a report for A4 (网格巡查周报)",
		Description: "Needs: " + n.word + ". Printing is recorded.", Security: []map[string][]string{{"session": {}}},
		Parameters: []*huma.Param{
			{Name: "week", In: "query", Description: "any day of the week, 2026-11-23; the last whole week unless told", Schema: text},
			{Name: "org", In: "query", Description: "only the grids of this organisation and below", Schema: &huma.Schema{Type: huma.TypeInteger, Format: "int64"}},
		},
		Responses: map[string]*huma.Response{"200": {Description: "An HTML page", Content: map[string]*huma.MediaType{"text/html": {}}}},
	})
	mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
		ctx := context.WithValue(r.Context(), requestKey{}, r)
		who, err := a.admit(ctx, n)
		if err == nil {
			err = a.sendPatrolReport(ctx, w, r, who)
		}
		if err != nil {
			a.refuse(ctx, w, err)
		}
	})
}

func (a *API) sendPatrolReport(ctx context.Context, w http.ResponseWriter, r *http.Request, who access.Session) error {
	f, err := a.patrolReport(ctx, r, who)
	if err != nil {
		return err
	}
	var page bytes.Buffer
	if err := forms.ExecuteTemplate(&page, "patrol.html", f); err != nil {
		return fmt.Errorf("draw the week's report: %w", err)
	}
	if err := a.audit(ctx, a.DB.Pool, who, "patrol_report.printed", f.Number, map[string]any{"week": f.From}); err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", formPolicy)
	_, _ = w.Write(page.Bytes())
	return nil
}

// patrolReport puts the stored week of the grids that the caller may see on paper.
func (a *API) patrolReport(ctx context.Context, r *http.Request, who access.Session) (f weekReport, err error) {
	now := a.Clock()
	monday := patrol.Monday(workday.DayOf(now)) - 7
	if text := r.URL.Query().Get("week"); text != "" {
		if monday, err = a.monday(text); err != nil {
			return f, err
		}
	}
	var org int64
	if text := r.URL.Query().Get("org"); text != "" {
		if org, err = strconv.ParseInt(text, 10, 64); err != nil {
			return f, fault.New(fault.Invalid, "单位应为编号")
		}
	}
	scope := who.Scope(access.SeeStatistic)
	orgs, err := postgres.Orgs(ctx, a.DB.Pool, scope)
	if err != nil {
		return f, err
	}
	var whose *territory.Org
	for i, o := range orgs { // the one asked for, or the outermost
		if org == o.ID || org == 0 && (whose == nil || len(o.Path) < len(whose.Path)) {
			whose = &orgs[i]
		}
	}
	if whose == nil {
		return f, fault.New(fault.Missing, "没有这个单位，或者不在您的管辖范围")
	}
	if scope, err = a.below(ctx, scope, org); err != nil {
		return f, err
	}
	week, err := a.board(ctx, who, monday, scope)
	if err != nil {
		return f, err
	}
	at := now.In(incident.BusinessZone()).Format("2006-01-02 15:04:05")
	f.form = form{CSS: template.CSS(formStyle), Title: "网格巡查周报", Issuer: whose.Name, Number: fmt.Sprintf("巡查-%s", monday), PrintedBy: who.Name + "（" + who.Login + "）", PrintedAt: at}
	for range 12 {
		f.Water = append(f.Water, who.Name+" "+at)
	}
	f.From, f.To = monday.String(), (monday + 6).String()
	f.HalfRule, f.ComputedAt = halfRule(week.Quotas, monday), dash
	f.WorkingDays, f.Required = week.WorkingDays, week.Required
	for i := range 7 {
		f.Days = append(f.Days, []string{"一", "二", "三", "四", "五", "六", "日"}[i]+" "+(monday + workday.Day(i)).String()[5:])
	}
	if week.Running {
		f.Marks = append(f.Marks, "本周未结束")
	}
	f.fill(week.Rows)
	return f, nil
}

// halfRule says from how many minutes a half-day counts and where the day is
// split, once for each policy that holds in the week.
func halfRule(quotas []boardQuota, monday workday.Day) string {
	var said []string
	for _, q := range quotas {
		text := fmt.Sprintf("满 %d 分钟算一个半天，上下午以 %s 分界", q.HalfDayMinutes, q.Split)
		if len(quotas) > 1 {
			if q.From > monday || q.To < monday+6 {
				text += fmt.Sprintf("，%s 至 %s", q.From.String()[5:], q.To.String()[5:])
			}
			text = fmt.Sprintf("“%s”（%d 个网格）%s", q.Name, q.Grids, text)
		}
		if !slices.Contains(said, text) {
			said = append(said, text)
		}
	}
	return strings.Join(said, "；")
}

// fill writes the rows and their sums, of all and of each organisation.
func (f *weekReport) fill(rows []boardRow) {
	var versions []string
	var computed time.Time
	leaves, waiting := 0, 0
	f.Sum.Name = "合计"
	for i := range rows {
		r := &rows[i]
		row := reportRow{No: i + 1, Name: r.Name, Org: r.OrgName, Leader: dash, State: r.State.Name(), Quota: quotaOf(r), Unmet: r.State == patrol.Unmet, Visits: r.Visits,
			Found: perHundred(r.FoundRate.N, r.FoundRate.D), Outside: shareText(r.OutOfGrid), Distance: fmt.Sprintf("%.1f", r.DistanceM/1000), Doubts: fmt.Sprintf("%d/%d", r.Doubts.Open, r.Doubts.Total)}
		if r.Leader != nil {
			row.Leader = r.Leader.Name
		}
		if !r.Settled {
			row.State, row.Unmet = notComputed, false
			waiting++
		}
		for k, c := range coverOf(r) {
			row.Cover[k] = shareOf(c)
		}
		for _, h := range r.HalfDays {
			row.Halves = append(row.Halves, halfOn(h))
		}
		f.Rows = append(f.Rows, row)
		if row.Unmet {
			f.Unmet = append(f.Unmet, row)
		}
		f.Sum.add(r)
		at := slices.IndexFunc(f.Orgs, func(s reportSum) bool { return s.Name == r.OrgName })
		if at < 0 {
			at = len(f.Orgs)
			f.Orgs = append(f.Orgs, reportSum{Name: r.OrgName})
		}
		f.Orgs[at].add(r)
		if slices.ContainsFunc(r.HalfDays, func(h patrol.HalfOf) bool { return h.Leave }) {
			leaves++
		}
		if r.RecomputedAt != nil && r.RecomputedAt.After(computed) {
			computed = *r.RecomputedAt
		}
		if !slices.Contains(versions, r.RuleVersion) {
			versions = append(versions, r.RuleVersion)
		}
	}
	if len(f.Orgs) < 2 {
		f.Orgs = nil // the sum says it already
	}
	if waiting > 0 {
		f.Marks = append(f.Marks, fmt.Sprintf("%d 个网格%s", waiting, notComputed))
	}
	f.ComputedAt = maybeTime(&computed)
	if leaves > 0 {
		f.LeaveNote = fmt.Sprintf("%d 个网格因请假另行折算", leaves)
	}
	if f.RuleVersion = strings.Join(versions, "、"); f.RuleVersion == "" {
		f.RuleVersion = dash
	}
}

// halfOn is a half-day on paper: its minutes, or why there need be none.
func halfOn(h patrol.HalfOf) reportHalf {
	switch {
	case h.Qualified:
		return reportHalf{"√" + strconv.Itoa(h.Minutes), "yes"}
	case h.Minutes > 0:
		return reportHalf{strconv.Itoa(h.Minutes), ""}
	case h.Leave:
		return reportHalf{"假", "rest"}
	case h.Rest:
		return reportHalf{"", "rest"}
	}
	return reportHalf{}
}
