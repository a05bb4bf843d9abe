package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/fault"
)

// Account is somebody who can sign in.
type Account struct {
	ID           int64
	Login        string
	Name         string
	PasswordHash string
	Worker       int64
	Active       bool
	MustChange   bool
	LockedUntil  *time.Time
}

const sqlChargeAttempt = `
UPDATE account SET
  failed_count = CASE WHEN failed_count + 1 >= $2 THEN 0 ELSE failed_count + 1 END,
  locked_until = CASE WHEN failed_count + 1 >= $2 THEN $3::timestamptz ELSE NULL END
WHERE login = $1 AND (locked_until IS NULL OR locked_until <= $4::timestamptz)
RETURNING id, login, name, password_hash, COALESCE(worker_id, 0), status = 'active', must_change, locked_until`

const sqlLockedAccount = `
SELECT id, login, name, password_hash, COALESCE(worker_id, 0), status = 'active', must_change, locked_until FROM account WHERE login = $1`

// ChargeAttempt counts a sign-in attempt against the account before its
// password is looked at, so that many guesses at once cannot outrun the count.
// The attempt that reaches limit locks the account for the time given. ok is
// false when the account is locked already (the account is returned with
// LockedUntil) or there is none (its ID is 0).
func ChargeAttempt(ctx context.Context, q Querier, login string, limit int, lock time.Duration, now time.Time) (a Account, ok bool, err error) {
	scan := func(row pgx.Row) error {
		return row.Scan(&a.ID, &a.Login, &a.Name, &a.PasswordHash, &a.Worker, &a.Active, &a.MustChange, &a.LockedUntil)
	}
	err = scan(q.QueryRow(ctx, sqlChargeAttempt, login, limit, now.Add(lock), now))
	if err == nil {
		return a, true, nil
	}
	if errors.Is(err, pgx.ErrNoRows) {
		err = scan(q.QueryRow(ctx, sqlLockedAccount, login))
		if errors.Is(err, pgx.ErrNoRows) {
			return Account{}, false, nil
		}
	}
	if err != nil {
		return Account{}, false, fmt.Errorf("read the account: %w", err)
	}
	return a, false, nil
}

const sqlForgiveAttempts = `UPDATE account SET failed_count = 0, locked_until = NULL WHERE id = $1`

// ForgiveAttempts clears the count after a good password.
func ForgiveAttempts(ctx context.Context, q Querier, account int64) error {
	if _, err := q.Exec(ctx, sqlForgiveAttempts, account); err != nil {
		return fmt.Errorf("clear the failed attempts: %w", err)
	}
	return nil
}

const sqlAccountByLogin = `
SELECT id, login, name, password_hash, COALESCE(worker_id, 0), status = 'active', must_change, locked_until FROM account WHERE login = $1`

// AccountByLogin returns one account.
func AccountByLogin(ctx context.Context, q Querier, login string) (Account, error) {
	return oneAccount(q.QueryRow(ctx, sqlAccountByLogin, login))
}

func oneAccount(row pgx.Row) (Account, error) {
	var a Account
	err := row.Scan(&a.ID, &a.Login, &a.Name, &a.PasswordHash, &a.Worker, &a.Active, &a.MustChange, &a.LockedUntil)
	if errors.Is(err, pgx.ErrNoRows) {
		return a, fault.New(fault.Missing, "没有这个账号")
	}
	if err != nil {
		return a, fmt.Errorf("read the account: %w", err)
	}
	return a, nil
}

const sqlInsertAccount = `
INSERT INTO account (login, name, password_hash, worker_id, must_change) VALUES ($1, $2, $3, NULLIF($4::bigint, 0), $5) RETURNING id`

// InsertAccount adds an account; a login that is taken is a conflict.
func InsertAccount(ctx context.Context, q Querier, a Account) (int64, error) {
	var id int64
	err := q.QueryRow(ctx, sqlInsertAccount, a.Login, a.Name, a.PasswordHash, a.Worker, a.MustChange).Scan(&id)
	if Violates(err, "account_login_key") {
		return 0, fault.Because(err, fault.Conflict, "登录名已被使用")
	}
	if err != nil {
		return 0, fmt.Errorf("add the account: %w", err)
	}
	return id, nil
}

const sqlSetPassword = `
UPDATE account SET password_hash = $2, must_change = $3, password_at = now(), failed_count = 0, locked_until = NULL WHERE id = $1`

// SetPassword stores a new password hash and lifts a lock.
func SetPassword(ctx context.Context, q Querier, account int64, hash string, mustChange bool) error {
	if _, err := q.Exec(ctx, sqlSetPassword, account, hash, mustChange); err != nil {
		return fmt.Errorf("store the password: %w", err)
	}
	return nil
}

