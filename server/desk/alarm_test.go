package desk_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/alarm"
	"github.com/gridward/gridward/server/blob"
	"github.com/gridward/gridward/server/desk"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/journal"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/protocol/alarmhook"
)

// watch is a street with alarm devices, a source that speaks for them, and a
// clock that stands still until it is moved.
type watch struct {
	*street
	t      *testing.T
	desk   *desk.Desk
	now    time.Time
	source postgres.AlarmSource
	device map[string]int64
}

func newWatch(t *testing.T) *watch {
	t.Helper()
	w := &watch{street: newStreet(t), t: t, now: time.Date(2026, 11, 26, 4, 0, 0, 0, time.UTC), device: map[string]int64{}}
	photos, err := blob.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	w.desk = desk.New(w.db, photos, func() time.Time { return w.now }, func(int64) {})
	ctx := t.Context()
	id, err := postgres.AddAlarmSource(ctx, w.db.Pool, postgres.AlarmSource{Org: w.region[0], Name: "hub", Kind: "webhook", Secret: []byte("secret")}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if w.source, err = postgres.AlarmSourceByID(ctx, w.db.Pool, id); err != nil {
		t.Fatal(err)
	}
	for i, d := range []postgres.AlarmDevice{
		{Ident: "SMOKE-1", Kind: "smoke", Name: "一楼烟感", Place: "东湖路1号", Contact: "王五", Phone: "13800138000", IntervalS: 60},
		{Ident: "DOOR-1", Kind: "door", Name: "后门门磁", Mode: alarm.Disarmed},
		{Ident: "PANIC-1", Kind: "panic", Name: "一键报警柱"},
	} {
		d.Org, d.Point, d.Protocol = w.org[0], centre[0], "webhook"
		if d.Mode == "" {
			d.Mode = alarm.Armed
		}
		if w.device[d.Ident], err = postgres.AddAlarmDevice(ctx, w.db.Pool, d); err != nil {
			t.Fatalf("%d: %v", i, err)
		}
	}
	if w.device["FAR-1"], err = postgres.AddAlarmDevice(ctx, w.db.Pool, postgres.AlarmDevice{Org: w.org[1], Ident: "FAR-1", Kind: "smoke", Point: centre[1], Protocol: "webhook", Mode: alarm.Armed}); err != nil {
		t.Fatal(err)
	}
	return w
}

// hear hands a body in as the webhook does.
func (w *watch) hear(body string) desk.AlarmReceipt {
	w.t.Helper()
	signals, bad := alarmhook.Decode([]byte(body), "", w.now)
	if len(bad) > 0 {
		w.t.Fatalf("%+v", bad)
	}
	rec, err := w.desk.TakeAlarm(w.t.Context(), desk.AlarmIntake{Source: w.source, Signals: signals,
		Unknown: func(s alarmhook.Signal) postgres.Held {
			return postgres.Held{ReceivedAt: w.now, Region: w.source.Region, Source: w.source.ID, Protocol: "alarm", Reason: "unknown_device", Detail: s.Device, Body: s.Raw}
		}})
	if err != nil {
		w.t.Fatal(err)
	}
	return rec
}

func (w *watch) list(quiet bool) []postgres.Alarm {
	w.t.Helper()
	list, err := postgres.ListAlarms(w.t.Context(), w.db.Pool, postgres.AlarmFilter{Scope: []string{fmt.Sprintf("%d.", w.region[0])}, Quiet: quiet, Limit: 100})
	if err != nil {
		w.t.Fatal(err)
	}
	return list
}

// journal returns what region i's journal says, and verifies its chain.
func (w *watch) journal(i int) []journal.Entry {
	w.t.Helper()
	list, err := postgres.ReadJournal(w.t.Context(), w.db.Pool, w.region[i], 0, 1000)
	if err != nil {
		w.t.Fatal(err)
	}
	seq, prev := int64(0), [32]byte{}
	for _, e := range list {
		if err := e.Verify(seq, prev); err != nil {
			w.t.Fatal(err)
		}
		seq, prev = e.Seq, e.Hash
	}
	return list
}

func (w *watch) kinds(i int) string {
	var kinds []string
	for _, e := range w.journal(i) {
		kinds = append(kinds, e.Kind)
	}
	return strings.Join(kinds, " ")
}

func (w *watch) operator(i int) access.Principal {
	return access.Principal{Account: w.by[i].Account, Name: "周值班", Posts: []access.Post{{Org: w.region[i], Path: fmt.Sprintf("%d.", w.region[i]), Region: w.region[i], Role: access.Operator}}}
}

func TestAnAlarmFromSignalToIncident(t *testing.T) {
	t.Parallel()
	w := newWatch(t)
	if rec := w.hear(`{"device":"SMOKE-1","code":"smoke","id":"m1","text":"二层浓度超限"}`); rec.Raised != 1 {
		t.Fatalf("%+v", rec)
	}
	if rec := w.hear(`{"device":"SMOKE-1","code":"smoke","id":"m1"}`); rec.Duplicate != 1 || rec.Raised != 0 {
		t.Errorf("the same message again: %+v", rec)
	}
	w.now = w.now.Add(59 * time.Second)
	if rec := w.hear(`{"events":[{"device":"SMOKE-1","code":"smoke","id":"m2"},{"device":"SMOKE-1","code":"temperature","id":"m3"}]}`); rec.Repeated != 1 || rec.Raised != 1 {
		t.Errorf("the same code is the same alarm, another is not: %+v", rec)
	}
	list := w.list(false)
	if len(list) != 2 || list[1].Count != 2 && list[0].Count != 2 || list[0].Level != "critical" || list[0].OrgName == "" {
		t.Fatalf("%+v", list)
	}
	smoke := list[0]
	if smoke.Code != "smoke" {
		smoke = list[1]
	}
	if _, err := w.desk.AnswerAlarm(t.Context(), w.operator(1), smoke.ID, alarm.Ack, ""); !fault.Is(err, fault.Missing) {
		t.Errorf("the other street's operator: %v", err)
	}
	if _, err := w.desk.AnswerAlarm(t.Context(), w.by[0], smoke.ID, alarm.Ack, ""); !fault.Is(err, fault.Missing) {
		t.Errorf("a grid worker: %v", err)
	}
	for range 2 {
		a, err := w.desk.AnswerAlarm(t.Context(), w.operator(0), smoke.ID, alarm.Ack, "")
		if err != nil || a.State != alarm.Acked || a.AckedName != "周值班" {
			t.Fatalf("%v %+v", err, a)
		}
	}
	var together errgroup.Group
	for range 4 { // one click, four times at once: one incident
		together.Go(func() error {
			_, err := w.desk.AnswerAlarm(t.Context(), w.operator(0), smoke.ID, alarm.Raise, "请尽快到场")
			return err
		})
	}
	if err := together.Wait(); err != nil {
		t.Fatal(err)
	}
	a, err := postgres.AlarmByID(t.Context(), w.db.Pool, smoke.ID, false)
	if err != nil || a.State != alarm.Dispatched || a.Incident == nil || a.CaseNo == "" {
		t.Fatalf("%v %+v", err, a)
	}
	inc, err := postgres.IncidentByID(t.Context(), w.db.Pool, *a.Incident)
	if err != nil || inc.Kind != "alarm" || inc.Source != "alarm" || inc.Urgency != "critical" || *inc.Point != centre[0] || inc.Title != "烟感报警：东湖路1号" || inc.GridName != "第一网格" {
		t.Errorf("%v %+v", err, inc)
	}
	if want := "alarm.raised alarm.repeated alarm.raised alarm.acked alarm.dispatched incident.reported"; w.kinds(0) != want {
		t.Errorf("the journal says\n%s, not\n%s", w.kinds(0), want)
	}
	for _, e := range w.journal(0) {
		if strings.Contains(string(e.Body), "王五") || strings.Contains(string(e.Body), "13800138000") {
			t.Errorf("the journal tells who owns the device: %s", e.Body)
		}
	}
	if _, err := w.desk.AnswerAlarm(t.Context(), w.operator(0), smoke.ID, alarm.MarkFalse, "厨房油烟"); err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(time.Second)
	if rec := w.hear(`{"device":"SMOKE-1","code":"smoke","id":"m9"}`); rec.Raised != 1 {
		t.Errorf("after its end a signal is a new alarm, however soon: %+v", rec)
	}
}

func TestQuietDevicesAreOnRecordAlone(t *testing.T) {
	t.Parallel()
	w := newWatch(t)
	if rec := w.hear(`{"events":[{"device":"DOOR-1","code":"open","id":"1"},{"device":"DOOR-1","code":"open","id":"2"},{"device":"SMOKE-1","code":"smoke","event":"test","id":"3"},{"device":"PANIC-1","event":"heartbeat","battery":9}]}`); rec.Quiet != 3 || rec.Heard != 1 || rec.Raised != 0 {
		t.Fatalf("%+v", rec)
	}
	if list := w.list(false); len(list) != 0 || w.kinds(0) != "" {
		t.Errorf("on the desk: %+v, %s", list, w.kinds(0))
	}
	if list := w.list(true); len(list) != 2 || list[0].Count+list[1].Count != 3 {
		t.Errorf("on record: %+v", list)
	}
	dev, err := postgres.AlarmDeviceByID(t.Context(), w.db.Pool, w.device["PANIC-1"], false)
	if err != nil || dev.Health != "low_battery" || *dev.Battery != 9 || !dev.LastSeen.Equal(w.now) {
		t.Errorf("%v %+v", err, dev)
	}
	if _, err := w.desk.ArmDevice(t.Context(), w.operator(1), w.device["SMOKE-1"], alarm.Bypassed, "检修"); !fault.Is(err, fault.Missing) {
		t.Errorf("by the other street: %v", err)
	}
	for range 2 {
		if d, err := w.desk.ArmDevice(t.Context(), w.operator(0), w.device["SMOKE-1"], alarm.Bypassed, "检修"); err != nil || d.Mode != alarm.Bypassed {
			t.Fatalf("%v %+v", err, d)
		}
	}
	if rec := w.hear(`{"device":"SMOKE-1","code":"smoke","id":"4"}`); rec.Raised != 0 {
		t.Errorf("a bypassed device is loud: %+v", rec)
	}
	if w.kinds(0) != "alarm.bypassed" {
		t.Errorf("the journal says %s", w.kinds(0))
	}
	rec := w.hear(`{"events":[{"device":"NOBODY","code":"x"},{"device":"FAR-1","code":"smoke"}]}`)
	if len(rec.Unknown) != 2 {
		t.Errorf("an unknown device, and one beyond the source's organisation: %+v", rec)
	}
	held, err := postgres.ListHeld(t.Context(), w.db.Pool, postgres.HeldFilter{Scope: []string{fmt.Sprintf("%d.", w.region[0])}, Limit: 10})
	if err != nil || len(held) != 2 || held[0].SourceName != "hub" || held[0].Reason != "unknown_device" {
		t.Errorf("%v %+v", err, held)
	}
	if other, _ := postgres.ListHeld(t.Context(), w.db.Pool, postgres.HeldFilter{Scope: []string{fmt.Sprintf("%d.", w.region[1])}, Limit: 10}); len(other) != 0 {
		t.Errorf("the other street sees %+v", other)
	}
}

func TestSilenceIsAnAlarmOnce(t *testing.T) {
	t.Parallel()
	w := newWatch(t)
	w.hear(`{"device":"SMOKE-1","event":"heartbeat"}`)
	for step, want := range map[time.Duration]int{59 * time.Second: 0} {
		w.now = w.now.Add(step)
		if n, err := w.desk.TellSilent(t.Context()); err != nil || n != want {
			t.Fatalf("%v: %d %v", step, n, err)
		}
	}
	w.now = w.now.Add(2 * time.Second)
	photos, err := blob.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	late := desk.New(w.db, photos, func() time.Time { return w.now }, func(int64) {})
	if n, err := late.TellSilent(t.Context()); err != nil || n != 0 {
		t.Errorf("who has just begun to listen calls others silent: %d %v", n, err)
	}
	var together errgroup.Group
	told := make([]int, 3)
	for i := range told { // on three nodes at once
		together.Go(func() (err error) {
			told[i], err = w.desk.TellSilent(t.Context())
			return err
		})
	}
	if err := together.Wait(); err != nil || told[0]+told[1]+told[2] != 1 {
		t.Fatalf("%v %v", err, told)
	}
	list := w.list(false)
	if len(list) != 1 || list[0].Class != "offline" || list[0].Level != "normal" {
		t.Fatalf("%+v", list)
	}
	w.now = w.now.Add(time.Hour)
	if n, err := w.desk.TellSilent(t.Context()); err != nil || n != 0 {
		t.Errorf("an hour later it is said again: %d %v", n, err)
	}
	w.hear(`{"device":"SMOKE-1","event":"heartbeat"}`)
	if list := w.list(false); list[0].State != alarm.Resolved || list[0].Note != "设备已恢复在线" {
		t.Errorf("heard again: %+v", list)
	}
	if want := "alarm.raised alarm.resolved"; w.kinds(0) != want {
		t.Errorf("the journal says %s", w.kinds(0))
	}
}

func TestANonceIsGoodOnce(t *testing.T) {
	t.Parallel()
	w := newWatch(t)
	in := desk.AlarmIntake{Source: w.source, Nonce: "abcdefgh"}
	if _, err := w.desk.TakeAlarm(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	if _, err := w.desk.TakeAlarm(t.Context(), in); !fault.Is(err, fault.Unknown) {
		t.Errorf("played back: %v", err)
	}
}

// Signals of one device from many senders at once: none is lost, none doubled.
func TestSignalsAtOnce(t *testing.T) {
	t.Parallel()
	const senders, each = 4, 12
	w := newWatch(t)
	var together errgroup.Group
	for i := range senders {
		together.Go(func() error {
			for n := range each {
				for range 2 { // at least once means sometimes twice
					body := fmt.Sprintf(`{"events":[{"device":"SMOKE-1","code":"smoke","id":"%d-%d"},{"device":"PANIC-1","code":"press","id":"%d-%d"}]}`, i, n, i, n)
					signals, _ := alarmhook.Decode([]byte(body), "", w.now)
					if _, err := w.desk.TakeAlarm(t.Context(), desk.AlarmIntake{Source: w.source, Signals: signals}); err != nil {
						return err
					}
				}
			}
			return nil
		})
	}
	if err := together.Wait(); err != nil {
		t.Fatal(err)
	}
	list := w.list(false)
	if len(list) != 2 || list[0].Count != senders*each || list[1].Count != senders*each {
		t.Errorf("%+v", list)
	}
	if n := strings.Count(w.kinds(0), "alarm.repeated"); n != 2*5 { // 2, 4, 8, 16, 32 of each
		t.Errorf("told %d times", n)
	}
}

func TestNobodyHasTakenIt(t *testing.T) {
	t.Parallel()
	w := newWatch(t)
	open := func(worker int) uuid.UUID {
		s, err := w.desk.OpenSOS(t.Context(), desk.SOSCall{ID: uuid.New(), Worker: w.worker[worker], Account: w.by[worker].Account, At: w.now, Point: &centre[worker]})
		if err != nil {
			t.Fatal(err)
		}
		return s.ID
	}
	first, second := open(0), open(1)
	var due int
	if err := w.db.Pool.QueryRow(t.Context(), `SELECT count(*) FROM river_job WHERE kind = 'sos_unacked' AND scheduled_at = $1`, w.now.Add(time.Minute)).Scan(&due); err != nil || due != 2 {
		t.Fatalf("%d jobs in a minute, %v", due, err)
	}
	if _, err := w.desk.AckSOS(t.Context(), w.operator(1), second); err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(time.Minute)
	for range 3 {
		for _, id := range []uuid.UUID{first, second} {
			if err := w.desk.TellUnacked(t.Context(), id); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := strings.Count(w.kinds(0), "sos.unacked"); n != 1 {
		t.Errorf("said %d times of the one that nobody took: %s", n, w.kinds(0))
	}
	if strings.Contains(w.kinds(1), "sos.unacked") {
		t.Errorf("said of the one that was taken: %s", w.kinds(1))
	}
	for _, e := range w.journal(0) {
		var body struct{ State string }
		if e.Kind == "sos.unacked" && (json.Unmarshal(e.Body, &body) != nil || body.State != "open") {
			t.Errorf("%s", e.Body)
		}
	}
}
