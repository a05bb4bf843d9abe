package postgres

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/territory"
)

// PlaceHit is a place found by what was typed.
type PlaceHit struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Address string    `json:"address"`
	Point   orb.Point `json:"point"`
	Kind    string    `json:"kind"`
	OrgName string    `json:"org_name,omitempty"`
	Score   float64   `json:"score"`
}

// A name that is what was typed comes first, then names that begin with it, by
// characters or initials or full pinyin, then those that hold it anywhere;
// among equals the shorter name. What the gazetteer does not know may be a
// grid or stand on the base map.
const sqlGazetteer = `
WITH found AS (
  SELECT 'g' || g.id AS id, g.name, g.address, g.geom AS point, g.kind, o.name AS org_name,
    CASE WHEN lower(g.name) = $2 THEN 1.0 WHEN $2 = ANY (string_to_array(lower(g.aliases), ' ')) THEN 0.97 WHEN lower(g.name) LIKE $3 || '%' THEN 0.92
      WHEN g.initials = $2 THEN 0.9 WHEN g.pinyin = $2 THEN 0.9 WHEN g.initials LIKE $3 || '%' THEN 0.8 WHEN g.pinyin LIKE $3 || '%' THEN 0.78
      WHEN lower(g.name) LIKE '%' || $3 || '%' THEN 0.7 WHEN lower(g.aliases) LIKE '%' || $3 || '%' THEN 0.65 WHEN lower(g.address) LIKE '%' || $3 || '%' THEN 0.5 ELSE 0.4 END AS score
  FROM gazetteer g JOIN org o ON o.id = g.org_id
  WHERE (o.path LIKE ANY ($1) OR (g.org_id = g.region_id AND g.region_id = ANY ($5)))
    AND g.search LIKE '%' || $3 || '%'
  UNION ALL
  SELECT 'w' || n.id, n.name, n.org_name, n.label_point, '网格', n.org_name,
    CASE WHEN lower(n.name) = $2 THEN 0.88 WHEN n.pinyin LIKE $3 || '%' OR lower(n.name) LIKE $3 || '%' THEN 0.6 ELSE 0.45 END
  FROM grid_now n WHERE n.layer = 'operative' AND n.org_path LIKE ANY ($1) AND (lower(n.name) LIKE '%' || $3 || '%' OR n.pinyin LIKE $3 || '%' OR n.code LIKE $3 || '%')
  UNION ALL
  SELECT 'b' || p.id, p.name, '', ST_Transform(p.geom, 4326), p.class, '',
    CASE WHEN lower(p.name) = $2 THEN 0.86 WHEN lower(p.name) LIKE $3 || '%' THEN 0.58 WHEN p.pinyin LIKE $3 || '%' THEN 0.55 ELSE 0.43 END
  FROM base_place p WHERE (lower(p.name) LIKE '%' || $3 || '%' OR p.pinyin LIKE $3 || '%')
    AND NOT EXISTS (SELECT FROM gazetteer g WHERE g.name = p.name AND ST_DWithin(g.geom, ST_Transform(p.geom, 4326), 0.0005))
)
SELECT id, name, address, point, kind, org_name, score::float8 FROM found ORDER BY score DESC, length(name), name, id LIMIT $4`

