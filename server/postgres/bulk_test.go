package postgres_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gridward/gridward/fixtures"
	"github.com/gridward/gridward/server/pgtest"
	"github.com/gridward/gridward/server/postgres"
)

// Fictional cases are possible cases: nothing happens before what led to it or
// after now, what is over was closed and what is open is not, and the same seed
// makes them again.
func TestBulkCasesCouldBeReal(t *testing.T) {
	t.Parallel()
	street, err := fixtures.Street()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC)
	var before string
	for round := range 2 {
		db := pgtest.New(t)
		if err := postgres.SeedStreet(t.Context(), db, street); err != nil {
			t.Fatal(err)
		}
		said := int64(0)
		if err := postgres.AddCases(t.Context(), db, postgres.Bulk{RegionCode: fixtures.StreetCode, Seed: 4, Now: now, Days: 60, Batch: 700}, 2000, 500, func(n int64) { said = n }); err != nil {
			t.Fatal(err)
		}
		if said != 2500 {
			t.Errorf("said %d of 2500", said)
		}
		for what, sql := range map[string]string{
			"archived ones that are open, or open ones that are closed": `SELECT count(*) FROM incident WHERE (closed_at IS NOT NULL) <> (state = 'archived') OR open = (state IN ('archived', 'rejected', 'void'))`,
			"things out of order":                 `SELECT count(*) FROM incident WHERE accepted_at < reported_at OR dispatched_at < accepted_at OR signed_at < dispatched_at OR fed_back_at < signed_at OR checked_at < fed_back_at OR closed_at < checked_at OR archived_at > $1 OR updated_at > $1`,
			"orders without their case's handler": `SELECT count(*) FROM dispatch_order o JOIN incident i ON i.id = o.incident_id WHERE i.handler_org <> o.org_id OR i.handle_due <> o.handle_due OR o.issued_at > $1`,
			"closed ones without feedback":        `SELECT count(*) FROM incident i WHERE closed_at IS NOT NULL AND NOT EXISTS (SELECT FROM feedback f WHERE f.incident_id = i.id)`,
			"cases outside their grid":            `SELECT count(*) FROM incident i JOIN grid_now g ON g.id = i.grid_id WHERE NOT ST_Covers(g.geom, i.geom)`,
			"missing cases":                       `SELECT 2500 - count(*) FROM incident`,
		} {
			var n int
			args := []any{now}
			if !strings.Contains(sql, "$1") {
				args = nil
			}
			if err := db.Pool.QueryRow(t.Context(), sql, args...).Scan(&n); err != nil || n != 0 {
				t.Errorf("%s: %d, %v", what, n, err)
			}
		}
		var all string
		if err := db.Pool.QueryRow(t.Context(), `SELECT md5(string_agg(id::text || case_no || title || state || COALESCE(closed_at::text, ''), '' ORDER BY id)) FROM incident`).Scan(&all); err != nil {
			t.Fatal(err)
		}
		if round == 1 && all != before {
			t.Error("the same seed made other cases")
		}
		before = all
		if round == 1 { // more of them: other numbers
			if err := postgres.AddCases(t.Context(), db, postgres.Bulk{RegionCode: fixtures.StreetCode, Seed: 4, Now: now, Days: 60, Batch: 700}, 10, 10, func(int64) {}); err != nil {
				t.Fatal(err)
			}
			var n int
			if err := db.Pool.QueryRow(t.Context(), `SELECT count(*) FROM incident`).Scan(&n); err != nil || n != 2520 {
				t.Errorf("%d cases after twenty more: %v", n, err)
			}
		}
	}
}
