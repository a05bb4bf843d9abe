package telemetry

import (
	"bufio"
	"net"
	"net/http"
	"strconv"
	"time"
)

// Requests counts what mux answers, by its own patterns: a path would carry
// tokens and ids into the labels. It must wrap the mux directly, because the mux
// notes the pattern on the request that it is given.
func (t *Telemetry) Requests(mux http.Handler) http.Handler {
	if t == nil {
		return mux
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		seen := &status{ResponseWriter: w, code: http.StatusOK}
		mux.ServeHTTP(seen, r)
		route := r.Pattern
		if route == "" {
			route = "none"
		}
		if seen.hijacked {
			seen.code = http.StatusSwitchingProtocols
		} else {
			t.requestTime.WithLabelValues(route).Observe(time.Since(began).Seconds())
		}
		t.requests.WithLabelValues(route, strconv.Itoa(seen.code)).Inc()
	})
}

// status remembers what was answered.
type status struct {
	http.ResponseWriter
	code     int
	wrote    bool
	hijacked bool
}

func (s *status) WriteHeader(code int) {
	if !s.wrote && code >= 200 { // 1xx are not the answer
		s.code, s.wrote = code, true
	}
	s.ResponseWriter.WriteHeader(code)
}

func (s *status) Write(b []byte) (int, error) {
	s.wrote = true
	return s.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (s *status) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// Hijack is for the WebSocket upgrade, which looks for it on the writer itself.
func (s *status) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	s.hijacked = true
	return http.NewResponseController(s.ResponseWriter).Hijack()
}

// Flush is for handlers that look for it on the writer itself.
func (s *status) Flush() { _ = http.NewResponseController(s.ResponseWriter).Flush() } // a writer that cannot is no reason to fail
