package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/wkb"

	"github.com/gridward/gridward/server/journal"
	"github.com/gridward/gridward/server/territory"
)

// Tx is a transaction, for rooms that only hand one on.
type Tx = pgx.Tx

// Outcome counts what an import changed.
type Outcome struct {
	Added, Changed, Unchanged, Ended int
	Codes                            []string // of what was added or changed
	ended                            []string
}

func (o Outcome) String() string {
	s := fmt.Sprintf("%d new, %d changed, %d unchanged", o.Added, o.Changed, o.Unchanged)
	if o.Ended > 0 {
		s += fmt.Sprintf(", %d ended", o.Ended)
	}
	return s
}

const sqlOrgKinds = `SELECT code, kind FROM org WHERE valid_to IS NULL`

// OrgKinds maps the codes of all living organisations to their kinds.
func OrgKinds(ctx context.Context, q Querier) (map[string]string, error) {
	rows, err := q.Query(ctx, sqlOrgKinds)
	if err != nil {
		return nil, fmt.Errorf("read the organisations: %w", err)
	}
	kinds := map[string]string{}
	var code, kind string
	if _, err := pgx.ForEachRow(rows, []any{&code, &kind}, func() error { kinds[code] = kind; return nil }); err != nil {
		return nil, fmt.Errorf("read the organisations: %w", err)
	}
	return kinds, nil
}

const sqlOrgPlace = `
SELECT o.kind, COALESCE(p.code, '') FROM org o LEFT JOIN org p ON p.id = o.parent_id WHERE o.code = $1 AND o.valid_to IS NULL`

const sqlPutOrg = `
WITH n AS (SELECT nextval(pg_get_serial_sequence('org', 'id')) AS id)
INSERT INTO org (id, region_id, parent_id, path, code, kind, name, short_name, pinyin, uscc, phone, location)
OVERRIDING SYSTEM VALUE
SELECT n.id, CASE WHEN $3::boolean OR p.id IS NULL THEN n.id ELSE p.region_id END, p.id, COALESCE(p.path, '') || n.id || '.', $1, $4, $5, $6, $7, $8, $9, $10
FROM n LEFT JOIN org p ON p.code = $2 AND p.valid_to IS NULL
ON CONFLICT (code) WHERE valid_to IS NULL DO UPDATE SET name = EXCLUDED.name, short_name = EXCLUDED.short_name, pinyin = EXCLUDED.pinyin,
  uscc = EXCLUDED.uscc, phone = EXCLUDED.phone, location = COALESCE(EXCLUDED.location, org.location), version = org.version + 1
WHERE (org.name, org.short_name, org.uscc, org.phone) IS DISTINCT FROM (EXCLUDED.name, EXCLUDED.short_name, EXCLUDED.uscc, EXCLUDED.phone)
  OR EXCLUDED.location IS DISTINCT FROM COALESCE(org.location, EXCLUDED.location)
RETURNING xmax = 0`

const sqlPutRegions = `INSERT INTO region (id) SELECT id FROM org WHERE id = region_id ON CONFLICT DO NOTHING`

// PutOrgs writes organisations that CheckOrgs has put in order. One that is
// known keeps its place in the tree: a move is a new code, as in real life.
func PutOrgs(ctx context.Context, tx pgx.Tx, orgs []territory.Org) (out Outcome, err error) {
	for _, o := range orgs {
		var kind, parent string
		err := tx.QueryRow(ctx, sqlOrgPlace, o.Code).Scan(&kind, &parent)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
		case err != nil:
			return out, fmt.Errorf("read the organisation %s: %w", o.Code, err)
		case kind != o.Kind:
			return out, fmt.Errorf("%s is known as a %s and cannot become a %s: give it a new code", o.Code, kind, o.Kind)
		case o.ParentCode != "" && parent != o.ParentCode:
			return out, fmt.Errorf("%s lies below %q and cannot move below %q: give it a new code", o.Code, parent, o.ParentCode)
		}
		var fresh bool
		var at any // a point or NULL
		if o.Location != nil {
			at = *o.Location
		}
		err = tx.QueryRow(ctx, sqlPutOrg, o.Code, o.ParentCode, territory.Regional(o.Kind), o.Kind, o.Name, o.Short, territory.Initials(o.Name), o.USCC, o.Phone, at).Scan(&fresh)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			out.Unchanged++
			continue
		case err != nil:
			return out, fmt.Errorf("write the organisation %s: %w", o.Code, err)
		case fresh:
			out.Added++
		default:
			out.Changed++
		}
		out.Codes = append(out.Codes, o.Code)
	}
	if _, err := tx.Exec(ctx, sqlPutRegions); err != nil {
		return out, fmt.Errorf("open the regions' journals: %w", err)
	}
	return out, nil
}

