package postgres_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/geojson"

	"github.com/gridward/gridward/geo/fence"
	"github.com/gridward/gridward/server/pgtest"
)

// readAreas reads grids by their codes.
func readAreas(t testing.TB, name string) []fence.Area {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	fc, err := geojson.UnmarshalFeatureCollection(raw)
	if err != nil {
		t.Fatal(err)
	}
	var areas []fence.Area
	for _, feature := range fc.Features {
		shape, ok := feature.Geometry.(orb.MultiPolygon)
		if !ok {
			shape = orb.MultiPolygon{feature.Geometry.(orb.Polygon)}
		}
		areas = append(areas, fence.Area{Code: feature.Properties.MustString("code"), Shape: shape})
	}
	return areas
}

// scattered makes stars that overlap, some with a hole, some in two parts, with
// coordinates of all sizes and roundings.
func scattered(random *rand.Rand, n int, round float64) []fence.Area {
	var areas []fence.Area
	at := func(x, y float64) orb.Point {
		return orb.Point{math.Round(x*round) / round, math.Round(y*round) / round}
	}
	star := func(x, y, least, most float64) orb.Ring {
		var ring orb.Ring
		points := 3 + random.IntN(20)
		for i := range points {
			angle := 2 * math.Pi * float64(i) / float64(points)
			far := least + (most-least)*random.Float64()
			ring = append(ring, at(x+far*math.Cos(angle), y+far*math.Sin(angle)))
		}
		return append(ring, ring[0])
	}
	for i := range n {
		x, y := random.NormFloat64(), random.NormFloat64()
		shape := orb.MultiPolygon{{star(x, y, 0.2, 0.5)}}
		if i%2 == 0 {
			shape[0] = append(shape[0], star(x, y, 0.02, 0.08))
		}
		if i%3 == 0 {
			shape = append(shape, orb.Polygon{star(x+1.2, y, 0.2, 0.5)})
		}
		areas = append(areas, fence.Area{Code: fmt.Sprintf("%03d", i), Shape: shape})
	}
	return areas
}

// questions are random points in and around the areas, and those that a
// crossing test gets wrong: all vertices, points on all edges as well as a
// double can be, points beside both, points level with a vertex.
func questions(random *rand.Rand, areas []fence.Area, n int) []orb.Point {
	box := areas[0].Shape.Bound()
	for _, a := range areas {
		box = box.Union(a.Shape.Bound())
	}
	box = box.Pad((box.Max[0] - box.Min[0]) / 20)
	var points []orb.Point
	for range n {
		points = append(points, orb.Point{
			box.Min[0] + random.Float64()*(box.Max[0]-box.Min[0]),
			box.Min[1] + random.Float64()*(box.Max[1]-box.Min[1]),
		})
	}
	for _, a := range areas {
		for _, polygon := range a.Shape {
			for _, ring := range polygon {
				for k := 1; k < len(ring); k++ {
					p, q := ring[k-1], ring[k]
					middle := orb.Point{(p[0] + q[0]) / 2, (p[1] + q[1]) / 2}
					along := random.Float64()
					somewhere := orb.Point{p[0] + (q[0]-p[0])*along, p[1] + (q[1]-p[1])*along}
					points = append(points, p, middle, somewhere,
						orb.Point{math.Nextafter(middle[0], 999), middle[1]},
						orb.Point{middle[0], math.Nextafter(middle[1], -999)},
						orb.Point{math.Nextafter(p[0], 999), p[1]},
						orb.Point{p[0], math.Nextafter(p[1], -999)},
						orb.Point{box.Min[0] + random.Float64()*(box.Max[0]-box.Min[0]), p[1]},
						orb.Point{p[0], box.Min[1] + random.Float64()*(box.Max[1]-box.Min[1])},
					)
				}
			}
		}
	}
	return points
}

// TestFenceEqualsPostGIS: every answer of the fence is the grid that
// ST_Covers … ORDER BY code LIMIT 1 gives, on borders and vertices too.
func TestFenceEqualsPostGIS(t *testing.T) {
	conn, err := pgtest.New(t).Pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	if _, err := conn.Exec(t.Context(), `CREATE TEMP TABLE oracle (code text COLLATE "C", geom geometry(MultiPolygon, 4326)); CREATE INDEX ON oracle USING gist (geom)`); err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(11, 12))
	for _, c := range []struct {
		name  string
		areas []fence.Area
		valid int // at least
	}{
		{"the demo street", readAreas(t, "../../fixtures/street/grids.geojson"), 133},
		{"the test town", readAreas(t, "../../geo/fence/testdata/beijing-grids.geojson"), 133},
		{"stars to seven digits", scattered(random, 60, 1e7), 30},
		{"stars on a lattice", scattered(random, 200, 32), 30},
		{"stars of any double", scattered(random, 60, 1<<50), 30},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := conn.Exec(t.Context(), `DELETE FROM oracle`); err != nil {
				t.Fatal(err)
			}
			var valid []fence.Area
			for _, a := range c.areas {
				tag, err := conn.Exec(t.Context(), `INSERT INTO oracle SELECT $1::text, $2::geometry WHERE ST_IsValid($2::geometry)`, a.Code, a.Shape)
				if err != nil {
					t.Fatal(err)
				}
				if tag.RowsAffected() == 1 {
					valid = append(valid, a)
				}
			}
			if len(valid) < c.valid {
				t.Fatalf("only %d of %d shapes are valid", len(valid), len(c.areas))
			}
			f, err := fence.New(valid)
			if err != nil {
				t.Fatal(err)
			}
			points := questions(random, valid, 20_000)
			lons, lats := make([]float64, len(points)), make([]float64, len(points))
			for i, p := range points {
				lons[i], lats[i] = p[0], p[1]
			}
			rows, err := conn.Query(t.Context(), `
				SELECT COALESCE((SELECT code FROM oracle WHERE ST_Covers(geom, ST_SetSRID(ST_Point(lon, lat), 4326)) ORDER BY code LIMIT 1), '')
				FROM unnest($1::float8[], $2::float8[]) WITH ORDINALITY AS q(lon, lat, n) ORDER BY n`, lons, lats)
			if err != nil {
				t.Fatal(err)
			}
			codes, err := pgx.CollectRows(rows, pgx.RowTo[string])
			if err != nil {
				t.Fatal(err)
			}
			wrong, outside := 0, 0
			for i, p := range points {
				got := ""
				if at, ok := f.Locate(p); ok {
					got = f.Areas()[at].Code
				}
				if codes[i] == "" {
					outside++
				}
				if got != codes[i] {
					if wrong++; wrong < 10 {
						t.Errorf("%v lies in %q, PostGIS says %q", p, got, codes[i])
					}
				}
			}
			if wrong > 0 || outside == 0 || outside == len(points) {
				t.Errorf("%d of %d answers differ; %d lie outside of all", wrong, len(points), outside)
			}
			t.Logf("%d points, %d shapes, %d points outside", len(points), len(valid), outside)
		})
	}
}
