package access

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestWhoMayDoWhatWhere(t *testing.T) {
	station := Principal{Account: 1, Posts: []Post{{Org: 17, Path: "1.4.17.", Region: 4, Role: Station}}}
	street := Principal{Account: 2, Posts: []Post{{Org: 4, Path: "1.4.", Region: 4, Role: Operator}}}
	two := Principal{Account: 3, Posts: []Post{{Path: "1.4.17.", Role: Auditor}, {Path: "1.4.18.", Role: GridGuide}}}
	kiosk := Principal{Kiosk: 1, Posts: []Post{{Path: "1.4.", Role: KioskRole}}}
	for sentence, c := range map[string]struct{ got, want bool }{
		"a station sees its own community":                      {station.May(SeeMap, "1.4.17."), true},
		"a station sees what lies below its community":          {station.May(SeeMap, "1.4.17.30."), true},
		"a station does not see the neighbour":                  {station.May(SeeMap, "1.4.18."), false},
		"a station does not see a neighbour with a longer id":   {station.May(SeeMap, "1.4.170."), false},
		"a station does not see the street above it":            {station.May(SeeMap, "1.4."), false},
		"the street sees every community":                       {street.May(SeePeople, "1.4.18."), true},
		"an operator pairs no kiosk":                            {street.Has(PairKiosk), false},
		"a power of one post does not reach another post's org": {two.May(SeeMap, "1.4.17."), false},
		"each post counts on its own org":                       {two.May(SeeMap, "1.4.18."), true},
		"a kiosk reports nothing":                               {kiosk.Has(Report), false},
		"a kiosk sees masked people":                            {kiosk.Mask() == MaskPeople, true},
		"a station sees people of its own":                      {station.MaskFor("1.4.17.") == MaskNone, true},
		"a guide beside a station sees masked people":           {two.Mask() == MaskPeople, true},
		"nobody covers the empty path":                          {Covers("", "1."), false},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %v", sentence, c.got)
		}
	}
}

func TestOutermostKeepsExactlyTheCoveredOrganisations(t *testing.T) {
	path := rapid.Custom(func(t *rapid.T) string {
		n := rapid.IntRange(1, 4).Draw(t, "depth")
		var b strings.Builder
		for range n {
			b.WriteString(rapid.SampledFrom([]string{"1.", "2.", "12.", "3."}).Draw(t, "id"))
		}
		return b.String()
	})
	rapid.Check(t, func(t *rapid.T) {
		paths := rapid.SliceOf(path).Draw(t, "paths")
		kept := Outermost(slices.Clone(paths))
		probe := path.Draw(t, "probe")
		if Within(paths, probe) != Within(kept, probe) {
			t.Fatalf("%q: %q kept of %q", probe, kept, paths)
		}
		for i, a := range kept {
			for j, b := range kept {
				if i != j && Covers(a, b) {
					t.Fatalf("%q lies under %q", b, a)
				}
			}
		}
	})
}

func TestMaskText(t *testing.T) {
	for in, want := range map[string]string{
		"":                        "",
		"联系 13800138000 王女士":      "联系 138****8000 王女士",
		"身份证11010519491231002X遗失": "身份证1101**********002X遗失",
		"网格990101001001003":       "网格990101001001003", // a grid code is no personal number
		"案号 MH1122-0007":          "案号 MH1122-0007",
		"卡号4111111111111111":      "卡号4111********1111",
		"假身份证110105194912310021":  "假身份证110105194912310021", // bad checksum, bad Luhn
	} {
		if got := MaskText(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
	if got := MaskName("张伟"); got != "张师傅" {
		t.Errorf("got %q", got)
	}
}
