package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/territory"
)

const resourceColumns = `r.id, r.region_id, r.org_id, o.code, o.name, o.path, r.code, r.kind, r.name, r.geom, r.address, r.contact, r.phone, r.hours, r.note, r.status`

const sqlAreaResources = `SELECT ` + resourceColumns + ` FROM resource r JOIN org o ON o.id = r.org_id
WHERE r.status <> 'retired' AND r.geom && $1::geometry AND ST_Covers($1::geometry, r.geom) AND o.path LIKE ANY ($2) ORDER BY r.id LIMIT $3`

// AreaResources returns what lies inside a shape.
func AreaResources(ctx context.Context, q Querier, shape orb.MultiPolygon, scope []string, limit int) ([]territory.Resource, error) {
	return collectResources(ctx, q, sqlAreaResources, shape, Under(scope), limit)
}

const sqlListResources = `SELECT ` + resourceColumns + ` FROM resource r JOIN org o ON o.id = r.org_id
WHERE ($6 = '' AND r.status <> 'retired' OR r.status = $6) AND o.path LIKE ANY ($1) AND ($2 = '' OR r.kind = $2) AND r.id > $4
  AND ($7::bigint IS NULL OR o.path LIKE (SELECT path FROM org WHERE id = $7) || '%')
  AND ($3 = '' OR r.name ILIKE '%' || $3 || '%' OR r.address ILIKE '%' || $3 || '%' OR r.pinyin LIKE lower($3) || '%' OR r.code = $3)
ORDER BY r.id LIMIT $5`

// ResourceFilter narrows the list of resources.
type ResourceFilter struct {
	Scope        []string
	Kind, Status string // a status; none: all that are not retired
	Org          *int64 // its own and those below it
	Query        string
	After        int64
	Limit        int
}

// Resources lists the resources of a scope, by id after the given one.
func Resources(ctx context.Context, q Querier, f ResourceFilter) ([]territory.Resource, error) {
	return collectResources(ctx, q, sqlListResources, Under(f.Scope), f.Kind, likeText(f.Query), f.After, f.Limit, f.Status, f.Org)
}

func collectResources(ctx context.Context, q Querier, sql string, args ...any) ([]territory.Resource, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("list the resources: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (r territory.Resource, err error) {
		err = row.Scan(&r.ID, &r.Region, &r.Org, &r.OrgCode, &r.OrgName, &r.OrgPath, &r.Code, &r.Kind, &r.Name, &r.Point, &r.Address, &r.Contact, &r.Phone, &r.Hours, &r.Note, &r.Status)
		r.KindName = territory.ResourceKindName(r.Kind)
		return r, err
	})
	if err != nil {
		return nil, fmt.Errorf("list the resources: %w", err)
	}
	return list, nil
}

const sqlStrangeOrgs = `SELECT DISTINCT u.code FROM unnest($1::text[]) AS u (code)
WHERE NOT EXISTS (SELECT FROM org o WHERE o.code = u.code AND o.valid_to IS NULL AND o.path LIKE ANY ($2)) ORDER BY 1 LIMIT 5`

const sqlPutResources = `
INSERT INTO resource (region_id, org_id, code, kind, name, pinyin, geom, address, contact, phone, hours, note, status, updated_at)
SELECT o.region_id, o.id, u.code, u.kind, u.name, u.pinyin, u.geom, u.address, u.contact, u.phone, u.hours, u.note, u.status, now()
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::geometry[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[])
  AS u (org, code, kind, name, pinyin, geom, address, contact, phone, hours, note, status)
JOIN org o ON o.code = u.org AND o.valid_to IS NULL
ON CONFLICT (region_id, code) DO UPDATE SET org_id = EXCLUDED.org_id, kind = EXCLUDED.kind, name = EXCLUDED.name, pinyin = EXCLUDED.pinyin, geom = EXCLUDED.geom, address = EXCLUDED.address,
  contact = EXCLUDED.contact, phone = EXCLUDED.phone, hours = EXCLUDED.hours, note = EXCLUDED.note, status = EXCLUDED.status, updated_at = EXCLUDED.updated_at
WHERE EXISTS (SELECT FROM org was WHERE was.id = resource.org_id AND was.path LIKE ANY ($13))
RETURNING xmax = 0`

// PutResources writes resources. One that is there under its code is changed,
// when it belongs to the scope; one without an organisation belongs to home.
func PutResources(ctx context.Context, tx pgx.Tx, list []territory.Resource, home string, scope []string) (added, changed int, err error) {
	n := len(list)
	org, code, kind, name, pinyin := make([]string, n), make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	address, contact, phone, hours, note, status := make([]string, n), make([]string, n), make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	at := make([]orb.Point, n)
	for i, r := range list {
		org[i], code[i], kind[i], name[i], pinyin[i] = r.OrgCode, r.Code, r.Kind, r.Name, territory.Initials(r.Name)
		if org[i] == "" {
			org[i] = home
		}
		at[i], address[i], contact[i], phone[i], hours[i], note[i], status[i] = r.Point, r.Address, r.Contact, r.Phone, r.Hours, r.Note, r.Status
	}
	rows, err := tx.Query(ctx, sqlStrangeOrgs, org, Under(scope))
	if err != nil {
		return 0, 0, fmt.Errorf("look up the organisations: %w", err)
	}
	strange, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return 0, 0, fmt.Errorf("look up the organisations: %w", err)
	}
	if len(strange) > 0 {
		return 0, 0, fault.New(fault.Invalid, "没有这些机构，或者不在您的管辖范围：%s", strings.Join(strange, "、"))
	}
	if rows, err = tx.Query(ctx, sqlPutResources, org, code, kind, name, pinyin, at, address, contact, phone, hours, note, status, Under(scope)); err != nil {
		return 0, 0, fmt.Errorf("write the resources: %w", err)
	}
	var fresh bool
	if _, err := pgx.ForEachRow(rows, []any{&fresh}, func() error {
		if fresh {
			added++
		} else {
			changed++
		}
		return nil
	}); err != nil {
		return 0, 0, fmt.Errorf("write the resources: %w", err)
	}
	return added, changed, nil
}
