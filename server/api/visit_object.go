package api

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/territory"
	"github.com/gridward/gridward/server/territory/intake"
)

type visitObjectList struct {
	Objects []postgres.VisitObject      `json:"objects"`
	Counts  []postgres.VisitObjectCount `json:"counts,omitempty" doc:"class by class, of all pages; with the first"`
	Next    string                      `json:"next,omitempty"`
}

var dueWords = map[string]string{"overdue": "逾期未访", "due": "临近到期", "ok": "未到期", "none": "无周期"}

func cycleText(n *int16, unit *string) string {
	if n == nil || unit == nil {
		return ""
	}
	for _, u := range territory.CycleUnits {
		if u.Unit == *unit {
			return strconv.Itoa(int(*n)) + u.Word
		}
	}
	return ""
}

func (l visitObjectList) table() ([]string, [][]string) {
	rows := make([][]string, len(l.Objects))
	for i, o := range l.Objects {
		last, due := "", ""
		if o.LastVisitAt != nil {
			last = localTime(*o.LastVisitAt)
		}
		if o.DueOn != nil {
			due = *o.DueOn
		}
		lon, lat := strconv.FormatFloat(o.Point[0], 'f', 6, 64), strconv.FormatFloat(o.Point[1], 'f', 6, 64)
		if o.Point == (orb.Point{}) {
			lon, lat = "", ""
		}
		rows[i] = []string{o.Code, visitClasses[o.Class], o.KindName, o.Name, o.OrgName, o.GridName, o.Address, o.Phone, lon, lat, cycleText(o.CycleN, o.CycleUnit), cycleText(o.EveryN, o.EveryUnit), o.GuardianName,
			map[bool]string{true: "是"}[o.Sensitive], last, due, dueWords[o.Due], o.Note}
	}
	return []string{"编号", "对象类别", "类型", "名称", "社区(村)", "网格", "地址", "电话", "经度", "纬度", "周期", "生效周期", "包保责任人姓名", "敏感", "上次走访", "应访日期", "状态", "备注"}, rows
}

// shownObject is the object as this caller may read it: 管控对象 are masked
// without see_people, their place too, and whenever they leave as a file.
func shownObject(who access.Session, o postgres.VisitObject, leaves bool) postgres.VisitObject {
	people := who.MaskFor(o.OrgPath) != access.MaskPeople
	if o.Sensitive && (leaves || !people) {
		o.Name, o.Address, o.Phone, o.Note, o.Code, o.Point = maskTarget(o.Name), "", "", "", "", orb.Point{}
	}
	if !people {
		if personal(o.Class, o.Kind) && !o.Sensitive {
			o.Name = maskTarget(o.Name)
		}
		o.Phone, o.Note, o.GuardianName = "", "", access.MaskName(o.GuardianName)
	}
	return o
}

// visitObjectEdit is what a keeper sends of an object.
type visitObjectEdit struct {
	Org        int64     `json:"org,omitempty" doc:"of the grid under the point unless told"`
	Code       string    `json:"code,omitempty" maxLength:"60"`
	Kind       string    `json:"kind"`
	Name       string    `json:"name" minLength:"1" maxLength:"60"`
	Address    string    `json:"address,omitempty" maxLength:"200"`
	Phone      string    `json:"phone,omitempty" maxLength:"40"`
	Point      orb.Point `json:"point"`
	CRS        string    `json:"crs,omitempty" enum:"wgs84,gcj02,bd09,"`
	CycleN     *int16    `json:"cycle_n,omitempty" minimum:"1" maximum:"366"`
	CycleUnit  *string   `json:"cycle_unit,omitempty" enum:"day,week,month,quarter,year"`
	Guardian   *int64    `json:"guardian,omitempty" doc:"包保责任人: a worker"`
	Sensitive  bool      `json:"sensitive,omitempty" doc:"管控对象 always are"`
	ActiveFrom string    `json:"active_from,omitempty" format:"date" doc:"today unless told"`
	ActiveTo   *string   `json:"active_to,omitempty" format:"date"`
	FirstDue   *string   `json:"first_due,omitempty" format:"date" doc:"when it is due for the first time; one cycle after today unless told"`
	Note       string    `json:"note,omitempty" maxLength:"500"`
	Version    int32     `json:"version,omitempty" doc:"as it was read; If-Match serves as well"`
}

