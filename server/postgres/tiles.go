package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Tiles are drawn by PostGIS (ST_AsMVT). Connections have jit off: compiling a
// tile's plan takes longer than running it.

const sqlGroundTile = `
WITH b AS (SELECT ST_TileEnvelope($1, $2, $3) AS e, ST_TileEnvelope($1, $2, $3, margin => 0.0157) AS m)
SELECT
  (SELECT COALESCE(ST_AsMVT(t, 'area', 4096, 'g'), '') FROM (
    SELECT class, CASE WHEN $1 >= 14 THEN NULLIF(name, '') END AS name,
      ST_AsMVTGeom(CASE WHEN $1 >= 16 THEN a.geom ELSE ST_SimplifyVW(a.geom, $4::float8 * $4 * 4) END, b.e, 4096, 64) AS g
    FROM base_area a, b
    WHERE a.geom && b.m AND a.area_m2 >= $5 AND (a.class = ANY ($6))
    ORDER BY a.area_m2 DESC LIMIT 20000) t WHERE g IS NOT NULL)
  ||
  (SELECT COALESCE(ST_AsMVT(t, 'road', 4096, 'g', 'id'), '') FROM (
    SELECT id, NULLIF(name, '') AS name, class, ST_AsMVTGeom(CASE WHEN $1 >= 16 THEN r.geom ELSE ST_Simplify(r.geom, $4, true) END, b.e, 4096, 64) AS g
    FROM base_road r, b
    WHERE r.geom && b.m AND ($7 OR r.class = ANY ($8)) LIMIT 20000) t WHERE g IS NOT NULL)
  ||
  (SELECT COALESCE(ST_AsMVT(t, 'place', 4096, 'g', 'id'), '') FROM (
    SELECT id, name, class, rank, ST_AsMVTGeom(p.geom, b.e, 4096, 0) AS g
    FROM base_place p, b
    WHERE p.geom && b.e AND p.rank <= $9 ORDER BY p.rank, p.id LIMIT 2000) t WHERE g IS NOT NULL)`

// GroundLook is what a zoom shows of the base map.
type GroundLook struct {
	Tolerance float64 // metres of Mercator that may be smoothed away
	MinArea   float64 // square metres
	Areas     []string
	AllRoads  bool
	Roads     []string
	MaxRank   int
}

// GroundTile draws one tile of the base map. Cancelling ctx cancels the drawing.
func GroundTile(ctx context.Context, q Querier, z, x, y int, look GroundLook) ([]byte, error) {
	var b []byte
	if err := q.QueryRow(ctx, sqlGroundTile, z, x, y, look.Tolerance, look.MinArea, look.Areas, look.AllRoads, look.Roads, look.MaxRank).Scan(&b); err != nil {
		return nil, fmt.Errorf("draw a tile of the ground: %w", err)
	}
	return b, nil
}

