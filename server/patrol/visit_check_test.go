package patrol_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/patrol"
)

// One degree of longitude at 30° N is 96,3 km: 0.001° are 96 m.
func TestWhatIsDoubtfulAboutAVisit(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 26, 1, 0, 0, 0, time.UTC)
	door, near, away := orb.Point{121, 30}, orb.Point{121.001, 30}, orb.Point{121.003, 30}
	visit := func(change func(*patrol.Visit)) patrol.Visit {
		v := patrol.Visit{At: at, Left: at.Add(10 * time.Minute), Point: &near, Accuracy: 10, TargetPoint: &door, Outcome: patrol.Normal, Method: patrol.OnSite}
		if change != nil {
			change(&v)
		}
		return v
	}
	duty := patrol.Circumstances{Received: at.Add(11 * time.Minute), OnDuty: true}
	for what, c := range map[string]struct {
		visit patrol.Visit
		of    patrol.Circumstances
		want  []string
	}{
		"96 m from the door on duty is nothing":     {visit(nil), duty, nil},
		"289 m is far":                              {visit(func(v *patrol.Visit) { v.Point = &away }), duty, []string{"far"}},
		"289 m at an accuracy of 190 m may be near": {visit(func(v *patrol.Visit) { v.Point, v.Accuracy = &away, 190 }), duty, nil},
		"an accuracy of 250 m tells nothing":        {visit(func(v *patrol.Visit) { v.Accuracy = 250 }), duty, []string{"vague"}},
		"an accuracy that is not known is none":     {visit(func(v *patrol.Visit) { v.Point, v.Accuracy = &away, float32(math.NaN()) }), duty, []string{"far"}},
		"no place on site":                          {visit(func(v *patrol.Visit) { v.Point = nil }), duty, []string{"no_place"}},
		"two minutes are brief":                     {visit(func(v *patrol.Visit) { v.Left = at.Add(2 * time.Minute) }), duty, []string{"brief"}},
		"three minutes are not":                     {visit(func(v *patrol.Visit) { v.Left = at.Add(3 * time.Minute) }), duty, nil},
		"nobody home may be brief":                  {visit(func(v *patrol.Visit) { v.Left, v.Outcome = at.Add(time.Minute), patrol.NoOne }), duty, nil},
		"a checkpoint may be brief":                 {visit(func(v *patrol.Visit) { v.Left = at }), patrol.Circumstances{Received: at, OnDuty: true, Short: true}, nil},
		"off duty":                                  {visit(nil), patrol.Circumstances{Received: at.Add(time.Hour)}, []string{"off_duty"}},
		"a telephone call has no place and no duty": {visit(func(v *patrol.Visit) { v.Method, v.Point, v.Left = patrol.ByPhone, nil, at }), patrol.Circumstances{Received: at}, nil},
		"four days later is late":                   {visit(nil), patrol.Circumstances{Received: at.Add(96 * time.Hour), OnDuty: true}, []string{"late"}},
		"a clock that is ahead":                     {visit(nil), patrol.Circumstances{Received: at, OnDuty: true}, []string{"clock"}},
		"in two places at once":                     {visit(nil), patrol.Circumstances{Received: at.Add(time.Hour), OnDuty: true, Overlaps: true}, []string{"overlap"}},
	} {
		if got := patrol.DefaultVisitRule().Check(&c.visit, c.of); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", what, got, c.want)
		}
	}
	for _, d := range []string{"far", "no_place", "vague", "off_duty", "brief", "late", "clock", "overlap"} {
		if patrol.VisitDoubts()[d] == "" {
			t.Errorf("%s has no words", d)
		}
	}
}

func TestWhatCountsAsAVisit(t *testing.T) {
	t.Parallel()
	plain := patrol.DefaultVisitRule()
	attempts, calls := plain, plain
	attempts.AttemptCounts, calls.RemoteCounts = true, true
	for what, c := range map[string]struct {
		rule patrol.VisitRule
		v    patrol.Visit
		want bool
	}{
		"met on site":                     {plain, patrol.Visit{Method: "onsite", Outcome: "normal"}, true},
		"doubtful counts until rejected":  {plain, patrol.Visit{Method: "onsite", Outcome: "normal", Verified: "doubtful"}, true},
		"rejected":                        {plain, patrol.Visit{Method: "onsite", Outcome: "normal", Verified: "rejected"}, false},
		"nobody home is an attempt":       {plain, patrol.Visit{Method: "onsite", Outcome: "no_one_home"}, false},
		"unless the rule says so":         {attempts, patrol.Visit{Method: "onsite", Outcome: "no_one_home"}, true},
		"a call is no visit":              {plain, patrol.Visit{Method: "phone", Outcome: "normal"}, false},
		"unless the rule says so, either": {calls, patrol.Visit{Method: "video", Outcome: "normal"}, true},
	} {
		if got := c.rule.Counts(&c.v); got != c.want {
			t.Errorf("%s: %v", what, got)
		}
	}
}
