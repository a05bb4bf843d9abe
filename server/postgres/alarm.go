package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/alarm"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/incident"
)

// Alarm is what a device raised (报警): the row and the JSON.
type Alarm struct {
	ID         uuid.UUID        `json:"id"`
	Region     int64            `json:"region"`
	Device     int64            `json:"device"`
	Ident      string           `json:"ident"`
	DeviceName string           `json:"device_name"`
	Kind       alarm.Kind       `json:"kind"`
	Mode       alarm.Mode       `json:"mode" doc:"of the device, now"`
	Place      string           `json:"place,omitempty"`
	Point      orb.Point        `json:"point"`
	Contact    string           `json:"contact,omitempty"`
	Phone      string           `json:"phone,omitempty"`
	Org        int64            `json:"org"`
	OrgPath    string           `json:"-"`
	OrgName    string           `json:"org_name"`
	GridName   string           `json:"grid_name,omitempty"`
	Class      string           `json:"class" enum:"alarm,offline"`
	At         time.Time        `json:"at"`
	LastAt     time.Time        `json:"last_at"`
	ReceivedAt time.Time        `json:"received_at"`
	Level      incident.Urgency `json:"level"`
	Code       string           `json:"code"`
	Text       string           `json:"text,omitempty"`
	Raw        json.RawMessage  `json:"raw,omitempty"`
	Count      int32            `json:"count"`
	Quiet      bool             `json:"quiet,omitempty" doc:"the device was disarmed or bypassed"`
	State      alarm.State      `json:"state"`
	Version    int32            `json:"version"`
	AckedAt    *time.Time       `json:"acked_at,omitempty"`
	AckedBy    *int64           `json:"acked_by,omitempty"`
	AckedName  string           `json:"acked_name,omitempty"`
	EndedAt    *time.Time       `json:"ended_at,omitempty"`
	EndedBy    *int64           `json:"ended_by,omitempty"`
	EndedName  string           `json:"ended_name,omitempty"`
	Note       string           `json:"note,omitempty"`
	Incident   *uuid.UUID       `json:"incident,omitempty"`
	CaseNo     string           `json:"case_no,omitempty"`
}

const alarmColumns = `
SELECT e.id, e.region_id, e.device_id, d.ident, d.name, d.kind, d.mode, d.place, d.geom, d.contact, d.phone, d.org_id, o.path, o.name, COALESCE(g.name, ''), e.class, e.at, e.last_at, e.received_at,
  e.level, e.code, e.text, e.raw, e.count, e.quiet, e.state, e.version, e.acked_at, e.acked_by, e.acked_name, e.ended_at, e.ended_by, e.ended_name, e.note, e.incident_id, COALESCE(i.case_no, '')
FROM alarm_event e JOIN alarm_device d ON d.id = e.device_id JOIN org o ON o.id = d.org_id
  LEFT JOIN grid_version g ON g.grid_id = d.grid_id AND g.valid_to IS NULL LEFT JOIN incident i ON i.id = e.incident_id`

func collectAlarms(ctx context.Context, q Querier, sql string, args ...any) ([]Alarm, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("read alarms: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (a Alarm, err error) {
		err = row.Scan(&a.ID, &a.Region, &a.Device, &a.Ident, &a.DeviceName, &a.Kind, &a.Mode, &a.Place, &a.Point, &a.Contact, &a.Phone, &a.Org, &a.OrgPath, &a.OrgName, &a.GridName, &a.Class,
			&a.At, &a.LastAt, &a.ReceivedAt, &a.Level, &a.Code, &a.Text, &a.Raw, &a.Count, &a.Quiet, &a.State, &a.Version, &a.AckedAt, &a.AckedBy, &a.AckedName, &a.EndedAt, &a.EndedBy, &a.EndedName,
			&a.Note, &a.Incident, &a.CaseNo)
		a.At, a.LastAt, a.ReceivedAt = a.At.UTC(), a.LastAt.UTC(), a.ReceivedAt.UTC()
		for _, at := range []*time.Time{a.AckedAt, a.EndedAt} {
			if at != nil {
				*at = at.UTC()
			}
		}
		return a, err
	})
	if err != nil {
		return nil, fmt.Errorf("read alarms: %w", err)
	}
	return list, nil
}

