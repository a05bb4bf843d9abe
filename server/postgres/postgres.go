// Package postgres is the one truth: the pool, transactions, and all of
// Gridward's SQL, one file per subject.
//
// Statements are constants named sql…, beside the function that runs them;
// a test prepares each of them against the migrated schema. Geometries are
// orb values (see codec.go), SRID 4326, lon before lat, unless a column's
// comment says 3857.
//
// The serving pool works as the role gridward_app, which may read and write
// rows but not change the schema, and may only insert into journal, audit and
// access_record. Migrations run as the owner.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// AppRole is the role that serving connections take on.
const AppRole = "gridward_app"

// DB is a pool of connections to a migrated database.
type DB struct {
	Pool *pgxpool.Pool
}

// Querier runs statements: a pool, a connection, or a transaction.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}

// Options shape the pool.
type Options struct {
	MaxConns int32  // default 16
	AsOwner  bool   // stay the role of the DSN instead of taking on AppRole (migrations, imports of schema)
	Name     string // application_name, default "gridward"
}

// Open connects to the database at dsn, which must be migrated already.
// It fails with a sentence that says what to do when the server is away.
func Open(ctx context.Context, dsn string, o Options) (*DB, error) {
	cfg, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("read the database address: %w", err)
	}
	cfg.MaxConns = 16
	if o.MaxConns > 0 {
		cfg.MaxConns = o.MaxConns
	}
	cfg.MaxConnIdleTime = 5 * time.Minute
	cfg.HealthCheckPeriod = 15 * time.Second
	if o.Name == "" {
		o.Name = "gridward"
	}
	cfg.ConnConfig.RuntimeParams["application_name"] = o.Name
	cfg.ConnConfig.RuntimeParams["timezone"] = "UTC"
	cfg.ConnConfig.RuntimeParams["jit"] = "off"
	if cfg.ConnConfig.ConnectTimeout == 0 {
		cfg.ConnConfig.ConnectTimeout = 10 * time.Second
	}
	cfg.AfterConnect = func(ctx context.Context, c *pgx.Conn) error {
		if !o.AsOwner {
			if _, err := c.Exec(ctx, "SET ROLE "+AppRole); err != nil {
				return fmt.Errorf("take on the role %s: %w", AppRole, err)
			}
		}
		return registerGeometry(ctx, c)
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("reach the database at %s: %w", cfg.ConnConfig.Host, err)
	}
	return &DB{Pool: pool}, nil
}

// Close waits for connections in use and closes the pool.
func (db *DB) Close() { db.Pool.Close() }

// Tx runs do in one transaction and commits it when do returns nil.
func (db *DB) Tx(ctx context.Context, do func(ctx context.Context, tx pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, db.Pool, func(tx pgx.Tx) error { return do(ctx, tx) })
}

// Unavailable reports whether err means that the database is away or full for
// now, so that the same request may succeed later.
func Unavailable(err error) bool {
	if err == nil || errors.Is(err, context.Canceled) {
		return false
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		// 08 connection, 53 resources, 57 operator intervention, 40 rollback (serialisation, deadlock)
		return strings.HasPrefix(pg.Code, "08") || strings.HasPrefix(pg.Code, "53") || strings.HasPrefix(pg.Code, "57") || strings.HasPrefix(pg.Code, "40")
	}
	var connect *pgconn.ConnectError
	var netErr net.Error
	var op *net.OpError
	return errors.As(err, &connect) || errors.As(err, &op) || errors.As(err, &netErr) || pgconn.SafeToRetry(err) || pgconn.Timeout(err) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, net.ErrClosed) || strings.Contains(err.Error(), "unexpected EOF") || strings.Contains(err.Error(), "conn closed")
}

// Violates reports whether err is a violation of the named constraint or unique index.
func Violates(err error, constraint string) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && strings.HasPrefix(pg.Code, "23") && pg.ConstraintName == constraint
}
