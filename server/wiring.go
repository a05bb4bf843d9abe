package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/fixtures"
	"github.com/gridward/gridward/frontend"
	"github.com/gridward/gridward/geo/datum"
	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/api"
	"github.com/gridward/gridward/server/board"
	"github.com/gridward/gridward/server/deadline"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/fleet"
	"github.com/gridward/gridward/server/ingest"
	"github.com/gridward/gridward/server/journal"
	"github.com/gridward/gridward/server/live"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/signin"
	"github.com/gridward/gridward/server/tiles"
	"github.com/gridward/gridward/server/video"
)

// boardSource reads what the board is a cache of.
func (h *house) boardSource() board.Source {
	return board.Source{
		People: func(ctx context.Context) ([]fleet.Person, error) { return postgres.BoardPeople(ctx, h.db.Pool) },
		Fixes: func(ctx context.Context, since time.Time) ([]fleet.Standing, time.Time, error) {
			return postgres.BoardFixes(ctx, h.db.Pool, since)
		},
		Duties: func(ctx context.Context) ([]fleet.OnDuty, error) { return postgres.BoardDuties(ctx, h.db.Pool) },
	}
}

// liveDeps gives the rooms what they read.
func (h *house) liveDeps() live.Deps {
	return live.Deps{
		Board: h.board, Authenticate: h.signin.Authenticate, Watch: h.signin.Watch, Address: h.signin.Address,
		Metrics: h.tel, Log: h.log, Clock: h.clock, Version: programVersion(), Tick: h.conf.Tick,
		Journal: func(ctx context.Context, region, after int64, limit int) ([]journal.Entry, error) {
			return postgres.ReadJournal(ctx, h.db.Pool, region, after, limit)
		},
		Heads: func(ctx context.Context) (map[int64]live.Head, error) {
			regions, err := postgres.Regions(ctx, h.db.Pool)
			if err != nil {
				return nil, err
			}
			heads := make(map[int64]live.Head, len(regions))
			for _, r := range regions {
				heads[r.ID] = live.Head{Seq: r.Seq, Epoch: r.Epoch, Path: r.Path}
			}
			return heads, nil
		},
	}
}

// apiDeps gives the API its neighbours on the same floor.
func (h *house) apiDeps() api.Deps {
	return api.Deps{
		DB: h.db, Desk: h.desk, Blob: h.blob, Board: h.board, Clock: h.clock, Log: h.log, Seal: h.seal, Version: programVersion(),
		Sources: h.tiles.Shown,
		WGS84:   datum.ToWGS84,
		Replay:  h.uplink.Replay,
		Control: h.control,
		Sending: h.post.Ring,
		Gateway: h.video.Ready(),
		Keep:    h.keep(), ExportFreely: !h.conf.ExportApproval,
		Door: api.Door{
			Login: h.signin.Login, Logout: h.signin.Logout, ChangePassword: h.signin.ChangePassword,
			Pair: h.signin.Pair, NewPairing: h.signin.NewPairing, RevokeKiosk: h.signin.RevokeKiosk,
		},
	}
}

// keep is how long tracks stay.
func (h *house) keep() postgres.Retention {
	return postgres.Retention{Raw: h.conf.RawDays, Track: h.conf.TrackDays}
}

// ring says that a region's journal has grown, here and on the other nodes.
// The bell carries no content: who hears it reads the journal.
func (h *house) ring(region int64) {
	h.live.Ring(region, math.MaxInt64)
	h.post.Ring()
	h.bus.Ring(region, math.MaxInt64)
}

// publicURL is what the links in messages begin with.
func (h *house) publicURL() string {
	if h.conf.PublicURL != "" {
		return h.conf.PublicURL
	}
	return h.url
}

// oldestMessage is how many seconds the oldest message has been waiting to leave.
func (h *house) oldestMessage() float64 {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	age, err := postgres.OldestWaiting(ctx, h.db.Pool, h.clock())
	if err != nil {
		return math.NaN()
	}
	return age.Seconds()
}

// placed takes the fixes that moved a marker, after their commit.
func (h *house) placed(fixes []fleet.Fix) {
	h.board.Put(fixes)
	if h.bus.Alone() || len(fixes) == 0 {
		return
	}
	h.bus.Fixes(fixes[0].Region, board.Pack(fixes))
}

// control has the walls do what a console shows them, here and on the other nodes.
func (h *house) control(by access.Principal, region int64, do []byte) (told int, err error) {
	c := live.Control{From: by.Account, ByName: by.Name, At: h.clock(), Region: region, Scope: by.Scope(access.Dispatch), Do: do}
	if told, err = h.live.Control(c); err != nil || h.bus.Alone() {
		return told, err
	}
	packed, err := json.Marshal(c)
	if err != nil {
		return told, fmt.Errorf("tell the other nodes what the wall is to do: %w", err)
	}
	h.bus.Control(region, packed)
	return told, nil
}

