package postgres

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

// How long tracks are kept unless the house says otherwise: the raw fixes, which
// the archive replaces, and personal tracks in any form. AheadDays of partitions
// are there before they begin.
const (
	RawDays   = 45
	KeepDays  = 90
	AheadDays = 2
)

// Retention is how long the house keeps tracks, in days.
type Retention struct {
	Raw   int // fixes as they came: a day of them goes when all of it is in the archive
	Track int // personal tracks, archived or not
}

const sqlKeepPartitions = `SELECT keep_fix_partitions($1, $2)`

// KeepPartitions makes the daily partitions of fix that are missing, from days
// back, and says how many.
func KeepPartitions(ctx context.Context, q Querier, days int) (int, error) {
	var made int
	if err := q.QueryRow(ctx, sqlKeepPartitions, days, AheadDays).Scan(&made); err != nil {
		return 0, fmt.Errorf("make the partitions of fix: %w", err)
	}
	return made, nil
}

// RetentionRun is what one run of retention removed of one class.
type RetentionRun struct {
	ID     int64     `json:"id"`
	At     time.Time `json:"at"`
	Class  string    `json:"class" enum:"raw_fix,track,fix_outside,playback,track_export,patrol_walk"`
	Cutoff time.Time `json:"cutoff" doc:"what is older was removed"`
	Rows   int64     `json:"rows"`
	Bytes  int64     `json:"bytes"`
	Detail string    `json:"detail,omitempty"`
	By     string    `json:"by"`
}

const sqlInsertRetentionRun = `INSERT INTO retention_run (at, class, cutoff, rows, bytes, detail, by_name) VALUES ($1, $2, $3, $4, $5, $6, $7)`

const sqlRetentionRuns = `
SELECT id, at, class, cutoff, rows, bytes, detail, by_name AS by FROM retention_run
WHERE ($1::text = '' OR class = $1) AND ($2::bigint IS NULL OR id < $2) ORDER BY id DESC LIMIT $3`

// RetentionRuns lists what retention removed, newest first.
func RetentionRuns(ctx context.Context, q Querier, class string, before *int64, limit int) ([]RetentionRun, error) {
	rows, err := q.Query(ctx, sqlRetentionRuns, class, before, limit)
	if err != nil {
		return nil, fmt.Errorf("list the runs of retention: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[RetentionRun])
	if err != nil {
		return nil, fmt.Errorf("list the runs of retention: %w", err)
	}
	return list, nil
}

const sqlDropPartition = `SELECT dropped, fixes, bytes, missing FROM drop_fix_partition($1, $2)`

// Dropped says what became of the days of fix that are older than raw fixes are kept.
type Dropped struct {
	Days    []string // dropped
	Waiting []string // kept, because not all of them is in the archive yet
}

// DropPartitions drops the days of fix that are older than raw fixes are kept
// and archived in full, and those older than personal tracks are kept in any
// case. Each day that held fixes becomes a retention run, in its transaction.
func DropPartitions(ctx context.Context, db *DB, keep Retention, now time.Time) (Dropped, error) {
	var out Dropped
	there, err := FixDays(ctx, db.Pool)
	if err != nil {
		return out, err
	}
	today := now.UTC().Truncate(dayLong)
	cutoff, last := today.AddDate(0, 0, -keep.Raw), today.AddDate(0, 0, -keep.Track)
	for _, n := range slices.Sorted(maps.Keys(there)) {
		day := time.Unix(n*86400, 0).UTC()
		if !day.Before(cutoff) {
			continue
		}
		err := db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
			var dropped bool
			var fixes, bytes, missing int64
			if err := tx.QueryRow(ctx, sqlDropPartition, day, day.Before(last)).Scan(&dropped, &fixes, &bytes, &missing); err != nil {
				return err
			}
			name := day.Format(time.DateOnly)
			if !dropped {
				if missing > 0 {
					out.Waiting = append(out.Waiting, name)
				}
				return nil
			}
			out.Days = append(out.Days, name)
			if fixes == 0 {
				return nil
			}
			detail := "归档核对一致后删除原始定位 " + name
			limit := cutoff
			if day.Before(last) {
				detail, limit = "超过保存期限，删除原始定位 "+name, last
			}
			_, err := tx.Exec(ctx, sqlInsertRetentionRun, now, "raw_fix", limit, fixes, bytes, detail, "system")
			return err
		})
		if err != nil {
			return out, fmt.Errorf("drop the day %s of fix: %w", day.Format(time.DateOnly), err)
		}
	}
	return out, nil
}

const sqlForgetChunks = `
WITH gone AS (DELETE FROM trail_chunk WHERE day < $1 RETURNING fixes, length(body) + length(line) AS bytes)
SELECT COALESCE(sum(fixes), 0), COALESCE(sum(bytes), 0) FROM gone`

const sqlForgetDays = `DELETE FROM trail_day WHERE day < $1`

// A wrong clock is looked into for as long as a track is kept, from the day it
// came; a late fix of a day that is past keeping is not.
const sqlForgetOutside = `DELETE FROM fix_outside WHERE received_at < $1 OR at < $1 AND flags & 2 = 0`

const sqlForgetPlaybacks = `DELETE FROM playback WHERE expires_at < $1`

const sqlForgetExports = `DELETE FROM track_export WHERE expires_at < $1`

// Where somebody walked is as personal as the track; what a week came to stays.
const sqlForgetWalks = `DELETE FROM patrol_walk WHERE day < ($1::timestamptz AT TIME ZONE 'Asia/Shanghai')::date`

// ForgetTracks removes personal tracks that are older than they are kept, in one
// transaction with the runs that say so.
func ForgetTracks(ctx context.Context, db *DB, keep Retention, now time.Time) ([]RetentionRun, error) {
	midnight := BusinessDay(now).AddDate(0, 0, -keep.Track)
	var runs []RetentionRun
	err := db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		track := RetentionRun{Class: "track", Detail: "轨迹归档满 " + strconv.Itoa(keep.Track) + " 天"}
		if err := tx.QueryRow(ctx, sqlForgetChunks, dayDate(midnight)).Scan(&track.Rows, &track.Bytes); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, sqlForgetDays, dayDate(midnight)); err != nil {
			return err
		}
		runs = append(runs[:0], track)
		for _, c := range []struct{ sql, class, detail string }{
			{sqlForgetOutside, "fix_outside", "时间异常或过期补传的定位"},
			{sqlForgetPlaybacks, "playback", "轨迹回放的登记"},
			{sqlForgetExports, "track_export", "轨迹导出的登记"},
			{sqlForgetWalks, "patrol_walk", "巡查走过的区域格"},
		} {
			tag, err := tx.Exec(ctx, c.sql, midnight)
			if err != nil {
				return err
			}
			runs = append(runs, RetentionRun{Class: c.class, Rows: tag.RowsAffected(), Detail: c.detail})
		}
		for i := range runs {
			r := &runs[i]
			r.At, r.Cutoff, r.By = now, midnight, "system"
			if r.Rows == 0 {
				continue
			}
			if _, err := tx.Exec(ctx, sqlInsertRetentionRun, r.At, r.Class, r.Cutoff, r.Rows, r.Bytes, r.Detail, r.By); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("forget old tracks: %w", err)
	}
	return runs, nil
}
