package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/dispatch"
	"github.com/gridward/gridward/server/fault"
)

const orderColumns = `
SELECT d.id, d.region_id, d.incident_id, d.seq, d.mode, d.org_id, o.path, o.name, d.worker_id, COALESCE(w.name, ''), COALESCE(w.phone, ''), d.state, d.version, d.requirement, d.ranking,
  d.issued_by, d.issued_name, d.issued_at, d.sign_due, d.handle_due, d.signed_at, d.signed_by, d.signed_name, d.arrived_at, d.arrived_geom, d.arrived_m,
  d.fed_back_at, d.ended_at, d.end_code, d.end_reason, d.rework
FROM dispatch_order d JOIN org o ON o.id = d.org_id LEFT JOIN worker w ON w.id = d.worker_id`

const sqlOrdersOf = orderColumns + ` WHERE d.incident_id = $1 ORDER BY d.seq`

const sqlOrder = orderColumns + ` WHERE d.id = $1`

const sqlOrdersOfWorker = orderColumns + `
WHERE d.worker_id = $1 AND (d.state IN ('pending', 'handling', 'fed_back')) = $2 AND d.mode <> 'inform'
  AND ($3::timestamptz IS NULL OR (d.issued_at, d.id) < ($3, $4::uuid)) ORDER BY d.issued_at DESC, d.id DESC LIMIT $5`

// OrdersOf lists the orders of a case in the order in which they were given.
func OrdersOf(ctx context.Context, q Querier, incident uuid.UUID) ([]dispatch.Order, error) {
	return collectOrders(ctx, q, sqlOrdersOf, incident)
}

// OrdersOfWorker lists a worker's orders, newest first: those still open, or those that ended.
func OrdersOfWorker(ctx context.Context, q Querier, worker int64, open bool, beforeAt *time.Time, beforeID *uuid.UUID, limit int) ([]dispatch.Order, error) {
	return collectOrders(ctx, q, sqlOrdersOfWorker, worker, open, beforeAt, beforeID, limit)
}

// OrderByID returns one order, whoever asks.
func OrderByID(ctx context.Context, q Querier, id uuid.UUID) (dispatch.Order, error) {
	list, err := collectOrders(ctx, q, sqlOrder, id)
	if err != nil {
		return dispatch.Order{}, err
	}
	if len(list) == 0 {
		return dispatch.Order{}, fault.New(fault.Missing, "没有这个任务，或者不在您的管辖范围")
	}
	return list[0], nil
}

func collectOrders(ctx context.Context, q Querier, sql string, args ...any) ([]dispatch.Order, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("read orders: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (o dispatch.Order, err error) {
		err = row.Scan(&o.ID, &o.Region, &o.Incident, &o.Seq, &o.Mode, &o.Org, &o.OrgPath, &o.OrgName, &o.Worker, &o.WorkerName, &o.WorkerPhone, &o.State, &o.Version,
			&o.Requirement, &o.Ranking, &o.IssuedBy, &o.IssuedName, &o.IssuedAt, &o.SignDue, &o.HandleDue, &o.SignedAt, &o.SignedBy, &o.SignedName,
			&o.ArrivedAt, &o.ArrivedAtPt, &o.ArrivedM, &o.FedBackAt, &o.EndedAt, &o.EndCode, &o.EndReason, &o.Rework)
		o.IssuedAt = o.IssuedAt.UTC()
		inUTC(o.SignDue, o.HandleDue, o.SignedAt, o.ArrivedAt, o.FedBackAt, o.EndedAt)
		return o, err
	})
	if err != nil {
		return nil, fmt.Errorf("read orders: %w", err)
	}
	return list, nil
}

// inUTC turns instants as they come from the database into the zone of the API.
func inUTC(instants ...*time.Time) {
	for _, at := range instants {
		if at != nil {
			*at = at.UTC()
		}
	}
}

