package pgtest_test

import (
	"testing"

	"github.com/gridward/gridward/server/pgtest"
)

func TestEachTestHasADatabaseOfItsOwn(t *testing.T) {
	t.Parallel()
	one, two := pgtest.New(t), pgtest.New(t)
	if _, err := one.Pool.Exec(t.Context(), `INSERT INTO base_source (name, attribution, licence) VALUES ('osm', 'OpenStreetMap', 'ODbL')`); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := two.Pool.QueryRow(t.Context(), `SELECT count(*) FROM base_source`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	if n != 0 {
		t.Errorf("the second database sees %d rows of the first", n)
	}
}

func TestConnectionsHaveTheApplicationRole(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	for name, forbidden := range map[string]string{
		"the schema is out of reach": `CREATE TABLE x ()`,
		"the journal is insert-only": `DELETE FROM journal`,
		"the audit is insert-only":   `UPDATE audit SET detail = '{}'`,
		"access records stay":        `DELETE FROM access_record`,
	} {
		if _, err := db.Pool.Exec(t.Context(), forbidden); err == nil {
			t.Errorf("%s: %s succeeded", name, forbidden)
		}
	}
}
