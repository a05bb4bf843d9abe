package assess

import (
	"fmt"
	"math/big"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func fig(n, d int64) Figure { return Figure{Whole(n), Whole(d)} }

func points(hundredths ...int64) (all []Fraction) {
	for _, h := range hundredths {
		all = append(all, Hundredths(h))
	}
	return all
}

// Worked out by hand from C11's weights: 0.30·信息采集 + 0.35·走访巡查 + 0.35·事件处置.
func TestScoresByHand(t *testing.T) {
	all := map[string]Figure{
		"complete": fig(30, 33), "timely": fig(24, 30), "quota": fig(33, 39), "objects": fig(18, 20), "validity": fig(1, 40),
		"on_time": fig(45, 50), "self": fig(16, 20), "rework": fig(2, 40), "satisfied": fig(19, 20),
	}
	without := func(codes ...string) map[string]Figure {
		m := map[string]Figure{}
		for k, v := range all {
			if !slices.Contains(codes, k) {
				m[k] = v
			}
		}
		return m
	}
	for sentence, c := range map[string]struct {
		level   Level
		figures map[string]Figure
		special []Fraction
		base    string // exact
		final   string // as shown
		band    string
	}{
		// info 0.6·30/33+0.4·24/30 = 0.5454…+0.32 = 952/11 %; patrol 0.5·33/39+0.3·0.9+0.2·39/40 = 0.42307…+0.27+0.195; handling 0.4·0.9+0.2·0.8+0.2·0.95+0.2·0.95 = 0.90:
		// 0.3·0.86545 + 0.35·0.88808 + 0.35·0.9 = 0.88546
		"all items are there":                            {Grid, all, nil, "101297/1144", "88.55", "良好"},
		"points come on top":                             {Grid, all, points(250, -50), "101297/1144", "90.55", "优秀"},
		"points are bounded by ten":                      {Grid, all, points(900, 900), "101297/1144", "98.55", "优秀"},
		"points below are bounded too":                   {Grid, all, points(-900, -900), "101297/1144", "78.55", "合格"},
		"nothing is satisfied yet: its weight is spread": {Grid, without("satisfied"), nil, "201593/2288", "88.11", "良好"},
		"information alone":                              {Grid, map[string]Figure{"complete": fig(30, 33), "timely": fig(24, 30)}, nil, "952/11", "86.55", "良好"},
		"only handling: 0.90 of a hundred":               {Grid, without("complete", "timely", "quota", "objects", "validity"), nil, "90", "90.00", "优秀"},
		"on time alone, all of it":                       {Grid, map[string]Figure{"on_time": fig(7, 7)}, nil, "100", "100.00", "优秀"},
		"full marks and points stay a hundred":           {Grid, map[string]Figure{"on_time": fig(7, 7)}, points(500), "100", "100.00", "优秀"},
		"nothing on time and points off stays nought":    {Grid, map[string]Figure{"on_time": fig(0, 7)}, points(-500), "0", "0.00", "不合格"},
		"nothing is measured: no score, not a nought":    {Grid, nil, points(500), "", "—", ""},
		"a nought below the line is nothing measured":    {Grid, map[string]Figure{"on_time": fig(0, 0)}, nil, "", "—", ""},
		"more than was asked is all of it":               {Grid, map[string]Figure{"quota": fig(12, 9)}, nil, "100", "100.00", "优秀"},
		"just below a line is below it":                  {Grid, map[string]Figure{"on_time": fig(89_999, 100_000)}, nil, "89999/1000", "90.00", "良好"},
		// 0.4·36/40 + 0.4·27/30 + 0.2·(0.5·(1−3/20) + 0.3·8/10 + 0.2·(1−1/40)) = 0.36+0.36+0.2·0.86 = 0.892
		"a department": {Department, map[string]Figure{"sign": fig(36, 40), "on_time": fig(27, 30), "rework": fig(3, 20), "rating": fig(8, 10), "returns": fig(1, 40)}, nil, "892/10", "89.20", "良好"},
		// without ratings: quality (0.5·0.85 + 0.2·0.975)/0.7 = 0.885714…
		"a department that nobody rated": {Department, map[string]Figure{"sign": fig(36, 40), "on_time": fig(27, 30), "rework": fig(3, 20), "returns": fig(1, 40)}, nil, "628/7", "89.71", "良好"},
		// 0.7·88 + 0.3·(0.5·18/24 + 0.5·9/10)·100 = 61.6 + 24.75
		"a guide stands on his grids": {Guide, map[string]Figure{"linked": MeanFigure(points(9000, 8600)), "onsite": fig(18, 24), "solved": fig(9, 10)}, nil, "1727/20", "86.35", "良好"},
		"a guide who keeps no duty":   {Guide, map[string]Figure{"linked": MeanFigure(points(9000, 8600))}, nil, "88", "88.00", "良好"},
		"a community is a mean":       {Community, map[string]Figure{"mean": MeanFigure([]Fraction{"90", "80", "", "75"})}, nil, "245/3", "81.67", "良好"},
		"a community without a score": {Community, map[string]Figure{"mean": MeanFigure([]Fraction{"", ""})}, nil, "", "—", ""},
	} {
		r := Default(c.level).Plan.Score(c.figures, c.special)
		want := Fraction(c.base)
		if want != "" {
			want = Of(want.Rat())
		}
		if r.Base != want || r.Final.Text() != c.final || r.Band != c.band {
			t.Errorf("%s: base %s (want %s), shown %s (want %s), %q (want %q)", sentence, r.Base, want, r.Final.Text(), c.final, r.Band, c.band)
		}
	}
}

func TestBonusAndFullMarks(t *testing.T) {
	p := Default(Grid).Plan
	for sentence, c := range map[string]struct {
		n, d  int64
		extra []Fraction
		cents int64 // -1: none
		full  bool
	}{
		"full marks": {20, 20, nil, 200_000, true},
		"a hundred by points alone is no full mark": {19, 20, points(500), 200_000, false},
		"at the line":      {9, 10, nil, 150_000, false},
		"below every line": {7, 10, nil, -1, false},
	} {
		r := p.Score(map[string]Figure{"on_time": fig(c.n, c.d)}, c.extra)
		if got := r.Bonus; (got == nil) != (c.cents < 0) || got != nil && *got != c.cents || r.Full != c.full {
			t.Errorf("%s: bonus %v, full %v", sentence, got, r.Full)
		}
	}
}

// Annual = 0.6·mean of the quarters + 0.4·year-end inspection.
func TestAYearStandsOnItsQuarters(t *testing.T) {
	p := Default(Grid).Plan
	for sentence, c := range map[string]struct {
		quarters   []Fraction
		inspection Fraction
		want       string
	}{
		"four quarters and an inspection":       {[]Fraction{"80", "90", "85", "89"}, "95", "89.60"}, // 0.6·86 + 0.4·95
		"a quarter was not published":           {[]Fraction{"80", "90", "85"}, "95", "89.00"},
		"no inspection: the quarters are it":    {[]Fraction{"80", "90", "85", "89"}, "", "86.00"},
		"no quarter: the inspection is it":      {nil, "95", "95.00"},
		"neither: no score":                     {nil, "", "—"},
		"the year's own figures are only shown": {[]Fraction{"80"}, "80", "80.00"},
	} {
		if got := p.ScoreYear(map[string]Figure{"on_time": fig(1, 2)}, c.quarters, c.inspection, nil).Final.Text(); got != c.want {
			t.Errorf("%s: %s, want %s", sentence, got, c.want)
		}
	}
}

func TestRoundingIsForShowingAndHalfUp(t *testing.T) {
	for f, want := range map[Fraction]string{"1/8": "0.13", "1/200": "0.01", "1/201": "0.00", "-1/8": "-0.13", "200/3": "66.67", "": "—", "100": "100.00", "93715/1000": "93.72"} {
		if got := f.Text(); got != want {
			t.Errorf("%s: %s, want %s", f, got, want)
		}
	}
}

func TestRanking(t *testing.T) {
	show := func(list []Placed) (s string) {
		for _, p := range Rank(list) {
			s += fmt.Sprintf("%d%s ", p.Rank, p.Name)
		}
		return s
	}
	for sentence, c := range map[string]struct {
		list []Placed
		want string
	}{
		"equal scores share a rank, and the next is left out": {[]Placed{{1, "丁", "70", 0}, {2, "乙", "80", 0}, {3, "丙", "80", 0}, {4, "甲", "90", 0}}, "1甲 2丙 2乙 4丁 "},
		"what is shown alike need not be alike":               {[]Placed{{1, "a", "100001/1250", 0}, {2, "b", "80", 0}}, "1a 2b "},
		"without a score there is no rank":                    {[]Placed{{1, "a", "", 0}, {2, "b", "0", 0}}, "1b 0a "},
		"three first":                                         {[]Placed{{1, "c", "1", 0}, {2, "b", "1", 0}, {3, "a", "2/2", 0}, {4, "d", "1/2", 0}}, "1a 1b 1c 4d "},
	} {
		if got := show(c.list); got != c.want {
			t.Errorf("%s: %s, want %s", sentence, got, c.want)
		}
	}
}

func drawFigures(t *rapid.T, p Plan) map[string]Figure {
	figures := map[string]Figure{}
	for _, it := range p.Items() {
		d := rapid.Int64Range(0, 40).Draw(t, it.Code+" d")
		figures[it.Code] = fig(rapid.Int64Range(0, max(d, 1)).Draw(t, it.Code+" n"), d)
	}
	return figures
}

func drawPlan(t *rapid.T) Plan {
	return Default(rapid.SampledFrom([]Level{Grid, Department, Guide}).Draw(t, "level")).Plan
}

// What is missing is as if the template did not have it.
func TestMissingItemsAreAsIfNeverAsked(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPlan(t)
		figures := drawFigures(t, p)
		var less Plan
		for _, d := range p.Dimensions {
			var kept []Item
			for _, it := range d.Items {
				if !figures[it.Code].Missing() {
					kept = append(kept, it)
				}
			}
			if len(kept) > 0 {
				d.Items = kept
				less.Dimensions = append(less.Dimensions, d)
			}
		}
		r := p.Score(figures, nil)
		if got := less.Score(figures, nil); got.Base != r.Base {
			t.Fatalf("%s with them, %s without", r.Base, got.Base)
		}
		sum, whole := new(big.Rat), new(big.Rat)
		for _, d := range r.Dimensions {
			for _, it := range d.Items {
				if it.Missing != (it.Score == "") || it.Missing != (it.Effective == "") {
					t.Fatalf("%+v", it)
				}
				if !it.Missing {
					sum.Add(sum, it.Effective.Rat())
					whole.Add(whole, it.Points.Rat())
				}
			}
		}
		if r.Base != "" && (sum.Cmp(one) != 0 || Of(whole) != r.Base) {
			t.Fatalf("the effective weights sum to %s, the points to %s, the base is %s", sum.RatString(), whole.RatString(), r.Base)
		}
	})
}

