package dispatch_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/paulmach/orb"

	"github.com/gridward/gridward/fixtures"
	"github.com/gridward/gridward/geo/streets"
	"github.com/gridward/gridward/server/dispatch"
)

// BenchmarkRank finds whom to send out of 500 people of the demo street, from
// their positions to the reasons: along the streets, judged and ordered.
func BenchmarkRank(b *testing.B) {
	roads, err := fixtures.Roads()
	if err != nil {
		b.Fatal(err)
	}
	ways := make([]streets.Way, len(roads))
	for i, r := range roads {
		ways[i] = streets.Way{Line: r.Line, Modes: streets.ModesOf(r.Class), Oneway: r.Oneway}
	}
	street, err := fixtures.Street()
	if err != nil {
		b.Fatal(err)
	}
	g := streets.Build(ways, streets.Options{LeastPiece: 2000})
	random := rand.New(rand.NewPCG(1, 2))
	somewhere := func() orb.Point {
		p := street.Grids[random.IntN(len(street.Grids))].Shape.Bound().Center()
		return orb.Point{p[0] + random.NormFloat64()*5e-4, p[1] + random.NormFloat64()*5e-4}
	}
	relations := []dispatch.Relation{dispatch.Responsible, dispatch.Neighbour, dispatch.Neighbour, dispatch.Community, dispatch.Community, dispatch.Other, dispatch.Other, dispatch.Other}
	facts, points := make([]dispatch.Fact, 500), make([]orb.Point, 500)
	for i := range facts {
		points[i] = somewhere()
		facts[i] = dispatch.Fact{
			Worker: int64(i + 1), Name: "王建国", Role: "grid_worker", Relation: relations[random.IntN(len(relations))], OnDuty: random.IntN(4) > 0, Presence: "online",
			Placed: true, Age: time.Duration(random.IntN(600)) * time.Second, Load: random.IntN(4), Today: random.IntN(5),
		}
	}
	p := dispatch.DefaultPolicy()
	s := streets.NewSearch(g)
	metres := make([]float64, 0, len(points))
	b.ReportAllocs()
	b.ResetTimer()
	shown := 0
	for range b.N {
		goal := somewhere()
		metres = s.Towards(goal, points, streets.Foot, streets.Reach{Snap: 300, Limit: 2 * p.MaxM}, metres[:0])
		for i, m := range metres {
			facts[i].Metres, facts[i].By = m, dispatch.ByStreet
			if math.IsInf(m, 1) {
				facts[i].Metres, facts[i].By = streets.Metres(points[i], goal), dispatch.ByStraight
			}
		}
		shown += len(dispatch.Rank(p, dispatch.Case{Located: true}, facts).Candidates)
	}
	b.ReportMetric(float64(shown)/float64(b.N), "candidates")
}
