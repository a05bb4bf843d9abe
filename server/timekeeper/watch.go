package timekeeper

import (
	"context"
	"log/slog"
	"time"

	"github.com/riverqueue/river"

	"github.com/gridward/gridward/server/deadline"
	"github.com/gridward/gridward/server/desk"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/protocol/alarmhook"
)

// watchJobs are those of the watch: calls for help that nobody takes, and
// devices of which nothing is heard.
func watchJobs(workers *river.Workers, d Deps) []*river.PeriodicJob {
	river.AddWorker(workers, &unackedWorker{desk: d.Desk})
	river.AddWorker(workers, &roundWorker{desk: d.Desk, db: d.DB, log: d.Log})
	return []*river.PeriodicJob{river.NewPeriodicJob(river.PeriodicInterval(30*time.Second), func() (river.JobArgs, *river.InsertOpts) {
		return deviceRound{}, &river.InsertOpts{UniqueOpts: river.UniqueOpts{ByPeriod: 30 * time.Second}, MaxAttempts: 3}
	}, &river.PeriodicJobOpts{RunOnStart: true})}
}

type unackedWorker struct {
	river.WorkerDefaults[deadline.Unacked]
	desk *desk.Desk
}

func (w *unackedWorker) Work(ctx context.Context, job *river.Job[deadline.Unacked]) error {
	return w.desk.TellUnacked(ctx, job.Args.SOS)
}

// deviceRound looks which alarm devices have fallen silent, and forgets the
// messages that need not be known again.
type deviceRound struct{}

// Kind names the job in the queue.
func (deviceRound) Kind() string { return "alarm_device_round" }

type roundWorker struct {
	river.WorkerDefaults[deviceRound]
	desk *desk.Desk
	db   *postgres.DB
	log  *slog.Logger
}

func (w *roundWorker) Work(ctx context.Context, _ *river.Job[deviceRound]) error {
	n, err := w.desk.TellSilent(ctx)
	if err != nil {
		return err
	}
	if n > 0 {
		w.log.InfoContext(ctx, "alarm devices are silent", "devices", n)
	}
	now := time.Now()
	return postgres.ForgetMessages(ctx, w.db.Pool, now.Add(-2*alarmhook.Skew-time.Minute), now.Add(-7*24*time.Hour))
}
