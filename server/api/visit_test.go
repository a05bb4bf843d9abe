package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding/simplifiedchinese"
)

func (w *world) count(sql string, args ...any) (n int) {
	w.t.Helper()
	if err := w.db.Pool.QueryRow(w.t.Context(), sql, args...).Scan(&n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

// A worker meets a problem on a visit, offline; the phone sends it three times.
func TestAVisitFindsAProblemOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	x, c := w.visits("东湖"), middle["东湖"]
	w.exec(`DELETE FROM patrol_dirty`)
	now := time.Now().UTC()
	body := map[string]any{"client_id": "phone-1", "target": x.checkpoint, "arrived_at": now.Add(-8 * time.Minute), "left_at": now.Add(-2 * time.Minute), "point": c, "accuracy": 8, "method": "onsite", "outcome": "problem",
		"content": "栏杆松动", "activities": []string{"security"}, "answers": []map[string]any{{"item": "CJ-02", "value": "有问题", "issue": true}}, "incident": map[string]any{"title": "桥栏杆松动", "category": "01"}}
	var v struct {
		ID        string
		Verified  string
		Incidents []struct {
			CaseNo string `json:"case_no"`
		}
		DistanceM *float32 `json:"distance_m"`
	}
	for i, want := range []int{201, 200, 200} {
		status, text, _ := w.call("grid_worker1", "POST", "/api/v1/visits", body)
		if status != want {
			t.Fatalf("time %d: %d %s", i, status, text)
		}
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		if v.Verified != "auto_ok" || len(v.Incidents) != 1 || v.DistanceM == nil || *v.DistanceM > 1 {
			t.Errorf("time %d: %s", i, text)
		}
	}
	if n := w.count(`SELECT count(*) FROM visit WHERE client_id = 'phone-1'`); n != 1 {
		t.Errorf("%d visits", n)
	}
	if n := w.count(`SELECT count(*) FROM incident WHERE title = '桥栏杆松动' AND source = 'visit'`); n != 1 {
		t.Errorf("%d cases", n)
	}
	if n := w.count(`SELECT count(*) FROM info_record WHERE visit_id = $1 AND issue`, v.ID); n != 1 {
		t.Errorf("%d answers filed", n)
	}
	if n := w.count(`SELECT count(*) FROM patrol_dirty WHERE worker_id = $1 AND 'visit' = ANY (why)`, w.worker["东湖"]); n < 1 {
		t.Error("the day is not measured again")
	}
	// the ledger has both lines, and nobody wrote it
	_, text, _ := w.call("station1", "GET", "/api/v1/ledger", nil)
	for _, word := range []string{`"kind":"visit"`, `"kind":"incident"`, `"kind":"duty"`, "东湖桥头", "桥栏杆松动", v.Incidents[0].CaseNo} {
		if !strings.Contains(text, word) {
			t.Errorf("the ledger does not tell of %s", word)
		}
	}
	_, text, _ = w.call("station1", "GET", "/api/v1/ledger?format=csv", nil)
	if !strings.HasPrefix(text, "\ufeff时间,") || !strings.Contains(text, "东湖桥头") {
		t.Errorf("the ledger as CSV: %.80q", text)
	}
	// nobody answers his own visit, and a rejected one is measured and due again
	w.exec(`DELETE FROM patrol_dirty`)
	if status, text, _ := w.call("station1", "POST", "/api/v1/visits/"+v.ID+"/verdict", map[string]any{"verdict": "rejected", "reason": "x"}); status != 422 {
		t.Errorf("a verdict without a reason: %d %s", status, text)
	}
	if status, text, _ := w.call("station1", "POST", "/api/v1/visits/"+v.ID+"/verdict", map[string]any{"verdict": "rejected", "reason": "现场无人到过"}); status != 200 || !strings.Contains(text, `"verified":"rejected"`) {
		t.Errorf("rejected: %d %s", status, text)
	}
	if n := w.count(`SELECT count(*) FROM patrol_dirty WHERE worker_id = $1`, w.worker["东湖"]); n < 1 {
		t.Error("a verdict does not measure the day again")
	}
	if n := w.count(`SELECT count(*) FROM audit WHERE action = 'visit.decided' AND object = $1`, v.ID); n != 1 {
		t.Errorf("%d lines of audit", n)
	}
}

// Of the two kinds of coming in vain: it is on record, and it keeps no cycle.
func TestAnAttemptKeepsNoCycle(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	x, now := w.visits("东湖"), time.Now().UTC()
	due := func() string {
		t.Helper()
		_, text, _ := w.call("grid_worker1", "GET", "/api/v1/me/due-visits", nil)
		return text
	}
	call := func(id, method, outcome string) {
		t.Helper()
		status, text, _ := w.call("grid_worker1", "POST", "/api/v1/visits", map[string]any{"client_id": id, "target": x.checkpoint, "arrived_at": now.Add(-time.Minute), "left_at": now, "point": middle["东湖"], "method": method, "outcome": outcome})
		if status != 201 {
			t.Fatalf("%d %s", status, text)
		}
	}
	is := func(when string, want bool) {
		t.Helper()
		if got := strings.Contains(due(), "东湖桥头"); got != want {
			t.Errorf("%s: due %v", when, got)
		}
	}
	is("never visited since January", true)
	call("a", "onsite", "no_one_home")
	is("nobody met", true)
	call("b", "phone", "normal")
	is("a telephone call", true)
	w.exec(`INSERT INTO visit_rule (region_id, attempt_counts) VALUES ($1, true)`, w.street)
	is("attempts count", false)
	w.exec(`DELETE FROM visit_rule`)
	call("c", "onsite", "normal")
	is("visited", false)
	if strings.Contains(due(), "西山") {
		t.Error("somebody else's objects are on the list")
	}
	// beyond his ground there is nothing
	if status, text, _ := w.call("grid_worker1", "POST", "/api/v1/visits", map[string]any{"client_id": "z", "target": w.visits("西山").elder, "arrived_at": now, "left_at": now, "method": "phone", "outcome": "normal"}); status != 404 {
		t.Errorf("a visit beyond the scope: %d %s", status, text)
	}
}

// 管控对象 are masked without see_people, on nobody's wall, and in no file.
func TestControlledPeopleAreMasked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	x, now := w.visits("东湖"), time.Now().UTC()
	status, text, _ := w.call("grid_worker1", "POST", "/api/v1/visits", map[string]any{"client_id": "k", "target": x.control, "arrived_at": now.Add(-5 * time.Minute), "left_at": now, "point": middle["东湖"], "method": "onsite",
		"outcome": "problem", "content": "郑某情绪不稳", "incident": map[string]any{"title": "需心理疏导"}})
	if status != 201 { // he leads the grid
		t.Fatalf("%d %s", status, text)
	}
	if n := w.count(`SELECT count(*) FROM incident WHERE title = '需心理疏导' AND sensitivity = 'high'`); n != 1 {
		t.Error("its case may be shown on a wall")
	}
	for _, path := range []string{"/visits", "/visit-objects", "/ledger", "/info-records"} {
		if _, text, _ := w.call("station1", "GET", "/api/v1"+path, nil); path != "/info-records" && !strings.Contains(text, "东湖郑某") {
			t.Errorf("%s as a station, who sees people: %s", path, text)
		}
		for who, asks := range map[string]string{"assessor1": "", "station1": "?format=csv"} {
			status, text, _ := w.call(who, "GET", "/api/v1"+path+asks, nil)
			if status != 200 || strings.Contains(text, "郑某") {
				t.Errorf("%s%s as %s: %d %s", path, asks, who, status, text)
			}
		}
	}
	w.exec(`UPDATE grid_assignment SET role = 'worker' WHERE worker_id = $1`, w.worker["东湖"])
	if _, text, _ := w.call("grid_worker1", "GET", "/api/v1/me/due-visits?all=true", nil); strings.Contains(text, "郑某") || !strings.Contains(text, "东湖桥头") {
		t.Errorf("the list of a worker who does not lead the grid: %s", text)
	}
}

