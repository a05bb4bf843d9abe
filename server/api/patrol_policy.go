package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/desk"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/patrol"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/workday"
)

type patrolPolicyEdit struct {
	ID        int64         `json:"id,omitempty" doc:"of a dry run: the policy that is edited"`
	Version   int32         `json:"version,omitempty" doc:"the version that was edited; 0 = whichever"`
	Name      string        `json:"name" maxLength:"60"`
	Org       *int64        `json:"org,omitempty" doc:"for it and those below it; none = everybody"`
	Rule      string        `json:"rule" enum:"half_day_quota,twice_daily,weekly_sweep,object_cycle,checkpoint_route"`
	Cycle     string        `json:"cycle,omitempty" enum:"day,week,month,quarter," doc:"week unless said"`
	Params    patrol.Params `json:"params,omitempty" doc:"what is left out has its default"`
	Holiday   string        `json:"holiday,omitempty" enum:"prorate,fixed," doc:"prorate unless said"`
	ValidFrom string        `json:"valid_from,omitempty" format:"date" doc:"next Monday unless said"`
	ValidTo   string        `json:"valid_to,omitempty" doc:"its last day"`
	Note      string        `json:"note,omitempty" maxLength:"500"`
}

// policy is what the edit makes.
func (e patrolPolicyEdit) policy(now time.Time) (patrol.Policy, error) {
	p := patrol.Policy{ID: e.ID, Version: e.Version, Name: e.Name, Org: e.Org, Rule: e.Rule, Cycle: e.Cycle, Params: e.Params, Holiday: e.Holiday, Note: e.Note, ValidFrom: patrol.Monday(workday.DayOf(now)) + 7}
	if p.Cycle == "" {
		p.Cycle = "week"
	}
	if p.Holiday == "" {
		p.Holiday = patrol.Prorate
	}
	wrong := func(field string) error {
		return fault.New(fault.Invalid, "请填写日期").At(field)
	}
	if e.ValidFrom != "" {
		d, err := workday.ParseDay(e.ValidFrom)
		if err != nil {
			return p, wrong("valid_from")
		}
		p.ValidFrom = d
	}
	if e.ValidTo != "" {
		d, err := workday.ParseDay(e.ValidTo)
		if err != nil {
			return p, wrong("valid_to")
		}
		p.ValidTo = &d
	}
	return p, nil
}

type patrolPolicyReply struct {
	Body struct {
		patrol.Policy
		Marked desk.Marked `json:"marked" doc:"how much is computed again because of it"`
	}
}

func (a *API) auditOf(who access.Session) postgres.Audit {
	return postgres.Audit{Account: who.Account, Actor: who.Login, IP: who.IP}
}

