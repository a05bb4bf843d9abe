package ingest_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"
	"pgregory.net/rapid"

	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/fleet"
	"github.com/gridward/gridward/server/ingest"
	"github.com/gridward/gridward/server/postgres"
)

func TestFlagsAreReasonsNotDeletions(t *testing.T) {
	s := newStreet(t)
	edit := func(r fleet.Report, do func(*fleet.Report)) fleet.Report { do(&r); return r }
	for name, c := range map[string]struct {
		report fleet.Report
		flag   string
		moves  bool
	}{
		"a clock ahead":              {s.ago(-time.Hour, 5), "future_clock", false},
		"a clock years back":         {s.ago(5*365*24*time.Hour, 5), "old_clock", false},
		"null island":                {edit(s.ago(0, 5), func(r *fleet.Report) { r.Point = orb.Point{0.001, -0.002} }), "null_island", false},
		"lat and lon exchanged":      {edit(s.ago(0, 5), func(r *fleet.Report) { r.Point = orb.Point{22.685, 89} }), "out_of_region", false},
		"exchanged, beyond a degree": {edit(s.ago(0, 5), func(r *fleet.Report) { r.Point = orb.Point{22.685, 114.2} }), "swapped", false},
		"another city":               {s.ago(0, 200_000), "out_of_region", false},
		"faster than anybody":        {edit(s.ago(0, 5), func(r *fleet.Report) { r.Speed = 60 }), "too_fast", false},
		"inaccurate":                 {edit(s.ago(0, 5), func(r *fleet.Report) { r.Accuracy = 500 }), "inaccurate", true},
		"a mock provider":            {edit(s.ago(0, 5), func(r *fleet.Report) { r.Flags |= fleet.Mock }), "mock", true},
		"said to be invalid":         {edit(s.ago(0, 5), func(r *fleet.Report) { r.Flags |= fleet.InvalidFix }), "invalid_fix", false},
		"converted from GCJ-02":      {edit(s.ago(0, 5), func(r *fleet.Report) { r.CRS = fleet.GCJ02 }), "converted", true},
		"no time":                    {edit(s.ago(0, 5), func(r *fleet.Report) { r.At = time.Time{} }), "no_time", true},
		"nothing remarkable":         {s.ago(0, 5), "", true},
	} {
		t.Run(name, func(t *testing.T) {
			dev := s.device(fleet.DutyAlways)
			if r := s.send(dev, c.report); r.Stored != 1 {
				t.Fatalf("%+v", r)
			}
			var flags fleet.Flag
			s.scan(&flags, `SELECT flags FROM fix WHERE device_id = $1 UNION ALL SELECT flags FROM fix_outside WHERE device_id = $1`, dev.ID)
			if words := strings.Join(flags.Words(), " "); words != c.flag {
				t.Errorf("flags %q, want %q", words, c.flag)
			}
			_, placed := s.placed[dev.Worker]
			if n := s.count(`SELECT count(*) FROM last_fix WHERE worker_id = $1`, dev.Worker); placed != c.moves || (n == 1) != c.moves {
				t.Errorf("on the board %v, in last_fix %d; want %v", placed, n, c.moves)
			}
		})
	}
}

func TestAJumpDoesNotMoveTheMarker(t *testing.T) {
	s := newStreet(t)
	dev := s.device(fleet.DutyAlways)
	s.send(dev, s.ago(30*time.Second, 5))
	s.send(dev, s.ago(20*time.Second, 5000))
	s.send(dev, s.ago(10*time.Second, 15))
	if p := s.marker(dev.Worker); p != s.ago(0, 15).Point {
		t.Errorf("the marker is at %v", p)
	}
	if n := s.count(`SELECT count(*) FROM fix WHERE flags & $1 <> 0`, int32(fleet.TooFast)); n != 1 {
		t.Errorf("%d fixes are too fast, want the jump alone", n)
	}
}

func TestALateFixNeverMovesTheMarkerBack(t *testing.T) {
	s := newStreet(t)
	dev := s.device(fleet.DutyAlways)
	s.send(dev, s.ago(0, 50))
	if r := s.send(dev, s.ago(time.Minute, 20), s.ago(30*time.Second, 30)); r != (ingest.Receipt{Stored: 2, Late: 2}) {
		t.Fatalf("%+v", r)
	}
	if p := s.marker(dev.Worker); p != s.ago(0, 50).Point || s.placed[dev.Worker].Point != p {
		t.Errorf("the marker is at %v, on the board at %v", p, s.placed[dev.Worker].Point)
	}
	if n := s.count(`SELECT late FROM device_seen WHERE device_id = $1`, dev.ID); n != 2 {
		t.Errorf("%d late", n)
	}
}

