package trail

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"math/bits"
	"slices"

	"github.com/paulmach/orb"
)

// MaxChunk is how many fixes a chunk holds at most: 18 a second for an hour.
const MaxChunk = 1 << 16

// What a chunk keeps, in units of a column. A figure that the device did not
// say is 0 in its column, a figure that it said is one more than its units.
const (
	perDegree  = 1e6 // place: 0.11 m
	perMetre   = 10  // accuracy: 0.1 m
	perMS      = 20  // speed: 0.05 m/s
	perCourse  = 0.5 // course: 2°
	format     = 1
	columns    = 8
	mostTime   = 1 << 50 // ms; keeps every number below 2^53, which JavaScript reads exactly
	mostPlace  = 1e9     // units
	mostFigure = 1 << 24 // units
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ErrChunk is what Decode says of bytes that are no chunk.
var ErrChunk = errors.New("not a chunk of fixes")

// Stored returns the fix as a chunk keeps it: what Decode gives after Encode.
// Verdicts that are to be the same before and after archiving are made of this.
func (f Fix) Stored() Fix {
	c := f.units()
	return fromUnits(&c)
}

func (f Fix) units() [columns]int64 {
	return [columns]int64{
		min(max(f.Ms, -mostTime), mostTime), place(f.Point[0]), place(f.Point[1]),
		figure(f.Accuracy, perMetre), figure(f.Speed, perMS), course(f.Course), int64(f.Flags), int64(f.Source),
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
		return 0
	}
	return 1 + int64(math.Round(min(max(float64(v)*per, 0), mostFigure)))
}

func course(v float32) int64 {
	if v != v || math.IsInf(float64(v), 0) {
		return 0
	}
	turn := math.Mod(float64(v), 360)
	if turn < 0 {
		turn += 360
	}
	return 1 + int64(math.Round(turn*perCourse))%(360*perCourse)
}

func toFigure(u int64, per float32) float32 {
	if u <= 0 {
		return float32(math.NaN())
	}
	return float32(u-1) / per
}

func fromUnits(c *[columns]int64) Fix {
	return Fix{
		Ms: c[0], Point: orb.Point{float64(c[1]) / perDegree, float64(c[2]) / perDegree},
		Accuracy: toFigure(c[3], perMetre), Speed: toFigure(c[4], perMS), Course: toFigure(c[5], perCourse),
		Flags: uint32(c[6]), Source: uint8(c[7]),
	}
}

// Encode appends a chunk of the fixes, at most MaxChunk, to dst. An archive
// makes one chunk of an hour of one worker, ordered by time; the layout does not
// depend on it.
//
//	byte      1, the format
//	uvarint   n, how many fixes
//	8 columns, when n > 0: time (ms), longitude, latitude (millionths of a
//	          degree), accuracy (decimetres), speed (twentieths of a m/s), course
//	          (2° steps), flags, source. In accuracy, speed and course 0 is "not
//	          said" and the figure is the column's value less one.
//	4 bytes   CRC-32C (Castagnoli) of all before, little-endian
//
// A column is n whole numbers, differenced k times, the rest as blocks of a
// minimum and a width:
//
//	byte      k in the upper four bits: how often differenced, 0 to 2
//	          b in the lower four: blocks of 2^b numbers; 0 = all numbers are equal
//	svarint   min(k, n) times: the first number; with k = 2 then the first difference
//	uvarint   g ≥ 1: every number that follows is to be taken g times
//	svarint   when b = 0 and n > k: the number
//	blocks    when b > 0, until n - k numbers are there:
//	            svarint  m, the least of the block
//	            byte     w, bits of each number, 0 to 53
//	            bytes    ⌈count · w / 8⌉: the numbers less m, w bits each, packed
//	                     from the lowest bit of the first byte upwards
//
// With k = 1 the numbers are differences: x₀ is given, xᵢ = xᵢ₋₁ + g·numberᵢ.
// With k = 2 they are differences of differences: x₀ and d₁ are given,
// x₁ = x₀ + d₁, dᵢ = dᵢ₋₁ + g·numberᵢ, xᵢ = xᵢ₋₁ + dᵢ.
//
// uvarint is seven bits a byte, lowest first, the high bit set on all but the
// last; svarint is the same of the zigzag (v<<1) ^ (v>>63). Both are at most ten
// bytes. No number, difference or sum in a valid chunk is beyond ±2^53.
func Encode(dst []byte, fixes []Fix) []byte {
	if len(fixes) > MaxChunk {
		panic(fmt.Sprintf("trail: a chunk of %d fixes", len(fixes))) // a mistake of the caller, like an index out of range
	}
	start := len(dst)
	dst = append(dst, format)
	dst = binary.AppendUvarint(dst, uint64(len(fixes)))
	if n := len(fixes); n > 0 {
		cells := make([]int64, 4*n)
		for c := range columns {
			for i := range fixes {
				cells[i] = unit(&fixes[i], c)
			}
			dst = appendColumn(dst, cells[:n], cells[n:2*n], cells[2*n:3*n])
		}
	}
	return binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
}

func unit(f *Fix, column int) int64 {
	switch column {
	case 0:
		return min(max(f.Ms, -mostTime), mostTime)
	case 1, 2:
		return place(f.Point[column-1])
	case 3:
		return figure(f.Accuracy, perMetre)
	case 4:
		return figure(f.Speed, perMS)
	case 5:
		return course(f.Course)
	case 6:
		return int64(f.Flags)
	}
	return int64(f.Source)
}

// appendColumn writes the column in the shortest of its shapes.
func appendColumn(dst []byte, x, d1, d2 []int64) []byte {
	n := len(x)
	d1, d2 = d1[:max(n-1, 0)], d2[:max(n-2, 0)]
	for i := range d1 {
		d1[i] = x[i+1] - x[i]
	}
	for i := range d2 {
		d2[i] = d1[i+1] - d1[i]
	}
	rests := [3][]int64{x, d1, d2}
	best, shape := math.MaxInt, [3]int64{}
	for k, r := range rests {
		if k > 0 && len(r) == 0 {
			break
		}
		head := 2
		if k > 0 {
			head += svarintSize(x[0])
		}
		if k > 1 {
			head += svarintSize(d1[0])
		}
		g := divisor(r)
		if g > 1 {
			head += 2
		}
		if slices.Min(r) == slices.Max(r) {
			if s := head + svarintSize(r[0]/g); s < best {
				best, shape = s, [3]int64{int64(k), 0, g}
			}
			continue
		}
		for _, b := range [...]int64{4, 5, 6, 7} {
			if s := head + blocksSize(r, b, g, best-head); s < best {
				best, shape = s, [3]int64{int64(k), b, g}
			}
		}
	}
	k, b, g := shape[0], shape[1], shape[2]
	dst = append(dst, byte(k<<4|b))
	if k > 0 {
		dst = binary.AppendVarint(dst, x[0])
	}
	if k > 1 {
		dst = binary.AppendVarint(dst, d1[0])
	}
	dst = binary.AppendUvarint(dst, uint64(g))
	r := rests[k]
	if b == 0 {
		return binary.AppendVarint(dst, r[0]/g)
	}
	for part := range slices.Chunk(r, 1<<b) {
		m, w := frame(part, g)
		dst = binary.AppendVarint(dst, m)
		dst = append(dst, byte(w))
		var hold uint64
		held := 0
		for _, v := range part {
			u := uint64(v/g - m)
			hold |= u << held
			if held += w; held >= 64 {
				dst = binary.LittleEndian.AppendUint64(dst, hold)
				held -= 64
				hold = u >> (w - held) // w - held < 64: the bits that did not fit
			}
		}
		for ; held > 0; held -= 8 {
			dst, hold = append(dst, byte(hold)), hold>>8
		}
	}
	return dst
}

// divisor is the greatest common divisor of all, 1 when all are zero.
func divisor(r []int64) int64 {
	g := uint64(0)
	for _, v := range r {
		u := uint64(max(v, -v))
		for u != 0 {
			g, u = u, g%u
		}
		if g == 1 {
			return 1
		}
	}
	return int64(max(g, 1))
}

// frame is the least number of a block and the bits that the others need above it.
func frame(part []int64, g int64) (least int64, width int) {
	lo, hi := part[0], part[0]
	for _, v := range part[1:] {
		lo, hi = min(lo, v), max(hi, v)
	}
	return lo / g, bits.Len64(uint64(hi/g - lo/g))
}

// blocksSize is the bytes that blocks of 2^b take; it gives up beyond limit.
func blocksSize(r []int64, b, g int64, limit int) (size int) {
	for part := range slices.Chunk(r, 1<<b) {
		m, w := frame(part, g)
		if size += svarintSize(m) + 1 + (len(part)*w+7)/8; size > limit {
			break
		}
	}
	return size
}

func svarintSize(v int64) int {
	return max(1, (bits.Len64(uint64(v<<1)^uint64(v>>63))+6)/7)
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
		if !r.column() {
			return dst[:start], fmt.Errorf("%w: column %d is damaged", ErrChunk, c)
		}
		set(out, r.cells, c)
	}
	if len(r.rest) > 0 {
		return dst[:start], fmt.Errorf("%w: bytes left over", ErrChunk)
	}
	return dst, nil
}

