package simulate

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/wire"
)

// View is what a screen looks at.
type View struct {
	BBox [4]float64 `json:"bbox"`
	Zoom float64    `json:"zoom"`
	Mode string     `json:"mode"` // auto, points or bins
}

// Everything is a view of every worker as a point.
var Everything = View{BBox: [4]float64{-180, -85, 180, 85}, Zoom: 15, Mode: "points"}

// ScreenOptions say where a screen connects and how.
type ScreenOptions struct {
	Base    string // http(s)://host:port
	Cookie  string // of a session; used until it is refused
	SignIn  func(ctx context.Context) (cookie string, err error)
	View    View // default Everything
	Trust   *tls.Config
	MaxWait time.Duration // longest wait before it connects again; default 30 s
	OnEvent func(Event)   // called in order, under the screen's lock: it must not call the screen
}

// Event is one entry of a region's journal as a screen hears it.
type Event struct {
	Region  int64           `json:"region"`
	Seq     int64           `json:"seq"`
	Kind    string          `json:"kind"`
	Subject string          `json:"subject"`
	Body    json.RawMessage `json:"body"`
}

// Mark is where a worker was last seen.
type Mark struct {
	Worker   int64
	Name     string
	At       time.Time // of the fix
	Point    orb.Point
	Presence uint8
}

// Cursor is how far a screen has heard a region's journal.
type Cursor struct {
	Region int64  `json:"region"`
	Epoch  string `json:"epoch"`
	After  int64  `json:"after"`
}

// ScreenStats count what a screen was told.
type ScreenStats struct {
	Connects, Frames, Points, Bytes, Texts int64
	Events, Skipped, Resets, Jumps         int64
	Closes                                 map[int]int64 // by close code; 0 = the link broke without one
	Live                                   bool
}

// Screen is a client of the live socket that believes nothing: it checks the
// order of everything it hears and keeps a list of what was wrong.
type Screen struct {
	o       ScreenOptions
	Latency Spread // from a fix's own time to its arrival here; only sound where both clocks are one

	mu      sync.Mutex
	stats   ScreenStats
	wrong   []string
	cursors map[int64]*Cursor
	marks   map[uint32]*Mark
	base    time.Time
	seq     uint32
	first   bool // no frame but the snapshot so far on this connection
}

// NewScreen prepares a screen; Run connects it.
func NewScreen(o ScreenOptions) *Screen {
	if o.View.Mode == "" {
		o.View = Everything
	}
	if o.MaxWait <= 0 {
		o.MaxWait = 30 * time.Second
	}
	return &Screen{o: o, cursors: map[int64]*Cursor{}, stats: ScreenStats{Closes: map[int]int64{}}}
}

