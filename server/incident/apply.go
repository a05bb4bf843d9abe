package incident

import (
	"slices"
	"strings"
	"time"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/fault"
)

// Limits of the life; the trade's habits, not law.
const (
	maxReturns   = 2                   // returned so often, a commander decides who handles it
	maxDelays    = 1                   // a limit is put off once
	reopenWithin = 15 * 24 * time.Hour // afterwards it is a new case
	checkWithin  = 200.0               // metres from the case at which a check is on the spot
)

// ArchiveAfter is how long after its end a case is sealed, where the house says nothing else.
const ArchiveAfter = 15 * 24 * time.Hour

// publicSources are those whose reports are verified before they are filed.
var publicSources = []string{"resident", "hotline", "hotline12345", "camera", "wechat", "qq", "walk_in", "alarm"}

// Apply returns the case as it stands after the action, and what happened.
// It touches nothing: no clock, no database, no bus. Errors are faults:
// Denied when by may not act in this part, Conflict when the state does not
// allow it, Invalid when the deed lacks something.
func (inc Incident) Apply(do Action, deed Deed, by access.Principal, with Facts, now time.Time) (Incident, Done, error) {
	s := stepOf(do)
	if s == nil {
		return inc, Done{}, fault.New(fault.Missing, "没有这种操作")
	}
	parts := inc.Capacities(by, with)
	as, ok := actsAs(s, parts)
	if !ok {
		return inc, Done{}, fault.New(fault.Denied, "您的岗位不能对这个事件进行「%s」", s.Name)
	}
	if !slices.Contains(s.From, inc.State) {
		return inc, Done{}, fault.New(fault.Conflict, "事件现在是「%s」，不能%s", inc.State.Name(), s.Name)
	}
	now = now.UTC().Truncate(time.Microsecond)
	done := Done{Action: do, ByName: by.Name, As: as, From: inc.State, Reason: strings.TrimSpace(deed.Reason), Code: deed.Code, Note: strings.TrimSpace(deed.Note)}
	a := act{inc: inc, deed: deed, by: by, as: as, parts: parts, with: with, now: now, done: &done, to: s.To}
	if err := a.decide(do); err != nil {
		return inc, Done{}, err
	}
	next := a.inc
	if a.to != "" && a.to != inc.State {
		next.State, next.StateSince = a.to, now
	}
	next.Version++
	next.UpdatedAt = now
	next.Open = !next.State.Over()
	done.To = next.State
	return next, done, nil
}

// actsAs chooses the part that allows the step: the closest to the case first.
func actsAs(s *step, parts []Capacity) (Capacity, bool) {
	for _, c := range s.By {
		if slices.Contains(parts, c) {
			return c, true
		}
	}
	return "", false
}

// act is one decision under way.
type act struct {
	inc   Incident
	deed  Deed
	by    access.Principal
	as    Capacity
	parts []Capacity
	with  Facts
	now   time.Time
	done  *Done
	to    State
}

// has reports whether the actor may act in any of these parts.
func (a *act) has(any ...Capacity) bool {
	return slices.ContainsFunc(any, func(c Capacity) bool { return slices.Contains(a.parts, c) })
}

func invalid(field, sentence string) error {
	return fault.New(fault.Invalid, "%s", sentence).At(field)
}

func conflict(format string, args ...any) error { return fault.New(fault.Conflict, format, args...) }
func denied(format string, args ...any) error   { return fault.New(fault.Denied, format, args...) }

func (a *act) needReason() error {
	if a.done.Reason == "" {
		return invalid("reason", "请填写理由")
	}
	return nil
}

// tier is the case's tier; a case without one is the community's.
func (inc Incident) tier() int16 {
	if inc.Tier == nil {
		return 2
	}
	return *inc.Tier
}

// highest is the highest tier that the actor may accept and dispatch at.
func (a *act) highest() int16 {
	switch {
	case a.has(AsCommander):
		return 4
	case a.has(AsOperator):
		return 3
	case a.has(AsStation):
		return 2
	}
	return 1
}

