package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/territory"
)

// WorkerRow is a worker or vehicle with what does not move: the board knows the rest.
type WorkerRow struct {
	ID       int64
	Region   int64
	Code     string
	Name     string
	Pinyin   string
	Role     string
	Kind     string // person or vehicle
	Phone    string
	Org      int64
	OrgName  string
	OrgPath  string
	Grid     int64 // the primary grid it answers for, 0 = none
	GridName string
}

const sqlWorker = `
SELECT w.id, w.region_id AS region, w.code, w.name, w.pinyin, w.role, w.kind, w.phone, w.org_id AS org, o.name AS org_name, o.path AS org_path,
  COALESCE(a.id, 0) AS grid, COALESCE(a.name, '') AS grid_name
FROM worker w JOIN org o ON o.id = w.org_id
LEFT JOIN LATERAL (SELECT g.id, g.name FROM grid_assignment x JOIN grid_now g ON g.id = x.grid_id
  WHERE x.worker_id = w.id AND x.valid_to IS NULL ORDER BY x.is_primary DESC, g.code LIMIT 1) a ON true
WHERE w.id = $1`

// WorkerByID reads one worker, active or not.
func WorkerByID(ctx context.Context, q Querier, id int64) (WorkerRow, error) {
	list, err := collectWorkers(ctx, q, sqlWorker, id)
	if err == nil && len(list) == 0 {
		return WorkerRow{}, fault.New(fault.Missing, "没有这名人员")
	}
	if err != nil {
		return WorkerRow{}, err
	}
	return list[0], nil
}

const sqlWorkerByCode = `SELECT id FROM worker WHERE code = $1`

// WorkerByCode finds a worker or vehicle by its 工号 or plate.
func WorkerByCode(ctx context.Context, q Querier, code string) (WorkerRow, error) {
	var id int64
	err := q.QueryRow(ctx, sqlWorkerByCode, code).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return WorkerRow{}, fault.New(fault.Missing, "没有工号或车牌为 %s 的人员或车辆", code)
	}
	if err != nil {
		return WorkerRow{}, fmt.Errorf("find the worker: %w", err)
	}
	return WorkerByID(ctx, q, id)
}

