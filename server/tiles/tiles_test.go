package tiles

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/pgtest"
	"github.com/gridward/gridward/server/postgres"
)

// town has two communities side by side, and a little base map.
type town struct {
	tiles *Tiles
	mux   *http.ServeMux
	db    *postgres.DB
	path  map[string]string
	drawn atomic.Int64
	said  bytes.Buffer
}

func newTown(t *testing.T, catalogue string) *town {
	t.Helper()
	w := &town{db: pgtest.New(t), path: map[string]string{}, mux: http.NewServeMux()}
	one := func(dest any, sql string, args ...any) {
		t.Helper()
		if err := w.db.Pool.QueryRow(t.Context(), sql, args...).Scan(dest); err != nil {
			t.Fatalf("%v: %s", err, sql)
		}
	}
	var n int64
	street := pgtest.Street(t, w.db)
	w.path["street"] = fmt.Sprintf("%d.", street)
	for i, name := range []string{"东湖", "西山"} {
		var org, grid int64
		one(&org, `INSERT INTO org (region_id, parent_id, path, code, kind, name) VALUES ($1, $1, $3, $2, 'community', $3) RETURNING id`, street, fmt.Sprintf("99010100100%d", i+1), name)
		w.path[name] = fmt.Sprintf("%d.%d.", street, org)
		one(&n, `UPDATE org SET path = $2 WHERE id = $1 RETURNING id`, org, w.path[name])
		one(&grid, `INSERT INTO grid (region_id, org_id, code) VALUES ($1, $2, $3) RETURNING id`, street, org, fmt.Sprintf("99010100100%d001", i+1))
		lon := 114.20 + 0.002*float64(i)
		one(&n, `INSERT INTO grid_version (grid_id, version, name, setting, geom, label_point, area_m2) VALUES ($1, 1, $2, 'urban', ST_Multi(ST_MakeEnvelope($3, 22.6, $4, 22.602, 4326)), $5, 1) RETURNING version`,
			grid, name+"网格", lon, lon+0.002, orb.Point{lon + 0.001, 22.601})
	}
	one(&n, `INSERT INTO base_road (name, class, geom) VALUES ('明湖路', 'primary', ST_Transform(ST_SetSRID(ST_MakeLine(ST_MakePoint(114.2, 22.601), ST_MakePoint(114.204, 22.601)), 4326), 3857)) RETURNING id`)
	one(&n, `INSERT INTO base_road (name, class, geom) VALUES ('小径', 'footway', ST_Transform(ST_SetSRID(ST_MakeLine(ST_MakePoint(114.2, 22.6015), ST_MakePoint(114.204, 22.6015)), 4326), 3857)) RETURNING id`)
	var s string
	one(&s, `INSERT INTO base_source (name, attribution, licence) VALUES ('osm', '© OpenStreetMap contributors', 'ODbL') RETURNING name`)
	sources, err := ParseCatalogue([]byte(catalogue), func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	w.tiles = New(Deps{DB: w.db, Sources: sources, Log: slog.New(slog.NewTextHandler(&w.said, nil)), Observe: func(_, outcome string, _ time.Duration) {
		if outcome == "drawn" {
			w.drawn.Add(1)
		}
	}})
	w.tiles.Routes(w.mux)
	return w
}

func (w *town) get(ctx context.Context, path, orgPath string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(ctx, "GET", path, nil)
	if orgPath != "" {
		r = r.WithContext(access.With(r.Context(), access.Session{Principal: access.Principal{Account: 1, Posts: []access.Post{{Path: orgPath, Name: "某社区", Role: access.Station}}}}))
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	rec := httptest.NewRecorder()
	w.mux.ServeHTTP(rec, r)
	return rec
}

// at is the tile of the town at zoom 14: 114.202, 22.601.
const at = "14/13389/7135"

func TestATileHoldsTheCallersGridsAlone(t *testing.T) {
	t.Parallel()
	w := newTown(t, "")
	tags := map[string]string{}
	for who, words := range map[string]struct{ has, hasNot []string }{
		"street": {[]string{"东湖网格", "西山网格", "990101001001001", "grid_label", "community_label"}, nil},
		"东湖":     {[]string{"东湖网格"}, []string{"西山", "990101001002"}},
		"西山":     {[]string{"西山网格"}, []string{"东湖", "990101001001"}},
	} {
		for _, y := range []string{".mvt", ""} {
			rec := w.get(t.Context(), "/tiles/territory/"+at+y, w.path[who])
			body := rec.Body.String()
			if rec.Code != 200 || rec.Header().Get("Cache-Control") != "private, no-cache" || !strings.Contains(rec.Header().Get("Vary"), "Cookie") {
				t.Fatalf("%s: %d %v", who, rec.Code, rec.Header())
			}
			for _, word := range words.has {
				if !strings.Contains(body, word) {
					t.Errorf("%s: no %s", who, word)
				}
			}
			for _, word := range words.hasNot {
				if strings.Contains(body, word) {
					t.Errorf("%s: holds %s", who, word)
				}
			}
			tags[who] = rec.Header().Get("ETag")
		}
	}
	if tags["东湖"] == tags["西山"] || tags["东湖"] == tags["street"] {
		t.Errorf("scopes share an ETag: %v", tags)
	}
	if rec := w.get(t.Context(), "/tiles/territory/"+at, w.path["西山"], "If-None-Match", tags["东湖"]); rec.Code != 200 {
		t.Errorf("unchanged about another's tile: %d", rec.Code)
	}
	if rec := w.get(t.Context(), "/tiles/territory/"+at, w.path["西山"], "If-None-Match", `"x", W/`+tags["西山"]); rec.Code != 304 || rec.Body.Len() != 0 {
		t.Errorf("unchanged: %d", rec.Code)
	}
	if n := w.drawn.Load(); n != 3 {
		t.Errorf("drawn %d times, not once for each scope", n)
	}
	if _, err := w.db.Pool.Exec(t.Context(), `UPDATE territory_epoch SET epoch = epoch + 1`); err != nil {
		t.Fatal(err)
	}
	w.tiles.stampAt = time.Time{}
	if rec := w.get(t.Context(), "/tiles/territory/"+at, w.path["西山"], "If-None-Match", tags["西山"]); rec.Code != 200 {
		t.Errorf("a changed territory is unchanged: %d", rec.Code)
	}
}

func TestWhoGetsTilesAtAll(t *testing.T) {
	t.Parallel()
	w := newTown(t, "")
	for path, want := range map[string]int{
		"/tiles/territory/" + at:          200,
		"/tiles/ground/" + at + ".mvt":    200,
		"/tiles/ground/14/0/0.mvt":        204,
		"/tiles/ground/19/0/0.mvt":        404,
		"/tiles/ground/3/8/0.mvt":         404,
		"/tiles/ground/3/-1/0.mvt":        404,
		"/tiles/ground/x/0/0.mvt":         404,
		"/tiles/source/nowhere/3/0/0":     404,
		"/tiles/pmtiles/../../etc/passwd": 307, // the mux cleans the path first
		"/tiles/pmtiles/nowhere":          404,
	} {
		if rec := w.get(t.Context(), path, w.path["street"]); rec.Code != want {
			t.Errorf("%s: %d, want %d", path, rec.Code, want)
		}
		if rec := w.get(t.Context(), path, ""); rec.Code != 401 && want != 307 {
			t.Errorf("%s as nobody: %d", path, rec.Code)
		}
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if rec := w.get(gone, "/tiles/territory/13/6694/3567", w.path["street"]); rec.Body.Len() != 0 {
		t.Error("a caller that left was answered")
	}
}

func TestEachZoomShowsWhatItCanCarry(t *testing.T) {
	t.Parallel()
	w := newTown(t, "")
	far := w.get(t.Context(), "/tiles/ground/12/3347/1783.mvt", w.path["street"]).Body.String()
	near := w.get(t.Context(), "/tiles/ground/15/26778/14271.mvt", w.path["street"]).Body.String()
	if !strings.Contains(far, "明湖路") || strings.Contains(far, "小径") {
		t.Errorf("zoom 12: %q", far)
	}
	if !strings.Contains(near, "明湖路") || !strings.Contains(near, "小径") {
		t.Errorf("zoom 15: %q", near)
	}
	packed := w.get(t.Context(), "/tiles/ground/15/26778/14271.mvt", w.path["street"], "Accept-Encoding", "gzip")
	zip, err := gzip.NewReader(packed.Body)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(zip); err != nil || string(b) != near {
		t.Error("packed and plain differ", err)
	}
}

func TestOtherPeoplesMapsComeThroughUs(t *testing.T) {
	t.Parallel()
	png := "\x89PNG\r\n\x1a\n" + strings.Repeat("x", 100)
	var asked atomic.Int64
	answer := atomic.Pointer[http.HandlerFunc]{}
	set := func(h http.HandlerFunc) { answer.Store(&h) }
	theirs := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		(*answer.Load())(w, r)
	}))
	defer theirs.Close()
	w := newTown(t, fmt.Sprintf(`{"sources":[
		{"id":"city","url":"%s/tile?z={z}&x={x}&y={y}&tk=topsecret","header":{"Referer":"https://map.example"},"minzoom":3,"maxzoom":17},
		{"id":"latlon","grid":"c4490","url":"%s/c?z={z}&x={x}&y={y}&tk=topsecret"}]}`, theirs.URL, theirs.URL))
	street := w.path["street"]
	set(func(o http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("tk") != "topsecret" || r.Header.Get("Referer") == "" || r.Header.Get("Cookie") != "" {
			o.WriteHeader(400)
			return
		}
		o.Header().Set("Content-Type", "text/html") // what it says is not believed
		_, _ = io.WriteString(o, png)
	})
	for range 3 {
		rec := w.get(t.Context(), "/tiles/source/city/5/26/13", street, "Cookie", "gridward=secret")
		if rec.Code != 200 || rec.Body.String() != png || rec.Header().Get("Content-Type") != "image/png" || !strings.HasPrefix(rec.Header().Get("Cache-Control"), "private") {
			t.Fatalf("%d %v", rec.Code, rec.Header())
		}
	}
	if asked.Load() != 1 {
		t.Errorf("asked %d times for one tile", asked.Load())
	}
	for _, path := range []string{"/tiles/source/city/2/0/0", "/tiles/source/city/18/0/0", "/tiles/source/latlon/5/3/16", "/tiles/source/latlon/0/0/0"} {
		if rec := w.get(t.Context(), path, street); rec.Code != 404 {
			t.Errorf("%s: %d", path, rec.Code)
		}
	}
	set(func(o http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(o, "<html><script>alert(1)</script>")
	})
	if rec := w.get(t.Context(), "/tiles/source/city/5/0/1", street); rec.Code != 503 || strings.Contains(rec.Body.String(), "script") {
		t.Errorf("a page in place of a tile: %d %s", rec.Code, rec.Body)
	}
	set(func(o http.ResponseWriter, r *http.Request) {
		http.Redirect(o, r, "http://127.0.0.1:1/x?tk=topsecret", 302)
	})
	if rec := w.get(t.Context(), "/tiles/source/city/5/0/2", street); rec.Code != 503 {
		t.Errorf("sent elsewhere: %d", rec.Code)
	}
	set(func(o http.ResponseWriter, _ *http.Request) { o.WriteHeader(http.StatusTeapot) })
	before := asked.Load()
	for y := range 3 {
		rec := w.get(t.Context(), fmt.Sprintf("/tiles/source/city/5/1/%d", y), street)
		if rec.Code != 503 || rec.Header().Get("Retry-After") == "" {
			t.Errorf("out of quota: %d %v", rec.Code, rec.Header())
		}
	}
	if asked.Load() != before+1 {
		t.Error("asked again although the quota is used up")
	}
	if rec := w.get(t.Context(), "/tiles/source/city/5/26/13", street); rec.Code != 200 {
		t.Errorf("a tile that we have, during the pause: %d", rec.Code)
	}
	shown, err := w.tiles.Shown(t.Context(), access.Session{Principal: access.Principal{Posts: []access.Post{{Path: w.path["东湖"], Name: "东湖", Role: access.Station}}}})
	if err != nil {
		t.Fatal(err)
	}
	if told := fmt.Sprintf("%+v", shown) + w.said.String(); strings.Contains(told, "topsecret") || strings.Contains(told, "tk=") {
		t.Errorf("the key is told: %s", told)
	}
	if shown.Default != "ground" || shown.Bounds[2] > 114.2021 || !strings.Contains(shown.Attribution, "OpenStreetMap") || len(shown.Sources) != 4 {
		t.Errorf("%+v", shown)
	}
}

