package simulate

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/paulmach/orb"
	"pgregory.net/rapid"
)

// town is six by six streets, 150 m apart, a motorway beside them and one
// diagonal lane, in four blocks.
func town(t testing.TB) *Ground {
	t.Helper()
	const w, s, d = 114.20, 22.68, 0.0015
	var roads []Road
	for i := range 6 {
		var across, up orb.LineString
		for k := range 6 {
			across = append(across, orb.Point{w + d*float64(k), s + d*float64(i)})
			up = append(up, orb.Point{w + d*float64(i), s + d*float64(k)})
		}
		roads = append(roads, Road{Line: across, Class: "residential"}, Road{Line: up, Class: "tertiary"})
	}
	roads = append(roads,
		Road{Line: orb.LineString{{w, s}, {w + d, s + d}, {w + 2*d, s + 2*d}}, Class: "footway"},
		Road{Line: orb.LineString{{w - d, s}, {w - d, s + 5*d}}, Class: "motorway"},
		Road{Line: orb.LineString{{w - 2*d, s}, {w - 2*d, s + d}}, Class: "footway"}, // an island too small to live on
	)
	var blocks []Block
	for i, code := range []string{"sw", "se", "nw", "ne"} {
		x, y := w+float64(i%2)*2.5*d, s+float64(i/2)*2.5*d
		blocks = append(blocks, Block{Code: code, Shape: orb.MultiPolygon{orb.Bound{Min: orb.Point{x, y}, Max: orb.Point{x + 2.5*d, y + 2.5*d}}.ToPolygon()}})
	}
	g, err := NewGround(roads, blocks)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// toStreet is how far a place is from the nearest edge of the walker's graph.
func toStreet(w *Walker) float64 {
	at, best := w.where(), math.Inf(1)
	for a, steps := range w.roads.out {
		for _, s := range steps {
			p, q := w.roads.nodes[a], w.roads.nodes[s.to]
			k := clamp(at.sub(p).dot(q.sub(p))/q.sub(p).dot(q.sub(p)), 0, 1)
			best = min(best, at.sub(lerp(p, q, k)).length())
		}
	}
	return best
}

func TestWalkerKeepsToStreetsAtHumanPace(t *testing.T) {
	g := town(t)
	rapid.Check(t, func(t *rapid.T) {
		car := rapid.Bool().Draw(t, "car")
		w := g.NewWalker(rapid.SampledFrom([]string{"sw", "se", "nw", "ne", ""}).Draw(t, "home"), car, rapid.Uint64().Draw(t, "seed"))
		off, top := sidewalk+deepest, fastest+5.0 // 5 m/s: crossing over, or stepping through a door
		if car {
			off, top = 4, topCar+2
		}
		for range rapid.IntRange(60, 1200).Draw(t, "seconds") {
			before := w.where()
			w.Advance(time.Second)
			if d := w.where().sub(before).length(); d > top {
				t.Fatalf("moved %.1f m in a second, busy %d", d, w.busy)
			}
		}
		if d := toStreet(w); d > off {
			t.Fatalf("%.1f m from the nearest street", d)
		}
		if !car && (w.speed < 0 || w.speed > fastest) {
			t.Fatalf("walks at %.2f m/s", w.speed)
		}
	})
}

func TestWalkerStaysAboutHome(t *testing.T) {
	g := town(t)
	inside, all := 0, 0
	for seed := range uint64(30) {
		w := g.NewWalker("ne", false, seed)
		for range 600 {
			w.Advance(5 * time.Second)
			all++
			if w.home.far[w.from] == 0 {
				inside++
			}
		}
	}
	if share := float64(inside) / float64(all); share < 0.75 {
		t.Fatalf("only %.0f %% of the time in its own grid", 100*share)
	}
}

func TestWalkerWalks(t *testing.T) {
	g := town(t)
	metres, seconds, fixes, seen, indoors := 0.0, 0.0, 0, 0, 0
	for seed := range uint64(40) {
		w := g.NewWalker("", false, seed)
		for range 720 {
			before := w.where()
			w.Advance(5 * time.Second)
			metres += w.where().sub(before).length()
			seconds += 5
			fixes++
			if w.Sample().Seen {
				seen++
			}
			if w.Indoors() {
				indoors++
			}
		}
	}
	if v := metres / seconds; v < 0.5 || v > 1.4 {
		t.Errorf("an hour's mean pace is %.2f m/s, pauses included", v)
	}
	if share := float64(indoors) / float64(fixes); share < 0.08 || share > 0.45 {
		t.Errorf("indoors %.0f %% of the time", 100*share)
	}
	if share := float64(seen) / float64(fixes); share < 0.75 || share > 0.97 {
		t.Errorf("%.0f %% of the fixes are seen", 100*share)
	}
}

// The error must wander like a real chip's: as large as sigma says however
// long it runs, and alike from one second to the next.
func TestNoiseNeitherGrowsNorJumps(t *testing.T) {
	g := town(t)
	w := g.NewWalker("", false, 7)
	const sigma = 4.0
	rms := func(n int) (size, jump float64) {
		for range n {
			before := w.drift.at
			w.drift.step(1, sigma, w.rng)
			size += w.drift.at.dot(w.drift.at)
			d := w.drift.at.sub(before)
			jump += d.dot(d)
		}
		return math.Sqrt(size / float64(n) / 2), math.Sqrt(jump / float64(n) / 2)
	}
	for _, part := range []string{"first day", "second day", "third day"} {
		size, jump := rms(86400)
		if size < 0.85*sigma || size > 1.15*sigma {
			t.Errorf("%s: error %.2f m, want about %.1f", part, size, sigma)
		}
		if want := sigma * math.Sqrt(2*(1-math.Exp(-1/wander))); math.Abs(jump-want) > 0.1*want {
			t.Errorf("%s: jumps %.2f m a second, want about %.2f", part, jump, want)
		}
	}
}

func TestSameSeedSameWalk(t *testing.T) {
	g := town(t)
	walk := func(seed uint64) (all []Reading) {
		w := g.NewWalker("sw", false, seed)
		for range 300 {
			w.Advance(5 * time.Second)
			all = append(all, w.Sample())
		}
		return all
	}
	if diff := cmp.Diff(walk(3), walk(3), cmpopts.EquateNaNs()); diff != "" {
		t.Error(diff)
	}
	if cmp.Equal(walk(3), walk(4), cmpopts.EquateNaNs()) {
		t.Error("two seeds walk the same way")
	}
}

func TestWalkersOfTheDemoStreet(t *testing.T) {
	g, err := Street()
	if err != nil {
		t.Fatal(err)
	}
	if len(g.homes) != 133 || len(g.walk.usable) < 1500 || len(g.drive.usable) < 1000 {
		t.Fatalf("%d grids, %d nodes to walk, %d to drive", len(g.homes), len(g.walk.usable), len(g.drive.usable))
	}
	for seed := range uint64(60) {
		w := g.NewWalker("990101002001001", seed%6 == 0, seed)
		for range 360 {
			w.Advance(10 * time.Second)
		}
		if d := toStreet(w); d > sidewalk+deepest {
			t.Errorf("seed %d: %.1f m from the nearest street", seed, d)
		}
	}
}

func BenchmarkWalkerSecond(b *testing.B) {
	w := town(b).NewWalker("sw", false, 1)
	for b.Loop() {
		w.Advance(time.Second)
	}
}
