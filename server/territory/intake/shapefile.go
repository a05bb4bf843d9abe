package intake

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"path"
	"strings"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/planar"
)

// unpacked is how large a file inside a zip may grow.
const unpacked = 256 << 20

// readShapefile reads the one Shapefile of polygons in a zip: .shp for the
// shapes, .dbf for the attributes, .cpg for their encoding where it is there.
func readShapefile(data []byte) ([]feature, error) {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, fmt.Errorf("the zip cannot be read: %w", err)
	}
	parts := map[string][]byte{}
	for _, f := range z.File {
		ext := strings.ToLower(path.Ext(f.Name))
		if ext != ".shp" && ext != ".dbf" && ext != ".cpg" {
			continue
		}
		if parts[ext] != nil {
			return nil, fmt.Errorf("the zip holds more than one %s: pack one layer", ext)
		}
		r, err := f.Open()
		if err != nil {
			return nil, fmt.Errorf("unzip %s: %w", ext, err)
		}
		b, err := io.ReadAll(io.LimitReader(r, unpacked+1))
		_ = r.Close()
		if err != nil {
			return nil, fmt.Errorf("unzip %s: %w", ext, err)
		}
		if len(b) > unpacked {
			return nil, fmt.Errorf("%s is larger than %d MiB", ext, unpacked>>20)
		}
		parts[ext] = append([]byte{}, b...)
	}
	if parts[".shp"] == nil || parts[".dbf"] == nil {
		return nil, fmt.Errorf("the zip must hold a .shp and its .dbf")
	}
	shapes, err := readShapes(parts[".shp"])
	if err != nil {
		return nil, err
	}
	rows, err := readDBF(parts[".dbf"], string(bytes.TrimSpace(parts[".cpg"])))
	if err != nil {
		return nil, err
	}
	if len(shapes) != len(rows) {
		return nil, fmt.Errorf("the .shp has %d shapes, the .dbf %d rows: they do not belong together", len(shapes), len(rows))
	}
	var out []feature
	for i, s := range shapes {
		if rows[i] == nil {
			continue // deleted
		}
		f := feature{where: fmt.Sprintf("feature %d", i+1), tags: rows[i]}
		if code := f.text(codeNames...); code != "" {
			f.where += " " + code
		}
		if s == nil {
			return nil, fmt.Errorf("%s: it has no geometry", f.where)
		}
		f.geometry = s
		out = append(out, f)
	}
	return out, nil
}

// readShapes reads a .shp of polygons; a null shape is nil.
func readShapes(b []byte) ([]orb.MultiPolygon, error) {
	if len(b) < 100 || binary.BigEndian.Uint32(b) != 9994 {
		return nil, fmt.Errorf("the .shp does not begin like a Shapefile")
	}
	kind := binary.LittleEndian.Uint32(b[32:])
	if kind != 5 && kind != 15 && kind != 25 {
		return nil, fmt.Errorf("the .shp holds shapes of type %d, polygons (5, 15, 25) are wanted", kind)
	}
	var out []orb.MultiPolygon
	for b = b[100:]; len(b) > 0; {
		n := len(out) + 1
		if len(b) < 12 {
			return nil, fmt.Errorf("feature %d: the .shp ends too early", n)
		}
		size := 2 * int64(binary.BigEndian.Uint32(b[4:]))
		if size < 4 || size > int64(len(b)-8) {
			return nil, fmt.Errorf("feature %d: its length of %d bytes is beyond the .shp", n, size)
		}
		shape, err := readShape(b[8:8+size], kind)
		if err != nil {
			return nil, fmt.Errorf("feature %d: %w", n, err)
		}
		out = append(out, shape)
		b = b[8+size:]
	}
	return out, nil
}

