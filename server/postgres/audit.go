package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Audit is one thing that was done, by whom and from where. Insert-only.
type Audit struct {
	Account int64
	Actor   string // the login, or "system"
	IP      string
	Action  string // a word: session.opened, kiosk.paired, device.revoked, …
	Object  string
	Result  string // ok, denied, failed
	Detail  map[string]any
}

const sqlInsertAudit = `
INSERT INTO audit (account_id, actor, ip, action, object, result, detail) VALUES (NULLIF($1::bigint, 0), $2, $3, $4, $5, $6, $7)`

// WriteAudit notes what was done; run it in the transaction of the deed where there is one.
func WriteAudit(ctx context.Context, q Querier, a Audit) error {
	if a.Result == "" {
		a.Result = "ok"
	}
	detail := []byte("{}")
	if len(a.Detail) > 0 {
		detail, _ = json.Marshal(a.Detail)
	}
	if _, err := q.Exec(ctx, sqlInsertAudit, a.Account, a.Actor, a.IP, a.Action, a.Object, a.Result, detail); err != nil {
		return fmt.Errorf("write the audit: %w", err)
	}
	return nil
}

const sqlInsertAccessRecord = `
INSERT INTO access_record (account_id, worker_id, what, purpose, day, ip) VALUES ($1, $2, $3, $4, $5, $6)`

// WriteAccessRecord notes that an account looked at a worker's personal data, and why.
func WriteAccessRecord(ctx context.Context, q Querier, account, worker int64, what, purpose string, day time.Time, ip string) error {
	if _, err := q.Exec(ctx, sqlInsertAccessRecord, account, worker, what, purpose, day, ip); err != nil {
		return fmt.Errorf("write the access record: %w", err)
	}
	return nil
}

// AccessRecord is one look at a worker's personal data.
type AccessRecord struct {
	ID         int64     `json:"id"`
	At         time.Time `json:"at"`
	Account    int64     `json:"account"`
	Actor      string    `json:"actor"`
	Worker     int64     `json:"worker"`
	WorkerName string    `json:"worker_name"`
	What       string    `json:"what"`
	Purpose    string    `json:"purpose"`
	Day        string    `json:"day,omitempty"`
}

const sqlAccessRecords = `
SELECT r.id, r.at, r.account_id AS account, a.name AS actor, r.worker_id AS worker, w.name AS worker_name, r.what, r.purpose, COALESCE(to_char(r.day, 'YYYY-MM-DD'), '') AS day
FROM access_record r JOIN account a ON a.id = r.account_id JOIN worker w ON w.id = r.worker_id JOIN org o ON o.id = w.org_id
WHERE ($1::text[] IS NULL OR o.path LIKE ANY ($1))
  AND ($2::bigint IS NULL OR r.worker_id = $2) AND ($3::bigint IS NULL OR r.account_id = $3)
  AND ($4::timestamptz IS NULL OR r.at >= $4) AND ($5::timestamptz IS NULL OR r.at < $5)
  AND ($6::bigint IS NULL OR r.id < $6)
ORDER BY r.id DESC LIMIT $7`

// AccessFilter narrows the list of access records.
type AccessFilter struct {
	Scope    []string // nil = any organisation: the worker's own list
	Worker   *int64
	Account  *int64
	From, To *time.Time
	Before   *int64 // cursor
	Limit    int
}

// AccessRecords lists who looked at whom, newest first.
func AccessRecords(ctx context.Context, q Querier, f AccessFilter) ([]AccessRecord, error) {
	var under []string
	if f.Scope != nil {
		under = Under(f.Scope)
	}
	rows, err := q.Query(ctx, sqlAccessRecords, under, f.Worker, f.Account, f.From, f.To, f.Before, f.Limit)
	if err != nil {
		return nil, fmt.Errorf("list the access records: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[AccessRecord])
	if err != nil {
		return nil, fmt.Errorf("list the access records: %w", err)
	}
	return list, nil
}
