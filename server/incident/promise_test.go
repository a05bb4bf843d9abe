package incident

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/workday"
)

func tier(n int16) *int16 { return &n }

func org(n int64) *int64 { return &n }

var wd3 = workday.Limit{N: 3, Unit: workday.Days}

func TestWhichRuleHolds(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 9, 2, 0, 0, 0, time.UTC)
	later, before := now.Add(time.Hour), now.Add(-time.Hour)
	names := map[string]string{"JJ": "经济管理", "JJ-03": "占道经营"}
	rules := []Rule{
		{ID: 1, Stage: StageHandle},
		{ID: 2, Stage: StageHandle, Tier: tier(2)},
		{ID: 3, Stage: StageHandle, Tier: tier(3)},
		{ID: 4, Stage: StageHandle, Category: "JJ"},
		{ID: 17, Stage: StageHandle, Category: "JJ-03", Tier: tier(2)},
		{ID: 18, Stage: StageHandle, Category: "JJ-03"},
		{ID: 19, Stage: StageHandle, Category: "JJ-03", Tier: tier(2), ValidFrom: later, Priority: 9},
		{ID: 20, Stage: StageHandle, Category: "JJ-03", Tier: tier(2), ValidTo: &before, Priority: 9},
		{ID: 21, Stage: StageHandle, Urgency: Critical},
		{ID: 22, Stage: StageHandle, Tier: tier(2), Urgency: Critical},
		{ID: 30, Stage: StageHandle, Tier: tier(1), Org: org(4), OrgPath: "1.4.", OrgName: "明湖街道"},
		{ID: 31, Stage: StageHandle, Tier: tier(1), Org: org(9), OrgPath: "1.4.9.", OrgName: "东湖社区"},
		{ID: 32, Stage: StageHandle, Tier: tier(1), Source: "hotline12345", Org: org(4), OrgPath: "1.4.", OrgName: "明湖街道"},
		{ID: 41, Stage: StageHandle, Category: "AQ"},
		{ID: 42, Stage: StageHandle, Category: "AQ", Priority: 5},
		{ID: 40, Stage: StageHandle, Category: "AQ"},
		{ID: 51, Stage: StageHandle, Category: "NY"},
		{ID: 50, Stage: StageHandle, Category: "NY"},
		{ID: 60, Stage: StageRework},
		{ID: 61, Stage: StageAccept},
		{ID: 62, Stage: StageSOS},
	}
	handle := []string{StageHandle}
	for sentence, c := range map[string]struct {
		inc    Incident
		stages []string
		rule   int64
		layer  string
		source string
	}{
		"nothing is known of the case":                       {Incident{}, handle, 1, LayerDefault, "默认 · 规则1"},
		"the tier's own rule":                                {Incident{Tier: tier(3)}, handle, 3, LayerTier, "三级 · 规则3"},
		"a tier without a rule":                              {Incident{Tier: tier(4)}, handle, 1, LayerDefault, "默认 · 规则1"},
		"a category goes before a tier":                      {Incident{Tier: tier(3), Category: "JJ-01"}, handle, 4, LayerCategory, "经济管理(类别) · 规则4"},
		"the longer category goes before the shorter":        {Incident{Tier: tier(3), Category: "JJ-03"}, handle, 18, LayerCategory, "占道经营(类别) · 规则18"},
		"category and tier go before the category":           {Incident{Tier: tier(2), Category: "JJ-03"}, handle, 17, LayerCategory, "占道经营(类别) · 二级 · 规则17"},
		"a category without a name is called by its code":    {Incident{Category: "NY-01"}, handle, 50, LayerCategory, "NY(类别) · 规则50"},
		"a critical case without a tier":                     {Incident{Urgency: Critical}, handle, 21, LayerDefault, "特急 · 规则21"},
		"a critical case of a tier":                          {Incident{Urgency: Critical, Tier: tier(2)}, handle, 22, LayerTier, "二级 · 特急 · 规则22"},
		"a critical case of a tier that makes no difference": {Incident{Urgency: Critical, Tier: tier(3)}, handle, 3, LayerTier, "三级 · 规则3"},
		"the nearer organisation":                            {Incident{Tier: tier(1), OrgPath: "1.4.9.20."}, handle, 31, LayerTier, "一级 · 东湖社区 · 规则31"},
		"the street's, elsewhere in the street":              {Incident{Tier: tier(1), OrgPath: "1.4.10."}, handle, 30, LayerTier, "一级 · 明湖街道 · 规则30"},
		"the organisation that has the case counts as well":  {Incident{Tier: tier(1), OrgPath: "2.7.", OwnerPath: "1.4.9."}, handle, 31, LayerTier, "一级 · 东湖社区 · 规则31"},
		"more conditions go before a nearer organisation":    {Incident{Tier: tier(1), OrgPath: "1.4.9.", Source: "hotline12345"}, handle, 32, LayerTier, "一级 · 12345热线 · 明湖街道 · 规则32"},
		"between equals the higher priority":                 {Incident{Category: "AQ-01"}, handle, 42, LayerCategory, "AQ(类别) · 规则42"},
		"between equals of one priority the older":           {Incident{Category: "NY"}, handle, 50, LayerCategory, "NY(类别) · 规则50"},
		"rework has its own":                                 {Incident{Tier: tier(2)}, []string{StageRework, StageHandle}, 60, LayerDefault, "默认 · 返工 · 规则60"},
		"the second stage where the first has none":          {Incident{Tier: tier(2)}, []string{StageVerify, StageHandle}, 2, LayerTier, "二级 · 规则2"},
		"no rule, no promise":                                {Incident{}, []string{StageCheck}, 0, "", ""},
	} {
		for range 5 { // in whatever order they come
			slices.Reverse(rules)
			rules = append(rules[3:], rules[:3]...)
			got, ok := Promised(rules, names, &c.inc, now, c.stages...)
			if got.Rule != c.rule || got.Layer != c.layer || got.Source != c.source || ok != (c.rule != 0) {
				t.Errorf("%s: %+v", sentence, got)
			}
		}
	}
}

