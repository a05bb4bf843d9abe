package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/territory"
)

const catalogueColumns = `
SELECT c.code, COALESCE(c.parent_code, '') AS parent, c.name, c.sort, c.retired, c.keywords, c.default_tier, c.default_org, COALESCE(o.name, '') AS default_org_name,
  c.sensitive, c.photo_after, c.alike_m, c.std_ref, c.std_kind, c.std_code, COALESCE(s.name, '') AS std_name, c.version`

const catalogueFrom = `
FROM category c LEFT JOIN org o ON o.id = c.default_org AND o.valid_to IS NULL
LEFT JOIN standard_code s ON s.standard_ref = c.std_ref AND s.kind = c.std_kind AND s.code5 = c.std_code`

const sqlCatalogue = catalogueColumns + `, COALESCE(n.open, 0) AS open` + catalogueFrom + `
LEFT JOIN (SELECT i.category, count(*) AS open FROM incident i JOIN org io ON io.id = i.org_id
  WHERE i.open AND NOT i.drill AND io.path LIKE ANY ($1) GROUP BY 1) n ON n.category = c.code
WHERE $2 OR NOT c.retired ORDER BY c.sort, c.code`

// Catalogue returns the catalogue in its order, with how many open cases of
// the scope each entry has; retired ones too when asked.
func Catalogue(ctx context.Context, q Querier, scope []string, retired bool) ([]incident.CatalogueEntry, error) {
	return collectCatalogue(ctx, q, sqlCatalogue, Under(scope), retired)
}

const sqlCatalogueEntry = catalogueColumns + `, 0::bigint AS open` + catalogueFrom + ` WHERE c.code = $1`

// CatalogueEntry returns one entry of the catalogue.
func CatalogueEntry(ctx context.Context, q Querier, code string) (incident.CatalogueEntry, error) {
	list, err := collectCatalogue(ctx, q, sqlCatalogueEntry, code)
	if err != nil {
		return incident.CatalogueEntry{}, err
	}
	if len(list) == 0 {
		return incident.CatalogueEntry{}, fault.New(fault.Missing, "没有这个事件类别")
	}
	return list[0], nil
}

