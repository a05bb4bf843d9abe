package api_test

import (
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/gridward/gridward/server/desk"
	"github.com/gridward/gridward/server/postgres"
)

// called is what visits have at one place: an elder, a man in community
// correction, a checkpoint, and the elder's visit.
type called struct {
	elder, control, checkpoint int64
	visit                      uuid.UUID
}

func (w *world) visits(place string) called {
	w.t.Helper()
	if x, ok := w.called[place]; ok {
		return x
	}
	ctx, now := w.t.Context(), w.clock()
	grid, c := w.grid[place], middle[place]
	add := func(kind, name string, sensitive bool) int64 {
		w.t.Helper()
		id, err := postgres.InsertVisitObject(ctx, w.db.Pool, postgres.VisitObject{Region: w.street, Org: w.org[place], Grid: &grid, Kind: kind, Name: name, Address: place + "路3号", Phone: "13900139000", Point: c,
			Sensitive: sensitive, ActiveFrom: "2026-01-01"}, now.AddDate(0, -3, 0))
		if err != nil {
			w.t.Fatal(err)
		}
		return id
	}
	x := called{elder: add("elder_alone", place+"陈奶奶", false), control: add("correction", place+"郑某", true), checkpoint: add("checkpoint", place+"桥头", false)}
	worker := map[string]string{"东湖": "grid_worker1", "西山": "grid_worker2"}[place]
	v, _, err := w.desk.RecordVisit(ctx, w.principal(worker), desk.VisitDraft{ClientID: "matrix-" + place, Target: x.elder, ArrivedAt: now.Add(-20 * time.Minute), LeftAt: now.Add(-10 * time.Minute),
		Point: &c, Method: "onsite", Outcome: "normal", Content: place + "一切安好", Answers: []postgres.VisitAnswer{{Item: "SH-02", Value: "良好"}}})
	if err != nil {
		w.t.Fatal(err)
	}
	x.visit = v.ID
	if w.called == nil {
		w.called = map[string]called{}
	}
	w.called[place] = x
	return x
}

// visitProbes are requests on visits, their objects, dictionaries and the ledger.
func (w *world) visitProbes(place string) map[string]probe {
	x, c := w.visits(place), middle[place]
	ok := []int{200}
	now := w.clock().UTC().Format(time.RFC3339)
	object := map[string]any{"kind": "household", "name": place + "某户", "point": c, "version": 1}
	plan := map[string]any{"org": w.org[place], "aim": "visit", "name": "每周遍访", "kinds": []string{"household"}, "cycle_n": 1, "cycle_unit": "week", "valid_from": "2026-01-01"}
	return map[string]probe{
		// 403: on duty, but nobody in the field
		"POST /api/v1/visits":                   {"/api/v1/visits", map[string]any{"client_id": "probe", "target": x.elder, "arrived_at": now, "left_at": now, "method": "phone", "outcome": "normal"}, false, []int{201, 200, 403}},
		"GET /api/v1/visits":                    {"/api/v1/visits", nil, false, ok},
		"GET /api/v1/visits/{id}":               {fmt.Sprintf("/api/v1/visits/%s", x.visit), nil, true, []int{200, 404}}, // 404: neither in scope nor one's own
		"POST /api/v1/visits/{id}/verdict":      {fmt.Sprintf("/api/v1/visits/%s/verdict", x.visit), map[string]any{"verdict": "manual_ok", "reason": "已电话核实"}, true, ok},
		"GET /api/v1/me/visits":                 {"/api/v1/me/visits", nil, false, []int{200, 403}},
		"GET /api/v1/me/due-visits":             {"/api/v1/me/due-visits", nil, false, []int{200, 403}},
		"GET /api/v1/visit-objects":             {"/api/v1/visit-objects", nil, false, ok},
		"POST /api/v1/visit-objects":            {"/api/v1/visit-objects", object, true, []int{201}},
		"PUT /api/v1/visit-objects/{id}":        {fmt.Sprintf("/api/v1/visit-objects/%d", x.checkpoint), object, true, []int{200, 409}},
		"POST /api/v1/visit-objects/import":     {"/api/v1/visit-objects/import", nil, false, []int{200, 400, 422}},
		"GET /api/v1/visit-kinds":               {"/api/v1/visit-kinds", nil, false, ok},
		"PUT /api/v1/visit-kinds/{code}":        {"/api/v1/visit-kinds/new_kind", map[string]any{"class": "service", "name": "新类"}, false, []int{404}}, // one community does not rule the dictionaries
		"GET /api/v1/info-items":                {"/api/v1/info-items", nil, false, ok},
		"PUT /api/v1/info-items/{code}":         {"/api/v1/info-items/ZZ-99", map[string]any{"parent": "ZZ", "name": "新项"}, false, []int{404}},
		"GET /api/v1/visit-plans":               {"/api/v1/visit-plans", nil, false, ok},
		"POST /api/v1/visit-plans":              {"/api/v1/visit-plans", plan, true, []int{201}},
		"PUT /api/v1/visit-plans/{id}":          {"/api/v1/visit-plans/1", plan, true, []int{404}},
		"GET /api/v1/visit-plans/{id}/progress": {"/api/v1/visit-plans/1/progress", nil, false, ok},
		"GET /api/v1/visit-rule":                {"/api/v1/visit-rule", nil, false, ok},
		"PUT /api/v1/visit-rule":                {"/api/v1/visit-rule", map[string]any{"near_m": 100, "min_dwell_s": 180, "late_h": 72, "attempt_counts": false, "remote_counts": false, "version": 0}, false, []int{404}},
		"POST /api/v1/info-records":             {"/api/v1/info-records", map[string]any{"client_id": "probe", "item": "CJ-01", "value": "正常", "at": now}, false, []int{201, 403}},
		"GET /api/v1/info-records":              {"/api/v1/info-records", nil, false, ok},
		"GET /api/v1/ledger":                    {"/api/v1/ledger", nil, false, ok},
	}
}
