package simulate

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/paulmach/orb"
	"github.com/tkrajina/gpxgo/gpx"
)

// Track is one recorded track, in order of time, without what cannot be true.
type Track struct {
	Name   string // of the file, without folder
	Digest string // SHA-256 of the file, hex
	Fixes  []Fix
	Insane map[string]int // what was left out, by reason
}

// Why a recorded point is left out.
const (
	noTime     = "no time"
	oldTime    = "a time before 1980"
	offGlobe   = "not on the globe"
	nullIsland = "at 0°, 0°"
	sameTime   = "same time as another"
	unreadable = "unreadable line"
)

// ReadTrack reads a .gpx, .plt or .csv file. A file that cannot be read, or
// that holds no point with a place and a time, is an error that says why.
func ReadTrack(path string) (Track, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Track{}, err
	}
	t, err := parseTrack(path, data)
	if err != nil {
		return Track{}, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}

func parseTrack(path string, data []byte) (Track, error) {
	sum := sha256.Sum256(data)
	t := Track{Name: filepath.Base(path), Digest: hex.EncodeToString(sum[:]), Insane: map[string]int{}}
	var fixes []Fix
	var err error
	switch ext := strings.ToLower(filepath.Ext(path)); ext {
	case ".gpx":
		fixes, err = readGPX(data)
	case ".plt":
		fixes, err = readPLT(data, t.Insane)
	case ".csv":
		fixes, err = readCSV(data, t.Insane)
	default:
		return Track{}, fmt.Errorf("cannot read %q files; .gpx, .plt and .csv are known", ext)
	}
	if err != nil {
		return Track{}, err
	}
	if len(fixes) == 0 && len(t.Insane) == 0 {
		return Track{}, errors.New("holds no track point")
	}
	slices.SortStableFunc(fixes, func(a, b Fix) int { return a.At.Compare(b.At) })
	for _, f := range fixes {
		if why := insane(f, t.Fixes); why != "" {
			t.Insane[why]++
			continue
		}
		t.Fixes = append(t.Fixes, f)
	}
	if len(t.Fixes) == 0 {
		return Track{}, fmt.Errorf("none of its points can be sent: %s", reasons(t.Insane))
	}
	return t, nil
}

// insane says why a point cannot be sent after those before, or "".
func insane(f Fix, before []Fix) string {
	lon, lat := f.Point[0], f.Point[1]
	switch {
	case f.At.IsZero():
		return noTime
	case f.At.Year() < 1980:
		return oldTime
	case !(math.Abs(lon) <= 180 && math.Abs(lat) <= 90): // NaN too
		return offGlobe
	case math.Abs(lon) < 0.01 && math.Abs(lat) < 0.01:
		return nullIsland
	case len(before) > 0 && before[len(before)-1].At.Equal(f.At):
		return sameTime
	}
	return ""
}

// inSeconds is the track as a protocol that knows whole seconds tells it.
func (t Track) inSeconds() Track {
	out := Track{Name: t.Name, Digest: t.Digest, Insane: map[string]int{}}
	for why, n := range t.Insane {
		out.Insane[why] = n
	}
	for _, f := range t.Fixes {
		f.At = f.At.Truncate(time.Second)
		if why := insane(f, out.Fixes); why != "" {
			out.Insane[why]++
			continue
		}
		out.Fixes = append(out.Fixes, f)
	}
	return out
}

// reasons lists counts in words, the most frequent first.
func reasons(insane map[string]int) string {
	var parts []string
	var words []string
	for why := range insane {
		words = append(words, why)
	}
	slices.SortFunc(words, func(a, b string) int { return cmp.Or(insane[b]-insane[a], strings.Compare(a, b)) })
	for _, why := range words {
		parts = append(parts, fmt.Sprintf("%d %s", insane[why], why))
	}
	return strings.Join(parts, ", ")
}

func blank(at time.Time, lon, lat float64) Fix {
	nan := math.NaN()
	return Fix{At: at.UTC().Truncate(time.Millisecond), Point: orb.Point{lon, lat}, Accuracy: nan, Speed: nan, Course: nan, Altitude: nan, Battery: -1}
}

func readGPX(data []byte) ([]Fix, error) {
	doc, err := gpx.ParseBytes(data)
	if err != nil {
		return nil, fmt.Errorf("is no GPX that can be read: %w", err)
	}
	var fixes []Fix
	for _, track := range doc.Tracks {
		for _, segment := range track.Segments {
			for i := range segment.Points {
				p := &segment.Points[i]
				f := blank(p.Timestamp, p.Longitude, p.Latitude)
				if p.Timestamp.IsZero() {
					f.At = time.Time{}
				}
				if p.Elevation.NotNull() {
					f.Altitude = p.Elevation.Value()
				}
				fixes = append(fixes, f)
			}
		}
	}
	return fixes, nil
}

