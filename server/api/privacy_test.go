package api_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gridward/gridward/server/fleet"
	"github.com/gridward/gridward/server/postgres"
)

// refuseRecords lets no more access records be written: whoever reads a track
// all the same reads it without a record.
func (w *world) refuseRecords(refuse bool) {
	w.t.Helper()
	word := map[bool]string{true: "REVOKE INSERT ON access_record FROM ", false: "GRANT INSERT ON access_record TO "}[refuse]
	c, err := w.db.Pool.Acquire(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	defer c.Release()
	for _, sql := range []string{"RESET ROLE", word + postgres.AppRole, "SET ROLE " + postgres.AppRole} {
		if _, err := c.Exec(w.t.Context(), sql); err != nil {
			w.t.Fatal(err)
		}
	}
}

// lookAt is a way to somebody else's track.
type lookAt struct {
	method, path string
	body         map[string]any
	what         string
	status       int
}

// personal are the routes that hand out somebody else's track, with the word of their record.
func (w *world) personal(place string) map[string]lookAt {
	w.t.Helper()
	day := w.yesterday().Format(time.DateOnly)
	why := func(more map[string]any) map[string]any {
		b := map[string]any{"purpose": "核查周一走访"}
		maps.Copy(b, more)
		return b
	}
	e := w.export("commander1", "csv", "EPSG:4326", w.yesterday())
	if status, text, _ := w.call("street-commander1", "POST", "/api/v1/track-exports/"+e.ID.String()+"/approve", map[string]any{}); status != 200 {
		w.t.Fatal(status, text)
	}
	return map[string]lookAt{
		"POST /api/v1/workers/{id}/track-views":             {"POST", fmt.Sprintf("/api/v1/workers/%d/track-views", w.worker[place]), why(map[string]any{"day": day}), "track", 200},
		"POST /api/v1/doubts/{id}/views":                    {"POST", "/api/v1/doubts/" + w.mustDoubt(place) + "/views", why(nil), "doubt", 200},
		"POST /api/v1/patrol/workers/{id}/days/{day}/views": {"POST", fmt.Sprintf("/api/v1/patrol/workers/%d/days/%s/views", w.worker[place], day), why(nil), "patrol_day", 200},
		"POST /api/v1/playbacks":                            {"POST", "/api/v1/playbacks", why(map[string]any{"workers": []int64{w.worker[place]}, "day": day}), "playback", 201},
		"GET /api/v1/track-exports/{id}/file":               {"GET", "/api/v1/track-exports/" + e.ID.String() + "/file", nil, "export", 200},
	}
}

// placeless are the routes for whoever may see tracks that show no track, or one whose opening was recorded.
var placeless = map[string]string{
	"GET /api/v1/doubts":                               "lists days, scores and words",
	"GET /api/v1/doubts/{id}":                          "words and times; the places are behind its views",
	"POST /api/v1/doubts/{id}/decide":                  "answers like the doubt itself",
	"GET /api/v1/patrol/workers/{id}/weeks/{monday}":   "minutes and reasons of half-days",
	"GET /api/v1/patrol/grids/{id}/coverage":           "cells of a grid that somebody walked; not who",
	"GET /api/v1/patrol/grids/{id}/days":               "who, minutes and metres of a day; no places",
	"GET /api/v1/playbacks/{id}/counts":                "recorded when it was opened, for its session alone",
	"GET /api/v1/playbacks/{id}/overview":              "recorded when it was opened, for its session alone",
	"GET /api/v1/playbacks/{id}/chunks":                "recorded when it was opened, for its session alone",
	"GET /api/v1/playbacks/{id}/events":                "recorded when it was opened, for its session alone",
	"POST /api/v1/track-exports":                       "a request; the file is read later",
	"POST /api/v1/patrol/workers/{id}/weeks/recompute": "answers with no track",
}

// Somebody else's track is read after its record is written, once for each
// look, by whichever door; where no record can be written nothing is shown.
func TestEveryLookAtATrackIsRecordedBeforeAnythingIsRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.strollAt("东湖", 60, func(_ int, f *fleet.Fix) { f.Flags |= fleet.Mock })
	w.doubt("东湖")
	reads := w.personal("东湖")
	for _, route := range w.api.Routes() {
		key := route.Method + " " + route.Path
		if _, shows := reads[key]; route.Need == "see_track" && !shows && placeless[key] == "" {
			t.Errorf("%s is for those who may see tracks: does it show one? Then it belongs into this test, else among the placeless with why", key)
		}
	}
	count := func(what string) int {
		return w.count(`SELECT count(*) FROM access_record WHERE what = $1 AND worker_id = $2 AND day = $3 AND length(btrim(purpose)) >= 2 AND account_id = (SELECT id FROM account WHERE login = 'commander1')`,
			what, w.worker["东湖"], w.yesterday().Format(time.DateOnly))
	}
	for _, key := range slices.Sorted(maps.Keys(reads)) {
		r := reads[key]
		before := count(r.what)
		status, text, _ := w.call("commander1", r.method, r.path, r.body)
		if status != r.status {
			t.Errorf("%s: %d %.300s", key, status, text)
		}
		if n := count(r.what) - before; n != 1 {
			t.Errorf("%s: %d records of one look", key, n)
		}
	}
	w.refuseRecords(true)
	for _, key := range slices.Sorted(maps.Keys(reads)) {
		r := reads[key]
		if status, text, _ := w.call("commander1", r.method, r.path, r.body); status < 500 || strings.Contains(text, "114.1") || strings.Contains(text, `"at":[1`) {
			t.Errorf("%s without a record: %d %.300s", key, status, text)
		}
	}
	w.refuseRecords(false)
	for _, key := range []string{"POST /api/v1/workers/{id}/track-views", "POST /api/v1/doubts/{id}/views", "POST /api/v1/patrol/workers/{id}/days/{day}/views", "POST /api/v1/playbacks"} {
		r := reads[key]
		r.body["purpose"] = " "
		if status, text, _ := w.call("commander1", r.method, r.path, r.body); status != 422 || strings.Contains(text, "114.1") {
			t.Errorf("%s without a purpose: %d %.200s", key, status, text)
		}
	}

	// A wall gets none of it, not even that there is something.
	var made struct{ Code string }
	if status := w.json("street-commander1", "POST", "/api/v1/kiosks", map[string]any{"org": w.street, "name": "大厅"}, &made); status != 201 {
		t.Fatal(status)
	}
	jar, _ := cookiejar.New(nil)
	wall := &http.Client{Jar: jar}
	if status, body, _ := w.send(wall, "POST", "/api/v1/kiosk-session", map[string]any{"code": made.Code}); status != 200 {
		t.Fatal(status, body)
	}
	before := w.count(`SELECT count(*) FROM access_record`)
	probes := w.probes("东湖")
	for _, route := range w.api.Routes() {
		key := route.Method + " " + route.Path
		r, shows := reads[key]
		if !shows {
			if placeless[key] == "" {
				continue
			}
			r = lookAt{method: route.Method, path: probes[key].path}
		}
		if status, body, _ := w.send(wall, r.method, r.path, r.body); status != 403 && status != 404 {
			t.Errorf("%s from a wall: %d %.200s", key, status, body)
		}
	}
	if n := w.count(`SELECT count(*) FROM access_record`); n != before {
		t.Errorf("a wall left %d records", n-before)
	}
}
