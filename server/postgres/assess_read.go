package postgres

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/assess"
	"github.com/gridward/gridward/server/metric"
)

// What is assessed and what is counted for it. Each measure is one query of
// the things it counts: a subject, the thing, and what it adds to numerator and
// denominator. The figure is their sum and the list is themselves, so that a
// score cannot say anything that its list does not.

// AssessSubject is somebody to be scored.
type AssessSubject struct {
	Key     int64
	Name    string
	Code    string // of a grid
	Org     int64
	OrgPath string
	InForce time.Duration
	Grids   []int64 // of a community or a guide: those that count, in force for half of the period
}

const sqlAssessGrids = `
SELECT g.id, g.code, (array_agg(v.name ORDER BY v.version DESC))[1], g.org_id, o.path,
  sum(extract(epoch FROM LEAST(COALESCE(v.valid_to, 'infinity'), $3) - GREATEST(v.valid_from, $2)))::bigint
FROM grid g JOIN grid_version v ON v.grid_id = g.id JOIN org o ON o.id = g.org_id
WHERE g.region_id = $1 AND g.layer = 'operative' AND v.is_execution AND v.valid_from < $3 AND COALESCE(v.valid_to, 'infinity') > $2
GROUP BY g.id, g.code, g.org_id, o.path ORDER BY g.code`

// AssessGrids are a region's execution grids that were in force in a period, and for how long.
func AssessGrids(ctx context.Context, q Querier, region int64, from, to time.Time) ([]AssessSubject, error) {
	rows, err := q.Query(ctx, sqlAssessGrids, region, from, to)
	if err != nil {
		return nil, fmt.Errorf("read the grids of a period: %w", err)
	}
	var (
		list    []AssessSubject
		s       AssessSubject
		seconds int64
	)
	if _, err := pgx.ForEachRow(rows, []any{&s.Key, &s.Code, &s.Name, &s.Org, &s.OrgPath, &seconds}, func() error {
		s.InForce = time.Duration(seconds) * time.Second
		list = append(list, s)
		return nil
	}); err != nil {
		return nil, fmt.Errorf("read the grids of a period: %w", err)
	}
	return list, nil
}

const sqlAssessLinks = `
SELECT w.id, w.name, w.org_id, o.path, a.grid_id,
  sum(extract(epoch FROM LEAST(COALESCE(a.valid_to::timestamp AT TIME ZONE 'Asia/Shanghai', 'infinity'), $3) - GREATEST(a.valid_from::timestamp AT TIME ZONE 'Asia/Shanghai', $2)))::bigint
FROM grid_assignment a JOIN grid g ON g.id = a.grid_id JOIN worker w ON w.id = a.worker_id JOIN org o ON o.id = w.org_id
WHERE a.role = 'guide' AND g.region_id = $1 AND a.valid_from::timestamp AT TIME ZONE 'Asia/Shanghai' < $3 AND COALESCE(a.valid_to::timestamp AT TIME ZONE 'Asia/Shanghai', 'infinity') > $2
GROUP BY w.id, w.name, w.org_id, o.path, a.grid_id ORDER BY w.name, w.id, a.grid_id`

// AssessGuides are a region's guides, and the grids to which each was linked
// for half of the period.
func AssessGuides(ctx context.Context, q Querier, region int64, from, to time.Time) ([]AssessSubject, error) {
	rows, err := q.Query(ctx, sqlAssessLinks, region, from, to)
	if err != nil {
		return nil, fmt.Errorf("read the guides of a period: %w", err)
	}
	var (
		list          []AssessSubject
		s             AssessSubject
		grid, seconds int64
	)
	if _, err := pgx.ForEachRow(rows, []any{&s.Key, &s.Name, &s.Org, &s.OrgPath, &grid, &seconds}, func() error {
		if n := len(list); n == 0 || list[n-1].Key != s.Key {
			list = append(list, s)
		}
		if last := &list[len(list)-1]; assess.Half(time.Duration(seconds)*time.Second, from, to) {
			last.Grids = append(last.Grids, grid)
			last.InForce = to.Sub(from)
		}
		return nil
	}); err != nil {
		return nil, fmt.Errorf("read the guides of a period: %w", err)
	}
	return list, nil
}

