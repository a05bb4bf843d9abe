// Package assess scores how well a period went (考核), on four levels: grids
// (网格), their guides (网格指导员), communities and villages (村社区), and the
// street's departments (职能部门). It decides and touches nothing.
//
// A template says what is scored: dimensions of items, each with a weight, each
// item a ratio of two counts of a Measure. Everything is an exact fraction;
// rounding is for showing only, half up. An item without a denominator is left
// out and the weights of those that are there are spread anew: what could not
// be measured is neither a nought nor full marks. Points above and below
// (专项, 督查) come on top, bounded, and the whole stays within 0 and 100.
//
// Nothing here looks at a clock, so a published score can be computed again.
package assess

import (
	"encoding/json"
	"math/big"
	"slices"
	"strings"
)

// Level is whose work is scored.
type Level string

const (
	Grid       Level = "grid"       // 网格
	Guide      Level = "guide"      // 网格指导员: persons, seen by themselves and those who assess
	Community  Level = "community"  // 村社区
	Department Level = "department" // 街道职能部门
)

// Levels are all four, in the order in which they are computed: the later stand on grids.
func Levels() []Level { return []Level{Grid, Community, Guide, Department} }

// Name is what the level is called.
func (l Level) Name() string {
	return map[Level]string{Grid: "网格", Guide: "网格指导员", Community: "村社区", Department: "街道职能部门"}[l]
}

// Personal reports whether a score of the level is about one person. Those are
// never ranked, and only that person and those who assess see them.
func (l Level) Personal() bool { return l == Guide }

// Fraction is an exact number, "175/2" or "87"; empty is none at all.
type Fraction string

// Of makes a fraction; nil is none.
func Of(r *big.Rat) Fraction {
	if r == nil {
		return ""
	}
	return Fraction(r.RatString())
}

// Whole makes a fraction of a whole number.
func Whole(n int64) Fraction { return Of(big.NewRat(n, 1)) }

// Hundredths makes a fraction of a number in hundredths.
func Hundredths(n int64) Fraction { return Of(big.NewRat(n, 100)) }

// Minus is f less g; none counts as nought.
func (f Fraction) Minus(g Fraction) Fraction {
	r := new(big.Rat)
	if x := f.Rat(); x != nil {
		r.Add(r, x)
	}
	if x := g.Rat(); x != nil {
		r.Sub(r, x)
	}
	return Of(r)
}

// Times is f times a whole number; none stays none.
func (f Fraction) Times(n int64) Fraction {
	r := f.Rat()
	if r == nil {
		return ""
	}
	return Of(r.Mul(r, big.NewRat(n, 1)))
}

// Rat is the number, nil for none.
func (f Fraction) Rat() *big.Rat {
	if f == "" {
		return nil
	}
	if r, ok := new(big.Rat).SetString(string(f)); ok {
		return r
	}
	return nil
}

// hundredths is a number in hundredths, rounded half up (away from nought).
func hundredths(r *big.Rat) int64 {
	cents := new(big.Rat).Mul(r, big.NewRat(100, 1))
	half := big.NewRat(1, 2)
	if cents.Sign() < 0 {
		half.Neg(half)
	}
	cents.Add(cents, half)
	return new(big.Int).Quo(cents.Num(), cents.Denom()).Int64()
}

// Shown is the number with two decimals, for showing only; nil for none.
func (f Fraction) Shown() *float64 {
	r := f.Rat()
	if r == nil {
		return nil
	}
	v := float64(hundredths(r)) / 100
	return &v
}

// Text is the number as people read it: 87.50, or — for none.
func (f Fraction) Text() string {
	r := f.Rat()
	if r == nil {
		return "—"
	}
	return big.NewRat(hundredths(r), 100).FloatString(2)
}

// Weight is hundredths of a per cent: 3500 is 35 %. Those of a template's
// dimensions sum to Entire, and those of a dimension's items.
type Weight int64

// Entire is all of it.
const Entire Weight = 10_000

// Item is one ratio that is scored.
type Item struct {
	Code   string  `json:"code" doc:"unique within the template"`
	Name   string  `json:"name"`
	Weight Weight  `json:"weight" doc:"hundredths of a per cent; a dimension's items sum to 10000"`
	Source string  `json:"source" doc:"code of a measure"`
	Tiers  []int16 `json:"tiers,omitempty" doc:"only cases of these tiers"`
	Target int64   `json:"target,omitempty" doc:"of a measure that counts days: how many a month are full marks"`
}

// Dimension is items that are judged together.
type Dimension struct {
	Code   string `json:"code"`
	Name   string `json:"name"`
	Weight Weight `json:"weight" doc:"hundredths of a per cent; the dimensions sum to 10000"`
	Items  []Item `json:"items"`
}

// Band is a grade: everything from AtLeast up to the next.
type Band struct {
	Name    string `json:"name"`
	AtLeast int64  `json:"at_least" doc:"points, in hundredths"`
}