const sqlAlarmByID = alarmColumns + ` WHERE e.id = $1`

const sqlAlarmLocked = alarmColumns + ` WHERE e.id = $1 FOR UPDATE OF e`

// AlarmByID returns one alarm, whoever asks, locked until the transaction ends
// when lock is set.
func AlarmByID(ctx context.Context, q Querier, id uuid.UUID, lock bool) (Alarm, error) {
	sql := sqlAlarmByID
	if lock {
		sql = sqlAlarmLocked
	}
	list, err := collectAlarms(ctx, q, sql, id)
	if err == nil && len(list) == 0 {
		err = fault.New(fault.Missing, "没有这条报警，或者不在您的管辖范围")
	}
	if err != nil {
		return Alarm{}, err
	}
	return list[0], nil
}

// AlarmFilter narrows the list of alarms.
type AlarmFilter struct {
	Scope    []string
	State    string // a state, or open: new, acked or verifying
	Kind     string
	Level    string
	Class    string
	Device   int64
	Org      *int64
	From, To *time.Time
	Query    string
	Quiet    bool // those of disarmed and bypassed devices too
	BeforeAt *time.Time
	BeforeID *uuid.UUID
	Limit    int
}

const sqlListAlarms = alarmColumns + `
WHERE o.path LIKE ANY ($1) AND ($2 = '' OR e.state = $2 OR $2 = 'open' AND e.state IN ('new','acked','verifying')) AND ($3 = '' OR d.kind = $3) AND ($4 = '' OR e.level = $4) AND ($5 = '' OR e.class = $5)
  AND ($6::bigint = 0 OR e.device_id = $6) AND ($7::bigint IS NULL OR o.path LIKE (SELECT path FROM org WHERE id = $7) || '%') AND ($8::timestamptz IS NULL OR e.at >= $8)
  AND ($9::timestamptz IS NULL OR e.at < $9) AND ($10 = '' OR d.ident ILIKE $10 || '%' OR d.name ILIKE '%' || $10 || '%' OR d.place ILIKE '%' || $10 || '%' OR e.code ILIKE $10 || '%')
  AND ($11 OR NOT e.quiet) AND ($12::timestamptz IS NULL OR (e.at, e.id) < ($12, $13::uuid))
ORDER BY e.at DESC, e.id DESC LIMIT $14`

// ListAlarms returns a page of alarms, newest first.
func ListAlarms(ctx context.Context, q Querier, f AlarmFilter) ([]Alarm, error) {
	return collectAlarms(ctx, q, sqlListAlarms, Under(f.Scope), f.State, f.Kind, f.Level, f.Class, f.Device, f.Org, f.From, f.To, likeText(f.Query), f.Quiet, f.BeforeAt, f.BeforeID, f.Limit)
}

const sqlHeardBefore = `INSERT INTO alarm_signal (device_id, key, at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`

// HeardFirst notes a message by its key; it is false when it was heard before.
func HeardFirst(ctx context.Context, q Querier, device int64, key string, at time.Time) (bool, error) {
	tag, err := q.Exec(ctx, sqlHeardBefore, device, key, at)
	if err != nil {
		return false, fmt.Errorf("note the device's message: %w", err)
	}
	return tag.RowsAffected() == 1, nil
}

const sqlRecentAlarms = `
SELECT id, state, at, last_at, count FROM alarm_event WHERE device_id = $1 AND code = $2 AND class = 'alarm' AND quiet = $3 AND last_at >= $4 AND at <= $5 ORDER BY last_at DESC LIMIT 20`

// Recent is an alarm that a signal may belong to.
type Recent struct {
	ID         uuid.UUID
	State      alarm.State
	At, LastAt time.Time
	Count      int32
}

