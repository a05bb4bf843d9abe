package postgres_test

import (
	"slices"
	"testing"
	"time"

	"github.com/gridward/gridward/server/postgres"
)

// A day of raw fixes goes when all of it is in the archive, counted, and not
// before; personal tracks go in any form when their time is over; each removal
// is a row that cannot be changed. Read from the tables.
func TestWhatRetentionRemoves(t *testing.T) {
	t.Parallel()
	w := newWalked(t)
	now := time.Now()
	if _, err := postgres.KeepPartitions(t.Context(), w.db.Pool, 95); err != nil {
		t.Fatal(err)
	}
	kept, lost := w.worker(), w.worker()
	at := func(days int) time.Time { return yesterday(days).Add(time.Hour) } // one o'clock UTC: within one UTC day
	for _, days := range []int{10, 50, 60, 92} {
		w.raw("fix", kept, nil, stroll(uint64(days), at(days), 100, 10*time.Second))
	}
	w.raw("fix", lost, nil, stroll(1, at(60), 40, 10*time.Second))
	w.raw("fix_outside", kept, nil, stroll(2, at(93), 5, time.Second))
	for _, days := range []int{10, 50, 60, 92} {
		w.archive(kept, at(days), now)
	}
	keep := postgres.Retention{Raw: 45, Track: 90}
	part := func(days int) bool {
		var there bool
		w.one(&there, `SELECT to_regclass('fix_' || to_char($1::timestamptz AT TIME ZONE 'UTC', 'YYYYMMDD')) IS NOT NULL`, at(days))
		return there
	}
	out, err := postgres.DropPartitions(t.Context(), w.db, keep, now)
	if err != nil {
		t.Fatal(err)
	}
	day60 := at(60).UTC().Format(time.DateOnly)
	for sentence, c := range map[string]struct{ got, want bool }{
		"a young day stays":                                 {part(10), true},
		"an archived day goes":                              {part(50), false},
		"a day of which somebody's is not archived stays":   {part(60), true},
		"and is said to wait":                               {slices.Equal(out.Waiting, []string{day60}), true},
		"a day past keeping goes":                           {part(92), false},
		"the track of an archived day is still there to go": {len(w.fixes(kept, at(50), at(50).Add(time.Hour))) == 100, true},
	} {
		if c.got != c.want {
			t.Errorf("%s: %v (%+v)", sentence, c.got, out)
		}
	}
	// What was missing has become due; then that day goes as well.
	due, err := postgres.TrailsDue(t.Context(), w.db.Pool, now.AddDate(0, 0, -1), now)
	if err != nil || !slices.ContainsFunc(due, func(d postgres.WorkerDay) bool { return d.Worker == lost && d.Day.Equal(postgres.BusinessDay(at(60))) }) {
		t.Errorf("not due: %+v %v", due, err)
	}
	for _, d := range due {
		w.archive(d.Worker, d.Day, now)
	}
	if out, err = postgres.DropPartitions(t.Context(), w.db, keep, now); err != nil || !slices.Equal(out.Days, []string{day60}) || part(60) {
		t.Errorf("after it was archived: %+v %v", out, err)
	}
	if n := len(w.fixes(lost, at(60), at(60).Add(time.Hour))); n != 40 {
		t.Errorf("%d fixes of the day that was nearly lost", n)
	}

	walks := func() (days string) {
		w.one(&days, `SELECT COALESCE(string_agg(day::text, ' ' ORDER BY day), '') FROM patrol_walk`)
		return days
	}
	today := postgres.BusinessDay(now)
	if _, err := w.db.Pool.Exec(t.Context(), `WITH g AS (INSERT INTO grid (region_id, org_id, code) SELECT w.region_id, w.org_id, '990101009001001' FROM worker w WHERE w.id = $1 RETURNING region_id, id)
		INSERT INTO patrol_walk SELECT g.region_id, g.id, d::date, $1, '{1,2}' FROM g, unnest($2::text[]) d`, kept, []string{today.AddDate(0, 0, -91).Format(time.DateOnly), today.AddDate(0, 0, -90).Format(time.DateOnly)}); err != nil {
		t.Fatal(err)
	}

	runs, err := postgres.ForgetTracks(t.Context(), w.db, keep, now)
	if err != nil || len(runs) != 5 || runs[4].Class != "patrol_walk" || runs[4].Rows != 1 || runs[0].Rows != 100 || runs[0].Bytes < 100 || runs[1].Rows != 5 {
		t.Errorf("%+v %v", runs, err)
	}
	if left := walks(); left != today.AddDate(0, 0, -90).Format(time.DateOnly) {
		t.Errorf("cells that were walked are left of %s", left)
	}
	if n := len(w.fixes(kept, at(94), at(89))); n != 0 {
		t.Errorf("%d fixes are left of what is past keeping", n)
	}
	var n int
	if w.one(&n, `SELECT count(*) FROM trail_chunk WHERE day < $1::date`, postgres.BusinessDay(now).AddDate(0, 0, -90)); n != 0 {
		t.Errorf("%d chunks are past keeping", n)
	}
	if n = len(w.fixes(kept, at(50), at(50).Add(time.Hour))); n != 100 {
		t.Errorf("%d fixes are left of a day within keeping", n)
	}
	list, err := postgres.RetentionRuns(t.Context(), w.db.Pool, "", nil, 50)
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]int64{}
	for _, r := range list {
		rows[r.Class] += r.Rows
	}
	if rows["raw_fix"] != 100+100+140 || rows["track"] != 100 || rows["fix_outside"] != 5 {
		t.Errorf("the runs say %v", rows)
	}
	if _, err := w.db.Pool.Exec(t.Context(), `DELETE FROM retention_run`); err == nil {
		t.Error("a run of retention can be unsaid")
	}
	if _, err := w.db.Pool.Exec(t.Context(), `UPDATE access_record SET purpose = 'xx'`); err == nil {
		t.Error("an access record can be changed")
	}
}
