package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/incident"
)

// What a clock without a row reads as: a case may have none that runs.
const clockColumns = `
COALESCE(c.id, '00000000-0000-0000-0000-000000000000'), COALESCE(c.incident_id, '00000000-0000-0000-0000-000000000000'), COALESCE(c.region_id, 0),
COALESCE(c.scope, ''), COALESCE(c.stage, ''), c.tier,
COALESCE(c.started_at, 'epoch'), COALESCE(c.effective_at, 'epoch'), COALESCE(c.due_at, 'epoch'), COALESCE(c.warn_at, 'epoch'), COALESCE(c.total_us, 0),
COALESCE(c.limit_n, 0), COALESCE(c.limit_unit, ''), COALESCE(c.warn_ratio, 0), c.rule_id, c.rule_version, COALESCE(c.layer, ''), COALESCE(c.source, ''),
c.calendar_id, COALESCE(c.provisional, false), c.anchor_at, COALESCE(c.anchor_left, 0), COALESCE(c.extended, 0), c.paused_at, COALESCE(c.paused_left, 0),
c.warned_at, c.rung_at, c.ended_at, COALESCE(c.outcome, ''), COALESCE(c.version, 0)`

// scanClock reads clockColumns, and what comes before them into first.
func scanClock(row pgx.Row, c *incident.Countdown, first ...any) error {
	var total, anchorLeft, pausedLeft int64
	err := row.Scan(append(first, &c.ID, &c.Incident, &c.Region, &c.Scope, &c.Stage, &c.Tier, &c.StartedAt, &c.EffectiveAt, &c.DueAt, &c.WarnAt, &total,
		&c.Limit.N, &c.Limit.Unit, &c.Warn, &c.Rule, &c.RuleVersion, &c.Layer, &c.Source, &c.Calendar, &c.Provisional, &c.AnchorAt, &anchorLeft, &c.Extended,
		&c.PausedAt, &pausedLeft, &c.WarnedAt, &c.RungAt, &c.EndedAt, &c.Outcome, &c.Version)...)
	if err != nil {
		return err
	}
	micro := func(n int64) time.Duration { return time.Duration(n) * time.Microsecond }
	c.Total, c.AnchorLeft, c.PausedLeft = micro(total), micro(anchorLeft), micro(pausedLeft)
	c.Minutes, c.LimitText = int(c.Total/time.Minute), c.Limit.String()
	if c.PausedAt != nil {
		left := int(c.PausedLeft / time.Minute)
		c.RemainingMin = &left
	}
	for _, at := range []*time.Time{&c.StartedAt, &c.EffectiveAt, &c.DueAt, &c.WarnAt, c.AnchorAt, c.PausedAt, c.WarnedAt, c.RungAt, c.EndedAt} {
		if at != nil {
			*at = at.UTC()
		}
	}
	return nil
}

const sqlRunningClocks = `
SELECT (SELECT epoch FROM deadline_epoch), COALESCE(w.path, o.path, ''), COALESCE(w.kind, o.kind, ''), COALESCE(o.path, ''), COALESCE(o.kind, ''), ` + clockColumns + `
FROM (SELECT) one LEFT JOIN org o ON o.id = $2 LEFT JOIN org w ON w.id = $3 LEFT JOIN clock c ON c.incident_id = $1 AND c.ended_at IS NULL`

