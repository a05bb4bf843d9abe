package api_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/board"
	"github.com/gridward/gridward/server/dispatch"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/fleet"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/postgres"
)

type ranking struct {
	ID         uuid.UUID            `json:"id"`
	Distance   string               `json:"distance"`
	Candidates []dispatch.Candidate `json:"candidates"`
	More       int                  `json:"more"`
	LeftOut    []dispatch.Left      `json:"left_out"`
	LeftCounts map[string]int       `json:"left_counts"`
	Advice     []dispatch.Advice    `json:"advice"`
	Departs    []struct {
		Name    string `json:"name"`
		Default bool   `json:"default"`
	} `json:"departments"`
}

// post asks and reads the answer into v.
func (w *world) post(login, path string, body, v any) {
	w.t.Helper()
	w.ask(login, "POST", path, body, v)
}

func (w *world) ask(login, method, path string, body, v any) {
	w.t.Helper()
	status, text, _ := w.call(login, method, path, body)
	if status/100 != 2 {
		w.t.Fatalf("%s %s as %s: %d %s", method, path, login, status, text)
	}
	if v == nil {
		return
	}
	if err := json.Unmarshal([]byte(text), v); err != nil {
		w.t.Fatalf("%s: %v: %s", path, err, text)
	}
}

// hire adds a worker to a place who stands so many degrees east of its middle, on duty unless metres is negative.
func (w *world) hire(place, code, name string, east float64, duty bool) int64 {
	w.t.Helper()
	var id int64
	row := w.db.Pool.QueryRow(w.t.Context(), `INSERT INTO worker (region_id, org_id, code, name, phone) VALUES ($1, $2, $3, $4, '19900000000') RETURNING id`, w.street, w.org[place], code, name)
	if err := row.Scan(&id); err != nil {
		w.t.Fatal(err)
	}
	if !duty {
		return id
	}
	session := uuid.New()
	w.exec(`INSERT INTO duty_session (id, region_id, worker_id, org_id, purpose, started_at) VALUES ($1, $2, $3, $4, 'patrol', now() - interval '1 hour')`, session, w.street, id, w.org[place])
	c := middle[place]
	w.board.Load([]board.Entry{{
		Fix: fleet.Fix{Region: w.street, Worker: id, At: time.Now(), Point: orb.Point{c[0] + east, c[1]}, Speed: 1, Course: fleet.Unknown(), Accuracy: 5, Altitude: fleet.Unknown(), Battery: 80,
			Session: session, Org: w.org[place], OrgPath: w.path[place], Interval: 10 * time.Second},
		Person: fleet.Person{ID: id, Name: name},
	}})
	return id
}

func names(r ranking) string {
	var list []string
	for _, c := range r.Candidates {
		list = append(list, c.Name+":"+string(c.Relation)+":"+c.By)
	}
	return strings.Join(list, " ")
}

