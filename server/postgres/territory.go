package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/geo/fence"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/territory"
)

// Operative is the layer in which every place has one grid at most.
const Operative = "operative"

const sqlFence = `SELECT id, version, code, geom FROM grid_now WHERE layer = 'operative' AND level = 'grid' ORDER BY code`

// LoadFence reads the living grids of the operative layer into a fence.
func LoadFence(ctx context.Context, q Querier) (*fence.Fence, error) {
	rows, err := q.Query(ctx, sqlFence)
	if err != nil {
		return nil, fmt.Errorf("read the grids of the fence: %w", err)
	}
	areas, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (a fence.Area, err error) {
		err = row.Scan(&a.ID, &a.Version, &a.Code, &a.Shape)
		return a, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the grids of the fence: %w", err)
	}
	f, err := fence.New(areas)
	if err != nil {
		return nil, fmt.Errorf("build the fence: %w", err)
	}
	return f, nil
}

const sqlEpoch = `SELECT epoch FROM territory_epoch`

// TerritoryEpoch is the number of the newest change to the territory.
func TerritoryEpoch(ctx context.Context, q Querier) (epoch int64, err error) {
	if err := q.QueryRow(ctx, sqlEpoch).Scan(&epoch); err != nil {
		return 0, fmt.Errorf("read the territory's epoch: %w", err)
	}
	return epoch, nil
}

const sqlBumpEpoch = `UPDATE territory_epoch SET epoch = epoch + 1 RETURNING epoch`

// bumpEpoch dates a change to the territory; run it in the change's transaction.
func bumpEpoch(ctx context.Context, q Querier) (epoch int64, err error) {
	if err := q.QueryRow(ctx, sqlBumpEpoch).Scan(&epoch); err != nil {
		return 0, fmt.Errorf("date the change to the territory: %w", err)
	}
	return epoch, nil
}

const sqlOrgs = `
SELECT o.id, o.region_id AS region, COALESCE(o.parent_id, 0) AS parent, o.path, o.code, o.kind, o.name, o.short_name AS short, o.uscc, o.phone, o.location
FROM org o WHERE o.valid_to IS NULL AND o.path LIKE ANY ($1) ORDER BY o.path COLLATE "C"`

// Orgs lists the living organisations of a scope, parents before children.
func Orgs(ctx context.Context, q Querier, scope []string) ([]territory.Org, error) {
	rows, err := q.Query(ctx, sqlOrgs, Under(scope))
	if err != nil {
		return nil, fmt.Errorf("list the organisations: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByNameLax[territory.Org])
	if err != nil {
		return nil, fmt.Errorf("list the organisations: %w", err)
	}
	return list, nil
}

// GridRow is a grid as a list shows it: with its box on the map and its leader.
type GridRow struct {
	territory.Grid
	BBox       []float64 // west, south, east, north
	LeaderID   int64     // 0 = none
	LeaderName string
}

const sqlGrids = `
SELECT g.id, g.code, g.name, g.org_id AS org, o.code AS org_code, g.org_name, g.org_path, g.region_id AS region, g.layer, g.kind, g.setting, g.is_execution,
  g.households, g.population, g.area_m2, g.label_point AS label, g.version,
  ARRAY[ST_XMin(g.geom), ST_YMin(g.geom), ST_XMax(g.geom), ST_YMax(g.geom)] AS bbox,
  COALESCE(l.id, 0) AS leader_id, COALESCE(l.name, '') AS leader_name
FROM grid_now g JOIN org o ON o.id = g.org_id
LEFT JOIN LATERAL (SELECT w.id, w.name FROM grid_assignment a JOIN worker w ON w.id = a.worker_id
  WHERE a.grid_id = g.id AND a.role = 'leader' AND a.valid_to IS NULL AND w.status = 'active' ORDER BY a.is_primary DESC, w.id LIMIT 1) l ON true
WHERE g.layer = 'operative' AND g.level = 'grid' AND g.org_path LIKE ANY ($1)
ORDER BY g.code`

// Grids lists the living operative grids of a scope by code.
func Grids(ctx context.Context, q Querier, scope []string) ([]GridRow, error) {
	rows, err := q.Query(ctx, sqlGrids, Under(scope))
	if err != nil {
		return nil, fmt.Errorf("list the grids: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByNameLax[GridRow])
	if err != nil {
		return nil, fmt.Errorf("list the grids: %w", err)
	}
	return list, nil
}

const sqlGrid = `
SELECT g.id, g.code, g.name, g.org_id, o.code, g.org_name, g.org_path, g.region_id, g.layer, g.kind, g.setting, g.is_execution,
  g.households, g.population, g.area_m2, g.label_point, g.version, g.geom
FROM grid_now g JOIN org o ON o.id = g.org_id WHERE g.id = $1`

// GridByID reads one living grid with its shape. Whether the caller may see it
// is for the caller to ask of OrgPath.
func GridByID(ctx context.Context, q Querier, id int64) (territory.Grid, error) {
	var g territory.Grid
	err := q.QueryRow(ctx, sqlGrid, id).Scan(&g.ID, &g.Code, &g.Name, &g.Org, &g.OrgCode, &g.OrgName, &g.OrgPath, &g.Region, &g.Layer, &g.Kind, &g.Setting,
		&g.IsExecution, &g.Households, &g.Population, &g.AreaM2, &g.Label, &g.Version, &g.Shape)
	if errors.Is(err, pgx.ErrNoRows) {
		return g, fault.New(fault.Missing, "没有这个网格")
	}
	if err != nil {
		return g, fmt.Errorf("read the grid: %w", err)
	}
	return g, nil
}

// GridPerson is somebody assigned to a grid.
type GridPerson struct {
	ID         int64
	Code       string
	Name       string
	Role       string // the worker's own role
	Assignment string // leader, guide, worker, volunteer, police, property
	Phone      string
	IsPrimary  bool
}

const sqlGridPeople = `
SELECT w.id, w.code, w.name, w.role, a.role AS assignment, w.phone, a.is_primary
FROM grid_assignment a JOIN worker w ON w.id = a.worker_id
WHERE a.grid_id = $1 AND a.valid_to IS NULL AND w.status = 'active'
ORDER BY array_position(ARRAY['leader','guide','worker','volunteer','police','property'], a.role), a.is_primary DESC, w.id`

// GridPeople lists who answers for a grid: leader, guides, workers, others.
func GridPeople(ctx context.Context, q Querier, grid int64) ([]GridPerson, error) {
	rows, err := q.Query(ctx, sqlGridPeople, grid)
	if err != nil {
		return nil, fmt.Errorf("list the people of a grid: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[GridPerson])
	if err != nil {
		return nil, fmt.Errorf("list the people of a grid: %w", err)
	}
	return list, nil
}

const sqlGridAt = `
SELECT id FROM grid_now WHERE layer = 'operative' AND level = 'grid' AND ST_Covers(geom, $1::geometry) ORDER BY code LIMIT 1`

// GridAt is the operative grid that covers a point, 0 for none: what a Fence
// answers, asked of PostGIS.
func GridAt(ctx context.Context, q Querier, p orb.Point) (id int64, err error) {
	err = q.QueryRow(ctx, sqlGridAt, p).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("find the grid of a point: %w", err)
	}
	return id, nil
}