const sqlAddPost = `INSERT INTO account_post (account_id, org_id, role) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`

// AddPost gives the account a role on an organisation.
func AddPost(ctx context.Context, q Querier, account, org int64, role access.Role) error {
	if _, err := q.Exec(ctx, sqlAddPost, account, org, string(role)); err != nil {
		return fmt.Errorf("add the post: %w", err)
	}
	return nil
}

const sqlPosts = `
SELECT p.org_id AS org, o.path, o.region_id AS region, o.name, p.role
FROM account_post p JOIN org o ON o.id = p.org_id
WHERE p.account_id = $1 AND p.valid_from <= current_date AND (p.valid_to IS NULL OR p.valid_to >= current_date)
ORDER BY o.path, p.role`

// Posts returns the account's posts in force.
func Posts(ctx context.Context, q Querier, account int64) ([]access.Post, error) {
	rows, err := q.Query(ctx, sqlPosts, account)
	if err != nil {
		return nil, fmt.Errorf("read the posts: %w", err)
	}
	posts, err := pgx.CollectRows(rows, pgx.RowToStructByName[access.Post])
	if err != nil {
		return nil, fmt.Errorf("read the posts: %w", err)
	}
	return posts, nil
}

const sqlOrgByCode = `SELECT id FROM org WHERE valid_to IS NULL AND (code = $1 OR name = $1) ORDER BY (code = $1) DESC, length(path) LIMIT 1`

const sqlRootOrg = `SELECT id FROM org WHERE valid_to IS NULL ORDER BY length(path), id LIMIT 1`

// OrgByCode finds a living organisation by its code or name; "" is the topmost one.
func OrgByCode(ctx context.Context, q Querier, code string) (int64, error) {
	var id int64
	err := q.QueryRow(ctx, sqlOrgByCode, code).Scan(&id)
	if code == "" {
		err = q.QueryRow(ctx, sqlRootOrg).Scan(&id)
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, fault.New(fault.Missing, "没有这个组织机构：%s", code)
	}
	if err != nil {
		return 0, fmt.Errorf("find the organisation: %w", err)
	}
	return id, nil
}

// AccountRow is an account in the administrator's list.
type AccountRow struct {
	ID          int64         `json:"id"`
	Login       string        `json:"login"`
	Name        string        `json:"name"`
	Worker      *int64        `json:"worker,omitempty"`
	Status      string        `json:"status"`
	MustChange  bool          `json:"must_change"`
	LockedUntil *time.Time    `json:"locked_until,omitempty"`
	LastUsed    *time.Time    `json:"last_used,omitempty"`
	Posts       []access.Post `json:"posts"`
}

const sqlListAccounts = `
SELECT a.id, a.login, a.name, a.worker_id AS worker, a.status, a.must_change, a.locked_until,
  (SELECT max(c.used_at) FROM credential c WHERE c.account_id = a.id) AS last_used,
  COALESCE((SELECT jsonb_agg(jsonb_build_object('org', o.id, 'path', o.path, 'region', o.region_id, 'name', o.name, 'role', p.role) ORDER BY o.path)
    FROM account_post p JOIN org o ON o.id = p.org_id WHERE p.account_id = a.id AND p.valid_to IS NULL), '[]') AS posts
FROM account a
WHERE a.id > $2 AND EXISTS (SELECT FROM account_post p JOIN org o ON o.id = p.org_id WHERE p.account_id = a.id AND o.path LIKE ANY ($1))
ORDER BY a.id LIMIT $3`

// ListAccounts returns accounts that hold a post inside the scope, by id after the cursor.
func ListAccounts(ctx context.Context, q Querier, scope []string, after int64, limit int) ([]AccountRow, error) {
	rows, err := q.Query(ctx, sqlListAccounts, Under(scope), after, limit)
	if err != nil {
		return nil, fmt.Errorf("list the accounts: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[AccountRow])
	if err != nil {
		return nil, fmt.Errorf("list the accounts: %w", err)
	}
	return list, nil
}

const sqlOrgPath = `SELECT path FROM org WHERE id = $1 AND valid_to IS NULL`

// OrgPlace returns the path of a living organisation.
func OrgPlace(ctx context.Context, q Querier, id int64) (string, error) {
	var path string
	err := q.QueryRow(ctx, sqlOrgPath, id).Scan(&path)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", fault.New(fault.Missing, "没有这个组织机构")
	}
	if err != nil {
		return "", fmt.Errorf("find the organisation: %w", err)
	}
	return path, nil
}