// Which rule holds does not depend on the order in which rules are kept, and
// no rule that holds is passed over for one of a lower layer.
func TestTheChoiceIsTheRulesOwn(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var rules []Rule
		for i := range rapid.IntRange(1, 20).Draw(t, "rules") {
			r := Rule{ID: int64(i + 1), Stage: StageHandle, Category: rapid.SampledFrom([]string{"", "", "A", "A-1", "B"}).Draw(t, "category"),
				Urgency: rapid.SampledFrom([]Urgency{"", "", Critical}).Draw(t, "urgency"), Priority: int32(rapid.IntRange(0, 2).Draw(t, "priority"))}
			if n := rapid.IntRange(0, 4).Draw(t, "tier"); n > 0 {
				r.Tier = tier(int16(n))
			}
			rules = append(rules, r)
		}
		inc := Incident{Category: rapid.SampledFrom([]string{"", "A-1", "A-2", "B"}).Draw(t, "of"), Tier: tier(int16(rapid.IntRange(1, 4).Draw(t, "at"))),
			Urgency: rapid.SampledFrom([]Urgency{Normal, Critical}).Draw(t, "how")}
		one, ok := Promised(rules, nil, &inc, time.Now(), StageHandle)
		two, ok2 := Promised(rapid.Permutation(rules).Draw(t, "order"), nil, &inc, time.Now(), StageHandle)
		if one != two || ok != ok2 {
			t.Fatalf("%+v, in another order %+v", one, two)
		}
		for _, r := range rules {
			level, layer := r.layer()
			if !r.holds(&inc, time.Now()) {
				if r.ID == one.Rule {
					t.Fatalf("%+v does not hold", r)
				}
				continue
			}
			best := map[string]int{LayerCategory: 2, LayerTier: 1, LayerDefault: 0}[one.Layer]
			if !ok || level > best {
				t.Fatalf("%s was passed over for %+v", layer, one)
			}
		}
	})
}

func TestWhatIsNoRule(t *testing.T) {
	t.Parallel()
	if err := (Rule{Stage: StageHandle, Limit: wd3, WarnRatio: .2}).Check(); err != nil {
		t.Error(err)
	}
	now := time.Now()
	for field, r := range map[string]Rule{
		"stage": {Stage: "x", Limit: wd3}, "tier": {Stage: StageHandle, Tier: tier(5), Limit: wd3}, "urgency": {Stage: StageHandle, Urgency: "x", Limit: wd3},
		"source": {Stage: StageHandle, Source: "x", Limit: wd3}, "limit": {Stage: StageHandle}, "warn_ratio": {Stage: StageHandle, Limit: wd3, WarnRatio: 1},
		"valid_to": {Stage: StageHandle, Limit: wd3, ValidFrom: now, ValidTo: &now},
	} {
		f, ok := r.Check().(*fault.Fault)
		if !ok || f.Fields[field] == "" {
			t.Errorf("%s: %v", field, r.Check())
		}
	}
}
