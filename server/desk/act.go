package desk

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/geo"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/deadline"
	"github.com/gridward/gridward/server/dispatch"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/journal"
	"github.com/gridward/gridward/server/postgres"
)

// checkShare is the share of self-handled cases that are checked all the same.
const checkShare = 0.2

// file is a case on the desk: its row, locked, and what hangs on it.
type file struct {
	before incident.Incident
	inc    incident.Incident
	orders []dispatch.Order
	facts  postgres.CaseFacts
	with   incident.Facts
	guests []string // paths of the organisations that see it besides its ground's own
	done   incident.Done
	by     access.Principal
	now    time.Time
}

// open locks a case and reads what hangs on it. A case that by may not see is missing.
func (d *Desk) open(ctx context.Context, tx pgx.Tx, by access.Principal, id uuid.UUID) (*file, error) {
	inc, err := postgres.LockIncident(ctx, tx, id)
	if err != nil {
		return nil, err
	}
	if by.Account != 0 {
		ok, err := postgres.IncidentVisible(ctx, tx, id, postgres.Viewer{Scope: by.Scope(access.SeeMap), Account: by.Account, Worker: by.Worker})
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, fault.New(fault.Missing, "没有这个事件，或者不在您的管辖范围")
		}
	}
	f := &file{before: inc, inc: inc, by: by, now: d.clock().UTC().Truncate(time.Microsecond)}
	if f.orders, err = postgres.OrdersOf(ctx, tx, id); err != nil {
		return nil, err
	}
	if f.facts, err = postgres.ReadCaseFacts(ctx, tx, id); err != nil {
		return nil, err
	}
	f.with = FactsOf(f.orders, f.facts)
	if f.guests, err = postgres.PartyPaths(ctx, tx, id); err != nil {
		return nil, err
	}
	return f, nil
}

// FactsOf puts together what a decision needs to know beside the case's row.
func FactsOf(orders []dispatch.Order, known postgres.CaseFacts) incident.Facts {
	with := incident.Facts{Feedbacks: known.Feedbacks, AfterPhotos: known.AfterPhotos, PhotoAfter: known.PhotoAfter, Handlers: known.Handlers, CheckShare: checkShare}
	for _, o := range orders {
		if !o.State.Open() {
			continue
		}
		to := o.For()
		switch o.Mode {
		case dispatch.Lead:
			with.Lead = &to
		case dispatch.Assist:
			with.Assists = append(with.Assists, to)
			if o.State != dispatch.FedBack {
				with.OpenAssists++
			}
		}
	}
	if known.Verification != nil && (known.CheckOrg != 0 || known.CheckWorker != 0) {
		with.Checker = &incident.Assignee{Org: known.CheckOrg, Path: known.CheckPath, Worker: known.CheckWorker}
	}
	return with
}

// stale says what happened to a case since the caller looked at it.
func stale(ctx context.Context, tx pgx.Tx, inc incident.Incident) error {
	done, at, ok, err := postgres.LastDone(ctx, tx, inc.Region, inc.ID)
	if err != nil {
		return err
	}
	f := fault.New(fault.Conflict, "事件已有新的变化，现在是「%s」，请刷新后再操作", inc.State.Name())
	if ok {
		f = fault.New(fault.Conflict, "%s已于 %s%s，事件现在是「%s」，请刷新后再操作", done.ByName, at.In(incident.BusinessZone()).Format("15:04:05"), done.Action.Name(), inc.State.Name())
	}
	f.Fields = map[string]string{"version": fmt.Sprint(inc.Version)}
	return f
}

// Act carries out an action on a case. version is the one that the caller
// looked at: when the case has moved on since, the answer is a conflict that
// says what happened, and nothing is changed. Reopening answers with the new case.
func (d *Desk) Act(ctx context.Context, by access.Principal, id uuid.UUID, version int32, do incident.Action, deed incident.Deed) (out incident.Incident, err error) {
	var rings []int64
	err = d.db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		f, err := d.open(ctx, tx, by, id)
		if err != nil {
			return err
		}
		if version != f.inc.Version {
			return stale(ctx, tx, f.inc)
		}
		out, err = d.carryOut(ctx, tx, f, do, deed)
		rings = append(rings, f.inc.Region)
		return err
	})
	if err != nil {
		return incident.Incident{}, err
	}
	for _, region := range rings {
		d.ring(region)
	}
	return out, nil
}

