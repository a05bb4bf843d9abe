package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/gridward/gridward/server/access"
)

// file posts a file and reads the answer.
func (w *world) file(login, path string, data []byte, into any) int {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), "POST", w.server.URL+path, bytes.NewReader(data))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "text/csv")
	resp, err := w.as(login).Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	if into != nil {
		if err := json.Unmarshal(body, into); err != nil {
			w.t.Fatalf("%v: %s", err, body)
		}
	}
	return resp.StatusCode
}

type fileReport struct {
	Added, Changed, Unchanged, Refused int
	Problems                           []struct{ Where, Reason string }
}

const addresses = `名称,地址,别名,类型,经度,纬度
湖畔苑小区,湖滨路 88 号,湖畔花园,小区,114.1052,22.6052
湖滨小学,湖滨路 90 号,,学校,114.1061,22.6049
西山公园,西山路,,公园,114.2051,22.6051
`

// A gazetteer comes as people have it (GBK), names every bad row, and is found
// by name, alias, address, initials and full pinyin, as far as one's scope goes.
func TestAPlaceIsFoundAsPeopleNameIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	boss := "street-commander1"
	gbk, err := simplifiedchinese.GBK.NewEncoder().Bytes([]byte(addresses))
	if err != nil {
		t.Fatal(err)
	}
	var report fileReport
	if status := w.file(boss, "/api/v1/gazetteer?dry_run=true", gbk, &report); status != 200 || report.Added != 3 {
		t.Fatalf("%d %+v", status, report)
	}
	bad := addresses + "写反了,某路,,,22.6,114.1\n,无名路,,,114.1,22.6\n没有坐标,某路,,,很远,22.6\n湖滨小学,湖滨路 90 号,,学校,114.1061,22.6049\n"
	if status := w.file(boss, "/api/v1/gazetteer", []byte(bad), &report); status != 200 || report.Refused != 4 || !strings.Contains(report.Problems[0].Where+report.Problems[1].Where, "line ") {
		t.Fatalf("%d %+v", status, report)
	}
	var n int
	if err := w.db.Pool.QueryRow(t.Context(), `SELECT count(*) FROM gazetteer`).Scan(&n); err != nil || n != 0 {
		t.Fatalf("%d rows after a dry run and a refused file", n)
	}
	if status := w.file(boss, "/api/v1/gazetteer", gbk, &report); status != 200 || report.Added != 3 {
		t.Fatalf("%d %+v", status, report)
	}
	if status := w.file(boss, "/api/v1/gazetteer", gbk, &report); status != 200 || report.Unchanged != 3 {
		t.Fatalf("the same file again: %d %+v", status, report)
	}
	for q, want := range map[string]string{"湖畔苑小区": "湖畔苑小区", "湖畔": "湖畔苑小区", "hpy": "湖畔苑小区", "HPYXQ": "湖畔苑小区", "hupan": "湖畔苑小区", "湖畔花园": "湖畔苑小区", "湖滨路 90": "湖滨小学", "小学": "湖滨小学", "dhdy": "东湖第一网格"} {
		var out struct {
			Places []struct {
				Name    string     `json:"name"`
				Point   [2]float64 `json:"point"`
				OrgName string     `json:"org_name"`
			} `json:"places"`
		}
		if status := w.json("operator1", "GET", "/api/v1/gazetteer?q="+url.QueryEscape(q), nil, &out); status != 200 || len(out.Places) == 0 || out.Places[0].Name != want {
			t.Errorf("%q: %d %+v", q, status, out)
		}
	}
	if _, text, _ := w.call("station1", "GET", "/api/v1/gazetteer?q="+url.QueryEscape("西山"), nil); strings.Contains(text, "西山公园") {
		t.Errorf("a station reads its neighbour's gazetteer: %s", text)
	}
	if _, text, _ := w.call(boss, "GET", "/api/v1/gazetteer?q=xsgy", nil); !strings.Contains(text, "西山公园") {
		t.Errorf("the street does not find its own: %s", text)
	}
}

