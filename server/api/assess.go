package api

import (
	"context"
	"net/http"
	"slices"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/assess"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/postgres"
)

// Assessment (考核). Who assesses or inspects sees a period from its opening on;
// everybody else what is published, as far as it is his: the grids and the
// community that his statistics reach, and his own work. A guide's score is a
// person's: for himself and those who assess.

// assesses reports whether the caller keeps or inspects a period's assessment.
func assesses(who access.Session, p postgres.AssessPeriod) bool {
	return who.May(access.Assess, p.RegionPath) || who.May(access.Inspect, p.RegionPath)
}

// periodFor reads a period as far as it is there for the caller.
func (a *API) periodFor(ctx context.Context, who access.Session, id int64) (postgres.AssessPeriod, error) {
	p, err := postgres.AssessPeriodByID(ctx, a.DB.Pool, id)
	if err != nil {
		return p, err
	}
	if assesses(who, p) || p.State.Public() && slices.ContainsFunc(who.Posts, func(post access.Post) bool { return post.Region == p.Region }) {
		return p, nil
	}
	return p, fault.New(fault.Missing, "没有这个考核期，或者不在您的管辖范围")
}

// assessView is what of a period's scores the caller sees.
type assessView struct {
	all   bool
	scope []string
	own   []postgres.AssessOwn
}

func (a *API) assessView(ctx context.Context, who access.Session, p postgres.AssessPeriod) (v assessView, err error) {
	v.all, v.scope = assesses(who, p), who.Scope(access.SeeStatistic)
	v.own, err = postgres.AssessMine(ctx, a.DB.Pool, who.Account)
	return v, err
}

func (v assessView) mine(level assess.Level, subject int64) bool {
	return slices.Contains(v.own, postgres.AssessOwn{Level: level, Subject: subject})
}

func (v assessView) sees(s postgres.AssessScore) bool {
	return v.all || v.mine(s.Level, s.Subject) || !s.Level.Personal() && access.Within(v.scope, s.OrgPath)
}

type periodReply struct{ Body postgres.AssessPeriod }

type periodList struct {
	Periods []postgres.AssessPeriod `json:"periods"`
}

type periodDetail struct {
	postgres.AssessPeriod
	Actions []assess.Action       `json:"actions" doc:"what the caller may do now"`
	Steps   []postgres.AssessStep `json:"steps" doc:"for those who assess"`
}

type templateList struct {
	Templates []postgres.AssessTemplate `json:"templates"`
	Measures  []assess.Measure          `json:"measures"`
}

// actions are what the caller may do with a period in its state.
func assessActions(who access.Session, p postgres.AssessPeriod) []assess.Action {
	out := []assess.Action{}
	for _, do := range p.State.May() {
		switch do {
		case assess.Mark:
			if !assesses(who, p) {
				continue
			}
		case assess.Appeal:
		default:
			if !who.May(access.Assess, p.RegionPath) {
				continue
			}
		}
		out = append(out, do)
	}
	return out
}

