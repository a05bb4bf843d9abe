package desk

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/alarm"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/journal"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/protocol/alarmhook"
)

// AlarmIntake is one message of an alarm source: what it says, and what of it
// is to be kept in quarantine because it can be no alarm.
type AlarmIntake struct {
	Source  postgres.AlarmSource
	Nonce   string // of a webhook: good once
	Signals []alarmhook.Signal
	Held    []postgres.Held
	Unknown func(alarmhook.Signal) postgres.Held // of a device that is not registered here
}

// AlarmReceipt says what became of a message. All of it is on disk.
type AlarmReceipt struct {
	Raised    int // new alarms
	Repeated  int // counted with one that is there
	Duplicate int // the same message again
	Quiet     int // of a disarmed or bypassed device, or a test: on record only
	Heard     int // signs of life
	Unknown   []int
}

// alarmBody is what the journal says about an alarm: neither who owns the
// device nor what it sent, which only the alarm's own page tells.
type alarmBody struct {
	postgres.Alarm
	ByName string `json:"by_name,omitempty"`
}

// page is journal entries of one transaction. They are appended last, regions
// in ascending order, so that transactions never wait for each other in a ring.
type page []journal.Entry

func (p *page) alarm(kind string, a postgres.Alarm, by access.Principal) error {
	a.Contact, a.Phone, a.Raw = "", "", nil
	e, err := journal.About(kind, a.ID.String(), a.OrgPath, by.Account, alarmBody{a, by.Name})
	if err != nil {
		return err
	}
	e.Region = a.Region
	*p = append(*p, e)
	return nil
}

func (p page) write(ctx context.Context, tx pgx.Tx) error {
	slices.SortStableFunc(p, func(a, b journal.Entry) int { return cmp.Compare(a.Region, b.Region) })
	for _, e := range p {
		if _, err := postgres.AppendJournal(ctx, tx, e.Region, e); err != nil {
			return err
		}
	}
	return nil
}

func (d *Desk) ringAll(p page) {
	rung := map[int64]bool{}
	for _, e := range p {
		if !rung[e.Region] {
			rung[e.Region] = true
			d.ring(e.Region)
		}
	}
}

// TakeAlarm takes in what an alarm source says, all of it in one transaction:
// when it returns without an error the message may be forgotten. A nonce that
// was used before is refused as unknown: somebody plays a message back.
func (d *Desk) TakeAlarm(ctx context.Context, in AlarmIntake) (AlarmReceipt, error) {
	var (
		rec  AlarmReceipt
		told page
	)
	err := d.db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		rec, told = AlarmReceipt{}, nil
		now := d.clock().UTC()
		if in.Nonce != "" {
			fresh, err := postgres.UseNonce(ctx, tx, in.Source.ID, in.Nonce, now)
			if err != nil {
				return err
			}
			if !fresh {
				return fault.New(fault.Unknown, "这条消息已经收到过，不能重放")
			}
		}
		idents := make([]string, len(in.Signals))
		for i, s := range in.Signals {
			idents[i] = s.Device
		}
		devices, err := postgres.LockAlarmDevices(ctx, tx, idents, in.Source.OrgPath)
		if err != nil {
			return err
		}
		held := in.Held
		for _, s := range in.Signals {
			dev, ok := devices[s.Device]
			if !ok {
				rec.Unknown = append(rec.Unknown, s.Index)
				if in.Unknown != nil {
					held = append(held, in.Unknown(s))
				}
				continue
			}
			if err := d.takeSignal(ctx, tx, &dev, s, now, &rec, &told); err != nil {
				return err
			}
			devices[s.Device] = dev
		}
		for _, h := range held {
			if err := postgres.Hold(ctx, tx, h); err != nil {
				return err
			}
		}
		if err := postgres.SeeSource(ctx, tx, in.Source.ID, now); err != nil {
			return err
		}
		return told.write(ctx, tx)
	})
	if err != nil {
		return AlarmReceipt{}, err
	}
	d.ringAll(told)
	return rec, nil
}

