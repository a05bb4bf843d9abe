package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/journal"
)

// NewDelivery is something to be told to a channel. Region 0 is a message on trial.
type NewDelivery struct {
	ID        uuid.UUID
	Channel   int64
	Region    int64
	Seq       int64
	Kind      string
	Subject   string
	CaseNo    string
	Digest    []byte
	TokenHash []byte
}

const sqlCourierBehind = `
SELECT r.id FROM region r LEFT JOIN courier_cursor c ON c.region_id = r.id WHERE c.seq IS DISTINCT FROM r.seq AND r.seq > COALESCE(c.seq, 0) ORDER BY r.id`

// CourierBehind returns the regions whose journals hold entries that no courier has read.
func CourierBehind(ctx context.Context, q Querier) ([]int64, error) {
	rows, err := q.Query(ctx, sqlCourierBehind)
	if err != nil {
		return nil, fmt.Errorf("look for unread journals: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, fmt.Errorf("look for unread journals: %w", err)
	}
	return list, nil
}

const sqlMakeCourierCursor = `INSERT INTO courier_cursor (region_id, seq) VALUES ($1, 0) ON CONFLICT DO NOTHING`

const sqlTakeCourierCursor = `SELECT seq FROM courier_cursor WHERE region_id = $1 FOR UPDATE SKIP LOCKED`

const sqlMoveCourierCursor = `UPDATE courier_cursor SET seq = $2 WHERE region_id = $1`

// The same fact may stand in the journals of two regions; a channel above both is told once.
const sqlInsertDelivery = `
INSERT INTO delivery (id, channel_id, region_id, seq, kind, subject, case_no, digest, token_hash, next_at, created_at)
SELECT $1, $2, NULLIF($3::bigint, 0), NULLIF($4::bigint, 0), $5, $6, $7, $8, $9, $10, $10
WHERE $8::bytea IS NULL OR NOT EXISTS (SELECT FROM delivery d WHERE d.channel_id = $2 AND d.digest = $8 AND d.kind = $5 AND d.subject = $6 AND d.region_id <> $3)
ON CONFLICT (channel_id, region_id, seq) DO NOTHING`

const sqlRegionSeq = `SELECT seq FROM region WHERE id = $1`

// CollectDeliveries reads at most limit entries of the region's journal after
// the courier's cursor, asks want which channels are told what, stores that and
// moves the cursor, all in one transaction: each entry becomes deliveries
// exactly once, however many nodes try and whenever one of them dies. It
// returns how many entries it passed; none when another node is reading.
//
// The entries are read before the channels: a channel that is not seen yet was
// made after them and is not owed them.
func (db *DB) CollectDeliveries(ctx context.Context, region int64, limit int, now time.Time, want func(context.Context, Querier, journal.Entry, []Channel) ([]NewDelivery, error)) (passed, stored int, err error) {
	err = db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, sqlMakeCourierCursor, region); err != nil {
			return fmt.Errorf("make the courier's cursor: %w", err)
		}
		var after, head int64
		err := tx.QueryRow(ctx, sqlTakeCourierCursor, region).Scan(&after)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("take the courier's cursor: %w", err)
		}
		if err := tx.QueryRow(ctx, sqlRegionSeq, region).Scan(&head); err != nil {
			return fmt.Errorf("read the head of region %d: %w", region, err)
		}
		channels, err := collectChannels(ctx, tx, sqlSendingChannels)
		if err != nil {
			return err
		}
		if len(channels) > 0 {
			entries, err := ReadJournal(ctx, tx, region, after, limit)
			if err != nil {
				return err
			}
			if len(entries) > 0 && entries[len(entries)-1].Seq < head {
				head = entries[len(entries)-1].Seq
			}
			for _, e := range entries {
				if e.Seq > head { // written after the channels were read
					break
				}
				wanted, err := want(ctx, tx, e, channels)
				if err != nil {
					return err
				}
				for _, d := range wanted {
					n, err := insertDelivery(ctx, tx, d, now)
					if err != nil {
						return err
					}
					stored += n
				}
			}
		}
		passed = int(head - after)
		if _, err := tx.Exec(ctx, sqlMoveCourierCursor, region, head); err != nil {
			return fmt.Errorf("move the courier's cursor: %w", err)
		}
		return nil
	})
	if err != nil {
		return 0, 0, err
	}
	return passed, stored, nil
}

func insertDelivery(ctx context.Context, q Querier, d NewDelivery, now time.Time) (int, error) {
	tag, err := q.Exec(ctx, sqlInsertDelivery, d.ID, d.Channel, d.Region, d.Seq, d.Kind, d.Subject, d.CaseNo, d.Digest, d.TokenHash, now)
	if err != nil {
		return 0, fmt.Errorf("store the delivery: %w", err)
	}
	return int(tag.RowsAffected()), nil
}

