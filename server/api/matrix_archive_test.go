package api_test

import (
	"time"

	"github.com/google/uuid"
)

// archiveProbes are requests on playbacks and what retention removed.
func (w *world) archiveProbes(place string) map[string]probe {
	nobody := "/api/v1/playbacks/" + uuid.NewString()
	span := "?from=" + time.Now().Add(-time.Hour).UTC().Format(time.RFC3339) + "&to=" + time.Now().UTC().Format(time.RFC3339)
	return map[string]probe{
		"POST /api/v1/playbacks":              {"/api/v1/playbacks", map[string]any{"workers": []int64{w.worker[place]}, "day": businessDay(), "purpose": "核查走访"}, true, []int{201}},
		"GET /api/v1/playbacks/{id}/overview": {nobody + "/overview", nil, true, []int{404}},
		"GET /api/v1/playbacks/{id}/counts":   {nobody + "/counts", nil, true, []int{404}},
		"GET /api/v1/playbacks/{id}/chunks":   {nobody + "/chunks" + span, nil, true, []int{404}},
		"GET /api/v1/playbacks/{id}/events":   {nobody + "/events", nil, true, []int{404}},
		"GET /api/v1/retention-runs":          {"/api/v1/retention-runs", nil, false, []int{200}},
	}
}
