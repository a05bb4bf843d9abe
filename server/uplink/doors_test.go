package uplink_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/fleet"
	"github.com/gridward/gridward/server/postgres"
)

func nativeBody(at time.Time) string {
	return fmt.Sprintf(`{"client":"m/1.0","fixes":[{"at":%q,"lon":114.205,"lat":22.685,"accuracy":6.5}]}`, at.Format(time.RFC3339Nano))
}

type receipt struct {
	Stored, Duplicate int
	OffDuty           int `json:"off_duty"`
	IntervalS         int `json:"interval_s"`
	Quarantined       []struct {
		Index  int
		Reason string
	}
	ServerTime time.Time `json:"server_time"`
}

func (h *house) receipt(r reply) (rec receipt) {
	h.t.Helper()
	if r.status != 200 {
		h.t.Fatalf("%+v", r)
	}
	if err := json.Unmarshal([]byte(r.body), &rec); err != nil {
		h.t.Fatalf("%v: %s", err, r.body)
	}
	return rec
}

func TestNativeBatch(t *testing.T) {
	h := newHouse(t)
	_, device, token := h.car("native")
	bearer := "Authorization: Bearer " + token
	if rec := h.receipt(h.send("POST /api/v1/fixes", zip(nativeBody(h.clock())), bearer, "Content-Encoding: gzip")); rec.Stored != 1 || !rec.ServerTime.Equal(h.clock()) {
		t.Fatalf("%+v", rec)
	}
	if rec := h.receipt(h.send("POST /d/"+token, nativeBody(h.clock()))); rec.Stored != 0 || rec.Duplicate != 1 {
		t.Fatalf("again, by another door: %+v", rec)
	}
	if len(h.placed) != 1 || h.placed[0].Grid != h.grids[0] || h.placed[0].Device != device {
		t.Errorf("on the board: %+v", h.placed)
	}
	rec := h.receipt(h.send("POST /api/v1/fixes", `{"fixes":[{"at":"2026-11-22T01:00:05Z","lon":1},{"at":"2026-11-22T01:00:05Z","lon":114.2,"lat":22.68}]}`, bearer))
	if rec.Stored != 1 || len(rec.Quarantined) != 1 || rec.Quarantined[0].Index != 0 || rec.Quarantined[0].Reason != "bad_place" {
		t.Errorf("%+v", rec)
	}
	for body, reason := range map[string]string{"{": "bad_json", strings.Repeat(" ", 2<<20): "too_large", `{"fixes":[` + strings.Repeat("{},", 6000) + `{}]}`: "too_many"} {
		if rec := h.receipt(h.send("POST /api/v1/fixes", body, bearer)); len(rec.Quarantined) != 1 || rec.Quarantined[0].Reason != reason || rec.Quarantined[0].Index != -1 {
			t.Errorf("%.10q: %+v", body, rec)
		}
	}
	for name, body := range map[string]string{"bad_gzip": "no gzip at all", "too_large": zip(strings.Repeat(" ", 9<<20))} {
		if rec := h.receipt(h.send("POST /api/v1/fixes", body, bearer, "Content-Encoding: gzip")); len(rec.Quarantined) != 1 || rec.Quarantined[0].Reason != name {
			t.Errorf("%s: %+v", name, rec)
		}
	}
	if r := h.send("POST /api/v1/fixes", nativeBody(h.clock())); r.status != 401 || r.header.Get("WWW-Authenticate") == "" {
		t.Errorf("without a credential: %+v", r)
	}
}

func TestASignedInWorkerSendsWithoutAToken(t *testing.T) {
	h := newHouse(t)
	h.signed = h.worker("person", "W1")
	session := fmt.Sprintf(`{"sessions":[{"id":"0199aaaa-0000-7000-8000-000000000001","purpose":"patrol","started_at":%q}],`, h.clock().Add(-time.Minute).Format(time.RFC3339))
	if rec := h.receipt(h.send("POST /api/v1/fixes", nativeBody(h.clock()))); rec.OffDuty != 1 {
		t.Fatalf("off duty: %+v", rec)
	}
	if rec := h.receipt(h.send("POST /api/v1/fixes", session+nativeBody(h.clock())[1:])); rec.Stored != 1 {
		t.Fatalf("on duty: %+v", rec)
	}
	if len(h.turns) != 1 || !h.turns[0].Started || h.turns[0].Name != "W1" || h.turns[0].OrgName != "明湖街道" {
		t.Errorf("%+v", h.turns)
	}
	if r := h.send("GET /osmand?lat=1&lon=1", ""); r.status != 401 {
		t.Errorf("a cookie opens no other door: %+v", r)
	}
	h.signed = h.worker("vehicle", "V1")
	if r := h.send("POST /api/v1/fixes", nativeBody(h.clock())); r.status != 401 {
		t.Errorf("a vehicle signs in nowhere: %+v", r)
	}
}

