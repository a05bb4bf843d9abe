package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/gridward/gridward/server/pgcluster"
	"github.com/gridward/gridward/server/pgtest"
)

// figure is one line of the README's table: a benchmark's figure, and the
// baseline of the same run that it is held against.
type figure struct {
	what     string
	pkg      string
	run      string    // -bench
	once     bool      // one iteration is the whole measurement
	ours     measureOf // what is shown
	baseline measureOf // what it is divided by; empty where the benchmark divides by itself
	ratio    func(our, base float64) float64
	target   float64   // at least
	ratioOf  measureOf // the ratio where the benchmark reports one
	beside   []beside
}

// beside is a figure of the same run that is worth seeing.
type beside struct {
	name string
	measureOf
}

// measureOf names a benchmark by the end of its name, and one of its units.
type measureOf struct{ bench, unit string }

func faster(our, base float64) float64 { return base / our } // both are times

var figures = []figure{
	{what: "durable ingest, HTTP batches of 100 ÷ raw binary COPY on two connections", pkg: "./server/ingest", run: "DurableIngest", once: true,
		ours: measureOf{"DurableIngest", "http_fixes/s"}, baseline: measureOf{"DurableIngest", "copy_rows/s"}, ratioOf: measureOf{"DurableIngest", "ratio"}, target: 0.4,
		beside: []beside{{"single OsmAnd requests", measureOf{"DurableIngest", "osmand_req/s"}}}},
	{what: "fence, 133 grids of the demo street ÷ R-tree + orb", pkg: "./geo/fence", run: "Fence/fence/(gridward|rtree-orb|h3)/street",
		ours: measureOf{"fence/gridward/street", "ns/op"}, baseline: measureOf{"fence/rtree-orb/street", "ns/op"}, ratio: faster, target: 10,
		beside: []beside{{"allocations", measureOf{"fence/gridward/street", "allocs/op"}}, {"one H3 look-up", measureOf{"fence/h3/street", "ns/op"}}}},
	{what: "nearest 10 of 100,000 ÷ PostGIS <-> with GiST", pkg: "./server/postgres", run: "NearPostGIS",
		ours: measureOf{"near/gridward", "ns/op"}, baseline: measureOf{"near/postgis", "ns/op"}, ratio: faster, target: 50,
		beside: []beside{{"PostGIS without the round trip", measureOf{"near/postgis-inside", "ns/op"}}}},
	{what: "along the streets from 200 people to one case ÷ the way of each for itself", pkg: "./geo/streets", run: "Streets/streets/(200|one)",
		ours: measureOf{"streets/200-candidates", "ns/op"}, baseline: measureOf{"streets/one-by-one", "ns/op"}, ratio: faster, target: 50,
		beside: []beside{{"allocations", measureOf{"streets/200-candidates", "allocs/op"}}}},
	{what: "whom to send of 500 people: along the streets, judged, ordered, with reasons", pkg: "./server/dispatch", run: "Rank$", ours: measureOf{"Rank", "ns/op"},
		beside: []beside{{"candidates", measureOf{"Rank", "candidates"}}}},
	{what: "moves of 100,000 workers", pkg: "./geo/near", run: "Near/near/update", ours: measureOf{"near/update", "updates/s"}},
	{what: "fan-out to 500 screens, updates per CPU second ÷ one JSON message per update", pkg: "./server/live", run: "Fanout", once: true,
		ours: measureOf{"Fanout", "updates/cpu-s"}, ratioOf: measureOf{"Fanout", "x-json"}, target: 100,
		beside: []beside{{"delivered", measureOf{"Fanout", "updates/s"}}, {"bytes", measureOf{"Fanout", "B/update"}}, {"memory", measureOf{"Fanout", "KiB/screen"}}}},
	{what: "commands of eight desks: HTTP → commit → the last of 20 screens ÷ bare transactions of one UPDATE and one journal entry", pkg: "./server/", run: "Loop$", once: true,
		ours: measureOf{"Loop", "commands/s"}, ratioOf: measureOf{"Loop", "ratio"}, target: 0.2,
		beside: []beside{{"bare", measureOf{"Loop", "bare_tx/s"}}}},
	{what: "an event, commit → each of 500 screens, p99; raw loopback broadcast of the same bytes ÷ it", pkg: "./server/", run: "EventLatency$", once: true,
		ours: measureOf{"EventLatency", "p99_ms"}, ratioOf: measureOf{"EventLatency", "ratio"}, target: 0.1,
		beside: []beside{{"p50", measureOf{"EventLatency", "p50_ms"}}, {"raw p50", measureOf{"EventLatency", "raw_p50_ms"}}, {"raw p99", measureOf{"EventLatency", "raw_p99_ms"}}}},
	{what: "1,000,000 archived and 20,000 open cases: a page of 50 with its count; 50 bare rows by primary key ÷ it", pkg: "./server/postgres", run: "Million", once: true,
		ours: measureOf{"Million", "newest_ms"}, ratioOf: measureOf{"Million", "bare/page"}, target: 0.02,
		beside: []beside{{"the slowest of ten filters", measureOf{"Million", "worst_ms"}}, {"queues", measureOf{"Million", "queues_ms"}}, {"overview", measureOf{"Million", "overview_ms"}},
			{"statistics of a month", measureOf{"Million", "month_ms"}}, {"of a year", measureOf{"Million", "year_ms"}}, {"filling", measureOf{"Million", "filled/s"}}}},
	{what: "archive of people on foot, a fix every 5 s, 8 h a day; bytes of the raw partition ÷ it", pkg: "./server/", run: "Trails$", once: true,
		ours: measureOf{"Trails", "B/fix"}, ratioOf: measureOf{"Trails", "raw/archive"}, target: 20,
		beside: []beside{{"raw", measureOf{"Trails", "raw_B/fix"}}, {"the chunks alone", measureOf{"Trails", "chunk_B/fix"}}, {"fixes", measureOf{"Trails", "fixes"}}, {"a night", measureOf{"Trails", "night_s"}},
			{"archived", measureOf{"Trails", "archived/s"}}, {"a worker-day decoded", measureOf{"Trails", "decode_us"}}}},
	{what: "playback: everybody's day on the map; reading the raw partition ÷ it", pkg: "./server/", run: "Trails$", once: true,
		ours: measureOf{"Trails", "first_ms"}, ratioOf: measureOf{"Trails", "raw/first"}, target: 5,
		beside: []beside{{"an hour of everybody", measureOf{"Trails", "hour_ms"}}, {"raw", measureOf{"Trails", "raw_hour_ms"}}, {"one worker-day", measureOf{"Trails", "worker_day_ms"}}}},
	{what: "the week board of 119 grids over HTTP, half a year of 500 people behind it; reading the week's days themselves ÷ it", pkg: "./server/", run: "PatrolBoard$", once: true,
		ours: measureOf{"PatrolBoard", "p50_ms"}, ratioOf: measureOf{"PatrolBoard", "days/board"}, target: 2,
		beside: []beside{{"p99", measureOf{"PatrolBoard", "p99_ms"}}, {"the days themselves", measureOf{"PatrolBoard", "days_ms"}}, {"days behind it", measureOf{"PatrolBoard", "days"}}}},
	{what: "doubts: everybody's day against 29 earlier days of his and everybody else's; reading and comparing the fixes at one time of day alone ÷ it", pkg: "./server/", run: "Doubts$", once: true,
		ours: measureOf{"Doubts", "night_s"}, ratioOf: measureOf{"Doubts", "plain/house"}, target: 3,
		beside: []beside{{"a worker-day", measureOf{"Doubts", "worker_day_ms"}}, {"plain", measureOf{"Doubts", "plain_ms"}}}},
	{what: "fan-out to 500 screens ÷ raw loopback writes of the same bytes", pkg: "./server/live", run: "Fanout", once: true,
		ours: measureOf{"Fanout", "updates/cpu-s"}, ratioOf: measureOf{"Fanout", "x-raw"}, target: 0.5},
}

