package api

import (
	"context"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/desk"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/territory/intake"
)

type catalogueBody struct {
	Entries []incident.CatalogueEntry `json:"entries"`
}

func (b catalogueBody) table() ([]string, [][]string) {
	rows := make([][]string, len(b.Entries))
	yes := map[bool]string{true: "是", false: ""}
	for i, e := range b.Entries {
		rows[i] = []string{e.Code, e.Parent, e.Name, tierNames[e.DefaultTier], e.DefaultOrgName, e.Keywords, yes[e.Sensitive], yes[e.PhotoAfter], e.StdRef, e.StdKind, e.StdCode, e.StdName, yes[e.Retired]}
	}
	return []string{"编码", "上级", "名称", "默认层级", "默认部门", "关键词", "敏感", "须处置后照片", "标准号", "部件/事项", "标准代码", "标准名称", "停用"}, rows
}

var tierNames = map[int16]string{1: "一级", 2: "二级", 3: "三级", 4: "四级"}

// catalogueEdit is what an administrator sends of an entry.
type catalogueEdit struct {
	Code        string  `json:"code,omitempty"`
	Parent      *string `json:"parent,omitempty"`
	Name        string  `json:"name"`
	Sort        *int    `json:"sort,omitempty" doc:"as it is unless told"`
	Retired     bool    `json:"retired,omitempty"`
	Keywords    string  `json:"keywords,omitempty" doc:"one space between"`
	DefaultTier int16   `json:"default_tier,omitempty"`
	DefaultOrg  *int64  `json:"default_org,omitempty"`
	Sensitive   bool    `json:"sensitive,omitempty"`
	PhotoAfter  bool    `json:"photo_after,omitempty"`
	AlikeM      int16   `json:"alike_m,omitempty"`
	StdRef      string  `json:"std_ref,omitempty"`
	StdKind     *string `json:"std_kind,omitempty"`
	StdCode     string  `json:"std_code,omitempty"`
	Version     int32   `json:"version,omitempty" doc:"as it was read; If-Match serves as well"`
}

func (e catalogueEdit) entry() incident.CatalogueEntry {
	var parent, kind string
	var sort int
	if e.Parent != nil {
		parent = *e.Parent
	}
	if e.StdKind != nil {
		kind = *e.StdKind
	}
	if e.Sort != nil {
		sort = *e.Sort
	}
	return incident.CatalogueEntry{Code: e.Code, Parent: parent, Name: e.Name, Sort: sort, Retired: e.Retired, Keywords: e.Keywords, DefaultTier: e.DefaultTier, DefaultOrg: e.DefaultOrg,
		Sensitive: e.Sensitive, PhotoAfter: e.PhotoAfter, AlikeM: e.AlikeM, StdRef: e.StdRef, StdKind: kind, StdCode: e.StdCode, Version: e.Version}
}

