package desk

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/postgres"
)

// mergedInto opens the cases that were merged into this one, and those merged
// into them before it was their turn to be merged.
func (d *Desk) mergedInto(ctx context.Context, tx pgx.Tx, f *file) ([]*file, error) {
	ids, err := postgres.MergedInto(ctx, tx, f.inc.ID)
	if err != nil {
		return nil, err
	}
	var merged []*file
	for _, id := range ids {
		one, err := d.open(ctx, tx, incident.Clock(), id)
		if err != nil {
			return nil, err
		}
		under, err := d.mergedInto(ctx, tx, one)
		if err != nil {
			return nil, err
		}
		merged = append(append(merged, one), under...)
	}
	return merged, nil
}

// pass hands the result of a closed case on to those merged into it: who
// reported one of them hears what came of it.
func (d *Desk) pass(ctx context.Context, tx pgx.Tx, f *file, merged []*file) error {
	if len(merged) == 0 {
		return nil
	}
	whole, err := postgres.ReadCaseFile(ctx, tx, f.inc.ID)
	if err != nil {
		return err
	}
	text := f.done.Reason // of a forced end
	if n := len(whole.Feedbacks); n > 0 {
		text = whole.Feedbacks[n-1].Text
	}
	closed := f.inc
	for _, one := range merged {
		one.with.Parent = &closed
		if *one.inc.MergedInto != closed.ID { // merged into one that was itself merged
			direct := closed
			direct.ID = *one.inc.MergedInto
			one.with.Parent = &direct
		}
		next, done, err := one.inc.Apply(incident.Inherit, incident.Deed{Text: text}, one.by, one.with, f.now)
		if err != nil {
			return err
		}
		one.inc, one.done = next, done
		if err := postgres.UpdateIncident(ctx, tx, one.inc); err != nil {
			return err
		}
		if _, err := d.record(ctx, tx, one); err != nil {
			return err
		}
	}
	return nil
}
