package desk_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/desk"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/workday"
)

// office is a street whose desk reads a clock that the test sets.
type office struct {
	*street
	t   *testing.T
	now time.Time
}

func newOffice(t *testing.T) *office {
	t.Helper()
	o := &office{street: newStreet(t), t: t}
	o.desk = o.another()
	return o
}

// another is one more node on the same database.
func (o *office) another() *desk.Desk {
	return desk.New(o.db, nil, func() time.Time { return o.now }, func(int64) {})
}

func (o *office) at(s string) { o.now = china(o.t, s) }

func china(t *testing.T, s string) time.Time {
	t.Helper()
	at, err := time.ParseInLocation("2006-01-02 15:04", s, workday.Zone())
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func (o *office) station() access.Principal {
	return access.Principal{Account: o.by[1].Account, Name: "王站长", Posts: []access.Post{{Org: o.org[0], Path: o.path[0], Region: o.region[0], Role: access.Station}}}
}

func (o *office) report(change ...func(*incident.Draft)) incident.Incident {
	o.t.Helper()
	d := draft(0)
	for _, c := range change {
		c(&d)
	}
	inc, _, err := o.desk.Report(o.t.Context(), o.by[0], d)
	if err != nil {
		o.t.Fatal(err)
	}
	return inc
}

func (o *office) act(inc incident.Incident, by access.Principal, do incident.Action, deed incident.Deed) incident.Incident {
	o.t.Helper()
	out, err := o.desk.Act(o.t.Context(), by, inc.ID, inc.Version, do, deed)
	if err != nil {
		o.t.Fatalf("%s: %v", do, err)
	}
	return out
}

func (o *office) order(inc incident.Incident, by access.Principal, do incident.Action, deed incident.Deed) incident.Incident {
	o.t.Helper()
	if _, err := o.desk.ActOnOrder(o.t.Context(), by, *inc.LeadOrder, 0, do, deed); err != nil {
		o.t.Fatalf("%s: %v", do, err)
	}
	return o.read(inc)
}

func (o *office) read(inc incident.Incident) incident.Incident {
	o.t.Helper()
	out, err := postgres.IncidentByID(o.t.Context(), o.db.Pool, inc.ID)
	if err != nil {
		o.t.Fatal(err)
	}
	return out
}

// stands is the two clocks of a case in words: "handle 03-12 17:00 / 03-13 17:00".
func stands(inc incident.Incident) string {
	word := func(t *time.Time) string {
		if t == nil {
			return "-"
		}
		return t.In(workday.Zone()).Format("01-02 15:04")
	}
	out := fmt.Sprintf("%s %s / %s", inc.Stage, word(inc.StageDue), word(inc.CaseDue))
	if inc.Paused {
		out += " paused"
	}
	if inc.Provisional {
		out += " provisional"
	}
	return out
}

func (o *office) want(inc incident.Incident, what, want string) {
	o.t.Helper()
	if got := stands(inc); got != want {
		o.t.Errorf("%s: %s, want %s", what, got, want)
	}
}

// The clocks at every step of a life, in the March of 2026: no holidays.
func TestTheClocksOfALife(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	station, boss := o.station(), commander(o.street, 0)
	o.at("2026-03-09 10:00") // a Monday
	inc := o.report()
	o.want(inc, "a report", "accept 03-09 12:00 / 03-12 17:00")
	o.at("2026-03-09 10:30")
	inc = o.act(inc, station, incident.Accept, incident.Deed{Tier: 2})
	o.want(inc, "accepted", "dispatch 03-09 14:00 / 03-12 17:00")
	if !strings.HasPrefix(inc.CaseFrom, "二级 · 规则") {
		t.Errorf("the case's limit comes from %q", inc.CaseFrom)
	}
	o.at("2026-03-10 09:00")
	inc = o.act(inc, station, incident.Dispatch, incident.Deed{Lead: &incident.Target{Org: o.org[0]}})
	o.want(inc, "dispatched: the whole begins anew", "sign 03-10 17:00 / 03-13 17:00")
	o.at("2026-03-10 16:00")
	inc = o.order(inc, station, incident.Sign, incident.Deed{})
	o.want(inc, "signed", "handle 03-13 17:00 / 03-13 17:00")
	inc = o.act(inc, station, incident.RequestDelay, incident.Deed{Reason: "等配件", Days: 2})
	inc = o.act(inc, boss, incident.DecideDelay, incident.Deed{Approve: true})
	o.want(inc, "two days more", "handle 03-17 17:00 / 03-17 17:00")
	o.at("2026-03-11 11:00")
	review := china(t, "2026-03-20 09:00")
	inc = o.act(inc, boss, incident.Suspend, incident.Deed{Reason: "等雨停", ReviewAt: &review})
	o.want(inc, "suspended", "handle - / - paused")
	o.at("2026-03-13 14:30") // 4.5 + 7 + 4.5 = 16 working hours later
	inc = o.act(inc, boss, incident.Resume, incident.Deed{})
	o.want(inc, "resumed: two days and two hours later", "handle 03-20 10:30 / 03-20 10:30")
	o.at("2026-03-19 10:00")
	inc = o.order(inc, station, incident.Feedback, incident.Deed{Result: "solved", Text: "已更换"})
	o.want(inc, "fed back", "check 03-20 17:00 / 03-20 10:30")
	inc = o.act(inc, boss, incident.AssignCheck, incident.Deed{})
	o.at("2026-03-19 15:00")
	inc = o.act(inc, boss, incident.CheckFail, incident.Deed{Reason: "没有盖好"})
	o.want(inc, "rework has a working day", "handle 03-20 17:00 / 03-20 10:30")
	if !strings.Contains(inc.StageFrom, "返工") {
		t.Errorf("the limit of a rework comes from %q", inc.StageFrom)
	}
	inc = o.order(inc, station, incident.Feedback, incident.Deed{Result: "solved", Text: "已盖好"})
	inc = o.act(inc, boss, incident.AssignCheck, incident.Deed{})
	o.at("2026-03-19 16:00")
	inc = o.act(inc, boss, incident.CheckPass, incident.Deed{Text: "属实"})
	// three working hours were left of the whole; they wait until after the rating
	o.want(inc, "the rating's time is not the handler's", "evaluate 03-26 17:00 / 03-27 11:30")
	o.at("2026-03-26 17:01")
	if err := o.desk.Wake(t.Context(), inc.ID, inc.State, inc.StateSince); err != nil {
		t.Fatal(err)
	}
	inc = o.read(inc)
	o.want(inc, "closed by default", " - / 03-27 11:30")
	if inc.State != incident.Closed || inc.ClosedAt.After(*inc.CaseDue) {
		t.Errorf("%s at %s", inc.State, inc.ClosedAt)
	}
	clocks, err := postgres.ClocksOf(t.Context(), o.db.Pool, inc.ID)
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, c := range clocks {
		word := c.Scope + " " + c.Stage + " " + c.Outcome
		for _, m := range c.Moves {
			word += " (" + m.Why + ")"
		}
		told = append(told, word)
	}
	want := []string{
		"stage accept met", "case case moved", "stage dispatch missed", "stage sign met",
		"case case met (批准延期) (挂账，停止计时) (恢复计时) (评价期不计入办理时限)",
		"stage handle met (批准延期) (挂账，停止计时) (恢复计时)",
		"stage check met", "stage check met", "stage handle met", "stage check met", "stage check met", "stage evaluate missed",
	}
	for _, w := range want {
		found := false
		for i, got := range told {
			if got == w {
				told, found = append(told[:i], told[i+1:]...), true
				break
			}
		}
		if !found {
			t.Errorf("no clock says %q", w)
		}
	}
	if len(told) > 0 {
		t.Errorf("too many clocks: %q", told)
	}
}

func TestTheClocksOfAReturnedAndAReportedUpCase(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	station, boss := o.station(), commander(o.street, 0)
	o.at("2026-03-09 10:00")
	inc := o.act(o.report(), station, incident.Accept, incident.Deed{Tier: 2})
	inc = o.act(inc, station, incident.Dispatch, incident.Deed{Lead: &incident.Target{Org: o.org[0]}})
	o.at("2026-03-09 15:31") // four working hours and a minute later
	if _, err := o.desk.ActOnOrder(t.Context(), station, *inc.LeadOrder, 0, incident.Return, incident.Deed{Code: "not_my_duty", Reason: "不归我们"}); err == nil || !strings.Contains(err.Error(), "已过退回时限") {
		t.Errorf("returned too late: %v", err)
	}
	o.at("2026-03-09 15:30")
	if _, err := o.desk.ActOnOrder(t.Context(), station, *inc.LeadOrder, 0, incident.Return, incident.Deed{Code: "not_my_duty", Reason: "不归我们"}); err != nil {
		t.Fatal(err)
	}
	inc = o.read(inc)
	o.want(inc, "returned: to be dispatched again", "dispatch 03-10 09:00 / 03-12 17:00")
	inc = o.act(inc, station, incident.Dispatch, incident.Deed{Lead: &incident.Target{Org: o.org[0]}})
	inc = o.order(inc, station, incident.Sign, incident.Deed{})
	if _, err := o.desk.Act(t.Context(), station, inc.ID, inc.Version, incident.RequestDelay, incident.Deed{Reason: "等", Days: 4}); err == nil || !strings.Contains(err.Error(), "3 个工作日") {
		t.Errorf("more than the limit itself: %v", err)
	}
	o.at("2026-03-10 10:00")
	inc = o.act(inc, station, incident.ReportUp, incident.Deed{Reason: "需要街道出面"})
	o.want(inc, "another tier: everything begins anew", "dispatch 03-10 12:00 / 03-17 17:00")
	inc = o.act(inc, boss, incident.ReportUp, incident.Deed{Reason: "需要区里出面"})
	o.want(inc, "to the district within a day", "dispatch 03-10 12:00 / 03-11 17:00")
	inc = o.act(inc, boss, incident.Annul, incident.Deed{Reason: "录错"})
	o.want(inc, "void", " - / 03-11 17:00")
	critical := o.report(func(d *incident.Draft) { d.Urgency = incident.Critical })
	o.want(critical, "critical: five minutes", "accept 03-10 10:05 / 03-13 17:00")
}

// A rule and a calendar that change do not move what runs; what begins
// afterwards begins with them.
func TestAPromiseIsFrozen(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.at("2026-03-09 10:00")
	first := o.report()
	exec := func(sql string, args ...any) {
		t.Helper()
		if _, err := o.db.Pool.Exec(t.Context(), sql, args...); err != nil {
			t.Fatal(err)
		}
	}
	exec(`UPDATE sla_rule SET limit_n = 30 WHERE stage = 'accept' AND urgency = ''`)
	exec(`INSERT INTO calendar (org_id, name, plan) VALUES ($1, '窗口', '{"weekdays":[1,2,3,4,5,6,7],"periods":[{"from":"09:00","to":"18:00"}]}')`, o.org[0])
	second := o.report()
	o.want(o.read(first), "what runs", "accept 03-09 12:00 / 03-12 17:00")
	o.want(second, "what begins", "accept 03-09 10:30 / 03-12 18:00")
	exec(`UPDATE calendar SET plan = '{"round_the_clock":true}' WHERE org_id = $1`, o.org[0])
	o.want(o.report(), "a room that never closes", "accept 03-09 10:30 / 03-13 00:00")
}

type entry struct {
	Kind string
	Body incident.Record
}

func (o *office) journal(inc incident.Incident, kinds ...string) (out []entry) {
	o.t.Helper()
	entries, err := postgres.ReadJournalOf(o.t.Context(), o.db.Pool, inc.ID.String(), 500)
	if err != nil {
		o.t.Fatal(err)
	}
	for _, e := range entries {
		for _, k := range kinds {
			if e.Kind == k {
				var body incident.Record
				if err := json.Unmarshal(e.Body, &body); err != nil {
					o.t.Fatal(err)
				}
				out = append(out, entry{e.Kind, body})
			}
		}
	}
	return out
}

// jobs are the clock jobs that wait for a case, as river has them.
func (o *office) jobs(inc incident.Incident) (out []struct {
	ID      uuid.UUID
	Version int32
	What    string
	At      time.Time
}) {
	o.t.Helper()
	rows, err := o.db.Pool.Query(o.t.Context(), `
		SELECT c.id, (j.args->>'version')::int, j.args->>'what', j.scheduled_at FROM river_job j JOIN clock c ON c.id = (j.args->>'id')::uuid
		WHERE j.kind = 'clock' AND c.incident_id = $1 ORDER BY j.id`, inc.ID)
	if err != nil {
		o.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var j struct {
			ID      uuid.UUID
			Version int32
			What    string
			At      time.Time
		}
		if err := rows.Scan(&j.ID, &j.Version, &j.What, &j.At); err != nil {
			o.t.Fatal(err)
		}
		out = append(out, j)
	}
	return out
}

// Two nodes work the same jobs, each several times, as after a restart: every
// clock warns once and rings once.
func TestADeadlineRingsOnce(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	nodes := []*desk.Desk{o.desk, o.another()}
	o.at("2026-03-09 10:00")
	inc := o.report()
	all := func() (early int64) {
		t.Helper()
		var group errgroup.Group
		var n atomic.Int64
		for _, j := range o.jobs(inc) {
			for i := range 6 {
				group.Go(func() error {
					later, err := nodes[i%2].RingClock(t.Context(), j.ID, j.Version, j.What)
					if !later.IsZero() {
						if !later.Equal(j.At) {
							return fmt.Errorf("told to come back at %s, the job is for %s", later, j.At)
						}
						n.Add(1)
					}
					return err
				})
			}
		}
		if err := group.Wait(); err != nil {
			t.Fatal(err)
		}
		return n.Load()
	}
	count := func(what, want string) {
		t.Helper()
		inc = o.read(inc)
		var urges, cards int
		if err := o.db.Pool.QueryRow(t.Context(), `SELECT count(*) FILTER (WHERE kind = 'urge'), count(*) FILTER (WHERE kind = 'supervise' AND level = 'yellow') FROM supervision WHERE incident_id = $1 AND by_account IS NULL`, inc.ID).Scan(&urges, &cards); err != nil {
			t.Fatal(err)
		}
		got := fmt.Sprintf("%d soon %d overdue, %d urges %d cards, counted %d %q", len(o.journal(inc, "incident.due_soon")), len(o.journal(inc, "incident.overdue")), urges, cards, inc.UrgeCount, inc.Supervise)
		if got != want {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}
	if early := all(); early != 24 {
		t.Errorf("%d of 24 came too early", early)
	}
	count("too early", `0 soon 0 overdue, 0 urges 0 cards, counted 0 ""`)
	o.at("2026-03-09 11:36") // a fifth of two hours is left
	all()
	count("yellow", `1 soon 0 overdue, 1 urges 0 cards, counted 1 ""`)
	o.at("2026-03-09 12:00")
	all()
	all()
	count("red", `1 soon 1 overdue, 1 urges 1 cards, counted 1 "yellow"`)
	for _, e := range o.journal(inc, "incident.due_soon", "incident.overdue") {
		if e.Body.ID != inc.ID || e.Body.Deed.ByName != "系统" || e.Body.Deed.Note == "" || e.Body.Deed.Code != "stage" {
			t.Errorf("%s says %+v", e.Kind, e.Body.Deed)
		}
	}
	version := inc.Version
	inc = o.act(inc, o.station(), incident.Accept, incident.Deed{Tier: 2})
	if version != 1 {
		t.Errorf("ringing made version %d: who is at work would be told that the case has moved on", version)
	}
	o.at("2026-03-09 14:00") // of the dispatch that began at noon, both instants: the node was away at yellow
	all()
	count("the next stage", `1 soon 1 overdue, 1 urges 1 cards, counted 1 "yellow"`)
	o.at("2026-03-09 15:30")
	all()
	count("red says it all", `1 soon 2 overdue, 1 urges 2 cards, counted 1 "yellow"`)
	if good, err := postgres.VerifyJournal(t.Context(), o.db.Pool, o.region[0]); err != nil {
		t.Errorf("%d: %v", good, err)
	}
}

// What was moved, ended or stopped does not ring.
func TestWhatHasMovedOnDoesNotRing(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	station, boss := o.station(), commander(o.street, 0)
	ring := func(inc incident.Incident) int {
		for _, j := range o.jobs(inc) {
			if _, err := o.desk.RingClock(t.Context(), j.ID, j.Version, j.What); err != nil {
				t.Fatal(err)
			}
		}
		return len(o.journal(inc, "incident.due_soon", "incident.overdue"))
	}
	o.at("2026-03-09 10:00")
	inc := o.act(o.report(), station, incident.Accept, incident.Deed{Tier: 2})
	inc = o.act(inc, station, incident.Dispatch, incident.Deed{Lead: &incident.Target{Org: o.org[0]}})
	inc = o.order(inc, station, incident.Sign, incident.Deed{})
	inc = o.act(inc, station, incident.RequestDelay, incident.Deed{Reason: "等", Days: 3})
	inc = o.act(inc, boss, incident.DecideDelay, incident.Deed{Approve: true})
	o.at("2026-03-12 17:00") // where it was due before
	if n := ring(inc); n != 0 {
		t.Errorf("%d rang although more time was granted", n)
	}
	review := china(t, "2026-03-31 09:00")
	inc = o.act(inc, boss, incident.Suspend, incident.Deed{Reason: "等", ReviewAt: &review})
	o.at("2026-03-20 17:00")
	if n := ring(inc); n != 0 {
		t.Errorf("%d rang although the case stands still", n)
	}
	inc = o.act(inc, boss, incident.Resume, incident.Deed{})
	o.want(inc, "three days were left", "handle 03-25 17:00 / 03-25 17:00")
	inc = o.act(inc, boss, incident.ForceClose, incident.Deed{Reason: "重复"})
	o.at("2026-04-01 17:00")
	if n := ring(inc); n != 0 {
		t.Errorf("%d rang although the case is closed", n)
	}
	if later, err := o.desk.RingClock(t.Context(), uuid.New(), 1, desk.RingDue); err != nil || !later.IsZero() {
		t.Errorf("a clock that nobody knows: %v %v", later, err)
	}
}

// A list that is announced moves the clocks that stood on its days, and no
// other; the trace says from where to where.
func TestAnAnnouncedListMovesWhatStoodOnItsDays(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	station := o.station()
	o.at("2026-12-29 10:00")
	sure := o.act(o.report(), station, incident.Accept, incident.Deed{Tier: 1})
	o.want(sure, "a case that is due this year", "dispatch 12-29 12:00 / 12-30 17:00")
	o.at("2026-12-31 10:00")
	inc := o.act(o.report(), station, incident.Accept, incident.Deed{Tier: 1})
	inc = o.act(inc, station, incident.Dispatch, incident.Deed{Lead: &incident.Target{Org: o.org[0]}})
	inc = o.order(inc, station, incident.Sign, incident.Deed{})
	o.want(inc, "one working day after New Year's Eve", "handle 01-01 17:00 / 01-01 17:00 provisional")
	still := o.act(o.report(), station, incident.Accept, incident.Deed{Tier: 1})
	still = o.act(still, station, incident.Dispatch, incident.Deed{Lead: &incident.Target{Org: o.org[0]}})
	still = o.order(still, station, incident.Sign, incident.Deed{})
	review := china(t, "2027-01-05 09:00")
	still = o.act(still, commander(o.street, 0), incident.Suspend, incident.Deed{Reason: "等", ReviewAt: &review})

	list := workday.List{Year: 2027, Status: workday.Published, Days: []workday.Holiday{
		{Date: workday.Date(2027, 1, 1), Off: true, Name: "元旦"}, {Date: workday.Date(2027, 1, 2), Off: true, Name: "元旦"}, {Date: workday.Date(2027, 1, 3), Off: true, Name: "元旦"}}}
	changed, running, err := o.desk.PreviewHolidays(t.Context(), list, []string{o.path[0]})
	if err != nil || len(changed) != 2 || running != 4 || changed[0].CaseNo != inc.CaseNo || !changed[0].ToDue.Equal(china(t, "2027-01-04 17:00")) {
		t.Fatalf("the preview: %v, of %d: %+v", err, running, changed)
	}
	if other, _, err := o.desk.PreviewHolidays(t.Context(), list, []string{o.path[1]}); err != nil || len(other) != 0 {
		t.Errorf("another community is shown %v %v", other, err)
	}
	got, moved, err := o.desk.ImportHolidays(t.Context(), list, postgres.HolidayImport{Format: "json", ByName: "李指挥", SHA256: []byte{1}}, postgres.Audit{Actor: "li", Action: "holidays.imported"})
	if err != nil || moved != 2 || got.Version != 1 {
		t.Fatalf("%v: %d moved, version %d", err, moved, got.Version)
	}
	var group errgroup.Group
	var cases atomic.Int64
	for _, node := range []*desk.Desk{o.desk, o.another(), o.another()} { // after a restart, on several nodes
		group.Go(func() error {
			n, err := node.Recount(t.Context(), 2027)
			cases.Add(int64(n))
			return err
		})
	}
	if err := group.Wait(); err != nil || cases.Load() != 1 {
		t.Fatalf("%d cases moved: %v", cases.Load(), err)
	}
	version := inc.Version
	inc = o.read(inc)
	o.want(inc, "afterwards", "handle 01-04 17:00 / 01-04 17:00")
	o.want(o.read(sure), "what was sure", "dispatch 12-29 12:00 / 12-30 17:00")
	if inc.Version != version {
		t.Error("the move made a new version")
	}
	orders, err := postgres.OrdersOf(t.Context(), o.db.Pool, inc.ID)
	if err != nil || len(orders) != 1 || orders[0].HandleDue == nil || !orders[0].HandleDue.Equal(*inc.StageDue) {
		t.Errorf("the order: %v %+v", err, orders)
	}
	entries := o.journal(inc, "incident.due_moved")
	if len(entries) != 1 || entries[0].Body.Deed.Reason != "2027 年放假安排公布，时限重算" || !strings.Contains(entries[0].Body.Deed.Note, "处置 2027-01-01 17:00 → 2027-01-04 17:00") {
		t.Errorf("the record: %+v", entries)
	}
	clocks, err := postgres.ClocksOf(t.Context(), o.db.Pool, inc.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range clocks {
		if c.EndedAt == nil && (c.Provisional || len(c.Moves) != 1 || !c.Moves[0].From.Equal(china(t, "2027-01-01 17:00")) || !c.Moves[0].To.Equal(china(t, "2027-01-04 17:00"))) {
			t.Errorf("the trace of %s: %+v", c.Scope, c.Moves)
		}
	}
	o.at("2027-01-01 17:00")
	for _, j := range o.jobs(inc) {
		if _, err := o.desk.RingClock(t.Context(), j.ID, j.Version, j.What); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(o.journal(inc, "incident.overdue")); n != 0 {
		t.Errorf("%d rang on New Year's Day", n)
	}
	o.at("2027-01-04 17:00")
	for _, j := range o.jobs(inc) {
		if _, err := o.desk.RingClock(t.Context(), j.ID, j.Version, j.What); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(o.journal(inc, "incident.overdue")); n != 1 {
		t.Errorf("%d rang on Monday: the stage and the whole are due at one instant, once is enough", n)
	}
	o.at("2027-01-05 09:00")
	still = o.act(still, commander(o.street, 0), incident.Resume, incident.Deed{})
	// suspended on 12-31 at 10:00 with 5.5 + 7 hours left, one of them a day that became a holiday: the time is the same
	o.want(still, "what stood still goes on by the new list", "handle 01-06 16:00 / 01-06 16:00")
	if _, moved, err := o.desk.ImportHolidays(t.Context(), list, postgres.HolidayImport{Format: "json", SHA256: []byte{1}}, postgres.Audit{Actor: "li", Action: "holidays.imported"}); err != nil || moved != 0 {
		t.Errorf("again: %d moved, %v", moved, err)
	}
}

// Many commands on one node while rules change on another: none of them goes
// by rules that are older than its own transaction.
func TestNoCommandGoesByOldRules(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.at("2026-03-09 10:00")
	for n := 1; n <= 12; n++ {
		if _, err := o.db.Pool.Exec(t.Context(), `UPDATE sla_rule SET limit_n = $1 WHERE stage = 'accept' AND urgency = ''`, n); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if inc := o.report(); inc.StageDue.Sub(o.now) != time.Duration(n)*time.Minute {
				t.Fatalf("a limit of %d minutes: due %s after the report", n, inc.StageDue.Sub(o.now))
			}
		}
	}
}
