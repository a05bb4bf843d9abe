package ingest_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/board"
	"github.com/gridward/gridward/server/fleet"
	"github.com/gridward/gridward/server/ingest"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/uplink"
)

const (
	benchClients = 64
	benchBatch   = 100
	benchFixes   = 640_000 // in all
	benchSingles = 20_000
	copyRows     = 5_000 // per COPY of the baseline
)

// walk is fix i of client c, on its way through the two grids.
func walk(start time.Time, c, i int) (time.Time, orb.Point) {
	return start.Add(time.Duration(i)*time.Second + time.Duration(c)*time.Millisecond),
		orb.Point{114.2001 + float64((i+c*37)%2000)*1e-5, 22.6801 + float64(c)*1e-4}
}

// BenchmarkDurableIngest prints fixes per second from HTTP bodies to committed
// rows and the board, as a ratio to a raw binary COPY of the same rows into the
// same table and indexes on two connections, in the same run. Run it with
// -benchtime 1x: one iteration is the whole measurement.
func BenchmarkDurableIngest(b *testing.B) {
	for b.Loop() {
		base := copyBaseline(b)
		batches := httpBatches(b)
		singles := httpSingles(b)
		b.ReportMetric(base, "copy_rows/s")
		b.ReportMetric(batches, "http_fixes/s")
		b.ReportMetric(batches/base, "ratio")
		b.ReportMetric(singles, "osmand_req/s")
	}
}

// copyBaseline copies what httpBatches sends, on two connections.
func copyBaseline(b *testing.B) float64 {
	s := newStreet(b)
	start := s.clock().Add(-benchFixes / benchClients * time.Second)
	var sources [2][]fleet.Fix
	for i := 0; i < benchFixes/benchClients; i += benchBatch {
		for c := range benchClients {
			for k := i; k < i+benchBatch; k++ {
				at, p := walk(start, c, k)
				sources[c%2] = append(sources[c%2], fleet.Fix{Region: s.region, Worker: int64(c), Device: int64(c), At: at, ReceivedAt: at, Point: p, Speed: 1.2, Course: 87, Accuracy: 6.5, Altitude: fleet.Unknown(), Battery: 88, Source: fleet.FromNative, Grid: s.grids[0], GridVersion: 1})
			}
		}
	}
	began := time.Now()
	var wg sync.WaitGroup
	for _, source := range sources {
		wg.Go(func() {
			var w postgres.FixWriter
			rows := make([]*fleet.Fix, 0, copyRows)
			for len(source) > 0 {
				n := min(copyRows, len(source))
				rows = rows[:0]
				for i := range source[:n] {
					rows = append(rows, &source[i])
				}
				source = source[n:]
				if err := s.db.Tx(context.Background(), func(ctx context.Context, tx pgx.Tx) error { return w.Copy(ctx, tx, rows) }); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	took := time.Since(began)
	if n := s.count(`SELECT count(*) FROM fix`); n != benchFixes {
		b.Fatalf("%d rows", n)
	}
	return benchFixes / took.Seconds()
}

// doors is a street with its devices' doors open and a board.
func doors(b *testing.B, limits ingest.Limits) (s *street, addr string, tokens []string, shut func()) {
	s = newStreet(b)
	s.stop()
	live := board.New(s.clock)
	s.in = ingest.New(ingest.Deps{DB: s.db, Clock: s.clock, Limits: limits, Placed: func(fixes []fleet.Fix) { live.Put(fixes) }})
	f, err := postgres.LoadFence(b.Context(), s.db.Pool)
	if err != nil {
		b.Fatal(err)
	}
	s.in.SetFence(f)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = s.in.Run(ctx) })
	mux := http.NewServeMux()
	uplink.New(uplink.Deps{DB: s.db, Ingest: s.in, Clock: s.clock}).Mount(mux)
	server := httptest.NewServer(mux)
	s.stop = func() { server.Close(); cancel(); running.Wait() }
	for c := range benchClients {
		var worker int64
		s.scan(&worker, `INSERT INTO worker (region_id, org_id, kind, code, name) VALUES ($1, $1, 'vehicle', $2, $2) RETURNING id`, s.region, "B"+strconv.Itoa(c))
		err := s.db.Tx(context.Background(), func(ctx context.Context, tx pgx.Tx) error {
			_, token, err := postgres.AddDevice(ctx, tx, postgres.NewDevice{Worker: worker, Protocol: "native", Duty: fleet.DutyAlways, CRS: fleet.WGS84}, s.clock())
			tokens = append(tokens, token)
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	return s, server.Listener.Addr().String(), tokens, s.stop
}

// post sends requests one after another on one connection, and counts answers other than 200.
func post(addr string, requests [][]byte) (bad int64, err error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	r := bufio.NewReader(conn)
	for _, q := range requests {
		if _, err := conn.Write(q); err != nil {
			return bad, err
		}
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			return bad, err
		}
		if _, err := io.Copy(io.Discard, res.Body); err != nil {
			return bad, err
		}
		if res.StatusCode != http.StatusOK {
			bad++
		}
	}
	return bad, nil
}

func run(b *testing.B, addr string, requests [][][]byte) time.Duration {
	b.Helper()
	var wg sync.WaitGroup
	var bad atomic.Int64
	began := time.Now()
	for _, list := range requests {
		wg.Go(func() {
			n, err := post(addr, list)
			if err != nil {
				b.Error(err)
			}
			bad.Add(n)
		})
	}
	wg.Wait()
	took := time.Since(began)
	if bad.Load() > 0 {
		b.Fatalf("%d requests were not taken", bad.Load())
	}
	return took
}

func httpBatches(b *testing.B) float64 {
	s, addr, tokens, shut := doors(b, ingest.Limits{})
	defer shut()
	start := s.clock().Add(-benchFixes / benchClients * time.Second)
	requests := make([][][]byte, benchClients)
	for c := range requests {
		for i := 0; i < benchFixes/benchClients; i += benchBatch {
			var body bytes.Buffer
			body.WriteString(`{"client":"bench","fixes":[`)
			for k := i; k < i+benchBatch; k++ {
				if k > i {
					body.WriteByte(',')
				}
				at, p := walk(start, c, k)
				fmt.Fprintf(&body, `{"at":%q,"lon":%.7f,"lat":%.7f,"accuracy":6.5,"speed":1.2,"course":87,"battery":88}`, at.Format(time.RFC3339Nano), p[0], p[1])
			}
			body.WriteString("]}")
			head := fmt.Sprintf("POST /api/v1/fixes HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", tokens[c], body.Len())
			requests[c] = append(requests[c], append([]byte(head), body.Bytes()...))
		}
	}
	took := run(b, addr, requests)
	if n := s.count(`SELECT count(*) FROM fix`); n != benchFixes {
		b.Fatalf("%d rows", n)
	}
	return benchFixes / took.Seconds()
}

func httpSingles(b *testing.B) float64 {
	s, addr, tokens, shut := doors(b, ingest.Limits{})
	defer shut()
	start := s.clock().Add(-time.Hour)
	requests := make([][][]byte, benchClients)
	for c := range requests {
		for i := range benchSingles / benchClients {
			at, p := walk(start, c, i)
			requests[c] = append(requests[c], fmt.Appendf(nil, "GET /osmand?id=%s&timestamp=%d&lat=%.7f&lon=%.7f&speed=2.3&bearing=87&altitude=30&accuracy=6.5&batt=88 HTTP/1.1\r\nHost: x\r\n\r\n", tokens[c], at.UnixMilli(), p[1], p[0]))
		}
	}
	return benchSingles / benchClients * benchClients / run(b, addr, requests).Seconds()
}
