package api

import (
	"context"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/desk"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/patrol"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/workday"
)

type infoList struct {
	Records []postgres.InfoRecord `json:"records"`
	Next    string                `json:"next,omitempty"`
}

func (l infoList) table() ([]string, [][]string) {
	rows := make([][]string, len(l.Records))
	for i, r := range l.Records {
		rows[i] = []string{localTime(r.At), r.OrgName, r.GridName, r.Category, r.ItemName, r.Value, map[bool]string{true: "有问题"}[r.Issue], r.TargetName, r.Note, r.WorkerName}
	}
	return []string{"时间", "社区(村)", "网格", "类别", "信息项", "内容", "是否有问题", "走访对象", "说明", "报送人"}, rows
}

func shownInfo(who access.Session, r postgres.InfoRecord, leaves bool) postgres.InfoRecord {
	people := who.MaskFor(r.OrgPath) != access.MaskPeople
	if r.Sensitive && (leaves || !people) {
		r.Target, r.TargetName, r.Value, r.Note = nil, maskTarget(r.TargetName), "", ""
	}
	if !people {
		r.TargetName, r.WorkerName = maskTarget(r.TargetName), access.MaskName(r.WorkerName)
	}
	return r
}

var (
	kindCode = regexp.MustCompile(`^[a-z][a-z0-9_]{1,29}$`)
	itemCode = regexp.MustCompile(`^[A-Z]{2}(-[0-9]{2,3})?$`)
)

