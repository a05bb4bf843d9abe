package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/fleet"
	"github.com/gridward/gridward/server/patrol"
	"github.com/gridward/gridward/server/workday"
)

// walked is a patrol of a place's worker in the middle of its grid, a fix every
// so many seconds.
func (w *world) walked(place string, d workday.Day, from, to string, every int) {
	w.t.Helper()
	session, day := uuid.New(), d.String()
	w.exec(`INSERT INTO duty_session (id, region_id, worker_id, org_id, purpose, started_at, ended_at) VALUES ($1, $2, $3, $4, 'patrol', ($5 || ' ' || $6 || '+08')::timestamptz, ($5 || ' ' || $7 || '+08')::timestamptz)`,
		session, w.street, w.worker[place], w.org[place], day, from, to)
	w.exec(`INSERT INTO fix (region_id, worker_id, device_id, at, received_at, session_id, speed, accuracy, source, geom)
		SELECT $1, $2, 1, t, t, $3, 1, 8, $9, ST_SetSRID(ST_MakePoint($4 + 0.0002 * sin(extract(epoch FROM t) / 100), $5 + 0.0001 * cos(extract(epoch FROM t) / 70)), 4326)
		FROM generate_series(($6 || ' ' || $7 || '+08')::timestamptz, ($6 || ' ' || $8 || '+08')::timestamptz, make_interval(secs => $10)) t`,
		w.street, w.worker[place], session, middle[place][0], middle[place][1], day, from, to, fleet.FromOsmAnd, every)
}

type tried struct {
	Qualified, Required int
	State               string
}

type trialAnswer struct {
	Week           string
	Grids, Persons int
	Changed        []struct {
		Grid     int64
		From, To tried
	}
	People []struct {
		Worker   int64
		Name     string
		From, To tried
	}
}

// text is what would change, a line each.
func (a trialAnswer) text(w *world) string {
	var out []string
	say := func(t tried) string {
		if t.State == "" {
			return "none"
		}
		return fmt.Sprintf("%d/%d %s", t.Qualified, t.Required, t.State)
	}
	for _, place := range places {
		for _, c := range a.Changed {
			if c.Grid == w.grid[place] {
				out = append(out, place+" "+say(c.From)+" → "+say(c.To))
			}
		}
		for _, c := range a.People {
			if c.Worker == w.worker[place] {
				out = append(out, place+"'s "+say(c.From)+" → "+say(c.To))
			}
		}
	}
	return strings.Join(out, "; ")
}

