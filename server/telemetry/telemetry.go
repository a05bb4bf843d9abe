// Package telemetry is how Gridward tells its operator how it is: Prometheus
// metrics whose names all begin with gridward_, and the log.
//
// A metric is counted by what there are few of (protocols, outcomes, rooms of the
// house), never by worker, device or account: that would follow people, and it
// would grow without end. The table in docs/operations.md explains each of them;
// a test keeps it complete.
//
// All methods may be called on a nil *Telemetry, which counts nothing: tests and
// tools need none.
package telemetry

import (
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// prefix begins the name of every metric, Go's own included.
const prefix = "gridward_"

// Telemetry counts what the rooms of the house report.
type Telemetry struct {
	reg     prometheus.Registerer
	handler http.Handler

	fixes       *prometheus.CounterVec
	late        *prometheus.CounterVec
	commit      prometheus.Histogram
	commitRows  prometheus.Histogram
	sockets     *prometheus.GaugeVec
	frames      *prometheus.CounterVec
	bytes       *prometheus.CounterVec
	updates     prometheus.Counter
	conflated   prometheus.Counter
	dropped     prometheus.Counter
	resyncs     *prometheus.CounterVec
	tiles       *prometheus.HistogramVec
	requests    *prometheus.CounterVec
	requestTime *prometheus.HistogramVec
	messages    *prometheus.CounterVec
}

// New makes the metrics of a program of the given version.
func New(version string) *Telemetry {
	registry := prometheus.NewRegistry()
	reg := prometheus.WrapRegistererWithPrefix(prefix, registry)
	t := &Telemetry{
		reg: reg,
		fixes: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "ingest_fixes_total",
			Help: "Reports of devices by protocol and what became of them."}, []string{"protocol", "outcome"}),
		late: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "ingest_late_total",
			Help: "Stored fixes that arrived late; divided by the stored ones it is the late share."}, []string{"protocol"}),
		commit: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "ingest_commit_seconds",
			Help: "Time of one group commit.", Buckets: []float64{.001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5}}),
		commitRows: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "ingest_commit_rows",
			Help: "Fixes in one group commit.", Buckets: prometheus.ExponentialBuckets(1, 4, 8)}),
		sockets: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "live_sockets",
			Help: "Open sockets by who looks: account or kiosk."}, []string{"kind"}),
		frames: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "live_frames_total",
			Help: "Frames written to sockets, by kind."}, []string{"kind"}),
		bytes: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "live_bytes_total",
			Help: "Bytes written to sockets, by kind of frame."}, []string{"kind"}),
		updates: prometheus.NewCounter(prometheus.CounterOpts{Name: "live_updates_total",
			Help: "Position updates delivered to screens."}),
		conflated: prometheus.NewCounter(prometheus.CounterOpts{Name: "live_conflated_total",
			Help: "Position frames that a newer one replaced before a slow reader took them."}),
		dropped: prometheus.NewCounter(prometheus.CounterOpts{Name: "live_dropped_total",
			Help: "Sockets closed because their reader fell too far behind on events."}),
		resyncs: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "live_resyncs_total",
			Help: "Joins and resumes by how they went: fresh, resumed, reset."}, []string{"how"}),
		tiles: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "tile_seconds",
			Help: "Time of one tile by set and outcome.", Buckets: []float64{.001, .005, .01, .025, .05, .1, .25, .5, 1, 2.5}}, []string{"set", "outcome"}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "http_requests_total",
			Help: "HTTP requests by route and status."}, []string{"route", "code"}),
		requestTime: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "http_request_seconds",
			Help: "Time of HTTP requests by route; sockets are not among them.", Buckets: prometheus.DefBuckets}, []string{"route"}),
	}
	t.messages = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "courier_messages_total",
		Help: "Attempts to deliver a message, by kind of channel and outcome: sent, failed (will be tried again), dead."}, []string{"kind", "outcome"})
	build := prometheus.NewGauge(prometheus.GaugeOpts{Name: "build_info", Help: "Always 1; what is running stands in the labels.",
		ConstLabels: prometheus.Labels{"version": version, "go": runtime.Version()}})
	build.Set(1)
	reg.MustRegister(build, t.fixes, t.late, t.commit, t.commitRows, t.sockets, t.frames, t.bytes, t.updates, t.conflated, t.dropped, t.resyncs,
		t.tiles, t.requests, t.requestTime, t.messages, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	t.handler = promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
	return t
}

