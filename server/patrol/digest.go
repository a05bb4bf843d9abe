package patrol

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"math"
	"slices"

	"github.com/gridward/gridward/geo/trail"
	"github.com/gridward/gridward/server/fleet"
)

// Digest is of everything that the day is measured from, and of the policy:
// two verdicts with the same digest are the same. The order of fixes, their
// repeats, and how late each of them came are not part of it.
func (in *Input) Digest(p Params, ruleVersion string) []byte {
	h := sha256.New()
	var b []byte
	put := func(v int64) { b = binary.LittleEndian.AppendUint64(b, uint64(v)) }
	fixes := make([]trail.Fix, len(in.Fixes))
	for i, f := range in.Fixes {
		fixes[i] = f.Stored()
		fixes[i].Flags &^= uint32(fleet.Late)
	}
	rows := make([]string, len(fixes))
	for i, f := range fixes {
		b = b[:0]
		b = binary.BigEndian.AppendUint64(b, uint64(f.Ms)) // so that rows sort by time
		put(int64(math.Float64bits(f.Point[0])))
		put(int64(math.Float64bits(f.Point[1])))
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(f.Accuracy))
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(f.Speed))
		b = binary.LittleEndian.AppendUint32(b, f.Flags)
		b = append(b, f.Source)
		rows[i] = string(b)
	}
	slices.Sort(rows)
	for _, r := range slices.Compact(rows) {
		h.Write([]byte(r))
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
	text, _ := json.Marshal(rest) // plain values: it cannot fail
	h.Write(text)
	return h.Sum(nil)
}
