package trail

import (
	"encoding/binary"
	"hash/crc32"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/paulmach/orb"
	"pgregory.net/rapid"
)

// same compares fixes with NaN equal to NaN.
func same(a, b Fix) bool { return compare(a, b) == 0 }

func nan() float32 { return float32(math.NaN()) }

// anyFix is a fix with anything in it.
func anyFix() *rapid.Generator[Fix] {
	return rapid.Custom(func(t *rapid.T) Fix {
		figure := rapid.OneOf(rapid.Just(nan()), rapid.Float32Range(-10, 5000), rapid.Float32())
		return Fix{
			Ms:       rapid.OneOf(rapid.Int64Range(1_790_000_000_000, 1_790_003_600_000), rapid.Int64()).Draw(t, "ms"),
			Point:    orb.Point{rapid.OneOf(rapid.Float64Range(-180, 180), rapid.Float64()).Draw(t, "lon"), rapid.Float64Range(-90, 90).Draw(t, "lat")},
			Accuracy: figure.Draw(t, "accuracy"), Speed: figure.Draw(t, "speed"), Course: figure.Draw(t, "course"),
			Flags: rapid.Uint32().Draw(t, "flags"), Source: rapid.Uint8().Draw(t, "source"),
		}
	})
}

func TestChunkKeepsWhatItStores(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		fixes := rapid.SliceOfN(anyFix(), 0, 200).Draw(t, "fixes")
		before := []Fix{{Ms: 7}}
		got, err := Decode(before, Encode(nil, fixes))
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != len(fixes)+1 || got[0].Ms != 7 {
			t.Fatalf("%d fixes came back of %d", len(got)-1, len(fixes))
		}
		for i, f := range got[1:] {
			if want := fixes[i].Stored(); !same(f, want) {
				t.Fatalf("fix %d: %+v came back as %+v, not %+v", i, fixes[i], f, want)
			}
			if again := f.Stored(); !same(f, again) {
				t.Fatalf("%+v is stored as %+v", f, again)
			}
		}
	})
}

func TestStoredIsNear(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f := Fix{
			Ms: rapid.Int64Range(0, 4_000_000_000_000).Draw(t, "ms"), Point: orb.Point{rapid.Float64Range(-180, 180).Draw(t, "lon"), rapid.Float64Range(-90, 90).Draw(t, "lat")},
			Accuracy: rapid.Float32Range(0, 5000).Draw(t, "accuracy"), Speed: rapid.Float32Range(0, 100).Draw(t, "speed"), Course: rapid.Float32Range(0, 360).Draw(t, "course"),
		}
		s := f.Stored()
		off := func(a, b float32) float64 { return math.Abs(float64(a) - float64(b)) }
		turn := off(s.Course, f.Course)
		if s.Ms != f.Ms || math.Abs(s.Point[0]-f.Point[0]) > 0.51e-6 || math.Abs(s.Point[1]-f.Point[1]) > 0.51e-6 ||
			off(s.Accuracy, f.Accuracy) > 0.051 || off(s.Speed, f.Speed) > 0.0251 || min(turn, 360-turn) > 1.01 {
			t.Fatalf("%+v is stored as %+v", f, s)
		}
	})
}

// walk is a walker's hour: 5 s, Gauss-Markov noise of some metres, what a phone says of it.
func walkHour(seed uint64, n int) []Fix {
	r := rand.New(rand.NewPCG(seed, 1))
	fixes := make([]Fix, n)
	var x, y, ex, ey float64
	heading, pace := r.Float64()*6.28, 1.2
	sigma := 2 + 3*r.Float64()
	for i := range fixes {
		if r.Float64() < 0.03 {
			heading += (r.Float64() - 0.5) * 3
		}
		pace = min(max(pace+0.1*r.NormFloat64(), 0.5), 1.9)
		x, y = x+5*pace*math.Sin(heading), y+5*pace*math.Cos(heading)
		keep := math.Exp(-5.0 / 25)
		add := sigma * math.Sqrt(1-keep*keep)
		ex, ey = ex*keep+add*r.NormFloat64(), ey*keep+add*r.NormFloat64()
		fixes[i] = Fix{
			Ms:       1_790_000_000_000 + int64(i)*5000 + int64(r.IntN(40)),
			Point:    orb.Point{114.2 + (x+ex)/metresPerDegree/0.92, 22.69 + (y+ey)/metresPerDegree},
			Accuracy: float32(sigma * (1.3 + 0.5*r.Float64())), Speed: float32(max(0, pace+0.12*r.NormFloat64())),
			Course: float32(math.Mod(heading*180/math.Pi+6*r.NormFloat64()+720, 360)), Source: 4,
		}
	}
	return fixes
}

func TestChunkIsSmall(t *testing.T) {
	t.Parallel()
	bytes, fixes := 0, 0
	for seed := range uint64(20) {
		hour := walkHour(seed, 720)
		bytes, fixes = bytes+len(Encode(nil, hour)), fixes+len(hour)
	}
	if each := float64(bytes) / float64(fixes); each > 4.5 {
		t.Errorf("%.2f bytes a fix", each)
	} else {
		t.Logf("%.2f bytes a fix", each)
	}
}

func TestDamagedChunkIsRefused(t *testing.T) {
	t.Parallel()
	good := Encode(nil, walkHour(1, 100))
	for i := range good {
		for _, bit := range []byte{1, 0x80} {
			bad := append([]byte(nil), good...)
			bad[i] ^= bit
			if _, err := Decode(nil, bad); err == nil {
				t.Fatalf("byte %d was changed and nobody noticed", i)
			}
		}
		if _, err := Decode(nil, good[:i]); err == nil {
			t.Fatalf("only %d bytes of %d and nobody noticed", i, len(good))
		}
	}
}

// sealed is b with its last four bytes made the checksum of the others.
func sealed(b []byte) []byte {
	if len(b) < 4 {
		return b
	}
	body := append([]byte(nil), b[:len(b)-4]...)
	return binary.LittleEndian.AppendUint32(body, crc32.Checksum(body, castagnoli))
}

func FuzzDecode(f *testing.F) {
	f.Add(Encode(nil, nil))
	f.Add(Encode(nil, walkHour(1, 3)))
	f.Add(Encode(nil, walkHour(2, 720)))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, chunk := range [][]byte{b, sealed(b)} { // as it is, and with a checksum that lets it in
			got, err := Decode(nil, chunk)
			if err != nil {
				continue
			}
			if len(got) > MaxChunk {
				t.Fatalf("%d fixes", len(got))
			}
			stored := make([]Fix, len(got))
			for i := range got {
				stored[i] = got[i].Stored()
			}
			again, err := Decode(nil, Encode(nil, stored))
			if err != nil || !reflect.DeepEqual(len(again), len(stored)) {
				t.Fatal("what was read cannot be written", err)
			}
			for i := range again {
				if !same(again[i], stored[i]) {
					t.Fatalf("%+v became %+v", stored[i], again[i])
				}
			}
		}
	})
}

func BenchmarkDecodeDay(b *testing.B) {
	var chunks [][]byte
	for h := range uint64(8) {
		chunks = append(chunks, Encode(nil, walkHour(h, 720)))
	}
	day := make([]Fix, 0, 8*720)
	b.ReportAllocs()
	for b.Loop() {
		day = day[:0]
		for _, c := range chunks {
			var err error
			if day, err = Decode(day, c); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(day)), "ns/fix")
}

func BenchmarkEncodeHour(b *testing.B) {
	hour := walkHour(1, 720)
	var buf []byte
	for b.Loop() {
		buf = Encode(buf[:0], hour)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(hour)), "ns/fix")
}