// carryOut decides, writes what follows, sets the clocks and records the deed.
func (d *Desk) carryOut(ctx context.Context, tx pgx.Tx, f *file, do incident.Action, deed incident.Deed) (incident.Incident, error) {
	deed.Draw = rand.Float64()
	if err := d.prepare(ctx, tx, f, do, &deed); err != nil {
		return f.inc, err
	}
	next, done, err := f.inc.Apply(do, deed, f.by, f.with, f.now)
	if err != nil {
		return f.inc, err
	}
	if do == incident.Reopen {
		return d.reopen(ctx, tx, f, done)
	}
	f.inc, f.done = next, done
	if err := d.follow(ctx, tx, f, do, deed); err != nil {
		return f.inc, err
	}
	return d.conclude(ctx, tx, f)
}

// conclude sets the clocks, writes the case and records the deed: the last part of every command.
func (d *Desk) conclude(ctx context.Context, tx pgx.Tx, f *file) (incident.Incident, error) {
	if err := d.setClocks(ctx, tx, &f.inc, f.before, f.now); err != nil {
		return f.inc, err
	}
	if err := d.dueOrders(ctx, tx, f); err != nil {
		return f.inc, err
	}
	if err := d.setAlarms(ctx, tx, f); err != nil {
		return f.inc, err
	}
	if err := postgres.UpdateIncident(ctx, tx, f.inc); err != nil {
		return f.inc, err
	}
	if f.inc.State != incident.Closed || f.before.State == incident.Closed {
		return d.record(ctx, tx, f)
	}
	merged, err := d.mergedInto(ctx, tx, f) // their rows are locked before the region's
	if err != nil {
		return f.inc, err
	}
	shown, err := d.record(ctx, tx, f)
	if err != nil {
		return f.inc, err
	}
	return shown, d.pass(ctx, tx, f, merged)
}

// record reads the case back as everybody will see it and writes the journal.
func (d *Desk) record(ctx context.Context, tx pgx.Tx, f *file) (incident.Incident, error) {
	shown, err := postgres.IncidentByID(ctx, tx, f.inc.ID)
	if err != nil {
		return f.inc, err
	}
	guests, err := postgres.PartyPaths(ctx, tx, f.inc.ID)
	if err != nil {
		return f.inc, err
	}
	for _, p := range f.guests { // who has just lost sight of it is told so
		if !slices.Contains(guests, p) {
			guests = append(guests, p)
		}
	}
	e, err := journal.About(kinds[f.done.Action], shown.ID.String(), shown.OrgPath, f.by.Account, incident.Record{Incident: shown, Deed: &f.done})
	if err != nil {
		return f.inc, err
	}
	e.Parties = guests
	_, err = postgres.AppendJournal(ctx, tx, shown.Region, e)
	return shown, err
}

// kinds names the journal entry of each action.
var kinds = map[incident.Action]string{
	incident.RequestVerify: "incident.verify_requested", incident.VerifyResult: "incident.verified", incident.Accept: "incident.accepted", incident.Reject: "incident.rejected",
	incident.Appeal: "incident.appealed", incident.Merge: "incident.merged", incident.Inherit: "incident.inherited", incident.SelfHandle: "incident.self_handled", incident.Dispatch: "incident.dispatched",
	incident.ReportUp: "incident.reported_up", incident.PushDown: "incident.pushed_down", incident.Sign: "incident.signed", incident.Return: "incident.returned",
	incident.Refuse: "incident.refused", incident.Recall: "incident.recalled", incident.Reassign: "incident.reassigned", incident.AddAssist: "incident.assisted",
	incident.Waive: "incident.waived", incident.Arrive: "incident.arrived", incident.RequestDelay: "incident.delay_requested", incident.DecideDelay: "incident.delay_decided",
	incident.RequestSuspend: "incident.suspend_requested", incident.DecideSuspend: "incident.suspend_decided", incident.Suspend: "incident.suspended", incident.Resume: "incident.resumed",
	incident.Feedback: "incident.fed_back", incident.AssignCheck: "incident.check_assigned", incident.CheckPass: "incident.checked", incident.CheckFail: "incident.reworked",
	incident.Evaluate: "incident.evaluated", incident.ForceClose: "incident.force_closed", incident.Archive: "incident.archived", incident.Reopen: "incident.reopened",
	incident.Annul: "incident.voided", incident.Urge: "incident.urged", incident.Supervise: "incident.supervised", incident.ReplySupervison: "incident.supervision_replied",
	incident.Set: "incident.changed",
}

