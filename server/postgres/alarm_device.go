package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/alarm"
	"github.com/gridward/gridward/server/fault"
)

// AlarmDevice is a device that raises alarms (报警设备): the row and the JSON.
type AlarmDevice struct {
	ID        int64           `json:"id"`
	Region    int64           `json:"region"`
	Org       int64           `json:"org"`
	OrgPath   string          `json:"-"`
	OrgName   string          `json:"org_name"`
	Grid      *int64          `json:"grid,omitempty"`
	GridName  string          `json:"grid_name,omitempty"`
	Ident     string          `json:"ident"`
	Name      string          `json:"name"`
	Kind      alarm.Kind      `json:"kind"`
	Protocol  string          `json:"protocol"`
	Place     string          `json:"place,omitempty"`
	Point     orb.Point       `json:"point"`
	Contact   string          `json:"contact,omitempty"`
	Phone     string          `json:"phone,omitempty"`
	Mode      alarm.Mode      `json:"mode"`
	Schedule  []alarm.Window  `json:"schedule"`
	IntervalS int32           `json:"interval_s" doc:"silent for longer is an alarm of its own; 0: it speaks only when it has to"`
	LastSeen  *time.Time      `json:"last_seen,omitempty"`
	Health    string          `json:"health"`
	Battery   *int16          `json:"battery,omitempty"`
	Settings  json.RawMessage `json:"settings,omitempty"`
	Status    string          `json:"status"`
	Version   int32           `json:"version"`
	ArmedNow  bool            `json:"armed_now" doc:"by its mode and schedule, at this moment"`
	FalseRate alarm.Rate      `json:"false_rate" doc:"误报率 of the last 90 days"`
}

const alarmDeviceColumns = `
SELECT d.id, d.region_id, d.org_id, o.path, o.name, d.grid_id, COALESCE(g.name, ''), d.ident, d.name, d.kind, d.protocol, d.place, d.geom, d.contact, d.phone, d.mode, d.schedule,
  d.interval_s, d.last_seen, d.health, d.battery, d.settings, d.status, d.version
FROM alarm_device d JOIN org o ON o.id = d.org_id LEFT JOIN grid_version g ON g.grid_id = d.grid_id AND g.valid_to IS NULL`

func scanAlarmDevice(row pgx.CollectableRow) (d AlarmDevice, err error) {
	err = row.Scan(&d.ID, &d.Region, &d.Org, &d.OrgPath, &d.OrgName, &d.Grid, &d.GridName, &d.Ident, &d.Name, &d.Kind, &d.Protocol, &d.Place, &d.Point, &d.Contact, &d.Phone, &d.Mode, &d.Schedule,
		&d.IntervalS, &d.LastSeen, &d.Health, &d.Battery, &d.Settings, &d.Status, &d.Version)
	if d.LastSeen != nil {
		*d.LastSeen = d.LastSeen.UTC()
	}
	return d, err
}

