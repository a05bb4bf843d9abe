package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/journal"
)

const sqlTakeJournalNumber = `UPDATE region SET seq = seq + 1 WHERE id = $1 RETURNING seq, head, clock_timestamp()`

const sqlInsertJournal = `
INSERT INTO journal (region_id, seq, at, kind, subject, org_path, parties, actor, body, digest, prev, hash)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`

const sqlMoveJournalHead = `UPDATE region SET head = $2 WHERE id = $1`

// AppendJournal gives e the next number of its region's journal, chains and
// stores it. The region's row stays locked until the transaction ends: take it
// last, so that it is held for one insert, and in ascending id when a command
// writes into several regions. The instant is the database's, taken under the
// lock, so that numbers and times rise together.
func AppendJournal(ctx context.Context, tx pgx.Tx, region int64, e journal.Entry) (journal.Entry, error) {
	var (
		seq  int64
		head []byte
		at   time.Time
	)
	err := tx.QueryRow(ctx, sqlTakeJournalNumber, region).Scan(&seq, &head, &at)
	if errors.Is(err, pgx.ErrNoRows) {
		return e, fmt.Errorf("append to the journal: organisation %d is no region", region)
	}
	if err != nil {
		return e, fmt.Errorf("append to the journal: %w", err)
	}
	e.Region = region
	if e.Parties == nil {
		e.Parties = []string{}
	}
	e = e.Seal(seq, at, [32]byte(head))
	var actor *int64
	if e.Actor != 0 {
		actor = &e.Actor
	}
	if _, err := tx.Exec(ctx, sqlInsertJournal, e.Region, e.Seq, e.At, e.Kind, e.Subject, e.OrgPath, e.Parties, actor,
		[]byte(e.Body), e.Digest[:], e.Prev[:], e.Hash[:]); err != nil {
		return e, fmt.Errorf("append to the journal: %w", err)
	}
	if _, err := tx.Exec(ctx, sqlMoveJournalHead, e.Region, e.Hash[:]); err != nil {
		return e, fmt.Errorf("append to the journal: %w", err)
	}
	return e, nil
}

const sqlReadJournal = `
SELECT region_id, seq, at, kind, subject, org_path, parties, COALESCE(actor, 0), body, digest, prev, hash
FROM journal WHERE region_id = $1 AND seq > $2 ORDER BY seq LIMIT $3`

// ReadJournal returns at most limit entries of the region's journal after the
// number after, oldest first, whoever may see them.
func ReadJournal(ctx context.Context, q Querier, region, after int64, limit int) ([]journal.Entry, error) {
	return collectJournal(ctx, q, sqlReadJournal, region, after, limit)
}

const sqlReadJournalScoped = `
SELECT region_id, seq, at, kind, subject, org_path, parties, COALESCE(actor, 0), body, digest, prev, hash
FROM journal
WHERE region_id = $1 AND seq > $2 AND seq < $3
  AND (org_path LIKE ANY ($4) OR kind = 'territory.changed' OR EXISTS (SELECT FROM unnest(parties) p WHERE p LIKE ANY ($4)))
ORDER BY seq LIMIT $5`

const sqlReadJournalScopedBack = `
SELECT region_id, seq, at, kind, subject, org_path, parties, COALESCE(actor, 0), body, digest, prev, hash
FROM journal
WHERE region_id = $1 AND seq > $2 AND seq < $3
  AND (org_path LIKE ANY ($4) OR kind = 'territory.changed' OR EXISTS (SELECT FROM unnest(parties) p WHERE p LIKE ANY ($4)))
ORDER BY seq DESC LIMIT $5`

// ReadJournalScoped returns entries between the numbers after and before
// (exclusive) that the scope may see, oldest first: the newest limit of them
// when back is set, otherwise the oldest.
func ReadJournalScoped(ctx context.Context, q Querier, region, after, before int64, scope []string, limit int, back bool) ([]journal.Entry, error) {
	if !back {
		return collectJournal(ctx, q, sqlReadJournalScoped, region, after, before, Under(scope), limit)
	}
	list, err := collectJournal(ctx, q, sqlReadJournalScopedBack, region, after, before, Under(scope), limit)
	for i, j := 0, len(list)-1; i < j; i, j = i+1, j-1 {
		list[i], list[j] = list[j], list[i]
	}
	return list, err
}