// turned takes the sessions that began or ended, after their commit.
func (h *house) turned(turns []postgres.Turn) {
	for _, t := range turns {
		if t.Started {
			h.board.On(t.Session.Worker, t.Session.ID)
		} else {
			h.board.Off(t.Session.Worker, t.Session.ID)
		}
	}
	rung := map[int64]bool{}
	for _, t := range turns {
		if !rung[t.Session.Region] {
			rung[t.Session.Region] = true
			h.ring(t.Session.Region)
		}
	}
}

// hearOthers listens to the other nodes.
func (h *house) hearOthers() error {
	return errors.Join(
		h.bus.OnRing(func(region, seq int64) {
			h.live.Ring(region, seq)
			h.post.Ring()
		}),
		h.bus.OnFixes(func(_ int64, batch []byte) {
			fixes, err := board.Unpack(batch)
			if err != nil { // a node of another version: the healer reads last_fix
				h.log.Debug("fixes of another node could not be read", "err", err)
				return
			}
			h.board.Put(fixes)
		}),
		h.bus.OnControl(func(_ int64, packed []byte) {
			var c live.Control
			if err := json.Unmarshal(packed, &c); err != nil {
				h.log.Debug("a control of another node could not be read", "err", err)
				return
			}
			if _, err := h.live.Control(c); err != nil {
				h.log.Debug("a control of another node is none", "err", err)
			}
		}),
	)
}

// callFromDevice asks, in the transaction that stores the fix, for the SOS it
// carries to be opened.
func (h *house) callFromDevice(ctx context.Context, tx pgx.Tx, f fleet.Fix) error {
	call := deadline.SOS{Region: f.Region, Worker: f.Worker, Device: f.Device, At: f.At}
	if !math.IsNaN(f.Point[0]) {
		call.Point = &orb.Point{f.Point[0], f.Point[1]}
	}
	return deadline.Insert(ctx, tx, call)
}

// workerOf returns the worker whose session cookie came with the request.
func (h *house) workerOf(r *http.Request) (int64, error) {
	s, err := h.signin.Authenticate(r)
	if fault.Is(err, fault.Unknown) {
		return 0, nil
	}
	if err != nil || s.MustChange || !s.Has(access.OnDuty) {
		return 0, err
	}
	return s.Worker, nil
}

// calling reports whether a worker's call for help is open, as the board knows.
func (h *house) calling(worker int64) bool {
	e, ok := h.board.Get(worker)
	return ok && e.Calling
}

// queued keeps the length of ingest's queue for the metrics.
func (h *house) queued() func(rows int) {
	var depth atomic.Int64
	h.tel.QueueDepth(func() int { return int(depth.Load()) })
	return func(rows int) { depth.Store(int64(rows)) }
}

// mount puts every door on the main address.
func (h *house) mount(mux *http.ServeMux) {
	h.uplink.Mount(mux)
	mux.Handle("/ws", h.live)
	h.tiles.Routes(mux)
	h.video.Routes(mux)
	pages := frontend.Handler(frontend.Files())
	for _, path := range []string{"/screen", "/console", "/console/", "/m", "/m/", "/assets/", "/fonts/", "/"} {
		mux.Handle(path, pages)
	}
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, r *http.Request) {
		if isTracker(r) {
			h.uplink.ServeHTTP(w, r)
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		http.Redirect(w, r, "/screen", http.StatusFound)
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", h.ready)
	mux.HandleFunc("GET /ca.crt", func(w http.ResponseWriter, r *http.Request) {
		if h.root == nil {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/x-x509-ca-cert")
		_, _ = w.Write(h.root)
	})
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		from, err := netip.ParseAddr(h.signin.Address(r))
		if err != nil || !h.conf.mayScrape(from) {
			http.Error(w, "metrics are for this machine and for -metrics-from", http.StatusForbidden)
			return
		}
		h.tel.Handler().ServeHTTP(w, r)
	})
}

