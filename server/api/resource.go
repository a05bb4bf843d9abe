package api

import (
	"context"
	"net/http"
	"strconv"

	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/territory"
	"github.com/gridward/gridward/server/territory/intake"
)

type resourceList struct {
	Resources []territory.Resource     `json:"resources"`
	Kinds     []territory.ResourceKind `json:"kinds"`
	Next      string                   `json:"next,omitempty"`
}

func (l resourceList) table() ([]string, [][]string) {
	rows := make([][]string, len(l.Resources))
	for i, r := range l.Resources {
		rows[i] = []string{r.Code, r.KindName, r.Name, r.OrgName, strconv.FormatFloat(r.Point[0], 'f', 6, 64), strconv.FormatFloat(r.Point[1], 'f', 6, 64), r.Address, r.Contact, r.Phone, r.Hours, r.Note, r.OrgCode, resourceStates[r.Status]}
	}
	return []string{"编号", "类型", "名称", "所属机构", "经度", "纬度", "地址", "联系人", "电话", "开放时间", "备注", "机构编码", "状态"}, rows
}

// resourceStates are the words that an import reads again.
var resourceStates = map[string]string{"active": "正常", "out_of_order": "故障", "retired": "撤销"}

func (a *API) resourceRoutes() {
	route(a, http.MethodGet, "/resources", "What may be of use near a case: hydrants, AEDs, shelters, rescue teams, …", power(access.SeeMap), func(ctx context.Context, who access.Session, in *struct {
		Paging
		Kind   string `query:"kind" maxLength:"20"`
		Q      string `query:"q" maxLength:"40" doc:"name, address, code or pinyin initials"`
		Org    int64  `query:"org"`
		Status string `query:"status" enum:"active,out_of_order,retired," doc:"all that are not retired unless told"`
	}) (*struct {
		ListHead
		Body resourceList
	}, error) {
		var after int64
		if _, err := in.read(&after); err != nil {
			return nil, err
		}
		list, err := postgres.Resources(ctx, a.DB.Pool, postgres.ResourceFilter{Scope: who.Scope(access.SeeMap), Kind: in.Kind, Status: in.Status, Org: some(in.Org), Query: in.Q, After: after, Limit: in.rows()})
		if err != nil {
			return nil, err
		}
		list, next := cut(in.Paging, list, func(r territory.Resource) any { return r.ID })
		for i := range list {
			list[i] = shownResource(who, list[i])
		}
		return &struct {
			ListHead
			Body resourceList
		}{head(in.Paging, "resources", a.Clock()), resourceList{list, territory.ResourceKinds(), next}}, nil
	})

	type imported struct {
		Body struct {
			Added   int `json:"added"`
			Changed int `json:"changed"`
		}
	}
	route(a, http.MethodPost, "/resources", "Import resources: a table with a heading, UTF-8 or GBK; a code that is there is changed", power(access.ManageRules), func(ctx context.Context, who access.Session, in *struct {
		Body struct {
			CSV string `json:"csv" maxLength:"4000000" doc:"编号,类型,名称,经度,纬度,机构编码,地址,联系人,电话,开放时间,备注,状态"`
			CRS string `json:"crs,omitempty" enum:"wgs84,gcj02,bd09," doc:"what the coordinates are in; wgs84 unless told"`
		}
	}) (*imported, error) {
		list, err := intake.Resources([]byte(in.Body.CSV))
		if err != nil {
			return nil, fault.Because(err, fault.Invalid, "表格有误：%v", err).At("csv")
		}
		for i := range list {
			p, err := a.toWGS84(in.Body.CRS, &list[i].Point)
			if err != nil {
				return nil, err
			}
			list[i].Point = *p
		}
		home := ""
		land, _, err := a.atlas.read(ctx)
		if err != nil {
			return nil, err
		}
		scope := who.Scope(access.ManageRules)
		if o := land.orgAt[scope[0]]; o != nil {
			home = o.Code
		}
		out := &imported{}
		err = a.DB.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
			if out.Body.Added, out.Body.Changed, err = postgres.PutResources(ctx, tx, list, home, scope); err != nil {
				return err
			}
			return a.audit(ctx, tx, who, "resources.imported", "", map[string]any{"added": out.Body.Added, "changed": out.Body.Changed})
		})
		return out, err
	})
}
