package live

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"context"

	"github.com/gorilla/websocket"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/board"
	"github.com/gridward/gridward/server/fleet"
	"github.com/gridward/gridward/server/journal"
	"github.com/gridward/gridward/server/wire"
)

// BenchmarkFanout measures how many position updates reach 500 screens, from
// the board's Put to the last byte read by the last screen, and holds it
// against two baselines in the same process, with the same readers:
//
//   - one JSON message per update and screen (encoded and framed once, written
//     500 times), which is how a message broker would do it;
//   - the same bytes written to 500 loopback connections by 500 goroutines,
//     which is as fast as this machine can.
//
// CPU time is the whole process: writers, readers and kernel. Rounds alternate
// and the median counts. Run it with -benchtime 1x.
func BenchmarkFanout(b *testing.B) {
	const screens, workers, rounds = 500, 1000, 5
	for b.Loop() {
		ours := newOurs(b, screens, workers)
		plain := newPlain(b, screens)
		var delivered, cpu, xJSON, xRaw []float64
		for range rounds {
			o := measure(700*time.Millisecond, screens*workers, ours.round)
			r := measure(700*time.Millisecond, screens*workers, func() { plain.round(ours.frame) })
			j := measure(700*time.Millisecond, screens*jsonBatch, plain.jsonRound)
			delivered, cpu = append(delivered, o.perSecond), append(cpu, o.perCPU)
			xJSON, xRaw = append(xJSON, o.perCPU/j.perCPU), append(xRaw, o.perCPU/r.perCPU)
		}
		b.ReportMetric(median(delivered), "updates/s")
		b.ReportMetric(median(cpu), "updates/cpu-s")
		b.ReportMetric(median(xJSON), "x-json")
		b.ReportMetric(median(xRaw), "x-raw")
		b.ReportMetric(float64(len(ours.frame))/workers, "B/update")
		b.ReportMetric(ours.memory/1024, "KiB/screen")
		ours.close()
		plain.close()
	}
}

func median(v []float64) float64 { slices.Sort(v); return v[len(v)/2] }

type rate struct{ perSecond, perCPU float64 }

// measure repeats round for the time and returns updates per second and CPU second.
func measure(least time.Duration, updates int, round func()) rate {
	round()
	runtime.GC()
	start, used, n := time.Now(), cpuTime(), 0
	for time.Since(start) < least {
		round()
		n += updates
	}
	return rate{float64(n) / time.Since(start).Seconds(), float64(n) / (cpuTime() - used).Seconds()}
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// reader takes WebSocket frames off a connection and says when one has come.
func reader(wait *sync.WaitGroup, conn net.Conn, got func()) {
	wait.Go(func() {
		in := bufio.NewReaderSize(conn, 64<<10)
		for {
			op, n, err := frameHead(in)
			if err != nil {
				return
			}
			if _, err := in.Discard(n); err != nil {
				return
			}
			if op == websocket.BinaryMessage || op == 15 {
				got()
			}
		}
	})
}

func frameHead(in *bufio.Reader) (op, length int, err error) {
	var head [10]byte
	if _, err := io.ReadFull(in, head[:2]); err != nil {
		return 0, 0, err
	}
	op, length = int(head[0]&15), int(head[1]&127)
	switch length {
	case 126:
		_, err = io.ReadFull(in, head[:2])
		length = int(binary.BigEndian.Uint16(head[:]))
	case 127:
		_, err = io.ReadFull(in, head[:8])
		length = int(binary.BigEndian.Uint64(head[:]))
	}
	return op, length, err
}

// ours is the real thing: board, room, sockets.
type ours struct {
	live    *Live
	board   *board.Board
	server  *httptest.Server
	stop    context.CancelFunc
	wait    sync.WaitGroup
	got     chan struct{}
	screens int
	fixes   []fleet.Fix
	now     time.Time
	frame   []byte // as it goes over the wire
	memory  float64
}

func newOurs(b *testing.B, screens, workers int) *ours {
	o := &ours{screens: screens, now: time.Now(), got: make(chan struct{}, screens)}
	o.board = board.New(func() time.Time { return o.now })
	var entries []board.Entry
	for i := range workers {
		e := entry(int64(i+1), "张伟", east, o.now, orb.Point{114.2 + float64(i%40)*1e-3, 22.6 + float64(i/40)*1e-3})
		entries, o.fixes = append(entries, e), append(o.fixes, e.Fix)
	}
	o.board.Load(entries)
	o.live = New(Deps{
		Board: o.board, MaxPerAddress: screens, Clock: func() time.Time { return o.now }, Tick: time.Hour, Poll: time.Hour, // we turn it ourselves
		Journal: func(context.Context, int64, int64, int) ([]journal.Entry, error) { return nil, nil },
		Heads:   func(context.Context) (map[int64]Head, error) { return map[int64]Head{1: {0, "e", street}}, nil },
		Authenticate: func(*http.Request) (access.Session, error) {
			return session(1, access.Post{Org: 1, Path: street, Region: 1, Role: access.Commander}), nil
		},
	})
	ctx, stop := context.WithCancel(context.Background())
	o.stop = stop
	o.wait.Go(func() { _ = o.live.Run(ctx) })
	o.server = httptest.NewServer(o.live)
	conns := make([]net.Conn, screens)
	<-o.live.ready
	before := inUse()
	for i := range conns {
		conns[i] = shake(b, o.server.Listener.Addr().String())
	}
	o.memory = (inUse() - before) / float64(screens)
	for _, conn := range conns {
		reader(&o.wait, conn, func() { o.got <- struct{}{} })
	}
	points := make([]wire.Point, workers)
	o.frame = append([]byte{0x82, 126, 0, 0}, wire.AppendPoints(nil, wire.Header{}, points)...)
	binary.BigEndian.PutUint16(o.frame[2:], uint16(len(o.frame)-4))
	return o
}

// shake opens a socket with as little memory on this side as can be, and reads
// until it is live.
func shake(b *testing.B, address string) net.Conn {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		b.Fatal(err)
	}
	fmt.Fprintf(conn, "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: %s\r\n\r\n", Protocol)
	say, _ := json.Marshal(hello())
	masked := append([]byte{0x81, 0x80 | 126, 0, 0, 0, 0, 0, 0}, say...) // masked with zeros
	binary.BigEndian.PutUint16(masked[2:], uint16(len(say)))
	in := bufio.NewReader(conn)
	answer, err := http.ReadResponse(in, nil)
	if err != nil || answer.StatusCode != http.StatusSwitchingProtocols {
		b.Fatalf("shake: %v %v", answer, err)
	}
	if _, err := conn.Write(masked); err != nil {
		b.Fatal(err)
	}
	for {
		_, n, err := frameHead(in)
		if err != nil {
			b.Fatal(err)
		}
		body := make([]byte, n)
		if _, err := io.ReadFull(in, body); err != nil {
			b.Fatal(err)
		}
		if string(body) == string(liveMessage) {
			return conn
		}
	}
}