// Amount is what a grid is given instead of a subsidy for nothing (以奖代补).
type Amount struct {
	AtLeast int64 `json:"at_least" doc:"points, in hundredths"`
	Cents   int64 `json:"cents" doc:"分"`
}

// Plan is what a template says.
type Plan struct {
	Dimensions []Dimension `json:"dimensions"`
	Special    int64       `json:"special" doc:"how many points 专项 may add or take away, in hundredths"`
	Bands      []Band      `json:"bands"`
	Bonus      []Amount    `json:"bonus,omitempty"`
	Quarters   Weight      `json:"quarters,omitempty" doc:"of a year: the mean of the published quarters"`
	Inspection Weight      `json:"inspection,omitempty" doc:"of a year: the year-end inspection (年度总评)"`
}

// Template is a version of a plan for a level.
type Template struct {
	ID      int64  `json:"id"`
	Version int32  `json:"version"`
	Level   Level  `json:"level"`
	Name    string `json:"name"`
	Plan    Plan   `json:"plan"`
}

// Items are all items of the plan.
func (p Plan) Items() (all []Item) {
	for _, d := range p.Dimensions {
		all = append(all, d.Items...)
	}
	return all
}

// Item finds an item by its code.
func (p Plan) Item(code string) (Item, bool) {
	for _, it := range p.Items() {
		if it.Code == code {
			return it, true
		}
	}
	return Item{}, false
}

// Wrong says what is wrong with a plan for the level, by the place in it; none: nothing.
func (p Plan) Wrong(level Level) map[string]string {
	wrong := map[string]string{}
	if len(p.Dimensions) == 0 || len(p.Dimensions) > 12 {
		wrong["dimensions"] = "应有 1 到 12 个维度"
	}
	var sum Weight
	seen := map[string]bool{}
	for i, d := range p.Dimensions {
		at := "dimensions[" + itoa(i) + "]"
		sum += d.Weight
		if d.Weight <= 0 || strings.TrimSpace(d.Name) == "" || !word(d.Code) {
			wrong[at] = "维度要有编码、名称和大于零的权重"
		}
		if len(d.Items) == 0 || len(d.Items) > 20 {
			wrong[at+".items"] = "每个维度应有 1 到 20 个指标"
			continue
		}
		var inner Weight
		for j, it := range d.Items {
			here := at + ".items[" + itoa(j) + "]"
			inner += it.Weight
			m, known := MeasureByCode(it.Source)
			switch {
			case it.Weight <= 0 || strings.TrimSpace(it.Name) == "" || !word(it.Code):
				wrong[here] = "指标要有编码、名称和大于零的权重"
			case seen[it.Code]:
				wrong[here+".code"] = "编码重复"
			case !known || !slices.Contains(m.Levels, level):
				wrong[here+".source"] = "这一级没有这个数据来源"
			case m.Unit == Days && (it.Target < 1 || it.Target > 31):
				wrong[here+".target"] = "请填写每月目标天数（1 到 31）"
			case slices.ContainsFunc(it.Tiers, func(t int16) bool { return t < 1 || t > 4 }):
				wrong[here+".tiers"] = "层级应为一级到四级"
			}
			seen[it.Code] = true
		}
		if inner != Entire {
			wrong[at+".items"] = "指标权重之和应为 100%，现在是 " + inner.Text()
		}
	}
	if len(p.Dimensions) > 0 && sum != Entire {
		wrong["dimensions"] = "维度权重之和应为 100%，现在是 " + sum.Text()
	}
	if p.Special < 0 || p.Special > 10_000 {
		wrong["special"] = "专项加减分应在 0 到 100 之间"
	}
	for i, b := range p.Bands {
		if strings.TrimSpace(b.Name) == "" || b.AtLeast < 0 || b.AtLeast > 10_000 || i > 0 && b.AtLeast >= p.Bands[i-1].AtLeast {
			wrong["bands"] = "等次要有名称，分数线从高到低"
		}
	}
	for i, b := range p.Bonus {
		if level != Grid {
			wrong["bonus"] = "以奖代补只用于网格"
		} else if b.AtLeast < 0 || b.AtLeast > 10_000 || b.Cents < 0 || b.Cents > 1e9 || i > 0 && b.AtLeast >= p.Bonus[i-1].AtLeast {
			wrong["bonus"] = "奖补分数线从高到低，金额不为负"
		}
	}
	if p.Quarters+p.Inspection != 0 && p.Quarters+p.Inspection != Entire || p.Quarters < 0 || p.Inspection < 0 {
		wrong["quarters"] = "季度均分与年终督查的权重之和应为 100%"
	}
	return wrong
}

// Text is the weight as people read it: 35%.
func (w Weight) Text() string {
	s := new(big.Rat).SetFrac64(int64(w), 100).FloatString(2)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".") + "%"
}

func itoa(n int) string {
	b, _ := json.Marshal(n)
	return string(b)
}

func word(s string) bool {
	return s != "" && len(s) <= 40 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789_") == ""
}
