package postgres

import (
	"context"
	"fmt"
	"regexp"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/gridward/gridward/server/incident"
)

// Lists of incidents, at a million of them. A page is found in an index and
// only then read (incident_shown joins names and photos). A case is seen for
// three reasons, its ground, its party or its reporter: each is a branch with
// an index of its own, because one WHERE with OR between them has none.
//
// Most filters are not given most of the time. The statements are planned with
// their values (planned), so that what was not given is folded away.

// planned plans a statement each time, knowing its values; its description is
// read once a connection.
const planned = pgx.QueryExecModeCacheDescribe

// IncidentFilter narrows the list of incidents.
type IncidentFilter struct {
	Scope    []string // organisations whose cases are seen…
	Mine     int64    // …besides those this account reported itself
	State    string
	Urgency  string
	Category string // and those below it
	Source   string
	Kind     string
	Tier     int16
	Org      *int64 // whose ground, and below it
	Owner    *int64 // in whose court an open case is, and below it
	Grid     *int64
	From, To *time.Time
	Query    string // title, address or case number
	SLA      string // late or soon
	Queue    incident.Queue
	Drill    *bool
	Acting   Acting // whose work the queue "mine" is
	Now      time.Time
	Due      bool // what is due first comes first, instead of the newest
	After    *incident.ListCursor
	Limit    int
}

// Acting is for whom somebody works: what makes a case his.
type Acting struct {
	Orgs   []int64 // organisations in whose court the ball is his
	Depts  []int64 // organisations whose orders are his
	Worker int64
}

const sqlScopeOrgs = `
SELECT COALESCE(array_agg(o.id), '{}'), COALESCE(array_agg(o.id) FILTER (WHERE NOT r.path LIKE ANY ($1)), '{}'),
  COALESCE(bool_or(NOT r.path LIKE ANY ($1) OR EXISTS (SELECT FROM incident_party p WHERE p.abroad AND p.org_id = o.id)), false)
FROM org o JOIN org r ON r.id = o.region_id WHERE o.path LIKE ANY ($1)`

const sqlOrgsBelow = `SELECT array_agg(o.id) FROM org o JOIN org top ON o.path LIKE top.path || '%' WHERE top.id = ANY ($1)`

// scopeOrgs are the organisations of a scope, and those of them whose region
// the scope does not hold as a whole. Cases on other ground are seen through
// these, or lie in another region; parties says whether there may be any.
func scopeOrgs(ctx context.Context, q Querier, scope []string) (all, narrow []int64, parties bool, err error) {
	if err = q.QueryRow(ctx, sqlScopeOrgs, Under(scope)).Scan(&all, &narrow, &parties); err != nil {
		err = fmt.Errorf("read the organisations of a scope: %w", err)
	}
	return all, narrow, parties, err
}

// orgsBelow are the organisations and all below them; nil for none.
func orgsBelow(ctx context.Context, q Querier, orgs ...int64) (ids []int64, err error) {
	if len(orgs) == 0 {
		return []int64{}, nil
	}
	if err = q.QueryRow(ctx, sqlOrgsBelow, orgs).Scan(&ids); err != nil {
		err = fmt.Errorf("read the organisations below: %w", err)
	}
	if ids == nil {
		ids = []int64{0} // no such organisation: nothing lies below it
	}
	return ids, err
}

const sqlCaseByNumber = `SELECT COALESCE(array_agg(i.id), '{}') FROM region r JOIN incident i ON i.region_id = r.id AND i.case_no = upper($1)`

// caseNumber is a whole case number, as it is read out on the telephone.
var caseNumber = regexp.MustCompile(`^[A-Za-z]{1,4}[0-9]{6}-[0-9]{3,}$`)

// byNumber finds the cases with a number; nil when the text is none, and then
// it is looked for in titles and addresses.
func byNumber(ctx context.Context, q Querier, text string) (ids []uuid.UUID, err error) {
	if !caseNumber.MatchString(text) {
		return nil, nil
	}
	if err = q.QueryRow(ctx, sqlCaseByNumber, text).Scan(&ids); err != nil {
		err = fmt.Errorf("look for a case number: %w", err)
	}
	return ids, err
}

