package near

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/paulmach/orb"
	"pgregory.net/rapid"
)

// plain is Nearest by measuring everybody.
func plain(points map[uint32]orb.Point, p orb.Point, k int, keep func(uint32) bool) []Hit {
	s := search{p: p}
	s.east, s.north, s.narrows = plane(p[1])
	var hits []Hit
	for id, q := range points {
		if keep != nil && !keep(id) {
			continue
		}
		dx := (q[0] - p[0]) * max(s.east-s.narrows*(q[1]-p[1]), 0)
		dy := (q[1] - p[1]) * s.north
		hits = append(hits, Hit{id, dx*dx + dy*dy})
	}
	slices.SortFunc(hits, func(a, b Hit) int { return cmp.Or(cmp.Compare(a.Metres, b.Metres), cmp.Compare(a.ID, b.ID)) })
	hits = hits[:min(k, len(hits))]
	for i := range hits {
		hits[i].Metres = math.Sqrt(hits[i].Metres)
	}
	return hits
}

// TestNearestEqualsMeasuringEverybody lets points come, move and go, and asks
// in between. Coordinates are drawn from towns, from coarse lattices (so that
// points coincide) and from the whole country.
func TestNearestEqualsMeasuringEverybody(t *testing.T) {
	somewhere := rapid.Custom(func(t *rapid.T) orb.Point {
		switch rapid.IntRange(0, 3).Draw(t, "where") {
		case 0:
			return orb.Point{114.2 + rapid.Float64Range(0, 0.05).Draw(t, "lon"), 22.68 + rapid.Float64Range(0, 0.03).Draw(t, "lat")}
		case 1:
			return orb.Point{121.6 + float64(rapid.IntRange(-3, 3).Draw(t, "i"))/1000, 29.9 + float64(rapid.IntRange(-3, 3).Draw(t, "j"))/1000}
		case 2:
			return orb.Point{rapid.Float64Range(73, 135).Draw(t, "lon"), rapid.Float64Range(3, 54).Draw(t, "lat")}
		}
		return orb.Point{rapid.Float64Range(-1, 1).Draw(t, "lon"), rapid.Float64Range(-1, 1).Draw(t, "lat")}
	})
	rapid.Check(t, func(t *rapid.T) {
		x, points := New(), map[uint32]orb.Point{}
		for range rapid.IntRange(1, 20).Draw(t, "rounds") {
			for range rapid.IntRange(0, 120).Draw(t, "steps") {
				id := rapid.Uint32Range(0, 300).Draw(t, "id")
				if rapid.IntRange(0, 4).Draw(t, "leaves") == 0 {
					x.Remove(id)
					delete(points, id)
				} else {
					points[id] = somewhere.Draw(t, "p")
					x.Set(id, points[id])
				}
			}
			if x.Len() != len(points) {
				t.Fatalf("%d points, want %d", x.Len(), len(points))
			}
			var keep func(uint32) bool
			if rapid.Bool().Draw(t, "choosy") {
				keep = func(id uint32) bool { return id%3 == 0 }
			}
			p, k := somewhere.Draw(t, "from"), rapid.IntRange(0, 20).Draw(t, "k")
			got, want := x.Nearest(p, k, keep, nil), plain(points, p, k, keep)
			if !slices.EqualFunc(got, want, func(a, b Hit) bool { return a.ID == b.ID && math.Abs(a.Metres-b.Metres) < 1e-6 }) {
				t.Fatalf("%d of %d nearest to %v:\n%v, want\n%v", k, len(points), p, got, want)
			}
		}
	})
}

