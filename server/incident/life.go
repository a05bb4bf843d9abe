package incident

import (
	"slices"

	"github.com/gridward/gridward/server/access"
)

// Action is something that somebody does to a case.
type Action string

// The actions, in the order of a life.
const (
	RequestVerify   Action = "request_verify"    // 下达核实
	VerifyResult    Action = "verify_result"     // 核实
	Accept          Action = "accept"            // 受理
	Reject          Action = "reject"            // 不予受理
	Appeal          Action = "appeal"            // 申诉
	Merge           Action = "merge"             // 并案
	Inherit         Action = "inherit"           // 承接并案结果
	SelfHandle      Action = "self_handle"       // 自行处置
	Dispatch        Action = "dispatch"          // 派遣
	ReportUp        Action = "report_up"         // 上报(升级)
	PushDown        Action = "push_down"         // 下派
	Sign            Action = "sign"              // 签收
	Return          Action = "return"            // 退回
	Refuse          Action = "refuse"            // 拒绝
	Recall          Action = "recall"            // 撤回
	Reassign        Action = "reassign"          // 改派
	AddAssist       Action = "add_assist"        // 增加协办
	Waive           Action = "waive"             // 免办
	Arrive          Action = "arrive"            // 到场
	RequestDelay    Action = "request_delay"     // 申请延期
	DecideDelay     Action = "decide_delay"      // 审批延期
	RequestSuspend  Action = "request_suspend"   // 申请挂账
	DecideSuspend   Action = "decide_suspend"    // 审批挂账
	Suspend         Action = "suspend"           // 挂账
	Resume          Action = "resume"            // 恢复处置
	Feedback        Action = "feedback"          // 反馈
	AssignCheck     Action = "assign_check"      // 下达核查
	CheckPass       Action = "check_pass"        // 核查通过
	CheckFail       Action = "check_fail"        // 返工
	Evaluate        Action = "evaluate"          // 评价
	ForceClose      Action = "force_close"       // 强制结案
	Archive         Action = "archive"           // 归档
	Reopen          Action = "reopen"            // 重新立案
	Annul           Action = "void"              // 作废
	Urge            Action = "urge"              // 催办
	Supervise       Action = "supervise"         // 督办
	ReplySupervison Action = "reply_supervision" // 督办回复
	Set             Action = "set"               // 更正
)

// Capacity is the part in which somebody acts on one case: what a post, an
// order or the report makes of them for this case alone.
type Capacity string

// The capacities.
const (
	AsReporter  Capacity = "reporter"  // reported the case
	AsWorker    Capacity = "worker"    // grid worker of its ground
	AsLeader    Capacity = "leader"    // grid leader of its ground
	AsStation   Capacity = "station"   // the community's station
	AsOperator  Capacity = "operator"  // the command room of its ground
	AsCommander Capacity = "commander" // commander of its ground
	AsHandler   Capacity = "handler"   // the lead order is theirs
	AsHead      Capacity = "head"      // heads the department (or is the station) that the lead order is given to
	AsAssist    Capacity = "assist"    // an assisting order is theirs
	AsChecker   Capacity = "checker"   // was sent to verify or check
	AsClock     Capacity = "clock"     // the program, when a deadline rings
)

// step is one line of the table: who may do what, from where, and where it leads.
// To is empty where the state stays or where the deed decides (see Apply).
type step struct {
	Do     Action
	From   []State
	To     State
	By     []Capacity
	Order  bool   // done to an order: /orders/{id}/…; the case follows when it is the lead order
	Name   string // as the button says
	Remark string // what the table cannot say, for the diagram
}

var (
	rooms    = []Capacity{AsOperator, AsCommander}
	triagers = []Capacity{AsStation, AsOperator, AsCommander}
	living   = []State{Reported, Verifying, Accepted, Dispatched, Returned, Handling, Suspended, FedBack, Checking, Evaluating}
)

