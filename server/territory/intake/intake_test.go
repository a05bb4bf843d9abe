package intake

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/paulmach/orb"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// The malformed files are those of mapbox/geojsonhint (ISC, see the folder).
func TestMalformedGeoJSONNamesItsPlace(t *testing.T) {
	names, err := filepath.Glob("testdata/geojson/bad/*.geojson")
	if err != nil || len(names) < 20 {
		t.Fatalf("%d files, %v", len(names), err)
	}
	place := regexp.MustCompile(`line \d+|feature \d+`)
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for what, read := range map[string]func([]byte) error{
			"grids": func(b []byte) error { _, err := Grids(b); return err },
			"any":   func(b []byte) error { _, err := readFeatures(b, nil); return err },
		} {
			err := read(data)
			if err == nil || !place.MatchString(err.Error()) {
				t.Errorf("%s as %s: %v", filepath.Base(name), what, err)
			}
		}
	}
}

func TestGoodGeoJSONIsRead(t *testing.T) {
	names, err := filepath.Glob("testdata/geojson/good/*feature*.geojson")
	if err != nil || len(names) < 5 {
		t.Fatalf("%d files, %v", len(names), err)
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if fs, err := readFeatures(data, nil); err != nil || len(fs) == 0 {
			t.Errorf("%s: %d features, %v", filepath.Base(name), len(fs), err)
		}
	}
}

const oneGrid = `{"type":"FeatureCollection","features":[
{"type":"Feature","properties":{"code":990101001001001,"name":"翠湖社区第1网格","setting":"城镇","is_execution":"是","households":"1,265"},
 "geometry":{"type":"Polygon","coordinates":[[[114.2,22.7],[114.21,22.7],[114.21,22.71],[114.2,22.7]]]}}]}`

