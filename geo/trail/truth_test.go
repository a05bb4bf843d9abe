package trail

import (
	"encoding/csv"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strconv"
	"testing"

	"github.com/paulmach/orb"
	"pgregory.net/rapid"
)

// TestTruth injects known faults into ways of which everything is known.
func TestTruth(t *testing.T) {
	t.Parallel()
	faults := []string{"", "teleport", "spike", "zero", "clock", "skew", "freeze", "burst", "gap"}
	for name, c := range map[string]struct {
		pace, block, hours float64
		dt, sigma, tau     float64
		accuracies         bool
		late               float64            // seconds that a stay's ends may be off; 30 where that is not below the sampling
		hard               map[string]float64 // the recall of faults that the noise hides here
	}{
		"on foot, 1 s":                        {1.3, 120, 3, 1, 3, 0, true, 30, nil},
		"on foot, 5 s":                        {1.3, 120, 6, 5, 3, 0, true, 30, nil},
		"on foot, 5 s, no accuracies":         {1.3, 120, 6, 5, 4, 0, false, 30, nil},
		"on foot, 5 s, noise that lasts":      {1.3, 120, 6, 5, 4, 25, true, 30, nil},
		"on foot, 5 s, noise of 8 m":          {1.3, 120, 6, 5, 8, 0, true, 30, nil},
		"on foot, 5 s, noise of 15 m":         {1.3, 120, 6, 5, 15, 0, true, 30, nil},
		"on foot, 5 s, 15 m, no accuracies":   {1.3, 120, 6, 5, 15, 0, false, 35, map[string]float64{"burst": 0.86, "skew": 0.94}},
		"on foot, 10 s, no accuracies":        {1.3, 160, 6, 10, 5, 0, false, 30, map[string]float64{"burst": 0.94}},
		"on foot, 30 s":                       {1.3, 200, 8, 30, 5, 0, true, 45, nil},
		"in a car, 1 s":                       {12, 400, 3, 1, 4, 0, false, 30, nil},
		"in a car, 5 s, no accuracies":        {12, 600, 3, 5, 4, 0, false, 30, map[string]float64{"burst": 0.94}},
		"on foot, 60 s, corners are cut":      {1.3, 300, 8, 60, 5, 0, true, 75, map[string]float64{"skew": 0.94}},
		"on foot, 2 s, 6 m, noise that lasts": {1.3, 120, 4, 2, 6, 8, true, 30, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, what := range faults {
				var sum score
				for seed := range uint64(2) {
					tr := day(seed, c.pace, c.block, c.hours).sampled(c.dt, c.sigma, c.tau, c.accuracies)
					r := rand.New(rand.NewPCG(seed, 5))
					switch what {
					case "":
					case "gap":
						tr.gap(r, 240)
					case "freeze", "burst":
						tr.harm(r, what, 0.003)
					default:
						tr.harm(r, what, 0.01)
					}
					s := tr.judge(Clean(tr.fixes, Options{}))
					sum.hit, sum.missed, sum.false = sum.hit+s.hit, sum.missed+s.missed, sum.false+s.false
					sum.stays, sum.extra = sum.stays+s.stays, sum.extra+s.extra
					if math.Abs(s.length) > 0.05 {
						t.Errorf("%q, seed %d: the length is %+.1f %% off", what, seed, 100*s.length)
					}
					for i, late := range s.late {
						if late > c.late || s.off[i] > 15 {
							sum.found-- // a stay that is not found well enough
						}
					}
					sum.found += s.found
				}
				recall, found := 0.95, min(sum.stays-1, sum.stays*97/100)
				if least, hard := c.hard[what]; hard {
					recall, found = least, sum.stays*85/100
				}
				if sum.precision() < 0.95 && sum.false > 5 || sum.recall() < recall {
					t.Errorf("%q: precision %.3f, recall %.3f: %d found, %d missed, %d are none", what, sum.precision(), sum.recall(), sum.hit, sum.missed, sum.false)
				}
				if sum.found < found || sum.extra > 1 && recall == 0.95 {
					t.Errorf("%q: %d of %d stays, and %d that are none", what, sum.found, sum.stays, sum.extra)
				}
			}
		})
	}
}

