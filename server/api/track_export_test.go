package api_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/paulmach/orb"
	"github.com/tkrajina/gpxgo/gpx"
	"github.com/xuri/excelize/v2"

	"github.com/gridward/gridward/geo/datum"
	"github.com/gridward/gridward/server/postgres"
)

// export asks for the track of 东湖's worker and returns the request as it stands.
func (w *world) export(login, format, crs string, day time.Time) postgres.TrackExport {
	w.t.Helper()
	status, text, _ := w.call(login, "POST", "/api/v1/track-exports", map[string]any{"workers": []int64{w.worker["东湖"]}, "day": day.Format(time.DateOnly), "format": format, "crs": crs, "purpose": "督查组抽查"})
	var e postgres.TrackExport
	if err := json.Unmarshal([]byte(text), &e); status != 201 || err != nil {
		w.t.Fatalf("%d %v %s", status, err, text)
	}
	return e
}

// An export waits until somebody else lets it go, is fetched by whoever asked
// alone, and each fetch stands in the worker's records; a refused one is read by nobody.
func TestAnExportWaitsForSomebodyElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	eight := postgres.BusinessDay(time.Now()).AddDate(0, 0, -1).Add(8 * time.Hour)
	w.walk("东湖", nil, eight, 100)
	e := w.export("commander1", "csv", "EPSG:4326", eight)
	path := "/api/v1/track-exports/" + e.ID.String()
	if e.State != "waiting" || e.Actor == "" || !slices.Equal(e.WorkerNames, []string{"赵一"}) {
		t.Fatalf("%+v", e)
	}
	status := func(login, method, path string, body any, want int) string {
		t.Helper()
		got, text, _ := w.call(login, method, path, body)
		if got != want {
			t.Errorf("%s %s as %s: %d, want %d: %s", method, path, login, got, want, text)
		}
		return text
	}
	status("commander1", "GET", path+"/file", nil, 409)                        // it waits
	status("commander1", "POST", path+"/approve", map[string]any{}, 403)       // not by oneself
	status("station1", "POST", path+"/approve", map[string]any{}, 404)         // has neither power
	status("commander2", "POST", path+"/approve", map[string]any{}, 404)       // of the other community
	status("auditor2", "POST", path+"/approve", map[string]any{}, 404)         //
	status("street-commander1", "POST", path+"/refuse", map[string]any{}, 422) // a reason is due
	if text := status("auditor1", "GET", "/api/v1/track-exports", nil, 200); !strings.Contains(text, e.ID.String()) {
		t.Errorf("who may decide does not see it: %s", text)
	}
	if text := status("auditor2", "GET", "/api/v1/track-exports", nil, 200); strings.Contains(text, e.ID.String()) {
		t.Errorf("the other community sees it: %s", text)
	}
	if got := w.looks("export"); len(got) != 0 {
		t.Errorf("read before it was let go: %v", got)
	}
	status("auditor1", "POST", path+"/approve", map[string]any{"reason": "同意"}, 200)
	status("street-commander1", "POST", path+"/approve", map[string]any{}, 409) // once
	status("auditor1", "GET", path+"/file", nil, 403)                           // an auditor reads no tracks
	status("street-commander1", "GET", path+"/file", nil, 404)                  // nor does anybody who did not ask
	for range 2 {
		status("commander1", "GET", path+"/file", nil, 200)
	}
	look := fmt.Sprintf("%d:%s:督查组抽查", w.worker["东湖"], eight.Format(time.DateOnly))
	if got := w.looks("export"); !slices.Equal(got, []string{look, look}) {
		t.Errorf("access records %v", got)
	}
	var n, taken int
	if err := w.db.Pool.QueryRow(t.Context(), `SELECT count(*) FROM audit WHERE object = $1 AND action IN ('track_export.asked', 'track_export.approved', 'track_export.taken')`, e.ID.String()).Scan(&n); err != nil || n != 4 {
		t.Errorf("%d lines of audit: %v", n, err)
	}
	if err := w.db.Pool.QueryRow(t.Context(), `SELECT taken FROM track_export WHERE id = $1`, e.ID).Scan(&taken); err != nil || taken != 2 {
		t.Errorf("taken %d times: %v", taken, err)
	}
	w.exec(`UPDATE track_export SET expires_at = now() - interval '1 second'`)
	status("commander1", "GET", path+"/file", nil, 409)

	refused := w.export("station1", "gpx", "EPSG:4490", eight)
	status("commander1", "POST", "/api/v1/track-exports/"+refused.ID.String()+"/refuse", map[string]any{"reason": "事由不足"}, 200)
	status("station1", "GET", "/api/v1/track-exports/"+refused.ID.String()+"/file", nil, 409)
	status("station1", "POST", "/api/v1/track-exports", map[string]any{"workers": []int64{w.worker["西山"]}, "day": eight.Format(time.DateOnly), "format": "csv", "purpose": "督查组抽查"}, 404)
	status("station1", "POST", "/api/v1/track-exports", map[string]any{"workers": []int64{w.worker["东湖"]}, "day": eight.Format(time.DateOnly), "format": "csv", "purpose": " "}, 422)
	status("station1", "POST", "/api/v1/track-exports", map[string]any{"workers": []int64{w.worker["东湖"]}, "day": eight.Format(time.DateOnly), "format": "gpx", "crs": "GCJ-02", "purpose": "督查组抽查"}, 422)
	if got := w.looks("export"); len(got) != 2 {
		t.Errorf("access records of what was refused: %v", got)
	}
}

