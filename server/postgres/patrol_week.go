package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/patrol"
	"github.com/gridward/gridward/server/workday"
)

// GridWeek names a grid's week by its Monday.
type GridWeek struct {
	Region, Grid int64
	Week         workday.Day
}

// A week of which days still wait would only be put together again after them.
const sqlWeeksWaiting = `
SELECT d.region_id, d.grid_id, d.week FROM patrol_week_dirty d
WHERE NOT EXISTS (SELECT FROM grid_assignment a JOIN patrol_dirty m ON m.region_id = d.region_id AND m.worker_id = a.worker_id AND m.day BETWEEN d.week AND d.week + 6 AND m.why <> '{running}'
  WHERE a.grid_id = d.grid_id AND a.role IN ('leader','worker') AND a.valid_from <= m.day AND COALESCE(a.valid_to, 'infinity') >= m.day)
ORDER BY d.week DESC, d.grid_id LIMIT $1`

// WeeksWaiting lists grid-weeks to compute.
func WeeksWaiting(ctx context.Context, q Querier, limit int) ([]GridWeek, error) {
	rows, err := q.Query(ctx, sqlWeeksWaiting, limit)
	if err != nil {
		return nil, fmt.Errorf("list the weeks to compute: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (k GridWeek, err error) {
		var d time.Time
		err = row.Scan(&k.Region, &k.Grid, &d)
		k.Week = dayOf(d)
		return k, err
	})
	if err != nil {
		return nil, fmt.Errorf("list the weeks to compute: %w", err)
	}
	return list, nil
}

const sqlClaimWeek = `DELETE FROM patrol_week_dirty WHERE region_id = $1 AND grid_id = $2 AND week = $3 RETURNING why`

// ClaimWeek takes a marked week out of the list; ok is false when somebody else has.
func ClaimWeek(ctx context.Context, tx pgx.Tx, k GridWeek) (why []string, ok bool, err error) {
	err = tx.QueryRow(ctx, sqlClaimWeek, k.Region, k.Grid, dateOf(k.Week)).Scan(&why)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("claim a week to compute: %w", err)
	}
	return why, true, nil
}

// Beat is a worker's answering for a grid, in days, both included.
type Beat struct {
	Worker   int64
	Name     string
	OrgPath  string // of the worker's organisation
	OrgName  string
	Leader   bool
	From, To workday.Day
}

// On reports whether the beat holds on the day.
func (b Beat) On(d workday.Day) bool { return d >= b.From && d <= b.To }

// DayShare is what a worker's day came to for one grid.
type DayShare struct {
	Worker    int64
	Day       workday.Day
	Share     patrol.GridShare  // what it came to in this grid
	Halves    [2]patrol.HalfDay // and in all of the worker's
	Twice     bool
	InMs, Out int64
	DistanceM float64 // of the way that day, as much as of the effective time
	GapMs     int64
	Gaps      int64
	Fixes     int
}

// shared puts into d what the day came to for the grid, of those assigned.
func (d *DayShare) shared(grid int64, shares []patrol.GridShare) {
	var all, mine int64
	for i := range shares {
		ms := shares[i].Halves[0].Ms + shares[i].Halves[1].Ms
		all += ms
		if shares[i].Grid == grid {
			d.Share, mine = shares[i], ms
		}
	}
	switch {
	case all > 0:
		d.DistanceM *= float64(mine) / float64(all)
	case len(shares) > 1:
		d.DistanceM /= float64(len(shares))
	}
}

// WeekInput is what a grid's week is put together from.
type WeekInput struct {
	OrgPath, OrgKind string
	Asked            bool // an execution grid in force when the week ends: others are asked for nothing
	Beats            []Beat
	Days             []DayShare
	Leave            map[int64][]patrol.Leave
	Cells            []int64      // that somebody's accepted track led near, once each
	Area             *patrol.Frac // what it covered before retention removed where people walked
	Visits           WeekVisits
}

// WeekVisits are a grid's visits of a week.
type WeekVisits struct {
	Visits, Attempts, Found int64
	Cover                   patrol.Coverage // but the area
}

