package trail

import (
	"bufio"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/paulmach/orb"
)

// least is what is asked for; a case that cannot reach the promise says why, and
// what it reaches is asked for instead.
type least struct {
	recall, precision float64
	stays             float64 // share within 30 s and 15 m
	length            float64 // off at most
	why               string
}

var (
	promise = least{0.95, 0.95, 0.95, 0.05, ""}
	// All faults at once hide one another, and then a stay may end in noise.
	together = least{0.95, 0.95, 0.9, 0.055, ""}
)

// TestTruthOfAnotherWorld injects every fault alone, and all together, into
// traces of every manner, told by phones that say honestly how vague they are,
// that say always the same, and that do not say.
func TestTruthOfAnotherWorld(t *testing.T) {
	t.Parallel()
	const (
		alike   = "noise of 30 m and more is no more than what such steps and their bends hide: some of a burst lies where he may have been"
		minutes = "a spell of noise as long as a stay hides when it ends"
		between = "between two fixes lies a minute: who came by a bent way, came up to a minute sooner or later"
		aside   = "in that time one gets so far aside and back"
		hidden  = "some minutes with another clock whose hole a gap has widened"
	)
	type but = map[string]least
	for _, c := range []struct {
		manner
		but but
	}{
		{manner{name: "on foot, 1 s", pace: 1.35, least: 1, most: 1, sigma: 4}, nil},
		{manner{name: "on foot, 1 s, noise that lasts", pace: 1.35, least: 1, most: 1, sigma: 4, tau: 20}, nil},
		{manner{name: "on foot, 1 s, noise of 10 m", pace: 1.35, least: 1, most: 1, sigma: 10}, nil},
		{manner{name: "on foot, 2 s, noise that lasts", pace: 1.35, least: 2, most: 2, sigma: 4, tau: 10}, nil},
		{manner{name: "on foot, 5 s", pace: 1.35, least: 5, most: 5, sigma: 4}, nil},
		{manner{name: "on foot, 5 s, noise that lasts", pace: 1.35, least: 5, most: 5, sigma: 4, tau: 20}, nil},
		{manner{name: "on foot, 10 s", pace: 1.35, least: 10, most: 10, sigma: 4}, nil},
		{manner{name: "on foot, 15 s", pace: 1.35, least: 15, most: 15, sigma: 4}, nil},
		{manner{name: "on foot, 30 s", pace: 1.35, least: 30, most: 30, sigma: 4}, but{"burst": {0.94, 0.95, 0.83, 0.15, minutes}, "spike": {0.88, 0.95, 0.95, 0.05, aside}, "all": {0.91, 0.95, 0.79, 0.07, minutes}}},
		{manner{name: "on foot, 60 s", pace: 1.35, least: 60, most: 60, sigma: 4}, but{"": {0.95, 0.95, 0.72, 0.05, between}, "burst": {0.94, 0.95, 0.72, 0.05, alike}, "spike": {0.7, 0.95, 0.72, 0.05, aside}, "all": {0.95, 0.95, 0.64, 0.05, between}}},
		{manner{name: "on foot, 1 to 20 s", pace: 1.35, least: 1, most: 20, sigma: 4}, but{"all": {0.91, 0.95, 0.9, 0.05, hidden}}},
		{manner{name: "on foot and by bicycle, 5 s", pace: 1.35, ride: 6, least: 5, most: 5, sigma: 4}, but{"burst": {0.94, 0.95, 0.9, 0.05, minutes}, "all": {0.94, 0.95, 0.9, 0.05, minutes}}},
		{manner{name: "on foot and by bicycle, 30 s", pace: 1.35, ride: 6, least: 30, most: 30, sigma: 4}, but{"burst": {0.95, 0.95, 0.88, 0.05, minutes}, "all": {0.95, 0.95, 0.88, 0.05, minutes}}},
		{manner{name: "by bicycle, 1 s", pace: 6, least: 1, most: 1, sigma: 4}, nil},
		{manner{name: "by bicycle, 10 s", pace: 6, least: 10, most: 10, sigma: 4}, nil},
		{manner{name: "in a car, 1 s", pace: 13, least: 1, most: 1, sigma: 4}, nil},
		{manner{name: "in a car, 5 s", pace: 13, least: 5, most: 5, sigma: 4}, but{"burst": {0.93, 0.95, 0.95, 0.05, alike}}},
		{manner{name: "in a car, 15 s", pace: 13, least: 15, most: 15, sigma: 4}, but{"burst": {0.94, 0.95, 0.9, 0.05, alike}, "all": {0.91, 0.95, 0.9, 0.1, alike}}},
		{manner{name: "in a car, 30 s", pace: 13, least: 30, most: 30, sigma: 4}, but{"burst": {0.65, 0.95, 0.8, 0.18, alike}, "all": {0.92, 0.94, 0.83, 0.05, alike}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			hours := min(max(3, c.every()*600/3600), 8)
			for _, what := range append([]string{"none", "all"}, otherFaults...) {
				var sum tally
				for seed, accuracies := range []string{"honest", "constant", "absent"} {
					m := c.manner
					m.accuracies = accuracies
					tr := newTrace(uint64(seed), newErrand(uint64(seed)+21, m, hours), m)
					for _, f := range otherFaults {
						if f == what || what == "all" {
							tr.fault(f)
						}
					}
					sum.add(tr.judge(Clean(tr.all(), Options{})))
				}
				t.Logf("%-7s %v", what, &sum)
				want, ok := c.but[what]
				switch {
				case ok:
				case what == "all":
					want = together
				default:
					if want, ok = c.but[""]; !ok {
						want = promise
					}
				}
				if sum.recall() < want.recall {
					t.Errorf("%s: recall %.3f", what, sum.recall())
				}
				if sum.precision() < want.precision && sum.false > sum.fixes/2000 {
					t.Errorf("%s: precision %.3f, %d are none", what, sum.precision(), sum.false)
				}
				if math.Abs(sum.worst) > want.length {
					t.Errorf("%s: a length is %+.1f %% off", what, 100*sum.worst)
				}
				if float64(sum.near) < want.stays*float64(sum.stays)-1 {
					t.Errorf("%s: %d of %d stays are told well enough", what, sum.near, sum.stays)
				}
			}
		})
	}
}

