package main

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/geo/trail"
	"github.com/gridward/gridward/server/patrol"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/simulate"
	"github.com/gridward/gridward/server/workday"
)

// begin reads whom the grid has to visit.
func (g *gridPast) begin() {
	goals := make([]simulate.Goal, len(g.goals))
	for i, one := range g.goals {
		goals[i] = simulate.Goal{ID: int64(i), Kind: one.Kind, Class: one.Class, Point: one.Point, Sensitive: one.Sensitive}
		if one.Every != nil && one.First != nil {
			goals[i].Every, goals[i].First = int(*one.Every), workday.Day(one.First.Unix()/86400)
		}
	}
	g.rounds = simulate.NewRounds(goals, g.people[0].number)
}

// goal lets somebody who is out see whoever is due near by. Whom he went to see
// is added to paid.
func (g *gridPast) goal(p *pastPerson, paid *[]*simulate.Paid) func(orb.Point, time.Time) (orb.Point, int, bool) {
	return func(near orb.Point, at time.Time) (orb.Point, int, bool) {
		one := g.rounds.At(near, at, p.Role == "grid_leader")
		if one == nil {
			return orb.Point{}, -1, false
		}
		*paid = append(*paid, one)
		return one.Goal.Point, len(*paid) - 1, true
	}
}

// visits writes an outing's visits down. On Fridays leaders ring up whom nobody
// has come to, and now and then something is noted at the end.
func (g *gridPast) visits(p *pastPerson, o *simulate.Outing, paid []*simulate.Paid) {
	for _, c := range o.Calls {
		if c.Goal < 0 {
			continue
		}
		r := rand.New(rand.NewPCG(uint64(c.At.UnixMilli()), p.number))
		const degree = 111_320.0 // metres; the phone at the door is not exact
		door := orb.Point{c.Door[0] + 7*r.NormFloat64()/degree, c.Door[1] + 6*r.NormFloat64()/degree}
		v := postgres.PastVisit{ID: c.ID, Worker: p.Code, Session: o.Session, Goal: g.goals[paid[c.Goal].Goal.ID], At: c.At, Left: c.Left, Point: &door, Method: patrol.OnSite, Outcome: paid[c.Goal].Outcome, Activities: []string{}}
		if v.Outcome == patrol.NoOne || v.Outcome == patrol.Refused { // does not wait at a closed door
			v.Left = v.At.Add(min(v.Left.Sub(v.At), time.Minute))
		}
		g.write(&v, paid[c.Goal].Reported, r)
		g.past.Visits = append(g.past.Visits, v)
	}
	if len(o.Calls) == 0 {
		return
	}
	if p.Role == "grid_leader" && o.From.In(time.FixedZone("", 8*3600)).Weekday() == time.Friday {
		for k, one := range g.rounds.Missed(workday.DayOf(o.From)) {
			if k == 2 {
				break
			}
			at := o.From.Add(time.Duration(3+6*k) * time.Minute)
			g.past.Visits = append(g.past.Visits, postgres.PastVisit{ID: uuid.NewSHA1(o.Session, []byte{byte(k)}), Worker: p.Code, Session: o.Session, Goal: g.goals[one.ID], At: at, Left: at.Add(4 * time.Minute),
				Method: patrol.ByPhone, Outcome: patrol.Normal, Doubts: []string{}, Activities: []string{"care"}, Content: "电话询问近况，约好下周上门"})
		}
	}
	if k := int(o.To.Unix() / 60); k%3 == 0 && len(g.goals) > 0 {
		item := clearItems[k/3%len(clearItems)]
		g.past.Notes = append(g.past.Notes, postgres.PastNote{Worker: p.Code, Grid: g.goals[0].Grid, Org: g.goals[0].Org, Item: item.code, Value: item.value, At: o.To.Add(-5 * time.Minute)})
	}
}

// write fills in what was found and said on a visit.
func (m *pastMaker) write(v *postgres.PastVisit, reported bool, r *rand.Rand) {
	g := v.Goal
	v.DistanceM = float32(trail.Metres(*v.Point, g.Point))
	pure := patrol.Visit{At: v.At, Left: v.Left, Point: v.Point, Accuracy: 12, TargetPoint: &g.Point, TargetKind: g.Kind, Outcome: v.Outcome, Method: v.Method}
	v.Doubts = patrol.DefaultVisitRule().Check(&pure, patrol.Circumstances{Received: v.Left, OnDuty: true, Short: g.Kind == "checkpoint" || g.Kind == "component"})
	pick := func(list []string) string { return list[r.IntN(len(list))] }
	place := g.Kind == "checkpoint" || g.Kind == "component"
	switch {
	case v.Outcome == patrol.NoOne:
		v.Content = pick([]string{"敲门无人应答，改日再访", "家中无人，已留联系卡"})
		return
	case v.Outcome == patrol.Refused:
		v.Content = "不愿开门，已说明来意"
		return
	case place:
		v.Content, v.Activities = pick([]string{"设施完好", "巡查正常", "环境整洁", ""}), []string{"security"}
	case g.Kind == "enterprise" || g.Kind == "key_place":
		v.Content, v.Activities = pick([]string{"经营正常，灭火器在位", "已提醒安全用电", "证照齐全，通道畅通", ""}), []string{"collect", "security"}
	default:
		v.Content, v.Activities = pick([]string{"近况正常", "已核对居住信息", "身体尚好，宣传防火防骗", "一切安好", ""}), []string{"collect", pick([]string{"policy", "care"})}
	}
	v.Answers = answersOf(g.Kind, m.items, r)
	if v.Outcome != patrol.Problem {
		return
	}
	p := problemOf(g.Kind, r)
	v.Content = p.title + "，已当面提醒"
	v.Answers = slices.DeleteFunc(v.Answers, func(a postgres.VisitAnswer) bool { return a.Item == p.item })
	v.Answers = append(v.Answers, postgres.VisitAnswer{Item: p.item, Value: "有问题", Issue: true, Note: p.title})
	if reported {
		v.Case = caseOf(uuid.NewSHA1(v.ID, []byte("case")), p, v.Left, r, m.now)
	}
}

