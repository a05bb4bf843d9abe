package desk

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/journal"
	"github.com/gridward/gridward/server/postgres"
)

// WhistleDraft is what somebody raises (吹哨).
type WhistleDraft struct {
	ClientID string
	Kind     string
	Incident *uuid.UUID
	Point    *orb.Point // WGS-84; of the incident unless told
	Address  string
	Reason   string
	Need     []int64 // departments
	Drill    bool
}

// WhistleDeed is what comes with a step of a whistle.
type WhistleDeed struct {
	Org      int64   // the department; found by the caller's post where it is clear
	Need     []int64 // confirm: the departments to call, if other than asked
	Note     string
	Reply    string
	Result   string
	Grade    int16
	Point    *orb.Point
	Accuracy *float32
	Reason   string
}

// whistlePast names the journal entry of each step.
var whistlePast = map[string]string{
	"raise": "whistle.raised", "confirm": "whistle.confirmed", "refuse": "whistle.refused", "respond": "whistle.responded", "check_in": "whistle.checked_in",
	"work": "whistle.worked", "reply": "whistle.replied", "rate": "whistle.rated", "close": "whistle.closed",
	lateToRespond: "whistle.respond_overdue", lateToArrive: "whistle.arrive_overdue",
}

// Whistle raises a whistle, over an incident or over a place alone. Sent again
// with the same ClientID it answers with the whistle that is there.
func (d *Desk) Whistle(ctx context.Context, by access.Principal, draft WhistleDraft) (w incident.Whistle, created bool, err error) {
	err = d.db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		now := d.now()
		w = incident.Whistle{Kind: draft.Kind, Point: draft.Point, Address: draft.Address, Reason: draft.Reason, Drill: draft.Drill, ClientID: draft.ClientID}
		over, err := d.whistleGround(ctx, tx, by, draft, &w, now)
		if err != nil {
			return err
		}
		if w.ClientID != "" {
			known, err := postgres.WhistleByClient(ctx, tx, w.Region, w.ClientID)
			if err == nil {
				if known.RaisedBy != by.Account {
					return fault.New(fault.Conflict, "这个 client_id 已被其他人使用")
				}
				w = known
				return errKnown
			}
			if !fault.Is(err, fault.Missing) {
				return err
			}
		}
		rule, err := whistleRule(ctx, tx, w.Kind)
		if err != nil {
			return err
		}
		if w.Need, err = called(ctx, tx, w.Region, draft.Need); err != nil {
			return err
		}
		dues, err := d.whistleDues(ctx, tx, w.Region, rule, now)
		if err != nil {
			return err
		}
		if w, err = incident.NewWhistle(w, over, rule, by, dues, now); err != nil {
			return err
		}
		if w.ID, err = uuid.NewV7(); err != nil {
			return fmt.Errorf("make an id: %w", err)
		}
		if w.No, err = postgres.NextWhistleNumber(ctx, tx, w.Region, now.In(incident.BusinessZone())); err != nil {
			return err
		}
		if err := postgres.InsertWhistle(ctx, tx, w); err != nil {
			return err
		}
		w, err = d.recordWhistle(ctx, tx, w, by, incident.Whistle{}, incident.WhistleDone{Action: "raise", Note: w.Reason}, now)
		return err
	})
	if err == errKnown { //nolint:errorlint // our own value, returned as it is
		return w, false, nil
	}
	if postgres.Violates(err, "whistle_client") { // the same whistle came twice at once
		known, err := postgres.WhistleByClient(ctx, d.db.Pool, w.Region, draft.ClientID)
		return known, false, err
	}
	if err != nil {
		return incident.Whistle{}, false, err
	}
	d.ringWhistle(w)
	return w, true, nil
}

// errKnown ends the transaction of a whistle that is there already.
var errKnown = fault.New(fault.Conflict, "已经吹过这声哨")

