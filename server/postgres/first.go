package postgres

import (
	"context"
	"fmt"
)

const sqlFirst = `SELECT (SELECT count(*) FROM org), (SELECT count(*) FROM account)`

// CountFirst says how many organisations and accounts there are: what an empty
// house lacks.
func CountFirst(ctx context.Context, q Querier, orgs, accounts *int) error {
	if err := q.QueryRow(ctx, sqlFirst).Scan(orgs, accounts); err != nil {
		return fmt.Errorf("look what is there: %w", err)
	}
	return nil
}
