package main

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/geojson"
	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/gridward/gridward/fixtures"
	"github.com/gridward/gridward/geo/datum"
	"github.com/gridward/gridward/server/pgtest"
	"github.com/gridward/gridward/server/postgres"
)

// customs is a database with the command that imports into it.
type customs struct {
	t   *testing.T
	dsn string
	dir string
}

func newCustoms(t *testing.T) customs {
	t.Helper()
	return customs{t, pgtest.DSN(t), t.TempDir()}
}

// file writes a file to import.
func (c customs) file(name string, data []byte) string {
	c.t.Helper()
	path := filepath.Join(c.dir, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		c.t.Fatal(err)
	}
	return path
}

// try runs gridward import.
func (c customs) try(args ...string) (string, error) {
	c.t.Helper()
	var out bytes.Buffer
	err := importMain(c.t.Context(), process{args: append(args, "-database-url", c.dsn), out: &out, errOut: &out, env: func(string) string { return "" }})
	return out.String(), err
}

func (c customs) must(want string, args ...string) string {
	c.t.Helper()
	out, err := c.try(args...)
	if err != nil || !strings.Contains(out, want) {
		c.t.Fatalf("import %v: %v\n%s\nwant %q", args, err, out, want)
	}
	return out
}

func (c customs) refused(want string, args ...string) {
	c.t.Helper()
	before := c.count(`SELECT count(*) FROM grid_version`) + c.count(`SELECT count(*) FROM org`) + c.count(`SELECT count(*) FROM worker`) + c.count(`SELECT count(*) FROM shift`)
	out, err := c.try(args...)
	if err == nil || !strings.Contains(err.Error(), want) {
		c.t.Fatalf("import %v: %v\n%s\nwant the error %q", args, err, out, want)
	}
	if after := c.count(`SELECT count(*) FROM grid_version`) + c.count(`SELECT count(*) FROM org`) + c.count(`SELECT count(*) FROM worker`) + c.count(`SELECT count(*) FROM shift`); after != before {
		c.t.Fatalf("import %v was refused and changed %d rows", args, after-before)
	}
}

func (c customs) count(sql string) (n int) {
	c.t.Helper()
	db, err := postgres.Open(c.t.Context(), c.dsn, postgres.Options{MaxConns: 1})
	if err != nil {
		c.t.Fatal(err)
	}
	defer db.Close()
	if err := db.Pool.QueryRow(c.t.Context(), sql).Scan(&n); err != nil {
		c.t.Fatal(err)
	}
	return n
}

// plots are grids of one community as GeoJSON, numbered from 1.
func plots(shapes ...orb.Polygon) []byte {
	fc := geojson.NewFeatureCollection()
	for i, s := range shapes {
		f := geojson.NewFeature(s)
		f.Properties = geojson.Properties{"code": fmt.Sprintf("990101003001%03d", i+1), "name": fmt.Sprintf("第%d网格", i+1), "community": "柳溪社区", "households": 300}
		fc.Append(f)
	}
	b, err := json.Marshal(fc)
	if err != nil {
		panic(err)
	}
	return b
}

// box is a rectangle in thousandths of a degree east and north of 114.2, 22.7.
func box(w, s, e, n float64) orb.Polygon {
	at := func(x, y float64) orb.Point { return orb.Point{114.2 + x/1000, 22.7 + y/1000} }
	return orb.Polygon{{at(w, s), at(e, s), at(e, n), at(w, n), at(w, s)}}
}