func (a *API) visitDictionaryRoutes() {
	type kindsBody struct {
		Kinds      []postgres.VisitKind `json:"kinds"`
		Classes    map[string]string    `json:"classes"`
		Doubts     map[string]string    `json:"doubts" doc:"what may be doubtful about a visit"`
		Activities map[string]string    `json:"activities"`
	}
	route(a, http.MethodGet, "/visit-kinds", "Kinds of visit objects (三大类二十二种 and places); retired ones too", person, func(ctx context.Context, _ access.Session, _ *nothing) (*struct{ Body kindsBody }, error) {
		list, err := postgres.VisitKinds(ctx, a.DB.Pool)
		return &struct{ Body kindsBody }{kindsBody{list, visitClasses, patrol.VisitDoubts(), patrol.Activities()}}, err
	})

	route(a, http.MethodPut, "/visit-kinds/{code}", "Change a kind, or with version 0 add one; nothing is deleted", power(access.ManageRules), func(ctx context.Context, who access.Session, in *struct {
		Code string `path:"code" maxLength:"30"`
		Body struct {
			Class     string  `json:"class" enum:"backbone,service,control,place"`
			Name      string  `json:"name"`
			CycleN    *int16  `json:"cycle_n,omitempty" minimum:"1" maximum:"366"`
			CycleUnit *string `json:"cycle_unit,omitempty" enum:"day,week,month,quarter,year"`
			Sort      int32   `json:"sort,omitempty"`
			Retired   bool    `json:"retired,omitempty"`
			Version   int32   `json:"version,omitempty" doc:"as it was read; 0 = new"`
		}
	}) (*struct{ Body postgres.VisitKind }, error) {
		b := in.Body
		k := postgres.VisitKind{Code: in.Code, Class: b.Class, Name: strings.TrimSpace(b.Name), CycleN: b.CycleN, CycleUnit: b.CycleUnit, Sort: b.Sort, Retired: b.Retired, Version: b.Version}
		wrong := map[string]string{}
		if !kindCode.MatchString(k.Code) {
			wrong["code"] = "编码用小写字母、数字和下划线"
		}
		if n := utf8.RuneCountInString(k.Name); n < 1 || n > 30 {
			wrong["name"] = "请填写名称（不超过 30 字）"
		}
		if (k.CycleN == nil) != (k.CycleUnit == nil) {
			wrong["cycle_n"] = "周期的数量和单位要一起填"
		}
		if k.Class == "place" && k.Version == 0 {
			wrong["class"] = "点位类型是固定的四种"
		}
		if err := a.ruleEverybody(ctx, who, wrong); err != nil {
			return nil, err
		}
		err := a.DB.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
			if err := postgres.PutVisitKind(ctx, tx, k); err != nil {
				return err
			}
			if err := a.againThisWeek(ctx, tx); err != nil {
				return err
			}
			return a.audit(ctx, tx, who, "visit_kind.changed", k.Code, map[string]any{"name": k.Name, "class": k.Class, "retired": k.Retired})
		})
		if err != nil {
			return nil, err
		}
		list, err := postgres.VisitKinds(ctx, a.DB.Pool)
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(list, func(x postgres.VisitKind) bool { return x.Code == k.Code })
		return &struct{ Body postgres.VisitKind }{list[i]}, nil
	})

	type itemsBody struct {
		Items []postgres.InfoItem `json:"items"`
	}
	route(a, http.MethodGet, "/info-items", "Items of basic information (7大类33项); a category is an item without a parent; retired ones too", person, func(ctx context.Context, _ access.Session, _ *nothing) (*struct{ Body itemsBody }, error) {
		list, err := postgres.InfoItems(ctx, a.DB.Pool)
		return &struct{ Body itemsBody }{itemsBody{list}}, err
	})

	route(a, http.MethodPut, "/info-items/{code}", "Change an item, or with version 0 add one; nothing is deleted", power(access.ManageRules), func(ctx context.Context, who access.Session, in *struct {
		Code string `path:"code" maxLength:"8"`
		Body struct {
			Parent  string   `json:"parent,omitempty" maxLength:"2"`
			Name    string   `json:"name"`
			Answer  string   `json:"answer,omitempty" enum:"state,yes_no,number,text,choice,"`
			Choices string   `json:"choices,omitempty" maxLength:"200"`
			Unit    string   `json:"unit,omitempty" maxLength:"10"`
			Kinds   []string `json:"kinds,omitempty"`
			Sort    int32    `json:"sort,omitempty"`
			Retired bool     `json:"retired,omitempty"`
			Version int32    `json:"version,omitempty" doc:"as it was read; 0 = new"`
		}
	}) (*struct{ Body postgres.InfoItem }, error) {
		b := in.Body
		i := postgres.InfoItem{Code: in.Code, Parent: b.Parent, Name: strings.TrimSpace(b.Name), Answer: b.Answer, Choices: strings.Join(strings.Fields(b.Choices), " "), Unit: strings.TrimSpace(b.Unit),
			Kinds: append([]string{}, b.Kinds...), Sort: b.Sort, Retired: b.Retired, Version: b.Version}
		if i.Answer == "" {
			i.Answer = "state"
		}
		wrong := map[string]string{}
		if !itemCode.MatchString(i.Code) || (i.Parent == "") != (len(i.Code) == 2) || i.Parent != "" && !strings.HasPrefix(i.Code, i.Parent+"-") {
			wrong["code"] = "类别编码是两个大写字母，信息项编码是类别加两位数字，如 ZZ-07"
		}
		if n := utf8.RuneCountInString(i.Name); n < 1 || n > 30 {
			wrong["name"] = "请填写名称（不超过 30 字）"
		}
		if i.Answer == "choice" && len(strings.Fields(i.Choices)) < 2 {
			wrong["choices"] = "请至少填写两个选项，用空格分开"
		}
		kinds, err := postgres.VisitKinds(ctx, a.DB.Pool)
		if err != nil {
			return nil, err
		}
		if !knownKinds(kinds, i.Kinds) {
			wrong["kinds"] = "没有这个走访对象类型"
		}
		if err := a.ruleEverybody(ctx, who, wrong); err != nil {
			return nil, err
		}
		err = a.DB.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
			if err := postgres.PutInfoItem(ctx, tx, i); err != nil {
				return err
			}
			return a.audit(ctx, tx, who, "info_item.changed", i.Code, map[string]any{"name": i.Name, "retired": i.Retired})
		})
		if err != nil {
			return nil, err
		}
		list, err := postgres.InfoItems(ctx, a.DB.Pool)
		if err != nil {
			return nil, err
		}
		at := slices.IndexFunc(list, func(x postgres.InfoItem) bool { return x.Code == i.Code })
		return &struct{ Body postgres.InfoItem }{list[at]}, nil
	})

	a.visitPlanRoutes()

	route(a, http.MethodGet, "/visit-rule", "What the caller's region takes for a visit, and when one looks doubtful", person, func(ctx context.Context, who access.Session, _ *nothing) (*struct{ Body patrol.VisitRule }, error) {
		if len(who.Posts) == 0 {
			return nil, fault.New(fault.Missing, "没有这个区域，或者不在您的管辖范围")
		}
		r, err := postgres.VisitRuleOf(ctx, a.DB.Pool, who.Posts[0].Region)
		return &struct{ Body patrol.VisitRule }{r}, err
	})

	route(a, http.MethodPut, "/visit-rule", "Change it; visits that were judged already stay as they are", power(access.ManageRules), func(ctx context.Context, who access.Session, in *struct{ Body patrol.VisitRule }) (*struct{ Body patrol.VisitRule }, error) {
		region, err := a.ruledRegion(ctx, who, 0)
		if err != nil {
			return nil, err
		}
		err = a.DB.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
			if err := postgres.PutVisitRule(ctx, tx, region, in.Body); err != nil {
				return err
			}
			if err := a.againThisWeek(ctx, tx); err != nil {
				return err
			}
			return a.audit(ctx, tx, who, "visit_rule.changed", "", map[string]any{"near_m": in.Body.NearM, "min_dwell_s": in.Body.MinDwellS, "late_h": in.Body.LateH, "attempt_counts": in.Body.AttemptCounts, "remote_counts": in.Body.RemoteCounts})
		})
		if err != nil {
			return nil, err
		}
		r, err := postgres.VisitRuleOf(ctx, a.DB.Pool, region)
		return &struct{ Body patrol.VisitRule }{r}, err
	})

	route(a, http.MethodPost, "/info-records", "Report information (信息报送): it is filed by its item, dispatched to nobody; the same client_id again changes nothing", power(access.OnDuty),
		func(ctx context.Context, who access.Session, in *struct {
			Body struct {
				ClientID string     `json:"client_id" minLength:"1" maxLength:"48"`
				Item     string     `json:"item"`
				Value    string     `json:"value"`
				Issue    bool       `json:"issue,omitempty"`
				Note     string     `json:"note,omitempty"`
				At       time.Time  `json:"at"`
				Grid     int64      `json:"grid,omitempty" doc:"one of the caller's own"`
				Point    *orb.Point `json:"point,omitempty"`
			}
		}) (*struct{ Body postgres.InfoRecord }, error) {
			b := in.Body
			r, err := a.Desk.FileInfo(ctx, who.Principal, desk.InfoDraft{ClientID: b.ClientID, Item: b.Item, Value: b.Value, Issue: b.Issue, Note: b.Note, At: b.At, Grid: b.Grid, Point: b.Point})
			return &struct{ Body postgres.InfoRecord }{r}, err
		}, created)

	route(a, http.MethodGet, "/info-records", "Information as it was reported, newest first", power(access.SeeStatistic), func(ctx context.Context, who access.Session, in *struct {
		Paging
		Org    int64     `query:"org"`
		Grid   int64     `query:"grid"`
		Item   string    `query:"item" maxLength:"8" doc:"an item, or a category"`
		Issues bool      `query:"issues" doc:"only what is not as it should be"`
		From   time.Time `query:"from"`
		To     time.Time `query:"to"`
	}) (*struct {
		ListHead
		Body infoList
	}, error) {
		f := postgres.InfoFilter{Scope: who.Scope(access.SeeStatistic), Org: some(in.Org), Grid: some(in.Grid), Item: in.Item, Issues: in.Issues, From: instant(in.From), To: instant(in.To), Limit: in.rows()}
		var at incidentCursor
		if ok, err := in.read(&at); err != nil {
			return nil, err
		} else if ok {
			f.BeforeAt, f.BeforeID = &at.At, &at.ID
		}
		list, err := postgres.InfoRecords(ctx, a.DB.Pool, f)
		if err != nil {
			return nil, err
		}
		if err := a.exported(ctx, in.Paging, who, "info_records.exported", "", map[string]any{"rows": len(list)}); err != nil {
			return nil, err
		}
		list, next := cut(in.Paging, list, func(r postgres.InfoRecord) any { return incidentCursor{r.At, r.ID} })
		for i, r := range list {
			list[i] = shownInfo(who, r, in.export())
		}
		return &struct {
			ListHead
			Body infoList
		}{head(in.Paging, "info-records", a.Clock()), infoList{list, next}}, nil
	})
}

