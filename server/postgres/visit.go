package postgres

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/patrol"
)

// Visit is one line of the visit log (走访日志): the row and the JSON.
type Visit struct {
	ID         uuid.UUID       `json:"id"`
	Region     int64           `json:"-"`
	Worker     int64           `json:"worker"`
	WorkerName string          `json:"worker_name"`
	Org        int64           `json:"org"`
	OrgPath    string          `json:"-"`
	OrgName    string          `json:"org_name"`
	Grid       *int64          `json:"grid"`
	GridName   string          `json:"grid_name"`
	Session    *uuid.UUID      `json:"session" doc:"the duty session that covers it"`
	Target     *int64          `json:"target" doc:"a visit object; none: a place in no register"`
	TargetKind string          `json:"target_kind"`
	KindName   string          `json:"kind_name"`
	Class      string          `json:"class" enum:"backbone,service,control,place"`
	TargetName string          `json:"target_name"`
	Address    string          `json:"address"`
	TargetAt   *orb.Point      `json:"target_point" doc:"where the target was then"`
	Sensitive  bool            `json:"sensitive"`
	ArrivedAt  time.Time       `json:"arrived_at"`
	LeftAt     time.Time       `json:"left_at"`
	Point      *orb.Point      `json:"point" doc:"where it was recorded"`
	Accuracy   *float32        `json:"accuracy"`
	DistanceM  *float32        `json:"distance_m" doc:"from the target"`
	Method     string          `json:"method" enum:"onsite,phone,video,group"`
	Outcome    string          `json:"outcome" enum:"normal,no_one_home,refused,problem"`
	Activities []string        `json:"activities"`
	Content    string          `json:"content"`
	Answers    []VisitAnswer   `json:"answers" doc:"of the checklist"`
	Companions []VisitFellow   `json:"companions"`
	Photos     []VisitPhoto    `json:"photos"`
	Incidents  []VisitIncident `json:"incidents" doc:"cases that it found"`
	Verified   string          `json:"verified" enum:"auto_ok,doubtful,manual_ok,rejected"`
	Doubts     []string        `json:"doubts" doc:"far, no_place, vague, off_duty, brief, late, clock, overlap: advisory"`
	DecidedBy  string          `json:"decided_by,omitempty"`
	DecidedAt  *time.Time      `json:"decided_at,omitempty"`
	DecidedWhy string          `json:"decided_why,omitempty"`
	ClientID   string          `json:"client_id"`
	Account    int64           `json:"-"`
	ReceivedAt time.Time       `json:"received_at"`
	Version    int32           `json:"version"`
}

// VisitAnswer is one answer of a visit's checklist.
type VisitAnswer struct {
	Item  string `json:"item"`
	Name  string `json:"name,omitempty"`
	Value string `json:"value"`
	Issue bool   `json:"issue,omitempty" doc:"有问题"`
	Note  string `json:"note,omitempty"`
}

// VisitFellow is somebody who came along.
type VisitFellow struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
}

// VisitPhoto is a photo of a visit.
type VisitPhoto struct {
	ID      uuid.UUID  `json:"id"`
	TakenAt *time.Time `json:"taken_at,omitempty"`
}

// VisitIncident is a case that a visit found.
type VisitIncident struct {
	ID     uuid.UUID `json:"id"`
	CaseNo string    `json:"case_no"`
	Title  string    `json:"title"`
	State  string    `json:"state"`
}

// Pure is the visit as patrols are judged by it.
func (v *Visit) Pure() patrol.Visit {
	p := patrol.Visit{ID: v.ID, Worker: v.Worker, At: v.ArrivedAt, Left: v.LeftAt, Point: v.Point, Accuracy: float32(math.NaN()), TargetPoint: v.TargetAt,
		TargetKind: v.TargetKind, Outcome: v.Outcome, Method: v.Method, Verified: v.Verified, Incidents: len(v.Incidents)}
	if v.Accuracy != nil {
		p.Accuracy = *v.Accuracy
	}
	if v.Grid != nil {
		p.Grid = *v.Grid
	}
	if v.Target != nil {
		p.Target = *v.Target
	}
	return p
}

