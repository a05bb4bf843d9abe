package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/patrol"
)

// Doubt is a worker's doubtful day (存疑轨迹) as lists and pages show it.
type Doubt struct {
	ID           uuid.UUID           `json:"id"`
	Region       int64               `json:"-"`
	Worker       int64               `json:"worker"`
	WorkerName   string              `json:"worker_name"`
	Org          int64               `json:"org"`
	OrgName      string              `json:"org_name"`
	OrgPath      string              `json:"-"`
	Day          string              `json:"day"`
	Score        int                 `json:"score" doc:"0 to 100, advice: a person decides"`
	State        patrol.DoubtState   `json:"state" enum:"raised,explained,decided,appealed,closed,withdrawn"`
	Verdict      patrol.DoubtVerdict `json:"verdict" enum:",cleared,confirmed,needs_talk"`
	Codes        []string            `json:"codes" doc:"its signals, the heaviest first"`
	RuleVersion  string              `json:"rule_version"`
	RaisedAt     time.Time           `json:"raised_at"`
	ExplainUntil time.Time           `json:"explain_until"`
	ExplainedAt  *time.Time          `json:"explained_at"`
	DecidedAt    *time.Time          `json:"decided_at"`
	DecidedName  string              `json:"decided_name" doc:"who decided last"`
	FirstBy      int64               `json:"-"`
	AppealUntil  *time.Time          `json:"appeal_until"`
	AppealedAt   *time.Time          `json:"appealed_at"`
	ClosedAt     *time.Time          `json:"closed_at"`
	ErasedAt     *time.Time          `json:"erased_at" doc:"when the places were removed from its evidence"`
	Version      int32               `json:"version"`
}

// Life is the doubt as its rules see it.
func (d *Doubt) Life() patrol.Doubt {
	return patrol.Doubt{State: d.State, Verdict: d.Verdict, Worker: d.Worker, Appealed: d.AppealedAt != nil, FirstBy: d.FirstBy, ExplainUntil: d.ExplainUntil, AppealUntil: d.AppealUntil}
}

// DoubtStep is one thing that happened to a doubt. It cannot be changed.
type DoubtStep struct {
	ID      int64               `json:"id"`
	At      time.Time           `json:"at"`
	Kind    string              `json:"kind" enum:"raised,renewed,withdrawn,explained,decided,appealed,closed,late_data,erased"`
	Account *int64              `json:"account" doc:"null = the system"`
	By      string              `json:"by"`
	Verdict patrol.DoubtVerdict `json:"verdict"`
	Text    string              `json:"text"`
	Photos  []uuid.UUID         `json:"photos"`
	Score   int                 `json:"score"`
	Codes   []string            `json:"codes"`
	Client  string              `json:"-" db:"-"` // of the phone that said it
}

const doubtColumns = `
SELECT d.id, d.region_id, d.worker_id, w.name, d.org_id, o.name, o.path, to_char(d.day, 'YYYY-MM-DD'), d.score, d.state, d.verdict,
  ARRAY(SELECT s.code FROM doubt_signal s WHERE s.doubt_id = d.id ORDER BY s.seq), d.rule_version, d.raised_at, d.explain_until, d.explained_at, d.decided_at,
  COALESCE((SELECT s.by_name FROM doubt_step s WHERE s.doubt_id = d.id AND s.kind = 'decided' ORDER BY s.id DESC LIMIT 1), ''),
  COALESCE(d.first_by, 0), d.appeal_until, d.appealed_at, d.closed_at, d.erased_at, d.version
FROM doubt d JOIN worker w ON w.id = d.worker_id JOIN org o ON o.id = d.org_id`

func scanDoubt(row pgx.CollectableRow) (d Doubt, err error) {
	err = row.Scan(&d.ID, &d.Region, &d.Worker, &d.WorkerName, &d.Org, &d.OrgName, &d.OrgPath, &d.Day, &d.Score, &d.State, &d.Verdict, &d.Codes, &d.RuleVersion,
		&d.RaisedAt, &d.ExplainUntil, &d.ExplainedAt, &d.DecidedAt, &d.DecidedName, &d.FirstBy, &d.AppealUntil, &d.AppealedAt, &d.ClosedAt, &d.ErasedAt, &d.Version)
	return d, err
}

