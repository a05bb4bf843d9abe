package simulate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/paulmach/orb"
)

// Options shape a crowd.
type Options struct {
	Interval time.Duration // how often each phone makes a fix; default 5 s
	Batch    int           // how many fixes it gathers before it sends; default 1
	Senders  int           // requests in flight at most; default one for forty phones, 16 to 256
	Seed     uint64
	Ramp     time.Duration // over how long they come to work; default so that 400 a second do
	Shifts   bool          // they go off duty and come back
	Tunnels  bool          // now and then one is without network and sends late
	Grace    time.Duration // at the end: how long they may take to say that duty is over; default 8 s
}

// Counters are what a crowd has done, each of them a plain count of facts.
type Counters struct {
	Made, Lost                           int64 // fixes that phones made; fixes a full phone dropped
	Sent, Acked                          int64 // fixes in requests, repeats included; fixes acknowledged
	Stored, Duplicate, OffDuty, Rejected int64 // what the receipts said (only the native door says)
	Requests, Repeated                   int64 // requests; of them with something that was sent before
	Busy, Unreachable, Other, Dead       int64 // 503; no answer; other refusals; credentials refused for good
	Behind                               int64 // fixes not acknowledged at the moment
}

// Crowd is many phones on one server. Make it with NewCrowd, start it with Run.
type Crowd struct {
	door   *Door
	o      Options
	phones []*phone
	work   chan *phone

	made, lost, sent, acked, stored, duplicate, offDuty, rejected atomic.Int64
	requests, repeated, busy, unreachable, other, dead            atomic.Int64
	Lateness                                                      Spread // from the making of a fix to the start of its request: what the sender itself adds
	Answer                                                        Spread // from the start of a request to its acknowledgement
}

// NewCrowd gives every phone a walker.
func NewCrowd(door *Door, ground *Ground, phones []Phone, o Options) *Crowd {
	if o.Interval <= 0 {
		o.Interval = 5 * time.Second
	}
	o.Batch = min(max(o.Batch, 1), largestBatch)
	if o.Senders <= 0 {
		o.Senders = Senders(len(phones))
	}
	if o.Ramp <= 0 {
		o.Ramp = time.Duration(len(phones)) * time.Second / 400
	}
	if o.Grace <= 0 {
		o.Grace = 8 * time.Second
	}
	c := &Crowd{door: door, o: o, work: make(chan *phone, len(phones))}
	for i, p := range phones {
		seed := o.Seed*1_000_003 + uint64(i)
		walker := ground.NewWalker(p.Block, p.Vehicle, seed)
		if p.Block == "" && p.Start != (orb.Point{}) {
			walker = ground.NewWalkerAt(p.Start, p.Vehicle, seed)
		}
		c.phones = append(c.phones, &phone{Phone: p, walker: walker, rng: rand.New(rand.NewPCG(seed, 77))})
	}
	return c
}

// Senders is how many requests of so many phones should be in flight at most:
// enough that a slow commit does not hold up the others' fixes.
func Senders(phones int) int { return min(256, max(16, phones/40)) }

// Run lets the crowd live until ctx is done, then lets them end their duty
// and returns. It fails only when no phone's credential is any good.
func (c *Crowd) Run(ctx context.Context) error {
	sendCtx, hangUp := context.WithCancel(context.WithoutCancel(ctx))
	defer hangUp()
	var senders sync.WaitGroup
	for range min(c.o.Senders, max(1, len(c.phones))) {
		senders.Go(func() {
			for p := range c.work {
				c.serve(sendCtx, p)
			}
		})
	}
	c.live(ctx)
	over := time.AfterFunc(c.o.Grace, hangUp)
	defer over.Stop()
	c.goHome()
	close(c.work) // live and goHome were the only ones to send on it
	senders.Wait()
	if n := c.dead.Load(); n > 0 && n == int64(len(c.phones)) {
		return errors.New("none of the phones' credentials is good")
	}
	return nil
}

// live makes fixes on an open-loop schedule: phone i at its phase of every
// interval, whether or not the server keeps up.
func (c *Crowd) live(ctx context.Context) {
	type turn struct {
		p     *phone
		phase time.Duration
		first int // interval in which it comes to work
	}
	turns := make([]turn, len(c.phones))
	rng := rand.New(rand.NewPCG(c.o.Seed, 5))
	cycles := max(1, int(c.o.Ramp/c.o.Interval))
	for i, p := range c.phones {
		turns[i] = turn{p, time.Duration(rng.Int64N(int64(c.o.Interval))), i * cycles / len(c.phones)}
	}
	slices.SortFunc(turns, func(a, b turn) int { return cmp.Compare(a.phase, b.phase) })
	h := habits{batch: c.o.Batch, shifts: c.o.Shifts, tunnels: c.o.Tunnels}
	start := time.Now()
	alarm := time.NewTimer(0)
	defer alarm.Stop()
	for cycle := 0; ctx.Err() == nil; cycle++ {
		if len(turns) == 0 {
			<-ctx.Done()
		}
		for _, t := range turns {
			due := start.Add(time.Duration(cycle)*c.o.Interval + t.phase)
			if wait := time.Until(due); wait > time.Millisecond {
				alarm.Reset(wait)
				select {
				case <-ctx.Done():
					return
				case <-alarm.C:
				}
			}
			if cycle < t.first || ctx.Err() != nil {
				continue
			}
			t.p.mu.Lock()
			now := time.Now()
			if cycle == t.first {
				t.p.begin(now, h)
			}
			c.tick(t.p, now, h)
			t.p.mu.Unlock()
		}
	}
}

