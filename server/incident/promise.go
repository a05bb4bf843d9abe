package incident

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/workday"
)

// Stages that have a limit: what is promised to happen next. Case is the
// whole of it; Return is how long an order may be given back; rework is
// handling once more; an SOS has an acceptance of its own.
const (
	StageAccept   = "accept"
	StageVerify   = "verify"
	StageDispatch = "dispatch"
	StageSign     = "sign"
	StageHandle   = "handle"
	StageRework   = "rework"
	StageCheck    = "check"
	StageEvaluate = "evaluate"
	StageCase     = "case"
	StageReturn   = "return"
	StageSOS      = "sos_ack"
)

var stageNames = map[string]string{
	StageAccept: "受理", StageVerify: "核实", StageDispatch: "派遣", StageSign: "签收", StageHandle: "处置", StageRework: "返工", StageCheck: "核查",
	StageEvaluate: "评价", StageCase: "全案", StageReturn: "退回", StageSOS: "求助响应",
}

// StageNames returns the code and Chinese name of every stage.
func StageNames() map[string]string { return stageNames }

// Stage is what is owed in a state, "" when nothing is: a suspended case
// stands still, one that is over is done.
func (s State) Stage() string {
	switch s {
	case Reported:
		return StageAccept
	case Verifying:
		return StageVerify
	case Accepted, Returned:
		return StageDispatch
	case Dispatched:
		return StageSign
	case Handling:
		return StageHandle
	case FedBack, Checking:
		return StageCheck
	case Evaluating:
		return StageEvaluate
	}
	return ""
}

// Rule is a limit and the cases it holds for; what it leaves empty it does not
// ask for. An edit is a new version: running clocks keep the one they began with.
type Rule struct {
	ID        int64         `json:"id"`
	Version   int32         `json:"version"`
	Stage     string        `json:"stage"`
	Tier      *int16        `json:"tier,omitempty"`
	Category  string        `json:"category,omitempty"` // this one and those below it
	Urgency   Urgency       `json:"urgency,omitempty"`
	Source    string        `json:"source,omitempty"`
	Org       *int64        `json:"org,omitempty"` // this one and those below it
	OrgPath   string        `json:"-"`
	OrgName   string        `json:"org_name,omitempty"`
	Limit     workday.Limit `json:"limit"`
	LimitText string        `json:"limit_text"`
	WarnRatio float64       `json:"warn_ratio"`
	Priority  int32         `json:"priority"`
	Note      string        `json:"note,omitempty"`
	ValidFrom time.Time     `json:"valid_from"`
	ValidTo   *time.Time    `json:"valid_to,omitempty"`
}

// Check is a fault of the kind Invalid that names what is wrong with a rule.
func (r Rule) Check() error {
	wrong := map[string]string{}
	if stageNames[r.Stage] == "" {
		wrong["stage"] = "没有这个环节"
	}
	if r.Tier != nil && (*r.Tier < 1 || *r.Tier > 4) {
		wrong["tier"] = "级别应为 1 到 4"
	}
	if r.Urgency != "" && !known(r.Urgency) {
		wrong["urgency"] = "没有这种紧急程度"
	}
	if r.Source != "" && sources[r.Source] == "" {
		wrong["source"] = "没有这种来源"
	}
	if err := r.Limit.Check(); err != nil {
		wrong["limit"], _ = fault.Public(err)
	}
	if !(r.WarnRatio >= 0 && r.WarnRatio < 1) {
		wrong["warn_ratio"] = "提前预警的比例应在 0 与 1 之间"
	}
	if len([]rune(r.Note)) > 200 {
		wrong["note"] = "太长"
	}
	if r.ValidTo != nil && !r.ValidTo.After(r.ValidFrom) {
		wrong["valid_to"] = "失效时间应晚于生效时间"
	}
	if len(wrong) == 0 {
		return nil
	}
	f := fault.New(fault.Invalid, "时限规则有误，请检查标出的项目")
	f.Fields = wrong
	return f
}