// InsertTrial stores a message on trial.
func InsertTrial(ctx context.Context, q Querier, d NewDelivery, now time.Time) error {
	_, err := insertDelivery(ctx, q, d, now)
	return err
}

const sqlDueChannels = `
SELECT DISTINCT d.channel_id FROM delivery d JOIN channel c ON c.id = d.channel_id
WHERE d.state IN ('waiting','failed') AND d.next_at <= $1 AND (d.leased_until IS NULL OR d.leased_until < $1) AND c.retired_at IS NULL AND (c.enabled OR d.region_id IS NULL) ORDER BY 1`

// DueChannels returns the channels that have something to send now.
func DueChannels(ctx context.Context, q Querier, now time.Time) ([]int64, error) {
	rows, err := q.Query(ctx, sqlDueChannels, now)
	if err != nil {
		return nil, fmt.Errorf("look for due deliveries: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, fmt.Errorf("look for due deliveries: %w", err)
	}
	return list, nil
}

// Claim is a delivery that the caller sends now: nobody else does until the lease ends.
type Claim struct {
	ID        uuid.UUID
	Region    int64
	Seq       int64
	Kind      string
	Attempts  int16 // this one included; the receipt of the claim
	CreatedAt time.Time
}

// What was never tried goes first, so that news does not wait behind what a receiver refused before.
const sqlClaimDeliveries = `
WITH due AS (
  SELECT d.id FROM delivery d WHERE d.channel_id = $1 AND d.state IN ('waiting','failed') AND d.next_at <= $2 AND (d.leased_until IS NULL OR d.leased_until < $2)
    AND (d.region_id IS NULL OR EXISTS (SELECT FROM channel c WHERE c.id = d.channel_id AND c.enabled))
  ORDER BY d.attempts, d.next_at, d.seq LIMIT $4 FOR UPDATE SKIP LOCKED)
UPDATE delivery d SET attempts = d.attempts + 1, tries = d.tries + 1, tried_at = $2, leased_until = $3 FROM due WHERE d.id = due.id
RETURNING d.id, COALESCE(d.region_id, 0) AS region, COALESCE(d.seq, 0) AS seq, d.kind, d.attempts, d.created_at`

// ClaimDeliveries takes at most limit due deliveries of a channel for the time of the lease.
func ClaimDeliveries(ctx context.Context, q Querier, channel int64, now time.Time, lease time.Duration, limit int) ([]Claim, error) {
	rows, err := q.Query(ctx, sqlClaimDeliveries, channel, now, now.Add(lease), limit)
	if err != nil {
		return nil, fmt.Errorf("claim deliveries: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[Claim])
	if err != nil {
		return nil, fmt.Errorf("claim deliveries: %w", err)
	}
	return list, nil
}

const sqlDeliverySent = `
UPDATE delivery SET state = 'sent', sent_at = $2, leased_until = NULL, last_error = $3, receipt = $4, token_hash = $5 WHERE id = $1 AND state IN ('waiting','failed')`

// DeliverySent notes that the receiver took it; note is what it complained of all the same.
func DeliverySent(ctx context.Context, q Querier, id uuid.UUID, now time.Time, note, receipt string, tokenHash []byte) error {
	if _, err := q.Exec(ctx, sqlDeliverySent, id, now, note, receipt, tokenHash); err != nil {
		return fmt.Errorf("note the delivery: %w", err)
	}
	return nil
}

const sqlDeliveryFailed = `
UPDATE delivery SET state = CASE WHEN $4::timestamptz IS NULL THEN 'dead' ELSE 'failed' END, next_at = COALESCE($4, next_at), leased_until = NULL, last_error = $3
WHERE id = $1 AND attempts = $2 AND state IN ('waiting','failed')`

// DeliveryFailed notes that an attempt failed and when the next one is; nil
// gives up. A claim whose lease ran out and was taken by another changes nothing.
func DeliveryFailed(ctx context.Context, q Querier, id uuid.UUID, attempt int16, public string, next *time.Time) error {
	if _, err := q.Exec(ctx, sqlDeliveryFailed, id, attempt, public, next); err != nil {
		return fmt.Errorf("note the failed delivery: %w", err)
	}
	return nil
}

const sqlJournalEntry = `
SELECT region_id, seq, at, kind, subject, org_path, parties, COALESCE(actor, 0), body, digest, prev, hash FROM journal WHERE region_id = $1 AND seq = $2`

// JournalEntry returns one entry.
func JournalEntry(ctx context.Context, q Querier, region, seq int64) (journal.Entry, error) {
	list, err := collectJournal(ctx, q, sqlJournalEntry, region, seq)
	if err != nil {
		return journal.Entry{}, err
	}
	if len(list) == 0 {
		return journal.Entry{}, fault.New(fault.Missing, "没有这条记录")
	}
	return list[0], nil
}

const sqlAckDelivery = `
UPDATE delivery SET state = 'acked', acked_at = COALESCE(acked_at, $2), acked_by = CASE WHEN acked_at IS NULL THEN $3 ELSE acked_by END, leased_until = NULL
WHERE token_hash = $1 RETURNING acked_at, case_no, kind`

// Ack is a receiver's acknowledgement.
type Ack struct {
	AckedAt time.Time
	CaseNo  string
	Kind    string
}

// AckDelivery notes that the receiver has read it; the first time counts. The
// receiver has it, so it is not sent again whatever our own line said.
func AckDelivery(ctx context.Context, q Querier, tokenHash []byte, now time.Time, by string) (Ack, error) {
	return oneAck(ctx, q, sqlAckDelivery, tokenHash, now, by)
}

const sqlDeliveryByToken = `SELECT COALESCE(acked_at, 'epoch'::timestamptz) AS acked_at, case_no, kind FROM delivery WHERE token_hash = $1`

// DeliveryByToken returns what a token acknowledges; AckedAt is the epoch when nobody has yet.
func DeliveryByToken(ctx context.Context, q Querier, tokenHash []byte) (Ack, error) {
	return oneAck(ctx, q, sqlDeliveryByToken, tokenHash)
}

func oneAck(ctx context.Context, q Querier, sql string, args ...any) (Ack, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return Ack{}, fmt.Errorf("look up the receipt: %w", err)
	}
	a, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[Ack])
	if errors.Is(err, pgx.ErrNoRows) {
		return Ack{}, fault.New(fault.Missing, "这个回执链接无效，或者已经过期")
	}
	if err != nil {
		return Ack{}, fmt.Errorf("look up the receipt: %w", err)
	}
	return a, nil
}

const sqlRetryDelivery = `
UPDATE delivery SET state = 'waiting', attempts = 0, next_at = $2, leased_until = NULL
WHERE id = $1 AND (state IN ('dead','failed') OR state = 'waiting' AND leased_until IS NULL)`

// RetryDelivery sends again at once what failed; it begins anew with its attempts.
func RetryDelivery(ctx context.Context, q Querier, id uuid.UUID, now time.Time) error {
	tag, err := q.Exec(ctx, sqlRetryDelivery, id, now)
	if err != nil {
		return fmt.Errorf("send the delivery again: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return fault.New(fault.Conflict, "这条消息已经送达或正在发送，不需要重发")
	}
	return nil
}

// Delivery is one message as the list shows it.
type Delivery struct {
	ID          uuid.UUID  `json:"id"`
	Channel     int64      `json:"channel"`
	ChannelName string     `json:"channel_name"`
	ChannelKind string     `json:"channel_kind"`
	OrgPath     string     `json:"-"`
	OrgName     string     `json:"org_name"`
	Region      int64      `json:"region,omitempty"`
	Seq         int64      `json:"seq,omitempty"`
	Kind        string     `json:"kind"`
	Subject     string     `json:"subject,omitempty"`
	CaseNo      string     `json:"case_no,omitempty"`
	State       string     `json:"state"`
	Attempts    int32      `json:"attempts"`
	NextAt      *time.Time `json:"next_at,omitempty"`
	LastError   string     `json:"last_error,omitempty"`
	Receipt     string     `json:"receipt,omitempty"`
	CreatedAt   time.Time  `json:"created_at"`
	TriedAt     *time.Time `json:"tried_at,omitempty"`
	SentAt      *time.Time `json:"sent_at,omitempty"`
	AckedAt     *time.Time `json:"acked_at,omitempty"`
	AckedBy     string     `json:"acked_by,omitempty"`
}

const deliveryColumns = `
SELECT d.id, d.channel_id AS channel, c.name AS channel_name, c.kind AS channel_kind, o.path AS org_path, o.name AS org_name, COALESCE(d.region_id, 0) AS region, COALESCE(d.seq, 0) AS seq,
  d.kind, d.subject, d.case_no, d.state, d.tries AS attempts, CASE WHEN d.state IN ('waiting','failed') THEN d.next_at END AS next_at, d.last_error, d.receipt, d.created_at, d.tried_at, d.sent_at, d.acked_at, d.acked_by
FROM delivery d JOIN channel c ON c.id = d.channel_id JOIN org o ON o.id = c.org_id`

const deliveryWhere = `
WHERE o.path LIKE ANY ($1) AND (cardinality($2::text[]) = 0 OR d.state = ANY ($2)) AND ($3::bigint IS NULL OR d.channel_id = $3) AND ($4 = '' OR d.subject = $4)
  AND ($5::timestamptz IS NULL OR d.created_at >= $5) AND ($6::timestamptz IS NULL OR d.created_at < $6) AND ($7 = '' OR d.kind LIKE $7 || '%' OR d.case_no ILIKE $7 || '%')`

const sqlListDeliveries = deliveryColumns + deliveryWhere + `
  AND ($8::timestamptz IS NULL OR (d.created_at, d.id) < ($8, $9::uuid)) ORDER BY d.created_at DESC, d.id DESC LIMIT $10`

const sqlCountDeliveries = `SELECT count(*) FROM delivery d JOIN channel c ON c.id = d.channel_id JOIN org o ON o.id = c.org_id` + deliveryWhere

const sqlDeliveryByID = deliveryColumns + ` WHERE d.id = $1`

// DeliveryFilter narrows the list of deliveries.
type DeliveryFilter struct {
	Scope    []string
	States   []string
	Channel  *int64
	Subject  string // an incident's id
	From, To *time.Time
	Q        string // how the kind or the case number begins
	BeforeAt *time.Time
	BeforeID *uuid.UUID
	Limit    int
}

func (f DeliveryFilter) args() []any {
	if f.States == nil {
		f.States = []string{}
	}
	return []any{Under(f.Scope), f.States, f.Channel, f.Subject, f.From, f.To, likeText(f.Q)}
}

// ListDeliveries returns a page of deliveries, newest first, and how many there are.
func ListDeliveries(ctx context.Context, q Querier, f DeliveryFilter) ([]Delivery, int64, error) {
	list, err := collectDeliveries(ctx, q, sqlListDeliveries, append(f.args(), f.BeforeAt, f.BeforeID, f.Limit)...)
	if err != nil {
		return nil, 0, err
	}
	var total int64
	if err := q.QueryRow(ctx, sqlCountDeliveries, f.args()...).Scan(&total); err != nil {
		return nil, 0, fmt.Errorf("count deliveries: %w", err)
	}
	return list, total, nil
}

// DeliveryByID returns one delivery, whoever asks.
func DeliveryByID(ctx context.Context, q Querier, id uuid.UUID) (Delivery, error) {
	list, err := collectDeliveries(ctx, q, sqlDeliveryByID, id)
	if err == nil && len(list) == 0 {
		err = fault.New(fault.Missing, "没有这条消息，或者不在您的管辖范围")
	}
	if err != nil {
		return Delivery{}, err
	}
	return list[0], nil
}

func collectDeliveries(ctx context.Context, q Querier, sql string, args ...any) ([]Delivery, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("read deliveries: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[Delivery])
	if err != nil {
		return nil, fmt.Errorf("read deliveries: %w", err)
	}
	return list, nil
}

const sqlOldestWaiting = `
SELECT COALESCE(extract(epoch FROM $1 - min(d.created_at)), 0)::bigint FROM delivery d JOIN channel c ON c.id = d.channel_id WHERE d.state IN ('waiting','failed') AND c.enabled`

// OldestWaiting returns how long the oldest message has been waiting.
func OldestWaiting(ctx context.Context, q Querier, now time.Time) (time.Duration, error) {
	var seconds int64
	if err := q.QueryRow(ctx, sqlOldestWaiting, now).Scan(&seconds); err != nil {
		return 0, fmt.Errorf("look for the oldest message: %w", err)
	}
	return time.Duration(seconds) * time.Second, nil
}

const sqlForgetDeliveries = `DELETE FROM delivery WHERE id IN (SELECT id FROM delivery WHERE state IN ('sent','acked','dead') AND created_at < $1 LIMIT 10000)`

// ForgetDeliveries deletes what was settled and is older than before; at most ten thousand at a time.
func ForgetDeliveries(ctx context.Context, q Querier, before time.Time) (int64, error) {
	tag, err := q.Exec(ctx, sqlForgetDeliveries, before)
	if err != nil {
		return 0, fmt.Errorf("forget old deliveries: %w", err)
	}
	return tag.RowsAffected(), nil
}

const sqlDelicateIncident = `
SELECT COALESCE((SELECT i.sensitivity = 'high' OR COALESCE(c.sensitive, false) FROM incident i LEFT JOIN category c ON c.code = i.category WHERE i.id = $1::uuid), true)`

// DelicateIncident reports whether the case, as it stands now, is for few eyes
// only: by itself or by its category. One that is not found is.
func DelicateIncident(ctx context.Context, q Querier, id string) (bool, error) {
	if uuid.Validate(id) != nil {
		return true, nil
	}
	var yes bool
	if err := q.QueryRow(ctx, sqlDelicateIncident, id).Scan(&yes); err != nil {
		return true, fmt.Errorf("look up whether the case is delicate: %w", err)
	}
	return yes, nil
}
