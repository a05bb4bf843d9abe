package api_test

import (
	"fmt"

	"github.com/google/uuid"

	"github.com/gridward/gridward/server/assess"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/postgres"
)

// assessed publishes last month once, with a case that was closed in time on
// each ground, and returns the period. Its grids have been there all the time.
func (w *world) assessed() int64 {
	w.t.Helper()
	ctx, who := w.t.Context(), w.principal("street-commander1")
	now := w.clock().In(incident.BusinessZone())
	label := now.AddDate(0, 0, -now.Day()).Format("2006-01")
	if p, err := postgres.AssessPeriodByLabel(ctx, w.db.Pool, w.street, assess.Month, label); err == nil {
		return p.ID
	}
	w.exec(`UPDATE grid_version SET valid_from = now() - interval '1 year'`)
	due := now.AddDate(0, 0, -now.Day())
	for _, place := range places {
		w.exec(`INSERT INTO incident (id, region_id, case_no, title, org_id, grid_id, address, reported_at, updated_at, state, accepted_at, closed_at, case_due) VALUES ($1, $2, $3, $4, $5, $6, '某路', $7, $7, 'closed', $7, $7, $7)`,
			uuid.New(), w.street, "KH-"+place, place+"占道", w.org[place], w.grid[place], due)
	}
	p, err := w.desk.OpenPeriod(ctx, who, 0, assess.Month, label)
	if err != nil {
		w.t.Fatal(err)
	}
	if p, err = w.desk.ComputePeriod(ctx, who, p.ID); err != nil {
		w.t.Fatal(err)
	}
	if p, err = w.desk.PublishPeriod(ctx, who, p.ID, p.Version, 7); err != nil {
		w.t.Fatal(err)
	}
	return p.ID
}

// assessProbes are requests on the routes of assessment. The roles of the
// matrix stand below the region, which nobody but its own may assess: 404.
func (w *world) assessProbes(place string) map[string]probe {
	id := w.assessed()
	ok, nobody := []int{200}, []int{404}
	at := func(format string, more ...any) string {
		return fmt.Sprintf("/api/v1/assess/periods/%d"+format, append([]any{id}, more...)...)
	}
	plan := assess.Default(assess.Grid).Plan
	mark := map[string]any{"level": "grid", "subject": w.grid[place], "points": 1, "reason": "现场整洁"}
	deed := map[string]any{"reason": "复核", "level": "grid", "subject": w.grid[place], "points": 1}
	return map[string]probe{
		"GET /api/v1/assess/templates":                                      {"/api/v1/assess/templates", nil, false, ok},
		"PUT /api/v1/assess/templates/{level}":                              {"/api/v1/assess/templates/grid", map[string]any{"version": 0, "name": "网格考核", "plan": plan}, false, nobody},
		"GET /api/v1/assess/periods":                                        {"/api/v1/assess/periods", nil, false, ok},
		"POST /api/v1/assess/periods":                                       {"/api/v1/assess/periods", map[string]any{"kind": "month", "label": "2026-01"}, false, nobody},
		"GET /api/v1/assess/periods/{id}":                                   {at(""), nil, false, ok},
		"POST /api/v1/assess/periods/{id}/compute":                          {at("/compute"), deed, false, nobody},
		"POST /api/v1/assess/periods/{id}/publish":                          {at("/publish"), deed, false, nobody},
		"POST /api/v1/assess/periods/{id}/lock":                             {at("/lock"), deed, false, nobody},
		"POST /api/v1/assess/periods/{id}/adjust":                           {at("/adjust"), deed, false, nobody},
		"POST /api/v1/assess/periods/{id}/recheck":                          {at("/recheck"), map[string]any{}, false, nobody},
		"GET /api/v1/assess/periods/{id}/scores":                            {at("/scores?level=grid"), nil, false, ok},
		"GET /api/v1/assess/periods/{id}/scores/{level}/{subject}":          {at("/scores/grid/%d", w.grid[place]), nil, true, []int{200, 404}},
		"GET /api/v1/assess/periods/{id}/scores/{level}/{subject}/evidence": {at("/scores/grid/%d/evidence?item=on_time", w.grid[place]), nil, true, []int{200, 404}},
		"GET /api/v1/assess/periods/{id}/scores.xlsx":                       {at("/scores.xlsx"), nil, false, ok},
		"GET /api/v1/assess/periods/{id}/print":                             {at("/print?level=grid"), nil, false, ok},
		"GET /api/v1/assess/periods/{id}/snapshot":                          {at("/snapshot"), nil, false, nobody},
		"POST /api/v1/assess/periods/{id}/marks":                            {at("/marks"), mark, false, nobody},
		"GET /api/v1/assess/periods/{id}/inspections":                       {at("/inspections"), nil, false, nobody},
		"POST /api/v1/assess/periods/{id}/inspections":                      {at("/inspections"), map[string]any{"title": "联合督查", "members": []string{"某人"}, "draw": 1}, false, nobody},
		"POST /api/v1/assess/inspections/{id}/findings":                     {"/api/v1/assess/inspections/" + uuid.NewString() + "/findings", mark, false, nobody},
		"GET /api/v1/assess/periods/{id}/appeals":                           {at("/appeals"), nil, false, ok},
		"POST /api/v1/assess/periods/{id}/appeals":                          {at("/appeals"), map[string]any{"level": "grid", "subject": w.grid[place], "reason": "有案件不是本网格的"}, true, []int{201, 404, 409}},
		"POST /api/v1/assess/appeals/{id}/decide":                           {"/api/v1/assess/appeals/" + uuid.NewString() + "/decide", map[string]any{"verdict": "rejected", "answer": "核对无误"}, false, nobody},
		"GET /api/v1/me/assess":                                             {"/api/v1/me/assess", nil, false, ok},
	}
}
