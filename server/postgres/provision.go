package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Sender is a worker or vehicle that simulated or recorded positions are sent for.
type Sender struct {
	Worker  string // its code
	Grid    string // code of the grid it answers for or was spread to; "" = none
	Vehicle bool
	Claimed bool // somebody signs in as this worker
}

// Equipment is a device and its secret for one worker.
type Equipment struct {
	Worker   string // code
	Ident    string
	Name     string
	Protocol string
	Interval time.Duration
	Hash     [32]byte // SHA-256 of the token
	Prefix   string   // of the token, to recognise it in a list
}

const sqlEquipDevices = `
INSERT INTO device (region_id, worker_id, ident, name, protocol, duty, interval_s)
SELECT w.region_id, w.id, e.ident, e.name, e.protocol, CASE w.kind WHEN 'vehicle' THEN 'always' ELSE 'session' END, e.interval_s
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::int[]) e(worker, ident, name, protocol, interval_s) JOIN worker w ON w.code = e.worker
ON CONFLICT (ident) DO UPDATE SET protocol = EXCLUDED.protocol, duty = EXCLUDED.duty, interval_s = EXCLUDED.interval_s, status = 'active'
  WHERE device.worker_id = EXCLUDED.worker_id`

const sqlEquipRevoke = `
UPDATE credential c SET revoked_at = now() FROM device d
WHERE d.id = c.device_id AND c.kind = 'device' AND c.revoked_at IS NULL AND d.ident = ANY ($1::text[])`

const sqlEquipCredentials = `
INSERT INTO credential (kind, hash, prefix, device_id)
SELECT 'device', e.hash, e.prefix, d.id FROM unnest($1::text[], $2::bytea[], $3::text[]) e(ident, hash, prefix) JOIN device d ON d.ident = e.ident`

// Equip gives every worker of the list its device with a fresh credential. A
// device that is there already stays the same device; its older credentials end.
func Equip(ctx context.Context, q Querier, list []Equipment) error {
	n := len(list)
	workers, idents, names, protocols, prefixes := make([]string, n), make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	intervals, hashes := make([]int32, n), make([][]byte, n)
	for i, e := range list {
		workers[i], idents[i], names[i], protocols[i], prefixes[i] = e.Worker, e.Ident, e.Name, e.Protocol, e.Prefix
		intervals[i], hashes[i] = int32(max(1, e.Interval.Round(time.Second)/time.Second)), e.Hash[:]
	}
	tag, err := q.Exec(ctx, sqlEquipDevices, workers, idents, names, protocols, intervals)
	if err != nil {
		return fmt.Errorf("add %d devices: %w", n, err)
	}
	if int(tag.RowsAffected()) != n {
		return fmt.Errorf("add %d devices: %d of them belong to a worker that is not there, or to another", n, n-int(tag.RowsAffected()))
	}
	if _, err := q.Exec(ctx, sqlEquipRevoke, idents); err != nil {
		return fmt.Errorf("end the older credentials: %w", err)
	}
	if _, err := q.Exec(ctx, sqlEquipCredentials, idents, hashes, prefixes); err != nil {
		return fmt.Errorf("add %d credentials: %w", n, err)
	}
	return nil
}

const sqlFieldWorkers = `
SELECT w.code AS worker, COALESCE(a.code, '') AS grid, w.kind = 'vehicle' AS vehicle,
  EXISTS (SELECT FROM account c WHERE c.worker_id = w.id AND c.status = 'active') AS claimed
FROM worker w JOIN org r ON r.code = $1 AND r.valid_to IS NULL AND w.region_id = r.region_id
LEFT JOIN LATERAL (SELECT g.code FROM grid_assignment x JOIN grid g ON g.id = x.grid_id
  WHERE x.worker_id = w.id AND x.valid_to IS NULL ORDER BY x.is_primary DESC, g.code LIMIT 1) a ON true
WHERE w.status = 'active' AND w.role IN ('grid_worker', 'patrol_car') AND w.code NOT LIKE 'LT-%' AND w.code NOT LIKE 'replay-%'
ORDER BY w.code LIMIT $2`

