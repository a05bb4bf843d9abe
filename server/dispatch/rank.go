// Package dispatch finds whom to send, and says why: from the facts about
// everybody who could go it makes a ranking, with the reasons for each one who
// can and the reason for each one who cannot, and, when nobody fits, what to do.
//
// It decides and touches nothing. Each candidate's points depend on that
// candidate's own facts, the case and the policy, never on the other
// candidates: who joins or leaves the list changes nobody else's order. The
// ranking that an operator saw is kept with the order that came of it, so that
// "why was he sent" can be answered a year later.
package dispatch

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/paulmach/orb"
)

// Relation is what a worker has to do with the ground that the case lies on.
type Relation string

// Relations, nearest first.
const (
	Responsible Relation = "responsible" // answers for the case's grid
	Neighbour   Relation = "neighbour"   // answers for a grid that touches it
	Community   Relation = "community"   // of the same village or community
	Other       Relation = "other"
)

var relations = []Relation{Responsible, Neighbour, Community, Other}

// How a distance was measured.
const (
	ByStreet   = "street"   // along the streets
	ByStraight = "straight" // as the crow flies: no street leads there, or no street is known
	ByNothing  = "none"     // the case has no place, or nobody's is known
	Mixed      = "mixed"
)

// Case is what a ranking has to know of the case.
type Case struct {
	Located  bool     // it has a place on the map
	Critical bool     // 特急
	Skills   []string // codes; who lacks one is left out
	Wanted   []string // codes; who has them is preferred
	Radius   float64  // metres; 0 = the policy's
}

// Fact is everything a ranking knows of one worker or vehicle.
type Fact struct {
	Worker   int64
	Name     string
	Phone    string
	Org      int64
	OrgName  string
	Role     string // grid_leader, grid_worker, …
	Vehicle  bool
	Grid     string // the name of the grid it answers for
	Relation Relation
	Leader   bool // leads the grid that makes the relation
	OnDuty   bool
	Presence string        // fleet's word
	Placed   bool          // a place is known
	Point    orb.Point     // that place
	Age      time.Duration // of that place
	Metres   float64       // from there to the case; not a number when unknown
	By       string        // how that was measured
	Load     int           // open orders
	Today    int           // orders given to it today
	Skills   []string      // codes
	Calling  bool          // calls for help itself
	Has      bool          // has an open order of this case
	Refused  bool          // has refused this case
}

// Reason is one thing that speaks for a candidate, with its weight.
type Reason struct {
	Code   string  `json:"code"`
	Text   string  `json:"text"`
	Points float64 `json:"points"`
}

// Candidate is somebody who can be sent.
type Candidate struct {
	Worker    int64      `json:"worker"`
	Name      string     `json:"name"`
	Phone     string     `json:"phone,omitempty"`
	Org       int64      `json:"org"`
	OrgName   string     `json:"org_name"`
	Role      string     `json:"role"`
	Vehicle   bool       `json:"vehicle,omitempty"`
	GridName  string     `json:"grid_name"`
	Relation  Relation   `json:"relation"`
	Rank      int        `json:"rank"`
	Score     float64    `json:"score"`
	DistanceM *float64   `json:"distance_m"`
	By        string     `json:"distance_by"`
	AgeS      *int       `json:"age_s"`
	Stale     bool       `json:"stale,omitempty"` // the place may be old
	Presence  string     `json:"presence"`
	OnDuty    bool       `json:"on_duty"`
	Load      int        `json:"load"`
	Today     int        `json:"today"`
	Skills    []string   `json:"skills"`
	Reasons   []Reason   `json:"reasons"`
	Point     *orb.Point `json:"point"`
}

// Left is somebody who cannot be sent, and why.
type Left struct {
	Worker   int64    `json:"worker"`
	Name     string   `json:"name"`
	Relation Relation `json:"relation"`
	Code     string   `json:"code"`
	Text     string   `json:"text"`

	leader bool
	phone  string
	metres float64
}

// Ranking is the answer. Everybody of whom there was a fact is in exactly one of its lists.
type Ranking struct {
	Distance   string      `json:"distance"`
	Candidates []Candidate `json:"candidates"`
	LeftOut    []Left      `json:"left_out"`
	Advice     []Advice    `json:"advice"`
}

