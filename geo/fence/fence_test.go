package fence

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/geojson"
	"github.com/paulmach/orb/planar"
	"pgregory.net/rapid"
)

// town reads the 133 grids of the test town: quadrilaterals.
func town(t testing.TB) []Area { return read(t, "testdata/beijing-grids.geojson") }

// street reads the 133 grids of the demo street: their borders are real roads.
func street(t testing.TB) []Area { return read(t, "../../fixtures/street/grids.geojson") }

func read(t testing.TB, name string) []Area {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	fc, err := geojson.UnmarshalFeatureCollection(raw)
	if err != nil {
		t.Fatal(err)
	}
	if len(fc.Features) != 133 {
		t.Fatalf("%s has %d grids, want 133", name, len(fc.Features))
	}
	var areas []Area
	for i, feature := range fc.Features {
		var shape orb.MultiPolygon
		switch g := feature.Geometry.(type) {
		case orb.Polygon:
			shape = orb.MultiPolygon{g}
		case orb.MultiPolygon:
			shape = g
		}
		areas = append(areas, Area{ID: int64(i + 1), Version: 1, Code: feature.Properties.MustString("code"), Shape: shape})
	}
	return areas
}

// crooked gives every border the shape of a road: each edge becomes a chain of
// n pieces that leave the straight line, the same chain for both neighbours.
func crooked(areas []Area, n int) []Area {
	bend := func(a, b orb.Point) []orb.Point {
		if a[0] > b[0] || a[0] == b[0] && a[1] > b[1] {
			return nil
		}
		seed := rand.New(rand.NewPCG(math.Float64bits(a[0]+3*b[0]), math.Float64bits(a[1]+3*b[1])))
		chain := []orb.Point{}
		for k := 1; k < n; k++ {
			along := float64(k) / float64(n)
			away := (seed.Float64() - 0.5) * 0.05 * math.Sin(along*math.Pi)
			p := orb.Point{a[0] + (b[0]-a[0])*along - (b[1]-a[1])*away, a[1] + (b[1]-a[1])*along + (b[0]-a[0])*away}
			chain = append(chain, orb.Point{math.Round(p[0]*1e7) / 1e7, math.Round(p[1]*1e7) / 1e7})
		}
		return chain
	}
	bent := make([]Area, len(areas))
	for i, area := range areas {
		bent[i] = area
		bent[i].Shape = nil
		for _, polygon := range area.Shape {
			var out orb.Polygon
			for _, ring := range polygon {
				var next orb.Ring
				for k := 1; k < len(ring); k++ {
					next = append(next, ring[k-1])
					if chain := bend(ring[k-1], ring[k]); chain != nil {
						next = append(next, chain...)
						continue
					}
					back := bend(ring[k], ring[k-1])
					for j := len(back) - 1; j >= 0; j-- {
						next = append(next, back[j])
					}
				}
				out = append(out, append(next, next[0]))
			}
			bent[i].Shape = append(bent[i].Shape, out)
		}
	}
	return bent
}

func build(t testing.TB, areas ...Area) *Fence {
	t.Helper()
	f, err := New(areas)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// plain is Locate without the raster.
func (f *Fence) plain(p orb.Point) int {
	for i := range f.areas {
		if f.Covers(i, p) {
			return i
		}
	}
	return outside
}

func agree(t interface {
	Helper()
	Fatalf(string, ...any)
}, f *Fence, p orb.Point) {
	t.Helper()
	got, ok := f.Locate(p)
	want := f.plain(p)
	if got != want || ok != (want >= 0) {
		t.Fatalf("Locate(%v) = %d, %v, want %d", p, got, ok, want)
	}
}

func TestTurfCases(t *testing.T) {
	raw, err := os.ReadFile("testdata/turf_cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Cases []struct {
			Polygon  json.RawMessage
			Point    orb.Point
			Expected string
		}
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Cases) < 40 {
		t.Fatalf("only %d cases", len(file.Cases))
	}
	for i, c := range file.Cases {
		var shape orb.MultiPolygon
		if err := json.Unmarshal(c.Polygon, &shape); err != nil {
			var polygon orb.Polygon
			if err := json.Unmarshal(c.Polygon, &polygon); err != nil {
				t.Fatal(err)
			}
			shape = orb.MultiPolygon{polygon}
		}
		// some cases lie beyond the globe; their shape does not change when shrunk by a power of two
		for _, polygon := range shape {
			for _, ring := range polygon {
				for k := range ring {
					ring[k] = orb.Point{ring[k][0] / 4, ring[k][1] / 4}
				}
			}
		}
		p := orb.Point{c.Point[0] / 4, c.Point[1] / 4}
		f := build(t, Area{Code: "1", Shape: shape})
		_, got := f.Locate(p)
		if want := c.Expected != "outside"; got != want {
			t.Errorf("case %d: %v in %v = %v, want %s", i, c.Point, shape, got, c.Expected)
		}
	}
}

