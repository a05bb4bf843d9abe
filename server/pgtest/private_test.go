package pgtest_test

import (
	"context"
	"log/slog"
	"testing"

	"github.com/gridward/gridward/server/pgcluster"
	"github.com/gridward/gridward/server/pgtest"
	"github.com/gridward/gridward/server/postgres"
)

// The templates are migrated by a superuser; a private cluster is migrated by
// its owner, who is none. Both must come to the same schema.
func TestAPrivateClusterIsMigratedByItsOwner(t *testing.T) {
	t.Parallel()
	c, err := pgcluster.Start(t.Context(), pgtest.DataDir(t), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	for range 2 { // the second time is every later start
		if err := postgres.Migrate(t.Context(), c.DSN(), t.Logf); err != nil {
			t.Fatal(err)
		}
	}
	db, err := postgres.Open(t.Context(), c.DSN(), postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	const columns = `SELECT string_agg(format('%s.%s %s', table_name, column_name, data_type), E'\n' ORDER BY table_name, ordinal_position)
		FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT LIKE 'fix\_2%'`
	var private, template string
	if err := db.Pool.QueryRow(t.Context(), columns).Scan(&private); err != nil {
		t.Fatal(err)
	}
	if err := pgtest.New(t).Pool.QueryRow(t.Context(), columns).Scan(&template); err != nil {
		t.Fatal(err)
	}
	if private != template {
		t.Errorf("the schemas differ:\n%s\n---\n%s", private, template)
	}
	if _, err := db.Pool.Exec(t.Context(), `DELETE FROM journal`); err == nil {
		t.Error("the application may delete from the journal")
	}
	if _, err := postgres.KeepPartitions(t.Context(), db.Pool, postgres.RawDays); err != nil {
		t.Errorf("the application role cannot keep the partitions: %v", err)
	}
}