// All faults at once, on recorded walks and a bus.
func TestTruthOnRecordedTracks(t *testing.T) {
	t.Parallel()
	for name, fixes := range recorded(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plain := Clean(fixes, Options{})
			var sum score
			far := 0
			for seed := range uint64(20) {
				r := rand.New(rand.NewPCG(seed, 9))
				tr := truth{fixes: slices.Clone(fixes), wrong: map[int]string{}, length: plain.LengthM}
				for i, j := range plain.Fixes { // what the recording itself has is not asked for
					if j.Why != Good {
						tr.wrong[i] = "own"
					}
				}
				for _, what := range []string{"teleport", "spike", "zero", "clock"} {
					tr.harm(r, what, 0.01)
				}
				s := tr.judge(Clean(tr.fixes, Options{}))
				sum.hit, sum.missed, sum.false = sum.hit+s.hit, sum.missed+s.missed, sum.false+s.false
				if math.Abs(s.length) > 0.05 {
					far++
				}
			}
			if far > 1 {
				t.Errorf("the length changes by more than 5 %% in %d of 20", far)
			}
			if sum.precision() < 0.95 || sum.recall() < 0.95 {
				t.Errorf("precision %.3f, recall %.3f", sum.precision(), sum.recall())
			}
		})
	}
}

// The length of a recorded walk is what a plain sum says, for it has little noise.
func TestLengthOfRecordedTracks(t *testing.T) {
	t.Parallel()
	for name, fixes := range recorded(t) {
		got := Clean(fixes, Options{})
		sum := 0.0
		var last *Judged
		for i := range got.Fixes {
			if j := &got.Fixes[i]; j.Why == Good {
				if last != nil {
					sum += Metres(last.Point, j.Point)
				}
				last = j
			}
		}
		wrong := map[Reason]int{}
		for _, j := range got.Fixes {
			wrong[j.Why]++
		}
		t.Logf("%s: %d fixes, %v, %.0f m, plain sum %.0f m, %d gaps, %d stays", name, len(fixes), wrong, got.LengthM, sum, len(got.Gaps), len(got.Stays))
		if got.LengthM > 1.01*sum || got.LengthM < 0.8*sum {
			t.Errorf("%s: %.0f m, where the good fixes are %.0f m apart", name, got.LengthM, sum)
		}
	}
}

func TestNeitherOrderNorRepeatsChangeTheAnswer(t *testing.T) {
	t.Parallel()
	tr := day(3, 1.3, 120, 2).sampled(5, 4, 10, true)
	r := rand.New(rand.NewPCG(1, 1))
	for _, what := range []string{"teleport", "spike", "zero", "clock", "skew", "freeze", "burst"} {
		tr.harm(r, what, 0.004)
	}
	want := Clean(tr.fixes, Options{})
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		r := rand.New(rand.NewPCG(seed, 2))
		fixes := slices.Clone(tr.fixes)
		for range r.IntN(400) {
			fixes = append(fixes, tr.fixes[r.IntN(len(tr.fixes))])
		}
		r.Shuffle(len(fixes), func(i, j int) { fixes[i], fixes[j] = fixes[j], fixes[i] })
		before := slices.Clone(fixes)
		got := Clean(fixes, Options{})
		if !slices.EqualFunc(fixes, before, same) {
			t.Fatal("the raw fixes were changed")
		}
		if len(got.Fixes) != len(fixes) {
			t.Fatalf("%d fixes judged of %d", len(got.Fixes), len(fixes))
		}
		if got.LengthM != want.LengthM || !reflect.DeepEqual(got.Gaps, want.Gaps) || !reflect.DeepEqual(got.Stays, want.Stays) {
			t.Fatalf("length %v, not %v; %d stays, not %d; %d gaps, not %d", got.LengthM, want.LengthM, len(got.Stays), len(want.Stays), len(got.Gaps), len(want.Gaps))
		}
		good := func(t Trail) (all []Fix) {
			for _, j := range t.Fixes {
				if j.Why == Good {
					all = append(all, j.Fix)
				}
			}
			return all
		}
		if !slices.EqualFunc(good(got), good(want), same) {
			t.Fatal("other fixes are good")
		}
	})
}

