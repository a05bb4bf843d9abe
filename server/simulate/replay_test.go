package simulate

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const plt = "Geolife trajectory\nWGS 84\nAltitude is in Feet\nReserved 3\n0,2,255,My Track,0,0,2,8421376\n0\n" +
	"39.906631,116.385564,0,492,39744.2451967593,2008-10-23,05:53:06\n" +
	"39.906554,116.385625,0,-777,39744.2452083333,2008-10-23,05:53:11\n" +
	"39.906554,116.385625,0,492,39744.2452083333,2008-10-23,05:53:11\n" + // the same second again
	"400.166,116.38,0,492,39744.24,2008-10-23,05:53:16\n" +
	"garbage\n"

func TestReadTrack(t *testing.T) {
	tests := map[string]struct {
		name, data string
		points     int
		insane     string
		err        string
	}{
		"a GeoLife file with a doubled second, a latitude of 400 and a cut line": {"a.plt", plt, 2, "1 not on the globe, 1 same time as another, 1 unreadable line", ""},
		"a .plt that ends in its heading":                                        {"a.plt", "Geolife trajectory\nWGS 84\n", 0, "", "inside its heading"},
		"a .plt that is none":                                                    {"a.plt", "lat,lon\n1,2\n", 0, "", "line 1"},
		"a CSV with semicolons and other names":                                  {"a.csv", "user_id;tracked_at;latitude;longitude;elevation\n1;2015-11-27T08:00:00Z;47.37;8.54;456\n1;2015-11-27T08:00:13Z;47.38;8.55;456\n", 2, "", ""},
		"a CSV in Unix time, out of order, with a point in the Gulf of Guinea":   {"a.csv", "lon,lat,time,battery\n114.2,22.69,1760000010,80\n114.2,22.69,1760000000000,80\n0,0,1760000020,80\n", 2, "1 at 0°, 0°", ""},
		"a CSV without a time":                                                   {"a.csv", "lon,lat\n1,2\n", 0, "", `no column "time"`},
		"a CSV with a quote that is never closed":                                {"a.csv", "lon,lat,time\n1,2,\"3\n", 0, "", "line 2"},
		"a GPX with two points":                                                  {"a.gpx", `<gpx version="1.1" xmlns="http://www.topografix.com/GPX/1/1"><trk><trkseg><trkpt lat="22.69" lon="114.2"><ele>30</ele><time>2026-01-01T00:00:00Z</time></trkpt><trkpt lat="22.691" lon="114.2"><time>2026-01-01T00:00:05.500Z</time></trkpt></trkseg></trk></gpx>`, 2, "", ""},
		"a GPX without times":                                                    {"a.gpx", `<gpx version="1.1" xmlns="http://www.topografix.com/GPX/1/1"><trk><trkseg><trkpt lat="22.69" lon="114.2"></trkpt></trkseg></trk></gpx>`, 0, "", "none of its points can be sent: 1 no time"},
		"a GPX that is cut off":                                                  {"a.gpx", `<gpx version="1.1" xmlns="http://www.topografix.com/GPX/1/1"><trk><trkseg><trkpt lat="22.69"`, 0, "", "no GPX that can be read"},
		"a GPX with no track":                                                    {"a.gpx", `<gpx version="1.1" xmlns="http://www.topografix.com/GPX/1/1"></gpx>`, 0, "", "no track point"},
		"another kind of file":                                                   {"a.kml", "", 0, "", `".kml"`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := parseTrack(tt.name, []byte(tt.data))
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("want an error with %q, got %v", tt.err, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(got.Fixes) != tt.points || reasons(got.Insane) != tt.insane {
				t.Errorf("%d points, left out %q", len(got.Fixes), reasons(got.Insane))
			}
		})
	}
}

func FuzzParseTrack(f *testing.F) {
	f.Add("a.plt", []byte(plt))
	f.Add("a.csv", []byte("time,lon,lat\n1760000000,114,22\n"))
	f.Add("a.gpx", []byte(`<gpx version="1.1" xmlns="http://www.topografix.com/GPX/1/1"><trk><trkseg><trkpt lat="1" lon="2"><time>2026-01-01T00:00:00Z</time></trkpt></trkseg></trk></gpx>`))
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		track, err := parseTrack(name, data)
		if err != nil {
			return
		}
		for i, fix := range track.Fixes {
			if math.Abs(fix.Point[0]) > 180 || math.Abs(fix.Point[1]) > 90 || i > 0 && !fix.At.After(track.Fixes[i-1].At) {
				t.Fatalf("point %d: %+v", i, fix)
			}
		}
	})
}

// The recordings beside the project, where they are: every one is read, or
// refused with a reason.
func TestReadRealTracks(t *testing.T) {
	for pattern, want := range map[string]int{"../../../shared/data/geolife/*.plt": 42500, "../../../shared/data/gpx/*.[gc][ps][xv]": 3900} {
		files, _ := filepath.Glob(pattern)
		if len(files) == 0 {
			t.Logf("no recordings at %s: not tested", pattern)
			continue
		}
		points := 0
		for _, file := range files {
			track, err := ReadTrack(file)
			t.Logf("%s: %d points, left out %s, %v", filepath.Base(file), len(track.Fixes), reasons(track.Insane), err)
			points += len(track.Fixes)
		}
		if points < want {
			t.Errorf("%s: %d points in %d files, want at least %d", pattern, points, len(files), want)
		}
	}
}

