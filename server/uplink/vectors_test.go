package uplink_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/nacl/secretbox"

	"github.com/gridward/gridward/server/fleet"
)

// The requests and values come from public test suites and protocol documents:
// Traccar's OsmAnd and OwnTracks decoder tests (Apache-2.0), the OwnTracks
// booklet, Traccar Client's template (Apache-2.0), GPSLogger's placeholders.
// The status codes are ours: what those servers refuse with 400 we hold.

const absent = -1

// want is what must be in the database after a request; NaN-like -1 is NULL.
type want struct {
	lat, lon                          float64
	at                                string // "" = the server's clock
	speed, course, accuracy, altitude float64
	battery                           int
	flags                             []string // these must be set
	not                               []string // these must not
}

func fixAt(lat, lon float64, at string) *want {
	return &want{lat: lat, lon: lon, at: at, speed: absent, course: absent, accuracy: absent, altitude: absent, battery: absent}
}

func (w want) with(edit func(*want)) *want { edit(&w); return &w }

const t1 = `{"location":{"timestamp":"2025-06-15T13:45:12.862Z","coords":{"latitude":37.4219983,"longitude":-122.084,"accuracy":5,"speed":0,"heading":-1,"altitude":5},"is_moving":false,"odometer":0,"event":"motionchange","battery":{"level":1,"is_charging":false},"activity":{"type":"still"},"extras":{},"_":"&id=ID&lat=37.4219983&lon=-122.084&timestamp=2025-06-15T13:45:12.862Z&"},"device_id":"ID"}`

const t2 = `{"location":{"timestamp":"2025-06-15T13:45:12.862Z","coords":{"latitude":37.4219983,"longitude":-122.084,"accuracy":5,"speed":0,"heading":-1,"altitude":5},"is_moving":false,"odometer":0,"event":"motionchange","battery":{"level":1,"is_charging":false},"activity":{"type":"still"},"extras":{"device_string_test":"long_device_id","device_bool_test":true,"device_bool_false_test":false,"device_integer_test":1,"device_integer_twelve_test":12,"device_double_test":1.345,"device_very_long_double_test":1763636.3442},"_":"&id=ID&lat=37.4219983&lon=-122.084&timestamp=2025-06-15T13:45:12.862Z&"},"device_id":"ID"}`

const t3 = `{"location":{"extras":{},"mock":true,"coords":{"speed_accuracy":-1,"speed":-1,"longitude":-122.406417,"ellipsoidal_altitude":0,"floor":null,"heading_accuracy":-1,"latitude":37.785834000000001,"accuracy":5,"altitude_accuracy":-1,"altitude":0,"heading":-1},"is_moving":false,"age":188,"odometer":0,"uuid":"2FB04C65-99CF-42AB-8DD3-EBCB4B108BF8","event":"motionchange","battery":{"level":-1,"is_charging":false},"activity":{"type":"unknown","confidence":100},"timestamp":"2025-05-09T04:11:30.579Z"},"device_id":"ID"}`

type vector struct {
	name     string
	protocol string
	line     string // ID stands for the token
	body     string
	headers  []string
	status   int
	answer   string       // the body of the answer, if it matters
	fix      *want        // what is stored; nil = nothing
	reason   fleet.Reason // of the quarantine row; "" = none
}