const sqlReadJournalSubject = `
SELECT region_id, seq, at, kind, subject, org_path, parties, COALESCE(actor, 0), body, digest, prev, hash
FROM journal WHERE subject = $1 ORDER BY seq LIMIT $2`

// ReadJournalOf returns the entries about one subject, oldest first.
func ReadJournalOf(ctx context.Context, q Querier, subject string, limit int) ([]journal.Entry, error) {
	return collectJournal(ctx, q, sqlReadJournalSubject, subject, limit)
}

func collectJournal(ctx context.Context, q Querier, sql string, args ...any) ([]journal.Entry, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("read the journal: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (journal.Entry, error) {
		var (
			e                        journal.Entry
			body, digest, prev, hash []byte
		)
		err := row.Scan(&e.Region, &e.Seq, &e.At, &e.Kind, &e.Subject, &e.OrgPath, &e.Parties, &e.Actor, &body, &digest, &prev, &hash)
		if err != nil {
			return e, err
		}
		if len(digest) != 32 || len(prev) != 32 || len(hash) != 32 {
			return e, fmt.Errorf("entry %d of region %d has a hash of the wrong length", e.Seq, e.Region)
		}
		e.At, e.Body = e.At.UTC(), body
		e.Digest, e.Prev, e.Hash = [32]byte(digest), [32]byte(prev), [32]byte(hash)
		return e, nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the journal: %w", err)
	}
	return list, nil
}

// Region is a journal's head: the number of its newest entry, and the epoch
// that tells one database's numbers from another's.
type Region struct {
	ID    int64
	Path  string
	Name  string
	Seq   int64
	Head  []byte
	Epoch string
}

const sqlRegions = `SELECT r.id, o.path, o.name, r.seq, r.head, r.epoch::text AS epoch FROM region r JOIN org o ON o.id = r.id ORDER BY r.id`

// Regions returns every region, by id.
func Regions(ctx context.Context, q Querier) ([]Region, error) {
	rows, err := q.Query(ctx, sqlRegions)
	if err != nil {
		return nil, fmt.Errorf("read the regions: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[Region])
	if err != nil {
		return nil, fmt.Errorf("read the regions: %w", err)
	}
	return list, nil
}

const sqlJournalHead = `SELECT seq, head FROM region WHERE id = $1`

// VerifyJournal reads the region's whole journal and checks numbers, links,
// hashes and the bodies that are still there against each other and against
// the region's head. It returns how many entries are good.
func VerifyJournal(ctx context.Context, q Querier, region int64) (int64, error) {
	var (
		seq, last int64
		head      []byte
		prev      [32]byte
	)
	if err := q.QueryRow(ctx, sqlJournalHead, region).Scan(&seq, &head); err != nil {
		return 0, fmt.Errorf("read the head of region %d: %w", region, err)
	}
	for {
		batch, err := ReadJournal(ctx, q, region, last, 1000)
		if err != nil {
			return last, err
		}
		for _, e := range batch {
			if e.Seq > seq {
				return last, nil // written after we read the head
			}
			if err := e.Verify(last, prev); err != nil {
				return last, err
			}
			last, prev = e.Seq, e.Hash
		}
		if last == seq {
			break
		}
		if len(batch) == 0 {
			return last, fmt.Errorf("journal of region %d: ends at %d, its head says %d", region, last, seq)
		}
	}
	if prev != [32]byte(head) {
		return last, fmt.Errorf("journal of region %d: the head is not the hash of entry %d", region, last)
	}
	return last, nil
}

// Under turns organisation paths into LIKE patterns for "this organisation and
// all below it". No paths match nothing. Paths hold digits and dots only.
func Under(scope []string) []string {
	patterns := make([]string, len(scope))
	for i, path := range scope {
		patterns[i] = path + "%"
	}
	return patterns
}
