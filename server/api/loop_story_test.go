package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/dispatch"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/journal"
	"github.com/gridward/gridward/server/postgres"
)

// caseFile is a case as the API tells it.
type caseFile struct {
	incident.Incident
	Journal []struct {
		Kind string
		Body struct {
			Deed incident.Done
		}
	}
	Orders  []dispatch.Order
	Clocks  []incident.Countdown
	May     []incident.Choice
	Delays  []postgres.Delay
	Archive *struct {
		Number string
		SHA256 string `json:"sha256"`
	}

	Whistles []struct{ State string } `json:"whistles"` // the list takes the place of the count
}

// office adds a department of the street with a head and a clerk.
func (w *world) office(name string, n int) int64 {
	w.t.Helper()
	var org int64
	if err := w.db.Pool.QueryRow(w.t.Context(), `INSERT INTO org (region_id, parent_id, path, code, kind, name) VALUES ($1, $1, '', $2, 'department', $3) RETURNING id`,
		w.street, fmt.Sprintf("KS%02d", n), name).Scan(&org); err != nil {
		w.t.Fatal(err)
	}
	w.exec(`UPDATE org SET path = $2 WHERE id = $1`, org, fmt.Sprintf("%d.%d.", w.street, org))
	for _, role := range []access.Role{access.DeptHead, access.DeptClerk} {
		id, err := postgres.InsertAccount(w.t.Context(), w.db.Pool, postgres.Account{Login: fmt.Sprintf("%s-%d", role, n), Name: name + string(role), PasswordHash: "-"})
		if err == nil {
			err = postgres.AddPost(w.t.Context(), w.db.Pool, id, org, role)
		}
		if err != nil {
			w.t.Fatal(err)
		}
	}
	return org
}

// tell sends JSON with an If-Match and reads the answer into out.
func (w *world) tell(login, path string, version int32, body, out any) (int, string) {
	w.t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		w.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.server.URL+"/api/v1"+path, bytes.NewReader(b))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if version != 0 {
		req.Header.Set("If-Match", fmt.Sprintf(`"%d"`, version))
	}
	resp, err := w.as(login).Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, _ := io.ReadAll(resp.Body)
	if resp.StatusCode < 300 && out != nil {
		if err := json.Unmarshal(answer, out); err != nil {
			w.t.Fatalf("%v: %s", err, answer)
		}
	}
	return resp.StatusCode, string(answer)
}

// do takes an action that must be allowed and was offered, and returns the case afterwards.
func (w *world) do(login string, c *caseFile, action string, body map[string]any) {
	w.t.Helper()
	w.read(login, c)
	if !slices.ContainsFunc(c.May, func(x incident.Choice) bool { return string(x.Action) == action }) {
		w.t.Fatalf("%s is not offered %s of a case that is %s: %v", login, action, c.State, c.May)
	}
	if status, answer := w.tell(login, "/incidents/"+c.ID.String()+"/"+action, c.Version, body, nil); status != 200 {
		w.t.Fatalf("%s as %s: %d %s", action, login, status, answer)
	}
	w.read(login, c)
}

// order moves the newest order of the mode and the organisation.
func (w *world) move(login string, c *caseFile, org int64, action string, body map[string]any) dispatch.Order {
	w.t.Helper()
	w.read("street-commander1", c)
	for i := len(c.Orders) - 1; i >= 0; i-- {
		if o := c.Orders[i]; o.Org == org && o.State.Open() {
			if status, answer := w.tell(login, "/orders/"+o.ID.String()+"/"+action, 0, body, &o); status != 200 {
				w.t.Fatalf("%s as %s: %d %s", action, login, status, answer)
			}
			w.read("street-commander1", c)
			return o
		}
	}
	w.t.Fatalf("%d has no open order", org)
	return dispatch.Order{}
}

func (w *world) read(login string, c *caseFile) {
	w.t.Helper()
	id := c.ID
	*c = caseFile{}
	status, body, _ := w.call(login, "GET", "/api/v1/incidents/"+id.String(), nil)
	if status != 200 {
		w.t.Fatalf("read the case as %s: %d %s", login, status, body)
	}
	if err := json.Unmarshal([]byte(body), c); err != nil {
		w.t.Fatal(err)
	}
}

// due checks where the case stands and until when.
func (w *world) due(c *caseFile, state incident.State, stage, whole string) {
	w.t.Helper()
	show := func(at *time.Time) string {
		if at == nil {
			return "-"
		}
		return at.In(incident.BusinessZone()).Format("01-02 15:04")
	}
	if c.State != state || show(c.StageDue) != stage || show(c.CaseDue) != whole {
		w.t.Errorf("%s: stage %s (%s), case %s (%s); want %s, %s, %s", c.State, show(c.StageDue), c.StageFrom, show(c.CaseDue), c.CaseFrom, state, stage, whole)
	}
}

