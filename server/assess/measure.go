package assess

import "github.com/gridward/gridward/server/metric"

// Unit is what a measure counts: every one of them can be listed.
type Unit string

const (
	Cases   Unit = "case"    // incidents
	Orders  Unit = "order"   // orders to a department
	Ratings Unit = "whistle" // whistles that were rated
	Weeks   Unit = "week"    // weeks of a grid, in half-days
	Objects Unit = "object"  // visit objects that were due
	Visits  Unit = "visit"   // visits
	Items   Unit = "info"    // information items
	Days    Unit = "day"     // days on site, against a target
	Grids   Unit = "grid"    // scores of grids
	Marks   Unit = "mark"    // what inspectors gave
)

// Subject is by which of its properties a case is somebody's.
type Subject string

const (
	OfGrid       Subject = "grid"       // on whose ground it lies
	OfDepartment Subject = "department" // who handles it
	OfReporter   Subject = "reporter"   // who reported it
)

// Measure is a ratio that can be scored: which things it counts, and which of
// them count for it.
type Measure struct {
	Code    string  `json:"code"`
	Name    string  `json:"name"`
	Levels  []Level `json:"levels"`
	Unit    Unit    `json:"unit"`
	Better  int     `json:"better" doc:"1: more is better; -1: less is, and the score is what is left of it"`
	Explain string  `json:"explain"`
	// of cases: by which instant they fall into the period, whose they are, and
	// the bits (metric.Tally) of those below the line and of those above it
	Cohort  metric.Cohort `json:"-"`
	Subject Subject       `json:"-"`
	Under   metric.Part   `json:"-"`
	Over    metric.Part   `json:"-"`
	Tier    int16         `json:"tier,omitempty" doc:"only cases of this tier, whatever the template says"`
}

const notOwed = metric.NotAdmitted | metric.Joined

func part(all, none metric.Tally) metric.Part {
	return metric.Part{All: metric.Counted | all, None: none}
}

// rework and what follows are of closed cases; a default is no evaluation.
func closedOf(code, name string, level Level, of Subject, tier int16) []Measure {
	levels := []Level{level}
	due, over := part(0, notOwed|metric.Deferred), part(metric.Done, notOwed|metric.Deferred)
	onTime := part(metric.Done|metric.DoneOnTime, notOwed|metric.Deferred)
	return []Measure{
		{Code: code + "_on_time", Name: name + "按期办结率", Levels: levels, Unit: Cases, Better: 1, Cohort: metric.ByDue, Subject: of, Under: due, Over: onTime, Tier: tier,
			Explain: "办结时限（含批准的延期）在期内届满的案件中按期结案的；缓办（挂账）、不予受理、并案、作废和演练不计"},
		{Code: code + "_closed", Name: name + "办结率", Levels: levels, Unit: Cases, Better: 1, Cohort: metric.ByDue, Subject: of, Under: due, Over: over, Tier: tier,
			Explain: "办结时限在期内届满的案件中已结案的；缓办、不予受理、并案、作废和演练不计"},
		{Code: code + "_rework", Name: name + "返工率", Levels: levels, Unit: Cases, Better: -1, Cohort: metric.ByClose, Subject: of, Under: part(metric.Done|metric.Checked, 0), Over: part(metric.Done|metric.Checked|metric.Reworked, 0), Tier: tier,
			Explain: "期内结案并经过核查的案件中至少返工一次的；得分为 1－返工率"},
		{Code: code + "_satisfied", Name: name + "群众满意率", Levels: levels, Unit: Cases, Better: 1, Cohort: metric.ByClose, Subject: of, Under: part(metric.Done|metric.Rated, 0), Over: part(metric.Done|metric.Rated, metric.JustSatisfied|metric.Dissatisfied), Tier: tier,
			Explain: "期内结案且有人评价的案件中评为非常满意和满意的；到期默认评价不计"},
	}
}

