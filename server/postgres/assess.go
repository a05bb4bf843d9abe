package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/assess"
	"github.com/gridward/gridward/server/fault"
)

// Assessment: templates and periods. What subjects there are and what is
// counted for them is in assess_read.go; what people add, in assess_note.go.

// AssessTemplate is a version of a template and whose it is.
type AssessTemplate struct {
	assess.Template
	Region    *int64     `json:"region,omitempty" doc:"none: for every region that has none of its own"`
	ValidFrom time.Time  `json:"valid_from"`
	ValidTo   *time.Time `json:"valid_to,omitempty"`
	MadeName  string     `json:"made_name"`
}

const assessTemplates = `
SELECT t.id, t.version, t.level, t.name, t.plan, t.region_id, t.valid_from, t.valid_to, COALESCE(a.name, '')
FROM assess_template t LEFT JOIN account a ON a.id = t.made_by `

const sqlAssessTemplates = assessTemplates + `
WHERE (t.region_id = $1 OR t.region_id IS NULL AND NOT EXISTS (SELECT FROM assess_template o WHERE o.level = t.level AND o.region_id = $1 AND o.valid_to IS NULL)) AND t.valid_to IS NULL
ORDER BY array_position('{grid,community,guide,department}'::text[], t.level)`

const sqlAssessTemplateHistory = assessTemplates + `WHERE t.level = $2 AND (t.region_id = $1 OR t.region_id IS NULL) ORDER BY t.made_at DESC, t.version DESC LIMIT 100`

// AssessTemplates are those in force in a region, one for each level: its own, or everybody's.
func AssessTemplates(ctx context.Context, q Querier, region int64) ([]AssessTemplate, error) {
	rows, err := q.Query(ctx, sqlAssessTemplates, region)
	return collectTemplates(rows, err)
}

// AssessTemplateHistory lists a level's versions, newest first.
func AssessTemplateHistory(ctx context.Context, q Querier, region int64, level assess.Level) ([]AssessTemplate, error) {
	rows, err := q.Query(ctx, sqlAssessTemplateHistory, region, level)
	return collectTemplates(rows, err)
}

func collectTemplates(rows pgx.Rows, err error) ([]AssessTemplate, error) {
	if err != nil {
		return nil, fmt.Errorf("read the templates: %w", err)
	}
	list := []AssessTemplate{}
	var (
		t    AssessTemplate
		plan []byte
	)
	if _, err := pgx.ForEachRow(rows, []any{&t.ID, &t.Version, &t.Level, &t.Name, &plan, &t.Region, &t.ValidFrom, &t.ValidTo, &t.MadeName}, func() error {
		t.Plan = assess.Plan{}
		list = append(list, t)
		return json.Unmarshal(plan, &list[len(list)-1].Plan)
	}); err != nil {
		return nil, fmt.Errorf("read the templates: %w", err)
	}
	return list, nil
}

const sqlEndAssessTemplate = `UPDATE assess_template SET valid_to = $3 WHERE level = $1 AND region_id = $2 AND valid_to IS NULL RETURNING id, version`

const sqlInsertAssessTemplate = `
INSERT INTO assess_template (id, version, level, region_id, name, plan, valid_from, made_at, made_by)
VALUES (CASE WHEN $1::bigint = 0 THEN nextval('assess_template_id') ELSE $1 END, $2, $3, $4, $5, $6, $7, $7, NULLIF($8::bigint, 0)) RETURNING id`

// PutAssessTemplate makes a version of a region's template; the one before ends
// there. seen is the version that was edited.
func PutAssessTemplate(ctx context.Context, tx pgx.Tx, region int64, t assess.Template, seen int32, by int64, at time.Time) (assess.Template, error) {
	var (
		id      int64
		version int32
	)
	err := tx.QueryRow(ctx, sqlEndAssessTemplate, t.Level, region, at).Scan(&id, &version)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return t, fmt.Errorf("end the template: %w", err)
	}
	if id != 0 && seen != version {
		return t, fault.New(fault.Conflict, "这个模板刚被别人改过，请重新打开后再改")
	}
	plan, err := json.Marshal(t.Plan)
	if err != nil {
		return t, fmt.Errorf("write the template: %w", err)
	}
	t.Version = version + 1
	err = tx.QueryRow(ctx, sqlInsertAssessTemplate, id, t.Version, t.Level, region, t.Name, plan, at, by).Scan(&t.ID)
	if Violates(err, "assess_template_living") {
		return t, fault.New(fault.Conflict, "这个模板刚被别人改过，请重新打开后再改")
	}
	if err != nil {
		return t, fmt.Errorf("write the template: %w", err)
	}
	return t, nil
}

