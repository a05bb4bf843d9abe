package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/fault"
)

// Playback is leave to read some workers' tracks for a while (轨迹回放).
type Playback struct {
	ID                   uuid.UUID
	Account              int64
	Credential           int64 // the session that asked; no other may read
	From, To             time.Time
	Purpose              string
	Workers              []int64
	CreatedAt, ExpiresAt time.Time
}

const sqlInsertPlayback = `
INSERT INTO playback (id, account_id, credential_id, from_at, to_at, purpose, workers, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`

const sqlInsertAccessRecords = `
INSERT INTO access_record (account_id, worker_id, what, purpose, day, ip)
SELECT $1, w, $3, $4, d, $6 FROM unnest($2::bigint[]) w CROSS JOIN unnest($5::date[]) d ORDER BY d, w`

// WriteAccessRecords notes that an account looks at several workers' days, and why.
func WriteAccessRecords(ctx context.Context, q Querier, account int64, workers []int64, what, purpose string, from, to time.Time, ip string) error {
	var days []time.Time
	for d := BusinessDay(from); d.Before(to); d = d.Add(dayLong) {
		days = append(days, dayDate(d))
	}
	if _, err := q.Exec(ctx, sqlInsertAccessRecords, account, workers, what, purpose, days, ip); err != nil {
		return fmt.Errorf("write the access records: %w", err)
	}
	return nil
}

// StartPlayback keeps a playback and, in the same transaction, one record for
// each worker other than the caller's own.
func StartPlayback(ctx context.Context, db *DB, p Playback, others []int64, ip string) error {
	return db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := WriteAccessRecords(ctx, tx, p.Account, others, "playback", p.Purpose, p.From, p.To, ip); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, sqlInsertPlayback, p.ID, p.Account, p.Credential, p.From, p.To, p.Purpose, p.Workers, p.CreatedAt, p.ExpiresAt); err != nil {
			return fmt.Errorf("start a playback: %w", err)
		}
		return nil
	})
}

const sqlPlayback = `
SELECT id, account_id, credential_id, from_at, to_at, purpose, workers, created_at, expires_at FROM playback
WHERE id = $1 AND account_id = $2 AND credential_id = $3 AND expires_at > $4`

// PlaybackOf returns a playback of this account's session while it lasts.
func PlaybackOf(ctx context.Context, q Querier, id uuid.UUID, account, credential int64, now time.Time) (p Playback, err error) {
	err = q.QueryRow(ctx, sqlPlayback, id, account, credential, now).Scan(&p.ID, &p.Account, &p.Credential, &p.From, &p.To, &p.Purpose, &p.Workers, &p.CreatedAt, &p.ExpiresAt)
	if errors.Is(err, pgx.ErrNoRows) {
		return p, fault.New(fault.Missing, "没有这次回放，或者已经过期，请重新打开")
	}
	if err != nil {
		return p, fmt.Errorf("read the playback: %w", err)
	}
	return p, nil
}

// PlayPerson is a worker whose track is asked for.
type PlayPerson struct {
	ID      int64
	Region  int64
	Name    string
	Role    string
	OrgName string
	OrgPath string
}

// PlayChoice says whose tracks are asked for: these workers, or those under an
// organisation, or of a grid, who were on duty at the time.
type PlayChoice struct {
	Scope    []string
	Workers  []int64
	Org      string // a path
	Grid     *int64
	From, To time.Time
	Limit    int
}