// A call is a case of the caller, placed by its address, a line of the log, and
// found again as similar; once closed it is one that came back.
func TestACallIsTakenDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	room := w.person("room", "孔值班", w.street, access.Operator)
	if status := w.file("street-commander1", "/api/v1/gazetteer", []byte(addresses), nil); status != 200 {
		t.Fatal(status)
	}
	var inc struct {
		ID        string      `json:"id"`
		CaseNo    string      `json:"case_no"`
		Reporter  string      `json:"reporter_name"`
		Phone     string      `json:"reporter_phone"`
		Source    string      `json:"source"`
		Point     *[2]float64 `json:"point"`
		GridName  string      `json:"grid_name"`
		OrgName   string      `json:"org_name"`
		Drill     bool        `json:"drill"`
		Recurring string      `json:"recurrence"`
	}
	call := map[string]any{"client_id": "c-1", "caller_name": "吴来电", "caller_phone": "13912345678", "title": "垃圾桶满溢没人清", "category": "CJ-01", "address": "湖畔苑小区 3 幢"}
	if status := w.json(room, "POST", "/api/v1/intake", call, &inc); status != 201 {
		t.Fatal(status)
	}
	if inc.Reporter != "吴来电" || inc.Phone != "13912345678" || inc.Source != "hotline" || inc.Point == nil || inc.OrgName != "东湖社区" || inc.GridName != "东湖第一网格" {
		t.Fatalf("%+v", inc)
	}
	if status := w.json(room, "POST", "/api/v1/intake", call, nil); status != 200 {
		t.Errorf("the same call again: %d", status)
	}
	for field, body := range map[string]map[string]any{
		"caller_phone": {"title": "x", "address": "y", "caller_phone": "打给我"},
		"source":       {"title": "x", "address": "y", "source": "patrol"},
		"point":        {"title": "x"},
		"recurrence":   {"title": "x", "address": "y", "recurrence": "01990000-0000-7000-8000-0000000000aa"},
	} {
		if status, text, _ := w.call(room, "POST", "/api/v1/intake", body); status != 422 || !strings.Contains(text, "body."+field) {
			t.Errorf("%s: %d %s", field, status, text)
		}
	}
	if _, text, _ := w.call(room, "GET", "/api/v1/watch-log?kind=call", nil); !strings.Contains(text, inc.CaseNo) || strings.Count(text, `"kind":"call"`) != 1 {
		t.Errorf("the log: %s", text)
	}
	var kinds struct {
		Categories []struct{ Code, Why string } `json:"categories"`
	}
	if status := w.json(room, "GET", "/api/v1/intake/suggest?text="+url.QueryEscape("楼下垃圾满溢很臭"), nil, &kinds); status != 200 || len(kinds.Categories) == 0 || kinds.Categories[0].Code != "CJ-01" || kinds.Categories[0].Why == "" {
		t.Errorf("%d %+v", status, kinds)
	}
	similar := func(login, extra string) (out struct {
		RadiusM int `json:"radius_m"`
		Similar []struct {
			Incident   struct{ ID, Title string } `json:"incident"`
			DistanceM  float64                    `json:"distance_m"`
			Recurrence bool                       `json:"recurrence"`
			Why        string                     `json:"why"`
		} `json:"similar"`
	}) {
		t.Helper()
		path := fmt.Sprintf("/api/v1/incidents/similar?lon=114.1053&lat=22.6053&category=CJ-01&text=%s%s", url.QueryEscape("垃圾桶又满溢"), extra)
		if status := w.json(login, "GET", path, nil, &out); status != 200 {
			t.Fatal(status)
		}
		return out
	}
	got := similar(room, "")
	if got.RadiusM != 100 || len(got.Similar) != 1 || got.Similar[0].Incident.ID != inc.ID || got.Similar[0].Recurrence || got.Similar[0].DistanceM > 30 || !strings.Contains(got.Similar[0].Why, "同一类别") {
		t.Errorf("%+v", got)
	}
	if got := similar("station2", ""); len(got.Similar) != 0 {
		t.Errorf("another community is told of it: %+v", got)
	}
	if got := similar(room, "&drill=true"); len(got.Similar) != 0 {
		t.Errorf("a drill is like a case: %+v", got)
	}
	w.exec(`UPDATE incident SET state = 'closed', closed_at = now() - interval '5 days', close_reason = 'evaluated' WHERE id = $1`, inc.ID)
	if got := similar(room, ""); len(got.Similar) != 1 || !got.Similar[0].Recurrence || !strings.Contains(got.Similar[0].Why, "可重开") {
		t.Errorf("%+v", got)
	}
	first := inc.ID
	if status := w.json(room, "POST", "/api/v1/intake", map[string]any{"title": "又满了", "address": "湖畔苑小区", "recurrence": first, "drill": true}, &inc); status != 201 || inc.Recurring != first || !inc.Drill {
		t.Errorf("%d %+v", status, inc)
	}
}

