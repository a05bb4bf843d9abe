package dispatch

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gridward/gridward/server/fault"
)

// Policy is how a region ranks: limits that leave people out, and the weight of
// what speaks for them. It is data; an administrator edits it. With the default
// steps, each larger than all points together, whoever answers for the grid
// comes before every neighbour, and every neighbour before the rest.
type Policy struct {
	MaxM        float64  `json:"max_m" minimum:"100" maximum:"100000" doc:"people farther away than so many metres are left out"`
	VehicleMaxM float64  `json:"vehicle_max_m" minimum:"100" maximum:"500000"`
	FreshS      int      `json:"fresh_s" minimum:"10" maximum:"86400" doc:"a position older than so many seconds is called old"`
	MaxAgeS     int      `json:"max_age_s" minimum:"10" maximum:"86400" doc:"and older than this it is none"`
	MaxLoad     int      `json:"max_load" minimum:"1" maximum:"100" doc:"who has so many open orders gets no more"`
	ManyToday   int      `json:"many_today" minimum:"1" maximum:"100" doc:"orders in one day after which fairness gives no points"`
	Vehicles    bool     `json:"vehicles" doc:"vehicles are candidates too"`
	Roles       []string `json:"roles" doc:"roles of workers who are sent"`
	Steps       Steps    `json:"steps"`
	Points      Points   `json:"points"`

	CriticalShare  float64             `json:"critical_share" minimum:"0" maximum:"1" doc:"of the steps in a critical case: 1 keeps the grid's people first, 0 sends the nearest"`
	CategorySkills map[string][]string `json:"category_skills" doc:"skills preferred for a category or kind, by code"`

	// SkillNames says what skills are called; it is filled in from the dictionary.
	SkillNames map[string]string `json:"-"`
}

// Steps are the points of each relation.
type Steps struct {
	Responsible float64 `json:"responsible" minimum:"0" maximum:"1000"`
	Neighbour   float64 `json:"neighbour" minimum:"0" maximum:"1000"`
	Community   float64 `json:"community" minimum:"0" maximum:"1000"`
	Other       float64 `json:"other" minimum:"0" maximum:"1000"`
}

func (s Steps) of(r Relation) float64 {
	switch r {
	case Responsible:
		return s.Responsible
	case Neighbour:
		return s.Neighbour
	case Community:
		return s.Community
	}
	return s.Other
}

// Points are the most that each fact gives.
type Points struct {
	Distance float64 `json:"distance" minimum:"0" maximum:"100"`
	Fresh    float64 `json:"fresh" minimum:"0" maximum:"100"`
	Load     float64 `json:"load" minimum:"0" maximum:"100"`
	Skill    float64 `json:"skill" minimum:"0" maximum:"100"`
	Fairness float64 `json:"fairness" minimum:"0" maximum:"100"`
	Leader   float64 `json:"leader" minimum:"0" maximum:"100"`
}

func (p Points) sum() float64 {
	return p.Distance + p.Fresh + p.Load + p.Skill + p.Fairness + p.Leader
}

// DefaultPolicy is what holds until somebody edits it.
func DefaultPolicy() Policy {
	return Policy{
		MaxM: 3000, VehicleMaxM: 10000, FreshS: 300, MaxAgeS: 1800, MaxLoad: 3, ManyToday: 6, Vehicles: true,
		Roles: []string{"grid_leader", "grid_worker"},
		Steps: Steps{300, 200, 100, 0}, Points: Points{45, 15, 15, 12, 8, 5},
		CriticalShare: 1, CategorySkills: map[string][]string{},
	}
}

// Wanted are the skills preferred for a category: those of its own code and of the codes above it.
func (p *Policy) Wanted(category string) []string {
	var wanted []string
	for code := category; code != ""; {
		wanted = union(wanted, p.CategorySkills[code])
		above, _, ok := strings.Cut(code, "-")
		if !ok {
			break
		}
		code = above
	}
	return wanted
}

// named are the names of skills.
func (p *Policy) named(codes []string) []string {
	out := make([]string, len(codes))
	for i, c := range codes {
		if out[i] = p.SkillNames[c]; out[i] == "" {
			out[i] = c
		}
	}
	return out
}

// Check refuses a policy that cannot be meant.
func (p *Policy) Check() error {
	fields := map[string]string{}
	if p.MaxAgeS < p.FreshS {
		fields["max_age_s"] = "不能小于定位陈旧的界限"
	}
	if p.MaxM <= 0 || p.VehicleMaxM <= 0 {
		fields["max_m"] = "派遣半径必须大于 0"
	}
	if p.MaxLoad < 1 {
		fields["max_load"] = "任务上限至少为 1"
	}
	if p.ManyToday < 1 {
		fields["many_today"] = "至少为 1"
	}
	if p.CriticalShare < 0 || p.CriticalShare > 1 {
		fields["critical_share"] = "应在 0 到 1 之间"
	}
	if len(p.Roles) == 0 {
		fields["roles"] = "至少选择一种岗位"
	}
	for _, n := range []float64{p.Points.Distance, p.Points.Fresh, p.Points.Load, p.Points.Skill, p.Points.Fairness, p.Points.Leader} {
		if n < 0 {
			fields["points"] = "分值不能为负"
		}
	}
	if sum := p.Points.sum(); sum > 100 {
		fields["points"] = fmt.Sprintf("各项分值合计 %.0f，不能超过 100", sum)
	}
	if !slices.IsSortedFunc(relations, func(a, b Relation) int { return int(p.Steps.of(b)*10) - int(p.Steps.of(a)*10) }) {
		fields["steps"] = "责任网格、相邻网格、本社区、其他的分值应依次不增"
	}
	if len(fields) == 0 {
		return nil
	}
	f := fault.New(fault.Invalid, "派遣规则有误，请检查标出的项目")
	f.Fields = fields
	return f
}
