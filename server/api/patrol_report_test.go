package api_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gridward/gridward/server/patrol"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/workday"
)

// putWeek stores what a week came to in a grid, as computing does.
func (w *world) putWeek(place string, monday workday.Day, change func(*postgres.WeekRow)) {
	w.t.Helper()
	row := postgres.WeekRow{GridWeek: postgres.GridWeek{Region: w.street, Grid: w.grid[place], Week: monday}, Leader: w.worker[place], Workers: 1, Why: []string{postgres.WhyNightly}, At: time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)}
	row.Measure = patrol.WeekMeasure{Week: monday, WorkingDays: 5, Required: 3, Qualified: 1, State: patrol.Unmet, RuleVersion: "a1.p1.v1"}
	for i := range workday.Day(7) {
		row.Measure.HalfDays = append(row.Measure.HalfDays, patrol.HalfOf{Day: monday + i, Half: patrol.AM, Rest: i > 4}, patrol.HalfOf{Day: monday + i, Half: patrol.PM, Rest: i > 4})
	}
	change(&row)
	tx, err := w.db.Pool.Begin(w.t.Context())
	if err == nil {
		if err = postgres.PutWeek(w.t.Context(), tx, &row); err == nil {
			err = tx.Commit(w.t.Context())
		}
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

func TestTheWeekIsPrinted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	monday := workday.Date(2026, time.November, 16)
	w.exec(`UPDATE org SET name = '东湖<i>社区' WHERE id = $1`, w.org["东湖"])
	w.putWeek("东湖", monday, func(r *postgres.WeekRow) {
		r.Measure.HalfDays[0].Minutes, r.Measure.HalfDays[0].Qualified = 131, true
		r.Measure.HalfDays[3].Minutes = 57
		r.Cover.Area, r.Cover.Household = patrol.Frac{N: 1, D: 8}, patrol.Frac{N: 12, D: 300}
		r.Visits.Visits, r.Visits.Found, r.InMs, r.Out, r.DistanceM = 230, 11, 900_000, 100_000, 12_340
	})
	w.putWeek("西山", monday, func(r *postgres.WeekRow) {
		r.Measure.Qualified, r.Measure.State = 4, patrol.Met
		r.Cover.Area = patrol.Frac{N: 3, D: 4}
	})
	const path = "/api/v1/patrol/report?week=2026-11-18"
	code, body, head := w.call("street-commander1", "GET", path, nil)
	if code != 200 || !strings.HasPrefix(head.Get("Content-Type"), "text/html") {
		t.Fatalf("%d %s", code, body)
	}
	for what, text := range map[string]string{
		"whose":                     "明湖街道",
		"which week":                "统计期：2026-11-16 至 2026-11-22",
		"its working days":          "工作日 5 天，每个网格应巡 3 个半天",
		"names are text":            "东湖&lt;i&gt;社区",
		"a half-day that counts":    `<td class="yes">√131</td>`,
		"one that does not":         "<td>57</td>",
		"a Saturday":                `<td class="rest"></td>`,
		"a share, half up":          "13%",
		"with what it is of":        "12/300",
		"nothing of nothing":        "<td>—<br>",
		"the sum of areas: 4 of 12": "33%",
		"problems on a hundred":     "4.78",
		"outside":                   "<td>10%</td>",
		"the rule":                  "a1.p1.v1",
		"each organisation's sum":   `<td class="name">西山社区</td><td>1</td><td>1</td>`,
		"who must explain":          "三、未达标网格说明",
		"who printed it":            "打印人：李指挥（street-commander1）",
	} {
		if !strings.Contains(body, text) {
			t.Errorf("it does not say %s: %q", what, text)
		}
	}
	if strings.Contains(body, "ZgotmplZ") || strings.Contains(body, "<script") || strings.Contains(body, "style=") { // inline styles are refused by the page's own policy
		t.Error("something is not text")
	}
	if n := strings.Count(body, "西山第一网格"); n != 1 {
		t.Errorf("a grid that met stands %d times, not once", n)
	}
	t.Run("a station prints its own grids alone", func(t *testing.T) {
		code, body, _ := w.call("station1", "GET", path, nil)
		if code != 200 || !strings.Contains(body, "东湖第一网格") || strings.Contains(body, "西山第一网格") {
			t.Errorf("%d, with its own %t, with another's %t", code, strings.Contains(body, "东湖第一网格"), strings.Contains(body, "西山第一网格"))
		}
	})
	t.Run("the week that goes on says so", func(t *testing.T) {
		if _, body, _ := w.call("street-commander1", "GET", "/api/v1/patrol/report?week="+workday.DayOf(time.Now()).String(), nil); !strings.Contains(body, "本周未结束") {
			t.Error("it looks final")
		}
	})
	t.Run("printing is on record", func(t *testing.T) {
		var n int
		if err := w.db.Pool.QueryRow(t.Context(), `SELECT count(*) FROM audit WHERE action = 'patrol_report.printed' AND object = '巡查-2026-11-16'`).Scan(&n); err != nil || n != 2 {
			t.Errorf("%d records, %v", n, err)
		}
	})
	for _, query := range []string{"?week=heute", "?org=zwei"} {
		if code, _, _ := w.call("street-commander1", "GET", "/api/v1/patrol/report"+query, nil); code != 422 {
			t.Errorf("%s: %d", query, code)
		}
	}
	if code, _, _ := w.call("station1", "GET", path+"&org=999999", nil); code != 404 {
		t.Errorf("an organisation out of scope: %d", code)
	}
}
