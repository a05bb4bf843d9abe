package trail

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"slices"

	"github.com/paulmach/orb"
)

// MaxChunk is how many fixes a chunk holds at most: 18 a second for an hour.
const MaxChunk = 1 << 16

// What a chunk keeps, in units of a column.
const (
	perDegree  = 1e6 // place: 0.11 m
	perMetre   = 10  // accuracy: 0.1 m
	perMS      = 20  // speed: 0.05 m/s
	perCourse  = 0.5 // course: 2°
	fullTurn   = 360 * perCourse
	format     = 2
	columns    = 8
	mostTime   = 1 << 50 // ms; keeps every number below 2^53, which JavaScript reads exactly
	mostPlace  = 1e9     // units
	mostFigure = 1 << 24 // units
	unsaid     = -1      // in the columns of figures: the device did not say
)

// The columns, in their order.
const (
	inTime = iota
	inLongitude
	inLatitude
	inAccuracy
	inSpeed
	inCourse
	inFlags
	inSource
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ErrChunk is what Decode says of bytes that are no chunk.
var ErrChunk = errors.New("not a chunk of fixes")

// Stored returns the fix as a chunk keeps it: what Decode gives after Encode.
// Verdicts that are to be the same before and after archiving are made of this.
func (f Fix) Stored() Fix {
	return Fix{
		Ms: unit(&f, inTime), Point: orb.Point{float64(place(f.Point[0])) / perDegree, float64(place(f.Point[1])) / perDegree},
		Accuracy: toFigure(figure(f.Accuracy, perMetre), perMetre), Speed: toFigure(figure(f.Speed, perMS), perMS), Course: toFigure(course(f.Course), perCourse),
		Flags: f.Flags, Source: f.Source,
	}
}

func place(degrees float64) int64 {
	if degrees != degrees {
		return 0
	}
	return int64(math.Round(min(max(degrees*perDegree, -mostPlace), mostPlace)))
}

func figure(v float32, per float64) int64 {
	if v != v {
		return unsaid
	}
	return int64(math.Round(min(max(float64(v)*per, 0), mostFigure)))
}

func course(v float32) int64 {
	if v != v || math.IsInf(float64(v), 0) {
		return unsaid
	}
	turn := math.Mod(float64(v), 360)
	if turn < 0 {
		turn += 360
	}
	return int64(math.Round(turn*perCourse)) % fullTurn
}

func toFigure(u int64, per float32) float32 {
	if u < 0 {
		return float32(math.NaN())
	}
	return float32(u) / per
}

// unit is the fix's number in a column.
func unit(f *Fix, column int) int64 {
	switch column {
	case inTime:
		return min(max(f.Ms, -mostTime), mostTime)
	case inLongitude, inLatitude:
		return place(f.Point[column-inLongitude])
	case inAccuracy:
		return figure(f.Accuracy, perMetre)
	case inSpeed:
		return figure(f.Speed, perMS)
	case inCourse:
		return course(f.Course)
	case inFlags:
		return int64(f.Flags)
	}
	return int64(f.Source)
}

func isFigure(column int) bool { return column >= inAccuracy && column <= inCourse }

// turnOf is where the numbers of a column begin again: 0 = nowhere.
func turnOf(column int) int64 {
	if column == inCourse {
		return fullTurn
	}
	return 0
}

// Encode appends a chunk of the fixes, at most MaxChunk, to dst. An archive
// makes one chunk of an hour of one worker, ordered by time; the layout does not
// depend on it.
//
//	byte      2, the format
//	uvarint   n, how many fixes
//	8 columns, when n > 0: time (ms), longitude, latitude (millionths of a
//	          degree), accuracy (decimetres), speed (twentieths of a m/s), course
//	          (2° steps), flags, source
//	4 bytes   CRC-32C (Castagnoli) of all before, little-endian
//
// Accuracy, speed and course begin with who said them: uvarints, so many fixes
// that did, so many that did not, and so on, until there are n (the first may be
// 0). The column itself holds only what was said; when nothing was, it is empty.
//
// A column of m ≥ 1 whole numbers x begins with a byte, its shape:
//
//	0xf0      equal numbers: until there are m, uvarint how many, svarint how
//	          much they are above those before (the first: above 0)
//	0xf1      equal steps: svarint x₀; until there are m, uvarint how many,
//	          svarint the step above the steps before (the first: above 0)
//	s<<4 | t  told by what differs from a guess, 0 ≤ s, t ≤ 9
//
// The last: svarint x₀, uvarint g ≥ 1, svarint a, svarint v, byte r, then the
// bits. With y₀ = 0 and xᵢ = x₀ + g·yᵢ (of course modulo 180), level = 256·a,
// pace = v and spread = 2^r, each next y is
//
//	guess = ⌊(level + 128) / 256⌋, y = guess + e
//	e is told in bits, by its zigzag z and k, the bits of ⌊11·spread / 256⌋, at most 20:
//	  q = ⌊z / 2^k⌋ < 8: q bits 0, a bit 1, the k lowest bits of z; then
//	    pace += e·2^(8-t) unless t = 9, level += pace + e·2^(8-s) (without e if s = 9),
//	    spread += ⌊(16·z - spread) / 16⌋
//	  else 8 bits 0, 6 bits w, w bits z; then level = 256·y + pace
//
// Bits fill bytes from the lowest upwards, numbers of several bits lowest first,
// the last byte is filled with 0.
//
// uvarint is seven bits a byte, lowest first, the high bit set on all but the
// last; svarint is the same of the zigzag (v<<1) ^ (v>>63). Both are at most ten
// bytes. No number in a valid chunk is beyond ±2^53, and no y beyond ±2^36.
func Encode(dst []byte, fixes []Fix) []byte {
	if len(fixes) > MaxChunk {
		panic(fmt.Sprintf("trail: a chunk of %d fixes", len(fixes))) // a mistake of the caller, like an index out of range
	}
	start := len(dst)
	dst = append(dst, format)
	dst = binary.AppendUvarint(dst, uint64(len(fixes)))
	if n := len(fixes); n > 0 {
		room := make([]int64, 3*n)
		cells, w := room[:n], writer{y: room[n : 2*n], spare: room[2*n:]}
		for c := range columns {
			for i := range fixes {
				cells[i] = unit(&fixes[i], c)
			}
			said := cells
			if isFigure(c) {
				dst, said = appendSaid(dst, cells)
			}
			if len(said) > 0 {
				dst = w.column(dst, said, c)
			}
		}
	}
	return binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
}

// appendSaid writes which of the figures were said, and leaves those in cells.
func appendSaid(dst []byte, cells []int64) (_ []byte, said []int64) {
	said = cells[:0]
	run, told := uint64(0), true
	for _, v := range cells {
		if (v != unsaid) != told {
			dst = binary.AppendUvarint(dst, run)
			run, told = 0, !told
		}
		run++
		if told {
			said = append(said, v)
		}
	}
	return binary.AppendUvarint(dst, run), said
}

// Decode appends the fixes of a chunk to dst. It believes nothing that the bytes
// do not bear out: a damaged chunk is an error, never a panic or a large memory.
func Decode(dst []Fix, chunk []byte) ([]Fix, error) {
	if len(chunk) < 6 || chunk[0] != format {
		return dst, ErrChunk
	}
	body := chunk[:len(chunk)-4]
	if crc32.Checksum(body, castagnoli) != binary.LittleEndian.Uint32(chunk[len(body):]) {
		return dst, fmt.Errorf("%w: its checksum is wrong", ErrChunk)
	}
	n, size := binary.Uvarint(body[1:])
	if size <= 0 || n > MaxChunk {
		return dst, fmt.Errorf("%w: too many fixes", ErrChunk)
	}
	if n == 0 {
		if len(body) != 1+size {
			return dst, fmt.Errorf("%w: bytes left over", ErrChunk)
		}
		return dst, nil
	}
	start := len(dst)
	dst = slices.Grow(dst, int(n))[:start+int(n)] // n ≤ MaxChunk
	out := dst[start:]
	r := reader{rest: body[1+size:], cells: make([]int64, n)}
	for c := range columns {
		if !r.into(out, c) {
			return dst[:start], fmt.Errorf("%w: column %d is damaged", ErrChunk, c)
		}
	}
	if len(r.rest) > 0 {
		return dst[:start], fmt.Errorf("%w: bytes left over", ErrChunk)
	}
	return dst, nil
}

// into reads a column and gives it to the fixes.
func (r *reader) into(out []Fix, column int) bool {
	if isFigure(column) {
		return r.figures(out, column)
	}
	if !r.column(r.cells, 0) {
		return false
	}
	switch column {
	case inTime:
		for i, v := range r.cells {
			out[i].Ms = v
		}
	case inLongitude, inLatitude:
		for i, v := range r.cells {
			out[i].Point[column-inLongitude] = float64(v) / perDegree
		}
	case inFlags:
		for i, v := range r.cells {
			out[i].Flags = uint32(v)
		}
	case inSource:
		for i, v := range r.cells {
			out[i].Source = uint8(v)
		}
	}
	return true
}

// figures reads a column of which some may not have been said.
func (r *reader) figures(out []Fix, column int) bool {
	r.runs = r.runs[:0]
	said := 0
	for n, told := 0, true; n < len(out); told = !told {
		run, ok := r.unsigned()
		if !ok || run > uint64(len(out)-n) || run == 0 && len(r.runs) > 0 {
			return false
		}
		r.runs = append(r.runs, int(run))
		n += int(run)
		if told {
			said += int(run)
		}
	}
	cells := r.cells[:said]
	if said > 0 && !r.column(cells, turnOf(column)) {
		return false
	}
	i := 0
	for nr, run := range r.runs {
		part := out[i : i+run]
		i += run
		if nr%2 == 1 {
			nan := float32(math.NaN())
			for k := range part {
				set(&part[k], column, nan)
			}
			continue
		}
		per := perOf(column)
		for k := range part {
			set(&part[k], column, float32(cells[k])/per)
		}
		cells = cells[run:]
	}
	return true
}

func perOf(column int) float32 {
	switch column {
	case inAccuracy:
		return perMetre
	case inSpeed:
		return perMS
	}
	return perCourse
}

func set(f *Fix, column int, v float32) {
	switch column {
	case inAccuracy:
		f.Accuracy = v
	case inSpeed:
		f.Speed = v
	case inCourse:
		f.Course = v
	}
}
