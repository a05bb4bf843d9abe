package ingest

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gridward/gridward/server/postgres"
)

var eight = time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)

// at is a sighting so many seconds after eight.
func at(second int, grid int64, outside float64) sighting {
	return sighting{at: eight.Add(time.Duration(second) * time.Second), grid: grid, version: 1, accuracy: 8, outside: outside, gap: 10 * time.Second}
}

func TestTrack(t *testing.T) {
	type interval struct {
		grid          int64
		from, to, end int // seconds; end -1 = open
	}
	for name, c := range map[string]struct {
		seen []sighting
		want []interval
	}{
		"standing still is one stay":              {[]sighting{at(0, 1, 0), at(10, 1, 0), at(20, 1, 0)}, []interval{{1, 0, 20, -1}}},
		"walking along the border is one stay":    {[]sighting{at(0, 1, 0), at(10, 2, 4), at(20, 1, 0), at(30, 2, 6), at(40, 1, 0)}, []interval{{1, 0, 40, -1}}},
		"one jump deep into another is no move":   {[]sighting{at(0, 1, 0), at(10, 2, 200), at(20, 1, 0)}, []interval{{1, 0, 20, -1}}},
		"two fixes deep inside are a move":        {[]sighting{at(0, 1, 0), at(10, 2, 50), at(20, 2, 60)}, []interval{{1, 0, 0, 10}, {2, 10, 20, -1}}},
		"a minute just over the border is a move": {[]sighting{at(0, 1, 0), at(10, 2, 5), at(40, 2, 5), at(70, 2, 5)}, []interval{{1, 0, 0, 10}, {2, 10, 70, -1}}},
		"leaving every grid ends the stay":        {[]sighting{at(0, 1, 0), at(10, 0, 50), at(20, 0, 60)}, []interval{{1, 0, 0, 10}}},
		"coming back is a new stay":               {[]sighting{at(0, 1, 0), at(10, 0, 50), at(20, 0, 60), at(30, 1, 0)}, []interval{{1, 0, 0, 10}, {1, 30, 30, -1}}},
		"a long silence ends the stay":            {[]sighting{at(0, 1, 0), at(10, 1, 0), at(7200, 1, 0)}, []interval{{1, 0, 10, 10}, {1, 7200, 7200, -1}}},
		"a vague fix says nothing":                {[]sighting{at(0, 1, 0), {at: eight.Add(10 * time.Second), grid: 2, accuracy: 900, outside: 900}, {at: eight.Add(20 * time.Second), grid: 2, accuracy: 900, outside: 900}}, []interval{{1, 0, 0, -1}}},
		"through a third grid":                    {[]sighting{at(0, 1, 0), at(10, 2, 50), at(20, 3, 90), at(30, 3, 99)}, []interval{{1, 0, 0, 20}, {3, 20, 30, -1}}},
	} {
		t.Run(name, func(t *testing.T) {
			var s postgres.Stay
			var got []interval
			second := func(t time.Time) int { return int(t.Sub(eight) / time.Second) }
			for _, f := range c.seen {
				now, ended := track(s, f)
				if ended.Grid != 0 {
					got = append(got, interval{ended.Grid, second(ended.EnteredAt), second(ended.LastAt), second(ended.LeftAt)})
				}
				s = now
			}
			if s.Grid != 0 {
				got = append(got, interval{s.Grid, second(s.EnteredAt), second(s.LastAt), -1})
			}
			if len(got) != len(c.want) {
				t.Fatalf("%v, want %v", got, c.want)
			}
			for i := range got {
				if got[i] != c.want[i] {
					t.Errorf("%v, want %v", got[i], c.want[i])
				}
			}
		})
	}
}

// Whatever is seen: stays follow each other, never overlap, and never run backwards.
func TestStaysNeverOverlap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s postgres.Stay
		var end time.Time
		now := eight
		for range rapid.IntRange(1, 60).Draw(t, "n") {
			now = now.Add(time.Duration(rapid.IntRange(1, 4000).Draw(t, "gap")) * time.Second)
			next, ended := track(s, sighting{at: now, grid: rapid.Int64Range(0, 3).Draw(t, "grid"), version: 1,
				accuracy: rapid.Float64Range(0, 150).Draw(t, "accuracy"), outside: rapid.Float64Range(-5, 200).Draw(t, "outside"), gap: 10 * time.Second})
			if ended.Grid != 0 {
				if ended.EnteredAt != s.EnteredAt || ended.LeftAt.Before(ended.EnteredAt) || ended.LeftAt.Before(ended.LastAt) || ended.EnteredAt.Before(end) {
					t.Fatalf("ended %+v after %+v, the one before until %v", ended, s, end)
				}
				end = ended.LeftAt
			}
			if next.Grid != 0 && (next.EnteredAt.Before(end) || next.LastAt.Before(next.EnteredAt) || next.LastAt.After(now)) {
				t.Fatalf("now %+v", next)
			}
			s = next
		}
	})
}
