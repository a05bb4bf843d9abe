package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/fault"
)

// Command is a command (指令): the row, with whom it is for.
type Command struct {
	ID       uuid.UUID         `json:"id"`
	Region   int64             `json:"-"`
	Org      int64             `json:"org"`
	OrgName  string            `json:"org_name"`
	OrgPath  string            `json:"-"`
	By       int64             `json:"-"`
	ByName   string            `json:"by_name"`
	At       time.Time         `json:"at"`
	Text     string            `json:"text"`
	Incident *uuid.UUID        `json:"incident,omitempty"`
	CaseNo   string            `json:"case_no,omitempty"`
	NeedAck  bool              `json:"need_ack"`
	AckDue   *time.Time        `json:"ack_due,omitempty"`
	Area     *orb.MultiPolygon `json:"-"`
	ClientID string            `json:"-"`
	Targets  []CommandTarget   `json:"acks" doc:"each of those it is for, with the acknowledgement"`
	Count    int               `json:"count"`
	Acked    int               `json:"acked"`
	Late     bool              `json:"late" doc:"not everybody has acknowledged in time"`
}

// CommandTarget is somebody whom a command is for: a worker, or an organisation.
type CommandTarget struct {
	Nr        int16      `json:"nr"`
	Org       int64      `json:"org"`
	OrgName   string     `json:"org_name"`
	OrgPath   string     `json:"-"` // of the duty, else of the organisation: decides who sees it
	Region    int64      `json:"-"`
	Worker    *int64     `json:"worker,omitempty"`
	Name      string     `json:"name"` // the worker's, or the organisation's
	AckedAt   *time.Time `json:"at,omitempty"`
	AckedBy   *int64     `json:"account,omitempty"`
	AckedName string     `json:"by_name,omitempty"`
	AckText   string     `json:"text,omitempty"`
}

// A worker on duty is where the duty is: that organisation decides who sees it.
const sqlAddressWorkers = `
SELECT o.id, o.name, o.path, o.region_id, w.id, w.name
FROM worker w LEFT JOIN LATERAL (SELECT d.org_id FROM duty_session d WHERE d.worker_id = w.id AND d.ended_at IS NULL ORDER BY d.started_at DESC LIMIT 1) d ON true
JOIN org o ON o.id = COALESCE(d.org_id, w.org_id)
WHERE w.id = ANY ($1) AND w.status = 'active' AND o.path LIKE ANY ($2) ORDER BY w.id`

const sqlAddressOrgs = `SELECT o.id, o.name, o.path, o.region_id, NULL::bigint, o.name FROM org o WHERE o.id = ANY ($1) AND o.valid_to IS NULL AND o.path LIKE ANY ($2) ORDER BY o.id`

// Addressees returns the workers and organisations of a scope to whom a command
// can be given, numbered. One outside the scope does not exist.
func Addressees(ctx context.Context, q Querier, workers, orgs []int64, scope []string) ([]CommandTarget, error) {
	var list []CommandTarget
	for _, ask := range []struct {
		sql string
		ids []int64
	}{{sqlAddressOrgs, orgs}, {sqlAddressWorkers, workers}} {
		rows, err := q.Query(ctx, ask.sql, ask.ids, Under(scope))
		if err != nil {
			return nil, fmt.Errorf("find whom a command is for: %w", err)
		}
		some, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (t CommandTarget, err error) {
			return t, row.Scan(&t.Org, &t.OrgName, &t.OrgPath, &t.Region, &t.Worker, &t.Name)
		})
		if err != nil {
			return nil, fmt.Errorf("find whom a command is for: %w", err)
		}
		if len(some) != len(ask.ids) {
			return nil, fault.New(fault.Missing, "有的人员或机构不存在，或者不在您的管辖范围")
		}
		list = append(list, some...)
	}
	for i := range list {
		list[i].Nr = int16(i + 1)
	}
	return list, nil
}

