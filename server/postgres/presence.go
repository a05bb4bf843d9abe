package postgres

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/fleet"
)

// Last is a worker's newest plausible fix as ingest keeps it.
type Last struct {
	fleet.Fix
	StillSince time.Time
	StillPoint orb.Point
}

// Stay is a worker's open interval in a grid, with the move that may be under way.
type Stay struct {
	Region, Worker int64
	Grid           int64
	Version        int32
	EnteredAt      time.Time
	LastAt         time.Time
	LeftAt         time.Time // zero = still there
	Fixes          int32
	Next           int64 // the grid that he may have moved to; 0 = to none, if NextFixes > 0
	NextVersion    int32
	NextSince      time.Time
	NextFixes      int32 // 0 = no move is under way
}

const sqlLockLast = `
SELECT l.region_id, l.worker_id, l.device_id, l.org_id, l.at, l.received_at, COALESCE(l.grid_id, 0), l.session_id, l.flags, l.speed, l.accuracy,
  COALESCE(l.still_since, l.at), COALESCE(l.still_geom, l.geom), l.geom, d.priority, d.interval_s
FROM last_fix l JOIN device d ON d.id = l.device_id
WHERE (l.region_id, l.worker_id) IN (SELECT * FROM unnest($1::bigint[], $2::bigint[]))
ORDER BY l.region_id, l.worker_id FOR UPDATE OF l`

const sqlOpenStays = `
SELECT region_id, worker_id, grid_id, grid_version, entered_at, last_at, fixes, COALESCE(next_grid_id, 0), COALESCE(next_version, 0), COALESCE(next_since, last_at), COALESCE(next_fixes, 0)
FROM grid_presence WHERE left_at IS NULL AND (region_id, worker_id) IN (SELECT * FROM unnest($1::bigint[], $2::bigint[]))`

// LoadMoving returns the newest fixes and open stays of the workers, whose
// last_fix rows stay locked until the transaction ends: that row is what makes
// two nodes take turns over one worker.
func LoadMoving(ctx context.Context, tx pgx.Tx, regions, workers []int64) (last []Last, stays []Stay, err error) {
	var b pgx.Batch
	b.Queue(sqlLockLast, regions, workers).Query(func(rows pgx.Rows) error {
		last, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (l Last, err error) {
			var session *uuid.UUID
			var speed, accuracy *float32
			var seconds int32
			err = row.Scan(&l.Region, &l.Worker, &l.Device, &l.Org, &l.At, &l.ReceivedAt, &l.Grid, &session, &l.Flags, &speed, &accuracy,
				&l.StillSince, &l.StillPoint, &l.Point, &l.Priority, &seconds)
			if session != nil {
				l.Session = *session
			}
			l.Speed, l.Accuracy, l.Course, l.Altitude = floatOf(speed), floatOf(accuracy), fleet.Unknown(), fleet.Unknown()
			l.Battery = -1
			l.Interval = time.Duration(seconds) * time.Second
			return l, err
		})
		return err
	})
	b.Queue(sqlOpenStays, regions, workers).Query(func(rows pgx.Rows) error {
		stays, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (s Stay, err error) {
			err = row.Scan(&s.Region, &s.Worker, &s.Grid, &s.Version, &s.EnteredAt, &s.LastAt, &s.Fixes, &s.Next, &s.NextVersion, &s.NextSince, &s.NextFixes)
			return s, err
		})
		return err
	})
	if err := tx.SendBatch(ctx, &b).Close(); err != nil {
		return nil, nil, fmt.Errorf("read where the workers were: %w", err)
	}
	return last, stays, nil
}

func floatOf(p *float32) float32 {
	if p == nil {
		return fleet.Unknown()
	}
	return *p
}

func floatPtr(v float32) *float32 {
	if math.IsNaN(float64(v)) {
		return nil
	}
	return &v
}

const sqlSaveLast = `
INSERT INTO last_fix AS l (region_id, worker_id, device_id, org_id, at, received_at, grid_id, session_id, flags, speed, course, accuracy, battery, still_since, still_geom, geom)
SELECT region, worker, device, org, at, received, NULLIF(grid, 0), session, flags, speed, course, accuracy, NULLIF(battery, -1), still, still_geom, geom
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::timestamptz[], $6::timestamptz[], $7::bigint[], $8::uuid[], $9::integer[],
  $10::real[], $11::real[], $12::real[], $13::smallint[], $14::timestamptz[], $15::geometry[], $16::geometry[])
  AS n(region, worker, device, org, at, received, grid, session, flags, speed, course, accuracy, battery, still, still_geom, geom)
ON CONFLICT (region_id, worker_id) DO UPDATE SET device_id = excluded.device_id, org_id = excluded.org_id, at = excluded.at, received_at = excluded.received_at,
  grid_id = excluded.grid_id, session_id = excluded.session_id, flags = excluded.flags, speed = excluded.speed, course = excluded.course, accuracy = excluded.accuracy,
  battery = COALESCE(excluded.battery, l.battery), still_since = excluded.still_since, still_geom = excluded.still_geom, geom = excluded.geom, updated_at = now()
WHERE excluded.at >= l.at`

