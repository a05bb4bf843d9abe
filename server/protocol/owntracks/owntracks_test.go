package owntracks

import (
	"errors"
	"testing"
	"time"

	"github.com/gridward/gridward/server/fleet"
)

// What the tables of server/uplink cannot see, because it is not stored.
func TestWhatIsReadBesideTheFix(t *testing.T) {
	decode := func(s string) Message {
		m, err := Decode([]byte(s), fleet.Habits{}, "")
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	utc := func(s string) time.Time { at, _ := time.Parse(time.RFC3339, s); return at }
	m := decode(`{"_type":"location","batt":41,"lon":2.29513,"lat":48.85833,"t":"u","tst":1497508651,"topic":"owntracks/jane/iphone","p":71,"tid":"JJ"}`)
	if m.User != "jane" || m.Device != "iphone" || m.TID != "JJ" || m.Trigger != "u" || m.Pressure != 71 || !m.Report.At.Equal(utc("2017-06-15T06:37:31Z")) {
		t.Errorf("W7: %+v", m)
	}
	m = decode(`{"_type":"transition","desc":"My favorite coffee shop (Delaville)","event":"enter","lat":48.87069,"lon":2.34916,"rid":"f7676c","tid":"j1","tst":1707057574,"wtst":1610104395}`)
	if m.Region.Event != "enter" || !m.Region.At.Equal(utc("2024-02-04T14:39:34Z")) || !m.Region.Made.Equal(utc("2021-01-08T11:13:15Z")) || m.Report.Placed {
		t.Errorf("W8: %+v", m)
	}
	if m = decode(`{"_type":"transition","acc":65,"event":"enter","lat":2.2222,"lon":1.1111,"tst":1433342520}`); !m.Region.At.Equal(utc("2015-06-03T14:42:00Z")) {
		t.Errorf("W9: %+v", m)
	}
	m = decode(`{"_type":"waypoint","desc":"x","lat":48.87069,"lon":2.34916,"rad":"50","tst":"1385997757"}`)
	if m.Region.Radius != 50 || !m.Region.At.Equal(utc("2013-12-02T15:22:37Z")) {
		t.Errorf("W10: %+v", m)
	}
	if m = decode(`{"_type":"lwt","tst":1497508651}`); m.Type != "lwt" || m.Report.Placed {
		t.Errorf("W11: %+v", m)
	}
	if m = decode(""); m.Type != "" || m.Report.Placed {
		t.Errorf("W13: %+v", m)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"cog":271,"lon":2.29513,"acc":5,"vel":61,"vac":21,"lat":48.85833,"tst":1497349316,"alt":167,"_type":"location","tid":"JJ","t":"u","batt":67}`), "")
	f.Add([]byte(`{"_type":"encrypted","data":"1Vu7Owp..."}`), "key")
	f.Add([]byte(`{"_type":"waypoint","rad":"50","tst":"1385997757"}`), "")
	f.Fuzz(func(t *testing.T, b []byte, key string) {
		m, err := Decode(b, fleet.Habits{}, key)
		var u *fleet.Unreadable
		if err != nil && (!errors.As(err, &u) || fleet.Reasons[u.Reason][0] == "") {
			t.Fatalf("an error without a reason: %v", err)
		}
		if r := m.Report; r.Speed < 0 || r.Accuracy < 0 || r.Battery > 100 || r.Placed && m.Type != "location" {
			t.Fatalf("%+v", m)
		}
	})
}
