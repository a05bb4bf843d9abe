package api_test

import (
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paulmach/orb"

	"github.com/gridward/gridward/fixtures"
	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/api"
	"github.com/gridward/gridward/server/board"
	"github.com/gridward/gridward/server/fleet"
	"github.com/gridward/gridward/server/pgtest"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/tiles"
)

// bigStreet is the demo street with 10,000 more workers on duty and 3,000 cases today.
func bigStreet(t testing.TB) (*postgres.DB, *board.Board, string) {
	t.Helper()
	db := pgtest.New(t)
	street, err := fixtures.Street()
	if err != nil {
		t.Fatal(err)
	}
	if err := postgres.SeedStreet(t.Context(), db, street); err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{
		`INSERT INTO worker (region_id, org_id, code, name, pinyin) SELECT o.region_id, o.id, 'X' || n, '赵' || n, 'z' FROM generate_series(1, 10000) n
		 JOIN LATERAL (SELECT * FROM org WHERE kind IN ('village', 'community') ORDER BY md5(id::text || n) LIMIT 1) o ON true`,
		`INSERT INTO duty_session (id, region_id, worker_id, org_id, purpose, started_at) SELECT gen_random_uuid(), region_id, id, org_id, 'patrol', now() FROM worker WHERE code LIKE 'X%'`,
		`INSERT INTO incident (id, region_id, case_no, title, org_id, grid_id, address, reported_at, updated_at)
		 SELECT gen_random_uuid(), g.region_id, 'T' || n, '占道经营', g.org_id, g.id, '路口', now(), now() FROM generate_series(1, 3000) n
		 JOIN LATERAL (SELECT * FROM grid ORDER BY md5(id::text || n) LIMIT 1) g ON true`,
		`ANALYZE`,
	} {
		if _, err := db.Pool.Exec(t.Context(), sql); err != nil && sql != "ANALYZE" {
			t.Fatalf("%v: %s", err, sql)
		}
	}
	list, err := postgres.Roster(t.Context(), db.Pool)
	if err != nil {
		t.Fatal(err)
	}
	b := board.New(time.Now)
	entries := make([]board.Entry, len(list))
	for i, w := range list {
		entries[i] = board.Entry{
			Fix:    fleet.Fix{Region: w.Region, Worker: w.ID, At: time.Now(), Point: orb.Point{114.2, 22.7}, Org: w.Org, OrgPath: w.OrgPath, Grid: w.Grid, Interval: 10 * time.Second},
			Person: fleet.Person{ID: w.ID, Name: w.Name},
		}
	}
	b.Load(entries)
	path := list[0].OrgPath
	return db, b, path[:strings.Index(path, ".")+1]
}

func requestAs(path, target string) *http.Request {
	r := httptest.NewRequest("GET", target, nil)
	return r.WithContext(access.With(r.Context(), access.Session{Principal: access.Principal{Account: 1, Posts: []access.Post{{Path: path, Role: access.Operator}}}}))
}

func BenchmarkOverview(b *testing.B) {
	db, now, path := bigStreet(b)
	mux := http.NewServeMux()
	step := time.Duration(0)
	began := time.Now()
	api.New(mux, api.Deps{DB: db, Board: now, Clock: func() time.Time { return began.Add(step) }})
	took := make([]time.Duration, 0, b.N)
	for b.Loop() {
		step += time.Second // every request finds the second's figures too old
		at := time.Now()
		rec := httptest.NewRecorder()
		mux.ServeHTTP(rec, requestAs(path, "/api/v1/overview"))
		if rec.Code != 200 {
			b.Fatal(rec.Code, rec.Body)
		}
		took = append(took, time.Since(at))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
}

func BenchmarkTiles(b *testing.B) {
	db, _, path := bigStreet(b)
	extent, err := postgres.Extent(b.Context(), db.Pool, []string{path})
	if err != nil {
		b.Fatal(err)
	}
	for _, set := range []string{"ground", "territory"} {
		for _, z := range []int{10, 12, 13, 14, 15, 16} {
			b.Run(fmt.Sprintf("%s-%d", set, z), func(b *testing.B) {
				x, y := tileAt((extent[0]+extent[2])/2, (extent[1]+extent[3])/2, z)
				size := 0
				for b.Loop() {
					mux := http.NewServeMux()
					tiles.New(tiles.Deps{DB: db}).Routes(mux) // no cache
					rec := httptest.NewRecorder()
					r := requestAs(path, fmt.Sprintf("/tiles/%s/%d/%d/%d.mvt", set, z, x, y))
					r.Header.Set("Accept-Encoding", "gzip")
					mux.ServeHTTP(rec, r)
					if rec.Code != 200 {
						b.Fatal(rec.Code, rec.Body)
					}
					size = rec.Body.Len()
				}
				b.ReportMetric(float64(size)/1024, "kB")
			})
		}
	}
}

func tileAt(lon, lat float64, z int) (x, y int) {
	n := float64(int(1) << z)
	s := math.Sin(lat * math.Pi / 180)
	return int((lon + 180) / 360 * n), int((0.5 - math.Log((1+s)/(1-s))/(4*math.Pi)) * n)
}
