package desk

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/deadline"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/postgres"
)

// What the clock does to a whistle.
const (
	lateToRespond = "respond_overdue"
	lateToArrive  = "arrive_overdue"
)

// setWhistleDues sets the jobs that ring the limits of a whistle that calls its departments now.
func setWhistleDues(ctx context.Context, tx pgx.Tx, w incident.Whistle) error {
	var jobs []deadline.Job
	if w.RespondDue != nil {
		jobs = append(jobs, deadline.Job{Args: deadline.Whistle{ID: w.ID, What: postgres.WhistleRespond}, At: *w.RespondDue})
	}
	if w.ArriveDue != nil {
		jobs = append(jobs, deadline.Job{Args: deadline.Whistle{ID: w.ID, What: postgres.WhistleArrive}, At: *w.ArriveDue})
	}
	return deadline.InsertAll(ctx, tx, jobs)
}

// RingCommand says, once, who has not acknowledged a command in time (指令超时
// 未回执): to those who owe it and to whoever is above them. later is not zero
// when this node's clock says that it is too early.
func (d *Desk) RingCommand(ctx context.Context, id uuid.UUID) (later time.Time, err error) {
	var regions []int64
	err = d.db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		later, regions = time.Time{}, nil
		now := d.now()
		c, err := postgres.CommandByID(ctx, tx, id, true)
		if err != nil || !c.NeedAck || c.AckDue == nil || c.Acked >= c.Count {
			return err
		}
		if now.Before(*c.AckDue) {
			later = *c.AckDue
			return nil
		}
		if fresh, err := postgres.RingCommand(ctx, tx, id, now); err != nil || !fresh {
			return err
		}
		regions, err = tell(ctx, tx, c, commandOverdue, 0)
		return err
	})
	if err != nil {
		return later, err
	}
	for _, region := range regions {
		d.ring(region)
	}
	return later, nil
}

// RingWhistle says, once for each limit, which departments have not responded
// to a whistle (吹哨响应超时) or are not on the scene (吹哨到场超时). later is
// not zero when this node's clock says that it is too early.
func (d *Desk) RingWhistle(ctx context.Context, id uuid.UUID, what string) (later time.Time, err error) {
	var rung *incident.Whistle
	err = d.db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		later, rung = time.Time{}, nil
		now := d.now()
		w, err := postgres.WhistleForUpdate(ctx, tx, id)
		if err != nil || w.Over() {
			return err
		}
		due, names := w.Late(what == postgres.WhistleArrive)
		if due == nil || len(names) == 0 {
			return nil
		}
		if now.Before(*due) {
			later = *due
			return nil
		}
		if fresh, err := postgres.RingWhistle(ctx, tx, id, what, now); err != nil || !fresh {
			return err
		}
		action, missing := lateToRespond, "未响应"
		if what == postgres.WhistleArrive {
			action, missing = lateToArrive, "未到场报到"
		}
		note := strings.Join(names, "、") + "至 " + due.In(incident.BusinessZone()).Format("01-02 15:04") + " " + missing
		if w, err = d.recordWhistle(ctx, tx, w, incident.Clock(), w, incident.WhistleDone{Action: action, Note: note}, now); err != nil {
			return err
		}
		rung = &w
		return nil
	})
	if err == nil && rung != nil {
		d.ringWhistle(*rung)
	}
	return later, err
}

// RingLate rings what is late and was not told of, whatever became of its job,
// and says how many.
func (d *Desk) RingLate(ctx context.Context) (int, error) {
	list, err := postgres.Unrung(ctx, d.db.Pool, d.now())
	if err != nil {
		return 0, err
	}
	var errs []error
	for _, late := range list {
		var err error
		if late.What == "" {
			_, err = d.RingCommand(ctx, late.ID)
		} else {
			_, err = d.RingWhistle(ctx, late.ID, late.What)
		}
		if err != nil && !fault.Is(err, fault.Missing) {
			errs = append(errs, err)
		}
	}
	return len(list) - len(errs), errors.Join(errs...)
}