func (a *API) visitObjectRoutes() {
	type query struct {
		Paging
		Org     int64  `query:"org"`
		Grid    int64  `query:"grid"`
		Class   string `query:"class" enum:"backbone,service,control,place,"`
		Kind    string `query:"kind" maxLength:"30"`
		Due     string `query:"due" enum:"overdue,due,ok,none,never,todo," doc:"todo: overdue or due; never: never visited"`
		Q       string `query:"q" maxLength:"40" doc:"name, pinyin initials, address or number"`
		Retired bool   `query:"retired" doc:"those that are no longer active, instead"`
	}
	route(a, http.MethodGet, "/visit-objects", "Whom and what to visit (走访对象), due first", power(access.SeeStatistic), func(ctx context.Context, who access.Session, in *query) (*struct {
		ListHead
		Body visitObjectList
	}, error) {
		f := postgres.VisitObjectFilter{Scope: who.Scope(access.SeeStatistic), Now: a.Clock().UTC(), Org: some(in.Org), Grid: some(in.Grid), Class: in.Class, Kind: in.Kind, Due: in.Due, Query: in.Q,
			Names: who.Has(access.SeePeople), Retired: in.Retired, Limit: in.rows()}
		var at postgres.VisitObjectCursor
		more, err := in.read(&at)
		if err != nil {
			return nil, err
		}
		if more {
			f.After = &at
		}
		list, err := postgres.VisitObjects(ctx, a.DB.Pool, f)
		if err != nil {
			return nil, err
		}
		out := visitObjectList{}
		if !more {
			if out.Counts, err = postgres.CountVisitObjects(ctx, a.DB.Pool, f); err != nil {
				return nil, err
			}
		}
		if err := a.exported(ctx, in.Paging, who, "visit_objects.exported", "", map[string]any{"rows": len(list)}); err != nil {
			return nil, err
		}
		out.Objects, out.Next = cut(in.Paging, list, func(o postgres.VisitObject) any {
			c := postgres.VisitObjectCursor{ID: o.ID}
			if o.DueOn != nil {
				c.Due = *o.DueOn
			}
			return c
		})
		for i, o := range out.Objects {
			out.Objects[i] = shownObject(who, o, in.export())
		}
		return &struct {
			ListHead
			Body visitObjectList
		}{head(in.Paging, "visit-objects", a.Clock()), out}, nil
	})

	route(a, http.MethodPost, "/visit-objects", "Add a visit object", power(access.KeepVisits), func(ctx context.Context, who access.Session, in *struct{ Body visitObjectEdit }) (*struct{ Body postgres.VisitObject }, error) {
		return a.putVisitObject(ctx, who, postgres.VisitObject{}, in.Body)
	}, created)

	route(a, http.MethodPut, "/visit-objects/{id}", "Change a visit object, or end it with active_to: nothing is deleted", power(access.KeepVisits), func(ctx context.Context, who access.Session, in *struct {
		ID      int64  `path:"id"`
		IfMatch string `header:"If-Match"`
		Body    visitObjectEdit
	}) (*struct{ Body postgres.VisitObject }, error) {
		seen, err := version(in.IfMatch)
		if err != nil {
			return nil, err
		}
		if seen != 0 {
			in.Body.Version = seen
		}
		was, err := postgres.VisitObjectByID(ctx, a.DB.Pool, in.ID, a.Clock().UTC())
		if err != nil {
			return nil, err
		}
		if !who.May(access.KeepVisits, was.OrgPath) {
			return nil, postgres.NoVisitObject()
		}
		return a.putVisitObject(ctx, who, was, in.Body)
	})

	route(a, http.MethodPost, "/visit-objects/import", "Import visit objects from CSV (UTF-8 or GBK) or XLSX: name, kind, lon, lat, and code, org_code, address, phone, cycle, first_due, guardian, sensitive, note", power(access.KeepVisits),
		func(ctx context.Context, who access.Session, in *struct {
			CRS     string `query:"crs" enum:"wgs84,gcj02,bd09," doc:"of the file's coordinates; wgs84 unless told"`
			DryRun  bool   `query:"dry_run"`
			RawBody []byte `contentType:"application/octet-stream"`
		}) (*struct{ Body imported }, error) {
			data, err := asTable(in.RawBody)
			if err != nil {
				return nil, err
			}
			known, err := postgres.VisitKinds(ctx, a.DB.Pool)
			if err != nil {
				return nil, err
			}
			kinds := map[string]string{}
			for _, k := range known {
				if !k.Retired {
					kinds[k.Code], kinds[k.Name] = k.Code, k.Code
				}
			}
			list, report, err := intake.VisitObjects(data, kinds)
			if err != nil {
				return nil, fault.Because(err, fault.Invalid, "文件无法读取：应为带表头的 CSV 或 XLSX，至少有名称、类型、经度、纬度四列")
			}
			for i := range list {
				p, err := a.toWGS84(in.CRS, &list[i].Point)
				if err != nil {
					return nil, err
				}
				list[i].Point = *p
			}
			var home access.Post
			for _, post := range who.Posts {
				if who.May(access.KeepVisits, post.Path) {
					home = post
					break
				}
			}
			strange, err := postgres.CheckVisitImport(ctx, a.DB.Pool, home.Region, who.Scope(access.KeepVisits), list)
			if err != nil {
				return nil, err
			}
			crs := in.CRS
			if crs == "" {
				crs = "wgs84"
			}
			return a.takeIn(ctx, who, in.DryRun, append(report, strange...), "visit_objects.imported", func(ctx context.Context, tx pgx.Tx) (postgres.Outcome, error) {
				return postgres.PutVisitObjects(ctx, tx, home.Region, home.Org, crs, list)
			})
		}, takesFile, func(op *huma.Operation) { op.DefaultStatus = http.StatusOK })
}

