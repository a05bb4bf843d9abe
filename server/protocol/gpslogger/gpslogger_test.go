package gpslogger

import (
	"errors"
	"testing"
	"time"

	"github.com/gridward/gridward/server/fleet"
)

func TestAliases(t *testing.T) {
	want := time.Date(2024, 5, 1, 8, 15, 30, 0, time.UTC)
	for _, q := range []string{
		"lat=31.2304&lon=121.4737&timestamp=1714551330&time=&s=1.4",
		"LATITUDE=31.2304&Longitude=121.4737&time=2024-05-01T08:15:30.000Z&spd=1.4&alt=",
		"lat=31.2304&lng=121.4737&time=2024-05-01T16:15:30.000%2B08:00&speed=1.4",
	} {
		r, err := Query(q, fleet.Habits{})
		if err != nil || !r.At.Equal(want) || r.Point != [2]float64{121.4737, 31.2304} || r.Speed != 1.4 || r.Altitude == r.Altitude {
			t.Errorf("%s: %v %+v", q, err, r)
		}
	}
}

func check(t *testing.T, r fleet.Report, err error) {
	t.Helper()
	var u *fleet.Unreadable
	if err != nil && (!errors.As(err, &u) || fleet.Reasons[u.Reason][0] == "") {
		t.Fatalf("an error without a reason: %v", err)
	}
	if r.Speed < 0 || r.Accuracy < 0 || r.Course > 360 || r.Battery > 100 {
		t.Fatalf("a figure that cannot be: %+v", r)
	}
}

func FuzzQuery(f *testing.F) {
	f.Add("lat=31.230400&lon=121.473700&timestamp=1714551330&altitude=12.5&speed=1.4&bearing=90&accuracy=4.0&batt=88")
	f.Add("lat=&lon=&time=%zz")
	f.Fuzz(func(t *testing.T, s string) { r, err := Query(s, fleet.Habits{}); check(t, r, err) })
}

func FuzzJSON(f *testing.F) {
	f.Add([]byte(`{"lat":31.2304,"lon":121.4737,"ts":1714551330,"alt":,"acc":}`))
	f.Fuzz(func(t *testing.T, b []byte) { r, err := JSON(b, fleet.Habits{}); check(t, r, err) })
}
