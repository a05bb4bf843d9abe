package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/incident"
)

const sqlWhistleRules = `SELECT kind, name, respond_n, respond_unit, arrive_n, arrive_unit, geofence_m, at_once, version FROM whistle_rule ORDER BY CASE kind WHEN 'mass' THEN 1 WHEN 'enforcement' THEN 2 ELSE 3 END`

// WhistleRules returns the parameters of every kind of whistle.
func WhistleRules(ctx context.Context, q Querier) ([]incident.WhistleRule, error) {
	rows, err := q.Query(ctx, sqlWhistleRules)
	if err != nil {
		return nil, fmt.Errorf("read the whistle rules: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (r incident.WhistleRule, err error) {
		return r, row.Scan(&r.Kind, &r.Name, &r.Respond.N, &r.Respond.Unit, &r.Arrive.N, &r.Arrive.Unit, &r.GeofenceM, &r.AtOnce, &r.Version)
	})
	if err != nil {
		return nil, fmt.Errorf("read the whistle rules: %w", err)
	}
	return list, nil
}

const sqlPutWhistleRule = `
UPDATE whistle_rule SET name = $2, respond_n = $3, respond_unit = $4, arrive_n = $5, arrive_unit = $6, geofence_m = $7, at_once = $8, version = version + 1
WHERE kind = $1 AND version = $9`