// tick runs one phone's tick, with its lock held.
func (c *Crowd) tick(p *phone, now time.Time, h habits) {
	made, lost, send := p.tick(now, h)
	c.made.Add(int64(made))
	c.lost.Add(int64(lost))
	if send {
		c.start(p)
	}
}

// start hands a phone with its lock held to a sender. The channel has room
// for every phone, and a phone is on it once at most.
func (c *Crowd) start(p *phone) {
	p.sending = true
	c.work <- p
}

// serve sends what a phone has until it has nothing left or is refused.
func (c *Crowd) serve(ctx context.Context, p *phone) {
	for {
		p.mu.Lock()
		sessions, fixes := p.next()
		if len(sessions) == 0 && len(fixes) == 0 || p.dead {
			p.sending = false
			p.mu.Unlock()
			return
		}
		again := p.backoff > 0
		p.mu.Unlock()

		began := time.Now()
		if len(fixes) > 0 && !again {
			c.Lateness.Add(began.Sub(fixes[len(fixes)-1].At))
		}
		c.requests.Add(1)
		c.sent.Add(int64(len(fixes)))
		if again {
			c.repeated.Add(1)
		}
		r, err := c.door.Send(ctx, p.Ident, p.Token, p.Protocol, sessions, fixes)
		if err == nil {
			c.Answer.Add(time.Since(began))
			c.acked.Add(int64(len(fixes)))
			c.stored.Add(int64(r.Stored))
			c.duplicate.Add(int64(r.Duplicate))
			c.offDuty.Add(int64(r.OffDuty))
			c.rejected.Add(int64(len(r.Quarantined)))
		} else {
			c.count(err)
		}
		p.mu.Lock()
		if err == nil {
			p.taken(len(sessions), len(fixes))
			p.mu.Unlock()
			continue
		}
		c.lost.Add(int64(p.refused(time.Now(), err)))
		if p.dead {
			c.dead.Add(1)
		}
		p.sending = false
		p.mu.Unlock()
		return
	}
}

func (c *Crowd) count(err error) {
	var r *Refusal
	switch {
	case !errors.As(err, &r) || r.Status == 0:
		c.unreachable.Add(1)
	case r.Status == 503 || r.Status == 429:
		c.busy.Add(1)
	default:
		c.other.Add(1)
	}
}

// goHome ends everybody's duty and sends what is left to send.
func (c *Crowd) goHome() {
	for _, p := range c.phones {
		p.mu.Lock()
		if !p.moved.IsZero() && !p.dead {
			p.goOff(time.Now())
			if !p.sending && (len(p.tell) > 0 || len(p.queue) > 0) {
				c.start(p)
			}
		}
		p.mu.Unlock()
	}
}

// Counters returns what was done so far.
func (c *Crowd) Counters() Counters {
	n := Counters{
		Made: c.made.Load(), Lost: c.lost.Load(), Sent: c.sent.Load(), Acked: c.acked.Load(), Stored: c.stored.Load(), Duplicate: c.duplicate.Load(),
		OffDuty: c.offDuty.Load(), Rejected: c.rejected.Load(), Requests: c.requests.Load(), Repeated: c.repeated.Load(),
		Busy: c.busy.Load(), Unreachable: c.unreachable.Load(), Other: c.other.Load(), Dead: c.dead.Load(),
	}
	n.Behind = n.Made - n.Lost - n.Acked
	return n
}

func (n Counters) String() string {
	s := fmt.Sprintf("fixes made %d, acknowledged %d, waiting %d; requests %d, repeated %d", n.Made, n.Acked, n.Behind, n.Requests, n.Repeated)
	if n.OffDuty+n.Rejected+n.Duplicate > 0 {
		s += fmt.Sprintf("; off duty %d, quarantined %d, duplicate %d", n.OffDuty, n.Rejected, n.Duplicate)
	}
	if n.Busy+n.Unreachable+n.Other+n.Dead+n.Lost > 0 {
		s += fmt.Sprintf("; busy %d, unreachable %d, other refusals %d, credentials refused %d, lost %d", n.Busy, n.Unreachable, n.Other, n.Dead, n.Lost)
	}
	return s
}

// Somewhere returns the true place of a phone picked by chance, and its block.
func (c *Crowd) Somewhere(rng *rand.Rand) (at orb.Point, block string, ok bool) {
	if len(c.phones) == 0 {
		return orb.Point{}, "", false
	}
	p := c.phones[rng.IntN(len(c.phones))]
	return p.At(), p.Block, true
}
