package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/geo/fence"
	"github.com/gridward/gridward/geo/trail"
	"github.com/gridward/gridward/server/fleet"
	"github.com/gridward/gridward/server/workday"
)

// Past is what people did before the demo was opened.
type Past struct {
	Outings []PastOuting
	Visits  []PastVisit
	Notes   []PastNote
	Leaves  []PastLeave
}

// PastOuting is a duty session of the past with what the phone told during it.
type PastOuting struct {
	Worker   string // code
	Session  uuid.UUID
	Purpose  string
	From, To time.Time
	Fixes    []trail.Fix
}

// PastVisit is a visit of the past, and the case that it found.
type PastVisit struct {
	ID         uuid.UUID
	Worker     string // code
	Session    uuid.UUID
	Goal       *PastGoal
	At, Left   time.Time
	Point      *orb.Point // nil: by telephone
	DistanceM  float32
	Method     string
	Outcome    string
	Doubts     []string
	Activities []string
	Content    string
	Answers    []VisitAnswer
	Case       *PastCase
}

// PastCase is a case that a visit found. Its times are those that have come.
type PastCase struct {
	ID              uuid.UUID
	State           string
	Title, Category string
	Self            bool // dealt with on the spot
	Reported        time.Time
	Accepted        time.Time
	Dispatched      *time.Time
	Signed          *time.Time
	FedBack         *time.Time
	Checked         *time.Time
	Closed          *time.Time
	Due             time.Time
}

// PastNote is information that was filed without a visit.
type PastNote struct {
	Worker    string // code
	Grid, Org int64
	Item      string
	Value     string
	At        time.Time
}

