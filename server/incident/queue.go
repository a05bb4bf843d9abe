package incident

import (
	"time"

	"github.com/google/uuid"

	"github.com/gridward/gridward/server/access"
)

// Queue is a group of open cases that somebody has to do something about.
type Queue string

// The queues, in the order in which a desk works through them.
const (
	QueueMine       Queue = "mine"
	QueueLate       Queue = "late"
	QueueSoon       Queue = "soon"
	QueueReturned   Queue = "returned"
	QueueUnsigned   Queue = "unsigned"
	QueueTriage     Queue = "triage"
	QueueDispatch   Queue = "dispatch"
	QueueCheck      Queue = "check"
	QueueEvaluate   Queue = "evaluate"
	QueueApprove    Queue = "approve"
	QueueSupervised Queue = "supervised"
	QueueSuspended  Queue = "suspended"
	QueueOpen       Queue = "open"
	QueueNoGround   Queue = "noground"
)

// queues says what each is called, and who has it: whoever holds one of the
// powers; nobody in particular = everybody who sees the map.
var queues = []struct {
	code   Queue
	name   string
	powers []access.Power
	holds  func(OpenCases) bool
}{
	{QueueMine, "我的待办", []access.Power{access.Triage, access.Dispatch, access.Handle, access.Check, access.Command}, func(c OpenCases) bool { return c.Mine }},
	{QueueLate, "逾期", nil, func(c OpenCases) bool { return c.Late }},
	{QueueSoon, "临期", nil, func(c OpenCases) bool { return c.Soon }},
	{QueueReturned, "退回", nil, func(c OpenCases) bool { return c.State == Returned }},
	{QueueUnsigned, "未签收", nil, func(c OpenCases) bool { return c.State == Dispatched }},
	{QueueTriage, "待受理", []access.Power{access.Triage}, func(c OpenCases) bool { return c.State == Reported }},
	{QueueDispatch, "待派遣", []access.Power{access.Dispatch}, func(c OpenCases) bool { return c.State == Accepted || c.State == Returned }},
	{QueueCheck, "待核查", []access.Power{access.Check}, func(c OpenCases) bool { return c.State == FedBack || c.State == Checking }},
	{QueueEvaluate, "待评价", []access.Power{access.Dispatch}, func(c OpenCases) bool { return c.State == Evaluating }},
	{QueueApprove, "待审批", []access.Power{access.Command, access.Triage}, func(c OpenCases) bool { return c.Asked }},
	{QueueSupervised, "督办", nil, func(c OpenCases) bool { return c.Supervised }},
	{QueueSuspended, "挂账", nil, func(c OpenCases) bool { return c.State == Suspended }},
	{QueueOpen, "未关闭", nil, func(OpenCases) bool { return true }},
	{QueueNoGround, "无网格归属", []access.Power{access.Triage, access.Command}, func(c OpenCases) bool { return c.NoGround }},
}

// QueueKnown reports whether there is a queue of this code.
func QueueKnown(q Queue) bool {
	for _, k := range queues {
		if k.code == q {
			return true
		}
	}
	return false
}

// OpenCases is how many open cases are alike in what queues are made of.
type OpenCases struct {
	State      State
	Late, Soon bool
	Asked      bool // for an extension (延期) or a suspension (挂账)
	Supervised bool
	NoGround   bool
	Mine       bool
	N          int
}

// QueueCount is a queue as a desk sees it.
type QueueCount struct {
	Code  Queue  `json:"code"`
	Name  string `json:"name"`
	Count int    `json:"count"`
	Late  int    `json:"late" doc:"of these, overdue"`
}

// Queues counts the queues that whoever has these powers works through.
func Queues(who access.Principal, open []OpenCases) []QueueCount {
	list := make([]QueueCount, 0, len(queues))
	for _, q := range queues {
		has := q.powers == nil
		for _, p := range q.powers {
			has = has || who.Has(p)
		}
		if !has {
			continue
		}
		list = append(list, CountQueue(q.code, open))
	}
	return list
}

// CountQueue counts one queue, whoever works through it.
func CountQueue(code Queue, open []OpenCases) QueueCount {
	for _, q := range queues {
		if q.code != code {
			continue
		}
		count := QueueCount{Code: code, Name: q.name}
		for _, c := range open {
			if !q.holds(c) {
				continue
			}
			count.Count += c.N
			if c.Late {
				count.Late += c.N
			}
		}
		return count
	}
	return QueueCount{Code: code}
}

// ListCursor is where a page of a list ended: the instant that the list is
// sorted by, nil where nothing is due any more, and the case.
type ListCursor struct {
	At *time.Time
	ID uuid.UUID
}

// NextDue is when anything of the case is due first; nil without a limit, or
// while its clocks stand still.
func (inc Incident) NextDue() *time.Time {
	switch {
	case inc.Paused:
		return nil
	case inc.StageDue == nil || inc.CaseDue != nil && inc.CaseDue.Before(*inc.StageDue):
		return inc.CaseDue
	}
	return inc.StageDue
}
