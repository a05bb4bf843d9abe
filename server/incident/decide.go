package incident

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// order is what the case does when its lead order moves.
func (a *act) order(do Action) error {
	switch do {
	case Sign:
		a.inc.SignedAt = &a.now
	case Return, Refuse:
		if do == Return && !slices.Contains(returnCodes, a.deed.Code) {
			return invalid("code", "请选择退回原因")
		}
		if do == Return && a.with.ReturnUntil != nil && a.now.After(*a.with.ReturnUntil) {
			return conflict("已过退回时限，请联系指挥室改派")
		}
		a.inc.ReturnCount++
		a.inc.LeadOrder = nil
		a.own()
		return a.needReason()
	case Recall:
		if a.inc.tier() > a.highest() {
			return denied("%s事件不由您撤回", tierName(a.inc.tier()))
		}
		a.inc.LeadOrder = nil
		a.own()
		return a.needReason()
	case Reassign:
		if a.inc.tier() > a.highest() {
			return denied("%s事件不由您改派", tierName(a.inc.tier()))
		}
		if a.deed.Lead == nil || a.deed.Lead.Org == 0 && a.deed.Lead.Worker == 0 {
			return invalid("lead", "请选择改派给谁")
		}
		a.inc.DispatchedAt = &a.now
		return a.needReason()
	case AddAssist:
		if a.inc.tier() > a.highest() {
			return denied("%s事件不由您派遣", tierName(a.inc.tier()))
		}
		if len(a.deed.Assist) == 0 {
			return invalid("assist", "请选择协办单位")
		}
	case Feedback:
		if err := a.deed.checkFeedback(a.with); err != nil {
			return err
		}
		if a.with.OpenAssists > 0 {
			return conflict("还有 %d 个协办任务没有反馈，请等待或由派遣人免办", a.with.OpenAssists)
		}
		a.inc.FedBackAt = &a.now
		a.done.Result, a.done.Note = a.deed.Result, strings.TrimSpace(a.deed.Text)
		a.own()
	}
	return nil
}

// checkFeedback says what a feedback lacks.
func (d Deed) checkFeedback(with Facts) error {
	switch {
	case !slices.Contains([]string{"solved", "partly", "cannot", "not_exist"}, d.Result):
		return invalid("result", "请选择处置结果")
	case strings.TrimSpace(d.Text) == "":
		return invalid("text", "请填写处置情况")
	case with.PhotoAfter && with.AfterPhotos == 0 && d.Result == "solved":
		return invalid("photos", "这类事件需要处置后的照片")
	}
	return nil
}

// CheckFeedback says what the feedback of an assisting order lacks.
func (d Deed) CheckFeedback() error { return d.checkFeedback(Facts{}) }

// clock is what stops, moves or restarts the clocks.
func (a *act) clock(do Action) error {
	switch do {
	case RequestDelay:
		switch {
		case a.inc.DelayAsked:
			return conflict("延期申请正在审批")
		case a.inc.DelayCount >= maxDelays:
			return conflict("已经延期过一次")
		case a.inc.StageDue != nil && a.now.After(*a.inc.StageDue):
			return conflict("已经逾期，不能再申请延期")
		case a.deed.Days < 1:
			return invalid("days", "请填写延期的工作日数")
		case a.with.MaxDelay > 0 && a.deed.Days > a.with.MaxDelay:
			return invalid("days", fmt.Sprintf("延期不超过原时限 %d 个工作日", a.with.MaxDelay))
		}
		a.inc.DelayAsked = true
		return a.needReason()
	case DecideDelay:
		if !a.inc.DelayAsked {
			return conflict("没有待审批的延期申请")
		}
		if a.inc.tier() > 2 && !a.has(AsCommander) {
			return denied("%s事件的延期由指挥长审批", tierName(a.inc.tier()))
		}
		a.inc.DelayAsked = false
		a.done.Result = verdict(a.deed.Approve)
		if a.deed.Approve {
			a.inc.DelayCount++
		}
	case RequestSuspend, Suspend:
		if a.inc.SuspendAsked && do == RequestSuspend {
			return conflict("挂账申请正在审批")
		}
		if a.deed.ReviewAt == nil || !a.deed.ReviewAt.After(a.now) {
			return invalid("review_at", "请填写将来的复核日期")
		}
		if err := a.needReason(); err != nil {
			return err
		}
		review := a.deed.ReviewAt.UTC().Truncate(time.Microsecond)
		a.inc.ReviewAt = &review
		if do == RequestSuspend {
			a.inc.SuspendAsked = true
			return nil
		}
		a.stop()
	case DecideSuspend:
		if !a.inc.SuspendAsked {
			return conflict("没有待审批的挂账申请")
		}
		a.inc.SuspendAsked = false
		a.done.Result = verdict(a.deed.Approve)
		if !a.deed.Approve {
			a.inc.ReviewAt = nil
			return nil
		}
		a.to = Suspended
		a.stop()
	case Resume:
		a.inc.SuspendedAt, a.inc.ReviewAt = nil, nil
	}
	return nil
}