// Doing better never costs a point, and every score stays within 0 and 100.
func TestScoresAreMonotoneAndBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPlan(t)
		figures := drawFigures(t, p)
		extra := points(rapid.SliceOfN(rapid.Int64Range(-2000, 2000), 0, 4).Draw(t, "points")...)
		before := p.Score(figures, extra)
		if f := before.Final.Rat(); f != nil && (f.Sign() < 0 || f.Cmp(hundred) > 0) {
			t.Fatalf("final %s", before.Final)
		}
		it := rapid.SampledFrom(p.Items()).Draw(t, "item")
		f := figures[it.Code]
		if f.Missing() || f.N.Rat().Cmp(f.D.Rat()) >= 0 {
			return
		}
		m, _ := MeasureByCode(it.Source)
		figures[it.Code] = Figure{f.N.Minus("-1"), f.D}
		after := p.Score(figures, extra)
		if c := after.Base.Rat().Cmp(before.Base.Rat()); c*m.Better < 0 {
			t.Fatalf("one more %s: from %s to %s", it.Source, before.Base, after.Base)
		}
		if c := after.Final.Rat().Cmp(before.Final.Rat()); c*m.Better < 0 {
			t.Fatalf("one more %s: from %s to %s", it.Source, before.Final, after.Final)
		}
	})
}

