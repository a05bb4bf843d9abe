package timekeeper

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"golang.org/x/sync/errgroup"

	"github.com/gridward/gridward/server/postgres"
)

// archivers are the worker-days archived at a time: while one is read from the
// database, another is judged. More would take it away from those who look.
const archivers = 2

// lookAgain is after how many worker-days a round looks anew what is being
// played: a house that brings its past along has more than a night's work.
const lookAgain = 200

// trails archives the hours that are over, and the days to which fixes came late.
type trails struct{}

// Kind names the job in the queue.
func (trails) Kind() string { return "archive_trails" }

// trailWorker archives worker-days, each in a transaction of its own.
type trailWorker struct {
	river.WorkerDefaults[trails]
	db    *postgres.DB
	keep  postgres.Retention
	log   *slog.Logger
	whole atomic.Int64 // the day on which all days kept were looked through last
}

func trailJobs(workers *river.Workers, d Deps) []*river.PeriodicJob {
	river.AddWorker(workers, &trailWorker{db: d.DB, keep: d.Keep, log: d.Log})
	return []*river.PeriodicJob{river.NewPeriodicJob(river.PeriodicInterval(5*time.Minute), func() (river.JobArgs, *river.InsertOpts) {
		return trails{}, &river.InsertOpts{UniqueOpts: river.UniqueOpts{ByPeriod: 5 * time.Minute}, MaxAttempts: 3}
	}, &river.PeriodicJobOpts{RunOnStart: true})}
}

// Timeout leaves room for the weeks that a new house brings along.
func (*trailWorker) Timeout(*river.Job[trails]) time.Duration { return 2 * time.Hour }

// Work archives what is due. Once a day, after midnight, it looks through all
// days that raw fixes are kept of.
func (w *trailWorker) Work(ctx context.Context, _ *river.Job[trails]) error {
	now := time.Now()
	today := postgres.BusinessDay(now)
	since := today.AddDate(0, 0, -1)
	if w.whole.Load() != today.Unix() {
		since = today.AddDate(0, 0, -w.keep.Raw)
	}
	run, err := ArchiveTrails(ctx, w.db, since, now)
	if err != nil {
		return err
	}
	w.whole.Store(today.Unix())
	if run.Failed > 0 {
		w.log.ErrorContext(ctx, "trails could not be archived", "days", run.Failed)
	}
	if run.Days > 0 {
		w.log.InfoContext(ctx, "trails archived", "days", run.Days, "fixes", run.Fixes, "bytes", run.Bytes, "took", run.Took)
	}
	return nil
}

// playedFirst puts the days that somebody is looking at in front.
func playedFirst(due []postgres.WorkerDay, played map[int64]bool) {
	later := func(d postgres.WorkerDay) int {
		if played[postgres.BusinessDay(d.Day).Unix()] {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(due, func(a, b postgres.WorkerDay) int { return later(a) - later(b) })
}

// archiveAll archives the worker-days, several at a time, and counts them.
func archiveAll(ctx context.Context, db *postgres.DB, list []postgres.WorkerDay, now time.Time, run *postgres.TrailRun, last *error) error {
	var mu sync.Mutex
	var all errgroup.Group
	all.SetLimit(archivers)
	for _, d := range list {
		all.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			var done postgres.Archived
			err := db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
				done, err = postgres.ArchiveDay(ctx, tx, d, now)
				return err
			})
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				run.Failed++
				*last = err
			case done.Written:
				run.Days++
				run.Fixes, run.Bytes = run.Fixes+int64(done.Fixes), run.Bytes+int64(done.Bytes)
			}
			return nil
		})
	}
	return all.Wait()
}

// ArchiveTrails archives every worker-day that is due from since on. One that
// fails is counted and left for the next round.
func ArchiveTrails(ctx context.Context, db *postgres.DB, since, now time.Time) (postgres.TrailRun, error) {
	run := postgres.TrailRun{At: now}
	began := time.Now()
	due, err := postgres.TrailsDue(ctx, db.Pool, since, now)
	if err != nil {
		return run, err
	}
	var last error
	for len(due) > 0 {
		played, err := postgres.PlayedDays(ctx, db.Pool, now)
		if err != nil {
			return run, err
		}
		playedFirst(due, played)
		part := due[:min(len(due), lookAgain)]
		due = due[len(part):]
		if err := archiveAll(ctx, db, part, now, &run, &last); err != nil {
			return run, fmt.Errorf("archive the trails: %w", err)
		}
	}
	run.Took = time.Since(began)
	if run.Days == 0 && run.Failed > 0 {
		return run, fmt.Errorf("archive the trails: none of %d days: %w", run.Failed, last)
	}
	if run.Days == 0 {
		return run, nil
	}
	return run, postgres.NoteTrailRun(ctx, db.Pool, run)
}
