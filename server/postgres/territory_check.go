package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/wkb"

	"github.com/gridward/gridward/geo/datum"
	"github.com/gridward/gridward/server/territory"
)

const sqlKnowsSRID = `SELECT EXISTS (SELECT FROM spatial_ref_sys WHERE srid = $1)`

const sqlTransform = `
SELECT u.n::integer, ST_AsBinary(ST_Transform(ST_SetSRID(ST_GeomFromWKB(u.shape), $2::integer), 4326))
FROM unnest($1::bytea[]) WITH ORDINALITY AS u (shape, n) ORDER BY u.n`

// ToWGS84 brings grids from the system that the user declared into WGS-84:
// "wgs84", "gcj02", "bd09", or "EPSG:n" for any n that PostGIS knows. An error
// names the grid that cannot be brought over.
func ToWGS84(ctx context.Context, q Querier, grids []territory.Grid, crs string) error {
	name := strings.ToLower(strings.TrimSpace(crs))
	switch name {
	case "wgs84", "epsg:4326":
		return nil
	case "gcj02", "bd09":
		for i := range grids {
			if err := shift(&grids[i], name); err != nil {
				return err
			}
		}
		return nil
	}
	digits, ok := strings.CutPrefix(name, "epsg:")
	srid, err := strconv.ParseInt(digits, 10, 32)
	if !ok || err != nil || srid <= 0 {
		return fmt.Errorf("-crs %q is not understood: wgs84, gcj02, bd09 or EPSG:n, for instance EPSG:4547", crs)
	}
	var known bool
	if err := q.QueryRow(ctx, sqlKnowsSRID, srid).Scan(&known); err != nil {
		return fmt.Errorf("look up %s: %w", crs, err)
	}
	if !known {
		return fmt.Errorf("-crs %s is not among the systems that PostGIS knows", crs)
	}
	for i := range grids {
		if err := transform(ctx, q, grids[i:i+1], int32(srid)); err != nil {
			return fmt.Errorf("%s: it cannot be brought from %s to WGS-84: %w", grids[i].Where, crs, err)
		}
	}
	return nil
}

func transform(ctx context.Context, q Querier, grids []territory.Grid, srid int32) error {
	c, err := columns(grids)
	if err != nil {
		return err
	}
	rows, err := q.Query(ctx, sqlTransform, c.shape, srid)
	if err != nil {
		return err
	}
	var n int
	var b []byte
	_, err = pgx.ForEachRow(rows, []any{&n, &b}, func() error {
		g, err := wkb.Unmarshal(b)
		if err != nil {
			return err
		}
		shape, ok := g.(orb.MultiPolygon)
		if !ok {
			return fmt.Errorf("it became a %T", g)
		}
		grids[n-1].Shape = shape
		return nil
	})
	return err
}

// shift converts every vertex; a closed ring stays closed because equal
// vertices have equal images.
func shift(g *territory.Grid, crs string) error {
	g.Shape = g.Shape.Clone()
	for _, polygon := range g.Shape {
		for _, ring := range polygon {
			for i, p := range ring {
				q, err := datum.ToWGS84(crs, p)
				if err != nil {
					return fmt.Errorf("%s: point %d: %w", g.Where, i+1, err)
				}
				ring[i] = q
			}
		}
	}
	return nil
}

const sqlInvalidShapes = `
SELECT u.n::integer, CASE WHEN ST_IsValid(s.geom) THEN 'it has no area' ELSE ST_IsValidReason(s.geom) END
FROM unnest($1::bytea[]) WITH ORDINALITY AS u (shape, n)
CROSS JOIN LATERAL (SELECT ST_GeomFromWKB(u.shape, 4326) AS geom) s
WHERE NOT ST_IsValid(s.geom) OR ST_Area(s.geom) = 0
ORDER BY u.n`

const sqlOverlaps = `
WITH s AS MATERIALIZED (SELECT u.n::integer AS n, u.code, ST_GeomFromWKB(u.shape, 4326) AS geom FROM unnest($1::text[], $2::bytea[]) WITH ORDINALITY AS u (code, shape, n)),
pair AS (
  SELECT a.n, b.code AS other, a.geom AS one, b.geom AS two FROM s a JOIN s b ON a.n < b.n AND a.geom && b.geom
  UNION ALL
  SELECT s.n, e.code, s.geom, e.geom FROM s JOIN grid_now e ON e.layer = $3 AND e.geom && s.geom AND NOT e.code = ANY ($1::text[]) AND NOT ($4::text <> '' AND e.code LIKE $4 || '%')
)
SELECT p.n, p.other, ST_Area(x.geom::geography), ST_X(x.mid), ST_Y(x.mid)
FROM pair p
CROSS JOIN LATERAL (SELECT ST_CollectionExtract(ST_Intersection(p.one, p.two), 3) AS geom) i
CROSS JOIN LATERAL (SELECT i.geom, ST_PointOnSurface(i.geom) AS mid) x
WHERE NOT ST_IsEmpty(x.geom) AND ST_Area(x.geom::geography) > 1
ORDER BY p.n, p.other`

