package api_test

import (
	"fmt"
	"strings"
	"testing"
)

type able struct {
	Workers []struct {
		Worker int64    `json:"worker"`
		Code   string   `json:"code"`
		Name   string   `json:"name"`
		Skills []string `json:"skills"`
	} `json:"workers"`
	Total int `json:"total"`
}

// The dictionary and who can do what are edited, written out and read in again.
func TestSkillsFromTheDictionaryToTheTable(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const boss = "street-commander1"
	for code, want := range map[string]int{"rope": 200, "Rope!": 422} {
		if status := w.json(boss, "PUT", "/api/v1/skill-entries/"+code, map[string]any{"name": "绳索救援", "sort": 20}, nil); status != want {
			t.Errorf("%s: %d", code, status)
		}
	}
	if status := w.json("commander1", "PUT", "/api/v1/skill-entries/rope", map[string]any{"name": "改名"}, nil); status != 404 {
		t.Errorf("a community changes everybody's dictionary: %d", status)
	}
	for sentence, c := range map[string]struct {
		who, csv string
		want     int
	}{
		"names and codes, several at once":  {boss, "人员编号,技能\nW1,消防、rope\nW2,急救\n", 200},
		"a skill that nobody knows":         {boss, "人员编号,技能\nW1,隐身\n", 422},
		"a worker who is not there":         {boss, "人员编号,技能\nW99,消防\n", 422},
		"a worker of another community":     {"commander1", "人员编号,技能\nW2,消防\n", 422},
		"one bad line and nothing is taken": {boss, "人员编号,技能\nW1,急救\nW2,隐身\n", 422},
		"twice the same worker":             {boss, "人员编号,技能\nW1,急救\nW1,消防\n", 422},
	} {
		if status, body, _ := w.call(c.who, "POST", "/api/v1/worker-skills", map[string]any{"csv": c.csv}); status != c.want {
			t.Errorf("%s: %d %s", sentence, status, body)
		}
	}
	var list able
	for query, want := range map[string]string{"": "W1 W2", "?skill=fire": "W1", "?skill=rope": "W1", "?skill=none": "", "?q=W2": "W2", fmt.Sprintf("?org=%d", w.org["西山"]): "W2"} {
		w.ask(boss, "GET", "/api/v1/worker-skills"+query, nil, &list)
		var codes []string
		for _, one := range list.Workers {
			codes = append(codes, one.Code)
		}
		if got := strings.Join(codes, " "); got != want || list.Total != len(codes) {
			t.Errorf("%q: %s of %d, want %s", query, got, list.Total, want)
		}
	}
	w.ask("commander1", "GET", "/api/v1/worker-skills", nil, &list)
	if list.Total != 1 || list.Workers[0].Code != "W1" || fmt.Sprint(list.Workers[0].Skills) != "[fire rope]" {
		t.Errorf("a community reads %+v", list)
	}
	_, table, _ := w.call(boss, "GET", "/api/v1/worker-skills?format=csv", nil)
	if !strings.Contains(table, "W1,赵一,东湖社区,消防、绳索救援") {
		t.Errorf("written out: %s", table)
	}
	if status, body, _ := w.call(boss, "POST", "/api/v1/worker-skills", map[string]any{"csv": table}); status != 200 || !strings.Contains(body, `"changed":2`) {
		t.Errorf("read in again: %d %s", status, body)
	}
	// a retired skill counts nowhere and is kept
	w.ask(boss, "PUT", "/api/v1/skill-entries/rope", map[string]any{"name": "绳索救援", "retired": true}, nil)
	w.ask(boss, "GET", "/api/v1/worker-skills?q=W1", nil, &list)
	if fmt.Sprint(list.Workers[0].Skills) != "[fire]" {
		t.Errorf("a retired skill: %+v", list)
	}
	var entries struct {
		Skills []struct {
			Code    string `json:"code"`
			Retired bool   `json:"retired"`
			Workers int    `json:"workers"`
		} `json:"skills"`
	}
	w.ask(boss, "GET", "/api/v1/skill-entries", nil, &entries)
	if last := entries.Skills[len(entries.Skills)-1]; last.Code != "rope" || !last.Retired || last.Workers != 1 {
		t.Errorf("%+v", entries.Skills)
	}
}

// What was written out is read in again, with its organisation and its state; a
// retired resource is found by asking for it.
func TestResourcesComeBackFromTheirTable(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const boss = "street-commander1"
	c := middle["东湖"]
	head := "编号,类型,名称,经度,纬度,机构编码,电话,状态\n"
	row := func(status string) string {
		return fmt.Sprintf("X1,消防栓,东湖栓,%g,%g,990101001001,+86 755 1234,%s\n", c[0], c[1], status)
	}
	find := func(query string) (n int, body string) {
		var list struct {
			Resources []struct {
				OrgCode string `json:"org_code"`
				Status  string `json:"status"`
			} `json:"resources"`
		}
		w.ask(boss, "GET", "/api/v1/resources?q=X1"+query, nil, &list)
		return len(list.Resources), fmt.Sprint(list.Resources)
	}
	w.ask(boss, "POST", "/api/v1/resources", map[string]any{"csv": head + row("正常")}, nil)
	_, table, _ := w.call(boss, "GET", "/api/v1/resources?format=csv&q=X1", nil)
	if status, body, _ := w.call(boss, "POST", "/api/v1/resources", map[string]any{"csv": table}); status != 200 || !strings.Contains(body, `"changed":1`) {
		t.Errorf("read in again: %d %s of %s", status, body, table)
	}
	if n, body := find(fmt.Sprintf("&org=%d", w.org["东湖"])); n != 1 || body != "[{990101001001 active}]" {
		t.Errorf("found %s", body)
	}
	if n, _ := find(fmt.Sprintf("&org=%d", w.org["西山"])); n != 0 {
		t.Errorf("another community has it too")
	}
	w.ask(boss, "POST", "/api/v1/resources", map[string]any{"csv": head + row("撤销")}, nil)
	all, _ := find("")
	retired, body := find("&status=retired")
	if all != 0 || retired != 1 {
		t.Errorf("retired: %d, %s", all, body)
	}
}
