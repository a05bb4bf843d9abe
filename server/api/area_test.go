package api_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/paulmach/orb"
)

type inside struct {
	AreaM2  float64 `json:"area_m2"`
	Workers []struct {
		Name      string   `json:"name"`
		DistanceM *float64 `json:"distance_m"`
	} `json:"workers"`
	Incidents []struct {
		Title string `json:"title"`
	} `json:"incidents"`
	Grids []struct {
		Name string `json:"name"`
	} `json:"grids"`
	Resources []struct {
		Name, Phone string
	} `json:"resources"`
	Cameras []struct {
		Name string `json:"name"`
	} `json:"cameras"`
	Counts struct {
		Workers, Online, Incidents, Grids, Resources, Cameras int
	} `json:"counts"`
	Kinds map[string]int `json:"resource_kinds"`
}

func (i inside) String() string {
	var all []string
	for _, w := range i.Workers {
		all = append(all, w.Name)
	}
	for _, c := range i.Incidents {
		all = append(all, c.Title)
	}
	for _, g := range i.Grids {
		all = append(all, g.Name)
	}
	for _, r := range i.Resources {
		all = append(all, r.Name)
	}
	for _, c := range i.Cameras {
		all = append(all, c.Name)
	}
	return strings.Join(all, " ")
}

func ring(points ...orb.Point) map[string]any {
	return map[string]any{"type": "Polygon", "coordinates": [][]orb.Point{points}}
}

func TestWhatIsInside(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e, x := middle["东湖"], middle["西山"]
	csv := "编号,类型,名称,机构编码,经度,纬度,电话\nR1,消防栓,东湖栓,990101001001,114.1051,22.605,19900000001\nR2,AED,西山机,990101001002,114.2051,22.605,\n"
	var imported struct{ Added, Changed int }
	w.post("street-commander1", "/api/v1/resources", map[string]any{"csv": csv}, &imported)
	w.post("street-commander1", "/api/v1/resources", map[string]any{"csv": strings.Replace(csv, "东湖栓", "东湖消防栓", 1)}, &imported)
	if imported.Added != 0 || imported.Changed != 2 {
		t.Errorf("imported again: %+v", imported)
	}
	for place, gb := range map[string]string{"东湖": "99010100001310000001", "西山": "99010100001310000002"} {
		w.exec(`INSERT INTO camera (region_id, org_id, gb_id, name, geom) VALUES ($1, $2, $3, $4, $5)`, w.street, w.org[place], gb, place+"球机", middle[place])
	}
	w.exec(`INSERT INTO camera (region_id, org_id, gb_id, name, geom, sensitivity) VALUES ($1, $2, '99010100001310000003', '密机', $3, 'high')`, w.street, w.org["东湖"], e)
	box := ring(orb.Point{e[0] - 0.003, e[1] - 0.003}, orb.Point{e[0] + 0.003, e[1] - 0.003}, orb.Point{e[0] + 0.003, e[1] + 0.003}, orb.Point{e[0] - 0.003, e[1] + 0.003}, orb.Point{e[0] - 0.003, e[1] - 0.003})
	everywhere := ring(orb.Point{114, 22.5}, orb.Point{114.3, 22.5}, orb.Point{114.3, 22.7}, orb.Point{114, 22.7}) // not closed: it is closed for them
	round := func(c orb.Point, r float64) any {
		return map[string]any{"circle": map[string]any{"center": c, "radius_m": r}}
	}
	for sentence, c := range map[string]struct {
		login string
		shape any
		want  string
	}{
		"a box":                                     {"street-commander1", box, "赵一 东湖路井盖缺失 东湖第一网格 东湖消防栓 东湖球机 密机"},
		"a feature around it":                       {"street-commander1", map[string]any{"type": "Feature", "properties": nil, "geometry": box}, "赵一 东湖路井盖缺失 东湖第一网格 东湖消防栓 东湖球机 密机"},
		"a circle":                                  {"street-commander1", round(x, 300), "钱二 西山路井盖缺失 西山第一网格 西山机 西山球机"},
		"a circle beside everything":                {"street-commander1", round(orb.Point{114.15, 22.65}, 300), ""},
		"a station sees its own only":               {"station1", everywhere, "赵一 东湖路井盖缺失 东湖第一网格 东湖消防栓 东湖球机"},
		"a station sees nothing of the neighbour":   {"station1", round(x, 3000), ""},
		"a guide sees masked people and no secrets": {"grid_guide1", everywhere, "赵师傅 东湖路井盖缺失 东湖第一网格 东湖消防栓 东湖球机"},
		"several shapes at once": {"street-commander1", map[string]any{"type": "MultiPolygon", "coordinates": [][][]orb.Point{{{{114.1, 22.6}, {114.11, 22.6}, {114.11, 22.61}, {114.1, 22.6}}}, {{{114.2, 22.6}, {114.21, 22.6}, {114.21, 22.61}, {114.2, 22.6}}}}},
			"赵一 钱二 东湖路井盖缺失 西山路井盖缺失 东湖第一网格 西山第一网格 东湖消防栓 西山机 东湖球机 西山球机 密机"},
	} {
		var got inside
		w.post(c.login, "/api/v1/area", map[string]any{"shape": c.shape}, &got)
		g, want := strings.Fields(got.String()), strings.Fields(c.want)
		if fmt.Sprint(sorted(g)) != fmt.Sprint(sorted(want)) {
			t.Errorf("%s: got %v, want %v", sentence, g, want)
		}
	}
	var got inside
	w.ask("street-commander1", "GET", fmt.Sprintf("/api/v1/nearby?lon=%g&lat=%g&radius_m=500", e[0], e[1]), nil, &got)
	if got.AreaM2 < 780_000 || got.AreaM2 > 786_000 || got.Counts.Workers != 1 || got.Counts.Online != 1 || got.Counts.Incidents != 1 || got.Counts.Resources != 1 || got.Kinds["hydrant"] != 1 || got.Counts.Cameras != 2 || got.Counts.Grids != 1 {
		t.Errorf("around a point: %+v", got)
	}
	if got.Workers[0].DistanceM == nil || *got.Workers[0].DistanceM != 0 || got.Resources[0].Phone == "" {
		t.Errorf("around a point: %+v", got)
	}
	got = inside{}
	w.ask("grid_guide1", "GET", fmt.Sprintf("/api/v1/nearby?lon=%g&lat=%g&radius_m=500", e[0], e[1]), nil, &got)
	if got.Resources[0].Phone != "" {
		t.Error("a guide reads whom to call")
	}
}

