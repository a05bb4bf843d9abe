package workday

import (
	"math"
	"time"
)

// Calendar says which minutes are worked. Make one with New.
type Calendar struct {
	always  bool
	follows bool // the holiday lists
	spills  bool // some day's work may end on the next
	week    [8]bool
	base    hours
	seasons []season
	own     map[Day]special
	lists   *Lists
}

type special struct {
	work  bool
	name  string
	spans []span
}

var wholeDay = []span{{0, 24 * 60}}

// horizon is how many days a search goes before it gives up: a weekly pattern
// has a working day every week, so only a calendar full of special days off
// comes anywhere near.
const horizon = 366 * 40

// raw are the spans of the day before those of the day before are taken into account.
func (c *Calendar) raw(d Day) []span {
	if c.always {
		return wholeDay
	}
	if own, ok := c.own[d]; ok {
		if own.work && own.spans == nil {
			return c.usual(d, true)
		}
		return own.spans
	}
	if c.follows {
		if m, ok := c.lists.days[d]; ok {
			if m.off {
				return nil
			}
			return c.usual(d, true)
		}
	}
	if w := d.Weekday(); c.week[w] {
		return c.usual(d, false)
	}
	return nil
}

// usual are the hours of a working day in its season; a day that is worked
// though its weekday is not has the hours of any working day.
func (c *Calendar) usual(d Day, anyway bool) []span {
	h, w := &c.base, d.Weekday()
	if len(c.seasons) > 0 {
		md := d.monthDay()
		for i := range c.seasons {
			if c.seasons[i].holds(md) {
				h = &c.seasons[i].hours
				break
			}
		}
	}
	if h.by[w] != nil && (!anyway || c.week[w]) {
		return h.by[w]
	}
	return h.periods
}

// spans are the worked stretches of the day. Where the day before works into
// this one, under hours of another season, this one begins when that one ends.
func (c *Calendar) spans(d Day) []span {
	out := c.raw(d)
	if !c.spills || len(out) == 0 {
		return out
	}
	before := c.raw(d - 1)
	if len(before) == 0 {
		return out
	}
	over := before[len(before)-1].to - 24*60
	if over <= out[0].from {
		return out
	}
	var cut []span
	for _, s := range out {
		if s.to > over {
			cut = append(cut, span{max(s.from, over), s.to})
		}
	}
	return cut
}

// Working reports whether anything is worked on the day.
func (c *Calendar) Working(d Day) bool { return len(c.spans(d)) > 0 }

// Days counts the working days from the first to the last, both included.
func (c *Calendar) Days(from, to Day) int {
	n := 0
	for d := from; d <= to; d++ {
		if c.Working(d) {
			n++
		}
	}
	return n
}

// receipt is the effective start day of what comes in at t: the first working
// day whose closing hour is still ahead.
func (c *Calendar) receipt(t time.Time) (Day, bool) {
	d := DayOf(t)
	if c.spills {
		d--
	}
	for end := d + horizon; d < end; d++ {
		if s := c.spans(d); len(s) > 0 && d.at(s[len(s)-1].to).After(t) {
			return d, true
		}
	}
	return d, false
}

// after is the n-th working day after d.
func (c *Calendar) after(d Day, n int) (Day, bool) {
	for end := d + horizon + Day(n)*8; n > 0; {
		d++
		if d > end {
			return d, false
		}
		if c.Working(d) {
			n--
		}
	}
	return d, true
}

// closing is the day's closing hour; d is a working day.
func (c *Calendar) closing(d Day) time.Time {
	s := c.spans(d)
	return d.at(s[len(s)-1].to)
}

// Worked is the working time between two instants; none when to is not after from.
func (c *Calendar) Worked(from, to time.Time) time.Duration {
	if !to.After(from) {
		return 0
	}
	if c.always {
		return to.Sub(from)
	}
	d, last := DayOf(from), DayOf(to)
	if c.spills {
		d--
	}
	var sum time.Duration
	for ; d <= last; d++ {
		for _, s := range c.spans(d) {
			a, b := d.at(s.from), d.at(s.to)
			if a.Before(from) {
				a = from
			}
			if b.After(to) {
				b = to
			}
			if b.After(a) {
				sum += b.Sub(a)
			}
		}
	}
	return sum
}

// Minutes is Worked in whole minutes.
func (c *Calendar) Minutes(from, to time.Time) int { return int(c.Worked(from, to) / time.Minute) }

// Add is the first instant at which so much has been worked since from: at
// noon, not after lunch, when the morning was enough.
func (c *Calendar) Add(from time.Time, work time.Duration) time.Time {
	at, _ := c.add(from, work)
	return at
}

// add also returns the day whose work reached it.
func (c *Calendar) add(from time.Time, work time.Duration) (time.Time, Day) {
	d := DayOf(from)
	if work <= 0 {
		return from, d
	}
	if c.always {
		at := from.Add(work)
		return at, DayOf(at)
	}
	if c.spills {
		d--
	}
	for idle := 0; idle < horizon; d++ {
		spans := c.spans(d)
		idle++
		for _, s := range spans {
			a, b := d.at(s.from), d.at(s.to)
			if a.Before(from) {
				a = from
			}
			if !b.After(a) {
				continue
			}
			idle = 0
			if part := b.Sub(a); part < work {
				work -= part
			} else {
				return a.Add(work), d
			}
		}
	}
	return never, d
}

// opens is the first worked instant at or after t.
func (c *Calendar) opens(t time.Time) time.Time {
	d, ok := c.receipt(t)
	if !ok {
		return never
	}
	for _, s := range c.spans(d) {
		if d.at(s.to).After(t) {
			if a := d.at(s.from); a.After(t) {
				return a
			}
			return t
		}
	}
	return t
}

// never is when a calendar without work is done.
var never = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

// provisional reports whether one of the days is not announced yet.
func (c *Calendar) provisional(from, to Day) bool {
	if c.always || !c.follows || c.lists.announced(to.Year()) && c.lists.announced(from.Year()) && to.Year()-from.Year() < 2 {
		return false
	}
	for d := from; d <= to; d++ {
		if _, own := c.own[d]; !own && !c.lists.announced(d.Year()) {
			return true
		}
	}
	return false
}

// share is the part of a duration, to the second.
func share(whole time.Duration, part float64) time.Duration {
	return time.Duration(math.Round(whole.Seconds()*part)) * time.Second
}
