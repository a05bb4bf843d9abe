package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/fault"
)

// DataClass is a record of processing: what is held about people, why, on what
// basis, who sees it and for how long.
type DataClass struct {
	Code          string     `json:"code"`
	Name          string     `json:"name"`
	Content       string     `json:"content"`
	Purpose       string     `json:"purpose"`
	LegalBasis    string     `json:"legal_basis"`
	Recipients    string     `json:"recipients"`
	Sensitivity   string     `json:"sensitivity" enum:"general,sensitive"`
	RetentionDays *int       `json:"retention_days" doc:"null: retention_text alone says it"`
	RetentionText string     `json:"retention_text"`
	Version       int32      `json:"version"`
	UpdatedAt     *time.Time `json:"updated_at"`
	UpdatedName   string     `json:"updated_name"`
}

const sqlDataClasses = `
SELECT code, name, content, purpose, legal_basis, recipients, sensitivity, retention_days, retention_text, version, updated_at, updated_name FROM data_class ORDER BY sort, code`

// DataClasses lists the records of processing.
func DataClasses(ctx context.Context, q Querier) ([]DataClass, error) {
	rows, err := q.Query(ctx, sqlDataClasses)
	if err != nil {
		return nil, fmt.Errorf("read the records of processing: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[DataClass])
	if err != nil {
		return nil, fmt.Errorf("read the records of processing: %w", err)
	}
	return list, nil
}

const sqlUpdateDataClass = `
UPDATE data_class SET content = $3, purpose = $4, legal_basis = $5, recipients = $6, retention_days = CASE WHEN code IN ('doubt','signature') THEN $7 ELSE retention_days END, retention_text = $8,
  version = version + 1, updated_at = $9, updated_by = $10, updated_name = $11 WHERE code = $1 AND version = $2`

// UpdateDataClass writes the house's own words on a class that still has the version that was read.
func UpdateDataClass(ctx context.Context, q Querier, c DataClass, now time.Time, by int64, name string) error {
	tag, err := q.Exec(ctx, sqlUpdateDataClass, c.Code, c.Version, c.Content, c.Purpose, c.LegalBasis, c.Recipients, c.RetentionDays, c.RetentionText, now, by, name)
	if err != nil {
		return fmt.Errorf("write the record of processing: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return fault.New(fault.Conflict, "这条处理记录刚被他人修改，请刷新后再改").At("version")
	}
	return nil
}

// DataController is who answers for the data, and whom to ask.
type DataController struct {
	Name        string     `json:"name"`
	Contact     string     `json:"contact"`
	Complaint   string     `json:"complaint"`
	Assessment  string     `json:"assessment" doc:"number of the impact assessment"`
	AssessedOn  *time.Time `json:"-"`
	Assessed    string     `json:"assessed_on" doc:"a day, or nothing"`
	Notice      string     `json:"notice"`
	Version     int32      `json:"version"`
	UpdatedAt   *time.Time `json:"updated_at"`
	UpdatedName string     `json:"updated_name"`
}

const sqlDataController = `SELECT name, contact, complaint, assessment, assessed_on, notice, version, updated_at, updated_name FROM data_controller`

// ReadDataController returns who answers for the data.
func ReadDataController(ctx context.Context, q Querier) (DataController, error) {
	var c DataController
	if err := q.QueryRow(ctx, sqlDataController).Scan(&c.Name, &c.Contact, &c.Complaint, &c.Assessment, &c.AssessedOn, &c.Notice, &c.Version, &c.UpdatedAt, &c.UpdatedName); err != nil {
		return c, fmt.Errorf("read who answers for the data: %w", err)
	}
	if c.AssessedOn != nil {
		c.Assessed = c.AssessedOn.Format(time.DateOnly)
	}
	return c, nil
}

const sqlUpdateDataController = `
UPDATE data_controller SET name = $2, contact = $3, complaint = $4, assessment = $5, assessed_on = $6, notice = $7, version = version + 1, updated_at = $8, updated_by = $9, updated_name = $10 WHERE version = $1`

// UpdateDataController writes who answers for the data.
func UpdateDataController(ctx context.Context, q Querier, c DataController, now time.Time, by int64, name string) error {
	tag, err := q.Exec(ctx, sqlUpdateDataController, c.Version, c.Name, c.Contact, c.Complaint, c.Assessment, c.AssessedOn, c.Notice, now, by, name)
	if err != nil {
		return fmt.Errorf("write who answers for the data: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return fault.New(fault.Conflict, "刚被他人修改，请刷新后再改")
	}
	return nil
}

// HeldData is how much is held about a worker of one class.
type HeldData struct {
	Code   string     `json:"code"`
	Count  int64      `json:"count"`
	Unit   string     `json:"unit"`
	Oldest *time.Time `json:"oldest"`
	Newest *time.Time `json:"newest"`
}

// A day of fixes is in the archive, or as it came, or both: counted once.
const sqlHeld = `
SELECT 'track', (SELECT COALESCE(sum(c.fixes), 0) FROM trail_chunk c WHERE c.region_id = $1 AND c.worker_id = $2)
    + (SELECT count(*) FROM fix f WHERE f.region_id = $1 AND f.worker_id = $2 AND NOT EXISTS (SELECT FROM trail_chunk c WHERE c.region_id = $1 AND c.worker_id = $2 AND f.at BETWEEN c.from_at AND c.to_at)), '个定位点',
  LEAST((SELECT min(at) FROM fix WHERE region_id = $1 AND worker_id = $2), (SELECT min(from_at) FROM trail_chunk WHERE region_id = $1 AND worker_id = $2)),
  GREATEST((SELECT max(at) FROM fix WHERE region_id = $1 AND worker_id = $2), (SELECT max(to_at) FROM trail_chunk WHERE region_id = $1 AND worker_id = $2))
UNION ALL SELECT 'duty', count(*), '次在岗', min(started_at), max(started_at) FROM duty_session WHERE worker_id = $2
UNION ALL SELECT 'patrol', count(*), '天', min(day)::timestamptz, max(day)::timestamptz FROM patrol_day WHERE region_id = $1 AND worker_id = $2
UNION ALL SELECT 'visit', count(*), '次走访', min(arrived_at), max(arrived_at) FROM visit WHERE region_id = $1 AND worker_id = $2
UNION ALL SELECT 'doubt', count(*), '条', min(raised_at), max(raised_at) FROM doubt WHERE worker_id = $2
UNION ALL SELECT 'access', count(*), '次查看', min(at), max(at) FROM access_record WHERE worker_id = $2
UNION ALL SELECT 'account', count(*), '个账号', min(created_at), max(created_at) FROM account WHERE worker_id = $2
UNION ALL SELECT 'audit', count(*), '条', min(u.at), max(u.at) FROM audit u JOIN account a ON a.id = u.account_id WHERE a.worker_id = $2
UNION ALL SELECT 'signature', count(*), '天', min(day)::timestamptz, max(day)::timestamptz FROM track_signature WHERE region_id = $1 AND worker_id = $2`

// HeldAbout counts what is held about a worker.
func HeldAbout(ctx context.Context, q Querier, region, worker int64) ([]HeldData, error) {
	rows, err := q.Query(ctx, sqlHeld, region, worker)
	if err != nil {
		return nil, fmt.Errorf("count what is held: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[HeldData])
	if err != nil {
		return nil, fmt.Errorf("count what is held: %w", err)
	}
	return list, nil
}

// TakenOut is an export of tracks that a worker's is in.
type TakenOut struct {
	At      time.Time `json:"at"`
	By      string    `json:"by"`
	Format  string    `json:"format"`
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
	Purpose string    `json:"purpose"`
	State   string    `json:"state"`
	Taken   int       `json:"taken" doc:"how often the file was fetched"`
}

const sqlTakenOut = `
SELECT e.asked_at, a.name, e.format, e.from_at, e.to_at, e.purpose, e.state, e.taken FROM track_export e JOIN account a ON a.id = e.account_id WHERE $1 = ANY (e.workers) ORDER BY e.asked_at DESC LIMIT 100`

// ExportsWith lists the exports that a worker's track is in, newest first.
func ExportsWith(ctx context.Context, q Querier, worker int64) ([]TakenOut, error) {
	rows, err := q.Query(ctx, sqlTakenOut, worker)
	if err != nil {
		return nil, fmt.Errorf("list the exports: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[TakenOut])
	if err != nil {
		return nil, fmt.Errorf("list the exports: %w", err)
	}
	return list, nil
}

// What a worker takes home: everything about himself as JSON, one line of each
// table. Names of visited people are not his to take.
const sqlMyPerson = `
SELECT to_jsonb(x) FROM (SELECT w.code, w.name, w.phone, w.role, o.name AS organisation, w.created_at,
  (SELECT jsonb_agg(jsonb_build_object('login', a.login, 'name', a.name, 'created_at', a.created_at)) FROM account a WHERE a.worker_id = w.id) AS accounts,
  (SELECT jsonb_agg(jsonb_build_object('ident', d.ident, 'name', d.name, 'protocol', d.protocol)) FROM device d WHERE d.worker_id = w.id) AS devices
  FROM worker w JOIN org o ON o.id = w.org_id WHERE w.id = $1) x`

const sqlMySessions = `
SELECT to_jsonb(x) FROM (SELECT id, purpose, started_at, ended_at, auto_closed, consent_version FROM duty_session WHERE worker_id = $1 ORDER BY started_at) x`

const sqlMyPatrolDays = `
SELECT to_jsonb(x) FROM (SELECT day, am_ms, pm_ms, am_ok, pm_ok, in_ms, out_ms, distance_m, fixes, visits, rule_version, computed_at, measure FROM patrol_day WHERE worker_id = $1 ORDER BY day) x`

const sqlMyVisits = `
SELECT to_jsonb(x) FROM (SELECT id, target_kind, arrived_at, left_at, ST_X(geom) AS lon, ST_Y(geom) AS lat, method, outcome, verified, CASE WHEN sensitive THEN '' ELSE content END AS content FROM visit WHERE worker_id = $1 ORDER BY arrived_at) x`

const sqlMyDoubts = `
SELECT to_jsonb(x) FROM (SELECT d.day, d.score, d.state, d.verdict, d.rule_version, d.raised_at,
  (SELECT jsonb_agg(jsonb_build_object('code', s.code, 'points', s.points, 'text', s.text, 'mitigated', s.mitigated) ORDER BY s.seq) FROM doubt_signal s WHERE s.doubt_id = d.id) AS signals,
  (SELECT jsonb_agg(jsonb_build_object('at', s.at, 'kind', s.kind, 'by', s.by_name, 'verdict', s.verdict, 'text', s.text) ORDER BY s.id) FROM doubt_step s WHERE s.doubt_id = d.id) AS steps
  FROM doubt d WHERE d.worker_id = $1 ORDER BY d.day) x`

const sqlMyLooks = `
SELECT to_jsonb(x) FROM (SELECT r.at, a.name AS by, r.what, r.purpose, r.day FROM access_record r JOIN account a ON a.id = r.account_id WHERE r.worker_id = $1 ORDER BY r.id) x`

// MyRecords returns everything but the tracks that is held about a worker, by file.
func MyRecords(ctx context.Context, q Querier, worker int64) (map[string][]json.RawMessage, error) {
	out := map[string][]json.RawMessage{}
	for name, sql := range map[string]string{"person": sqlMyPerson, "duty-sessions": sqlMySessions, "patrol-days": sqlMyPatrolDays, "visits": sqlMyVisits, "doubts": sqlMyDoubts, "access-records": sqlMyLooks} {
		rows, err := q.Query(ctx, sql, worker)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		if out[name], err = pgx.CollectRows(rows, pgx.RowTo[json.RawMessage]); err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
	}
	return out, nil
}
