// Package bus is the doorbell between the parts of one program and between the
// programs of one house: core NATS, at most once, nothing kept.
//
// Nothing depends on a ring being heard. A ring says "region r has entries up
// to n"; whoever missed it notices by the next number, or by looking every few
// seconds. A batch of fixes tells other nodes' boards sooner what their own
// healing would tell them later.
//
// Without an address the bus runs its own server inside the process and
// listens on no port; with one it joins that server. Either way it is the same
// connection. A node does not hear itself.
package bus

import (
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

const (
	ringSubject = "gridward.ring."
	fixSubject  = "gridward.fix."
	credSubject = "gridward.cred."
	wallSubject = "gridward.control."
)

// Bus is safe for concurrent use. Open one, close it once.
type Bus struct {
	conn  *nats.Conn
	inner *server.Server // nil when the server is somebody else's
}

// Open joins the NATS server at url, or starts one of its own when url is "".
func Open(url string, log *slog.Logger) (*Bus, error) {
	b := &Bus{}
	options := []nats.Option{
		nats.Name("gridward"),
		nats.NoEcho(),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(time.Second),
		nats.ReconnectJitter(500*time.Millisecond, time.Second),
		// A ring kept for later says nothing that looking would not.
		nats.ReconnectBufSize(-1),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				log.Warn("the bus is away", "error", err)
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) { log.Info("the bus is back") }),
		nats.ErrorHandler(func(_ *nats.Conn, sub *nats.Subscription, err error) {
			log.Warn("the bus dropped news", "error", err)
		}),
	}
	if url == "" {
		inner, err := server.NewServer(&server.Options{ServerName: "gridward", DontListen: true, NoSigs: true, NoLog: true, MaxPayload: 8 << 20})
		if err != nil {
			return nil, fmt.Errorf("start the bus: %w", err)
		}
		inner.Start()
		if !inner.ReadyForConnections(10 * time.Second) {
			inner.Shutdown()
			return nil, errors.New("start the bus: its server was not ready in ten seconds")
		}
		b.inner = inner
		options = append(options, nats.InProcessServer(inner))
	}
	conn, err := nats.Connect(url, options...)
	if err != nil {
		if b.inner != nil {
			b.inner.Shutdown()
		}
		return nil, fmt.Errorf("join the bus: %w", err)
	}
	b.conn = conn
	return b, nil
}

// Alone reports whether nobody else can hear: the server is this process's own.
func (b *Bus) Alone() bool { return b.inner != nil }

// Ring tells the other nodes that the region's journal has reached seq. It
// never waits, and failing is no error: see the package comment.
func (b *Bus) Ring(region, seq int64) {
	_ = b.conn.Publish(ringSubject+strconv.FormatInt(region, 10), strconv.AppendInt(nil, seq, 10))
}

// OnRing calls heard for every ring of another node.
func (b *Bus) OnRing(heard func(region, seq int64)) error {
	return b.on(ringSubject, func(region int64, data []byte) {
		if seq, err := strconv.ParseInt(string(data), 10, 64); err == nil {
			heard(region, seq)
		}
	})
}

// Fixes tells the other nodes what was committed here. The batch is opaque.
func (b *Bus) Fixes(region int64, batch []byte) {
	_ = b.conn.Publish(fixSubject+strconv.FormatInt(region, 10), batch)
}

// OnFixes calls heard for every batch of another node. heard must not keep it.
func (b *Bus) OnFixes(heard func(region int64, batch []byte)) error {
	return b.on(fixSubject, heard)
}

// Revoked tells the other nodes that a credential is good no longer.
func (b *Bus) Revoked(credential int64) {
	_ = b.conn.Publish(credSubject+strconv.FormatInt(credential, 10), nil)
}

// OnRevoked calls heard for every credential that another node revoked.
func (b *Bus) OnRevoked(heard func(credential int64)) error {
	return b.on(credSubject, func(credential int64, _ []byte) { heard(credential) })
}

// Control tells the other nodes what a console of the region has the walls do. It is opaque.
func (b *Bus) Control(region int64, control []byte) {
	_ = b.conn.Publish(wallSubject+strconv.FormatInt(region, 10), control)
}

// OnControl calls heard for every control of another node.
func (b *Bus) OnControl(heard func(region int64, control []byte)) error {
	return b.on(wallSubject, heard)
}

func (b *Bus) on(prefix string, heard func(id int64, data []byte)) error {
	_, err := b.conn.Subscribe(prefix+"*", func(m *nats.Msg) {
		if id, err := strconv.ParseInt(strings.TrimPrefix(m.Subject, prefix), 10, 64); err == nil {
			heard(id, m.Data)
		}
	})
	if err != nil {
		return fmt.Errorf("listen on the bus: %w", err)
	}
	if err := b.conn.Flush(); err != nil { // so that what is said from now on is heard
		return fmt.Errorf("listen on the bus: %w", err)
	}
	return nil
}

// Close says what is still unsaid and leaves; a server of its own stops.
func (b *Bus) Close() {
	_ = b.conn.FlushTimeout(time.Second)
	b.conn.Close()
	if b.inner != nil {
		b.inner.Shutdown()
		b.inner.WaitForShutdown()
	}
}
