package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/board"
	"github.com/gridward/gridward/server/fleet"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/protocol/alarmhook"
)

// stand puts a worker of 东湖 on duty so many metres east of its middle.
func (w *world) stand(code, name string, east float64) int64 {
	w.t.Helper()
	var id int64
	if err := w.db.Pool.QueryRow(w.t.Context(), `INSERT INTO worker (region_id, org_id, code, name, phone) VALUES ($1, $2, $3, $4, '13800138000') RETURNING id`, w.street, w.org["东湖"], code, name).Scan(&id); err != nil {
		w.t.Fatal(err)
	}
	session := uuid.New()
	w.exec(`INSERT INTO duty_session (id, region_id, worker_id, org_id, purpose, started_at) VALUES ($1, $2, $3, $4, 'patrol', now() - interval '1 hour')`, session, w.street, id, w.org["东湖"])
	c := middle["东湖"]
	w.board.Load(append(w.board.All([]string{fmt.Sprintf("%d.", w.street)}), board.Entry{
		Fix: fleet.Fix{Region: w.street, Worker: id, At: time.Now(), Point: orb.Point{c[0] + east/102_700, c[1]}, Speed: 1, Course: fleet.Unknown(), Accuracy: 5, Altitude: fleet.Unknown(), Battery: 80,
			Session: session, Org: w.org["东湖"], OrgPath: w.path["东湖"], Interval: 10 * time.Second},
		Person: fleet.Person{ID: id, Name: name},
	}))
	return id
}

// put sends a change with the version that was looked at.
func (w *world) put(login, path, version string, body any) (int, string) {
	w.t.Helper()
	b, _ := json.Marshal(body)
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodPut, w.server.URL+path, bytes.NewReader(b))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("If-Match", version)
	res, err := w.as(login).Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(text)
}

func TestACallForHelpShowsWhoAndWhatIsNear(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.watch("东湖")
	for i := range 6 {
		w.stand(fmt.Sprintf("N%d", i), fmt.Sprintf("孙%d", i), float64(100*(i+1)))
	}
	w.exec(`UPDATE camera SET geom = ST_SetSRID(ST_MakePoint(ST_X(geom) + 0.002, ST_Y(geom)), 4326), heading = 90, fov = 60, range_m = 250 WHERE sensitivity = 'normal'`) // 205 m away, looking elsewhere
	w.exec(`INSERT INTO camera (region_id, org_id, gb_id, name, geom, heading, fov, range_m) SELECT region_id, org_id, '99010101001320000021', '看得见', geom, 270, 60, 250 FROM camera WHERE sensitivity = 'normal'`)
	w.exec(`INSERT INTO camera (region_id, org_id, gb_id, name, geom) SELECT region_id, org_id, '99010101001320000022', '太远', ST_SetSRID(ST_MakePoint(ST_X(geom) + 0.002, ST_Y(geom)), 4326) FROM camera WHERE name = '看得见'`)
	var d struct {
		postgres.SOS
		Now     *orb.Point `json:"now"`
		Nearest []struct {
			ID        int64   `json:"id"`
			Name      string  `json:"name"`
			DistanceM float64 `json:"distance_m"`
		} `json:"nearest"`
		DistanceBy string `json:"distance_by"`
		Cameras    []struct {
			Name      string  `json:"name"`
			Sees      bool    `json:"facing"`
			DistanceM float64 `json:"distance_m"`
		} `json:"cameras"`
	}
	path := "/api/v1/sos/" + w.watch("东湖").sos.String()
	if status := w.json("operator1", "GET", path, nil, &d); status != 200 {
		t.Fatal(status)
	}
	if len(d.Nearest) != 5 || d.DistanceBy != "straight" || d.Phone != "13800138000" {
		t.Fatalf("%+v", d)
	}
	for i, n := range d.Nearest {
		if n.ID == w.worker["东湖"] || n.DistanceM < float64(100*(i+1))-5 || n.DistanceM > float64(100*(i+1))+5 {
			t.Errorf("%d: %+v", i, n)
		}
	}
	names := ""
	for _, c := range d.Cameras {
		names += c.Name + " "
	}
	if names != "看得见 东湖要害部位 东湖路口 " && names != "东湖要害部位 看得见 东湖路口 " || d.Cameras[2].Sees || !d.Cameras[0].Sees {
		t.Errorf("cameras: %s%+v", names, d.Cameras)
	}
	d.Cameras = nil
	if w.json("grid_guide1", "GET", path, nil, &d); strings.Contains(fmt.Sprint(d.Cameras), "要害") || strings.HasPrefix(d.Name, "赵一") || d.Phone != "13800138000" && d.Phone != "" {
		t.Errorf("a guide sees %+v", d)
	}
}

