package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/patrol"
	"github.com/gridward/gridward/server/workday"
)

const policyColumns = `
SELECT p.id, p.version, p.name, p.org_id, COALESCE(o.path, ''), COALESCE(o.name, ''), p.rule, p.cycle, p.params, p.holiday, p.valid_from, p.valid_to, p.note
FROM patrol_policy p LEFT JOIN org o ON o.id = p.org_id`

const sqlPolicies = policyColumns + ` WHERE p.retired_at IS NULL ORDER BY p.rule, o.path NULLS FIRST, p.valid_from, p.id`

const sqlPolicyByID = policyColumns + ` WHERE p.id = $1 AND p.retired_at IS NULL`

const sqlPolicyLiving = sqlPolicyByID + ` FOR UPDATE OF p`

func collectPolicies(ctx context.Context, q Querier, sql string, args ...any) ([]patrol.Policy, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("read the patrol policies: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (p patrol.Policy, err error) {
		var from time.Time
		var to *time.Time
		err = row.Scan(&p.ID, &p.Version, &p.Name, &p.Org, &p.OrgPath, &p.OrgName, &p.Rule, &p.Cycle, &p.Params, &p.Holiday, &from, &to, &p.Note)
		p.ValidFrom = dayOf(from)
		if to != nil {
			d := dayOf(*to)
			p.ValidTo = &d
		}
		return p, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the patrol policies: %w", err)
	}
	return list, nil
}

// PatrolPolicies returns every policy in its newest version.
func PatrolPolicies(ctx context.Context, q Querier) ([]patrol.Policy, error) {
	return collectPolicies(ctx, q, sqlPolicies)
}

// PatrolPolicyByID returns the newest version of a policy.
func PatrolPolicyByID(ctx context.Context, q Querier, id int64) (patrol.Policy, error) {
	return onePolicy(ctx, q, sqlPolicyByID, id)
}

// LockPatrolPolicy returns the newest version of a policy and holds its row.
func LockPatrolPolicy(ctx context.Context, tx pgx.Tx, id int64) (patrol.Policy, error) {
	return onePolicy(ctx, tx, sqlPolicyLiving, id)
}

func onePolicy(ctx context.Context, q Querier, sql string, id int64) (patrol.Policy, error) {
	list, err := collectPolicies(ctx, q, sql, id)
	if err == nil && len(list) == 0 {
		err = fault.New(fault.Missing, "没有这项巡查制度，或者不在您的管辖范围")
	}
	if err != nil {
		return patrol.Policy{}, err
	}
	return list[0], nil
}

const sqlRetirePolicy = `UPDATE patrol_policy SET retired_at = $2 WHERE id = $1 AND retired_at IS NULL`

const sqlInsertPolicy = `
INSERT INTO patrol_policy (id, version, name, org_id, rule, cycle, params, holiday, valid_from, valid_to, note, made_at, made_by)
VALUES (CASE WHEN $1::bigint = 0 THEN nextval('patrol_policy_id') ELSE $1 END, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, NULLIF($13::bigint, 0))
RETURNING id`

// PutPatrolPolicy stores the next version of a policy and retires the one
// before; id 0 = a new policy.
func PutPatrolPolicy(ctx context.Context, tx pgx.Tx, p patrol.Policy, by int64, now time.Time) (id int64, err error) {
	if p.ID != 0 {
		if _, err := tx.Exec(ctx, sqlRetirePolicy, p.ID, now); err != nil {
			return 0, fmt.Errorf("retire the policy's version: %w", err)
		}
	}
	var to *time.Time
	if p.ValidTo != nil {
		t := dateOf(*p.ValidTo)
		to = &t
	}
	err = tx.QueryRow(ctx, sqlInsertPolicy, p.ID, p.Version, p.Name, p.Org, p.Rule, p.Cycle, p.Params, p.Holiday, dateOf(p.ValidFrom), to, p.Note, now, by).Scan(&id)
	if err != nil {
		return 0, fmt.Errorf("store the policy: %w", err)
	}
	return id, nil
}

const sqlMarkPolicyDays = `
INSERT INTO patrol_dirty AS p (region_id, worker_id, day, why)
SELECT d.region_id, d.worker_id, d.day, ARRAY['rule'] FROM patrol_day d JOIN worker w ON w.id = d.worker_id JOIN org o ON o.id = w.org_id
WHERE d.day >= $1 AND d.day <= COALESCE($2, d.day) AND o.path LIKE $3 || '%' ORDER BY 1, 2, 3
ON CONFLICT (region_id, worker_id, day) DO UPDATE SET n = p.n + 1, at = now(), why = CASE WHEN 'rule' = ANY (p.why) THEN p.why ELSE p.why || 'rule'::text END`

