package dispatch

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// fit is a worker who can be sent.
func fit(id int64, relation Relation, metres float64, change ...func(*Fact)) Fact {
	f := Fact{Worker: id, Name: fmt.Sprint("甲", id), Role: "grid_worker", Relation: relation, OnDuty: true, Presence: "online", Placed: true, Age: 20 * time.Second, Metres: metres, By: ByStreet}
	for _, c := range change {
		c(&f)
	}
	return f
}

var here = Case{Located: true}

func policy() Policy {
	p := DefaultPolicy()
	p.SkillNames = map[string]string{"fire": "消防", "aid": "急救"}
	return p
}

func TestWhoComesFirst(t *testing.T) {
	t.Parallel()
	critical := policy()
	critical.CriticalShare = 0
	for sentence, c := range map[string]struct {
		policy Policy
		ask    Case
		facts  []Fact
		want   string
	}{
		"the grid's own people come before a neighbour next door":      {policy(), here, []Fact{fit(1, Neighbour, 10), fit(2, Responsible, 2900)}, "2 1"},
		"then the neighbours, the community, the others":               {policy(), here, []Fact{fit(1, Other, 10), fit(2, Community, 10), fit(3, Neighbour, 10)}, "3 2 1"},
		"a tired one of the grid still comes before a fresh neighbour": {policy(), here, []Fact{fit(1, Neighbour, 0), fit(2, Responsible, 3000, func(f *Fact) { f.Load, f.Today, f.Age = 2, 9, 29*time.Minute })}, "2 1"},
		"the nearer of two equals":                                     {policy(), here, []Fact{fit(1, Neighbour, 800), fit(2, Neighbour, 200)}, "2 1"},
		"who is a metre nearer, even if the points are the same":       {policy(), here, []Fact{fit(1, Neighbour, 801), fit(2, Neighbour, 800)}, "2 1"},
		"of the same way the smaller number":                           {policy(), here, []Fact{fit(2, Neighbour, 800), fit(1, Neighbour, 800)}, "1 2"},
		"who has nothing to do before who is nearer but has much":      {policy(), here, []Fact{fit(1, Responsible, 100, func(f *Fact) { f.Load = 2 }), fit(2, Responsible, 300)}, "2 1"},
		"who had no order today before who had five":                   {policy(), here, []Fact{fit(1, Responsible, 100, func(f *Fact) { f.Today = 5 }), fit(2, Responsible, 110)}, "2 1"},
		"a fresh position before an old one":                           {policy(), here, []Fact{fit(1, Responsible, 100, func(f *Fact) { f.Age = 20 * time.Minute }), fit(2, Responsible, 200)}, "2 1"},
		"who has a wanted skill":                                       {policy(), Case{Located: true, Wanted: []string{"fire"}}, []Fact{fit(1, Responsible, 100), fit(2, Responsible, 300, func(f *Fact) { f.Skills = []string{"fire"} })}, "2 1"},
		"the grid's leader of two at the same place":                   {policy(), here, []Fact{fit(1, Responsible, 100), fit(2, Responsible, 100, func(f *Fact) { f.Leader = true })}, "2 1"},
		"in a critical case the nearest, where the policy says so":     {critical, Case{Located: true, Critical: true}, []Fact{fit(1, Responsible, 2000), fit(2, Other, 50)}, "2 1"},
		"without a place the grid's people all the same":               {policy(), Case{}, []Fact{fit(1, Other, math.NaN()), fit(2, Responsible, math.NaN(), func(f *Fact) { f.Placed = false })}, "2 1"},
	} {
		r := Rank(c.policy, c.ask, c.facts)
		var got []string
		for i, k := range r.Candidates {
			got = append(got, fmt.Sprint(k.Worker))
			if k.Rank != i+1 {
				t.Errorf("%s: rank %d at place %d", sentence, k.Rank, i+1)
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: got %v, want %s", sentence, got, c.want)
		}
	}
}

func TestWhoIsLeftOutAndWhy(t *testing.T) {
	t.Parallel()
	alter := func(change func(*Fact)) Fact { return fit(1, Responsible, 100, change) }
	noCars := policy()
	noCars.Vehicles = false
	for sentence, c := range map[string]struct {
		policy     Policy
		ask        Case
		fact       Fact
		code, text string
	}{
		"nobody who is off duty":                      {policy(), here, alter(func(f *Fact) { f.OnDuty = false }), "off_duty", "未在岗"},
		"nobody who calls for help":                   {policy(), here, alter(func(f *Fact) { f.Calling = true }), "in_sos", "本人正在求助"},
		"nobody who already has the case":             {policy(), here, alter(func(f *Fact) { f.Has = true }), "already", "已在办理本事件"},
		"nobody who has refused it":                   {policy(), here, alter(func(f *Fact) { f.Refused = true }), "refused", "已拒绝过本事件"},
		"nobody with all hands full":                  {policy(), here, alter(func(f *Fact) { f.Load = 3 }), "busy", "手上已有 3 件未办任务，达到上限 3 件"},
		"nobody without the skill that is needed":     {policy(), Case{Located: true, Skills: []string{"fire"}}, alter(func(f *Fact) { f.Skills = []string{"aid"} }), "missing_skill", "缺少所需技能：消防"},
		"nobody without a place":                      {policy(), here, alter(func(f *Fact) { f.Placed = false }), "no_fix", "在岗但没有定位"},
		"nobody whose place is from the hour before":  {policy(), here, alter(func(f *Fact) { f.Age = 61 * time.Minute }), "stale_fix", "定位已 1 小时未更新，无法确认位置"},
		"nobody from too far":                         {policy(), here, alter(func(f *Fact) { f.Metres = 3100 }), "too_far", "距离 3.1 公里，超出半径 3.0 公里"},
		"nobody beyond the radius that was asked for": {policy(), Case{Located: true, Radius: 50}, alter(func(*Fact) {}), "too_far", "距离 100 米，超出半径 50 米"},
		"no guide":                                                    {policy(), here, alter(func(f *Fact) { f.Role = "grid_guide" }), "role", "岗位不参与派遣"},
		"no vehicle, where the policy says so":                        {noCars, here, alter(func(f *Fact) { f.Vehicle, f.Role = true, "patrol_car" }), "vehicle", "车辆不参与派遣"},
		"a vehicle may come from farther":                             {policy(), here, alter(func(f *Fact) { f.Vehicle, f.Role, f.Metres = true, "patrol_car", 9000 }), "", ""},
		"an old position may be sent, but is called so":               {policy(), here, alter(func(f *Fact) { f.Age = 10 * time.Minute }), "", ""},
		"a place that is unknown is no matter when the case has none": {policy(), Case{}, alter(func(f *Fact) { f.Placed = false }), "", ""},
	} {
		r := Rank(c.policy, c.ask, []Fact{c.fact})
		switch {
		case c.code == "" && len(r.Candidates) == 1:
		case c.code != "" && len(r.LeftOut) == 1 && r.LeftOut[0].Code == c.code && r.LeftOut[0].Text == c.text:
		default:
			t.Errorf("%s: candidates %+v, left out %+v", sentence, r.Candidates, r.LeftOut)
		}
	}
	r := Rank(policy(), here, []Fact{fit(1, Responsible, 100, func(f *Fact) { f.Age = 10 * time.Minute })})
	if !r.Candidates[0].Stale {
		t.Error("an old position is not called old")
	}
}

func TestTheReasonsAreSentences(t *testing.T) {
	t.Parallel()
	say := func(c Case, change func(*Fact)) string {
		r := Rank(policy(), c, []Fact{fit(1, Neighbour, 320, change)})
		var list []string
		for _, reason := range r.Candidates[0].Reasons {
			list = append(list, reason.Text)
		}
		return strings.Join(list, "；")
	}
	for want, got := range map[string]string{
		"负责相邻网格（湖东）；沿道路 320 米；定位 20 秒前；手上没有未办任务；今天还没有派过任务": say(here, func(f *Fact) { f.Grid = "湖东" }),
		"负责相邻网格；直线距离 1.2 公里（道路距离未知）；定位已 10 分钟未更新，位置可能不准；手上有 1 件未办任务；具备技能：消防；今天已派 2 件": say(Case{Located: true, Wanted: []string{"fire", "aid"}},
			func(f *Fact) {
				f.Metres, f.By, f.Age, f.Load, f.Today, f.Skills = 1234, ByStraight, 10*time.Minute, 1, 2, []string{"fire"}
			}),
	} {
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestWhatToDoWhenNobodyFits(t *testing.T) {
	t.Parallel()
	off := func(f *Fact) { f.OnDuty = false }
	leader := func(f *Fact) { f.Leader, f.Phone = true, "19900001111" }
	for sentence, c := range map[string]struct {
		ask   Case
		facts []Fact
		want  string
	}{
		"nobody at all":                       {here, nil, "community department"},
		"all are well":                        {here, []Fact{fit(1, Responsible, 10)}, ""},
		"the leader is off duty":              {here, []Fact{fit(1, Responsible, 10, off, leader)}, "call_leader community department"},
		"and somebody else can go":            {here, []Fact{fit(1, Responsible, 10, off, leader), fit(2, Neighbour, 10)}, "call_leader"},
		"a neighbour's leader is no matter":   {here, []Fact{fit(1, Neighbour, 10, off, leader), fit(2, Neighbour, 10)}, ""},
		"all are too far":                     {here, []Fact{fit(1, Other, 4100), fit(2, Other, 9000)}, "widen community department"},
		"all lack the skill":                  {Case{Located: true, Skills: []string{"fire"}}, []Fact{fit(1, Responsible, 10)}, "skill community department"},
		"all are busy":                        {here, []Fact{fit(1, Responsible, 10, func(f *Fact) { f.Load = 3 })}, "busy community department"},
		"nobody knows where they are":         {here, []Fact{fit(1, Responsible, 10, func(f *Fact) { f.Placed = false })}, "silent community department"},
		"a neighbour is off duty":             {here, []Fact{fit(1, Neighbour, 10, off)}, "call_off_duty community department"},
		"the case has no place":               {Case{}, []Fact{fit(1, Responsible, 10)}, "no_place"},
		"strangers off duty are not bothered": {here, []Fact{fit(1, Other, 10, off)}, "community department"},
	} {
		var codes []string
		for _, a := range Rank(policy(), c.ask, c.facts).Advice {
			codes = append(codes, a.Code)
			if a.Do == "" || a.Text == "" {
				t.Errorf("%s: %s says nothing to do", sentence, a.Code)
			}
		}
		if got := strings.Join(codes, " "); got != c.want {
			t.Errorf("%s: %q, want %q", sentence, got, c.want)
		}
	}
	r := Rank(policy(), here, []Fact{fit(1, Other, 4100), fit(2, Other, 9000)})
	if d := r.Advice[0].With; r.Advice[0].Do != "radius" || d.RadiusM != 5000 {
		t.Errorf("the radius that would help: %+v", d)
	}
	r = Rank(policy(), here, []Fact{fit(1, Responsible, 10, off, leader)})
	if d := r.Advice[0].With; r.Advice[0].Do != "call" || d.Phone != "19900001111" || d.Worker != 1 {
		t.Errorf("whom to call: %+v", d)
	}
}

func TestDepartmentsInOrder(t *testing.T) {
	t.Parallel()
	got := RankDepartments([]Department{{Org: 1, Name: "城管", Open: 1}, {Org: 2, Name: "市监", Open: 9, Late: 2, Default: true}, {Org: 3, Name: "应急", Open: 0, Late: 1}, {Org: 4, Name: "住建"}})
	var names []string
	for _, d := range got {
		names = append(names, d.Name)
	}
	if strings.Join(names, " ") != "市监 住建 城管 应急" {
		t.Error(names)
	}
	if got[0].Text != "本类事件的默认承办部门，在办 9 件，逾期 2 件" || got[1].Text != "在办 0 件" {
		t.Errorf("%q, %q", got[0].Text, got[1].Text)
	}
}

func TestAPolicyThatCannotBeMeant(t *testing.T) {
	t.Parallel()
	if p := DefaultPolicy(); p.Check() != nil {
		t.Errorf("the default: %v", p.Check())
	}
	for sentence, change := range map[string]func(*Policy){
		"too old before it is old":             func(p *Policy) { p.MaxAgeS = 60 },
		"points that outweigh the steps":       func(p *Policy) { p.Points.Distance = 80 },
		"points that punish":                   func(p *Policy) { p.Points.Load = -1 },
		"the neighbour before the responsible": func(p *Policy) { p.Steps.Neighbour = 400 },
		"nobody goes":                          func(p *Policy) { p.Roles = nil },
		"nobody may have anything to do":       func(p *Policy) { p.MaxLoad = 0 },
		"nowhere":                              func(p *Policy) { p.MaxM = 0 },
	} {
		p := DefaultPolicy()
		change(&p)
		if p.Check() == nil {
			t.Errorf("%s: accepted", sentence)
		}
	}
	p := Policy{CategorySkills: map[string][]string{"AQ": {"fire"}, "AQ-03": {"gas"}}}
	if got := p.Wanted("AQ-03"); !slices.Equal(got, []string{"gas", "fire"}) {
		t.Errorf("the skills of a kind and its category: %v", got)
	}
}

func anyFact(id int64) *rapid.Generator[Fact] {
	return rapid.Custom(func(t *rapid.T) Fact {
		often := func(what string) bool { return rapid.IntRange(0, 4).Draw(t, what) > 0 }
		return Fact{
			Worker: id, Name: fmt.Sprint(id), Role: rapid.SampledFrom([]string{"grid_leader", "grid_worker", "grid_guide"}).Draw(t, "role"),
			Vehicle: !often("person"), Relation: rapid.SampledFrom(relations).Draw(t, "relation"), Leader: rapid.Bool().Draw(t, "leader"),
			OnDuty: often("duty"), Placed: often("placed"), Age: time.Duration(rapid.IntRange(0, 2500).Draw(t, "age")) * time.Second,
			Metres: float64(rapid.IntRange(0, 4000).Draw(t, "metres")), By: rapid.SampledFrom([]string{ByStreet, ByStraight}).Draw(t, "by"),
			Load: rapid.IntRange(0, 4).Draw(t, "load"), Today: rapid.IntRange(0, 8).Draw(t, "today"),
			Skills:  rapid.SliceOfDistinct(rapid.SampledFrom([]string{"fire", "aid"}), rapid.ID).Draw(t, "skills"),
			Calling: !often("calm"), Has: !often("new"), Refused: !often("willing"),
		}
	})
}

func anyFacts(t *rapid.T) []Fact {
	var facts []Fact
	for i := range rapid.IntRange(0, 12).Draw(t, "people") {
		facts = append(facts, anyFact(int64(i+1)).Draw(t, "fact"))
	}
	return facts
}

func anyCase(t *rapid.T) Case {
	return Case{
		Located: rapid.Bool().Draw(t, "located"), Critical: rapid.Bool().Draw(t, "critical"),
		Skills: rapid.SliceOfDistinct(rapid.SampledFrom([]string{"fire", "aid"}), rapid.ID).Draw(t, "needed"),
		Wanted: rapid.SliceOfDistinct(rapid.SampledFrom([]string{"fire", "aid"}), rapid.ID).Draw(t, "wanted"),
		Radius: rapid.SampledFrom([]float64{0, 1000, 5000}).Draw(t, "radius"),
	}
}

var whole = cmpopts.IgnoreUnexported(Left{})

func TestTheOrderOfTheFactsDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, facts := anyCase(t), anyFacts(t)
		mixed := rapid.Permutation(facts).Draw(t, "mixed")
		if diff := gocmp.Diff(Rank(policy(), c, facts), Rank(policy(), c, mixed), whole); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestEverybodyIsACandidateOrLeftOut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		facts := anyFacts(t)
		r := Rank(policy(), anyCase(t), facts)
		var ids []int64
		for _, c := range r.Candidates {
			ids = append(ids, c.Worker)
			sum := 0.0
			for _, reason := range c.Reasons {
				sum += reason.Points
				if reason.Code == "" || reason.Text == "" {
					t.Fatalf("a reason without words: %+v", reason)
				}
			}
			if math.Abs(sum-c.Score) > 1e-6 {
				t.Fatalf("the reasons give %v points, the score is %v", sum, c.Score)
			}
		}
		for _, l := range r.LeftOut {
			ids = append(ids, l.Worker)
			if l.Code == "" || l.Text == "" {
				t.Fatalf("left out without a reason: %+v", l)
			}
		}
		slices.Sort(ids)
		if len(ids) != len(facts) || len(slices.Compact(ids)) != len(facts) {
			t.Fatalf("%d facts, %v in the lists", len(facts), ids)
		}
		if len(r.Candidates) == 0 && len(r.Advice) == 0 {
			t.Fatal("nobody fits and no advice")
		}
		if !slices.IsSortedFunc(r.Candidates, func(a, b Candidate) int { return cmp.Compare(b.Score, a.Score) }) {
			t.Fatal("not in the order of the points")
		}
	})
}

