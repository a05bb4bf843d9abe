// Package uplink is the door of devices: OsmAnd and Traccar Client, OwnTracks,
// GPSLogger, and Gridward's own batch, over HTTP (docs/protocol.md, section 1).
//
// It finds out who sends, has the body decoded, and waits for ingest to commit.
// It answers 2xx only for what is on disk: stored, known already, counted as off
// duty, or held in quarantine. It never answers 4xx to content, because real
// clients would send the same record for ever and block everything behind it:
// only 401 for a bad credential, and 503 with Retry-After for "later".
package uplink

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gridward/gridward/server/desk"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/fleet"
	"github.com/gridward/gridward/server/ingest"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/seal"
)

// Deps are what the doors need of the house.
type Deps struct {
	DB     *postgres.DB
	Ingest *ingest.Ingest
	Desk   *desk.Desk // for the doors of alarm systems
	Seal   *seal.Key  // opens the secrets of alarm systems
	Clock  func() time.Time
	Log    func(msg string, args ...any)
	// Worker returns the worker whose session cookie came with the request, 0 when
	// there is none, so that a signed-in worker's page can send without a token.
	Worker func(r *http.Request) (int64, error)
	// Calling reports whether a worker's call for help is open: his phone is then
	// asked to report more often. nil = nobody calls.
	Calling func(worker int64) bool
	// Address is the client's, as far as proxies can be trusted; nil = the peer's.
	Address func(r *http.Request) string
	Count   func(protocol, outcome string, n int) // unauthorized, unreadable, status; nil = not counted
}

// Uplink is the doors of devices.
type Uplink struct {
	d     Deps
	known keyring
	pool  sync.Pool // of *visit
	asked asked
}

// New makes the doors.
func New(d Deps) *Uplink {
	if d.Clock == nil {
		d.Clock = time.Now
	}
	if d.Log == nil {
		d.Log = func(string, ...any) {}
	}
	if d.Count == nil {
		d.Count = func(string, string, int) {}
	}
	u := &Uplink{d: d}
	if d.Calling == nil {
		u.d.Calling = func(int64) bool { return false }
	}
	u.known.by = map[[32]byte]key{}
	u.asked.of = map[int64]request{}
	u.pool.New = func() any { return &visit{} }
	return u
}

// Mount puts the doors on the main listener.
func (u *Uplink) Mount(mux *http.ServeMux) {
	mux.HandleFunc("/d/{token}", u.ServeHTTP)
	mux.HandleFunc("/d/{token}/{rest...}", u.ServeHTTP)
	for _, path := range []string{"/osmand", "/osmand/{$}", "/owntracks", "/owntracks/{$}", "/gpslogger", "/gpslogger/{$}"} {
		mux.HandleFunc(path, u.ServeHTTP)
	}
	mux.HandleFunc("POST /api/v1/fixes", u.ServeHTTP)
	mux.HandleFunc("POST /alarm-hook/{source}", u.serveAlarm)
}

// ServeHTTP serves every door. On a listener of its own, where nothing else
// is, any other path is OsmAnd's: its clients may be set to any.
func (u *Uplink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v := u.pool.Get().(*visit)
	v.reset(u, r)
	switch path := strings.TrimSuffix(r.URL.Path, "/"); {
	case strings.HasPrefix(r.URL.Path, "/d/"):
		v.pathToken, _, _ = strings.Cut(r.URL.Path[len("/d/"):], "/")
	case path == "/owntracks" || path == "/pub":
		v.door = "owntracks"
	case path == "/gpslogger":
		v.door = "gpslogger"
	case path == "/api/v1/fixes":
		v.door = "native"
	default:
		v.door = "osmand"
	}
	u.serve(w, r, v)
	if !v.kept {
		u.pool.Put(v)
	}
}

func (u *Uplink) serve(w http.ResponseWriter, r *http.Request, v *visit) {
	ctx := r.Context()
	bad := v.read(r)
	if bad == errGone {
		return
	}
	who, err := u.identify(r, v)
	if err != nil {
		u.later(w, err)
		return
	}
	if who.dev.ID == 0 {
		u.d.Count(v.doorOr("osmand"), "unauthorized", 1)
		w.Header().Set("WWW-Authenticate", `Basic realm="gridward", charset="UTF-8"`)
		http.Error(w, "unknown device credential", http.StatusUnauthorized)
		return
	}
	v.who = who
	var rec receipt
	if bad != nil {
		rec, err = u.hold(ctx, v, bad)
	} else {
		rec, err = u.take(ctx, v)
	}
	if err != nil {
		u.later(w, err)
		return
	}
	v.answer(w, rec, u.ask(ctx, v))
}

// receipt is what the native client reads.
type receipt struct {
	Stored      int             `json:"stored"`
	Duplicate   int             `json:"duplicate"`
	OffDuty     int             `json:"off_duty"`
	Quarantined []quarantinedAt `json:"quarantined"`
	IntervalS   int             `json:"interval_s"` // how often the client is asked to take a fix
	ServerTime  time.Time       `json:"server_time"`
}

type quarantinedAt struct {
	Index  int          `json:"index"` // of the fix; -1 = the whole request, or a session
	Reason fleet.Reason `json:"reason"`
}