// inForce joins to grid g its version v when the week $2 ends; weeks before the first import have the first.
const inForce = `
JOIN LATERAL (SELECT i.* FROM grid_version i WHERE i.grid_id = g.id
  ORDER BY (i.valid_from < ($2::date + 7) AT TIME ZONE 'Asia/Shanghai') DESC, CASE WHEN i.valid_from < ($2::date + 7) AT TIME ZONE 'Asia/Shanghai' THEN i.valid_from END DESC NULLS LAST, i.version LIMIT 1) v
  ON v.valid_to IS NULL OR v.valid_to >= ($2::date + 7) AT TIME ZONE 'Asia/Shanghai'`

const sqlGridOrg = `
SELECT o.path, o.kind, g.layer = 'operative' AND COALESCE(v.is_execution, false) FROM grid g JOIN org o ON o.id = g.org_id LEFT ` + inForce + ` WHERE g.id = $1`

const sqlBeats = `
SELECT a.worker_id, w.name, o.path, o.name, a.role = 'leader', a.valid_from, COALESCE(a.valid_to, '9999-12-31')
FROM grid_assignment a JOIN worker w ON w.id = a.worker_id JOIN org o ON o.id = w.org_id
WHERE a.grid_id = $1 AND a.role IN ('leader','worker') AND a.valid_from <= $2::date + 6 AND COALESCE(a.valid_to, 'infinity') >= $2 ORDER BY a.valid_from DESC, a.worker_id, a.role`

const sqlWeekShares = `
SELECT worker_id, day, shares, am_ms, am_ok, pm_ms, pm_ok, twice, in_ms, out_ms, distance_m, (measure->>'gap_ms')::bigint, (measure->>'gaps')::bigint, fixes
FROM patrol_day WHERE region_id = $1 AND worker_id = ANY ($2) AND day BETWEEN $3 AND $3::date + 6 ORDER BY worker_id, day`

const sqlWeekCells = `
SELECT DISTINCT c FROM patrol_walk w, unnest(w.cells) AS c WHERE w.region_id = $1 AND w.grid_id = $2 AND w.day BETWEEN $3 AND $3::date + 6`

const sqlAreaKept = `
SELECT area_n, area_d FROM patrol_week WHERE region_id = $1 AND grid_id = $2 AND week = $3
  AND week < (SELECT (max(cutoff) AT TIME ZONE 'Asia/Shanghai')::date FROM retention_run WHERE class = 'patrol_walk')`

// ReadWeek reads what a grid's week is put together from.
func ReadWeek(ctx context.Context, q Querier, k GridWeek) (in WeekInput, err error) {
	monday := dateOf(k.Week)
	if err := q.QueryRow(ctx, sqlGridOrg, k.Grid, monday).Scan(&in.OrgPath, &in.OrgKind, &in.Asked); err != nil {
		return in, fmt.Errorf("find whose the grid is: %w", err)
	}
	rows, err := q.Query(ctx, sqlBeats, k.Grid, monday)
	if err != nil {
		return in, fmt.Errorf("read who answers for the grid: %w", err)
	}
	in.Beats, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (b Beat, err error) {
		var from, to time.Time
		err = row.Scan(&b.Worker, &b.Name, &b.OrgPath, &b.OrgName, &b.Leader, &from, &to)
		b.From, b.To = dayOf(from), dayOf(to)
		return b, err
	})
	if err != nil {
		return in, fmt.Errorf("read who answers for the grid: %w", err)
	}
	workers := make([]int64, len(in.Beats))
	for i := range in.Beats {
		workers[i] = in.Beats[i].Worker
	}
	if rows, err = q.Query(ctx, sqlWeekShares, k.Region, workers, monday); err != nil {
		return in, fmt.Errorf("read the days of the week: %w", err)
	}
	in.Days, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (d DayShare, err error) {
		var day time.Time
		var shares []patrol.GridShare
		err = row.Scan(&d.Worker, &day, &shares, &d.Halves[0].Ms, &d.Halves[0].Qualified, &d.Halves[1].Ms, &d.Halves[1].Qualified, &d.Twice, &d.InMs, &d.Out, &d.DistanceM, &d.GapMs, &d.Gaps, &d.Fixes)
		d.Day = dayOf(day)
		d.shared(k.Grid, shares)
		return d, err
	})
	if err != nil {
		return in, fmt.Errorf("read the days of the week: %w", err)
	}
	if in.Leave, err = leaveBetween(ctx, q, workers, k.Week, k.Week+6); err != nil {
		return in, err
	}
	if rows, err = q.Query(ctx, sqlWeekCells, k.Region, k.Grid, monday); err != nil {
		return in, fmt.Errorf("read where the week led: %w", err)
	}
	if in.Cells, err = pgx.CollectRows(rows, pgx.RowTo[int64]); err != nil {
		return in, fmt.Errorf("read where the week led: %w", err)
	}
	var kept patrol.Frac
	switch err := q.QueryRow(ctx, sqlAreaKept, k.Region, k.Grid, monday).Scan(&kept.N, &kept.D); {
	case err == nil:
		in.Area = &kept
	case !errors.Is(err, pgx.ErrNoRows):
		return in, fmt.Errorf("read what the week covered: %w", err)
	}
	in.Visits, err = weekVisits(ctx, q, k)
	return in, err
}

