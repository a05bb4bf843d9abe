package workday

import (
	"fmt"
	"strconv"
	"time"

	"github.com/gridward/gridward/server/fault"
)

// Unit is what a limit counts.
type Unit string

// The four units of limits.
const (
	Days    Unit = "wd"       // 工作日
	Work    Unit = "wh"       // 工作时, counted in minutes
	Plain   Unit = "h"        // 自然时, counted in minutes
	SameDay Unit = "same_day" // 当天
)

// Limit is how long something may take: N working days, N minutes of working
// or of plain time, or until the end of the day, when N says nothing.
type Limit struct {
	N    int  `json:"n"`
	Unit Unit `json:"unit"`
}

// most is the longest limit there is, in days and in minutes.
const most, mostMinutes = 2000, 1_000_000

// Check is a fault of the kind Invalid when there is no such limit.
func (l Limit) Check() error {
	switch {
	case l.Unit == SameDay && l.N >= 0, l.Unit == Days && l.N >= 1 && l.N <= most,
		(l.Unit == Work || l.Unit == Plain) && l.N >= 1 && l.N <= mostMinutes:
		return nil
	}
	f := fault.New(fault.Invalid, "时限有误：单位应为 wd（工作日）、wh（工作时，按分钟计）、h（自然时，按分钟计）或 same_day（当天），数量为正整数")
	f.Fields = map[string]string{"limit": "没有这样的时限"}
	return f
}

// String is the limit as people say it: 3 工作日, 2 工作时, 5 分钟, 当天.
func (l Limit) String() string {
	hours := func(name string) string {
		if l.N%60 == 0 {
			return strconv.Itoa(l.N/60) + " " + name
		}
		if l.N > 60 && l.N%6 == 0 {
			return strconv.FormatFloat(float64(l.N)/60, 'f', -1, 64) + " " + name
		}
		if l.Unit == Plain {
			return strconv.Itoa(l.N) + " 分钟"
		}
		return strconv.Itoa(l.N) + " 工作分钟"
	}
	switch l.Unit {
	case SameDay:
		return "当天"
	case Days:
		return strconv.Itoa(l.N) + " 工作日"
	case Work:
		return hours("工作时")
	case Plain:
		return hours("小时")
	}
	return fmt.Sprintf("%d %s", l.N, l.Unit)
}

// Deadline is a limit put to a calendar.
type Deadline struct {
	Start       time.Time     // as given
	Effective   time.Time     // from which it counts: the first worked instant
	At          time.Time     // until which it is in time; overdue only after it
	WarnAt      time.Time     // when no more than the warning's share is left
	Total       time.Duration // from Effective to At, worked or plain as the unit counts
	Minutes     int           // Total in whole minutes
	Provisional bool          // it touches a day that is not announced yet
}

// Due puts a limit to the calendar. warn is the share of the time that is left
// when the warning comes, 0.2 by custom; the limit must pass Check.
func (c *Calendar) Due(start time.Time, l Limit, warn float64) Deadline {
	out := Deadline{Start: start}
	first := DayOf(start)
	switch l.Unit {
	case Plain:
		out.Effective, out.Total = start, time.Duration(l.N)*time.Minute
		out.At = start.Add(out.Total)
		out.WarnAt = out.At.Add(-share(out.Total, warn))
		out.Minutes = l.N
		return out
	case Work:
		var last Day
		out.Effective = c.opens(start)
		out.At, last = c.add(out.Effective, time.Duration(l.N)*time.Minute)
		out.Provisional = c.provisional(min(first, last), last)
	default: // wd, same_day
		n := l.N
		if l.Unit == SameDay {
			n = 0
		}
		day, ok := c.receipt(start)
		if ok {
			day, ok = c.after(day, n)
		}
		if !ok {
			out.Effective, out.At, out.WarnAt = never, never, never
			return out
		}
		out.Effective, out.At = c.opens(start), c.closing(day)
		out.Provisional = c.provisional(min(first, day), day)
	}
	if out.At.Equal(never) {
		out.WarnAt = never
		return out
	}
	out.Total = c.Worked(out.Effective, out.At)
	out.Minutes = int(out.Total / time.Minute)
	out.WarnAt = c.Add(out.Effective, out.Total-share(out.Total, warn))
	return out
}

// Left is what a limit of the unit has left at an instant: working time, or
// plain time in 自然时; nothing once it is past due.
func (c *Calendar) Left(at, due time.Time, u Unit) time.Duration {
	if u == Plain {
		return max(0, due.Sub(at))
	}
	return c.Worked(at, due)
}

// Resume is the deadline of a limit that stood still and has this much left of
// its total when it runs on. Standing still moves a due instant by exactly the
// time that was not counted.
func (c *Calendar) Resume(at time.Time, left, total time.Duration, u Unit, warn float64) Deadline {
	out := Deadline{Start: at, Effective: at, Total: total, Minutes: int(total / time.Minute), At: at, WarnAt: at}
	before := left - share(total, warn) // how much may pass until the warning
	if u == Plain {
		out.At = at.Add(left)
		if before > 0 {
			out.WarnAt = at.Add(before)
		}
		return out
	}
	var last Day
	out.Effective = c.opens(at)
	out.At, last = c.add(at, left)
	if before > 0 {
		out.WarnAt = c.Add(at, before)
	}
	first := DayOf(at)
	out.Provisional = c.provisional(min(first, last), last)
	return out
}

// Extend grants so many more working days (延期): the closing hour of the
// days-th working day after the one on which the old one was due.
func (c *Calendar) Extend(old Deadline, days int, u Unit, warn float64) Deadline {
	out := old
	day, ok := c.receipt(old.At.Add(-1))
	if ok {
		day, ok = c.after(day, days)
	}
	if !ok {
		out.At, out.WarnAt = never, never
		return out
	}
	out.At = c.closing(day)
	out.Total += c.Left(old.At, out.At, u)
	out.Minutes = int(out.Total / time.Minute)
	out.WarnAt = out.Effective
	if before := c.Left(out.Effective, out.At, u) - share(out.Total, warn); before > 0 {
		if u == Plain {
			out.WarnAt = out.Effective.Add(before)
		} else {
			out.WarnAt = c.Add(out.Effective, before)
		}
	}
	first := DayOf(out.Effective)
	out.Provisional = c.provisional(min(first, day), day)
	return out
}
