package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"
)

// HeatFilter says which cases a heat map is made of.
type HeatFilter struct {
	Scope    []string
	From, To time.Time
	Category string
	OnWall   bool // leave out sensitive ones
	Most     int
}

const sqlHeat = `
SELECT i.reported_at, ST_X(i.geom), ST_Y(i.geom) FROM incident i JOIN org o ON o.id = i.org_id
WHERE i.reported_at >= $1 AND i.reported_at < $2 AND i.geom IS NOT NULL AND NOT i.drill AND i.state NOT IN ('void','merged')
  AND o.path LIKE ANY ($3) AND ($4 = '' OR i.category = $4 OR i.category LIKE $4 || '-%') AND (NOT $5::boolean OR i.sensitivity = 'normal')
LIMIT $6`

// EachHeat visits the place and time of every case of the filter, drills and
// wrong entries left out, and says how many there were: at most one more than Most.
func EachHeat(ctx context.Context, q Querier, f HeatFilter, visit func(at time.Time, p orb.Point) error) (n int, err error) {
	rows, err := q.Query(ctx, sqlHeat, f.From, f.To, Under(f.Scope), f.Category, f.OnWall, f.Most+1)
	if err != nil {
		return 0, fmt.Errorf("read where the cases are: %w", err)
	}
	var (
		at time.Time
		p  orb.Point
	)
	if _, err := pgx.ForEachRow(rows, []any{&at, &p[0], &p[1]}, func() error {
		if n++; n > f.Most {
			return nil
		}
		return visit(at, p)
	}); err != nil {
		return n, fmt.Errorf("read where the cases are: %w", err)
	}
	return n, nil
}
