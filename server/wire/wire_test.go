package wire

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "write the golden frames anew")

var (
	base = time.Date(2026, 11, 22, 1, 0, 6, 120_000_000, time.UTC)
	nan  = float32(math.NaN())
)

// golden are the frames of fixtures/frames with what they mean.
var golden = map[string]struct {
	note   string
	header Header
	points []Point
	bins   []Bin
	stride int // 0 = today's
}{
	"empty-snapshot": {
		note:   "nobody is on the map, and whoever was is forgotten",
		header: Header{Kind: Points, Flags: Snapshot, Seq: 1, Base: base},
	},
	"street": {
		note:   "three workers and a vehicle of the demo street",
		header: Header{Kind: Points, Flags: Snapshot, Seq: 2, Base: base},
		points: []Point{
			{Handle: 1, Lon: 114.2066, Lat: 22.6874, AgeMs: 1120, Speed: 1.25, Course: 87.5, Accuracy: 6.5, Presence: 3},
			{Handle: 2, Lon: 114.1999999, Lat: 22.7000001, AgeMs: 64_000, Speed: 0, Course: 0, Accuracy: 12, Presence: 2},
			{Handle: 3, Lon: 114.21, Lat: 22.69, AgeMs: 900_000, Speed: 0.5, Course: 359.75, Accuracy: 250, Presence: 1, Flags: Inaccurate},
			{Handle: 70_000, Lon: 114.2311111, Lat: 22.6766667, AgeMs: 0, Speed: 13.75, Course: 180, Accuracy: 3.5, Presence: 4, Flags: Vehicle},
		},
	},
	"extremes": {
		note:   "the ends of every field",
		header: Header{Kind: Points, Seq: math.MaxUint32, Base: time.UnixMilli(1 << 52).UTC()},
		points: []Point{
			{Handle: 0, Lon: -180, Lat: -90, AgeMs: 0, Speed: 0, Course: 0, Accuracy: 0},
			{Handle: math.MaxUint32, Lon: 180, Lat: 90, AgeMs: math.MaxUint32, Speed: 655.34, Course: 359.99, Accuracy: 6553.4, Presence: 4, Flags: HasLeft | Vehicle | Inaccurate},
			{Handle: 1 << 31, Lon: 0.0000001, Lat: -0.0000001, AgeMs: 1 << 31, Speed: 0.01, Course: 0.01, Accuracy: 0.1, Presence: 255, Flags: 255},
		},
	},
	"unknown": {
		note:   "a device that says only where it is",
		header: Header{Kind: Points, Seq: 3, Base: base},
		points: []Point{{Handle: 9, Lon: 114.2, Lat: 22.68, AgeMs: 5000, Speed: nan, Course: nan, Accuracy: nan, Presence: 3}},
	},
	"leaving": {
		note:   "handle 2 goes, handle 1 moves",
		header: Header{Kind: Points, Seq: 4, Base: base},
		points: []Point{
			{Handle: 2, Speed: nan, Course: nan, Accuracy: nan, Flags: HasLeft},
			{Handle: 1, Lon: 114.2067, Lat: 22.6875, AgeMs: 40, Speed: 1.5, Course: 45, Accuracy: 5, Presence: 3},
		},
	},
	"bins": {
		note:   "a wide view; a bins frame is always whole",
		header: Header{Kind: Bins, Flags: Snapshot, Seq: 5, Base: base},
		bins: []Bin{
			{Cell: 0x88411cb0a1fffff, Workers: 120, Active: 100, Stale: 15, SOS: 1},
			{Cell: 0x88411cb0a3fffff, Workers: math.MaxUint32, Active: math.MaxUint32, Stale: math.MaxUint16, SOS: math.MaxUint16},
			{Cell: 0x8f28308280f18f2, Workers: 1},
		},
	},
	"empty-bins": {
		note:   "a wide view in which nobody is",
		header: Header{Kind: Bins, Flags: Snapshot, Seq: 6, Base: base},
	},
	"wider-stride": {
		note:   "a later server appended eight bytes to each record: skip them",
		header: Header{Kind: Points, Seq: 7, Base: base},
		points: []Point{
			{Handle: 1, Lon: 114.2066, Lat: 22.6874, AgeMs: 1120, Speed: 1.25, Course: 87.5, Accuracy: 6.5, Presence: 3},
			{Handle: 2, Lon: 114.2, Lat: 22.7, AgeMs: 64_000, Speed: nan, Course: nan, Accuracy: nan, Presence: 2},
		},
		stride: 32,
	},
}

// meaning is a frame as fixtures/frames/*.json tells it to other languages.
type meaning struct {
	Note   string         `json:"note"`
	Kind   uint8          `json:"kind"`
	Flags  uint8          `json:"flags"`
	Count  uint32         `json:"count"`
	Seq    uint32         `json:"seq"`
	Base   int64          `json:"base"`
	Points []pointMeaning `json:"points,omitempty"`
	Bins   []binMeaning   `json:"bins,omitempty"`
}

