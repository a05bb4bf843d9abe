package api_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"crypto/sha256"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/geo/trail"
	"github.com/gridward/gridward/server/postgres"
)

// walk writes a straight walk of the place's worker as raw fixes: n of them, every ten seconds.
func (w *world) walk(place string, session *uuid.UUID, from time.Time, n int) {
	w.t.Helper()
	c := middle[place]
	_, err := w.db.Pool.CopyFrom(w.t.Context(), pgx.Identifier{"fix"}, []string{"region_id", "worker_id", "device_id", "at", "received_at", "session_id", "speed", "accuracy", "geom"},
		pgx.CopyFromSlice(n, func(i int) ([]any, error) {
			at := from.Add(time.Duration(i) * 10 * time.Second)
			return []any{w.street, w.worker[place], int64(1), at, at, session, float32(1.1), float32(5), orb.Point{c[0] + float64(i)*1e-4, c[1]}}, nil
		}))
	if err != nil {
		w.t.Fatal(err)
	}
}

// archived brings the archive of the place's worker up to so long after the day.
func (w *world) archived(place string, day time.Time) {
	w.t.Helper()
	err := w.db.Tx(w.t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		_, err := postgres.ArchiveDay(ctx, tx, postgres.WorkerDay{Region: w.street, Worker: w.worker[place], Day: day}, postgres.BusinessDay(day).Add(26*time.Hour))
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// readFrames decodes the frames of a playback, by the number of the worker.
func readFrames(t *testing.T, body string) map[uint32][]trail.Fix {
	t.Helper()
	b, all := []byte(body), map[uint32][]trail.Fix{}
	if strings.HasPrefix(body, "{") {
		t.Fatal(body)
	}
	for len(b) > 0 {
		nr, size := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])
		var err error
		if all[nr], err = trail.Decode(all[nr], b[8:8+size]); err != nil {
			t.Fatal(err)
		}
		b = b[8+size:]
	}
	return all
}

