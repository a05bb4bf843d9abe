package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/patrol"
	"github.com/gridward/gridward/server/workday"
)

// BoardLine is a grid's week on the board.
type BoardLine struct {
	Grid       int64
	Region     int64
	Code       string
	Name       string
	Pinyin     string
	Org        int64
	OrgName    string
	OrgPath    string
	OrgKind    string
	Leader     int64
	LeaderName string
	Workers    int
	Computed   *time.Time // nil: the week was not computed yet
	Measure    *patrol.WeekMeasure
	Cover      patrol.Coverage
	Visits     int64
	Attempts   int64
	Short      int64
	Found      int64
	InMs, Out  int64
	DistanceM  float64
	Night      int
	GapMs      int64
	Gaps       int64
	Why        []string
	DoubtsOpen int64
	Doubts     int64
	Trend      []TrendWeek
}

// TrendWeek is what a grid's earlier week came to.
type TrendWeek struct {
	Week      workday.Day  `json:"week"`
	Qualified int          `json:"qualified"`
	Required  int          `json:"required"`
	State     patrol.State `json:"state" enum:"met,unmet,exempt"`
}

const sqlPatrolBoard = `
SELECT g.id, g.region_id, g.code, v.name, v.pinyin, g.org_id, o.name, o.path, o.kind, COALESCE(l.id, 0), COALESCE(l.name, ''), COALESCE(w.workers, 0), w.computed_at, w.measure,
  COALESCE(w.area_n, 0), COALESCE(w.area_d, 0), COALESCE(w.household_n, 0), COALESCE(w.household_d, 0), COALESCE(w.object_n, 0), COALESCE(w.object_d, 0), COALESCE(w.checkpoint_n, 0), COALESCE(w.checkpoint_d, 0),
  COALESCE(w.visits, 0), COALESCE(w.attempts, 0), COALESCE(w.short_visits, 0), COALESCE(w.found, 0), COALESCE(w.in_ms, 0), COALESCE(w.out_ms, 0), COALESCE(w.distance_m, 0), COALESCE(w.night, 0),
  COALESCE(w.gap_ms, 0), COALESCE(w.gaps, 0), COALESCE(w.why, '{}')
FROM grid g JOIN org o ON o.id = g.org_id ` + inForce + `
LEFT JOIN patrol_week w ON w.region_id = g.region_id AND w.grid_id = g.id AND w.week = $2
LEFT JOIN LATERAL (SELECT p.id, p.name FROM grid_assignment a JOIN worker p ON p.id = a.worker_id
  WHERE a.grid_id = g.id AND a.role = 'leader' AND a.valid_from <= $2::date + 6 AND COALESCE(a.valid_to, 'infinity') >= $2 ORDER BY a.worker_id = w.leader_id DESC NULLS LAST, a.valid_from DESC, p.id LIMIT 1) l ON true
WHERE v.is_execution AND g.layer = 'operative' AND o.path LIKE ANY ($1) ORDER BY g.code`

const sqlBoardTrend = `SELECT grid_id, week, qualified, required, state FROM patrol_week WHERE week BETWEEN $1::date - 35 AND $1 ORDER BY week`

const sqlBoardDoubts = `
SELECT a.grid_id, count(DISTINCT d.id) FILTER (WHERE d.state IN ('raised','explained','appealed')), count(DISTINCT d.id)
FROM doubt d JOIN grid_assignment a ON a.worker_id = d.worker_id AND a.role IN ('leader','worker') AND a.valid_from <= d.day AND COALESCE(a.valid_to, 'infinity') >= d.day
WHERE d.day BETWEEN $1 AND $1::date + 6 AND d.state <> 'withdrawn' GROUP BY 1`

