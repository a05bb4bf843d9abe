package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/incident"
)

const sqlJudgeShape = `SELECT ST_IsValid(g), COALESCE(ST_IsValidReason(g), ''), COALESCE(ST_Area(g::geography), 0) FROM (SELECT $1::geometry AS g) x`

// JudgeShape says whether a drawn shape is one, if not why in PostGIS' words,
// and how large it is in m².
func JudgeShape(ctx context.Context, q Querier, shape orb.MultiPolygon) (valid bool, reason string, areaM2 float64, err error) {
	if err = q.QueryRow(ctx, sqlJudgeShape, shape).Scan(&valid, &reason, &areaM2); err != nil {
		return false, "", 0, fmt.Errorf("judge the shape: %w", err)
	}
	return valid, reason, areaM2, nil
}

const areaIncidents = `
FROM incident_shown s
WHERE s.open AND s.geom && $1::geometry AND ST_Covers($1::geometry, s.geom) AND (NOT $3::boolean OR s.sensitivity = 'normal')
  AND (s.org_path LIKE ANY ($2) OR EXISTS (SELECT FROM incident_party p JOIN org po ON po.id = p.org_id WHERE p.incident_id = s.id AND po.path LIKE ANY ($2)))`

const sqlAreaIncidents = `SELECT s.* ` + areaIncidents + ` ORDER BY s.reported_at DESC, s.id LIMIT $4`

const sqlCountAreaIncidents = `SELECT count(*) ` + areaIncidents

// AreaIncidents returns the open cases inside a shape that the scope may see,
// newest first, and how many there are. onWall leaves out sensitive ones.
func AreaIncidents(ctx context.Context, q Querier, shape orb.MultiPolygon, scope []string, onWall bool, limit int) (list []incident.Incident, total int, err error) {
	if list, err = collectIncidents(ctx, q, sqlAreaIncidents, shape, Under(scope), onWall, limit); err != nil {
		return nil, 0, err
	}
	if len(list) < limit {
		return list, len(list), nil
	}
	if err = q.QueryRow(ctx, sqlCountAreaIncidents, shape, Under(scope), onWall).Scan(&total); err != nil {
		return nil, 0, fmt.Errorf("count the incidents of an area: %w", err)
	}
	return list, total, nil
}

const sqlAreaGrids = `
SELECT g.id FROM grid_now g WHERE g.layer = 'operative' AND g.level = 'grid' AND g.geom && $1::geometry AND ST_Intersects(g.geom, $1::geometry) AND g.org_path LIKE ANY ($2) ORDER BY g.code`

// AreaGrids returns the ids of the grids that a shape touches.
func AreaGrids(ctx context.Context, q Querier, shape orb.MultiPolygon, scope []string) ([]int64, error) {
	rows, err := q.Query(ctx, sqlAreaGrids, shape, Under(scope))
	if err != nil {
		return nil, fmt.Errorf("find the grids of an area: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, fmt.Errorf("find the grids of an area: %w", err)
	}
	return list, nil
}

// AreaCamera is a camera on the map: where it stands and which way it looks.
type AreaCamera struct {
	ID        int64     `json:"id"`
	Name      string    `json:"name"`
	Kind      string    `json:"kind"`
	Place     string    `json:"place,omitempty"`
	Point     orb.Point `json:"point"`
	Heading   *float32  `json:"heading"`
	FOV       float32   `json:"fov"`
	RangeM    float32   `json:"range_m"`
	Status    string    `json:"status"`
	OrgName   string    `json:"org_name"`
	DistanceM *float64  `json:"distance_m,omitempty"`
}

const sqlAreaCameras = `
SELECT c.id, c.name, c.kind, c.place, c.geom AS point, c.heading, c.fov, c.range_m, c.status, o.name AS org_name
FROM camera c JOIN org o ON o.id = c.org_id
WHERE c.geom && $1::geometry AND ST_Covers($1::geometry, c.geom) AND c.status <> 'retired'
  AND o.path LIKE ANY ($2) AND (c.sensitivity = 'normal' OR o.path LIKE ANY ($3))
ORDER BY c.id LIMIT $4`

// AreaCameras returns the cameras inside a shape that the scope may see;
// sensitive ones only where one may play them.
func AreaCameras(ctx context.Context, q Querier, shape orb.MultiPolygon, scope, video []string, limit int) ([]AreaCamera, error) {
	rows, err := q.Query(ctx, sqlAreaCameras, shape, Under(scope), Under(video), limit)
	if err != nil {
		return nil, fmt.Errorf("find the cameras of an area: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (c AreaCamera, err error) {
		return c, row.Scan(&c.ID, &c.Name, &c.Kind, &c.Place, &c.Point, &c.Heading, &c.FOV, &c.RangeM, &c.Status, &c.OrgName)
	})
	if err != nil {
		return nil, fmt.Errorf("find the cameras of an area: %w", err)
	}
	return list, nil
}