func TestImportRefusesAndChangesNothing(t *testing.T) {
	c := newCustoms(t)
	bow := orb.Polygon{{{114.2, 22.7}, {114.21, 22.71}, {114.21, 22.7}, {114.2, 22.71}, {114.2, 22.7}}}
	c.refused("990101003001001: its community 990101003001 柳溪社区 is unknown", "grids", c.file("a.geojson", plots(box(0, 0, 3, 3))))
	c.refused("990101003001001: the shape is not valid: Self-intersection", "grids", c.file("a.geojson", plots(bow)), "-create-orgs")
	c.refused("990101003001001: it overlaps 990101003001002 by", "grids", c.file("a.geojson", plots(box(0, 0, 3, 3), box(2.999, 0, 6, 3))), "-create-orgs")
	c.refused("the code does not begin with the region's, 990102", "grids", c.file("a.geojson", plots(box(0, 0, 3, 3))), "-create-orgs", "-region", "990102")
	c.refused("is -crs right", "grids", c.file("a.geojson", plots(box(0, 0, 3, 3))), "-create-orgs", "-crs", "EPSG:4547")
	c.refused("is not among the systems", "grids", c.file("a.geojson", plots(box(0, 0, 3, 3))), "-create-orgs", "-crs", "EPSG:99999")
	c.refused("is not understood", "grids", c.file("a.geojson", plots(box(0, 0, 3, 3))), "-create-orgs", "-crs", "beijing54")
	c.refused("line 1", "grids", c.file("a.geojson", []byte("code,name")))
	c.refused("-retire needs -region", "grids", c.file("a.geojson", plots(box(0, 0, 3, 3))), "-retire")
	c.refused("cannot be imported", "planets", c.file("a.geojson", nil))
	c.refused("neither in the file nor known", "orgs", c.file("o.csv", []byte("code,parent_code,kind,name\n990101003,990101,street,柳溪街道\n")))

	// what lives counts as a sibling too
	c.must("1 new", "grids", c.file("a.geojson", plots(box(0, 0, 3, 3))), "-create-orgs")
	second := bytes.ReplaceAll(plots(box(1, 1, 2, 2)), []byte("990101003001001"), []byte("990101003001007"))
	c.refused("990101003001007: it overlaps 990101003001001 by", "grids", c.file("b.geojson", second))
	c.must("1 new, 0 changed, 0 unchanged", "grids", c.file("b.geojson", second), "-layer", "unit") // another layer may
	c.must("1 new, 0 changed, 0 unchanged, 1 ended", "grids", c.file("b.geojson", second), "-region", "990101003", "-retire")
	c.refused("its grid \"990101003001001\" is unknown", "workers", c.file("w.csv", []byte("工号,姓名,角色,机构编码,网格编码\nW1,王伟,网格员,990101003001,990101003001001\n")))
	c.must("1 new", "workers", c.file("w.csv", []byte("工号,姓名,角色,机构编码,网格编码\nW1,王伟,网格员,990101003001,990101003001007\n")))
	c.refused("W2: the worker is unknown", "shifts", c.file("s.csv", []byte("工号,开始,结束\nW2,2026-11-22 08:30,2026-11-22 17:00\n")))
	shift := c.file("s.csv", []byte("工号,开始,结束\nW1,2026-11-22 08:30,2026-11-22 17:00\n"))
	c.must("1 new", "shifts", shift)
	c.must("1 unchanged", "shifts", shift)
	c.refused("would overlap another", "shifts", c.file("s.csv", []byte("工号,开始,结束\nW1,2026-11-22 09:30,2026-11-22 18:00\n")))
}

func TestImportReportsGapsAndChangesNothingWhenDry(t *testing.T) {
	c := newCustoms(t)
	ring := []orb.Polygon{box(0, 0, 3, 1), box(0, 2, 3, 3), box(0, 1, 1, 2), box(2, 1, 3, 2)} // a frame around a lake
	out := c.must("dry run: nothing was changed", "grids", c.file("a.geojson", plots(ring...)), "-create-orgs", "-dry-run")
	if !strings.Contains(out, "lies a gap of") || !strings.Contains(out, "114.2015") {
		t.Errorf("the lake is not reported:\n%s", out)
	}
	slit := []orb.Polygon{box(0, 0, 3, 3), box(3.02, 0, 6, 3)} // two metres between them, open at both ends
	if out := c.must("dry run", "grids", c.file("a.geojson", plots(slit...)), "-create-orgs", "-dry-run"); !strings.Contains(out, "lies a gap of") {
		t.Errorf("the slit is not reported:\n%s", out)
	}
	whole := []orb.Polygon{box(0, 0, 3, 3), box(3, 0, 6, 3)}
	if out := c.must("dry run", "grids", c.file("a.geojson", plots(whole...)), "-create-orgs", "-dry-run"); strings.Contains(out, "gap") {
		t.Errorf("a gap between neighbours:\n%s", out)
	}
	if n := c.count(`SELECT count(*) FROM grid`) + c.count(`SELECT count(*) FROM org`) + c.count(`SELECT count(*) FROM journal`); n != 0 {
		t.Errorf("%d rows after dry runs", n)
	}
}

