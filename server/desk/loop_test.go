package desk_test

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/blob"
	"github.com/gridward/gridward/server/desk"
	"github.com/gridward/gridward/server/dispatch"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/postgres"
)

// cityHall is 明湖街道 with everybody who has a part in a case, and a clock that
// the test turns.
type cityHall struct {
	*street
	t    *testing.T
	now  atomic.Pointer[time.Time]
	dept [2]int64
	cast map[string]access.Principal
}

func newCityHall(t *testing.T) *cityHall {
	t.Helper()
	o := &cityHall{street: newStreet(t), t: t, cast: map[string]access.Principal{}}
	start := time.Date(2026, 11, 26, 2, 0, 0, 0, time.UTC) // Thursday, 10:00 in Shanghai
	o.now.Store(&start)
	photos, err := blob.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	o.desk = desk.New(o.db, photos, func() time.Time { return *o.now.Load() }, func(int64) {})
	root := fmt.Sprintf("%d.", o.region[0])
	for i, name := range []string{"综合行政执法队", "城市建设办公室"} {
		o.one(&o.dept[i], `INSERT INTO org (region_id, parent_id, path, code, kind, name) VALUES ($1, $1, '', $2, 'department', $3) RETURNING id`, o.region[0], fmt.Sprintf("990101001-KS0%d", i+1), name)
		o.one(new(int64), `UPDATE org SET path = $2 WHERE id = $1 RETURNING id`, o.dept[i], o.deptPath(i))
	}
	for _, a := range []struct {
		name string
		role access.Role
		org  int64
		path string
	}{
		{"leader", access.GridLeader, o.org[0], o.path[0]}, {"station", access.Station, o.org[0], o.path[0]}, {"operator", access.Operator, o.region[0], root},
		{"operator2", access.Operator, o.region[0], root}, {"commander", access.Commander, o.region[0], root}, {"clerk", access.DeptClerk, o.dept[0], o.deptPath(0)},
		{"head", access.DeptHead, o.dept[0], o.deptPath(0)}, {"head2", access.DeptHead, o.dept[1], o.deptPath(1)}, {"stranger", access.Station, o.org[1], o.path[1]},
	} {
		id, err := postgres.InsertAccount(t.Context(), o.db.Pool, postgres.Account{Login: a.name, Name: "人" + a.name, PasswordHash: "-"})
		if err != nil {
			t.Fatal(err)
		}
		region := o.region[0]
		if a.name == "stranger" {
			region = o.region[1]
		}
		o.cast[a.name] = access.Principal{Account: id, Login: a.name, Name: "人" + a.name, Posts: []access.Post{{Org: a.org, Path: a.path, Region: region, Role: a.role}}}
	}
	o.cast["worker"] = o.by[0]
	return o
}

func (o *cityHall) one(dest any, sql string, args ...any) {
	o.t.Helper()
	if err := o.db.Pool.QueryRow(o.t.Context(), sql, args...).Scan(dest); err != nil {
		o.t.Fatalf("%v: %s", err, sql)
	}
}

func (o *cityHall) deptPath(i int) string { return fmt.Sprintf("%d.%d.", o.region[0], o.dept[i]) }

func (o *cityHall) pass(d time.Duration) {
	next := o.now.Load().Add(d)
	o.now.Store(&next)
}

// report files a case of the community by its worker.
func (o *cityHall) report() incident.Incident {
	o.t.Helper()
	d := draft(0)
	d.Source = "hotline"
	inc, _, err := o.desk.Report(o.t.Context(), o.cast["worker"], d)
	if err != nil {
		o.t.Fatal(err)
	}
	return inc
}

// act does something to the case as it stands and fails the test when it is refused.
func (o *cityHall) act(who string, inc incident.Incident, do incident.Action, deed incident.Deed) incident.Incident {
	o.t.Helper()
	next, err := o.desk.Act(o.t.Context(), o.cast[who], inc.ID, inc.Version, do, deed)
	if err != nil {
		o.t.Fatalf("%s as %s: %v", do, who, err)
	}
	return next
}

func (o *cityHall) fresh(id uuid.UUID) incident.Incident {
	o.t.Helper()
	inc, err := postgres.IncidentByID(o.t.Context(), o.db.Pool, id)
	if err != nil {
		o.t.Fatal(err)
	}
	return inc
}

