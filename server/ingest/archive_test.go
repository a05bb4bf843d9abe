package ingest_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/geo/trail"
	"github.com/gridward/gridward/server/fleet"
	"github.com/gridward/gridward/server/ingest"
	"github.com/gridward/gridward/server/postgres"
)

// archiveAll archives what is due until nothing is, and says how many days it wrote.
func (s *street) archiveAll(since time.Time) (written int) {
	for {
		due, err := postgres.TrailsDue(context.Background(), s.db.Pool, since, s.clock())
		if err != nil {
			s.t.Error(err)
			return written
		}
		did := 0
		for _, d := range due {
			err := s.db.Tx(context.Background(), func(ctx context.Context, tx pgx.Tx) error {
				a, err := postgres.ArchiveDay(ctx, tx, d, s.clock())
				if a.Written {
					did++
				}
				return err
			})
			if err != nil {
				s.t.Error(err)
				return written
			}
		}
		if written += did; did == 0 {
			return written
		}
	}
}

// morning makes a batch of a worker's fixes of a morning: every tenth second from i·10.
func morning(eight time.Time, from, n int) ingest.Batch {
	b := ingest.Batch{Protocol: "native", Source: fleet.FromNative}
	for i := from; i < from+n; i++ {
		r := fleet.Blank()
		r.At, r.Placed, r.Point, r.Accuracy = eight.Add(time.Duration(i)*10*time.Second), true, orb.Point{114.2 + float64(i)*1e-5, 22.685}, 8
		b.Reports = append(b.Reports, r)
	}
	return b
}