func TestTheBetterDeviceMovesTheMarkerUntilItFallsSilent(t *testing.T) {
	s := newStreet(t)
	good := s.device(fleet.DutyAlways)
	good = s.second(good.Worker, fleet.DutyAlways, 10)
	poor := s.second(good.Worker, fleet.DutyAlways, 0)
	s.send(good, s.ago(10*time.Minute, 10))
	s.send(poor, s.ago(9*time.Minute, 20))
	if p := s.marker(good.Worker); p != s.ago(0, 10).Point {
		t.Errorf("the poor device moved the marker to %v", p)
	}
	s.send(poor, s.ago(7*time.Minute, 30))
	if p := s.marker(good.Worker); p != s.ago(0, 30).Point {
		t.Error("the good device is silent, and the marker stays with it")
	}
	s.send(good, s.ago(6*time.Minute, 40))
	if p := s.marker(good.Worker); p != s.ago(0, 40).Point {
		t.Error("the good device is back, and the marker stays with the poor one")
	}
	if n := s.count(`SELECT count(*) FROM fix WHERE worker_id = $1`, good.Worker); n != 4 {
		t.Errorf("%d fixes are kept of both", n)
	}
}

func TestPresenceSurvivesARestart(t *testing.T) {
	s := newStreet(t)
	dev := s.device(fleet.DutyAlways)
	s.send(dev, s.ago(100*time.Second, -50), s.ago(90*time.Second, -45), s.ago(80*time.Second, 35)) // one fix in the east: not yet a move
	s.stop()
	s.start(ingest.Limits{})
	s.send(dev, s.ago(70*time.Second, 60))
	s.send(dev, s.ago(85*time.Second, -40)) // late: moves nothing back
	type stay struct {
		Grid            int64
		Entered, LastAt time.Time
		Left            *time.Time
		Fixes           int32
	}
	rows, err := s.db.Pool.Query(t.Context(), `SELECT grid_id, entered_at, last_at, left_at, fixes FROM grid_presence ORDER BY entered_at`)
	if err != nil {
		t.Fatal(err)
	}
	stays, err := pgx.CollectRows(rows, pgx.RowToStructByPos[stay])
	if err != nil {
		t.Fatal(err)
	}
	at := func(ago time.Duration) time.Time { return s.clock().Add(-ago) }
	if len(stays) != 2 || stays[0].Grid != s.grids[0] || stays[1].Grid != s.grids[1] || stays[0].Left == nil || stays[1].Left != nil ||
		!stays[0].Left.Equal(at(80*time.Second)) || !stays[1].Entered.Equal(at(80*time.Second)) || !stays[1].LastAt.Equal(at(70*time.Second)) || stays[0].Fixes != 2 || stays[1].Fixes != 2 {
		t.Errorf("%+v", stays)
	}
}

// Any order, any duplicates, any batches: the same rows and the same marker.
func TestOrderAndDuplicatesChangeNothing(t *testing.T) {
	s := newStreet(t)
	rapid.Check(t, func(rt *rapid.T) {
		first := s.device(fleet.DutyAlways)
		devices := []fleet.Device{first, s.second(first.Worker, fleet.DutyAlways, 0)}
		n := rapid.IntRange(1, 12).Draw(rt, "fixes")
		type sent struct {
			device int
			report fleet.Report
		}
		var all []sent
		for i := range n {
			r := s.ago(time.Duration(n-i)*10*time.Second, float64(1+i))
			d := rapid.IntRange(0, 1).Draw(rt, "device")
			all = append(all, sent{d, r})
			for range rapid.IntRange(0, 2).Draw(rt, "again") {
				all = append(all, sent{d, r})
			}
		}
		all = rapid.Permutation(all).Draw(rt, "order")
		stored := 0
		for len(all) > 0 {
			k := rapid.IntRange(1, len(all)).Draw(rt, "batch")
			for d, dev := range devices {
				var batch []fleet.Report
				for _, x := range all[:k] {
					if x.device == d {
						batch = append(batch, x.report)
					}
				}
				stored += s.send(dev, batch...).Stored
			}
			all = all[k:]
		}
		rows, err := s.db.Pool.Query(t.Context(), `SELECT at FROM fix WHERE worker_id = $1 ORDER BY at`, first.Worker)
		if err != nil {
			rt.Fatal(err)
		}
		ats, err := pgx.CollectRows(rows, pgx.RowTo[time.Time])
		if err != nil {
			rt.Fatal(err)
		}
		if len(ats) != n || stored != n {
			rt.Fatalf("%d rows, %d said to be stored, want %d", len(ats), stored, n)
		}
		if p := s.marker(first.Worker); p != s.ago(0, float64(n)).Point {
			rt.Fatalf("the marker is at %v", p)
		}
		if got := s.count(`SELECT sum(fixes)::int FROM device_seen WHERE device_id = ANY ($1)`, []int64{devices[0].ID, devices[1].ID}); got != n {
			rt.Fatalf("device_seen counts %d", got)
		}
		if got := s.count(`SELECT count(*) FROM grid_presence WHERE worker_id = $1`, first.Worker); got != 1 {
			rt.Fatalf("%d stays", got)
		}
	})
}

