package alarm

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/incident"
)

var allActions = []Action{Ack, Verify, Raise, Resolve, MarkFalse, MarkTest}

func TestTheLifeOfAnAlarm(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		from    State
		do      Action
		want    State
		changed bool
		refused bool
	}{
		"a new alarm is taken":                              {New, Ack, Acked, true, false},
		"taking it again changes nothing":                   {Acked, Ack, Acked, false, false},
		"what nobody has taken cannot be done with":         {New, Resolve, New, false, true},
		"a false alarm is called one at once":               {New, MarkFalse, False, true, false},
		"one click makes it an incident":                    {New, Raise, Dispatched, true, false},
		"an incident is raised once":                        {Dispatched, Raise, Dispatched, false, false},
		"an incident can turn out to be a false alarm":      {Dispatched, MarkFalse, False, true, false},
		"an incident is no test":                            {Dispatched, MarkTest, Dispatched, false, true},
		"what was false is not resolved":                    {False, Resolve, False, false, true},
		"what is over is not verified":                      {Resolved, Verify, Resolved, false, true},
		"what is being verified is not taken a second time": {Verifying, Ack, Verifying, false, true},
	} {
		to, changed, err := c.from.Next(c.do)
		if to != c.want || changed != c.changed || (err != nil) != c.refused || err != nil && !fault.Is(err, fault.Conflict) {
			t.Errorf("%s: %s, %v, %v", name, to, changed, err)
		}
	}
}

// No sequence of actions leaves the machine, comes back from its end, or
// reaches the end of an alarm without somebody having decided it.
func TestNoSequenceLeavesTheMachine(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := New
		for range rapid.IntRange(0, 12).Draw(t, "steps") {
			do := rapid.SampledFrom(allActions).Draw(t, "do")
			to, changed, err := s.Next(do)
			switch {
			case to.Name() == "":
				t.Fatalf("%s by %s leads to %q", s, do, to)
			case (err != nil || !changed) && to != s:
				t.Fatalf("%s by %s moved without saying so", s, do)
			case s.Over() && changed:
				t.Fatalf("%s is over and went on to %s", s, to)
			case changed != slices.Contains(s.May(), do):
				t.Fatalf("%s: the buttons and the guard disagree about %s", s, do)
			}
			s = to
		}
	})
}

// However signals come, none is lost: the counts of the alarms add up, and the
// signals of one alarm have no gap of more than a minute between neighbours.
func TestDedupeLosesNothing(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 11, 26, 1, 0, 0, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		type row struct {
			state       State
			first, last time.Time
			at          []time.Time
		}
		var rows []*row
		offsets := rapid.SliceOfN(rapid.IntRange(0, 900), 1, 60).Draw(t, "signals")
		inOrder := rapid.Bool().Draw(t, "in order")
		if inOrder {
			slices.Sort(offsets)
		}
		for _, sec := range offsets {
			at := start.Add(time.Duration(sec) * time.Second)
			var mine *row
			for _, r := range slices.Backward(rows) { // the newest one that takes it
				if Same(r.state, r.first, r.last, at) {
					mine = r
					break
				}
			}
			if mine == nil {
				mine = &row{state: New, first: at, last: at}
				rows = append(rows, mine)
			}
			mine.at = append(mine.at, at)
			if at.After(mine.last) {
				mine.last = at
			}
			if at.Before(mine.first) {
				mine.first = at
			}
			if rapid.IntRange(0, 9).Draw(t, "decide") == 0 {
				mine.state = False
			}
		}
		total := 0
		for _, r := range rows {
			total += len(r.at)
			slices.SortFunc(r.at, time.Time.Compare)
			for i := 1; i < len(r.at); i++ {
				if r.at[i].Sub(r.at[i-1]) > Gap {
					t.Fatalf("one alarm holds signals %v apart", r.at[i].Sub(r.at[i-1]))
				}
			}
		}
		if total != len(offsets) {
			t.Fatalf("%d signals became %d", len(offsets), total)
		}
		if inOrder {
			for i := 1; i < len(rows); i++ {
				if !rows[i-1].state.Over() && rows[i].first.Sub(rows[i-1].last) <= Gap {
					t.Fatal("two alarms are one")
				}
			}
		}
	})
}

func TestTellingOfARepeatedAlarm(t *testing.T) {
	t.Parallel()
	told := 0
	for n := 1; n <= 3600; n++ {
		if Tell(n) {
			told++
		}
	}
	if !Tell(1) || !Tell(2) || Tell(3) || Tell(0) || told != 12 {
		t.Errorf("an hour of a signal a second is told %d times", told)
	}
}

