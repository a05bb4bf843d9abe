package api_test

// statisticProbes are the routes of queues and statistics.
func (w *world) statisticProbes(string) map[string]probe {
	ok := []int{200}
	return map[string]probe{
		"GET /api/v1/queues":           {"/api/v1/queues", nil, false, ok},
		"GET /api/v1/statistics":       {"/api/v1/statistics", nil, false, ok},
		"GET /api/v1/statistics.xlsx":  {"/api/v1/statistics.xlsx", nil, false, ok},
		"GET /api/v1/statistics/cases": {"/api/v1/statistics/cases?metric=reported&keyed=false", nil, false, ok},
		"GET /api/v1/statistics/trend": {"/api/v1/statistics/trend?bucket=hour&from=2026-11-01&to=2026-11-02", nil, false, ok},
	}
}
