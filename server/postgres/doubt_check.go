package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/patrol"
)

// DoubtDays is how far back a changed day is looked at again.
const DoubtDays = 35

const sqlDoubtChecksDue = `
SELECT p.region_id, p.worker_id, p.day FROM patrol_day p JOIN worker w ON w.id = p.worker_id AND w.kind = 'person'
LEFT JOIN doubt_check c ON c.region_id = p.region_id AND c.worker_id = p.worker_id AND c.day = p.day
WHERE p.seq > 0 AND p.day >= $1 AND (c.checked_at IS NULL OR c.checked_at < p.computed_at) ORDER BY p.day, p.region_id, p.worker_id LIMIT $2`

// DoubtChecksDue lists days since the given one whose measures are newer than the last look for doubts.
func DoubtChecksDue(ctx context.Context, q Querier, since time.Time, limit int) ([]WorkerDay, error) {
	rows, err := q.Query(ctx, sqlDoubtChecksDue, dayDate(since), limit)
	if err != nil {
		return nil, fmt.Errorf("list the days to look at: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (d WorkerDay, err error) {
		var day time.Time
		err = row.Scan(&d.Region, &d.Worker, &day)
		d.Day = midnightOf(day)
		return d, err
	})
	if err != nil {
		return nil, fmt.Errorf("list the days to look at: %w", err)
	}
	return list, nil
}

const sqlDoubtCheck = `SELECT partners FROM doubt_check WHERE region_id = $1 AND worker_id = $2 AND day = $3`

const sqlPutDoubtCheck = `
INSERT INTO doubt_check (region_id, worker_id, day, score, codes, partners, fixes, rule_version, checked_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (region_id, worker_id, day) DO UPDATE SET score = $4, codes = $5, partners = $6, fixes = $7, rule_version = $8, checked_at = $9`

const sqlAgainDoubtChecks = `UPDATE doubt_check SET checked_at = '-infinity' WHERE region_id = $1 AND day = $2 AND worker_id = ANY ($3)`

// DoubtCheck is what a look at a day came to.
type DoubtCheck struct {
	WorkerDay
	Score       int
	Codes       []string
	Partners    []int64 // whose days are the same
	Fixes       int
	RuleVersion string
	At          time.Time
}

// PutDoubtCheck notes the look. Whoever has become the same as this worker's
// day, or is no more, is looked at again.
func PutDoubtCheck(ctx context.Context, tx pgx.Tx, c DoubtCheck) error {
	var before []int64
	if err := tx.QueryRow(ctx, sqlDoubtCheck, c.Region, c.Worker, dayDate(c.Day)).Scan(&before); err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("read the last look: %w", err)
	}
	was, is := map[int64]bool{}, map[int64]bool{}
	for _, w := range before {
		was[w] = true
	}
	var changed []int64
	for _, w := range c.Partners {
		is[w] = true
		if !was[w] {
			changed = append(changed, w)
		}
	}
	for _, w := range before {
		if !is[w] {
			changed = append(changed, w)
		}
	}
	if c.Partners == nil {
		c.Partners = []int64{}
	}
	if c.Codes == nil {
		c.Codes = []string{}
	}
	if _, err := tx.Exec(ctx, sqlPutDoubtCheck, c.Region, c.Worker, dayDate(c.Day), c.Score, c.Codes, c.Partners, c.Fixes, c.RuleVersion, c.At); err != nil {
		return fmt.Errorf("note the look: %w", err)
	}
	if len(changed) > 0 {
		if _, err := tx.Exec(ctx, sqlAgainDoubtChecks, c.Region, dayDate(c.Day), changed); err != nil {
			return fmt.Errorf("ask for another look: %w", err)
		}
	}
	return nil
}

// Lag is from the newest fix of an upload to its coming.
const sqlArrivals = `
SELECT device_id, (extract(epoch FROM received_at) * 1000)::bigint, (extract(epoch FROM received_at - max(at)) * 1000)::bigint
FROM fix WHERE region_id = $1 AND worker_id = $2 AND at >= $3 AND at < $4 GROUP BY device_id, received_at ORDER BY received_at, device_id`