// The demo street must come out the same whatever system it was carried in.
func TestImportBringsEverySystemToTheSamePlace(t *testing.T) {
	street, err := fixtures.Street()
	if err != nil {
		t.Fatal(err)
	}
	plain, err := fixtures.GridFile()
	if err != nil {
		t.Fatal(err)
	}
	c := newCustoms(t)
	c.must("133 new", "grids", c.file("street.geojson", plain), "-create-orgs", "-street-name", "明湖街道")
	c.must("133 unchanged", "grids", c.file("street.geojson", plain), "-region", fixtures.StreetCode)

	shifted := geojson.NewFeatureCollection()
	for _, g := range street.Grids {
		shape := g.Shape.Clone()
		for i, p := range shape[0][0] {
			shape[0][0][i] = datum.GCJ02(p)
		}
		f := geojson.NewFeature(shape)
		f.Properties = geojson.Properties{"code": g.Code, "name": g.Name, "setting": g.Setting, "kind": g.Kind, "is_execution": g.Execution, "households": g.Households, "population": g.Population}
		shifted.Append(f)
	}
	gcj, err := shifted.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	const drift = `SELECT count(*) FROM grid_version a JOIN grid_version b ON b.grid_id = a.grid_id AND b.version = 1 WHERE a.valid_to IS NULL AND ST_HausdorffDistance(a.geom, b.geom) > 0.0000005`
	c.must("0 new", "grids", c.file("gcj.geojson", gcj), "-crs", "gcj02")
	if n := c.count(drift); n != 0 {
		t.Errorf("%d grids moved by more than 5 cm through GCJ-02", n)
	}

	// CGCS2000, 3-degree Gauss–Krüger zone of 114° E, as a Shapefile in GBK
	db, err := postgres.Open(t.Context(), c.dsn, postgres.Options{MaxConns: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for i, g := range street.Grids {
		if err := db.Pool.QueryRow(t.Context(), `SELECT ST_Transform($1::geometry, 4547)`, g.Shape).Scan(&street.Grids[i].Shape); err != nil {
			t.Fatal(err)
		}
	}
	zipped := c.file("street.zip", zippedShapefile(t, street.Grids))
	c.refused("a Shapefile needs -crs", "grids", zipped)
	c.must("0 new", "grids", zipped, "-crs", "EPSG:4547", "-region", fixtures.StreetCode)
	if n := c.count(drift); n != 0 {
		t.Errorf("%d grids moved by more than 5 cm through EPSG:4547", n)
	}
	if n := c.count(`SELECT count(*) FROM grid_now g JOIN grid_version v ON v.grid_id = g.id AND v.version = 1 WHERE g.name <> v.name OR g.households <> v.households`); n != 0 {
		t.Errorf("%d grids lost their words or figures", n)
	}
	if n := c.count(`SELECT count(*) FROM grid_version WHERE src_crs = 'EPSG:4547'`); n == 0 {
		t.Error("no version says that it came in EPSG:4547")
	}
}

// zippedShapefile writes grids as desktop programs do: .shp and a GBK .dbf.
func zippedShapefile(t *testing.T, grids []fixtures.Grid) []byte {
	t.Helper()
	le, be := binary.LittleEndian, binary.BigEndian
	shp := make([]byte, 100)
	be.PutUint32(shp, 9994)
	le.PutUint32(shp[28:], 1000)
	le.PutUint32(shp[32:], 5)
	names := []string{"网格编码", "网格名称", "城乡", "网格类型", "执行网格", "户数", "人口"}
	const width = 48
	dbf := make([]byte, 32)
	le.PutUint32(dbf[4:], uint32(len(grids)))
	le.PutUint16(dbf[8:], uint16(33+32*len(names)))
	le.PutUint16(dbf[10:], uint16(1+width*len(names)))
	gbk := func(s string, n int) []byte {
		b, err := simplifiedchinese.GBK.NewEncoder().Bytes([]byte(s))
		if err != nil {
			t.Fatal(err)
		}
		return append(b, bytes.Repeat([]byte{' '}, n)...)[:n]
	}
	for _, n := range names {
		field := make([]byte, 32)
		copy(field, bytes.TrimSpace(gbk(n, 10)))
		field[11], field[16] = 'C', width
		dbf = append(dbf, field...)
	}
	dbf = append(dbf, '\r')
	for i, g := range grids {
		ring := g.Shape[0][0].Clone()
		ring.Reverse()
		rec := le.AppendUint32(nil, 5)
		rec = append(rec, make([]byte, 32)...)
		rec = le.AppendUint32(le.AppendUint32(le.AppendUint32(rec, 1), uint32(len(ring))), 0)
		for _, p := range ring {
			rec = le.AppendUint64(le.AppendUint64(rec, math.Float64bits(p[0])), math.Float64bits(p[1]))
		}
		shp = append(be.AppendUint32(be.AppendUint32(shp, uint32(i+1)), uint32(len(rec)/2)), rec...)
		dbf = append(dbf, ' ')
		for _, cell := range []string{g.Code, g.Name, map[string]string{"urban": "城镇", "rural": "农村"}[g.Setting], map[string]string{"base": "基础网格", "exclusive": "专属网格"}[g.Kind],
			map[bool]string{true: "是", false: "否"}[g.Execution], fmt.Sprint(g.Households), fmt.Sprint(g.Population)} {
			dbf = append(dbf, gbk(cell, width)...)
		}
	}
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, part := range []struct {
		name string
		data []byte
	}{{"网格.shp", shp}, {"网格.dbf", dbf}} {
		w, err := z.Create(part.name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(part.data); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// The whole of what a customer brings, file by file, twice.
func TestImportDemoStreetFromItsFiles(t *testing.T) {
	c := newCustoms(t)
	dir := filepath.Join("..", "fixtures", "street")
	for _, kind := range []struct{ kind, file, first, second string }{
		{"orgs", "orgs.csv", "37 new", "37 unchanged"},
		{"grids", "grids.geojson", "133 new", "133 unchanged"},
		{"workers", "people.csv", "719 new", "719 unchanged"},
		{"map", "map.geojson.gz", "ways", "ways"},
	} {
		file := filepath.Join(dir, kind.file)
		c.must(kind.first, kind.kind, file)
		roads := c.count(`SELECT count(*) FROM base_road`)
		c.must(kind.second, kind.kind, file)
		if again := c.count(`SELECT count(*) FROM base_road`); again != roads {
			t.Errorf("%d roads became %d", roads, again)
		}
	}
	if out := c.must("119 of 119 execution grids are complete", "workers", filepath.Join(dir, "people.csv")); strings.Contains(out, "warning") {
		t.Errorf("the demo street has faults:\n%s", out)
	}
	if n := c.count(`SELECT count(*) FROM audit WHERE action = 'territory.imported'`); n != 9 {
		t.Errorf("%d imports in the audit, want 9", n)
	}
}

func TestImportReferenceFiles(t *testing.T) {
	beijing := filepath.Join("..", "..", "shared", "data", "beijing-grids.geojson")
	if _, err := os.Stat(beijing); err != nil {
		t.Skipf("not checked: the reference file %s is not beside the project", beijing)
	}
	c := newCustoms(t)
	c.refused("is unknown", "grids", beijing)
	c.must("133 new", "grids", beijing, "-create-orgs", "-street-name", "清溪街道", "-crs", "EPSG:4490")
	c.must("133 unchanged", "grids", beijing, "-crs", "EPSG:4490")
	if n := c.count(`SELECT count(*) FROM grid_now WHERE is_execution`); n != 119 {
		t.Errorf("%d execution grids", n)
	}
	c.must("18 new, 0 changed", "orgs", filepath.Join(filepath.Dir(beijing), "admin", "zhuangshi.csv"), "-create-orgs", "-county-name", "镇海区")
}