func TestCopyMeetsDuplicates(t *testing.T) {
	s := newStreet(t)
	dev := s.device(fleet.DutyAlways)
	var many []fleet.Report
	for i := range 1500 {
		many = append(many, s.ago(time.Duration(1500-i)*time.Second, float64(i)/20))
	}
	if r := s.send(dev, many[:1200]...); r.Stored != 1200 {
		t.Fatalf("%+v", r)
	}
	if r := s.send(dev, shuffled(many)...); r.Stored != 300 || r.Duplicate != 1200 {
		t.Fatalf("%+v", r)
	}
	if n := s.count(`SELECT count(*) FROM fix`); n != 1500 {
		t.Errorf("%d rows", n)
	}
}

func TestOnePoisonedRequestFailsAlone(t *testing.T) {
	s := newStreet(t)
	s.stop()
	s.start(ingest.Limits{Writers: 1, Linger: 50 * time.Millisecond})
	poison := s.device(fleet.DutySession)
	poison.Org = 1 << 40 // there is no such organisation: the session breaks a foreign key
	var wg sync.WaitGroup
	for range 20 {
		dev := s.device(fleet.DutyAlways)
		wg.Go(func() {
			if r, err := s.in.Accept(context.Background(), dev, ingest.Batch{Reports: []fleet.Report{s.ago(time.Second, 5)}}); err != nil || r.Stored != 1 {
				t.Errorf("%+v %v", r, err)
			}
		})
	}
	wg.Go(func() {
		r, err := s.in.Accept(context.Background(), poison, ingest.Batch{Sessions: []fleet.DutyReport{s.begin(time.Minute)}, Reports: []fleet.Report{s.ago(0, 5)},
			Refuse: func(reason fleet.Reason, detail string) postgres.Held {
				return postgres.Held{ReceivedAt: s.clock(), Device: poison.ID, Protocol: "native", Reason: reason, Detail: detail, Body: []byte(`{"poison":true}`)}
			}})
		if err != nil || r.Quarantined != 2 {
			t.Errorf("%+v %v", r, err)
		}
	})
	wg.Wait()
	if n := s.count(`SELECT count(*) FROM fix`); n != 20 {
		t.Errorf("%d of 20 were stored", n)
	}
	if n := s.count(`SELECT count(*) FROM quarantine WHERE reason = 'refused'`); n != 1 {
		t.Errorf("%d rows in quarantine", n)
	}
}

func TestAFullQueueSaysBusy(t *testing.T) {
	s := newStreet(t)
	dev := s.device(fleet.DutyAlways)
	in := ingest.New(ingest.Deps{DB: s.db, Clock: s.clock, Limits: ingest.Limits{QueueRows: 3}}) // nobody works it off
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := in.Accept(ctx, dev, ingest.Batch{Reports: []fleet.Report{s.ago(0, 1), s.ago(1, 1), s.ago(2, 1)}}); err == nil || fault.Is(err, fault.Busy) {
		t.Fatalf("the first three fit: %v", err)
	}
	if _, err := in.Accept(t.Context(), dev, ingest.Batch{Reports: []fleet.Report{s.ago(0, 1)}}); !fault.Is(err, fault.Busy) {
		t.Errorf("the fourth: %v", err)
	}
	s.stop()
	if _, err := s.in.Accept(t.Context(), dev, ingest.Batch{Reports: []fleet.Report{s.ago(0, 1)}}); !fault.Is(err, fault.Busy) {
		t.Errorf("after the end: %v", err)
	}
	s.stop = func() {}
}