// lowBattery is the percentage below which a device asks for a new one.
const lowBattery = 20

// takeSignal takes one thing that a device, whose row is locked, says.
func (d *Desk) takeSignal(ctx context.Context, tx pgx.Tx, dev *postgres.AlarmDevice, s alarmhook.Signal, now time.Time, rec *AlarmReceipt, told *page) error {
	wasOffline := dev.Health == "offline"
	dev.Health = "ok"
	switch {
	case s.Event == "fault":
		dev.Health = "fault"
	case s.Battery != nil && *s.Battery < lowBattery:
		dev.Health = "low_battery"
	}
	if err := postgres.SeeDevice(ctx, tx, dev.ID, now, dev.Health, s.Battery); err != nil {
		return err
	}
	if wasOffline {
		if err := d.heardAgain(ctx, tx, dev.ID, now, told); err != nil {
			return err
		}
	}
	if s.Event == "heartbeat" || s.Event == "fault" {
		rec.Heard++
		return nil
	}
	if s.Key != "" {
		first, err := postgres.HeardFirst(ctx, tx, dev.ID, s.Key, now)
		if err != nil {
			return err
		}
		if !first {
			rec.Duplicate++
			return nil
		}
	}
	test := s.Event == "test"
	quiet := test || !alarm.Loud(dev.Kind, dev.Mode, dev.Schedule, s.At)
	recent, err := postgres.RecentAlarms(ctx, tx, dev.ID, s.Code, quiet, s.At)
	if err != nil {
		return err
	}
	for _, r := range recent {
		if quiet {
			r.State = alarm.New // nobody ends what lies on nobody's desk
		}
		if !alarm.Same(r.State, r.At, r.LastAt, s.At) {
			continue
		}
		count, err := postgres.RepeatAlarm(ctx, tx, r.ID, s.At)
		if err != nil {
			return err
		}
		if quiet {
			rec.Quiet++
			return nil
		}
		rec.Repeated++
		if !alarm.Tell(int(count)) {
			return nil
		}
		return tellAlarm(ctx, tx, "alarm.repeated", r.ID, access.Principal{}, told)
	}
	a := postgres.Alarm{Region: dev.Region, Device: dev.ID, Class: "alarm", At: s.At, ReceivedAt: now, Level: incident.Urgency(s.Level), Code: s.Code, Text: s.Text, Raw: s.Raw, State: alarm.New, Quiet: quiet}
	if a.Level == "" {
		a.Level = dev.Kind.Level()
	}
	switch {
	case test:
		a.State, a.EndedAt, a.Note = alarm.Test, &now, "设备自检"
	case quiet:
		a.State, a.EndedAt, a.Note = alarm.Resolved, &now, "设备处于撤防或旁路状态，仅记录"
	}
	if a.ID, err = uuid.NewV7(); err != nil {
		return fmt.Errorf("make an id: %w", err)
	}
	if _, err := postgres.InsertAlarm(ctx, tx, a); err != nil {
		return err
	}
	if quiet {
		rec.Quiet++
		return nil
	}
	rec.Raised++
	return tellAlarm(ctx, tx, "alarm.raised", a.ID, access.Principal{}, told)
}

func tellAlarm(ctx context.Context, tx pgx.Tx, kind string, id uuid.UUID, by access.Principal, told *page) error {
	a, err := postgres.AlarmByID(ctx, tx, id, false)
	if err != nil {
		return err
	}
	return told.alarm(kind, a, by)
}

// heardAgain ends the alarm that said that a device is silent.
func (d *Desk) heardAgain(ctx context.Context, tx pgx.Tx, device int64, now time.Time, told *page) error {
	id, open, err := postgres.OpenOffline(ctx, tx, device)
	if err != nil || !open {
		return err
	}
	if err := postgres.MoveAlarm(ctx, tx, id, alarm.Resolved, now, 0, "", "设备已恢复在线", nil); err != nil {
		return err
	}
	return tellAlarm(ctx, tx, "alarm.resolved", id, access.Principal{}, told)
}

