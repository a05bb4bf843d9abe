package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/fixtures"
	"github.com/gridward/gridward/server/territory"
)

const sqlHasResources = `SELECT EXISTS (SELECT FROM resource r JOIN org o ON o.region_id = r.region_id WHERE o.code = $1)`

const sqlHasSkills = `SELECT EXISTS (SELECT FROM worker_skill s JOIN worker w ON w.id = s.worker_id JOIN org o ON o.region_id = w.region_id WHERE o.code = $1)`

const sqlSeedSkills = `
INSERT INTO worker_skill (worker_id, skill) SELECT w.id, u.skill FROM unnest($1::text[], $2::text[]) AS u (code, skill) JOIN worker w ON w.code = u.code JOIN skill s ON s.code = u.skill
ON CONFLICT DO NOTHING`

// seedDispatch gives the demo street what dispatching shows: resources and
// skills. Where somebody has written either, it stays as it is.
func seedDispatch(ctx context.Context, tx pgx.Tx, street *fixtures.Demo) error {
	var there bool
	if err := tx.QueryRow(ctx, sqlHasResources, fixtures.StreetCode).Scan(&there); err != nil {
		return fmt.Errorf("look for resources: %w", err)
	}
	if !there {
		list, err := street.Resources()
		if err != nil {
			return err
		}
		resources := make([]territory.Resource, len(list))
		for i, r := range list {
			resources[i] = territory.Resource{Code: r.Code, Kind: r.Kind, Name: r.Name, OrgCode: r.Org, Point: r.Point, Address: r.Address, Phone: r.Phone, Hours: r.Hours, Status: "active", Note: "演示数据，实地并不存在"}
		}
		if _, _, err := PutResources(ctx, tx, resources, fixtures.StreetCode, everyPath); err != nil {
			return err
		}
	}
	if err := tx.QueryRow(ctx, sqlHasSkills, fixtures.StreetCode).Scan(&there); err != nil {
		return fmt.Errorf("look for skills: %w", err)
	}
	if !there {
		var code, skill []string
		for c, list := range street.Skills() {
			for _, s := range list {
				code, skill = append(code, c), append(skill, s)
			}
		}
		if _, err := tx.Exec(ctx, sqlSeedSkills, code, skill); err != nil {
			return fmt.Errorf("write what people can do: %w", err)
		}
	}
	return nil
}

// everyPath is the scope that holds every organisation.
var everyPath = []string{""}
