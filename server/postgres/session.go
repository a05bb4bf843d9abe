package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/fleet"
)

// Turn is a change of a duty session, for the journal.
type Turn struct {
	Session fleet.Session
	Name    string // the worker's
	OrgName string
	Started bool // it is new, or late fixes reopened it; else it ended
	Auto    bool // nobody said so: closed by silence or time, or reopened
	At      time.Time
}

const sessionColumns = `s.id, s.region_id, s.worker_id, s.org_id, o.path, COALESCE(s.device_id, 0), s.purpose, s.started_at, s.ended_at, s.auto_closed, COALESCE(s.covers_until, s.started_at), s.consent_version, w.name, o.name`

const sqlPutSession = `
WITH s AS (
  INSERT INTO duty_session AS d (id, region_id, worker_id, org_id, device_id, purpose, started_at, ended_at, consent_version, source)
  VALUES ($1, $2, $3, $4, NULLIF($5::bigint, 0), $6, $7, $8, $9, $10)
  ON CONFLICT (id) DO UPDATE SET ended_at = excluded.ended_at, auto_closed = false, covers_until = NULL
    WHERE d.worker_id = excluded.worker_id AND excluded.ended_at >= d.started_at AND (d.ended_at IS NULL OR d.auto_closed)
  RETURNING *, xmax = 0 AS inserted
)
SELECT ` + sessionColumns + `, s.inserted FROM s JOIN org o ON o.id = s.org_id JOIN worker w ON w.id = s.worker_id`

const sqlSupersedeSessions = `
WITH s AS (
  UPDATE duty_session SET ended_at = GREATEST(started_at, $3), auto_closed = true, covers_until = GREATEST(started_at, $3)
  WHERE worker_id = $1 AND id <> $2 AND ended_at IS NULL AND started_at <= $3 RETURNING *
)
SELECT ` + sessionColumns + ` FROM s JOIN org o ON o.id = s.org_id JOIN worker w ON w.id = s.worker_id`

const sqlLeaveStays = `UPDATE grid_presence SET left_at = last_at, next_grid_id = NULL, next_version = NULL, next_since = NULL, next_fixes = NULL
WHERE region_id = $1 AND worker_id = $2 AND left_at IS NULL`

// PutSession records the start or the end of a session, as often as it is
// said, and returns what that changed. The first explicit end holds; it also
// replaces an automatic one. A new open session closes the worker's others.
func PutSession(ctx context.Context, tx pgx.Tx, s fleet.Session, source string) ([]Turn, error) {
	var inserted bool
	t, err := scanTurn(tx.QueryRow(ctx, sqlPutSession, s.ID, s.Region, s.Worker, s.Org, s.Device, s.Purpose, s.StartedAt, s.EndedAt, s.Consent, source), &inserted)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil // known already, or somebody else's id
	}
	if err != nil {
		return nil, fmt.Errorf("record the session: %w", err)
	}
	var turns []Turn
	if inserted && s.EndedAt == nil {
		rows, err := tx.Query(ctx, sqlSupersedeSessions, s.Worker, s.ID, s.StartedAt)
		if err != nil {
			return nil, fmt.Errorf("close the worker's other sessions: %w", err)
		}
		turns, err = collectTurns(rows)
		if err != nil {
			return nil, fmt.Errorf("close the worker's other sessions: %w", err)
		}
		for i := range turns {
			turns[i].Auto, turns[i].At = true, *turns[i].Session.EndedAt
		}
	}
	if inserted {
		start := t
		start.Started, start.At = true, s.StartedAt
		turns = append(turns, start)
	}
	if s.EndedAt != nil {
		t.At = *s.EndedAt
		turns = append(turns, t)
	}
	return turns, nil
}

func scanTurn(row pgx.Row, more ...any) (t Turn, err error) {
	s := &t.Session
	err = row.Scan(append([]any{&s.ID, &s.Region, &s.Worker, &s.Org, &s.OrgPath, &s.Device, &s.Purpose, &s.StartedAt, &s.EndedAt, &s.AutoClosed, &s.Limit, &s.Consent, &t.Name, &t.OrgName}, more...)...)
	return t, err
}

func collectTurns(rows pgx.Rows) ([]Turn, error) {
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (Turn, error) { return scanTurn(row) })
}

const sqlReopenSessions = `
WITH s AS (
  UPDATE duty_session d SET ended_at = NULL, auto_closed = false, covers_until = NULL
  WHERE d.id = ANY ($1) AND d.auto_closed AND NOT EXISTS (SELECT FROM duty_session n WHERE n.worker_id = d.worker_id AND n.started_at > d.started_at) RETURNING d.*
)
SELECT ` + sessionColumns + ` FROM s JOIN org o ON o.id = s.org_id JOIN worker w ON w.id = s.worker_id`

// ReopenSessions takes back automatic closes that late fixes have disproved.
func ReopenSessions(ctx context.Context, tx pgx.Tx, ids []uuid.UUID, at time.Time) ([]Turn, error) {
	rows, err := tx.Query(ctx, sqlReopenSessions, ids)
	if err != nil {
		return nil, fmt.Errorf("reopen sessions: %w", err)
	}
	turns, err := collectTurns(rows)
	if err != nil {
		return nil, fmt.Errorf("reopen sessions: %w", err)
	}
	for i := range turns {
		turns[i].Started, turns[i].Auto, turns[i].At = true, true, at
	}
	return turns, nil
}

// Cover is what may make a fix of a worker storable.
type Cover struct {
	Sessions []fleet.Session // latest start first
	Shifts   []ShiftCover
	SOS      time.Time // of an SOS that is not closed; zero = none
}

// ShiftCover is one imported shift.
type ShiftCover struct {
	Org     int64
	OrgPath string
	From    time.Time
	To      time.Time
}

