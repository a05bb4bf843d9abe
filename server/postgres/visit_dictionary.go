package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/patrol"
)

// VisitKind is a kind of visit object: one of the customer's kinds in three
// classes, or one of the four kinds of places, which are always there.
type VisitKind struct {
	Code      string  `json:"code"`
	Class     string  `json:"class" enum:"backbone,service,control,place"`
	Name      string  `json:"name"`
	CycleN    *int16  `json:"cycle_n" minimum:"1" maximum:"366"`
	CycleUnit *string `json:"cycle_unit" enum:"day,week,month,quarter,year"`
	Sort      int32   `json:"sort"`
	Retired   bool    `json:"retired"`
	Version   int32   `json:"version"`
}

const visitKindColumns = `code, class, name, cycle_n, cycle_unit, sort, retired, version FROM visit_kind`

const sqlVisitKinds = `SELECT ` + visitKindColumns + ` ORDER BY sort, code`

// VisitKinds lists every kind, retired ones too.
func VisitKinds(ctx context.Context, q Querier) ([]VisitKind, error) {
	rows, err := q.Query(ctx, sqlVisitKinds)
	if err != nil {
		return nil, fmt.Errorf("list the kinds of visit objects: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[VisitKind])
	if err != nil {
		return nil, fmt.Errorf("list the kinds of visit objects: %w", err)
	}
	return list, nil
}

const sqlPutVisitKind = `
INSERT INTO visit_kind AS k (code, class, name, cycle_n, cycle_unit, sort, retired) SELECT $1, $2, $3, $4, $5, COALESCE(NULLIF($6::integer, 0), (SELECT max(s.sort) + 1 FROM visit_kind s WHERE s.class = $2)), $7 WHERE $8::integer = 0
ON CONFLICT (code) DO NOTHING`

const sqlUpdateVisitKind = `
UPDATE visit_kind SET class = CASE WHEN class = 'place' THEN class ELSE $2 END, name = $3, cycle_n = $4, cycle_unit = $5, sort = COALESCE(NULLIF($6::integer, 0), sort), retired = $7 AND class <> 'place', version = version + 1
WHERE code = $1 AND version = $8`

const sqlSensitiveByClass = `UPDATE visit_object SET sensitive = true, version = version + 1 WHERE kind = $1 AND NOT sensitive`

// PutVisitKind writes a kind: a new one with version 0, else the one that the
// caller read. Kinds of places keep their class and are never retired. Objects
// of a kind that becomes 管控 become sensitive.
func PutVisitKind(ctx context.Context, q Querier, k VisitKind) error {
	sql := sqlUpdateVisitKind
	if k.Version == 0 {
		sql = sqlPutVisitKind
	}
	tag, err := q.Exec(ctx, sql, k.Code, k.Class, k.Name, k.CycleN, k.CycleUnit, k.Sort, k.Retired, k.Version)
	if err != nil {
		return fmt.Errorf("write the kind of visit objects: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return stale(k.Version, "编码 "+k.Code+" 已被使用（停用的编码也不能重用）", "这个类型刚被他人修改，请刷新后再改")
	}
	if k.Class == "control" {
		if _, err := q.Exec(ctx, sqlSensitiveByClass, k.Code); err != nil {
			return fmt.Errorf("mark the objects sensitive: %w", err)
		}
	}
	return nil
}

// stale is the conflict of a write that found its row taken, or changed.
func stale(version int32, taken, changed string) error {
	field, what := "version", changed
	if version == 0 {
		field, what = "code", taken
	}
	return fault.New(fault.Conflict, "%s", what).At(field)
}

// InfoItem is an item of basic information (基础信息), or without a parent one of its categories.
type InfoItem struct {
	Code    string   `json:"code"`
	Parent  string   `json:"parent"`
	Name    string   `json:"name"`
	Answer  string   `json:"answer" enum:"state,yes_no,number,text,choice"`
	Choices string   `json:"choices" doc:"one space between"`
	Unit    string   `json:"unit"`
	Kinds   []string `json:"kinds" doc:"asked of these kinds of objects; none: of all"`
	Sort    int32    `json:"sort"`
	Retired bool     `json:"retired"`
	Version int32    `json:"version"`
}

const sqlInfoItems = `SELECT code, COALESCE(parent_code, '') AS parent, name, answer, choices, unit, kinds, sort, retired, version FROM info_item ORDER BY sort, code`

// InfoItems lists categories and items, retired ones too.
func InfoItems(ctx context.Context, q Querier) ([]InfoItem, error) {
	rows, err := q.Query(ctx, sqlInfoItems)
	if err != nil {
		return nil, fmt.Errorf("list the items of information: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[InfoItem])
	if err != nil {
		return nil, fmt.Errorf("list the items of information: %w", err)
	}
	return list, nil
}

const sqlPutInfoItem = `
INSERT INTO info_item (code, parent_code, name, answer, choices, unit, kinds, sort, retired)
SELECT $1, NULLIF($2, ''), $3, $4, $5, $6, $7, COALESCE(NULLIF($8::integer, 0), (SELECT max(s.sort) + 1 FROM info_item s WHERE s.parent_code = $2 OR s.code = $2), 700), $9 WHERE $10::integer = 0
ON CONFLICT (code) DO NOTHING`

const sqlUpdateInfoItem = `
UPDATE info_item SET parent_code = NULLIF($2, ''), name = $3, answer = $4, choices = $5, unit = $6, kinds = $7, sort = COALESCE(NULLIF($8::integer, 0), sort), retired = $9, version = version + 1 WHERE code = $1 AND version = $10`

// PutInfoItem writes an item: a new one with version 0, else the one that the caller read.
func PutInfoItem(ctx context.Context, q Querier, i InfoItem) error {
	sql := sqlUpdateInfoItem
	if i.Version == 0 {
		sql = sqlPutInfoItem
	}
	tag, err := q.Exec(ctx, sql, i.Code, i.Parent, i.Name, i.Answer, i.Choices, i.Unit, i.Kinds, i.Sort, i.Retired, i.Version)
	if Violates(err, "info_item_parent_code_fkey") {
		return fault.Because(err, fault.Invalid, "没有这个信息类别").At("parent")
	}
	if err != nil {
		return fmt.Errorf("write the item of information: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return stale(i.Version, "编码 "+i.Code+" 已被使用（停用的编码也不能重用）", "这个信息项刚被他人修改，请刷新后再改")
	}
	return nil
}

// VisitPlan is a plan of visits (五必访) or of knowing (三必清).
type VisitPlan struct {
	ID        int64    `json:"id"`
	Org       *int64   `json:"org" doc:"for it and those below it; none = everywhere"`
	OrgPath   string   `json:"-"`
	OrgName   string   `json:"org_name"`
	Aim       string   `json:"aim" enum:"visit,clear" doc:"visit: objects of kinds by a cycle; clear: items known of every grid by a cycle"`
	Name      string   `json:"name"`
	Kinds     []string `json:"kinds"`
	Items     []string `json:"items"`
	CycleN    int16    `json:"cycle_n" minimum:"1" maximum:"366"`
	CycleUnit string   `json:"cycle_unit" enum:"day,week,month,quarter,year"`
	ValidFrom string   `json:"valid_from" format:"date"`
	ValidTo   *string  `json:"valid_to" format:"date" doc:"its last day"`
	Note      string   `json:"note"`
	Version   int32    `json:"version"`
}

const sqlVisitPlans = `
SELECT p.id, p.org_id AS org, COALESCE(o.path, '') AS org_path, COALESCE(o.name, '') AS org_name, p.aim, p.name, p.kinds, p.items, p.cycle_n, p.cycle_unit, p.valid_from::text AS valid_from, p.valid_to::text AS valid_to, p.note, p.version
FROM visit_plan p LEFT JOIN org o ON o.id = p.org_id
WHERE ($2::bigint = 0 OR p.id = $2) AND (p.org_id IS NULL OR o.path LIKE ANY ($1) OR EXISTS (SELECT FROM unnest($1::text[]) s (path) WHERE s.path LIKE o.path || '%')) ORDER BY p.aim DESC, p.id`

// VisitPlans lists the plans that concern a scope, or the one with this id.
func VisitPlans(ctx context.Context, q Querier, scope []string, id int64) ([]VisitPlan, error) {
	rows, err := q.Query(ctx, sqlVisitPlans, Under(scope), id)
	if err != nil {
		return nil, fmt.Errorf("list the plans of visits: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[VisitPlan])
	if err != nil {
		return nil, fmt.Errorf("list the plans of visits: %w", err)
	}
	return list, nil
}

const sqlInsertVisitPlan = `INSERT INTO visit_plan (org_id, aim, name, kinds, items, cycle_n, cycle_unit, valid_from, valid_to, note) VALUES ($1, $2, $3, $4, $5, $6, $7, $8::date, $9::date, $10) RETURNING id`

const sqlUpdateVisitPlan = `UPDATE visit_plan SET org_id = $2, aim = $3, name = $4, kinds = $5, items = $6, cycle_n = $7, cycle_unit = $8, valid_from = $9::date, valid_to = $10::date, note = $11, version = version + 1 WHERE id = $1 AND version = $12`

// PutVisitPlan writes a plan and returns its id: a new one without an id, else the one that the caller read.
func PutVisitPlan(ctx context.Context, q Querier, p VisitPlan) (int64, error) {
	if p.ID == 0 {
		err := q.QueryRow(ctx, sqlInsertVisitPlan, p.Org, p.Aim, p.Name, p.Kinds, p.Items, p.CycleN, p.CycleUnit, p.ValidFrom, p.ValidTo, p.Note).Scan(&p.ID)
		if err != nil {
			return 0, fmt.Errorf("write the plan of visits: %w", err)
		}
		return p.ID, nil
	}
	tag, err := q.Exec(ctx, sqlUpdateVisitPlan, p.ID, p.Org, p.Aim, p.Name, p.Kinds, p.Items, p.CycleN, p.CycleUnit, p.ValidFrom, p.ValidTo, p.Note, p.Version)
	if err != nil {
		return 0, fmt.Errorf("write the plan of visits: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return 0, stale(p.Version, "", "这个计划刚被他人修改，请刷新后再改")
	}
	return p.ID, nil
}

// PlanProgress is how one grid stands in a plan.
type PlanProgress struct {
	Grid     int64      `json:"grid"`
	GridName string     `json:"grid_name"`
	OrgName  string     `json:"org_name"`
	N        int64      `json:"n" doc:"objects visited, or items known, within the cycle"`
	D        int64      `json:"d" doc:"objects, or items; none: nothing to do"`
	LastAt   *time.Time `json:"last_at"`
}

const sqlVisitProgress = `
SELECT g.id AS grid, g.name AS grid_name, g.org_name, count(l.at) FILTER (WHERE l.at >= $5) AS n, count(b.id) AS d, max(l.at) AS last_at
FROM grid_now g LEFT JOIN visit_object b ON b.grid_id = g.id AND b.kind = ANY ($2) AND b.active_from <= $4::date AND (b.active_to IS NULL OR b.active_to >= $4::date)
LEFT JOIN LATERAL (SELECT v.arrived_at AS at FROM visit_counted v WHERE v.target_id = b.id AND v.arrived_at <= $6 ORDER BY v.arrived_at DESC LIMIT 1) l ON true
WHERE g.layer = 'operative' AND g.is_execution AND g.org_path LIKE ANY ($1) AND ($3::text = '' OR g.org_path LIKE $3 || '%') GROUP BY g.id, g.name, g.org_name, g.code ORDER BY g.code`

const sqlClearProgress = `
SELECT g.id AS grid, g.name AS grid_name, g.org_name, count(l.at) FILTER (WHERE l.at >= $5) AS n, count(i.code) AS d, max(l.at) AS last_at
FROM grid_now g LEFT JOIN info_item i ON i.code = ANY ($2) AND NOT i.retired
LEFT JOIN LATERAL (SELECT r.at FROM info_record r WHERE r.grid_id = g.id AND r.item_code = i.code AND r.at <= $6 ORDER BY r.at DESC LIMIT 1) l ON true
WHERE g.layer = 'operative' AND g.is_execution AND g.org_path LIKE ANY ($1) AND ($3::text = '' OR g.org_path LIKE $3 || '%') AND $4::date IS NOT NULL GROUP BY g.id, g.name, g.org_name, g.code ORDER BY g.code`

const sqlCycleBefore = `SELECT ($1::timestamptz AT TIME ZONE 'Asia/Shanghai' - visit_cycle($2::smallint, $3::text)) AT TIME ZONE 'Asia/Shanghai'`

// Progress returns how each execution grid of the scope stands in a plan at now.
func Progress(ctx context.Context, q Querier, scope []string, p VisitPlan, now time.Time) ([]PlanProgress, error) {
	var since time.Time
	if err := q.QueryRow(ctx, sqlCycleBefore, now, p.CycleN, p.CycleUnit).Scan(&since); err != nil {
		return nil, fmt.Errorf("measure the plan: %w", err)
	}
	sql, what := sqlVisitProgress, p.Kinds
	if p.Aim == "clear" {
		sql, what = sqlClearProgress, p.Items
	}
	rows, err := q.Query(ctx, sql, planned, Under(scope), what, p.OrgPath, businessDate(now), since, now)
	if err != nil {
		return nil, fmt.Errorf("measure the plan: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[PlanProgress])
	if err != nil {
		return nil, fmt.Errorf("measure the plan: %w", err)
	}
	return list, nil
}

const sqlVisitRule = `SELECT near_m, min_dwell_s, late_h, attempt_counts, remote_counts, version FROM visit_rule WHERE region_id = $1`

// VisitRuleOf returns a region's rule on visits, the default where it has written none.
func VisitRuleOf(ctx context.Context, q Querier, region int64) (patrol.VisitRule, error) {
	rows, err := q.Query(ctx, sqlVisitRule, region)
	if err != nil {
		return patrol.VisitRule{}, fmt.Errorf("read the rule on visits: %w", err)
	}
	r, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[patrol.VisitRule])
	if errors.Is(err, pgx.ErrNoRows) {
		return patrol.DefaultVisitRule(), nil
	}
	if err != nil {
		return r, fmt.Errorf("read the rule on visits: %w", err)
	}
	return r, nil
}

const sqlInsertVisitRule = `INSERT INTO visit_rule (region_id, near_m, min_dwell_s, late_h, attempt_counts, remote_counts) SELECT $1, $2, $3, $4, $5, $6 WHERE $7::integer = 0 ON CONFLICT DO NOTHING`

const sqlUpdateVisitRule = `UPDATE visit_rule SET near_m = $2, min_dwell_s = $3, late_h = $4, attempt_counts = $5, remote_counts = $6, version = version + 1 WHERE region_id = $1 AND version = $7`

// PutVisitRule writes a region's rule, if it still is as the caller read it.
func PutVisitRule(ctx context.Context, q Querier, region int64, r patrol.VisitRule) error {
	sql := sqlUpdateVisitRule
	if r.Version == 0 {
		sql = sqlInsertVisitRule
	}
	tag, err := q.Exec(ctx, sql, region, r.NearM, r.MinDwellS, r.LateH, r.AttemptCounts, r.RemoteCounts, r.Version)
	if err != nil {
		return fmt.Errorf("write the rule on visits: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return fault.New(fault.Conflict, "走访规则刚被他人修改，请刷新后再改")
	}
	return nil
}

// InfoRecord is information that was reported (信息): filed, dispatched to nobody.
type InfoRecord struct {
	ID         uuid.UUID  `json:"id"`
	Region     int64      `json:"-"`
	Org        int64      `json:"org"`
	OrgPath    string     `json:"-"`
	OrgName    string     `json:"org_name"`
	Grid       *int64     `json:"grid"`
	GridName   string     `json:"grid_name"`
	Worker     int64      `json:"worker"`
	WorkerName string     `json:"worker_name"`
	Visit      *uuid.UUID `json:"visit" doc:"an answer of its checklist"`
	Target     *int64     `json:"target"`
	TargetName string     `json:"target_name"`
	Sensitive  bool       `json:"sensitive"`
	Item       string     `json:"item"`
	ItemName   string     `json:"item_name"`
	Category   string     `json:"category" doc:"the category's name"`
	At         time.Time  `json:"at"`
	Value      string     `json:"value"`
	Issue      bool       `json:"issue" doc:"有问题"`
	Note       string     `json:"note"`
	ClientID   *string    `json:"-"`
	ReceivedAt time.Time  `json:"received_at"`
}

const sqlInsertInfoRecord = `
INSERT INTO info_record (id, region_id, org_id, grid_id, worker_id, visit_id, target_id, item_code, at, value, issue, note, client_id, received_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT (region_id, worker_id, client_id) WHERE client_id IS NOT NULL DO NOTHING`

// InsertInfoRecord files information; the same client id again changes nothing.
func InsertInfoRecord(ctx context.Context, q Querier, r InfoRecord) error {
	_, err := q.Exec(ctx, sqlInsertInfoRecord, r.ID, r.Region, r.Org, r.Grid, r.Worker, r.Visit, r.Target, r.Item, r.At, r.Value, r.Issue, r.Note, r.ClientID, r.ReceivedAt)
	if Violates(err, "info_record_item_code_fkey") {
		return fault.Because(err, fault.Invalid, "没有这个信息项").At("item")
	}
	if err != nil {
		return fmt.Errorf("file the information: %w", err)
	}
	return nil
}

const infoColumns = `SELECT r.id, r.region_id AS region, r.org_id AS org, o.path AS org_path, o.name AS org_name, r.grid_id AS grid, COALESCE(g.name, '') AS grid_name, r.worker_id AS worker, w.name AS worker_name, r.visit_id AS visit,
  r.target_id AS target, COALESCE(b.name, '') AS target_name, COALESCE(b.sensitive, false) AS sensitive, r.item_code AS item, i.name AS item_name, COALESCE(c.name, i.name) AS category, r.at, r.value, r.issue, r.note, r.client_id, r.received_at
FROM info_record r JOIN org o ON o.id = r.org_id JOIN worker w ON w.id = r.worker_id JOIN info_item i ON i.code = r.item_code LEFT JOIN info_item c ON c.code = i.parent_code
LEFT JOIN visit_object b ON b.id = r.target_id LEFT JOIN grid_version g ON g.grid_id = r.grid_id AND g.valid_to IS NULL `

const sqlInfoRecords = infoColumns + `
WHERE r.org_id = ANY (ARRAY(SELECT so.id FROM org so WHERE so.path LIKE ANY ($1))) AND ($2::bigint IS NULL OR o.path LIKE (SELECT t.path FROM org t WHERE t.id = $2) || '%') AND ($3::bigint IS NULL OR r.grid_id = $3)
  AND ($4 = '' OR r.item_code = $4 OR r.item_code LIKE $4 || '-%') AND (NOT $5 OR r.issue) AND ($6::timestamptz IS NULL OR r.at >= $6) AND ($7::timestamptz IS NULL OR r.at < $7)
  AND ($8::timestamptz IS NULL OR (r.at, r.id) < ($8, $9::uuid)) ORDER BY r.at DESC, r.id DESC LIMIT $10`

const sqlInfoByClient = infoColumns + `WHERE r.region_id = $1 AND r.worker_id = $2 AND r.client_id = $3`

// InfoFilter narrows the list of information.
type InfoFilter struct {
	Scope     []string
	Org, Grid *int64
	Item      string // or its category
	Issues    bool
	From, To  *time.Time
	BeforeAt  *time.Time
	BeforeID  *uuid.UUID
	Limit     int
}

// InfoRecords lists information, newest first.
func InfoRecords(ctx context.Context, q Querier, f InfoFilter) ([]InfoRecord, error) {
	return collectInfo(ctx, q, sqlInfoRecords, planned, Under(f.Scope), f.Org, f.Grid, f.Item, f.Issues, f.From, f.To, f.BeforeAt, f.BeforeID, f.Limit)
}

// InfoByClient returns the information that a worker's phone knows by this name.
func InfoByClient(ctx context.Context, q Querier, region, worker int64, client string) (r InfoRecord, ok bool, err error) {
	list, err := collectInfo(ctx, q, sqlInfoByClient, region, worker, client)
	if err != nil || len(list) == 0 {
		return r, false, err
	}
	return list[0], true, nil
}

func collectInfo(ctx context.Context, q Querier, sql string, args ...any) ([]InfoRecord, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("list the information: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[InfoRecord])
	if err != nil {
		return nil, fmt.Errorf("list the information: %w", err)
	}
	return list, nil
}
