package fence

import (
	"math/rand/v2"
	"testing"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/planar"
	"github.com/tidwall/rtree"

	"github.com/gridward/gridward/geo/hexgrid"
)

// BenchmarkFence asks which of 133 grids holds a random point of their box.
// "street" is the demo street, whose borders are real roads (17 points in a ring);
// "crooked" are the test town's grids with bent borders (60 points), "straight"
// the same as they are drawn (4 points).
func BenchmarkFence(b *testing.B) {
	for _, shape := range []struct {
		name  string
		areas []Area
	}{
		{"street", street(b)},
		{"crooked", crooked(town(b), 15)},
		{"straight", town(b)},
	} {
		f := build(b, shape.areas...)
		box := shape.areas[0].Shape.Bound()
		var tree rtree.RTreeG[int]
		for i, area := range f.Areas() {
			bound := area.Shape.Bound()
			box = box.Union(bound)
			tree.Insert(bound.Min, bound.Max, i)
		}
		random := rand.New(rand.NewPCG(1, 2))
		points := make([]orb.Point, 1<<16)
		for i := range points {
			points[i] = orb.Point{
				box.Min[0] + random.Float64()*(box.Max[0]-box.Min[0]),
				box.Min[1] + random.Float64()*(box.Max[1]-box.Min[1]),
			}
		}
		// what a worker sends: one point a few metres from the one before
		walk := make([]orb.Point, 1<<16)
		at := box.Center()
		for i := range walk {
			if i%4096 == 0 {
				at = points[i]
			}
			at = orb.Point{at[0] + (random.Float64()-0.5)*1e-4, at[1] + (random.Float64()-0.5)*1e-4}
			walk[i] = at
		}
		indexed := func(p orb.Point) int {
			best := outside
			tree.Search(p, p, func(_, _ [2]float64, i int) bool {
				if (best < 0 || i < best) && planar.MultiPolygonContains(f.areas[i].Shape, p) {
					best = i
				}
				return true
			})
			return best
		}
		for _, p := range points[:1000] {
			if i, _ := f.Locate(p); i != indexed(p) {
				b.Fatalf("%v: %d and %d", p, i, indexed(p))
			}
		}
		b.Run("fence/gridward/"+shape.name, func(b *testing.B) {
			b.ReportAllocs()
			found := 0
			for i := range b.N {
				if _, ok := f.Locate(points[i&(1<<16-1)]); ok {
					found++
				}
			}
			held(b, found)
		})
		b.Run("fence/gridward-walk/"+shape.name, func(b *testing.B) {
			found := 0
			for i := range b.N {
				if _, ok := f.Locate(walk[i&(1<<16-1)]); ok {
					found++
				}
			}
			held(b, found)
		})
		b.Run("fence/rtree-orb/"+shape.name, func(b *testing.B) {
			b.ReportAllocs()
			found := 0
			for i := range b.N {
				if indexed(points[i&(1<<16-1)]) >= 0 {
					found++
				}
			}
			held(b, found)
		})
		b.Run("fence/h3/"+shape.name, func(b *testing.B) {
			found := 0
			for i := range b.N {
				if _, err := hexgrid.At(points[i&(1<<16-1)], 10); err == nil {
					found++
				}
			}
			held(b, found)
		})
		b.Run("fence/border/"+shape.name, func(b *testing.B) {
			for i := range b.N {
				f.DistanceToBorder(i%len(f.areas), points[i&(1<<16-1)])
			}
		})
		b.Run("fence/build/"+shape.name, func(b *testing.B) {
			for range b.N {
				build(b, shape.areas...)
			}
		})
	}
}

// held keeps the compiler from dropping the work, and the points from missing.
func held(b *testing.B, found int) {
	if b.N > 1000 && found < b.N/2 {
		b.Fatalf("only %d of %d points were found", found, b.N)
	}
}