// take decodes the visit's content and brings it to disk.
func (u *Uplink) take(ctx context.Context, v *visit) (receipt, error) {
	bads, err := v.decode()
	var bad *fleet.Unreadable
	if errors.As(err, &bad) {
		return u.hold(ctx, v, bad)
	}
	if err != nil {
		return receipt{}, err
	}
	rec := receipt{Quarantined: []quarantinedAt{}}
	for _, b := range bads {
		h := v.held(b.Reason, b.Detail)
		h.Query, h.Body, h.ContentType = "", b.Body, "application/json"
		if err := postgres.Hold(ctx, u.d.DB.Pool, h); err != nil {
			return rec, unavailable(err)
		}
		rec.Quarantined = append(rec.Quarantined, quarantinedAt{max(-1, b.Index), b.Reason})
	}
	if len(bads) > 0 {
		u.d.Count(v.protocol, "unreadable", len(bads))
	}
	v.batch.Refuse = v.held
	got, err := u.d.Ingest.Accept(ctx, v.who.dev, v.batch)
	if err != nil {
		// A visitor who left may have left his batch with a writer.
		v.kept = ctx.Err() != nil
		return rec, err
	}
	rec.Stored, rec.Duplicate, rec.OffDuty = got.Stored, got.Duplicate, got.OffDuty
	if got.Quarantined > 0 {
		rec.Quarantined = append(rec.Quarantined, quarantinedAt{-1, fleet.Refused})
	}
	return rec, nil
}

// hold puts the whole visit into quarantine.
func (u *Uplink) hold(ctx context.Context, v *visit, bad *fleet.Unreadable) (receipt, error) {
	if v.protocol == "" {
		v.protocol = v.doorOr(v.who.dev.Protocol)
	}
	u.d.Count(v.protocol, "unreadable", 1)
	if err := postgres.Hold(ctx, u.d.DB.Pool, v.held(bad.Reason, bad.Detail)); err != nil {
		return receipt{}, unavailable(err)
	}
	return receipt{Quarantined: []quarantinedAt{{-1, bad.Reason}}}, nil
}

func unavailable(err error) error {
	return fault.Because(err, fault.Busy, "服务繁忙，请稍后重发")
}

// later answers what may succeed when it is sent again: everything that goes
// wrong on our side.
func (u *Uplink) later(w http.ResponseWriter, err error) {
	if errors.Is(err, context.Canceled) {
		return // nobody listens any more
	}
	if !fault.Is(err, fault.Busy) {
		u.d.Log("uplink: a request could not be taken", "err", err)
	}
	w.Header().Set("Retry-After", "5")
	http.Error(w, "busy, send again later", http.StatusServiceUnavailable)
}

func (v *visit) answer(w http.ResponseWriter, rec receipt, ask request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	switch v.protocol {
	case "owntracks":
		h.Set("Content-Type", "application/json")
		b := ask.owntracks()
		h.Set("Content-Length", strconv.Itoa(len(b)))
		_, _ = w.Write(b)
	case "native":
		rec.IntervalS = int(ask.every / time.Second)
		rec.ServerTime = v.u.d.Clock().UTC().Truncate(time.Millisecond)
		b, _ := json.Marshal(rec)
		h.Set("Content-Type", "application/json")
		h.Set("Content-Length", strconv.Itoa(len(b)))
		_, _ = w.Write(b)
	default:
		h.Set("Content-Length", "0")
		w.WriteHeader(http.StatusOK)
	}
}

// Replay reads a record from quarantine again, as it came, with the device as it
// is registered now. What is read goes the way of every fix, and the record is
// decided; what still cannot be read stays held, and its reason is returned.
func (u *Uplink) Replay(ctx context.Context, id int64, scope []string, by int64) (outcome string, err error) {
	h, err := postgres.HeldByID(ctx, u.d.DB.Pool, id, scope)
	if err != nil {
		return "", err
	}
	if h.State != "held" {
		return "", fault.New(fault.Conflict, "这条记录已经处理过了")
	}
	if h.Source != 0 {
		return u.replayAlarm(ctx, h, by)
	}
	dev, secret, err := postgres.DeviceByID(ctx, u.d.DB.Pool, h.Device)
	if err != nil {
		return "", err
	}
	v := &visit{u: u, door: h.Protocol, query: h.Query, contentType: h.ContentType, method: h.Method, body: h.Body, who: keyFor(dev, secret)}
	bads, err := v.decode()
	var bad *fleet.Unreadable
	if errors.As(err, &bad) {
		return "", fault.New(fault.Invalid, "仍然无法识别：%s", fleet.Reasons[bad.Reason][0])
	}
	if err != nil {
		return "", err
	}
	if len(bads) > 0 {
		return "", fault.New(fault.Invalid, "仍然无法识别：%s", fleet.Reasons[bads[0].Reason][0])
	}
	got, err := u.d.Ingest.Accept(ctx, dev, v.batch)
	if err != nil {
		return "", err
	}
	outcome = "stored " + strconv.Itoa(got.Stored) + ", duplicate " + strconv.Itoa(got.Duplicate) + ", off duty " + strconv.Itoa(got.OffDuty)
	return outcome, postgres.DecideHeld(ctx, u.d.DB.Pool, id, "replayed", outcome, by, u.d.Clock())
}