// Run keeps the screen connected, resuming where it was, until ctx is done or
// the server says something after which a program must not come back.
func (s *Screen) Run(ctx context.Context) error {
	for failures := 0; ; {
		before := s.Stats().Texts
		err := s.connect(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if failures++; s.Stats().Texts > before {
			failures = 0
		}
		wait, final := s.after(ctx, err, failures)
		if final {
			return fmt.Errorf("screen: %w", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(min(wait, s.o.MaxWait)):
		}
	}
}

// after decides what a close or a failure means: docs/protocol.md, 2.3.
func (s *Screen) after(ctx context.Context, err error, failures int) (wait time.Duration, final bool) {
	within := func(lo, hi time.Duration) time.Duration { return lo + rand.N(hi-lo+1) }
	code, again := 0, false
	var closed *Closed
	var refused *Refusal
	switch {
	case errors.As(err, &closed):
		code = closed.Code
	case errors.As(err, &refused) && refused.Status == http.StatusUnauthorized:
		code = 4401
	case errors.As(err, &refused) && refused.After > 0:
		return refused.After, false
	}
	s.mu.Lock()
	s.stats.Closes[code]++
	s.mu.Unlock()
	switch code {
	case 4400, 4426:
		return 0, true
	case 4401:
		if s.o.SignIn == nil {
			return 0, true
		}
		cookie, err := s.o.SignIn(ctx)
		if err == nil {
			s.o.Cookie = cookie
		}
		again = err == nil
	case 4403:
		s.mu.Lock()
		clear(s.cursors)
		s.mu.Unlock()
		again = true
	case 4408, 4409:
		again = true
	case 4412:
		return within(time.Second, 10*time.Second), false
	}
	if again && failures <= 1 {
		return within(0, 300*time.Millisecond), false
	}
	return within(time.Second, min(30*time.Second, time.Second<<min(failures, 5))), false
}

// connect runs one connection to its end.
func (s *Screen) connect(ctx context.Context) error {
	if s.o.Cookie == "" && s.o.SignIn != nil {
		cookie, err := s.o.SignIn(ctx)
		if err != nil {
			return err
		}
		s.o.Cookie = cookie
	}
	link, err := dial(ctx, s.o.Base, s.o.Cookie, s.o.Trust)
	if err != nil {
		return err
	}
	defer link.close()
	stop := context.AfterFunc(ctx, link.close)
	defer stop()
	hello := struct {
		Type   string   `json:"type"`
		Resume []Cursor `json:"resume"`
		View   View     `json:"view"`
	}{"hello", []Cursor{}, s.o.View}
	s.mu.Lock()
	s.stats.Connects++
	s.marks, s.base, s.seq, s.first, s.stats.Live = map[uint32]*Mark{}, time.Time{}, 0, true, false
	for _, c := range s.cursors {
		hello.Resume = append(hello.Resume, *c)
	}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.stats.Live = false
		s.mu.Unlock()
	}()
	text, err := json.Marshal(hello)
	if err != nil {
		return err
	}
	if err := link.write(opText, text); err != nil {
		return err
	}
	spoke := time.Now()
	for {
		binary, msg, err := link.read(60 * time.Second)
		if err != nil {
			return err
		}
		now := time.Now()
		if binary {
			s.frame(msg, now)
		} else if err := s.text(msg); err != nil {
			return err
		}
		if now.Sub(spoke) > 20*time.Second {
			spoke = now
			if err := link.write(opText, []byte(`{"type":"pong"}`)); err != nil {
				return err
			}
		}
	}
}

func (s *Screen) complain(format string, args ...any) {
	if len(s.wrong) < 100 {
		s.wrong = append(s.wrong, fmt.Sprintf("connection %d: ", s.stats.Connects)+fmt.Sprintf(format, args...))
	}
}

// frame takes a binary frame.
func (s *Screen) frame(msg []byte, now time.Time) {
	h, points, _, err := wire.Decode(msg)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.complain("%v", err)
		return
	}
	s.stats.Frames++
	s.stats.Points += int64(len(points))
	s.stats.Bytes += int64(len(msg))
	if h.Base.Before(s.base) {
		s.complain("a frame of %v after one of %v", h.Base, s.base)
	}
	s.base = h.Base
	snapshot := h.Flags&wire.Snapshot != 0
	if snapshot {
		for _, m := range s.marks {
			m.At = time.Time{} // known by name, but nowhere until the snapshot says where
		}
	} else {
		if step := int32(h.Seq - s.seq); !s.first && step <= 0 {
			s.complain("frame %d after frame %d", h.Seq, s.seq)
		} else if !s.first && step > 1 {
			s.stats.Jumps++
		}
		s.seq, s.first = h.Seq, false
	}
	for i := range points {
		p := &points[i]
		m, known := s.marks[p.Handle]
		if !known {
			s.complain("handle %d was never announced", p.Handle)
			continue
		}
		if p.Flags&wire.HasLeft != 0 {
			delete(s.marks, p.Handle)
			continue
		}
		at := h.Base.Add(-time.Duration(p.AgeMs) * time.Millisecond)
		if at.Before(m.At.Add(-50 * time.Millisecond)) {
			s.complain("worker %d went back from %v to %v", m.Worker, m.At, at)
		}
		if !snapshot && at.After(m.At.Add(50*time.Millisecond)) {
			s.Latency.Add(now.Sub(at))
		}
		m.At, m.Point, m.Presence = at, orb.Point{p.Lon, p.Lat}, p.Presence
	}
}

