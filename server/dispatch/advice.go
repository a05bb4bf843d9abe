package dispatch

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Advice says what to do when nobody fits, or when the one who should go is not there.
type Advice struct {
	Code string `json:"code"`
	Text string `json:"text"`
	Do   string `json:"do"`             // call, radius, skills, department, urge, locate, community
	With *Step  `json:"with,omitempty"` // what it is to be done with
}

// Step is what a button needs to do what is advised.
type Step struct {
	Worker  int64    `json:"worker,omitempty"`
	Name    string   `json:"name,omitempty"`
	Phone   string   `json:"phone,omitempty"`
	RadiusM float64  `json:"radius_m,omitempty"`
	Skills  []string `json:"skills,omitempty"`
}

// advise looks at who was left out and why.
func advise(p Policy, c Case, r Ranking) []Advice {
	list := []Advice{}
	counts := map[string]int{}
	nearest := math.Inf(1)
	for _, l := range r.LeftOut {
		counts[l.Code]++
		if l.Code == "too_far" {
			nearest = min(nearest, l.metres)
		}
	}
	if !c.Located {
		list = append(list, Advice{"no_place", "事件没有坐标，请先在地图上标出位置，再比较远近", "locate", nil})
	}
	for _, l := range r.LeftOut {
		if l.leader && l.Relation == Responsible && slices.Contains([]string{"off_duty", "no_fix", "stale_fix", "too_far"}, l.Code) {
			list = append(list, Advice{"call_leader", "网格长" + l.Name + l.Text + "，可电话联系后派遣", "call", &Step{Worker: l.Worker, Name: l.Name, Phone: l.phone}})
		}
	}
	if len(r.Candidates) > 0 {
		return list
	}
	if n := counts["too_far"]; n > 0 {
		radius := widened(nearest)
		list = append(list, Advice{"widen", fmt.Sprintf("%d 人在岗但超出半径，最近的一人在 %s 处，可扩大半径到 %s", n, inMetres(nearest), inMetres(radius)), "radius", &Step{RadiusM: radius}})
	}
	if n := counts["missing_skill"]; n > 0 {
		list = append(list, Advice{"skill", fmt.Sprintf("%d 人在岗但缺少所需技能，可放宽技能要求后派遣", n), "skills", &Step{Skills: []string{}}})
	}
	if n := counts["busy"]; n > 0 {
		list = append(list, Advice{"busy", fmt.Sprintf("%d 人任务已满，可催办或改派其手上的任务", n), "urge", nil})
	}
	if n := counts["stale_fix"] + counts["no_fix"]; n > 0 {
		list = append(list, Advice{"silent", fmt.Sprintf("%d 人在岗但位置不明，可电话联系", n), "call", callFirst(r.LeftOut, "stale_fix", "no_fix")})
	}
	if counts["off_duty"] > 0 && !slices.ContainsFunc(list, func(a Advice) bool { return a.Code == "call_leader" }) {
		if step := callFirst(r.LeftOut, "off_duty"); step != nil {
			list = append(list, Advice{"call_off_duty", "责任网格和相邻网格没有在岗人员，可电话联系" + step.Name, "call", step})
		}
	}
	return append(list,
		Advice{"community", "呼叫相邻社区（村）支援", "community", nil},
		Advice{"department", "派遣到职能部门", "department", nil},
	)
}

// callFirst is the telephone call to the first of the left out for one of the reasons.
// They are in order: the responsible come first.
func callFirst(left []Left, codes ...string) *Step {
	for _, l := range left {
		if slices.Contains(codes, l.Code) && l.Relation != Other {
			return &Step{Worker: l.Worker, Name: l.Name, Phone: l.phone}
		}
	}
	return nil
}

// widened is the next round radius that holds so many metres.
func widened(metres float64) float64 {
	for _, r := range []float64{1000, 1500, 2000, 3000, 5000, 8000, 10000, 15000, 20000, 50000} {
		if metres <= r {
			return r
		}
	}
	return math.Ceil(metres/10000) * 10000
}

// Department is an organisation that a case may be sent to, and what it has in hand.
type Department struct {
	Org     int64  `json:"org"`
	Name    string `json:"name"`
	Default bool   `json:"default"` // usually handles cases of this category
	Open    int    `json:"open"`
	Late    int    `json:"late"`
	Text    string `json:"text"`
}

// RankDepartments puts the category's own department first, then those with less overdue and less to do.
func RankDepartments(list []Department) []Department {
	out := append([]Department{}, list...)
	for i := range out {
		d := &out[i]
		d.Text = fmt.Sprintf("在办 %d 件", d.Open)
		if d.Late > 0 {
			d.Text += fmt.Sprintf("，逾期 %d 件", d.Late)
		}
		if d.Default {
			d.Text = "本类事件的默认承办部门，" + d.Text
		}
	}
	slices.SortFunc(out, func(a, b Department) int {
		first := func(d Department) int {
			if d.Default {
				return 0
			}
			return 1
		}
		return cmp.Or(cmp.Compare(first(a), first(b)), cmp.Compare(a.Late, b.Late), cmp.Compare(a.Open, b.Open), cmp.Compare(a.Org, b.Org))
	})
	return out
}
