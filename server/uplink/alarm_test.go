package uplink_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	mqttd "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/auth"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/gridward/gridward/server/alarm"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/protocol/alarmhook"
	"github.com/gridward/gridward/server/seal"
	"github.com/gridward/gridward/server/uplink"
)

const alarmSecret = "0123456789abcdef0123456789abcdef"

// alarms adds a source and a smoke detector to the house.
func (h *house) alarms(kind string) {
	h.t.Helper()
	ctx := context.Background()
	if _, err := postgres.AddAlarmSource(ctx, h.db.Pool, postgres.AlarmSource{Org: h.region, Name: "hub", Kind: kind, Secret: []byte(h.key.Seal(seal.AlarmSource, alarmSecret))}, 0); err != nil {
		h.t.Fatal(err)
	}
	if _, err := postgres.AddAlarmDevice(ctx, h.db.Pool, postgres.AlarmDevice{Org: h.region, Ident: "YG-0001", Kind: "smoke", Protocol: kind, Mode: alarm.Armed, Point: [2]float64{114.205, 22.685}}); err != nil {
		h.t.Fatal(err)
	}
}

// ring sends a signed webhook.
func (h *house) ring(body, nonce string, more ...string) reply {
	h.t.Helper()
	at := strconv.FormatInt(h.clock().Unix(), 10)
	headers := append([]string{"X-Gridward-Timestamp: " + at, "X-Gridward-Nonce: " + nonce, "X-Gridward-Signature: sha256=" + alarmhook.Sign([]byte(alarmSecret), at, nonce, []byte(body))}, more...)
	return h.send("POST /alarm-hook/hub", body, headers...)
}

func TestTheSignedWebhook(t *testing.T) {
	h := newHouse(t)
	h.alarms("webhook")
	var rec struct {
		Raised, Repeated, Duplicate int
		Quarantined                 []struct {
			Index  int
			Reason string
		}
	}
	read := func(r reply) {
		t.Helper()
		rec.Quarantined = nil
		if r.status != 200 || json.Unmarshal([]byte(r.body), &rec) != nil {
			t.Fatalf("%+v", r)
		}
	}
	const body = `{"device":"YG-0001","code":"smoke","id":"1"}`
	read(h.ring(body, "nonce-0001"))
	if rec.Raised != 1 {
		t.Errorf("%+v", rec)
	}
	if r := h.ring(body, "nonce-0001"); r.status != 401 {
		t.Errorf("played back: %+v", r)
	}
	read(h.ring(body, "nonce-0002"))
	if rec.Raised != 0 || rec.Duplicate != 1 {
		t.Errorf("sent again with a new nonce: %+v", rec)
	}
	read(h.ring(`{"events":[{"device":"YG-0001","code":"smoke","id":"2"},{"device":"NOBODY","code":"x"},{"device":"YG-0001"},7]}`, "nonce-0003"))
	if rec.Repeated != 1 || len(rec.Quarantined) != 3 {
		t.Errorf("%+v", rec)
	}
	read(h.ring("not JSON", "nonce-0004"))
	if len(rec.Quarantined) != 1 || rec.Quarantined[0].Index != -1 || rec.Quarantined[0].Reason != "bad_json" {
		t.Errorf("%+v", rec)
	}
	if n := h.count(`SELECT count(*) FROM quarantine WHERE alarm_source IS NOT NULL AND protocol = 'alarm'`); n != 4 {
		t.Errorf("%d records in quarantine", n)
	}

	now := h.clock()
	sign := func(secret, at, nonce, body string) []string {
		return []string{"X-Gridward-Timestamp: " + at, "X-Gridward-Nonce: " + nonce, "X-Gridward-Signature: " + alarmhook.Sign([]byte(secret), at, nonce, []byte(body))}
	}
	unix := func(at time.Time) string { return strconv.FormatInt(at.Unix(), 10) }
	for name, headers := range map[string][]string{
		"without a signature":    {"X-Gridward-Timestamp: " + unix(now), "X-Gridward-Nonce: nonce-0005"},
		"with another secret":    sign("another", unix(now), "nonce-0005", body),
		"of another body":        sign(alarmSecret, unix(now), "nonce-0005", body+" "),
		"six minutes ago":        sign(alarmSecret, unix(now.Add(-6*time.Minute)), "nonce-0005", body),
		"six minutes ahead":      sign(alarmSecret, unix(now.Add(6*time.Minute)), "nonce-0005", body),
		"without a time":         sign(alarmSecret, "now", "nonce-0005", body),
		"with too short a nonce": sign(alarmSecret, unix(now), "n", body),
	} {
		if r := h.send("POST /alarm-hook/hub", body, headers...); r.status != 401 {
			t.Errorf("%s: %+v", name, r)
		}
	}
	if r := h.send("POST /alarm-hook/other", body, sign("nobody", unix(now), "nonce-0006", body)...); r.status != 401 {
		t.Errorf("of a source that is not there: %+v", r)
	}
	read(h.ring(strings.Repeat(" ", 64<<10+1), "nonce-0007"))
	if len(rec.Quarantined) != 1 || rec.Quarantined[0].Reason != "too_large" {
		t.Errorf("%+v", rec)
	}
	if r := h.ring(strings.Repeat(" ", 1<<20+1), "nonce-0007"); r.status != 413 {
		t.Errorf("far too large: %+v", r)
	}
	h.exec(`UPDATE alarm_source SET cidr = '10.0.0.0/8'`)
	if r := h.ring(body, "nonce-0008"); r.status != 401 {
		t.Errorf("from elsewhere: %+v", r)
	}
	h.exec(`UPDATE alarm_source SET cidr = NULL, enabled = false`)
	if r := h.ring(body, "nonce-0009"); r.status != 401 {
		t.Errorf("switched off: %+v", r)
	}

	// What waits in quarantine is taken when its device is registered.
	var id int64
	h.scan(`SELECT id FROM quarantine WHERE reason = 'unknown_device'`, &id)
	everywhere := []string{fmt.Sprintf("%d.", h.region)}
	if _, err := h.up.Replay(t.Context(), id, everywhere, 0); !fault.Is(err, fault.Invalid) {
		t.Errorf("still unknown: %v", err)
	}
	h.exec(`UPDATE alarm_device SET ident = 'NOBODY'`)
	if outcome, err := h.up.Replay(t.Context(), id, everywhere, 0); err != nil || !strings.Contains(outcome, "raised 1") {
		t.Errorf("%q %v", outcome, err)
	}
}

