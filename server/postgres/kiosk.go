package postgres

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/fault"
)

// Kiosk is a screen on the wall.
type Kiosk struct {
	ID        int64      `json:"id"`
	Org       int64      `json:"org"`
	OrgPath   string     `json:"-"`
	OrgName   string     `json:"org_name"`
	Name      string     `json:"name"`
	CIDR      string     `json:"cidr,omitempty"`
	CreatedAt time.Time  `json:"created_at"`
	RevokedAt *time.Time `json:"revoked_at,omitempty"`
	LastSeen  *time.Time `json:"seen_at,omitempty"`
	Status    string     `json:"status"` // active or revoked
	Paired    bool       `json:"paired"`
}

const kioskColumns = `
SELECT k.id, k.org_id AS org, o.path AS org_path, o.name AS org_name, k.name, COALESCE(k.cidr::text, '') AS cidr, k.created_at, k.revoked_at, k.last_seen, CASE WHEN k.revoked_at IS NULL THEN 'active' ELSE 'revoked' END AS status,
  EXISTS (SELECT FROM credential c WHERE c.kiosk_id = k.id AND c.revoked_at IS NULL) AS paired
FROM kiosk k JOIN org o ON o.id = k.org_id`

const sqlListKiosks = kioskColumns + ` WHERE o.path LIKE ANY ($1) ORDER BY k.revoked_at IS NOT NULL, k.id`

const sqlKioskByID = kioskColumns + ` WHERE k.id = $1`

// ListKiosks returns the wall screens of the scope, revoked ones last.
func ListKiosks(ctx context.Context, q Querier, scope []string) ([]Kiosk, error) {
	return collectKiosks(ctx, q, sqlListKiosks, Under(scope))
}

// KioskByID returns one wall screen.
func KioskByID(ctx context.Context, q Querier, id int64) (Kiosk, error) {
	list, err := collectKiosks(ctx, q, sqlKioskByID, id)
	if err == nil && len(list) == 0 {
		err = fault.New(fault.Missing, "没有这块大屏，或者不在您的管辖范围")
	}
	if err != nil {
		return Kiosk{}, err
	}
	return list[0], nil
}

func collectKiosks(ctx context.Context, q Querier, sql string, args ...any) ([]Kiosk, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("read the kiosks: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[Kiosk])
	if err != nil {
		return nil, fmt.Errorf("read the kiosks: %w", err)
	}
	return list, nil
}

const sqlInsertKiosk = `INSERT INTO kiosk (org_id, name, cidr, created_by) VALUES ($1, $2, $3, $4) RETURNING id`

// InsertKiosk adds a wall screen that is not paired yet.
func InsertKiosk(ctx context.Context, q Querier, org int64, name string, cidr *netip.Prefix, by int64) (int64, error) {
	var id int64
	if err := q.QueryRow(ctx, sqlInsertKiosk, org, name, cidr, by).Scan(&id); err != nil {
		return 0, fmt.Errorf("add the kiosk: %w", err)
	}
	return id, nil
}

const sqlInsertPairing = `INSERT INTO kiosk_pairing (code_hash, kiosk_id, expires_at) VALUES ($1, $2, $3)`

const sqlEndPairings = `UPDATE kiosk_pairing SET used_at = $2 WHERE kiosk_id = $1 AND used_at IS NULL`

// InsertPairing stores a one-time code's hash; earlier codes of the kiosk end.
func InsertPairing(ctx context.Context, q Querier, kiosk int64, hash [32]byte, now, expires time.Time) error {
	if _, err := q.Exec(ctx, sqlEndPairings, kiosk, now); err != nil {
		return fmt.Errorf("end the earlier pairing codes: %w", err)
	}
	if _, err := q.Exec(ctx, sqlInsertPairing, hash[:], kiosk, expires); err != nil {
		return fmt.Errorf("store the pairing code: %w", err)
	}
	return nil
}

const sqlTakePairing = `
UPDATE kiosk_pairing p SET used_at = $2 FROM kiosk k
WHERE p.code_hash = $1 AND p.used_at IS NULL AND p.expires_at > $2 AND p.attempts < $3 AND k.id = p.kiosk_id AND k.revoked_at IS NULL
  AND (k.cidr IS NULL OR k.cidr >>= $4::inet)
RETURNING p.kiosk_id`

const sqlCountPairingFailure = `UPDATE kiosk_pairing SET attempts = attempts + 1 WHERE used_at IS NULL AND expires_at > $1`

// TakePairing uses up the code with this hash and returns its kiosk. A wrong
// code counts against every open code, so that guessing ends them all.
func TakePairing(ctx context.Context, q Querier, hash [32]byte, from netip.Addr, maxAttempts int, now time.Time) (kiosk int64, ok bool, err error) {
	err = q.QueryRow(ctx, sqlTakePairing, hash[:], now, maxAttempts, netip.PrefixFrom(from, from.BitLen())).Scan(&kiosk)
	if errors.Is(err, pgx.ErrNoRows) {
		if _, err := q.Exec(ctx, sqlCountPairingFailure, now); err != nil {
			return 0, false, fmt.Errorf("count the pairing attempt: %w", err)
		}
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("use the pairing code: %w", err)
	}
	return kiosk, true, nil
}

const sqlRevokeKioskRow = `UPDATE kiosk SET revoked_at = now() WHERE id = $1 AND revoked_at IS NULL`

// RevokeKiosk takes a wall screen out of service; its credentials are revoked apart.
func RevokeKiosk(ctx context.Context, q Querier, id int64) error {
	if _, err := q.Exec(ctx, sqlRevokeKioskRow, id); err != nil {
		return fmt.Errorf("revoke the kiosk: %w", err)
	}
	return nil
}
