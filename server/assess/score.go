package assess

import (
	"math/big"
	"slices"
	"strings"
)

// Figure is what was counted for an item.
type Figure struct {
	N Fraction `json:"n"`
	D Fraction `json:"d"`
}

// Missing reports whether there is nothing to divide by.
func (f Figure) Missing() bool {
	d := f.D.Rat()
	return d == nil || d.Sign() <= 0
}

// ItemScore is one item as it was scored.
type ItemScore struct {
	Code      string   `json:"code"`
	Name      string   `json:"name"`
	Source    string   `json:"source"`
	Unit      Unit     `json:"unit"`
	Weight    Weight   `json:"weight" doc:"within its dimension, as the template says"`
	Figure    Figure   `json:"figure"`
	Missing   bool     `json:"missing" doc:"nothing to divide by: left out, its weight spread over the others"`
	Effective Fraction `json:"effective" doc:"share of the whole, after spreading: the effective weights of what is there sum to 1"`
	Score     Fraction `json:"score" doc:"0 to 100"`
	Points    Fraction `json:"points" doc:"effective times score"`
}

// DimensionScore is a dimension as it was scored.
type DimensionScore struct {
	Code      string      `json:"code"`
	Name      string      `json:"name"`
	Weight    Weight      `json:"weight"`
	Missing   bool        `json:"missing"`
	Effective Fraction    `json:"effective"`
	Score     Fraction    `json:"score"`
	Items     []ItemScore `json:"items"`
}

// Year is how a year's base came about.
type Year struct {
	Quarters   []Fraction `json:"quarters"`
	Mean       Fraction   `json:"mean" doc:"of the published quarters"`
	Inspection Fraction   `json:"inspection" doc:"year-end"`
}

// Result is a subject's score: Base, the weighted items; Special, points on
// top; Final, both within 0 and 100. Without any item there is none.
type Result struct {
	Dimensions []DimensionScore `json:"dimensions"`
	Year       *Year            `json:"year,omitempty"`
	Base       Fraction         `json:"base"`
	Special    Fraction         `json:"special"`
	Final      Fraction         `json:"final"`
	Band       string           `json:"band"`
	Full       bool             `json:"full" doc:"满分: full marks before points on top"`
	Bonus      *int64           `json:"bonus,omitempty" doc:"以奖代补, 分"`
}

var (
	hundred = big.NewRat(100, 1)
	one     = big.NewRat(1, 1)
)

// itemScore is an item's score of 0 to 100; nil when there is nothing to divide by.
func itemScore(m Measure, f Figure) *big.Rat {
	if f.Missing() {
		return nil
	}
	n := f.N.Rat()
	if n == nil {
		n = new(big.Rat)
	}
	r := new(big.Rat).Quo(n, f.D.Rat())
	r = clamp(r, new(big.Rat), one)
	if m.Better < 0 {
		r.Sub(one, r)
	}
	return r.Mul(r, hundred)
}

func clamp(r, low, high *big.Rat) *big.Rat {
	switch {
	case r.Cmp(low) < 0:
		return new(big.Rat).Set(low)
	case r.Cmp(high) > 0:
		return new(big.Rat).Set(high)
	}
	return new(big.Rat).Set(r)
}

func (w Weight) rat() *big.Rat { return big.NewRat(int64(w), 1) }

// Score scores a subject: figures by item code, and the points on top.
func (p Plan) Score(figures map[string]Figure, special []Fraction) Result {
	out := Result{Dimensions: make([]DimensionScore, len(p.Dimensions))}
	there := new(big.Rat) // weights of the dimensions that have something
	for i, d := range p.Dimensions {
		ds := DimensionScore{Code: d.Code, Name: d.Name, Weight: d.Weight, Items: make([]ItemScore, len(d.Items))}
		inner := new(big.Rat)
		sum := new(big.Rat)
		for j, it := range d.Items {
			m, _ := MeasureByCode(it.Source)
			is := ItemScore{Code: it.Code, Name: it.Name, Source: it.Source, Unit: m.Unit, Weight: it.Weight, Figure: figures[it.Code]}
			if s := itemScore(m, is.Figure); s == nil {
				is.Missing = true
			} else {
				is.Score = Of(s)
				inner.Add(inner, it.Weight.rat())
				sum.Add(sum, new(big.Rat).Mul(it.Weight.rat(), s))
			}
			ds.Items[j] = is
		}
		if ds.Missing = inner.Sign() == 0; !ds.Missing {
			ds.Score = Of(sum.Quo(sum, inner))
			there.Add(there, d.Weight.rat())
			for j, is := range ds.Items {
				if !is.Missing { // its share of the dimension; of the whole, below
					ds.Items[j].Effective = Of(new(big.Rat).Quo(is.Weight.rat(), inner))
				}
			}
		}
		out.Dimensions[i] = ds
	}
	if there.Sign() > 0 {
		base := new(big.Rat)
		for i := range out.Dimensions {
			ds := &out.Dimensions[i]
			if ds.Missing {
				continue
			}
			share := new(big.Rat).Quo(ds.Weight.rat(), there)
			ds.Effective = Of(share)
			for j := range ds.Items {
				is := &ds.Items[j]
				if is.Missing {
					continue
				}
				effective := new(big.Rat).Mul(share, is.Effective.Rat())
				points := new(big.Rat).Mul(effective, is.Score.Rat())
				is.Effective, is.Points = Of(effective), Of(points)
				base.Add(base, points)
			}
		}
		out.Base = Of(base)
	}
	return p.finish(out, special)
}

