package timekeeper

import (
	"context"
	"log/slog"
	"time"

	"github.com/riverqueue/river"

	"github.com/gridward/gridward/server/deadline"
	"github.com/gridward/gridward/server/desk"
	"github.com/gridward/gridward/server/fault"
)

// lateJobs ring what is no case: commands that nobody acknowledged and whistles
// to which nobody came. Each has its job; the round looks after what has none.
func lateJobs(workers *river.Workers, d Deps) []*river.PeriodicJob {
	river.AddWorker(workers, &acksWorker{desk: d.Desk})
	river.AddWorker(workers, &whistleWorker{desk: d.Desk})
	river.AddWorker(workers, &lateWorker{desk: d.Desk, log: d.Log})
	return []*river.PeriodicJob{river.NewPeriodicJob(river.PeriodicInterval(5*time.Minute), func() (river.JobArgs, *river.InsertOpts) {
		return lateRound{}, &river.InsertOpts{UniqueOpts: river.UniqueOpts{ByPeriod: 5 * time.Minute}, MaxAttempts: 3}
	}, &river.PeriodicJobOpts{RunOnStart: true})}
}

// wait ends a job whose subject is gone, and puts off one that came too early
// by this node's clock.
func wait(later time.Time, err error) error {
	switch {
	case fault.Is(err, fault.Missing):
		return river.JobCancel(err)
	case err == nil && !later.IsZero():
		return river.JobSnooze(max(time.Until(later), time.Second))
	}
	return err
}

type acksWorker struct {
	river.WorkerDefaults[deadline.Acks]
	desk *desk.Desk
}

func (w *acksWorker) Work(ctx context.Context, job *river.Job[deadline.Acks]) error {
	return wait(w.desk.RingCommand(ctx, job.Args.Command))
}

type whistleWorker struct {
	river.WorkerDefaults[deadline.Whistle]
	desk *desk.Desk
}

func (w *whistleWorker) Work(ctx context.Context, job *river.Job[deadline.Whistle]) error {
	return wait(w.desk.RingWhistle(ctx, job.Args.ID, job.Args.What))
}

// lateRound rings what is late and has no job any more, or never had one.
type lateRound struct{}

// Kind names the job in the queue.
func (lateRound) Kind() string { return "late_round" }

type lateWorker struct {
	river.WorkerDefaults[lateRound]
	desk *desk.Desk
	log  *slog.Logger
}

func (w *lateWorker) Work(ctx context.Context, _ *river.Job[lateRound]) error {
	n, err := w.desk.RingLate(ctx)
	if n > 0 {
		w.log.InfoContext(ctx, "late acknowledgements and whistles told of", "rung", n)
	}
	return err
}
