package main

import (
	"strings"
	"testing"

	"golang.org/x/text/encoding/simplifiedchinese"
)

func TestImportAGazetteerAndNationalCodes(t *testing.T) {
	t.Parallel()
	c := newCustoms(t)
	const places = "名称,地址,类型,经度,纬度\n湖畔苑小区,湖滨路88号,小区,114.2101,22.6878\n湖滨小学,湖滨路90号,学校,114.2105,22.6880\n"
	gbk, err := simplifiedchinese.GBK.NewEncoder().Bytes([]byte(places))
	if err != nil {
		t.Fatal(err)
	}
	file := c.file("places.csv", gbk)
	c.refused("there is no street", "gazetteer", file)
	c.must("new", "orgs", c.file("orgs.csv", []byte("code,parent_code,kind,name\n990101,,county,镜湖区\n990101002,990101,street,明湖街道\n")))
	c.must("2 new", "gazetteer", file, "-dry-run")
	if n := c.count(`SELECT count(*) FROM gazetteer`); n != 0 {
		t.Fatalf("%d rows after a dry run", n)
	}
	c.must("2 new", "gazetteer", file, "-crs", "gcj02")
	c.must("2 unchanged", "gazetteer", file, "-crs", "gcj02")
	// GCJ-02 lies half a kilometre off here: a place that was converted is not where the file says.
	if n := c.count(`SELECT count(*) FROM gazetteer WHERE ST_DWithin(geom::geography, ST_SetSRID(ST_MakePoint(114.2101, 22.6878), 4326)::geography, 100)`); n != 0 {
		t.Errorf("%d places were not converted", n)
	}
	if n := c.count(`SELECT count(*) FROM gazetteer WHERE initials = 'hpyxq' AND pinyin = 'hupanyuanxiaoqu'`); n != 1 {
		t.Errorf("pinyin: %d", n)
	}
	out, err := c.try("gazetteer", c.file("bad.csv", []byte(places+"写反了,某路,,22.6,114.1\n,无名路,,114.1,22.6\n")))
	if err == nil || !strings.Contains(out, "line 4") || !strings.Contains(out, "line 5") {
		t.Errorf("%v\n%s", err, out)
	}
	c.must("21 new", "standard", "../fixtures/street/standard-codes.csv")
	c.must("21 unchanged", "standard", "../fixtures/street/standard-codes.csv")
	out, err = c.try("standard", c.file("codes.csv", []byte("standard_ref,kind,code5,name\nX,部件,123,短\n")))
	if err == nil || !strings.Contains(out, "五位数字") {
		t.Errorf("%v\n%s", err, out)
	}
}
