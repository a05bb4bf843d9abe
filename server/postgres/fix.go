package postgres

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/gridward/gridward/server/fleet"
)

// The fix columns, in the order of every statement and encoding below.
const fixColumns = `region_id, worker_id, device_id, at, received_at, grid_id, session_id, grid_version, flags, speed, course, accuracy, altitude, battery, source, geom`

const unnestFixes = `SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::timestamptz[], $5::timestamptz[], $6::bigint[], $7::uuid[], $8::integer[],
  $9::integer[], $10::real[], $11::real[], $12::real[], $13::real[], $14::smallint[], $15::smallint[], $16::geometry[]) ON CONFLICT DO NOTHING`

const sqlInsertFixes = `INSERT INTO fix (` + fixColumns + `) ` + unnestFixes

const sqlInsertFixesOutside = `INSERT INTO fix_outside (` + fixColumns + `) ` + unnestFixes

// copyFixes is no statement that can be prepared.
const copyFixes = `COPY fix (` + fixColumns + `) FROM STDIN BINARY`

// fixColumn writes one column of a fix as PostgreSQL's binary format: its
// length, then its bytes; length -1 is NULL.
type fixColumn struct {
	oid uint32 // of one element; 0 = geometry, whose oid differs between databases
	put func(b []byte, f *fleet.Fix) []byte
}

// fixRow encodes a fix; COPY writes it by rows, INSERT by columns.
var fixRow = [...]fixColumn{
	{pgtype.Int8OID, func(b []byte, f *fleet.Fix) []byte { return putInt8(b, f.Region) }},
	{pgtype.Int8OID, func(b []byte, f *fleet.Fix) []byte { return putInt8(b, f.Worker) }},
	{pgtype.Int8OID, func(b []byte, f *fleet.Fix) []byte { return putInt8(b, f.Device) }},
	{pgtype.TimestamptzOID, func(b []byte, f *fleet.Fix) []byte { return putTime(b, f.At) }},
	{pgtype.TimestamptzOID, func(b []byte, f *fleet.Fix) []byte { return putTime(b, f.ReceivedAt) }},
	{pgtype.Int8OID, func(b []byte, f *fleet.Fix) []byte {
		if f.Grid == 0 {
			return putNull(b)
		}
		return putInt8(b, f.Grid)
	}},
	{pgtype.UUIDOID, func(b []byte, f *fleet.Fix) []byte {
		if f.Session == (uuid.UUID{}) {
			return putNull(b)
		}
		return append(binary.BigEndian.AppendUint32(b, 16), f.Session[:]...)
	}},
	{pgtype.Int4OID, func(b []byte, f *fleet.Fix) []byte {
		if f.Grid == 0 {
			return putNull(b)
		}
		return putInt4(b, f.GridVersion)
	}},
	{pgtype.Int4OID, func(b []byte, f *fleet.Fix) []byte { return putInt4(b, int32(f.Flags)) }},
	{pgtype.Float4OID, func(b []byte, f *fleet.Fix) []byte { return putFloat4(b, f.Speed) }},
	{pgtype.Float4OID, func(b []byte, f *fleet.Fix) []byte { return putFloat4(b, f.Course) }},
	{pgtype.Float4OID, func(b []byte, f *fleet.Fix) []byte { return putFloat4(b, f.Accuracy) }},
	{pgtype.Float4OID, func(b []byte, f *fleet.Fix) []byte { return putFloat4(b, f.Altitude) }},
	{pgtype.Int2OID, func(b []byte, f *fleet.Fix) []byte {
		if f.Battery < 0 {
			return putNull(b)
		}
		return putInt2(b, f.Battery)
	}},
	{pgtype.Int2OID, func(b []byte, f *fleet.Fix) []byte { return putInt2(b, int16(f.Source)) }},
	{0, func(b []byte, f *fleet.Fix) []byte {
		return appendPoint(binary.BigEndian.AppendUint32(b, pointSize), f.Point)
	}},
}

func putNull(b []byte) []byte { return binary.BigEndian.AppendUint32(b, math.MaxUint32) }

func putInt8(b []byte, v int64) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(b, 8), uint64(v))
}

func putInt4(b []byte, v int32) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(b, 4), uint32(v))
}

func putInt2(b []byte, v int16) []byte {
	return binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint32(b, 2), uint16(v))
}

func putFloat4(b []byte, v float32) []byte {
	if v != v { // NaN: the device did not say
		return putNull(b)
	}
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(b, 4), math.Float32bits(v))
}

// putTime writes microseconds since 2000-01-01.
func putTime(b []byte, t time.Time) []byte {
	const y2k = 946684800 * 1_000_000
	return putInt8(b, t.UnixMicro()-y2k)
}

// FixWriter writes fixes on one connection at a time and keeps its buffers
// between transactions. It is not safe for concurrent use.
type FixWriter struct {
	buf    []byte
	params [len(fixRow)][]byte
}

// Copy writes fixes into the daily partitions with COPY: the fastest way, but
// one fix that is there already fails the transaction (see Duplicate).
func (w *FixWriter) Copy(ctx context.Context, tx pgx.Tx, fixes []*fleet.Fix) error {
	b := append(w.buf[:0], "PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00"...)
	for _, f := range fixes {
		b = binary.BigEndian.AppendUint16(b, uint16(len(fixRow)))
		for i := range fixRow {
			b = fixRow[i].put(b, f)
		}
	}
	b = binary.BigEndian.AppendUint16(b, math.MaxUint16)
	w.buf = b
	if _, err := tx.Conn().PgConn().CopyFrom(ctx, bytes.NewReader(b), copyFixes); err != nil {
		return fmt.Errorf("copy fixes: %w", err)
	}
	return nil
}

