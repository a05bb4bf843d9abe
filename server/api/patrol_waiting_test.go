package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/patrol"
	"github.com/gridward/gridward/server/workday"
)

type progress struct {
	Computed, Waiting int64
	Settled           bool
}

// into asks as somebody and reads the answer into out.
func (w *world) into(login, path string, out any) {
	w.t.Helper()
	status, body, _ := w.call(login, http.MethodGet, "/api/v1"+path, nil)
	if err := json.Unmarshal([]byte(body), out); err != nil || status != http.StatusOK {
		w.t.Fatalf("%s: %d %s", path, status, body)
	}
}

// Until a day was computed, and while it is computed again, no page has a zero
// that reads as a verdict.
func TestWhatWasNotComputedSaysSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	boss := w.person("patrol-boss", "赵敏", w.street, access.Commander)
	w.exec(`UPDATE grid_assignment SET valid_from = '2020-01-01'`)
	w.exec(`DELETE FROM patrol_dirty`)
	monday := patrol.Monday(workday.DayOf(w.api.Clock())) - 14
	grid, worker := w.grid["东湖"], w.worker["东湖"]
	type told struct {
		board, row, cover, person progress
		totals                    struct{ Grids, Settled, Unmet int }
	}
	look := func() (x told) {
		t.Helper()
		var board struct {
			progress
			Totals struct{ Grids, Settled, Unmet int }
			Rows   []struct {
				progress
				Grid int64
			}
		}
		w.into(boss, "/patrol/board?week="+monday.String(), &board)
		x.board, x.totals = board.progress, board.Totals
		for _, r := range board.Rows {
			if r.Grid == grid {
				x.row = r.progress
			}
		}
		w.into(boss, fmt.Sprintf("/patrol/grids/%d/coverage?from=%s&to=%s", grid, monday, monday+6), &x.cover)
		w.into(boss, fmt.Sprintf("/patrol/workers/%d/weeks/%s", worker, monday), &x.person)
		return x
	}
	expect := func(sentence string, computed, waiting int64, settled bool) {
		t.Helper()
		x, want := look(), progress{computed, waiting, settled}
		if x.board != want || x.row != want || x.cover != want || x.person != want {
			t.Errorf("%s: %+v, want %+v everywhere", sentence, x, want)
		}
		if n := map[bool]int{true: x.totals.Grids}[settled]; x.totals.Settled != n || x.totals.Unmet != n {
			t.Errorf("%s: a sum of verdicts %+v", sentence, x.totals)
		}
	}
	mark := func(day workday.Day, why string) {
		w.exec(`INSERT INTO patrol_dirty (region_id, worker_id, day, why) VALUES ($1, $2, $3, ARRAY[$4])`, w.street, worker, day.String(), why)
	}
	expect("a week that nobody has looked at", 0, 0, false)
	mark(monday, "nightly")
	mark(monday+1, "nightly")
	expect("two days wait", 0, 2, false)
	for _, g := range w.grid {
		w.exec(`INSERT INTO patrol_week_dirty (region_id, grid_id, week, why) VALUES ($1, $2, $3, '{nightly}')`, w.street, g, monday.String())
	}
	w.measure()
	expect("both were computed", 2, 0, true)
	mark(monday+1, "rule")
	var board struct {
		progress
		Totals struct{ Grids, Settled int }
	}
	if w.into(boss, "/patrol/board?week="+monday.String(), &board); board.progress != (progress{1, 1, false}) || board.Totals.Settled != board.Totals.Grids-1 {
		t.Errorf("a rule has changed: %+v", board)
	}
	var doubts struct{ Progress *progress }
	if w.into(boss, "/doubts?week="+monday.String(), &doubts); doubts.Progress == nil || *doubts.Progress != (progress{0, 2, false}) {
		t.Errorf("nobody has looked for doubts: %+v", doubts.Progress)
	}
	w.measure()
	expect("computed again", 2, 0, true)
	mark(monday, "running")
	if x := look(); x.row != (progress{2, 0, true}) {
		t.Errorf("a running day's figures stand while it is looked at again: %+v", x.row)
	}
	w.exec(`INSERT INTO patrol_week_dirty (region_id, grid_id, week, why) VALUES ($1, $2, $3, '{leave}')`, w.street, grid, monday.String())
	if x := look(); x.row.Settled {
		t.Errorf("leave has changed what the week asks for: %+v", x.row)
	}
}

