package uplink

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/gridward/gridward/server/desk"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/fleet"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/protocol/alarmhook"
	"github.com/gridward/gridward/server/seal"
)

// alarmReceipt is what a webhook is answered.
type alarmReceipt struct {
	Raised      int             `json:"raised"`
	Repeated    int             `json:"repeated"`
	Duplicate   int             `json:"duplicate"`
	Quiet       int             `json:"quiet"`
	Heard       int             `json:"heard"`
	Quarantined []quarantinedAt `json:"quarantined"`
	ServerTime  time.Time       `json:"server_time"`
}

// serveAlarm is the signed webhook of alarm systems. Who signs well is
// answered 2xx for whatever he says; what cannot be an alarm goes to quarantine.
func (u *Uplink) serveAlarm(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	refuse := func(text string) {
		u.d.Count("alarm", "unauthorized", 1)
		http.Error(w, text, http.StatusUnauthorized)
	}
	source, ok, err := postgres.AlarmSourceByName(ctx, u.d.DB.Pool, r.PathValue("source"))
	if err != nil {
		u.later(w, unavailable(err))
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, mostPacked+1))
	if err != nil {
		return // the sender is not there any more
	}
	if len(body) > mostPacked { // its signature is not worth finding out; up to here it is held as too large
		http.Error(w, "a body holds 64 KiB at most", http.StatusRequestEntityTooLarge)
		return
	}
	plain, err := u.d.Seal.Open(seal.AlarmSource, string(source.Secret))
	if err != nil { // nobody's signature can be checked: it is the house that is at fault
		u.d.Log("the secret of an alarm source cannot be opened: give it a new one, or start with the key that sealed it", "source", source.Name, "err", err)
		u.later(w, unavailable(err))
		return
	}
	secret := []byte(plain)
	if !ok || len(secret) == 0 { // a source that is not there takes as long as one that is
		ok, secret = false, []byte("nobody")
	}
	h := r.Header
	timestamp, nonce := h.Get("X-Gridward-Timestamp"), h.Get("X-Gridward-Nonce")
	wrong := alarmhook.Check(secret, timestamp, nonce, h.Get("X-Gridward-Signature"), body, u.d.Clock())
	switch {
	case !ok || source.Kind != "webhook":
		refuse("no such source, or the signature does not fit")
		return
	case wrong != "":
		refuse(wrong)
		return
	case !source.Enabled:
		refuse("the source is switched off")
		return
	case source.CIDR != nil && !u.within(r, *source.CIDR):
		refuse("this source may not call from here")
		return
	}
	rec, err := u.takeAlarm(ctx, source, nonce, body, "")
	if fault.Is(err, fault.Unknown) {
		refuse("this nonce was used before")
		return
	}
	if err != nil {
		u.later(w, unavailableUnlessFault(err))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(rec)
}

// within reports whether the request comes out of the network.
func (u *Uplink) within(r *http.Request, network netip.Prefix) bool {
	address := r.RemoteAddr
	if u.d.Address != nil {
		address = u.d.Address(r)
	}
	if from, err := netip.ParseAddrPort(address); err == nil {
		return network.Contains(from.Addr().Unmap())
	}
	from, err := netip.ParseAddr(address)
	return err == nil && network.Contains(from.Unmap())
}

func unavailableUnlessFault(err error) error {
	if fault.Is(err, fault.Busy) {
		return err
	}
	return unavailable(err)
}

