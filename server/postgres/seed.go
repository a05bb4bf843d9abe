package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/fixtures"
	"github.com/gridward/gridward/server/territory"
	"github.com/gridward/gridward/server/territory/intake"
)

// SeedStreet writes the demo street through the doors that a customer's own
// files come in by, in one transaction. What is there already stays as it is:
// doing it again changes nothing.
func SeedStreet(ctx context.Context, db *DB, street *fixtures.Demo) error {
	orgs := make([]territory.Org, len(street.Orgs))
	for i, o := range street.Orgs {
		at := o.Location
		orgs[i] = territory.Org{Code: o.Code, ParentCode: o.Parent, Kind: o.Kind, Name: o.Name, Short: o.Short, Location: &at}
	}
	grids := make([]territory.Grid, len(street.Grids))
	for i, g := range street.Grids {
		grids[i] = territory.Grid{Code: g.Code, Name: g.Name, OrgCode: g.Org, OrgName: g.OrgName, Setting: g.Setting, Kind: g.Kind,
			IsExecution: g.Execution, Households: g.Households, Population: g.Population, Shape: g.Shape}
	}
	workers := make([]territory.Worker, len(street.People))
	for i, p := range street.People {
		workers[i] = territory.Worker{Code: p.Code, Name: p.Name, Role: p.Role, OrgCode: p.Org, Phone: p.Phone, Grids: p.Grids}
	}
	err := db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := PutOrgs(ctx, tx, orgs); err != nil {
			return err
		}
		if _, err := PutGrids(ctx, tx, grids, GridImport{Region: fixtures.StreetCode}); err != nil {
			return err
		}
		if _, err := PutWorkers(ctx, tx, workers); err != nil {
			return err
		}
		for _, sql := range []string{sqlDemoGridsSince, sqlDemoPeopleSince} {
			if _, err := tx.Exec(ctx, sql, fixtures.StreetCode); err != nil {
				return fmt.Errorf("date the demo street: %w", err)
			}
		}
		if err := seedMap(ctx, tx); err != nil {
			return err
		}
		if err := seedIntake(ctx, tx); err != nil {
			return err
		}
		if err := seedDispatch(ctx, tx, street); err != nil {
			return err
		}
		return seedVisits(ctx, tx)
	})
	if err != nil {
		return fmt.Errorf("seed the demo street: %w", err)
	}
	return nil
}

// The demo street has been there since the year began, so that its past can be looked at.
const (
	sqlDemoGridsSince = `
UPDATE grid_version v SET valid_from = date_trunc('year', v.valid_from) FROM grid g JOIN org o ON o.id = g.region_id
WHERE g.id = v.grid_id AND o.code = $1 AND o.valid_to IS NULL AND v.version = 1 AND v.valid_from > date_trunc('year', v.valid_from)`
	sqlDemoPeopleSince = `
UPDATE grid_assignment a SET valid_from = date_trunc('year', a.valid_from)::date FROM grid g JOIN org o ON o.id = g.region_id
WHERE g.id = a.grid_id AND o.code = $1 AND o.valid_to IS NULL AND a.valid_from > date_trunc('year', a.valid_from)::date
  AND NOT EXISTS (SELECT FROM grid_assignment b WHERE b.grid_id = a.grid_id AND b.worker_id = a.worker_id AND b.role = a.role AND b.valid_from < a.valid_from)`
)

// demoMap names the demo street's base map among the sources.
const demoMap = "demo street"

const sqlHasSource = `SELECT EXISTS (SELECT FROM base_source WHERE name = $1)`

func seedMap(ctx context.Context, tx pgx.Tx) error {
	var there bool
	if err := tx.QueryRow(ctx, sqlHasSource, demoMap).Scan(&there); err != nil || there {
		return err
	}
	data, err := fixtures.MapFile()
	if err != nil {
		return err
	}
	m, err := intake.OSM(data)
	if err != nil {
		return err
	}
	return PutBaseMap(ctx, tx, BaseSource{Name: demoMap, Attribution: fixtures.Attribution, Licence: fixtures.Licence}, m)
}
