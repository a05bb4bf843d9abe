package main

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/paulmach/orb"

	"github.com/gridward/gridward/fixtures"
	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/pgtest"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/signin"
	"github.com/gridward/gridward/server/simulate"
)

const (
	soakLogin    = "soak"
	soakPassword = "Wu-Ling-8842-river"
	soakDevices  = 8
)

// TestSoakKill replays tracks and reports incidents into a real server with a
// private PostgreSQL, and kills one, the other, or both, again and again, as a
// power cut does. Afterwards every acknowledged fix must be on disk once, and
// every screen that resumed must have heard every number of every journal once.
//
// GRIDWARD_SOAK says for how long, like 30s or 2h.
func TestSoakKill(t *testing.T) {
	during, err := time.ParseDuration(os.Getenv("GRIDWARD_SOAK"))
	if err != nil {
		t.Skip("GRIDWARD_SOAK is not set: make soak-short takes 30 s, make soak 30 minutes")
	}
	ctx := t.Context()
	dir := pgtest.DataDir(t)
	h := &soaked{t: t, data: filepath.Join(dir, "data"), bin: filepath.Join(dir, "gridward"), rng: rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1))}
	if out, err := exec.Command("go", "build", "-o", h.bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("build the server: %v\n%s", err, out)
	}
	tokens := h.furnish(ctx)
	h.start()
	t.Cleanup(h.end)
	h.ready(3 * time.Minute)

	screens, watching := h.watch(ctx, 3)
	crews, quit := context.WithCancel(ctx)
	defer quit()
	sources, speed := soakTracks(t, tokens, during)
	options := simulate.ReplayOptions{Speed: speed, ShiftToNow: true, State: filepath.Join(dir, "replay.json"), Batch: 20, Sessions: true}
	var working sync.WaitGroup
	working.Go(func() { h.replay(crews, sources, options, during/3) })
	door := simulate.NewDoor(h.base, 4, nil)
	ground, err := simulate.Street()
	if err != nil {
		t.Fatal(err)
	}
	somewhere := simulate.NewCrowd(door, ground, make([]simulate.Phone, 20), simulate.Options{}) // never runs: places for incidents
	reporter := simulate.NewReporter(door, somewhere, h.signIn(door), 90, 5)
	working.Go(func() {
		if err := reporter.Run(crews); err != nil && crews.Err() == nil {
			t.Errorf("report incidents: %v", err)
		}
	})

	kills := map[string]int{}
	for until := time.Now().Add(during); time.Now().Before(until); {
		h.pause(time.Second + rand.N(3*time.Second))
		victim := []string{"server", "postgres", "both"}[h.rng.IntN(3)]
		h.kill(victim)
		kills[victim]++
		h.ready(2 * time.Minute)
	}
	h.pause(2 * time.Second)
	deadline := time.AfterFunc(during+2*time.Minute, quit) // the replay finishes by itself before
	defer deadline.Stop()
	last := h.finished(crews)
	quit()
	working.Wait()
	for _, l := range last.Lines() {
		t.Log(l)
		if l.Refused > 0 || l.OffDuty > 0 || l.Err != nil {
			t.Errorf("%s: not all was stored", l.Ident)
		}
	}
	t.Logf("killed: %v; server starts: %d; incidents reported %d, sent again %d", kills, h.starts, reporter.Reported.Load(), reporter.Repeated.Load())

	db := h.open(ctx)
	defer db.Close()
	h.checkFixes(ctx, db, last, sources)
	h.checkScreens(ctx, db, screens, reporter.Reported.Load())
	watching()

	before := count(t, db)
	again := options
	again.Speed = 0
	twice, err := simulate.NewReplay(simulate.NewDoor(h.base, soakDevices, nil), sources, again)
	if err != nil {
		t.Fatal(err)
	}
	if err := twice.Run(ctx); err != nil {
		t.Fatalf("the same replay again: %v", err)
	}
	if after := count(t, db); after != before {
		t.Errorf("the same replay again added %d rows", after-before)
	}
}

// soaked is a server that somebody keeps killing.
type soaked struct {
	t         *testing.T
	data, bin string
	addr      string
	base      string
	dsn       string
	rng       *rand.Rand

	mu       sync.Mutex
	current  *simulate.Replay
	cmd      *exec.Cmd
	stopping bool
	starts   int
	kept     sync.WaitGroup
}

