package territory

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/paulmach/orb"
	"pgregory.net/rapid"
)

func square(lon, lat float64) orb.MultiPolygon {
	const d = 0.003
	return orb.MultiPolygon{{{{lon, lat}, {lon + d, lat}, {lon + d, lat + d}, {lon, lat + d}, {lon, lat}}}}
}

func grid(change func(*Grid)) Grid {
	g := Grid{Code: "990101001001001", Name: "翠湖社区第1网格", Setting: "urban", Kind: "base", IsExecution: true, Households: 300, Shape: square(114.2, 22.7), Where: "feature 1"}
	if change != nil {
		change(&g)
	}
	return g
}

func TestCheck(t *testing.T) {
	kinds := map[string]string{"990101001": "street", "990101001001": "community", "990101001201": "village"}
	for name, c := range map[string]struct {
		grids []Grid
		error string // "" = none
		warns string
	}{
		"a good grid passes":                    {[]Grid{grid(nil)}, "", ""},
		"no grid at all":                        {nil, "holds no grid", ""},
		"a code of 14 digits":                   {[]Grid{grid(func(g *Grid) { g.Code = "99010100100100" })}, "15 digits", ""},
		"a code with a letter":                  {[]Grid{grid(func(g *Grid) { g.Code = "99010100100100A" })}, "15 digits", ""},
		"a code twice":                          {[]Grid{grid(nil), grid(func(g *Grid) { g.Shape = square(114.3, 22.7); g.Where = "feature 2" })}, "there twice: first in feature 1", ""},
		"a code of another region":              {[]Grid{grid(func(g *Grid) { g.Code = "880101001001001" })}, "does not begin with the region's", ""},
		"a code that is not its community's":    {[]Grid{grid(func(g *Grid) { g.OrgCode = "990101001201" })}, "does not begin with its community's", ""},
		"a community that nobody knows":         {[]Grid{grid(func(g *Grid) { g.Code = "990101001002001" })}, "is unknown", ""},
		"no name":                               {[]Grid{grid(func(g *Grid) { g.Name = "" })}, "no name", ""},
		"an unknown setting":                    {[]Grid{grid(func(g *Grid) { g.Setting = "lunar" })}, "setting", ""},
		"an unknown kind":                       {[]Grid{grid(func(g *Grid) { g.Kind = "round" })}, "kind", ""},
		"negative households":                   {[]Grid{grid(func(g *Grid) { g.Households = -1 })}, "households", ""},
		"no polygon":                            {[]Grid{grid(func(g *Grid) { g.Shape = nil })}, "no polygon", ""},
		"a ring of three points":                {[]Grid{grid(func(g *Grid) { g.Shape[0][0] = g.Shape[0][0][:3] })}, "at least four", ""},
		"an open ring":                          {[]Grid{grid(func(g *Grid) { g.Shape[0][0] = g.Shape[0][0][:4] })}, "not closed", ""},
		"metres where degrees are wanted":       {[]Grid{grid(func(g *Grid) { g.Shape = square(520000, 2510000) })}, "is -crs right", ""},
		"latitude first":                        {[]Grid{grid(func(g *Grid) { g.Shape = square(22.7, 114.2) })}, "longitude first", ""},
		"150 of 300 households are just enough": {[]Grid{grid(func(g *Grid) { g.Households = 150 })}, "", ""},
		"149 of 300 households are a warning":   {[]Grid{grid(func(g *Grid) { g.Households = 149 })}, "", "149 households"},
		"451 of 300 households are a warning":   {[]Grid{grid(func(g *Grid) { g.Households = 451 })}, "", "451 households"},
		"a rural grid is measured against 150":  {[]Grid{grid(func(g *Grid) { g.Setting = "rural" })}, "", "300 households"},
		"an exclusive grid is not measured":     {[]Grid{grid(func(g *Grid) { g.IsExecution, g.Households, g.Kind = false, 0, "exclusive" })}, "", ""},
		"a village's grid is rural by itself":   {[]Grid{grid(func(g *Grid) { g.Code, g.Setting, g.Households = "990101001201001", "", 150 })}, "", ""},
		"a community's grid is urban by itself": {[]Grid{grid(func(g *Grid) { g.Setting = "" })}, "", ""},
		"the community follows from the code":   {[]Grid{grid(func(g *Grid) { g.OrgCode = "" })}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := Check(c.grids, kinds, "990101001")
			var errs, warns []string
			for _, f := range r {
				if f.Error {
					errs = append(errs, f.String())
				} else {
					warns = append(warns, f.String())
				}
			}
			if got := strings.Join(errs, "; "); (got == "") != (c.error == "") || !strings.Contains(got, c.error) {
				t.Errorf("errors %q, want %q", got, c.error)
			}
			if got := strings.Join(warns, "; "); c.error == "" && ((got == "") != (c.warns == "") || !strings.Contains(got, c.warns)) {
				t.Errorf("warnings %q, want %q", got, c.warns)
			}
			if err := r.Err(); (err != nil) != (c.error != "") {
				t.Errorf("Err() = %v", err)
			}
			if c.error != "" && len(c.grids) > 0 && !strings.Contains(errs[0], "feature") {
				t.Errorf("%q names no feature", errs[0])
			}
		})
	}
}

