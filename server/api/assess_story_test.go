package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/xuri/excelize/v2"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/postgres"
)

// assessCase is a case of the story: days of October, 0 = never.
type assessCase struct {
	place              string
	tier               int16
	due, closed        int
	checked, rework    bool
	grade              int16
	state              string
	drill              bool
	handler            int64
	issued, signedHour int // of an order to the handler: the day, and how many hours later it was signed
}

func (w *world) october(day int) *time.Time {
	if day == 0 {
		return nil
	}
	at := time.Date(2026, 10, day, 9, 0, 0, 0, incident.BusinessZone())
	return &at
}

func (w *world) addAssessed(c assessCase) uuid.UUID {
	w.t.Helper()
	id := uuid.New()
	if c.state == "" {
		c.state = map[bool]string{true: "archived", false: "handling"}[c.closed > 0]
	}
	var checked *time.Time
	if c.checked {
		checked = w.october(c.closed)
	}
	w.exec(`INSERT INTO incident (id, region_id, case_no, title, org_id, grid_id, address, reported_at, updated_at, state, tier, accepted_at, closed_at, case_due, checked_at, rework_count, satisfaction, drill)
		VALUES ($1, $2, $3, '楼道堆物', $4, $5, '某路', $6, $6, $7, $8, $6, $9, $10, $11, $12, NULLIF($13::smallint, 0), $14)`,
		id, w.street, "MH"+id.String()[:8], w.org[c.place], w.grid[c.place], w.october(1), c.state, c.tier, w.october(c.closed), w.october(c.due), checked, map[bool]int{true: 1}[c.rework], c.grade, c.drill)
	if c.handler != 0 {
		issued := *w.october(c.issued)
		signed := issued.Add(time.Duration(c.signedHour) * time.Hour)
		w.exec(`INSERT INTO dispatch_order (id, region_id, incident_id, seq, mode, org_id, state, issued_at, signed_at) VALUES ($1, $2, $3, 1, 'lead', $4, 'done', $5, $6)`, uuid.New(), w.street, id, c.handler, issued, signed)
	}
	return id
}

func (w *world) account(login string, org int64, roles ...access.Role) {
	w.t.Helper()
	id, err := postgres.InsertAccount(w.t.Context(), w.db.Pool, postgres.Account{Login: login, Name: "周" + login, PasswordHash: "-"})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, role := range roles {
		if err := postgres.AddPost(w.t.Context(), w.db.Pool, id, org, role); err != nil {
			w.t.Fatal(err)
		}
	}
}

// told reads an answer into a map; what is not 2xx is the status alone.
func (w *world) told(login, method, path string, body any) (int, map[string]any, string) {
	w.t.Helper()
	status, text, _ := w.call(login, method, "/api/v1"+path, body)
	var out map[string]any
	_ = json.Unmarshal([]byte(text), &out)
	return status, out, text
}

func (w *world) must(login, method, path string, body any) map[string]any {
	w.t.Helper()
	status, out, text := w.told(login, method, path, body)
	if status >= 300 {
		w.t.Fatalf("%s %s as %s: %d %s", method, path, login, status, text)
	}
	return out
}

func (w *world) refused(sentence string, want int, login, method, path string, body any) {
	w.t.Helper()
	if status, _, text := w.told(login, method, path, body); status != want {
		w.t.Errorf("%s: %d %s", sentence, status, text)
	}
}

// shownScore finds a subject's shown score and rank in a list of scores.
func shownScore(list map[string]any, name string) (score any, rank, now any) {
	for _, s := range list["scores"].([]any) {
		row := s.(map[string]any)
		if row["name"] == name {
			return row["shown"], row["rank"], row["now_shown"]
		}
	}
	return "missing", nil, nil
}

