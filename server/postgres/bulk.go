package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/fault"
)

// Bulk is a lot of fictional cases, to see how the house stands with a million
// of them. The same seed makes the same cases. They have orders, feedback and
// parties as real ones do, but neither journal entries nor photos, and their
// case numbers begin with 模拟's initials, MN.
type Bulk struct {
	RegionCode string
	Seed       int64
	Now        time.Time
	Days       int // over how many days before Now the archived ones were reported
	Batch      int // cases in one transaction
}

const sqlBulkGround = `
CREATE TEMP TABLE IF NOT EXISTS bulk_ground (nr bigint PRIMARY KEY, region bigint, org bigint, grid bigint, version integer, name text, points geometry[], crew bigint)`

const sqlBulkTrade = `
CREATE TEMP TABLE IF NOT EXISTS bulk_trade (nr bigint PRIMARY KEY, code text, name text, dept bigint)`

const sqlBulkRoad = `
CREATE TEMP TABLE IF NOT EXISTS bulk_road (nr bigint PRIMARY KEY, name text)`

const sqlBulkCrew = `
CREATE TEMP TABLE IF NOT EXISTS bulk_crew (nr bigint, grid bigint, org bigint, worker bigint, name text, PRIMARY KEY (grid, nr))`

const sqlBulkCase = `
CREATE TEMP TABLE IF NOT EXISTS bulk_case (id uuid PRIMARY KEY, region bigint, no text, state text, source text, title text, category text, tier smallint, urgency text, org bigint, grid bigint, version integer,
  point geometry, address text, worker bigint, reporter text, dept bigint, handler bigint, reported timestamptz, accepted timestamptz, dispatched timestamptz, signed timestamptz,
  fed_back timestamptz, checked timestamptz, closed timestamptz, archived timestamptz, handle_due timestamptz, case_due timestamptz, self boolean, returned smallint, reworked smallint, grade smallint, reason text)`

const sqlBulkClear = `TRUNCATE bulk_ground, bulk_trade, bulk_road, bulk_crew`

const sqlBulkFillGround = `
INSERT INTO bulk_ground
SELECT row_number() OVER (ORDER BY g.code) - 1, g.region_id, g.org_id, g.id, g.version, g.name,
  ARRAY(SELECT d.geom FROM ST_Dump(ST_GeneratePoints(g.geom, 50, 7)) d), 1
FROM grid_now g JOIN org r ON r.code = $1 AND r.valid_to IS NULL AND g.region_id = r.region_id
WHERE g.layer = 'operative' AND g.is_execution`

const sqlBulkFillTrade = `
INSERT INTO bulk_trade
SELECT row_number() OVER (ORDER BY c.code) - 1, c.code, c.name, COALESCE(c.default_org, d.ids[1 + (hashtext(c.code) & 1023) % cardinality(d.ids)])
FROM category c, (SELECT array_agg(o.id ORDER BY o.code) AS ids FROM org o JOIN org r ON r.code = $1 AND r.valid_to IS NULL AND o.region_id = r.region_id WHERE o.kind = 'department' AND o.valid_to IS NULL) d
WHERE NOT c.retired AND c.parent_code IS NOT NULL`

const sqlBulkFillRoad = `
INSERT INTO bulk_road
SELECT row_number() OVER (ORDER BY name) - 1, name FROM (
  SELECT DISTINCT name FROM base_road WHERE name <> '' UNION SELECT '无名路' ORDER BY name LIMIT 500) r`

const sqlBulkFillCrew = `
INSERT INTO bulk_crew
SELECT row_number() OVER (PARTITION BY a.grid_id ORDER BY w.id) - 1, a.grid_id, w.org_id, w.id, w.name
FROM (SELECT DISTINCT grid_id, worker_id FROM grid_assignment WHERE valid_to IS NULL AND role IN ('leader', 'worker')) a
JOIN worker w ON w.id = a.worker_id AND w.status = 'active' JOIN bulk_ground g ON g.grid = a.grid_id`

const sqlBulkCountCrew = `UPDATE bulk_ground g SET crew = c.n FROM (SELECT grid, count(*) AS n FROM bulk_crew GROUP BY grid) c WHERE c.grid = g.grid`

