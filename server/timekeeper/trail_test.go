package timekeeper

import (
	"slices"
	"testing"
	"time"

	"github.com/gridward/gridward/server/pgtest"
	"github.com/gridward/gridward/server/postgres"
)

// A round archives what is due once, says what it did, and has nothing to do after.
func TestARoundOfTheArchive(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	one := func(dest any, sql string, args ...any) {
		t.Helper()
		if err := db.Pool.QueryRow(t.Context(), sql, args...).Scan(dest); err != nil {
			t.Fatalf("%v: %s", err, sql)
		}
	}
	var worker, n int64
	street := pgtest.Street(t, db)
	one(&worker, `INSERT INTO worker (region_id, org_id, code, name) VALUES ($1, $1, 'W1', '赵一') RETURNING id`, street)
	now := time.Now()
	for _, back := range []int{1, 20} {
		at := postgres.BusinessDay(now).AddDate(0, 0, -back).Add(9 * time.Hour)
		one(&n, `WITH new AS (INSERT INTO fix (region_id, worker_id, device_id, at, received_at, geom)
			SELECT $1, $2, 1, $3::timestamptz + i * interval '5 seconds', $3, ST_SetSRID(ST_MakePoint(114.2 + i * 1e-5, 22.68), 4326) FROM generate_series(1, 100) i RETURNING 1) SELECT count(*) FROM new`, street, worker, at)
	}
	for _, c := range []struct {
		sentence    string
		since       int
		days, fixes int
	}{
		{"yesterday alone", 1, 1, 100},
		{"the weeks before, too", 45, 1, 100},
		{"nothing is left", 45, 0, 0},
	} {
		run, err := ArchiveTrails(t.Context(), db, postgres.BusinessDay(now).AddDate(0, 0, -c.since), now)
		if err != nil || run.Days != c.days || run.Fixes != int64(c.fixes) || run.Failed != 0 {
			t.Errorf("%s: %+v %v", c.sentence, run, err)
		}
	}
	if one(&n, `SELECT sum(fixes) FROM trail_run`); n != 200 {
		t.Errorf("the rounds tell of %d fixes", n)
	}
}

// What somebody plays is archived before the rest of a long past.
func TestWhatIsPlayedIsArchivedFirst(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	midnight := postgres.BusinessDay(time.Now())
	var account int64
	if err := db.Pool.QueryRow(t.Context(), `INSERT INTO account (login, name, password_hash) VALUES ('commander1', '指挥长', '') RETURNING id`).Scan(&account); err != nil {
		t.Fatal(err)
	}
	for back, expires := range map[int]time.Time{5: midnight.AddDate(0, 0, 9), 3: midnight} { // the latter is over
		from := midnight.AddDate(0, 0, -back)
		if _, err := db.Pool.Exec(t.Context(), `INSERT INTO playback (id, account_id, credential_id, from_at, to_at, purpose, workers, created_at, expires_at) VALUES (gen_random_uuid(), $1, 1, $2, $3, '核查', '{1}', $2, $4)`,
			account, from, from.AddDate(0, 0, 1), expires); err != nil {
			t.Fatal(err)
		}
	}
	played, err := postgres.PlayedDays(t.Context(), db.Pool, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	var due []postgres.WorkerDay
	for back := 1; back < 7; back++ {
		due = append(due, postgres.WorkerDay{Worker: int64(back), Day: midnight.AddDate(0, 0, -back)})
	}
	playedFirst(due, played)
	var order []int64
	for _, d := range due {
		order = append(order, d.Worker)
	}
	if !slices.Equal(order, []int64{5, 1, 2, 3, 4, 6}) {
		t.Errorf("in the order %d", order)
	}
}
