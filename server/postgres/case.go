package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/fault"
)

// FeedbackRow is what a handler says was done (处置反馈).
type FeedbackRow struct {
	ID       uuid.UUID  `json:"id"`
	Order    *uuid.UUID `json:"order,omitempty"`
	At       time.Time  `json:"at"`
	By       *int64     `json:"-"`
	ByName   string     `json:"by_name"`
	Result   string     `json:"result"`
	Text     string     `json:"text"`
	Measures string     `json:"measures,omitempty"`
	ClientID *string    `json:"-"`
}

const sqlInsertFeedback = `INSERT INTO feedback (id, incident_id, order_id, at, by_account, by_name, result, text, measures, client_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`

// InsertFeedback stores a feedback of the case.
func InsertFeedback(ctx context.Context, q Querier, incident uuid.UUID, f FeedbackRow) error {
	if _, err := q.Exec(ctx, sqlInsertFeedback, f.ID, incident, f.Order, f.At, f.By, f.ByName, f.Result, f.Text, f.Measures, f.ClientID); err != nil {
		return fmt.Errorf("store the feedback: %w", err)
	}
	return nil
}

const sqlFeedbackKnown = `SELECT EXISTS (SELECT FROM feedback WHERE incident_id = $1 AND client_id = $2)`

// FeedbackKnown reports whether the client has sent this feedback before.
func FeedbackKnown(ctx context.Context, q Querier, incident uuid.UUID, clientID string) (known bool, err error) {
	if err := q.QueryRow(ctx, sqlFeedbackKnown, incident, clientID).Scan(&known); err != nil {
		return false, fmt.Errorf("look for the feedback: %w", err)
	}
	return known, nil
}

// Verification is a look before filing (核实), after handling (核查), or by telephone (回访).
type Verification struct {
	ID         uuid.UUID  `json:"id"`
	Incident   uuid.UUID  `json:"incident"`
	Kind       string     `json:"kind"`
	Org        *int64     `json:"org,omitempty"`
	OrgName    string     `json:"org_name,omitempty"`
	Worker     *int64     `json:"worker,omitempty"`
	WorkerName string     `json:"worker_name,omitempty"`
	AskedBy    *int64     `json:"-"`
	AskedName  string     `json:"asked_name,omitempty"`
	AskedAt    time.Time  `json:"asked_at"`
	State      string     `json:"state"`
	Result     string     `json:"result,omitempty"`
	Text       string     `json:"text,omitempty"`
	DoneAt     *time.Time `json:"done_at,omitempty"`
	DoneName   string     `json:"done_name,omitempty"`
	Point      *orb.Point `json:"point,omitempty"`
	Distance   *float32   `json:"distance_m,omitempty"`
}

const sqlInsertVerification = `
INSERT INTO verification (id, incident_id, kind, org_id, worker_id, asked_by, asked_name, asked_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`

// InsertVerification asks somebody to look.
func InsertVerification(ctx context.Context, q Querier, v Verification) error {
	if _, err := q.Exec(ctx, sqlInsertVerification, v.ID, v.Incident, v.Kind, v.Org, v.Worker, v.AskedBy, v.AskedName, v.AskedAt); err != nil {
		return fmt.Errorf("ask for a verification: %w", err)
	}
	return nil
}

const sqlFinishVerification = `
UPDATE verification SET state = $2, result = $3, text = $4, done_at = $5, done_by = $6, done_name = $7, geom = $8, distance_m = $9 WHERE id = $1 AND state = 'pending'`

// FinishVerification records what was found, or (state dropped) that nobody need look any more.
func FinishVerification(ctx context.Context, q Querier, id uuid.UUID, state, result, text string, at time.Time, by *int64, byName string, point *orb.Point, distance *float64) error {
	if _, err := q.Exec(ctx, sqlFinishVerification, id, state, result, text, at, by, byName, point, distance); err != nil {
		return fmt.Errorf("finish the verification: %w", err)
	}
	return nil
}

const verificationColumns = `
SELECT v.id, v.incident_id, v.kind, v.org_id, COALESCE(o.name, ''), v.worker_id, COALESCE(w.name, ''), v.asked_by, v.asked_name, v.asked_at, v.state, v.result, v.text, v.done_at, v.done_name, v.geom, v.distance_m
FROM verification v LEFT JOIN org o ON o.id = v.org_id LEFT JOIN worker w ON w.id = v.worker_id`

const sqlVerificationsOf = verificationColumns + ` WHERE v.incident_id = $1 ORDER BY v.asked_at`

const sqlVerificationsOfWorker = verificationColumns + ` WHERE v.worker_id = $1 AND v.state = 'pending' ORDER BY v.asked_at LIMIT 200`

