package uplink

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/gridward/gridward/server/postgres"
)

const (
	inDanger  = 3 * time.Second // how often a phone is asked to report while its owner calls for help
	askAgain  = time.Minute     // an app that is told through its settings is told again so often
	lookBack  = 48 * time.Hour  // so long ago a call may have ended for the app still to hold its interval
	mostAsked = 100_000         // devices that are remembered; then it starts anew
)

// request is what a device is asked to do.
type request struct {
	every time.Duration // how often to take a fix
	tell  bool          // an app that keeps settings is told now
	dense bool
	at    time.Time
}

// asked remembers what each app was last told, so that its settings are set
// when they change and not with every fix.
type asked struct {
	mu sync.Mutex
	of map[int64]request // by device
}

// ask decides how often the visitor should report: every three seconds while
// his worker calls for help, and as he is registered otherwise.
func (u *Uplink) ask(ctx context.Context, v *visit) request {
	dev := v.who.dev
	r := request{every: dev.Interval, at: u.d.Clock()}
	if u.d.Calling(dev.Worker) {
		r.every, r.dense = min(inDanger, dev.Interval), true
	}
	if v.protocol != "owntracks" {
		return r
	}
	u.asked.mu.Lock()
	last, known := u.asked.of[dev.ID]
	u.asked.mu.Unlock()
	switch {
	case r.dense:
		r.tell = !last.dense || r.at.Sub(last.at) >= askAgain
	case known:
		r.tell = last.dense
	default:
		// Another process may have told it: one look, the first time that it comes.
		s, over, err := postgres.SOSOver(ctx, u.d.DB.Pool, dev.Worker, r.at.Add(-lookBack))
		if err != nil {
			return r
		}
		r.tell = over && s.ClosedAt != nil
	}
	if known && !r.tell {
		return r
	}
	u.asked.mu.Lock()
	defer u.asked.mu.Unlock()
	if len(u.asked.of) >= mostAsked {
		clear(u.asked.of)
	}
	u.asked.of[dev.ID] = r
	return r
}

// owntracks is the answer to an OwnTracks message: nothing, or the command that
// sets the app's interval. An app obeys it when its owner allows remote
// commands (cmd and remoteConfiguration); its monitoring mode stays his.
func (r request) owntracks() []byte {
	if !r.tell {
		return []byte("[]")
	}
	return []byte(`[{"_type":"cmd","action":"setConfiguration","configuration":{"_type":"configuration","locatorInterval":` + strconv.Itoa(int(r.every/time.Second)) + `}}]`)
}
