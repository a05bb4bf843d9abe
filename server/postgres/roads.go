package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/geo/streets"
)

const sqlRoadsEdition = `SELECT COALESCE(max(imported_at)::text, '') || '/' || (SELECT COALESCE(max(id), 0) FROM base_road) FROM base_source`

// RoadsEdition tells one state of the base map's roads from another.
func RoadsEdition(ctx context.Context, q Querier) (edition string, err error) {
	if err := q.QueryRow(ctx, sqlRoadsEdition).Scan(&edition); err != nil {
		return "", fmt.Errorf("look at the base map: %w", err)
	}
	return edition, nil
}

const sqlRoads = `SELECT class, oneway, ST_Transform(geom, 4326) FROM base_road ORDER BY id`

// Roads returns every way of the base map that somebody may use.
func Roads(ctx context.Context, q Querier) ([]streets.Way, error) {
	rows, err := q.Query(ctx, sqlRoads)
	if err != nil {
		return nil, fmt.Errorf("read the roads: %w", err)
	}
	var (
		list  []streets.Way
		class string
		w     streets.Way
	)
	if _, err := pgx.ForEachRow(rows, []any{&class, &w.Oneway, &w.Line}, func() error {
		if w.Modes = streets.ModesOf(class); w.Modes != 0 {
			list = append(list, w)
		}
		w.Line = nil
		return nil
	}); err != nil {
		return nil, fmt.Errorf("read the roads: %w", err)
	}
	return list, nil
}