type pointMeaning struct {
	Handle   uint32   `json:"handle"`
	Lon      float64  `json:"lon"`
	Lat      float64  `json:"lat"`
	AgeMs    uint32   `json:"age_ms"`
	Speed    *float64 `json:"speed"` // null = unknown
	Course   *float64 `json:"course"`
	Accuracy *float64 `json:"accuracy"`
	Presence uint8    `json:"presence"`
	Flags    uint8    `json:"flags"`
}

type binMeaning struct {
	Cell    string `json:"cell"` // hexadecimal
	Workers uint32 `json:"workers"`
	Active  uint32 `json:"active"`
	Stale   uint16 `json:"stale"`
	SOS     uint16 `json:"sos"`
}

// tell writes down what a decoded frame means.
func tell(note string, h Header, points []Point, bins []Bin) meaning {
	known := func(v float32, digits int) *float64 {
		if math.IsNaN(float64(v)) {
			return nil
		}
		scale := math.Pow10(digits)
		rounded := math.Round(float64(v)*scale) / scale
		return &rounded
	}
	m := meaning{Note: note, Kind: h.Kind, Flags: h.Flags, Count: h.Count, Seq: h.Seq, Base: h.Base.UnixMilli()}
	for _, p := range points {
		m.Points = append(m.Points, pointMeaning{p.Handle, p.Lon, p.Lat, p.AgeMs, known(p.Speed, 2), known(p.Course, 2), known(p.Accuracy, 1), p.Presence, p.Flags})
	}
	for _, b := range bins {
		m.Bins = append(m.Bins, binMeaning{strconv.FormatUint(b.Cell, 16), b.Workers, b.Active, b.Stale, b.SOS})
	}
	return m
}

