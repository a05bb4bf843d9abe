package tiles

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/territory"
)

// Catalogue is the base maps there are and what the map must say. It is read
// from a JSON file; the keys and hosts in it never leave the server.
type Catalogue struct {
	Default      string   `json:"default"`
	ReviewNumber string   `json:"review_number"` // 审图号
	Notice       string   `json:"notice"`
	RegionName   string   `json:"region_name"`
	TiandituKey  string   `json:"tianditu_key"` // makes the presets of 天地图
	Sources      []Source `json:"sources"`
}

// Source is a base map of somebody else's.
type Source struct {
	ID          string             `json:"id"`
	Title       territory.Title    `json:"title"`
	Kind        string             `json:"kind"` // raster (default) or pmtiles
	Grid        string             `json:"grid"` // webmercator (default), c4490 or gcj02
	URL         string             `json:"url"`  // raster: with {z} {x} {y}, and {s} for one of Hosts
	Hosts       []string           `json:"hosts"`
	Header      map[string]string  `json:"header"`
	File        string             `json:"file"` // pmtiles: on this machine
	MinZoom     int                `json:"minzoom"`
	MaxZoom     int                `json:"maxzoom"`
	TileSize    int                `json:"tileSize"`
	Attribution string             `json:"attribution"`
	Labels      string             `json:"labels"`
	Dark        map[string]float64 `json:"dark"`
}

// darkRaster makes a daylight map fit a night screen (MapLibre's raster paint).
func darkRaster() map[string]float64 {
	return map[string]float64{"raster-brightness-max": 0.35, "raster-saturation": -0.6, "raster-contrast": 0.1}
}

// tianditu are the presets: the map and its labels, in Web Mercator (w) and in
// CGCS2000 (c, whose levels begin at 1).
func tianditu(key string) []Source {
	layer := func(name, matrix, zh, en, labels string) Source {
		s := Source{
			ID: "tianditu-" + name + "-" + matrix, Title: territory.Title{ZH: zh, EN: en}, Kind: "raster", Grid: "webmercator", MinZoom: 1, MaxZoom: 18, TileSize: 256,
			Hosts: []string{"t0", "t1", "t2", "t3", "t4", "t5", "t6", "t7"}, Attribution: "天地图", Dark: darkRaster(),
			URL: fmt.Sprintf("https://{s}.tianditu.gov.cn/%s_%s/wmts?SERVICE=WMTS&REQUEST=GetTile&VERSION=1.0.0&LAYER=%s&STYLE=default&TILEMATRIXSET=%s&FORMAT=tiles&TILECOL={x}&TILEROW={y}&TILEMATRIX={z}&tk=%s",
				name, matrix, name, matrix, url.QueryEscape(key)),
		}
		if matrix == "c" {
			s.Grid = "c4490"
		}
		if labels != "" {
			s.Labels = "tianditu-" + labels + "-" + matrix
		}
		if name == "cva" || name == "cia" {
			s.Dark = nil
		}
		return s
	}
	list := []Source{}
	for _, m := range []struct{ matrix, zh, en string }{{"w", "", ""}, {"c", "（经纬度）", " (lat/lon)"}} {
		list = append(list,
			layer("vec", m.matrix, "天地图矢量"+m.zh, "Tianditu map"+m.en, "cva"), layer("cva", m.matrix, "天地图矢量注记"+m.zh, "Tianditu map labels"+m.en, ""),
			layer("img", m.matrix, "天地图影像"+m.zh, "Tianditu imagery"+m.en, "cia"), layer("cia", m.matrix, "天地图影像注记"+m.zh, "Tianditu imagery labels"+m.en, ""))
	}
	return list
}

