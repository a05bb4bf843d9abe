package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/incident"
)

const sqlLockIncident = `SELECT id FROM incident WHERE id = $1 FOR UPDATE`

// LockIncident locks one case for the transaction and returns it as it stands.
// Every command that changes a case takes this lock first and the region's row
// (AppendJournal) last.
func LockIncident(ctx context.Context, tx pgx.Tx, id uuid.UUID) (incident.Incident, error) {
	return lockedIncident(ctx, tx, sqlLockIncident, id)
}

func lockedIncident(ctx context.Context, tx pgx.Tx, sql string, id uuid.UUID) (incident.Incident, error) {
	var there uuid.UUID
	err := tx.QueryRow(ctx, sql, id).Scan(&there)
	if errors.Is(err, pgx.ErrNoRows) {
		return incident.Incident{}, fault.New(fault.Missing, "没有这个事件，或者不在您的管辖范围")
	}
	if err != nil {
		return incident.Incident{}, fmt.Errorf("lock the incident: %w", err)
	}
	return IncidentByID(ctx, tx, id)
}

const sqlShareIncident = `SELECT id FROM incident WHERE id = $1 FOR SHARE`

// ShareIncident returns one case as it stands and keeps it so until the transaction ends.
func ShareIncident(ctx context.Context, tx pgx.Tx, id uuid.UUID) (incident.Incident, error) {
	return lockedIncident(ctx, tx, sqlShareIncident, id)
}

const sqlMergedInto = `SELECT id FROM incident WHERE merged_into = $1 AND state = 'merged' ORDER BY id`

