package intake

import (
	"archive/zip"
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/territory"
)

// The names under which a grid's attributes are looked for, best first.
var (
	codeNames       = []string{"code", "grid_code", "gridcode", "网格编码", "网格编号", "网格代码", "编码", "代码", "wgbm", "wgdm"}
	nameNames       = []string{"name", "grid_name", "gridname", "网格名称", "名称", "wgmc"}
	orgCodeNames    = []string{"community_code", "org_code", "parent_code", "所属编码", "社区编码", "所属社区编码", "sqbm", "sqdm"}
	orgNameNames    = []string{"community", "org_name", "community_name", "所属社区", "社区名称", "社区", "村社区", "sqmc"}
	settingNames    = []string{"setting", "城乡", "城乡类型", "城乡分类", "cxlx"}
	kindNames       = []string{"kind", "grid_kind", "网格类型", "类型", "wglx"}
	executionNames  = []string{"is_execution", "execution", "is_exec", "执行网格", "是否执行", "sfzx"}
	householdNames  = []string{"households", "户数", "总户数", "hs"}
	populationNames = []string{"population", "人口", "人口数", "总人口", "rk"}
)

var settings = map[string]string{"urban": "urban", "城市": "urban", "城镇": "urban", "城区": "urban", "社区": "urban", "rural": "rural", "农村": "rural", "乡村": "rural", "村": "rural"}
var gridKinds = map[string]string{"base": "base", "基础": "base", "基础网格": "base", "exclusive": "exclusive", "专属": "exclusive", "专属网格": "exclusive", "unit": "unit", "单元": "unit", "单元网格": "unit"}

// Grids reads grids from GeoJSON or from a zipped Shapefile, whichever data
// is, in whatever coordinates it is written.
func Grids(data []byte) ([]territory.Grid, error) {
	var features []feature
	var err error
	if bytes.HasPrefix(data, []byte("PK")) {
		features, err = readShapefile(data)
	} else {
		features, err = readFeatures(data, isArea)
	}
	if err != nil {
		return nil, err
	}
	grids := make([]territory.Grid, len(features))
	for i, f := range features {
		g := territory.Grid{Where: f.where, Code: f.text(codeNames...), Name: f.text(nameNames...), OrgCode: f.text(orgCodeNames...), OrgName: f.text(orgNameNames...)}
		if g.Code == "" {
			return nil, fmt.Errorf("%s: it has no code: name the attribute code or 网格编码", f.where)
		}
		if g.Setting, err = translate(settings, f.text(settingNames...)); err != nil {
			return nil, fmt.Errorf("%s: setting: %w", f.where, err)
		}
		if g.Kind, err = translate(gridKinds, f.text(kindNames...)); err != nil {
			return nil, fmt.Errorf("%s: kind: %w", f.where, err)
		}
		if g.IsExecution, err = yes(f.text(executionNames...), g.Kind != "exclusive"); err != nil {
			return nil, fmt.Errorf("%s: is_execution: %w", f.where, err)
		}
		if g.Households, err = count(f.text(householdNames...)); err != nil {
			return nil, fmt.Errorf("%s: households: %w", f.where, err)
		}
		if g.Population, err = count(f.text(populationNames...)); err != nil {
			return nil, fmt.Errorf("%s: population: %w", f.where, err)
		}
		switch s := f.geometry.(type) {
		case orb.Polygon:
			g.Shape = orb.MultiPolygon{s}
		case orb.MultiPolygon:
			g.Shape = s
		}
		grids[i] = g
	}
	return grids, nil
}

// IsShapefile reports whether data looks like a zipped Shapefile, which says
// nothing certain about its coordinates: the user has to.
func IsShapefile(data []byte) bool {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	return err == nil && len(z.File) > 0
}

func isArea(g orb.Geometry) bool {
	switch g.(type) {
	case orb.Polygon, orb.MultiPolygon:
		return true
	}
	return false
}

// translate maps a word of the file to ours; "" stays "".
func translate(words map[string]string, v string) (string, error) {
	if v == "" {
		return "", nil
	}
	if w, ok := words[strings.ToLower(v)]; ok {
		return w, nil
	}
	return "", fmt.Errorf("%q is not understood", v)
}

func yes(v string, otherwise bool) (bool, error) {
	switch strings.ToLower(v) {
	case "":
		return otherwise, nil
	case "true", "t", "yes", "y", "1", "是", "执行":
		return true, nil
	case "false", "f", "no", "n", "0", "否", "非执行":
		return false, nil
	}
	return false, fmt.Errorf("%q is neither yes nor no", v)
}

// count reads a whole number as spreadsheets write it: 265, 265.0, 1,265.
func count(v string) (int, error) {
	if v == "" {
		return 0, nil
	}
	n, err := strconv.ParseFloat(strings.ReplaceAll(v, ",", ""), 64)
	if err != nil || n != math.Trunc(n) || math.Abs(n) > math.MaxInt32 {
		return 0, fmt.Errorf("%q is no whole number", v)
	}
	return int(n), nil
}
