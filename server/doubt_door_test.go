package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gridward/gridward/fixtures"
	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/patrol"
	"github.com/gridward/gridward/server/postgres"
)

// caller is somebody with a browser or a phone.
type caller struct {
	t    *testing.T
	url  string
	http http.Client
}

func (c *caller) do(method, path string, body, into any) int {
	c.t.Helper()
	data, _ := json.Marshal(body)
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.url+path, bytes.NewReader(data))
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	res, err := c.http.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer res.Body.Close()
	var text bytes.Buffer
	_, _ = text.ReadFrom(res.Body)
	if into != nil && res.StatusCode < 300 {
		if err := json.Unmarshal(text.Bytes(), into); err != nil {
			c.t.Fatalf("%s: %v %s", path, err, text.String())
		}
	} else if res.StatusCode >= 300 {
		c.t.Logf("%s %s: %d %.200s", method, path, res.StatusCode, text.String())
	}
	return res.StatusCode
}

// What a phone says of itself — where it has its places from, that a program
// makes them, that it is rooted, and who else reports with it — goes through
// the door of devices to a doubt, its place in the queue, the worker's
// explanation, a decision, the appeal, and a second decision by somebody else.
func TestWhatAPhoneSaysOfItselfBecomesADoubt(t *testing.T) {
	h, stop := open(t)
	defer func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	}()
	street, err := fixtures.Street()
	if err != nil {
		t.Fatal(err)
	}
	if err := postgres.SeedStreet(t.Context(), h.db, street); err != nil {
		t.Fatal(err)
	}
	sign := func(login, name, worker string, role access.Role) *caller {
		t.Helper()
		password, err := addAccount(t.Context(), h.db, login, name, worker, fixtures.StreetCode, role)
		if err != nil {
			t.Fatal(err)
		}
		jar, _ := cookiejar.New(nil)
		c := &caller{t, h.url, http.Client{Jar: jar}}
		if status := c.do("POST", "/api/v1/session", map[string]string{"login": login, "password": password}, nil); status != 200 {
			t.Fatal(login, status)
		}
		return c
	}
	var codes []string
	for _, p := range street.People {
		if len(p.Grids) > 0 && p.Role == "grid_worker" && len(codes) < 3 {
			codes = append(codes, p.Code)
		}
	}
	phone, friend, other := sign("phone", "赵一", codes[0], access.GridWorker), sign("friend", "钱二", codes[1], access.GridWorker), sign("other", "孙三", codes[2], access.GridWorker)
	first, second := sign("first", "周一", "", access.Commander), sign("second", "吴二", "", access.Commander)

	midnight := postgres.BusinessDay(time.Now()).AddDate(0, 0, -1)
	from := midnight.Add(9 * time.Hour)
	batch := func(client, provider string, mock, tampered bool) map[string]any {
		var fixes []map[string]any
		for i := range 120 {
			fixes = append(fixes, map[string]any{"at": from.Add(time.Duration(i) * 10 * time.Second).Format(time.RFC3339), "lon": 114.209 + 0.0001*float64(i%17), "lat": 22.6875 + 0.0001*float64(i%13), "accuracy": 4 + i%5, "provider": provider, "mock": mock})
		}
		return map[string]any{"client": client, "tampered": tampered, "fixes": fixes, "sessions": []map[string]any{{
			"id": fmt.Sprintf("0199aaaa-0000-7000-8000-%012x", time.Now().UnixNano()&0xffffffffffff), "purpose": "patrol", "started_at": from.Add(-time.Minute).Format(time.RFC3339), "ended_at": from.Add(time.Hour).Format(time.RFC3339), "consent": "2026-01"}}}
	}
	var taken struct{ Stored int }
	for _, c := range []struct {
		who  *caller
		body map[string]any
	}{
		{phone, batch("m/1.0 phone:5f0c9a1b2c3d4e5f", "network", true, true)},
		{friend, batch("m/1.0 phone:5f0c9a1b2c3d4e5f", "network", false, false)},
		{other, batch("m/1.0 phone:0000111122223333", "gps", false, false)},
	} {
		if status := c.who.do("POST", "/api/v1/fixes", c.body, &taken); status != 200 || taken.Stored != 120 {
			t.Fatal(status, taken)
		}
	}
	for i, code := range codes {
		w, err := postgres.WorkerByCode(t.Context(), h.db.Pool, code)
		if err != nil {
			t.Fatal(err)
		}
		if err := h.desk.CheckDoubts(t.Context(), postgres.WorkerDay{Region: w.Region, Worker: w.ID, Day: midnight}); err != nil {
			t.Fatal(err)
		}
		var found []string
		if err := h.db.Pool.QueryRow(t.Context(), `SELECT codes FROM doubt_check WHERE worker_id = $1 AND day = $2`, w.ID, midnight.In(incident.BusinessZone()).Format(time.DateOnly)).Scan(&found); err != nil {
			t.Fatal(err)
		}
		want := [][]string{{"mock", "shared_phone", "tampered_client", "never_gps"}, {"shared_phone", "never_gps"}, nil}[i]
		for _, c := range want {
			if !slices.Contains(found, c) {
				t.Errorf("%s: %v without %s", code, found, c)
			}
		}
		if i == 2 && len(found) > 0 {
			t.Errorf("an honest phone: %v", found)
		}
	}

	type doubt struct {
		ID      string
		Score   int
		State   string
		Verdict string
		Signals []patrol.Signal
		Steps   []struct{ Kind, By, Text string }
		May     []string
	}
	var queue struct {
		Doubts []doubt
		Total  int
	}
	if status := first.do("GET", "/api/v1/doubts?queue=open", nil, &queue); status != 200 || queue.Total != 1 || queue.Doubts[0].Score != 100 {
		t.Fatalf("%d %+v", status, queue)
	}
	at, me := "/api/v1/doubts/"+queue.Doubts[0].ID, "/api/v1/me/doubts/"+queue.Doubts[0].ID
	step := func(who *caller, path string, body map[string]any, want int) (d doubt) {
		t.Helper()
		if status := who.do("POST", path, body, &d); status != want {
			t.Fatalf("%s: %d, want %d", path, status, want)
		}
		return d
	}
	var seen doubt
	if status := phone.do("GET", me, nil, &seen); status != 200 || len(seen.Signals) < 4 || !slices.Contains(seen.May, "explain") {
		t.Fatalf("the worker's own view: %d %+v", status, seen)
	}
	if status := friend.do("GET", me, nil, nil); status != 404 {
		t.Errorf("somebody else's: %d", status)
	}
	step(first, at+"/decide", map[string]any{"verdict": "confirmed", "reason": "模拟定位"}, 409) // not heard yet
	step(phone, me+"/explain", map[string]any{"text": "手机送修，维修人员打开了模拟定位"}, 200)
	step(phone, at+"/decide", map[string]any{"verdict": "cleared", "reason": "我没事"}, 403) // has not the power, and is himself
	if d := step(first, at+"/decide", map[string]any{"verdict": "confirmed", "reason": "没有送修记录"}, 200); d.State != "decided" {
		t.Errorf("%+v", d)
	}
	step(phone, me+"/appeal", map[string]any{"text": "送修单补交了"}, 200)
	step(first, at+"/decide", map[string]any{"verdict": "confirmed", "reason": "维持"}, 403) // not by the same person
	d := step(second, at+"/decide", map[string]any{"verdict": "cleared", "reason": "核对了送修单"}, 200)
	var kinds, by []string
	for _, s := range d.Steps {
		kinds, by = append(kinds, s.Kind), append(by, s.By)
	}
	if d.State != "closed" || d.Verdict != "cleared" || strings.Join(kinds, " ") != "raised explained decided appealed decided closed" || by[2] != "周一" || by[4] != "吴二" || by[0] != "" {
		t.Errorf("%+v", d)
	}
	if status := first.do("GET", "/api/v1/doubts?queue=open", nil, &queue); status != 200 || queue.Total != 0 {
		t.Errorf("%d %+v", status, queue)
	}
}