// MergedInto lists the cases that were merged into this one.
func MergedInto(ctx context.Context, q Querier, id uuid.UUID) ([]uuid.UUID, error) {
	rows, err := q.Query(ctx, sqlMergedInto, id)
	if err != nil {
		return nil, fmt.Errorf("list what was merged into the case: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return nil, fmt.Errorf("list what was merged into the case: %w", err)
	}
	return list, nil
}

const sqlUpdateIncident = `
UPDATE incident SET version = $2, state = $3, category = $4, tier = $5, severity = $6, urgency = $7, sensitivity = $8, std_code = $9, state_since = $10,
  owner_org = $11, owner_worker = $12, first_account = $13, lead_order = $14, self_handled = $15, checked_by_lot = $16,
  rework_count = $17, return_count = $18, delay_count = $19, urge_count = $20, push_count = $21, supervise = $22, suspended_at = $23, review_at = $24,
  suspend_asked = $25, delay_asked = $26, whistles = $27, appealed = $28, merged_into = $29, recurrence = $30, public_reply = $31,
  accepted_at = $32, dispatched_at = $33, signed_at = $34, fed_back_at = $35, checked_at = $36, closed_at = $37, close_reason = $38, satisfaction = $39, archived_at = $40,
  stage = $41, stage_due = $42, stage_warn = $43, stage_from = $44, case_due = $45, case_warn = $46, case_from = $47, provisional = $48, paused = $49, updated_at = $50,
  accept_minutes = $51, handle_minutes = $52
WHERE id = $1`

// UpdateIncident writes a case after a decision. Its row must be locked.
func UpdateIncident(ctx context.Context, q Querier, i incident.Incident) error {
	_, err := q.Exec(ctx, sqlUpdateIncident, i.ID, i.Version, string(i.State), i.Category, i.Tier, i.Severity, string(i.Urgency), i.Sensitivity, i.StdCode, i.StateSince,
		i.OwnerOrg, i.OwnerWorker, i.FirstAccount, i.LeadOrder, i.SelfHandled, i.CheckedByLot,
		i.ReworkCount, i.ReturnCount, i.DelayCount, i.UrgeCount, i.PushCount, i.Supervise, i.SuspendedAt, i.ReviewAt,
		i.SuspendAsked, i.DelayAsked, i.Whistles, i.Appealed, i.MergedInto, i.Recurrence, i.PublicReply,
		i.AcceptedAt, i.DispatchedAt, i.SignedAt, i.FedBackAt, i.CheckedAt, i.ClosedAt, i.CloseReason, i.Satisfaction, i.ArchivedAt,
		i.Stage, i.StageDue, i.StageWarn, i.StageFrom, i.CaseDue, i.CaseWarn, i.CaseFrom, i.Provisional, i.Paused, i.UpdatedAt, i.AcceptMinutes, i.HandleMinutes)
	if err != nil {
		return fmt.Errorf("write the incident: %w", err)
	}
	return nil
}

// CaseFacts is what the database knows about a case for a decision.
type CaseFacts struct {
	Feedbacks    int
	AfterPhotos  int
	PhotoAfter   bool
	Handlers     []int64
	Verification *uuid.UUID // the pending one
	CheckOrg     int64
	CheckPath    string
	CheckWorker  int64
	CheckAccount int64 // who asked for it
}

const sqlCaseFacts = `
SELECT (SELECT count(*) FROM feedback f WHERE f.incident_id = i.id),
  (SELECT count(*) FROM attachment a WHERE a.incident_id = i.id AND a.kind = 'after'),
  COALESCE((SELECT c.photo_after FROM category c WHERE c.code = i.category), false),
  ARRAY(SELECT f.by_account FROM feedback f WHERE f.incident_id = i.id AND f.by_account IS NOT NULL
    UNION SELECT d.signed_by FROM dispatch_order d WHERE d.incident_id = i.id AND d.signed_by IS NOT NULL AND d.state IN ('handling', 'fed_back', 'done')),
  v.id, COALESCE(v.org_id, 0), COALESCE(o.path, ''), COALESCE(v.worker_id, 0), COALESCE(v.asked_by, 0)
FROM incident i LEFT JOIN verification v ON v.incident_id = i.id AND v.state = 'pending' LEFT JOIN org o ON o.id = v.org_id
WHERE i.id = $1 ORDER BY v.asked_at DESC LIMIT 1`

// ReadCaseFacts returns what a decision about the case needs beyond its row and its orders.
func ReadCaseFacts(ctx context.Context, q Querier, id uuid.UUID) (f CaseFacts, err error) {
	err = q.QueryRow(ctx, sqlCaseFacts, id).Scan(&f.Feedbacks, &f.AfterPhotos, &f.PhotoAfter, &f.Handlers, &f.Verification, &f.CheckOrg, &f.CheckPath, &f.CheckWorker, &f.CheckAccount)
	if err != nil {
		return f, fmt.Errorf("read the facts of the case: %w", err)
	}
	return f, nil
}

const sqlPartyPaths = `SELECT DISTINCT o.path FROM incident_party p JOIN org o ON o.id = p.org_id WHERE p.incident_id = $1 ORDER BY 1`

// PartyPaths lists the organisations, by path, that see the case besides its ground's own.
func PartyPaths(ctx context.Context, q Querier, id uuid.UUID) ([]string, error) {
	rows, err := q.Query(ctx, sqlPartyPaths, id)
	if err != nil {
		return nil, fmt.Errorf("read the parties: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("read the parties: %w", err)
	}
	return list, nil
}

const sqlDropParties = `
DELETE FROM incident_party p WHERE p.incident_id = $1 AND p.role IN ('lead', 'assist') AND NOT EXISTS (
  SELECT FROM dispatch_order d WHERE d.incident_id = p.incident_id AND d.org_id = p.org_id AND d.state IN ('pending', 'handling', 'fed_back', 'done'))`

// DropParties takes the case out of the sight of organisations that have no order for it any more.
func DropParties(ctx context.Context, q Querier, id uuid.UUID) error {
	if _, err := q.Exec(ctx, sqlDropParties, id); err != nil {
		return fmt.Errorf("drop parties: %w", err)
	}
	return nil
}

const sqlLastOf = `SELECT body, at FROM journal WHERE subject = $1 AND region_id = $2 ORDER BY seq DESC LIMIT 1`

// LastDone returns the newest deed in the record of a case, and when it was; ok
// is false where nothing can be told.
func LastDone(ctx context.Context, q Querier, region int64, id uuid.UUID) (d incident.Done, at time.Time, ok bool, err error) {
	var body []byte
	err = q.QueryRow(ctx, sqlLastOf, id.String(), region).Scan(&body, &at)
	if errors.Is(err, pgx.ErrNoRows) {
		return d, at, false, nil
	}
	if err != nil {
		return d, at, false, fmt.Errorf("read what happened: %w", err)
	}
	var record struct {
		Deed *incident.Done `json:"deed"`
	}
	if json.Unmarshal(body, &record) != nil || record.Deed == nil {
		return d, at, false, nil
	}
	return *record.Deed, at, true, nil
}

// CategoryRow is what filing a case needs to know of its category.
type CategoryRow struct {
	Known       bool
	Sensitive   bool
	DefaultTier int16
	StdCode     string
}

const sqlCategoryRow = `SELECT true AS known, sensitive, default_tier, std_code FROM category WHERE code = $1 AND NOT retired`

const sqlNoCatalogue = `SELECT NOT EXISTS (SELECT FROM category)`

// CategoryOf returns what the catalogue says of a code. An empty code, and any
// code in a house without a catalogue, is known and says nothing.
func CategoryOf(ctx context.Context, q Querier, code string) (CategoryRow, error) {
	if code == "" {
		return CategoryRow{Known: true, DefaultTier: 2}, nil
	}
	rows, err := q.Query(ctx, sqlCategoryRow, code)
	if err != nil {
		return CategoryRow{}, fmt.Errorf("look up the category: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[CategoryRow])
	if err != nil {
		return CategoryRow{}, fmt.Errorf("look up the category: %w", err)
	}
	if len(list) == 1 {
		return list[0], nil
	}
	none := CategoryRow{DefaultTier: 2}
	if err := q.QueryRow(ctx, sqlNoCatalogue).Scan(&none.Known); err != nil {
		return none, fmt.Errorf("look up the category: %w", err)
	}
	return none, nil
}
