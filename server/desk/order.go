package desk

import (
	"context"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb/geo"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/dispatch"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/postgres"
)

// addressee finds whom a target means; it must stand within the actor's reach.
func (d *Desk) addressee(ctx context.Context, tx pgx.Tx, f *file, to incident.Target) (postgres.Addressee, error) {
	a, err := postgres.AddresseeOf(ctx, tx, to.Org, to.Worker)
	if err != nil {
		return a, err
	}
	if !f.by.May(access.Dispatch, a.Path) && !f.by.May(access.Check, a.Path) {
		return a, fault.New(fault.Invalid, "只能派遣给您管辖范围内的单位和人员")
	}
	if a.Region != f.inc.Region {
		return a, fault.New(fault.Invalid, "只能派遣给本街道的单位和人员")
	}
	return a, nil
}

// giveOrders gives the lead order, the assisting ones and those for information.
func (d *Desk) giveOrders(ctx context.Context, tx pgx.Tx, f *file, deed incident.Deed) error {
	type given struct {
		mode string
		to   []incident.Target
	}
	batches := []given{{dispatch.Assist, deed.Assist}}
	if f.done.Action != incident.AddAssist {
		batches = []given{{dispatch.Lead, []incident.Target{*deed.Lead}}, {dispatch.Assist, deed.Assist}, {dispatch.Inform, deed.Inform}}
	}
	for _, b := range batches {
		for _, to := range b.to {
			if err := d.give(ctx, tx, f, b.mode, to, deed); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *Desk) give(ctx context.Context, tx pgx.Tx, f *file, mode string, to incident.Target, deed incident.Deed) error {
	a, err := d.addressee(ctx, tx, f, to)
	if err != nil {
		return err
	}
	id, err := newID()
	if err != nil {
		return err
	}
	o := dispatch.Order{ID: id, Region: f.inc.Region, Incident: f.inc.ID, Mode: mode, Org: a.Org, OrgPath: a.Path, OrgName: a.OrgName, Worker: a.Worker, WorkerName: a.WorkerName,
		State: dispatch.Pending, Requirement: deed.Requirement, IssuedBy: f.who(), IssuedName: f.by.Name, IssuedAt: f.now}
	if mode == dispatch.Inform {
		o.State = dispatch.Informed
	}
	if mode == dispatch.Lead && deed.Ranking != nil {
		if err := shownFor(ctx, tx, *deed.Ranking, f.inc.ID); err != nil {
			return err
		}
		o.Ranking = deed.Ranking
	}
	if err := postgres.InsertOrder(ctx, tx, &o); err != nil {
		return err
	}
	f.orders = append(f.orders, o)
	if mode == dispatch.Lead {
		f.inc.LeadOrder, f.inc.OwnerOrg, f.inc.OwnerWorker = &o.ID, &o.Org, o.Worker
		f.done.Order, f.done.OrderState, f.done.OrgName, f.done.WorkerName = &o.ID, string(o.State), a.OrgName, a.WorkerName
	}
	if access.Covers(a.Path, f.inc.OrgPath) {
		return nil // sees its own ground anyway
	}
	return postgres.AddParty(ctx, tx, f.inc.ID, a.Org, mode)
}

// dropOrders ends what is open when the case ends or goes elsewhere.
func (d *Desk) dropOrders(ctx context.Context, tx pgx.Tx, f *file, deed incident.Deed) error {
	for i, o := range f.orders {
		if !o.State.Open() {
			continue
		}
		next, err := o.Follow(dispatch.Drop, incident.Deed{Code: string(f.done.Action), Reason: deed.Reason}, f.now)
		if err != nil {
			return err
		}
		if err := postgres.UpdateOrder(ctx, tx, next); err != nil {
			return err
		}
		f.orders[i] = next
	}
	f.inc.LeadOrder = nil
	if f.facts.Verification != nil {
		if err := postgres.FinishVerification(ctx, tx, *f.facts.Verification, "dropped", "", "", f.now, f.who(), f.by.Name, nil, nil); err != nil {
			return err
		}
	}
	if f.before.State == incident.Suspended {
		if err := postgres.EndSuspension(ctx, tx, f.inc.ID, f.now); err != nil {
			return err
		}
	}
	return postgres.DropParties(ctx, tx, f.inc.ID)
}

// dueOrders writes on the lead order until when it is to be signed and handled.
func (d *Desk) dueOrders(ctx context.Context, tx pgx.Tx, f *file) error {
	sign, handle := orderDues(&f.inc)
	for i := range f.orders {
		o := &f.orders[i]
		if o.Mode == dispatch.Inform || !o.State.Open() || o.State == dispatch.FedBack {
			continue
		}
		o.HandleDue = handle
		if sign != nil {
			o.SignDue = sign
		}
		if err := postgres.UpdateOrder(ctx, tx, *o); err != nil {
			return err
		}
	}
	return nil
}

// ActOnOrder moves an order; when it is the lead order its case follows in the
// same transaction. version 0 asks for no particular one: the order's own state
// is the guard, so that a phone may send what it did without a network. A
// feedback sent again with the same client_id changes nothing.
func (d *Desk) ActOnOrder(ctx context.Context, by access.Principal, id uuid.UUID, version int32, do incident.Action, deed incident.Deed) (out dispatch.Order, err error) {
	first, err := postgres.OrderByID(ctx, d.db.Pool, id)
	if err != nil {
		return out, err
	}
	var region int64
	err = d.db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		f, err := d.open(ctx, tx, by, first.Incident)
		if fault.Is(err, fault.Missing) {
			return fault.New(fault.Missing, "没有这个任务，或者不在您的管辖范围")
		}
		if err != nil {
			return err
		}
		at := slices.IndexFunc(f.orders, func(o dispatch.Order) bool { return o.ID == id })
		if at < 0 {
			return fault.New(fault.Missing, "没有这个任务，或者不在您的管辖范围")
		}
		if do == incident.Feedback && deed.ClientID != "" {
			if known, err := postgres.FeedbackKnown(ctx, tx, f.inc.ID, deed.ClientID); err != nil || known {
				out = f.orders[at]
				return err
			}
		}
		if said(f.orders[at], do, by) {
			out = f.orders[at]
			return nil
		}
		if version != 0 && version != f.orders[at].Version {
			return stale(ctx, tx, f.inc)
		}
		if err := d.prepare(ctx, tx, f, do, &deed); err != nil {
			return err
		}
		if err := d.moveOrder(ctx, tx, f, at, do, deed); err != nil {
			return err
		}
		if _, err := d.conclude(ctx, tx, f); err != nil {
			return err
		}
		region = f.inc.Region
		out, err = postgres.OrderByID(ctx, tx, id)
		return err
	})
	if err != nil {
		return dispatch.Order{}, err
	}
	if region != 0 {
		d.ring(region)
	}
	return out, nil
}