// Gaps are looked for street by street, in a plane of metres: what is enclosed
// by grids, and slits up to five metres wide that reach the outside.
const sqlGaps = `
WITH s AS (
  SELECT left(u.code, 9) AS street, ST_GeomFromWKB(u.shape, 4326) AS geom FROM unnest($1::text[], $2::bytea[]) AS u (code, shape)
  UNION ALL
  SELECT left(e.code, 9), e.geom FROM grid_now e
  WHERE e.layer = $3 AND NOT e.code = ANY ($1::text[]) AND NOT ($4::text <> '' AND e.code LIKE $4 || '%')
    AND left(e.code, 9) IN (SELECT left(c, 9) FROM unnest($1::text[]) AS c)
),
whole AS (SELECT street, 32600 + floor((ST_X(ST_Centroid(ST_Extent(geom)::geometry)) + 180) / 6)::integer + 1 AS srid, array_agg(geom) AS parts FROM s GROUP BY street),
flat AS (SELECT w.street, (SELECT ST_Union(ST_Transform(p, w.srid)) FROM unnest(w.parts) AS p) AS geom FROM whole w),
closed AS (SELECT street, geom, ST_Buffer(ST_Buffer(geom, 2.5, 'join=mitre mitre_limit=5'), -2.5, 'join=mitre mitre_limit=5') AS shut FROM flat),
filled AS (SELECT c.street, c.geom, (SELECT ST_Union(ST_MakePolygon(ST_ExteriorRing(d.geom))) FROM ST_Dump(c.shut) AS d) AS shut FROM closed c)
SELECT f.street, ST_Area(g.geom), ST_X(g.mid), ST_Y(g.mid)
FROM filled f
CROSS JOIN LATERAL ST_Dump(ST_CollectionExtract(ST_Difference(f.shut, f.geom), 3)) AS d
CROSS JOIN LATERAL (SELECT d.geom, ST_Transform(ST_PointOnSurface(d.geom), 4326) AS mid) g
WHERE ST_Area(d.geom) > 1
ORDER BY f.street, ST_Area(d.geom) DESC
LIMIT 200`

// InspectGrids asks PostGIS about grids in WGS-84 that territory.Check found
// in order: rings that cross, overlaps over 1 m² with each other and with
// living siblings (both refuse the import), and gaps between them (a warning,
// for a lake may lie there).
func InspectGrids(ctx context.Context, q Querier, grids []territory.Grid, in GridImport) (territory.Report, error) {
	var r territory.Report
	if in.Layer == "" {
		in.Layer = Operative
	}
	ending := "" // living grids under this prefix will be gone
	if in.Retire {
		ending = in.Region
	}
	c, err := columns(grids)
	if err != nil {
		return nil, err
	}
	rows, err := q.Query(ctx, sqlInvalidShapes, c.shape)
	if err != nil {
		return nil, fmt.Errorf("check the shapes: %w", err)
	}
	var n int
	var text string
	if _, err := pgx.ForEachRow(rows, []any{&n, &text}, func() error {
		r.Refuse(grids[n-1].Code, grids[n-1].Where, "the shape is not valid: %s", text)
		return nil
	}); err != nil {
		return nil, fmt.Errorf("check the shapes: %w", err)
	}
	if len(r) > 0 {
		return r, nil
	}
	var m2, lon, lat float64
	rows, err = q.Query(ctx, sqlOverlaps, c.code, c.shape, in.Layer, ending)
	if err != nil {
		return nil, fmt.Errorf("look for overlaps: %w", err)
	}
	if _, err := pgx.ForEachRow(rows, []any{&n, &text, &m2, &lon, &lat}, func() error {
		r.Refuse(grids[n-1].Code, grids[n-1].Where, "it overlaps %s by %.1f m² near %.6f,%.6f", text, m2, lon, lat)
		return nil
	}); err != nil {
		return nil, fmt.Errorf("look for overlaps: %w", err)
	}
	if len(r) > 0 {
		return r, nil
	}
	rows, err = q.Query(ctx, sqlGaps, c.code, c.shape, in.Layer, ending)
	if err != nil {
		return nil, fmt.Errorf("look for gaps: %w", err)
	}
	if _, err := pgx.ForEachRow(rows, []any{&text, &m2, &lon, &lat}, func() error {
		r.Warn(text, "", "between its grids lies a gap of %.1f m² near %.6f,%.6f", m2, lon, lat)
		return nil
	}); err != nil {
		return nil, fmt.Errorf("look for gaps: %w", err)
	}
	return r, nil
}