func (a *act) decide(do Action) error {
	switch do {
	case RequestVerify:
		if !slices.Contains(publicSources, a.inc.Source) {
			return conflict("%s的事件不需要核实", sources[a.inc.Source])
		}
	case VerifyResult:
		return a.verified()
	case Accept:
		return a.accept()
	case Reject:
		if !slices.Contains(rejectCodes, a.deed.Code) {
			return invalid("code", "请选择不予受理的原因")
		}
		if err := a.needReason(); err != nil {
			return err
		}
		a.inc.PublicReply = a.done.Reason
	case Appeal:
		if a.inc.Appealed {
			return conflict("已经申诉过一次")
		}
		a.inc.Appealed = true
		return a.needReason()
	case Merge:
		return a.merge()
	case Inherit:
		return a.inherit()
	case SelfHandle:
		return a.selfHandle()
	case Dispatch:
		return a.dispatch()
	case ReportUp:
		return a.reportUp()
	case PushDown:
		return a.pushDown()
	case Sign, Return, Refuse, Recall, Reassign, AddAssist, Arrive, Feedback:
		return a.order(do)
	case RequestDelay, DecideDelay, RequestSuspend, DecideSuspend, Suspend, Resume:
		return a.clock(do)
	case AssignCheck, CheckPass, CheckFail:
		return a.check(do)
	case Evaluate, ForceClose, Archive, Reopen, Annul:
		return a.end(do)
	case Urge:
		a.inc.UrgeCount++
	case Supervise:
		if a.deed.Level == "" || !slices.Contains(superviseLevels, a.deed.Level) {
			return invalid("level", "请选择督办等级：黄牌、红牌或挂牌")
		}
		if slices.Index(superviseLevels, a.deed.Level) > slices.Index(superviseLevels, a.inc.Supervise) {
			a.inc.Supervise = a.deed.Level
		}
		a.done.Result = a.deed.Level
		a.done.Note = strings.TrimSpace(a.deed.Requirement)
	case ReplySupervison:
		if a.inc.Supervise == "" {
			return conflict("这个事件没有督办")
		}
		if strings.TrimSpace(a.deed.Reply) == "" {
			return invalid("reply", "请填写督办回复")
		}
		a.done.Note = strings.TrimSpace(a.deed.Reply)
	case Set:
		return a.set()
	}
	return nil
}

// rejectCodes are the reasons for 不予受理; returnCodes those for 退回.
var (
	rejectCodes     = []string{"not_ours", "duplicate", "not_exist", "insufficient_info", "already_done", "other"}
	returnCodes     = []string{"not_my_duty", "wrong_location", "duplicate", "insufficient_info"}
	superviseLevels = []string{"", "yellow", "red", "listed"}
)

// ReturnCodes names the reasons for which an order may be returned.
func ReturnCodes() []string { return returnCodes }

func (a *act) verified() error {
	switch a.deed.Result {
	case "pass", "not_found", "duplicate":
		a.done.Result = a.deed.Result
	default:
		return invalid("result", "请选择核实结果：属实、未发现或重复")
	}
	a.done.Note, a.done.Distance = strings.TrimSpace(a.deed.Text), a.with.Distance
	return nil
}

func (a *act) accept() error {
	tier := a.deed.Tier
	if tier == 0 {
		tier = min(a.inc.tier(), a.highest())
	}
	if tier < 1 || tier > 4 {
		return invalid("tier", "处置级别为一级至四级")
	}
	if tier > a.highest() {
		return denied("您可以受理到%s，更高的请上报", tierName(a.highest()))
	}
	if err := a.classify(); err != nil {
		return err
	}
	a.inc.Tier = &tier
	a.inc.AcceptedAt = &a.now
	if a.inc.FirstAccount == nil && a.by.Account != 0 {
		first := a.by.Account
		a.inc.FirstAccount = &first
	}
	a.own()
	return nil
}

// classify takes over category, urgency, severity and sensitivity where given.
func (a *act) classify() error {
	d := a.deed
	if d.Category != "" {
		a.inc.Category = d.Category
	}
	if d.Urgency != "" {
		if !known(d.Urgency) {
			return invalid("urgency", "没有这种紧急程度")
		}
		a.inc.Urgency = d.Urgency
	}
	if d.Severity != nil {
		switch {
		case *d.Severity == 0:
			a.inc.Severity = nil
		case *d.Severity > 4 || *d.Severity < 0:
			return invalid("severity", "严重程度为Ⅰ至Ⅳ级")
		default:
			level := *d.Severity
			a.inc.Severity = &level
		}
	}
	if d.Sensitivity != "" {
		a.inc.Sensitivity = d.Sensitivity
	}
	return nil
}

// own puts the ball in the court of the tier's organisation: the community up
// to tier 2, the region's command room above.
func (a *act) own() {
	org := a.inc.Org
	if a.inc.tier() > 2 {
		org = a.inc.Region
	}
	a.inc.OwnerOrg, a.inc.OwnerWorker = &org, nil
}

