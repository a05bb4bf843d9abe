package alarm

import (
	"fmt"
	"slices"
	"time"

	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/incident"
)

// Mode is what a person has set a device to.
type Mode string

// The modes of a device.
const (
	Armed    Mode = "armed"    // 布防
	Disarmed Mode = "disarmed" // 撤防
	Bypassed Mode = "bypassed" // 旁路: known to be broken or under repair
)

// Window is a part of the week in which an armed device is armed, in business
// time: on each of Days (1 Monday … 7 Sunday) from From to To, "HH:MM". To
// before From is the next morning; To equal to From is the whole day and night.
type Window struct {
	Days []int  `json:"days"`
	From string `json:"from"`
	To   string `json:"to"`
}

const dayMinutes = 24 * 60

// minute reads "HH:MM" as minutes of the day; 24:00 is its end.
func minute(s string) (int, bool) {
	var h, m int
	if len(s) != 5 || s[2] != ':' {
		return 0, false
	}
	if n, err := fmt.Sscanf(s, "%02d:%02d", &h, &m); n != 2 || err != nil || h < 0 || m < 0 || m > 59 || h*60+m > dayMinutes {
		return 0, false
	}
	return h*60 + m, true
}

// CheckSchedule says what is wrong with a schedule, if anything.
func CheckSchedule(schedule []Window) error {
	bad := func(i int, text string) error {
		f := fault.New(fault.Invalid, "布防时段第 %d 项：%s", i+1, text)
		f.Fields = map[string]string{fmt.Sprintf("schedule[%d]", i): text}
		return f
	}
	if len(schedule) > 20 {
		return bad(20, "最多 20 个时段")
	}
	for i, w := range schedule {
		from, ok1 := minute(w.From)
		_, ok2 := minute(w.To)
		switch {
		case !ok1 || !ok2 || from == dayMinutes:
			return bad(i, "时间应写成 08:30 的形式")
		case len(w.Days) == 0:
			return bad(i, "请选择星期")
		case slices.ContainsFunc(w.Days, func(d int) bool { return d < 1 || d > 7 }):
			return bad(i, "星期应为 1 至 7")
		}
	}
	return nil
}

// ArmedAt reports whether a device of this mode and schedule is armed at the
// instant. Without a schedule an armed device always is.
func ArmedAt(mode Mode, schedule []Window, at time.Time) bool {
	if mode != Armed {
		return false
	}
	if len(schedule) == 0 {
		return true
	}
	local := at.In(incident.BusinessZone())
	now := local.Hour()*60 + local.Minute()
	today := (int(local.Weekday())+6)%7 + 1
	yesterday := (today+5)%7 + 1
	for _, w := range schedule {
		from, ok1 := minute(w.From)
		to, ok2 := minute(w.To)
		if !ok1 || !ok2 {
			continue
		}
		if to <= from {
			to += dayMinutes
		}
		if slices.Contains(w.Days, today) && now >= from && now < to || slices.Contains(w.Days, yesterday) && now+dayMinutes >= from && now+dayMinutes < to {
			return true
		}
	}
	return false
}

// Loud reports whether a signal goes onto the desk. One that does not is on
// record all the same. A bypassed device is never loud: somebody decided that.
// A disarmed one is, when it guards life and not a door.
func Loud(kind Kind, mode Mode, schedule []Window, at time.Time) bool {
	switch {
	case mode == Bypassed:
		return false
	case !kind.Watchful():
		return true
	}
	return ArmedAt(mode, schedule, at)
}