const sqlNewGrids = `
INSERT INTO grid (region_id, org_id, code, kind, layer)
SELECT o.region_id, o.id, u.code, u.kind, $4::text
FROM unnest($1::text[], $2::text[], $3::text[]) AS u (code, org, kind) JOIN org o ON o.code = u.org AND o.valid_to IS NULL
ON CONFLICT (code, layer) DO UPDATE SET org_id = EXCLUDED.org_id, kind = EXCLUDED.kind
WHERE (grid.org_id, grid.kind) IS DISTINCT FROM (EXCLUDED.org_id, EXCLUDED.kind)`

const sqlChangedGrids = `
SELECT u.n::integer, v.grid_id IS NULL
FROM unnest($1::text[], $2::text[], $3::text[], $4::boolean[], $5::integer[], $6::integer[], $7::bytea[])
  WITH ORDINALITY AS u (code, name, setting, execution, households, population, shape, n)
JOIN grid g ON g.code = u.code AND g.layer = $8
LEFT JOIN grid_version v ON v.grid_id = g.id AND v.valid_to IS NULL
WHERE v.grid_id IS NULL
  OR (v.name, v.setting, v.is_execution, v.households, v.population) IS DISTINCT FROM (u.name, u.setting, u.execution, u.households, u.population)
  OR NOT ST_Equals(v.geom, ST_GeomFromWKB(u.shape, 4326))
ORDER BY u.n`

const sqlEndVersions = `
UPDATE grid_version v SET valid_to = now() FROM grid g
WHERE g.id = v.grid_id AND v.valid_to IS NULL AND g.layer = $2 AND g.code = ANY ($1::text[])`

const sqlNewVersions = `
INSERT INTO grid_version (grid_id, version, name, pinyin, setting, is_execution, geom, label_point, area_m2, households, population, predecessors, src_crs)
SELECT g.id, COALESCE((SELECT max(v.version) FROM grid_version v WHERE v.grid_id = g.id), 0) + 1, u.name, u.pinyin, u.setting, u.execution, s.geom,
  (ST_MaximumInscribedCircle(s.geom)).center, ST_Area(s.geom::geography), u.households, u.population,
  COALESCE((SELECT array_agg(e.grid_id ORDER BY e.grid_id) FROM grid_version e JOIN grid eg ON eg.id = e.grid_id
    WHERE e.valid_to = now() AND e.grid_id <> g.id AND eg.layer = $9 AND NOT eg.code = ANY ($1::text[]) AND e.geom && s.geom
      AND ST_Area(ST_Intersection(e.geom, s.geom)) > 0.1 * least(ST_Area(e.geom), ST_Area(s.geom))), '{}'), $10
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::boolean[], $6::integer[], $7::integer[], $8::bytea[])
  AS u (code, name, pinyin, setting, execution, households, population, shape)
JOIN grid g ON g.code = u.code AND g.layer = $9
CROSS JOIN LATERAL (SELECT ST_Multi(ST_GeomFromWKB(u.shape, 4326)) AS geom) s`

const sqlGridsToEnd = `
SELECT g.code FROM grid g JOIN grid_version v ON v.grid_id = g.id AND v.valid_to IS NULL
WHERE g.layer = $1 AND g.code LIKE $2 AND NOT g.code = ANY ($3::text[]) ORDER BY g.code`

const sqlEndAssignments = `
UPDATE grid_assignment a SET valid_to = (now() AT TIME ZONE 'Asia/Shanghai')::date FROM grid g
WHERE g.id = a.grid_id AND a.valid_to IS NULL AND g.layer = $2 AND g.code = ANY ($1::text[])`

// GridImport says how grids are brought in.
type GridImport struct {
	Layer  string // "" = operative
	CRS    string // the system the file was in, kept with each version
	Region string // code prefix that the import answers for
	Retire bool   // end living grids of the region that the file does not have
}

