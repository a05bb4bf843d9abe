package postgres

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/patrol"
	"github.com/gridward/gridward/server/workday"
)

// Key objects and checkpoints: places, no people.
const sqlPatrolPlaces = `
SELECT o.id, o.kind, o.grid_id, o.geom FROM visit_object o
WHERE o.grid_id = ANY ($1) AND o.kind IN ('checkpoint','key_place') AND o.active_from <= $2 AND COALESCE(o.active_to, 'infinity') >= $2 ORDER BY o.id`

// patrolVisits adds the day's visits, and the places that matter in the
// worker's grids.
func patrolVisits(ctx context.Context, q Querier, k PatrolKey, in *patrol.Input) (err error) {
	if in.Visits, err = VisitsOf(ctx, q, k.Region, k.Worker, k.Day.Start(), (k.Day + 1).Start()); err != nil {
		return err
	}
	rule, err := VisitRuleOf(ctx, q, k.Region)
	if err != nil {
		return err
	}
	in.AttemptCounts = rule.AttemptCounts
	grids := make([]int64, len(in.Grids))
	for i := range in.Grids {
		grids[i] = in.Grids[i].ID
	}
	rows, err := q.Query(ctx, sqlPatrolPlaces, grids, dateOf(k.Day))
	if err != nil {
		return fmt.Errorf("read the places that matter: %w", err)
	}
	in.Places, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (p patrol.Place, err error) {
		var id int64
		err = row.Scan(&id, &p.Kind, &p.Grid, &p.Point)
		p.ID = strconv.FormatInt(id, 10)
		return p, err
	})
	if err != nil {
		return fmt.Errorf("read the places that matter: %w", err)
	}
	return nil
}

// What is due: an object whose cycle ends by the last day, counted from its last
// visit before the first, or for the first time. $1 is the last day. A checkpoint
// is also reached by walking there.
const sqlWeekCover = `
WITH mine AS (
  SELECT b.id, b.kind, k.class, visit_cycle(c.n, c.unit) AS cycle, f.first
  FROM visit_object b JOIN visit_kind k ON k.code = b.kind JOIN org o ON o.id = b.org_id` + objectCycle + `
  WHERE b.grid_id = $2 AND b.active_from <= $1::date AND COALESCE(b.active_to, 'infinity') >= $3
), seen AS (
  SELECT v.target_id, bool_or(v.arrived_at >= $4 AND v.arrived_at < $5) AS this_week, max(v.arrived_at) FILTER (WHERE v.arrived_at < $4) AS before
  FROM visit_counted v WHERE v.target_id IN (SELECT id FROM mine) AND v.arrived_at < $5 GROUP BY 1
), reached AS (
  SELECT DISTINCT (p->>'place')::bigint AS id FROM patrol_day d, jsonb_array_elements(d.measure->'places') AS p
  WHERE d.region_id = $6 AND d.day BETWEEN $3 AND $1::date AND $2 = ANY (d.grid_ids) AND p->>'kind' = 'checkpoint'
), asked AS (
  SELECT m.id, m.kind, s.this_week, m.class <> 'place' AND COALESCE(((s.before AT TIME ZONE 'Asia/Shanghai')::date + m.cycle)::date, m.first) <= $1::date AS due
  FROM mine m LEFT JOIN seen s ON s.target_id = m.id
)
SELECT count(*) FILTER (WHERE a.kind IN ('household','enterprise') AND a.this_week), count(*) FILTER (WHERE a.kind IN ('household','enterprise')),
  count(*) FILTER (WHERE a.due AND a.this_week), count(*) FILTER (WHERE a.due),
  count(*) FILTER (WHERE a.kind = 'checkpoint' AND (a.this_week OR r.id IS NOT NULL)), count(*) FILTER (WHERE a.kind = 'checkpoint')
FROM asked a LEFT JOIN reached r ON r.id = a.id`

const sqlWeekVisits = `
SELECT count(*) FILTER (WHERE EXISTS (SELECT FROM visit_counted c WHERE c.id = v.id)), count(*) FILTER (WHERE v.outcome IN ('no_one_home','refused') AND v.method IN ('onsite','group')),
  (SELECT count(DISTINCT x.incident_id) FROM visit_incident x JOIN visit f ON f.id = x.visit_id WHERE f.grid_id = $1 AND f.arrived_at >= $2 AND f.arrived_at < $3 AND f.verified <> 'rejected')
FROM visit v WHERE v.grid_id = $1 AND v.arrived_at >= $2 AND v.arrived_at < $3 AND v.verified <> 'rejected'`

