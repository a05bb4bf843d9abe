package hexgrid

import (
	"bufio"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/planar"
	"pgregory.net/rapid"
)

// TestOutlinesOfH3 compares rings with the vectors of the library's authors.
func TestOutlinesOfH3(t *testing.T) {
	for _, name := range []string{"testdata/bc05r08cells.txt", "testdata/bc05r09cells.txt"} {
		file, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		var ring orb.Ring
		var text string
		cells := 0
		for lines := bufio.NewScanner(file); lines.Scan(); {
			var lat, lon float64
			switch line := strings.TrimSpace(lines.Text()); {
			case line == "{":
				ring = nil
			case line == "}":
				cells++
				c, err := Parse(text)
				if err != nil {
					t.Fatal(err)
				}
				if c.String() != text {
					t.Errorf("%s is written %s", text, c)
				}
				got, err := c.Ring()
				if err != nil {
					t.Fatal(err)
				}
				if !slices.EqualFunc(got, append(ring, ring[0]), close9) {
					t.Errorf("%s: %v, want %v", text, got, ring)
				}
				centre, err := c.Centre()
				if err != nil {
					t.Fatal(err)
				}
				if back, err := At(centre, c.Resolution()); err != nil || back != c {
					t.Errorf("the centre of %v lies in %v (%v)", c, back, err)
				}
			case strings.Contains(line, " "):
				if _, err := fmt.Sscan(line, &lat, &lon); err != nil {
					t.Fatal(err)
				}
				ring = append(ring, orb.Point{lon, lat})
			default:
				text = line
			}
		}
		if cells < 7 {
			t.Errorf("%s: only %d cells", name, cells)
		}
	}
}

func close9(a, b orb.Point) bool { return math.Hypot(a[0]-b[0], a[1]-b[1]) < 2e-9 }

func TestCentresOfH3(t *testing.T) {
	raw, err := os.ReadFile("testdata/res00ic.txt")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(raw)), "\n")
	if len(lines) != 122 {
		t.Fatalf("%d base cells, want 122", len(lines))
	}
	for _, line := range lines {
		var text string
		var lat, lon float64
		if _, err := fmt.Sscan(line, &text, &lat, &lon); err != nil {
			t.Fatal(err)
		}
		c, err := At(orb.Point{lon, lat}, 0)
		if err != nil || c.String() != text {
			t.Errorf("%v,%v is in %v (%v), want %s", lon, lat, c, err, text)
		}
	}
}

func TestWhatIsNoCellIsRefused(t *testing.T) {
	for when, try := range map[string]func() error{
		"lat before lon":       func() error { _, err := At(orb.Point{22.68, 114.2}, 9); return err },
		"not a number":         func() error { _, err := At(orb.Point{math.NaN(), 22}, 9); return err },
		"infinity":             func() error { _, err := At(orb.Point{114, math.Inf(1)}, 9); return err },
		"resolution 16":        func() error { _, err := At(orb.Point{114.2, 22.68}, 16); return err },
		"resolution -1":        func() error { _, err := At(orb.Point{114.2, 22.68}, -1); return err },
		"empty text":           func() error { _, err := Parse(""); return err },
		"some text":            func() error { _, err := Parse("88zz"); return err },
		"a number, no cell":    func() error { _, err := Parse("ffffffffffffffff"); return err },
		"ring of no cell":      func() error { _, err := Cell(0).Ring(); return err },
		"centre of no cell":    func() error { _, err := Cell(1).Centre(); return err },
		"parent of no cell":    func() error { _, err := Cell(1).Parent(1); return err },
		"disk of no cell":      func() error { _, err := Disk(0, 1); return err },
		"a disk of the globe":  func() error { _, err := Disk(0x880a000001fffff, 1_000_000); return err },
		"a negative disk":      func() error { _, err := Disk(0x880a000001fffff, -1); return err },
		"a finer parent":       func() error { _, err := Cell(0x880a000001fffff).Parent(9); return err },
		"the globe in desks":   func() error { _, err := CoverPolygon(box(-180, -90, 180, 90), 15, Centres); return err },
		"a cover that is none": func() error { _, err := CoverPolygon(box(0, 0, 1, 1), 5, 7); return err },
		"cover resolution":     func() error { _, err := CoverPolygon(box(0, 0, 1, 1), 99, Centres); return err },
	} {
		if try() == nil {
			t.Errorf("%s is accepted", when)
		}
	}
}

