package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/fault"
)

// Channel is a way out of the house (消息通道): where messages of one
// organisation's subtree go. Its secrets are read by the courier alone.
type Channel struct {
	ID        int64             `json:"id"`
	Org       int64             `json:"org"`
	OrgPath   string            `json:"-"`
	OrgName   string            `json:"org_name"`
	Kind      string            `json:"kind"` // webhook, smtp, dingtalk, wecom
	Name      string            `json:"name"`
	Enabled   bool              `json:"enabled"`
	People    bool              `json:"people"` // unmasked people and sensitive cases may leave by it
	Drills    bool              `json:"drills"`
	Events    []string          `json:"events"`
	Tiers     []int16           `json:"tiers"`
	Urgencies []string          `json:"urgencies"`
	Category  string            `json:"category,omitempty"`
	Settings  map[string]string `json:"settings"`
	Secrets   []string          `json:"secrets" doc:"names of the secrets that are set; their values are never told"`
	Since     time.Time         `json:"since"`
	Version   int32             `json:"version"`
	CreatedAt time.Time         `json:"created_at"`
	UpdatedAt time.Time         `json:"updated_at"`
	Waiting   int64             `json:"waiting"` // deliveries still to be sent, failed ones too
	Dead      int64             `json:"dead"`    // given up in the last seven days
}

const channelColumns = `
  c.id, c.org_id AS org, o.path AS org_path, o.name AS org_name, c.kind, c.name, c.enabled, c.people, c.drills, c.events, c.tiers, c.urgencies, c.category, c.settings,
  ARRAY(SELECT jsonb_object_keys(c.secrets) ORDER BY 1) AS secrets, c.since, c.version, c.created_at, c.updated_at`

const channelCounts = `,
  (SELECT count(*) FROM delivery d WHERE d.channel_id = c.id AND d.state IN ('waiting','failed')) AS waiting,
  (SELECT count(*) FROM delivery d WHERE d.channel_id = c.id AND d.state = 'dead' AND d.created_at > now() - interval '7 days') AS dead`

const channelFrom = ` FROM channel c JOIN org o ON o.id = c.org_id WHERE c.retired_at IS NULL`

const sqlListChannels = `SELECT` + channelColumns + channelCounts + channelFrom + ` AND o.path LIKE ANY ($1) ORDER BY o.path, c.id`

const sqlChannelByID = `SELECT` + channelColumns + channelCounts + channelFrom + ` AND c.id = $1`

// What is read at every round does without the counts.
const sqlSendingChannels = `SELECT` + channelColumns + `, 0::bigint AS waiting, 0::bigint AS dead` + channelFrom + ` AND c.enabled ORDER BY c.id`

// ListChannels returns the channels of the scope.
func ListChannels(ctx context.Context, q Querier, scope []string) ([]Channel, error) {
	return collectChannels(ctx, q, sqlListChannels, Under(scope))
}

// ChannelByID returns one channel, whoever asks.
func ChannelByID(ctx context.Context, q Querier, id int64) (Channel, error) {
	list, err := collectChannels(ctx, q, sqlChannelByID, id)
	if err == nil && len(list) == 0 {
		err = fault.New(fault.Missing, "没有这个消息通道，或者不在您的管辖范围")
	}
	if err != nil {
		return Channel{}, err
	}
	return list[0], nil
}

