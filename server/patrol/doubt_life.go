package patrol

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/fault"
)

// DoubtState is how far a doubt has come.
type DoubtState string

// The states.
const (
	DoubtRaised    DoubtState = "raised"    // 待核实: nobody has said anything yet
	DoubtExplained DoubtState = "explained" // 已说明: the worker has
	DoubtDecided   DoubtState = "decided"   // 已认定: somebody has decided; the worker may appeal
	DoubtAppealed  DoubtState = "appealed"  // 申诉中: somebody else looks again
	DoubtClosed    DoubtState = "closed"    // 已办结
	DoubtWithdrawn DoubtState = "withdrawn" // 已撤回: later data have removed the reason
)

// DoubtVerdict is what a person decided.
type DoubtVerdict string

// The verdicts. None of them is a penalty, and none changes a figure by itself.
const (
	DoubtCleared   DoubtVerdict = "cleared"    // 排除存疑
	DoubtConfirmed DoubtVerdict = "confirmed"  // 存疑属实
	DoubtNeedsTalk DoubtVerdict = "needs_talk" // 需当面了解
)

// Name is the verdict's Chinese word.
func (v DoubtVerdict) Name() string {
	return map[DoubtVerdict]string{DoubtCleared: "排除存疑", DoubtConfirmed: "存疑属实", DoubtNeedsTalk: "需当面了解"}[v]
}

// DoubtAct is what can be done about a doubt.
type DoubtAct string

// The acts. The last four are the system's own.
const (
	ActExplain  DoubtAct = "explain"
	ActDecide   DoubtAct = "decide"
	ActAppeal   DoubtAct = "appeal"
	ActRaise    DoubtAct = "raise"    // a withdrawn doubt has a reason again
	ActWithdraw DoubtAct = "withdraw" // the score fell below the threshold
	ActRenew    DoubtAct = "renew"    // the signals changed, and still suffice
	ActClose    DoubtAct = "close"    // the time for an appeal is over
)

// Doubt is one worker's doubtful day (存疑轨迹): the score is advice, a person decides.
type Doubt struct {
	State        DoubtState
	Verdict      DoubtVerdict
	Worker       int64
	Appealed     bool  // an appeal was made, once
	FirstBy      int64 // who decided first
	ExplainUntil time.Time
	AppealUntil  *time.Time
}

// doubtMoves is the whole life of a doubt: which act is possible in which
// state. Guards that look at the person or the clock are in Move.
var doubtMoves = []struct {
	Act  DoubtAct
	From []DoubtState
}{
	{ActExplain, []DoubtState{DoubtRaised, DoubtExplained, DoubtDecided, DoubtAppealed}},
	{ActDecide, []DoubtState{DoubtRaised, DoubtExplained, DoubtDecided, DoubtAppealed}},
	{ActAppeal, []DoubtState{DoubtDecided}},
	{ActRaise, []DoubtState{DoubtWithdrawn}},
	{ActWithdraw, []DoubtState{DoubtRaised, DoubtExplained}},
	{ActRenew, []DoubtState{DoubtRaised, DoubtExplained}},
	{ActClose, []DoubtState{DoubtDecided}},
}

// DoubtMove is an act with what it carries.
type DoubtMove struct {
	Act     DoubtAct
	Verdict DoubtVerdict // of ActDecide
	Text    string       // what was said; the reason of a decision
}

// Decides reports whether the doubt still waits for somebody's decision.
func (d Doubt) Decides() bool {
	return d.State == DoubtRaised || d.State == DoubtExplained || d.State == DoubtAppealed || d.State == DoubtDecided && d.Verdict == DoubtNeedsTalk
}

