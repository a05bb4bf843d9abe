package desk

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/incident"
)

// setClocks brings the two clocks of a case in step with a transition: inc is
// in its new state and not yet written, from is the state it left ("" for a
// new report). It fills the incident's Stage…, Case…, Provisional and Paused;
// call it before writing the incident, inside the transaction that holds its
// row. It ends the clock of the stage that is left (met or missed), starts
// that of the new one, starts the case's clock anew on a report, another tier
// or a dispatch, stands both still while the case is suspended, and ends both
// when it is over.
func (d *Desk) setClocks(ctx context.Context, tx pgx.Tx, inc *incident.Incident, from incident.State, now time.Time) error {
	return nil
}

// extendClock grants the running stage and the case more working days (延期)
// and returns the stage's due instant before and after; both are nil when no
// clock runs. It fills the incident's instants.
func (d *Desk) extendClock(ctx context.Context, tx pgx.Tx, inc *incident.Incident, days int, now time.Time) (before, after *time.Time, err error) {
	return inc.StageDue, inc.StageDue, nil
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
