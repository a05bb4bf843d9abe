package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gridward/gridward/fixtures"
	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/pgcluster"
	"github.com/gridward/gridward/server/pgtest"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/simulate"
)

const (
	loopCases   = 20_000 // open ones
	loopClerks  = 200
	loopScreens = 4
)

// TestSoakLoop lets two hundred people of command rooms, stations, departments
// and grids work on twenty thousand open cases, at an open-loop rate, and then
// again while PostgreSQL is restarted twice under them. Afterwards every
// acknowledged action must be in the record once, every screen must have heard
// every number once, no case may have two lead orders, no clock may have rung
// twice, and nobody may have been told anything but "send it again later".
//
// GRIDWARD_SOAK says for how long each half lasts, ten minutes at the most.
func TestSoakLoop(t *testing.T) {
	during, err := time.ParseDuration(os.Getenv("GRIDWARD_SOAK"))
	if err != nil {
		t.Skip("GRIDWARD_SOAK is not set: make soak-short takes 30 s, make soak 30 minutes")
	}
	during = min(during, 10*time.Minute)
	ctx := t.Context()
	r := newLoopRoom(t)
	r.office(during, "as it should be", func(context.Context) {})
	r.office(during, "while PostgreSQL is restarted twice", func(ctx context.Context) {
		for range 2 {
			wait(ctx, during/3)
			r.restart(ctx)
		}
	})
	r.judge(ctx)
}

// loopRoom is a running house on a PostgreSQL that the test may restart.
type loopRoom struct {
	t       *testing.T
	dir     string
	cluster *pgcluster.Cluster
	house   *house
	clerks  []simulate.Clerk
	logins  map[string]int64
	acts    []simulate.Act
}

func newLoopRoom(t *testing.T) *loopRoom {
	t.Helper()
	r := &loopRoom{t: t, dir: pgtest.DataDir(t), logins: map[string]int64{}}
	r.raise(t.Context())
	t.Cleanup(func() { r.lower(context.Background()) })
	if err := postgres.Migrate(t.Context(), r.cluster.DSN(), func(string, ...any) {}); err != nil {
		t.Fatal(err)
	}
	conf, err := parseServe("serve", []string{"-addr", "127.0.0.1:0", "-data", pgtest.DataDir(t), "-database-url", r.cluster.DSN(), "-log-level", "error"}, func(string) string { return "" }, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	opened, ended := make(chan *house, 1), make(chan error, 1)
	go func() {
		ended <- serve(ctx, conf, io.Discard, func(_ context.Context, h *house) error { opened <- h; return nil })
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the house ended with %v", err)
		}
	})
	select {
	case r.house = <-opened:
	case err := <-ended:
		ended <- nil
		t.Fatal(err)
	}
	r.furnish(t.Context())
	return r
}

// raise starts PostgreSQL, lower stops it: its place stays the same.
func (r *loopRoom) raise(ctx context.Context) {
	r.t.Helper()
	c, err := pgcluster.Start(ctx, r.dir, slog.New(slog.DiscardHandler))
	if err != nil {
		r.t.Fatal(err)
	}
	r.cluster = c
}

func (r *loopRoom) lower(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 60*time.Second)
	defer cancel()
	if err := r.cluster.Stop(ctx); err != nil {
		r.t.Error(err)
	}
}

func (r *loopRoom) restart(ctx context.Context) {
	if ctx.Err() != nil {
		return
	}
	r.lower(ctx)
	r.raise(context.WithoutCancel(ctx))
}