// walkTrack is n fixes, five seconds apart but for a gap of ten minutes.
func walkTrack(n int) Track {
	t := Track{Name: "walk.csv", Digest: "d", Insane: map[string]int{}}
	at := time.Date(2008, 10, 23, 2, 53, 4, 0, time.UTC)
	for i := range n {
		if i == n/2 {
			at = at.Add(10 * time.Minute)
		}
		t.Fixes = append(t.Fixes, blank(at.Add(time.Duration(i)*5*time.Second), 116.3+float64(i)/1e5, 39.99))
	}
	return t
}

func TestReplaySendsEverythingOnceMoreOrLess(t *testing.T) {
	for _, protocol := range []string{"native", "osmand"} {
		for _, speed := range []float64{0, 1, 7, 0.5} {
			t.Run(fmt.Sprintf("%s at %g", protocol, speed), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					server := newStrict(nil)
					server.trouble = func(time.Time) string {
						if server.rng.Float64() < 0.2 {
							return []string{"busy", "dead", "mute"}[server.rng.IntN(3)]
						}
						return ""
					}
					o := ReplayOptions{Speed: speed, ShiftToNow: true, State: filepath.Join(t.TempDir(), "state.json"), Sessions: true, Batch: 7}
					src := []Source{{walkTrack(200), "a", "token-a", protocol}, {walkTrack(90), "b", "token-b", protocol}}
					for run := range 2 {
						r, err := NewReplay(NewDoorVia("http://box", server), src, o)
						if err != nil {
							t.Fatal(err)
						}
						began := time.Now()
						if err := r.Run(t.Context()); err != nil {
							t.Fatal(err)
						}
						if took := time.Since(began); run == 0 && speed == 1 && (took < 26*time.Minute || took > 35*time.Minute) {
							t.Errorf("a track of 26.6 minutes took %v at its own pace", took)
						}
						if len(server.stored["a"]) != 200 || len(server.stored["b"]) != 90 {
							t.Fatalf("run %d: the server has %d and %d fixes", run, len(server.stored["a"]), len(server.stored["b"]))
						}
						for at := range server.stored["a"] {
							if at.After(time.Now()) {
								t.Errorf("%v lies in the future", at)
							}
						}
					}
					for _, w := range server.wrong {
						t.Error(w)
					}
				})
			})
		}
	}
}

func TestReplayResumesAfterStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newStrict(func(time.Time) string { return "" })
		o := ReplayOptions{Speed: 1, ShiftToNow: true, State: filepath.Join(t.TempDir(), "state.json"), Sessions: true}
		src := []Source{{walkTrack(300), "a", "token-a", "osmand"}, {walkTrack(40), "short", "token-short", "osmand"}}
		runs := 0
		for done := false; !done; runs++ {
			r, err := NewReplay(NewDoorVia("http://box", server), src, o)
			if err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithTimeout(t.Context(), 7*time.Minute)
			err = r.Run(ctx)
			done = err == nil
			stop()
		}
		if len(server.stored["a"]) != 300 || runs < 3 {
			t.Errorf("%d fixes after %d runs", len(server.stored["a"]), runs)
		}
		twice := 0
		for _, n := range server.stored["a"] {
			twice += n - 1
		}
		for at, n := range server.stored["short"] {
			if n > 2 {
				t.Errorf("%v of the track that was done was sent %d times", at, n)
			}
		}
		if twice > runs {
			t.Errorf("%d fixes were sent again over %d stops", twice, runs)
		}
	})
}

func TestReplayRefusesAnotherTrackForADevice(t *testing.T) {
	o := ReplayOptions{State: filepath.Join(t.TempDir(), "state.json")}
	door := NewDoorVia("http://box", newStrict(func(time.Time) string { return "" }))
	if _, err := NewReplay(door, []Source{{walkTrack(5), "a", "t", "osmand"}}, o); err != nil {
		t.Fatal(err)
	}
	other := walkTrack(5)
	other.Digest = "e"
	if _, err := NewReplay(door, []Source{{other, "a", "t", "osmand"}}, o); err == nil || !strings.Contains(err.Error(), "another track") {
		t.Errorf("got %v", err)
	}
	if err := os.WriteFile(o.State, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := NewReplay(door, nil, o); err == nil || !strings.Contains(err.Error(), "no state file") {
		t.Errorf("got %v", err)
	}
}

func TestWalksAreNoLongerThanShifts(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var fixes []Fix
	for i := range 20 * 60 { // twenty hours, a fix a minute, with a pause of two hours
		if i == 300 {
			at = at.Add(2 * time.Hour)
		}
		fixes = append(fixes, blank(at.Add(time.Duration(i)*time.Minute), 1, 1))
	}
	all := walks(fixes)
	next := 0
	for _, w := range all {
		if w.from != next || w.to <= w.from || fixes[w.to-1].At.Sub(fixes[w.from].At) > longestWalk {
			t.Errorf("%v after %d", w, next)
		}
		next = w.to
	}
	if next != len(fixes) || len(all) != 3 || all[0].to != 300 {
		t.Errorf("%v", all)
	}
}
