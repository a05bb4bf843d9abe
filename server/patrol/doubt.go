package patrol

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/fault"
)

// DoubtAlgorithm is the number of this package's way of looking for doubts. It
// goes up when the same track and policy would give another answer.
const DoubtAlgorithm = 2

// DoubtCode names a signal that a track may be doubtful (存疑).
type DoubtCode string

// The signals. Each is a reason to ask, never a verdict.
const (
	DoubtMock     DoubtCode = "mock"                // the device says that a mock provider made fixes
	DoubtNoGPS    DoubtCode = "never_gps"           // the device never had a position from satellites
	DoubtFrozen   DoubtCode = "zero_jitter"         // the same place to a millionth of a degree, again and again
	DoubtAccuracy DoubtCode = "constant_accuracy"   // one accuracy all day long
	DoubtFast     DoubtCode = "too_fast"            // faster than 20 m/s for a minute, on foot
	DoubtTeleport DoubtCode = "teleport"            // a kilometre within ten seconds, and stayed there
	DoubtReplay   DoubtCode = "same_as_earlier_day" // an earlier day's track at the same relative times
	DoubtPhone    DoubtCode = "shared_phone"        // one phone for several people
	DoubtTwin     DoubtCode = "same_as_other"       // two people's tracks within 5 m for half an hour
	DoubtClock    DoubtCode = "clock_skew"          // the phone's clock is ten minutes off
	DoubtStraight DoubtCode = "straight_constant"   // perfectly straight at perfectly constant speed
	DoubtJitter   DoubtCode = "made_jitter"         // scatter without memory, as a program draws it and no receiver has it
	DoubtPhoto    DoubtCode = "photo_far"           // a visit's photo was taken far from the visit
	DoubtTampered DoubtCode = "tampered_client"     // the app says that it runs on a rooted or hooked phone
)

// DoubtParam is one figure of a rule, for the editor: its name, unit and limits.
type DoubtParam struct {
	Key     string  `json:"key"`
	Name    string  `json:"name"`
	English string  `json:"english"`
	Unit    string  `json:"unit"`
	Default float64 `json:"default"`
	Min     float64 `json:"min"`
	Max     float64 `json:"max"`
}

// DoubtKind is a signal as the dictionary has it.
type DoubtKind struct {
	Code    DoubtCode    `json:"code"`
	Name    string       `json:"name"`
	English string       `json:"english"`
	What    string       `json:"what" doc:"what is looked for, and what may explain it"`
	Points  int          `json:"points" doc:"by default"`
	Params  []DoubtParam `json:"params"`
}

// A stretch can be chance; most of a day cannot: then the signal alone is worth a look.
var (
	mostShare  = DoubtParam{"most_share", "占全天定位点的比例达到", "share of the day's fixes from", "", 0.5, 0.1, 1}
	mostPoints = DoubtParam{"most_points", "达到时计分", "counts then", "分", 60, 0, 100}
)