// ready says whether the house can do its work: the database answers.
func (h *house) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	if err := h.db.Pool.Ping(ctx); err != nil {
		w.Header().Set("Retry-After", "2")
		http.Error(w, "the database does not answer", http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ready")
}

// deviceDoors are the paths whose callers carry a token, not a cookie.
var deviceDoors = []string{"/d/", "/osmand", "/owntracks", "/gpslogger", "/alarm-hook/"}

// wrap puts around the doors what every request passes.
func (h *house) wrap(mux http.Handler) http.Handler {
	inner := h.signin.Middleware(mux)
	guarded := signin.Guard(inner, deviceDoors...)
	direct := h.tel.Requests(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isDeviceDoor(r) { // the hot path carries no cookie and needs no page's headers
			direct.ServeHTTP(w, r)
			return
		}
		h.tel.Requests(guarded).ServeHTTP(w, r)
	})
}

// isDeviceDoor reports whether the request is a device's: by its path, or
// because it brings a bearer token to the native door.
func isDeviceDoor(r *http.Request) bool {
	for _, p := range deviceDoors {
		if strings.HasPrefix(r.URL.Path, p) {
			return true
		}
	}
	return isTracker(r) || r.URL.Path == "/api/v1/fixes" && r.Header.Get("Authorization") != ""
}

// isTracker reports whether the request is of an OsmAnd client that was given
// this machine's address without a path. A redirect to a page would look to it
// like its fix's receipt.
func isTracker(r *http.Request) bool {
	if r.URL.Path != "/" {
		return false
	}
	q := r.URL.Query()
	return r.Method == http.MethodPost || q.Has("id") || q.Has("deviceid") || q.Has("device_id")
}

// groundWatch keeps the fence the same as the grids in the database.
type groundWatch struct {
	db     *postgres.DB
	ingest *ingest.Ingest
	log    *slog.Logger

	mu    sync.Mutex
	epoch int64
}

// look loads the fence when the territory has changed.
func (g *groundWatch) look(ctx context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	epoch, err := postgres.TerritoryEpoch(ctx, g.db.Pool)
	if err != nil || epoch == g.epoch {
		return err
	}
	f, err := postgres.LoadFence(ctx, g.db.Pool)
	if err != nil {
		return err
	}
	g.ingest.SetGround(f, epoch)
	g.epoch = epoch
	g.log.Info("the grids are loaded", "grids", len(f.Areas()), "epoch", epoch)
	return nil
}

func (g *groundWatch) run(ctx context.Context) error {
	tick := time.NewTicker(3 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := g.look(ctx); err != nil && ctx.Err() == nil {
				g.log.Warn("the grids could not be read again", "err", err)
			}
		}
	}
}

// sayFirstSteps tells a newcomer what an empty house needs.
func (h *house) sayFirstSteps(ctx context.Context, out io.Writer) error {
	var orgs, accounts int
	if err := postgres.CountFirst(ctx, h.db.Pool, &orgs, &accounts); err != nil {
		return err
	}
	dir := " -data " + strconv.Quote(h.conf.Data)
	if h.conf.DatabaseURL != "" {
		dir = " -database-url " + strconv.Quote(maskURL(h.conf.DatabaseURL))
	}
	if orgs == 0 {
		fmt.Fprintf(out, "It is empty. Begin with\n  gridward import orgs FILE%s\n  gridward import grids FILE%s\n", dir, dir)
	}
	if accounts == 0 {
		fmt.Fprintf(out, "Nobody can sign in yet. The first administrator:\n  gridward user add admin -role sysadmin,commander%s\n", dir)
	}
	return nil
}

// newTiles reads which base maps there are and makes the door for tiles.
func (h *house) newTiles() (*tiles.Tiles, error) {
	var file []byte
	name := h.conf.mapSourcesFile()
	if name != "" {
		var err error
		if file, err = os.ReadFile(name); err != nil {
			return nil, fmt.Errorf("read the base maps: %w", err)
		}
	}
	sources, err := tiles.ParseCatalogue(file, h.conf.env)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if h.conf.demo {
		sources.Notice = fixtures.Notice
	}
	return tiles.New(tiles.Deps{DB: h.db, Clock: h.clock, Log: h.log, Sources: sources, Observe: h.tel.Tile}), nil
}

// called shows an SOS from a device on the board at once; the journal has it too.
func (h *house) called(s postgres.SOS) { h.board.SOS(s.Worker, s.State != "closed") }

// closeSilent ends, provisionally, the duty of which nothing was heard for an hour.
func (h *house) closeSilent(ctx context.Context) (int, error) {
	turns, err := h.desk.CloseSilent(ctx, time.Hour)
	h.turned(turns)
	return len(turns), err
}

// newVideo makes the door that cameras are seen through.
func (h *house) newVideo() (*video.Video, error) {
	gateway, err := video.ParseGateway(h.conf.VideoGateway)
	if err != nil {
		return nil, err
	}
	return video.New(video.Deps{DB: h.db, Clock: h.clock, Log: h.log, Gateway: gateway}), nil
}