func TestGeoJSONErrorsNameTheLine(t *testing.T) {
	for name, c := range map[string]struct{ from, to, want string }{
		"cut off":              {`22.71],[114.2,22.7]]]}}]}`, "", "line 3"},
		"a word for a number":  {"[114.21,22.7],", `["x",22.7],`, "line 3"},
		"null for a number":    {"[114.21,22.7],", `[null,22.7],`, "feature 1"},
		"an open ring":         {"[114.2,22.7]]]", "[114.2,22.6]]]", "first and last"},
		"a line for a polygon": {`"Polygon","coordinates":[[[114.2,22.7],[114.21,22.7],[114.21,22.71],[114.2,22.7]]]`, `"LineString","coordinates":[[114.2,22.7],[114.3,22.7]]`, "LineString is not what is wanted"},
		"no code":              {`"code":990101001001001,`, "", "no code"},
		"households in words":  {`"1,265"`, `"many"`, "households"},
		"execution in words":   {`"是"`, `"maybe"`, "is_execution"},
		"no geometry":          {`"geometry"`, `"shape"`, "no geometry"},
		"a list of nothing": {`[
{"type"`, `[7,{"type"`, "feature 1 (line 1)"},
	} {
		broken := strings.Replace(oneGrid, c.from, c.to, 1)
		if broken == oneGrid {
			t.Fatalf("%s: nothing was broken", name)
		}
		if _, err := Grids([]byte(broken)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	grids, err := Grids([]byte("\xef\xbb\xbf" + oneGrid))
	if err != nil {
		t.Fatal(err)
	}
	if g := grids[0]; g.Code != "990101001001001" || g.Setting != "urban" || !g.IsExecution || g.Households != 1265 || len(g.Shape[0][0]) != 4 {
		t.Errorf("%+v", g)
	}
}

// shapefile builds a zip with .shp and .dbf; the text is GBK unless cpg says UTF-8.
func shapefile(t testing.TB, shapes []orb.Polygon, names []string, rows [][]string, cpg string) []byte {
	t.Helper()
	text := func(s string, width int) []byte {
		b := []byte(s)
		if cpg != "UTF-8" {
			var err error
			if b, err = simplifiedchinese.GBK.NewEncoder().Bytes(b); err != nil {
				t.Fatal(err)
			}
		}
		return append(b, bytes.Repeat([]byte{' '}, width)...)[:width]
	}
	var shp bytes.Buffer
	head := make([]byte, 100)
	binary.BigEndian.PutUint32(head, 9994)
	binary.LittleEndian.PutUint32(head[28:], 1000)
	binary.LittleEndian.PutUint32(head[32:], 5)
	shp.Write(head)
	for i, s := range shapes {
		points := 0
		for _, r := range s {
			points += len(r)
		}
		rec := binary.LittleEndian.AppendUint32(nil, 5)
		rec = append(rec, make([]byte, 32)...)
		rec = binary.LittleEndian.AppendUint32(rec, uint32(len(s)))
		rec = binary.LittleEndian.AppendUint32(rec, uint32(points))
		at := 0
		for _, r := range s {
			rec = binary.LittleEndian.AppendUint32(rec, uint32(at))
			at += len(r)
		}
		for _, r := range s {
			r = r.Clone()
			r.Reverse() // outer rings clockwise, holes the other way
			for _, p := range r {
				rec = binary.LittleEndian.AppendUint64(rec, math.Float64bits(p[0]))
				rec = binary.LittleEndian.AppendUint64(rec, math.Float64bits(p[1]))
			}
		}
		shp.Write(binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, uint32(i+1)), uint32(len(rec)/2)))
		shp.Write(rec)
	}
	const width = 40
	dbf := make([]byte, 32)
	dbf[0] = 3
	binary.LittleEndian.PutUint32(dbf[4:], uint32(len(rows)))
	binary.LittleEndian.PutUint16(dbf[8:], uint16(33+32*len(names)))
	binary.LittleEndian.PutUint16(dbf[10:], uint16(1+width*len(names)))
	for _, n := range names {
		field := make([]byte, 32)
		copy(field, bytes.TrimRight(text(n, 10), " "))
		field[11], field[16] = 'C', width
		dbf = append(dbf, field...)
	}
	dbf = append(dbf, '\r')
	for _, r := range rows {
		dbf = append(dbf, ' ')
		for _, c := range r {
			dbf = append(dbf, text(c, width)...)
		}
	}
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	parts := map[string][]byte{"grids.shp": shp.Bytes(), "grids.dbf": dbf}
	if cpg != "" {
		parts["grids.cpg"] = []byte(cpg)
	}
	for name, b := range parts {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func ring(x, y, d float64) orb.Ring {
	return orb.Ring{{x, y}, {x + d, y}, {x + d, y + d}, {x, y + d}, {x, y}}
}

func TestShapefile(t *testing.T) {
	hole := ring(520300, 2510300, 100)
	hole.Reverse()
	shapes := []orb.Polygon{{ring(520000, 2510000, 1000), hole}, {ring(521000, 2510000, 1000)}}
	names := []string{"网格编码", "网格名称", "所属社区", "户数", "执行网格"}
	rows := [][]string{{"990101001001001", "翠湖社区第1网格", "翠湖社区", "265", "是"}, {"990101001001002", "翠湖社区第2网格", "翠湖社区", "310.0", "否"}}
	for _, cpg := range []string{"", "GBK", "936", "UTF-8"} {
		grids, err := Grids(shapefile(t, shapes, names, rows, cpg))
		if err != nil {
			t.Fatalf("cpg %q: %v", cpg, err)
		}
		if len(grids) != 2 || grids[0].Name != "翠湖社区第1网格" || grids[0].OrgName != "翠湖社区" || grids[0].Households != 265 || !grids[0].IsExecution ||
			grids[1].Households != 310 || grids[1].IsExecution || len(grids[0].Shape) != 1 || len(grids[0].Shape[0]) != 2 {
			t.Errorf("cpg %q: %+v", cpg, grids)
		}
		if o := grids[0].Shape[0][0].Orientation(); o != orb.CCW {
			t.Errorf("the outer ring turns %v", o)
		}
	}
	if _, err := Grids(shapefile(t, shapes, names, rows[:1], "")); err == nil || !strings.Contains(err.Error(), "do not belong together") {
		t.Errorf("a row too few: %v", err)
	}
	rows[1][3] = "many"
	if _, err := Grids(shapefile(t, shapes, names, rows, "")); err == nil || !strings.Contains(err.Error(), "feature 2 990101001001002: households") {
		t.Errorf("a bad cell: %v", err)
	}
}

func TestTables(t *testing.T) {
	gb := func(s string) []byte {
		b, err := simplifiedchinese.GBK.NewEncoder().Bytes([]byte(s))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	table := "编码,上级编码,类型,名称\n990101001,990101,街道,明湖街道\n\n990101001001,990101001,社区,\"翠湖,社区\"\n"
	for how, data := range map[string][]byte{"utf-8": []byte(table), "gbk": gb(table), "bom": []byte("\xef\xbb\xbf" + table), "crlf": []byte(strings.ReplaceAll(table, "\n", "\r\n"))} {
		orgs, where, err := Orgs(data)
		if err != nil || len(orgs) != 2 || orgs[0].Kind != "street" || orgs[1].Name != "翠湖,社区" || where[1] != "line 4" {
			t.Errorf("%s: %+v %v %v", how, orgs, where, err)
		}
	}
	list, _, err := Orgs([]byte("[{\"code\":\"990101\",\"kind\":\"county\",\"name\":\"镜湖区\"},\n{\"code\":330211004000,\"parent_code\":\"330211000000\",\"kind\":\"street\",\"name\":\"庄市街道\"}]"))
	if err != nil || len(list) != 2 || list[1].Code != "330211004" || list[1].ParentCode != "330211" {
		t.Errorf("json: %+v %v", list, err)
	}
	workers, err := Workers([]byte("工号,姓名,角色,机构编码,电话,网格编码\nW1,王伟,网格长,990101001001,19900000000,990101001001001、990101001001002\n粤A00001,巡逻一号,巡逻车,990101001,,\n"))
	if err != nil || len(workers) != 2 || workers[0].Role != "grid_leader" || len(workers[0].Grids) != 2 || !workers[1].Vehicle {
		t.Errorf("%+v %v", workers, err)
	}
	shifts, err := Shifts([]byte("工号,开始,结束,岗位\nW1,2026-11-22 08:30,2026/11/22 17:00,巡逻\n"))
	if err != nil || shifts[0].Start != "2026-11-22T00:30:00Z" || shifts[0].End != "2026-11-22T09:00:00Z" || shifts[0].Post != "patrol_team" {
		t.Errorf("%+v %v", shifts, err)
	}
	for name, c := range map[string]struct {
		data, want string
	}{
		"empty":            {"", "line 1"},
		"no code column":   {"a,b\n1,2\n", "line 1: no column is headed code"},
		"too many cells":   {"code,name\n1,2\n1,2,3\n", "line 3"},
		"an open quote":    {"code,name\n1,\"2\n3,4\n", "line"},
		"a heading twice":  {"code,code,name\n", "twice"},
		"a bad coordinate": {"code,name,lon,lat\nA,b,east,22\n", "line 2"},
		"json cut off":     {"[{\"code\":\"A\"},\n{\"code\"", "line 2"},
		"json of numbers":  {"[1]", "line 1"},
	} {
		if _, _, err := Orgs([]byte(c.data)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if _, err := Shifts([]byte("工号,开始,结束\nW1,morning,evening\n")); err == nil || !strings.Contains(err.Error(), "line 2: start") {
		t.Error(err)
	}
}

func TestOSMLeavesOutWhatIsGuarded(t *testing.T) {
	const square = `{"type":"Polygon","coordinates":[[[114.2,22.7],[114.21,22.7],[114.21,22.71],[114.2,22.7]]]}`
	m, err := OSM([]byte(`{"type":"FeatureCollection","features":[
{"type":"Feature","id":"way/1","properties":{"highway":"residential","name":"Lake Rd","name:zh":"湖滨路","oneway":"yes"},"geometry":{"type":"LineString","coordinates":[[114.2,22.7],[114.21,22.7]]}},
{"type":"Feature","id":"way/2","properties":{"amenity":"police","name":"派出所","building":"yes"},"geometry":` + square + `},
{"type":"Feature","id":"way/3","properties":{"amenity":"school","name":"明湖小学"},"geometry":` + square + `},
{"type":"Feature","id":"way/4","properties":{"natural":"water"},"geometry":` + square + `}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Roads) != 1 || m.Roads[0].Name != "湖滨路" || !m.Roads[0].Oneway || m.Roads[0].Ref != "way/1" {
		t.Errorf("roads %+v", m.Roads)
	}
	if len(m.Areas) != 2 || m.Areas[0].Class != "school" || m.Areas[1].Class != "water" {
		t.Errorf("areas %+v", m.Areas)
	}
	if len(m.Places) != 1 || m.Places[0].Name != "明湖小学" {
		t.Errorf("places %+v", m.Places)
	}
}

func FuzzGrids(f *testing.F) {
	f.Add([]byte(oneGrid))
	names, _ := filepath.Glob("testdata/geojson/*/*.geojson")
	for _, n := range names {
		if b, err := os.ReadFile(n); err == nil && len(b) < 4096 {
			f.Add(b)
		}
	}
	f.Add(shapefile(f, []orb.Polygon{{ring(0, 0, 1)}}, []string{"code"}, [][]string{{"990101001001001"}}, ""))
	f.Fuzz(func(t *testing.T, data []byte) {
		grids, err := Grids(data)
		for _, g := range grids {
			if err == nil && (g.Code == "" || len(g.Shape) == 0) {
				t.Fatalf("%+v", g)
			}
		}
	})
}

func FuzzShapes(f *testing.F) {
	head := make([]byte, 100)
	binary.BigEndian.PutUint32(head, 9994)
	head[32] = 5
	f.Add(head, []byte{})
	f.Fuzz(func(t *testing.T, shp, dbf []byte) {
		_, _ = readDBF(dbf, "")
		shapes, err := readShapes(shp)
		if err != nil {
			return
		}
		for _, s := range shapes {
			for _, p := range s {
				for _, r := range p {
					if len(r) < 4 || r[0] != r[len(r)-1] {
						t.Fatalf("a ring that is not closed: %v", r)
					}
				}
			}
		}
	})
}

func FuzzTables(f *testing.F) {
	f.Add([]byte("code,name,org_code,worker_code,start,end\n1,2,3,4,2026-11-22 08:30,2026-11-22 17:00\n"))
	f.Add([]byte(`[{"code":"1","name":"2"}]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, where, err := Orgs(data)
		if err == nil {
			for _, w := range where {
				if !strings.HasPrefix(w, "line ") {
					t.Fatal(w)
				}
			}
		}
		_, _ = Workers(data)
		_, _ = Shifts(data)
	})
}