func square(x0, y0, x1, y1 float64) orb.Polygon {
	return orb.Polygon{{{x0, y0}, {x1, y0}, {x1, y1}, {x0, y1}, {x0, y0}}}
}

func hole(outer, inner orb.Polygon) orb.Polygon { return append(outer, inner...) }

func TestLocate(t *testing.T) {
	// a and b share a border with a step in it; c lies in a hole of a; d overlaps b; e is in two parts
	a := Area{Code: "a", Shape: orb.MultiPolygon{hole(square(0, 0, 4, 4), square(1, 1, 3, 3))}}
	b := Area{Code: "b", Shape: orb.MultiPolygon{{{{4, 0}, {8, 0}, {8, 4}, {4, 4}, {4, 2}, {4, 0}}}}}
	c := Area{Code: "c", Shape: orb.MultiPolygon{square(1, 1, 2, 3)}}
	d := Area{Code: "d", Shape: orb.MultiPolygon{square(6, 2, 10, 6)}}
	e := Area{Code: "e", Shape: orb.MultiPolygon{square(20, 0, 21, 1), square(21, 1, 22, 2)}}
	f := build(t, e, d, c, b, a)
	for _, c := range []struct {
		when string
		p    orb.Point
		want string
	}{
		{"inside", orb.Point{0.5, 0.5}, "a"},
		{"outside all but within the box", orb.Point{15, 3}, ""},
		{"beyond the box", orb.Point{-1, 3}, ""},
		{"beyond the box to the north", orb.Point{3, 70}, ""},
		{"the lower left corner of everything", orb.Point{0, 0}, "a"},
		{"an outer edge", orb.Point{0, 2}, "a"},
		{"a shared edge belongs to the smaller code", orb.Point{4, 1}, "a"},
		{"a shared vertex too", orb.Point{4, 2}, "a"},
		{"in the hole where nothing is", orb.Point{2.5, 2}, ""},
		{"in the hole where another area is", orb.Point{1.5, 2}, "c"},
		{"the rim of the hole belongs to both", orb.Point{1, 2}, "a"},
		{"the free rim of the hole", orb.Point{3, 2}, "a"},
		{"a border inside the hole", orb.Point{2, 2}, "c"},
		{"an overlap belongs to the smaller code", orb.Point{7, 3}, "b"},
		{"beside the overlap", orb.Point{9, 3}, "d"},
		{"the other's border within the overlap", orb.Point{6, 3}, "b"},
		{"the first part of two", orb.Point{20.5, 0.5}, "e"},
		{"the second part", orb.Point{21.5, 1.5}, "e"},
		{"where the parts touch", orb.Point{21, 1}, "e"},
		{"not a number", orb.Point{math.NaN(), 1}, ""},
		{"infinitely far", orb.Point{math.Inf(1), 1}, ""},
	} {
		i, ok := f.Locate(c.p)
		got := ""
		if ok {
			got = f.Areas()[i].Code
		}
		if got != c.want {
			t.Errorf("%s: Locate(%v) = %q, want %q", c.when, c.p, got, c.want)
		}
	}
}

func TestNewRefusesWhatIsNoShape(t *testing.T) {
	for when, shape := range map[string]orb.MultiPolygon{
		"an open ring":       {{{{0, 0}, {1, 0}, {1, 1}, {0, 1}}}},
		"three points":       {{{{0, 0}, {1, 0}, {0, 0}}}},
		"no number":          {{{{0, 0}, {1, 0}, {math.NaN(), 1}, {0, 0}}}},
		"metres":             {{{{500000, 0}, {500001, 0}, {500001, 1}, {500000, 0}}}},
		"an empty ring":      {{{}}},
		"infinity, a corner": {{{{0, 0}, {math.Inf(-1), 0}, {1, 1}, {0, 0}}}},
	} {
		if _, err := New([]Area{{Code: "440307001001001", Shape: shape}}); err == nil || !strings.Contains(err.Error(), "440307001001001") {
			t.Errorf("%s: error %v does not name the area", when, err)
		}
	}
}

