package osmand

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/gridward/gridward/server/fleet"
)

// body is the JSON of the new Traccar Client (flutter_background_geolocation).
type body struct {
	DeviceID text     `json:"device_id"`
	Location location `json:"location"`
}

type location struct {
	Timestamp text    `json:"timestamp"`
	UUID      text    `json:"uuid"`
	Mock      bool    `json:"mock"`
	Alarm     text    `json:"alarm"`
	Event     text    `json:"event"`
	Moving    *bool   `json:"is_moving"`
	Odometer  *number `json:"odometer"`
	Coords    *struct {
		Latitude  *number `json:"latitude"`
		Longitude *number `json:"longitude"`
		Accuracy  *number `json:"accuracy"`
		Speed     *number `json:"speed"`
		Heading   *number `json:"heading"`
		Altitude  *number `json:"altitude"`
	} `json:"coords"`
	Battery struct {
		Level    *number `json:"level"`
		Charging *bool   `json:"is_charging"`
	} `json:"battery"`
	Activity struct {
		Type text `json:"type"`
	} `json:"activity"`
	Extras map[string]any `json:"extras"`
}

// text is a string, or a number that a client sent where a string belongs.
type text string

func (t *text) UnmarshalJSON(b []byte) error {
	var s string
	if json.Unmarshal(b, &s) == nil {
		*t = text(s)
		return nil
	}
	if string(b) != "null" {
		*t = text(b)
	}
	return nil
}

// number is a number, also when quoted.
type number float64

func (n *number) UnmarshalJSON(b []byte) error {
	v, err := fleet.ParseNumber("value", strings.Trim(string(b), `"`))
	*n = number(v)
	return err
}

// JSON reads the body of the new Traccar Client. Speeds are m/s, -1 is unknown.
func JSON(raw []byte, h fleet.Habits) (Message, error) {
	m := Message{Report: fleet.Blank()}
	var b body
	if err := json.Unmarshal(raw, &b); err != nil {
		var u *fleet.Unreadable
		if errors.As(err, &u) {
			return m, u
		}
		return m, &fleet.Unreadable{Reason: fleet.BadJSON, Detail: fleet.Clip(err.Error())}
	}
	l, r := &b.Location, &m.Report
	m.ID, m.UUID = string(b.DeviceID), string(l.UUID)
	if l.Timestamp != "" {
		at, flag, err := fleet.ParseTime(string(l.Timestamp), h)
		if err != nil {
			return m, err
		}
		r.At, r.Flags = at, r.Flags|flag
	}
	if l.Mock {
		r.Flags |= fleet.Mock
	}
	if strings.EqualFold(string(l.Alarm), "sos") {
		r.Flags |= fleet.SOS
	}
	if l.Battery.Level != nil && *l.Battery.Level >= 0 {
		r.Battery = fleet.Percent(float64(*l.Battery.Level) * 100)
	}
	if c := l.Coords; c != nil {
		if c.Latitude == nil || c.Longitude == nil {
			return m, &fleet.Unreadable{Reason: fleet.BadPlace, Detail: "coords without latitude or longitude"}
		}
		p, err := fleet.Place(float64(*c.Longitude), float64(*c.Latitude))
		if err != nil {
			return m, err
		}
		r.Point, r.Placed = p, true
		if c.Accuracy != nil {
			r.Accuracy = fleet.Figure(float64(*c.Accuracy))
		}
		if c.Speed != nil {
			r.Speed = fleet.Figure(float64(*c.Speed) * h.SpeedScale("mps"))
		}
		if c.Heading != nil {
			r.Course = fleet.Course(float64(*c.Heading))
		}
		if c.Altitude != nil {
			r.Altitude = float32(*c.Altitude)
		}
	}
	m.Extra = l.extras()
	return m, nil
}

// extras gathers what is not part of a report, under Traccar's names.
func (l *location) extras() map[string]any {
	e := map[string]any{}
	for k, v := range l.Extras {
		if len(e) < mostExtras {
			e[k] = v
		}
	}
	if l.Event != "" {
		e["event"] = string(l.Event)
	}
	if l.Moving != nil {
		e["motion"] = *l.Moving
	}
	if l.Odometer != nil {
		e["odometer"] = float64(*l.Odometer)
	}
	if l.Activity.Type != "" {
		e["activity"] = string(l.Activity.Type)
	}
	if l.Battery.Charging != nil {
		e["charge"] = *l.Battery.Charging
	}
	return e
}

// JSONID returns the device that a JSON body names, without judging the rest.
func JSONID(raw []byte) string {
	var b struct {
		DeviceID text `json:"device_id"`
		Location struct {
			Hint text `json:"_"`
		} `json:"location"`
	}
	if json.Unmarshal(raw, &b) != nil {
		return ""
	}
	if b.DeviceID != "" {
		return string(b.DeviceID)
	}
	return ID(string(b.Location.Hint))
}
