package datum

import (
	"encoding/csv"
	"math"
	"os"
	"strconv"
	"testing"

	"github.com/paulmach/orb"
	"pgregory.net/rapid"
)

func TestVectors(t *testing.T) {
	file, err := os.Open("testdata/vectors.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	to := func(crs string) func(orb.Point) orb.Point {
		return func(p orb.Point) orb.Point {
			w, err := ToWGS84(crs, p)
			if err != nil {
				t.Fatal(err)
			}
			return w
		}
	}
	convert := map[string]func(orb.Point) orb.Point{
		"WGS84>GCJ02": GCJ02,
		"WGS84>BD09":  BD09,
		"GCJ02>WGS84": to("gcj02"),
		"BD09>WGS84":  to("bd09"),
		"GCJ02>BD09":  swirl,
		"BD09>GCJ02":  fromBD09,
	}
	checked := map[string]int{}
	for _, row := range rows[1:] {
		number := func(i int) float64 {
			v, err := strconv.ParseFloat(row[i], 64)
			if err != nil {
				t.Fatalf("row %s: %v", row[0], err)
			}
			return v
		}
		way := row[1] + ">" + row[2]
		f, ok := convert[way]
		if !ok {
			continue // Mercator is PostGIS's work
		}
		if way == "BD09>WGS84" && row[8] == "eviltransform" {
			continue // it leaves the factor 3000/180 out of BD-09, alone and 40 m from all others
		}
		checked[way]++
		got := f(orb.Point{number(3), number(4)})
		// the published pairs are rounded: at best to nine digits
		tolerance := max(number(7), 2e-9)
		if math.Abs(got[0]-number(5)) > tolerance || math.Abs(got[1]-number(6)) > tolerance {
			t.Errorf("%s, row %s (%s, %s): %v, want %s,%s within %s", way, row[0], row[8], row[9], got, row[5], row[6], row[7])
		}
	}
	for way := range convert {
		if checked[way] < 30 {
			t.Errorf("%s: only %d vectors", way, checked[way])
		}
	}
}

// TestRoundTrip goes there and back within the box, a shift's width from its rim.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := orb.Point{rapid.Float64Range(72.02, 137.81).Draw(t, "lon"), rapid.Float64Range(0.84, 55.81).Draw(t, "lat")}
		for crs, there := range map[string]func(orb.Point) orb.Point{"gcj02": GCJ02, "bd09": BD09} {
			moved := there(p)
			if far := math.Hypot(moved[0]-p[0], moved[1]-p[1]); far < 1e-5 || far > 0.03 {
				t.Fatalf("%s moves %v by %v degrees", crs, p, far)
			}
			back, err := ToWGS84(crs, moved)
			if err != nil {
				t.Fatal(err)
			}
			if math.Abs(back[0]-p[0]) > 1e-11 || math.Abs(back[1]-p[1]) > 1e-11 {
				t.Fatalf("%s: %v comes back as %v", crs, p, back)
			}
		}
	})
}

func TestWhereOthersLoopForEver(t *testing.T) {
	for _, p := range []orb.Point{
		{72.004, 30}, {100, 0.8293}, {137.8347, 30}, {100, 55.8271}, {105, 35}, {104.9999999999, 35}, {0, 0},
		{180, 90}, {-180, -90}, {math.NaN(), 30}, {math.Inf(1), 30},
	} {
		for _, crs := range []string{"gcj02", "bd09"} {
			w, err := ToWGS84(crs, p)
			if err != nil {
				t.Fatal(err)
			}
			if !math.IsNaN(p[0]) && !math.IsInf(p[0], 0) && !(math.Hypot(w[0]-p[0], w[1]-p[1]) < 0.05) {
				t.Errorf("%s: %v becomes %v", crs, p, w)
			}
		}
	}
}

func TestOutsideTheBoxNothingMoves(t *testing.T) {
	for _, p := range []orb.Point{{-0.12, 51.5}, {151.2, -33.9}, {72.003, 30}, {137.8348, 30}, {100, 0.8292}, {100, 55.8272}} {
		if got := GCJ02(p); got != p {
			t.Errorf("GCJ02(%v) = %v", p, got)
		}
		if got, err := ToWGS84("gcj02", p); err != nil || got != p {
			t.Errorf("from GCJ-02: %v becomes %v (%v)", p, got, err)
		}
	}
}

func TestUnknownDatum(t *testing.T) {
	if _, err := ToWGS84("GCJ-02", orb.Point{114, 22}); err == nil {
		t.Error("a datum nobody knows is accepted")
	}
	p := orb.Point{114, 22}
	if got, err := ToWGS84("wgs84", p); err != nil || got != p {
		t.Errorf("WGS-84 moves %v to %v (%v)", p, got, err)
	}
}

func BenchmarkToWGS84(b *testing.B) {
	for _, crs := range []string{"gcj02", "bd09"} {
		b.Run(crs, func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				if _, err := ToWGS84(crs, orb.Point{114.2, 22.68}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
