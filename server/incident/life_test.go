package incident

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/fault"
)

// The cast of these tests: one of every part that can act on a case of community 1.4.17.
const (
	groundPath = "1.4.17."
	deptPath   = "1.4.30."
)

func post(role access.Role, path string) []access.Post {
	return []access.Post{{Path: path, Region: 4, Role: role, Org: 17}}
}

var cast = map[Capacity]access.Principal{
	AsReporter:  {Account: 1, Name: "报", Posts: post(access.GridGuide, "1.4.99.")},
	AsLeader:    {Account: 3, Worker: 33, Name: "长", Posts: post(access.GridLeader, groundPath)},
	AsStation:   {Account: 4, Name: "站", Posts: post(access.Station, groundPath)},
	AsOperator:  {Account: 5, Name: "值", Posts: post(access.Operator, "1.4.")},
	AsCommander: {Account: 6, Name: "指", Posts: post(access.Commander, "1.4.")},
	AsHandler:   {Account: 7, Name: "办", Posts: post(access.DeptClerk, deptPath)},
	AsHead:      {Account: 8, Name: "首", Posts: post(access.DeptHead, deptPath)},
	AsChecker:   {Account: 9, Worker: 99, Name: "核", Posts: post(access.GridWorker, groundPath)},
	AsClock:     Clock(),
}

var noon = time.Date(2026, 11, 26, 4, 0, 0, 0, time.UTC)

func someCase(state State, tier int16) Incident {
	account, lead := int64(1), uuid.MustParse("01990000-0000-7000-8000-000000000001")
	since := noon.Add(-time.Hour)
	inc := Incident{
		ID: uuid.MustParse("01990000-0000-7000-8000-0000000000aa"), Region: 4, Org: 17, OrgPath: groundPath, State: state, Version: 3, Source: "hotline", Urgency: Normal,
		Tier: &tier, ReporterAccount: &account, LeadOrder: &lead, StateSince: since, ReportedAt: since, Sensitivity: "normal", Open: !state.Over(),
	}
	if state == Closed || state == Archived {
		inc.ClosedAt, inc.CloseReason = &since, "evaluated"
	}
	if state == Suspended {
		inc.SuspendedAt, inc.ReviewAt = &since, &since
	}
	return inc
}

func someFacts() Facts {
	return Facts{Lead: &Assignee{Org: 30, Path: deptPath}, Checker: &Assignee{Org: 17, Path: groundPath, Worker: 99}, Handlers: []int64{7}, Feedbacks: 1, CheckShare: 0.2, ArchiveAfter: ArchiveAfter}
}

// wholeDeed carries whatever any action may need.
func wholeDeed() Deed {
	parent, later := uuid.MustParse("01990000-0000-7000-8000-0000000000bb"), noon.AddDate(0, 1, 0)
	return Deed{Reason: "有理由", Code: "not_my_duty", Text: "已处置", Result: "solved", Tier: 0, Lead: &Target{Org: 30}, Assist: []Target{{Org: 31}}, Worker: 99, Into: &parent,
		Days: 1, Approve: true, ReviewAt: &later, Grade: 5, Level: "red", Requirement: "限期", Reply: "已办", Urgency: Urgent, Category: "CJ-01"}
}

// deedFor is the deed that an action accepts where no field can serve two actions.
func deedFor(do Action) Deed {
	d := wholeDeed()
	switch do {
	case Reject:
		d.Code = "not_ours"
	case VerifyResult:
		d.Result = "pass"
	}
	return d
}

// factsFor adds what one action alone needs.
func factsFor(do Action, inc *Incident) Facts {
	with := someFacts()
	switch do {
	case Merge:
		parent := someCase(Accepted, 2)
		parent.ID = *wholeDeed().Into
		with.Parent = &parent
	case Inherit:
		parent := someCase(Closed, 2)
		parent.ID = *wholeDeed().Into
		past := noon.AddDate(0, 0, -1)
		parent.ClosedAt, inc.MergedInto = &past, &parent.ID
		with.Parent = &parent
	case DecideDelay:
		inc.DelayAsked = true
	case DecideSuspend:
		inc.SuspendAsked = true
	case ReplySupervison:
		inc.Supervise = "yellow"
	case Archive:
		past := noon.AddDate(0, 0, -16)
		inc.ClosedAt = &past
	}
	return with
}

// tierFor is a tier at which the part may take the step.
func tierFor(do Action, as Capacity) int16 {
	switch as {
	case AsLeader:
		return 1
	case AsStation:
		return 2
	case AsHead, AsOperator, AsCommander:
		return 3
	}
	return 2
}

