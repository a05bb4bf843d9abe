package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// personalTables says of every table that carries a person's id to which
// class of data it belongs. A test compares it with the schema, so that a new
// table cannot be forgotten: neither by the page that answers "what do you hold
// about me" nor by the file that people take home.
var personalTables = map[string][]string{
	"track":     {"fix", "fix_outside", "last_fix", "trail_chunk", "trail_day"},
	"duty":      {"duty_session", "grid_presence"},
	"patrol":    {"patrol_day", "patrol_dirty", "patrol_verdict", "patrol_walk", "patrol_week"},
	"visit":     {"info_record", "visit", "visit_object"},
	"photo":     {"attachment"},
	"doubt":     {"doubt", "doubt_check", "doubt_step"},
	"assess":    {"assess_appeal", "assess_mark", "assess_score"},
	"work":      {"command_target", "dispatch_order", "incident", "notice_read", "verification"},
	"sos":       {"sos"},
	"roster":    {"grid_assignment", "leave", "shift", "worker_skill"},
	"account":   {"account", "account_post", "credential", "worker"},
	"device":    {"device", "device_seen", "off_duty_count", "phone_use", "quarantine"},
	"access":    {"access_record"},
	"taken":     {"playback", "track_export"},
	"signature": {"track_signature"},
	"audit":     {"audit", "video_ticket", "video_view"},
	"acts": {"alarm_event", "alarm_source", "assess_adjustment", "assess_decision", "assess_inspection", "assess_period", "assess_sheet", "assess_step", "assess_template", "calendar", "channel", "command",
		"data_class", "data_controller", "delay_request", "delivery", "dispatch_policy", "doubt_policy", "evaluation", "feedback", "handover", "holiday_import", "journal", "kiosk", "notice", "patrol_policy", "ranking", "sla_rule",
		"supervision", "suspension", "watch_entry", "whistle", "whistle_checkin"},
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
UNION ALL SELECT 'photo', count(*), '张', min(created_at), max(created_at) FROM attachment WHERE uploaded_by IN (SELECT id FROM account WHERE worker_id = $2)
UNION ALL SELECT 'assess', count(*), '条', min(p.from_at), max(p.to_at) FROM assess_score s JOIN assess_period p ON p.id = s.period_id WHERE s.level = 'guide' AND s.subject = $2 AND p.state NOT IN ('open','computing')
UNION ALL SELECT 'work', (SELECT count(*) FROM incident WHERE $2 IN (reporter_worker, owner_worker, handler_worker)) + (SELECT count(*) FROM dispatch_order WHERE worker_id = $2) + (SELECT count(*) FROM verification WHERE worker_id = $2)
    + (SELECT count(*) FROM command_target WHERE worker_id = $2), '条', (SELECT min(reported_at) FROM incident WHERE $2 IN (reporter_worker, owner_worker, handler_worker)), (SELECT max(reported_at) FROM incident WHERE $2 IN (reporter_worker, owner_worker, handler_worker))
UNION ALL SELECT 'sos', count(*), '次', min(at), max(at) FROM sos WHERE worker_id = $2
UNION ALL SELECT 'roster', (SELECT count(*) FROM shift WHERE worker_id = $2) + (SELECT count(*) FROM leave WHERE worker_id = $2) + (SELECT count(*) FROM grid_assignment WHERE worker_id = $2) + (SELECT count(*) FROM worker_skill WHERE worker_id = $2), '条',
  (SELECT min(valid_from)::timestamptz FROM grid_assignment WHERE worker_id = $2), (SELECT max(starts_at) FROM shift WHERE worker_id = $2)
UNION ALL SELECT 'device', count(*), '台', min(created_at), max(created_at) FROM device WHERE worker_id = $2
UNION ALL SELECT 'taken', (SELECT count(*) FROM track_export WHERE $2 = ANY (workers)) + (SELECT count(*) FROM playback WHERE $2 = ANY (workers)), '次', (SELECT min(asked_at) FROM track_export WHERE $2 = ANY (workers)), (SELECT max(asked_at) FROM track_export WHERE $2 = ANY (workers))
UNION ALL SELECT 'acts', count(*), '次', min(f.at), max(f.at) FROM feedback f JOIN account a ON a.id = f.by_account WHERE a.worker_id = $2
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

// What a worker takes home: everything about himself as JSON, one file for each
// kind. Names of visited people, and who else was out, are not his to take.
const sqlMyPerson = `
SELECT to_jsonb(x) FROM (SELECT w.code, w.name, w.phone, w.role, o.name AS organisation, w.created_at,
  (SELECT jsonb_agg(jsonb_build_object('login', a.login, 'name', a.name, 'created_at', a.created_at)) FROM account a WHERE a.worker_id = w.id) AS accounts,
  (SELECT jsonb_agg(jsonb_build_object('org', p.org_id, 'role', p.role)) FROM account a JOIN account_post p ON p.account_id = a.id WHERE a.worker_id = w.id) AS posts
  FROM worker w JOIN org o ON o.id = w.org_id WHERE w.id = $1) x`

const sqlMySessions = `
SELECT to_jsonb(x) FROM (SELECT id, purpose, started_at, ended_at, auto_closed, consent_version AS consent FROM duty_session WHERE worker_id = $1 ORDER BY started_at) x`

const sqlMyPresence = `
SELECT to_jsonb(x) FROM (SELECT g.code AS grid, p.entered_at, p.last_at, p.left_at, p.fixes FROM grid_presence p JOIN grid g ON g.id = p.grid_id WHERE p.worker_id = $1 ORDER BY p.entered_at) x`

// Fixes whose clock was wrong lie beside the days.
const sqlMyOutside = `
SELECT to_jsonb(x) FROM (SELECT at, received_at, ST_X(geom) AS lon, ST_Y(geom) AS lat, accuracy, speed, flags FROM fix_outside WHERE worker_id = $1 ORDER BY at) x`

const sqlMyDevices = `
SELECT to_jsonb(x) FROM (SELECT d.ident, d.name, d.protocol, d.duty, d.status, d.created_at, s.at AS seen_at, s.fix_at, s.battery, s.client, s.fixes, s.late,
  (SELECT jsonb_object_agg(c.day, c.fixes) FROM off_duty_count c WHERE c.device_id = d.id) AS off_duty_not_kept,
  (SELECT jsonb_agg(jsonb_build_object('at', u.received_at, 'reason', u.reason, 'state', u.state) ORDER BY u.id) FROM quarantine u WHERE u.device_id = d.id) AS quarantined
  FROM device d LEFT JOIN device_seen s ON s.device_id = d.id WHERE d.worker_id = $1 ORDER BY d.id) x`

const sqlMyPhones = `
SELECT to_jsonb(x) FROM (SELECT day, phone, first_at, last_at FROM phone_use WHERE worker_id = $1 ORDER BY day) x`

const sqlMyRoster = `
SELECT to_jsonb(x) FROM (
  SELECT 'grid' AS what, g.code AS of, a.role AS as, a.valid_from::text AS from, a.valid_to::text AS to FROM grid_assignment a JOIN grid g ON g.id = a.grid_id WHERE a.worker_id = $1
  UNION ALL SELECT 'shift', '', post, starts_at::text, ends_at::text FROM shift WHERE worker_id = $1
  UNION ALL SELECT 'leave', reason, kind, from_day || ' ' || from_half, to_day || ' ' || to_half FROM leave WHERE worker_id = $1
  UNION ALL SELECT 'skill', '', skill, since::text, NULL FROM worker_skill WHERE worker_id = $1 ORDER BY 1, 4) x`

const sqlMyWork = `
SELECT to_jsonb(x) FROM (
  SELECT 'reported' AS what, case_no AS ref, reported_at AS at, title AS text FROM incident WHERE reporter_worker = $1
  UNION ALL SELECT 'owned', case_no, reported_at, title FROM incident WHERE $1 IN (owner_worker, handler_worker)
  UNION ALL SELECT 'order', i.case_no, o.issued_at, o.requirement FROM dispatch_order o JOIN incident i ON i.id = o.incident_id WHERE o.worker_id = $1
  UNION ALL SELECT 'verification', i.case_no, v.asked_at, v.text FROM verification v JOIN incident i ON i.id = v.incident_id WHERE v.worker_id = $1
  UNION ALL SELECT 'command', c.id::text, c.at, c.text || CASE WHEN t.acked_at IS NULL THEN '' ELSE ' → ' || t.ack_text END FROM command_target t JOIN command c ON c.id = t.command_id WHERE t.worker_id = $1
  UNION ALL SELECT 'notice', n.title, r.at, '' FROM notice_read r JOIN notice n ON n.id = r.notice_id JOIN account a ON a.id = r.account_id WHERE a.worker_id = $1
  UNION ALL SELECT 'information', item_code, at, value FROM info_record WHERE worker_id = $1 ORDER BY 3) x`

const sqlMySOS = `
SELECT to_jsonb(x) FROM (SELECT at, ST_X(geom) AS lon, ST_Y(geom) AS lat, state, acked_at, closed_at FROM sos WHERE worker_id = $1 ORDER BY at) x`

const sqlMyScores = `
SELECT to_jsonb(x) FROM (
  SELECT 'score' AS what, p.label AS period, s.final AS value, '' AS text, p.published_at AS at FROM assess_score s JOIN assess_period p ON p.id = s.period_id WHERE s.level = 'guide' AND s.subject = $1 AND p.state NOT IN ('open','computing')
  UNION ALL SELECT 'mark', p.label, COALESCE(m.score, m.points)::text, m.reason, m.at FROM assess_mark m JOIN assess_period p ON p.id = m.period_id WHERE m.level = 'guide' AND m.subject = $1 AND p.state NOT IN ('open','computing')
  UNION ALL SELECT 'appeal', p.label, e.item, e.reason, e.at FROM assess_appeal e JOIN assess_period p ON p.id = e.period_id JOIN account a ON a.id = e.by_account WHERE a.worker_id = $1 ORDER BY 5) x`

const sqlMySignIns = `
SELECT to_jsonb(x) FROM (SELECT c.kind, c.created_at, c.expires_at, c.used_at, c.revoked_at, c.ip, c.agent FROM credential c LEFT JOIN account a ON a.id = c.account_id LEFT JOIN device d ON d.id = c.device_id WHERE a.worker_id = $1 OR d.worker_id = $1 ORDER BY c.id) x`

const sqlMyAudit = `
SELECT to_jsonb(x) FROM (SELECT u.at, u.ip, u.action, u.object, u.result FROM audit u JOIN account a ON a.id = u.account_id WHERE a.worker_id = $1 ORDER BY u.id) x`

const sqlMyVideo = `
SELECT to_jsonb(x) FROM (SELECT v.at, c.name AS camera, v.reason, v.ip FROM video_view v JOIN camera c ON c.id = v.camera_id JOIN account a ON a.id = v.account_id WHERE a.worker_id = $1 ORDER BY v.id) x`

const sqlMyTaken = `
SELECT to_jsonb(x) FROM (
  SELECT 'export' AS what, e.asked_at AS at, a.name AS by, e.from_at, e.to_at, e.format, e.purpose, e.state FROM track_export e JOIN account a ON a.id = e.account_id WHERE $1 = ANY (e.workers)
  UNION ALL SELECT 'playback', p.created_at, a.name, p.from_at, p.to_at, '', p.purpose, '' FROM playback p JOIN account a ON a.id = p.account_id WHERE $1 = ANY (p.workers) ORDER BY 2) x`

const sqlMySignatures = `SELECT to_jsonb(x) FROM (SELECT day, encode(body, 'base64') AS body FROM track_signature WHERE worker_id = $1 ORDER BY day) x`

const sqlMyVerdicts = `
SELECT to_jsonb(x) FROM (SELECT day, seq, computed_at, rule_version, why, am_ms, pm_ms, qualified FROM patrol_verdict WHERE worker_id = $1 ORDER BY day, seq) x`

const sqlMyWalks = `
SELECT to_jsonb(x) FROM (SELECT w.day, g.code AS grid, cardinality(w.cells) AS cells FROM patrol_walk w JOIN grid g ON g.id = w.grid_id WHERE w.worker_id = $1 ORDER BY w.day, g.code) x`

const sqlMyWeeks = `
SELECT to_jsonb(x) FROM (SELECT week, g.code AS grid, required, qualified, state FROM patrol_week w JOIN grid g ON g.id = w.grid_id WHERE w.leader_id = $1 ORDER BY week) x`

const sqlMyChecks = `
SELECT to_jsonb(x) FROM (SELECT day, score, codes, rule_version, checked_at FROM doubt_check WHERE worker_id = $1 ORDER BY day) x`

// Where somebody's name stands under what he did for the office.
const sqlMyActs = `
WITH mine AS (SELECT id FROM account WHERE worker_id = $1)
SELECT to_jsonb(x) FROM (
  SELECT 'feedback' AS what, id::text AS ref, at FROM feedback WHERE by_account IN (SELECT id FROM mine)
  UNION ALL SELECT 'evaluation', incident_id::text, at FROM evaluation WHERE by_account IN (SELECT id FROM mine)
  UNION ALL SELECT 'supervision', incident_id::text, at FROM supervision WHERE by_account IN (SELECT id FROM mine)
  UNION ALL SELECT 'delay', incident_id::text, asked_at FROM delay_request WHERE asked_by IN (SELECT id FROM mine) OR decided_by IN (SELECT id FROM mine)
  UNION ALL SELECT 'suspension', incident_id::text, asked_at FROM suspension WHERE asked_by IN (SELECT id FROM mine) OR decided_by IN (SELECT id FROM mine)
  UNION ALL SELECT 'whistle', id::text, raised_at FROM whistle WHERE raised_by IN (SELECT id FROM mine) OR confirmed_by IN (SELECT id FROM mine) OR closed_by IN (SELECT id FROM mine)
  UNION ALL SELECT 'whistle_checkin', whistle_id::text, at FROM whistle_checkin WHERE by_account IN (SELECT id FROM mine)
  UNION ALL SELECT 'watch_entry', id::text, at FROM watch_entry WHERE by_account IN (SELECT id FROM mine)
  UNION ALL SELECT 'handover', id::text, at FROM handover WHERE from_account IN (SELECT id FROM mine) OR to_account IN (SELECT id FROM mine)
  UNION ALL SELECT 'command', id::text, at FROM command WHERE by_account IN (SELECT id FROM mine)
  UNION ALL SELECT 'notice', id::text, at FROM notice WHERE by_account IN (SELECT id FROM mine)
  UNION ALL SELECT 'assess', action, at FROM assess_step WHERE by_account IN (SELECT id FROM mine) ORDER BY 3) x`

const sqlMyPhotos = `
SELECT to_jsonb(x) FROM (SELECT f.id, f.created_at, f.taken_at, f.mime, f.size, ST_X(f.geom) AS lon, ST_Y(f.geom) AS lat, f.incident_id, f.visit_id, f.doubt_id FROM attachment f JOIN account a ON a.id = f.uploaded_by WHERE a.worker_id = $1 ORDER BY f.created_at) x`

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

// myFiles are the files of what is taken home, each with the class it belongs to.
var myFiles = []struct{ name, class, sql string }{
	{"person", "account", sqlMyPerson},
	{"sign-ins", "account", sqlMySignIns},
	{"devices", "device", sqlMyDevices},
	{"phones", "device", sqlMyPhones},
	{"roster", "roster", sqlMyRoster},
	{"duty-sessions", "duty", sqlMySessions},
	{"grid-presence", "duty", sqlMyPresence},
	{"tracks-wrong-clock", "track", sqlMyOutside},
	{"patrol-days", "patrol", sqlMyPatrolDays},
	{"patrol-verdicts", "patrol", sqlMyVerdicts},
	{"patrol-cells", "patrol", sqlMyWalks},
	{"patrol-weeks", "patrol", sqlMyWeeks},
	{"visits", "visit", sqlMyVisits},
	{"photos", "photo", sqlMyPhotos},
	{"doubts", "doubt", sqlMyDoubts},
	{"doubt-checks", "doubt", sqlMyChecks},
	{"assessment", "assess", sqlMyScores},
	{"work", "work", sqlMyWork},
	{"sos", "sos", sqlMySOS},
	{"access-records", "access", sqlMyLooks},
	{"playbacks-and-exports", "taken", sqlMyTaken},
	{"signatures", "signature", sqlMySignatures},
	{"audit", "audit", sqlMyAudit},
	{"camera-views", "audit", sqlMyVideo},
	{"acts", "acts", sqlMyActs},
}

// MyFile is a file of what a worker takes home.
type MyFile struct {
	Name, Class string
	Rows        []json.RawMessage
}

// MyRecords returns everything but the tracks that is held about a worker, by file.
func MyRecords(ctx context.Context, q Querier, worker int64) ([]MyFile, error) {
	var out []MyFile
	for _, f := range myFiles {
		rows, err := q.Query(ctx, f.sql, worker)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", f.name, err)
		}
		list, err := pgx.CollectRows(rows, pgx.RowTo[json.RawMessage])
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", f.name, err)
		}
		out = append(out, MyFile{f.name, f.class, list})
	}
	return out, nil
}

const sqlMyPhotoFiles = `
SELECT f.id, f.mime, f.sha256 FROM attachment f JOIN account a ON a.id = f.uploaded_by LEFT JOIN visit v ON v.id = f.visit_id WHERE a.worker_id = $1 AND NOT COALESCE(v.sensitive, false) ORDER BY f.created_at`

// MyPhoto is a photo that a worker took; those of visits to people who are protected are not his to take home.
type MyPhoto struct {
	ID     [16]byte
	Mime   string
	SHA256 []byte
}

// MyPhotos lists a worker's photos.
func MyPhotos(ctx context.Context, q Querier, worker int64) ([]MyPhoto, error) {
	rows, err := q.Query(ctx, sqlMyPhotoFiles, worker)
	if err != nil {
		return nil, fmt.Errorf("list the photos: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[MyPhoto])
	if err != nil {
		return nil, fmt.Errorf("list the photos: %w", err)
	}
	return list, nil
}