var doubtKinds = []DoubtKind{
	{DoubtMock, "模拟定位", "Mock location", "设备标记定位由模拟位置功能给出。调试手机、部分投屏或测试软件也会打开这个功能。", 60, []DoubtParam{
		{"min_fixes", "至少定位点数", "at least so many fixes", "个", 1, 1, 1000}}},
	{DoubtReplay, "与往日轨迹重合", "Same as an earlier day", "与以前某一天的轨迹在相同的相对时刻处处重合。真实的行走不会两次都走在同一个米上。", 50, []DoubtParam{
		{"within_m", "重合距离", "within", "米", 5, 1, 20}, {"min_s", "至少持续", "for at least", "秒", 1200, 300, 14400}, {"min_moved_m", "其间至少移动", "moving at least", "米", 500, 100, 5000},
		{"share", "重合定位点比例", "share of fixes within", "", 0.98, 0.8, 1}, {"median_m", "距离中位数不超过", "median distance at most", "米", 1.8, 0.1, 10}, {"days", "回看天数", "days looked back", "天", 30, 1, 60}, mostShare, mostPoints}},
	{DoubtTeleport, "瞬间移动", "Teleport", "10 秒内移动超过 1 公里，并停在新的地方。单个漂移点不算。", 40, []DoubtParam{
		{"min_m", "距离超过", "farther than", "米", 1000, 200, 20000}, {"max_s", "时间少于", "in less than", "秒", 10, 1, 60}, {"settled", "两侧各有连续定位点", "fixes on either side", "个", 3, 1, 20}}},
	{DoubtTwin, "与他人轨迹重合", "Same as another person", "与另一人的轨迹长时间处处重合。结伴走访、同车执行任务都会如此，有登记的不计分。", 40, []DoubtParam{
		{"within_m", "重合距离", "within", "米", 5, 1, 20}, {"min_s", "至少持续", "for at least", "秒", 1800, 300, 14400}, {"min_moved_m", "其间至少移动", "moving at least", "米", 300, 0, 5000},
		{"share", "重合定位点比例", "share of fixes within", "", 0.95, 0.7, 1}}},
	{DoubtFrozen, "定位点不抖动", "No jitter", "连续多个定位点完全相同。真实的卫星定位静止时也会轻微抖动；个别手机静止时会锁定位置。", 30, []DoubtParam{
		{"min_fixes", "连续相同", "identical in a row", "个", 20, 5, 1000}, {"min_s", "至少持续", "for at least", "秒", 60, 0, 7200}}},
	{DoubtPhone, "一机多人", "One phone for several people", "同一部手机在同一天为多名人员上报定位。换人登录、借用手机也会如此。", 30, []DoubtParam{
		{"min_s", "每人至少使用", "each for at least", "秒", 600, 0, 14400}}},
	{DoubtStraight, "匀速直线", "Straight at constant speed", "一段轨迹笔直且速度不变。真实的行走做不到。", 20, []DoubtParam{
		{"min_fixes", "连续定位点", "fixes in a row", "个", 20, 5, 500}, {"min_s", "至少持续", "for at least", "秒", 90, 10, 3600}, {"max_off_m", "偏离直线不超过", "off the line at most", "米", 0.5, 0.1, 5},
		{"max_cv", "速度离散系数不超过", "variation of speed at most", "", 0.01, 0.001, 0.2}, {"max_ms", "速度不超过", "not faster than", "米/秒", 8, 1, 40}, mostShare, mostPoints}},
	{DoubtJitter, "抖动像程序生成", "Jitter of a program", "停留时相邻定位点的偏差毫无关联。真实的卫星定位误差是慢慢漂移的；个别手机芯片可能例外。", 20, []DoubtParam{
		{"min_fixes", "连续定位点", "fixes in a row", "个", 120, 60, 1000}, {"within_m", "停留范围", "within", "米", 40, 10, 100}, {"max_r", "相邻偏差的相关系数不超过", "correlation of neighbours at most", "", 0.25, 0.05, 0.5}, mostShare, mostPoints}},
	{DoubtPhoto, "照片位置不符", "Photo taken elsewhere", "走访照片的拍摄位置离走访地点超过 300 米。补传、转发的照片也会如此。", 20, []DoubtParam{
		{"min_m", "距离超过", "farther than", "米", 300, 50, 5000}}},
	{DoubtTampered, "客户端环境异常", "Rooted or hooked phone", "上报程序发现手机已被 root 或有注入框架。", 20, []DoubtParam{
		{"min_fixes", "至少定位点数", "at least so many fixes", "个", 1, 1, 1000}}},
	{DoubtFast, "步行超速", "Too fast on foot", "步行巡查时持续一分钟以上快于 20 米/秒。乘车前往也会如此。", 15, []DoubtParam{
		{"min_ms", "速度超过", "faster than", "米/秒", 20, 5, 60}, {"min_s", "至少持续", "for at least", "秒", 60, 10, 3600}}},
	{DoubtNoGPS, "从无卫星定位", "Never GPS", "全天没有一次卫星定位，只有基站或无线网络定位。全天在室内也会如此。", 10, []DoubtParam{
		{"min_fixes", "至少定位点数", "at least so many fixes", "个", 50, 10, 5000}}},
	{DoubtAccuracy, "精度数值不变", "Constant accuracy", "全天精度数值完全相同。个别手机型号固定上报一个精度。", 10, []DoubtParam{
		{"min_fixes", "至少定位点数", "at least so many fixes", "个", 100, 20, 5000}}},
	{DoubtClock, "手机时间偏差", "Clock skew", "手机时间与服务器相差超过 10 分钟，且一直如此。", 10, []DoubtParam{
		{"min_s", "偏差超过", "more than", "秒", 600, 60, 86400}, {"min_batches", "至少上传次数", "uploads", "次", 5, 1, 500}, {"spread_s", "偏差波动不超过", "steady within", "秒", 120, 10, 1800}}},
}