const sqlAssessOrgs = `
SELECT id, name, path FROM org o WHERE region_id = $1 AND kind = ANY ($2) AND NOT EXISTS (SELECT FROM org p WHERE p.id = o.parent_id AND p.kind = ANY ($2)) AND valid_from::timestamp AT TIME ZONE 'Asia/Shanghai' < $4 AND (valid_to IS NULL OR valid_to::timestamp AT TIME ZONE 'Asia/Shanghai' > $3) ORDER BY code`

// AssessOrgs are a region's organisations of some kinds in a period; not those
// that stand below another of them.
func AssessOrgs(ctx context.Context, q Querier, region int64, kinds []string, from, to time.Time) ([]AssessSubject, error) {
	rows, err := q.Query(ctx, sqlAssessOrgs, region, kinds, from, to)
	if err != nil {
		return nil, fmt.Errorf("read the organisations of a period: %w", err)
	}
	var (
		list []AssessSubject
		s    AssessSubject
	)
	if _, err := pgx.ForEachRow(rows, []any{&s.Key, &s.Name, &s.OrgPath}, func() error {
		s.Org, s.InForce = s.Key, to.Sub(from)
		list = append(list, s)
		return nil
	}); err != nil {
		return nil, fmt.Errorf("read the organisations of a period: %w", err)
	}
	return list, nil
}