// looks are the access records of a kind: worker:day, in order.
func (w *world) looks(what string) []string {
	w.t.Helper()
	rows, err := w.db.Pool.Query(w.t.Context(), `SELECT worker_id || ':' || to_char(day, 'YYYY-MM-DD') || ':' || purpose FROM access_record WHERE what = $1 ORDER BY id`, what)
	if err != nil {
		w.t.Fatal(err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		w.t.Fatal(err)
	}
	return list
}

type played struct {
	ID       uuid.UUID `json:"id"`
	Archived bool      `json:"archived"`
	Workers  []struct {
		Worker  int64      `json:"worker"`
		Name    string     `json:"name"`
		FirstAt *time.Time `json:"first_at"`
		LastAt  *time.Time `json:"last_at"`
	} `json:"workers"`
	Fixes []int                `json:"fixes"` // as counted afterwards
	Hours []postgres.HourFixes `json:"hours"`
}

func (w *world) play(login string, body map[string]any) played {
	w.t.Helper()
	status, text, _ := w.call(login, "POST", "/api/v1/playbacks", body)
	var p played
	if err := json.Unmarshal([]byte(text), &p); status != 201 || err != nil {
		w.t.Fatalf("%d %v %s", status, err, text)
	}
	status, text, _ = w.call(login, "GET", fmt.Sprintf("/api/v1/playbacks/%s/counts", p.ID), nil)
	if err := json.Unmarshal([]byte(text), &p); status != 200 || err != nil {
		w.t.Fatalf("%d %v %s", status, err, text)
	}
	return p
}

// A playback reads the same whether its day is archived or not, records each
// look before it reads, and is read by the session that opened it alone.
func TestAPlaybackIsRecordedAndReadsOneDay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	eight := postgres.BusinessDay(time.Now()).AddDate(0, 0, -1).Add(8 * time.Hour)
	day := eight.Format(time.DateOnly)
	w.exec(`UPDATE duty_session SET started_at = $1`, eight.Add(-time.Minute))
	east, west := w.session["东湖"], w.session["西山"]
	w.walk("东湖", &east, eight, 500)
	w.walk("东湖", &east, eight.Add(-24*time.Hour), 10) // the day before: never in this playback
	w.walk("西山", &west, eight.Add(2*time.Hour), 100)
	ask := map[string]any{"org": w.street, "day": day, "purpose": "核查周一走访"}
	for _, archived := range []bool{false, true} {
		if archived {
			w.archived("东湖", eight)
			w.archived("东湖", eight.Add(-24*time.Hour))
			w.archived("西山", eight)
			w.exec(`DELETE FROM fix`)
		}
		p := w.play("street-commander1", ask)
		if len(p.Workers) != 2 || p.Archived != archived || p.Workers[0].Worker != w.worker["东湖"] || !slices.Equal(p.Fixes, []int{500, 100}) || !p.Workers[0].FirstAt.Equal(eight) || !p.Workers[0].LastAt.Equal(eight.Add(4990*time.Second)) {
			t.Fatalf("archived %v: %+v", archived, p)
		}
		if len(p.Hours) != 3 || p.Hours[0].Fixes != 360 || p.Hours[1].Fixes != 140 || p.Hours[2].Fixes != 100 || !p.Hours[0].At.Equal(eight) {
			t.Errorf("archived %v: hours %+v", archived, p.Hours)
		}
		path := fmt.Sprintf("/api/v1/playbacks/%s", p.ID)
		status, body, head := w.call("street-commander1", "GET", path+"/overview", nil)
		all := readFrames(t, body)
		if status != 200 || head.Get("Content-Type") != "application/octet-stream" || len(all) != 2 || len(all[0]) < 2 || len(all[0]) > 60 || all[0][0].Ms != eight.UnixMilli() || all[0][len(all[0])-1].Ms != eight.Add(4990*time.Second).UnixMilli() {
			t.Errorf("archived %v: %d %v %v", archived, status, head, all)
		}
		_, body, _ = w.call("street-commander1", "GET", path+fmt.Sprintf("/chunks?from=%s&to=%s", eight.Add(50*time.Minute).UTC().Format(time.RFC3339), eight.Add(70*time.Minute).UTC().Format(time.RFC3339)), nil)
		if all = readFrames(t, body); len(all) != 1 || len(all[0]) != 120 || all[0][0].Ms != eight.Add(50*time.Minute).UnixMilli() {
			t.Errorf("archived %v: twenty minutes hold %d fixes", archived, len(all[0]))
		}
		_, body, _ = w.call("street-commander1", "GET", path+fmt.Sprintf("/chunks?from=%s&to=%s", eight.AddDate(0, 0, -3).UTC().Format(time.RFC3339), eight.AddDate(0, 0, 3).UTC().Format(time.RFC3339)), nil)
		if all = readFrames(t, body); len(all[0]) != 500 || len(all[1]) != 100 {
			t.Errorf("archived %v: more than the day is handed out: %d and %d", archived, len(all[0]), len(all[1]))
		}
		_, body, _ = w.call("street-commander1", "GET", path+"/events", nil)
		var told struct {
			Events []postgres.PlayEvent `json:"events"`
		}
		if err := json.Unmarshal([]byte(body), &told); err != nil {
			t.Fatal(err)
		}
		kinds := map[string]int{}
		for _, e := range told.Events {
			kinds[e.Kind]++
		}
		if kinds["session"] != 2 || !slices.IsSortedFunc(told.Events, func(a, b postgres.PlayEvent) int { return a.At.Compare(b.At) }) {
			t.Errorf("archived %v: events %v", archived, kinds)
		}
		// A station sees its own, and of what it sees nothing else.
		s := w.play("station1", ask)
		if len(s.Workers) != 1 || s.Workers[0].Worker != w.worker["东湖"] {
			t.Errorf("a station: %+v", s)
		}
		if status, text, _ := w.call("station1", "GET", path+"/overview", nil); status != 404 {
			t.Errorf("somebody else's playback: %d %s", status, text)
		}
	}
	want := []string{}
	for range 2 {
		for _, place := range []string{"东湖", "西山", "东湖"} {
			want = append(want, fmt.Sprintf("%d:%s:核查周一走访", w.worker[place], day))
		}
	}
	if got := w.looks("playback"); !slices.Equal(got, want) {
		t.Errorf("access records %v, want %v", got, want)
	}
}

func TestWhatAPlaybackRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	own, other := w.worker["东湖"], w.worker["西山"]
	now := time.Now()
	for sentence, c := range map[string]struct {
		login  string
		body   map[string]any
		status int
	}{
		"no purpose":               {"station1", map[string]any{"workers": []int64{own}, "day": businessDay(), "purpose": " x "}, 422},
		"nobody chosen":            {"station1", map[string]any{"day": businessDay(), "purpose": "核查走访"}, 422},
		"no day":                   {"station1", map[string]any{"workers": []int64{own}, "purpose": "核查走访"}, 422},
		"a day past keeping":       {"station1", map[string]any{"workers": []int64{own}, "day": "2020-01-01", "purpose": "核查走访"}, 422},
		"tomorrow":                 {"station1", map[string]any{"workers": []int64{own}, "day": now.AddDate(0, 0, 2).Format(time.DateOnly), "purpose": "核查走访"}, 422},
		"two days at once":         {"station1", map[string]any{"workers": []int64{own}, "from": now.Add(-48 * time.Hour), "to": now, "purpose": "核查走访"}, 422},
		"somebody else's worker":   {"station1", map[string]any{"workers": []int64{own, other}, "day": businessDay(), "purpose": "核查走访"}, 404},
		"somebody else's org":      {"station1", map[string]any{"org": w.org["西山"], "day": businessDay(), "purpose": "核查走访"}, 404},
		"somebody else's grid":     {"station1", map[string]any{"grid": w.grid["西山"], "day": businessDay(), "purpose": "核查走访"}, 404},
		"no power":                 {"grid_guide1", map[string]any{"workers": []int64{own}, "day": businessDay(), "purpose": "核查走访"}, 403},
		"nobody was on duty then":  {"station1", map[string]any{"grid": w.grid["东湖"], "day": now.AddDate(0, 0, -40).Format(time.DateOnly), "purpose": "核查走访"}, 404},
		"one's own grid, on duty":  {"station1", map[string]any{"grid": w.grid["东湖"], "from": now.Add(-30 * time.Minute), "to": now.Add(time.Minute), "purpose": "核查走访"}, 201},
		"one's own worker, no fix": {"station1", map[string]any{"workers": []int64{own}, "day": businessDay(), "purpose": "核查走访"}, 201},
	} {
		if status, text, _ := w.call(c.login, "POST", "/api/v1/playbacks", c.body); status != c.status {
			t.Errorf("%s: %d, want %d: %s", sentence, status, c.status, text)
		}
	}
	if got := w.looks("playback"); len(got) != 2 {
		t.Errorf("records of what was refused: %v", got)
	}
}

