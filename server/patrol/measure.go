package patrol

import (
	"cmp"
	"slices"

	"github.com/paulmach/orb"

	"github.com/gridward/gridward/geo/fence"
	"github.com/gridward/gridward/geo/trail"
	"github.com/gridward/gridward/server/fleet"
	"github.com/gridward/gridward/server/workday"
)

// Duty is a stretch during which the worker was on duty: a session, or an
// imported shift.
type Duty struct {
	From    int64  `json:"from" doc:"Unix milliseconds; both ends belong to it"`
	To      int64  `json:"to"`
	Purpose string `json:"purpose"`
	Shift   bool   `json:"shift,omitempty" doc:"an imported shift: it holds where no session does"`
}

// Place is a key object or a checkpoint.
type Place struct {
	ID    string
	Kind  string
	Grid  int64
	Point orb.Point
}

// Input is everything that a worker's day is measured from.
type Input struct {
	Day    workday.Day
	Fixes  []trail.Fix  // of the day, in any order, repeats and all
	Duties []Duty       // that touch the day
	Visits []Visit      // of the day
	Grids  []fence.Area // assigned on the day, as they were drawn then
	Places []Place      // in these grids
	// AttemptCounts is the region's rule on visits: 未遇 counts as a visit.
	AttemptCounts bool
}

// Walk are the stretches of accepted track on duty that counts, for coverage.
type Walk [][]orb.Point

// reject are the flags by which ingest has ruled a fix out already.
const reject = fleet.Implausible | fleet.Mock

// step is an accepted fix with what decides about the time around it.
type step struct {
	ms      int64
	point   orb.Point
	counts  bool // it was sent on duty that counts
	spell   int  // the stretch of duty without a break in which it was sent
	h5      bool
	near    uint64 // grids whose margin holds it, a bit each
	inside  uint64 // grids that hold it
	refused string // the commonest reason for which fixes between the step before and this one were refused
}

// judgement is what the time between two steps is, as far as it is spent on duty.
type judgement struct {
	counted bool
	why     string
	grid    int64
	visit   *Visit
}

type meter struct {
	in     Input
	p      Params
	out    DayMeasure
	steps  []step
	fence  *fence.Fence
	cuts   []int64 // instants at which time changes its kind, in order
	split  int64
	from   int64
	to     int64
	night  int64
	spells [][2]int64       // duty without a break
	patrol [][2]int64       // of these what counts: a round
	rounds map[int][2]int64 // effective time by round
}

// Measure says what a worker's day came to under the policy's parameters.
func Measure(in Input, p Params) (DayMeasure, Walk) {
	start := in.Day.Start().UnixMilli()
	at := func(s string) int64 { ms, _ := clock(s); return start + ms }
	m := &meter{in: in, p: p, from: at(p.From), split: at(p.Split), to: at(p.To), night: at(p.NightFrom), rounds: map[int][2]int64{}}
	m.in.Duties, m.in.Visits = slices.Clone(in.Duties), slices.Clone(in.Visits)
	sortDuties(m.in.Duties)
	m.duties()
	slices.SortFunc(m.in.Visits, func(a, b Visit) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID.String(), b.ID.String())) })
	m.out.Intervals, m.out.Called, m.out.Places, m.out.Grids = []Interval{}, []Called{}, []PlaceDwell{}, []GridShare{}
	if f, err := fence.New(in.Grids); err == nil { // shapes come from the database, which holds no other
		m.fence = f
		for _, g := range f.Areas() {
			m.out.Grids = append(m.out.Grids, GridShare{Grid: g.ID})
		}
	}
	m.accept(start, (in.Day + 1).Start().UnixMilli())
	for i := 1; i < len(m.steps); i++ {
		m.between(&m.steps[i-1], &m.steps[i])
	}
	m.qualify()
	m.visits()
	m.places()
	return m.out, m.walk()
}

func sortDuties(all []Duty) {
	slices.SortFunc(all, func(a, b Duty) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To), cmp.Compare(a.Purpose, b.Purpose), shifts(a)-shifts(b))
	})
}

func shifts(d Duty) int {
	if d.Shift {
		return 1
	}
	return 0
}

