package patrol

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/paulmach/orb"

	"github.com/gridward/gridward/geo/trail"
)

// A Signature is a worker's day thinned to one place every half minute: what a
// comparison with thirty earlier days and five hundred people reads first. It
// is a track too, and kept no longer than the comparison looks back.
type Signature struct {
	spots []spot
}

// spot is a place of a signature, in millionths of a degree.
type spot struct {
	bin      int32 // half minutes since the business day began
	lon, lat int32
}

// signatureMs is a signature's step, bridgeMs the longest silence across which it assumes a straight way.
const (
	signatureMs = 30_000
	bridgeMs    = 90_000
)

// NewSignature thins the fixes of a business day that began at start, in Unix milliseconds.
func NewSignature(fixes []trail.Fix, start int64) Signature {
	fixes = placed(fixes)
	s := Signature{}
	for i := 0; i+1 < len(fixes); i++ {
		a, b := &fixes[i], &fixes[i+1]
		if b.Ms-a.Ms > bridgeMs {
			continue
		}
		for bin := ceilDiv(a.Ms-start, signatureMs); start+bin*signatureMs < b.Ms; bin++ {
			p := between(a, b, start+bin*signatureMs)
			s.spots = append(s.spots, spot{int32(bin), int32(math.Round(p[0] * 1e6)), int32(math.Round(p[1] * 1e6))})
		}
	}
	return s
}

func ceilDiv(a, b int64) int64 {
	q := a / b
	if a%b > 0 {
		q++
	}
	return q
}

// between is where somebody was at ms on the straight way from a to b.
func between(a, b *trail.Fix, ms int64) orb.Point {
	k := float64(ms-a.Ms) / float64(b.Ms-a.Ms)
	return orb.Point{a.Point[0] + k*(b.Point[0]-a.Point[0]), a.Point[1] + k*(b.Point[1]-a.Point[1])}
}

// Len is how many half minutes it knows.
func (s Signature) Len() int { return len(s.spots) }

// AppendBinary writes the signature as differences of its columns.
func (s Signature) AppendBinary(b []byte) ([]byte, error) {
	b = binary.AppendUvarint(append(b, 1), uint64(len(s.spots)))
	var last spot
	for _, q := range s.spots {
		b = binary.AppendVarint(b, int64(q.bin-last.bin))
		b = binary.AppendVarint(b, int64(q.lon-last.lon))
		b = binary.AppendVarint(b, int64(q.lat-last.lat))
		last = q
	}
	return b, nil
}

// UnmarshalBinary reads what AppendBinary wrote.
func (s *Signature) UnmarshalBinary(b []byte) error {
	bad := fmt.Errorf("read a track's signature: %d bytes that are none", len(b))
	if len(b) < 2 || b[0] != 1 {
		return bad
	}
	n, k := binary.Uvarint(b[1:])
	if k <= 0 || n > 1<<16 || uint64(len(b)) < 1+3*n {
		return bad
	}
	b = b[1+k:]
	s.spots = make([]spot, 0, n)
	var last [3]int64
	for range n {
		for i := range last {
			v, k := binary.Varint(b)
			if k <= 0 {
				return bad
			}
			last[i] += v
			b = b[k:]
		}
		s.spots = append(s.spots, spot{int32(last[0]), int32(last[1]), int32(last[2])})
	}
	return nil
}

// The coarse comparison forgives what sampling does to a place and asks for less than the rule.
const (
	coarseM   = 25.0 // metres
	anchorGap = 4    // one anchor every two minutes
	anchorM   = 12.0 // metres in half a minute: moving
	fewVotes  = 4    // anchors that agree on a lag
)

// moving are the indexes of spots from which the next half minute leads away.
func (s Signature) moving(every int32) []int {
	var out []int
	last := int32(math.MinInt32)
	for i := 0; i+1 < len(s.spots); i++ {
		a, b := s.spots[i], s.spots[i+1]
		if b.bin == a.bin+1 && (last == math.MinInt32 || a.bin >= last+every) && apart(a, b, scaleAt(a.lat)) >= anchorM {
			out, last = append(out, i), a.bin
		}
	}
	return out
}

// scaleAt is how many metres a millionth of a degree of longitude is.
func scaleAt(lat int32) float64 {
	return metresPerMicro * math.Cos(float64(lat)*1e-6*math.Pi/180)
}

const metresPerMicro = math.Pi * 6371008.8 / 180 * 1e-6

func apart(a, b spot, x float64) float64 {
	return math.Hypot(float64(a.lon-b.lon)*x, float64(a.lat-b.lat)*metresPerMicro)
}

