package main

import (
	"cmp"
	"context"
	"fmt"

	"github.com/gridward/gridward/geo/datum"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/territory"
	"github.com/gridward/gridward/server/territory/intake"
)

// readIntake reads what the phone form and the catalogue live on.
func (j importJob) readIntake(data []byte) (step, error) {
	if j.kind == "standard" {
		rows, where, err := intake.StandardCodes(data)
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context, tx postgres.Tx) (fmt.Stringer, error) {
			codes, report := incident.CheckStandardCodes(rows, where)
			if err := j.tell(report); err != nil {
				return nil, err
			}
			return postgres.PutStandardCodes(ctx, tx, codes)
		}, nil
	}
	list, report, err := intake.Addresses(data)
	if err != nil {
		return nil, err
	}
	crs := cmp.Or(j.crs, "wgs84")
	for i := range list {
		p, err := datum.ToWGS84(crs, list[i].Point)
		if err != nil && i == 0 && crs != "wgs84" && crs != "gcj02" && crs != "bd09" {
			return nil, fmt.Errorf("a gazetteer's -crs is wgs84, gcj02 or bd09: %w", err)
		}
		if err == nil {
			list[i].Point = p
		}
	}
	return func(ctx context.Context, tx postgres.Tx) (fmt.Stringer, error) {
		kinds, err := postgres.OrgKinds(ctx, tx)
		if err != nil {
			return nil, err
		}
		street, err := theStreet(kinds, j.region)
		if err != nil {
			return nil, err
		}
		if len(list) > 0 || len(report) == 0 {
			report = append(report, territory.CheckAddresses(list, kinds)...)
		}
		if err := j.tell(report); err != nil {
			return nil, err
		}
		region, err := postgres.OrgByCode(ctx, tx, street)
		if err != nil {
			return nil, err
		}
		return postgres.PutAddresses(ctx, tx, region, list, crs, "command line")
	}, nil
}

// theStreet is the code of the one street there is, or of the one asked for.
func theStreet(kinds map[string]string, asked string) (string, error) {
	var found []string
	for code, kind := range kinds {
		if kind == "street" && (asked == "" || code == asked) {
			found = append(found, code)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) == 0:
		return "", fmt.Errorf("there is no street %s: import organisations first", asked)
	}
	return "", fmt.Errorf("there are %d streets: say which with -region", len(found))
}