// WeekRow is a grid's week as it is stored.
type WeekRow struct {
	GridWeek
	Leader    int64 // 0 = none
	Workers   int
	Measure   patrol.WeekMeasure
	Cover     patrol.Coverage
	Visits    WeekVisits
	Short     int64
	InMs, Out int64
	DistanceM float64
	Night     int
	GapMs     int64
	Gaps      int64
	Policy    patrol.Policy // the quota, as it is
	Why       []string
	At        time.Time
	Over      bool // the week is over: its verdict is kept for ever
}

const sqlPutWeek = `
INSERT INTO patrol_week (region_id, grid_id, week, working_days, required, qualified, state, leader_id, workers, area_n, area_d, household_n, household_d, object_n, object_d, checkpoint_n, checkpoint_d,
  visits, attempts, short_visits, found, in_ms, out_ms, distance_m, night, gap_ms, gaps, measure, rule_version, why, computed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, NULLIF($8::bigint, 0), $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31)
ON CONFLICT (region_id, grid_id, week) DO UPDATE SET working_days = excluded.working_days, required = excluded.required, qualified = excluded.qualified, state = excluded.state,
  leader_id = excluded.leader_id, workers = excluded.workers, area_n = excluded.area_n, area_d = excluded.area_d, household_n = excluded.household_n, household_d = excluded.household_d,
  object_n = excluded.object_n, object_d = excluded.object_d, checkpoint_n = excluded.checkpoint_n, checkpoint_d = excluded.checkpoint_d, visits = excluded.visits, attempts = excluded.attempts,
  short_visits = excluded.short_visits, found = excluded.found, in_ms = excluded.in_ms, out_ms = excluded.out_ms, distance_m = excluded.distance_m, night = excluded.night, gap_ms = excluded.gap_ms,
  gaps = excluded.gaps, measure = excluded.measure, rule_version = excluded.rule_version, why = excluded.why, computed_at = excluded.computed_at
WHERE (patrol_week.measure, patrol_week.rule_version, patrol_week.leader_id, patrol_week.workers, patrol_week.area_n, patrol_week.area_d, patrol_week.household_n, patrol_week.household_d,
    patrol_week.object_n, patrol_week.object_d, patrol_week.checkpoint_n, patrol_week.checkpoint_d, patrol_week.visits, patrol_week.attempts, patrol_week.short_visits, patrol_week.found,
    patrol_week.in_ms, patrol_week.out_ms, patrol_week.distance_m, patrol_week.night, patrol_week.gap_ms, patrol_week.gaps)
  IS DISTINCT FROM (excluded.measure, excluded.rule_version, excluded.leader_id, excluded.workers, excluded.area_n, excluded.area_d, excluded.household_n, excluded.household_d,
    excluded.object_n, excluded.object_d, excluded.checkpoint_n, excluded.checkpoint_d, excluded.visits, excluded.attempts, excluded.short_visits, excluded.found,
    excluded.in_ms, excluded.out_ms, excluded.distance_m, excluded.night, excluded.gap_ms, excluded.gaps)`

