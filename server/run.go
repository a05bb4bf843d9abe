package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/gridward/gridward/server/api"
	"github.com/gridward/gridward/server/blob"
	"github.com/gridward/gridward/server/board"
	"github.com/gridward/gridward/server/bus"
	"github.com/gridward/gridward/server/courier"
	"github.com/gridward/gridward/server/desk"
	"github.com/gridward/gridward/server/ingest"
	"github.com/gridward/gridward/server/live"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/seal"
	"github.com/gridward/gridward/server/signin"
	"github.com/gridward/gridward/server/telemetry"
	"github.com/gridward/gridward/server/tiles"
	"github.com/gridward/gridward/server/timekeeper"
	"github.com/gridward/gridward/server/uplink"
	"github.com/gridward/gridward/server/video"
)

// house is a running Gridward: what serve built, from the ground up.
type house struct {
	conf   config
	log    *slog.Logger
	clock  func() time.Time
	tel    *telemetry.Telemetry
	truth  *database
	db     *postgres.DB
	seal   *seal.Key
	blob   *blob.Store
	bus    *bus.Bus
	board  *board.Board
	desk   *desk.Desk
	signin *signin.Signin
	ingest *ingest.Ingest
	post   *courier.Post
	ground *groundWatch
	uplink *uplink.Uplink
	live   *live.Live
	tiles  *tiles.Tiles
	video  *video.Video
	api    *api.API
	root   []byte // the private CA's certificate, when there is one
	upkeep *upkeep
	url    string // where the pages are
}

// serveMain runs gridward serve.
func serveMain(ctx context.Context, p process) error {
	c, err := parseServe("serve", p.args, p.env, p.out)
	if err != nil || c.PrintConfig {
		return err
	}
	return serve(ctx, c, p.errOut, func(_ context.Context, h *house) error {
		fmt.Fprintf(p.out, "Gridward is at %s/screen\n", h.url)
		if h.root != nil {
			fmt.Fprintf(p.out, "Its certificate is from its own CA, whose root is at %s/ca.crt, SHA-256 fingerprint\n  %s\n", h.url, fingerprint(h.root))
		}
		return h.sayFirstSteps(ctx, p.out)
	})
}

// serve builds the house, calls opened when it answers, and runs until ctx ends
// or something it cannot do without is gone. It reads from the ground up: what
// stands below was built before, and is stopped after, what stands on it.
func serve(ctx context.Context, c config, errOut io.Writer, opened func(context.Context, *house) error) (err error) {
	h := &house{conf: c, clock: time.Now, log: telemetry.Logger(errOut, c.LogFormat, c.level), tel: telemetry.New(programVersion())}
	h.upkeep = newUpkeep(h.log)

	// the address first: a second start fails here, before it touches anything
	listener, err := net.Listen("tcp", c.Addr)
	if err != nil {
		return fmt.Errorf("listen on %s (is another Gridward running? choose another -addr): %w", c.Addr, err)
	}
	defer listener.Close()
	var devices net.Listener
	if c.DeviceAddr != "" {
		if devices, err = net.Listen("tcp", c.DeviceAddr); err != nil {
			return fmt.Errorf("listen for devices on %s: %w", c.DeviceAddr, err)
		}
		defer devices.Close()
	}

	// engines: the database, photos, the bus, the board
	if h.truth, err = startDatabase(ctx, c.Data, c.DatabaseURL, h.log); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.truth.stop()) }()
	if h.db, err = postgres.Open(ctx, h.truth.dsn, postgres.Options{MaxConns: int32(c.Pool)}); err != nil {
		return err
	}
	defer h.db.Close()
	if h.seal, err = openSeal(ctx, c, h.db, h.log); err != nil {
		return err
	}
	defer h.upkeep.stop()
	if h.root, err = h.openDoors(ctx, listener, devices); err != nil {
		return err
	}
	if err := opened(ctx, h); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		h.log.Info("stopping")
		return nil
	case err := <-h.upkeep.failed:
		return err
	case err := <-h.truth.lost():
		return fmt.Errorf("the private database is gone: %w", err)
	}
}

