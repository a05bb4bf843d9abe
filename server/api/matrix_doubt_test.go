package api_test

import (
	"math"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/fleet"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/patrol"
	"github.com/gridward/gridward/server/postgres"
)

// yesterday is the midnight with which the business day before today began.
func (w *world) yesterday() time.Time {
	y, m, d := w.clock().In(incident.BusinessZone()).AddDate(0, 0, -1).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, incident.BusinessZone())
}

// strollAt stores fixes of the worker of a place, every ten seconds from nine
// o'clock on, of a phone that is as honest as the flags say.
func (w *world) strollAt(place string, n int, change func(i int, f *fleet.Fix)) {
	w.t.Helper()
	var device int64
	if err := w.db.Pool.QueryRow(w.t.Context(), `INSERT INTO device (region_id, worker_id, ident, protocol) VALUES ($1, $2, $3, 'native') ON CONFLICT (ident) DO UPDATE SET name = '' RETURNING id`,
		w.street, w.worker[place], "walk-"+place).Scan(&device); err != nil {
		w.t.Fatal(err)
	}
	if _, err := postgres.KeepPartitions(w.t.Context(), w.db.Pool, 40); err != nil {
		w.t.Fatal(err)
	}
	from := w.yesterday().Add(9 * time.Hour)
	for i := range n {
		at := from.Add(time.Duration(i) * 10 * time.Second)
		c := middle[place]
		f := fleet.Fix{Region: w.street, Worker: w.worker[place], Device: device, At: at, ReceivedAt: at.Add(time.Second), Accuracy: float32(4 + i%5), Speed: 1, Course: fleet.Unknown(),
			Point: orb.Point{c[0] + 0.003*math.Sin(float64(i)/40), c[1] + 0.003*math.Cos(float64(i)/31)}, Flags: fleet.Satellite}
		change(i, &f)
		w.exec(`INSERT INTO fix (region_id, worker_id, device_id, at, received_at, flags, speed, accuracy, geom) VALUES ($1, $2, $3, $4, $5, $6, 1, $7, $8) ON CONFLICT DO NOTHING`,
			f.Region, f.Worker, f.Device, f.At, f.ReceivedAt, int32(f.Flags), f.Accuracy, f.Point)
	}
}

// look has the house look at the worker's yesterday and returns the doubt about it, if there is one.
func (w *world) look(place string) (postgres.Doubt, bool) {
	w.t.Helper()
	day := postgres.WorkerDay{Region: w.street, Worker: w.worker[place], Day: w.yesterday()}
	if err := w.desk.CheckDoubts(w.t.Context(), day); err != nil {
		w.t.Fatal(err)
	}
	list, _, err := postgres.ListDoubts(w.t.Context(), w.db.Pool, postgres.DoubtFilter{Worker: &day.Worker, Limit: 1})
	if err != nil {
		w.t.Fatal(err)
	}
	if len(list) == 0 {
		return postgres.Doubt{}, false
	}
	return list[0], true
}

// doubt returns a doubt about the worker of a place: his phone said that it made places up.
func (w *world) doubt(place string) uuid.UUID {
	w.t.Helper()
	w.strollAt(place, 60, func(_ int, f *fleet.Fix) { f.Flags |= fleet.Mock })
	d, ok := w.look(place)
	if !ok || d.Score < 60 {
		w.t.Fatalf("no doubt about a day of made-up places: %+v", d)
	}
	return d.ID
}

func (w *world) doubtProbes(place string) map[string]probe {
	id := w.doubt(place).String()
	at, me := "/api/v1/doubts/"+id, "/api/v1/me/doubts/"+id
	class := map[string]any{"content": "定位点", "purpose": "巡查核实", "legal_basis": "法定职责", "recipients": "本人", "retention_text": "", "version": 99}
	mine := []int{200, 403, 404, 409} // one's own alone: 404 for everybody else, 403 for an account that is nobody in the field
	return map[string]probe{
		"GET /api/v1/doubts":                         {"/api/v1/doubts", nil, false, []int{200}},
		"GET /api/v1/doubts/{id}":                    {at, nil, true, []int{200}},
		"POST /api/v1/doubts/{id}/views":             {at + "/views", map[string]any{"purpose": "复核存疑"}, true, []int{200}},
		"POST /api/v1/doubts/{id}/decide":            {at + "/decide", map[string]any{"verdict": "needs_talk", "reason": "当面了解情况"}, true, []int{200, 409}},
		"GET /api/v1/me/doubts":                      {"/api/v1/me/doubts", nil, false, []int{200}},
		"GET /api/v1/me/doubts/{id}":                 {me, nil, false, mine},
		"POST /api/v1/me/doubts/{id}/explain":        {me + "/explain", map[string]any{"text": "当时在测试手机"}, false, mine},
		"POST /api/v1/me/doubts/{id}/appeal":         {me + "/appeal", map[string]any{"text": "不同意"}, false, mine},
		"GET /api/v1/doubt-policies":                 {"/api/v1/doubt-policies", nil, false, []int{200}},
		"POST /api/v1/doubt-policies":                {"/api/v1/doubt-policies", func() any { p := patrol.DefaultDoubtPolicy(); p.Version = 99; return p }(), false, []int{409}},
		"GET /api/v1/data-protection":                {"/api/v1/data-protection", nil, false, []int{200}},
		"PUT /api/v1/data-protection/controller":     {"/api/v1/data-protection/controller", map[string]any{"name": "明湖街道办事处", "contact": "", "complaint": "", "assessment": "", "assessed_on": "", "notice": "", "version": 99}, false, []int{409}},
		"PUT /api/v1/data-protection/classes/{code}": {"/api/v1/data-protection/classes/visit", class, false, []int{409}},
		"GET /api/v1/me/data":                        {"/api/v1/me/data", nil, false, []int{200, 403}},
		"GET /api/v1/me/data/export":                 {"/api/v1/me/data/export", nil, false, []int{200, 403}},
	}
}

// A wall screen is told nothing of doubts and nothing of what is held about people.
func TestAWallSeesNoDoubts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var made struct{ Code string }
	if status := w.json("street-commander1", "POST", "/api/v1/kiosks", map[string]any{"org": w.street, "name": "大厅"}, &made); status != 201 {
		t.Fatal(status)
	}
	jar, _ := cookiejar.New(nil)
	wall := &http.Client{Jar: jar}
	if status, body, _ := w.send(wall, "POST", "/api/v1/kiosk-session", map[string]any{"code": made.Code}); status != 200 {
		t.Fatal(status, body)
	}
	for key, p := range w.doubtProbes("东湖") {
		method, _, _ := strings.Cut(key, " ")
		if status, body, _ := w.send(wall, method, p.path, p.body); status != 403 && status != 404 {
			t.Errorf("%s from a wall: %d %s", key, status, body)
		}
	}
}
