package api_test

import (
	"fmt"

	"github.com/gridward/gridward/server/dispatch"
)

// dispatchProbes are requests on the routes that find whom to send.
func (w *world) dispatchProbes(place string) map[string]probe {
	ok := []int{200}
	return map[string]probe{
		"POST /api/v1/incidents/{id}/candidates": {fmt.Sprintf("/api/v1/incidents/%s/candidates", w.incident[place]), map[string]any{}, true, ok},
		"GET /api/v1/rankings/{id}":              {fmt.Sprintf("/api/v1/rankings/%s", w.incident[place]), nil, false, []int{404}},
		"GET /api/v1/skills":                     {"/api/v1/skills", nil, false, ok},
		"PUT /api/v1/workers/{id}/skills":        {fmt.Sprintf("/api/v1/workers/%d/skills", w.worker[place]), map[string]any{"skills": []string{"fire"}}, true, ok},
		"GET /api/v1/dispatch-policy":            {"/api/v1/dispatch-policy", nil, false, ok},
		"PUT /api/v1/dispatch-policy":            {"/api/v1/dispatch-policy", map[string]any{"version": 0, "policy": dispatch.DefaultPolicy()}, false, []int{404}}, // a community does not rule its region
	}
}
