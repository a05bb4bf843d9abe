// Package alarmhook reads what other systems say about alarm devices, the same
// JSON by signed webhook and by MQTT, and knows how a webhook is signed
// (docs/protocol.md, section 4).
package alarmhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gridward/gridward/server/fleet"
)

const (
	MostBytes  = 64 << 10        // of one body
	MostEvents = 200             // in one body
	Skew       = 5 * time.Minute // that a webhook's timestamp may be off
	oldest     = 72 * time.Hour  // an older time is a device's clock that was never set
	ahead      = 2 * time.Minute
)

// Signal is one thing that a device says.
type Signal struct {
	Index   int    // in the body
	Device  string // its name
	ID      string // the sender's own key of the message: the same again counts once
	Event   string // alarm, heartbeat, test, fault
	Code    string // what kind of alarm, in the device's words
	At      time.Time
	Key     string // by which the message is known when it comes again; "" = by nothing
	Level   string // notice, normal, urgent, critical; "" = by the kind of device
	Text    string
	Battery *int16
	Raw     json.RawMessage
}

// Bad is a part of a body that can never be a signal.
type Bad struct {
	Index  int // -1 = the whole body
	Reason fleet.Reason
	Detail string
	Body   []byte
}

type wireSignal struct {
	Device  fleet.Text    `json:"device"`
	ID      fleet.Text    `json:"id"`
	Event   string        `json:"event"`
	Code    fleet.Text    `json:"code"`
	At      fleet.Text    `json:"at"`
	Level   string        `json:"level"`
	Text    string        `json:"text"`
	Battery *fleet.Number `json:"battery"`
}

// Decode reads a body: one signal, or {"events": [...]}. device names the
// device of a signal that does not (a topic does); now is when it came. What
// cannot be read is in bad, the rest stands.
func Decode(raw []byte, device string, now time.Time) (signals []Signal, bad []Bad) {
	if len(raw) > MostBytes {
		return nil, []Bad{{-1, fleet.TooLarge, "more than 64 KiB", raw[:1<<10]}}
	}
	var many struct {
		Events []json.RawMessage `json:"events"`
	}
	if err := json.Unmarshal(raw, &many); err != nil {
		return nil, []Bad{{-1, fleet.BadJSON, fleet.Clip(err.Error()), raw}}
	}
	if many.Events == nil {
		many.Events = []json.RawMessage{raw}
	}
	if len(many.Events) > MostEvents {
		return nil, []Bad{{-1, fleet.TooMany, "more than 200 events", raw}}
	}
	for i, one := range many.Events {
		s, reason, detail := signal(one, device, now)
		if reason != "" {
			bad = append(bad, Bad{i, reason, fleet.Clip(detail), one})
			continue
		}
		s.Index = i
		signals = append(signals, s)
	}
	return signals, bad
}

func signal(raw json.RawMessage, device string, now time.Time) (s Signal, reason fleet.Reason, detail string) {
	var w wireSignal
	if err := json.Unmarshal(raw, &w); err != nil {
		return s, fleet.BadJSON, err.Error()
	}
	s = Signal{Device: strings.TrimSpace(string(w.Device)), ID: string(w.ID), Event: w.Event, Code: strings.TrimSpace(string(w.Code)), Level: w.Level, Text: w.Text, At: now, Raw: raw}
	if s.Device == "" {
		s.Device = device
	}
	if s.Event == "" {
		s.Event = "alarm"
	}
	for name, t := range map[string]struct {
		text string
		most int
	}{"device": {s.Device, 64}, "id": {s.ID, 128}, "code": {s.Code, 64}, "text": {s.Text, 500}} {
		if utf8.RuneCountInString(t.text) > t.most || !utf8.ValidString(t.text) || strings.ContainsRune(t.text, 0) {
			return s, fleet.NotUnderstood, name + " is too long or not text"
		}
	}
	switch s.Event {
	case "alarm", "test":
		if s.Code == "" {
			return s, fleet.NotUnderstood, "code is missing"
		}
	case "heartbeat", "fault":
	default:
		return s, fleet.NotUnderstood, "event: " + s.Event
	}
	switch s.Level {
	case "", "notice", "normal", "urgent", "critical":
	default:
		return s, fleet.NotUnderstood, "level: " + s.Level
	}
	if s.Device == "" {
		return s, fleet.UnknownDevice, "device is missing"
	}
	if w.Battery != nil {
		if b := fleet.Percent(float64(*w.Battery)); b >= 0 {
			s.Battery = &b
		}
	}
	if w.At != "" {
		at, _, err := fleet.ParseTime(string(w.At), fleet.Habits{})
		if err != nil {
			return s, fleet.BadTime, err.Error()
		}
		if at.After(now.Add(-oldest)) && at.Before(now.Add(ahead)) {
			s.At = at
		}
		if s.At.After(now) {
			s.At = now // a device's clock never dates an alarm into the future
		}
		s.Key = s.Code + "@" + string(w.At)
	}
	if s.ID != "" {
		s.Key = "id:" + s.ID
	}
	return s, "", ""
}

// Sign makes the signature of a webhook: HMAC-SHA256 over the timestamp, the
// nonce and the body with a full stop between, as lower-case hex.
func Sign(secret []byte, timestamp, nonce string, body []byte) string {
	m := hmac.New(sha256.New, secret)
	m.Write([]byte(timestamp + "." + nonce + "."))
	m.Write(body)
	return hex.EncodeToString(m.Sum(nil))
}

// Check says what is wrong with a webhook's signature; "" is nothing.
func Check(secret []byte, timestamp, nonce, signature string, body []byte, now time.Time) string {
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
		return "X-Gridward-Timestamp is not Unix seconds"
	}
	if d := now.Sub(time.Unix(seconds, 0)); d > Skew || d < -Skew {
		return "X-Gridward-Timestamp is more than five minutes off"
	}
	if len(nonce) < 8 || len(nonce) > 64 || strings.ContainsFunc(nonce, func(r rune) bool { return r <= ' ' || r > '~' || r == '.' }) {
		return "X-Gridward-Nonce wants 8 to 64 visible characters other than a full stop"
	}
	signature = strings.TrimPrefix(signature, "sha256=")
	if !hmac.Equal([]byte(strings.ToLower(signature)), []byte(Sign(secret, timestamp, nonce, body))) {
		return "X-Gridward-Signature does not fit"
	}
	return ""
}