func TestWhomToSend(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	near := w.hire("东湖", "W11", "吴近", 0.001, true)
	w.hire("东湖", "W12", "郑离岗", 0.001, false)
	w.exec(`INSERT INTO worker_skill VALUES ($1, 'fire')`, near)
	// A third grid touches 东湖's; its worker stands next to the case.
	var grid int64
	if err := w.db.Pool.QueryRow(t.Context(), `INSERT INTO grid (region_id, org_id, code) VALUES ($1, $2, '990101001009001') RETURNING id`, w.street, w.org["西山"]).Scan(&grid); err != nil {
		t.Fatal(err)
	}
	c := middle["东湖"]
	w.exec(`INSERT INTO grid_version (grid_id, version, name, setting, geom, label_point, area_m2) VALUES ($1, 1, '邻网格', 'urban', ST_Multi(ST_MakeEnvelope($2, $3, $4, $5, 4326)), $6, 1e6)`, grid, c[0]+0.00501, c[1]-0.005, c[0]+0.015, c[1]+0.005, c)
	neighbour := w.hire("东湖", "W13", "冯邻", 0.0002, true)
	w.exec(`INSERT INTO grid_assignment (grid_id, worker_id, role) VALUES ($1, $2, 'worker')`, grid, neighbour)
	w.exec(`INSERT INTO org (region_id, parent_id, path, code, kind, name) VALUES ($1, $1, $2 || '900.', 'KS01', 'department', '城建办'), ($1, $1, $2 || '901.', 'KS02', 'department', '执法队')`, w.street, w.path["东湖"][:strings.Index(w.path["东湖"], ".")+1])
	w.exec(`INSERT INTO category (code, name, default_org) VALUES ('01', '市容', (SELECT id FROM org WHERE code = 'KS02')) ON CONFLICT (code) DO UPDATE SET default_org = EXCLUDED.default_org`)
	ask := fmt.Sprintf("/api/v1/incidents/%s/candidates", w.incident["东湖"])

	var r ranking
	w.post("street-commander1", ask, map[string]any{}, &r)
	if got := names(r); got != "赵一:responsible:straight 冯邻:neighbour:straight 吴近:community:straight" || r.Distance != "straight" {
		t.Errorf("without streets: %s (%s)", got, r.Distance)
	}
	if r.LeftCounts["off_duty"] != 1 || r.LeftCounts["too_far"] != 1 || len(r.LeftOut) != 2 {
		t.Errorf("left out: %v", r.LeftOut)
	}
	if len(r.Departs) != 2 || r.Departs[0].Name != "执法队" || !r.Departs[0].Default {
		t.Errorf("departments: %+v", r.Departs)
	}

	// What was shown is kept, word for word, and only for those who may dispatch here.
	var kept ranking
	w.ask("street-commander1", "GET", "/api/v1/rankings/"+r.ID.String(), nil, &kept)
	if names(kept) != names(r) || kept.ID != r.ID {
		t.Errorf("kept %s, shown %s", names(kept), names(r))
	}
	if status, _, _ := w.call("station2", "GET", "/api/v1/rankings/"+r.ID.String(), nil); status != 404 {
		t.Errorf("another community reads the ranking: %d", status)
	}
	if _, err := w.db.Pool.Exec(t.Context(), `UPDATE ranking SET body = '{}'`); err == nil {
		t.Error("a ranking can be changed afterwards")
	}

	// A station sees its own people only.
	var own ranking
	w.post("station1", ask, map[string]any{"limit": 1}, &own)
	if got := names(own); got != "赵一:responsible:straight" || own.More != 2 || own.LeftCounts["too_far"] != 0 {
		t.Errorf("a station's ranking: %s and %d more, left out %v", got, own.More, own.LeftCounts)
	}

	// A needed skill leaves out who has it not.
	w.post("station1", ask, map[string]any{"skills": []string{"fire"}}, &own)
	if got := names(own); got != "吴近:community:straight" || own.LeftCounts["missing_skill"] != 2 {
		t.Errorf("with a skill: %s, left out %v", got, own.LeftCounts)
	}

	// Orders in hand count, and who has the case is not sent again.
	w.exec(`INSERT INTO dispatch_order (id, region_id, incident_id, seq, mode, org_id, worker_id, issued_at) VALUES (gen_random_uuid(), $1, $2, 1, 'lead', $3, $4, now())`, w.street, w.incident["东湖"], w.org["东湖"], w.worker["东湖"])
	w.post("station1", ask, map[string]any{}, &own)
	if got := names(own); got != "冯邻:neighbour:straight 吴近:community:straight" || own.LeftCounts["already"] != 1 {
		t.Errorf("with an order: %s, left out %v", got, own.LeftCounts)
	}
	if status, body, _ := w.call("station1", "POST", ask, map[string]any{"radius_m": -1}); status != 422 {
		t.Errorf("a radius below nothing: %d %s", status, body)
	}
}

func TestDistanceAlongTheStreetsOfTheBaseMap(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	// One street, by a detour: north, east, south.
	c := middle["东湖"]
	w.hire("东湖", "W11", "吴近", 0.003, true)
	line := orb.LineString{c, {c[0], c[1] + 0.004}, {c[0] + 0.003, c[1] + 0.004}, {c[0] + 0.003, c[1]}, {c[0] + 0.003, c[1] - 0.02}}
	w.exec(`INSERT INTO base_road (ref, class, geom) VALUES ('w1', 'residential', ST_Transform($1::geometry, 3857))`, line)
	w.exec(`INSERT INTO base_source (name, attribution, licence) VALUES ('survey', 'x', 'x')`)
	var r ranking
	w.post("station1", fmt.Sprintf("/api/v1/incidents/%s/candidates", w.incident["东湖"]), map[string]any{}, &r)
	if r.Distance != "street" || len(r.Candidates) != 2 {
		t.Fatalf("%s %+v", r.Distance, r.Candidates)
	}
	for _, k := range r.Candidates {
		if k.Name == "吴近" && (k.DistanceM == nil || *k.DistanceM < 1150 || *k.DistanceM > 1250) {
			t.Errorf("by the street it is 1,195 m: %+v", *k.DistanceM)
		}
	}
}

