package incident

import (
	"time"

	"github.com/google/uuid"
)

// Pair is the two clocks of a case, nil where none runs.
type Pair struct {
	Stage, Case *Countdown
}

// Turn brings the clocks in step with a transition of the case, which is in its
// new state; from is the state it left, "" for a new report. It fills the case's
// own instants and returns the clocks that changed, those that ended first.
// now has microseconds, as the database keeps them.
//
// A stage begins with a state, and again when the tier changes under it; the
// whole begins with the report, with every other tier and with a dispatch.
// While the case is suspended both stand still. What a resident takes to give
// a mark is not the handler's time: it does not count in the whole.
func (t *Terms) Turn(inc *Incident, from State, p *Pair, on Ground, now time.Time, newID func() uuid.UUID) (changed []*Countdown) {
	end := func(c **Countdown, moved bool) {
		if *c != nil {
			(*c).end(now, moved)
			changed = append(changed, *c)
			*c = nil
		}
	}
	var begun []*Countdown
	begin := func(c **Countdown, made *Countdown) {
		if *c = made; made != nil {
			begun = append(begun, made)
		}
	}
	otherTier := func(c *Countdown) bool { return c != nil && !sameTier(c.Tier, inc.Tier) }

	switch {
	case inc.State.Over():
		if p.Case != nil && p.Case.PausedAt != nil { // by force, while it stood still
			if cal := t.calendarOf(p.Case, on); cal != nil {
				p.Case.resume(cal.Calendar, now)
			}
		}
		if p.Case != nil {
			inc.CaseDue, inc.CaseWarn, inc.CaseFrom = instants(p.Case)
		}
		end(&p.Stage, false)
		end(&p.Case, false)
		inc.Stage, inc.StageDue, inc.StageWarn, inc.StageFrom = "", nil, nil, ""
		inc.Provisional, inc.Paused = false, false
		return changed
	case inc.State == Suspended:
		for _, c := range []*Countdown{p.Stage, p.Case} {
			if c != nil && c.PausedAt == nil {
				if cal := t.calendarOf(c, on); cal != nil {
					c.pause(cal.Calendar, now)
					changed = append(changed, c)
				}
			}
		}
		p.Show(inc)
		return changed
	case from == Suspended && inc.State == Handling:
		for _, c := range []*Countdown{p.Stage, p.Case} {
			if c != nil && c.PausedAt != nil {
				if cal := t.calendarOf(c, on); cal != nil {
					c.resume(cal.Calendar, now)
					changed = append(changed, c)
				}
			}
		}
	}

	resumed := from == Suspended && inc.State == Handling && p.Stage != nil
	if !resumed && (from != inc.State || otherTier(p.Stage)) || p.Stage == nil || p.Stage.PausedAt != nil {
		end(&p.Stage, from == inc.State)
		stage := inc.State.Stage()
		rules := []string{stage}
		switch {
		case inc.State == Handling && (from == Checking || from == FedBack || from == Evaluating):
			rules = []string{StageRework, StageHandle}
		case inc.State == Reported && inc.Kind == "sos":
			rules = []string{StageSOS, StageAccept}
		}
		begin(&p.Stage, t.start(inc, on, ScopeStage, stage, newID(), now, rules...))
	}
	if p.Case == nil || otherTier(p.Case) || inc.State == Dispatched && from != Dispatched || p.Case.PausedAt != nil {
		end(&p.Case, true)
		begin(&p.Case, t.start(inc, on, ScopeCase, StageCase, newID(), now, StageCase))
	}
	if c := p.Case; inc.State == Evaluating && from != Evaluating && c != nil && p.Stage != nil {
		if cal := t.calendarOf(c, on); cal != nil {
			if left := cal.Left(now, c.DueAt, c.Limit.Unit); left > 0 {
				c.anchor(p.Stage.DueAt, left)
				c.move(cal.Resume(p.Stage.DueAt, left, c.Total, c.Limit.Unit, c.Warn), "评价期不计入办理时限", now)
				changed = append(changed, c)
			}
		}
	}
	p.Show(inc)
	for _, c := range begun {
		if !contains(changed, c) {
			changed = append(changed, c)
		}
	}
	return changed
}

// Grant gives the running clocks more working days (延期) and returns those that changed.
func (t *Terms) Grant(inc *Incident, p *Pair, on Ground, days int, now time.Time) (changed []*Countdown) {
	for _, c := range []*Countdown{p.Stage, p.Case} {
		if c.Running() {
			if cal := t.calendarOf(c, on); cal != nil {
				c.extend(cal.Calendar, days, now)
				changed = append(changed, c)
			}
		}
	}
	p.Show(inc)
	return changed
}

// calendarOf is the calendar that the clock began on, or, should it be gone,
// the one that holds now.
func (t *Terms) calendarOf(c *Countdown, on Ground) *Calendar {
	if cal := t.Calendar(c.Calendar); cal != nil {
		return cal
	}
	if c.Scope == ScopeCase {
		return t.CalendarOf(on.OrgPath, on.OrgKind)
	}
	return t.CalendarOf(on.OwnerPath, on.OwnerKind)
}

// Show writes the clocks into the case. While they stand still there is no due instant.
func (p *Pair) Show(inc *Incident) {
	inc.Stage = inc.State.Stage()
	if p.Stage != nil && inc.State == Suspended {
		inc.Stage = p.Stage.Stage
	}
	inc.StageDue, inc.StageWarn, inc.StageFrom = instants(p.Stage)
	inc.CaseDue, inc.CaseWarn, inc.CaseFrom = instants(p.Case)
	inc.Paused = inc.State == Suspended
	inc.Provisional = p.Stage.Running() && p.Stage.Provisional || p.Case.Running() && p.Case.Provisional
}

func instants(c *Countdown) (due, warn *time.Time, from string) {
	if c == nil {
		return nil, nil, ""
	}
	if c.PausedAt != nil {
		return nil, nil, c.Source
	}
	d, w := c.DueAt, c.WarnAt
	return &d, &w, c.Source
}

func sameTier(a, b *int16) bool { return a == nil && b == nil || a != nil && b != nil && *a == *b }

func contains(list []*Countdown, c *Countdown) bool {
	for _, other := range list {
		if other == c {
			return true
		}
	}
	return false
}
