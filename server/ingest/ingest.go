// Package ingest takes fixes in.
//
// The path of a batch: datum to WGS-84, once, here; the flags that a fix alone
// can show; the grid that holds it; then a bounded queue to one of two writers,
// always the same one for the same worker. A writer gathers what waits, or what
// comes within milliseconds, and commits it as one transaction: duty is decided
// there, against the sessions as they are on disk, then the fixes go in, then
// the newest plausible one of each worker, his stay in a grid, and what his
// device told about itself. Only after the commit does Accept return, and do
// the fixes go on to the board.
//
// What this package promises:
//   - nothing is acknowledged that is not on disk;
//   - the same fix again, in any order, changes nothing;
//   - a flag never deletes a fix, and a late or implausible fix never moves the
//     marker backwards or astray;
//   - off duty, only a count is kept; an SOS passes every filter;
//   - when the queue is full or the database away, the answer is fault.Busy and
//     nothing of the request is half kept;
//   - one request that the database refuses fails alone: the others of its
//     commit are stored, it goes to quarantine.
package ingest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/geo/fence"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/fleet"
	"github.com/gridward/gridward/server/postgres"
)

// Deps are what ingest needs of the house. Funcs that are nil do nothing.
type Deps struct {
	DB      *postgres.DB
	Clock   func() time.Time
	Placed  func(fixes []fleet.Fix)                                        // after commit: fixes that moved a marker
	SOS     func(ctx context.Context, tx pgx.Tx, f fleet.Fix) error        // in the transaction: a call for help; its Point is NaN when no place is known
	Journal func(ctx context.Context, tx pgx.Tx, turn postgres.Turn) error // in the transaction, last: a session began or ended
	Turned  func(turns []postgres.Turn)                                    // after commit
	Log     func(msg string, args ...any)                                  // what an operator should know
	Metrics Metrics
	Limits  Limits
}

// Metrics is where ingest counts. Funcs that are nil do nothing.
type Metrics struct {
	Outcome func(protocol, outcome string, n int) // stored, duplicate, late, off_duty, quarantined, busy
	Commit  func(took time.Duration, rows int)
	Queue   func(rows int)
}

// Limits bound the queue and shape the commits. Zero fields take the default.
type Limits struct {
	Writers   int           // 2
	QueueRows int           // 40,000 fixes wait at most
	BatchRows int           // 4,000 fixes in a commit at most
	Linger    time.Duration // 2 ms: how long a small commit waits for company
}

func (l Limits) withDefaults() Limits {
	if l.Writers == 0 {
		l.Writers = 2
	}
	if l.QueueRows == 0 {
		l.QueueRows = 40_000
	}
	if l.BatchRows == 0 {
		l.BatchRows = 4_000
	}
	if l.Linger == 0 {
		l.Linger = 2 * time.Millisecond
	}
	return l
}

// Batch is what one request brought from one device.
type Batch struct {
	Protocol string
	Source   fleet.Source
	Client   string
	Sessions []fleet.DutyReport
	Reports  []fleet.Report
	Refuse   func(reason fleet.Reason, detail string) postgres.Held // how to keep the request if the database refuses it; nil = not kept
}

// Receipt says what became of a batch. All of it is on disk.
type Receipt struct {
	Stored      int
	Duplicate   int
	OffDuty     int
	Late        int
	Quarantined int
}

// ground is the territory as ingest knows it.
type ground struct {
	fence *fence.Fence
	index map[int64]int // grid id → index in the fence
	box   orb.Bound     // of the territory and 50 km around; empty = nothing is out of region
	epoch int64         // of the territory that it was read from; 0 = it is never read again
}

// Ingest takes fixes in. Make it with New, start it with Run.
type Ingest struct {
	d       Deps
	ground  atomic.Pointer[ground]
	days    atomic.Pointer[map[int64]bool] // UTC days that have a partition
	queued  atomic.Int64                   // fixes that wait
	writers []*writer
	open    sync.RWMutex // held shared while a job is put into a queue
	closed  bool
	calls   calls
}

// New makes an Ingest without a fence; every fix is then in no grid.
func New(d Deps) *Ingest {
	d.Limits = d.Limits.withDefaults()
	if d.Clock == nil {
		d.Clock = time.Now
	}
	if d.Log == nil {
		d.Log = func(string, ...any) {}
	}
	in := &Ingest{d: d}
	in.ground.Store(&ground{})
	none := map[int64]bool{}
	in.days.Store(&none)
	in.calls.of = map[int64]noted{}
	for range d.Limits.Writers {
		c := &committer{in: in, moved: map[int64]*mover{}, seen: map[int64]int{}, offDuty: map[postgres.OffDuty]int64{}, late: map[workerDay]time.Time{}, past: map[postgres.PatrolKey]bool{}}
		in.writers = append(in.writers, &writer{in: make(chan *job, 4096), rows: d.Limits.BatchRows, linger: d.Limits.Linger, commit: c.commit})
	}
	return in
}

