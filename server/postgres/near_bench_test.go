package postgres_test

import (
	"math/rand/v2"
	"testing"

	"github.com/paulmach/orb"

	"github.com/gridward/gridward/geo/near"
	"github.com/gridward/gridward/server/pgtest"
)

// BenchmarkNearPostGIS asks PostGIS for the nearest 10 of 100,000 workers by <->
// over a GiST index, and our index the same about the same workers.
//
//   - near/postgis: a prepared statement for each question, as a program asks
//   - near/postgis-inside: a thousand questions in one statement, so that only
//     the search counts: what PostGIS could do without a connection
func BenchmarkNearPostGIS(b *testing.B) {
	conn, err := pgtest.New(b).Pool.Acquire(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Release()
	points := workers(100_000, 0)
	x := moving(b, conn, points)
	random := rand.New(rand.NewPCG(1, 2))
	from := make([]orb.Point, 1<<12)
	lons, lats := make([]float64, 1000), make([]float64, 1000)
	for i := range from {
		at := points[random.IntN(len(points))]
		from[i] = orb.Point{at[0] + random.NormFloat64()*0.002, at[1] + random.NormFloat64()*0.002}
		if i < 1000 {
			lons[i], lats[i] = from[i][0], from[i][1]
		}
	}
	b.Run("near/gridward", func(b *testing.B) {
		dst := make([]near.Hit, 0, 10)
		for i := range b.N {
			if dst = x.Nearest(from[i&(1<<12-1)], 10, nil, dst[:0]); len(dst) != 10 {
				b.Fatal(len(dst))
			}
		}
	})
	b.Run("near/postgis", func(b *testing.B) {
		for i := range b.N {
			rows, err := conn.Query(b.Context(), `SELECT id FROM moving ORDER BY geom <-> $1::geometry LIMIT 10`, from[i&(1<<12-1)])
			if err != nil {
				b.Fatal(err)
			}
			found := 0
			for rows.Next() {
				found++
			}
			if rows.Err() != nil || found != 10 {
				b.Fatal(found, rows.Err())
			}
		}
	})
	b.Run("near/postgis-inside", func(b *testing.B) {
		asked := 0
		for asked < b.N {
			n := min(b.N-asked, 1000)
			var found int
			if err := conn.QueryRow(b.Context(), `SELECT count(m.id) FROM unnest($1::float8[], $2::float8[]) q(lon, lat), LATERAL (
				SELECT id FROM moving ORDER BY geom <-> ST_SetSRID(ST_Point(lon, lat), 4326) LIMIT 10) m`, lons[:n], lats[:n]).Scan(&found); err != nil {
				b.Fatal(err)
			}
			if found != 10*n {
				b.Fatal(found)
			}
			asked += n
		}
	})
}