func TestAPeriodFromItsOpeningToItsLock(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.at("2026-11-10 10:00")
	w.exec(`UPDATE grid_version SET valid_from = '2026-01-01'`)
	w.account("inspector", w.street, access.Inspector)
	w.account("operator", w.street, access.Operator)
	w.account("both", w.street, access.Commander)
	both := w.principal("both")
	if err := postgres.AddPost(t.Context(), w.db.Pool, both.Account, w.org["西山"], access.Station); err != nil {
		t.Fatal(err)
	}
	var dept, guide int64
	if err := w.db.Pool.QueryRow(t.Context(), `INSERT INTO org (region_id, parent_id, path, code, kind, name) VALUES ($1, $1, '', '990101001-KS01', 'department', '综合执法办') RETURNING id`, w.street).Scan(&dept); err != nil {
		t.Fatal(err)
	}
	w.exec(`UPDATE org SET path = $2 WHERE id = $1`, dept, fmt.Sprintf("%d.%d.", w.street, dept))
	w.account("depthead", dept, access.DeptHead)
	if err := w.db.Pool.QueryRow(t.Context(), `INSERT INTO worker (region_id, org_id, role, code, name) VALUES ($1, $1, 'grid_guide', 'ZD1', '吕指导') RETURNING id`, w.street).Scan(&guide); err != nil {
		t.Fatal(err)
	}
	w.exec(`INSERT INTO grid_assignment (grid_id, worker_id, role, valid_from) VALUES ($1, $2, 'guide', '2026-03-01')`, w.grid["东湖"], guide)
	w.account("guide", w.street, access.GridGuide)
	w.exec(`UPDATE account SET worker_id = $1 WHERE login = 'guide'`, guide)

	// 东湖: ten due, eight in time, one late, one open; five of them tier 1, four closed.
	var rated uuid.UUID
	for _, c := range []assessCase{
		{tier: 1, due: 10, closed: 9, checked: true, grade: 5}, {tier: 1, due: 11, closed: 9, checked: true, grade: 4}, {tier: 1, due: 12, closed: 12, checked: true, rework: true, grade: 3}, {tier: 1, due: 13, closed: 12, checked: true},
		{tier: 1, due: 14}, {tier: 2, due: 15, closed: 14, checked: true}, {tier: 2, due: 16, closed: 14}, {tier: 2, due: 17, closed: 20},
		{tier: 2, due: 18, closed: 17}, {tier: 2, due: 19, closed: 18},
		{tier: 2, due: 20, state: "suspended"},                // 缓办: out of the denominator
		{tier: 2, due: 21, closed: 21, state: "void"},         // counted nowhere
		{tier: 2, due: 22, closed: 22, drill: true, grade: 1}, // neither
	} {
		c.place = "东湖"
		if id := w.addAssessed(c); c.grade == 3 {
			rated = id
		}
	}
	// 西山: two of a department's cases, one in time and one late; signed the same day and the next.
	w.addAssessed(assessCase{place: "西山", tier: 3, due: 12, closed: 10, handler: dept, issued: 5, signedHour: 3})
	w.addAssessed(assessCase{place: "西山", tier: 3, due: 12, closed: 20, handler: dept, issued: 5, signedHour: 24})
	// Weeks that begin in October and one that does not; 2+3+1+3 of 2+3+3+3, objects 10 of 12.
	for i, week := range []string{"2026-09-28", "2026-10-05", "2026-10-12", "2026-10-19", "2026-10-26"} {
		required, qualified := []int{3, 2, 3, 3, 3}[i], []int{0, 2, 3, 1, 4}[i]
		w.exec(`INSERT INTO patrol_week (region_id, grid_id, week, working_days, required, qualified, state, workers, area_n, area_d, household_n, household_d, object_n, object_d, checkpoint_n, checkpoint_d, visits, attempts, short_visits, found, in_ms, out_ms, distance_m, night, gap_ms, gaps, measure, rule_version, why, computed_at)
			VALUES ($1, $2, $3, 5, $4, $5, 'met', 1, 0, 0, 0, 0, $6, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, '{}', 'r', '{}', now())`, w.street, w.grid["东湖"], week, required, qualified, []int{3, 3, 3, 3, 1}[i])
	}

	w.refused("a station opens no period", 403, "station1", "POST", "/assess/periods", map[string]any{"kind": "month", "label": "2026-10"})
	w.refused("a period that has not begun", 422, "street-commander1", "POST", "/assess/periods", map[string]any{"kind": "month", "label": "2026-12"})
	id := int64(w.must("street-commander1", "POST", "/assess/periods", map[string]any{"kind": "month", "label": "2026-10"})["id"].(float64))
	at := fmt.Sprintf("/assess/periods/%d", id)
	w.refused("a period is opened once", 409, "street-commander1", "POST", "/assess/periods", map[string]any{"kind": "month", "label": "2026-10"})
	w.refused("nothing is published without a draft", 409, "street-commander1", "POST", at+"/publish", map[string]any{})
	w.must("street-commander1", "POST", at+"/compute", map[string]any{})

	// on time 8/10, self 4/5, rework 1/5, satisfied 2/3: 0.4·0.8 + 0.2·0.8 + 0.2·0.8 + 0.2·0.6667 = 0.77333
	// patrol: (0.5·9/11 + 0.3·10/12)/0.8 = 0.82386; half of each is 79.86
	grids := w.must("street-commander1", "GET", at+"/scores?level=grid", nil)
	if score, rank, _ := shownScore(grids, "东湖第一网格"); score != 79.86 || rank != 1.0 {
		t.Errorf("东湖: %v, rank %v", score, rank)
	}
	// on time 1/2 alone has weight 0.4; no tier 1, nothing checked, nobody rated: 50
	if score, rank, _ := shownScore(grids, "西山第一网格"); score != 50.0 || rank != 2.0 {
		t.Errorf("西山: %v, rank %v", score, rank)
	}
	if score, _, _ := shownScore(w.must("street-commander1", "GET", at+"/scores?level=community", nil), "东湖社区"); score != 79.86 {
		t.Errorf("the community: %v", score)
	}
	if score, rank, _ := shownScore(w.must("street-commander1", "GET", at+"/scores?level=guide", nil), "吕指导"); score != 79.86 || rank != 0.0 {
		t.Errorf("the guide: %v, rank %v", score, rank)
	}
	// signed the same day 1/2, in time 1/2, no improper return: 0.4·0.5 + 0.4·0.5 + 0.2·1
	if score, _, _ := shownScore(w.must("street-commander1", "GET", at+"/scores?level=department", nil), "综合执法办"); score != 60.0 {
		t.Errorf("the department: %v", score)
	}

	// Every figure opens to exactly its things.
	detail := w.must("street-commander1", "GET", fmt.Sprintf("%s/scores/grid/%d", at, w.grid["东湖"]), nil)
	for item, want := range map[string][2]int{"on_time": {8, 10}, "self": {4, 5}, "rework": {1, 5}, "satisfied": {2, 3}, "quota": {9, 11}, "objects": {10, 12}} {
		var n, d float64
		page := w.must("street-commander1", "GET", fmt.Sprintf("%s/scores/grid/%d/evidence?item=%s&limit=500", at, w.grid["东湖"], item), nil)
		for _, x := range page["things"].([]any) {
			n += x.(map[string]any)["n"].(float64)
			d += x.(map[string]any)["d"].(float64)
		}
		shown := detail["shown"].(map[string]any)[item].(map[string]any)
		if int(n) != want[0] || int(d) != want[1] || shown["n"] != fmt.Sprint(want[0]) || shown["d"] != fmt.Sprint(want[1]) {
			t.Errorf("%s: %v of %v behind it, shown %v of %v, want %v", item, n, d, shown["n"], shown["d"], want)
		}
	}
	rest := w.must("street-commander1", "GET", fmt.Sprintf("%s/scores/grid/%d/evidence?item=on_time&part=rest&limit=1", at, w.grid["东湖"]), nil)
	next := w.must("street-commander1", "GET", fmt.Sprintf("%s/scores/grid/%d/evidence?item=on_time&part=rest&limit=1&cursor=%s", at, w.grid["东湖"], rest["next"]), nil)
	if len(rest["things"].([]any)) != 1 || len(next["things"].([]any)) != 1 || next["next"] != nil {
		t.Errorf("two were not in time: %v, then %v", rest, next)
	}

	// A draft is for those who assess.
	for _, login := range []string{"station1", "operator", "guide", "depthead", "grid_worker1"} {
		w.refused("a draft is not shown to "+login, 404, login, "GET", at, nil)
		w.refused("nor its scores to "+login, 404, login, "GET", at+"/scores?level=grid", nil)
	}

	// Points with a reason; an inspection that draws by lot; then the draft is stale.
	mark := map[string]any{"level": "grid", "subject": w.grid["东湖"], "points": -2.5, "reason": "台账缺失"}
	w.refused("a station gives no points", 404, "station1", "POST", at+"/marks", mark)
	w.refused("points without a reason", 422, "inspector", "POST", at+"/marks", map[string]any{"level": "grid", "subject": w.grid["东湖"], "points": -2.5, "reason": ""})
	w.refused("more points than the template has", 422, "inspector", "POST", at+"/marks", map[string]any{"level": "grid", "subject": w.grid["东湖"], "points": 11, "reason": "表现突出"})
	w.at("2026-11-10 11:00")
	w.must("inspector", "POST", at+"/marks", mark)
	inspection := w.must("inspector", "POST", at+"/inspections", map[string]any{"title": "十月联合督查", "members": []string{"人大", "政协"}, "draw": 1})
	if got := inspection["sampled"].([]any); len(got) != 1 {
		t.Errorf("drawn: %v", got)
	}
	w.must("inspector", "POST", fmt.Sprintf("/assess/inspections/%s/findings", inspection["id"]), map[string]any{"level": "grid", "subject": w.grid["西山"], "score": 92.5, "points": 3, "reason": "走访记录完整"})
	w.refused("a stale draft is not published", 409, "street-commander1", "POST", at+"/publish", map[string]any{})
	w.at("2026-11-10 12:00")
	period := w.must("street-commander1", "POST", at+"/compute", map[string]any{})
	w.refused("nor one that was not looked at", 409, "street-commander1", "POST", at+"/publish", map[string]any{"version": period["version"].(float64) - 1})
	published := w.must("street-commander1", "POST", at+"/publish", map[string]any{"version": period["version"], "appeal_days": 5})
	if published["state"] != "published" || len(published["digest"].(string)) != 64 {
		t.Errorf("published: %v", published)
	}
	w.refused("what is published is not computed again", 409, "street-commander1", "POST", at+"/compute", map[string]any{})
	w.refused("nor marked", 409, "inspector", "POST", at+"/marks", mark)
	if snap := w.must("street-commander1", "GET", at+"/snapshot", nil); snap["intact"] != true || snap["digest"] != published["digest"] {
		t.Errorf("snapshot: %v", snap["digest"])
	}

	// Who sees what of it.
	count := func(login, level string) int {
		return len(w.must(login, "GET", at+"/scores?level="+level, nil)["scores"].([]any))
	}
	for sentence, c := range map[string]struct {
		login, level string
		want         int
	}{
		"a station sees its own grids":                 {"station1", "grid", 1},
		"and its own community":                        {"station1", "community", 1},
		"and no guide":                                 {"station1", "guide", 0},
		"an operator sees all grids":                   {"operator", "grid", 2},
		"but no person's score":                        {"operator", "guide", 0},
		"a guide sees himself":                         {"guide", "guide", 1},
		"and the grid that he is linked to":            {"guide", "grid", 1},
		"a department sees itself":                     {"depthead", "department", 1},
		"and no grid":                                  {"depthead", "grid", 0},
		"a worker sees the grid that he answers for":   {"grid_worker1", "grid", 1},
		"an inspector sees everything":                 {"inspector", "guide", 1},
		"another community's clerk sees no department": {"dept_clerk1", "department", 0},
	} {
		if got := count(c.login, c.level); got != c.want {
			t.Errorf("%s: %d", sentence, got)
		}
	}
	w.refused("another's grid is not there", 404, "station1", "GET", fmt.Sprintf("%s/scores/grid/%d", at, w.grid["西山"]), nil)
	w.refused("nor what is behind it", 404, "station1", "GET", fmt.Sprintf("%s/scores/grid/%d/evidence?item=on_time", at, w.grid["西山"]), nil)
	mine := w.must("grid_worker1", "GET", "/me/assess", nil)["periods"].([]any)
	if len(mine) != 1 || len(mine[0].(map[string]any)["scores"].([]any)) != 1 {
		t.Errorf("a worker's own: %v", mine)
	}

	// The database itself keeps what was published.
	if _, err := w.db.Pool.Exec(t.Context(), `UPDATE assess_score SET final = '100' WHERE period_id = $1`, id); err == nil || !strings.Contains(err.Error(), "published") {
		t.Errorf("a published score was changed: %v", err)
	}
	if _, err := w.db.Pool.Exec(t.Context(), `DELETE FROM assess_evidence WHERE period_id = $1`, id); err == nil {
		t.Error("what is behind a published score was removed")
	}
	for _, table := range []string{"assess_mark", "assess_sheet", "assess_step", "assess_inspection", "assess_appeal", "assess_decision", "assess_adjustment"} {
		if _, err := w.db.Pool.Exec(t.Context(), `DELETE FROM `+table); err == nil || !strings.Contains(err.Error(), "permission denied") {
			t.Errorf("%s: %v", table, err)
		}
	}

	// Data that is corrected later stands beside: the grid, its community, its guide.
	w.exec(`UPDATE incident SET satisfaction = 5 WHERE id = $1`, rated) // satisfied 3/3: handling 0.84, and 83.19 less 2.5
	if moved := w.must("street-commander1", "POST", at+"/recheck", map[string]any{})["moved"]; moved != 3.0 {
		t.Errorf("adjusted: %v", moved)
	}
	if moved := w.must("street-commander1", "POST", at+"/recheck", map[string]any{})["moved"]; moved != 0.0 {
		t.Errorf("adjusted again: %v", moved)
	}
	if score, _, now := shownScore(w.must("station1", "GET", at+"/scores?level=grid", nil), "东湖第一网格"); score != 77.36 || now != 80.69 {
		t.Errorf("published %v, now %v", score, now)
	}

	// Appeals: by whoever stands for it, decided by somebody else.
	appeal := map[string]any{"level": "grid", "subject": w.grid["东湖"], "item": "self", "reason": "有一件案件当日已派往区里", "evidence": "见交办单"}
	w.refused("nobody appeals for another", 404, "station2", "POST", at+"/appeals", appeal)
	w.refused("an appeal says why", 422, "station1", "POST", at+"/appeals", map[string]any{"level": "grid", "subject": w.grid["东湖"], "reason": "不"})
	one := w.must("station1", "POST", at+"/appeals", appeal)
	w.refused("the same twice", 409, "station1", "POST", at+"/appeals", appeal)
	two := w.must("both", "POST", at+"/appeals", map[string]any{"level": "community", "subject": w.org["西山"], "reason": "均分计算有误"})
	w.refused("who appealed does not decide", 403, "both", "POST", fmt.Sprintf("/assess/appeals/%s/decide", two["id"]), map[string]any{"verdict": "upheld", "answer": "同意", "points": 50})
	w.refused("nor does a station", 403, "station1", "POST", fmt.Sprintf("/assess/appeals/%s/decide", one["id"]), map[string]any{"verdict": "upheld", "answer": "同意"})
	w.refused("nothing is locked over an appeal", 409, "street-commander1", "POST", at+"/lock", map[string]any{"reason": "按期归档"})
	w.must("street-commander1", "POST", fmt.Sprintf("/assess/appeals/%s/decide", one["id"]), map[string]any{"verdict": "partly", "answer": "其中一件属实", "points": 1.25})
	w.refused("a decision is final", 409, "street-commander1", "POST", fmt.Sprintf("/assess/appeals/%s/decide", one["id"]), map[string]any{"verdict": "rejected", "answer": "再看一遍"})
	w.must("street-commander1", "POST", fmt.Sprintf("/assess/appeals/%s/decide", two["id"]), map[string]any{"verdict": "rejected", "answer": "核对无误"})
	if _, _, now := shownScore(w.must("station1", "GET", at+"/scores?level=grid", nil), "东湖第一网格"); now != 81.94 {
		t.Errorf("after the appeal: %v", now)
	}

	// The community and the guide stand on the grid: they follow what was decided about it.
	if moved := w.must("street-commander1", "POST", at+"/recheck", map[string]any{})["moved"]; moved != 2.0 {
		t.Errorf("followed: %v", moved)
	}
	if _, _, now := shownScore(w.must("station1", "GET", at+"/scores?level=community", nil), "东湖社区"); now != 81.94 {
		t.Errorf("the community after the appeal: %v", now)
	}

	// It leaves the house, and is locked.
	_, text, head := w.call("street-commander1", "GET", "/api/v1"+at+"/scores.xlsx", nil)
	book, err := excelize.OpenReader(bytes.NewReader([]byte(text)))
	if err != nil {
		t.Fatalf("%v: %s", err, head)
	}
	if cell, _ := book.GetCellValue("网格", "D2"); cell != "77.36" {
		t.Errorf("the workbook's first score: %q", cell)
	}
	if status, page, _ := w.call("street-commander1", "GET", "/api/v1"+at+"/print?level=grid", nil); status != 200 || !strings.Contains(page, "77.36") || !strings.Contains(page, "81.94") || !strings.Contains(page, "周inspector") && !strings.Contains(page, "李指挥") {
		t.Errorf("the sheet: %d %.400s", status, page)
	}
	w.refused("locking early takes a reason", 422, "street-commander1", "POST", at+"/lock", map[string]any{})
	if got := w.must("street-commander1", "POST", at+"/lock", map[string]any{"reason": "各单位已确认"}); got["state"] != "locked" {
		t.Errorf("locked: %v", got["state"])
	}
	w.refused("nothing is adjusted afterwards", 409, "street-commander1", "POST", at+"/adjust", map[string]any{"level": "grid", "subject": w.grid["东湖"], "points": 1, "reason": "补分"})
	w.refused("nor appealed against", 409, "station1", "POST", at+"/appeals", appeal)

	// The region's record has it, without a person's score.
	entries, err := postgres.ReadJournalScoped(t.Context(), w.db.Pool, w.street, 0, 1<<40, []string{fmt.Sprintf("%d.", w.street)}, 500, false)
	if err != nil {
		t.Fatal(err)
	}
	kinds := ""
	for _, e := range entries {
		if strings.HasPrefix(e.Kind, "assess.") {
			kinds += strings.TrimPrefix(e.Kind, "assess.") + " "
			if strings.Contains(string(e.Body), "吕指导") {
				t.Errorf("%s names a person: %s", e.Kind, e.Body)
			}
		}
	}
	if want := "opened inspected published rechecked rechecked appealed appealed decided decided rechecked locked "; kinds != want {
		t.Errorf("journal: %s", kinds)
	}
}

