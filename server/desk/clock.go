package desk

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/deadline"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/journal"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/workday"
)

// What a clock's job rings for.
const (
	RingWarn = "warn" // no more than the warning's share is left: 临期
	RingDue  = "due"  // 逾期
)

// terms remembers by what promises are made. Every command compares its epoch
// with the database's inside its own transaction, so what is remembered is
// never older than what the command could have read.
type terms struct {
	known atomic.Pointer[incident.Terms]
}

func (t *terms) at(ctx context.Context, tx pgx.Tx, epoch int64, now time.Time) (*incident.Terms, error) {
	if known := t.known.Load(); known != nil && known.Epoch == epoch {
		return known, nil
	}
	fresh, err := postgres.ReadTerms(ctx, tx, now)
	if err != nil {
		return nil, err
	}
	t.known.Store(fresh)
	return fresh, nil
}

// running reads the clocks of a case and the terms that hold.
func (d *Desk) running(ctx context.Context, tx pgx.Tx, inc *incident.Incident, now time.Time) (*incident.Terms, incident.Ground, incident.Pair, error) {
	epoch, on, pair, err := postgres.RunningClocks(ctx, tx, inc.ID, inc.Org, inc.OwnerOrg)
	if err != nil {
		return nil, on, pair, err
	}
	t, err := d.terms.at(ctx, tx, epoch, now)
	return t, on, pair, err
}

// setClocks brings the two clocks of a case in step with a transition: inc is
// in its new state and not yet written. It fills the incident's Stage…, Case…, Provisional and Paused;
// call it before writing the incident, inside the transaction that holds its
// row. It also counts how long the case was waited for and handled, by the
// calendar of the clock that ends: before is the case as it was, empty for a
// new report. It ends the clock of the stage that is left (met or missed), starts
// that of the new one, starts the case's clock anew on a report, another tier
// or a dispatch, stands both still while the case is suspended, and ends both
// when it is over. It costs three round trips.
func (d *Desk) setClocks(ctx context.Context, tx pgx.Tx, inc *incident.Incident, before incident.Incident, now time.Time) error {
	now = now.UTC().Truncate(time.Microsecond)
	t, on, pair, err := d.running(ctx, tx, inc, now)
	if err != nil {
		return err
	}
	t.Count(inc, before, pair.Stage, on, now)
	return keepClocks(ctx, tx, t.Turn(inc, before.State, &pair, on, now, clockID))
}

// extendClock grants the running stage and the case more working days (延期)
// and returns the stage's due instant before and after; both are nil when no
// clock runs. It fills the incident's instants.
func (d *Desk) extendClock(ctx context.Context, tx pgx.Tx, inc *incident.Incident, days int, now time.Time) (before, after *time.Time, err error) {
	now = now.UTC().Truncate(time.Microsecond)
	t, on, pair, err := d.running(ctx, tx, inc, now)
	if err != nil {
		return nil, nil, err
	}
	before = inc.StageDue
	if pair.Stage.Running() {
		due := pair.Stage.DueAt
		before = &due
	}
	changed := t.Grant(inc, &pair, on, days, now)
	return before, inc.StageDue, keepClocks(ctx, tx, changed)
}

// orderDues are the instants by which the lead order is to be signed and
// handled, as the case's clocks stand: call it after setClocks.
func orderDues(inc *incident.Incident) (sign, handle *time.Time) {
	switch inc.State {
	case incident.Dispatched:
		return inc.StageDue, inc.CaseDue
	case incident.Handling, incident.Suspended:
		return nil, inc.StageDue
	}
	return nil, nil
}

// leeway says until when the order may be returned, for ever where no rule
// says so, and by how many working days the limit of its stage may be put off:
// as many as it has, one at the least.
func (d *Desk) leeway(ctx context.Context, tx pgx.Tx, f *file) error {
	t, on, pair, err := d.running(ctx, tx, &f.inc, f.now)
	if err != nil {
		return err
	}
	if f.inc.DispatchedAt != nil {
		if due, _, ok := t.Limit(&f.inc, on, incident.StageReturn, *f.inc.DispatchedAt); ok {
			at := due.At.UTC()
			f.with.ReturnUntil = &at
		}
	}
	f.with.MaxDelay = 1
	if c := pair.Stage; c != nil && c.Limit.Unit == workday.Days {
		f.with.MaxDelay = int16(min(c.Limit.N, 365))
	}
	return nil
}

func clockID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// keepClocks stores clocks and sets the jobs that ring them.
func keepClocks(ctx context.Context, tx pgx.Tx, changed []*incident.Countdown) error {
	if err := postgres.PutClocks(ctx, tx, changed); err != nil {
		return err
	}
	var jobs []deadline.Job
	for _, c := range changed {
		if !c.Running() || c.Stage == incident.StageEvaluate { // a mark that does not come is nobody's delay
			continue
		}
		if c.WarnedAt == nil && c.WarnAt.Before(c.DueAt) {
			jobs = append(jobs, deadline.Job{Args: deadline.Clock{ID: c.ID, Version: c.Version, What: RingWarn}, At: c.WarnAt})
		}
		if c.RungAt == nil {
			jobs = append(jobs, deadline.Job{Args: deadline.Clock{ID: c.ID, Version: c.Version, What: RingDue}, At: c.DueAt})
		}
	}
	return deadline.InsertAll(ctx, tx, jobs)
}

