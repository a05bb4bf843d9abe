package main

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/territory"
	"github.com/gridward/gridward/server/territory/intake"
)

const importUsage = `usage: gridward import KIND FILE [flags]

KIND and what the file may be:
  orgs     organisations: CSV or JSON with code, parent_code, kind, name (编码, 上级编码, 类型, 名称)
  grids    grids: GeoJSON, or a zip with one Shapefile; attributes code, name, community_code, community,
           setting, kind, is_execution, households, population (网格编码, 网格名称, 社区编码, 所属社区, …)
  workers  people and vehicles: CSV or JSON with code, name, role, org_code, phone, grids (工号, 姓名, 角色, 机构编码, 电话, 网格编码)
  shifts   planned duty: CSV or JSON with worker_code, start, end, post (工号, 开始, 结束, 岗位)
  map      the base map: OpenStreetMap features as GeoJSON
  gazetteer  地名地址: CSV or JSON with name, lon, lat, address, aliases, kind, org_code (名称, 经度, 纬度, 地址, 别名, 类型, 社区编码)
  standard   classes of a national catalogue: CSV or JSON with standard_ref, kind, code5, name (标准号, 类别, 代码, 名称)

Text may be UTF-8 or GBK; a file may be gzipped. All of a file goes in or nothing;
-dry-run prints the report and changes nothing.

`

// largestImport bounds a file after unzipping.
const largestImport = 512 << 20

// importJob is what the command line asks for.
type importJob struct {
	kind, file                 string
	crs, region, layer         string
	countyName, streetName     string
	attribution, licence       string
	dryRun, createOrgs, retire bool
	out                        io.Writer
}

func importMain(ctx context.Context, p process) error {
	fs := flag.NewFlagSet("import", flag.ContinueOnError)
	fs.SetOutput(p.errOut)
	fs.Usage = func() {
		fmt.Fprint(p.errOut, importUsage)
		fs.PrintDefaults()
	}
	j := importJob{out: p.out}
	fs.StringVar(&j.crs, "crs", "", "grids, gazetteer: coordinates of the file: wgs84, gcj02, bd09 or EPSG:n (CGCS2000 zones too, e.g. EPSG:4547); default wgs84 for GeoJSON, a Shapefile has no default")
	fs.StringVar(&j.region, "region", "", "grids: the code that all codes must begin with, e.g. of the street; gazetteer: the street it belongs to, when there are several")
	fs.StringVar(&j.layer, "layer", postgres.Operative, "grids: the layer to write; fixes are located in the operative one")
	fs.BoolVar(&j.retire, "retire", false, "grids: end living grids of -region that the file does not have")
	fs.BoolVar(&j.createOrgs, "create-orgs", false, "grids: make communities (and their street and district) that the file names and nobody knows; orgs: make a missing district")
	fs.StringVar(&j.countyName, "county-name", "", "name of a district made by -create-orgs")
	fs.StringVar(&j.streetName, "street-name", "", "name of a street made by -create-orgs")
	fs.StringVar(&j.attribution, "attribution", "© OpenStreetMap contributors", "map: what must be shown with it")
	fs.StringVar(&j.licence, "licence", "ODbL 1.0", "map: its licence")
	fs.BoolVar(&j.dryRun, "dry-run", false, "print the report, change nothing")
	open := databaseFlags(fs)
	words, err := parseMixed(fs, p)
	if err != nil {
		return err
	}
	if len(words) != 2 {
		fs.Usage()
		return fmt.Errorf("a kind and one file are wanted, this is %q", words)
	}
	j.kind, j.file = words[0], words[1]
	if !slices.Contains([]string{"orgs", "grids", "workers", "shifts", "map", "gazetteer", "standard"}, j.kind) {
		return fmt.Errorf("%q cannot be imported: orgs, grids, workers, shifts, map, gazetteer or standard", j.kind)
	}
	data, err := readImport(j.file)
	if err != nil {
		return err
	}
	do, err := j.read(data)
	if err != nil {
		return fmt.Errorf("%s: nothing was imported: %w", filepath.Base(j.file), err)
	}
	db, stop, err := open(ctx)
	if err != nil {
		return err
	}
	return errors.Join(j.run(ctx, db, do), stop())
}

// parseMixed parses flags that may stand before, between and after the words.
func parseMixed(fs *flag.FlagSet, p process) (words []string, err error) {
	args := p.args
	for {
		if err := fs.Parse(args); err != nil {
			return nil, err
		}
		if fs.NArg() == 0 {
			return words, fromEnv(fs, p.env)
		}
		words, args = append(words, fs.Arg(0)), fs.Args()[1:]
	}
}

func readImport(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return unpack(f, name)
}

func unpack(f io.Reader, name string) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(f, largestImport+1))
	if err == nil && bytes.HasPrefix(data, []byte{0x1f, 0x8b}) {
		var z *gzip.Reader
		if z, err = gzip.NewReader(bytes.NewReader(data)); err == nil {
			data, err = io.ReadAll(io.LimitReader(z, largestImport+1))
		}
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if len(data) > largestImport {
		return nil, fmt.Errorf("%s holds more than %d MiB", name, largestImport>>20)
	}
	return data, nil
}