// Move returns the doubt after the act, or says why it cannot be. by is nobody
// for the system. The caller has checked that the person may see the worker's
// tracks; that it is not the worker himself, nor on appeal the one who decided
// before, is checked here.
func (d Doubt) Move(m DoubtMove, by access.Principal, now time.Time, p DoubtPolicy) (Doubt, error) {
	i := slices.IndexFunc(doubtMoves, func(x struct {
		Act  DoubtAct
		From []DoubtState
	}) bool {
		return x.Act == m.Act
	})
	if i < 0 || !slices.Contains(doubtMoves[i].From, d.State) {
		return d, fault.New(fault.Conflict, "%s", d.refusal(m.Act))
	}
	switch m.Act {
	case ActExplain:
		if by.Worker == 0 || by.Worker != d.Worker {
			return d, fault.New(fault.Denied, "只有本人可以说明")
		}
		if !said(m.Text, 2, 2000) {
			return d, badText("text", "请写下情况说明，2 到 2000 字")
		}
		if d.State == DoubtDecided && d.Verdict != DoubtNeedsTalk {
			return d, fault.New(fault.Conflict, "已有认定结果，不同意请提出申诉")
		}
		if d.State == DoubtRaised {
			d.State = DoubtExplained
		}
	case ActDecide:
		return d.decide(m, by, now, p)
	case ActAppeal:
		if by.Worker == 0 || by.Worker != d.Worker {
			return d, fault.New(fault.Denied, "只有本人可以申诉")
		}
		if d.Appealed {
			return d, fault.New(fault.Conflict, "已经申诉过一次")
		}
		if d.AppealUntil != nil && now.After(*d.AppealUntil) {
			return d, fault.New(fault.Conflict, "申诉期限已过")
		}
		if !said(m.Text, 2, 2000) {
			return d, badText("text", "请写下申诉理由，2 到 2000 字")
		}
		d.State, d.Appealed = DoubtAppealed, true
	case ActRaise:
		d.State, d.ExplainUntil = DoubtRaised, now.AddDate(0, 0, p.ExplainDays)
	case ActWithdraw:
		d.State = DoubtWithdrawn
	case ActClose:
		if d.Verdict == DoubtNeedsTalk || d.AppealUntil == nil || now.Before(*d.AppealUntil) {
			return d, fault.New(fault.Conflict, "还不能办结")
		}
		d.State = DoubtClosed
	}
	return d, nil
}

func (d Doubt) decide(m DoubtMove, by access.Principal, now time.Time, p DoubtPolicy) (Doubt, error) {
	if by.Account == 0 {
		return d, fault.New(fault.Denied, "认定必须由人作出")
	}
	if by.Worker != 0 && by.Worker == d.Worker {
		return d, fault.New(fault.Denied, "不能认定自己的存疑轨迹")
	}
	if m.Verdict.Name() == "" {
		return d, badText("verdict", "请选择认定结果")
	}
	if !said(m.Text, 2, 2000) {
		return d, badText("reason", "请写明认定理由，2 到 2000 字")
	}
	switch d.State {
	case DoubtDecided:
		if d.Verdict != DoubtNeedsTalk {
			return d, fault.New(fault.Conflict, "已有认定结果；本人申诉后由另一位人员复核")
		}
		if m.Verdict == DoubtNeedsTalk {
			return d, fault.New(fault.Conflict, "已经在当面了解，请给出结果")
		}
	case DoubtAppealed:
		if by.Account == d.FirstBy {
			return d, fault.New(fault.Denied, "申诉须由另一位人员复核")
		}
		if m.Verdict == DoubtNeedsTalk {
			return d, badText("verdict", "复核须给出结果：排除存疑或存疑属实")
		}
		d.State, d.Verdict = DoubtClosed, m.Verdict
		return d, nil
	case DoubtRaised:
		if m.Verdict == DoubtConfirmed && now.Before(d.ExplainUntil) {
			return d, fault.New(fault.Conflict, "本人还没有说明，说明期到 %s；在此之前可以排除存疑或当面了解", d.ExplainUntil.In(time.FixedZone("Asia/Shanghai", 8*3600)).Format("1月2日 15:04"))
		}
	}
	d.Verdict, d.FirstBy = m.Verdict, by.Account
	if m.Verdict == DoubtCleared {
		d.State, d.AppealUntil = DoubtClosed, nil
		return d, nil
	}
	until := now.AddDate(0, 0, p.AppealDays)
	d.State, d.AppealUntil = DoubtDecided, &until
	return d, nil
}

// refusal says why the state does not allow the act.
func (d Doubt) refusal(act DoubtAct) string {
	switch {
	case d.State == DoubtWithdrawn:
		return "这条存疑已撤回"
	case d.State == DoubtClosed:
		return "这条存疑已办结"
	case act == ActAppeal && d.State == DoubtAppealed:
		return "申诉正在复核"
	case act == ActAppeal:
		return "还没有认定结果，可以先作说明"
	}
	return "当前状态不能进行这项操作"
}

// May lists what the person may do to the doubt now.
func (d Doubt) May(by access.Principal, sees bool, now time.Time, p DoubtPolicy) []DoubtAct {
	may := []DoubtAct{}
	for _, m := range []DoubtMove{{Act: ActExplain, Text: "说明"}, {Act: ActAppeal, Text: "申诉"}, {Act: ActDecide, Verdict: DoubtCleared, Text: "认定"}} {
		if m.Act == ActDecide && !sees {
			continue
		}
		if _, err := d.Move(m, by, now, p); err == nil {
			may = append(may, m.Act)
		}
	}
	return may
}

// said reports whether a text of people is long enough and not too long.
func said(s string, least, most int) bool {
	n := utf8.RuneCountInString(strings.TrimSpace(s))
	return n >= least && n <= most
}

func badText(field, sentence string) error {
	return fault.New(fault.Invalid, "%s", sentence).At(field)
}
