// Package metric is the dictionary of statistics (指标字典): what every number
// and every ratio is called, which cases it counts and by which of their
// instants, and how it is rounded and compared. It decides and touches nothing.
//
// A case counts for something or not: one bit for each (Tally), which the
// database keeps beside the case. A number of a period is how many cases of a
// cohort have the bits it asks for; the cases behind the number are those.
//
// 网格在线率 is not here: it is a number of this moment and of no period. The
// overview has it.
package metric

// Cohort is by which of its instants a case falls into a period.
type Cohort string

const (
	ByReport Cohort = "reported" // reported in the period
	ByHandle Cohort = "handle"   // the handler's limit ends in the period
	ByDue    Cohort = "due"      // the limit of the case, extended or not, ends in the period: 应结案
	ByClose  Cohort = "closed"   // closed in the period
)

// Cohorts are all there are.
func Cohorts() []Cohort { return []Cohort{ByReport, ByHandle, ByDue, ByClose} }

// Part is a condition on a case: all of some bits and none of others. Past asks
// that the cohort's instant has gone by.
type Part struct {
	All, None Tally
	Past      bool
}

// Count is a number of the dictionary: the cases of a cohort that fit one of
// its parts. Parts exclude each other, so that no case counts twice.
type Count struct {
	Code, Name string
	Cohort     Cohort
	Parts      []Part
	Explain    string
}

// Rate is a ratio of two counts. Better says which way is good: 1 more, -1 less, 0 neither.
type Rate struct {
	Code, Name  string
	Over, Under string // numerator 分子 and denominator 分母, codes of counts
	Better      int
	Explain     string
}

func one(all, none Tally) []Part { return []Part{{All: Counted | all, None: none}} }

const notOwed = NotAdmitted | Joined // neither need be handled nor closed

// counts is the dictionary of numbers (指标字典). Drills, mere information and
// void cases are in none of them.
var counts = []Count{
	{"reported", "上报数", ByReport, one(0, 0), "期内上报的有效案件：不含作废、演练和仅存档的信息"},
	{"filed", "立案数", ByReport, one(Filed, 0), "期内上报的案件中已立案的，含自行处置"},
	{"should_accept", "应受理数", ByReport, one(0, notOwed), "期内上报的案件，不含不予受理和并案"},
	{"accepted", "受理数", ByReport, one(Filed, notOwed), "应受理案件中已受理的"},
	{"accept_timed", "有受理时限数", ByReport, one(FiledTimed, notOwed), "已受理且有受理时限的案件"},
	{"accepted_on_time", "按时立案数", ByReport, one(FiledTimed|FiledOnTime, notOwed), "在受理时限内立案的"},
	{"accept_known", "计受理时长数", ByReport, one(Filed|AcceptKnown, notOwed), "已受理且记有受理时长的案件；未单独受理即自行处置的不计"},
	{"rejected", "不予受理数", ByReport, one(NotAdmitted, 0), "期内上报的案件中不予受理的"},
	{"merged", "并案数", ByReport, one(Joined, 0), "期内上报的案件中并入其他案件的"},
	{"dispatched", "派遣数", ByReport, one(Sent, 0), "期内上报的案件中派遣过的"},
	{"accurate", "准确派遣数", ByReport, one(Sent, SentBack), "派遣后从未退回的"},
	{"returned", "退回数", ByReport, one(Sent|SentBack, 0), "派遣后退回过的，一案只计一次"},
	{"self_handled", "自行处置数", ByReport, one(SelfHandled, 0), "一级(网格)自行处置的"},
	{"extended", "延期数", ByReport, one(Extended, 0), "期内上报的案件中批准过延期的"},
	{"supervised", "督办数", ByReport, one(Supervised, 0), "期内上报的案件中督办的"},
	{"again", "重办数", ByReport, one(Again, 0), "期内由已结案件重新立案的"},

	{"should_handle", "应处置数", ByHandle, one(0, notOwed), "处置时限在期内届满的案件"},
	{"handled", "处置数", ByHandle, one(Handled, notOwed), "应处置案件中已反馈的"},
	{"handled_on_time", "按期处置数", ByHandle, one(Handled|HandledOnTime, notOwed), "应处置案件中在时限内反馈的"},

	{"should_close", "应结案数", ByDue, one(0, notOwed), "办结时限(含批准的延期)在期内届满的案件"},
	{"deferred", "缓办数", ByDue, one(Deferred, notOwed), "应结案案件中挂账的"},
	{"should_close_net", "应结案数－缓办数", ByDue, one(0, notOwed|Deferred), "应结案案件扣除挂账的"},
	{"closed_of_due", "结案数(应结案中)", ByDue, one(Done, notOwed|Deferred), "应结案案件中已结案的"},
	{"closed_on_time", "按期结案数", ByDue, one(Done|DoneOnTime, notOwed|Deferred), "应结案案件中在时限内结案的"},
	{"overdue", "超期数", ByDue, []Part{{All: Counted | Done | DoneLate, None: notOwed | Deferred}, {All: Counted, None: notOwed | Deferred | Done, Past: true}}, "超过时限才结案的，和时限已过尚未结案的"},

	{"closed", "结案数", ByClose, one(Done, 0), "期内结案的案件"},
	{"forced", "强制结案数", ByClose, one(Done|Forced, 0), "期内强制结案的"},
	{"checked", "进入核查数", ByClose, one(Done|Checked, 0), "期内结案的案件中经过核查的"},
	{"reworked", "返工数", ByClose, one(Done|Checked|Reworked, 0), "经过核查的案件中至少返工一次的"},
	{"closed_grid", "网格内化解数", ByClose, one(Done|TierOne, 0), "期内结案的一级案件"},
	{"closed_community", "社区内化解数", ByClose, []Part{{All: Counted | Done | TierOne}, {All: Counted | Done | TierTwo}}, "期内结案的一级和二级案件"},
	{"rated", "有效评价数", ByClose, one(Done|Rated, 0), "期内结案且有人评价的；到期默认评价不计"},
	{"very_satisfied", "非常满意数", ByClose, one(Done|VerySatisfied, 0), "评价为非常满意的"},
	{"satisfied", "满意数", ByClose, []Part{{All: Counted | Done | VerySatisfied}, {All: Counted | Done | Satisfied}}, "评价为非常满意和满意的"},
	{"well_rated", "好评数", ByClose, []Part{{All: Counted | Done | VerySatisfied}, {All: Counted | Done | Satisfied}, {All: Counted | Done | JustSatisfied}}, "好差评前三档：非常满意、满意、基本满意"},
	{"ill_rated", "差评数", ByClose, one(Done|Dissatisfied, 0), "不满意和非常不满意"},
	{"bad_fixed", "差评整改数", ByClose, one(Done|Dissatisfied|SetRight, 0), "差评案件中重新立案的，或督办已回复的（本系统口径，无国家标准）"},
	{"handle_known", "计处置时长数", ByClose, one(Done|Handled|HandleKnown, 0), "期内结案、已反馈且记有处置时长的案件"},
}