func TestDegenerateShapesHoldWhatPostGISSays(t *testing.T) {
	for when, areas := range map[string][]Area{
		"no areas":                     nil,
		"an empty shape":               {{Code: "1"}},
		"an empty part":                {{Code: "1", Shape: orb.MultiPolygon{{}}}},
		"a line":                       {{Code: "1", Shape: orb.MultiPolygon{{{{0, 0}, {1, 1}, {0.5, 0.5}, {0, 0}}}}}},
		"a point":                      {{Code: "1", Shape: orb.MultiPolygon{{{{1, 1}, {1, 1}, {1, 1}, {1, 1}}}}}},
		"a spike":                      {{Code: "1", Shape: orb.MultiPolygon{{{{0, 0}, {1, 0}, {1, 1}, {1, 3}, {1, 1}, {0, 1}, {0, 0}}}}}},
		"a repeated one":               {{Code: "1", Shape: orb.MultiPolygon{{{{0, 0}, {1, 0}, {1, 0}, {1, 1}, {0, 1}, {0, 0}}}}}},
		"a thousandth of a millimetre": {{Code: "1", Shape: orb.MultiPolygon{square(1, 1, 1+1e-11, 1+1e-11)}}},
		"the whole globe":              {{Code: "1", Shape: orb.MultiPolygon{square(-180, -90, 180, 90)}}},
	} {
		f := build(t, areas...)
		for x := -0.5; x <= 3.5; x += 0.25 {
			for y := -0.5; y <= 3.5; y += 0.25 {
				agree(t, f, orb.Point{x, y})
			}
		}
		t.Log(when)
	}
}

// TestManyAreasInOneSquare crowds more areas into one place than a square has bits for.
func TestManyAreasInOneSquare(t *testing.T) {
	var areas []Area
	for i := range 100 {
		angle := float64(i) / 100 * 2 * math.Pi
		next := float64(i+1) / 100 * 2 * math.Pi
		areas = append(areas, Area{Code: fmt.Sprintf("%03d", i), Shape: orb.MultiPolygon{{{
			{10, 10}, {10 + math.Cos(angle), 10 + math.Sin(angle)}, {10 + math.Cos(next), 10 + math.Sin(next)}, {10, 10},
		}}}})
	}
	f := build(t, areas...)
	random := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		far := math.Pow(random.Float64(), 6)
		angle := random.Float64() * 2 * math.Pi
		agree(t, f, orb.Point{10 + far*math.Cos(angle), 10 + far*math.Sin(angle)})
	}
	agree(t, f, orb.Point{10, 10})
}

// hardPoints are where a crossing test goes wrong: vertices, points on and
// beside edges by as little as a double can say, points level with a vertex.
func hardPoints(areas []Area, visit func(orb.Point)) {
	beside := func(p orb.Point) {
		visit(p)
		for _, to := range []float64{math.Inf(-1), math.Inf(1)} {
			visit(orb.Point{math.Nextafter(p[0], to), p[1]})
			visit(orb.Point{p[0], math.Nextafter(p[1], to)})
		}
	}
	for _, area := range areas {
		for _, polygon := range area.Shape {
			for _, ring := range polygon {
				for k := 1; k < len(ring); k++ {
					a, b := ring[k-1], ring[k]
					beside(a)
					beside(orb.Point{(a[0] + b[0]) / 2, (a[1] + b[1]) / 2})
					beside(orb.Point{a[0] + (b[0]-a[0])*0.3, a[1] + (b[1]-a[1])*0.3})
					visit(orb.Point{a[0] + 0.001, a[1]})
					visit(orb.Point{a[0] - 0.001, a[1]})
					visit(orb.Point{a[0], a[1] + 0.001})
					visit(orb.Point{a[0], a[1] - 0.001})
				}
			}
		}
	}
}

func TestLocateEqualsAskingEveryArea(t *testing.T) {
	for when, areas := range map[string][]Area{
		"the demo street":    street(t),
		"the test town":      town(t),
		"with 60 points":     crooked(town(t), 15),
		"with 240 points":    crooked(town(t), 60),
		"two towns and more": append(append(street(t), crooked(town(t), 3)...), street(t)...),
	} {
		f := build(t, areas...)
		box := areas[0].Shape.Bound()
		for _, area := range areas[:133] {
			box = box.Union(area.Shape.Bound())
		}
		box = box.Pad(0.005)
		hardPoints(areas, func(p orb.Point) { agree(t, f, p) })
		random := rand.New(rand.NewPCG(3, 4))
		for range 20_000 {
			p := orb.Point{box.Min[0] + (box.Max[0]-box.Min[0])*random.Float64(), box.Min[1] + (box.Max[1]-box.Min[1])*random.Float64()}
			agree(t, f, p)
			agree(t, f, orb.Point{math.Round(p[0]*1e4) / 1e4, math.Round(p[1]*1e4) / 1e4})
		}
		t.Logf("%s: %d squares, %d crossed, %.2f edges in each", when, len(f.squares), len(f.crossed), float64(len(f.edges))/float64(len(f.crossed)))
	}
}

