package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"
	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/fixtures"
	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/journal"
	"github.com/gridward/gridward/server/live"
	"github.com/gridward/gridward/server/pgtest"
	"github.com/gridward/gridward/server/postgres"
)

// The closed loop as a whole: a running house, desks that act over HTTP, and
// screens on its sockets. Run these with -benchtime 1x.

// loopHouse is a house with a street full of open cases and two desks.
type loopHouse struct {
	b *testing.B
	*house
	operator   string // cookies
	department string
	dept       int64
	cases      []uuid.UUID // reported, waiting
	client     *http.Client
}

func newLoopHouse(b *testing.B) *loopHouse {
	conf, err := parseServe("serve", []string{"-addr", "127.0.0.1:0", "-data", pgtest.DataDir(b), "-database-url", pgtest.DSN(b), "-log-level", "error"}, func(string) string { return "" }, io.Discard)
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	opened, ended := make(chan *house, 1), make(chan error, 1)
	go func() {
		ended <- serve(ctx, conf, io.Discard, func(_ context.Context, h *house) error { opened <- h; return nil })
	}()
	b.Cleanup(func() {
		stop()
		if err := <-ended; err != nil && ctx.Err() == nil {
			b.Error(err)
		}
	})
	l := &loopHouse{b: b, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
	select {
	case l.house = <-opened:
	case err := <-ended:
		ended <- nil
		b.Fatal(err)
	}
	must := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	street, err := fixtures.Street()
	must(err)
	must(postgres.SeedStreet(ctx, l.db, street))
	must(l.ground.look(ctx))
	top, err := postgres.OrgByCode(ctx, l.db.Pool, fixtures.StreetCode)
	must(err)
	l.dept, err = postgres.OrgByCode(ctx, l.db.Pool, fixtures.StreetCode+"-KS03")
	must(err)
	l.operator, l.department = l.signedIn("bench-operator", top, access.Commander), l.signedIn("bench-department", l.dept, access.DeptHead)
	must(postgres.AddCases(ctx, l.db, postgres.Bulk{RegionCode: fixtures.StreetCode, Seed: 1, Now: time.Now(), Days: 30, Batch: 20_000}, 0, 20_000, func(int64) {}))
	rows, err := l.db.Pool.Query(ctx, `SELECT id FROM incident WHERE state = 'reported' ORDER BY id`)
	must(err)
	l.cases, err = pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	must(err)
	return l
}

// signedIn adds an account with one post, signed in, and returns its cookie.
func (l *loopHouse) signedIn(login string, org int64, role access.Role) string {
	ctx, raw := l.b.Context(), make([]byte, 32)
	_, _ = rand.Read(raw) // never fails
	token := base64.RawURLEncoding.EncodeToString(raw)
	id, err := postgres.InsertAccount(ctx, l.db.Pool, postgres.Account{Login: login, Name: "压测", PasswordHash: "-"})
	if err == nil {
		err = postgres.AddPost(ctx, l.db.Pool, id, org, role)
	}
	expires := time.Now().Add(time.Hour)
	if err == nil {
		_, err = postgres.InsertCredential(ctx, l.db.Pool, postgres.Credential{Kind: "session", Hash: sha256.Sum256([]byte(token)), Account: id, ExpiresAt: &expires}, time.Now())
	}
	if err != nil {
		l.b.Fatal(err)
	}
	return "gridward=" + token
}

// acted is what a command answers, as far as the next one needs it.
type acted struct {
	Version   int32     `json:"version"`
	LeadOrder uuid.UUID `json:"lead_order"`
}

func (l *loopHouse) act(cookie, path string, version int32, body any) (acted, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return acted{}, err
	}
	req, err := http.NewRequestWithContext(l.b.Context(), http.MethodPost, l.url+"/api/v1"+path, bytes.NewReader(text))
	if err != nil {
		return acted{}, err
	}
	req.Header.Set("Cookie", cookie)
	req.Header.Set("Content-Type", "application/json")
	if version > 0 {
		req.Header.Set("If-Match", `"`+strconv.Itoa(int(version))+`"`)
	}
	res, err := l.client.Do(req)
	if err != nil {
		return acted{}, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %d %s", path, res.StatusCode, answer)
	}
	var out acted
	if err == nil {
		err = json.Unmarshal(answer, &out)
	}
	return out, err
}

// take accepts a case, sends it to the department, and signs for it there: three commands.
func (l *loopHouse) take(id uuid.UUID) error {
	of := "/incidents/" + id.String()
	now, err := l.act(l.operator, of+"/accept", 1, map[string]any{"tier": 3, "urgency": "normal"})
	if err == nil {
		now, err = l.act(l.operator, of+"/dispatch", now.Version, map[string]any{"lead": map[string]any{"org": l.dept}, "requirement": "请按时处置并反馈"})
	}
	if err == nil {
		_, err = l.act(l.department, "/orders/"+now.LeadOrder.String()+"/sign", 0, map[string]any{})
	}
	return err
}

