package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/metric"
	"github.com/gridward/gridward/server/pgtest"
)

type statisticReply struct {
	Rows []struct {
		Key, Name string
		Counters  map[string]int64
		Rates     map[string]metric.Ratio
		Durations map[string]metric.Minutes
	}
	Totals struct {
		Durations map[string]metric.Minutes
		Counters  map[string]int64
		Rates     map[string]metric.Ratio
		MoM, YoY  map[string]metric.Ratio
	}
}

func (w *world) get(login, path string, v any) {
	w.t.Helper()
	status, body, _ := w.call(login, "GET", path, nil)
	if status != http.StatusOK {
		w.t.Fatalf("%s as %s: %d %s", path, login, status, body)
	}
	if err := json.Unmarshal([]byte(body), v); err != nil {
		w.t.Fatalf("%s: %v", path, err)
	}
}

// Every number opens to exactly as many cases as it says, page by page, in
// every layout, for a street and for a department of it.
func TestEveryNumberOpensToItsCases(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var dept int64
	if err := w.db.Pool.QueryRow(t.Context(), `INSERT INTO org (region_id, parent_id, path, code, kind, name) VALUES ($1, $1, '', 'KS1', 'department', '执法队') RETURNING id`, w.street).Scan(&dept); err != nil {
		t.Fatal(err)
	}
	w.exec(`UPDATE org SET path = $2 WHERE id = $1`, dept, fmt.Sprintf("%d.%d.", w.street, dept))
	w.exec(`INSERT INTO account_post (account_id, org_id, role) SELECT id, $1, 'dept_head' FROM account WHERE login = 'integration1'`, dept)
	w.exec(`DELETE FROM account_post WHERE account_id = (SELECT id FROM account WHERE login = 'integration1') AND role = 'integration'`)
	now := time.Now()
	pgtest.Scatter(t, w.db, 5, 500, w.street, []int64{w.org["东湖"], w.org["西山"]}, []int64{dept}, w.grid["东湖"], now)
	day := func(d int) string { return now.In(incident.BusinessZone()).AddDate(0, 0, d).Format(time.DateOnly) }
	opened := 0
	for _, login := range []string{"street-commander1", "integration1", "station1"} {
		whole := map[string]int64{}
		for i, by := range []string{"org", "category", "kind", "tier", "source", "worker", "department"} {
			q := url.Values{"from": {day(-35)}, "to": {day(-3)}, "by": {by}}
			var s statisticReply
			w.get(login, "/api/v1/statistics?"+q.Encode(), &s)
			sums := map[string]int64{}
			for _, row := range s.Rows {
				if row.Name == "" {
					t.Errorf("by %s: a row without a name: %+v", by, row)
				}
				for code, n := range row.Counters {
					sums[code] += n
				}
				for _, r := range metric.Rates() {
					if got := row.Rates[r.Code]; got.N != row.Counters[r.Over] || got.D != row.Counters[r.Under] || (got.Value == nil) != (got.D == 0) {
						t.Errorf("by %s, %s: %s is %+v", by, row.Name, r.Code, got)
					}
				}
			}
			for n, row := range s.Rows {
				for _, d := range metric.Durations() {
					if row.Durations[d.Code].D != row.Counters[d.Cases] {
						t.Errorf("by %s, %s: %s is of %+v, but there are %d cases", by, row.Name, d.Code, row.Durations[d.Code], row.Counters[d.Cases])
					}
					if by == "org" || n%4 == 0 {
						q.Set("metric", d.Code)
						q.Set("key", row.Key)
						w.sameLength(login, q, d, row.Durations[d.Code])
					}
				}
			}
			q.Del("key")
			for _, d := range metric.Durations() {
				if s.Totals.Durations[d.Code].D != s.Totals.Counters[d.Cases] || s.Totals.Durations[d.Code].D == 0 {
					t.Errorf("%s is of %+v in all", d.Code, s.Totals.Durations[d.Code])
				}
				if by == "org" {
					q.Set("metric", d.Code)
					q.Set("keyed", "false")
					w.sameLength(login, q, d, s.Totals.Durations[d.Code])
					q.Del("keyed")
				}
			}
			for _, c := range metric.Counts() {
				if sums[c.Code] != s.Totals.Counters[c.Code] {
					t.Errorf("by %s: %s sums to %d, in all %d", by, c.Code, sums[c.Code], s.Totals.Counters[c.Code])
				}
				if i == 0 {
					whole[c.Code] = s.Totals.Counters[c.Code]
				} else if whole[c.Code] != s.Totals.Counters[c.Code] {
					t.Errorf("%s is %d by org and %d by %s", c.Code, whole[c.Code], s.Totals.Counters[c.Code], by)
				}
			}
			for n, row := range s.Rows {
				for m, c := range metric.Counts() {
					if by != "org" && (n+m)%4 != 0 { // all of them one way, some of them every way
						continue
					}
					q.Set("metric", c.Code)
					q.Set("key", row.Key)
					if got := w.countCases(login, q); got != row.Counters[c.Code] {
						t.Errorf("%s by %s, %s: %s says %d and opens to %d", login, by, row.Name, c.Code, row.Counters[c.Code], got)
					}
					opened++
				}
			}
			q.Del("key")
			q.Set("keyed", "false")
			for code, n := range s.Totals.Counters {
				if by != "org" {
					break
				}
				q.Set("metric", code)
				if got := w.countCases(login, q); got != n {
					t.Errorf("%s: %s says %d in all and opens to %d", login, code, n, got)
				}
			}
		}
		if whole["should_close"] == 0 || whole["overdue"] == 0 || whole["rated"] == 0 || whole["deferred"] == 0 {
			t.Errorf("%s: nothing to see: %v", login, whole)
		}
	}
	t.Logf("%d numbers opened", opened)
}

