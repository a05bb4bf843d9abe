package workday

import (
	"embed"
	"fmt"
	"slices"
)

// Status says whether a list is the government's word.
type Status string

// A provisional list is somebody's guess, entered ahead of the announcement.
const (
	Published   Status = "published"
	Provisional Status = "provisional"
)

// List is the arrangement of a year's holidays as it was announced. It names
// the days off and the weekend days that are worked (调休); ordinary weekends
// are not listed, and the last days of the year before may be.
type List struct {
	Year   int       `json:"year"`
	Status Status    `json:"status"`
	Source string    `json:"source,omitempty"`
	Days   []Holiday `json:"days"`
}

// Holiday is a day off, or one that is worked in exchange for it.
type Holiday struct {
	Date Day    `json:"date"`
	Off  bool   `json:"off"`
	Name string `json:"name"`
}

// Lists are all lists together. The order in which they came is irrelevant:
// where two speak of the same day, that of the later year does.
type Lists struct {
	days      map[Day]mark
	published map[int]bool
	first     int
}

type mark struct {
	off  bool
	name string
	year int
}

// NewLists puts lists together.
func NewLists(lists ...List) *Lists {
	all := &Lists{days: map[Day]mark{}, published: map[int]bool{}}
	for _, l := range lists {
		if l.Status == Published {
			all.published[l.Year] = true
			if all.first == 0 || l.Year < all.first {
				all.first = l.Year
			}
		}
		for _, h := range l.Days {
			if known, ok := all.days[h.Date]; !ok || known.year <= l.Year {
				all.days[h.Date] = mark{h.Off, h.Name, l.Year}
			}
		}
	}
	return all
}

// announced reports whether the year's arrangement is known. What lies before
// the first list is past and needs no list.
func (l *Lists) announced(year int) bool {
	return l.published[year] || l.first != 0 && year < l.first
}

// Years are the years with a published list, in order.
func (l *Lists) Years() []int {
	years := make([]int, 0, len(l.published))
	for y := range l.published {
		years = append(years, y)
	}
	slices.Sort(years)
	return years
}

//go:embed lists/*.json
var bundle embed.FS

// Bundled are the lists that come with the program (see lists/README.md).
func Bundled() ([]List, error) {
	files, err := bundle.ReadDir("lists")
	if err != nil {
		return nil, fmt.Errorf("read the bundled holiday lists: %w", err)
	}
	out := make([]List, 0, len(files))
	for _, f := range files {
		b, err := bundle.ReadFile("lists/" + f.Name())
		if err != nil {
			return nil, fmt.Errorf("read the bundled holiday lists: %w", err)
		}
		l, err := ParseJSON(b)
		if err != nil {
			return nil, fmt.Errorf("read the bundled holiday list %s: %w", f.Name(), err)
		}
		out = append(out, l)
	}
	return out, nil
}

// DayView is a day as a calendar page shows it.
type DayView struct {
	Date        Day      `json:"date"`
	Weekday     int      `json:"weekday"`
	Working     bool     `json:"working"`
	Kind        string   `json:"kind"` // weekday, weekend, holiday, makeup (调休), own
	Name        string   `json:"name,omitempty"`
	Periods     []Period `json:"periods"`
	Minutes     int      `json:"minutes"`
	Provisional bool     `json:"provisional,omitempty"` // its year is not announced yet
}

// View shows a day.
func (c *Calendar) View(d Day) DayView {
	spans := c.spans(d)
	v := DayView{Date: d, Weekday: d.Weekday(), Working: len(spans) > 0, Kind: "weekday", Periods: []Period{}, Provisional: c.provisional(d, d)}
	if !c.always && !c.week[v.Weekday] {
		v.Kind = "weekend"
	}
	if own, ok := c.own[d]; ok && !c.always {
		v.Kind, v.Name = "own", own.name
	} else if m, ok := c.lists.days[d]; ok && c.follows {
		v.Name, v.Kind = m.name, "makeup"
		if m.off {
			v.Kind = "holiday"
		}
	}
	for _, s := range spans {
		v.Periods = append(v.Periods, s.period())
		v.Minutes += s.to - s.from
	}
	return v
}