// prepare does what must be known or stored before the decision: photos are
// claimed, so that they count as evidence; the parent of a merge is read.
func (d *Desk) prepare(ctx context.Context, tx pgx.Tx, f *file, do incident.Action, deed *incident.Deed) error {
	if err := d.claim(ctx, tx, f, deed.Photos); err != nil {
		return err
	}
	if deed.Point != nil && f.inc.Point != nil {
		m := geo.Distance(*deed.Point, *f.inc.Point)
		f.with.Distance = &m
	}
	switch do {
	case incident.Return, incident.RequestDelay:
		return d.leeway(ctx, tx, f)
	case incident.Merge:
		if deed.Into != nil && *deed.Into != f.inc.ID {
			parent, err := postgres.ShareIncident(ctx, tx, *deed.Into) // it may be closing this moment
			if err != nil {
				return err
			}
			if !f.by.May(access.Triage, parent.OrgPath) {
				return fault.New(fault.Missing, "没有这个事件，或者不在您的管辖范围")
			}
			f.with.Parent = &parent
		}
	case incident.Accept, incident.Set:
		row, err := postgres.CategoryOf(ctx, tx, deed.Category)
		if err != nil {
			return err
		}
		if !row.Known {
			return fault.New(fault.Invalid, "没有这个事件类别").At("category")
		}
		if row.Sensitive && deed.Sensitivity == "" {
			deed.Sensitivity = "high"
		}
	}
	return nil
}

// claim gives uploaded photos to the case.
func (d *Desk) claim(ctx context.Context, tx pgx.Tx, f *file, photos []uuid.UUID) error {
	if len(photos) == 0 {
		return nil
	}
	n, err := postgres.ClaimAttachments(ctx, tx, f.inc.ID, photos, f.by.Account, f.inc.Region)
	if err != nil {
		return err
	}
	if n != int64(len(photos)) {
		return fault.New(fault.Invalid, "有照片没有上传成功，请重新上传").At("photos")
	}
	facts, err := postgres.ReadCaseFacts(ctx, tx, f.inc.ID)
	f.with.AfterPhotos = facts.AfterPhotos
	return err
}

// who is the actor's account for a row, or nil for the program itself.
func (f *file) who() *int64 {
	if f.by.Account == 0 {
		return nil
	}
	account := f.by.Account
	return &account
}

