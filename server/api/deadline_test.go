package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"github.com/gridward/gridward/server/incident"
)

// upload sends a list of holidays as a form.
func (w *world) upload(login, query, name string, data []byte) (int, string) {
	w.t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("file", name)
	if err != nil {
		w.t.Fatal(err)
	}
	_, _ = part.Write(data)
	_ = form.Close()
	req, err := http.NewRequestWithContext(w.t.Context(), "POST", w.server.URL+"/api/v1/holiday-lists"+query, &body)
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", form.FormDataContentType())
	resp, err := w.as(login).Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b)
}

func read[T any](t *testing.T, body string) (out T) {
	t.Helper()
	if err := json.Unmarshal([]byte(body), &out); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return out
}

const of2027 = `{"year": 2027, "days": [{"name": "元旦", "date": "2027-01-01", "isOffDay": true}, {"name": "元旦", "date": "2027-01-02", "isOffDay": true}, {"name": "元旦", "date": "2027-01-03", "isOffDay": true}]}`

func TestHolidayListsComeInEveryForm(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	book := excelize.NewFile()
	for i, row := range [][]any{{"日期", "名称", "类型"}, {46388, "元旦", "休"}, {"2027/1/2", "元旦", "休"}, {"2027年1月3日", "元旦", "休"}} {
		if err := book.SetSheetRow("Sheet1", fmt.Sprintf("A%d", i+1), &row); err != nil {
			t.Fatal(err)
		}
	}
	var workbook bytes.Buffer
	if err := book.Write(&workbook); err != nil {
		t.Fatal(err)
	}
	gbk := []byte("\xc8\xd5\xc6\xda,\xc3\xfb\xb3\xc6,\xc0\xe0\xd0\xcd\n2027-01-01,\xd4\xaa\xb5\xa9,\xd0\xdd\n2027-01-02,\xd4\xaa\xb5\xa9,\xd0\xdd\n2027-01-03,\xd4\xaa\xb5\xa9,\xd0\xdd\n")
	for name, data := range map[string][]byte{"2027.json": []byte(of2027), "2027.xlsx": workbook.Bytes(), "放假.csv": gbk} {
		status, body := w.upload("commander1", "?dry_run=true", name, data)
		if status != 200 || !strings.Contains(body, `"year":2027`) || !strings.Contains(body, `{"date":"2027-01-03","off":true,"name":"元旦"}`) || !strings.Contains(body, `"changed":[]`) {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	for name, c := range map[string]struct{ data, says string }{
		"empty.json": {`{"year": 2027, "days": []}`, "还没有公布"}, "bad.csv": {"日期,类型\n2027-01-01,x\n", "第 2 行"}, "bad.xlsx": {"PK\x03\x04nothing", "打不开"},
	} {
		if status, body := w.upload("commander1", "?dry_run=true", name, []byte(c.data)); status != 422 || !strings.Contains(body, c.says) {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	if status, body := w.upload("commander1", "", "2027.json", []byte(of2027)); status != 403 {
		t.Errorf("the year is everybody's, not a community's: %d %s", status, body)
	}
	if status, body := w.upload("street-commander1", "", "2027.json", []byte(of2027)); status != 200 || !strings.Contains(body, `"version":1`) {
		t.Errorf("%d %s", status, body)
	}
	_, body, _ := w.call("street-commander1", "GET", "/api/v1/holiday-lists", nil)
	if !strings.Contains(body, `"year":2027,"status":"published"`) || !strings.Contains(body, `"format":"json","file":"2027.json"`) || !strings.Contains(body, `"format":"bundled"`) {
		t.Error(body)
	}
	var audits int
	if err := w.db.Pool.QueryRow(t.Context(), `SELECT count(*) FROM audit WHERE action = 'holidays.imported'`).Scan(&audits); err != nil || audits != 1 {
		t.Errorf("%d audit rows: %v", audits, err)
	}
}

func TestCalendarsAreEditedByVersion(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	type calendars struct {
		Calendars []struct {
			ID      int64
			Name    string
			Version int32
		}
	}
	_, body, _ := w.call("station1", "GET", "/api/v1/calendars", nil)
	all := read[calendars](t, body)
	if len(all.Calendars) != 2 {
		t.Fatalf("a fresh house has %s", body)
	}
	office := all.Calendars[0].ID
	_, body, _ = w.call("station1", "GET", fmt.Sprintf("/api/v1/calendars/%d/days?from=2026-02-13&to=2026-02-16", office), nil)
	for _, want := range []string{`{"date":"2026-02-14","weekday":6,"working":true,"kind":"makeup","name":"春节"`, `{"date":"2026-02-16","weekday":1,"working":false,"kind":"holiday","name":"春节","periods":[],"minutes":0}`, `"years":[2024,2025,2026]`} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s in %s", want, body)
		}
	}
	plan := map[string]any{"weekdays": []int{1, 2, 3, 4, 5}, "periods": []map[string]string{{"from": "09:00", "to": "12:00"}, {"from": "13:00", "to": "17:30"}}, "holidays": true,
		"days": []map[string]any{{"date": "2026-03-10", "work": false, "name": "停电"}}}
	path := fmt.Sprintf("/api/v1/calendars/%d", office)
	for sentence, c := range map[string]struct {
		login  string
		body   map[string]any
		status int
		says   string
	}{
		"a community does not change everybody's": {"commander1", map[string]any{"name": "机关", "plan": plan, "version": 1}, 403, "所有单位"},
		"without a version":                       {"street-commander1", map[string]any{"name": "机关", "plan": plan}, 422, "版本"},
		"hours that overlap are named": {"street-commander1", map[string]any{"name": "机关", "version": 1, "plan": map[string]any{"weekdays": []int{1},
			"periods": []map[string]string{{"from": "09:00", "to": "12:00"}, {"from": "11:00", "to": "17:30"}}, "holidays": true}}, 422, "body.plan.periods"},
	} {
		if status, body, _ := w.call(c.login, "PUT", path, c.body); status != c.status || !strings.Contains(body, c.says) {
			t.Errorf("%s: %d %s", sentence, status, body)
		}
	}
	if status, body, _ := w.call("street-commander1", "PUT", path, map[string]any{"name": "机关", "plan": plan, "version": 1}); status != 200 || !strings.Contains(body, `"version":2`) {
		t.Errorf("%d %s", status, body)
	}
	if status, body, _ := w.call("street-commander1", "PUT", path, map[string]any{"name": "机关", "plan": plan, "version": 1}); status != 409 {
		t.Errorf("over a newer version: %d %s", status, body)
	}
	if status, body, _ := w.call("street-commander1", "POST", "/api/v1/calendars", map[string]any{"name": "又一个", "plan": plan}); status != 409 {
		t.Errorf("a second one for everybody: %d %s", status, body)
	}
	_, body, _ = w.call("station1", "POST", "/api/v1/deadlines/compute", map[string]any{"start": "2026-03-09T02:00:00Z", "limit": map[string]any{"n": 1, "unit": "wd"}})
	if !strings.Contains(body, `"due_at":"2026-03-11T09:30:00Z"`) || !strings.Contains(body, `"limit_text":"1 工作日"`) {
		t.Errorf("by the new hours, over the day without power: %s", body)
	}
}

func TestLimitsAreVersionsAndTriedFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	type dryRun struct {
		Running int
		Changed []incident.Change
	}
	_, body, _ := w.call("street-commander1", "GET", "/api/v1/sla-rules?stage=accept", nil)
	rules := read[struct{ Rules []incident.Rule }](t, body).Rules
	if len(rules) != 2 || rules[0].Urgency != "" || rules[0].LimitText != "2 工作时" {
		t.Fatal(body)
	}
	accept := rules[0].ID
	faster := map[string]any{"id": accept, "stage": "accept", "limit": map[string]any{"n": 30, "unit": "h"}}
	_, body, _ = w.call("street-commander1", "POST", "/api/v1/sla-rules/dry-run", map[string]any{"changes": []any{faster}})
	run := read[dryRun](t, body)
	if run.Running != 4 || len(run.Changed) != 2 || run.Changed[0].Stage != "accept" || !run.Changed[0].ToDue.Before(run.Changed[0].FromDue) && run.Changed[0].ToDue.Equal(run.Changed[0].FromDue) || run.Changed[0].CaseNo == "" {
		t.Errorf("which would change: %s", body)
	}
	_, body, _ = w.call("commander1", "POST", "/api/v1/sla-rules/dry-run", map[string]any{"changes": []any{faster}})
	if run := read[dryRun](t, body); run.Running != 2 || len(run.Changed) != 1 || run.Changed[0].Incident != w.incident["东湖"] {
		t.Errorf("a community sees its own: %s", body)
	}
	_, body, _ = w.call("street-commander1", "POST", "/api/v1/sla-rules/dry-run", map[string]any{"changes": []any{map[string]any{"id": accept, "stage": "accept", "limit": map[string]any{"n": 120, "unit": "wh"}}}})
	if run := read[dryRun](t, body); len(run.Changed) != 0 {
		t.Errorf("the same limit changes nothing: %s", body)
	}
	var before, after string
	due := func(to *string) {
		t.Helper()
		if err := w.db.Pool.QueryRow(t.Context(), `SELECT string_agg(stage_due::text, ' ' ORDER BY id) FROM incident`).Scan(to); err != nil {
			t.Fatal(err)
		}
	}
	due(&before)
	path := fmt.Sprintf("/api/v1/sla-rules/%d", accept)
	if status, body, _ := w.call("commander1", "PUT", path, faster); status != 403 {
		t.Errorf("a community edits everybody's: %d %s", status, body)
	}
	if status, body, _ := w.call("street-commander1", "PUT", path, faster); status != 200 || !strings.Contains(body, `"version":2`) || !strings.Contains(body, `"limit_text":"30 分钟"`) {
		t.Errorf("%d %s", status, body)
	}
	faster["version"] = 1
	if status, body, _ := w.call("street-commander1", "PUT", path, faster); status != 409 {
		t.Errorf("over a newer version: %d %s", status, body)
	}
	for sentence, c := range map[string]struct {
		body map[string]any
		says string
	}{
		"no limit":            {map[string]any{"stage": "handle", "limit": map[string]any{"n": 0, "unit": "wd"}}, "body.limit"},
		"an unknown stage":    {map[string]any{"stage": "sleep", "limit": map[string]any{"n": 1, "unit": "wd"}}, "stage"},
		"an unknown category": {map[string]any{"stage": "handle", "category": "XX", "limit": map[string]any{"n": 1, "unit": "wd"}}, "body.category"},
	} {
		if status, body, _ := w.call("street-commander1", "POST", "/api/v1/sla-rules", c.body); status != 422 || !strings.Contains(body, c.says) {
			t.Errorf("%s: %d %s", sentence, status, body)
		}
	}
	if due(&after); before != after {
		t.Errorf("running clocks moved: %s, before %s", after, before)
	}
	if status, body, _ := w.call("street-commander1", "DELETE", path, nil); status != 204 {
		t.Errorf("%d %s", status, body)
	}
	if status, _, _ := w.call("street-commander1", "DELETE", path, nil); status != 404 {
		t.Errorf("ended twice: %d", status)
	}
	status, body, header := w.call("street-commander1", "GET", "/api/v1/sla-rules?format=csv", nil)
	if status != 200 || !strings.HasPrefix(body, "\ufeff规则,版本,环节") || !strings.Contains(body, "处置,2") || !strings.Contains(header.Get("Content-Disposition"), "sla-rules") {
		t.Errorf("%d %s", status, body)
	}
	var versions int
	if err := w.db.Pool.QueryRow(t.Context(), `SELECT count(*) FROM sla_rule WHERE id = $1 AND valid_to IS NOT NULL`, accept).Scan(&versions); err != nil || versions != 2 {
		t.Errorf("%d versions are kept: %v", versions, err)
	}
}