// whistleGround finds who raises the whistle and where: over an incident of
// one's own ground, whose row it holds from here on, or at a place on it.
func (d *Desk) whistleGround(ctx context.Context, tx pgx.Tx, by access.Principal, draft WhistleDraft, w *incident.Whistle, now time.Time) (*incident.Incident, error) {
	scope := by.Scope(access.Whistle)
	if draft.Incident != nil {
		inc, err := postgres.LockIncident(ctx, tx, *draft.Incident)
		if err != nil {
			return nil, err
		}
		if !access.Within(scope, inc.OrgPath) {
			return nil, fault.New(fault.Missing, "没有这个事件，或者不在您的管辖范围")
		}
		if _, err := postgres.CountWhistle(ctx, tx, inc.ID, 1, now); err != nil { // NewWhistle refuses a case that is over
			return nil, err
		}
		w.Region, w.Org, w.OrgPath, w.OrgName = inc.Region, inc.Org, inc.OrgPath, inc.OrgName
		return &inc, nil
	}
	if draft.Point != nil {
		at, ok, err := postgres.Locate(ctx, tx, *draft.Point)
		if err != nil {
			return nil, err
		}
		if ok {
			if !access.Within(scope, at.OrgPath) {
				return nil, fault.New(fault.Missing, "这个位置不在您的管辖范围")
			}
			w.Region, w.Org, w.OrgPath, w.OrgName = at.Region, at.Org, at.OrgPath, at.OrgName
			return nil, nil
		}
	}
	for _, p := range by.Posts {
		if slices.Contains(access.Powers(p.Role), access.Whistle) {
			w.Region, w.Org, w.OrgPath, w.OrgName = p.Region, p.Org, p.Path, p.Name
			return nil, nil
		}
	}
	return nil, fault.New(fault.Denied, "您没有吹哨的权限")
}

// called are the departments with these ids: of the region, or of a district above it.
func called(ctx context.Context, tx pgx.Tx, region int64, ids []int64) ([]incident.Called, error) {
	room, err := postgres.OrgByID(ctx, tx, region)
	if err != nil {
		return nil, err
	}
	var out []incident.Called
	for _, id := range ids {
		if slices.ContainsFunc(out, func(c incident.Called) bool { return c.Org == id }) {
			continue
		}
		o, err := postgres.OrgByID(ctx, tx, id)
		if fault.Is(err, fault.Missing) {
			return nil, field("need", "有不存在的部门")
		}
		if err != nil {
			return nil, err
		}
		above := ""
		if o.Region != region {
			r, err := postgres.OrgByID(ctx, tx, o.Region)
			if err != nil {
				return nil, err
			}
			above = r.Path
		}
		if o.Kind != "department" && o.Kind != "district_dept" || o.Region != region && !access.Covers(above, room.Path) {
			return nil, field("need", o.Name+"不是可以吹哨的部门")
		}
		out = append(out, incident.Called{Org: id, Path: o.Path, Region: o.Region, Name: o.Name})
	}
	return out, nil
}

func whistleRule(ctx context.Context, tx pgx.Tx, kind string) (incident.WhistleRule, error) {
	rules, err := postgres.WhistleRules(ctx, tx)
	if err != nil {
		return incident.WhistleRule{}, err
	}
	i := slices.IndexFunc(rules, func(r incident.WhistleRule) bool { return r.Kind == kind })
	if i < 0 {
		return incident.WhistleRule{}, field("kind", "没有这种哨")
	}
	return rules[i], nil
}

// whistleDues are the instants by which departments are to respond and to
// stand on the scene, in the working time of the region; zero where it has no
// calendar.
func (d *Desk) whistleDues(ctx context.Context, tx pgx.Tx, region int64, rule incident.WhistleRule, now time.Time) (incident.Dues, error) {
	epoch, on, _, err := postgres.RunningClocks(ctx, tx, uuid.Nil, region, nil) // no case: only whose calendar counts
	if err != nil {
		return incident.Dues{}, err
	}
	terms, err := d.terms.at(ctx, tx, epoch, now)
	if err != nil {
		return incident.Dues{}, err
	}
	calendar := terms.CalendarOf(on.OrgPath, on.OrgKind)
	if calendar == nil {
		return incident.Dues{}, nil
	}
	respond, arrive := calendar.Due(now, rule.Respond, 0), calendar.Due(now, rule.Arrive, 0)
	return incident.Dues{Respond: respond.At.UTC(), Arrive: arrive.At.UTC(), Provisional: respond.Provisional || arrive.Provisional}, nil
}

