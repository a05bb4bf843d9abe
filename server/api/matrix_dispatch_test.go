package api_test

import (
	"fmt"
	"time"

	"github.com/gridward/gridward/server/dispatch"
)

// dispatchProbes are requests on the routes that find whom to send.
func (w *world) dispatchProbes(place string) map[string]probe {
	ok := []int{200}
	c := middle[place]
	round := map[string]any{"circle": map[string]any{"center": c, "radius_m": 400}}
	until := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	return map[string]probe{
		"POST /api/v1/commands":                  {"/api/v1/commands", map[string]any{"text": "请核实", "need_ack": true, "targets": map[string]any{"workers": []int64{w.worker[place]}}}, true, ok},
		"GET /api/v1/heat":                       {"/api/v1/heat", nil, false, ok},
		"POST /api/v1/screen-control":            {"/api/v1/screen-control", map[string]any{"do": "fly", "point": c}, false, ok},
		"GET /api/v1/commands":                   {"/api/v1/commands?sent=true", nil, false, ok},
		"POST /api/v1/commands/{id}/ack":         {fmt.Sprintf("/api/v1/commands/%s/ack", w.incident[place]), map[string]any{}, false, []int{404}},
		"GET /api/v1/notices":                    {"/api/v1/notices", nil, false, ok},
		"POST /api/v1/notices":                   {"/api/v1/notices", map[string]any{"org": w.org[place], "title": place + "停水", "valid_until": until}, true, ok},
		"POST /api/v1/notices/{id}/read":         {fmt.Sprintf("/api/v1/notices/%s/read", w.incident[place]), map[string]any{}, false, []int{404}},
		"GET /api/v1/notices/{id}/receipts":      {fmt.Sprintf("/api/v1/notices/%s/receipts", w.incident[place]), nil, false, []int{404}},
		"POST /api/v1/incidents/{id}/candidates": {fmt.Sprintf("/api/v1/incidents/%s/candidates", w.incident[place]), map[string]any{}, true, ok},
		"GET /api/v1/rankings/{id}":              {fmt.Sprintf("/api/v1/rankings/%s", w.incident[place]), nil, false, []int{404}},
		"GET /api/v1/skills":                     {"/api/v1/skills", nil, false, ok},
		"PUT /api/v1/workers/{id}/skills":        {fmt.Sprintf("/api/v1/workers/%d/skills", w.worker[place]), map[string]any{"skills": []string{"fire"}}, true, ok},
		"GET /api/v1/skill-entries":              {"/api/v1/skill-entries", nil, false, ok},
		"PUT /api/v1/skill-entries/{code}":       {"/api/v1/skill-entries/rope", map[string]any{"name": "绳索救援"}, false, []int{200, 404}}, // one dictionary for everybody
		"GET /api/v1/worker-skills":              {"/api/v1/worker-skills", nil, false, ok},
		"POST /api/v1/worker-skills":             {"/api/v1/worker-skills", map[string]any{"csv": "人员编号,技能\n" + workerCode[place] + ",消防\n"}, false, []int{200, 422}},
		"GET /api/v1/dispatch-policy":            {"/api/v1/dispatch-policy", nil, false, ok},
		"PUT /api/v1/dispatch-policy":            {"/api/v1/dispatch-policy", map[string]any{"version": 0, "policy": dispatch.DefaultPolicy()}, false, []int{404}}, // a community does not rule its region
		"POST /api/v1/area":                      {"/api/v1/area", map[string]any{"shape": round}, false, ok},
		"GET /api/v1/nearby":                     {fmt.Sprintf("/api/v1/nearby?lon=%g&lat=%g&radius_m=10000", middle["西山"][0], c[1]), nil, false, ok},
		"GET /api/v1/resources":                  {"/api/v1/resources", nil, false, ok},
		"POST /api/v1/resources":                 {"/api/v1/resources", map[string]any{"csv": fmt.Sprintf("编号,类型,名称,经度,纬度,机构编码\nX1,消防栓,%s栓,%g,%g,%s\n", place, c[0], c[1], orgCode[place])}, false, []int{200, 422}},
	}
}

var orgCode = map[string]string{"东湖": "990101001001", "西山": "990101001002"}

var workerCode = map[string]string{"东湖": "W1", "西山": "W2"}
