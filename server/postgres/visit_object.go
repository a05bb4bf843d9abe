package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/territory"
)

// VisitObject is somebody or something to be visited (走访对象): the row and the JSON.
type VisitObject struct {
	ID           int64      `json:"id"`
	Region       int64      `json:"-"`
	Org          int64      `json:"org"`
	OrgPath      string     `json:"-"`
	OrgName      string     `json:"org_name"`
	Grid         *int64     `json:"grid"`
	GridName     string     `json:"grid_name"`
	Code         string     `json:"code" doc:"the customer's own number"`
	Kind         string     `json:"kind"`
	KindName     string     `json:"kind_name"`
	Class        string     `json:"class" enum:"backbone,service,control,place"`
	Name         string     `json:"name"`
	Address      string     `json:"address"`
	Phone        string     `json:"phone"`
	Point        orb.Point  `json:"point"`
	CycleN       *int16     `json:"cycle_n" doc:"its own cycle; none: its plan's, or its kind's"`
	CycleUnit    *string    `json:"cycle_unit" enum:"day,week,month,quarter,year"`
	Guardian     *int64     `json:"guardian" doc:"包保责任人: a worker"`
	GuardianName string     `json:"guardian_name"`
	Sensitive    bool       `json:"sensitive" doc:"管控对象, and whoever is marked so"`
	ActiveFrom   string     `json:"active_from" format:"date"`
	ActiveTo     *string    `json:"active_to" format:"date"`
	FirstDue     *string    `json:"first_due" format:"date" doc:"when it is due for the first time; none: one cycle after it was entered"`
	Note         string     `json:"note"`
	Version      int32      `json:"version"`
	EveryN       *int16     `json:"every_n" doc:"the cycle that is in force"`
	EveryUnit    *string    `json:"every_unit" enum:"day,week,month,quarter,year"`
	EveryFrom    string     `json:"every_from" enum:"object,plan,kind," doc:"where that cycle comes from"`
	EveryPlan    string     `json:"every_plan,omitempty" doc:"the plan's name"`
	LastVisit    *uuid.UUID `json:"last_visit" doc:"the last visit that counts"`
	LastVisitAt  *time.Time `json:"last_visit_at"`
	LastTryAt    *time.Time `json:"last_try_at" doc:"the last visit of any kind"`
	LastOutcome  string     `json:"last_outcome"`
	DueOn        *string    `json:"due_on" format:"date"`
	Due          string     `json:"due" enum:"overdue,due,ok,none" doc:"逾期未访, 临近到期, 未到期, 无周期"`
	DueDays      *int32     `json:"due_days" doc:"until due_on; negative: overdue by so many"`
	DistanceM    *float64   `json:"distance_m,omitempty" doc:"of a due list: from where the caller is"`
}