// A rank is one more than how many are better; the order given does not matter.
func TestARankCountsThoseWhoAreBetter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := make([]Placed, rapid.IntRange(0, 12).Draw(t, "n"))
		for i := range list {
			list[i] = Placed{Key: int64(i), Name: string(rune('a' + i%3))}
			if rapid.IntRange(0, 5).Draw(t, "has") > 0 {
				list[i].Score = Of(big.NewRat(rapid.Int64Range(0, 6).Draw(t, "s"), 3))
			}
		}
		shuffled := rapid.Permutation(list).Draw(t, "order")
		a, b := Rank(list), Rank(shuffled)
		if !slices.Equal(a, b) {
			t.Fatalf("%v and %v", a, b)
		}
		for _, x := range a {
			better := 0
			for _, y := range a {
				if x.Score != "" && y.Score != "" && y.Score.Rat().Cmp(x.Score.Rat()) > 0 {
					better++
				}
			}
			if want := better + 1; x.Score != "" && x.Rank != want || x.Score == "" && x.Rank != 0 {
				t.Fatalf("%+v should be %d", x, want)
			}
		}
	})
}

func TestPlansAreChecked(t *testing.T) {
	for _, level := range Levels() {
		if wrong := Default(level).Plan.Wrong(level); len(wrong) > 0 {
			t.Errorf("the default of %s: %v", level, wrong)
		}
	}
	for sentence, c := range map[string]struct {
		change func(*Plan)
		at     string
	}{
		"dimensions sum to 95 %":        {func(p *Plan) { p.Dimensions[0].Weight = 2500 }, "dimensions"},
		"items sum to 110 %":            {func(p *Plan) { p.Dimensions[0].Items[0].Weight = 7000 }, "dimensions[0].items"},
		"an item twice":                 {func(p *Plan) { p.Dimensions[1].Items[1].Code = "quota" }, "dimensions[1].items[1].code"},
		"a measure of departments":      {func(p *Plan) { p.Dimensions[2].Items[0].Source = "sign_rate" }, "dimensions[2].items[0].source"},
		"a fifth tier":                  {func(p *Plan) { p.Dimensions[2].Items[0].Tiers = []int16{5} }, "dimensions[2].items[0].tiers"},
		"grades from low to high":       {func(p *Plan) { slices.Reverse(p.Bands) }, "bands"},
		"a year of 90 %":                {func(p *Plan) { p.Quarters = 5000 }, "quarters"},
		"a dimension without items":     {func(p *Plan) { p.Dimensions[0].Items = nil }, "dimensions[0].items"},
		"points without bound":          {func(p *Plan) { p.Special = 20_000 }, "special"},
		"money from the lowest line up": {func(p *Plan) { slices.Reverse(p.Bonus) }, "bonus"},
		"a code that is no word":        {func(p *Plan) { p.Dimensions[0].Items[0].Code = "完整" }, "dimensions[0].items[0]"},
	} {
		p := Default(Grid).Plan
		c.change(&p)
		if wrong := p.Wrong(Grid); wrong[c.at] == "" {
			t.Errorf("%s: %v", sentence, wrong)
		}
	}
}