const sqlStaff = `
SELECT g.code,
  count(*) FILTER (WHERE a.role = 'leader')::integer AS leaders, count(*) FILTER (WHERE a.role = 'guide')::integer AS guides,
  count(*) FILTER (WHERE a.role = 'worker')::integer AS others
FROM grid_now g
LEFT JOIN (grid_assignment a JOIN worker w ON w.id = a.worker_id AND w.status = 'active') ON a.grid_id = g.id AND a.valid_to IS NULL
WHERE g.layer = 'operative' AND g.is_execution AND g.code LIKE $1
GROUP BY g.code ORDER BY g.code`

// GridStaff counts who answers for each execution grid whose code begins with
// prefix: the 1+1+1 report.
func GridStaff(ctx context.Context, q Querier, prefix string) ([]territory.Staff, error) {
	rows, err := q.Query(ctx, sqlStaff, prefix+"%")
	if err != nil {
		return nil, fmt.Errorf("count the grids' people: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[territory.Staff])
	if err != nil {
		return nil, fmt.Errorf("count the grids' people: %w", err)
	}
	return list, nil
}

const sqlKnownCodes = `SELECT code FROM grid_now WHERE layer = 'operative'`

const sqlKnownWorkers = `SELECT code FROM worker`

// GridCodes is the set of living operative grids' codes.
func GridCodes(ctx context.Context, q Querier) (map[string]bool, error) {
	return codeSet(ctx, q, sqlKnownCodes)
}

// WorkerCodes is the set of all workers' codes.
func WorkerCodes(ctx context.Context, q Querier) (map[string]bool, error) {
	return codeSet(ctx, q, sqlKnownWorkers)
}

func codeSet(ctx context.Context, q Querier, sql string) (map[string]bool, error) {
	rows, err := q.Query(ctx, sql)
	if err != nil {
		return nil, fmt.Errorf("read the codes: %w", err)
	}
	codes := map[string]bool{}
	var code string
	if _, err := pgx.ForEachRow(rows, []any{&code}, func() error { codes[code] = true; return nil }); err != nil {
		return nil, fmt.Errorf("read the codes: %w", err)
	}
	return codes, nil
}

const sqlPutShifts = `
INSERT INTO shift (worker_id, org_id, post, starts_at, ends_at)
SELECT w.id, COALESCE(o.id, w.org_id), u.post, u.starts, u.ends
FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[]) AS u (worker, org, post, starts, ends)
JOIN worker w ON w.code = u.worker LEFT JOIN org o ON o.code = u.org AND o.valid_to IS NULL
ON CONFLICT (worker_id, starts_at) DO UPDATE SET org_id = EXCLUDED.org_id, post = EXCLUDED.post, ends_at = EXCLUDED.ends_at
WHERE (shift.org_id, shift.post, shift.ends_at) IS DISTINCT FROM (EXCLUDED.org_id, EXCLUDED.post, EXCLUDED.ends_at)
RETURNING xmax = 0`

const sqlShiftOverlap = `
SELECT w.code, to_char(a.starts_at AT TIME ZONE 'Asia/Shanghai', 'YYYY-MM-DD HH24:MI') FROM shift a JOIN shift b ON b.worker_id = a.worker_id AND b.starts_at > a.starts_at AND b.starts_at < a.ends_at
JOIN worker w ON w.id = a.worker_id WHERE w.code = ANY ($1::text[]) LIMIT 1`

// PutShifts writes checked shifts. One that begins when a known one of the
// worker does replaces it; two of a worker may not overlap.
func PutShifts(ctx context.Context, tx pgx.Tx, shifts []territory.Shift) (out Outcome, err error) {
	var worker, org, post, from, to []string
	for _, s := range shifts {
		worker, org, post, from, to = append(worker, s.Worker), append(org, s.OrgCode), append(post, s.Post), append(from, s.Start), append(to, s.End)
	}
	rows, err := tx.Query(ctx, sqlPutShifts, worker, org, post, from, to)
	if err != nil {
		return out, fmt.Errorf("write the shifts: %w", err)
	}
	var fresh bool
	if _, err := pgx.ForEachRow(rows, []any{&fresh}, func() error {
		if fresh {
			out.Added++
		} else {
			out.Changed++
		}
		return nil
	}); err != nil {
		return out, fmt.Errorf("write the shifts: %w", err)
	}
	out.Unchanged = len(shifts) - out.Added - out.Changed
	var who, when string
	err = tx.QueryRow(ctx, sqlShiftOverlap, worker).Scan(&who, &when)
	if err == nil {
		return out, fmt.Errorf("%s: its shift of %s would overlap another", who, when)
	}
	if !errors.Is(err, pgx.ErrNoRows) {
		return out, fmt.Errorf("compare the shifts: %w", err)
	}
	return out, nil
}
