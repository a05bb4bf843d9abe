package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/board"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/fleet"
	"github.com/gridward/gridward/server/journal"
	"github.com/gridward/gridward/server/wire"
)

// The organisations of these tests: a street with two communities.
const (
	street = "1."
	east   = "1.2."
	west   = "1.3."
)

// house is a Live with a board, journals in memory, and no network: sockets
// are pipes, so that synctest can hold the clock. A pipe holds nothing, which
// makes a reader that does not read as slow as can be.
type house struct {
	t     *testing.T
	live  *Live
	board *board.Board
	doors *pipes

	mu       sync.Mutex
	journals map[int64][]journal.Entry
	epoch    string
	people   map[string]access.Session // by cookie
	gone     map[int64]func()          // watched credentials
}

func open(t *testing.T, change func(*Deps)) *house {
	t.Helper()
	h := &house{t: t, board: board.New(time.Now), doors: newPipes(), journals: map[int64][]journal.Entry{1: nil}, epoch: "e1", gone: map[int64]func(){}}
	h.people = map[string]access.Session{
		"commander": session(1, access.Post{Org: 1, Path: street, Region: 1, Role: access.Commander}),
		"east":      session(2, access.Post{Org: 2, Path: east, Region: 1, Role: access.Station}),
		"west":      session(3, access.Post{Org: 3, Path: west, Region: 1, Role: access.Station}),
		"wall":      session(4, access.Post{Org: 1, Path: street, Region: 1, Role: access.KioskRole}),
		"worker":    session(5, access.Post{Org: 2, Path: east, Region: 1, Role: access.GridWorker}),
		"clerk":     session(6, access.Post{Org: 1, Path: street, Region: 1, Role: access.DeptClerk}, access.Post{Org: 2, Path: east, Region: 1, Role: access.Station}),
	}
	d := Deps{
		Board: h.board, Version: "test",
		Journal: func(_ context.Context, region, after int64, limit int) ([]journal.Entry, error) {
			h.mu.Lock()
			defer h.mu.Unlock()
			list := h.journals[region]
			if after >= int64(len(list)) {
				return nil, nil
			}
			list = list[after:]
			return append([]journal.Entry(nil), list[:min(limit, len(list))]...), nil
		},
		Heads: func(context.Context) (map[int64]Head, error) {
			h.mu.Lock()
			defer h.mu.Unlock()
			heads := map[int64]Head{}
			for id, list := range h.journals {
				heads[id] = Head{int64(len(list)), h.epoch, fmt.Sprintf("%d.", id)}
			}
			return heads, nil
		},
		Authenticate: func(r *http.Request) (access.Session, error) {
			h.mu.Lock()
			defer h.mu.Unlock()
			c, err := r.Cookie("who")
			if err == nil {
				if s, ok := h.people[c.Value]; ok {
					return s, nil
				}
			}
			return access.Session{}, fault.New(fault.Unknown, "who?")
		},
		Watch: func(credential int64, gone func()) func() {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.gone[credential] = gone
			return func() {}
		},
	}
	if change != nil {
		change(&d)
	}
	h.live = New(d)
	ctx, leave := context.WithCancel(context.Background())
	server := &http.Server{Handler: h.live}
	var wait sync.WaitGroup
	wait.Go(func() { _ = h.live.Run(ctx) })
	wait.Go(func() { _ = server.Serve(h.doors) })
	t.Cleanup(func() {
		leave()
		_ = server.Close()
		wait.Wait()
	})
	return h
}

func session(credential int64, posts ...access.Post) access.Session {
	return access.Session{Principal: access.Principal{Account: credential, Posts: posts}, Credential: credential}
}

// write appends an entry to region 1's journal without ringing.
func (h *house) write(kind, path string, body any) int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	data, err := json.Marshal(body)
	if err != nil {
		h.t.Fatal(err)
	}
	seq := int64(len(h.journals[1]) + 1)
	h.journals[1] = append(h.journals[1], journal.Entry{Region: 1, Seq: seq, At: time.Now().UTC(), Kind: kind, Subject: fmt.Sprint("s", seq), OrgPath: path, Body: data})
	return seq
}

// happen writes and rings.
func (h *house) happen(kind, path string, body any) int64 {
	seq := h.write(kind, path, body)
	h.live.Ring(1, seq)
	return seq
}

