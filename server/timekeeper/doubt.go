package timekeeper

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/riverqueue/river"

	"github.com/gridward/gridward/server/desk"
	"github.com/gridward/gridward/server/postgres"
)

// doubtJobs look at days whose measures are new, once they are over.
func doubtJobs(workers *river.Workers, d Deps) []*river.PeriodicJob {
	river.AddWorker(workers, &doubtWorker{desk: d.Desk, db: d.DB, log: d.Log})
	return []*river.PeriodicJob{river.NewPeriodicJob(river.PeriodicInterval(time.Minute), func() (river.JobArgs, *river.InsertOpts) {
		return doubtRound{}, &river.InsertOpts{UniqueOpts: river.UniqueOpts{ByPeriod: time.Minute}, MaxAttempts: 1}
	}, &river.PeriodicJobOpts{RunOnStart: true})}
}

// doubtRound is one round of looking.
type doubtRound struct{}

// Kind names the job in the queue.
func (doubtRound) Kind() string { return "doubt_round" }

// doubtBatch is how many days one round takes.
const doubtBatch = 500

type doubtWorker struct {
	river.WorkerDefaults[doubtRound]
	desk *desk.Desk
	db   *postgres.DB
	log  *slog.Logger
}

// Work looks at the days that are due, oldest first: an earlier day is there to be compared with.
func (w *doubtWorker) Work(ctx context.Context, _ *river.Job[doubtRound]) error {
	now := time.Now()
	due, err := postgres.DoubtChecksDue(ctx, w.db.Pool, now.AddDate(0, 0, -postgres.DoubtDays), doubtBatch)
	if err != nil {
		return err
	}
	began := time.Now()
	for i, day := range due {
		if time.Since(began) > 45*time.Second { // the next round goes on
			due = due[:i]
			break
		}
		if err := w.desk.CheckDoubts(ctx, day); err != nil {
			return fmt.Errorf("look at the day %s of a worker: %w", day.Day.Format(time.DateOnly), err)
		}
	}
	closed, err := w.desk.CloseDoubts(ctx)
	if err != nil {
		return err
	}
	if len(due) > 0 || closed > 0 {
		w.log.InfoContext(ctx, "doubtful tracks", "days looked at", len(due), "closed", closed)
	}
	return postgres.ForgetDoubts(ctx, w.db, now)
}