// SetFence gives the fence that fixes are located in, for good.
func (in *Ingest) SetFence(f *fence.Fence) { in.SetGround(f, 0) }

// SetGround gives the fence that fixes are located in and the territory's
// epoch that it was read at. It may be called at any time. A commit that finds
// another epoch in the database reads the fence again by itself.
func (in *Ingest) SetGround(f *fence.Fence, epoch int64) {
	g := &ground{fence: f, index: map[int64]int{}, epoch: epoch}
	box := orb.Bound{Min: orb.Point{1, 1}, Max: orb.Point{-1, -1}} // empty
	for i, a := range f.Areas() {
		g.index[a.ID] = i
		if i == 0 {
			box = a.Shape.Bound()
		} else {
			box = box.Union(a.Shape.Bound())
		}
	}
	if len(g.index) > 0 {
		g.box = around(box)
	}
	in.ground.Store(g)
}

// Run works until ctx ends, then commits what waits and returns.
func (in *Ingest) Run(ctx context.Context) error {
	start, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitTimeout)
	defer cancel()
	if err := in.refreshDays(start); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, in.shut)
	defer stop()
	var wg sync.WaitGroup
	for _, w := range in.writers {
		wg.Go(w.run)
	}
	wg.Go(func() {
		// Partitions are made by the nightly job, here or on another node.
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(10 * time.Minute):
				if err := in.refreshDays(ctx); err != nil && ctx.Err() == nil {
					in.d.Log("ingest: list the partitions", "err", err)
				}
			}
		}
	})
	wg.Wait()
	return nil
}

// shut lets no job in any more; the writers end when their queues are empty.
func (in *Ingest) shut() {
	in.open.Lock()
	defer in.open.Unlock()
	if !in.closed {
		in.closed = true
		for _, w := range in.writers {
			close(w.in)
		}
	}
}

func (in *Ingest) refreshDays(ctx context.Context) error {
	days, err := postgres.FixDays(ctx, in.d.DB.Pool)
	if err != nil {
		return err
	}
	in.days.Store(&days)
	return nil
}

// Accept takes a batch in and returns when it is committed. fault.Busy means
// that nothing of it was kept and the client should send it again.
func (in *Ingest) Accept(ctx context.Context, dev fleet.Device, b Batch) (Receipt, error) {
	j := in.prepare(dev, b)
	if err := in.enqueue(j); err != nil {
		in.count(b.Protocol, "busy", len(b.Reports))
		return Receipt{}, err
	}
	select {
	case <-j.done:
	case <-ctx.Done():
		return Receipt{}, fmt.Errorf("the client left before its fixes were on disk: %w", ctx.Err())
	}
	r, err := j.receipt, j.err
	if err != nil {
		in.count(b.Protocol, "busy", len(b.Reports))
		return Receipt{}, err
	}
	in.count(b.Protocol, "stored", r.Stored)
	in.count(b.Protocol, "duplicate", r.Duplicate)
	in.count(b.Protocol, "late", r.Late)
	in.count(b.Protocol, "off_duty", r.OffDuty)
	in.count(b.Protocol, "quarantined", r.Quarantined)
	return r, nil
}

func (in *Ingest) count(protocol, outcome string, n int) {
	if n > 0 && in.d.Metrics.Outcome != nil {
		in.d.Metrics.Outcome(protocol, outcome, n)
	}
}

// busy is the answer that costs a client nothing but a wait.
func busy(cause error) error {
	return fault.Because(cause, fault.Busy, "服务繁忙，请稍后重发")
}

func (in *Ingest) enqueue(j *job) error {
	in.open.RLock()
	defer in.open.RUnlock()
	if in.closed {
		return busy(nil)
	}
	n := int64(j.weight())
	if in.queued.Add(n) > int64(in.d.Limits.QueueRows) {
		in.queued.Add(-n)
		return busy(nil)
	}
	j.release = func() { in.queue(in.queued.Add(-n)) }
	select {
	case in.writers[uint64(j.dev.Worker)%uint64(len(in.writers))].in <- j:
		in.queue(in.queued.Load())
		return nil
	default:
		in.queued.Add(-n)
		return busy(nil)
	}
}

func (in *Ingest) queue(rows int64) {
	if in.d.Metrics.Queue != nil {
		in.d.Metrics.Queue(int(rows))
	}
}
