package intake

import (
	"strings"
	"testing"
)

func TestTablesOfCameras(t *testing.T) {
	t.Parallel()
	list, err := Cameras([]byte("国标编码,名称,类型,经度,纬度,朝向,视场角,可视距离,敏感级别\n99010102001320000001,路口,球机,114.2,22.6,,,,\n99010102001320000002,巷口,枪机,114.21,22.61,45,60,50,敏感\n"))
	if err != nil || len(list) != 2 {
		t.Fatal(list, err)
	}
	if c := list[0]; c.Kind != "ptz" || c.Heading != nil || c.FOV != 90 || c.RangeM != 80 || c.Sensitivity != "normal" || c.Status != "unknown" {
		t.Errorf("%+v", c)
	}
	if c := list[1]; c.Kind != "bullet" || *c.Heading != 45 || c.FOV != 60 || c.RangeM != 50 || c.Sensitivity != "high" || c.Point[1] != 22.61 {
		t.Errorf("%+v", c)
	}
	head := "gb_id,name,lon,lat,heading,kind\n"
	for body, want := range map[string]string{
		"1,a,114,22,,\n":                                               "line 2: gb_id",
		"99010102001320000001,a,east,22,,\n":                           "line 2: lon",
		"99010102001320000001,a,114,22,360,\n":                         "line 2: heading",
		"99010102001320000001,a,114,22,,鱼眼\n":                          "line 2: kind",
		"99010102001320000001,,114,22,,\n":                             "line 2: name",
		"99010102001320000001,a,0,0,,\n":                               "line 2: point",
		"99010102001320000001,a,1,2,,\n99010102001320000001,b,1,2,,\n": "line 3: the number",
	} {
		if _, err := Cameras([]byte(head + body)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v", body, err)
		}
	}
}
