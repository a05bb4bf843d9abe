package desk_test

import (
	"testing"

	"github.com/gridward/gridward/server/incident"
)

// Working minutes: nights, a weekend and a suspension do not count, a rework does.
func TestHowLongACaseWasHandled(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	station, boss := o.station(), commander(o.street, 0)
	took := func(what string, inc incident.Incident, accept, handle int32) {
		t.Helper()
		a, h := int32(-1), int32(-1)
		if inc.AcceptMinutes != nil {
			a = *inc.AcceptMinutes
		}
		if inc.HandleMinutes != nil {
			h = *inc.HandleMinutes
		}
		if a != accept || h != handle {
			t.Errorf("%s: accepted after %d, handled for %d working minutes; want %d and %d", what, a, h, accept, handle)
		}
	}
	o.at("2026-03-12 11:30") // a Thursday
	inc := o.report()
	took("a report", inc, -1, -1)
	o.at("2026-03-12 14:00")
	inc = o.act(inc, station, incident.Accept, incident.Deed{Tier: 2})
	took("lunch does not count", inc, 60, -1)
	inc = o.act(inc, station, incident.Dispatch, incident.Deed{Lead: &incident.Target{Org: o.org[0]}})
	o.at("2026-03-13 16:00") // Friday
	inc = o.order(inc, station, incident.Sign, incident.Deed{})
	took("signed", inc, 60, -1)
	o.at("2026-03-16 09:00") // Monday: an hour of Friday, half an hour of today
	review := china(t, "2026-03-20 09:00")
	inc = o.act(inc, boss, incident.Suspend, incident.Deed{Reason: "等雨停", ReviewAt: &review})
	took("over a weekend", inc, 60, 90)
	o.at("2026-03-18 16:30")
	inc = o.act(inc, boss, incident.Resume, incident.Deed{})
	o.at("2026-03-19 09:00")
	inc = o.order(inc, station, incident.Feedback, incident.Deed{Result: "solved", Text: "已更换"})
	took("suspended between", inc, 60, 150)
	inc = o.act(inc, boss, incident.AssignCheck, incident.Deed{})
	o.at("2026-03-19 15:00")
	inc = o.act(inc, boss, incident.CheckFail, incident.Deed{Reason: "没有盖好"})
	took("checking is not handling", inc, 60, 150)
	o.at("2026-03-19 15:20")
	inc = o.order(inc, station, incident.Feedback, incident.Deed{Result: "solved", Text: "已盖好"})
	took("a rework adds to it", inc, 60, 170)
}
