package api

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/workday"
)

type ruleEdit struct {
	ID        int64            `json:"id,omitempty" doc:"of a dry run: the rule that is edited"`
	Version   int32            `json:"version,omitempty" doc:"the version that was edited; 0 = whichever"`
	Stage     string           `json:"stage" enum:"accept,verify,dispatch,sign,handle,rework,check,evaluate,case,return,sos_ack"`
	Tier      *int16           `json:"tier,omitempty"`
	Category  string           `json:"category,omitempty" maxLength:"40" doc:"this one and those below it"`
	Urgency   incident.Urgency `json:"urgency,omitempty"`
	Source    string           `json:"source,omitempty"`
	Org       *int64           `json:"org,omitempty" doc:"for it and those below it; none = everybody"`
	Limit     workday.Limit    `json:"limit" doc:"n counts working days in wd, minutes in wh and h, nothing in same_day"`
	WarnRatio *float64         `json:"warn_ratio,omitempty"`
	Priority  int32            `json:"priority,omitempty"`
	Note      string           `json:"note,omitempty"`
	ValidFrom *time.Time       `json:"valid_from,omitempty" doc:"now unless later"`
	ValidTo   *time.Time       `json:"valid_to,omitempty"`
}

// rule is what the edit makes.
func (e ruleEdit) rule(now time.Time) incident.Rule {
	r := incident.Rule{ID: e.ID, Version: 1, Stage: e.Stage, Tier: e.Tier, Category: strings.TrimSpace(e.Category), Urgency: e.Urgency, Source: e.Source, Org: e.Org, Limit: e.Limit,
		LimitText: e.Limit.String(), WarnRatio: 0.2, Priority: e.Priority, Note: strings.TrimSpace(e.Note), ValidFrom: now, ValidTo: e.ValidTo}
	if e.WarnRatio != nil {
		r.WarnRatio = *e.WarnRatio
	}
	if e.ValidFrom != nil && e.ValidFrom.After(now) {
		r.ValidFrom = e.ValidFrom.UTC().Truncate(time.Microsecond)
	}
	if r.Limit.Unit == workday.SameDay {
		r.Limit.N = 0
	}
	return r
}

// mostShown bounds what a dry run lists; it counts the rest.
const mostShown = 3000

type dryRun struct {
	Body struct {
		Running int               `json:"running" doc:"clocks of the scope that count down now"`
		Changed []incident.Change `json:"changed"`
		Total   int               `json:"total" doc:"of changed, which shows the first few thousand"`
	}
}

type ruleList struct {
	Rules  []incident.Rule   `json:"rules"`
	Stages map[string]string `json:"stages"`
}

func (l ruleList) table() ([]string, [][]string) {
	rows := make([][]string, len(l.Rules))
	for i, r := range l.Rules {
		tier, until := "", ""
		if r.Tier != nil {
			tier = strconv.Itoa(int(*r.Tier))
		}
		if r.ValidTo != nil {
			until = localTime(*r.ValidTo)
		}
		rows[i] = []string{strconv.FormatInt(r.ID, 10), strconv.Itoa(int(r.Version)), l.Stages[r.Stage], tier, r.Category, string(r.Urgency), incident.Sources()[r.Source], r.OrgName,
			r.LimitText, strconv.FormatFloat(r.WarnRatio, 'f', -1, 64), strconv.Itoa(int(r.Priority)), localTime(r.ValidFrom), until, r.Note}
	}
	return []string{"规则", "版本", "环节", "级别", "类别", "紧急程度", "来源", "单位", "时限", "预警比例", "优先级", "生效时间", "失效时间", "说明"}, rows
}

type ruleReply struct{ Body incident.Rule }

// checkRule is a fault unless the caller may make the rule and it makes sense.
func (a *API) checkRule(ctx context.Context, q postgres.Querier, who access.Session, r incident.Rule) error {
	if err := a.mayRule(ctx, q, who, r.Org); err != nil {
		return err
	}
	if err := r.Check(); err != nil {
		return err
	}
	category, err := postgres.CategoryOf(ctx, q, r.Category)
	if err != nil {
		return err
	}
	if !category.Known {
		return fault.New(fault.Invalid, "没有这个事件类别").At("category")
	}
	return nil
}