// openDoors builds everything above the database and starts to answer.
func (h *house) openDoors(ctx context.Context, listener, devices net.Listener) (root []byte, err error) {
	c := h.conf
	if h.blob, err = blob.Open(filepath.Join(c.Data, "photos")); err != nil {
		return nil, err
	}
	if h.bus, err = bus.Open(c.NATSURL, h.log); err != nil {
		return nil, err
	}
	h.upkeep.then("bus", func() error { h.bus.Close(); return nil })
	h.board = board.New(h.clock)
	healer := h.board.Heal(h.boardSource(), 5*time.Second)
	if err := healer.Fill(ctx); err != nil {
		return nil, err
	}
	h.upkeep.run("board", func(ctx context.Context) error { return healer.Run(ctx, h.log) })

	// work: the desk decides, ingest stores
	h.post = courier.New(courier.Deps{DB: h.db, Clock: h.clock, Log: h.log, Seal: h.seal, PublicURL: h.publicURL, Delivered: h.tel.Delivered})
	h.desk = desk.New(h.db, h.blob, h.clock, h.ring)
	h.desk.ArchiveAfter(c.ArchiveAfter)
	h.ingest = ingest.New(ingest.Deps{
		DB: h.db, Clock: h.clock, Placed: h.placed, SOS: h.callFromDevice, Journal: desk.RecordTurn, Turned: h.turned,
		Log:     func(msg string, args ...any) { h.log.Warn(msg, args...) },
		Metrics: ingest.Metrics{Outcome: h.tel.Fixes, Commit: func(took time.Duration, rows int) { h.tel.Committed(rows, took) }, Queue: h.queued()},
	})
	h.ground = &groundWatch{db: h.db, ingest: h.ingest, log: h.log}
	if err := h.ground.look(ctx); err != nil {
		return nil, err
	}

	// doors
	h.signin = signin.New(h.db, signin.Options{Clock: h.clock, Log: h.log, Proxies: c.proxies})
	h.uplink = uplink.New(uplink.Deps{
		DB: h.db, Ingest: h.ingest, Desk: h.desk, Seal: h.seal, Clock: h.clock, Worker: h.workerOf, Calling: h.calling, Address: h.signin.Address,
		Log:   func(msg string, args ...any) { h.log.Warn(msg, args...) },
		Count: h.tel.Fixes,
	})
	h.live = live.New(h.liveDeps())
	if h.tiles, err = h.newTiles(); err != nil {
		return nil, err
	}
	if h.video, err = h.newVideo(); err != nil {
		return nil, err
	}
	keeper, err := timekeeper.New(timekeeper.Deps{DB: h.db, Desk: h.desk, Log: h.log, Keep: h.keep(), CloseSessions: h.closeSilent, Called: h.called})
	if err != nil {
		return nil, err
	}
	secure, root, err := c.secure(h.clock())
	if err != nil {
		return nil, err
	}
	h.root = root
	mux := http.NewServeMux()
	h.api = api.New(mux, h.apiDeps())
	h.mount(mux)
	if err := h.hearOthers(); err != nil {
		return nil, err
	}
	h.tel.OldestMessage(h.oldestMessage)
	h.tel.DatabaseConns(func() int { return int(h.db.Pool.Stat().AcquiredConns()) })

	h.upkeep.run("timekeeper", keeper.Run)
	h.upkeep.run("courier", h.post.Run)
	h.upkeep.run("ground", h.ground.run)
	h.upkeep.run("ingest", h.ingest.Run)
	if c.MQTTURL != "" {
		h.upkeep.run("mqtt", func(ctx context.Context) error {
			return h.uplink.HearBroker(ctx, uplink.Broker{URL: c.MQTTURL, Topics: splitList(c.MQTTTopics), Client: c.MQTTClient, Source: c.MQTTSource})
		})
	}
	h.upkeep.run("signin", h.signin.Run)
	h.upkeep.run("live", h.live.Run)
	h.serveHTTP("http", listener, h.wrap(mux), secure)
	h.url = c.shownURL(secure != nil, listener.Addr().String())
	if devices != nil {
		h.serveHTTP("http for devices", devices, h.tel.Requests(h.uplink), nil)
	}
	return root, nil
}

// serveHTTP answers on a listener until the house stops; then requests under
// way are finished, so that what was committed is also acknowledged.
func (h *house) serveHTTP(name string, l net.Listener, handler http.Handler, secure *tls.Config) {
	server := &http.Server{
		Handler:           handler,
		TLSConfig:         secure,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       2 * time.Minute,
		IdleTimeout:       3 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(h.log.Handler(), slog.LevelDebug),
	}
	h.upkeep.run(name, func(ctx context.Context) error {
		stopped := make(chan error, 1)
		defer context.AfterFunc(ctx, func() {
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			err := server.Shutdown(last)
			if errors.Is(err, context.DeadlineExceeded) { // a request that never ends; its sender has no answer and sends again
				h.log.Info("requests that did not end are cut off", "part", name)
				err = server.Close()
			}
			stopped <- err
		})()
		var err error
		if secure != nil {
			err = server.ServeTLS(l, "", "")
		} else {
			err = server.Serve(l)
		}
		if !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return <-stopped
	})
}

// mapSourcesFile is the file of base maps that c names, or the one in the data
// directory when it is there, or none.
func (c config) mapSourcesFile() string {
	if c.MapSources != "" {
		return c.MapSources
	}
	file := filepath.Join(c.Data, "map-sources.json")
	if _, err := os.Stat(file); err == nil {
		return file
	}
	return ""
}
