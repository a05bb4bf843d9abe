package api

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/dispatch"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/fleet"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/postgres"
)

// rankingBody is a ranking as it is shown and kept.
type rankingBody struct {
	ID          uuid.UUID             `json:"id" doc:"to be named by the order that comes of it"`
	Incident    uuid.UUID             `json:"incident"`
	At          time.Time             `json:"at"`
	RadiusM     float64               `json:"radius_m"`
	Skills      []string              `json:"skills"`
	Wanted      []string              `json:"wanted" doc:"skills that the category prefers"`
	Distance    string                `json:"distance" enum:"street,straight,mixed,none"`
	Candidates  []dispatch.Candidate  `json:"candidates"`
	More        int                   `json:"more" doc:"further candidates that are not listed"`
	LeftOut     []dispatch.Left       `json:"left_out"`
	LeftCounts  map[string]int        `json:"left_counts" doc:"how many were left out, by reason; left_out lists the first 200"`
	Advice      []dispatch.Advice     `json:"advice"`
	Departments []dispatch.Department `json:"departments"`
	Policy      int32                 `json:"policy" doc:"version of the rules; 0 = the defaults"`
}

// mostLeftOut is how many of the left out are listed.
const mostLeftOut = 200

func (a *API) dispatchRoutes() {
	route(a, http.MethodPost, "/incidents/{id}/candidates", "Whom to send, best first, with the reasons; kept as it was shown", power(access.Dispatch),
		func(ctx context.Context, who access.Session, in *struct {
			ID   uuid.UUID `path:"id"`
			Body struct {
				Limit   int      `json:"limit,omitempty" minimum:"0" maximum:"100" doc:"20 unless told"`
				Skills  []string `json:"skills,omitempty" maxItems:"10"`
				RadiusM float64  `json:"radius_m,omitempty" minimum:"0" maximum:"100000" doc:"0 = the rules' own"`
			}
		}) (*struct{ Body rankingBody }, error) {
			inc, err := a.dispatchable(ctx, who, in.ID)
			if err != nil {
				return nil, err
			}
			out, err := a.rank(ctx, who, inc, in.Body.Skills, in.Body.RadiusM, in.Body.Limit)
			if err != nil {
				return nil, err
			}
			if err := postgres.InsertRanking(ctx, a.DB.Pool, out.ID, inc.Region, inc.ID, out.At, who.Account, who.Name, out); err != nil {
				return nil, err
			}
			return &struct{ Body rankingBody }{out}, nil
		})

	route(a, http.MethodGet, "/rankings/{id}", "A ranking as it was shown when it was asked for", power(access.Dispatch), func(ctx context.Context, who access.Session, in *struct {
		ID uuid.UUID `path:"id"`
	}) (*struct{ Body any }, error) {
		of, shown, err := postgres.Ranking(ctx, a.DB.Pool, in.ID)
		if err != nil {
			return nil, err
		}
		if _, err := a.dispatchable(ctx, who, of); err != nil {
			return nil, fault.New(fault.Missing, "没有这份候选名单，或者不在您的管辖范围")
		}
		return &struct{ Body any }{shown}, nil
	})

	route(a, http.MethodGet, "/skills", "The dictionary of skills", settled, func(ctx context.Context, _ access.Session, _ *nothing) (*struct {
		Body struct {
			Skills []postgres.Skill `json:"skills"`
		}
	}, error) {
		list, err := postgres.Skills(ctx, a.DB.Pool)
		out := &struct {
			Body struct {
				Skills []postgres.Skill `json:"skills"`
			}
		}{}
		out.Body.Skills = list
		return out, err
	})

	type skillsBody struct {
		Worker int64    `json:"worker"`
		Skills []string `json:"skills"`
	}
	route(a, http.MethodPut, "/workers/{id}/skills", "Say what a worker can do", power(access.ManageRules), func(ctx context.Context, who access.Session, in *struct {
		ID   int64 `path:"id"`
		Body struct {
			Skills []string `json:"skills" maxItems:"30"`
		}
	}) (*struct{ Body skillsBody }, error) {
		w, err := postgres.WorkerByID(ctx, a.DB.Pool, in.ID)
		if err != nil || !access.Within(who.Scope(access.ManageRules), w.OrgPath) {
			if err == nil || fault.Is(err, fault.Missing) {
				err = fault.New(fault.Missing, "没有这名人员，或者不在您的管辖范围")
			}
			return nil, err
		}
		slices.Sort(in.Body.Skills)
		codes := slices.Compact(in.Body.Skills)
		err = a.DB.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
			if err := postgres.SetSkills(ctx, tx, w.ID, codes); err != nil {
				return err
			}
			return a.audit(ctx, tx, who, "worker.skills", w.Code, map[string]any{"skills": codes})
		})
		return &struct{ Body skillsBody }{skillsBody{w.ID, append([]string{}, codes...)}}, err
	})
	a.skillRoutes()
	a.policyRoutes()
	a.commandRoutes()
	a.noticeRoutes()
	a.heatRoutes()
	a.controlRoutes()
}

