package uplink_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// What a phone sends of the time off duty does not exist, however late it is
// sent and whatever comes after: it is counted, and its places are in no table.
func TestOffDutyFixesDoNotExist(t *testing.T) {
	h := newHouse(t)
	h.signed = h.worker("person", "W1")
	now := h.clock()
	from, to := now.Add(-6*time.Hour), now.Add(-4*time.Hour)
	body := func(minutes int, sessions string) string {
		var fixes []string
		for m := range minutes { // a whole morning and noon, before, during and after duty
			at := now.Add(-7*time.Hour + time.Duration(m)*time.Minute)
			lon := 114.205
			if at.Before(from) || at.After(to) {
				lon = 114.2077 // where he lives
			}
			fixes = append(fixes, fmt.Sprintf(`{"at":%q,"lon":%v,"lat":22.685,"accuracy":6.5}`, at.Format(time.RFC3339), lon))
		}
		return fmt.Sprintf(`{"client":"m/1.0",%s"fixes":[%s]}`, sessions, strings.Join(fixes, ","))
	}
	duty := fmt.Sprintf(`"sessions":[{"id":"0199aaaa-0000-7000-8000-000000000009","purpose":"patrol","started_at":%q,"ended_at":%q}],`, from.Format(time.RFC3339), to.Format(time.RFC3339))
	rec := h.receipt(h.send("POST /api/v1/fixes", body(400, duty)))
	if rec.Stored != 121 || rec.OffDuty != 279 || len(rec.Quarantined) != 0 {
		t.Fatalf("%+v", rec)
	}
	// again, without a word of duty; and a second duty that begins now reaches nothing of before
	if rec := h.receipt(h.send("POST /api/v1/fixes", body(400, ""))); rec.Stored != 0 || rec.Duplicate != 121 || rec.OffDuty != 279 {
		t.Errorf("sent again: %+v", rec)
	}
	h.receipt(h.send("POST /api/v1/fixes", fmt.Sprintf(`{"sessions":[{"id":"0199aaaa-0000-7000-8000-00000000000a","purpose":"patrol","started_at":%q}],"fixes":[]}`, now.Format(time.RFC3339))))
	if rec := h.receipt(h.send("POST /api/v1/fixes", body(400, ""))); rec.Stored != 0 {
		t.Errorf("after duty began anew: %+v", rec)
	}
	for _, table := range []string{"fix", "fix_outside", "last_fix"} {
		if n := h.count(`SELECT count(*) FROM `+table+` WHERE worker_id = $1 AND (ST_X(geom) > 114.2075 OR at < $2 OR at > $3)`, h.signed, from, to); n != 0 {
			t.Errorf("%d rows of %s are of time off duty", n, table)
		}
	}
	if n := h.count(`SELECT count(*) FROM quarantine`); n != 0 {
		t.Errorf("%d records lie in quarantine", n)
	}
	if n := h.count(`SELECT count(*) FROM grid_presence WHERE worker_id = $1 AND (entered_at < $2 OR last_at > $3)`, h.signed, from, to); n != 0 {
		t.Errorf("%d presences of time off duty", n)
	}
	if n := h.count(`SELECT sum(fixes)::bigint FROM off_duty_count`); n != 3*279 {
		t.Errorf("%d counted", n)
	}
}