// set gives the fixes one column.
func set(out []Fix, cells []int64, column int) {
	switch column {
	case 0:
		for i, v := range cells {
			out[i].Ms = v
		}
	case 1, 2:
		for i, v := range cells {
			out[i].Point[column-1] = float64(v) / perDegree
		}
	case 3:
		for i, v := range cells {
			out[i].Accuracy = toFigure(v, perMetre)
		}
	case 4:
		for i, v := range cells {
			out[i].Speed = toFigure(v, perMS)
		}
	case 5:
		for i, v := range cells {
			out[i].Course = toFigure(v, perCourse)
		}
	case 6:
		for i, v := range cells {
			out[i].Flags = uint32(v)
		}
	case 7:
		for i, v := range cells {
			out[i].Source = uint8(v)
		}
	}
}

// reader reads columns.
type reader struct {
	rest  []byte
	cells []int64 // the column read last
}

func (r *reader) byte() (byte, bool) {
	if len(r.rest) == 0 {
		return 0, false
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b, true
}

func (r *reader) signed() (int64, bool) {
	v, size := binary.Varint(r.rest)
	if size <= 0 {
		return 0, false
	}
	r.rest = r.rest[size:]
	return v, true
}

func (r *reader) column() bool {
	shape, ok := r.byte()
	k, b := int(shape>>4), int(shape&15)
	if !ok || k > 2 {
		return false
	}
	n := len(r.cells)
	var first [2]int64
	for i := range min(k, n) {
		if first[i], ok = r.signed(); !ok {
			return false
		}
	}
	g, size := binary.Uvarint(r.rest)
	if size <= 0 || g == 0 || g > 1<<53 {
		return false
	}
	r.rest = r.rest[size:]
	rest := r.cells[min(k, n):]
	switch {
	case len(rest) == 0:
	case b == 0:
		v, ok := r.signed()
		if !ok {
			return false
		}
		for i := range rest {
			rest[i] = v
		}
	default:
		for len(rest) > 0 {
			part := rest[:min(len(rest), 1<<b)]
			if !r.block(part) {
				return false
			}
			rest = rest[len(part):]
		}
	}
	r.integrate(k, int64(g), first)
	return true
}

// block reads one block of numbers.
func (r *reader) block(part []int64) bool {
	m, ok := r.signed()
	wide, there := r.byte()
	w := uint(wide)
	size := (len(part)*int(w) + 7) / 8
	if !ok || !there || w > 53 || size > len(r.rest) {
		return false
	}
	packed := r.rest[:size]
	r.rest = r.rest[size:]
	mask := uint64(1)<<w - 1
	at := uint(0)
	i := 0
	for ; i < len(part) && int(at>>3)+8 <= len(packed); i++ { // w + 7 ≤ 60 bits of the eight bytes
		part[i] = m + int64(binary.LittleEndian.Uint64(packed[at>>3:])>>(at&7)&mask)
		at += w
	}
	for ; i < len(part); i++ {
		var tail [8]byte
		copy(tail[:], packed[min(int(at>>3), len(packed)):])
		part[i] = m + int64(binary.LittleEndian.Uint64(tail[:])>>(at&7)&mask)
		at += w
	}
	return true
}

// integrate undoes the differences.
func (r *reader) integrate(k int, g int64, first [2]int64) {
	x := r.cells
	switch k {
	case 0:
		if g != 1 {
			for i := range x {
				x[i] *= g
			}
		}
	case 1:
		v := first[0]
		x[0] = v
		for i := 1; i < len(x); i++ {
			v += g * x[i]
			x[i] = v
		}
	case 2:
		v, d := first[0], first[1]
		x[0] = v
		if len(x) > 1 {
			v += d
			x[1] = v
		}
		for i := 2; i < len(x); i++ {
			d += g * x[i]
			v += d
			x[i] = v
		}
	}
}