func collectCatalogue(ctx context.Context, q Querier, sql string, args ...any) ([]incident.CatalogueEntry, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("read the catalogue: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[incident.CatalogueEntry])
	if err != nil {
		return nil, fmt.Errorf("read the catalogue: %w", err)
	}
	return list, nil
}

const sqlInsertCategory = `
INSERT INTO category (code, parent_code, name, pinyin, sort, retired, keywords, default_tier, default_org, sensitive, photo_after, alike_m, std_ref, std_kind, std_code)
VALUES ($1, NULLIF($2, ''), $3, $4, COALESCE(NULLIF($5::integer, 0), (SELECT max(s.sort) + CASE WHEN $2 = '' THEN 100 ELSE 1 END FROM category s WHERE COALESCE(s.parent_code, '') = $2 OR s.code = $2), 1), $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`

const sqlUpdateCategory = `
UPDATE category SET parent_code = NULLIF($2, ''), name = $3, pinyin = $4, sort = $5, retired = $6, keywords = $7, default_tier = $8, default_org = $9, sensitive = $10,
  photo_after = $11, alike_m = $12, std_ref = $13, std_kind = $14, std_code = $15, version = version + 1
WHERE code = $1 AND version = $16`

func categoryArgs(e incident.CatalogueEntry) []any {
	return []any{e.Code, e.Parent, e.Name, territory.Initials(e.Name), e.Sort, e.Retired, e.Keywords, e.DefaultTier, e.DefaultOrg, e.Sensitive, e.PhotoAfter, e.AlikeM, e.StdRef, e.StdKind, e.StdCode}
}

// InsertCategory adds an entry, after its siblings unless it says where; a code that is taken, by a retired one too, is a conflict.
func InsertCategory(ctx context.Context, q Querier, e incident.CatalogueEntry) error {
	_, err := q.Exec(ctx, sqlInsertCategory, categoryArgs(e)...)
	if Violates(err, "category_pkey") {
		return fault.Because(err, fault.Conflict, "编码 %s 已被使用（停用的编码也不能重用）", e.Code)
	}
	return categoryError(err)
}

// UpdateCategory changes an entry that still has the version the caller read.
func UpdateCategory(ctx context.Context, q Querier, e incident.CatalogueEntry) error {
	tag, err := q.Exec(ctx, sqlUpdateCategory, append(categoryArgs(e), e.Version)...)
	if err != nil {
		return categoryError(err)
	}
	if tag.RowsAffected() == 0 {
		return fault.New(fault.Conflict, "这个类别刚被他人修改，请刷新后再改").At("version")
	}
	return nil
}

func categoryError(err error) error {
	if Violates(err, "category_parent_code_fkey") {
		return fault.Because(err, fault.Invalid, "没有这个上级类别").At("parent")
	}
	if err != nil {
		return fmt.Errorf("write the category: %w", err)
	}
	return nil
}

const sqlStandardCodes = `
SELECT standard_ref, kind, code5, name FROM standard_code
WHERE ($1 = '' OR standard_ref = $1) AND ($2 = '' OR kind = $2) AND ($3 = '' OR code5 LIKE $3 || '%' OR name ILIKE '%' || $3 || '%')
ORDER BY standard_ref, kind DESC, code5 LIMIT $4`

// StandardCodes lists national codes by standard, kind, and beginning of the code or part of the name.
func StandardCodes(ctx context.Context, q Querier, ref, kind, text string, limit int) ([]incident.StandardCode, error) {
	rows, err := q.Query(ctx, sqlStandardCodes, ref, kind, likeText(text), limit)
	if err != nil {
		return nil, fmt.Errorf("list the standard codes: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[incident.StandardCode])
	if err != nil {
		return nil, fmt.Errorf("list the standard codes: %w", err)
	}
	return list, nil
}

const sqlStandardCodeKnown = `SELECT EXISTS (SELECT FROM standard_code WHERE standard_ref = $1 AND kind = $2 AND code5 = $3)`

// StandardCodeKnown reports whether a national code was imported.
func StandardCodeKnown(ctx context.Context, q Querier, ref, kind, code string) (bool, error) {
	var ok bool
	if err := q.QueryRow(ctx, sqlStandardCodeKnown, ref, kind, code).Scan(&ok); err != nil {
		return false, fmt.Errorf("look up the standard code: %w", err)
	}
	return ok, nil
}

const sqlPutStandardCodes = `
INSERT INTO standard_code AS s (standard_ref, kind, code5, name) SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])
ON CONFLICT (standard_ref, kind, code5) DO UPDATE SET name = EXCLUDED.name, updated_at = now() WHERE s.name <> EXCLUDED.name
RETURNING xmax = 0`

// PutStandardCodes writes national codes; those that are there with the same name stay.
func PutStandardCodes(ctx context.Context, q Querier, codes []incident.StandardCode) (out Outcome, err error) {
	var refs, kinds, numbers, names []string
	for _, c := range codes {
		refs, kinds, numbers, names = append(refs, c.StandardRef), append(kinds, c.Kind), append(numbers, c.Code5), append(names, c.Name)
	}
	return putMany(ctx, q, len(codes), "the standard codes", sqlPutStandardCodes, refs, kinds, numbers, names)
}

// putMany runs an upsert that returns for each row it wrote whether it is new.
func putMany(ctx context.Context, q Querier, n int, what, sql string, args ...any) (out Outcome, err error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return out, fmt.Errorf("write %s: %w", what, err)
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
		return out, fmt.Errorf("write %s: %w", what, err)
	}
	out.Unchanged = n - out.Added - out.Changed
	return out, nil
}

// DepartmentRow is an organisation that handles what communities cannot: who
// leads it, what comes to it first, and how it stands. Open and Late are nil
// for those who do not see its cases.
type DepartmentRow struct {
	ID           int64         `json:"id"`
	Path         string        `json:"-"`
	Region       int64         `json:"region"`
	Code         string        `json:"code"`
	Kind         string        `json:"kind"`
	Name         string        `json:"name"`
	ShortName    string        `json:"short_name"`
	Phone        string        `json:"phone"`
	Head         string        `json:"head"`
	Contact      string        `json:"contact"`
	ContactPhone string        `json:"contact_phone"`
	Duties       string        `json:"duties"`
	Version      int32         `json:"version"`
	Categories   []CodeAndName `json:"categories"`
	Open         *int64        `json:"open"`
	Late         *int64        `json:"late"`
	Whistles     *int64        `json:"whistles"` // open ones that call it
}

// CodeAndName is a category as a list mentions it.
type CodeAndName struct {
	Code string `json:"code"`
	Name string `json:"name"`
}

const sqlDepartmentList = `
SELECT o.id, o.path, o.region_id AS region, o.code, o.kind, o.name, o.short_name, o.phone, COALESCE(d.head, '') AS head, COALESCE(d.contact, '') AS contact,
  COALESCE(d.contact_phone, '') AS contact_phone, COALESCE(d.duties, '') AS duties, o.version,
  COALESCE((SELECT jsonb_agg(jsonb_build_object('code', c.code, 'name', c.name) ORDER BY c.sort, c.code) FROM category c WHERE c.default_org = o.id AND NOT c.retired), '[]') AS categories,
  n.open, n.late,
  (SELECT count(*) FROM whistle_department wd JOIN whistle w ON w.id = wd.whistle_id WHERE wd.org_id = o.id AND w.confirmed_at IS NOT NULL AND w.state <> 'closed' AND NOT w.drill) AS whistles
FROM org o LEFT JOIN department d ON d.org_id = o.id
CROSS JOIN LATERAL (SELECT count(*) AS open, count(*) FILTER (WHERE NOT i.paused AND LEAST(i.stage_due, i.case_due) <= $2) AS late
  FROM incident i WHERE i.owner_org = o.id AND i.open AND NOT i.drill) n
WHERE o.kind IN ('department', 'district_dept') AND o.valid_to IS NULL AND o.region_id = ANY ($1) AND ($3::bigint IS NULL OR o.id = $3)
ORDER BY o.path COLLATE "C"`

// DepartmentList lists the departments of regions; now decides what is late. Drills count nowhere.
func DepartmentList(ctx context.Context, q Querier, regions []int64, now time.Time, one *int64) ([]DepartmentRow, error) {
	rows, err := q.Query(ctx, sqlDepartmentList, regions, now, one)
	if err != nil {
		return nil, fmt.Errorf("list the departments: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[DepartmentRow])
	if err != nil {
		return nil, fmt.Errorf("list the departments: %w", err)
	}
	return list, nil
}

const sqlPutDepartment = `
WITH changed AS (UPDATE org SET name = $3, short_name = $4, pinyin = $5, phone = $6, version = version + 1 WHERE id = $1 AND version = $2 AND valid_to IS NULL RETURNING id)
INSERT INTO department (org_id, head, contact, contact_phone, duties) SELECT id, $7, $8, $9, $10 FROM changed
ON CONFLICT (org_id) DO UPDATE SET head = EXCLUDED.head, contact = EXCLUDED.contact, contact_phone = EXCLUDED.contact_phone, duties = EXCLUDED.duties`

const sqlRouteCategories = `
UPDATE category SET default_org = CASE WHEN code = ANY ($2) THEN $1::bigint END, version = version + 1
WHERE (code = ANY ($2) AND default_org IS DISTINCT FROM $1) OR (default_org = $1 AND NOT code = ANY ($2))`

const sqlKnownCategories = `SELECT count(*) FROM category WHERE code = ANY ($1) AND NOT retired`

// PutDepartment changes a department that still has the version the caller
// read, and which categories come to it first.
func PutDepartment(ctx context.Context, q Querier, d DepartmentRow) error {
	tag, err := q.Exec(ctx, sqlPutDepartment, d.ID, d.Version, d.Name, d.ShortName, territory.Initials(d.Name), d.Phone, d.Head, d.Contact, d.ContactPhone, d.Duties)
	if err != nil {
		return fmt.Errorf("write the department: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return fault.New(fault.Conflict, "这个部门刚被他人修改，请刷新后再改").At("version")
	}
	codes := []string{}
	for _, c := range d.Categories {
		codes = append(codes, c.Code)
	}
	var known int
	if err := q.QueryRow(ctx, sqlKnownCategories, codes).Scan(&known); err != nil {
		return fmt.Errorf("look up the categories: %w", err)
	}
	if known != len(codes) {
		return fault.New(fault.Invalid, "有不存在或已停用的事件类别").At("categories")
	}
	if _, err := q.Exec(ctx, sqlRouteCategories, d.ID, codes); err != nil {
		return fmt.Errorf("route the categories: %w", err)
	}
	return nil
}

const sqlRouteOnce = `
UPDATE category c SET default_org = o.id FROM unnest($1::text[], $2::text[]) AS r(code, org) JOIN org o ON o.code = r.org AND o.valid_to IS NULL
WHERE c.code = r.code AND c.default_org IS NULL AND c.version = 1`

// RouteOnce gives categories nobody has touched their first department, by codes.
func RouteOnce(ctx context.Context, q Querier, routes map[string]string) error {
	var codes, orgs []string
	for code, org := range routes {
		codes, orgs = append(codes, code), append(orgs, org)
	}
	if _, err := q.Exec(ctx, sqlRouteOnce, codes, orgs); err != nil {
		return fmt.Errorf("route the categories: %w", err)
	}
	return nil
}

const sqlOrgHead = `SELECT region_id, path, name, kind FROM org WHERE id = $1 AND valid_to IS NULL`

// OrgHead is what a decision needs of an organisation.
type OrgHead struct {
	Region           int64
	Path, Name, Kind string
}

// OrgByID returns what a decision needs of a living organisation.
func OrgByID(ctx context.Context, q Querier, id int64) (o OrgHead, err error) {
	err = q.QueryRow(ctx, sqlOrgHead, id).Scan(&o.Region, &o.Path, &o.Name, &o.Kind)
	if errors.Is(err, pgx.ErrNoRows) {
		return o, fault.New(fault.Missing, "没有这个组织机构")
	}
	if err != nil {
		return o, fmt.Errorf("find the organisation: %w", err)
	}
	return o, nil
}