// 0.6 of the mean of the published quarters, adjusted, and 0.4 of the year-end inspection.
func TestAYearIsItsQuartersAndAnInspection(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.at("2027-01-10 10:00")
	w.exec(`UPDATE grid_version SET valid_from = '2025-01-01'`)
	w.account("inspector", w.street, access.Inspector)
	kase := func(month time.Month, late bool) {
		due := time.Date(2026, month, 10, 9, 0, 0, 0, incident.BusinessZone())
		closed := due
		if late {
			closed = due.AddDate(0, 0, 1)
		}
		id := uuid.New()
		w.exec(`INSERT INTO incident (id, region_id, case_no, title, org_id, grid_id, address, reported_at, updated_at, state, tier, accepted_at, closed_at, case_due) VALUES ($1, $2, $3, '某事', $4, $5, '某路', $6, $6, 'archived', 2, $6, $7, $6)`,
			id, w.street, id.String()[:12], w.org["东湖"], w.grid["东湖"], due, closed)
	}
	for month, late := range map[time.Month][]bool{time.May: {false, false, false, true}, time.August: {false, true}, time.November: {false}} {
		for _, l := range late {
			kase(month, l)
		}
	}
	run := func(kind, label string, publish bool) string {
		at := fmt.Sprintf("/assess/periods/%v", w.must("street-commander1", "POST", "/assess/periods", map[string]any{"kind": kind, "label": label})["id"])
		w.must("street-commander1", "POST", at+"/compute", map[string]any{})
		if publish {
			w.must("street-commander1", "POST", at+"/publish", map[string]any{})
		}
		return at
	}
	run("quarter", "2026-Q2", true)          // 75
	third := run("quarter", "2026-Q3", true) // 50, and 9 by a decision
	run("quarter", "2026-Q4", false)         // 100, a draft that does not count
	w.must("street-commander1", "POST", third+"/adjust", map[string]any{"level": "grid", "subject": w.grid["东湖"], "points": 9, "reason": "专班核定"})
	year := run("year", "2026", false)
	score := func() (any, any) {
		shown, rank, _ := shownScore(w.must("street-commander1", "GET", year+"/scores?level=grid", nil), "东湖第一网格")
		return shown, rank
	}
	if shown, rank := score(); shown != 67.0 || rank != 1.0 { // (75+59)/2, and no inspection yet
		t.Errorf("the quarters alone: %v, rank %v", shown, rank)
	}
	w.at("2027-01-10 11:00")
	inspection := w.must("inspector", "POST", year+"/inspections", map[string]any{"title": "年度总评", "members": []string{"人大"}, "draw": 2})
	for _, mark := range []float64{90, 85} {
		w.must("inspector", "POST", fmt.Sprintf("/assess/inspections/%s/findings", inspection["id"]), map[string]any{"level": "grid", "subject": w.grid["东湖"], "score": mark, "reason": "年终现场查看"})
	}
	w.at("2027-01-10 12:00")
	w.must("street-commander1", "POST", year+"/compute", map[string]any{})
	if shown, _ := score(); shown != 75.2 { // 0.6·67 + 0.4·87.5
		t.Errorf("with the inspection: %v", shown)
	}
	// the community stands on the year of its grids
	if shown, _, _ := shownScore(w.must("street-commander1", "GET", year+"/scores?level=community", nil), "东湖社区"); shown != 75.2 {
		t.Errorf("the community: %v", shown)
	}
	// 西山 has neither: no score, no rank
	if shown, rank, _ := shownScore(w.must("street-commander1", "GET", year+"/scores?level=grid", nil), "西山第一网格"); shown != nil || rank != 0.0 {
		t.Errorf("nothing is no nought: %v, rank %v", shown, rank)
	}
	// An edited template is a version; the draft takes it, what was published keeps its own.
	templates := w.must("street-commander1", "GET", "/assess/templates", nil)["templates"].([]any)
	plan := templates[0].(map[string]any)["plan"].(map[string]any)
	plan["quarters"], plan["inspection"] = 10000, 0
	w.refused("weights that do not sum", 422, "street-commander1", "PUT", "/assess/templates/grid", map[string]any{"version": 0, "name": "网格年度考核", "plan": map[string]any{"dimensions": []any{}, "special": 0, "bands": []any{}}})
	made := w.must("street-commander1", "PUT", "/assess/templates/grid", map[string]any{"version": 0, "name": "网格年度考核", "plan": plan})
	w.refused("somebody else was faster", 409, "street-commander1", "PUT", "/assess/templates/grid", map[string]any{"version": 0, "name": "网格年度考核", "plan": plan})
	if made["version"] != 1.0 {
		t.Errorf("version %v", made["version"])
	}
	w.must("street-commander1", "POST", year+"/compute", map[string]any{})
	if shown, _ := score(); shown != 67.0 {
		t.Errorf("by the new template: %v", shown)
	}
	if got := w.must("street-commander1", "GET", third, nil)["templates"].([]any)[0].(map[string]any); got["name"] != "网格考核（默认）" {
		t.Errorf("the published quarter stands on %v", got["name"])
	}
}