// Rank orders those who can be sent, best first, and says why the others cannot.
// The order of the facts does not matter.
func Rank(p Policy, c Case, facts []Fact) Ranking {
	r := Ranking{Candidates: []Candidate{}, LeftOut: []Left{}}
	for i := range facts {
		f := &facts[i]
		if code, text := p.refuse(c, f); code != "" {
			r.LeftOut = append(r.LeftOut, Left{Worker: f.Worker, Name: f.Name, Relation: f.Relation, Code: code, Text: text, leader: f.Leader, phone: f.Phone, metres: f.Metres})
			continue
		}
		r.Candidates = append(r.Candidates, p.judge(c, f))
	}
	slices.SortFunc(r.Candidates, better)
	for i := range r.Candidates {
		r.Candidates[i].Rank = i + 1
	}
	slices.SortFunc(r.LeftOut, func(a, b Left) int {
		return cmp.Or(cmp.Compare(slices.Index(relations, a.Relation), slices.Index(relations, b.Relation)), cmp.Compare(a.Code, b.Code), cmp.Compare(a.Worker, b.Worker))
	})
	r.Distance = measured(r.Candidates)
	r.Advice = advise(p, c, r)
	return r
}

// better orders candidates: more points first, then the closer relation, the
// shorter way, and at last the smaller number, so that no two are ever equal.
func better(a, b Candidate) int {
	way := func(c *Candidate) float64 {
		if c.DistanceM == nil {
			return math.Inf(1)
		}
		return *c.DistanceM
	}
	return cmp.Or(
		cmp.Compare(b.Score, a.Score),
		cmp.Compare(slices.Index(relations, a.Relation), slices.Index(relations, b.Relation)),
		cmp.Compare(way(&a), way(&b)),
		cmp.Compare(a.Worker, b.Worker),
	)
}

func measured(list []Candidate) string {
	by := ByNothing
	for _, c := range list {
		switch {
		case c.DistanceM == nil || c.By == by:
		case by == ByNothing:
			by = c.By
		default:
			return Mixed
		}
	}
	return by
}

// refuse says why the worker cannot be sent; the first reason that holds is the one.
func (p *Policy) refuse(c Case, f *Fact) (code, text string) {
	radius := p.radius(c, f)
	switch {
	case f.Vehicle && !p.Vehicles:
		return "vehicle", "车辆不参与派遣"
	case !f.Vehicle && !slices.Contains(p.Roles, f.Role):
		return "role", "岗位不参与派遣"
	case f.Calling:
		return "in_sos", "本人正在求助"
	case f.Has:
		return "already", "已在办理本事件"
	case f.Refused:
		return "refused", "已拒绝过本事件"
	case !f.OnDuty:
		return "off_duty", "未在岗"
	}
	if missing := lacking(f.Skills, c.Skills); len(missing) > 0 {
		return "missing_skill", "缺少所需技能：" + strings.Join(p.named(missing), "、")
	}
	if f.Load >= p.MaxLoad {
		return "busy", fmt.Sprintf("手上已有 %d 件未办任务，达到上限 %d 件", f.Load, p.MaxLoad)
	}
	switch { // where they are matters only when it is known where to
	case !c.Located:
	case !f.Placed:
		return "no_fix", "在岗但没有定位"
	case f.Age > time.Duration(p.MaxAgeS)*time.Second:
		return "stale_fix", "定位已 " + inWords(f.Age) + "未更新，无法确认位置"
	case f.Metres > radius:
		return "too_far", fmt.Sprintf("距离 %s，超出半径 %s", inMetres(f.Metres), inMetres(radius))
	}
	return "", ""
}

func (p *Policy) radius(c Case, f *Fact) float64 {
	switch {
	case c.Radius > 0:
		return c.Radius
	case f.Vehicle:
		return p.VehicleMaxM
	}
	return p.MaxM
}

