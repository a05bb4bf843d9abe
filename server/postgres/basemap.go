package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/territory"
)

const sqlDropRoads = `DELETE FROM base_road WHERE ref = ANY ($1::text[])`

const sqlPutRoads = `
INSERT INTO base_road (ref, name, class, oneway, geom)
SELECT u.ref, u.name, u.class, u.oneway, ST_Transform(ST_GeomFromWKB(u.line, 4326), 3857)
FROM unnest($1::text[], $2::text[], $3::text[], $4::boolean[], $5::bytea[]) AS u (ref, name, class, oneway, line)`

const sqlDropAreas = `DELETE FROM base_area WHERE ref = ANY ($1::text[])`

// Polygons of a public map may cross themselves; a base map is only drawn, so
// they are mended here, as grids never are.
const sqlPutAreas = `
INSERT INTO base_area (ref, name, class, area_m2, geom)
SELECT u.ref, u.name, u.class, ST_Area(g.geom::geography), ST_Transform(g.geom, 3857)
FROM unnest($1::text[], $2::text[], $3::text[], $4::bytea[]) AS u (ref, name, class, shape)
CROSS JOIN LATERAL (SELECT ST_Multi(ST_CollectionExtract(ST_MakeValid(ST_GeomFromWKB(u.shape, 4326)), 3)) AS geom) g
WHERE NOT ST_IsEmpty(g.geom)`

const sqlDropPlaces = `DELETE FROM base_place WHERE ref = ANY ($1::text[])`

const sqlPutPlaces = `
INSERT INTO base_place (ref, name, pinyin, class, rank, geom)
SELECT u.ref, u.name, u.pinyin, u.class, u.rank, ST_Transform(ST_GeomFromWKB(u.point, 4326), 3857)
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::smallint[], $6::bytea[]) AS u (ref, name, pinyin, class, rank, point)`

const sqlPutSource = `
INSERT INTO base_source (name, attribution, licence) VALUES ($1, $2, $3)
ON CONFLICT (name) DO UPDATE SET attribution = EXCLUDED.attribution, licence = EXCLUDED.licence, imported_at = now()`

// BaseSource is where a base map comes from. Its attribution is shown wherever the map is.
type BaseSource struct{ Name, Attribution, Licence string }

// PutBaseMap writes a base map. A feature that is there under the same
// reference is replaced, all others stay.
func PutBaseMap(ctx context.Context, tx pgx.Tx, source BaseSource, m territory.BaseMap) error {
	var ref, name, class []string
	var oneway []bool
	var shape [][]byte
	add := func(r, n, c string, b []byte) {
		ref, name, class, shape = append(ref, r), append(name, n), append(class, c), append(shape, b)
	}
	for _, r := range m.Roads {
		b, err := shapeBytes(r.Line)
		if err != nil {
			return err
		}
		add(r.Ref, r.Name, r.Class, b)
		oneway = append(oneway, r.Oneway)
	}
	if err := replace(ctx, tx, sqlDropRoads, sqlPutRoads, ref, name, class, oneway, shape); err != nil {
		return fmt.Errorf("write the roads: %w", err)
	}
	ref, name, class, shape = nil, nil, nil, nil
	for _, a := range m.Areas {
		b, err := shapeBytes(a.Shape)
		if err != nil {
			return err
		}
		add(a.Ref, a.Name, a.Class, b)
	}
	if err := replace(ctx, tx, sqlDropAreas, sqlPutAreas, ref, name, class, shape); err != nil {
		return fmt.Errorf("write the areas: %w", err)
	}
	ref, name, class, shape = nil, nil, nil, nil
	var pinyin []string
	var rank []int16
	for _, p := range m.Places {
		b, err := shapeBytes(p.Point)
		if err != nil {
			return err
		}
		add(p.Ref, p.Name, p.Class, b)
		pinyin, rank = append(pinyin, territory.Initials(p.Name)), append(rank, int16(p.Rank))
	}
	if err := replace(ctx, tx, sqlDropPlaces, sqlPutPlaces, ref, name, pinyin, class, rank, shape); err != nil {
		return fmt.Errorf("write the places: %w", err)
	}
	if _, err := tx.Exec(ctx, sqlPutSource, source.Name, source.Attribution, source.Licence); err != nil {
		return fmt.Errorf("note the source of the map: %w", err)
	}
	_, err := bumpEpoch(ctx, tx)
	return err
}

// replace drops the references and puts the rows in their place.
func replace(ctx context.Context, tx pgx.Tx, drop, put string, ref []string, more ...any) error {
	if _, err := tx.Exec(ctx, drop, ref); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, put, append([]any{ref}, more...)...)
	return err
}
