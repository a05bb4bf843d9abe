package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/fault"
)

const sqlFormNames = `
SELECT COALESCE((SELECT name FROM org WHERE id = $1), ''),
  COALESCE((SELECT COALESCE(p.name || ' · ', '') || c.name FROM category c LEFT JOIN category p ON p.code = c.parent_code WHERE c.code = $2), '')`

// FormNames returns the names that a printed form says in full: of the region, and of the category with the one above it.
func FormNames(ctx context.Context, q Querier, region int64, code string) (issuer, category string, err error) {
	if err := q.QueryRow(ctx, sqlFormNames, region, code).Scan(&issuer, &category); err != nil {
		return "", "", fmt.Errorf("read the names of a form: %w", err)
	}
	return issuer, category, nil
}

const sqlIncidentOfSupervision = `SELECT incident_id FROM supervision WHERE id = $1`

// IncidentOfSupervision returns which case a demand is about.
func IncidentOfSupervision(ctx context.Context, q Querier, id uuid.UUID) (uuid.UUID, error) {
	var of uuid.UUID
	err := q.QueryRow(ctx, sqlIncidentOfSupervision, id).Scan(&of)
	if errors.Is(err, pgx.ErrNoRows) {
		return of, fault.New(fault.Missing, "没有这张单据，或者不在您的管辖范围")
	}
	if err != nil {
		return of, fmt.Errorf("look up the supervision: %w", err)
	}
	return of, nil
}