// Every format in every datum says which one it is, the zone of its times, who
// exported it, when and why; and holds the same places.
func TestWhatAnExportSaysOfItself(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	eight := postgres.BusinessDay(time.Now()).AddDate(0, 0, -1).Add(8 * time.Hour)
	w.walk("东湖", nil, eight, 50)
	w.walk("东湖", nil, eight.Add(time.Hour), 50)
	c := middle["东湖"]
	for _, crs := range []string{"EPSG:4326", "EPSG:4490", "GCJ-02", "BD-09"} {
		want := orb.Point{c[0] + 49e-4, c[1]}
		switch crs {
		case "GCJ-02":
			want = datum.GCJ02(want)
		case "BD-09":
			want = datum.BD09(want)
		}
		near := func(what string, lon, lat float64) {
			t.Helper()
			if math.Abs(lon-want[0]) > 1e-6 || math.Abs(lat-want[1]) > 1e-6 {
				t.Errorf("%s in %s: %f, %f, want %v", what, crs, lon, lat, want)
			}
		}
		for _, format := range []string{"csv", "xlsx", "geojson", "gpx"} {
			if format == "gpx" && strings.Contains(crs, "-0") {
				continue
			}
			e := w.export("commander1", format, crs, eight)
			if status, text, _ := w.call("auditor1", "POST", "/api/v1/track-exports/"+e.ID.String()+"/approve", map[string]any{}); status != 200 {
				t.Fatalf("%d %s", status, text)
			}
			status, body, head := w.call("commander1", "GET", "/api/v1/track-exports/"+e.ID.String()+"/file", nil)
			if status != 200 || !strings.Contains(head.Get("Content-Disposition"), "."+format) {
				t.Fatalf("%s: %d %v %.300s", format, status, head, body)
			}
			said := body
			switch format {
			case "csv":
				r := csv.NewReader(strings.NewReader(strings.TrimPrefix(body, "\ufeff")))
				r.FieldsPerRecord = -1
				rows, err := r.ReadAll()
				if err != nil || len(rows) != 102 || rows[50][2] != eight.Add(490*time.Second).Format("2006-01-02 15:04:05.000") {
					t.Fatalf("%d rows: %v %v", len(rows), err, rows[min(50, len(rows)-1)])
				}
				lon, _ := strconv.ParseFloat(rows[50][3], 64)
				lat, _ := strconv.ParseFloat(rows[50][4], 64)
				near(format, lon, lat)
			case "xlsx":
				f, err := excelize.OpenReader(bytes.NewReader([]byte(body)))
				if err != nil {
					t.Fatal(err)
				}
				rows, _ := f.GetRows("轨迹")
				lon, _ := strconv.ParseFloat(rows[50][3], 64)
				lat, _ := strconv.ParseFloat(rows[50][4], 64)
				near(format, lon, lat)
				about, _ := f.GetRows("说明")
				said = fmt.Sprint(rows, about)
			case "geojson":
				var g struct {
					Features []struct {
						Geometry   struct{ Coordinates [][]orb.Point }
						Properties struct{ Times [][]string }
					}
				}
				if err := json.Unmarshal([]byte(body), &g); err != nil || len(g.Features) != 1 || len(g.Features[0].Geometry.Coordinates) != 2 || len(g.Features[0].Properties.Times[0]) != 50 {
					t.Fatalf("%v %.300s", err, body)
				}
				p := g.Features[0].Geometry.Coordinates[0][49]
				near(format, p[0], p[1])
			case "gpx":
				g, err := gpx.ParseString(body)
				if err != nil || len(g.Tracks) != 1 || len(g.Tracks[0].Segments) != 2 {
					t.Fatalf("%v %.300s", err, body)
				}
				p := g.Tracks[0].Segments[0].Points[49]
				near(format, p.Longitude, p.Latitude)
				if !p.Timestamp.Equal(eight.Add(490 * time.Second)) {
					t.Errorf("gpx: %s", p.Timestamp)
				}
			}
			for _, word := range []string{crs, "Asia/Shanghai", "commander1", "督查组抽查", e.ID.String(), time.Now().Format("2006-01-02")[:7], "赵一"} {
				if !strings.Contains(said, word) {
					t.Errorf("%s in %s does not say %q", format, crs, word)
				}
			}
		}
	}
}

// exportProbes are requests on the exports of tracks.
func (w *world) exportProbes(place string) map[string]probe {
	nobody := "/api/v1/track-exports/" + uuid.NewString()
	return map[string]probe{
		"POST /api/v1/track-exports":              {"/api/v1/track-exports", map[string]any{"workers": []int64{w.worker[place]}, "day": businessDay(), "format": "csv", "purpose": "核查走访"}, true, []int{201}},
		"GET /api/v1/track-exports":               {"/api/v1/track-exports", nil, false, []int{200}},
		"POST /api/v1/track-exports/{id}/approve": {nobody + "/approve", map[string]any{}, true, []int{404}},
		"POST /api/v1/track-exports/{id}/refuse":  {nobody + "/refuse", map[string]any{"reason": "事由不足"}, true, []int{404}},
		"GET /api/v1/track-exports/{id}/file":     {nobody + "/file", nil, true, []int{404}},
	}
}