// duties finds where duty begins and ends. Sessions that follow each other
// without a break are as good as one.
func (m *meter) duties() {
	m.cuts = []int64{m.from, m.split, m.night, m.to}
	for i := range m.in.Duties {
		d := &m.in.Duties[i]
		m.cuts = append(m.cuts, d.From, d.To)
		m.spells = prolong(m.spells, d)
		if m.counts(i) {
			m.patrol = prolong(m.patrol, d)
		}
	}
	slices.Sort(m.cuts)
	m.cuts = slices.Compact(m.cuts)
}

// prolong adds a duty, which begins no earlier than those before it, to the
// stretches without a break.
func prolong(all [][2]int64, d *Duty) [][2]int64 {
	if n := len(all); n > 0 && d.From <= all[n-1][1] {
		all[n-1][1] = max(all[n-1][1], d.To)
		return all
	}
	return append(all, [2]int64{d.From, d.To})
}

// within is which of the stretches holds the instant, -1 = none.
func within(all [][2]int64, ms int64) int {
	return slices.IndexFunc(all, func(s [2]int64) bool { return ms >= s[0] && ms <= s[1] })
}

// accept judges the fixes and keeps those of which time may count.
func (m *meter) accept(start, end int64) {
	clean := m.clean(start, end)
	m.out.DistanceM = clean.LengthM
	refused := map[string]int{}
	for i := range clean.Fixes {
		f := &clean.Fixes[i]
		if f.Why == trail.Duplicate {
			continue
		}
		m.out.Fixes++
		duty := m.duty(f.Ms, f.Ms)
		why := refusal(f)
		switch {
		case duty < 0:
			m.out.Refused.OffDuty++
			continue
		case why == "":
		case why == WhyVague:
			m.out.Refused.Inaccurate++
		case why == WhyMock:
			m.out.Refused.Mock++
		default:
			m.out.Refused.Outlier++
		}
		if why != "" {
			refused[why]++
			continue
		}
		s := step{ms: f.Ms, point: f.Point, counts: m.counts(duty), spell: within(m.spells, f.Ms), h5: fleet.Source(f.Source) == fleet.FromNative, refused: commonest(refused)}
		clear(refused)
		s.near, s.inside = m.locate(f.Point)
		m.steps = append(m.steps, s)
	}
	m.out.Accepted = len(m.steps)
}

// clean judges the track of [start, end), in which every fix is there once.
func (m *meter) clean(start, end int64) trail.Trail {
	fixes := make([]trail.Fix, 0, len(m.in.Fixes))
	for _, f := range once(m.in.Fixes) {
		if f.Ms >= start && f.Ms < end {
			fixes = append(fixes, f)
		}
	}
	return trail.Clean(fixes, trail.Options{Accuracy: m.p.AccuracyMaxM, Reject: uint32(reject), GapMs: int64(m.p.GapMaxS) * 1000})
}

// once are the fixes as the archive keeps them, for the verdict outlives the
// raw ones: by time, without repeats, and without a word of how late each came.
func once(fixes []trail.Fix) []trail.Fix {
	out := make([]trail.Fix, len(fixes))
	for i, f := range fixes {
		out[i] = f.Stored()
		out[i].Flags &^= uint32(fleet.Late)
	}
	slices.SortFunc(out, order)
	return slices.CompactFunc(out, func(a, b trail.Fix) bool { return order(a, b) == 0 })
}

// order is total: cmp.Compare knows NaN as equal to itself.
func order(a, b trail.Fix) int {
	return cmp.Or(cmp.Compare(a.Ms, b.Ms), cmp.Compare(a.Point[0], b.Point[0]), cmp.Compare(a.Point[1], b.Point[1]), cmp.Compare(a.Accuracy, b.Accuracy),
		cmp.Compare(a.Speed, b.Speed), cmp.Compare(a.Course, b.Course), cmp.Compare(a.Flags, b.Flags), cmp.Compare(a.Source, b.Source))
}

// refusal is why no time may count by the fix. A receiver that repeats itself
// is doubtful, and doubts take no time away.
func refusal(f *trail.Judged) string {
	switch {
	case fleet.Flag(f.Flags)&fleet.Mock != 0:
		return WhyMock
	case f.Why == trail.Good, f.Why == trail.Frozen:
		return ""
	case f.Why == trail.Inaccurate:
		return WhyVague
	}
	return WhyOutlier
}

