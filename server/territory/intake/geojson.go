// Package intake reads the files that customers bring: grids as GeoJSON or
// zipped Shapefile, tables as CSV or JSON, base maps from OpenStreetMap.
//
// It only reads: it knows no database and decides nothing about the content
// (see territory.Check). Whatever a file holds, the answer is rows or an error
// that names the line or feature; text may be UTF-8 or GBK, with or without a
// byte order mark. Every reader is fuzzed.
package intake

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/paulmach/orb"
)

// feature is one feature of a file, with its attributes by lower-case name.
type feature struct {
	where    string
	id       string
	tags     map[string]string
	geometry orb.Geometry
}

// text returns the first of the attributes that is there and not empty.
func (f feature) text(names ...string) string {
	for _, n := range names {
		if v := f.tags[n]; v != "" {
			return v
		}
	}
	return ""
}

// lines finds the line of a byte offset.
type lines []byte

func (l lines) at(offset int64) int {
	return 1 + bytes.Count(l[:max(0, min(int64(len(l)), offset))], []byte{'\n'})
}

// blame names the place of a JSON error that happened in a part of the file
// beginning at base.
func (l lines) blame(base int64, err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("line %d: not JSON: %w", l.at(base+syntax.Offset), err)
	case errors.As(err, &kind):
		return fmt.Errorf("line %d: %s stands where %s is wanted", l.at(base+kind.Offset), article(kind.Value), article(plain(kind.Type.String())))
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return fmt.Errorf("line %d: the file ends too early", l.at(int64(len(l))))
	}
	return fmt.Errorf("line %d: %w", l.at(base), err)
}

// plain names a Go type as somebody who has a file to mend would.
func plain(goType string) string {
	switch {
	case strings.HasPrefix(goType, "[]"), strings.HasPrefix(goType, "orb."):
		return "list of coordinates"
	case strings.HasPrefix(goType, "float"):
		return "number"
	case strings.HasPrefix(goType, "map"), strings.Contains(goType, "struct"), strings.Contains(goType, "intake."):
		return "object"
	}
	return goType
}

func article(noun string) string {
	if strings.ContainsRune("aeiou", rune(noun[0])) {
		return "an " + noun
	}
	return "a " + noun
}

// readFeatures reads a FeatureCollection or a single Feature. A geometry that
// want rejects (nil wants all) is an error.
func readFeatures(data []byte, want func(orb.Geometry) bool) ([]feature, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	at := lines(data)
	var top map[string]json.RawMessage
	if err := json.Unmarshal(data, &top); err != nil {
		return nil, at.blame(0, err)
	}
	var kind string
	if err := json.Unmarshal(top["type"], &kind); err != nil {
		return nil, fmt.Errorf("line 1: the file has no \"type\": it is no GeoJSON")
	}
	switch kind {
	case "Feature":
		f, err := readFeature(at, 0, data, 1, want)
		return []feature{f}, err
	case "FeatureCollection":
	default:
		return nil, fmt.Errorf("line 1: a FeatureCollection is wanted, this is %q", kind)
	}
	for _, alien := range []string{"coordinates", "geometry", "geometries", "properties"} {
		if _, there := top[alien]; there {
			return nil, fmt.Errorf("line %d: a FeatureCollection cannot have %q", at.at(int64(bytes.Index(data, []byte(`"`+alien+`"`)))), alien)
		}
	}
	if err := checkBox(top["bbox"]); err != nil {
		return nil, fmt.Errorf("line %d: %w", at.at(int64(bytes.Index(data, []byte(`"bbox"`)))), err)
	}
	list, base, err := member(data, "features")
	if err != nil {
		return nil, at.blame(0, err)
	}
	if list == nil {
		return nil, fmt.Errorf("line 1: the FeatureCollection has no \"features\"")
	}
	d := json.NewDecoder(bytes.NewReader(list))
	open, err := d.Token()
	if err != nil || open != json.Delim('[') {
		return nil, fmt.Errorf("line %d: \"features\" is no list", at.at(base))
	}
	var out []feature
	for d.More() {
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return nil, at.blame(base, err)
		}
		f, err := readFeature(at, base+d.InputOffset()-int64(len(raw)), raw, len(out)+1, want)
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, nil
}

// member finds the value of a top-level member and where it begins.
func member(data []byte, name string) (value json.RawMessage, base int64, err error) {
	d := json.NewDecoder(bytes.NewReader(data))
	if _, err := d.Token(); err != nil {
		return nil, 0, err
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, 0, err
		}
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return nil, 0, err
		}
		if key == name {
			value, base = raw, d.InputOffset()-int64(len(raw))
		}
	}
	return value, base, nil
}

