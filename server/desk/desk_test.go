package desk_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/jpeg"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/paulmach/orb"
	"golang.org/x/sync/errgroup"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/blob"
	"github.com/gridward/gridward/server/desk"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/pgtest"
	"github.com/gridward/gridward/server/postgres"
)

// street is two streets, 明湖 and 青山, each with one square grid and a worker.
type street struct {
	db     *postgres.DB
	desk   *desk.Desk
	region [2]int64
	org    [2]int64
	path   [2]string
	worker [2]int64
	by     [2]access.Principal
	rings  *sync.Map // region → *atomic.Int64
}

var centre = [2]orb.Point{{114.10, 22.60}, {114.20, 22.60}}

func newStreet(t *testing.T) *street {
	t.Helper()
	s := &street{db: pgtest.New(t), rings: &sync.Map{}}
	one := func(dest any, sql string, args ...any) {
		t.Helper()
		if err := s.db.Pool.QueryRow(t.Context(), sql, args...).Scan(dest); err != nil {
			t.Fatalf("%v: %s", err, sql)
		}
	}
	var n int64
	for i, name := range []string{"明湖街道", "青山街道"} {
		one(&s.region[i], `INSERT INTO org (region_id, path, code, kind, name, pinyin) VALUES (0, '', $1, 'street', $2, $3) RETURNING id`, fmt.Sprintf("99010100%d", i+1), name, []string{"mhjd", "qsjd"}[i])
		root := fmt.Sprintf("%d.", s.region[i])
		one(&n, `UPDATE org SET region_id = id, path = $2 WHERE id = $1 RETURNING id`, s.region[i], root)
		one(&n, `INSERT INTO region (id) VALUES ($1) RETURNING id`, s.region[i])
		one(&s.org[i], `INSERT INTO org (region_id, parent_id, path, code, kind, name) VALUES ($1, $1, $4, $2, 'community', $3) RETURNING id`, s.region[i], fmt.Sprintf("99010100%d001", i+1), name+"一社区", "?"+name)
		s.path[i] = fmt.Sprintf("%s%d.", root, s.org[i])
		one(&n, `UPDATE org SET path = $2 WHERE id = $1 RETURNING id`, s.org[i], s.path[i])
		var grid int64
		one(&grid, `INSERT INTO grid (region_id, org_id, code) VALUES ($1, $2, $3) RETURNING id`, s.region[i], s.org[i], fmt.Sprintf("99010100%d001001", i+1))
		c := centre[i]
		one(&n, `INSERT INTO grid_version (grid_id, version, name, setting, geom, label_point, area_m2) VALUES ($1, 1, '第一网格', 'urban', ST_Multi(ST_MakeEnvelope($2, $3, $4, $5, 4326)), $6, 1) RETURNING version`, grid, c[0]-.01, c[1]-.01, c[0]+.01, c[1]+.01, c)
		one(&s.worker[i], `INSERT INTO worker (region_id, org_id, code, name) VALUES ($1, $2, $3, '赵一') RETURNING id`, s.region[i], s.org[i], fmt.Sprintf("W%d", i))
		account, err := postgres.InsertAccount(t.Context(), s.db.Pool, postgres.Account{Login: fmt.Sprintf("w%d", i), Name: "赵一", PasswordHash: "-", Worker: s.worker[i]})
		if err != nil {
			t.Fatal(err)
		}
		s.by[i] = access.Principal{Account: account, Worker: s.worker[i], Name: "赵一", Posts: []access.Post{{Org: s.org[i], Path: s.path[i], Region: s.region[i], Role: access.GridWorker}}}
	}
	photos, err := blob.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s.desk = desk.New(s.db, photos, time.Now, func(region int64) {
		n, _ := s.rings.LoadOrStore(region, &atomic.Int64{})
		n.(*atomic.Int64).Add(1)
	})
	return s
}

func draft(i int) incident.Draft {
	p := centre[i]
	return incident.Draft{Title: "井盖缺失", Point: &p}
}