// order returns the newest order of the mode.
func (o *cityHall) order(id uuid.UUID, mode string) dispatch.Order {
	o.t.Helper()
	list, err := postgres.OrdersOf(o.t.Context(), o.db.Pool, id)
	if err != nil {
		o.t.Fatal(err)
	}
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].Mode == mode {
			return list[i]
		}
	}
	o.t.Fatalf("no %s order", mode)
	return dispatch.Order{}
}

func (o *cityHall) move(who string, order dispatch.Order, do incident.Action, deed incident.Deed) dispatch.Order {
	o.t.Helper()
	next, err := o.desk.ActOnOrder(o.t.Context(), o.cast[who], order.ID, 0, do, deed)
	if err != nil {
		o.t.Fatalf("%s as %s: %v", do, who, err)
	}
	return next
}

// chain verifies the journal of the region from its first entry.
func (o *cityHall) chain() int64 {
	o.t.Helper()
	var seq int64
	var prev [32]byte
	for {
		list, err := postgres.ReadJournal(o.t.Context(), o.db.Pool, o.region[0], seq, 500)
		if err != nil {
			o.t.Fatal(err)
		}
		if len(list) == 0 {
			return seq
		}
		for _, e := range list {
			if err := e.Verify(seq, prev); err != nil {
				o.t.Fatal(err)
			}
			seq, prev = e.Seq, e.Hash
		}
	}
}

// Two operators see the same case and both dispatch it: one wins, the other is
// told what happened, and there is one order.
func TestTwoOperatorsRace(t *testing.T) {
	t.Parallel()
	o := newCityHall(t)
	for range 8 {
		inc := o.act("operator", o.report(), incident.Accept, incident.Deed{Tier: 3})
		var won atomic.Int32
		var told atomic.Value
		var both errgroup.Group
		for i, who := range []string{"operator", "operator2"} {
			both.Go(func() error {
				_, err := o.desk.Act(t.Context(), o.cast[who], inc.ID, inc.Version, incident.Dispatch, incident.Deed{Lead: &incident.Target{Org: o.dept[i]}})
				if err == nil {
					won.Add(1)
					return nil
				}
				if !fault.Is(err, fault.Conflict) {
					return err
				}
				told.Store(err.Error())
				return nil
			})
		}
		if err := both.Wait(); err != nil {
			t.Fatal(err)
		}
		if said, _ := told.Load().(string); won.Load() != 1 || !strings.Contains(said, "派遣") || !strings.Contains(said, "人operator") {
			t.Errorf("%d won; the other was told %q", won.Load(), said)
		}
		list, err := postgres.OrdersOf(t.Context(), o.db.Pool, inc.ID)
		if err != nil || len(list) != 1 {
			t.Errorf("%d orders, %v", len(list), err)
		}
	}
	o.chain()
}