// The whole life over HTTP: from the report to the archive, with a return, a
// report up, a delay, a suspension and a rework on the way; every step in the
// record, every deadline in working time.
func TestTheWholeLifeOverHTTP(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	enforcement, works := w.office("综合行政执法队", 1), w.office("城市建设办公室", 2)
	w.at("2026-11-26 10:00") // Thursday
	var c caseFile
	if status := w.json("grid_worker1", "POST", "/api/v1/incidents", map[string]any{"title": "占道经营", "category": "01", "source": "resident", "point": middle["东湖"]}, &c); status != 201 {
		t.Fatal(status)
	}
	w.read("operator1", &c)
	w.due(&c, incident.Reported, "11-26 12:00", "12-01 17:00")

	w.do("operator1", &c, "request_verify", map[string]any{"worker": w.worker["东湖"]})
	w.do("grid_worker1", &c, "verify_result", map[string]any{"result": "pass", "text": "属实"})
	w.do("station1", &c, "accept", map[string]any{"tier": 2})
	w.due(&c, incident.Accepted, "11-26 12:00", "12-01 17:00")

	// an operator who looked before is told what happened since
	if status, answer := w.tell("operator1", "/incidents/"+c.ID.String()+"/reject", 1, map[string]any{"code": "duplicate", "reason": "重复"}, nil); status != 409 || !strings.Contains(answer, "受理") || !strings.Contains(answer, "孙station") {
		t.Errorf("a stale version: %d %s", status, answer)
	}
	if status, answer := w.tell("operator1", "/incidents/"+c.ID.String()+"/reject", 0, map[string]any{}, nil); status != 422 || !strings.Contains(answer, "If-Match") {
		t.Errorf("no version: %d %s", status, answer)
	}

	w.do("station1", &c, "report_up", map[string]any{"reason": "需要执法"})
	w.due(&c, incident.Accepted, "11-26 12:00", "12-03 17:00")
	w.do("street-commander1", &c, "dispatch", map[string]any{"lead": map[string]any{"org": enforcement}, "assist": []any{map[string]any{"org": works}}, "requirement": "当天到场"})
	w.due(&c, incident.Dispatched, "11-26 17:00", "12-03 17:00")
	if status, body, _ := w.call("dept_head-2", "GET", "/api/v1/incidents/"+c.ID.String(), nil); status != 200 || strings.Contains(body, "孙grid_worker") {
		t.Errorf("who assists sees the case, and nobody's name: %d %s", status, body)
	}

	w.move("dept_head-1", &c, enforcement, "return", map[string]any{"code": "not_my_duty", "reason": "属城建管理"})
	w.due(&c, incident.Returned, "11-26 12:00", "12-03 17:00")
	if status, _, _ := w.call("dept_head-1", "GET", "/api/v1/incidents/"+c.ID.String(), nil); status != 404 {
		t.Errorf("a department that returned the case still sees it: %d", status)
	}
	w.do("street-commander1", &c, "dispatch", map[string]any{"lead": map[string]any{"org": works}, "assist": []any{map[string]any{"org": enforcement}}})
	w.move("dept_clerk-2", &c, works, "sign", map[string]any{})
	w.due(&c, incident.Handling, "12-03 17:00", "12-03 17:00")
	w.move("dept_clerk-2", &c, works, "arrive", map[string]any{"point": []float64{middle["东湖"][0], middle["东湖"][1] + 0.001}})
	if m := c.Orders[len(c.Orders)-2].ArrivedM; m == nil || *m < 100 || *m > 120 {
		t.Errorf("arrived %v m away", m)
	}

	w.do("dept_clerk-2", &c, "request_delay", map[string]any{"reason": "等待材料", "days": 2})
	w.do("street-commander1", &c, "decide_delay", map[string]any{"approve": true})
	w.due(&c, incident.Handling, "12-07 17:00", "12-07 17:00")
	if len(c.Delays) != 1 || c.Delays[0].State != "approved" || c.Delays[0].NewDue == nil {
		t.Errorf("%+v", c.Delays)
	}

	// 挂账 from Friday noon to Tuesday noon stops both clocks for two working days
	w.at("2026-11-27 12:00")
	w.do("dept_head-2", &c, "request_suspend", map[string]any{"reason": "产权不清", "review_at": "2026-12-10T01:00:00Z"})
	w.do("street-commander1", &c, "decide_suspend", map[string]any{"approve": true})
	if c.State != incident.Suspended || !c.Paused {
		t.Errorf("%s, paused %v", c.State, c.Paused)
	}
	w.at("2026-12-01 12:00")
	w.do("street-commander1", &c, "resume", map[string]any{})
	w.due(&c, incident.Handling, "12-09 17:00", "12-09 17:00")

	whistleStatus, whistle, _ := w.call("station1", "POST", "/api/v1/whistles", map[string]any{"kind": "enforcement", "incident": c.ID, "reason": "需要联合执法", "need": []int64{enforcement}})
	if whistleStatus != 200 && whistleStatus != 201 {
		t.Fatalf("blow the whistle: %d %s", whistleStatus, whistle)
	}
	w.read("operator1", &c)
	if len(c.Whistles) != 1 || c.State != incident.Handling {
		t.Errorf("%d whistles on a case that is %s", len(c.Whistles), c.State)
	}

	w.move("dept_head-1", &c, enforcement, "sign", map[string]any{})
	w.move("dept_head-1", &c, enforcement, "feedback", map[string]any{"result": "solved", "text": "已劝离"})
	w.move("dept_clerk-2", &c, works, "feedback", map[string]any{"result": "solved", "text": "已设置护栏", "client_id": "f1"})
	w.due(&c, incident.FedBack, "12-02 17:00", "12-09 17:00")
	w.do("operator1", &c, "assign_check", map[string]any{"worker": w.worker["东湖"]})
	w.do("grid_worker1", &c, "check_fail", map[string]any{"reason": "护栏不稳", "point": middle["东湖"]})
	if c.State != incident.Handling || c.ReworkCount != 1 {
		t.Errorf("%s, reworked %d", c.State, c.ReworkCount)
	}
	w.due(&c, incident.Handling, "12-02 17:00", "12-09 17:00")
	w.move("dept_clerk-2", &c, works, "feedback", map[string]any{"result": "solved", "text": "已加固", "client_id": "f2"})
	w.do("station1", &c, "assign_check", map[string]any{})
	w.do("station1", &c, "check_pass", map[string]any{"text": "合格"})
	w.due(&c, incident.Evaluating, "12-08 17:00", "12-17 12:00") // what a resident takes to give a mark is not the time of those who handled it
	w.do("grid_worker1", &c, "evaluate", map[string]any{"grade": 5, "text": "满意"})
	w.read("operator1", &c)
	if c.State != incident.Closed || c.CloseReason != "evaluated" || c.Open {
		t.Errorf("%s (%s)", c.State, c.CloseReason)
	}
	for _, k := range c.Clocks {
		if k.EndedAt == nil || k.Source == "" {
			t.Errorf("a clock of a closed case runs on, or does not say where its limit comes from: %+v", k)
		}
	}

	if status, answer, _ := w.call("operator1", "GET", "/api/v1/incidents/"+c.ID.String()+"/archive", nil); status != 404 {
		t.Errorf("an archive before its time: %d %s", status, answer)
	}
	w.at("2026-12-20 09:00")
	if err := w.desk.Wake(t.Context(), c.ID, incident.Closed, c.StateSince); err != nil {
		t.Fatal(err)
	}
	w.read("operator1", &c)
	status, pack, head := w.call("operator1", "GET", "/api/v1/incidents/"+c.ID.String()+"/archive", nil)
	if c.State != incident.Archived || c.Archive == nil || status != 200 || head.Get("ETag") != `"`+c.Archive.SHA256+`"` || !strings.Contains(pack, "已设置护栏") || !strings.Contains(pack, `"gridward.archive/1"`) {
		t.Errorf("%s, archive %+v, %d", c.State, c.Archive, status)
	}

	var kinds []string
	for _, e := range c.Journal {
		kinds = append(kinds, strings.TrimPrefix(e.Kind, "incident."))
	}
	want := "reported verify_requested verified accepted reported_up dispatched returned dispatched signed arrived delay_requested delay_decided suspend_requested suspend_decided resumed " +
		"whistled signed fed_back fed_back check_assigned reworked fed_back check_assigned checked evaluated archived"
	if got := strings.Join(kinds, " "); got != want {
		t.Errorf("the record:\n%s\nwant\n%s", got, want)
	}
	var seq int64
	var prev [32]byte
	entries, err := postgres.ReadJournal(t.Context(), w.db.Pool, w.street, 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if err := e.Verify(seq, prev); err != nil {
			t.Fatal(err)
		}
		seq, prev = e.Seq, e.Hash
	}
	if _, ok := any(entries).([]journal.Entry); !ok || len(entries) < 26 {
		t.Errorf("%d entries", len(entries))
	}
}
