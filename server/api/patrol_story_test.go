package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/patrol"
	"github.com/gridward/gridward/server/workday"
)

type boardAnswer struct {
	Required int `json:"required"`
	Rows     []struct {
		Grid      int64           `json:"grid"`
		Required  int             `json:"required"`
		State     string          `json:"state"`
		Why       []string        `json:"why"`
		HalfDays  []patrol.HalfOf `json:"half_days"`
		Doubts    struct{ Open, Total int }
		Leader    *struct{ Name string }
		Coverage  patrol.Coverage
		RuleVer   string     `json:"rule_version"`
		Recompute *time.Time `json:"recomputed_at"`
	} `json:"rows"`
}

func (w *world) patrolBoard(login, query string) boardAnswer {
	w.t.Helper()
	status, body, _ := w.call(login, http.MethodGet, "/api/v1/patrol/board"+query, nil)
	var out boardAnswer
	if err := json.Unmarshal([]byte(body), &out); err != nil || status != http.StatusOK {
		w.t.Fatalf("%d %s", status, body)
	}
	return out
}

func (w *world) measure() {
	w.t.Helper()
	if _, _, err := w.desk.PatrolRound(w.t.Context(), -time.Minute, time.Minute); err != nil {
		w.t.Fatal(err)
	}
}

// Leave and policies change what was required, and say so; nobody's minutes.
func TestLeaveAndPoliciesAreComputedAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	boss := w.person("patrol-boss", "赵敏", w.street, access.Commander)
	w.exec(`UPDATE grid_assignment SET valid_from = '2020-01-01'`)
	monday := patrol.Monday(workday.DayOf(w.api.Clock())) - 14
	for workdays := 0; workdays < 5; monday -= 7 { // a week of five plain working days
		workdays = 0
		cal, err := w.desk.WorkingCalendar(t.Context(), w.path["东湖"], "community")
		if err != nil {
			t.Fatal(err)
		}
		for i := range 5 {
			if cal.Working(monday + workday.Day(i)) {
				workdays++
			}
		}
		if workdays == 5 && !cal.Working(monday+5) && !cal.Working(monday+6) {
			break
		}
	}
	week := "?week=" + monday.String()
	for _, grid := range w.grid {
		w.exec(`INSERT INTO patrol_week_dirty (region_id, grid_id, week, why) VALUES ($1, $2, $3, '{nightly}')`, w.street, grid, monday.String())
	}
	w.measure()
	row := func(place string) (required int, state string, why string) {
		t.Helper()
		for _, r := range w.patrolBoard(boss, week).Rows {
			if r.Grid == w.grid[place] {
				if len(r.HalfDays) != 14 || r.Recompute == nil {
					t.Fatalf("%+v", r)
				}
				return r.Required, r.State, strings.Join(r.Why, ",")
			}
		}
		t.Fatalf("%s is not on the board", place)
		return 0, "", ""
	}
	expect := func(sentence, place, want string) {
		t.Helper()
		required, state, why := row(place)
		if got := fmt.Sprintf("%d %s %s", required, state, why); got != want {
			t.Errorf("%s: %s, want %s", sentence, got, want)
		}
	}
	expect("a plain week", "东湖", "3 unmet nightly")

	status, body, _ := w.call(boss, http.MethodPost, "/api/v1/leaves", map[string]any{"worker": w.worker["东湖"], "from_day": monday.String(), "to_day": (monday + 1).String(), "reason": "探亲"})
	var leave struct{ ID int64 }
	if err := json.Unmarshal([]byte(body), &leave); err != nil || status != http.StatusCreated {
		t.Fatalf("%d %s", status, body)
	}
	w.measure()
	expect("two days of leave", "东湖", "2 unmet leave")
	expect("somebody else's leave", "西山", "3 unmet nightly")
	if status, body, _ := w.call(boss, http.MethodPost, fmt.Sprintf("/api/v1/leaves/%d/cancel", leave.ID), nil); status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	w.measure()
	expect("leave withdrawn", "东湖", "3 unmet leave")

	policy := map[string]any{"name": "东湖五个半天", "org": w.org["东湖"], "rule": "half_day_quota", "valid_from": monday.String(), "params": map[string]any{"required": 5}}
	status, body, _ = w.call(boss, http.MethodPost, "/api/v1/patrol/policies/dry-run", map[string]any{"policy": policy, "week": monday.String()})
	if status != http.StatusOK || !strings.Contains(body, `"required":5`) || !strings.Contains(body, `"grids":1`) {
		t.Fatalf("dry run: %d %s", status, body)
	}
	w.measure()
	expect("after a dry run", "东湖", "3 unmet leave")
	status, body, _ = w.call(boss, http.MethodPost, "/api/v1/patrol/policies", policy)
	var made struct {
		ID      int64
		Version int
		Marked  struct{ Weeks int }
	}
	if err := json.Unmarshal([]byte(body), &made); err != nil || status != http.StatusCreated || made.Marked.Weeks < 1 {
		t.Fatalf("%d %s", status, body)
	}
	w.measure()
	expect("a policy of its own", "东湖", "5 unmet rule")
	expect("which does not hold next door", "西山", "3 unmet nightly")
	policy["params"], policy["version"] = map[string]any{"required": 1}, 99
	if status, body, _ := w.call(boss, http.MethodPut, fmt.Sprintf("/api/v1/patrol/policies/%d", made.ID), policy); status != http.StatusConflict {
		t.Errorf("an edit of a version nobody has seen: %d %s", status, body)
	}
	policy["version"] = made.Version
	if status, body, _ := w.call(boss, http.MethodPut, fmt.Sprintf("/api/v1/patrol/policies/%d", made.ID), policy); status != http.StatusOK {
		t.Errorf("%d %s", status, body)
	}
	w.measure()
	expect("its next version", "东湖", "1 unmet rule")
	policy["params"] = map[string]any{"split": "23:00"}
	if status, body, _ := w.call(boss, http.MethodPost, "/api/v1/patrol/policies", policy); status != http.StatusUnprocessableEntity || !strings.Contains(body, "params.split") {
		t.Errorf("nonsense: %d %s", status, body)
	}
}

// Whoever opens somebody's day is on record before anything is read, and the
// worker's own view asks for no purpose.
func TestOpeningSomebodysDayIsOnRecord(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	boss := w.person("patrol-boss", "赵敏", w.street, access.Commander)
	path := fmt.Sprintf("/api/v1/patrol/workers/%d/days/%s/views", w.worker["东湖"], businessDay())
	records := func() (n int) {
		if err := w.db.Pool.QueryRow(t.Context(), `SELECT count(*) FROM access_record WHERE worker_id = $1 AND what = 'patrol_day' AND purpose = '核对巡查'`, w.worker["东湖"]).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if status, body, _ := w.call(boss, http.MethodPost, path, map[string]any{"purpose": "查"}); status != http.StatusUnprocessableEntity || records() != 0 {
		t.Errorf("without a purpose: %d %s", status, body)
	}
	status, body, _ := w.call(boss, http.MethodPost, path, map[string]any{"purpose": "核对巡查"})
	if status != http.StatusOK || records() != 1 || !strings.Contains(body, `"intervals":[]`) || !strings.Contains(body, `"needed_ms":7200000`) {
		t.Errorf("%d %s, %d records", status, body, records())
	}
}