// The way of a case through everything that can happen to it.
func TestTheWholeLifeOnTheDesk(t *testing.T) {
	t.Parallel()
	o := newCityHall(t)
	inc := o.report()
	inc = o.act("operator", inc, incident.RequestVerify, incident.Deed{Worker: o.worker[0]})
	inc = o.act("worker", inc, incident.VerifyResult, incident.Deed{Result: "pass", Text: "属实"})
	inc = o.act("station", inc, incident.Accept, incident.Deed{Tier: 2})
	inc = o.act("station", inc, incident.ReportUp, incident.Deed{Reason: "需要执法队"})
	inc = o.act("operator", inc, incident.Dispatch, incident.Deed{Lead: &incident.Target{Org: o.dept[0]}, Assist: []incident.Target{{Org: o.dept[1]}}, Requirement: "三日内清理"})
	if inc.State != incident.Dispatched || *inc.Tier != 3 || *inc.OwnerOrg != o.dept[0] {
		t.Fatalf("%+v", inc)
	}
	o.move("head", o.order(inc.ID, dispatch.Lead), incident.Return, incident.Deed{Code: "not_my_duty", Reason: "属城建"})
	inc = o.fresh(inc.ID)
	if inc.State != incident.Returned || inc.ReturnCount != 1 || inc.LeadOrder != nil || o.order(inc.ID, dispatch.Assist).State != dispatch.Recalled {
		t.Fatalf("after the return: %+v", inc)
	}
	if _, err := o.desk.ActOnOrder(t.Context(), o.cast["head"], o.order(inc.ID, dispatch.Lead).ID, 0, incident.Sign, incident.Deed{}); !fault.Is(err, fault.Missing) {
		t.Errorf("a department that returned the case still sees it: %v", err)
	}
	inc = o.act("operator", inc, incident.Dispatch, incident.Deed{Lead: &incident.Target{Org: o.dept[1]}, Assist: []incident.Target{{Org: o.dept[0]}, {Worker: o.worker[0]}}})
	lead := o.move("head2", o.order(inc.ID, dispatch.Lead), incident.Sign, incident.Deed{})
	if lead.State != dispatch.Handling || lead.SignedName != "人head2" {
		t.Errorf("%+v", lead)
	}
	place := centre[0]
	lead = o.move("head2", lead, incident.Arrive, incident.Deed{Point: &place})
	if lead.ArrivedM == nil || *lead.ArrivedM > 1 {
		t.Errorf("arrived %v m from the case", lead.ArrivedM)
	}
	inc = o.fresh(inc.ID)
	inc = o.act("head2", inc, incident.RequestDelay, incident.Deed{Reason: "等材料", Days: 2})
	inc = o.act("commander", inc, incident.DecideDelay, incident.Deed{Approve: true})
	if inc.DelayCount != 1 || inc.DelayAsked {
		t.Errorf("%+v", inc)
	}
	review := o.now.Load().AddDate(0, 0, 5)
	inc = o.act("head2", inc, incident.RequestSuspend, incident.Deed{Reason: "产权不清", ReviewAt: &review})
	inc = o.act("commander", inc, incident.DecideSuspend, incident.Deed{Approve: true})
	if inc.State != incident.Suspended {
		t.Fatal(inc.State)
	}
	since := inc.StateSince
	if err := o.desk.Wake(t.Context(), inc.ID, incident.Suspended, since.Add(time.Second)); err != nil || o.fresh(inc.ID).State != incident.Suspended {
		t.Errorf("an alarm of another suspension woke it: %v", err)
	}
	o.pass(5 * 24 * time.Hour)
	if err := o.desk.Wake(t.Context(), inc.ID, incident.Suspended, since); err != nil {
		t.Fatal(err)
	}
	feedback := incident.Deed{Result: "solved", Text: "已清理", ClientID: "f-1"}
	if _, err := o.desk.ActOnOrder(t.Context(), o.cast["head2"], lead.ID, 0, incident.Feedback, feedback); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "2 个协办") {
		t.Errorf("fed back before those who assist: %v", err)
	}
	for _, a := range o.assists(inc.ID) {
		if a.Worker != nil {
			inc = o.fresh(inc.ID)
			o.move("station", a, incident.Waive, incident.Deed{Reason: "不需要了"})
			continue
		}
		o.move("head", a, incident.Sign, incident.Deed{})
		o.move("head", a, incident.Feedback, incident.Deed{Result: "solved", Text: "已配合"})
	}
	o.move("head2", lead, incident.Feedback, feedback)
	before := o.fresh(inc.ID).Version
	o.move("head2", lead, incident.Feedback, feedback) // the phone sends it again
	if inc = o.fresh(inc.ID); inc.State != incident.FedBack || inc.Version != before {
		t.Errorf("%s, version %d after %d", inc.State, inc.Version, before)
	}
	inc = o.act("operator", inc, incident.AssignCheck, incident.Deed{Worker: o.worker[0]})
	if _, err := o.desk.Act(t.Context(), o.cast["head2"], inc.ID, inc.Version, incident.CheckPass, incident.Deed{}); !fault.Is(err, fault.Denied) {
		t.Errorf("who handled it checked it: %v", err)
	}
	inc = o.act("worker", inc, incident.CheckFail, incident.Deed{Reason: "还有残留"})
	if inc.State != incident.Handling || inc.ReworkCount != 1 || o.order(inc.ID, dispatch.Lead).Rework != 1 {
		t.Errorf("%+v", inc)
	}
	o.move("head2", lead, incident.Feedback, incident.Deed{Result: "solved", Text: "重新清理", ClientID: "f-2"})
	inc = o.act("station", o.fresh(inc.ID), incident.AssignCheck, incident.Deed{})
	inc = o.act("station", inc, incident.CheckPass, incident.Deed{Text: "合格"})
	if inc.State != incident.Evaluating || o.order(inc.ID, dispatch.Lead).State != dispatch.Done {
		t.Errorf("%+v", inc)
	}
	inc = o.act("worker", inc, incident.Evaluate, incident.Deed{Grade: 5, Text: "很快"})
	if inc.State != incident.Closed || inc.CloseReason != "evaluated" || *inc.Satisfaction != 5 {
		t.Errorf("%+v", inc)
	}
	child := o.act("operator", inc, incident.Reopen, incident.Deed{Reason: "又出现了"})
	if child.ID == inc.ID || child.State != incident.Reported || *child.ReopenedFrom != inc.ID || *child.Recurrence != inc.ID || o.fresh(inc.ID).Version != inc.Version {
		t.Errorf("reopened as %+v", child)
	}
	if err := o.desk.Wake(t.Context(), inc.ID, incident.Closed, inc.StateSince); !fault.Is(err, fault.Conflict) {
		t.Errorf("archived before its time: %v", err)
	}
	o.pass(16 * 24 * time.Hour)
	if err := o.desk.Wake(t.Context(), inc.ID, incident.Closed, inc.StateSince); err != nil {
		t.Fatal(err)
	}
	row, ok, err := postgres.ReadArchive(t.Context(), o.db.Pool, inc.ID)
	if inc = o.fresh(inc.ID); err != nil || !ok || inc.State != incident.Archived || row.Number != "DA-"+inc.CaseNo || len(row.SHA256) != 32 {
		t.Errorf("archive: %v %v %+v", err, ok, inc)
	}
	if err := o.desk.Wake(t.Context(), inc.ID, incident.Closed, inc.StateSince); err != nil {
		t.Errorf("waking an archived case: %v", err)
	}
	entries, err := postgres.ReadJournalOf(t.Context(), o.db.Pool, inc.ID.String(), 1000)
	if err != nil || len(entries) != int(inc.Version) {
		t.Errorf("%d entries for version %d, %v", len(entries), inc.Version, err)
	}
	o.chain()
}