// Live, the answer is that of Clean as long as nothing comes too late; and
// what does is refused. Memory does not grow with the day.
func TestCleanerIsCleanLive(t *testing.T) {
	t.Parallel()
	tr := day(5, 1.3, 120, 3).sampled(5, 4, 10, true)
	r := rand.New(rand.NewPCG(1, 1))
	for _, what := range []string{"teleport", "spike", "zero", "freeze", "burst"} {
		tr.harm(r, what, 0.004)
	}
	slices.SortFunc(tr.fixes, compare)
	want := Clean(tr.fixes, Options{})
	sent := slices.Clone(tr.fixes)
	for i := range sent { // overtaken by up to 50 s
		if j := i + r.IntN(10); j < len(sent) && sent[j].Ms-sent[i].Ms < 25_000 {
			sent[i], sent[j] = sent[j], sent[i]
		}
	}
	var got Trail
	c := NewCleaner(Options{}, Sink{
		Fix:  func(j Judged) { got.Fixes = append(got.Fixes, j) },
		Gap:  func(g Gap) { got.Gaps = append(got.Gaps, g) },
		Stay: func(s Stay) { got.Stays = append(got.Stays, s) },
	})
	most := 0
	for _, f := range sent {
		if !c.Add(f) {
			t.Fatalf("%d came too late", f.Ms)
		}
		most = max(most, len(c.early)+len(c.line)+len(c.path.items)+len(c.walked.held)+len(c.walked.way.nodes))
	}
	if c.Add(Fix{Ms: sent[0].Ms, Point: sent[0].Point}) {
		t.Error("a fix of hours ago was taken")
	}
	got.LengthM = c.Finish()
	if got.LengthM != want.LengthM || !reflect.DeepEqual(got.Gaps, want.Gaps) || !reflect.DeepEqual(got.Stays, want.Stays) || len(got.Fixes) != len(want.Fixes) {
		t.Errorf("live %v m, %d stays; at once %v m, %d stays", got.LengthM, len(got.Stays), want.LengthM, len(want.Stays))
	}
	for i := range got.Fixes {
		if !same(got.Fixes[i].Fix, want.Fixes[i].Fix) || got.Fixes[i].Why != want.Fixes[i].Why {
			t.Fatalf("live %+v, at once %+v", got.Fixes[i], want.Fixes[i])
		}
	}
	if most > 4*(mostHeld+1024) {
		t.Errorf("%d fixes were held", most)
	}
}

// recorded are tracks that people have recorded, with times.
func recorded(tb testing.TB) map[string][]Fix {
	return map[string][]Fix{
		"a walk":  gpxTrack(tb, "visnjan.gpx"),
		"a hike":  gpxTrack(tb, "korita-zbevnica.gpx"),
		"a drive": csvTrack(tb, "posmo_trajectory.csv", ';', "longitude", "latitude", "tracked_at", "2006-01-02 15:04:05.999999999"),
	}
}

// What the shared cases of stops say. Their places are metres on a plane.
func TestStops(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/movingpandas_cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Cases []struct {
			Name        string       `json:"name"`
			Points      [][3]float64 `json:"xy_metres_and_seconds"`
			MaxDiameter float64      `json:"max_diameter_m"`
			MinDuration float64      `json:"min_duration_s"`
			Stops       []struct {
				T0       float64     `json:"t0"`
				T1       float64     `json:"t1"`
				Centroid *[2]float64 `json:"centroid"`
			} `json:"expected_stops"`
		} `json:"cases"`
	}
	if err := json.Unmarshal(text, &doc); err != nil || len(doc.Cases) != 7 {
		t.Fatal(len(doc.Cases), err)
	}
	for _, c := range doc.Cases {
		var fixes []Fix
		for _, p := range c.Points {
			fixes = append(fixes, Fix{Ms: epoch + int64(p[2]*1000), Point: toPoint(p[0], p[1]), Accuracy: nan(), Speed: nan(), Course: nan()})
		}
		got := Clean(fixes, Options{StayRadius: c.MaxDiameter / 2, StayMs: int64(c.MinDuration * 1000)}).Stays
		if len(got) != len(c.Stops) {
			t.Errorf("%s: %d stops, not %d: %+v", c.Name, len(got), len(c.Stops), got)
			continue
		}
		for i, want := range c.Stops {
			if from, to := float64(got[i].From-epoch)/1000, float64(got[i].To-epoch)/1000; math.Abs(from-want.T0) > 3 || math.Abs(to-want.T1) > 3 {
				t.Errorf("%s: from %v to %v s, not %v to %v", c.Name, from, to, want.T0, want.T1)
			}
			if want.Centroid != nil {
				if d := Metres(got[i].Point, toPoint(want.Centroid[0], want.Centroid[1])); d > 0.5 {
					t.Errorf("%s: %.2f m from the centroid", c.Name, d)
				}
			}
		}
	}
}

