package desk

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/deadline"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/journal"
	"github.com/gridward/gridward/server/postgres"
)

// SOSCall is a worker's call for help, from the button or from a device.
type SOSCall struct {
	ID       uuid.UUID // the client's own id; zero: made from worker, device and instant
	Worker   int64
	Device   int64
	Account  int64 // 0 when a device called
	At       time.Time
	Point    *orb.Point // nil: the newest known place serves
	Accuracy *float32
}

// slowClock is how far behind a device's clock may be before a new call looks
// like a late one. Rather an alarm too many than one too few.
const slowClock = 2 * time.Minute

// TakeWithin is how long a call for help may lie before everybody is told that
// nobody has taken it.
const TakeWithin = time.Minute

// sosBody is what the journal says about an SOS.
type sosBody struct {
	ID       uuid.UUID  `json:"id"`
	Worker   int64      `json:"worker"`
	Name     string     `json:"name"`
	At       time.Time  `json:"at"`
	Point    *orb.Point `json:"point,omitempty"`
	Org      int64      `json:"org"`
	OrgName  string     `json:"org_name"`
	State    string     `json:"state"`
	Incident *uuid.UUID `json:"incident,omitempty"`
	By       int64      `json:"by,omitempty"`
	ByName   string     `json:"by_name,omitempty"`
	Note     string     `json:"note,omitempty"`
}

// OpenSOS opens a call for help and the critical incident that goes with it.
// A worker has one open call: a second one answers with the first. A device's
// call from well before the end of the worker's last one belongs to that one
// and opens nothing: phones send late what they recorded during it.
func (d *Desk) OpenSOS(ctx context.Context, call SOSCall) (postgres.SOS, error) {
	if call.ID == (uuid.UUID{}) {
		call.ID = uuid.NewSHA1(uuid.NameSpaceURL, fmt.Appendf(nil, "sos:%d:%d:%d", call.Worker, call.Device, call.At.UnixMilli()))
	}
	now := d.clock()
	if call.At.After(now) || call.At.IsZero() {
		call.At = now // a device's clock never dates an alarm into the future
	}
	var (
		out  postgres.SOS
		ring []int64
	)
	err := d.db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		home, err := postgres.HomeOf(ctx, tx, call.Worker)
		if err != nil {
			return err
		}
		if call.Account == 0 {
			past, over, err := postgres.SOSOver(ctx, tx, call.Worker, call.At.Add(slowClock))
			if err != nil {
				return err
			}
			if over {
				out = past
				return nil
			}
		}
		if call.Point == nil {
			if call.Point, err = postgres.LastPoint(ctx, tx, home.Region, call.Worker); err != nil {
				return err
			}
		}
		fresh, err := postgres.InsertSOS(ctx, tx, call.ID, home.Region, call.Worker, call.Device, call.At, call.Point)
		if err != nil {
			return err
		}
		if !fresh {
			open, ok, err := postgres.OpenSOSOf(ctx, tx, call.Worker)
			if err == nil && !ok {
				open, err = postgres.SOSByID(ctx, tx, call.ID, false)
			}
			if err == nil && open.Worker != call.Worker {
				err = fault.New(fault.Conflict, "这个求助编号已被其他人使用")
			}
			out = open
			return err
		}
		out, ring, err = d.raise(ctx, tx, call, home, now)
		return err
	})
	if err != nil {
		return postgres.SOS{}, err
	}
	for _, region := range ring {
		d.ring(region)
	}
	return out, nil
}

// raise makes the incident of a fresh SOS and writes both into the journals,
// regions in ascending order.
func (d *Desk) raise(ctx context.Context, tx pgx.Tx, call SOSCall, home postgres.WorkerHome, now time.Time) (postgres.SOS, []int64, error) {
	at := incident.Place{Region: home.Region, Org: home.Org, OrgPath: home.OrgPath, OrgName: home.OrgName}
	// No name in the text: walls show titles, and mask only the reporter.
	draft := incident.Draft{
		Kind: "sos", Source: "sos", Urgency: incident.Critical, Title: "一键求助", Description: "工作人员发出求助，请立即联系并处置。",
		Point: call.Point, Accuracy: call.Accuracy, OccurredAt: &call.At,
	}
	if call.Point == nil {
		draft.Address = "位置未知"
	} else if found, ok, err := postgres.Locate(ctx, tx, *call.Point); err != nil {
		return postgres.SOS{}, nil, err
	} else if ok {
		at = found
	}
	id, err := uuid.NewV7()
	if err != nil {
		return postgres.SOS{}, nil, fmt.Errorf("make an id: %w", err)
	}
	by := access.Principal{Account: call.Account, Worker: call.Worker, Name: home.Name}
	inc, err := incident.New(id, draft, by, at, now)
	if err != nil {
		return postgres.SOS{}, nil, err
	}
	inc.File(2, false)
	if inc, err = d.store(ctx, tx, inc, nil, by, now); err != nil {
		return postgres.SOS{}, nil, err
	}
	var parties []string
	if at.Org != home.Org { // he stands on another's ground: his own people see the case too
		parties = []string{home.OrgPath}
		if err := postgres.AddParty(ctx, tx, inc.ID, home.Org, "home"); err != nil {
			return postgres.SOS{}, nil, err
		}
	}
	if err := postgres.LinkSOS(ctx, tx, call.ID, inc.ID); err != nil {
		return postgres.SOS{}, nil, err
	}
	if err := deadline.InsertAt(ctx, tx, deadline.Unacked{SOS: call.ID}, now.Add(TakeWithin)); err != nil {
		return postgres.SOS{}, nil, err
	}
	out, err := postgres.SOSByID(ctx, tx, call.ID, false)
	if err != nil {
		return postgres.SOS{}, nil, err
	}
	opened := func() error {
		var guests []string
		if at.Org != home.Org {
			guests = []string{at.OrgPath}
		}
		return note(ctx, tx, "sos.opened", out, call.Account, "", call.At, "", guests)
	}
	reported := func() error { return record(ctx, tx, inc, by, parties) }
	steps := []func() error{opened, reported}
	if inc.Region < home.Region {
		steps = []func() error{reported, opened}
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return postgres.SOS{}, nil, err
		}
	}
	return out, []int64{home.Region, inc.Region}, nil
}