// Every query of things takes the same: $1 from, $2 to, $3 now, $4 subjects, $5
// and $6 the bits asked below the line and found, $7 and $8 above it, $9 whose a
// case is, $10 tiers, $11 a target for each month, $12 the region.
const (
	// A department's are also the orders to what stands below it.
	departments = `(SELECT h.id AS org, d.id AS department FROM org d JOIN org h ON h.path LIKE d.path || '%' WHERE d.id = ANY ($4))`

	caseThings = `
SELECT i.subject, i.id::text AS ref, i.t AS at, (i.tally & $7::integer = $8::integer)::integer AS n, 1 AS d
FROM (SELECT CASE $9::text WHEN 'grid' THEN x.grid_id WHEN 'department' THEN u.department WHEN 'reporter' THEN x.reporter_worker END AS subject, x.id, x.tally, x.tier, x.region_id, x.`
	caseWhere = ` AS t FROM incident x LEFT JOIN ` + departments + ` u ON u.org = x.handler_org AND $9::text = 'department') i
WHERE i.t >= $1 AND i.t < $2 AND i.region_id = $12 AND i.subject = ANY ($4) AND i.tally & $5::integer = $6::integer AND (cardinality($10::smallint[]) = 0 OR i.tier = ANY ($10)) AND $3::timestamptz IS NOT NULL AND $11::integer IS NOT NULL`

	dueThings    = caseThings + `case_due` + caseWhere
	closedThings = caseThings + `closed_at` + caseWhere

	// A lead order to a department, which it should have signed for by its limit, or on the day it was given.
	orderOwed = `
FROM dispatch_order o JOIN ` + departments + ` u ON u.org = o.org_id JOIN incident i ON i.id = o.incident_id
CROSS JOIN LATERAL (SELECT COALESCE(o.sign_due, (date_trunc('day', o.issued_at AT TIME ZONE 'Asia/Shanghai') + interval '1 day') AT TIME ZONE 'Asia/Shanghai' - interval '1 microsecond') AS by) due
CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM dispatch_order later JOIN ` + departments + ` v ON v.org = later.org_id WHERE later.incident_id = o.incident_id AND v.department = u.department AND later.mode = 'lead' AND later.seq > o.seq) AS again) back
WHERE o.region_id = $12 AND o.mode = 'lead' AND i.tally & 1 = 1 AND (cardinality($10::smallint[]) = 0 OR i.tier = ANY ($10))
  AND o.state NOT IN ('recalled','reassigned','waived') AND ($5::integer + $6::integer + $7::integer + $8::integer + $11::integer IS NOT NULL) AND $9::text IS NOT NULL AND $3::timestamptz IS NOT NULL`
	signThings = `
SELECT u.department AS subject, o.id::text AS ref, due.by AS at, COALESCE(o.signed_at <= due.by, false)::integer AS n, 1 AS d` + orderOwed + `
  AND due.by >= $1 AND due.by < $2 AND due.by <= $3 AND (o.state NOT IN ('returned','refused') OR back.again)`
	returnThings = `
SELECT u.department AS subject, o.id::text AS ref, o.issued_at AS at, (o.state IN ('returned','refused') AND back.again)::integer AS n, 1 AS d` + orderOwed + `
  AND o.issued_at >= $1 AND o.issued_at < $2`

	// What communities said of the departments they had called.
	ratingThings = `
SELECT u.department AS subject, w.whistle_id::text || '/' || w.org_id AS ref, w.rated_at AS at, (w.grade >= 4)::integer AS n, 1 AS d
FROM whistle_department w JOIN ` + departments + ` u ON u.org = w.org_id JOIN whistle h ON h.id = w.whistle_id
WHERE w.rated_at >= $1 AND w.rated_at < $2 AND w.grade IS NOT NULL AND NOT h.drill AND h.region_id = $12
  AND ($5::integer + $6::integer + $7::integer + $8::integer + $11::integer IS NOT NULL) AND $9::text IS NOT NULL AND $3::timestamptz IS NOT NULL AND $10::smallint[] IS NOT NULL`

	// Days on which a guide was on duty, and one row that holds what was to be reached.
	onsiteThings = `
SELECT d.subject, d.ref, d.at, d.n, d.d FROM (
  SELECT s.worker_id AS subject, to_char(s.started_at AT TIME ZONE 'Asia/Shanghai', 'YYYY-MM-DD') AS ref, min(s.started_at) AS at, 1 AS n, 0 AS d
  FROM duty_session s WHERE s.worker_id = ANY ($4) AND s.started_at >= $1 AND s.started_at < $2 GROUP BY 1, 2
  UNION ALL
  SELECT u.subject, 'target', $1::timestamptz, 0, $11::integer * (extract(year FROM age($2::timestamptz AT TIME ZONE 'Asia/Shanghai', $1::timestamptz AT TIME ZONE 'Asia/Shanghai')) * 12 + extract(month FROM age($2::timestamptz AT TIME ZONE 'Asia/Shanghai', $1::timestamptz AT TIME ZONE 'Asia/Shanghai')))::integer
  FROM unnest($4::bigint[]) AS u (subject) WHERE EXISTS (SELECT FROM duty_session s WHERE s.worker_id = u.subject)) d
WHERE ($5::integer + $6::integer + $7::integer + $8::integer IS NOT NULL) AND $9::text IS NOT NULL AND $3::timestamptz IS NOT NULL AND $10::smallint[] IS NOT NULL AND $12::bigint IS NOT NULL`

	// A week belongs to the period in which it begins, and counts when it is over.
	weekThings = `
FROM patrol_week w
WHERE w.region_id = $12 AND w.grid_id = ANY ($4) AND w.week::timestamp AT TIME ZONE 'Asia/Shanghai' >= $1 AND w.week::timestamp AT TIME ZONE 'Asia/Shanghai' < $2
  AND (w.week + 7)::timestamp AT TIME ZONE 'Asia/Shanghai' <= $3 AND ($5::integer + $6::integer + $7::integer + $8::integer + $11::integer IS NOT NULL) AND $9::text IS NOT NULL AND $10::smallint[] IS NOT NULL`
	weekHead = `
SELECT w.grid_id AS subject, to_char(w.week, 'YYYY-MM-DD') AS ref, w.week::timestamp AT TIME ZONE 'Asia/Shanghai' AS at, `
	quotaThings  = weekHead + `LEAST(w.qualified, w.required)::integer AS n, w.required::integer AS d` + weekThings + ` AND w.required > 0`
	unused       = ` AND ($5::integer + $6::integer + $7::integer + $8::integer + $11::integer IS NOT NULL) AND $9::text IS NOT NULL AND $10::smallint[] IS NOT NULL`
	objectThings = weekHead + `w.object_n AS n, w.object_d AS d` + weekThings + ` AND w.object_d > 0`

	// A visit counts as untrue when somebody has said so, never because a rule found it doubtful.
	visitThings = `
SELECT v.grid_id AS subject, v.id::text AS ref, v.arrived_at AS at, (v.verified = 'rejected')::integer AS n, 1 AS d
FROM visit v WHERE v.region_id = $12 AND v.grid_id = ANY ($4) AND v.arrived_at >= $1 AND v.arrived_at < $2 AND $3::timestamptz IS NOT NULL` + unused

	// What plans want to be known of every grid (三必清), where the region keeps such information at all.
	infoWanted = `
FROM (SELECT u.subject, i.code, max(visit_cycle(p.cycle_n, p.cycle_unit)) AS cycle
  FROM unnest($4::bigint[]) AS u (subject) JOIN grid g ON g.id = u.subject JOIN org o ON o.id = g.org_id
  JOIN visit_plan p ON p.aim = 'clear' AND p.valid_from::timestamp AT TIME ZONE 'Asia/Shanghai' < $2 AND (p.valid_to IS NULL OR p.valid_to::timestamp AT TIME ZONE 'Asia/Shanghai' >= $1)
    AND (p.org_id IS NULL OR o.path LIKE (SELECT path FROM org WHERE id = p.org_id) || '%')
  CROSS JOIN LATERAL unnest(p.items) AS i (code) GROUP BY 1, 2) w
CROSS JOIN LATERAL (SELECT max(r.at) AS at FROM info_record r WHERE r.grid_id = w.subject AND r.item_code = w.code AND r.at < LEAST($2, $3)) k
WHERE EXISTS (SELECT FROM info_record r WHERE r.region_id = $12 AND r.at < $2)` + unused
	completeThings = `
SELECT w.subject, w.code AS ref, COALESCE(k.at, $1) AS at, (k.at IS NOT NULL)::integer AS n, 1 AS d` + infoWanted
	timelyThings = `
SELECT w.subject, w.code AS ref, k.at, (k.at >= LEAST($2, $3) - w.cycle)::integer AS n, 1 AS d` + infoWanted + ` AND k.at IS NOT NULL`
)