const visitColumns = `SELECT v.id, v.region_id AS region, v.worker_id AS worker, w.name AS worker_name, v.org_id AS org, o.path AS org_path, o.name AS org_name, v.grid_id AS grid, COALESCE(g.name, '') AS grid_name,
  v.session_id AS session, v.target_id AS target, v.target_kind, k.name AS kind_name, k.class, COALESCE(b.name, v.target_name) AS target_name, COALESCE(b.address, '') AS address, v.target_geom AS target_at,
  v.sensitive OR COALESCE(b.sensitive, false) AS sensitive,
  v.arrived_at, v.left_at, v.geom AS point, v.accuracy, v.distance_m, v.method, v.outcome, v.activities, v.content,
  COALESCE((SELECT jsonb_agg(jsonb_build_object('item', r.item_code, 'name', i.name, 'value', r.value, 'issue', r.issue, 'note', r.note) ORDER BY i.sort, r.item_code)
    FROM info_record r JOIN info_item i ON i.code = r.item_code WHERE r.visit_id = v.id), '[]') AS answers,
  COALESCE((SELECT jsonb_agg(jsonb_build_object('id', c.id, 'name', c.name) ORDER BY c.id) FROM worker c WHERE c.id = ANY (v.companions)), '[]') AS companions,
  COALESCE((SELECT jsonb_agg(jsonb_build_object('id', a.id, 'taken_at', a.taken_at) ORDER BY a.created_at, a.id) FROM attachment a WHERE a.visit_id = v.id), '[]') AS photos,
  COALESCE((SELECT jsonb_agg(jsonb_build_object('id', i.id, 'case_no', i.case_no, 'title', i.title, 'state', i.state) ORDER BY i.reported_at) FROM visit_incident x JOIN incident i ON i.id = x.incident_id WHERE x.visit_id = v.id), '[]') AS incidents,
  v.verified, v.doubts, v.decided_name AS decided_by, v.decided_at, v.decided_why, v.client_id, COALESCE(v.account_id, 0) AS account, v.received_at, v.version
`

const visitFrom = `FROM visit v JOIN worker w ON w.id = v.worker_id JOIN org o ON o.id = v.org_id JOIN visit_kind k ON k.code = v.target_kind
LEFT JOIN visit_object b ON b.id = v.target_id LEFT JOIN grid_version g ON g.grid_id = v.grid_id AND g.valid_to IS NULL `

const sqlVisit = visitColumns + visitFrom + `WHERE v.id = $1`

const sqlVisitByClient = visitColumns + visitFrom + `WHERE v.region_id = $1 AND v.worker_id = $2 AND v.client_id = $3`