var vectors = []vector{
	{name: "O1 a status report without a place is only a sign of life", protocol: "osmand", status: 200,
		line: "GET /?id=ID&timestamp=1377177267&cell=257,02,16,2224&cell=257,02,16,2223,-90&wifi=00-14-22-01-23-45,-80&wifi=00-1C-B3-09-85-15,-70"},
	{name: "O2 without an id nobody sends", protocol: "osmand", status: 401, line: "GET /?timestamp=1377177267&lat=60.0&lon=30.0"},
	{name: "O3 ISO time", protocol: "osmand", status: 200, line: "GET /?id=ID&lat=42.06288&lon=-88.23412&timestamp=2016-01-27T18%3A55%3A47Z&hdop=6.0&altitude=224.0&speed=0.0",
		fix: fixAt(42.06288, -88.23412, "2016-01-27T18:55:47Z").with(func(w *want) { w.altitude, w.speed, w.not = 224, 0, []string{"no_zone"} })},
	{name: "O5 a time without a zone is the device's own and flagged", protocol: "osmand", status: 200,
		line: "GET /?lat=49.60688&lon=6.15788&timestamp=2014-06-04+09%3A10%3A11&altitude=384.7&speed=0.0&id=ID",
		fix:  fixAt(49.60688, 6.15788, "2014-06-04T01:10:11Z").with(func(w *want) { w.altitude, w.speed, w.flags = 384.7, 0, []string{"no_zone"} })},
	{name: "O6 zeros are values", protocol: "osmand", status: 200, line: "GET /?id=ID&timestamp=1377177267&lat=60.0&lon=30.0&speed=0.0&bearing=0.0&altitude=0&hdop=0.0",
		fix: fixAt(60, 30, "2013-08-22T13:14:27Z").with(func(w *want) { w.speed, w.course, w.altitude = 0, 0, 0 })},
	{name: "O7 the least there can be", protocol: "osmand", status: 200, line: "GET /?id=ID&timestamp=1377177267&lat=60.0&lon=30.0", fix: fixAt(60, 30, "2013-08-22T13:14:27Z")},
	{name: "O8 deviceid and heading, no time", protocol: "osmand", status: 200, line: "GET /?lat=60.0&lon=30.0&speed=0.0&heading=0.0&vacc=0&hacc=0&altitude=0&deviceid=ID",
		fix: fixAt(60, 30, "").with(func(w *want) { w.speed, w.course, w.altitude, w.flags = 0, 0, 0, []string{"no_time"} })},
	{name: "O10 location=lat,lon", protocol: "osmand", status: 200, line: "GET /?id=ID&timestamp=1377177267&location=60.0,30.0", fix: fixAt(60, 30, "2013-08-22T13:14:27Z")},
	{name: "O11 knots, and attributes", protocol: "osmand", status: 200,
		line: "GET /?id=ID&timestamp=1504763810&lat=40.7232948571&lon=-74.0061408571&bearing=7.19889788244&speed=40&ignition=true&rpm=933&fuel=24",
		fix:  fixAt(40.7232948571, -74.0061408571, "2017-09-07T05:56:50Z").with(func(w *want) { w.course, w.speed = 7.19889788244, 20.57776 })},
	{name: "O11 as a form body", protocol: "osmand", status: 200, line: "POST /", headers: []string{"Content-Type: application/x-www-form-urlencoded"},
		body: "id=ID&timestamp=1504763810&lat=40.7232948571&lon=-74.0061408571&bearing=7.19889788244&speed=40&ignition=true&rpm=933&fuel=24",
		fix:  fixAt(40.7232948571, -74.0061408571, "2017-09-07T05:56:50Z").with(func(w *want) { w.course, w.speed = 7.19889788244, 20.57776 })},
	{name: "the old Traccar Client posts an empty body with everything in the URL", protocol: "osmand", status: 200,
		line: "POST /?id=ID&timestamp=1442068686&lat=22.685&lon=114.205&speed=2.0&bearing=90&altitude=12&accuracy=8&batt=66&charge=true&mock=true",
		fix: fixAt(22.685, 114.205, "2015-09-12T14:38:06Z").with(func(w *want) {
			w.speed, w.course, w.altitude, w.accuracy, w.battery, w.flags = 1.028888, 90, 12, 8, 66, []string{"mock"}
		})},
	{name: "a path token, milliseconds", protocol: "osmand", status: 200, line: "GET /d/ID?timestamp=1377177267123&lat=60.0&lon=30.0", fix: fixAt(60, 30, "2013-08-22T13:14:27.123Z")},
	{name: "the client says that the fix is not valid", protocol: "osmand", status: 200, line: "GET /d/ID?timestamp=1377177267&lat=60.0&lon=30.0&valid=false",
		fix: fixAt(60, 30, "2013-08-22T13:14:27Z").with(func(w *want) { w.flags = []string{"invalid_fix"} })},
	{name: "null island is a flag", protocol: "osmand", status: 200, line: "GET /d/ID?timestamp=1377177267&lat=0&lon=0",
		fix: fixAt(0, 0, "2013-08-22T13:14:27Z").with(func(w *want) { w.flags = []string{"null_island", "old_clock"} })},
	{name: "exchanged lat and lon are a flag, stored as they came", protocol: "osmand", status: 200, line: "GET /d/ID?lat=114.205&lon=22.685",
		fix: fixAt(114.205, 22.685, "").with(func(w *want) { w.flags = []string{"swapped"} })},
	{name: "one bad number is held, not refused", protocol: "osmand", status: 200, line: "GET /d/ID?timestamp=1377177267&lat=abc&lon=30.0", reason: fleet.BadNumber},
	{name: "a bad time is held", protocol: "osmand", status: 200, line: "GET /d/ID?timestamp=yesterday&lat=60&lon=30.0", reason: fleet.BadTime},
	{name: "half a place is held", protocol: "osmand", status: 200, line: "GET /d/ID?lat=60", reason: fleet.BadPlace},
	{name: "no place on earth is held", protocol: "osmand", status: 200, line: "GET /d/ID?lat=600&lon=30", reason: fleet.BadPlace},
	{name: "a broken escape is held", protocol: "osmand", status: 200, line: "GET /d/ID?lat=6%zz&lon=30", reason: fleet.BadForm},
	{name: "an unknown token", protocol: "osmand", status: 401, line: "GET /d/gw_nobody?lat=60&lon=30"},
	{name: "the device's name without its token", protocol: "osmand", status: 401, line: "GET /?id=123456&lat=60&lon=30"},
	{name: "a name in the id and the token as Bearer", protocol: "osmand", status: 200, line: "GET /osmand?id=123456&timestamp=1377177267&lat=60&lon=30", headers: []string{"Authorization: Bearer ID"}, fix: fixAt(60, 30, "2013-08-22T13:14:27Z")},

	{name: "T1 the new Traccar Client", protocol: "osmand", status: 200, line: "POST /", body: t1, headers: []string{"Content-Type: application/json"},
		fix: fixAt(37.4219983, -122.084, "2025-06-15T13:45:12.862Z").with(func(w *want) { w.accuracy, w.speed, w.altitude, w.battery = 5, 0, 5, 100 })},
	{name: "T2 with attributes of every kind", protocol: "osmand", status: 200, line: "POST /", body: t2, headers: []string{"Content-Type: application/json"},
		fix: fixAt(37.4219983, -122.084, "2025-06-15T13:45:12.862Z").with(func(w *want) { w.accuracy, w.speed, w.altitude, w.battery = 5, 0, 5, 100 })},
	{name: "T3 mock, and -1 is unknown", protocol: "osmand", status: 200, line: "POST /", body: t3, headers: []string{"Content-Type: application/json"},
		fix: fixAt(37.785834, -122.406417, "2025-05-09T04:11:30.579Z").with(func(w *want) { w.accuracy, w.altitude, w.flags = 5, 0, []string{"mock"} })},
	{name: "T3 of an unknown device", protocol: "osmand", status: 401, line: "POST /", body: strings.ReplaceAll(t3, `"ID"`, `"658765"`), headers: []string{"Content-Type: application/json"}},
	{name: "broken JSON is held", protocol: "osmand", status: 200, line: "POST /d/ID", body: `{"location":`, headers: []string{"Content-Type: application/json"}, reason: fleet.BadJSON},

	{name: "W1 a location", protocol: "owntracks", status: 200, answer: "[]", line: "POST /d/ID",
		body: `{"_type":"location","acc":15,"alt":440,"batt":46,"conn":"w","lat":46.0681247,"lon":11.1512805,"t":"u","tid":"5t","tst":1551874878,"vac":2,"vel":0}`,
		fix:  fixAt(46.0681247, 11.1512805, "2019-03-06T12:21:18Z").with(func(w *want) { w.accuracy, w.altitude, w.battery, w.speed = 15, 440, 46, 0 })},
	{name: "W2 the least there can be", protocol: "owntracks", status: 200, answer: "[]", line: "POST /owntracks", headers: []string{"Authorization: Basic JJ"},
		body: `{"lon":2.29513,"lat":48.85833,"tst":1497349316,"_type":"location","tid":"JJ"}`, fix: fixAt(48.85833, 2.29513, "2017-06-13T10:21:56Z")},
	{name: "W3 km/h", protocol: "owntracks", status: 200, answer: "[]", line: "POST /owntracks", headers: []string{"Authorization: Basic JJ"},
		body: `{"cog":271,"lon":2.29513,"acc":5,"vel":61,"vac":21,"lat":48.85833,"tst":1497349316,"alt":167,"_type":"location","tid":"JJ","t":"u","batt":67}`,
		fix:  fixAt(48.85833, 2.29513, "2017-06-13T10:21:56Z").with(func(w *want) { w.course, w.accuracy, w.speed, w.altitude, w.battery = 271, 5, 16.9444, 167, 67 })},
	{name: "W4", protocol: "owntracks", status: 200, answer: "[]", line: "POST /d/ID", body: `{"lat":48.85,"lon":2.295,"_type":"location","tid":"JJ","tst":1497476456}`,
		fix: fixAt(48.85, 2.295, "2017-06-14T21:40:56Z")},
	{name: "W7 with a topic and a pressure", protocol: "owntracks", status: 200, answer: "[]", line: "POST /d/ID",
		body: `{"cog":271,"batt":41,"lon":2.29513,"acc":5,"vel":61,"vac":21,"lat":48.85833,"t":"u","tst":1497508651,"alt":167,"_type":"location","topic":"owntracks/jane/iphone","p":71,"tid":"JJ"}`,
		fix:  fixAt(48.85833, 2.29513, "2017-06-15T06:37:31Z").with(func(w *want) { w.course, w.accuracy, w.speed, w.altitude, w.battery = 271, 5, 16.9444, 167, 41 })},
	{name: "W8 a transition", protocol: "owntracks", status: 200, answer: "[]", line: "POST /d/ID",
		body: `{"_type":"transition","desc":"My favorite coffee shop (Delaville)","event":"enter","lat":48.87069,"lon":2.34916,"rid":"f7676c","tid":"j1","tst":1707057574,"wtst":1610104395}`},
	{name: "W9 another", protocol: "owntracks", status: 200, answer: "[]", line: "POST /d/ID",
		body: `{"_type":"transition","acc":65,"desc":"Main@WestWing","event":"enter","lat":2.2222,"lon":1.1111,"tid":"jp","tst":1433342520,"wtst":1432817332}`},
	{name: "W10 a waypoint with strings for numbers", protocol: "owntracks", status: 200, answer: "[]", line: "POST /d/ID",
		body: `{"_type":"waypoint","desc":"My favorite coffee shop (Delaville)","lat":48.87069,"lon":2.34916,"rad":"50","tst":"1385997757","rid":"f7676c","wtst":1610104395}`},
	{name: "W11 a last will", protocol: "owntracks", status: 200, answer: "[]", line: "POST /d/ID", body: `{"_type":"lwt","tst":1497508651}`},
	{name: "W12 encrypted, and no key", protocol: "owntracks", status: 200, answer: "[]", line: "POST /d/ID", body: `{"_type":"encrypted","data":"1Vu7Owp..."}`, reason: fleet.NoKey},
	{name: "W13 nothing at all", protocol: "owntracks", status: 200, answer: "[]", line: "POST /d/ID", body: ""},
	{name: "a kind nobody has heard of", protocol: "owntracks", status: 200, answer: "[]", line: "POST /d/ID", body: `{"_type":"hologram","lat":"here"}`},
	{name: "a location that cannot be read is held", protocol: "owntracks", status: 200, answer: "[]", line: "POST /d/ID", body: `{"_type":"location","lat":"here","lon":1,"tst":1}`, reason: fleet.BadNumber},
	{name: "the booklet's curl line lies about its content type", protocol: "owntracks", status: 200, answer: "[]", line: "POST /d/ID?u=jane&d=phone", headers: []string{"Content-Type: application/x-www-form-urlencoded"},
		body: `{"_type":"location","t":"u","batt":11,"lat":48.856826,"lon":2.292713,"tid":"JJ","tst":1736161169,"topic":"owntracks/jane/phone"}`,
		fix:  fixAt(48.856826, 2.292713, "2025-01-06T10:59:29Z").with(func(w *want) { w.battery = 11 })},
	{name: "OwnTracks on the door of an OsmAnd device", protocol: "osmand", status: 200, answer: "[]", line: "POST /d/ID", body: `{"lat":48.85,"lon":2.295,"_type":"location","tid":"JJ","tst":1497476456}`,
		fix: fixAt(48.85, 2.295, "2017-06-14T21:40:56Z")},

	{name: "G1 GPSLogger counts in m/s", protocol: "gpslogger", status: 200, line: "GET /gpslogger?id=worker7&lat=31.230400&lon=121.473700&timestamp=1714551330&altitude=12.5&speed=1.4&bearing=90&accuracy=4.0&batt=88", headers: []string{"X-Device-Token: ID"},
		fix: fixAt(31.2304, 121.4737, "2024-05-01T08:15:30Z").with(func(w *want) { w.altitude, w.speed, w.course, w.accuracy, w.battery = 12.5, 1.4, 90, 4, 88 })},
	{name: "G1 on a device's own path", protocol: "gpslogger", status: 200, line: "GET /d/ID?lat=31.230400&lon=121.473700&timestamp=1714551330&speed=1.4", fix: fixAt(31.2304, 121.4737, "2024-05-01T08:15:30Z").with(func(w *want) { w.speed = 1.4 })},
	{name: "G1 sent to the OsmAnd door is in knots", protocol: "osmand", status: 200, line: "GET /?id=ID&lat=31.230400&lon=121.473700&timestamp=1714551330&speed=1.4", fix: fixAt(31.2304, 121.4737, "2024-05-01T08:15:30Z").with(func(w *want) { w.speed = 0.7202216 })},
	{name: "G2 empty values are absent, time is an alias", protocol: "gpslogger", status: 200, line: "GET /gpslogger?id=ID&lat=31.2304&lon=121.4737&time=2024-05-01T08%3A15%3A30.000Z&s=1.4&alt=&acc=",
		fix: fixAt(31.2304, 121.4737, "2024-05-01T08:15:30Z").with(func(w *want) { w.speed = 1.4 })},
	{name: "G3 a body of the user's own names", protocol: "gpslogger", status: 200, line: "POST /gpslogger", headers: []string{"Authorization: Basic me"}, body: `{"lat":31.2304,"lon":121.4737,"ts":1714551330}`, fix: fixAt(31.2304, 121.4737, "2024-05-01T08:15:30Z")},
	{name: "a placeholder without a value leaves a hole in the body", protocol: "gpslogger", status: 200, line: "POST /d/ID", body: `{"lat":31.2304,"lon":121.4737,"ts":1714551330,"alt":,"acc":}`, fix: fixAt(31.2304, 121.4737, "2024-05-01T08:15:30Z")},
}