// visitPlanEdit is what an administrator sends of a plan.
type visitPlanEdit struct {
	Org       *int64   `json:"org,omitempty" doc:"none = everywhere"`
	Aim       string   `json:"aim" enum:"visit,clear"`
	Name      string   `json:"name"`
	Kinds     []string `json:"kinds,omitempty"`
	Items     []string `json:"items,omitempty"`
	CycleN    int16    `json:"cycle_n" minimum:"1" maximum:"366"`
	CycleUnit string   `json:"cycle_unit" enum:"day,week,month,quarter,year"`
	ValidFrom string   `json:"valid_from" format:"date"`
	ValidTo   *string  `json:"valid_to,omitempty" format:"date"`
	Note      string   `json:"note,omitempty"`
	Version   int32    `json:"version,omitempty"`
}

func (a *API) visitPlanRoutes() {
	type plans struct {
		Plans []postgres.VisitPlan `json:"plans"`
	}
	route(a, http.MethodGet, "/visit-plans", "Plans of visits (五必访) and of knowing (三必清) that concern the caller", person, func(ctx context.Context, who access.Session, _ *nothing) (*struct{ Body plans }, error) {
		var scope []string
		for _, post := range who.Posts {
			scope = append(scope, post.Path)
		}
		list, err := postgres.VisitPlans(ctx, a.DB.Pool, access.Outermost(scope), 0)
		return &struct{ Body plans }{plans{list}}, err
	})
	route(a, http.MethodPost, "/visit-plans", "Make a plan", power(access.ManageRules), func(ctx context.Context, who access.Session, in *struct{ Body visitPlanEdit }) (*struct{ Body postgres.VisitPlan }, error) {
		return a.putVisitPlan(ctx, who, 0, in.Body)
	}, created)
	route(a, http.MethodPut, "/visit-plans/{id}", "Change a plan, or end it with valid_to", power(access.ManageRules), func(ctx context.Context, who access.Session, in *struct {
		ID   int64 `path:"id" minimum:"1"`
		Body visitPlanEdit
	}) (*struct{ Body postgres.VisitPlan }, error) {
		return a.putVisitPlan(ctx, who, in.ID, in.Body)
	})
	type progress struct {
		Plan  postgres.VisitPlan      `json:"plan"`
		Grids []postgres.PlanProgress `json:"grids"`
	}
	route(a, http.MethodGet, "/visit-plans/{id}/progress", "How the grids of the scope stand in a plan: n of d within the cycle", power(access.SeeStatistic), func(ctx context.Context, who access.Session, in *struct {
		ID int64 `path:"id" minimum:"1"`
	}) (*struct{ Body progress }, error) {
		scope := who.Scope(access.SeeStatistic)
		list, err := postgres.VisitPlans(ctx, a.DB.Pool, scope, in.ID)
		if err != nil {
			return nil, err
		}
		if len(list) == 0 {
			return nil, fault.New(fault.Missing, "没有这个计划，或者不在您的管辖范围")
		}
		grids, err := postgres.Progress(ctx, a.DB.Pool, scope, list[0], a.Clock().UTC())
		return &struct{ Body progress }{progress{list[0], grids}}, err
	})
}

