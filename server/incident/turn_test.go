package incident

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/gridward/gridward/server/workday"
)

func terms(t testing.TB) *Terms {
	t.Helper()
	lists, err := workday.Bundled()
	if err != nil {
		t.Fatal(err)
	}
	plan := workday.Plan{Weekdays: []int{1, 2, 3, 4, 5}, Periods: []workday.Period{{From: "08:30", To: "12:00"}, {From: "13:30", To: "17:00"}}, Holidays: true}
	office, err := workday.New(plan, workday.NewLists(lists...))
	if err != nil {
		t.Fatal(err)
	}
	always, err := workday.New(workday.Plan{RoundTheClock: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	out := &Terms{Calendars: []Calendar{{ID: 1, Name: "机关", Calendar: office}, {ID: 2, Name: "指挥室", OrgKind: "command_room", Calendar: always}, {ID: 3, Name: "窗口", OrgPath: "1.7.", Calendar: always}}}
	for i, stage := range []string{StageAccept, StageVerify, StageDispatch, StageSign, StageHandle, StageRework, StageCheck, StageEvaluate, StageCase} {
		out.Rules = append(out.Rules, Rule{ID: int64(i + 1), Version: 1, Stage: stage, WarnRatio: .2,
			Limit: []workday.Limit{{N: 120, Unit: workday.Work}, {N: 3, Unit: workday.Days}, {Unit: workday.SameDay}, {N: 90, Unit: workday.Plain}}[i%4]})
	}
	out.Rules = append(out.Rules, Rule{ID: 20, Version: 1, Stage: StageCase, Tier: tier(3), WarnRatio: .2, Limit: workday.Limit{N: 5, Unit: workday.Days}})
	return out
}

func TestWhoseCalendarCounts(t *testing.T) {
	t.Parallel()
	all := terms(t)
	for sentence, c := range map[string]struct {
		path, kind string
		want       int64
	}{
		"everybody's":                           {"1.4.", "street", 1},
		"a command room's":                      {"1.5.", "command_room", 2},
		"the nearest on the path":               {"1.7.9.", "community", 3},
		"the nearer goes before that of a kind": {"1.7.9.", "command_room", 3},
		"nobody's path":                         {"", "", 1},
	} {
		if got := all.CalendarOf(c.path, c.kind); got == nil || got.ID != c.want {
			t.Errorf("%s: %+v", sentence, got)
		}
	}
	if (&Terms{}).CalendarOf("1.", "") != nil {
		t.Error("a house without calendars has one")
	}
}

// Whatever happens to a case, and whenever: one clock of a kind runs, the case
// shows what its clocks say, time that stands still is not lost, and an end is
// an end.
func TestClocksHoldWhateverHappens(t *testing.T) {
	t.Parallel()
	all := terms(t)
	states := []State{Reported, Verifying, Accepted, Dispatched, Returned, Handling, Suspended, FedBack, Checking, Evaluating, Closed, Rejected}
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(rapid.Int64Range(1767200000, 1800000000).Draw(t, "start"), 0).UTC()
		inc := &Incident{ID: uuid.New(), Region: 1, Org: 4, State: Reported, Kind: "incident", Urgency: Normal}
		on := Ground{OwnerPath: "1.4.", OrgPath: "1.4."}
		known := map[uuid.UUID]*Countdown{}
		var p Pair
		from := State("")
		for range rapid.IntRange(1, 14).Draw(t, "steps") {
			for _, c := range all.Turn(inc, from, &p, on, now, uuid.New) {
				if old, ok := known[c.ID]; ok && old != c {
					t.Fatal("a clock was copied")
				}
				known[c.ID] = c
			}
			running := map[string]int{}
			for _, c := range known {
				if c.EndedAt == nil {
					running[c.Scope]++
				} else if c.Outcome != Met && c.Outcome != Missed && c.Outcome != Moved {
					t.Fatalf("ended as %q", c.Outcome)
				}
				if c.DueAt.Before(c.StartedAt) || c.WarnAt.After(c.DueAt) || c.EffectiveAt.Before(c.StartedAt) {
					t.Fatalf("out of order: %+v", c)
				}
			}
			over := inc.State.Over()
			if over && len(running) > 0 || !over && (running[ScopeCase] != 1 || inc.State != Suspended && running[ScopeStage] != 1) {
				t.Fatalf("%s: %v run", inc.State, running)
			}
			if inc.Paused != (inc.State == Suspended) || inc.Paused && (inc.StageDue != nil || inc.CaseDue != nil) {
				t.Fatalf("%s: paused %v, due %v %v", inc.State, inc.Paused, inc.StageDue, inc.CaseDue)
			}
			if !over && !inc.Paused && (!inc.StageDue.Equal(p.Stage.DueAt) || !inc.CaseDue.Equal(p.Case.DueAt) || inc.StageFrom == "") {
				t.Fatalf("the case says %v %v, its clocks %v %v", inc.StageDue, inc.CaseDue, p.Stage.DueAt, p.Case.DueAt)
			}
			if over {
				return
			}
			now = now.Add(time.Duration(rapid.Int64Range(0, 5*24*3600).Draw(t, "later")) * time.Second)
			from = inc.State
			var left time.Duration
			if from == Suspended {
				left = p.Case.PausedLeft
				inc.State = rapid.SampledFrom([]State{Handling, Handling, Closed}).Draw(t, "to")
			} else {
				inc.State = rapid.SampledFrom(states).Draw(t, "to")
				if inc.State == Suspended && from != Handling {
					inc.State = from
				}
				if n := rapid.IntRange(0, 8).Draw(t, "tier"); n >= 1 && n <= 4 {
					inc.Tier = tier(int16(n))
				}
			}
			if from == Suspended && inc.State == Handling && left > 0 && sameTier(p.Case.Tier, inc.Tier) {
				q := p
				for _, c := range all.Turn(inc, from, &q, on, now, uuid.New) {
					known[c.ID] = c
				}
				p = q
				if got := all.Calendars[0].Left(now, p.Case.DueAt, p.Case.Limit.Unit); got != left {
					t.Fatalf("%s were left, %s are", left, got)
				}
				from = Handling
			}
		}
	})
}