func (o *cityHall) assists(id uuid.UUID) []dispatch.Order {
	list, err := postgres.OrdersOf(o.t.Context(), o.db.Pool, id)
	if err != nil {
		o.t.Fatal(err)
	}
	var open []dispatch.Order
	for _, x := range list {
		if x.Mode == dispatch.Assist && x.State.Open() {
			open = append(open, x)
		}
	}
	return open
}

// Whatever anybody does in any order, with good deeds and bad ones: the case
// stays in the table, every success and nothing else is in the record, the
// chain holds, there is at most one lead order, and nothing is closed without
// a feedback or a forced close.
func TestNoSequenceOfActionsBreaksTheLoop(t *testing.T) {
	t.Parallel()
	o := newCityHall(t)
	seed := uint64(time.Now().UnixNano())
	rng := rand.New(rand.NewPCG(seed, 1))
	t.Logf("seed %d", seed)
	names := []string{"leader", "station", "operator", "operator2", "commander", "clerk", "head", "head2", "worker", "stranger"}
	outcomes := map[string]int{}
	for range 12 {
		inc := o.report()
		wins := 1
		for range 45 {
			if rng.IntN(4) == 0 {
				o.pass(time.Duration(rng.IntN(600)) * time.Minute)
			}
			who := names[rng.IntN(len(names))]
			before := o.fresh(inc.ID)
			err, moved := o.anything(rng, who, before)
			after := o.fresh(inc.ID)
			switch {
			case err == nil && moved && after.Version == before.Version+1:
				wins++
			case err == nil && after.Version == before.Version: // said twice, or a new case
			case err != nil && after.Version == before.Version && after.State == before.State:
				var f *fault.Fault
				if !errors.As(err, &f) {
					t.Fatalf("a surprise: %v", err)
				}
			default:
				t.Fatalf("%s: version %d → %d, state %s → %s, %v", who, before.Version, after.Version, before.State, after.State, err)
			}
			o.sound(after)
			inc = after
		}
		entries, err := postgres.ReadJournalOf(t.Context(), o.db.Pool, inc.ID.String(), 1000)
		if err != nil || len(entries) != wins || int(inc.Version) != wins {
			t.Fatalf("%d entries, %d successes, version %d, %v", len(entries), wins, inc.Version, err)
		}
		outcomes[string(inc.State)]++
	}
	o.chain()
	t.Logf("ended as %v", outcomes)
}