type policyReply struct {
	Body struct {
		Region  int64           `json:"region"`
		Version int32           `json:"version" doc:"0 = nothing is written, the defaults hold"`
		Policy  dispatch.Policy `json:"policy"`
		Default dispatch.Policy `json:"default" doc:"what holds where nothing is written"`
	}
}

func (a *API) policyRoutes() {
	route(a, http.MethodGet, "/dispatch-policy", "How candidates are ranked", power(access.Dispatch), func(ctx context.Context, who access.Session, in *struct {
		Region int64 `query:"region" doc:"the caller's own unless told"`
	}) (*policyReply, error) {
		region, err := regionOf(who, access.Dispatch, in.Region)
		if err != nil {
			return nil, err
		}
		out := &policyReply{}
		out.Body.Region, out.Body.Default = region, dispatch.DefaultPolicy()
		out.Body.Policy, out.Body.Version, err = postgres.DispatchPolicy(ctx, a.DB.Pool, region)
		return out, err
	})
	route(a, http.MethodPut, "/dispatch-policy", "Change how candidates are ranked, over the version that was read", power(access.ManageRules), func(ctx context.Context, who access.Session, in *struct {
		Body struct {
			Region  int64           `json:"region,omitempty"`
			Version int32           `json:"version"`
			Policy  dispatch.Policy `json:"policy"`
		}
	}) (*policyReply, error) {
		region, err := a.ruledRegion(ctx, who, in.Body.Region)
		if err != nil {
			return nil, err
		}
		if err := in.Body.Policy.Check(); err != nil {
			return nil, err
		}
		out := &policyReply{}
		out.Body.Region, out.Body.Policy, out.Body.Default = region, in.Body.Policy, dispatch.DefaultPolicy()
		err = a.DB.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
			if out.Body.Version, err = postgres.PutDispatchPolicy(ctx, tx, region, in.Body.Policy, in.Body.Version, who.Account, a.Clock()); err != nil {
				return err
			}
			return a.audit(ctx, tx, who, "dispatch_policy.changed", fmt.Sprint(region), map[string]any{"version": out.Body.Version})
		})
		return out, err
	})
}

// regionOf is the region in which the caller holds the power: the one asked
// for, or its own.
func regionOf(who access.Session, p access.Power, asked int64) (int64, error) {
	for _, post := range who.Posts {
		if slices.Contains(access.Powers(post.Role), p) && (asked == 0 || post.Region == asked) {
			return post.Region, nil
		}
	}
	return 0, fault.New(fault.Missing, "没有这个区域，或者不在您的管辖范围")
}

// ruledRegion is a region whose rules the caller may change: one of its
// communities is not enough.
func (a *API) ruledRegion(ctx context.Context, who access.Session, asked int64) (int64, error) {
	region, err := regionOf(who, access.ManageRules, asked)
	if err != nil {
		return 0, err
	}
	land, _, err := a.atlas.read(ctx)
	if err != nil {
		return 0, err
	}
	for i := range land.orgs {
		if o := &land.orgs[i]; o.ID == region && who.May(access.ManageRules, o.Path) {
			return region, nil
		}
	}
	return 0, fault.New(fault.Missing, "没有这个区域，或者不在您的管辖范围")
}

// dispatchable returns the case when the caller may send somebody to it.
func (a *API) dispatchable(ctx context.Context, who access.Session, id uuid.UUID) (incident.Incident, error) {
	missing := fault.New(fault.Missing, "没有这个事件，或者不在您的管辖范围")
	inc, err := postgres.IncidentByID(ctx, a.DB.Pool, id)
	if err != nil {
		return inc, err
	}
	if !who.May(access.Dispatch, inc.OrgPath) && !who.May(access.Dispatch, inc.OwnerPath) {
		return inc, missing
	}
	return inc, nil
}

// rank collects what is known of everybody in the scope and has it judged.
func (a *API) rank(ctx context.Context, who access.Session, inc incident.Incident, skills []string, radius float64, limit int) (rankingBody, error) {
	now := a.Clock()
	id, err := uuid.NewV7()
	if err != nil {
		return rankingBody{}, fmt.Errorf("make an id: %w", err)
	}
	policy, version, err := postgres.DispatchPolicy(ctx, a.DB.Pool, inc.Region)
	if err != nil {
		return rankingBody{}, err
	}
	facts, err := a.facts(ctx, who, inc, &policy, now)
	if err != nil {
		return rankingBody{}, err
	}
	ask := dispatch.Case{Located: inc.Point != nil, Critical: inc.Urgency == incident.Critical, Skills: skills, Wanted: policy.Wanted(inc.Category), Radius: radius}
	r := dispatch.Rank(policy, ask, facts)
	out := rankingBody{
		ID: id, Incident: inc.ID, At: now.UTC(), RadiusM: radius, Skills: append([]string{}, skills...), Wanted: append([]string{}, ask.Wanted...),
		Distance: r.Distance, Candidates: r.Candidates, LeftOut: r.LeftOut, LeftCounts: map[string]int{}, Advice: r.Advice, Policy: version,
	}
	if radius == 0 {
		out.RadiusM = policy.MaxM
	}
	if limit == 0 {
		limit = 20
	}
	if n := len(out.Candidates); n > limit {
		out.Candidates, out.More = out.Candidates[:limit], n-limit
	}
	for _, l := range out.LeftOut {
		out.LeftCounts[l.Code]++
	}
	out.LeftOut = out.LeftOut[:min(len(out.LeftOut), mostLeftOut)]
	list, err := postgres.Departments(ctx, a.DB.Pool, inc.Region, inc.Category, who.Scope(access.Dispatch), now)
	out.Departments = dispatch.RankDepartments(list)
	return out, err
}

