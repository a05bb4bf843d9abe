package postgres_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/geo/trail"
	"github.com/gridward/gridward/server/postgres"
)

// ways decodes frames by the number of the worker.
func ways(t *testing.T, b []byte) map[uint32][]trail.Fix {
	t.Helper()
	all := map[uint32][]trail.Fix{}
	for len(b) > 0 {
		nr, size := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])
		var err error
		if all[nr], err = trail.Decode(all[nr], b[8:8+size]); err != nil {
			t.Fatal(err)
		}
		b = b[8+size:]
	}
	return all
}

// The overview of a day of 500 workers, half of it archived, is read against
// the fixes as they came: whoever moved is in it, and at the instant of every
// good fix its way is within a few metres of that fix.
func TestTheOverviewOf500WorkersIsRight(t *testing.T) {
	t.Parallel()
	w := newWalked(t)
	const folk, n = 500, 240
	eight := yesterday(1)
	midnight := postgres.BusinessDay(eight)
	people := make([]postgres.PlayPerson, folk)
	raw := make([][]trail.Fix, folk)
	ids := make([]int64, folk)
	for i := range people {
		ids[i] = w.worker()
		raw[i] = stroll(uint64(i), eight.Add(time.Duration(i)*time.Second), n, 25*time.Second)
		if i%10 == 3 { // somebody thrown to the next town for a moment
			raw[i][100].Point = orb.Point{114.9, 22.9}
		}
		people[i] = postgres.PlayPerson{ID: ids[i], Region: w.region}
	}
	_, err := w.db.Pool.CopyFrom(t.Context(), pgx.Identifier{"fix"}, []string{"region_id", "worker_id", "device_id", "at", "received_at", "flags", "accuracy", "geom"},
		pgx.CopyFromSlice(folk*n, func(k int) ([]any, error) {
			i := k / n
			f := &raw[i][k%n]
			at := time.UnixMilli(f.Ms)
			return []any{w.region, ids[i], w.device[ids[i]], at, at, int32(0), f.Accuracy, f.Point}, nil
		}))
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	kept := 0
	for i := range folk / 2 {
		kept += w.archive(ids[2*i], eight, midnight.Add(26*time.Hour)).Bytes
	}
	t.Logf("a worker-day archived in %s, %.2f bytes a fix in its bodies and lines", time.Since(began)/(folk/2), float64(kept)/float64(folk/2*n))
	r := postgres.Reading{People: people, From: midnight, To: midnight.Add(24 * time.Hour), Scope: []string{fmt.Sprint(w.region, ".")}}
	began = time.Now()
	var over, full bytes.Buffer
	if err := r.Overview(t.Context(), w.db.Pool, &over, r.From, r.To); err != nil {
		t.Fatal(err)
	}
	t.Logf("the overview in %s, %d bytes", time.Since(began), over.Len())
	lines := ways(t, over.Bytes())
	if err := r.Chunks(t.Context(), w.db.Pool, &full, r.From, r.To); err != nil {
		t.Fatal(err)
	}
	fixes := ways(t, full.Bytes())
	count, hours, err := r.Count(t.Context(), w.db.Pool)
	if err != nil || len(hours) != 2 {
		t.Fatalf("%v %v", hours, err)
	}
	heard, archived, err := r.Heard(t.Context(), w.db.Pool)
	if err != nil || archived {
		t.Fatal(archived, err)
	}
	for i := range people {
		came := stored(raw[i])
		got := fixes[uint32(i)]
		if len(got) != n || count[i] != n || heard[i].First.UnixMilli() != came[0].Ms || heard[i].Last.UnixMilli() != came[n-1].Ms {
			t.Fatalf("worker %d: %d fixes in chunks, told %d, %+v", i, len(got), count[i], heard[i])
		}
		for k := range got {
			if got[k].Ms != came[k].Ms || got[k].Point != came[k].Point {
				t.Fatalf("worker %d: fix %d is %v, want %v", i, k, got[k], came[k])
			}
		}
		line := lines[uint32(i)]
		if !slices.IsSortedFunc(line, func(a, b trail.Fix) int { return int(a.Ms - b.Ms) }) || len(line) > n/2 {
			t.Fatalf("worker %d: %d of %d fixes are in the overview", i, len(line), n)
		}
		for _, j := range trail.Clean(came, trail.Options{}).Fixes {
			if j.Why != trail.Good {
				continue
			}
			b, exact := slices.BinarySearchFunc(line, j.Ms, func(f trail.Fix, ms int64) int { return int(f.Ms - ms) })
			if b == len(line) || b == 0 && !exact {
				t.Fatalf("worker %d: the overview begins or ends too early for %d", i, j.Ms)
			}
			p := line[b].Point
			if !exact {
				a, z := line[b-1], line[b]
				part := float64(j.Ms-a.Ms) / float64(z.Ms-a.Ms)
				p = orb.Point{a.Point[0] + part*(z.Point[0]-a.Point[0]), a.Point[1] + part*(z.Point[1]-a.Point[1])}
			}
			if m := trail.Metres(p, j.Point); m > 12.3 {
				t.Fatalf("worker %d: the overview is %.1f m from where he was at %d", i, m, j.Ms)
			}
		}
	}
	// What a chunk read can touch: the key's own entries, not other days. So small a
	// table is read whole when its statistics say so; that is not asked about.
	tx, err := w.db.Pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(t.Context()) }()
	if _, err := tx.Exec(t.Context(), `SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off`); err != nil {
		t.Fatal(err)
	}
	var plan string
	rows, err := tx.Query(t.Context(), `EXPLAIN (COSTS OFF) SELECT c.body FROM unnest($1::bigint[]) AS n(worker)
		JOIN trail_chunk c ON c.region_id = $2 AND c.day = $3 AND c.worker_id = n.worker AND c.from_at < $5 AND c.to_at >= $4`, ids[:20], w.region, midnight, eight, eight.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	var line string
	if _, err := pgx.ForEachRow(rows, []any{&line}, func() error { plan += line + "\n"; return nil }); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(plan, "Index Scan using trail_chunk_pkey") || !strings.Contains(plan, "day = ") {
		t.Errorf("chunks are not read by the day:\n%s", plan)
	}
}