// crowd makes n workers: most in seven towns, some along a road, and one in a
// hundred at ten depots.
func crowd(n int) []orb.Point {
	random := rand.New(rand.NewPCG(5, 6))
	around := func(lon, lat, spread float64) orb.Point {
		return orb.Point{lon + random.NormFloat64()*spread, lat + random.NormFloat64()*spread}
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

func TestManyPoints(t *testing.T) {
	places := crowd(20_000)
	for i := 0; i < len(places); i += 9 {
		places[i] = places[0] // a device that reports where it was made, sold in thousands
	}
	x, points := New(), map[uint32]orb.Point{}
	for i, p := range places {
		x.Set(uint32(i), p)
		points[uint32(i)] = p
	}
	random := rand.New(rand.NewPCG(7, 8))
	for round := range 60 {
		p := orb.Point{121.2 + random.Float64()*0.8, 29.6 + random.Float64()*0.6}
		if round%6 == 0 {
			p = places[round]
		}
		if got, want := x.Nearest(p, 10, nil, nil), plain(points, p, 10, nil); !slices.EqualFunc(got, want, func(a, b Hit) bool {
			return a.ID == b.ID && math.Abs(a.Metres-b.Metres) < 1e-6
		}) {
			t.Fatalf("nearest to %v:\n%v, want\n%v", p, got, want)
		}
	}
}

func TestNearest(t *testing.T) {
	x := New()
	x.Set(1, orb.Point{114.20, 22.68})
	x.Set(2, orb.Point{114.21, 22.68})
	x.Set(3, orb.Point{114.20, 22.70})
	x.Set(4, orb.Point{114.20, 22.68})
	ids := func(hits []Hit) []uint32 {
		var list []uint32
		for _, h := range hits {
			list = append(list, h.ID)
		}
		return list
	}
	from := orb.Point{114.20, 22.68}
	for _, c := range []struct {
		when string
		got  []Hit
		want []uint32
	}{
		{"all, equal distances by id", x.Nearest(from, 9, nil, nil), []uint32{1, 4, 2, 3}},
		{"one", x.Nearest(from, 1, nil, nil), []uint32{1}},
		{"none wanted", x.Nearest(from, 0, nil, nil), nil},
		{"fewer than none", x.Nearest(from, -1, nil, nil), nil},
		{"nobody kept", x.Nearest(from, 2, func(uint32) bool { return false }, nil), nil},
		{"one kept", x.Nearest(from, 2, func(id uint32) bool { return id == 3 }, nil), []uint32{3}},
		{"from nowhere", x.Nearest(orb.Point{math.NaN(), 0}, 2, nil, nil), nil},
		{"after others", x.Nearest(from, 1, nil, []Hit{{ID: 77}, {ID: 78}}), []uint32{77, 78, 1}},
		{"from far away", x.Nearest(orb.Point{0, 0}, 1, nil, nil), []uint32{1}},
	} {
		if !slices.Equal(ids(c.got), c.want) {
			t.Errorf("%s: %v, want %v", c.when, c.got, c.want)
		}
	}
	if m := x.Nearest(from, 3, nil, nil)[2].Metres; math.Abs(m-1027.67) > 0.5 {
		t.Errorf("a hundredth of a degree at 22.68° is %v m", m)
	}
	x.Set(2, orb.Point{math.NaN(), 0})
	x.Remove(1)
	x.Remove(1)
	x.Remove(99)
	if got := ids(x.Nearest(from, 9, nil, nil)); !slices.Equal(got, []uint32{4, 3}) {
		t.Errorf("after one left and one is nowhere: %v", got)
	}
}

// TestSlotsAreUsedAgain: workers come and go for years.
func TestSlotsAreUsedAgain(t *testing.T) {
	x := New()
	for i := range uint32(100_000) {
		x.Set(i, orb.Point{114 + float64(i%100)/1000, 22})
		if i >= 50 {
			x.Remove(i - 50)
		}
	}
	if len(x.slots) > 60 || x.Len() != 50 {
		t.Errorf("%d slots for %d points", len(x.slots), x.Len())
	}
}

func TestNoAllocations(t *testing.T) {
	x := New()
	places := crowd(10_000)
	for i, p := range places {
		x.Set(uint32(i), p)
	}
	dst := make([]Hit, 0, 10)
	i := 0
	if n := testing.AllocsPerRun(200, func() {
		i++
		dst = x.Nearest(places[i], 10, nil, dst[:0])
		x.Set(uint32(i), places[i+1])
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
