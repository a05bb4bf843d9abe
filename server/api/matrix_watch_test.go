package api_test

import (
	"fmt"

	"github.com/google/uuid"

	"github.com/gridward/gridward/server/alarm"
	"github.com/gridward/gridward/server/desk"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/protocol/alarmhook"
	"github.com/gridward/gridward/server/territory"
)

// watched is what the watch has at one place: a smoke detector whose owner is
// the worker there, its alarm, a camera, a sensitive camera, and a call for help.
type watched struct {
	device, source, camera, sensitive int64
	alarm, sos                        uuid.UUID
}

func (w *world) watch(place string) watched {
	w.t.Helper()
	if x, ok := w.watched[place]; ok {
		return x
	}
	ctx, i := w.t.Context(), map[string]int{"东湖": 1, "西山": 2}[place]
	must := func(err error) {
		w.t.Helper()
		if err != nil {
			w.t.Fatal(err)
		}
	}
	var (
		x   watched
		err error
	)
	c := middle[place]
	x.device, err = postgres.AddAlarmDevice(ctx, w.db.Pool, postgres.AlarmDevice{Org: w.org[place], Grid: &[]int64{w.grid[place]}[0], Ident: fmt.Sprintf("YG-%d", i), Name: place + "烟感", Kind: "smoke", Protocol: "webhook", Place: place + "路1号",
		Point: c, Contact: map[string]string{"东湖": "赵一", "西山": "钱二"}[place], Phone: "13800138000", Mode: alarm.Armed})
	must(err)
	x.source, err = postgres.AddAlarmSource(ctx, w.db.Pool, postgres.AlarmSource{Org: w.org[place], Name: fmt.Sprintf("hub-%d", i), Kind: "webhook", Secret: []byte("x")}, 0)
	must(err)
	source, err := postgres.AlarmSourceByID(ctx, w.db.Pool, x.source)
	must(err)
	signals, _ := alarmhook.Decode(fmt.Appendf(nil, `{"device":"YG-%d","code":"smoke","text":"请联系 13800138000"}`, i), "", w.api.Clock())
	_, err = w.desk.TakeAlarm(ctx, desk.AlarmIntake{Source: source, Signals: signals})
	must(err)
	list, err := postgres.ListAlarms(ctx, w.db.Pool, postgres.AlarmFilter{Scope: []string{w.path[place]}, Limit: 1})
	must(err)
	x.alarm = list[0].ID
	for sensitivity, id := range map[string]*int64{"normal": &x.camera, "high": &x.sensitive} {
		cam, wrong := territory.Camera{Org: w.org[place], GBID: fmt.Sprintf("9901010%d00132000000%d", i, len(sensitivity)%10), Name: place + map[string]string{"normal": "路口", "high": "要害部位"}[sensitivity], Point: c, Sensitivity: sensitivity, Stream: "rtp/secret"}.Checked()
		if len(wrong) > 0 {
			w.t.Fatal(wrong)
		}
		*id, err = postgres.AddCamera(ctx, w.db.Pool, cam)
		must(err)
	}
	x.sos = uuid.New()
	_, err = postgres.InsertSOS(ctx, w.db.Pool, x.sos, w.street, w.worker[place], 0, w.api.Clock(), &c)
	must(err)
	if w.watched == nil {
		w.watched = map[string]watched{}
	}
	w.watched[place] = x
	return x
}

// watchProbes are requests on the routes of the watch.
func (w *world) watchProbes(place string) map[string]probe {
	x, c := w.watch(place), middle[place]
	ok, made := []int{200}, []int{201}
	device := map[string]any{"name": place + "门磁", "kind": "door", "point": c, "org": w.org[place]}
	fresh := map[string]any{"ident": uuid.NewString(), "name": place + "门磁", "kind": "door", "point": c, "org": w.org[place]}
	camera := map[string]any{"name": place + "新机位", "point": c, "org": w.org[place]}
	another := map[string]any{"gb_id": fmt.Sprintf("9901010%d001320099999", map[string]int{"东湖": 1, "西山": 2}[place]), "name": place + "新机位", "point": c, "org": w.org[place]}
	all := map[string]probe{
		"GET /api/v1/sos/{id}":                   {fmt.Sprintf("/api/v1/sos/%s", x.sos), nil, true, ok},
		"GET /api/v1/alarms":                     {"/api/v1/alarms?quiet=true", nil, false, ok},
		"GET /api/v1/alarms/{id}":                {fmt.Sprintf("/api/v1/alarms/%s", x.alarm), nil, true, ok},
		"GET /api/v1/alarm-devices":              {"/api/v1/alarm-devices", nil, false, []int{200, 403}}, // 403: neither sees the map nor keeps the register
		"POST /api/v1/alarm-devices":             {"/api/v1/alarm-devices", fresh, true, []int{201, 409}},
		"PUT /api/v1/alarm-devices/{id}":         {fmt.Sprintf("/api/v1/alarm-devices/%d", x.device), device, true, ok},
		"POST /api/v1/alarm-devices/{id}/arm":    {fmt.Sprintf("/api/v1/alarm-devices/%d/arm", x.device), map[string]any{"mode": "bypassed", "reason": "检修"}, true, ok},
		"GET /api/v1/alarm-sources":              {"/api/v1/alarm-sources", nil, false, ok},
		"POST /api/v1/alarm-sources":             {"/api/v1/alarm-sources", map[string]any{"org": w.org[place], "name": "s-" + uuid.NewString()[:8]}, true, []int{201, 409}},
		"PUT /api/v1/alarm-sources/{id}":         {fmt.Sprintf("/api/v1/alarm-sources/%d", x.source), map[string]any{"enabled": true}, true, ok},
		"POST /api/v1/alarm-sources/{id}/rotate": {fmt.Sprintf("/api/v1/alarm-sources/%d/rotate", x.source), map[string]any{}, true, ok},
		"GET /api/v1/cameras":                    {"/api/v1/cameras", nil, false, []int{200, 403}},
		"GET /api/v1/cameras/near":               {fmt.Sprintf("/api/v1/cameras/near?lon=%v&lat=%v&radius_m=5000", c[0], c[1]), nil, false, ok},
		"GET /api/v1/cameras/{id}":               {fmt.Sprintf("/api/v1/cameras/%d", x.camera), nil, false, []int{200, 403}},
		"POST /api/v1/cameras":                   {"/api/v1/cameras", another, true, []int{201, 409}},
		"PUT /api/v1/cameras/{id}":               {fmt.Sprintf("/api/v1/cameras/%d", x.camera), camera, true, ok},
		"POST /api/v1/cameras/import":            {"/api/v1/cameras/import", map[string]any{"csv": "gb_id,name,lon,lat\n"}, false, ok},
		"POST /api/v1/cameras/{id}/tickets":      {fmt.Sprintf("/api/v1/cameras/%d/tickets", x.camera), map[string]any{"reason": "核对警情", "incident": w.incident[place]}, true, made},
		"GET /api/v1/video-views":                {"/api/v1/video-views", nil, false, []int{200, 403}},
	}
	for _, do := range []string{"ack", "verify", "resolve", "false", "test", "incident"} {
		all["POST /api/v1/alarms/{id}/"+do] = probe{fmt.Sprintf("/api/v1/alarms/%s/%s", x.alarm, do), map[string]any{}, true, []int{200, 409}}
	}
	return all
}