// Every part times every action times every state: exactly what the table says
// goes, and the rest is refused in the right way.
func TestEveryTransitionAndEveryRefusal(t *testing.T) {
	t.Parallel()
	allowed, refused := 0, 0
	for state := range stateNames {
		for _, s := range life {
			for as, p := range cast {
				inc := someCase(state, tierFor(s.Do, as))
				with := factsFor(s.Do, &inc)
				next, done, err := inc.Apply(s.Do, deedFor(s.Do), p, with, noon)
				parts := inc.Capacities(p, with)
				_, mayAct := actsAs(&s, parts)
				what := fmt.Sprintf("%s %s as %s", state, s.Do, as)
				switch {
				case !mayAct:
					refused++
					if !fault.Is(err, fault.Denied) {
						t.Errorf("%s: %v, want denied", what, err)
					}
				case !slices.Contains(s.From, state):
					refused++
					if !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), state.Name()) {
						t.Errorf("%s: %v, want a conflict that names the state", what, err)
					}
				case err != nil:
					if f := fault.Of(err); f != fault.Denied && f != fault.Conflict {
						t.Errorf("%s: %v", what, err)
					}
					refused++
				default:
					allowed++
					if next.Version != inc.Version+1 || done.From != state || done.To != next.State || done.Action != s.Do || next.Open == next.State.Over() {
						t.Errorf("%s: %+v, version %d", what, done, next.Version)
					}
					if s.To != "" && next.State != s.To {
						t.Errorf("%s leads to %s, the table says %s", what, next.State, s.To)
					}
					if next.State != inc.State && !next.StateSince.Equal(noon) {
						t.Errorf("%s: the state stands since %s", what, next.StateSince)
					}
				}
				if err != nil && (next.Version != inc.Version || next.State != inc.State) {
					t.Errorf("%s: refused, but changed", what)
				}
			}
		}
	}
	t.Logf("%d allowed, %d refused", allowed, refused)
	if allowed < 150 {
		t.Errorf("only %d combinations are allowed: the cast does not reach the table", allowed)
	}
}