// anyShape draws a star around a centre, with a hole half of the time: valid,
// and as likely as not to have vertices on round coordinates.
func anyShape(t *rapid.T) orb.MultiPolygon {
	n := rapid.IntRange(3, 12).Draw(t, "points")
	x := float64(rapid.IntRange(-8, 8).Draw(t, "x")) / 4
	y := float64(rapid.IntRange(-8, 8).Draw(t, "y")) / 4
	round := rapid.SampledFrom([]float64{4, 64, 1e7}).Draw(t, "round")
	star := func(least, most float64) orb.Ring {
		var ring orb.Ring
		for i := range n {
			angle := 2 * math.Pi * float64(i) / float64(n)
			r := least + (most-least)*rapid.Float64Range(0, 1).Draw(t, "r")
			ring = append(ring, orb.Point{x + math.Round(r*math.Cos(angle)*round)/round, y + math.Round(r*math.Sin(angle)*round)/round})
		}
		return append(ring, ring[0])
	}
	polygon := orb.Polygon{star(1.5, 3)}
	if n > 5 && rapid.Bool().Draw(t, "hole") {
		polygon = append(polygon, star(0.5, 1))
	}
	return orb.MultiPolygon{polygon}
}

func TestLocateProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var areas []Area
		for i := range rapid.IntRange(1, 6).Draw(t, "areas") {
			areas = append(areas, Area{Code: fmt.Sprint(i), Shape: anyShape(t)})
		}
		f, err := New(areas)
		if err != nil {
			t.Fatal(err)
		}
		hardPoints(areas, func(p orb.Point) { agree(t, f, p) })
		for range 200 {
			p := orb.Point{rapid.Float64Range(-6, 6).Draw(t, "px"), rapid.Float64Range(-6, 6).Draw(t, "py")}
			agree(t, f, p)
			got, _ := f.Locate(p)
			want := outside
			for i, area := range f.areas {
				if onBorder(area.Shape, p) {
					want = got // orb counts an outer border as inside and the rim of a hole as outside
					break
				}
				if planar.MultiPolygonContains(area.Shape, p) {
					want = i
					break
				}
			}
			if got != want {
				t.Fatalf("orb says that area %d holds %v, Locate says %d", want, p, got)
			}
		}
	})
}

// onBorder reports whether p is within rounding of a border.
func onBorder(shape orb.MultiPolygon, p orb.Point) bool {
	for _, polygon := range shape {
		for _, ring := range polygon {
			for k := 1; k < len(ring); k++ {
				if planar.DistanceFromSegment(ring[k-1], ring[k], p) < 1e-12 {
					return true
				}
			}
		}
	}
	return false
}

func TestDistanceToBorder(t *testing.T) {
	f := build(t,
		Area{Code: "1", Shape: orb.MultiPolygon{hole(square(114.2, 22.68, 114.21, 22.69), square(114.204, 22.684, 114.206, 22.686))}},
		Area{Code: "2"},
	)
	// one degree at this latitude is 102,720 m from west to east and 110,750 m from south to north
	for _, c := range []struct {
		when   string
		area   int
		p      orb.Point
		metres float64
	}{
		{"inside, nearest to the west", 0, orb.Point{114.2001, 22.685}, 10.27},
		{"inside, nearest to the south", 0, orb.Point{114.205, 22.6801}, 11.07},
		{"outside to the east", 0, orb.Point{114.2101, 22.685}, -10.27},
		{"outside a corner", 0, orb.Point{114.2101, 22.6901}, -15.10},
		{"on an edge", 0, orb.Point{114.2, 22.685}, 0},
		{"on a vertex", 0, orb.Point{114.2, 22.68}, 0},
		{"in the hole", 0, orb.Point{114.2041, 22.685}, -10.27},
		{"beside the hole", 0, orb.Point{114.2039, 22.685}, 10.27},
		{"an area without a shape", 1, orb.Point{114.2, 22.68}, math.Inf(-1)},
	} {
		got := f.DistanceToBorder(c.area, c.p)
		if got != c.metres && math.Abs(got-c.metres) > 0.02 {
			t.Errorf("%s: %.3f m, want %.3f m", c.when, got, c.metres)
		}
	}
	if n := testing.AllocsPerRun(100, func() { f.DistanceToBorder(0, orb.Point{114.2, 22.7}) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestLocateDoesNotAllocate(t *testing.T) {
	areas := crooked(town(t), 15)
	f := build(t, areas...)
	p, onBorder := orb.Point{116.31, 40}, areas[40].Shape[0][0][2]
	if n := testing.AllocsPerRun(100, func() { f.Locate(p); f.Locate(onBorder) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
