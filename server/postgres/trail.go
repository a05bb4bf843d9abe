package postgres

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/geo/trail"
	"github.com/gridward/gridward/server/incident"
)

// Tracked is a fix as the archive tells it apart: by device and duty session.
type Tracked struct {
	trail.Fix
	Device  int64
	Session uuid.UUID // zero = a shift, a vehicle, an SOS
	Grid    int64     // as it was located when it came; 0 = in none
	kept    bool      // out of the archive, which knows no grid
}

const (
	dayLong  = 24 * time.Hour
	hourLong = time.Hour
)

// BusinessDay is the midnight, in the business zone, that the instant's day began with.
func BusinessDay(at time.Time) time.Time {
	y, m, d := at.In(incident.BusinessZone()).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, incident.BusinessZone())
}

// dayDate is the instant's business day as the database's date.
func dayDate(at time.Time) time.Time {
	y, m, d := at.In(incident.BusinessZone()).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

// midnightOf is the instant at which a date of the database begins here.
func midnightOf(day time.Time) time.Time {
	y, m, d := day.Date()
	return time.Date(y, m, d, 0, 0, 0, 0, incident.BusinessZone())
}

// DayFixes returns a worker's fixes of [from, to), ordered by time: out of the
// archive where they are archived, else as they came, rounded as the archive
// rounds. Before and after archiving the answer is the same.
func DayFixes(ctx context.Context, q Querier, region, worker int64, from, to time.Time) ([]trail.Fix, error) {
	list, err := tracks(ctx, q, region, worker, from, to)
	if err != nil {
		return nil, err
	}
	fixes := make([]trail.Fix, len(list))
	for i := range list {
		fixes[i] = list[i].Stored()
	}
	return fixes, nil
}

// stretch is [from, to).
type stretch struct{ from, to time.Time }

const sqlTrailUntil = `SELECT day, until FROM trail_day WHERE region_id = $1 AND worker_id = $2 AND day BETWEEN $3 AND $4 AND NOT dirty AND until IS NOT NULL`

// split says which parts of [from, to) the archive answers for, by day, and
// which only the raw fixes do.
func split(ctx context.Context, q Querier, region, worker int64, from, to time.Time) (kept []time.Time, raw []stretch, err error) {
	rows, err := q.Query(ctx, sqlTrailUntil, region, worker, dayDate(from), dayDate(to))
	if err != nil {
		return nil, nil, fmt.Errorf("look what is archived: %w", err)
	}
	until := map[time.Time]time.Time{}
	var day, till time.Time
	if _, err := pgx.ForEachRow(rows, []any{&day, &till}, func() error { until[day.UTC()] = till; return nil }); err != nil {
		return nil, nil, fmt.Errorf("look what is archived: %w", err)
	}
	for d := BusinessDay(from); d.Before(to); d = d.Add(dayLong) {
		s := stretch{d, d.Add(dayLong)}
		if till, ok := until[dayDate(d)]; ok && till.After(d) {
			kept = append(kept, dayDate(d))
			s.from = till
		}
		s.from, s.to = latest(s.from, from), earliest(s.to, to)
		switch n := len(raw); {
		case !s.from.Before(s.to):
		case n > 0 && raw[n-1].to.Equal(s.from):
			raw[n-1].to = s.to
		default:
			raw = append(raw, s)
		}
	}
	return kept, raw, nil
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earliest(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// tracks returns a worker's fixes of [from, to) by time, then device.
func tracks(ctx context.Context, q Querier, region, worker int64, from, to time.Time) ([]Tracked, error) {
	kept, raw, err := split(ctx, q, region, worker, from, to)
	if err != nil {
		return nil, err
	}
	var list []Tracked
	if len(kept) > 0 {
		if list, err = keptTracks(ctx, q, region, worker, kept, from, to); err != nil {
			return nil, err
		}
	}
	for _, s := range raw {
		came, err := rawTracks(ctx, q, region, worker, s.from, s.to)
		if err != nil {
			return nil, err
		}
		list = append(list, came...)
	}
	sortTracks(list)
	return list, nil
}

func sortTracks(list []Tracked) {
	slices.SortStableFunc(list, func(a, b Tracked) int { return cmp.Or(cmp.Compare(a.Ms, b.Ms), cmp.Compare(a.Device, b.Device)) })
}

// rawTracks reads the fixes as they came and adds those that the archive alone
// has: of a day whose partition is gone, or was made anew for a few late fixes.
func rawTracks(ctx context.Context, q Querier, region, worker int64, from, to time.Time) ([]Tracked, error) {
	// In this order: a partition is dropped only after its fixes are archived,
	// so what the first statement misses the second one finds.
	came, err := readRaw(ctx, q, region, worker, from, to)
	if err != nil {
		return nil, err
	}
	var days []time.Time
	for d := BusinessDay(from); d.Before(to); d = d.Add(dayLong) {
		days = append(days, dayDate(d))
	}
	kept, err := keptTracks(ctx, q, region, worker, days, from, to)
	if err != nil {
		return nil, err
	}
	return withKept(came, kept), nil
}

// withKept adds to fixes that came those that the archive alone has.
func withKept(came, kept []Tracked) []Tracked {
	if len(kept) == 0 {
		return came
	}
	type key struct{ device, ms int64 }
	both := make(map[key]int, len(came)) // two fixes of one millisecond are two
	for i := range came {
		both[key{came[i].Device, came[i].Ms}]++
	}
	for i := range kept {
		if k := (key{kept[i].Device, kept[i].Ms}); both[k] > 0 {
			both[k]--
		} else {
			came = append(came, kept[i])
		}
	}
	sortTracks(came)
	return came
}

const rawColumns = `f.device_id, f.session_id, f.grid_id, f.at, ST_X(f.geom), ST_Y(f.geom), f.accuracy, f.speed, f.course, f.flags, f.source`

const sqlRawTrack = `
SELECT ` + rawColumns + ` FROM fix f WHERE f.region_id = $1 AND f.worker_id = $2 AND f.at >= $3 AND f.at < $4
UNION ALL
SELECT ` + rawColumns + ` FROM fix_outside f WHERE f.region_id = $1 AND f.worker_id = $2 AND f.at >= $3 AND f.at < $4
  AND NOT EXISTS (SELECT FROM fix r WHERE r.region_id = f.region_id AND r.worker_id = f.worker_id AND r.at = f.at AND r.device_id = f.device_id)`

func readRaw(ctx context.Context, q Querier, region, worker int64, from, to time.Time) ([]Tracked, error) {
	rows, err := q.Query(ctx, sqlRawTrack, region, worker, from, to)
	if err != nil {
		return nil, fmt.Errorf("read the fixes: %w", err)
	}
	defer rows.Close()
	list := make([]Tracked, 0, 1024)
	for rows.Next() {
		list = append(list, scanRaw(rows.RawValues()))
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the fixes: %w", err)
	}
	sortTracks(list)
	return list, nil
}

// scanRaw reads rawColumns in PostgreSQL's binary format: a day has thousands
// of fixes, and 500 workers have millions.
func scanRaw(v [][]byte) Tracked {
	const y2k = 946684800 * 1_000_000
	t := Tracked{Device: int8Of(v[0]), Grid: int8Of(v[2])}
	copy(t.Session[:], v[1])
	micro := int8Of(v[3]) + y2k
	t.Ms = micro / 1000
	if micro%1000 < 0 {
		t.Ms--
	}
	t.Point = orb.Point{math.Float64frombits(uint64(int8Of(v[4]))), math.Float64frombits(uint64(int8Of(v[5])))}
	t.Accuracy, t.Speed, t.Course = float4Of(v[6]), float4Of(v[7]), float4Of(v[8])
	t.Flags = binary.BigEndian.Uint32(v[9])
	t.Source = uint8(binary.BigEndian.Uint16(v[10]))
	return t
}

func int8Of(b []byte) int64 {
	if len(b) != 8 {
		return 0
	}
	return int64(binary.BigEndian.Uint64(b))
}

func float4Of(b []byte) float32 {
	if len(b) != 4 {
		return float32(math.NaN())
	}
	return math.Float32frombits(binary.BigEndian.Uint32(b))
}

const sqlTrailBodies = `
SELECT c.device_id, c.session_id, substring(c.body FROM p.start FOR p.size) FROM trail_chunk c CROSS JOIN LATERAL trail_parts(c.day, c.parts) p
WHERE c.region_id = $1 AND c.worker_id = $2 AND c.day = ANY ($3::date[]) AND c.from_at < $5 AND c.to_at >= $4 AND p.from_at < $5 AND p.to_at >= $4`

// keptTracks decodes the chunks of the days that touch [from, to), in any order.
func keptTracks(ctx context.Context, q Querier, region, worker int64, days []time.Time, from, to time.Time) ([]Tracked, error) {
	fail := func(err error) ([]Tracked, error) { return nil, fmt.Errorf("read the archive: %w", err) }
	rows, err := q.Query(ctx, sqlTrailBodies, region, worker, days, from, to)
	if err != nil {
		return fail(err)
	}
	var (
		list    []Tracked
		fixes   []trail.Fix
		device  int64
		session *uuid.UUID
		body    []byte
	)
	_, err = pgx.ForEachRow(rows, []any{&device, &session, &body}, func() error {
		if fixes, err = trail.Decode(fixes[:0], body); err != nil {
			return err
		}
		t := Tracked{Device: device, kept: true}
		if session != nil {
			t.Session = *session
		}
		for i := range fixes {
			if fixes[i].Ms >= from.UnixMilli() && fixes[i].Ms < to.UnixMilli() {
				t.Fix = fixes[i]
				list = append(list, t)
			}
		}
		return nil
	})
	if err != nil {
		return fail(err)
	}
	return list, nil
}
