package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"
)

// Hit is one find of the search box.
type Hit struct {
	Kind  string     `json:"kind"` // incident, place, road
	ID    string     `json:"id"`
	Title string     `json:"title"`
	Sub   string     `json:"sub"`
	Point *orb.Point `json:"point"`
	BBox  []float64  `json:"bbox,omitempty"`
}

const findIncidents = `
SELECT i.id::text AS id, i.case_no || ' ' || i.title AS title, o.name AS sub, i.geom AS point
FROM incident i JOIN org o ON o.id = i.org_id
WHERE o.path LIKE ANY ($1) AND (i.case_no ILIKE '%' || $2 || '%' OR i.title ILIKE '%' || $2 || '%' OR i.address ILIKE '%' || $2 || '%')`

const sqlSearchIncidents = findIncidents + ` ORDER BY i.reported_at DESC LIMIT $3`

const sqlSearchIncidentsWall = findIncidents + ` AND i.sensitivity = 'normal' ORDER BY i.reported_at DESC LIMIT $3`

const sqlSearchPlaces = `
SELECT p.id::text AS id, p.name AS title, p.class AS sub, ST_Transform(p.geom, 4326) AS point
FROM base_place p
WHERE (p.name ILIKE '%' || $2 || '%' OR p.pinyin LIKE lower($2) || '%')
  AND EXISTS (SELECT FROM org o WHERE o.path LIKE ANY ($1))
ORDER BY p.name = $2 DESC, p.rank, length(p.name) LIMIT $3`

const sqlSearchRoads = `
SELECT min(r.id)::text AS id, r.name AS title, min(r.class) AS sub,
  ST_Transform(ST_PointOnSurface(ST_Collect(r.geom)), 4326) AS point, ST_Transform(ST_SetSRID(ST_Extent(r.geom)::geometry, 3857), 4326) AS box
FROM base_road r
WHERE r.name ILIKE '%' || $2 || '%' AND r.name <> '' AND EXISTS (SELECT FROM org o WHERE o.path LIKE ANY ($1))
GROUP BY r.name ORDER BY r.name = $2 DESC, length(r.name) LIMIT $3`

// SearchIncidents finds cases of the scope by number, title or address; a
// shared wall finds nothing sensitive.
func SearchIncidents(ctx context.Context, q Querier, scope []string, wall bool, text string, limit int) ([]Hit, error) {
	if wall {
		return collectHits(ctx, q, "incident", sqlSearchIncidentsWall, scope, text, limit)
	}
	return collectHits(ctx, q, "incident", sqlSearchIncidents, scope, text, limit)
}

// SearchPlaces finds places of the base map by name or pinyin initials.
func SearchPlaces(ctx context.Context, q Querier, scope []string, text string, limit int) ([]Hit, error) {
	return collectHits(ctx, q, "place", sqlSearchPlaces, scope, text, limit)
}

// SearchRoads finds roads of the base map by name.
func SearchRoads(ctx context.Context, q Querier, scope []string, text string, limit int) ([]Hit, error) {
	rows, err := q.Query(ctx, sqlSearchRoads, Under(scope), likeText(text), limit)
	if err != nil {
		return nil, fmt.Errorf("search roads: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Hit, error) {
		h := Hit{Kind: "road"}
		var box orb.Geometry
		err := row.Scan(&h.ID, &h.Title, &h.Sub, &h.Point, &box)
		if box != nil {
			b := box.Bound()
			h.BBox = []float64{b.Min[0], b.Min[1], b.Max[0], b.Max[1]}
		}
		return h, err
	})
	if err != nil {
		return nil, fmt.Errorf("search roads: %w", err)
	}
	return list, nil
}

func collectHits(ctx context.Context, q Querier, kind, sql string, scope []string, text string, limit int) ([]Hit, error) {
	rows, err := q.Query(ctx, sql, Under(scope), likeText(text), limit)
	if err != nil {
		return nil, fmt.Errorf("search: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Hit, error) {
		h := Hit{Kind: kind}
		return h, row.Scan(&h.ID, &h.Title, &h.Sub, &h.Point)
	})
	if err != nil {
		return nil, fmt.Errorf("search: %w", err)
	}
	return list, nil
}

const sqlGridInitials = `SELECT grid_id, pinyin FROM grid_version WHERE valid_to IS NULL AND pinyin <> ''`

// GridInitials returns the pinyin initials of every living grid's name.
func GridInitials(ctx context.Context, q Querier) (map[int64]string, error) {
	rows, err := q.Query(ctx, sqlGridInitials)
	if err != nil {
		return nil, fmt.Errorf("read the initials of grids: %w", err)
	}
	out := map[int64]string{}
	var (
		id     int64
		pinyin string
	)
	if _, err := pgx.ForEachRow(rows, []any{&id, &pinyin}, func() error { out[id] = pinyin; return nil }); err != nil {
		return nil, fmt.Errorf("read the initials of grids: %w", err)
	}
	return out, nil
}
