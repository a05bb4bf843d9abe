package patrol

import (
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/paulmach/orb"
)

// The words of a visit.
const (
	OnSite  = "onsite"      // 上门
	ByPhone = "phone"       // 电话
	ByVideo = "video"       // 视频
	InGroup = "group"       // 集中
	Normal  = "normal"      // 正常
	NoOne   = "no_one_home" // 未遇: an attempt
	Refused = "refused"     // 拒访: an attempt
	Problem = "problem"     // 发现问题

	AutoOK   = "auto_ok"   // 系统核实
	Doubtful = "doubtful"  // 存疑: advisory
	ManualOK = "manual_ok" // 人工核实
	Rejected = "rejected"  // 人工认定无效
)

// Visit is going to somebody, on purpose (走访), as far as patrols are judged by it.
type Visit struct {
	ID          uuid.UUID
	Worker      int64
	Grid        int64      // of the target, or where it was recorded; 0 = none
	At          time.Time  // arrived, or recorded
	Left        time.Time  // zero = not said
	Point       *orb.Point // where it was recorded
	Accuracy    float32    // of Point, metres; NaN = not said
	Target      int64      // the visit object, 0 = none
	TargetPoint *orb.Point
	TargetKind  string // one of the kinds of visit objects, household, enterprise, component, checkpoint
	Outcome     string
	Method      string
	Verified    string
	Incidents   int // problems found and reported
}

// InPerson reports whether the worker went there, and nobody has ruled that he did not.
func (v *Visit) InPerson() bool {
	return v.Method != ByPhone && v.Method != ByVideo && v.Verified != Rejected
}

// Attempt reports whether nobody was met: an attempt is no visit, unless the policy says so.
func (v *Visit) Attempt() bool { return v.Outcome == NoOne || v.Outcome == Refused }

// Quick reports whether such a target is looked at in passing, so that no visit
// of it is 走过场: a checkpoint, a component.
func (v *Visit) Quick() bool { return v.TargetKind == "checkpoint" || v.TargetKind == "component" }

// place is where the visit was paid.
func (v *Visit) place() *orb.Point {
	if v.TargetPoint != nil {
		return v.TargetPoint
	}
	return v.Point
}

// target is the visit object's id as text, or nothing.
func (v *Visit) target() string {
	if v.Target == 0 {
		return ""
	}
	return strconv.FormatInt(v.Target, 10)
}