const sqlInsertOrder = `
INSERT INTO dispatch_order (id, region_id, incident_id, seq, mode, org_id, worker_id, state, requirement, ranking, issued_by, issued_name, issued_at, sign_due, handle_due,
  signed_at, signed_by, signed_name, fed_back_at)
SELECT $1, $2, $3, COALESCE(max(seq), 0) + 1, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18 FROM dispatch_order WHERE incident_id = $3
RETURNING seq`

// InsertOrder gives an order; its number within the case is the next one. The
// case's row must be locked. A second open lead order, or a second open order
// for the same party, violates dispatch_order_lead or dispatch_order_once.
func InsertOrder(ctx context.Context, tx pgx.Tx, o *dispatch.Order) error {
	err := tx.QueryRow(ctx, sqlInsertOrder, o.ID, o.Region, o.Incident, o.Mode, o.Org, o.Worker, string(o.State), o.Requirement, o.Ranking, o.IssuedBy, o.IssuedName, o.IssuedAt,
		o.SignDue, o.HandleDue, o.SignedAt, o.SignedBy, o.SignedName, o.FedBackAt).Scan(&o.Seq)
	switch {
	case Violates(err, "dispatch_order_lead"):
		return fault.Because(err, fault.Conflict, "这个事件已经有主办任务")
	case Violates(err, "dispatch_order_once"):
		return fault.Because(err, fault.Conflict, "同一单位或人员已有这个事件的未完成任务")
	case err != nil:
		return fmt.Errorf("give the order: %w", err)
	}
	o.Version = 1
	return nil
}

const sqlUpdateOrder = `
UPDATE dispatch_order SET state = $2, version = $3, sign_due = $4, handle_due = $5, signed_at = $6, signed_by = $7, signed_name = $8,
  arrived_at = $9, arrived_geom = $10, arrived_m = $11, fed_back_at = $12, ended_at = $13, end_code = $14, end_reason = $15, rework = $16
WHERE id = $1`

// UpdateOrder writes what a move changed. The case's row must be locked.
func UpdateOrder(ctx context.Context, q Querier, o dispatch.Order) error {
	if _, err := q.Exec(ctx, sqlUpdateOrder, o.ID, string(o.State), o.Version, o.SignDue, o.HandleDue, o.SignedAt, o.SignedBy, o.SignedName,
		o.ArrivedAt, o.ArrivedAtPt, o.ArrivedM, o.FedBackAt, o.EndedAt, o.EndCode, o.EndReason, o.Rework); err != nil {
		return fmt.Errorf("move the order: %w", err)
	}
	return nil
}

// Addressee is whom an order can be given to.
type Addressee struct {
	Region     int64
	Org        int64
	Path       string
	OrgName    string
	OrgKind    string
	Worker     *int64
	WorkerName string
}

const sqlAddresseeWorker = `
SELECT o.region_id, o.id, o.path, o.name, o.kind, w.id, w.name FROM worker w JOIN org o ON o.id = w.org_id WHERE w.id = $1 AND w.status = 'active' AND w.kind = 'person'`

const sqlAddresseeOrg = `SELECT o.region_id, o.id, o.path, o.name, o.kind, NULL::bigint, '' FROM org o WHERE o.id = $1 AND o.valid_to IS NULL`

// AddresseeOf finds whom a target means: the worker when one is named, otherwise the organisation.
func AddresseeOf(ctx context.Context, q Querier, org, worker int64) (a Addressee, err error) {
	sql, id := sqlAddresseeOrg, org
	if worker != 0 {
		sql, id = sqlAddresseeWorker, worker
	}
	rows, err := q.Query(ctx, sql, id)
	if err != nil {
		return a, fmt.Errorf("find whom to send: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Addressee])
	if err != nil {
		return a, fmt.Errorf("find whom to send: %w", err)
	}
	if len(list) == 0 {
		return a, fault.New(fault.Invalid, "没有这个单位或人员，或者已经离任")
	}
	return list[0], nil
}
