package territory

// MapSources is what the map can be drawn on. Sources are data, not code: an
// administrator adds one in a JSON file (see docs/operations.md).
type MapSources struct {
	Default      string      `json:"default"`
	ReviewNumber string      `json:"review_number" doc:"审图号, shown at the map's edge; empty: none was given"`
	Attribution  string      `json:"attribution"`
	Sources      []MapSource `json:"sources"`
	Bounds       [4]float64  `json:"bounds" doc:"west, south, east, north"`
	Center       [2]float64  `json:"center"`
	Zoom         float64     `json:"zoom"`
	Notice       string      `json:"notice" doc:"the line that says that a demonstration is one"`
	RegionName   string      `json:"region_name"`
}

// MapSource is one base map.
type MapSource struct {
	ID          string             `json:"id"`
	Title       Title              `json:"title"`
	Kind        string             `json:"kind" enum:"vector,raster,pmtiles,none"`
	Grid        string             `json:"grid" enum:"webmercator,c4490,gcj02"`
	URL         string             `json:"url" doc:"on this server: keys and hosts of others stay behind it"`
	MinZoom     int                `json:"minzoom"`
	MaxZoom     int                `json:"maxzoom"`
	TileSize    int                `json:"tileSize"`
	Attribution string             `json:"attribution"`
	Labels      string             `json:"labels,omitempty" doc:"the source with this one's labels"`
	Dark        map[string]float64 `json:"dark,omitempty"`
}

// Title is a name in both languages.
type Title struct {
	ZH string `json:"zh"`
	EN string `json:"en"`
}
