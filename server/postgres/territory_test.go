package postgres_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"
	"pgregory.net/rapid"

	"github.com/gridward/gridward/fixtures"
	"github.com/gridward/gridward/server/pgtest"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/territory"
)

func street(t testing.TB) *fixtures.Demo {
	t.Helper()
	d, err := fixtures.Street()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func count(t *testing.T, db *postgres.DB, sql string) (n int) {
	t.Helper()
	if err := db.Pool.QueryRow(t.Context(), sql).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestSeedStreetTwiceIsOnce(t *testing.T) {
	db := pgtest.New(t)
	d := street(t)
	for range 2 {
		start := time.Now()
		if err := postgres.SeedStreet(t.Context(), db, d); err != nil {
			t.Fatal(err)
		}
		t.Logf("seeded in %v", time.Since(start))
	}
	for sql, want := range map[string]int{
		`SELECT count(*) FROM grid_version`:                                                                                 133,
		`SELECT count(*) FROM grid_now WHERE is_execution`:                                                                  119,
		`SELECT count(*) FROM grid_now WHERE NOT ST_IsValid(geom) OR NOT ST_Covers(geom, label_point)`:                      0,
		`SELECT count(*) FROM region`:                                                                                       2,
		`SELECT count(*) FROM worker`:                                                                                       719,
		`SELECT count(*) FROM worker WHERE role = 'grid_leader'`:                                                            119,
		`SELECT count(*) FROM org WHERE kind IN ('community','village')`:                                                    14,
		`SELECT count(*) FROM journal WHERE kind = 'territory.changed'`:                                                     1,
		`SELECT count(*) FROM grid_assignment WHERE valid_to IS NOT NULL`:                                                   0,
		`SELECT count(*) FROM org o WHERE o.path <> (SELECT path FROM org p WHERE p.id = o.parent_id) || o.id || '.'`:       0,
		`SELECT count(*) FROM grid_now WHERE pinyin = ''`:                                                                   0,
		`SELECT count(*) FROM base_source`:                                                                                  1,
		`SELECT count(DISTINCT r.id) FROM resource r JOIN grid_now g ON ST_Covers(g.geom, r.geom) WHERE r.kind = 'hydrant'`: 133,
		`SELECT count(*) FROM resource WHERE kind IN ('party_centre','shelter','supply')`:                                   3 * 14,
		`SELECT count(DISTINCT skill) FROM worker_skill`:                                                                    9,
		`SELECT count(*) FROM standard_code`:                                                                                21,
		`SELECT count(*) FROM category WHERE std_code <> ''`:                                                                10,
		`SELECT count(*) FROM category WHERE default_org IS NULL AND NOT retired`:                                           0,
		`SELECT count(*) FROM gazetteer WHERE kind = '网格'`:                                                                  133,
		`SELECT count(*) FROM gazetteer WHERE initials = '' OR pinyin = ''`:                                                 0,
	} {
		if got := count(t, db, sql); got != want {
			t.Errorf("%s = %d, want %d", sql, got, want)
		}
	}
	for _, sql := range []string{`SELECT count(*) FROM base_road`, `SELECT count(*) FROM base_area`, `SELECT count(*) FROM base_place`, `SELECT count(*) FROM gazetteer WHERE kind <> '网格'`} {
		if n := count(t, db, sql); n < 20 {
			t.Errorf("%s = %d", sql, n)
		}
	}
	grids, err := postgres.Grids(t.Context(), db.Pool, []string{""})
	if err != nil || len(grids) != 133 {
		t.Fatalf("%d grids, %v", len(grids), err)
	}
	led := 0
	for _, g := range grids {
		if g.LeaderID != 0 {
			led++
		}
		if len(g.BBox) != 4 || g.Label[0] < g.BBox[0] || g.Label[1] > g.BBox[3] || g.AreaM2 < 10000 {
			t.Errorf("grid %s: box %v, label %v, %.0f m²", g.Code, g.BBox, g.Label, g.AreaM2)
		}
	}
	if led != 119 {
		t.Errorf("%d grids have a leader", led)
	}
	one, err := postgres.GridByID(t.Context(), db.Pool, grids[0].ID)
	if err != nil || len(one.Shape) == 0 {
		t.Errorf("%+v, %v", one, err)
	}
	people, err := postgres.GridPeople(t.Context(), db.Pool, grids[0].ID)
	if err != nil || len(people) < 3 || people[0].Assignment != "leader" {
		t.Errorf("%+v, %v", people, err)
	}
	orgs, err := postgres.Orgs(t.Context(), db.Pool, []string{grids[0].OrgPath})
	if err != nil || len(orgs) != 2 || orgs[0].ID != grids[0].Org {
		t.Errorf("the community's own tree: %+v, %v", orgs, err)
	}
	workers, err := postgres.Roster(t.Context(), db.Pool)
	workers = slices.DeleteFunc(workers, func(w postgres.WorkerRow) bool { return !strings.HasPrefix(w.OrgPath, grids[0].OrgPath) })
	if err != nil || len(workers) < 20 || workers[0].Grid == 0 {
		t.Errorf("%d workers, %v", len(workers), err)
	}
	w, err := postgres.WorkerByCode(t.Context(), db.Pool, "WY001")
	if err != nil || w.OrgName != "明湖社区" {
		t.Errorf("%+v, %v", w, err)
	}
	if as, err := postgres.Assignments(t.Context(), db.Pool, w.ID); err != nil || len(as) != 1 || as[0].Role != "worker" {
		t.Errorf("%+v, %v", as, err)
	}
}

// The fence must say what PostGIS says, on borders and vertices too.
func TestFenceAgreesWithPostGIS(t *testing.T) {
	db := pgtest.New(t)
	d := street(t)
	if err := postgres.SeedStreet(t.Context(), db, d); err != nil {
		t.Fatal(err)
	}
	f, err := postgres.LoadFence(t.Context(), db.Pool)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Areas()) != 133 {
		t.Fatalf("%d areas", len(f.Areas()))
	}
	agree := func(t *rapid.T, p orb.Point) {
		want, err := postgres.GridAt(t.Context(), db.Pool, p)
		if err != nil {
			t.Fatal(err)
		}
		got := int64(0)
		if i, ok := f.Locate(p); ok {
			got = f.Areas()[i].ID
		}
		if got != want {
			t.Fatalf("%v lies in %d, PostGIS says %d", p, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		g := d.Grids[rapid.IntRange(0, len(d.Grids)-1).Draw(t, "grid")]
		ring := g.Shape[0][0]
		i := rapid.IntRange(1, len(ring)-1).Draw(t, "edge")
		a, b := ring[i-1], ring[i]
		s := rapid.Float64Range(0, 1).Draw(t, "along")
		agree(t, a)
		agree(t, orb.Point{(a[0] + b[0]) / 2, (a[1] + b[1]) / 2})
		agree(t, orb.Point{a[0] + (b[0]-a[0])*s, a[1] + (b[1]-a[1])*s})
		agree(t, orb.Point{rapid.Float64Range(114.18, 114.24).Draw(t, "lon"), rapid.Float64Range(22.67, 22.71).Draw(t, "lat")})
	})
}

func TestGridVersions(t *testing.T) {
	db := pgtest.New(t)
	if err := postgres.SeedStreet(t.Context(), db, street(t)); err != nil {
		t.Fatal(err)
	}
	grids, err := postgres.Grids(t.Context(), db.Pool, []string{""})
	if err != nil {
		t.Fatal(err)
	}
	load := func() (all []territory.Grid) {
		for _, row := range grids {
			g, err := postgres.GridByID(t.Context(), db.Pool, row.ID)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, g)
		}
		return all
	}
	put := func(all []territory.Grid, retire bool) (out postgres.Outcome) {
		t.Helper()
		err := db.Tx(t.Context(), func(ctx context.Context, tx pgx.Tx) (err error) {
			out, err = postgres.PutGrids(ctx, tx, all, postgres.GridImport{Region: fixtures.StreetCode, Retire: retire})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	epoch := func() int64 {
		e, err := postgres.TerritoryEpoch(t.Context(), db.Pool)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	all := load()
	before := epoch()
	if out := put(all, true); out.Unchanged != 133 || out.Added+out.Changed+out.Ended != 0 || epoch() != before {
		t.Fatalf("the same grids again: %v, epoch %d → %d", out, before, epoch())
	}
	all[0].Households++
	moved := all[1].Shape.Clone()
	moved[0][0][1][0] += 1e-5
	all[1].Shape = moved
	if out := put(all, false); out.Changed != 2 || out.Unchanged != 131 || epoch() != before+1 {
		t.Fatalf("two changed grids: %v, epoch %d → %d", out, before, epoch())
	}
	for i, want := range []int32{2, 2, 1} {
		g, err := postgres.GridByID(t.Context(), db.Pool, all[i].ID)
		if err != nil || g.Version != want {
			t.Errorf("grid %d has version %d, want %d (%v)", i, g.Version, want, err)
		}
	}
	if out := put(all[:132], false); out.Ended != 0 {
		t.Errorf("a missing grid ended unasked: %v", out)
	}
	if out := put(all[:132], true); out.Ended != 1 {
		t.Errorf("a missing grid did not end: %v", out)
	}
	if n := count(t, db, `SELECT count(*) FROM grid_now`); n != 132 {
		t.Errorf("%d grids live", n)
	}
	if out := put(all, false); out.Added != 1 {
		t.Errorf("a grid that comes back: %v", out)
	}
	g, err := postgres.GridByID(t.Context(), db.Pool, all[132].ID)
	if err != nil || g.Version != 2 {
		t.Errorf("it came back as version %d, %v", g.Version, err)
	}
	if n := count(t, db, `SELECT count(*) FROM journal WHERE kind = 'territory.changed'`); n != 4 {
		t.Errorf("%d changes in the journal, want 4", n)
	}
}
