package api_test

import (
	"testing"

	"github.com/gridward/gridward/server/access"
)

// What is late and no case stands in the reminders of those whom it concerns,
// and the lists behind the numbers hold the same.
func TestRemindersOfWhatIsLate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	safety, other := w.department("应急管理办公室"), w.department("城市建设办公室")
	fire := w.person("fire", "应急员", safety, access.DeptClerk)
	idle := w.person("idle", "城建员", other, access.DeptClerk)
	w.post("street-commander1", "/api/v1/commands", map[string]any{"text": "立即上岗", "need_ack": true, "targets": map[string]any{"orgs": []int64{safety, w.org["东湖"]}}}, nil)
	if status := w.json("grid_leader1", "POST", "/api/v1/whistles", map[string]any{"kind": "emergency", "point": middle["东湖"], "reason": "楼道起火", "need": []int64{safety}}, nil); status != 201 {
		t.Fatal(status)
	}
	counts := func(who string) map[string]int {
		var reply struct {
			Reminders []struct {
				Code  string `json:"code"`
				Count int    `json:"count"`
			} `json:"reminders"`
		}
		w.ask(who, "GET", "/api/v1/queues", nil, &reply)
		out := map[string]int{}
		for _, r := range reply.Reminders {
			out[r.Code] = r.Count
		}
		return out
	}
	if got := counts("street-commander1"); got["ack_missing"] != 0 || got["whistle_late"] != 0 {
		t.Errorf("late before its time: %v", got)
	}
	w.exec(`UPDATE command SET ack_due = now() - interval '1 minute'`)
	w.exec(`UPDATE whistle SET respond_due = now() - interval '1 minute'`)
	var sent, mine commands
	var whistles struct {
		Total int `json:"total"`
	}
	for who, want := range map[string]struct{ owed, missing, whistles, sent, mine int }{
		"street-commander1": {0, 1, 1, 1, 0},
		"station1":          {1, 0, 1, 0, 1},
		"station2":          {0, 0, 0, 0, 0},
		fire:                {1, 0, 1, 0, 1},
		idle:                {0, 0, 0, 0, 0},
	} {
		got := counts(who)
		w.ask(who, "GET", "/api/v1/commands?sent=true&late=true", nil, &sent)
		w.ask(who, "GET", "/api/v1/commands?mine=true&late=true", nil, &mine)
		w.ask(who, "GET", "/api/v1/whistles?late=true", nil, &whistles)
		if got["ack_owed"] != want.owed || got["ack_missing"] != want.missing || got["whistle_late"] != want.whistles || len(sent.Commands) != want.sent || len(mine.Commands) != want.mine || whistles.Total != want.whistles {
			t.Errorf("%s: %v, sent %d, mine %d, whistles %d; want %+v", who, got, len(sent.Commands), len(mine.Commands), whistles.Total, want)
		}
	}
	w.exec(`UPDATE command_target SET acked_at = now()`)
	w.exec(`UPDATE whistle_department SET responded_at = now()`)
	if got := counts("street-commander1"); got["ack_missing"] != 0 || got["whistle_late"] != 0 {
		t.Errorf("late after it was answered: %v", got)
	}
}