// TellUnacked says, once, that nobody has taken a call. When somebody has, or it
// was said before, nothing happens.
func (d *Desk) TellUnacked(ctx context.Context, id uuid.UUID) error {
	var region int64
	err := d.db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		now := d.clock()
		fresh, err := postgres.UnackedSOS(ctx, tx, id, now)
		if err != nil || !fresh {
			return err
		}
		s, err := postgres.SOSByID(ctx, tx, id, false)
		if err != nil {
			return err
		}
		guests, err := guestsOf(ctx, tx, s)
		if err != nil {
			return err
		}
		region = s.Region
		return note(ctx, tx, "sos.unacked", s, 0, "", now, "", guests)
	})
	if err == nil && region != 0 {
		d.ring(region)
	}
	return err
}

// AckSOS says that somebody has taken the call. Doing it again changes nothing.
func (d *Desk) AckSOS(ctx context.Context, by access.Principal, id uuid.UUID) (postgres.SOS, error) {
	return d.answer(ctx, by, id, "sos.acked", "", func(ctx context.Context, tx pgx.Tx, s postgres.SOS, now time.Time) (bool, error) {
		if s.State == "closed" {
			return false, fault.New(fault.Conflict, "这个求助已经关闭")
		}
		if s.State != "open" {
			return false, nil
		}
		return true, postgres.AckSOS(ctx, tx, id, by.Account, now)
	})
}

// CloseSOS ends a call. Doing it again changes nothing.
func (d *Desk) CloseSOS(ctx context.Context, by access.Principal, id uuid.UUID, text string) (postgres.SOS, error) {
	return d.answer(ctx, by, id, "sos.closed", text, func(ctx context.Context, tx pgx.Tx, s postgres.SOS, now time.Time) (bool, error) {
		if s.State == "closed" {
			return false, nil
		}
		return true, postgres.CloseSOS(ctx, tx, id, by.Account, now)
	})
}

func (d *Desk) answer(ctx context.Context, by access.Principal, id uuid.UUID, kind, text string,
	do func(context.Context, pgx.Tx, postgres.SOS, time.Time) (bool, error)) (out postgres.SOS, err error) {
	changed := false
	err = d.db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		s, err := postgres.SOSByID(ctx, tx, id, true)
		if err != nil {
			return err
		}
		if !by.May(access.AnswerSOS, s.OrgPath) {
			return fault.New(fault.Missing, "没有这个求助，或者不在您的管辖范围")
		}
		now := d.clock()
		if changed, err = do(ctx, tx, s, now); err != nil {
			return err
		}
		if out, err = postgres.SOSByID(ctx, tx, id, false); err != nil || !changed {
			return err
		}
		guests, err := guestsOf(ctx, tx, out)
		if err != nil {
			return err
		}
		return note(ctx, tx, kind, out, by.Account, by.Name, now, text, guests)
	})
	if err != nil {
		return postgres.SOS{}, err
	}
	if changed {
		d.ring(out.Region)
	}
	return out, nil
}

// guestsOf are those on whose ground the caller stands, when they are not his
// own people: they heard the call and must hear what becomes of it.
func guestsOf(ctx context.Context, tx pgx.Tx, s postgres.SOS) ([]string, error) {
	if s.Incident == nil {
		return nil, nil
	}
	inc, err := postgres.IncidentByID(ctx, tx, *s.Incident)
	if err != nil || inc.OrgPath == s.OrgPath {
		return nil, err
	}
	return []string{inc.OrgPath}, nil
}

// note writes what happened to an SOS. It takes the region's row: call it last.
func note(ctx context.Context, tx pgx.Tx, kind string, s postgres.SOS, by int64, byName string, at time.Time, text string, parties []string) error {
	e, err := journal.About(kind, s.ID.String(), s.OrgPath, by, sosBody{
		ID: s.ID, Worker: s.Worker, Name: s.Name, At: at.UTC(), Point: s.Point, Org: s.Org, OrgName: s.OrgName, State: s.State,
		Incident: s.Incident, By: by, ByName: byName, Note: text,
	})
	if err != nil {
		return err
	}
	e.Parties = parties
	_, err = postgres.AppendJournal(ctx, tx, s.Region, e)
	return err
}