func collectAlarmDevices(ctx context.Context, q Querier, sql string, args ...any) ([]AlarmDevice, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("read alarm devices: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanAlarmDevice)
	if err != nil {
		return nil, fmt.Errorf("read alarm devices: %w", err)
	}
	return list, nil
}

// AlarmDeviceFilter narrows the list of alarm devices.
type AlarmDeviceFilter struct {
	Scope  []string
	Query  string
	Kind   string
	Mode   string
	Health string
	Org    *int64
	After  int64
	Limit  int
}

const sqlListAlarmDevices = alarmDeviceColumns + `
WHERE o.path LIKE ANY ($1) AND ($2 = '' OR d.ident ILIKE $2 || '%' OR d.name ILIKE '%' || $2 || '%' OR d.place ILIKE '%' || $2 || '%') AND ($3 = '' OR d.kind = $3) AND ($4 = '' OR d.mode = $4)
  AND ($5 = '' OR d.health = $5) AND ($6::bigint IS NULL OR o.path LIKE (SELECT path FROM org WHERE id = $6) || '%') AND d.status = 'active' AND d.id > $7
ORDER BY d.id LIMIT $8`

// ListAlarmDevices returns a page of devices in the order in which they were added.
func ListAlarmDevices(ctx context.Context, q Querier, f AlarmDeviceFilter) ([]AlarmDevice, error) {
	return collectAlarmDevices(ctx, q, sqlListAlarmDevices, Under(f.Scope), likeText(f.Query), f.Kind, f.Mode, f.Health, f.Org, f.After, f.Limit)
}

const sqlAlarmDeviceByID = alarmDeviceColumns + ` WHERE d.id = $1`

const sqlAlarmDeviceLocked = alarmDeviceColumns + ` WHERE d.id = $1 FOR UPDATE OF d`

// AlarmDeviceByID returns one device, whoever asks, locked until the
// transaction ends when lock is set.
func AlarmDeviceByID(ctx context.Context, q Querier, id int64, lock bool) (AlarmDevice, error) {
	sql := sqlAlarmDeviceByID
	if lock {
		sql = sqlAlarmDeviceLocked
	}
	list, err := collectAlarmDevices(ctx, q, sql, id)
	if err == nil && len(list) == 0 {
		err = fault.New(fault.Missing, "没有这个报警设备，或者不在您的管辖范围")
	}
	if err != nil {
		return AlarmDevice{}, err
	}
	return list[0], nil
}

const sqlLockAlarmDevices = alarmDeviceColumns + ` WHERE d.ident = ANY ($1) AND o.path LIKE $2 || '%' AND d.status = 'active' ORDER BY d.id FOR UPDATE OF d`

// LockAlarmDevices locks the named devices of an organisation and those below
// it, in ascending order, and returns those that there are by their names.
func LockAlarmDevices(ctx context.Context, tx pgx.Tx, idents []string, orgPath string) (map[string]AlarmDevice, error) {
	list, err := collectAlarmDevices(ctx, tx, sqlLockAlarmDevices, idents, orgPath)
	if err != nil {
		return nil, err
	}
	by := make(map[string]AlarmDevice, len(list))
	for _, d := range list {
		by[d.Ident] = d
	}
	return by, nil
}

const sqlAddAlarmDevice = `
INSERT INTO alarm_device (region_id, org_id, grid_id, ident, name, kind, protocol, place, geom, contact, phone, mode, schedule, interval_s, settings)
SELECT o.region_id, o.id, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14 FROM org o WHERE o.id = $1
ON CONFLICT (ident) DO NOTHING RETURNING id`

// AddAlarmDevice stores a new device and returns its id.
func AddAlarmDevice(ctx context.Context, q Querier, d AlarmDevice) (id int64, err error) {
	d = d.filled()
	err = q.QueryRow(ctx, sqlAddAlarmDevice, d.Org, d.Grid, d.Ident, d.Name, d.Kind, d.Protocol, d.Place, d.Point, d.Contact, d.Phone, d.Mode, d.Schedule, d.IntervalS, d.Settings).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, fault.New(fault.Conflict, "设备编号 %s 已登记", d.Ident).At("ident")
	}
	if err != nil {
		return 0, fmt.Errorf("add the alarm device: %w", err)
	}
	return id, nil
}

func (d AlarmDevice) filled() AlarmDevice {
	if d.Schedule == nil {
		d.Schedule = []alarm.Window{}
	}
	if len(d.Settings) == 0 {
		d.Settings = json.RawMessage("{}")
	}
	return d
}

const sqlSetAlarmDevice = `
UPDATE alarm_device SET org_id = $2, region_id = (SELECT region_id FROM org WHERE id = $2), grid_id = $3, name = $4, kind = $5, protocol = $6, place = $7, geom = $8, contact = $9, phone = $10,
  schedule = $11, interval_s = $12, settings = $13, status = $14, version = version + 1 WHERE id = $1 AND version = $15`