func inUse() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc + m.StackInuse)
}

// round moves every worker and waits until every screen shows it.
func (o *ours) round() {
	o.now = o.now.Add(time.Second)
	for i := range o.fixes {
		o.fixes[i].At = o.now
		o.fixes[i].Point[0] += 1e-5
	}
	o.board.Put(o.fixes)
	o.live.turn(o.now)
	for range o.screens {
		<-o.got
	}
}

func (o *ours) close() {
	o.stop()
	o.server.CloseClientConnections()
	o.server.Close()
	o.wait.Wait()
}

// plain is 500 loopback connections with a writer each.
type plain struct {
	listener net.Listener
	wait     sync.WaitGroup
	work     []chan []byte
	conns    []net.Conn
	got      chan struct{}
	n        int
}

func newPlain(b *testing.B, screens int) *plain {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	p := &plain{listener: listener, got: make(chan struct{}, screens*jsonBatch)}
	for range screens {
		conn, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		far, err := listener.Accept()
		if err != nil {
			b.Fatal(err)
		}
		work := make(chan []byte, jsonBatch)
		p.work, p.conns = append(p.work, work), append(p.conns, conn, far)
		reader(&p.wait, conn, func() { p.got <- struct{}{} })
		p.wait.Go(func() {
			for frame := range work {
				if _, err := far.Write(frame); err != nil {
					return
				}
			}
		})
	}
	return p
}

// round writes the frames to every connection, one after the other, and waits
// until all were read.
func (p *plain) round(frames ...[]byte) {
	for _, frame := range frames {
		for _, w := range p.work {
			w <- frame
		}
	}
	for range len(p.work) * len(frames) {
		<-p.got
	}
}

// jsonBatch is how many updates the JSON baseline has under way at a time, so
// that it is not held up by waiting for each.
const jsonBatch = 20

// jsonRound sends updates as JSON messages of their own.
func (p *plain) jsonRound() {
	frames := make([][]byte, jsonBatch)
	for i := range frames {
		p.n++
		body, err := json.Marshal(map[string]any{"type": "position", "id": p.n % 1000, "lon": 114.2066 + float64(p.n)*1e-7, "lat": 22.6874, "age": 812, "speed": 1.25, "course": 87.5, "accuracy": 6.5, "state": "online"})
		if err != nil {
			panic(err)
		}
		frames[i] = append([]byte{0x8f, 126, 0, 0}, body...) // opcode 15: counted like a frame of positions
		binary.BigEndian.PutUint16(frames[i][2:], uint16(len(body)))
	}
	p.round(frames...)
}

func (p *plain) close() {
	for _, w := range p.work {
		close(w)
	}
	for _, c := range p.conns {
		_ = c.Close()
	}
	_ = p.listener.Close()
	p.wait.Wait()
}
