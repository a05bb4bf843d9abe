package live

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/gridward/gridward/server/access"
)

const (
	helloWithin = 10 * time.Second
	silence     = 60 * time.Second // nothing heard, not even a pong: gone
	pingEvery   = 25 * time.Second
	beat        = 5 * time.Second // something is said at least this often
	writeWithin = 15 * time.Second
	goodbye     = 2 * time.Second // to write the close and to read the answer
	chatter     = 300             // messages a client may send in ten seconds
)

// closing is why a socket is closed: a code that tells the client what to do.
type closing struct {
	code int
	text string
}

// The close codes of docs/protocol.md §2.3.
var (
	closeGone    = closing{0, ""} // it left by itself
	closeBad     = closing{4400, "not the protocol: reload"}
	closeEnded   = closing{4401, "sign in again"}
	closeMoved   = closing{4403, "scope changed: reconnect without resume"}
	closeSilent  = closing{4408, "silence: reconnect and resume"}
	closeSlow    = closing{4409, "too slow: reconnect and resume"}
	closeLeaving = closing{4412, "leaving: wait 1 to 10 s, reconnect and resume"}
	closeOld     = closing{4426, "old page: reload"}
)

// screen is one socket: a goroutine that reads and one that writes. The writer
// alone touches the fields below its name.
type screen struct {
	live       *Live
	conn       *websocket.Conn
	who        access.Principal
	credential int64
	address    string
	kind       string
	hall       *hall // guarded by live.mu until set, fixed from then on

	news chan struct{} // one slot: there is something to write
	done chan struct{} // closed by fail
	once sync.Once
	why  closing // set before done closes

	mu      sync.Mutex
	queue   []letter // events
	queued  int      // bytes of them
	view    view
	looked  bool // the view is new
	closing bool

	// writer
	room  room
	res   int // of its bins; 0 = points
	seq   uint32
	told  int
	spare []letter
	wrote time.Time
	pings time.Time
}

// wake tells the writer that there is something to write.
func (s *screen) wake() {
	select {
	case s.news <- struct{}{}:
	default:
	}
}

// fail ends the screen for the reason, once. It never blocks.
func (s *screen) fail(why closing) {
	s.once.Do(func() {
		s.why = why
		close(s.done)
		// A writer stuck in the middle of a frame gets a little time for it.
		_ = s.conn.NetConn().SetWriteDeadline(time.Now().Add(goodbye))
	})
}

func (s *screen) failed() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// push queues events. A queue that is full ends the screen: it resumes by number.
func (s *screen) push(letters []letter) {
	s.mu.Lock()
	for _, l := range letters {
		s.queued += l.size
	}
	full := s.queued > s.live.MaxQueue
	if !full {
		s.queue = append(s.queue, letters...)
	}
	s.mu.Unlock()
	if full {
		s.fail(closeSlow)
		return
	}
	s.wake()
}

// run is the screen's life.
func (s *screen) run() {
	l := s.live
	l.Metrics.SocketOpened(s.kind)
	unwatch := func() {}
	if s.credential != 0 {
		unwatch = l.Watch(s.credential, func() { s.fail(closeEnded) })
	}
	hello, silent := make(chan incoming, 1), make(chan struct{})
	l.wait.Go(func() {
		defer close(silent)
		s.read(hello)
	})
	s.write(hello)

	unwatch()
	l.leaveHall(s)
	if s.why.code != 0 {
		if s.why == closeSlow {
			l.Metrics.Dropped()
		}
		_ = s.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(s.why.code, s.why.text), time.Now().Add(goodbye))
	}
	// Read on until the client has answered: closing with unread bytes would
	// reset the connection and take the code with it.
	s.mu.Lock()
	s.closing = true
	_ = s.conn.SetReadDeadline(time.Now().Add(goodbye))
	s.mu.Unlock()
	if s.why.code == 0 {
		_ = s.conn.Close()
	}
	<-silent
	_ = s.conn.Close()
	l.Metrics.SocketClosed(s.kind)
	l.mu.Lock()
	delete(l.screens, s)
	l.mu.Unlock()
	l.release(s.address)
}

// alive notes that something was heard.
func (s *screen) alive(within time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closing {
		_ = s.conn.SetReadDeadline(time.Now().Add(within))
	}
}

// read hears the client until the socket ends.
func (s *screen) read(hello chan<- incoming) {
	s.conn.SetReadLimit(maxMessage)
	s.alive(helloWithin)
	s.conn.SetPongHandler(func(string) error { s.alive(silence); return nil })
	greeted, heard, since := false, 0, time.Now()
	for {
		typ, data, err := s.conn.ReadMessage()
		if err != nil {
			var timeout net.Error
			if errors.As(err, &timeout) && timeout.Timeout() {
				s.fail(closeSilent)
			}
			s.fail(closeGone)
			return
		}
		if s.failed() {
			continue // only its goodbye is of interest
		}
		if now := time.Now(); now.Sub(since) > 10*time.Second {
			heard, since = 0, now
		}
		heard++
		in, err := parse(data)
		if err != nil || typ != websocket.TextMessage || heard > chatter || greeted == (in.Type == "hello") {
			s.fail(closeBad)
			continue
		}
		s.alive(silence)
		switch in.Type {
		case "hello":
			greeted = true
			s.view = *in.View // nobody writes before the hello
			hello <- in
		case "view":
			s.mu.Lock()
			s.view, s.looked = *in.View, true
			s.mu.Unlock()
			s.wake()
		}
	}
}

