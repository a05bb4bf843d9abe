package api_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/signin"
)

// person adds an account with one post and returns its login.
func (w *world) person(login, name string, org int64, role access.Role) string {
	w.t.Helper()
	id, err := postgres.InsertAccount(w.t.Context(), w.db.Pool, postgres.Account{Login: login, Name: name, PasswordHash: signin.HashPassword(password)})
	if err != nil {
		w.t.Fatal(err)
	}
	if err := postgres.AddPost(w.t.Context(), w.db.Pool, id, org, role); err != nil {
		w.t.Fatal(err)
	}
	return login
}

type whistle struct {
	ID         string `json:"id"`
	State      string `json:"state"`
	Version    int    `json:"version"`
	RespondDue string `json:"respond_due"`
	Need       []struct {
		Org       int64   `json:"org"`
		State     string  `json:"state"`
		DistanceM float64 `json:"distance_m"`
		Outside   bool    `json:"outside"`
		Grade     int     `json:"grade"`
	} `json:"need"`
	May []struct {
		Action string  `json:"action"`
		Orgs   []int64 `json:"orgs"`
	} `json:"may"`
	CheckIns []struct {
		DistanceM float64 `json:"distance_m"`
		Reason    string  `json:"reason"`
	} `json:"check_ins"`
}

func (wh whistle) actions() string {
	var all []string
	for _, m := range wh.May {
		all = append(all, m.Action)
	}
	return strings.Join(all, " ")
}