func collectWorkers(ctx context.Context, q Querier, sql string, args ...any) ([]WorkerRow, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("list the workers: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[WorkerRow])
	if err != nil {
		return nil, fmt.Errorf("list the workers: %w", err)
	}
	return list, nil
}

// Assignment is one grid that a worker answers for.
type Assignment struct {
	Grid     int64  `json:"grid"`
	GridName string `json:"grid_name"`
	Role     string `json:"role"`
}

const sqlAssignments = `
SELECT g.id AS grid, g.name AS grid_name, a.role FROM grid_assignment a JOIN grid_now g ON g.id = a.grid_id
WHERE a.worker_id = $1 AND a.valid_to IS NULL ORDER BY a.is_primary DESC, g.code`

// Assignments lists the grids that a worker answers for, the primary one first.
func Assignments(ctx context.Context, q Querier, worker int64) ([]Assignment, error) {
	rows, err := q.Query(ctx, sqlAssignments, worker)
	if err != nil {
		return nil, fmt.Errorf("list the assignments: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[Assignment])
	if err != nil {
		return nil, fmt.Errorf("list the assignments: %w", err)
	}
	return list, nil
}

const sqlPutWorkers = `
INSERT INTO worker (region_id, org_id, kind, role, code, name, pinyin, phone)
SELECT o.region_id, o.id, CASE WHEN u.vehicle THEN 'vehicle' ELSE 'person' END, u.role, u.code, u.name, u.pinyin, u.phone
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::boolean[]) AS u (code, org, role, name, pinyin, phone, vehicle)
JOIN org o ON o.code = u.org AND o.valid_to IS NULL
ON CONFLICT (code) DO UPDATE SET org_id = EXCLUDED.org_id, role = EXCLUDED.role, name = EXCLUDED.name, pinyin = EXCLUDED.pinyin, phone = EXCLUDED.phone, status = 'active'
WHERE worker.region_id = EXCLUDED.region_id AND worker.kind = EXCLUDED.kind
  AND (worker.org_id, worker.role, worker.name, worker.phone, worker.status) IS DISTINCT FROM (EXCLUDED.org_id, EXCLUDED.role, EXCLUDED.name, EXCLUDED.phone, 'active')
RETURNING code, xmax = 0`

const sqlWorkersElsewhere = `
SELECT u.code FROM unnest($1::text[], $2::text[], $3::boolean[]) AS u (code, org, vehicle)
JOIN worker w ON w.code = u.code JOIN org o ON o.code = u.org AND o.valid_to IS NULL
WHERE w.region_id <> o.region_id OR (w.kind = 'vehicle') <> u.vehicle ORDER BY 1`

const sqlEndWorkerGrids = `
UPDATE grid_assignment a SET valid_to = (now() AT TIME ZONE 'Asia/Shanghai')::date
FROM worker w, grid g
WHERE w.id = a.worker_id AND g.id = a.grid_id AND a.valid_to IS NULL AND w.code = ANY ($1::text[])
  AND NOT EXISTS (SELECT FROM unnest($2::text[], $3::text[], $4::text[]) AS u (worker, grid, role) WHERE u.worker = w.code AND u.grid = g.code AND u.role = a.role)`

const sqlPutWorkerGrids = `
INSERT INTO grid_assignment (grid_id, worker_id, role, is_primary, valid_from)
SELECT g.id, w.id, u.role, u.first, (now() AT TIME ZONE 'Asia/Shanghai')::date
FROM unnest($1::text[], $2::text[], $3::text[], $4::boolean[]) AS u (worker, grid, role, first)
JOIN worker w ON w.code = u.worker JOIN grid g ON g.code = u.grid AND g.layer = 'operative'
WHERE NOT EXISTS (SELECT FROM grid_assignment a WHERE a.grid_id = g.id AND a.worker_id = w.id AND a.role = u.role AND a.valid_to IS NULL)
ON CONFLICT (grid_id, worker_id, role, valid_from) DO UPDATE SET valid_to = NULL, is_primary = EXCLUDED.is_primary`

// PutWorkers writes checked workers and what they answer for. Somebody in the
// file answers afterwards for exactly the grids that the file says; somebody
// who is not in it is left alone.
func PutWorkers(ctx context.Context, tx pgx.Tx, workers []territory.Worker) (out Outcome, err error) {
	var code, org, role, name, pinyin, phone, aWorker, aGrid, aRole []string
	var vehicle, aFirst []bool
	for _, w := range workers {
		code, org, role, name = append(code, w.Code), append(org, w.OrgCode), append(role, w.Role), append(name, w.Name)
		pinyin, phone, vehicle = append(pinyin, territory.Initials(w.Name)), append(phone, w.Phone), append(vehicle, w.Vehicle)
		for i, g := range w.Grids {
			aWorker, aGrid, aRole, aFirst = append(aWorker, w.Code), append(aGrid, g), append(aRole, territory.AssignmentRole(w.Role)), append(aFirst, i == 0)
		}
	}
	rows, err := tx.Query(ctx, sqlWorkersElsewhere, code, org, vehicle)
	if err != nil {
		return out, fmt.Errorf("compare the workers: %w", err)
	}
	elsewhere, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return out, fmt.Errorf("compare the workers: %w", err)
	}
	if len(elsewhere) > 0 {
		return out, fmt.Errorf("%s is known in another region or of another kind: give it a new code", elsewhere[0])
	}
	rows, err = tx.Query(ctx, sqlPutWorkers, code, org, role, name, pinyin, phone, vehicle)
	if err != nil {
		return out, fmt.Errorf("write the workers: %w", err)
	}
	var who string
	var fresh bool
	if _, err := pgx.ForEachRow(rows, []any{&who, &fresh}, func() error {
		if fresh {
			out.Added++
		} else {
			out.Changed++
		}
		out.Codes = append(out.Codes, who)
		return nil
	}); err != nil {
		return out, fmt.Errorf("write the workers: %w", err)
	}
	out.Unchanged = len(workers) - len(out.Codes)
	if _, err := tx.Exec(ctx, sqlEndWorkerGrids, code, aWorker, aGrid, aRole); err != nil {
		return out, fmt.Errorf("end assignments: %w", err)
	}
	if _, err := tx.Exec(ctx, sqlPutWorkerGrids, aWorker, aGrid, aRole, aFirst); err != nil {
		return out, fmt.Errorf("write assignments: %w", err)
	}
	return out, nil
}
