package patrol

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/geo/trail"
	"github.com/gridward/gridward/server/fleet"
)

// noPlace are the flags of fixes whose place or time says nothing. TooFast is
// not among them: a teleport is marked by it.
const noPlace = uint32(fleet.NullIsland | fleet.Swapped | fleet.FutureClock | fleet.OldClock | fleet.InvalidFix | fleet.Inaccurate | fleet.OffDutySOS)

// Arrival is one upload of a device, for its clock.
type Arrival struct {
	Device int64
	Ms     int64 // when it came, by the server's clock
	LagMs  int64 // the server's clock minus the time of its newest fix
}

// PhotoSpot is where a visit's photo was taken.
type PhotoSpot struct {
	Visit uuid.UUID
	At    time.Time // of the visit
	Where orb.Point // of the visit
	Photo orb.Point // of the photo, as its EXIF or upload says
}

// PhoneUse is somebody else who reported with the same phone on the same day.
type PhoneUse struct {
	Worker       int64
	Name         string
	From, To     time.Time
	MyFrom, MyTo time.Time // and when this worker did
}

// DoubtDay is a worker's day as it is looked at: everything that one day shows by itself.
type DoubtDay struct {
	Fixes    []trail.Fix // by time, as they came
	OnFoot   bool        // no vehicle
	Arrivals []Arrival
	Photos   []PhotoSpot
	Phones   []PhoneUse
}

// placed are the fixes that say where somebody was, by time, one of each instant.
func placed(fixes []trail.Fix) []trail.Fix {
	out := make([]trail.Fix, 0, len(fixes))
	for _, f := range fixes {
		if f.Flags&noPlace == 0 && (len(out) == 0 || f.Ms > out[len(out)-1].Ms) {
			out = append(out, f)
		}
	}
	return out
}

// FindDoubts looks for the signals that a day shows by itself. The two
// comparisons, with earlier days and with other people, are FindReplay and FindTwin.
func FindDoubts(day DoubtDay, p DoubtPolicy) []Signal {
	fixes := placed(day.Fixes)
	var out []Signal
	add := func(code DoubtCode, find func(DoubtRule) (Signal, bool)) {
		r := p.Rule(code)
		if r.Off || r.Points == 0 {
			return
		}
		if s, ok := find(r); ok {
			s.Code, s.Name = code, code.Name()
			if s.Mitigated == "" && s.Points == 0 {
				s.Points = r.Points
			}
			out = append(out, s)
		}
	}
	add(DoubtMock, func(r DoubtRule) (Signal, bool) {
		return flagged(day.Fixes, uint32(fleet.Mock), r, "定位点由模拟位置功能给出")
	})
	add(DoubtTampered, func(r DoubtRule) (Signal, bool) {
		return flagged(day.Fixes, uint32(fleet.Tampered), r, "定位点上报时，客户端发现手机已被 root 或有注入框架")
	})
	add(DoubtNoGPS, func(r DoubtRule) (Signal, bool) { return neverGPS(day.Fixes, r) })
	add(DoubtFrozen, func(r DoubtRule) (Signal, bool) { return frozen(fixes, r) })
	add(DoubtAccuracy, func(r DoubtRule) (Signal, bool) { return constantAccuracy(fixes, r) })
	add(DoubtTeleport, func(r DoubtRule) (Signal, bool) { return teleported(fixes, r) })
	add(DoubtStraight, func(r DoubtRule) (Signal, bool) { return straight(fixes, r) })
	add(DoubtJitter, func(r DoubtRule) (Signal, bool) { return madeJitter(fixes, r) })
	if day.OnFoot {
		add(DoubtFast, func(r DoubtRule) (Signal, bool) { return tooFast(fixes, r) })
	}
	add(DoubtClock, func(r DoubtRule) (Signal, bool) { return skewed(day.Arrivals, r) })
	add(DoubtPhone, func(r DoubtRule) (Signal, bool) { return sharedPhone(day.Phones, r) })
	add(DoubtPhoto, func(r DoubtRule) (Signal, bool) { return photoFar(day.Photos, r) })
	SortSignals(out)
	return out
}

// mostEvidence bounds how many places one signal shows, mostPath the points of each.
const (
	mostEvidence = 12
	mostPath     = 120
)