// A whole morning comes in the evening after, in batches that overlap and are
// sent twice, while the day is being archived over and over: in the end every
// fix is in the archive once. Then its raw day is dropped, and what comes later
// still is added to the archive, once as well.
func TestLateFixesEndInTheArchiveOnce(t *testing.T) {
	s := newStreet(t)
	dev, other := s.device(fleet.DutySession), s.device(fleet.DutySession)
	eight := postgres.BusinessDay(s.clock()).AddDate(0, 0, -2).Add(8 * time.Hour)
	for _, d := range []fleet.Device{dev, other} {
		s.exec(`INSERT INTO duty_session (id, region_id, worker_id, org_id, purpose, started_at, ended_at) VALUES ($1, $2, $3, $2, 'patrol', $4, $5)`, uuid.New(), s.region, d.Worker, eight.Add(-time.Hour), eight.Add(9*time.Hour))
	}
	if r := s.sendAll(dev, morning(eight, 1000, 100)); r.Stored != 100 {
		t.Fatalf("%+v", r)
	}
	s.sendAll(other, morning(eight, 0, 30))
	if n := s.archiveAll(eight); n != 2 {
		t.Fatalf("%d days archived", n)
	}
	if n := s.archiveAll(eight); n != 0 {
		t.Fatalf("%d days archived again without need", n)
	}
	var senders sync.WaitGroup
	done := make(chan struct{})
	for k := range 4 {
		senders.Go(func() {
			for from := k * 40; from < 1000; from += 100 {
				for range 2 {
					if _, err := s.in.Accept(context.Background(), dev, morning(eight, from, min(100, 1000-from))); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	var archiver sync.WaitGroup
	rounds := 0
	archiver.Go(func() {
		for {
			rounds += s.archiveAll(eight)
			select {
			case <-done:
				return
			default:
			}
		}
	})
	senders.Wait()
	close(done)
	archiver.Wait()
	rounds += s.archiveAll(eight)
	t.Logf("archived %d times meanwhile", rounds)
	check := func(what string, want int) {
		t.Helper()
		var body [][]byte
		rows, err := s.db.Pool.Query(t.Context(), `SELECT substring(c.body FROM p.start FOR p.size) FROM trail_chunk c CROSS JOIN LATERAL trail_parts(c.day, c.parts) p WHERE c.worker_id = $1`, dev.Worker)
		if err == nil {
			body, err = pgx.CollectRows(rows, pgx.RowTo[[]byte])
		}
		if err != nil {
			t.Fatal(err)
		}
		seen := map[int64]int{}
		for _, b := range body {
			fixes, err := trail.Decode(nil, b)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range fixes {
				seen[f.Ms]++
			}
		}
		for i := range want {
			if n := seen[eight.Add(time.Duration(i)*10*time.Second).UnixMilli()]; n != 1 {
				t.Fatalf("%s: fix %d is in the archive %d times", what, i, n)
			}
		}
		if len(seen) != want {
			t.Errorf("%s: %d fixes in the archive, want %d", what, len(seen), want)
		}
		if n := s.count(`SELECT fixes FROM trail_day WHERE worker_id = $1 AND NOT dirty`, dev.Worker); n != want {
			t.Errorf("%s: the day says %d", what, n)
		}
	}
	check("at once", 1100)
	if n := s.count(`SELECT fixes FROM trail_day WHERE worker_id = $1`, other.Worker); n != 30 {
		t.Errorf("the other worker's day has %d fixes", n)
	}

	dropped, err := postgres.DropPartitions(t.Context(), s.db, postgres.Retention{Raw: 0, Track: 90}, s.clock())
	if err != nil || len(dropped.Waiting) > 0 {
		t.Fatalf("%+v %v", dropped, err)
	}
	if n := s.count(`SELECT count(*) FROM fix WHERE worker_id = $1`, dev.Worker); n != 0 {
		t.Fatalf("%d raw fixes are left", n)
	}
	for range 2 { // half of them are known already, to nobody but the archive
		if _, err := s.in.Accept(context.Background(), dev, morning(eight, 1050, 100)); err != nil {
			t.Fatal(err)
		}
	}
	var n int
	list, err := postgres.DayFixes(t.Context(), s.db.Pool, s.region, dev.Worker, eight, eight.Add(9*time.Hour))
	if err != nil || len(list) != 1150 {
		t.Errorf("before it is archived again %d fixes are read: %v", len(list), err)
	}
	if n := s.archiveAll(eight); n != 1 {
		t.Errorf("%d days archived", n)
	}
	check("after the raw day is gone", 1150)

	// The partition is made anew, as a start does: what comes now is in it alone.
	if _, err := postgres.KeepPartitions(t.Context(), s.db.Pool, postgres.RawDays); err != nil {
		t.Fatal(err)
	}
	s.stop()
	s.start(ingest.Limits{})
	if _, err := s.in.Accept(context.Background(), dev, morning(eight, 1100, 100)); err != nil {
		t.Fatal(err)
	}
	if list, err := postgres.DayFixes(t.Context(), s.db.Pool, s.region, dev.Worker, eight, eight.Add(9*time.Hour)); err != nil || len(list) != 1200 {
		t.Errorf("with a new partition %d fixes are read: %v", len(list), err)
	}
	s.scan(&n, `SELECT count(*) FROM trail_fixes($1, $2, $3, $4)`, s.region, dev.Worker, eight, eight.Add(9*time.Hour))
	if n != 1200 {
		t.Errorf("with a new partition SQL reads %d fixes", n)
	}
	if n := s.archiveAll(eight); n != 1 {
		t.Errorf("%d days archived", n)
	}
	check("with a new partition", 1200)
	if dropped, err = postgres.DropPartitions(t.Context(), s.db, postgres.Retention{Raw: 0, Track: 90}, s.clock()); err != nil || len(dropped.Waiting) > 0 {
		t.Errorf("the new partition stays: %+v %v", dropped, err)
	}
}

// A fix is told to the archive only when its hour may be there already.
func TestFreshFixesAreNotToldToTheArchive(t *testing.T) {
	s := newStreet(t)
	dev := s.device(fleet.DutySession)
	s.sendAll(dev, ingest.Batch{Sessions: []fleet.DutyReport{s.begin(time.Hour)}, Reports: []fleet.Report{s.ago(9*time.Minute, 50), s.ago(time.Second, 60)}})
	if n := s.count(`SELECT count(*) FROM trail_day`); n != 0 {
		t.Errorf("%d days are told of", n)
	}
	s.sendAll(dev, ingest.Batch{Reports: []fleet.Report{s.ago(11*time.Minute, 50)}})
	if n := s.count(`SELECT count(*) FROM trail_day WHERE dirty AND late_at IS NOT NULL`); n != 1 {
		t.Errorf("%d days are told of", n)
	}
}
