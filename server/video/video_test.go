package video_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/pgtest"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/simulate"
	"github.com/gridward/gridward/server/territory"
	"github.com/gridward/gridward/server/video"
)

// room is a gateway, a camera behind it, and our door in front of it.
type room struct {
	t       *testing.T
	db      *postgres.DB
	server  *httptest.Server
	gateway *httptest.Server
	camera  int64
	account [2]int64
	who     atomic.Pointer[access.Session]
	now     atomic.Pointer[time.Time]
	asked   atomic.Int64 // requests that reached the gateway
}

func newRoom(t *testing.T, path string, gateway http.Handler) *room {
	t.Helper()
	h := &room{t: t, db: pgtest.New(t)}
	ctx := t.Context()
	region := pgtest.Street(t, h.db)
	for i := range h.account {
		id, err := postgres.InsertAccount(ctx, h.db.Pool, postgres.Account{Login: fmt.Sprint("o", i), Name: "周值班", PasswordHash: "-"})
		if err != nil {
			t.Fatal(err)
		}
		h.account[i] = id
	}
	var err error
	h.camera, err = postgres.AddCamera(ctx, h.db.Pool, territory.Camera{Org: region, GBID: "99010102001320000001", Name: "路口", Kind: "bullet", Point: [2]float64{114.2, 22.6}, FOV: 90, RangeM: 80, Network: "private", Status: "online", Sensitivity: "normal"})
	if err != nil {
		t.Fatal(err)
	}
	h.gateway = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.asked.Add(1)
		gateway.ServeHTTP(w, r)
	}))
	t.Cleanup(h.gateway.Close)
	at, err := video.ParseGateway(h.gateway.URL + path)
	if err != nil {
		t.Fatal(err)
	}
	h.clock(time.Date(2026, 11, 26, 4, 0, 0, 0, time.UTC))
	h.as(0, access.Operator)
	mux := http.NewServeMux()
	video.New(video.Deps{DB: h.db, Clock: func() time.Time { return *h.now.Load() }, Gateway: at}).Routes(mux)
	h.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if who := h.who.Load(); who != nil {
			r = r.WithContext(access.With(r.Context(), *who))
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(h.server.Close)
	return h
}

func (h *room) clock(at time.Time) { h.now.Store(&at) }

func (h *room) as(i int, role access.Role) {
	h.who.Store(&access.Session{Principal: access.Principal{Account: h.account[i], Posts: []access.Post{{Path: fmt.Sprint(h.region(), "."), Role: role}}}})
}

func (h *room) region() (id int64) {
	if err := h.db.Pool.QueryRow(context.Background(), `SELECT id FROM org`).Scan(&id); err != nil {
		h.t.Fatal(err)
	}
	return id
}

// ticket issues one for the first account, and returns its playlist's path.
func (h *room) ticket() string {
	h.t.Helper()
	secret := uuid.NewString()
	now := *h.now.Load()
	err := h.db.Tx(h.t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		return postgres.IssueTicket(ctx, tx, postgres.VideoTicket{ID: uuid.New(), Hash: postgres.HashToken(secret), Key: [32]byte{1, 2, 3}, Camera: h.camera, Account: h.account[0], Reason: "核对警情", IssuedAt: now, ExpiresAt: now.Add(10 * time.Minute)}, "o0", "")
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return "/video/" + secret + "/index.m3u8"
}

func (h *room) get(path string) (int, string, http.Header) {
	h.t.Helper()
	res, err := h.server.Client().Get(h.server.URL + path)
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return res.StatusCode, string(b), res.Header
}

// play follows a playlist as a player does and returns the segments it found.
func (h *room) play(path string) (segments []string) {
	h.t.Helper()
	status, text, header := h.get(path)
	if status != 200 || !strings.HasPrefix(text, "#EXTM3U") || header.Get("Content-Type") != "application/vnd.apple.mpegurl" {
		h.t.Fatalf("%s: %d %v\n%s", path, status, header, text)
	}
	if strings.Contains(text, "127.0.0.1") || strings.Contains(text, "http") || strings.Contains(text, "secret") {
		h.t.Errorf("the playlist tells of the gateway:\n%s", text)
	}
	dir := path[:strings.LastIndexByte(path, '/')+1]
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		if strings.HasSuffix(line, ".m3u8") {
			segments = append(segments, h.play(dir+line)...)
		} else {
			segments = append(segments, dir+line)
		}
	}
	return segments
}

