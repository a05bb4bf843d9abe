package incident

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"
)

func TestAlikeCasesAreFoundAndRanked(t *testing.T) {
	now := time.Date(2026, 11, 24, 2, 0, 0, 0, time.UTC)
	days := func(n int) *time.Time { at := now.AddDate(0, 0, -n); return &at }
	open := func(no, category, title string) Incident {
		return Incident{ID: uuid.New(), CaseNo: no, State: Handling, Category: category, Title: title, ReportedAt: now.Add(-3 * time.Hour)}
	}
	closed := func(no, category, title string, ago int) Incident {
		inc := open(no, category, title)
		inc.State, inc.ClosedAt = Closed, days(ago)
		return inc
	}
	near := []Near{
		{open("far", "CJ-01", "垃圾满溢"), 400},
		{open("other", "AQ-01", "消防通道被堵"), 5},
		{open("same", "CJ-01", "湖滨路垃圾桶满溢"), 20},
		{open("words", "", "路边垃圾桶满溢有臭味"), 30},
		{open("family", "CJ-02", "人行道地砖破损"), 10},
		{closed("back", "CJ-01", "垃圾桶满溢", 9), 25},
		{closed("again", "CJ-01", "垃圾桶又满溢", 22), 25},
		{closed("old", "CJ-01", "垃圾桶满溢", 31), 25},
		{Incident{CaseNo: "rejected", State: Rejected, Category: "CJ-01", Title: "垃圾桶满溢"}, 5},
	}
	got := FindAlike("CJ-01", "湖滨路的垃圾桶满溢三天了", near, 100, now)
	var order []string
	for _, a := range got {
		order = append(order, a.Incident.CaseNo)
	}
	if fmt.Sprint(order) != "[same words back again]" {
		t.Fatalf("order %v", order)
	}
	if first := got[0]; first.Recurrence || first.Age != "3 小时前" || first.DistanceM != 20 || !strings.Contains(first.Why, "同一类别") {
		t.Errorf("the first: %+v", first)
	}
	if back := got[2]; !back.Recurrence || !strings.Contains(back.Why, "可重开") {
		t.Errorf("closed nine days ago: %v", back.Why)
	}
	if again := got[3]; !strings.Contains(again.Why, "疑似复发") {
		t.Errorf("closed 22 days ago: %v", again.Why)
	}
}

func TestKindsAreSuggestedWithTheirReasons(t *testing.T) {
	catalogue := []CatalogueEntry{
		{Code: "CJ", Name: "城建管理"},
		{Code: "CJ-01", Parent: "CJ", Name: "暴露垃圾", Keywords: "垃圾 满溢 臭味"},
		{Code: "CJ-03", Parent: "CJ", Name: "市政设施", Keywords: "井盖 路灯 积水"},
		{Code: "CJ-09", Parent: "CJ", Name: "旧类", Keywords: "井盖", Retired: true},
		{Code: "AQ-03", Parent: "AQ", Name: "电气燃气", Keywords: "飞线 充电"},
	}
	history := []Past{{"AQ-03", "楼下电瓶车乱拉线充电"}, {"AQ-03", "电瓶车楼道拉线"}}
	for name, c := range map[string]struct{ text, want, why string }{
		"by a word of the catalogue":     {"路口井盖不见了", "CJ-03", "关键词：井盖"},
		"by the name of the kind":        {"有暴露垃圾没人清", "CJ-01", "提到“暴露垃圾”"},
		"by earlier cases worded alike":  {"电瓶车乱拉线", "AQ-03", "历史事件"},
		"nothing said, nothing to offer": {"你好", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := Suggest(c.text, catalogue, history)
			if c.want == "" {
				if len(got) != 0 {
					t.Fatalf("%+v", got)
				}
				return
			}
			if len(got) == 0 || got[0].Code != c.want || !strings.Contains(got[0].Why, c.why) {
				t.Fatalf("%+v", got)
			}
			for _, s := range got {
				if s.Code == "CJ" || s.Code == "CJ-09" || s.Score <= 0 || s.Score > 1 {
					t.Errorf("%+v", s)
				}
			}
		})
	}
}

// Likeness is symmetric, between 0 and 1, and a text is like itself.
func TestLikenessIsAMeasure(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOfN(rapid.SampledFrom([]rune("垃圾桶满溢井盖缺失路灯不亮，。 ab1")), 0, 30, -1)
		a, b := text.Draw(t, "a"), text.Draw(t, "b")
		x, y := overlap(bigrams(a), bigrams(b)), overlap(bigrams(b), bigrams(a))
		if x != y || x < 0 || x > 1 {
			t.Fatalf("%q and %q: %v and %v", a, b, x, y)
		}
		if self := overlap(bigrams(a), bigrams(a)); len(bigrams(a)) > 0 && self != 1 {
			t.Fatalf("%q is like itself by %v", a, self)
		}
	})
}
