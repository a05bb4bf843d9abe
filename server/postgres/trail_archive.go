package postgres

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/geo/trail"
	"github.com/gridward/gridward/server/fleet"
)

const (
	// settled is how old an hour must be before it is archived: longer than a
	// commit of fixes can take after it has judged them fresh (see LateAfter).
	settled = 20 * time.Minute
	// LateAfter is from when a fix must be told to the archive, which may have its hour already.
	LateAfter = 10 * time.Minute
	// overviewM is how far an overview's position may be from a good fix at its
	// instant, metres; roughM of it are what rounding a place to perRough takes.
	overviewM = 12
	roughM    = 0.8
	perRough  = 1e5 // of a degree
)

// trailReject are the flags of a fix that is no part of a trail. TooFast is not
// among them: at the door it depends on what came before; geo/trail sees the day.
const trailReject = fleet.FutureClock | fleet.OldClock | fleet.NullIsland | fleet.Swapped | fleet.OutOfRegion | fleet.InvalidFix

// WorkerDay is a worker's day, and of a late one the earliest fix that came.
type WorkerDay struct {
	Region, Worker int64
	Day            time.Time // its midnight, or any instant in it
}

const sqlMarkTrails = `
INSERT INTO trail_day AS t (region_id, worker_id, day, late_at)
SELECT region, worker, day, at FROM unnest($1::bigint[], $2::bigint[], $3::date[], $4::timestamptz[]) AS n(region, worker, day, at) ORDER BY 1, 3, 2
ON CONFLICT (region_id, day, worker_id) DO UPDATE SET dirty = true, late_at = LEAST(t.late_at, excluded.late_at) WHERE t.until > excluded.late_at`

// MarkTrails tells the archive, in the transaction that stores them, of fixes
// that may have come after their hour was archived; Day is the earliest of each
// worker's day. The row of the day is what the archive and ingest take turns by:
// either the archive sees these fixes, or it sees the mark.
func MarkTrails(ctx context.Context, tx pgx.Tx, late []WorkerDay) error {
	if len(late) == 0 {
		return nil
	}
	n := len(late)
	region, worker, day, at := make([]int64, n), make([]int64, n), make([]time.Time, n), make([]time.Time, n)
	for i, l := range late {
		region[i], worker[i], day[i], at[i] = l.Region, l.Worker, dayDate(l.Day), l.Day
	}
	if _, err := tx.Exec(ctx, sqlMarkTrails, region, worker, day, at); err != nil {
		return fmt.Errorf("tell the archive of late fixes: %w", err)
	}
	return nil
}

// horizon is the instant up to which a day can be archived now.
func horizon(midnight, now time.Time) time.Time {
	return earliest(midnight.Add(dayLong), now.Add(-settled).Truncate(hourLong))
}

const sqlTrailDirty = `
SELECT region_id AS region, worker_id AS worker, day FROM trail_day WHERE dirty AND day <= $1
UNION ALL
SELECT region_id, worker_id, day FROM trail_day WHERE NOT dirty AND day IN ($1, $1 - 1) AND until < LEAST((day + 1)::timestamp AT TIME ZONE 'Asia/Shanghai', $2)
ORDER BY 3, 1, 2`

// sqlTrailNew asks for each worker and day whether there is a fix: one look into
// the primary key each. EXISTS would let the planner join all fixes of a worker
// with all days, which takes hours where there are many.
const sqlTrailNew = `
SELECT p.region_id AS region, p.worker_id AS worker, d.day FROM (SELECT region_id, id AS worker_id FROM worker UNION SELECT region_id, worker_id FROM device) p
CROSS JOIN (SELECT d::date AS day, d AT TIME ZONE 'Asia/Shanghai' AS midnight FROM generate_series($1::timestamp, $2::timestamp, interval '1 day') d) d
LEFT JOIN trail_day t ON t.region_id = p.region_id AND t.worker_id = p.worker_id AND t.day = d.day
CROSS JOIN LATERAL (SELECT FROM fix f WHERE f.region_id = p.region_id AND f.worker_id = p.worker_id AND f.at >= d.midnight AND f.at < LEAST(d.midnight + interval '1 day', $3) LIMIT 1) f
WHERE t.day IS NULL
ORDER BY 3 DESC, 1, 2`

