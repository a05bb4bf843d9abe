package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// WorkerDevice is a device in a worker's details.
type WorkerDevice struct {
	ID       int64      `json:"id"`
	Name     string     `json:"name"`
	Protocol string     `json:"protocol"`
	At       *time.Time `json:"at,omitempty"`
}

const sqlWorkerDevices = `
SELECT d.id, CASE WHEN d.name = '' THEN d.ident ELSE d.name END AS name, d.protocol, s.at
FROM device d LEFT JOIN device_seen s ON s.device_id = d.id WHERE d.worker_id = $1 AND d.status = 'active' ORDER BY d.priority DESC, d.id`

// WorkerDevices lists a worker's devices in use.
func WorkerDevices(ctx context.Context, q Querier, worker int64) ([]WorkerDevice, error) {
	rows, err := q.Query(ctx, sqlWorkerDevices, worker)
	if err != nil {
		return nil, fmt.Errorf("list a worker's devices: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[WorkerDevice])
	if err != nil {
		return nil, fmt.Errorf("list a worker's devices: %w", err)
	}
	return list, nil
}

// Track is a worker's day: columns of equal length, as a chart reads them.
type Track struct {
	At       []int64    `json:"at" doc:"Unix milliseconds"`
	Lon      []float64  `json:"lon"`
	Lat      []float64  `json:"lat"`
	Speed    []*float32 `json:"speed"`
	Accuracy []*float32 `json:"accuracy"`
	Flags    []int32    `json:"flags"`
	Grid     []*int64   `json:"grid"`
}

// ReadTrack returns a worker's fixes of [from, to), implausible ones too: their
// flags say so. A fix recorded on duty for an organisation outside the scope is
// left out, unless all is set (the worker's own view). Of fixes that only the
// archive has, the grid is that of the worker's stay.
func ReadTrack(ctx context.Context, q Querier, region, worker int64, from, to time.Time, scope []string, all bool) (Track, error) {
	list, err := tracks(ctx, q, region, worker, from, to)
	if err == nil && !all && len(list) > 0 {
		list, err = seenTracks(ctx, q, worker, list, scope)
	}
	n := len(list)
	t := Track{At: make([]int64, n), Lon: make([]float64, n), Lat: make([]float64, n), Speed: make([]*float32, n), Accuracy: make([]*float32, n), Flags: make([]int32, n), Grid: make([]*int64, n)}
	if err != nil {
		return t, err
	}
	stays, err := DayPresences(ctx, q, region, worker, from, to, scope, true)
	if err != nil {
		return t, err
	}
	at := 0 // the stay that began last
	for i := range list {
		f := &list[i]
		t.At[i], t.Lon[i], t.Lat[i], t.Flags[i] = f.Ms, f.Point[0], f.Point[1], int32(f.Flags)
		t.Speed[i], t.Accuracy[i] = floatPtr(f.Speed), floatPtr(f.Accuracy)
		for at < len(stays) && stays[at].EnteredAt.UnixMilli() <= f.Ms {
			at++
		}
		switch {
		case f.Grid != 0:
			t.Grid[i] = &f.Grid
		case f.kept && at > 0 && (stays[at-1].LeftAt == nil || stays[at-1].LeftAt.UnixMilli() >= f.Ms):
			t.Grid[i] = &stays[at-1].Grid
		}
	}
	return t, nil
}

// DayPresence is an interval in a grid.
type DayPresence struct {
	Grid      int64      `json:"grid"`
	Name      string     `json:"name"`
	EnteredAt time.Time  `json:"entered_at"`
	LeftAt    *time.Time `json:"left_at"`
}

const sqlDayPresences = `
SELECT p.grid_id AS grid, v.name, p.entered_at, p.left_at
FROM grid_presence p JOIN grid_version v ON v.grid_id = p.grid_id AND v.version = p.grid_version JOIN grid g ON g.id = p.grid_id JOIN org o ON o.id = g.org_id
WHERE p.region_id = $1 AND p.worker_id = $2 AND p.entered_at < $4 AND COALESCE(p.left_at, p.last_at) >= $3 AND ($6 OR o.path LIKE ANY ($5))
ORDER BY p.entered_at`

// DayPresences returns the intervals in grids that touch [from, to).
func DayPresences(ctx context.Context, q Querier, region, worker int64, from, to time.Time, scope []string, all bool) ([]DayPresence, error) {
	rows, err := q.Query(ctx, sqlDayPresences, region, worker, from, to, Under(scope), all)
	if err != nil {
		return nil, fmt.Errorf("read the presences: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[DayPresence])
	if err != nil {
		return nil, fmt.Errorf("read the presences: %w", err)
	}
	return list, nil
}

// DaySession is a duty session of a day.
type DaySession struct {
	ID         uuid.UUID  `json:"id"`
	Purpose    string     `json:"purpose"`
	StartedAt  time.Time  `json:"started_at"`
	EndedAt    *time.Time `json:"ended_at"`
	AutoClosed bool       `json:"auto_closed"`
}

const sqlDaySessions = `
SELECT d.id, d.purpose, d.started_at, d.ended_at, d.auto_closed FROM duty_session d JOIN org o ON o.id = d.org_id
WHERE d.worker_id = $1 AND d.started_at < $3 AND COALESCE(d.ended_at, 'infinity') >= $2 AND ($5 OR o.path LIKE ANY ($4)) ORDER BY d.started_at`

// DaySessions returns the duty sessions that touch [from, to).
func DaySessions(ctx context.Context, q Querier, worker int64, from, to time.Time, scope []string, all bool) ([]DaySession, error) {
	rows, err := q.Query(ctx, sqlDaySessions, worker, from, to, Under(scope), all)
	if err != nil {
		return nil, fmt.Errorf("read the sessions: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[DaySession])
	if err != nil {
		return nil, fmt.Errorf("read the sessions: %w", err)
	}
	return list, nil
}

// MyDuty is what a worker is told about being tracked.
type MyDuty struct {
	Session      *DaySession `json:"session"`
	Shift        *MyShift    `json:"shift"`
	LastFix      *MyLastFix  `json:"last_fix"`
	StoredToday  int64       `json:"stored_today"`
	ScheduledToo bool        `json:"-"` // a device of the worker's is also covered by shifts
}

// MyShift is the shift that holds now, or the next one of the day.
type MyShift struct {
	StartsAt time.Time `json:"starts_at"`
	EndsAt   time.Time `json:"ends_at"`
}

// MyLastFix is the newest fix that is stored.
type MyLastFix struct {
	At       time.Time `json:"at"`
	Accuracy *float32  `json:"accuracy"`
}

const sqlMySession = `
SELECT id, purpose, started_at, ended_at, auto_closed FROM duty_session WHERE worker_id = $1 AND ended_at IS NULL ORDER BY started_at DESC LIMIT 1`

const sqlMyShift = `SELECT starts_at, ends_at FROM shift WHERE worker_id = $1 AND ends_at > $2 AND starts_at < $2 + interval '16 hours' ORDER BY starts_at LIMIT 1`

const sqlMyLast = `SELECT at, accuracy FROM last_fix WHERE region_id = $1 AND worker_id = $2`

const sqlMyStored = `SELECT count(*) FROM fix WHERE region_id = $1 AND worker_id = $2 AND at >= $3 AND at < $3 + interval '1 day'`

const sqlMyScheduled = `SELECT EXISTS (SELECT FROM device WHERE worker_id = $1 AND status = 'active' AND duty = 'schedule')`

// DutyOf tells a worker whether and how they are tracked.
func DutyOf(ctx context.Context, q Querier, region, worker int64, today, now time.Time) (MyDuty, error) {
	var d MyDuty
	fail := func(err error) (MyDuty, error) { return d, fmt.Errorf("read the worker's duty: %w", err) }
	var s DaySession
	switch err := q.QueryRow(ctx, sqlMySession, worker).Scan(&s.ID, &s.Purpose, &s.StartedAt, &s.EndedAt, &s.AutoClosed); {
	case err == nil:
		d.Session = &s
	case !errors.Is(err, pgx.ErrNoRows):
		return fail(err)
	}
	var shift MyShift
	switch err := q.QueryRow(ctx, sqlMyShift, worker, now).Scan(&shift.StartsAt, &shift.EndsAt); {
	case err == nil:
		d.Shift = &shift
	case !errors.Is(err, pgx.ErrNoRows):
		return fail(err)
	}
	var last MyLastFix
	switch err := q.QueryRow(ctx, sqlMyLast, region, worker).Scan(&last.At, &last.Accuracy); {
	case err == nil:
		d.LastFix = &last
	case !errors.Is(err, pgx.ErrNoRows):
		return fail(err)
	}
	if err := q.QueryRow(ctx, sqlMyStored, region, worker, today).Scan(&d.StoredToday); err != nil {
		return fail(err)
	}
	if err := q.QueryRow(ctx, sqlMyScheduled, worker).Scan(&d.ScheduledToo); err != nil {
		return fail(err)
	}
	return d, nil
}

// The assignments are joined once, as a set: asked for each worker apart, ten
// thousand of them take seconds.
const sqlRoster = `
SELECT w.id, w.region_id, w.code, w.name, w.pinyin, w.role, w.kind, w.phone, w.org_id, o.name, o.path, COALESCE(a.id, 0), COALESCE(a.name, '')
FROM worker w JOIN org o ON o.id = w.org_id
LEFT JOIN (SELECT DISTINCT ON (x.worker_id) x.worker_id, g.id, v.name
  FROM grid_assignment x JOIN grid g ON g.id = x.grid_id JOIN grid_version v ON v.grid_id = g.id AND v.valid_to IS NULL
  WHERE x.valid_to IS NULL ORDER BY x.worker_id, x.is_primary DESC, g.code) a ON a.worker_id = w.id
WHERE w.status = 'active' ORDER BY w.id`

// Roster returns every active worker and vehicle of the house, by id.
func Roster(ctx context.Context, q Querier) ([]WorkerRow, error) {
	rows, err := q.Query(ctx, sqlRoster)
	if err != nil {
		return nil, fmt.Errorf("read the roster: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (w WorkerRow, err error) {
		err = row.Scan(&w.ID, &w.Region, &w.Code, &w.Name, &w.Pinyin, &w.Role, &w.Kind, &w.Phone, &w.Org, &w.OrgName, &w.OrgPath, &w.Grid, &w.GridName)
		return w, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the roster: %w", err)
	}
	return list, nil
}
