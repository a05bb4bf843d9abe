package api_test

import (
	"fmt"
	"time"

	"github.com/gridward/gridward/server/patrol"
	"github.com/gridward/gridward/server/workday"
)

// patrolProbes are requests on the routes of patrols.
func (w *world) patrolProbes(place string) map[string]probe {
	ok, made := []int{200}, []int{201}
	some := []int{200, 403} // 403: the caller reads neither statistics nor tracks, or is nobody in the field
	monday := patrol.Monday(workday.DayOf(time.Now())).String()
	policy := map[string]any{"name": place + "一日两巡", "org": w.org[place], "rule": "twice_daily"}
	leave := map[string]any{"worker": w.worker[place], "from_day": businessDay(), "to_day": businessDay(), "reason": "探亲"}
	return map[string]probe{
		"GET /api/v1/patrol/board":                          {"/api/v1/patrol/board", nil, false, some},
		"GET /api/v1/patrol/workers/{id}/weeks/{monday}":    {fmt.Sprintf("/api/v1/patrol/workers/%d/weeks/%s", w.worker[place], monday), nil, true, ok},
		"POST /api/v1/patrol/workers/{id}/days/{day}/views": {fmt.Sprintf("/api/v1/patrol/workers/%d/days/%s/views", w.worker[place], businessDay()), map[string]any{"purpose": "核对巡查"}, true, ok},
		"GET /api/v1/patrol/grids/{id}/coverage":            {fmt.Sprintf("/api/v1/patrol/grids/%d/coverage", w.grid[place]), nil, true, ok},
		"GET /api/v1/patrol/grids/{id}/days":                {fmt.Sprintf("/api/v1/patrol/grids/%d/days", w.grid[place]), nil, true, []int{200}},
		"GET /api/v1/me/patrol":                             {"/api/v1/me/patrol", nil, false, some},
		"GET /api/v1/me/patrol/days/{day}":                  {"/api/v1/me/patrol/days/" + businessDay(), nil, false, some},
		"GET /api/v1/patrol/policies":                       {"/api/v1/patrol/policies", nil, false, some},
		"POST /api/v1/patrol/policies":                      {"/api/v1/patrol/policies", policy, true, made},
		"PUT /api/v1/patrol/policies/{id}":                  {"/api/v1/patrol/policies/999999", policy, true, []int{404}},
		"POST /api/v1/patrol/policies/dry-run":              {"/api/v1/patrol/policies/dry-run", map[string]any{"policy": policy}, true, ok},
		"GET /api/v1/leaves":                                {"/api/v1/leaves", nil, false, some},
		"POST /api/v1/leaves":                               {"/api/v1/leaves", leave, true, made},
		"POST /api/v1/leaves/{id}/cancel":                   {"/api/v1/leaves/999999/cancel", nil, false, []int{404}},
	}
}
