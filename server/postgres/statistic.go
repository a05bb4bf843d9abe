package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/metric"
)

// Statistics pass over one stretch of an index for each cohort and count the
// cases that are alike; what they count for is decided by metric.Count. The
// cases behind a number are found by the same bits in the same stretch.

// StatisticFilter is whose cases, of which period, laid out by what.
type StatisticFilter struct {
	Scope    []string // on whose ground a case lies, or who handles it
	From, To time.Time
	Now      time.Time
	By       string // org, category, kind, tier, source, worker, department, day, hour
	Org      *int64 // only on this ground or handled from here, and below
	Category string // and those below it
}

// StatisticRow is the cases of a cohort with one key, as far as they are alike.
type StatisticRow struct {
	Num   *int64 // the key where it is a number: an id, a tier, seconds since 1970
	Word  *string
	Tally metric.Tally
	Past  bool
	N     int64
}

const tallyKey = `
SELECT CASE $7 WHEN 'org' THEN i.org_id WHEN 'department' THEN i.handler_org WHEN 'worker' THEN i.handler_worker WHEN 'tier' THEN i.tier
    WHEN 'day' THEN floor((date_part('epoch', i.t) + 28800) / 86400)::bigint * 86400 - 28800 WHEN 'hour' THEN floor(date_part('epoch', i.t) / 3600)::bigint * 3600 END AS num,
  CASE $7 WHEN 'category' THEN split_part(i.category, '-', 1) WHEN 'kind' THEN i.category WHEN 'source' THEN i.source END AS word,
  i.tally & $8 AS tally, i.t < $3 AS past, count(*) AS n
FROM (SELECT org_id, handler_org, handler_worker, tally, category, tier, source, `

const tallyWhere = ` AS t FROM incident) i
WHERE i.t >= $1 AND i.t < $2 AND (i.org_id = ANY ($4) OR i.handler_org = ANY ($4)) AND ($5::bigint[] IS NULL OR i.org_id = ANY ($5) OR i.handler_org = ANY ($5))
  AND ($6 = '' OR i.category = $6 OR i.category LIKE $6 || '-%')
GROUP BY 1, 2, 3, 4`

const (
	sqlTallyReported = tallyKey + `reported_at` + tallyWhere
	sqlTallyHandle   = tallyKey + `handle_due` + tallyWhere
	sqlTallyDue      = tallyKey + `case_due` + tallyWhere
	sqlTallyClosed   = tallyKey + `closed_at` + tallyWhere
)

var sqlTally = map[metric.Cohort]string{metric.ByReport: sqlTallyReported, metric.ByHandle: sqlTallyHandle, metric.ByDue: sqlTallyDue, metric.ByClose: sqlTallyClosed}