const (
	thingsSum  = `SELECT t.subject, sum(t.n)::bigint, sum(t.d)::bigint FROM (`
	thingsSum2 = `) t GROUP BY t.subject`
	// kept is $13 the period, $14 the level, $15 the item
	thingsKeep  = `INSERT INTO assess_evidence (period_id, level, subject, item, ref, at, n, d) SELECT $13, $14, t.subject, $15, t.ref, t.at, t.n, t.d FROM (`
	thingsKeep2 = `) t`

	sqlSumDue      = thingsSum + dueThings + thingsSum2
	sqlSumClosed   = thingsSum + closedThings + thingsSum2
	sqlSumSigned   = thingsSum + signThings + thingsSum2
	sqlSumReturns  = thingsSum + returnThings + thingsSum2
	sqlSumRatings  = thingsSum + ratingThings + thingsSum2
	sqlSumOnsite   = thingsSum + onsiteThings + thingsSum2
	sqlSumQuota    = thingsSum + quotaThings + thingsSum2
	sqlSumObjects  = thingsSum + objectThings + thingsSum2
	sqlSumTimely   = thingsSum + timelyThings + thingsSum2
	sqlSumComplete = thingsSum + completeThings + thingsSum2
	sqlSumVisits   = thingsSum + visitThings + thingsSum2

	sqlKeepDue      = thingsKeep + dueThings + thingsKeep2
	sqlKeepClosed   = thingsKeep + closedThings + thingsKeep2
	sqlKeepSigned   = thingsKeep + signThings + thingsKeep2
	sqlKeepReturns  = thingsKeep + returnThings + thingsKeep2
	sqlKeepRatings  = thingsKeep + ratingThings + thingsKeep2
	sqlKeepOnsite   = thingsKeep + onsiteThings + thingsKeep2
	sqlKeepQuota    = thingsKeep + quotaThings + thingsKeep2
	sqlKeepObjects  = thingsKeep + objectThings + thingsKeep2
	sqlKeepTimely   = thingsKeep + timelyThings + thingsKeep2
	sqlKeepComplete = thingsKeep + completeThings + thingsKeep2
	sqlKeepVisits   = thingsKeep + visitThings + thingsKeep2
)