// TrailsDue lists the worker-days to archive now: those that changed or went
// on, and those not yet known that have fixes, from since on, the newest first.
func TrailsDue(ctx context.Context, q Querier, since, now time.Time) ([]WorkerDay, error) {
	edge := now.Add(-settled).Truncate(hourLong)
	var all []WorkerDay
	for _, ask := range []struct {
		sql  string
		args []any
	}{{sqlTrailDirty, []any{dayDate(edge), edge}}, {sqlTrailNew, []any{dayDate(since), dayDate(edge), edge}}} {
		rows, err := q.Query(ctx, ask.sql, ask.args...)
		if err != nil {
			return nil, fmt.Errorf("look what is to be archived: %w", err)
		}
		list, err := pgx.CollectRows(rows, pgx.RowToStructByName[WorkerDay])
		if err != nil {
			return nil, fmt.Errorf("look what is to be archived: %w", err)
		}
		all = append(all, list...)
	}
	for i := range all {
		all[i].Day = midnightOf(all[i].Day)
	}
	return all, nil
}

const sqlPlayedDays = `SELECT from_at, to_at FROM playback WHERE expires_at > $1`

// PlayedDays are the days, as their midnights in Unix seconds, that playbacks are open for.
func PlayedDays(ctx context.Context, q Querier, now time.Time) (map[int64]bool, error) {
	rows, err := q.Query(ctx, sqlPlayedDays, now)
	if err != nil {
		return nil, fmt.Errorf("look which days are played: %w", err)
	}
	days := map[int64]bool{}
	var from, to time.Time
	if _, err := pgx.ForEachRow(rows, []any{&from, &to}, func() error {
		for d := BusinessDay(from); d.Before(to); d = d.Add(dayLong) {
			days[d.Unix()] = true
		}
		return nil
	}); err != nil {
		return nil, fmt.Errorf("look which days are played: %w", err)
	}
	return days, nil
}

// Archived is what archiving a worker-day wrote.
type Archived struct {
	Fixes, Bytes int
	Written      bool // false: there was nothing new
	Late         bool // fixes had come after it was archived
}

const sqlTrailRow = `INSERT INTO trail_day (region_id, worker_id, day) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`

const sqlLockTrail = `SELECT until, dirty FROM trail_day WHERE region_id = $1 AND worker_id = $2 AND day = $3 FOR UPDATE`

const sqlTrailGoesOn = `UPDATE trail_day SET until = $4 WHERE region_id = $1 AND worker_id = $2 AND day = $3`

const sqlDropChunks = `DELETE FROM trail_chunk WHERE region_id = $1 AND worker_id = $2 AND day = $3 AND hour >= $4`

const sqlTrailDone = `
UPDATE trail_day SET until = $4, dirty = false, late_at = NULL, archived_at = $5, stays = $6, gaps = $7, outliers = $8, length_m = $9, fixes = c.fixes, bytes = c.bytes
FROM (SELECT COALESCE(sum(fixes), 0)::integer AS fixes, COALESCE(sum(length(body) + length(line)), 0)::integer AS bytes
  FROM trail_chunk WHERE region_id = $1 AND worker_id = $2 AND day = $3) c
WHERE region_id = $1 AND worker_id = $2 AND day = $3 RETURNING c.fixes, c.bytes`