// PatrolBoard returns the week of every grid of the scope that was an execution
// grid in it, by code, with the six weeks that end with it.
func PatrolBoard(ctx context.Context, q Querier, monday workday.Day, scope []string) ([]BoardLine, error) {
	date := dateOf(monday)
	rows, err := q.Query(ctx, sqlPatrolBoard, Under(scope), date)
	if err != nil {
		return nil, fmt.Errorf("read the board of patrols: %w", err)
	}
	at := map[int64]int{}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (b BoardLine, err error) {
		c := &b.Cover
		err = row.Scan(&b.Grid, &b.Region, &b.Code, &b.Name, &b.Pinyin, &b.Org, &b.OrgName, &b.OrgPath, &b.OrgKind, &b.Leader, &b.LeaderName, &b.Workers, &b.Computed, &b.Measure,
			&c.Area.N, &c.Area.D, &c.Household.N, &c.Household.D, &c.Object.N, &c.Object.D, &c.Checkpoint.N, &c.Checkpoint.D,
			&b.Visits, &b.Attempts, &b.Short, &b.Found, &b.InMs, &b.Out, &b.DistanceM, &b.Night, &b.GapMs, &b.Gaps, &b.Why)
		b.Trend = []TrendWeek{}
		return b, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the board of patrols: %w", err)
	}
	for i := range list {
		at[list[i].Grid] = i
	}
	var grid, open, all int64
	var week time.Time
	var t TrendWeek
	if rows, err = q.Query(ctx, sqlBoardTrend, date); err == nil {
		_, err = pgx.ForEachRow(rows, []any{&grid, &week, &t.Qualified, &t.Required, &t.State}, func() error {
			if i, ok := at[grid]; ok {
				t.Week = dayOf(week)
				list[i].Trend = append(list[i].Trend, t)
			}
			return nil
		})
	}
	if err == nil {
		if rows, err = q.Query(ctx, sqlBoardDoubts, date); err == nil {
			_, err = pgx.ForEachRow(rows, []any{&grid, &open, &all}, func() error {
				if i, ok := at[grid]; ok {
					list[i].DoubtsOpen, list[i].Doubts = open, all
				}
				return nil
			})
		}
	}
	if err != nil {
		return nil, fmt.Errorf("read the board's trend and doubts: %w", err)
	}
	return list, nil
}

// CellWalk is when somebody's accepted track led near a cell.
type CellWalk struct {
	Cell  int64
	Last  workday.Day
	Times int64 // days and people
}

const sqlCellWalks = `
SELECT c, max(w.day), count(*) FROM patrol_walk w, unnest(w.cells) AS c WHERE w.region_id = $1 AND w.grid_id = $2 AND w.day BETWEEN $3 AND $4 GROUP BY c`

// CellWalks returns the cells of a grid that were walked between the two days.
func CellWalks(ctx context.Context, q Querier, region, grid int64, from, to workday.Day) (map[int64]CellWalk, error) {
	rows, err := q.Query(ctx, sqlCellWalks, region, grid, dateOf(from), dateOf(to))
	if err != nil {
		return nil, fmt.Errorf("read where the grid was walked: %w", err)
	}
	out := map[int64]CellWalk{}
	var c CellWalk
	var last time.Time
	if _, err := pgx.ForEachRow(rows, []any{&c.Cell, &last, &c.Times}, func() error {
		c.Last = dayOf(last)
		out[c.Cell] = c
		return nil
	}); err != nil {
		return nil, fmt.Errorf("read where the grid was walked: %w", err)
	}
	return out, nil
}

// WeekVerdict is one verdict of a week's history.
type WeekVerdict struct {
	Week        workday.Day   `json:"week"`
	Seq         int32         `json:"seq"`
	At          time.Time     `json:"computed_at"`
	RuleVersion string        `json:"rule_version"`
	Policy      patrol.Policy `json:"policy" doc:"as it was"`
	Why         []string      `json:"why"`
	Qualified   int           `json:"qualified"`
	Required    int           `json:"required"`
	State       patrol.State  `json:"state" enum:"met,unmet,exempt"`
}

const sqlWeekVerdicts = `
SELECT week, seq, computed_at, rule_version, policy, why, qualified, required, state FROM patrol_week_verdict
WHERE region_id = $1 AND grid_id = $2 AND week BETWEEN $3 AND $4 ORDER BY week, seq`

