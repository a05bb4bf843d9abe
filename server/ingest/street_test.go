package ingest_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/fleet"
	"github.com/gridward/gridward/server/ingest"
	"github.com/gridward/gridward/server/pgtest"
	"github.com/gridward/gridward/server/postgres"
)

// street is a database with a street of two grids side by side, and an Ingest at work.
type street struct {
	t      testing.TB
	dsn    string
	db     *postgres.DB
	in     *ingest.Ingest
	stop   func()
	region int64
	grids  []int64 // west and east of 114.21
	last   atomic.Int64

	mu     sync.Mutex
	now    time.Time
	placed map[int64]fleet.Fix
	turns  []postgres.Turn
	calls  []fleet.Fix
}

func newStreet(t testing.TB) *street {
	t.Helper()
	s := &street{t: t, dsn: pgtest.DSN(t), now: time.Now().UTC().Truncate(time.Second), placed: map[int64]fleet.Fix{}}
	db, err := postgres.Open(t.Context(), s.dsn, postgres.Options{MaxConns: 8, Name: "gridward test"})
	if err != nil {
		t.Fatal(err)
	}
	s.db = db
	t.Cleanup(db.Close)
	s.region = pgtest.Street(t, s.db)
	for i, west := range []float64{114.20, 114.21} {
		var id int64
		s.scan(&id, `INSERT INTO grid (region_id, org_id, code) VALUES ($1, $1, $2) RETURNING id`, s.region, fmt.Sprintf("99010100100000%d", i+1))
		s.exec(`INSERT INTO grid_version (grid_id, version, name, setting, geom, label_point, area_m2)
			VALUES ($1, 1, '网格', 'urban', ST_Multi(ST_MakeEnvelope($2, 22.68, $2::float8 + 0.01, 22.69, 4326)), ST_SetSRID(ST_MakePoint($2, 22.68), 4326), 1)`, id, west)
		s.grids = append(s.grids, id)
	}
	s.start(ingest.Limits{})
	t.Cleanup(func() { s.stop() })
	return s
}

// start starts an Ingest, as after a restart of the program.
func (s *street) start(limits ingest.Limits) {
	s.t.Helper()
	s.in = ingest.New(ingest.Deps{
		DB: s.db, Clock: s.clock, Limits: limits,
		Placed: func(fixes []fleet.Fix) {
			s.mu.Lock()
			defer s.mu.Unlock()
			for _, f := range fixes {
				s.placed[f.Worker] = f
			}
		},
		Turned: func(turns []postgres.Turn) { s.mu.Lock(); defer s.mu.Unlock(); s.turns = append(s.turns, turns...) },
		SOS: func(_ context.Context, _ pgx.Tx, f fleet.Fix) error {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.calls = append(s.calls, f)
			return nil
		},
	})
	epoch, err := postgres.TerritoryEpoch(s.t.Context(), s.db.Pool)
	if err != nil {
		s.t.Fatal(err)
	}
	f, err := postgres.LoadFence(s.t.Context(), s.db.Pool)
	if err != nil {
		s.t.Fatal(err)
	}
	s.in.SetGround(f, epoch)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	in := s.in
	running.Go(func() {
		if err := in.Run(ctx); err != nil {
			s.t.Error(err)
		}
	})
	s.stop = func() { cancel(); running.Wait() }
}

func (s *street) clock() time.Time { s.mu.Lock(); defer s.mu.Unlock(); return s.now }

func (s *street) exec(sql string, args ...any) {
	s.t.Helper()
	if _, err := s.db.Pool.Exec(context.Background(), sql, args...); err != nil {
		s.t.Fatalf("%s: %v", sql, err)
	}
}

func (s *street) scan(to any, sql string, args ...any) {
	s.t.Helper()
	if err := s.db.Pool.QueryRow(context.Background(), sql, args...).Scan(to); err != nil {
		s.t.Fatalf("%s: %v", sql, err)
	}
}

func (s *street) count(sql string, args ...any) (n int) {
	s.t.Helper()
	s.scan(&n, sql, args...)
	return n
}

// device makes a worker with a device of the duty; always makes it a vehicle.
func (s *street) device(duty fleet.Duty) fleet.Device {
	s.t.Helper()
	kind := "person"
	if duty == fleet.DutyAlways {
		kind = "vehicle"
	}
	var worker int64
	s.scan(&worker, `INSERT INTO worker (region_id, org_id, kind, code, name) VALUES ($1, $1, $2, $3, '张伟') RETURNING id`, s.region, kind, fmt.Sprintf("W%d", s.last.Add(1)))
	return s.second(worker, duty, 0)
}

// second gives a worker a device.
func (s *street) second(worker int64, duty fleet.Duty, priority int16) fleet.Device {
	s.t.Helper()
	var dev fleet.Device
	err := s.db.Tx(context.Background(), func(ctx context.Context, tx pgx.Tx) error {
		id, _, err := postgres.AddDevice(ctx, tx, postgres.NewDevice{Worker: worker, Protocol: "native", Duty: duty, CRS: fleet.WGS84, Zone: "Asia/Shanghai", Interval: 10 * time.Second, Priority: priority}, s.clock())
		if err == nil {
			dev, _, err = postgres.DeviceByID(ctx, tx, id)
		}
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return dev
}

// ago is a report so long ago, so many metres east of the border of the two grids.
func (s *street) ago(d time.Duration, metres float64) fleet.Report {
	r := fleet.Blank()
	r.At, r.Placed, r.Accuracy = s.clock().Add(-d), true, 8
	r.Point = orb.Point{114.21 + metres/102_700, 22.685}
	return r
}

func (s *street) send(dev fleet.Device, reports ...fleet.Report) ingest.Receipt {
	s.t.Helper()
	return s.sendAll(dev, ingest.Batch{Reports: reports})
}

func (s *street) sendAll(dev fleet.Device, b ingest.Batch) ingest.Receipt {
	s.t.Helper()
	b.Protocol, b.Source = "native", fleet.FromNative
	r, err := s.in.Accept(context.Background(), dev, b)
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

// begin is the start of a session so long ago.
func (s *street) begin(ago time.Duration) fleet.DutyReport {
	return fleet.DutyReport{ID: uuid.Must(uuid.NewV7()), Purpose: "patrol", StartedAt: s.clock().Add(-ago)}
}

func (s *street) marker(worker int64) (p orb.Point) {
	s.t.Helper()
	s.scan(&p, `SELECT geom FROM last_fix WHERE worker_id = $1`, worker)
	return p
}

func shuffled[T any](list []T) []T {
	rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}