func collectDoubts(ctx context.Context, q Querier, sql string, args ...any) ([]Doubt, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("read doubts: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanDoubt)
	if err != nil {
		return nil, fmt.Errorf("read doubts: %w", err)
	}
	return list, nil
}

func oneDoubt(list []Doubt, err error) (Doubt, error) {
	if err != nil {
		return Doubt{}, err
	}
	if len(list) == 0 {
		return Doubt{}, fault.New(fault.Missing, "没有这条存疑记录，或者不在您的管辖范围")
	}
	return list[0], nil
}

const sqlDoubtByID = doubtColumns + ` WHERE d.id = $1`

// DoubtByID returns a doubt or a fault of the kind Missing.
func DoubtByID(ctx context.Context, q Querier, id uuid.UUID) (Doubt, error) {
	return oneDoubt(collectDoubts(ctx, q, sqlDoubtByID, id))
}

const sqlDoubtForUpdate = doubtColumns + ` WHERE d.id = $1 FOR UPDATE OF d`

// DoubtForUpdate is DoubtByID, locked.
func DoubtForUpdate(ctx context.Context, q Querier, id uuid.UUID) (Doubt, error) {
	return oneDoubt(collectDoubts(ctx, q, sqlDoubtForUpdate, id))
}

const sqlDoubtOfDay = doubtColumns + ` WHERE d.region_id = $1 AND d.worker_id = $2 AND d.day = $3 FOR UPDATE OF d`

// DoubtOfDay returns the doubt about a worker's day, locked; found is false when there is none.
func DoubtOfDay(ctx context.Context, q Querier, region, worker int64, day time.Time) (d Doubt, found bool, err error) {
	list, err := collectDoubts(ctx, q, sqlDoubtOfDay, region, worker, dayDate(day))
	if err != nil || len(list) == 0 {
		return Doubt{}, false, err
	}
	return list[0], true, nil
}

// DoubtFilter narrows the list of doubts.
type DoubtFilter struct {
	Scope    []string // nil = the worker's own list
	Worker   *int64
	OrgPath  string
	Queue    string // open = waits for a decision, appeal = of these the appeals, done = everything else; "" = all
	Code     string
	From, To *time.Time // days, both included
	Query    string
	Grid     *int64  // of people assigned to it on the day
	AfterDay *string // cursor: below this day, or on it and above this id
	AfterID  *uuid.UUID
	Limit    int
}

const doubtWhere = `
WHERE ($1::text[] IS NULL OR o.path LIKE ANY ($1)) AND ($2::bigint IS NULL OR d.worker_id = $2) AND ($3 = '' OR o.path LIKE $3 || '%')
  AND CASE $4 WHEN 'open' THEN d.state IN ('raised','explained','appealed') OR d.state = 'decided' AND d.verdict = 'needs_talk'
    WHEN 'appeal' THEN d.state = 'appealed' WHEN 'done' THEN d.state IN ('closed','withdrawn') OR d.state = 'decided' AND d.verdict <> 'needs_talk' ELSE true END
  AND ($5 = '' OR EXISTS (SELECT FROM doubt_signal s WHERE s.doubt_id = d.id AND s.code = $5))
  AND ($6::date IS NULL OR d.day >= $6) AND ($7::date IS NULL OR d.day <= $7) AND ($8 = '' OR w.name LIKE '%' || $8 || '%' OR w.code = $8 OR w.pinyin LIKE lower($8) || '%')
  AND ($9::bigint IS NULL OR EXISTS (SELECT FROM grid_assignment x WHERE x.worker_id = d.worker_id AND x.grid_id = $9 AND x.valid_from <= d.day AND (x.valid_to IS NULL OR x.valid_to > d.day)))`

const sqlListDoubts = doubtColumns + doubtWhere + `
  AND ($10::date IS NULL OR d.day < $10 OR d.day = $10 AND d.id > $11::uuid) ORDER BY d.day DESC, d.id LIMIT $12`

const sqlCountDoubts = `SELECT count(*) FROM doubt d JOIN worker w ON w.id = d.worker_id JOIN org o ON o.id = d.org_id` + doubtWhere

// ListDoubts lists doubts, the newest day first, and how many there are.
func ListDoubts(ctx context.Context, q Querier, f DoubtFilter) ([]Doubt, int, error) {
	var under []string
	if f.Scope != nil {
		under = Under(f.Scope)
	}
	args := []any{under, f.Worker, f.OrgPath, f.Queue, f.Code, f.From, f.To, f.Query, f.Grid}
	list, err := collectDoubts(ctx, q, sqlListDoubts, append(args, f.AfterDay, f.AfterID, f.Limit)...)
	if err != nil {
		return nil, 0, err
	}
	total := 0
	if err := q.QueryRow(ctx, sqlCountDoubts, args...).Scan(&total); err != nil {
		return nil, 0, fmt.Errorf("count doubts: %w", err)
	}
	return list, total, nil
}

const sqlDoubtSignals = `SELECT code, points, text, mitigated, why, figures, evidence FROM doubt_signal WHERE doubt_id = $1 ORDER BY seq`

// DoubtSignals returns a doubt's signals with their evidence.
func DoubtSignals(ctx context.Context, q Querier, id uuid.UUID) ([]patrol.Signal, error) {
	rows, err := q.Query(ctx, sqlDoubtSignals, id)
	if err != nil {
		return nil, fmt.Errorf("read the signals: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (s patrol.Signal, err error) {
		err = row.Scan(&s.Code, &s.Points, &s.Text, &s.Mitigated, &s.Why, &s.Figures, &s.Evidence)
		s.Name = s.Code.Name()
		return s, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the signals: %w", err)
	}
	return list, nil
}

const sqlDoubtSteps = `
SELECT id, at, kind, account_id AS account, by_name AS by, verdict, text, photos, score, codes FROM doubt_step WHERE doubt_id = $1 ORDER BY id`

// DoubtSteps returns everything that happened to a doubt, in its order.
func DoubtSteps(ctx context.Context, q Querier, id uuid.UUID) ([]DoubtStep, error) {
	rows, err := q.Query(ctx, sqlDoubtSteps, id)
	if err != nil {
		return nil, fmt.Errorf("read the steps: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[DoubtStep])
	if err != nil {
		return nil, fmt.Errorf("read the steps: %w", err)
	}
	return list, nil
}

const sqlInsertDoubt = `
INSERT INTO doubt (id, region_id, worker_id, org_id, day, score, state, rule_version, raised_at, explain_until)
SELECT $1, $2, w.id, w.org_id, $4, $5, 'raised', $6, $7, $8 FROM worker w WHERE w.id = $3`

// InsertDoubt raises a doubt about a worker's day.
func InsertDoubt(ctx context.Context, q Querier, d Doubt, day time.Time) error {
	if _, err := q.Exec(ctx, sqlInsertDoubt, d.ID, d.Region, d.Worker, dayDate(day), d.Score, d.RuleVersion, d.RaisedAt, d.ExplainUntil); err != nil {
		return fmt.Errorf("raise a doubt: %w", err)
	}
	return nil
}

const sqlUpdateDoubt = `
UPDATE doubt SET score = $2, state = $3, verdict = $4, rule_version = $5, raised_at = $6, explain_until = $7, explained_at = $8, decided_at = $9, first_by = NULLIF($10::bigint, 0),
  appeal_until = $11, appealed_at = $12, closed_at = $13, version = version + 1 WHERE id = $1`

// UpdateDoubt writes what a move changed.
func UpdateDoubt(ctx context.Context, q Querier, d Doubt) error {
	if _, err := q.Exec(ctx, sqlUpdateDoubt, d.ID, d.Score, d.State, d.Verdict, d.RuleVersion, d.RaisedAt, d.ExplainUntil, d.ExplainedAt, d.DecidedAt, d.FirstBy, d.AppealUntil, d.AppealedAt, d.ClosedAt); err != nil {
		return fmt.Errorf("change a doubt: %w", err)
	}
	return nil
}

const sqlInsertDoubtStep = `
INSERT INTO doubt_step (doubt_id, at, kind, account_id, by_name, verdict, text, photos, score, codes, client_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, NULLIF($11, ''))`

// InsertDoubtStep notes what happened.
func InsertDoubtStep(ctx context.Context, q Querier, id uuid.UUID, s DoubtStep) error {
	if s.Photos == nil {
		s.Photos = []uuid.UUID{}
	}
	if s.Codes == nil {
		s.Codes = []string{}
	}
	if _, err := q.Exec(ctx, sqlInsertDoubtStep, id, s.At, s.Kind, s.Account, s.By, s.Verdict, s.Text, s.Photos, s.Score, s.Codes, s.Client); err != nil {
		return fmt.Errorf("note a step: %w", err)
	}
	return nil
}

const sqlDoubtSaid = `SELECT EXISTS (SELECT FROM doubt_step WHERE doubt_id = $1 AND client_id = $2)`

// DoubtSaid reports whether a phone has said this before and did not hear the answer.
func DoubtSaid(ctx context.Context, q Querier, id uuid.UUID, client string) (said bool, err error) {
	if client == "" {
		return false, nil
	}
	if err = q.QueryRow(ctx, sqlDoubtSaid, id, client).Scan(&said); err != nil {
		return false, fmt.Errorf("look whether it was said: %w", err)
	}
	return said, nil
}

const sqlDropDoubtSignals = `DELETE FROM doubt_signal WHERE doubt_id = $1`

const sqlInsertDoubtSignal = `
INSERT INTO doubt_signal (doubt_id, seq, code, points, text, mitigated, why, figures, evidence) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`

// PutDoubtSignals replaces a doubt's signals.
func PutDoubtSignals(ctx context.Context, q Querier, id uuid.UUID, signals []patrol.Signal) error {
	if _, err := q.Exec(ctx, sqlDropDoubtSignals, id); err != nil {
		return fmt.Errorf("replace the signals: %w", err)
	}
	for i, s := range signals {
		figures := s.Figures
		if figures == nil {
			figures = map[string]float64{}
		}
		if _, err := q.Exec(ctx, sqlInsertDoubtSignal, id, i, s.Code, s.Points, s.Text, s.Mitigated, s.Why, figures, s.Evidence); err != nil {
			return fmt.Errorf("write a signal: %w", err)
		}
	}
	return nil
}

const sqlClaimDoubtPhotos = `UPDATE attachment SET doubt_id = $1, region_id = $4 WHERE id = ANY ($2) AND incident_id IS NULL AND visit_id IS NULL AND doubt_id IS NULL AND appeal_id IS NULL AND uploaded_by = $3`

// ClaimDoubtPhotos gives uploaded photos to a doubt and says how many it took.
func ClaimDoubtPhotos(ctx context.Context, q Querier, to uuid.UUID, ids []uuid.UUID, by, region int64) (int64, error) {
	tag, err := q.Exec(ctx, sqlClaimDoubtPhotos, to, ids, by, region)
	if err != nil {
		return 0, fmt.Errorf("attach the photos: %w", err)
	}
	return tag.RowsAffected(), nil
}

const sqlDoubtOfPhoto = `SELECT doubt_id FROM attachment WHERE id = $1 AND doubt_id IS NOT NULL`

// DoubtOfPhoto returns the doubt whose explanation the photo belongs to.
func DoubtOfPhoto(ctx context.Context, q Querier, photo uuid.UUID) (id uuid.UUID, found bool, err error) {
	err = q.QueryRow(ctx, sqlDoubtOfPhoto, photo).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return id, false, nil
	}
	if err != nil {
		return id, false, fmt.Errorf("look up the photo: %w", err)
	}
	return id, true, nil
}

const sqlDoubtsToClose = doubtColumns + ` WHERE d.state = 'decided' AND d.verdict <> 'needs_talk' AND d.appeal_until <= $1 ORDER BY d.appeal_until LIMIT 200 FOR UPDATE OF d SKIP LOCKED`

// DoubtsToClose returns doubts whose time for an appeal is over, locked.
func DoubtsToClose(ctx context.Context, q Querier, now time.Time) ([]Doubt, error) {
	return collectDoubts(ctx, q, sqlDoubtsToClose, now)
}

// DoubtPolicyRow is a version of the policy with who made it.
type DoubtPolicyRow struct {
	patrol.DoubtPolicy
	Note   string     `json:"note"`
	MadeAt *time.Time `json:"made_at"`
	By     string     `json:"by"`
}

const sqlDoubtPolicies = `SELECT version, body, note, made_at, by_name FROM doubt_policy WHERE region_id = $1 ORDER BY version DESC LIMIT $2`

// DoubtPolicies lists the versions of a region's policy, the one in force first;
// the default is the last of them.
func DoubtPolicies(ctx context.Context, q Querier, region int64, limit int) ([]DoubtPolicyRow, error) {
	rows, err := q.Query(ctx, sqlDoubtPolicies, region, limit)
	if err != nil {
		return nil, fmt.Errorf("read the policy of doubts: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (p DoubtPolicyRow, err error) {
		var version int
		err = row.Scan(&version, &p.DoubtPolicy, &p.Note, &p.MadeAt, &p.By)
		p.Version = version
		return p, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the policy of doubts: %w", err)
	}
	if len(list) < limit {
		list = append(list, DoubtPolicyRow{DoubtPolicy: patrol.DefaultDoubtPolicy()})
	}
	return list, nil
}

// DoubtPolicyOf returns the policy in force in a region.
func DoubtPolicyOf(ctx context.Context, q Querier, region int64) (patrol.DoubtPolicy, error) {
	list, err := DoubtPolicies(ctx, q, region, 1)
	if err != nil {
		return patrol.DoubtPolicy{}, err
	}
	return list[0].DoubtPolicy, nil
}

const sqlInsertDoubtPolicy = `INSERT INTO doubt_policy (region_id, version, body, note, made_at, made_by, by_name) VALUES ($1, $2, $3, $4, $5, $6, $7)`

// InsertDoubtPolicy makes the next version of a region's policy.
func InsertDoubtPolicy(ctx context.Context, q Querier, region int64, p patrol.DoubtPolicy, note string, at time.Time, by int64, name string) error {
	body, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("write the policy: %w", err)
	}
	_, err = q.Exec(ctx, sqlInsertDoubtPolicy, region, p.Version, body, note, at, by, name)
	if Violates(err, "doubt_policy_pkey") {
		return fault.Because(err, fault.Conflict, "存疑规则刚被他人修改，请刷新后再改")
	}
	if err != nil {
		return fmt.Errorf("write the policy: %w", err)
	}
	return nil
}
