package intake

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/territory"
)

// row is one line of a table, its cells by lower-case heading.
type row struct {
	where string
	cells map[string]string
}

func (r row) text(names ...string) string {
	for _, n := range names {
		if v := r.cells[n]; v != "" {
			return v
		}
	}
	return ""
}

// readTable reads CSV with a heading, or a JSON list of objects. At least one
// name of each group in need must be among the headings of a CSV.
func readTable(data []byte, need ...[]string) ([]row, error) {
	data = utf8Of(data)
	if c := bytes.TrimSpace(data); len(c) > 0 && c[0] == '[' {
		return readObjects(data)
	}
	r := csv.NewReader(bytes.NewReader(data))
	r.FieldsPerRecord = -1
	r.TrimLeadingSpace = true
	if head, _, _ := bytes.Cut(data, []byte{'\n'}); !bytes.ContainsRune(head, ',') {
		switch {
		case bytes.ContainsRune(head, '\t'):
			r.Comma = '\t'
		case bytes.ContainsRune(head, ';'):
			r.Comma = ';'
		}
	}
	head, err := r.Read()
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("line 1: the file is empty")
	}
	if err != nil {
		return nil, csvError(err)
	}
	known := map[string]bool{}
	for i, h := range head {
		head[i] = strings.ToLower(strings.TrimSpace(h))
		if known[head[i]] && head[i] != "" {
			return nil, fmt.Errorf("line 1: the heading %q is there twice", head[i])
		}
		known[head[i]] = true
	}
	for _, names := range need {
		found := false
		for _, n := range names {
			found = found || known[n]
		}
		if !found {
			return nil, fmt.Errorf("line 1: no column is headed %s", strings.Join(names, " or "))
		}
	}
	var out []row
	for {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, csvError(err)
		}
		n, _ := r.FieldPos(0)
		if len(cells) > len(head) {
			return nil, fmt.Errorf("line %d: %d cells under %d headings", n, len(cells), len(head))
		}
		line := row{fmt.Sprintf("line %d", n), map[string]string{}}
		empty := true
		for i, c := range cells {
			c = strings.TrimSpace(c)
			line.cells[head[i]] = c
			empty = empty && c == ""
		}
		if !empty {
			out = append(out, line)
		}
	}
}

func csvError(err error) error {
	var p *csv.ParseError
	if errors.As(err, &p) {
		return fmt.Errorf("line %d: %w", p.Line, p.Err)
	}
	return err
}

func readObjects(data []byte) ([]row, error) {
	at := lines(data)
	d := json.NewDecoder(bytes.NewReader(data))
	if _, err := d.Token(); err != nil {
		return nil, at.blame(0, err)
	}
	var out []row
	for d.More() {
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return nil, at.blame(0, err)
		}
		line := row{fmt.Sprintf("line %d", at.at(d.InputOffset()-int64(len(raw)))), map[string]string{}}
		var cells map[string]json.RawMessage
		if err := json.Unmarshal(raw, &cells); err != nil {
			return nil, fmt.Errorf("%s: an object is wanted", line.where)
		}
		for k, v := range cells {
			text, err := scalar(v)
			if err != nil {
				var list []string
				if json.Unmarshal(v, &list) != nil {
					return nil, fmt.Errorf("%s: %q is neither text nor a list of text", line.where, k)
				}
				text = strings.Join(list, " ")
			}
			line.cells[strings.ToLower(strings.TrimSpace(k))] = strings.TrimSpace(text)
		}
		out = append(out, line)
	}
	if _, err := d.Token(); err != nil {
		return nil, at.blame(0, err)
	}
	return out, nil
}

var orgKinds = map[string]string{
	"市": "city", "区": "county", "县": "county", "区县": "county", "区(县)": "county", "街道": "street", "镇": "street", "乡": "street", "街道/镇": "street",
	"部门": "department", "科室": "department", "职能部门": "department", "区部门": "district_dept", "区职能部门": "district_dept", "村": "village", "村委会": "village",
	"村委会/村": "village", "社区": "community", "类似居委会": "community", "类似村委会": "village", "居委会": "community", "居委会/社区": "community", "管理站": "station", "服务管理站": "station", "社会服务管理站": "station",
	"指挥室": "command_room", "综合指挥室": "command_room", "督查组": "inspection", "联合督查组": "inspection", "合作单位": "partner",
}

var levels = map[string]string{"2": "city", "3": "county", "4": "street"}

