// Package gpslogger reads what the GPSLogger app sends to a custom URL.
//
// The user builds the URL and the body from placeholders, so keys have
// aliases; a placeholder without a value becomes an empty string and means
// "absent". Speeds are m/s. The body we document in the console is
//
//	{"lat":%LAT,"lon":%LON,"ts":%TIMESTAMP,"speed":%SPD,"bearing":%DIR,"altitude":%ALT,"accuracy":%ACC,"batt":%BATT}
package gpslogger

import (
	"bytes"
	"encoding/json"
	"net/url"
	"regexp"
	"strings"

	"github.com/gridward/gridward/server/fleet"
)

// aliases are the names people give to GPSLogger's figures.
var aliases = map[string]string{
	"lat": "lat", "latitude": "lat", "lon": "lon", "lng": "lon", "long": "lon", "longitude": "lon",
	"timestamp": "time", "time": "time", "ts": "time", "t": "time", "tst": "time",
	"speed": "speed", "spd": "speed", "s": "speed",
	"bearing": "course", "heading": "course", "direction": "course", "dir": "course", "course": "course",
	"altitude": "altitude", "alt": "altitude", "accuracy": "accuracy", "acc": "accuracy",
	"batt": "battery", "battery": "battery", "alarm": "alarm", "mock": "mock",
}

// Query reads a URL query or a form body.
func Query(raw string, h fleet.Habits) (fleet.Report, error) {
	values := map[string]string{}
	for pair := range strings.SplitSeq(raw, "&") {
		key, value, _ := strings.Cut(pair, "=")
		key, kerr := url.QueryUnescape(key)
		value, verr := url.QueryUnescape(value)
		if kerr != nil || verr != nil {
			return fleet.Blank(), &fleet.Unreadable{Reason: fleet.BadForm, Detail: fleet.Clip(pair)}
		}
		if name, ok := aliases[strings.ToLower(key)]; ok && value != "" {
			if _, twice := values[name]; !twice || strings.EqualFold(key, "timestamp") {
				values[name] = value
			}
		}
	}
	return read(values, h)
}

// hole is an unquoted value that a placeholder left empty: {"alt":,"acc":}
var hole = regexp.MustCompile(`:\s*([,}])`)

// JSON reads a body built from the documented template.
func JSON(raw []byte, h fleet.Habits) (fleet.Report, error) {
	var members map[string]json.RawMessage
	err := json.Unmarshal(raw, &members)
	if err != nil {
		err = json.Unmarshal(hole.ReplaceAll(raw, []byte(":null$1")), &members)
	}
	if err != nil {
		return fleet.Blank(), &fleet.Unreadable{Reason: fleet.BadJSON, Detail: fleet.Clip(err.Error())}
	}
	values := map[string]string{}
	for key, member := range members {
		name, ok := aliases[strings.ToLower(key)]
		var s string
		if json.Unmarshal(member, &s) != nil {
			s = string(bytes.TrimSpace(member))
		}
		if ok && s != "" && s != "null" {
			if _, twice := values[name]; !twice || strings.EqualFold(key, "timestamp") {
				values[name] = s
			}
		}
	}
	return read(values, h)
}

func read(values map[string]string, h fleet.Habits) (fleet.Report, error) {
	r := fleet.Blank()
	if s, ok := values["time"]; ok {
		at, flag, err := fleet.ParseTime(s, h)
		if err != nil {
			return r, err
		}
		r.At, r.Flags = at, flag
	}
	figures := map[string]float64{}
	for _, name := range []string{"lat", "lon", "speed", "course", "altitude", "accuracy", "battery"} {
		if s, ok := values[name]; ok {
			v, err := fleet.ParseNumber(name, s)
			if err != nil {
				return r, err
			}
			figures[name] = v
		}
	}
	if strings.EqualFold(values["alarm"], "sos") {
		r.Flags |= fleet.SOS
	}
	if values["mock"] == "true" || values["mock"] == "1" {
		r.Flags |= fleet.Mock
	}
	if v, ok := figures["battery"]; ok {
		r.Battery = fleet.Percent(v)
	}
	if v, ok := figures["speed"]; ok {
		r.Speed = fleet.Figure(v * h.SpeedScale("mps"))
	}
	if v, ok := figures["course"]; ok {
		r.Course = fleet.Course(v)
	}
	if v, ok := figures["altitude"]; ok {
		r.Altitude = float32(v)
	}
	if v, ok := figures["accuracy"]; ok {
		r.Accuracy = fleet.Figure(v)
	}
	lat, hasLat := figures["lat"]
	lon, hasLon := figures["lon"]
	if !hasLat && !hasLon {
		return r, nil
	}
	if hasLat != hasLon {
		return r, &fleet.Unreadable{Reason: fleet.BadPlace, Detail: "one of lat and lon is missing"}
	}
	p, err := fleet.Place(lon, lat)
	if err != nil {
		return r, err
	}
	r.Point, r.Placed = p, true
	return r, nil
}