const sqlPlayPeople = `
SELECT w.id, w.region_id AS region, w.name, w.role, o.name AS org_name, o.path AS org_path
FROM worker w JOIN org o ON o.id = w.org_id
WHERE o.path LIKE ANY ($1) AND ($2::bigint[] IS NULL OR w.id = ANY ($2)) AND o.path LIKE $3 || '%'
  AND ($4::bigint IS NULL
    OR EXISTS (SELECT FROM grid_assignment a WHERE a.worker_id = w.id AND a.grid_id = $4 AND a.valid_from <= $7 AND COALESCE(a.valid_to, 'infinity') >= $7)
    OR EXISTS (SELECT FROM grid_presence p WHERE p.region_id = w.region_id AND p.worker_id = w.id AND p.grid_id = $4 AND p.entered_at < $6 AND COALESCE(p.left_at, p.last_at) >= $5))
  AND ($2 IS NOT NULL OR w.kind = 'vehicle'
    OR EXISTS (SELECT FROM duty_session d WHERE d.worker_id = w.id AND d.started_at < $6 AND COALESCE(d.ended_at, 'infinity') >= $5)
    OR EXISTS (SELECT FROM shift s WHERE s.worker_id = w.id AND s.starts_at < $6 AND s.ends_at >= $5)
    OR EXISTS (SELECT FROM sos s WHERE s.worker_id = w.id AND s.at >= $5::timestamptz - interval '2 hours' AND s.at < $6))
ORDER BY o.path, w.name, w.id LIMIT $8`

// PlayPeople lists the workers that are asked for and whose organisation lies in
// the scope, in the order of their numbers in a playback.
func PlayPeople(ctx context.Context, q Querier, c PlayChoice) ([]PlayPerson, error) {
	rows, err := q.Query(ctx, sqlPlayPeople, Under(c.Scope), c.Workers, c.Org, c.Grid, c.From, c.To, dayDate(c.From), c.Limit)
	if err != nil {
		return nil, fmt.Errorf("list whose tracks are asked for: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[PlayPerson])
	if err != nil {
		return nil, fmt.Errorf("list whose tracks are asked for: %w", err)
	}
	return list, nil
}

const sqlSessionPaths = `SELECT d.id, o.path FROM duty_session d JOIN org o ON o.id = d.org_id WHERE d.id = ANY ($1)`

const sqlHomePath = `SELECT o.path FROM worker w JOIN org o ON o.id = w.org_id WHERE w.id = $1`

// SeenTracks returns a worker's fixes of [from, to) as far as the scope covers
// the organisation that the duty was for; without a session, the worker's own.
func SeenTracks(ctx context.Context, q Querier, region, worker int64, from, to time.Time, scope []string) ([]Tracked, error) {
	list, err := tracks(ctx, q, region, worker, from, to)
	if err != nil || len(list) == 0 {
		return list, err
	}
	return seenTracks(ctx, q, worker, list, scope)
}

func seenTracks(ctx context.Context, q Querier, worker int64, list []Tracked, scope []string) ([]Tracked, error) {
	seen, err := seenSessions(ctx, q, worker, list, scope)
	if err != nil {
		return nil, err
	}
	kept := list[:0]
	for i := range list {
		if seen[list[i].Session] {
			kept = append(kept, list[i])
		}
	}
	return kept, nil
}

// seenSessions says of which of the sessions the scope covers the organisation;
// the zero session stands for none.
func seenSessions(ctx context.Context, q Querier, worker int64, list []Tracked, scope []string) (map[uuid.UUID]bool, error) {
	var home string
	if err := q.QueryRow(ctx, sqlHomePath, worker).Scan(&home); err != nil {
		return nil, fmt.Errorf("read the worker's organisation: %w", err)
	}
	// A session whose row is gone counts as none, as in every other reading.
	seen := map[uuid.UUID]bool{}
	var ids []uuid.UUID
	for i := range list {
		if s := list[i].Session; i == 0 || s != list[i-1].Session {
			seen[s] = access.Within(scope, home)
			ids = append(ids, s)
		}
	}
	rows, err := q.Query(ctx, sqlSessionPaths, ids)
	if err != nil {
		return nil, fmt.Errorf("read the sessions' organisations: %w", err)
	}
	var id uuid.UUID
	var path string
	if _, err := pgx.ForEachRow(rows, []any{&id, &path}, func() error { seen[id] = access.Within(scope, path); return nil }); err != nil {
		return nil, fmt.Errorf("read the sessions' organisations: %w", err)
	}
	return seen, nil
}
