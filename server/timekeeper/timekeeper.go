// Package timekeeper works the jobs that were set inside transactions
// (deadline) and those that come round by the clock: partitions made and
// dropped, duty sessions closed after long silence. Jobs live in the database:
// whichever node is there does them, one leader sets the clock, and a job that
// fails is tried again.
package timekeeper

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/gridward/gridward/server/deadline"
	"github.com/gridward/gridward/server/desk"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/postgres"
)

// Deps is what jobs need.
type Deps struct {
	DB   *postgres.DB
	Desk *desk.Desk
	Log  *slog.Logger
	Keep postgres.Retention // how long tracks stay; zero fields are the defaults
	// CloseSessions ends duty sessions that have been silent for long and says
	// how many. It runs every minute; nil leaves it out.
	CloseSessions func(ctx context.Context) (int, error)
	// Called is told after an SOS from a device was opened or found open; it may be nil.
	Called func(postgres.SOS)
}

// Keeper works jobs while it runs.
type Keeper struct {
	client *river.Client[pgx.Tx]
	log    *slog.Logger
}

// New makes a keeper. Run starts it.
func New(d Deps) (*Keeper, error) {
	if d.Log == nil {
		d.Log = slog.Default()
	}
	if d.Called == nil {
		d.Called = func(postgres.SOS) {}
	}
	d.Keep.Raw, d.Keep.Track = cmp.Or(d.Keep.Raw, postgres.RawDays), cmp.Or(d.Keep.Track, postgres.KeepDays)
	workers := river.NewWorkers()
	river.AddWorker(workers, &sosWorker{desk: d.Desk, called: d.Called})
	river.AddWorker(workers, &caseWorker{desk: d.Desk})
	river.AddWorker(workers, &clockWorker{desk: d.Desk})
	river.AddWorker(workers, &recountWorker{desk: d.Desk, log: d.Log})
	river.AddWorker(workers, &partitionWorker{db: d.DB, keep: d.Keep, log: d.Log})
	river.AddWorker(workers, &silenceWorker{close: d.CloseSessions, log: d.Log})
	once := river.UniqueOpts{ByPeriod: time.Minute}
	periodic := []*river.PeriodicJob{
		river.NewPeriodicJob(river.PeriodicInterval(6*time.Hour), func() (river.JobArgs, *river.InsertOpts) {
			return partitions{}, &river.InsertOpts{UniqueOpts: once}
		}, &river.PeriodicJobOpts{RunOnStart: true}),
	}
	if d.CloseSessions != nil {
		periodic = append(periodic, river.NewPeriodicJob(river.PeriodicInterval(time.Minute), func() (river.JobArgs, *river.InsertOpts) {
			return silence{}, &river.InsertOpts{UniqueOpts: once, MaxAttempts: 3}
		}, &river.PeriodicJobOpts{RunOnStart: true}))
	}
	periodic = append(periodic, watchJobs(workers, d)...)
	periodic = append(periodic, lateJobs(workers, d)...)
	periodic = append(periodic, trailJobs(workers, d)...)
	periodic = append(periodic, patrolJobs(workers, d)...)
	periodic = append(periodic, doubtJobs(workers, d)...)
	client, err := river.NewClient(riverpgxv5.New(d.DB.Pool), &river.Config{
		Queues:       map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 4}},
		Workers:      workers,
		PeriodicJobs: periodic,
		Logger:       slog.New(quiet{d.Log.Handler()}),
		// The serving role may not reindex; River's indexes are small and its rows short-lived.
		ReindexerSchedule:           never{},
		FetchCooldown:               50 * time.Millisecond, // an SOS waits for nothing else
		FetchPollInterval:           time.Second,
		JobTimeout:                  2 * time.Minute,
		CompletedJobRetentionPeriod: time.Hour,
	})
	if err != nil {
		return nil, fmt.Errorf("make the timekeeper: %w", err)
	}
	return &Keeper{client: client, log: d.Log}, nil
}