const mineQueue = `(i.owner_org = ANY ($21) OR i.owner_worker = NULLIF($23::bigint, 0)
    OR i.id IN (SELECT o.incident_id FROM dispatch_order o WHERE o.state IN ('pending', 'handling') AND (o.org_id = ANY ($22) OR o.worker_id = NULLIF($23::bigint, 0)))
    OR i.id IN (SELECT v.incident_id FROM verification v WHERE v.state = 'pending' AND (v.org_id = ANY ($22) OR v.worker_id = NULLIF($23::bigint, 0))))`

// Lateness is of cases whose clocks run: next_due is infinite where none does.
// A text without Latin letters has no case: LIKE is several times faster.
const incidentFilter = `
  AND ($4 = '' OR i.state = $4) AND ($5 = '' OR i.urgency = $5) AND ($6 = '' OR i.category = $6 OR i.category LIKE $6 || '-%')
  AND ($7::smallint = 0 OR i.tier = $7::smallint) AND ($8 = '' OR i.source = $8) AND ($9 = '' OR i.kind = $9)
  AND ($10::bigint[] IS NULL OR i.org_id = ANY ($10)) AND ($11::bigint IS NULL OR i.grid_id = $11) AND ($12::bigint[] IS NULL OR i.owner_org = ANY ($12))
  AND ($13::timestamptz IS NULL OR i.reported_at >= $13) AND ($14::timestamptz IS NULL OR i.reported_at < $14)
  AND ($15 = '' OR CASE WHEN $15 ~ '[A-Za-z]' THEN i.title ILIKE '%' || $15 || '%' OR i.address ILIKE '%' || $15 || '%' OR i.case_no ILIKE '%' || $15 || '%'
    ELSE i.title LIKE '%' || $15 || '%' OR i.address LIKE '%' || $15 || '%' OR i.case_no LIKE '%' || $15 || '%' END)
  AND ($16::boolean IS NULL OR i.open = $16)
  AND ($17 = '' OR $17 = 'late' AND i.next_due <= $20::timestamptz OR $17 = 'soon' AND i.next_due > $20::timestamptz AND i.next_warn <= $20::timestamptz)
  AND ($18 = '' OR $18 = 'open' OR $18 = 'late' AND i.next_due <= $20::timestamptz OR $18 = 'soon' AND i.next_due > $20::timestamptz AND i.next_warn <= $20::timestamptz
    OR $18 = 'returned' AND i.state = 'returned' OR $18 = 'unsigned' AND i.state = 'dispatched' OR $18 = 'triage' AND i.state = 'reported'
    OR $18 = 'dispatch' AND i.state IN ('accepted', 'returned') OR $18 = 'check' AND i.state IN ('feedback', 'checking') OR $18 = 'evaluate' AND i.state = 'evaluating'
    OR $18 = 'approve' AND (i.delay_asked OR i.suspend_asked) OR $18 = 'supervised' AND i.supervise <> '' OR $18 = 'suspended' AND i.state = 'suspended'
    OR $18 = 'noground' AND i.grid_id IS NULL OR $18 = 'mine' AND ` + mineQueue + `)
  AND ($19::boolean IS NULL OR i.drill = $19) AND ($24::uuid[] IS NULL OR i.id = ANY ($24))`

// Parties are read organisation by organisation, because an index gives the
// order within one alone; what is asked of the time is asked of the party's copy.
const (
	listColumns = `SELECT i.id, i.reported_at, i.next_due `
	ofGround    = `FROM incident i WHERE i.org_id = ANY ($1) AND $2::bigint[] IS NOT NULL` // a statement without parties has the same parameters
	ofReporter  = `FROM incident i WHERE i.reporter_account = NULLIF($3::bigint, 0)`
	ofParty     = `FROM incident_party p JOIN incident i ON i.id = p.incident_id WHERE p.org_id = o.id
  AND ($13::timestamptz IS NULL OR p.reported_at >= $13) AND ($14::timestamptz IS NULL OR p.reported_at < $14)`
	eachNarrow  = `SELECT x.* FROM unnest($2::bigint[]) o(id) CROSS JOIN LATERAL (`
	eachAbroad  = `SELECT x.* FROM unnest($1::bigint[]) o(id) CROSS JOIN LATERAL (`
	abroad      = ` AND p.abroad`
	asParty     = `) x`
	newest      = ` AND ($25::timestamptz IS NULL OR (i.reported_at, i.id) < ($25, $26::uuid)) ORDER BY i.reported_at DESC, i.id DESC LIMIT $27`
	newestParty = ` AND ($25::timestamptz IS NULL OR (p.reported_at, p.incident_id) < ($25, $26::uuid)) ORDER BY p.reported_at DESC, p.incident_id DESC LIMIT $27`
	mostDue     = ` AND ($25::timestamptz IS NULL OR (i.next_due, i.id) > ($25, $26::uuid)) ORDER BY i.next_due, i.id LIMIT $27`
	pageOf      = `WITH page AS MATERIALIZED (SELECT DISTINCT id, reported_at, next_due FROM (`
	pageIsRead  = `) SELECT s.* FROM page JOIN incident_shown s ON s.id = page.id `
	atMost      = ` LIMIT $25`
)