// RecentAlarms lists the alarms of a device and code around an instant, the last heard first.
func RecentAlarms(ctx context.Context, q Querier, device int64, code string, quiet bool, at time.Time) ([]Recent, error) {
	rows, err := q.Query(ctx, sqlRecentAlarms, device, code, quiet, at.Add(-alarm.Gap), at.Add(alarm.Gap))
	if err != nil {
		return nil, fmt.Errorf("look for the same alarm: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Recent])
	if err != nil {
		return nil, fmt.Errorf("look for the same alarm: %w", err)
	}
	return list, nil
}

const sqlRepeatAlarm = `UPDATE alarm_event SET count = count + 1, at = LEAST(at, $2), last_at = GREATEST(last_at, $2), version = version + 1 WHERE id = $1 RETURNING count`

// RepeatAlarm counts one more signal of an alarm and returns how many there were.
func RepeatAlarm(ctx context.Context, q Querier, id uuid.UUID, at time.Time) (count int32, err error) {
	if err := q.QueryRow(ctx, sqlRepeatAlarm, id, at).Scan(&count); err != nil {
		return 0, fmt.Errorf("count the alarm: %w", err)
	}
	return count, nil
}

const sqlInsertAlarm = `
INSERT INTO alarm_event (id, region_id, device_id, class, at, last_at, received_at, level, code, text, raw, quiet, state, ended_at, note)
VALUES ($1, $2, $3, $4, $5, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT DO NOTHING`

// InsertAlarm stores a new alarm; ok is false when the device is known to be offline already.
func InsertAlarm(ctx context.Context, q Querier, a Alarm) (ok bool, err error) {
	tag, err := q.Exec(ctx, sqlInsertAlarm, a.ID, a.Region, a.Device, a.Class, a.At, a.ReceivedAt, a.Level, a.Code, a.Text, a.Raw, a.Quiet, a.State, a.EndedAt, a.Note)
	if err != nil {
		return false, fmt.Errorf("store the alarm: %w", err)
	}
	return tag.RowsAffected() == 1, nil
}

const sqlMoveAlarm = `
UPDATE alarm_event SET state = $2, version = version + 1, acked_at = COALESCE(acked_at, $3), acked_by = COALESCE(acked_by, NULLIF($4::bigint, 0)), acked_name = CASE WHEN acked_name = '' THEN $5 ELSE acked_name END,
  note = CASE WHEN $6 = '' THEN note ELSE $6 END, ended_at = CASE WHEN $7 THEN $3::timestamptz END, ended_by = CASE WHEN $7 THEN NULLIF($4::bigint, 0) END, ended_name = CASE WHEN $7 THEN $5 ELSE '' END,
  incident_id = COALESCE($8, incident_id) WHERE id = $1`

// MoveAlarm brings an alarm into a state. Whoever moves it first has taken it.
func MoveAlarm(ctx context.Context, q Querier, id uuid.UUID, to alarm.State, now time.Time, by int64, name, note string, inc *uuid.UUID) error {
	if _, err := q.Exec(ctx, sqlMoveAlarm, id, to, now, by, name, note, to.Over(), inc); err != nil {
		return fmt.Errorf("move the alarm: %w", err)
	}
	return nil
}

const sqlOpenOffline = `SELECT id FROM alarm_event WHERE device_id = $1 AND class = 'offline' AND state IN ('new','acked','verifying') FOR UPDATE`

// OpenOffline returns the alarm that says that a device is offline, if it lies on the desk.
func OpenOffline(ctx context.Context, q Querier, device int64) (id uuid.UUID, ok bool, err error) {
	err = q.QueryRow(ctx, sqlOpenOffline, device).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return id, false, nil
	}
	if err != nil {
		return id, false, fmt.Errorf("look for the device's silence: %w", err)
	}
	return id, true, nil
}

const (
	sqlForgetNonces  = `DELETE FROM alarm_nonce WHERE at < $1`
	sqlForgetSignals = `DELETE FROM alarm_signal WHERE at < $1`
)

// ForgetMessages drops what was kept only to know a message again: nonces
// whose timestamp is refused anyhow, and messages that are days old.
func ForgetMessages(ctx context.Context, q Querier, nonces, signals time.Time) error {
	if _, err := q.Exec(ctx, sqlForgetNonces, nonces); err != nil {
		return fmt.Errorf("forget nonces: %w", err)
	}
	if _, err := q.Exec(ctx, sqlForgetSignals, signals); err != nil {
		return fmt.Errorf("forget messages: %w", err)
	}
	return nil
}