// sameLength computes a duration from the cases behind it.
func (w *world) sameLength(login string, q url.Values, d metric.Duration, want metric.Minutes) {
	w.t.Helper()
	var took []int64
	q.Set("limit", "200")
	for q.Del("cursor"); ; {
		var page struct {
			Incidents []incident.Incident
			Next      string
		}
		w.get(login, "/api/v1/statistics/cases?"+q.Encode(), &page)
		for _, c := range page.Incidents {
			m := c.HandleMinutes
			if d.Stretch == metric.Acceptance {
				m = c.AcceptMinutes
			}
			took = append(took, int64(*m))
		}
		if page.Next == "" {
			break
		}
		q.Set("cursor", page.Next)
	}
	q.Del("cursor")
	l := metric.Lengths{Cases: int64(len(took))}
	slices.Sort(took)
	for _, m := range took {
		l.Sum += m
	}
	if n := len(took); n > 0 {
		l.P90 = took[(n*9+9)/10-1]
	}
	if got := d.Of(l); got.N != want.N || got.D != want.D {
		w.t.Errorf("%v: %s is %+v, of its cases %+v", q, d.Code, want, got)
	}
}

// countCases reads all pages behind a number and compares them with the total.
func (w *world) countCases(login string, q url.Values) int64 {
	w.t.Helper()
	seen := map[string]bool{}
	q.Set("limit", "200")
	for q.Del("cursor"); ; {
		var page struct {
			Incidents []struct{ ID string }
			Next      string
			Total     int64
		}
		w.get(login, "/api/v1/statistics/cases?"+q.Encode(), &page)
		for _, c := range page.Incidents {
			if seen[c.ID] {
				w.t.Errorf("%v: %s twice", q, c.ID)
			}
			seen[c.ID] = true
		}
		if page.Next == "" {
			if page.Total != int64(len(seen)) {
				w.t.Errorf("%v: %d in all, %d listed", q, page.Total, len(seen))
			}
			return int64(len(seen))
		}
		q.Set("cursor", page.Next)
	}
}