func commonest(n map[string]int) string {
	best := ""
	for _, why := range []string{WhyMock, WhyVague, WhyOutlier} {
		if n[why] > 0 && (best == "" || n[why] > n[best]) {
			best = why
		}
	}
	return best
}

// duty is what covers the stretch: a session before a shift, one that counts
// before one that does not, and the one that began last; -1 when there is none.
func (m *meter) duty(from, to int64) int {
	best := -1
	for i := range m.in.Duties {
		d := &m.in.Duties[i]
		if from < d.From || to > d.To {
			continue
		}
		switch {
		case best < 0, m.in.Duties[best].Shift && !d.Shift:
		case d.Shift && !m.in.Duties[best].Shift, m.counts(best) && !m.counts(i):
			continue
		}
		best = i
	}
	return best
}

func (m *meter) counts(duty int) bool {
	return slices.Contains(m.p.Purposes, m.in.Duties[duty].Purpose)
}

// locate says which of the assigned grids hold p, and which hold it with their margin.
func (m *meter) locate(p orb.Point) (near, inside uint64) {
	if m.fence == nil {
		return 0, 0
	}
	for i := range min(64, len(m.fence.Areas())) {
		switch {
		case m.fence.Covers(i, p):
			near, inside = near|1<<i, inside|1<<i
		case m.fence.DistanceToBorder(i, p) >= -m.p.BufferM:
			near |= 1 << i
		}
	}
	return near, inside
}

// between accounts for the time between two accepted fixes, in pieces that lie
// wholly in one part of the day and wholly on duty or off it.
func (m *meter) between(a, b *step) {
	dt := b.ms - a.ms
	j := m.judge(a, b, dt)
	if a.spell == b.spell {
		m.out.GapMs += dt
		m.out.Gaps++
	}
	heard := dt <= m.gapMax(a, b)
	from := a.ms
	for _, cut := range m.cuts {
		if cut > from && cut < b.ms {
			m.count(from, cut, j, heard)
			from = cut
		}
	}
	m.count(from, b.ms, j, heard)
}

// gapMax is the longest time between the two that still counts.
func (m *meter) gapMax(a, b *step) int64 {
	if a.h5 && b.h5 {
		return int64(m.p.GapBackgroundS) * 1000
	}
	return int64(m.p.GapMaxS) * 1000
}

// judge decides whether the time between two accepted fixes counts, and why.
func (m *meter) judge(a, b *step, dt int64) judgement {
	switch {
	case len(m.out.Grids) == 0:
		return judgement{why: WhyNoGrid}
	case dt <= m.gapMax(a, b) && a.near != 0 && b.near != 0:
		return judgement{counted: true, why: WhyOK, grid: m.gridOf(a, b)}
	case dt <= m.gapMax(a, b):
		return judgement{why: WhyOutside}
	}
	if v, grid := m.indoors(a, b, dt); v != nil {
		return judgement{counted: true, why: WhyIndoor, grid: grid, visit: v}
	}
	if b.refused != "" {
		return judgement{why: b.refused}
	}
	return judgement{why: WhyGap}
}

// gridOf is the assigned grid for which the time counts: one that holds both
// ends, else one whose margin does, else where the worker came to.
func (m *meter) gridOf(a, b *step) int64 {
	for _, set := range []uint64{a.inside & b.inside, a.near & b.near, b.inside, b.near} {
		if set != 0 {
			return m.first(set)
		}
	}
	return 0
}

// first is the grid of the smallest code in the set.
func (m *meter) first(set uint64) int64 {
	for i := range m.out.Grids {
		if set&(1<<i) != 0 {
			return m.out.Grids[i].Grid
		}
	}
	return 0
}

// indoors finds the visit that explains a gap: satellites are not seen indoors.
func (m *meter) indoors(a, b *step, dt int64) (*Visit, int64) {
	if dt > int64(m.p.IndoorGapS)*1000 {
		return nil, 0
	}
	for i := range m.in.Visits {
		v := &m.in.Visits[i]
		place := v.place()
		if !v.InPerson() || v.Attempt() || place == nil || !v.during(a.ms, b.ms) {
			continue
		}
		if trail.Metres(a.point, *place) > m.p.IndoorM || trail.Metres(b.point, *place) > m.p.IndoorM {
			continue
		}
		if near, inside := m.locate(*place); near != 0 {
			if inside != 0 {
				near = inside
			}
			return v, m.first(near)
		}
	}
	return nil, 0
}