// TellSilent raises an alarm, once, for every device that was silent for longer
// than its interval while this desk was there to hear it, and says how many
// there were. After a restart nobody is called silent for our own absence.
func (d *Desk) TellSilent(ctx context.Context) (n int, err error) {
	ids, err := postgres.SilentDevices(ctx, d.db.Pool, d.clock(), d.since)
	if err != nil {
		return 0, err
	}
	for _, id := range ids {
		var told page
		err := d.db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
			told = nil
			now := d.clock().UTC()
			dev, err := postgres.AlarmDeviceByID(ctx, tx, id, true)
			if err != nil || dev.Health == "offline" || dev.LastSeen == nil || !alarm.Silent(*dev.LastSeen, time.Duration(dev.IntervalS)*time.Second, now) {
				return err
			}
			if err := postgres.SetHealth(ctx, tx, id, "offline"); err != nil {
				return err
			}
			if dev.Mode == alarm.Bypassed {
				return nil // it is known to be away
			}
			a := postgres.Alarm{Region: dev.Region, Device: id, Class: "offline", At: now, ReceivedAt: now, Level: incident.Normal, Code: "offline", Text: "设备失联", State: alarm.New}
			if a.ID, err = uuid.NewV7(); err != nil {
				return fmt.Errorf("make an id: %w", err)
			}
			fresh, err := postgres.InsertAlarm(ctx, tx, a)
			if err != nil || !fresh {
				return err
			}
			if err := tellAlarm(ctx, tx, "alarm.raised", a.ID, access.Principal{}, &told); err != nil {
				return err
			}
			n++
			return told.write(ctx, tx)
		})
		if err != nil {
			return n, err
		}
		d.ringAll(told)
	}
	return n, nil
}

// alarmKinds are the journal's words for what the alarm desk does.
var alarmKinds = map[alarm.Action]string{
	alarm.Ack: "alarm.acked", alarm.Verify: "alarm.verifying", alarm.Raise: "alarm.dispatched", alarm.Resolve: "alarm.resolved", alarm.MarkFalse: "alarm.false", alarm.MarkTest: "alarm.test",
}

// AnswerAlarm does one thing of the alarm desk to an alarm. Doing it again
// changes nothing. alarm.Raise makes the incident, at the device's place, as
// urgent as the alarm.
func (d *Desk) AnswerAlarm(ctx context.Context, by access.Principal, id uuid.UUID, do alarm.Action, text string) (out postgres.Alarm, err error) {
	var told page
	err = d.db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		told = nil
		a, err := postgres.AlarmByID(ctx, tx, id, false)
		if err != nil {
			return err
		}
		if !by.May(access.AnswerAlarm, a.OrgPath) {
			return fault.New(fault.Missing, "没有这条报警，或者不在您的管辖范围")
		}
		// The device first, as its signals do: one that comes now is counted before or after.
		if _, err := postgres.AlarmDeviceByID(ctx, tx, a.Device, true); err != nil {
			return err
		}
		if a, err = postgres.AlarmByID(ctx, tx, id, true); err != nil {
			return err
		}
		to, changed, err := a.State.Next(do)
		if err != nil {
			return err
		}
		if !changed {
			out = a
			return nil
		}
		now := d.clock().UTC()
		var made *incident.Incident
		if do == alarm.Raise {
			inc, err := d.incidentOf(ctx, tx, by, a, text, now)
			if err != nil {
				return err
			}
			made = &inc
			a.Incident = &inc.ID
		}
		if err := postgres.MoveAlarm(ctx, tx, id, to, now, by.Account, by.Name, text, a.Incident); err != nil {
			return err
		}
		if out, err = postgres.AlarmByID(ctx, tx, id, false); err != nil {
			return err
		}
		if err := told.alarm(alarmKinds[do], out, by); err != nil {
			return err
		}
		if made != nil {
			var parties []string
			if made.OrgPath != out.OrgPath {
				parties = []string{out.OrgPath}
			}
			e, err := reported(*made, by, parties)
			if err != nil {
				return err
			}
			told = append(told, e)
		}
		return told.write(ctx, tx)
	})
	if err != nil {
		return postgres.Alarm{}, err
	}
	d.ringAll(told)
	return out, nil
}

