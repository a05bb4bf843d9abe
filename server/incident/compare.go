package incident

import (
	"time"

	"github.com/google/uuid"

	"github.com/gridward/gridward/server/workday"
)

// Open is a clock that counts down now, and what a rule asks of its case.
type Open struct {
	Countdown
	On   Ground
	Case Incident // what rules ask for, the number and the title
}

// Change is what would happen to a running clock, if an edit reached it.
type Change struct {
	Incident uuid.UUID `json:"incident"`
	CaseNo   string    `json:"case_no"`
	Title    string    `json:"title"`
	Scope    string    `json:"scope"`
	Stage    string    `json:"stage"`
	FromDue  time.Time `json:"from_due"`
	ToDue    time.Time `json:"to_due"`
	Source   string    `json:"source"`
}

func (o *Open) change(to time.Time, source string) Change {
	return Change{Incident: o.Incident, CaseNo: o.Case.CaseNo, Title: o.Case.Title, Scope: o.Scope, Stage: o.Stage, FromDue: o.DueAt, ToDue: to.UTC(), Source: source}
}

// Would says which of the running clocks would be due at another instant, had
// they begun by the next terms instead of these. An edit moves none of them:
// this shows whom it is about.
func (t *Terms) Would(next *Terms, open []Open, now time.Time) []Change {
	out := []Change{}
	for i := range open {
		o := &open[i]
		was, _, ok := t.judge(o, now)
		will, source, ok2 := next.judge(o, now)
		if ok && ok2 && !was.Equal(will) {
			out = append(out, o.change(will, source))
		}
	}
	return out
}

// judge is when a running clock would be due by these terms.
func (t *Terms) judge(o *Open, now time.Time) (due time.Time, source string, ok bool) {
	rules := []string{o.Stage}
	switch {
	case o.Stage == StageHandle && o.Scope == ScopeStage && o.Case.ReworkCount > 0:
		rules = []string{StageRework, StageHandle}
	case o.Stage == StageAccept && o.Case.Kind == "sos":
		rules = []string{StageSOS, StageAccept}
	}
	view := o.Case
	view.OrgPath, view.OwnerPath = o.On.OrgPath, o.On.OwnerPath
	p, ok := Promised(t.Rules, t.Names, &view, now, rules...)
	cal := t.calendarOf(&o.Countdown, o.On)
	if !ok || cal == nil {
		return time.Time{}, "", false
	}
	c := o.Countdown
	c.Limit, c.Warn = p.Limit, p.Warn
	if c.AnchorAt != nil { // it stood still: more or less of the whole is more or less of what was left
		whole := cal.Due(c.StartedAt, p.Limit, p.Warn).Total - cal.Due(c.StartedAt, o.Limit, o.Warn).Total
		c.AnchorLeft = max(c.AnchorLeft+whole, 0)
	}
	return c.Anew(cal.Calendar).At, p.Source, true
}

// Moves says which of the running clocks that stand on days not announced yet
// would move by the next terms, and where to.
func (next *Terms) Moves(open []Open) []Change {
	out := []Change{}
	for i := range open {
		o := &open[i]
		cal := next.calendarOf(&o.Countdown, o.On)
		if !o.Provisional || cal == nil {
			continue
		}
		if d := o.Anew(cal.Calendar); !d.At.Equal(o.DueAt) {
			out = append(out, o.change(d.At, o.Source))
		}
	}
	return out
}

// Recount computes those of the clocks again that stand on days that were not
// announced, and says which moved and which only became certain.
func (t *Terms) Recount(inc *Incident, p *Pair, on Ground, why string, now time.Time) (moved, settled []*Countdown) {
	for _, c := range []*Countdown{p.Stage, p.Case} {
		if !c.Running() || !c.Provisional {
			continue
		}
		cal := t.calendarOf(c, on)
		if cal == nil {
			continue
		}
		if c.Recompute(cal.Calendar, why, now) {
			moved = append(moved, c)
		} else {
			settled = append(settled, c)
		}
	}
	p.Show(inc)
	return moved, settled
}

// With returns the terms with some rules changed: a rule with a known id takes
// its place, one without is added, one that is dropped holds no more.
func (t *Terms) With(changed []Rule, dropped []int64) *Terms {
	next := *t
	gone := map[int64]bool{}
	for _, id := range dropped {
		gone[id] = true
	}
	for _, r := range changed {
		gone[r.ID] = gone[r.ID] || r.ID != 0
	}
	next.Rules = nil
	for _, r := range t.Rules {
		if !gone[r.ID] {
			next.Rules = append(next.Rules, r)
		}
	}
	next.Rules = append(next.Rules, changed...)
	return &next
}

// WithPlan returns the terms with one calendar working by another plan.
func (t *Terms) WithPlan(id int64, made *workday.Calendar) *Terms {
	next := *t
	next.Calendars = append([]Calendar{}, t.Calendars...)
	for i := range next.Calendars {
		if next.Calendars[i].ID == id {
			next.Calendars[i].Calendar = made
		}
	}
	return &next
}
