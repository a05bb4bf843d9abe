package api_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestWhereCasesGather(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	type heat struct {
		Total, Max int
		Buckets    []struct {
			At    time.Time
			Total int
			Cells []struct {
				H3       string
				Lon, Lat float64
				Weight   int
			}
		}
	}
	from := time.Now().Add(-3 * time.Hour).UTC().Truncate(time.Second)
	put := func(place string, at time.Time, change string) {
		t.Helper()
		w.exec(`INSERT INTO incident (id, region_id, case_no, title, org_id, geom, address, reported_at, updated_at, owner_org, state, drill, sensitivity)
			SELECT gen_random_uuid(), $1, gen_random_uuid()::text, 'x', $2, $3::geometry, '', $4, $4, $2, COALESCE(substring($5 FROM 'state=(\w+)'), 'reported'), $5 = 'drill', CASE WHEN $5 = 'high' THEN 'high' ELSE 'normal' END`,
			w.street, w.org[place], middle[place], at, change)
	}
	for range 3 {
		put("东湖", from.Add(10*time.Minute), "")
	}
	put("东湖", from.Add(70*time.Minute), "")
	put("东湖", from.Add(70*time.Minute), "drill")
	put("东湖", from.Add(70*time.Minute), "state=void")
	put("西山", from.Add(70*time.Minute), "high")
	path := fmt.Sprintf("/api/v1/heat?from=%s&to=%s&step=1h", from.Format(time.RFC3339), from.Add(150*time.Minute).Format(time.RFC3339))
	var got heat
	w.ask("street-commander1", "GET", path, nil, &got)
	if got.Total != 5 || got.Max != 3 || len(got.Buckets) != 3 || got.Buckets[0].Total != 3 || got.Buckets[1].Total != 2 || got.Buckets[2].Total != 0 || !got.Buckets[1].At.Equal(from.Add(time.Hour)) {
		t.Errorf("the street's: %+v", got)
	}
	if c := got.Buckets[0].Cells; len(c) != 1 || c[0].Weight != 3 || c[0].Lon < 114.1 || c[0].Lon > 114.11 || c[0].Lat < 22.6 || c[0].Lat > 22.61 || c[0].H3 == "" {
		t.Errorf("the hottest cell: %+v", c)
	}
	got = heat{}
	w.ask("station1", "GET", path, nil, &got)
	if got.Total != 4 {
		t.Errorf("a station's: %+v", got)
	}
	for sentence, query := range map[string]string{
		"a step that is none":          "?step=often",
		"a step of nothing":            "?step=1s",
		"steps without number":         "?step=10m&from=2020-01-01T00:00:00Z",
		"the end before the beginning": "?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z",
		"cells as small as a desk":     "?res=15",
	} {
		if status, body, _ := w.call("station1", "GET", "/api/v1/heat"+query, nil); status != 422 {
			t.Errorf("%s: %d %s", sentence, status, body)
		}
	}
	var told struct{ Told int }
	w.post("station1", "/api/v1/screen-control", map[string]any{"do": "fly", "point": middle["东湖"]}, &told)
	if told.Told != 1 {
		t.Errorf("told %d", told.Told)
	}
	if status, body, _ := w.call("station1", "POST", "/api/v1/screen-control", map[string]any{"point": 1}); status != 422 || !strings.Contains(body, "body.do") {
		t.Errorf("nothing to do: %d %s", status, body)
	}
	busy := 0
	for range 60 {
		if status, _, _ := w.call("station2", "POST", "/api/v1/screen-control", map[string]any{"do": "fly"}); status == 503 {
			busy++
		}
	}
	if busy == 0 {
		t.Error("a console may drive the wall as often as it likes")
	}
}
