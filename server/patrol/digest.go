package patrol

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"math"
	"slices"
)

// Digest is of everything that the day is measured from, and of the policy:
// two verdicts with the same digest are the same. The order of fixes, their
// repeats, and how late each of them came are not part of it.
func (in *Input) Digest(p Params, ruleVersion string) []byte {
	h := sha256.New()
	var b []byte
	put := func(v int64) { b = binary.LittleEndian.AppendUint64(b, uint64(v)) }
	for _, f := range once(in.Fixes) {
		b = b[:0]
		put(f.Ms)
		put(int64(math.Float64bits(f.Point[0])))
		put(int64(math.Float64bits(f.Point[1])))
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(f.Accuracy))
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(f.Speed))
		b = binary.LittleEndian.AppendUint32(b, f.Flags)
		h.Write(append(b, f.Source))
	}
	rest := struct {
		Day    any
		Duties []Duty
		Visits []string
		Grids  [][2]int64
		Places []Place
		Params Params
		Rule   string
	}{Day: in.Day, Duties: slices.Clone(in.Duties), Places: in.Places, Params: p, Rule: ruleVersion}
	sortDuties(rest.Duties)
	for _, v := range in.Visits {
		v.Accuracy = 0 // NaN is no JSON, and it decides nothing
		text, _ := json.Marshal(v)
		rest.Visits = append(rest.Visits, string(text))
	}
	slices.Sort(rest.Visits)
	for _, g := range in.Grids {
		rest.Grids = append(rest.Grids, [2]int64{g.ID, int64(g.Version)})
	}
	slices.SortFunc(rest.Grids, func(a, b [2]int64) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) })
	text, _ := json.Marshal(rest) // plain values: it cannot fail
	h.Write(text)
	return h.Sum(nil)
}
