package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"
)

// ErrFrame says that some bytes are not a frame.
var ErrFrame = errors.New("not a position frame")

// Decode reads a frame: points or bins, as the header says. A count that the
// frame's length does not bear out is refused before anything is allocated.
func Decode(b []byte) (Header, []Point, []Bin, error) {
	if len(b) < HeaderSize || binary.LittleEndian.Uint32(b) != magic {
		return Header{}, nil, nil, fmt.Errorf("%w: no header", ErrFrame)
	}
	h := Header{
		Kind:  b[6],
		Flags: b[7],
		Count: binary.LittleEndian.Uint32(b[8:]),
		Seq:   binary.LittleEndian.Uint32(b[12:]),
		Base:  time.UnixMilli(int64(binary.LittleEndian.Uint64(b[16:]))).UTC(),
	}
	stride, records := int(binary.LittleEndian.Uint16(b[4:])), b[HeaderSize:]
	if stride < Stride {
		return Header{}, nil, nil, fmt.Errorf("%w: stride %d", ErrFrame, stride)
	}
	if uint64(h.Count)*uint64(stride) != uint64(len(records)) {
		return Header{}, nil, nil, fmt.Errorf("%w: %d bytes for %d records of %d", ErrFrame, len(records), h.Count, stride)
	}
	switch h.Kind {
	case Points:
		points := make([]Point, h.Count)
		for i := range points {
			points[i] = point(records[i*stride:])
		}
		return h, points, nil, nil
	case Bins:
		bins := make([]Bin, h.Count)
		for i := range bins {
			bins[i] = bin(records[i*stride:])
		}
		return h, nil, bins, nil
	}
	return Header{}, nil, nil, fmt.Errorf("%w: kind %d", ErrFrame, h.Kind)
}

func point(b []byte) Point {
	return Point{
		Handle:   binary.LittleEndian.Uint32(b[0:]),
		Lon:      float64(int32(binary.LittleEndian.Uint32(b[4:]))) / 1e7,
		Lat:      float64(int32(binary.LittleEndian.Uint32(b[8:]))) / 1e7,
		AgeMs:    binary.LittleEndian.Uint32(b[12:]),
		Speed:    known(binary.LittleEndian.Uint16(b[16:]), 100),
		Course:   known(binary.LittleEndian.Uint16(b[18:]), 100),
		Presence: b[20],
		Flags:    b[21],
		Accuracy: known(binary.LittleEndian.Uint16(b[22:]), 10),
	}
}

func known(v uint16, scale float32) float32 {
	if v == unknown16 {
		return float32(math.NaN())
	}
	return float32(v) / scale
}

func bin(b []byte) Bin {
	return Bin{
		Cell:    binary.LittleEndian.Uint64(b[0:]),
		Workers: binary.LittleEndian.Uint32(b[8:]),
		Active:  binary.LittleEndian.Uint32(b[12:]),
		Stale:   binary.LittleEndian.Uint16(b[16:]),
		SOS:     binary.LittleEndian.Uint16(b[18:]),
	}
}