// DoubtKinds is the dictionary of the signals, the heaviest first.
func DoubtKinds() []DoubtKind { return doubtKinds }

func doubtKind(code DoubtCode) *DoubtKind {
	for i := range doubtKinds {
		if doubtKinds[i].Code == code {
			return &doubtKinds[i]
		}
	}
	return nil
}

// Name is the signal's Chinese word.
func (c DoubtCode) Name() string {
	if k := doubtKind(c); k != nil {
		return k.Name
	}
	return string(c)
}

// DoubtRule is what one signal counts and from when on.
type DoubtRule struct {
	Code   DoubtCode          `json:"code"`
	Off    bool               `json:"off,omitempty" doc:"not looked for"`
	Points int                `json:"points"`
	Params map[string]float64 `json:"params,omitempty" doc:"what is not said is the default"`
}

// DoubtPolicy says which signals are looked for, what they count, and how long
// people have to answer. Editing makes a version; a doubt keeps the number of
// the one that it came from.
type DoubtPolicy struct {
	Version     int         `json:"version" doc:"0 = the default, nobody has made one"`
	Threshold   int         `json:"threshold" doc:"from this score on somebody looks"`
	ExplainDays int         `json:"explain_days" doc:"the worker may explain for so many days before anything can be confirmed"`
	AppealDays  int         `json:"appeal_days" doc:"and appeal against a decision for so many"`
	Rules       []DoubtRule `json:"rules"`
}

// DefaultDoubtPolicy is the policy where nobody has made one.
func DefaultDoubtPolicy() DoubtPolicy {
	p := DoubtPolicy{Threshold: 60, ExplainDays: 3, AppealDays: 15}
	for i := range doubtKinds {
		p.Rules = append(p.Rules, DoubtRule{Code: doubtKinds[i].Code, Points: doubtKinds[i].Points})
	}
	return p
}

// Rule is the rule for a signal; a signal that the policy does not speak of is not looked for.
func (p *DoubtPolicy) Rule(code DoubtCode) DoubtRule {
	for _, r := range p.Rules {
		if r.Code == code {
			return r
		}
	}
	return DoubtRule{Code: code, Off: true}
}

// of is a figure of the rule, or its default.
func (r DoubtRule) of(key string) float64 {
	if v, ok := r.Params[key]; ok {
		return v
	}
	for _, p := range doubtKind(r.Code).Params {
		if p.Key == key {
			return p.Default
		}
	}
	return math.NaN()
}

// worth is what the signal counts when it covers so much of the day.
func (r DoubtRule) worth(share float64) int {
	if share >= r.of("most_share") {
		return max(r.Points, int(r.of("most_points")))
	}
	return r.Points
}

func (r DoubtRule) ms(key string) int64 { return int64(r.of(key) * 1000) }

