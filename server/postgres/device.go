package postgres

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/fleet"
)

const deviceColumns = `d.id, d.region_id, d.worker_id, w.org_id, o.path, w.kind = 'vehicle', d.ident, d.protocol, d.duty, d.crs, d.zone, d.speed_unit, d.interval_s, d.priority, COALESCE(d.settings ->> 'owntracks_key', '')`

const fromDevice = ` FROM device d JOIN worker w ON w.id = d.worker_id JOIN org o ON o.id = w.org_id`

const sqlDeviceByToken = `SELECT ` + deviceColumns + fromDevice + ` JOIN credential c ON c.device_id = d.id
WHERE c.hash = $1 AND c.kind = 'device' AND c.revoked_at IS NULL AND (c.expires_at IS NULL OR c.expires_at > $2) AND d.status = 'active' AND w.status = 'active'`

const sqlDeviceByID = `SELECT ` + deviceColumns + fromDevice + ` WHERE d.id = $1`

// HashToken is how a device's token is stored and looked up.
func HashToken(token string) [32]byte { return sha256.Sum256([]byte(token)) }

// DeviceByToken returns the device that the token stands for, and its secret for
// encrypted messages; ok is false when the token is unknown, expired or revoked.
func DeviceByToken(ctx context.Context, q Querier, hash [32]byte, now time.Time) (d fleet.Device, key string, ok bool, err error) {
	d, key, err = scanDevice(q.QueryRow(ctx, sqlDeviceByToken, hash[:], now))
	if errors.Is(err, pgx.ErrNoRows) {
		return fleet.Device{}, "", false, nil
	}
	return d, key, err == nil, err
}

// DeviceByID returns a device, also a revoked one, and its secret for encrypted messages.
func DeviceByID(ctx context.Context, q Querier, id int64) (fleet.Device, string, error) {
	d, key, err := scanDevice(q.QueryRow(ctx, sqlDeviceByID, id))
	if errors.Is(err, pgx.ErrNoRows) {
		return d, "", fault.New(fault.Missing, "没有这台设备")
	}
	return d, key, err
}

func scanDevice(row pgx.Row) (d fleet.Device, key string, err error) {
	var seconds int32
	err = row.Scan(&d.ID, &d.Region, &d.Worker, &d.Org, &d.OrgPath, &d.Vehicle, &d.Ident, &d.Protocol, &d.Duty, &d.CRS, &d.Zone, &d.SpeedUnit, &seconds, &d.Priority, &key)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		err = fmt.Errorf("read the device: %w", err)
	}
	d.Interval = time.Duration(seconds) * time.Second
	return d, key, err
}

const sqlPageDevice = `
INSERT INTO device (region_id, worker_id, ident, name, protocol, duty, interval_s)
SELECT region_id, id, 'page-' || id, '网页', 'native', 'session', 15 FROM worker WHERE id = $1 AND status = 'active' AND kind = 'person'
ON CONFLICT (ident) DO NOTHING`

const sqlPageDeviceID = `SELECT ` + deviceColumns + fromDevice + ` WHERE d.ident = 'page-' || $1::bigint AND d.worker_id = $1 AND d.status = 'active' AND w.status = 'active'`

// PageDevice returns the device that stands for a worker's own browser, made
// when it is first asked for. It has no token: the worker's session speaks for it.
func PageDevice(ctx context.Context, q Querier, worker int64) (fleet.Device, error) {
	d, _, err := scanDevice(q.QueryRow(ctx, sqlPageDeviceID, worker))
	if errors.Is(err, pgx.ErrNoRows) {
		if _, err := q.Exec(ctx, sqlPageDevice, worker); err != nil {
			return d, fmt.Errorf("make the worker's own device: %w", err)
		}
		d, _, err = scanDevice(q.QueryRow(ctx, sqlPageDeviceID, worker))
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return d, fault.New(fault.Denied, "这个账号没有对应的在册人员")
	}
	return d, err
}

// NewDevice is what is asked for when a device is registered.
type NewDevice struct {
	Worker    int64
	Ident     string // "" = one is made
	Name      string
	Protocol  string
	Duty      fleet.Duty
	CRS       fleet.CRS
	Zone      string
	SpeedUnit string
	Interval  time.Duration
	Priority  int16
}

// rotationOverlap is how long an old token stays good beside its successor.
const rotationOverlap = 24 * time.Hour