func TestTheAlarmDesk(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var made struct {
		Source struct{ ID int64 }
		Secret string
		URL    string
	}
	if status := w.json("commander1", "POST", "/api/v1/alarm-sources", map[string]any{"org": w.org["东湖"], "name": "fire-hub", "cidr": "10.1.2.3"}, &made); status != 201 || len(made.Secret) != 43 || !strings.HasSuffix(made.URL, "/alarm-hook/fire-hub") {
		t.Fatalf("%d %+v", status, made)
	}
	var lies string
	if err := w.db.Pool.QueryRow(t.Context(), `SELECT convert_from(secret, 'UTF8') FROM alarm_source WHERE name = 'fire-hub'`).Scan(&lies); err != nil || strings.Contains(lies, made.Secret) || !strings.HasPrefix(lies, "sealed:1:"+w.seal.Name()) {
		t.Errorf("in the database lies %s, %v", lies, err)
	}
	if _, body, _ := w.call("commander1", "GET", "/api/v1/alarm-sources", nil); strings.Contains(body, made.Secret) || !strings.Contains(body, "10.1.2.3/32") {
		t.Errorf("the list of sources: %s", body)
	}
	if status := w.json("commander1", "POST", "/api/v1/alarm-sources", map[string]any{"org": w.org["东湖"], "name": "../x"}, nil); status != 422 {
		t.Errorf("a name that leads elsewhere: %d", status)
	}
	for field, bad := range map[string]map[string]any{
		"kind":        {"ident": "A", "name": "x", "kind": "toaster", "point": middle["东湖"]},
		"ident":       {"name": "x", "kind": "smoke", "point": middle["东湖"]},
		"org":         {"ident": "A", "name": "x", "kind": "smoke", "point": orb.Point{1, 1}},
		"schedule[0]": {"ident": "A", "name": "x", "kind": "door", "point": middle["东湖"], "schedule": []map[string]any{{"days": []int{9}, "from": "08:00", "to": "09:00"}}},
	} {
		if status, body, _ := w.call("commander1", "POST", "/api/v1/alarm-devices", bad); status != 422 || !strings.Contains(body, `body.`+field) {
			t.Errorf("%s: %d %s", field, status, body)
		}
	}
	var device struct {
		ID       int64
		GridName string `json:"grid_name"`
		ArmedNow bool   `json:"armed_now"`
		Org      int64
	}
	if status := w.json("commander1", "POST", "/api/v1/alarm-devices", map[string]any{"ident": "MC-9", "name": "仓库门磁", "kind": "door", "point": middle["东湖"], "contact": "吴老板", "phone": "13700137000"}, &device); status != 201 || device.GridName != "东湖第一网格" || !device.ArmedNow || device.Org != w.org["东湖"] {
		t.Fatalf("%d %+v", status, device)
	}
	night := []map[string]any{{"days": []int{1, 2, 3, 4, 5, 6, 7}, "from": "20:00", "to": "07:00"}}
	put := map[string]any{"name": "后门门磁", "kind": "door", "contact": "吴老板", "point": middle["东湖"], "schedule": night, "settings": map[string]any{"zone": 3}}
	path := fmt.Sprintf("/api/v1/alarm-devices/%d", device.ID)
	if status := w.json("commander1", "PUT", path, put, nil); status != 200 {
		t.Fatal(status)
	}
	delete(put, "schedule")
	delete(put, "settings")
	var changed struct {
		Schedule []json.RawMessage
		Settings map[string]int
		Version  int
		Mode     string
	}
	if status := w.json("commander1", "PUT", path, put, &changed); status != 200 || len(changed.Schedule) != 1 || changed.Settings["zone"] != 3 || changed.Version != 3 {
		t.Errorf("what is not said is kept: %d %+v", status, changed)
	}
	if status, body := w.put("commander1", path, `"2"`, put); status != 409 {
		t.Errorf("with an old version: %d %s", status, body)
	}
	if status, body := w.put("commander1", path, `"3"`, put); status != 200 {
		t.Errorf("with the version seen: %d %s", status, body)
	}
	if status := w.json("operator1", "POST", path+"/arm", map[string]any{"mode": "disarmed"}, &changed); status != 200 || changed.Mode != "disarmed" {
		t.Errorf("disarmed: %d %+v", status, changed)
	}
	x := w.watch("东湖")
	var detail struct {
		State   string
		May     []struct{ Action string }
		Nearest []json.RawMessage
		Cameras []json.RawMessage
		Device  struct{ Contact string } `json:"device_detail"`
	}
	path = "/api/v1/alarms/" + x.alarm.String()
	if status := w.json("operator1", "GET", path, nil, &detail); status != 200 || len(detail.May) != 5 || len(detail.Nearest) != 1 || len(detail.Cameras) != 2 || detail.Device.Contact != "赵一" {
		t.Fatalf("%d %+v", status, detail)
	}
	if w.json("station1", "GET", path, nil, &detail); len(detail.May) != 0 {
		t.Errorf("a station may %+v", detail.May)
	}
	var a struct {
		State    string
		Incident string
		CaseNo   string `json:"case_no"`
	}
	if status := w.json("operator1", "POST", path+"/incident", map[string]any{"note": "浓烟"}, &a); status != 200 || a.State != "dispatched" || a.CaseNo == "" {
		t.Fatalf("%d %+v", status, a)
	}
	var inc struct{ Kind, Source, Urgency, Title string }
	if status := w.json("operator1", "GET", "/api/v1/incidents/"+a.Incident, nil, &inc); status != 200 || inc.Kind != "alarm" || inc.Source != "alarm" || inc.Urgency != "critical" {
		t.Errorf("%d %+v", status, inc)
	}
	for query, want := range map[string]int{"": 1, "?state=open": 0, "?state=dispatched": 1, "?kind=door": 0, "?level=critical": 1, "?q=YG": 1, "?q=100%25": 0, "?from=2099-01-01T00:00:00Z": 0} {
		var list struct{ Alarms []json.RawMessage }
		if status := w.json("operator1", "GET", "/api/v1/alarms"+query, nil, &list); status != 200 || len(list.Alarms) != want {
			t.Errorf("%s: %d, %d alarms", query, status, len(list.Alarms))
		}
	}
	status, csv, header := w.call("operator1", "GET", "/api/v1/alarms?format=csv", nil)
	if status != 200 || !strings.HasPrefix(csv, "\ufeff报警时间") || !strings.Contains(csv, "已转事件") || !strings.Contains(header.Get("Content-Disposition"), "alarms") {
		t.Errorf("%d %s", status, csv)
	}
	if status, csv, _ := w.call("commander1", "GET", "/api/v1/alarm-devices?format=csv", nil); status != 200 || !strings.Contains(csv, "吴老板") || !strings.Contains(csv, "0.00%") {
		t.Errorf("%d %s", status, csv)
	}
	if s := alarmhook.Sign([]byte(made.Secret), "1", "n", nil); len(s) != 64 {
		t.Error(s)
	}
}

