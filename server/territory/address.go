package territory

import (
	"strings"
	"unicode/utf8"

	"github.com/paulmach/orb"
)

// Address is an entry of the gazetteer (地名地址), as an import brings it.
type Address struct {
	Name    string
	Aliases []string
	Text    string // the address in full
	Kind    string // 小区, 楼栋, 学校 …: the file's own word
	OrgCode string // the community it lies in; "" = by the point
	Point   orb.Point
	Where   string
}

// CheckAddresses judges the rows of one gazetteer file: every row that cannot
// be taken is named, not only the first. kinds maps the codes of the living
// organisations to their kinds.
func CheckAddresses(list []Address, kinds map[string]string) Report {
	var r Report
	if len(list) == 0 {
		r.Refuse("", "", "文件里没有地名")
	}
	seen := map[[2]string]string{}
	for _, a := range list {
		switch {
		case a.Name == "":
			r.Refuse("", a.Where, "没有名称")
			continue
		case utf8.RuneCountInString(a.Name) > 80 || utf8.RuneCountInString(a.Text) > 200 || utf8.RuneCountInString(strings.Join(a.Aliases, " ")) > 200 || utf8.RuneCountInString(a.Kind) > 20:
			r.Refuse(a.Name, a.Where, "名称不超过 80 字，地址和别名不超过 200 字，类型不超过 20 字")
		case strings.ContainsRune(a.Name+a.Text, utf8.RuneError):
			r.Refuse(a.Name, a.Where, "含有无法识别的字符，请把文件存为 UTF-8 或 GBK")
		}
		if kinds[a.OrgCode] == "" && a.OrgCode != "" {
			r.Refuse(a.Name, a.Where, "没有编码为 %s 的组织机构", a.OrgCode)
		}
		if !(a.Point[0] >= 70 && a.Point[0] <= 140 && a.Point[1] >= 0 && a.Point[1] <= 60) {
			if a.Point[1] >= 70 && a.Point[1] <= 140 {
				r.Refuse(a.Name, a.Where, "经度和纬度似乎写反了")
			} else {
				r.Refuse(a.Name, a.Where, "坐标 %g, %g 不是中国境内的经纬度", a.Point[0], a.Point[1])
			}
		}
		key := [2]string{a.Name, a.Text}
		if first, twice := seen[key]; twice {
			r.Refuse(a.Name, a.Where, "与 %s 重复（名称和地址都相同）", first)
		}
		seen[key] = a.Where
	}
	return r
}