var duty = uuid.MustParse("01990000-0000-7000-8000-000000000001")

// worker puts a worker on duty at a place.
func (h *house) worker(id int64, name, path string, at time.Time, p orb.Point) {
	h.board.Load([]board.Entry{entry(id, name, path, at, p)})
}

func entry(id int64, name, path string, at time.Time, p orb.Point) board.Entry {
	return board.Entry{
		Fix:    fix(id, path, at, p),
		Person: fleet.Person{ID: id, Name: name, Role: "grid_worker", Kind: "person", OrgName: "社区 " + path},
	}
}

func fix(id int64, path string, at time.Time, p orb.Point) fleet.Fix {
	return fleet.Fix{Region: 1, Worker: id, Device: id, At: at, Point: p, Speed: 1.5, Course: 90, Accuracy: 8, Session: duty, Org: 2, OrgPath: path, Interval: 10 * time.Second}
}

// pipes is a listener whose connections are made by dialling it in memory.
type pipes struct {
	incoming chan net.Conn
	closed   chan struct{}
	once     sync.Once
}

func newPipes() *pipes { return &pipes{incoming: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.incoming:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case p.incoming <- there:
		return here, nil
	case <-p.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// client is a screen as docs/protocol.md describes it, and strict about it.
type client struct {
	t    *testing.T
	conn *websocket.Conn

	welcome  welcome
	live     bool
	mode     modeMessage
	names    map[uint32]name
	points   map[uint32]wire.Point
	base     time.Time
	frames   int
	snaps    int
	seq      uint32
	cells    map[string]orb.Ring
	bins     []wire.Bin
	events   []event
	skipped  int64
	cursors  map[int64]cursor
	resets   []reset
	ticks    int
	controls int
	text     []byte // everything said in text, to look for what must not be there
}

// dial opens a socket and says hello.
func (h *house) dial(who string, hello any) *client {
	h.t.Helper()
	c, err := h.knock(who, hello, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	return c
}

func (h *house) knock(who string, hello any, header http.Header) (*client, error) {
	h.t.Helper()
	return knock(h.t, websocket.Dialer{NetDialContext: h.doors.dial, Subprotocols: []string{Protocol}}, "ws://house/ws", who, hello, header)
}

func knock(t *testing.T, d websocket.Dialer, url, who string, hello any, header http.Header) (*client, error) {
	if header == nil {
		header = http.Header{}
	}
	header.Set("Cookie", "who="+who)
	conn, answer, err := d.Dial(url, header)
	if err != nil {
		if answer != nil {
			return nil, fmt.Errorf("%w: %s", err, answer.Status)
		}
		return nil, err
	}
	t.Cleanup(func() { _ = conn.Close() })
	c := &client{t: t, conn: conn, names: map[uint32]name{}, points: map[uint32]wire.Point{}, cells: map[string]orb.Ring{}, cursors: map[int64]cursor{}}
	if hello != nil {
		if err := conn.WriteJSON(hello); err != nil {
			return nil, err
		}
	}
	return c, nil
}

type helloMessage struct {
	Type   string   `json:"type"`
	Resume []cursor `json:"resume"`
	View   view     `json:"view"`
}

func hello(resume ...cursor) helloMessage {
	return helloMessage{"hello", resume, view{Zoom: 15, Mode: "auto"}}
}

// read takes one message and holds it against the protocol.
func (c *client) read() error {
	typ, data, err := c.conn.ReadMessage()
	if err != nil {
		return err
	}
	if typ == websocket.BinaryMessage {
		return c.frame(data)
	}
	c.text = append(append(c.text, data...), '\n')
	var kind struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(data, &kind); err != nil {
		return err
	}
	switch kind.Type {
	case "welcome":
		err = json.Unmarshal(data, &c.welcome)
		for _, r := range c.welcome.Regions {
			if _, resuming := c.cursors[r.Region]; !resuming {
				c.cursors[r.Region] = cursor{r.Region, r.Epoch, r.Seq}
			}
		}
	case "names":
		var m struct{ Names []name }
		err = json.Unmarshal(data, &m)
		for _, n := range m.Names {
			if old, ok := c.names[n.Handle]; ok && old.ID != n.ID {
				return fmt.Errorf("handle %d was worker %d and is now %d", n.Handle, old.ID, n.ID)
			}
			c.names[n.Handle] = n
		}
	case "mode":
		err = json.Unmarshal(data, &c.mode)
		c.seq = 0
	case "cells":
		var m struct {
			Cells []struct {
				C    string
				Ring orb.Ring
			}
		}
		err = json.Unmarshal(data, &m)
		for _, cell := range m.Cells {
			c.cells[cell.C] = cell.Ring
		}
	case "event":
		var e event
		err = json.Unmarshal(data, &e)
		if err == nil {
			err = c.step(e.Region, e.Seq, e.Seq)
			c.events = append(c.events, e)
		}
	case "skip":
		var s skip
		err = json.Unmarshal(data, &s)
		if err == nil {
			err = c.step(s.Region, s.Seq, s.To)
			c.skipped += s.To - s.Seq + 1
		}
	case "reset":
		var r reset
		err = json.Unmarshal(data, &r)
		c.cursors[r.Region] = cursor{r.Region, r.Epoch, r.Seq}
		c.resets = append(c.resets, r)
	case "live":
		c.live = true
	case "tick":
		c.ticks++
	case "control":
		c.controls++
	default:
		return fmt.Errorf("unknown message %s", data)
	}
	return err
}

// step moves the region's cursor: every number exactly once, in order.
func (c *client) step(region, from, to int64) error {
	cur := c.cursors[region]
	if from != cur.After+1 || to < from {
		return fmt.Errorf("region %d: %d…%d came after %d", region, from, to, cur.After)
	}
	cur.After = to
	c.cursors[region] = cur
	return nil
}

func (c *client) frame(data []byte) error {
	h, points, bins, err := wire.Decode(data)
	if err != nil {
		return err
	}
	if h.Seq <= c.seq {
		return fmt.Errorf("frame %d came after %d", h.Seq, c.seq)
	}
	if h.Base.Before(c.base) {
		return errors.New("an older frame came after a newer one")
	}
	c.seq, c.base = h.Seq, h.Base
	c.frames++
	if h.Kind == wire.Bins {
		for _, b := range bins {
			if len(c.cells[fmt.Sprintf("%x", b.Cell)]) < 6 {
				return fmt.Errorf("cell %x was not announced", b.Cell)
			}
		}
		c.bins, c.points = bins, map[uint32]wire.Point{}
		return nil
	}
	c.bins = nil
	if h.Flags&wire.Snapshot != 0 {
		clear(c.points)
		c.snaps++
	}
	for _, p := range points {
		if p.Flags&wire.HasLeft != 0 {
			delete(c.points, p.Handle)
			delete(c.names, p.Handle)
			continue
		}
		if _, ok := c.names[p.Handle]; !ok {
			return fmt.Errorf("handle %d was not announced", p.Handle)
		}
		c.points[p.Handle] = p
	}
	return nil
}

// until reads on until the condition holds.
func (c *client) until(what string, holds func() bool) {
	c.t.Helper()
	for start := time.Now(); !holds(); {
		if time.Since(start) > 2*time.Minute {
			c.t.Fatalf("waited two minutes until %s", what)
		}
		if err := c.read(); err != nil {
			c.t.Fatalf("waiting until %s: %v", what, err)
		}
	}
}

// drain reads everything in the background, for a client whose state is looked at after stop.
func (c *client) drain() (stop func() error) {
	done := make(chan error, 1)
	go func() {
		for {
			if err := c.read(); err != nil {
				done <- err
				return
			}
		}
	}()
	return func() error {
		_ = c.conn.SetReadDeadline(time.Now())
		err := <-done
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() || errors.Is(err, io.EOF) {
			return nil
		}
		return err
	}
}

// where is the worker's point by its id.
func (c *client) where(worker int64) (wire.Point, bool) {
	for h, p := range c.points {
		if c.names[h].ID == worker {
			return p, true
		}
	}
	return wire.Point{}, false
}

// shows reports whether the worker is shown at the place.
func (c *client) shows(worker int64, at orb.Point) bool {
	p, ok := c.where(worker)
	return ok && math.Abs(p.Lon-at[0]) < 1e-6 && math.Abs(p.Lat-at[1]) < 1e-6
}

// code reads to the end and returns the close code.
func (c *client) code() int {
	for {
		if err := c.read(); err != nil {
			var closed *websocket.CloseError
			if errors.As(err, &closed) {
				return closed.Code
			}
			c.t.Fatalf("ended without a close: %v", err)
		}
	}
}
