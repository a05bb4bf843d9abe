package incident

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/fault"
)

var (
	whistleNow  = time.Date(2026, 11, 24, 2, 0, 0, 0, time.UTC)
	whistleRaid = WhistleRule{Kind: "enforcement", Name: "综合执法哨", GeofenceM: 200}
	raiser      = access.Principal{Account: 1, Name: "傅站长", Posts: []access.Post{{Org: 4, Path: "1.2.4.", Region: 2, Role: access.Station}}}
	neighbour   = access.Principal{Account: 2, Name: "邻站长", Posts: []access.Post{{Org: 5, Path: "1.2.5.", Region: 2, Role: access.Station}}}
	room        = access.Principal{Account: 3, Name: "孔值班", Posts: []access.Post{{Org: 2, Path: "1.2.", Region: 2, Role: access.Operator}}}
	clerk       = access.Principal{Account: 4, Name: "执法员", Posts: []access.Post{{Org: 7, Path: "1.2.7.", Region: 2, Role: access.DeptClerk}}}
)

func raised(t interface{ Fatal(...any) }) Whistle {
	w, err := NewWhistle(Whistle{Org: 4, OrgPath: "1.2.4.", Kind: "enforcement", Reason: "夜市占道屡禁不止", Address: "湖滨路",
		Need: []Called{{Org: 7, Path: "1.2.7.", Name: "综合行政执法队"}, {Org: 8, Path: "1.2.8.", Name: "应急管理办公室"}}}, nil, whistleRaid, raiser, Dues{}, whistleNow)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestWhoMayTakeWhichStepOfAWhistle(t *testing.T) {
	w := raised(t)
	for name, c := range map[string]struct {
		by     access.Principal
		action string
		dept   string
		may    bool
	}{
		"the command room confirms":                   {room, "confirm", "", true},
		"a station does not confirm its own":          {raiser, "confirm", "", false},
		"a department does not confirm":               {clerk, "confirm", "", false},
		"the called department responds":              {clerk, "respond", "1.2.7.", true},
		"one department does not respond for another": {clerk, "respond", "1.2.8.", false},
		"a station does not respond for a department": {raiser, "respond", "1.2.7.", false},
		"the raising community rates":                 {raiser, "rate", "1.2.7.", true},
		"the command room does not rate":              {room, "rate", "1.2.7.", false},
		"another community does not rate":             {neighbour, "rate", "1.2.7.", false},
		"a department does not rate itself":           {clerk, "rate", "1.2.7.", false},
		"the raising community closes":                {raiser, "close", "", true},
		"the command room closes":                     {room, "close", "", true},
		"another community does not close":            {neighbour, "close", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			if err := w.Allowed(c.action, c.by, "1.2.", c.dept); (err == nil) != c.may {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestAWhistleFollowsItsSlowestDepartment(t *testing.T) {
	w := raised(t)
	far, near := 350.0, 40.0
	for _, step := range []struct {
		say  string
		do   WhistleDo
		want string
		kind fault.Kind // "" = done
	}{
		{"no department may act before it is called", WhistleDo{Action: "respond", Org: 7}, WhistleRaised, fault.Conflict},
		{"the room confirms", WhistleDo{Action: "confirm", Dues: Dues{whistleNow, whistleNow, false}}, WhistleConfirmed, ""},
		{"once is enough to refuse", WhistleDo{Action: "refuse", Note: "重复"}, WhistleConfirmed, fault.Conflict},
		{"one department responds, the other not", WhistleDo{Action: "respond", Org: 7}, WhistleConfirmed, ""},
		{"responding again changes nothing", WhistleDo{Action: "respond", Org: 7}, WhistleConfirmed, ""},
		{"a department that is not called", WhistleDo{Action: "respond", Org: 9}, WhistleConfirmed, fault.Missing},
		{"who reports in has responded", WhistleDo{Action: "check_in", Org: 8, DistanceM: &near}, WhistleResponded, ""},
		{"from far away only with a reason", WhistleDo{Action: "check_in", Org: 7, DistanceM: &far}, WhistleResponded, fault.Invalid},
		{"with the reason it is recorded as such", WhistleDo{Action: "check_in", Org: 7, DistanceM: &far, Reason: "道路封闭，在路口集合"}, WhistleOnSite, ""},
		{"no work, no rating", WhistleDo{Action: "rate", Org: 7, Grade: 5}, WhistleOnSite, fault.Conflict},
		{"they work", WhistleDo{Action: "work", Org: 7}, WhistleOnSite, ""},
		{"they reply", WhistleDo{Action: "reply", Org: 7, Reply: "已劝离 12 户"}, WhistleOnSite, ""},
		{"a reply needs words", WhistleDo{Action: "reply", Org: 8}, WhistleOnSite, fault.Invalid},
		{"the other replies", WhistleDo{Action: "reply", Org: 8, Reply: "无隐患", Result: "not_exist"}, WhistleReplied, ""},
		{"six of five", WhistleDo{Action: "rate", Org: 7, Grade: 6}, WhistleReplied, fault.Invalid},
		{"one is rated", WhistleDo{Action: "rate", Org: 7, Grade: 4}, WhistleReplied, ""},
		{"closing before all are rated needs a reason", WhistleDo{Action: "close"}, WhistleReplied, fault.Invalid},
		{"both are rated", WhistleDo{Action: "rate", Org: 8, Grade: 2}, WhistleRated, ""},
		{"销哨", WhistleDo{Action: "close"}, WhistleClosed, ""},
		{"closing again changes nothing", WhistleDo{Action: "close"}, WhistleClosed, ""},
		{"over is over", WhistleDo{Action: "check_in", Org: 7, DistanceM: &near}, WhistleClosed, fault.Conflict},
	} {
		after, _, err := w.Apply(step.do, clerk, whistleNow)
		if fault.Of(err) != step.kind || (err == nil) != (step.kind == "") {
			t.Fatalf("%s: %v, want %q", step.say, err, step.kind)
		}
		if err == nil {
			w = after
		}
		if w.State != step.want {
			t.Fatalf("%s: the whistle is %s, want %s", step.say, w.State, step.want)
		}
	}
	if c := w.Need[0]; !c.Outside || c.OutsideReason == "" || *c.DistanceM != 350 || *c.Grade != 4 {
		t.Errorf("what is known of the first department: %+v", c)
	}
	if c := w.Need[1]; c.Outside || c.RespondedAt == nil || *c.DistanceM != 40 {
		t.Errorf("what is known of the second department: %+v", c)
	}
}

// Whatever is done to a whistle, by whoever asks in whatever order, it stays
// inside its table, its state is that of its slowest department, nobody is
// rated who did not reply, and nothing moves once it is over.
func TestNoSequenceLeavesTheWhistlesTable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := raised(t)
		rank := func(c Called) int {
			for i, p := range progress {
				if p.department == c.State {
					return i
				}
			}
			t.Fatalf("a department is %q", c.State)
			return 0
		}
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			step := rapid.SampledFrom(whistleLife).Draw(t, "step")
			far := rapid.Float64Range(0, 500).Draw(t, "distance")
			do := WhistleDo{Action: step.Action, Org: rapid.Int64Range(6, 9).Draw(t, "department"), Grade: int16(rapid.IntRange(0, 6).Draw(t, "grade")), DistanceM: &far,
				Note: rapid.SampledFrom([]string{"", "原因"}).Draw(t, "note"), Reason: rapid.SampledFrom([]string{"", "封路"}).Draw(t, "reason"), Reply: rapid.SampledFrom([]string{"", "已办"}).Draw(t, "reply")}
			if step.Action == "confirm" && rapid.Bool().Draw(t, "other departments") {
				do.Need = []Called{{Org: 8, Path: "1.2.8.", Name: "应急管理办公室"}}
			}
			offered := slices.ContainsFunc(w.May(access.Principal{Posts: append(append(slices.Clone(raiser.Posts), room.Posts...),
				access.Post{Path: "1.2.7.", Role: access.DeptHead}, access.Post{Path: "1.2.8.", Role: access.DeptHead})}, "1.2."), func(b WhistleButton) bool {
				return b.Action == do.Action && (b.Orgs == nil || slices.Contains(b.Orgs, do.Org))
			})
			before := w
			after, changed, err := w.Apply(do, clerk, whistleNow)
			if err != nil {
				if fault.Of(err) == "" {
					t.Fatalf("a surprise: %v", err)
				}
				continue
			}
			if changed && !offered {
				t.Fatalf("%s of %d was done and no button offered it in %+v", do.Action, do.Org, before)
			}
			if !changed {
				after.Need, before.Need = nil, nil
				if after.State != before.State || after.Version != before.Version {
					t.Fatalf("nothing changed, and yet %+v became %+v", before, after)
				}
				continue
			}
			if before.Over() {
				t.Fatalf("%s moved a whistle that was %s", do.Action, before.State)
			}
			if after.Version != before.Version+1 || !slices.Contains(WhistleStates(), after.State) {
				t.Fatalf("%s made %s (version %d) of %s (version %d)", do.Action, after.State, after.Version, before.State, before.Version)
			}
			least := len(progress)
			for _, c := range after.Need {
				least = min(least, rank(c))
				if (c.Grade != nil) != (c.State == "rated") || c.Grade != nil && (c.RepliedAt == nil || *c.Grade < 1 || *c.Grade > 5) {
					t.Fatalf("rated without a reply: %+v", c)
				}
				if c.CheckedInAt != nil && (c.RespondedAt == nil || c.Outside != (*c.DistanceM > 200) || c.Outside && c.OutsideReason == "") {
					t.Fatalf("reported in badly: %+v", c)
				}
				if rank(c) >= 2 && c.CheckedInAt == nil {
					t.Fatalf("%s without having been there: %+v", c.State, c)
				}
			}
			if !after.Over() && after.State != WhistleRaised && after.State != progress[least].whistle {
				t.Fatalf("the slowest department is %s, the whistle %s", progress[least].department, after.State)
			}
			w = after
		}
	})
}
