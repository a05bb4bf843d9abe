package pgtest_test

import (
	"context"
	"log/slog"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/gridward/gridward/server/pgcluster"
	"github.com/gridward/gridward/server/pgtest"
	"github.com/gridward/gridward/server/postgres"
)

// The commands of docs/operations.md, "Backup and restore", on the real thing:
// a dump of one machine goes into the fresh cluster of another.
func TestABackupCanBeRestored(t *testing.T) {
	t.Parallel()
	old, young := private(t), private(t)
	db, err := postgres.Open(t.Context(), old, postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	const insert = `INSERT INTO base_place (name, class, geom) VALUES ('明湖公园', 'park', ST_Transform(ST_SetSRID(ST_Point(114.1, 22.6), 4326), 3857))`
	if _, err := db.Pool.Exec(t.Context(), insert); err != nil {
		t.Fatal(err)
	}
	db.Close()

	dump := filepath.Join(t.TempDir(), "gridward.dump")
	shell(t, "pg_dump", "-Fc", "--exclude-table-data=spatial_ref_sys", "-f", dump, old)
	shell(t, "psql", "-X", "-q", "-d", young, "-c", "DROP OWNED BY CURRENT_USER")
	shell(t, "pg_restore", "--no-owner", "--no-comments", "-1", "-d", young, dump)

	if err := postgres.Migrate(t.Context(), young, t.Logf); err != nil { // as the next start does
		t.Fatal(err)
	}
	db, err = postgres.Open(t.Context(), young, postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var name string
	if err := db.Pool.QueryRow(t.Context(), `SELECT name FROM base_place WHERE ST_DWithin(ST_Transform(geom, 4326)::geography, ST_Point(114.1, 22.6)::geography, 1)`).Scan(&name); err != nil {
		t.Fatal(err)
	}
	if name != "明湖公园" {
		t.Errorf("the place is called %q", name)
	}
	if _, err := db.Pool.Exec(t.Context(), `DELETE FROM journal`); err == nil {
		t.Error("after a restore the application may delete from the journal")
	}
}

// private returns the DSN of a migrated private cluster.
func private(t *testing.T) string {
	t.Helper()
	c, err := pgcluster.Start(t.Context(), pgtest.DataDir(t), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if err := postgres.Migrate(t.Context(), c.DSN(), t.Logf); err != nil {
		t.Fatal(err)
	}
	return c.DSN()
}

func shell(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
}
