package incident

import (
	"time"

	"github.com/google/uuid"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/workday"
)

// Scopes of clocks: a case has one for what is owed next and one for the whole.
const (
	ScopeStage = "stage"
	ScopeCase  = "case"
)

// How a clock ended. Moved: another took its place before it was due.
const (
	Met    = "met"
	Missed = "missed"
	Moved  = "moved"
)

// Countdown is a clock of a case: one promise while it runs, and afterwards. Its rule is frozen when
// it starts: it names the rule's version and keeps its limit. A clock that
// stood still runs on from its anchor with what was left then.
type Countdown struct {
	ID           uuid.UUID     `json:"id"`
	Incident     uuid.UUID     `json:"incident"`
	Region       int64         `json:"-"`
	Scope        string        `json:"scope"`
	Stage        string        `json:"stage"`
	Tier         *int16        `json:"-"`
	StartedAt    time.Time     `json:"started_at"`
	EffectiveAt  time.Time     `json:"effective_at"`
	DueAt        time.Time     `json:"due_at"`
	WarnAt       time.Time     `json:"warn_at"`
	Total        time.Duration `json:"-"`
	Minutes      int           `json:"minutes"`
	Limit        workday.Limit `json:"limit"`
	LimitText    string        `json:"limit_text"`
	Warn         float64       `json:"warn_ratio"`
	Rule         *int64        `json:"rule,omitempty"`
	RuleVersion  *int32        `json:"rule_version,omitempty"`
	Layer        string        `json:"layer"`
	Source       string        `json:"source"`
	Calendar     *int64        `json:"calendar,omitempty"`
	CalendarName string        `json:"calendar_name,omitempty"`
	Provisional  bool          `json:"provisional"`
	AnchorAt     *time.Time    `json:"-"`
	AnchorLeft   time.Duration `json:"-"`
	Extended     int16         `json:"-"` // working days granted since the anchor
	PausedAt     *time.Time    `json:"paused_at,omitempty"`
	PausedLeft   time.Duration `json:"-"`
	RemainingMin *int          `json:"remaining_min,omitempty"` // while it stands still
	WarnedAt     *time.Time    `json:"warned_at,omitempty"`
	RungAt       *time.Time    `json:"rung_at,omitempty"`
	EndedAt      *time.Time    `json:"ended_at,omitempty"`
	Outcome      string        `json:"outcome,omitempty"`
	Version      int32         `json:"-"`
	Moves        []Move        `json:"moves,omitempty"`
}

// Move is one time that a due instant changed. To is nil when it began to stand still.
type Move struct {
	At   time.Time  `json:"at"`
	From time.Time  `json:"from"`
	To   *time.Time `json:"to"`
	Why  string     `json:"why"`
}

// Running reports whether it counts down now.
func (c *Countdown) Running() bool { return c != nil && c.EndedAt == nil && c.PausedAt == nil }

func (c *Countdown) set(d workday.Deadline) {
	c.DueAt, c.WarnAt, c.Total, c.Provisional = d.At.UTC(), d.WarnAt.UTC(), d.Total, d.Provisional
	c.Minutes = int(c.Total / time.Minute)
	c.Version++
}

func (c *Countdown) move(d workday.Deadline, why string, now time.Time) {
	from := c.DueAt
	c.set(d)
	if c.WarnAt.After(now) { // it warns, and rings, at the new instants
		c.WarnedAt = nil
	}
	if c.DueAt.After(now) {
		c.RungAt = nil
	}
	to := c.DueAt
	c.Moves = append(c.Moves, Move{At: now, From: from, To: &to, Why: why})
}

// end ends the clock; moved says that another takes its place.
func (c *Countdown) end(now time.Time, moved bool) {
	c.Outcome = Met
	switch late := now.After(c.DueAt) && (c.PausedAt == nil || c.PausedLeft == 0); {
	case late:
		c.Outcome = Missed
	case moved:
		c.Outcome = Moved
	}
	c.EndedAt = &now
	c.Version++
}

func (c *Countdown) pause(cal *workday.Calendar, now time.Time) {
	c.PausedAt, c.PausedLeft = &now, cal.Left(now, c.DueAt, c.Limit.Unit)
	c.Moves = append(c.Moves, Move{At: now, From: c.DueAt, Why: "挂账，停止计时"})
	c.Version++
}

// resume lets it run on with what was left. What was overdue stays so.
func (c *Countdown) resume(cal *workday.Calendar, now time.Time) {
	left := c.PausedLeft
	c.PausedAt, c.PausedLeft, c.RemainingMin = nil, 0, nil
	if left == 0 {
		c.Version++
		return
	}
	c.anchor(now, left)
	c.move(cal.Resume(now, left, c.Total, c.Limit.Unit, c.Warn), "恢复计时", now)
}

func (c *Countdown) anchor(at time.Time, left time.Duration) {
	c.AnchorAt, c.AnchorLeft, c.Extended = &at, left, 0
}

// deadline is where the clock stands now, as the calendar's arithmetic sees it.
func (c *Countdown) deadline() workday.Deadline {
	from := c.EffectiveAt
	if c.AnchorAt != nil {
		from = *c.AnchorAt
	}
	return workday.Deadline{Start: c.StartedAt, Effective: from, At: c.DueAt, WarnAt: c.WarnAt, Total: c.Total, Minutes: c.Minutes, Provisional: c.Provisional}
}