// Run works jobs until ctx ends, then lets those that run finish.
func (k *Keeper) Run(ctx context.Context) error {
	if err := k.client.Start(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("start the timekeeper: %w", err)
	}
	<-ctx.Done()
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := k.client.Stop(stop); err != nil {
		hard, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if err := k.client.StopAndCancel(hard); err != nil {
			return fmt.Errorf("stop the timekeeper: %w", err)
		}
	}
	return nil
}

// never is the schedule of what is not done.
type never struct{}

func (never) Next(now time.Time) time.Time { return now.AddDate(100, 0, 0) }

// quiet drops River's chatter about starting and stopping.
type quiet struct{ slog.Handler }

func (q quiet) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && q.Handler.Enabled(ctx, level)
}

type sosWorker struct {
	river.WorkerDefaults[deadline.SOS]
	desk   *desk.Desk
	called func(postgres.SOS)
}

// NextRetry tries again soon, and again for as long as it takes.
func (*sosWorker) NextRetry(job *river.Job[deadline.SOS]) time.Time {
	return time.Now().Add(min(time.Duration(job.Attempt)*2*time.Second, 10*time.Minute))
}

func (w *sosWorker) Work(ctx context.Context, job *river.Job[deadline.SOS]) error {
	a := job.Args
	s, err := w.desk.OpenSOS(ctx, desk.SOSCall{Worker: a.Worker, Device: a.Device, At: a.At, Point: a.Point})
	if fault.Is(err, fault.Missing) {
		return river.JobCancel(err) // the worker is gone: trying again changes nothing
	}
	if err == nil {
		w.called(s)
	}
	return err
}

type caseWorker struct {
	river.WorkerDefaults[deadline.Case]
	desk *desk.Desk
}

// Work wakes the case; one that is gone or that refuses is not asked again.
func (w *caseWorker) Work(ctx context.Context, job *river.Job[deadline.Case]) error {
	err := w.desk.Wake(ctx, job.Args.Incident, incident.State(job.Args.State), job.Args.Since)
	if fault.Is(err, fault.Missing) || fault.Is(err, fault.Conflict) {
		return river.JobCancel(err)
	}
	return err
}

// partitions keeps the daily partitions of fix.
type partitions struct{}

// Kind names the job in the queue.
func (partitions) Kind() string { return "fix_partitions" }

type partitionWorker struct {
	river.WorkerDefaults[partitions]
	db   *postgres.DB
	keep postgres.Retention
	log  *slog.Logger
}

// Timeout leaves room for counting a district's days.
func (*partitionWorker) Timeout(*river.Job[partitions]) time.Duration { return 30 * time.Minute }

// Work makes and drops days, and forgets what is past keeping.
func (w *partitionWorker) Work(ctx context.Context, _ *river.Job[partitions]) error {
	made, err := postgres.KeepPartitions(ctx, w.db.Pool, w.keep.Raw)
	if err != nil {
		return err
	}
	dropped, err := postgres.DropPartitions(ctx, w.db, w.keep, time.Now())
	if made > 0 || len(dropped.Days) > 0 {
		w.log.InfoContext(ctx, "partitions of tracks", "made", made, "dropped", dropped.Days)
	}
	if len(dropped.Waiting) > 0 {
		w.log.WarnContext(ctx, "days of tracks stay until all of them is archived", "days", dropped.Waiting)
	}
	if err != nil {
		return err
	}
	_, err = postgres.ForgetTracks(ctx, w.db, w.keep, time.Now())
	return err
}

// silence closes duty sessions that nothing is heard of.
type silence struct{}

// Kind names the job in the queue.
func (silence) Kind() string { return "close_silent_sessions" }

type silenceWorker struct {
	river.WorkerDefaults[silence]
	close func(context.Context) (int, error)
	log   *slog.Logger
}

func (w *silenceWorker) Work(ctx context.Context, _ *river.Job[silence]) error {
	if w.close == nil {
		return nil
	}
	n, err := w.close(ctx)
	if n > 0 {
		w.log.InfoContext(ctx, "duty sessions closed after long silence", "sessions", n)
	}
	return err
}
