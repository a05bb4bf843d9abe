package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/workday"
)

// Why a worker's day or a grid's week is computed (again). Those without a name
// here are given by the triggers of the tables that a day is judged from.
const (
	WhyNightly  = "nightly"  // the day was over
	WhyRunning  = "running"  // the day goes on
	WhyLate     = "late"     // fixes of the day came, or duty was told, after it had been computed
	WhyVisit    = "visit"    // a visit was recorded, changed or judged
	WhyLeave    = "leave"    // leave was approved or withdrawn
	WhyRule     = "rule"     // a policy was made, changed or ended
	WhyGrid     = "grid"     // a grid was drawn anew
	WhyCalendar = "calendar" // holidays were announced, or working days changed
	WhyDays     = "days"     // of a week: one of its days was computed
)

// Recomputings are these reasons in Chinese.
func Recomputings() map[string]string {
	return map[string]string{WhyNightly: "日终计算", WhyRunning: "当日滚动计算", WhyLate: "补传定位到达", WhyVisit: "走访记录变动", WhyLeave: "请假变动", WhyRule: "巡查制度变动",
		WhyGrid: "网格范围变更", "beat": "责任网格变更", "shift": "排班变更", "object": "走访对象变动", "visit_rule": "走访规则变动", WhyCalendar: "工作日历变动", WhyDays: "所含日期重新计算"}
}

const sqlMarkPatrolDirty = `
INSERT INTO patrol_dirty AS p (region_id, worker_id, day, why) VALUES ($1, $2, $3, ARRAY[$4::text])
ON CONFLICT (region_id, worker_id, day) DO UPDATE SET n = p.n + 1, why = CASE WHEN $4 = ANY (p.why) THEN p.why ELSE p.why || $4 END`

// MarkPatrolDirty asks for a worker's day to be computed again, in the
// transaction of whatever changed it.
func MarkPatrolDirty(ctx context.Context, q Querier, region, worker int64, day workday.Day, why string) error {
	if _, err := q.Exec(ctx, sqlMarkPatrolDirty, region, worker, dateOf(day), why); err != nil {
		return fmt.Errorf("mark a day for computing: %w", err)
	}
	return nil
}

const sqlMarkLateDays = `
INSERT INTO patrol_dirty AS p (region_id, worker_id, day, why)
SELECT region, worker, day, ARRAY['late'] FROM unnest($1::bigint[], $2::bigint[], $3::date[]) AS k(region, worker, day)
ORDER BY 1, 2, 3
ON CONFLICT (region_id, worker_id, day) DO UPDATE SET n = p.n + 1, at = now(), why = CASE WHEN 'late' = ANY (p.why) THEN p.why ELSE p.why || 'late'::text END`

// MarkLateDays asks for days to be computed again of which fixes came, or duty
// was told, after they were over. It is the last but one thing of a commit of fixes, and
// costs those commits nothing that bring only what is of today.
func MarkLateDays(ctx context.Context, tx pgx.Tx, keys map[PatrolKey]bool) error {
	n := len(keys)
	region, worker, day := make([]int64, 0, n), make([]int64, 0, n), make([]time.Time, 0, n)
	for k := range keys {
		region, worker, day = append(region, k.Region), append(worker, k.Worker), append(day, dateOf(k.Day))
	}
	if _, err := tx.Exec(ctx, sqlMarkLateDays, region, worker, day); err != nil {
		return fmt.Errorf("mark days that fixes came late for: %w", err)
	}
	return nil
}

// dateOf is a day as PostgreSQL takes it.
func dateOf(d workday.Day) time.Time { return time.Unix(int64(d)*86400, 0).UTC() }

// dayOf is a date of PostgreSQL as a day.
func dayOf(t time.Time) workday.Day { return workday.Day(t.Unix() / 86400) }