// PutGrids writes checked grids in WGS-84. A grid whose shape and figures are
// what they were stays untouched; any other gets a new version. It dates the
// change and tells the regions' journals.
func PutGrids(ctx context.Context, tx pgx.Tx, grids []territory.Grid, in GridImport) (out Outcome, err error) {
	if in.Layer == "" {
		in.Layer = Operative
	}
	c, err := columns(grids)
	if err != nil {
		return out, err
	}
	if _, err := tx.Exec(ctx, sqlNewGrids, c.code, c.org, c.kind, in.Layer); err != nil {
		return out, fmt.Errorf("write the grids: %w", err)
	}
	if in.Retire {
		rows, err := tx.Query(ctx, sqlGridsToEnd, in.Layer, in.Region+"%", c.code)
		if err != nil {
			return out, fmt.Errorf("find the grids to end: %w", err)
		}
		ended, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return out, fmt.Errorf("find the grids to end: %w", err)
		}
		if _, err := tx.Exec(ctx, sqlEndVersions, ended, in.Layer); err != nil {
			return out, fmt.Errorf("end grids: %w", err)
		}
		if _, err := tx.Exec(ctx, sqlEndAssignments, ended, in.Layer); err != nil {
			return out, fmt.Errorf("end the assignments of ended grids: %w", err)
		}
		out.Ended, out.ended = len(ended), ended
	}
	rows, err := tx.Query(ctx, sqlChangedGrids, c.code, c.name, c.setting, c.execution, c.households, c.population, c.shape, in.Layer)
	if err != nil {
		return out, fmt.Errorf("compare the grids: %w", err)
	}
	var news []territory.Grid
	var n int
	var fresh bool
	if _, err := pgx.ForEachRow(rows, []any{&n, &fresh}, func() error {
		news = append(news, grids[n-1])
		if fresh {
			out.Added++
		} else {
			out.Changed++
		}
		return nil
	}); err != nil {
		return out, fmt.Errorf("compare the grids: %w", err)
	}
	out.Unchanged = len(grids) - len(news)
	if len(news) == 0 && out.Ended == 0 {
		return out, nil
	}
	if c, err = columns(news); err != nil {
		return out, err
	}
	out.Codes = c.code
	if _, err := tx.Exec(ctx, sqlEndVersions, c.code, in.Layer); err != nil {
		return out, fmt.Errorf("end the grids' versions: %w", err)
	}
	crs := in.CRS
	if crs == "" {
		crs = "EPSG:4326"
	}
	if _, err := tx.Exec(ctx, sqlNewVersions, c.code, c.name, c.pinyin, c.setting, c.execution, c.households, c.population, c.shape, in.Layer, crs); err != nil {
		return out, fmt.Errorf("write the grids' versions: %w", err)
	}
	return out, announce(ctx, tx, append(out.ended, c.code...))
}

const sqlRegionsOfGrids = `
SELECT r.id, r.path, array_agg(DISTINCT o.path ORDER BY o.path) FROM grid g JOIN org r ON r.id = g.region_id JOIN org o ON o.id = g.org_id
WHERE g.code = ANY ($1::text[]) GROUP BY r.id, r.path ORDER BY r.id`

// announce dates a change and writes territory.changed into the journal of
// each region it touched, in ascending order. The communities touched are
// parties, so that their stations hear of it too.
func announce(ctx context.Context, tx pgx.Tx, codes []string) error {
	epoch, err := bumpEpoch(ctx, tx)
	if err != nil {
		return err
	}
	rows, err := tx.Query(ctx, sqlRegionsOfGrids, codes)
	if err != nil {
		return fmt.Errorf("find the regions of a change: %w", err)
	}
	type region struct {
		ID      int64
		Path    string
		Parties []string
	}
	regions, err := pgx.CollectRows(rows, pgx.RowToStructByPos[region])
	if err != nil {
		return fmt.Errorf("find the regions of a change: %w", err)
	}
	body, err := json.Marshal(map[string]int64{"epoch": epoch})
	if err != nil {
		return err
	}
	for _, r := range regions {
		if _, err := AppendJournal(ctx, tx, r.ID, journal.Entry{Kind: "territory.changed", Subject: "territory", OrgPath: r.Path, Parties: r.Parties, Body: body}); err != nil {
			return err
		}
	}
	return nil
}

// gridColumns are grids as the arrays that unnest takes.
type gridColumns struct {
	code, org, kind, name, pinyin, setting []string
	execution                              []bool
	households, population                 []int32
	shape                                  [][]byte
}

func columns(grids []territory.Grid) (c gridColumns, err error) {
	for _, g := range grids {
		b, err := shapeBytes(g.Shape)
		if err != nil {
			return c, fmt.Errorf("%s: %w", g.Code, err)
		}
		c.code, c.org, c.kind = append(c.code, g.Code), append(c.org, g.OrgCode), append(c.kind, g.Kind)
		c.name, c.pinyin, c.setting = append(c.name, g.Name), append(c.pinyin, territory.Initials(g.Name)), append(c.setting, g.Setting)
		c.execution = append(c.execution, g.IsExecution)
		c.households, c.population = append(c.households, int32(g.Households)), append(c.population, int32(g.Population))
		c.shape = append(c.shape, b)
	}
	return c, nil
}

// shapeBytes writes a shape as WKB. A slice of shapes cannot be an array
// parameter itself: pgx would take its rings for further dimensions.
func shapeBytes(shape orb.Geometry) ([]byte, error) {
	b, err := wkb.Marshal(shape)
	if err != nil {
		return nil, fmt.Errorf("write the shape: %w", err)
	}
	return slices.Clip(b), nil
}