// RuleVersion names the algorithm and the policy that a doubt came from.
func (p *DoubtPolicy) RuleVersion() string { return fmt.Sprintf("d%d.v%d", DoubtAlgorithm, p.Version) }

// Check is a fault of the kind Invalid when the policy makes no sense.
func (p *DoubtPolicy) Check() error {
	wrong := map[string]string{}
	between := func(name string, v, low, high float64) {
		if !(v >= low && v <= high) {
			wrong[name] = fmt.Sprintf("应在 %g 到 %g 之间", low, high)
		}
	}
	between("threshold", float64(p.Threshold), 10, 100)
	between("explain_days", float64(p.ExplainDays), 0, 30)
	between("appeal_days", float64(p.AppealDays), 1, 90)
	seen := map[DoubtCode]bool{}
	for _, r := range p.Rules {
		at := "rules." + string(r.Code)
		k := doubtKind(r.Code)
		if k == nil || seen[r.Code] {
			wrong[at] = "没有这种信号，或者重复"
			continue
		}
		seen[r.Code] = true
		between(at+".points", float64(r.Points), 0, 100)
		for key, v := range r.Params {
			i := slices.IndexFunc(k.Params, func(q DoubtParam) bool { return q.Key == key })
			if i < 0 {
				wrong[at+"."+key] = "没有这个参数"
				continue
			}
			between(at+"."+key, v, k.Params[i].Min, k.Params[i].Max)
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	f := fault.New(fault.Invalid, "存疑规则有误，请检查标出的项目")
	f.Fields = wrong
	return f
}

// Evidence is where and when a signal lies, so that it can be seen on a map.
type Evidence struct {
	From  time.Time       `json:"from"`
	To    time.Time       `json:"to"`
	Path  orb.LineString  `json:"path,omitempty" doc:"where; gone once its retention is over"`
	Other *EvidenceBeside `json:"other,omitempty" doc:"what it is compared with"`
}

// EvidenceBeside is the other half of a comparison: an earlier day, or another worker.
type EvidenceBeside struct {
	Day    string         `json:"day"`
	Worker int64          `json:"worker,omitempty" doc:"another person; none = the same"`
	Name   string         `json:"name,omitempty"`
	From   time.Time      `json:"from"`
	To     time.Time      `json:"to"`
	Path   orb.LineString `json:"path,omitempty"`
}

// Signal is one reason to ask, with its evidence. It is no verdict.
type Signal struct {
	Code      DoubtCode          `json:"code"`
	Name      string             `json:"name"`
	Points    int                `json:"points" doc:"what it counts; 0 when it is explained"`
	Text      string             `json:"text" doc:"what was seen, in a sentence with its figures"`
	Mitigated string             `json:"mitigated,omitempty" doc:"why it counts nothing"`
	Why       string             `json:"why,omitempty" doc:"the same as a word of the program: companions, one_order, one_team, one_vehicle, no_satellites"`
	Figures   map[string]float64 `json:"figures,omitempty"`
	Evidence  []Evidence         `json:"evidence"`
}

// DoubtScore adds up the signals: 0 to 100. It says how urgently somebody should look.
func DoubtScore(signals []Signal) int {
	sum := 0
	for i := range signals {
		sum += signals[i].Points
	}
	return min(100, sum)
}

// SortSignals puts the heaviest first.
func SortSignals(signals []Signal) {
	slices.SortStableFunc(signals, func(a, b Signal) int {
		if a.Points != b.Points {
			return b.Points - a.Points
		}
		return slices.IndexFunc(doubtKinds, func(k DoubtKind) bool { return k.Code == a.Code }) - slices.IndexFunc(doubtKinds, func(k DoubtKind) bool { return k.Code == b.Code })
	})
}

// LookBack is how many earlier days a track is compared with.
func (p *DoubtPolicy) LookBack() int { return int(p.Rule(DoubtReplay).days()) }

func (r DoubtRule) days() float64 {
	if r.Off {
		return 0
	}
	return r.of("days")
}