// Before a policy is saved its maker sees which grids and people would come to
// something else, from what to what; nothing is stored; and saved, it comes true.
func TestATrialListsWhatWouldChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.at("2026-11-26 10:00") // a Thursday
	boss := w.person("patrol-boss", "赵敏", w.street, access.Commander)
	w.exec(`UPDATE grid_assignment SET valid_from = '2020-01-01'`)
	w.exec(`UPDATE grid_version SET valid_from = '2020-01-01'`)
	w.exec(`UPDATE duty_session SET started_at = '2026-11-26 01:00+00'`)
	w.exec(`SELECT keep_fix_partitions(30, 3, '2026-11-26')`)
	monday := workday.Date(2026, time.November, 16)
	for i := range workday.Day(3) {
		w.walked("东湖", monday+i, "08:00", "10:10", 30) // 130 minutes
	}
	w.walked("西山", monday, "08:00", "10:00", 100)  // 120, and heard of every 100 s
	w.walked("西山", monday+1, "13:00", "14:30", 30) // 90
	w.measure()
	board := func() string {
		var out []string
		for _, r := range w.patrolBoard(boss, "?week="+monday.String()).Rows {
			n := 0
			for _, h := range r.HalfDays {
				if h.Qualified {
					n++
				}
			}
			out = append(out, fmt.Sprintf("%d/%d %s", n, r.Required, r.State))
		}
		return strings.Join(out, ", ")
	}
	if got := board(); got != "3/3 met, 1/3 unmet" {
		t.Fatalf("the week as it is: %s", got)
	}
	policy := func(rule string, params map[string]any) map[string]any {
		return map[string]any{"name": "试算", "rule": rule, "valid_from": monday.String(), "params": params}
	}
	try := func(p map[string]any) trialAnswer {
		t.Helper()
		status, body, _ := w.call(boss, http.MethodPost, "/api/v1/patrol/policies/dry-run", map[string]any{"policy": p, "week": monday.String()})
		var a trialAnswer
		if err := json.Unmarshal([]byte(body), &a); err != nil || status != http.StatusOK {
			t.Fatalf("%d %s", status, body)
		}
		if a.Grids != 2 || a.Persons != 2 {
			t.Errorf("%d grids and %d persons were looked at", a.Grids, a.Persons)
		}
		return a
	}
	for name, c := range map[string]struct {
		policy map[string]any
		want   string
	}{
		"the same again":                  {policy("half_day_quota", map[string]any{}), ""},
		"125 minutes are asked":           {policy("half_day_quota", map[string]any{"half_day_s": 125 * 60}), "西山 1/3 unmet → 0/3 unmet; 西山's 1/3 unmet → 0/3 unmet"},
		"131 minutes":                     {policy("half_day_quota", map[string]any{"half_day_s": 131 * 60}), "东湖 3/3 met → 0/3 unmet; 东湖's 3/3 met → 0/3 unmet; 西山 1/3 unmet → 0/3 unmet; 西山's 1/3 unmet → 0/3 unmet"},
		"90 minutes":                      {policy("half_day_quota", map[string]any{"half_day_s": 90 * 60}), "西山 1/3 unmet → 2/3 unmet; 西山's 1/3 unmet → 2/3 unmet"},
		"gaps of a minute at most":        {policy("half_day_quota", map[string]any{"gap_max_s": 60}), "西山 1/3 unmet → 0/3 unmet; 西山's 1/3 unmet → 0/3 unmet"},
		"one half-day":                    {policy("half_day_quota", map[string]any{"required": 1}), "东湖 3/3 met → 3/1 met; 东湖's 3/3 met → 3/1 met; 西山 1/3 unmet → 1/1 met; 西山's 1/3 unmet → 1/1 met"},
		"two rounds a day":                {policy("twice_daily", map[string]any{}), "东湖 none → 0/5 unmet; 东湖's none → 0/5 unmet; 西山 none → 0/5 unmet; 西山's none → 0/5 unmet"},
		"a weekly sweep: nobody to visit": {policy("weekly_sweep", map[string]any{}), "东湖 none → 0/0 exempt; 西山 none → 0/0 exempt"},
	} {
		if got := try(c.policy).text(w); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	if n := w.count(`SELECT count(*) FROM patrol_dirty`) + w.count(`SELECT count(*) FROM patrol_week_dirty`) + w.count(`SELECT count(*) FROM patrol_policy WHERE id > 1`); n != 0 || board() != "3/3 met, 1/3 unmet" {
		t.Errorf("a trial left %d rows behind", n)
	}
	own := policy("half_day_quota", map[string]any{"half_day_s": 131 * 60})
	own["org"] = w.org["东湖"]
	status, body, _ := w.call(boss, http.MethodPost, "/api/v1/patrol/policies/dry-run", map[string]any{"policy": own, "week": monday.String()})
	if status != http.StatusOK || !strings.Contains(body, `"grids":1`) || !strings.Contains(body, "赵一") {
		t.Errorf("for one community: %d %s", status, body)
	}
	status, body, _ = w.call(boss, http.MethodPost, "/api/v1/patrol/policies", own)
	var made struct{ ID, Version int64 }
	if err := json.Unmarshal([]byte(body), &made); err != nil || status != http.StatusCreated {
		t.Fatalf("%d %s", status, body)
	}
	w.measure()
	if got := board(); got != "0/3 unmet, 1/3 unmet" {
		t.Errorf("saved: %s", got)
	}
	// moved to the other community: the one that loses it is on the list too
	own["id"], own["version"], own["org"] = made.ID, made.Version, w.org["西山"]
	if got := try(own).text(w); got != "东湖 0/3 unmet → 3/3 met; 东湖's 0/3 unmet → 3/3 met; 西山 1/3 unmet → 0/3 unmet; 西山's 1/3 unmet → 0/3 unmet" {
		t.Errorf("moved: %s", got)
	}
}

