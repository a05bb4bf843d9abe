package timekeeper

import (
	"context"
	"log/slog"
	"time"

	"github.com/riverqueue/river"

	"github.com/gridward/gridward/server/desk"
)

// patrolRound computes what patrols came to: the days and weeks that are marked.
type patrolRound struct{}

// Kind names the job in the queue.
func (patrolRound) Kind() string { return "patrol_round" }

const (
	patrolEvery = 10 * time.Second
	// patrolBudget leaves the machine to its other work most of the time, also
	// while months are computed anew.
	patrolBudget = 6 * time.Second
)

func patrolJobs(workers *river.Workers, d Deps) []*river.PeriodicJob {
	river.AddWorker(workers, &patrolWorker{desk: d.Desk, log: d.Log})
	return []*river.PeriodicJob{river.NewPeriodicJob(river.PeriodicInterval(patrolEvery), func() (river.JobArgs, *river.InsertOpts) {
		return patrolRound{}, &river.InsertOpts{UniqueOpts: river.UniqueOpts{ByPeriod: patrolEvery}, MaxAttempts: 1, Priority: 4}
	}, &river.PeriodicJobOpts{RunOnStart: true})}
}

type patrolWorker struct {
	river.WorkerDefaults[patrolRound]
	desk *desk.Desk
	log  *slog.Logger
}

func (w *patrolWorker) Work(ctx context.Context, _ *river.Job[patrolRound]) error {
	days, weeks, err := w.desk.PatrolRound(ctx, desk.PatrolRest, patrolBudget)
	if days > 0 {
		w.log.DebugContext(ctx, "patrols measured", "days", days, "weeks", weeks)
	}
	return err
}