// The n-th case is drawn from three hashes of its number: a different slice of
// their bits for each thing that is left to chance.
const bulkDraw = `
FROM generate_series($1::bigint, $2::bigint) n
CROSS JOIN LATERAL (SELECT hashint8extended(n + $5, $3) AS a, hashint8extended(n + $5, $3 + 1) AS b, hashint8extended(n + $5, $3 + 2) AS c) h
CROSS JOIN LATERAL (SELECT (h.a & 65535) % (SELECT count(*) FROM bulk_ground) AS ground, ((h.a >> 16) & 65535) % (SELECT count(*) FROM bulk_trade) AS trade,
  ((h.a >> 32) & 65535) % (SELECT count(*) FROM bulk_road) AS road, (h.a >> 48) & 63 AS spot,
  (h.b & 1023)::float8 / 1024 AS u1, ((h.b >> 10) & 1023)::float8 / 1024 AS u2, ((h.b >> 20) & 1023)::float8 / 1024 AS u3, ((h.b >> 30) & 1023)::float8 / 1024 AS u4, ((h.b >> 40) & 1023)::float8 / 1024 AS u5, ((h.b >> 50) & 1023)::float8 / 1024 AS u6,
  (h.c & 1023)::float8 / 1024 AS v1, ((h.c >> 10) & 1023)::float8 / 1024 AS v2, ((h.c >> 20) & 1023)::float8 / 1024 AS v3, ((h.c >> 30) & 1023)::float8 / 1024 AS v4, ((h.c >> 40) & 1023)::float8 / 1024 AS v5, (h.c >> 50) & 255 AS house) r
JOIN bulk_ground g ON g.nr = r.ground JOIN bulk_trade t ON t.nr = r.trade JOIN bulk_road w ON w.nr = r.road
LEFT JOIN bulk_crew k ON k.grid = g.grid AND k.nr = r.house % g.crew
CROSS JOIN LATERAL (SELECT (CASE WHEN r.u1 < 0.45 THEN 1 WHEN r.u1 < 0.75 THEN 2 WHEN r.u1 < 0.95 THEN 3 ELSE 4 END)::smallint AS tier) q
CROSS JOIN LATERAL (SELECT interval '1 day' * (CASE q.tier WHEN 1 THEN 1 WHEN 2 THEN 3 WHEN 3 THEN 5 ELSE 2 END) AS allowed) l`

const bulkWhat = `
  (lpad(to_hex((extract(epoch FROM s.reported) * 1000)::bigint), 12, '0') || '7' || substr(md5($3::bigint::text || '/' || (n + $5)), 14, 3) || '8' || substr(md5($3::bigint::text || '/' || (n + $5)), 18, 15))::uuid,
  g.region, 'MN' || to_char(s.reported AT TIME ZONE 'Asia/Shanghai', 'YYMMDD') || '-' || lpad((n + $5)::text, 7, '0'),`

const bulkWhere = `
  (ARRAY['patrol','patrol','patrol','visit','resident','hotline12345','camera','window_transfer','wechat','alarm'])[1 + floor(r.u2 * 10)::integer],
  t.name || '：' || w.name || (1 + r.house) || '号附近', t.code, q.tier, CASE WHEN r.v5 < 0.012 THEN 'critical' WHEN r.v5 < 0.13 THEN 'urgent' WHEN r.v5 < 0.40 THEN 'notice' ELSE 'normal' END,
  g.org, g.grid, g.version, g.points[1 + r.spot % 50], w.name || (1 + r.house) || '号', k.worker, COALESCE(k.name, '居民'),`