func (c *Countdown) extend(cal *workday.Calendar, days int, now time.Time) {
	c.move(cal.Extend(c.deadline(), days, c.Limit.Unit, c.Warn), "批准延期", now)
	c.Extended += int16(days)
}

// Anew computes the deadline again from what the clock remembers: after a list
// of holidays came that it had to do without.
func (c *Countdown) Anew(cal *workday.Calendar) workday.Deadline {
	var d workday.Deadline
	if c.AnchorAt != nil {
		d = cal.Resume(*c.AnchorAt, c.AnchorLeft, c.Total, c.Limit.Unit, c.Warn)
	} else {
		d = cal.Due(c.StartedAt, c.Limit, c.Warn)
	}
	if c.Extended > 0 {
		d = cal.Extend(d, int(c.Extended), c.Limit.Unit, c.Warn)
	}
	return d
}

// Recompute moves the clock to its deadline under the calendar as it is now,
// and reports whether the due instant changed. why goes into the trace.
func (c *Countdown) Recompute(cal *workday.Calendar, why string, now time.Time) bool {
	d := c.Anew(cal)
	if d.At.Equal(c.DueAt) && d.WarnAt.Equal(c.WarnAt) {
		c.Provisional = d.Provisional
		return false
	}
	if c.AnchorAt == nil {
		c.EffectiveAt = d.Effective.UTC()
	}
	c.move(d, why, now)
	return true
}

// Calendar is a working calendar and whom it holds for.
type Calendar struct {
	ID      int64
	Name    string
	OrgPath string // "" = everybody
	OrgKind string // "" = organisations of every kind
	*workday.Calendar
}

// Terms are everything by which promises are made: the rules, the calendars,
// the names of categories. They are never changed after they are made.
type Terms struct {
	Epoch     int64
	Rules     []Rule
	Names     map[string]string
	Calendars []Calendar
}

// CalendarOf is the calendar of an organisation: the nearest one on its path;
// of two there, the one for its kind. nil when there is none.
func (t *Terms) CalendarOf(path, kind string) *Calendar {
	var best *Calendar
	for i := range t.Calendars {
		c := &t.Calendars[i]
		if (c.OrgPath == "" || access.Covers(c.OrgPath, path)) && (c.OrgKind == "" || c.OrgKind == kind) &&
			(best == nil || len(c.OrgPath) > len(best.OrgPath) || len(c.OrgPath) == len(best.OrgPath) && best.OrgKind == "") {
			best = c
		}
	}
	return best
}

// Calendar is the one with the id, nil when it is gone.
func (t *Terms) Calendar(id *int64) *Calendar {
	for i := range t.Calendars {
		if id != nil && t.Calendars[i].ID == *id {
			return &t.Calendars[i]
		}
	}
	return nil
}

// Ground says on whose calendars a case is counted: a stage on that of the
// organisation that has the case, the whole on that of the ground it lies on.
type Ground struct {
	OwnerPath, OwnerKind string
	OrgPath, OrgKind     string
}

// start begins a clock, nil when no rule or no calendar holds.
func (t *Terms) start(inc *Incident, on Ground, scope, stage string, id uuid.UUID, now time.Time, rules ...string) *Countdown {
	view := *inc
	view.OrgPath, view.OwnerPath = on.OrgPath, on.OwnerPath
	promise, ok := Promised(t.Rules, t.Names, &view, now, rules...)
	if !ok {
		return nil
	}
	cal := t.CalendarOf(on.OwnerPath, on.OwnerKind)
	if scope == ScopeCase {
		cal = t.CalendarOf(on.OrgPath, on.OrgKind)
	}
	if cal == nil {
		return nil
	}
	d := cal.Due(now, promise.Limit, promise.Warn)
	c := &Countdown{
		ID: id, Incident: inc.ID, Region: inc.Region, Scope: scope, Stage: stage, Tier: inc.Tier, StartedAt: now, EffectiveAt: d.Effective.UTC(),
		Limit: promise.Limit, LimitText: promise.Limit.String(), Warn: promise.Warn, Rule: &promise.Rule, RuleVersion: &promise.Version, Layer: promise.Layer,
		Source: promise.Source, Calendar: &cal.ID, CalendarName: cal.Name,
	}
	c.set(d)
	return c
}

// Limit is a rule's limit for a case, put to the calendar of who has it: until
// when an order may be returned, for example. ok is false when no rule holds.
func (t *Terms) Limit(inc *Incident, on Ground, stage string, start time.Time) (d workday.Deadline, p Promise, ok bool) {
	view := *inc
	view.OrgPath, view.OwnerPath = on.OrgPath, on.OwnerPath
	p, ok = Promised(t.Rules, t.Names, &view, start, stage)
	cal := t.CalendarOf(on.OwnerPath, on.OwnerKind)
	if !ok || cal == nil {
		return d, p, false
	}
	return cal.Due(start, p.Limit, p.Warn), p, true
}

// What a clock does to a case, as the record names it. Nobody asks for these:
// they stand in no table of actions.
const (
	DueSoon  Action = "due_soon"  // 临期
	Overdue  Action = "overdue"   // 逾期
	DueMoved Action = "due_moved" // 时限调整: a list of holidays was announced
)