func TestVisitObjectsAreImported(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := middle["东湖"]
	send := func(body []byte, query string) (int, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), "POST", w.server.URL+"/api/v1/visit-objects/import"+query, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/octet-stream")
		resp, err := w.as("station1").Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(b)
	}
	head := "编号,名称,类型,经度,纬度,周期,地址\n"
	good := head + fmt.Sprintf("A1,吴奶奶,独居、空巢老人,%g,%g,2周,东湖路1号\nA2,东湖超市,enterprise,%g,%g,,东湖路2号\n", c[0], c[1], c[0], c[1])
	gbk, err := simplifiedchinese.GBK.NewEncoder().Bytes([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	if status, text := send(gbk, "?dry_run=true"); status != 200 || !strings.Contains(text, `"added":2`) || w.count(`SELECT count(*) FROM visit_object`) != 0 {
		t.Errorf("a dry run: %d %s", status, text)
	}
	if status, text := send(gbk, ""); status != 200 || !strings.Contains(text, `"added":2`) {
		t.Errorf("GBK: %d %s", status, text)
	}
	book := excelize.NewFile()
	for i, line := range strings.Split(strings.TrimSpace(strings.Replace(good, "东湖路2号", "东湖路3号", 1)), "\n") {
		row := []any{}
		for _, cell := range strings.Split(line, ",") {
			row = append(row, cell)
		}
		if err := book.SetSheetRow("Sheet1", fmt.Sprintf("A%d", i+1), &row); err != nil {
			t.Fatal(err)
		}
	}
	var xlsx bytes.Buffer
	if err := book.Write(&xlsx); err != nil {
		t.Fatal(err)
	}
	if status, text := send(xlsx.Bytes(), ""); status != 200 || !strings.Contains(text, `"changed":1`) || !strings.Contains(text, `"unchanged":1`) {
		t.Errorf("XLSX: %d %s", status, text)
	}
	if n := w.count(`SELECT count(*) FROM visit_object WHERE grid_id = $1 AND (code = 'A2' OR cycle_n = 2 AND cycle_unit = 'week')`, w.grid["东湖"]); n != 2 {
		t.Errorf("%d objects are in their grid", n)
	}
	far := middle["西山"]
	bad := head + fmt.Sprintf("B1,某户,外星人,%g,%g,,\nB2,某户,household,22,114,,\nB3,某户,household,%g,%g,偶尔,\nB4,某户,household,%g,%g,,\n", c[0], c[1], c[0], c[1], far[0], far[1])
	status, text := send([]byte(bad), "")
	if status != 200 || !strings.Contains(text, `"refused":4`) || !strings.Contains(text, "line 2") || !strings.Contains(text, "line 5") || w.count(`SELECT count(*) FROM visit_object`) != 2 {
		t.Errorf("four bad rows: %d %s", status, text)
	}
}
