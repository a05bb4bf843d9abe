package simulate

import (
	"reflect"
	"testing"
	"time"

	"github.com/gridward/gridward/geo/trail"
	"github.com/gridward/gridward/server/fleet"
)

func TestOutingsAreWhatTheyAreSaidToBe(t *testing.T) {
	t.Parallel()
	ground, err := Street()
	if err != nil {
		t.Fatal(err)
	}
	var code string
	for c := range ground.codes {
		if code == "" || c < code {
			code = c
		}
	}
	morning := time.Date(2026, 11, 16, 0, 40, 0, 0, time.UTC)
	plan := func(h Habit) Plan {
		return Plan{From: morning, Long: 150 * time.Minute, Step: 5 * time.Second, Habit: h}
	}
	honest := ground.Outing(code, 7, plan(Honest))
	if again := ground.Outing(code, 7, plan(Honest)); again.Session != honest.Session || len(again.Fixes) != len(honest.Fixes) || !reflect.DeepEqual(again.Calls, honest.Calls) {
		t.Error("the same seed makes another outing")
	}
	clean := trail.Clean(honest.Fixes, trail.Options{})
	good := 0
	for _, j := range clean.Fixes {
		if j.Why == trail.Good {
			good++
		}
	}
	if good < len(honest.Fixes)*98/100 || clean.LengthM < 3000 || clean.LengthM > 12000 {
		t.Errorf("an honest outing has %d good fixes of %d and %.0f m", good, len(honest.Fixes), clean.LengthM)
	}
	calls := 0
	for seed := range uint64(10) {
		calls += len(ground.Outing(code, seed, plan(Honest)).Calls)
	}
	if calls < 20 {
		t.Errorf("ten outings and %d visits", calls)
	}
	reasons := func(o Outing) map[trail.Reason]int {
		n := map[trail.Reason]int{}
		for _, j := range trail.Clean(o.Fixes, trail.Options{Reject: uint32(fleet.Mock)}).Fixes {
			n[j.Why]++
		}
		return n
	}
	if o := ground.Outing(code, 7, plan(Mocking)); reasons(o)[trail.Flagged] != len(o.Fixes) {
		t.Error("a mocking phone does not say so")
	}
	if o := ground.Outing(code, 7, plan(Motionless)); reasons(o)[trail.Frozen] < len(o.Fixes)-1 {
		t.Error("a phone on a desk is not still")
	}
	if n := reasons(ground.Outing(code, 7, plan(Jumping))); n[trail.Teleport]+n[trail.Spike] == 0 {
		t.Errorf("nobody jumped: %v", n)
	}
	if o := honest.Again(24 * time.Hour); len(o.Fixes) != len(honest.Fixes) || o.Fixes[9].Ms-honest.Fixes[9].Ms != 86_400_000 || o.Session == honest.Session {
		t.Error("a copy is no copy")
	}
	both := honest.Beside(1)
	for i, f := range both.Fixes {
		if d := trail.Metres(f.Point, honest.Fixes[i].Point); d > 6 {
			t.Fatalf("the two phones are %.0f m apart", d)
		}
	}
}

func TestDaysArePlanned(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("", 8*3600)
	var none, noon, short, twice, long int
	for seed := range uint64(400) {
		midnight := time.Date(2026, 11, 16, 0, 0, 0, 0, zone)
		plans := PlanDay(seed, midnight, 5*time.Second)
		half := midnight.Add(12*time.Hour + 30*time.Minute)
		switch {
		case len(plans) == 0:
			none++
		case len(plans) == 2:
			twice++
		case plans[0].From.Before(half) && plans[0].From.Add(plans[0].Long).After(half):
			noon++
		case plans[0].Long < 80*time.Minute:
			short++
		default:
			long++
		}
	}
	if min(none, noon, short, twice) < 15 || long < 100 {
		t.Errorf("%d none, %d over noon, %d short, %d twice, %d long", none, noon, short, twice, long)
	}
}