// Whoever joins, far or near, changes nothing between the others.
func TestOneMoreChangesNobodysOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, facts := anyCase(t), anyFacts(t)
		order := func(facts []Fact) (ids []int64) {
			for _, k := range Rank(policy(), c, facts).Candidates {
				if k.Worker != 99 {
					ids = append(ids, k.Worker)
				}
			}
			return ids
		}
		if before, after := order(facts), order(append(slices.Clone(facts), anyFact(99).Draw(t, "one more"))); !slices.Equal(before, after) {
			t.Fatalf("%v before, %v after", before, after)
		}
	})
}

// All else equal, nearer, fresher, freer and less often sent never comes later.
func TestMoreOfAGoodThingNeverHurts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := anyCase(t)
		worse := anyFact(1).Draw(t, "worse")
		good := worse
		good.Worker = 2
		switch rapid.IntRange(0, 3).Draw(t, "what") {
		case 0:
			good.Metres -= min(good.Metres, float64(rapid.IntRange(2, 900).Draw(t, "nearer")))
		case 1:
			good.Age /= 2
		case 2:
			good.Load = max(good.Load-1, 0)
		case 3:
			good.Today = max(good.Today-1, 0)
		}
		r := Rank(policy(), c, []Fact{worse, good})
		if len(r.Candidates) == 1 && r.Candidates[0].Worker == 1 {
			t.Fatalf("left out for being better: %+v", r.LeftOut)
		}
		if len(r.Candidates) == 2 && r.Candidates[0].Worker == 1 && r.Candidates[0].Score != r.Candidates[1].Score {
			t.Fatalf("%+v", r.Candidates)
		}
	})
}

// With the default policy nobody comes before the people of a nearer relation.
func TestTheGridsPeopleComeFirst(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := Rank(policy(), anyCase(t), anyFacts(t)).Candidates
		if !slices.IsSortedFunc(list, func(a, b Candidate) int {
			return slices.Index(relations, a.Relation) - slices.Index(relations, b.Relation)
		}) {
			t.Fatal("a stranger comes before the grid's people")
		}
	})
}