// The example of docs/protocol.md, so that a stranger's first signature fits.
func TestTheWorkedExample(t *testing.T) {
	const (
		body = `{"device":"YG-0001","code":"smoke","at":"2026-11-26T04:00:00Z","id":"20261126-000017","text":"二层浓度超限"}`
		want = "9dbd90caca525d16fe2b219ab8fe4992d61f98de5c0aa32a3eea189e7a530656"
	)
	got := alarmhook.Sign([]byte("gridward-example-secret"), "1795665600", "f3a1c09d7e5b4a62", []byte(body))
	if got != want {
		t.Errorf("the signature is %s", got)
	}
	if wrong := alarmhook.Check([]byte("gridward-example-secret"), "1795665600", "f3a1c09d7e5b4a62", "sha256="+want, []byte(body), time.Unix(1795665600, 0)); wrong != "" {
		t.Error(wrong)
	}
}

// broker is a real MQTT broker, and what it was acknowledged.
type broker struct {
	mqttd.HookBase
	server *mqttd.Server
	url    string
	acked  chan uint16
}

func (b *broker) ID() string { return "count" }
func (b *broker) Provides(hook byte) bool {
	return hook == mqttd.OnQosComplete
}
func (b *broker) OnQosComplete(cl *mqttd.Client, pk packets.Packet) {
	if cl.ID == "gridward-test" {
		b.acked <- pk.PacketID
	}
}