// Handler answers GET /metrics.
func (t *Telemetry) Handler() http.Handler {
	if t == nil {
		return http.NotFoundHandler()
	}
	return t.handler
}

// Fixes counts n reports of a protocol by what became of them: stored,
// duplicate, off_duty, quarantined, busy, unauthorized, unreadable, status. The
// late ones are some of the stored, and therefore have a metric of their own.
func (t *Telemetry) Fixes(protocol, outcome string, n int) {
	switch {
	case t == nil || n <= 0:
	case outcome == "late":
		t.late.WithLabelValues(protocol).Add(float64(n))
	default:
		t.fixes.WithLabelValues(protocol, outcome).Add(float64(n))
	}
}

// Committed records one group commit.
func (t *Telemetry) Committed(rows int, took time.Duration) {
	if t != nil {
		t.commit.Observe(took.Seconds())
		t.commitRows.Observe(float64(rows))
	}
}

// QueueDepth lets the queue of fixes before the writers be read at each scrape.
func (t *Telemetry) QueueDepth(now func() int) {
	t.gauge("ingest_queue_depth", "Fixes waiting for a writer.", now)
}

// Workers lets the number of workers in one presence (online, idle, stale,
// offline) be read at each scrape.
func (t *Telemetry) Workers(presence string, now func() int) {
	if t != nil {
		t.reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "workers", Help: "Workers by presence.",
			ConstLabels: prometheus.Labels{"presence": presence}}, func() float64 { return float64(now()) }))
	}
}

// Delivered counts an attempt to deliver a message.
func (t *Telemetry) Delivered(kind, outcome string) {
	if t != nil {
		t.messages.WithLabelValues(kind, outcome).Inc()
	}
}

// OldestMessage lets the age in seconds of the oldest message that has not left be read at each scrape.
func (t *Telemetry) OldestMessage(now func() float64) {
	if t != nil {
		t.reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "courier_oldest_seconds", Help: "Age of the oldest message that has not left."}, now))
	}
}

// DatabaseConns lets the connections in use be read at each scrape.
func (t *Telemetry) DatabaseConns(now func() int) {
	t.gauge("database_connections_in_use", "Database connections in use.", now)
}

func (t *Telemetry) gauge(name, help string, now func() int) {
	if t != nil {
		t.reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return float64(now()) }))
	}
}

// SocketOpened counts a socket in; kind is account or kiosk.
func (t *Telemetry) SocketOpened(kind string) {
	if t != nil {
		t.sockets.WithLabelValues(kind).Inc()
	}
}

// SocketClosed counts it out again.
func (t *Telemetry) SocketClosed(kind string) {
	if t != nil {
		t.sockets.WithLabelValues(kind).Dec()
	}
}

// Frame counts a frame written to a socket; kind is positions, bins or events,
// updates how many positions it carries.
func (t *Telemetry) Frame(kind string, bytes, updates int) {
	if t != nil {
		t.frames.WithLabelValues(kind).Inc()
		t.bytes.WithLabelValues(kind).Add(float64(bytes))
		t.updates.Add(float64(updates))
	}
}

// Conflated counts a position frame that a newer one replaced unread.
func (t *Telemetry) Conflated() {
	if t != nil {
		t.conflated.Inc()
	}
}

// Dropped counts a socket closed for being too slow.
func (t *Telemetry) Dropped() {
	if t != nil {
		t.dropped.Inc()
	}
}

// Resync counts a join by how it went: fresh, resumed or reset.
func (t *Telemetry) Resync(how string) {
	if t != nil {
		t.resyncs.WithLabelValues(how).Inc()
	}
}

// Tile records one answer of a tile set; outcome is drawn, unchanged, empty,
// cancelled or failed.
func (t *Telemetry) Tile(set, outcome string, took time.Duration) {
	if t != nil {
		t.tiles.WithLabelValues(set, outcome).Observe(took.Seconds())
	}
}

// Logger writes to w as text or, when format is "json", as JSON lines.
func Logger(w io.Writer, format string, level slog.Leveler) *slog.Logger {
	o := &slog.HandlerOptions{Level: level}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}