func (a *API) ruleRoutes() {
	route(a, http.MethodGet, "/sla-rules", "Limits that hold here: everybody's, those of the scope, and those above it", settled, func(ctx context.Context, who access.Session, in *struct {
		Stage  string `query:"stage"`
		Format string `query:"format" enum:"json,csv" default:"json"`
	}) (*struct {
		ListHead
		Body ruleList
	}, error) {
		scope, err := rulesScope(who)
		if err != nil {
			return nil, err
		}
		all, err := postgres.RulesInForce(ctx, a.DB.Pool, a.Clock())
		if err != nil {
			return nil, err
		}
		out := ruleList{Rules: []incident.Rule{}, Stages: incident.StageNames()}
		for _, r := range all {
			if reaches(scope, r.OrgPath) && (in.Stage == "" || r.Stage == in.Stage) {
				out.Rules = append(out.Rules, r)
			}
		}
		return &struct {
			ListHead
			Body ruleList
		}{head(Paging{Format: in.Format}, "sla-rules", a.Clock()), out}, nil
	})

	route(a, http.MethodPost, "/sla-rules", "Make a limit", power(access.ManageRules), func(ctx context.Context, who access.Session, in *struct{ Body ruleEdit }) (*ruleReply, error) {
		now := a.Clock().UTC().Truncate(time.Microsecond)
		r := in.Body.rule(now)
		r.ID = 0
		if err := a.checkRule(ctx, a.DB.Pool, who, r); err != nil {
			return nil, err
		}
		out := &ruleReply{}
		err := a.DB.Tx(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
			if r.ID, err = postgres.InsertRule(ctx, tx, r, who.Account, now); err != nil {
				return err
			}
			if out.Body, err = postgres.LockRule(ctx, tx, r.ID, now); err != nil {
				return err
			}
			return a.audit(ctx, tx, who, "sla_rule.added", fmt.Sprint(r.ID), map[string]any{"rule": r})
		})
		return out, err
	}, created)

	route(a, http.MethodPut, "/sla-rules/{id}", "Edit a limit: a new version from now on; running clocks keep the one they began with", power(access.ManageRules), func(ctx context.Context, who access.Session, in *struct {
		ID      int64  `path:"id"`
		IfMatch string `header:"If-Match"`
		Body    ruleEdit
	}) (*ruleReply, error) {
		seen, err := version(in.IfMatch)
		if err != nil {
			return nil, err
		}
		if seen == 0 {
			seen = in.Body.Version
		}
		now := a.Clock().UTC().Truncate(time.Microsecond)
		r := in.Body.rule(now)
		r.ID = in.ID
		out := &ruleReply{}
		err = a.DB.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
			old, err := a.ruleOf(ctx, tx, who, in.ID, seen, now)
			if err != nil {
				return err
			}
			if err := a.checkRule(ctx, tx, who, r); err != nil {
				return err
			}
			if err := postgres.EndRule(ctx, tx, in.ID, r.ValidFrom); err != nil {
				return err
			}
			newest, err := postgres.NewestRuleVersion(ctx, tx, in.ID)
			if err != nil {
				return err
			}
			r.Version = newest + 1
			if _, err := postgres.InsertRule(ctx, tx, r, who.Account, now); err != nil {
				return err
			}
			if out.Body, err = postgres.LockRule(ctx, tx, in.ID, now); err != nil {
				return err
			}
			return a.audit(ctx, tx, who, "sla_rule.changed", fmt.Sprint(in.ID), map[string]any{"before": old, "after": r})
		})
		return out, err
	})

	route(a, http.MethodDelete, "/sla-rules/{id}", "End a limit; running clocks keep it", power(access.ManageRules), func(ctx context.Context, who access.Session, in *struct {
		ID      int64  `path:"id"`
		IfMatch string `header:"If-Match"`
	}) (*struct{}, error) {
		seen, err := version(in.IfMatch)
		if err != nil {
			return nil, err
		}
		now := a.Clock().UTC().Truncate(time.Microsecond)
		return nil, a.DB.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
			old, err := a.ruleOf(ctx, tx, who, in.ID, seen, now)
			if err != nil {
				return err
			}
			if err := postgres.EndRule(ctx, tx, in.ID, now); err != nil {
				return err
			}
			return a.audit(ctx, tx, who, "sla_rule.ended", fmt.Sprint(in.ID), map[string]any{"rule": old})
		})
	})

	route(a, http.MethodPost, "/sla-rules/dry-run", "Which running cases would be due at another time, had they begun by these rules; nothing is changed", power(access.ManageRules),
		func(ctx context.Context, who access.Session, in *struct {
			Body struct {
				Changes  []ruleEdit `json:"changes,omitempty" maxItems:"100" doc:"with an id: in its place; without: added"`
				Dropped  []int64    `json:"dropped,omitempty" maxItems:"100"`
				Calendar *struct {
					ID   int64        `json:"id"`
					Plan workday.Plan `json:"plan"`
				} `json:"calendar,omitempty"`
			}
		}) (*dryRun, error) {
			now := a.Clock().UTC().Truncate(time.Microsecond)
			terms, err := postgres.ReadTerms(ctx, a.DB.Pool, now)
			if err != nil {
				return nil, err
			}
			var changed []incident.Rule
			for i, e := range in.Body.Changes {
				r := e.rule(now)
				if r.Org != nil {
					if err := a.mayRule(ctx, a.DB.Pool, who, r.Org); err != nil {
						return nil, err
					}
					if r.OrgPath, err = postgres.OrgPlace(ctx, a.DB.Pool, *r.Org); err != nil {
						return nil, err
					}
				}
				if err := r.Check(); err != nil {
					return nil, inside(err, fmt.Sprintf("changes[%d]", i))
				}
				changed = append(changed, r)
			}
			next := terms.With(changed, in.Body.Dropped)
			if c := in.Body.Calendar; c != nil {
				lists, err := postgres.HolidayLists(ctx, a.DB.Pool)
				if err != nil {
					return nil, err
				}
				if _, err := workday.New(c.Plan, nil); err != nil {
					return nil, inside(err, "calendar.plan")
				}
				made, err := postgres.MakeCalendars([]postgres.Calendar{{ID: c.ID, Plan: c.Plan}}, lists)
				if err != nil {
					return nil, err
				}
				next = next.WithPlan(c.ID, made[0].Calendar)
			}
			open, err := postgres.OpenClocks(ctx, a.DB.Pool, who.Scope(access.ManageRules), false)
			if err != nil {
				return nil, err
			}
			out := &dryRun{}
			changes := terms.Would(next, open, now)
			out.Body.Running, out.Body.Changed, out.Body.Total = len(open), changes[:min(len(changes), mostShown)], len(changes)
			return out, nil
		})
}

// ruleOf holds the living version of a rule that the caller may edit. seen is
// the version that it looked at, 0 = whichever.
func (a *API) ruleOf(ctx context.Context, tx pgx.Tx, who access.Session, id int64, seen int32, now time.Time) (incident.Rule, error) {
	old, err := postgres.LockRule(ctx, tx, id, now)
	if err != nil {
		return old, err
	}
	if !reaches(who.Scope(access.ManageRules), old.OrgPath) {
		return old, fault.New(fault.Missing, "没有这条时限规则，或者不在您的管辖范围")
	}
	if err := a.mayRule(ctx, tx, who, old.Org); err != nil {
		return old, err
	}
	if seen != 0 && seen != old.Version {
		return old, fault.New(fault.Conflict, "这条规则刚被别人改过，请重新打开后再改")
	}
	return old, nil
}
