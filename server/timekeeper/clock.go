package timekeeper

import (
	"context"
	"log/slog"
	"time"

	"github.com/riverqueue/river"

	"github.com/gridward/gridward/server/deadline"
	"github.com/gridward/gridward/server/desk"
)

// clockWorker rings the clocks of cases.
type clockWorker struct {
	river.WorkerDefaults[deadline.Clock]
	desk *desk.Desk
}

// NextRetry tries again soon, and again for as long as it takes.
func (*clockWorker) NextRetry(job *river.Job[deadline.Clock]) time.Time {
	return time.Now().Add(min(time.Duration(job.Attempt)*5*time.Second, 10*time.Minute))
}

func (w *clockWorker) Work(ctx context.Context, job *river.Job[deadline.Clock]) error {
	later, err := w.desk.RingClock(ctx, job.Args.ID, job.Args.Version, job.Args.What)
	if err == nil && !later.IsZero() { // this node's clock is behind the database's
		return river.JobSnooze(max(time.Until(later), time.Second))
	}
	return err
}

// recountWorker moves clocks after a list of holidays came.
type recountWorker struct {
	river.WorkerDefaults[deadline.Recount]
	desk *desk.Desk
	log  *slog.Logger
}

// Timeout leaves room for a city's open cases.
func (*recountWorker) Timeout(*river.Job[deadline.Recount]) time.Duration { return 30 * time.Minute }

func (w *recountWorker) Work(ctx context.Context, job *river.Job[deadline.Recount]) error {
	moved, err := w.desk.Recount(ctx, job.Args.Year)
	if err == nil {
		w.log.InfoContext(ctx, "deadlines moved with a list of holidays", "year", job.Args.Year, "cases", moved)
	}
	return err
}