// write is the writer: the order of a connection, then news until the end.
func (s *screen) write(hello <-chan incoming) {
	var in incoming
	select {
	case <-s.done:
		return
	case in = <-hello:
	}
	s.wrote, s.pings = time.Now(), time.Now()
	if err := s.join(in); err != nil {
		s.fail(closeGone)
		return
	}
	timer := time.NewTimer(beat)
	defer timer.Stop()
	for {
		var err error
		due := false
		select {
		case <-s.done:
			return
		case <-s.news:
		case <-timer.C:
			timer.Reset(beat)
			due = true
		}
		// The ping goes first: a screen that is always behind must be heard too.
		if err = s.ping(); err == nil && due {
			err = s.pulse()
		}
		if err == nil {
			err = s.tell()
		}
		if err != nil {
			s.fail(closeGone)
			return
		}
	}
}

// join is the order of a connection: subscribe, welcome, positions as they
// are, the events missed, live.
func (s *screen) join(in incoming) error {
	starts := s.live.enterHall(s, in.Resume)
	w := welcome{Type: "welcome", At: s.live.Clock().UnixMilli(), Server: s.live.Version, TickMs: s.live.Tick.Milliseconds(),
		Regions: []regionWelcome{}, Mask: uint8(s.hall.mask), Scope: s.hall.scope}
	for _, st := range starts {
		w.Regions = append(w.Regions, regionWelcome{st.region.id, st.epoch, st.seq})
	}
	if err := s.say("events", mustJSON(w)); err != nil {
		return err
	}
	s.mu.Lock()
	s.looked = true
	s.mu.Unlock()
	if err := s.show(); err != nil {
		return err
	}
	for _, st := range starts {
		if err := s.catchUp(st); err != nil {
			return err
		}
	}
	return s.say("events", liveMessage)
}

// catchUp tells the events between the client's cursor and the subscription.
func (s *screen) catchUp(st start) error {
	l := s.live
	l.Metrics.Resync(st.how)
	switch st.how {
	case "fresh":
		return nil
	case "reset":
		return s.say("events", mustJSON(reset{"reset", st.region.id, st.epoch, st.seq, st.reason}))
	}
	for after := st.after; after < st.seq; {
		entries, err := l.Journal(l.leave, st.region.id, after, int(min(batch, st.seq-after)))
		if err != nil || len(entries) == 0 {
			return fmt.Errorf("catch up with region %d after %d: %w", st.region.id, after, err)
		}
		for _, m := range s.hall.letters(st.region.id, entries, after, nil, nil) {
			if err := s.send(m); err != nil {
				return err
			}
		}
		after = entries[len(entries)-1].Seq
	}
	return nil
}

// tell writes the events that wait, then the newest positions.
func (s *screen) tell() error {
	s.mu.Lock()
	letters := s.queue
	s.queue = s.spare[:0]
	s.queued = 0
	s.mu.Unlock()
	for _, m := range letters {
		if err := s.send(m); err != nil {
			return err
		}
	}
	clear(letters)
	if cap(letters) > 256 { // a burst is over
		letters = nil
	}
	s.spare = letters
	return s.show()
}

// show brings the picture up to date: another room when the view asks for it,
// then what leads to the room's newest state.
func (s *screen) show() error {
	s.mu.Lock()
	v, looked := s.view, s.looked
	s.looked = false
	s.mu.Unlock()
	if looked && s.live.seat(s, v) {
		m := modeMessage{"mode", "points", 0}
		if s.res > 0 {
			m.Mode, m.Res = "bins", s.res
		}
		if err := s.say("events", mustJSON(m)); err != nil {
			return err
		}
	}
	d := s.room.next(s.seq, s.told, s.live.Clock())
	for _, m := range d.announce {
		if err := s.send(m); err != nil {
			return err
		}
	}
	if d.frame.frame != nil {
		if err := s.send(d.frame); err != nil {
			return err
		}
		for range d.missed {
			s.live.Metrics.Conflated()
		}
	}
	s.seq, s.told = d.seq, d.told
	return nil
}

// ping asks for a sign of life now and then.
func (s *screen) ping() error {
	now := time.Now()
	if now.Sub(s.pings) < pingEvery {
		return nil
	}
	s.pings = now
	return s.conn.WriteControl(websocket.PingMessage, nil, now.Add(writeWithin))
}

// pulse says something when nothing else was said, and has the view looked at
// again: the number of workers may ask for another mode.
func (s *screen) pulse() error {
	s.mu.Lock()
	s.looked = true
	s.mu.Unlock()
	if time.Since(s.wrote) < beat {
		return nil
	}
	return s.say("events", fmt.Appendf(nil, `{"type":"tick","at":%d}`, s.live.Clock().UnixMilli()))
}

// send writes a shared message.
func (s *screen) send(m letter) error {
	if s.failed() {
		return errProtocol
	}
	s.wrote = time.Now()
	_ = s.conn.SetWriteDeadline(s.wrote.Add(writeWithin))
	s.live.Metrics.Frame(m.kind, m.size, m.count)
	return s.conn.WritePreparedMessage(m.frame)
}

// say writes a message of this screen's own.
func (s *screen) say(kind string, body []byte) error {
	if s.failed() {
		return errProtocol
	}
	s.wrote = time.Now()
	_ = s.conn.SetWriteDeadline(s.wrote.Add(writeWithin))
	s.live.Metrics.Frame(kind, len(body), 0)
	return s.conn.WriteMessage(websocket.TextMessage, body)
}
