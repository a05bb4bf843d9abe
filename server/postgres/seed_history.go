package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/geo/trail"
	"github.com/gridward/gridward/server/fleet"
)

// PastOuting is a duty session of the past with what the phone told during it.
type PastOuting struct {
	Worker   string // code
	Session  uuid.UUID
	Purpose  string
	From, To time.Time
	Fixes    []trail.Fix
	Calls    []PastCall
}

// PastCall is a household visit of the past.
type PastCall struct {
	ID       uuid.UUID
	At, Left time.Time
	Door     orb.Point
	Name     string
	Outcome  string
}

const sqlAnyPast = `SELECT EXISTS (SELECT FROM duty_session WHERE source = 'history')`

// AnyPast reports whether a past was written before.
func AnyPast(ctx context.Context, q Querier) (some bool, err error) {
	if err := q.QueryRow(ctx, sqlAnyPast).Scan(&some); err != nil {
		return false, fmt.Errorf("look for a past: %w", err)
	}
	return some, nil
}

const sqlPastWorkers = `
SELECT w.code, w.region_id, w.id, w.org_id, COALESCE((SELECT min(d.id) FROM device d WHERE d.worker_id = w.id), 0)
FROM worker w WHERE w.code = ANY ($1::text[])`

const sqlPastSessions = `
INSERT INTO duty_session (id, region_id, worker_id, org_id, purpose, started_at, ended_at, source)
SELECT s.*, 'history' FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::timestamptz[], $7::timestamptz[]) s`

// A visit is to the household of the register that is next to the door, or by
// the name that it is given.
const sqlPastVisits = `
INSERT INTO visit (id, region_id, worker_id, org_id, grid_id, session_id, target_id, target_kind, target_name, target_geom, arrived_at, left_at, geom, accuracy, distance_m,
  method, outcome, verified, client_id, received_at)
SELECT v.id, v.region, v.worker, v.org, NULLIF(v.grid, 0), v.session, o.id, 'household', CASE WHEN o.id IS NULL THEN v.name ELSE '' END, COALESCE(o.geom, v.geom), v.at, v.gone, v.geom, 12,
  COALESCE(ST_Distance(o.geom::geography, v.geom::geography), 0), 'onsite', v.outcome, 'auto_ok', v.id::text, v.gone
FROM (SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::uuid[], $7::text[], $8::timestamptz[], $9::timestamptz[], $10::geometry[], $11::text[])
  u(id, region, worker, org, grid, session, name, at, gone, geom, outcome)) v
LEFT JOIN LATERAL (SELECT b.id, b.geom FROM visit_object b WHERE b.region_id = v.region AND b.kind = 'household' AND NOT b.sensitive AND ST_DWithin(b.geom, v.geom, 0.0005)
  ORDER BY b.geom <-> v.geom LIMIT 1) o ON true
ON CONFLICT DO NOTHING`

// AddPast writes outings of the past in one transaction, with COPY, past the
// doors: for a demo and for measurements. Each fix knows its grid. Outings of
// workers that are not there are left out.
func AddPast(ctx context.Context, db *DB, outings []PastOuting) (fixes int, err error) {
	f, err := LoadFence(ctx, db.Pool)
	if err != nil {
		return 0, err
	}
	type who struct{ region, id, org, device int64 }
	codes, people := []string{}, map[string]who{}
	for _, o := range outings {
		if _, ok := people[o.Worker]; !ok {
			people[o.Worker] = who{}
			codes = append(codes, o.Worker)
		}
	}
	clear(people)
	grid := func(p orb.Point) (id int64, version int32) {
		if f != nil {
			if k, ok := f.Locate(p); ok {
				a := &f.Areas()[k]
				return a.ID, a.Version
			}
		}
		return 0, 0
	}
	err = db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, sqlPastWorkers, codes)
		if err != nil {
			return err
		}
		var code string
		var w who
		if _, err := pgx.ForEachRow(rows, []any{&code, &w.region, &w.id, &w.org, &w.device}, func() error { people[code] = w; return nil }); err != nil {
			return err
		}
		var (
			sessions, visits, during          []uuid.UUID
			regions, workers, orgs            []int64
			vregions, vworkers, vorgs, vgrids []int64
			purposes, names, outcomes         []string
			from, to, at, left                []time.Time
			doors                             []orb.Point
			writer                            FixWriter
			batch                             []fleet.Fix
			rowsOf                            []*fleet.Fix
		)
		const most = 20_000
		flush := func() error {
			rowsOf = rowsOf[:0]
			for i := range batch {
				rowsOf = append(rowsOf, &batch[i])
			}
			fixes += len(batch)
			batch = batch[:0]
			if len(rowsOf) == 0 {
				return nil
			}
			return writer.Copy(ctx, tx, rowsOf)
		}
		for _, o := range outings {
			w, ok := people[o.Worker]
			if !ok {
				continue
			}
			sessions, regions, workers, orgs = append(sessions, o.Session), append(regions, w.region), append(workers, w.id), append(orgs, w.org)
			purposes, from, to = append(purposes, o.Purpose), append(from, o.From), append(to, o.To)
			for _, x := range o.Fixes {
				when := time.UnixMilli(x.Ms).UTC()
				row := fleet.Fix{Region: w.region, Worker: w.id, Device: w.device, At: when, ReceivedAt: when.Add(time.Second), Point: x.Point, Speed: x.Speed, Course: x.Course,
					Accuracy: x.Accuracy, Altitude: fleet.Unknown(), Battery: -1, Source: fleet.Source(x.Source), Flags: fleet.Flag(x.Flags), Session: o.Session}
				row.Grid, row.GridVersion = grid(x.Point)
				batch = append(batch, row)
				if len(batch) == most {
					if err := flush(); err != nil {
						return err
					}
				}
			}
			for _, c := range o.Calls {
				g, _ := grid(c.Door)
				visits, during, vregions, vworkers, vorgs, vgrids = append(visits, c.ID), append(during, o.Session), append(vregions, w.region), append(vworkers, w.id), append(vorgs, w.org), append(vgrids, g)
				names, at, left, doors, outcomes = append(names, c.Name), append(at, c.At), append(left, c.Left), append(doors, c.Door), append(outcomes, c.Outcome)
			}
		}
		if err := flush(); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, sqlPastSessions, sessions, regions, workers, orgs, purposes, from, to); err != nil {
			return fmt.Errorf("write sessions: %w", err)
		}
		if _, err := tx.Exec(ctx, sqlPastVisits, visits, vregions, vworkers, vorgs, vgrids, during, names, at, left, doors, outcomes); err != nil {
			return fmt.Errorf("write visits: %w", err)
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("write a past: %w", err)
	}
	return fixes, nil
}