// RunningClocks reads all that a turn of a case's clocks needs: the epoch of
// rules and calendars, whose calendars count, and the clocks that run. owner
// may be nil: the ground's organisation has the case.
func RunningClocks(ctx context.Context, q Querier, id uuid.UUID, org int64, owner *int64) (epoch int64, on incident.Ground, p incident.Pair, err error) {
	rows, err := q.Query(ctx, sqlRunningClocks, id, org, owner)
	if err != nil {
		return 0, on, p, fmt.Errorf("read the clocks: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		c := &incident.Countdown{}
		if err := scanClock(rows, c, &epoch, &on.OwnerPath, &on.OwnerKind, &on.OrgPath, &on.OrgKind); err != nil {
			return 0, on, p, fmt.Errorf("read the clocks: %w", err)
		}
		switch c.Scope {
		case incident.ScopeStage:
			p.Stage = c
		case incident.ScopeCase:
			p.Case = c
		}
	}
	if err := rows.Err(); err != nil {
		return 0, on, p, fmt.Errorf("read the clocks: %w", err)
	}
	return epoch, on, p, nil
}

const sqlPutClock = `
INSERT INTO clock (id, incident_id, region_id, scope, stage, tier, started_at, effective_at, due_at, warn_at, total_us, limit_n, limit_unit, warn_ratio, rule_id, rule_version,
  layer, source, calendar_id, provisional, anchor_at, anchor_left, extended, paused_at, paused_left, warned_at, rung_at, ended_at, outcome, version)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30)
ON CONFLICT (id) DO UPDATE SET effective_at = excluded.effective_at, due_at = excluded.due_at, warn_at = excluded.warn_at, total_us = excluded.total_us,
  provisional = excluded.provisional, anchor_at = excluded.anchor_at, anchor_left = excluded.anchor_left, extended = excluded.extended, paused_at = excluded.paused_at,
  paused_left = excluded.paused_left, warned_at = excluded.warned_at, rung_at = excluded.rung_at, ended_at = excluded.ended_at, outcome = excluded.outcome, version = excluded.version`

const sqlInsertMove = `
INSERT INTO clock_move (clock_id, n, at, from_due, to_due, why)
SELECT $1, COALESCE(max(n), 0) + 1, $2, $3, $4, $5 FROM clock_move WHERE clock_id = $1`

// PutClocks stores clocks as they are now, in their order, with the moves they
// have made since they were read: one round trip.
func PutClocks(ctx context.Context, tx pgx.Tx, clocks []*incident.Countdown) error {
	if len(clocks) == 0 {
		return nil
	}
	batch := &pgx.Batch{}
	for _, c := range clocks {
		batch.Queue(sqlPutClock, c.ID, c.Incident, c.Region, c.Scope, c.Stage, c.Tier, c.StartedAt, c.EffectiveAt, c.DueAt, c.WarnAt, c.Total.Microseconds(),
			c.Limit.N, string(c.Limit.Unit), c.Warn, c.Rule, c.RuleVersion, c.Layer, c.Source, c.Calendar, c.Provisional, c.AnchorAt, c.AnchorLeft.Microseconds(), c.Extended,
			c.PausedAt, c.PausedLeft.Microseconds(), c.WarnedAt, c.RungAt, c.EndedAt, c.Outcome, c.Version)
		for _, m := range c.Moves {
			batch.Queue(sqlInsertMove, c.ID, m.At, m.From, m.To, m.Why)
		}
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("store the clocks: %w", err)
	}
	return nil
}

const sqlClockByID = `SELECT ` + clockColumns + ` FROM clock c WHERE c.id = $1`

const sqlClockForUpdate = sqlClockByID + ` FOR UPDATE`

// ClockByID returns one clock; lock holds its row.
func ClockByID(ctx context.Context, q Querier, id uuid.UUID, lock bool) (c incident.Countdown, err error) {
	sql := sqlClockByID
	if lock {
		sql = sqlClockForUpdate
	}
	rows, err := q.Query(ctx, sql, id)
	if err != nil {
		return c, fmt.Errorf("read the clock: %w", err)
	}
	list, err := collectClocks(rows)
	if err != nil {
		return c, err
	}
	if len(list) == 0 {
		return c, fault.New(fault.Missing, "没有这个时限")
	}
	return list[0], nil
}

func collectClocks(rows pgx.Rows) ([]incident.Countdown, error) {
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (c incident.Countdown, err error) { return c, scanClock(row, &c) })
	if err != nil {
		return nil, fmt.Errorf("read the clocks: %w", err)
	}
	return list, nil
}

const sqlClocksOf = `SELECT ` + clockColumns + `, COALESCE(k.name, '') FROM clock c LEFT JOIN calendar k ON k.id = c.calendar_id WHERE c.incident_id = $1 ORDER BY c.started_at, c.scope DESC, c.id`

const sqlMovesOf = `
SELECT m.clock_id, m.at, m.from_due, m.to_due, m.why FROM clock_move m JOIN clock c ON c.id = m.clock_id WHERE c.incident_id = $1 ORDER BY m.clock_id, m.n`

// ClocksOf returns every clock a case has had, with its moves, the first first.
func ClocksOf(ctx context.Context, q Querier, id uuid.UUID) ([]incident.Countdown, error) {
	rows, err := q.Query(ctx, sqlClocksOf, id)
	if err != nil {
		return nil, fmt.Errorf("read the clocks: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (c incident.Countdown, err error) {
		return c, scanClock(trailing{row, &c.CalendarName}, &c)
	})
	if err != nil {
		return nil, fmt.Errorf("read the clocks: %w", err)
	}
	at := map[uuid.UUID]int{}
	for i := range list {
		at[list[i].ID] = i
	}
	if rows, err = q.Query(ctx, sqlMovesOf, id); err != nil {
		return nil, fmt.Errorf("read the moves of the clocks: %w", err)
	}
	var (
		clock uuid.UUID
		m     incident.Move
	)
	if _, err := pgx.ForEachRow(rows, []any{&clock, &m.At, &m.From, &m.To, &m.Why}, func() error {
		m.At, m.From = m.At.UTC(), m.From.UTC()
		move := m
		if m.To != nil {
			to := m.To.UTC()
			move.To = &to
		}
		list[at[clock]].Moves = append(list[at[clock]].Moves, move)
		return nil
	}); err != nil {
		return nil, fmt.Errorf("read the moves of the clocks: %w", err)
	}
	return list, nil
}