func collectVisits(ctx context.Context, q Querier, sql string, args ...any) ([]Visit, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("read the visits: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[Visit])
	if err != nil {
		return nil, fmt.Errorf("read the visits: %w", err)
	}
	return list, nil
}

// NoVisit is the answer for a visit that does not exist, or not for the caller.
func NoVisit() error {
	return fault.New(fault.Missing, "没有这条走访记录，或者不在您的管辖范围")
}

// VisitByID returns one visit.
func VisitByID(ctx context.Context, q Querier, id uuid.UUID) (Visit, error) {
	return oneVisit(ctx, q, sqlVisit, id)
}

// VisitByClient returns the visit that a worker's phone knows by this name.
func VisitByClient(ctx context.Context, q Querier, region, worker int64, client string) (Visit, error) {
	return oneVisit(ctx, q, sqlVisitByClient, region, worker, client)
}

func oneVisit(ctx context.Context, q Querier, sql string, args ...any) (Visit, error) {
	list, err := collectVisits(ctx, q, sql, args...)
	if err != nil {
		return Visit{}, err
	}
	if len(list) == 0 {
		return Visit{}, NoVisit()
	}
	return list[0], nil
}

// VisitFilter narrows the visit log.
type VisitFilter struct {
	Scope    []string
	Org      *int64 // and below it
	Grid     *int64
	Worker   *int64
	Target   *int64
	From, To *time.Time
	Class    string
	Kind     string
	Outcome  string
	Method   string
	Verified string
	Query    string // target, content or worker
	Counted  bool   // those that count as one under their region's rule
	Found    bool   // those that found a case
	BeforeAt *time.Time
	BeforeID *uuid.UUID
	Limit    int
}

const visitFilter = `WHERE v.org_id = ANY (ARRAY(SELECT so.id FROM org so WHERE so.path LIKE ANY ($1))) AND ($2::bigint IS NULL OR o.path LIKE (SELECT t.path FROM org t WHERE t.id = $2) || '%')
  AND ($3::bigint IS NULL OR v.grid_id = $3) AND ($4::bigint IS NULL OR v.worker_id = $4) AND ($5::bigint IS NULL OR v.target_id = $5)
  AND ($6::timestamptz IS NULL OR v.arrived_at >= $6) AND ($7::timestamptz IS NULL OR v.arrived_at < $7)
  AND ($8 = '' OR k.class = $8) AND ($9 = '' OR v.target_kind = $9) AND ($10 = '' OR v.outcome = $10) AND ($11 = '' OR v.method = $11) AND ($12 = '' OR v.verified = $12)
  AND ($13 = '' OR w.name LIKE '%' || $13 || '%' OR v.content LIKE '%' || $13 || '%' OR v.target_name LIKE '%' || $13 || '%' OR b.name LIKE '%' || $13 || '%' OR b.address LIKE '%' || $13 || '%')
  AND (NOT $14 OR EXISTS (SELECT FROM visit_counted c WHERE c.id = v.id)) AND (NOT $15 OR v.verified <> 'rejected' AND EXISTS (SELECT FROM visit_incident x WHERE x.visit_id = v.id)) `

const sqlVisits = visitColumns + visitFrom + visitFilter + `AND ($16::timestamptz IS NULL OR (v.arrived_at, v.id) < ($16, $17::uuid)) ORDER BY v.arrived_at DESC, v.id DESC LIMIT $18`

func (f VisitFilter) args() []any {
	return []any{planned, Under(f.Scope), f.Org, f.Grid, f.Worker, f.Target, f.From, f.To, f.Class, f.Kind, f.Outcome, f.Method, f.Verified, likeText(f.Query), f.Counted, f.Found}
}

// Visits returns a page of the visit log, newest first.
func Visits(ctx context.Context, q Querier, f VisitFilter) ([]Visit, error) {
	return collectVisits(ctx, q, sqlVisits, append(f.args(), f.BeforeAt, f.BeforeID, f.Limit)...)
}

// VisitTotals are a log in figures.
type VisitTotals struct {
	Visits   int64 `json:"visits"`
	Attempts int64 `json:"attempts" doc:"未遇 and 拒访"`
	Problems int64 `json:"problems"`
	Doubtful int64 `json:"doubtful"`
	Rejected int64 `json:"rejected"`
	Targets  int64 `json:"targets" doc:"different objects"`
	Cases    int64 `json:"cases" doc:"incidents that were reported on them"`
}

const sqlVisitTotals = `SELECT count(*) AS visits, count(*) FILTER (WHERE v.outcome IN ('no_one_home','refused')) AS attempts, count(*) FILTER (WHERE v.outcome = 'problem') AS problems,
  count(*) FILTER (WHERE v.verified = 'doubtful') AS doubtful, count(*) FILTER (WHERE v.verified = 'rejected') AS rejected, count(DISTINCT v.target_id) AS targets,
  COALESCE(sum((SELECT count(*) FROM visit_incident x WHERE x.visit_id = v.id)), 0)::bigint AS cases
` + visitFrom + visitFilter

// CountVisits returns the whole filtered log in figures.
func CountVisits(ctx context.Context, q Querier, f VisitFilter) (VisitTotals, error) {
	rows, err := q.Query(ctx, sqlVisitTotals, f.args()...)
	if err != nil {
		return VisitTotals{}, fmt.Errorf("count the visits: %w", err)
	}
	t, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[VisitTotals])
	if err != nil {
		return t, fmt.Errorf("count the visits: %w", err)
	}
	return t, nil
}