// takeAlarm brings one message of a source to disk, all of it. device names the
// device of a message that does not.
func (u *Uplink) takeAlarm(ctx context.Context, source postgres.AlarmSource, nonce string, body []byte, device string) (alarmReceipt, error) {
	now := u.d.Clock().UTC()
	signals, bad := alarmhook.Decode(body, device, now)
	held := func(reason fleet.Reason, detail string, body []byte) postgres.Held {
		return postgres.Held{ReceivedAt: now, Region: source.Region, Source: source.ID, Protocol: "alarm", Reason: reason, Detail: detail, Method: "POST", Query: clean(device), ContentType: "application/json", Body: body}
	}
	rec := alarmReceipt{Quarantined: []quarantinedAt{}, ServerTime: now.Truncate(time.Millisecond)}
	in := desk.AlarmIntake{Source: source, Nonce: nonce, Signals: signals,
		Unknown: func(s alarmhook.Signal) postgres.Held { return held(fleet.UnknownDevice, s.Device, s.Raw) }}
	for _, b := range bad {
		in.Held = append(in.Held, held(b.Reason, clean(b.Detail), b.Body))
		rec.Quarantined = append(rec.Quarantined, quarantinedAt{b.Index, b.Reason})
	}
	got, err := u.d.Desk.TakeAlarm(ctx, in)
	if err != nil {
		return rec, err
	}
	for _, i := range got.Unknown {
		rec.Quarantined = append(rec.Quarantined, quarantinedAt{i, fleet.UnknownDevice})
	}
	rec.Raised, rec.Repeated, rec.Duplicate, rec.Quiet, rec.Heard = got.Raised, got.Repeated, got.Duplicate, got.Quiet, got.Heard
	for outcome, n := range map[string]int{"raised": got.Raised, "repeated": got.Repeated, "duplicate": got.Duplicate, "quiet": got.Quiet, "status": got.Heard, "unreadable": len(rec.Quarantined)} {
		if n > 0 {
			u.d.Count("alarm", outcome, n)
		}
	}
	return rec, nil
}

// replayAlarm reads a quarantined message of a source again, as it came: its
// device may be registered now.
func (u *Uplink) replayAlarm(ctx context.Context, h postgres.Held, by int64) (outcome string, err error) {
	source, err := postgres.AlarmSourceByID(ctx, u.d.DB.Pool, h.Source)
	if err != nil {
		return "", err
	}
	signals, bad := alarmhook.Decode(h.Body, h.Query, h.ReceivedAt)
	if len(bad) > 0 {
		return "", fault.New(fault.Invalid, "仍然无法识别：%s", fleet.Reasons[bad[0].Reason][0])
	}
	got, err := u.d.Desk.TakeAlarm(ctx, desk.AlarmIntake{Source: source, Signals: signals})
	if err != nil {
		return "", err
	}
	if len(got.Unknown) > 0 {
		return "", fault.New(fault.Invalid, "仍然无法识别：%s", fleet.Reasons[fleet.UnknownDevice][0])
	}
	outcome = "raised " + strconv.Itoa(got.Raised+got.Repeated) + ", duplicate " + strconv.Itoa(got.Duplicate) + ", quiet " + strconv.Itoa(got.Quiet) + ", heard " + strconv.Itoa(got.Heard)
	return outcome, postgres.DecideHeld(ctx, u.d.DB.Pool, h.ID, "replayed", outcome, by, u.d.Clock())
}

// Broker is how the customer's MQTT broker is reached.
type Broker struct {
	URL    string   // mqtt://user:password@host:1883, or mqtts://
	Topics []string // filters; the last part of a topic names the device where the message does not
	Client string   // the client's name: the broker keeps for it what was not acknowledged
	Source string   // the alarm source that the broker's messages count as
}

// HearBroker takes alarms from the broker until ctx ends.
func (u *Uplink) HearBroker(ctx context.Context, b Broker) error {
	return listen(ctx, b, func(ctx context.Context, topic string, payload []byte) error {
		source, ok, err := postgres.AlarmSourceByName(ctx, u.d.DB.Pool, b.Source)
		if err != nil {
			return err
		}
		if !ok || source.Kind != "mqtt" || !source.Enabled {
			return fault.New(fault.Busy, "没有名为 %s 的 MQTT 报警来源，或者已停用", b.Source)
		}
		_, err = u.takeAlarm(ctx, source, "", payload, topic[strings.LastIndexByte(topic, '/')+1:])
		return err
	}, u.d.Log)
}
