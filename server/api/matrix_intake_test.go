package api_test

import (
	"fmt"

	"github.com/google/uuid"

	"github.com/gridward/gridward/server/desk"
)

// department makes the department of a place's street once and returns its id.
// It stands below the street, not below either community.
func (w *world) department(name string) int64 {
	w.t.Helper()
	var id int64
	if err := w.db.Pool.QueryRow(w.t.Context(), `SELECT COALESCE((SELECT id FROM org WHERE name = $1), 0)`, name).Scan(&id); err != nil {
		w.t.Fatal(err)
	}
	if id != 0 {
		return id
	}
	if err := w.db.Pool.QueryRow(w.t.Context(), `INSERT INTO org (region_id, parent_id, path, code, kind, name) VALUES ($1, $1, '', $2, 'department', $3) RETURNING id`, w.street, "KS-"+name, name).Scan(&id); err != nil {
		w.t.Fatal(err)
	}
	w.exec(`UPDATE org SET path = $2 WHERE id = $1`, id, fmt.Sprintf("%d.%d.", w.street, id))
	return id
}

// whistleOf raises a whistle of a place once, over the place alone.
func (w *world) whistleOf(place string) uuid.UUID {
	w.t.Helper()
	leader := map[string]string{"东湖": "grid_leader1", "西山": "grid_leader2"}[place]
	at := middle[place]
	made, _, err := w.desk.Whistle(w.t.Context(), w.principal(leader), desk.WhistleDraft{ClientID: "matrix-" + place, Kind: "mass", Point: &at, Reason: place + "夜市占道", Need: []int64{w.department("综合行政执法队")}})
	if err != nil {
		w.t.Fatal(err)
	}
	return made.ID
}

// intakeProbes are requests on intake, the watch log, the catalogue and whistles.
func (w *world) intakeProbes(place string) map[string]probe {
	ok := []int{200}
	dept := w.department("综合行政执法队")
	whistle := "/api/v1/whistles/" + w.whistleOf(place).String()
	at := middle[place]
	all := map[string]probe{
		"POST /api/v1/intake":                       {"/api/v1/intake", map[string]any{"title": "来电：积水", "point": at, "caller_name": "吴来电", "caller_phone": "13800138000"}, false, []int{201}},
		"GET /api/v1/intake/suggest":                {"/api/v1/intake/suggest?text=%E4%BA%95%E7%9B%96", nil, false, ok},
		"GET /api/v1/incidents/similar":             {fmt.Sprintf("/api/v1/incidents/similar?lon=%g&lat=%g&category=01&text=%s", at[0], at[1], "%E4%BA%95%E7%9B%96"), nil, false, ok},
		"GET /api/v1/gazetteer":                     {"/api/v1/gazetteer?q=%E7%BD%91%E6%A0%BC", nil, false, ok},
		"POST /api/v1/gazetteer":                    {"/api/v1/gazetteer", nil, false, []int{400, 404, 415, 422}}, // one community does not rule the gazetteer
		"GET /api/v1/watch-log":                     {"/api/v1/watch-log", nil, false, ok},
		"POST /api/v1/watch-log":                    {"/api/v1/watch-log", map[string]any{"room": w.org[place], "kind": "note", "text": place + "查岗"}, true, []int{201}},
		"GET /api/v1/watch-log/current":             {fmt.Sprintf("/api/v1/watch-log/current?room=%d", w.org[place]), nil, true, ok},
		"GET /api/v1/watch-log/handovers":           {"/api/v1/watch-log/handovers", nil, false, ok},
		"POST /api/v1/watch-log/handover":           {"/api/v1/watch-log/handover", map[string]any{"room": w.org[place], "to": 999999}, true, []int{422}},
		"POST /api/v1/watch-log/handover/{id}/sign": {"/api/v1/watch-log/handover/" + w.incident[place].String() + "/sign", map[string]any{}, false, []int{404}},
		"GET /api/v1/catalogue":                     {"/api/v1/catalogue", nil, false, ok},
		"POST /api/v1/catalogue":                    {"/api/v1/catalogue", map[string]any{"code": "01-9", "parent": "01", "name": "新类"}, false, []int{404}}, // one community does not rule the catalogue
		"PUT /api/v1/catalogue/{code}":              {"/api/v1/catalogue/01", map[string]any{"name": "市容环境", "version": 1}, false, []int{404}},              // nor changes it
		"GET /api/v1/catalogue/standard":            {"/api/v1/catalogue/standard", nil, false, ok},
		"POST /api/v1/catalogue/import":             {"/api/v1/catalogue/import", nil, false, []int{400, 404, 415, 422}},
		"GET /api/v1/departments":                   {"/api/v1/departments", nil, false, ok},
		"PUT /api/v1/departments/{id}":              {fmt.Sprintf("/api/v1/departments/%d", dept), map[string]any{"name": "综合行政执法队", "categories": []string{}, "version": 1}, true, []int{404}},
		"GET /api/v1/whistles":                      {"/api/v1/whistles", nil, false, ok},
		"POST /api/v1/whistles":                     {"/api/v1/whistles", map[string]any{"kind": "enforcement", "point": at, "reason": "联合整治", "need": []int64{dept}}, true, []int{201}},
		"GET /api/v1/whistles/{id}":                 {whistle, nil, true, []int{200, 404}}, // those of the ground see it
		"GET /api/v1/whistle-rules":                 {"/api/v1/whistle-rules", nil, false, ok},
		"PUT /api/v1/whistle-rules/{kind}":          {"/api/v1/whistle-rules/mass", map[string]any{"kind": "mass", "name": "群众诉求哨", "respond": map[string]any{"n": 1, "unit": "wd"}, "arrive": map[string]any{"n": 2, "unit": "wd"}, "geofence_m": 200, "at_once": false, "version": 1}, false, []int{404}},
		"GET /api/v1/whistle-figures":               {"/api/v1/whistle-figures?from=2026-01-01T00:00:00Z&to=2027-01-01T00:00:00Z", nil, false, ok},
	}
	for _, action := range []string{"confirm", "refuse", "respond", "check_in", "work", "reply", "rate", "close"} {
		// A community's own posts see the whistle and may not do most of this; the others do not see it.
		all["POST /api/v1/whistles/{id}/"+action] = probe{whistle + "/" + action, map[string]any{"org": dept}, true, []int{403, 404, 409, 422}}
	}
	return all
}