const sqlBulkArchived = `
INSERT INTO bulk_case
SELECT` + bulkWhat + `
  CASE WHEN r.u6 < 0.93 THEN 'archived' WHEN r.u6 < 0.98 THEN 'rejected' ELSE 'void' END,` + bulkWhere + `
  CASE WHEN s.self OR r.u6 >= 0.93 THEN NULL WHEN q.tier = 1 THEN g.org ELSE COALESCE(t.dept, g.org) END,
  CASE WHEN NOT s.self AND r.u6 < 0.93 AND q.tier <= 2 THEN k.worker END,
  s.reported, CASE WHEN r.u6 < 0.93 THEN s.accepted END, CASE WHEN r.u6 < 0.93 AND NOT s.self THEN s.dispatched END, CASE WHEN r.u6 < 0.93 AND NOT s.self THEN s.signed END,
  CASE WHEN r.u6 < 0.93 THEN s.fed_back END, CASE WHEN r.u6 < 0.93 AND NOT s.self THEN s.checked END, CASE WHEN r.u6 < 0.93 THEN s.closed END, CASE WHEN r.u6 < 0.93 THEN s.closed + interval '15 days' END,
  CASE WHEN r.u6 < 0.93 AND NOT s.self THEN s.dispatched + l.allowed END, s.reported + l.allowed * 0.9 + interval '36 hours',
  s.self, CASE WHEN r.v3 < 0.06 AND NOT s.self AND r.u6 < 0.93 THEN 1 ELSE 0 END, CASE WHEN r.v4 < 0.04 AND NOT s.self AND r.u6 < 0.93 THEN 1 ELSE 0 END,
  CASE WHEN r.u6 < 0.93 AND NOT s.self AND r.v2 < 0.4 THEN CASE WHEN r.v1 < 0.6 THEN 5 WHEN r.v1 < 0.85 THEN 4 WHEN r.v1 < 0.95 THEN 3 WHEN r.v1 < 0.98 THEN 2 ELSE 1 END END,
  CASE WHEN r.u6 >= 0.93 THEN '' WHEN s.self THEN 'self' WHEN r.v2 < 0.4 THEN 'evaluated' WHEN r.v2 < 0.98 THEN 'default' ELSE 'forced' END` + bulkDraw + `
CROSS JOIN LATERAL (SELECT date_trunc('day', $4::timestamptz) - interval '27 days' - interval '1 day' * ($6::integer - 1 - (n - 1) * $6::integer / $7::bigint)
  + interval '1 hour' * (6 + 7.5 * (r.u3 + r.u4)) - interval '8 hours' AS reported, q.tier = 1 AND r.u5 < 0.6 AS self) day
CROSS JOIN LATERAL (SELECT day.reported, day.self, day.reported + interval '1 minute' * (5 + 150 * r.v1) AS accepted) s1
CROSS JOIN LATERAL (SELECT s1.*, s1.accepted + interval '1 minute' * (5 + 90 * r.v2) AS dispatched, s1.accepted + interval '1 minute' * (10 + 200 * r.v2 + 100 * r.v3) AS signed) s2
CROSS JOIN LATERAL (SELECT s2.*, CASE WHEN s2.self THEN s2.accepted + interval '1 minute' * (10 + 240 * r.v4) ELSE s2.signed + l.allowed * (0.05 + 1.1 * r.v4) END AS fed_back) s3
CROSS JOIN LATERAL (SELECT s3.*, s3.fed_back + interval '1 hour' * (1 + 23 * r.v5) AS checked) s4
CROSS JOIN LATERAL (SELECT s4.*, CASE WHEN s4.self THEN s4.fed_back ELSE s4.checked + interval '1 hour' * (1 + 40 * r.u2) END AS closed) s`

const sqlBulkOpen = `
INSERT INTO bulk_case
SELECT` + bulkWhat + `
  s.state,` + bulkWhere + `
  CASE WHEN s.step < 3 THEN NULL WHEN q.tier = 1 THEN g.org ELSE COALESCE(t.dept, g.org) END, CASE WHEN s.step >= 3 AND q.tier <= 2 THEN k.worker END,
  s.reported, CASE WHEN s.step >= 2 THEN s.reported + LEAST(interval '40 minutes', ($4 - s.reported) * 0.1) END, CASE WHEN s.step >= 3 THEN s.reported + LEAST(interval '1 hour', ($4 - s.reported) * 0.2) END, CASE WHEN s.step >= 4 THEN s.reported + LEAST(interval '2 hours', ($4 - s.reported) * 0.3) END,
  CASE WHEN s.step >= 5 THEN s.reported + LEAST(($4::timestamptz - s.reported) * 0.6, l.allowed * (0.3 + r.v4)) END, CASE WHEN s.step >= 6 THEN s.reported + ($4 - s.reported) * 0.8 END, NULL, NULL,
  CASE WHEN s.step >= 3 THEN s.reported + interval '1 hour' + l.allowed END, s.reported + l.allowed + interval '3 days',
  false, CASE WHEN s.state = 'returned' OR r.v3 < 0.03 AND s.step >= 3 THEN 1 ELSE 0 END, CASE WHEN r.v4 < 0.04 AND s.step >= 4 THEN 1 ELSE 0 END, NULL, ''` + bulkDraw + `
CROSS JOIN LATERAL (SELECT CASE WHEN r.u6 < 0.12 THEN 'reported' WHEN r.u6 < 0.15 THEN 'verifying' WHEN r.u6 < 0.25 THEN 'accepted' WHEN r.u6 < 0.40 THEN 'dispatched' WHEN r.u6 < 0.43 THEN 'returned'
  WHEN r.u6 < 0.78 THEN 'handling' WHEN r.u6 < 0.82 THEN 'suspended' WHEN r.u6 < 0.88 THEN 'feedback' WHEN r.u6 < 0.94 THEN 'checking' ELSE 'evaluating' END AS state) s0
CROSS JOIN LATERAL (SELECT s0.state, CASE s0.state WHEN 'reported' THEN 1 WHEN 'verifying' THEN 1 WHEN 'accepted' THEN 2 WHEN 'dispatched' THEN 3 WHEN 'returned' THEN 3 WHEN 'handling' THEN 4 WHEN 'suspended' THEN 4
  WHEN 'feedback' THEN 5 WHEN 'checking' THEN 5 ELSE 6 END AS step) s1
CROSS JOIN LATERAL (SELECT s1.*, $4::timestamptz - interval '10 minutes' - (CASE WHEN s1.step <= 2 THEN interval '6 hours' * r.u3 WHEN s1.state = 'suspended' THEN interval '60 days' * r.u3 ELSE (l.allowed + CASE WHEN s1.step >= 5 THEN interval '3 days' ELSE interval '0' END) * (1.12 * r.u3) END) AS reported) s`

