package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Kept is what a row keeps of secrets: as they lie in the database.
type Kept struct {
	Table   string // channel, alarm_source
	ID      int64
	Name    string            // what people call it
	Secrets map[string]string // of a channel, by name
	Key     []byte            // of a channel's receipts, or of an alarm source
}

const sqlKeptSecrets = `
SELECT 'channel' AS "table", id, name, secrets, ack_key AS key FROM channel WHERE retired_at IS NULL
UNION ALL SELECT 'alarm_source', id, name, '{}', secret FROM alarm_source ORDER BY 1, 2`

const sqlLockSecrets = `LOCK TABLE channel, alarm_source IN SHARE ROW EXCLUSIVE MODE`

// KeptSecrets returns the secrets of every channel and alarm source as they lie
// in the database, and keeps others from changing them until the transaction ends.
func KeptSecrets(ctx context.Context, tx pgx.Tx) ([]Kept, error) {
	if _, err := tx.Exec(ctx, sqlLockSecrets); err != nil {
		return nil, fmt.Errorf("read the secrets: %w", err)
	}
	rows, err := tx.Query(ctx, sqlKeptSecrets)
	if err != nil {
		return nil, fmt.Errorf("read the secrets: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[Kept])
	if err != nil {
		return nil, fmt.Errorf("read the secrets: %w", err)
	}
	return list, nil
}

const sqlPutChannelSecrets = `UPDATE channel SET secrets = jsonb_strip_nulls($2::jsonb), ack_key = $3, enabled = enabled AND NOT $4, version = version + CASE WHEN $4 THEN 1 ELSE 0 END WHERE id = $1`

const sqlPutSourceSecret = `UPDATE alarm_source SET secret = $2, enabled = enabled AND NOT $3 WHERE id = $1`

// PutSecrets writes the secrets of a row; off also takes it out of service.
func PutSecrets(ctx context.Context, tx pgx.Tx, k Kept, off bool) error {
	var err error
	if k.Table == "channel" {
		_, hidden, failed := channelJSON(nil, k.Secrets)
		if failed != nil {
			return failed
		}
		_, err = tx.Exec(ctx, sqlPutChannelSecrets, k.ID, hidden, k.Key, off)
	} else {
		_, err = tx.Exec(ctx, sqlPutSourceSecret, k.ID, k.Key, off)
	}
	if err != nil {
		return fmt.Errorf("write the secrets of %s: %w", k.Name, err)
	}
	return nil
}