// anything does one thing at random and says whether it was done to the case itself.
func (o *cityHall) anything(rng *rand.Rand, who string, inc incident.Incident) (error, bool) {
	deed := incident.Deed{Reason: "理由", Text: "情况", Result: []string{"solved", "cannot", "pass"}[rng.IntN(3)], Grade: int16(rng.IntN(6)), Days: 1, Approve: rng.IntN(2) == 0,
		Code: []string{"not_my_duty", "not_ours", "duplicate"}[rng.IntN(3)], Level: []string{"", "yellow", "red"}[rng.IntN(3)], Reply: "回复", Urgency: incident.Urgent,
		Tier: int16(rng.IntN(5)), Lead: &incident.Target{Org: []int64{o.dept[0], o.dept[1], o.org[0]}[rng.IntN(3)]}}
	if rng.IntN(3) == 0 {
		deed.Assist = []incident.Target{{Org: o.dept[rng.IntN(2)]}}
	}
	if rng.IntN(3) == 0 {
		deed.Lead = &incident.Target{Worker: o.worker[0]}
	}
	if rng.IntN(5) == 0 {
		deed.Reason = ""
	}
	review, place := o.now.Load().AddDate(0, 0, 3), centre[0]
	deed.ReviewAt, deed.Point = &review, &place
	orders, err := postgres.OrdersOf(o.t.Context(), o.db.Pool, inc.ID)
	if err != nil {
		o.t.Fatal(err)
	}
	if rng.IntN(3) > 0 { // mostly what the pages offer, so that cases get far
		if err, done := o.offered(rng, inc, orders, deed); done {
			return err, true
		}
	}
	if rng.IntN(2) == 0 {
		if len(orders) > 0 {
			all := incident.OrderActions()
			_, err := o.desk.ActOnOrder(o.t.Context(), o.cast[who], orders[rng.IntN(len(orders))].ID, 0, all[rng.IntN(len(all))], deed)
			return err, true
		}
	}
	if rng.IntN(8) == 0 {
		return o.desk.Wake(o.t.Context(), inc.ID, inc.State, inc.StateSince), true
	}
	all := incident.Actions()
	do := all[rng.IntN(len(all))]
	if rng.IntN(3) > 0 && (do == incident.ForceClose || do == incident.Annul || do == incident.Reject) {
		do = incident.Accept // let most of them live for a while
	}
	version := inc.Version
	if rng.IntN(10) == 0 {
		version--
	}
	_, err = o.desk.Act(o.t.Context(), o.cast[who], inc.ID, version, do, deed)
	return err, do != incident.Reopen
}

// offered does one of the things that somebody is offered now: it must never be
// denied, because the buttons and the guard read one table.
func (o *cityHall) offered(rng *rand.Rand, inc incident.Incident, orders []dispatch.Order, deed incident.Deed) (error, bool) {
	facts, err := postgres.ReadCaseFacts(o.t.Context(), o.db.Pool, inc.ID)
	if err != nil {
		o.t.Fatal(err)
	}
	type offer struct {
		who   string
		order *dispatch.Order
		do    incident.Action
	}
	var offers []offer
	for who, p := range o.cast {
		for _, c := range inc.May(p, desk.FactsOf(orders, facts), *o.now.Load()) {
			if c.Action != incident.ForceClose && c.Action != incident.Annul && c.Action != incident.Reject && c.Action != incident.Reopen || rng.IntN(30) == 0 {
				offers = append(offers, offer{who, nil, c.Action})
			}
		}
		for i := range orders {
			for _, c := range orders[i].Choices(p, inc) {
				offers = append(offers, offer{who, &orders[i], c.Action})
			}
		}
	}
	if len(offers) == 0 {
		return nil, false
	}
	slices.SortFunc(offers, func(a, b offer) int { return cmp.Compare(fmt.Sprint(a.who, a.do), fmt.Sprint(b.who, b.do)) })
	x := offers[rng.IntN(len(offers))]
	if x.do == incident.Reopen {
		return nil, false
	}
	if x.order != nil {
		_, err = o.desk.ActOnOrder(o.t.Context(), o.cast[x.who], x.order.ID, 0, x.do, deed)
	} else {
		_, err = o.desk.Act(o.t.Context(), o.cast[x.who], inc.ID, inc.Version, x.do, deed)
	}
	if fault.Is(err, fault.Denied) && x.do != incident.Accept { // accepting at a tier above one's own is the deed's fault
		o.t.Fatalf("%s was offered %s of a case that is %s, and denied it: %v", x.who, x.do, inc.State, err)
	}
	return err, true
}

