package trail

import (
	"bytes"
	"encoding/json"
	"flag"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/paulmach/orb"
)

var update = flag.Bool("update", false, "write the golden chunks anew")

// golden are the chunks of fixtures/chunks, which SQL and TypeScript read too.
var golden = map[string]struct {
	note  string
	fixes []Fix
}{
	"empty": {"no fixes", nil},
	"one":   {"one fix that says everything", []Fix{{1_790_000_000_123, orb.Point{114.200001, 22.690002}, 4.7, 1.35, 270, 128, 4}}},
	"still": {"three fixes of a device that says only where it is, and is nowhere else; everything is constant", []Fix{
		{1_790_000_000_000, orb.Point{114.2, 22.69}, nan(), nan(), nan(), 0, 1},
		{1_790_000_005_000, orb.Point{114.2, 22.69}, nan(), nan(), nan(), 0, 1},
		{1_790_000_010_000, orb.Point{114.2, 22.69}, nan(), nan(), nan(), 0, 1},
	}},
	"extremes": {"every sign and size: the corners of the world, wrong clocks, all flags", []Fix{
		{-1 << 50, orb.Point{-180, -90}, 0, 0, 0, 0, 0},
		{1 << 50, orb.Point{180, 90}, 1_000_000, 800_000, 359, math.MaxUint32, 255},
		{0, orb.Point{0, 0}, nan(), nan(), nan(), 1, 1},
		{1_790_000_000_000, orb.Point{-0.000001, 0.000001}, 0.05, 0.03, 360, 2, 2},
	}},
	"north": {"to and fro across north, by a clock of whole seconds that misses beats; once in the next town, once in the next year", northward()},
	"hour":  {"an hour on foot, a fix every five seconds, some figures missing", holed(walkHour(7, 720))},
}

// northward is what its note says.
func northward() []Fix {
	r := rand.New(rand.NewPCG(3, 1))
	fixes := make([]Fix, 90)
	ms, lon := int64(1_790_000_000_000), 114.2
	for i := range fixes {
		ms += 5000 * int64(1+i%17/16)
		lon += 2e-5 * r.NormFloat64()
		fixes[i] = Fix{ms, orb.Point{lon, 22.69 + 6e-5*float64(i)}, float32(3 + r.IntN(9)), 1.35, float32(math.Mod(720+12*r.NormFloat64(), 360)), 0, 4}
		switch {
		case i == 40:
			fixes[i].Point[0] += 0.7
		case i%13 > 10:
			fixes[i].Course = nan()
		}
	}
	fixes[89].Ms += 365 * 86_400_000
	return fixes
}

// holed takes figures and fixes out of an hour.
func holed(fixes []Fix) []Fix {
	for i := range fixes {
		if i%50 > 43 {
			fixes[i].Speed, fixes[i].Course = nan(), nan()
		}
		if i > 300 && i < 320 {
			fixes[i].Flags = 256
		}
	}
	return append(fixes[:400], fixes[470:]...)
}

// told is a chunk as fixtures/chunks/*.json tells it to other languages.
type told struct {
	Note  string    `json:"note"`
	Fixes []toldFix `json:"fixes"`
}

// toldFix gives a place in millionths of a degree; null is "not said".
type toldFix struct {
	Ms       int64    `json:"ms"`
	Lon      int64    `json:"lon_e6"`
	Lat      int64    `json:"lat_e6"`
	Accuracy *float64 `json:"accuracy"`
	Speed    *float64 `json:"speed"`
	Course   *float64 `json:"course"`
	Flags    uint32   `json:"flags"`
	Source   uint8    `json:"source"`
}

func tell(note string, fixes []Fix) []byte {
	out := told{note, []toldFix{}}
	said := func(v float32, per float64) *float64 {
		if v != v {
			return nil
		}
		x := math.Round(float64(v)*per) / per
		return &x
	}
	for _, f := range fixes {
		out.Fixes = append(out.Fixes, toldFix{f.Ms, place(f.Point[0]), place(f.Point[1]), said(f.Accuracy, perMetre), said(f.Speed, perMS), said(f.Course, perCourse), f.Flags, f.Source})
	}
	text, err := json.Marshal(out)
	if err != nil {
		panic(err)
	}
	return append(text, '\n')
}

func TestGoldenChunks(t *testing.T) {
	t.Parallel()
	const dir = "../../fixtures/chunks"
	for name, g := range golden {
		bin, text := filepath.Join(dir, name+".bin"), filepath.Join(dir, name+".json")
		if *update {
			if err := os.WriteFile(bin, Encode(nil, g.fixes), 0o644); err != nil {
				t.Fatal(err)
			}
			stored, _ := Decode(nil, Encode(nil, g.fixes))
			if err := os.WriteFile(text, tell(g.note, stored), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(bin)
		if err != nil {
			t.Fatal(err)
		}
		if got := Encode(nil, g.fixes); !bytes.Equal(got, want) {
			t.Errorf("%s is written otherwise than the golden chunk", name)
		}
		fixes, err := Decode(nil, want)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		wantText, err := os.ReadFile(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := tell(g.note, fixes); !bytes.Equal(got, wantText) {
			t.Errorf("%s means something else:\n%s", name, got[:min(len(got), 600)])
		}
	}
}
