package api

import (
	"bytes"
	"context"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/patrol"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/workday"
)

// weekReport is the printed week of an organisation's grids: what an inspection
// takes away. It compares grids and ranks nobody.
type weekReport struct {
	form
	From, To, ComputedAt   string
	WorkingDays, Required  int
	LeaveNote, RuleVersion string
	HalfMinutes            int
	Days                   []string
	Sum                    reportSum
	Rows, Unmet            []reportRow
}

type reportShare struct{ Share, Of string }

type reportSum struct {
	Grids, Met, Unmet, Exempt int
	Rate                      string
	Cover                     [4]reportShare
	Visits, Found             int64
	FoundRate, Doubts         string
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

// shareText is n of d in whole per cent, rounded half up.
func shareText(n, d int64) string {
	if d <= 0 {
		return dash
	}
	return strconv.FormatInt((200*n+d)/(2*d), 10) + "%"
}

func shareOf(f patrol.Frac) reportShare {
	if f.D <= 0 {
		return reportShare{dash, ""}
	}
	return reportShare{shareText(f.N, f.D), fmt.Sprintf("%d/%d", f.N, f.D)}
}

// perHundred are problems found on a hundred visits.
func perHundred(found, visits int64) string {
	if visits <= 0 {
		return dash
	}
	hundredths := (20000*found + visits) / (2 * visits)
	return fmt.Sprintf("%d.%02d", hundredths/100, hundredths%100)
}

func quotaOf(m *patrol.WeekMeasure) string {
	if m.Required == 0 {
		return fmt.Sprintf("%d/%s", m.Qualified, dash)
	}
	return fmt.Sprintf("%d/%d", m.Qualified, m.Required)
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
		d, err := workday.ParseDay(text)
		if err != nil {
			return f, fault.New(fault.Invalid, "周应为其中一天，如 2026-11-23")
		}
		monday = patrol.Monday(d)
	}
	var only *int64
	if text := r.URL.Query().Get("org"); text != "" {
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return f, fault.New(fault.Invalid, "单位应为编号")
		}
		only = &id
	}
	scope := who.Scope(access.SeeStatistic)
	orgs, err := postgres.Orgs(ctx, a.DB.Pool, scope)
	if err != nil {
		return f, err
	}
	issuer, path, kind := "", "", ""
	for _, o := range orgs { // the one asked for, or the outermost
		if only != nil && o.ID == *only || only == nil && (path == "" || len(o.Path) < len(path)) {
			issuer, path, kind = o.Name, o.Path, o.Kind
		}
	}
	if path == "" {
		return f, fault.New(fault.Missing, "没有这个单位，或者不在您的管辖范围")
	}
	list, err := postgres.PatrolReport(ctx, a.DB.Pool, monday, scope, only)
	if err != nil {
		return f, err
	}
	cal, err := a.Desk.WorkingCalendar(ctx, path, kind)
	if err != nil {
		return f, err
	}
	at := now.In(incident.BusinessZone()).Format("2006-01-02 15:04:05")
	f.form = form{CSS: template.CSS(formStyle), Title: "网格巡查周报", Issuer: issuer, Number: fmt.Sprintf("巡查-%s", monday), PrintedBy: who.Name + "（" + who.Login + "）", PrintedAt: at, State: "数字以平台为准"}
	for range 12 {
		f.Water = append(f.Water, who.Name+" "+at)
	}
	f.From, f.To = monday.String(), (monday + 6).String()
	f.HalfMinutes, f.ComputedAt = patrol.Defaults().HalfDayS/60, dash
	var working [7]bool
	for i := range working {
		d := monday + workday.Day(i)
		working[i] = cal.Working(d)
		f.Days = append(f.Days, []string{"一", "二", "三", "四", "五", "六", "日"}[i]+" "+d.String()[5:])
		if working[i] {
			f.WorkingDays++
		}
	}
	if monday+6 >= workday.DayOf(now) {
		f.Marks = append(f.Marks, "本周未结束")
	}
	f.fill(list, working)
	return f, nil
}

// fill writes the rows and their sums: each figure for itself, none blended.
func (f *weekReport) fill(list []postgres.ReportRow, working [7]bool) {
	var cover [4]patrol.Frac
	var open, doubts int64
	var versions []string
	leaves := 0
	for i := range list {
		r := &list[i]
		m := &r.Measure
		row := reportRow{No: i + 1, Name: r.Name, Org: r.Org, Leader: r.Leader, State: m.State.Name(), Quota: quotaOf(m), Unmet: m.State == patrol.Unmet, Visits: r.Visits,
			Found: perHundred(r.Found, r.Visits), Outside: shareText(r.Out, r.In+r.Out), Distance: fmt.Sprintf("%.1f", r.DistanceM/1000), Doubts: fmt.Sprintf("%d/%d", r.DoubtsOpen, r.Doubts)}
		if row.Leader == "" {
			row.Leader = dash
		}
		for k, c := range []patrol.Frac{r.Cover.Area, r.Cover.Household, r.Cover.Object, r.Cover.Checkpoint} {
			row.Cover[k] = shareOf(c)
			cover[k].N, cover[k].D = cover[k].N+c.N, cover[k].D+c.D
		}
		for k, h := range m.HalfDays {
			half := reportHalf{Text: strconv.Itoa(h.Minutes)}
			switch {
			case h.Qualified:
				half = reportHalf{"√" + half.Text, "yes"}
			case h.Minutes == 0 && k/2 < 7 && !working[k/2]:
				half = reportHalf{"", "rest"}
			case h.Minutes == 0:
				half.Text = ""
			}
			row.Halves = append(row.Halves, half)
		}
		f.Rows = append(f.Rows, row)
		f.Sum.Visits, f.Sum.Found = f.Sum.Visits+r.Visits, f.Sum.Found+r.Found
		open, doubts = open+r.DoubtsOpen, doubts+r.Doubts
		f.Required = max(f.Required, m.Required)
		switch m.State {
		case patrol.Met:
			f.Sum.Met++
		case patrol.Unmet:
			f.Sum.Unmet++
			f.Unmet = append(f.Unmet, row)
		case patrol.Exempt:
			f.Sum.Exempt++
		}
		if m.LeaveHalves > 0 {
			leaves++
		}
		if at := formTime(r.Computed); f.ComputedAt == dash || at > f.ComputedAt {
			f.ComputedAt = at
		}
		if !strings.Contains(strings.Join(versions, "、"), m.RuleVersion) {
			versions = append(versions, m.RuleVersion)
		}
	}
	f.Sum.Grids = len(list)
	f.Sum.Rate = shareText(int64(f.Sum.Met), int64(f.Sum.Met+f.Sum.Unmet))
	f.Sum.FoundRate, f.Sum.Doubts = perHundred(f.Sum.Found, f.Sum.Visits), fmt.Sprintf("%d / %d", open, doubts)
	for k := range cover {
		f.Sum.Cover[k] = shareOf(cover[k])
	}
	if leaves > 0 {
		f.LeaveNote = fmt.Sprintf("%d 个网格因网格长请假另行折算", leaves)
	}
	if f.RuleVersion = strings.Join(versions, "、"); f.RuleVersion == "" {
		f.RuleVersion = dash
	}
}