const sqlMarkPolicyWeeks = `
INSERT INTO patrol_week_dirty AS p (region_id, grid_id, week, why)
SELECT w.region_id, w.grid_id, w.week, ARRAY['rule'] FROM patrol_week w JOIN grid g ON g.id = w.grid_id JOIN org o ON o.id = g.org_id
WHERE w.week + 6 >= $1 AND w.week <= COALESCE($2, w.week) AND o.path LIKE $3 || '%' ORDER BY 1, 2, 3
ON CONFLICT (region_id, grid_id, week) DO UPDATE SET n = p.n + 1, at = now(), why = CASE WHEN 'rule' = ANY (p.why) THEN p.why ELSE p.why || 'rule'::text END`

// MarkPolicy asks for everything that the policy held for to be computed again,
// and says how many days and weeks those are.
func MarkPolicy(ctx context.Context, tx pgx.Tx, path string, from workday.Day, to *workday.Day) (days, weeks int64, err error) {
	var until *time.Time
	if to != nil {
		t := dateOf(*to)
		until = &t
	}
	tag, err := tx.Exec(ctx, sqlMarkPolicyDays, dateOf(from), until, path)
	if err == nil {
		days = tag.RowsAffected()
		tag, err = tx.Exec(ctx, sqlMarkPolicyWeeks, dateOf(from), until, path)
	}
	if err != nil {
		return 0, 0, fmt.Errorf("mark what a policy held for: %w", err)
	}
	return days, tag.RowsAffected(), nil
}

// LeaveRow is approved leave (请假).
type LeaveRow struct {
	ID         int64  `json:"id"`
	Region     int64  `json:"-"`
	Worker     int64  `json:"worker"`
	WorkerName string `json:"worker_name"`
	OrgPath    string `json:"-"`
	OrgName    string `json:"org_name"`
	patrol.Leave
	Kind       string     `json:"kind" enum:"leave,sick,training,secondment,other" doc:"请假, 病假, 培训, 借调, 其他"`
	Reason     string     `json:"reason"`
	ApprovedAt time.Time  `json:"approved_at"`
	ApprovedBy string     `json:"approved_by"`
	Cancelled  *time.Time `json:"cancelled_at"`
}

const leaveColumns = `
SELECT l.id, l.region_id, l.worker_id, w.name, o.path, o.name, l.from_day, l.from_half, l.to_day, l.to_half, l.kind, l.reason, l.approved_at, COALESCE(a.name, ''), l.cancelled_at
FROM leave l JOIN worker w ON w.id = l.worker_id JOIN org o ON o.id = w.org_id LEFT JOIN account a ON a.id = l.approved_by`

const sqlLeaves = leaveColumns + `
WHERE o.path LIKE ANY ($1) AND ($2::bigint IS NULL OR l.worker_id = $2) AND l.to_day >= $3 AND l.from_day <= $4 AND ($5::bigint IS NULL OR l.id < $5)
ORDER BY l.id DESC LIMIT $6`

const sqlLeaveByID = leaveColumns + ` WHERE l.id = $1 FOR UPDATE OF l`

func scanLeave(row pgx.CollectableRow) (l LeaveRow, err error) {
	var from, to time.Time
	var fromHalf, toHalf string
	err = row.Scan(&l.ID, &l.Region, &l.Worker, &l.WorkerName, &l.OrgPath, &l.OrgName, &from, &fromHalf, &to, &toHalf, &l.Kind, &l.Reason, &l.ApprovedAt, &l.ApprovedBy, &l.Cancelled)
	l.FromDay, l.ToDay = dayOf(from), dayOf(to)
	_ = l.FromHalf.UnmarshalText([]byte(fromHalf)) // never fails
	_ = l.ToHalf.UnmarshalText([]byte(toHalf))
	l.ApprovedAt = l.ApprovedAt.UTC()
	return l, err
}

// LeaveFilter chooses leave.
type LeaveFilter struct {
	Scope    []string
	Worker   *int64
	From, To workday.Day
	Before   *int64
	Limit    int
}