func (a *API) assessRoutes(mux *http.ServeMux) {
	route(a, http.MethodGet, "/assess/templates", "What is scored on the four levels, and the dictionary of what can be", person, func(ctx context.Context, who access.Session, in *struct {
		Region  int64        `query:"region" doc:"the caller's own unless told"`
		History assess.Level `query:"history" enum:"grid,guide,community,department," doc:"all versions of this level"`
	}) (*struct{ Body templateList }, error) {
		region := in.Region
		for _, p := range who.Posts {
			if region == 0 {
				region = p.Region
			}
		}
		if !slices.ContainsFunc(who.Posts, func(p access.Post) bool { return p.Region == region }) {
			return nil, fault.New(fault.Missing, "没有这个区域，或者不在您的管辖范围")
		}
		read := func() ([]postgres.AssessTemplate, error) {
			if in.History != "" {
				return postgres.AssessTemplateHistory(ctx, a.DB.Pool, region, in.History)
			}
			return postgres.AssessTemplates(ctx, a.DB.Pool, region)
		}
		list, err := read()
		if err != nil {
			return nil, err
		}
		return &struct{ Body templateList }{templateList{list, assess.Measures()}}, nil
	})

	route(a, http.MethodPut, "/assess/templates/{level}", "Edit a level's template: a new version from now on; drafts take it at their next computation, what is published keeps its own", power(access.Assess),
		func(ctx context.Context, who access.Session, in *struct {
			Level assess.Level `path:"level" enum:"grid,guide,community,department"`
			Body  struct {
				Region  int64       `json:"region,omitempty"`
				Version int32       `json:"version" doc:"the version that was edited"`
				Name    string      `json:"name" maxLength:"200"`
				Plan    assess.Plan `json:"plan"`
			}
		}) (*struct{ Body assess.Template }, error) {
			t, err := a.Desk.PutTemplate(ctx, who.Principal, in.Body.Region, assess.Template{Level: in.Level, Name: in.Body.Name, Plan: in.Body.Plan}, in.Body.Version)
			if err != nil {
				return nil, err
			}
			if err := a.audit(ctx, a.DB.Pool, who, "assess.template", string(in.Level), map[string]any{"version": t.Version}); err != nil {
				return nil, err
			}
			return &struct{ Body assess.Template }{t}, nil
		})

	route(a, http.MethodGet, "/assess/periods", "Periods of assessment, newest first: all for those who assess, the published for everybody in the region", person, func(ctx context.Context, who access.Session, _ *struct{}) (*struct{ Body periodList }, error) {
		regions := []int64{}
		for _, p := range who.Posts {
			if p.Region != 0 && !slices.Contains(regions, p.Region) {
				regions = append(regions, p.Region)
			}
		}
		list, err := postgres.AssessPeriods(ctx, a.DB.Pool, regions)
		if err != nil {
			return nil, err
		}
		out := []postgres.AssessPeriod{}
		for _, p := range list {
			if all := assesses(who, p); all || p.State.Public() {
				if p.Templates = nil; !all {
					p.Appeals = 0
				}
				out = append(out, p)
			}
		}
		return &struct{ Body periodList }{periodList{out}}, nil
	})

	route(a, http.MethodPost, "/assess/periods", "Open a period", power(access.Assess), func(ctx context.Context, who access.Session, in *struct {
		Body struct {
			Region int64       `json:"region,omitempty"`
			Kind   assess.Kind `json:"kind" enum:"month,quarter,year"`
			Label  string      `json:"label" maxLength:"10" doc:"2026-10, 2026-Q3, 2026"`
		}
	}) (*periodReply, error) {
		p, err := a.Desk.OpenPeriod(ctx, who.Principal, in.Body.Region, in.Body.Kind, in.Body.Label)
		return &periodReply{p}, err
	}, created)

	route(a, http.MethodGet, "/assess/periods/{id}", "A period, what was done to it, and what may be done now", person, func(ctx context.Context, who access.Session, in *struct {
		ID int64 `path:"id"`
	}) (*struct{ Body periodDetail }, error) {
		p, err := a.periodFor(ctx, who, in.ID)
		if err != nil {
			return nil, err
		}
		out := periodDetail{AssessPeriod: p, Actions: assessActions(who, p), Steps: []postgres.AssessStep{}}
		if assesses(who, p) {
			if out.Steps, err = postgres.AssessSteps(ctx, a.DB.Pool, p.ID); err != nil {
				return nil, err
			}
		}
		return &struct{ Body periodDetail }{out}, nil
	})

	act := func(path, summary string, do func(ctx context.Context, who access.Session, id int64, in assessDeed) (postgres.AssessPeriod, error)) {
		route(a, http.MethodPost, "/assess/periods/{id}/"+path, summary, power(access.Assess), func(ctx context.Context, who access.Session, in *struct {
			ID   int64 `path:"id"`
			Body assessDeed
		}) (*periodReply, error) {
			p, err := do(ctx, who, in.ID, in.Body)
			return &periodReply{p}, err
		})
	}
	act("compute", "Make the draft anew from today's data", func(ctx context.Context, who access.Session, id int64, _ assessDeed) (postgres.AssessPeriod, error) {
		return a.Desk.ComputePeriod(ctx, who.Principal, id)
	})
	act("publish", "Publish the draft: the snapshot's digest goes into the region's journal, and appeals may come", func(ctx context.Context, who access.Session, id int64, in assessDeed) (postgres.AssessPeriod, error) {
		if in.AppealDays == 0 {
			in.AppealDays = 7
		}
		return a.Desk.PublishPeriod(ctx, who.Principal, id, in.Version, in.AppealDays)
	})
	act("lock", "Lock the period: nothing changes any more", func(ctx context.Context, who access.Session, id int64, in assessDeed) (postgres.AssessPeriod, error) {
		return a.Desk.LockPeriod(ctx, who.Principal, id, in.Reason)
	})
	act("adjust", "Put points beside a published score", func(ctx context.Context, who access.Session, id int64, in assessDeed) (postgres.AssessPeriod, error) {
		points, err := inHundredths("points", in.Points)
		if err != nil {
			return postgres.AssessPeriod{}, err
		}
		return a.Desk.AdjustScore(ctx, who.Principal, id, in.Level, in.Subject, points, in.Reason)
	})
	route(a, http.MethodPost, "/assess/periods/{id}/recheck", "Hold the published scores against today's data: what differs becomes an adjustment beside them", power(access.Assess), func(ctx context.Context, who access.Session, in *struct {
		ID int64 `path:"id"`
	}) (*struct {
		Body struct {
			Moved int `json:"moved" doc:"how many scores were adjusted"`
		}
	}, error) {
		out := &struct {
			Body struct {
				Moved int `json:"moved" doc:"how many scores were adjusted"`
			}
		}{}
		var err error
		out.Body.Moved, err = a.Desk.RecheckPeriod(ctx, who.Principal, in.ID)
		return out, err
	})
	a.assessScoreRoutes()
	a.assessNoteRoutes()
	a.assessSheetRoutes(mux)
}

// assessDeed is what the deeds on a period take.
type assessDeed struct {
	Version    int32        `json:"version,omitempty" doc:"publish: the version of the period that was looked at; 0 = whichever"`
	AppealDays int          `json:"appeal_days,omitempty" doc:"publish: how long may be appealed; 7 unless told"`
	Reason     string       `json:"reason,omitempty" maxLength:"4000"`
	Level      assess.Level `json:"level,omitempty" enum:"grid,guide,community,department,"`
	Subject    int64        `json:"subject,omitempty"`
	Points     float64      `json:"points,omitempty" doc:"adjust: with at most two decimals"`
}

// inHundredths reads points with at most two decimals.
func inHundredths(name string, v float64) (int32, error) {
	n := v * 100
	whole := int32(n + 0.5)
	if n < 0 {
		whole = int32(n - 0.5)
	}
	if d := n - float64(whole); !(d < 1e-6 && d > -1e-6) || v > 1000 || v < -1000 {
		return 0, fault.New(fault.Invalid, "分数最多两位小数").At(name)
	}
	return whole, nil
}
