package deadline

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
)

// Clock rings a clock of a case, when a warning is due or the case is. It
// carries the clock's version and does nothing once the clock has moved on.
type Clock struct {
	ID      uuid.UUID `json:"id"`
	Version int32     `json:"version"`
	What    string    `json:"what"` // desk.RingWarn, desk.RingDue
}

// Kind names the job in the queue; it may not change while jobs are waiting.
func (Clock) Kind() string { return "clock" }

// InsertOpts tries for days: a deadline rings once, however late.
func (Clock) InsertOpts() river.InsertOpts { return river.InsertOpts{Priority: 2, MaxAttempts: 40} }

// Recount moves the clocks that stood on days which a list of holidays has
// decided meanwhile.
type Recount struct {
	Year    int   `json:"year"`
	Version int32 `json:"version"`
}

// Kind names the job in the queue; it may not change while jobs are waiting.
func (Recount) Kind() string { return "recount_clocks" }

// InsertOpts lets it go on after a restart.
func (Recount) InsertOpts() river.InsertOpts { return river.InsertOpts{Priority: 2, MaxAttempts: 40} }

// Job is what is to be done, and when.
type Job struct {
	Args river.JobArgs
	At   time.Time
}

// InsertAll queues jobs in tx, each for its instant, in one statement.
func InsertAll(ctx context.Context, tx pgx.Tx, jobs []Job) error {
	if len(jobs) == 0 {
		return nil
	}
	params := make([]river.InsertManyParams, len(jobs))
	for i, j := range jobs {
		params[i] = river.InsertManyParams{Args: j.Args, InsertOpts: &river.InsertOpts{ScheduledAt: j.At}}
	}
	client, err := river.NewClient(riverpgxv5.New(nil), &river.Config{})
	if err != nil {
		return fmt.Errorf("set %d deadlines: %w", len(jobs), err)
	}
	if _, err := client.InsertManyFastTx(ctx, tx, params); err != nil {
		return fmt.Errorf("set %d deadlines: %w", len(jobs), err)
	}
	return nil
}
