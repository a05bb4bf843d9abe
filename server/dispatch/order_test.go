package dispatch

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/incident"
)

const (
	ground = "1.4.17."
	desk   = "1.4.30."
)

func postOf(role access.Role, path string) []access.Post {
	return []access.Post{{Path: path, Region: 4, Role: role}}
}

var crew = map[string]access.Principal{
	"clerk":     {Account: 1, Name: "办", Posts: postOf(access.DeptClerk, desk)},
	"head":      {Account: 2, Name: "首", Posts: postOf(access.DeptHead, desk)},
	"worker":    {Account: 3, Worker: 33, Name: "员", Posts: postOf(access.GridWorker, ground)},
	"other":     {Account: 4, Worker: 44, Name: "旁", Posts: postOf(access.GridWorker, ground)},
	"station":   {Account: 5, Name: "站", Posts: postOf(access.Station, ground)},
	"operator":  {Account: 6, Name: "值", Posts: postOf(access.Operator, "1.4.")},
	"neighbour": {Account: 7, Name: "邻", Posts: postOf(access.Station, "1.4.18.")},
	"head2":     {Account: 8, Name: "它", Posts: postOf(access.DeptHead, "1.4.31.")},
}

func orderFor(state OrderState, mode string, worker bool) Order {
	o := Order{ID: uuid.MustParse("01990000-0000-7000-8000-000000000001"), Mode: mode, Org: 30, OrgPath: desk, State: state, Version: 2}
	if worker {
		id := int64(33)
		o.Org, o.OrgPath, o.Worker = 17, ground, &id
	}
	return o
}

var allStates = []OrderState{Pending, Handling, FedBack, Done, Returned, Refused, Recalled, Reassigned, Waived, Informed}

// who may make each move, on an order to a department and on one to a worker.
var mayMove = map[incident.Action]struct{ dept, worker []string }{
	incident.Sign:     {[]string{"clerk", "head"}, []string{"worker"}},
	incident.Return:   {[]string{"head"}, nil},
	incident.Refuse:   {nil, []string{"worker"}},
	incident.Arrive:   {[]string{"clerk", "head"}, []string{"worker"}},
	incident.Feedback: {[]string{"clerk", "head"}, []string{"worker"}},
	incident.Recall:   {[]string{"station", "operator"}, []string{"station", "operator"}},
	incident.Reassign: {[]string{"station", "operator"}, []string{"station", "operator"}},
	incident.Waive:    {[]string{"station", "operator"}, []string{"station", "operator"}},
}

// Every move times every state times everybody, on orders to a department and
// to a worker: what the table says goes, and the rest is refused in the right way.
func TestEveryMoveOfAnOrderAndEveryRefusal(t *testing.T) {
	t.Parallel()
	here := orb.Point{114.1, 22.6}
	deed := incident.Deed{Reason: "理由", Code: "not_my_duty", Point: &here, Result: "solved", Text: "已办"}
	now := time.Date(2026, 11, 26, 4, 0, 0, 0, time.UTC)
	allowed := 0
	for do, may := range mayMove {
		var m move
		for _, x := range course {
			if x.Do == do {
				m = x
			}
		}
		for _, worker := range []bool{false, true} {
			names := may.dept
			if worker {
				names = may.worker
			}
			for _, state := range allStates {
				for who, p := range crew {
					o := orderFor(state, Assist, worker)
					next, err := o.Apply(do, deed, p, ground, now)
					what := fmt.Sprintf("%s of a %s order by %s (to a worker: %v)", do, state, who, worker)
					fits := false
					for _, from := range m.From {
						fits = fits || from == state
					}
					switch {
					case !contains(names, who):
						if !fault.Is(err, fault.Denied) {
							t.Errorf("%s: %v, want denied", what, err)
						}
					case !fits:
						if !fault.Is(err, fault.Conflict) {
							t.Errorf("%s: %v, want a conflict", what, err)
						}
					case err != nil:
						t.Errorf("%s: %v", what, err)
					default:
						allowed++
						if next.State != m.To || next.Version != o.Version+1 || next.State.Open() != (next.EndedAt == nil) {
							t.Errorf("%s: %+v", what, next)
						}
					}
				}
			}
		}
	}
	if allowed < 20 {
		t.Errorf("only %d moves were allowed", allowed)
	}
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

func TestSentencesOfAnOrder(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 26, 4, 0, 0, 0, time.UTC)
	for sentence, c := range map[string]struct {
		order Order
		do    incident.Action
		who   string
		deed  incident.Deed
		kind  fault.Kind
	}{
		"a lead order is not waived":              {orderFor(Pending, Lead, false), incident.Waive, "operator", incident.Deed{Reason: "x"}, fault.Denied},
		"a return says why":                       {orderFor(Pending, Lead, false), incident.Return, "head", incident.Deed{Code: "not_my_duty"}, fault.Invalid},
		"a return has a reason of the list":       {orderFor(Pending, Lead, false), incident.Return, "head", incident.Deed{Reason: "x", Code: "tired"}, fault.Invalid},
		"one arrives somewhere":                   {orderFor(Handling, Lead, false), incident.Arrive, "clerk", incident.Deed{}, fault.Invalid},
		"nobody but the case sends back for more": {orderFor(FedBack, Lead, false), Rework, "operator", incident.Deed{}, fault.Denied},
		"there is no such move":                   {orderFor(Pending, Lead, false), "dance", "operator", incident.Deed{}, fault.Missing},
	} {
		if _, err := c.order.Apply(c.do, c.deed, crew[c.who], ground, now); !fault.Is(err, c.kind) {
			t.Errorf("%s: %v", sentence, err)
		}
	}
	o, err := orderFor(FedBack, Lead, false).Follow(Rework, incident.Deed{}, now)
	if err != nil || o.State != Handling || o.Rework != 1 || o.FedBackAt != nil {
		t.Errorf("rework: %+v, %v", o, err)
	}
	if _, err := orderFor(Pending, Lead, false).Follow(Finish, incident.Deed{}, now); !fault.Is(err, fault.Conflict) {
		t.Errorf("finished before it was fed back: %v", err)
	}
	inc := incident.Incident{State: incident.Handling, OrgPath: ground, Tier: new(int16)}
	*inc.Tier = 3
	for _, choice := range orderFor(Handling, Lead, false).Choices(crew["station"], inc) {
		t.Errorf("a station is offered %s of a third-tier case's order", choice.Name)
	}
	if n := len(orderFor(Handling, Lead, false).Choices(crew["operator"], inc)); n != 2 {
		t.Errorf("an operator is offered %d moves, want recall and reassign", n)
	}
}