// What the duty was for decides who sees it: a worker lent to another community
// is seen by that one there, and by his own at home; not even when he was heard
// there is told at home. It is the same before his day is archived, after fixes
// came late to it, and in the archive.
func TestAPlaybackShowsEachFixToThoseItWasFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	eight := postgres.BusinessDay(time.Now()).AddDate(0, 0, -1).Add(8 * time.Hour)
	early, lent := uuid.New(), uuid.New()
	w.exec(`INSERT INTO duty_session (id, region_id, worker_id, org_id, purpose, started_at, ended_at) VALUES ($1, $2, $3, $4, 'patrol', $5, $6)`, early, w.street, w.worker["东湖"], w.org["西山"], eight.Add(-time.Hour), eight.Add(-30*time.Minute))
	w.exec(`INSERT INTO duty_session (id, region_id, worker_id, org_id, purpose, started_at, ended_at) VALUES ($1, $2, $3, $4, 'patrol', $5, $6)`, lent, w.street, w.worker["东湖"], w.org["西山"], eight.Add(time.Hour), eight.Add(2*time.Hour))
	w.exec(`UPDATE duty_session SET started_at = $1, ended_at = $2 WHERE id = $3`, eight.Add(-time.Minute), eight.Add(30*time.Minute), w.session["东湖"])
	own := w.session["东湖"]
	w.walk("东湖", &early, eight.Add(-time.Hour), 20)
	w.walk("东湖", &own, eight, 60)
	w.walk("东湖", &lent, eight.Add(time.Hour), 200)
	body := map[string]any{"workers": []int64{w.worker["东湖"]}, "day": eight.Format(time.DateOnly), "purpose": "核查走访"}
	type want struct {
		fixes       int
		first, last time.Time
	}
	for _, state := range []string{"raw", "late", "archived"} {
		switch state {
		case "late": // in the archive, and some of it in the archive alone, but for what came since
			w.archived("东湖", eight)
			w.exec(`UPDATE trail_day SET dirty = true, late_at = $1`, eight)
			w.exec(`DELETE FROM fix WHERE at < $1 AND worker_id = $2`, eight.Add(5*time.Minute), w.worker["东湖"])
			w.walk("东湖", &own, eight.Add(10*time.Minute), 10)
		case "archived":
			w.archived("东湖", eight)
		}
		more := 10
		if state == "raw" {
			more = 0
		}
		for login, want := range map[string]want{
			"station1":          {60 + more, eight, eight.Add(590 * time.Second)},
			"street-commander1": {280 + more, eight.Add(-time.Hour), eight.Add(time.Hour + 1990*time.Second)},
		} {
			if more > 0 && login == "station1" {
				want.last = eight.Add(10*time.Minute + 90*time.Second)
			}
			p := w.play(login, body)
			if !p.Workers[0].FirstAt.Equal(want.first) || !p.Workers[0].LastAt.Equal(want.last) || p.Archived != (state == "archived") {
				t.Errorf("%s, %s: heard from %s to %s, archived %v; want %+v", state, login, p.Workers[0].FirstAt, p.Workers[0].LastAt, p.Archived, want)
			}
			get := func(what string, from, to time.Time) []trail.Fix {
				_, frames, _ := w.call(login, "GET", fmt.Sprintf("/api/v1/playbacks/%s/%s?from=%s&to=%s", p.ID, what, from.UTC().Format(time.RFC3339), to.UTC().Format(time.RFC3339)), nil)
				return readFrames(t, frames)[0]
			}
			if got := len(get("chunks", eight.Add(-2*time.Hour), eight.Add(5*time.Hour))); got != want.fixes || p.Fixes[0] != want.fixes {
				t.Errorf("%s, %s: %d fixes, told %d, want %d", state, login, got, p.Fixes[0], want.fixes)
			}
			_, whole, _ := w.call(login, "GET", fmt.Sprintf("/api/v1/playbacks/%s/overview", p.ID), nil)
			over := readFrames(t, whole)[0]
			pieces := 0
			for at := eight.Add(-90 * time.Minute); at.Before(eight.Add(2 * time.Hour)); at = at.Add(7 * time.Minute) {
				piece := get("overview", at, at.Add(7*time.Minute))
				pieces += len(piece)
				over = append(over, piece...)
			}
			if pieces < 8 {
				t.Errorf("%s, %s: the pieces of the overview hold %d places", state, login, pieces)
			}
			for _, f := range over {
				if f.Ms < want.first.UnixMilli() || f.Ms > want.last.UnixMilli() {
					t.Errorf("%s, %s: the overview shows what was for another community", state, login)
				}
			}
			_, events, _ := w.call(login, "GET", fmt.Sprintf("/api/v1/playbacks/%s/events", p.ID), nil)
			if foreign := strings.Contains(events, lent.String()); foreign != (login != "station1") {
				t.Errorf("%s, %s: the session of the other community is told: %v", state, login, foreign)
			}
		}
	}
}

// A second session of the same account opens its own playback, with its own purpose.
func TestAPlaybackBelongsToASession(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.play("station1", map[string]any{"workers": []int64{w.worker["东湖"]}, "day": businessDay(), "purpose": "核查走访"})
	path := fmt.Sprintf("/api/v1/playbacks/%s/overview", p.ID)
	if status, _, _ := w.call("station1", "GET", path, nil); status != 200 {
		t.Fatal(status)
	}
	token := strings.Repeat("s", 40)
	expires := time.Now().Add(time.Hour)
	if _, err := postgres.InsertCredential(t.Context(), w.db.Pool, postgres.Credential{Kind: "session", Hash: sha256.Sum256([]byte(token)), Account: w.principal("station1").Account, ExpiresAt: &expires}, time.Now()); err != nil {
		t.Fatal(err)
	}
	jar, _ := cookiejar.New(nil)
	u, _ := url.Parse(w.server.URL)
	jar.SetCookies(u, []*http.Cookie{{Name: "gridward", Value: token, Path: "/"}})
	if status, text, _ := w.send(&http.Client{Jar: jar}, "GET", path, nil); status != 404 {
		t.Errorf("another session: %d %s", status, text)
	}
	w.exec(`UPDATE playback SET expires_at = now()`)
	if status, text, _ := w.call("station1", "GET", path, nil); status != 404 {
		t.Errorf("after two hours: %d %s", status, text)
	}
}