func TestVectors(t *testing.T) {
	h := newHouse(t)
	for _, v := range vectors {
		t.Run(v.name, func(t *testing.T) {
			_, device, token := h.car(v.protocol)
			headers := slices.Clone(v.headers)
			for i, s := range headers {
				if name, user, ok := strings.Cut(s, ": Basic "); ok {
					headers[i] = name + ": Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+token))
				} else {
					headers[i] = strings.ReplaceAll(s, "ID", token)
				}
			}
			line, body := strings.ReplaceAll(v.line, "ID", token), strings.ReplaceAll(v.body, "ID", token)
			for range 2 { // sent again, nothing changes
				got := h.send(line, body, headers...)
				if got.status != v.status {
					t.Fatalf("status %d (%s), want %d", got.status, got.body, v.status)
				}
				if v.status == http.StatusOK && got.body != v.answer {
					t.Errorf("answer %q, want %q", got.body, v.answer)
				}
			}
			h.check(t, device, v)
			var leaked int
			h.scan(`SELECT count(*) FROM quarantine WHERE query LIKE '%' || $1 || '%' OR position($1::bytea IN body) > 0`, &leaked, token)
			if leaked > 0 {
				t.Error("the token stands in quarantine")
			}
		})
	}
}

func (h *house) check(t *testing.T, device int64, v vector) {
	t.Helper()
	rows := h.rows(device)
	if v.fix == nil && len(rows) != 0 {
		t.Fatalf("stored %+v", rows)
	}
	if v.fix != nil {
		if v.fix.at == "" && len(rows) == 1 || v.fix.at != "" && len(rows) != 1 {
			if v.fix.at != "" {
				t.Fatalf("stored %d rows: %+v", len(rows), rows)
			}
		}
		h.same(t, *v.fix, rows[0])
	}
	var reason fleet.Reason
	var seen int
	if h.count(`SELECT count(*) FROM quarantine WHERE device_id = $1`, device) > 0 {
		h.scan(`SELECT reason FROM quarantine WHERE device_id = $1`, &reason, device)
		h.scan(`SELECT seen FROM quarantine WHERE device_id = $1`, &seen, device)
	}
	if reason != v.reason || (reason != "" && seen != 2) {
		t.Errorf("quarantine: %q seen %d times, want %q twice", reason, seen, v.reason)
	}
	if alive := h.count(`SELECT count(*) FROM device_seen WHERE device_id = $1`, device); v.status == 200 && v.reason == "" && alive != 1 {
		t.Error("the device was not seen")
	}
}

