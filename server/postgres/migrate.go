package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"github.com/gridward/gridward/migrations"
)

// migrateLock is the advisory lock under which all schema work runs.
const migrateLock = 0x6772696477617264 // "gridward"

// Migrate brings the database at dsn to this program's schema: PostGIS,
// Gridward's tables, River's tables, the application role and its grants, and
// the partitions of today. It runs as the DSN's own role, under one lock, so
// that several nodes may start at once; doing it again changes nothing.
func Migrate(ctx context.Context, dsn string, say func(format string, args ...any)) error {
	db, err := Open(ctx, dsn, Options{MaxConns: 4, AsOwner: true, Name: "gridward migrate"})
	if err != nil {
		return err
	}
	defer db.Close()
	lock, err := db.Pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	defer lock.Release()
	if _, err := lock.Exec(ctx, "SELECT pg_advisory_lock($1)", int64(migrateLock)); err != nil {
		return fmt.Errorf("wait for other migrations: %w", err)
	}
	defer func() {
		_, _ = lock.Exec(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", int64(migrateLock))
	}()

	if err := ensurePostGIS(ctx, lock.Conn()); err != nil {
		return err
	}
	std := stdlib.OpenDBFromPool(db.Pool)
	defer std.Close()
	steps, err := goose.NewProvider(goose.DialectPostgres, std, migrations.FS)
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	if err := notNewer(ctx, steps); err != nil {
		return err
	}
	done, err := steps.Up(ctx)
	for _, d := range done {
		say("schema: %s", d.Source.Path)
	}
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	river, err := rivermigrate.New(riverpgxv5.New(db.Pool), nil)
	if err != nil {
		return fmt.Errorf("read river's migrations: %w", err)
	}
	if _, err := river.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return fmt.Errorf("migrate river's tables: %w", err)
	}
	if err := grant(ctx, db.Pool); err != nil {
		return err
	}
	if err := seedHolidays(ctx, db.Pool); err != nil {
		return err
	}
	if err := seedTemplates(ctx, db.Pool); err != nil {
		return err
	}
	if _, err := KeepPartitions(ctx, db.Pool, RawDays); err != nil {
		return err
	}
	return nil
}

// notNewer refuses a schema of a later program: there is no way back but a backup.
func notNewer(ctx context.Context, steps *goose.Provider) error {
	there, err := steps.GetDBVersion(ctx)
	if err != nil {
		return fmt.Errorf("read the schema's version: %w", err)
	}
	var known int64
	for _, s := range steps.ListSources() {
		known = max(known, s.Version)
	}
	if there > known {
		return fmt.Errorf("the database has schema %d and this program knows %d: start the newer Gridward that made it, or restore the backup from before the upgrade", there, known)
	}
	return nil
}

// ensurePostGIS creates the extension or says who can.
func ensurePostGIS(ctx context.Context, c *pgx.Conn) error {
	var installed, available bool
	err := c.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'postgis'), EXISTS (SELECT FROM pg_available_extensions WHERE name = 'postgis')`).Scan(&installed, &available)
	if err != nil {
		return fmt.Errorf("look for PostGIS: %w", err)
	}
	if installed {
		return nil
	}
	db, user := c.Config().Database, c.Config().User
	if !available {
		return fmt.Errorf("PostGIS is not installed on the server of database %q: install it there (Debian: apt-get install -y postgresql-15-postgis-3), then start again", db)
	}
	if _, err := c.Exec(ctx, "CREATE EXTENSION IF NOT EXISTS postgis"); err != nil {
		var pg *pgconn.PgError
		if errors.As(err, &pg) && pg.Code == "42501" {
			return fmt.Errorf("the role %q may not create PostGIS in database %q: let a superuser run  CREATE EXTENSION postgis;  there once, then start again", user, db)
		}
		return fmt.Errorf("create PostGIS: %w", err)
	}
	return nil
}

// grant makes the application role and gives it rows, never the schema.
func grant(ctx context.Context, pool *pgxpool.Pool) error {
	const role = `DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '` + AppRole + `') THEN CREATE ROLE ` + AppRole + ` NOLOGIN; END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$`
	user := pool.Config().ConnConfig.User
	if _, err := pool.Exec(ctx, role); err != nil {
		var pg *pgconn.PgError
		if errors.As(err, &pg) && pg.Code == "42501" {
			return fmt.Errorf("the role %[2]q may not create the role %[1]s: let a superuser run  CREATE ROLE %[1]s NOLOGIN; GRANT %[1]s TO %[3]s;  once, then start again", AppRole, user, pgx.Identifier{user}.Sanitize())
		}
		return fmt.Errorf("create the role %s: %w", AppRole, err)
	}
	const member = `DO $$ BEGIN
  IF NOT pg_has_role(current_user, '` + AppRole + `', 'MEMBER') THEN EXECUTE 'GRANT ` + AppRole + ` TO ' || quote_ident(current_user); END IF;
END $$`
	if _, err := pool.Exec(ctx, member); err != nil {
		var pg *pgconn.PgError
		if errors.As(err, &pg) && pg.Code == "42501" {
			return fmt.Errorf("the role %q may not take on the role %s: let a superuser run  GRANT %[2]s TO %[3]s;  once, then start again", user, AppRole, pgx.Identifier{user}.Sanitize())
		}
		return fmt.Errorf("join the role %s: %w", AppRole, err)
	}
	const grants = `DO $$ DECLARE ours text; BEGIN
  GRANT USAGE ON SCHEMA public TO ` + AppRole + `;
  FOR ours IN SELECT c.oid::regclass::text FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND pg_has_role(c.relowner, 'USAGE')
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e') LOOP
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO ` + AppRole + `', ours);
  END LOOP;
  GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO ` + AppRole + `;
  REVOKE UPDATE, DELETE, TRUNCATE ON journal, audit, access_record, video_view, ranking, watch_entry, whistle_checkin, info_record FROM ` + AppRole + `;
  REVOKE UPDATE, DELETE, TRUNCATE ON clock_move, holiday_import, patrol_verdict, patrol_week_verdict FROM ` + AppRole + `;
  REVOKE UPDATE, DELETE, TRUNCATE ON doubt_step, doubt_policy, retention_run FROM ` + AppRole + `;
  REVOKE UPDATE, DELETE, TRUNCATE ON assess_inspection, assess_mark, assess_sheet, assess_appeal, assess_adjustment, assess_decision, assess_step FROM ` + AppRole + `;
END $$`
	if _, err := pool.Exec(ctx, grants); err != nil {
		return fmt.Errorf("give the role %s its rights: %w", AppRole, err)
	}
	return nil
}