// A cycle is a person's own, else the shortest of the plans in force for his
// kind, else his kind's. It runs from the last visit that counts; of somebody
// who was never visited from the day of entry, unless a first day was told. $1
// is today, $2 the instant until which visits count.
const (
	objectCycle = `
LEFT JOIN LATERAL (SELECT p.cycle_n, p.cycle_unit, p.name FROM visit_plan p WHERE b.cycle_n IS NULL AND p.aim = 'visit' AND b.kind = ANY (p.kinds)
  AND p.valid_from <= $1::date AND (p.valid_to IS NULL OR p.valid_to >= $1::date) AND (p.org_id IS NULL OR o.path LIKE (SELECT t.path FROM org t WHERE t.id = p.org_id) || '%')
  ORDER BY visit_cycle(p.cycle_n, p.cycle_unit), p.id LIMIT 1) p ON true
CROSS JOIN LATERAL (SELECT COALESCE(b.cycle_n, p.cycle_n, k.cycle_n) AS n, COALESCE(b.cycle_unit, p.cycle_unit, k.cycle_unit) AS unit,
  CASE WHEN b.cycle_n IS NOT NULL THEN 'object' WHEN p.cycle_n IS NOT NULL THEN 'plan' WHEN k.cycle_n IS NOT NULL THEN 'kind' ELSE '' END AS source) c
CROSS JOIN LATERAL (SELECT CASE WHEN c.n IS NOT NULL THEN COALESCE(b.first_due, (GREATEST(b.active_from, (b.created_at AT TIME ZONE 'Asia/Shanghai')::date) + visit_cycle(c.n, c.unit))::date) END AS first) f`

	objectDue = `
FROM visit_object b JOIN visit_kind k ON k.code = b.kind JOIN org o ON o.id = b.org_id
LEFT JOIN grid_version g ON g.grid_id = b.grid_id AND g.valid_to IS NULL LEFT JOIN worker w ON w.id = b.guardian_id` + objectCycle + `
LEFT JOIN LATERAL (SELECT v.id, v.arrived_at FROM visit_counted v WHERE v.target_id = b.id AND v.arrived_at <= $2::timestamptz ORDER BY v.arrived_at DESC LIMIT 1) l ON true
LEFT JOIN LATERAL (SELECT v.outcome, v.arrived_at FROM visit v WHERE v.target_id = b.id ORDER BY v.arrived_at DESC LIMIT 1) t ON true
CROSS JOIN LATERAL (SELECT COALESCE(((l.arrived_at AT TIME ZONE 'Asia/Shanghai')::date + visit_cycle(c.n, c.unit))::date, f.first) AS due_on,
  ($1::date + visit_cycle(c.n, c.unit))::date - $1::date AS days) e
CROSS JOIN LATERAL (SELECT CASE WHEN c.n IS NULL THEN 'none' WHEN e.due_on < $1::date THEN 'overdue' WHEN e.due_on - $1::date <= GREATEST(1, LEAST(7, e.days / 4)) THEN 'due' ELSE 'ok' END AS due) d `

	objectColumns = `SELECT b.id, b.region_id AS region, b.org_id AS org, o.path AS org_path, o.name AS org_name, b.grid_id AS grid, COALESCE(g.name, '') AS grid_name, b.code, b.kind, k.name AS kind_name, k.class, b.name,
  b.address, b.phone, b.geom AS point, b.cycle_n, b.cycle_unit, b.guardian_id AS guardian, COALESCE(w.name, '') AS guardian_name, b.sensitive, b.active_from::text AS active_from, b.active_to::text AS active_to, b.first_due::text AS first_due, b.note, b.version,
  c.n AS every_n, c.unit AS every_unit, c.source AS every_from, CASE WHEN c.source = 'plan' THEN p.name ELSE '' END AS every_plan, l.id AS last_visit, l.arrived_at AS last_visit_at, t.arrived_at AS last_try_at, COALESCE(t.outcome, '') AS last_outcome,
  e.due_on::text AS due_on, d.due, e.due_on - $1::date AS due_days`

	objectActive = `b.active_from <= $1::date AND (b.active_to IS NULL OR b.active_to >= $1::date)`
)

const sqlVisitObject = objectColumns + `, NULL::double precision AS distance_m` + objectDue + `WHERE b.id = $3`

// NoVisitObject is the answer for an object that does not exist, or not for the caller.
func NoVisitObject() error {
	return fault.New(fault.Missing, "没有这个走访对象，或者不在您的管辖范围")
}

// VisitObjectByID returns one object as it stands at now, today being its business day.
func VisitObjectByID(ctx context.Context, q Querier, id int64, now time.Time) (VisitObject, error) {
	list, err := collectObjects(ctx, q, sqlVisitObject, businessDate(now), now, id)
	if err != nil {
		return VisitObject{}, err
	}
	if len(list) == 0 {
		return VisitObject{}, NoVisitObject()
	}
	return list[0], nil
}