// Lags are the shifts, in half minutes, at which the earlier day may be the
// same walk: later spot = earlier spot + lag. Few are; each is then looked at
// with the fixes themselves.
func (s Signature) Lags(earlier Signature, r DoubtRule) []int {
	anchors := s.moving(anchorGap)
	if len(anchors) == 0 || len(earlier.spots) == 0 {
		return nil
	}
	then := earlier.moving(1)
	votes := map[int32]int{}
	for _, i := range anchors {
		a := s.spots[i]
		x := scaleAt(a.lat)
		reachLon, reachLat := int32(coarseM/x), int32(math.Round(coarseM/metresPerMicro))
		for _, j := range then {
			b := earlier.spots[j]
			if d := a.lon - b.lon; d > reachLon || d < -reachLon {
				continue
			}
			if d := a.lat - b.lat; d > reachLat || d < -reachLat {
				continue
			}
			votes[a.bin-b.bin]++
		}
	}
	type vote struct {
		lag int32
		n   int
	}
	var best []vote
	for lag, n := range votes {
		if n += max(votes[lag-1], votes[lag+1]); n >= fewVotes {
			best = append(best, vote{lag, n})
		}
	}
	slices.SortFunc(best, func(a, b vote) int {
		if a.n != b.n {
			return b.n - a.n
		}
		return int(a.lag - b.lag)
	})
	var out []int
	for _, v := range best[:min(len(best), 6)] {
		if s.coarse(earlier, v.lag, r) {
			out = append(out, int(v.lag))
		}
	}
	return out
}

// coarse reports whether the two run together at the lag for about as long as the rule asks.
func (s Signature) coarse(o Signature, lag int32, r DoubtRule) bool {
	need := int32(r.of("min_s")*0.9) / (signatureMs / 1000)
	needM := r.of("min_moved_m") * 0.5
	var run int32
	moved := 0.0
	miss := 0
	j := 0
	var last spot
	for _, a := range s.spots {
		for j < len(o.spots) && o.spots[j].bin < a.bin-lag {
			j++
		}
		if j == len(o.spots) {
			break
		}
		if o.spots[j].bin != a.bin-lag {
			continue
		}
		x := scaleAt(a.lat)
		if apart(a, o.spots[j], x) > coarseM {
			if miss++; miss > 2 {
				run, moved, miss = 0, 0, 0
			}
			continue
		}
		if run > 0 && a.bin-last.bin <= 4 {
			moved += apart(a, last, x)
		}
		run, last = run+1, a
		if run >= need && moved >= needM {
			return true
		}
	}
	return false
}

// Match is a stretch in which two tracks are one.
type Match struct {
	From, To  int64 // of the first track, Unix milliseconds
	LagMs     int64 // the first track's time minus the other's
	MovedM    float64
	Fixes     int
	Whole     int     // fixes within the distance at this lag all day, silences or not
	Share     float64 // of the fixes within the distance
	MedianM   float64
	a, b      []trail.Fix
	otherFrom int64
}

// matchFixes compares a with b shifted by about lag and returns the longest
// stretch in which so many of a's fixes lie within the distance of where b was
// at the same relative time.
func matchFixes(a, b []trail.Fix, lag int64, r DoubtRule, exact bool) (Match, bool) {
	within, share := r.of("within_m"), r.of("share")
	if !exact {
		lag = bestLag(a, b, lag)
	}
	type near struct {
		i int
		m float64
	}
	var seen []near
	k := 0
	for i := range a {
		p, ok := whereAt(b, a[i].Ms-lag, &k)
		if ok {
			seen = append(seen, near{i, trail.Metres(a[i].Point, p)})
		}
	}
	// the stretch with the best sum: a fix within the distance counts one, one outside what the share forgives
	penalty := share / (1 - min(share, 0.999))
	best, sum, from, whole := 0.0, 0.0, 0, 0
	var lo, hi int
	for n, s := range seen {
		if n > 0 && a[s.i].Ms-a[seen[n-1].i].Ms > 10*60_000 { // a long silence ends a stretch
			sum, from = 0, n
		}
		if s.m <= within {
			sum++
			whole++
		} else if sum -= penalty; sum < 0 {
			sum, from = 0, n+1
		}
		if sum > best {
			best, lo, hi = sum, from, n+1
		}
	}
	if hi-lo < 10 {
		return Match{}, false
	}
	m := Match{From: a[seen[lo].i].Ms, To: a[seen[hi-1].i].Ms, LagMs: lag, Fixes: hi - lo, Whole: whole}
	all, in := make([]float64, 0, hi-lo), 0
	corner := a[seen[lo].i].Point
	for n := lo; n < hi; n++ {
		all = append(all, seen[n].m)
		if seen[n].m <= within {
			in++
		}
		if p := a[seen[n].i].Point; trail.Metres(corner, p) >= 15 { // jitter is not moving
			m.MovedM, corner = m.MovedM+trail.Metres(corner, p), p
		}
	}
	slices.Sort(all)
	m.Share, m.MedianM = float64(in)/float64(len(all)), all[len(all)/2]
	m.a, m.b = cut(a, m.From, m.To), cut(b, m.From-lag, m.To-lag)
	m.otherFrom = m.From - lag
	return m, m.To-m.From >= r.ms("min_s") && m.MovedM >= r.of("min_moved_m") && m.Share >= share && len(m.b) > 0
}

