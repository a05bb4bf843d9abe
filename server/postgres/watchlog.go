package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/fault"
)

// WatchEntry is a line of a command room's log (值班日志). It is never changed:
// a mistake is corrected by another line.
type WatchEntry struct {
	ID       uuid.UUID  `json:"id"`
	Region   int64      `json:"region"`
	Room     int64      `json:"room"`
	RoomPath string     `json:"-"`
	RoomName string     `json:"room_name"`
	At       time.Time  `json:"at"`
	Kind     string     `json:"kind"` // call 来电, event 事件, instruction 指示, inspection 查岗, note 记事, handover 交接班
	Text     string     `json:"text"`
	Incident *uuid.UUID `json:"incident,omitempty"`
	CaseNo   string     `json:"case_no,omitempty"`
	By       int64      `json:"by"`
	ByName   string     `json:"by_name"`
}

const sqlInsertWatchEntry = `
INSERT INTO watch_entry (id, region_id, room_org, at, kind, text, incident_id, by_account, by_name) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`

// InsertWatchEntry writes a line of the log.
func InsertWatchEntry(ctx context.Context, q Querier, e WatchEntry) error {
	if _, err := q.Exec(ctx, sqlInsertWatchEntry, e.ID, e.Region, e.Room, e.At, e.Kind, e.Text, e.Incident, e.By, e.ByName); err != nil {
		return fmt.Errorf("write the watch log: %w", err)
	}
	return nil
}

// WatchFilter narrows the watch log.
type WatchFilter struct {
	Scope    []string // rooms
	Room     *int64
	Kind     string
	Query    string
	From, To *time.Time
	BeforeAt *time.Time
	BeforeID *uuid.UUID // cursor, newest first
	Limit    int
}

const sqlWatchLog = `
SELECT e.id, e.region_id AS region, e.room_org AS room, o.path AS room_path, o.name AS room_name, e.at, e.kind, e.text, e.incident_id AS incident, COALESCE(i.case_no, '') AS case_no, e.by_account AS by, e.by_name
FROM watch_entry e JOIN org o ON o.id = e.room_org LEFT JOIN incident i ON i.id = e.incident_id
WHERE o.path LIKE ANY ($1) AND ($2::bigint IS NULL OR e.room_org = $2) AND ($3 = '' OR e.kind = $3)
  AND ($4 = '' OR e.text ILIKE '%' || $4 || '%' OR e.by_name ILIKE '%' || $4 || '%' OR i.case_no ILIKE '%' || $4 || '%')
  AND ($5::timestamptz IS NULL OR e.at >= $5) AND ($6::timestamptz IS NULL OR e.at < $6)
  AND ($7::timestamptz IS NULL OR (e.at, e.id) < ($7, $8::uuid))
ORDER BY e.at DESC, e.id DESC LIMIT $9`