// SetAlarmDevice changes everything about a device but its ident and mode; it
// must still have the version that was read.
func SetAlarmDevice(ctx context.Context, q Querier, d AlarmDevice) error {
	d = d.filled()
	tag, err := q.Exec(ctx, sqlSetAlarmDevice, d.ID, d.Org, d.Grid, d.Name, d.Kind, d.Protocol, d.Place, d.Point, d.Contact, d.Phone, d.Schedule, d.IntervalS, d.Settings, d.Status, d.Version)
	if err != nil {
		return fmt.Errorf("change the alarm device: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return fault.New(fault.Conflict, "这个设备刚被其他人修改，请刷新后再试")
	}
	return nil
}

const sqlArmDevice = `UPDATE alarm_device SET mode = $2, version = version + 1 WHERE id = $1`

// ArmDevice sets a device's mode.
func ArmDevice(ctx context.Context, q Querier, id int64, mode alarm.Mode) error {
	if _, err := q.Exec(ctx, sqlArmDevice, id, mode); err != nil {
		return fmt.Errorf("arm the device: %w", err)
	}
	return nil
}

const sqlSeeDevice = `
UPDATE alarm_device SET last_seen = GREATEST(last_seen, $2), health = $3, battery = COALESCE($4, battery) WHERE id = $1`

// SeeDevice notes that a device was heard of, and how it is.
func SeeDevice(ctx context.Context, q Querier, id int64, at time.Time, health string, battery *int16) error {
	if _, err := q.Exec(ctx, sqlSeeDevice, id, at, health, battery); err != nil {
		return fmt.Errorf("note that the device was heard: %w", err)
	}
	return nil
}

const sqlSilentDevices = `
SELECT id FROM alarm_device WHERE interval_s > 0 AND status = 'active' AND health <> 'offline'
  AND GREATEST(last_seen, $2) < $1::timestamptz - interval_s * interval '1 second' AND last_seen IS NOT NULL ORDER BY id LIMIT 500`

// SilentDevices lists devices that were silent for longer than their interval,
// since the instant when somebody began to listen, and are not known to be offline.
func SilentDevices(ctx context.Context, q Querier, now, since time.Time) ([]int64, error) {
	rows, err := q.Query(ctx, sqlSilentDevices, now, since)
	if err != nil {
		return nil, fmt.Errorf("list silent devices: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, fmt.Errorf("list silent devices: %w", err)
	}
	return ids, nil
}

const sqlSetHealth = `UPDATE alarm_device SET health = $2 WHERE id = $1`

// SetHealth sets how a device is.
func SetHealth(ctx context.Context, q Querier, id int64, health string) error {
	if _, err := q.Exec(ctx, sqlSetHealth, id, health); err != nil {
		return fmt.Errorf("set the device's health: %w", err)
	}
	return nil
}

const sqlFalseCounts = `
SELECT device_id, state, count(*)::int FROM alarm_event WHERE device_id = ANY ($1) AND at >= $2 AND class = 'alarm' AND NOT quiet GROUP BY 1, 2`

// FalseRates returns the devices' rates of false alarms since an instant.
func FalseRates(ctx context.Context, q Querier, devices []int64, since time.Time) (map[int64]alarm.Rate, error) {
	rows, err := q.Query(ctx, sqlFalseCounts, devices, since)
	if err != nil {
		return nil, fmt.Errorf("count false alarms: %w", err)
	}
	counts := map[int64]map[alarm.State]int{}
	var (
		device int64
		state  alarm.State
		n      int
	)
	_, err = pgx.ForEachRow(rows, []any{&device, &state, &n}, func() error {
		if counts[device] == nil {
			counts[device] = map[alarm.State]int{}
		}
		counts[device][state] = n
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("count false alarms: %w", err)
	}
	rates := make(map[int64]alarm.Rate, len(counts))
	for id, by := range counts {
		rates[id] = alarm.FalseRate(by)
	}
	return rates, nil
}

// AlarmSource is a system that hands us alarms.
type AlarmSource struct {
	ID       int64         `json:"id"`
	Region   int64         `json:"region"`
	Org      int64         `json:"org"`
	OrgPath  string        `json:"-"`
	OrgName  string        `json:"org_name"`
	Name     string        `json:"name" doc:"stands in the webhook's address"`
	Kind     string        `json:"kind" enum:"webhook,mqtt"`
	Note     string        `json:"note,omitempty"`
	Secret   []byte        `json:"-"`
	CIDR     *netip.Prefix `json:"cidr,omitempty"`
	Enabled  bool          `json:"enabled"`
	LastSeen *time.Time    `json:"last_seen,omitempty"`
	Set      bool          `json:"secret_set" doc:"whether it has a secret, which is never told again"`
}

const alarmSourceColumns = `
SELECT s.id, s.region_id, s.org_id, o.path, o.name, s.name, s.kind, s.note, s.secret, s.cidr, s.enabled, s.last_seen, octet_length(s.secret) > 0 FROM alarm_source s JOIN org o ON o.id = s.org_id`

const sqlListAlarmSources = alarmSourceColumns + ` WHERE o.path LIKE ANY ($1) ORDER BY s.name`

const sqlAlarmSourceByName = alarmSourceColumns + ` WHERE s.name = $1`

const sqlAlarmSourceByID = alarmSourceColumns + ` WHERE s.id = $1`

// ListAlarmSources returns the sources of the scope.
func ListAlarmSources(ctx context.Context, q Querier, scope []string) ([]AlarmSource, error) {
	return collectAlarmSources(ctx, q, sqlListAlarmSources, Under(scope))
}

// AlarmSourceByName finds a source, enabled or not.
func AlarmSourceByName(ctx context.Context, q Querier, name string) (AlarmSource, bool, error) {
	list, err := collectAlarmSources(ctx, q, sqlAlarmSourceByName, name)
	if err != nil || len(list) == 0 {
		return AlarmSource{}, false, err
	}
	return list[0], true, nil
}

// AlarmSourceByID returns one source, whoever asks.
func AlarmSourceByID(ctx context.Context, q Querier, id int64) (AlarmSource, error) {
	list, err := collectAlarmSources(ctx, q, sqlAlarmSourceByID, id)
	if err == nil && len(list) == 0 {
		err = fault.New(fault.Missing, "没有这个报警来源，或者不在您的管辖范围")
	}
	if err != nil {
		return AlarmSource{}, err
	}
	return list[0], nil
}

func collectAlarmSources(ctx context.Context, q Querier, sql string, args ...any) ([]AlarmSource, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("read alarm sources: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[AlarmSource])
	if err != nil {
		return nil, fmt.Errorf("read alarm sources: %w", err)
	}
	return list, nil
}

const sqlAddAlarmSource = `
INSERT INTO alarm_source (region_id, org_id, name, kind, note, secret, cidr, created_by)
SELECT o.region_id, o.id, $2, $3, $4, $5, $6, NULLIF($7::bigint, 0) FROM org o WHERE o.id = $1 ON CONFLICT (name) DO NOTHING RETURNING id`

// AddAlarmSource stores a new source and returns its id.
func AddAlarmSource(ctx context.Context, q Querier, s AlarmSource, by int64) (id int64, err error) {
	err = q.QueryRow(ctx, sqlAddAlarmSource, s.Org, s.Name, s.Kind, s.Note, s.Secret, s.CIDR, by).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, fault.New(fault.Conflict, "来源名称 %s 已被使用", s.Name).At("name")
	}
	if err != nil {
		return 0, fmt.Errorf("add the alarm source: %w", err)
	}
	return id, nil
}

const sqlSetAlarmSource = `UPDATE alarm_source SET note = $2, secret = $3, cidr = $4, enabled = $5 WHERE id = $1`

// SetAlarmSource changes a source's note, secret, network and whether it is let in.
func SetAlarmSource(ctx context.Context, q Querier, s AlarmSource) error {
	if _, err := q.Exec(ctx, sqlSetAlarmSource, s.ID, s.Note, s.Secret, s.CIDR, s.Enabled); err != nil {
		return fmt.Errorf("change the alarm source: %w", err)
	}
	return nil
}

const sqlSeeSource = `UPDATE alarm_source SET last_seen = $2 WHERE id = $1 AND (last_seen IS NULL OR last_seen < $2::timestamptz - interval '5 seconds')`

// SeeSource notes that a source was heard of, every few seconds at most.
func SeeSource(ctx context.Context, q Querier, id int64, at time.Time) error {
	if _, err := q.Exec(ctx, sqlSeeSource, id, at); err != nil {
		return fmt.Errorf("note that the source was heard: %w", err)
	}
	return nil
}

const sqlUseNonce = `INSERT INTO alarm_nonce (source_id, nonce, at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`

// UseNonce uses a nonce up; ok is false when it was used before.
func UseNonce(ctx context.Context, q Querier, source int64, nonce string, at time.Time) (ok bool, err error) {
	tag, err := q.Exec(ctx, sqlUseNonce, source, nonce, at)
	if err != nil {
		return false, fmt.Errorf("use the nonce: %w", err)
	}
	return tag.RowsAffected() == 1, nil
}