func readFeature(at lines, base int64, raw []byte, n int, want func(orb.Geometry) bool) (feature, error) {
	f := feature{where: fmt.Sprintf("feature %d (line %d)", n, at.at(base)), tags: map[string]string{}}
	if c := bytes.TrimSpace(raw); len(c) == 0 || c[0] != '{' {
		return f, fmt.Errorf("%s: a feature must be an object", f.where)
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return f, fmt.Errorf("%s: %w", f.where, at.blame(base, err))
	}
	var kind string
	if json.Unmarshal(members["type"], &kind) != nil || kind != "Feature" {
		return f, fmt.Errorf("%s: its \"type\" must be \"Feature\"", f.where)
	}
	for _, alien := range []string{"features", "coordinates", "geometries"} {
		if _, there := members[alien]; there {
			return f, fmt.Errorf("%s: a Feature cannot have %q", f.where, alien)
		}
	}
	if err := checkBox(members["bbox"]); err != nil {
		return f, fmt.Errorf("%s: %w", f.where, err)
	}
	if id := members["id"]; id != nil {
		text, err := scalar(id)
		if err != nil {
			return f, fmt.Errorf("%s: its \"id\" must be text or a number", f.where)
		}
		f.id = text
	}
	if p := members["properties"]; p != nil && !bytes.Equal(p, []byte("null")) {
		var tags map[string]json.RawMessage
		if err := json.Unmarshal(p, &tags); err != nil {
			return f, fmt.Errorf("%s: its \"properties\" must be an object", f.where)
		}
		for k, v := range tags {
			text, err := scalar(v)
			if err != nil {
				text = string(v) // a list or an object: keep it as it is written
			}
			f.tags[strings.ToLower(strings.TrimSpace(k))] = strings.TrimSpace(text)
		}
	}
	if code := f.text(codeNames...); code != "" {
		f.where += " " + code
	}
	g := members["geometry"]
	if g == nil || bytes.Equal(g, []byte("null")) {
		return f, fmt.Errorf("%s: it has no geometry", f.where)
	}
	inner := base + int64(max(0, bytes.Index(raw, g)))
	var err error
	if f.geometry, err = readGeometry(g, 0); err != nil {
		return f, fmt.Errorf("%s: %w", f.where, at.blame(inner, err))
	}
	if want != nil && !want(f.geometry) {
		return f, fmt.Errorf("%s: a %s is not what is wanted here", f.where, f.geometry.GeoJSONType())
	}
	return f, nil
}

// scalar writes a JSON value as text: true, 265, 明湖; null is "".
func scalar(raw json.RawMessage) (string, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return "", err
	}
	switch v := v.(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	case bool:
		return strconv.FormatBool(v), nil
	case json.Number:
		return v.String(), nil
	}
	return "", fmt.Errorf("neither text nor number")
}

func checkBox(raw json.RawMessage) error {
	if raw == nil {
		return nil
	}
	var box []float64
	if err := json.Unmarshal(raw, &box); err != nil || (len(box) != 4 && len(box) != 6) {
		return fmt.Errorf("its \"bbox\" must be 4 or 6 numbers")
	}
	return nil
}

// readGeometry reads one geometry. Collections of collections are refused.
func readGeometry(raw json.RawMessage, depth int) (orb.Geometry, error) {
	var g struct {
		Type        string            `json:"type"`
		Coordinates json.RawMessage   `json:"coordinates"`
		Geometries  []json.RawMessage `json:"geometries"`
		BBox        json.RawMessage   `json:"bbox"`
	}
	if c := bytes.TrimSpace(raw); len(c) == 0 || c[0] != '{' {
		return nil, fmt.Errorf("a geometry must be an object")
	}
	if err := json.Unmarshal(raw, &g); err != nil {
		return nil, err
	}
	if err := checkBox(g.BBox); err != nil {
		return nil, err
	}
	if bytes.Contains(g.Coordinates, []byte("null")) {
		return nil, fmt.Errorf("null stands where a number is wanted")
	}
	switch g.Type {
	case "Point":
		return coordinates(g.Coordinates, point)
	case "MultiPoint":
		return coordinates(g.Coordinates, func(c [][]float64) (orb.MultiPoint, error) { return each(c, point) })
	case "LineString":
		return coordinates(g.Coordinates, line)
	case "MultiLineString":
		return coordinates(g.Coordinates, func(c [][][]float64) (orb.MultiLineString, error) { return each(c, line) })
	case "Polygon":
		return coordinates(g.Coordinates, polygon)
	case "MultiPolygon":
		return coordinates(g.Coordinates, func(c [][][][]float64) (orb.MultiPolygon, error) {
			if len(c) == 0 {
				return nil, fmt.Errorf("the MultiPolygon has no part")
			}
			return each(c, polygon)
		})
	case "GeometryCollection":
		if depth > 0 {
			return nil, fmt.Errorf("a GeometryCollection inside another")
		}
		var c orb.Collection
		for _, inner := range g.Geometries {
			one, err := readGeometry(inner, depth+1)
			if err != nil {
				return nil, err
			}
			c = append(c, one)
		}
		return c, nil
	}
	return nil, fmt.Errorf("there is no geometry of type %q", g.Type)
}

func coordinates[C any, G orb.Geometry](raw json.RawMessage, read func(C) (G, error)) (orb.Geometry, error) {
	var c C
	if raw == nil {
		return nil, fmt.Errorf("the geometry has no \"coordinates\"")
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		return nil, err
	}
	g, err := read(c)
	if err != nil {
		return nil, err
	}
	return g, nil
}

func each[C, G any](list []C, read func(C) (G, error)) ([]G, error) {
	out := make([]G, len(list))
	for i, c := range list {
		g, err := read(c)
		if err != nil {
			return nil, err
		}
		out[i] = g
	}
	return out, nil
}

func point(c []float64) (orb.Point, error) {
	if len(c) != 2 && len(c) != 3 {
		return orb.Point{}, fmt.Errorf("a position has 2 or 3 numbers, this has %d", len(c))
	}
	return orb.Point{c[0], c[1]}, nil
}

func line(c [][]float64) (orb.LineString, error) {
	if len(c) < 2 {
		return nil, fmt.Errorf("a line has at least two positions, this has %d", len(c))
	}
	return each(c, point)
}

func polygon(c [][][]float64) (orb.Polygon, error) {
	if len(c) == 0 {
		return nil, fmt.Errorf("the polygon has no ring")
	}
	return each(c, func(c [][]float64) (orb.Ring, error) {
		if len(c) < 4 {
			return nil, fmt.Errorf("a ring has at least four positions, this has %d", len(c))
		}
		if !slices.Equal(c[0], c[len(c)-1]) {
			return nil, fmt.Errorf("the first and last position of a ring must be the same")
		}
		return each(c, point)
	})
}