const sqlTerritoryTile = `
WITH b AS (SELECT ST_TileEnvelope($1, $2, $3) AS e, ST_Transform(ST_TileEnvelope($1, $2, $3, margin => 0.0157), 4326) AS m, ST_Transform(ST_TileEnvelope($1, $2, $3), 4326) AS w),
here AS MATERIALIZED (
  SELECT g.id, g.name, g.code, g.org_id AS org, g.org_name, g.setting, g.is_execution::integer AS is_execution, ST_Transform(g.geom, 3857) AS geom, b.e
  FROM grid_now g, b WHERE g.layer = 'operative' AND g.level = 'grid' AND g.geom && b.m AND g.org_path LIKE ANY ($4)),
labels AS MATERIALIZED (
  SELECT g.id, g.name, g.org_id AS org, g.org_name, g.label_point, b.e, b.w
  FROM grid_now g, b WHERE g.layer = 'operative' AND g.level = 'grid' AND g.org_path LIKE ANY ($4))
SELECT
  (SELECT COALESCE(ST_AsMVT(t, 'grid', 4096, 'g', 'id'), '') FROM (
    SELECT id, name, code, org, setting, is_execution, ST_AsMVTGeom(ST_SimplifyPreserveTopology(geom, $5), e, 4096, 64) AS g FROM here WHERE $1 >= 10 ORDER BY id) t WHERE g IS NOT NULL)
  ||
  (SELECT COALESCE(ST_AsMVT(t, 'grid_label', 4096, 'g', 'id'), '') FROM (
    SELECT id, name, org_name, ST_AsMVTGeom(ST_Transform(label_point, 3857), e, 4096, 0) AS g FROM labels WHERE $1 >= 12 AND label_point && w ORDER BY id) t WHERE g IS NOT NULL)
  ||
  (SELECT COALESCE(ST_AsMVT(t, 'community', 4096, 'g', 'org'), '') FROM (
    SELECT o.id AS org, o.id AS id, o.name, o.kind, ST_AsMVTGeom(u.geom, u.e, 4096, 64) AS g
    FROM (SELECT org, e, ST_Union(geom) AS geom FROM here GROUP BY org, e) u JOIN org o ON o.id = u.org ORDER BY o.id) t WHERE g IS NOT NULL)
  ||
  (SELECT COALESCE(ST_AsMVT(t, 'community_label', 4096, 'g', 'org'), '') FROM (
    SELECT o.id AS org, o.id AS id, o.name, o.kind, ST_AsMVTGeom(ST_Transform(c.p, 3857), c.e, 4096, 0) AS g
    FROM (SELECT org, e, w, ST_Centroid(ST_Collect(label_point)) AS p FROM labels GROUP BY org, e, w) c JOIN org o ON o.id = c.org WHERE c.p && c.w ORDER BY o.id) t WHERE g IS NOT NULL)`

// TerritoryTile draws one tile of the grids and communities of a scope.
func TerritoryTile(ctx context.Context, q Querier, z, x, y int, scope []string, tolerance float64) ([]byte, error) {
	var b []byte
	if err := q.QueryRow(ctx, sqlTerritoryTile, z, x, y, Under(scope), tolerance).Scan(&b); err != nil {
		return nil, fmt.Errorf("draw a tile of the territory: %w", err)
	}
	return b, nil
}

// MapStamp dates what tiles are drawn from.
type MapStamp struct {
	Epoch       int64
	Imported    time.Time
	Attribution []string
}

const sqlMapStamp = `
SELECT (SELECT epoch FROM territory_epoch), COALESCE((SELECT max(imported_at) FROM base_source), 'epoch'), COALESCE((SELECT array_agg(attribution ORDER BY name) FROM base_source), '{}')`

// ReadMapStamp returns the dates of the territory and of the base map.
func ReadMapStamp(ctx context.Context, q Querier) (MapStamp, error) {
	var s MapStamp
	if err := q.QueryRow(ctx, sqlMapStamp).Scan(&s.Epoch, &s.Imported, &s.Attribution); err != nil {
		return s, fmt.Errorf("date the map: %w", err)
	}
	return s, nil
}

const sqlExtent = `
SELECT ARRAY[ST_XMin(x), ST_YMin(x), ST_XMax(x), ST_YMax(x)] FROM (SELECT ST_Extent(geom) AS x FROM grid_now WHERE layer = 'operative' AND org_path LIKE ANY ($1)) e WHERE x IS NOT NULL`

// Extent returns the box around the scope's grids: west, south, east, north; nil without any.
func Extent(ctx context.Context, q Querier, scope []string) ([]float64, error) {
	rows, err := q.Query(ctx, sqlExtent, Under(scope))
	if err != nil {
		return nil, fmt.Errorf("measure the territory: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[[]float64])
	if err != nil {
		return nil, fmt.Errorf("measure the territory: %w", err)
	}
	if len(list) == 0 {
		return nil, nil
	}
	return list[0], nil
}