func TestTheRulesOfRanking(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	type reply struct {
		Version int32           `json:"version"`
		Policy  dispatch.Policy `json:"policy"`
	}
	var got reply
	w.ask("street-commander1", "GET", "/api/v1/dispatch-policy", nil, &got)
	if got.Version != 0 || got.Policy.MaxM != dispatch.DefaultPolicy().MaxM {
		t.Errorf("the defaults: %+v", got)
	}
	p := got.Policy
	p.MaxM = 20000
	p.CategorySkills = map[string][]string{"AQ": {"fire"}}
	w.ask("street-commander1", "PUT", "/api/v1/dispatch-policy", map[string]any{"version": 0, "policy": p}, &got)
	if got.Version != 1 {
		t.Errorf("version %d", got.Version)
	}
	if status, _, _ := w.call("street-commander2", "PUT", "/api/v1/dispatch-policy", map[string]any{"version": 0, "policy": p}); status != 409 {
		t.Errorf("a second writer over the same version: %d", status)
	}
	p.Points.Distance = 90
	if status, body, _ := w.call("street-commander1", "PUT", "/api/v1/dispatch-policy", map[string]any{"version": 1, "policy": p}); status != 422 || !strings.Contains(body, "body.points") {
		t.Errorf("points that cannot be meant: %d %s", status, body)
	}
	var r ranking
	w.post("street-commander1", fmt.Sprintf("/api/v1/incidents/%s/candidates", w.incident["东湖"]), map[string]any{}, &r)
	if len(r.Candidates) != 2 { // 西山's worker is ten kilometres away, and may come now
		t.Errorf("with the new radius: %s", names(r))
	}
	var back struct{ Skills []string }
	w.ask("street-commander1", "PUT", fmt.Sprintf("/api/v1/workers/%d/skills", w.worker["东湖"]), map[string]any{"skills": []string{"fire", "drone", "fire"}}, &back)
	if fmt.Sprint(back.Skills) != "[drone fire]" {
		t.Errorf("skills: %v", back.Skills)
	}
	if status, _, _ := w.call("street-commander1", "PUT", fmt.Sprintf("/api/v1/workers/%d/skills", w.worker["东湖"]), map[string]any{"skills": []string{"magic"}}); status != 422 {
		t.Errorf("an unknown skill: %d", status)
	}
}

// The order keeps the ranking that was shown for its case, and takes no other.
func TestAnOrderNamesTheRankingThatWasShown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var here, there ranking
	w.post("street-commander1", fmt.Sprintf("/api/v1/incidents/%s/candidates", w.incident["东湖"]), map[string]any{}, &here)
	w.post("street-commander1", fmt.Sprintf("/api/v1/incidents/%s/candidates", w.incident["西山"]), map[string]any{}, &there)
	by := w.principal("street-commander1")
	inc, err := w.desk.Act(t.Context(), by, w.incident["东湖"], 1, incident.Accept, incident.Deed{Category: "01", Urgency: incident.Normal, Tier: 2})
	if err != nil {
		t.Fatal(err)
	}
	deed := incident.Deed{Lead: &incident.Target{Org: w.org["东湖"], Worker: w.worker["东湖"]}, Requirement: "到现场", Ranking: &there.ID}
	if _, err := w.desk.Act(t.Context(), by, inc.ID, inc.Version, incident.Dispatch, deed); !fault.Is(err, fault.Invalid) {
		t.Errorf("another case's ranking: %v", err)
	}
	deed.Ranking = &here.ID
	if inc, err = w.desk.Act(t.Context(), by, inc.ID, inc.Version, incident.Dispatch, deed); err != nil {
		t.Fatal(err)
	}
	orders, err := postgres.OrdersOf(t.Context(), w.db.Pool, inc.ID)
	if err != nil || len(orders) != 1 || orders[0].Ranking == nil || *orders[0].Ranking != here.ID {
		t.Errorf("the order: %+v %v", orders, err)
	}
	// Whoever has the case is not offered again, and his hands are fuller.
	var again ranking
	w.post("street-commander1", fmt.Sprintf("/api/v1/incidents/%s/candidates", w.incident["东湖"]), map[string]any{}, &again)
	if len(again.Candidates) != 0 || again.LeftCounts["already"] != 1 || len(again.Advice) == 0 {
		t.Errorf("after the order: %s, left out %v, advice %v", names(again), again.LeftCounts, again.Advice)
	}
}