// The numbers of the dictionary, from cases made by hand.
func TestStatisticsOfAMonth(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	add := func(org int64, columns, values string) {
		t.Helper()
		w.exec(`INSERT INTO incident (id, region_id, case_no, title, address, org_id, updated_at, `+columns+`) VALUES (gen_random_uuid(), $1, 'H' || gen_random_uuid(), '井盖缺失', '某路', $2, now(), `+values+`)`, w.street, org)
	}
	east, west := w.org["东湖"], w.org["西山"]
	// due in March 2024: three closed in time, one late, one not at all, one set aside
	for range 3 {
		add(east, "state, reported_at, accepted_at, case_due, closed_at, close_reason, satisfaction", `'archived', '2024-03-01', '2024-03-01', '2024-03-10', '2024-03-09', 'evaluated', 4`)
	}
	add(west, "state, reported_at, accepted_at, case_due, closed_at, close_reason, satisfaction", `'archived', '2024-03-02', '2024-03-02', '2024-03-10', '2024-03-20', 'evaluated', 3`)
	add(west, "state, reported_at, accepted_at, case_due", `'handling', '2024-03-02', '2024-03-02', '2024-03-12'`)
	add(west, "state, reported_at, accepted_at, case_due", `'suspended', '2024-03-02', '2024-03-02', '2024-03-13'`)
	add(west, "state, reported_at, case_due", `'rejected', '2024-03-02', '2024-03-13'`)
	add(west, "state, reported_at, case_due", `'void', '2024-03-02', '2024-03-13'`)
	add(east, "state, reported_at, case_due, closed_at, close_reason, drill", `'archived', '2024-03-02', '2024-03-13', '2024-03-03', 'evaluated', true`)
	add(east, "state, reported_at, case_due, closed_at, close_reason", `'archived', '2024-03-20', '2024-04-02', '2024-03-30', 'default'`) // due in April: not of March's cohort; a default is no evaluation
	add(east, "state, reported_at, case_due", `'archived', '2024-02-20', '2024-03-31 15:59:59+00'`)                                       // the last second of March in Shanghai
	add(east, "state, reported_at, case_due", `'archived', '2024-02-20', '2024-03-31 16:00:00+00'`)                                       // the first of April
	add(east, "state, reported_at", `'archived', '2023-03-05'`)                                                                           // last year
	var s statisticReply
	w.get("street-commander1", "/api/v1/statistics?from=2024-03-01&to=2024-03-31", &s)
	for code, want := range map[string]int64{"reported": 8, "filed": 6, "should_accept": 7, "rejected": 1, "should_close": 7, "deferred": 1, "should_close_net": 6, "closed_of_due": 4, "closed_on_time": 3, "overdue": 3,
		"closed": 5, "rated": 4, "satisfied": 3, "well_rated": 4, "very_satisfied": 0, "ill_rated": 0} {
		if got := s.Totals.Counters[code]; got != want {
			t.Errorf("%s: %d, want %d", code, got, want)
		}
	}
	for code, want := range map[string]float64{"close_rate": 66.67, "close_on_time_rate": 50, "overdue_rate": 50, "defer_rate": 14.29, "satisfied_rate": 75, "well_rated_rate": 100, "rated_rate": 80, "filing_rate": 75} {
		if got := s.Totals.Rates[code].Value; got == nil || *got != want {
			t.Errorf("%s: %v, want %v", code, got, want)
		}
	}
	if r := s.Totals.Rates["accurate_rate"]; r.Value != nil || r.D != 0 {
		t.Errorf("nothing was dispatched, and %+v of it accurately", r)
	}
	if r := s.Totals.YoY["reported"]; r.D != 1 || *r.Value != 700 {
		t.Errorf("8 after 1 last year: %+v", r)
	}
	if r := s.Totals.MoM["reported"]; r.D != 2 || *r.Value != 300 {
		t.Errorf("8 after 2 in February: %+v", r)
	}
	if r := s.Totals.MoM["closed"]; r.D != 0 || r.Value != nil {
		t.Errorf("5 after none: %+v", r)
	}
	var trend struct {
		Points []struct {
			At       time.Time
			Counters map[string]int64
		}
	}
	w.get("street-commander1", "/api/v1/statistics/trend?bucket=day&from=2024-03-01&to=2024-03-31", &trend)
	if len(trend.Points) != 31 || trend.Points[0].Counters["reported"] != 3 || trend.Points[1].Counters["reported"] != 4 || trend.Points[30].Counters["should_close"] != 1 || trend.Points[0].At.Format(time.RFC3339) != "2024-02-29T16:00:00Z" {
		t.Errorf("day by day: %d points, %+v", len(trend.Points), trend.Points[0])
	}
	for path, status := range map[string]int{"/statistics?from=2024-04-01&to=2024-03-01": 422, "/statistics?from=yesterday": 422, "/statistics/cases?metric=happiness": 422, "/statistics/trend?bucket=hour&from=2024-01-01&to=2024-06-01": 422, "/incidents?queue=x": 422} {
		if got, body, _ := w.call("street-commander1", "GET", "/api/v1"+path, nil); got != status {
			t.Errorf("%s: %d %s", path, got, body)
		}
	}
	// a station counts its own ground alone
	var station statisticReply
	w.get("station1", "/api/v1/statistics?from=2024-03-01&to=2024-03-31", &station)
	if station.Totals.Counters["reported"] != 4 || len(station.Rows) != 1 || station.Totals.Counters["should_close"] != 4 {
		t.Errorf("of one community: %+v", station.Totals.Counters)
	}
}