// rates is the dictionary of ratios, each over two of the counts.
var rates = []Rate{
	{"filing_rate", "立案率", "filed", "reported", 1, "立案数 ÷ 上报数"},
	{"accept_rate", "受理率", "accepted", "should_accept", 1, "受理数 ÷ 应受理数"},
	{"accept_on_time_rate", "按时立案率", "accepted_on_time", "accept_timed", 1, "按时立案数 ÷ 有受理时限的立案数"},
	{"accurate_rate", "准确派遣率", "accurate", "dispatched", 1, "从未退回 ÷ 派遣数"},
	{"return_rate", "退回率", "returned", "dispatched", -1, "退回数 ÷ 派遣数"},
	{"self_rate", "自处率", "self_handled", "reported", 1, "一级自行处置数 ÷ 上报数"},
	{"handle_rate", "处置率", "handled", "should_handle", 1, "处置数 ÷ 应处置数"},
	{"handle_on_time_rate", "按期处置率", "handled_on_time", "should_handle", 1, "按期处置数 ÷ 应处置数"},
	{"close_rate", "结案率", "closed_of_due", "should_close_net", 1, "结案数 ÷（应结案数 － 缓办数）"},
	{"close_on_time_rate", "按期结案率", "closed_on_time", "should_close_net", 1, "按期结案数 ÷（应结案数 － 缓办数）"},
	{"overdue_rate", "超期率", "overdue", "should_close_net", -1, "超期数 ÷（应结案数 － 缓办数）"},
	{"defer_rate", "挂账率", "deferred", "should_close", -1, "缓办数 ÷ 应结案数"},
	{"rework_rate", "返工率", "reworked", "checked", -1, "返工数 ÷ 进入核查数"},
	{"grid_rate", "网格内化解率", "closed_grid", "closed", 0, "一级结案数 ÷ 结案数"},
	{"community_rate", "社区内化解率", "closed_community", "closed", 0, "一级和二级结案数 ÷ 结案数"},
	{"satisfied_rate", "回访满意率", "satisfied", "rated", 1, "（非常满意 ＋ 满意）÷ 有效评价数"},
	{"very_satisfied_rate", "非常满意率", "very_satisfied", "rated", 1, "非常满意 ÷ 有效评价数"},
	{"well_rated_rate", "好评率", "well_rated", "rated", 1, "好差评前三档 ÷ 有效评价数"},
	{"rated_rate", "参评率", "rated", "closed", 1, "有效评价数 ÷ 结案数"},
	{"bad_fixed_rate", "差评整改率", "bad_fixed", "ill_rated", 1, "差评案件中重新立案或督办已回复的 ÷ 差评数（本系统口径，无国家标准）"},
}