// sound checks what must hold of a case at any time.
func (o *cityHall) sound(inc incident.Incident) {
	o.t.Helper()
	orders, err := postgres.OrdersOf(o.t.Context(), o.db.Pool, inc.ID)
	if err != nil {
		o.t.Fatal(err)
	}
	file, err := postgres.ReadCaseFile(o.t.Context(), o.db.Pool, inc.ID)
	if err != nil {
		o.t.Fatal(err)
	}
	leads := 0
	for _, x := range orders {
		if x.Mode == dispatch.Lead && x.State.Open() {
			leads++
			if inc.LeadOrder == nil || *inc.LeadOrder != x.ID {
				o.t.Fatalf("%s: the open lead order is not the one that the case follows", inc.State)
			}
		}
		if inc.State.Over() && x.State.Open() && inc.CloseReason != "evaluated" && inc.CloseReason != "default" {
			o.t.Fatalf("%s (%s): order %d is still %s", inc.State, inc.CloseReason, x.Seq, x.State)
		}
	}
	needs := map[incident.State]int{incident.Dispatched: 1, incident.Handling: 1, incident.Suspended: 1, incident.FedBack: 1, incident.Checking: 1}[inc.State]
	if leads != needs {
		o.t.Fatalf("%s has %d open lead orders", inc.State, leads)
	}
	if (inc.State == incident.Closed || inc.State == incident.Archived) && inc.CloseReason != "forced" && len(file.Feedbacks) == 0 {
		o.t.Fatalf("closed (%s) without a feedback", inc.CloseReason)
	}
	if inc.Open == inc.State.Over() || (inc.State == incident.Suspended) != (inc.SuspendedAt != nil) && !inc.State.Over() {
		o.t.Fatalf("%s: open %v, suspended at %v", inc.State, inc.Open, inc.SuspendedAt)
	}
}

// Who reported a case that was merged hears what came of the one it was merged
// into, through any number of merges, and once.
func TestMergedCasesInheritTheResult(t *testing.T) {
	t.Parallel()
	o := newCityHall(t)
	main, second, third := o.report(), o.report(), o.report()
	third = o.act("operator", third, incident.Merge, incident.Deed{Into: &second.ID})
	second = o.act("operator", second, incident.Merge, incident.Deed{Into: &main.ID})
	main = o.act("commander", main, incident.ForceClose, incident.Deed{Reason: "已由物业清理"})
	for _, before := range []incident.Incident{second, third} {
		got := o.fresh(before.ID)
		if got.State != incident.Merged || got.Version != before.Version+1 || got.PublicReply != "主案 "+main.CaseNo+" 已结案 已由物业清理" {
			t.Errorf("%s: %s version %d reply %q", got.CaseNo, got.State, got.Version, got.PublicReply)
		}
	}
	var entries int64
	o.one(&entries, `SELECT count(*) FROM journal WHERE kind = 'incident.inherited'`)
	if entries != 2 {
		t.Errorf("%d entries, want 2", entries)
	}
	o.chain()
	fourth := o.report()
	if _, err := o.desk.Act(t.Context(), o.cast["operator"], fourth.ID, fourth.Version, incident.Merge, incident.Deed{Into: &main.ID}); !fault.Is(err, fault.Conflict) {
		t.Errorf("merged into a closed case: %v", err)
	}
}
