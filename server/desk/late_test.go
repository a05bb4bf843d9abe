package desk_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/gridward/gridward/server/desk"
	"github.com/gridward/gridward/server/postgres"
)

// said lists what the journals say of a subject: kind and, of a whistle, the note.
func (o *cityHall) said(id uuid.UUID, kinds ...string) (out []string) {
	o.t.Helper()
	rows, err := o.db.Pool.Query(o.t.Context(), `SELECT kind, COALESCE(convert_from(body, 'UTF8')::json #>> '{deed,note}', convert_from(body, 'UTF8')::json ->> 'targets') FROM journal WHERE subject = $1 AND kind = ANY ($2) ORDER BY region_id, seq`, id.String(), kinds)
	if err != nil {
		o.t.Fatal(err)
	}
	for rows.Next() {
		var kind, note string
		if err := rows.Scan(&kind, &note); err != nil {
			o.t.Fatal(err)
		}
		out = append(out, kind+" "+note)
	}
	return out
}

// rings rings by several nodes at once and says how many were too early.
func (o *cityHall) rings(ring func(*desk.Desk) (time.Time, error)) (early int) {
	o.t.Helper()
	var group errgroup.Group
	laters := make([]time.Time, 4)
	for i := range laters {
		node := desk.New(o.db, nil, func() time.Time { return *o.now.Load() }, func(int64) {})
		group.Go(func() (err error) {
			laters[i], err = ring(node)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		o.t.Fatal(err)
	}
	for _, later := range laters {
		if !later.IsZero() {
			early++
		}
	}
	return early
}

func TestALateWhistleRingsOnceForEachLimit(t *testing.T) {
	t.Parallel()
	o := newCityHall(t) // 10:00
	p := centre[0]
	w, _, err := o.desk.Whistle(t.Context(), o.cast["leader"], desk.WhistleDraft{Kind: "emergency", Point: &p, Reason: "楼道起火", Need: o.dept[:]})
	if err != nil {
		t.Fatal(err)
	}
	var jobs int
	if o.one(&jobs, `SELECT count(*) FROM river_job WHERE kind = 'whistle_due' AND args ->> 'id' = $1`, w.ID); jobs != 2 {
		t.Errorf("%d jobs, want one for each limit", jobs)
	}
	respond := func(node *desk.Desk) (time.Time, error) {
		return node.RingWhistle(t.Context(), w.ID, postgres.WhistleRespond)
	}
	arrive := func(node *desk.Desk) (time.Time, error) {
		return node.RingWhistle(t.Context(), w.ID, postgres.WhistleArrive)
	}
	if _, err := o.desk.ActOnWhistle(t.Context(), o.cast["clerk"], w.ID, 0, "respond", desk.WhistleDeed{}); err != nil {
		t.Fatal(err)
	}
	o.pass(9 * time.Minute)
	if early := o.rings(respond); early != 4 {
		t.Errorf("%d of 4 nodes were too early", early)
	}
	o.pass(time.Minute)
	o.rings(respond)
	o.pass(20 * time.Minute)
	o.rings(arrive)
	o.rings(respond)
	if n, err := o.desk.RingLate(t.Context()); n != 0 || err != nil {
		t.Errorf("%d more rang: %v", n, err)
	}
	want := []string{"whistle.respond_overdue 城市建设办公室至 11-26 10:10 未响应", "whistle.arrive_overdue 综合行政执法队、城市建设办公室至 11-26 10:30 未到场报到"}
	if got := o.said(w.ID, "whistle.respond_overdue", "whistle.arrive_overdue"); !slices.Equal(got, want) {
		t.Errorf("the journal says %q, want %q", got, want)
	}
	fresh, err := postgres.WhistleByID(t.Context(), o.db.Pool, w.ID)
	if err != nil || fresh.Version != 2 || fresh.State != "confirmed" {
		t.Errorf("the clock changed the whistle: %+v, %v", fresh, err)
	}
	if _, err := postgres.VerifyJournal(t.Context(), o.db.Pool, o.region[0]); err != nil {
		t.Error(err)
	}
}

func TestNoWhistleRingsThatOwesNothing(t *testing.T) {
	t.Parallel()
	o := newCityHall(t)
	p := centre[0]
	for why, prepare := range map[string]func(uuid.UUID){
		"not called yet": nil,
		"closed": func(id uuid.UUID) {
			if _, err := o.desk.ActOnWhistle(t.Context(), o.cast["leader"], id, 0, "close", desk.WhistleDeed{Note: "已自行解决"}); err != nil {
				t.Fatal(err)
			}
		},
		"everybody is there": func(id uuid.UUID) {
			for _, who := range []string{"clerk", "head2"} {
				if _, err := o.desk.ActOnWhistle(t.Context(), o.cast[who], id, 0, "check_in", desk.WhistleDeed{Point: &p}); err != nil {
					t.Fatal(err)
				}
			}
		},
	} {
		kind := "emergency"
		if prepare == nil {
			kind = "mass"
		}
		w, _, err := o.desk.Whistle(t.Context(), o.cast["leader"], desk.WhistleDraft{Kind: kind, Point: &p, Reason: "请到场", Need: o.dept[:]})
		if err != nil {
			t.Fatal(err)
		}
		if prepare != nil {
			prepare(w.ID)
		}
		o.pass(time.Hour)
		for _, what := range []string{postgres.WhistleRespond, postgres.WhistleArrive} {
			if later, err := o.desk.RingWhistle(t.Context(), w.ID, what); err != nil || !later.IsZero() {
				t.Errorf("%s: %v %v", why, later, err)
			}
		}
		if got := o.said(w.ID, "whistle.respond_overdue", "whistle.arrive_overdue"); len(got) != 0 {
			t.Errorf("%s: %q", why, got)
		}
	}
}

func TestALateAcknowledgementRingsOnce(t *testing.T) {
	t.Parallel()
	o := newCityHall(t)
	due := o.now.Load().Add(time.Hour)
	send := func(ackDue *time.Time, orgs ...int64) postgres.Command {
		t.Helper()
		c, err := o.desk.SendCommand(t.Context(), o.cast["commander"], desk.CommandDraft{Text: "立即上岗", NeedAck: true, AckDue: ackDue, Orgs: orgs})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	both, answered, open := send(&due, o.dept[0], o.dept[1]), send(&due, o.dept[0]), send(nil, o.dept[0])
	var jobs int
	if o.one(&jobs, `SELECT count(*) FROM river_job WHERE kind = 'command_acks'`); jobs != 2 {
		t.Errorf("%d jobs, want one for each command with a limit", jobs)
	}
	for _, c := range []postgres.Command{both, answered} {
		if _, err := o.desk.AckCommand(t.Context(), o.cast["clerk"], c.ID, "收到"); err != nil {
			t.Fatal(err)
		}
	}
	ring := func(id uuid.UUID) int {
		return o.rings(func(node *desk.Desk) (time.Time, error) { return node.RingCommand(t.Context(), id) })
	}
	if early := ring(both.ID); early != 4 {
		t.Errorf("%d of 4 nodes were too early", early)
	}
	o.pass(25 * time.Hour)
	for _, c := range []postgres.Command{both, answered, open} {
		ring(c.ID)
		ring(c.ID)
	}
	if n, err := o.desk.RingLate(t.Context()); n != 0 || err != nil {
		t.Errorf("%d more rang: %v", n, err)
	}
	if got := o.said(both.ID, "command.overdue"); len(got) != 1 || got[0] != `command.overdue [{"nr":2,"name":"城市建设办公室"}]` {
		t.Errorf("the journal says %q", got)
	}
	for _, c := range []postgres.Command{answered, open} {
		if got := o.said(c.ID, "command.overdue"); len(got) != 0 {
			t.Errorf("rang without a reason: %q", got)
		}
	}
}

// What was given before there were jobs, or lost its job, is rung by the round;
// what is older than a week is history.
func TestTheRoundRingsWhatHasNoJob(t *testing.T) {
	t.Parallel()
	o := newCityHall(t)
	p := centre[0]
	due := o.now.Load().Add(time.Hour)
	c, err := o.desk.SendCommand(t.Context(), o.cast["commander"], desk.CommandDraft{Text: "立即上岗", AckDue: &due, Orgs: o.dept[:]})
	if err != nil {
		t.Fatal(err)
	}
	w, _, err := o.desk.Whistle(t.Context(), o.cast["leader"], desk.WhistleDraft{Kind: "emergency", Point: &p, Reason: "楼道起火", Need: o.dept[:]})
	if err != nil {
		t.Fatal(err)
	}
	o.pass(2 * time.Hour)
	for _, want := range []int{3, 0} {
		if n, err := o.desk.RingLate(t.Context()); n != want || err != nil {
			t.Errorf("%d rang, want %d: %v", n, want, err)
		}
	}
	if n := len(o.said(c.ID, "command.overdue")) + len(o.said(w.ID, "whistle.respond_overdue", "whistle.arrive_overdue")); n != 4 { // each department owes an acknowledgement
		t.Errorf("%d entries", n)
	}
	o.one(new(int), `WITH c AS (UPDATE command SET rung_at = NULL) UPDATE whistle SET respond_rung_at = NULL, arrive_rung_at = NULL RETURNING 1`)
	o.pass(8 * 24 * time.Hour)
	if n, err := o.desk.RingLate(t.Context()); n != 0 || err != nil {
		t.Errorf("%d rang of last week: %v", n, err)
	}
}