func TestAShapeThatIsNone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for sentence, c := range map[string]struct {
		shape any
		want  string
	}{
		"nothing":                   {nil, "图形无法识别"},
		"a word":                    {"here", "图形无法识别"},
		"a point":                   {map[string]any{"type": "Point", "coordinates": []float64{114, 22}}, "不是一块区域"},
		"a line of two":             {ring(orb.Point{114, 22}, orb.Point{114.1, 22}), "至少要三个"},
		"a bow tie":                 {ring(orb.Point{114, 22}, orb.Point{114.01, 22.01}, orb.Point{114.01, 22}, orb.Point{114, 22.01}, orb.Point{114, 22}), "自相交"},
		"latitude before longitude": {ring(orb.Point{22, 114}, orb.Point{22.1, 114}, orb.Point{22.1, 114.1}), "不是 [经度, 纬度]"},
		"half a country":            {ring(orb.Point{100, 22}, orb.Point{110, 22}, orb.Point{110, 30}), "平方公里"},
		"a circle without a radius": {map[string]any{"circle": map[string]any{"center": []float64{114, 22}}}, "半径"},
		"a circle nowhere":          {map[string]any{"circle": map[string]any{"center": []float64{22, 114}, "radius_m": 5}}, "圆心"},
	} {
		status, body, _ := w.call("station1", "POST", "/api/v1/area", map[string]any{"shape": c.shape})
		if status != 422 || !strings.Contains(body, c.want) || !strings.Contains(body, "body.shape") {
			t.Errorf("%s: %d %s", sentence, status, body)
		}
	}
	for sentence, c := range map[string]struct{ csv, want string }{
		"no heading":          {"a,b\n1,2\n", "line 1"},
		"an unknown kind":     {"编号,类型,名称,经度,纬度\n1,飞碟,甲,114,22\n", "飞碟"},
		"a point off the map": {"编号,类型,名称,经度,纬度\n1,AED,甲,22,114\n", "no longitude"},
		"the same code twice": {"编号,类型,名称,经度,纬度\n1,AED,甲,114,22\n1,AED,乙,114,22\n", "also on line 2"},
		"another's community": {"编号,类型,名称,机构编码,经度,纬度\n1,AED,甲,990101001002,114,22\n", "不在您的管辖范围"},
	} {
		if status, body, _ := w.call("commander1", "POST", "/api/v1/resources", map[string]any{"csv": c.csv}); status != 422 || !strings.Contains(body, c.want) {
			t.Errorf("%s: %d %s", sentence, status, body)
		}
	}
}

func sorted(list []string) []string { return slices.Sorted(slices.Values(list)) }
