// Package workday knows when people work, and so when something is due.
//
// A Calendar says which minutes are worked: a weekly pattern, several periods
// a day that may run past midnight, seasons with other hours, days of its own,
// and the yearly holiday lists with their 调休. Limits come in four units:
// working days (工作日), working time (工作时), plain time (自然时) and today
// (当天). The first two and the last count only what is worked.
//
// The rules: what comes in on a working day before its closing hour is
// received on that day, anything else on the next working day. That day is not
// counted; n working days end at the closing hour of the n-th working day
// after it, 当天 at its own. A limit that touches a year whose list is not
// announced yet is provisional: it is right only if that year has no holidays.
//
// It decides and touches nothing: no clock, no database. A Calendar is never
// changed after it is made, so it may be shared.
package workday

import (
	"fmt"
	"time"
)

// Zone is the one time of China, without daylight saving: no zone file is needed.
func Zone() *time.Location { return zone }

var zone = time.FixedZone("Asia/Shanghai", 8*60*60)

// Day is a date in Zone, counted from 1970-01-01. In JSON it is "2026-02-14".
type Day int32

// DayOf is the date on which t falls.
func DayOf(t time.Time) Day {
	s := t.Unix() + 8*60*60
	d := s / 86400
	if s%86400 < 0 {
		d--
	}
	return Day(d)
}

// Date is the day of that name.
func Date(year int, month time.Month, day int) Day {
	return Day(time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix() / 86400)
}

// ParseDay reads "2026-02-14".
func ParseDay(s string) (Day, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return 0, fmt.Errorf("%q is no date", s)
	}
	return Day(t.Unix() / 86400), nil
}

// Start is the day's first instant.
func (d Day) Start() time.Time { return time.Unix(int64(d)*86400-8*60*60, 0).In(zone) }

// at is the instant so many minutes after the day's start.
func (d Day) at(minutes int) time.Time { return d.Start().Add(time.Duration(minutes) * time.Minute) }

func (d Day) utc() time.Time { return time.Unix(int64(d)*86400, 0).UTC() }

// Year is the day's year.
func (d Day) Year() int { return d.utc().Year() }

// Weekday is 1 for Monday to 7 for Sunday.
func (d Day) Weekday() int {
	if w := int(d.utc().Weekday()); w != 0 {
		return w
	}
	return 7
}

// monthDay is 214 for the fourteenth of February: what seasons are made of.
func (d Day) monthDay() int {
	_, m, day := d.utc().Date()
	return int(m)*100 + day
}

func (d Day) String() string { return d.utc().Format(time.DateOnly) }

// MarshalText writes "2026-02-14".
func (d Day) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads "2026-02-14".
func (d *Day) UnmarshalText(b []byte) (err error) {
	*d, err = ParseDay(string(b))
	return err
}