func TestAnArchiveIsReadByRanges(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "town.pmtiles")
	if err := os.WriteFile(file, []byte("PMTiles0123456789"), 0o600); err != nil {
		t.Fatal(err)
	}
	w := newTown(t, fmt.Sprintf(`{"default":"town","sources":[{"id":"town","kind":"pmtiles","file":%q}]}`, file))
	rec := w.get(t.Context(), "/tiles/pmtiles/town", w.path["street"], "Range", "bytes=0-6")
	if rec.Code != 206 || rec.Body.String() != "PMTiles" {
		t.Errorf("%d %q", rec.Code, rec.Body)
	}
}

func TestTheFileOfMapSources(t *testing.T) {
	none := func(string) string { return "" }
	for sentence, c := range map[string]struct{ file, want string }{
		"nothing is fine":              {``, ""},
		"an empty file is fine":        {`{}`, ""},
		"a word nobody knows":          {`{"sauces":[]}`, "unknown field"},
		"no address":                   {`{"sources":[{"id":"a"}]}`, "http address"},
		"a local file by http":         {`{"sources":[{"id":"a","url":"file:///etc/{z}/{x}/{y}"}]}`, "http address"},
		"no place for x":               {`{"sources":[{"id":"a","url":"http://h/{z}/{y}"}]}`, "{x}"},
		"hosts without {s}":            {`{"sources":[{"id":"a","url":"http://h/{z}/{x}/{y}","hosts":["t0"]}]}`, "belong together"},
		"an id that would be a path":   {`{"sources":[{"id":"../a","url":"http://h/{z}/{x}/{y}"}]}`, "small letters"},
		"an id twice":                  {`{"sources":[{"id":"ground","url":"http://h/{z}/{x}/{y}"}]}`, "taken"},
		"a default that is not there":  {`{"default":"moon"}`, "moon"},
		"labels that are not there":    {`{"sources":[{"id":"a","url":"http://h/{z}/{x}/{y}","labels":"b"}]}`, "labels"},
		"an archive that is not there": {`{"sources":[{"id":"a","kind":"pmtiles","file":"/nowhere"}]}`, "no file"},
	} {
		_, err := ParseCatalogue([]byte(c.file), none)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", sentence, err)
		}
	}
	c, err := ParseCatalogue(nil, func(name string) string { return map[string]string{"GRIDWARD_TIANDITU_KEY": "k&y"}[name] })
	if err != nil || len(c.Sources) != 8 {
		t.Fatal(err, len(c.Sources))
	}
	if u := c.Sources[0].URL; u != "https://{s}.tianditu.gov.cn/vec_w/wmts?SERVICE=WMTS&REQUEST=GetTile&VERSION=1.0.0&LAYER=vec&STYLE=default&TILEMATRIXSET=w&FORMAT=tiles&TILECOL={x}&TILEROW={y}&TILEMATRIX={z}&tk=k%26y" {
		t.Error(u)
	}
}
