package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/fixtures"
	"github.com/gridward/gridward/server/workday"
)

const sqlHasVisitObjects = `SELECT EXISTS (SELECT FROM visit_object b JOIN org o ON o.id = b.region_id WHERE o.code = $1)`

// Seventy-six places a grid, the same each time: households, firms,
// checkpoints, components, and one of each of the twenty-two kinds. Names are
// put together from characters, telephones begin with 1990000. They are entered
// today; when each is due for the first time is spread over its cycle.
const sqlSeedVisitObjects = `
WITH street AS (SELECT id FROM org WHERE code = $1 AND valid_to IS NULL),
place AS (
  SELECT g.id AS grid, g.region_id, g.org_id, g.code, g.org_name, d.path[1] AS n, d.geom, abs(hashtext(g.code || '-' || d.path[1])::bigint) AS h,
    (SELECT a.worker_id FROM grid_assignment a WHERE a.grid_id = g.id AND a.role = 'leader' AND a.valid_to IS NULL ORDER BY a.worker_id LIMIT 1) AS leader
  FROM grid_now g JOIN street s ON s.id = g.region_id CROSS JOIN LATERAL ST_Dump(ST_GeneratePoints(g.geom, 76, (g.id % 9973)::integer + 1)) d
  WHERE g.layer = 'operative' AND g.is_execution
),
cycles AS (SELECT k.code, (current_date + LEAST(visit_cycle(k.cycle_n, k.cycle_unit), (SELECT min(visit_cycle(p.cycle_n, p.cycle_unit)) FROM visit_plan p WHERE p.aim = 'visit' AND k.code = ANY (p.kinds))))::date - current_date AS days FROM visit_kind k),
kinds AS (SELECT k.code, k.class, row_number() OVER (ORDER BY k.sort) AS i FROM visit_kind k WHERE k.class <> 'place'),
named AS (
  SELECT p.*, CASE WHEN p.n <= 44 THEN 'household' WHEN p.n <= 48 THEN 'enterprise' WHEN p.n <= 52 THEN 'checkpoint' WHEN p.n <= 54 THEN 'component' ELSE k.code END AS kind, COALESCE(k.class = 'control', false) AS sensitive,
    substr('赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦许何吕施张孔曹严华金魏陶姜', (p.h % 31)::integer + 1, 1) || substr('安文明芳秀国建玉春海晓志丽伟美德福荣庆兰', (p.h / 31 % 20)::integer + 1, 1)
      || CASE WHEN p.h / 620 % 3 = 0 THEN '' ELSE substr('平英华生珍林峰云强敏', (p.h / 1860 % 10)::integer + 1, 1) END AS person
  FROM place p LEFT JOIN kinds k ON k.i = p.n - 54
)
INSERT INTO visit_object (region_id, org_id, grid_id, code, kind, name, pinyin, address, phone, geom, guardian_id, sensitive, first_due, note)
SELECT region_id, org_id, grid, 'ZF' || right(named.code, 9) || '-' || lpad(n::text, 2, '0'), kind,
  CASE kind WHEN 'household' THEN person
    WHEN 'enterprise' THEN substr('百福兴隆祥和顺达康宁', (h % 9)::integer + 1, 2) || (ARRAY['超市','五金店','理发店','小吃店','药店','水果店','快递站','洗衣店'])[h / 9 % 8 + 1]
    WHEN 'checkpoint' THEN (ARRAY['小区东门','配电房','河道闸口','学校门口','农贸市场','电动车充电棚','垃圾中转点','社区广场'])[h % 8 + 1]
    WHEN 'component' THEN (ARRAY['消火栓','路灯','井盖','健身器材','公告栏','分类垃圾箱'])[h % 6 + 1] || ' ' || (h % 900 + 100)
    WHEN 'key_place' THEN substr('新明安泰和丰永盛', (h % 7)::integer + 1, 2) || (ARRAY['宾馆','网吧','加油站','仓库','培训机构'])[h / 7 % 5 + 1]
    WHEN 'rental' THEN person || '出租房' ELSE person END, '',
  org_name || (ARRAY['湖滨路','学府路','安民路','永乐巷','新桥街','东风里'])[h % 6 + 1] || (h / 6 % 180 + 1) || '号' || CASE WHEN kind = 'household' OR sensitive THEN (h % 6 + 1) || '0' || (h / 11 % 4 + 1) || '室' ELSE '' END,
  CASE WHEN kind IN ('checkpoint', 'component') THEN '' ELSE '1990000' || lpad((h % 10000)::text, 4, '0') END, geom, CASE WHEN sensitive THEN leader END, sensitive, (now() AT TIME ZONE 'Asia/Shanghai')::date + (h / 97 % c.days)::integer, '演示数据'
FROM named JOIN cycles c ON c.code = kind`

// seedVisits gives the demo street people and places to visit, all of them
// fictional. Where somebody has written any, they stay as they are.
func seedVisits(ctx context.Context, tx pgx.Tx) error {
	var there bool
	if err := tx.QueryRow(ctx, sqlHasVisitObjects, fixtures.StreetCode).Scan(&there); err != nil {
		return fmt.Errorf("look for visit objects: %w", err)
	}
	if there {
		return nil
	}
	if _, err := tx.Exec(ctx, sqlSeedVisitObjects, fixtures.StreetCode); err != nil {
		return fmt.Errorf("write whom to visit: %w", err)
	}
	return nil
}

const sqlEnterVisitObjects = `UPDATE visit_object SET active_from = $1::date, created_at = $2, first_due = $1::date + (first_due - active_from) WHERE note = '演示数据'`

// EnterVisitObjects has the demo's objects entered on an earlier day, before its
// past begins.
func EnterVisitObjects(ctx context.Context, q Querier, day workday.Day) error {
	if _, err := q.Exec(ctx, sqlEnterVisitObjects, dateOf(day), day.Start()); err != nil {
		return fmt.Errorf("date whom to visit: %w", err)
	}
	return nil
}

// PastGoal is somebody to be visited, as the demo's past needs it.
type PastGoal struct {
	ID, Grid, Org int64
	GridCode      string
	GridVersion   int32
	Kind, Class   string
	Name, Address string
	Point         orb.Point
	Sensitive     bool
	Every         *int32
	First         *time.Time
}

const sqlPastGoals = `
SELECT b.id, b.grid_id AS grid, b.org_id AS org, v.code AS grid_code, v.version AS grid_version, b.kind, k.class, b.name, b.address, b.geom AS point, b.sensitive,
  ($1::date + visit_cycle(c.n, c.unit))::date - $1::date AS every, f.first
FROM visit_object b JOIN visit_kind k ON k.code = b.kind JOIN org o ON o.id = b.org_id JOIN grid_now v ON v.id = b.grid_id` + objectCycle + `
WHERE b.note = '演示数据' ORDER BY b.id`

// PastGoals lists the demo's objects with the cycles in force on a day.
func PastGoals(ctx context.Context, q Querier, day workday.Day) ([]PastGoal, error) {
	rows, err := q.Query(ctx, sqlPastGoals, dateOf(day))
	if err != nil {
		return nil, fmt.Errorf("list whom the past visits: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[PastGoal])
	if err != nil {
		return nil, fmt.Errorf("list whom the past visits: %w", err)
	}
	return list, nil
}
