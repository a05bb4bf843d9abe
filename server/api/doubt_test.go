package api_test

import (
	"archive/zip"
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/gridward/gridward/server/fleet"
	"github.com/gridward/gridward/server/patrol"
	"github.com/gridward/gridward/server/postgres"
)

type doubtBody struct {
	State   patrol.DoubtState
	Verdict patrol.DoubtVerdict
	Score   int
	Steps   []struct{ Kind, By, Text, Verdict string }
	May     []string
	View    struct {
		Track   struct{ At []int64 }
		Signals []patrol.Signal
	}
}

func (d doubtBody) kinds() string {
	var k []string
	for _, s := range d.Steps {
		k = append(k, s.Kind)
	}
	return strings.Join(k, " ")
}

// A doubt from the day that raised it to the appeal that another person
// decided: who may do what at each step, and what the tables say afterwards.
func TestADoubtFromItsDayToItsAppeal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.doubt("东湖").String()
	at, me := "/api/v1/doubts/"+id, "/api/v1/me/doubts/"+id
	one := func(sql string, args ...any) (n int) {
		t.Helper()
		if err := w.db.Pool.QueryRow(t.Context(), sql, args...).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	say := func(login, path string, body any, want int) (d doubtBody) {
		t.Helper()
		if status := w.json(login, "POST", path, body, &d); status != want {
			t.Fatalf("%s as %s: %d, want %d", path, login, status, want)
		}
		return d
	}

	var d doubtBody
	if status := w.json("station1", "GET", at, nil, &d); status != 200 || d.Score != 60 || d.State != "raised" || d.kinds() != "raised" || strings.Join(d.May, " ") != "decide" {
		t.Fatalf("%d %+v", status, d)
	}
	if n := one(`SELECT count(*) FROM access_record WHERE what = 'doubt'`); n != 0 {
		t.Errorf("%d looks recorded before anybody looked at the map", n)
	}
	if _, body, _ := w.call("station1", "GET", at, nil); strings.Contains(body, `"path"`) || strings.Contains(body, "114.1") {
		t.Errorf("a place without a purpose: %s", body)
	}
	say("station1", at+"/views", map[string]any{"purpose": " "}, 422)
	var view struct {
		Track   struct{ At []int64 }
		Signals []patrol.Signal
	}
	if status := w.json("station1", "POST", at+"/views", map[string]any{"purpose": "复核存疑"}, &view); status != 200 || len(view.Track.At) != 60 || len(view.Signals) != 1 || len(view.Signals[0].Evidence[0].Path) < 2 {
		t.Errorf("%d %+v", status, view)
	}
	if n := one(`SELECT count(*) FROM access_record WHERE what = 'doubt' AND purpose = '复核存疑' AND worker_id = $1 AND day = $2`, w.worker["东湖"], w.yesterday().Format(time.DateOnly)); n != 1 {
		t.Errorf("%d records of one look", n)
	}
	if status := w.json("grid_worker1", "GET", me, nil, &d); status != 200 || len(d.View.Track.At) != 60 || len(d.View.Signals[0].Evidence) != 1 || strings.Join(d.May, " ") != "explain" {
		t.Errorf("the worker's own view: %d %+v", status, d)
	}
	if status, _, _ := w.call("grid_worker2", "GET", me, nil); status != 404 {
		t.Errorf("somebody else's view: %d", status)
	}

	say("station1", at+"/decide", map[string]any{"verdict": "confirmed", "reason": "模拟定位"}, 409) // he has not been heard
	say("grid_worker1", me+"/appeal", map[string]any{"text": "不同意"}, 409)                        // against nothing
	say("grid_worker1", me+"/explain", map[string]any{"text": ""}, 422)
	for range 2 { // the answer was lost, and the phone says it again
		d = say("grid_worker1", me+"/explain", map[string]any{"text": "手机送修，维修人员打开了模拟定位", "client_id": "0199-a"}, 200)
	}
	if d.State != "explained" || d.kinds() != "raised explained" {
		t.Errorf("%+v", d)
	}
	say("station1", at+"/decide", map[string]any{"verdict": "confirmed", "reason": ""}, 422)
	d = say("station1", at+"/decide", map[string]any{"verdict": "confirmed", "reason": "没有送修记录"}, 200)
	if d.State != "decided" || d.Verdict != "confirmed" || len(d.May) != 0 {
		t.Errorf("%+v", d)
	}
	say("operator1", at+"/decide", map[string]any{"verdict": "cleared", "reason": "我看没事"}, 409) // decided is decided, until he appeals
	if status := w.json("grid_worker1", "GET", me, nil, &d); status != 200 || d.Steps[2].By != "孙station" || strings.Join(d.May, " ") != "appeal" {
		t.Errorf("he sees who decided: %+v", d)
	}
	for range 2 {
		say("grid_worker1", me+"/appeal", map[string]any{"text": "有送修单，见附件", "client_id": "0199-b"}, 200)
	}
	say("station1", at+"/decide", map[string]any{"verdict": "confirmed", "reason": "维持"}, 403) // not by the same person
	say("operator1", at+"/decide", map[string]any{"verdict": "needs_talk", "reason": "再谈"}, 422)
	d = say("operator1", at+"/decide", map[string]any{"verdict": "cleared", "reason": "核对了送修单"}, 200)
	if d.State != "closed" || d.Verdict != "cleared" || d.kinds() != "raised explained decided appealed decided closed" {
		t.Errorf("%+v", d)
	}
	say("grid_worker1", me+"/appeal", map[string]any{"text": "再申诉"}, 409)

	if n := one(`SELECT count(*) FROM doubt_step WHERE doubt_id = $1`, id); n != 6 {
		t.Errorf("%d steps", n)
	}
	for _, sql := range []string{`UPDATE doubt_step SET text = ''`, `DELETE FROM doubt_step`, `DELETE FROM doubt_policy`, `UPDATE retention_run SET rows = 0`} {
		if _, err := w.db.Pool.Exec(t.Context(), sql); err == nil || !strings.Contains(err.Error(), "permission denied") {
			t.Errorf("%s: %v", sql, err)
		}
	}
	if n := one(`SELECT count(*) FROM journal WHERE body::text LIKE '%存疑%' OR kind LIKE '%doubt%'`); n != 0 {
		t.Errorf("%d entries of the journal speak of doubts", n)
	}
}

