package native

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/gridward/gridward/server/fleet"
)

const sample = `{
  "client": "m/1.0",
  "sessions": [{"id": "0199aaaa-0000-7000-8000-000000000001", "purpose": "patrol", "started_at": "2026-11-22T01:00:00Z", "ended_at": null, "consent": "2026-01"}],
  "fixes": [{"at": "2026-11-22T01:00:05Z", "lon": 114.2066, "lat": 22.6874, "accuracy": 6.5, "speed": 1.2, "course": 87, "altitude": 31, "battery": 88, "mock": false, "sos": false}]
}`

func TestTheDocumentedBatch(t *testing.T) {
	var b Batch
	if !fast([]byte(sample), &b) {
		t.Fatal("the fast reader does not know the documented batch")
	}
	if err := Decode([]byte(sample), &b); err != nil || len(b.Bad) != 0 {
		t.Fatal(err, b.Bad)
	}
	f := b.Fixes[0]
	if b.Client != "m/1.0" || len(b.Sessions) != 1 || !f.At.Equal(time.Date(2026, 11, 22, 1, 0, 5, 0, time.UTC)) || f.Point != [2]float64{114.2066, 22.6874} ||
		f.Accuracy != 6.5 || f.Speed != 1.2 || f.Course != 87 || f.Altitude != 31 || f.Battery != 88 || f.Flags != 0 || !f.Placed {
		t.Errorf("%+v", b)
	}
}

func TestRecordsThatCannotBe(t *testing.T) {
	for name, c := range map[string]struct {
		body   string
		reason fleet.Reason // of the record; "" = none is bad
		fixes  int
	}{
		"a fix beside a bad one stands":        {`{"fixes":[{"at":"2026-11-22T01:00:05Z","lon":1,"lat":2},{"at":"2026-11-22T01:00:05Z","lon":"x","lat":2}]}`, fleet.BadNumber, 1},
		"no time":                              {`{"fixes":[{"lon":1,"lat":2}]}`, fleet.BadTime, 0},
		"no place":                             {`{"fixes":[{"at":"2026-11-22T01:00:05Z"}]}`, fleet.BadPlace, 0},
		"a call for help needs no place":       {`{"fixes":[{"at":"2026-11-22T01:00:05Z","sos":true}]}`, "", 1},
		"a place nowhere":                      {`{"fixes":[{"at":"2026-11-22T01:00:05Z","lon":500,"lat":2}]}`, fleet.BadPlace, 0},
		"another datum":                        {`{"fixes":[{"at":"2026-11-22T01:00:05Z","lon":1,"lat":2,"crs":"mars"}]}`, fleet.BadCRS, 0},
		"a list for a fix":                     {`{"fixes":[[1,2]]}`, fleet.NotUnderstood, 0},
		"numbers as strings, times as numbers": {`{"fixes":[{"at":1763773205000,"lon":"1.5","lat":"2.5","speed":null}]}`, "", 1},
		"members of tomorrow":                  {`{"fixes":[{"at":"2026-11-22T01:00:05Z","lon":1,"lat":2,"floor":3}],"more":true}`, "", 1},
		"a session without an id":              {`{"sessions":[{"purpose":"patrol","started_at":"2026-11-22T01:00:00Z"}]}`, fleet.BadSession, 0},
		"a session that ends before it starts": {`{"sessions":[{"id":"0199aaaa-0000-7000-8000-000000000001","purpose":"patrol","started_at":"2026-11-22T01:00:00Z","ended_at":"2026-11-22T00:00:00Z"}]}`, fleet.BadSession, 0},
		"a purpose there is not":               {`{"sessions":[{"id":"0199aaaa-0000-7000-8000-000000000001","purpose":"nap","started_at":"2026-11-22T01:00:00Z"}]}`, fleet.BadSession, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var b Batch
			if err := Decode([]byte(c.body), &b); err != nil {
				t.Fatal(err)
			}
			if len(b.Fixes) != c.fixes || len(b.Bad) > 0 != (c.reason != "") || c.reason != "" && b.Bad[0].Reason != c.reason {
				t.Fatalf("%+v", b)
			}
			for _, bad := range b.Bad { // held alone, it is as bad as it was
				var again Batch
				if err := Decode(bad.Body, &again); err != nil || len(again.Bad) != 1 || again.Bad[0].Reason != bad.Reason {
					t.Errorf("%s: %v %+v", bad.Body, err, again)
				}
			}
		})
	}
	var b Batch
	for body, reason := range map[string]fleet.Reason{"": fleet.BadJSON, "[]": fleet.BadJSON, `{"fixes":3}`: fleet.BadJSON, `{"fixes":[` + strings.Repeat(`{},`, MostFixes) + `{}]}`: fleet.TooMany} {
		if err, ok := Decode([]byte(body), &b).(*fleet.Unreadable); !ok || err.Reason != reason {
			t.Errorf("%.20q: %v", body, err)
		}
	}
}

