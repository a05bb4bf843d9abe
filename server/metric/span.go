package metric

import (
	"time"

	"github.com/gridward/gridward/server/incident"
)

// Span is a stretch of time, To not in it.
type Span struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// Before is the period that this one is held against (环比): the month before a
// whole month, the year before a whole year, otherwise as long a stretch just
// before it.
func (p Span) Before() Span {
	from, to := p.From.In(incident.BusinessZone()), p.To.In(incident.BusinessZone())
	if midnight(from) && midnight(to) && from.Day() == 1 && to.Day() == 1 {
		months := (to.Year()-from.Year())*12 + int(to.Month()) - int(from.Month())
		return Span{from.AddDate(0, -months, 0).UTC(), p.From}
	}
	return Span{p.From.Add(p.From.Sub(p.To)), p.From}
}

// LastYear is the same period a year earlier (同比). The last day of a leap
// February is the last day of February.
func (p Span) LastYear() Span {
	back := func(t time.Time) time.Time {
		t = t.In(incident.BusinessZone())
		if t.Month() == time.February && t.Day() == 29 {
			t = t.AddDate(0, 0, -1)
		}
		return t.AddDate(-1, 0, 0).UTC()
	}
	return Span{back(p.From), back(p.To)}
}

func midnight(t time.Time) bool { h, m, s := t.Clock(); return h+m+s+t.Nanosecond() == 0 }
