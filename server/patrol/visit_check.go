package patrol

import (
	"math"
	"time"

	"github.com/paulmach/orb/geo"
)

// VisitRule is when a visit looks doubtful, and what counts as one. It is a
// region's data; DefaultVisitRule stands where nothing was written.
type VisitRule struct {
	NearM         int   `json:"near_m" minimum:"10" maximum:"5000" doc:"a visit further from its target is doubtful, metres"`
	MinDwellS     int   `json:"min_dwell_s" minimum:"0" maximum:"7200" doc:"a shorter visit is doubtful (走过场), seconds"`
	LateH         int   `json:"late_h" minimum:"1" maximum:"720" doc:"a visit received later than this is doubtful, hours"`
	AttemptCounts bool  `json:"attempt_counts" doc:"未遇 and 拒访 count as visits"`
	RemoteCounts  bool  `json:"remote_counts" doc:"telephone and video count as visits"`
	Version       int32 `json:"version"`
}

// DefaultVisitRule is the rule of a region that has written none.
func DefaultVisitRule() VisitRule { return VisitRule{NearM: 100, MinDwellS: 180, LateH: 72} }

// Counts reports whether a visit is one under the rule, and not only an attempt
// or a call. A doubtful one counts until somebody rejects it.
func (r VisitRule) Counts(v *Visit) bool {
	return v.Verified != Rejected && (v.Method == OnSite || v.Method == InGroup || r.RemoteCounts) && (!v.Attempt() || r.AttemptCounts)
}

// What may be doubtful about a visit. Nobody is punished by it: a person looks.
const (
	VisitFar     = "far"      // recorded far from its target
	VisitNoPlace = "no_place" // on site, and the phone knew no place
	VisitVague   = "vague"    // the place is too vague to tell near from far
	VisitOffDuty = "off_duty" // outside every duty session
	VisitBrief   = "brief"    // 走过场
	VisitLate    = "late"     // received days afterwards
	VisitClock   = "clock"    // the phone's clock was ahead
	VisitOverlap = "overlap"  // at the same time on site elsewhere
)

// VisitDoubts are the reasons in Chinese.
func VisitDoubts() map[string]string {
	return map[string]string{
		VisitFar: "记录位置离走访对象较远", VisitNoPlace: "没有定位", VisitVague: "定位精度不足，无法判断远近", VisitOffDuty: "不在在岗时段内",
		VisitBrief: "停留时间过短", VisitLate: "补录时间过晚", VisitClock: "手机时钟超前", VisitOverlap: "与另一处走访时间重叠",
	}
}

// Activities are what may be done on a visit, in Chinese.
func Activities() map[string]string {
	return map[string]string{
		"collect": "信息采集", "mediate": "矛盾调解", "security": "治安巡查", "policy": "政策宣传", "care": "关爱帮扶", "council": "协商议事", "errand": "代办服务",
	}
}

// vagueM is the accuracy from which a place tells nothing about near and far.
const vagueM = 200

// Circumstances are what a visit is checked against.
type Circumstances struct {
	Received time.Time
	OnDuty   bool // a duty session covers its arrival
	Short    bool // its kind of target may be quick: a checkpoint, a component
	Overlaps bool // the worker was on site elsewhere at the same time
}

// DistanceM is how far from its target the visit was recorded; ok is false when either is not known.
func (v *Visit) DistanceM() (m float64, ok bool) {
	if v.Point == nil || v.TargetPoint == nil {
		return 0, false
	}
	return geo.Distance(*v.Point, *v.TargetPoint), true
}

// Check says what is doubtful about a visit; nothing means auto_ok. A call by
// telephone or video has no place and no duty to be at. An attempt may be as
// quick as it likes. What the phone says of its accuracy is given to the worker.
func (r VisitRule) Check(v *Visit, c Circumstances) []string {
	doubts := []string{}
	if v.Method == OnSite || v.Method == InGroup {
		far, known := v.DistanceM()
		acc := float64(v.Accuracy)
		if math.IsNaN(acc) {
			acc = 0
		}
		switch {
		case v.Point == nil:
			doubts = append(doubts, VisitNoPlace)
		case acc > vagueM:
			doubts = append(doubts, VisitVague)
		case known && far-acc > float64(r.NearM):
			doubts = append(doubts, VisitFar)
		}
		if !c.OnDuty {
			doubts = append(doubts, VisitOffDuty)
		}
		if !v.Attempt() && !c.Short && v.Left.Sub(v.At) < time.Duration(r.MinDwellS)*time.Second {
			doubts = append(doubts, VisitBrief)
		}
		if c.Overlaps {
			doubts = append(doubts, VisitOverlap)
		}
	}
	if c.Received.Sub(v.Left) > time.Duration(r.LateH)*time.Hour {
		doubts = append(doubts, VisitLate)
	}
	if v.Left.Sub(c.Received) > clockSlack {
		doubts = append(doubts, VisitClock)
	}
	return doubts
}

// clockSlack is how far ahead of ours a phone's clock may be.
const clockSlack = 2 * time.Minute
