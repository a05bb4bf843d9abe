package telemetry_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gridward/gridward/server/telemetry"
)

// busy is a Telemetry in which everything has been counted once.
func busy() *telemetry.Telemetry {
	t := telemetry.New("test")
	t.Fixes("osmand", "stored", 3)
	t.Fixes("osmand", "late", 1)
	t.Committed(3, time.Millisecond)
	t.QueueDepth(func() int { return 7 })
	t.Workers("online", func() int { return 5 })
	t.DatabaseConns(func() int { return 2 })
	t.Delivered("webhook", "sent")
	t.OldestMessage(func() float64 { return 3 })
	t.SocketOpened("account")
	t.Frame("positions", 1000, 40)
	t.Conflated()
	t.Dropped()
	t.Resync("resumed")
	t.Tile("territory", "drawn", time.Millisecond)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /d/{token}", func(http.ResponseWriter, *http.Request) {})
	t.Requests(mux).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/d/secret-token", nil))
	return t
}

func scrape(t *testing.T, tel *telemetry.Telemetry) string {
	t.Helper()
	w := httptest.NewRecorder()
	tel.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("GET /metrics answers %d: %s", w.Code, w.Body)
	}
	return w.Body.String()
}

func TestEveryMetricHasOurPrefixAndAPlaceInTheManual(t *testing.T) {
	t.Parallel()
	manual, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`(?m)^# TYPE (\S+)`).FindAllStringSubmatch(scrape(t, busy()), -1)
	if len(names) < 15 {
		t.Fatalf("only %d metrics", len(names))
	}
	for _, m := range names {
		name := m[1]
		if !strings.HasPrefix(name, "gridward_") {
			t.Errorf("%s does not begin with gridward_", name)
		}
		if strings.HasPrefix(name, "gridward_go_") || strings.HasPrefix(name, "gridward_process_") {
			continue // explained there as a group
		}
		if !strings.Contains(string(manual), "`"+name+"`") {
			t.Errorf("%s is not in docs/operations.md", name)
		}
	}
}

func TestWhatIsCountedCanBeRead(t *testing.T) {
	t.Parallel()
	page := scrape(t, busy())
	for _, line := range []string{
		`gridward_ingest_fixes_total{outcome="stored",protocol="osmand"} 3`,
		`gridward_ingest_late_total{protocol="osmand"} 1`,
		`gridward_ingest_queue_depth 7`,
		`gridward_ingest_commit_rows_sum 3`,
		`gridward_workers{presence="online"} 5`,
		`gridward_live_sockets{kind="account"} 1`,
		`gridward_live_updates_total 40`,
		`gridward_live_bytes_total{kind="positions"} 1000`,
		`gridward_live_resyncs_total{how="resumed"} 1`,
		`gridward_tile_seconds_count{outcome="drawn",set="territory"} 1`,
		`gridward_http_requests_total{code="200",route="GET /d/{token}"} 1`,
	} {
		if !strings.Contains(page, line+"\n") {
			t.Errorf("no line %s", line)
		}
	}
	if strings.Contains(page, "secret-token") {
		t.Error("a token of a path is in the metrics")
	}
}

func TestANilTelemetryCountsNothing(t *testing.T) {
	t.Parallel()
	var none *telemetry.Telemetry
	none.Fixes("osmand", "stored", 1)
	none.Committed(1, time.Second)
	none.QueueDepth(func() int { return 1 })
	none.Workers("online", func() int { return 1 })
	none.SocketOpened("kiosk")
	none.SocketClosed("kiosk")
	none.Frame("events", 1, 0)
	none.Conflated()
	none.Dropped()
	none.Resync("reset")
	none.Tile("ground", "failed", time.Second)
	mux := http.NewServeMux()
	w := httptest.NewRecorder()
	none.Requests(mux).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	none.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
}

func TestSocketsPassThroughAndAreNotTimed(t *testing.T) {
	t.Parallel()
	tel := telemetry.New("test")
	mux := http.NewServeMux()
	mux.HandleFunc("GET /live", func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		fmt.Fprint(conn, "hello\n")
		_ = conn.Close()
	})
	counted := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(counted)
		tel.Requests(mux).ServeHTTP(w, r)
	}))
	defer srv.Close()
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "GET /live HTTP/1.1\r\nHost: x\r\n\r\n")
	if line, err := bufio.NewReader(conn).ReadString('\n'); line != "hello\n" {
		t.Fatalf("read %q, %v", line, err)
	}
	<-counted
	page := scrape(t, tel)
	if !strings.Contains(page, `gridward_http_requests_total{code="101",route="GET /live"} 1`) {
		t.Error("the socket is not counted as 101")
	}
	if strings.Contains(page, `gridward_http_request_seconds_count{route="GET /live"}`) {
		t.Error("a socket's life is among the request times")
	}
}