func (a *API) catalogueRoutes() {
	route(a, http.MethodGet, "/catalogue", "The catalogue of incident categories with its rules, and how many open cases each has", person, func(ctx context.Context, who access.Session, in *struct {
		Retired bool   `query:"retired" doc:"retired entries too"`
		Format  string `query:"format" enum:"json,csv" default:"json"`
	}) (*struct {
		ListHead
		Body catalogueBody
	}, error) {
		list, err := postgres.Catalogue(ctx, a.DB.Pool, who.Scope(access.SeeMap), in.Retired)
		if err != nil {
			return nil, err
		}
		return &struct {
			ListHead
			Body catalogueBody
		}{head(Paging{Format: in.Format}, "catalogue", a.Clock()), catalogueBody{append([]incident.CatalogueEntry{}, list...)}}, nil
	})

	route(a, http.MethodPost, "/catalogue", "Add a category", power(access.ManageRules), func(ctx context.Context, who access.Session, in *struct{ Body catalogueEdit }) (*struct{ Body incident.CatalogueEntry }, error) {
		return a.putCategory(ctx, who, in.Body.entry(), "category.added", postgres.InsertCategory)
	}, created)

	route(a, http.MethodPut, "/catalogue/{code}", "Change a category, or retire it: nothing is deleted", power(access.ManageRules), func(ctx context.Context, who access.Session, in *struct {
		Code    string `path:"code" maxLength:"20"`
		IfMatch string `header:"If-Match"`
		Body    catalogueEdit
	}) (*struct{ Body incident.CatalogueEntry }, error) {
		e := in.Body.entry()
		seen, err := version(in.IfMatch)
		if err != nil {
			return nil, err
		}
		if e.Code = in.Code; seen != 0 {
			e.Version = seen
		}
		before, err := postgres.CatalogueEntry(ctx, a.DB.Pool, e.Code)
		if err != nil {
			return nil, err
		}
		if in.Body.Sort == nil {
			e.Sort = before.Sort
		}
		return a.putCategory(ctx, who, e, "category.changed", postgres.UpdateCategory)
	})

	route(a, http.MethodGet, "/catalogue/standard", "National codes that were imported", person, func(ctx context.Context, _ access.Session, in *struct {
		Ref   string `query:"standard_ref" maxLength:"40"`
		Kind  string `query:"kind" enum:"部件,事项,"`
		Q     string `query:"q" maxLength:"40"`
		Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"200"`
	}) (*struct {
		Body struct {
			Codes []incident.StandardCode `json:"codes"`
		}
	}, error) {
		list, err := postgres.StandardCodes(ctx, a.DB.Pool, in.Ref, in.Kind, in.Q, in.Limit)
		out := &struct {
			Body struct {
				Codes []incident.StandardCode `json:"codes"`
			}
		}{}
		out.Body.Codes = append([]incident.StandardCode{}, list...)
		return out, err
	})

	route(a, http.MethodPost, "/catalogue/import", "Import national codes from CSV (UTF-8 or GBK): standard_ref, kind (部件 or 事项), code5, name", power(access.ManageRules),
		func(ctx context.Context, who access.Session, in *struct {
			DryRun  bool   `query:"dry_run"`
			RawBody []byte `contentType:"text/csv"`
		}) (*struct{ Body imported }, error) {
			if _, err := a.ruledRegion(ctx, who, 0); err != nil {
				return nil, err
			}
			rows, where, err := intake.StandardCodes(in.RawBody)
			if err != nil {
				return nil, fault.Because(err, fault.Invalid, "文件无法读取：应为带表头的 CSV，含标准号、类别（部件或事项）、代码、名称四列")
			}
			codes, report := incident.CheckStandardCodes(rows, where)
			return a.takeIn(ctx, who, in.DryRun, report, "catalogue.imported", func(ctx context.Context, tx pgx.Tx) (postgres.Outcome, error) {
				return postgres.PutStandardCodes(ctx, tx, codes)
			})
		}, takesFile)

	route(a, http.MethodGet, "/departments", "Departments of the caller's regions: who leads them, what comes to them first, how they stand", person, func(ctx context.Context, who access.Session, _ *nothing) (*struct {
		Body struct {
			Departments []postgres.DepartmentRow `json:"departments"`
		}
	}, error) {
		list, err := postgres.DepartmentList(ctx, a.DB.Pool, desk.AllRegions(who.Principal), a.Clock(), nil)
		if err != nil {
			return nil, err
		}
		out := &struct {
			Body struct {
				Departments []postgres.DepartmentRow `json:"departments"`
			}
		}{}
		out.Body.Departments = []postgres.DepartmentRow{}
		for _, d := range list {
			out.Body.Departments = append(out.Body.Departments, shownDepartment(who, d))
		}
		return out, nil
	})

	route(a, http.MethodPut, "/departments/{id}", "Change a department, and which categories come to it first", power(access.ManageRules), func(ctx context.Context, who access.Session, in *struct {
		ID      int64  `path:"id"`
		IfMatch string `header:"If-Match"`
		Body    struct {
			Name         string   `json:"name"`
			ShortName    string   `json:"short_name,omitempty"`
			Phone        string   `json:"phone,omitempty"`
			Head         string   `json:"head,omitempty"`
			Contact      string   `json:"contact,omitempty"`
			ContactPhone string   `json:"contact_phone,omitempty"`
			Duties       string   `json:"duties,omitempty"`
			Categories   []string `json:"categories" doc:"codes; they leave the department they were routed to before"`
			Version      int32    `json:"version,omitempty"`
		}
	}) (*struct{ Body postgres.DepartmentRow }, error) {
		o, err := postgres.OrgByID(ctx, a.DB.Pool, in.ID)
		if err != nil && !fault.Is(err, fault.Missing) {
			return nil, err
		}
		if err != nil || !who.May(access.ManageRules, o.Path) || o.Kind != "department" && o.Kind != "district_dept" {
			return nil, fault.New(fault.Missing, "没有这个部门，或者不在您的管辖范围")
		}
		b := in.Body
		d := postgres.DepartmentRow{ID: in.ID, Name: strings.TrimSpace(b.Name), ShortName: strings.TrimSpace(b.ShortName), Phone: strings.TrimSpace(b.Phone), Head: strings.TrimSpace(b.Head),
			Contact: strings.TrimSpace(b.Contact), ContactPhone: strings.TrimSpace(b.ContactPhone), Duties: strings.TrimSpace(b.Duties), Version: b.Version}
		if seen, err := version(in.IfMatch); err != nil {
			return nil, err
		} else if seen != 0 {
			d.Version = seen
		}
		if d.Name == "" || utf8.RuneCountInString(d.Name) > 60 || utf8.RuneCountInString(d.ShortName+d.Phone+d.Head+d.Contact+d.ContactPhone) > 200 || utf8.RuneCountInString(d.Duties) > 1000 {
			return nil, fault.New(fault.Invalid, "名称不能为空，不超过 60 字；其他内容太长")
		}
		seen := map[string]bool{}
		for _, code := range b.Categories {
			if !seen[code] {
				seen[code] = true
				d.Categories = append(d.Categories, postgres.CodeAndName{Code: code})
			}
		}
		err = a.DB.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
			if err := postgres.PutDepartment(ctx, tx, d); err != nil {
				return err
			}
			return a.audit(ctx, tx, who, "department.changed", o.Name, map[string]any{"department": in.ID, "name": d.Name, "categories": b.Categories})
		})
		if err != nil {
			return nil, err
		}
		list, err := postgres.DepartmentList(ctx, a.DB.Pool, []int64{o.Region}, a.Clock(), &in.ID)
		if err != nil || len(list) == 0 {
			return nil, err
		}
		return &struct{ Body postgres.DepartmentRow }{shownDepartment(who, list[0])}, nil
	})
}

// shownDepartment is the department as this caller may read it: how it stands
// is for those who see its cases, a person's name and telephone for those who
// may see people.
func shownDepartment(who access.Session, d postgres.DepartmentRow) postgres.DepartmentRow {
	if !who.May(access.SeeMap, d.Path) {
		d.Open, d.Late, d.Whistles = nil, nil, nil
	}
	if !who.Has(access.SeePeople) {
		d.Head, d.Contact, d.ContactPhone = access.MaskName(d.Head), access.MaskName(d.Contact), ""
	}
	return d
}

// putCategory writes an entry of the catalogue with its audit.
func (a *API) putCategory(ctx context.Context, who access.Session, e incident.CatalogueEntry, action string, put func(context.Context, postgres.Querier, incident.CatalogueEntry) error) (*struct{ Body incident.CatalogueEntry }, error) {
	if _, err := a.ruledRegion(ctx, who, 0); err != nil { // the catalogue is everybody's
		return nil, err
	}
	e, err := e.Tidy()
	if err != nil {
		return nil, err
	}
	wrong := func(field, what string) error {
		return fault.New(fault.Invalid, "%s", what).At(field)
	}
	if e.DefaultOrg != nil {
		o, err := postgres.OrgByID(ctx, a.DB.Pool, *e.DefaultOrg)
		if err != nil && !fault.Is(err, fault.Missing) {
			return nil, err
		}
		if err != nil || o.Kind != "department" && o.Kind != "district_dept" {
			return nil, wrong("default_org", "没有这个部门")
		}
	}
	if e.StdCode != "" {
		known, err := postgres.StandardCodeKnown(ctx, a.DB.Pool, e.StdRef, e.StdKind, e.StdCode)
		if err != nil {
			return nil, err
		}
		if !known {
			return nil, wrong("std_code", "没有这个标准代码，请先导入")
		}
	}
	err = a.DB.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := put(ctx, tx, e); err != nil {
			return err
		}
		return a.audit(ctx, tx, who, action, e.Code, map[string]any{"name": e.Name, "tier": e.DefaultTier, "org": e.DefaultOrg, "retired": e.Retired, "sensitive": e.Sensitive})
	})
	if err != nil {
		return nil, err
	}
	e, err = postgres.CatalogueEntry(ctx, a.DB.Pool, e.Code)
	return &struct{ Body incident.CatalogueEntry }{e}, err
}
