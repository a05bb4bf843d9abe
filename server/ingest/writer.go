package ingest

import (
	"time"

	"github.com/gridward/gridward/server/fleet"
)

// job is a batch on its way through a writer.
type job struct {
	ground  *ground // that its fixes were located on
	dev     fleet.Device
	batch   Batch
	at      time.Time   // when it was received
	fixes   []fleet.Fix // converted, flagged and located, in order of time
	lone    []fleet.Report
	release func() // gives its place in the queue back
	done    chan struct{}
	receipt Receipt
	err     error
}

// weight is what the job takes up in the queue.
func (j *job) weight() int { return max(1, len(j.fixes)+len(j.batch.Sessions)) }

// finish answers the job.
func (j *job) finish() {
	if j.release != nil {
		j.release()
	}
	close(j.done)
}

// writer gathers jobs and commits them together: while one commit runs, the
// next one fills. commit answers every job that it is given.
type writer struct {
	in     chan *job
	rows   int
	linger time.Duration
	commit func([]*job)
}

// company is how many jobs make a commit worth while: with so many together,
// waiting for more costs their senders more than it saves.
const company = 16

// run works until its queue is closed and empty.
func (w *writer) run() {
	var jobs []*job
	for first := range w.in {
		jobs = w.gather(append(jobs[:0], first))
		w.commit(jobs)
		clear(jobs)
	}
}

// gather adds to the first job what waits already and what comes within the
// linger, until the commit is full or in good company.
func (w *writer) gather(jobs []*job) []*job {
	rows := jobs[0].weight()
	var late <-chan time.Time
	for rows < w.rows {
		select {
		case j, ok := <-w.in:
			if !ok {
				return jobs
			}
			jobs = append(jobs, j)
			rows += j.weight()
			continue
		default:
		}
		if len(jobs) >= company {
			return jobs
		}
		if late == nil {
			t := time.NewTimer(w.linger)
			defer t.Stop()
			late = t.C
		}
		select {
		case j, ok := <-w.in:
			if !ok {
				return jobs
			}
			jobs = append(jobs, j)
			rows += j.weight()
		case <-late:
			return jobs
		}
	}
	return jobs
}