// readPLT reads GeoLife's format: six lines of heading, then latitude,
// longitude, 0, altitude in feet (-777 = unknown), days, date, time in UTC.
func readPLT(data []byte, insane map[string]int) ([]Fix, error) {
	lines := bufio.NewScanner(bytes.NewReader(data))
	var fixes []Fix
	n := 0
	for lines.Scan() {
		n++
		line := strings.TrimSpace(lines.Text())
		if n <= 6 {
			if n == 1 && !strings.HasPrefix(line, "Geolife") && !strings.HasPrefix(line, "OziExplorer") {
				return nil, fmt.Errorf("line 1: is no .plt: want six lines of heading that begin with \"Geolife trajectory\"")
			}
			continue
		}
		if line == "" {
			continue
		}
		cell := strings.Split(line, ",")
		if len(cell) < 7 {
			insane[unreadable]++
			continue
		}
		lat, err1 := strconv.ParseFloat(cell[0], 64)
		lon, err2 := strconv.ParseFloat(cell[1], 64)
		at, err3 := time.Parse("2006-01-02 15:04:05", cell[5]+" "+cell[6])
		if errors.Join(err1, err2, err3) != nil {
			insane[unreadable]++
			continue
		}
		f := blank(at, lon, lat)
		if feet, err := strconv.ParseFloat(cell[3], 64); err == nil && feet > -777 {
			f.Altitude = feet * 0.3048
		}
		fixes = append(fixes, f)
	}
	if n < 6 {
		return nil, fmt.Errorf("ends in line %d, inside its heading", n)
	}
	return fixes, lines.Err()
}

// columns are the names that a CSV's heading may use.
var columns = map[string]string{
	"time": "time", "timestamp": "time", "at": "time", "tracked_at": "time",
	"lon": "lon", "lng": "lon", "longitude": "lon", "lat": "lat", "latitude": "lat",
	"accuracy": "accuracy", "speed": "speed", "course": "course", "bearing": "course", "heading": "course",
	"altitude": "altitude", "elevation": "altitude", "battery": "battery",
}

// CSVHelp is the documented heading of a .csv track.
const CSVHelp = "a heading with time, lon, lat and, if known, accuracy (m), speed (m/s), course (degrees), altitude (m), battery (%), in any order, separated by commas or semicolons; " +
	"time as RFC 3339, as 2006-01-02 15:04:05 in UTC, or as Unix seconds or milliseconds"

func readCSV(data []byte, insane map[string]int) ([]Fix, error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	heading, _, _ := bytes.Cut(data, []byte("\n"))
	r := csv.NewReader(bytes.NewReader(data))
	r.FieldsPerRecord = -1
	if bytes.Count(heading, []byte(";")) > bytes.Count(heading, []byte(",")) {
		r.Comma = ';'
	}
	row, err := r.Read()
	if err != nil {
		return nil, fmt.Errorf("line 1: want %s: %w", CSVHelp, err)
	}
	at := map[string]int{}
	for i, name := range row {
		if known := columns[strings.ToLower(strings.TrimSpace(name))]; known != "" {
			if _, twice := at[known]; !twice {
				at[known] = i
			}
		}
	}
	for _, must := range []string{"time", "lon", "lat"} {
		if _, ok := at[must]; !ok {
			return nil, fmt.Errorf("line 1: has no column %q; want %s", must, CSVHelp)
		}
	}
	var fixes []Fix
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return fixes, nil
		}
		if err != nil {
			return nil, err // names the line
		}
		cell := func(name string) string {
			if i, ok := at[name]; ok && i < len(row) {
				return strings.TrimSpace(row[i])
			}
			return ""
		}
		number := func(name string) float64 {
			if v, err := strconv.ParseFloat(cell(name), 64); err == nil {
				return v
			}
			return math.NaN()
		}
		when, ok := parseTime(cell("time"))
		if !ok || cell("lon") == "" || cell("lat") == "" {
			insane[unreadable]++
			continue
		}
		f := blank(when, number("lon"), number("lat"))
		f.Accuracy, f.Speed, f.Course, f.Altitude = number("accuracy"), number("speed"), number("course"), number("altitude")
		if b := number("battery"); b >= 0 && b <= 100 {
			f.Battery = int(b)
		}
		fixes = append(fixes, f)
	}
}

func parseTime(s string) (time.Time, bool) {
	if n, err := strconv.ParseFloat(s, 64); err == nil && n > 0 && n < 1e14 {
		if n < math.MaxInt32 {
			n *= 1000
		}
		return time.UnixMilli(int64(math.Round(n))), true
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999", "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05Z07:00"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}