func TestPeriods(t *testing.T) {
	zone := time.FixedZone("CST", 8*3600)
	for _, c := range []struct {
		kind     Kind
		label    string
		from, to string
		title    string
	}{
		{Month, "2026-10", "2026-09-30T16:00:00Z", "2026-10-31T16:00:00Z", "2026年10月"},
		{Month, "2026-12", "2026-11-30T16:00:00Z", "2026-12-31T16:00:00Z", "2026年12月"},
		{Quarter, "2026-Q4", "2026-09-30T16:00:00Z", "2026-12-31T16:00:00Z", "2026年第四季度"},
		{WholeYear, "2026", "2025-12-31T16:00:00Z", "2026-12-31T16:00:00Z", "2026年度"},
		{Month, "2026-13", "", "", ""}, {Quarter, "2026-Q5", "", "", ""}, {WholeYear, "26", "", "", ""}, {Month, "2026-Q1", "", "", ""}, {"week", "2026-10", "", "", ""},
	} {
		from, to, err := Span(c.kind, c.label, zone)
		if (err != nil) != (c.from == "") {
			t.Errorf("%s %s: %v", c.kind, c.label, err)
			continue
		}
		if err == nil && (from.Format(time.RFC3339) != c.from || to.Format(time.RFC3339) != c.to || Title(c.kind, c.label) != c.title) {
			t.Errorf("%s %s: %s to %s, %s", c.kind, c.label, from, to, Title(c.kind, c.label))
		}
	}
	from, to, _ := Span(Month, "2026-10", zone) // 31 days: half is 15½
	for in, want := range map[time.Duration]bool{15*24*time.Hour + 12*time.Hour: true, 15*24*time.Hour + 12*time.Hour - time.Second: false, 31 * 24 * time.Hour: true, 0: false} {
		if Half(in, from, to) != want {
			t.Errorf("%s of October is half: %v", in, !want)
		}
	}
}