// Arrivals returns the uploads that fixes of [from, to) came with, while the raw fixes are kept.
func Arrivals(ctx context.Context, q Querier, region, worker int64, from, to time.Time) ([]patrol.Arrival, error) {
	rows, err := q.Query(ctx, sqlArrivals, region, worker, from, to)
	if err != nil {
		return nil, fmt.Errorf("read the uploads: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[patrol.Arrival])
	if err != nil {
		return nil, fmt.Errorf("read the uploads: %w", err)
	}
	return list, nil
}

const sqlPhoneUses = `
SELECT o.worker_id, w.name, o.first_at, o.last_at, m.first_at, m.last_at FROM phone_use m JOIN phone_use o ON o.day = m.day AND o.phone = m.phone AND o.worker_id <> m.worker_id
JOIN worker w ON w.id = o.worker_id WHERE m.worker_id = $1 AND m.day = $2 ORDER BY o.first_at, o.worker_id`

// PhoneUses returns who else reported with the worker's phones on the day.
func PhoneUses(ctx context.Context, q Querier, worker int64, day time.Time) ([]patrol.PhoneUse, error) {
	rows, err := q.Query(ctx, sqlPhoneUses, worker, dayDate(day))
	if err != nil {
		return nil, fmt.Errorf("read who used the phone: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[patrol.PhoneUse])
	if err != nil {
		return nil, fmt.Errorf("read who used the phone: %w", err)
	}
	return list, nil
}

const sqlPhotoSpots = `
SELECT v.id, v.arrived_at, COALESCE(v.target_geom, v.geom), a.geom FROM visit v JOIN attachment a ON a.visit_id = v.id
WHERE v.region_id = $1 AND v.worker_id = $2 AND v.arrived_at >= $3 AND v.arrived_at < $4 AND a.geom IS NOT NULL AND COALESCE(v.target_geom, v.geom) IS NOT NULL
  AND v.method IN ('onsite','group') ORDER BY v.arrived_at, a.id`

// PhotoSpots returns where the photos of visits of [from, to) were taken.
func PhotoSpots(ctx context.Context, q Querier, region, worker int64, from, to time.Time) ([]patrol.PhotoSpot, error) {
	rows, err := q.Query(ctx, sqlPhotoSpots, region, worker, from, to)
	if err != nil {
		return nil, fmt.Errorf("read where photos were taken: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (p patrol.PhotoSpot, err error) {
		var where, photo *orb.Point
		if err = row.Scan(&p.Visit, &p.At, &where, &photo); err == nil {
			p.Where, p.Photo = *where, *photo
		}
		return p, err
	})
	if err != nil {
		return nil, fmt.Errorf("read where photos were taken: %w", err)
	}
	return list, nil
}

const sqlPutSignature = `INSERT INTO track_signature (region_id, worker_id, day, body) VALUES ($1, $2, $3, $4) ON CONFLICT (region_id, day, worker_id) DO UPDATE SET body = $4`

// PutSignature keeps a day's signature.
func PutSignature(ctx context.Context, q Querier, d WorkerDay, s patrol.Signature) error {
	body, err := s.AppendBinary(nil)
	if err == nil {
		_, err = q.Exec(ctx, sqlPutSignature, d.Region, d.Worker, dayDate(d.Day), body)
	}
	if err != nil {
		return fmt.Errorf("keep a signature: %w", err)
	}
	return nil
}

// SignedDay is a worker's day with its signature.
type SignedDay struct {
	Worker    int64
	Name      string
	Day       time.Time
	Signature patrol.Signature
}

const sqlEarlierSignatures = `
SELECT s.worker_id, w.name, s.day, s.body FROM track_signature s JOIN worker w ON w.id = s.worker_id
WHERE s.region_id = $1 AND s.worker_id = $2 AND s.day < $3 AND s.day >= $4 ORDER BY s.day DESC`

const sqlOthersSignatures = `
SELECT s.worker_id, w.name, s.day, s.body FROM track_signature s JOIN worker w ON w.id = s.worker_id
WHERE s.region_id = $1 AND s.worker_id <> $2 AND s.day = $3 AND w.kind = 'person' ORDER BY s.worker_id`

// EarlierSignatures returns the worker's days before, back to since.
func EarlierSignatures(ctx context.Context, q Querier, d WorkerDay, since time.Time) ([]SignedDay, error) {
	return signatures(ctx, q, sqlEarlierSignatures, d.Region, d.Worker, dayDate(d.Day), dayDate(since))
}

// OthersSignatures returns other people's tracks of the day in the region.
func OthersSignatures(ctx context.Context, q Querier, d WorkerDay) ([]SignedDay, error) {
	return signatures(ctx, q, sqlOthersSignatures, d.Region, d.Worker, dayDate(d.Day))
}

func signatures(ctx context.Context, q Querier, sql string, args ...any) ([]SignedDay, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("read signatures: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (s SignedDay, err error) {
		var day time.Time
		var body []byte
		if err = row.Scan(&s.Worker, &s.Name, &day, &body); err == nil {
			s.Day = midnightOf(day)
			err = s.Signature.UnmarshalBinary(body)
		}
		return s, err
	})
	if err != nil {
		return nil, fmt.Errorf("read signatures: %w", err)
	}
	return list, nil
}

// Whoever pays a visit together walks there and back together: half an hour around it.
const sqlJoints = `
SELECT 'companions', v.arrived_at - interval '30 minutes', v.left_at + interval '30 minutes' FROM visit v WHERE v.region_id = $1 AND v.arrived_at < $5 AND v.left_at >= $4
  AND (v.worker_id = $2 AND $3 = ANY (v.companions) OR v.worker_id = $3 AND $2 = ANY (v.companions))
UNION ALL SELECT 'one_order', GREATEST(a.issued_at, b.issued_at), LEAST(COALESCE(a.fed_back_at, a.ended_at, $5), COALESCE(b.fed_back_at, b.ended_at, $5))
  FROM dispatch_order a JOIN dispatch_order b ON b.incident_id = a.incident_id WHERE a.worker_id = $2 AND b.worker_id = $3 AND a.issued_at < $5 AND b.issued_at < $5
  AND COALESCE(a.fed_back_at, a.ended_at, $5) >= $4 AND COALESCE(b.fed_back_at, b.ended_at, $5) >= $4
UNION ALL SELECT 'one_team', GREATEST(a.starts_at, b.starts_at), LEAST(a.ends_at, b.ends_at)
  FROM shift a JOIN shift b ON b.org_id = a.org_id AND b.starts_at < a.ends_at AND b.ends_at > a.starts_at
  WHERE a.worker_id = $2 AND b.worker_id = $3 AND a.post = 'patrol_team' AND b.post = 'patrol_team' AND a.starts_at < $5 AND a.ends_at >= $4
ORDER BY 2, 1`

// Joint is a stretch for which something says that two people were together.
type Joint struct {
	Why      patrol.Together
	From, To time.Time
}

// Joints returns when two people were out together by what is on record.
func Joints(ctx context.Context, q Querier, region, a, b int64, from, to time.Time) ([]Joint, error) {
	rows, err := q.Query(ctx, sqlJoints, region, a, b, from, to)
	if err != nil {
		return nil, fmt.Errorf("read who was out together: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Joint])
	if err != nil {
		return nil, fmt.Errorf("read who was out together: %w", err)
	}
	return list, nil
}

const sqlVehiclesOut = `
SELECT w.id FROM worker w WHERE w.region_id = $1 AND w.kind = 'vehicle'
  AND EXISTS (SELECT FROM fix f WHERE f.region_id = w.region_id AND f.worker_id = w.id AND f.at >= $2 AND f.at < $3) ORDER BY w.id LIMIT 50`

// VehiclesOut lists the region's vehicles that reported in [from, to).
func VehiclesOut(ctx context.Context, q Querier, region int64, from, to time.Time) ([]int64, error) {
	rows, err := q.Query(ctx, sqlVehiclesOut, region, from, to)
	if err != nil {
		return nil, fmt.Errorf("list the vehicles: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, fmt.Errorf("list the vehicles: %w", err)
	}
	return list, nil
}

// What is older than the longest look back is no use any more.
const sqlForgetSignatures = `
WITH gone AS (DELETE FROM track_signature WHERE day < $1 RETURNING length(body) AS n) SELECT count(*), COALESCE(sum(n), 0)::bigint FROM gone`

const sqlForgetPhones = `DELETE FROM phone_use WHERE day < $1`

const sqlOldDoubts = `
SELECT d.id, d.score FROM doubt d WHERE d.erased_at IS NULL AND d.state IN ('closed','withdrawn') AND COALESCE(d.closed_at, d.raised_at) < $1 ORDER BY d.id LIMIT 500 FOR UPDATE SKIP LOCKED`

// The times stay, the places go.
const sqlEraseDoubt = `
UPDATE doubt_signal SET evidence = COALESCE((SELECT jsonb_agg(CASE WHEN e ? 'other' THEN jsonb_set(e - 'path', '{other}', (e -> 'other') - 'path') ELSE e - 'path' END) FROM jsonb_array_elements(evidence) e), '[]')
WHERE doubt_id = $1`

const sqlErasedDoubt = `UPDATE doubt SET erased_at = $2 WHERE id = $1`

const sqlDoubtRetention = `SELECT code, retention_days FROM data_class WHERE code IN ('doubt','signature') AND retention_days IS NOT NULL`

// ForgetDoubts removes the places from the evidence of doubts that were closed
// long enough ago, and the signatures that no comparison looks back to, with
// the runs that say so.
func ForgetDoubts(ctx context.Context, db *DB, now time.Time) error {
	days := map[string]int{"doubt": 180, "signature": 60}
	return db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, sqlDoubtRetention)
		if err != nil {
			return fmt.Errorf("read how long doubts are kept: %w", err)
		}
		var code string
		var n int
		if _, err := pgx.ForEachRow(rows, []any{&code, &n}, func() error { days[code] = n; return nil }); err != nil {
			return fmt.Errorf("read how long doubts are kept: %w", err)
		}
		run := func(class string, cutoff time.Time, rows, bytes int64, detail string) error {
			if rows == 0 {
				return nil
			}
			if _, err := tx.Exec(ctx, sqlInsertRetentionRun, now, class, cutoff, rows, bytes, detail, "system"); err != nil {
				return fmt.Errorf("note the run: %w", err)
			}
			return nil
		}
		cutoff := BusinessDay(now).AddDate(0, 0, -days["signature"])
		var gone, bytes int64
		if err := tx.QueryRow(ctx, sqlForgetSignatures, dayDate(cutoff)).Scan(&gone, &bytes); err != nil {
			return fmt.Errorf("forget signatures: %w", err)
		}
		if err := run("signature", cutoff, gone, bytes, "超过比对天数的轨迹特征"); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, sqlForgetPhones, dayDate(cutoff))
		if err != nil {
			return fmt.Errorf("forget who used which phone: %w", err)
		}
		if err := run("phone_use", cutoff, tag.RowsAffected(), 0, "手机使用登记"); err != nil {
			return err
		}
		cutoff = BusinessDay(now).AddDate(0, 0, -days["doubt"])
		if rows, err = tx.Query(ctx, sqlOldDoubts, cutoff); err != nil {
			return fmt.Errorf("list old doubts: %w", err)
		}
		type old struct {
			ID    [16]byte
			Score int
		}
		list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[old])
		if err != nil {
			return fmt.Errorf("list old doubts: %w", err)
		}
		for _, d := range list {
			if _, err := tx.Exec(ctx, sqlEraseDoubt, d.ID); err != nil {
				return fmt.Errorf("remove the places of a doubt: %w", err)
			}
			if _, err := tx.Exec(ctx, sqlErasedDoubt, d.ID, now); err != nil {
				return fmt.Errorf("remove the places of a doubt: %w", err)
			}
			if err := InsertDoubtStep(ctx, tx, d.ID, DoubtStep{At: now, Kind: "erased", Text: "保存期限已到，证据中的位置已删除，文字经过保留", Score: d.Score}); err != nil {
				return err
			}
		}
		return run("doubt", cutoff, int64(len(list)), 0, "办结存疑记录证据中的位置")
	})
}
