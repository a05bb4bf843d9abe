package postgres

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/geo/trail"
)

// PlayEvent is something that happened while a playback runs.
type PlayEvent struct {
	At     time.Time  `json:"at"`
	Until  *time.Time `json:"until,omitempty"`
	Kind   string     `json:"kind" enum:"incident,order,visit,enter,leave,stay,gap,session,sos,outlier"`
	Worker *int64     `json:"worker,omitempty"`
	Title  string     `json:"title"`
	Point  *orb.Point `json:"point,omitempty"`
	Ref    string     `json:"ref,omitempty" doc:"the id of the case, order, visit, grid, session or call"`
}

// $1 workers, $2 from, $3 to, $4 the scope of tracks, $5 the scope of the map.
const sqlPlayEvents = `
SELECT i.reported_at AS at, i.closed_at AS until, 'incident' AS kind, NULL::bigint AS worker, i.case_no || ' ' || i.title AS title, i.geom AS point, i.id::text AS ref
FROM incident i JOIN org o ON o.id = i.org_id WHERE i.reported_at >= $2 AND i.reported_at < $3 AND o.path LIKE ANY ($5) AND i.state <> 'void'
UNION ALL
SELECT x.at, NULL, 'order', r.worker_id, x.word || ' ' || i.case_no, x.point, r.id::text
FROM dispatch_order r JOIN incident i ON i.id = r.incident_id JOIN org o ON o.id = i.org_id AND o.path LIKE ANY ($5)
CROSS JOIN LATERAL (VALUES (r.issued_at, '派遣', NULL::geometry), (r.signed_at, '签收', NULL), (r.arrived_at, '到达', r.arrived_geom), (r.fed_back_at, '反馈', NULL)) AS x(at, word, point)
WHERE r.worker_id = ANY ($1) AND x.at >= $2 AND x.at < $3
UNION ALL
SELECT v.arrived_at, v.left_at, 'visit', v.worker_id, CASE v.outcome WHEN 'no_one_home' THEN '走访未遇' WHEN 'refused' THEN '走访被拒' WHEN 'problem' THEN '走访发现问题' ELSE '走访' END, CASE WHEN NOT v.sensitive THEN v.geom END, v.id::text
FROM visit v JOIN org o ON o.id = v.org_id AND o.path LIKE ANY ($4)
WHERE v.worker_id = ANY ($1) AND v.arrived_at < $3 AND v.left_at >= $2
UNION ALL
SELECT x.at, NULL, x.kind, p.worker_id, x.word || ' ' || v.name, NULL, p.grid_id::text
FROM grid_presence p JOIN grid g ON g.id = p.grid_id JOIN grid_version v ON v.grid_id = p.grid_id AND v.version = p.grid_version JOIN org o ON o.id = g.org_id AND o.path LIKE ANY ($4)
CROSS JOIN LATERAL (VALUES (p.entered_at, 'enter', '进入'), (p.left_at, 'leave', '离开')) AS x(at, kind, word)
WHERE p.region_id = ANY ($6) AND p.worker_id = ANY ($1) AND p.entered_at < $3 AND x.at >= $2 AND x.at < $3
UNION ALL
SELECT d.started_at, d.ended_at, 'session', d.worker_id, CASE d.purpose WHEN 'patrol' THEN '巡查' WHEN 'visit' THEN '走访' WHEN 'emergency' THEN '应急' WHEN 'event_task' THEN '事件任务' ELSE '窗口' END || '在岗', NULL, d.id::text
FROM duty_session d JOIN org o ON o.id = d.org_id AND o.path LIKE ANY ($4)
WHERE d.worker_id = ANY ($1) AND d.started_at < $3 AND COALESCE(d.ended_at, 'infinity') >= $2
UNION ALL
SELECT s.at, s.closed_at, 'sos', s.worker_id, '一键求助', s.geom, s.id::text
FROM sos s JOIN worker w ON w.id = s.worker_id JOIN org o ON o.id = w.org_id AND o.path LIKE ANY ($4)
WHERE s.worker_id = ANY ($1) AND s.at >= $2 AND s.at < $3`

const sqlPlayMarks = `
SELECT n.nr, t.day, t.stays, t.gaps, t.outliers,
  EXISTS (SELECT FROM trail_chunk c JOIN worker w ON w.id = c.worker_id LEFT JOIN duty_session d ON d.id = c.session_id
    WHERE c.region_id = n.region AND c.day = n.day AND c.worker_id = n.worker AND NOT COALESCE(d.org_id, w.org_id) = ANY (ARRAY(SELECT id FROM org WHERE path LIKE ANY ($5))))
FROM unnest($1::integer[], $2::bigint[], $3::bigint[], $4::date[]) AS n(nr, region, worker, day)
JOIN trail_day t ON t.region_id = n.region AND t.day = n.day AND t.worker_id = n.worker`