// WatchLog lists lines of the rooms of a scope, newest first.
func WatchLog(ctx context.Context, q Querier, f WatchFilter) ([]WatchEntry, error) {
	rows, err := q.Query(ctx, sqlWatchLog, Under(f.Scope), f.Room, f.Kind, likeText(f.Query), f.From, f.To, f.BeforeAt, f.BeforeID, f.Limit)
	if err != nil {
		return nil, fmt.Errorf("read the watch log: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[WatchEntry])
	if err != nil {
		return nil, fmt.Errorf("read the watch log: %w", err)
	}
	return list, nil
}

// Handover is a change of the watch (交接班): what was open is listed in Items,
// kept as it was written; Digest covers it and everything else of the row.
type Handover struct {
	ID       uuid.UUID       `json:"id"`
	Region   int64           `json:"region"`
	Room     int64           `json:"room"`
	RoomPath string          `json:"-"`
	RoomName string          `json:"room_name"`
	At       time.Time       `json:"at"`
	From     int64           `json:"from_account"`
	FromName string          `json:"from_name"`
	To       int64           `json:"to_account"`
	ToName   string          `json:"to_name"`
	Note     string          `json:"note"`
	Items    json.RawMessage `json:"items" doc:"what was open: counts and lists, see GET /watch-log/current"`
	State    string          `json:"state"` // asked, signed, replaced
	SignedAt *time.Time      `json:"signed_at,omitempty"`
	Digest   string          `json:"digest,omitempty"` // SHA-256, hex, once signed
}

// Sum is the digest of a handover: everything that was told and signed.
func (h Handover) Sum() string {
	b, _ := json.Marshal([]any{h.ID, h.Room, h.At.UnixMicro(), h.From, h.FromName, h.To, h.ToName, h.Note, h.Items, h.SignedAt.UnixMicro()})
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// OpenItems are what a watch leaves behind, drills left out.
type OpenItems struct {
	At     time.Time        `json:"at"`
	Counts map[string]int64 `json:"counts"` // open, critical, late, soon, suspended, supervised, unsigned, sos, alarms, whistles
	Cases  []OpenCase       `json:"cases" doc:"critical and late ones, at most 100"`
	Calls  []OpenCall       `json:"calls" doc:"open SOS, alarms and whistles, at most 100"`
}

// OpenCase is a case that the successor must know of.
type OpenCase struct {
	ID      uuid.UUID  `json:"id"`
	CaseNo  string     `json:"case_no"`
	Title   string     `json:"title"`
	State   string     `json:"state"`
	Urgency string     `json:"urgency"`
	Owner   string     `json:"owner"`
	Due     *time.Time `json:"due,omitempty"`
	Late    bool       `json:"late"`
}

// OpenCall is an SOS, an alarm or a whistle that is not over.
type OpenCall struct {
	Kind  string    `json:"kind"` // sos, alarm, whistle
	ID    uuid.UUID `json:"id"`
	Title string    `json:"title"`
	State string    `json:"state"`
	At    time.Time `json:"at"`
}

const handoverColumns = `
SELECT h.id, h.region_id AS region, h.room_org AS room, o.path AS room_path, o.name AS room_name, h.at, h.from_account AS "from", h.from_name, h.to_account AS "to", h.to_name,
  h.note, h.items, h.state, h.signed_at, h.digest
FROM handover h JOIN org o ON o.id = h.room_org`

const sqlHandoverForUpdate = handoverColumns + ` WHERE h.id = $1 FOR UPDATE OF h`

const sqlHandovers = handoverColumns + `
WHERE o.path LIKE ANY ($1) AND ($2::bigint IS NULL OR h.room_org = $2) AND ($3 = '' OR h.state = $3) AND ($4::timestamptz IS NULL OR h.at < $4)
ORDER BY h.at DESC LIMIT $5`

const sqlWatchHolder = handoverColumns + ` WHERE h.room_org = $1 AND h.state = 'signed' ORDER BY h.signed_at DESC LIMIT 1`

const sqlWatchAsked = handoverColumns + ` WHERE h.room_org = $1 AND h.state = 'asked'`

// HandoverForUpdate returns one handover and holds its row.
func HandoverForUpdate(ctx context.Context, q Querier, id uuid.UUID) (Handover, error) {
	list, err := collectHandovers(ctx, q, sqlHandoverForUpdate, id)
	if err != nil {
		return Handover{}, err
	}
	if len(list) == 0 {
		return Handover{}, fault.New(fault.Missing, "没有这个交接班记录，或者不在您的管辖范围")
	}
	return list[0], nil
}

// Handovers lists those of the rooms of a scope, newest first.
func Handovers(ctx context.Context, q Querier, scope []string, room *int64, state string, before *time.Time, limit int) ([]Handover, error) {
	return collectHandovers(ctx, q, sqlHandovers, Under(scope), room, state, before, limit)
}

// WatchOf returns who holds a room's watch by the last signed handover, and the
// one that waits for its signature; either may be nil.
func WatchOf(ctx context.Context, q Querier, room int64) (holder, asked *Handover, err error) {
	for sql, into := range map[string]**Handover{sqlWatchHolder: &holder, sqlWatchAsked: &asked} {
		list, err := collectHandovers(ctx, q, sql, room)
		if err != nil {
			return nil, nil, err
		}
		if len(list) > 0 {
			*into = &list[0]
		}
	}
	return holder, asked, nil
}

func collectHandovers(ctx context.Context, q Querier, sql string, args ...any) ([]Handover, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("read the handovers: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[Handover])
	if err != nil {
		return nil, fmt.Errorf("read the handovers: %w", err)
	}
	for i := range list {
		list[i].At = list[i].At.UTC()
		if list[i].SignedAt != nil {
			*list[i].SignedAt = list[i].SignedAt.UTC()
		}
	}
	return list, nil
}

const sqlReplaceHandover = `UPDATE handover SET state = 'replaced' WHERE room_org = $1 AND state = 'asked'`

const sqlInsertHandover = `
INSERT INTO handover (id, region_id, room_org, at, from_account, from_name, to_account, to_name, note, items) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`

// InsertHandover asks for a signature; one that was asked before in the same
// room is replaced.
func InsertHandover(ctx context.Context, q Querier, h Handover) error {
	if _, err := q.Exec(ctx, sqlReplaceHandover, h.Room); err != nil {
		return fmt.Errorf("ask for the handover: %w", err)
	}
	_, err := q.Exec(ctx, sqlInsertHandover, h.ID, h.Region, h.Room, h.At, h.From, h.FromName, h.To, h.ToName, h.Note, h.Items)
	if Violates(err, "handover_asked") {
		return fault.Because(err, fault.Conflict, "同时有另一个交接班，请刷新后再试")
	}
	if err != nil {
		return fmt.Errorf("ask for the handover: %w", err)
	}
	return nil
}

const sqlSignHandover = `UPDATE handover SET state = 'signed', signed_by = $2, signed_at = $3, digest = $4 WHERE id = $1 AND state = 'asked'`

// SignHandover records the successor's signature.
func SignHandover(ctx context.Context, q Querier, id uuid.UUID, by int64, at time.Time, digest string) error {
	if _, err := q.Exec(ctx, sqlSignHandover, id, by, at, digest); err != nil {
		return fmt.Errorf("sign the handover: %w", err)
	}
	return nil
}

const sqlOpenCounts = `
SELECT count(*), count(*) FILTER (WHERE i.urgency = 'critical'), count(*) FILTER (WHERE NOT i.paused AND LEAST(i.stage_due, i.case_due) <= $2),
  count(*) FILTER (WHERE NOT i.paused AND LEAST(i.stage_warn, i.case_warn) <= $2 AND COALESCE(LEAST(i.stage_due, i.case_due) > $2, true)),
  count(*) FILTER (WHERE i.state = 'suspended'), count(*) FILTER (WHERE i.supervise <> ''), count(*) FILTER (WHERE i.state = 'dispatched'),
  (SELECT count(*) FROM sos s JOIN worker w ON w.id = s.worker_id JOIN org so ON so.id = w.org_id WHERE s.state <> 'closed' AND so.path LIKE $1),
  (SELECT count(*) FROM alarm_event a JOIN alarm_device ad ON ad.id = a.device_id JOIN org ao ON ao.id = ad.org_id WHERE a.state IN ('new','acked','verifying') AND NOT a.quiet AND ao.path LIKE $1),
  (SELECT count(*) FROM whistle wh JOIN org wo ON wo.id = wh.org_id WHERE wh.state NOT IN ('closed','refused') AND NOT wh.drill AND wo.path LIKE $1)
FROM incident i JOIN org o ON o.id = i.org_id WHERE i.open AND NOT i.drill AND o.path LIKE $1`

const sqlOpenCases = `
SELECT i.id, i.case_no, i.title, i.state, i.urgency, COALESCE(p.name, o2.name, '') AS owner, LEAST(i.stage_due, i.case_due) AS due,
  COALESCE(NOT i.paused AND LEAST(i.stage_due, i.case_due) <= $2, false) AS late
FROM incident i JOIN org o ON o.id = i.org_id LEFT JOIN org o2 ON o2.id = i.owner_org LEFT JOIN worker p ON p.id = i.owner_worker
WHERE i.open AND NOT i.drill AND o.path LIKE $1 AND (i.urgency = 'critical' OR (NOT i.paused AND LEAST(i.stage_due, i.case_due) <= $2))
ORDER BY i.urgency = 'critical' DESC, LEAST(i.stage_due, i.case_due) NULLS LAST, i.reported_at LIMIT 100`

const sqlOpenCalls = `
SELECT * FROM (
  SELECT 'sos' AS kind, s.id, w.name || ' 求助' AS title, s.state, s.at FROM sos s JOIN worker w ON w.id = s.worker_id JOIN org so ON so.id = w.org_id WHERE s.state <> 'closed' AND so.path LIKE $1
  UNION ALL
  SELECT 'alarm', a.id, ad.name, a.state, a.at FROM alarm_event a JOIN alarm_device ad ON ad.id = a.device_id JOIN org ao ON ao.id = ad.org_id
  WHERE a.state IN ('new','acked','verifying') AND NOT a.quiet AND ao.path LIKE $1
  UNION ALL
  SELECT 'whistle', wh.id, wh.no || ' ' || wo.name, wh.state, wh.raised_at FROM whistle wh JOIN org wo ON wo.id = wh.org_id
  WHERE wh.state NOT IN ('closed','refused') AND NOT wh.drill AND wo.path LIKE $1
) c ORDER BY at DESC LIMIT 100`

// OpenAt lists what is open below the organisation with this path: what a
// handover takes down. Drills are left out.
func OpenAt(ctx context.Context, q Querier, path string, now time.Time) (OpenItems, error) {
	out := OpenItems{At: now, Counts: map[string]int64{}, Cases: []OpenCase{}, Calls: []OpenCall{}}
	names := []string{"open", "critical", "late", "soon", "suspended", "supervised", "unsigned", "sos", "alarms", "whistles"}
	numbers := make([]int64, len(names))
	into := make([]any, len(names))
	for i := range numbers {
		into[i] = &numbers[i]
	}
	below := path + "%"
	if err := q.QueryRow(ctx, sqlOpenCounts, below, now).Scan(into...); err != nil {
		return out, fmt.Errorf("count what is open: %w", err)
	}
	for i, name := range names {
		out.Counts[name] = numbers[i]
	}
	rows, err := q.Query(ctx, sqlOpenCases, below, now)
	if err != nil {
		return out, fmt.Errorf("list what is open: %w", err)
	}
	cases, err := pgx.CollectRows(rows, pgx.RowToStructByName[OpenCase])
	if err != nil {
		return out, fmt.Errorf("list what is open: %w", err)
	}
	if rows, err = q.Query(ctx, sqlOpenCalls, below); err != nil {
		return out, fmt.Errorf("list what is open: %w", err)
	}
	calls, err := pgx.CollectRows(rows, pgx.RowToStructByName[OpenCall])
	if err != nil {
		return out, fmt.Errorf("list what is open: %w", err)
	}
	out.Cases, out.Calls = append(out.Cases, cases...), append(out.Calls, calls...)
	return out, nil
}

// Watcher is an account that may hold a room's watch.
type Watcher struct {
	ID   int64  `json:"account"`
	Name string `json:"name"`
	Role string `json:"role"`
}

const sqlWatchers = `
SELECT DISTINCT ON (a.id) a.id, a.name, p.role FROM account a JOIN account_post p ON p.account_id = a.id AND p.valid_to IS NULL JOIN org o ON o.id = p.org_id
WHERE a.status = 'active' AND p.role = ANY ($2) AND (SELECT r.path FROM org r WHERE r.id = $1) LIKE o.path || '%'
ORDER BY a.id, p.role`

// Watchers lists who may hold the watch of a room: active accounts with one of the roles on it or above.
func Watchers(ctx context.Context, q Querier, room int64, roles []string) ([]Watcher, error) {
	rows, err := q.Query(ctx, sqlWatchers, room, roles)
	if err != nil {
		return nil, fmt.Errorf("list who may watch: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[Watcher])
	if err != nil {
		return nil, fmt.Errorf("list who may watch: %w", err)
	}
	return list, nil
}

const sqlCaseForLog = `SELECT i.case_no FROM incident i JOIN org o ON o.id = i.org_id WHERE i.id = $1 AND o.path LIKE $2 || '%'`

// CaseForLog returns the number of a case that lies below the room, or a fault of kind Missing.
func CaseForLog(ctx context.Context, q Querier, id uuid.UUID, room string) (string, error) {
	var no string
	err := q.QueryRow(ctx, sqlCaseForLog, id, room).Scan(&no)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", fault.New(fault.Missing, "没有这个事件，或者不在您的管辖范围")
	}
	if err != nil {
		return "", fmt.Errorf("look up the case: %w", err)
	}
	return no, nil
}