const sqlWorkerKind = `SELECT kind FROM worker WHERE id = $1 AND status = 'active'`

const sqlAddDevice = `
INSERT INTO device (region_id, worker_id, ident, name, protocol, duty, crs, zone, speed_unit, interval_s, priority)
SELECT region_id, id, $2, $3, $4, $5, $6, $7, $8, $9, $10 FROM worker WHERE id = $1 RETURNING id`

const sqlAddToken = `INSERT INTO credential (kind, hash, prefix, device_id, created_at) VALUES ('device', $1, $2, $3, $4)`

// AddDevice registers a device and returns its token, which is never to be had again.
func AddDevice(ctx context.Context, tx pgx.Tx, n NewDevice, now time.Time) (id int64, token string, err error) {
	var kind string
	if err := tx.QueryRow(ctx, sqlWorkerKind, n.Worker).Scan(&kind); errors.Is(err, pgx.ErrNoRows) {
		return 0, "", fault.New(fault.Missing, "没有这个人员或车辆")
	} else if err != nil {
		return 0, "", fmt.Errorf("read the worker: %w", err)
	}
	if n.Duty == fleet.DutyAlways && kind != "vehicle" {
		return 0, "", fault.New(fault.Invalid, "“全时”只适用于车辆；人员的设备只在在岗或排班时段内记录位置")
	}
	if _, err := time.LoadLocation(n.Zone); err != nil {
		return 0, "", fault.New(fault.Invalid, "时区 %q 无法识别", n.Zone)
	}
	if n.Zone == "" {
		n.Zone = "Asia/Shanghai"
	}
	if n.Ident == "" {
		n.Ident = n.Protocol + "-" + randomText(6)
	}
	if n.Interval < time.Second {
		n.Interval = 30 * time.Second
	}
	err = tx.QueryRow(ctx, sqlAddDevice, n.Worker, n.Ident, n.Name, n.Protocol, string(n.Duty), string(n.CRS), n.Zone, n.SpeedUnit, int32(n.Interval/time.Second), n.Priority).Scan(&id)
	if Violates(err, "device_ident_key") {
		return 0, "", fault.New(fault.Conflict, "设备标识 %q 已被登记", n.Ident)
	}
	if err != nil {
		return 0, "", fmt.Errorf("register the device: %w", err)
	}
	token, err = addToken(ctx, tx, id, now)
	return id, token, err
}

func addToken(ctx context.Context, tx pgx.Tx, device int64, now time.Time) (string, error) {
	token := "gw_" + randomText(32)
	hash := HashToken(token)
	if _, err := tx.Exec(ctx, sqlAddToken, hash[:], token[:8], device, now); err != nil {
		return "", fmt.Errorf("store the device's token: %w", err)
	}
	return token, nil
}