// follow writes what a decision brings with it.
func (d *Desk) follow(ctx context.Context, tx pgx.Tx, f *file, do incident.Action, deed incident.Deed) error {
	switch do {
	case incident.RequestVerify, incident.AssignCheck:
		return d.askToLook(ctx, tx, f, do, deed)
	case incident.VerifyResult, incident.CheckPass, incident.CheckFail:
		return d.looked(ctx, tx, f, do, deed)
	case incident.SelfHandle:
		return d.selfHandled(ctx, tx, f, deed)
	case incident.Dispatch, incident.AddAssist:
		return d.giveOrders(ctx, tx, f, deed)
	case incident.ReportUp, incident.Merge, incident.ForceClose, incident.Annul:
		return d.dropOrders(ctx, tx, f, deed)
	case incident.RequestDelay:
		id, err := newID()
		if err != nil {
			return err
		}
		return postgres.InsertDelay(ctx, tx, id, f.inc.ID, f.who(), f.by.Name, f.now, f.done.Reason, deed.Days, f.inc.StageDue)
	case incident.DecideDelay:
		return d.delayed(ctx, tx, f, deed)
	case incident.RequestSuspend, incident.Suspend:
		id, err := newID()
		if err != nil {
			return err
		}
		state := "asked"
		if do == incident.Suspend {
			state = "approved"
			if err := postgres.DecideSuspension(ctx, tx, f.inc.ID, "refused", f.who(), f.by.Name, f.now, "指挥长直接挂账"); err != nil {
				return err
			}
		}
		return postgres.InsertSuspension(ctx, tx, id, f.inc.ID, f.who(), f.by.Name, f.now, f.done.Reason, *f.inc.ReviewAt, state)
	case incident.DecideSuspend:
		return postgres.DecideSuspension(ctx, tx, f.inc.ID, f.done.Result, f.who(), f.by.Name, f.now, f.done.Note)
	case incident.Resume:
		return postgres.EndSuspension(ctx, tx, f.inc.ID, f.now)
	case incident.Evaluate:
		return d.rated(ctx, tx, f, deed)
	case incident.Urge, incident.Supervise:
		id, err := newID()
		if err != nil {
			return err
		}
		s := postgres.Supervision{ID: id, Order: f.inc.LeadOrder, Kind: "urge", By: f.who(), ByName: f.by.Name, At: f.now, Requirement: f.done.Note, ReplyDue: deed.Due}
		if do == incident.Supervise {
			s.Kind, s.Level = "supervise", deed.Level
		}
		return postgres.InsertSupervision(ctx, tx, f.inc.ID, s)
	case incident.ReplySupervison:
		return postgres.ReplySupervision(ctx, tx, f.inc.ID, deed.Supervision, f.done.Note, f.now, f.who(), f.by.Name)
	}
	return nil
}

func newID() (uuid.UUID, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return id, fmt.Errorf("make an id: %w", err)
	}
	return id, nil
}

// askToLook sends somebody to verify or to check; without a name it is the room itself.
func (d *Desk) askToLook(ctx context.Context, tx pgx.Tx, f *file, do incident.Action, deed incident.Deed) error {
	id, err := newID()
	if err != nil {
		return err
	}
	v := postgres.Verification{ID: id, Incident: f.inc.ID, Kind: "verify", AskedBy: f.who(), AskedName: f.by.Name, AskedAt: f.now}
	if do == incident.AssignCheck {
		v.Kind = "check"
	}
	if f.facts.Verification != nil { // an older one that nobody answered
		if err := postgres.FinishVerification(ctx, tx, *f.facts.Verification, "dropped", "", "", f.now, f.who(), f.by.Name, nil, nil); err != nil {
			return err
		}
	}
	if deed.Worker != 0 || deed.Org != 0 {
		to, err := d.addressee(ctx, tx, f, incident.Target{Org: deed.Org, Worker: deed.Worker})
		if err != nil {
			return err
		}
		if v.Kind == "check" {
			for _, o := range f.orders {
				if o.State.Open() && o.Worker != nil && to.Worker != nil && *o.Worker == *to.Worker {
					return fault.New(fault.Conflict, "处置人不能核查自己处置的事件，请选择别人")
				}
			}
		}
		v.Org, v.Worker = &to.Org, to.Worker
		f.done.OrgName, f.done.WorkerName = to.OrgName, to.WorkerName
	}
	return postgres.InsertVerification(ctx, tx, v)
}

// looked records what was found and moves the orders with the case.
func (d *Desk) looked(ctx context.Context, tx pgx.Tx, f *file, do incident.Action, deed incident.Deed) error {
	result, text := f.done.Result, f.done.Note
	switch do {
	case incident.CheckPass:
		result = "pass"
	case incident.CheckFail:
		result, text = "fail", f.done.Reason
	}
	if f.facts.Verification != nil {
		if err := postgres.FinishVerification(ctx, tx, *f.facts.Verification, "done", result, text, f.now, f.who(), f.by.Name, deed.Point, f.with.Distance); err != nil {
			return err
		}
	}
	move := dispatch.Finish
	switch do {
	case incident.VerifyResult:
		return nil
	case incident.CheckFail:
		move = dispatch.Rework
	}
	for i, o := range f.orders {
		if o.State != dispatch.FedBack || move == dispatch.Rework && o.Mode != dispatch.Lead {
			continue
		}
		next, err := o.Follow(move, deed, f.now)
		if err != nil {
			return err
		}
		if err := postgres.UpdateOrder(ctx, tx, next); err != nil {
			return err
		}
		f.orders[i] = next
		if o.Mode == dispatch.Lead && move == dispatch.Rework {
			f.inc.OwnerOrg, f.inc.OwnerWorker = &next.Org, next.Worker
			f.done.Order, f.done.OrderState, f.done.OrgName, f.done.WorkerName = &next.ID, string(next.State), next.OrgName, next.WorkerName
		}
	}
	return nil
}