const sqlHasAssessTemplate = `SELECT EXISTS (SELECT FROM assess_template WHERE level = $1 AND region_id IS NULL)`

// seedTemplates writes the templates that come with the program, where there are none.
func seedTemplates(ctx context.Context, q Querier) error {
	for _, level := range assess.Levels() {
		var there bool
		if err := q.QueryRow(ctx, sqlHasAssessTemplate, level).Scan(&there); err != nil {
			return fmt.Errorf("look for templates: %w", err)
		}
		if there {
			continue
		}
		t := assess.Default(level)
		plan, err := json.Marshal(t.Plan)
		if err != nil {
			return fmt.Errorf("write the template: %w", err)
		}
		var id int64
		if err := q.QueryRow(ctx, sqlInsertAssessTemplate, 0, t.Version, level, nil, t.Name, plan, time.Now().UTC().Truncate(time.Microsecond), 0).Scan(&id); err != nil {
			return fmt.Errorf("write the template: %w", err)
		}
	}
	return nil
}

// AssessPeriod is a period of assessment of a region.
type AssessPeriod struct {
	ID          int64             `json:"id"`
	Region      int64             `json:"region"`
	RegionPath  string            `json:"-"`
	RegionName  string            `json:"region_name"`
	Kind        assess.Kind       `json:"kind"`
	Label       string            `json:"label"`
	Title       string            `json:"title"`
	From        time.Time         `json:"from"`
	To          time.Time         `json:"to"`
	State       assess.State      `json:"state"`
	StateName   string            `json:"state_name"`
	Version     int32             `json:"version"`
	Templates   []assess.Template `json:"templates" doc:"those of the newest draft"`
	OpenedAt    time.Time         `json:"opened_at"`
	OpenedName  string            `json:"opened_name"`
	ComputedAt  *time.Time        `json:"computed_at,omitempty"`
	PublishedAt *time.Time        `json:"published_at,omitempty"`
	AppealUntil *time.Time        `json:"appeal_until,omitempty"`
	LockedAt    *time.Time        `json:"locked_at,omitempty"`
	Digest      string            `json:"digest,omitempty" doc:"SHA-256 of what was published"`
	Stale       bool              `json:"stale" doc:"marks were given since the draft was computed"`
	Appeals     int               `json:"appeals" doc:"waiting for a decision"`
}

// Template is the one of a level in the newest draft.
func (p AssessPeriod) Template(level assess.Level) (assess.Template, bool) {
	for _, t := range p.Templates {
		if t.Level == level {
			return t, true
		}
	}
	return assess.Template{}, false
}

const assessPeriods = `
SELECT p.id, p.region_id, o.path, o.name, p.kind, p.label, p.from_at, p.to_at, p.state, p.version, p.templates, p.opened_at, p.opened_name, p.computed_at, p.published_at, p.appeal_until, p.locked_at,
  COALESCE(s.digest, ''), p.state = 'computing' AND EXISTS (SELECT FROM assess_mark m WHERE m.period_id = p.id AND m.at > p.computed_at),
  (SELECT count(*) FROM assess_appeal a LEFT JOIN assess_decision d ON d.appeal_id = a.id WHERE a.period_id = p.id AND d.appeal_id IS NULL)
FROM assess_period p JOIN org o ON o.id = p.region_id LEFT JOIN assess_sheet s ON s.period_id = p.id `

const (
	sqlAssessPeriods        = assessPeriods + `WHERE p.region_id = ANY ($1) ORDER BY p.to_at DESC, p.from_at DESC, p.id DESC LIMIT 200`
	sqlAssessPeriod         = assessPeriods + `WHERE p.id = $1`
	sqlAssessPeriodByLabel  = assessPeriods + `WHERE p.region_id = $1 AND p.kind = $2 AND p.label = $3`
	sqlAssessPeriodToChange = `SELECT state FROM assess_period WHERE id = $1 FOR UPDATE`
)