func at(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// path is where the fixes were, thinned to what a map can show.
func path(fixes []trail.Fix) orb.LineString {
	step := 1 + (len(fixes)-1)/mostPath
	out := orb.LineString{}
	for i := 0; i < len(fixes); i += step {
		out = append(out, fixes[i].Point)
	}
	if last := fixes[len(fixes)-1].Point; step > 1 && out[len(out)-1] != last {
		out = append(out, last)
	}
	return out
}

// lies is a stretch of fixes as evidence.
func lies(fixes []trail.Fix) Evidence {
	return Evidence{From: at(fixes[0].Ms), To: at(fixes[len(fixes)-1].Ms), Path: path(fixes)}
}

// longest keeps the stretches that last longest, in the order of time.
func longest(all []Evidence) []Evidence {
	if len(all) > mostEvidence {
		slices.SortStableFunc(all, func(a, b Evidence) int { return int(b.To.Sub(b.From) - a.To.Sub(a.From)) })
		all = all[:mostEvidence]
	}
	slices.SortFunc(all, func(a, b Evidence) int { return a.From.Compare(b.From) })
	return all
}

// flagged finds fixes that carry a flag of their device.
func flagged(fixes []trail.Fix, flag uint32, r DoubtRule, what string) (Signal, bool) {
	n, begun := 0, -1
	var all []Evidence
	for i := 0; i <= len(fixes); i++ {
		if i < len(fixes) && fixes[i].Flags&flag != 0 {
			if n++; begun < 0 {
				begun = i
			}
		} else if begun >= 0 {
			all = append(all, lies(fixes[begun:i]))
			begun = -1
		}
	}
	if n == 0 || float64(n) < r.of("min_fixes") {
		return Signal{}, false
	}
	return Signal{Text: fmt.Sprintf("%d 个%s（全天 %d 个）", n, what, len(fixes)), Figures: map[string]float64{"fixes": float64(n), "of": float64(len(fixes))}, Evidence: longest(all)}, true
}

func neverGPS(fixes []trail.Fix, r DoubtRule) (Signal, bool) {
	n := 0
	for i := range fixes {
		switch {
		case fixes[i].Flags&uint32(fleet.Satellite) != 0:
			return Signal{}, false
		case fixes[i].Flags&uint32(fleet.Terrestrial) != 0:
			n++
		}
	}
	if float64(n) < r.of("min_fixes") {
		return Signal{}, false
	}
	return Signal{Text: fmt.Sprintf("%d 个定位点全部来自基站或无线网络，没有一次卫星定位", n), Figures: map[string]float64{"fixes": float64(n)}, Evidence: []Evidence{lies(fixes)}}, true
}

// micro is a place to a millionth of a degree.
func micro(p orb.Point) [2]int64 {
	return [2]int64{int64(math.Round(p[0] * 1e6)), int64(math.Round(p[1] * 1e6))}
}

// Positions from cells and wireless are the same again as long as the same
// masts are heard: only what may come from satellites should jitter.
func frozen(fixes []trail.Fix, r DoubtRule) (Signal, bool) {
	fixes = slices.DeleteFunc(slices.Clone(fixes), func(f trail.Fix) bool { return f.Flags&uint32(fleet.Terrestrial) != 0 })
	least, minMs := int(r.of("min_fixes")), r.ms("min_s")
	var all []Evidence
	most, n := 0, 0
	for i := 0; i < len(fixes); {
		j := i + 1
		for here := micro(fixes[i].Point); j < len(fixes) && micro(fixes[j].Point) == here; j++ {
		}
		if j-i >= least && fixes[j-1].Ms-fixes[i].Ms >= minMs {
			e := lies(fixes[i:j])
			e.Path = e.Path[:1]
			all, most, n = append(all, e), max(most, j-i), n+j-i
		}
		i = j
	}
	if len(all) == 0 {
		return Signal{}, false
	}
	return Signal{Text: fmt.Sprintf("%d 处定位点完全不动，最多连续 %d 个相同到百万分之一度", len(all), most), Figures: map[string]float64{"runs": float64(len(all)), "longest": float64(most), "fixes": float64(n)}, Evidence: longest(all)}, true
}

func constantAccuracy(fixes []trail.Fix, r DoubtRule) (Signal, bool) {
	n, value := 0, float32(0)
	for i := range fixes {
		a := fixes[i].Accuracy
		if a != a {
			continue
		}
		if n > 0 && a != value {
			return Signal{}, false
		}
		n, value = n+1, a
	}
	if float64(n) < r.of("min_fixes") {
		return Signal{}, false
	}
	return Signal{Text: fmt.Sprintf("%d 个定位点的精度全部是 %g 米", n, value), Figures: map[string]float64{"fixes": float64(n), "accuracy_m": float64(value)}, Evidence: []Evidence{lies(fixes)}}, true
}

// nearM is how close fixes lie that agree on a place.
const nearM = 300

// erratic is how many jumps there and back for each that stays make a receiver
// that has no satellites: in a train, say, whose phone hears one mast after another.
const erratic = 5

// teleported finds jumps that nobody can make, and after which the track stays
// where it jumped to. A single stray fix goes out and comes back: it is no teleport.
func teleported(fixes []trail.Fix, r DoubtRule) (Signal, bool) {
	minM, maxMs, settled := r.of("min_m"), r.ms("max_s"), int(r.of("settled"))
	var all []Evidence
	farthest, strays := 0.0, 0
	for i := 0; i+1 < len(fixes); i++ {
		if fixes[i+1].Ms-fixes[i].Ms >= maxMs {
			continue
		}
		m := trail.Metres(fixes[i].Point, fixes[i+1].Point)
		if m <= minM {
			continue
		}
		agree := i+1 >= settled && len(fixes)-i-1 >= settled
		for k := 1; k < settled && agree; k++ {
			agree = agree && trail.Metres(fixes[i].Point, fixes[i-k].Point) <= nearM && trail.Metres(fixes[i+1].Point, fixes[i+1+k].Point) <= nearM
		}
		if agree {
			all, farthest = append(all, lies(fixes[i:i+2])), max(farthest, m)
		} else {
			strays++
		}
	}
	if len(all) == 0 {
		return Signal{}, false
	}
	s := Signal{Text: fmt.Sprintf("%d 次瞬间移动，最远一次 %.1f 公里，不到 %g 秒", len(all), farthest/1000, r.of("max_s")), Figures: map[string]float64{"times": float64(len(all)), "farthest_m": math.Round(farthest)}, Evidence: longest(all)}
	if strays >= erratic*len(all) {
		s.Mitigated = fmt.Sprintf("另有 %d 次跳出又跳回，像是手机收不到卫星信号", strays)
		s.Why, s.Figures["strays"] = "no_satellites", float64(strays)
	}
	return s, true
}

// tooFast finds stretches at the speed of a car. Steps that nothing could make are teleports and break the stretch.
func tooFast(fixes []trail.Fix, r DoubtRule) (Signal, bool) {
	minMS, minMs := r.of("min_ms"), r.ms("min_s")
	var all []Evidence
	top, begun := 0.0, -1
	for i := 1; i <= len(fixes); i++ {
		if i < len(fixes) {
			dt := float64(fixes[i].Ms-fixes[i-1].Ms) / 1000
			v := trail.Metres(fixes[i-1].Point, fixes[i].Point) / dt
			if dt <= 30 && v > minMS && v < 100 {
				if begun < 0 {
					begun = i - 1
				}
				top = max(top, v)
				continue
			}
		}
		if begun >= 0 && fixes[i-1].Ms-fixes[begun].Ms >= minMs {
			all = append(all, lies(fixes[begun:i]))
		}
		begun = -1
	}
	if len(all) == 0 {
		return Signal{}, false
	}
	return Signal{Text: fmt.Sprintf("%d 段移动快于 %g 米/秒并持续 %g 秒以上，最快约 %.0f 公里/小时", len(all), minMS, r.of("min_s"), top*3.6), Figures: map[string]float64{"runs": float64(len(all)), "top_ms": math.Round(top*10) / 10}, Evidence: longest(all)}, true
}

// quantum is how far a coordinate written to a millionth of a degree may be from where it was: a perfect track is not quite perfect on paper.
const quantum = 0.06

// straight finds stretches that lie on a line and keep one speed, as machines
// draw them and people never walk.
func straight(fixes []trail.Fix, r DoubtRule) (Signal, bool) {
	least, minMs, off, cv, maxV := int(r.of("min_fixes")), r.ms("min_s"), r.of("max_off_m"), r.of("max_cv"), r.of("max_ms")
	var all []Evidence
	metres, n := 0.0, 0
	for i := 0; i+least <= len(fixes); {
		end := i
		if even(fixes[i:i+least], off, cv, maxV) {
			// as long as it stays so: doubled, then halved, for a stretch is even when its parts are
			step := least
			for end = i + least; step > 0; {
				if next := end + step; next <= len(fixes) && even(fixes[i:next], off, cv, maxV) {
					end, step = next, step*2
				} else {
					step /= 2
				}
			}
		}
		if end > i && fixes[end-1].Ms-fixes[i].Ms >= minMs {
			all, metres, n = append(all, lies(fixes[i:end])), metres+trail.Metres(fixes[i].Point, fixes[end-1].Point), n+end-i
			i = end - 1
		} else {
			i++
		}
	}
	if len(all) == 0 {
		return Signal{}, false
	}
	share := float64(n) / float64(len(fixes))
	return Signal{Points: r.worth(share), Text: fmt.Sprintf("%d 段轨迹笔直且匀速，共 %.0f 米，占全天定位点的 %.0f%%", len(all), metres, 100*share), Figures: map[string]float64{"runs": float64(len(all)), "metres": math.Round(metres), "percent": math.Round(100 * share)}, Evidence: longest(all)}, true
}

// denseMs is how close in time fixes lie whose errors a receiver cannot have forgotten.
const denseMs = 15_000

// madeJitter finds places where somebody stands and the fixes scatter without
// memory. A receiver's error wanders: each is near the one before. A program
// that hides a standing phone throws dice for each fix. Positions from cells and
// wireless do scatter so, and are left out, as are those that say they are vague.
func madeJitter(fixes []trail.Fix, r DoubtRule) (Signal, bool) {
	sharp := func(f *trail.Fix) bool {
		return f.Flags&uint32(fleet.Terrestrial) == 0 && (f.Accuracy != f.Accuracy || f.Accuracy <= 15)
	}
	least := int(r.of("min_fixes"))
	var all []Evidence
	n, begun := 0, -1
	for i := 0; i < len(fixes); {
		j := i
		for j < len(fixes) && j-i < least && sharp(&fixes[j]) && (j == i || fixes[j].Ms-fixes[j-1].Ms <= denseMs) {
			j++
		}
		white := j-i == least && forgetful(fixes[i:j], r.of("within_m"), r.of("max_r"))
		if white && begun < 0 {
			begun = i
		}
		if !white && begun >= 0 {
			all, n, begun = append(all, lies(fixes[begun:i])), n+i-begun, -1
		}
		switch {
		case white:
			i = j
		case j-i == least:
			i += least / 4 // the next place to stand may begin within
		default:
			i = max(j, i+1)
		}
	}
	if begun >= 0 {
		end := begun + (len(fixes)-begun)/least*least
		all, n = append(all, lies(fixes[begun:end])), n+end-begun
	}
	if len(all) == 0 {
		return Signal{}, false
	}
	share := float64(n) / float64(len(fixes))
	return Signal{Points: r.worth(share), Text: fmt.Sprintf("%d 处停留的定位点抖动互不相关，共 %d 个，占全天定位点的 %.0f%%", len(all), n, 100*share), Figures: map[string]float64{"runs": float64(len(all)), "fixes": float64(n), "percent": math.Round(100 * share)}, Evidence: longest(all)}, true
}

// forgetful reports whether fixes around one place tell nothing of each other:
// on both axes what one is off says nothing about the next.
func forgetful(fixes []trail.Fix, within, maxR float64) bool {
	pl := planeAt(fixes[0].Point)
	var mean [2]float64
	at := make([][2]float64, len(fixes))
	for i := range fixes {
		at[i] = pl.of(fixes[i].Point)
		mean[0], mean[1] = mean[0]+at[i][0]/float64(len(at)), mean[1]+at[i][1]/float64(len(at))
	}
	var own, next [2]float64
	same := 0
	for i := range at {
		if i > 0 && at[i] == at[i-1] {
			same++
		}
		if math.Hypot(at[i][0]-mean[0], at[i][1]-mean[1]) > within {
			return false
		}
		for k := range own {
			d := at[i][k] - mean[k]
			own[k] += d * d
			if i > 0 {
				next[k] += d * (at[i-1][k] - mean[k])
			}
		}
	}
	if 4*same > len(at) { // a phone that pins itself and wakes now and then
		return false
	}
	for k := range own {
		if math.Sqrt(own[k]/float64(len(at))) < 0.3 || math.Abs(next[k]) > maxR*own[k] { // three steps of a millionth of a degree: below it rounding alone scatters
			return false
		}
	}
	return true
}

// even reports whether fixes lie on the line from first to last at one speed.
func even(fixes []trail.Fix, off, cv, maxV float64) bool {
	a, b := fixes[0], fixes[len(fixes)-1]
	pl := planeAt(a.Point)
	end := pl.of(b.Point)
	length, span := math.Hypot(end[0], end[1]), float64(b.Ms-a.Ms)/1000
	if span <= 0 || length/span < 0.3 || length/span > maxV { // standing is not walking straight
		return false
	}
	ux, uy := end[0]/length, end[1]/length
	var sum, squares float64
	last := [2]float64{}
	for i := 1; i < len(fixes); i++ {
		q := pl.of(fixes[i].Point)
		if math.Abs(q[0]*uy-q[1]*ux) > off {
			return false
		}
		dt := float64(fixes[i].Ms-fixes[i-1].Ms) / 1000
		if dt > 60 {
			return false
		}
		v := math.Hypot(q[0]-last[0], q[1]-last[1]) / dt
		sum, squares, last = sum+v, squares+v*v, q
	}
	n := float64(len(fixes) - 1)
	mean := sum / n
	spread := math.Sqrt(max(0, squares/n-mean*mean))
	paper := quantum / (span / n) // what rounding alone does to a speed
	return spread <= math.Hypot(cv*mean, paper)
}

// skewed judges the phone's clock: every upload's newest fix is off by about
// the same. Uploads that waited for the network are late by different times.
func skewed(all []Arrival, r DoubtRule) (Signal, bool) {
	byDevice := map[int64][]Arrival{}
	for _, a := range all {
		byDevice[a.Device] = append(byDevice[a.Device], a)
	}
	for _, device := range sortedKeys(byDevice) {
		list := byDevice[device]
		if float64(len(list)) < r.of("min_batches") {
			continue
		}
		lags := make([]float64, len(list))
		for i, a := range list {
			lags[i] = float64(a.LagMs) / 1000
		}
		slices.Sort(lags)
		middle, low, high := lags[len(lags)/2], lags[len(lags)/10], lags[len(lags)-1-len(lags)/10]
		if math.Abs(middle) <= r.of("min_s") || high-low > r.of("spread_s") {
			continue
		}
		word := "慢"
		if middle < 0 {
			word = "快"
		}
		from, to := list[0].Ms, list[0].Ms
		for _, a := range list {
			from, to = min(from, a.Ms), max(to, a.Ms)
		}
		return Signal{Text: fmt.Sprintf("手机时间比服务器%s约 %.0f 分钟，%d 次上传都是如此", word, math.Abs(middle)/60, len(list)), Figures: map[string]float64{"skew_s": math.Round(middle), "uploads": float64(len(list))}, Evidence: []Evidence{{From: at(from), To: at(to)}}}, true
	}
	return Signal{}, false
}

func sortedKeys[V any](m map[int64]V) []int64 {
	keys := make([]int64, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func sharedPhone(uses []PhoneUse, r DoubtRule) (Signal, bool) {
	var all []Evidence
	people := map[int64]bool{}
	for _, u := range uses {
		if least := r.of("min_s"); u.To.Sub(u.From).Seconds() < least || u.MyTo.Sub(u.MyFrom).Seconds() < least {
			continue
		}
		people[u.Worker] = true
		all = append(all, Evidence{From: u.MyFrom.UTC(), To: u.MyTo.UTC(), Other: &EvidenceBeside{Worker: u.Worker, Name: u.Name, From: u.From.UTC(), To: u.To.UTC()}})
	}
	if len(all) == 0 {
		return Signal{}, false
	}
	return Signal{Text: fmt.Sprintf("同一部手机当天还为另外 %d 人上报定位", len(people)), Figures: map[string]float64{"people": float64(len(people))}, Evidence: longest(all)}, true
}

func photoFar(photos []PhotoSpot, r DoubtRule) (Signal, bool) {
	var all []Evidence
	farthest := 0.0
	for _, p := range photos {
		if m := trail.Metres(p.Where, p.Photo); m > r.of("min_m") {
			all, farthest = append(all, Evidence{From: p.At.UTC(), To: p.At.UTC(), Path: orb.LineString{p.Where, p.Photo}}), max(farthest, m)
		}
	}
	if len(all) == 0 {
		return Signal{}, false
	}
	return Signal{Text: fmt.Sprintf("%d 张走访照片的拍摄位置离走访地点超过 %g 米，最远 %.0f 米", len(all), r.of("min_m"), farthest), Figures: map[string]float64{"photos": float64(len(all)), "farthest_m": math.Round(farthest)}, Evidence: longest(all)}, true
}

// plane is the ground around a point, in metres east and north of it.
type plane struct {
	at   orb.Point
	x, y float64
}

func planeAt(p orb.Point) plane {
	const perDegree = math.Pi * 6371008.8 / 180
	return plane{p, perDegree * math.Cos(p[1]*math.Pi/180), perDegree}
}

func (pl plane) of(p orb.Point) [2]float64 {
	return [2]float64{(p[0] - pl.at[0]) * pl.x, (p[1] - pl.at[1]) * pl.y}
}