// selfHandled gives the leader the order that is already fed back, so that a
// check that fails has somebody to go back to.
func (d *Desk) selfHandled(ctx context.Context, tx pgx.Tx, f *file, deed incident.Deed) error {
	orderID, err := newID()
	if err != nil {
		return err
	}
	o := dispatch.Order{
		ID: orderID, Region: f.inc.Region, Incident: f.inc.ID, Mode: dispatch.Lead, Org: f.inc.Org, State: dispatch.FedBack, IssuedBy: f.who(), IssuedName: f.by.Name, IssuedAt: f.now,
		SignedAt: &f.now, SignedBy: f.who(), SignedName: f.by.Name, FedBackAt: &f.now, Requirement: "自行处置",
	}
	if f.by.Worker != 0 {
		worker := f.by.Worker
		o.Worker = &worker
	}
	if f.inc.State.Over() {
		o.State = dispatch.Done
	}
	if err := postgres.InsertOrder(ctx, tx, &o); err != nil {
		return err
	}
	f.inc.LeadOrder = &o.ID
	return d.feedback(ctx, tx, f, o, deed, "solved")
}

func (d *Desk) feedback(ctx context.Context, tx pgx.Tx, f *file, o dispatch.Order, deed incident.Deed, result string) error {
	id, err := newID()
	if err != nil {
		return err
	}
	row := postgres.FeedbackRow{ID: id, Order: &o.ID, At: f.now, By: f.who(), ByName: f.by.Name, Result: result, Text: deed.Text, Measures: deed.Measures}
	if deed.ClientID != "" {
		row.ClientID = &deed.ClientID
	}
	return postgres.InsertFeedback(ctx, tx, f.inc.ID, row)
}

// delayed answers a request for more time and puts the limits off.
func (d *Desk) delayed(ctx context.Context, tx pgx.Tx, f *file, deed incident.Deed) error {
	days, err := postgres.PendingDelay(ctx, tx, f.inc.ID)
	if err != nil {
		return err
	}
	if deed.Approve {
		if f.done.OldDue, f.done.NewDue, err = d.extendClock(ctx, tx, &f.inc, int(days), f.now); err != nil {
			return err
		}
	}
	return postgres.DecideDelay(ctx, tx, f.inc.ID, f.done.Result, f.who(), f.by.Name, f.now, f.done.Note, f.done.OldDue, f.done.NewDue)
}

// raters says who a rating counts for, by the part in which it was given.
var raters = map[incident.Capacity]string{
	incident.AsReporter: "reporter", incident.AsLeader: "grid", incident.AsStation: "station", incident.AsOperator: "operator", incident.AsCommander: "operator", incident.AsClock: "clock",
}

func (d *Desk) rated(ctx context.Context, tx pgx.Tx, f *file, deed incident.Deed) error {
	id, err := newID()
	if err != nil {
		return err
	}
	e := postgres.Evaluation{ID: id, At: f.now, By: f.who(), ByName: f.by.Name, Rater: raters[f.done.As], Text: f.done.Note}
	if deed.Rater == "resident" && f.done.As != incident.AsClock { // told on the telephone
		e.Rater = "resident"
	}
	some := func(n int16) *int16 {
		if n == 0 {
			return nil
		}
		return &n
	}
	if f.done.As != incident.AsClock {
		e.Grade, e.Speed, e.Effect, e.Attitude = some(deed.Grade), some(deed.Speed), some(deed.Effect), some(deed.Attitude)
	}
	return postgres.InsertEvaluation(ctx, tx, f.inc.ID, e)
}

