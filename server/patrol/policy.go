package patrol

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/workday"
)

// The kinds of policies.
const (
	HalfDayQuota    = "half_day_quota"   // 每周若干个半天
	TwiceDaily      = "twice_daily"      // 一日两巡
	WeeklySweep     = "weekly_sweep"     // 每周走访一遍
	ObjectCycle     = "object_cycle"     // 必访对象按周期
	CheckpointRoute = "checkpoint_route" // 必巡点
)

// RuleNames are the kinds of policies in Chinese.
func RuleNames() map[string]string {
	return map[string]string{HalfDayQuota: "半天定额", TwiceDaily: "一日两巡", WeeklySweep: "每周走访一遍", ObjectCycle: "必访对象", CheckpointRoute: "必巡点"}
}

// How holidays change what is required.
const (
	Prorate = "prorate" // 按工作日折算
	Fixed   = "fixed"   // 不折算
)

// Params are the parameters of a policy. Those of measuring are read from the
// half-day quota alone.
type Params struct {
	Required       int      `json:"required,omitempty" doc:"half_day_quota: half-days a week; twice_daily: days a week, 0 = every working day"`
	HalfDayS       int      `json:"half_day_s,omitempty" doc:"effective seconds from which a half-day qualifies"`
	Whose          string   `json:"whose,omitempty" enum:"leader,team," doc:"whose half-days count for a grid: its leader's (the team's where there is none), or the best of the team's"`
	Split          string   `json:"split,omitempty" doc:"where the day is split, HH:MM"`
	From           string   `json:"from,omitempty" doc:"nothing before it counts, HH:MM"`
	To             string   `json:"to,omitempty" doc:"nothing after it counts, HH:MM"`
	GapMaxS        int      `json:"gap_max_s,omitempty" doc:"longest time between two fixes that still counts, seconds"`
	GapBackgroundS int      `json:"gap_background_s,omitempty" doc:"the same when both fixes came by the door of the worker page (native), whom phones put to sleep; the door that a fix came through decides, no word of the client"`
	AccuracyMaxM   float64  `json:"accuracy_max_m,omitempty" doc:"worst accuracy that is accepted, metres"`
	BufferM        float64  `json:"buffer_m,omitempty" doc:"margin around the assigned grid, metres"`
	IndoorGapS     int      `json:"indoor_gap_s,omitempty" doc:"longest gap that a visit explains, seconds"`
	IndoorM        float64  `json:"indoor_m,omitempty" doc:"how near to the visit's target both ends of the gap must lie, metres"`
	Purposes       []string `json:"purposes,omitempty" doc:"purposes of duty that count"`
	WalkM          float64  `json:"walk_m,omitempty" doc:"a cell this near to the track is walked, metres"`
	DwellM         float64  `json:"dwell_m,omitempty" doc:"near to a target, metres"`
	DwellS         int      `json:"dwell_s,omitempty" doc:"a shorter visit is 走过场, seconds"`
	TwiceS         int      `json:"twice_s,omitempty" doc:"effective seconds of a session that make it one of two daily rounds"`
	NightFrom      string   `json:"night_from,omitempty" doc:"night patrols begin, HH:MM; they end at 06:00"`
	NightS         int      `json:"night_s,omitempty" doc:"effective seconds that make a night patrol"`
	TargetPct      int      `json:"target_pct,omitempty" doc:"weekly_sweep, object_cycle, checkpoint_route: per cent that must be reached"`
}

// Defaults are the parameters as the founding document has them: three
// half-days a week of two hours each.
func Defaults() Params {
	return Params{Required: 3, HalfDayS: 7200, Whose: "leader", Split: "12:30", From: "06:00", To: "22:00", GapMaxS: 120, GapBackgroundS: 300, AccuracyMaxM: 50, BufferM: 30,
		IndoorGapS: 1800, IndoorM: 60, Purposes: []string{"patrol", "visit", "emergency"}, WalkM: 25, DwellM: 50, DwellS: 180, TwiceS: 1800, NightFrom: "19:00", NightS: 1800, TargetPct: 100}
}

// Filled are the parameters with the default wherever nothing was said.
func (p Params) Filled() Params {
	d := Defaults()
	number := func(v *int, or int) {
		if *v == 0 {
			*v = or
		}
	}
	metres := func(v *float64, or float64) {
		if *v == 0 {
			*v = or
		}
	}
	text := func(v *string, or string) {
		if *v == "" {
			*v = or
		}
	}
	for _, x := range []struct {
		v  *int
		or int
	}{{&p.HalfDayS, d.HalfDayS}, {&p.GapMaxS, d.GapMaxS}, {&p.GapBackgroundS, d.GapBackgroundS}, {&p.IndoorGapS, d.IndoorGapS}, {&p.DwellS, d.DwellS}, {&p.TwiceS, d.TwiceS}, {&p.NightS, d.NightS}, {&p.TargetPct, d.TargetPct}} {
		number(x.v, x.or)
	}
	for _, x := range []struct {
		v  *float64
		or float64
	}{{&p.AccuracyMaxM, d.AccuracyMaxM}, {&p.BufferM, d.BufferM}, {&p.IndoorM, d.IndoorM}, {&p.WalkM, d.WalkM}, {&p.DwellM, d.DwellM}} {
		metres(x.v, x.or)
	}
	for _, x := range []struct {
		v  *string
		or string
	}{{&p.Whose, d.Whose}, {&p.Split, d.Split}, {&p.From, d.From}, {&p.To, d.To}, {&p.NightFrom, d.NightFrom}} {
		text(x.v, x.or)
	}
	if len(p.Purposes) == 0 {
		p.Purposes = d.Purposes
	}
	return p
}