const sqlUpdateStays = `
UPDATE grid_presence g SET last_at = n.last_at, left_at = n.left_at, fixes = n.fixes, next_grid_id = n.next_grid, next_version = n.next_version, next_since = n.next_since, next_fixes = n.next_fixes
FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::timestamptz[], $5::integer[], $6::bigint[], $7::integer[], $8::timestamptz[], $9::integer[])
  AS n(region, worker, last_at, left_at, fixes, next_grid, next_version, next_since, next_fixes)
WHERE g.region_id = n.region AND g.worker_id = n.worker AND g.left_at IS NULL`

const sqlInsertStays = `
INSERT INTO grid_presence (region_id, worker_id, grid_id, grid_version, entered_at, last_at, left_at, fixes, next_grid_id, next_version, next_since, next_fixes)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::integer[], $5::timestamptz[], $6::timestamptz[], $7::timestamptz[], $8::integer[], $9::bigint[], $10::integer[], $11::timestamptz[], $12::integer[])
ON CONFLICT (region_id, worker_id, entered_at, grid_id) DO NOTHING`

const sqlSaveSeen = `
INSERT INTO device_seen AS s (device_id, at, fix_at, battery, client, fixes, late)
SELECT device, at, fix_at, battery, client, fixes, late FROM unnest($1::bigint[], $2::timestamptz[], $3::timestamptz[], $4::smallint[], $5::text[], $6::bigint[], $7::bigint[])
  AS n(device, at, fix_at, battery, client, fixes, late)
ON CONFLICT (device_id) DO UPDATE SET at = GREATEST(s.at, excluded.at), fix_at = GREATEST(s.fix_at, excluded.fix_at), battery = COALESCE(excluded.battery, s.battery),
  client = CASE WHEN excluded.client = '' THEN s.client ELSE excluded.client END, fixes = s.fixes + excluded.fixes, late = s.late + excluded.late`

const sqlCountOffDuty = `
INSERT INTO off_duty_count AS c (device_id, day, fixes) SELECT * FROM unnest($1::bigint[], $2::date[], $3::bigint[])
ON CONFLICT (device_id, day) DO UPDATE SET fixes = c.fixes + excluded.fixes`

// A phone names itself in what its app calls itself: "m/1.0 phone:5f0c…". The
// word is random; it shows only that one phone reports for two people.
const sqlUsePhone = `
INSERT INTO phone_use AS p (phone, worker_id, region_id, day, first_at, last_at)
SELECT n.phone, d.worker_id, d.region_id, u.day, min(u.first), max(u.last)
FROM unnest($1::bigint[], $2::text[], $3::timestamptz[], $4::timestamptz[]) AS n(device, phone, first, last) JOIN device d ON d.id = n.device
CROSS JOIN LATERAL (SELECT g::date AS day, GREATEST(n.first, g AT TIME ZONE 'Asia/Shanghai') AS first, LEAST(n.last, (g + interval '1 day') AT TIME ZONE 'Asia/Shanghai' - interval '1 millisecond') AS last
  FROM generate_series(date_trunc('day', GREATEST(n.first, n.last - interval '4 days') AT TIME ZONE 'Asia/Shanghai'), n.last AT TIME ZONE 'Asia/Shanghai', interval '1 day') g) u GROUP BY 1, 2, 3, 4
ON CONFLICT (day, phone, worker_id) DO UPDATE SET first_at = LEAST(p.first_at, excluded.first_at), last_at = GREATEST(p.last_at, excluded.last_at)`

// Phone is the word by which the phone names itself, or nothing.
func (s *Seen) Phone() string {
	_, rest, ok := strings.Cut(s.Client, " phone:")
	if word, _, _ := strings.Cut(rest, " "); ok && len(word) >= 8 && !s.FixAt.IsZero() {
		return word
	}
	return ""
}

// Seen is what a device told about itself.
type Seen struct {
	Device  int64
	At      time.Time
	FirstAt time.Time // of the stored fixes the earliest, by clocks that are right
	FixAt   time.Time // and the newest; zero = no fix was stored
	Battery int16     // -1 unknown
	Client  string
	Fixes   int64
	Late    int64
}

// OffDuty counts what was not kept.
type OffDuty struct {
	Device int64
	Day    time.Time
	Fixes  int64
}

// Wake is what a commit of fixes leaves behind beside the fixes.
type Wake struct {
	Last    []Last
	Changed []Stay // stays that were open before: as they stand now
	Entered []Stay // stays that began
	Seen    []Seen
	OffDuty []OffDuty
}