func TestSentencesOfTheLife(t *testing.T) {
	t.Parallel()
	var (
		station, operator, commander = cast[AsStation], cast[AsOperator], cast[AsCommander]
		leader, head, clerk          = cast[AsLeader], cast[AsHead], cast[AsHandler]
	)
	past, future := noon.Add(-time.Hour), noon.Add(time.Hour)
	for sentence, c := range map[string]struct {
		state  State
		tier   int16
		do     Action
		by     access.Principal
		change func(*Incident, *Deed, *Facts)
		want   State      // "" = refused
		kind   fault.Kind // of the refusal
		field  string
	}{
		"a station accepts its own tier":                           {Reported, 2, Accept, station, nil, Accepted, "", ""},
		"a station may not accept at the street's tier":            {Reported, 2, Accept, station, func(_ *Incident, d *Deed, _ *Facts) { d.Tier = 3 }, "", fault.Denied, ""},
		"an operator accepts at tier three":                        {Reported, 2, Accept, operator, func(_ *Incident, d *Deed, _ *Facts) { d.Tier = 3 }, Accepted, "", ""},
		"there is no fifth tier":                                   {Reported, 2, Accept, commander, func(_ *Incident, d *Deed, _ *Facts) { d.Tier = 5 }, "", fault.Invalid, "tier"},
		"only public reports are verified":                         {Reported, 2, RequestVerify, operator, func(i *Incident, _ *Deed, _ *Facts) { i.Source = "patrol" }, "", fault.Conflict, ""},
		"a rejection names its reason":                             {Reported, 2, Reject, operator, func(_ *Incident, d *Deed, _ *Facts) { d.Code = "" }, "", fault.Invalid, "code"},
		"one appeal and no more":                                   {Rejected, 2, Appeal, cast[AsReporter], func(i *Incident, _ *Deed, _ *Facts) { i.Appealed = true }, "", fault.Conflict, ""},
		"the reporter appeals":                                     {Rejected, 2, Appeal, cast[AsReporter], nil, Reported, "", ""},
		"nothing is merged into itself":                            {Accepted, 2, Merge, operator, func(i *Incident, _ *Deed, f *Facts) { f.Parent = i }, "", fault.Invalid, "into"},
		"nothing is merged into a closed case":                     {Accepted, 2, Merge, operator, func(_ *Incident, _ *Deed, f *Facts) { f.Parent.State = Closed }, "", fault.Conflict, ""},
		"nothing is merged across regions":                         {Accepted, 2, Merge, operator, func(_ *Incident, _ *Deed, f *Facts) { f.Parent.Region = 5 }, "", fault.Invalid, "into"},
		"what the lot spares is closed at once":                    {Accepted, 1, SelfHandle, leader, func(_ *Incident, d *Deed, _ *Facts) { d.Draw = 0.9 }, Closed, "", ""},
		"what the lot picks is checked":                            {Accepted, 1, SelfHandle, leader, func(_ *Incident, d *Deed, _ *Facts) { d.Draw = 0.1 }, FedBack, "", ""},
		"a leader does not settle tier two alone":                  {Accepted, 2, SelfHandle, leader, nil, "", fault.Conflict, ""},
		"where a photo is demanded one is shown":                   {Accepted, 1, SelfHandle, leader, func(_ *Incident, _ *Deed, f *Facts) { f.PhotoAfter = true }, "", fault.Invalid, "photos"},
		"a station dispatches tier two":                            {Accepted, 2, Dispatch, station, nil, Dispatched, "", ""},
		"a station does not dispatch tier three":                   {Accepted, 3, Dispatch, station, nil, "", fault.Denied, ""},
		"an operator does not dispatch tier four":                  {Accepted, 4, Dispatch, operator, nil, "", fault.Denied, ""},
		"a commander dispatches tier four":                         {Accepted, 4, Dispatch, commander, nil, Dispatched, "", ""},
		"there is always one in the lead":                          {Accepted, 2, Dispatch, operator, func(_ *Incident, d *Deed, _ *Facts) { d.Lead = nil }, "", fault.Invalid, "lead"},
		"twice returned, the commander decides":                    {Returned, 3, Dispatch, operator, func(i *Incident, _ *Deed, _ *Facts) { i.ReturnCount = 2 }, "", fault.Denied, ""},
		"the commander does":                                       {Returned, 3, Dispatch, commander, func(i *Incident, _ *Deed, _ *Facts) { i.ReturnCount = 2 }, Dispatched, "", ""},
		"a leader reports tier one up":                             {Accepted, 1, ReportUp, leader, nil, Accepted, "", ""},
		"a leader does not report tier two up":                     {Accepted, 2, ReportUp, leader, nil, "", fault.Denied, ""},
		"nothing lies above tier four":                             {Accepted, 4, ReportUp, commander, nil, "", fault.Conflict, ""},
		"one reports up with a reason":                             {Accepted, 2, ReportUp, station, func(_ *Incident, d *Deed, _ *Facts) { d.Reason = " " }, "", fault.Invalid, "reason"},
		"one pushes down once":                                     {Accepted, 3, PushDown, operator, func(i *Incident, _ *Deed, _ *Facts) { i.PushCount = 1 }, "", fault.Conflict, ""},
		"a head returns with a reason of the list":                 {Dispatched, 3, Return, head, nil, Returned, "", ""},
		"a clerk does not return":                                  {Dispatched, 3, Return, clerk, nil, "", fault.Denied, ""},
		"one does not return for a reason of one's own":            {Dispatched, 3, Return, head, func(_ *Incident, d *Deed, _ *Facts) { d.Code = "lazy" }, "", fault.Invalid, "code"},
		"one does not return for ever":                             {Dispatched, 3, Return, head, func(_ *Incident, _ *Deed, f *Facts) { f.ReturnUntil = &past }, "", fault.Conflict, ""},
		"a delay is asked for before the limit":                    {Handling, 3, RequestDelay, clerk, func(i *Incident, _ *Deed, _ *Facts) { i.StageDue = &past }, "", fault.Conflict, ""},
		"a delay is no longer than the limit":                      {Handling, 3, RequestDelay, clerk, func(i *Incident, d *Deed, f *Facts) { i.StageDue, d.Days, f.MaxDelay = &future, 9, 5 }, "", fault.Invalid, "days"},
		"one delay and no more":                                    {Handling, 3, RequestDelay, clerk, func(i *Incident, _ *Deed, _ *Facts) { i.DelayCount = 1 }, "", fault.Conflict, ""},
		"a station grants no delay of tier three":                  {Handling, 3, DecideDelay, station, nil, "", fault.Denied, ""},
		"a suspension has a review date":                           {Handling, 3, Suspend, commander, func(_ *Incident, d *Deed, _ *Facts) { d.ReviewAt = nil }, "", fault.Invalid, "review_at"},
		"a review date lies ahead":                                 {Handling, 3, RequestSuspend, head, func(_ *Incident, d *Deed, _ *Facts) { d.ReviewAt = &past }, "", fault.Invalid, "review_at"},
		"a refused suspension goes on":                             {Handling, 3, DecideSuspend, commander, func(_ *Incident, d *Deed, _ *Facts) { d.Approve = false }, Handling, "", ""},
		"an approved suspension stops":                             {Handling, 3, DecideSuspend, commander, nil, Suspended, "", ""},
		"a feedback waits for those who assist":                    {Handling, 3, Feedback, clerk, func(_ *Incident, _ *Deed, f *Facts) { f.OpenAssists = 1 }, "", fault.Conflict, ""},
		"a feedback says what came of it":                          {Handling, 3, Feedback, clerk, func(_ *Incident, d *Deed, _ *Facts) { d.Result = "" }, "", fault.Invalid, "result"},
		"who handled does not check":                               {Checking, 2, CheckPass, station, func(_ *Incident, _ *Deed, f *Facts) { f.Handlers = []int64{4} }, "", fault.Denied, ""},
		"a check from afar is explained":                           {Checking, 2, CheckPass, operator, func(_ *Incident, d *Deed, f *Facts) { far := 900.0; f.Distance, d.Text = &far, "" }, "", fault.Invalid, "text"},
		"rework says why":                                          {Checking, 2, CheckFail, operator, func(_ *Incident, d *Deed, _ *Facts) { d.Reason = "" }, "", fault.Invalid, "reason"},
		"a rating has five grades":                                 {Evaluating, 2, Evaluate, operator, func(_ *Incident, d *Deed, _ *Facts) { d.Grade = 6 }, "", fault.Invalid, "grade"},
		"the clock closes what nobody rates":                       {Evaluating, 2, Evaluate, Clock(), nil, Closed, "", ""},
		"a forced close has a reason":                              {Handling, 2, ForceClose, commander, func(_ *Incident, d *Deed, _ *Facts) { d.Reason = "" }, "", fault.Invalid, "reason"},
		"nothing without feedback is archived":                     {Closed, 2, Archive, Clock(), func(_ *Incident, _ *Deed, f *Facts) { f.Feedbacks = 0 }, "", fault.Conflict, ""},
		"nothing is archived before its time":                      {Closed, 2, Archive, Clock(), func(i *Incident, _ *Deed, _ *Facts) { i.ClosedAt = &past }, "", fault.Conflict, ""},
		"after fifteen days it is a new case":                      {Closed, 2, Reopen, operator, func(i *Incident, _ *Deed, _ *Facts) { old := noon.AddDate(0, 0, -16); i.ClosedAt = &old }, "", fault.Conflict, ""},
		"a supervision has a level":                                {Handling, 2, Supervise, commander, func(_ *Incident, d *Deed, _ *Facts) { d.Level = "" }, "", fault.Invalid, "level"},
		"a correction corrects something":                          {Accepted, 2, Set, operator, func(i *Incident, d *Deed, _ *Facts) { d.Urgency, d.Category = i.Urgency, i.Category }, "", fault.Invalid, "category"},
		"nobody signed in passes for the clock":                    {Evaluating, 2, Evaluate, access.Principal{Account: 0, Kiosk: 3, Login: "clock"}, nil, "", fault.Denied, ""},
		"a department elsewhere has no part":                       {Handling, 3, Feedback, access.Principal{Account: 70, Posts: post(access.DeptHead, "1.4.31.")}, nil, "", fault.Denied, ""},
		"a leader of the next community has no part":               {Reported, 1, Accept, access.Principal{Account: 71, Worker: 71, Posts: post(access.GridLeader, "1.4.18.")}, nil, "", fault.Denied, ""},
		"a commander of the district has a part, from above":       {Handling, 4, ForceClose, access.Principal{Account: 72, Posts: post(access.Commander, "1.")}, nil, Closed, "", ""},
		"a worker named in the order acts and nobody for him":      {Dispatched, 2, Sign, station, func(_ *Incident, _ *Deed, f *Facts) { f.Lead = &Assignee{Org: 17, Path: groundPath, Worker: 55} }, "", fault.Denied, ""},
		"a station signs what is given to the station":             {Dispatched, 2, Sign, station, func(_ *Incident, _ *Deed, f *Facts) { f.Lead = &Assignee{Org: 17, Path: groundPath} }, Handling, "", ""},
		"a head of the street's department is not the community's": {Dispatched, 2, Return, head, func(_ *Incident, _ *Deed, f *Facts) { f.Lead = &Assignee{Org: 17, Path: groundPath} }, "", fault.Denied, ""},
	} {
		inc := someCase(c.state, c.tier)
		with, deed := factsFor(c.do, &inc), deedFor(c.do)
		if c.change != nil {
			c.change(&inc, &deed, &with)
		}
		next, _, err := inc.Apply(c.do, deed, c.by, with, noon)
		if c.want != "" {
			if err != nil || next.State != c.want {
				t.Errorf("%s: %s, %v", sentence, next.State, err)
			}
			continue
		}
		if !fault.Is(err, c.kind) {
			t.Errorf("%s: %v, want %s", sentence, err, c.kind)
		} else if c.field != "" && !strings.Contains(fmt.Sprint(fieldsOf(err)), c.field+":") {
			t.Errorf("%s: fields %v, want %s", sentence, fieldsOf(err), c.field)
		}
	}
}