func TestCamerasAndTheirTickets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	x := w.watch("东湖")
	csv := "国标编码,名称,类型,经度,纬度,朝向,敏感级别\n99010101001320000011,新路口,球机,114.105,22.605,0,\n99010101001320000012,新要害,枪机,114.105,22.605,90,敏感\n"
	var done struct{ Added, Changed int }
	if status := w.json("commander1", "POST", "/api/v1/cameras/import", map[string]any{"csv": csv}, &done); status != 200 || done.Added != 2 {
		t.Fatalf("%d %+v", status, done)
	}
	done.Added = 0
	if status := w.json("commander1", "POST", "/api/v1/cameras/import", map[string]any{"csv": csv}, &done); status != 200 || done.Added != 0 || done.Changed != 2 {
		t.Errorf("again: %d %+v", status, done)
	}
	for name, bad := range map[string]string{"another's ground": "gb_id,name,lon,lat\n99010101001320000013,x,114.205,22.605\n", "a number that is none": "gb_id,name,lon,lat\n1,x,114.105,22.605\n", "nobody's ground": "gb_id,name,lon,lat\n99010101001320000013,x,1,1\n"} {
		if status, body, _ := w.call("commander1", "POST", "/api/v1/cameras/import", map[string]any{"csv": bad}); status != 422 || !strings.Contains(body, "line 2") {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	for login, sensitive := range map[string]bool{"operator1": true, "sysadmin1": true, "grid_guide1": false, "inspector1": false, "dept_clerk1": false} {
		status, body, _ := w.call(login, "GET", "/api/v1/cameras", nil)
		if status != 200 || strings.Contains(body, "要害") != sensitive || !strings.Contains(body, "新路口") || strings.Contains(body, "西山") {
			t.Errorf("%s: %d %s", login, status, body)
		}
		if strings.Contains(body, "rtp/secret") != (login == "sysadmin1") {
			t.Errorf("%s and the gateway's names: %s", login, body)
		}
		if status, _, _ := w.call(login, "GET", fmt.Sprintf("/api/v1/cameras/%d", x.sensitive), nil); (status == 200) != sensitive {
			t.Errorf("%s and the sensitive camera: %d", login, status)
		}
	}
	path := fmt.Sprintf("/api/v1/cameras/%d/tickets", x.sensitive)
	if status, _, _ := w.call("operator1", "POST", path, map[string]any{"reason": " "}); status != 422 {
		t.Errorf("without a reason: %d", status)
	}
	if status, _, _ := w.call("operator1", "POST", path, map[string]any{"reason": "核对警情", "incident": w.incident["西山"]}); status != 404 {
		t.Errorf("for a case of the other community: %d", status)
	}
	var ticket struct {
		Ticket, URL, Kind string
		ExpiresAt         time.Time `json:"expires_at"`
	}
	if status := w.json("operator1", "POST", path, map[string]any{"reason": "核对警情", "incident": w.incident["东湖"]}, &ticket); status != 201 || ticket.Kind != "hls" || !strings.HasPrefix(ticket.URL, "/video/") || time.Until(ticket.ExpiresAt) > 10*time.Minute {
		t.Fatalf("%d %+v", status, ticket)
	}
	if strings.Contains(ticket.URL, ticket.Ticket) {
		t.Error("the ticket's id opens nothing")
	}
	var views struct{ Views []postgres.VideoView }
	if status := w.json("auditor1", "GET", "/api/v1/video-views", nil, &views); status != 200 || len(views.Views) != 1 || views.Views[0].Reason != "核对警情" || views.Views[0].CaseNo == "" || views.Views[0].Actor != "孙operator" {
		t.Errorf("%d %+v", status, views)
	}
	if status := w.json("commander2", "GET", "/api/v1/video-views", nil, &views); status != 200 || len(views.Views) != 0 {
		t.Errorf("the other community's commander: %d %+v", status, views)
	}
	if _, err := w.db.Pool.Exec(t.Context(), `UPDATE video_view SET reason = 'x'`); err == nil {
		t.Error("who looked can be rewritten")
	}
	if status, _, _ := w.call("commander1", "PUT", fmt.Sprintf("/api/v1/cameras/%d", x.sensitive), map[string]any{"name": "东湖要害部位", "point": middle["东湖"], "status": "retired", "heading": nil}); status != 200 {
		t.Error(status)
	}
	var live int
	if err := w.db.Pool.QueryRow(t.Context(), `SELECT count(*) FROM video_ticket WHERE revoked_at IS NULL`).Scan(&live); err != nil || live != 0 {
		t.Errorf("%d tickets outlive their camera, %v", live, err)
	}
	if status, _, _ := w.call("operator1", "POST", path, map[string]any{"reason": "核对警情"}); status != 409 {
		t.Errorf("a camera out of service: %d", status)
	}
}

// A wall shows alarms and cameras, but neither whose they are nor the
// sensitive ones, whatever it asks for.
func TestAWallAndTheWatch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	x := w.watch("东湖")
	if status := w.json("operator1", "POST", fmt.Sprintf("/api/v1/alarms/%s/ack", x.alarm), map[string]any{"note": "户主吴某已离家"}, nil); status != 200 {
		t.Fatal(status)
	}
	var made struct{ Code string }
	if status := w.json("street-commander1", "POST", "/api/v1/kiosks", map[string]any{"org": w.street, "name": "大厅"}, &made); status != 201 {
		t.Fatal(status)
	}
	jar, _ := cookiejar.New(nil)
	wall := &http.Client{Jar: jar}
	if status, body, _ := w.send(wall, "POST", "/api/v1/kiosk-session", map[string]any{"code": made.Code}); status != 200 {
		t.Fatal(status, body)
	}
	c := middle["东湖"]
	for path, want := range map[string]int{
		"/api/v1/alarms": 200, "/api/v1/alarms?quiet=true&format=csv": 200, fmt.Sprintf("/api/v1/alarms/%s", x.alarm): 200, "/api/v1/alarm-devices": 200, "/api/v1/alarm-devices?format=csv": 200,
		"/api/v1/cameras": 200, "/api/v1/cameras?format=csv": 200, fmt.Sprintf("/api/v1/cameras/near?lon=%v&lat=%v&radius_m=5000&limit=50", c[0], c[1]): 200, fmt.Sprintf("/api/v1/cameras/%d", x.camera): 200,
		fmt.Sprintf("/api/v1/cameras/%d", x.sensitive): 404, fmt.Sprintf("/api/v1/sos/%s", x.sos): 200, "/api/v1/sos": 200, "/api/v1/journal": 200, "/api/v1/video-views": 403, "/api/v1/alarm-sources": 403,
	} {
		status, body, _ := w.send(wall, "GET", path, nil)
		if status != want {
			t.Errorf("%s: %d %s", path, status, body)
		}
		for _, word := range []string{"赵一", "钱二", "13800138000", "要害", "孙operator", "吴某", "rtp/secret", "99010101001320000"} {
			if strings.Contains(body, word) {
				t.Errorf("%s tells %q: %s", path, word, body)
			}
		}
	}
	for _, path := range []string{fmt.Sprintf("/api/v1/cameras/%d/tickets", x.camera), fmt.Sprintf("/api/v1/alarms/%s/ack", x.alarm), fmt.Sprintf("/api/v1/alarm-devices/%d/arm", x.device)} {
		if status, body, _ := w.send(wall, "POST", path, map[string]any{"reason": "看看", "mode": "armed"}); status != 403 {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
}