const sqlInsertVisit = `
INSERT INTO visit (id, region_id, worker_id, org_id, grid_id, session_id, target_id, target_kind, target_name, target_geom, sensitive, arrived_at, left_at, geom, accuracy, distance_m,
  method, outcome, activities, content, companions, verified, doubts, client_id, account_id, received_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, NULLIF($25::bigint, 0), $26)`

// InsertVisit writes a visit without its answers. The same client id twice violates visit_client.
func InsertVisit(ctx context.Context, q Querier, v Visit) error {
	companions := []int64{}
	for _, c := range v.Companions {
		companions = append(companions, c.ID)
	}
	name := v.TargetName
	if v.Target != nil {
		name = ""
	}
	_, err := q.Exec(ctx, sqlInsertVisit, v.ID, v.Region, v.Worker, v.Org, v.Grid, v.Session, v.Target, v.TargetKind, name, v.TargetAt, v.Sensitive, v.ArrivedAt, v.LeftAt, v.Point, v.Accuracy, v.DistanceM,
		v.Method, v.Outcome, v.Activities, v.Content, companions, v.Verified, v.Doubts, v.ClientID, v.Account, v.ReceivedAt)
	if err != nil {
		return fmt.Errorf("write the visit: %w", err)
	}
	return nil
}

const sqlLinkVisit = `INSERT INTO visit_incident (visit_id, incident_id) VALUES ($1, $2) ON CONFLICT DO NOTHING`

// LinkVisit notes that the visit found the case.
func LinkVisit(ctx context.Context, q Querier, visit, incident uuid.UUID) error {
	if _, err := q.Exec(ctx, sqlLinkVisit, visit, incident); err != nil {
		return fmt.Errorf("link the visit to its case: %w", err)
	}
	return nil
}

const sqlClaimVisitPhotos = `UPDATE attachment SET visit_id = $1, region_id = $4 WHERE id = ANY ($2) AND incident_id IS NULL AND visit_id IS NULL AND uploaded_by = $3`

// ClaimVisitPhotos gives uploaded photos to a visit: only those that the same
// account uploaded and that belong to nothing yet. It returns how many it took.
func ClaimVisitPhotos(ctx context.Context, q Querier, visit uuid.UUID, ids []uuid.UUID, by, region int64) (int64, error) {
	tag, err := q.Exec(ctx, sqlClaimVisitPhotos, visit, ids, by, region)
	if err != nil {
		return 0, fmt.Errorf("attach the photos: %w", err)
	}
	return tag.RowsAffected(), nil
}

const sqlVisitSession = `SELECT id FROM duty_session WHERE worker_id = $1 AND started_at <= $2 AND (ended_at IS NULL OR ended_at >= $2) ORDER BY started_at DESC LIMIT 1`

// VisitSession returns the duty session that covers an instant, nil for none.
func VisitSession(ctx context.Context, q Querier, worker int64, at time.Time) (*uuid.UUID, error) {
	var id uuid.UUID
	err := q.QueryRow(ctx, sqlVisitSession, worker, at).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find the duty session: %w", err)
	}
	return &id, nil
}

const sqlVisitOverlaps = `
SELECT EXISTS (SELECT FROM visit v WHERE v.worker_id = $1 AND v.method IN ('onsite','group') AND v.verified <> 'rejected' AND v.arrived_at < $3 AND v.left_at > $2
  AND ST_DistanceSphere(COALESCE(v.target_geom, v.geom), $4::geometry) > $5)`

// VisitOverlaps reports whether the worker was on site further away than m metres at the same time.
func VisitOverlaps(ctx context.Context, q Querier, worker int64, from, to time.Time, p orb.Point, m int) (yes bool, err error) {
	if err = q.QueryRow(ctx, sqlVisitOverlaps, worker, from, to, p, m).Scan(&yes); err != nil {
		err = fmt.Errorf("look for visits at the same time: %w", err)
	}
	return yes, err
}

const sqlDecideVisit = `UPDATE visit SET verified = $3, decided_by = $4, decided_name = $5, decided_at = $6, decided_why = $7, version = version + 1 WHERE id = $1 AND ($2::integer = 0 OR version = $2)`