// bestLag finds the shift, to a second, at which a and b agree best.
func bestLag(a, b []trail.Fix, lag int64) int64 {
	best, least := lag, math.Inf(1)
	step := max(1, len(a)/400)
	for d := int64(-45_000); d <= 45_000; d += 1000 {
		sum, n, k := 0.0, 0, 0
		for i := 0; i < len(a); i += step {
			if p, ok := whereAt(b, a[i].Ms-lag-d, &k); ok {
				sum += min(trail.Metres(a[i].Point, p), 50)
				n++
			}
		}
		if n > 0 && sum/float64(n) < least {
			best, least = lag+d, sum/float64(n)
		}
	}
	return best
}

// whereAt is where the track was at ms; k is where to look first, and moves on.
func whereAt(b []trail.Fix, ms int64, k *int) (orb.Point, bool) {
	for *k+1 < len(b) && b[*k+1].Ms < ms {
		*k++
	}
	if *k+1 >= len(b) || b[*k].Ms > ms || b[*k+1].Ms-b[*k].Ms > bridgeMs {
		return orb.Point{}, false
	}
	return between(&b[*k], &b[*k+1], ms), true
}

func cut(fixes []trail.Fix, from, to int64) []trail.Fix {
	by := func(f trail.Fix, ms int64) int {
		switch {
		case f.Ms < ms:
			return -1
		case f.Ms > ms:
			return 1
		}
		return 0
	}
	lo, _ := slices.BinarySearchFunc(fixes, from, by)
	hi, found := slices.BinarySearchFunc(fixes, to, by)
	if found {
		hi++
	}
	return fixes[lo:hi]
}

// evidence shows both halves of the match.
func (m Match) evidence(beside EvidenceBeside) Evidence {
	e := lies(m.a)
	o := lies(m.b)
	beside.From, beside.To, beside.Path = o.From, o.To, o.Path
	e.Other = &beside
	return e
}

// Earlier is a day of the same worker that a replay may have come from.
type Earlier struct {
	Day   string
	Start int64 // of that business day, Unix milliseconds
	Lags  []int // what Signature.Lags found
	Fixes []trail.Fix
}

// FindReplay compares the day with earlier days at the lags that their signatures gave.
func FindReplay(fixes []trail.Fix, start int64, earlier []Earlier, p DoubtPolicy) (Signal, bool) {
	r := p.Rule(DoubtReplay)
	if r.Off || r.Points == 0 {
		return Signal{}, false
	}
	fixes = placed(fixes)
	var all []Evidence
	var best Match
	bestDay := ""
	for i := range earlier {
		e := &earlier[i]
		then := placed(e.Fixes)
		for _, lag := range e.Lags {
			m, ok := matchFixes(fixes, then, start-e.Start+int64(lag)*signatureMs, r, false)
			if !ok || m.MedianM > r.of("median_m") {
				continue
			}
			all = append(all, m.evidence(EvidenceBeside{Day: e.Day}))
			if m.To-m.From > best.To-best.From {
				best, bestDay = m, e.Day
			}
			break
		}
	}
	if len(all) == 0 {
		return Signal{}, false
	}
	share := float64(best.Whole) / float64(len(fixes))
	return Signal{
		Code: DoubtReplay, Name: DoubtReplay.Name(), Points: r.worth(share),
		Text:     fmt.Sprintf("与 %s 的轨迹重合 %d 分钟、%.1f 公里，相同相对时刻的距离中位数 %.1f 米，占全天定位点的 %.0f%%", bestDay, (best.To-best.From)/60_000, best.MovedM/1000, best.MedianM, 100*share),
		Figures:  map[string]float64{"days": float64(len(all)), "percent": math.Round(100 * share), "seconds": float64((best.To - best.From) / 1000), "metres": math.Round(best.MovedM), "median_m": math.Round(best.MedianM*10) / 10},
		Evidence: longest(all),
	}, true
}