// Save writes it all in one round trip.
func (w *Wake) Save(ctx context.Context, tx pgx.Tx) error {
	var b pgx.Batch
	if len(w.Last) > 0 {
		b.Queue(sqlSaveLast, lastArgs(w.Last)...)
	}
	if len(w.Changed) > 0 {
		a := stayArgs(w.Changed)
		b.Queue(sqlUpdateStays, a.region, a.worker, a.last, a.left, a.fixes, a.next, a.nextVersion, a.nextSince, a.nextFixes)
	}
	if len(w.Entered) > 0 {
		a := stayArgs(w.Entered)
		b.Queue(sqlInsertStays, a.region, a.worker, a.grid, a.version, a.entered, a.last, a.left, a.fixes, a.next, a.nextVersion, a.nextSince, a.nextFixes)
	}
	if n := len(w.Seen); n > 0 {
		device, at, fixAt, battery, client, fixes, late := make([]int64, n), make([]time.Time, n), make([]*time.Time, n), make([]*int16, n), make([]string, n), make([]int64, n), make([]int64, n)
		for i := range w.Seen {
			s := &w.Seen[i]
			device[i], at[i], fixAt[i], client[i], fixes[i], late[i] = s.Device, s.At, timePtr(s.FixAt), s.Client, s.Fixes, s.Late
			if s.Battery >= 0 {
				battery[i] = &s.Battery
			}
		}
		b.Queue(sqlSaveSeen, device, at, fixAt, battery, client, fixes, late)
		var whose []int64
		var phone []string
		var first, last []time.Time
		for i := range w.Seen {
			if word := w.Seen[i].Phone(); word != "" && !w.Seen[i].FirstAt.IsZero() {
				whose, phone = append(whose, w.Seen[i].Device), append(phone, word)
				first, last = append(first, earliest(w.Seen[i].FirstAt, w.Seen[i].FixAt)), append(last, w.Seen[i].FixAt)
			}
		}
		if len(whose) > 0 {
			b.Queue(sqlUsePhone, whose, phone, first, last)
		}
	}
	if n := len(w.OffDuty); n > 0 {
		device, day, fixes := make([]int64, n), make([]time.Time, n), make([]int64, n)
		for i, o := range w.OffDuty {
			device[i], day[i], fixes[i] = o.Device, o.Day, o.Fixes
		}
		b.Queue(sqlCountOffDuty, device, day, fixes)
	}
	if b.Len() == 0 {
		return nil
	}
	if err := tx.SendBatch(ctx, &b).Close(); err != nil {
		return fmt.Errorf("save where the workers are: %w", err)
	}
	return nil
}

func lastArgs(last []Last) []any {
	n := len(last)
	region, worker, device, org, grid := make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n)
	at, received, still := make([]time.Time, n), make([]time.Time, n), make([]time.Time, n)
	session, flags, battery := make([]*uuid.UUID, n), make([]int32, n), make([]int16, n)
	speed, course, accuracy := make([]*float32, n), make([]*float32, n), make([]*float32, n)
	stillGeom, geom := make([]orb.Point, n), make([]orb.Point, n)
	for i := range last {
		l := &last[i]
		region[i], worker[i], device[i], org[i], grid[i] = l.Region, l.Worker, l.Device, l.Org, l.Grid
		at[i], received[i], still[i] = l.At, l.ReceivedAt, l.StillSince
		flags[i], battery[i] = int32(l.Flags), l.Battery
		if l.Session != (uuid.UUID{}) {
			session[i] = &l.Session
		}
		speed[i], course[i], accuracy[i] = floatPtr(l.Speed), floatPtr(l.Course), floatPtr(l.Accuracy)
		stillGeom[i], geom[i] = l.StillPoint, l.Point
	}
	return []any{region, worker, device, org, at, received, grid, session, flags, speed, course, accuracy, battery, still, stillGeom, geom}
}

type stayColumns struct {
	region, worker, grid   []int64
	version, fixes         []int32
	entered, last          []time.Time
	left, nextSince        []*time.Time
	next                   []*int64
	nextVersion, nextFixes []*int32
}

func stayArgs(stays []Stay) stayColumns {
	var a stayColumns
	for i := range stays {
		s := &stays[i]
		a.region, a.worker, a.grid = append(a.region, s.Region), append(a.worker, s.Worker), append(a.grid, s.Grid)
		a.version, a.fixes = append(a.version, s.Version), append(a.fixes, s.Fixes)
		a.entered, a.last, a.left = append(a.entered, s.EnteredAt), append(a.last, s.LastAt), append(a.left, timePtr(s.LeftAt))
		var next *int64
		var version, fixes *int32
		var since *time.Time
		if s.NextFixes > 0 {
			fixes, since = &s.NextFixes, &s.NextSince
			if s.Next != 0 {
				next, version = &s.Next, &s.NextVersion
			}
		}
		a.next, a.nextVersion, a.nextSince, a.nextFixes = append(a.next, next), append(a.nextVersion, version), append(a.nextSince, since), append(a.nextFixes, fixes)
	}
	return a
}

func timePtr(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