// CountAlike counts a cohort's cases by key and bits.
func CountAlike(ctx context.Context, q Querier, cohort metric.Cohort, f StatisticFilter) ([]StatisticRow, error) {
	scope, within, err := f.orgs(ctx, q)
	if err != nil {
		return nil, err
	}
	rows, err := q.Query(ctx, sqlTally[cohort], planned, f.From, f.To, f.Now, scope, within, f.Category, f.By, int32(metric.Asked(cohort)))
	if err != nil {
		return nil, fmt.Errorf("count the cases of a period: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[StatisticRow])
	if err != nil {
		return nil, fmt.Errorf("count the cases of a period: %w", err)
	}
	return list, nil
}

// How long a stretch took: the same stretch of the same index, for each key and for all.
const lengthKey = `
SELECT k.num, k.word, grouping(k.num, k.word) > 0, count(*), COALESCE(sum(k.m), 0), COALESCE(percentile_disc(0.9) WITHIN GROUP (ORDER BY k.m), 0)
FROM (SELECT CASE $6 WHEN 'org' THEN i.org_id WHEN 'department' THEN i.handler_org WHEN 'worker' THEN i.handler_worker WHEN 'tier' THEN i.tier
    WHEN 'day' THEN floor((date_part('epoch', i.t) + 28800) / 86400)::bigint * 86400 - 28800 WHEN 'hour' THEN floor(date_part('epoch', i.t) / 3600)::bigint * 3600 END AS num,
  CASE $6 WHEN 'category' THEN split_part(i.category, '-', 1) WHEN 'kind' THEN i.category WHEN 'source' THEN i.source END AS word, i.m
FROM (SELECT org_id, handler_org, handler_worker, tally, category, tier, source, `

const lengthWhere = ` AS t FROM incident) i
WHERE i.t >= $1 AND i.t < $2 AND (i.org_id = ANY ($3) OR i.handler_org = ANY ($3)) AND ($4::bigint[] IS NULL OR i.org_id = ANY ($4) OR i.handler_org = ANY ($4))
  AND ($5 = '' OR i.category = $5 OR i.category LIKE $5 || '-%') AND i.tally & $7 = $8) k
GROUP BY GROUPING SETS ((k.num, k.word), ())`

const (
	sqlLengthAccept = lengthKey + `accept_minutes AS m, reported_at` + lengthWhere
	sqlLengthHandle = lengthKey + `handle_minutes AS m, closed_at` + lengthWhere
)

var sqlLength = map[metric.Stretch]string{metric.Acceptance: sqlLengthAccept, metric.Handling: sqlLengthHandle}

// LengthRow is how long a stretch took in the cases of one key, or of all.
type LengthRow struct {
	Num   *int64
	Word  *string
	Whole bool
	metric.Lengths
}

// MeasureLengths measures a stretch in the cases of a duration's count, by key and in all.
func MeasureLengths(ctx context.Context, q Querier, stretch metric.Stretch, cases metric.Count, f StatisticFilter) (list []LengthRow, err error) {
	scope, within, err := f.orgs(ctx, q)
	if err != nil {
		return nil, err
	}
	p := cases.Parts[0]
	rows, err := q.Query(ctx, sqlLength[stretch], planned, f.From, f.To, scope, within, f.Category, f.By, int32(p.All|p.None), int32(p.All))
	if err != nil {
		return nil, fmt.Errorf("measure how long cases took: %w", err)
	}
	var r LengthRow
	if _, err := pgx.ForEachRow(rows, []any{&r.Num, &r.Word, &r.Whole, &r.Cases, &r.Sum, &r.P90}, func() error { list = append(list, r); return nil }); err != nil {
		return nil, fmt.Errorf("measure how long cases took: %w", err)
	}
	return list, nil
}

func (f StatisticFilter) orgs(ctx context.Context, q Querier) (scope, within []int64, err error) {
	if scope, _, _, err = scopeOrgs(ctx, q, f.Scope); err == nil && f.Org != nil {
		within, err = orgsBelow(ctx, q, *f.Org)
	}
	return scope, within, err
}

// StatisticCases is a page of the cases behind a number: those of the period
// that fit the count, and whose key is Num or Word when Keyed.
type StatisticCases struct {
	StatisticFilter
	Count metric.Count
	Keyed bool
	Num   *int64
	Word  *string
	After *incident.ListCursor
	Limit int
}

const behindFrom = `
FROM (SELECT id, org_id, handler_org, handler_worker, tally, category, tier, source, `

const behindWhere = ` AS t FROM incident) i
WHERE i.t >= $1 AND i.t < $2 AND (i.org_id = ANY ($4) OR i.handler_org = ANY ($4)) AND ($5::bigint[] IS NULL OR i.org_id = ANY ($5) OR i.handler_org = ANY ($5))
  AND ($6 = '' OR i.category = $6 OR i.category LIKE $6 || '-%')
  AND (NOT $8 OR CASE $7 WHEN 'org' THEN i.org_id WHEN 'department' THEN i.handler_org WHEN 'worker' THEN i.handler_worker WHEN 'tier' THEN i.tier
    WHEN 'day' THEN floor((date_part('epoch', i.t) + 28800) / 86400)::bigint * 86400 - 28800 WHEN 'hour' THEN floor(date_part('epoch', i.t) / 3600)::bigint * 3600 END IS NOT DISTINCT FROM $9::bigint
    AND CASE $7 WHEN 'category' THEN split_part(i.category, '-', 1) WHEN 'kind' THEN i.category WHEN 'source' THEN i.source END IS NOT DISTINCT FROM $10::text)
  AND (i.tally & ($11::integer[])[1] = ($12::integer[])[1] AND (NOT ($13::boolean[])[1] OR i.t < $3)
    OR i.tally & ($11::integer[])[2] = ($12::integer[])[2] AND (NOT ($13::boolean[])[2] OR i.t < $3)
    OR i.tally & ($11::integer[])[3] = ($12::integer[])[3] AND (NOT ($13::boolean[])[3] OR i.t < $3))`

const (
	behindList  = `SELECT i.id, i.t`
	behindAfter = ` AND ($14::timestamptz IS NULL OR (i.t, i.id) < ($14, $15::uuid)) ORDER BY i.t DESC, i.id DESC LIMIT $16`
	behindCount = `SELECT count(*)`

	sqlBehindReported = behindList + behindFrom + `reported_at` + behindWhere + behindAfter
	sqlBehindHandle   = behindList + behindFrom + `handle_due` + behindWhere + behindAfter
	sqlBehindDue      = behindList + behindFrom + `case_due` + behindWhere + behindAfter
	sqlBehindClosed   = behindList + behindFrom + `closed_at` + behindWhere + behindAfter

	sqlBehindCountReported = behindCount + behindFrom + `reported_at` + behindWhere
	sqlBehindCountHandle   = behindCount + behindFrom + `handle_due` + behindWhere
	sqlBehindCountDue      = behindCount + behindFrom + `case_due` + behindWhere
	sqlBehindCountClosed   = behindCount + behindFrom + `closed_at` + behindWhere
)

var sqlBehind = map[metric.Cohort][2]string{
	metric.ByReport: {sqlBehindReported, sqlBehindCountReported}, metric.ByHandle: {sqlBehindHandle, sqlBehindCountHandle},
	metric.ByDue: {sqlBehindDue, sqlBehindCountDue}, metric.ByClose: {sqlBehindClosed, sqlBehindCountClosed},
}

const sqlIncidentsBehind = `SELECT * FROM incident_shown WHERE id = ANY ($1)`

// CasesBehind returns a page of the cases behind a number, newest in their
// cohort first, and exactly how many there are; at is when each fell into its cohort.
func CasesBehind(ctx context.Context, q Querier, f StatisticCases) (list IncidentList, when map[uuid.UUID]time.Time, err error) {
	scope, within, err := f.orgs(ctx, q)
	if err != nil {
		return list, nil, err
	}
	var (
		at *time.Time
		id *uuid.UUID
		// a part that is not there asks for what nothing fits
		asked, found, past = []int32{0, 0, 0}, []int32{1, 1, 1}, []bool{false, false, false}
	)
	for i, p := range f.Count.Parts {
		asked[i], found[i], past[i] = int32(p.All|p.None), int32(p.All), p.Past
	}
	if f.After != nil {
		at, id = f.After.At, &f.After.ID
	}
	args := []any{planned, f.From, f.To, f.Now, scope, within, f.Category, f.By, f.Keyed, f.Num, f.Word, asked, found, past}
	sql := sqlBehind[f.Count.Cohort]
	rows, err := q.Query(ctx, sql[0], append(args, at, id, f.Limit)...)
	if err != nil {
		return list, nil, fmt.Errorf("find the cases behind a number: %w", err)
	}
	var (
		ids  []uuid.UUID
		each uuid.UUID
		t    time.Time
	)
	when = map[uuid.UUID]time.Time{}
	if _, err := pgx.ForEachRow(rows, []any{&each, &t}, func() error { ids, when[each] = append(ids, each), t; return nil }); err != nil {
		return list, nil, fmt.Errorf("find the cases behind a number: %w", err)
	}
	if list.Incidents, err = collectIncidents(ctx, q, sqlIncidentsBehind, ids); err != nil {
		return list, nil, err
	}
	place := make(map[uuid.UUID]int, len(ids))
	for i, id := range ids {
		place[id] = i
	}
	slices.SortFunc(list.Incidents, func(x, y incident.Incident) int { return place[x.ID] - place[y.ID] })
	if err := q.QueryRow(ctx, sql[1], args...).Scan(&list.Total); err != nil {
		return list, nil, fmt.Errorf("count the cases behind a number: %w", err)
	}
	return list, when, nil
}

const sqlOrgNames = `SELECT id, name FROM org WHERE id = ANY ($1)`

const sqlWorkerNames = `SELECT w.id, w.name, o.path FROM worker w JOIN org o ON o.id = w.org_id WHERE w.id = ANY ($1)`

// OrgNames names organisations.
func OrgNames(ctx context.Context, q Querier, ids []int64) (map[int64]string, error) {
	rows, err := q.Query(ctx, sqlOrgNames, ids)
	if err != nil {
		return nil, fmt.Errorf("read names of organisations: %w", err)
	}
	names, id, name := map[int64]string{}, int64(0), ""
	if _, err := pgx.ForEachRow(rows, []any{&id, &name}, func() error { names[id] = name; return nil }); err != nil {
		return nil, fmt.Errorf("read names of organisations: %w", err)
	}
	return names, nil
}

// WorkerNames names workers; mask turns a name and its organisation's path into what is shown.
func WorkerNames(ctx context.Context, q Querier, ids []int64, mask func(name, path string) string) (map[int64]string, error) {
	rows, err := q.Query(ctx, sqlWorkerNames, ids)
	if err != nil {
		return nil, fmt.Errorf("read names of workers: %w", err)
	}
	names, id, name, path := map[int64]string{}, int64(0), "", ""
	if _, err := pgx.ForEachRow(rows, []any{&id, &name, &path}, func() error { names[id] = mask(name, path); return nil }); err != nil {
		return nil, fmt.Errorf("read names of workers: %w", err)
	}
	return names, nil
}
