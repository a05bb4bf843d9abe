package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/fixtures"
	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/signin"
	"github.com/gridward/gridward/server/simulate"
)

// What the demo's street has behind it when it is opened for the first time.
const (
	demoOpen     = 120
	demoArchived = 3000
	demoDays     = 120
)

// seedCases gives a fresh demo a past, so that its lists and its statistics
// have something to say. It does nothing where there are cases already.
func (h *house) seedCases(ctx context.Context) error {
	some, err := postgres.AnyIncident(ctx, h.db.Pool)
	if err != nil || some {
		return err
	}
	return postgres.AddCases(ctx, h.db, postgres.Bulk{RegionCode: fixtures.StreetCode, Seed: 1, Now: h.clock(), Days: demoDays, Batch: 5000}, demoArchived, demoOpen, func(int64) {})
}

// simulateOffice lets the demo's command room, stations, departments and a few
// grid workers handle cases, through the same doors as real ones.
func (h *house) simulateOffice(ctx context.Context, street *fixtures.Demo, door *simulate.Door) error {
	var names []string
	for _, p := range street.People {
		if p.Role == "grid_guide" {
			names = append(names, p.Name)
		}
	}
	staff := &demoStaff{h: h, names: names}
	var departments []simulate.Target
	for _, o := range street.Orgs {
		if o.Kind != "department" {
			continue
		}
		id, err := staff.seat(ctx, "sim-"+o.Code, access.DeptHead, o.Code, fixtures.Person{}, 0, nil)
		if err != nil {
			return err
		}
		departments = append(departments, simulate.Target{Org: id})
	}
	for _, room := range []struct {
		login string
		role  access.Role
	}{{"sim-operator", access.Operator}, {"sim-operator2", access.Operator}, {"sim-commander", access.Commander}} {
		if _, err := staff.seat(ctx, room.login, room.role, fixtures.StreetCode, fixtures.Person{}, 0, departments); err != nil {
			return err
		}
	}
	crew := map[string][]simulate.Target{}
	for _, p := range street.People {
		if p.Role != "grid_worker" || len(crew[p.Org]) == 2 {
			continue
		}
		w, err := postgres.WorkerByCode(ctx, h.db.Pool, p.Code)
		if err != nil {
			return err
		}
		if _, err := staff.seat(ctx, "sim-"+p.Code, access.GridWorker, p.Org, p, w.ID, nil); err != nil {
			return err
		}
		crew[p.Org] = append(crew[p.Org], simulate.Target{Worker: w.ID})
	}
	for org, people := range crew {
		if _, err := staff.seat(ctx, "sim-"+org, access.Station, org, fixtures.Person{}, 0, people); err != nil {
			return err
		}
	}
	office := simulate.NewOffice(door, staff.clerks, simulate.OfficeOptions{Rate: h.conf.Office / 60, Seed: 1, Queue: "mine", Most: 8})
	h.upkeep.run("simulated offices", office.Run)
	return nil
}

// demoStaff are the accounts of the demo's offices. They have no password that
// anybody knows: each start opens sessions for them.
type demoStaff struct {
	h      *house
	names  []string
	clerks []simulate.Clerk
}

// seat adds the account when it is not there and the clerk who uses it, and
// returns the organisation's id.
func (s *demoStaff) seat(ctx context.Context, login string, role access.Role, org string, person fixtures.Person, worker int64, sends []simulate.Target) (int64, error) {
	db := s.h.db
	place, err := postgres.OrgByCode(ctx, db.Pool, org)
	if err != nil {
		return 0, err
	}
	name := person.Name
	if name == "" {
		name = s.names[len(s.clerks)%len(s.names)]
	}
	account, err := postgres.AccountByLogin(ctx, db.Pool, login)
	id := account.ID
	if fault.Is(err, fault.Missing) {
		err = db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
			if id, err = postgres.InsertAccount(ctx, tx, postgres.Account{Login: login, Name: name, PasswordHash: "-", Worker: worker}); err != nil {
				return err
			}
			return postgres.AddPost(ctx, tx, id, place, role)
		})
	}
	if err != nil {
		return 0, fmt.Errorf("add the demo's office %s: %w", login, err)
	}
	s.clerks = append(s.clerks, simulate.Clerk{Login: login, Sends: sends, Field: person.Code != "", SignIn: func(ctx context.Context) (string, error) {
		token, _, _ := simulate.NewToken()
		expires := s.h.clock().Add(24 * time.Hour)
		_, err := postgres.InsertCredential(ctx, db.Pool, postgres.Credential{Kind: "session", Hash: sha256.Sum256([]byte(token)), Account: id, ExpiresAt: &expires}, s.h.clock())
		return signin.CookieHeader(token), err
	}})
	return place, nil
}
