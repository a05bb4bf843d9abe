package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/geo/fence"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/patrol"
	"github.com/gridward/gridward/server/workday"
)

// PatrolKey names a worker's day.
type PatrolKey struct {
	Region, Worker int64
	Day            workday.Day
}

// The newest week first, and in it leaders of grids: a board is settled week by week.
const sqlPatrolWaiting = `
SELECT d.region_id, d.worker_id, d.day FROM patrol_dirty d JOIN worker w ON w.id = d.worker_id
WHERE d.at <= now() - make_interval(secs => $1) ORDER BY date_trunc('week', d.day) DESC, w.role <> 'grid_leader', d.day DESC, d.worker_id LIMIT $2`

// PatrolWaiting lists worker-days to compute whose marks have rested for so
// long, by the database's clock, which made them.
func PatrolWaiting(ctx context.Context, q Querier, rest time.Duration, limit int) ([]PatrolKey, error) {
	rows, err := q.Query(ctx, sqlPatrolWaiting, rest.Seconds(), limit)
	if err != nil {
		return nil, fmt.Errorf("list the days to compute: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (k PatrolKey, err error) {
		var d time.Time
		err = row.Scan(&k.Region, &k.Worker, &d)
		k.Day = dayOf(d)
		return k, err
	})
	if err != nil {
		return nil, fmt.Errorf("list the days to compute: %w", err)
	}
	return list, nil
}

const sqlClaimPatrolDay = `DELETE FROM patrol_dirty WHERE region_id = $1 AND worker_id = $2 AND day = $3 RETURNING why`

// ClaimPatrolDay takes a marked day out of the list; ok is false when somebody
// else has. Whoever marks it again meanwhile waits for the transaction, and is
// not lost.
func ClaimPatrolDay(ctx context.Context, tx pgx.Tx, k PatrolKey) (why []string, ok bool, err error) {
	err = tx.QueryRow(ctx, sqlClaimPatrolDay, k.Region, k.Worker, dateOf(k.Day)).Scan(&why)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("claim a day to compute: %w", err)
	}
	return why, true, nil
}

// The shape is the one in force at the end of the day; days before the first
// import have the first.
const sqlPatrolGrids = `
SELECT DISTINCT ON (g.code, g.id) g.id, v.version, g.code, v.geom
FROM grid_assignment a JOIN grid g ON g.id = a.grid_id JOIN grid_version v ON v.grid_id = g.id
WHERE a.worker_id = $1 AND a.role IN ('leader','worker') AND a.valid_from <= $2 AND COALESCE(a.valid_to, 'infinity') >= $2
ORDER BY g.code, g.id, (v.valid_from < $3) DESC, CASE WHEN v.valid_from < $3 THEN v.valid_from END DESC NULLS LAST, v.version`

const sqlPatrolDuties = `
SELECT started_at, COALESCE(ended_at, started_at + interval '16 hours'), purpose, false
FROM duty_session WHERE worker_id = $1 AND started_at < $3 AND COALESCE(ended_at, started_at + interval '16 hours') >= $2
UNION ALL
SELECT starts_at, ends_at, CASE post WHEN 'grid' THEN 'patrol' WHEN 'patrol_team' THEN 'patrol' ELSE 'window' END, true
FROM shift WHERE worker_id = $1 AND starts_at < $3 AND ends_at >= $2
  AND EXISTS (SELECT FROM device d WHERE d.worker_id = $1 AND d.duty = 'schedule')`

const sqlPatrolWorker = `SELECT o.path FROM worker w JOIN org o ON o.id = w.org_id WHERE w.id = $1 AND w.region_id = $2 AND w.kind = 'person'`

