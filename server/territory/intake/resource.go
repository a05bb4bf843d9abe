package intake

import (
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/territory"
)

var resourceStates = map[string]string{"": "active", "active": "active", "正常": "active", "在用": "active", "out_of_order": "out_of_order", "故障": "out_of_order", "停用": "out_of_order", "retired": "retired", "撤销": "retired"}

// mostResources is how many one file may bring.
const mostResources = 20000

// Resources reads what lies around: code|编号, kind|类型, name|名称,
// org_code|机构编码, lon|经度, lat|纬度, address|地址, contact|联系人, phone|电话,
// hours|开放时间, note|备注, status|状态.
func Resources(data []byte) ([]territory.Resource, error) {
	rows, err := readTable(data, []string{"code", "编号", "编码"}, []string{"kind", "类型", "类别"}, []string{"name", "名称"}, []string{"lon", "经度"}, []string{"lat", "纬度"})
	if err != nil {
		return nil, err
	}
	if len(rows) > mostResources {
		return nil, fmt.Errorf("%d lines: at most %d at a time", len(rows), mostResources)
	}
	seen := map[string]string{}
	out := make([]territory.Resource, 0, len(rows))
	for _, r := range rows {
		s := territory.Resource{
			Code: r.text("code", "编号", "编码"), Name: r.text("name", "名称"), OrgCode: r.text("org_code", "org", "机构编码", "所属机构"),
			Address: r.text("address", "地址"), Contact: r.text("contact", "联系人"), Phone: r.text("phone", "电话", "联系电话"),
			Hours: r.text("hours", "开放时间"), Note: r.text("note", "备注"), Where: r.where,
		}
		kind := r.text("kind", "类型", "类别")
		k, ok := territory.ResourceKindOf(kind)
		if !ok {
			return nil, fmt.Errorf("%s: %q is no kind of resource", r.where, kind)
		}
		s.Kind = k
		if s.Status, ok = resourceStates[r.text("status", "状态")]; !ok {
			return nil, fmt.Errorf("%s: %q is no state of a resource", r.where, r.text("status", "状态"))
		}
		if s.Code == "" || s.Name == "" {
			return nil, fmt.Errorf("%s: a code and a name are wanted", r.where)
		}
		for _, text := range []string{s.Code, s.Name, s.Address, s.Contact, s.Phone, s.Hours, s.Note} {
			if utf8.RuneCountInString(text) > 300 {
				return nil, fmt.Errorf("%s: %.20q… is too long", r.where, text)
			}
		}
		if before, twice := seen[s.Code]; twice {
			return nil, fmt.Errorf("%s: the code %q is also on %s", r.where, s.Code, before)
		}
		seen[s.Code] = r.where
		x, err1 := strconv.ParseFloat(r.text("lon", "经度"), 64)
		y, err2 := strconv.ParseFloat(r.text("lat", "纬度"), 64)
		if err1 != nil || err2 != nil || !(x >= -180 && x <= 180 && y >= -90 && y <= 90) {
			return nil, fmt.Errorf("%s: %q, %q is no longitude and latitude", r.where, r.text("lon", "经度"), r.text("lat", "纬度"))
		}
		s.Point = orb.Point{x, y}
		out = append(out, s)
	}
	return out, nil
}
