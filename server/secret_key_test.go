package main

import (
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gridward/gridward/server/courier"
	"github.com/gridward/gridward/server/pgtest"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/seal"
)

// sealedHouse is a database with a channel and an alarm source whose secrets lie open, as an
// earlier program wrote them.
func sealedHouse(t *testing.T) (db *postgres.DB, start func(data, env string, args ...string) (*seal.Key, error)) {
	t.Helper()
	db = pgtest.New(t)
	ctx := t.Context()
	street := pgtest.Street(t, db)
	c := postgres.Channel{Org: street, Kind: "smtp", Name: "街道邮箱", Enabled: true, Events: []string{"incident.*"}, Tiers: []int16{}, Urgencies: []string{}}
	if _, err := postgres.InsertChannel(ctx, db.Pool, c, map[string]string{"password": "open sesame"}, courier.NewAckKey(), 0, time.Now()); err != nil {
		t.Fatal(err)
	}
	if _, err := postgres.AddAlarmSource(ctx, db.Pool, postgres.AlarmSource{Org: street, Name: "fire-hub", Kind: "webhook", Secret: []byte("hub secret")}, 0); err != nil {
		t.Fatal(err)
	}
	return db, func(data, env string, args ...string) (*seal.Key, error) {
		conf, err := parseServe("serve", append([]string{"-data", data}, args...), func(name string) string {
			if name == secretKeyEnv {
				return env
			}
			return ""
		}, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		return openSeal(context.WithoutCancel(ctx), conf, db, slog.New(slog.DiscardHandler))
	}
}

// lies is all that the database holds of secrets.
func lies(t *testing.T, db *postgres.DB) (text string) {
	t.Helper()
	if err := db.Pool.QueryRow(t.Context(), `SELECT (SELECT secrets::text || ' ' || encode(ack_key, 'escape') FROM channel) || ' ' || (SELECT convert_from(secret, 'UTF8') FROM alarm_source)`).Scan(&text); err != nil {
		t.Fatal(err)
	}
	return text
}

func TestSecretsAreSealedAtTheNextStart(t *testing.T) {
	t.Parallel()
	db, start := sealedHouse(t)
	data := filepath.Join(t.TempDir(), "data")
	key, err := start(data, "")
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(data, "secret.key"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key's file: %v, %v", info, err)
	}
	sealed := lies(t, db)
	if strings.Contains(sealed, "sesame") || strings.Contains(sealed, "hub secret") || strings.Count(sealed, "sealed:1:"+key.Name()) != 3 {
		t.Errorf("in the database lies %s", sealed)
	}
	again, err := start(data, "")
	if err != nil || again.Name() != key.Name() || lies(t, db) != sealed {
		t.Errorf("the second start: %v, %v", again, err)
	}
	secrets, _, err := postgres.ChannelSecrets(t.Context(), db.Pool, 1)
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := again.Open(seal.ChannelSecret+"password", secrets["password"]); err != nil || plain != "open sesame" {
		t.Errorf("opened as %q, %v", plain, err)
	}
	// the same key, from the environment of another node
	text, err := os.ReadFile(filepath.Join(data, "secret.key"))
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := t.TempDir()
	if node, err := start(elsewhere, string(text)); err != nil || node.Name() != key.Name() {
		t.Errorf("by the environment: %v, %v", node, err)
	}
	if node, err := start(elsewhere, "", "-secret-key-file", filepath.Join(data, "secret.key")); err != nil || node.Name() != key.Name() {
		t.Errorf("by a file: %v, %v", node, err)
	}
	if _, err := os.Stat(filepath.Join(elsewhere, "secret.key")); err == nil {
		t.Error("a second key was made")
	}
}

func TestALostKeyIsToldAndNotReplaced(t *testing.T) {
	t.Parallel()
	db, start := sealedHouse(t)
	data := t.TempDir()
	key, err := start(data, "")
	if err != nil {
		t.Fatal(err)
	}
	sealed := lies(t, db)
	_, other := seal.Fresh()
	elsewhere := t.TempDir()
	for why, c := range map[string]struct {
		data, env string
		args      []string
		want      []string
	}{
		"the file is gone":       {elsewhere, "", nil, []string{key.Name(), "secret.key is not there", "街道邮箱", "fire-hub", "-forget-secrets"}},
		"another key":            {data, other, nil, []string{key.Name(), secretKeyEnv + " is the key", "backup"}},
		"not a key":              {data, "geheim", nil, []string{secretKeyEnv, "openssl rand"}},
		"a file that is missing": {data, "", []string{"-secret-key-file", filepath.Join(elsewhere, "nowhere")}, []string{"nowhere"}},
	} {
		_, err := start(c.data, c.env, c.args...)
		if err == nil {
			t.Errorf("%s: started", why)
			continue
		}
		for _, w := range c.want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: %q is not in %v", why, w, err)
			}
		}
	}
	if _, err := os.Stat(filepath.Join(elsewhere, "secret.key")); err == nil || lies(t, db) != sealed {
		t.Error("a refused start changed something")
	}
	if err := os.Chmod(filepath.Join(data, "secret.key"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := start(data, ""); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a key that everybody reads: %v", err)
	}
	fresh, err := start(elsewhere, "", "-forget-secrets")
	if err != nil {
		t.Fatal(err)
	}
	var channels, sources bool
	if err := db.Pool.QueryRow(t.Context(), `SELECT (SELECT enabled FROM channel), (SELECT enabled FROM alarm_source)`).Scan(&channels, &sources); err != nil || channels || sources {
		t.Errorf("switched on without a secret: %v %v %v", channels, sources, err)
	}
	list, err := postgres.ListChannels(t.Context(), db.Pool, []string{"1."})
	if err != nil || len(list) != 1 || len(list[0].Secrets) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
	if again, err := start(elsewhere, ""); err != nil || again.Name() != fresh.Name() {
		t.Errorf("after that: %v", err)
	}
}