// ArchiveDay brings the archive of a worker's day up to now, in one transaction:
// the hours that are over, or all of them again when fixes came late. When the
// day is over its hours become one row of each device and session. Raw fixes are
// read, never changed.
func ArchiveDay(ctx context.Context, tx pgx.Tx, d WorkerDay, now time.Time) (out Archived, err error) {
	fail := func(err error) (Archived, error) { return out, fmt.Errorf("archive a worker's day: %w", err) }
	midnight := BusinessDay(d.Day)
	day, edge := dayDate(midnight), horizon(midnight, now)
	if !edge.After(midnight) {
		return out, nil
	}
	if _, err := tx.Exec(ctx, sqlTrailRow, d.Region, d.Worker, day); err != nil {
		return fail(err)
	}
	var until *time.Time
	var dirty bool
	if err := tx.QueryRow(ctx, sqlLockTrail, d.Region, d.Worker, day).Scan(&until, &dirty); err != nil {
		return fail(err)
	}
	// From here on ingest waits with fixes of this day, and what it has committed is seen.
	start := midnight
	if !dirty {
		if start = *until; !start.Before(edge) {
			return out, nil
		}
	}
	over := edge.Equal(midnight.Add(dayLong))
	fresh, err := rawTracks(ctx, tx, d.Region, d.Worker, start, edge)
	if err != nil {
		return fail(err)
	}
	if !dirty && len(fresh) == 0 && !over {
		if _, err := tx.Exec(ctx, sqlTrailGoesOn, d.Region, d.Worker, day, edge); err != nil {
			return fail(err)
		}
		return out, nil
	}
	all := fresh
	if start.After(midnight) {
		if all, err = keptTracks(ctx, tx, d.Region, d.Worker, []time.Time{day}, midnight, start); err != nil {
			return fail(err)
		}
		all = append(all, fresh...)
		sortTracks(all)
	}
	for i := range all {
		all[i].Fix = all[i].Stored()
	}
	judged := judge(all)
	hour := int(start.Sub(midnight) / hourLong)
	if over {
		hour = 0
	}
	if _, err := tx.Exec(ctx, sqlDropChunks, d.Region, d.Worker, day, hour); err != nil {
		return fail(err)
	}
	if err := putChunks(ctx, tx, d, day, chunksOf(all, judged, midnight, hour)); err != nil {
		return fail(err)
	}
	m := judged.marks(midnight)
	out = Archived{Written: dirty || len(fresh) > 0, Late: dirty && until != nil}
	if err := tx.QueryRow(ctx, sqlTrailDone, d.Region, d.Worker, day, edge, now, m.stays, m.gaps, m.outliers, m.length).Scan(&out.Fixes, &out.Bytes); err != nil {
		return fail(err)
	}
	return out, nil
}

// verdict is what geo/trail made of a day, device by device: two phones in one
// bag are not one that jumps.
type verdict struct {
	good map[int64][]trail.Fix // by device
	main trail.Trail           // of the device with the most fixes
}

func judge(all []Tracked) verdict {
	byDevice := map[int64][]trail.Fix{}
	for i := range all {
		byDevice[all[i].Device] = append(byDevice[all[i].Device], all[i].Fix)
	}
	v := verdict{good: make(map[int64][]trail.Fix, len(byDevice))}
	most, first := 0, int64(math.MaxInt64)
	for device, fixes := range byDevice {
		t := trail.Clean(fixes, trail.Options{Reject: uint32(trailReject)})
		good := make([]trail.Fix, 0, len(t.Fixes))
		for _, j := range t.Fixes {
			if j.Why == trail.Good {
				good = append(good, j.Fix)
			}
		}
		v.good[device] = good
		if n := len(fixes); n > most || n == most && device < first {
			v.main, most, first = t, n, device
		}
	}
	return v
}

// marks are a verdict as trail_day keeps it.
type marks struct {
	stays, gaps, outliers []int32
	length                float32
}

// mostOutliers of a day are kept one by one; more say nothing more.
const mostOutliers = 200

func (v verdict) marks(midnight time.Time) marks {
	zero := midnight.UnixMilli()
	ms := func(at int64) int32 { return int32(min(max(at-zero, 0), int64(dayLong/time.Millisecond))) }
	m := marks{stays: []int32{}, gaps: []int32{}, outliers: []int32{}, length: float32(v.main.LengthM)}
	for _, s := range v.main.Stays {
		m.stays = append(m.stays, ms(s.From), ms(s.To), micro(s.Point[0]), micro(s.Point[1]), int32(math.Round(min(s.RadiusM, 1e6)*10)), int32(math.Round(float64(s.Certainty)*100)))
	}
	for _, g := range v.main.Gaps {
		m.gaps = append(m.gaps, ms(g.From), ms(g.To))
	}
	for i := range v.main.Fixes {
		j := &v.main.Fixes[i]
		switch j.Why {
		case trail.Good, trail.Duplicate, trail.Inaccurate:
			continue
		}
		at, n := ms(j.Ms), len(m.outliers)
		if n > 0 && j.Why == trail.Frozen && m.outliers[n-1] == int32(j.Why) && v.main.Fixes[i-1].Why == j.Why {
			m.outliers[n-2] = at // a receiver that hangs is one thing, however long
			continue
		}
		if n < 3*mostOutliers {
			m.outliers = append(m.outliers, at, at, int32(j.Why))
		}
	}
	return m
}