// A policy that changes within the week: each day by its own, the week by
// Monday's, and the board says so.
func TestTheBoardSaysWhichPoliciesHold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.at("2026-11-26 10:00")
	boss := w.person("patrol-boss", "赵敏", w.street, access.Commander)
	w.exec(`UPDATE grid_assignment SET valid_from = '2020-01-01'`)
	w.exec(`UPDATE grid_version SET valid_from = '2020-01-01'`)
	w.exec(`SELECT keep_fix_partitions(30, 3, '2026-11-26')`)
	monday := workday.Date(2026, time.November, 16)
	w.walked("东湖", monday, "08:00", "09:00", 30)
	w.walked("东湖", monday+2, "08:00", "09:00", 30)
	w.measure()
	if status, body, _ := w.call(boss, http.MethodPost, "/api/v1/patrol/policies", map[string]any{"name": "一小时", "org": w.org["东湖"], "rule": "half_day_quota", "valid_from": (monday + 2).String(), "params": map[string]any{"half_day_s": 3600, "split": "12:00"}}); status != http.StatusCreated {
		t.Fatalf("%d %s", status, body)
	}
	w.measure()
	_, body, _ := w.call(boss, http.MethodGet, "/api/v1/patrol/board?week="+monday.String(), nil)
	var board struct {
		Quotas []struct {
			patrol.Quota
			OrgName string `json:"org_name"`
			Grids   int
		}
		Rows []struct {
			Grid     int64
			HalfDays []patrol.HalfOf `json:"half_days"`
		}
	}
	if err := json.Unmarshal([]byte(body), &board); err != nil {
		t.Fatal(err)
	}
	said := ""
	for _, q := range board.Quotas {
		said += fmt.Sprintf("%s%s %d %s %s–%s ×%d; ", q.OrgName, q.Name, q.HalfDayMinutes, q.Split, q.From.String()[5:], q.To.String()[5:], q.Grids)
	}
	if want := "每周三个半天 120 12:30 11-16–11-17 ×1; 东湖社区一小时 60 12:00 11-18–11-22 ×1; 每周三个半天 120 12:30 11-16–11-22 ×1; "; said != want {
		t.Errorf("%s, want %s", said, want)
	}
	for _, r := range board.Rows {
		if r.Grid != w.grid["东湖"] {
			continue
		}
		if a, b := r.HalfDays[0], r.HalfDays[4]; a.Needed != 120 || a.Qualified || b.Needed != 60 || !b.Qualified {
			t.Errorf("Monday %+v, Wednesday %+v", a, b)
		}
	}
	_, page, _ := w.call(boss, http.MethodGet, "/api/v1/patrol/report?week="+monday.String(), nil)
	if !strings.Contains(page, "满 60 分钟算一个半天，上下午以 12:00 分界，11-18 至 11-22") || !strings.Contains(page, "满 120 分钟算一个半天，上下午以 12:30 分界") {
		t.Error("the printed week does not say which policies hold")
	}
	// somebody without a grid is asked for nothing
	w.exec(`UPDATE grid_assignment SET valid_to = '2026-11-18' WHERE worker_id = $1`, w.worker["东湖"])
	person := func(week workday.Day) (out struct {
		State    string
		Required int
		Grids    []struct{ Grid int64 }
	}) {
		t.Helper()
		_, body, _ := w.call(boss, http.MethodGet, fmt.Sprintf("/api/v1/patrol/workers/%d/weeks/%s", w.worker["东湖"], week), nil)
		if err := json.Unmarshal([]byte(body), &out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	if p := person(monday); p.Required != 2 || len(p.Grids) != 1 {
		t.Errorf("three days of a grid ask for two half-days: %+v", p)
	}
	if p := person(monday + 7); p.State != "exempt" || p.Required != 0 || len(p.Grids) != 0 {
		t.Errorf("a week without a grid: %+v", p)
	}
}

// Whether 未遇 counts is one setting, of the rule on visits; it changes the days
// and weeks that have such a visit, and says so.
func TestWhetherAttemptsCountIsOneSetting(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	x, now := w.visits("东湖"), time.Now().UTC()
	for i, outcome := range []string{"no_one_home", "normal"} {
		status, text, _ := w.call("grid_worker1", "POST", "/api/v1/visits", map[string]any{"client_id": fmt.Sprint(i), "target": x.checkpoint, "arrived_at": now.Add(-time.Minute), "left_at": now, "point": middle["东湖"], "method": "onsite", "outcome": outcome})
		if status != http.StatusCreated {
			t.Fatalf("%d %s", status, text)
		}
	}
	w.measure()
	is := func(when, want string) {
		t.Helper()
		var day, week string
		for sql, to := range map[string]*string{
			`SELECT (measure->>'visits') || '+' || (measure->>'attempts') FROM patrol_day WHERE worker_id = $1`:                  &day,
			`SELECT visits || '+' || attempts || ' ' || why[1] FROM patrol_week WHERE leader_id = $1 ORDER BY week DESC LIMIT 1`: &week,
		} {
			if err := w.db.Pool.QueryRow(t.Context(), sql, w.worker["东湖"]).Scan(to); err != nil {
				t.Fatal(err)
			}
		}
		if got := day + ", " + week; got != want {
			t.Errorf("%s: %s, want %s", when, got, want)
		}
	}
	is("by default", "2+1, 2+1 nightly")
	w.exec(`INSERT INTO visit_rule (region_id, near_m) VALUES ($1, 150)`, w.street)
	if n := w.count(`SELECT count(*) FROM patrol_dirty`); n != 0 {
		t.Errorf("how near a visit must be marks %d days", n)
	}
	w.exec(`UPDATE visit_rule SET attempt_counts = true`)
	w.measure()
	is("attempts count", "3+1, 3+1 visit_rule")
	status, text, _ := w.call("street-commander1", "GET", "/api/v1/patrol/policies", nil)
	if status != http.StatusOK || strings.Contains(text, "attempt_counts") {
		t.Errorf("a policy says it as well: %d %s", status, text)
	}
}