// Whom to visit is due for the first time a cycle after he was entered, or when
// it was told; and a plan's cycle counts where it is shorter than the kind's.
func TestObjectsAreDueFromTheirEntry(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	boss := w.person("patrol-boss", "赵敏", w.street, access.Commander)
	today := workday.DayOf(w.api.Clock())
	grid := w.grid["东湖"]
	w.visits("东湖") // an elder, visited today; 矫正对象, never, since three months
	add := func(kind, name string, more map[string]any) {
		t.Helper()
		body := map[string]any{"kind": kind, "name": name, "point": middle["东湖"], "active_from": "2020-01-01"}
		for k, v := range more {
			body[k] = v
		}
		if status, text, _ := w.call("station1", http.MethodPost, "/api/v1/visit-objects", body); status != http.StatusCreated {
			t.Fatalf("%d %s", status, text)
		}
	}
	add("elder_alone", "新录入老人", nil)
	add("elder_alone", "约定明天的老人", map[string]any{"first_due": (today + 1).String()})
	add("stair_head", "楼道长", nil)
	add("stair_head", "每天一访的楼道长", map[string]any{"cycle_n": 1, "cycle_unit": "day"})
	var list struct {
		Objects []struct {
			Name, Due string
			DueOn     string `json:"due_on"`
			EveryFrom string `json:"every_from"`
		}
	}
	w.into("station1", fmt.Sprintf("/visit-objects?grid=%d", grid), &list)
	got := map[string]string{}
	for _, o := range list.Objects {
		got[o.Name] = o.DueOn + " " + o.Due
	}
	for name, want := range map[string]string{"新录入老人": (today + 7).String() + " ok", "约定明天的老人": (today + 1).String() + " due", "每天一访的楼道长": (today + 1).String() + " due"} {
		if got[name] != want {
			t.Errorf("%s is due %q, want %q", name, got[name], want)
		}
	}
	objects := func(from, to workday.Day) (c patrol.Frac, due map[string]bool) {
		t.Helper()
		var body struct {
			Coverage patrol.Coverage
			Objects  []struct {
				Name string
				Due  bool
			}
		}
		w.into(boss, fmt.Sprintf("/patrol/grids/%d/coverage?from=%s&to=%s", grid, from, to), &body)
		due = map[string]bool{}
		for _, o := range body.Objects {
			if o.Due {
				due[o.Name] = true
			}
		}
		if int64(len(due)) != body.Coverage.Object.D {
			t.Errorf("%d are said to be due, %d are marked", body.Coverage.Object.D, len(due))
		}
		return body.Coverage.Object, due
	}
	// 矫正对象 since long; today's elder had never been visited before; tomorrow's two
	if c, due := objects(today, today+1); c != (patrol.Frac{N: 1, D: 4}) || due["新录入老人"] || !due["约定明天的老人"] || due["楼道长"] {
		t.Errorf("until tomorrow %+v %v", c, due)
	}
	if c, _ := objects(today-30, today-20); c != (patrol.Frac{N: 0, D: 2}) {
		t.Errorf("before anybody was entered %+v", c)
	}
	w.exec(`INSERT INTO visit_plan (aim, name, kinds, cycle_n, cycle_unit) VALUES ('visit', '必访楼道长', '{stair_head}', 1, 'day')`)
	if c, due := objects(today, today+1); c != (patrol.Frac{N: 1, D: 5}) || !due["楼道长"] {
		t.Errorf("a plan asks for them daily: %+v %v", c, due)
	}
}

// The number behind a cell's link is the number in the cell.
func TestTheBoardsLinksShowWhatTheCellsSay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	boss := w.person("patrol-boss", "赵敏", w.street, access.Commander)
	x, now := w.visits("东湖"), time.Now().UTC()
	w.exec(`UPDATE grid_assignment SET valid_from = '2020-01-01'`)
	for i, v := range []map[string]any{
		{"method": "onsite", "outcome": "normal"}, {"method": "onsite", "outcome": "no_one_home"}, {"method": "phone", "outcome": "normal"},
		{"method": "onsite", "outcome": "problem", "incident": map[string]any{"title": "井盖破损", "category": "01"}}, {"method": "onsite", "outcome": "problem"},
	} {
		v["client_id"], v["target"], v["arrived_at"], v["left_at"], v["point"] = fmt.Sprint("cell", i), x.checkpoint, now.Add(-time.Minute), now, middle["东湖"]
		if status, text, _ := w.call("grid_worker1", http.MethodPost, "/api/v1/visits", v); status != http.StatusCreated {
			t.Fatalf("%d %s", status, text)
		}
	}
	monday := patrol.Monday(workday.DayOf(now))
	w.exec(`INSERT INTO patrol_week_dirty (region_id, grid_id, week, why) VALUES ($1, $2, $3, '{nightly}') ON CONFLICT DO NOTHING`, w.street, w.grid["东湖"], monday.String())
	w.measure()
	var board struct {
		Rows []struct {
			Grid          int64
			Visits, Found int64
		}
	}
	w.into(boss, "/patrol/board?week="+monday.String(), &board)
	span := fmt.Sprintf("/visits?grid=%d&from=%s&to=%s", w.grid["东湖"], monday.Start().UTC().Format(time.RFC3339), (monday + 7).Start().UTC().Format(time.RFC3339))
	for _, r := range board.Rows {
		if r.Grid != w.grid["东湖"] {
			continue
		}
		var counted, found struct {
			Visits []struct{ ID string }
			Totals struct{ Visits, Cases int64 }
		}
		w.into(boss, span+"&counted=true", &counted)
		w.into(boss, span+"&found=true", &found)
		if r.Visits != 4 || counted.Totals.Visits != r.Visits || len(counted.Visits) != 4 || r.Found != 1 || found.Totals.Cases != r.Found {
			t.Errorf("the board says %d visits and %d found, the log %+v and %+v", r.Visits, r.Found, counted.Totals, found.Totals)
		}
	}
}