// furnish makes the database with the demo street, an account and devices, and
// returns the devices' tokens.
func (h *soaked) furnish(ctx context.Context) []simulate.Phone {
	t := h.t
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	d, err := startDatabase(ctx, h.data, "", slog.New(slog.DiscardHandler))
	must(err)
	h.dsn = d.dsn
	db := h.open(ctx)
	street, err := fixtures.Street()
	must(err)
	must(postgres.SeedStreet(ctx, db, street))
	account, err := postgres.InsertAccount(ctx, db.Pool, postgres.Account{Login: soakLogin, Name: "浸泡测试", PasswordHash: signin.HashPassword(soakPassword)})
	must(err)
	org, err := postgres.OrgByCode(ctx, db.Pool, fixtures.StreetCode)
	must(err)
	must(postgres.AddPost(ctx, db.Pool, account, org, access.Operator))
	var phones []simulate.Phone
	var gear []postgres.Equipment
	for i := range soakDevices {
		code := fmt.Sprintf("replay-soak-%d", i)
		must(postgres.AddReplayWorker(ctx, db.Pool, fixtures.StreetCode+"001", code, "浸泡测试"+strconv.Itoa(i)))
		token, hash, prefix := simulate.NewToken()
		protocol := []string{"osmand", "native", "osmand", "owntracks"}[i%4]
		phones = append(phones, simulate.Phone{Ident: code, Token: token, Protocol: protocol})
		gear = append(gear, postgres.Equipment{Worker: code, Ident: code, Protocol: protocol, Interval: 5 * time.Second, Hash: hash, Prefix: prefix})
	}
	must(postgres.Equip(ctx, db.Pool, gear))
	db.Close()
	must(d.stop())
	return phones
}

func (h *soaked) open(ctx context.Context) *postgres.DB {
	db, err := postgres.Open(ctx, h.dsn, postgres.Options{MaxConns: 3, Name: "soak", AsOwner: true})
	if err != nil {
		h.t.Fatal(err)
	}
	return db
}

// start keeps the server running as systemd would: when it dies, it is started again.
func (h *soaked) start() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		h.t.Fatal(err)
	}
	h.addr = listener.Addr().String()
	h.base = "http://" + h.addr
	listener.Close()
	log, err := os.Create(h.bin + ".log")
	if err != nil {
		h.t.Fatal(err)
	}
	h.kept.Go(func() {
		defer log.Close()
		for {
			h.mu.Lock()
			if h.stopping {
				h.mu.Unlock()
				return
			}
			h.cmd = exec.Command(h.bin, "serve", "-addr", h.addr, "-data", h.data)
			h.cmd.Stdout, h.cmd.Stderr = log, log
			err := h.cmd.Start()
			h.starts++
			cmd := h.cmd
			h.mu.Unlock()
			if err != nil {
				h.t.Errorf("start the server: %v", err)
				return
			}
			_ = cmd.Wait() // killed, most of the time
			h.pause(100 * time.Millisecond)
		}
	})
}

// end stops the server as an operator does, and shows its last words if the test failed.
func (h *soaked) end() {
	h.mu.Lock()
	h.stopping = true
	cmd := h.cmd
	h.mu.Unlock()
	_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	h.kept.Wait()
	log, err := os.ReadFile(h.bin + ".log")
	if err != nil {
		h.t.Error(err)
	}
	if h.t.Failed() {
		h.t.Logf("the server's last words:\n%s", log[max(0, len(log)-8000):])
	}
	lines := strings.Split(string(log), "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "gridward serve:") || strings.HasPrefix(line, "panic") {
			h.t.Logf("a server ended by itself: %s", strings.Join(lines[i:min(i+8, len(lines))], "\n"))
		}
	}
}

func (h *soaked) pause(d time.Duration) { time.Sleep(d) }

// ready waits until the server says that it can serve.
func (h *soaked) ready(patience time.Duration) {
	h.t.Helper()
	client := &http.Client{Timeout: 2 * time.Second}
	for until := time.Now().Add(patience); time.Now().Before(until); h.pause(100 * time.Millisecond) {
		res, err := client.Get(h.base + "/readyz")
		if err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return
			}
		}
	}
	log, _ := os.ReadFile(h.bin + ".log")
	h.t.Fatalf("the server was not ready after %v:\n%s", patience, log[max(0, len(log)-8000):])
}