// ActOnWhistle takes a whistle a step on. version 0 takes it as it stands. A
// step that is done already changes nothing and writes nothing.
func (d *Desk) ActOnWhistle(ctx context.Context, by access.Principal, id uuid.UUID, version int32, action string, deed WhistleDeed) (w incident.Whistle, err error) {
	moved := false
	err = d.db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		now := d.now()
		w, err = postgres.WhistleByID(ctx, tx, id)
		if err != nil {
			return err
		}
		if w.Incident != nil { // an incident's row comes before its whistle's
			if _, err := postgres.LockIncident(ctx, tx, *w.Incident); err != nil {
				return err
			}
		}
		if w, err = postgres.WhistleForUpdate(ctx, tx, id); err != nil {
			return err
		}
		room, err := postgres.OrgByID(ctx, tx, w.Region)
		if err != nil {
			return err
		}
		seen, err := postgres.WhistleSeen(ctx, tx, WhistleScopeOf(by), id)
		if err != nil {
			return err
		}
		if !seen {
			return fault.New(fault.Missing, "没有这个哨单，或者不在您的管辖范围")
		}
		dept := ""
		if deed.Org == 0 {
			deed.Org = ownCalled(w, by, action)
		}
		if i := slices.IndexFunc(w.Need, func(c incident.Called) bool { return c.Org == deed.Org }); i >= 0 {
			dept = w.Need[i].Path
		}
		if err := w.Allowed(action, by, room.Path, dept); err != nil {
			return err
		}
		if version != 0 && version != w.Version {
			return fault.New(fault.Conflict, "哨单刚被他人更新，请刷新后再操作").At("version")
		}
		do := incident.WhistleDo{Action: action, Org: deed.Org, Note: deed.Note, Reply: deed.Reply, Result: deed.Result, Grade: deed.Grade, Reason: deed.Reason}
		if err := d.prepareWhistle(ctx, tx, w, deed, &do, now); err != nil {
			return err
		}
		before := w
		after, changed, err := w.Apply(do, by, now)
		if err != nil || !changed {
			return err
		}
		moved = true
		if action == "check_in" {
			if err := d.checkIn(ctx, tx, after, do, deed, by, now); err != nil {
				return err
			}
		}
		if err := postgres.UpdateWhistle(ctx, tx, after, by.Account); err != nil {
			return err
		}
		w, err = d.recordWhistle(ctx, tx, after, by, before, incident.WhistleDone{Action: action, Org: deed.Org, Note: deed.Note}, now)
		return err
	})
	if err != nil {
		return incident.Whistle{}, err
	}
	if moved {
		d.ringWhistle(w)
	}
	return w, nil
}

// ownCalled is the one department of the whistle that by acts for, or 0.
func ownCalled(w incident.Whistle, by access.Principal, action string) int64 {
	if action == "rate" {
		if len(w.Need) == 1 {
			return w.Need[0].Org
		}
		return 0
	}
	var own int64
	for _, c := range w.Need {
		if by.May(access.Handle, c.Path) {
			if own != 0 {
				return 0
			}
			own = c.Org
		}
	}
	return own
}

// prepareWhistle finds what a step needs beyond the whistle itself.
func (d *Desk) prepareWhistle(ctx context.Context, tx pgx.Tx, w incident.Whistle, deed WhistleDeed, do *incident.WhistleDo, now time.Time) (err error) {
	switch do.Action {
	case "confirm":
		if len(deed.Need) > 0 {
			if do.Need, err = called(ctx, tx, w.Region, deed.Need); err != nil {
				return err
			}
		}
		rule, err := whistleRule(ctx, tx, w.Kind)
		if err != nil {
			return err
		}
		do.Dues, err = d.whistleDues(ctx, tx, w.Region, rule, now)
		return err
	case "check_in":
		if w.Point == nil {
			return nil // the place is words: nobody can measure the way to it
		}
		if deed.Point == nil {
			return field("point", "报到需要您的当前位置")
		}
		m, err := postgres.Metres(ctx, tx, *w.Point, *deed.Point)
		do.DistanceM = &m
		return err
	}
	return nil
}

// checkIn records the person on the scene.
func (d *Desk) checkIn(ctx context.Context, tx pgx.Tx, w incident.Whistle, do incident.WhistleDo, deed WhistleDeed, by access.Principal, now time.Time) error {
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("make an id: %w", err)
	}
	c := postgres.CheckIn{ID: id, Whistle: w.ID, Org: do.Org, By: by.Account, ByName: by.Name, At: now, Point: deed.Point, Accuracy: deed.Accuracy}
	if do.DistanceM != nil {
		m := float32(*do.DistanceM)
		c.DistanceM, c.Outside = &m, *do.DistanceM > float64(w.GeofenceM)
		if c.Outside {
			c.Reason = do.Reason
		}
	}
	return postgres.InsertCheckIn(ctx, tx, c)
}