const (
	newestGround = listColumns + ofGround + incidentFilter + newest + `) UNION ALL
(` + listColumns + ofReporter + incidentFilter + newest
	newestParties = `) UNION ALL
(` + eachNarrow + listColumns + ofParty + incidentFilter + newestParty + asParty + `) UNION ALL
(` + eachAbroad + listColumns + ofParty + abroad + incidentFilter + newestParty + asParty
	newestRead = `)) b ORDER BY reported_at DESC, id DESC LIMIT $27` + pageIsRead + `ORDER BY page.reported_at DESC, page.id DESC`

	dueGround = listColumns + ofGround + incidentFilter + mostDue + `) UNION ALL
(` + listColumns + ofReporter + incidentFilter + mostDue
	dueParties = `) UNION ALL
(` + eachNarrow + listColumns + ofParty + incidentFilter + mostDue + asParty + `) UNION ALL
(` + eachAbroad + listColumns + ofParty + abroad + incidentFilter + mostDue + asParty
	dueRead = `)) b ORDER BY next_due, id LIMIT $27` + pageIsRead + `ORDER BY page.next_due, page.id`

	countOf     = `SELECT count(*) FROM (SELECT id FROM (`
	countGround = `SELECT i.id ` + ofGround + incidentFilter + atMost + `) UNION
(SELECT i.id ` + ofReporter + incidentFilter + atMost
	countParties = `) UNION
(` + eachNarrow + `SELECT i.id ` + ofParty + incidentFilter + atMost + asParty + `) UNION
(` + eachAbroad + `SELECT i.id ` + ofParty + abroad + incidentFilter + atMost + asParty
	counted = `)) b` + atMost + `) c`
)

// Whoever sees a whole region, and nobody's case is abroad, has no parties to
// look for: half the planning.
const (
	sqlListNewest      = pageOf + `(` + newestGround + newestRead
	sqlListNewestParty = pageOf + `(` + newestGround + newestParties + newestRead
	sqlListDue         = pageOf + `(` + dueGround + dueRead
	sqlListDueParty    = pageOf + `(` + dueGround + dueParties + dueRead
	sqlCountCases      = countOf + `(` + countGround + counted
	sqlCountCasesParty = countOf + `(` + countGround + countParties + counted
)

// CountedTo is how far a list without end is counted: nobody reads further,
// and a number like this is as good as the true one.
const CountedTo = 10_000

// IncidentList is a page, and how many there are over all pages; Capped when
// there are more than CountedTo and Total says no more than that.
type IncidentList struct {
	Incidents []incident.Incident
	Total     int64
	Capped    bool
}

// ListIncidents returns a page of incidents, and with count how many there are.
func ListIncidents(ctx context.Context, q Querier, f IncidentFilter, count bool) (list IncidentList, err error) {
	args, parties, err := f.args(ctx, q)
	if err != nil {
		return list, err
	}
	sql, sqlCount := sqlListNewest, sqlCountCases
	if f.Due {
		sql = sqlListDue
	}
	if parties {
		sql, sqlCount = sqlListNewestParty, sqlCountCasesParty
		if f.Due {
			sql = sqlListDueParty
		}
	}
	var at pgtype.Timestamptz
	var id *uuid.UUID
	if f.After != nil {
		at, id = pgtype.Timestamptz{InfinityModifier: pgtype.Infinity, Valid: true}, &f.After.ID
		if f.After.At != nil {
			at = pgtype.Timestamptz{Time: *f.After.At, Valid: true}
		}
	}
	if list.Incidents, err = collectIncidents(ctx, q, sql, append(append([]any{planned}, args...), at, id, f.Limit)...); err != nil || !count {
		return list, err
	}
	if f.After == nil && len(list.Incidents) < f.Limit { // this page is all there is
		list.Total = int64(len(list.Incidents))
		return list, nil
	}
	limit := int64(CountedTo + 1)
	if args[15] != (*bool)(nil) && *args[15].(*bool) { // open cases are counted to the end
		limit = 1 << 40
	}
	if err := q.QueryRow(ctx, sqlCount, append(append([]any{planned}, args...), limit)...).Scan(&list.Total); err != nil {
		return list, fmt.Errorf("count incidents: %w", err)
	}
	if limit == CountedTo+1 && list.Total > CountedTo {
		list.Total, list.Capped = CountedTo, true
	}
	return list, nil
}