// The watch is handed over with what is open, counts only once the successor
// signed, and nobody signs for another.
func TestTheWatchIsHandedOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.person("watch1", "孔值班", w.street, access.Operator)
	second := w.person("watch2", "白接班", w.street, access.Operator)
	third := w.person("watch3", "黑路过", w.street, access.Operator)
	w.exec(`UPDATE incident SET urgency = 'critical' WHERE id = $1`, w.incident["东湖"])
	w.exec(`UPDATE incident SET drill = true, urgency = 'critical' WHERE id = $1`, w.incident["西山"])
	type handover struct {
		ID     string `json:"id"`
		State  string `json:"state"`
		Digest string `json:"digest"`
		Items  struct {
			Counts map[string]int `json:"counts"`
			Cases  []struct {
				Title string `json:"title"`
			} `json:"cases"`
		} `json:"items"`
	}
	type now struct {
		Holder *struct {
			Account int64  `json:"account"`
			Name    string `json:"name"`
		} `json:"holder"`
		Asked      *handover `json:"asked"`
		Successors []struct {
			Account int64  `json:"account"`
			Name    string `json:"name"`
		} `json:"successors"`
		Open []map[string]any `json:"open"`
	}
	look := func(login string) (n now) {
		t.Helper()
		if status := w.json(login, "GET", "/api/v1/watch-log/current", nil, &n); status != 200 {
			t.Fatal(status)
		}
		return n
	}
	n := look(first)
	if n.Holder != nil || n.Asked != nil || len(n.Successors) != 4 { // two operators, two commanders of the street
		t.Fatalf("%+v", n)
	}
	account := map[string]int64{}
	for _, login := range []string{first, second, third} {
		account[login] = w.principal(login).Account
	}
	var h handover
	if status := w.json(first, "POST", "/api/v1/watch-log/handover", map[string]any{"to": account[first]}, nil); status != 422 {
		t.Errorf("handed over to himself: %d", status)
	}
	if status := w.json(first, "POST", "/api/v1/watch-log/handover", map[string]any{"to": w.principal("station1").Account}, nil); status != 422 {
		t.Errorf("handed over to a station: %d", status)
	}
	if status := w.json(first, "POST", "/api/v1/watch-log/handover", map[string]any{"to": account[second], "note": "注意东湖路井盖"}, &h); status != 201 || h.State != "asked" || h.Digest != "" {
		t.Fatalf("%d %+v", status, h)
	}
	if h.Items.Counts["open"] != 1 || h.Items.Counts["critical"] != 1 || len(h.Items.Cases) != 1 || h.Items.Cases[0].Title != "东湖路井盖缺失" {
		t.Errorf("what is open, drills left out: %+v", h.Items)
	}
	sign := "/api/v1/watch-log/handover/" + h.ID + "/sign"
	for _, login := range []string{first, third} {
		if status := w.json(login, "POST", sign, map[string]any{}, nil); status != 403 {
			t.Errorf("%s signed for another: %d", login, status)
		}
	}
	if status := w.json("operator1", "POST", sign, map[string]any{}, nil); status != 404 {
		t.Errorf("a community's operator knows the street's handover: %d", status)
	}
	if look(first).Holder != nil {
		t.Error("the watch changed hands without a signature")
	}
	if status := w.json(second, "POST", sign, nil, &h); status != 200 || h.State != "signed" || len(h.Digest) != 64 {
		t.Fatalf("%d %+v", status, h)
	}
	digest := h.Digest
	if status := w.json(second, "POST", sign, map[string]any{}, &h); status != 200 || h.Digest != digest {
		t.Errorf("signed again: %d %+v", status, h)
	}
	if n := look(third); n.Holder == nil || n.Holder.Account != account[second] || n.Asked != nil || len(n.Open) < 3 {
		t.Errorf("%+v", n)
	}
	if status := w.json(third, "POST", "/api/v1/watch-log/handover", map[string]any{"to": account[first]}, nil); status != 409 {
		t.Errorf("somebody else handed the watch over: %d", status)
	}
	if status := w.json("street-commander1", "POST", "/api/v1/watch-log/handover", map[string]any{"to": account[first]}, &h); status != 201 {
		t.Errorf("a commander may: %d", status)
	}
	if status := w.json(second, "POST", "/api/v1/watch-log/handover", map[string]any{"to": account[third]}, nil); status != 201 {
		t.Errorf("a second handover: %d", status)
	}
	if status := w.json(first, "POST", "/api/v1/watch-log/handover/"+h.ID+"/sign", map[string]any{}, nil); status != 409 {
		t.Errorf("signed one that was replaced: %d", status)
	}
	// Two lines of the log, as CSV; nobody may change them, the database included.
	if status := w.json(second, "POST", "/api/v1/watch-log", map[string]any{"kind": "inspection", "text": "=查岗 09:00"}, nil); status != 201 {
		t.Fatal(status)
	}
	_, text, header := w.call(second, "GET", "/api/v1/watch-log?format=csv&kind=inspection", nil)
	if !strings.Contains(text, "查岗,'=查岗 09:00,,白接班") || !strings.Contains(header.Get("Content-Disposition"), "watch-log") {
		t.Errorf("%q %v", text, header)
	}
	if _, err := w.db.Pool.Exec(t.Context(), `UPDATE watch_entry SET text = ''`); err == nil {
		t.Error("the log can be changed")
	}
	// The log reaches nobody who may not see people.
	if _, text, _ := w.call("dept_clerk1", "GET", "/api/v1/journal", nil); strings.Contains(text, "watch.") {
		t.Errorf("%s", text)
	}
}