// step is the part of an import that needs the database.
type step func(ctx context.Context, tx postgres.Tx) (fmt.Stringer, error)

// errDryRun rolls a dry run back.
var errDryRun = errors.New("dry run")

// run does the step in one transaction, which a dry run rolls back.
func (j importJob) run(ctx context.Context, db *postgres.DB, do step) error {
	err := db.Tx(ctx, func(ctx context.Context, tx postgres.Tx) error {
		outcome, err := do(ctx, tx)
		if err != nil {
			return err
		}
		fmt.Fprintf(j.out, "%s: %s\n", j.kind, outcome)
		if j.dryRun {
			return errDryRun
		}
		return postgres.WriteAudit(ctx, tx, postgres.Audit{Actor: "command line", Action: "territory.imported", Object: j.kind,
			Detail: map[string]any{"file": filepath.Base(j.file), "outcome": outcome.String()}})
	})
	switch {
	case errors.Is(err, errDryRun):
		fmt.Fprintln(j.out, "dry run: nothing was changed")
		return nil
	case err != nil:
		return err
	}
	fmt.Fprintln(j.out, "imported")
	return nil
}

// read parses the file, which needs no database, and returns what to do with it.
func (j importJob) read(data []byte) (step, error) {
	switch j.kind {
	case "orgs":
		orgs, where, err := intake.Orgs(data)
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context, tx postgres.Tx) (fmt.Stringer, error) { return j.orgs(ctx, tx, orgs, where) }, nil
	case "grids":
		grids, err := intake.Grids(data)
		if err != nil {
			return nil, err
		}
		if j.crs == "" && intake.IsShapefile(data) {
			return nil, fmt.Errorf("a Shapefile needs -crs: nothing in it says for certain which coordinates it has")
		}
		if j.retire && j.region == "" {
			return nil, fmt.Errorf("-retire needs -region")
		}
		return func(ctx context.Context, tx postgres.Tx) (fmt.Stringer, error) { return j.grids(ctx, tx, grids) }, nil
	case "workers":
		workers, err := intake.Workers(data)
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context, tx postgres.Tx) (fmt.Stringer, error) { return j.workers(ctx, tx, workers) }, nil
	case "shifts":
		shifts, err := intake.Shifts(data)
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context, tx postgres.Tx) (fmt.Stringer, error) { return j.shifts(ctx, tx, shifts) }, nil
	}
	if j.kind == "gazetteer" || j.kind == "standard" {
		return j.readIntake(data)
	}
	m, err := intake.OSM(data)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, tx postgres.Tx) (fmt.Stringer, error) {
		source := postgres.BaseSource{Name: filepath.Base(j.file), Attribution: j.attribution, Licence: j.licence}
		return mapSize(m), postgres.PutBaseMap(ctx, tx, source, m)
	}, nil
}

type mapSize territory.BaseMap

func (m mapSize) String() string {
	return fmt.Sprintf("%d ways, %d areas, %d places", len(m.Roads), len(m.Areas), len(m.Places))
}

// tell prints a report and returns why it refuses the import, or nil.
func (j importJob) tell(r territory.Report) error {
	const most = 30
	shown := slices.Clone(r)
	slices.SortStableFunc(shown, func(a, b territory.Finding) int {
		return cmp.Compare(rank(a), rank(b))
	})
	for i, f := range shown {
		if i == most {
			fmt.Fprintf(j.out, "… and %d more\n", len(shown)-most)
			break
		}
		fmt.Fprintln(j.out, f)
	}
	return r.Err()
}

// rank puts errors before warnings.
func rank(f territory.Finding) int {
	if f.Error {
		return 0
	}
	return 1
}

func (j importJob) orgs(ctx context.Context, tx postgres.Tx, orgs []territory.Org, where []string) (fmt.Stringer, error) {
	kinds, err := postgres.OrgKinds(ctx, tx)
	if err != nil {
		return nil, err
	}
	if j.createOrgs {
		orgs, where = j.withDistricts(orgs, where, kinds)
	}
	ordered, report := territory.CheckOrgs(orgs, where, kinds)
	if err := j.tell(report); err != nil {
		return nil, err
	}
	return postgres.PutOrgs(ctx, tx, ordered)
}

// withDistricts adds the districts that streets name and nobody knows.
func (j importJob) withDistricts(orgs []territory.Org, where []string, kinds map[string]string) ([]territory.Org, []string) {
	there := map[string]bool{}
	for _, o := range orgs {
		there[o.Code] = true
	}
	for _, o := range orgs {
		if p := o.ParentCode; o.Kind == "street" && p != "" && !there[p] && kinds[p] == "" {
			there[p] = true
			orgs = append(orgs, territory.Org{Code: p, Kind: "county", Name: cmp.Or(j.countyName, "区县"+p)})
			where = append(where, "-create-orgs")
		}
	}
	return orgs, where
}