const sqlInsertCommand = `
INSERT INTO command (id, region_id, org_id, by_account, by_name, at, text, incident_id, need_ack, ack_due, area, client_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, NULLIF($12, ''))`

const sqlInsertTargets = `
INSERT INTO command_target (command_id, nr, org_id, worker_id) SELECT $1, u.nr, u.org, u.worker FROM unnest($2::smallint[], $3::bigint[], $4::bigint[]) AS u (nr, org, worker)`

// InsertCommand stores a command and whom it is for. The same client_id of the
// same account violates command_client.
func InsertCommand(ctx context.Context, q Querier, c Command) error {
	if _, err := q.Exec(ctx, sqlInsertCommand, c.ID, c.Region, c.Org, nonzero(c.By), c.ByName, c.At, c.Text, c.Incident, c.NeedAck, c.AckDue, c.Area, c.ClientID); err != nil {
		return fmt.Errorf("store the command: %w", err)
	}
	nr, org, worker := make([]int16, len(c.Targets)), make([]int64, len(c.Targets)), make([]*int64, len(c.Targets))
	for i, t := range c.Targets {
		nr[i], org[i], worker[i] = t.Nr, t.Org, t.Worker
	}
	if _, err := q.Exec(ctx, sqlInsertTargets, c.ID, nr, org, worker); err != nil {
		return fmt.Errorf("store whom the command is for: %w", err)
	}
	return nil
}

const commandColumns = `
SELECT c.id, c.region_id, c.org_id, o.name, o.path, COALESCE(c.by_account, 0), c.by_name, c.at, c.text, c.incident_id, COALESCE(i.case_no, ''), c.need_ack, c.ack_due
FROM command c JOIN org o ON o.id = c.org_id LEFT JOIN incident i ON i.id = c.incident_id `

const sqlCommand = commandColumns + `WHERE c.id = $1`

const sqlCommandByClient = `SELECT id FROM command WHERE by_account = $1 AND client_id = $2`

const sqlCommandsSent = commandColumns + `
WHERE (c.by_account = $1 OR o.path LIKE ANY ($2)) AND ($3::timestamptz IS NULL OR (c.at, c.id) < ($3, $4::uuid)) AND ($5::uuid IS NULL OR c.incident_id = $5)
  AND ($7::timestamptz IS NULL OR c.need_ack AND c.ack_due <= $7 AND EXISTS (SELECT FROM command_target t WHERE t.command_id = c.id AND t.acked_at IS NULL))
ORDER BY c.at DESC, c.id DESC LIMIT $6`

const sqlCommandsMine = commandColumns + `
WHERE EXISTS (SELECT FROM command_target t WHERE t.command_id = c.id AND (t.worker_id = NULLIF($1::bigint, 0) OR t.worker_id IS NULL AND t.org_id = ANY ($2))
    AND ($6::timestamptz IS NULL OR c.need_ack AND c.ack_due <= $6 AND t.acked_at IS NULL))
  AND ($3::timestamptz IS NULL OR (c.at, c.id) < ($3, $4::uuid)) ORDER BY c.at DESC, c.id DESC LIMIT $5`

const sqlTargets = `
SELECT t.command_id, t.nr, t.org_id, o.name, o.path, o.region_id, t.worker_id, COALESCE(w.name, o.name), t.acked_at, t.acked_by, t.acked_name, t.ack_text
FROM command_target t JOIN org o ON o.id = t.org_id LEFT JOIN worker w ON w.id = t.worker_id WHERE t.command_id = ANY ($1) ORDER BY t.command_id, t.nr`

const sqlLockCommand = `SELECT id FROM command WHERE id = $1 FOR UPDATE`

// CommandByID returns one command with whom it is for; lock holds it until the
// transaction ends.
func CommandByID(ctx context.Context, q Querier, id uuid.UUID, lock bool) (Command, error) {
	if lock {
		if _, err := q.Exec(ctx, sqlLockCommand, id); err != nil {
			return Command{}, fmt.Errorf("read the command: %w", err)
		}
	}
	list, err := collectCommands(ctx, q, sqlCommand, id)
	if err == nil && len(list) == 0 {
		err = fault.New(fault.Missing, "没有这条指令，或者不是给您的")
	}
	if err != nil {
		return Command{}, err
	}
	return list[0], nil
}

