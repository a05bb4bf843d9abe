package postgres_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/geo/trail"
	"github.com/gridward/gridward/server/pgtest"
	"github.com/gridward/gridward/server/postgres"
)

// walked is a street with workers whose fixes are written as raw rows.
type walked struct {
	t      testing.TB
	db     *postgres.DB
	region int64
	device map[int64]int64
}

func newWalked(t testing.TB) *walked {
	t.Helper()
	w := &walked{t: t, db: pgtest.New(t), device: map[int64]int64{}}
	w.region = pgtest.Street(t, w.db)
	return w
}

func (w *walked) one(dest any, sql string, args ...any) {
	w.t.Helper()
	if err := w.db.Pool.QueryRow(w.t.Context(), sql, args...).Scan(dest); err != nil {
		w.t.Fatalf("%v: %s", err, sql)
	}
}

func (w *walked) exec(sql string, args ...any) {
	w.t.Helper()
	if _, err := w.db.Pool.Exec(w.t.Context(), sql, args...); err != nil {
		w.t.Fatalf("%v: %s", err, sql)
	}
}

func (w *walked) worker() int64 {
	w.t.Helper()
	var id, device int64
	w.one(&id, `INSERT INTO worker (region_id, org_id, code, name) VALUES ($1, $1, gen_random_uuid(), '赵一') RETURNING id`, w.region)
	w.one(&device, `INSERT INTO device (region_id, worker_id, ident, protocol) VALUES ($1, $2, gen_random_uuid(), 'osmand') RETURNING id`, w.region, id)
	w.device[id] = device
	return id
}

// session puts the worker on duty.
func (w *walked) session(worker int64, from time.Time) uuid.UUID {
	w.t.Helper()
	id := uuid.New()
	w.exec(`INSERT INTO duty_session (id, region_id, worker_id, org_id, purpose, started_at) VALUES ($1, $2, $3, $2, 'patrol', $4)`, id, w.region, worker, from)
	return id
}

// stroll makes fixes of a walk with stops, noise and a few figures left out.
func stroll(seed uint64, from time.Time, n int, step time.Duration) []trail.Fix {
	r := rand.New(rand.NewPCG(seed, 7))
	p := orb.Point{114.2 + float64(seed%50)/1000, 22.6}
	nan := float32(math.NaN())
	fixes := make([]trail.Fix, n)
	course := 0.0
	for i := range fixes {
		speed := 1.3
		if i/60%3 == 2 {
			speed = 0
		}
		if i%90 == 0 {
			course = r.Float64() * 2 * math.Pi
		}
		d := speed * step.Seconds() / 111_000
		p = orb.Point{p[0] + d*math.Sin(course), p[1] + d*math.Cos(course)}
		f := trail.Fix{Ms: from.Add(time.Duration(i) * step).UnixMilli(), Accuracy: float32(3 + r.IntN(9)), Speed: float32(speed), Course: float32(course * 180 / math.Pi), Source: 1, Flags: uint32(i % 7 / 6 * 1024),
			Point: orb.Point{p[0] + r.NormFloat64()*2e-5, p[1] + r.NormFloat64()*2e-5}}
		if i%11 == 0 {
			f.Speed, f.Course = nan, nan
		}
		fixes[i] = f
	}
	return fixes
}

