package ingest_test

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/fleet"
	"github.com/gridward/gridward/server/ingest"
	"github.com/gridward/gridward/server/postgres"
)

func TestOffDutyOnlyACountIsKept(t *testing.T) {
	s := newStreet(t)
	dev := s.device(fleet.DutySession)
	if r := s.send(dev, s.ago(time.Minute, 50), s.ago(time.Second, 60)); r != (ingest.Receipt{OffDuty: 2}) {
		t.Fatalf("%+v", r)
	}
	if n := s.count(`SELECT fixes FROM off_duty_count WHERE device_id = $1`, dev.ID); n != 2 {
		t.Errorf("counted %d", n)
	}
	for _, table := range []string{"fix", "fix_outside", "last_fix", "grid_presence", "quarantine"} {
		if n := s.count(`SELECT count(*) FROM ` + table); n != 0 {
			t.Errorf("%s holds %d rows of somebody off duty", table, n)
		}
	}
}

func TestASessionCoversTheFixesOfItsOwnBatch(t *testing.T) {
	s := newStreet(t)
	dev := s.device(fleet.DutySession)
	duty := s.begin(10 * time.Minute)
	b := ingest.Batch{Sessions: []fleet.DutyReport{duty}, Reports: []fleet.Report{s.ago(11*time.Minute, 50), s.ago(5*time.Minute, 60), s.ago(time.Second, 70)}}
	if r := s.sendAll(dev, b); r != (ingest.Receipt{Stored: 2, OffDuty: 1}) {
		t.Fatalf("%+v", r)
	}
	if r := s.sendAll(dev, b); r != (ingest.Receipt{Duplicate: 2, OffDuty: 1}) {
		t.Fatalf("again: %+v", r)
	}
	duty.EndedAt = s.clock().Add(-2 * time.Second)
	for range 2 {
		s.sendAll(dev, ingest.Batch{Sessions: []fleet.DutyReport{duty}})
	}
	if r := s.send(dev, s.ago(3*time.Second, 70), s.ago(0, 80)); r != (ingest.Receipt{Stored: 1, OffDuty: 1, Late: 1}) {
		t.Fatalf("after the end: %+v", r)
	}
	if len(s.turns) != 2 || !s.turns[0].Started || s.turns[1].Started {
		t.Errorf("the session turned %+v, want one start and one end", s.turns)
	}
	if n := s.count(`SELECT count(*) FROM grid_presence WHERE left_at IS NULL`); n != 0 {
		t.Error("off duty, he still stays in a grid")
	}
	if n := s.count(`SELECT count(*) FROM fix WHERE session_id = $1`, duty.ID); n != 3 {
		t.Errorf("%d fixes of the session", n)
	}
}

func TestSomebodyElsesSessionIsNotTaken(t *testing.T) {
	s := newStreet(t)
	mine, other := s.device(fleet.DutySession), s.device(fleet.DutySession)
	duty := s.begin(time.Hour)
	s.sendAll(mine, ingest.Batch{Sessions: []fleet.DutyReport{duty}})
	if r := s.sendAll(other, ingest.Batch{Sessions: []fleet.DutyReport{duty}, Reports: []fleet.Report{s.ago(0, 5)}}); r.OffDuty != 1 {
		t.Fatalf("%+v", r)
	}
	duty.EndedAt = s.clock()
	s.sendAll(other, ingest.Batch{Sessions: []fleet.DutyReport{duty}})
	if _, open, err := postgres.OpenSession(t.Context(), s.db.Pool, mine.Worker); err != nil || !open {
		t.Error("somebody else ended my session")
	}
}