// MeasuresAs reports whether days come to the same by both: they differ in what a
// week asks for alone.
func (p Params) MeasuresAs(o Params) bool {
	p.Required, p.Whose, p.TargetPct = o.Required, o.Whose, o.TargetPct
	return reflect.DeepEqual(p, o)
}

// Policy is what is asked of an organisation's grids, in one of its versions.
type Policy struct {
	ID        int64        `json:"id"`
	Version   int32        `json:"version"`
	Name      string       `json:"name"`
	Org       *int64       `json:"org,omitempty" doc:"for it and those below it; none = everybody"`
	OrgPath   string       `json:"-"`
	OrgName   string       `json:"org_name,omitempty"`
	Rule      string       `json:"rule" enum:"half_day_quota,twice_daily,weekly_sweep,object_cycle,checkpoint_route"`
	Cycle     string       `json:"cycle" enum:"day,week,month,quarter"`
	Params    Params       `json:"params"`
	Holiday   string       `json:"holiday" enum:"prorate,fixed"`
	ValidFrom workday.Day  `json:"valid_from"`
	ValidTo   *workday.Day `json:"valid_to,omitempty" doc:"its last day"`
	Note      string       `json:"note,omitempty"`
}

// Algorithm is the number of this package's way of measuring. It goes up when
// the same input and policy would give another answer.
const Algorithm = 2

// RuleVersion names the algorithm and the policy that a verdict came from.
func (p *Policy) RuleVersion() string { return fmt.Sprintf("a%d.p%d.v%d", Algorithm, p.ID, p.Version) }

// Holds reports whether the policy is valid on the day.
func (p *Policy) Holds(d workday.Day) bool {
	return d >= p.ValidFrom && (p.ValidTo == nil || d <= *p.ValidTo)
}

// Default is the policy where nobody has made one.
func Default() Policy {
	return Policy{Version: 1, Name: "每周三个半天", Rule: HalfDayQuota, Cycle: "week", Params: Defaults(), Holiday: Prorate}
}

// Rules are the policies that hold for an organisation on a day.
type Rules struct {
	Quota Policy   // the half-day quota, by whose parameters everything is measured
	More  []Policy // one of each other kind that holds
}

// InForce chooses among the policies (newest versions) those that hold for the
// organisation with the path on the day: of each kind the nearest organisation's,
// and of several of one organisation the one that began last.
func InForce(all []Policy, path string, d workday.Day) Rules {
	best := map[string]*Policy{}
	for i := range all {
		p := &all[i]
		if !p.Holds(d) || !strings.HasPrefix(path, p.OrgPath) {
			continue
		}
		b := best[p.Rule]
		if b == nil || len(p.OrgPath) > len(b.OrgPath) || len(p.OrgPath) == len(b.OrgPath) && (p.ValidFrom > b.ValidFrom || p.ValidFrom == b.ValidFrom && p.ID > b.ID) {
			best[p.Rule] = p
		}
	}
	out := Rules{Quota: Default()}
	if q := best[HalfDayQuota]; q != nil {
		out.Quota = *q
	}
	out.Quota.Params = out.Quota.Params.Filled()
	if out.Quota.Params.Required == 0 { // a quota that asks for nothing is none
		out.Quota.Params.Required = Defaults().Required
	}
	for _, rule := range []string{TwiceDaily, WeeklySweep, ObjectCycle, CheckpointRoute} {
		if p := best[rule]; p != nil {
			more := *p
			more.Params = more.Params.Filled()
			out.More = append(out.More, more)
		}
	}
	return out
}

// Quota is the half-day quota that holds on some days of a week.
type Quota struct {
	RuleVersion    string      `json:"rule_version"`
	Name           string      `json:"name"`
	Required       int         `json:"required" doc:"half-days that a full week asks for"`
	HalfDayMinutes int         `json:"half_day_minutes" doc:"effective minutes from which a half-day qualifies"`
	Split          string      `json:"split" doc:"where the day is split, HH:MM"`
	From           workday.Day `json:"from" doc:"its first day in the week"`
	To             workday.Day `json:"to" doc:"its last day in the week"`
}