// furnish fills the street with cases, and the offices with people who are signed in.
func (r *loopRoom) furnish(ctx context.Context) {
	t, db := r.t, r.house.db
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	street, err := fixtures.Street()
	must(err)
	must(postgres.SeedStreet(ctx, db, street))
	must(r.house.ground.look(ctx))
	owner, err := postgres.Open(ctx, r.cluster.DSN(), postgres.Options{MaxConns: 2, Name: "soak", AsOwner: true})
	must(err)
	defer owner.Close()
	must(postgres.AddCases(ctx, owner, postgres.Bulk{RegionCode: fixtures.StreetCode, Seed: 7, Now: time.Now(), Days: 30, Batch: 20_000}, 0, loopCases, func(int64) {}))

	// an order is to be signed within a minute, and the first warning comes after six seconds
	_, err = owner.Pool.Exec(ctx, `INSERT INTO sla_rule (stage, tier, limit_n, limit_unit, warn_ratio, priority, note) SELECT 'sign', t, 1, 'h', 0.9, 100, '浸泡测试' FROM generate_series(1, 4) t`)
	must(err)

	depts, communities := map[string]int64{}, map[string]int64{}
	for _, o := range street.Orgs {
		id, err := postgres.OrgByCode(ctx, db.Pool, o.Code)
		must(err)
		switch o.Kind {
		case "department":
			depts[o.Code] = id
		case "community", "village":
			communities[o.Code] = id
		}
	}
	top, err := postgres.OrgByCode(ctx, db.Pool, fixtures.StreetCode)
	must(err)
	all := make([]simulate.Target, 0, len(depts))
	for _, id := range depts {
		all = append(all, simulate.Target{Org: id})
	}
	crew := map[string][]simulate.Target{}
	for i := range 12 {
		r.seat(fmt.Sprintf("op%d", i), access.Operator, top, 0, all)
	}
	for i := range 6 {
		r.seat(fmt.Sprintf("cmd%d", i), access.Commander, top, 0, all)
	}
	for i, p := range street.People {
		w, err := postgres.WorkerByCode(ctx, db.Pool, p.Code)
		must(err)
		if p.Role != "grid_worker" && p.Role != "grid_leader" || len(r.clerks) >= loopClerks-90 {
			continue
		}
		crew[p.Org] = append(crew[p.Org], simulate.Target{Worker: w.ID})
		r.seat(fmt.Sprintf("field%d", i), access.Role(p.Role), communities[p.Org], w.ID, nil)
	}
	for code, id := range communities {
		for i := range 3 {
			r.seat(fmt.Sprintf("%s-%d", code, i), access.Station, id, 0, crew[code])
		}
	}
	for code, id := range depts {
		r.seat(code+"-head", access.DeptHead, id, 0, nil)
	}
	for i := 0; len(r.clerks) < loopClerks; i++ {
		for code, id := range depts {
			if len(r.clerks) < loopClerks {
				r.seat(fmt.Sprintf("%s-clerk%d", code, i), access.DeptClerk, id, 0, nil)
			}
		}
	}
}