// ScoreYear makes a year's score of its quarters and the year-end inspection;
// what is not there is left out. The items are shown and do not count.
func (p Plan) ScoreYear(figures map[string]Figure, quarters []Fraction, inspection Fraction, special []Fraction) Result {
	out := p.Score(figures, nil)
	y := Year{Quarters: quarters, Mean: Mean(quarters), Inspection: inspection}
	base, there := new(big.Rat), new(big.Rat)
	for _, part := range []struct {
		w Weight
		f Fraction
	}{{p.Quarters, y.Mean}, {p.Inspection, y.Inspection}} {
		if r := part.f.Rat(); r != nil {
			there.Add(there, part.w.rat())
			base.Add(base, new(big.Rat).Mul(part.w.rat(), r))
		}
	}
	out.Year, out.Base = &y, ""
	if there.Sign() > 0 {
		out.Base = Of(base.Quo(base, there))
	}
	return p.finish(out, special)
}

// finish adds the points on top and reads off grade and bonus.
func (p Plan) finish(out Result, special []Fraction) Result {
	out.Special = Of(p.bound(special))
	out.Final, out.Band, out.Bonus, out.Full = "", "", nil, false
	if base := out.Base.Rat(); base != nil {
		out.Final = Of(clamp(new(big.Rat).Add(base, out.Special.Rat()), new(big.Rat), hundred))
		out.Full = base.Cmp(hundred) >= 0
		out.Band, out.Bonus = p.Grade(out.Final)
	}
	return out
}

// bound sums points and keeps them within what 专项 may do.
func (p Plan) bound(special []Fraction) *big.Rat {
	sum := new(big.Rat)
	for _, f := range special {
		if r := f.Rat(); r != nil {
			sum.Add(sum, r)
		}
	}
	most := big.NewRat(p.Special, 100)
	return clamp(sum, new(big.Rat).Neg(most), most)
}

// Grade reads the grade and the bonus of a final score off the plan.
func (p Plan) Grade(final Fraction) (band string, bonus *int64) {
	r := final.Rat()
	if r == nil {
		return "", nil
	}
	for _, b := range p.Bands {
		if r.Cmp(big.NewRat(b.AtLeast, 100)) >= 0 {
			band = b.Name
			break
		}
	}
	for _, b := range p.Bonus {
		if r.Cmp(big.NewRat(b.AtLeast, 100)) >= 0 {
			cents := b.Cents
			return band, &cents
		}
	}
	return band, nil
}

// Adjusted is a published score with what was adjusted since, within 0 and 100.
func Adjusted(final Fraction, deltas []Fraction) Fraction {
	r := final.Rat()
	if r == nil {
		r = new(big.Rat)
		if len(deltas) == 0 {
			return ""
		}
	}
	for _, d := range deltas {
		if x := d.Rat(); x != nil {
			r.Add(r, x)
		}
	}
	return Of(clamp(r, new(big.Rat), hundred))
}

// Mean is the arithmetic mean of those that are there; none when none are.
func Mean(all []Fraction) Fraction {
	f := MeanFigure(all)
	if f.Missing() {
		return ""
	}
	r := new(big.Rat).Quo(f.N.Rat(), f.D.Rat())
	return Of(r.Mul(r, hundred))
}

// MeanFigure is the mean of scores as an item: their sum over a hundred for each.
func MeanFigure(all []Fraction) Figure {
	sum, n := new(big.Rat), int64(0)
	for _, f := range all {
		if r := f.Rat(); r != nil {
			sum.Add(sum, r)
			n++
		}
	}
	return Figure{Of(sum), Whole(100 * n)}
}

// Placed is somebody in a ranking.
type Placed struct {
	Key   int64
	Name  string
	Score Fraction
	Rank  int // 0: has no score, and no rank
}

// Rank orders by score, best first, and numbers as competitions do: 1, 2, 2, 4.
// Equal scores have equal ranks, whatever their order; the name only decides
// who is shown first. Scores are compared exactly. Those without come last.
func Rank(list []Placed) []Placed {
	out := slices.Clone(list)
	slices.SortStableFunc(out, func(a, b Placed) int {
		x, y := a.Score.Rat(), b.Score.Rat()
		switch {
		case x == nil && y == nil:
		case x == nil:
			return 1
		case y == nil:
			return -1
		default:
			if c := y.Cmp(x); c != 0 {
				return c
			}
		}
		if c := strings.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		return int(a.Key - b.Key)
	})
	for i := range out {
		switch {
		case out[i].Score.Rat() == nil:
			out[i].Rank = 0
		case i > 0 && out[i].Score.Rat().Cmp(out[i-1].Score.Rat()) == 0:
			out[i].Rank = out[i-1].Rank
		default:
			out[i].Rank = i + 1
		}
	}
	return out
}