// Peer is somebody else who was out on the same day.
type Peer struct {
	Worker int64
	Name   string
	Day    string
	Fixes  []trail.Fix
	// Together says why the two were rightly together at the instant, or "" when nothing says so.
	Together func(ms int64) Together
}

// Together is why two people were rightly at one place.
type Together string

// What explains it.
const (
	Companions Together = "companions"  // declared in a visit
	OneOrder   Together = "one_order"   // both were sent to one case
	OneTeam    Together = "one_team"    // rostered as a patrol team
	OneVehicle Together = "one_vehicle" // both near a vehicle that reports
)

var togetherWords = map[Together]string{Companions: "走访登记为结伴", OneOrder: "同办一件事件", OneTeam: "排班为同一巡查组", OneVehicle: "同乘一辆车"}

// Beside reports whether the two may have been together for long: then their fixes are compared.
func (s Signature) Beside(o Signature, r DoubtRule) bool { return s.coarse(o, 0, r) }

// FindTwin compares the day with other people's of the same day. A stretch in
// which they were rightly together counts nothing, and says why.
func FindTwin(fixes []trail.Fix, peers []Peer, p DoubtPolicy) (Signal, bool) {
	r := p.Rule(DoubtTwin)
	if r.Off || r.Points == 0 {
		return Signal{}, false
	}
	fixes = placed(fixes)
	var all []Evidence
	var best Match
	var names []string
	why, counts := Together(""), false
	for i := range peers {
		q := &peers[i]
		m, ok := matchFixes(fixes, placed(q.Fixes), 0, r, true)
		if !ok {
			continue
		}
		all = append(all, m.evidence(EvidenceBeside{Day: q.Day, Worker: q.Worker, Name: q.Name}))
		if together := rightly(q, m); together != "" {
			why = together
		} else {
			counts = true
		}
		names = append(names, q.Name)
		if m.To-m.From > best.To-best.From {
			best = m
		}
	}
	if len(all) == 0 {
		return Signal{}, false
	}
	s := Signal{
		Code: DoubtTwin, Name: DoubtTwin.Name(), Points: r.Points,
		Text:     fmt.Sprintf("与另外 %d 人的轨迹重合，最长 %d 分钟、%.1f 公里，同一时刻的距离中位数 %.1f 米", len(names), (best.To-best.From)/60_000, best.MovedM/1000, best.MedianM),
		Figures:  map[string]float64{"people": float64(len(names)), "seconds": float64((best.To - best.From) / 1000), "metres": math.Round(best.MovedM), "median_m": math.Round(best.MedianM*10) / 10},
		Evidence: longest(all),
	}
	if !counts {
		s.Points, s.Mitigated, s.Why = 0, togetherWords[why], string(why)
	}
	return s, true
}

// rightly says why the two were together: when it explains at least half of the stretch.
func rightly(q *Peer, m Match) Together {
	if q.Together == nil {
		return ""
	}
	votes := map[Together]int{}
	n := 0
	for ms := m.From; ms <= m.To; ms += 60_000 {
		n++
		if why := q.Together(ms); why != "" {
			votes[why]++
		}
	}
	best, most := Together(""), 0
	for why, v := range votes {
		if v > most || v == most && why < best {
			best, most = why, v
		}
	}
	if 2*most >= n {
		return best
	}
	return ""
}

// Near returns whether the two tracks were within so many metres of each other
// at an instant: of a person and a vehicle, whether he may have been in it.
func Near(a, b []trail.Fix, metres float64) func(ms int64) bool {
	a, b = placed(a), placed(b)
	return func(ms int64) bool {
		p, ok := find(a, ms)
		q, there := find(b, ms)
		return ok && there && trail.Metres(p, q) <= metres
	}
}

// find is whereAt from anywhere.
func find(fixes []trail.Fix, ms int64) (orb.Point, bool) {
	k, _ := slices.BinarySearchFunc(fixes, ms, func(f trail.Fix, ms int64) int {
		if f.Ms < ms {
			return -1
		}
		return 1
	})
	if k = max(0, k-1); len(fixes) == 0 {
		return orb.Point{}, false
	}
	return whereAt(fixes, ms, &k)
}