// The whole of 吹哨报到 over a case: raised, confirmed, responded, reported in
// from near and from far, worked, replied, rated, closed; at each step the case
// and everybody's view are right.
func TestAWhistleFromRaisedToClosed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	enforce, safety := w.department("综合行政执法队"), w.department("应急管理办公室")
	room := w.person("room", "孔值班", w.street, access.Operator)
	law := w.person("law", "执法员", enforce, access.DeptClerk)
	fire := w.person("fire", "应急员", safety, access.DeptHead)
	other := w.person("other", "城建员", w.department("城市建设办公室"), access.DeptClerk)
	case1 := w.incident["东湖"].String()
	w.exec(`UPDATE incident SET state = 'handling' WHERE id = $1`, case1)

	var wh whistle
	raise := map[string]any{"client_id": "w-1", "kind": "enforcement", "incident": case1, "reason": "夜市占道，请联合整治", "need": []int64{enforce, safety}}
	if status := w.json("grid_leader2", "POST", "/api/v1/whistles", raise, nil); status != 404 {
		t.Fatalf("a neighbour whistled over a case that is none of its business: %d", status)
	}
	if status := w.json("station1", "POST", "/api/v1/whistles", map[string]any{"kind": "mass", "incident": case1, "reason": "请来", "need": []int64{w.org["西山"]}}, nil); status != 422 {
		t.Fatalf("a community was called as a department: %d", status)
	}
	if status := w.json("station1", "POST", "/api/v1/whistles", raise, &wh); status != 201 || wh.State != "raised" || wh.RespondDue != "" {
		t.Fatalf("%d %+v", status, wh)
	}
	if status := w.json("station1", "POST", "/api/v1/whistles", raise, &wh); status != 200 {
		t.Fatalf("the same whistle again: %d", status)
	}
	path := "/api/v1/whistles/" + wh.ID
	count := func(want int) {
		t.Helper()
		var inc struct {
			Whistles []whistle `json:"whistles"`
		}
		n := 0
		if err := w.db.Pool.QueryRow(t.Context(), `SELECT whistles FROM incident WHERE id = $1`, case1).Scan(&n); err != nil || n != want {
			t.Fatalf("%d whistles stand over the case, want %d (%v)", n, want, err)
		}
		if status := w.json("station1", "GET", "/api/v1/incidents/"+case1, nil, &inc); status != 200 || len(inc.Whistles) != 1 || inc.Whistles[0].ID != wh.ID {
			t.Fatalf("the case with its whistles: %d %+v", status, inc)
		}
	}
	count(1)
	for _, login := range []string{law, other, "station2"} {
		if status := w.json(login, "GET", path, nil, nil); status != 404 {
			t.Errorf("%s sees a whistle that calls nobody yet: %d", login, status)
		}
	}
	if status := w.json(law, "GET", "/api/v1/incidents/"+case1, nil, nil); status != 404 {
		t.Errorf("a department sees the case before it is called: %d", status)
	}
	act := func(login, action string, body map[string]any, want int, state string) {
		t.Helper()
		status, text, _ := w.call(login, "POST", path+"/"+action, body)
		if status != want {
			t.Fatalf("%s %s: %d %s", login, action, status, text)
		}
		if status == 200 && !strings.Contains(text, `"state":"`+state+`"`) {
			t.Fatalf("%s %s: want %s: %s", login, action, state, text)
		}
	}
	act("station1", "confirm", map[string]any{}, 403, "")
	act(room, "confirm", map[string]any{"note": "请按时到场"}, 200, "confirmed")
	if status := w.json(law, "GET", path, nil, &wh); status != 200 || wh.RespondDue == "" || wh.actions() != "respond check_in" || fmt.Sprint(wh.May[0].Orgs) != fmt.Sprint([]int64{enforce}) {
		t.Fatalf("%d %+v", status, wh)
	}
	if status := w.json(law, "GET", "/api/v1/incidents/"+case1, nil, nil); status != 200 {
		t.Errorf("a called department does not see the case: %d", status)
	}
	if status := w.json(other, "GET", path, nil, nil); status != 404 {
		t.Errorf("a department that is not called sees the whistle: %d", status)
	}
	act(law, "respond", map[string]any{}, 200, "confirmed")
	act(law, "respond", map[string]any{"org": safety}, 403, "")
	near, far := middle["东湖"], middle["东湖"]
	far[0] += 0.004 // about 410 m
	act(law, "check_in", map[string]any{}, 422, "")
	act(law, "check_in", map[string]any{"point": near, "accuracy": 8}, 200, "confirmed")
	act(fire, "check_in", map[string]any{"point": far}, 422, "")
	act(fire, "check_in", map[string]any{"point": far, "reason": "道路封闭，在路口集合"}, 200, "on_site")
	act(law, "work", map[string]any{}, 200, "on_site")
	act(law, "rate", map[string]any{"org": enforce, "grade": 5}, 403, "")
	act("station1", "rate", map[string]any{"org": enforce, "grade": 5}, 409, "")
	act(law, "reply", map[string]any{"reply": "已劝离 12 户，13800138000 为负责人", "result": "solved"}, 200, "on_site")
	act(fire, "reply", map[string]any{"reply": "已处理", "result": "partly"}, 200, "replied")
	act(room, "rate", map[string]any{"org": enforce, "grade": 1}, 403, "")
	act("station1", "rate", map[string]any{"org": enforce, "grade": 4}, 200, "replied")
	act("station1", "rate", map[string]any{"org": safety, "grade": 2, "note": "到得晚"}, 200, "rated")
	act("station2", "close", map[string]any{}, 404, "")
	act("station1", "close", map[string]any{}, 200, "closed")
	act("station1", "close", map[string]any{}, 200, "closed")
	count(0)

	if status := w.json("station1", "GET", path, nil, &wh); status != 200 || len(wh.CheckIns) != 2 || len(wh.May) != 0 {
		t.Fatalf("%d %+v", status, wh)
	}
	if c := wh.CheckIns[1]; c.DistanceM < 380 || c.DistanceM > 440 || c.Reason == "" {
		t.Errorf("reported in from afar: %+v", c)
	}
	_, text, _ := w.call(law, "GET", path, nil)
	if strings.Contains(text, "13800138000") || strings.Contains(text, "孔值班") || strings.Contains(text, "孙station") {
		t.Errorf("a department is told names and numbers: %s", text)
	}
	var figures struct {
		Total       postgres.WhistleFigures   `json:"total"`
		Departments []postgres.WhistleFigures `json:"departments"`
	}
	if status := w.json("street-commander1", "GET", "/api/v1/whistle-figures?from=2020-01-01T00:00:00Z&to=2100-01-01T00:00:00Z", nil, &figures); status != 200 {
		t.Fatal(status)
	}
	f := figures.Total
	if f.Whistles != 1 || f.Called != 2 || f.Responded != 2 || f.Arrived != 2 || f.Outside != 1 || f.Solved != 1 || f.Over != 2 || f.Rated != 2 || f.Points != 6 || len(figures.Departments) != 2 {
		t.Errorf("%+v", figures)
	}
	var kinds []string
	rows, err := w.db.Pool.Query(t.Context(), `SELECT kind FROM journal WHERE kind LIKE 'whistle.%' OR kind = 'incident.whistled' ORDER BY seq`)
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		var kind string
		if err := rows.Scan(&kind); err != nil {
			t.Fatal(err)
		}
		kinds = append(kinds, strings.TrimPrefix(kind, "whistle."))
	}
	want := "incident.whistled raised confirmed responded checked_in checked_in worked replied replied rated rated incident.whistled closed"
	if got := strings.Join(kinds, " "); got != want {
		t.Errorf("the journal says %s\nwant %s", got, want)
	}
	if _, err := postgres.VerifyJournal(t.Context(), w.db.Pool, w.street); err != nil {
		t.Error(err)
	}
}

