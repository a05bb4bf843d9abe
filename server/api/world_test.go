package api_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/geo/datum"
	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/api"
	"github.com/gridward/gridward/server/blob"
	"github.com/gridward/gridward/server/board"
	"github.com/gridward/gridward/server/desk"
	"github.com/gridward/gridward/server/fleet"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/pgtest"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/seal"
	"github.com/gridward/gridward/server/signin"
	"github.com/gridward/gridward/server/territory"
)

// world is a street with two communities, 东湖 and 西山, one square grid, one
// worker and one open case in each, and an account of every role in each.
type world struct {
	t        *testing.T
	db       *postgres.DB
	seal     *seal.Key
	desk     *desk.Desk
	board    *board.Board
	signin   *signin.Signin
	api      *api.API
	server   *httptest.Server
	street   int64
	org      map[string]int64 // 东湖, 西山
	path     map[string]string
	grid     map[string]int64
	worker   map[string]int64
	incident map[string]uuid.UUID
	order    map[string]uuid.UUID // set by giveOrders
	session  map[string]uuid.UUID
	jars     map[string]*http.Client
	watched  map[string]watched
	called   map[string]called
	frozen   atomic.Pointer[time.Time] // what the desk and the API take for now; nil = the time
}

func (w *world) clock() time.Time {
	if at := w.frozen.Load(); at != nil {
		return *at
	}
	return time.Now()
}

// at sets the clock to an instant of Shanghai.
func (w *world) at(text string) {
	w.t.Helper()
	at, err := time.ParseInLocation("2006-01-02 15:04", text, incident.BusinessZone())
	if err != nil {
		w.t.Fatal(err)
	}
	w.frozen.Store(&at)
}

const password = "Correct-Horse-7"

var (
	places = []string{"东湖", "西山"}
	middle = map[string]orb.Point{"东湖": {114.105, 22.605}, "西山": {114.205, 22.605}}
)

func newWorld(t *testing.T) *world {
	t.Helper()
	db := pgtest.New(t)
	w := &world{t: t, db: db, org: map[string]int64{}, path: map[string]string{}, grid: map[string]int64{}, worker: map[string]int64{}, incident: map[string]uuid.UUID{}, order: map[string]uuid.UUID{}, session: map[string]uuid.UUID{}, jars: map[string]*http.Client{}}
	ctx := t.Context()
	one := func(dest any, sql string, args ...any) {
		t.Helper()
		if err := db.Pool.QueryRow(ctx, sql, args...).Scan(dest); err != nil {
			t.Fatalf("%v: %s", err, sql)
		}
	}
	w.street = pgtest.Street(t, w.db)
	streetPath := fmt.Sprintf("%d.", w.street)
	w.exec(`INSERT INTO category (code, name) VALUES ('01', '市容环境'), ('02', '公共安全')`)
	w.board = board.New(time.Now)
	hash := signin.HashPassword(password)
	for i, place := range places {
		var org, grid, worker int64
		one(&org, `INSERT INTO org (region_id, parent_id, path, code, kind, name) VALUES ($1, $1, '', $2, 'community', $3) RETURNING id`, w.street, fmt.Sprintf("99010100100%d", i+1), place+"社区")
		path := fmt.Sprintf("%s%d.", streetPath, org)
		w.exec(`UPDATE org SET path = $2 WHERE id = $1`, org, path)
		one(&grid, `INSERT INTO grid (region_id, org_id, code) VALUES ($1, $2, $3) RETURNING id`, w.street, org, fmt.Sprintf("99010100100%d001", i+1))
		c := middle[place]
		w.exec(`INSERT INTO grid_version (grid_id, version, name, pinyin, setting, geom, label_point, area_m2, households) VALUES ($1, 1, $2, $3, 'urban', ST_Multi(ST_MakeEnvelope($4, $5, $6, $7, 4326)), $8, 1e6, 300)`,
			grid, place+"第一网格", []string{"dhdywg", "xsdywg"}[i], c[0]-0.005, c[1]-0.005, c[0]+0.005, c[1]+0.005, c)
		one(&worker, `INSERT INTO worker (region_id, org_id, code, name, pinyin, phone) VALUES ($1, $2, $3, $4, $5, '13800138000') RETURNING id`, w.street, org, fmt.Sprintf("W%d", i+1), []string{"赵一", "钱二"}[i], []string{"zy", "qe"}[i])
		w.exec(`INSERT INTO grid_assignment (grid_id, worker_id, role, is_primary) VALUES ($1, $2, 'leader', true)`, grid, worker)
		session := uuid.New()
		w.exec(`INSERT INTO duty_session (id, region_id, worker_id, org_id, purpose, started_at) VALUES ($1, $2, $3, $4, 'patrol', now() - interval '1 hour')`, session, w.street, worker, org)
		w.org[place], w.path[place], w.grid[place], w.worker[place], w.session[place] = org, path, grid, worker, session
		for _, role := range access.Roles() {
			if role == access.KioskRole {
				continue
			}
			person := int64(0)
			if role == access.GridWorker {
				person = worker
			}
			id, err := postgres.InsertAccount(ctx, db.Pool, postgres.Account{Login: fmt.Sprintf("%s%d", role, i+1), Name: "孙" + string(role), PasswordHash: hash, Worker: person})
			if err != nil {
				t.Fatal(err)
			}
			if err := postgres.AddPost(ctx, db.Pool, id, org, role); err != nil {
				t.Fatal(err)
			}
		}
		id, err := postgres.InsertAccount(ctx, db.Pool, postgres.Account{Login: fmt.Sprintf("street-commander%d", i+1), Name: "李指挥", PasswordHash: hash})
		if err != nil {
			t.Fatal(err)
		}
		for _, role := range []access.Role{access.Commander, access.SysAdmin, access.Auditor} {
			if err := postgres.AddPost(ctx, db.Pool, id, w.street, role); err != nil {
				t.Fatal(err)
			}
		}
		w.board.Load([]board.Entry{{
			Fix: fleet.Fix{Region: w.street, Worker: worker, At: time.Now(), Point: c, Speed: 1, Course: fleet.Unknown(), Accuracy: 5, Altitude: fleet.Unknown(), Battery: 80,
				Grid: grid, Session: session, Org: org, OrgPath: path, Interval: 10 * time.Second},
			Person: fleet.Person{ID: worker, Name: []string{"赵一", "钱二"}[i]},
		}})
	}
	photos, err := blob.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	w.desk = desk.New(db, photos, w.clock, func(int64) {})
	w.signin = signin.New(db, signin.Options{})
	for i, place := range places {
		c := middle[place]
		inc, _, err := w.desk.Report(ctx, w.principal(fmt.Sprintf("grid_worker%d", i+1)), incidentDraft(place+"路井盖缺失", c))
		if err != nil {
			t.Fatal(err)
		}
		w.incident[place] = inc.ID
	}
	sealed, _ := seal.Fresh()
	w.seal = sealed
	mux := http.NewServeMux()
	w.api = api.New(mux, api.Deps{
		Gateway: true, DB: db, Desk: w.desk, Clock: w.clock, Blob: photos, Board: w.board, Log: slog.New(slog.NewTextHandler(testLog{t}, nil)), Seal: sealed, Version: "test", WGS84: datum.ToWGS84,
		Door: api.Door{Login: w.signin.Login, Logout: w.signin.Logout, ChangePassword: w.signin.ChangePassword, Pair: w.signin.Pair, NewPairing: w.signin.NewPairing, RevokeKiosk: w.signin.RevokeKiosk},
		Sources: func(context.Context, access.Session) (territory.MapSources, error) {
			return territory.MapSources{Default: "none"}, nil
		},
		Control: func(_ access.Principal, _ int64, do []byte) (int, error) {
			if !strings.Contains(string(do), `"do":"`) {
				return 0, errors.New("not a control")
			}
			return 1, nil
		},
		Replay: func(context.Context, int64, []string, int64) (string, error) { return "stored", nil },
	})
	w.server = httptest.NewServer(signin.Guard(w.signin.Middleware(mux)))
	t.Cleanup(w.server.Close)
	return w
}