// PastLeave is leave that was approved, whole days, both included.
type PastLeave struct {
	Worker   string // code
	From, To workday.Day
	Kind     string
	Reason   string
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

const sqlPastVisitCases = `
INSERT INTO bulk_case (id, region, no, state, source, title, category, tier, urgency, org, grid, version, point, address, worker, reporter, dept, handler, reported, accepted, dispatched, signed, fed_back, checked, closed,
  handle_due, case_due, self, returned, reworked, reason)
SELECT c.id, w.region_id, 'MN' || to_char(c.reported AT TIME ZONE 'Asia/Shanghai', 'YYMMDD') || '-' || lpad((row_number() OVER (PARTITION BY (c.reported AT TIME ZONE 'Asia/Shanghai')::date ORDER BY c.reported, c.id))::text, 4, '0'),
  c.state, 'visit', c.title, c.category, 1, 'normal', v.org_id, v.grid_id, g.version, o.geom, o.address, w.id, w.name, CASE WHEN NOT c.self THEN v.org_id END, CASE WHEN NOT c.self THEN w.id END,
  c.reported, c.accepted, c.dispatched, c.signed, c.fed_back, c.checked, c.closed, CASE WHEN NOT c.self THEN c.due END, c.due + interval '12 hours', c.self, 0, 0,
  CASE WHEN c.closed IS NULL THEN '' WHEN c.self THEN 'self' ELSE 'default' END
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::boolean[], $7::timestamptz[], $8::timestamptz[], $9::timestamptz[], $10::timestamptz[], $11::timestamptz[], $12::timestamptz[], $13::timestamptz[], $14::timestamptz[])
  c(id, visit, state, title, category, self, reported, accepted, dispatched, signed, fed_back, checked, closed, due)
JOIN visit v ON v.id = c.visit JOIN worker w ON w.id = v.worker_id JOIN visit_object o ON o.id = v.target_id JOIN grid_now g ON g.id = v.grid_id`

const sqlPastLinks = `INSERT INTO visit_incident (visit_id, incident_id) SELECT * FROM unnest($1::uuid[], $2::uuid[]) ON CONFLICT DO NOTHING`

const sqlPastLeaves = `
INSERT INTO leave (region_id, worker_id, from_day, from_half, to_day, to_half, kind, reason, approved_at, approved_by)
SELECT w.region_id, w.id, l.from_day, 'am', l.to_day, 'pm', l.kind, l.reason, (l.from_day - 1)::timestamp AT TIME ZONE 'Asia/Shanghai' + interval '10 hours', (SELECT a.id FROM account a WHERE a.login = 'commander')
FROM unnest($1::text[], $2::date[], $3::date[], $4::text[], $5::text[]) l(code, from_day, to_day, kind, reason) JOIN worker w ON w.code = l.code`

// who is a worker of the past.
type who struct{ region, id, org, device int64 }

func pastPeople(ctx context.Context, tx pgx.Tx, outings []PastOuting) (map[string]who, error) {
	codes, people := []string{}, map[string]who{}
	for _, o := range outings {
		if _, ok := people[o.Worker]; !ok {
			people[o.Worker] = who{}
			codes = append(codes, o.Worker)
		}
	}
	clear(people)
	rows, err := tx.Query(ctx, sqlPastWorkers, codes)
	if err != nil {
		return nil, fmt.Errorf("find the people: %w", err)
	}
	var code string
	var w who
	if _, err := pgx.ForEachRow(rows, []any{&code, &w.region, &w.id, &w.org, &w.device}, func() error { people[code] = w; return nil }); err != nil {
		return nil, fmt.Errorf("find the people: %w", err)
	}
	return people, nil
}

// AddPast writes a past in one transaction, with COPY, past the doors: for a
// demo and for measurements. Each fix knows its grid. What workers did that are
// not there is left out.
func AddPast(ctx context.Context, db *DB, past Past) (fixes int, err error) {
	f, err := LoadFence(ctx, db.Pool)
	if err != nil {
		return 0, err
	}
	err = db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		people, err := pastPeople(ctx, tx, past.Outings)
		if err != nil {
			return err
		}
		if fixes, err = addPastFixes(ctx, tx, past.Outings, people, f); err != nil {
			return err
		}
		if err := addPastSessions(ctx, tx, past.Outings, people); err != nil {
			return err
		}
		if err := addPastVisits(ctx, tx, past, people); err != nil {
			return err
		}
		if err := addPastCases(ctx, tx, past.Visits); err != nil {
			return err
		}
		var codes, kinds, reasons []string
		var from, to []time.Time
		for _, l := range past.Leaves {
			codes, kinds, reasons, from, to = append(codes, l.Worker), append(kinds, l.Kind), append(reasons, l.Reason), append(from, dateOf(l.From)), append(to, dateOf(l.To))
		}
		if _, err := tx.Exec(ctx, sqlPastLeaves, codes, from, to, kinds, reasons); err != nil {
			return fmt.Errorf("write leave: %w", err)
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("write a past: %w", err)
	}
	return fixes, nil
}

func addPastFixes(ctx context.Context, tx pgx.Tx, outings []PastOuting, people map[string]who, f *fence.Fence) (fixes int, err error) {
	const most = 20_000
	var (
		writer FixWriter
		batch  []fleet.Fix
		rows   []*fleet.Fix
		first  = map[WorkerDay]time.Time{} // of each worker's day
	)
	flush := func() error {
		rows = rows[:0]
		for i := range batch {
			rows = append(rows, &batch[i])
		}
		fixes += len(batch)
		batch = batch[:0]
		if len(rows) == 0 {
			return nil
		}
		return writer.Copy(ctx, tx, rows)
	}
	for _, o := range outings {
		w, ok := people[o.Worker]
		if !ok {
			continue
		}
		for _, x := range o.Fixes {
			when := time.UnixMilli(x.Ms).UTC()
			row := fleet.Fix{Region: w.region, Worker: w.id, Device: w.device, At: when, ReceivedAt: when.Add(time.Second), Point: x.Point, Speed: x.Speed, Course: x.Course,
				Accuracy: x.Accuracy, Altitude: fleet.Unknown(), Battery: -1, Source: fleet.Source(x.Source), Flags: fleet.Flag(x.Flags), Session: o.Session}
			if f != nil {
				if k, ok := f.Locate(x.Point); ok {
					row.Grid, row.GridVersion = f.Areas()[k].ID, f.Areas()[k].Version
				}
			}
			day := WorkerDay{w.region, w.id, dayDate(when)}
			if at, ok := first[day]; !ok || when.Before(at) {
				first[day] = when
			}
			batch = append(batch, row)
			if len(batch) == most {
				if err := flush(); err != nil {
					return fixes, err
				}
			}
		}
	}
	if err := flush(); err != nil {
		return fixes, err
	}
	late := make([]WorkerDay, 0, len(first))
	for day, at := range first {
		late = append(late, WorkerDay{day.Region, day.Worker, at})
	}
	return fixes, MarkTrails(ctx, tx, late) // the archive looks for itself at the last days alone
}

func addPastSessions(ctx context.Context, tx pgx.Tx, outings []PastOuting, people map[string]who) error {
	var ids []uuid.UUID
	var regions, workers, orgs []int64
	var purposes []string
	var from, to []time.Time
	for _, o := range outings {
		if w, ok := people[o.Worker]; ok {
			ids, regions, workers, orgs = append(ids, o.Session), append(regions, w.region), append(workers, w.id), append(orgs, w.org)
			purposes, from, to = append(purposes, o.Purpose), append(from, o.From), append(to, o.To)
		}
	}
	if _, err := tx.Exec(ctx, sqlPastSessions, ids, regions, workers, orgs, purposes, from, to); err != nil {
		return fmt.Errorf("write sessions: %w", err)
	}
	return nil
}

func addPastVisits(ctx context.Context, tx pgx.Tx, past Past, people map[string]who) error {
	var visits, infos [][]any
	for i := range past.Visits {
		v := &past.Visits[i]
		w, ok := people[v.Worker]
		if !ok {
			continue
		}
		var point, accuracy, distance any
		if v.Point != nil {
			point, accuracy, distance = *v.Point, float32(12), v.DistanceM
		}
		verified := "auto_ok"
		if len(v.Doubts) > 0 {
			verified = "doubtful"
		}
		g := v.Goal
		visits = append(visits, []any{v.ID, w.region, w.id, g.Org, g.Grid, v.Session, g.ID, g.Kind, "", g.Point, g.Sensitive, v.At, v.Left, point, accuracy, distance, v.Method, v.Outcome,
			v.Activities, v.Content, verified, v.Doubts, v.ID.String(), v.Left.Add(2 * time.Second)})
		for k, a := range v.Answers {
			id := uuid.NewSHA1(v.ID, fmt.Appendf(nil, "answer:%d", k))
			infos = append(infos, []any{id, w.region, g.Org, g.Grid, w.id, v.ID, g.ID, a.Item, v.Left, a.Value, a.Issue, a.Note, v.Left.Add(2 * time.Second)})
		}
	}
	for k := range past.Notes {
		n := &past.Notes[k]
		if w, ok := people[n.Worker]; ok {
			id := uuid.NewSHA1(uuid.NameSpaceOID, fmt.Appendf(nil, "note:%s:%s:%d", n.Worker, n.Item, n.At.UnixMilli()))
			infos = append(infos, []any{id, w.region, n.Org, n.Grid, w.id, nil, nil, n.Item, n.At, n.Value, false, "", n.At.Add(2 * time.Second)})
		}
	}
	_, err := tx.CopyFrom(ctx, pgx.Identifier{"visit"}, []string{"id", "region_id", "worker_id", "org_id", "grid_id", "session_id", "target_id", "target_kind", "target_name", "target_geom", "sensitive", "arrived_at", "left_at",
		"geom", "accuracy", "distance_m", "method", "outcome", "activities", "content", "verified", "doubts", "client_id", "received_at"}, pgx.CopyFromRows(visits))
	if err != nil {
		return fmt.Errorf("write visits: %w", err)
	}
	_, err = tx.CopyFrom(ctx, pgx.Identifier{"info_record"}, []string{"id", "region_id", "org_id", "grid_id", "worker_id", "visit_id", "target_id", "item_code", "at", "value", "issue", "note", "received_at"}, pgx.CopyFromRows(infos))
	if err != nil {
		return fmt.Errorf("write information: %w", err)
	}
	return nil
}

func addPastCases(ctx context.Context, tx pgx.Tx, visits []PastVisit) error {
	var ids, from []uuid.UUID
	var states, titles, categories []string
	var self []bool
	var reported, accepted, due []time.Time
	var dispatched, signed, fed, checked, closed []*time.Time
	for i := range visits {
		if c := visits[i].Case; c != nil {
			ids, from, states, titles, categories, self = append(ids, c.ID), append(from, visits[i].ID), append(states, c.State), append(titles, c.Title), append(categories, c.Category), append(self, c.Self)
			reported, accepted, due = append(reported, c.Reported), append(accepted, c.Accepted), append(due, c.Due)
			dispatched, signed, fed, checked, closed = append(dispatched, c.Dispatched), append(signed, c.Signed), append(fed, c.FedBack), append(checked, c.Checked), append(closed, c.Closed)
		}
	}
	for _, sql := range []string{sqlBulkCase, sqlBulkEmpty} {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return fmt.Errorf("make room for cases: %w", err)
		}
	}
	if _, err := tx.Exec(ctx, sqlPastVisitCases, planned, ids, from, states, titles, categories, self, reported, accepted, dispatched, signed, fed, checked, closed, due); err != nil {
		return fmt.Errorf("write what visits found: %w", err)
	}
	for _, sql := range []string{sqlBulkIncidents, sqlBulkOrders, sqlBulkParties, sqlBulkFeedback} {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return fmt.Errorf("write what visits found: %w", err)
		}
	}
	if _, err := tx.Exec(ctx, sqlPastLinks, from, ids); err != nil {
		return fmt.Errorf("link what visits found: %w", err)
	}
	return nil
}