// GridCover counts what a grid's visits covered from one day to another, both
// included: households, due objects, checkpoints. Area is the ground's business.
func GridCover(ctx context.Context, q Querier, region, grid int64, from, to workday.Day) (c patrol.Coverage, err error) {
	err = q.QueryRow(ctx, sqlWeekCover, dateOf(to), grid, dateOf(from), from.Start(), (to+1).Start(), region).
		Scan(&c.Household.N, &c.Household.D, &c.Object.N, &c.Object.D, &c.Checkpoint.N, &c.Checkpoint.D)
	if err != nil {
		return c, fmt.Errorf("count what visits covered: %w", err)
	}
	return c, nil
}

// weekVisits counts a grid's visits of a week.
func weekVisits(ctx context.Context, q Querier, k GridWeek) (v WeekVisits, err error) {
	if v.Cover, err = GridCover(ctx, q, k.Region, k.Grid, k.Week, k.Week+6); err != nil {
		return v, err
	}
	if err := q.QueryRow(ctx, sqlWeekVisits, k.Grid, k.Week.Start(), (k.Week+7).Start()).Scan(&v.Visits, &v.Attempts, &v.Found); err != nil {
		return v, fmt.Errorf("count the visits of a week: %w", err)
	}
	return v, nil
}

// PatrolTarget is a household, an object or a checkpoint of a grid.
type PatrolTarget struct {
	ID       int64      `json:"id"`
	Name     string     `json:"name"`
	Kind     string     `json:"kind"`
	KindName string     `json:"kind_name"`
	Class    string     `json:"class" enum:"backbone,service,control,place"`
	Point    *orb.Point `json:"point"`
	LastAt   *time.Time `json:"last_at" doc:"of the last visit that counts; null = never"`
	Times    int64      `json:"times" doc:"visits between the days asked for"`
	DueOn    *string    `json:"due_on" format:"date" doc:"counted from its last visit before the days asked for; null: no cycle"`
	Due      bool       `json:"due" doc:"it is due by the last day asked for"`
	Secret   bool       `json:"-"`
}

const sqlPatrolTargets = `
SELECT b.id, b.name, b.kind, k.name AS kind_name, k.class, b.geom AS point, s.last_at, COALESCE(s.times, 0) AS times, b.sensitive OR k.class = 'control' AS secret,
  e.due_on::text AS due_on, COALESCE(e.due_on <= $1::date, false) AS due
FROM visit_object b JOIN visit_kind k ON k.code = b.kind JOIN org o ON o.id = b.org_id` + objectCycle + `
LEFT JOIN LATERAL (SELECT max(v.arrived_at) AS last_at, max(v.arrived_at) FILTER (WHERE v.arrived_at < $3) AS before, count(*) FILTER (WHERE v.arrived_at >= $3) AS times
  FROM visit_counted v WHERE v.target_id = b.id AND v.arrived_at < $4) s ON true
CROSS JOIN LATERAL (SELECT COALESCE(((s.before AT TIME ZONE 'Asia/Shanghai')::date + visit_cycle(c.n, c.unit))::date, f.first) AS due_on) e
WHERE b.grid_id = $2 AND b.kind <> 'component' AND b.active_from <= $1::date AND COALESCE(b.active_to, 'infinity') >= $5 ORDER BY s.last_at NULLS FIRST, b.id LIMIT 3000`

// PatrolTargets lists what is to be visited in a grid, the never visited first.
func PatrolTargets(ctx context.Context, q Querier, grid int64, from, to workday.Day) ([]PatrolTarget, error) {
	rows, err := q.Query(ctx, sqlPatrolTargets, dateOf(to), grid, from.Start(), (to + 1).Start(), dateOf(from))
	if err != nil {
		return nil, fmt.Errorf("list what is to be visited: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[PatrolTarget])
	if err != nil {
		return nil, fmt.Errorf("list what is to be visited: %w", err)
	}
	return list, nil
}
