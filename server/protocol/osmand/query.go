// Package osmand reads the OsmAnd protocol: the query string of OsmAnd's live
// tracking and of the old Traccar Client, and the JSON of the new one.
//
// It is lenient as real clients need it: keys in any order, empty values mean
// absent, unknown keys are attributes. A record whose known values cannot be
// read is a *fleet.Unreadable, for quarantine; it is never half read.
package osmand

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/gridward/gridward/server/fleet"
)

// Cell is a radio cell that the device hears.
type Cell struct {
	MCC, MNC, LAC, CID int
	DBm                int // 0 = not said
}

// Wifi is an access point that the device hears.
type Wifi struct {
	MAC string // aa:bb:cc:dd:ee:ff
	DBm int    // 0 = not said
}

// Message is one record of one device. Only its Report is kept.
type Message struct {
	ID     string // what the client calls itself, or its token
	Report fleet.Report
	UUID   string // the client's own key of the record
	Cells  []Cell
	Wifi   []Wifi
	Extra  map[string]any // other attributes: numbers, booleans, strings
}

// Query reads a URL query or a form body.
func Query(raw string, h fleet.Habits) (Message, error) {
	m := Message{Report: fleet.Blank()}
	q := query{m: &m, h: h}
	for len(raw) > 0 {
		var pair string
		pair, raw, _ = strings.Cut(raw, "&")
		if pair == "" {
			continue
		}
		key, value, _ := strings.Cut(pair, "=")
		key, err := unescape(key)
		if err != nil {
			return m, err
		}
		if value, err = unescape(value); err != nil {
			return m, err
		}
		if value == "" {
			continue
		}
		if err := q.take(key, value); err != nil {
			return m, err
		}
	}
	return m, q.finish()
}

// ID returns the device that a query names, without reading the rest.
func ID(raw string) string {
	for pair := range strings.SplitSeq(raw, "&") {
		key, value, _ := strings.Cut(pair, "=")
		if key == "id" || key == "deviceid" || key == "device_id" {
			if v, err := unescape(value); err == nil && v != "" {
				return v
			}
		}
	}
	return ""
}

func unescape(s string) (string, error) {
	if !strings.ContainsAny(s, "%+") {
		return s, nil
	}
	u, err := url.QueryUnescape(s)
	if err != nil {
		return "", &fleet.Unreadable{Reason: fleet.BadForm, Detail: fleet.Clip(s)}
	}
	return u, nil
}

// query is a record being read.
type query struct {
	m              *Message
	h              fleet.Habits
	lat, lon       float64
	hasLat, hasLon bool
}

func (q *query) take(key, value string) error {
	r := &q.m.Report
	switch key {
	case "id", "deviceid", "device_id":
		q.m.ID = value
	case "timestamp", "time":
		at, flag, err := fleet.ParseTime(value, q.h)
		if err != nil {
			return err
		}
		r.At, r.Flags = at, r.Flags|flag
	case "lat", "lon", "speed", "bearing", "heading", "altitude", "accuracy", "batt":
		v, err := fleet.ParseNumber(key, value)
		if err != nil {
			return err
		}
		q.number(key, v)
	case "location":
		lat, lon, ok := strings.Cut(value, ",")
		if !ok {
			return &fleet.Unreadable{Reason: fleet.BadPlace, Detail: fleet.Clip("location=" + value)}
		}
		for key, s := range map[string]string{"lat": lat, "lon": lon} {
			v, err := fleet.ParseNumber(key, s)
			if err != nil {
				return err
			}
			q.number(key, v)
		}
	case "valid":
		if value != "true" && value != "1" {
			r.Flags |= fleet.InvalidFix
		}
	case "mock":
		if value == "true" || value == "1" {
			r.Flags |= fleet.Mock
		}
	case "alarm":
		if strings.EqualFold(value, "sos") {
			r.Flags |= fleet.SOS
		}
		q.extra(key, value)
	case "cell":
		return q.cell(value)
	case "wifi":
		return q.wifi(value)
	default:
		q.extra(key, attribute(value))
	}
	return nil
}

func (q *query) number(key string, v float64) {
	r := &q.m.Report
	switch key {
	case "lat":
		q.lat, q.hasLat = v, true
	case "lon":
		q.lon, q.hasLon = v, true
	case "speed":
		r.Speed = fleet.Figure(v * q.h.SpeedScale("kn"))
	case "bearing", "heading":
		r.Course = fleet.Course(v)
	case "altitude":
		r.Altitude = float32(v)
	case "accuracy":
		r.Accuracy = fleet.Figure(v)
	case "batt":
		r.Battery = fleet.Percent(v)
	}
}

func (q *query) finish() error {
	if !q.hasLat && !q.hasLon {
		return nil
	}
	if q.hasLat != q.hasLon {
		return &fleet.Unreadable{Reason: fleet.BadPlace, Detail: "one of lat and lon is missing"}
	}
	p, err := fleet.Place(q.lon, q.lat)
	if err != nil {
		return err
	}
	q.m.Report.Point, q.m.Report.Placed = p, true
	return nil
}

// mostExtras bounds what one record may carry along.
const mostExtras = 64

func (q *query) extra(key string, value any) {
	if len(q.m.Extra) >= mostExtras {
		return
	}
	if q.m.Extra == nil {
		q.m.Extra = map[string]any{}
	}
	q.m.Extra[key] = value
}

// attribute reads a value of no known key: a number, a truth value or a text.
func attribute(s string) any {
	if v, err := strconv.ParseFloat(s, 64); err == nil {
		return v
	}
	switch s {
	case "true":
		return true
	case "false":
		return false
	}
	return s
}

func (q *query) cell(value string) error {
	parts := strings.Split(value, ",")
	bad := &fleet.Unreadable{Reason: fleet.BadNumber, Detail: fleet.Clip("cell=" + value)}
	if len(parts) != 4 && len(parts) != 5 {
		return bad
	}
	var n [5]int
	for i, p := range parts {
		v, err := strconv.Atoi(p)
		if err != nil {
			return bad
		}
		n[i] = v
	}
	if len(q.m.Cells) < mostExtras {
		q.m.Cells = append(q.m.Cells, Cell{n[0], n[1], n[2], n[3], n[4]})
	}
	return nil
}

func (q *query) wifi(value string) error {
	mac, dbm, has := strings.Cut(value, ",")
	w := Wifi{MAC: strings.ReplaceAll(mac, "-", ":")}
	if has {
		v, err := strconv.Atoi(dbm)
		if err != nil {
			return &fleet.Unreadable{Reason: fleet.BadNumber, Detail: fleet.Clip("wifi=" + value)}
		}
		w.DBm = v
	}
	if len(q.m.Wifi) < mostExtras {
		q.m.Wifi = append(q.m.Wifi, w)
	}
	return nil
}