func TestARevokedDeviceIsOut(t *testing.T) {
	h := newHouse(t)
	_, device, token := h.car("osmand")
	if r := h.send("GET /d/"+token+"?lat=22.685&lon=114.205", ""); r.status != 200 {
		t.Fatalf("%+v", r)
	}
	if err := h.db.Tx(t.Context(), func(ctx context.Context, tx pgx.Tx) error { return postgres.RevokeDevice(ctx, tx, device, h.clock()) }); err != nil {
		t.Fatal(err)
	}
	h.locked(func() { h.now = h.now.Add(11 * time.Second) }) // elsewhere it takes ten seconds at most
	if r := h.send("GET /d/"+token+"?lat=22.685&lon=114.205", ""); r.status != 401 {
		t.Errorf("%+v", r)
	}
	_, device, token = h.car("osmand")
	h.send("GET /d/"+token+"?lat=22.685&lon=114.205", "")
	h.exec(`UPDATE device SET status = 'revoked' WHERE id = $1`, device)
	h.up.Forget() // here it takes none
	if r := h.send("GET /d/"+token+"?lat=22.685&lon=114.205", ""); r.status != 401 {
		t.Errorf("%+v", r)
	}
}

func TestReplayFromQuarantine(t *testing.T) {
	h := newHouse(t)
	_, device, token := h.car("owntracks")
	everywhere := []string{fmt.Sprintf("%d.", h.region)}
	held := func() postgres.Held {
		list, err := postgres.ListHeld(t.Context(), h.db.Pool, postgres.HeldFilter{Scope: everywhere, State: "held", Limit: 10})
		if err != nil || len(list) != 1 {
			t.Fatalf("%v %+v", err, list)
		}
		return list[0]
	}
	const box = `{"_type":"encrypted","data":"AQIDAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}`
	h.send("POST /d/"+token, box)
	if held().Reason != fleet.NoKey {
		t.Fatalf("%+v", held())
	}
	if _, err := h.up.Replay(t.Context(), held().ID, everywhere, 0); !fault.Is(err, fault.Invalid) {
		t.Errorf("still no key: %v", err)
	}
	if _, err := h.up.Replay(t.Context(), held().ID, []string{"999."}, 0); !fault.Is(err, fault.Missing) {
		t.Errorf("of another scope: %v", err)
	}
	// The device was registered for the wrong protocol: its records can be read once that is put right.
	h.exec(`DELETE FROM quarantine`)
	h.send("POST /d/"+token, `{"_type":"location","lat":"22.685x","lon":114.205,"tst":1736161169}`)
	h.exec(`UPDATE quarantine SET body = convert_to(replace(convert_from(body, 'UTF8'), 'x', ''), 'UTF8')`) // mended by hand
	id := held().ID
	outcome, err := h.up.Replay(t.Context(), id, everywhere, 0)
	if err != nil || !strings.Contains(outcome, "stored 1") {
		t.Fatalf("%q %v", outcome, err)
	}
	if rows := h.rows(device); len(rows) != 1 {
		t.Errorf("%+v", rows)
	}
	if _, err := h.up.Replay(t.Context(), id, everywhere, 0); !fault.Is(err, fault.Conflict) {
		t.Errorf("a second time: %v", err)
	}
}

func TestWithoutADatabaseTheAnswerIsLater(t *testing.T) {
	h := newHouse(t)
	_, _, token := h.car("osmand")
	if r := h.send("GET /d/"+token+"?lat=22.685&lon=114.205", ""); r.status != 200 {
		t.Fatalf("%+v", r)
	}
	h.db.Close()
	for _, line := range []string{"GET /d/" + token + "?lat=22.686&lon=114.205", "GET /d/" + token + "?lat=abc&lon=1", "GET /d/gw_another?lat=1&lon=1"} {
		if r := h.send(line, ""); r.status != 503 || r.header.Get("Retry-After") == "" {
			t.Errorf("%.8s…: %+v", line, r)
		}
	}
}

func TestDeviceList(t *testing.T) {
	h := newHouse(t)
	_, device, token := h.car("osmand")
	h.send("GET /d/"+token+"?lat=22.685&lon=114.205&batt=50", "")
	list, total, err := postgres.ListDevices(t.Context(), h.db.Pool, postgres.DeviceFilter{Scope: []string{fmt.Sprintf("%d.", h.region)}, Q: "osmand", Status: "active", Limit: 10})
	if err != nil || total != 1 || len(list) != 1 || list[0].ID != device || list[0].Fixes != 1 || list[0].Prefix != token[:8] || *list[0].Battery != 50 {
		t.Errorf("%v %d %+v", err, total, list)
	}
	if list, total, err = postgres.ListDevices(t.Context(), h.db.Pool, postgres.DeviceFilter{Scope: []string{"999."}}); err != nil || total != 0 || len(list) != 0 {
		t.Errorf("of another scope: %v %d %+v", err, total, list)
	}
}