// TestBench runs every benchmark of the README and prints the table, each
// figure against the baseline of the same run. A figure below its target is
// printed as such and fails nothing: machines differ.
func TestBench(t *testing.T) {
	if os.Getenv("GRIDWARD_BENCH") == "" {
		t.Skip("timings are no test: run `make bench`")
	}
	dsn := durable(t)
	outputs := map[string]map[measureOf]float64{}
	var table strings.Builder
	fmt.Fprintf(&table, "| What | Measured | Ratio | Target |\n|---|---|---|---|\n")
	for _, f := range figures {
		key := f.pkg + " " + f.run
		found, ok := outputs[key]
		if !ok {
			found = runBench(t, f, dsn)
			outputs[key] = found
		}
		shown := show(found, f.ours)
		for _, b := range f.beside {
			shown += "; " + b.name + " " + show(found, b.measureOf)
		}
		ratio, target := "—", "—"
		if r, ok := found[f.ratioOf]; ok {
			ratio = fmt.Sprintf("%.2f×", r)
		} else if f.ratio != nil {
			ratio = fmt.Sprintf("%.1f× (baseline %s)", f.ratio(found[f.ours], found[f.baseline]), show(found, f.baseline))
		}
		if f.target > 0 {
			target = fmt.Sprintf("≥ %g×", f.target)
		}
		fmt.Fprintf(&table, "| %s | %s | %s | %s |\n", f.what, shown, ratio, target)
	}
	t.Logf("%s/%s, %d processors, %s\n\n%s", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version(), table.String())
}

