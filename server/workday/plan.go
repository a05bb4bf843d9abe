package workday

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gridward/gridward/server/fault"
)

// Plan is a calendar as people write it: the row and the JSON.
type Plan struct {
	RoundTheClock bool             `json:"round_the_clock,omitempty"` // a 24×7 room: every minute of every day
	Weekdays      []int            `json:"weekdays,omitempty"`        // that are worked, 1 = Monday
	Periods       []Period         `json:"periods,omitempty"`         // of a working day
	ByWeekday     map[int][]Period `json:"by_weekday,omitempty"`      // of weekdays with hours of their own
	Seasons       []Season         `json:"seasons,omitempty"`         // parts of the year with other hours
	Holidays      bool             `json:"holidays"`                  // follows the holiday lists
	Days          []Special        `json:"days,omitempty"`            // days of its own, which win over everything
}

// Period is a stretch of work, "13:30" to "17:00". One that ends at or before
// it begins runs into the next day and belongs to the day on which it begins.
type Period struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// Season is a part of every year, both days included, with hours of its own:
// "07-01" to "09-30". One that ends before it begins runs over New Year.
type Season struct {
	Name      string           `json:"name"`
	From      string           `json:"from"`
	To        string           `json:"to"`
	Periods   []Period         `json:"periods"`
	ByWeekday map[int][]Period `json:"by_weekday,omitempty"`
}

// Special is one day that is worked, or not, whatever the week and the lists
// say. Without periods it has those of any working day.
type Special struct {
	Date    Day      `json:"date"`
	Work    bool     `json:"work"`
	Name    string   `json:"name,omitempty"`
	Periods []Period `json:"periods,omitempty"`
}

// span is a period in minutes after the day's start; to may lie in the next day.
type span struct{ from, to int }

type hours struct {
	periods []span
	by      [8][]span // by weekday; nil = periods
}

type season struct {
	name     string
	from, to int // as monthDay
	hours
}

func (s season) holds(monthDay int) bool {
	if s.from <= s.to {
		return s.from <= monthDay && monthDay <= s.to
	}
	return monthDay >= s.from || monthDay <= s.to
}

// wrong collects what is wrong with a plan, by field.
type wrong map[string]string

func (w wrong) say(field, format string, args ...any) {
	if _, said := w[field]; !said {
		w[field] = fmt.Sprintf(format, args...)
	}
}

// New makes the calendar that plan and lists describe. The fault names every
// field that is wrong.
func New(p Plan, lists *Lists) (*Calendar, error) {
	bad := wrong{}
	c := &Calendar{always: p.RoundTheClock, lists: lists}
	if lists == nil {
		c.lists = NewLists()
	}
	if !p.RoundTheClock {
		c.follows = p.Holidays
		c.read(p, bad)
	}
	if len(bad) > 0 {
		f := fault.New(fault.Invalid, "工作日历有误，请检查标出的项目")
		f.Fields = bad
		return nil, f
	}
	return c, nil
}

func (c *Calendar) read(p Plan, bad wrong) {
	for _, d := range p.Weekdays {
		if d < 1 || d > 7 || c.week[d] {
			bad.say("weekdays", "星期应为 1（星期一）到 7（星期日），不重复")
			continue
		}
		c.week[d] = true
	}
	if len(p.Weekdays) == 0 {
		bad.say("weekdays", "请选择每周的工作日")
	}
	c.base = c.hours("", p.Periods, p.ByWeekday, bad)
	for i, s := range p.Seasons {
		field := fmt.Sprintf("seasons[%d]", i)
		made := season{name: s.Name, hours: c.hours(field+".", s.Periods, s.ByWeekday, bad)}
		var from, to bool
		if made.from, from = monthDay(s.From); !from {
			bad.say(field+".from", "日期应写成 07-01 的形式")
		}
		if made.to, to = monthDay(s.To); !to {
			bad.say(field+".to", "日期应写成 09-30 的形式")
		}
		for _, other := range c.seasons {
			if from && to && (made.holds(other.from) || made.holds(other.to) || other.holds(made.from)) {
				bad.say(field+".from", "与“%s”的日期重叠", other.name)
			}
		}
		c.seasons = append(c.seasons, made)
	}
	c.own = make(map[Day]special, len(p.Days))
	for i, s := range p.Days {
		field := fmt.Sprintf("days[%d]", i)
		if _, twice := c.own[s.Date]; twice {
			bad.say(field+".date", "%s 出现了两次", s.Date)
		}
		own := special{work: s.Work, name: s.Name}
		if len(s.Periods) > 0 {
			if !s.Work {
				bad.say(field+".periods", "休息日没有工作时段")
			}
			own.spans = c.readSpans(field+".periods", s.Periods, bad)
		}
		c.own[s.Date] = own
	}
}

func (c *Calendar) hours(field string, periods []Period, by map[int][]Period, bad wrong) (h hours) {
	h.periods = c.readSpans(field+"periods", periods, bad)
	for day, periods := range by {
		name := fmt.Sprintf("%sby_weekday.%d", field, day)
		if day < 1 || day > 7 || !c.week[day] {
			bad.say(name, "这一天不是工作日")
			continue
		}
		h.by[day] = c.readSpans(name, periods, bad)
	}
	return h
}

// readSpans reads periods: in order, not touching one another, a day long at the most.
func (c *Calendar) readSpans(field string, periods []Period, bad wrong) []span {
	if len(periods) == 0 {
		bad.say(field, "请填写工作时段")
	}
	out := make([]span, 0, len(periods))
	for _, p := range periods {
		from, ok := clockTime(p.From)
		to, ok2 := clockTime(p.To)
		if !ok || !ok2 || from == 24*60 {
			bad.say(field, "时刻应写成 08:30 的形式")
			return nil
		}
		if to <= from {
			to += 24 * 60
		}
		out = append(out, span{from, to})
	}
	slices.SortFunc(out, func(a, b span) int { return a.from - b.from })
	for i := 1; i < len(out); i++ {
		if out[i].from < out[i-1].to {
			bad.say(field, "工作时段重叠：%s 与 %s", out[i-1], out[i])
		}
	}
	if n := len(out); n > 0 && out[n-1].to > 24*60 {
		c.spills = true
		if out[n-1].to-24*60 > out[0].from {
			bad.say(field, "跨夜的时段与次日重叠：%s 与 %s", out[n-1], out[0])
		}
	}
	return out
}

func (s span) String() string { return minuteName(s.from) + "–" + minuteName(s.to) }

func minuteName(m int) string {
	next := ""
	if m > 24*60 {
		m, next = m-24*60, "次日"
	}
	return fmt.Sprintf("%s%02d:%02d", next, m/60, m%60)
}

// period is the span as a Period.
func (s span) period() Period {
	name := func(m int) string {
		if m > 24*60 {
			m -= 24 * 60
		}
		return fmt.Sprintf("%02d:%02d", m/60, m%60)
	}
	return Period{name(s.from), name(s.to)}
}

func clockTime(s string) (int, bool) {
	h, m, ok := strings.Cut(s, ":")
	if !ok || len(h) < 1 || len(h) > 2 || len(m) != 2 {
		return 0, false
	}
	hour, err := strconv.ParseUint(h, 10, 8)
	minute, err2 := strconv.ParseUint(m, 10, 8)
	total := int(hour)*60 + int(minute)
	return total, err == nil && err2 == nil && minute < 60 && total <= 24*60
}

func monthDay(s string) (int, bool) {
	d, err := ParseDay("2000-" + s) // a leap year: 02-29 is a day
	if err != nil {
		return 0, false
	}
	return d.monthDay(), true
}
