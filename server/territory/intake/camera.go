package intake

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/territory"
)

const mostCameras = 5000

// Cameras reads cameras: gb_id|国标编码, name|名称, kind|类型, lon|经度, lat|纬度,
// heading|朝向, fov|视场角, range_m|可视距离, org_code|机构编码, place|位置,
// network|网络, stream|流名称, status|状态, sensitivity|敏感级别. A camera
// without a heading looks all around.
func Cameras(data []byte) ([]territory.Camera, error) {
	rows, err := readTable(data, []string{"gb_id", "国标编码"}, []string{"name", "名称"}, []string{"lon", "经度"}, []string{"lat", "纬度"})
	if err != nil {
		return nil, err
	}
	if len(rows) > mostCameras {
		return nil, fmt.Errorf("%d lines: at most %d at a time", len(rows), mostCameras)
	}
	seen := map[string]string{}
	out := make([]territory.Camera, 0, len(rows))
	for _, r := range rows {
		c := territory.Camera{
			Where: r.where, GBID: r.text("gb_id", "国标编码"), Name: r.text("name", "名称"), Kind: r.text("kind", "类型"), Place: r.text("place", "位置", "安装位置", "地址"),
			OrgCode: r.text("org_code", "机构编码", "所属机构"), Network: r.text("network", "网络"), Stream: r.text("stream", "流名称"), Status: r.text("status", "状态"), Sensitivity: r.text("sensitivity", "敏感级别"),
		}
		number := func(names ...string) (v float64, given bool) {
			text := r.text(names...)
			if text == "" || err != nil {
				return 0, false
			}
			if v, err = strconv.ParseFloat(text, 64); err != nil {
				err = fmt.Errorf("%s: %s: %q is no number", r.where, names[0], text)
			}
			return v, true
		}
		x, _ := number("lon", "经度")
		y, _ := number("lat", "纬度")
		c.Point = orb.Point{x, y}
		if v, given := number("heading", "朝向"); given {
			h := float32(v)
			c.Heading = &h
		}
		fov, _ := number("fov", "视场角")
		reach, _ := number("range_m", "range", "可视距离")
		c.FOV, c.RangeM = float32(fov), float32(reach)
		if err != nil {
			return nil, err
		}
		c, wrong := c.Checked()
		if len(wrong) > 0 {
			field := slices.Sorted(maps.Keys(wrong))[0]
			return nil, fmt.Errorf("%s: %s: %s", r.where, field, wrong[field])
		}
		if before, twice := seen[c.GBID]; twice {
			return nil, fmt.Errorf("%s: the number %s is also on %s", r.where, c.GBID, before)
		}
		seen[c.GBID] = r.where
		out = append(out, c)
	}
	return out, nil
}
