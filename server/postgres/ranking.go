package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/dispatch"
	"github.com/gridward/gridward/server/fault"
)

// Skill is an entry of the dictionary of what people can do.
type Skill struct {
	Code string `json:"code"`
	Name string `json:"name"`
}

const sqlSkills = `SELECT code, name FROM skill WHERE NOT retired ORDER BY sort, code`

// Skills returns the dictionary in its order.
func Skills(ctx context.Context, q Querier) ([]Skill, error) {
	rows, err := q.Query(ctx, sqlSkills)
	if err != nil {
		return nil, fmt.Errorf("read the skills: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[Skill])
	if err != nil {
		return nil, fmt.Errorf("read the skills: %w", err)
	}
	return list, nil
}

const sqlWorkerSkills = `
SELECT x.worker_id, array_agg(x.skill ORDER BY s.sort, s.code) FROM worker_skill x JOIN skill s ON s.code = x.skill AND NOT s.retired
WHERE x.worker_id = ANY ($1) GROUP BY x.worker_id`

// SkillsOf returns what each of the workers can do.
func SkillsOf(ctx context.Context, q Querier, workers []int64) (map[int64][]string, error) {
	rows, err := q.Query(ctx, sqlWorkerSkills, workers)
	if err != nil {
		return nil, fmt.Errorf("read who can do what: %w", err)
	}
	out := map[int64][]string{}
	var (
		worker int64
		codes  []string
	)
	if _, err := pgx.ForEachRow(rows, []any{&worker, &codes}, func() error { out[worker] = codes; codes = nil; return nil }); err != nil {
		return nil, fmt.Errorf("read who can do what: %w", err)
	}
	return out, nil
}

const sqlDropSkills = `DELETE FROM worker_skill WHERE worker_id = $1 AND skill <> ALL ($2::text[])`

const sqlPutSkills = `INSERT INTO worker_skill (worker_id, skill) SELECT $1, s.code FROM skill s WHERE s.code = ANY ($2::text[]) AND NOT s.retired ON CONFLICT DO NOTHING`

const sqlSkillsKnown = `SELECT count(*) FROM skill WHERE code = ANY ($1::text[]) AND NOT retired`

// SetSkills says what a worker can do, and nothing else.
func SetSkills(ctx context.Context, tx pgx.Tx, worker int64, codes []string) error {
	var known int
	if err := tx.QueryRow(ctx, sqlSkillsKnown, codes).Scan(&known); err != nil {
		return fmt.Errorf("look up the skills: %w", err)
	}
	if known != len(codes) {
		return fault.New(fault.Invalid, "有的技能不在技能目录中").At("skills")
	}
	if _, err := tx.Exec(ctx, sqlDropSkills, worker, codes); err != nil {
		return fmt.Errorf("write what the worker can do: %w", err)
	}
	if _, err := tx.Exec(ctx, sqlPutSkills, worker, codes); err != nil {
		return fmt.Errorf("write what the worker can do: %w", err)
	}
	return nil
}

const sqlPolicy = `SELECT body, version FROM dispatch_policy WHERE region_id = $1`

// DispatchPolicy returns how the region ranks, with the names of skills; the
// defaults hold for what is not written. Version 0 means that nothing is.
func DispatchPolicy(ctx context.Context, q Querier, region int64) (p dispatch.Policy, version int32, err error) {
	p = dispatch.DefaultPolicy()
	var body []byte
	err = q.QueryRow(ctx, sqlPolicy, region).Scan(&body, &version)
	if err == nil {
		err = json.Unmarshal(body, &p)
	}
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return p, 0, fmt.Errorf("read how region %d ranks: %w", region, err)
	}
	skills, err := Skills(ctx, q)
	if err != nil {
		return p, 0, err
	}
	p.SkillNames = make(map[string]string, len(skills))
	for _, s := range skills {
		p.SkillNames[s.Code] = s.Name
	}
	return p, version, nil
}

const sqlPutPolicy = `
INSERT INTO dispatch_policy (region_id, body, updated_at, updated_by) VALUES ($1, $2, $3, $4)
ON CONFLICT (region_id) DO UPDATE SET body = EXCLUDED.body, version = dispatch_policy.version + 1, updated_at = EXCLUDED.updated_at, updated_by = EXCLUDED.updated_by
  WHERE dispatch_policy.version = $5
RETURNING version`

// PutDispatchPolicy writes how the region ranks over the version that was read.
func PutDispatchPolicy(ctx context.Context, q Querier, region int64, p dispatch.Policy, over int32, by int64, now time.Time) (version int32, err error) {
	body, err := json.Marshal(p)
	if err != nil {
		return 0, fmt.Errorf("write how region %d ranks: %w", region, err)
	}
	err = q.QueryRow(ctx, sqlPutPolicy, region, body, now, nonzero(by), over).Scan(&version)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && over == 0 && version != 1 {
		return 0, fault.New(fault.Conflict, "派遣规则刚被其他人修改，请刷新后再改")
	}
	if err != nil {
		return 0, fmt.Errorf("write how region %d ranks: %w", region, err)
	}
	return version, nil
}

// nonzero is NULL for zero.
func nonzero(n int64) *int64 {
	if n == 0 {
		return nil
	}
	return &n
}

// GridDuty is what a grid's people have to do with it.
type GridDuty struct {
	Grid   int64
	Worker int64
	Role   string // leader, guide, worker, volunteer, police, property
}

const sqlGridDuties = `SELECT grid_id AS grid, worker_id AS worker, role FROM grid_assignment WHERE grid_id = ANY ($1) AND valid_to IS NULL ORDER BY grid_id, worker_id, role`

// GridDuties returns who answers for the grids.
func GridDuties(ctx context.Context, q Querier, grids []int64) ([]GridDuty, error) {
	rows, err := q.Query(ctx, sqlGridDuties, grids)
	if err != nil {
		return nil, fmt.Errorf("read who answers for the grids: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[GridDuty])
	if err != nil {
		return nil, fmt.Errorf("read who answers for the grids: %w", err)
	}
	return list, nil
}

// Borders are drawn by hand: ten metres apart is touching.
const sqlNeighbours = `
SELECT n.id FROM grid_now g JOIN grid_now n ON n.id <> g.id AND n.layer = g.layer AND n.level = g.level AND n.region_id = g.region_id AND ST_DWithin(n.geom, g.geom, 0.0001)
WHERE g.id = $1 ORDER BY n.id`

// Neighbours returns the grids that touch a grid.
func Neighbours(ctx context.Context, q Querier, grid int64) ([]int64, error) {
	rows, err := q.Query(ctx, sqlNeighbours, grid)
	if err != nil {
		return nil, fmt.Errorf("find the neighbours of grid %d: %w", grid, err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, fmt.Errorf("find the neighbours of grid %d: %w", grid, err)
	}
	return list, nil
}

// Load is what a worker has in hand.
type Load struct {
	Open    int  // orders and looks to be done
	Today   int  // orders given since the day began
	Has     bool // an open order of the case
	Refused bool // has refused the case
}

const sqlLoads = `
SELECT worker_id, sum(open)::int, sum(today)::int, bool_or(has), bool_or(refused) FROM (
  SELECT worker_id, 1 AS open, 0 AS today, false AS has, false AS refused FROM dispatch_order WHERE worker_id IS NOT NULL AND state IN ('pending','handling')
  UNION ALL
  SELECT worker_id, 1, 0, false, false FROM verification WHERE worker_id IS NOT NULL AND state = 'pending'
  UNION ALL
  SELECT worker_id, 0, 1, false, false FROM dispatch_order WHERE worker_id IS NOT NULL AND issued_at >= $1
  UNION ALL
  SELECT worker_id, 0, 0, state IN ('pending','handling','fed_back'), state = 'refused' FROM dispatch_order WHERE worker_id IS NOT NULL AND incident_id = $2
) x GROUP BY worker_id`

// Loads returns what everybody who has anything to do has in hand.
func Loads(ctx context.Context, q Querier, today time.Time, incident uuid.UUID) (map[int64]Load, error) {
	rows, err := q.Query(ctx, sqlLoads, today, incident)
	if err != nil {
		return nil, fmt.Errorf("read who has what in hand: %w", err)
	}
	out := map[int64]Load{}
	var (
		worker int64
		l      Load
	)
	if _, err := pgx.ForEachRow(rows, []any{&worker, &l.Open, &l.Today, &l.Has, &l.Refused}, func() error { out[worker] = l; return nil }); err != nil {
		return nil, fmt.Errorf("read who has what in hand: %w", err)
	}
	return out, nil
}

const sqlDepartments = `
SELECT o.id, o.name, o.path, COALESCE(o.id = (SELECT COALESCE(c.default_org, p.default_org) FROM category c LEFT JOIN category p ON p.code = c.parent_code WHERE c.code = $2), false),
  count(d.id)::int, (count(d.id) FILTER (WHERE d.handle_due < $3))::int
FROM org o LEFT JOIN dispatch_order d ON d.org_id = o.id AND d.state IN ('pending','handling') AND d.mode <> 'inform'
WHERE o.region_id = $1 AND o.kind IN ('department','district_dept') AND o.valid_to IS NULL AND o.path LIKE ANY ($4)
GROUP BY o.id ORDER BY o.id`

// Departments returns the departments of a region, as far as the scope goes,
// with what they have in hand and which of them usually handles the category.
func Departments(ctx context.Context, q Querier, region int64, category string, scope []string, now time.Time) ([]dispatch.Department, error) {
	rows, err := q.Query(ctx, sqlDepartments, region, category, now, Under(scope))
	if err != nil {
		return nil, fmt.Errorf("list the departments: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (d dispatch.Department, err error) {
		var path string
		return d, row.Scan(&d.Org, &d.Name, &path, &d.Default, &d.Open, &d.Late)
	})
	if err != nil {
		return nil, fmt.Errorf("list the departments: %w", err)
	}
	return list, nil
}

const sqlInsertRanking = `INSERT INTO ranking (id, region_id, incident_id, at, by_account, by_name, body) VALUES ($1, $2, $3, $4, $5, $6, $7)`

// InsertRanking keeps a ranking as it was shown.
func InsertRanking(ctx context.Context, q Querier, id uuid.UUID, region int64, incident uuid.UUID, at time.Time, by int64, byName string, shown any) error {
	body, err := json.Marshal(shown)
	if err != nil {
		return fmt.Errorf("keep the ranking: %w", err)
	}
	if _, err := q.Exec(ctx, sqlInsertRanking, id, region, incident, at, nonzero(by), byName, body); err != nil {
		return fmt.Errorf("keep the ranking: %w", err)
	}
	return nil
}

const sqlRanking = `SELECT incident_id, body FROM ranking WHERE id = $1`

// Ranking returns a ranking as it was shown, and which case it was about.
func Ranking(ctx context.Context, q Querier, id uuid.UUID) (incident uuid.UUID, shown json.RawMessage, err error) {
	err = q.QueryRow(ctx, sqlRanking, id).Scan(&incident, &shown)
	if errors.Is(err, pgx.ErrNoRows) {
		return incident, nil, fault.New(fault.Missing, "没有这份候选名单，请重新查询候选人")
	}
	if err != nil {
		return incident, nil, fmt.Errorf("read the ranking: %w", err)
	}
	return incident, shown, nil
}
