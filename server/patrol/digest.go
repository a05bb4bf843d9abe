package patrol

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"math"
	"slices"
)

// Digest is of everything that the day is measured from: every fix once and as
// the archive keeps it, duty, visits with their verdicts, which grids in which of
// their versions, the places that matter, the rule on visits, and the policy with
// its version and the number of the algorithm. Two verdicts with the same digest
// are the same, and a verdict is computed again by the policy kept with it. The
// order of fixes, their repeats, their course, and how late each of them came are
// no part of it: a fix that comes later makes another digest, its lateness none.
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
		Vain   bool
	}{Day: in.Day, Duties: slices.Clone(in.Duties), Places: slices.Clone(in.Places), Params: p, Rule: ruleVersion, Vain: in.AttemptCounts}
	slices.SortFunc(rest.Places, func(a, b Place) int { return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Grid, b.Grid)) })
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