// Grants add up, and a recount without news moves nothing.
func TestGrantsAndRecounts(t *testing.T) {
	t.Parallel()
	all := terms(t)
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(rapid.Int64Range(1767200000, 1800000000).Draw(t, "start"), 0).UTC()
		inc := &Incident{ID: uuid.New(), Org: 4, State: Handling, Tier: tier(3)}
		on := Ground{OwnerPath: "1.4.", OrgPath: "1.4."}
		var p Pair
		all.Turn(inc, Dispatched, &p, on, now, uuid.New)
		if rapid.Bool().Draw(t, "stood still") {
			inc.State = Suspended
			all.Turn(inc, Handling, &p, on, now.Add(time.Hour), uuid.New)
			inc.State = Handling
			all.Turn(inc, Suspended, &p, on, now.Add(50*time.Hour), uuid.New)
		}
		before := p.Case.DueAt
		days := rapid.IntRange(1, 6).Draw(t, "days")
		changed := all.Grant(inc, &p, on, days, now.Add(51*time.Hour))
		if len(changed) != 2 || !slices.ContainsFunc(changed, func(c *Countdown) bool { return c == p.Case }) || !p.Case.DueAt.After(before) || !inc.CaseDue.Equal(p.Case.DueAt) {
			t.Fatalf("%d more days: %s, before %s", days, p.Case.DueAt, before)
		}
		for _, c := range changed {
			if cal := all.calendarOf(c, on); !c.Anew(cal.Calendar).At.Equal(c.DueAt) {
				t.Fatalf("computed again %s is due %s, it says %s", c.Stage, c.Anew(cal.Calendar).At, c.DueAt)
			}
		}
		due := [2]time.Time{p.Stage.DueAt, p.Case.DueAt}
		all.Recount(inc, &p, on, "没有新的安排", now)
		if due != [2]time.Time{p.Stage.DueAt, p.Case.DueAt} {
			t.Fatalf("moved without news: %s %s, before %s", p.Stage.DueAt, p.Case.DueAt, due)
		}
	})
}
