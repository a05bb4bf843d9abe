package osmand

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/gridward/gridward/server/fleet"
)

// What the tables of server/uplink cannot see, because it is not stored.
func TestWhatIsReadBesideTheFix(t *testing.T) {
	m, err := Query("id=123456&timestamp=1377177267&cell=257,02,16,2224&cell=257,02,16,2223,-90&wifi=00-14-22-01-23-45,-80&wifi=00-1C-B3-09-85-15,-70", fleet.Habits{})
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(m.Cells, []Cell{{257, 2, 16, 2224, 0}, {257, 2, 16, 2223, -90}}) || !reflect.DeepEqual(m.Wifi, []Wifi{{"00:14:22:01:23:45", -80}, {"00:1C:B3:09:85:15", -70}}) {
		t.Errorf("%+v", m)
	}
	if m.ID != "123456" || m.Report.Placed || !m.Report.At.Equal(time.Date(2013, 8, 22, 13, 14, 27, 0, time.UTC)) {
		t.Errorf("%+v", m)
	}
	m, err = Query("ignition=true&rpm=933&fuel=24&driver=li", fleet.Habits{})
	if err != nil || !reflect.DeepEqual(m.Extra, map[string]any{"ignition": true, "rpm": 933.0, "fuel": 24.0, "driver": "li"}) {
		t.Errorf("%v %+v", err, m.Extra)
	}
	m, err = JSON([]byte(`{"location":{"uuid":"2FB04C65","event":"motionchange","is_moving":false,"odometer":0.5,"activity":{"type":"still"},"extras":{"device_integer_twelve_test":12,"device_bool_test":true},"timestamp":"2025-05-09T04:11:30.579Z"},"device_id":48241179}`), fleet.Habits{})
	if err != nil || m.ID != "48241179" || m.UUID != "2FB04C65" || m.Extra["event"] != "motionchange" || m.Extra["motion"] != false || m.Extra["activity"] != "still" ||
		m.Extra["odometer"] != 0.5 || m.Extra["device_integer_twelve_test"] != 12.0 || m.Extra["device_bool_test"] != true || m.Report.Placed {
		t.Errorf("%v %+v", err, m)
	}
}

func TestSpeedUnits(t *testing.T) {
	for unit, want := range map[string]float32{"": 5.14444, "kn": 5.14444, "mps": 10, "kmh": 2.7777777} {
		m, err := Query("lat=1&lon=1&speed=10", fleet.Habits{SpeedUnit: unit})
		if err != nil || m.Report.Speed != want {
			t.Errorf("10 %q are %v m/s, want %v (%v)", unit, m.Report.Speed, want, err)
		}
	}
}

// check holds for whatever a decoder returns: a fix, or a reason.
func check(t *testing.T, r fleet.Report, err error) {
	t.Helper()
	var u *fleet.Unreadable
	if err != nil && (!errors.As(err, &u) || fleet.Reasons[u.Reason][0] == "" || len(u.Detail) > 200) {
		t.Fatalf("an error without a reason: %v", err)
	}
	if err == nil && r.Placed && !(r.Point[0] >= -180 && r.Point[0] <= 180 && r.Point[1] >= -180 && r.Point[1] <= 180) {
		t.Fatalf("a place nowhere: %+v", r)
	}
	if r.Speed < 0 || r.Accuracy < 0 || r.Course < 0 || r.Course > 360 || r.Battery > 100 {
		t.Fatalf("a figure that cannot be: %+v", r)
	}
}

func FuzzQuery(f *testing.F) {
	f.Add("id=1&timestamp=1377177267&lat=60.0&lon=30.0&speed=0.0&bearing=0.0&altitude=0&hdop=0.0")
	f.Add("location=60.0,30.0&timestamp=2014-06-04+09%3A10%3A11&cell=1,2,3,4&wifi=a,-1&alarm=sos&valid=0&batt=7")
	f.Add("lat=NaN&lon=1e309&timestamp=99999999999999999999")
	f.Fuzz(func(t *testing.T, s string) {
		m, err := Query(s, fleet.Habits{})
		check(t, m.Report, err)
		_ = ID(s)
	})
}

func FuzzJSON(f *testing.F) {
	f.Add([]byte(`{"location":{"timestamp":"2025-06-15T13:45:12.862Z","coords":{"latitude":37.4219983,"longitude":-122.084,"accuracy":5,"speed":0,"heading":-1,"altitude":5},"battery":{"level":1},"extras":{"a":[1]}},"device_id":"48241179"}`))
	f.Add([]byte(`{"location":{"coords":null,"_":"&id=1&"}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := JSON(b, fleet.Habits{})
		check(t, m.Report, err)
		_ = JSONID(b)
	})
}
