package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/fleet"
)

const sqlBoardPeople = `
SELECT w.id, w.name, w.role, w.kind, o.name FROM worker w JOIN org o ON o.id = w.org_id WHERE w.status = 'active'`

// BoardPeople returns everybody who may be drawn on the map.
func BoardPeople(ctx context.Context, q Querier) ([]fleet.Person, error) {
	rows, err := q.Query(ctx, sqlBoardPeople)
	if err != nil {
		return nil, fmt.Errorf("read the people of the board: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (fleet.Person, error) {
		var p fleet.Person
		err := row.Scan(&p.ID, &p.Name, &p.Role, &p.Kind, &p.OrgName)
		return p, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the people of the board: %w", err)
	}
	return list, nil
}

const sqlBoardFixes = `
SELECT l.region_id, l.worker_id, l.device_id, l.at, l.received_at, l.geom, l.speed, l.course, l.accuracy,
       COALESCE(l.battery, -1), l.flags, COALESCE(l.grid_id, 0), l.session_id, l.org_id, o.path,
       COALESCE(d.interval_s, 30), COALESCE(d.priority, 0), l.still_since, l.updated_at
FROM last_fix l JOIN org o ON o.id = l.org_id LEFT JOIN device d ON d.id = l.device_id
WHERE l.updated_at >= $1`

// BoardFixes returns the newest fix of every worker whose row changed at or
// after since, and the newest change it saw.
func BoardFixes(ctx context.Context, q Querier, since time.Time) ([]fleet.Standing, time.Time, error) {
	seen := since
	rows, err := q.Query(ctx, sqlBoardFixes, since)
	if err != nil {
		return nil, seen, fmt.Errorf("read the newest fixes: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (fleet.Standing, error) {
		var (
			s                       fleet.Standing
			speed, course, accuracy *float32
			session                 *uuid.UUID
			still                   *time.Time
			interval                int32
			flags                   int32
			updated                 time.Time
		)
		if err := row.Scan(&s.Region, &s.Worker, &s.Device, &s.At, &s.ReceivedAt, &s.Point, &speed, &course, &accuracy,
			&s.Battery, &flags, &s.Grid, &session, &s.Org, &s.OrgPath, &interval, &s.Priority, &still, &updated); err != nil {
			return s, err
		}
		s.Speed, s.Course, s.Accuracy, s.Altitude = figure(speed), figure(course), figure(accuracy), fleet.Unknown()
		s.Flags, s.Interval = fleet.Flag(flags), time.Duration(interval)*time.Second
		if session != nil {
			s.Session = *session
		}
		if still != nil {
			s.StillSince = *still
		}
		if updated.After(seen) {
			seen = updated
		}
		return s, nil
	})
	if err != nil {
		return nil, since, fmt.Errorf("read the newest fixes: %w", err)
	}
	return list, seen, nil
}

// figure is what the device said, or NaN.
func figure(v *float32) float32 {
	if v == nil {
		return fleet.Unknown()
	}
	return *v
}

const sqlBoardDuties = `
SELECT worker_id, id, false, false FROM duty_session WHERE ended_at IS NULL
UNION ALL
SELECT worker_id, NULL, true, false FROM shift WHERE starts_at <= now() AND ends_at >= now()
UNION ALL
SELECT worker_id, NULL, false, true FROM sos WHERE state <> 'closed'`

// BoardDuties returns every reason why a worker may be drawn now: open
// sessions, shifts that hold, open SOS calls.
func BoardDuties(ctx context.Context, q Querier) ([]fleet.OnDuty, error) {
	rows, err := q.Query(ctx, sqlBoardDuties)
	if err != nil {
		return nil, fmt.Errorf("read who is on duty: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (fleet.OnDuty, error) {
		var (
			d       fleet.OnDuty
			session *uuid.UUID
		)
		if err := row.Scan(&d.Worker, &session, &d.Shift, &d.SOS); err != nil {
			return d, err
		}
		if session != nil {
			d.Session = *session
		}
		return d, nil
	})
	if err != nil {
		return nil, fmt.Errorf("read who is on duty: %w", err)
	}
	return list, nil
}
