package postgres_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/pgtest"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/territory"
)

// The phone rings at a street with 100,000 cases of a year, 20,000 of them
// open, and a gazetteer of 30,000 places: what the form asks while somebody
// types must be there before the next key.
func BenchmarkWhatThePhoneFormAsks(b *testing.B) {
	dsn := pgtest.DSN(b)
	db, err := postgres.Open(b.Context(), dsn, postgres.Options{AsOwner: true})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	if err := postgres.SeedStreet(b.Context(), db, street(b)); err != nil {
		b.Fatal(err)
	}
	var region int64
	if err := db.Pool.QueryRow(b.Context(), `SELECT id FROM org WHERE code = '990101002'`).Scan(&region); err != nil {
		b.Fatal(err)
	}
	const many = `
INSERT INTO incident (id, region_id, case_no, state, title, category, org_id, grid_id, geom, reported_at, updated_at, closed_at)
SELECT gen_random_uuid(), $1, 'B' || n, CASE WHEN n <= 20000 THEN 'handling' ELSE 'archived' END, (ARRAY['垃圾桶满溢','井盖缺失','路灯不亮','占道经营','楼道堆物'])[1 + n % 5],
  (ARRAY['CJ-01','CJ-03','CJ-03','JJ-03','AQ-01'])[1 + n % 5], g.org_id, g.id,
  ST_SetSRID(ST_MakePoint(114.185 + 0.05 * random(), 22.672 + 0.03 * random()), 4326), now() - n * interval '5 minutes', now(), CASE WHEN n > 20000 THEN now() - (n - 20000) * interval '5 minutes' END
FROM generate_series(1, 100000) n JOIN (SELECT id, org_id, row_number() OVER () AS k FROM grid) g ON g.k = 1 + n % 133`
	if _, err := db.Pool.Exec(b.Context(), many, region); err != nil {
		b.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	places := make([]territory.Address, 30000)
	for i := range places {
		places[i] = territory.Address{Name: fmt.Sprintf("湖滨路%d号%d幢", i/10, i%10), Kind: "楼栋", Point: orb.Point{114.185 + .05*rng.Float64(), 22.672 + .03*rng.Float64()}}
	}
	if _, err := postgres.PutAddresses(b.Context(), db.Pool, region, places, "wgs84", "bench"); err != nil {
		b.Fatal(err)
	}
	if _, err := db.Pool.Exec(b.Context(), `ANALYZE`); err != nil {
		b.Fatal(err)
	}
	scope := []string{fmt.Sprintf("%d.", region)}
	if err := db.Pool.QueryRow(b.Context(), `SELECT path FROM org WHERE id = $1`, region).Scan(&scope[0]); err != nil {
		b.Fatal(err)
	}
	b.Run("similar", func(b *testing.B) {
		for b.Loop() {
			p := orb.Point{114.19 + .04*rng.Float64(), 22.675 + .024*rng.Float64()}
			near, err := postgres.NearCases(b.Context(), db.Pool, scope, p, 200, time.Now().AddDate(0, 0, -30), false, false)
			if err != nil {
				b.Fatal(err)
			}
			if got := incident.FindAlike("CJ-01", "垃圾桶又满溢了", near, 200, time.Now()); len(got) == 0 {
				b.Fatal("nothing is alike")
			}
		}
	})
	b.Run("suggest", func(b *testing.B) {
		for b.Loop() {
			catalogue, err := postgres.Catalogue(b.Context(), db.Pool, nil, false)
			if err != nil {
				b.Fatal(err)
			}
			past, err := postgres.PastCases(b.Context(), db.Pool, []int64{region}, 500)
			if err != nil {
				b.Fatal(err)
			}
			if got := incident.Suggest("楼下垃圾桶满溢很臭", catalogue, past); len(got) == 0 {
				b.Fatal("nothing is suggested")
			}
		}
	})
	for name, q := range map[string]string{"by name": "湖滨路 88", "by initials": "hbl88", "by pinyin": "hubinlu12"} {
		b.Run("place "+name, func(b *testing.B) {
			for b.Loop() {
				if _, err := postgres.Gazetteer(b.Context(), db.Pool, scope, []int64{region}, q, 20); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("handover", func(b *testing.B) {
		for b.Loop() {
			if _, err := postgres.OpenAt(b.Context(), db.Pool, scope[0], time.Now()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("departments", func(b *testing.B) {
		for b.Loop() {
			if _, err := postgres.DepartmentList(b.Context(), db.Pool, []int64{region}, time.Now(), nil); err != nil {
				b.Fatal(err)
			}
		}
	})
}