// text takes a JSON message.
func (s *Screen) text(msg []byte) error {
	var head struct {
		Type   string `json:"type"`
		Region int64  `json:"region"`
		Seq    int64  `json:"seq"`
		To     int64  `json:"to"`
		Epoch  string `json:"epoch"`
	}
	if err := json.Unmarshal(msg, &head); err != nil {
		return fmt.Errorf("the server's text is no JSON: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Texts++
	switch head.Type {
	case "welcome":
		var in struct {
			Regions []struct {
				Region int64  `json:"region"`
				Epoch  string `json:"epoch"`
				Seq    int64  `json:"seq"`
			} `json:"regions"`
		}
		if err := json.Unmarshal(msg, &in); err != nil {
			return fmt.Errorf("read welcome: %w", err)
		}
		for _, r := range in.Regions {
			if c := s.cursors[r.Region]; c != nil {
				if c.Epoch == r.Epoch && r.Seq < c.After {
					s.complain("region %d: the journal went back from %d to %d", r.Region, c.After, r.Seq)
				}
				continue
			}
			s.cursors[r.Region] = &Cursor{r.Region, r.Epoch, r.Seq}
		}
	case "names":
		var in struct {
			Names []struct {
				H    uint32 `json:"h"`
				ID   int64  `json:"id"`
				Name string `json:"name"`
			} `json:"names"`
		}
		if err := json.Unmarshal(msg, &in); err != nil {
			return fmt.Errorf("read names: %w", err)
		}
		for _, n := range in.Names {
			if m := s.marks[n.H]; m != nil {
				if m.Worker != n.ID {
					s.complain("handle %d was worker %d and is now %d", n.H, m.Worker, n.ID)
				}
				continue
			}
			s.marks[n.H] = &Mark{Worker: n.ID, Name: n.Name}
		}
	case "event":
		s.stats.Events++
		s.advance(head.Region, head.Seq, head.Seq)
		if s.o.OnEvent != nil {
			var e Event
			if err := json.Unmarshal(msg, &e); err != nil {
				return fmt.Errorf("read event: %w", err)
			}
			s.o.OnEvent(e)
		}
	case "skip":
		s.stats.Skipped += head.To - head.Seq + 1
		s.advance(head.Region, head.Seq, head.To)
	case "reset":
		s.stats.Resets++
		s.cursors[head.Region] = &Cursor{head.Region, head.Epoch, head.Seq}
	case "live":
		s.stats.Live = true
	}
	return nil
}

// advance moves a region's cursor over the numbers from…to.
func (s *Screen) advance(region, from, to int64) {
	c := s.cursors[region]
	switch {
	case c == nil:
		s.complain("region %d was never welcomed", region)
		s.cursors[region] = &Cursor{Region: region, After: to}
		return
	case from <= c.After:
		s.complain("region %d: number %d came again (known up to %d)", region, from, c.After)
	case from > c.After+1:
		s.complain("region %d: numbers %d to %d are missing", region, c.After+1, from-1)
	case to < from:
		s.complain("region %d: a skip from %d back to %d", region, from, to)
	}
	c.After = max(c.After, to)
}

// Stats returns what the screen was told so far.
func (s *Screen) Stats() ScreenStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.stats
	n.Closes = map[int]int64{}
	for code, times := range s.stats.Closes {
		n.Closes[code] = times
	}
	return n
}

// Wrong lists what was against the protocol; empty is good.
func (s *Screen) Wrong() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.wrong...)
}

// Cursors returns how far each region's journal was heard.
func (s *Screen) Cursors() map[int64]Cursor {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[int64]Cursor{}
	for region, c := range s.cursors {
		all[region] = *c
	}
	return all
}

// Marks returns where every worker on the screen is, by worker.
func (s *Screen) Marks() map[int64]Mark {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[int64]Mark{}
	for _, m := range s.marks {
		if !m.At.IsZero() {
			all[m.Worker] = *m
		}
	}
	return all
}
