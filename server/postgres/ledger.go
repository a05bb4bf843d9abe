package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// LedgerRow is one line of the ledger (工作台账): nobody writes it, it is read
// from visits, duty, cases and orders as they are.
type LedgerRow struct {
	Kind      string     `json:"kind" enum:"visit,duty,incident,task"`
	At        time.Time  `json:"at"`
	Until     *time.Time `json:"until"`
	Org       int64      `json:"org"`
	OrgPath   string     `json:"-"`
	OrgName   string     `json:"org_name"`
	Grid      *int64     `json:"grid"`
	GridName  string     `json:"grid_name"`
	Who       string     `json:"who"`
	What      string     `json:"what" doc:"visit: the kind; duty: the purpose; incident: the category; task: the mode"`
	Title     string     `json:"title"`
	Result    string     `json:"result" doc:"visit: outcome; incident, task: state; duty: auto, ended or open"`
	Note      string     `json:"note"`
	Ref       string     `json:"ref" doc:"the id of what it was read from"`
	No        string     `json:"no" doc:"case number"`
	Sensitive bool       `json:"sensitive"`
	Person    bool       `json:"-"` // the title of a visit, or who has a task, is a person's name
}

// A session belongs to the grid that its worker answers for: where he walked is
// in his track, which is not read here.
const ledgerRows = `
SELECT 'visit' AS kind, v.arrived_at AS at, v.left_at AS until, v.org_id AS org, v.grid_id AS grid, w.name AS who, k.name AS what, COALESCE(b.name, v.target_name) AS title, v.outcome AS result, v.content AS note, v.id::text AS ref,
  COALESCE((SELECT string_agg(i.case_no, ' ' ORDER BY i.reported_at) FROM visit_incident x JOIN incident i ON i.id = x.incident_id WHERE x.visit_id = v.id), '') AS no, v.sensitive OR COALESCE(b.sensitive, false) AS sensitive,
  k.class <> 'place' OR k.code = 'household' AS person
FROM visit v JOIN worker w ON w.id = v.worker_id JOIN visit_kind k ON k.code = v.target_kind LEFT JOIN visit_object b ON b.id = v.target_id
WHERE v.arrived_at >= $2 AND v.arrived_at < $3 AND v.verified <> 'rejected' AND ($6 = '' OR $6 = 'visit') AND v.org_id = ANY ($1) AND ($4::bigint IS NULL OR v.grid_id = $4)
UNION ALL
SELECT 'duty', d.started_at, d.ended_at, COALESCE(a.org_id, d.org_id), a.grid_id, w.name, d.purpose, '', CASE WHEN d.ended_at IS NULL THEN 'open' WHEN d.auto_closed THEN 'auto' ELSE 'ended' END, '', d.id::text, '', false, false
FROM duty_session d JOIN worker w ON w.id = d.worker_id LEFT JOIN LATERAL (SELECT ga.grid_id, g.org_id FROM grid_assignment ga JOIN grid g ON g.id = ga.grid_id
  WHERE ga.worker_id = d.worker_id AND ga.role <> 'guide' AND ga.valid_to IS NULL ORDER BY ga.is_primary DESC, ga.grid_id LIMIT 1) a ON true
WHERE d.started_at >= $2 AND d.started_at < $3 AND ($6 = '' OR $6 = 'duty') AND COALESCE(a.org_id, d.org_id) = ANY ($1) AND ($4::bigint IS NULL OR a.grid_id = $4)
UNION ALL
SELECT 'incident', i.reported_at, i.closed_at, i.org_id, i.grid_id, i.reporter_name, COALESCE(c.name, ''), i.title, i.state, i.address, i.id::text, i.case_no, i.sensitivity = 'high', false
FROM incident i LEFT JOIN category c ON c.code = i.category
WHERE i.reported_at >= $2 AND i.reported_at < $3 AND NOT i.drill AND ($6 = '' OR $6 = 'incident') AND i.org_id = ANY ($1) AND ($4::bigint IS NULL OR i.grid_id = $4)
UNION ALL
SELECT 'task', o.issued_at, COALESCE(o.ended_at, o.fed_back_at), i.org_id, i.grid_id, COALESCE(w.name, oo.name), o.mode, i.title, o.state, o.requirement, o.id::text, i.case_no, i.sensitivity = 'high', o.worker_id IS NOT NULL
FROM dispatch_order o JOIN incident i ON i.id = o.incident_id JOIN org oo ON oo.id = o.org_id LEFT JOIN worker w ON w.id = o.worker_id
WHERE o.issued_at >= $2 AND o.issued_at < $3 AND NOT i.drill AND ($6 = '' OR $6 = 'task') AND i.org_id = ANY ($1) AND ($4::bigint IS NULL OR i.grid_id = $4)`

