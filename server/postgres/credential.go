package postgres

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/access"
)

// Credential is a bearer secret of a person or a wall screen; the secret itself is never stored.
type Credential struct {
	Kind      string // session or kiosk
	Hash      [32]byte
	Prefix    string
	Account   int64
	Kiosk     int64
	ExpiresAt *time.Time
	IP        string
	Agent     string
}

const sqlInsertCredential = `
INSERT INTO credential (kind, hash, prefix, account_id, kiosk_id, expires_at, ip, agent, used_at, created_at)
VALUES ($1, $2, $3, NULLIF($4::bigint, 0), NULLIF($5::bigint, 0), $6, $7, $8, $9, $9) RETURNING id`

// InsertCredential stores a new session or kiosk credential.
func InsertCredential(ctx context.Context, q Querier, c Credential, now time.Time) (int64, error) {
	var id int64
	if err := q.QueryRow(ctx, sqlInsertCredential, c.Kind, c.Hash[:], c.Prefix, c.Account, c.Kiosk, c.ExpiresAt, c.IP, c.Agent, now).Scan(&id); err != nil {
		return 0, fmt.Errorf("store the credential: %w", err)
	}
	return id, nil
}

// Bearer is what a good session or kiosk credential stands for.
type Bearer struct {
	Session access.Session
	UsedAt  time.Time
	CIDR    *netip.Prefix // a kiosk may be bound to a network
}

const sqlBearer = `
SELECT c.id, c.kind, c.used_at, c.expires_at, COALESCE(a.id, 0), COALESCE(a.login, ''), COALESCE(a.name, k.name), COALESCE(a.worker_id, 0), COALESCE(a.must_change, false),
  COALESCE(k.id, 0), k.cidr,
  COALESCE(CASE WHEN c.kind = 'kiosk' THEN (
    SELECT jsonb_agg(jsonb_build_object('org', o.id, 'path', o.path, 'region', o.region_id, 'name', o.name, 'role', 'kiosk')) FROM org o WHERE o.id = k.org_id)
  ELSE (
    SELECT jsonb_agg(jsonb_build_object('org', o.id, 'path', o.path, 'region', o.region_id, 'name', o.name, 'role', p.role) ORDER BY o.path, p.role)
    FROM account_post p JOIN org o ON o.id = p.org_id
    WHERE p.account_id = a.id AND p.valid_from <= current_date AND (p.valid_to IS NULL OR p.valid_to >= current_date))
  END, '[]')
FROM credential c LEFT JOIN account a ON a.id = c.account_id LEFT JOIN kiosk k ON k.id = c.kiosk_id
WHERE c.hash = $1 AND c.kind IN ('session', 'kiosk') AND c.revoked_at IS NULL AND (c.expires_at IS NULL OR c.expires_at > $2)
  AND (a.id IS NULL OR a.status = 'active') AND (k.id IS NULL OR k.revoked_at IS NULL)`

// FindBearer returns who holds the credential with this hash; ok is false when
// it is unknown, expired, revoked, or its account or kiosk is closed.
func FindBearer(ctx context.Context, q Querier, hash [32]byte, now time.Time) (b Bearer, ok bool, err error) {
	var (
		kind    string
		expires *time.Time
	)
	s := &b.Session
	err = q.QueryRow(ctx, sqlBearer, hash[:], now).Scan(&s.Credential, &kind, &b.UsedAt, &expires, &s.Account, &s.Login, &s.Name, &s.Worker, &s.MustChange,
		&s.Kiosk, &b.CIDR, &s.Posts)
	if errors.Is(err, pgx.ErrNoRows) {
		return Bearer{}, false, nil
	}
	if err != nil {
		return Bearer{}, false, fmt.Errorf("look up the credential: %w", err)
	}
	if expires != nil {
		s.ExpiresAt = *expires
	}
	return b, true, nil
}

const sqlTouchCredential = `UPDATE credential SET used_at = $2 WHERE id = $1 AND used_at < $2`

const sqlTouchKiosk = `UPDATE kiosk SET last_seen = $2 WHERE id = $1`

// TouchCredential notes that the credential was used.
func TouchCredential(ctx context.Context, q Querier, id, kiosk int64, now time.Time) error {
	if _, err := q.Exec(ctx, sqlTouchCredential, id, now); err != nil {
		return fmt.Errorf("touch the credential: %w", err)
	}
	if kiosk != 0 {
		if _, err := q.Exec(ctx, sqlTouchKiosk, kiosk, now); err != nil {
			return fmt.Errorf("touch the kiosk: %w", err)
		}
	}
	return nil
}

const sqlRevokeCredential = `UPDATE credential SET revoked_at = now() WHERE id = $1 AND revoked_at IS NULL`

// RevokeCredential ends one session.
func RevokeCredential(ctx context.Context, q Querier, id int64) error {
	if _, err := q.Exec(ctx, sqlRevokeCredential, id); err != nil {
		return fmt.Errorf("revoke the credential: %w", err)
	}
	return nil
}

const sqlRevokeAccount = `UPDATE credential SET revoked_at = now() WHERE account_id = $1 AND id <> $2 AND revoked_at IS NULL RETURNING id`

// RevokeAccount ends every session of the account but one (0 = none spared) and names them.
func RevokeAccount(ctx context.Context, q Querier, account, spare int64) ([]int64, error) {
	return revoke(ctx, q, sqlRevokeAccount, account, spare)
}

const sqlRevokeKiosk = `UPDATE credential SET revoked_at = now() WHERE kiosk_id = $1 AND revoked_at IS NULL RETURNING id`

// RevokeKioskCredentials ends the sessions of a wall screen and names them.
func RevokeKioskCredentials(ctx context.Context, q Querier, kiosk int64) ([]int64, error) {
	return revoke(ctx, q, sqlRevokeKiosk, kiosk)
}

func revoke(ctx context.Context, q Querier, sql string, args ...any) ([]int64, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("revoke credentials: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, fmt.Errorf("revoke credentials: %w", err)
	}
	return ids, nil
}

const sqlLivingCredentials = `
SELECT c.id FROM credential c LEFT JOIN account a ON a.id = c.account_id LEFT JOIN kiosk k ON k.id = c.kiosk_id
WHERE c.id = ANY ($1) AND c.revoked_at IS NULL AND (c.expires_at IS NULL OR c.expires_at > $2)
  AND (a.id IS NULL OR a.status = 'active') AND (k.id IS NULL OR k.revoked_at IS NULL)`

// LivingCredentials returns those of ids that are still good.
func LivingCredentials(ctx context.Context, q Querier, ids []int64, now time.Time) ([]int64, error) {
	return revoke(ctx, q, sqlLivingCredentials, ids, now)
}
