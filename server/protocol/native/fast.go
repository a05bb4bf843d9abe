package native

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"time"

	"github.com/gridward/gridward/server/fleet"
)

// reader walks a body. Every method returns false at the first thing that is
// not spelt as our own clients spell it; slow then reads the body again.
type reader struct {
	b []byte
	i int
}

// fast reads a body as our own clients write it.
func fast(raw []byte, b *Batch) bool {
	r := reader{b: raw}
	if !r.byte('{') {
		return false
	}
	seen := 0
	for first := true; ; first = false {
		r.space()
		if r.take('}') {
			break
		}
		if !first && !r.byte(',') {
			return false
		}
		key, ok := r.plain()
		if !ok || !r.byte(':') {
			return false
		}
		bit := 0
		switch string(key) {
		case "client":
			var s []byte
			bit = 1
			if s, ok = r.plain(); ok {
				b.Client = fleet.Clip(string(s))
			}
		case "sessions":
			bit, ok = 2, r.sessions(b)
		case "fixes":
			bit, ok = 4, r.fixes(b)
		default:
			return false
		}
		if !ok || seen&bit != 0 {
			return false
		}
		seen |= bit
	}
	r.space()
	return r.i == len(raw)
}

func (r *reader) space() {
	for r.i < len(r.b) && (r.b[r.i] == ' ' || r.b[r.i] == '\n' || r.b[r.i] == '\r' || r.b[r.i] == '\t') {
		r.i++
	}
}

// take steps over c if it is next.
func (r *reader) take(c byte) bool {
	if r.i < len(r.b) && r.b[r.i] == c {
		r.i++
		return true
	}
	return false
}

// byte steps over c after any space.
func (r *reader) byte(c byte) bool {
	r.space()
	return r.take(c)
}

// plain reads a string of printable ASCII without escapes.
func (r *reader) plain() ([]byte, bool) {
	if !r.byte('"') {
		return nil, false
	}
	from := r.i
	for r.i < len(r.b) {
		switch c := r.b[r.i]; {
		case c == '"':
			r.i++
			return r.b[from : r.i-1], true
		case c == '\\' || c < ' ' || c > '~':
			return nil, false
		}
		r.i++
	}
	return nil, false
}

// word steps over a literal after any space.
func (r *reader) word(w string) bool {
	r.space()
	if len(r.b)-r.i >= len(w) && string(r.b[r.i:r.i+len(w)]) == w {
		r.i += len(w)
		return true
	}
	return false
}

// sessions reads a short list with encoding/json: they are rare.
func (r *reader) sessions(b *Batch) bool {
	r.space()
	d := json.NewDecoder(bytes.NewReader(r.b[r.i:]))
	var list []json.RawMessage
	if r.i >= len(r.b) || r.b[r.i] != '[' || d.Decode(&list) != nil {
		return false
	}
	r.i += int(d.InputOffset())
	for _, one := range list {
		s, err := session(one)
		if err != nil {
			return false
		}
		b.Sessions = append(b.Sessions, s)
	}
	return true
}

func (r *reader) fixes(b *Batch) bool {
	if !r.byte('[') {
		return false
	}
	for first := true; ; first = false {
		r.space()
		if r.take(']') {
			return true
		}
		if !first && !r.byte(',') {
			return false
		}
		b.Fixes = append(b.Fixes, fleet.Report{})
		if !r.fix(&b.Fixes[len(b.Fixes)-1]) {
			return false
		}
	}
}

// The members of a fix, as bits of what was seen.
const (
	sawAt = 1 << iota
	sawLon
	sawLat
	sawAccuracy
	sawSpeed
	sawCourse
	sawAltitude
	sawBattery
	sawMock
	sawSOS
	sawCRS
)

func (r *reader) fix(f *fleet.Report) bool {
	if !r.byte('{') {
		return false
	}
	*f = fleet.Blank()
	seen, has := 0, 0
	for first := true; ; first = false {
		r.space()
		if r.take('}') {
			break
		}
		if !first && !r.byte(',') {
			return false
		}
		key, ok := r.plain()
		if !ok || !r.byte(':') {
			return false
		}
		bit := 0
		switch string(key) {
		case "at":
			bit = sawAt
		case "lon":
			bit = sawLon
		case "lat":
			bit = sawLat
		case "accuracy":
			bit = sawAccuracy
		case "speed":
			bit = sawSpeed
		case "course":
			bit = sawCourse
		case "altitude":
			bit = sawAltitude
		case "battery":
			bit = sawBattery
		case "mock":
			bit = sawMock
		case "sos":
			bit = sawSOS
		case "crs":
			bit = sawCRS
		default:
			return false
		}
		if seen&bit != 0 {
			return false
		}
		seen |= bit
		if r.word("null") {
			continue
		}
		has |= bit
		if !r.member(bit, f) {
			return false
		}
	}
	if has&(sawAt|sawLon|sawLat) != sawAt|sawLon|sawLat {
		return false
	}
	var err error
	f.Point, err = fleet.Place(f.Point[0], f.Point[1])
	f.Placed = true
	return err == nil
}