func (a *API) patrolPolicyRoutes() {
	route(a, http.MethodGet, "/patrol/policies", "Patrol policies that hold here: everybody's, those of the scope, and those above it", settled, func(ctx context.Context, who access.Session, _ *nothing) (*struct {
		Body struct {
			Policies []patrol.Policy   `json:"policies"`
			Rules    map[string]string `json:"rules" doc:"kinds of policies in Chinese"`
			Defaults patrol.Params     `json:"defaults"`
		}
	}, error) {
		scope, err := rulesScope(who)
		if err != nil {
			return nil, err
		}
		all, err := postgres.PatrolPolicies(ctx, a.DB.Pool)
		if err != nil {
			return nil, err
		}
		out := &struct {
			Body struct {
				Policies []patrol.Policy   `json:"policies"`
				Rules    map[string]string `json:"rules" doc:"kinds of policies in Chinese"`
				Defaults patrol.Params     `json:"defaults"`
			}
		}{}
		out.Body.Policies, out.Body.Rules, out.Body.Defaults = []patrol.Policy{}, patrol.RuleNames(), patrol.Defaults()
		for _, p := range all {
			if reaches(scope, p.OrgPath) {
				out.Body.Policies = append(out.Body.Policies, p)
			}
		}
		return out, nil
	})
	put := func(ctx context.Context, who access.Session, e patrolPolicyEdit) (*patrolPolicyReply, error) {
		p, err := e.policy(a.Clock())
		if err != nil {
			return nil, err
		}
		out := &patrolPolicyReply{}
		out.Body.Policy, out.Body.Marked, err = a.Desk.PutPolicy(ctx, p, a.auditOf(who), func(ctx context.Context, q postgres.Querier, org *int64) error { return a.mayRule(ctx, q, who, org) })
		return out, err
	}
	route(a, http.MethodPost, "/patrol/policies", "A new policy; what it holds for is computed again", power(access.ManageRules), func(ctx context.Context, who access.Session, in *struct{ Body patrolPolicyEdit }) (*patrolPolicyReply, error) {
		in.Body.ID, in.Body.Version = 0, 0
		return put(ctx, who, in.Body)
	}, func(op *huma.Operation) { op.DefaultStatus = http.StatusCreated })
	route(a, http.MethodPut, "/patrol/policies/{id}", "The next version of a policy; what either version holds for is computed again", power(access.ManageRules), func(ctx context.Context, who access.Session, in *struct {
		ID   int64 `path:"id"`
		Body patrolPolicyEdit
	}) (*patrolPolicyReply, error) {
		in.Body.ID = in.ID
		return put(ctx, who, in.Body)
	})
	route(a, http.MethodPost, "/patrol/policies/dry-run", "Whose weeks would come to something else under a policy: grids, and those who answer for them; nothing is stored", power(access.ManageRules), func(ctx context.Context, who access.Session, in *struct {
		Body struct {
			Policy patrolPolicyEdit `json:"policy"`
			Week   string           `json:"week,omitempty" doc:"its Monday; last week when left out"`
		}
	}) (*struct {
		Body struct {
			Week workday.Day `json:"week"`
			desk.Trial
		}
	}, error) {
		p, err := in.Body.Policy.policy(a.Clock())
		if err != nil {
			return nil, err
		}
		if err := a.mayRule(ctx, a.DB.Pool, who, p.Org); err != nil {
			return nil, err
		}
		if p.ID != 0 {
			old, err := postgres.PatrolPolicyByID(ctx, a.DB.Pool, p.ID)
			if err != nil {
				return nil, err
			}
			if err := a.mayRule(ctx, a.DB.Pool, who, old.Org); err != nil {
				return nil, err
			}
		}
		path := ""
		if p.Org != nil {
			if path, err = postgres.OrgPlace(ctx, a.DB.Pool, *p.Org); err != nil {
				return nil, err
			}
		}
		monday := patrol.Monday(workday.DayOf(a.Clock())) - 7
		if in.Body.Week != "" {
			if monday, err = a.monday(in.Body.Week); err != nil {
				return nil, err
			}
		}
		out := &struct {
			Body struct {
				Week workday.Day `json:"week"`
				desk.Trial
			}
		}{}
		out.Body.Week = monday
		out.Body.Trial, err = a.Desk.TryPolicy(ctx, p, path, monday)
		for i := range out.Body.People {
			x := &out.Body.People[i]
			x.Name = personName(who, x.Name, x.OrgPath)
		}
		return out, err
	})
}

