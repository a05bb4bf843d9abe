package patrol_test

import (
	"slices"
	"testing"

	"github.com/paulmach/orb"

	"github.com/gridward/gridward/geo/fence"
	"github.com/gridward/gridward/server/patrol"
	"github.com/gridward/gridward/server/pgtest"
)

// PostGIS says the same of which cells a road touches, and which lie within
// 25 m of a walk.
func TestCellsAreThoseOfPostGIS(t *testing.T) {
	t.Parallel()
	road := orb.LineString{{lon0 - 0.001, lat0 + 0.0021}, {lon0 + 0.0043, lat0 + 0.0033}, {lon0 + 0.0071, lat0 + 0.0086}, {lon0 + 0.011, lat0 + 0.0061}}
	ground, err := patrol.NewGround([]fence.Area{one, two}, []orb.LineString{road}, nil)
	if err != nil {
		t.Fatal(err)
	}
	pool := pgtest.New(t).Pool
	within := func(ring orb.Ring, line orb.LineString, m float64) (near, sure bool) {
		t.Helper()
		var d float64
		if err := pool.QueryRow(t.Context(), `SELECT ST_Distance($1::geometry::geography, $2::geometry::geography)`, orb.Polygon{ring}, line).Scan(&d); err != nil {
			t.Fatal(err)
		}
		return d <= m, d < m-0.3 || d > m+0.3 // the sphere and the ellipsoid are not the same
	}
	walk := patrol.Walk{{{lon0 + 0.001, lat0 + 0.001}, {lon0 + 0.0043, lat0 + 0.0035}, {lon0 + 0.0052, lat0 + 0.0043}}, {{lon0 + 0.0072, lat0 + 0.0085}}}
	walked, err := ground.Walked(walk, 25)
	if err != nil {
		t.Fatal(err)
	}
	cells, walkable, near := 0, 0, 0
	for _, grid := range []int64{1, 2} {
		list, err := ground.Cells(grid)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range list {
			cells++
			if touches, sure := within(c.Ring, road, 0.0001); c.Walkable != touches && (sure || touches) {
				t.Errorf("cell %x of grid %d: walkable %v, PostGIS says the road touches it: %v", c.ID, grid, c.Walkable, touches)
			}
			if !c.Walkable {
				continue
			}
			walkable++
			is := slices.Contains(walked[grid], c.ID)
			if is {
				near++
			}
			a, sureA := within(c.Ring, orb.LineString(walk[0]), 25)
			b, sureB := within(c.Ring, orb.LineString{walk[1][0], walk[1][0]}, 25)
			if is != (a || b) && sureA && sureB {
				t.Errorf("cell %x of grid %d: walked %v, PostGIS %v", c.ID, grid, is, a || b)
			}
		}
		if n := ground.Walkable(grid); n == 0 || n == len(list) {
			t.Errorf("grid %d has %d walkable cells of %d", grid, n, len(list))
		}
	}
	if cells < 800 || walkable < 30 || near < 10 {
		t.Errorf("%d cells, %d walkable, %d walked: too few to prove anything", cells, walkable, near)
	}
}

func TestAGridWithoutARoadIsWalkableEverywhere(t *testing.T) {
	t.Parallel()
	ground, err := patrol.NewGround([]fence.Area{one}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	list, err := ground.Cells(1)
	if err != nil {
		t.Fatal(err)
	}
	if n := ground.Walkable(1); n != len(list) || n < 400 {
		t.Errorf("%d of %d cells", n, len(list))
	}
}

// A worker's whole day at one fix in five seconds: eight hours in the grid and
// beside it.
func BenchmarkDay(b *testing.B) {
	var road orb.LineString
	for i := range 60 {
		road = append(road, orb.Point{lon0 + float64(i)*side/30, lat0 + float64(i%7)*side/7})
	}
	ground, err := patrol.NewGround([]fence.Area{one, two}, []orb.LineString{road}, nil)
	if err != nil {
		b.Fatal(err)
	}
	fixes := walk("08:00", "16:00", 5, middle)
	for i := range fixes {
		fixes[i].Point = sway(fixes[i].Ms, orb.Point{lon0 + float64(i%3000)*side/2000, middle[1]})
	}
	in := onPatrol(fixes, with(visit(1, "09:35", "09:50")))
	p := patrol.Defaults()
	for b.Loop() {
		in.Digest(p, "r")
		_, walk := patrol.Measure(in, p)
		if _, err := ground.Walked(walk, p.WalkM); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(fixes)), "fixes")
}
