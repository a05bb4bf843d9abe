package main

import (
	"context"
	"flag"
	"fmt"
	"time"

	"github.com/gridward/gridward/fixtures"
	"github.com/gridward/gridward/server/postgres"
)

// casesMain runs gridward simulate cases: a database full of fictional cases,
// to see how the house stands with a million of them.
func casesMain(ctx context.Context, p process) error {
	fs := flag.NewFlagSet("simulate cases", flag.ContinueOnError)
	fs.SetOutput(p.errOut)
	open := fs.Int64("open", 20_000, "how many open cases, a tenth of them late")
	archived := fs.Int64("archived", 1_000_000, "how many archived ones, spread over -days")
	days := fs.Int("days", 730, "over how many days the archived ones were reported")
	region := fs.String("region", fixtures.StreetCode, "code of the organisation whose grids they lie in")
	seed := fs.Int64("seed", 1, "the same seed makes the same cases")
	database := databaseFlags(fs)
	if err := parseFlags(fs, p); err != nil {
		return err
	}
	if fs.NArg() > 0 || *open < 0 || *archived < 0 || *days < 1 || *open+*archived == 0 {
		return fmt.Errorf("-open %d -archived %d -days %d: want cases, over at least one day", *open, *archived, *days)
	}
	db, done, err := database(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	err = postgres.AddCases(ctx, db, postgres.Bulk{RegionCode: *region, Seed: *seed, Now: began, Days: *days, Batch: 50_000}, *archived, *open, func(n int64) {
		fmt.Fprintf(p.out, "%d of %d cases, %v\n", n, *archived+*open, time.Since(began).Round(time.Second))
	})
	if closing := done(); err == nil {
		err = closing
	}
	return err
}
