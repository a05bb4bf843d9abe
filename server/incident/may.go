package incident

import (
	"slices"
	"time"

	"github.com/gridward/gridward/server/access"
)

// Choice is an action that somebody may take now: what a button shows.
type Choice struct {
	Action Action `json:"action"`
	Name   string `json:"name"`
}

// May lists what p may do to the case now, in the order of the table: exactly
// the actions that Apply would not refuse for the state or the part. What the
// deed must carry is not judged here.
func (inc Incident) May(p access.Principal, with Facts, now time.Time) []Choice {
	parts := inc.Capacities(p, with)
	choices := []Choice{}
	for i := range life {
		s := &life[i]
		as, ok := actsAs(s, parts)
		if !ok || s.Order || !slices.Contains(s.From, inc.State) {
			continue
		}
		if inc.wouldRefuse(s.Do, act{inc: inc, by: p, as: as, parts: parts, with: with, now: now}) {
			continue
		}
		choices = append(choices, Choice{s.Do, s.Name})
	}
	return choices
}

// wouldRefuse tells what no deed can change.
func (inc Incident) wouldRefuse(do Action, a act) bool {
	switch do {
	case RequestVerify:
		return !slices.Contains(publicSources, inc.Source)
	case Appeal:
		return inc.Appealed
	case SelfHandle:
		return inc.State == Accepted && inc.tier() > 1
	case Dispatch:
		return inc.State == Returned && inc.ReturnCount >= maxReturns && !a.has(AsCommander) || inc.tier() > a.highest()
	case ReportUp:
		t := inc.tier()
		return t >= 4 || !(a.has(AsCommander, AsOperator) || a.has(AsHead) && t == 3 || a.has(AsStation) && t == 2 || a.has(AsLeader) && t == 1)
	case AddAssist:
		return inc.tier() > a.highest()
	case PushDown:
		return inc.tier() <= 1 || inc.PushCount > 0 || inc.tier() > a.highest()
	case RequestDelay:
		return inc.DelayAsked || inc.DelayCount >= maxDelays || inc.StageDue != nil && a.now.After(*inc.StageDue)
	case DecideDelay:
		return !inc.DelayAsked || inc.tier() > 2 && !a.has(AsCommander)
	case RequestSuspend:
		return inc.SuspendAsked
	case DecideSuspend:
		return !inc.SuspendAsked
	case CheckPass, CheckFail:
		return a.by.Account != 0 && slices.Contains(a.with.Handlers, a.by.Account)
	case Reopen:
		return inc.ClosedAt == nil || a.now.Sub(*inc.ClosedAt) > reopenWithin
	case ReplySupervison:
		return inc.Supervise == ""
	}
	return false
}

// Directs reports whether p may give, recall and move orders of the case at its
// tier: the station up to the second, an operator to the third, a commander all.
func (inc Incident) Directs(p access.Principal) bool {
	a := act{parts: inc.Capacities(p, Facts{})}
	return a.has(AsStation, AsOperator, AsCommander) && inc.tier() <= a.highest()
}
