package simulate

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gridward/gridward/fixtures"
)

// CameraPath is the address of a simulated camera's stream.
const CameraPath = "/camera/{stream}/index.m3u8"

// Cameras is a video gateway whose every camera shows the test pattern of
// fixtures, on the air for as long as somebody looks.
func Cameras(clock func() time.Time) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /camera/{stream}/{file}", func(w http.ResponseWriter, r *http.Request) {
		file := r.PathValue("file")
		if file == "index.m3u8" {
			w.Header().Set("Content-Type", "application/vnd.apple.mpegurl")
			_, _ = w.Write([]byte(fixtures.VideoPlaylist(clock())))
			return
		}
		n, err := strconv.ParseInt(strings.TrimSuffix(file, ".ts"), 10, 64)
		if err != nil || n < 0 {
			http.NotFound(w, r)
			return
		}
		segment, err := fixtures.VideoSegment(n)
		if err != nil {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "video/mp2t")
		_, _ = w.Write(segment)
	})
	return mux
}
