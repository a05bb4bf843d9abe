package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/fault"
)

// SkillEntry is an entry of the dictionary as its editor reads it.
type SkillEntry struct {
	Code    string `json:"code"`
	Name    string `json:"name"`
	Sort    int32  `json:"sort"`
	Retired bool   `json:"retired"`
	Workers int64  `json:"workers" doc:"people of the caller's scope who can do it"`
}

const sqlSkillEntries = `
SELECT s.code, s.name, s.sort, s.retired, (SELECT count(*) FROM worker_skill x JOIN worker w ON w.id = x.worker_id JOIN org o ON o.id = w.org_id
  WHERE x.skill = s.code AND w.status = 'active' AND o.path LIKE ANY ($1)) AS workers FROM skill s ORDER BY s.retired, s.sort, s.code`

// SkillEntries returns the whole dictionary, retired skills too.
func SkillEntries(ctx context.Context, q Querier, scope []string) ([]SkillEntry, error) {
	rows, err := q.Query(ctx, sqlSkillEntries, Under(scope))
	if err != nil {
		return nil, fmt.Errorf("read the skills: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[SkillEntry])
	if err != nil {
		return nil, fmt.Errorf("read the skills: %w", err)
	}
	return list, nil
}

const sqlPutSkill = `
INSERT INTO skill (code, name, sort, retired) VALUES ($1, $2, $3, $4)
ON CONFLICT (code) DO UPDATE SET name = EXCLUDED.name, sort = EXCLUDED.sort, retired = EXCLUDED.retired`

// PutSkill adds an entry of the dictionary or changes the one that is there. A
// retired one is kept with those who had it, and counts nowhere.
func PutSkill(ctx context.Context, q Querier, s SkillEntry) error {
	if _, err := q.Exec(ctx, sqlPutSkill, s.Code, s.Name, s.Sort, s.Retired); err != nil {
		return fmt.Errorf("write the skill: %w", err)
	}
	return nil
}

// Able is a worker and what he can do.
type Able struct {
	Worker  int64    `json:"worker"`
	Code    string   `json:"code"`
	Name    string   `json:"name"`
	Role    string   `json:"role"`
	Org     int64    `json:"org"`
	OrgName string   `json:"org_name"`
	OrgPath string   `json:"-"`
	Skills  []string `json:"skills" doc:"codes"`
}

// AbleFilter narrows the list of who can do what.
type AbleFilter struct {
	Scope []string
	Org   *int64
	Skill string // "none": nothing
	Query string
	After int64
	Limit int
}

const ableWhere = `
FROM worker w JOIN org o ON o.id = w.org_id
WHERE w.status = 'active' AND w.kind = 'person' AND o.path LIKE ANY ($1) AND ($2::bigint IS NULL OR o.path LIKE (SELECT path FROM org WHERE id = $2) || '%')
  AND ($3 = '' OR $3 = 'none' AND NOT EXISTS (SELECT FROM worker_skill x JOIN skill s ON s.code = x.skill AND NOT s.retired WHERE x.worker_id = w.id)
    OR EXISTS (SELECT FROM worker_skill x WHERE x.worker_id = w.id AND x.skill = $3))
  AND ($4 = '' OR w.name ILIKE '%' || $4 || '%' OR w.code ILIKE $4 || '%' OR w.pinyin LIKE lower($4) || '%')`

const sqlListAble = `
SELECT w.id AS worker, w.code, w.name, w.role, w.org_id AS org, o.name AS org_name, o.path AS org_path,
  ARRAY(SELECT x.skill FROM worker_skill x JOIN skill s ON s.code = x.skill AND NOT s.retired WHERE x.worker_id = w.id ORDER BY s.sort, s.code) AS skills` + ableWhere + `
  AND w.id > $5 ORDER BY w.id LIMIT $6`

const sqlCountAble = `SELECT count(*)` + ableWhere

// ListAble returns a page of workers with what they can do, and how many there are.
func ListAble(ctx context.Context, q Querier, f AbleFilter) ([]Able, int64, error) {
	args := []any{Under(f.Scope), f.Org, f.Skill, likeText(f.Query)}
	rows, err := q.Query(ctx, sqlListAble, append(args, f.After, f.Limit)...)
	if err != nil {
		return nil, 0, fmt.Errorf("list who can do what: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[Able])
	if err != nil {
		return nil, 0, fmt.Errorf("list who can do what: %w", err)
	}
	var total int64
	if err := q.QueryRow(ctx, sqlCountAble, args...).Scan(&total); err != nil {
		return nil, 0, fmt.Errorf("count who can do what: %w", err)
	}
	return list, total, nil
}

const sqlAbleByCode = `SELECT w.id FROM worker w JOIN org o ON o.id = w.org_id WHERE w.code = $1 AND w.status = 'active' AND o.path LIKE ANY ($2)`

// WorkersByCode returns the ids of workers of the scope; the first that is not there is named.
func WorkersByCode(ctx context.Context, q Querier, codes []string, scope []string) (map[string]int64, error) {
	out := map[string]int64{}
	for _, code := range codes {
		var id int64
		err := q.QueryRow(ctx, sqlAbleByCode, code, Under(scope)).Scan(&id)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil, fault.New(fault.Invalid, "没有编号为 %s 的人员，或者不在您的管辖范围", code)
		}
		if err != nil {
			return nil, fmt.Errorf("look up the workers: %w", err)
		}
		out[code] = id
	}
	return out, nil
}

// SkillCodes turns codes and names of skills into codes, in order and once each.
func SkillCodes(known []Skill, words []string) ([]string, error) {
	codes := []string{}
	for _, w := range words {
		i := slices.IndexFunc(known, func(s Skill) bool { return s.Code == w || s.Name == w })
		if i < 0 {
			return nil, fault.New(fault.Invalid, "技能目录中没有“%s”", w)
		}
		codes = append(codes, known[i].Code)
	}
	slices.Sort(codes)
	return slices.Compact(codes), nil
}