func box(x0, y0, x1, y1 float64) orb.Polygon {
	return orb.Polygon{{{x0, y0}, {x1, y0}, {x1, y1}, {x0, y1}, {x0, y0}}}
}

func TestCells(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := orb.Point{rapid.Float64Range(73, 135).Draw(t, "lon"), rapid.Float64Range(18, 54).Draw(t, "lat")}
		resolution := rapid.IntRange(4, 12).Draw(t, "resolution")
		c, err := At(p, resolution)
		if err != nil {
			t.Fatal(err)
		}
		if !c.Valid() || c.Resolution() != resolution {
			t.Fatalf("%v is not a cell of resolution %d", c, resolution)
		}
		ring, err := c.Ring()
		if err != nil {
			t.Fatal(err)
		}
		if !ring.Closed() || ring.Orientation() != orb.CCW || len(ring) < 6 {
			t.Fatalf("%v is not a closed counterclockwise outline", ring)
		}
		// edges are arcs, the ring is straight: allow points at the rim a per cent of the cell
		size := ring.Bound().Max[1] - ring.Bound().Min[1]
		if !planar.RingContains(ring, p) && planar.DistanceFrom(orb.LineString(ring), p) > size/100 {
			t.Fatalf("%v is not in its own cell %v", p, ring)
		}
		near, err1 := c.Parent(resolution - 1)
		far, err2 := near.Parent(resolution - 2)
		direct, err3 := c.Parent(resolution - 2)
		if err1 != nil || err2 != nil || err3 != nil || far != direct || direct.Resolution() != resolution-2 {
			t.Fatalf("parents %v %v %v (%v %v %v)", near, far, direct, err1, err2, err3)
		}
		disk, err := Disk(c, 2)
		if err != nil {
			t.Fatal(err)
		}
		if len(disk) != 19 || !slices.Contains(disk, c) {
			t.Fatalf("%d cells within two steps of %v, want 19", len(disk), c)
		}
	})
}

func TestAntimeridianDoesNotJump(t *testing.T) {
	c, err := At(orb.Point{179.9999, 10}, 5)
	if err != nil {
		t.Fatal(err)
	}
	ring, err := c.Ring()
	if err != nil {
		t.Fatal(err)
	}
	if b := ring.Bound(); b.Max[0]-b.Min[0] > 1 {
		t.Errorf("the outline is %v degrees wide", b.Max[0]-b.Min[0])
	}
}

func TestCoverPolygon(t *testing.T) {
	outer := box(114.20, 22.67, 114.22, 22.69)
	count := func(polygon orb.Polygon, cover Cover) int {
		cells, err := CoverPolygon(polygon, 10, cover)
		if err != nil {
			t.Fatal(err)
		}
		return len(cells)
	}
	centres, touching, whole := count(outer, Centres), count(outer, Touching), count(outer, Whole)
	if !(whole < centres && centres < touching) {
		t.Errorf("whole %d, centres %d, touching %d: want them to grow", whole, centres, touching)
	}
	// 4.56 km² over cells of about 0.013 km²
	if centres < 250 || centres > 450 {
		t.Errorf("%d centres", centres)
	}
	holed := append(outer, box(114.205, 22.675, 114.215, 22.685)...)
	if n := count(holed, Centres); n >= centres*85/100 {
		t.Errorf("a hole of a quarter leaves %d of %d", n, centres)
	}
	// neighbours that take centres share no cell and leave none out
	left, right := box(114.20, 22.67, 114.2113, 22.69), box(114.2113, 22.67, 114.22, 22.69)
	if l, r := count(left, Centres), count(right, Centres); l+r != centres {
		t.Errorf("halves of %d cells have %d and %d", centres, l, r)
	}
	if n := count(nil, Centres) + count(orb.Polygon{{}}, Touching); n != 0 {
		t.Errorf("nothing is covered by %d cells", n)
	}
}
