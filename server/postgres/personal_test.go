package postgres_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/fixtures"
	"github.com/gridward/gridward/server/pgtest"
	"github.com/gridward/gridward/server/postgres"
)

// Every table that carries a person's id belongs to a class of data: it is told
// to whoever asks what is held about him, with why and for how long, and the
// class is in the file that he takes home. A new table fails here.
func TestNoTableAboutPeopleIsForgotten(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	classes, err := postgres.DataClasses(t.Context(), db.Pool)
	if err != nil {
		t.Fatal(err)
	}
	of := map[string]string{}
	for _, c := range classes {
		if len(c.Tables) == 0 || c.Content == "" || c.Purpose == "" || c.LegalBasis == "" || c.Recipients == "" || c.RetentionDays == nil && c.RetentionText == "" {
			t.Errorf("%s does not say everything: %+v", c.Code, c)
		}
		for _, table := range c.Tables {
			if of[table] != "" {
				t.Errorf("%s belongs to %s and to %s", table, of[table], c.Code)
			}
			of[table] = c.Code
		}
	}
	rows, err := db.Pool.Query(t.Context(), `
WITH tables AS (SELECT oid, relname FROM pg_class WHERE relkind IN ('r','p') AND NOT relispartition AND relnamespace = 'public'::regnamespace AND relname NOT LIKE 'river\_%')
SELECT DISTINCT t.relname FROM tables t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE EXISTS (SELECT FROM pg_constraint k JOIN pg_class r ON r.oid = k.confrelid WHERE k.conrelid = t.oid AND k.contype = 'f' AND a.attnum = ANY (k.conkey) AND (r.relname IN ('worker','account') OR r.relname = 'device'))
   OR a.attname ~ '(worker|workers|companions|account|_by)(_id)?$' OR t.relname IN ('worker','account') OR a.attname = 'subject' ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	// A thing's counts and a rule's lists by subject are nobody's: what stands in them stands in the scores too.
	nobodys := []string{"assess_evidence"}
	for _, table := range found {
		if of[table] == "" && !slices.Contains(nobodys, table) {
			t.Errorf("%s carries a person's id and belongs to no class of data: name it in personalTables, and say in data_class what it is for", table)
		}
	}
	for table := range of {
		if !slices.Contains(found, table) {
			t.Errorf("%s is named and carries nobody's id", table)
		}
	}

	street, err := fixtures.Street()
	if err != nil {
		t.Fatal(err)
	}
	if err := postgres.SeedStreet(t.Context(), db, street); err != nil {
		t.Fatal(err)
	}
	var region, worker int64
	if err := db.Pool.QueryRow(t.Context(), `SELECT region_id, id FROM worker ORDER BY id LIMIT 1`).Scan(&region, &worker); err != nil {
		t.Fatal(err)
	}
	held, err := postgres.HeldAbout(t.Context(), db.Pool, region, worker)
	if err != nil {
		t.Fatal(err)
	}
	files, err := postgres.MyRecords(t.Context(), db.Pool, worker)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range classes {
		if !slices.ContainsFunc(held, func(h postgres.HeldData) bool { return h.Code == c.Code }) {
			t.Errorf("nobody counts %s", c.Code)
		}
		if !slices.ContainsFunc(files, func(f postgres.MyFile) bool { return f.Class == c.Code }) {
			t.Errorf("%s is in no file", c.Code)
		}
	}
}

// What is measured and scored reads no doubt: only the pages about doubts, the
// board that counts them beside the figures, and what people take home do.
func TestNothingIsCountedFromDoubts(t *testing.T) {
	t.Parallel()
	reads := regexp.MustCompile(`(?i)\b(FROM|JOIN)\s+(doubt|doubt_signal|doubt_step|doubt_check)\b`)
	for name, text := range readStatements(t) {
		about := strings.Contains(name, "Doubt") || strings.HasPrefix(name, "sqlMy") || name == "sqlHeld"
		if reads.MatchString(text) && !about {
			t.Errorf("%s reads doubts: no figure may depend on one", name)
		}
	}
}