// DecideVisit writes a supervisor's word on a visit that still has the version he read; 0 = whatever it is.
func DecideVisit(ctx context.Context, q Querier, id uuid.UUID, version int32, verdict string, by int64, name string, at time.Time, why string) error {
	tag, err := q.Exec(ctx, sqlDecideVisit, id, version, verdict, by, name, at, why)
	if err != nil {
		return fmt.Errorf("write the verdict on the visit: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return fault.New(fault.Conflict, "这条走访刚被他人处理，请刷新后再看").At("version")
	}
	return nil
}

const sqlVisitsOf = `
SELECT v.id, v.worker_id, COALESCE(v.grid_id, 0), v.arrived_at, v.left_at, v.geom, v.accuracy, COALESCE(v.target_id, 0), v.target_geom, v.target_kind, v.outcome, v.method, v.verified,
  (SELECT count(*) FROM visit_incident x WHERE x.visit_id = v.id)
FROM visit v WHERE v.region_id = $1 AND v.worker_id = $2 AND v.arrived_at < $4 AND v.left_at >= $3 ORDER BY v.arrived_at, v.id`

// VisitsOf returns a worker's visits that touch [from, to), as patrols are
// judged by them, rejected ones too: their verdict says so.
func VisitsOf(ctx context.Context, q Querier, region, worker int64, from, to time.Time) ([]patrol.Visit, error) {
	rows, err := q.Query(ctx, sqlVisitsOf, region, worker, from, to)
	if err != nil {
		return nil, fmt.Errorf("read a worker's visits: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (v patrol.Visit, err error) {
		var accuracy *float32
		err = row.Scan(&v.ID, &v.Worker, &v.Grid, &v.At, &v.Left, &v.Point, &accuracy, &v.Target, &v.TargetPoint, &v.TargetKind, &v.Outcome, &v.Method, &v.Verified, &v.Incidents)
		v.Accuracy = float32(math.NaN())
		if accuracy != nil {
			v.Accuracy = *accuracy
		}
		return v, err
	})
	if err != nil {
		return nil, fmt.Errorf("read a worker's visits: %w", err)
	}
	return list, nil
}

const sqlCountWorkers = `SELECT count(*) FROM worker WHERE region_id = $1 AND id = ANY ($2) AND kind = 'person'`

// CountWorkers returns how many of the ids are people of the region.
func CountWorkers(ctx context.Context, q Querier, region int64, ids []int64) (n int, err error) {
	if err = q.QueryRow(ctx, sqlCountWorkers, region, ids).Scan(&n); err != nil {
		err = fmt.Errorf("count the workers: %w", err)
	}
	return n, err
}

// OwnGrid is a grid that a worker answers for.
type OwnGrid struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
	Org  int64  `json:"-"`
}

const sqlGridsOf = `SELECT DISTINCT ON (g.id) g.id, g.name, g.org_id AS org FROM grid_assignment a JOIN grid_now g ON g.id = a.grid_id WHERE a.worker_id = $1 AND a.valid_to IS NULL ORDER BY g.id`

// GridsOf lists the grids that a worker answers for.
func GridsOf(ctx context.Context, q Querier, worker int64) ([]OwnGrid, error) {
	rows, err := q.Query(ctx, sqlGridsOf, worker)
	if err != nil {
		return nil, fmt.Errorf("list a worker's grids: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[OwnGrid])
	if err != nil {
		return nil, fmt.Errorf("list a worker's grids: %w", err)
	}
	return list, nil
}

const sqlFellows = `SELECT w.id, w.name FROM worker w WHERE w.org_id = $1 AND w.id <> $2 AND w.kind = 'person' AND w.status = 'active' ORDER BY w.name, w.id LIMIT 200`

// Fellows lists who may come along on a visit: the people of an organisation but for one.
func Fellows(ctx context.Context, q Querier, org, but int64) ([]VisitFellow, error) {
	rows, err := q.Query(ctx, sqlFellows, org, but)
	if err != nil {
		return nil, fmt.Errorf("list the colleagues: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[VisitFellow])
	if err != nil {
		return nil, fmt.Errorf("list the colleagues: %w", err)
	}
	return list, nil
}