// The catalogue is edited under its version, retired and never deleted, refers
// to imported national codes by all three keys, and routes to departments.
func TestTheCatalogueIsKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	boss, dept := "street-commander1", w.department("综合行政执法队")
	codes := "标准号,类别,代码,名称\nGB/T 47678.5-2026,部件,01050,监控电子眼\nGB/T 47678.5-2026,事项,01050,电子眼异常\n"
	var report fileReport
	if status := w.file(boss, "/api/v1/catalogue/import", []byte(codes), &report); status != 200 || report.Added != 2 {
		t.Fatalf("%d %+v", status, report)
	}
	if status := w.file(boss, "/api/v1/catalogue/import", []byte(codes+"GB/T 47678.5-2026,部件,1050,四位\nX,东西,01050,别的\n"), &report); status != 200 || report.Refused != 2 {
		t.Fatalf("%d %+v", status, report)
	}
	entry := map[string]any{"code": "01-9", "parent": "01", "name": "电子眼", "keywords": "电子眼，监控、摄像头", "default_tier": 3, "default_org": dept, "std_ref": "GB/T 47678.5-2026", "std_kind": "部件", "std_code": "01050", "photo_after": true}
	var e struct {
		Code, Keywords, Name string
		StdName              string `json:"std_name"`
		DefaultOrgName       string `json:"default_org_name"`
		Version              int
		Retired              bool
	}
	if status := w.json(boss, "POST", "/api/v1/catalogue", entry, &e); status != 201 || e.Keywords != "电子眼 监控 摄像头" || e.StdName != "监控电子眼" || e.DefaultOrgName != "综合行政执法队" || e.Version != 1 {
		t.Fatalf("%d %+v", status, e)
	}
	for want, change := range map[int]map[string]any{
		409: {"code": "01-9"},
		422: {"code": "01-8", "std_kind": "事项", "std_code": "99999"},
	} {
		body := map[string]any{}
		for k, v := range entry {
			body[k] = v
		}
		for k, v := range change {
			body[k] = v
		}
		if status, text, _ := w.call(boss, "POST", "/api/v1/catalogue", body); status != want {
			t.Errorf("%v: %d %s", change, status, text)
		}
	}
	entry["version"], entry["retired"] = 1, true
	if status := w.json(boss, "PUT", "/api/v1/catalogue/01-9", entry, &e); status != 200 || !e.Retired || e.Version != 2 {
		t.Fatalf("%d %+v", status, e)
	}
	if status := w.json(boss, "PUT", "/api/v1/catalogue/01-9", entry, nil); status != 409 {
		t.Errorf("with a version that is gone: %d", status)
	}
	if status := w.json(boss, "PUT", "/api/v1/catalogue/none", entry, nil); status != 404 {
		t.Errorf("an unknown one: %d", status)
	}
	if _, text, _ := w.call(boss, "GET", "/api/v1/catalogue", nil); strings.Contains(text, `"01-9"`) {
		t.Errorf("retired and still offered")
	}
	if _, text, _ := w.call(boss, "GET", "/api/v1/catalogue?retired=true", nil); !strings.Contains(text, `"01-9"`) {
		t.Errorf("retired and gone")
	}

	var d struct {
		Version    int
		Head       string
		Open       *int
		Categories []struct{ Code string }
	}
	put := map[string]any{"name": "综合行政执法队", "phone": "0574-1", "head": "魏队长", "categories": []string{"02"}, "version": 1}
	path := fmt.Sprintf("/api/v1/departments/%d", dept)
	if status := w.json(boss, "PUT", path, put, &d); status != 200 || d.Version != 2 || len(d.Categories) != 1 || d.Categories[0].Code != "02" || d.Open == nil {
		t.Fatalf("%d %+v", status, d)
	}
	if status := w.json(boss, "PUT", path, put, nil); status != 409 {
		t.Errorf("with a version that is gone: %d", status)
	}
	put["version"], put["categories"] = 2, []string{"02", "no"}
	if status := w.json(boss, "PUT", path, put, nil); status != 422 {
		t.Errorf("an unknown category: %d", status)
	}
	_, text, _ := w.call("grid_leader1", "GET", "/api/v1/departments", nil)
	if !strings.Contains(text, "综合行政执法队") || strings.Contains(text, "魏队长") || !strings.Contains(text, `"open":null`) {
		t.Errorf("a grid leader chooses a department and reads no more of it: %s", text)
	}
}