var sourceID = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}$`)

// ParseCatalogue reads the file of base maps; nil makes the one without any.
// "env:NAME" in a key, an address or a header is replaced from the environment.
// All problems are reported at once.
func ParseCatalogue(b []byte, env func(string) string) (Catalogue, error) {
	var c Catalogue
	if len(b) > 0 {
		d := json.NewDecoder(bytes.NewReader(b))
		d.DisallowUnknownFields()
		if err := d.Decode(&c); err != nil {
			return c, fmt.Errorf("read the map sources: %w", err)
		}
	}
	fill := func(s string) string {
		if name, ok := strings.CutPrefix(s, "env:"); ok {
			return env(name)
		}
		return s
	}
	if c.TiandituKey = fill(c.TiandituKey); c.TiandituKey == "" {
		c.TiandituKey = env("GRIDWARD_TIANDITU_KEY")
	}
	if c.TiandituKey != "" {
		c.Sources = append(c.Sources, tianditu(c.TiandituKey)...)
	}
	var errs []error
	seen := map[string]bool{"ground": true, "none": true}
	for i := range c.Sources {
		s := &c.Sources[i]
		bad := func(format string, args ...any) {
			errs = append(errs, fmt.Errorf("map source %d (%q): %s", i+1, s.ID, fmt.Sprintf(format, args...)))
		}
		if !sourceID.MatchString(s.ID) {
			bad("id must be small letters, digits and hyphens")
		}
		if seen[s.ID] {
			bad("the id is taken")
		}
		seen[s.ID] = true
		if s.Kind == "" {
			s.Kind = "raster"
		}
		if s.Grid == "" {
			s.Grid = "webmercator"
		}
		if !slices.Contains([]string{"webmercator", "c4490", "gcj02"}, s.Grid) {
			bad("there is no grid %q", s.Grid)
		}
		if s.MaxZoom == 0 {
			s.MaxZoom = maxZoom
		}
		if s.TileSize == 0 {
			s.TileSize = 256
		}
		if s.MinZoom < 0 || s.MaxZoom > 22 || s.MinZoom > s.MaxZoom {
			bad("zooms %d to %d cannot be", s.MinZoom, s.MaxZoom)
		}
		for k, v := range s.Header {
			s.Header[k] = fill(v)
		}
		switch s.Kind {
		case "raster":
			s.URL = fill(s.URL)
			u, err := url.Parse(strings.NewReplacer("{s}", "s", "{z}", "1", "{x}", "1", "{y}", "1").Replace(s.URL))
			if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
				bad("url must be an http address")
			}
			if !strings.Contains(s.URL, "{z}") || !strings.Contains(s.URL, "{x}") || !strings.Contains(s.URL, "{y}") {
				bad("url must hold {z}, {x} and {y}")
			}
			if strings.Contains(s.URL, "{s}") != (len(s.Hosts) > 0) {
				bad("{s} in the url and hosts belong together")
			}
		case "pmtiles":
			if info, err := os.Stat(s.File); err != nil || info.IsDir() {
				bad("there is no file %q", s.File)
			}
		default:
			bad("there is no kind %q", s.Kind)
		}
	}
	for _, s := range c.Sources {
		if s.Labels != "" && !seen[s.Labels] {
			errs = append(errs, fmt.Errorf("map source %q: its labels %q are not there", s.ID, s.Labels))
		}
	}
	if c.Default == "" {
		c.Default = "ground"
	}
	if !seen[c.Default] {
		errs = append(errs, fmt.Errorf("the default map source %q is not there", c.Default))
	}
	return c, errors.Join(errs...)
}

// Shown is what the pages are told: no key, no host, and the box around what
// the caller may see.
func (t *Tiles) Shown(ctx context.Context, who access.Session) (territory.MapSources, error) {
	stamp, err := t.dates(ctx)
	if err != nil {
		return territory.MapSources{}, err
	}
	c := t.Sources
	ground := strings.Join(slices.Compact(slices.Sorted(slices.Values(stamp.Attribution))), " · ")
	m := territory.MapSources{
		Default: c.Default, ReviewNumber: c.ReviewNumber, Attribution: ground, Notice: c.Notice, RegionName: c.RegionName,
		Sources: []territory.MapSource{{ID: "ground", Title: territory.Title{ZH: "本地底图", EN: "Local base map"}, Kind: "vector", Grid: "webmercator", URL: "/tiles/ground/{z}/{x}/{y}.mvt", MinZoom: 6, MaxZoom: 16, TileSize: 512, Attribution: ground}},
	}
	if m.RegionName == "" && len(who.Posts) > 0 {
		m.RegionName = who.Posts[0].Name
	}
	for _, s := range c.Sources {
		shown := territory.MapSource{ID: s.ID, Title: s.Title, Kind: s.Kind, Grid: s.Grid, URL: "/tiles/source/" + s.ID + "/{z}/{x}/{y}", MinZoom: s.MinZoom, MaxZoom: s.MaxZoom, TileSize: s.TileSize, Attribution: s.Attribution, Labels: s.Labels, Dark: s.Dark}
		if s.Kind == "pmtiles" {
			shown.URL = "/tiles/pmtiles/" + s.ID
		}
		m.Sources = append(m.Sources, shown)
	}
	m.Sources = append(m.Sources, territory.MapSource{ID: "none", Title: territory.Title{ZH: "无底图", EN: "No base map"}, Kind: "none", Grid: "webmercator", MaxZoom: maxZoom, TileSize: 512})
	box, err := t.extent(ctx, territoryScope(who))
	if err != nil {
		return m, err
	}
	m.Bounds = [4]float64{73, 18, 135, 54} // before any grid is there: the country
	m.Zoom = 4
	if box != nil {
		m.Bounds = [4]float64(box)
		m.Zoom = zoomFor(m.Bounds)
	}
	m.Center = [2]float64{(m.Bounds[0] + m.Bounds[2]) / 2, (m.Bounds[1] + m.Bounds[3]) / 2}
	return m, nil
}

func (t *Tiles) extent(ctx context.Context, scope []string) ([]float64, error) {
	key := strings.Join(scope, "|")
	t.mu.Lock()
	box, ok := t.extents[key]
	t.mu.Unlock()
	if ok {
		return box, nil
	}
	box, err := postgres.Extent(ctx, t.DB.Pool, scope)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.extents) > 1000 {
		clear(t.extents)
	}
	t.extents[key] = box
	return box, nil
}

// zoomFor is the zoom at which the box fits a screen of about 1000 pixels.
func zoomFor(b [4]float64) float64 {
	zoom := 2.0
	for size := max(b[2]-b[0], b[3]-b[1], 1e-4); size*float64(int(2)<<int(zoom))/360*512 < 1000 && zoom < 16; {
		zoom++
	}
	return zoom
}
