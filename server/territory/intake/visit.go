package intake

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/territory"
)

// mostVisitObjects is how many one file may bring.
const mostVisitObjects = 50000

// VisitObjects reads whom to visit: name|名称|姓名, kind|类型, lon|经度, lat|纬度,
// and code|编号, org_code|机构编码, address|地址, phone|电话, cycle|周期 (2周, 1 月), first_due|首次应访 (2026-12-01),
// guardian|包保责任人 (a worker's code), sensitive|敏感, note|备注. kinds are the
// kinds there are, by code and by name. Every line that cannot be taken is in
// the report.
func VisitObjects(data []byte, kinds map[string]string) ([]territory.VisitObject, territory.Report, error) {
	rows, err := readTable(data, []string{"name", "名称", "姓名"}, []string{"kind", "类型", "类别"}, []string{"lon", "经度"}, []string{"lat", "纬度"})
	if err != nil {
		return nil, nil, err
	}
	if len(rows) > mostVisitObjects {
		return nil, nil, fmt.Errorf("%d lines: at most %d at a time", len(rows), mostVisitObjects)
	}
	var report territory.Report
	seen := map[string]string{}
	list := make([]territory.VisitObject, 0, len(rows))
	for _, r := range rows {
		b := territory.VisitObject{Where: r.where, Code: r.text("code", "编号", "编码"), Name: r.text("name", "名称", "姓名"), OrgCode: r.text("org_code", "机构编码", "社区编码"),
			Address: r.text("address", "地址", "住址"), Phone: r.text("phone", "电话", "联系电话"), Guardian: r.text("guardian", "包保责任人", "包保人工号"), Note: r.text("note", "备注")}
		refuse := func(format string, args ...any) { report.Refuse(b.Name, r.where, format, args...) }
		before := len(report)
		if b.Sensitive, err = yes(r.text("sensitive", "敏感", "是否敏感"), false); err != nil {
			refuse("“是否敏感”请写是或否")
		}
		kind := r.text("kind", "类型", "类别")
		if b.Kind = kinds[kind]; b.Kind == "" {
			refuse("没有“%s”这个走访对象类型", kind)
		}
		if b.Name == "" {
			refuse("没有名称")
		}
		for _, text := range []string{b.Code, b.Name, b.Address, b.Phone, b.Note} {
			if utf8.RuneCountInString(text) > 200 || strings.ContainsRune(text, 0) {
				refuse("“%.12s…”太长（不超过 200 字）", text)
			}
		}
		x, err1 := strconv.ParseFloat(r.text("lon", "经度"), 64)
		y, err2 := strconv.ParseFloat(r.text("lat", "纬度"), 64)
		switch {
		case err1 != nil || err2 != nil:
			refuse("经度、纬度不是数字")
		case !(x >= 73 && x <= 136 && y >= 3 && y <= 54):
			refuse("位置 %g, %g 不在中国境内，经纬度可能写反了", x, y)
		}
		b.Point = orb.Point{x, y}
		if b.CycleN, b.CycleUnit, err = cycle(r.text("cycle", "周期", "走访周期")); err != nil {
			refuse("%v", err)
		}
		if b.FirstDue = r.text("first_due", "首次应访", "首次应访日期"); b.FirstDue != "" {
			if _, err := time.Parse(time.DateOnly, b.FirstDue); err != nil {
				refuse("首次应访日期应写成 2026-12-01 的样子")
			}
		}
		if was, twice := seen[b.Code]; twice && b.Code != "" {
			refuse("编号 %s 与 %s 重复", b.Code, was)
		}
		seen[b.Code] = r.where
		if len(report) == before {
			list = append(list, b)
		}
	}
	return list, report, nil
}

// cycle reads how often: 2周, 每月, 1 季度, 30天.
func cycle(text string) (n int16, unit string, err error) {
	text = strings.TrimPrefix(strings.ReplaceAll(text, " ", ""), "每")
	if text == "" {
		return 0, "", nil
	}
	for _, u := range territory.CycleUnits {
		word := strings.TrimSuffix(strings.TrimSuffix(text, u.Unit), u.Word)
		word = strings.TrimSuffix(word, "个")
		if word == text {
			continue
		}
		if word == "" {
			return 1, u.Unit, nil
		}
		if v, err := strconv.ParseInt(word, 10, 16); err == nil && v >= 1 && v <= 366 {
			return int16(v), u.Unit, nil
		}
	}
	return 0, "", fmt.Errorf("走访周期“%s”看不懂，请写成 2周、1月、1季度", text)
}
