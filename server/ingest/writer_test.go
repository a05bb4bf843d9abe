package ingest

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/gridward/gridward/server/fleet"
)

func jobOf(fixes int) *job {
	return &job{fixes: make([]fleet.Fix, fixes), done: make(chan struct{})}
}

// runWriter runs a writer whose commits take took, and returns where to put
// jobs, and the rows and time of each commit so far.
func runWriter(t *testing.T, rows int, took time.Duration) (put func(*job), commits func() []int, stop func()) {
	var sizes []int
	in := make(chan *job, 100)
	w := &writer{in: in, rows: rows, linger: 2 * time.Millisecond, commit: func(jobs []*job) {
		time.Sleep(took) // fake time
		n := 0
		for _, j := range jobs {
			n += len(j.fixes)
			j.finish()
		}
		sizes = append(sizes, n)
	}}
	done := make(chan struct{})
	go func() { w.run(); close(done) }()
	return func(j *job) { in <- j }, func() []int { synctest.Wait(); return sizes }, func() { close(in); <-done }
}

func TestALoneFixWaitsForCompanyOnlyShortly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		put, commits, stop := runWriter(t, 1000, 0)
		defer stop()
		began := time.Now()
		j := jobOf(1)
		put(j)
		<-j.done
		if waited := time.Since(began); waited != 2*time.Millisecond {
			t.Errorf("waited %v", waited)
		}
		if got := commits(); len(got) != 1 {
			t.Errorf("commits of %v", got)
		}
	})
}

func TestAFullCommitDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		put, _, stop := runWriter(t, 100, 0)
		defer stop()
		began := time.Now()
		j := jobOf(100)
		put(j)
		<-j.done
		if waited := time.Since(began); waited != 0 {
			t.Errorf("waited %v", waited)
		}
	})
}

func TestWhileOneCommitRunsTheNextFills(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		put, commits, stop := runWriter(t, 1000, 50*time.Millisecond)
		put(jobOf(1))
		time.Sleep(10 * time.Millisecond) // the first commit is under way
		for range 30 {
			put(jobOf(10))
			time.Sleep(time.Millisecond)
		}
		stop()
		if got := commits(); len(got) != 2 || got[1] != 300 {
			t.Errorf("commits of %v, want the second to hold all that came meanwhile", got)
		}
	})
}

func TestStoppingCommitsWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		put, commits, stop := runWriter(t, 10, time.Millisecond)
		var jobs []*job
		for range 25 {
			j := jobOf(1)
			jobs = append(jobs, j)
			put(j)
		}
		stop()
		for _, j := range jobs {
			<-j.done
		}
		n := 0
		for _, rows := range commits() {
			n += rows
			if rows > 10 {
				t.Errorf("a commit of %d rows", rows)
			}
		}
		if n != 25 {
			t.Errorf("%d rows were committed", n)
		}
	})
}