// seat adds somebody who is signed in.
func (r *loopRoom) seat(login string, role access.Role, org, worker int64, sends []simulate.Target) {
	r.t.Helper()
	ctx, db := r.t.Context(), r.house.db
	id, err := postgres.InsertAccount(ctx, db.Pool, postgres.Account{Login: login, Name: "浸泡" + login, PasswordHash: "-", Worker: worker})
	if err == nil {
		err = postgres.AddPost(ctx, db.Pool, id, org, role)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	cookie, err := r.session(ctx, id)
	if err != nil {
		r.t.Fatal(err)
	}
	r.logins[login] = id
	r.clerks = append(r.clerks, simulate.Clerk{Login: login, Sends: sends, Field: worker != 0, SignIn: func(context.Context) (string, error) { return cookie, nil }})
}

func (r *loopRoom) session(ctx context.Context, account int64) (cookie string, err error) {
	token, _, _ := simulate.NewToken()
	expires := time.Now().Add(2 * time.Hour)
	_, err = postgres.InsertCredential(ctx, r.house.db.Pool, postgres.Credential{Kind: "session", Hash: sha256.Sum256([]byte(token)), Account: account, ExpiresAt: &expires}, time.Now())
	return "gridward=" + token, err
}

// office works for a while, with screens watching, while something happens.
func (r *loopRoom) office(during time.Duration, how string, happens func(context.Context)) {
	t := r.t
	screens, watching := r.watch()
	ctx, quit := context.WithTimeout(t.Context(), during)
	defer quit()
	office := simulate.NewOffice(simulate.NewDoor(r.house.url, 64, nil), r.clerks, simulate.OfficeOptions{Rate: 25, Seed: uint64(during)})
	var going sync.WaitGroup
	going.Go(func() { happens(ctx) })
	if err := office.Run(ctx); err != nil {
		t.Error(err)
	}
	going.Wait()
	r.settle(screens)
	watching()
	d := &office.Deeds
	t.Logf("%s: %d begun (%d not for want of hands), %d done, %d stale, %d refused, %d busy, %d without an answer, %d found nothing to do; answered in p50 %v, p99 %v", how,
		d.Begun.Load(), d.Skipped.Load(), d.Done.Load(), d.Stale.Load(), d.Refused.Load(), d.Busy.Load(), d.Unreachable.Load(), d.Nothing.Load(), d.Answer.Quantile(0.5).Round(time.Millisecond), d.Answer.Quantile(0.99).Round(time.Millisecond))
	if d.Surprises.Load() > 0 {
		t.Errorf("%s: %d surprises:\n%s", how, d.Surprises.Load(), strings.Join(office.Odd(), "\n"))
	}
	if d.Unreachable.Load() > 0 {
		t.Errorf("%s: %d requests had no answer at all", how, d.Unreachable.Load())
	}
	if d.Done.Load() < int64(during.Seconds()) {
		t.Errorf("%s: only %d actions were done", how, d.Done.Load())
	}
	r.acts = append(r.acts, office.Acts()...)
	for i, s := range screens {
		for _, w := range s.Wrong() {
			t.Errorf("%s: screen %d: %s", how, i, w)
		}
		n, want := s.Stats(), int64(0)
		for region, c := range s.Cursors() {
			want += c.After - s.from[region].After
		}
		for key := range s.heard { // between going live and being asked how far it was
			if key[1] <= s.from[key[0]].After {
				want++
			}
		}
		if n.Events+n.Skipped != want || int64(len(s.heard)) != n.Events || n.Resets > 0 {
			t.Errorf("%s: screen %d heard %d events and skipped %d of %d, %d different ones, %d resets", how, i, n.Events, n.Skipped, want, len(s.heard), n.Resets)
		}
	}
}

// watch opens screens of operators.
func (r *loopRoom) watch() (screens []*soakScreen, stop func()) {
	ctx, cancel := context.WithCancel(r.t.Context())
	var open sync.WaitGroup
	for range loopScreens {
		s := &soakScreen{heard: map[[2]int64]string{}}
		s.Screen = simulate.NewScreen(simulate.ScreenOptions{Base: r.house.url, SignIn: r.clerks[0].SignIn, MaxWait: time.Second, OnEvent: func(e simulate.Event) {
			s.heard[[2]int64{e.Region, e.Seq}] = e.Kind
		}})
		screens = append(screens, s)
		open.Go(func() {
			if err := s.Run(ctx); err != nil {
				r.t.Errorf("a screen gave up: %v", err)
			}
		})
	}
	for _, s := range screens {
		for until := time.Now().Add(30 * time.Second); !s.Stats().Live; wait(ctx, 50*time.Millisecond) {
			if time.Now().After(until) {
				cancel()
				r.t.Fatal("a screen was not live after 30 s")
			}
		}
		s.from = s.Cursors()
	}
	return screens, func() { cancel(); open.Wait() }
}

// settle waits until every screen has heard what the journals hold.
func (r *loopRoom) settle(screens []*soakScreen) {
	r.t.Helper()
	for i, s := range screens {
		behind := "?"
		for until := time.Now().Add(60 * time.Second); behind != "" && time.Now().Before(until); wait(r.t.Context(), 100*time.Millisecond) {
			regions, err := postgres.Regions(r.t.Context(), r.house.db.Pool)
			if err != nil {
				behind = err.Error() // PostgreSQL may be coming back
				continue
			}
			behind = ""
			for region, c := range s.Cursors() {
				for _, g := range regions {
					if g.ID == region && c.After < g.Seq {
						behind = fmt.Sprintf("heard %d of %d", c.After, g.Seq)
					}
				}
			}
		}
		if behind != "" {
			r.t.Errorf("screen %d: %s", i, behind)
		}
	}
}

// judge holds what was acknowledged against what is on record.
func (r *loopRoom) judge(ctx context.Context) {
	t, db := r.t, r.house.db
	regions, err := postgres.Regions(ctx, db.Pool)
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range regions {
		if _, err := postgres.VerifyJournal(ctx, db.Pool, g.ID); err != nil {
			t.Errorf("journal of %s: %v", g.Name, err)
		}
	}
	one := func(sql string, args ...any) (n int64) {
		t.Helper()
		if err := db.Pool.QueryRow(ctx, sql, args...).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	byCase := map[string]int{}
	versions := map[string]bool{}
	for _, a := range r.acts {
		byCase[a.Case]++
		if a.Version == 0 || a.Action == "reopen" {
			continue
		}
		key := fmt.Sprint(a.Case, a.Version)
		if versions[key] {
			t.Errorf("two actions were told that they made version %d of %s", a.Version, a.Case)
		}
		versions[key] = true
	}
	short := 0
	for id, n := range byCase {
		if got := one(`SELECT count(*) FROM journal WHERE actor IS NOT NULL AND (subject = $1 OR subject IN (SELECT id::text FROM incident WHERE reopened_from = $1::uuid))`, id); got < int64(n) {
			if short++; short < 5 {
				t.Errorf("%s: %d actions were acknowledged, %d are on record", id, n, got)
			}
		}
	}
	for sentence, sql := range map[string]string{
		"cases with two open lead orders":                                         `SELECT count(*) FROM (SELECT incident_id FROM dispatch_order WHERE mode = 'lead' AND state IN ('pending', 'handling', 'fed_back') GROUP BY 1 HAVING count(*) > 1) x`,
		"cases that somebody acted on whose version is not their record's length": `SELECT count(*) FROM incident i JOIN (SELECT subject, count(*) AS n FROM journal WHERE kind LIKE 'incident.%' AND kind NOT IN ('incident.due_soon', 'incident.overdue', 'incident.due_moved') GROUP BY 1) j ON j.subject = i.id::text WHERE i.reopened_from IS NULL AND j.n + 1 <> i.version AND j.n <> i.version`,
		"warnings too many or too few":                                            `SELECT abs((SELECT count(*) FROM journal WHERE kind = 'incident.due_soon') - (SELECT count(*) FROM clock WHERE warned_at IS NOT NULL))`,
		"alarms too many or too few":                                              `SELECT abs((SELECT count(*) FROM journal WHERE kind = 'incident.overdue') - (SELECT count(*) FROM clock WHERE rung_at IS NOT NULL))`,
		"closed cases without feedback that nobody forced":                        `SELECT count(*) FROM incident i WHERE state = 'closed' AND close_reason <> 'forced' AND NOT EXISTS (SELECT FROM feedback f WHERE f.incident_id = i.id)`,
	} {
		if n := one(sql); n != 0 {
			t.Errorf("%d %s", n, sentence)
		}
	}
	t.Logf("%d actions acknowledged on %d cases; %d entries in the journal, %d deadlines rang", len(r.acts), len(byCase), one(`SELECT count(*) FROM journal`), one(`SELECT count(*) FROM journal WHERE kind IN ('incident.due_soon', 'incident.overdue')`))
}

// wait lets time pass; a soak lasts, that is its content.
func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
