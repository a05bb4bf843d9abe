package desk

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/patrol"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/workday"
)

// Measuring patrols is work of the background: whatever changes what a day is
// made of marks it in its own transaction, and a round computes what is marked,
// each day and each week in a transaction of its own. A day is claimed by
// taking its mark away, so that a mark made meanwhile is another round's work
// and none is lost.

const (
	// PatrolRest is how long a mark rests before it is worked: an upload of a
	// whole morning comes in many batches and is computed once.
	PatrolRest = 5 * time.Second
	// runningEvery is how old the measures of a running day may become.
	runningEvery = 5 * time.Minute
	// dayCloses is when a day is computed as a whole: phones that were on their
	// way home have sent by then.
	dayCloses = 20 * time.Minute
)

// walkable remembers the walkable ground, which changes with the territory and the base map.
type walkable struct {
	mu      sync.Mutex
	edition string
	ground  *patrol.Ground
}

// PatrolGround is the walkable ground of all grids, as it is now.
func (d *Desk) PatrolGround(ctx context.Context) (*patrol.Ground, error) {
	d.walkable.mu.Lock()
	defer d.walkable.mu.Unlock()
	epoch, err := postgres.TerritoryEpoch(ctx, d.db.Pool)
	if err != nil {
		return nil, err
	}
	roads, err := postgres.RoadsEdition(ctx, d.db.Pool)
	if err != nil {
		return nil, err
	}
	edition := fmt.Sprint(epoch, roads)
	if d.walkable.ground != nil && d.walkable.edition == edition {
		return d.walkable.ground, nil
	}
	ground, err := postgres.PatrolGround(ctx, d.db.Pool)
	if err != nil {
		return nil, err
	}
	d.walkable.ground, d.walkable.edition = ground, edition
	return ground, nil
}

// PatrolRound plans what has come due and computes the days whose marks have
// rested, and marked weeks, until nothing is left or so much time has passed.
func (d *Desk) PatrolRound(ctx context.Context, rest, budget time.Duration) (days, weeks int, err error) {
	began := time.Now() // of work, not of the city's clock
	if err := d.planPatrol(ctx); err != nil {
		return 0, 0, err
	}
	for time.Since(began) < budget {
		keys, err := postgres.PatrolWaiting(ctx, d.db.Pool, rest, 64)
		if err != nil || len(keys) == 0 {
			if err != nil {
				return days, weeks, err
			}
			break
		}
		for _, k := range keys {
			if time.Since(began) >= budget {
				break
			}
			if err := d.MeasureDay(ctx, k); err != nil {
				return days, weeks, fmt.Errorf("measure the patrol of %s: %w", k.Day, err)
			}
			days++
		}
	}
	weeks, err = d.patrolWeeks(ctx)
	return days, weeks, err
}

// patrolWeeks computes every marked week.
func (d *Desk) patrolWeeks(ctx context.Context) (weeks int, err error) {
	for {
		keys, err := postgres.WeeksWaiting(ctx, d.db.Pool, 256)
		if err != nil || len(keys) == 0 {
			return weeks, err
		}
		for _, k := range keys {
			if err := d.measureWeek(ctx, k); err != nil {
				return weeks, fmt.Errorf("measure the week %s of grid %d: %w", k.Week, k.Grid, err)
			}
			weeks++
		}
	}
}

// planPatrol marks what has come due by itself: days that are over, running
// days that have grown old, grids that were drawn anew, holidays that were
// announced, weeks that have begun.
func (d *Desk) planPatrol(ctx context.Context) error {
	return d.db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		now := d.clock().UTC().Truncate(time.Microsecond)
		s, err := postgres.LockPatrolState(ctx, tx)
		if err != nil {
			return err
		}
		today := workday.DayOf(now)
		if err := d.closeDays(ctx, tx, &s, workday.DayOf(now.Add(-dayCloses))-1); err != nil {
			return err
		}
		if _, err := postgres.EnqueueRunning(ctx, tx, today, now.Add(-runningEvery)); err != nil {
			return err
		}
		epoch, err := postgres.TerritoryEpoch(ctx, tx)
		if err != nil {
			return err
		}
		if epoch != s.Epoch { // a grid may have come or gone, or its neighbour's ground be its own now
			if _, err := postgres.MarkEveryWeek(ctx, tx, patrol.Monday(today), postgres.WhyGrid); err != nil {
				return err
			}
			s.Epoch, s.Week = epoch, nil
		}
		terms, err := postgres.DeadlineEpoch(ctx, tx)
		if err != nil {
			return err
		}
		if terms != s.Terms {
			print, err := postgres.CalendarsPrint(ctx, tx)
			if err != nil {
				return err
			}
			if s.Terms != 0 && print != s.Calendars {
				if _, err := postgres.MarkEveryWeek(ctx, tx, workday.Date(today.Year()-1, time.January, 1), postgres.WhyCalendar); err != nil {
					return err
				}
			}
			s.Terms, s.Calendars = terms, print
		}
		if monday := patrol.Monday(today); s.Week == nil || *s.Week < monday {
			if err := postgres.OpenWeek(ctx, tx, monday); err != nil {
				return err
			}
			s.Week = &monday
		}
		return postgres.PutPatrolState(ctx, tx, s)
	})
}

