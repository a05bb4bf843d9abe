// Package pgtest gives each test a PostGIS database of its own, migrated and
// empty, in some tens of milliseconds: the schema is built once into a template
// named after the migrations, and every test gets a copy that is dropped when
// the test passes (a failed test leaves its database behind and logs the DSN).
//
// The server is the one at TEST_DATABASE_URL, whose role must be a superuser, or
// else a cluster that all test processes of this user share: started when the
// first test needs it, gone half an hour after the last. A database test
// therefore never skips; without PostgreSQL it fails with the install line.
package pgtest

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	_ "github.com/jackc/pgx/v5/stdlib" // database/sql driver "pgx", which pgtestdb speaks
	"github.com/peterldowns/pgtestdb"

	"github.com/gridward/gridward/migrations"
	"github.com/gridward/gridward/server/pgcluster"
	"github.com/gridward/gridward/server/postgres"
)

// schemaVersion is raised when Migrate changes what it builds without a new
// file in migrations, so that stale templates are left alone.
const schemaVersion = "1"

// New returns a pool on a fresh database, as the program would open it: its
// connections have the application role. It is closed with the test.
func New(t testing.TB) *postgres.DB {
	t.Helper()
	db, err := postgres.Open(t.Context(), DSN(t), postgres.Options{MaxConns: 8, Name: "gridward test"})
	if err != nil {
		t.Fatalf("open the test database: %v", err)
	}
	t.Cleanup(db.Close)
	return db
}

// Street puts the street 明湖街道 into an empty database, which is a region of
// its own, and returns its organisation.
func Street(t testing.TB, db *postgres.DB) (org int64) {
	t.Helper()
	err := pgx.BeginFunc(t.Context(), db.Pool, func(tx pgx.Tx) error {
		if err := tx.QueryRow(t.Context(), `INSERT INTO org (region_id, path, code, kind, name, pinyin) VALUES (0, '', '990101001', 'street', '明湖街道', 'mhjd') RETURNING id`).Scan(&org); err != nil {
			return err
		}
		if _, err := tx.Exec(t.Context(), `UPDATE org SET region_id = id, path = id || '.' WHERE id = $1`, org); err != nil {
			return err
		}
		_, err := tx.Exec(t.Context(), `INSERT INTO region (id) VALUES ($1)`, org)
		return err
	})
	if err != nil {
		t.Fatalf("put the street in: %v", err)
	}
	return org
}

// DSN returns the owner's DSN of a fresh, migrated database.
func DSN(t testing.TB) string {
	t.Helper()
	base, err := server()
	if err != nil {
		t.Fatalf("no PostgreSQL for this test: %v", err)
	}
	conf, err := config(base)
	if err != nil {
		t.Fatalf("TEST_DATABASE_URL: %v", err)
	}
	return pgtestdb.Custom(t, conf, schema{}).URL()
}

// server finds or starts the server once per process.
var server = sync.OnceValues(func() (string, error) {
	if dsn := os.Getenv("TEST_DATABASE_URL"); dsn != "" {
		return dsn, nil
	}
	dir, err := sharedDir()
	if err != nil {
		return "", err
	}
	return pgcluster.Shared(context.Background(), dir, slog.Default())
})

// sharedDir is the same for all test processes of this user. Root's cache lies
// under /root, where the user postgres cannot go.
func sharedDir() (string, error) {
	if os.Geteuid() == 0 {
		return filepath.Join(os.TempDir(), "gridward-test-pg"), nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("where to keep the test cluster: %w", err)
	}
	return filepath.Join(cache, "gridward", "test-pg"), nil
}

// config says how pgtestdb reaches the server at dsn. pgtestdb builds URLs from
// parts; a socket directory goes into the query, where it wins over the host.
func config(dsn string) (pgtestdb.Config, error) {
	c, err := pgx.ParseConfig(dsn)
	if err != nil {
		return pgtestdb.Config{}, fmt.Errorf("read the address: %w", err)
	}
	opts := url.Values{}
	if u, err := url.Parse(dsn); err == nil {
		opts = u.Query()
	}
	host := c.Host
	if filepath.IsAbs(host) {
		opts.Set("host", c.Host)
		host = ""
	}
	return pgtestdb.Config{
		DriverName: "pgx", Host: host, Port: strconv.Itoa(int(c.Port)), User: c.User, Password: url.QueryEscape(c.Password), Database: c.Database,
		Options: opts.Encode(), ForceTerminateConnections: true,
		TestRole: &pgtestdb.Role{Username: "gridward_test", Password: "gridward_test", Capabilities: "SUPERUSER"},
	}, nil
}

// schema builds the template.
type schema struct{}

// Hash names the template after everything that shapes it.
func (schema) Hash() (string, error) {
	sum := sha256.New()
	fmt.Fprintln(sum, schemaVersion, time.Now().UTC().Format(time.DateOnly)) // the partitions made are those of today
	names, err := fs.Glob(migrations.FS, "*.sql")
	if err != nil {
		return "", fmt.Errorf("list the migrations: %w", err)
	}
	for _, name := range names {
		b, err := fs.ReadFile(migrations.FS, name)
		if err != nil {
			return "", fmt.Errorf("read the migrations: %w", err)
		}
		fmt.Fprintf(sum, "%s %d\n%s", name, len(b), b)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// Migrate fills the template as the program would fill its own database.
func (schema) Migrate(ctx context.Context, _ *sql.DB, conf pgtestdb.Config) error {
	return postgres.Migrate(ctx, conf.URL(), func(string, ...any) {})
}

// DataDir returns an empty data directory for a whole Gridward with a private
// cluster. testing's own temporary directories are closed to other users, and
// PostgreSQL runs as another user when the test runs as root.
func DataDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "gridward-data-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o711); err != nil { // passing through is the point
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