func (j importJob) grids(ctx context.Context, tx postgres.Tx, grids []territory.Grid) (fmt.Stringer, error) {
	crs := cmp.Or(j.crs, "wgs84")
	if err := postgres.ToWGS84(ctx, tx, grids, crs); err != nil {
		return nil, fmt.Errorf("nothing was imported: %w", err)
	}
	kinds, err := postgres.OrgKinds(ctx, tx)
	if err != nil {
		return nil, err
	}
	if j.createOrgs {
		orgs, where := j.missingOrgs(grids, kinds)
		ordered, report := territory.CheckOrgs(orgs, where, kinds)
		if err := j.tell(report); err != nil {
			return nil, err
		}
		made, err := postgres.PutOrgs(ctx, tx, ordered)
		if err != nil {
			return nil, err
		}
		if made.Added > 0 {
			fmt.Fprintf(j.out, "organisations: %s\n", made)
		}
		for _, o := range ordered {
			kinds[o.Code] = o.Kind
		}
	}
	in := postgres.GridImport{Layer: j.layer, CRS: crs, Region: j.region, Retire: j.retire}
	report := territory.Check(grids, kinds, j.region)
	if report.Errors() == 0 {
		geometry, err := postgres.InspectGrids(ctx, tx, grids, in)
		if err != nil {
			return nil, err
		}
		report = append(report, geometry...)
	}
	if err := j.tell(report); err != nil {
		return nil, err
	}
	outcome, err := postgres.PutGrids(ctx, tx, grids, in)
	if err != nil {
		return nil, err
	}
	streets := map[string]bool{}
	for _, g := range grids {
		streets[territory.StreetCode(g.Code)] = true
	}
	return outcome, j.staff(ctx, tx, streets)
}

// missingOrgs are the communities that grids name and nobody knows, with the
// streets and districts above them.
func (j importJob) missingOrgs(grids []territory.Grid, kinds map[string]string) (orgs []territory.Org, where []string) {
	made := map[string]bool{}
	add := func(o territory.Org, from string) {
		if o.Code != "" && kinds[o.Code] == "" && !made[o.Code] {
			made[o.Code] = true
			orgs, where = append(orgs, o), append(where, from)
		}
	}
	for _, g := range grids {
		code := cmp.Or(g.OrgCode, territory.CommunityCode(g.Code))
		if kinds[code] != "" || made[code] {
			continue
		}
		street, county := territory.StreetCode(code), territory.CountyCode(code)
		add(territory.Org{Code: county, Kind: "county", Name: cmp.Or(j.countyName, "区县"+county)}, g.Where)
		add(territory.Org{Code: street, ParentCode: county, Kind: "street", Name: cmp.Or(j.streetName, "街道"+street)}, g.Where)
		kind := "community"
		if g.Setting == "rural" || strings.HasSuffix(g.OrgName, "村") {
			kind = "village"
		}
		add(territory.Org{Code: code, ParentCode: street, Kind: kind, Name: cmp.Or(g.OrgName, "社区"+code)}, g.Where)
	}
	return orgs, where
}

// staff prints which execution grids of the streets lack somebody of their 1+1+1.
func (j importJob) staff(ctx context.Context, tx postgres.Tx, streets map[string]bool) error {
	for _, street := range slices.Sorted(maps.Keys(streets)) {
		staff, err := postgres.GridStaff(ctx, tx, street)
		if err != nil {
			return err
		}
		report := territory.CheckStaff(staff)
		fmt.Fprintf(j.out, "1+1+1 in %s: %d of %d execution grids are complete\n", street, len(staff)-len(report), len(staff))
		if len(report) == len(staff) {
			continue // nobody was imported yet: no use to name every grid
		}
		if err := j.tell(report); err != nil {
			return err
		}
	}
	return nil
}

func (j importJob) workers(ctx context.Context, tx postgres.Tx, workers []territory.Worker) (fmt.Stringer, error) {
	kinds, err := postgres.OrgKinds(ctx, tx)
	if err != nil {
		return nil, err
	}
	grids, err := postgres.GridCodes(ctx, tx)
	if err != nil {
		return nil, err
	}
	if err := j.tell(territory.CheckWorkers(workers, kinds, grids)); err != nil {
		return nil, err
	}
	outcome, err := postgres.PutWorkers(ctx, tx, workers)
	if err != nil {
		return nil, err
	}
	streets := map[string]bool{}
	for _, w := range workers {
		for _, g := range w.Grids {
			streets[territory.StreetCode(g)] = true
		}
	}
	return outcome, j.staff(ctx, tx, streets)
}

func (j importJob) shifts(ctx context.Context, tx postgres.Tx, shifts []territory.Shift) (fmt.Stringer, error) {
	kinds, err := postgres.OrgKinds(ctx, tx)
	if err != nil {
		return nil, err
	}
	workers, err := postgres.WorkerCodes(ctx, tx)
	if err != nil {
		return nil, err
	}
	if err := j.tell(territory.CheckShifts(shifts, kinds, workers)); err != nil {
		return nil, err
	}
	return postgres.PutShifts(ctx, tx, shifts)
}