// judge gives a candidate its points, each with its reason.
func (p *Policy) judge(c Case, f *Fact) Candidate {
	out := Candidate{
		Worker: f.Worker, Name: f.Name, Phone: f.Phone, Org: f.Org, OrgName: f.OrgName, Role: f.Role, Vehicle: f.Vehicle, GridName: f.Grid,
		Relation: f.Relation, By: ByNothing, Presence: f.Presence, OnDuty: f.OnDuty, Load: f.Load, Today: f.Today,
		Skills: append([]string{}, f.Skills...),
	}
	slices.Sort(out.Skills)
	tenths := 0 // points are counted in tenths, so that equal ones are equal
	give := func(code, text string, points float64) {
		n := int(math.Round(points * 10))
		tenths += n
		out.Reasons = append(out.Reasons, Reason{code, text, float64(n) / 10})
	}
	step := p.Steps.of(f.Relation)
	if c.Critical {
		step *= p.CriticalShare
	}
	give("relation", relationText(f), step)
	if f.Leader && f.Relation == Responsible {
		give("leader", "事发网格的网格长", p.Points.Leader)
	}
	p.judgeWay(c, f, &out, give)
	if f.Placed {
		age, at := int(f.Age/time.Second), f.Point
		out.AgeS, out.Point = &age, &at
		fresh := time.Duration(p.FreshS) * time.Second
		if f.Age <= fresh {
			give("fix", "定位 "+inWords(f.Age)+"前", p.Points.Fresh)
		} else {
			out.Stale = true
			give("stale", "定位已 "+inWords(f.Age)+"未更新，位置可能不准", p.Points.Fresh*share(f.Age-fresh, time.Duration(p.MaxAgeS)*time.Second-fresh)/2)
		}
	}
	if f.Load == 0 {
		give("load", "手上没有未办任务", p.Points.Load)
	} else {
		give("load", fmt.Sprintf("手上有 %d 件未办任务", f.Load), p.Points.Load*share(f.Load, p.MaxLoad))
	}
	if wanted := union(c.Skills, c.Wanted); len(wanted) > 0 {
		has := slices.DeleteFunc(slices.Clone(wanted), func(s string) bool { return !slices.Contains(f.Skills, s) })
		if len(has) > 0 {
			give("skill", "具备技能："+strings.Join(p.named(has), "、"), p.Points.Skill*float64(len(has))/float64(len(wanted)))
		} else {
			give("skill", "没有相关技能", 0)
		}
	}
	if f.Today == 0 {
		give("fairness", "今天还没有派过任务", p.Points.Fairness)
	} else {
		give("fairness", fmt.Sprintf("今天已派 %d 件", f.Today), p.Points.Fairness*share(f.Today, p.ManyToday))
	}
	out.Score = float64(tenths) / 10
	return out
}

func (p *Policy) judgeWay(c Case, f *Fact, out *Candidate, give func(code, text string, points float64)) {
	switch {
	case !c.Located:
		give("distance", "事件没有坐标，无法比较远近", 0)
	case math.IsNaN(f.Metres) || math.IsInf(f.Metres, 0):
		give("distance", "距离未知", 0)
	default:
		metres := math.Round(f.Metres)
		out.DistanceM, out.By = &metres, f.By
		text := "沿道路 " + inMetres(metres)
		if f.By != ByStreet {
			text = "直线距离 " + inMetres(metres) + "（道路距离未知）"
		}
		give("distance", text, p.Points.Distance*share(metres, p.radius(Case{}, f)))
	}
}

// share is what is left of the whole when so much of it is used up: 1 … 0.
func share[T ~int | ~int64 | ~float64](used, whole T) float64 {
	if whole <= 0 {
		return 0
	}
	return min(max(1-float64(used)/float64(whole), 0), 1)
}

func relationText(f *Fact) string {
	switch f.Relation {
	case Responsible:
		return "负责事发网格"
	case Neighbour:
		return "负责相邻网格" + bracket(f.Grid)
	case Community:
		return "同一社区（村）人员"
	}
	return "其他人员" + bracket(f.OrgName)
}

func bracket(s string) string {
	if s == "" {
		return ""
	}
	return "（" + s + "）"
}

// lacking returns what of the needed is not in has.
func lacking(has, needed []string) []string {
	var missing []string
	for _, s := range needed {
		if !slices.Contains(has, s) && !slices.Contains(missing, s) {
			missing = append(missing, s)
		}
	}
	return missing
}

func union(a, b []string) []string {
	return append(slices.Clone(a), lacking(a, b)...)
}

func inMetres(m float64) string {
	switch {
	case math.IsNaN(m) || math.IsInf(m, 0):
		return "未知"
	case m < 1000:
		return fmt.Sprintf("%.0f 米", m)
	}
	return fmt.Sprintf("%.1f 公里", m/1000)
}

func inWords(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d 秒", max(int(d/time.Second), 0))
	case d < time.Hour:
		return fmt.Sprintf("%d 分钟", int(d/time.Minute))
	}
	return fmt.Sprintf("%d 小时", int(d/time.Hour))
}