// setAlarms asks to be woken when a state ends by itself.
func (d *Desk) setAlarms(ctx context.Context, tx pgx.Tx, f *file) error {
	if f.inc.State == f.before.State {
		return nil
	}
	job := deadline.Case{Incident: f.inc.ID, State: string(f.inc.State), Since: f.inc.StateSince}
	switch f.inc.State {
	case incident.Suspended:
		return deadline.InsertAt(ctx, tx, job, *f.inc.ReviewAt)
	case incident.Evaluating:
		at := f.now.AddDate(0, 0, 7)
		if f.inc.StageDue != nil {
			at = *f.inc.StageDue
		}
		return deadline.InsertAt(ctx, tx, job, at)
	case incident.Closed:
		return deadline.InsertAt(ctx, tx, job, f.now.Add(d.archiveAfter))
	}
	return nil
}

// Wake does what a case does by itself when its time has come: a suspended one
// is resumed at its review date, an unrated one closed as rated by default, a
// closed one archived. It does nothing when the case has moved on since the
// alarm was set.
func (d *Desk) Wake(ctx context.Context, id uuid.UUID, state incident.State, since time.Time) error {
	var region int64
	err := d.db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		f, err := d.open(ctx, tx, incident.Clock(), id)
		if err != nil {
			return err
		}
		if f.inc.State != state || !f.inc.StateSince.Equal(since) {
			return nil
		}
		if due := f.inc.StageDue; state == incident.Evaluating && due != nil && f.now.Before(*due) { // a holiday was announced meanwhile
			return deadline.InsertAt(ctx, tx, deadline.Case{Incident: id, State: string(state), Since: since}, *due)
		}
		do := map[incident.State]incident.Action{incident.Suspended: incident.Resume, incident.Evaluating: incident.Evaluate, incident.Closed: incident.Archive}[state]
		if do == "" {
			return nil
		}
		region = f.inc.Region
		if do == incident.Archive {
			return d.archive(ctx, tx, f)
		}
		_, err = d.carryOut(ctx, tx, f, do, incident.Deed{Reason: "到期自动处理"})
		return err
	})
	if err == nil && region != 0 {
		d.ring(region)
	}
	return err
}

// reopen files a new case about a closed one, whose record does not change.
func (d *Desk) reopen(ctx context.Context, tx pgx.Tx, f *file, done incident.Done) (incident.Incident, error) {
	old := f.before
	id, err := newID()
	if err != nil {
		return old, err
	}
	var point *orb.Point
	if old.Point != nil {
		p := *old.Point
		point = &p
	}
	draft := incident.Draft{Kind: old.Kind, Title: old.Title, Category: old.Category, Description: old.Description, Urgency: old.Urgency, Source: old.Source,
		Point: point, Accuracy: old.Accuracy, Address: old.Address, SrcCRS: "wgs84", Drill: old.Drill}
	at := incident.Place{Region: old.Region, Org: old.Org, OrgPath: old.OrgPath, OrgName: old.OrgName, Grid: old.Grid, GridVersion: old.GridVersion, GridName: old.GridName}
	child, err := incident.New(id, draft, f.by, at, f.now)
	if err != nil {
		return old, err
	}
	parent := old.ID
	child.Tier, child.Severity, child.Sensitivity, child.ReopenedFrom, child.Recurrence = old.Tier, old.Severity, old.Sensitivity, &parent, old.Recurrence
	child.ReporterAccount, child.ReporterWorker, child.ReporterName, child.ReporterPhone = old.ReporterAccount, old.ReporterWorker, old.ReporterName, old.ReporterPhone
	if child.Recurrence == nil {
		child.Recurrence = &parent
	}
	if child, err = d.store(ctx, tx, child, nil, f.by, f.now); err != nil {
		return old, err
	}
	done.From, done.To, done.Other = child.State, child.State, &parent
	f.inc, f.before, f.done, f.guests = child, child, done, nil
	return d.record(ctx, tx, f)
}
