package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/assess"
	"github.com/gridward/gridward/server/fault"
)

// What people add to a period: marks with reasons, joint inspections, appeals
// and decisions, adjustments, and the record of every step. All of it is
// inserted and never changed.

// AssessMark is what an inspector gave, and why: a mark for an item, points, or
// a finding of an inspection.
type AssessMark struct {
	ID         uuid.UUID    `json:"id"`
	Inspection *uuid.UUID   `json:"inspection,omitempty"`
	Level      assess.Level `json:"level"`
	Subject    int64        `json:"subject"`
	Item       string       `json:"item,omitempty" doc:"none: points, or a finding"`
	Score      *int32       `json:"score,omitempty" doc:"0 to 10000: hundredths"`
	Points     *int32       `json:"points,omitempty" doc:"hundredths, above or below"`
	Reason     string       `json:"reason"`
	Incident   *uuid.UUID   `json:"incident,omitempty"`
	By         int64        `json:"by"`
	ByName     string       `json:"by_name"`
	At         time.Time    `json:"at"`
	Name       string       `json:"name" doc:"of the subject"`
}

const assessMarks = `
SELECT m.id, m.inspection_id, m.level, m.subject, m.item, m.score, m.points, m.reason, m.incident_id, m.by_account, m.by_name, m.at,
  COALESCE(CASE m.level WHEN 'grid' THEN (SELECT v.name FROM grid_version v WHERE v.grid_id = m.subject ORDER BY v.version DESC LIMIT 1) WHEN 'guide' THEN (SELECT name FROM worker WHERE id = m.subject) ELSE (SELECT name FROM org WHERE id = m.subject) END, '')
FROM assess_mark m WHERE m.period_id = $1 `

const (
	// The newest of an inspector for the same thing counts; each finding counts.
	sqlAssessMarks = assessMarks + `
  AND (m.inspection_id IS NOT NULL OR NOT EXISTS (SELECT FROM assess_mark n WHERE n.period_id = m.period_id AND n.level = m.level AND n.subject = m.subject AND n.item = m.item AND n.by_account = m.by_account
    AND n.inspection_id IS NULL AND (n.at, n.id) > (m.at, m.id)))
ORDER BY m.at, m.id`
	sqlAssessMarksOf = assessMarks + `AND m.level = $2 AND m.subject = $3 ORDER BY m.at DESC, m.id DESC`
	sqlAssessFinding = assessMarks + `AND m.inspection_id = $2 ORDER BY m.at, m.id`
)

// AssessMarks are all marks of a period that count.
func AssessMarks(ctx context.Context, q Querier, period int64) ([]AssessMark, error) {
	rows, err := q.Query(ctx, sqlAssessMarks, period)
	return collectMarks(rows, err)
}

// AssessMarksOf are all marks that a subject was ever given in a period, newest first.
func AssessMarksOf(ctx context.Context, q Querier, period int64, level assess.Level, subject int64) ([]AssessMark, error) {
	rows, err := q.Query(ctx, sqlAssessMarksOf, period, level, subject)
	return collectMarks(rows, err)
}

