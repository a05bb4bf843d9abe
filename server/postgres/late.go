package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// The limits of a whistle.
const (
	WhistleRespond = "respond"
	WhistleArrive  = "arrive"
)

// lateFor is how long what is late stays in the reminders and is still told of:
// after a week nobody is reminded of a command by a strip.
const lateFor = ` interval '7 days'`

const sqlRingCommand = `UPDATE command SET rung_at = $2 WHERE id = $1 AND rung_at IS NULL`

// RingCommand notes that it was said who has not acknowledged; fresh is false
// when that was said before.
func RingCommand(ctx context.Context, q Querier, id uuid.UUID, at time.Time) (fresh bool, err error) {
	return ringOnce(ctx, q, sqlRingCommand, id, at)
}

const sqlRingRespond = `UPDATE whistle SET respond_rung_at = $2 WHERE id = $1 AND respond_rung_at IS NULL`

const sqlRingArrive = `UPDATE whistle SET arrive_rung_at = $2 WHERE id = $1 AND arrive_rung_at IS NULL`

// RingWhistle notes that it was said who is late; fresh is false when that was said before.
func RingWhistle(ctx context.Context, q Querier, id uuid.UUID, what string, at time.Time) (fresh bool, err error) {
	sql := sqlRingRespond
	if what == WhistleArrive {
		sql = sqlRingArrive
	}
	return ringOnce(ctx, q, sql, id, at)
}

func ringOnce(ctx context.Context, q Querier, sql string, id uuid.UUID, at time.Time) (bool, error) {
	tag, err := q.Exec(ctx, sql, id, at)
	if err != nil {
		return false, fmt.Errorf("note that it rang: %w", err)
	}
	return tag.RowsAffected() == 1, nil
}

// Late is something whose limit has passed and of which nobody was told.
type Late struct {
	ID   uuid.UUID
	What string // of a whistle; empty: a command
}

const sqlUnrung = `
SELECT c.id, '' AS what FROM command c WHERE c.need_ack AND c.rung_at IS NULL AND c.ack_due <= $1 AND c.ack_due > $1::timestamptz -` + lateFor + `
  AND EXISTS (SELECT FROM command_target t WHERE t.command_id = c.id AND t.acked_at IS NULL)
UNION ALL
SELECT w.id, '` + WhistleRespond + `' FROM whistle w WHERE w.confirmed_at IS NOT NULL AND w.state NOT IN ('closed', 'refused') AND w.respond_rung_at IS NULL
  AND w.respond_due <= $1 AND w.respond_due > $1::timestamptz -` + lateFor + ` AND EXISTS (SELECT FROM whistle_department d WHERE d.whistle_id = w.id AND d.responded_at IS NULL)
UNION ALL
SELECT w.id, '` + WhistleArrive + `' FROM whistle w WHERE w.confirmed_at IS NOT NULL AND w.state NOT IN ('closed', 'refused') AND w.arrive_rung_at IS NULL
  AND w.arrive_due <= $1 AND w.arrive_due > $1::timestamptz -` + lateFor + ` AND EXISTS (SELECT FROM whistle_department d WHERE d.whistle_id = w.id AND d.checked_in_at IS NULL)`

// Unrung lists what is late and was not told yet, whoever forgot it.
func Unrung(ctx context.Context, q Querier, now time.Time) ([]Late, error) {
	rows, err := q.Query(ctx, sqlUnrung, now)
	if err != nil {
		return nil, fmt.Errorf("look for what is late: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[Late])
	if err != nil {
		return nil, fmt.Errorf("look for what is late: %w", err)
	}
	return list, nil
}

// LateCounts is how many things somebody is reminded of.
type LateCounts struct {
	Owed     int // commands that the caller itself has not acknowledged in time
	Missing  int // commands given by or for the caller's organisations that somebody has not acknowledged in time
	Whistles int // whistles to which a department has not responded or come in time
}

const lateCommand = ` c.need_ack AND c.ack_due <= $1 AND c.ack_due > $1::timestamptz -` + lateFor

const sqlLateCounts = `
SELECT
  (SELECT count(*) FROM command c WHERE` + lateCommand + ` AND EXISTS (SELECT FROM command_target t WHERE t.command_id = c.id AND t.acked_at IS NULL
    AND (t.worker_id = NULLIF($2::bigint, 0) OR t.worker_id IS NULL AND t.org_id = ANY ($3)))) AS owed,
  (SELECT count(*) FROM command c JOIN org o ON o.id = c.org_id WHERE` + lateCommand + ` AND (c.by_account = $4 OR o.path LIKE ANY ($5))
    AND EXISTS (SELECT FROM command_target t WHERE t.command_id = c.id AND t.acked_at IS NULL)) AS missing,
  (SELECT count(*) FROM whistle w JOIN org o ON o.id = w.org_id WHERE (w.sensitivity <> 'high' OR $4::bigint <> 0) AND ` + whistleOverdue + `) AS whistles`

// whistleOverdue: a department that the caller answers for, or any of a whistle
// of its ground, has not responded or come in time. $1 now, $4 the account, $6
// whose whistles, $7 whose departments.
const whistleOverdue = `w.confirmed_at IS NOT NULL AND w.state NOT IN ('closed', 'refused') AND w.respond_due > $1::timestamptz -` + lateFor + ` AND EXISTS (
    SELECT FROM whistle_department d JOIN org p ON p.id = d.org_id
    WHERE d.whistle_id = w.id AND (d.responded_at IS NULL AND w.respond_due <= $1 OR d.checked_in_at IS NULL AND w.arrive_due <= $1)
      AND (o.path LIKE ANY ($6) OR w.raised_by = NULLIF($4::bigint, 0) OR p.path LIKE ANY ($7)))`

// CountLate counts what is late for a caller: worker and orgs are whom it acts
// for, scope where it gives commands.
func CountLate(ctx context.Context, q Querier, now time.Time, worker int64, orgs []int64, scope []string, s WhistleScope) (LateCounts, error) {
	rows, err := q.Query(ctx, sqlLateCounts, now, worker, orgs, s.Account, Under(scope), Under(s.Whole), Under(s.Called))
	if err != nil {
		return LateCounts{}, fmt.Errorf("count what is late: %w", err)
	}
	n, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[LateCounts])
	if err != nil {
		return LateCounts{}, fmt.Errorf("count what is late: %w", err)
	}
	return n, nil
}