// What was acknowledged is on disk, once, though the database throws everybody
// out again and again; and what was not can be sent again.
func TestNothingAcknowledgedIsLost(t *testing.T) {
	s := newStreet(t)
	owner, err := pgx.Connect(t.Context(), s.dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = owner.Close(context.Background()) }()
	const devices, each = 40, 60
	var clients sync.WaitGroup
	var mu sync.Mutex
	busy, stored := 0, 0
	progress := make(chan struct{}, 1) // a word every hundred acknowledgements
	fleetOf := make([]fleet.Device, devices)
	for d := range fleetOf {
		fleetOf[d] = s.device(fleet.DutyAlways)
	}
	for _, dev := range fleetOf {
		clients.Go(func() {
			for i := 0; i < each; {
				r, err := s.in.Accept(context.Background(), dev, ingest.Batch{Protocol: "native", Reports: []fleet.Report{s.ago(time.Duration(each-i)*time.Second, float64(i))}})
				mu.Lock()
				switch {
				case err == nil && r.Stored+r.Duplicate == 1:
					stored, i = stored+1, i+1
					if stored%100 == 0 {
						select {
						case progress <- struct{}{}:
						default:
						}
					}
				case fault.Is(err, fault.Busy):
					busy++
				default:
					t.Errorf("%+v %v", r, err)
					i++
				}
				mu.Unlock()
			}
		})
	}
	done := make(chan struct{})
	go func() { clients.Wait(); close(done) }()
	for kills := 1; ; kills++ {
		if _, err := owner.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`); err != nil {
			t.Fatal(err)
		}
		select {
		case <-done:
			s.db.Pool.Reset() // its connections are dead
			t.Logf("%d rounds of terminations, %d busy answers", kills, busy)
			if n := s.count(`SELECT count(*) FROM fix`); n != devices*each {
				t.Errorf("%d rows, want %d", n, devices*each)
			}
			for _, dev := range fleetOf {
				if p := s.marker(dev.Worker); p != s.ago(0, each-1).Point {
					t.Errorf("a marker is at %v", p)
				}
			}
			return
		case <-progress:
		}
	}
}

func TestGridsAreWhatPostGISSays(t *testing.T) {
	s := newStreet(t)
	dev := s.device(fleet.DutyAlways)
	var reports []fleet.Report
	for i := range 200 {
		r := s.ago(time.Duration(200-i)*time.Second, 0)
		r.Point = orb.Point{114.195 + float64(i)*0.03/200, 22.68 + float64(i%5)*0.0025} // on corners and edges, too
		reports = append(reports, r)
	}
	s.send(dev, slices.Clone(reports)...)
	if n := s.count(`SELECT count(*) FROM fix WHERE device_id = $1`, dev.ID); n != 200 {
		t.Fatalf("%d rows", n)
	}
	if n := s.count(`SELECT count(*) FROM fix f WHERE grid_id IS DISTINCT FROM (SELECT id FROM grid_now g WHERE ST_Covers(g.geom, f.geom) ORDER BY code LIMIT 1)`); n != 0 {
		t.Errorf("%d fixes are in another grid than PostGIS says", n)
	}
}

func TestAGridImportedBeforeAFixIsTheFixesGrid(t *testing.T) {
	s := newStreet(t)
	dev := s.device(fleet.DutyAlways)
	beyond := s.ago(time.Minute, 0)
	beyond.Point = orb.Point{114.225, 22.685} // east of both grids
	s.send(dev, beyond)
	var east int64
	s.scan(&east, `INSERT INTO grid (region_id, org_id, code) VALUES ($1, $1, '990101001000009') RETURNING id`, s.region)
	s.exec(`INSERT INTO grid_version (grid_id, version, name, setting, geom, label_point, area_m2)
		VALUES ($1, 1, '新网格', 'urban', ST_Multi(ST_MakeEnvelope(114.22, 22.68, 114.23, 22.69, 4326)), ST_SetSRID(ST_MakePoint(114.22, 22.68), 4326), 1)`, east)
	s.exec(`UPDATE territory_epoch SET epoch = epoch + 1`)
	again := s.ago(30*time.Second, 0)
	again.Point = beyond.Point
	s.send(dev, again)
	if n := s.count(`SELECT count(*) FROM fix WHERE device_id = $1 AND grid_id = $2`, dev.ID, east); n != 1 {
		t.Errorf("%d fixes are in the grid that was imported between them, want the second alone", n)
	}
	if n := s.count(`SELECT count(*) FROM fix WHERE device_id = $1 AND grid_id IS NULL`, dev.ID); n != 1 {
		t.Errorf("%d fixes are in no grid, want the first alone", n)
	}
}