// A morning that comes late changes what the day shows: a doubt nobody has
// decided is withdrawn, and says why; one that was decided stays as it is and says that too.
func TestLateDataWithdrawADoubtNobodyDecided(t *testing.T) {
	t.Parallel()
	honest := func(w *world, place string) {
		w.exec(`UPDATE fix SET flags = flags & ~$2::integer WHERE worker_id = $1`, w.worker[place], int32(fleet.Mock))
	}
	steps := func(w *world) (kinds string) {
		t.Helper()
		if err := w.db.Pool.QueryRow(t.Context(), `SELECT string_agg(kind, ' ' ORDER BY id) FROM doubt_step`).Scan(&kinds); err != nil {
			t.Fatal(err)
		}
		return kinds
	}
	t.Run("undecided", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.doubt("东湖")
		if d, _ := w.look("东湖"); d.State != "raised" || d.Version != 1 {
			t.Errorf("a second look at the same day changed it: %+v", d)
		}
		honest(w, "东湖")
		if d, _ := w.look("东湖"); d.State != "withdrawn" || d.Score != 0 {
			t.Errorf("%+v", d)
		}
		if status := w.json("station1", "POST", "/api/v1/doubts/"+w.mustDoubt("东湖")+"/decide", map[string]any{"verdict": "cleared", "reason": "没事"}, nil); status != 409 {
			t.Errorf("deciding what is withdrawn: %d", status)
		}
		if _, body, _ := w.call("station1", "GET", "/api/v1/doubts?queue=open", nil); !strings.Contains(body, `"total":0`) {
			t.Error(body)
		}
		w.exec(`UPDATE fix SET flags = flags | $1`, int32(fleet.Mock))
		if d, _ := w.look("东湖"); d.State != "raised" || d.Score != 60 {
			t.Errorf("%+v", d)
		}
		if k := steps(w); k != "raised withdrawn raised" {
			t.Error(k)
		}
	})
	t.Run("decided", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		id := w.doubt("东湖").String()
		if status := w.json("station1", "POST", "/api/v1/doubts/"+id+"/decide", map[string]any{"verdict": "needs_talk", "reason": "先谈"}, nil); status != 200 {
			t.Fatal(status)
		}
		honest(w, "东湖")
		for range 2 {
			if d, _ := w.look("东湖"); d.State != "decided" || d.Verdict != "needs_talk" || d.Score != 60 {
				t.Errorf("%+v", d)
			}
		}
		if k := steps(w); k != "raised decided late_data" {
			t.Error(k)
		}
	})
}

func (w *world) mustDoubt(place string) string {
	w.t.Helper()
	var id string
	if err := w.db.Pool.QueryRow(w.t.Context(), `SELECT id::text FROM doubt WHERE worker_id = $1`, w.worker[place]).Scan(&id); err != nil {
		w.t.Fatal(err)
	}
	return id
}