// closeDays marks everybody's day for each day up to the last that is over.
func (d *Desk) closeDays(ctx context.Context, tx pgx.Tx, s *postgres.PatrolState, last workday.Day) error {
	if s.Closed == nil {
		first, ok, err := postgres.FirstTracked(ctx, tx)
		if err != nil || !ok {
			return err // nobody has moved yet
		}
		first = max(first, last-postgres.KeepDays) - 1
		s.Closed = &first
	}
	for day := *s.Closed + 1; day <= last; day++ {
		if err := d.enqueueDay(ctx, tx, day); err != nil {
			return err
		}
		if monday := patrol.Monday(day); day == monday+6 { // every grid's verdict, also where nobody went today
			if _, err := postgres.MarkEveryWeek(ctx, tx, monday, postgres.WhyNightly); err != nil {
				return err
			}
		}
		closed := day
		s.Closed = &closed
	}
	return nil
}

func (d *Desk) enqueueDay(ctx context.Context, tx pgx.Tx, day workday.Day) error {
	n, err := postgres.EnqueueDay(ctx, tx, day, postgres.WhyNightly)
	if err != nil || n == 0 {
		return err
	}
	return postgres.OpenWeek(ctx, tx, patrol.Monday(day))
}

// AnnounceHistory says that fixes of people's days between the two are on their
// way past the doors: until they are measured the days wait.
func (d *Desk) AnnounceHistory(ctx context.Context, workers []string, from, to workday.Day) error {
	return d.db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		var days []workday.Day
		for day := from; day <= to; day++ {
			if wd := day.Start().Weekday(); wd != time.Saturday && wd != time.Sunday {
				days = append(days, day)
			}
			if day == from || day == patrol.Monday(day) {
				if err := postgres.OpenWeek(ctx, tx, patrol.Monday(day)); err != nil {
					return err
				}
			}
		}
		return postgres.AnnouncePatrolDays(ctx, tx, workers, days)
	})
}

// MeasureHistory asks for every day between the two to be computed: fixes of
// them have come by another way than through the doors.
func (d *Desk) MeasureHistory(ctx context.Context, from, to workday.Day) error {
	return d.db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		for day := from; day <= to; day++ {
			if err := d.enqueueDay(ctx, tx, day); err != nil {
				return err
			}
		}
		if _, err := postgres.MarkEveryWeek(ctx, tx, patrol.Monday(from), postgres.WhyDays); err != nil {
			return err
		}
		return postgres.ReleasePatrolDays(ctx, tx)
	})
}

// MeasureDay computes a worker's day that is marked; one that is not was
// somebody else's work.
func (d *Desk) MeasureDay(ctx context.Context, k postgres.PatrolKey) error {
	ground, err := d.PatrolGround(ctx)
	if err != nil {
		return err
	}
	return d.db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		why, ok, err := postgres.ClaimPatrolDay(ctx, tx, k)
		if err != nil || !ok {
			return err
		}
		in, path, err := postgres.PatrolInput(ctx, tx, k)
		if fault.Is(err, fault.Missing) {
			return nil // a vehicle, or somebody who is gone
		}
		if err != nil {
			return err
		}
		policies, err := postgres.PatrolPolicies(ctx, tx)
		if err != nil {
			return err
		}
		now := d.clock().UTC().Truncate(time.Microsecond)
		quota := patrol.InForce(policies, path, k.Day).Quota
		r := postgres.PatrolResult{Key: k, Policy: quota, Why: why, At: now, Over: k.Day < workday.DayOf(now), Digest: in.Digest(quota.Params, quota.RuleVersion())}
		for i := range in.Visits {
			if g := in.Visits[i].Grid; g != 0 {
				r.Visited = append(r.Visited, g)
			}
		}
		var walk patrol.Walk
		r.Day, walk = patrol.Measure(in, quota.Params)
		if r.Walked, err = ground.Walked(walk, quota.Params.WalkM); err != nil {
			return err
		}
		_, err = postgres.PutPatrolDay(ctx, tx, &r)
		return err
	})
}

// MeasureNow computes a worker's running day at once, when somebody asks for it
// and it is older than given.
func (d *Desk) MeasureNow(ctx context.Context, region, worker int64, older time.Duration) error {
	now := d.clock()
	k := postgres.PatrolKey{Region: region, Worker: worker, Day: workday.DayOf(now)}
	marked, err := postgres.MarkRunning(ctx, d.db.Pool, k, now.Add(-older))
	if err != nil || !marked {
		return err
	}
	return d.MeasureDay(ctx, k)
}