// things are the two queries of a measure: what it comes to, and what is kept of it.
type things struct{ sum, keep string }

// thingsOf finds a measure's queries. What this house does not record has none.
func thingsOf(m assess.Measure) (things, bool) {
	switch m.Cohort {
	case metric.ByDue:
		return things{sqlSumDue, sqlKeepDue}, true
	case metric.ByClose:
		return things{sqlSumClosed, sqlKeepClosed}, true
	}
	t, ok := map[string]things{
		"sign_rate": {sqlSumSigned, sqlKeepSigned}, "wrong_return": {sqlSumReturns, sqlKeepReturns}, "grid_rating": {sqlSumRatings, sqlKeepRatings},
		"onsite_days": {sqlSumOnsite, sqlKeepOnsite}, "quota": {sqlSumQuota, sqlKeepQuota}, "object_coverage": {sqlSumObjects, sqlKeepObjects},
		"visit_validity": {sqlSumVisits, sqlKeepVisits}, "info_complete": {sqlSumComplete, sqlKeepComplete}, "info_timely": {sqlSumTimely, sqlKeepTimely},
	}[m.Code]
	return t, ok
}

// AssessCount asks what an item comes to.
type AssessCount struct {
	Region        int64
	From, To, Now time.Time
	Item          assess.Item
	Subjects      []int64
	Keep          *AssessKeep // nil: only counted
}

// AssessKeep is where the things behind a figure are kept.
type AssessKeep struct {
	Period int64
	Level  assess.Level
}

const sqlAssessKept = `SELECT subject, sum(n)::bigint, sum(d)::bigint FROM assess_evidence WHERE period_id = $1 AND level = $2 AND item = $3 GROUP BY subject`