// AssessPeriods lists the periods of some regions, newest first.
func AssessPeriods(ctx context.Context, q Querier, regions []int64) ([]AssessPeriod, error) {
	rows, err := q.Query(ctx, sqlAssessPeriods, regions)
	if err != nil {
		return nil, fmt.Errorf("list the periods: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanPeriod)
	if err != nil {
		return nil, fmt.Errorf("list the periods: %w", err)
	}
	return list, nil
}

func scanPeriod(row pgx.CollectableRow) (p AssessPeriod, err error) {
	var templates []byte
	if err = row.Scan(&p.ID, &p.Region, &p.RegionPath, &p.RegionName, &p.Kind, &p.Label, &p.From, &p.To, &p.State, &p.Version, &templates, &p.OpenedAt, &p.OpenedName, &p.ComputedAt, &p.PublishedAt,
		&p.AppealUntil, &p.LockedAt, &p.Digest, &p.Stale, &p.Appeals); err == nil {
		p.Title, p.StateName = assess.Title(p.Kind, p.Label), p.State.Name()
		err = json.Unmarshal(templates, &p.Templates)
	}
	return p, err
}

// AssessPeriodByID finds a period.
func AssessPeriodByID(ctx context.Context, q Querier, id int64) (AssessPeriod, error) {
	return onePeriod(q.Query(ctx, sqlAssessPeriod, id))
}

// AssessPeriodByLabel finds a region's period.
func AssessPeriodByLabel(ctx context.Context, q Querier, region int64, kind assess.Kind, label string) (AssessPeriod, error) {
	return onePeriod(q.Query(ctx, sqlAssessPeriodByLabel, region, kind, label))
}

func onePeriod(rows pgx.Rows, err error) (AssessPeriod, error) {
	if err != nil {
		return AssessPeriod{}, fmt.Errorf("find the period: %w", err)
	}
	p, err := pgx.CollectExactlyOneRow(rows, scanPeriod)
	if errors.Is(err, pgx.ErrNoRows) {
		return p, fault.New(fault.Missing, "没有这个考核期，或者不在您的管辖范围")
	}
	if err != nil {
		return p, fmt.Errorf("find the period: %w", err)
	}
	return p, nil
}

// LockAssessPeriod holds a period until the transaction ends.
func LockAssessPeriod(ctx context.Context, tx pgx.Tx, id int64) (AssessPeriod, error) {
	var state string
	err := tx.QueryRow(ctx, sqlAssessPeriodToChange, id).Scan(&state)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return AssessPeriod{}, fmt.Errorf("hold the period: %w", err)
	}
	return AssessPeriodByID(ctx, tx, id)
}

const sqlInsertAssessPeriod = `
INSERT INTO assess_period (region_id, kind, label, from_at, to_at, opened_at, opened_by, opened_name) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id`

// InsertAssessPeriod opens a period.
func InsertAssessPeriod(ctx context.Context, tx pgx.Tx, p AssessPeriod, by int64) (id int64, err error) {
	err = tx.QueryRow(ctx, sqlInsertAssessPeriod, p.Region, p.Kind, p.Label, p.From, p.To, p.OpenedAt, by, p.OpenedName).Scan(&id)
	if Violates(err, "assess_period_region_id_kind_label_key") {
		return 0, fault.New(fault.Conflict, "%s的考核期已经开启", assess.Title(p.Kind, p.Label))
	}
	if err != nil {
		return 0, fmt.Errorf("open the period: %w", err)
	}
	return id, nil
}

const sqlUpdateAssessPeriod = `
UPDATE assess_period SET state = $2, templates = $3, computed_at = $4, published_at = $5, appeal_until = $6, locked_at = $7, version = version + 1 WHERE id = $1`

// UpdateAssessPeriod writes what may change in a period.
func UpdateAssessPeriod(ctx context.Context, tx pgx.Tx, p AssessPeriod) error {
	templates, err := json.Marshal(p.Templates)
	if err != nil {
		return fmt.Errorf("change the period: %w", err)
	}
	if p.Templates == nil {
		templates = []byte("[]")
	}
	if _, err := tx.Exec(ctx, sqlUpdateAssessPeriod, p.ID, p.State, templates, p.ComputedAt, p.PublishedAt, p.AppealUntil, p.LockedAt); err != nil {
		return fmt.Errorf("change the period: %w", err)
	}
	return nil
}

// AssessScore is a subject's score in a period.
type AssessScore struct {
	Level   assess.Level    `json:"level"`
	Subject int64           `json:"subject"`
	Name    string          `json:"name"`
	Org     int64           `json:"org"`
	OrgPath string          `json:"-"`
	OrgName string          `json:"org_name"`
	Counted bool            `json:"counted" doc:"in the ranking and in means: in force for half of the period"`
	Final   assess.Fraction `json:"final" doc:"exact"`
	Rank    int             `json:"rank" doc:"0: none"`
	Of      int             `json:"of"`
	Result  assess.Result   `json:"result"`
	Deltas  []string        `json:"-"`
}

// Now is the score with what was adjusted since it was published.
func (s AssessScore) Now() assess.Fraction {
	deltas := make([]assess.Fraction, len(s.Deltas))
	for i, d := range s.Deltas {
		deltas[i] = assess.Fraction(d)
	}
	return assess.Adjusted(s.Final, deltas)
}

const assessScores = `
SELECT s.level, s.subject, s.name, s.org_id, s.org_path, o.name, s.counted, s.final, s.rank, s.of, s.result,
  ARRAY(SELECT a.delta FROM assess_adjustment a WHERE a.period_id = s.period_id AND a.level = s.level AND a.subject = s.subject ORDER BY a.at, a.id)
FROM assess_score s JOIN org o ON o.id = s.org_id `

const (
	sqlAssessScores = assessScores + `WHERE s.period_id = $1 AND ($2 = '' OR s.level = $2) AND ($3::text[] IS NULL OR s.org_path LIKE ANY ($3))
ORDER BY s.level, s.rank = 0, s.rank, s.name, s.subject`
	sqlAssessScore = assessScores + `WHERE s.period_id = $1 AND s.level = $2 AND s.subject = $3`
)

func scanScore(row pgx.CollectableRow) (s AssessScore, err error) {
	var result []byte
	if err = row.Scan(&s.Level, &s.Subject, &s.Name, &s.Org, &s.OrgPath, &s.OrgName, &s.Counted, &s.Final, &s.Rank, &s.Of, &result, &s.Deltas); err == nil {
		err = json.Unmarshal(result, &s.Result)
	}
	return s, err
}

// AssessScores lists a period's scores as far as the scope reaches (nil: all), best first.
func AssessScores(ctx context.Context, q Querier, period int64, level assess.Level, scope []string) ([]AssessScore, error) {
	var under []string
	if scope != nil {
		under = Under(scope)
	}
	rows, err := q.Query(ctx, sqlAssessScores, period, level, under)
	if err != nil {
		return nil, fmt.Errorf("list the scores: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanScore)
	if err != nil {
		return nil, fmt.Errorf("list the scores: %w", err)
	}
	return list, nil
}

// AssessScoreOf is one subject's score.
func AssessScoreOf(ctx context.Context, q Querier, period int64, level assess.Level, subject int64) (AssessScore, error) {
	rows, err := q.Query(ctx, sqlAssessScore, period, level, subject)
	if err != nil {
		return AssessScore{}, fmt.Errorf("find the score: %w", err)
	}
	s, err := pgx.CollectExactlyOneRow(rows, scanScore)
	if errors.Is(err, pgx.ErrNoRows) {
		return s, fault.New(fault.Missing, "没有这个考核对象，或者不在您的管辖范围")
	}
	if err != nil {
		return s, fmt.Errorf("find the score: %w", err)
	}
	return s, nil
}

const (
	sqlClearAssessScores   = `DELETE FROM assess_score WHERE period_id = $1`
	sqlClearAssessEvidence = `DELETE FROM assess_evidence WHERE period_id = $1`
	sqlInsertAssessScores  = `
INSERT INTO assess_score (period_id, level, subject, name, org_id, org_path, counted, final, rank, of, result)
SELECT $1, * FROM unnest($2::text[], $3::bigint[], $4::text[], $5::bigint[], $6::text[], $7::boolean[], $8::text[], $9::integer[], $10::integer[], $11::jsonb[])`
)

// ClearAssessDraft forgets a period's draft.
func ClearAssessDraft(ctx context.Context, tx pgx.Tx, period int64) error {
	for _, sql := range []string{sqlClearAssessScores, sqlClearAssessEvidence} {
		if _, err := tx.Exec(ctx, sql, period); err != nil {
			return fmt.Errorf("forget the draft: %w", err)
		}
	}
	return nil
}

// InsertAssessScores writes a draft.
func InsertAssessScores(ctx context.Context, tx pgx.Tx, period int64, scores []AssessScore) error {
	var (
		level, name, path, final []string
		subject, org             []int64
		counted                  []bool
		rank, of                 []int32
		result                   [][]byte
	)
	for _, s := range scores {
		body, err := json.Marshal(s.Result)
		if err != nil {
			return fmt.Errorf("write the scores: %w", err)
		}
		level, name, path, final = append(level, string(s.Level)), append(name, s.Name), append(path, s.OrgPath), append(final, string(s.Final))
		subject, org, counted = append(subject, s.Subject), append(org, s.Org), append(counted, s.Counted)
		rank, of, result = append(rank, int32(s.Rank)), append(of, int32(s.Of)), append(result, body)
	}
	if _, err := tx.Exec(ctx, sqlInsertAssessScores, period, level, subject, name, org, path, counted, final, rank, of, result); err != nil {
		return fmt.Errorf("write the scores: %w", err)
	}
	return nil
}