func closeStale(s *street) (turns []postgres.Turn) {
	s.t.Helper()
	err := s.db.Tx(s.t.Context(), func(ctx context.Context, tx pgx.Tx) (err error) {
		turns, err = postgres.CloseStaleSessions(ctx, tx, s.clock(), time.Hour)
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return turns
}

func TestLateFixesReopenAnAutomaticClose(t *testing.T) {
	s := newStreet(t)
	dev := s.device(fleet.DutySession)
	duty := s.begin(3 * time.Hour)
	s.sendAll(dev, ingest.Batch{Sessions: []fleet.DutyReport{duty}, Reports: []fleet.Report{s.ago(2*time.Hour+50*time.Minute, 5)}})
	s.exec(`UPDATE duty_session SET created_at = created_at - interval '3 hours'`)
	if turns := closeStale(s); len(turns) != 0 {
		t.Fatalf("closed though just heard of: %+v", turns)
	}
	s.exec(`UPDATE device_seen SET at = at - interval '2 hours'`)
	turns := closeStale(s)
	if len(turns) != 1 || turns[0].Started || !turns[0].Auto || !turns[0].At.Equal(s.clock().Add(-2*time.Hour-50*time.Minute)) {
		t.Fatalf("%+v", turns)
	}
	// The phone was without a network, not its owner off duty.
	if r := s.send(dev, s.ago(time.Hour, 20)); r.Stored != 1 {
		t.Fatalf("%+v", r)
	}
	if _, open, _ := postgres.OpenSession(t.Context(), s.db.Pool, dev.Worker); !open {
		t.Error("the session was not reopened")
	}
	if last := s.turns[len(s.turns)-1]; !last.Started || !last.Auto {
		t.Errorf("%+v", last)
	}
}

func TestATrackerInAPocketDoesNotReopenItsShift(t *testing.T) {
	s := newStreet(t)
	dev := s.device(fleet.DutySession)
	s.exec(`INSERT INTO shift (worker_id, org_id, starts_at, ends_at) VALUES ($1, $2, $3, $4)`, dev.Worker, s.region, s.clock().Add(-8*time.Hour), s.clock().Add(-4*time.Hour))
	s.sendAll(dev, ingest.Batch{Sessions: []fleet.DutyReport{s.begin(8 * time.Hour)}, Reports: []fleet.Report{s.ago(time.Minute, 5)}})
	turns := closeStale(s)
	if len(turns) != 1 || !turns[0].At.Equal(s.clock().Add(-2*time.Hour)) {
		t.Fatalf("%+v, want an end two hours after the shift's", turns)
	}
	if r := s.send(dev, s.ago(0, 20)); r.OffDuty != 1 {
		t.Fatalf("%+v", r)
	}
	if r := s.send(dev, s.ago(3*time.Hour, 20)); r.Stored != 1 {
		t.Fatalf("a late fix of the shift: %+v", r)
	}
}

func TestAShiftCoversAScheduledDevice(t *testing.T) {
	s := newStreet(t)
	dev := s.device(fleet.DutySchedule)
	s.exec(`INSERT INTO shift (worker_id, org_id, starts_at, ends_at) VALUES ($1, $2, $3, $4)`, dev.Worker, s.region, s.clock().Add(-time.Hour), s.clock().Add(-time.Minute))
	if r := s.send(dev, s.ago(2*time.Hour, 5), s.ago(30*time.Minute, 5), s.ago(0, 5)); r != (ingest.Receipt{Stored: 1, OffDuty: 2}) {
		t.Fatalf("%+v", r)
	}
	personal := s.second(dev.Worker, fleet.DutySession, 0)
	if r := s.send(personal, s.ago(31*time.Minute, 5)); r.OffDuty != 1 {
		t.Fatalf("a session device inside a shift: %+v", r)
	}
}

func TestAlwaysIsRefusedForPeople(t *testing.T) {
	s := newStreet(t)
	dev := s.device(fleet.DutySession)
	err := s.db.Tx(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		_, _, err := postgres.AddDevice(ctx, tx, postgres.NewDevice{Worker: dev.Worker, Protocol: "osmand", Duty: fleet.DutyAlways, CRS: fleet.WGS84}, s.clock())
		return err
	})
	if err == nil {
		t.Error("registered")
	}
	dev.Duty = fleet.DutyAlways // and should a row say so in spite of it
	if r := s.send(dev, s.ago(0, 5)); r.OffDuty != 1 {
		t.Errorf("%+v", r)
	}
}

func TestAnSOSPassesEveryFilter(t *testing.T) {
	s := newStreet(t)
	dev := s.device(fleet.DutySession)
	help := s.ago(0, 5000_000) // another country, off duty
	help.Flags |= fleet.SOS
	for range 2 {
		s.send(dev, help)
	}
	if len(s.calls) != 1 || s.calls[0].Worker != dev.Worker {
		t.Fatalf("called %+v", s.calls)
	}
	if p := s.marker(dev.Worker); p != help.Point {
		t.Errorf("the marker is at %v", p)
	}
	// What follows is kept while the call's row is on its way…
	if r := s.send(dev, s.ago(-30*time.Second, 50)); r.Stored != 1 {
		t.Errorf("right after the call: %+v", r)
	}
	if r := s.send(dev, s.ago(4*time.Hour, 50)); r.OffDuty != 1 {
		t.Errorf("from long before the call: %+v", r)
	}
	s.mu.Lock()
	s.now = s.now.Add(10 * time.Minute)
	s.mu.Unlock()
	if r := s.send(dev, s.ago(0, 60)); r.OffDuty != 1 {
		t.Errorf("no call is open: %+v", r)
	}
	// …and for two hours once it is there.
	s.exec(`INSERT INTO sos (id, region_id, worker_id, at) VALUES ($1, $2, $3, $4)`, uuid.New(), s.region, dev.Worker, s.clock().Add(-119*time.Minute))
	if r := s.send(dev, s.ago(time.Second, 60)); r.Stored != 1 {
		t.Errorf("under an open call: %+v", r)
	}
	s.exec(`UPDATE sos SET at = at - interval '2 minutes'`)
	if r := s.send(dev, s.ago(-time.Second, 60)); r.OffDuty != 1 {
		t.Errorf("two hours after the call: %+v", r)
	}
	lone := fleet.Blank()
	lone.Flags, lone.At = fleet.SOS, s.clock()
	s.send(s.device(fleet.DutySession), lone)
	if n := len(s.calls); n != 2 || !math.IsNaN(s.calls[1].Point[0]) {
		t.Errorf("a call without a place: %+v", s.calls[1:])
	}
}