// RingClock is what a clock's job does when its instant has come: once, and
// only if the clock still stands where it stood when the job was set. At
// yellow it urges (催办), at red it raises a 督办 with a yellow card (黄牌).
// later is not zero when this node's clock says that it is too early.
func (d *Desk) RingClock(ctx context.Context, id uuid.UUID, version int32, what string) (later time.Time, err error) {
	var ring int64
	err = d.db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		later, ring = time.Time{}, 0
		c, err := postgres.ClockByID(ctx, tx, id, false)
		if fault.Is(err, fault.Missing) || err == nil && !due(&c, version, what) {
			return nil // it has moved on
		}
		if err != nil {
			return err
		}
		inc, err := postgres.LockIncident(ctx, tx, c.Incident) // before the clock: the order in which commands take them
		if err != nil {
			return err
		}
		if c, err = postgres.ClockByID(ctx, tx, id, true); err != nil || !due(&c, version, what) {
			return err
		}
		now := d.clock().UTC().Truncate(time.Microsecond)
		at := c.DueAt
		if what == RingWarn {
			at = c.WarnAt
		}
		if now.Before(at) {
			later = at
			return nil
		}
		quiet := what == RingWarn && !now.Before(c.DueAt) // the node was away: red says it all
		if c.Stage == incident.StageAccept && inc.Kind == "sos" && !quiet {
			if quiet, err = postgres.SOSAnswered(ctx, tx, inc.ID); err != nil {
				return err
			}
		}
		if c.Scope == incident.ScopeCase && !quiet {
			if quiet, err = stageRings(ctx, tx, &inc, at, what); err != nil {
				return err
			}
		}
		if what == RingWarn {
			c.WarnedAt = &now
		} else {
			c.RungAt = &now
		}
		if err := postgres.PutClocks(ctx, tx, []*incident.Countdown{&c}); err != nil || quiet {
			return err
		}
		ring = inc.Region
		return d.demand(ctx, tx, &inc, &c, what, now)
	})
	if err == nil && ring != 0 {
		d.ring(ring)
	}
	return later, err
}

// stageRings reports whether the stage's clock rings for the same instant as
// the whole's: one demand is enough.
func stageRings(ctx context.Context, tx pgx.Tx, inc *incident.Incident, at time.Time, what string) (bool, error) {
	_, _, pair, err := postgres.RunningClocks(ctx, tx, inc.ID, inc.Org, inc.OwnerOrg)
	if err != nil || !pair.Stage.Running() || pair.Stage.Stage == incident.StageEvaluate {
		return false, err
	}
	if what == RingWarn {
		return pair.Stage.WarnAt.Equal(at), nil
	}
	return pair.Stage.DueAt.Equal(at), nil
}

// due reports whether the job that was set for this version still has something to do.
func due(c *incident.Countdown, version int32, what string) bool {
	if c.Version != version || !c.Running() {
		return false
	}
	if what == RingWarn {
		return c.WarnedAt == nil
	}
	return c.RungAt == nil
}

// demand writes the 催办 or 督办 of a clock that rang, and the journal. It
// takes the region's row: call it last.
func (d *Desk) demand(ctx context.Context, tx pgx.Tx, inc *incident.Incident, c *incident.Countdown, what string, now time.Time) error {
	name := incident.StageNames()[c.Stage]
	at := c.DueAt.In(incident.BusinessZone()).Format("01-02 15:04")
	kind, level, action, words := "urge", "", incident.DueSoon, name+"时限将于 "+at+" 到期，请抓紧办理"
	if what == RingDue {
		kind, level, action, words = "supervise", "yellow", incident.Overdue, name+"时限已于 "+at+" 到期，请立即办理并回复"
		if inc.Supervise == "" {
			inc.Supervise = level
		}
	} else {
		inc.UrgeCount++
	}
	err := postgres.InsertSupervision(ctx, tx, inc.ID, postgres.Supervision{ID: clockID(), Order: inc.LeadOrder, Kind: kind, Level: level, ByName: incident.Clock().Name, At: now, Requirement: words})
	if err != nil {
		return err
	}
	return recordClock(ctx, tx, inc, incident.Done{Action: action, Code: c.Scope, Note: words})
}

// recordClock writes the case's row and the journal entry of what a clock did.
// It takes the region's row: call it last.
func recordClock(ctx context.Context, tx pgx.Tx, inc *incident.Incident, done incident.Done) error {
	if err := postgres.ShowClocks(ctx, tx, *inc); err != nil {
		return err
	}
	parties, err := postgres.PartyPaths(ctx, tx, inc.ID)
	if err != nil {
		return err
	}
	done.ByName, done.As, done.From, done.To = incident.Clock().Name, incident.AsClock, inc.State, inc.State
	e, err := journal.About("incident."+string(done.Action), inc.ID.String(), inc.OrgPath, 0, incident.Record{Incident: *inc, Deed: &done})
	if err != nil {
		return err
	}
	e.Parties = parties
	_, err = postgres.AppendJournal(ctx, tx, inc.Region, e)
	return err
}
