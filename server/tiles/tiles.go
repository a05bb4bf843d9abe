// Package tiles serves what the map is drawn on: vector tiles of slow things
// (the base map, the grids of the caller's scope) drawn by PostGIS, and raster
// tiles of others fetched on the caller's behalf, so that keys and hosts stay
// on the server and the pages need to reach nothing but us.
//
// Tiles are private. A tile of the territory is drawn for a scope; its ETag
// carries the scope and the territory's epoch, so that a browser that changes
// hands can never be told "unchanged" about another's tile. A request that is
// given up cancels its drawing.
package tiles

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/postgres"
)

// Deps is what tiles are made from.
type Deps struct {
	DB      *postgres.DB
	Clock   func() time.Time
	Log     *slog.Logger
	Sources Catalogue
	// Observe is told of every tile: the set, its outcome (drawn, kept,
	// unchanged, empty, failed) and how long it took. It may be nil.
	Observe func(set, outcome string, took time.Duration)
	Client  *http.Client // for other people's tiles; nil = one with sane limits
}

// Tiles answers for tiles.
type Tiles struct {
	Deps
	drawn   *cache // ours
	foreign *cache // others'
	pens    chan struct{}
	pause   pauses

	mu      sync.Mutex
	stamp   postgres.MapStamp
	stampAt time.Time
	extents map[string][]float64
}

const (
	drawnBytes   = 96 << 20
	foreignBytes = 128 << 20
	penCount     = 4 // drawings at a time: the rest of the pool is for fixes and people
	stampEvery   = 2 * time.Second
	drawFor      = 15 * time.Second
	maxZoom      = 18
)

// New makes the door.
func New(d Deps) *Tiles {
	if d.Clock == nil {
		d.Clock = time.Now
	}
	if d.Log == nil {
		d.Log = slog.Default()
	}
	if d.Observe == nil {
		d.Observe = func(string, string, time.Duration) {}
	}
	if d.Sources.Default == "" {
		d.Sources.Default = "ground"
	}
	if d.Client == nil {
		d.Client = newClient()
	}
	return &Tiles{Deps: d, drawn: newCache(drawnBytes), foreign: newCache(foreignBytes), pens: make(chan struct{}, penCount), extents: map[string][]float64{}, pause: pauses{until: map[string]time.Time{}}}
}

// Routes mounts the tiles on mux.
func (t *Tiles) Routes(mux *http.ServeMux) {
	mux.HandleFunc("GET /tiles/ground/{z}/{x}/{y}", t.vector("ground"))
	mux.HandleFunc("GET /tiles/territory/{z}/{x}/{y}", t.vector("territory"))
	mux.HandleFunc("GET /tiles/source/{id}/{z}/{x}/{y}", t.raster)
	mux.HandleFunc("GET /tiles/pmtiles/{id}", t.archive)
}

// viewer returns who asks, when they may see a map.
func viewer(r *http.Request) (access.Session, error) {
	who, ok := access.From(r.Context())
	switch {
	case !ok:
		return who, fault.New(fault.Unknown, "请先登录")
	case who.MustChange:
		return who, fault.New(fault.Denied, "请先修改初始密码")
	case !who.Has(access.SeeMap) && !who.Has(access.OnDuty):
		return who, fault.New(fault.Denied, "您没有查看地图的权限")
	}
	return who, nil
}

// coordinates reads z, x and y; y may carry an extension.
func coordinates(r *http.Request) (z, x, y int, err error) {
	name := r.PathValue("y")
	if i := strings.IndexByte(name, '.'); i >= 0 {
		name = name[:i]
	}
	z, e1 := strconv.Atoi(r.PathValue("z"))
	x, e2 := strconv.Atoi(r.PathValue("x"))
	y, e3 := strconv.Atoi(name)
	if errors.Join(e1, e2, e3) != nil || z < 0 || z > maxZoom || x < 0 || y < 0 || x >= 1<<z || y >= 1<<z {
		return 0, 0, 0, fault.New(fault.Missing, "没有这个图块")
	}
	return z, x, y, nil
}

