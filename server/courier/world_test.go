package courier

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/journal"
	"github.com/gridward/gridward/server/pgtest"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/seal"
)

// world is a street with two communities, a department of the street, and a post.
type world struct {
	t    *testing.T
	key  *seal.Key
	db   *postgres.DB
	post *Post
	log  *lockedBuffer

	street, east, west, dept     int64
	streetPath, eastPath, wePath string
	deptPath                     string

	mu  sync.Mutex
	now time.Time
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, db: pgtest.New(t), log: &lockedBuffer{}, now: time.Now()}
	w.street, w.streetPath = w.org(0, "", "990101001", "street", "明湖街道")
	w.exec(`INSERT INTO region (id) VALUES ($1)`, w.street)
	w.east, w.eastPath = w.org(w.street, w.streetPath, "990101001001", "community", "东湖社区")
	w.west, w.wePath = w.org(w.street, w.streetPath, "990101001002", "community", "西山社区")
	w.dept, w.deptPath = w.org(w.street, w.streetPath, "990101001900", "department", "城建办")
	w.key, _ = seal.Fresh()
	w.post = New(Deps{DB: w.db, Seal: w.key, Clock: w.clock, Log: slog.New(slog.NewTextHandler(w.log, nil)), PublicURL: func() string { return "https://gridward.example" }})
	return w
}

func (w *world) clock() time.Time { w.mu.Lock(); defer w.mu.Unlock(); return w.now }
func (w *world) later(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	if _, err := w.db.Pool.Exec(w.t.Context(), sql, args...); err != nil {
		w.t.Fatalf("%v: %s", err, sql)
	}
}

func (w *world) org(parent int64, under, code, kind, name string) (id int64, path string) {
	w.t.Helper()
	err := w.db.Pool.QueryRow(w.t.Context(), `INSERT INTO org (region_id, parent_id, path, code, kind, name, pinyin) VALUES ($1, NULLIF($1::bigint, 0), '', $2, $3, $4, 'mh') RETURNING id`, parent, code, kind, name).Scan(&id)
	if err != nil {
		w.t.Fatal(err)
	}
	path = fmt.Sprintf("%s%d.", under, id)
	w.exec(`UPDATE org SET path = $2, region_id = CASE WHEN region_id = 0 THEN id ELSE region_id END WHERE id = $1`, id, path)
	return id, path
}

// channel adds a channel of an organisation; change shapes it.
func (w *world) channel(org int64, kind string, settings, secrets map[string]string, change func(*postgres.Channel)) int64 {
	w.t.Helper()
	c := postgres.Channel{Org: org, Kind: kind, Name: "对接", Enabled: true, Events: []string{"incident.*"}, Tiers: []int16{}, Urgencies: []string{}, Settings: settings}
	if change != nil {
		change(&c)
	}
	if err := Check(&c, secrets, nil); err != nil {
		w.t.Fatalf("%v", err)
	}
	id, err := postgres.InsertChannel(w.t.Context(), w.db.Pool, c, SealSecrets(w.key, secrets), SealAckKey(w.key), 0, w.clock().Add(-time.Hour))
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

func (w *world) webhook(org int64, url string, change func(*postgres.Channel)) int64 {
	return w.channel(org, "webhook", map[string]string{"url": url}, map[string]string{"secret": hookSecret}, change)
}

const hookSecret = "a-secret-of-the-test-0123"

// happens stores a case (once) and writes an entry about it.
func (w *world) happens(kind string, at int64, path string, parties []string, change func(*incident.Incident)) incident.Incident {
	w.t.Helper()
	ctx := w.t.Context()
	var inc incident.Incident
	err := w.db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		tier := int16(3)
		no, err := postgres.NextCaseNumber(ctx, tx, w.street, time.Now())
		if err != nil {
			return err
		}
		inc = incident.Incident{
			ID: uuid.Must(uuid.NewV7()), Region: w.street, CaseNo: no, Version: 1, State: incident.Reported, Kind: "incident", Source: "hotline", Title: "井盖缺失，请联系 13800138000",
			Category: "CJ-03", Tier: &tier, Urgency: incident.Urgent, Org: at, OrgPath: path, Address: "明湖路 1 号", ReporterName: "王丽", ReporterPhone: "13800138000", SrcCRS: "wgs84",
			ReportedAt: time.Now(), UpdatedAt: time.Now(), Sensitivity: "normal", StateSince: time.Now(), OwnerOrg: &at, OwnerName: "城建办", OwnerWorkerName: "赵一", Open: true,
		}
		if change != nil {
			change(&inc)
		}
		if err := postgres.InsertIncident(ctx, tx, inc); err != nil {
			return err
		}
		e, err := journal.About(kind, inc.ID.String(), path, 0, inc)
		if err != nil {
			return err
		}
		e.Parties = parties
		_, err = postgres.AppendJournal(ctx, tx, w.street, e)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return inc
}

func (w *world) round() {
	w.t.Helper()
	if err := w.post.Round(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) deliveries(channel int64) []postgres.Delivery {
	w.t.Helper()
	list, _, err := postgres.ListDeliveries(w.t.Context(), w.db.Pool, postgres.DeliveryFilter{Scope: []string{w.streetPath}, Channel: &channel, Limit: 100})
	if err != nil {
		w.t.Fatal(err)
	}
	return list
}

func (w *world) only(channel int64) postgres.Delivery {
	w.t.Helper()
	list := w.deliveries(channel)
	if len(list) != 1 {
		w.t.Fatalf("%d deliveries: %+v", len(list), list)
	}
	return list[0]
}

// hook is a receiver that keeps what it got and answers as it is told.
type hook struct {
	*httptest.Server
	mu     sync.Mutex
	got    []letter
	raw    []string
	header []http.Header
	status int
	before func() // run before the answer
}

func newHook(t *testing.T) *hook {
	h := &hook{status: 204}
	h.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var l letter
		_ = json.Unmarshal(body, &l)
		h.mu.Lock()
		h.got, h.raw, h.header = append(h.got, l), append(h.raw, string(body)), append(h.header, r.Header)
		status, before := h.status, h.before
		h.mu.Unlock()
		if before != nil {
			before()
		}
		if status >= 300 && status < 400 {
			rw.Header().Set("Location", "http://127.0.0.1:1/elsewhere")
		}
		rw.WriteHeader(status)
	}))
	t.Cleanup(h.Close)
	return h
}

func (h *hook) answer(status int) { h.mu.Lock(); defer h.mu.Unlock(); h.status = status }

func (h *hook) letters() []letter {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]letter(nil), h.got...)
}