func (a *API) putVisitPlan(ctx context.Context, who access.Session, id int64, e visitPlanEdit) (*struct{ Body postgres.VisitPlan }, error) {
	p := postgres.VisitPlan{ID: id, Org: e.Org, Aim: e.Aim, Name: strings.TrimSpace(e.Name), Kinds: append([]string{}, e.Kinds...), Items: append([]string{}, e.Items...), CycleN: e.CycleN, CycleUnit: e.CycleUnit,
		ValidFrom: e.ValidFrom, ValidTo: e.ValidTo, Note: strings.TrimSpace(e.Note), Version: e.Version}
	kinds, err := postgres.VisitKinds(ctx, a.DB.Pool)
	if err != nil {
		return nil, err
	}
	items, err := postgres.InfoItems(ctx, a.DB.Pool)
	if err != nil {
		return nil, err
	}
	wrong := map[string]string{}
	if n := utf8.RuneCountInString(p.Name); n < 1 || n > 30 || utf8.RuneCountInString(p.Note) > 200 {
		wrong["name"] = "请填写名称（不超过 30 字），备注不超过 200 字"
	}
	if p.ValidTo != nil && *p.ValidTo < p.ValidFrom {
		wrong["valid_to"] = "结束日期早于开始日期"
	}
	if p.Aim == "visit" {
		if p.Items = []string{}; len(p.Kinds) == 0 || !knownKinds(kinds, p.Kinds) {
			wrong["kinds"] = "请选择走访对象类型"
		}
	} else {
		p.Kinds = []string{}
		for _, code := range p.Items {
			if !slices.ContainsFunc(items, func(i postgres.InfoItem) bool { return i.Code == code && i.Parent != "" }) {
				wrong["items"] = "没有这个信息项"
			}
		}
		if len(p.Items) == 0 {
			wrong["items"] = "请选择信息项"
		}
	}
	if len(wrong) > 0 {
		return nil, &fault.Fault{Kind: fault.Invalid, Public: "计划有误，请检查标出的项目", Fields: wrong}
	}
	missing := fault.New(fault.Missing, "没有这个计划，或者不在您的管辖范围")
	if id != 0 {
		was, err := postgres.VisitPlans(ctx, a.DB.Pool, who.Scope(access.ManageRules), id)
		if err != nil {
			return nil, err
		}
		if len(was) == 0 || was[0].Org != nil && !who.May(access.ManageRules, was[0].OrgPath) {
			return nil, missing
		}
		if was[0].Org == nil {
			if _, err := a.ruledRegion(ctx, who, 0); err != nil {
				return nil, err
			}
		}
	}
	if p.Org == nil {
		if _, err := a.ruledRegion(ctx, who, 0); err != nil {
			return nil, err
		}
	} else if h, err := postgres.OrgByID(ctx, a.DB.Pool, *p.Org); err != nil && !fault.Is(err, fault.Missing) {
		return nil, err
	} else if err != nil || !who.May(access.ManageRules, h.Path) {
		return nil, fault.New(fault.Missing, "没有这个组织机构，或者不在您的管辖范围")
	}
	err = a.DB.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if p.ID, err = postgres.PutVisitPlan(ctx, tx, p); err != nil {
			return err
		}
		if err := a.againThisWeek(ctx, tx); err != nil {
			return err
		}
		return a.audit(ctx, tx, who, "visit_plan.changed", p.Name, map[string]any{"plan": p.ID, "aim": p.Aim, "org": p.Org, "valid_to": p.ValidTo})
	})
	if err != nil {
		return nil, err
	}
	list, err := postgres.VisitPlans(ctx, a.DB.Pool, who.Scope(access.ManageRules), p.ID)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return &struct{ Body postgres.VisitPlan }{list[0]}, nil
}

// ruleEverybody is a fault when something is wrong, or when the caller rules no
// whole region: the dictionaries are everybody's.
func (a *API) ruleEverybody(ctx context.Context, who access.Session, wrong map[string]string) error {
	if _, err := a.ruledRegion(ctx, who, 0); err != nil {
		return err
	}
	if len(wrong) > 0 {
		return &fault.Fault{Kind: fault.Invalid, Public: "填写有误，请检查标出的项目", Fields: wrong}
	}
	return nil
}

func knownKinds(kinds []postgres.VisitKind, codes []string) bool {
	return !slices.ContainsFunc(codes, func(c string) bool {
		return !slices.ContainsFunc(kinds, func(k postgres.VisitKind) bool { return k.Code == c })
	})
}

// againThisWeek has the running week put together again: what is due, or what
// counts as a visit, has changed. Weeks that are over keep what they came to.
func (a *API) againThisWeek(ctx context.Context, tx pgx.Tx) error {
	_, err := postgres.MarkEveryWeek(ctx, tx, patrol.Monday(workday.DayOf(a.Clock())), postgres.WhyRule)
	return err
}