// PatrolInput reads what a worker's day is measured from, and the path of his
// organisation.
func PatrolInput(ctx context.Context, q Querier, k PatrolKey) (in patrol.Input, path string, err error) {
	in.Day = k.Day
	from, to := k.Day.Start(), (k.Day + 1).Start()
	err = q.QueryRow(ctx, sqlPatrolWorker, k.Worker, k.Region).Scan(&path)
	if errors.Is(err, pgx.ErrNoRows) {
		return in, "", fault.New(fault.Missing, "没有这名人员")
	}
	if err != nil {
		return in, "", fmt.Errorf("read the worker: %w", err)
	}
	if in.Fixes, err = DayFixes(ctx, q, k.Region, k.Worker, from, to); err != nil {
		return in, "", err
	}
	rows, err := q.Query(ctx, sqlPatrolDuties, k.Worker, from, to)
	if err != nil {
		return in, "", fmt.Errorf("read the day's duty: %w", err)
	}
	in.Duties, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (d patrol.Duty, err error) {
		var a, b time.Time
		err = row.Scan(&a, &b, &d.Purpose, &d.Shift)
		d.From, d.To = a.UnixMilli(), b.UnixMilli()
		return d, err
	})
	if err != nil {
		return in, "", fmt.Errorf("read the day's duty: %w", err)
	}
	if rows, err = q.Query(ctx, sqlPatrolGrids, k.Worker, dateOf(k.Day), to); err != nil {
		return in, "", fmt.Errorf("read the assigned grids: %w", err)
	}
	in.Grids, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (a fence.Area, err error) {
		return a, row.Scan(&a.ID, &a.Version, &a.Code, &a.Shape)
	})
	if err != nil {
		return in, "", fmt.Errorf("read the assigned grids: %w", err)
	}
	return in, path, patrolVisits(ctx, q, k, &in)
}

// PatrolDayRow is a worker's day as it is judged now.
type PatrolDayRow struct {
	Worker      int64             `json:"worker"`
	Day         workday.Day       `json:"day"`
	Measure     patrol.DayMeasure `json:"measure"`
	RuleVersion string            `json:"rule_version"`
	Seq         int32             `json:"seq" doc:"number of its newest verdict; 0 while the day goes on"`
	Why         []string          `json:"why" doc:"why it was computed"`
	ComputedAt  time.Time         `json:"computed_at"`
}

const sqlPatrolDigest = `SELECT digest, seq, fixes FROM patrol_day WHERE region_id = $1 AND worker_id = $2 AND day = $3 FOR UPDATE`

const sqlPutPatrolDay = `
INSERT INTO patrol_day (region_id, worker_id, day, am_ms, pm_ms, am_ok, pm_ok, twice, night, in_ms, out_ms, distance_m, fixes, visits, found, grid_ids, shares, measure, rule_version, digest, seq, why, computed_at, seen_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $23)
ON CONFLICT (region_id, worker_id, day) DO UPDATE SET am_ms = excluded.am_ms, pm_ms = excluded.pm_ms, am_ok = excluded.am_ok, pm_ok = excluded.pm_ok, twice = excluded.twice,
  night = excluded.night, in_ms = excluded.in_ms, out_ms = excluded.out_ms, distance_m = excluded.distance_m, fixes = excluded.fixes, visits = excluded.visits, found = excluded.found,
  grid_ids = excluded.grid_ids, shares = excluded.shares, measure = excluded.measure, rule_version = excluded.rule_version, digest = excluded.digest, seq = excluded.seq,
  why = excluded.why, computed_at = excluded.computed_at, seen_at = excluded.computed_at`

const sqlInsertVerdict = `
INSERT INTO patrol_verdict (region_id, worker_id, day, seq, computed_at, rule_version, policy, digest, why, am_ms, pm_ms, qualified, measure)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`

const sqlTouchPatrolDay = `UPDATE patrol_day SET seen_at = $4 WHERE region_id = $1 AND worker_id = $2 AND day = $3`

// PatrolResult is what computing a day gave.
type PatrolResult struct {
	Key     PatrolKey
	Day     patrol.DayMeasure
	Policy  patrol.Policy
	Digest  []byte
	Walked  map[int64][]int64 // cells by grid
	Visited []int64           // grids of the day's visits
	Why     []string
	Over    bool // the day is over: its verdict is kept for ever
	At      time.Time
}