// listener is a screen that notes when it heard which number.
type listener struct {
	conn  *websocket.Conn
	heard map[int64]time.Time
}

// listen opens n screens, sixteen to an address, and returns how to wait until
// each has heard the number, and how to close them.
func (l *loopHouse) listen(n int) (screens []*listener, until func(seq int64), stop func()) {
	var reading sync.WaitGroup
	var joined sync.WaitGroup
	var newest []*atomic.Int64
	moved := make(chan struct{}, 1)
	for i := range n {
		from := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(2+i/16))}}
		dial := websocket.Dialer{NetDialContext: from.DialContext, Subprotocols: []string{live.Protocol}}
		conn, res, err := dial.DialContext(l.b.Context(), "ws"+l.url[len("http"):]+"/ws", http.Header{"Cookie": {l.operator}, "Origin": {l.url}})
		if err != nil {
			l.b.Fatalf("screen %d: %v %v", i, err, res)
		}
		if err := conn.WriteJSON(map[string]any{"type": "hello", "resume": []any{}, "view": map[string]any{"bbox": []int{-180, -85, 180, 85}, "zoom": 15, "mode": "points"}}); err != nil {
			l.b.Fatal(err)
		}
		s, seq := &listener{conn, map[int64]time.Time{}}, &atomic.Int64{}
		screens, newest = append(screens, s), append(newest, seq)
		joined.Add(1)
		reading.Go(func() {
			there := false
			for {
				kind, msg, err := conn.ReadMessage()
				if err != nil {
					if !there {
						joined.Done()
					}
					return
				}
				at := time.Now()
				if kind != websocket.TextMessage {
					continue
				}
				if !there && bytes.Contains(msg[:min(len(msg), 40)], []byte(`"live"`)) {
					there = true
					joined.Done()
				}
				if !bytes.Contains(msg[:min(len(msg), 40)], []byte(`"event"`)) {
					continue
				}
				if n := number(msg, `"seq":`); n > 0 {
					s.heard[n] = at
					seq.Store(n)
					select {
					case moved <- struct{}{}:
					default:
					}
				}
			}
		})
	}
	joined.Wait()
	until = func(seq int64) {
		for {
			if !slices.ContainsFunc(newest, func(n *atomic.Int64) bool { return n.Load() < seq }) {
				return
			}
			select {
			case <-moved:
			case <-time.After(10 * time.Second):
				l.b.Fatalf("not every screen heard %d", seq)
			}
		}
	}
	return screens, until, func() {
		for _, s := range screens {
			s.conn.Close()
		}
		reading.Wait()
	}
}

// number reads the whole number after the first key.
func number(msg []byte, key string) (n int64) {
	at := bytes.Index(msg, []byte(key))
	if at < 0 {
		return 0
	}
	for _, c := range msg[at+len(key):] {
		if c < '0' || c > '9' {
			break
		}
		n = n*10 + int64(c-'0')
	}
	return n
}

func (l *loopHouse) head() (seq int64) {
	if err := l.db.Pool.QueryRow(l.b.Context(), `SELECT max(seq) FROM region`).Scan(&seq); err != nil {
		l.b.Fatal(err)
	}
	return seq
}

// BenchmarkLoop measures commands a second through the whole path: eight desks
// over HTTP, each command its own transaction with its clocks, orders, parties
// and journal entry, until the last of twenty screens has heard the last of
// them. The baseline is the least that any such house must do: eight
// connections, each transaction one UPDATE of a case and one journal entry with
// a body of the same size, and nobody who listens.
func BenchmarkLoop(b *testing.B) {
	for b.Loop() {
		l := newLoopHouse(b)
		const desks, screens = 8, 20
		_, until, stop := l.listen(screens)
		cases := l.cases[:min(len(l.cases), 800)]
		for _, id := range l.cases[len(cases):min(len(l.cases), len(cases)+10)] { // warm up
			if err := l.take(id); err != nil {
				b.Fatal(err)
			}
		}
		until(l.head())
		var next atomic.Int64
		began := time.Now()
		var working sync.WaitGroup
		for range desks {
			working.Go(func() {
				for i := next.Add(1) - 1; int(i) < len(cases); i = next.Add(1) - 1 {
					if err := l.take(cases[i]); err != nil {
						b.Error(err)
						return
					}
				}
			})
		}
		working.Wait()
		until(l.head())
		ours := float64(3*len(cases)) / time.Since(began).Seconds()
		stop()
		if b.Failed() {
			return
		}
		bare := l.bare(desks, 3*len(cases), cases)
		b.ReportMetric(ours, "commands/s")
		b.ReportMetric(bare, "bare_tx/s")
		b.ReportMetric(ours/bare, "ratio")
	}
}

