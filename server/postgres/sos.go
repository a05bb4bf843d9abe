package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/fault"
)

// SOS is a call for help (一键求助). A worker has one open at a time.
type SOS struct {
	ID         uuid.UUID  `json:"id"`
	Region     int64      `json:"region"`
	Worker     int64      `json:"worker"`
	WorkerCode string     `json:"worker_code"`
	Name       string     `json:"name"`
	Phone      string     `json:"phone,omitempty"`
	Org        int64      `json:"org"`
	OrgPath    string     `json:"-"`
	OrgName    string     `json:"org_name"`
	At         time.Time  `json:"at"`
	Point      *orb.Point `json:"point,omitempty"`
	State      string     `json:"state"`
	AckedAt    *time.Time `json:"acked_at,omitempty"`
	AckedBy    *int64     `json:"acked_by,omitempty"`
	ClosedAt   *time.Time `json:"closed_at,omitempty"`
	UnackedAt  *time.Time `json:"unacked_at,omitempty" doc:"when it was said that nobody had taken it within a minute"`
	Incident   *uuid.UUID `json:"incident,omitempty"`
}

const sqlInsertSOS = `
INSERT INTO sos (id, region_id, worker_id, device_id, at, geom) VALUES ($1, $2, $3, NULLIF($4::bigint, 0), $5, $6)
ON CONFLICT DO NOTHING`

// InsertSOS opens an SOS; ok is false when the worker has one open already, or this id is known.
func InsertSOS(ctx context.Context, q Querier, id uuid.UUID, region, worker, device int64, at time.Time, p *orb.Point) (ok bool, err error) {
	tag, err := q.Exec(ctx, sqlInsertSOS, id, region, worker, device, at, p)
	if err != nil {
		return false, fmt.Errorf("open the SOS: %w", err)
	}
	return tag.RowsAffected() == 1, nil
}

const sosColumns = `
SELECT s.id, s.region_id, s.worker_id, w.code, w.name, w.phone, w.org_id, o.path, o.name, s.at, s.geom, s.state, s.acked_at, s.acked_by, s.closed_at, s.unacked_at, s.incident_id
FROM sos s JOIN worker w ON w.id = s.worker_id JOIN org o ON o.id = w.org_id`

const sqlSOSByID = sosColumns + ` WHERE s.id = $1`

const sqlSOSByIDForUpdate = sosColumns + ` WHERE s.id = $1 FOR UPDATE OF s`

const sqlOpenSOSOf = sosColumns + ` WHERE s.worker_id = $1 AND s.state <> 'closed'`

const sqlOpenSOS = sosColumns + ` WHERE s.state <> 'closed' AND o.path LIKE ANY ($1) ORDER BY s.at DESC`

// SOSByID returns one SOS, locked until the transaction ends when lock is set.
func SOSByID(ctx context.Context, q Querier, id uuid.UUID, lock bool) (SOS, error) {
	sql := sqlSOSByID
	if lock {
		sql = sqlSOSByIDForUpdate
	}
	list, err := collectSOS(ctx, q, sql, id)
	if err == nil && len(list) == 0 {
		err = fault.New(fault.Missing, "没有这个求助，或者不在您的管辖范围")
	}
	if err != nil {
		return SOS{}, err
	}
	return list[0], nil
}

// OpenSOSOf returns the worker's open SOS, if any.
func OpenSOSOf(ctx context.Context, q Querier, worker int64) (SOS, bool, error) {
	list, err := collectSOS(ctx, q, sqlOpenSOSOf, worker)
	if err != nil || len(list) == 0 {
		return SOS{}, false, err
	}
	return list[0], true, nil
}

// OpenSOS returns every SOS of the scope that is not closed, newest first.
func OpenSOS(ctx context.Context, q Querier, scope []string) ([]SOS, error) {
	return collectSOS(ctx, q, sqlOpenSOS, Under(scope))
}

func collectSOS(ctx context.Context, q Querier, sql string, args ...any) ([]SOS, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("read SOS calls: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (s SOS, err error) {
		err = row.Scan(&s.ID, &s.Region, &s.Worker, &s.WorkerCode, &s.Name, &s.Phone, &s.Org, &s.OrgPath, &s.OrgName, &s.At, &s.Point, &s.State, &s.AckedAt, &s.AckedBy, &s.ClosedAt, &s.UnackedAt, &s.Incident)
		s.At = s.At.UTC()
		return s, err
	})
	if err != nil {
		return nil, fmt.Errorf("read SOS calls: %w", err)
	}
	return list, nil
}

