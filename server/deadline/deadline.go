// Package deadline sets a "wake me at" inside a transaction: the job is there
// if and only if the change that asked for it is. It only inserts; timekeeper
// works the jobs.
package deadline

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
)

// SOS asks for a call for help to be opened: a device sent one with a fix.
type SOS struct {
	Region int64      `json:"region"`
	Worker int64      `json:"worker"`
	Device int64      `json:"device"`
	At     time.Time  `json:"at"`
	Point  *orb.Point `json:"point,omitempty"`
}

// Kind names the job in the queue; it may not change while jobs are waiting.
func (SOS) Kind() string { return "sos" }

// InsertOpts puts an SOS before everything else, and tries for days: a call
// for help is never dropped because the database was away.
func (SOS) InsertOpts() river.InsertOpts { return river.InsertOpts{Priority: 1, MaxAttempts: 40} }

// Case asks to look at a case again when its state may have lasted long enough:
// a suspension's review, a rating that nobody gave, the archive. It does
// nothing when the case has left the state since.
type Case struct {
	Incident uuid.UUID `json:"incident"`
	State    string    `json:"state"`
	Since    time.Time `json:"since"`
}

// Kind names the job in the queue.
func (Case) Kind() string { return "case" }

// InsertOpts tries for days: a case left behind is a case nobody sees.
func (Case) InsertOpts() river.InsertOpts { return river.InsertOpts{Priority: 3, MaxAttempts: 40} }

// Unacked looks, a minute after a call for help, whether somebody has taken it.
type Unacked struct {
	SOS uuid.UUID `json:"sos"`
}

// Kind names the job in the queue; it may not change while jobs are waiting.
func (Unacked) Kind() string { return "sos_unacked" }

// InsertOpts puts it beside the calls themselves.
func (Unacked) InsertOpts() river.InsertOpts { return river.InsertOpts{Priority: 1, MaxAttempts: 10} }

// Insert queues the job in tx; it runs as soon as tx commits.
func Insert(ctx context.Context, tx pgx.Tx, job river.JobArgs) error {
	return insert(ctx, tx, job, time.Time{})
}

// InsertAt queues the job in tx, to run at the instant.
func InsertAt(ctx context.Context, tx pgx.Tx, job river.JobArgs, at time.Time) error {
	return insert(ctx, tx, job, at)
}

func insert(ctx context.Context, tx pgx.Tx, job river.JobArgs, at time.Time) error {
	client, err := river.NewClient(riverpgxv5.New(nil), &river.Config{})
	if err != nil {
		return fmt.Errorf("set the deadline %s: %w", job.Kind(), err)
	}
	if _, err := client.InsertTx(ctx, tx, job, &river.InsertOpts{ScheduledAt: at}); err != nil {
		return fmt.Errorf("set the deadline %s: %w", job.Kind(), err)
	}
	return nil
}
