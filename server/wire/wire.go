// Package wire is the binary frame in which positions reach a screen: a header
// of 24 bytes, then records of a fixed stride that DataView reads in place.
// docs/protocol.md §2.2 is the specification and fixtures/frames its golden
// frames, which the TypeScript decoder reads too.
//
// Little-endian throughout. Fields may be appended to records: a reader takes
// the stride from the header and skips what it does not know.
//
// Appending to a buffer that is large enough allocates nothing. What does not
// fit a field is brought to its nearest value, and what is not a number becomes
// "unknown": a frame is always well formed.
package wire

import (
	"encoding/binary"
	"math"
	"time"
)

// Kinds of frames.
const (
	Points uint8 = 1
	Bins   uint8 = 2
)

// Snapshot in Header.Flags says: forget all that was before.
const Snapshot uint8 = 1

// Flags of a Point.
const (
	HasLeft    uint8 = 1 << iota // the handle is forgotten; the rest of the record means nothing
	Vehicle                      // a vehicle, not a person
	Inaccurate                   // draw the circle
)

// Stride and HeaderSize of the frames that are written today.
const (
	HeaderSize = 24
	Stride     = 24
)

const (
	magic     = 0x31505747 // "GWP1"
	unknown16 = math.MaxUint16
)

// Header is what a frame says about itself.
type Header struct {
	Kind  uint8
	Flags uint8
	Count uint32
	Seq   uint32    // of this frame in its room; a jump means conflated, not lost
	Base  time.Time // the server's clock when the frame was made, to the millisecond
}

// Point is one worker. NaN means unknown.
type Point struct {
	Handle   uint32
	Lon, Lat float64 // degrees, kept to 10⁻⁷
	AgeMs    uint32  // of the fix at Base
	Speed    float32 // m/s, kept to cm/s
	Course   float32 // degrees, kept to 0.01°
	Accuracy float32 // m, kept to dm
	Presence uint8   // fleet.Presence
	Flags    uint8
}

// Bin is how many workers are in one H3 cell.
type Bin struct {
	Cell    uint64
	Workers uint32
	Active  uint32 // of them online or idle
	Stale   uint16 // of them stale
	SOS     uint16 // of them in SOS
}

// AppendPoints appends a frame of points to dst. Kind and Count of the header
// are set here.
func AppendPoints(dst []byte, h Header, points []Point) []byte {
	h.Kind, h.Count = Points, uint32(len(points))
	dst = appendHeader(dst, h)
	for i := range points {
		p := &points[i]
		at := len(dst)
		dst = append(dst, make([]byte, Stride)...)
		b := dst[at : at+Stride]
		binary.LittleEndian.PutUint32(b[0:], p.Handle)
		binary.LittleEndian.PutUint32(b[4:], uint32(degrees(p.Lon)))
		binary.LittleEndian.PutUint32(b[8:], uint32(degrees(p.Lat)))
		binary.LittleEndian.PutUint32(b[12:], p.AgeMs)
		binary.LittleEndian.PutUint16(b[16:], amount(p.Speed, 100))
		binary.LittleEndian.PutUint16(b[18:], course(p.Course))
		b[20], b[21] = p.Presence, p.Flags
		binary.LittleEndian.PutUint16(b[22:], amount(p.Accuracy, 10))
	}
	return dst
}

// AppendBins appends a frame of bins to dst. Kind and Count of the header are
// set here.
func AppendBins(dst []byte, h Header, bins []Bin) []byte {
	h.Kind, h.Count = Bins, uint32(len(bins))
	dst = appendHeader(dst, h)
	for i := range bins {
		n := &bins[i]
		dst = binary.LittleEndian.AppendUint64(dst, n.Cell)
		dst = binary.LittleEndian.AppendUint32(dst, n.Workers)
		dst = binary.LittleEndian.AppendUint32(dst, n.Active)
		dst = binary.LittleEndian.AppendUint16(dst, n.Stale)
		dst = binary.LittleEndian.AppendUint16(dst, n.SOS)
		dst = binary.LittleEndian.AppendUint32(dst, 0)
	}
	return dst
}

func appendHeader(dst []byte, h Header) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, magic)
	dst = binary.LittleEndian.AppendUint16(dst, Stride)
	dst = append(dst, h.Kind, h.Flags)
	dst = binary.LittleEndian.AppendUint32(dst, h.Count)
	dst = binary.LittleEndian.AppendUint32(dst, h.Seq)
	return binary.LittleEndian.AppendUint64(dst, uint64(h.Base.UnixMilli()))
}

// degrees in units of 10⁻⁷; what is not a coordinate comes as near as it can.
func degrees(v float64) int32 {
	if math.IsNaN(v) {
		return 0
	}
	return int32(max(math.MinInt32, min(math.MaxInt32, math.Round(v*1e7))))
}

// amount in units of 1/scale; negative is unknown, too much is the most.
func amount(v float32, scale float64) uint16 {
	if !(v >= 0) {
		return unknown16
	}
	return uint16(min(unknown16-1, math.Round(float64(v)*scale)))
}

// course in units of 0.01°, brought into [0°, 360°).
func course(v float32) uint16 {
	turn := math.Mod(math.Round(float64(v)*100), 36000)
	if math.IsNaN(turn) {
		return unknown16
	}
	if turn < 0 {
		turn += 36000
	}
	return uint16(turn)
}