// retraced makes a recorded way the truth: straight between its corners, still in
// its stays, and no longer silent than it takes to walk over.
func retraced(fixes []Fix) *errand {
	got := Clean(fixes, Options{})
	var way []Fix
	stays := got.Stays
	for _, j := range got.Fixes {
		for len(stays) > 0 && j.Ms > stays[0].To {
			stays = stays[1:]
		}
		f := j.Fix
		if len(stays) > 0 && f.Ms >= stays[0].From {
			f.Point = stays[0].Point
		}
		if j.Why == Good && (len(way) == 0 || f.Ms > way[len(way)-1].Ms) {
			way = append(way, f)
		}
	}
	e := &errand{spots: []spot{{}}}
	s, a := 0.0, spot{}
	way = Simplify(way, 15) // what is less is the noise of the recorder, not a way
	for i := 1; i < len(way); i++ {
		d, secs := Metres(way[i-1].Point, way[i].Point), float64(way[i].Ms-way[i-1].Ms)/1000
		if d > 0 && secs > 60 {
			secs = min(secs, max(60, d/1.3))
		}
		b := spot{
			x: (way[i].Point[0] - way[0].Point[0]) * metresPerDegree * math.Cos(way[0].Point[1]*math.Pi/180),
			y: (way[i].Point[1] - way[0].Point[1]) * metresPerDegree,
		}
		for at := math.Floor(s) + 1; at <= s+secs; at++ {
			k := (at - s) / secs
			e.spots = append(e.spots, spot{at, a.x + k*(b.x-a.x), a.y + k*(b.y-a.y)})
		}
		s, a = s+secs, b
	}
	return e
}

// plt reads a track of the volunteers in Beijing: six lines of header; latitude,
// longitude, …, date, time.
func plt(tb testing.TB, name string) (fixes []Fix) {
	file, err := os.Open(name)
	if err != nil {
		tb.Fatal(err)
	}
	defer file.Close()
	for s := bufio.NewScanner(file); s.Scan(); {
		cells := strings.Split(strings.TrimSpace(s.Text()), ",")
		if len(cells) != 7 {
			continue
		}
		lat, err1 := strconv.ParseFloat(cells[0], 64)
		lon, err2 := strconv.ParseFloat(cells[1], 64)
		at, err3 := time.Parse("2006-01-02 15:04:05", cells[5]+" "+cells[6])
		if err1 == nil && err2 == nil && err3 == nil {
			fixes = append(fixes, Fix{Ms: at.UnixMilli(), Point: orb.Point{lon, lat}, Accuracy: nan(), Speed: nan(), Course: nan()})
		}
	}
	return fixes
}

// All faults on the ways that people have recorded: those of testdata, and,
// where they lie beside the project, those of the volunteers in Beijing, which
// are for looking at only.
func TestTruthOnRecordedWays(t *testing.T) {
	t.Parallel()
	ways := recorded(t)
	for up := "../.."; len(up) < 15; up += "/.." {
		names, err := filepath.Glob(up + "/../shared/data/geolife/*.plt")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			ways[filepath.Base(name)] = plt(t, name)
		}
		if len(names) > 0 {
			break
		}
	}
	if len(ways) == 3 {
		t.Log("the tracks of Beijing are not here")
	}
	var sum tally
	for _, name := range sortedKeys(ways) {
		e := retraced(ways[name])
		if e.last().s < 1200 {
			continue // too short for all the faults
		}
		for seed, accuracies := range []string{"honest", "absent"} {
			m := manner{name: name, pace: 1.35, ride: 15, least: 5, most: 5, sigma: 4, accuracies: accuracies}
			tr := newTrace(uint64(seed), e, m)
			for _, f := range otherFaults {
				tr.fault(f)
			}
			a := tr.judge(Clean(tr.all(), Options{}))
			t.Logf("%-24s %v", name, &a)
			a.extra = 0
			sum.add(a)
		}
	}
	t.Logf("%-24s %v", "all", &sum)
	if sum.precision() < 0.95 || sum.recall() < 0.95 {
		t.Errorf("precision %.3f, recall %.3f", sum.precision(), sum.recall())
	}
	if sum.longer*12 > sum.traces { // some are so short that a gap, a freeze and a lone fix are all that is left of them
		t.Errorf("the length of %d of %d is more than 5 %% off", sum.longer, sum.traces)
	}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