func TestLifeOfAPeriod(t *testing.T) {
	for sentence, c := range map[string]struct {
		from State
		do   Action
		to   State // "": may not
	}{
		"a draft is computed":                     {Opened, Compute, Computing},
		"and again":                               {Computing, Compute, Computing},
		"nothing is published without a draft":    {Opened, Publish, ""},
		"the draft is published":                  {Computing, Publish, Published},
		"what is published is not computed":       {Published, Compute, ""},
		"nor marked":                              {Published, Mark, ""},
		"an appeal comes":                         {Published, Appeal, Appealing},
		"a draft cannot be appealed against":      {Computing, Appeal, ""},
		"there is nothing to decide":              {Published, Decide, ""},
		"appeals are decided":                     {Appealing, Decide, Appealing},
		"it is locked":                            {Appealing, Lock, Locked},
		"a draft is not locked":                   {Computing, Lock, ""},
		"nothing is adjusted when it is locked":   {Locked, Adjust, ""},
		"nor appealed against":                    {Locked, Appeal, ""},
		"nor held against today's data":           {Locked, Recheck, ""},
		"what is published is adjusted beside it": {Published, Adjust, Published},
	} {
		to, err := c.from.After(c.do)
		if (err != nil) != (c.to == "") || err == nil && to != c.to {
			t.Errorf("%s: %s, %v", sentence, to, err)
		}
	}
}

// The same seed draws the same grids, whatever order they are listed in; a
// longer drawing begins with the shorter one.
func TestDrawingByLotCanBeRepeated(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		codes := rapid.SliceOfNDistinct(rapid.StringMatching(`99010100200[1-9]{1}00[1-9]{1}`), 1, 20, rapid.ID).Draw(t, "codes")
		seed, k := rapid.String().Draw(t, "seed"), rapid.IntRange(0, 25).Draw(t, "k")
		a, b := Sample(seed, codes, k), Sample(seed, rapid.Permutation(codes).Draw(t, "order"), k)
		if !slices.Equal(a, b) || len(a) != min(k, len(codes)) || !slices.Equal(a, Sample(seed, codes, k+1)[:len(a)]) {
			t.Fatalf("%v and %v", a, b)
		}
	})
}

func TestASheetHasOneDigest(t *testing.T) {
	r := Default(Grid).Plan.Score(map[string]Figure{"on_time": fig(3, 4)}, nil)
	s := Sheet{Period: "2026-Q3", Kind: Quarter, Lines: []Line{{Level: Grid, Subject: 2, Result: r}, {Level: Grid, Subject: 1, Result: r}}}
	_, a, err := s.Seal()
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(s.Lines)
	body, b, _ := s.Seal()
	if a != b || Digest(body) != b {
		t.Errorf("%s and %s", a, b)
	}
	s.Lines[0].Result.Final = "74"
	if _, c, _ := s.Seal(); c == a {
		t.Error("another score has the same digest")
	}
}