// PutWhistleRule changes the parameters of a kind that still has the version
// the caller read. Whistles that were raised keep theirs.
func PutWhistleRule(ctx context.Context, q Querier, r incident.WhistleRule) error {
	tag, err := q.Exec(ctx, sqlPutWhistleRule, r.Kind, r.Name, r.Respond.N, string(r.Respond.Unit), r.Arrive.N, string(r.Arrive.Unit), r.GeofenceM, r.AtOnce, r.Version)
	if err != nil {
		return fmt.Errorf("write the whistle rule: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return fault.New(fault.Conflict, "这项参数刚被他人修改，请刷新后再改").At("version")
	}
	return nil
}

const sqlNextWhistle = `
INSERT INTO whistle_counter (region_id, day, seq) VALUES ($1, $2::date, 1)
ON CONFLICT (region_id, day) DO UPDATE SET seq = whistle_counter.seq + 1
RETURNING seq, (SELECT upper(left(regexp_replace(o.pinyin, '[^A-Za-z]', '', 'g'), 2)) FROM org o WHERE o.id = $1)`

// NextWhistleNumber returns the region's next whistle number of the day:
// MH哨261124-03 is the third of 24 November 2026 of 明湖.
func NextWhistleNumber(ctx context.Context, tx pgx.Tx, region int64, day time.Time) (string, error) {
	var (
		seq     int
		letters string
	)
	if err := tx.QueryRow(ctx, sqlNextWhistle, region, day.Format(time.DateOnly)).Scan(&seq, &letters); err != nil {
		return "", fmt.Errorf("take a whistle number: %w", err)
	}
	if letters == "" {
		letters = fmt.Sprintf("R%d-", region)
	}
	return fmt.Sprintf("%s哨%s-%02d", letters, day.Format("060102"), seq), nil
}

const whistleColumns = `
SELECT w.id, w.region_id, w.no, w.version, w.incident_id, COALESCE(i.case_no, ''), COALESCE(i.title, ''), w.kind, r.name, w.state, w.drill, w.sensitivity, w.org_id, o.path, o.name,
  w.raised_by, w.raised_by_name, w.raised_at, w.reason, w.geom, w.address, w.geofence_m, w.confirmed_by_name, w.confirmed_at, w.confirm_note, w.respond_due, w.arrive_due, w.provisional,
  w.closed_by_name, w.closed_at, w.close_note, COALESCE(w.client_id, ''),
  COALESCE((SELECT jsonb_agg(to_jsonb(d) - 'whistle_id' - 'org_id' || jsonb_build_object('org', d.org_id, 'path', p.path, 'region', p.region_id, 'name', p.name) ORDER BY p.path)
    FROM whistle_department d JOIN org p ON p.id = d.org_id WHERE d.whistle_id = w.id), '[]')
FROM whistle w JOIN org o ON o.id = w.org_id JOIN whistle_rule r ON r.kind = w.kind LEFT JOIN incident i ON i.id = w.incident_id`

const sqlWhistleByID = whistleColumns + ` WHERE w.id = $1`

const sqlWhistleForUpdate = whistleColumns + ` WHERE w.id = $1 FOR UPDATE OF w`

const sqlWhistleByClient = whistleColumns + ` WHERE w.region_id = $1 AND w.client_id = $2`

// WhistleByID returns one whistle, whoever asks.
func WhistleByID(ctx context.Context, q Querier, id uuid.UUID) (incident.Whistle, error) {
	return oneWhistle(ctx, q, sqlWhistleByID, id)
}

// WhistleForUpdate returns one whistle and holds its row.
func WhistleForUpdate(ctx context.Context, q Querier, id uuid.UUID) (incident.Whistle, error) {
	return oneWhistle(ctx, q, sqlWhistleForUpdate, id)
}

// WhistleByClient returns the whistle that the region knows by the client's own id.
func WhistleByClient(ctx context.Context, q Querier, region int64, clientID string) (incident.Whistle, error) {
	return oneWhistle(ctx, q, sqlWhistleByClient, region, clientID)
}

func oneWhistle(ctx context.Context, q Querier, sql string, args ...any) (incident.Whistle, error) {
	list, err := collectWhistles(ctx, q, sql, args...)
	if err != nil {
		return incident.Whistle{}, err
	}
	if len(list) == 0 {
		return incident.Whistle{}, fault.New(fault.Missing, "没有这个哨单，或者不在您的管辖范围")
	}
	return list[0], nil
}

func collectWhistles(ctx context.Context, q Querier, sql string, args ...any) ([]incident.Whistle, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("read the whistles: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (w incident.Whistle, err error) {
		err = row.Scan(&w.ID, &w.Region, &w.No, &w.Version, &w.Incident, &w.IncidentNo, &w.IncidentTitle, &w.Kind, &w.KindName, &w.State, &w.Drill, &w.Sensitivity, &w.Org, &w.OrgPath, &w.OrgName,
			&w.RaisedBy, &w.RaisedByName, &w.RaisedAt, &w.Reason, &w.Point, &w.Address, &w.GeofenceM, &w.ConfirmedByName, &w.ConfirmedAt, &w.ConfirmNote, &w.RespondDue, &w.ArriveDue, &w.Provisional,
			&w.ClosedByName, &w.ClosedAt, &w.CloseNote, &w.ClientID, &w.Need)
		w.RaisedAt = w.RaisedAt.UTC()
		instants := []*time.Time{w.ConfirmedAt, w.RespondDue, w.ArriveDue, w.ClosedAt}
		for _, c := range w.Need {
			instants = append(instants, c.RespondedAt, c.CheckedInAt, c.WorkingAt, c.RepliedAt, c.RatedAt)
		}
		for _, at := range instants {
			if at != nil {
				*at = at.UTC()
			}
		}
		return w, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the whistles: %w", err)
	}
	return list, nil
}

const sqlInsertWhistle = `
INSERT INTO whistle (id, region_id, no, version, incident_id, kind, state, drill, sensitivity, org_id, raised_by, raised_by_name, raised_at, reason, geom, address, geofence_m,
  confirmed_by_name, confirmed_at, confirm_note, respond_due, arrive_due, provisional, client_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, NULLIF($24, ''))`

// InsertWhistle stores a new whistle and the departments it calls. A client_id
// that the region knows already violates whistle_client.
func InsertWhistle(ctx context.Context, q Querier, w incident.Whistle) error {
	_, err := q.Exec(ctx, sqlInsertWhistle, w.ID, w.Region, w.No, w.Version, w.Incident, w.Kind, w.State, w.Drill, w.Sensitivity, w.Org, w.RaisedBy, w.RaisedByName, w.RaisedAt, w.Reason,
		w.Point, w.Address, w.GeofenceM, w.ConfirmedByName, w.ConfirmedAt, w.ConfirmNote, w.RespondDue, w.ArriveDue, w.Provisional, w.ClientID)
	if err != nil {
		return fmt.Errorf("store the whistle: %w", err)
	}
	return putCalled(ctx, q, w)
}

const sqlUpdateWhistle = `
UPDATE whistle SET version = $2, state = $3, confirmed_by = COALESCE(confirmed_by, CASE WHEN $4 <> '' THEN $10::bigint END), confirmed_by_name = $4, confirmed_at = $5, confirm_note = $6,
  respond_due = $7, arrive_due = $8, provisional = $9, closed_by = COALESCE(closed_by, CASE WHEN $12::timestamptz IS NOT NULL THEN $10::bigint END), closed_by_name = $11, closed_at = $12, close_note = $13
WHERE id = $1`

const sqlDropCalled = `DELETE FROM whistle_department WHERE whistle_id = $1 AND NOT org_id = ANY ($2)`

// UpdateWhistle writes a whistle back whose row the caller holds; by is the account that moved it.
func UpdateWhistle(ctx context.Context, q Querier, w incident.Whistle, by int64) error {
	if _, err := q.Exec(ctx, sqlUpdateWhistle, w.ID, w.Version, w.State, w.ConfirmedByName, w.ConfirmedAt, w.ConfirmNote, w.RespondDue, w.ArriveDue, w.Provisional, by,
		w.ClosedByName, w.ClosedAt, w.CloseNote); err != nil {
		return fmt.Errorf("write the whistle: %w", err)
	}
	orgs := make([]int64, len(w.Need))
	for i, c := range w.Need {
		orgs[i] = c.Org
	}
	if _, err := q.Exec(ctx, sqlDropCalled, w.ID, orgs); err != nil {
		return fmt.Errorf("write the whistle: %w", err)
	}
	return putCalled(ctx, q, w)
}

const sqlPutCalled = `
INSERT INTO whistle_department (whistle_id, org_id, state, responded_at, responded_by_name, checked_in_at, checked_in_by_name, distance_m, outside, outside_reason, working_at, work_note,
  replied_at, replied_by_name, reply, result, rated_at, rated_by_name, grade, rate_note)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)
ON CONFLICT (whistle_id, org_id) DO UPDATE SET state = EXCLUDED.state, responded_at = EXCLUDED.responded_at, responded_by_name = EXCLUDED.responded_by_name,
  checked_in_at = EXCLUDED.checked_in_at, checked_in_by_name = EXCLUDED.checked_in_by_name, distance_m = EXCLUDED.distance_m, outside = EXCLUDED.outside, outside_reason = EXCLUDED.outside_reason,
  working_at = EXCLUDED.working_at, work_note = EXCLUDED.work_note, replied_at = EXCLUDED.replied_at, replied_by_name = EXCLUDED.replied_by_name, reply = EXCLUDED.reply, result = EXCLUDED.result,
  rated_at = EXCLUDED.rated_at, rated_by_name = EXCLUDED.rated_by_name, grade = EXCLUDED.grade, rate_note = EXCLUDED.rate_note`

func putCalled(ctx context.Context, q Querier, w incident.Whistle) error {
	for _, c := range w.Need {
		if _, err := q.Exec(ctx, sqlPutCalled, w.ID, c.Org, c.State, c.RespondedAt, c.RespondedByName, c.CheckedInAt, c.CheckedInByName, c.DistanceM, c.Outside, c.OutsideReason, c.WorkingAt, c.WorkNote,
			c.RepliedAt, c.RepliedByName, c.Reply, c.Result, c.RatedAt, c.RatedByName, c.Grade, c.RateNote); err != nil {
			return fmt.Errorf("write the whistle's departments: %w", err)
		}
	}
	return nil
}

// CheckIn is one person of a department standing on the scene (报到).
type CheckIn struct {
	ID        uuid.UUID  `json:"id"`
	Whistle   uuid.UUID  `json:"-"`
	Org       int64      `json:"org"`
	OrgName   string     `json:"org_name"`
	By        int64      `json:"by"`
	ByName    string     `json:"by_name"`
	At        time.Time  `json:"at"`
	Point     *orb.Point `json:"point,omitempty"`
	Accuracy  *float32   `json:"accuracy,omitempty"`
	DistanceM *float32   `json:"distance_m,omitempty"`
	Outside   bool       `json:"outside,omitempty"`
	Reason    string     `json:"reason,omitempty"`
}

const sqlInsertCheckIn = `
INSERT INTO whistle_checkin (id, whistle_id, org_id, by_account, by_name, at, geom, accuracy, distance_m, outside, reason) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`

// InsertCheckIn records who reported in on the scene.
func InsertCheckIn(ctx context.Context, q Querier, c CheckIn) error {
	if _, err := q.Exec(ctx, sqlInsertCheckIn, c.ID, c.Whistle, c.Org, c.By, c.ByName, c.At, c.Point, c.Accuracy, c.DistanceM, c.Outside, c.Reason); err != nil {
		return fmt.Errorf("record who is on the scene: %w", err)
	}
	return nil
}

const sqlCheckIns = `
SELECT c.id, c.whistle_id AS whistle, c.org_id AS org, o.name AS org_name, c.by_account AS by, c.by_name, c.at, c.geom AS point, c.accuracy, c.distance_m, c.outside, c.reason
FROM whistle_checkin c JOIN org o ON o.id = c.org_id WHERE c.whistle_id = $1 ORDER BY c.at`

// CheckIns lists who reported in for a whistle.
func CheckIns(ctx context.Context, q Querier, of uuid.UUID) ([]CheckIn, error) {
	rows, err := q.Query(ctx, sqlCheckIns, of)
	if err != nil {
		return nil, fmt.Errorf("read who is on the scene: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[CheckIn])
	if err != nil {
		return nil, fmt.Errorf("read who is on the scene: %w", err)
	}
	return list, nil
}

const sqlMetres = `SELECT ST_Distance($1::geometry::geography, $2::geometry::geography)`

// Metres is the distance between two points on the ground.
func Metres(ctx context.Context, q Querier, a, b orb.Point) (m float64, err error) {
	if err := q.QueryRow(ctx, sqlMetres, a, b).Scan(&m); err != nil {
		return 0, fmt.Errorf("measure the distance: %w", err)
	}
	return m, nil
}

const sqlCountWhistle = `
UPDATE incident SET whistles = GREATEST(whistles + $2, 0), version = version + 1, updated_at = $3 WHERE id = $1 AND open`

// CountWhistle keeps how many whistles stand over an incident, whose row the
// caller holds. A case that is over is not touched any more: ok is false.
func CountWhistle(ctx context.Context, q Querier, of uuid.UUID, change int, now time.Time) (ok bool, err error) {
	tag, err := q.Exec(ctx, sqlCountWhistle, of, change, now)
	if err != nil {
		return false, fmt.Errorf("count the whistle: %w", err)
	}
	return tag.RowsAffected() == 1, nil
}

const sqlAddWhistleParty = `
INSERT INTO incident_party (incident_id, org_id, role) SELECT $1, unnest($2::bigint[]), 'whistle' ON CONFLICT DO NOTHING`

// AddWhistleParties lets departments see a case to which they were called.
func AddWhistleParties(ctx context.Context, q Querier, of uuid.UUID, orgs []int64) error {
	if _, err := q.Exec(ctx, sqlAddWhistleParty, of, orgs); err != nil {
		return fmt.Errorf("call the departments: %w", err)
	}
	return nil
}

// WhistleScope is whose whistles a caller sees: those raised inside Whole,
// those whose departments inside Called have been called, and its own. A wall
// (Account 0) sees none of a sensitive matter.
type WhistleScope struct {
	Whole, Called []string
	Account       int64
}

const whistleSeen = `
 (w.sensitivity <> 'high' OR $3::bigint <> 0) AND
 (o.path LIKE ANY ($1) OR w.raised_by = NULLIF($3::bigint, 0)
  OR (w.confirmed_at IS NOT NULL AND EXISTS (SELECT FROM whistle_department d JOIN org p ON p.id = d.org_id WHERE d.whistle_id = w.id AND p.path LIKE ANY ($2))))`

const sqlWhistleSeen = `SELECT EXISTS (SELECT FROM whistle w JOIN org o ON o.id = w.org_id WHERE w.id = $4 AND` + whistleSeen + `)`

// WhistleSeen reports whether the caller may see the whistle.
func WhistleSeen(ctx context.Context, q Querier, s WhistleScope, id uuid.UUID) (ok bool, err error) {
	if err := q.QueryRow(ctx, sqlWhistleSeen, Under(s.Whole), Under(s.Called), s.Account, id).Scan(&ok); err != nil {
		return false, fmt.Errorf("check who sees the whistle: %w", err)
	}
	return ok, nil
}

// WhistleFilter narrows the list of whistles.
type WhistleFilter struct {
	WhistleScope
	State    string // "open": not over
	Kind     string
	Org      *int64 // raised below it
	Dept     *int64 // calls it
	Incident *uuid.UUID
	Drill    *bool
	From, To *time.Time
	BeforeAt *time.Time
	BeforeID *uuid.UUID
	Late     *time.Time // a department had not responded or come in time at the instant
	Limit    int
}

const whistleWhere = `
WHERE` + whistleSeen + `
  AND ($4 = '' OR w.state = $4 OR ($4 = 'open' AND w.state NOT IN ('closed', 'refused'))) AND ($5 = '' OR w.kind = $5)
  AND ($6::bigint IS NULL OR o.path LIKE (SELECT path FROM org WHERE id = $6) || '%')
  AND ($7::bigint IS NULL OR EXISTS (SELECT FROM whistle_department d WHERE d.whistle_id = w.id AND d.org_id = $7))
  AND ($8::uuid IS NULL OR w.incident_id = $8) AND ($9::boolean IS NULL OR w.drill = $9)
  AND ($10::timestamptz IS NULL OR w.raised_at >= $10) AND ($11::timestamptz IS NULL OR w.raised_at < $11)
  AND ($12::timestamptz IS NULL OR w.confirmed_at IS NOT NULL AND w.state NOT IN ('closed', 'refused') AND EXISTS (
    SELECT FROM whistle_department d JOIN org p ON p.id = d.org_id
    WHERE d.whistle_id = w.id AND (d.responded_at IS NULL AND w.respond_due <= $12 OR d.checked_in_at IS NULL AND w.arrive_due <= $12)
      AND (o.path LIKE ANY ($1) OR w.raised_by = NULLIF($3::bigint, 0) OR p.path LIKE ANY ($2))))`

const sqlListWhistles = whistleColumns + whistleWhere + `
  AND ($13::timestamptz IS NULL OR (w.raised_at, w.id) < ($13, $14::uuid))
ORDER BY w.raised_at DESC, w.id DESC LIMIT $15`

const sqlCountWhistles = `SELECT count(*) FROM whistle w JOIN org o ON o.id = w.org_id` + whistleWhere

// ListWhistles returns a page of whistles, newest first, and how many there are in all.
func ListWhistles(ctx context.Context, q Querier, f WhistleFilter) ([]incident.Whistle, int64, error) {
	args := []any{Under(f.Whole), Under(f.Called), f.Account, f.State, f.Kind, f.Org, f.Dept, f.Incident, f.Drill, f.From, f.To, f.Late}
	list, err := collectWhistles(ctx, q, sqlListWhistles, append(args, f.BeforeAt, f.BeforeID, f.Limit)...)
	if err != nil {
		return nil, 0, err
	}
	var total int64
	if err := q.QueryRow(ctx, sqlCountWhistles, args...).Scan(&total); err != nil {
		return nil, 0, fmt.Errorf("count the whistles: %w", err)
	}
	return list, total, nil
}

// WhistleFigures are what whistles of a period come to, for one department or
// for all (Org 0). Drills count nowhere. A rate is its numerator and
// denominator: nobody divides by zero here.
type WhistleFigures struct {
	Org       int64  `json:"org"`
	Name      string `json:"name"`
	Whistles  int64  `json:"whistles"`  // 吹哨数: confirmed ones
	Called    int64  `json:"called"`    // departments called
	Responded int64  `json:"responded"` // 响应率: of called, by the due instant
	Arrived   int64  `json:"arrived"`   // 到场及时率: of called, reported in by the due instant
	Outside   int64  `json:"outside"`   // reported in from beyond the fence
	Over      int64  `json:"over"`      // 解决率: of over (replied or closed)…
	Solved    int64  `json:"solved"`    // …those solved
	Rated     int64  `json:"rated"`     // 部门得分: the mean of…
	Points    int64  `json:"points"`    // …grades 1 to 5
}

const whistleFigures = `
count(DISTINCT w.id) AS whistles, count(*) AS called,
  count(*) FILTER (WHERE d.responded_at <= COALESCE(w.respond_due, 'infinity')) AS responded,
  count(*) FILTER (WHERE d.checked_in_at <= COALESCE(w.arrive_due, 'infinity')) AS arrived,
  count(*) FILTER (WHERE d.outside) AS outside,
  count(*) FILTER (WHERE d.replied_at IS NOT NULL OR w.state = 'closed') AS over,
  count(*) FILTER (WHERE d.result = 'solved') AS solved,
  count(d.grade) AS rated, COALESCE(sum(d.grade), 0)::bigint AS points
FROM whistle w JOIN org o ON o.id = w.org_id JOIN whistle_department d ON d.whistle_id = w.id JOIN org p ON p.id = d.org_id
WHERE NOT w.drill AND w.confirmed_at IS NOT NULL AND w.raised_at >= $2 AND w.raised_at < $3 AND (o.path LIKE ANY ($1) OR p.path LIKE ANY ($1))`

const sqlWhistleFigures = `SELECT 0::bigint AS org, '' AS name, ` + whistleFigures

const sqlWhistleFiguresByOrg = `SELECT p.id AS org, p.name, ` + whistleFigures + ` GROUP BY p.id, p.name, p.path ORDER BY p.path`

// WhistleStatistics returns the figures of the whistles of a scope that were
// raised in [from, to): first all together, then each department.
func WhistleStatistics(ctx context.Context, q Querier, scope []string, from, to time.Time) ([]WhistleFigures, error) {
	var all []WhistleFigures
	for _, sql := range []string{sqlWhistleFigures, sqlWhistleFiguresByOrg} {
		rows, err := q.Query(ctx, sql, Under(scope), from, to)
		if err != nil {
			return nil, fmt.Errorf("count the whistles: %w", err)
		}
		list, err := pgx.CollectRows(rows, pgx.RowToStructByName[WhistleFigures])
		if err != nil {
			return nil, fmt.Errorf("count the whistles: %w", err)
		}
		all = append(all, list...)
	}
	return all, nil
}
