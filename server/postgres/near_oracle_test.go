package postgres_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/geo/near"
	"github.com/gridward/gridward/server/pgtest"
)

// workers makes n of them: most in seven towns, some along a road, and one in a
// hundred at ten depots. All are moved by lat degrees of latitude.
func workers(n int, lat float64) []orb.Point {
	random := rand.New(rand.NewPCG(5, 6))
	around := func(x, y, spread float64) orb.Point {
		return orb.Point{x + random.NormFloat64()*spread, y + lat + random.NormFloat64()*spread}
	}
	points := make([]orb.Point, n)
	for i := range points {
		switch town := float64(i % 10); {
		case i%100 == 0:
			depot := float64(i / 100 % 10)
			points[i] = around(121.4+depot*0.06, 29.8+math.Mod(depot*0.17, 0.3), 0.0003)
		case town < 7:
			points[i] = around(121.4+town*0.07, 29.8+math.Mod(town*0.13, 0.3), 0.02)
		default:
			along := random.Float64()
			points[i] = around(121.2+along*0.8, 29.7+along*0.4, 0.002)
		}
	}
	return points
}

// moving puts points into a temporary table with a GiST index and into an index of ours.
func moving(t testing.TB, conn *pgxpool.Conn, points []orb.Point) *near.Index {
	t.Helper()
	if _, err := conn.Exec(t.Context(), `DROP TABLE IF EXISTS pg_temp.moving; CREATE TEMP TABLE moving (id bigint, geom geometry(Point, 4326))`); err != nil {
		t.Fatal(err)
	}
	x := near.New()
	rows := make([][]any, len(points))
	for i, p := range points {
		rows[i] = []any{int64(i), p}
		x.Set(uint32(i), p)
	}
	if _, err := conn.CopyFrom(t.Context(), pgx.Identifier{"moving"}, []string{"id", "geom"}, pgx.CopyFromRows(rows)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), `CREATE INDEX ON moving USING gist (geom); CREATE INDEX ON moving (id); ANALYZE moving`); err != nil {
		t.Fatal(err)
	}
	return x
}

// TestNearEqualsPostGIS: distances are the geodesic's within 0.5 % up to 50 km
// (0.01 % in truth), and so nobody is left out who is nearer by more than that.
// It orders by ST_Distance: <-> of geographies is itself not exact.
func TestNearEqualsPostGIS(t *testing.T) {
	conn, err := pgtest.New(t).Pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	random := rand.New(rand.NewPCG(13, 14))
	const k = 25
	for _, lat := range []float64{-27, 0, 23} { // the equator, the Yangtze delta, Heihe
		points := workers(2000, lat)
		x := moving(t, conn, points)
		for range 60 {
			at := points[random.IntN(len(points))]
			p := orb.Point{at[0] + random.NormFloat64()*0.1, at[1] + random.NormFloat64()*0.1}
			hits := x.Nearest(p, k, nil, nil)
			ids := make([]int64, k)
			for i, h := range hits {
				ids[i] = int64(h.ID)
			}
			truth := floats(t, conn, `SELECT ST_Distance(geom::geography, ST_SetSRID(ST_Point($1, $2), 4326)::geography)
				FROM unnest($3::bigint[]) WITH ORDINALITY AS q(id, n) JOIN moving USING (id) ORDER BY n`, p[0], p[1], ids)
			best := floats(t, conn, `SELECT ST_Distance(geom::geography, ST_SetSRID(ST_Point($1, $2), 4326)::geography)
				FROM moving ORDER BY 1 LIMIT $3`, p[0], p[1], k)
			for i, h := range hits {
				if truth[i] < 50_000 && math.Abs(h.Metres-truth[i]) > 0.005*truth[i]+0.01 {
					t.Fatalf("from %v to worker %d: %.2f m, geodesic %.2f m", p, h.ID, h.Metres, truth[i])
				}
				if truth[i] < 50_000 && math.Abs(truth[i]-best[i]) > 0.005*best[i]+0.01 {
					t.Fatalf("from %v: number %d is %.2f m away, PostGIS knows one at %.2f m", p, i+1, truth[i], best[i])
				}
			}
		}
	}
}

// TestNearDistances measures single pairs up to 50 km in all directions.
func TestNearDistances(t *testing.T) {
	conn, err := pgtest.New(t).Pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	worst := 0.0
	for lat := -60.0; lat <= 60; lat += 7.5 {
		for bearing := 0.0; bearing < 360; bearing += 15 {
			for _, metres := range []float64{1, 300, 5000, 49_900} {
				var q orb.Point
				if err := conn.QueryRow(t.Context(), `SELECT ST_Project(ST_SetSRID(ST_Point(114, $1), 4326)::geography, $2, radians($3))::geometry`, lat, metres, bearing).Scan(&q); err != nil {
					t.Fatal(err)
				}
				x := near.New()
				x.Set(1, q)
				got := x.Nearest(orb.Point{114, lat}, 1, nil, nil)[0].Metres
				off := math.Abs(got-metres) / metres
				worst = max(worst, off)
				if off > 0.005 {
					t.Errorf("%v m to bearing %v° from latitude %v: %.3f m", metres, bearing, lat, got)
				}
			}
		}
	}
	t.Logf("worst by %.4f %%", worst*100)
}

func floats(t *testing.T, conn *pgxpool.Conn, sql string, args ...any) []float64 {
	t.Helper()
	rows, err := conn.Query(t.Context(), sql, args...)
	if err != nil {
		t.Fatal(err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[float64])
	if err != nil {
		t.Fatal(err)
	}
	return list
}