const sqlLedger = `SELECT l.kind, l.at, l.until, l.org, o.path AS org_path, o.name AS org_name, l.grid, COALESCE(g.name, '') AS grid_name, l.who, l.what, l.title, l.result, l.note, l.ref, l.no, l.sensitive, l.person
FROM (` + ledgerRows + `) l JOIN org o ON o.id = l.org LEFT JOIN grid_version g ON g.grid_id = l.grid AND g.valid_to IS NULL
WHERE $5 = '' OR (l.at, l.ref) < ($7::timestamptz, $5) ORDER BY l.at DESC, l.ref DESC LIMIT $8`

const sqlLedgerTotals = `SELECT l.org, o.path AS org_path, o.name AS org_name, l.grid, COALESCE(g.name, '') AS grid_name,
  count(*) FILTER (WHERE l.kind = 'visit' AND NOT l.result IN ('no_one_home', 'refused')) AS visits, count(*) FILTER (WHERE l.kind = 'visit' AND l.result IN ('no_one_home', 'refused')) AS attempts,
  count(*) FILTER (WHERE l.kind = 'visit' AND l.result = 'problem') AS found,
  count(*) FILTER (WHERE l.kind = 'duty') AS sessions, COALESCE(sum(extract(epoch FROM l.until - l.at) / 60) FILTER (WHERE l.kind = 'duty'), 0)::bigint AS minutes,
  count(*) FILTER (WHERE l.kind = 'incident') AS incidents, count(*) FILTER (WHERE l.kind = 'incident' AND l.until IS NOT NULL) AS closed, count(*) FILTER (WHERE l.kind = 'task') AS tasks,
  count(*) FILTER (WHERE l.kind = 'task' AND l.until IS NOT NULL) AS done
FROM (` + ledgerRows + `) l JOIN org o ON o.id = l.org LEFT JOIN grid_version g ON g.grid_id = l.grid AND g.valid_to IS NULL
WHERE $5::text IS NOT NULL GROUP BY 1, 2, 3, 4, 5 ORDER BY o.path COLLATE "C", grid_name`

// LedgerTotal is a grid's period in figures; Grid nil: outside every grid.
type LedgerTotal struct {
	Org       int64  `json:"org"`
	OrgPath   string `json:"-"`
	OrgName   string `json:"org_name"`
	Grid      *int64 `json:"grid"`
	GridName  string `json:"grid_name"`
	Visits    int64  `json:"visits"`
	Attempts  int64  `json:"attempts" doc:"未遇 and 拒访"`
	Found     int64  `json:"found" doc:"visits that found a problem"`
	Sessions  int64  `json:"sessions"`
	Minutes   int64  `json:"minutes" doc:"on duty, of sessions that are over"`
	Incidents int64  `json:"incidents"`
	Closed    int64  `json:"closed"`
	Tasks     int64  `json:"tasks"`
	Done      int64  `json:"done"`
}

// LedgerFilter narrows the ledger; From and To are always there.
type LedgerFilter struct {
	Scope     []string
	Org, Grid *int64
	Kind      string
	From, To  time.Time
	AfterAt   time.Time // where the page before ended
	AfterRef  string
	Limit     int
}

const sqlLedgerOrgs = `SELECT COALESCE(array_agg(o.id), '{}') FROM org o WHERE o.path LIKE ANY ($1) AND ($2::bigint IS NULL OR o.path LIKE (SELECT t.path FROM org t WHERE t.id = $2) || '%')`

func (f LedgerFilter) orgs(ctx context.Context, q Querier) (ids []int64, err error) {
	if err = q.QueryRow(ctx, sqlLedgerOrgs, Under(f.Scope), f.Org).Scan(&ids); err != nil {
		err = fmt.Errorf("read the organisations of the ledger: %w", err)
	}
	return ids, err
}

// Ledger returns a page of the ledger, newest first.
func Ledger(ctx context.Context, q Querier, f LedgerFilter) ([]LedgerRow, error) {
	orgs, err := f.orgs(ctx, q)
	if err != nil {
		return nil, err
	}
	rows, err := q.Query(ctx, sqlLedger, planned, orgs, f.From, f.To, f.Grid, f.AfterRef, f.Kind, f.AfterAt, f.Limit)
	if err != nil {
		return nil, fmt.Errorf("read the ledger: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[LedgerRow])
	if err != nil {
		return nil, fmt.Errorf("read the ledger: %w", err)
	}
	return list, nil
}

// LedgerTotals returns the period in figures, grid by grid.
func LedgerTotals(ctx context.Context, q Querier, f LedgerFilter) ([]LedgerTotal, error) {
	orgs, err := f.orgs(ctx, q)
	if err != nil {
		return nil, err
	}
	rows, err := q.Query(ctx, sqlLedgerTotals, planned, orgs, f.From, f.To, f.Grid, "", f.Kind)
	if err != nil {
		return nil, fmt.Errorf("sum the ledger up: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[LedgerTotal])
	if err != nil {
		return nil, fmt.Errorf("sum the ledger up: %w", err)
	}
	return list, nil
}
