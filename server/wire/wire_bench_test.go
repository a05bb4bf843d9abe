package wire

import "testing"

func BenchmarkWire(b *testing.B) {
	points := make([]Point, 1000)
	for i := range points {
		points[i] = Point{Handle: uint32(i), Lon: 114.2, Lat: 22.68 + float64(i)/1e5, Speed: 1.25, Course: 90, Accuracy: 5}
	}
	frame := AppendPoints(nil, Header{Base: base}, points)
	b.Run("wire/append-1000", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(frame)))
		dst := make([]byte, 0, len(frame))
		for range b.N {
			dst = AppendPoints(dst[:0], Header{Base: base}, points)
		}
		b.ReportMetric(float64(len(dst))/float64(len(points)), "bytes/update")
	})
	b.Run("wire/decode-1000", func(b *testing.B) {
		b.SetBytes(int64(len(frame)))
		for range b.N {
			if _, _, _, err := Decode(frame); err != nil {
				b.Fatal(err)
			}
		}
	})
}
