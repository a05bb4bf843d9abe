// Package dispatch is about sending people: the orders that are given for a
// case (派遣任务), and the ranking of who could be sent, with its reasons. It
// decides and touches nothing: no clock, no database, no bus.
package dispatch

import (
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/incident"
)

// OrderState is where an order stands.
type OrderState string

// The states of an order. Everything but the first three is the end of it.
const (
	Pending    OrderState = "pending"    // 待签收
	Handling   OrderState = "handling"   // 处置中
	FedBack    OrderState = "fed_back"   // 已反馈
	Done       OrderState = "done"       // 已办结
	Returned   OrderState = "returned"   // 已退回
	Refused    OrderState = "refused"    // 已拒绝
	Recalled   OrderState = "recalled"   // 已撤回
	Reassigned OrderState = "reassigned" // 已改派
	Waived     OrderState = "waived"     // 免办
	Informed   OrderState = "informed"   // 已抄送
)

// Open reports whether something is still owed on the order.
func (s OrderState) Open() bool { return s == Pending || s == Handling || s == FedBack }

// Modes of an order.
const (
	Lead   = "lead"   // 主办
	Assist = "assist" // 协办
	Inform = "inform" // 抄送
)

// Order is one order (交办单): the row and the JSON.
type Order struct {
	ID          uuid.UUID         `json:"id"`
	Region      int64             `json:"region"`
	Incident    uuid.UUID         `json:"incident"`
	Seq         int16             `json:"seq"`
	Mode        string            `json:"mode"`
	Org         int64             `json:"org"`
	OrgPath     string            `json:"-"`
	OrgName     string            `json:"org_name"`
	Worker      *int64            `json:"worker,omitempty"`
	WorkerName  string            `json:"worker_name,omitempty"`
	WorkerPhone string            `json:"worker_phone,omitempty"`
	State       OrderState        `json:"state"`
	Version     int32             `json:"version"`
	Requirement string            `json:"requirement,omitempty"`
	Ranking     *uuid.UUID        `json:"ranking,omitempty"`
	IssuedBy    *int64            `json:"issued_by,omitempty"`
	IssuedName  string            `json:"issued_name,omitempty"`
	IssuedAt    time.Time         `json:"issued_at"`
	SignDue     *time.Time        `json:"sign_due,omitempty"`
	HandleDue   *time.Time        `json:"handle_due,omitempty"`
	SignedAt    *time.Time        `json:"signed_at,omitempty"`
	SignedBy    *int64            `json:"signed_by,omitempty"`
	SignedName  string            `json:"signed_name,omitempty"`
	ArrivedAt   *time.Time        `json:"arrived_at,omitempty"`
	ArrivedAtPt *orb.Point        `json:"arrived_point,omitempty"`
	ArrivedM    *float32          `json:"arrived_m,omitempty"` // metres from the case
	FedBackAt   *time.Time        `json:"fed_back_at,omitempty"`
	EndedAt     *time.Time        `json:"ended_at,omitempty"`
	EndCode     string            `json:"end_code,omitempty"`
	EndReason   string            `json:"end_reason,omitempty"`
	Rework      int16             `json:"rework,omitempty"`
	May         []incident.Choice `json:"may,omitempty"`
}

// For is who the order is given to.
func (o Order) For() incident.Assignee {
	a := incident.Assignee{Org: o.Org, Path: o.OrgPath}
	if o.Worker != nil {
		a.Worker = *o.Worker
	}
	return a
}

// The moves of an order that no person makes by themselves: they follow the case.
const (
	Rework incident.Action = "rework" // 返工: the check failed
	Finish incident.Action = "finish" // 办结: the check passed
	Drop   incident.Action = "drop"   // the case ended or went elsewhere
)

// party says who makes a move.
type party uint8

const (
	assignee   party = iota // to whom it was given
	chief                   // who answers for the organisation that it was given to
	dispatcher              // who may give orders on the case's ground
	follower                // the case itself
)

type move struct {
	Do   incident.Action
	From []OrderState
	To   OrderState
	By   party
}

// course is the life of an order, read by the guard, the buttons, the diagram
// and the tests.
var course = []move{
	{incident.Sign, []OrderState{Pending}, Handling, assignee},
	{incident.Return, []OrderState{Pending}, Returned, chief},
	{incident.Refuse, []OrderState{Pending}, Refused, assignee},
	{incident.Recall, []OrderState{Pending, Handling}, Recalled, dispatcher},
	{incident.Reassign, []OrderState{Pending, Handling}, Reassigned, dispatcher},
	{incident.Waive, []OrderState{Pending, Handling}, Waived, dispatcher},
	{incident.Arrive, []OrderState{Handling}, Handling, assignee},
	{incident.Feedback, []OrderState{Handling}, FedBack, assignee},
	{Rework, []OrderState{FedBack}, Handling, follower},
	{Finish, []OrderState{FedBack}, Done, follower},
	{Drop, []OrderState{Pending, Handling, FedBack}, Recalled, follower},
}