func (r *reader) member(bit int, f *fleet.Report) bool {
	switch bit {
	case sawAt:
		s, ok := r.plain()
		if ok {
			f.At, ok = utc(s)
		}
		return ok
	case sawMock, sawSOS:
		if r.word("true") {
			if bit == sawMock {
				f.Flags |= fleet.Mock
			} else {
				f.Flags |= fleet.SOS
			}
			return true
		}
		return r.word("false")
	case sawCRS:
		s, ok := r.plain()
		switch string(s) {
		case "wgs84":
			f.CRS = fleet.WGS84
		case "gcj02":
			f.CRS = fleet.GCJ02
		case "bd09":
			f.CRS = fleet.BD09
		default:
			return false
		}
		return ok
	}
	v, ok := r.number()
	switch bit {
	case sawLon:
		f.Point[0] = v
	case sawLat:
		f.Point[1] = v
	case sawAccuracy:
		f.Accuracy = fleet.Figure(v)
	case sawSpeed:
		f.Speed = fleet.Figure(v)
	case sawCourse:
		f.Course = fleet.Course(v)
	case sawAltitude:
		f.Altitude = float32(v)
	case sawBattery:
		f.Battery = fleet.Percent(v)
	}
	return ok
}

// powers of ten that a float64 holds exactly.
var powers = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}

// number reads a JSON number without exponent. Where digits and power are both
// exact, one division rounds right; longer ones go through strconv.
func (r *reader) number() (float64, bool) {
	r.space()
	from := r.i
	minus := r.take('-')
	start := r.i
	var digits uint64
	for r.i < len(r.b) && r.b[r.i]-'0' < 10 {
		digits = digits*10 + uint64(r.b[r.i]-'0')
		r.i++
	}
	whole := r.i - start
	if whole == 0 || whole > 1 && r.b[start] == '0' {
		return 0, false
	}
	decimals := 0
	if r.take('.') {
		dot := r.i
		for r.i < len(r.b) && r.b[r.i]-'0' < 10 {
			digits = digits*10 + uint64(r.b[r.i]-'0')
			r.i++
		}
		if decimals = r.i - dot; decimals == 0 {
			return 0, false
		}
	}
	if r.i < len(r.b) && (r.b[r.i] == 'e' || r.b[r.i] == 'E') {
		return 0, false
	}
	if whole+decimals <= 19 && digits < 1<<53 {
		v := float64(digits) / powers[decimals]
		if minus {
			v = -v
		}
		return v, true
	}
	v, err := strconv.ParseFloat(string(r.b[from:r.i]), 64)
	return v, err == nil && !math.IsInf(v, 0)
}

// utc reads 2006-01-02T15:04:05Z with up to nine decimals.
func utc(s []byte) (time.Time, bool) {
	if len(s) < 20 || s[4] != '-' || s[7] != '-' || s[10] != 'T' || s[13] != ':' || s[16] != ':' || s[len(s)-1] != 'Z' {
		return time.Time{}, false
	}
	year, ok1 := digits(s[0:4])
	month, ok2 := digits(s[5:7])
	day, ok3 := digits(s[8:10])
	hour, ok4 := digits(s[11:13])
	minute, ok5 := digits(s[14:16])
	second, ok6 := digits(s[17:19])
	if !(ok1 && ok2 && ok3 && ok4 && ok5 && ok6) || year < 1970 || month < 1 || month > 12 || day < 1 || day > 28 && day > days(year, month) || hour > 23 || minute > 59 || second > 59 {
		return time.Time{}, false
	}
	nanos := 0
	if part := s[19 : len(s)-1]; len(part) > 0 {
		n, ok := digits(part[1:])
		if part[0] != '.' || len(part) == 1 || len(part) > 10 || !ok {
			return time.Time{}, false
		}
		for range 10 - len(part) {
			n *= 10
		}
		nanos = n / 1000 * 1000
	}
	return time.Date(year, time.Month(month), day, hour, minute, second, nanos, time.UTC), true
}

func days(year, month int) int {
	return time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

func digits(s []byte) (int, bool) {
	n := 0
	for _, c := range s {
		if c-'0' > 9 {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}
