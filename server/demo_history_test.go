package main

import (
	"testing"
	"time"

	"github.com/gridward/gridward/fixtures"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/pgtest"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/simulate"
	"github.com/gridward/gridward/server/workday"
)

// The demo's past: who patrolled, and where, is in the tables as if phones had sent it.
func TestTheDemoHasAPast(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	ctx := t.Context()
	street, err := fixtures.Street()
	if err != nil {
		t.Fatal(err)
	}
	if err := postgres.SeedStreet(ctx, db, street); err != nil {
		t.Fatal(err)
	}
	ground, err := simulate.Street()
	if err != nil {
		t.Fatal(err)
	}
	today := workday.DayOf(time.Now().In(incident.BusinessZone()))
	began := time.Now()
	past, err := pastOf(ground, street.People, today-7, today-1)
	if err != nil {
		t.Fatal(err)
	}
	made := time.Since(began)
	n, err := postgres.AddPast(ctx, db, past)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d outings, %d fixes, made in %v, written in %v", len(past), n, made, time.Since(began)-made)
	var sessions, fixes, visits, inGrid, people int
	if err := db.Pool.QueryRow(ctx, `SELECT (SELECT count(*) FROM duty_session WHERE source = 'history'), count(*), (SELECT count(*) FROM visit), count(grid_id), count(DISTINCT worker_id) FROM fix`).
		Scan(&sessions, &fixes, &visits, &inGrid, &people); err != nil {
		t.Fatal(err)
	}
	if sessions != len(past) || fixes != n || n < 40_000 || visits < 100 || inGrid < n*8/10 || people < 140 {
		t.Errorf("%d sessions of %d, %d fixes of %d, %d visits, %d fixes in grids, %d people", sessions, len(past), fixes, n, visits, inGrid, people)
	}
	some, err := postgres.AnyPast(ctx, db.Pool)
	if err != nil || !some {
		t.Error("there is no past", err)
	}
}
