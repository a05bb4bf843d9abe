package api_test

// boardProbes are the routes of the printed week.
func (w *world) boardProbes(string) map[string]probe {
	return map[string]probe{"GET /api/v1/patrol/report": {"/api/v1/patrol/report?week=2026-11-18", nil, false, []int{200}}}
}