const sqlInsertWeekVerdict = `
INSERT INTO patrol_week_verdict (region_id, grid_id, week, seq, computed_at, rule_version, policy, why, required, qualified, state, measure)
SELECT $1, $2, $3, COALESCE(l.seq, 0) + 1, $4, $5, $6, $7, $8, $9, $10, $11::jsonb
FROM (VALUES (1)) AS one LEFT JOIN LATERAL (SELECT v.seq, v.measure, v.rule_version FROM patrol_week_verdict v WHERE v.region_id = $1 AND v.grid_id = $2 AND v.week = $3 ORDER BY v.seq DESC LIMIT 1) l ON true
WHERE l.seq IS NULL OR (l.measure, l.rule_version) <> ($11::jsonb, $5)`

const sqlForgetWeek = `DELETE FROM patrol_week WHERE region_id = $1 AND grid_id = $2 AND week = $3`

// ForgetWeek takes a grid's week off the board: nothing was asked of the grid.
func ForgetWeek(ctx context.Context, tx pgx.Tx, k GridWeek) error {
	if _, err := tx.Exec(ctx, sqlForgetWeek, k.Region, k.Grid, dateOf(k.Week)); err != nil {
		return fmt.Errorf("take the week off the board: %w", err)
	}
	return nil
}

// PutWeek stores a grid's week; one that came to the same as before stays as it
// is, with the time and the reason of then. A verdict of a week that is over is
// added to the history and never taken out.
func PutWeek(ctx context.Context, tx pgx.Tx, w *WeekRow) error {
	m, c, v := &w.Measure, &w.Cover, &w.Visits
	_, err := tx.Exec(ctx, sqlPutWeek, w.Region, w.Grid, dateOf(w.Week), m.WorkingDays, m.Required, m.Qualified, string(m.State), w.Leader, w.Workers,
		c.Area.N, c.Area.D, c.Household.N, c.Household.D, c.Object.N, c.Object.D, c.Checkpoint.N, c.Checkpoint.D, v.Visits, v.Attempts, w.Short, v.Found,
		w.InMs, w.Out, w.DistanceM, w.Night, w.GapMs, w.Gaps, jsonOf(m), m.RuleVersion, w.Why, w.At)
	if err != nil {
		return fmt.Errorf("store the week: %w", err)
	}
	if !w.Over {
		return nil
	}
	if _, err := tx.Exec(ctx, sqlInsertWeekVerdict, w.Region, w.Grid, dateOf(w.Week), w.At, m.RuleVersion, jsonOf(w.Policy), w.Why, m.Required, m.Qualified, string(m.State), jsonOf(m)); err != nil {
		return fmt.Errorf("keep the week's verdict: %w", err)
	}
	return nil
}

// Everybody who moved on the day: with fixes, or on duty. Guides keep no tracks.
const sqlEnqueueDay = `
INSERT INTO patrol_dirty AS p (region_id, worker_id, day, why, at)
SELECT w.region_id, w.id, $1::date, ARRAY[$4::text], now() - interval '1 hour' FROM worker w
WHERE w.kind = 'person' AND w.role IN ('grid_worker','grid_leader')
  AND (EXISTS (SELECT FROM fix f WHERE f.region_id = w.region_id AND f.worker_id = w.id AND f.at >= $2 AND f.at < $3)
    OR EXISTS (SELECT FROM duty_session s WHERE s.worker_id = w.id AND s.started_at < $3 AND COALESCE(s.ended_at, s.started_at + interval '16 hours') >= $2 AND s.started_at >= $2 - interval '2 days'))
ORDER BY w.region_id, w.id
ON CONFLICT (region_id, worker_id, day) DO UPDATE SET n = p.n + 1, why = CASE WHEN $4 = ANY (p.why) THEN p.why ELSE p.why || $4 END`

// EnqueueDay asks for everybody's day to be computed and says how many those are.
func EnqueueDay(ctx context.Context, q Querier, d workday.Day, why string) (int64, error) {
	tag, err := q.Exec(ctx, sqlEnqueueDay, dateOf(d), d.Start(), (d + 1).Start(), why)
	if err != nil {
		return 0, fmt.Errorf("mark everybody's day: %w", err)
	}
	return tag.RowsAffected(), nil
}