// asTable is a file as text: a workbook's first sheet becomes CSV.
func asTable(data []byte) ([]byte, error) {
	if !bytes.HasPrefix(data, []byte("PK\x03\x04")) {
		return data, nil
	}
	rows, err := firstSheet(data)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := csv.NewWriter(&out).WriteAll(rows); err != nil {
		return nil, fmt.Errorf("turn a sheet into a table: %w", err)
	}
	return out.Bytes(), nil
}

// putVisitObject writes an object, which lies on ground that the caller keeps.
func (a *API) putVisitObject(ctx context.Context, who access.Session, was postgres.VisitObject, e visitObjectEdit) (*struct{ Body postgres.VisitObject }, error) {
	wrong := map[string]string{}
	o := was
	o.Code, o.Kind, o.Name, o.Address, o.Phone, o.Note = strings.TrimSpace(e.Code), e.Kind, strings.TrimSpace(e.Name), strings.TrimSpace(e.Address), strings.TrimSpace(e.Phone), strings.TrimSpace(e.Note)
	o.CycleN, o.CycleUnit, o.Guardian, o.ActiveTo, o.FirstDue, o.Version = e.CycleN, e.CycleUnit, e.Guardian, e.ActiveTo, e.FirstDue, e.Version
	if o.Name == "" {
		wrong["name"] = "请填写名称"
	}
	for field, text := range map[string]string{"name": o.Name, "address": o.Address, "note": o.Note, "code": o.Code} {
		if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			wrong[field] = "含有无法保存的字符"
		}
	}
	if (o.CycleN == nil) != (o.CycleUnit == nil) {
		wrong["cycle_n"] = "周期的数量和单位要一起填"
	}
	if p := e.Point; !(math.Abs(p[0]) <= 180 && math.Abs(p[1]) <= 90) || p == (orb.Point{}) {
		wrong["point"] = "请选择位置"
	}
	if o.ActiveFrom == "" || e.ActiveFrom != "" {
		o.ActiveFrom = e.ActiveFrom
	}
	if o.ActiveFrom == "" {
		o.ActiveFrom = today(a.Clock()).Format(time.DateOnly)
	}
	if o.ActiveTo != nil && *o.ActiveTo < o.ActiveFrom {
		wrong["active_to"] = "停用日期早于启用日期"
	}
	kinds, err := postgres.VisitKinds(ctx, a.DB.Pool)
	if err != nil {
		return nil, err
	}
	known := false
	for _, k := range kinds {
		if k.Code == o.Kind && (!k.Retired || was.Kind == k.Code) {
			known, o.Sensitive = true, e.Sensitive || k.Class == "control"
		}
	}
	if !known {
		wrong["kind"] = "没有这个走访对象类型"
	}
	if len(wrong) > 0 {
		return nil, &fault.Fault{Kind: fault.Invalid, Public: "走访对象有误，请检查标出的项目", Fields: wrong}
	}
	point, err := a.toWGS84(e.CRS, &e.Point)
	if err != nil {
		return nil, err
	}
	o.Point = *point
	if err := a.groundOf(ctx, who, &o, e.Org); err != nil {
		return nil, err
	}
	if o.Guardian != nil {
		if w, err := postgres.HomeOf(ctx, a.DB.Pool, *o.Guardian); err != nil && !fault.Is(err, fault.Missing) {
			return nil, err
		} else if err != nil || w.Region != o.Region {
			return nil, &fault.Fault{Kind: fault.Invalid, Public: "没有这名包保责任人", Fields: map[string]string{"guardian": "没有这名人员"}}
		}
	}
	now := a.Clock().UTC()
	action := "visit_object.added"
	err = a.DB.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if o.ID == 0 {
			o.ID, err = postgres.InsertVisitObject(ctx, tx, o, now)
		} else {
			action, err = "visit_object.changed", postgres.UpdateVisitObject(ctx, tx, o, now)
		}
		if err != nil {
			return err
		}
		return a.audit(ctx, tx, who, action, strconv.FormatInt(o.ID, 10), map[string]any{"kind": o.Kind, "grid": o.Grid, "sensitive": o.Sensitive, "active_to": o.ActiveTo})
	})
	if err != nil {
		return nil, err
	}
	o, err = postgres.VisitObjectByID(ctx, a.DB.Pool, o.ID, now)
	return &struct{ Body postgres.VisitObject }{shownObject(who, o, false)}, err
}

// groundOf gives an object its organisation and grid: the grid under its point,
// or outside every grid the organisation that was named. Both must be the
// caller's to keep.
func (a *API) groundOf(ctx context.Context, who access.Session, o *postgres.VisitObject, org int64) error {
	missing := fault.New(fault.Missing, "没有这个组织机构，或者不在您的管辖范围")
	if org != 0 {
		h, err := postgres.OrgByID(ctx, a.DB.Pool, org)
		if err != nil && !fault.Is(err, fault.Missing) {
			return err
		}
		if err != nil || !who.May(access.KeepVisits, h.Path) {
			return missing
		}
		o.Org, o.OrgPath, o.Region, o.Grid = org, h.Path, h.Region, nil
	}
	at, ok, err := postgres.Locate(ctx, a.DB.Pool, o.Point)
	if err != nil {
		return err
	}
	switch {
	case ok && who.May(access.KeepVisits, at.OrgPath):
		o.Org, o.OrgPath, o.Region, o.Grid = at.Org, at.OrgPath, at.Region, at.Grid
	case ok || o.Org == 0:
		return fault.New(fault.Missing, "这个位置不在您的管辖范围，请在地图上重新选择").At("point")
	}
	return nil
}