// randomText is n random bytes, safe in a URL's path.
func randomText(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

const sqlDeviceActive = `SELECT id FROM device WHERE id = $1 AND status = 'active' FOR UPDATE`

const sqlExpireTokens = `UPDATE credential SET expires_at = LEAST(expires_at, $2) WHERE device_id = $1 AND kind = 'device' AND revoked_at IS NULL`

// RotateDevice gives the device a new token; the old ones stay good for a day,
// so that a phone in the field can be told in time.
func RotateDevice(ctx context.Context, tx pgx.Tx, id int64, now time.Time) (token string, err error) {
	if err := tx.QueryRow(ctx, sqlDeviceActive, id).Scan(&id); errors.Is(err, pgx.ErrNoRows) {
		return "", fault.New(fault.Missing, "没有这台设备，或者它已停用")
	} else if err != nil {
		return "", fmt.Errorf("lock the device: %w", err)
	}
	if _, err := tx.Exec(ctx, sqlExpireTokens, id, now.Add(rotationOverlap)); err != nil {
		return "", fmt.Errorf("let the old tokens expire: %w", err)
	}
	return addToken(ctx, tx, id, now)
}

const sqlRevokeDevice = `UPDATE device SET status = 'revoked' WHERE id = $1 AND status = 'active' RETURNING id`

const sqlRevokeTokens = `UPDATE credential SET revoked_at = $2 WHERE device_id = $1 AND kind = 'device' AND revoked_at IS NULL`

// RevokeDevice ends a device: none of its tokens is good any more.
func RevokeDevice(ctx context.Context, tx pgx.Tx, id int64, now time.Time) error {
	if err := tx.QueryRow(ctx, sqlRevokeDevice, id).Scan(&id); errors.Is(err, pgx.ErrNoRows) {
		return fault.New(fault.Missing, "没有这台设备，或者它已停用")
	} else if err != nil {
		return fmt.Errorf("revoke the device: %w", err)
	}
	if _, err := tx.Exec(ctx, sqlRevokeTokens, id, now); err != nil {
		return fmt.Errorf("revoke the device's tokens: %w", err)
	}
	return nil
}

// DeviceRow is a device as lists show it.
type DeviceRow struct {
	ID         int64      `json:"id"`
	Ident      string     `json:"ident"`
	Name       string     `json:"name"`
	Protocol   string     `json:"protocol"`
	Duty       string     `json:"duty"`
	CRS        string     `json:"crs"`
	IntervalS  int32      `json:"interval_s"`
	Worker     int64      `json:"worker"`
	WorkerName string     `json:"worker_name"`
	Org        int64      `json:"org"`
	OrgPath    string     `json:"-"`
	OrgName    string     `json:"org_name"`
	Status     string     `json:"status"`
	Prefix     string     `json:"prefix"` // of the newest token, to recognise it
	At         *time.Time `json:"at"`
	FixAt      *time.Time `json:"fix_at"`
	Battery    *int16     `json:"battery"`
	Client     string     `json:"client"`
	Fixes      int64      `json:"fixes"`
	Late       int64      `json:"late"`
	OffDuty    int64      `json:"off_duty"` // of the last seven days
}

// DeviceFilter chooses devices; empty fields choose everything.
type DeviceFilter struct {
	Scope    []string
	Q        string // part of ident, name, or the worker's name
	Status   string // active or revoked
	Protocol string
	Worker   int64
	After    int64 // id of the last one seen
	Limit    int
}

const deviceRowColumns = `
SELECT d.id, d.ident, d.name, d.protocol, d.duty, d.crs, d.interval_s, d.worker_id, w.name, w.org_id, o.path, o.name, d.status,
  COALESCE((SELECT c.prefix FROM credential c WHERE c.device_id = d.id AND c.revoked_at IS NULL ORDER BY c.id DESC LIMIT 1), ''),
  s.at, s.fix_at, s.battery, COALESCE(s.client, ''), COALESCE(s.fixes, 0), COALESCE(s.late, 0),
  COALESCE((SELECT sum(f.fixes) FROM off_duty_count f WHERE f.device_id = d.id AND f.day > current_date - 7), 0)::bigint
FROM device d JOIN worker w ON w.id = d.worker_id JOIN org o ON o.id = w.org_id LEFT JOIN device_seen s ON s.device_id = d.id`

const deviceRowWhere = ` WHERE o.path LIKE ANY ($1) AND ($2 = '' OR d.ident ILIKE $2 OR d.name ILIKE $2 OR w.name ILIKE $2 OR w.code ILIKE $2) AND ($3 = '' OR d.status = $3) AND ($4 = '' OR d.protocol = $4)
  AND ($5::bigint = 0 OR d.worker_id = $5)`

const sqlListDevices = deviceRowColumns + deviceRowWhere + ` AND d.id > $6 ORDER BY d.id LIMIT $7`

const sqlCountDevices = `SELECT count(*) FROM device d JOIN worker w ON w.id = d.worker_id JOIN org o ON o.id = w.org_id` + deviceRowWhere

// ListDevices returns the devices of the scope, by id, and how many there are in all.
func ListDevices(ctx context.Context, q Querier, f DeviceFilter) ([]DeviceRow, int64, error) {
	like := ""
	if f.Q != "" {
		like = "%" + likeText(f.Q) + "%"
	}
	args := []any{Under(f.Scope), like, f.Status, f.Protocol, f.Worker}
	var total int64
	if err := q.QueryRow(ctx, sqlCountDevices, args...).Scan(&total); err != nil {
		return nil, 0, fmt.Errorf("count devices: %w", err)
	}
	rows, err := q.Query(ctx, sqlListDevices, append(args, f.After, max(1, min(f.Limit, 1000)))...)
	if err != nil {
		return nil, 0, fmt.Errorf("list devices: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[DeviceRow])
	if err != nil {
		return nil, 0, fmt.Errorf("list devices: %w", err)
	}
	return list, total, nil
}
