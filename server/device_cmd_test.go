package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/gridward/gridward/server/pgtest"
	"github.com/gridward/gridward/server/postgres"
)

func TestDeviceCommands(t *testing.T) {
	dsn := pgtest.DSN(t)
	run := func(args ...string) (string, error) {
		var out bytes.Buffer
		err := deviceMain(t.Context(), process{args: append(args, "-database-url", dsn), out: &out, errOut: &out, env: func(string) string { return "" }})
		return out.String(), err
	}
	db, err := postgres.Open(t.Context(), dsn, postgres.Options{MaxConns: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Pool.Exec(t.Context(), `WITH o AS (INSERT INTO org (region_id, path, code, kind, name) VALUES (1, '1.', '990101001', 'street', '明湖街道') RETURNING id),
		r AS (INSERT INTO region (id) SELECT id FROM o RETURNING id)
		INSERT INTO worker (region_id, org_id, code, name) SELECT id, id, 'W001', '张伟' FROM r`); err != nil {
		t.Fatal(err)
	}
	good := func(token string) bool {
		_, _, ok, err := postgres.DeviceByToken(t.Context(), db.Pool, postgres.HashToken(token), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	token := func(out string) string {
		_, rest, _ := strings.Cut(out, "shown once): ")
		token, _, _ := strings.Cut(rest, "\n")
		return token
	}
	for name, args := range map[string][]string{
		"a person is not tracked always": {"add", "-worker", "W001", "-duty", "always"},
		"nobody carries it":              {"add"},
		"two carry it":                   {"add", "-worker", "W001", "-vehicle", "X"},
		"an unknown worker":              {"add", "-worker", "W999"},
		"an unknown protocol":            {"add", "-worker", "W001", "-protocol", "pigeon"},
		"an unknown datum":               {"add", "-worker", "W001", "-crs", "mars"},
		"an unknown device to rotate":    {"rotate", "nobody"},
		"no verb":                        {},
	} {
		if out, err := run(args...); err == nil {
			t.Errorf("%s: taken:\n%s", name, out)
		}
	}
	out, err := run("add", "-worker", "W001", "-protocol", "owntracks", "-ident", "phone-1", "-url", "https://map.example/")
	if err != nil {
		t.Fatal(err)
	}
	first := token(out)
	if !strings.Contains(out, "https://map.example/owntracks") || strings.Count(out, first) < 2 || !good(first) {
		t.Errorf("printed:\n%s", out)
	}
	if out, err = run("rotate", "phone-1"); err != nil {
		t.Fatal(err)
	}
	second := token(out)
	if second == first || !good(first) || !good(second) {
		t.Error("after a rotation both are good for a day")
	}
	if _, _, ok, _ := postgres.DeviceByToken(t.Context(), db.Pool, postgres.HashToken(first), time.Now().Add(25*time.Hour)); ok {
		t.Error("the old one is good after a day")
	}
	if _, err = run("revoke", "phone-1"); err != nil {
		t.Fatal(err)
	}
	if good(first) || good(second) {
		t.Error("a revoked device is still good")
	}
	if out, err = run("add", "-vehicle", "粤B12345", "-org", "990101001"); err != nil || !strings.Contains(out, "duty always") {
		t.Errorf("a vehicle: %v\n%s", err, out)
	}
	if _, err = run("add", "-vehicle", "粤B12345", "-protocol", "gpslogger"); err != nil {
		t.Errorf("a second device of the vehicle: %v", err)
	}
}