func (h *house) same(t *testing.T, w want, r row) {
	t.Helper()
	at := h.clock()
	if w.at != "" {
		at, _ = time.Parse(time.RFC3339Nano, w.at)
	}
	if !r.At.Equal(at) {
		t.Errorf("time %v, want %v", r.At, at)
	}
	if math.Abs(r.Point[0]-w.lon) > 1e-9 || math.Abs(r.Point[1]-w.lat) > 1e-9 {
		t.Errorf("place %v, want %v %v", r.Point, w.lon, w.lat)
	}
	for name, c := range map[string]struct {
		got  *float32
		want float64
	}{"speed": {r.Speed, w.speed}, "course": {r.Course, w.course}, "accuracy": {r.Accuracy, w.accuracy}, "altitude": {r.Altitude, w.altitude}} {
		if (c.got == nil) != (c.want == absent) || c.got != nil && math.Abs(float64(*c.got)-c.want) > 1e-3 {
			t.Errorf("%s %s, want %v", name, deref(c.got), c.want)
		}
	}
	if (r.Battery == nil) != (w.battery == absent) || r.Battery != nil && int(*r.Battery) != w.battery {
		t.Errorf("battery %v, want %v", r.Battery, w.battery)
	}
	words := r.Flags.Words()
	for _, f := range w.flags {
		if !slices.Contains(words, f) {
			t.Errorf("flags %v, want %s among them", words, f)
		}
	}
	for _, f := range w.not {
		if slices.Contains(words, f) {
			t.Errorf("flags %v, want no %s", words, f)
		}
	}
}