// VerificationsOfWorker lists what the worker is asked to look at.
func VerificationsOfWorker(ctx context.Context, q Querier, worker int64) ([]Verification, error) {
	return collect[Verification](ctx, q, "verifications", sqlVerificationsOfWorker, worker)
}

// Delay is a request for more time (延期).
type Delay struct {
	ID          uuid.UUID  `json:"id"`
	AskedName   string     `json:"asked_name"`
	AskedAt     time.Time  `json:"asked_at"`
	Reason      string     `json:"reason"`
	Days        int16      `json:"days"`
	State       string     `json:"state"`
	DecidedName string     `json:"decided_name,omitempty"`
	DecidedAt   *time.Time `json:"decided_at,omitempty"`
	Note        string     `json:"note,omitempty"`
	OldDue      *time.Time `json:"old_due,omitempty"`
	NewDue      *time.Time `json:"new_due,omitempty"`
}

const sqlInsertDelay = `INSERT INTO delay_request (id, incident_id, asked_by, asked_name, asked_at, reason, days, old_due) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`

const sqlPendingDelay = `SELECT id, days FROM delay_request WHERE incident_id = $1 AND state = 'asked' ORDER BY asked_at DESC LIMIT 1`

const sqlDecideDelay = `
UPDATE delay_request SET state = $2, decided_by = $3, decided_name = $4, decided_at = $5, note = $6, old_due = COALESCE($7, old_due), new_due = $8 WHERE incident_id = $1 AND state = 'asked'`

const sqlDelaysOf = `SELECT id, asked_name, asked_at, reason, days, state, decided_name, decided_at, note, old_due, new_due FROM delay_request WHERE incident_id = $1 ORDER BY asked_at`

// InsertDelay asks for days more.
func InsertDelay(ctx context.Context, q Querier, id, incident uuid.UUID, by *int64, byName string, at time.Time, reason string, days int16, due *time.Time) error {
	if _, err := q.Exec(ctx, sqlInsertDelay, id, incident, by, byName, at, reason, days, due); err != nil {
		return fmt.Errorf("ask for more time: %w", err)
	}
	return nil
}

// PendingDelay returns by how many working days the open request asks to put the limit off.
func PendingDelay(ctx context.Context, q Querier, incident uuid.UUID) (days int16, err error) {
	var id uuid.UUID
	err = q.QueryRow(ctx, sqlPendingDelay, incident).Scan(&id, &days)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, fault.New(fault.Conflict, "没有待审批的延期申请")
	}
	if err != nil {
		return 0, fmt.Errorf("read the request for more time: %w", err)
	}
	return days, nil
}

// DecideDelay answers the open request.
func DecideDelay(ctx context.Context, q Querier, incident uuid.UUID, state string, by *int64, byName string, at time.Time, note string, oldDue, newDue *time.Time) error {
	if _, err := q.Exec(ctx, sqlDecideDelay, incident, state, by, byName, at, note, oldDue, newDue); err != nil {
		return fmt.Errorf("decide on more time: %w", err)
	}
	return nil
}

// Suspension is a request that the clock stop, and its answer (挂账).
type Suspension struct {
	ID          uuid.UUID  `json:"id"`
	AskedName   string     `json:"asked_name"`
	AskedAt     time.Time  `json:"asked_at"`
	Reason      string     `json:"reason"`
	ReviewAt    time.Time  `json:"review_at"`
	State       string     `json:"state"`
	DecidedName string     `json:"decided_name,omitempty"`
	DecidedAt   *time.Time `json:"decided_at,omitempty"`
	Note        string     `json:"note,omitempty"`
	EndedAt     *time.Time `json:"ended_at,omitempty"`
}

const sqlInsertSuspension = `
INSERT INTO suspension (id, incident_id, asked_by, asked_name, asked_at, reason, review_at, state, decided_by, decided_name, decided_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, CASE WHEN $8 = 'approved' THEN $3::bigint END, CASE WHEN $8 = 'approved' THEN $4 ELSE '' END, CASE WHEN $8 = 'approved' THEN $5::timestamptz END)`

const sqlDecideSuspension = `UPDATE suspension SET state = $2, decided_by = $3, decided_name = $4, decided_at = $5, note = $6 WHERE incident_id = $1 AND state = 'asked'`

const sqlEndSuspension = `UPDATE suspension SET state = 'ended', ended_at = $2 WHERE incident_id = $1 AND state = 'approved'`