// said reports whether the same person has signed, or arrived, before: a phone
// may say so twice. A colleague who does is told that somebody was faster.
func said(o dispatch.Order, do incident.Action, by access.Principal) bool {
	same := o.SignedBy != nil && *o.SignedBy == by.Account
	return o.State == dispatch.Handling && o.For().Is(by) && same && (do == incident.Sign || do == incident.Arrive && o.ArrivedAt != nil)
}

// moveOrder decides on the order and, when it is the lead order, on the case.
func (d *Desk) moveOrder(ctx context.Context, tx pgx.Tx, f *file, at int, do incident.Action, deed incident.Deed) error {
	o := f.orders[at]
	next, err := o.Apply(do, deed, f.by, f.inc.OrgPath, f.now)
	if err != nil {
		return err
	}
	if o.Mode == dispatch.Lead {
		if f.inc, f.done, err = f.inc.Apply(do, deed, f.by, f.with, f.now); err != nil {
			return err
		}
	} else {
		if do == incident.Feedback {
			if err := deed.CheckFeedback(); err != nil {
				return err
			}
		}
		if f.inc, f.done, err = f.inc.Assisted(do, deed, f.by, f.now); err != nil {
			return err
		}
	}
	if do == incident.Arrive && f.inc.Point != nil {
		m := geo.Distance(*deed.Point, *f.inc.Point)
		short := float32(m)
		next.ArrivedM, f.done.Distance = &short, &m
	}
	f.done.Order, f.done.OrderState, f.done.OrgName, f.done.WorkerName = &o.ID, string(next.State), o.OrgName, o.WorkerName
	if err := postgres.UpdateOrder(ctx, tx, next); err != nil {
		return err
	}
	f.orders[at] = next
	switch do {
	case incident.Feedback:
		if err := d.feedback(ctx, tx, f, next, deed, deed.Result); err != nil {
			return err
		}
	case incident.Reassign:
		if err := d.give(ctx, tx, f, o.Mode, *deed.Lead, deed); err != nil {
			return err
		}
		return postgres.DropParties(ctx, tx, f.inc.ID)
	case incident.Return, incident.Refuse, incident.Recall, incident.Waive:
		if o.Mode == dispatch.Lead {
			return d.dropAssists(ctx, tx, f, deed)
		}
		return postgres.DropParties(ctx, tx, f.inc.ID)
	}
	return nil
}

// dropAssists ends the assisting orders whose lead is gone.
func (d *Desk) dropAssists(ctx context.Context, tx pgx.Tx, f *file, deed incident.Deed) error {
	lead := f.inc.LeadOrder
	err := d.dropOrders(ctx, tx, f, deed)
	f.inc.LeadOrder = lead
	return err
}

// shownFor refuses a ranking that was not shown for the case.
func shownFor(ctx context.Context, tx pgx.Tx, ranking, id uuid.UUID) error {
	of, _, err := postgres.Ranking(ctx, tx, ranking)
	if err != nil && !fault.Is(err, fault.Missing) {
		return err
	}
	if err != nil || of != id {
		return fault.New(fault.Invalid, "候选名单不是为这个事件查询的，请重新查询候选人").At("ranking")
	}
	return nil
}
