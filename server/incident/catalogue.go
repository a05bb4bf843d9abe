package incident

import (
	"strings"
	"unicode/utf8"

	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/territory"
)

// CatalogueEntry is a category (七大类) or a kind below one: the row and the
// JSON. It is retired, never deleted: old cases keep its name.
type CatalogueEntry struct {
	Code           string `json:"code"`
	Parent         string `json:"parent,omitempty"`
	Name           string `json:"name"`
	Sort           int    `json:"sort"`
	Retired        bool   `json:"retired"`
	Keywords       string `json:"keywords"` // words by which it is suggested, one space between
	DefaultTier    int16  `json:"default_tier"`
	DefaultOrg     *int64 `json:"default_org,omitempty"` // the department that handles it first
	DefaultOrgName string `json:"default_org_name,omitempty"`
	Sensitive      bool   `json:"sensitive"`   // its cases never reach a shared wall
	PhotoAfter     bool   `json:"photo_after"` // handled only with a photo of afterwards
	AlikeM         int16  `json:"alike_m"`     // how near two cases are taken for one, metres
	StdRef         string `json:"std_ref,omitempty"`
	StdKind        string `json:"std_kind,omitempty"`
	StdCode        string `json:"std_code,omitempty"`
	StdName        string `json:"std_name,omitempty"`
	Version        int32  `json:"version"`
	Open           int64  `json:"open"` // its open cases, drills left out
}

// Tidy puts an edited entry in order and checks what needs no database.
func (e CatalogueEntry) Tidy() (CatalogueEntry, error) {
	e.Code, e.Name, e.Parent = strings.TrimSpace(e.Code), strings.TrimSpace(e.Name), strings.TrimSpace(e.Parent)
	e.Keywords = strings.Join(strings.FieldsFunc(e.Keywords, func(r rune) bool { return strings.ContainsRune(" ,;，；、|\t\r\n　", r) }), " ")
	if e.DefaultTier == 0 {
		e.DefaultTier = 2
	}
	if e.AlikeM == 0 {
		e.AlikeM = 200
	}
	wrong := map[string]string{}
	if e.Code == "" || len(e.Code) > 20 || strings.Trim(e.Code, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.") != "" {
		wrong["code"] = "编码由字母、数字、连字符组成，不超过 20 个字符"
	}
	if e.Name == "" || utf8.RuneCountInString(e.Name) > 40 {
		wrong["name"] = "名称不能为空，不超过 40 字"
	}
	if e.Parent == e.Code && e.Code != "" {
		wrong["parent"] = "上级不能是自己"
	}
	if utf8.RuneCountInString(e.Keywords) > 500 {
		wrong["keywords"] = "关键词太多"
	}
	if e.DefaultTier < 1 || e.DefaultTier > 4 {
		wrong["default_tier"] = "处置层级为一级至四级"
	}
	if e.AlikeM < 10 || e.AlikeM > 2000 {
		wrong["alike_m"] = "查重半径为 10 至 2000 米"
	}
	if (e.StdRef == "") != (e.StdCode == "") || (e.StdKind == "") != (e.StdCode == "") {
		wrong["std_code"] = "标准号、类别（部件或事项）和五位代码要一起填写"
	}
	if len(wrong) > 0 {
		f := fault.New(fault.Invalid, "事件类别有误，请检查标出的项目")
		f.Fields = wrong
		return e, f
	}
	return e, nil
}

// StandardCode is a class of a national catalogue. 部件 and 事项 share their
// numbers and editions differ: standard, kind and code together are the key.
type StandardCode struct {
	StandardRef string `json:"standard_ref"`
	Kind        string `json:"kind"` // 部件, 事项
	Code5       string `json:"code5"`
	Name        string `json:"name"`
}

// CheckStandardCodes reads the rows of an imported list and names every one
// that cannot be taken.
func CheckStandardCodes(rows [][4]string, where []string) ([]StandardCode, territory.Report) {
	var (
		r    territory.Report
		out  []StandardCode
		seen = map[StandardCode]string{}
	)
	if len(rows) == 0 {
		r.Refuse("", "", "文件里没有代码")
	}
	for i, row := range rows {
		c := StandardCode{row[0], row[1], row[2], row[3]}
		if c.Kind == "事件" {
			c.Kind = "事项" // as the edition of 2013 calls them
		}
		switch {
		case c.StandardRef == "" || utf8.RuneCountInString(c.StandardRef) > 40:
			r.Refuse(c.Code5, where[i], "没有标准号，或标准号超过 40 字")
		case c.Kind != "部件" && c.Kind != "事项":
			r.Refuse(c.Code5, where[i], "类别 %q 不是部件或事项", c.Kind)
		case len(c.Code5) != 5 || strings.Trim(c.Code5, "0123456789") != "":
			r.Refuse(c.Code5, where[i], "代码 %q 不是五位数字（大类两位、小类三位）", c.Code5)
		case c.Name == "" || utf8.RuneCountInString(c.Name) > 60:
			r.Refuse(c.Code5, where[i], "没有名称，或名称超过 60 字")
		default:
			key := StandardCode{StandardRef: c.StandardRef, Kind: c.Kind, Code5: c.Code5}
			if first, twice := seen[key]; twice {
				r.Refuse(c.Code5, where[i], "与 %s 重复（标准号、类别、代码都相同）", first)
				continue
			}
			seen[key] = where[i]
			out = append(out, c)
		}
	}
	return out, r
}