// Orgs reads organisations: code|编码, parent_code|上级编码, kind|类型,
// name|名称, short_name|简称, uscc|统一社会信用代码, phone|电话, lon|经度,
// lat|纬度. Public division lists (code12, parent12, level) are understood too.
// where names the place of each in the file.
func Orgs(data []byte) (orgs []territory.Org, where []string, err error) {
	rows, err := readTable(data, []string{"code", "编码", "机构编码", "代码", "code12"}, []string{"name", "名称", "机构名称"})
	if err != nil {
		return nil, nil, err
	}
	for _, r := range rows {
		o := territory.Org{Code: r.text("code", "编码", "机构编码", "代码", "code12"), ParentCode: r.text("parent_code", "parent", "上级编码", "上级代码", "parent12"),
			Name: r.text("name", "名称", "机构名称"), Short: r.text("short_name", "简称"), USCC: r.text("uscc", "统一社会信用代码"), Phone: r.text("phone", "电话")}
		kind := r.text("kind", "类型", "机构类型")
		if kind == "" {
			kind = levels[r.text("level", "级别")]
		}
		if kind == "" {
			kind = r.text("kind_by_code")
		}
		if kind == "" && strings.HasSuffix(o.Name, "村") {
			kind = "village"
		} else if kind == "" && strings.HasSuffix(o.Name, "社区") {
			kind = "community"
		}
		if k, ok := orgKinds[kind]; ok {
			kind = k
		}
		o.Kind = kind
		o.Code, o.ParentCode = territory.CanonicalCode(kind, o.Code), territory.CanonicalParent(kind, o.ParentCode)
		lon, lat := r.text("lon", "经度"), r.text("lat", "纬度")
		if lon != "" || lat != "" {
			x, err1 := strconv.ParseFloat(lon, 64)
			y, err2 := strconv.ParseFloat(lat, 64)
			if err1 != nil || err2 != nil || !(x >= -180 && x <= 180 && y >= -90 && y <= 90) {
				return nil, nil, fmt.Errorf("%s: %q, %q is no longitude and latitude", r.where, lon, lat)
			}
			o.Location = &orb.Point{x, y}
		}
		orgs, where = append(orgs, o), append(where, r.where)
	}
	return orgs, where, nil
}

var workerRoles = map[string]string{
	"网格员": "grid_worker", "专职网格员": "grid_worker", "网格长": "grid_leader", "网格指导员": "grid_guide", "指导员": "grid_guide",
	"志愿者": "volunteer", "微网格员": "volunteer", "巡逻车": "patrol_car", "车辆": "patrol_car",
}

// Workers reads workers and vehicles: code|工号|车牌, name|姓名, role|角色,
// org_code|机构编码, phone|电话, grids|网格编码 (several with a space, comma or
// semicolon between).
func Workers(data []byte) ([]territory.Worker, error) {
	rows, err := readTable(data, []string{"code", "工号", "车牌"}, []string{"name", "姓名", "名称"}, []string{"org_code", "机构编码", "所属编码", "社区编码"})
	if err != nil {
		return nil, err
	}
	out := make([]territory.Worker, 0, len(rows))
	for _, r := range rows {
		w := territory.Worker{Where: r.where, Code: r.text("code", "工号", "车牌"), Name: r.text("name", "姓名", "名称"), Role: r.text("role", "角色", "岗位"),
			OrgCode: r.text("org_code", "机构编码", "所属编码", "社区编码"), Phone: r.text("phone", "电话", "手机", "手机号"),
			Grids: strings.FieldsFunc(r.text("grids", "grid_code", "网格编码", "网格"), func(c rune) bool { return strings.ContainsRune(" ,;，；、|", c) })}
		if role, ok := workerRoles[w.Role]; ok {
			w.Role = role
		}
		if w.Role == "" {
			w.Role = "grid_worker"
		}
		w.Vehicle = w.Role == "patrol_car"
		out = append(out, w)
	}
	return out, nil
}

var shiftPosts = map[string]string{"": "grid", "窗口": "window", "网格": "grid", "指挥室": "command", "值班": "command", "巡逻": "patrol_team", "巡逻队": "patrol_team"}

// Shifts reads planned duty: worker_code|工号, org_code|机构编码, post|岗位,
// start|开始, end|结束. A time without a zone is Chinese time.
func Shifts(data []byte) ([]territory.Shift, error) {
	rows, err := readTable(data, []string{"worker_code", "工号"}, []string{"start", "开始", "开始时间"}, []string{"end", "结束", "结束时间"})
	if err != nil {
		return nil, err
	}
	out := make([]territory.Shift, 0, len(rows))
	for _, r := range rows {
		s := territory.Shift{Where: r.where, Worker: r.text("worker_code", "工号"), OrgCode: r.text("org_code", "机构编码"), Post: r.text("post", "岗位")}
		if p, ok := shiftPosts[s.Post]; ok {
			s.Post = p
		}
		if s.Start, err = instant(r.text("start", "开始", "开始时间")); err != nil {
			return nil, fmt.Errorf("%s: start: %w", r.where, err)
		}
		if s.End, err = instant(r.text("end", "结束", "结束时间")); err != nil {
			return nil, fmt.Errorf("%s: end: %w", r.where, err)
		}
		out = append(out, s)
	}
	return out, nil
}

// instant reads a time as people and spreadsheets write it.
func instant(v string) (string, error) {
	china := time.FixedZone("CST", 8*3600) // no summer time since 1991, and no shift is older
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-1-2 15:04:05", "2006-1-2 15:04", "2006/1/2 15:04:05", "2006/1/2 15:04", "2006年1月2日 15:04"} {
		if t, err := time.ParseInLocation(layout, v, china); err == nil {
			return t.UTC().Format(time.RFC3339), nil
		}
	}
	return "", fmt.Errorf("%q is no time: write 2026-11-22 08:30", v)
}