// dates returns the map's stamp, at most two seconds old.
func (t *Tiles) dates(ctx context.Context) (postgres.MapStamp, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.Clock()
	if !t.stampAt.IsZero() && now.Sub(t.stampAt) < stampEvery {
		return t.stamp, nil
	}
	s, err := postgres.ReadMapStamp(ctx, t.DB.Pool)
	if err != nil {
		return s, err
	}
	if s.Epoch != t.stamp.Epoch {
		clear(t.extents)
	}
	t.stamp, t.stampAt = s, now
	return s, nil
}

func (t *Tiles) vector(set string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		began := t.Clock()
		outcome, err := t.sendVector(w, r, set)
		if err != nil {
			outcome = "failed"
			t.refuse(w, r, err)
		}
		t.Observe(set, outcome, t.Clock().Sub(began))
	}
}

func (t *Tiles) sendVector(w http.ResponseWriter, r *http.Request, set string) (string, error) {
	who, err := viewer(r)
	if err != nil {
		return "", err
	}
	z, x, y, err := coordinates(r)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(r.Context(), drawFor)
	defer cancel()
	stamp, err := t.dates(ctx)
	if err != nil {
		return "", err
	}
	var scope []string
	key := fmt.Sprintf("ground/%d/%d/%d/%d", stamp.Imported.UnixMicro(), z, x, y)
	if set == "territory" {
		scope = territoryScope(who)
		key = fmt.Sprintf("territory/%s/%d/%d/%d/%d", strings.Join(scope, "|"), stamp.Epoch, z, x, y)
	}
	sum := sha256.Sum256([]byte(key))
	h := w.Header()
	h.Set("ETag", fmt.Sprintf(`"%x"`, sum[:12]))
	h.Set("Vary", "Cookie, Accept-Encoding")
	h.Set("Cache-Control", "private, no-cache")
	if set == "ground" { // nobody's secret, and rarely new
		h.Set("Cache-Control", "private, max-age=600")
	}
	if matchesTag(r.Header.Get("If-None-Match"), h.Get("ETag")) {
		w.WriteHeader(http.StatusNotModified)
		return "unchanged", nil
	}
	outcome := "kept"
	drawing, ok := t.drawn.get(key)
	if !ok {
		outcome = "drawn"
		if drawing, err = t.draw(ctx, set, z, x, y, scope); err != nil {
			return "", err
		}
		t.drawn.put(key, drawing)
	}
	if len(drawing.body) == 0 {
		w.WriteHeader(http.StatusNoContent)
		return "empty", nil
	}
	return outcome, send(w, r, drawing)
}

// territoryScope is where the caller sees grids: workers without a map of their
// own see their organisation's.
func territoryScope(who access.Session) []string {
	return access.Outermost(append(who.Scope(access.SeeMap), who.Scope(access.OnDuty)...))
}

func matchesTag(header, tag string) bool {
	for _, have := range strings.Split(header, ",") {
		have = strings.TrimPrefix(strings.TrimSpace(have), "W/")
		if have == tag || have == "*" {
			return true
		}
	}
	return false
}

// draw asks PostGIS for the tile, a few at a time, and packs it.
func (t *Tiles) draw(ctx context.Context, set string, z, x, y int, scope []string) (tile, error) {
	select {
	case t.pens <- struct{}{}:
		defer func() { <-t.pens }()
	case <-ctx.Done():
		return tile{}, fault.Because(ctx.Err(), fault.Busy, "图块排队过久，请稍后再试")
	}
	unit := 2 * math.Pi * 6378137 / float64(int(1)<<z) / 4096 // metres of Mercator a step of the tile's own grid
	var (
		raw []byte
		err error
	)
	if set == "territory" {
		raw, err = postgres.TerritoryTile(ctx, t.DB.Pool, z, x, y, scope, unit*2)
	} else {
		raw, err = postgres.GroundTile(ctx, t.DB.Pool, z, x, y, look(z, unit))
	}
	if err != nil || len(raw) == 0 {
		return tile{mime: vectorMime, packed: true}, err
	}
	var b bytes.Buffer
	zip, _ := gzip.NewWriterLevel(&b, 5)
	if _, err := zip.Write(raw); err != nil {
		return tile{}, err
	}
	if err := zip.Close(); err != nil {
		return tile{}, err
	}
	return tile{b.Bytes(), vectorMime, true}, nil
}