// Those who have moved since their running day was last looked at.
const sqlEnqueueRunning = `
INSERT INTO patrol_dirty AS p (region_id, worker_id, day, why, at)
SELECT l.region_id, l.worker_id, $1::date, ARRAY['running'], now() - interval '1 hour'
FROM last_fix l JOIN worker w ON w.id = l.worker_id AND w.kind = 'person' AND w.role IN ('grid_worker','grid_leader')
LEFT JOIN patrol_day d ON d.region_id = l.region_id AND d.worker_id = l.worker_id AND d.day = $1
WHERE l.at >= $2 AND (d.seen_at IS NULL OR d.seen_at < $3 AND l.updated_at > d.seen_at)
ORDER BY l.region_id, l.worker_id ON CONFLICT DO NOTHING`

// EnqueueRunning asks for the running days of those to be computed who have
// moved since, unless that was done after the instant given.
func EnqueueRunning(ctx context.Context, q Querier, today workday.Day, since time.Time) (int64, error) {
	tag, err := q.Exec(ctx, sqlEnqueueRunning, dateOf(today), today.Start(), since)
	if err != nil {
		return 0, fmt.Errorf("mark the running days: %w", err)
	}
	return tag.RowsAffected(), nil
}

// PatrolState is how far computing has come.
type PatrolState struct {
	Epoch     int64        // of the territory
	Terms     int64        // the epoch of calendars, holidays and limits
	Calendars int64        // the fingerprint of the first two
	Closed    *workday.Day // the newest day that was given to computing as a whole
	Week      *workday.Day // the newest week that every grid has a row of
}

const sqlPatrolState = `SELECT epoch, terms, calendars, closed_day, seen_week FROM patrol_state FOR UPDATE`

const sqlPutPatrolState = `UPDATE patrol_state SET epoch = $1, terms = $2, calendars = $3, closed_day = $4, seen_week = $5`

// LockPatrolState reads and holds it.
func LockPatrolState(ctx context.Context, tx pgx.Tx) (s PatrolState, err error) {
	var closed, week *time.Time
	if err := tx.QueryRow(ctx, sqlPatrolState).Scan(&s.Epoch, &s.Terms, &s.Calendars, &closed, &week); err != nil {
		return s, fmt.Errorf("read how far computing has come: %w", err)
	}
	for _, x := range []struct {
		t *time.Time
		d **workday.Day
	}{{closed, &s.Closed}, {week, &s.Week}} {
		if x.t != nil {
			d := dayOf(*x.t)
			*x.d = &d
		}
	}
	return s, nil
}

// PutPatrolState stores it.
func PutPatrolState(ctx context.Context, tx pgx.Tx, s PatrolState) error {
	date := func(d *workday.Day) *time.Time {
		if d == nil {
			return nil
		}
		t := dateOf(*d)
		return &t
	}
	if _, err := tx.Exec(ctx, sqlPutPatrolState, s.Epoch, s.Terms, s.Calendars, date(s.Closed), date(s.Week)); err != nil {
		return fmt.Errorf("store how far computing has come: %w", err)
	}
	return nil
}

const sqlCalendarsPrint = `
SELECT hashtextextended(COALESCE((SELECT string_agg(concat_ws(' ', c.org_id, c.org_kind, c.plan), '/' ORDER BY c.id) FROM calendar c), '')
  || COALESCE((SELECT string_agg(concat_ws(' ', h.year, h.days), '/' ORDER BY h.year) FROM holiday_list h), ''), 0)`

// CalendarsPrint is a fingerprint of all calendars and holiday lists.
func CalendarsPrint(ctx context.Context, q Querier) (print int64, err error) {
	if err := q.QueryRow(ctx, sqlCalendarsPrint).Scan(&print); err != nil {
		return 0, fmt.Errorf("read the calendars: %w", err)
	}
	return print, nil
}

const sqlMarkEveryWeek = `
INSERT INTO patrol_week_dirty AS p (region_id, grid_id, week, why)
SELECT region_id, grid_id, week, ARRAY[$2::text] FROM patrol_week WHERE week >= $1 ORDER BY 1, 2, 3
ON CONFLICT (region_id, grid_id, week) DO UPDATE SET n = p.n + 1, why = CASE WHEN $2 = ANY (p.why) THEN p.why ELSE p.why || $2 END`