// Gazetteer finds places of the scope by name, part of an address, initials or full pinyin.
func Gazetteer(ctx context.Context, q Querier, scope []string, regions []int64, text string, limit int) ([]PlaceHit, error) {
	text = strings.ToLower(strings.TrimSpace(text))
	rows, err := q.Query(ctx, sqlGazetteer, Under(scope), text, likeText(text), limit, regions)
	if err != nil {
		return nil, fmt.Errorf("search the gazetteer: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[PlaceHit])
	if err != nil {
		return nil, fmt.Errorf("search the gazetteer: %w", err)
	}
	return list, nil
}

const sqlPlaceOfAddress = `
SELECT g.geom, count(*) OVER (PARTITION BY length(g.name)) FROM gazetteer g JOIN org o ON o.id = g.org_id
WHERE (o.path LIKE ANY ($1) OR (g.org_id = g.region_id AND g.region_id = ANY ($3))) AND length(g.name) >= 2 AND (strpos($2, g.name) > 0 OR g.address = $2)
ORDER BY g.address = $2 DESC, length(g.name) DESC, g.id LIMIT 1`

// PlaceOfAddress is the point of the place that an address names: the longest
// name of the gazetteer that it holds. Where two places share that name nobody
// guesses, and ok is false.
func PlaceOfAddress(ctx context.Context, q Querier, scope []string, regions []int64, address string) (p orb.Point, ok bool, err error) {
	rows, err := q.Query(ctx, sqlPlaceOfAddress, Under(scope), address, regions)
	if err != nil {
		return p, false, fmt.Errorf("look up the address: %w", err)
	}
	var n int64
	_, err = pgx.ForEachRow(rows, []any{&p, &n}, func() error { ok = n == 1; return nil })
	if err != nil {
		return p, false, fmt.Errorf("look up the address: %w", err)
	}
	return p, ok, nil
}

const sqlPutGazetteer = `
INSERT INTO gazetteer AS g (region_id, org_id, grid_id, name, aliases, address, initials, pinyin, kind, geom, src_crs, source)
SELECT $1, COALESCE((SELECT o.id FROM org o WHERE o.code = n.org AND o.valid_to IS NULL AND o.path LIKE (SELECT r.path FROM org r WHERE r.id = $1) || '%'), at.org_id, $1), at.id,
  n.name, n.aliases, n.address, n.initials, n.pinyin, n.kind, n.geom, $11, $12
FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::float8[], $10::float8[]) AS u(org, name, aliases, address, initials, pinyin, kind, lon, lat)
CROSS JOIN LATERAL (SELECT u.*, ST_SetSRID(ST_MakePoint(u.lon, u.lat), 4326) AS geom) n
LEFT JOIN LATERAL (SELECT w.id, w.org_id FROM grid_now w WHERE w.layer = 'operative' AND w.region_id = $1 AND ST_Covers(w.geom, n.geom) ORDER BY w.code LIMIT 1) at ON true
ON CONFLICT (region_id, name, address) DO UPDATE SET org_id = EXCLUDED.org_id, grid_id = EXCLUDED.grid_id, aliases = EXCLUDED.aliases, kind = EXCLUDED.kind,
  geom = EXCLUDED.geom, src_crs = EXCLUDED.src_crs, source = EXCLUDED.source, updated_at = now()
WHERE (g.org_id, g.aliases, g.kind, g.geom) IS DISTINCT FROM (EXCLUDED.org_id, EXCLUDED.aliases, EXCLUDED.kind, EXCLUDED.geom)
RETURNING xmax = 0`

// PutAddresses writes gazetteer entries of a region, in WGS-84 by now; each
// belongs to the community named, or that of the grid it lies in. Those that
// are there and the same stay.
func PutAddresses(ctx context.Context, q Querier, region int64, list []territory.Address, crs, source string) (Outcome, error) {
	var orgs, names, aliases, addresses, initials, pinyins, kinds []string
	var lons, lats []float64
	for _, a := range list {
		orgs, names, aliases, addresses = append(orgs, a.OrgCode), append(names, a.Name), append(aliases, strings.Join(a.Aliases, " ")), append(addresses, a.Text)
		initials, pinyins, kinds = append(initials, territory.Initials(a.Name)), append(pinyins, territory.Pinyin(a.Name)), append(kinds, a.Kind)
		lons, lats = append(lons, a.Point[0]), append(lats, a.Point[1])
	}
	return putMany(ctx, q, len(list), "the gazetteer", sqlPutGazetteer, region, orgs, names, aliases, addresses, initials, pinyins, kinds, lons, lats, crs, source)
}

const sqlAddressesOfMap = `
SELECT p.name, p.class, ST_Transform(p.geom, 4326) FROM base_place p
WHERE EXISTS (SELECT FROM grid_now g WHERE g.region_id = $1 AND g.layer = 'operative' AND ST_Covers(g.geom, ST_Transform(p.geom, 4326))) ORDER BY p.id`

const sqlAddressesOfGrids = `SELECT g.name, '网格', g.label_point FROM grid_now g WHERE g.region_id = $1 AND g.layer = 'operative' ORDER BY g.code`

// AddressesOf makes gazetteer entries of what a region's own map and grids
// name: a beginning until somebody imports the real one.
func AddressesOf(ctx context.Context, q Querier, region int64) ([]territory.Address, error) {
	var all []territory.Address
	seen := map[string]bool{}
	for _, sql := range []string{sqlAddressesOfMap, sqlAddressesOfGrids} {
		rows, err := q.Query(ctx, sql, region)
		if err != nil {
			return nil, fmt.Errorf("read the names of the map: %w", err)
		}
		var a territory.Address
		if _, err := pgx.ForEachRow(rows, []any{&a.Name, &a.Kind, &a.Point}, func() error {
			if !seen[a.Name] && a.Name != "" {
				seen[a.Name] = true
				all = append(all, a)
			}
			return nil
		}); err != nil {
			return nil, fmt.Errorf("read the names of the map: %w", err)
		}
	}
	return all, nil
}

// What is open by the partial index, what was closed lately by the whole one.
const sqlNearCases = `
WITH at AS (SELECT $1::geometry AS p, ST_Expand($1::geometry, $2::float8 / 111320.0 / cos(radians(LEAST(ABS(ST_Y($1::geometry)), 80))), $2::float8 / 110540.0) AS box),
near AS (
  (SELECT i.id, i.case_no, i.state, i.category, i.title, i.description, i.reported_at, i.closed_at, ST_Distance(i.geom::geography, at.p::geography) AS m FROM incident i, at JOIN org o ON true
   WHERE o.id = i.org_id AND i.open AND i.geom && at.box AND i.drill = $5 AND (i.sensitivity <> 'high' OR NOT $6::boolean) AND o.path LIKE ANY ($3) ORDER BY i.geom <-> at.p LIMIT 200)
  UNION ALL
  (SELECT i.id, i.case_no, i.state, i.category, i.title, i.description, i.reported_at, i.closed_at, ST_Distance(i.geom::geography, at.p::geography) FROM incident i, at JOIN org o ON true
   WHERE o.id = i.org_id AND NOT i.open AND i.closed_at >= $4 AND i.geom && at.box AND i.drill = $5 AND (i.sensitivity <> 'high' OR NOT $6::boolean) AND o.path LIKE ANY ($3) ORDER BY i.geom <-> at.p LIMIT 200)
)
SELECT * FROM near WHERE m <= $2 ORDER BY m LIMIT 200`

// NearCases returns at most 200 cases of the scope within radius metres of p,
// open ones and those closed since the instant, nearest first; drills only
// among drills, and for a wall no sensitive one. They hold what a comparison reads, no more.
func NearCases(ctx context.Context, q Querier, scope []string, p orb.Point, radius float64, since time.Time, drill, wall bool) ([]incident.Near, error) {
	rows, err := q.Query(ctx, sqlNearCases, p, radius, Under(scope), since, drill, wall)
	if err != nil {
		return nil, fmt.Errorf("look for cases near by: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (n incident.Near, err error) {
		i := &n.Incident
		return n, row.Scan(&i.ID, &i.CaseNo, &i.State, &i.Category, &i.Title, &i.Description, &i.ReportedAt, &i.ClosedAt, &n.DistanceM)
	})
	if err != nil {
		return nil, fmt.Errorf("look for cases near by: %w", err)
	}
	return list, nil
}

const sqlIncidentsByID = `SELECT * FROM incident_shown WHERE id = ANY ($1)`

// IncidentsByID returns those of the incidents that are there, in no order.
func IncidentsByID(ctx context.Context, q Querier, ids []uuid.UUID) (map[uuid.UUID]incident.Incident, error) {
	list, err := collectIncidents(ctx, q, sqlIncidentsByID, ids)
	if err != nil {
		return nil, err
	}
	out := map[uuid.UUID]incident.Incident{}
	for _, inc := range list {
		out[inc.ID] = inc
	}
	return out, nil
}

const sqlPastCases = `
SELECT category, title FROM incident WHERE region_id = ANY ($1) AND category <> '' AND NOT drill ORDER BY reported_at DESC LIMIT $2`

// PastCases returns the newest cases of regions as a suggestion of kinds reads them.
func PastCases(ctx context.Context, q Querier, regions []int64, limit int) ([]incident.Past, error) {
	rows, err := q.Query(ctx, sqlPastCases, regions, limit)
	if err != nil {
		return nil, fmt.Errorf("read past cases: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[incident.Past])
	if err != nil {
		return nil, fmt.Errorf("read past cases: %w", err)
	}
	return list, nil
}