// RecordEvents lists what the record says that happened. incidents is
// the scope of the map.
func (r Reading) RecordEvents(ctx context.Context, q Querier, incidents []string) ([]PlayEvent, error) {
	workers, regions := make([]int64, len(r.People)), []int64{}
	for i, person := range r.People {
		workers[i] = person.ID
		if !slices.Contains(regions, person.Region) {
			regions = append(regions, person.Region)
		}
	}
	rows, err := q.Query(ctx, sqlPlayEvents, workers, r.From, r.To, Under(r.Scope), Under(incidents), regions)
	if err != nil {
		return nil, fmt.Errorf("list a playback's events: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[PlayEvent])
	if err != nil {
		return nil, fmt.Errorf("list a playback's events: %w", err)
	}
	return list, nil
}

// MergeEvents are the events of both lists, by time.
func MergeEvents(record, tracks []PlayEvent) []PlayEvent {
	list := slices.Concat(record, tracks)
	slices.SortStableFunc(list, func(a, b PlayEvent) int { return a.At.Compare(b.At) })
	return list
}

// TrackEvents lists what geo/trail makes of the tracks: stays, gaps and outliers. Of what is not archived every fix is read.
func (r Reading) TrackEvents(ctx context.Context, q Querier) ([]PlayEvent, error) {
	fail := func(err error) ([]PlayEvent, error) { return nil, fmt.Errorf("list a playback's events: %w", err) }
	p, err := r.plan(ctx, q)
	if err != nil {
		return nil, err
	}
	var (
		list    []PlayEvent
		nr      int32
		day     time.Time
		m       marks
		foreign bool
	)
	rows, err := q.Query(ctx, sqlPlayMarks, p.kept.number, p.kept.region, p.kept.worker, p.kept.day, Under(r.Scope))
	if err != nil {
		return fail(err)
	}
	if _, err := pgx.ForEachRow(rows, []any{&nr, &day, &m.stays, &m.gaps, &m.outliers, &foreign}, func() error {
		midnight := midnightOf(day)
		if foreign { // part of the day was for somebody else: its places are not for this reader
			p.raw = append(p.raw, personStretch{true, nr, stretch{latest(midnight, r.From), earliest(midnight.Add(dayLong), r.To)}})
			return nil
		}
		list = r.mark(list, nr, midnight, m)
		return nil
	}); err != nil {
		return fail(err)
	}
	var mu sync.Mutex
	if err := r.rawTracks(ctx, q, p.raw, func(s personStretch, fixes []Tracked) error {
		midnight := BusinessDay(s.from)
		m := judge(fixes).marks(midnight)
		mu.Lock()
		defer mu.Unlock()
		list = r.mark(list, s.number, midnight, m)
		return nil
	}); err != nil {
		return fail(err)
	}
	return list, nil
}

var outlierWords = map[trail.Reason]string{
	trail.NullIsland: "坐标为零点", trail.BadClock: "时钟异常", trail.Flagged: "定位被标记为不可信", trail.Teleport: "位置跳变", trail.Spike: "位置毛刺", trail.Frozen: "定位冻结", trail.Noise: "定位抖动",
}

// mark adds the stays, gaps and outliers of a day that touch the playback.
func (r Reading) mark(list []PlayEvent, number int32, midnight time.Time, m marks) []PlayEvent {
	worker := r.People[number].ID
	add := func(kind, title string, from, to int32, point *orb.Point) {
		at, until := midnight.Add(time.Duration(from)*time.Millisecond).UTC(), midnight.Add(time.Duration(to)*time.Millisecond).UTC()
		if !at.Before(r.To) || until.Before(r.From) {
			return
		}
		e := PlayEvent{At: at, Kind: kind, Worker: &worker, Title: title, Point: point}
		if to > from {
			e.Until = &until
		}
		list = append(list, e)
	}
	minutes := func(from, to int32) string { return fmt.Sprintf("%d 分钟", max(1, (to-from+30_000)/60_000)) }
	for s := range slices.Chunk(m.stays, 6) {
		add("stay", "停留 "+minutes(s[0], s[1]), s[0], s[1], &orb.Point{float64(s[2]) / 1e6, float64(s[3]) / 1e6})
	}
	for g := range slices.Chunk(m.gaps, 2) {
		add("gap", "无定位 "+minutes(g[0], g[1]), g[0], g[1], nil)
	}
	for o := range slices.Chunk(m.outliers, 3) {
		add("outlier", outlierWords[trail.Reason(o[2])], o[0], o[1], nil)
	}
	return list
}
