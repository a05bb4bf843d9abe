package api_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/fleet"
	"github.com/gridward/gridward/server/patrol"
	"github.com/gridward/gridward/server/workday"
)

// figures is everything that is counted of the street: days, weeks, visits and a month's scores on all levels, computed anew.
func (w *world) figures(period int64) string {
	w.t.Helper()
	w.exec(`INSERT INTO patrol_dirty (region_id, worker_id, day, why, at) SELECT region_id, worker_id, day, '{rule}', '2020-01-01' FROM patrol_day ON CONFLICT DO NOTHING`)
	w.measure()
	var days, weeks string
	if err := w.db.Pool.QueryRow(w.t.Context(), `SELECT COALESCE(string_agg(worker_id || ' ' || day || ' ' || am_ms || ' ' || pm_ms || ' ' || am_ok || ' ' || in_ms || ' ' || out_ms || ' ' || distance_m || ' ' || visits, E'\n' ORDER BY worker_id, day), '') FROM patrol_day`).Scan(&days); err != nil {
		w.t.Fatal(err)
	}
	if err := w.db.Pool.QueryRow(w.t.Context(), `SELECT COALESCE(string_agg(grid_id || ' ' || week || ' ' || required || ' ' || qualified || ' ' || state || ' ' || area_n || '/' || area_d || ' ' || visits || ' ' || distance_m, E'\n' ORDER BY grid_id, week), '') FROM patrol_week`).Scan(&weeks); err != nil {
		w.t.Fatal(err)
	}
	at := fmt.Sprintf("/assess/periods/%d", period)
	w.must("street-commander1", "POST", at+"/compute", map[string]any{})
	scores := ""
	for _, level := range []string{"grid", "guide", "community", "department"} {
		list, _ := json.Marshal(w.must("street-commander1", "GET", at+"/scores?level="+level, nil)["scores"])
		scores += level + " " + string(list) + "\n"
	}
	return days + "\n" + weeks + "\n" + scores
}

// There is never an automatic penalty: not a minute, half-day, week, coverage
// or score on any level is another because a doubt was raised, explained or
// even confirmed, nor because a rule finds a visit doubtful.
func TestADoubtChangesNoFigure(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec(`UPDATE grid_version SET valid_from = '2020-01-01'`)
	w.exec(`UPDATE grid_assignment SET valid_from = '2020-01-01'`)
	w.exec(`UPDATE duty_session SET started_at = $1`, w.yesterday())
	w.strollAt("东湖", 900, func(int, *fleet.Fix) {})
	for i := range 4 {
		at := w.yesterday().Add(9*time.Hour + time.Duration(i)*20*time.Minute)
		w.exec(`INSERT INTO visit (id, region_id, worker_id, org_id, grid_id, target_kind, target_name, arrived_at, left_at, method, outcome, verified, client_id, received_at)
			VALUES (gen_random_uuid(), $1, $2, $3, $4, (SELECT code FROM visit_kind LIMIT 1), '某户', $5, $6, 'onsite', 'normal', 'auto_ok', $7, now())`,
			w.street, w.worker["东湖"], w.org["东湖"], w.grid["东湖"], at, at.Add(5*time.Minute), at.String())
	}
	if err := w.desk.MeasureHistory(t.Context(), workday.DayOf(w.yesterday()), workday.DayOf(w.yesterday())); err != nil {
		t.Fatal(err)
	}
	w.measure()
	label := w.yesterday().Format("2006-01")
	period := int64(w.must("street-commander1", "POST", "/assess/periods", map[string]any{"kind": "month", "label": label})["id"].(float64))
	before := w.figures(period)
	if n := w.count(`SELECT count(*) FROM patrol_day WHERE am_ms > 0`); n == 0 {
		t.Fatalf("nothing was measured: %s", before)
	}
	same := func(when string) {
		t.Helper()
		if now := w.figures(period); now != before {
			t.Errorf("%s the figures are others:\n%s\nthey were\n%s", when, now, before)
		}
	}

	// a doubt out of something that is in no fix: one phone for two people, under a severe policy
	p := patrol.DefaultDoubtPolicy()
	p.Threshold, p.ExplainDays = 10, 0
	if _, err := w.desk.SetDoubtPolicy(t.Context(), access.Principal{Account: w.principal("street-commander1").Account, Name: "李指挥"}, w.street, p, "试验"); err != nil {
		t.Fatal(err)
	}
	from := w.yesterday().Add(9 * time.Hour)
	w.exec(`INSERT INTO phone_use (phone, worker_id, region_id, day, first_at, last_at) SELECT 'a1b2c3d4e5f6', u, $1, $2, $3, $4 FROM unnest($5::bigint[]) u`, w.street, w.yesterday().Format(time.DateOnly), from, from.Add(time.Hour), []int64{w.worker["东湖"], w.worker["西山"]})
	d, found := w.look("东湖")
	if !found || d.Score != 30 {
		t.Fatalf("%+v", d)
	}
	same("with an undecided doubt")
	me, at := "/me/doubts/"+d.ID.String(), "/doubts/"+d.ID.String()
	w.must("grid_worker1", "POST", me+"/explain", map[string]any{"text": "手机借给同事登录过"})
	same("with an explained doubt")
	w.must("station1", "POST", at+"/decide", map[string]any{"verdict": "confirmed", "reason": "没有借用登记"})
	same("with a confirmed doubt")
	w.must("grid_worker1", "POST", me+"/appeal", map[string]any{"text": "有借用登记"})
	same("with an appeal")

	w.exec(`UPDATE visit SET verified = 'doubtful'`)
	same("with visits that a rule finds doubtful")
	w.exec(`UPDATE visit SET verified = 'rejected', decided_why = '没有去', decided_by = $1, decided_at = now()`, w.principal("station1").Account)
	if w.figures(period) == before {
		t.Error("visits that a person rejected change nothing: the test sees nothing")
	}
}