// raw writes fixes as ingest does, into fix or beside it.
func (w *walked) raw(table string, worker int64, session *uuid.UUID, fixes []trail.Fix) {
	w.t.Helper()
	known := func(v float32) any {
		if math.IsNaN(float64(v)) {
			return nil
		}
		return v
	}
	_, err := w.db.Pool.CopyFrom(w.t.Context(), pgx.Identifier{table}, []string{"region_id", "worker_id", "device_id", "at", "received_at", "session_id", "flags", "speed", "course", "accuracy", "source", "geom"},
		pgx.CopyFromSlice(len(fixes), func(i int) ([]any, error) {
			f := &fixes[i]
			at := time.UnixMilli(f.Ms)
			return []any{w.region, worker, w.device[worker], at, at, session, int32(f.Flags), known(f.Speed), known(f.Course), known(f.Accuracy), int16(f.Source), f.Point}, nil
		}))
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *walked) archive(worker int64, day, now time.Time) postgres.Archived {
	w.t.Helper()
	var out postgres.Archived
	err := w.db.Tx(w.t.Context(), func(ctx context.Context, tx pgx.Tx) (err error) {
		out, err = postgres.ArchiveDay(ctx, tx, postgres.WorkerDay{Region: w.region, Worker: worker, Day: day}, now)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

func (w *walked) fixes(worker int64, from, to time.Time) []trail.Fix {
	w.t.Helper()
	list, err := postgres.DayFixes(w.t.Context(), w.db.Pool, w.region, worker, from, to)
	if err != nil {
		w.t.Fatal(err)
	}
	return list
}

func stored(fixes ...[]trail.Fix) []trail.Fix {
	var all []trail.Fix
	for _, f := range slices.Concat(fixes...) {
		all = append(all, f.Stored())
	}
	slices.SortFunc(all, func(a, b trail.Fix) int { return int(a.Ms - b.Ms) })
	return all
}

// same compares fixes; what was not said is equal to itself.
func same(a, b []trail.Fix) string {
	if len(a) != len(b) {
		return fmt.Sprintf("%d fixes, want %d", len(a), len(b))
	}
	for i := range a {
		if fmt.Sprint(a[i]) != fmt.Sprint(b[i]) {
			return fmt.Sprintf("fix %d: %v, want %v", i, a[i], b[i])
		}
	}
	return ""
}

// yesterday at eight in the morning, here.
func yesterday(back int) time.Time {
	return postgres.BusinessDay(time.Now()).AddDate(0, 0, -back).Add(8 * time.Hour)
}

func TestADayReadsTheSameBeforeAndAfterItIsArchived(t *testing.T) {
	t.Parallel()
	w := newWalked(t)
	worker, other := w.worker(), w.worker()
	eight := yesterday(1)
	midnight := postgres.BusinessDay(eight)
	session := w.session(worker, eight)
	walk := stroll(1, eight, 2000, 5*time.Second)
	night := stroll(2, midnight.Add(10*time.Minute), 30, 10*time.Second) // of the day before, in UTC
	w.raw("fix", worker, &session, walk)
	w.raw("fix", worker, nil, night)
	w.raw("fix", other, nil, stroll(3, eight, 50, time.Second))
	want := stored(walk, night)
	if diff := same(w.fixes(worker, midnight, midnight.Add(24*time.Hour)), want); diff != "" {
		t.Fatalf("before: %s", diff)
	}
	now := midnight.Add(30 * time.Hour)
	done := w.archive(worker, eight, now)
	if !done.Written || done.Fixes != len(want) {
		t.Fatalf("archived: %+v", done)
	}
	if diff := same(w.fixes(worker, midnight, midnight.Add(24*time.Hour)), want); diff != "" {
		t.Fatalf("after: %s", diff)
	}
	t.Logf("%.2f bytes a fix in bodies and lines", float64(done.Bytes)/float64(done.Fixes))
	var n int
	if w.one(&n, `SELECT count(*) FROM trail_chunk WHERE worker_id = $1`, worker); n != 2 { // on duty, and at night
		t.Errorf("%d rows", n)
	}
	if w.one(&n, `SELECT count(*) FROM trail_chunk WHERE worker_id = $1 AND session_id = $2 AND trail_box(west, south, east, north, from_at, to_at) &&&
		ST_SetSRID(ST_MakeLine(ST_MakePointM(114, 22, extract(epoch from $3::timestamptz)), ST_MakePointM(115, 23, extract(epoch from $3::timestamptz + interval '1 minute'))), 4326)`, worker, session, eight); n != 1 {
		t.Errorf("%d rows were there in the first minute", n)
	}
	var hours []int32
	if w.one(&hours, `SELECT array_agg(p.fixes ORDER BY p.from_at) FROM trail_chunk c CROSS JOIN LATERAL trail_parts(c.day, c.parts) p WHERE c.session_id = $1 AND p.to_at - p.from_at < interval '1 hour'`, session); !slices.Equal(hours, []int32{720, 720, 560}) {
		t.Errorf("by the hour: %d fixes", hours)
	}
	// An hour's part, across the hour.
	from, to := eight.Add(50*time.Minute), eight.Add(70*time.Minute)
	part := slices.DeleteFunc(slices.Clone(want), func(f trail.Fix) bool { return f.Ms < from.UnixMilli() || f.Ms >= to.UnixMilli() })
	if diff := same(w.fixes(worker, from, to), part); diff != "" {
		t.Errorf("a part: %s", diff)
	}
	if again := w.archive(worker, eight, now); again.Written {
		t.Errorf("archived again without need: %+v", again)
	}
	// Raw is dropped: the archive alone answers, and across days.
	w.exec(`DELETE FROM fix WHERE worker_id = $1`, worker)
	if diff := same(w.fixes(worker, midnight.AddDate(0, 0, -2), midnight.AddDate(0, 0, 2)), want); diff != "" {
		t.Errorf("without raw fixes: %s", diff)
	}
	if list := w.fixes(other, midnight, midnight.Add(24*time.Hour)); len(list) != 50 {
		t.Errorf("the other worker has %d fixes", len(list))
	}
}

func TestHoursAreArchivedAsTheyPass(t *testing.T) {
	t.Parallel()
	w := newWalked(t)
	worker, eight := w.worker(), yesterday(0).AddDate(0, 0, -1)
	first, second := stroll(1, eight, 720, 5*time.Second), stroll(2, eight.Add(time.Hour), 720, 5*time.Second)
	w.raw("fix", worker, nil, first)
	for sentence, c := range map[string]struct {
		now   time.Duration
		fixes int
	}{"too fresh an hour is left": {time.Hour + 19*time.Minute, 0}} {
		if done := w.archive(worker, eight, eight.Add(c.now)); done.Fixes != c.fixes {
			t.Errorf("%s: %+v", sentence, done)
		}
	}
	if done := w.archive(worker, eight, eight.Add(time.Hour+21*time.Minute)); done.Fixes != len(first) {
		t.Errorf("an hour: %+v", done)
	}
	w.raw("fix", worker, nil, second)
	if diff := same(w.fixes(worker, eight, eight.Add(3*time.Hour)), stored(first, second)); diff != "" {
		t.Errorf("chunks and raw fixes together: %s", diff)
	}
	if done := w.archive(worker, eight, eight.Add(5*time.Hour)); done.Fixes != 1440 || !done.Written {
		t.Errorf("two hours: %+v", done)
	}
	if diff := same(w.fixes(worker, eight, eight.Add(3*time.Hour)), stored(first, second)); diff != "" {
		t.Errorf("hour by hour: %s", diff)
	}
	if done := w.archive(worker, eight, eight.Add(40*time.Hour)); done.Written {
		t.Errorf("the rest of the day is empty: %+v", done)
	}
	var rows int
	if w.one(&rows, `SELECT count(*) FROM trail_chunk WHERE worker_id = $1`, worker); rows != 1 {
		t.Errorf("a day that is over is in %d rows", rows)
	}
	if diff := same(w.fixes(worker, eight, eight.Add(3*time.Hour)), stored(first, second)); diff != "" {
		t.Errorf("at last: %s", diff)
	}
	var until time.Time
	if w.one(&until, `SELECT until FROM trail_day WHERE worker_id = $1`, worker); !until.Equal(postgres.BusinessDay(eight).Add(24 * time.Hour)) {
		t.Errorf("archived until %s", until)
	}
}

func TestSQLReadsTheArchiveAsGoDoes(t *testing.T) {
	t.Parallel()
	w := newWalked(t)
	worker, eight := w.worker(), yesterday(1)
	walk := stroll(5, eight, 300, 7*time.Second)
	walk[7].Point = orb.Point{-0.0000004, 12.3456789}
	w.raw("fix", worker, nil, walk)
	read := func(what string) {
		t.Helper()
		rows, err := w.db.Pool.Query(t.Context(), `SELECT (extract(epoch from at) * 1000)::bigint, lon, lat, accuracy, speed, course, flags, source FROM trail_fixes($1, $2, $3, $4)`, w.region, worker, eight, eight.Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (f trail.Fix, err error) {
			var accuracy, speed, course *float32
			var flags int32
			var source int16
			err = row.Scan(&f.Ms, &f.Point[0], &f.Point[1], &accuracy, &speed, &course, &flags, &source)
			said := func(p *float32) float32 {
				if p == nil {
					return float32(math.NaN())
				}
				return *p
			}
			f.Accuracy, f.Speed, f.Course, f.Flags, f.Source = said(accuracy), said(speed), said(course), uint32(flags), uint8(source)
			return f, err
		})
		if err != nil {
			t.Fatal(err)
		}
		if diff := same(list, w.fixes(worker, eight, eight.Add(time.Hour))); diff != "" {
			t.Errorf("%s: %s", what, diff)
		}
		var n int
		var first float64
		if err := w.db.Pool.QueryRow(t.Context(), `SELECT ST_NPoints(l), ST_M(ST_StartPoint(l)) FROM trail_line($1, $2, $3, $4) l WHERE ST_IsValidTrajectory(l)`, w.region, worker, eight, eight.Add(time.Hour)).Scan(&n, &first); err != nil || n != 300 || first != float64(walk[0].Ms)/1000 {
			t.Errorf("%s: a line of %d points from %f: %v", what, n, first, err)
		}
	}
	read("as it came")
	w.archive(worker, eight, eight.Add(30*time.Hour))
	read("archived")
	w.exec(`DELETE FROM fix`)
	read("without raw fixes")
	var n int
	if w.one(&n, `SELECT count(*) FROM trail_shape WHERE worker_id = $1 AND ST_NPoints(geom) BETWEEN 2 AND 200 AND ST_NDims(geom) = 3 AND ST_Zmflag(geom) = 1`, worker); n != 1 {
		t.Errorf("%d simplified ways", n)
	}
	// A damaged chunk is said to be one, wherever the damage is.
	var body []byte
	w.one(&body, `SELECT substring(c.body FROM p.start FOR p.size) FROM trail_chunk c, trail_parts(c.day, c.parts) p LIMIT 1`)
	for _, at := range []int{0, 1, 2, len(body) / 2, len(body) - 1} {
		bad := slices.Clone(body)
		bad[at] ^= 0x41
		if _, err := w.db.Pool.Exec(t.Context(), `SELECT count(*) FROM trail_fixes($1::bytea)`, bad); err == nil {
			t.Errorf("byte %d is damaged and nothing is said", at)
		}
	}
	// The golden chunks, as Go and TypeScript read them.
	golden, err := filepath.Glob("../../fixtures/chunks/*.bin")
	if err != nil || len(golden) == 0 {
		t.Fatal(golden, err)
	}
	for _, name := range golden {
		chunk, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		fixes, err := trail.Decode(nil, chunk)
		if err != nil {
			continue // one that is damaged on purpose
		}
		var n int
		var lon, lat, flags float64
		if err := w.db.Pool.QueryRow(t.Context(), `SELECT count(*), COALESCE(sum(lon), 0), COALESCE(sum(lat), 0), COALESCE(sum(flags), 0) FROM trail_fixes($1::bytea)`, chunk).Scan(&n, &lon, &lat, &flags); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, f := range fixes {
			lon, lat, flags = lon-f.Point[0], lat-f.Point[1], flags-float64(int32(f.Flags))
		}
		if n != len(fixes) || math.Abs(lon)+math.Abs(lat) > 1e-6 || flags != 0 {
			t.Errorf("%s: %d fixes of %d, %g %g %g", name, n, len(fixes), lon, lat, flags)
		}
	}
	// An empty chunk, and one fix, and extremes.
	nan := float32(math.NaN())
	for _, fixes := range [][]trail.Fix{{}, {{Ms: 1, Accuracy: nan, Speed: nan, Course: nan}},
		{{Ms: 1 << 40, Point: orb.Point{-180, 90}, Accuracy: 1e6, Speed: 0, Course: 359, Flags: 1<<31 - 1, Source: 255}, {Ms: 1<<40 + 1, Point: orb.Point{180, -90}, Accuracy: 0, Speed: 500, Course: 0}}} {
		var n int
		if w.one(&n, `SELECT count(*) FROM trail_fixes($1::bytea)`, trail.Encode(nil, fixes)); n != len(fixes) {
			t.Errorf("%d of %d fixes", n, len(fixes))
		}
	}
}
