package api_test

import "fmt"

// deadlineProbes are the routes of calendars and limits. Each place has a
// calendar and a rule of its own, that the other one's people are not told of.
func (w *world) deadlineProbes(place string) map[string]probe {
	w.t.Helper()
	one := func(sql string, args ...any) (id int64) {
		w.t.Helper()
		if err := w.db.Pool.QueryRow(w.t.Context(), sql, args...).Scan(&id); err != nil {
			w.t.Fatal(err)
		}
		return id
	}
	org := w.org[place]
	plan := map[string]any{"weekdays": []int{1, 2, 3, 4, 5}, "periods": []map[string]string{{"from": "09:00", "to": "17:00"}}, "holidays": true}
	w.exec(`INSERT INTO calendar (org_id, org_kind, name, plan) VALUES ($1, 'station', $2, '{"round_the_clock": true}') ON CONFLICT DO NOTHING`, org, place+"窗口")
	calendar := one(`SELECT id FROM calendar WHERE org_id = $1 AND org_kind = 'station'`, org)
	w.exec(`INSERT INTO sla_rule (stage, org_id, limit_n, limit_unit, note) SELECT 'handle', $1, 2, 'wd', $2 WHERE NOT EXISTS (SELECT FROM sla_rule WHERE note = $2)`, org, place+"加急")
	rule := one(`SELECT min(id) FROM sla_rule WHERE note = $1`, place+"加急")
	limit := map[string]any{"n": 3, "unit": "wd"}
	made := map[string]any{"stage": "handle", "org": org, "tier": 2, "limit": limit, "note": place + "新规则"}
	return map[string]probe{
		"GET /api/v1/calendars":           {"/api/v1/calendars", nil, false, []int{200, 403}}, // 403: neither sees a map nor makes rules
		"POST /api/v1/calendars":          {"/api/v1/calendars", map[string]any{"org": org, "name": place, "plan": plan}, true, []int{201, 409}},
		"GET /api/v1/calendars/{id}":      {fmt.Sprintf("/api/v1/calendars/%d", calendar), nil, true, []int{200, 404}},
		"PUT /api/v1/calendars/{id}":      {fmt.Sprintf("/api/v1/calendars/%d", calendar), map[string]any{"name": place + "窗口", "plan": plan, "version": 1}, true, []int{200, 409}},
		"GET /api/v1/calendars/{id}/days": {fmt.Sprintf("/api/v1/calendars/%d/days?from=2026-02-01&to=2026-02-28", calendar), nil, true, []int{200, 404}},
		"GET /api/v1/holiday-lists":       {"/api/v1/holiday-lists", nil, false, []int{200, 403}},
		"POST /api/v1/holiday-lists":      {"/api/v1/holiday-lists", nil, false, []int{400, 403, 415, 422}}, // as far as its empty form
		"POST /api/v1/deadlines/compute":  {"/api/v1/deadlines/compute", map[string]any{"start": "2026-02-13T02:00:00Z", "limit": limit}, false, []int{200, 403}},
		"GET /api/v1/sla-rules":           {"/api/v1/sla-rules", nil, false, []int{200, 403}},
		"POST /api/v1/sla-rules":          {"/api/v1/sla-rules", made, true, []int{201}},
		"PUT /api/v1/sla-rules/{id}":      {fmt.Sprintf("/api/v1/sla-rules/%d", rule), map[string]any{"stage": "handle", "org": org, "limit": limit, "note": place + "加急"}, true, []int{200}},
		"DELETE /api/v1/sla-rules/{id}":   {fmt.Sprintf("/api/v1/sla-rules/%d", rule), nil, true, []int{204, 404}},
		"POST /api/v1/sla-rules/dry-run":  {"/api/v1/sla-rules/dry-run", map[string]any{"changes": []any{made}}, true, []int{200}},
	}
}
