// Package owntracks reads the JSON that the OwnTracks apps post over HTTP.
//
// Only _type "location" is a fix. Every other kind, known or not, is read as
// far as it helps and answered well: a 4xx would stop the app's queue for good.
package owntracks

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/paulmach/orb"
	"golang.org/x/crypto/nacl/secretbox"

	"github.com/gridward/gridward/server/fleet"
)

// Message is one message of the app. Report is filled for a location only.
type Message struct {
	Type     string // location, transition, waypoint, lwt, …; "" for an empty body
	Topic    string // owntracks/<user>/<device>
	User     string
	Device   string
	TID      string
	ID       string // the app's own key of the message
	Trigger  string
	Pressure float64 // kPa, 0 = not said
	Report   fleet.Report
	Region   Region // of a transition or a waypoint
}

// Region is a place that the app watches, or the crossing of its border.
type Region struct {
	Name   string
	Event  string // enter or leave
	Point  orb.Point
	Radius float64
	At     time.Time // of the crossing; of a waypoint: when it was made
	Made   time.Time
}

// wire is every member that any kind of message may carry.
type wire struct {
	Type     text    `json:"_type"`
	ID       text    `json:"_id"`
	Topic    text    `json:"topic"`
	TID      text    `json:"tid"`
	Lat      *number `json:"lat"`
	Lon      *number `json:"lon"`
	Tst      text    `json:"tst"`
	Wtst     text    `json:"wtst"`
	Acc      *number `json:"acc"`
	Alt      *number `json:"alt"`
	Vel      *number `json:"vel"`
	Cog      *number `json:"cog"`
	Batt     *number `json:"batt"`
	Pressure *number `json:"p"`
	Rad      *number `json:"rad"`
	Trigger  text    `json:"t"`
	Event    text    `json:"event"`
	Desc     text    `json:"desc"`
	Data     text    `json:"data"`
}

type (
	text   = fleet.Text
	number = fleet.Number
)

// Decode reads one message. key is the device's secret for encrypted messages,
// "" when none is registered. An empty body is a message of no kind.
func Decode(raw []byte, h fleet.Habits, key string) (Message, error) {
	return decode(raw, h, key, true)
}

func decode(raw []byte, h fleet.Habits, key string, mayBeSealed bool) (Message, error) {
	m := Message{Report: fleet.Blank()}
	if raw = bytes.TrimSpace(raw); len(raw) == 0 {
		return m, nil
	}
	// The kind comes first: only of a location must every member be readable.
	var kind struct {
		Type text `json:"_type"`
	}
	if err := json.Unmarshal(raw, &kind); err != nil {
		return m, &fleet.Unreadable{Reason: fleet.BadJSON, Detail: fleet.Clip(err.Error())}
	}
	m.Type = string(kind.Type)
	var w wire
	if err := json.Unmarshal(raw, &w); err != nil {
		if m.Type != "location" && m.Type != "encrypted" {
			return m, nil
		}
		var u *fleet.Unreadable
		if errors.As(err, &u) {
			return m, u
		}
		return m, &fleet.Unreadable{Reason: fleet.BadJSON, Detail: fleet.Clip(err.Error())}
	}
	m.Topic, m.TID, m.ID, m.Trigger = string(w.Topic), string(w.TID), string(w.ID), string(w.Trigger)
	if parts := strings.Split(m.Topic, "/"); len(parts) >= 3 && parts[0] == "owntracks" {
		m.User, m.Device = parts[1], parts[2]
	}
	switch m.Type {
	case "location":
		return m, m.location(&w, h)
	case "transition", "waypoint":
		m.Region = region(&w, h)
	case "encrypted":
		if !mayBeSealed {
			return m, &fleet.Unreadable{Reason: fleet.NotUnderstood, Detail: "encrypted twice"}
		}
		open, err := unseal(string(w.Data), key)
		if err != nil {
			return m, err
		}
		return decode(open, h, "", false)
	}
	return m, nil
}

func (m *Message) location(w *wire, h fleet.Habits) error {
	r := &m.Report
	if w.Tst != "" {
		at, flag, err := fleet.ParseTime(string(w.Tst), h)
		if err != nil {
			return err
		}
		r.At, r.Flags = at, r.Flags|flag
	}
	if w.Batt != nil {
		r.Battery = fleet.Percent(float64(*w.Batt))
	}
	if w.Pressure != nil {
		m.Pressure = float64(*w.Pressure)
	}
	if w.Lat == nil && w.Lon == nil {
		return nil
	}
	if w.Lat == nil || w.Lon == nil {
		return &fleet.Unreadable{Reason: fleet.BadPlace, Detail: "one of lat and lon is missing"}
	}
	p, err := fleet.Place(float64(*w.Lon), float64(*w.Lat))
	if err != nil {
		return err
	}
	r.Point, r.Placed = p, true
	if w.Acc != nil {
		r.Accuracy = fleet.Figure(float64(*w.Acc))
	}
	if w.Alt != nil {
		r.Altitude = float32(*w.Alt)
	}
	if w.Vel != nil {
		r.Speed = fleet.Figure(float64(*w.Vel) * h.SpeedScale("kmh"))
	}
	if w.Cog != nil {
		r.Course = fleet.Course(float64(*w.Cog))
	}
	return nil
}

// region reads what it can: nothing of it is stored as a fix.
func region(w *wire, h fleet.Habits) Region {
	r := Region{Name: string(w.Desc), Event: string(w.Event)}
	if w.Lat != nil && w.Lon != nil {
		r.Point = orb.Point{float64(*w.Lon), float64(*w.Lat)}
	}
	if w.Rad != nil {
		r.Radius = float64(*w.Rad)
	}
	r.At, _, _ = fleet.ParseTime(string(w.Tst), h)
	r.Made, _, _ = fleet.ParseTime(string(w.Wtst), h)
	return r
}

// unseal opens a libsodium secretbox: base64 of a 24-byte nonce and the box,
// under the secret padded with zeros to 32 bytes.
func unseal(data, key string) ([]byte, error) {
	if key == "" {
		return nil, &fleet.Unreadable{Reason: fleet.NoKey, Detail: "encrypted, and no key is registered"}
	}
	wrong := &fleet.Unreadable{Reason: fleet.WrongKey, Detail: "not a box under this key"}
	box, err := base64.StdEncoding.DecodeString(data)
	if err != nil || len(box) < 24+secretbox.Overhead {
		return nil, wrong
	}
	var secret [32]byte
	copy(secret[:], key)
	open, ok := secretbox.Open(nil, box[24:], (*[24]byte)(box[:24]), &secret)
	if !ok {
		return nil, wrong
	}
	return open, nil
}