// Leaves lists leave, newest first, withdrawn leave too.
func Leaves(ctx context.Context, q Querier, f LeaveFilter) ([]LeaveRow, error) {
	rows, err := q.Query(ctx, sqlLeaves, Under(f.Scope), f.Worker, dateOf(f.From), dateOf(f.To), f.Before, f.Limit)
	if err != nil {
		return nil, fmt.Errorf("list leave: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanLeave)
	if err != nil {
		return nil, fmt.Errorf("list leave: %w", err)
	}
	return list, nil
}

// LockLeave returns one leave and holds its row.
func LockLeave(ctx context.Context, tx pgx.Tx, id int64) (LeaveRow, error) {
	rows, err := tx.Query(ctx, sqlLeaveByID, id)
	if err != nil {
		return LeaveRow{}, fmt.Errorf("read the leave: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanLeave)
	if err == nil && len(list) == 0 {
		return LeaveRow{}, fault.New(fault.Missing, "没有这条请假记录，或者不在您的管辖范围")
	}
	if err != nil {
		return LeaveRow{}, fmt.Errorf("read the leave: %w", err)
	}
	return list[0], nil
}

const sqlInsertLeave = `
INSERT INTO leave (region_id, worker_id, from_day, from_half, to_day, to_half, kind, reason, approved_at, approved_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, NULLIF($10::bigint, 0)) RETURNING id`

// InsertLeave stores approved leave.
func InsertLeave(ctx context.Context, tx pgx.Tx, l LeaveRow, by int64, now time.Time) (id int64, err error) {
	err = tx.QueryRow(ctx, sqlInsertLeave, l.Region, l.Worker, dateOf(l.FromDay), l.FromHalf.String(), dateOf(l.ToDay), l.ToHalf.String(), l.Kind, l.Reason, now, by).Scan(&id)
	if err != nil {
		return 0, fmt.Errorf("store the leave: %w", err)
	}
	return id, nil
}

const sqlCancelLeave = `UPDATE leave SET cancelled_at = $2, cancelled_by = NULLIF($3::bigint, 0) WHERE id = $1 AND cancelled_at IS NULL`

// CancelLeave withdraws leave.
func CancelLeave(ctx context.Context, tx pgx.Tx, id, by int64, now time.Time) error {
	if _, err := tx.Exec(ctx, sqlCancelLeave, id, now, by); err != nil {
		return fmt.Errorf("withdraw the leave: %w", err)
	}
	return nil
}

const sqlMarkLeave = `
INSERT INTO patrol_week_dirty AS p (region_id, grid_id, week, why)
SELECT DISTINCT g.region_id, g.id, d.week::date, ARRAY['leave']
FROM grid_assignment a JOIN grid g ON g.id = a.grid_id, generate_series(date_trunc('week', $2::date), $3::date, '7 days') AS d(week)
WHERE a.worker_id = $1 AND a.role = 'leader' AND a.valid_from <= d.week::date + 6 AND COALESCE(a.valid_to, 'infinity') >= d.week::date ORDER BY 1, 2, 3
ON CONFLICT (region_id, grid_id, week) DO UPDATE SET n = p.n + 1, at = now(), why = CASE WHEN 'leave' = ANY (p.why) THEN p.why ELSE p.why || 'leave'::text END`

// MarkLeave asks for the weeks that leave touches to be computed again: it
// changes what was required and no minute.
func MarkLeave(ctx context.Context, tx pgx.Tx, worker int64, from, to workday.Day) error {
	if _, err := tx.Exec(ctx, sqlMarkLeave, worker, dateOf(from), dateOf(to)); err != nil {
		return fmt.Errorf("mark the weeks of the leave: %w", err)
	}
	return nil
}

const sqlLeaveBetween = `SELECT worker_id, from_day, from_half, to_day, to_half FROM leave WHERE worker_id = ANY ($1) AND cancelled_at IS NULL AND to_day >= $2 AND from_day <= $3`

// leaveBetween is the approved leave of workers that touches the days.
func leaveBetween(ctx context.Context, q Querier, workers []int64, from, to workday.Day) (map[int64][]patrol.Leave, error) {
	out := map[int64][]patrol.Leave{}
	rows, err := q.Query(ctx, sqlLeaveBetween, workers, dateOf(from), dateOf(to))
	if err != nil {
		return nil, fmt.Errorf("read leave: %w", err)
	}
	var worker int64
	var a, b time.Time
	var ah, bh string
	_, err = pgx.ForEachRow(rows, []any{&worker, &a, &ah, &b, &bh}, func() error {
		l := patrol.Leave{FromDay: dayOf(a), ToDay: dayOf(b)}
		_ = l.FromHalf.UnmarshalText([]byte(ah))
		_ = l.ToHalf.UnmarshalText([]byte(bh))
		out[worker] = append(out[worker], l)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read leave: %w", err)
	}
	return out, nil
}

// jsonOf is v as a jsonb column takes it.
func jsonOf(v any) []byte {
	b, _ := json.Marshal(v) // plain values: it cannot fail
	return b
}