const sqlLinkSOS = `UPDATE sos SET incident_id = $2 WHERE id = $1`

// LinkSOS notes the incident that an SOS became.
func LinkSOS(ctx context.Context, q Querier, id, incident uuid.UUID) error {
	if _, err := q.Exec(ctx, sqlLinkSOS, id, incident); err != nil {
		return fmt.Errorf("link the SOS: %w", err)
	}
	return nil
}

const sqlAckSOS = `UPDATE sos SET state = 'acked', acked_at = $2, acked_by = $3 WHERE id = $1 AND state = 'open'`

// AckSOS marks an open SOS as answered.
func AckSOS(ctx context.Context, q Querier, id uuid.UUID, by int64, now time.Time) error {
	if _, err := q.Exec(ctx, sqlAckSOS, id, now, by); err != nil {
		return fmt.Errorf("acknowledge the SOS: %w", err)
	}
	return nil
}

const sqlUnackedSOS = `UPDATE sos SET unacked_at = $2 WHERE id = $1 AND state = 'open' AND unacked_at IS NULL`

// UnackedSOS notes that nobody has taken an open SOS; ok is false when somebody
// has, or when it was noted before.
func UnackedSOS(ctx context.Context, q Querier, id uuid.UUID, now time.Time) (ok bool, err error) {
	tag, err := q.Exec(ctx, sqlUnackedSOS, id, now)
	if err != nil {
		return false, fmt.Errorf("note that nobody has taken the SOS: %w", err)
	}
	return tag.RowsAffected() == 1, nil
}

const sqlCloseSOS = `
UPDATE sos SET state = 'closed', closed_at = $2, closed_by = $3, acked_at = COALESCE(acked_at, $2), acked_by = COALESCE(acked_by, $3) WHERE id = $1 AND state <> 'closed'`

// CloseSOS ends an SOS.
func CloseSOS(ctx context.Context, q Querier, id uuid.UUID, by int64, now time.Time) error {
	if _, err := q.Exec(ctx, sqlCloseSOS, id, now, by); err != nil {
		return fmt.Errorf("close the SOS: %w", err)
	}
	return nil
}

// WorkerHome is where a worker belongs.
type WorkerHome struct {
	ID      int64
	Region  int64
	Org     int64
	OrgPath string
	OrgName string
	Name    string
}

const sqlWorkerHome = `SELECT w.id, w.region_id AS region, w.org_id AS org, o.path AS org_path, o.name AS org_name, w.name FROM worker w JOIN org o ON o.id = w.org_id WHERE w.id = $1`

// HomeOf returns where a worker belongs.
func HomeOf(ctx context.Context, q Querier, worker int64) (WorkerHome, error) {
	rows, err := q.Query(ctx, sqlWorkerHome, worker)
	if err != nil {
		return WorkerHome{}, fmt.Errorf("read the worker: %w", err)
	}
	w, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[WorkerHome])
	if errors.Is(err, pgx.ErrNoRows) {
		return w, fault.New(fault.Missing, "没有这个人员")
	}
	if err != nil {
		return w, fmt.Errorf("read the worker: %w", err)
	}
	return w, nil
}

const sqlSOSOver = sosColumns + ` WHERE s.worker_id = $1 AND s.state = 'closed' AND s.closed_at >= $2 ORDER BY s.closed_at DESC LIMIT 1`

// SOSOver returns the worker's last SOS if it was closed at or after the
// instant: what was called before belongs to it.
func SOSOver(ctx context.Context, q Querier, worker int64, at time.Time) (SOS, bool, error) {
	list, err := collectSOS(ctx, q, sqlSOSOver, worker, at)
	if err != nil || len(list) == 0 {
		return SOS{}, false, err
	}
	return list[0], true, nil
}

const sqlLastPoint = `SELECT geom FROM last_fix WHERE region_id = $1 AND worker_id = $2`

// LastPoint returns where the worker was last seen, nil if never.
func LastPoint(ctx context.Context, q Querier, region, worker int64) (*orb.Point, error) {
	var p *orb.Point
	err := q.QueryRow(ctx, sqlLastPoint, region, worker).Scan(&p)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return nil, fmt.Errorf("read the last place: %w", err)
	}
	return p, nil
}

const sqlAddParty = `INSERT INTO incident_party (incident_id, org_id, role) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`

// AddParty lets another organisation see the incident.
func AddParty(ctx context.Context, q Querier, incident uuid.UUID, org int64, role string) error {
	if _, err := q.Exec(ctx, sqlAddParty, incident, org, role); err != nil {
		return fmt.Errorf("add a party: %w", err)
	}
	return nil
}