// PutPatrolDay stores a day. changed is false when it was made of the same as
// before: then nothing is written but when it was looked at. A verdict of a day
// that is over is added to the history and never taken out. A day some of whose
// track retention has removed is judged no more: its verdict stays.
func PutPatrolDay(ctx context.Context, tx pgx.Tx, r *PatrolResult) (changed bool, err error) {
	k, date := r.Key, dateOf(r.Key.Day)
	var old []byte
	var seq int32
	var fixes int
	err = tx.QueryRow(ctx, sqlPatrolDigest, k.Region, k.Worker, date).Scan(&old, &seq, &fixes)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return false, fmt.Errorf("look at the day before: %w", err)
	}
	if r.Day.Fixes < fixes || bytes.Equal(old, r.Digest) && (seq > 0 || !r.Over) {
		if _, err := tx.Exec(ctx, sqlTouchPatrolDay, k.Region, k.Worker, date, r.At); err != nil {
			return false, fmt.Errorf("note that the day was looked at: %w", err)
		}
		return false, nil
	}
	d, h, text := &r.Day, &r.Day.Halves, jsonOf(r.Day)
	if r.Over {
		seq++
		if _, err := tx.Exec(ctx, sqlInsertVerdict, k.Region, k.Worker, date, seq, r.At, r.Policy.RuleVersion(), jsonOf(r.Policy), r.Digest, r.Why, h[0].Ms, h[1].Ms, d.Qualified(), text); err != nil {
			return false, fmt.Errorf("keep the verdict: %w", err)
		}
	}
	grids := make([]int64, len(d.Grids))
	for i := range d.Grids {
		grids[i] = d.Grids[i].Grid
	}
	if _, err := tx.Exec(ctx, sqlPutPatrolDay, k.Region, k.Worker, date, h[0].Ms, h[1].Ms, h[0].Qualified, h[1].Qualified, d.Twice, d.Night, d.InMs, d.OutMs, d.DistanceM, d.Fixes, d.Visits, d.Found,
		grids, jsonOf(d.Grids), text, r.Policy.RuleVersion(), r.Digest, seq, r.Why, r.At); err != nil {
		return false, fmt.Errorf("store the day: %w", err)
	}
	return true, putWalk(ctx, tx, r, slices.Concat(grids, r.Visited))
}

const sqlForgetWalk = `DELETE FROM patrol_walk WHERE region_id = $1 AND worker_id = $2 AND day = $3 RETURNING grid_id`

const sqlInsertWalk = `INSERT INTO patrol_walk (region_id, grid_id, day, worker_id, cells) VALUES ($1, $2, $3, $4, $5)`

// putWalk replaces the cells of the day, and marks the weeks of the grids that
// it touches: those assigned or visited, and those walked.
func putWalk(ctx context.Context, tx pgx.Tx, r *PatrolResult, touched []int64) error {
	k, date := r.Key, dateOf(r.Key.Day)
	rows, err := tx.Query(ctx, sqlForgetWalk, k.Region, k.Worker, date)
	if err != nil {
		return fmt.Errorf("forget the cells of the day: %w", err)
	}
	before, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return fmt.Errorf("forget the cells of the day: %w", err)
	}
	touched = append(touched, before...)
	for grid, cells := range r.Walked {
		if _, err := tx.Exec(ctx, sqlInsertWalk, k.Region, grid, date, k.Worker, cells); err != nil {
			return fmt.Errorf("store the cells of the day: %w", err)
		}
		touched = append(touched, grid)
	}
	slices.Sort(touched)
	why := WhyDays
	if !r.Over {
		why = WhyRunning // the week's figures stand meanwhile
	}
	return markWeeks(ctx, tx, slices.Compact(touched), patrol.Monday(k.Day), why)
}

const sqlMarkWeeks = `
INSERT INTO patrol_week_dirty AS p (region_id, grid_id, week, why)
SELECT g.region_id, g.id, $2, ARRAY[$3::text] FROM grid g WHERE g.id = ANY ($1) ORDER BY g.id
ON CONFLICT (region_id, grid_id, week) DO UPDATE SET n = p.n + 1, at = now(), why = CASE WHEN $3 = ANY (p.why) THEN p.why ELSE p.why || $3 END`

func markWeeks(ctx context.Context, q Querier, grids []int64, monday workday.Day, why string) error {
	if len(grids) == 0 {
		return nil
	}
	if _, err := q.Exec(ctx, sqlMarkWeeks, grids, dateOf(monday), why); err != nil {
		return fmt.Errorf("mark the weeks of grids: %w", err)
	}
	return nil
}

const sqlPatrolDays = `
SELECT worker_id, day, measure, rule_version, seq, why, computed_at FROM patrol_day
WHERE region_id = $1 AND worker_id = $2 AND day BETWEEN $3 AND $4 ORDER BY day`