// Two people whose tracks are one are both asked; declared companions are not.
func TestTwoTracksThatAreOne(t *testing.T) {
	t.Parallel()
	for name, companions := range map[string]bool{"nothing explains it": false, "declared companions": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.exec(`UPDATE worker SET region_id = $1`, w.street)
			same := func(_ int, f *fleet.Fix) {
				f.Point[0] = f.Point[0] - middle["西山"][0] + middle["东湖"][0]
			}
			w.strollAt("东湖", 300, func(int, *fleet.Fix) {})
			w.strollAt("西山", 300, same)
			if companions {
				for h := range 5 {
					at := w.yesterday().Add(9*time.Hour + time.Duration(h)*15*time.Minute)
					w.exec(`INSERT INTO visit (id, region_id, worker_id, org_id, target_kind, target_name, arrived_at, left_at, method, outcome, companions, verified, client_id, received_at)
						VALUES (gen_random_uuid(), $1, $2, $3, (SELECT code FROM visit_kind LIMIT 1), '某户', $4, $5, 'onsite', 'normal', $6, 'auto_ok', $7, now())`,
						w.street, w.worker["东湖"], w.org["东湖"], at, at.Add(5*time.Minute), []int64{w.worker["西山"]}, at.String())
				}
			}
			w.look("东湖")
			w.look("西山")
			w.look("东湖") // he was looked at before the other was known
			for _, place := range places {
				var score int
				var codes []string
				if err := w.db.Pool.QueryRow(t.Context(), `SELECT score, codes FROM doubt_check WHERE worker_id = $1`, w.worker[place]).Scan(&score, &codes); err != nil {
					t.Fatal(err)
				}
				if want := map[bool]int{false: 40, true: 0}[companions]; score != want || strings.Join(codes, " ") != "same_as_other" {
					t.Errorf("%s: %d %v, want %d", place, score, codes, want)
				}
			}
		})
	}
}

// What is held about a worker is told, taken home, and removed in time.
func TestWhatIsHeldAboutMe(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.doubt("东湖").String()
	if status := w.json("station1", "POST", "/api/v1/doubts/"+id+"/views", map[string]any{"purpose": "复核存疑"}, nil); status != 200 {
		t.Fatal(status)
	}
	var mine struct {
		Classes []struct {
			Code          string
			RetentionDays *int `json:"retention_days"`
			Held          *struct{ Count int }
		}
		Looks []struct{ Purpose string }
	}
	if status := w.json("grid_worker1", "GET", "/api/v1/me/data", nil, &mine); status != 200 {
		t.Fatal(status)
	}
	held := map[string]int{}
	for _, c := range mine.Classes {
		if c.Held == nil {
			t.Errorf("%s is not counted", c.Code)
			continue
		}
		held[c.Code] = c.Held.Count
	}
	if held["track"] != 60 || held["duty"] != 1 || held["doubt"] != 1 || held["access"] != 1 || held["signature"] != 1 || len(mine.Looks) != 1 || *mine.Classes[0].RetentionDays != 90 {
		t.Errorf("%v %+v", held, mine)
	}
	status, body, head := w.call("grid_worker1", "GET", "/api/v1/me/data/export", nil)
	z, err := zip.NewReader(bytes.NewReader([]byte(body)), int64(len(body)))
	if status != 200 || err != nil || !strings.Contains(head.Get("Content-Disposition"), ".zip") {
		t.Fatal(status, err)
	}
	files := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(r)
		files[f.Name] = string(b)
	}
	if track := files["tracks/"+w.yesterday().Format(time.DateOnly)+".csv"]; strings.Count(track, "\n") != 61 || !strings.Contains(track, "mock") {
		t.Errorf("%d lines of track: %.200s", strings.Count(track, "\n"), track)
	}
	if !strings.Contains(files["access-records.json"], "复核存疑") || !strings.Contains(files["doubts.json"], "模拟定位") || !strings.Contains(files["person.json"], "赵一") || !strings.Contains(files["README.txt"], "EPSG:4326") {
		t.Errorf("%v", files)
	}
	for name, text := range files {
		if strings.Contains(text, "钱二") {
			t.Errorf("%s tells of somebody else", name)
		}
	}
	var n int
	if err := w.db.Pool.QueryRow(t.Context(), `SELECT count(*) FROM audit WHERE action = 'my_data.exported'`).Scan(&n); err != nil || n != 1 {
		t.Error(n, err)
	}

	// closed long ago: the places go, the words stay, and the run says so
	w.exec(`UPDATE doubt SET state = 'closed', verdict = 'cleared', closed_at = now() - interval '200 days'`)
	w.exec(`UPDATE track_signature SET day = day - 100`)
	if err := forget(w); err != nil {
		t.Fatal(err)
	}
	var text string
	if err := w.db.Pool.QueryRow(t.Context(), `SELECT evidence::text FROM doubt_signal`).Scan(&text); err != nil || strings.Contains(text, "path") || !strings.Contains(text, "from") {
		t.Error(text, err)
	}
	var classes string
	if err := w.db.Pool.QueryRow(t.Context(), `SELECT string_agg(class || ' ' || rows, ', ' ORDER BY class) FROM retention_run`).Scan(&classes); err != nil || classes != "doubt 1, signature 1" {
		t.Error(classes, err)
	}
	if err := forget(w); err != nil { // nothing more to do
		t.Fatal(err)
	}
	var runs struct{ Runs []struct{ Class string } }
	if status := w.json("grid_worker1", "GET", "/api/v1/data-protection", nil, &runs); status != 200 || len(runs.Runs) != 2 {
		t.Errorf("%d %+v", status, runs)
	}
}

func forget(w *world) error { return postgres.ForgetDoubts(w.t.Context(), w.db, w.clock()) }