// FieldWorkers lists up to limit active workers and vehicles of the region, by
// code, with the grid that each answers for.
func FieldWorkers(ctx context.Context, q Querier, regionCode string, limit int) ([]Sender, error) {
	rows, err := q.Query(ctx, sqlFieldWorkers, regionCode, limit)
	if err != nil {
		return nil, fmt.Errorf("list the workers of %s: %w", regionCode, err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[Sender])
	if err != nil {
		return nil, fmt.Errorf("list the workers of %s: %w", regionCode, err)
	}
	return list, nil
}

const sqlLoadWorkers = `
WITH place AS (
  SELECT g.region_id, g.org_id, g.code, row_number() OVER (ORDER BY g.code) - 1 AS nr, count(*) OVER () AS places
  FROM grid_now g JOIN org r ON r.code = $1 AND r.valid_to IS NULL AND g.region_id = r.region_id
  WHERE g.layer = 'operative' AND g.is_execution
), put AS (
  INSERT INTO worker (region_id, org_id, kind, role, code, name, pinyin)
  SELECT p.region_id, p.org_id, CASE WHEN i % 20 = 0 THEN 'vehicle' ELSE 'person' END, CASE WHEN i % 20 = 0 THEN 'patrol_car' ELSE 'grid_worker' END,
    'LT-' || lpad(i::text, 6, '0'), CASE WHEN i % 20 = 0 THEN '负载测试车' ELSE '负载测试' END || i, 'fzcs'
  FROM generate_series(1, $2::int) i JOIN place p ON p.nr = i % p.places
  ON CONFLICT (code) DO UPDATE SET status = 'active'
  RETURNING code, kind
)
SELECT put.code AS worker, p.code AS grid, put.kind = 'vehicle' AS vehicle, false AS claimed
FROM put JOIN place p ON p.nr = substr(put.code, 4)::int % p.places ORDER BY put.code`

// AddLoadWorkers makes sure that n workers named 负载测试 (load test) are
// there, one in twenty of them a car, spread over the region's grids.
func AddLoadWorkers(ctx context.Context, q Querier, regionCode string, n int) ([]Sender, error) {
	rows, err := q.Query(ctx, sqlLoadWorkers, regionCode, n)
	if err != nil {
		return nil, fmt.Errorf("add %d load workers: %w", n, err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[Sender])
	if err != nil {
		return nil, fmt.Errorf("add %d load workers: %w", n, err)
	}
	if len(list) != n {
		return nil, fmt.Errorf("add %d load workers: the organisation %s has no execution grids", n, regionCode)
	}
	return list, nil
}

const sqlOpenLoadSessions = `
INSERT INTO duty_session (id, region_id, worker_id, org_id, device_id, purpose, started_at, source)
SELECT gen_random_uuid(), w.region_id, w.id, w.org_id, d.id, 'patrol', $2, 'load'
FROM worker w JOIN device d ON d.worker_id = w.id
WHERE w.code LIKE 'LT-%' AND w.kind = 'person' AND d.ident = ANY ($1::text[])
  AND NOT EXISTS (SELECT FROM duty_session s WHERE s.worker_id = w.id AND s.ended_at IS NULL)`

// OpenLoadSessions puts load workers with these devices on duty, without the
// journal entries that real duty makes: ten thousand people do not come to
// work in one second.
func OpenLoadSessions(ctx context.Context, q Querier, idents []string, from time.Time) error {
	if _, err := q.Exec(ctx, sqlOpenLoadSessions, idents, from); err != nil {
		return fmt.Errorf("put load workers on duty: %w", err)
	}
	return nil
}

const sqlCloseLoadSessions = `UPDATE duty_session SET ended_at = GREATEST(started_at, $1::timestamptz) WHERE source = 'load' AND ended_at IS NULL`

const sqlRevokeLoad = `
UPDATE credential c SET revoked_at = $1 FROM device d JOIN worker w ON w.id = d.worker_id
WHERE d.id = c.device_id AND c.revoked_at IS NULL AND w.code LIKE 'LT-%'`

const sqlLoadWorkersLeave = `UPDATE worker SET status = 'left' WHERE code LIKE 'LT-%' AND status <> 'left'`

// RetireLoadWorkers ends the duty, the credentials and the service of every load worker.
func RetireLoadWorkers(ctx context.Context, q Querier, now time.Time) error {
	for _, sql := range []string{sqlCloseLoadSessions, sqlRevokeLoad} {
		if _, err := q.Exec(ctx, sql, now); err != nil {
			return fmt.Errorf("retire the load workers: %w", err)
		}
	}
	if _, err := q.Exec(ctx, sqlLoadWorkersLeave); err != nil {
		return fmt.Errorf("retire the load workers: %w", err)
	}
	return nil
}

const sqlReplayWorker = `
INSERT INTO worker (region_id, org_id, kind, role, code, name)
SELECT o.region_id, o.id, 'person', 'grid_worker', $2, $3 FROM org o WHERE o.code = $1 AND o.valid_to IS NULL
ON CONFLICT (code) DO UPDATE SET status = 'active' RETURNING id`

// AddReplayWorker makes sure that the organisation has a worker to replay a
// track as. Its code must begin with "replay-".
func AddReplayWorker(ctx context.Context, q Querier, orgCode, code, name string) error {
	var id int64
	err := q.QueryRow(ctx, sqlReplayWorker, orgCode, code, name).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("there is no organisation with the code %q", orgCode)
	}
	if err != nil {
		return fmt.Errorf("add the worker %s: %w", code, err)
	}
	return nil
}