// kill sends SIGKILL to the server, its PostgreSQL, or both at once.
func (h *soaked) kill(victim string) {
	h.mu.Lock()
	server := h.cmd.Process
	h.mu.Unlock()
	postmaster := 0
	if victim != "server" {
		text, err := os.ReadFile(filepath.Join(h.data, "postgres", "cluster", "postmaster.pid"))
		if err != nil {
			h.t.Fatalf("find the private PostgreSQL: %v", err)
		}
		first, _, _ := strings.Cut(string(text), "\n")
		if postmaster, err = strconv.Atoi(first); err != nil || postmaster < 2 {
			h.t.Fatalf("find the private PostgreSQL: pid %q", first)
		}
	}
	if victim != "postgres" {
		_ = server.Kill() // it may have died with the one before
	}
	if postmaster != 0 {
		if err := syscall.Kill(postmaster, syscall.SIGKILL); err != nil {
			h.t.Errorf("kill PostgreSQL: %v", err)
		}
	}
}

func (h *soaked) signIn(door *simulate.Door) func(context.Context) (string, error) {
	return func(ctx context.Context) (cookie string, err error) {
		for range 200 { // the server may be down at the moment
			if cookie, err = door.SignIn(ctx, soakLogin, soakPassword); err == nil || ctx.Err() != nil {
				return cookie, err
			}
			h.pause(300 * time.Millisecond)
		}
		return "", err
	}
}

// watch opens screens; each keeps what it heard.
func (h *soaked) watch(ctx context.Context, n int) (screens []*soakScreen, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var open sync.WaitGroup
	for range n {
		s := &soakScreen{heard: map[[2]int64]string{}}
		s.Screen = simulate.NewScreen(simulate.ScreenOptions{Base: h.base, SignIn: h.signIn(simulate.NewDoor(h.base, 1, nil)), MaxWait: time.Second, OnEvent: func(e simulate.Event) {
			s.heard[[2]int64{e.Region, e.Seq}] = e.Kind
		}})
		screens = append(screens, s)
		open.Go(func() {
			if err := s.Run(ctx); err != nil {
				h.t.Errorf("a screen gave up: %v", err)
			}
		})
	}
	for _, s := range screens {
		for until := time.Now().Add(30 * time.Second); !s.Stats().Live; h.pause(50 * time.Millisecond) {
			if time.Now().After(until) {
				cancel()
				h.t.Fatal("a screen was not live after 30 s")
			}
		}
		s.from = s.Cursors()
	}
	return screens, func() { cancel(); open.Wait() }
}

type soakScreen struct {
	*simulate.Screen
	heard map[[2]int64]string // written under the screen's lock
	from  map[int64]simulate.Cursor
}

// soakTracks walks a track for every device, dense enough to last.
func soakTracks(t *testing.T, tokens []simulate.Phone, during time.Duration) (sources []simulate.Source, speed float64) {
	ground, err := simulate.Street()
	if err != nil {
		t.Fatal(err)
	}
	n := min(100_000, int(during.Seconds()*30))
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for i, phone := range tokens {
		w := ground.NewWalker("", false, uint64(i+1))
		track := simulate.Track{Name: phone.Ident + ".walk", Digest: "soak"}
		for k := range n {
			w.Advance(5 * time.Second)
			r := w.Sample()
			track.Fixes = append(track.Fixes, simulate.Fix{At: at.Add(time.Duration(k) * 5 * time.Second), Point: orb.Point{r.Point[0], r.Point[1]}, Accuracy: r.Accuracy, Speed: r.Speed, Course: r.Course, Altitude: r.Altitude, Battery: r.Battery})
		}
		sources = append(sources, simulate.Source{Track: track, Ident: phone.Ident, Token: phone.Token, Protocol: phone.Protocol})
	}
	return sources, float64(n) * 5 / during.Seconds()
}

// finished waits until a replay has sent everything, or ctx is done.
func (h *soaked) finished(ctx context.Context) *simulate.Replay {
	for {
		h.mu.Lock()
		r := h.current
		h.mu.Unlock()
		if r != nil && done(r) {
			return r
		}
		if ctx.Err() != nil {
			h.t.Fatal("the replay did not come to its end in time")
		}
		h.pause(200 * time.Millisecond)
	}
}

// replay sends the tracks, and is itself stopped and taken up again every now and then.
func (h *soaked) replay(ctx context.Context, sources []simulate.Source, o simulate.ReplayOptions, stint time.Duration) {
	for {
		r, err := simulate.NewReplay(simulate.NewDoor(h.base, len(sources), nil), sources, o)
		if err != nil {
			h.t.Error(err)
			return
		}
		h.mu.Lock()
		h.current = r
		h.mu.Unlock()
		turn, stop := context.WithTimeout(ctx, stint)
		err = r.Run(turn)
		stop()
		if err == nil || ctx.Err() != nil {
			return
		}
		if turn.Err() == nil {
			h.t.Errorf("replay: %v", err)
			return
		}
	}
}

