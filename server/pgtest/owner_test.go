package pgtest_test

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gridward/gridward/server/pgtest"
	"github.com/gridward/gridward/server/postgres"
)

// On a server of somebody's own the login role is often no superuser: each
// thing that it may not do is told with the line that lets it.
func TestAPoorOwnerIsToldWhatToAskFor(t *testing.T) {
	t.Parallel()
	super := pgtest.DSN(t)
	db, err := postgres.Open(t.Context(), super, postgres.Options{AsOwner: true, MaxConns: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	name := fmt.Sprintf("poor-%d", time.Now().UnixNano()) // it must be quoted
	run := func(db *postgres.DB, sql string) {
		t.Helper()
		if _, err := db.Pool.Exec(t.Context(), strings.ReplaceAll(sql, "$name", `"`+name+`"`)); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	defer func() {
		for _, what := range []string{`DATABASE IF EXISTS $name WITH (FORCE)`, `ROLE IF EXISTS $name`} {
			if _, err := db.Pool.Exec(context.WithoutCancel(t.Context()), strings.ReplaceAll(`DROP `+what, "$name", `"`+name+`"`)); err != nil {
				t.Error(err)
			}
		}
	}()
	run(db, `CREATE ROLE $name LOGIN PASSWORD 'poor'`)
	run(db, `CREATE DATABASE $name OWNER $name TEMPLATE template0`)
	address := func(user *url.Userinfo) string {
		u, err := url.Parse(super)
		if err != nil {
			t.Fatal(err)
		}
		if u.Path = "/" + name; user != nil {
			u.User = user
		}
		return u.String()
	}
	own := address(url.UserPassword(name, "poor"))
	asks := func(want string) {
		t.Helper()
		if err := postgres.Migrate(t.Context(), own, t.Logf); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("migrated with %v, wanted %s", err, want)
		}
	}
	asks(`CREATE EXTENSION postgis;`)
	there, err := postgres.Open(t.Context(), address(nil), postgres.Options{AsOwner: true, MaxConns: 2})
	if err != nil {
		t.Fatal(err)
	}
	run(there, `CREATE EXTENSION postgis`)
	asks(`GRANT gridward_app TO "` + name + `";`)
	run(there, `GRANT gridward_app TO $name`)
	there.Close()
	if err := postgres.Migrate(t.Context(), own, t.Logf); err != nil {
		t.Error(err)
	}
}

func TestAnOlderProgramLeavesANewerSchemaAlone(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t)
	db, err := postgres.Open(t.Context(), dsn, postgres.Options{AsOwner: true, MaxConns: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Pool.Exec(t.Context(), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, true)`); err != nil {
		t.Fatal(err)
	}
	if err := postgres.Migrate(t.Context(), dsn, t.Logf); err == nil || !strings.Contains(err.Error(), "schema 99999") {
		t.Errorf("migrated with %v", err)
	}
}