func deref(p *float32) string {
	if p == nil {
		return "NULL"
	}
	return strconv.FormatFloat(float64(*p), 'g', -1, 32)
}

func TestEncryptedOwnTracks(t *testing.T) {
	h := newHouse(t)
	_, device, token := h.car("owntracks")
	h.exec(`UPDATE device SET settings = '{"owntracks_key": "s3cret"}' WHERE id = $1`, device)
	seal := func(key string) string {
		var secret [32]byte
		copy(secret[:], key)
		nonce := [24]byte{1, 2, 3}
		box := secretbox.Seal(nonce[:], []byte(`{"_type":"location","lat":22.685,"lon":114.205,"tst":1736161169}`), &nonce, &secret)
		return `{"_type":"encrypted","data":"` + base64.StdEncoding.EncodeToString(box) + `"}`
	}
	if got := h.send("POST /d/"+token, seal("s3cret")); got.status != 200 || got.body != "[]" {
		t.Fatalf("%+v", got)
	}
	if rows := h.rows(device); len(rows) != 1 || rows[0].Point != [2]float64{114.205, 22.685} || rows[0].Grid == nil || *rows[0].Grid != h.grids[0] {
		t.Fatalf("stored %+v", rows)
	}
	if got := h.send("POST /d/"+token, seal("another")); got.status != 200 {
		t.Fatalf("%+v", got)
	}
	if n := h.count(`SELECT count(*) FROM quarantine WHERE device_id = $1 AND reason = 'wrong_key'`, device); n != 1 {
		t.Fatalf("%d rows in quarantine", n)
	}
}

func zip(s string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(s))
	_ = z.Close()
	return b.String()
}