func TestCheckOrgs(t *testing.T) {
	known := map[string]string{"990101": "county"}
	street := Org{Code: "990101001", ParentCode: "990101", Kind: "street", Name: "街道"}
	village := Org{Code: "990101001201", ParentCode: "990101001", Kind: "village", Name: "村"}
	for name, c := range map[string]struct {
		orgs  []Org
		error string
	}{
		"children may stand before parents":   {[]Org{village, street}, ""},
		"a parent that is nowhere":            {[]Org{village}, "neither in the file nor known"},
		"a code twice":                        {[]Org{street, street}, "there twice"},
		"an unknown kind":                     {[]Org{{Code: "1", Kind: "kingdom", Name: "x"}}, "kind"},
		"a street with twelve digits":         {[]Org{{Code: "990101001001", ParentCode: "990101", Kind: "street", Name: "x"}}, "9 digits"},
		"a village under another street":      {[]Org{street, {Code: "990101002201", ParentCode: "990101001", Kind: "village", Name: "x"}}, "does not begin with its street's"},
		"parents in a circle":                 {[]Org{{Code: "A", ParentCode: "B", Kind: "department", Name: "a"}, {Code: "B", ParentCode: "A", Kind: "department", Name: "b"}}, "lies below it"},
		"no name":                             {[]Org{{Code: "D1", ParentCode: "990101", Kind: "department"}}, "no name"},
		"a department's code may be anything": {[]Org{{Code: "990101-KS01", ParentCode: "990101", Kind: "department", Name: "科"}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			ordered, r := CheckOrgs(c.orgs, []string{"line 2", "line 3"}[:len(c.orgs)], known)
			err := r.Err()
			if (err == nil) != (c.error == "") || (err != nil && !strings.Contains(err.Error(), c.error)) {
				t.Fatalf("%v, want %q", err, c.error)
			}
			if err == nil {
				above := map[string]bool{"990101": true}
				for _, o := range ordered {
					if !above[o.ParentCode] {
						t.Errorf("%s comes before its parent", o.Code)
					}
					above[o.Code] = true
				}
			}
		})
	}
}

func TestCheckWorkersAndShifts(t *testing.T) {
	orgs, grids := map[string]string{"O": "community"}, map[string]bool{"G": true}
	for name, c := range map[string]struct {
		worker Worker
		error  string
	}{
		"a good worker": {Worker{Code: "1", Name: "张", Role: "grid_worker", OrgCode: "O", Grids: []string{"G"}}, ""},
		"no name":       {Worker{Code: "1", Role: "grid_worker", OrgCode: "O"}, "needs a code and a name"},
		"unknown role":  {Worker{Code: "1", Name: "张", Role: "king", OrgCode: "O"}, "role"},
		"unknown org":   {Worker{Code: "1", Name: "张", Role: "grid_worker", OrgCode: "X"}, "organisation"},
		"unknown grid":  {Worker{Code: "1", Name: "张", Role: "grid_worker", OrgCode: "O", Grids: []string{"H"}}, "grid"},
	} {
		err := CheckWorkers([]Worker{c.worker}, orgs, grids).Err()
		if (err == nil) != (c.error == "") || (err != nil && !strings.Contains(err.Error(), c.error)) {
			t.Errorf("%s: %v, want %q", name, err, c.error)
		}
	}
	const a, b, d = "2026-11-22T00:30:00Z", "2026-11-22T04:00:00Z", "2026-11-22T08:00:00Z"
	for name, c := range map[string]struct {
		shifts []Shift
		error  string
	}{
		"two shifts that touch":   {[]Shift{{Worker: "1", Post: "grid", Start: a, End: b}, {Worker: "1", Post: "grid", Start: b, End: d}}, ""},
		"two shifts that overlap": {[]Shift{{Worker: "1", Post: "grid", Start: a, End: d}, {Worker: "1", Post: "grid", Start: b, End: d}}, "overlaps"},
		"an end before its start": {[]Shift{{Worker: "1", Post: "grid", Start: b, End: a}}, "ends before"},
		"a worker nobody knows":   {[]Shift{{Worker: "2", Post: "grid", Start: a, End: b}}, "unknown"},
		"a post nobody knows":     {[]Shift{{Worker: "1", Post: "moon", Start: a, End: b}}, "post"},
		"longer than a day":       {[]Shift{{Worker: "1", Post: "grid", Start: a, End: "2026-11-24T00:00:00Z"}}, "longer than a day"},
	} {
		err := CheckShifts(c.shifts, orgs, map[string]bool{"1": true}).Err()
		if (err == nil) != (c.error == "") || (err != nil && !strings.Contains(err.Error(), c.error)) {
			t.Errorf("%s: %v, want %q", name, err, c.error)
		}
	}
}

func TestStaffIsOnePlusOnePlusOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := Staff{"990101001001001", rapid.IntRange(0, 3).Draw(t, "leaders"), rapid.IntRange(0, 3).Draw(t, "guides"), rapid.IntRange(0, 3).Draw(t, "workers")}
		complete := s.Leaders == 1 && s.Guides > 0 && s.Others > 0
		if warned := len(CheckStaff([]Staff{s})) > 0; warned == complete {
			t.Fatalf("%+v: warned %v", s, warned)
		}
	})
}

func TestInitials(t *testing.T) {
	for name, want := range map[string]string{
		"翠湖社区第3网格": "chsqd3wg", "明湖街道综合指挥室": "mhjdzhzhs", "王磊": "wl", "COCO Park 西": "cocoparkx", "": "", "（测试）·": "cs",
	} {
		if got := Initials(name); got != want {
			t.Errorf("Initials(%s) = %s, want %s", name, got, want)
		}
	}
}

func TestCanonicalCode(t *testing.T) {
	got := []string{CanonicalCode("street", "330211004000"), CanonicalCode("county", "330211000000"), CanonicalCode("village", "330211004200"),
		CanonicalParent("village", "330211004000"), CanonicalParent("street", "330211000000"), CanonicalParent("station", "330211004001"), CanonicalParent("department", "330211000000")}
	want := []string{"330211004", "330211", "330211004200", "330211004", "330211", "330211004001", "330211"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
