package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/patrol"
	"github.com/gridward/gridward/server/workday"
)

// ReportRow is a grid's week as the printed report says it.
type ReportRow struct {
	Code, Name, Org, Leader string
	Measure                 patrol.WeekMeasure
	Cover                   patrol.Coverage
	Visits, Found, In, Out  int64
	DistanceM               float64
	DoubtsOpen, Doubts      int64
	Computed                time.Time
}

// A doubt is a person's; a grid's are those of the people who answered for it in the week.
const sqlPatrolReport = `
SELECT g.code, g.name, g.org_name, COALESCE(l.name, ''), w.measure, w.area_n, w.area_d, w.household_n, w.household_d, w.object_n, w.object_d, w.checkpoint_n, w.checkpoint_d,
  w.visits, w.found, w.in_ms, w.out_ms, w.distance_m, d.open, d.total, w.computed_at
FROM patrol_week w JOIN grid_now g ON g.id = w.grid_id LEFT JOIN worker l ON l.id = w.leader_id
CROSS JOIN LATERAL (
  SELECT count(*) FILTER (WHERE x.state IN ('raised','explained','appealed')) AS open, count(*) AS total FROM doubt x
  WHERE x.day BETWEEN w.week AND w.week + 6 AND x.state <> 'withdrawn' AND x.worker_id IN (
    SELECT a.worker_id FROM grid_assignment a WHERE a.grid_id = w.grid_id AND a.role IN ('leader','worker') AND a.valid_from <= x.day AND COALESCE(a.valid_to, 'infinity') >= x.day)) d
WHERE w.week = $1 AND g.org_path LIKE ANY ($2) AND ($3::bigint IS NULL OR g.org_path LIKE (SELECT path || '%' FROM org WHERE id = $3))
ORDER BY g.org_path, g.code`

// PatrolReport reads the week of the grids in scope, all or those of one organisation and below.
func PatrolReport(ctx context.Context, q Querier, monday workday.Day, scope []string, org *int64) ([]ReportRow, error) {
	rows, err := q.Query(ctx, sqlPatrolReport, dateOf(monday), Under(scope), org)
	if err != nil {
		return nil, fmt.Errorf("read the week's report: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (r ReportRow, err error) {
		var measure []byte
		c := &r.Cover
		err = row.Scan(&r.Code, &r.Name, &r.Org, &r.Leader, &measure, &c.Area.N, &c.Area.D, &c.Household.N, &c.Household.D, &c.Object.N, &c.Object.D, &c.Checkpoint.N, &c.Checkpoint.D,
			&r.Visits, &r.Found, &r.In, &r.Out, &r.DistanceM, &r.DoubtsOpen, &r.Doubts, &r.Computed)
		if err == nil {
			err = json.Unmarshal(measure, &r.Measure)
		}
		return r, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the week's report: %w", err)
	}
	return list, nil
}