func (a *act) stop() { a.inc.SuspendedAt, a.inc.SuspendAsked, a.inc.DelayAsked = &a.now, false, false }

func verdict(yes bool) string {
	if yes {
		return "approved"
	}
	return "refused"
}

func (a *act) check(do Action) error {
	if do == AssignCheck {
		return nil
	}
	if a.by.Account != 0 && slices.Contains(a.with.Handlers, a.by.Account) {
		return denied("处置人不能核查自己处置的事件")
	}
	a.done.Distance = a.with.Distance
	if do == CheckFail {
		a.inc.ReworkCount++
		a.inc.FedBackAt = nil
		return a.needReason()
	}
	a.done.Note = strings.TrimSpace(a.deed.Text)
	if d := a.with.Distance; d != nil && *d > checkWithin && a.done.Note == "" {
		return invalid("text", fmt.Sprintf("核查位置离事件 %.0f 米，请说明", *d))
	}
	a.inc.CheckedAt = &a.now
	return nil
}

func (a *act) end(do Action) error {
	switch do {
	case Evaluate:
		a.inc.ClosedAt = &a.now
		if a.as == AsClock {
			a.inc.CloseReason = "default"
			return nil
		}
		if a.deed.Grade < 1 || a.deed.Grade > 5 {
			return invalid("grade", "请选择评价：非常满意、满意、基本满意、不满意或非常不满意")
		}
		grade := a.deed.Grade
		a.inc.Satisfaction, a.inc.CloseReason = &grade, "evaluated"
		a.done.Note = strings.TrimSpace(a.deed.Text)
	case ForceClose:
		a.inc.ClosedAt, a.inc.CloseReason = &a.now, "forced"
		a.clearAsks()
		return a.needReason()
	case Archive:
		if a.with.Feedbacks == 0 && a.inc.CloseReason != "forced" {
			return conflict("没有处置反馈的事件不能归档")
		}
		if a.inc.ClosedAt == nil || a.now.Before(a.inc.ClosedAt.Add(a.with.ArchiveAfter)) {
			return conflict("结案后未满归档期限，暂不能归档")
		}
		a.inc.ArchivedAt = &a.now
	case Reopen:
		if a.inc.ClosedAt == nil || a.now.Sub(*a.inc.ClosedAt) > reopenWithin {
			return conflict("结案超过十五日，请按新事件上报")
		}
		return a.needReason()
	case Annul:
		a.clearAsks()
		return a.needReason()
	}
	return nil
}

func (a *act) clearAsks() { a.inc.SuspendAsked, a.inc.DelayAsked = false, false }

func (a *act) set() error {
	before := a.inc
	if err := a.classify(); err != nil {
		return err
	}
	var was []string
	if before.Category != a.inc.Category {
		was = append(was, "类别 "+before.Category)
	}
	if before.Urgency != a.inc.Urgency {
		was = append(was, "紧急程度 "+string(before.Urgency))
	}
	if before.Sensitivity != a.inc.Sensitivity {
		was = append(was, "敏感程度 "+before.Sensitivity)
	}
	if !same(before.Severity, a.inc.Severity) {
		was = append(was, "严重程度")
	}
	if len(was) == 0 {
		return invalid("category", "没有要更正的内容")
	}
	a.done.Was = strings.Join(was, "，")
	return a.needReason()
}

func same(a, b *int16) bool { return a == nil && b == nil || a != nil && b != nil && *a == *b }

// tierName is the Chinese word for a tier.
func tierName(t int16) string {
	if t < 1 || t > 4 {
		return "未定级"
	}
	return []string{"一级", "二级", "三级", "四级"}[t-1]
}