func (a *API) leaveRoutes() {
	type leaveReply struct{ Body postgres.LeaveRow }
	type list struct {
		Leaves []postgres.LeaveRow `json:"leaves"`
		Next   string              `json:"next,omitempty"`
	}
	route(a, http.MethodGet, "/leaves", "Approved leave, newest first, withdrawn leave too", settled, func(ctx context.Context, who access.Session, in *struct {
		Paging
		Worker int64  `query:"worker"`
		From   string `query:"from" doc:"YYYY-MM-DD"`
		To     string `query:"to" doc:"YYYY-MM-DD"`
	}) (*struct{ Body list }, error) {
		scope, err := patrolScope(who)
		if err != nil {
			return nil, err
		}
		today := workday.DayOf(a.Clock())
		f := postgres.LeaveFilter{Scope: scope, Worker: some(in.Worker), From: today - 366, To: today + 366, Limit: in.rows()}
		for _, x := range []struct {
			text string
			day  *workday.Day
		}{{in.From, &f.From}, {in.To, &f.To}} {
			if x.text == "" {
				continue
			}
			if *x.day, err = workday.ParseDay(x.text); err != nil {
				return nil, fault.New(fault.Invalid, "请填写日期")
			}
		}
		var before int64
		if ok, err := in.read(&before); err != nil {
			return nil, err
		} else if ok {
			f.Before = &before
		}
		rows, err := postgres.Leaves(ctx, a.DB.Pool, f)
		if err != nil {
			return nil, err
		}
		for i := range rows {
			rows[i].WorkerName = personName(who, rows[i].WorkerName, rows[i].OrgPath)
		}
		rows, next := cut(in.Paging, rows, func(l postgres.LeaveRow) any { return l.ID })
		return &struct{ Body list }{list{rows, next}}, nil
	})
	route(a, http.MethodPost, "/leaves", "Approved leave of a worker, in half-days, both ends included", power(access.Dispatch), func(ctx context.Context, who access.Session, in *struct {
		Body struct {
			Worker   int64  `json:"worker"`
			FromDay  string `json:"from_day" format:"date"`
			FromHalf string `json:"from_half,omitempty" enum:"am,pm," doc:"am unless said"`
			ToDay    string `json:"to_day" format:"date"`
			ToHalf   string `json:"to_half,omitempty" enum:"am,pm," doc:"pm unless said"`
			Kind     string `json:"kind,omitempty" enum:"leave,sick,training,secondment,other," doc:"leave unless said"`
			Reason   string `json:"reason,omitempty" maxLength:"200"`
		}
	}) (*leaveReply, error) {
		b := &in.Body
		w, err := a.workerUnder(ctx, who, access.Dispatch, b.Worker)
		if err != nil {
			return nil, err
		}
		l := postgres.LeaveRow{Region: w.Region, Worker: w.ID, Kind: b.Kind, Reason: b.Reason}
		if l.Kind == "" {
			l.Kind = "leave"
		}
		var bad error
		if l.FromDay, bad = workday.ParseDay(b.FromDay); bad == nil {
			l.ToDay, bad = workday.ParseDay(b.ToDay)
		}
		if bad != nil {
			return nil, fault.New(fault.Invalid, "请填写起止日期")
		}
		l.ToHalf = patrol.PM
		if b.FromHalf == "pm" {
			l.FromHalf = patrol.PM
		}
		if b.ToHalf == "am" {
			l.ToHalf = patrol.AM
		}
		l, err = a.Desk.GrantLeave(ctx, l, a.auditOf(who))
		return &leaveReply{l}, err
	}, func(op *huma.Operation) { op.DefaultStatus = http.StatusCreated })
	route(a, http.MethodPost, "/leaves/{id}/cancel", "Leave is withdrawn; doing it again changes nothing", power(access.Dispatch), func(ctx context.Context, who access.Session, in *struct {
		ID int64 `path:"id"`
	}) (*leaveReply, error) {
		l, err := a.Desk.WithdrawLeave(ctx, in.ID, a.auditOf(who), func(l postgres.LeaveRow) error {
			if !who.May(access.Dispatch, l.OrgPath) {
				return fault.New(fault.Missing, "没有这条请假记录，或者不在您的管辖范围")
			}
			return nil
		})
		return &leaveReply{l}, err
	})
}

// workerUnder is a worker on whose organisation the caller holds the power.
func (a *API) workerUnder(ctx context.Context, who access.Session, p access.Power, id int64) (postgres.WorkerRow, error) {
	w, err := postgres.WorkerByID(ctx, a.DB.Pool, id)
	if err == nil && !who.May(p, w.OrgPath) || fault.Is(err, fault.Missing) {
		err = fault.New(fault.Missing, "没有这名人员，或者不在您的管辖范围")
	}
	return w, err
}
