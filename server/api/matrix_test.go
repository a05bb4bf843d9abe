package api_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/incident"
)

func incidentDraft(title string, p orb.Point) incident.Draft {
	return incident.Draft{Title: title, Category: "01", Point: &p}
}

// probe is a request on a route, aimed at something of one place.
type probe struct {
	path string // with %d or %s replaced already
	body any
	// aimed says that the request names something of the place, so that a
	// caller of the other place must be told that it is missing.
	aimed bool
	// good are the statuses that mean "you may".
	good []int
}

// probes has an entry for every route there is: the test fails for one that is not listed.
func (w *world) probes(place string) map[string]probe {
	ok := []int{200}
	id := func(format string, v any) string { return "/api/v1" + fmt.Sprintf(format, v) }
	all := map[string]probe{
		"GET /api/v1/session":                   {"/api/v1/session", nil, false, ok},
		"GET /api/v1/overview":                  {"/api/v1/overview", nil, false, ok},
		"GET /api/v1/grids":                     {"/api/v1/grids", nil, false, ok},
		"GET /api/v1/grids/{id}":                {id("/grids/%d", w.grid[place]), nil, true, ok},
		"GET /api/v1/orgs":                      {"/api/v1/orgs", nil, false, ok},
		"GET /api/v1/map-sources":               {"/api/v1/map-sources", nil, false, ok},
		"GET /api/v1/workers":                   {"/api/v1/workers", nil, false, ok},
		"GET /api/v1/workers/near":              {"/api/v1/workers/near?lon=114.105&lat=22.605", nil, false, ok},
		"GET /api/v1/workers/{id}":              {id("/workers/%d", w.worker[place]), nil, true, ok},
		"POST /api/v1/workers/{id}/track-views": {id("/workers/%d/track-views", w.worker[place]), map[string]any{"day": businessDay(), "purpose": "核查走访"}, true, ok},
		"GET /api/v1/access-records":            {"/api/v1/access-records", nil, false, ok},
		"GET /api/v1/me/access-records":         {"/api/v1/me/access-records", nil, false, ok},
		"GET /api/v1/incidents":                 {"/api/v1/incidents", nil, false, ok},
		"POST /api/v1/incidents":                {"/api/v1/incidents", map[string]any{"title": "占道经营", "point": middle[place]}, false, []int{201}},
		"GET /api/v1/incidents/{id}":            {id("/incidents/%s", w.incident[place]), nil, true, ok},
		"GET /api/v1/categories":                {"/api/v1/categories", nil, false, ok},
		"POST /api/v1/attachments":              {"/api/v1/attachments", nil, false, []int{415, 422, 400}}, // a permitted caller gets as far as its empty form
		"GET /api/v1/attachments/{id}":          {id("/attachments/%s", w.incident[place]), nil, false, []int{404}},
		"GET /api/v1/journal":                   {"/api/v1/journal", nil, false, ok},
		"GET /api/v1/search":                    {"/api/v1/search?q=%E7%BD%91%E6%A0%BC", nil, false, ok},
		"GET /api/v1/sos":                       {"/api/v1/sos", nil, false, ok},
		"POST /api/v1/sos/{id}/ack":             {id("/sos/%s/ack", w.incident[place]), map[string]any{}, false, []int{404}},
		"POST /api/v1/sos/{id}/close":           {id("/sos/%s/close", w.incident[place]), map[string]any{}, false, []int{404}},
		"GET /api/v1/devices":                   {"/api/v1/devices", nil, false, ok},
		"POST /api/v1/devices":                  {"/api/v1/devices", map[string]any{"worker": w.worker[place], "protocol": "osmand", "duty": "session"}, true, []int{201}},
		"POST /api/v1/devices/{id}/rotate":      {"/api/v1/devices/999999/rotate", map[string]any{}, false, []int{404}},
		"POST /api/v1/devices/{id}/revoke":      {"/api/v1/devices/999999/revoke", map[string]any{}, false, []int{404}},
		"GET /api/v1/quarantine":                {"/api/v1/quarantine", nil, false, ok},
		"POST /api/v1/quarantine/{id}/replay":   {"/api/v1/quarantine/999999/replay", map[string]any{}, false, []int{404}},
		"POST /api/v1/quarantine/{id}/discard":  {"/api/v1/quarantine/999999/discard", map[string]any{"reason": "无用"}, false, []int{404}},
		"GET /api/v1/kiosks":                    {"/api/v1/kiosks", nil, false, ok},
		"POST /api/v1/kiosks":                   {"/api/v1/kiosks", map[string]any{"org": w.org[place], "name": "大厅"}, true, []int{201}},
		"POST /api/v1/kiosks/{id}/code":         {"/api/v1/kiosks/999999/code", map[string]any{}, false, []int{404}},
		"DELETE /api/v1/kiosks/{id}":            {"/api/v1/kiosks/999999", nil, false, []int{404}},
		"GET /api/v1/accounts":                  {"/api/v1/accounts", nil, false, ok},
		"GET /api/v1/me/duty":                   {"/api/v1/me/duty", nil, false, []int{200, 403}}, // 403: an account that is nobody in the field
		"POST /api/v1/me/sos":                   {"/api/v1/me/sos", map[string]any{"id": "01990000-0000-7000-8000-0000000000aa"}, false, []int{200, 403}},
		"POST /api/v1/session/password":         {"/api/v1/session/password", map[string]any{"old": "x", "new": "y"}, false, []int{422}},
		// last: they end or open sessions
		"POST /api/v1/session":       {},
		"POST /api/v1/kiosk-session": {},
		"DELETE /api/v1/session":     {},
	}
	for _, more := range moreProbes {
		maps.Copy(all, more(w, place))
	}
	return all
}

