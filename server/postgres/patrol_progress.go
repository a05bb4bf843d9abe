package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/patrol"
	"github.com/gridward/gridward/server/workday"
)

// Computing says how far computing has come. While something waits, a figure of
// nothing is no verdict, and pages say that it was not computed yet.
type Computing struct {
	Computed int64 `json:"computed" doc:"worker-days that were computed and wait for nothing"`
	Waiting  int64 `json:"waiting" doc:"worker-days to compute, for the first time or again"`
	Settled  bool  `json:"settled" doc:"nothing waits; false: 尚未计算, no figure is a verdict"`
}

// Worker-days with a row, a mark or both. A mark that only asks for a running
// day to be looked at again leaves its figures as they stand.
const patrolDays = `
SELECT COALESCE(d.worker_id, m.worker_id) AS worker_id, COALESCE(d.day, m.day) AS day, m.worker_id IS NOT NULL AND NOT (m.why = '{running}' AND d.worker_id IS NOT NULL) AS waits
FROM (SELECT region_id, worker_id, day FROM patrol_day WHERE region_id = ANY ($3) AND day BETWEEN $1 AND $2) d
FULL JOIN (SELECT region_id, worker_id, day, why FROM patrol_dirty WHERE region_id = ANY ($3) AND day BETWEEN $1 AND $2) m ON m.region_id = d.region_id AND m.worker_id = d.worker_id AND m.day = d.day`

// Not materialized, the days are joined anew for each of a thousand assignments.
const sqlGridProgress = `
WITH day AS MATERIALIZED (` + patrolDays + `),
land AS (SELECT id FROM grid_now WHERE region_id = ANY ($3) AND is_execution AND layer = 'operative' AND org_path LIKE ANY ($4)
  AND NOT EXISTS (SELECT FROM grid_version i WHERE i.grid_id = grid_now.id AND NOT i.is_execution AND i.valid_from < ($6::date + 7) AT TIME ZONE 'Asia/Shanghai' AND i.valid_to >= ($6::date + 7) AT TIME ZONE 'Asia/Shanghai')),
beat AS (SELECT a.grid_id, d.worker_id, d.day, d.waits FROM day d JOIN grid_assignment a ON a.worker_id = d.worker_id AND a.role IN ('leader','worker') AND a.valid_from <= d.day AND COALESCE(a.valid_to, 'infinity') >= d.day
  JOIN land l ON l.id = a.grid_id),
week AS (SELECT w.grid_id, count(*) AS n FROM patrol_week w LEFT JOIN patrol_week_dirty m ON m.region_id = w.region_id AND m.grid_id = w.grid_id AND m.week = w.week
  WHERE w.region_id = ANY ($3) AND w.week BETWEEN $5 AND $6 AND (m.week IS NULL OR m.why = '{running}') GROUP BY 1)
SELECT 0, (SELECT count(DISTINCT (worker_id, day)) FROM beat WHERE NOT waits), (SELECT count(DISTINCT (worker_id, day)) FROM beat WHERE waits), 0
UNION ALL
SELECT l.id, COALESCE(b.computed, 0), COALESCE(b.waiting, 0), COALESCE(w.n, 0) FROM land l LEFT JOIN week w ON w.grid_id = l.id
LEFT JOIN (SELECT grid_id, count(*) FILTER (WHERE NOT waits) AS computed, count(*) FILTER (WHERE waits) AS waiting FROM beat GROUP BY 1) b ON b.grid_id = l.id`

const sqlRegionsOf = `SELECT COALESCE(array_agg(DISTINCT region_id), '{}') FROM org WHERE path LIKE ANY ($1)`

func regionsOf(ctx context.Context, q Querier, scope []string) (ids []int64, err error) {
	if err = q.QueryRow(ctx, sqlRegionsOf, Under(scope)).Scan(&ids); err != nil {
		err = fmt.Errorf("find the regions: %w", err)
	}
	return ids, err
}

// GridProgress says how far computing has come, for all execution grids of a
// scope together and for each, from one day to another, both included. Weeks
// after today's are not asked for.
func GridProgress(ctx context.Context, q Querier, from, to, today workday.Day, scope []string) (all Computing, each map[int64]Computing, err error) {
	regions, err := regionsOf(ctx, q, scope)
	if err != nil {
		return all, nil, err
	}
	first, last := patrol.Monday(from), patrol.Monday(min(to, today))
	weeks := int64(max(last-first, -7)/7) + 1
	rows, err := q.Query(ctx, sqlGridProgress, dateOf(from), dateOf(to), regions, Under(scope), dateOf(first), dateOf(last))
	if err != nil {
		return all, nil, fmt.Errorf("read how far computing has come: %w", err)
	}
	each = map[int64]Computing{}
	settled := true
	var grid, done int64
	var p Computing
	_, err = pgx.ForEachRow(rows, []any{&grid, &p.Computed, &p.Waiting, &done}, func() error {
		if grid == 0 {
			all = p
			return nil
		}
		p.Settled = p.Waiting == 0 && done >= weeks
		each[grid] = p
		settled = settled && p.Settled
		return nil
	})
	if err != nil {
		return all, nil, fmt.Errorf("read how far computing has come: %w", err)
	}
	all.Settled = settled
	return all, each, nil
}

const sqlWorkerProgress = `
WITH day AS (` + patrolDays + `)
SELECT count(*) FILTER (WHERE NOT waits), count(*) FILTER (WHERE waits), EXISTS (SELECT FROM patrol_week w WHERE w.region_id = ANY ($3) AND w.week = $5) FROM day WHERE worker_id = $4`