// incidentOf makes and stores the incident that an alarm becomes.
func (d *Desk) incidentOf(ctx context.Context, tx pgx.Tx, by access.Principal, a postgres.Alarm, text string, now time.Time) (incident.Incident, error) {
	at, ok, err := postgres.Locate(ctx, tx, a.Point)
	if err != nil {
		return incident.Incident{}, err
	}
	if !ok {
		at = incident.Place{Region: a.Region, Org: a.Org, OrgPath: a.OrgPath, OrgName: a.OrgName}
	}
	title := a.Kind.Name() + "报警"
	if a.Class == "offline" {
		title = a.Kind.Name() + "设备失联"
	}
	if where := cmp.Or(a.Place, a.DeviceName); where != "" {
		title += "：" + where
	}
	if r := []rune(title); len(r) > 80 {
		title = string(r[:80])
	}
	what := fmt.Sprintf("设备 %s，报警代码 %s，共 %d 次。%s", a.Ident, a.Code, a.Count, a.Text)
	if text != "" {
		what += "\n" + text
	}
	id, err := uuid.NewV7()
	if err != nil {
		return incident.Incident{}, fmt.Errorf("make an id: %w", err)
	}
	point, happened := a.Point, a.At
	inc, err := incident.New(id, incident.Draft{
		Kind: "alarm", Source: "alarm", Urgency: a.Level, Title: title, Description: what, Point: &point, Address: a.Place, OccurredAt: &happened,
	}, by, at, now)
	if err != nil {
		return inc, err
	}
	if inc, err = d.store(ctx, tx, inc, nil, by, now); err != nil {
		return inc, err
	}
	if at.Org != a.Org { // the device's own people see the case too
		err = postgres.AddParty(ctx, tx, inc.ID, a.Org, "home")
	}
	return inc, err
}

// deviceBody is what the journal says about a device: not who owns it.
type deviceBody struct {
	ID     int64      `json:"id"`
	Ident  string     `json:"ident"`
	Name   string     `json:"name"`
	Kind   alarm.Kind `json:"kind"`
	Mode   alarm.Mode `json:"mode"`
	Place  string     `json:"place,omitempty"`
	Reason string     `json:"reason,omitempty"`
	ByName string     `json:"by_name,omitempty"`
}

// ArmDevice arms, disarms or bypasses a device (布防 撤防 旁路). Doing it again
// changes nothing.
func (d *Desk) ArmDevice(ctx context.Context, by access.Principal, id int64, mode alarm.Mode, reason string) (out postgres.AlarmDevice, err error) {
	var told page
	err = d.db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		told = nil
		dev, err := postgres.AlarmDeviceByID(ctx, tx, id, true)
		if err != nil {
			return err
		}
		if !by.May(access.AnswerAlarm, dev.OrgPath) {
			return fault.New(fault.Missing, "没有这个报警设备，或者不在您的管辖范围")
		}
		if dev.Mode == mode {
			out = dev
			return nil
		}
		if err := postgres.ArmDevice(ctx, tx, id, mode); err != nil {
			return err
		}
		if out, err = postgres.AlarmDeviceByID(ctx, tx, id, false); err != nil {
			return err
		}
		e, err := journal.About("alarm."+string(mode), fmt.Sprintf("alarm-device-%d", id), out.OrgPath, by.Account, deviceBody{out.ID, out.Ident, out.Name, out.Kind, out.Mode, out.Place, reason, by.Name})
		if err != nil {
			return err
		}
		e.Region = out.Region
		told = append(told, e)
		return told.write(ctx, tx)
	})
	if err != nil {
		return postgres.AlarmDevice{}, err
	}
	d.ringAll(told)
	return out, nil
}