func readShape(b []byte, kind uint32) (orb.MultiPolygon, error) {
	own := binary.LittleEndian.Uint32(b)
	if own == 0 {
		return nil, nil
	}
	if own != kind || len(b) < 44 {
		return nil, fmt.Errorf("it is a shape of type %d with %d bytes", own, len(b))
	}
	parts, points := int64(binary.LittleEndian.Uint32(b[36:])), int64(binary.LittleEndian.Uint32(b[40:]))
	if need := 44 + 4*parts + 16*points; parts == 0 || need > int64(len(b)) {
		return nil, fmt.Errorf("%d rings and %d points do not fit into its %d bytes", parts, points, len(b))
	}
	starts := make([]int64, parts+1)
	for i := range parts {
		starts[i] = int64(binary.LittleEndian.Uint32(b[44+4*i:]))
	}
	starts[parts] = points
	xy := b[44+4*parts:]
	var outer []orb.Polygon
	var holes []orb.Ring
	for i := range parts {
		from, to := starts[i], starts[i+1]
		if from < 0 || to < from || to > points {
			return nil, fmt.Errorf("ring %d goes from point %d to %d", i+1, from, to)
		}
		ring := make(orb.Ring, 0, to-from)
		for k := from; k < to; k++ {
			p := orb.Point{math.Float64frombits(binary.LittleEndian.Uint64(xy[16*k:])), math.Float64frombits(binary.LittleEndian.Uint64(xy[16*k+8:]))}
			if math.IsNaN(p[0]+p[1]) || math.IsInf(p[0]+p[1], 0) {
				return nil, fmt.Errorf("ring %d point %d is no number", i+1, k-from+1)
			}
			ring = append(ring, p)
		}
		if len(ring) < 4 || ring[0] != ring[len(ring)-1] {
			return nil, fmt.Errorf("ring %d is not closed or has fewer than four points", i+1)
		}
		if ring.Orientation() == orb.CW { // outer rings run clockwise here
			ring.Reverse()
			outer = append(outer, orb.Polygon{ring})
		} else {
			ring.Reverse()
			holes = append(holes, ring)
		}
	}
	if len(outer) == 0 { // some writers turn everything the other way
		for _, h := range holes {
			h.Reverse()
			outer = append(outer, orb.Polygon{h})
		}
		holes = nil
	}
next:
	for _, h := range holes {
		for i := range outer {
			if planar.RingContains(outer[i][0], h[0]) {
				outer[i] = append(outer[i], h)
				continue next
			}
		}
		return nil, fmt.Errorf("a hole lies in none of its rings")
	}
	return outer, nil
}

// readDBF reads the rows of a dBASE table as attributes by lower-case name; a
// deleted row is nil.
func readDBF(b []byte, codepage string) ([]map[string]string, error) {
	if len(b) < 33 {
		return nil, fmt.Errorf("the .dbf is too short")
	}
	rows, head, size := int64(binary.LittleEndian.Uint32(b[4:])), int(binary.LittleEndian.Uint16(b[8:])), int64(binary.LittleEndian.Uint16(b[10:]))
	if head < 33 || head > len(b) || size < 2 || rows*size > int64(len(b)-head) {
		return nil, fmt.Errorf("the .dbf says %d rows of %d bytes after a head of %d, and has %d bytes", rows, size, head, len(b))
	}
	decode, err := textOf(b[32:], codepage)
	if err != nil {
		return nil, err
	}
	type field struct {
		name  string
		width int
	}
	var fields []field
	width := 1
	for d := b[32:head]; len(d) >= 32 && d[0] != '\r'; d = d[32:] {
		name, _, _ := bytes.Cut(d[:11], []byte{0})
		fields = append(fields, field{whole(strings.ToLower(strings.TrimSpace(decode(name)))), int(d[16])})
		width += int(d[16])
	}
	if int64(width) > size {
		return nil, fmt.Errorf("the .dbf's fields are %d bytes wide, its rows %d", width, size)
	}
	out := make([]map[string]string, 0, rows)
	for d := b[head:]; int64(len(out)) < rows; d = d[size:] {
		if d[0] == '*' {
			out = append(out, nil)
			continue
		}
		row, at := make(map[string]string, len(fields)), 1
		for _, f := range fields {
			row[f.name] = strings.Trim(decode(d[at:at+f.width]), " \t\x00")
			at += f.width
		}
		out = append(out, row)
	}
	return out, nil
}

// whole restores a field name that UTF-8 made longer than the ten bytes a
// .dbf has for it: 网格编 is 网格编码.
func whole(name string) string {
	cut := strings.TrimRight(name, "\uFFFD")
	if len(cut) < 8 {
		return name
	}
	for _, known := range [][]string{codeNames, nameNames, orgNameNames, settingNames, kindNames, executionNames, populationNames} {
		for _, k := range known {
			if len(k) > 10 && strings.HasPrefix(k, cut) {
				return k
			}
		}
	}
	return name
}
