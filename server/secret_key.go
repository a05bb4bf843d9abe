package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/courier"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/seal"
)

// secretKeyEnv holds the key itself: no flag, because flags stand in the list of processes.
const secretKeyEnv = "GRIDWARD_SECRET_KEY"

// openSeal finds the key that seals the house's secrets, makes one where there
// is none and nothing was ever sealed, and seals what lies open. It refuses to
// go on beside secrets that the key does not open: a second key would hide that
// the first is lost.
func openSeal(ctx context.Context, c config, db *postgres.DB, log *slog.Logger) (key *seal.Key, err error) {
	err = db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error { // it holds the tables: nodes that start together agree
		kept, err := postgres.KeptSecrets(ctx, tx)
		if err != nil {
			return err
		}
		var from string
		key, from, err = findKey(c)
		if err != nil {
			return err
		}
		lost := strangers(kept, key)
		if len(lost) > 0 && !c.ForgetSecrets {
			return lostKey(c, key, from, lost)
		}
		if key == nil {
			if key, err = makeKey(from); err != nil {
				return err
			}
			log.Info("made the key that seals passwords and signing keys: back it up, but not beside the database", "file", from)
		}
		for _, k := range lost {
			log.Warn("the secrets are erased, because nobody can open them; it is switched off until it gets new ones", "table", k.Table, "id", k.ID, "name", k.Name)
		}
		sealed, err := sealKept(ctx, tx, key, kept, lost)
		if sealed > 0 {
			log.Info("sealed secrets that lay open in the database", "rows", sealed)
		}
		return err
	})
	return key, err
}

// findKey reads the key; it is nil where the data directory has none yet.
func findKey(c config) (key *seal.Key, from string, err error) {
	if text := c.env(secretKeyEnv); text != "" {
		key, err = seal.Parse(text)
		if err != nil {
			err = fmt.Errorf("%s: %w", secretKeyEnv, err)
		}
		return key, secretKeyEnv, err
	}
	from = cmp.Or(c.SecretKeyFile, filepath.Join(c.Data, "secret.key"))
	info, err := os.Stat(from)
	if errors.Is(err, fs.ErrNotExist) && c.SecretKeyFile == "" {
		return nil, from, nil
	}
	if err != nil {
		return nil, from, fmt.Errorf("read the secret key: %w", err)
	}
	if c.SecretKeyFile == "" && info.Mode().Perm()&0o077 != 0 {
		return nil, from, fmt.Errorf("others may read the secret key: chmod 600 %s", from)
	}
	text, err := os.ReadFile(from)
	if err != nil {
		return nil, from, fmt.Errorf("read the secret key: %w", err)
	}
	if key, err = seal.Parse(string(text)); err != nil {
		return nil, from, fmt.Errorf("%s: %w", from, err)
	}
	return key, from, nil
}

// makeKey makes the key of the data directory. It is on disk before anything is
// sealed with it.
func makeKey(file string) (*seal.Key, error) {
	key, text := seal.Fresh()
	if err := os.MkdirAll(filepath.Dir(file), 0o711); err != nil {
		return nil, fmt.Errorf("make the secret key: %w", err)
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("make the secret key: %w", err)
	}
	_, err = f.WriteString(text + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return nil, fmt.Errorf("make the secret key: %w", err)
	}
	return key, nil
}

// values are the secrets of a row, with what each is for.
func values(k postgres.Kept) map[string]string {
	if k.Table != "channel" {
		return map[string]string{seal.AlarmSource: string(k.Key)}
	}
	all := map[string]string{seal.ChannelAckKey: string(k.Key)}
	for name, value := range k.Secrets {
		all[seal.ChannelSecret+name] = value
	}
	return all
}

// strangers are the rows with a secret that the key does not open.
func strangers(kept []postgres.Kept, key *seal.Key) (lost []postgres.Kept) {
	for _, k := range kept {
		for _, value := range values(k) {
			if by, ok := seal.By(value); ok && (key == nil || by != key.Name()) {
				lost = append(lost, k)
				break
			}
		}
	}
	return lost
}

// lostKey says what is lost and what to do.
func lostKey(c config, key *seal.Key, from string, lost []postgres.Kept) error {
	var names, keys []string
	for _, k := range lost {
		names = append(names, k.Name)
		for _, value := range values(k) {
			if by, ok := seal.By(value); ok && !slices.Contains(keys, by) && (key == nil || by != key.Name()) {
				keys = append(keys, by)
			}
		}
	}
	slices.Sort(keys)
	have := from + " is not there"
	if key != nil {
		have = from + " is the key " + key.Name()
	}
	return fmt.Errorf(`the secrets of %d message channels and alarm sources (%s) were sealed with the key %s, and %s.
  Put the right key back: it is in the backup of the data directory (secret.key), or what %s was, or what another node has in %s.
  If it is lost for good, start once with -forget-secrets: these secrets are erased, the channels and sources switched off; enter new secrets in the console and switch them on`,
		len(lost), strings.Join(names, "、"), strings.Join(keys, ", "), have, secretKeyEnv, filepath.Join(c.Data, "secret.key"))
}

// sealKept seals what lies open, and erases what is lost. It says how many rows it sealed.
func sealKept(ctx context.Context, tx pgx.Tx, key *seal.Key, kept, lost []postgres.Kept) (sealed int, err error) {
	for _, k := range kept {
		if slices.ContainsFunc(lost, func(l postgres.Kept) bool { return l.Table == k.Table && l.ID == k.ID }) {
			for name := range k.Secrets {
				k.Secrets[name] = ""
			}
			k.Key = []byte{}
			if k.Table == "channel" {
				k.Key = courier.SealAckKey(key)
			}
			if err := postgres.PutSecrets(ctx, tx, k, true); err != nil {
				return sealed, err
			}
			continue
		}
		open := false
		for purpose, value := range values(k) {
			if _, ok := seal.By(value); ok || value == "" {
				continue
			}
			open = true
			if name, ok := strings.CutPrefix(purpose, seal.ChannelSecret); ok {
				k.Secrets[name] = key.Seal(purpose, value)
			} else {
				k.Key = []byte(key.Seal(purpose, value))
			}
		}
		if !open {
			continue
		}
		if err := postgres.PutSecrets(ctx, tx, k, false); err != nil {
			return sealed, err
		}
		sealed++
	}
	return sealed, nil
}