// A real stream, made by ffmpeg with a master playlist above it, is played
// through the door: every byte of it, from this address alone. Where ffmpeg is
// not installed the stream that it once made stands in.
func TestARealStreamIsPlayed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	whole := ""
	if tool, err := exec.LookPath("ffmpeg"); err == nil {
		out, err := exec.CommandContext(t.Context(), tool, "-hide_banner", "-loglevel", "error", "-f", "lavfi", "-i", "testsrc=size=160x90:rate=5:duration=6", "-f", "lavfi", "-i", "sine=duration=6",
			"-c:v", "libx264", "-pix_fmt", "yuv420p", "-preset", "ultrafast", "-g", "10", "-c:a", "aac", "-f", "hls", "-hls_time", "2", "-hls_list_size", "0", "-hls_segment_type", "fmp4",
			"-master_pl_name", "index.m3u8", "-hls_segment_filename", filepath.Join(dir, "part%d.m4s"), filepath.Join(dir, "video.m3u8")).CombinedOutput()
		if err != nil {
			t.Fatalf("ffmpeg: %v\n%s", err, out)
		}
	} else {
		t.Log("ffmpeg is not installed: the stream in fixtures/video is played")
		if err := os.CopyFS(dir, os.DirFS("../../fixtures/video")); err != nil {
			t.Fatal(err)
		}
	}
	parts, err := filepath.Glob(filepath.Join(dir, "*[0-9].*"))
	if err != nil || len(parts) < 2 {
		t.Fatal(len(parts), err)
	}
	for _, p := range parts {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		whole += string(b)
	}
	h := newRoom(t, "/live/{stream}/index.m3u8", http.StripPrefix("/live/99010102001320000001", http.FileServer(http.Dir(dir))))
	got := ""
	segments := h.play(h.ticket())
	for _, s := range segments {
		status, body, header := h.get(s)
		if status != 200 || header.Get("Content-Type") != "video/iso.segment" && header.Get("Content-Type") != "video/mp2t" || !strings.Contains(header.Get("Content-Security-Policy"), "sandbox") {
			t.Fatalf("%d %v", status, header)
		}
		got += body
	}
	if len(segments) != len(parts) || got != whole {
		t.Errorf("%d of %d segments, %d of %d bytes", len(segments), len(parts), len(got), len(whole))
	}
	if tool, err := exec.LookPath("ffprobe"); err == nil { // and a player that is not ours says so
		out, err := exec.CommandContext(t.Context(), tool, "-v", "error", "-allowed_extensions", "ALL", "-count_frames", "-select_streams", "v:0", "-show_entries", "stream=nb_read_frames,width", "-of", "csv=p=0", h.server.URL+h.ticket()).CombinedOutput()
		if err != nil || !strings.Contains(string(out), "160,30") {
			t.Errorf("ffprobe: %v %s", err, out)
		}
	}
}

func TestTheDemosCameraIsOnTheAir(t *testing.T) {
	t.Parallel()
	var now atomic.Int64
	now.Store(1_795_665_600)
	h := newRoom(t, simulate.CameraPath, simulate.Cameras(func() time.Time { return time.Unix(now.Load(), 0) }))
	path := h.ticket()
	seen := map[string]bool{}
	for range 12 {
		for _, s := range h.play(path) {
			seen[s] = true
		}
		now.Add(2)
	}
	if len(seen) != 5+11 {
		t.Errorf("%d segments in 24 seconds", len(seen))
	}
	for s := range seen {
		if status, body, _ := h.get(s); status != 200 || len(body) < 188 || body[0] != 0x47 { // MPEG-TS
			t.Errorf("%d, %d bytes", status, len(body))
		}
	}
}

func TestATicketOpensOneCameraToOneAccountForAWhile(t *testing.T) {
	t.Parallel()
	h := newRoom(t, simulate.CameraPath, simulate.Cameras(func() time.Time { return time.Unix(1_795_665_600, 0) }))
	path := h.ticket()
	segment := h.play(path)[0]
	refused := func(name string, want int, words string) {
		t.Helper()
		before := h.asked.Load()
		for _, p := range []string{path, segment} {
			if status, body, header := h.get(p); status != want || !strings.Contains(body, words) || header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("%s: %d %s", name, status, body)
			}
		}
		if h.asked.Load() != before {
			t.Errorf("%s: the gateway was asked", name)
		}
	}
	h.who.Store(nil)
	refused("nobody", 401, "请先登录")
	h.as(1, access.Operator)
	refused("another operator", 403, "播放凭证无效")
	h.as(0, access.Inspector)
	refused("when the post has changed", 403, "没有查看这个摄像头的权限")
	h.who.Store(&access.Session{Principal: access.Principal{Kiosk: 1, Posts: []access.Post{{Path: fmt.Sprint(h.region(), "."), Role: access.KioskRole}}}})
	refused("a wall", 403, "播放凭证无效")
	h.as(0, access.Operator)
	start := *h.now.Load()
	h.clock(start.Add(10*time.Minute - 1))
	if status, _, _ := h.get(path); status != 200 {
		t.Errorf("in its last moment: %d", status)
	}
	h.clock(start.Add(10 * time.Minute))
	refused("when it has expired", 403, "已过期")
	h.clock(start)
	if err := postgres.RevokeTickets(t.Context(), h.db.Pool, h.camera, start); err != nil {
		t.Fatal(err)
	}
	refused("when it was revoked", 403, "已被撤销")
	if status, _, _ := h.get("/video/nothing/index.m3u8"); status != 403 {
		t.Errorf("a ticket that never was: %d", status)
	}
}