func (f IncidentFilter) args(ctx context.Context, q Querier) (args []any, parties bool, err error) {
	all, narrow, parties, err := scopeOrgs(ctx, q, f.Scope)
	if err != nil {
		return nil, false, err
	}
	var ground, owner []int64
	if f.Org != nil {
		if ground, err = orgsBelow(ctx, q, *f.Org); err != nil {
			return nil, false, err
		}
	}
	if f.Owner != nil {
		if owner, err = orgsBelow(ctx, q, *f.Owner); err != nil {
			return nil, false, err
		}
	}
	depts, err := orgsBelow(ctx, q, f.Acting.Depts...)
	if err != nil {
		return nil, false, err
	}
	ids, err := byNumber(ctx, q, f.Query)
	if err != nil {
		return nil, false, err
	}
	if ids != nil {
		f.Query = ""
	}
	var open *bool
	if yes := f.Queue != "" || f.SLA != "" || f.Due || f.Owner != nil && f.State == ""; yes || f.State != "" && !incident.State(f.State).Over() {
		yes = true
		open = &yes
	}
	return []any{all, narrow, f.Mine, f.State, f.Urgency, f.Category, f.Tier, f.Source, f.Kind, ground, f.Grid, owner, f.From, f.To, likeText(f.Query), open, f.SLA, string(f.Queue), f.Drill, f.Now,
		append(depts, f.Acting.Orgs...), depts, f.Acting.Worker, ids}, parties, nil
}

const sqlQueues = `
SELECT i.state, i.next_due <= $5 AS late, i.next_due > $5 AND i.next_warn <= $5 AS soon, i.delay_asked OR i.suspend_asked AS asked, i.supervise <> '' AS supervised, i.grid_id IS NULL AS noground,
  COALESCE(i.owner_org = ANY ($6) OR i.owner_worker = NULLIF($8::bigint, 0), false) OR w.id IS NOT NULL AS mine, count(*)::integer AS n
FROM incident i LEFT JOIN (
  SELECT o.incident_id AS id FROM dispatch_order o WHERE o.state IN ('pending', 'handling') AND (o.org_id = ANY ($7) OR o.worker_id = NULLIF($8::bigint, 0))
  UNION SELECT v.incident_id FROM verification v WHERE v.state = 'pending' AND (v.org_id = ANY ($7) OR v.worker_id = NULLIF($8::bigint, 0))) w ON w.id = i.id
WHERE i.open AND (i.org_id = ANY ($1) OR i.reporter_account = NULLIF($3::bigint, 0)
  OR $4 AND EXISTS (SELECT FROM incident_party p WHERE p.incident_id = i.id AND (p.org_id = ANY ($2) OR p.abroad AND p.org_id = ANY ($1))))
GROUP BY 1, 2, 3, 4, 5, 6, 7`

// OpenCases returns how many open cases the scope, or the account, sees, by
// what queues are made of.
func OpenCases(ctx context.Context, q Querier, scope []string, account int64, acting Acting, now time.Time) ([]incident.OpenCases, error) {
	all, narrow, parties, err := scopeOrgs(ctx, q, scope)
	if err != nil {
		return nil, err
	}
	depts, err := orgsBelow(ctx, q, acting.Depts...)
	if err != nil {
		return nil, err
	}
	rows, err := q.Query(ctx, sqlQueues, planned, all, narrow, account, parties, now, append(depts, acting.Orgs...), depts, acting.Worker)
	if err != nil {
		return nil, fmt.Errorf("count the queues: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[incident.OpenCases])
	if err != nil {
		return nil, fmt.Errorf("count the queues: %w", err)
	}
	return list, nil
}
