package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/workday"
)

// Calendar is a working calendar as it is edited: the row and the JSON.
type Calendar struct {
	ID        int64        `json:"id"`
	Org       *int64       `json:"org,omitempty"` // for it and those below it; nobody's = everybody's
	OrgPath   string       `json:"-"`
	OrgName   string       `json:"org_name,omitempty"`
	OrgKind   string       `json:"org_kind,omitempty"` // only for organisations of this kind
	Name      string       `json:"name"`
	Plan      workday.Plan `json:"plan"`
	Version   int32        `json:"version"`
	UpdatedAt time.Time    `json:"updated_at"`
}

const calendarColumns = `
SELECT c.id, c.org_id AS org, COALESCE(o.path, '') AS org_path, COALESCE(o.name, '') AS org_name, c.org_kind, c.name, c.plan, c.version, c.updated_at
FROM calendar c LEFT JOIN org o ON o.id = c.org_id`

const sqlCalendars = calendarColumns + ` ORDER BY o.path NULLS FIRST, c.org_kind, c.id`

const sqlCalendarByID = calendarColumns + ` WHERE c.id = $1`

const sqlLockCalendar = `SELECT version FROM calendar WHERE id = $1 FOR UPDATE`

// Calendars returns every calendar, the house's own first.
func Calendars(ctx context.Context, q Querier) ([]Calendar, error) {
	rows, err := q.Query(ctx, sqlCalendars)
	if err != nil {
		return nil, fmt.Errorf("read the calendars: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[Calendar])
	if err != nil {
		return nil, fmt.Errorf("read the calendars: %w", err)
	}
	return list, nil
}

// CalendarByID returns one calendar, whoever asks.
func CalendarByID(ctx context.Context, q Querier, id int64) (Calendar, error) {
	rows, err := q.Query(ctx, sqlCalendarByID, id)
	if err != nil {
		return Calendar{}, fmt.Errorf("read the calendar: %w", err)
	}
	c, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[Calendar])
	if errors.Is(err, pgx.ErrNoRows) {
		return c, fault.New(fault.Missing, "没有这个工作日历，或者不在您的管辖范围")
	}
	if err != nil {
		return c, fmt.Errorf("read the calendar: %w", err)
	}
	return c, nil
}

const sqlInsertCalendar = `
INSERT INTO calendar (org_id, org_kind, name, plan, updated_at, updated_by) VALUES ($1, $2, $3, $4, $5, NULLIF($6::bigint, 0)) RETURNING id`

// InsertCalendar stores a new calendar and returns its id. A second one for
// the same organisation and kind violates calendar_org_id_org_kind_key.
func InsertCalendar(ctx context.Context, q Querier, c Calendar, by int64) (id int64, err error) {
	if err := q.QueryRow(ctx, sqlInsertCalendar, c.Org, c.OrgKind, c.Name, c.Plan, c.UpdatedAt, by).Scan(&id); err != nil {
		return 0, fmt.Errorf("store the calendar: %w", err)
	}
	return id, nil
}

const sqlUpdateCalendar = `
UPDATE calendar SET name = $2, plan = $3, version = version + 1, updated_at = $4, updated_by = NULLIF($5::bigint, 0) WHERE id = $1`

// UpdateCalendar writes a calendar over the version that the caller has seen;
// another version is a conflict.
func UpdateCalendar(ctx context.Context, tx pgx.Tx, c Calendar, by int64) error {
	var version int32
	if err := tx.QueryRow(ctx, sqlLockCalendar, c.ID).Scan(&version); err != nil {
		return fmt.Errorf("lock the calendar: %w", err)
	}
	if version != c.Version {
		return fault.New(fault.Conflict, "这个工作日历刚被别人改过，请重新打开后再改")
	}
	if _, err := tx.Exec(ctx, sqlUpdateCalendar, c.ID, c.Name, c.Plan, c.UpdatedAt, by); err != nil {
		return fmt.Errorf("store the calendar: %w", err)
	}
	return nil
}

const sqlHolidayLists = `SELECT year, status, source, days, version, imported_at FROM holiday_list ORDER BY year`

// HolidayList is a year's arrangement as it is kept.
type HolidayList struct {
	workday.List
	Version    int32     `json:"version"`
	ImportedAt time.Time `json:"imported_at"`
}

// HolidayLists returns every list, in order of years.
func HolidayLists(ctx context.Context, q Querier) ([]HolidayList, error) {
	rows, err := q.Query(ctx, sqlHolidayLists)
	if err != nil {
		return nil, fmt.Errorf("read the holiday lists: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (l HolidayList, err error) {
		var days []byte
		if err := row.Scan(&l.Year, &l.Status, &l.Source, &days, &l.Version, &l.ImportedAt); err != nil {
			return l, err
		}
		return l, json.Unmarshal(days, &l.Days)
	})
	if err != nil {
		return nil, fmt.Errorf("read the holiday lists: %w", err)
	}
	return list, nil
}

const sqlPutHolidayList = `
INSERT INTO holiday_list AS l (year, status, source, days, imported_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (year) DO UPDATE SET status = excluded.status, source = excluded.source, days = excluded.days, imported_at = excluded.imported_at, version = l.version + 1
RETURNING version`

const sqlInsertHolidayImport = `
INSERT INTO holiday_import (year, version, at, by_account, by_name, format, file, sha256, status, days, moved)
VALUES ($1, $2, $3, NULLIF($4::bigint, 0), $5, $6, $7, $8, $9, $10, $11)`

// HolidayImport is the trace of one import.
type HolidayImport struct {
	ID      int64     `json:"id"`
	Year    int       `json:"year"`
	Version int32     `json:"version"`
	At      time.Time `json:"at"`
	By      int64     `json:"by,omitempty"`
	ByName  string    `json:"by_name"`
	Format  string    `json:"format"`
	File    string    `json:"file"`
	SHA256  []byte    `json:"-"`
	Status  string    `json:"status"`
	Days    int       `json:"days"`
	Moved   int       `json:"moved"`
}

// PutHolidayList stores a list over an older one of its year.
func PutHolidayList(ctx context.Context, q Querier, l workday.List, at time.Time) (version int32, err error) {
	if err := q.QueryRow(ctx, sqlPutHolidayList, l.Year, string(l.Status), l.Source, l.Days, at).Scan(&version); err != nil {
		return 0, fmt.Errorf("store the holiday list: %w", err)
	}
	return version, nil
}

// NoteHolidayImport keeps the trace of an import.
func NoteHolidayImport(ctx context.Context, q Querier, i HolidayImport) error {
	if _, err := q.Exec(ctx, sqlInsertHolidayImport, i.Year, i.Version, i.At, i.By, i.ByName, i.Format, i.File, i.SHA256, i.Status, i.Days, i.Moved); err != nil {
		return fmt.Errorf("note the import: %w", err)
	}
	return nil
}

const sqlHolidayImports = `
SELECT id, year, version, at, COALESCE(by_account, 0) AS by, by_name, format, file, sha256, status, days, moved FROM holiday_import ORDER BY id DESC LIMIT $1`

// HolidayImports lists the newest imports first.
func HolidayImports(ctx context.Context, q Querier, limit int) ([]HolidayImport, error) {
	rows, err := q.Query(ctx, sqlHolidayImports, limit)
	if err != nil {
		return nil, fmt.Errorf("read the imports: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[HolidayImport])
	if err != nil {
		return nil, fmt.Errorf("read the imports: %w", err)
	}
	return list, nil
}

const ruleColumns = `
SELECT r.id, r.version, r.stage, r.tier, r.category, r.urgency, r.source, r.org_id, COALESCE(o.path, ''), COALESCE(o.name, ''), r.limit_n, r.limit_unit,
  r.warn_ratio, r.priority, r.note, r.valid_from, r.valid_to
FROM sla_rule r LEFT JOIN org o ON o.id = r.org_id`

const sqlRulesInForce = ruleColumns + ` WHERE r.valid_to IS NULL OR r.valid_to > $1 ORDER BY r.stage, r.tier NULLS FIRST, r.category, r.id, r.version`

const sqlRuleLiving = ruleColumns + ` WHERE r.id = $1 AND (r.valid_to IS NULL OR r.valid_to > $2) ORDER BY r.version DESC LIMIT 1 FOR UPDATE OF r`

func collectRules(ctx context.Context, q Querier, sql string, args ...any) ([]incident.Rule, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("read the rules: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (r incident.Rule, err error) {
		err = row.Scan(&r.ID, &r.Version, &r.Stage, &r.Tier, &r.Category, &r.Urgency, &r.Source, &r.Org, &r.OrgPath, &r.OrgName, &r.Limit.N, &r.Limit.Unit,
			&r.WarnRatio, &r.Priority, &r.Note, &r.ValidFrom, &r.ValidTo)
		r.LimitText, r.ValidFrom = r.Limit.String(), r.ValidFrom.UTC()
		if r.ValidTo != nil {
			*r.ValidTo = r.ValidTo.UTC()
		}
		return r, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the rules: %w", err)
	}
	return list, nil
}

// RulesInForce returns the rules that hold at the instant or will.
func RulesInForce(ctx context.Context, q Querier, now time.Time) ([]incident.Rule, error) {
	return collectRules(ctx, q, sqlRulesInForce, now)
}

// LockRule returns the living version of a rule and holds its row.
func LockRule(ctx context.Context, tx pgx.Tx, id int64, now time.Time) (incident.Rule, error) {
	list, err := collectRules(ctx, tx, sqlRuleLiving, id, now)
	if err == nil && len(list) == 0 {
		err = fault.New(fault.Missing, "没有这条时限规则，或者不在您的管辖范围")
	}
	if err != nil {
		return incident.Rule{}, err
	}
	return list[0], nil
}

const sqlInsertRule = `
INSERT INTO sla_rule (id, version, stage, tier, category, urgency, source, org_id, limit_n, limit_unit, warn_ratio, priority, note, valid_from, valid_to, made_at, made_by)
VALUES (CASE WHEN $1::bigint = 0 THEN nextval('sla_rule_id') ELSE $1 END, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, NULLIF($17::bigint, 0))
RETURNING id`

// InsertRule stores a version of a rule; id 0 = a new rule.
func InsertRule(ctx context.Context, q Querier, r incident.Rule, by int64, now time.Time) (id int64, err error) {
	err = q.QueryRow(ctx, sqlInsertRule, r.ID, r.Version, r.Stage, r.Tier, r.Category, string(r.Urgency), r.Source, r.Org, r.Limit.N, string(r.Limit.Unit),
		r.WarnRatio, r.Priority, r.Note, r.ValidFrom, r.ValidTo, now, by).Scan(&id)
	if err != nil {
		return 0, fmt.Errorf("store the rule: %w", err)
	}
	return id, nil
}

const sqlEndRule = `UPDATE sla_rule SET valid_to = GREATEST($2, valid_from) WHERE id = $1 AND (valid_to IS NULL OR valid_to > $2)`

// EndRule says until when the rule held, in whatever version.
func EndRule(ctx context.Context, q Querier, id int64, at time.Time) error {
	if _, err := q.Exec(ctx, sqlEndRule, id, at); err != nil {
		return fmt.Errorf("end the rule: %w", err)
	}
	return nil
}

const sqlNewestRuleVersion = `SELECT max(version) FROM sla_rule WHERE id = $1`

// NewestRuleVersion is the number of a rule's newest version, living or not.
func NewestRuleVersion(ctx context.Context, q Querier, id int64) (version int32, err error) {
	if err := q.QueryRow(ctx, sqlNewestRuleVersion, id).Scan(&version); err != nil {
		return 0, fmt.Errorf("read the rule's versions: %w", err)
	}
	return version, nil
}

const sqlDeadlineEpoch = `SELECT epoch FROM deadline_epoch`

const sqlCategoryNames = `SELECT code, name FROM category`

// ReadTerms reads everything by which promises are made. The epoch is read
// first: should somebody edit meanwhile, it is too old and not too new, and
// the next command reads again.
func ReadTerms(ctx context.Context, q Querier, now time.Time) (*incident.Terms, error) {
	t := &incident.Terms{Names: map[string]string{}}
	if err := q.QueryRow(ctx, sqlDeadlineEpoch).Scan(&t.Epoch); err != nil {
		return nil, fmt.Errorf("read the epoch of deadlines: %w", err)
	}
	var err error
	if t.Rules, err = RulesInForce(ctx, q, now); err != nil {
		return nil, err
	}
	lists, err := HolidayLists(ctx, q)
	if err != nil {
		return nil, err
	}
	calendars, err := Calendars(ctx, q)
	if err != nil {
		return nil, err
	}
	if t.Calendars, err = MakeCalendars(calendars, lists); err != nil {
		return nil, err
	}
	rows, err := q.Query(ctx, sqlCategoryNames)
	if err != nil {
		return nil, fmt.Errorf("read the names of categories: %w", err)
	}
	var code, name string
	if _, err := pgx.ForEachRow(rows, []any{&code, &name}, func() error { t.Names[code] = name; return nil }); err != nil {
		return nil, fmt.Errorf("read the names of categories: %w", err)
	}
	return t, nil
}

// MakeCalendars puts plans and lists together.
func MakeCalendars(calendars []Calendar, lists []HolidayList) ([]incident.Calendar, error) {
	plain := make([]workday.List, len(lists))
	for i := range lists {
		plain[i] = lists[i].List
	}
	all := workday.NewLists(plain...)
	out := make([]incident.Calendar, len(calendars))
	for i, c := range calendars {
		made, err := workday.New(c.Plan, all)
		if err != nil {
			return nil, fmt.Errorf("read the calendar %d: %w", c.ID, err)
		}
		out[i] = incident.Calendar{ID: c.ID, Name: c.Name, OrgPath: c.OrgPath, OrgKind: c.OrgKind, Calendar: made}
	}
	return out, nil
}

// seedHolidays stores the lists that come with the program, where there is
// none of their year.
func seedHolidays(ctx context.Context, q Querier) error {
	bundled, err := workday.Bundled()
	if err != nil {
		return err
	}
	known, err := HolidayLists(ctx, q)
	if err != nil {
		return err
	}
	there := map[int]bool{}
	for _, l := range known {
		there[l.Year] = true
	}
	for _, l := range bundled {
		if there[l.Year] {
			continue
		}
		now := time.Now()
		version, err := PutHolidayList(ctx, q, l, now)
		if err != nil {
			return err
		}
		if err := NoteHolidayImport(ctx, q, HolidayImport{Year: l.Year, Version: version, At: now, ByName: "system", Format: "bundled", SHA256: []byte{}, Status: string(l.Status), Days: len(l.Days)}); err != nil {
			return err
		}
	}
	return nil
}

const sqlUncovered = `SELECT EXISTS (SELECT FROM org WHERE parent_id IS NULL AND valid_to IS NULL AND NOT path LIKE ANY ($1))`

// CoversEverybody reports whether the scope reaches every organisation there
// is: whoever changes what holds for everybody must answer for everybody.
func CoversEverybody(ctx context.Context, q Querier, scope []string) (bool, error) {
	if len(scope) == 0 {
		return false, nil
	}
	var some bool
	if err := q.QueryRow(ctx, sqlUncovered, Under(scope)).Scan(&some); err != nil {
		return false, fmt.Errorf("see whom the scope reaches: %w", err)
	}
	return !some, nil
}