func TestAWorkbookOpens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec(`UPDATE incident SET title = '=HYPERLINK("http://example.com")', description = '+86 全角（测试）' WHERE id = $1`, w.incident["东湖"])
	open := func(login, path string) *excelize.File {
		t.Helper()
		resp, err := w.as(login).Get(w.server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" || !strings.HasSuffix(resp.Header.Get("Content-Disposition"), `.xlsx"`) {
			t.Fatalf("%s: %d %v %.200s", path, resp.StatusCode, resp.Header, body)
		}
		f, err := excelize.OpenReader(bytes.NewReader(body))
		if err != nil {
			t.Fatalf("%s does not open: %v", path, err)
		}
		return f
	}
	f := open("street-commander1", "/api/v1/incidents?format=xlsx")
	rows, err := f.GetRows("清单")
	if err != nil || len(rows) != 4 { // head, two cases, who and when
		t.Fatalf("%v %v", err, rows)
	}
	if rows[0][0] != "案号" || !strings.HasPrefix(rows[3][0], "导出人：李指挥 street-commander1") || !strings.Contains(rows[3][0], "共 2 行") {
		t.Errorf("%q … %q", rows[0], rows[3])
	}
	found := false
	for _, row := range rows[1:3] {
		for j, cell := range row {
			if formula, _ := f.GetCellFormula("清单", fmt.Sprintf("%c2", 'A'+j)); formula != "" {
				t.Errorf("a formula: %q", formula)
			}
			found = found || cell == `'=HYPERLINK("http://example.com")`
		}
	}
	if !found {
		t.Errorf("the title is not there, or not disarmed: %q", rows)
	}
	if width, err := f.GetColWidth("清单", "C"); err != nil || width < 12 {
		t.Errorf("the titles' column is %v wide: %v", width, err)
	}
	f = open("street-commander1", "/api/v1/statistics.xlsx?by=org")
	if got := fmt.Sprint(f.GetSheetList()); got != "[数量 比率 时长 同比环比 指标说明]" {
		t.Error(got)
	}
	if rows, err := f.GetRows("数量"); err != nil || len(rows) != 5 || rows[0][1] != "上报数" || rows[3][0] != "合计" || rows[3][1] != "2" {
		t.Errorf("%v %v", err, rows)
	}
	if rows, err := f.GetRows("比率"); err != nil || rows[1][4] != "—" {
		t.Errorf("a ratio of nothing: %v %v", err, rows)
	}
	open("street-commander1", "/api/v1/workers?format=xlsx")
	open("street-commander1", "/api/v1/statistics/cases?metric=reported&keyed=false&format=xlsx")
	var n int
	if err := w.db.Pool.QueryRow(t.Context(), `SELECT count(*) FROM audit WHERE action IN ('incidents.exported', 'statistics.exported', 'workers.exported')`).Scan(&n); err != nil || n != 4 {
		t.Errorf("%d of 4 exports were noted: %v", n, err)
	}
	for _, path := range []string{"/api/v1/incidents?format=xlsx", "/api/v1/statistics.xlsx"} {
		if got := open("station1", path); got != nil {
			for _, sheet := range got.GetSheetList() {
				rows, _ := got.GetRows(sheet)
				if strings.Contains(fmt.Sprint(rows), "西山") {
					t.Errorf("%s tells of the other community: %v", path, rows)
				}
			}
		}
	}
}
