package intake

import (
	"strconv"
	"strings"

	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/territory"
)

// Addresses reads a gazetteer: name|名称, address|地址, aliases|别名 (several
// with a space, comma or semicolon between), kind|类型, org_code|社区编码,
// lon|经度, lat|纬度. Rows whose coordinates are no numbers are in the report;
// the file itself fails only when it is no table of these columns.
func Addresses(data []byte) ([]territory.Address, territory.Report, error) {
	rows, err := readTable(data, []string{"name", "名称", "地名", "地址名称"}, []string{"lon", "经度", "lng", "x"}, []string{"lat", "纬度", "y"})
	if err != nil {
		return nil, nil, err
	}
	var report territory.Report
	out := make([]territory.Address, 0, len(rows))
	for _, r := range rows {
		a := territory.Address{Where: r.where, Name: r.text("name", "名称", "地名", "地址名称"), Text: r.text("address", "地址", "详细地址"), Kind: r.text("kind", "类型", "类别"),
			OrgCode: r.text("org_code", "社区编码", "机构编码"),
			Aliases: strings.FieldsFunc(r.text("aliases", "别名", "曾用名", "俗称"), func(c rune) bool { return strings.ContainsRune(" ,;，；、|", c) })}
		lon, lat := r.text("lon", "经度", "lng", "x"), r.text("lat", "纬度", "y")
		x, err1 := strconv.ParseFloat(lon, 64)
		y, err2 := strconv.ParseFloat(lat, 64)
		if err1 != nil || err2 != nil {
			report.Refuse(a.Name, r.where, "经度 %q 或纬度 %q 不是数字", lon, lat)
			continue
		}
		a.Point = orb.Point{x, y}
		out = append(out, a)
	}
	return out, report, nil
}

// StandardCodes reads national catalogue codes: standard_ref|标准号,
// kind|类别 (部件 or 事项), code5|code|代码 (five digits), name|名称. where
// names the place of each in the file.
func StandardCodes(data []byte) (rows [][4]string, where []string, err error) {
	table, err := readTable(data, []string{"standard_ref", "标准号", "标准"}, []string{"kind", "类别", "类型"}, []string{"code5", "code", "代码", "编码"}, []string{"name", "名称"})
	if err != nil {
		return nil, nil, err
	}
	for _, r := range table {
		rows = append(rows, [4]string{r.text("standard_ref", "标准号", "标准"), r.text("kind", "类别", "类型"), r.text("code5", "code", "代码", "编码"), r.text("name", "名称")})
		where = append(where, r.where)
	}
	return rows, where, nil
}