func collectChannels(ctx context.Context, q Querier, sql string, args ...any) ([]Channel, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("read the channels: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[Channel])
	if err != nil {
		return nil, fmt.Errorf("read the channels: %w", err)
	}
	return list, nil
}

const sqlInsertChannel = `
INSERT INTO channel (org_id, kind, name, enabled, people, drills, events, tiers, urgencies, category, settings, secrets, ack_key, since, created_by, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, NULLIF($15::bigint, 0), $14, $14) RETURNING id`

// InsertChannel adds a channel. ackKey makes the tokens of its receipts.
func InsertChannel(ctx context.Context, q Querier, c Channel, secrets map[string]string, ackKey []byte, by int64, now time.Time) (int64, error) {
	settings, hidden, err := channelJSON(c.Settings, secrets)
	if err != nil {
		return 0, err
	}
	var id int64
	if err := q.QueryRow(ctx, sqlInsertChannel, c.Org, c.Kind, c.Name, c.Enabled, c.People, c.Drills, c.Events, c.Tiers, c.Urgencies, c.Category,
		settings, hidden, ackKey, now, by).Scan(&id); err != nil {
		return 0, fmt.Errorf("add the channel: %w", err)
	}
	return id, nil
}

// What was told while a channel was off is not sent when it is on again.
const sqlUpdateChannel = `
UPDATE channel SET name = $3, since = CASE WHEN $4 AND NOT enabled THEN $13 ELSE since END, enabled = $4, people = $5, drills = $6, events = $7, tiers = $8, urgencies = $9, category = $10,
  settings = $11, secrets = jsonb_strip_nulls(secrets || $12::jsonb), version = version + 1, updated_at = $13
WHERE id = $1 AND version = $2 AND retired_at IS NULL`

// UpdateChannel changes a channel that still has the version it was read with.
// secrets replaces those that it names; an empty value takes one away.
func UpdateChannel(ctx context.Context, q Querier, c Channel, secrets map[string]string, now time.Time) error {
	settings, hidden, err := channelJSON(c.Settings, secrets)
	if err != nil {
		return err
	}
	tag, err := q.Exec(ctx, sqlUpdateChannel, c.ID, c.Version, c.Name, c.Enabled, c.People, c.Drills, c.Events, c.Tiers, c.Urgencies, c.Category, settings, hidden, now)
	if err != nil {
		return fmt.Errorf("change the channel: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return fault.New(fault.Conflict, "这个消息通道刚被别人修改过，请重新打开")
	}
	return nil
}

func channelJSON(settings, secrets map[string]string) (open, hidden []byte, err error) {
	if settings == nil {
		settings = map[string]string{}
	}
	kept := map[string]*string{}
	for name, value := range secrets {
		kept[name] = nil
		if value != "" {
			kept[name] = &value
		}
	}
	if open, err = json.Marshal(settings); err == nil {
		hidden, err = json.Marshal(kept)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("write the channel's settings: %w", err)
	}
	return open, hidden, nil
}

const sqlRetireChannel = `UPDATE channel SET retired_at = $2, enabled = false, secrets = '{}', version = version + 1, updated_at = $2 WHERE id = $1 AND retired_at IS NULL`

const sqlDropWaiting = `UPDATE delivery SET state = 'dead', last_error = '消息通道已删除' WHERE channel_id = $1 AND state IN ('waiting','failed')`

// RetireChannel takes a channel out of service: its secrets are erased, what
// waits for it is given up, what it sent stays on record.
func RetireChannel(ctx context.Context, tx pgx.Tx, id int64, now time.Time) error {
	if _, err := tx.Exec(ctx, sqlRetireChannel, id, now); err != nil {
		return fmt.Errorf("retire the channel: %w", err)
	}
	if _, err := tx.Exec(ctx, sqlDropWaiting, id); err != nil {
		return fmt.Errorf("retire the channel: %w", err)
	}
	return nil
}

const sqlChannelSecrets = `SELECT secrets, ack_key FROM channel WHERE id = $1 AND retired_at IS NULL`

// ChannelSecrets returns what a channel needs to prove itself, and the key of
// its receipts' tokens. Only the courier asks.
func ChannelSecrets(ctx context.Context, q Querier, id int64) (secrets map[string]string, ackKey []byte, err error) {
	if err := q.QueryRow(ctx, sqlChannelSecrets, id).Scan(&secrets, &ackKey); err != nil {
		return nil, nil, fmt.Errorf("read the channel's secrets: %w", err)
	}
	return secrets, ackKey, nil
}