// durable starts a private cluster as serve does, with every commit synced to
// disk: the one that the tests share has that switched off. It returns its
// superuser's DSN, because each benchmark makes a database of its own.
func durable(t *testing.T) string {
	t.Helper()
	cluster, err := pgcluster.Start(t.Context(), pgtest.DataDir(t), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	u, err := url.Parse(cluster.DSN())
	if err != nil {
		t.Fatal(err)
	}
	u.User, u.Path = url.User("postgres"), "/postgres"
	return u.String()
}

var benchLine = regexp.MustCompile(`^Benchmark(\S+?)(?:-\d+)?\s+\d+\s+(.*)$`)

// runBench runs one package's benchmarks in a process of its own and reads its figures.
func runBench(t *testing.T, f figure, dsn string) map[measureOf]float64 {
	t.Helper()
	args := []string{"test", "-run", "^$", "-bench", f.run, "-benchmem", "-timeout", "30m"}
	if f.once {
		args = append(args, "-benchtime", "1x")
	}
	cmd := exec.CommandContext(t.Context(), "go", append(args, f.pkg)...)
	cmd.Dir = ".."
	cmd.Stderr = os.Stderr
	cmd.Env = append(os.Environ(), "TEST_DATABASE_URL="+dsn)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", f.pkg, err, out)
	}
	found := map[measureOf]float64{}
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		m := benchLine.FindStringSubmatch(lines.Text())
		if m == nil {
			continue
		}
		name := m[1]
		if _, after, ok := strings.Cut(name, "/"); ok {
			name = after
		}
		words := strings.Fields(m[2])
		for i := 0; i+1 < len(words); i += 2 {
			if v, err := strconv.ParseFloat(words[i], 64); err == nil {
				found[measureOf{name, words[i+1]}] = v
			}
		}
	}
	if len(found) == 0 {
		t.Fatalf("%s -bench %s printed no figure:\n%s", f.pkg, f.run, out)
	}
	return found
}

// show writes a figure with its unit, large numbers in groups.
func show(found map[measureOf]float64, m measureOf) string {
	v, ok := found[m]
	if !ok {
		return "not measured"
	}
	switch {
	case m.unit == "ns/op" && v >= 10_000:
		return fmt.Sprintf("%.1f µs", v/1000)
	case m.unit == "ns/op":
		return fmt.Sprintf("%.4g ns", v)
	case v >= 1e6:
		return fmt.Sprintf("%.1f million %s", v/1e6, m.unit)
	case v >= 1e4:
		return fmt.Sprintf("%.0f,000 %s", v/1e3, m.unit)
	}
	return fmt.Sprintf("%.4g %s", v, m.unit)
}
