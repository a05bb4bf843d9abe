package uplink_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/blob"
	"github.com/gridward/gridward/server/desk"
	"github.com/gridward/gridward/server/fleet"
	"github.com/gridward/gridward/server/ingest"
	"github.com/gridward/gridward/server/pgtest"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/seal"
	"github.com/gridward/gridward/server/uplink"
)

// house is a database with one street and two grids side by side, and the doors.
type house struct {
	t      *testing.T
	db     *postgres.DB
	in     *ingest.Ingest
	up     *uplink.Uplink
	desk   *desk.Desk
	key    *seal.Key
	server *httptest.Server
	region int64
	grids  []int64

	mu     sync.Mutex
	now    time.Time
	placed []fleet.Fix
	turns  []postgres.Turn
	calls  []fleet.Fix
	signed int64 // the worker whose cookie every request carries
	danger int64 // the worker who calls for help
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, db: pgtest.New(t), now: time.Now().UTC().Truncate(time.Second)}
	h.region = pgtest.Street(t, h.db)
	for i, west := range []float64{114.20, 114.21} {
		var id int64
		h.scan(`INSERT INTO grid (region_id, org_id, code) VALUES ($1, $1, $2) RETURNING id`, &id, h.region, "99010100100000"+string(rune('1'+i)))
		h.exec(`INSERT INTO grid_version (grid_id, version, name, setting, geom, label_point, area_m2)
			VALUES ($1, 1, '网格', 'urban', ST_Multi(ST_MakeEnvelope($2, 22.68, $2::float8 + 0.01, 22.69, 4326)), ST_SetSRID(ST_MakePoint($2, 22.68), 4326), 1)`, id, west)
		h.grids = append(h.grids, id)
	}
	h.in = ingest.New(ingest.Deps{
		DB: h.db, Clock: h.clock,
		Placed: func(fixes []fleet.Fix) { h.locked(func() { h.placed = append(h.placed, fixes...) }) },
		Turned: func(turns []postgres.Turn) { h.locked(func() { h.turns = append(h.turns, turns...) }) },
		SOS: func(_ context.Context, _ pgx.Tx, f fleet.Fix) error {
			h.locked(func() { h.calls = append(h.calls, f) })
			return nil
		},
		Log: func(msg string, args ...any) { t.Log(append([]any{msg}, args...)...) },
	})
	f, err := postgres.LoadFence(t.Context(), h.db.Pool)
	if err != nil {
		t.Fatal(err)
	}
	h.in.SetFence(f)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := h.in.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	photos, err := blob.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	h.key, _ = seal.Fresh()
	h.desk = desk.New(h.db, photos, h.clock, func(int64) {})
	h.up = uplink.New(uplink.Deps{DB: h.db, Ingest: h.in, Clock: h.clock, Desk: h.desk, Seal: h.key,
		Calling: func(worker int64) (calls bool) { h.locked(func() { calls = worker == h.danger }); return calls },
		Log:     func(msg string, args ...any) { t.Log(append([]any{msg}, args...)...) },
		Worker: func(*http.Request) (worker int64, err error) {
			h.locked(func() { worker = h.signed })
			return worker, nil
		}})
	mux := http.NewServeMux()
	h.up.Mount(mux)
	mux.Handle("/", h.up)
	h.server = httptest.NewServer(mux)
	t.Cleanup(func() { h.server.Close(); cancel(); running.Wait() })
	return h
}

func (h *house) locked(do func()) { h.mu.Lock(); defer h.mu.Unlock(); do() }

func (h *house) clock() (now time.Time) { h.locked(func() { now = h.now }); return now }

func (h *house) exec(sql string, args ...any) {
	h.t.Helper()
	if _, err := h.db.Pool.Exec(context.Background(), sql, args...); err != nil {
		h.t.Fatalf("%s: %v", sql, err)
	}
}

func (h *house) scan(sql string, to any, args ...any) {
	h.t.Helper()
	if err := h.db.Pool.QueryRow(context.Background(), sql, args...).Scan(to); err != nil {
		h.t.Fatalf("%s: %v", sql, err)
	}
}

func (h *house) count(sql string, args ...any) (n int) {
	h.t.Helper()
	h.scan(sql, &n, args...)
	return n
}

// worker makes a person or a vehicle.
func (h *house) worker(kind, code string) (id int64) {
	h.t.Helper()
	h.scan(`INSERT INTO worker (region_id, org_id, kind, code, name) VALUES ($1, $1, $2, $3, $3) RETURNING id`, &id, h.region, kind, code)
	return id
}

// device registers a device and returns its id and token.
func (h *house) device(n postgres.NewDevice) (id int64, token string) {
	h.t.Helper()
	if n.CRS == "" {
		n.CRS = fleet.WGS84
	}
	if n.Zone == "" {
		n.Zone = "Asia/Shanghai"
	}
	err := h.db.Tx(context.Background(), func(ctx context.Context, tx pgx.Tx) (err error) {
		id, token, err = postgres.AddDevice(ctx, tx, n, h.clock())
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return id, token
}

// car is a vehicle with a device that may always be stored.
func (h *house) car(protocol string) (worker, device int64, token string) {
	worker = h.worker("vehicle", "粤"+protocol+time.Duration(h.count(`SELECT count(*) FROM worker`)).String())
	device, token = h.device(postgres.NewDevice{Worker: worker, Protocol: protocol, Duty: fleet.DutyAlways})
	return worker, device, token
}

type reply struct {
	status int
	body   string
	header http.Header
}

// send sends a request like "POST /path?query" with headers as "Name: value" lines.
func (h *house) send(line, body string, headers ...string) reply {
	h.t.Helper()
	method, target, _ := strings.Cut(line, " ")
	r, err := http.NewRequestWithContext(h.t.Context(), method, h.server.URL+target, strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		r.Header.Set(name, value)
	}
	res, err := h.server.Client().Do(r)
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return reply{res.StatusCode, string(b), res.Header}
}

// row is a stored fix.
type row struct {
	At                                time.Time
	Point                             orb.Point
	Speed, Course, Accuracy, Altitude *float32
	Battery                           *int16
	Flags                             fleet.Flag
	Grid                              *int64
}

// rows returns a device's stored fixes, the ones outside the partitions too.
func (h *house) rows(device int64) []row {
	h.t.Helper()
	const cols = `at, geom, speed, course, accuracy, altitude, battery, flags, grid_id`
	rows, err := h.db.Pool.Query(context.Background(), `SELECT `+cols+` FROM fix WHERE device_id = $1 UNION ALL SELECT `+cols+` FROM fix_outside WHERE device_id = $1 ORDER BY 1`, device)
	if err != nil {
		h.t.Fatal(err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[row])
	if err != nil {
		h.t.Fatal(err)
	}
	return list
}