// moreProbes are the probes that stand beside the tests of their routes.
var moreProbes = []func(w *world, place string) map[string]probe{
	(*world).dispatchProbes,
	(*world).loopProbes,
	(*world).courierProbes,
	(*world).intakeProbes,
	(*world).statisticProbes,
	(*world).watchProbes,
	(*world).visitProbes,
	(*world).archiveProbes,
	(*world).exportProbes,
	(*world).deadlineProbes,
	(*world).doubtProbes,
	(*world).assessProbes,
	(*world).boardProbes,
	(*world).patrolProbes,
}

// may is the table of who may do what, written down a second time on purpose:
// the routes' own registration is what it is held against.
func may(needs string, role access.Role) bool {
	switch needs {
	case "anyone", "signed_in", "settled", "person":
		return true
	}
	return slices.Contains(access.Powers(role), access.Power(needs))
}

func TestEveryRouteAgainstEveryRole(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.giveOrders()
	own, other := w.probes("东湖"), w.probes("西山")
	for _, route := range w.api.Routes() {
		key := route.Method + " " + route.Path
		p, listed := own[key]
		if !listed {
			t.Errorf("%s is not in this test's list", key)
			continue
		}
		delete(own, key)
		if p.path == "" {
			continue
		}
		if status, body, _ := w.call("", route.Method, p.path, p.body); status != 401 {
			t.Errorf("%s as nobody: %d %s", key, status, body)
		}
		for _, role := range access.Roles() {
			if role == access.KioskRole {
				continue // has a test of its own
			}
			login := string(role) + "1" // of 东湖
			status, body, _ := w.call(login, route.Method, p.path, p.body)
			switch {
			case status >= 500:
				t.Errorf("%s as %s: %d %s", key, role, status, body)
			case onCase(key):
				mindCase(t, key, role, status, body)
			case key == "GET /api/v1/access-records": // see_track or see_audit
				want := may("see_track", role) || may("see_audit", role)
				if (status == 200) != want {
					t.Errorf("%s as %s: %d %s", key, role, status, body)
				}
			case key == "GET /api/v1/incidents/{id}": // see_map, or one's own report
				want := may("see_map", role) || role == access.GridWorker
				if (status == 200) != want || status != 200 && status != 404 {
					t.Errorf("%s as %s: %d %s", key, role, status, body)
				}
			case may(route.Need, role) && !slices.Contains(p.good, status):
				t.Errorf("%s as %s may: %d %s", key, role, status, body)
			case !may(route.Need, role) && status != http.StatusForbidden:
				t.Errorf("%s as %s may not: %d %s", key, role, status, body)
			}
			if o := other[key]; o.aimed && may(route.Need, role) {
				if status, body, _ := w.call(login, route.Method, o.path, o.body); status != http.StatusNotFound {
					t.Errorf("%s as %s of the other community: %d %s", key, role, status, body)
				}
			}
		}
	}
	if len(own) > 0 {
		t.Errorf("no such routes any more: %v", slices.Sorted(maps.Keys(own)))
	}
}

// What a station reads holds nothing of its neighbour: no name, no number, no id, no place.
func TestAStationReadsNothingOfAnotherCommunity(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	foreign := []string{"西山", "钱二", "W2", w.incident["西山"].String(), w.session["西山"].String(), "990101001002", "114.205", fmt.Sprintf(`"id":%d,"code":"W2"`, w.worker["西山"])}
	for key, p := range w.probes("东湖") {
		if !strings.HasPrefix(key, "GET") || p.path == "" {
			continue
		}
		for _, login := range []string{"station1", "grid_guide1"} {
			status, body, _ := w.call(login, "GET", p.path, nil)
			if status != 200 {
				continue
			}
			for _, word := range foreign {
				if strings.Contains(body, word) {
					t.Errorf("%s as %s tells of %q: %s", key, login, word, body)
				}
			}
		}
	}
	for _, path := range []string{"/api/v1/search?q=%E8%A5%BF%E5%B1%B1", "/api/v1/search?q=qe", "/api/v1/workers?q=%E9%92%B1", "/api/v1/incidents?q=%E8%A5%BF%E5%B1%B1",
		"/api/v1/workers/near?lon=114.205&lat=22.605", "/api/v1/grids?format=csv", "/api/v1/workers?format=csv", "/api/v1/incidents?format=csv"} {
		_, body, _ := w.call("station1", "GET", path, nil)
		for _, word := range foreign {
			if strings.Contains(body, word) {
				t.Errorf("%s tells of %q: %s", path, word, body)
			}
		}
	}
	_, body, _ := w.call("station1", "GET", "/api/v1/overview", nil)
	if !strings.Contains(body, `"total":1,"on_duty":1,"online":1`) || !strings.Contains(body, `"today":1,"open":1`) {
		t.Errorf("the overview of one community: %s", body)
	}
	_, body, _ = w.call("street-commander1", "GET", "/api/v1/overview", nil)
	if !strings.Contains(body, `"total":2,"on_duty":2,"online":2`) || !strings.Contains(body, `"online_rate":1`) {
		t.Errorf("the overview of the street: %s", body)
	}
}

func businessDay() string { return time.Now().In(incident.BusinessZone()).Format(time.DateOnly) }
