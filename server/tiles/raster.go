package tiles

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gridward/gridward/server/fault"
)

const (
	foreignTileBytes = 2 << 20
	foreignPause     = time.Minute // after "too many requests", unless told how long
)

// newClient talks to other people's tile servers: briefly, and never follows
// them to another host.
func newClient() *http.Client {
	return &http.Client{
		Timeout:   10 * time.Second,
		Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: 4 * time.Second}).DialContext, MaxConnsPerHost: 8, IdleConnTimeout: time.Minute, TLSHandshakeTimeout: 5 * time.Second},
		CheckRedirect: func(next *http.Request, via []*http.Request) error {
			if len(via) > 3 || next.URL.Host != via[0].URL.Host {
				return errors.New("the tile server sends us elsewhere")
			}
			return nil
		},
	}
}

// pauses remembers which servers asked to be left alone, and until when.
type pauses struct {
	mu    sync.Mutex
	until map[string]time.Time
}

func (p *pauses) left(id string, now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.until[id].Sub(now)
}

func (p *pauses) set(id string, until time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.until[id] = until
}

func (t *Tiles) source(id, kind string) (Source, error) {
	for _, s := range t.Sources.Sources {
		if s.ID == id && s.Kind == kind {
			return s, nil
		}
	}
	return Source{}, fault.New(fault.Missing, "没有这个底图")
}

// raster passes on a tile of somebody else's server.
func (t *Tiles) raster(w http.ResponseWriter, r *http.Request) {
	began := t.Clock()
	outcome, err := t.sendRaster(w, r)
	if err != nil {
		outcome = "failed"
		t.refuse(w, r, err)
	}
	t.Observe("source", outcome, t.Clock().Sub(began))
}

func (t *Tiles) sendRaster(w http.ResponseWriter, r *http.Request) (string, error) {
	if _, err := viewer(r); err != nil {
		return "", err
	}
	s, err := t.source(r.PathValue("id"), "raster")
	if err != nil {
		return "", err
	}
	z, x, y, err := coordinates(r)
	if err == nil && (z < s.MinZoom || z > s.MaxZoom || s.Grid == "c4490" && (z < 1 || y >= 1<<(z-1))) {
		err = fault.New(fault.Missing, "没有这个图块")
	}
	if err != nil {
		return "", err
	}
	key := fmt.Sprintf("%s/%d/%d/%d", s.ID, z, x, y)
	outcome := "kept"
	got, ok := t.foreign.get(key)
	if !ok {
		outcome = "drawn"
		if left := t.pause.left(s.ID, t.Clock()); left > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(left/time.Second)+1))
			return "", fault.New(fault.Busy, "底图服务的配额已用完，请稍后再试")
		}
		if got, err = t.fetch(r.Context(), w, s, z, x, y); err != nil {
			return "", err
		}
		t.foreign.put(key, got)
	}
	sum := sha256.Sum256(got.body)
	h := w.Header()
	h.Set("ETag", fmt.Sprintf(`"%x"`, sum[:12]))
	h.Set("Cache-Control", "private, max-age=86400")
	h.Set("Vary", "Cookie")
	if matchesTag(r.Header.Get("If-None-Match"), h.Get("ETag")) {
		w.WriteHeader(http.StatusNotModified)
		return "unchanged", nil
	}
	return outcome, send(w, r, got)
}

// fetch asks the source's server. Its address holds a key: no error of ours repeats it.
func (t *Tiles) fetch(ctx context.Context, w http.ResponseWriter, s Source, z, x, y int) (tile, error) {
	host := ""
	if len(s.Hosts) > 0 {
		host = s.Hosts[(x+y)%len(s.Hosts)] // always the same one for a tile, for the caches in between
	}
	address := strings.NewReplacer("{s}", host, "{z}", strconv.Itoa(z), "{x}", strconv.Itoa(x), "{y}", strconv.Itoa(y)).Replace(s.URL)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return tile{}, fmt.Errorf("the address of map source %s is malformed", s.ID)
	}
	req.Header.Set("User-Agent", "Gridward tile proxy")
	for k, v := range s.Header {
		req.Header.Set(k, v)
	}
	away := func(cause error) (tile, error) {
		var wrapped *url.Error
		if errors.As(cause, &wrapped) {
			cause = wrapped.Err
		}
		if ctx.Err() == nil {
			t.Log.WarnContext(ctx, "a map source does not answer", "source", s.ID, "err", cause)
		}
		return tile{}, fault.New(fault.Busy, "底图服务暂时无法访问")
	}
	resp, err := t.Client.Do(req)
	if err != nil {
		return away(err)
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusTeapot: // 天地图 says 418 when the day's quota is gone
		wait := foreignPause
		if n, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && n > 0 && n <= 86400 {
			wait = time.Duration(n) * time.Second
		}
		t.pause.set(s.ID, t.Clock().Add(wait))
		t.Log.WarnContext(ctx, "a map source's quota is used up", "source", s.ID, "pause", wait)
		w.Header().Set("Retry-After", strconv.Itoa(int(wait/time.Second)))
		return tile{}, fault.New(fault.Busy, "底图服务的配额已用完，请稍后再试")
	case resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusNoContent:
		return tile{}, fault.New(fault.Missing, "没有这个图块")
	case resp.StatusCode != http.StatusOK:
		return away(fmt.Errorf("it answered %d", resp.StatusCode))
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, foreignTileBytes+1))
	if err != nil {
		return away(err)
	}
	if len(body) > foreignTileBytes {
		return away(errors.New("its tile is too large"))
	}
	// What it says it sends is not believed: a page with an excuse, or with a script, is no tile.
	mime := http.DetectContentType(body)
	if mime != "image/png" && mime != "image/jpeg" && mime != "image/webp" && mime != "image/gif" {
		return away(fmt.Errorf("it sent %q in place of a picture", mime))
	}
	return tile{body: body, mime: mime}, nil
}

// archive serves a PMTiles file by ranges.
func (t *Tiles) archive(w http.ResponseWriter, r *http.Request) {
	err := func() error {
		if _, err := viewer(r); err != nil {
			return err
		}
		s, err := t.source(r.PathValue("id"), "pmtiles")
		if err != nil {
			return err
		}
		f, err := os.Open(s.File)
		if err != nil {
			return fault.Because(err, fault.Missing, "没有这个底图")
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return fmt.Errorf("look at the archive of map source %s: %w", s.ID, err)
		}
		h := w.Header()
		h.Set("Content-Type", "application/octet-stream")
		h.Set("Cache-Control", "private, max-age=3600")
		h.Set("ETag", fmt.Sprintf(`"%x-%x"`, info.Size(), info.ModTime().UnixNano()))
		http.ServeContent(w, r, "", info.ModTime(), f)
		return nil
	}()
	if err != nil {
		t.refuse(w, r, err)
	}
}
