package api_test

import (
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/postgres"
)

// loopProbes are the routes of the closed loop. What a role may do to a case
// depends on the case; here it only counts that who does not see it is told
// that there is none, and that nobody else gets a surprise.
func (w *world) loopProbes(place string) map[string]probe {
	order := w.order[place]
	if order == uuid.Nil {
		order = uuid.New()
	}
	all := map[string]probe{
		"GET /api/v1/me/orders":              {path: "/api/v1/me/orders", good: []int{200}},
		"GET /api/v1/incidents/{id}/archive": {path: "/api/v1/incidents/" + w.incident[place].String() + "/archive", good: []int{404}, aimed: true},
	}
	for _, do := range incident.Actions() {
		all["POST /api/v1/incidents/{id}/"+string(do)] = probe{path: "/api/v1/incidents/" + w.incident[place].String() + "/" + string(do), body: map[string]any{}, aimed: true}
	}
	for _, do := range incident.OrderActions() {
		all["POST /api/v1/orders/{id}/"+string(do)] = probe{path: "/api/v1/orders/" + order.String() + "/" + string(do), body: map[string]any{}, aimed: true}
	}
	return all
}

// onCase reports whether a route is an action on a case or an order: what a
// role may do depends on the case then, see mindCase.
func onCase(key string) bool {
	for _, do := range incident.Actions() {
		if key == "POST /api/v1/incidents/{id}/"+string(do) {
			return true
		}
	}
	for _, do := range incident.OrderActions() {
		if key == "POST /api/v1/orders/{id}/"+string(do) {
			return true
		}
	}
	return false
}

// seesCase says whether a role of the case's own community sees it: by the map,
// or because he reported it.
func seesCase(role access.Role) bool { return may("see_map", role) || role == access.GridWorker }

// mindCase judges the answer to something done to a case.
func mindCase(t *testing.T, key string, role access.Role, status int, body string) {
	t.Helper()
	switch {
	case !seesCase(role) && status != 404:
		t.Errorf("%s as %s, who does not see the case: %d %s", key, role, status, body)
	case seesCase(role) && !slices.Contains([]int{200, 403, 409, 422}, status):
		t.Errorf("%s as %s: %d %s", key, role, status, body)
	}
}

// giveOrders dispatches the case of each place to its worker.
func (w *world) giveOrders() {
	w.t.Helper()
	for i, place := range places {
		station := w.principal([]string{"station1", "station2"}[i])
		inc, err := w.desk.Act(w.t.Context(), station, w.incident[place], 1, incident.Accept, incident.Deed{})
		if err == nil {
			inc, err = w.desk.Act(w.t.Context(), station, inc.ID, inc.Version, incident.Dispatch, incident.Deed{Lead: &incident.Target{Worker: w.worker[place]}})
		}
		if err != nil {
			w.t.Fatal(err)
		}
		orders, err := postgres.OrdersOf(w.t.Context(), w.db.Pool, inc.ID)
		if err != nil || len(orders) != 1 {
			w.t.Fatalf("%v, %d orders", err, len(orders))
		}
		w.order[place] = orders[0].ID
	}
}