// Layers of rules: a rule for a category goes before one for a tier, that
// before one for everything.
const (
	LayerCategory = "category"
	LayerTier     = "tier"
	LayerDefault  = "default"
)

// layer is where a rule stands, 2 to 0.
func (r Rule) layer() (int, string) {
	switch {
	case r.Category != "":
		return 2, LayerCategory
	case r.Tier != nil:
		return 1, LayerTier
	}
	return 0, LayerDefault
}

// Promise is the rule that holds for a stage of a case, as it stood when the
// stage began.
type Promise struct {
	Rule    int64
	Version int32
	Layer   string
	Limit   workday.Limit
	Warn    float64
	Source  string // where it comes from, in words: 占道经营(类别) · 二级 · 规则17
}

// Promised chooses the rule for the first of the stages that has one. The more
// specific rule holds: its layer, then the longer category, then the number of
// conditions, then the nearer organisation; between equals the higher priority,
// then the older rule. names are those of categories.
func Promised(rules []Rule, names map[string]string, inc *Incident, now time.Time, stages ...string) (Promise, bool) {
	for _, stage := range stages {
		var best *Rule
		for i := range rules {
			r := &rules[i]
			if r.Stage == stage && r.holds(inc, now) && (best == nil || r.before(best)) {
				best = r
			}
		}
		if best != nil {
			_, layer := best.layer()
			return Promise{Rule: best.ID, Version: best.Version, Layer: layer, Limit: best.Limit, Warn: best.WarnRatio, Source: best.words(names)}, true
		}
	}
	return Promise{}, false
}

func (r *Rule) holds(inc *Incident, now time.Time) bool {
	return !r.ValidFrom.After(now) && (r.ValidTo == nil || r.ValidTo.After(now)) &&
		(r.Tier == nil || inc.Tier != nil && *r.Tier == *inc.Tier) &&
		(r.Category == "" || r.Category == inc.Category || strings.HasPrefix(inc.Category, r.Category)) &&
		(r.Urgency == "" || r.Urgency == inc.Urgency) &&
		(r.Source == "" || r.Source == inc.Source) &&
		(r.Org == nil || access.Covers(r.OrgPath, inc.OrgPath) || access.Covers(r.OrgPath, inc.OwnerPath))
}

func (r *Rule) before(other *Rule) bool {
	a, _ := r.layer()
	b, _ := other.layer()
	return cmp.Or(b-a, len(other.Category)-len(r.Category), other.conditions()-r.conditions(), len(other.OrgPath)-len(r.OrgPath),
		int(other.Priority)-int(r.Priority), cmp.Compare(r.ID, other.ID)) < 0
}

func (r *Rule) conditions() (n int) {
	for _, asked := range []bool{r.Tier != nil, r.Urgency != "", r.Source != "", r.Org != nil} {
		if asked {
			n++
		}
	}
	return n
}

var tierNames = []string{"", "一级", "二级", "三级", "四级"}

var urgencyNames = map[Urgency]string{Notice: "提示", Normal: "一般", Urgent: "紧急", Critical: "特急"}

func (r *Rule) words(names map[string]string) string {
	var parts []string
	if r.Category != "" {
		name := names[r.Category]
		if name == "" {
			name = r.Category
		}
		parts = append(parts, name+"(类别)")
	}
	if r.Tier != nil {
		parts = append(parts, tierNames[*r.Tier])
	}
	if r.Urgency != "" {
		parts = append(parts, urgencyNames[r.Urgency])
	}
	if r.Source != "" {
		parts = append(parts, sources[r.Source])
	}
	if r.Org != nil {
		parts = append(parts, r.OrgName)
	}
	if len(parts) == 0 {
		parts = append(parts, "默认")
	}
	if r.Stage == StageRework {
		parts = append(parts, stageNames[r.Stage])
	}
	return strings.Join(append(parts, fmt.Sprintf("规则%d", r.ID)), " · ")
}