func done(r *simulate.Replay) bool {
	for _, l := range r.Lines() {
		if !l.Done {
			return false
		}
	}
	return true
}

func count(t *testing.T, db *postgres.DB) (n int) {
	t.Helper()
	if err := db.Pool.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM fix) + (SELECT count(*) FROM fix_outside)`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// checkFixes holds what is on disk against what was acknowledged.
func (h *soaked) checkFixes(ctx context.Context, db *postgres.DB, r *simulate.Replay, sources []simulate.Source) {
	type key struct {
		ident string
		ms    int64
	}
	onDisk := map[key]int{}
	rows, err := db.Pool.Query(ctx, `SELECT d.ident, f.at FROM (SELECT device_id, at FROM fix UNION ALL SELECT device_id, at FROM fix_outside) f JOIN device d ON d.id = f.device_id`)
	if err != nil {
		h.t.Fatal(err)
	}
	for rows.Next() {
		var ident string
		var at time.Time
		if err := rows.Scan(&ident, &at); err != nil {
			h.t.Fatal(err)
		}
		onDisk[key{ident, at.UnixMilli()}]++
	}
	if err := rows.Err(); err != nil {
		h.t.Fatal(err)
	}
	acked, missing, twice := 0, 0, 0
	r.Acknowledged(func(ident string, f simulate.Fix) {
		acked++
		switch onDisk[key{ident, f.At.UnixMilli()}] {
		case 0:
			if missing++; missing < 5 {
				h.t.Errorf("%s at %v was acknowledged and is not on disk", ident, f.At)
			}
		case 1:
		default:
			twice++
		}
	})
	sent := 0
	for _, s := range sources {
		sent += len(s.Track.Fixes)
	}
	if missing > 0 || twice > 0 || acked != sent || len(onDisk) != sent {
		h.t.Errorf("of %d fixes %d were acknowledged; %d of these are missing, %d are there twice; %d are on disk", sent, acked, missing, twice, len(onDisk))
	}
	h.t.Logf("%d fixes sent, %d acknowledged, %d on disk", sent, acked, len(onDisk))
}

// checkScreens holds what the screens heard against the journals.
func (h *soaked) checkScreens(ctx context.Context, db *postgres.DB, screens []*soakScreen, reported int64) {
	regions, err := postgres.Regions(ctx, db.Pool)
	if err != nil {
		h.t.Fatal(err)
	}
	written := int64(0)
	for _, r := range regions {
		good, err := postgres.VerifyJournal(ctx, db.Pool, r.ID)
		if err != nil {
			h.t.Errorf("journal of %s: %v", r.Name, err)
		}
		written += good
	}
	for i, s := range screens {
		for until := time.Now().Add(30 * time.Second); ; h.pause(100 * time.Millisecond) {
			behind := ""
			for region, c := range s.Cursors() {
				for _, r := range regions {
					if r.ID == region && c.After < r.Seq {
						behind = fmt.Sprintf("region %d: heard %d of %d", region, c.After, r.Seq)
					}
				}
			}
			if behind == "" {
				break
			}
			if time.Now().After(until) {
				h.t.Errorf("screen %d: %s", i, behind)
				break
			}
		}
		for _, w := range s.Wrong() {
			h.t.Errorf("screen %d: %s", i, w)
		}
		n := s.Stats()
		want := int64(0)
		for region, c := range s.Cursors() {
			want += c.After - s.from[region].After
		}
		if n.Events+n.Skipped != want || int64(len(s.heard)) != n.Events || n.Resets > 0 {
			h.t.Errorf("screen %d: heard %d events and skipped %d of %d, %d different ones, %d resets", i, n.Events, n.Skipped, want, len(s.heard), n.Resets)
		}
		if n.Connects < 2 {
			h.t.Errorf("screen %d never had to resume", i)
		}
		h.t.Logf("screen %d: %d connections, %d events of %d, %d frames, closes %v", i, n.Connects, n.Events, want, n.Frames, n.Closes)
	}
	incidents := 0
	if err := db.Pool.QueryRow(ctx, `SELECT count(*) FROM incident`).Scan(&incidents); err != nil {
		h.t.Fatal(err)
	}
	if int64(incidents) < reported || int64(incidents) > reported+1 {
		h.t.Errorf("%d incidents are on disk, %d were acknowledged", incidents, reported)
	}
	h.t.Logf("%d journal entries, %d incidents", written, incidents)
}