// tie is what somebody has to do with the case's ground.
type tie struct {
	relation dispatch.Relation
	leader   bool
	grid     string
}

// ties finds who answers for the case's grid, and for those that touch it.
func (a *API) ties(ctx context.Context, land *leaves, inc incident.Incident) (map[int64]tie, error) {
	out := map[int64]tie{}
	if inc.Grid == nil {
		return out, nil
	}
	around, err := a.ways.touching(ctx, land.epoch, *inc.Grid)
	if err != nil {
		return nil, err
	}
	duties, err := postgres.GridDuties(ctx, a.DB.Pool, append([]int64{*inc.Grid}, around...))
	if err != nil {
		return nil, err
	}
	for _, d := range duties {
		if d.Role == "guide" {
			continue // sees the grid, is not sent
		}
		t := tie{relation: dispatch.Neighbour, leader: d.Role == "leader"}
		if d.Grid == *inc.Grid {
			t.relation = dispatch.Responsible
		}
		if g := land.grid[d.Grid]; g != nil {
			t.grid = g.Name
		}
		old, known := out[d.Worker]
		if !known || old.relation == dispatch.Neighbour && t.relation == dispatch.Responsible || old.relation == t.relation && t.leader {
			out[d.Worker] = t
		}
	}
	return out, nil
}

// facts is what is known of everybody whom the caller may send.
func (a *API) facts(ctx context.Context, who access.Session, inc incident.Incident, policy *dispatch.Policy, now time.Time) ([]dispatch.Fact, error) {
	scope := who.Scope(access.Dispatch)
	land, sky, err := a.atlas.read(ctx)
	if err != nil {
		return nil, err
	}
	ties, err := a.ties(ctx, land, inc)
	if err != nil {
		return nil, err
	}
	loads, err := postgres.Loads(ctx, a.DB.Pool, today(now), inc.ID)
	if err != nil {
		return nil, err
	}
	home := land.community(inc.OrgPath)
	var ids []int64
	var facts []dispatch.Fact
	for _, w := range land.mine(sky, scope) {
		if w.Region != inc.Region {
			continue
		}
		t, tied := ties[w.ID]
		if !tied {
			t = tie{relation: dispatch.Other, grid: w.GridName}
			if home != nil && land.community(w.OrgPath) == home {
				t.relation = dispatch.Community
			}
		}
		l := loads[w.ID]
		f := dispatch.Fact{
			Worker: w.ID, Name: w.Name, Phone: w.Phone, Org: w.Org, OrgName: w.OrgName, Role: w.Role, Vehicle: w.Kind == "vehicle", Grid: t.grid,
			Relation: t.relation, Leader: t.leader, Presence: fleet.Offline.String(), Metres: math.NaN(), By: dispatch.ByNothing,
			Load: l.Open, Today: l.Today, Has: l.Has, Refused: l.Refused,
		}
		path := w.OrgPath
		d, onDuty := sky.duty[w.ID]
		if onDuty && access.Within(scope, d.OrgPath) {
			f.OnDuty, path = true, d.OrgPath
		}
		if e, ok := a.Board.Get(w.ID); ok && access.Within(scope, e.OrgPath) {
			presence := e.Presence(now)
			f.Presence, f.Calling, f.Placed, f.Age, f.Point = presence.String(), e.Calling, true, max(now.Sub(e.At), 0), e.Point
			f.OnDuty = f.OnDuty || !onDuty && atWork(presence)
		}
		if !f.Vehicle && who.MaskFor(path) == access.MaskPeople {
			f.Name, f.Phone = access.MaskName(f.Name), ""
		}
		facts, ids = append(facts, f), append(ids, w.ID)
	}
	skills, err := postgres.SkillsOf(ctx, a.DB.Pool, ids)
	if err != nil {
		return nil, err
	}
	for i := range facts {
		facts[i].Skills = skills[facts[i].Worker]
	}
	if inc.Point != nil {
		net, err := a.ways.network(ctx)
		if err != nil {
			return nil, err
		}
		net.measure(*inc.Point, facts, policy)
	}
	return facts, nil
}
