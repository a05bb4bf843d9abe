package near

import (
	"math/rand/v2"
	"testing"

	"github.com/paulmach/orb"
)

// BenchmarkNear asks for the nearest 10 of 100,000 workers, and moves them.
// The baseline, PostGIS with <-> over a GiST index and the same points, is
// BenchmarkNearPostGIS in server/postgres.
func BenchmarkNear(b *testing.B) {
	const n = 100_000
	places := crowd(n)
	x := New()
	for i, p := range places {
		x.Set(uint32(i), p)
	}
	random := rand.New(rand.NewPCG(1, 2))
	from := make([]orb.Point, 1<<12)
	for i := range from {
		near := places[random.IntN(n)]
		from[i] = orb.Point{near[0] + random.NormFloat64()*0.002, near[1] + random.NormFloat64()*0.002}
	}
	b.Run("near/gridward", func(b *testing.B) {
		b.ReportAllocs()
		dst := make([]Hit, 0, 10)
		for i := range b.N {
			if dst = x.Nearest(from[i&(1<<12-1)], 10, nil, dst[:0]); len(dst) != 10 {
				b.Fatal(len(dst))
			}
		}
	})
	b.Run("near/one-in-twenty", func(b *testing.B) { // a scope that keeps few
		dst := make([]Hit, 0, 10)
		keep := func(id uint32) bool { return id*2654435761>>16%20 == 0 }
		for i := range b.N {
			dst = x.Nearest(from[i&(1<<12-1)], 10, keep, dst[:0])
		}
	})
	b.Run("near/far-scope", func(b *testing.B) { // a scope that keeps one town, mostly asked from others
		dst := make([]Hit, 0, 10)
		keep := func(id uint32) bool { return id%20 == 0 }
		for i := range b.N {
			dst = x.Nearest(from[i&(1<<12-1)], 10, keep, dst[:0])
		}
	})
	b.Run("near/update", func(b *testing.B) {
		b.ReportAllocs()
		for i := range b.N {
			id := uint32(i*7919) % n
			p := &places[id]
			p[0] += (random.Float64() - 0.5) * 2e-4
			p[1] += (random.Float64() - 0.5) * 2e-4
			x.Set(id, *p)
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "updates/s")
	})
	b.Run("near/size", func(b *testing.B) { // what a Set in 400,000 costs more
		for range b.N {
			x.size()
		}
	})
	b.Run("near/moving", func(b *testing.B) { // nine moves for each question
		dst := make([]Hit, 0, 10)
		for i := range b.N {
			for k := range 9 {
				id := uint32(i*7919+k*104729) % n
				places[id][0] += 1e-5
				x.Set(id, places[id])
			}
			dst = x.Nearest(from[i&(1<<12-1)], 10, nil, dst[:0])
		}
	})
}