// during reports whether some of the visit lies inside the gap: to end when it
// begins is no part of it.
func (v *Visit) during(from, to int64) bool {
	at, left := span(v)
	if at == left {
		return at >= from && at <= to
	}
	return left > from && at < to
}

// span is a visit's time; one without an end is an instant.
func span(v *Visit) (at, left int64) {
	at = v.At.UnixMilli()
	if left = v.Left.UnixMilli(); v.Left.IsZero() || left < at {
		left = at
	}
	return at, left
}

// count books a piece that lies wholly in one part of the day, and wholly on a
// duty or off it.
func (m *meter) count(from, to int64, j judgement, heard bool) {
	ms := to - from
	if ms <= 0 {
		return
	}
	half := AM
	if from >= m.split {
		half = PM
	}
	on := false
	switch duty := m.duty(from, to); {
	case duty < 0:
		j = judgement{why: WhyOffDuty}
	case !m.counts(duty):
		j = judgement{why: WhyPurpose}
	default:
		on = true
	}
	window := from >= m.from && from < m.to
	share := m.share(j.grid)
	if j.counted && (from >= m.night || from < m.from) {
		m.out.NightMs += ms
		share.NightMs += ms
	}
	if on && heard && window && len(m.out.Grids) > 0 {
		if j.counted {
			m.out.InMs += ms
		} else {
			m.out.OutMs += ms
		}
	}
	iv := Interval{From: from, To: to, Counted: j.counted, Why: j.why, Half: half, Grid: j.grid}
	if j.visit != nil {
		iv.Visit = j.visit.ID.String()
	}
	if j.counted && !window {
		iv.Counted, iv.Why, iv.Grid, iv.Visit = false, WhyWindow, 0, ""
	}
	if iv.Counted {
		for _, h := range []*HalfDay{&m.out.Halves[half], &share.Halves[half]} {
			h.Ms += ms
			if j.why == WhyIndoor {
				h.IndoorMs += ms
			}
		}
		n := within(m.patrol, from)
		r := m.rounds[n]
		r[half] += ms
		m.rounds[n] = r
	}
	if n := len(m.out.Intervals); n > 0 {
		last := &m.out.Intervals[n-1]
		if same := *last; same.To == iv.From {
			same.From, same.To = iv.From, iv.To
			if same == iv {
				last.To = iv.To
				return
			}
		}
	}
	m.out.Intervals = append(m.out.Intervals, iv)
}

// share is what the day came to in one of the assigned grids; what belongs to
// none of them is thrown away.
func (m *meter) share(grid int64) *GridShare {
	for i := range m.out.Grids {
		if m.out.Grids[i].Grid == grid {
			return &m.out.Grids[i]
		}
	}
	return &GridShare{}
}

// qualify decides what is enough.
func (m *meter) qualify() {
	need := int64(m.p.HalfDayS) * 1000
	for h := range m.out.Halves {
		m.out.Halves[h].Qualified = m.out.Halves[h].Ms >= need
		for i := range m.out.Grids {
			m.out.Grids[i].Halves[h].Qualified = m.out.Grids[i].Halves[h].Ms >= need
		}
	}
	var before, after bool
	for _, r := range m.rounds {
		before = before || r[AM] >= int64(m.p.TwiceS)*1000
		after = after || r[PM] >= int64(m.p.TwiceS)*1000
	}
	m.out.Twice = before && after
	m.out.Night = m.out.NightMs >= int64(m.p.NightS)*1000
	for i := range m.out.Grids {
		m.out.Grids[i].Night = m.out.Grids[i].NightMs >= int64(m.p.NightS)*1000
	}
}

// walk are the stretches of track that show where the worker went.
func (m *meter) walk() Walk {
	var out Walk
	for i := range m.steps {
		s := &m.steps[i]
		if !s.counts {
			continue
		}
		if i > 0 {
			if b := &m.steps[i-1]; len(out) > 0 && b.counts && b.spell == s.spell && s.ms-b.ms <= m.gapMax(b, s) {
				out[len(out)-1] = append(out[len(out)-1], s.point)
				continue
			}
		}
		out = append(out, []orb.Point{s.point})
	}
	return out
}