func fieldsOf(err error) map[string]string {
	f, _ := err.(*fault.Fault)
	if f == nil {
		return nil
	}
	return f.Fields
}

// The diagram of docs/incident-states.md is drawn from the tables:
// GRIDWARD_UPDATE=1 go test ./server/incident -run Diagram
func TestTheDiagramIsTheTable(t *testing.T) {
	t.Parallel()
	const file = "../../docs/incident-states.md"
	got := diagram()
	if os.Getenv("GRIDWARD_UPDATE") != "" {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil || string(want) != got {
		t.Errorf("%s is not what the table says (%v): run  GRIDWARD_UPDATE=1 go test ./server/incident -run Diagram", file, err)
	}
}

func diagram() string {
	var b strings.Builder
	b.WriteString("# The life of an incident 事件的一生\n\nDrawn from the table in `server/incident/life.go`; a test keeps it so. Overlays (延期 delay asked for, 督办 supervised, 吹哨 whistle, the colour of the deadlines) are not states.\n\n```mermaid\nstateDiagram-v2\n")
	order := []State{Reported, Verifying, Accepted, Dispatched, Returned, Handling, Suspended, FedBack, Checking, Evaluating, Closed, Archived, Rejected, Void, Merged}
	for _, s := range order {
		fmt.Fprintf(&b, "  %s: %s\n", s, s.Name())
	}
	b.WriteString("  [*] --> reported: 上报\n")
	for _, s := range life {
		for _, from := range s.From {
			to := []State{s.To}
			switch s.Do {
			case SelfHandle:
				to = []State{FedBack, Closed}
			case DecideSuspend:
				to = []State{Suspended}
			case ForceClose:
				continue // from everywhere: said below
			}
			for _, to := range to {
				if to != "" && to != from {
					fmt.Fprintf(&b, "  %s --> %s: %s\n", from, to, s.Name)
				}
			}
		}
	}
	b.WriteString("  archived --> [*]\n  rejected --> [*]\n  void --> [*]\n  merged --> [*]\n```\n\nA commander may close any open case by force (强制结案), with a reason; it is counted apart.\n\n")
	b.WriteString("| Action | Word | From | To | Who | Remark |\n|---|---|---|---|---|---|\n")
	for _, s := range life {
		from := make([]string, len(s.From))
		for i, f := range s.From {
			from[i] = f.Name()
		}
		if slices.Equal(s.From, living) {
			from = []string{"所有未结案状态"}
		}
		who := make([]string, len(s.By))
		for i, c := range s.By {
			who[i] = partNames[c]
		}
		to := s.To.Name()
		if s.To == "" {
			switch to = "不变"; s.Do {
			case SelfHandle:
				to = "已反馈 或 已结案"
			case DecideSuspend:
				to = "挂账 或 不变"
			}
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s |\n", s.Do, s.Name, strings.Join(from, "、"), to, strings.Join(who, "、"), s.Remark)
	}
	b.WriteString("\nThe six steps: ")
	steps := []string{"①发现上报", "②调度分流", "③处置反馈", "④任务核查", "⑤评价考核", "⑥结单归档"}
	for i, name := range steps {
		var in []string
		for _, s := range order {
			if s.Step() == i+1 {
				in = append(in, s.Name())
			}
		}
		fmt.Fprintf(&b, "%s (%s)", name, strings.Join(in, "、"))
		if i < 5 {
			b.WriteString(" → ")
		}
	}
	b.WriteString(".\n\nThe orders of a case have a table of their own in `server/dispatch/order.go`: 派遣 → 待签收 → 签收 → 处置中 → 到场 → 反馈 → 已反馈 → 办结, with 退回 and 拒绝 from 待签收, 撤回 and 改派 from 待签收 and 处置中, 免办 for those who assist, and 返工 back from 已反馈. The case follows its lead order.\n")
	return b.String()
}

var partNames = map[Capacity]string{
	AsReporter: "上报人", AsLeader: "网格长", AsStation: "村(社区)站", AsOperator: "值班员", AsCommander: "指挥长", AsHandler: "主办", AsHead: "主办部门负责人", AsChecker: "核查人", AsClock: "系统到期",
}
