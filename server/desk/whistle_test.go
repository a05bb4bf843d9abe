package desk_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/gridward/gridward/server/desk"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/postgres"
)

// The limits of a whistle run in the region's working time, from when the
// departments were called.
func TestTheLimitsOfAWhistle(t *testing.T) {
	t.Parallel()
	o := newCityHall(t) // Thursday, 10:00 in Shanghai
	for kind, want := range map[string][2]string{
		"emergency":   {"11-26 10:10", "11-26 10:30"}, // natural minutes
		"enforcement": {"11-26 12:00", "11-26 15:30"}, // two and four working hours, with a lunch between
		"mass":        {"11-27 17:00", "11-30 17:00"}, // one and two working days, with a weekend between
	} {
		p := centre[0]
		w, _, err := o.desk.Whistle(t.Context(), o.cast["leader"], desk.WhistleDraft{Kind: kind, Point: &p, Reason: "请到场", Need: o.dept[:]})
		if err != nil {
			t.Fatal(err)
		}
		if (w.RespondDue != nil) != (kind == "emergency") {
			t.Errorf("%s: the time runs before departments are called: %v", kind, w.RespondDue)
		}
		if kind != "emergency" {
			if w, err = o.desk.ActOnWhistle(t.Context(), o.cast["operator"], w.ID, w.Version, "confirm", desk.WhistleDeed{}); err != nil {
				t.Fatal(err)
			}
		}
		zone := incident.BusinessZone()
		if got := [2]string{w.RespondDue.In(zone).Format("01-02 15:04"), w.ArriveDue.In(zone).Format("01-02 15:04")}; got != want || w.Provisional {
			t.Errorf("%s: %v, want %v", kind, got, want)
		}
	}
}

// Whistles over one case are raised, confirmed, answered and closed by many at
// once while others work on the case itself: nobody waits for ever, the case's
// count is that of the open whistles, and the chain holds.
func TestManyWhistlesOverOneCase(t *testing.T) {
	t.Parallel()
	o := newCityHall(t)
	inc := o.report()
	inc = o.act("operator", inc, incident.Accept, incident.Deed{Tier: 3})
	inc = o.act("operator", inc, incident.Dispatch, incident.Deed{Lead: &incident.Target{Org: o.dept[0]}})
	known := func(err error) error {
		if err == nil || fault.Of(err) == fault.Conflict || fault.Of(err) == fault.Missing || fault.Of(err) == fault.Invalid || fault.Of(err) == fault.Denied {
			return nil
		}
		return err
	}
	var group errgroup.Group
	for n := range 6 {
		group.Go(func() error {
			rng := rand.New(rand.NewPCG(3, uint64(n)))
			for i := range 4 {
				w, _, err := o.desk.Whistle(t.Context(), o.cast["station"], desk.WhistleDraft{ClientID: fmt.Sprintf("%d-%d", n/2, i), Kind: "enforcement", Incident: &inc.ID, Reason: "联合整治", Need: o.dept[:1+rng.IntN(2)]})
				if err := known(err); err != nil {
					return fmt.Errorf("raise: %w", err)
				}
				for _, step := range []struct{ who, action string }{{"operator", "confirm"}, {"clerk", "respond"}, {"head2", "respond"}, {"station", "close"}, {"operator2", "close"}} {
					if rng.IntN(4) == 0 {
						continue
					}
					_, err := o.desk.ActOnWhistle(t.Context(), o.cast[step.who], w.ID, 0, step.action, desk.WhistleDeed{Note: "说明"})
					if err := known(err); err != nil {
						return fmt.Errorf("%s: %w", step.action, err)
					}
				}
			}
			return nil
		})
	}
	group.Go(func() error {
		for range 10 {
			now, err := postgres.IncidentByID(t.Context(), o.db.Pool, inc.ID)
			if err != nil {
				return err
			}
			if _, err := o.desk.Act(t.Context(), o.cast["operator"], inc.ID, now.Version, incident.Urge, incident.Deed{Note: "请抓紧"}); known(err) != nil {
				return err
			}
		}
		return nil
	})
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	o.chain()
	var open, raised int
	o.one(&open, `SELECT count(*) FROM whistle WHERE incident_id = $1 AND state NOT IN ('closed', 'refused')`, inc.ID)
	o.one(&raised, `SELECT count(*) FROM whistle WHERE incident_id = $1`, inc.ID)
	if got := o.fresh(inc.ID); int(got.Whistles) != open || raised != 12 {
		t.Errorf("the case counts %d open whistles, %d are open of %d raised", got.Whistles, open, raised)
	}
	// A whistle outlives its case: the record that is over is touched no more.
	w, _, err := o.desk.Whistle(t.Context(), o.cast["station"], desk.WhistleDraft{Kind: "mass", Incident: &inc.ID, Reason: "请到场", Need: o.dept[:1]})
	if err != nil {
		t.Fatal(err)
	}
	over := o.act("commander", o.fresh(inc.ID), incident.ForceClose, incident.Deed{Reason: "已无必要"})
	if _, err := o.desk.ActOnWhistle(t.Context(), o.cast["station"], w.ID, 0, "close", desk.WhistleDeed{Note: "案件已结"}); err != nil {
		t.Fatal(err)
	}
	if after := o.fresh(inc.ID); after.Version != over.Version || !after.UpdatedAt.Equal(over.UpdatedAt) {
		t.Errorf("a closed case was changed: version %d, then %d", over.Version, after.Version)
	}
	if _, _, err := o.desk.Whistle(t.Context(), o.cast["station"], desk.WhistleDraft{Kind: "mass", Incident: &inc.ID, Reason: "请到场", Need: o.dept[:1]}); !fault.Is(err, fault.Conflict) {
		t.Errorf("whistled over a closed case: %v", err)
	}
}
