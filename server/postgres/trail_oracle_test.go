package postgres_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/gridward/gridward/geo/trail"
	"github.com/gridward/gridward/server/pgtest"
)

// PostGIS is the oracle of lengths and of simplification.
func TestPostGISMeasuresAndSimplifiesAlike(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	for seed := range uint64(8) {
		walk := stroll(seed, time.Date(2026, 11, 16, 1, 0, 0, 0, time.UTC), 600, 5*time.Second)
		origin := walk[0].Point
		k := math.Cos(origin[1] * math.Pi / 180)
		const perDegree = math.Pi * 6371008.8 / 180
		var line, plane strings.Builder
		sum := 0.0
		for i, f := range walk {
			if i > 0 {
				sum += trail.Metres(walk[i-1].Point, f.Point)
				line.WriteByte(',')
				plane.WriteByte(',')
			}
			fmt.Fprintf(&line, "%.9f %.9f", f.Point[0], f.Point[1])
			fmt.Fprintf(&plane, "%.6f %.6f", (f.Point[0]-origin[0])*k*perDegree, (f.Point[1]-origin[1])*perDegree)
		}
		var sphere, spheroid float64
		var kept []int32
		if err := db.Pool.QueryRow(t.Context(), `SELECT ST_Length(ST_GeogFromText($1), false), ST_Length(ST_GeogFromText($1)),
			(SELECT array_agg(n::integer ORDER BY n) FROM ST_DumpPoints(ST_GeomFromText($2)) WITH ORDINALITY d(path, geom, n)
			 WHERE EXISTS (SELECT FROM ST_DumpPoints(ST_Simplify(ST_GeomFromText($2), 6)) s WHERE s.geom = d.geom))`,
			"LINESTRING("+line.String()+")", "LINESTRING("+plane.String()+")").Scan(&sphere, &spheroid, &kept); err != nil {
			t.Fatal(err)
		}
		if math.Abs(sum-sphere) > 1e-4*sphere || math.Abs(sum-spheroid) > 6e-3*spheroid {
			t.Errorf("seed %d: %.2f m; PostGIS says %.2f m on the globe, %.2f m on the spheroid", seed, sum, sphere, spheroid)
		}
		ours := map[int64]bool{}
		for _, f := range trail.Simplify(walk, 6) {
			ours[f.Ms] = true
		}
		differ := 0
		for i, f := range walk {
			theirs := false
			for _, n := range kept {
				theirs = theirs || int(n) == i+1
			}
			if theirs != ours[f.Ms] {
				differ++
			}
		}
		if len(ours) < 10 || differ > len(ours)/20 {
			t.Errorf("seed %d: of %d places that are kept %d differ from PostGIS's %d", seed, len(ours), differ, len(kept))
		}
	}
}