func collectMarks(rows pgx.Rows, err error) ([]AssessMark, error) {
	if err != nil {
		return nil, fmt.Errorf("list the marks: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[AssessMark])
	if err != nil {
		return nil, fmt.Errorf("list the marks: %w", err)
	}
	return list, nil
}

const sqlInsertAssessMark = `
INSERT INTO assess_mark (id, period_id, inspection_id, level, subject, item, score, points, reason, incident_id, by_account, by_name, at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`

// InsertAssessMark writes a mark.
func InsertAssessMark(ctx context.Context, tx pgx.Tx, period int64, m AssessMark) error {
	if _, err := tx.Exec(ctx, sqlInsertAssessMark, m.ID, period, m.Inspection, m.Level, m.Subject, m.Item, m.Score, m.Points, m.Reason, m.Incident, m.By, m.ByName, m.At); err != nil {
		return fmt.Errorf("write the mark: %w", err)
	}
	return nil
}

const sqlKeepAssessMarks = `
INSERT INTO assess_evidence (period_id, level, subject, item, ref, at, n, d)
SELECT $1, u.level, u.subject, u.item, u.ref, u.at, u.n, 10000 FROM unnest($2::text[], $3::bigint[], $4::text[], $5::text[], $6::timestamptz[], $7::integer[]) AS u (level, subject, item, ref, at, n)`

// KeepAssessMarks keeps the marks behind the items that are marked.
func KeepAssessMarks(ctx context.Context, tx pgx.Tx, period int64, marks []AssessMark) error {
	var (
		level, item, ref []string
		subject          []int64
		at               []time.Time
		n                []int32
	)
	for _, m := range marks {
		level, item, ref = append(level, string(m.Level)), append(item, m.Item), append(ref, m.ID.String())
		subject, at, n = append(subject, m.Subject), append(at, m.At), append(n, *m.Score)
	}
	if _, err := tx.Exec(ctx, sqlKeepAssessMarks, period, level, subject, item, ref, at, n); err != nil {
		return fmt.Errorf("keep the marks: %w", err)
	}
	return nil
}

// AssessInspection is a joint inspection (联合督查).
type AssessInspection struct {
	ID       uuid.UUID    `json:"id"`
	Title    string       `json:"title"`
	Members  []string     `json:"members"`
	Seed     string       `json:"seed" doc:"with it and the codes of the grids the drawing can be repeated: SHA-256 of seed/code, the smallest first"`
	Sampled  []int64      `json:"sampled" doc:"grids drawn by lot"`
	ByName   string       `json:"by_name"`
	At       time.Time    `json:"at"`
	Names    []string     `json:"names" doc:"of the grids, in the same order"`
	Findings []AssessMark `json:"findings"`
}

const assessInspections = `
SELECT i.id, i.title, i.members, i.seed, i.sampled, i.by_name, i.at,
  ARRAY(SELECT COALESCE((SELECT v.name FROM grid_version v WHERE v.grid_id = u.id ORDER BY v.version DESC LIMIT 1), '') FROM unnest(i.sampled) WITH ORDINALITY AS u (id, nr) ORDER BY u.nr), i.period_id
FROM assess_inspection i `

const (
	sqlAssessInspections = assessInspections + `WHERE i.period_id = $1 ORDER BY i.at, i.id`
	sqlAssessInspection  = assessInspections + `WHERE i.id = $1`
)

func scanInspection(into *AssessInspection, period *int64) []any {
	return []any{&into.ID, &into.Title, &into.Members, &into.Seed, &into.Sampled, &into.ByName, &into.At, &into.Names, period}
}

// AssessInspections lists a period's inspections with what they found.
func AssessInspections(ctx context.Context, q Querier, period int64) ([]AssessInspection, error) {
	rows, err := q.Query(ctx, sqlAssessInspections, period)
	if err != nil {
		return nil, fmt.Errorf("list the inspections: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (i AssessInspection, err error) {
		var of int64
		return i, row.Scan(scanInspection(&i, &of)...)
	})
	if err != nil {
		return nil, fmt.Errorf("list the inspections: %w", err)
	}
	for i := range list {
		found, err := q.Query(ctx, sqlAssessFinding, period, list[i].ID)
		if list[i].Findings, err = collectMarks(found, err); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// AssessInspectionByID finds an inspection and the period that it is of.
func AssessInspectionByID(ctx context.Context, q Querier, id uuid.UUID) (i AssessInspection, period int64, err error) {
	err = q.QueryRow(ctx, sqlAssessInspection, id).Scan(scanInspection(&i, &period)...)
	if errors.Is(err, pgx.ErrNoRows) {
		return i, 0, fault.New(fault.Missing, "没有这次督查，或者不在您的管辖范围")
	}
	if err != nil {
		return i, 0, fmt.Errorf("find the inspection: %w", err)
	}
	return i, period, nil
}

const sqlInsertAssessInspection = `
INSERT INTO assess_inspection (id, period_id, title, members, seed, sampled, by_account, by_name, at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`

// InsertAssessInspection writes an inspection.
func InsertAssessInspection(ctx context.Context, tx pgx.Tx, period int64, i AssessInspection, by int64) error {
	if _, err := tx.Exec(ctx, sqlInsertAssessInspection, i.ID, period, i.Title, i.Members, i.Seed, i.Sampled, by, i.ByName, i.At); err != nil {
		return fmt.Errorf("write the inspection: %w", err)
	}
	return nil
}

const sqlInsertAssessSheet = `INSERT INTO assess_sheet (period_id, at, by_account, digest, body) VALUES ($1, $2, $3, $4, $5)`

// InsertAssessSheet keeps what was published.
func InsertAssessSheet(ctx context.Context, tx pgx.Tx, period int64, at time.Time, by int64, digest string, body []byte) error {
	if _, err := tx.Exec(ctx, sqlInsertAssessSheet, period, at, by, digest, body); err != nil {
		return fmt.Errorf("keep the sheet: %w", err)
	}
	return nil
}

const sqlAssessSheet = `SELECT digest, body FROM assess_sheet WHERE period_id = $1`

// AssessSheet is what was published, to the byte.
func AssessSheet(ctx context.Context, q Querier, period int64) (digest string, body []byte, err error) {
	err = q.QueryRow(ctx, sqlAssessSheet, period).Scan(&digest, &body)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil, fault.New(fault.Missing, "这一期还没有公布")
	}
	if err != nil {
		return "", nil, fmt.Errorf("read the sheet: %w", err)
	}
	return digest, body, nil
}

// AssessAppeal is an appeal (申诉) and, decided, the decision.
type AssessAppeal struct {
	ID         uuid.UUID    `json:"id"`
	Period     int64        `json:"period"`
	Level      assess.Level `json:"level"`
	Subject    int64        `json:"subject"`
	Name       string       `json:"name"`
	OrgPath    string       `json:"-"`
	Item       string       `json:"item,omitempty"`
	Reason     string       `json:"reason"`
	Evidence   string       `json:"evidence,omitempty"`
	Incidents  []uuid.UUID  `json:"incidents"`
	Photos     []uuid.UUID  `json:"photos"`
	By         int64        `json:"by"`
	ByName     string       `json:"by_name"`
	At         time.Time    `json:"at"`
	Verdict    string       `json:"verdict,omitempty" doc:"upheld 成立, partly 部分成立, rejected 不成立; none: not decided"`
	Answer     string       `json:"answer,omitempty"`
	Adjustment *uuid.UUID   `json:"adjustment,omitempty"`
	DecidedBy  string       `json:"decided_by,omitempty"`
	DecidedAt  *time.Time   `json:"decided_at,omitempty"`
}

const assessAppeals = `
SELECT a.id, a.period_id, a.level, a.subject, s.name, s.org_path, a.item, a.reason, a.evidence, a.incidents, a.photos, a.by_account, a.by_name, a.at,
  COALESCE(d.verdict, ''), COALESCE(d.reason, ''), d.adjustment_id, COALESCE(d.by_name, ''), d.at
FROM assess_appeal a JOIN assess_score s ON s.period_id = a.period_id AND s.level = a.level AND s.subject = a.subject LEFT JOIN assess_decision d ON d.appeal_id = a.id `

const (
	sqlAssessAppeals = assessAppeals + `WHERE a.period_id = $1 ORDER BY d.at IS NOT NULL, a.at, a.id`
	sqlAssessAppeal  = assessAppeals + `WHERE a.id = $1`
)

// AssessAppeals lists a period's appeals, those waiting first.
func AssessAppeals(ctx context.Context, q Querier, period int64) ([]AssessAppeal, error) {
	rows, err := q.Query(ctx, sqlAssessAppeals, period)
	if err != nil {
		return nil, fmt.Errorf("list the appeals: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[AssessAppeal])
	if err != nil {
		return nil, fmt.Errorf("list the appeals: %w", err)
	}
	return list, nil
}

// AssessAppealByID finds an appeal.
func AssessAppealByID(ctx context.Context, q Querier, id uuid.UUID) (AssessAppeal, error) {
	rows, err := q.Query(ctx, sqlAssessAppeal, id)
	if err != nil {
		return AssessAppeal{}, fmt.Errorf("find the appeal: %w", err)
	}
	a, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[AssessAppeal])
	if errors.Is(err, pgx.ErrNoRows) {
		return a, fault.New(fault.Missing, "没有这件申诉，或者不在您的管辖范围")
	}
	if err != nil {
		return a, fmt.Errorf("find the appeal: %w", err)
	}
	return a, nil
}

const sqlInsertAssessAppeal = `
INSERT INTO assess_appeal (id, period_id, level, subject, item, reason, evidence, incidents, photos, by_account, by_name, at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`

const sqlClaimAppealPhotos = `
UPDATE attachment SET appeal_id = $1, region_id = $4 WHERE id = ANY ($2) AND incident_id IS NULL AND visit_id IS NULL AND doubt_id IS NULL AND appeal_id IS NULL AND uploaded_by = $3`

const sqlAppealOfPhoto = `SELECT appeal_id FROM attachment WHERE id = $1 AND appeal_id IS NOT NULL`

// InsertAssessAppeal writes an appeal.
func InsertAssessAppeal(ctx context.Context, tx pgx.Tx, a AssessAppeal) error {
	if _, err := tx.Exec(ctx, sqlInsertAssessAppeal, a.ID, a.Period, a.Level, a.Subject, a.Item, a.Reason, a.Evidence, a.Incidents, a.Photos, a.By, a.ByName, a.At); err != nil {
		return fmt.Errorf("write the appeal: %w", err)
	}
	return nil
}

// ClaimAppealPhotos gives uploaded photos to an appeal and says how many it took.
func ClaimAppealPhotos(ctx context.Context, q Querier, a AssessAppeal, region int64) (int64, error) {
	tag, err := q.Exec(ctx, sqlClaimAppealPhotos, a.ID, a.Photos, a.By, region)
	if err != nil {
		return 0, fmt.Errorf("attach the photos: %w", err)
	}
	return tag.RowsAffected(), nil
}

// AppealOfPhoto returns the appeal that the photo belongs to.
func AppealOfPhoto(ctx context.Context, q Querier, photo uuid.UUID) (id uuid.UUID, found bool, err error) {
	err = q.QueryRow(ctx, sqlAppealOfPhoto, photo).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return id, false, nil
	}
	if err != nil {
		return id, false, fmt.Errorf("look up the photo: %w", err)
	}
	return id, true, nil
}

const sqlInsertAssessDecision = `
INSERT INTO assess_decision (appeal_id, verdict, reason, adjustment_id, by_account, by_name, at) VALUES ($1, $2, $3, $4, $5, $6, $7)`

// InsertAssessDecision writes what was decided about an appeal.
func InsertAssessDecision(ctx context.Context, tx pgx.Tx, a AssessAppeal, by int64) error {
	_, err := tx.Exec(ctx, sqlInsertAssessDecision, a.ID, a.Verdict, a.Answer, a.Adjustment, by, a.DecidedBy, a.DecidedAt)
	if Violates(err, "assess_decision_pkey") {
		return fault.New(fault.Conflict, "这件申诉已经有了决定")
	}
	if err != nil {
		return fmt.Errorf("write the decision: %w", err)
	}
	return nil
}

// AssessAdjustment stands beside a published score.
type AssessAdjustment struct {
	ID      uuid.UUID       `json:"id"`
	Level   assess.Level    `json:"level"`
	Subject int64           `json:"subject"`
	Name    string          `json:"name"`
	OrgPath string          `json:"-"`
	Kind    string          `json:"kind" doc:"appeal 申诉, data 数据更正, decision 核定"`
	Delta   assess.Fraction `json:"delta"`
	Reason  string          `json:"reason"`
	Detail  []AssessMoved   `json:"detail"`
	ByName  string          `json:"by_name"`
	At      time.Time       `json:"at"`
}

// AssessMoved is a figure that is another one now.
type AssessMoved struct {
	Item   string        `json:"item"`
	Name   string        `json:"name"`
	Before assess.Figure `json:"before"`
	After  assess.Figure `json:"after"`
}

const sqlAssessAdjustments = `
SELECT a.id, a.level, a.subject, s.name, s.org_path, a.kind, a.delta, a.reason, a.detail, a.by_name, a.at
FROM assess_adjustment a JOIN assess_score s ON s.period_id = a.period_id AND s.level = a.level AND s.subject = a.subject
WHERE a.period_id = $1 AND ($2 = '' OR a.level = $2) AND ($3::bigint IS NULL OR a.subject = $3) ORDER BY a.at, a.id`

// AssessAdjustments lists the adjustments of a period, or of one subject in it.
func AssessAdjustments(ctx context.Context, q Querier, period int64, level assess.Level, subject *int64) ([]AssessAdjustment, error) {
	rows, err := q.Query(ctx, sqlAssessAdjustments, period, level, subject)
	if err != nil {
		return nil, fmt.Errorf("list the adjustments: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (a AssessAdjustment, err error) {
		var detail []byte
		if err = row.Scan(&a.ID, &a.Level, &a.Subject, &a.Name, &a.OrgPath, &a.Kind, &a.Delta, &a.Reason, &detail, &a.ByName, &a.At); err == nil {
			err = json.Unmarshal(detail, &a.Detail)
		}
		return a, err
	})
	if err != nil {
		return nil, fmt.Errorf("list the adjustments: %w", err)
	}
	return list, nil
}

const sqlInsertAssessAdjustment = `
INSERT INTO assess_adjustment (id, period_id, level, subject, kind, delta, reason, detail, by_account, by_name, at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`

// InsertAssessAdjustment writes an adjustment.
func InsertAssessAdjustment(ctx context.Context, tx pgx.Tx, period int64, a AssessAdjustment, by int64) error {
	if a.Detail == nil {
		a.Detail = []AssessMoved{}
	}
	detail, err := json.Marshal(a.Detail)
	if err == nil {
		_, err = tx.Exec(ctx, sqlInsertAssessAdjustment, a.ID, period, a.Level, a.Subject, a.Kind, a.Delta, a.Reason, detail, by, a.ByName, a.At)
	}
	if err != nil {
		return fmt.Errorf("write the adjustment: %w", err)
	}
	return nil
}

// AssessStep is something that was done to a period.
type AssessStep struct {
	At     time.Time      `json:"at"`
	Action string         `json:"action"`
	ByName string         `json:"by_name"`
	Detail map[string]any `json:"detail"`
}

const (
	sqlAssessSteps      = `SELECT at, action, by_name, detail FROM assess_step WHERE period_id = $1 ORDER BY id`
	sqlInsertAssessStep = `INSERT INTO assess_step (period_id, at, action, by_account, by_name, detail) VALUES ($1, $2, $3, $4, $5, $6)`
)

// AssessSteps lists what was done to a period, in order.
func AssessSteps(ctx context.Context, q Querier, period int64) ([]AssessStep, error) {
	rows, err := q.Query(ctx, sqlAssessSteps, period)
	if err != nil {
		return nil, fmt.Errorf("list the steps: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[AssessStep])
	if err != nil {
		return nil, fmt.Errorf("list the steps: %w", err)
	}
	return list, nil
}

// InsertAssessStep notes what was done to a period.
func InsertAssessStep(ctx context.Context, tx pgx.Tx, period int64, s AssessStep, by int64) error {
	if s.Detail == nil {
		s.Detail = map[string]any{}
	}
	if _, err := tx.Exec(ctx, sqlInsertAssessStep, period, s.At, s.Action, by, s.ByName, s.Detail); err != nil {
		return fmt.Errorf("note the step: %w", err)
	}
	return nil
}

const sqlAssessMine = `
SELECT 'grid' AS level, a.grid_id AS subject FROM account c JOIN grid_assignment a ON a.worker_id = c.worker_id
WHERE c.id = $1 AND a.valid_to IS NULL AND a.role IN ('leader','worker','guide')
UNION SELECT 'guide', a.worker_id FROM account c JOIN grid_assignment a ON a.worker_id = c.worker_id WHERE c.id = $1 AND a.role = 'guide'
UNION SELECT CASE WHEN o.kind IN ('village','community') THEN 'community' ELSE 'department' END, CASE WHEN o.kind = 'department' THEN (SELECT d.id FROM org d WHERE d.kind = 'department' AND o.path LIKE d.path || '%' ORDER BY length(d.path) LIMIT 1) ELSE o.id END
FROM account_post p JOIN org o ON o.id = p.org_id
WHERE p.account_id = $1 AND p.valid_from <= current_date AND (p.valid_to IS NULL OR p.valid_to >= current_date)
  AND (o.kind IN ('village','community') AND p.role = 'station' OR o.kind = 'department' AND p.role IN ('dept_clerk','dept_head'))`

// AssessOwn is a subject whose work is one's own.
type AssessOwn struct {
	Level   assess.Level
	Subject int64
}

// AssessMine are the subjects that an account stands for: its grids, itself as a
// guide, its community, its department.
func AssessMine(ctx context.Context, q Querier, account int64) ([]AssessOwn, error) {
	rows, err := q.Query(ctx, sqlAssessMine, account)
	if err != nil {
		return nil, fmt.Errorf("find what is one's own: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[AssessOwn])
	if err != nil {
		return nil, fmt.Errorf("find what is one's own: %w", err)
	}
	return list, nil
}
