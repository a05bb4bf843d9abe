package api_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/postgres"
)

type command struct {
	ID      uuid.UUID `json:"id"`
	Text    string    `json:"text"`
	Count   int       `json:"count"`
	Acked   int       `json:"acked"`
	Late    bool      `json:"late"`
	NeedAck bool      `json:"need_ack"`
	Acks    []struct {
		Name    string     `json:"name"`
		At      *time.Time `json:"at"`
		Account *int64     `json:"account"`
		Text    string     `json:"text"`
	} `json:"acks"`
}

type commands struct {
	Commands []command `json:"commands"`
	Next     string    `json:"next"`
}

// entries are the bodies of the journal's entries of a kind, by the organisation they are shown to.
func (w *world) entries(kind string) map[string]string {
	w.t.Helper()
	list, err := postgres.ReadJournal(w.t.Context(), w.db.Pool, w.street, 0, 1000)
	if err != nil {
		w.t.Fatal(err)
	}
	out := map[string]string{}
	for _, e := range list {
		if e.Kind == kind {
			out[e.OrgPath] += string(e.Body)
		}
	}
	if _, err := postgres.VerifyJournal(w.t.Context(), w.db.Pool, w.street); err != nil {
		w.t.Error(err)
	}
	return out
}

func TestACommandReachesThoseItIsForAndNobodyElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	due := time.Now().Add(time.Hour).UTC()
	order := map[string]any{"client_id": "c-1", "text": "立即到路口集合", "ack_due": due, "incident": w.incident["东湖"],
		"targets": map[string]any{"workers": []int64{w.worker["东湖"], w.worker["西山"]}, "orgs": []int64{w.org["西山"]}}}
	var sent, again command
	w.post("street-commander1", "/api/v1/commands", order, &sent)
	w.post("street-commander1", "/api/v1/commands", order, &again)
	if again.ID != sent.ID || sent.Count != 3 || !sent.NeedAck || sent.Acked != 0 {
		t.Errorf("sent %+v, again %+v", sent, again)
	}
	told := w.entries("command.sent")
	if len(told) != 2 || strings.Contains(told[w.path["东湖"]], "钱二") || !strings.Contains(told[w.path["东湖"]], "赵一") || strings.Contains(told[w.path["西山"]], "赵一") || strings.Count(told[w.path["东湖"]], sent.ID.String()) != 1 {
		t.Errorf("the journal: %v", told)
	}

	var mine commands
	w.ask("grid_worker1", "GET", "/api/v1/commands?mine=true", nil, &mine)
	if len(mine.Commands) != 1 || mine.Commands[0].Count != 1 || mine.Commands[0].Acks[0].Name != "赵一" {
		t.Errorf("the worker's: %+v", mine)
	}
	w.ask("station2", "GET", "/api/v1/commands", nil, &mine) // with a post in the organisation
	if len(mine.Commands) != 1 || mine.Commands[0].Acks[0].Name != "西山社区" {
		t.Errorf("the organisation's: %+v", mine)
	}
	w.ask("station1", "GET", "/api/v1/commands?sent=true", nil, &mine)
	if len(mine.Commands) != 0 {
		t.Errorf("a station sees what its street sent: %+v", mine)
	}

	var got command
	ack := "/api/v1/commands/" + sent.ID.String() + "/ack"
	w.post("grid_worker1", ack, map[string]any{"text": "收到"}, &got)
	w.post("grid_worker1", ack, map[string]any{"text": "又收到"}, &got)
	if got.Acked != 1 || got.Acks[0].Text != "收到" || got.Acks[0].Account == nil {
		t.Errorf("acknowledged twice: %+v", got)
	}
	w.post("dept_clerk2", ack, map[string]any{}, nil)
	if status, _, _ := w.call("station1", "POST", ack, map[string]any{}); status != 404 {
		t.Errorf("somebody whom it is not for acknowledges: %d", status)
	}
	if acked := w.entries("command.acked"); strings.Count(acked[w.path["东湖"]], "收到") != 1 || !strings.Contains(acked[w.path["西山"]], `"acked":1,`) && !strings.Contains(acked[w.path["西山"]], `"acked":1`) {
		t.Errorf("the journal of acknowledgements: %v", acked)
	}
	var box commands
	w.ask("street-commander2", "GET", fmt.Sprintf("/api/v1/commands?sent=true&incident=%s", w.incident["东湖"]), nil, &box)
	if len(box.Commands) != 1 || box.Commands[0].Acked != 2 || box.Commands[0].Count != 3 || box.Commands[0].Late {
		t.Errorf("what the street sent: %+v", box)
	}
	w.exec(`UPDATE command SET ack_due = now() - interval '1 minute'`)
	w.ask("street-commander1", "GET", "/api/v1/commands?sent=true", nil, &box)
	if !box.Commands[0].Late {
		t.Error("nobody answered in time and it is not late")
	}
	// In the journal as whoever may not see people reads it there is neither text nor name.
	_, body, _ := w.call("grid_guide1", "GET", "/api/v1/journal?limit=200", nil)
	if !strings.Contains(body, "command.sent") || strings.Contains(body, "路口集合") || strings.Contains(body, "赵一") {
		t.Errorf("a guide reads %s", body)
	}
}

