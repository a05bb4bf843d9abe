package blob

import (
	"encoding/binary"
	"math"
	"strings"
	"time"

	"github.com/paulmach/orb"
)

// Info is what a photo says about itself.
type Info struct {
	Width, Height int // of the stored pixels
	Orientation   int // 1…8, EXIF
	TakenAt       *time.Time
	Point         *orb.Point
}

// exifZone is assumed where the camera names no zone: it hangs in China.
func exifZone() *time.Location { return time.FixedZone("Asia/Shanghai", 8*60*60) }

// read takes orientation, time and place from a TIFF structure. Whatever is
// malformed in it is ignored: a photo is worth more than its notes.
func (info *Info) read(b []byte) {
	t := tiff{b: b}
	switch {
	case len(b) < 8:
		return
	case b[0] == 'I' && b[1] == 'I':
		t.order = binary.LittleEndian
	case b[0] == 'M' && b[1] == 'M':
		t.order = binary.BigEndian
	default:
		return
	}
	if t.order.Uint16(b[2:]) != 42 {
		return
	}
	first := t.directory(t.order.Uint32(b[4:]))
	if f, ok := first[0x0112]; ok {
		if o := t.number(f); o >= 1 && o <= 8 {
			info.Orientation = int(o)
		}
	}
	if f, ok := first[0x8769]; ok {
		info.TakenAt = t.taken(t.directory(t.number(f)))
	}
	if f, ok := first[0x8825]; ok {
		info.Point = t.place(t.directory(t.number(f)))
	}
}

type tiff struct {
	b     []byte
	order binary.ByteOrder
}

type field struct {
	kind  uint16
	count uint32
	value []byte // four bytes: the value, or where it lies
}

// directory reads one directory of fields; it follows no links, so that no
// loop can be made of them.
func (t tiff) directory(at uint32) map[uint16]field {
	if int64(at)+2 > int64(len(t.b)) {
		return nil
	}
	n := int(t.order.Uint16(t.b[at:]))
	fields := make(map[uint16]field, min(n, 64))
	for i := range min(n, 512) {
		p := int64(at) + 2 + int64(i)*12
		if p+12 > int64(len(t.b)) {
			break
		}
		e := t.b[p : p+12]
		fields[t.order.Uint16(e)] = field{kind: t.order.Uint16(e[2:]), count: t.order.Uint32(e[4:]), value: e[8:12]}
	}
	return fields
}

// number reads a SHORT or a LONG.
func (t tiff) number(f field) uint32 {
	if f.kind == 3 {
		return uint32(t.order.Uint16(f.value))
	}
	return t.order.Uint32(f.value)
}

// bytes returns n bytes of the field's value, nil if they are not there.
func (t tiff) bytes(f field, n int) []byte {
	if n <= 4 {
		return f.value[:n]
	}
	at := int64(t.order.Uint32(f.value))
	if at+int64(n) > int64(len(t.b)) {
		return nil
	}
	return t.b[at : at+int64(n)]
}

func (t tiff) text(f field) string {
	if f.kind != 2 || f.count > 64 {
		return ""
	}
	return strings.TrimRight(string(t.bytes(f, int(f.count))), "\x00 ")
}

// rationals reads up to three positive fractions.
func (t tiff) rationals(f field) (out [3]float64, ok bool) {
	if f.kind != 5 || f.count == 0 || f.count > 3 {
		return out, false
	}
	b := t.bytes(f, int(f.count)*8)
	if b == nil {
		return out, false
	}
	for i := range int(f.count) {
		top, bottom := t.order.Uint32(b[i*8:]), t.order.Uint32(b[i*8+4:])
		if bottom == 0 {
			return out, false
		}
		out[i] = float64(top) / float64(bottom)
	}
	return out, true
}

func (t tiff) taken(fields map[uint16]field) *time.Time {
	f, ok := fields[0x9003] // DateTimeOriginal
	if !ok {
		return nil
	}
	zone := exifZone()
	if o, ok := fields[0x9011]; ok { // OffsetTimeOriginal
		if z, err := time.Parse("-07:00", t.text(o)); err == nil {
			zone = z.Location()
		}
	}
	at, err := time.ParseInLocation("2006:01:02 15:04:05", t.text(f), zone)
	if err != nil || at.Year() < 1990 || at.Year() > 2200 {
		return nil
	}
	at = at.UTC()
	return &at
}

func (t tiff) place(fields map[uint16]field) *orb.Point {
	degrees := func(value, ref uint16, negative string, limit float64) (float64, bool) {
		f, ok := fields[value]
		if !ok {
			return 0, false
		}
		v, ok := t.rationals(f)
		d := v[0] + v[1]/60 + v[2]/3600
		if !ok || math.IsNaN(d) || d > limit {
			return 0, false
		}
		if r, ok := fields[ref]; ok && t.text(r) == negative {
			d = -d
		}
		return d, true
	}
	lat, ok1 := degrees(2, 1, "S", 90)
	lon, ok2 := degrees(4, 3, "W", 180)
	if !ok1 || !ok2 || lat == 0 && lon == 0 {
		return nil
	}
	return &orb.Point{lon, lat}
}
