package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// DutyNow is somebody on duty: an open session, or a shift that holds now.
type DutyNow struct {
	Worker    int64
	OrgPath   string // for whom: decides who sees the worker
	Session   *uuid.UUID
	Purpose   string
	StartedAt time.Time
}

const sqlDutyNow = `
SELECT d.worker_id, o.path, d.id, d.purpose, d.started_at
FROM duty_session d JOIN org o ON o.id = d.org_id WHERE d.ended_at IS NULL
UNION ALL
SELECT s.worker_id, o.path, NULL, '', s.starts_at
FROM shift s JOIN org o ON o.id = s.org_id
WHERE s.starts_at <= $1 AND s.ends_at > $1
  AND s.worker_id IN (SELECT x.worker_id FROM device x WHERE x.duty = 'schedule' AND x.status = 'active')`

// OnDutyNow returns everybody on duty by worker; a session counts before a shift.
func OnDutyNow(ctx context.Context, q Querier, now time.Time) (map[int64]DutyNow, error) {
	rows, err := q.Query(ctx, sqlDutyNow, now)
	if err != nil {
		return nil, fmt.Errorf("read who is on duty: %w", err)
	}
	duty := map[int64]DutyNow{}
	var d DutyNow
	_, err = pgx.ForEachRow(rows, []any{&d.Worker, &d.OrgPath, &d.Session, &d.Purpose, &d.StartedAt}, func() error {
		if _, ok := duty[d.Worker]; !ok || d.Session != nil {
			duty[d.Worker] = d
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read who is on duty: %w", err)
	}
	return duty, nil
}

// CaseCount is how many incidents of one kind there are on one piece of ground.
type CaseCount struct {
	OrgPath  string
	Org      int64
	Grid     int64
	Urgency  string
	Category string
	Hour     int // of today in the business zone, -1 before today
	Open     bool
	N        int
}

// Of a case reported before today only urgency and ground are asked.
const sqlCaseCounts = `
SELECT o.path AS org_path, o.id AS org, COALESCE(i.grid_id, 0) AS grid, i.urgency, CASE WHEN i.reported_at >= $1 THEN i.category ELSE '' END AS category,
  CASE WHEN i.reported_at >= $1 THEN LEAST(23, floor(date_part('epoch', i.reported_at - $1) / 3600))::integer ELSE -1 END AS hour, i.open, count(*)::integer AS n
FROM (
  SELECT org_id, grid_id, urgency, category, reported_at, open FROM incident WHERE open AND NOT drill
  UNION ALL
  SELECT org_id, grid_id, urgency, category, reported_at, open FROM incident WHERE NOT open AND NOT drill AND reported_at >= $1) i JOIN org o ON o.id = i.org_id
GROUP BY 1, 2, 3, 4, 5, 6, 7`

// CaseCounts counts today's incidents and those still open, drills apart, over
// every organisation: one reading serves every screen's scope.
func CaseCounts(ctx context.Context, q Querier, today time.Time) ([]CaseCount, error) {
	rows, err := q.Query(ctx, sqlCaseCounts, today)
	if err != nil {
		return nil, fmt.Errorf("count the incidents: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[CaseCount])
	if err != nil {
		return nil, fmt.Errorf("count the incidents: %w", err)
	}
	return list, nil
}

const sqlGridSince = `SELECT valid_from FROM grid_version WHERE grid_id = $1 AND valid_to IS NULL`

// GridSince returns since when the grid has had its present shape.
func GridSince(ctx context.Context, q Querier, grid int64) (time.Time, error) {
	var at time.Time
	if err := q.QueryRow(ctx, sqlGridSince, grid).Scan(&at); err != nil {
		return at, fmt.Errorf("date the grid: %w", err)
	}
	return at, nil
}
