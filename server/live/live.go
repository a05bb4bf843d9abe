// Package live is the socket of the screens: positions and events, which share
// a connection and nothing else. docs/protocol.md §2 is its specification.
//
// Positions are state. Screens that may see the same sit in one room; each
// tick the room closes a state, frames once what changed, and wakes its
// screens. A screen that was too slow takes what leads from the state it knows
// to the newest (see room): fewer frames, never older ones, and never without
// the last position of anybody.
//
// Events are a record. One goroutine per region reads the journal after the
// number it has handed out, whenever somebody rings and every few seconds
// because rings get lost, and puts each entry, masked and framed once, into the
// queues of the screens that may see it. The rest become ranges of numbers to
// skip. A queue is bounded in bytes; a screen that lets it run full is closed
// with a code and resumes by number.
//
// A screen joins without a gap: it subscribes first, then is told everything up
// to where the subscription began, then what has come since.
//
// Scope and masks are applied before a byte is written. What a screen may see
// is fixed while it is open: when its credential ends or its audience changes it
// is closed and comes again.
package live

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/board"
	"github.com/gridward/gridward/server/journal"
	"github.com/gridward/gridward/server/telemetry"
)

// Protocol is the WebSocket subprotocol that we speak.
const Protocol = "gridward.1"

// Head is where a region's journal stands.
type Head struct {
	Seq   int64
	Epoch string
	Path  string // the region's own organisation
}

// Deps are what the rooms are built from. Fields without a remark are required.
type Deps struct {
	Board        *board.Board
	Journal      func(ctx context.Context, region, after int64, limit int) ([]journal.Entry, error)
	Heads        func(ctx context.Context) (map[int64]Head, error)
	Authenticate func(*http.Request) (access.Session, error)
	// Watch calls gone when the credential ends, until stop is called. Optional.
	Watch   func(credential int64, gone func()) (stop func())
	Address func(*http.Request) string // the client's, as far as proxies can be trusted; optional
	Origins []string                   // further origins that may connect, besides our own
	Metrics *telemetry.Telemetry       // optional
	Log     *slog.Logger               // optional
	Clock   func() time.Time           // optional
	Version string

	Tick          time.Duration // of the rooms; default 1 s
	Poll          time.Duration // of the journals; default 2 s
	MaxScreens    int           // default 5,000
	MaxPerAddress int           // default 200: a command hall may sit behind one address
	MaxQueue      int           // bytes of events a screen may be behind; default 1 MiB
}

// Live is an http.Handler for the socket. Run must run beside it.
type Live struct {
	Deps
	origins map[string]bool
	buffers sync.Pool // of writers: a screen that says nothing holds none

	ready chan struct{} // closed by the first look at the journals

	mu        sync.Mutex
	leaving   bool
	regions   map[int64]*region
	halls     map[string]*hall
	screens   map[*screen]struct{}
	addresses map[string]int
	routes    map[string][]*hall // by organisation path; made anew when halls come or go

	wait  sync.WaitGroup
	leave context.Context // ends when Run does
	stop  context.CancelFunc
}

// New makes the rooms. Nothing runs and nobody is let in until Run.
func New(d Deps) *Live {
	if d.Clock == nil {
		d.Clock = time.Now
	}
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	if d.Address == nil {
		d.Address = func(r *http.Request) string {
			host, _, err := net.SplitHostPort(r.RemoteAddr)
			if err != nil {
				return r.RemoteAddr
			}
			return host
		}
	}
	if d.Watch == nil {
		d.Watch = func(int64, func()) func() { return func() {} }
	}
	set(&d.Tick, time.Second)
	set(&d.Poll, 2*time.Second)
	set(&d.MaxScreens, 5000)
	set(&d.MaxPerAddress, 200)
	set(&d.MaxQueue, 1<<20)
	l := &Live{
		Deps: d, origins: map[string]bool{}, regions: map[int64]*region{}, halls: map[string]*hall{},
		ready: make(chan struct{}), screens: map[*screen]struct{}{}, addresses: map[string]int{}, routes: map[string][]*hall{},
	}
	l.leave, l.stop = context.WithCancel(context.Background())
	for _, o := range d.Origins {
		l.origins[o] = true
	}
	return l
}

func set[T int | time.Duration](v *T, to T) {
	if *v <= 0 {
		*v = to
	}
}

// Ring says that the region's journal has reached seq. It never blocks.
func (l *Live) Ring(region, seq int64) {
	l.mu.Lock()
	r := l.regions[region]
	l.mu.Unlock()
	if r == nil {
		return // the next look finds it
	}
	r.mu.Lock()
	news := seq > r.known
	r.mu.Unlock()
	if news {
		r.rouse()
	}
}

// Run turns the rooms and reads the journals until ctx ends, then tells every
// screen that the server is leaving and returns when the last is gone.
func (l *Live) Run(ctx context.Context) error {
	defer l.farewell()
	tick := time.NewTicker(l.Tick)
	defer tick.Stop()
	l.wait.Go(func() { l.watch(ctx) })
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			l.turn(l.Clock())
		}
	}
}

// watch looks at the journals every poll. It stands beside the turning rooms
// because positions go on while the database is away. Nobody is let in before
// the first look.
func (l *Live) watch(ctx context.Context) {
	poll := time.NewTicker(l.Poll)
	defer poll.Stop()
	var once sync.Once
	away := false
	for {
		switch err := l.look(ctx); {
		case err == nil:
			away = false
			once.Do(func() { close(l.ready) })
		case !away && ctx.Err() == nil:
			l.Log.Warn("the journals cannot be looked at", "error", err)
			away = true
		}
		select {
		case <-ctx.Done():
			return
		case <-poll.C:
		}
	}
}

// farewell closes every screen and waits for it.
func (l *Live) farewell() {
	l.mu.Lock()
	l.leaving = true
	screens := make([]*screen, 0, len(l.screens))
	for s := range l.screens {
		screens = append(screens, s)
	}
	l.mu.Unlock()
	for _, s := range screens {
		s.fail(closeLeaving)
	}
	l.stop()
	l.wait.Wait()
}

// turn takes what changed on the board, closes the rooms' states, and wakes
// those who have something new to see.
func (l *Live) turn(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.halls) == 0 {
		l.Board.Drain(now, func(board.Change) {})
		return
	}
	var changes []change
	l.Board.Drain(now, func(c board.Change) { changes = append(changes, keep(c, now)) })
	l.spread(changes)
	for _, h := range l.halls {
		h.rooms(func(r room) {
			if r.cut(now) {
				for s := range h.seats[r] {
					s.wake()
				}
			}
		})
	}
}

func keep(c board.Change, now time.Time) change {
	return change{mark: c.Mark, gone: c.Gone, was: c.Was, entry: *c.Entry, state: c.Entry.Presence(now)}
}

// spread gives each change to the rooms that it concerns. l.mu is held.
func (l *Live) spread(changes []change) {
	for i := range changes {
		c := &changes[i]
		for _, h := range l.route(c.entry.OrgPath) {
			h.rooms(func(r room) { r.take(c) })
		}
		if c.was != "" && c.was != c.entry.OrgPath {
			for _, h := range l.route(c.was) {
				h.rooms(func(r room) { r.take(c) })
			}
		}
	}
}

// route returns the halls that see the organisation.
func (l *Live) route(path string) []*hall {
	if list, ok := l.routes[path]; ok {
		return list
	}
	var list []*hall
	for _, h := range l.halls {
		if access.Within(h.scope, path) {
			list = append(list, h)
		}
	}
	l.routes[path] = list
	return list
}

// Screens is how many sockets are open.
func (l *Live) Screens() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.screens)
}