// WorkerProgress says how far a worker's week was computed. A week that is on
// nobody's board yet was not looked at.
func WorkerProgress(ctx context.Context, q Querier, region, worker int64, monday workday.Day) (p Computing, err error) {
	var opened bool
	err = q.QueryRow(ctx, sqlWorkerProgress, dateOf(monday), dateOf(monday+6), []int64{region}, worker, dateOf(monday)).Scan(&p.Computed, &p.Waiting, &opened)
	if err != nil {
		return p, fmt.Errorf("read how far computing has come: %w", err)
	}
	p.Settled = p.Waiting == 0 && (p.Computed > 0 || opened)
	return p, nil
}

// A day is looked at for doubts after it was computed.
const sqlDoubtProgress = `
WITH mine AS (SELECT w.id FROM worker w JOIN org o ON o.id = w.org_id WHERE w.kind = 'person' AND o.path LIKE ANY ($4) AND ($5::bigint IS NULL OR w.id = $5)
  AND ($6::bigint IS NULL OR EXISTS (SELECT FROM grid_assignment a WHERE a.grid_id = $6 AND a.worker_id = w.id AND a.role IN ('leader','worker') AND a.valid_from <= $2 AND COALESCE(a.valid_to, 'infinity') >= $1))),
seen AS (
  SELECT p.worker_id, p.day, c.checked_at >= p.computed_at AS checked FROM patrol_day p
  LEFT JOIN doubt_check c ON c.region_id = p.region_id AND c.worker_id = p.worker_id AND c.day = p.day
  WHERE p.region_id = ANY ($3) AND p.day BETWEEN $1 AND $2 AND p.seq > 0
), marked AS (
  SELECT worker_id, day FROM patrol_dirty WHERE region_id = ANY ($3) AND day BETWEEN $1 AND $2
)
SELECT count(*) FILTER (WHERE s.checked AND m.worker_id IS NULL), count(*) FILTER (WHERE m.worker_id IS NOT NULL OR s.checked IS NOT TRUE)
FROM seen s FULL JOIN marked m ON m.worker_id = s.worker_id AND m.day = s.day WHERE COALESCE(s.worker_id, m.worker_id) IN (SELECT id FROM mine)`

// DoubtProgress says how many worker-days of a list were looked at for doubts,
// and how many wait for it. Days are looked at once they are over, and a month back.
func DoubtProgress(ctx context.Context, q Querier, f DoubtFilter, today workday.Day) (p Computing, err error) {
	scope := f.Scope
	if f.OrgPath != "" {
		scope = []string{f.OrgPath}
	}
	regions, err := regionsOf(ctx, q, scope)
	if err != nil {
		return p, err
	}
	from, to := dateOf(today-DoubtDays), dateOf(today-1)
	if f.From != nil && f.From.After(from) {
		from = *f.From
	}
	if f.To != nil && f.To.Before(to) {
		to = *f.To
	}
	if err = q.QueryRow(ctx, sqlDoubtProgress, from, to, regions, Under(scope), f.Worker, f.Grid).Scan(&p.Computed, &p.Waiting); err != nil {
		return p, fmt.Errorf("read how many days were looked at for doubts: %w", err)
	}
	p.Settled = p.Waiting == 0 && p.Computed > 0 || to.Before(from)
	return p, nil
}

// Announced marks are never old enough to be worked.
const sqlAnnounceDays = `
INSERT INTO patrol_dirty (region_id, worker_id, day, why, at)
SELECT w.region_id, w.id, d, ARRAY['nightly'], 'infinity' FROM worker w, unnest($2::date[]) AS d WHERE w.code = ANY ($1::text[]) ORDER BY 1, 2, 3 ON CONFLICT DO NOTHING`

// AnnouncePatrolDays says that fixes of workers' days are on their way past the
// doors: until they are there the days wait, and pages say so.
func AnnouncePatrolDays(ctx context.Context, q Querier, workers []string, days []workday.Day) error {
	dates := make([]time.Time, len(days))
	for i, d := range days {
		dates[i] = dateOf(d)
	}
	if _, err := q.Exec(ctx, sqlAnnounceDays, workers, dates); err != nil {
		return fmt.Errorf("announce days: %w", err)
	}
	return nil
}

const sqlReleaseDays = `
WITH out AS (UPDATE patrol_dirty p SET at = now() - interval '1 hour' WHERE p.at = 'infinity' AND EXISTS (SELECT FROM duty_session s WHERE s.worker_id = p.worker_id
  AND s.started_at < (p.day + 1)::timestamp AT TIME ZONE 'Asia/Shanghai' AND COALESCE(s.ended_at, s.started_at) >= p.day::timestamp AT TIME ZONE 'Asia/Shanghai') RETURNING p.region_id, p.worker_id, p.day)
DELETE FROM patrol_dirty p WHERE p.at = 'infinity' AND NOT EXISTS (SELECT FROM out o WHERE o.region_id = p.region_id AND o.worker_id = p.worker_id AND o.day = p.day)`

// ReleasePatrolDays has the announced days computed; of those on which somebody
// did not go out there is nothing to compute.
func ReleasePatrolDays(ctx context.Context, q Querier) error {
	if _, err := q.Exec(ctx, sqlReleaseDays); err != nil {
		return fmt.Errorf("release the announced days: %w", err)
	}
	return nil
}