// trailing scans one more column than it is asked for.
type trailing struct {
	row  pgx.Row
	last any
}

func (t trailing) Scan(dest ...any) error { return t.row.Scan(append(dest, t.last)...) }

const sqlShowClocks = `
UPDATE incident SET stage = $2, stage_due = $3, stage_warn = $4, stage_from = $5, case_due = $6, case_warn = $7, case_from = $8, provisional = $9, paused = $10,
  urge_count = $11, supervise = $12 WHERE id = $1`

// ShowClocks writes what the clocks say into the row of a case that is held.
// It is no new version: nothing that somebody decides on has changed.
func ShowClocks(ctx context.Context, tx pgx.Tx, i incident.Incident) error {
	_, err := tx.Exec(ctx, sqlShowClocks, i.ID, i.Stage, i.StageDue, i.StageWarn, i.StageFrom, i.CaseDue, i.CaseWarn, i.CaseFrom, i.Provisional, i.Paused, i.UrgeCount, i.Supervise)
	if err != nil {
		return fmt.Errorf("show the clocks: %w", err)
	}
	return nil
}

const sqlProvisionalCases = `
SELECT DISTINCT c.incident_id FROM clock c WHERE c.provisional AND c.ended_at IS NULL AND c.paused_at IS NULL ORDER BY c.incident_id`

// ProvisionalCases are the cases with a running clock that stands on days not
// announced yet, in order.
func ProvisionalCases(ctx context.Context, q Querier) ([]uuid.UUID, error) {
	rows, err := q.Query(ctx, sqlProvisionalCases)
	if err != nil {
		return nil, fmt.Errorf("find the provisional clocks: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return nil, fmt.Errorf("find the provisional clocks: %w", err)
	}
	return list, nil
}

const sqlSOSAnswered = `SELECT EXISTS (SELECT FROM sos WHERE incident_id = $1 AND state <> 'open')`

// SOSAnswered reports whether somebody has taken the call for help behind a case.
func SOSAnswered(ctx context.Context, q Querier, id uuid.UUID) (bool, error) {
	var ok bool
	if err := q.QueryRow(ctx, sqlSOSAnswered, id).Scan(&ok); err != nil {
		return false, fmt.Errorf("look whether the call is answered: %w", err)
	}
	return ok, nil
}

const sqlOpenClocks = `
SELECT i.case_no, i.title, i.kind, i.category, i.urgency, i.source, i.tier, i.rework_count, o.path, o.kind, COALESCE(w.path, o.path), COALESCE(w.kind, o.kind), ` + clockColumns + `
FROM clock c JOIN incident i ON i.id = c.incident_id JOIN org o ON o.id = i.org_id LEFT JOIN org w ON w.id = i.owner_org
WHERE c.ended_at IS NULL AND c.paused_at IS NULL AND ($1::text[] IS NULL OR o.path LIKE ANY ($1)) AND (c.provisional OR NOT $2) ORDER BY c.due_at, c.id`

// OpenClocks returns the clocks that count down now, with what rules ask of
// their cases: those of the scope (nil = all), or only the provisional ones.
func OpenClocks(ctx context.Context, q Querier, scope []string, provisional bool) ([]incident.Open, error) {
	var under []string
	if scope != nil {
		under = Under(scope)
	}
	rows, err := q.Query(ctx, sqlOpenClocks, under, provisional)
	if err != nil {
		return nil, fmt.Errorf("read the running clocks: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (o incident.Open, err error) {
		i := &o.Case
		err = scanClock(row, &o.Countdown, &i.CaseNo, &i.Title, &i.Kind, &i.Category, &i.Urgency, &i.Source, &i.Tier, &i.ReworkCount,
			&o.On.OrgPath, &o.On.OrgKind, &o.On.OwnerPath, &o.On.OwnerKind)
		i.ID = o.Incident
		return o, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the running clocks: %w", err)
	}
	return list, nil
}

const sqlMoveOrderDues = `
UPDATE dispatch_order SET sign_due = COALESCE($2, sign_due), handle_due = COALESCE($3, handle_due)
WHERE incident_id = $1 AND mode <> 'inform' AND state IN ('pending', 'handling')`

// MoveOrderDues writes on the open orders of a case until when they are to be
// signed and handled, after its clocks moved by themselves.
func MoveOrderDues(ctx context.Context, q Querier, id uuid.UUID, sign, handle *time.Time) error {
	if _, err := q.Exec(ctx, sqlMoveOrderDues, id, sign, handle); err != nil {
		return fmt.Errorf("move the limits of orders: %w", err)
	}
	return nil
}
