package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/fault"
)

// Notice is a notice (通知公告) to an organisation and all below it.
type Notice struct {
	ID          uuid.UUID  `json:"id"`
	Region      int64      `json:"-"`
	Org         int64      `json:"org"`
	OrgName     string     `json:"org_name"`
	OrgPath     string     `json:"-"`
	By          int64      `json:"-"`
	ByName      string     `json:"by_name"`
	At          time.Time  `json:"at"`
	Kind        string     `json:"kind" enum:"notice,announcement,urgent"`
	Title       string     `json:"title"`
	Text        string     `json:"text"`
	NeedReceipt bool       `json:"need_read"`
	Top         bool       `json:"top"`
	ValidUntil  *time.Time `json:"valid_until,omitempty"`
	ReadAt      *time.Time `json:"read_at,omitempty" doc:"when the caller read it"`
	Reads       *int       `json:"read,omitempty" doc:"how many have read it; for who may post"`
	Readers     *int       `json:"count,omitempty" doc:"how many accounts it is for; for who may post"`
}

const sqlInsertNotice = `
INSERT INTO notice (id, region_id, org_id, by_account, by_name, at, kind, title, text, need_receipt, top, valid_until)
SELECT $1, o.region_id, o.id, $3, $4, $5, $6, $7, $8, $9, $10, $11 FROM org o WHERE o.id = $2 AND o.valid_to IS NULL AND o.path LIKE ANY ($12)`

// InsertNotice stores a notice to an organisation of the scope.
func InsertNotice(ctx context.Context, q Querier, n Notice, scope []string) error {
	tag, err := q.Exec(ctx, sqlInsertNotice, n.ID, n.Org, nonzero(n.By), n.ByName, n.At, n.Kind, n.Title, n.Text, n.NeedReceipt, n.Top, n.ValidUntil, Under(scope))
	if err != nil {
		return fmt.Errorf("store the notice: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return fault.New(fault.Missing, "没有这个机构，或者不在您的管辖范围")
	}
	return nil
}

// A notice is for every account with a post at or below its organisation.
const noticeColumns = `
SELECT n.id, n.region_id, n.org_id, o.name, o.path, COALESCE(n.by_account, 0), n.by_name, n.at, n.kind, n.title, n.text, n.need_receipt, n.top, n.valid_until, m.at,
  (SELECT count(*)::int FROM notice_read r WHERE r.notice_id = n.id),
  (SELECT count(DISTINCT p.account_id)::int FROM account_post p JOIN account a ON a.id = p.account_id AND a.status = 'active' JOIN org po ON po.id = p.org_id WHERE p.valid_to IS NULL AND po.path LIKE o.path || '%')
FROM notice n JOIN org o ON o.id = n.org_id LEFT JOIN notice_read m ON m.notice_id = n.id AND m.account_id = $1 `

const noticeVisible = `(n.by_account = $1 OR o.path LIKE ANY ($3) OR EXISTS (SELECT FROM unnest($2::text[]) AS mine (path) WHERE mine.path LIKE o.path || '%'))`

const sqlNotices = noticeColumns + `
WHERE ` + noticeVisible + ` AND ($4::timestamptz IS NULL OR (n.at, n.id) < ($4, $5::uuid)) AND (n.valid_until IS NULL OR n.valid_until > $6) AND ($7 = false OR m.at IS NULL)
ORDER BY n.at DESC, n.id DESC LIMIT $8`

const sqlNotice = noticeColumns + `WHERE n.id = $4 AND ` + noticeVisible

// NoticeReader is who asks for notices: by account, with the paths of its posts
// and those that it may post to.
type NoticeReader struct {
	Account int64
	Posts   []string
	Scope   []string
}

// Notices lists the notices that are for the reader or of the reader's scope and still hold, newest first.
func Notices(ctx context.Context, q Querier, who NoticeReader, at *time.Time, id *uuid.UUID, now time.Time, unread bool, limit int) ([]Notice, error) {
	return collectNotices(ctx, q, sqlNotices, who.Account, who.Posts, Under(who.Scope), at, id, now, unread, limit)
}

// NoticeByID returns one notice that the reader may read.
func NoticeByID(ctx context.Context, q Querier, who NoticeReader, id uuid.UUID) (Notice, error) {
	list, err := collectNotices(ctx, q, sqlNotice, who.Account, who.Posts, Under(who.Scope), id)
	if err == nil && len(list) == 0 {
		err = fault.New(fault.Missing, "没有这条通知，或者不是给您的")
	}
	if err != nil {
		return Notice{}, err
	}
	return list[0], nil
}

func collectNotices(ctx context.Context, q Querier, sql string, args ...any) ([]Notice, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("read the notices: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (n Notice, err error) {
		err = row.Scan(&n.ID, &n.Region, &n.Org, &n.OrgName, &n.OrgPath, &n.By, &n.ByName, &n.At, &n.Kind, &n.Title, &n.Text, &n.NeedReceipt, &n.Top, &n.ValidUntil, &n.ReadAt, &n.Reads, &n.Readers)
		n.At = n.At.UTC()
		return n, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the notices: %w", err)
	}
	return list, nil
}

const sqlReadNotice = `INSERT INTO notice_read (notice_id, account_id, at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`

// ReadNotice notes that an account has read a notice.
func ReadNotice(ctx context.Context, q Querier, id uuid.UUID, account int64, at time.Time) error {
	if _, err := q.Exec(ctx, sqlReadNotice, id, account, at); err != nil {
		return fmt.Errorf("note who read the notice: %w", err)
	}
	return nil
}

// Receipt is who has read a notice, and when.
type Receipt struct {
	Account int64      `json:"account"`
	Name    string     `json:"name"`
	OrgName string     `json:"org_name"`
	At      *time.Time `json:"at"`
}

const sqlReceipts = `
SELECT DISTINCT ON (a.id) a.id AS account, a.name, po.name AS org_name, r.at
FROM account_post p JOIN account a ON a.id = p.account_id AND a.status = 'active' JOIN org po ON po.id = p.org_id
LEFT JOIN notice_read r ON r.notice_id = $1 AND r.account_id = a.id
WHERE p.valid_to IS NULL AND po.path LIKE (SELECT o.path FROM notice n JOIN org o ON o.id = n.org_id WHERE n.id = $1) || '%' AND po.path LIKE ANY ($2)
ORDER BY a.id, po.path LIMIT 2000`

// Receipts lists whom of the scope a notice is for, with when they read it.
func Receipts(ctx context.Context, q Querier, id uuid.UUID, scope []string) ([]Receipt, error) {
	rows, err := q.Query(ctx, sqlReceipts, id, Under(scope))
	if err != nil {
		return nil, fmt.Errorf("list who read the notice: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[Receipt])
	if err != nil {
		return nil, fmt.Errorf("list who read the notice: %w", err)
	}
	return list, nil
}

const sqlPathsBelow = `SELECT path FROM org WHERE path LIKE $1 || '%' AND path <> $1 AND valid_to IS NULL ORDER BY path LIMIT 2000`

// PathsBelow lists the organisations below a path.
func PathsBelow(ctx context.Context, q Querier, path string) ([]string, error) {
	rows, err := q.Query(ctx, sqlPathsBelow, path)
	if err != nil {
		return nil, fmt.Errorf("list the organisations below: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("list the organisations below: %w", err)
	}
	return list, nil
}
