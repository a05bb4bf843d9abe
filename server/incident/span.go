package incident

import "time"

// Count counts, in working minutes of who had the case, how long it was waited
// for until it was accepted, and how long it was handled. inc is the case after
// a transition, before is what it was; stage is the clock that ran until now.
//
// Handling begins with the signing of an order and counts in each stretch of
// the state Handling: neither while suspended nor while checked; a rework adds
// to it, another order begins it anew. Who handles at once handles from the
// acceptance, or, where nobody accepted it before, from the report.
func (t *Terms) Count(inc *Incident, before Incident, stage *Countdown, on Ground, now time.Time) {
	cal := t.CalendarOf(on.OwnerPath, on.OwnerKind)
	if stage != nil {
		cal = t.calendarOf(stage, on)
	}
	if cal == nil || before.State == "" {
		return
	}
	minutes := func(from time.Time) *int32 {
		n := int32(cal.Minutes(from, now))
		return &n
	}
	switch {
	case inc.SelfHandled && !before.SelfHandled:
		from := inc.ReportedAt
		if before.AcceptedAt != nil {
			from = *before.AcceptedAt
		}
		inc.HandleMinutes = minutes(from)
	case before.State == Reported && inc.State == Accepted:
		inc.AcceptMinutes = minutes(inc.ReportedAt)
	case before.State == Dispatched && inc.State == Handling:
		inc.HandleMinutes = nil
	case before.State == Handling && inc.State != Handling:
		more := minutes(before.StateSince)
		if inc.HandleMinutes != nil {
			*more += *inc.HandleMinutes
		}
		inc.HandleMinutes = more
	}
}