// Quotas are the quotas that hold in a week for the organisation with the path,
// in their order: more than one where the policy changes within the week. What
// the week asks for is the first one's; each day is measured by its own.
func Quotas(all []Policy, path string, monday workday.Day) []Quota {
	var out []Quota
	for d := monday; d < monday+7; d++ {
		q := InForce(all, path, d).Quota
		if n := len(out); n > 0 && out[n-1].RuleVersion == q.RuleVersion() {
			out[n-1].To = d
			continue
		}
		out = append(out, Quota{q.RuleVersion(), q.Name, q.Params.Required, q.Params.HalfDayS / 60, q.Params.Split, d, d})
	}
	return out
}

// clock reads "12:30" as milliseconds after midnight.
func clock(s string) (int64, bool) {
	h, m, ok := strings.Cut(s, ":")
	hour, err1 := strconv.Atoi(h)
	minute, err2 := strconv.Atoi(m)
	if !ok || err1 != nil || err2 != nil || len(m) != 2 || hour < 0 || minute < 0 || minute > 59 || hour*60+minute > 24*60 {
		return 0, false
	}
	return int64(hour*60+minute) * 60_000, true
}

// Check is a fault of the kind Invalid when the policy makes no sense.
func (p *Policy) Check() error {
	wrong := map[string]string{}
	if n := utf8.RuneCountInString(strings.TrimSpace(p.Name)); n == 0 || n > 60 {
		wrong["name"] = "请填写名称，最多 60 字"
	}
	if RuleNames()[p.Rule] == "" {
		wrong["rule"] = "没有这种巡查制度"
	}
	if !slices.Contains([]string{"day", "week", "month", "quarter"}, p.Cycle) {
		wrong["cycle"] = "周期应为日、周、月或季"
	} else if p.Cycle != "week" && (p.Cycle != "day" || p.Rule != TwiceDaily) {
		wrong["cycle"] = "这种制度按周计算" // an object has a cycle of its own
	}
	if p.Holiday != Prorate && p.Holiday != Fixed {
		wrong["holiday"] = "节假日应选择折算或不折算"
	}
	if p.ValidTo != nil && *p.ValidTo < p.ValidFrom {
		wrong["valid_to"] = "失效日期早于生效日期"
	}
	if utf8.RuneCountInString(p.Note) > 500 {
		wrong["note"] = "说明太长"
	}
	q := p.Params.Filled()
	if p.Params.Required < 0 || p.Params.Required > 14 {
		wrong["params.required"] = "应在 0 到 14 之间"
	}
	for name, v := range map[string][3]int{
		"half_day_s": {q.HalfDayS, 60, 43200}, "gap_max_s": {q.GapMaxS, 10, 3600}, "gap_background_s": {q.GapBackgroundS, 10, 3600}, "indoor_gap_s": {q.IndoorGapS, 60, 7200},
		"dwell_s": {q.DwellS, 10, 7200}, "twice_s": {q.TwiceS, 60, 43200}, "night_s": {q.NightS, 60, 43200}, "target_pct": {q.TargetPct, 1, 100},
	} {
		if v[0] < v[1] || v[0] > v[2] {
			wrong["params."+name] = fmt.Sprintf("应在 %d 到 %d 之间", v[1], v[2])
		}
	}
	for name, v := range map[string][3]float64{"accuracy_max_m": {q.AccuracyMaxM, 5, 500}, "buffer_m": {q.BufferM, 0, 500}, "indoor_m": {q.IndoorM, 5, 500}, "walk_m": {q.WalkM, 5, 200}, "dwell_m": {q.DwellM, 5, 500}} {
		if !(v[0] >= v[1] && v[0] <= v[2]) {
			wrong["params."+name] = fmt.Sprintf("应在 %g 到 %g 米之间", v[1], v[2])
		}
	}
	if q.Whose != "leader" && q.Whose != "team" {
		wrong["params.whose"] = "应为网格长或全体网格力量"
	}
	for _, purpose := range q.Purposes {
		if !slices.Contains([]string{"patrol", "visit", "emergency", "event_task", "window"}, purpose) {
			wrong["params.purposes"] = "没有这种在岗事由"
		}
	}
	times := make([]int64, 4)
	for i, x := range []struct{ name, v string }{{"from", q.From}, {"split", q.Split}, {"to", q.To}, {"night_from", q.NightFrom}} {
		at, ok := clock(x.v)
		if !ok {
			wrong["params."+x.name] = "请写成 12:30 的样子"
		}
		times[i] = at
	}
	if len(wrong) == 0 && !(times[0] < times[1] && times[1] < times[2]) {
		wrong["params.split"] = "应当在计时时段之内"
	}
	if len(wrong) == 0 {
		return nil
	}
	f := fault.New(fault.Invalid, "巡查制度有误，请检查标出的项目")
	f.Fields = wrong
	return f
}