// CountAssessed counts an item for its subjects. Kept, the figure is the sum of
// what was kept. Who has nothing is not in the answer.
func CountAssessed(ctx context.Context, q Querier, c AssessCount) (map[int64]assess.Figure, error) {
	m, _ := assess.MeasureByCode(c.Item.Source)
	sql, known := thingsOf(m)
	if !known || len(c.Subjects) == 0 {
		return nil, nil
	}
	tiers := c.Item.Tiers
	if m.Tier != 0 {
		tiers = []int16{m.Tier}
	}
	if tiers == nil {
		tiers = []int16{}
	}
	args := []any{c.From, c.To, c.Now, c.Subjects, int32(m.Under.All | m.Under.None), int32(m.Under.All), int32(m.Over.All | m.Over.None), int32(m.Over.All), string(m.Subject), tiers, int32(c.Item.Target), c.Region}
	var (
		rows pgx.Rows
		err  error
	)
	if c.Keep == nil {
		rows, err = q.Query(ctx, sql.sum, args...)
	} else {
		if _, err = q.Exec(ctx, sql.keep, append(args, c.Keep.Period, c.Keep.Level, c.Item.Code)...); err == nil {
			rows, err = q.Query(ctx, sqlAssessKept, c.Keep.Period, c.Keep.Level, c.Item.Code)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("count %s: %w", c.Item.Source, err)
	}
	found := map[int64]assess.Figure{}
	var subject, n, d int64
	if _, err := pgx.ForEachRow(rows, []any{&subject, &n, &d}, func() error {
		found[subject] = assess.Figure{N: assess.Whole(n), D: assess.Whole(d)}
		return nil
	}); err != nil {
		return nil, fmt.Errorf("count %s: %w", c.Item.Source, err)
	}
	return found, nil
}

// AssessThing is one thing behind a figure.
type AssessThing struct {
	Ref   string    `json:"ref" doc:"id of what the unit says: a case, an order, a whistle, a week's Monday, a day, a grid, a mark"`
	At    time.Time `json:"at"`
	N     int64     `json:"n" doc:"what it adds above the line"`
	D     int64     `json:"d" doc:"and below it"`
	Title string    `json:"title"`
	State string    `json:"state,omitempty"`
	Link  string    `json:"link,omitempty" doc:"id of the case that it leads to"`
}

const sqlAssessThings = `
SELECT e.ref, e.at, e.n::bigint, e.d::bigint,
  COALESCE(i.case_no || ' ' || CASE WHEN i.sensitivity = 'high' THEN '（涉敏案件）' WHEN i.kind = 'sos' THEN '一键求助' ELSE i.title END, h.no || CASE WHEN h.sensitivity = 'high' THEN '' ELSE ' ' || h.reason END, k.name, f.name, ''), COALESCE(i.state, h.state, v.verified, ''), COALESCE(i.id::text, '')
FROM assess_evidence e
LEFT JOIN dispatch_order o ON $5 = 'order' AND o.id::text = e.ref
LEFT JOIN incident i ON i.id = CASE $5 WHEN 'case' THEN e.ref::uuid WHEN 'order' THEN o.incident_id END
LEFT JOIN whistle h ON $5 = 'whistle' AND h.id::text = split_part(e.ref, '/', 1)
LEFT JOIN visit v ON v.id = CASE $5 WHEN 'visit' THEN e.ref::uuid END LEFT JOIN visit_kind k ON k.code = v.target_kind
LEFT JOIN info_item f ON $5 = 'info' AND f.code = e.ref
WHERE e.period_id = $1 AND e.level = $2 AND e.subject = $3 AND e.item = $4 AND CASE $6 WHEN 'n' THEN e.n > 0 WHEN 'rest' THEN e.n < e.d ELSE true END
  AND ($7::timestamptz IS NULL OR (e.at, e.ref) < ($7, $8))
ORDER BY e.at DESC, e.ref DESC LIMIT $9`

// AssessThings asks for the things behind a figure.
type AssessThings struct {
	Period  int64
	Level   assess.Level
	Subject int64
	Item    string
	Unit    assess.Unit
	Part    string // n: those that count; rest: those that do not; otherwise all
	After   *AssessThing
	Limit   int
}

// ThingsBehind lists the things behind a figure as they were when it was computed, newest first.
func ThingsBehind(ctx context.Context, q Querier, f AssessThings) ([]AssessThing, error) {
	var (
		at  *time.Time
		ref string
	)
	if f.After != nil {
		at, ref = &f.After.At, f.After.Ref
	}
	rows, err := q.Query(ctx, sqlAssessThings, f.Period, f.Level, f.Subject, f.Item, f.Unit, f.Part, at, ref, f.Limit)
	if err != nil {
		return nil, fmt.Errorf("list what is behind a figure: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[AssessThing])
	if err != nil {
		return nil, fmt.Errorf("list what is behind a figure: %w", err)
	}
	return list, nil
}

const sqlInsertAssessThings = `
INSERT INTO assess_evidence (period_id, level, subject, item, ref, at, n, d) SELECT $1, $2, u.subject, $3, u.ref, $4, 0, 0 FROM unnest($5::bigint[], $6::text[]) AS u (subject, ref)`

// KeepAssessGrids keeps which grids a mean is of; their scores are beside them.
func KeepAssessGrids(ctx context.Context, tx pgx.Tx, period int64, level assess.Level, item string, at time.Time, of map[int64][]int64) error {
	var (
		subjects []int64
		refs     []string
	)
	for s, grids := range of {
		for _, g := range grids {
			subjects, refs = append(subjects, s), append(refs, strconv.FormatInt(g, 10))
		}
	}
	if _, err := tx.Exec(ctx, sqlInsertAssessThings, period, level, item, at, subjects, refs); err != nil {
		return fmt.Errorf("keep the grids of a mean: %w", err)
	}
	return nil
}
