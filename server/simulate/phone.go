package simulate

import (
	"errors"
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/paulmach/orb"
)

// Phone is a registered device that the simulator may speak for.
type Phone struct {
	Ident    string
	Token    string
	Protocol string    // native, osmand or owntracks
	Block    string    // code of the grid its worker keeps to; "" = goes anywhere
	Start    orb.Point // where a worker without a block begins; zero = anywhere
	Vehicle  bool
	OnDuty   bool // a duty session that covers it is open already: it starts and ends none
}

// kept is how many fixes a phone holds without an acknowledgement: five and a
// half hours at five seconds. What comes on top is lost, and counted.
const kept = 4000

// purposes of duty, by how often they occur.
var purposes = []string{"patrol", "patrol", "patrol", "patrol", "patrol", "visit", "visit", "visit", "event_task", "window"}

// phone is one Phone at work. Its fields are under mu once the crowd runs.
type phone struct {
	Phone
	mu       sync.Mutex
	walker   *Walker
	rng      *rand.Rand
	moved    time.Time // until when the walker has been advanced
	shiftEnd time.Time // while on duty
	restEnd  time.Time // while off duty
	session  Session   // the present one; zero ID when off duty
	tell     []Session // starts and ends not yet acknowledged
	queue    []Fix     // fixes not yet acknowledged, oldest first
	tunnel   time.Time // no network until then
	retry    time.Time // after a refusal, not before then
	backoff  time.Duration
	sending  bool
	dead     bool // its credential is not good
}

// habits are how a crowd's phones live.
type habits struct {
	batch   int
	shifts  bool
	tunnels bool
}

// begin puts the phone in the middle of an ordinary day.
func (p *phone) begin(now time.Time, h habits) {
	p.moved = now
	if h.shifts && !p.Vehicle && !p.OnDuty && p.rng.Float64() < 0.08 {
		p.restEnd = now.Add(time.Duration(60+p.rng.IntN(1500)) * time.Second)
		return
	}
	p.goOn(now)
	p.shiftEnd = now.Add(time.Duration(20*60+p.rng.IntN(4*3600)) * time.Second)
}

// goOn starts a shift.
func (p *phone) goOn(now time.Time) {
	p.shiftEnd = now.Add(time.Duration(3*3600+p.rng.IntN(2*3600)) * time.Second)
	if p.Vehicle || p.OnDuty {
		return
	}
	p.session = Session{ID: uuid.Must(uuid.NewV7()), Purpose: purposes[p.rng.IntN(len(purposes))], StartedAt: now.Truncate(time.Second)}
	p.tell = append(p.tell, p.session)
}

// goOff ends a shift.
func (p *phone) goOff(now time.Time) {
	p.restEnd = now.Add(time.Duration(15*60+p.rng.IntN(1800)) * time.Second)
	if p.session.ID == uuid.Nil {
		return
	}
	p.session.EndedAt = now.Truncate(time.Millisecond)
	p.tell = append(p.tell, p.session)
	p.session = Session{}
}

// tick lets the phone live until now and make a fix if it has one. It reports
// how many fixes were made and lost, and whether something should be sent.
func (p *phone) tick(now time.Time, h habits) (made, lost int, send bool) {
	if p.dead {
		return 0, 0, false
	}
	gone := now.Sub(p.moved)
	p.walker.Advance(min(gone, 10*time.Minute))
	p.moved = now
	off := p.session.ID == uuid.Nil && !p.Vehicle && !p.OnDuty
	switch {
	case off && now.After(p.restEnd):
		p.goOn(now)
		off = false
	case !off && h.shifts && !p.Vehicle && !p.OnDuty && now.After(p.shiftEnd):
		p.goOff(now)
		off = true
	}
	if !off {
		if r := p.walker.Sample(); r.Seen {
			made = 1
			if len(p.queue) < kept {
				p.queue = append(p.queue, Fix{At: now.Truncate(time.Millisecond), Point: r.Point, Accuracy: r.Accuracy, Speed: r.Speed, Course: r.Course, Altitude: r.Altitude, Battery: r.Battery})
			} else {
				lost = 1
			}
		}
		if h.tunnels && now.After(p.tunnel) && p.rng.Float64() < gone.Seconds()/3000 {
			p.tunnel = now.Add(time.Duration(40+p.rng.IntN(200)) * time.Second)
		}
	}
	ready := len(p.tell) > 0 || len(p.queue) >= h.batch || (off && len(p.queue) > 0)
	return made, lost, ready && !p.sending && now.After(p.tunnel) && !now.Before(p.retry)
}

// next is what one request should carry: the oldest first.
func (p *phone) next() (sessions []Session, fixes []Fix) {
	if p.Protocol == "native" || len(p.tell) == 0 {
		return p.tell[:min(len(p.tell), 20)], p.queue[:min(Most(p.Protocol), len(p.queue))]
	}
	// the batch door takes its sessions, and its fixes go to their own door:
	// a start before them, an end after them
	if len(p.tell) == 1 && !p.tell[0].EndedAt.IsZero() && len(p.queue) > 0 {
		return nil, p.queue[:1]
	}
	return p.tell[:min(len(p.tell), 20)], nil
}

// taken forgets what was acknowledged.
func (p *phone) taken(sessions, fixes int) {
	p.tell = p.tell[min(sessions, len(p.tell)):]
	p.queue = p.queue[min(fixes, len(p.queue)):]
	if len(p.queue) == 0 {
		p.queue = nil
	}
	p.backoff = 0
}

// refused remembers to wait before the same is sent again, or gives up when
// the credential is not good; lost is what it then drops.
func (p *phone) refused(now time.Time, err error) (lost int) {
	var r *Refusal
	if errors.As(err, &r) && r.Final() {
		lost = len(p.queue)
		p.dead, p.queue, p.tell = true, nil, nil
		return lost
	}
	p.backoff = min(30*time.Second, max(time.Second, p.backoff*2))
	wait := p.backoff
	if r != nil && r.After > 0 {
		wait = r.After
	}
	// not all of them at the same instant
	p.retry = now.Add(time.Duration(float64(wait) * (1 + 0.5*p.rng.Float64())))
	return 0
}

// At is where its worker truly is.
func (p *phone) At() orb.Point {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := p.walker.At()
	return orb.Point{math.Round(at[0]*1e7) / 1e7, math.Round(at[1]*1e7) / 1e7}
}