// clearItems are what 三必清 wants of every grid, as it is mostly found.
var clearItems = []struct{ code, value string }{{"AQ-01", "正常"}, {"CJ-01", "正常"}, {"CJ-02", "正常"}, {"ZZ-02", "正常"}, {"ZZ-01", "正常"}, {"NY-02", "正常"}, {"CJ-05", "正常"}}

// answersOf is what was asked on a visit: a few items of those that concern the kind.
func answersOf(kind string, items []postgres.InfoItem, r *rand.Rand) (list []postgres.VisitAnswer) {
	var asked []*postgres.InfoItem
	for i := range items {
		if it := &items[i]; it.Parent != "" && !it.Retired && (len(it.Kinds) == 0 || slices.Contains(it.Kinds, kind)) {
			asked = append(asked, it)
		}
	}
	r.Shuffle(len(asked), func(i, k int) { asked[i], asked[k] = asked[k], asked[i] })
	for _, it := range asked[:min(len(asked), 2+r.IntN(4))] {
		a := postgres.VisitAnswer{Item: it.Code}
		switch it.Answer {
		case "state":
			a.Value = "正常"
		case "yes_no":
			a.Value = []string{"是", "否"}[r.IntN(2)]
		case "number":
			a.Value = strconv.Itoa(1 + r.IntN(5))
		case "choice":
			choices := strings.Fields(it.Choices)
			a.Value = choices[min(r.IntN(len(choices)), r.IntN(len(choices)))] // the usual comes first
		default:
			a.Value = []string{"暂无", "希望增设充电桩", "希望修缮楼道照明"}[max(0, r.IntN(6)-3)]
		}
		list = append(list, a)
	}
	return list
}

// foundProblem is what a visit may find, and where it is filed.
type foundProblem struct{ category, item, title string }

func problemOf(kind string, r *rand.Rand) foundProblem {
	list := []foundProblem{{"AQ-01", "AQ-01", "楼道堆放杂物"}, {"AQ-03", "AQ-03", "电动自行车飞线充电"}, {"AQ-03", "AQ-02", "燃气软管老化"}, {"ZZ-01", "ZZ-01", "邻里噪声纠纷"}, {"ZZ-02", "ZZ-01", "物业维修纠纷"}}
	switch kind {
	case "enterprise", "key_place":
		list = []foundProblem{{"AQ-02", "AQ-05", "灭火器过期"}, {"AQ-01", "AQ-05", "安全出口被占用"}, {"JJ-02", "CJ-01", "店外经营占用人行道"}, {"AQ-06", "AQ-06", "食品过期未下架"}}
	case "checkpoint", "component":
		list = []foundProblem{{"CJ-02", "CJ-02", "路面破损积水"}, {"CJ-03", "CJ-02", "路灯不亮"}, {"CJ-01", "CJ-01", "垃圾满溢"}, {"JJ-03", "CJ-05", "占道停放"}}
	}
	return list[r.IntN(len(list))]
}

// caseOf is the case that was made of it, as far as its time has come.
func caseOf(id uuid.UUID, p foundProblem, at time.Time, r *rand.Rand, now time.Time) *postgres.PastCase {
	after := func(t time.Time, least, most time.Duration) time.Time {
		return t.Add(least + time.Duration(r.Int64N(int64(most-least)))).Truncate(time.Second)
	}
	known := func(t time.Time) *time.Time {
		if t.After(now) {
			return nil
		}
		return &t
	}
	c := &postgres.PastCase{ID: id, Title: p.title, Category: p.category, Self: r.IntN(100) < 55, Reported: at.UTC().Truncate(time.Second)}
	c.Accepted = after(c.Reported, 5*time.Minute, 50*time.Minute)
	c.Due = c.Accepted.Add(24 * time.Hour)
	if c.Self {
		done := after(c.Accepted, 5*time.Minute, 90*time.Minute)
		c.FedBack, c.Closed, c.State = known(done), known(done), "closed"
		return c
	}
	dispatched := after(c.Accepted, 5*time.Minute, time.Hour)
	signed := after(dispatched, 5*time.Minute, 2*time.Hour)
	fed := after(signed, time.Hour, 30*time.Hour)
	checked := after(fed, time.Hour, 20*time.Hour)
	closed := after(checked, time.Hour, 30*time.Hour)
	c.Dispatched, c.Signed, c.FedBack, c.Checked, c.Closed = known(dispatched), known(signed), known(fed), known(checked), known(closed)
	switch {
	case c.Closed != nil:
		c.State = "closed"
	case c.Checked != nil:
		c.State = "evaluating"
	case c.FedBack != nil:
		c.State = "feedback"
	case c.Signed != nil:
		c.State = "handling"
	default:
		c.State, c.Dispatched = "dispatched", &dispatched
	}
	return c
}