func (a *act) merge() error {
	p := a.with.Parent
	switch {
	case a.deed.Into == nil || p == nil:
		return invalid("into", "请选择并入的事件")
	case p.ID == a.inc.ID:
		return invalid("into", "不能并入自己")
	case p.Region != a.inc.Region:
		return invalid("into", "只能并入同一街道的事件")
	case p.State.Over():
		return conflict("事件 %s 已经%s，不能并入", p.CaseNo, p.State.Name())
	}
	into := p.ID
	a.inc.MergedInto, a.done.Other = &into, &into
	a.done.Note = p.CaseNo
	return nil
}

// inherit gives a merged case the result of the case that it was merged into.
func (a *act) inherit() error {
	p := a.with.Parent
	if p == nil || a.inc.MergedInto == nil || p.ID != *a.inc.MergedInto || p.ClosedAt == nil {
		return conflict("主案还没有结案")
	}
	id := p.ID
	a.done.Other, a.done.Result = &id, p.CloseReason
	a.done.Note = strings.TrimSpace("主案 " + p.CaseNo + " 已结案 " + strings.TrimSpace(a.deed.Text))
	a.inc.PublicReply = a.done.Note
	return nil
}

func (a *act) selfHandle() error {
	if a.inc.tier() > 1 && a.inc.Tier != nil && a.inc.State == Accepted {
		return conflict("%s事件不能自行处置，请上报", tierName(a.inc.tier()))
	}
	if strings.TrimSpace(a.deed.Text) == "" {
		return invalid("text", "请填写处置情况")
	}
	if a.with.PhotoAfter && a.with.AfterPhotos == 0 {
		return invalid("photos", "这类事件需要处置后的照片")
	}
	one := int16(1)
	a.inc.Tier = &one
	if a.inc.AcceptedAt == nil {
		a.inc.AcceptedAt = &a.now
	}
	checked := a.deed.Draw < a.with.CheckShare
	a.inc.SelfHandled, a.inc.CheckedByLot, a.inc.FedBackAt = true, &checked, &a.now
	a.own()
	a.done.Note = strings.TrimSpace(a.deed.Text)
	a.to = FedBack
	if !checked {
		a.to = Closed
		a.inc.ClosedAt, a.inc.CloseReason = &a.now, "self"
	}
	return nil
}

func (a *act) dispatch() error {
	if a.inc.State == Returned && a.inc.ReturnCount >= maxReturns && !a.has(AsCommander) {
		return denied("已经退回 %d 次，请由指挥长指定处置单位", a.inc.ReturnCount)
	}
	if a.inc.tier() > a.highest() {
		return denied("%s事件由%s派遣", tierName(a.inc.tier()), []string{"", "", "村(社区)", "街道值班员", "指挥长"}[a.inc.tier()])
	}
	if a.deed.Lead == nil || a.deed.Lead.Org == 0 && a.deed.Lead.Worker == 0 {
		return invalid("lead", "请选择主办单位或人员")
	}
	a.inc.DispatchedAt = &a.now
	return nil
}

func (a *act) reportUp() error {
	tier := a.inc.tier()
	switch {
	case tier >= 4:
		return conflict("已经是四级事件")
	case a.has(AsCommander), a.has(AsOperator):
	case a.has(AsHead) && tier == 3, a.has(AsStation) && tier == 2, a.has(AsLeader) && tier == 1:
	default:
		return denied("%s事件不由您上报", tierName(tier))
	}
	tier++
	a.inc.Tier = &tier
	a.inc.LeadOrder = nil
	a.own()
	return a.needReason()
}

func (a *act) pushDown() error {
	tier := a.inc.tier()
	switch {
	case tier <= 1:
		return conflict("一级事件不能再下派")
	case a.inc.PushCount > 0:
		return conflict("已经下派过一次")
	case tier > a.highest():
		return denied("%s事件不由您下派", tierName(tier))
	}
	tier--
	a.inc.Tier = &tier
	a.inc.PushCount++
	a.own()
	return a.needReason()
}

// Assisted returns the case after something was done to one of its assisting
// orders: its state stays, its version rises, and the record says what it was.
func (inc Incident) Assisted(do Action, deed Deed, by access.Principal, now time.Time) (Incident, Done, error) {
	if inc.State.Over() || inc.State == Suspended {
		return inc, Done{}, conflict("事件现在是「%s」，不能%s", inc.State.Name(), do.Name())
	}
	done := Done{Action: do, ByName: by.Name, As: AsAssist, From: inc.State, To: inc.State, Reason: strings.TrimSpace(deed.Reason), Code: deed.Code, Note: strings.TrimSpace(deed.Text), Result: deed.Result}
	inc.Version++
	inc.UpdatedAt = now.UTC().Truncate(time.Microsecond)
	return inc, done, nil
}