// bare is how many transactions of one UPDATE and one journal entry a second the database takes.
func (l *loopHouse) bare(conns, n int, cases []uuid.UUID) float64 {
	b, ctx := l.b, l.b.Context()
	var region int64
	var body []byte
	var path string
	if err := l.db.Pool.QueryRow(ctx, `SELECT j.region_id, j.body, j.org_path FROM journal j WHERE j.kind = 'incident.dispatched' ORDER BY j.seq DESC LIMIT 1`).Scan(&region, &body, &path); err != nil {
		b.Fatal(err)
	}
	var next atomic.Int64
	var working sync.WaitGroup
	began := time.Now()
	for range conns {
		working.Go(func() {
			for i := next.Add(1); int(i) <= n; i = next.Add(1) {
				err := l.db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
					id := cases[int(i)%len(cases)]
					if _, err := tx.Exec(ctx, `UPDATE incident SET version = version + 1, state_since = $2, updated_at = $2 WHERE id = $1`, id, began); err != nil {
						return err
					}
					_, err := postgres.AppendJournal(ctx, tx, region, journal.Entry{Kind: "incident.urged", Subject: id.String(), OrgPath: path, Body: body})
					return err
				})
				if err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	working.Wait()
	return float64(n) / time.Since(began).Seconds()
}

// BenchmarkEventLatency measures how long an event takes from its commit (the
// instant that the journal gave it, a moment before) until each of 500 screens
// has read it, one command at a time. The baseline is the same bytes written
// to 500 loopback connections by one goroutine and read by 500.
func BenchmarkEventLatency(b *testing.B) {
	for b.Loop() {
		l := newLoopHouse(b)
		const screens = 500
		listeners, until, stop := l.listen(screens)
		first := l.head()
		for _, id := range l.cases[:40] {
			if err := l.take(id); err != nil {
				b.Fatal(err)
			}
			until(l.head())
		}
		stop()
		rows, err := l.db.Pool.Query(b.Context(), `SELECT seq, at, body FROM journal WHERE seq > $1 AND region_id = (SELECT id FROM region ORDER BY seq DESC LIMIT 1)`, first)
		if err != nil {
			b.Fatal(err)
		}
		var (
			seq  int64
			at   time.Time
			body []byte
			took []time.Duration
			size int
		)
		if _, err := pgx.ForEachRow(rows, []any{&seq, &at, &body}, func() error {
			size = len(body) + 300
			for _, s := range listeners {
				heard, ok := s.heard[seq]
				if !ok {
					return fmt.Errorf("a screen did not hear %d", seq)
				}
				took = append(took, heard.Sub(at))
			}
			return nil
		}); err != nil {
			b.Fatal(err)
		}
		raw := broadcast(b, screens, 120, size)
		slices.Sort(took)
		ms := func(list []time.Duration, q int) float64 { return float64(list[len(list)*q/100].Microseconds()) / 1000 }
		b.ReportMetric(ms(took, 50), "p50_ms")
		b.ReportMetric(ms(took, 99), "p99_ms")
		b.ReportMetric(ms(raw, 50), "raw_p50_ms")
		b.ReportMetric(ms(raw, 99), "raw_p99_ms")
		b.ReportMetric(ms(raw, 99)/ms(took, 99), "ratio")
		b.ReportMetric(float64(size), "B/event")
	}
}

// broadcast writes messages of a size to n loopback connections, one message
// at a time, and returns how long each took to each.
func broadcast(b *testing.B, n, messages, size int) []time.Duration {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer listener.Close()
	var (
		out     []net.Conn
		reading sync.WaitGroup
		read    = make(chan time.Time, n)
		took    []time.Duration
	)
	for range n {
		in, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		conn, err := listener.Accept()
		if err != nil {
			b.Fatal(err)
		}
		out = append(out, conn)
		reading.Go(func() {
			defer in.Close()
			for msg := make([]byte, size); ; {
				if _, err := io.ReadFull(in, msg); err != nil {
					return
				}
				read <- time.Now()
			}
		})
	}
	msg := make([]byte, size)
	for range messages {
		began := time.Now()
		for _, conn := range out {
			if _, err := conn.Write(msg); err != nil {
				b.Fatal(err)
			}
		}
		for range out {
			took = append(took, (<-read).Sub(began))
		}
	}
	for _, conn := range out {
		conn.Close()
	}
	reading.Wait()
	slices.Sort(took)
	return took
}