// durations is the dictionary of durations, each over the cases of a count.
var durations = []Duration{
	{"accept_mean", "平均受理时长", "accept_known", Acceptance, false, "上报至受理的工作时间，按经办单位的工作日历计；时长合计 ÷ 案件数"},
	{"handle_mean", "平均处置时长", "handle_known", Handling, false, "签收至反馈的工作时间，按处置单位的工作日历计：扣除挂账和核查，返工累计；自行处置的自受理（未单独受理的自上报）起计。时长合计 ÷ 案件数"},
	{"handle_p90", "处置时长 P90", "handle_known", Handling, true, "九成案件的处置时长不超过此数"},
}

// Counts and Rates are the dictionary.
func Counts() []Count { return counts }

// Rates is the dictionary's ratios.
func Rates() []Rate { return rates }

// Durations is the dictionary's durations.
func Durations() []Duration { return durations }

// CountByCode finds a number in the dictionary.
func CountByCode(code string) (Count, bool) {
	for _, c := range counts {
		if c.Code == code {
			return c, true
		}
	}
	return Count{}, false
}

// Asked are the bits that a cohort's counts ask for: cases that differ in other
// bits alone are alike.
func Asked(c Cohort) (bits Tally) {
	for _, k := range counts {
		if k.Cohort == c {
			for _, p := range k.Parts {
				bits |= p.All | p.None
			}
		}
	}
	return bits
}

// Alike is how many cases of a cohort have the same bits.
type Alike struct {
	Tally Tally
	Past  bool
	N     int64
}

// Fits reports whether cases with these bits fit the part.
func (p Part) Fits(a Alike) bool {
	return a.Tally&(p.All|p.None) == p.All && (!p.Past || a.Past)
}

// Of counts the cases.
func (c Count) Of(cases []Alike) (n int64) {
	for _, a := range cases {
		for _, p := range c.Parts {
			if p.Fits(a) {
				n += a.N
				break
			}
		}
	}
	return n
}

// Ratio is a rate as two whole numbers; comparing and ranking use these. Value
// is for showing only: per cent, two decimals, rounded half up, and nil ("—")
// when there is nothing to divide by.
type Ratio struct {
	N     int64    `json:"n"`
	D     int64    `json:"d"`
	Value *float64 `json:"value"`
}

// NewRatio makes a ratio and its value.
func NewRatio(n, d int64) Ratio {
	r := Ratio{N: n, D: d}
	if d == 0 {
		return r
	}
	sign := int64(1)
	if n < 0 != (d < 0) {
		sign = -1
	}
	top, bottom := magnitude(n), magnitude(d)
	value := float64(sign*((top*20_000+bottom)/(2*bottom))) / 100
	r.Value = &value
	return r
}

// Change is how much a number rose or fell against an earlier one (同比, 环比).
func Change(now, before int64) Ratio { return NewRatio(now-before, before) }

func magnitude(n int64) int64 {
	if n < 0 {
		return -n
	}
	return n
}

// Stretch is a part of a life whose length is kept with the case, in working minutes.
type Stretch string

const (
	Acceptance Stretch = "accept" // 受理
	Handling   Stretch = "handle" // 处置
)

// Duration is how long a stretch takes in the cases of a count: in the mean,
// or as many minutes as nine in ten of them do not exceed.
type Duration struct {
	Code, Name string
	Cases      string // code of the count whose cases it is of
	Stretch    Stretch
	P90        bool
	Explain    string
}

// Minutes is a duration: N over D cases, where N is all their minutes, or, of a
// P90, its own. Value is whole working minutes, rounded half up, for showing
// only, and nil ("—") when there are no cases.
type Minutes struct {
	N     int64  `json:"n"`
	D     int64  `json:"d"`
	Value *int64 `json:"value"`
}

// Lengths are the lengths of a stretch in some cases, as the database counts them.
type Lengths struct{ Cases, Sum, P90 int64 }

// Of is the duration in those cases.
func (d Duration) Of(l Lengths) Minutes {
	if l.Cases == 0 {
		return Minutes{}
	}
	m, value := Minutes{N: l.Sum, D: l.Cases}, (2*l.Sum+l.Cases)/(2*l.Cases)
	if d.P90 {
		m.N, value = l.P90, l.P90
	}
	m.Value = &value
	return m
}

// TierName is what a handling tier is called.
func TierName(tier int16) string {
	switch tier {
	case 1:
		return "一级(网格)"
	case 2:
		return "二级(村社区)"
	case 3:
		return "三级(街道部门)"
	case 4:
		return "四级(区级统筹)"
	}
	return "未定级"
}