const sqlSuspensionsOf = `SELECT id, asked_name, asked_at, reason, review_at, state, decided_name, decided_at, note, ended_at FROM suspension WHERE incident_id = $1 ORDER BY asked_at`

// InsertSuspension asks for a suspension (state asked) or makes one at once (approved).
func InsertSuspension(ctx context.Context, q Querier, id, incident uuid.UUID, by *int64, byName string, at time.Time, reason string, review time.Time, state string) error {
	if _, err := q.Exec(ctx, sqlInsertSuspension, id, incident, by, byName, at, reason, review, state); err != nil {
		return fmt.Errorf("store the suspension: %w", err)
	}
	return nil
}

// DecideSuspension answers the open request.
func DecideSuspension(ctx context.Context, q Querier, incident uuid.UUID, state string, by *int64, byName string, at time.Time, note string) error {
	if _, err := q.Exec(ctx, sqlDecideSuspension, incident, state, by, byName, at, note); err != nil {
		return fmt.Errorf("decide on the suspension: %w", err)
	}
	return nil
}

// EndSuspension ends the suspension that holds.
func EndSuspension(ctx context.Context, q Querier, incident uuid.UUID, at time.Time) error {
	if _, err := q.Exec(ctx, sqlEndSuspension, incident, at); err != nil {
		return fmt.Errorf("end the suspension: %w", err)
	}
	return nil
}

// Evaluation is how a case was rated (评价). Grade nil: by timeout.
type Evaluation struct {
	ID       uuid.UUID `json:"id"`
	At       time.Time `json:"at"`
	By       *int64    `json:"-"`
	ByName   string    `json:"by_name,omitempty"`
	Rater    string    `json:"rater"`
	Grade    *int16    `json:"grade,omitempty"`
	Speed    *int16    `json:"speed,omitempty"`
	Effect   *int16    `json:"effect,omitempty"`
	Attitude *int16    `json:"attitude,omitempty"`
	Text     string    `json:"text,omitempty"`
}

const sqlInsertEvaluation = `INSERT INTO evaluation (id, incident_id, at, by_account, by_name, rater, grade, speed, effect, attitude, text) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`

const sqlEvaluationsOf = `SELECT id, at, by_account, by_name, rater, grade, speed, effect, attitude, text FROM evaluation WHERE incident_id = $1 ORDER BY at`

// InsertEvaluation stores a rating of the case.
func InsertEvaluation(ctx context.Context, q Querier, incident uuid.UUID, e Evaluation) error {
	if _, err := q.Exec(ctx, sqlInsertEvaluation, e.ID, incident, e.At, e.By, e.ByName, e.Rater, e.Grade, e.Speed, e.Effect, e.Attitude, e.Text); err != nil {
		return fmt.Errorf("store the evaluation: %w", err)
	}
	return nil
}

// Supervision is a nudge (催办) or a formal demand (督办).
type Supervision struct {
	ID          uuid.UUID  `json:"id"`
	Order       *uuid.UUID `json:"order,omitempty"`
	Kind        string     `json:"kind"`
	Level       string     `json:"level,omitempty"`
	By          *int64     `json:"-"`
	ByName      string     `json:"by_name"`
	At          time.Time  `json:"at"`
	Requirement string     `json:"requirement,omitempty"`
	ReplyDue    *time.Time `json:"reply_due,omitempty"`
	Reply       string     `json:"reply,omitempty"`
	RepliedAt   *time.Time `json:"replied_at,omitempty"`
	RepliedName string     `json:"replied_name,omitempty"`
}

const sqlInsertSupervision = `
INSERT INTO supervision (id, incident_id, order_id, kind, level, by_account, by_name, at, requirement, reply_due) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`

const sqlSupervisionsOf = `
SELECT id, order_id, kind, level, by_account, by_name, at, requirement, reply_due, reply, replied_at, replied_name FROM supervision WHERE incident_id = $1 ORDER BY at`

const sqlReplySupervision = `
UPDATE supervision SET reply = $3, replied_at = $4, replied_by = $5, replied_name = $6
WHERE id = (SELECT id FROM supervision WHERE incident_id = $1 AND kind = 'supervise' AND replied_at IS NULL AND ($2::uuid IS NULL OR id = $2) ORDER BY at LIMIT 1)`

// InsertSupervision stores a nudge or a demand.
func InsertSupervision(ctx context.Context, q Querier, incident uuid.UUID, s Supervision) error {
	if _, err := q.Exec(ctx, sqlInsertSupervision, s.ID, incident, s.Order, s.Kind, s.Level, s.By, s.ByName, s.At, s.Requirement, s.ReplyDue); err != nil {
		return fmt.Errorf("store the supervision: %w", err)
	}
	return nil
}