// PatrolDays returns a worker's computed days.
func PatrolDays(ctx context.Context, q Querier, region, worker int64, from, to workday.Day) ([]PatrolDayRow, error) {
	rows, err := q.Query(ctx, sqlPatrolDays, region, worker, dateOf(from), dateOf(to))
	if err != nil {
		return nil, fmt.Errorf("read the computed days: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (d PatrolDayRow, err error) {
		var day time.Time
		err = row.Scan(&d.Worker, &day, &d.Measure, &d.RuleVersion, &d.Seq, &d.Why, &d.ComputedAt)
		d.Day, d.ComputedAt = dayOf(day), d.ComputedAt.UTC()
		return d, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the computed days: %w", err)
	}
	return list, nil
}

// Verdict is one verdict of a day's history.
type Verdict struct {
	Seq         int32         `json:"seq"`
	At          time.Time     `json:"computed_at"`
	RuleVersion string        `json:"rule_version"`
	Policy      patrol.Policy `json:"policy" doc:"as it was"`
	Why         []string      `json:"why"`
	Digest      string        `json:"digest" doc:"of what it was computed from, SHA-256"`
	AmMs        int64         `json:"am_ms"`
	PmMs        int64         `json:"pm_ms"`
	Qualified   int16         `json:"qualified" doc:"half-days"`
}

const sqlVerdicts = `
SELECT seq, computed_at, rule_version, policy, why, encode(digest, 'hex'), am_ms, pm_ms, qualified FROM patrol_verdict
WHERE region_id = $1 AND worker_id = $2 AND day = $3 ORDER BY seq`

// Verdicts returns every verdict that there has been of a day, oldest first.
func Verdicts(ctx context.Context, q Querier, k PatrolKey) ([]Verdict, error) {
	rows, err := q.Query(ctx, sqlVerdicts, k.Region, k.Worker, dateOf(k.Day))
	if err != nil {
		return nil, fmt.Errorf("read the verdicts: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (v Verdict, err error) {
		err = row.Scan(&v.Seq, &v.At, &v.RuleVersion, &v.Policy, &v.Why, &v.Digest, &v.AmMs, &v.PmMs, &v.Qualified)
		v.At = v.At.UTC()
		return v, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the verdicts: %w", err)
	}
	return list, nil
}

const sqlVerdictMeasure = `SELECT measure FROM patrol_verdict WHERE region_id = $1 AND worker_id = $2 AND day = $3 AND seq = $4`

// VerdictMeasure is a day as it was judged then, with its evidence.
func VerdictMeasure(ctx context.Context, q Querier, k PatrolKey, seq int32) (d patrol.DayMeasure, err error) {
	err = q.QueryRow(ctx, sqlVerdictMeasure, k.Region, k.Worker, dateOf(k.Day), seq).Scan(&d)
	if errors.Is(err, pgx.ErrNoRows) {
		return d, fault.New(fault.Missing, "没有这次认定")
	}
	if err != nil {
		return d, fmt.Errorf("read the verdict: %w", err)
	}
	return d, nil
}

const sqlGroundRoads = `
SELECT ST_Transform(r.geom, 4326) FROM base_road r
WHERE r.class NOT IN ('motorway','motorway_link','trunk','trunk_link','rail','railway','subway','light_rail')
  AND EXISTS (SELECT FROM grid_now g WHERE g.layer = 'operative' AND ST_Intersects(ST_Transform(g.geom, 3857), r.geom)) ORDER BY r.id`

const sqlGroundAreas = `
SELECT (ST_Dump(ST_Transform(a.geom, 4326))).geom FROM base_area a
WHERE a.class = 'building' AND EXISTS (SELECT FROM grid_now g WHERE g.layer = 'operative' AND ST_Intersects(ST_Transform(g.geom, 3857), a.geom))`

const sqlGroundGrids = `SELECT id, version, code, geom FROM grid_now WHERE layer = 'operative' ORDER BY code`

// PatrolGround reads the walkable ground of every grid: what roads and
// buildings of the base map touch.
func PatrolGround(ctx context.Context, q Querier) (*patrol.Ground, error) {
	rows, err := q.Query(ctx, sqlGroundGrids)
	if err != nil {
		return nil, fmt.Errorf("read the ground: %w", err)
	}
	grids, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (a fence.Area, err error) {
		return a, row.Scan(&a.ID, &a.Version, &a.Code, &a.Shape)
	})
	if err != nil {
		return nil, fmt.Errorf("read the ground: %w", err)
	}
	if rows, err = q.Query(ctx, sqlGroundRoads); err != nil {
		return nil, fmt.Errorf("read the ground: %w", err)
	}
	roads, err := pgx.CollectRows(rows, pgx.RowTo[orb.LineString])
	if err != nil {
		return nil, fmt.Errorf("read the ground: %w", err)
	}
	if rows, err = q.Query(ctx, sqlGroundAreas); err != nil {
		return nil, fmt.Errorf("read the ground: %w", err)
	}
	buildings, err := pgx.CollectRows(rows, pgx.RowTo[orb.Polygon])
	if err != nil {
		return nil, fmt.Errorf("read the ground: %w", err)
	}
	return patrol.NewGround(grids, roads, buildings)
}