type testLog struct{ t *testing.T }

func (l testLog) Write(b []byte) (int, error) {
	l.t.Log(strings.TrimSpace(string(b)))
	return len(b), nil
}

func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	if _, err := w.db.Pool.Exec(w.t.Context(), sql, args...); err != nil {
		w.t.Fatalf("%v: %s", err, sql)
	}
}

func (w *world) principal(login string) access.Principal {
	w.t.Helper()
	a, err := postgres.AccountByLogin(w.t.Context(), w.db.Pool, login)
	if err != nil {
		w.t.Fatal(err)
	}
	posts, err := postgres.Posts(w.t.Context(), w.db.Pool, a.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	return access.Principal{Account: a.ID, Worker: a.Worker, Login: a.Login, Name: a.Name, Posts: posts}
}

// as returns a browser in which login is signed in, without paying for argon2.
func (w *world) as(login string) *http.Client {
	w.t.Helper()
	if c := w.jars[login]; c != nil {
		return c
	}
	jar, _ := cookiejar.New(nil)
	c := &http.Client{Jar: jar}
	token := strings.Repeat("t", 43-len(login)) + login
	hash := sha256.Sum256([]byte(token))
	p := w.principal(login)
	expires := time.Now().Add(time.Hour)
	if _, err := postgres.InsertCredential(w.t.Context(), w.db.Pool, postgres.Credential{Kind: "session", Hash: hash, Account: p.Account, ExpiresAt: &expires}, time.Now()); err != nil {
		w.t.Fatal(err)
	}
	u, _ := url.Parse(w.server.URL)
	jar.SetCookies(u, []*http.Cookie{{Name: "gridward", Value: token, Path: "/"}})
	w.jars[login] = c
	return c
}

// call sends a request as login ("" = nobody) and returns status and body.
func (w *world) call(login, method, path string, body any) (int, string, http.Header) {
	w.t.Helper()
	c := http.DefaultClient
	if login != "" {
		c = w.as(login)
	}
	return w.send(c, method, path, body)
}

func (w *world) send(c *http.Client, method, path string, body any) (int, string, http.Header) {
	w.t.Helper()
	var r io.Reader
	if body != nil {
		b, _ := json.Marshal(body)
		r = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.server.URL+path, r)
	if err != nil {
		w.t.Fatal(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if strings.HasPrefix(path, "/api/v1/incidents/") && method != http.MethodGet {
		req.Header.Set("If-Match", `"1"`)
	}
	resp, err := c.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), resp.Header
}