// ReplySupervision answers the named demand, or the oldest that has no answer.
func ReplySupervision(ctx context.Context, q Querier, incident uuid.UUID, which *uuid.UUID, reply string, at time.Time, by *int64, byName string) error {
	tag, err := q.Exec(ctx, sqlReplySupervision, incident, which, reply, at, by, byName)
	if err != nil {
		return fmt.Errorf("answer the supervision: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return fault.New(fault.Conflict, "没有待回复的督办")
	}
	return nil
}

// CaseFile is all that hangs on a case beside its row, its orders and its record.
type CaseFile struct {
	Feedbacks     []FeedbackRow  `json:"feedbacks"`
	Verifications []Verification `json:"verifications"`
	Delays        []Delay        `json:"delays"`
	Suspensions   []Suspension   `json:"suspensions"`
	Evaluations   []Evaluation   `json:"evaluations"`
	Supervisions  []Supervision  `json:"supervisions"`
}

const sqlFeedbacksOf = `SELECT id, order_id, at, by_account, by_name, result, text, measures, client_id FROM feedback WHERE incident_id = $1 ORDER BY at`

// ReadCaseFile reads it.
func ReadCaseFile(ctx context.Context, q Querier, id uuid.UUID) (f CaseFile, err error) {
	if f.Feedbacks, err = collect[FeedbackRow](ctx, q, "feedbacks", sqlFeedbacksOf, id); err != nil {
		return f, err
	}
	if f.Verifications, err = collect[Verification](ctx, q, "verifications", sqlVerificationsOf, id); err != nil {
		return f, err
	}
	if f.Delays, err = collect[Delay](ctx, q, "delays", sqlDelaysOf, id); err != nil {
		return f, err
	}
	if f.Suspensions, err = collect[Suspension](ctx, q, "suspensions", sqlSuspensionsOf, id); err != nil {
		return f, err
	}
	if f.Evaluations, err = collect[Evaluation](ctx, q, "evaluations", sqlEvaluationsOf, id); err != nil {
		return f, err
	}
	f.Supervisions, err = collect[Supervision](ctx, q, "supervisions", sqlSupervisionsOf, id)
	return f, err
}

// collect reads rows into structs by position; an empty list is not nil.
func collect[T any](ctx context.Context, q Querier, what, sql string, args ...any) ([]T, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", what, err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[T])
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", what, err)
	}
	if list == nil {
		list = []T{}
	}
	return list, nil
}

const sqlInsertArchive = `INSERT INTO archive (incident_id, region_id, at, number, keep_until, sha256, size, package) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`

// InsertArchive seals the package of a case. It is written once.
func InsertArchive(ctx context.Context, q Querier, id uuid.UUID, region int64, at time.Time, number string, keepUntil time.Time, sum []byte, size int, pack []byte) error {
	if _, err := q.Exec(ctx, sqlInsertArchive, id, region, at, number, keepUntil.Format(time.DateOnly), sum, size, pack); err != nil {
		return fmt.Errorf("seal the archive: %w", err)
	}
	return nil
}

// ArchiveRow is the sealed package of a case: gzipped JSON, and the SHA-256 of the JSON.
type ArchiveRow struct {
	At        time.Time
	Number    string
	KeepUntil time.Time
	SHA256    []byte
	Size      int
	Package   []byte
}

const sqlArchive = `SELECT at, number, keep_until, sha256, size, package FROM archive WHERE incident_id = $1`

// ReadArchive returns the package of a case; ok is false while it is not archived.
func ReadArchive(ctx context.Context, q Querier, id uuid.UUID) (a ArchiveRow, ok bool, err error) {
	err = q.QueryRow(ctx, sqlArchive, id).Scan(&a.At, &a.Number, &a.KeepUntil, &a.SHA256, &a.Size, &a.Package)
	if errors.Is(err, pgx.ErrNoRows) {
		return a, false, nil
	}
	if err != nil {
		return a, false, fmt.Errorf("read the archive: %w", err)
	}
	return a, true, nil
}

// PhotoDigest names a photo's bytes.
type PhotoDigest struct {
	ID     uuid.UUID
	Kind   string
	SHA256 []byte
}

const sqlPhotoDigests = `SELECT id, kind, sha256 FROM attachment WHERE incident_id = $1 ORDER BY created_at, id`

// PhotoDigests lists the photos of a case with the SHA-256 of their bytes.
func PhotoDigests(ctx context.Context, q Querier, incident uuid.UUID) ([]PhotoDigest, error) {
	return collect[PhotoDigest](ctx, q, "photos", sqlPhotoDigests, incident)
}
