package postgres_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gridward/gridward/server/metric"
	"github.com/gridward/gridward/server/pgtest"
)

// bits says a second time, from a case itself, what it counts for.
func bits(c pgtest.Case) metric.Tally {
	var b metric.Tally
	set := func(bit metric.Tally, on bool) {
		if on {
			b |= bit
		}
	}
	within := func(at, limit *time.Time) bool { return at != nil && limit != nil && !at.After(*limit) }
	tier := int16(0)
	if c.Tier != nil {
		tier = *c.Tier
	}
	grade := int16(0)
	if c.Satisfaction != nil {
		grade = *c.Satisfaction
	}
	set(metric.Counted, !c.Drill && c.Kind != "info" && c.State != "void")
	set(metric.Filed, c.AcceptedAt != nil || c.SelfHandled)
	set(metric.FiledTimed, c.AcceptedAt != nil && c.AcceptDue != nil)
	set(metric.FiledOnTime, within(c.AcceptedAt, c.AcceptDue))
	set(metric.NotAdmitted, c.State == "rejected")
	set(metric.Joined, c.State == "merged")
	set(metric.Sent, c.DispatchedAt != nil)
	set(metric.SentBack, c.ReturnCount > 0)
	set(metric.SelfHandled, c.SelfHandled && tier == 1)
	set(metric.Handled, c.FedBackAt != nil)
	set(metric.HandledOnTime, within(c.FedBackAt, c.HandleDue))
	set(metric.Deferred, c.State == "suspended")
	set(metric.Done, c.ClosedAt != nil)
	set(metric.DoneOnTime, within(c.ClosedAt, c.CaseDue))
	set(metric.DoneLate, c.ClosedAt != nil && c.CaseDue != nil && c.ClosedAt.After(*c.CaseDue))
	set(metric.Checked, c.CheckedAt != nil)
	set(metric.Reworked, c.ReworkCount > 0)
	set(metric.Forced, c.CloseReason == "forced")
	set(metric.TierOne, tier == 1)
	set(metric.TierTwo, tier == 2)
	set(metric.Rated, grade > 0)
	set(metric.VerySatisfied, grade == 5)
	set(metric.Satisfied, grade == 4)
	set(metric.JustSatisfied, grade == 3)
	set(metric.Dissatisfied, grade == 1 || grade == 2)
	set(metric.Extended, c.DelayCount > 0)
	set(metric.Supervised, c.Supervise != "")
	set(metric.AcceptKnown, c.AcceptMin != nil)
	set(metric.HandleKnown, c.HandleMin != nil)
	set(metric.SetRight, c.SetRight)
	return b
}

func TestTheSchemaKnowsWhatACaseCountsFor(t *testing.T) {
	t.Parallel()
	w := newTown(t, 400)
	for _, c := range w.cases {
		var tally int32
		if err := w.db.Pool.QueryRow(t.Context(), `SELECT tally FROM incident WHERE id = $1`, c.ID).Scan(&tally); err != nil {
			t.Fatal(err)
		}
		if metric.Tally(tally) != bits(c) {
			t.Errorf("%+v counts for %b, want %b", c, tally, bits(c))
		}
	}
}

// Who handles a case, and until when, follows the lead order that stands,
// whoever writes it; so does the limit to which a case was accepted.
func TestACaseKnowsItsHandler(t *testing.T) {
	t.Parallel()
	w := newTown(t, 4)
	ctx := t.Context()
	var id uuid.UUID
	exec := func(sql string, args ...any) {
		t.Helper()
		if _, err := w.db.Pool.Exec(ctx, sql, args...); err != nil {
			t.Fatal(err)
		}
	}
	due := w.now.Add(72 * time.Hour).UTC()
	id = w.cases[0].ID
	exec(`UPDATE incident SET handler_org = NULL, handle_due = NULL, accepted_at = NULL, accept_due = NULL, stage_due = $2 WHERE id = $1`, id, due)
	exec(`UPDATE incident SET accepted_at = $2, stage_due = NULL WHERE id = $1`, id, w.now)
	order := func(seq int, mode, state string, org int64, due time.Time) uuid.UUID {
		o := uuid.New()
		exec(`INSERT INTO dispatch_order (id, region_id, incident_id, seq, mode, org_id, state, issued_at, handle_due) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, o, w.org["明湖街道"], id, seq, mode, org, state, w.now, due)
		return o
	}
	is := func(what string, org int64, until time.Time) {
		t.Helper()
		var handler *int64
		var handle, accept *time.Time
		if err := w.db.Pool.QueryRow(ctx, `SELECT handler_org, handle_due, accept_due FROM incident WHERE id = $1`, id).Scan(&handler, &handle, &accept); err != nil {
			t.Fatal(err)
		}
		if handler == nil || *handler != org || !handle.Equal(until) || !accept.Equal(due) {
			t.Errorf("%s: %v until %v, accepted until %v", what, handler, handle, accept)
		}
	}
	first := order(1, "lead", "pending", w.org["执法队"], due)
	is("the lead", w.org["执法队"], due)
	order(2, "assist", "pending", w.org["应急办"], due.Add(time.Hour))
	is("an assistant changes nothing", w.org["执法队"], due)
	exec(`UPDATE dispatch_order SET handle_due = $2 WHERE id = $1`, first, due.Add(24*time.Hour))
	is("an extension", w.org["执法队"], due.Add(24*time.Hour))
	exec(`UPDATE dispatch_order SET state = 'returned' WHERE id = $1`, first)
	order(3, "lead", "pending", w.org["执法一中队"], due)
	is("another lead after a return", w.org["执法一中队"], due)
	exec(`UPDATE dispatch_order SET handle_due = $2 WHERE id = $1`, first, due.Add(48*time.Hour))
	is("an order that is over changes nothing", w.org["执法一中队"], due)
}