// Charlie stands at places of a garden city, told once a minute without noise.
func TestStopsOfCharlie(t *testing.T) {
	t.Parallel()
	file, err := os.Open("testdata/gc_3_stops.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var fixes []Fix
	number := func(s string) float64 {
		v, err := strconv.ParseFloat(s, 64)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, r := range rows[1:] {
		fixes = append(fixes, Fix{Ms: int64(number(r[3])) * 1000, Point: toPoint(number(r[0]), number(r[1])), Accuracy: nan(), Speed: nan(), Course: nan()})
	}
	got := Clean(fixes, Options{})
	want := [][2]float64{{218, 171}, {219, 126}, {300, 150}} // the houses that he was in, moving about by some metres
	if len(got.Stays) != len(want) {
		t.Fatalf("%d stays, not %d", len(got.Stays), len(want))
	}
	for i, s := range got.Stays {
		if d := Metres(s.Point, toPoint(want[i][0], want[i][1])); d > 15 {
			t.Errorf("stay %d is %.1f m off", i, d)
		}
	}
}

// Somebody walks along the border of two grids, then into the other one.
func TestIntervals(t *testing.T) {
	t.Parallel()
	locate := func(p orb.Point) int64 {
		if x, _ := fromPoint(p); x < 0 {
			return 1
		}
		return 2
	}
	r := rand.New(rand.NewPCG(4, 4))
	var fixes []Judged
	add := func(n int, x func(i int) float64) {
		for i := range n {
			k := int64(len(fixes))
			fixes = append(fixes, Judged{Fix: Fix{Ms: epoch + k*5000, Point: toPoint(x(i), float64(k)*6), Accuracy: 5}})
		}
	}
	add(200, func(int) float64 { return min(-1+5*r.NormFloat64(), 12) }) // along the border
	add(40, func(i int) float64 { return float64(i) * 5 })               // across
	add(40, func(int) float64 { return 200 })
	got := Intervals(fixes, locate, Options{})
	if len(got) != 2 || got[0].Area != 1 || got[1].Area != 2 {
		t.Fatalf("%+v", got)
	}
	if at := (got[1].From - epoch) / 5000; at < 190 || at > 210 {
		t.Errorf("he was in the other grid from fix %d on", at)
	}
	if n := got[0].Fixes + got[1].Fixes; n != len(fixes) {
		t.Errorf("%d fixes of %d", n, len(fixes))
	}
	fixes[250].Ms += 0
	for i := 251; i < len(fixes); i++ {
		fixes[i].Ms += 600_000
	}
	if got := Intervals(fixes, locate, Options{}); len(got) != 3 || got[1].Area != 2 || got[2].Area != 2 {
		t.Errorf("a gap does not end an interval: %+v", got)
	}
}

// Simplify keeps to the tolerance, and to a slow plain implementation.
func TestSimplify(t *testing.T) {
	t.Parallel()
	var plain func(f []Fix, m float64) []Fix
	plain = func(f []Fix, m float64) []Fix {
		far, at := m, 0
		for i := 1; i < len(f)-1; i++ {
			if d := offLine(f[0].Point, f[len(f)-1].Point, f[i].Point); d > far {
				far, at = d, i
			}
		}
		if at == 0 {
			return []Fix{f[0], f[len(f)-1]}
		}
		return append(plain(f[:at+1], m), plain(f[at:], m)[1:]...)
	}
	for seed := range uint64(20) {
		hour := walkHour(seed, 300)
		got, want := Simplify(hour, 5), plain(hour, 5)
		if !slices.EqualFunc(got, want, same) {
			t.Fatalf("%d fixes, not %d", len(got), len(want))
		}
	}
}

func BenchmarkClean(b *testing.B) {
	tr := day(1, 1.3, 120, 8).sampled(5, 4, 10, true)
	b.ReportAllocs()
	for b.Loop() {
		Clean(tr.fixes, Options{})
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(tr.fixes)), "ns/fix")
}