func newBroker(t *testing.T) *broker {
	t.Helper()
	b := &broker{server: mqttd.New(&mqttd.Options{InlineClient: true, Logger: slog.New(slog.DiscardHandler)}), acked: make(chan uint16, 100)}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b.url = "mqtt://" + l.Addr().String()
	for _, err := range []error{
		b.server.AddHook(new(auth.AllowHook), nil), b.server.AddHook(b, nil), b.server.AddListener(listeners.NewNet("tcp", l)),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	go func() { _ = b.server.Serve() }()
	t.Cleanup(func() { _ = b.server.Close() })
	return b
}

func (b *broker) publish(t *testing.T, topic, payload string) {
	t.Helper()
	if err := b.server.Publish(topic, []byte(payload), false, 1); err != nil {
		t.Fatal(err)
	}
}

func (h *house) await(what, sql string, want int) {
	h.t.Helper()
	for h.count(sql) < want {
		select {
		case <-h.t.Context().Done():
			h.t.Fatal(what)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// At least once, all the way: a message is acknowledged to the broker only when
// it is on disk; what could not be taken comes again, and counts once.
func TestMQTTIsAcknowledgedAfterTheCommit(t *testing.T) {
	h := newHouse(t)
	h.alarms("mqtt")
	b := newBroker(t)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	listen := uplink.Broker{URL: b.url, Topics: []string{"gridward/alarm/#"}, Client: "gridward-test", Source: "hub"}
	go func() { done <- h.up.HearBroker(ctx, listen) }()
	subscribed := func() {
		t.Helper()
		for {
			if cl, ok := b.server.Clients.Get("gridward-test"); ok && !cl.Closed() && len(cl.State.Subscriptions.GetAll()) > 0 {
				return
			}
			select {
			case <-t.Context().Done():
				t.Fatal("nobody subscribed")
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
	subscribed()
	b.publish(t, "gridward/alarm/YG-0001", `{"code":"smoke","id":"1"}`) // the topic names the device
	<-b.acked
	h.await("the first message is on disk", `SELECT count(*) FROM alarm_event`, 1)

	h.exec(`UPDATE alarm_source SET enabled = false`) // it cannot be taken now
	b.publish(t, "gridward/alarm/YG-0001", `{"code":"gas","id":"2"}`)
	for { // the connection is given up
		if cl, ok := b.server.Clients.Get("gridward-test"); ok && cl.Closed() {
			break
		}
		select {
		case <-t.Context().Done():
			t.Fatal("the message was swallowed")
		case <-time.After(10 * time.Millisecond):
		}
	}
	if len(b.acked) != 0 || h.count(`SELECT count(*) FROM alarm_event`) != 1 {
		t.Fatal("acknowledged without being on disk")
	}
	h.exec(`UPDATE alarm_source SET enabled = true`)
	h.await("it comes again", `SELECT count(*) FROM alarm_event`, 2)
	<-b.acked

	stop() // away: the broker keeps it for the name
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	b.publish(t, "gridward/alarm/YG-0001", `{"code":"heat","id":"3"}`)
	b.publish(t, "gridward/alarm/YG-0001", `no JSON`)
	ctx, stop = context.WithCancel(t.Context())
	go func() { done <- h.up.HearBroker(ctx, listen) }()
	h.await("what was sent meanwhile", `SELECT count(*) FROM alarm_event`, 3)
	<-b.acked
	<-b.acked
	if n := h.count(`SELECT count(*) FROM quarantine WHERE reason = 'bad_json' AND alarm_source IS NOT NULL`); n != 1 {
		t.Errorf("%d in quarantine", n)
	}
	if n := h.count(`SELECT sum(count) FROM alarm_event`); n != 3 {
		t.Errorf("counted %d times", n)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestWhoCallsForHelpIsAskedMoreOften(t *testing.T) {
	h := newHouse(t)
	worker, _, token := h.car("native")
	bearer := "Authorization: Bearer " + token
	every := func() int {
		t.Helper()
		h.locked(func() { h.now = h.now.Add(time.Second) })
		return h.receipt(h.send("POST /api/v1/fixes", nativeBody(h.clock()), bearer)).IntervalS
	}
	usual := every()
	h.locked(func() { h.danger = worker })
	if usual < 4 || every() != 3 {
		t.Errorf("as usual %d s, in danger %d s", usual, every())
	}
	h.locked(func() { h.danger = 0 })
	if got := every(); got != usual {
		t.Errorf("afterwards %d s", got)
	}

	owner, _, token := h.car("owntracks")
	say := func() string {
		t.Helper()
		h.locked(func() { h.now = h.now.Add(time.Second) })
		r := h.send("POST /d/"+token, fmt.Sprintf(`{"_type":"location","lat":22.685,"lon":114.205,"tst":%d}`, h.clock().Unix()))
		if r.status != 200 {
			t.Fatalf("%+v", r)
		}
		return r.body
	}
	told := func(seconds int) string {
		return fmt.Sprintf(`[{"_type":"cmd","action":"setConfiguration","configuration":{"_type":"configuration","locatorInterval":%d}}]`, seconds)
	}
	if got := say(); got != "[]" {
		t.Errorf("nothing is asked: %s", got)
	}
	h.locked(func() { h.danger = owner })
	for i, want := range []string{told(3), "[]"} {
		if got := say(); got != want {
			t.Errorf("in danger, %d: %s", i, got)
		}
	}
	h.locked(func() { h.now = h.now.Add(time.Minute) })
	if got := say(); got != told(3) {
		t.Errorf("a minute later: %s", got)
	}
	h.locked(func() { h.danger = 0 })
	for i, want := range []string{told(usual), "[]"} {
		if got := say(); got != want {
			t.Errorf("afterwards, %d: %s", i, got)
		}
	}
	// A call that ended while this program was down: the app still holds its interval.
	other, _, token2 := h.car("owntracks")
	token = token2
	h.exec(`INSERT INTO sos (id, region_id, worker_id, at, state, closed_at) VALUES (gen_random_uuid(), $1, $2, $3, 'closed', $3)`, h.region, other, h.clock().Add(-time.Hour))
	for i, want := range []string{told(usual), "[]"} {
		if got := say(); got != want {
			t.Errorf("after a restart, %d: %s", i, got)
		}
	}
}

// A secret that this house's key does not open is the house's fault: the sender
// is asked to come again, and is not told that its signature is wrong.
func TestASecretThatCannotBeOpened(t *testing.T) {
	h := newHouse(t)
	h.alarms("webhook")
	other, _ := seal.Fresh()
	h.exec(`UPDATE alarm_source SET secret = $1`, []byte(other.Seal(seal.AlarmSource, alarmSecret)))
	if r := h.ring(`{"device":"YG-0001","type":"alarm"}`, "n-1"); r.status != 503 {
		t.Errorf("%d %s", r.status, r.body)
	}
}