// An emergency calls departments at once, over a place alone; a drill is in no figure.
func TestAnEmergencyWhistleNeedsNoConfirmation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	safety := w.department("应急管理办公室")
	fire := w.person("fire", "应急员", safety, access.DeptClerk)
	var wh whistle
	if status := w.json("grid_leader1", "POST", "/api/v1/whistles", map[string]any{"kind": "emergency", "point": middle["东湖"], "reason": "楼道起火", "need": []int64{safety}, "drill": true}, &wh); status != 201 || wh.State != "confirmed" || wh.RespondDue == "" {
		t.Fatalf("%d %+v", status, wh)
	}
	if status := w.json("grid_leader1", "POST", "/api/v1/whistles", map[string]any{"kind": "emergency", "point": middle["西山"], "reason": "楼道起火", "need": []int64{safety}}, nil); status != 404 {
		t.Errorf("whistled on another's ground: %d", status)
	}
	var list struct {
		Whistles []whistle `json:"whistles"`
		Total    int       `json:"total"`
	}
	for query, want := range map[string]int{"": 1, "?drill=true": 1, "?drill=false": 0, "?state=open": 1, "?state=closed": 0, "?kind=mass": 0} {
		if status := w.json(fire, "GET", "/api/v1/whistles"+query, nil, &list); status != 200 || list.Total != want || len(list.Whistles) != want {
			t.Errorf("%q: %d %+v", query, status, list)
		}
	}
	var figures struct {
		Total postgres.WhistleFigures `json:"total"`
	}
	if w.json("street-commander1", "GET", "/api/v1/whistle-figures?from=2020-01-01T00:00:00Z&to=2100-01-01T00:00:00Z", nil, &figures); figures.Total.Whistles != 0 || figures.Total.Called != 0 {
		t.Errorf("a drill counts: %+v", figures.Total)
	}
	if status, text, _ := w.call("grid_leader1", "POST", "/api/v1/whistles/"+wh.ID+"/close", map[string]any{}); status != 422 {
		t.Errorf("closed without a rating or a reason: %d %s", status, text)
	}
	if status, text, _ := w.call("grid_leader1", "POST", "/api/v1/whistles/"+wh.ID+"/close", map[string]any{"note": "演练结束"}); status != 200 {
		t.Errorf("%d %s", status, text)
	}
}
