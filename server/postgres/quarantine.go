package postgres

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/fleet"
)

// Held is a record in quarantine.
type Held struct {
	ID          int64        `json:"id"`
	ReceivedAt  time.Time    `json:"received_at"`
	Device      int64        `json:"device"`
	DeviceIdent string       `json:"device_ident"`
	Region      int64        `json:"region"`
	Protocol    string       `json:"protocol"` // which decoder reads it
	Reason      fleet.Reason `json:"reason"`
	Detail      string       `json:"detail"`
	Method      string       `json:"-"`
	Query       string       `json:"-"` // without the device's token
	ContentType string       `json:"content_type"`
	Body        []byte       `json:"-"`
	Seen        int          `json:"seen"`
	LastAt      time.Time    `json:"last_at"`
	State       string       `json:"state"`
	Outcome     string       `json:"outcome"`
	Source      int64        `json:"source,omitempty"` // the alarm source that sent it, when it was no device of ours
	SourceName  string       `json:"source_name,omitempty"`
}

const sqlHold = `
INSERT INTO quarantine AS q (received_at, last_at, device_id, region_id, protocol, reason, detail, method, query, content_type, body, digest, alarm_source)
VALUES ($1, $1, NULLIF($2::bigint, 0), NULLIF($3::bigint, 0), $4, $5, $6, $7, $8, $9, $10, $11, NULLIF($12::bigint, 0))
ON CONFLICT (protocol, digest) DO UPDATE SET seen = q.seen + 1, last_at = excluded.last_at`

// Hold puts a record into quarantine. The same record of the same device again only counts.
func Hold(ctx context.Context, q Querier, h Held) error {
	sum := sha256.New()
	fmt.Fprintf(sum, "%d\x00%s\x00%s\x00", h.Device-h.Source, h.Query, h.ContentType)
	sum.Write(h.Body)
	_, err := q.Exec(ctx, sqlHold, h.ReceivedAt, h.Device, h.Region, h.Protocol, string(h.Reason), h.Detail, h.Method, h.Query, h.ContentType, h.Body, sum.Sum(nil), h.Source)
	if err != nil {
		return fmt.Errorf("put a record into quarantine: %w", err)
	}
	return nil
}

// HeldFilter chooses from quarantine; empty fields choose everything.
type HeldFilter struct {
	Scope    []string // organisation paths of the devices' workers
	State    string
	Protocol string
	Reason   string
	Device   int64
	Before   int64 // id of the last one seen: the list goes from new to old
	Limit    int
}

const heldColumns = `
SELECT q.id, q.received_at, COALESCE(q.device_id, 0) AS device, COALESCE(d.ident, '') AS device_ident, COALESCE(q.region_id, 0) AS region, q.protocol, q.reason, q.detail,
  q.method, q.query, q.content_type, q.body, q.seen, q.last_at, q.state, q.outcome,
  COALESCE(q.alarm_source, 0), COALESCE(s.name, '')
FROM quarantine q LEFT JOIN device d ON d.id = q.device_id LEFT JOIN worker w ON w.id = d.worker_id LEFT JOIN alarm_source s ON s.id = q.alarm_source JOIN org o ON o.id = COALESCE(w.org_id, s.org_id)`

const sqlListHeld = heldColumns + `
WHERE o.path LIKE ANY ($1) AND ($2 = '' OR q.state = $2) AND ($3 = '' OR q.protocol = $3) AND ($4 = '' OR q.reason = $4) AND ($5::bigint = 0 OR q.device_id = $5) AND ($6::bigint = 0 OR q.id < $6)
ORDER BY q.id DESC LIMIT $7`

// ListHeld returns records in quarantine, newest first.
func ListHeld(ctx context.Context, q Querier, f HeldFilter) ([]Held, error) {
	return collectHeld(ctx, q, sqlListHeld, Under(f.Scope), f.State, f.Protocol, f.Reason, f.Device, f.Before, max(1, min(f.Limit, 500)))
}

const sqlHeldByID = heldColumns + ` WHERE q.id = $1 AND o.path LIKE ANY ($2)`

// HeldByID returns one record of the scope.
func HeldByID(ctx context.Context, q Querier, id int64, scope []string) (Held, error) {
	list, err := collectHeld(ctx, q, sqlHeldByID, id, Under(scope))
	if err == nil && len(list) == 0 {
		err = fault.New(fault.Missing, "隔离区没有这条记录，或者不在您的管辖范围")
	}
	if err != nil {
		return Held{}, err
	}
	return list[0], nil
}

func collectHeld(ctx context.Context, q Querier, sql string, args ...any) ([]Held, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("read quarantine: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Held])
	if err != nil {
		return nil, fmt.Errorf("read quarantine: %w", err)
	}
	return list, nil
}

const sqlDecideHeld = `
UPDATE quarantine SET state = $2, outcome = $3, decided_by = NULLIF($4::bigint, 0), decided_at = $5 WHERE id = $1 AND state = 'held' RETURNING id`

// DecideHeld ends a record's quarantine: replayed or discarded, by whom, with what outcome.
func DecideHeld(ctx context.Context, q Querier, id int64, state, outcome string, by int64, now time.Time) error {
	err := q.QueryRow(ctx, sqlDecideHeld, id, state, outcome, by, now).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return fault.New(fault.Conflict, "这条记录已经处理过了")
	}
	if err != nil {
		return fmt.Errorf("decide on a record in quarantine: %w", err)
	}
	return nil
}
