package main

import (
	"bytes"
	"context"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gridward/gridward/server/pgtest"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/signin"
)

func TestUserCommands(t *testing.T) {
	dsn := pgtest.DSN(t)
	run := func(in string, args ...string) (string, error) {
		var out bytes.Buffer
		err := userMain(t.Context(), process{args: append(args, "-database-url", dsn), in: strings.NewReader(in), out: &out, errOut: &out, env: func(string) string { return "" }})
		return out.String(), err
	}
	if _, err := run("", "add", "root"); err == nil {
		t.Error("an account without a role was made")
	}
	if _, err := run("", "add", "root", "-role", "king"); err == nil {
		t.Error("an unknown role was taken")
	}
	if _, err := run("", "add", "root", "-role", "sysadmin"); err == nil || !strings.Contains(err.Error(), "import orgs") {
		t.Errorf("without an organisation: %v", err)
	}
	house, err := postgres.Open(t.Context(), dsn, postgres.Options{MaxConns: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer house.Close()
	if _, err := house.Pool.Exec(t.Context(), `INSERT INTO org (region_id, path, code, kind, name) VALUES (0, '', '990101001', 'street', '明湖街道')`); err != nil {
		t.Fatal(err)
	}
	out, err := run("", "add", "Root", "-role", "sysadmin,secadmin")
	if err != nil {
		t.Fatal(err)
	}
	_, password, _ := strings.Cut(strings.TrimSpace(out), "sign-in): ")
	door := signin.New(house, signin.Options{})
	s, _, err := door.Login(context.Background(), httptest.NewRequest("POST", "/", nil), "root", password)
	if err != nil || !s.MustChange || len(s.Posts) != 2 {
		t.Errorf("%v %+v", err, s)
	}
	if _, err := run("", "add", "root", "-role", "sysadmin"); err == nil {
		t.Error("a login was given twice")
	}
	if _, err := run("short\n", "passwd", "root", "-password-stdin"); err == nil {
		t.Error("a weak password was taken")
	}
	if _, err := run("Correct-Horse-7\n", "passwd", "root", "-password-stdin"); err != nil {
		t.Error(err)
	}
	if s, _, err := door.Login(context.Background(), httptest.NewRequest("POST", "/", nil), "root", "Correct-Horse-7"); err != nil || s.MustChange {
		t.Errorf("%v %+v", err, s)
	}
}