func TestGoldenFrames(t *testing.T) {
	const dir = "../../fixtures/frames"
	for name, g := range golden {
		t.Run(name, func(t *testing.T) {
			var frame []byte
			if g.header.Kind == Bins {
				frame = AppendBins(nil, g.header, g.bins)
			} else {
				frame = AppendPoints(nil, g.header, g.points)
			}
			if g.stride > 0 {
				frame = widen(frame, g.stride)
			}
			h, points, bins, err := Decode(frame)
			if err != nil {
				t.Fatal(err)
			}
			means, err := json.MarshalIndent(tell(g.note, h, points, bins), "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			means = append(means, '\n')
			bin, text := filepath.Join(dir, name+".bin"), filepath.Join(dir, name+".json")
			if *update {
				for file, content := range map[string][]byte{bin: frame, text: means} {
					if err := os.WriteFile(file, content, 0o644); err != nil {
						t.Fatal(err)
					}
				}
			}
			wantFrame, err := os.ReadFile(bin)
			if err != nil {
				t.Fatal(err)
			}
			wantMeans, err := os.ReadFile(text)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(frame, wantFrame) {
				t.Errorf("the frame changed:\n%x, want\n%x", frame, wantFrame)
			}
			if diff := cmp.Diff(string(wantMeans), string(means)); diff != "" {
				t.Errorf("the meaning changed:\n%s", diff)
			}
			// what was put in comes out: all values of the table are exact
			g.header.Count = uint32(len(g.points) + len(g.bins))
			exact := []cmp.Option{cmpopts.EquateNaNs(), cmpopts.EquateEmpty()}
			if diff := cmp.Diff(g.header, h); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(g.points, points, exact...); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(g.bins, bins, exact...); diff != "" {
				t.Error(diff)
			}
		})
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.bin"))
	if err != nil || len(files) != len(golden) {
		t.Errorf("%d golden frames for %d cases (%v)", len(files), len(golden), err)
	}
}

// widen rewrites a frame as a server with longer records would send it.
func widen(frame []byte, stride int) []byte {
	out := bytes.Clone(frame[:HeaderSize])
	binary.LittleEndian.PutUint16(out[4:], uint16(stride))
	for at := HeaderSize; at < len(frame); at += Stride {
		out = append(out, frame[at:at+Stride]...)
		out = append(out, bytes.Repeat([]byte{0xA5}, stride-Stride)...)
	}
	return out
}

func TestWhatDoesNotFitComesNear(t *testing.T) {
	inf := float32(math.Inf(1))
	for when, c := range map[string]struct{ in, want Point }{
		"too fast":             {Point{Speed: 1e9}, Point{Speed: 655.34}},
		"infinitely fast":      {Point{Speed: inf}, Point{Speed: 655.34}},
		"backwards":            {Point{Speed: -1}, Point{Speed: nan}},
		"very inaccurate":      {Point{Accuracy: 1e6}, Point{Accuracy: 6553.4}},
		"north as 360":         {Point{Course: 360}, Point{Course: 0}},
		"almost north":         {Point{Course: 359.999}, Point{Course: 0}},
		"west as negative":     {Point{Course: -90}, Point{Course: 270}},
		"twice around":         {Point{Course: 765}, Point{Course: 45}},
		"a course of infinity": {Point{Course: inf}, Point{Course: nan}},
		"beyond the globe":     {Point{Lon: 1e9, Lat: -1e9}, Point{Lon: 214.7483647, Lat: -214.7483648}},
		"nowhere":              {Point{Lon: math.NaN(), Lat: math.Inf(1)}, Point{Lon: 0, Lat: 214.7483647}},
		"rounded, not cut":     {Point{Lon: 0.00000016, Lat: -0.00000016}, Point{Lon: 0.0000002, Lat: -0.0000002}},
	} {
		_, points, _, err := Decode(AppendPoints(nil, Header{}, []Point{c.in}))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, points[0], cmpopts.EquateNaNs()); diff != "" {
			t.Errorf("%s: %s", when, diff)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	good := AppendPoints(nil, Header{Base: base}, []Point{{Handle: 1}, {Handle: 2}})
	change := func(at int, to ...byte) []byte { b := bytes.Clone(good); copy(b[at:], to); return b }
	for when, frame := range map[string][]byte{
		"nothing":                     nil,
		"half a header":               good[:12],
		"another magic":               change(0, 'X'),
		"half a record":               good[:len(good)-1],
		"a record too many":           append(bytes.Clone(good), make([]byte, Stride)...),
		"a count from the moon":       change(8, 255, 255, 255, 255),
		"a stride of nothing":         change(4, 0, 0),
		"nothing times four billions": change(4, 0, 0, 1, 0, 255, 255, 255, 255),
		"a short stride":              change(4, 12, 0, 1, 0, 4, 0, 0, 0),
		"a kind that is none":         change(6, 3),
	} {
		if _, _, _, err := Decode(frame); !errors.Is(err, ErrFrame) {
			t.Errorf("%s: %v", when, err)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Point {
			return Point{
				Handle: rapid.Uint32().Draw(t, "handle"),
				Lon:    rapid.Float64Range(-180, 180).Draw(t, "lon"), Lat: rapid.Float64Range(-90, 90).Draw(t, "lat"),
				AgeMs: rapid.Uint32().Draw(t, "age"), Speed: rapid.Float32Range(0, 600).Draw(t, "speed"),
				Course: rapid.Float32Range(0, 359).Draw(t, "course"), Accuracy: rapid.Float32Range(0, 6000).Draw(t, "accuracy"),
				Presence: rapid.Byte().Draw(t, "presence"), Flags: rapid.Byte().Draw(t, "flags"),
			}
		}), 0, 20).Draw(t, "points")
		prefix := []byte("kept")
		frame := AppendPoints(prefix, Header{Seq: 5, Base: base}, want)
		if !bytes.HasPrefix(frame, prefix) || len(frame) != len(prefix)+HeaderSize+Stride*len(want) {
			t.Fatalf("%d bytes for %d points", len(frame), len(want))
		}
		h, got, _, err := Decode(frame[len(prefix):])
		if err != nil || h.Kind != Points || int(h.Count) != len(want) || !h.Base.Equal(base) {
			t.Fatalf("%+v, %v", h, err)
		}
		for i, p := range got {
			w := want[i]
			if p.Handle != w.Handle || p.AgeMs != w.AgeMs || p.Presence != w.Presence || p.Flags != w.Flags ||
				math.Abs(p.Lon-w.Lon) > 0.6e-7 || math.Abs(p.Lat-w.Lat) > 0.6e-7 ||
				math.Abs(float64(p.Speed-w.Speed)) > 0.0051 || math.Abs(float64(p.Course-w.Course)) > 0.0051 || math.Abs(float64(p.Accuracy-w.Accuracy)) > 0.051 {
				t.Fatalf("%+v, want %+v", p, w)
			}
		}
	})
}

// FuzzDecode: any bytes at all are a frame that says the same when written
// again, or an error.
func FuzzDecode(f *testing.F) {
	for _, g := range golden {
		f.Add(AppendPoints(nil, g.header, g.points))
		f.Add(AppendBins(nil, g.header, g.bins))
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		h, points, bins, err := Decode(frame)
		if err != nil {
			if points != nil || bins != nil {
				t.Fatal("records with an error")
			}
			return
		}
		var again []byte
		if h.Kind == Points {
			again = AppendPoints(nil, h, points)
		} else {
			again = AppendBins(nil, h, bins)
		}
		h2, points2, bins2, err := Decode(again)
		if err != nil {
			t.Fatal(err)
		}
		for i := range points { // a course beyond 360° is legal to read and never written
			if points[i].Course >= 360 {
				points[i].Course, points2[i].Course = 0, 0
			}
		}
		if diff := cmp.Diff([]any{h, points, bins}, []any{h2, points2, bins2}, cmpopts.EquateNaNs()); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestAppendDoesNotAllocate(t *testing.T) {
	points, bins := make([]Point, 1000), make([]Bin, 1000)
	dst := make([]byte, 0, 1<<16)
	if n := testing.AllocsPerRun(10, func() { AppendBins(AppendPoints(dst, Header{}, points), Header{}, bins) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