func micro(degrees float64) int32 { return int32(math.Round(degrees * 1e6)) }

// chunk is one row of trail_chunk.
type chunk struct {
	hour, seq                int16
	device                   int64
	session                  uuid.UUID
	from, to                 time.Time
	fixes                    int32
	west, south, east, north int32
	parts                    []int32
	line, body               []byte
}

// chunksOf cuts a day into rows by device and session, from the hour on, and
// their fixes into chunks by the hour.
func chunksOf(all []Tracked, v verdict, midnight time.Time, hour int) []chunk {
	type key struct {
		device  int64
		session uuid.UUID
	}
	zero := midnight.UnixMilli()
	hourOf := func(f trail.Fix) int { return int((f.Ms - zero) / hourLong.Milliseconds()) }
	groups := map[key][]trail.Fix{}
	owner := map[[2]int64]uuid.UUID{} // device and instant → session
	var keys []key
	for i := range all {
		t := &all[i]
		if hourOf(t.Fix) < hour {
			continue
		}
		k := key{t.Device, t.Session}
		if groups[k] == nil {
			keys = append(keys, k)
		}
		groups[k] = append(groups[k], t.Fix)
		owner[[2]int64{t.Device, t.Ms}] = t.Session
	}
	good := map[key][]trail.Fix{}
	for device, fixes := range v.good {
		for _, f := range fixes {
			if hourOf(f) >= hour {
				k := key{device, owner[[2]int64{device, f.Ms}]}
				good[k] = append(good[k], f)
			}
		}
	}
	chunks := make([]chunk, 0, len(keys))
	seqs := [24]int16{}
	for _, k := range keys {
		fixes := groups[k]
		last := fixes[len(fixes)-1]
		first := hourOf(fixes[0])
		c := chunk{hour: int16(first), seq: seqs[first], device: k.device, session: k.session, fixes: int32(len(fixes)), line: sketch(good[k], 0),
			from: time.UnixMilli(fixes[0].Ms), to: time.UnixMilli(last.Ms), west: math.MaxInt32, south: math.MaxInt32, east: math.MinInt32, north: math.MinInt32}
		seqs[first]++
		for _, f := range fixes {
			x, y := micro(f.Point[0]), micro(f.Point[1])
			c.west, c.south, c.east, c.north = min(c.west, x), min(c.south, y), max(c.east, x), max(c.north, y)
		}
		for len(fixes) > 0 {
			n := 1
			for h := hourOf(fixes[0]); n < min(len(fixes), trail.MaxChunk) && hourOf(fixes[n]) == h; {
				n++
			}
			c.body = trail.Encode(c.body, fixes[:n])
			c.parts = append(c.parts, int32(fixes[0].Ms-zero), int32(fixes[n-1].Ms-zero), int32(n), int32(len(c.body)))
			fixes = fixes[n:]
		}
		chunks = append(chunks, c)
	}
	return chunks
}

// sketch is the chunk that an overview draws of good fixes: those of their
// outline, as exactly as a map of a street shows them, and of longer steps than
// often, unless it is zero, some between.
func sketch(good []trail.Fix, often time.Duration) []byte {
	rough := func(v float64) float64 { return math.Round(v*perRough) / perRough }
	fixes := slices.Clone(outline(good, overviewM-roughM, often))
	for m := 2.0 * overviewM; len(fixes) > trail.MaxChunk; m *= 2 { // a day of them is in one chunk
		fixes = outline(fixes, m, 0)
	}
	for i := range fixes {
		f := &fixes[i]
		f.Point[0], f.Point[1] = rough(f.Point[0]), rough(f.Point[1])
		f.Accuracy, f.Speed = float32(math.Round(float64(f.Accuracy))), float32(math.Round(float64(f.Speed)*5)/5)
		f.Course = float32(math.NaN())
	}
	return trail.Encode(nil, fixes)
}

