package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// These tests keep the house in the shape that docs/adr describes: who stands on
// which floor, who owns which outside library, where SQL lives. A failure is
// either a mistake or a decision: then write it down (docs/adr) and here.

const module = "github.com/gridward/gridward"

// floors says where each room stands; a room not listed takes its parent's floor.
// Imports go down only.
var floors = map[string]int{
	"geo": 0, "migrations": 0, "fixtures": 0, "frontend": 0, "server/fault": 0, "server/seal": 0,
	"server/access": 1, "server/territory": 1, "server/fleet": 1, "server/workday": 1,
	"server/journal": 2, "server/wire": 2, "server/protocol": 2,
	"server/incident": 3, "server/metric": 3, "server/dispatch": 3, "server/patrol": 3, "server/alarm": 3, "server/assess": 3,
	"server/postgres": 4, "server/pgcluster": 4, "server/bus": 4, "server/blob": 4, "server/deadline": 4, "server/telemetry": 4, "server/board": 4, "server/courier": 4,
	"server/desk": 5, "server/ingest": 5,
	"server/api": 6, "server/signin": 6, "server/uplink": 6, "server/live": 6, "server/tiles": 6, "server/video": 6, "server/timekeeper": 6, "server/simulate": 6,
	"server": 7,
}

// level are the imports within one floor that have a reason.
var level = map[[2]string]string{
	{"server/fleet", "server/territory"}:   "a worker belongs to an organisation",
	{"server/access", "server/territory"}:  "scope is a part of the organisation tree",
	{"server/dispatch", "server/incident"}: "an order is given for an incident",
	{"server/metric", "server/incident"}:   "what is counted are incidents",
	{"server/assess", "server/metric"}:     "what is assessed is counted as in the statistics",
	{"server/alarm", "server/incident"}:    "an alarm is as urgent as the incident it may become",
	{"server/deadline", "server/postgres"}: "a deadline is set inside the caller's transaction",
	{"server/courier", "server/postgres"}:  "deliveries are claimed and settled in the database",
	{"fixtures", "geo"}:                    "the demo street is drawn with our own geometry",
}

// owners says which rooms may import an outside library: x is that package, x/...
// also those below it; the room * is everybody. What is not listed may not be
// imported at all. Tests are free.
var owners = []struct {
	library, rooms, why string
}{
	{"github.com/paulmach/orb/...", "*", "the shapes we all speak of"},
	{"github.com/google/uuid", "*", "the ids of incidents, sessions and photos"},
	{"golang.org/x/sync/...", "*", "errgroup: goroutines with somebody who waits"},
	{"github.com/uber/h3-go/v4", "geo/hexgrid", "lon/lat order and errors in one place"},
	{"github.com/jackc/pgx/v5/...", "server/postgres server/pgtest", "all SQL in one room"},
	{"github.com/jackc/pgx/v5", "server/desk server/ingest server/deadline server/timekeeper server/signin server/api server", "pgx.Tx, to name the transaction they run in"},
	{"github.com/pressly/goose/v3", "server/postgres", "migrations"},
	{"github.com/riverqueue/river/...", "server/deadline server/timekeeper", "jobs: one room sets them, one rings"},
	{"github.com/riverqueue/river/riverdriver/...", "server/postgres", "river's tables are migrated with ours"},
	{"github.com/riverqueue/river/rivermigrate", "server/postgres", "river's tables are migrated with ours"},
	{"github.com/nats-io/nats.go/...", "server/bus", "the doorbell"},
	{"github.com/nats-io/nats-server/v2/...", "server/bus", "the doorbell, built in"},
	{"github.com/minio/minio-go/v7/...", "server/blob", "photos in somebody's S3"},
	{"github.com/prometheus/client_golang/...", "server/telemetry", "metrics by typed methods only"},
	{"github.com/danielgtaylor/huma/v2/...", "server/api", "the API"},
	{"github.com/gorilla/websocket", "server/live server/simulate", "the socket; the simulator plays its client"},
	{"github.com/mozillazg/go-pinyin", "server/territory", "initials for search"},
	{"github.com/tkrajina/gpxgo/...", "server server/simulate", "recorded tracks"},
	{"github.com/klauspost/compress/...", "server/uplink server/tiles server/api", "gzip that keeps up"},
	{"github.com/xuri/excelize/v2", "server/api", "reports as spreadsheets"},
	{"github.com/eclipse/paho.mqtt.golang", "server/uplink", "alarm devices that speak MQTT to the customer's broker"},
	{"golang.org/x/crypto/argon2", "server/signin", "passwords"},
	{"golang.org/x/crypto/nacl/secretbox", "server/protocol", "OwnTracks encrypts with it"},
	{"golang.org/x/text/...", "server/territory server", "GBK in customers' files"},
	{"github.com/peterldowns/pgtestdb", "server/pgtest", "a database per test"},
}

// covers reports whether the pattern of owners covers the imported package.
func covers(pattern, pkg string) bool {
	tree, below := strings.CutSuffix(pattern, "/...")
	return pkg == tree || below && strings.HasPrefix(pkg, tree+"/")
}

// source is one Go file of ours.
type source struct {
	path, dir string // slash-separated, from the module's root
	test      bool
	file      *ast.File
	lines     int
}

func (s source) imports() []string {
	var all []string
	for _, im := range s.file.Imports {
		p, _ := strconv.Unquote(im.Path.Value) // the parser accepted it
		all = append(all, p)
	}
	return all
}

var ourRoots = []string{"geo", "migrations", "fixtures", "frontend", "server"}