// Names of order states, as the pages say them.
var orderNames = map[OrderState]string{
	Pending: "待签收", Handling: "处置中", FedBack: "已反馈", Done: "已办结", Returned: "已退回", Refused: "已拒绝", Recalled: "已撤回", Reassigned: "已改派", Waived: "免办", Informed: "已抄送",
}

// Name returns the Chinese word for the state.
func (s OrderState) Name() string { return orderNames[s] }

// allowed reports whether p may make the move on an order for a case on groundPath.
func (o Order) allowed(m move, p access.Principal, groundPath string) bool {
	switch m.By {
	case assignee:
		if m.Do == incident.Refuse && o.Worker == nil {
			return false // an organisation returns, a person refuses
		}
		return o.For().Is(p)
	case chief:
		if o.Worker != nil {
			return false
		}
		for _, post := range p.Posts {
			if post.Path == o.OrgPath && (post.Role == access.DeptHead || post.Role == access.Station) {
				return true
			}
		}
		return false
	case dispatcher:
		return p.May(access.Dispatch, groundPath) && (m.Do != incident.Waive || o.Mode == Assist)
	}
	return false
}

// Apply returns the order after the move. The case follows separately, when
// this is its lead order. Errors are faults, as of incident.Apply.
func (o Order) Apply(do incident.Action, deed incident.Deed, by access.Principal, groundPath string, now time.Time) (Order, error) {
	for _, m := range course {
		if m.Do != do {
			continue
		}
		if m.By == follower || !o.allowed(m, by, groundPath) {
			return o, fault.New(fault.Denied, "您的岗位不能对这个任务进行「%s」", do.Name())
		}
		if !slices.Contains(m.From, o.State) {
			return o, fault.New(fault.Conflict, "任务现在是「%s」，不能%s", o.State.Name(), do.Name())
		}
		if do == incident.Arrive && o.ArrivedAt != nil {
			return o, fault.New(fault.Conflict, "已有人到场")
		}
		if do == incident.Waive && o.Mode != Assist {
			return o, fault.New(fault.Conflict, "主办任务不能免办")
		}
		return o.move(m, deed, by, now)
	}
	return o, fault.New(fault.Missing, "没有这种操作")
}

// Follow moves the order with its case: rework, finish or drop. It is a
// conflict where the order does not stand so; the caller asks only those that do.
func (o Order) Follow(do incident.Action, deed incident.Deed, now time.Time) (Order, error) {
	for _, m := range course {
		if m.Do == do && m.By == follower && slices.Contains(m.From, o.State) {
			return o.move(m, deed, access.Principal{}, now)
		}
	}
	return o, fault.New(fault.Conflict, "任务现在是「%s」", o.State.Name())
}

func (o Order) move(m move, deed incident.Deed, by access.Principal, now time.Time) (Order, error) {
	now = now.UTC().Truncate(time.Microsecond)
	o.State = m.To
	o.Version++
	switch m.Do {
	case incident.Sign:
		o.SignedAt, o.SignedName = &now, by.Name
		if by.Account != 0 {
			account := by.Account
			o.SignedBy = &account
		}
	case incident.Arrive:
		if deed.Point == nil {
			return o, fault.New(fault.Invalid, "请打开定位后再报到场").At("point")
		}
		if o.ArrivedAt == nil {
			o.ArrivedAt = &now
		}
		o.ArrivedAtPt = deed.Point
	case incident.Feedback:
		o.FedBackAt = &now
	case Rework:
		o.FedBackAt = nil
		o.Rework++
	}
	if !o.State.Open() {
		o.EndedAt, o.EndCode, o.EndReason = &now, deed.Code, strings.TrimSpace(deed.Reason)
		needs := m.Do == incident.Return || m.Do == incident.Refuse || m.Do == incident.Recall || m.Do == incident.Reassign || m.Do == incident.Waive
		if needs && o.EndReason == "" {
			return o, fault.New(fault.Invalid, "请填写理由").At("reason")
		}
		if m.Do == incident.Return && !slices.Contains(incident.ReturnCodes(), deed.Code) {
			return o, fault.New(fault.Invalid, "请选择退回原因").At("code")
		}
	}
	return o, nil
}

// Choices lists what p may do to the order now, as its case stands.
func (o Order) Choices(p access.Principal, inc incident.Incident) []incident.Choice {
	choices := []incident.Choice{}
	for _, m := range course {
		if m.By == follower || !slices.Contains(m.From, o.State) || !o.allowed(m, p, inc.OrgPath) {
			continue
		}
		if o.Mode == Lead && (!incident.OrderMoves(m.Do, inc.State) || m.By == dispatcher && !inc.Directs(p)) || inc.State.Over() || inc.State == incident.Suspended {
			continue
		}
		if m.Do == incident.Arrive && o.ArrivedAt != nil {
			continue // once is enough
		}
		choices = append(choices, incident.Choice{Action: m.Do, Name: m.Do.Name()})
	}
	return choices
}