// outline leaves out fixes while the place at every instant, on the straight
// line between those that stay, is within so many metres of where a fix was.
// Unlike a simplified shape it also keeps where somebody stood still, and no step
// of those that stay is longer than often for another reason than silence.
func outline(fixes []trail.Fix, metres float64, often time.Duration) []trail.Fix {
	if len(fixes) < 3 {
		return fixes
	}
	keep := make([]bool, len(fixes))
	keep[0], keep[len(fixes)-1] = true, true
	keepFar(fixes, keep, 0, len(fixes)-1, metres)
	if often > 0 {
		for last, i := 0, 1; i < len(fixes)-1; i++ {
			if keep[i] || fixes[i+1].Ms-fixes[last].Ms > often.Milliseconds() {
				keep[i], last = true, i
			}
		}
		for last, i := 0, 1; i < len(fixes); i++ {
			if keep[i] { // what was near to a longer line may be far from these
				keepFar(fixes, keep, last, i, metres)
				last = i
			}
		}
	}
	out := make([]trail.Fix, 0, 64)
	for i, k := range keep {
		if k {
			out = append(out, fixes[i])
		}
	}
	return out
}

// keepFar keeps, of the fixes between two that stay, those without which the
// straight line would be too far from some.
func keepFar(fixes []trail.Fix, keep []bool, from, to int, metres float64) {
	for todo := [][2]int{{from, to}}; len(todo) > 0; {
		s := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		a, b := &fixes[s[0]], &fixes[s[1]]
		far, at := metres, 0
		for i := s[0] + 1; i < s[1]; i++ {
			p := a.Point
			if span := b.Ms - a.Ms; span > 0 {
				part := float64(fixes[i].Ms-a.Ms) / float64(span)
				p[0], p[1] = p[0]+part*(b.Point[0]-a.Point[0]), p[1]+part*(b.Point[1]-a.Point[1])
			}
			if m := trail.Metres(p, fixes[i].Point); m > far {
				far, at = m, i
			}
		}
		if at > 0 {
			keep[at] = true
			todo = append(todo, [2]int{s[0], at}, [2]int{at, s[1]})
		}
	}
}

var chunkColumns = []string{"region_id", "worker_id", "day", "hour", "seq", "device_id", "session_id", "from_at", "to_at", "fixes", "west", "south", "east", "north", "parts", "line", "body"}

func putChunks(ctx context.Context, tx pgx.Tx, d WorkerDay, day time.Time, chunks []chunk) error {
	_, err := tx.CopyFrom(ctx, pgx.Identifier{"trail_chunk"}, chunkColumns, pgx.CopyFromSlice(len(chunks), func(i int) ([]any, error) {
		c := &chunks[i]
		var session any
		if c.session != (uuid.UUID{}) {
			session = c.session
		}
		return []any{d.Region, d.Worker, day, c.hour, c.seq, c.device, session, c.from, c.to, c.fixes, c.west, c.south, c.east, c.north, c.parts, c.line, c.body}, nil
	}))
	return err
}

const sqlInsertTrailRun = `INSERT INTO trail_run (at, took_ms, days, fixes, bytes, failed) VALUES ($1, $2, $3, $4, $5, $6)`

// TrailRun is what one round of the archive did.
type TrailRun struct {
	At           time.Time
	Took         time.Duration
	Days, Failed int
	Fixes, Bytes int64
}

// NoteTrailRun keeps what a round did.
func NoteTrailRun(ctx context.Context, q Querier, r TrailRun) error {
	if _, err := q.Exec(ctx, sqlInsertTrailRun, r.At, r.Took.Milliseconds(), r.Days, r.Fixes, r.Bytes, r.Failed); err != nil {
		return fmt.Errorf("note what was archived: %w", err)
	}
	return nil
}