func commander(s *street, i int) access.Principal {
	return access.Principal{Account: s.by[i].Account, Name: "李指挥", Posts: []access.Post{{Org: s.region[i], Path: fmt.Sprintf("%d.", s.region[i]), Region: s.region[i], Role: access.Commander}}}
}

// Many reporters at once, in two regions, some sending everything twice, some
// calling for help, some giving up: numbers stay 1…n without a gap, the chain
// holds, and no case number is given twice.
func TestJournalsAreNumberedWithoutGapsUnderConcurrency(t *testing.T) {
	t.Parallel()
	s := newStreet(t)
	var created [2]atomic.Int64
	var group errgroup.Group
	for worker := range 12 {
		group.Go(func() error {
			rng := rand.New(rand.NewPCG(7, uint64(worker)))
			for n := range 15 {
				i := rng.IntN(2)
				d := draft(i)
				d.ClientID = fmt.Sprintf("%d-%d", worker/2, n) // two goroutines send the same ids
				ctx, cancel := context.WithCancel(t.Context())
				if rng.IntN(6) == 0 {
					go cancel() // the phone's connection breaks anywhere
				}
				inc, fresh, err := s.desk.Report(ctx, s.by[i], d)
				cancel()
				if err != nil {
					if ctx.Err() != nil && t.Context().Err() == nil {
						continue
					}
					return err
				}
				if fresh {
					created[i].Add(1)
				}
				if inc.Grid == nil || inc.Region != s.region[i] {
					return fmt.Errorf("not located: %+v", inc)
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	for i, region := range s.region {
		good, err := postgres.VerifyJournal(t.Context(), s.db.Pool, region)
		if err != nil {
			t.Error(err)
		}
		var incidents, numbers int64
		if err := s.db.Pool.QueryRow(t.Context(), `SELECT count(*), count(DISTINCT case_no) FROM incident WHERE region_id = $1`, region).Scan(&incidents, &numbers); err != nil {
			t.Fatal(err)
		}
		if good != incidents || numbers != incidents || incidents < created[i].Load() || incidents == 0 {
			t.Errorf("region %d: %d entries, %d incidents, %d case numbers, %d answered as created", region, good, incidents, numbers, created[i].Load())
		}
		if n, ok := s.rings.Load(region); !ok || n.(*atomic.Int64).Load() != created[i].Load() {
			t.Errorf("region %d was not rung once for each created", region)
		}
	}
}

func TestATamperedJournalIsFound(t *testing.T) {
	t.Parallel()
	s := newStreet(t)
	for range 4 {
		if _, _, err := s.desk.Report(t.Context(), s.by[0], draft(0)); err != nil {
			t.Fatal(err)
		}
	}
	// the application role may not change the journal at all
	if _, err := s.db.Pool.Exec(t.Context(), `UPDATE journal SET kind = 'x' WHERE seq = 2`); err == nil {
		t.Error("the application changed the journal")
	}
	conn, err := s.db.Pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	for _, c := range []struct{ sentence, sql string }{
		{"a changed body", `UPDATE journal SET body = 'null' WHERE seq = 2`},
		{"a changed kind", `UPDATE journal SET kind = 'x' WHERE seq = 3`},
		{"a missing entry", `DELETE FROM journal WHERE seq = 3`},
		{"a missing tail", `DELETE FROM journal WHERE seq = 4`},
		{"an erased body is no tampering", `UPDATE journal SET body = NULL WHERE seq = 2`},
	} {
		if _, err := conn.Exec(t.Context(), `RESET ROLE`); err != nil {
			t.Fatal(err)
		}
		tx, err := conn.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec(t.Context(), c.sql); err != nil {
			t.Fatalf("%s: %v", c.sentence, err)
		}
		_, err = postgres.VerifyJournal(t.Context(), tx, s.region[0])
		if found := err != nil; found != (c.sentence != "an erased body is no tampering") {
			t.Errorf("%s: %v", c.sentence, err)
		}
		_ = tx.Rollback(t.Context())
	}
}

func TestWhereAReportMayLie(t *testing.T) {
	t.Parallel()
	s := newStreet(t)
	sea := orb.Point{113, 21}
	for sentence, c := range map[string]struct {
		by    access.Principal
		draft incident.Draft
		kind  fault.Kind
		org   int64
	}{
		"on one's own ground":                             {s.by[0], draft(0), "", s.org[0]},
		"in no grid: one's own organisation answers":      {s.by[0], incident.Draft{Title: "漏油", Point: &sea}, "", s.org[0]},
		"without a point: one's own organisation answers": {s.by[0], incident.Draft{Title: "漏油", Address: "明湖路"}, "", s.org[0]},
		"another street's ground is refused":              {s.by[0], draft(1), fault.Denied, 0},
		"a kiosk reports nothing":                         {access.Principal{Kiosk: 1, Posts: []access.Post{{Path: s.path[0], Role: access.KioskRole}}}, draft(0), fault.Denied, 0},
		"an unknown photo is refused":                     {s.by[0], incident.Draft{Title: "x", Point: &centre[0], Photos: []uuid.UUID{uuid.New()}}, fault.Invalid, 0},
	} {
		inc, _, err := s.desk.Report(t.Context(), c.by, c.draft)
		if fault.Of(err) != c.kind || inc.Org != c.org || err != nil && c.kind == "" {
			t.Errorf("%s: %v, organisation %d", sentence, err, inc.Org)
		}
	}
}

func TestTheSameReportTwiceIsOneIncident(t *testing.T) {
	t.Parallel()
	s := newStreet(t)
	d := draft(0)
	d.ClientID = "phone-1"
	first, created, err := s.desk.Report(t.Context(), s.by[0], d)
	if err != nil || !created {
		t.Fatal(created, err)
	}
	again, created, err := s.desk.Report(t.Context(), s.by[0], d)
	if err != nil || created || again.ID != first.ID || again.CaseNo != first.CaseNo {
		t.Errorf("%v %v %v", again.CaseNo, created, err)
	}
	if _, _, err := s.desk.Report(t.Context(), commander(s, 0), d); err != nil {
		t.Errorf("the same account in another post: %v", err)
	}
	stranger := s.by[0]
	stranger.Account = s.by[1].Account
	if _, _, err := s.desk.Report(t.Context(), stranger, d); !fault.Is(err, fault.Conflict) {
		t.Errorf("somebody else's client id: %v", err)
	}
	day := time.Now().In(incident.BusinessZone()).Format("060102")
	if want := "MH" + day + "-001"; first.CaseNo != want {
		t.Errorf("case number %q, want %q", first.CaseNo, want)
	}
}

func TestPhotosBelongToWhoUploadedThem(t *testing.T) {
	t.Parallel()
	s := newStreet(t)
	var photo bytes.Buffer
	if err := jpeg.Encode(&photo, image.NewRGBA(image.Rect(0, 0, 40, 30)), nil); err != nil {
		t.Fatal(err)
	}
	at, err := s.desk.Attach(t.Context(), s.by[0], "near", bytes.NewReader(photo.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	d := draft(1)
	d.Photos = []uuid.UUID{at.ID}
	if _, _, err := s.desk.Report(t.Context(), s.by[1], d); !fault.Is(err, fault.Invalid) {
		t.Errorf("another's photo: %v", err)
	}
	d = draft(0)
	d.Photos = []uuid.UUID{at.ID}
	inc, _, err := s.desk.Report(t.Context(), s.by[0], d)
	if err != nil || len(inc.Photos) != 1 || inc.Photos[0].Width != 40 {
		t.Errorf("%v %+v", err, inc.Photos)
	}
	entries, err := postgres.ReadJournal(t.Context(), s.db.Pool, s.region[0], 0, 10)
	if err != nil || len(entries) != 1 {
		t.Fatal(len(entries), err)
	}
	var body incident.Incident
	if err := json.Unmarshal(entries[0].Body, &body); err != nil || len(body.Photos) != 1 || body.CaseNo != inc.CaseNo {
		t.Errorf("the journal's incident: %v %+v", err, body)
	}
	if _, _, err := s.desk.Report(t.Context(), s.by[0], d); !fault.Is(err, fault.Invalid) {
		t.Errorf("one photo, two incidents: %v", err)
	}
}

func TestACallForHelp(t *testing.T) {
	t.Parallel()
	s := newStreet(t)
	call := desk.SOSCall{ID: uuid.New(), Worker: s.worker[0], Account: s.by[0].Account, At: time.Now(), Point: &centre[1]} // standing on the other street's ground
	// pressed many times at once
	var group errgroup.Group
	ids := make([]uuid.UUID, 8)
	for i := range ids {
		group.Go(func() error {
			c := call
			if i > 0 {
				c.ID = uuid.New()
			}
			got, err := s.desk.OpenSOS(t.Context(), c)
			ids[i] = got.ID
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		if id != ids[0] {
			t.Fatalf("two calls are open: %v", ids)
		}
	}
	open, ok, err := postgres.OpenSOSOf(t.Context(), s.db.Pool, s.worker[0])
	if err != nil || !ok || open.Incident == nil {
		t.Fatal(open, ok, err)
	}
	inc, err := postgres.IncidentByID(t.Context(), s.db.Pool, *open.Incident)
	if err != nil || inc.Kind != "sos" || inc.Urgency != incident.Critical || inc.Region != s.region[1] {
		t.Errorf("%v %+v", err, inc)
	}
	if b, _ := json.Marshal(inc.Masked()); bytes.Contains(b, []byte("赵一")) {
		t.Errorf("a wall would show his name: %s", b)
	}
	if seen, _ := postgres.IncidentVisible(t.Context(), s.db.Pool, inc.ID, postgres.Viewer{Scope: []string{s.path[0]}}); !seen {
		t.Error("his own people do not see the case on foreign ground")
	}
	if _, err := s.desk.AckSOS(t.Context(), commander(s, 1), open.ID); !fault.Is(err, fault.Missing) {
		t.Errorf("another street answered: %v", err)
	}
	for range 2 { // twice changes nothing
		if acked, err := s.desk.AckSOS(t.Context(), commander(s, 0), open.ID); err != nil || acked.State != "acked" {
			t.Errorf("%v %+v", err, acked)
		}
	}
	for range 2 {
		if closed, err := s.desk.CloseSOS(t.Context(), commander(s, 0), open.ID, "已联系，平安"); err != nil || closed.State != "closed" {
			t.Errorf("%v %+v", err, closed)
		}
	}
	// a phone sends late what it recorded during the call: nothing opens
	late := desk.SOSCall{Worker: s.worker[0], Device: 0, At: time.Now().Add(-10 * time.Minute)}
	if got, err := s.desk.OpenSOS(t.Context(), late); err != nil || got.ID != open.ID || got.State != "closed" {
		t.Errorf("%v %+v", err, got)
	}
	// a fresh call does open
	if got, err := s.desk.OpenSOS(t.Context(), desk.SOSCall{Worker: s.worker[0], At: time.Now()}); err != nil || got.State != "open" || got.ID == open.ID {
		t.Errorf("%v %+v", err, got)
	}
	kinds := ""
	entries, err := postgres.ReadJournal(t.Context(), s.db.Pool, s.region[0], 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		kinds += e.Kind + " "
	}
	if kinds != "sos.opened sos.acked sos.closed sos.opened incident.reported " {
		t.Errorf("the journal says %q", kinds)
	}
	for _, region := range s.region {
		if _, err := postgres.VerifyJournal(t.Context(), s.db.Pool, region); err != nil {
			t.Error(err)
		}
	}
}