// FuzzFastIsSlow holds the two readers equal: what the fast one reads at all,
// it reads as encoding/json does.
func FuzzFastIsSlow(f *testing.F) {
	f.Add([]byte(sample))
	f.Add([]byte(`{"fixes":[{"at":"2026-02-29T01:00:05.123456789Z","lon":-0,"lat":-22.68740000000000001,"speed":-1,"course":361,"crs":"gcj02","sos":true,"mock":null}]}`))
	f.Add([]byte(`{"fixes":[{"at":"2024-02-29T23:59:59.9Z","lon":179.99999999,"lat":89.123456789012345,"battery":101}],"client":"x"}`))
	f.Add([]byte(`{"sessions":[],"fixes":[]}`))
	f.Add([]byte(`{"sessions":[{"id":1}],"fixes":[{}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var quick, sure Batch
		if !fast(raw, &quick) {
			_ = Decode(raw, &sure)
			return
		}
		if len(quick.Fixes) > MostFixes || len(quick.Sessions) > MostSessions {
			return
		}
		if err := slow(raw, &sure); err != nil {
			t.Fatalf("the fast reader took what is no batch: %v", err)
		}
		if len(sure.Bad) > 0 || sure.Client != quick.Client || len(sure.Fixes) != len(quick.Fixes) || len(sure.Sessions) != len(quick.Sessions) {
			t.Fatalf("fast %+v\nslow %+v", quick, sure)
		}
		for i := range sure.Fixes {
			if a, b := show(quick.Fixes[i]), show(sure.Fixes[i]); a != b {
				t.Fatalf("fast %s\nslow %s", a, b)
			}
		}
		for i := range sure.Sessions {
			if quick.Sessions[i] != sure.Sessions[i] {
				t.Fatalf("fast %+v\nslow %+v", quick.Sessions[i], sure.Sessions[i])
			}
		}
	})
}

// show writes a report so that equal ones are equal, NaN too.
func show(r fleet.Report) string {
	return fmt.Sprint(r.At.UnixNano(), math.Float64bits(r.Point[0]), math.Float64bits(r.Point[1]), r.Placed, r.Speed, r.Course, r.Accuracy, r.Altitude, r.Battery, r.Flags, r.CRS)
}

func body(n int) []byte {
	var b []byte
	b = append(b, `{"client":"bench","fixes":[`...)
	at := time.Date(2026, 11, 22, 1, 0, 0, 0, time.UTC)
	for i := range n {
		if i > 0 {
			b = append(b, ',')
		}
		one, _ := json.Marshal(map[string]any{"at": at.Add(time.Duration(i) * time.Second).Format(time.RFC3339Nano), "lon": 114.2066123 + float64(i)/1e5, "lat": 22.6874567, "accuracy": 6.5, "speed": 1.2, "course": 87, "battery": 88})
		b = append(b, one...)
	}
	return append(b, "]}"...)
}

func BenchmarkDecode(b *testing.B) {
	raw := body(100)
	for name, read := range map[string]func([]byte, *Batch) error{"fast": Decode, "encoding/json": func(raw []byte, b *Batch) error { b.Reset(); return slow(raw, b) }} {
		b.Run(name, func(b *testing.B) {
			var batch Batch
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				if err := read(raw, &batch); err != nil || len(batch.Fixes) != 100 {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100, "ns/fix")
		})
	}
}