const sqlCoverSessions = `
SELECT ` + sessionColumns + ` FROM duty_session s JOIN org o ON o.id = s.org_id JOIN worker w ON w.id = s.worker_id
WHERE s.worker_id = ANY ($1) AND s.started_at <= $3 AND (s.ended_at IS NULL OR s.ended_at >= $2 OR s.covers_until >= $2) ORDER BY s.started_at DESC`

const sqlCoverShifts = `
SELECT s.worker_id, s.org_id, o.path, s.starts_at, s.ends_at FROM shift s JOIN org o ON o.id = s.org_id
WHERE s.worker_id = ANY ($1) AND s.starts_at <= $3 AND s.ends_at >= $2`

const sqlCoverSOS = `SELECT worker_id, at FROM sos WHERE worker_id = ANY ($1) AND state <> 'closed'`

// LoadCover returns what covers the workers' fixes between two instants.
func LoadCover(ctx context.Context, tx pgx.Tx, workers []int64, from, to time.Time) (map[int64]*Cover, error) {
	covers := make(map[int64]*Cover, len(workers))
	of := func(worker int64) *Cover {
		c := covers[worker]
		if c == nil {
			c = &Cover{}
			covers[worker] = c
		}
		return c
	}
	var b pgx.Batch
	b.Queue(sqlCoverSessions, workers, from, to).Query(func(rows pgx.Rows) error {
		turns, err := collectTurns(rows)
		for _, t := range turns {
			c := of(t.Session.Worker)
			c.Sessions = append(c.Sessions, t.Session)
		}
		return err
	})
	b.Queue(sqlCoverShifts, workers, from, to).Query(func(rows pgx.Rows) error {
		var worker int64
		var s ShiftCover
		_, err := pgx.ForEachRow(rows, []any{&worker, &s.Org, &s.OrgPath, &s.From, &s.To}, func() error {
			c := of(worker)
			c.Shifts = append(c.Shifts, s)
			return nil
		})
		return err
	})
	b.Queue(sqlCoverSOS, workers).Query(func(rows pgx.Rows) error {
		var worker int64
		var at time.Time
		_, err := pgx.ForEachRow(rows, []any{&worker, &at}, func() error {
			of(worker).SOS = at
			return nil
		})
		return err
	})
	if err := tx.SendBatch(ctx, &b).Close(); err != nil {
		return nil, fmt.Errorf("read who is on duty: %w", err)
	}
	return covers, nil
}

const sqlCloseStaleSessions = `
WITH open AS (
  SELECT d.id, d.started_at, h.heard, h.fix_at, LEAST(d.started_at + make_interval(secs => $3), sh.until) AS until
  FROM duty_session d
  LEFT JOIN LATERAL (SELECT max(e.at) AS heard, max(e.fix_at) AS fix_at FROM device v JOIN device_seen e ON e.device_id = v.id WHERE v.worker_id = d.worker_id AND e.fix_at >= d.started_at) h ON true
  LEFT JOIN LATERAL (SELECT max(ends_at) + interval '2 hours' AS until FROM shift WHERE worker_id = d.worker_id AND starts_at <= d.started_at + interval '1 hour' AND ends_at >= d.started_at) sh ON true
  WHERE d.ended_at IS NULL FOR UPDATE OF d SKIP LOCKED
), s AS (
  UPDATE duty_session d SET auto_closed = true, covers_until = open.until,
    ended_at = GREATEST(d.started_at, CASE WHEN open.until < $1 THEN open.until ELSE LEAST(open.fix_at, open.until) END)
  FROM open WHERE d.id = open.id AND (open.until < $1 OR GREATEST(open.heard, d.created_at) < $1 - make_interval(secs => $2)) RETURNING d.*
)
SELECT ` + sessionColumns + ` FROM s JOIN org o ON o.id = s.org_id JOIN worker w ON w.id = s.worker_id`

// CloseStaleSessions closes, provisionally, the sessions of which nothing was
// heard for silence, and those that outlast their shift by two hours or the
// longest duty.
func CloseStaleSessions(ctx context.Context, tx pgx.Tx, now time.Time, silence time.Duration) ([]Turn, error) {
	rows, err := tx.Query(ctx, sqlCloseStaleSessions, now, silence.Seconds(), fleet.LongestDuty.Seconds())
	if err != nil {
		return nil, fmt.Errorf("close stale sessions: %w", err)
	}
	turns, err := collectTurns(rows)
	if err != nil {
		return nil, fmt.Errorf("close stale sessions: %w", err)
	}
	for i := range turns {
		s := &turns[i].Session
		turns[i].Auto, turns[i].At = true, *s.EndedAt
		if _, err := tx.Exec(ctx, sqlLeaveStays, s.Region, s.Worker); err != nil {
			return nil, fmt.Errorf("close the worker's stay: %w", err)
		}
	}
	return turns, nil
}

const sqlOpenSession = `
SELECT ` + sessionColumns + ` FROM duty_session s JOIN org o ON o.id = s.org_id JOIN worker w ON w.id = s.worker_id
WHERE s.worker_id = $1 AND s.ended_at IS NULL ORDER BY s.started_at DESC LIMIT 1`

// OpenSession returns the worker's open session, if there is one.
func OpenSession(ctx context.Context, q Querier, worker int64) (fleet.Session, bool, error) {
	t, err := scanTurn(q.QueryRow(ctx, sqlOpenSession, worker))
	if errors.Is(err, pgx.ErrNoRows) {
		return fleet.Session{}, false, nil
	}
	if err != nil {
		return fleet.Session{}, false, fmt.Errorf("read the open session: %w", err)
	}
	return t.Session, true, nil
}
