package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/fault"
)

// TrackExport is an export of tracks (轨迹导出): asked for, let go by somebody
// else where the house asks that, and fetched by whoever asked.
type TrackExport struct {
	ID          uuid.UUID  `json:"id"`
	Account     int64      `json:"account"`
	Actor       string     `json:"actor"`
	Playback    *uuid.UUID `json:"playback,omitempty"`
	Workers     []int64    `json:"workers"`
	WorkerNames []string   `json:"worker_names"`
	OrgPaths    []string   `json:"-"`
	From        time.Time  `json:"from"`
	To          time.Time  `json:"to"`
	Format      string     `json:"format" enum:"gpx,geojson,csv,xlsx"`
	CRS         string     `json:"crs" enum:"EPSG:4326,EPSG:4490,GCJ-02,BD-09"`
	Purpose     string     `json:"purpose"`
	State       string     `json:"state" enum:"waiting,approved,refused,ready,expired"`
	AskedAt     time.Time  `json:"asked_at"`
	DecidedAt   *time.Time `json:"decided_at,omitempty"`
	DecidedBy   string     `json:"decided_by,omitempty"`
	Reason      string     `json:"reason,omitempty"`
	ExpiresAt   time.Time  `json:"expires_at"`
	Taken       int        `json:"taken" doc:"how often the file was fetched"`
}

const sqlInsertTrackExport = `
INSERT INTO track_export (id, account_id, playback_id, workers, from_at, to_at, format, crs, purpose, state, asked_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`

// AskTrackExport keeps a request.
func AskTrackExport(ctx context.Context, q Querier, e TrackExport) error {
	if _, err := q.Exec(ctx, sqlInsertTrackExport, e.ID, e.Account, e.Playback, e.Workers, e.From, e.To, e.Format, e.CRS, e.Purpose, e.State, e.AskedAt, e.ExpiresAt); err != nil {
		return fmt.Errorf("ask for an export of tracks: %w", err)
	}
	return nil
}

// The caller's own, and those all of whose workers lie in the scope of approving.
const sqlTrackExports = `
SELECT e.id, e.account_id AS account, a.name AS actor, e.playback_id AS playback, e.workers, p.worker_names, p.org_paths, e.from_at AS "from", e.to_at AS "to", e.format, e.crs, e.purpose,
  CASE WHEN e.state <> 'refused' AND e.expires_at <= $3 THEN 'expired' ELSE e.state END AS state,
  e.asked_at, e.decided_at, COALESCE(d.name, '') AS decided_by, e.reason, e.expires_at, e.taken
FROM track_export e JOIN account a ON a.id = e.account_id LEFT JOIN account d ON d.id = e.decided_by
CROSS JOIN LATERAL (SELECT array_agg(w.name ORDER BY n.nr) AS worker_names, array_agg(o.path ORDER BY n.nr) AS org_paths, bool_and(o.path LIKE ANY ($2)) AS mine
  FROM unnest(e.workers) WITH ORDINALITY AS n(id, nr) JOIN worker w ON w.id = n.id JOIN org o ON o.id = w.org_id) p
WHERE (e.account_id = $1 OR p.mine) AND ($4::uuid IS NULL OR e.id = $4) AND ($5::timestamptz IS NULL OR (e.asked_at, e.id) < ($5, $6::uuid))
ORDER BY e.asked_at DESC, e.id DESC LIMIT $7`

// ExportFilter chooses from the exports.
type ExportFilter struct {
	Account  int64
	Approves []string // the scope in which the account lets exports go
	ID       *uuid.UUID
	BeforeAt *time.Time
	BeforeID *uuid.UUID
	Now      time.Time
	Limit    int
}

// TrackExports lists an account's exports and those it may decide on, newest first.
func TrackExports(ctx context.Context, q Querier, f ExportFilter) ([]TrackExport, error) {
	rows, err := q.Query(ctx, sqlTrackExports, f.Account, Under(f.Approves), f.Now, f.ID, f.BeforeAt, f.BeforeID, f.Limit)
	if err != nil {
		return nil, fmt.Errorf("list the exports of tracks: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[TrackExport])
	if err != nil {
		return nil, fmt.Errorf("list the exports of tracks: %w", err)
	}
	return list, nil
}

const sqlDecideTrackExport = `
UPDATE track_export SET state = $2, decided_at = $3, decided_by = $4, reason = $5, expires_at = GREATEST(expires_at, $6)
WHERE id = $1 AND state = 'waiting' AND expires_at > $3 AND account_id <> $4 RETURNING id`

// DecideTrackExport lets an export go, or refuses it, once.
func DecideTrackExport(ctx context.Context, q Querier, id uuid.UUID, state string, by int64, reason string, now, expires time.Time) error {
	err := q.QueryRow(ctx, sqlDecideTrackExport, id, state, now, by, reason, expires).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return fault.New(fault.Conflict, "这份导出申请已经处理过，或者已经过期")
	}
	if err != nil {
		return fmt.Errorf("decide on an export of tracks: %w", err)
	}
	return nil
}

const sqlTakeTrackExport = `UPDATE track_export SET taken = taken + 1, taken_at = $2 WHERE id = $1`

// TakeTrackExport records, in one transaction and before anything is read, that
// the file is fetched: in each worker's records, day by day, and in the audit.
func TakeTrackExport(ctx context.Context, db *DB, e TrackExport, others []int64, by Audit, now time.Time) error {
	return db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := WriteAccessRecords(ctx, tx, e.Account, others, "export", e.Purpose, e.From, e.To, by.IP); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, sqlTakeTrackExport, e.ID, now); err != nil {
			return fmt.Errorf("note that an export was fetched: %w", err)
		}
		return WriteAudit(ctx, tx, by)
	})
}