// Insert writes fixes, leaves out those that are there already, and returns how
// many were new. outside sends them to the side table for times without a partition.
func (w *FixWriter) Insert(ctx context.Context, tx pgx.Tx, fixes []*fleet.Fix, outside bool) (int, error) {
	name, sql := "insert_fixes", sqlInsertFixes
	if outside {
		name, sql = "insert_fixes_outside", sqlInsertFixesOutside
	}
	conn := tx.Conn()
	if _, err := conn.Prepare(ctx, name, sql); err != nil {
		return 0, fmt.Errorf("prepare the insert of fixes: %w", err)
	}
	geometry, ok := conn.TypeMap().TypeForName("geometry")
	if !ok {
		return 0, fmt.Errorf("insert fixes: this connection knows no geometry")
	}
	b := w.buf[:0]
	var ends [len(fixRow)]int
	for i := range fixRow {
		oid := fixRow[i].oid
		if oid == 0 {
			oid = geometry.OID
		}
		b = binary.BigEndian.AppendUint32(b, 1) // one dimension
		b = binary.BigEndian.AppendUint32(b, 1) // may hold NULLs
		b = binary.BigEndian.AppendUint32(b, oid)
		b = binary.BigEndian.AppendUint32(b, uint32(len(fixes)))
		b = binary.BigEndian.AppendUint32(b, 1) // from index 1
		for _, f := range fixes {
			b = fixRow[i].put(b, f)
		}
		ends[i] = len(b)
	}
	w.buf = b
	from := 0
	for i, end := range ends {
		w.params[i] = b[from:end]
		from = end
	}
	res := conn.PgConn().ExecPrepared(ctx, name, w.params[:], []int16{pgx.BinaryFormatCode}, nil).Read()
	if res.Err != nil {
		return 0, fmt.Errorf("insert fixes: %w", res.Err)
	}
	return int(res.CommandTag.RowsAffected()), nil
}

// FixKey names a fix. Times are in microseconds so that keys compare.
type FixKey struct{ Region, Worker, Device, Micro int64 }

// KeyOf returns the key of a fix.
func KeyOf(f *fleet.Fix) FixKey { return FixKey{f.Region, f.Worker, f.Device, f.At.UnixMicro()} }

const whereMine = ` f JOIN unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::timestamptz[]) AS k(region, worker, device, at)
  ON f.region_id = k.region AND f.worker_id = k.worker AND f.device_id = k.device AND f.at = k.at
  WHERE f.at BETWEEN $5 AND $6 AND f.xmin = pg_current_xact_id()::xid`

const sqlMyFixes = `SELECT f.region_id, f.worker_id, f.device_id, f.at FROM fix` + whereMine

const sqlMyFixesOutside = `SELECT f.region_id, f.worker_id, f.device_id, f.at FROM fix_outside` + whereMine

// Mine returns which of the fixes this very transaction has inserted: a row
// knows by its xmin who wrote it. It is asked only when an Insert met duplicates.
func (w *FixWriter) Mine(ctx context.Context, tx pgx.Tx, fixes []*fleet.Fix, outside bool) (map[FixKey]bool, error) {
	n := len(fixes)
	region, worker, device, at := make([]int64, n), make([]int64, n), make([]int64, n), make([]time.Time, n)
	from, to := fixes[0].At, fixes[0].At
	for i, f := range fixes {
		region[i], worker[i], device[i], at[i] = f.Region, f.Worker, f.Device, f.At
		if f.At.Before(from) {
			from = f.At
		}
		if f.At.After(to) {
			to = f.At
		}
	}
	sql := sqlMyFixes
	if outside {
		sql = sqlMyFixesOutside
	}
	rows, err := tx.Query(ctx, sql, region, worker, device, at, from, to)
	if err != nil {
		return nil, fmt.Errorf("look which fixes are new: %w", err)
	}
	mine := make(map[FixKey]bool, n)
	var k FixKey
	var when time.Time
	_, err = pgx.ForEachRow(rows, []any{&k.Region, &k.Worker, &k.Device, &when}, func() error {
		k.Micro = when.UnixMicro()
		mine[k] = true
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look which fixes are new: %w", err)
	}
	return mine, nil
}

// Duplicate reports whether err is a COPY's answer to a fix that is there already.
func Duplicate(err error) bool { return sqlState(err) == "23505" }

// NoPartition reports whether err says that no partition takes a fix's time.
func NoPartition(err error) bool { return sqlState(err) == "23514" }

func sqlState(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	return ""
}

const sqlFixDays = `
SELECT to_date(substr(c.relname, 5), 'YYYYMMDD') FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'fix'::regclass AND c.relname ~ '^fix_[0-9]{8}$'`

// FixDays returns the UTC days that have a partition, as days since 1970.
func FixDays(ctx context.Context, q Querier) (map[int64]bool, error) {
	rows, err := q.Query(ctx, sqlFixDays)
	if err != nil {
		return nil, fmt.Errorf("list the partitions of fix: %w", err)
	}
	dates, err := pgx.CollectRows(rows, pgx.RowTo[time.Time])
	if err != nil {
		return nil, fmt.Errorf("list the partitions of fix: %w", err)
	}
	days := make(map[int64]bool, len(dates))
	for _, d := range dates {
		days[d.Unix()/86400] = true
	}
	return days, nil
}

// Retry reports whether err is a deadlock or a failed serialisation: the same
// transaction may succeed at once.
func Retry(err error) bool { s := sqlState(err); return s == "40P01" || s == "40001" }