// MarkEveryWeek asks for all weeks from one on to be computed again.
func MarkEveryWeek(ctx context.Context, tx pgx.Tx, from workday.Day, why string) (int64, error) {
	tag, err := tx.Exec(ctx, sqlMarkEveryWeek, dateOf(from), why)
	if err != nil {
		return 0, fmt.Errorf("mark the weeks: %w", err)
	}
	return tag.RowsAffected(), nil
}

const sqlOpenWeek = `
INSERT INTO patrol_week_dirty AS p (region_id, grid_id, week, why)
SELECT g.region_id, g.id, $1, ARRAY['nightly'] FROM grid_now g
WHERE g.is_execution AND g.layer = 'operative' AND NOT EXISTS (SELECT FROM patrol_week w WHERE w.region_id = g.region_id AND w.grid_id = g.id AND w.week = $1) ORDER BY 1, 2
ON CONFLICT DO NOTHING`

// OpenWeek asks for a row of every execution grid that has none of the week: a
// grid where nobody went is on the board too.
func OpenWeek(ctx context.Context, q Querier, monday workday.Day) error {
	if _, err := q.Exec(ctx, sqlOpenWeek, dateOf(monday)); err != nil {
		return fmt.Errorf("open the week: %w", err)
	}
	return nil
}

const sqlFirstTracked = `SELECT min(at) FROM (SELECT (SELECT f.at FROM fix f WHERE f.region_id = w.region_id AND f.worker_id = w.id ORDER BY f.at LIMIT 1) FROM worker w WHERE w.kind = 'person') AS x(at)`

// FirstTracked is the first day of which there are fixes.
func FirstTracked(ctx context.Context, q Querier) (d workday.Day, ok bool, err error) {
	var at *time.Time
	if err := q.QueryRow(ctx, sqlFirstTracked).Scan(&at); err != nil {
		return 0, false, fmt.Errorf("find the first fix: %w", err)
	}
	if at == nil {
		return 0, false, nil
	}
	return workday.DayOf(*at), true, nil
}

const sqlMarkRunning = `
INSERT INTO patrol_dirty (region_id, worker_id, day, why)
SELECT $1, $2, $3, ARRAY['running']
WHERE NOT EXISTS (SELECT FROM patrol_day d WHERE d.region_id = $1 AND d.worker_id = $2 AND d.day = $3 AND d.seen_at >= $4)
ON CONFLICT DO NOTHING RETURNING true`

// MarkRunning marks a running day that was last looked at before the instant.
// marked is false when it is fresh, or marked already.
func MarkRunning(ctx context.Context, q Querier, k PatrolKey, before time.Time) (marked bool, err error) {
	err = q.QueryRow(ctx, sqlMarkRunning, k.Region, k.Worker, dateOf(k.Day), before).Scan(&marked)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("mark the running day: %w", err)
	}
	return marked, nil
}

// DeadlineEpoch is the number of the newest change to calendars, holidays and limits.
func DeadlineEpoch(ctx context.Context, q Querier) (epoch int64, err error) {
	if err := q.QueryRow(ctx, sqlDeadlineEpoch).Scan(&epoch); err != nil {
		return 0, fmt.Errorf("read the epoch of deadlines: %w", err)
	}
	return epoch, nil
}

// ExecutionGrid is a grid that a quota is asked of.
type ExecutionGrid struct {
	ID, Region    int64
	Name, OrgName string
}

const sqlExecutionGrids = `SELECT id, region_id AS region, name, org_name FROM grid_now WHERE is_execution AND layer = 'operative' AND org_path LIKE ANY ($1) ORDER BY code`

// ExecutionGrids lists the execution grids of organisations and those below them.
func ExecutionGrids(ctx context.Context, q Querier, paths []string) ([]ExecutionGrid, error) {
	rows, err := q.Query(ctx, sqlExecutionGrids, Under(paths))
	if err != nil {
		return nil, fmt.Errorf("list the execution grids: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[ExecutionGrid])
	if err != nil {
		return nil, fmt.Errorf("list the execution grids: %w", err)
	}
	return list, nil
}