func TestNothingButTheStreamIsFetched(t *testing.T) {
	t.Parallel()
	var text atomic.Pointer[string]
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("another server was asked") }))
	defer elsewhere.Close()
	h := newRoom(t, "/live/{stream}.m3u8?token=secret", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/live/99010102001320000001.m3u8":
			if r.URL.Query().Get("token") != "secret" {
				t.Errorf("asked for %s", r.URL)
			}
			_, _ = io.WriteString(w, *text.Load())
		case "/away":
			http.Redirect(w, r, elsewhere.URL, http.StatusFound)
		case "/page.html", "/live/seg.ts":
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, "<script>alert(1)</script>")
		default:
			http.NotFound(w, r)
		}
	}))
	say := func(s string) { s = "#EXTM3U\n" + s; text.Store(&s) }
	path := h.ticket()
	dir := strings.TrimSuffix(path, "index.m3u8")
	for name, line := range map[string]string{
		"another server":           elsewhere.URL + "/seg.ts",
		"another port":             "http://127.0.0.1:1/seg.ts",
		"another scheme":           "https://" + strings.TrimPrefix(h.gateway.URL, "http://") + "/seg.ts",
		"a file":                   "file:///etc/passwd",
		"without a scheme":         "//169.254.169.254/latest",
		"a name and a password":    "http://a:b@" + strings.TrimPrefix(h.gateway.URL, "http://") + "/seg.ts",
		"in a tag":                 `#EXT-X-KEY:METHOD=AES-128,URI="` + elsewhere.URL + `/key"`,
		"a map":                    `#EXT-X-MAP:URI="data:text/html,x"`,
		"something that is no URL": "http://[::1",
	} {
		say(line + "\n")
		if status, body, _ := h.get(path); status != 503 || strings.Contains(body, "127.0.0.1") {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	say("#EXT-X-KEY:METHOD=AES-128,URI=\"key?x=1\"\n# made by http://10.0.0.5\n#EXTINF:2,\nseg.ts\n#EXTINF:2,\n/page.html\n#EXTINF:2,\n/away\n#EXTINF:2,\n/gone.ts\n")
	refs := h.play(path)
	for i, want := range []struct {
		status int
		mime   string
	}{{200, "video/mp2t"}, {200, "application/octet-stream"}, {503, "application/problem+json"}, {404, "application/problem+json"}} {
		if status, _, header := h.get(refs[i]); status != want.status || header.Get("Content-Type") != want.mime || header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%d: %d %v", i, status, header)
		}
	}
	before := h.asked.Load()
	good := refs[0][len(dir):]
	other := h.ticket()
	for name, p := range map[string]string{
		"a path of one's own":        dir + "seg.ts",
		"upwards":                    dir + "..%2f..%2fadmin",
		"a reference with a bit off": dir + "A" + good[1:],
		"with another ending":        dir + strings.TrimSuffix(good, ".ts") + ".m3u8",
		"below a reference":          refs[0] + "/x",
		"nothing":                    dir,
	} {
		if status, _, _ := h.get(p); status != 404 {
			t.Errorf("%s: %d", name, status)
		}
	}
	if h.asked.Load() != before {
		t.Error("the gateway was asked for something that no playlist named")
	}
	_, err := h.db.Pool.Exec(t.Context(), `UPDATE video_ticket SET key = '\x09' WHERE hash = $1`, func() []byte {
		s := postgres.HashToken(strings.Split(other, "/")[2])
		return s[:]
	}())
	if err != nil {
		t.Fatal(err)
	}
	if status, _, _ := h.get(strings.TrimSuffix(other, "index.m3u8") + good); status != 404 {
		t.Errorf("a reference of another ticket: %d", status)
	}
}

func TestGateways(t *testing.T) {
	t.Parallel()
	for template, ok := range map[string]bool{
		"": true, "http://10.0.0.5:8080/live/{stream}/index.m3u8": true, "https://u:p@gw/hls?id={stream}": true,
		"http://10.0.0.5/live": false, "http://{stream}/x": false, "ftp://gw/{stream}": false, "/live/{stream}": false, "http://gw/{stream}/{stream}": false, "http://gw?{stream}": false,
	} {
		if _, err := video.ParseGateway(template); (err == nil) != ok {
			t.Errorf("%q: %v", template, err)
		}
	}
}