// measures is the dictionary. What a house does not record is missing, and left out.
var measures = append(append(append([]Measure{
	{Code: "info_complete", Name: "信息完整率", Levels: []Level{Grid}, Unit: Items, Better: 1, Explain: "网格应清底数的信息项（三必清）中已采集的；从未采集信息的街道不计"},
	{Code: "info_timely", Name: "信息及时更新率", Levels: []Level{Grid}, Unit: Items, Better: 1, Explain: "已采集的信息项中在规定周期内更新过的"},
	{Code: "quota", Name: "走访定额达成率", Levels: []Level{Grid}, Unit: Weeks, Better: 1, Explain: "期内各周合格半天数（每周不超过定额）÷ 应完成半天数；免考周不计"},
	{Code: "object_coverage", Name: "重点对象走访率", Levels: []Level{Grid}, Unit: Objects, Better: 1, Explain: "期内到期应走访的重点对象中已走访的"},
	{Code: "visit_validity", Name: "走访真实性", Levels: []Level{Grid}, Unit: Visits, Better: -1, Explain: "期内走访中经人工认定不实（已驳回）的；得分为 1－占比。仅有存疑提示、尚未由人认定的，不影响得分"},
	{Code: "grid_self", Name: "一级自处率", Levels: []Level{Grid}, Unit: Cases, Better: 1, Cohort: metric.ByDue, Subject: OfGrid, Tier: 1,
		Under: part(0, notOwed|metric.Deferred), Over: part(metric.Done, notOwed|metric.Deferred), Explain: "办结时限在期内届满的一级（网格）案件中已结案的；缓办不计"},
}, closedOf("grid", "", Grid, OfGrid, 0)...), append([]Measure{
	{Code: "grids_linked", Name: "挂钩网格均分", Levels: []Level{Guide}, Unit: Grids, Better: 1, Explain: "期内联系满一半时间的执行网格得分的算术平均（直接挂钩）"},
	{Code: "onsite_days", Name: "到岗天数", Levels: []Level{Guide}, Unit: Days, Better: 1, Explain: "期内有在岗会话的天数 ÷ 目标天数；从未使用在岗会话的不计此项"},
	{Code: "reported_closed", Name: "发现问题解决率", Levels: []Level{Guide}, Unit: Cases, Better: 1, Cohort: metric.ByDue, Subject: OfReporter,
		Under: part(0, notOwed|metric.Deferred), Over: part(metric.Done, notOwed|metric.Deferred), Explain: "本人上报、办结时限在期内届满的案件中已结案的；缓办不计"},
	{Code: "grids_mean", Name: "所辖网格均分", Levels: []Level{Community}, Unit: Grids, Better: 1, Explain: "在册满半期的执行网格得分的算术平均"},
	{Code: "sign_rate", Name: "受理率", Levels: []Level{Department}, Unit: Orders, Better: 1, Tier: 3, Explain: "期内应签收的三级主办任务中当天（签收时限内）签收的；已撤回、改派、免办和正当退回的不计"},
	{Code: "wrong_return", Name: "不当退回率", Levels: []Level{Department}, Unit: Orders, Better: -1, Tier: 3, Explain: "期内三级主办任务中被本部门退回、又派回本部门的；得分为 1－不当退回率"},
	{Code: "grid_rating", Name: "网格满意率", Levels: []Level{Department}, Unit: Ratings, Better: 1, Explain: "期内村社区对本部门报到情况的评价中满意以上的（吹哨反向评价）"},
}, closedOf("dept", "", Department, OfDepartment, 3)...)...), Measure{
	Code: "marks", Name: "人工评分", Levels: []Level{Grid, Guide, Community, Department}, Unit: Marks, Better: 1, Explain: "督查人员按百分制给出的分数的平均，每一分都有理由"})

// Measures are the dictionary.
func Measures() []Measure { return measures }

// MeasureByCode finds a measure.
func MeasureByCode(code string) (Measure, bool) {
	for _, m := range measures {
		if m.Code == code {
			return m, true
		}
	}
	return Measure{}, false
}