// life is the one table that the guard, the API's "what may I do now", the
// buttons, docs/incident-states.md and the property tests read.
// Source: GB/T 30428.8 stages and the trade's practice; see docs/glossary.md.
var life = []step{
	{Do: RequestVerify, From: []State{Reported}, To: Verifying, By: triagers, Name: "下达核实", Remark: "群众、热线、视频来源"},
	{Do: VerifyResult, From: []State{Verifying}, To: Reported, By: []Capacity{AsChecker, AsStation, AsOperator, AsCommander}, Name: "核实结果"},
	{Do: Accept, From: []State{Reported}, To: Accepted, By: []Capacity{AsLeader, AsStation, AsOperator, AsCommander}, Name: "受理", Remark: "网格长受理一级，站受理一、二级"},
	{Do: Reject, From: []State{Reported}, To: Rejected, By: triagers, Name: "不予受理"},
	{Do: Appeal, From: []State{Rejected}, To: Reported, By: []Capacity{AsReporter}, Name: "申诉", Remark: "一次"},
	{Do: Merge, From: []State{Reported, Accepted}, To: Merged, By: triagers, Name: "并案"},
	{Do: Inherit, From: []State{Merged}, By: []Capacity{AsClock}, Name: "承接主案结果", Remark: "主案结案时，并入的事件承接其结果"},
	{Do: SelfHandle, From: []State{Reported, Accepted}, By: []Capacity{AsLeader}, Name: "自行处置", Remark: "一级；抽中核查的进入已反馈，未抽中的直接结案"},
	{Do: Dispatch, From: []State{Accepted, Returned}, To: Dispatched, By: triagers, Name: "派遣", Remark: "两次退回后由指挥长指定"},
	{Do: ReportUp, From: []State{Accepted, Dispatched, Handling}, To: Accepted, By: []Capacity{AsLeader, AsStation, AsHead, AsOperator, AsCommander}, Name: "上报", Remark: "级别加一"},
	{Do: PushDown, From: []State{Accepted}, To: Accepted, By: triagers, Name: "下派", Remark: "级别减一，一次"},
	{Do: Sign, From: []State{Dispatched}, To: Handling, By: []Capacity{AsHandler}, Order: true, Name: "签收"},
	{Do: Return, From: []State{Dispatched}, To: Returned, By: []Capacity{AsHead}, Order: true, Name: "退回"},
	{Do: Refuse, From: []State{Dispatched}, To: Returned, By: []Capacity{AsHandler}, Order: true, Name: "拒绝"},
	{Do: Recall, From: []State{Dispatched, Handling}, To: Accepted, By: triagers, Order: true, Name: "撤回"},
	{Do: Reassign, From: []State{Dispatched, Handling}, To: Dispatched, By: triagers, Order: true, Name: "改派"},
	{Do: AddAssist, From: []State{Dispatched, Handling}, By: triagers, Name: "增加协办"},
	{Do: Arrive, From: []State{Handling}, By: []Capacity{AsHandler}, Order: true, Name: "到场"},
	{Do: RequestDelay, From: []State{Handling}, By: []Capacity{AsHandler}, Name: "申请延期", Remark: "逾期之前，一次"},
	{Do: DecideDelay, From: []State{Handling}, By: []Capacity{AsStation, AsCommander}, Name: "审批延期", Remark: "站审批一、二级"},
	{Do: RequestSuspend, From: []State{Handling}, By: []Capacity{AsHead}, Name: "申请挂账"},
	{Do: DecideSuspend, From: []State{Handling}, By: []Capacity{AsCommander}, Name: "审批挂账", Remark: "同意即挂账"},
	{Do: Suspend, From: []State{Handling}, To: Suspended, By: []Capacity{AsCommander}, Name: "挂账"},
	{Do: Resume, From: []State{Suspended}, To: Handling, By: []Capacity{AsCommander, AsClock}, Name: "恢复处置"},
	{Do: Feedback, From: []State{Handling}, To: FedBack, By: []Capacity{AsHandler}, Order: true, Name: "反馈", Remark: "协办任务都已反馈或免办"},
	{Do: AssignCheck, From: []State{FedBack}, To: Checking, By: triagers, Name: "下达核查"},
	{Do: CheckPass, From: []State{Checking}, To: Evaluating, By: []Capacity{AsChecker, AsStation, AsOperator, AsCommander}, Name: "核查通过", Remark: "核查人不是处置人"},
	{Do: CheckFail, From: []State{Checking}, To: Handling, By: []Capacity{AsChecker, AsStation, AsOperator, AsCommander}, Name: "返工", Remark: "核查人不是处置人"},
	{Do: Evaluate, From: []State{Evaluating}, To: Closed, By: []Capacity{AsReporter, AsLeader, AsStation, AsOperator, AsCommander, AsClock}, Name: "评价", Remark: "到期未评为默认评价，不计入满意率"},
	{Do: ForceClose, From: living, To: Closed, By: []Capacity{AsCommander}, Name: "强制结案"},
	{Do: Archive, From: []State{Closed}, To: Archived, By: []Capacity{AsClock}, Name: "归档", Remark: "结案十五日后"},
	{Do: Reopen, From: []State{Closed, Archived}, By: rooms, Name: "重新立案", Remark: "结案十五日内；生成新的事件，原件不变"},
	{Do: Annul, From: []State{Reported, Accepted}, To: Void, By: []Capacity{AsCommander}, Name: "作废"},
	{Do: Urge, From: living, By: []Capacity{AsStation, AsOperator, AsCommander, AsClock}, Name: "催办"},
	{Do: Supervise, From: living, By: []Capacity{AsCommander, AsClock}, Name: "督办"},
	{Do: ReplySupervison, From: living, By: []Capacity{AsHandler, AsHead, AsStation}, Name: "督办回复"},
	{Do: Set, From: []State{Reported, Verifying, Accepted, Dispatched, Returned, Handling, FedBack, Checking}, By: triagers, Name: "更正"},
}