func TestACommandToAllOnDutyInAnArea(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.hire("东湖", "W11", "吴近", 0.001, true)
	w.hire("东湖", "W12", "郑远", 0.02, true)
	area := func(place string, r float64) map[string]any {
		return map[string]any{"text": "请注意", "targets": map[string]any{"area": map[string]any{"circle": map[string]any{"center": middle[place], "radius_m": r}}}}
	}
	var sent command
	w.post("station1", "/api/v1/commands", area("东湖", 500), &sent)
	var names []string
	for _, a := range sent.Acks {
		names = append(names, a.Name)
	}
	if fmt.Sprint(names) != "[赵一 吴近]" {
		t.Errorf("in the circle: %v", names)
	}
	for sentence, c := range map[string]struct {
		login  string
		body   map[string]any
		status int
		want   string
	}{
		"nobody of one's own is there":  {"station1", area("西山", 500), 422, "没有在岗人员"},
		"nobody at all":                 {"station1", map[string]any{"text": "x", "targets": map[string]any{}}, 422, "接收人"},
		"nothing to say":                {"station1", map[string]any{"text": " ", "targets": map[string]any{"workers": []int64{w.worker["东湖"]}}}, 422, "内容"},
		"a due instant that is past":    {"station1", map[string]any{"text": "x", "ack_due": time.Now().Add(-time.Hour), "targets": map[string]any{"workers": []int64{w.worker["东湖"]}}}, 422, "期限"},
		"somebody else's worker":        {"station1", map[string]any{"text": "x", "targets": map[string]any{"workers": []int64{w.worker["西山"]}}}, 404, "管辖"},
		"somebody else's organisation":  {"station1", map[string]any{"text": "x", "targets": map[string]any{"orgs": []int64{w.org["西山"]}}}, 404, "管辖"},
		"about somebody else's case":    {"station1", map[string]any{"text": "x", "incident": w.incident["西山"], "targets": map[string]any{"workers": []int64{w.worker["东湖"]}}}, 404, "事件"},
		"an area that is none":          {"station1", map[string]any{"text": "x", "targets": map[string]any{"area": map[string]any{"type": "Point", "coordinates": []float64{1, 2}}}}, 422, "区域"},
		"a text too long for a command": {"station1", map[string]any{"text": strings.Repeat("长", 501), "targets": map[string]any{"workers": []int64{w.worker["东湖"]}}}, 422, "太长"},
	} {
		if status, body, _ := w.call(c.login, "POST", "/api/v1/commands", c.body); status != c.status || !strings.Contains(body, c.want) {
			t.Errorf("%s: %d %s", sentence, status, body)
		}
	}
	var area2 bool
	if err := w.db.Pool.QueryRow(t.Context(), `SELECT bool_and(ST_IsValid(area)) FROM command WHERE area IS NOT NULL`).Scan(&area2); err != nil || !area2 {
		t.Errorf("the area is kept with the command: %v %v", area2, err)
	}
}

