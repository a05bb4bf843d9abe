package timekeeper

import (
	"context"
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