// CommandByClient returns the command that the account sent under its own id.
func CommandByClient(ctx context.Context, q Querier, account int64, client string) (Command, bool, error) {
	var id uuid.UUID
	err := q.QueryRow(ctx, sqlCommandByClient, account, client).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return Command{}, false, nil
	}
	if err != nil {
		return Command{}, false, fmt.Errorf("read the command: %w", err)
	}
	c, err := CommandByID(ctx, q, id, false)
	return c, err == nil, err
}

// CommandsSent lists what the account sent and what was sent for the scope's
// organisations, newest first, before the cursor; those alone that were late at
// the instant late, if it is not nil.
func CommandsSent(ctx context.Context, q Querier, account int64, scope []string, incident *uuid.UUID, at *time.Time, id *uuid.UUID, limit int, late *time.Time) ([]Command, error) {
	return collectCommands(ctx, q, sqlCommandsSent, account, Under(scope), at, id, incident, limit, late)
}

// CommandsFor lists the commands for a worker or for one of the organisations, newest
// first; those alone that they were late to acknowledge at the instant late, if it is not nil.
func CommandsFor(ctx context.Context, q Querier, worker int64, orgs []int64, at *time.Time, id *uuid.UUID, limit int, late *time.Time) ([]Command, error) {
	return collectCommands(ctx, q, sqlCommandsMine, worker, orgs, at, id, limit, late)
}

func collectCommands(ctx context.Context, q Querier, sql string, args ...any) ([]Command, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("read commands: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (c Command, err error) {
		err = row.Scan(&c.ID, &c.Region, &c.Org, &c.OrgName, &c.OrgPath, &c.By, &c.ByName, &c.At, &c.Text, &c.Incident, &c.CaseNo, &c.NeedAck, &c.AckDue)
		c.At = c.At.UTC()
		return c, err
	})
	if err != nil {
		return nil, fmt.Errorf("read commands: %w", err)
	}
	ids := make([]uuid.UUID, len(list))
	at := make(map[uuid.UUID]*Command, len(list))
	for i := range list {
		ids[i], at[list[i].ID] = list[i].ID, &list[i]
		list[i].Targets = []CommandTarget{}
	}
	if rows, err = q.Query(ctx, sqlTargets, ids); err != nil {
		return nil, fmt.Errorf("read whom commands are for: %w", err)
	}
	var (
		of uuid.UUID
		t  CommandTarget
	)
	_, err = pgx.ForEachRow(rows, []any{&of, &t.Nr, &t.Org, &t.OrgName, &t.OrgPath, &t.Region, &t.Worker, &t.Name, &t.AckedAt, &t.AckedBy, &t.AckedName, &t.AckText}, func() error {
		c := at[of]
		c.Targets = append(c.Targets, t)
		c.Count++
		if t.AckedAt != nil {
			c.Acked++
		}
		t.Worker, t.AckedAt, t.AckedBy = nil, nil, nil
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read whom commands are for: %w", err)
	}
	return list, nil
}

const sqlAckCommand = `UPDATE command_target SET acked_at = $3, acked_by = $4, acked_name = $5, ack_text = $6 WHERE command_id = $1 AND nr = $2 AND acked_at IS NULL`

// AckCommand notes that a target has acknowledged; changed is false when it had before.
func AckCommand(ctx context.Context, q Querier, id uuid.UUID, nr int16, at time.Time, by int64, byName, text string) (changed bool, err error) {
	tag, err := q.Exec(ctx, sqlAckCommand, id, nr, at, by, byName, text)
	if err != nil {
		return false, fmt.Errorf("acknowledge the command: %w", err)
	}
	return tag.RowsAffected() == 1, nil
}