func TestSilence(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 26, 1, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		last     time.Time
		interval time.Duration
		want     bool
	}{
		"heard within its interval":     {now.Add(-59 * time.Second), time.Minute, false},
		"exactly at its interval":       {now.Add(-time.Minute), time.Minute, false},
		"a moment longer":               {now.Add(-time.Minute - 1), time.Minute, true},
		"it speaks only when it has to": {now.Add(-time.Hour), 0, false},
		"never heard of":                {time.Time{}, time.Minute, false},
	} {
		if got := Silent(c.last, c.interval, now); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestFalseAlarmRate(t *testing.T) {
	t.Parallel()
	if r := FalseRate(map[State]int{Test: 5, New: 2}); r.Value != nil || r.D != 0 {
		t.Errorf("nothing decided: %+v", r)
	}
	if r := FalseRate(map[State]int{False: 1, Resolved: 2, Dispatched: 1, Test: 9, Acked: 3}); r.N != 1 || r.D != 4 || *r.Value != 0.25 {
		t.Errorf("%+v", r)
	}
}

func TestArming(t *testing.T) {
	t.Parallel()
	local := func(s string) time.Time {
		at, err := time.ParseInLocation("2006-01-02 15:04", s, incident.BusinessZone())
		if err != nil {
			t.Fatal(err)
		}
		return at.UTC()
	}
	night := []Window{{Days: []int{1, 2, 3, 4, 5}, From: "18:00", To: "08:00"}, {Days: []int{6, 7}, From: "00:00", To: "24:00"}}
	for name, c := range map[string]struct {
		kind     Kind
		mode     Mode
		schedule []Window
		at       string
		want     bool
	}{
		"an armed door is loud":                      {"door", Armed, nil, "2026-11-26 12:00", true},
		"a disarmed door is not":                     {"door", Disarmed, nil, "2026-11-26 12:00", false},
		"a disarmed smoke detector is":               {"smoke", Disarmed, nil, "2026-11-26 12:00", true},
		"a bypassed one is not, whatever it guards":  {"smoke", Bypassed, nil, "2026-11-26 12:00", false},
		"by day the shop is open (Thursday)":         {"door", Armed, night, "2026-11-26 12:00", false},
		"in the evening it is armed":                 {"door", Armed, night, "2026-11-26 18:00", true},
		"until the next morning":                     {"door", Armed, night, "2026-11-27 07:59", true},
		"and no longer":                              {"door", Armed, night, "2026-11-27 08:00", false},
		"all Saturday":                               {"door", Armed, night, "2026-11-28 23:59", true},
		"Monday morning belongs to nobody's evening": {"door", Armed, night, "2026-11-30 00:00", false},
		"a schedule does not put smoke to sleep":     {"smoke", Armed, night, "2026-11-26 12:00", true},
		"a panic button is loud, armed or not":       {"panic", Disarmed, night, "2026-11-26 12:00", true},
		"a kind nobody knows is loud":                {"", Disarmed, nil, "2026-11-26 12:00", true},
	} {
		if got := Loud(c.kind, c.mode, c.schedule, local(c.at)); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	for name, bad := range map[string]Window{"no days": {From: "08:00", To: "09:00"}, "no such day": {Days: []int{8}, From: "08:00", To: "09:00"}, "no time": {Days: []int{1}, From: "8:00", To: "09:00"},
		"no such hour": {Days: []int{1}, From: "08:00", To: "24:01"}, "it cannot begin when the day ends": {Days: []int{1}, From: "24:00", To: "09:00"}} {
		if err := CheckSchedule([]Window{bad}); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := CheckSchedule(night); err != nil {
		t.Error(err)
	}
}

// A window and the rest of the week together cover every minute exactly once.
func TestAWindowAndItsComplement(t *testing.T) {
	t.Parallel()
	monday := time.Date(2026, 11, 23, 0, 0, 0, 0, incident.BusinessZone())
	hhmm := func(m int) string { return time.Unix(int64(m)*60, 0).UTC().Format("15:04") }
	rapid.Check(t, func(t *rapid.T) {
		from, to := rapid.IntRange(0, dayMinutes-1).Draw(t, "from"), rapid.IntRange(0, dayMinutes-1).Draw(t, "to")
		if from == to {
			t.Skip("the whole day")
		}
		every := []int{1, 2, 3, 4, 5, 6, 7}
		in, out := []Window{{every, hhmm(from), hhmm(to)}}, []Window{{every, hhmm(to), hhmm(from)}}
		at := monday.Add(time.Duration(rapid.IntRange(0, 7*dayMinutes-1).Draw(t, "minute")) * time.Minute)
		if ArmedAt(Armed, in, at) == ArmedAt(Armed, out, at) {
			t.Fatalf("%s–%s and its complement agree at %v", hhmm(from), hhmm(to), at)
		}
	})
}
