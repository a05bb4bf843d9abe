// Package alarm is the life of what an alarm device raises (报警): which states
// it passes and who moves it, when a second signal is the same alarm, whether
// an armed or disarmed device is loud, and when a silent one is an alarm
// itself. It decides and touches nothing: no clock, no database, no bus.
package alarm

import (
	"slices"
	"time"

	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/incident"
)

// State is where an alarm stands.
type State string

// The states of an alarm. False, Test and Resolved end it; Dispatched goes on
// as an incident.
const (
	New        State = "new"        // 新报警
	Acked      State = "acked"      // 已接警
	Verifying  State = "verifying"  // 复核中
	Dispatched State = "dispatched" // 已转事件
	Resolved   State = "resolved"   // 已处理
	False      State = "false"      // 误报
	Test       State = "test"       // 测试
)

// Action is what somebody at the alarm desk does.
type Action string

// The actions of the alarm desk.
const (
	Ack       Action = "ack"      // 接警
	Verify    Action = "verify"   // 复核
	Raise     Action = "incident" // 转事件
	Resolve   Action = "resolve"  // 处理完毕
	MarkFalse Action = "false"    // 误报
	MarkTest  Action = "test"     // 测试
)

// step is one line of the table: from a state, by an action, to a state.
type step struct {
	From State
	Do   Action
	To   State
}

// life is the one table that the guard, the desk's buttons and the tests read.
// What was never taken can be called false or a test at once: that is taking it.
var life = []step{
	{New, Ack, Acked},
	{New, Verify, Verifying}, {Acked, Verify, Verifying},
	{New, Raise, Dispatched}, {Acked, Raise, Dispatched}, {Verifying, Raise, Dispatched},
	{Acked, Resolve, Resolved}, {Verifying, Resolve, Resolved}, {Dispatched, Resolve, Resolved},
	{New, MarkFalse, False}, {Acked, MarkFalse, False}, {Verifying, MarkFalse, False}, {Dispatched, MarkFalse, False},
	{New, MarkTest, Test}, {Acked, MarkTest, Test}, {Verifying, MarkTest, Test},
}

// names are the states and actions as people say them.
var (
	stateNames = map[State]string{New: "新报警", Acked: "已接警", Verifying: "复核中", Dispatched: "已转事件", Resolved: "已处理", False: "误报", Test: "测试"}
	actNames   = map[Action]string{Ack: "接警", Verify: "复核", Raise: "转事件", Resolve: "处理完毕", MarkFalse: "误报", MarkTest: "测试"}
)

// Name is the state in Chinese.
func (s State) Name() string { return stateNames[s] }

// Name is the action in Chinese.
func (a Action) Name() string { return actNames[a] }

// Over reports whether nobody has to look at the alarm any more.
func (s State) Over() bool { return s == Resolved || s == False || s == Test }

// Open reports whether the alarm lies on the desk: not over, and no incident yet.
func (s State) Open() bool { return s == New || s == Acked || s == Verifying }

// May lists what can be done from a state, in the order of the desk's buttons.
func (s State) May() []Action {
	may := []Action{}
	for _, do := range []Action{Ack, Verify, Raise, Resolve, MarkFalse, MarkTest} {
		if _, ok := next(s, do); ok {
			may = append(may, do)
		}
	}
	return may
}

func next(from State, do Action) (State, bool) {
	for _, s := range life {
		if s.From == from && s.Do == do {
			return s.To, true
		}
	}
	return "", false
}

// Next is the state after the action. Doing again what was done changes
// nothing: changed is then false and there is no error.
func (s State) Next(do Action) (to State, changed bool, err error) {
	if to, ok := next(s, do); ok {
		return to, true, nil
	}
	for _, x := range life {
		if x.Do == do && x.To == s {
			return s, false, nil
		}
	}
	return s, false, fault.New(fault.Conflict, "这条报警%s，不能再%s", s.Name(), do.Name())
}

// Kind is what a device watches.
type Kind string

// kinds are the devices there are. Watchful ones guard against people and
// sleep while disarmed; the others guard life and are loud at any hour.
var kinds = map[Kind]struct {
	name     string
	watchful bool
	level    incident.Urgency
}{
	"panic": {"一键报警", false, incident.Critical}, "bracelet": {"SOS手环", false, incident.Critical},
	"smoke": {"烟感", false, incident.Critical}, "gas": {"燃气", false, incident.Critical}, "electric": {"电气火灾", false, incident.Urgent}, "water": {"水位", false, incident.Urgent},
	"door": {"门磁", true, incident.Urgent}, "infrared": {"红外", true, incident.Urgent}, "ai_camera": {"AI摄像头", true, incident.Normal},
}

// Kinds returns every kind of device, sorted.
func Kinds() []Kind {
	all := make([]Kind, 0, len(kinds))
	for k := range kinds {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}

// Name is the kind in Chinese, "" for one that does not exist.
func (k Kind) Name() string { return kinds[k].name }

// Watchful reports whether a device of the kind sleeps while it is disarmed.
func (k Kind) Watchful() bool { return kinds[k].watchful }

// Level is how urgent the alarms of a kind are when they do not say so themselves.
func (k Kind) Level() incident.Urgency {
	if l := kinds[k].level; l != "" {
		return l
	}
	return incident.Normal
}

// Gap is within what time the same code of the same device is the same alarm.
const Gap = 60 * time.Second

// Same reports whether a signal at the instant belongs to an alarm that began
// at first and was last heard of at last: within Gap of what is known of it,
// and while nobody has ended it. After that a new one is raised, however soon:
// rather one alarm too many than one too few.
func Same(state State, first, last, at time.Time) bool {
	if state.Over() {
		return false
	}
	return !at.Before(first.Add(-Gap)) && !at.After(last.Add(Gap))
}

// Tell reports whether the count-th signal of an alarm is told to everybody:
// the first, and each doubling. A sensor that shouts every second would drown
// the journal, one that goes on for hours must not be forgotten.
func Tell(count int) bool { return count > 0 && count&(count-1) == 0 }

// Silent reports whether a device that should be heard every interval has been
// silent for longer. One that speaks only when it has to (0), or was never
// heard of, is not silent.
func Silent(last time.Time, interval time.Duration, now time.Time) bool {
	return interval > 0 && !last.IsZero() && now.Sub(last) > interval
}

// Rate is a part of a whole, nothing when there is no whole.
type Rate struct {
	N     int      `json:"n"`
	D     int      `json:"d"`
	Value *float64 `json:"value" doc:"null when d is 0"`
}

// FalseRate is how many of a device's decided alarms were false (误报率). Tests
// and what is not decided count in neither part.
func FalseRate(states map[State]int) Rate {
	r := Rate{N: states[False], D: states[False] + states[Resolved] + states[Dispatched]}
	if r.D > 0 {
		v := float64(r.N) / float64(r.D)
		r.Value = &v
	}
	return r
}