const vectorMime = "application/vnd.mapbox-vector-tile"

// roadsFrom is the zoom from which a class of road is drawn; all others come at 15.
var roadsFrom = []struct {
	zoom    int
	classes []string
}{
	{0, []string{"motorway", "trunk", "rail"}},
	{10, []string{"motorway_link", "trunk_link", "primary", "river"}},
	{11, []string{"secondary", "primary_link"}},
	{12, []string{"tertiary", "secondary_link"}},
	{13, []string{"residential", "unclassified", "tertiary_link", "living_street", "road"}},
	{14, []string{"pedestrian", "service", "canal", "stream"}},
}

// look is what a zoom shows of the base map.
func look(z int, unit float64) postgres.GroundLook {
	l := postgres.GroundLook{Tolerance: unit * 3, AllRoads: z >= 15, Roads: []string{}, Areas: []string{"water", "green"}}
	for _, r := range roadsFrom {
		if z >= r.zoom {
			l.Roads = append(l.Roads, r.classes...)
		}
	}
	if z >= 11 {
		l.Areas = append(l.Areas, "residential", "industrial", "school", "other")
	}
	if z >= 14 {
		l.Areas = append(l.Areas, "building")
	}
	pixel := unit * 16 // of a 256-pixel tile
	if z < 16 {
		l.MinArea = pixel * pixel * 6
	}
	l.MaxRank = max(0, z-11) // ranks go from 1 to 5
	if z >= 16 {
		l.MaxRank = 100
	}
	return l
}

// send writes a tile, unpacked for the rare client that does not take gzip.
func send(w http.ResponseWriter, r *http.Request, d tile) error {
	h := w.Header()
	h.Set("Content-Type", d.mime)
	body := d.body
	if d.packed {
		if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			h.Set("Content-Encoding", "gzip")
		} else {
			zip, err := gzip.NewReader(bytes.NewReader(body))
			if err != nil {
				return fmt.Errorf("unpack a tile: %w", err)
			}
			if body, err = io.ReadAll(zip); err != nil {
				return fmt.Errorf("unpack a tile: %w", err)
			}
		}
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body) // the client may have left
	return nil
}

// refuse answers an error; a caller that has gone away gets, and costs, nothing.
func (t *Tiles) refuse(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		return
	}
	status, kind, detail := http.StatusInternalServerError, fault.Of(err), "服务器出错了，请稍后再试"
	if public, ok := fault.Public(err); ok {
		detail = public
		status = map[fault.Kind]int{fault.Invalid: 422, fault.Unknown: 401, fault.Denied: 403, fault.Missing: 404, fault.Conflict: 409, fault.Busy: 503}[kind]
	} else if postgres.Unavailable(err) {
		status, kind, detail = http.StatusServiceUnavailable, fault.Busy, "数据库暂时无法访问，请稍后再试"
	} else {
		t.Log.ErrorContext(r.Context(), "a tile could not be drawn", "path", r.URL.Path, "err", err)
	}
	h := w.Header()
	h.Del("ETag")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "application/problem+json")
	if status == http.StatusServiceUnavailable && h.Get("Retry-After") == "" {
		h.Set("Retry-After", "2")
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"status": status, "title": http.StatusText(status), "detail": detail, "kind": kind})
}
