package fleet

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/paulmach/orb"
)

// Habits are a device's own ways, which its messages do not tell.
type Habits struct {
	Zone      *time.Location // of times without a zone
	SpeedUnit string         // kn, mps, kmh, or "" for the protocol's own
}

// metresPerSecond says what one of a speed unit is in m/s.
var metresPerSecond = map[string]float64{"kn": 0.514444, "mps": 1, "kmh": 1 / 3.6}

// SpeedScale returns what to multiply a speed with to get m/s: the device's
// unit if one is registered, else the protocol's.
func (h Habits) SpeedScale(own string) float64 {
	if s, ok := metresPerSecond[h.SpeedUnit]; ok {
		return s
	}
	return metresPerSecond[own]
}

// ParseNumber reads a finite decimal number.
func ParseNumber(name, s string) (float64, error) {
	v, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, &Unreadable{BadNumber, clip(name + "=" + s)}
	}
	return v, nil
}

// Figure turns a number into one of a report's figures: what is negative,
// where that cannot be, is how clients say "unknown".
func Figure(v float64) float32 {
	if v < 0 || v > math.MaxFloat32 || math.IsNaN(v) {
		return Unknown()
	}
	return float32(v)
}

// Percent turns a number into a battery level, -1 when it is none.
func Percent(v float64) int16 {
	if !(v >= 0 && v <= 100) {
		return -1
	}
	return int16(math.Round(v))
}

// Course turns a number into degrees from north, 0 to 360.
func Course(v float64) float32 {
	if !(v >= 0 && v <= 360) {
		return Unknown()
	}
	return float32(v)
}

// Place checks that lon and lat can be degrees at all. Latitudes beyond 90 are
// let through up to 180 when exchanging the two would make a place: that is a
// client's mistake to be flagged, not lost.
func Place(lon, lat float64) (orb.Point, error) {
	p := orb.Point{lon, lat}
	within := math.Abs(lon) <= 180 && math.Abs(lat) <= 90
	swapped := math.Abs(lon) <= 90 && math.Abs(lat) <= 180
	if !within && !swapped {
		return p, &Unreadable{BadPlace, clip("lon=" + strconv.FormatFloat(lon, 'g', -1, 64) + " lat=" + strconv.FormatFloat(lat, 'g', -1, 64))}
	}
	return p, nil
}

// zoneless are the layouts of times that come without a zone.
var zoneless = []string{"2006-01-02 15:04:05.999999999", "2006-01-02T15:04:05.999999999", "2006-01-02 15:04", "2006-01-02T15:04"}

// zoned are the layouts of times that say their zone.
var zoned = []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700", "2006-01-02T15:04:05.999999999Z07", "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02T15:04Z07:00"}

// ParseTime reads a time as phones write it: epoch seconds or milliseconds,
// ISO 8601 with a zone, or a local time in the device's zone, which is flagged.
func ParseTime(s string, h Habits) (time.Time, Flag, error) {
	s = strings.TrimSpace(s)
	if n, err := strconv.ParseFloat(s, 64); err == nil {
		return epoch(n, s)
	}
	for _, layout := range zoned {
		if t, err := time.Parse(layout, s); err == nil {
			return reasonable(t, 0, s)
		}
	}
	zone := h.Zone
	if zone == nil {
		zone = time.UTC
	}
	for _, layout := range zoneless {
		if t, err := time.ParseInLocation(layout, s, zone); err == nil {
			return reasonable(t, NoZone, s)
		}
	}
	return time.Time{}, 0, &Unreadable{BadTime, clip(s)}
}

// epoch reads seconds below 2³¹−1 and milliseconds from there on.
func epoch(n float64, s string) (time.Time, Flag, error) {
	if math.IsNaN(n) || n < 0 || n > 9e15 {
		return time.Time{}, 0, &Unreadable{BadTime, clip(s)}
	}
	if n < math.MaxInt32 {
		whole, part := math.Modf(n)
		return reasonable(time.Unix(int64(whole), int64(part*1e9)), 0, s)
	}
	return reasonable(time.UnixMicro(int64(n*1000)), 0, s)
}

// reasonable refuses years that no database row should carry, and cuts to the
// microseconds that one can.
func reasonable(t time.Time, f Flag, s string) (time.Time, Flag, error) {
	t = t.UTC().Truncate(time.Microsecond)
	if y := t.Year(); y < 1970 || y > 9999 {
		return time.Time{}, 0, &Unreadable{BadTime, clip(s)}
	}
	return t, f, nil
}

// clip shortens what a client sent to what a detail may hold.
func clip(s string) string {
	const most = 80
	s = strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "?")
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// Clip shortens what a client sent to what a detail may hold, fit for a database's text.
func Clip(s string) string { return clip(s) }

// Text is a JSON string, or whatever a client sent where a string belongs.
type Text string

// UnmarshalJSON never fails.
func (t *Text) UnmarshalJSON(b []byte) error {
	var s string
	if json.Unmarshal(b, &s) == nil {
		*t = Text(s)
	} else if string(b) != "null" {
		*t = Text(b)
	}
	return nil
}

// Number is a JSON number, also when quoted.
type Number float64

// UnmarshalJSON fails with an Unreadable on what is no finite number.
func (n *Number) UnmarshalJSON(b []byte) error {
	v, err := ParseNumber("value", strings.Trim(string(b), `"`))
	*n = Number(v)
	return err
}