func collectObjects(ctx context.Context, q Querier, sql string, args ...any) ([]VisitObject, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("read the visit objects: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[VisitObject])
	if err != nil {
		return nil, fmt.Errorf("read the visit objects: %w", err)
	}
	return list, nil
}

// businessDate is the day here, as PostgreSQL reads it.
func businessDate(now time.Time) string { return now.In(incident.BusinessZone()).Format(time.DateOnly) }

// VisitObjectFilter narrows the list of objects.
type VisitObjectFilter struct {
	Scope   []string
	Now     time.Time
	Org     *int64 // and below it
	Grid    *int64
	Class   string
	Kind    string
	Due     string // overdue, due, ok, none, never (visited), todo (overdue or due)
	Query   string
	Names   bool // names of sensitive ones may be searched
	Retired bool // those that are no longer active, instead
	After   *VisitObjectCursor
	Limit   int
}

// VisitObjectCursor is where a page ended.
type VisitObjectCursor struct {
	Due string
	ID  int64
}

const objectFilter = `WHERE b.org_id = ANY (ARRAY(SELECT so.id FROM org so WHERE so.path LIKE ANY ($3))) AND ($4::bigint IS NULL OR o.path LIKE (SELECT t.path FROM org t WHERE t.id = $4) || '%') AND ($5::bigint IS NULL OR b.grid_id = $5)
  AND ($6 = '' OR k.class = $6) AND ($7 = '' OR b.kind = $7) AND ($8 = '' OR $8 = d.due OR $8 = 'never' AND l.id IS NULL OR $8 = 'todo' AND d.due IN ('overdue', 'due'))
  AND ($9 = '' OR b.address ILIKE '%' || $9 || '%' OR b.code = $9 OR (NOT b.sensitive OR $10) AND (b.name LIKE '%' || $9 || '%' OR b.pinyin LIKE lower($9) || '%'))
  AND $11 = NOT (` + objectActive + `) `

const sqlVisitObjects = objectColumns + `, NULL::double precision AS distance_m` + objectDue + objectFilter + `
  AND ($12 = '' OR (COALESCE(e.due_on, 'infinity'), b.id) > ($12::date, $13::bigint)) ORDER BY COALESCE(e.due_on, 'infinity'), b.id LIMIT $14`

func (f VisitObjectFilter) args() []any {
	return []any{planned, businessDate(f.Now), f.Now, Under(f.Scope), f.Org, f.Grid, f.Class, f.Kind, f.Due, likeText(f.Query), f.Names, f.Retired}
}

// VisitObjects returns a page of objects, those due first first.
func VisitObjects(ctx context.Context, q Querier, f VisitObjectFilter) ([]VisitObject, error) {
	var at VisitObjectCursor
	if f.After != nil {
		at = *f.After
		if at.Due == "" {
			at.Due = "infinity"
		}
	}
	return collectObjects(ctx, q, sqlVisitObjects, append(f.args(), at.Due, at.ID, f.Limit)...)
}

// VisitObjectCount is how the objects of one class stand.
type VisitObjectCount struct {
	Class   string `json:"class"`
	Total   int64  `json:"total"`
	Overdue int64  `json:"overdue"`
	Due     int64  `json:"due"`
	OK      int64  `json:"ok"`
	Never   int64  `json:"never" doc:"never visited"`
}

const sqlCountVisitObjects = `SELECT k.class, count(*) AS total, count(*) FILTER (WHERE d.due = 'overdue') AS overdue, count(*) FILTER (WHERE d.due = 'due') AS due, count(*) FILTER (WHERE d.due = 'ok') AS ok,
  count(*) FILTER (WHERE l.id IS NULL) AS never` + objectDue + objectFilter + `GROUP BY k.class ORDER BY k.class`

// CountVisitObjects returns how the filtered objects stand, class by class.
func CountVisitObjects(ctx context.Context, q Querier, f VisitObjectFilter) ([]VisitObjectCount, error) {
	rows, err := q.Query(ctx, sqlCountVisitObjects, f.args()...)
	if err != nil {
		return nil, fmt.Errorf("count the visit objects: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[VisitObjectCount])
	if err != nil {
		return nil, fmt.Errorf("count the visit objects: %w", err)
	}
	return list, nil
}

// A worker answers for the objects of the grids assigned to him and for those
// he is guardian of. 管控对象 are for the grid's leader and the guardian alone.
const sqlDueVisits = objectColumns + `, ST_DistanceSphere(b.geom, $4::geometry) AS distance_m` + objectDue + `
WHERE ` + objectActive + ` AND (b.guardian_id = $3 OR b.grid_id IN (SELECT a.grid_id FROM grid_assignment a WHERE a.worker_id = $3 AND a.valid_from <= $1::date AND (a.valid_to IS NULL OR a.valid_to >= $1::date)
    AND (NOT b.sensitive OR a.role = 'leader')))
  AND ($5 OR d.due IN ('overdue', 'due')) AND ($6 = '' OR b.name LIKE '%' || $6 || '%' OR b.address ILIKE '%' || $6 || '%' OR b.pinyin LIKE lower($6) || '%' OR b.code = $6)
ORDER BY distance_m NULLS LAST, COALESCE(e.due_on, 'infinity'), b.id LIMIT $7`

// DueVisits lists what a worker has to visit, nearest first when near is given,
// else what is due first; all lists what is not due as well.
func DueVisits(ctx context.Context, q Querier, worker int64, now time.Time, near *orb.Point, all bool, text string, limit int) ([]VisitObject, error) {
	return collectObjects(ctx, q, sqlDueVisits, planned, businessDate(now), now, worker, near, all, likeText(text), limit)
}

const sqlMayVisit = `SELECT EXISTS (SELECT FROM visit_object b JOIN org o ON o.id = b.org_id WHERE b.id = $1 AND (b.guardian_id = $2
  OR EXISTS (SELECT FROM grid_assignment a WHERE a.worker_id = $2 AND a.grid_id = b.grid_id AND (a.valid_to IS NULL OR a.valid_to >= current_date) AND (NOT b.sensitive OR a.role = 'leader'))
  OR NOT b.sensitive AND o.path LIKE ANY ($3)))`

// MayVisit reports whether the worker may write down a visit to the object: it
// is on his list, or within the scope and not sensitive.
func MayVisit(ctx context.Context, q Querier, object, worker int64, scope []string) (ok bool, err error) {
	if err = q.QueryRow(ctx, sqlMayVisit, object, worker, Under(scope)).Scan(&ok); err != nil {
		err = fmt.Errorf("look up the visit object: %w", err)
	}
	return ok, err
}

const sqlInsertVisitObject = `
INSERT INTO visit_object (region_id, org_id, grid_id, code, kind, name, pinyin, address, phone, geom, src_crs, cycle_n, cycle_unit, guardian_id, sensitive, active_from, active_to, note, updated_at, created_at, first_due)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'wgs84', $11, $12, $13, $14, $15::date, $16::date, $17, $18, $18, $19::date) RETURNING id`

const sqlUpdateVisitObject = `
UPDATE visit_object SET org_id = $2, grid_id = $3, code = $4, kind = $5, name = $6, pinyin = $7, address = $8, phone = $9, geom = $10, cycle_n = $11, cycle_unit = $12, guardian_id = $13, sensitive = $14,
  active_from = $15::date, active_to = $16::date, note = $17, updated_at = $18, first_due = $20::date, version = version + 1 WHERE id = $1 AND version = $19`

// InsertVisitObject writes a new object and returns its id.
func InsertVisitObject(ctx context.Context, q Querier, o VisitObject, now time.Time) (id int64, err error) {
	err = q.QueryRow(ctx, sqlInsertVisitObject, o.Region, o.Org, o.Grid, o.Code, o.Kind, o.Name, territory.Initials(o.Name), o.Address, o.Phone, o.Point, o.CycleN, o.CycleUnit, o.Guardian, o.Sensitive,
		o.ActiveFrom, o.ActiveTo, o.Note, now, o.FirstDue).Scan(&id)
	return id, objectError(err)
}

// UpdateVisitObject changes an object that still has the version the caller read.
func UpdateVisitObject(ctx context.Context, q Querier, o VisitObject, now time.Time) error {
	tag, err := q.Exec(ctx, sqlUpdateVisitObject, o.ID, o.Org, o.Grid, o.Code, o.Kind, o.Name, territory.Initials(o.Name), o.Address, o.Phone, o.Point, o.CycleN, o.CycleUnit, o.Guardian, o.Sensitive,
		o.ActiveFrom, o.ActiveTo, o.Note, now, o.Version, o.FirstDue)
	if err == nil && tag.RowsAffected() == 0 {
		return fault.New(fault.Conflict, "这个走访对象刚被他人修改，请刷新后再改").At("version")
	}
	return objectError(err)
}

func objectError(err error) error {
	wrong := func(field, what string) error {
		return fault.Because(err, fault.Invalid, "%s", what).At(field)
	}
	switch {
	case err == nil:
		return nil
	case Violates(err, "visit_object_code"):
		return fault.Because(err, fault.Conflict, "这个编号已被另一个走访对象使用").At("code")
	case Violates(err, "visit_object_kind_fkey"):
		return wrong("kind", "没有这个走访对象类型")
	case Violates(err, "visit_object_guardian_id_fkey"):
		return wrong("guardian", "没有这名人员")
	}
	return fmt.Errorf("write the visit object: %w", err)
}

const sqlPutVisitObjects = `
INSERT INTO visit_object AS b (region_id, org_id, grid_id, code, kind, name, pinyin, address, phone, geom, src_crs, cycle_n, cycle_unit, guardian_id, sensitive, note, first_due)
SELECT $1, COALESCE(l.org_id, o.id, $2), l.id, u.code, u.kind, u.name, u.pinyin, u.address, u.phone, u.geom, $3, u.n, u.unit, w.id, k.class = 'control' OR u.sensitive, u.note, NULLIF(u.first, '')::date
FROM unnest($4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::geometry[], $12::smallint[], $13::text[], $14::text[], $15::boolean[], $16::text[], $17::text[])
  AS u (org, code, kind, name, pinyin, address, phone, geom, n, unit, guardian, sensitive, note, first)
JOIN visit_kind k ON k.code = u.kind LEFT JOIN org o ON o.code = u.org AND o.valid_to IS NULL AND u.org <> '' LEFT JOIN worker w ON w.code = u.guardian AND u.guardian <> ''
LEFT JOIN LATERAL (SELECT g.id, g.org_id FROM grid_now g WHERE g.layer = 'operative' AND g.region_id = $1 AND ST_Covers(g.geom, u.geom) AND (u.org = '' OR g.org_id = o.id) ORDER BY g.code LIMIT 1) l ON true
ON CONFLICT (region_id, code) WHERE code <> '' DO UPDATE SET org_id = EXCLUDED.org_id, grid_id = EXCLUDED.grid_id, kind = EXCLUDED.kind, name = EXCLUDED.name, pinyin = EXCLUDED.pinyin, address = EXCLUDED.address,
  phone = EXCLUDED.phone, geom = EXCLUDED.geom, cycle_n = EXCLUDED.cycle_n, cycle_unit = EXCLUDED.cycle_unit, guardian_id = EXCLUDED.guardian_id, sensitive = EXCLUDED.sensitive, note = EXCLUDED.note, first_due = COALESCE(EXCLUDED.first_due, b.first_due),
  updated_at = now(), version = b.version + 1
WHERE (b.org_id, b.grid_id, b.kind, b.name, b.address, b.phone, b.geom, b.cycle_n, b.cycle_unit, b.guardian_id, b.sensitive, b.note, b.first_due)
  IS DISTINCT FROM (EXCLUDED.org_id, EXCLUDED.grid_id, EXCLUDED.kind, EXCLUDED.name, EXCLUDED.address, EXCLUDED.phone, EXCLUDED.geom, EXCLUDED.cycle_n, EXCLUDED.cycle_unit, EXCLUDED.guardian_id, EXCLUDED.sensitive, EXCLUDED.note, COALESCE(EXCLUDED.first_due, b.first_due))
RETURNING xmax = 0`

// PutVisitObjects writes imported objects of a region. One that is there under
// its code is changed. Its grid is the one under its point; outside every grid
// it belongs to the organisation it names, or to home.
func PutVisitObjects(ctx context.Context, q Querier, region, home int64, crs string, list []territory.VisitObject) (out Outcome, err error) {
	n := len(list)
	org, code, kind, name, pinyin := make([]string, n), make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	address, phone, guardian, note, first := make([]string, n), make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	at, cycle, unit, sensitive := make([]orb.Point, n), make([]*int16, n), make([]*string, n), make([]bool, n)
	for i, b := range list {
		org[i], code[i], kind[i], name[i], pinyin[i] = b.OrgCode, b.Code, b.Kind, b.Name, territory.Initials(b.Name)
		address[i], phone[i], guardian[i], note[i], first[i], at[i], sensitive[i] = b.Address, b.Phone, b.Guardian, b.Note, b.FirstDue, b.Point, b.Sensitive
		if b.CycleN != 0 {
			cycle[i], unit[i] = &b.CycleN, &b.CycleUnit
		}
	}
	return putMany(ctx, q, n, "the visit objects", sqlPutVisitObjects, region, home, crs, org, code, kind, name, pinyin, address, phone, at, cycle, unit, guardian, sensitive, note, first)
}

const sqlImportStrangers = `
SELECT u.i, 'org' FROM unnest($1::text[]) WITH ORDINALITY AS u (code, i) WHERE u.code <> '' AND NOT EXISTS (SELECT FROM org o WHERE o.code = u.code AND o.valid_to IS NULL AND o.path LIKE ANY ($5))
UNION ALL SELECT u.i, 'guardian' FROM unnest($2::text[]) WITH ORDINALITY AS u (code, i) WHERE u.code <> '' AND NOT EXISTS (SELECT FROM worker w JOIN org o ON o.id = w.org_id WHERE w.code = u.code AND w.status = 'active' AND o.path LIKE ANY ($5))
UNION ALL SELECT u.i, 'place' FROM unnest($3::geometry[]) WITH ORDINALITY AS u (geom, i)
  WHERE EXISTS (SELECT FROM grid_now g WHERE g.layer = 'operative' AND ST_Covers(g.geom, u.geom) AND NOT g.org_path LIKE ANY ($5)) AND NOT EXISTS (SELECT FROM grid_now g WHERE g.layer = 'operative' AND ST_Covers(g.geom, u.geom) AND g.org_path LIKE ANY ($5))
UNION ALL SELECT u.i, 'code' FROM unnest($4::text[]) WITH ORDINALITY AS u (code, i) WHERE u.code <> '' AND EXISTS (SELECT FROM visit_object b JOIN org o ON o.id = b.org_id WHERE b.region_id = $6 AND b.code = u.code AND NOT o.path LIKE ANY ($5))
ORDER BY 1, 2`

// CheckVisitImport reports which lines name an organisation, a worker, a place
// or an object that is not the caller's to write about.
func CheckVisitImport(ctx context.Context, q Querier, region int64, scope []string, list []territory.VisitObject) (territory.Report, error) {
	n := len(list)
	org, guardian, code, at := make([]string, n), make([]string, n), make([]string, n), make([]orb.Point, n)
	for i, b := range list {
		org[i], guardian[i], code[i], at[i] = b.OrgCode, b.Guardian, b.Code, b.Point
	}
	rows, err := q.Query(ctx, sqlImportStrangers, org, guardian, at, code, Under(scope), region)
	if err != nil {
		return nil, fmt.Errorf("check the visit objects: %w", err)
	}
	words := map[string]string{"org": "没有这个机构编码，或者不在您的管辖范围", "guardian": "没有这个包保责任人的工号", "place": "位置不在您的管辖范围", "code": "这个编号是其他社区的走访对象"}
	var (
		report territory.Report
		i      int64
		what   string
	)
	_, err = pgx.ForEachRow(rows, []any{&i, &what}, func() error {
		b := list[i-1]
		report.Refuse(b.Code, b.Where, "%s", words[what])
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("check the visit objects: %w", err)
	}
	return report, nil
}