func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	for _, root := range ourRoots {
		err := filepath.WalkDir(filepath.Join("..", root), func(p string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.IsDir() {
				if n := d.Name(); n == "node_modules" || n == "dist" || n == "testdata" {
					return filepath.SkipDir
				}
				return nil
			}
			if !strings.HasSuffix(p, ".go") {
				return nil
			}
			text, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), p, text, parser.ParseComments)
			if err != nil {
				return err
			}
			rel := strings.TrimPrefix(filepath.ToSlash(p), "../")
			all = append(all, source{rel, path.Dir(rel), strings.HasSuffix(p, "_test.go"), file, strings.Count(string(text), "\n")})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(all) < 50 {
		t.Fatalf("found only %d files: this test looks in the wrong place", len(all))
	}
	return all
}

// room is the entry of floors that a directory belongs to.
func room(dir string) string {
	for d := dir; d != "."; d = path.Dir(d) {
		if _, ok := floors[d]; ok && (d != "server" || dir == "server") {
			return d
		}
	}
	return ""
}

func TestImportsGoDownOnly(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		if s.test || s.dir == "server/pgtest" { // tests may look at any room
			continue
		}
		from := room(s.dir)
		if from == "" {
			t.Errorf("%s: the room %s stands on no floor: give it one in floors", s.path, s.dir)
			continue
		}
		for _, im := range s.imports() {
			dir, ours := strings.CutPrefix(im, module+"/")
			if !ours {
				continue
			}
			to := room(dir)
			switch {
			case dir == "server/pgtest":
				t.Errorf("%s imports %s, which is for tests", s.path, dir)
			case to == "":
				t.Errorf("%s imports %s, which stands on no floor", s.path, dir)
			case to == from, floors[to] < floors[from], level[[2]string{from, to}] != "":
			default:
				t.Errorf("%s: %s (floor %d) may not import %s (floor %d)", s.path, from, floors[from], to, floors[to])
			}
		}
	}
}

func TestGeometryKnowsNothingOfTheServer(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		if !strings.HasPrefix(s.dir, "geo/") || s.test {
			continue
		}
		for _, im := range s.imports() {
			if strings.HasPrefix(im, module+"/server") || im == "time" || im == "os" || im == "net" || im == "database/sql" {
				t.Errorf("%s imports %s: geometry has no clock, no I/O and no server", s.path, im)
			}
		}
	}
}

func TestEachLibraryHasItsOwners(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		for _, im := range s.imports() {
			first, _, _ := strings.Cut(im, "/")
			if !strings.Contains(first, ".") || strings.HasPrefix(im, module) {
				continue
			}
			known, allowed := false, false
			for _, o := range owners {
				if covers(o.library, im) {
					rooms := strings.Fields(o.rooms)
					known = true
					allowed = allowed || rooms[0] == "*" || slices.Contains(rooms, room(s.dir)) || slices.Contains(rooms, s.dir)
				}
			}
			switch {
			case !known:
				t.Errorf("%s imports %s, which has no owner: name one in owners", s.path, im)
			case !allowed:
				t.Errorf("%s imports %s, which belongs to another room", s.path, im)
			}
		}
	}
}

func TestSQLLivesInOneRoom(t *testing.T) {
	t.Parallel()
	sql := regexp.MustCompile(`^\s*(SELECT|INSERT INTO|UPDATE [a-z_]+ SET|DELETE FROM|WITH [a-z_]+ AS|CREATE|ALTER|DROP|LISTEN|NOTIFY) `)
	for _, s := range sources(t) {
		if s.test || s.dir == "server/postgres" || s.dir == "server/pgcluster" || s.dir == "server/pgtest" {
			continue // pgcluster makes roles and databases with psql, before there is a driver
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			lit, ok := n.(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING {
				return true
			}
			if text, err := strconv.Unquote(lit.Value); err == nil && sql.MatchString(text) {
				t.Errorf("%s holds SQL: %.60s…", s.path, text)
			}
			return true
		})
	}
}

func TestEveryPackageIntroducesItself(t *testing.T) {
	t.Parallel()
	doc := map[string]string{}
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		if _, ok := doc[s.dir]; !ok {
			doc[s.dir] = ""
		}
		if s.file.Doc != nil {
			doc[s.dir] += s.file.Doc.Text()
		}
	}
	for dir, text := range doc {
		if len(text) < 60 {
			t.Errorf("%s has no doc comment that a new colleague would thank us for: %q", dir, text)
		}
	}
}

func TestFilesStaySmall(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		if s.lines >= 600 {
			t.Errorf("%s has %d lines: it tells two stories, give each a file", s.path, s.lines)
		}
	}
}

func TestNamesSayWhatThingsAre(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		if base := path.Base(s.dir); slices.Contains([]string{"util", "utils", "common", "helpers", "misc", "base", "lib"}, base) {
			t.Errorf("%s: a room is named after what it is for, not %q", s.path, base)
		}
		for _, d := range s.file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Name.Name == "init" && d.Recv == nil {
					t.Errorf("%s: init() runs behind everybody's back", s.path)
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					if ts, ok := spec.(*ast.TypeSpec); ok && regexp.MustCompile(`(Manager|Service|Impl)$`).MatchString(ts.Name.Name) {
						t.Errorf("%s: %s: say what it is", s.path, ts.Name.Name)
					}
				}
			}
		}
	}
}

// A test that sleeps is slow on a fast machine and wrong on a slow one. In a
// bubble of testing/synctest a sleep takes no time and is exact.
func TestNobodySleeps(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		if slices.Contains(s.imports(), "testing/synctest") || s.path == "server/soak_test.go" { // a soak lasts; that is its content
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok || sel.Sel.Name != "Sleep" {
				return true
			}
			if pkg, ok := sel.X.(*ast.Ident); ok && pkg.Name == "time" {
				t.Errorf("%s sleeps: wait for what happens, for a timer or a context, or use testing/synctest", s.path)
			}
			return true
		})
	}
}