// recordWhistle keeps what follows from a step that is written: who sees the
// case, how many whistles stand over it, and the journals of every region that
// is concerned, in ascending order. It takes the regions' rows: call it last.
func (d *Desk) recordWhistle(ctx context.Context, tx pgx.Tx, w incident.Whistle, by access.Principal, before incident.Whistle, done incident.WhistleDone, now time.Time) (incident.Whistle, error) {
	over := w.Incident
	if w.Told() && !before.Told() {
		if err := setWhistleDues(ctx, tx, w); err != nil {
			return w, err
		}
	}
	if over != nil && w.Told() && !before.Told() {
		orgs := make([]int64, len(w.Need))
		for i, c := range w.Need {
			orgs[i] = c.Org
		}
		if err := postgres.AddWhistleParties(ctx, tx, *over, orgs); err != nil {
			return w, err
		}
	}
	tell := over != nil && done.Action == "raise"
	if over != nil && w.Over() && !before.Over() {
		var err error
		if tell, err = postgres.CountWhistle(ctx, tx, *over, -1, now); err != nil {
			return w, err
		}
	}
	w, err := postgres.WhistleByID(ctx, tx, w.ID)
	if err != nil {
		return w, err
	}
	done.ByName, done.From, done.To = by.Name, before.State, w.State
	if i := slices.IndexFunc(w.Need, func(c incident.Called) bool { return c.Org == done.Org }); i >= 0 {
		done.OrgName = w.Need[i].Name
	}
	e, err := journal.About(whistlePast[done.Action], w.ID.String(), w.OrgPath, by.Account, incident.WhistleRecord{Whistle: w.Public(), Deed: done})
	if err != nil {
		return w, err
	}
	regions := []int64{w.Region}
	if w.Told() {
		for _, c := range w.Need {
			e.Parties = append(e.Parties, c.Path)
			if !slices.Contains(regions, c.Region) {
				regions = append(regions, c.Region)
			}
		}
	}
	slices.Sort(regions)
	for _, region := range regions {
		if region == w.Region && tell {
			if err := changed(ctx, tx, *over, by, w, done.Action); err != nil {
				return w, err
			}
		}
		if _, err := postgres.AppendJournal(ctx, tx, region, e); err != nil {
			return w, err
		}
	}
	return w, nil
}

// changed tells the case's audience how many whistles stand over it now.
func changed(ctx context.Context, tx pgx.Tx, id uuid.UUID, by access.Principal, w incident.Whistle, action string) error {
	inc, err := postgres.IncidentByID(ctx, tx, id)
	if err != nil {
		return err
	}
	note := "吹哨 " + w.No
	if action != "raise" {
		note = "销哨 " + w.No
	}
	e, err := journal.About("incident.whistled", inc.ID.String(), inc.OrgPath, by.Account,
		incident.Record{Incident: inc, Deed: &incident.Done{Action: "whistle", ByName: by.Name, From: inc.State, To: inc.State, Note: note}})
	if err != nil {
		return err
	}
	if e.Parties, err = postgres.PartyPaths(ctx, tx, id); err != nil {
		return err
	}
	_, err = postgres.AppendJournal(ctx, tx, inc.Region, e)
	return err
}

func (d *Desk) ringWhistle(w incident.Whistle) {
	rung := []int64{w.Region}
	d.ring(w.Region)
	for _, c := range w.Need {
		if w.Told() && !slices.Contains(rung, c.Region) {
			rung = append(rung, c.Region)
			d.ring(c.Region)
		}
	}
}

// WhistleScopeOf is whose whistles by sees: those of the ground it watches or
// whistles for, those that call a department it handles for, and its own.
func WhistleScopeOf(by access.Principal) postgres.WhistleScope {
	var whole, depts []string
	for _, p := range by.Posts {
		powers := access.Powers(p.Role)
		switch {
		case p.Role == access.DeptClerk || p.Role == access.DeptHead:
			depts = append(depts, p.Path)
		case slices.Contains(powers, access.SeeMap) || slices.Contains(powers, access.Whistle):
			whole = append(whole, p.Path)
		}
	}
	return postgres.WhistleScope{Whole: whole, Called: depts, Account: by.Account}
}