// WeekVerdicts returns every verdict that there has been of a grid's weeks that
// begin between the two days, oldest first.
func WeekVerdicts(ctx context.Context, q Querier, region, grid int64, from, to workday.Day) ([]WeekVerdict, error) {
	rows, err := q.Query(ctx, sqlWeekVerdicts, region, grid, dateOf(from), dateOf(to))
	if err != nil {
		return nil, fmt.Errorf("read the verdicts of weeks: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (v WeekVerdict, err error) {
		var week time.Time
		err = row.Scan(&week, &v.Seq, &v.At, &v.RuleVersion, &v.Policy, &v.Why, &v.Qualified, &v.Required, &v.State)
		v.Week, v.At = dayOf(week), v.At.UTC()
		return v, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the verdicts of weeks: %w", err)
	}
	return list, nil
}

const sqlGridShape = `SELECT geom FROM grid_now WHERE id = $1`

// GridShape is a grid's outline as it is now.
func GridShape(ctx context.Context, q Querier, grid int64) (shape orb.MultiPolygon, err error) {
	if err := q.QueryRow(ctx, sqlGridShape, grid).Scan(&shape); err != nil {
		return nil, fmt.Errorf("read the grid's outline: %w", err)
	}
	return shape, nil
}

const sqlGridsHeld = `
SELECT a.grid_id AS grid, v.name AS grid_name, a.role, a.valid_from, COALESCE(a.valid_to, '9999-12-31') AS valid_to
FROM grid_assignment a JOIN LATERAL (SELECT i.name FROM grid_version i WHERE i.grid_id = a.grid_id ORDER BY i.version DESC LIMIT 1) v ON true
WHERE a.worker_id = $1 AND a.role IN ('leader','worker') AND a.valid_from <= $3 AND COALESCE(a.valid_to, 'infinity') >= $2 ORDER BY a.is_primary DESC, a.grid_id, a.valid_from`

// Holding is a grid that a worker answers for by walking it, in days, both included.
type Holding struct {
	Assignment
	From, To workday.Day
}

// GridsHeld lists the grids that a worker answered for on some of the days.
func GridsHeld(ctx context.Context, q Querier, worker int64, from, to workday.Day) ([]Holding, error) {
	rows, err := q.Query(ctx, sqlGridsHeld, worker, dateOf(from), dateOf(to))
	if err != nil {
		return nil, fmt.Errorf("list the grids held: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (h Holding, err error) {
		var a, b time.Time
		err = row.Scan(&h.Grid, &h.GridName, &h.Role, &a, &b)
		h.From, h.To = dayOf(a), dayOf(b)
		return h, err
	})
	if err != nil {
		return nil, fmt.Errorf("list the grids held: %w", err)
	}
	return list, nil
}

const sqlPatrolLeave = `
SELECT l.id, l.region_id, l.worker_id, w.name, o.path, o.name, l.from_day, l.from_half, l.to_day, l.to_half, l.kind, l.reason, l.approved_at, COALESCE(a.name, ''), l.cancelled_at
FROM leave l JOIN worker w ON w.id = l.worker_id JOIN org o ON o.id = w.org_id LEFT JOIN account a ON a.id = l.approved_by
WHERE l.worker_id = $1 AND l.cancelled_at IS NULL AND l.to_day >= $2 AND l.from_day <= $3 ORDER BY l.from_day, l.id`

// WorkerLeave is a worker's approved leave that touches the days.
func WorkerLeave(ctx context.Context, q Querier, worker int64, from, to workday.Day) ([]LeaveRow, error) {
	rows, err := q.Query(ctx, sqlPatrolLeave, worker, dateOf(from), dateOf(to))
	if err != nil {
		return nil, fmt.Errorf("read the worker's leave: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanLeave)
	if err != nil {
		return nil, fmt.Errorf("read the worker's leave: %w", err)
	}
	return list, nil
}

const sqlOrgKind = `SELECT kind FROM org WHERE id = $1`

// OrgKind is what kind of organisation it is.
func OrgKind(ctx context.Context, q Querier, org int64) (kind string, err error) {
	if err := q.QueryRow(ctx, sqlOrgKind, org).Scan(&kind); err != nil {
		return "", fmt.Errorf("read the organisation's kind: %w", err)
	}
	return kind, nil
}

// GridDay is what a day of somebody who answers for a grid came to.
type GridDay struct {
	Worker    int64   `json:"worker"`
	Name      string  `json:"name"`
	Day       string  `json:"day" format:"date"`
	AmMs      int64   `json:"am_ms" doc:"that count, in all of the worker's grids"`
	PmMs      int64   `json:"pm_ms"`
	InMs      int64   `json:"in_ms" doc:"heard of inside his grids"`
	OutMs     int64   `json:"out_ms" doc:"and outside"`
	DistanceM float64 `json:"distance_m"`
	Night     bool    `json:"night"`
	Visits    int64   `json:"visits"`
}

const sqlGridDays = `
SELECT DISTINCT ON (p.day, w.name, w.id) p.worker_id AS worker, w.name, p.day::text AS day, p.am_ms::bigint, p.pm_ms::bigint, p.in_ms, p.out_ms, p.distance_m, p.night, p.visits::bigint
FROM patrol_day p JOIN worker w ON w.id = p.worker_id JOIN grid_assignment a ON a.worker_id = p.worker_id AND a.grid_id = $2 AND a.role IN ('leader','worker') AND a.valid_from <= p.day AND COALESCE(a.valid_to, 'infinity') >= p.day
WHERE p.region_id = $1 AND p.day BETWEEN $3 AND $3::date + 6 ORDER BY p.day, w.name, w.id`

// GridDays lists the computed days behind a grid's week: whose distance, night
// patrols and time outside it sums up.
func GridDays(ctx context.Context, q Querier, region, grid int64, monday workday.Day) ([]GridDay, error) {
	rows, err := q.Query(ctx, sqlGridDays, region, grid, dateOf(monday))
	if err != nil {
		return nil, fmt.Errorf("list the days of a grid's week: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[GridDay])
	if err != nil {
		return nil, fmt.Errorf("list the days of a grid's week: %w", err)
	}
	return list, nil
}