// measureWeek puts a grid's week together.
func (d *Desk) measureWeek(ctx context.Context, k postgres.GridWeek) error {
	ground, err := d.PatrolGround(ctx)
	if err != nil {
		return err
	}
	return d.db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		why, ok, err := postgres.ClaimWeek(ctx, tx, k)
		if err != nil || !ok {
			return err
		}
		in, err := postgres.ReadWeek(ctx, tx, k)
		if err != nil {
			return err
		}
		if !in.Asked {
			return postgres.ForgetWeek(ctx, tx, k)
		}
		policies, err := postgres.PatrolPolicies(ctx, tx)
		if err != nil {
			return err
		}
		cal, err := d.calendarFor(ctx, tx, in.OrgPath, in.OrgKind)
		if err != nil {
			return err
		}
		now := d.clock().UTC().Truncate(time.Microsecond)
		row := gridWeek(k, &in, ground, cal, policies)
		row.Why, row.At, row.Over = why, now, k.Week+7 <= workday.DayOf(now)
		return postgres.PutWeek(ctx, tx, &row)
	})
}

// calendarFor is the working calendar of an organisation.
func (d *Desk) calendarFor(ctx context.Context, tx pgx.Tx, path, kind string) (*workday.Calendar, error) {
	epoch, err := postgres.DeadlineEpoch(ctx, tx)
	if err != nil {
		return nil, err
	}
	terms, err := d.terms.at(ctx, tx, epoch, d.clock())
	if err != nil {
		return nil, err
	}
	if c := terms.CalendarOf(path, kind); c != nil {
		return c.Calendar, nil
	}
	return nil, fault.New(fault.Conflict, "没有适用的工作日历")
}

// WorkingCalendar is the working calendar of an organisation.
func (d *Desk) WorkingCalendar(ctx context.Context, path, kind string) (cal *workday.Calendar, err error) {
	err = d.db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		cal, err = d.calendarFor(ctx, tx, path, kind)
		return err
	})
	return cal, err
}

// gridWeek decides what a grid's week came to. Whose half-days count the policy
// says: the leader's of each day, or the best of the team's.
func gridWeek(k postgres.GridWeek, in *postgres.WeekInput, ground *patrol.Ground, cal *workday.Calendar, policies []patrol.Policy) postgres.WeekRow {
	rules := patrol.InForce(policies, in.OrgPath, k.Week)
	w := postgres.WeekRow{GridWeek: k, Visits: in.Visits, Cover: in.Visits.Cover, Policy: rules.Quota}
	w.Cover.Area.D = int64(ground.Walkable(k.Grid))
	for _, c := range in.Cells {
		if ground.Counts(k.Grid, c) {
			w.Cover.Area.N++
		}
	}
	if in.Area != nil {
		w.Cover.Area = *in.Area
	}
	team := map[int64]bool{}
	for _, b := range in.Beats {
		team[b.Worker] = true
		if b.Leader && b.On(k.Week+6) && w.Leader == 0 {
			w.Leader = b.Worker
		}
	}
	w.Workers = len(team)
	var days [7]patrol.WeekDay
	for i := range days {
		days[i] = teamDay(in, k.Week+workday.Day(i), rules.Quota.Params.Whose)
		days[i].Needed = patrol.InForce(policies, in.OrgPath, k.Week+workday.Day(i)).Quota.Params.HalfDayS / 60
	}
	for i := range in.Days {
		s := &in.Days[i]
		if !slices.ContainsFunc(in.Beats, func(b postgres.Beat) bool { return b.Worker == s.Worker && b.On(s.Day) }) {
			continue
		}
		w.InMs, w.Out, w.DistanceM, w.GapMs, w.Gaps, w.Short = w.InMs+s.InMs, w.Out+s.Out, w.DistanceM+s.DistanceM, w.GapMs+s.GapMs, w.Gaps+s.Gaps, w.Short+int64(s.Share.Short)
		if s.Share.Night {
			w.Night++
		}
	}
	w.Measure = patrol.Week(k.Week, days, cal, rules, w.Cover)
	return w
}

// teamDay is a grid's day: whose halves count, and whose leave. On the day on which
// a grid is handed over it is who came last, for beats come newest first.
func teamDay(in *postgres.WeekInput, d workday.Day, whose string) patrol.WeekDay {
	share := func(worker int64) *postgres.DayShare {
		for i := range in.Days {
			if in.Days[i].Worker == worker && in.Days[i].Day == d {
				return &in.Days[i]
			}
		}
		return nil
	}
	if whose == "leader" {
		for _, b := range in.Beats {
			if b.Leader && b.On(d) {
				out := patrol.WeekDay{Worker: b.Worker, Leave: in.Leave[b.Worker]}
				if s := share(b.Worker); s != nil {
					out.Halves, out.Twice = s.Share.Halves, s.Twice
				}
				return out
			}
		}
	}
	var out patrol.WeekDay
	beats := slices.Clone(in.Beats)
	slices.SortFunc(beats, func(a, b postgres.Beat) int { return cmp.Compare(a.Worker, b.Worker) })
	for _, b := range beats {
		s := share(b.Worker)
		if !b.On(d) || s == nil {
			continue
		}
		out.Twice = out.Twice || s.Twice
		for h := range out.Halves {
			if s.Share.Halves[h].Ms > out.Halves[h].Ms {
				out.Halves[h], out.Worker = s.Share.Halves[h], b.Worker
			}
		}
	}
	return out
}

// today is the business day of now.
func (d *Desk) today() workday.Day { return workday.DayOf(d.clock().In(incident.BusinessZone())) }