func TestNoticesAndWhoHasReadThem(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	type notice struct {
		ID       uuid.UUID  `json:"id"`
		Title    string     `json:"title"`
		ReadAt   *time.Time `json:"read_at"`
		Read     *int       `json:"read"`
		Count    *int       `json:"count"`
		NeedRead bool       `json:"need_read"`
	}
	type notices struct{ Notices []notice }
	var all, east notice
	w.post("street-commander1", "/api/v1/notices", map[string]any{"title": "台风预警", "text": "注意", "kind": "urgent", "need_read": true, "top": true}, &all)
	w.post("station1", "/api/v1/notices", map[string]any{"org": w.org["东湖"], "title": "东湖例会"}, &east)
	titles := func(login, query string) string {
		var list notices
		w.ask(login, "GET", "/api/v1/notices"+query, nil, &list)
		var out []string
		for _, n := range list.Notices {
			out = append(out, n.Title)
		}
		return strings.Join(out, " ")
	}
	for login, want := range map[string]string{"grid_worker1": "东湖例会 台风预警", "grid_worker2": "台风预警", "dept_clerk2": "台风预警", "street-commander2": "东湖例会 台风预警"} {
		if got := titles(login, ""); got != want {
			t.Errorf("%s reads %q, want %q", login, got, want)
		}
	}
	var n notice
	w.post("grid_worker1", "/api/v1/notices/"+all.ID.String()+"/read", map[string]any{}, &n)
	w.post("grid_worker1", "/api/v1/notices/"+all.ID.String()+"/read", map[string]any{}, &n)
	if n.ReadAt == nil || n.Read != nil {
		t.Errorf("read: %+v", n)
	}
	if got := titles("grid_worker1", "?unread=true"); got != "东湖例会" {
		t.Errorf("unread: %q", got)
	}
	if status, _, _ := w.call("grid_worker2", "POST", "/api/v1/notices/"+east.ID.String()+"/read", map[string]any{}); status != 404 {
		t.Errorf("another community reads it: %d", status)
	}
	var receipts struct {
		Notice   notice
		Receipts []struct {
			Name string
			At   *time.Time
		}
	}
	w.ask("street-commander1", "GET", "/api/v1/notices/"+all.ID.String()+"/receipts", nil, &receipts)
	read := 0
	for _, r := range receipts.Receipts {
		if r.At != nil {
			read++
		}
	}
	if read != 1 || receipts.Notice.Read == nil || *receipts.Notice.Read != 1 || *receipts.Notice.Count != len(receipts.Receipts) || *receipts.Notice.Count < 2*(len(access.Roles())-1) {
		t.Errorf("receipts: %d read of %d, %+v", read, len(receipts.Receipts), receipts.Notice)
	}
	for sentence, body := range map[string]map[string]any{
		"without a title": {"org": w.org["东湖"], "title": " "},
		"over before":     {"org": w.org["东湖"], "title": "x", "valid_until": time.Now().Add(-time.Hour)},
		"of no such kind": {"org": w.org["东湖"], "title": "x", "kind": "gossip"},
	} {
		if status, text, _ := w.call("station1", "POST", "/api/v1/notices", body); status != 422 {
			t.Errorf("%s: %d %s", sentence, status, text)
		}
	}
	if told := w.entries("notice.posted"); len(told) != 2 || !json.Valid([]byte(told[w.path["东湖"]])) {
		t.Errorf("the journal: %v", told)
	}
}