const sqlBulkIncidents = `
INSERT INTO incident (id, region_id, case_no, state, source, title, category, tier, urgency, org_id, grid_id, grid_version, geom, address, reporter_worker, reporter_name,
  reported_at, updated_at, occurred_at, state_since, owner_org, owner_worker, handler_org, handler_worker, handle_due, accept_due, accepted_at, dispatched_at, signed_at, fed_back_at, checked_at, closed_at, archived_at,
  case_due, case_warn, stage, stage_due, stage_warn, case_from, stage_from, paused, suspended_at, review_at, self_handled, return_count, rework_count, satisfaction, close_reason, lead_order, accept_minutes, handle_minutes)
SELECT id, region, no, state, source, title, category, tier, urgency, org, grid, version, point, address, worker, reporter,
  reported, COALESCE(archived, closed, checked, fed_back, signed, dispatched, accepted, reported), reported - interval '10 minutes', COALESCE(archived, closed, checked, fed_back, signed, dispatched, accepted, reported),
  CASE WHEN state IN ('dispatched', 'handling', 'suspended') THEN COALESCE(dept, org) WHEN tier >= 3 THEN region ELSE org END, CASE WHEN state IN ('dispatched', 'handling', 'suspended') THEN handler END,
  dept, handler, handle_due, CASE WHEN accepted IS NOT NULL THEN reported + interval '2 hours' END, accepted, dispatched, signed, fed_back, checked, closed, archived,
  case_due, case_due - (case_due - reported) * 0.2, d.stage, d.due, d.due - (d.due - reported) * 0.2, '模拟案件', '模拟案件', state = 'suspended', CASE WHEN state = 'suspended' THEN signed END, CASE WHEN state = 'suspended' THEN signed + interval '90 days' END,
  self, returned, reworked, grade, reason, CASE WHEN dept IS NOT NULL AND state <> 'returned' THEN md5(id::text || 'order')::uuid END,
  CASE WHEN NOT self THEN extract(epoch FROM accepted - reported)::integer / 60 END, CASE WHEN fed_back IS NOT NULL THEN CASE WHEN self THEN extract(epoch FROM fed_back - accepted)::integer / 60 ELSE extract(epoch FROM fed_back - signed)::integer / 60 * 5 / 24 END END -- 35 of 168 hours are worked
FROM bulk_case CROSS JOIN LATERAL (SELECT CASE state WHEN 'reported' THEN 'accept' WHEN 'verifying' THEN 'verify' WHEN 'accepted' THEN 'dispatch' WHEN 'returned' THEN 'dispatch' WHEN 'dispatched' THEN 'sign' WHEN 'handling' THEN 'handle'
    WHEN 'suspended' THEN 'handle' WHEN 'feedback' THEN 'check' WHEN 'checking' THEN 'check' WHEN 'evaluating' THEN 'evaluate' ELSE '' END AS stage,
  CASE state WHEN 'reported' THEN reported + interval '5 hours' WHEN 'verifying' THEN reported + interval '5 hours' WHEN 'accepted' THEN accepted + interval '5 hours' WHEN 'dispatched' THEN handle_due WHEN 'returned' THEN handle_due
    WHEN 'handling' THEN handle_due WHEN 'suspended' THEN handle_due WHEN 'feedback' THEN case_due WHEN 'checking' THEN case_due WHEN 'evaluating' THEN case_due END AS due) d
ON CONFLICT DO NOTHING`