// orderOnly are done to assisting orders as well, and move no case then.
var orderOnly = []Action{Sign, Return, Refuse, Recall, Reassign, Arrive, Feedback, Waive}

// OrderActions are what can be done to an order.
func OrderActions() []Action { return orderOnly }

// Actions are what can be done to a case as such, by somebody.
func Actions() []Action {
	var all []Action
	for _, s := range life {
		if !s.Order && !slices.Equal(s.By, []Capacity{AsClock}) {
			all = append(all, s.Do)
		}
	}
	return all
}

// Name returns the Chinese word for the action.
func (a Action) Name() string {
	if s := stepOf(a); s != nil {
		return s.Name
	}
	switch a { // what stands in no table
	case Waive:
		return "免办"
	case DueSoon:
		return "临期提醒"
	case Overdue:
		return "逾期"
	case DueMoved:
		return "调整时限"
	}
	return string(a)
}

// Name returns the Chinese word for the state.
func (s State) Name() string { return stateNames[s] }

var stateNames = map[State]string{
	Reported: "已上报", Verifying: "核实中", Accepted: "已受理", Dispatched: "已派遣", Returned: "已退回", Handling: "处置中", Suspended: "挂账", FedBack: "已反馈",
	Checking: "核查中", Evaluating: "待评价", Closed: "已结案", Archived: "已归档", Rejected: "不予受理", Void: "作废", Merged: "并案",
}

func stepOf(do Action) *step {
	for i := range life {
		if life[i].Do == do {
			return &life[i]
		}
	}
	return nil
}

// Assignee is who an order or a check is given to: an organisation, or one of its workers.
type Assignee struct {
	Org    int64
	Path   string
	Worker int64
}

// Is reports whether p is the assignee: the worker in person, or, where no
// worker is named, anybody who handles for the organisation.
func (a Assignee) Is(p access.Principal) bool {
	if a.Worker != 0 {
		return p.Worker == a.Worker
	}
	return a.Org != 0 && handlesFor(p, a.Path)
}

// handlesFor reports whether p has a post at exactly this organisation that handles for it.
func handlesFor(p access.Principal, path string) bool {
	for _, post := range p.Posts {
		if post.Path == path && post.Role != access.GridWorker && post.Role != access.GridLeader && slices.Contains(access.Powers(post.Role), access.Handle) {
			return true
		}
	}
	return false
}

// heads reports whether p answers for the organisation's orders: its head, or the station itself.
func heads(p access.Principal, path string) bool {
	for _, post := range p.Posts {
		if post.Path == path && (post.Role == access.DeptHead || post.Role == access.Station) {
			return true
		}
	}
	return false
}

// Clock is the principal of what the program does when a deadline rings.
func Clock() access.Principal { return access.Principal{Login: "clock", Name: "系统"} }

// isClock reports whether p is the program itself; nobody signed in has this shape.
func isClock(p access.Principal) bool {
	return p.Account == 0 && p.Kiosk == 0 && p.Login == "clock" && len(p.Posts) == 0
}

// Capacities says in which parts p may act on the case.
func (inc Incident) Capacities(p access.Principal, with Facts) []Capacity {
	if isClock(p) {
		return []Capacity{AsClock}
	}
	var parts []Capacity
	add := func(c Capacity, is bool) {
		if is && !slices.Contains(parts, c) {
			parts = append(parts, c)
		}
	}
	add(AsReporter, p.Account != 0 && inc.ReporterAccount != nil && *inc.ReporterAccount == p.Account)
	for _, post := range p.Posts {
		if !access.Covers(post.Path, inc.OrgPath) {
			continue
		}
		switch post.Role {
		case access.GridWorker:
			add(AsWorker, true)
		case access.GridLeader:
			add(AsLeader, true)
		case access.Station:
			add(AsStation, true)
		case access.Operator:
			add(AsOperator, true)
		case access.Commander:
			add(AsCommander, true)
		}
	}
	if with.Lead != nil {
		add(AsHandler, with.Lead.Is(p))
		add(AsHead, with.Lead.Org != 0 && heads(p, with.Lead.Path))
	}
	for _, a := range with.Assists {
		add(AsAssist, a.Is(p))
	}
	if with.Checker != nil {
		add(AsChecker, with.Checker.Is(p))
	}
	return parts
}

// OrderMoves reports whether the case, in the state, would follow its lead
// order through the action.
func OrderMoves(do Action, state State) bool {
	s := stepOf(do)
	return s != nil && s.Order && slices.Contains(s.From, state)
}