const sqlBulkOrders = `
INSERT INTO dispatch_order (id, region_id, incident_id, seq, mode, org_id, worker_id, state, requirement, issued_name, issued_at, handle_due, signed_at, fed_back_at, ended_at, rework, end_code, end_reason)
SELECT md5(id::text || 'order')::uuid, region, id, 1, 'lead', dept, handler,
  CASE state WHEN 'dispatched' THEN 'pending' WHEN 'handling' THEN 'handling' WHEN 'suspended' THEN 'handling' WHEN 'returned' THEN 'returned' WHEN 'archived' THEN 'done' WHEN 'closed' THEN 'done' ELSE 'fed_back' END,
  '按时办结', '模拟', dispatched, handle_due, signed, fed_back, COALESCE(closed, CASE WHEN state = 'returned' THEN dispatched + interval '1 hour' END), reworked,
  CASE WHEN state = 'returned' THEN 'not_my_duty' ELSE '' END, CASE WHEN state = 'returned' THEN '不属于本部门职责' ELSE '' END
FROM bulk_case WHERE dept IS NOT NULL ON CONFLICT DO NOTHING`

const sqlBulkParties = `
INSERT INTO incident_party (incident_id, org_id, role, since)
SELECT id, dept, 'lead', dispatched FROM bulk_case WHERE dept IS NOT NULL AND dept <> org AND state <> 'returned' ON CONFLICT DO NOTHING`

const sqlBulkFeedback = `
INSERT INTO feedback (id, incident_id, order_id, at, by_name, result, text)
SELECT md5(id::text || 'feedback')::uuid, id, CASE WHEN dept IS NOT NULL THEN md5(id::text || 'order')::uuid END, fed_back, '模拟', 'solved', '已处置完毕' FROM bulk_case WHERE fed_back IS NOT NULL ON CONFLICT DO NOTHING`

const sqlBulkEmpty = `TRUNCATE bulk_case`

const sqlBulkFirst = `SELECT COALESCE(max(substr(case_no, 10)::bigint), 0) FROM incident WHERE case_no LIKE 'MN______-_______'`

const sqlBulkOwner = `RESET ROLE`

const sqlBulkApp = `SET ROLE gridward_app`

const sqlBulkAnalyze = `VACUUM (ANALYZE) incident, dispatch_order, incident_party, feedback`

// AddCases adds archived and open fictional cases and says how it goes after
// each batch.
func AddCases(ctx context.Context, db *DB, b Bulk, archived, open int64, say func(done int64)) error {
	conn, err := db.Pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("add cases: %w", err)
	}
	defer conn.Release()
	for _, sql := range []string{sqlBulkGround, sqlBulkTrade, sqlBulkRoad, sqlBulkCrew, sqlBulkCase, sqlBulkClear} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("make room for cases: %w", err)
		}
	}
	tag, err := conn.Exec(ctx, sqlBulkFillGround, b.RegionCode)
	if err != nil {
		return fmt.Errorf("read the ground: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return fault.New(fault.Missing, "%s 没有可用的网格", b.RegionCode)
	}
	if tag, err = conn.Exec(ctx, sqlBulkFillTrade, b.RegionCode); err != nil {
		return fmt.Errorf("read the catalogue: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return fault.New(fault.Missing, "事件类别目录是空的")
	}
	for _, sql := range []string{sqlBulkFillRoad, sqlBulkFillCrew, sqlBulkCountCrew} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("read roads and people: %w", err)
		}
	}
	var first int64
	if err := conn.QueryRow(ctx, sqlBulkFirst).Scan(&first); err != nil {
		return fmt.Errorf("read the last case number: %w", err)
	}
	done := int64(0)
	for _, part := range []struct {
		sql  string
		n    int64
		more []any
	}{{sqlBulkArchived, archived, []any{b.Days, archived}}, {sqlBulkOpen, open, nil}} {
		for from := int64(1); from <= part.n; from += int64(b.Batch) {
			to := min(part.n, from+int64(b.Batch)-1)
			err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
				if _, err := tx.Exec(ctx, sqlBulkEmpty); err != nil {
					return err
				}
				args := append([]any{from, to, b.Seed, b.Now, first}, part.more...) // numbers go on where the last run ended
				if _, err := tx.Exec(ctx, part.sql, args...); err != nil {
					return err
				}
				for _, sql := range []string{sqlBulkIncidents, sqlBulkOrders, sqlBulkParties, sqlBulkFeedback} {
					if _, err := tx.Exec(ctx, sql); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				return fmt.Errorf("add cases %d to %d: %w", from, to, err)
			}
			done += to - from + 1
			say(done)
		}
		first += part.n
	}
	// Statistics and lists read indexes alone where the pages are known to be visible to all.
	for _, sql := range []string{sqlBulkOwner, sqlBulkAnalyze, sqlBulkApp} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("tidy up after adding cases: %w", err)
		}
	}
	return nil
}
