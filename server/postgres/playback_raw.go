package postgres

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/gridward/gridward/geo/trail"
)

// What a playback reads of fixes that are not archived: of many people with one
// statement, so that asking costs little beside reading.

const (
	// rawAtOnce is how many groups of people are read at a time.
	rawAtOnce = 4
	// rawDays is how many days of fixes a group holds in memory.
	rawDays = 16
)

// inGroups does something for groups of stretches, for several at a time; those
// of a person are in one group.
func inGroups(list []personStretch, do func(group []personStretch) error) error {
	long := time.Minute
	for _, s := range list {
		long = max(long, s.to.Sub(s.from))
	}
	most := max(1, min(len(list)/rawAtOnce+1, int(rawDays*dayLong/long)))
	var all errgroup.Group
	all.SetLimit(rawAtOnce)
	for len(list) > 0 {
		n := min(most, len(list))
		for n < len(list) && list[n].number == list[n-1].number {
			n++
		}
		group := list[:n]
		list = list[n:]
		all.Go(func() error { return do(group) })
	}
	return all.Wait()
}

// asked are stretches as columns; nr is their place in the list.
type asked struct {
	nr             []int32
	region, worker []int64
	from, to       []time.Time
	first, last    time.Time // of all
}

func (r Reading) asked(list []personStretch) (a asked) {
	for i, s := range list {
		person := r.People[s.number]
		a.nr, a.region, a.worker, a.from, a.to = append(a.nr, int32(i)), append(a.region, person.Region), append(a.worker, person.ID), append(a.from, s.from), append(a.to, s.to)
		if i == 0 || s.from.Before(a.first) {
			a.first = s.from
		}
		a.last = latest(a.last, s.to)
	}
	return a
}

const rawAsked = ` FROM unnest($1::integer[], $2::bigint[], $3::bigint[], $4::timestamptz[], $5::timestamptz[]) AS n(nr, region, worker, since, till)`

// The bounds of all stretches are said once more, by themselves: by them the
// planner leaves out the partitions of other days.
const rawOf = `f.region_id = n.region AND f.worker_id = n.worker AND f.at >= n.since AND f.at < n.till AND f.at >= $6 AND f.at < $7`

// What lies in fix as well is told once.
const rawOnce = ` AND NOT EXISTS (SELECT FROM fix r WHERE r.region_id = f.region_id AND r.worker_id = f.worker_id AND r.at = f.at AND r.device_id = f.device_id)`

// The scope covers a fix when it covers the organisation that the duty was for;
// without a session, the worker's own.
const rawSeen = `COALESCE((SELECT d.org_id FROM duty_session d WHERE d.id = f.session_id), w.org_id) = ANY (ARRAY(SELECT id FROM org WHERE path LIKE ANY ($8)))`

// One look into the index from either end, unless what is there is not for the reader.
const sqlPlayRawEnds = `
SELECT n.nr, a.at, z.at` + rawAsked + ` JOIN worker w ON w.id = n.worker
CROSS JOIN LATERAL (SELECT min(x.at) AS at FROM (
  (SELECT f.at FROM fix f WHERE ` + rawOf + ` AND ` + rawSeen + ` ORDER BY f.at LIMIT 1)
  UNION ALL (SELECT f.at FROM fix_outside f WHERE ` + rawOf + ` AND ` + rawSeen + ` ORDER BY f.at LIMIT 1)) x) a
CROSS JOIN LATERAL (SELECT max(x.at) AS at FROM (
  (SELECT f.at FROM fix f WHERE ` + rawOf + ` AND ` + rawSeen + ` ORDER BY f.at DESC LIMIT 1)
  UNION ALL (SELECT f.at FROM fix_outside f WHERE ` + rawOf + ` AND ` + rawSeen + ` ORDER BY f.at DESC LIMIT 1)) x) z
WHERE a.at IS NOT NULL`

// rawEnds tells of each stretch its first and last fix, and says how many hold any.
func (r Reading) rawEnds(ctx context.Context, q Querier, list []personStretch, tell func(nr int32, first, last time.Time)) (some int, err error) {
	if len(list) == 0 {
		return 0, nil
	}
	a := r.asked(list)
	rows, err := q.Query(ctx, sqlPlayRawEnds, a.nr, a.region, a.worker, a.from, a.to, a.first, a.last, Under(r.Scope))
	if err != nil {
		return 0, fmt.Errorf("look when people were heard: %w", err)
	}
	var nr int32
	var first, last time.Time
	if _, err := pgx.ForEachRow(rows, []any{&nr, &first, &last}, func() error {
		some++
		tell(list[nr].number, first, last)
		return nil
	}); err != nil {
		return 0, fmt.Errorf("look when people were heard: %w", err)
	}
	return some, nil
}

const sqlPlayRawCounts = `
SELECT n.nr, f.session_id, f.hour, count(*)::integer` + rawAsked + `
CROSS JOIN LATERAL (
  SELECT f.session_id, date_trunc('hour', f.at) AS hour FROM fix f WHERE ` + rawOf + `
  UNION ALL
  SELECT f.session_id, date_trunc('hour', f.at) FROM fix_outside f WHERE ` + rawOf + rawOnce + `
) f GROUP BY 1, 2, 3`

// rawCounts counts the fixes of the stretches that the scope covers, hour by hour.
func (r Reading) rawCounts(ctx context.Context, q Querier, list []personStretch, add func(nr int32, n int, hour time.Time)) error {
	var plain, mixed []personStretch
	for _, s := range list {
		if s.mixed {
			mixed = append(mixed, s)
		} else {
			plain = append(plain, s)
		}
	}
	fail := func(err error) error { return fmt.Errorf("count the fixes: %w", err) }
	if err := inGroups(plain, func(group []personStretch) error {
		a := r.asked(group)
		rows, err := q.Query(ctx, sqlPlayRawCounts, a.nr, a.region, a.worker, a.from, a.to, a.first, a.last)
		if err != nil {
			return fail(err)
		}
		type count struct {
			seenKey
			n    int
			hour time.Time
		}
		var (
			all     []count
			c       count
			session *uuid.UUID
		)
		if _, err := pgx.ForEachRow(rows, []any{&c.nr, &session, &c.hour, &c.n}, func() error {
			if c.session = (uuid.UUID{}); session != nil {
				c.session = *session
			}
			all = append(all, c)
			return nil
		}); err != nil {
			return fail(err)
		}
		keys := make([]seenKey, len(all))
		for i := range all {
			keys[i] = all[i].seenKey
		}
		seen, err := r.seen(ctx, q, a, keys)
		if err != nil {
			return err
		}
		for _, c := range all {
			if seen[c.seenKey] {
				add(group[c.nr].number, c.n, c.hour)
			}
		}
		return nil
	}); err != nil {
		return err
	}
	return r.rawTracks(ctx, q, mixed, func(s personStretch, fixes []Tracked) error {
		for i := range fixes {
			add(s.number, 1, time.UnixMilli(fixes[i].Ms))
		}
		return nil
	})
}

const sqlPlayRaw = `
SELECT n.nr, f.*` + rawAsked + `
CROSS JOIN LATERAL (
  SELECT ` + rawColumns + ` FROM fix f WHERE ` + rawOf + `
  UNION ALL
  SELECT ` + rawColumns + ` FROM fix_outside f WHERE ` + rawOf + rawOnce + `
) f`

const sqlPlayKept = `
SELECT n.nr, c.device_id, c.session_id, substring(c.body FROM p.start FOR p.size)
FROM unnest($1::integer[], $2::bigint[], $3::bigint[], $4::date[]) AS n(nr, region, worker, day)
JOIN trail_chunk c ON c.region_id = n.region AND c.day = n.day AND c.worker_id = n.worker AND c.from_at < $6 AND c.to_at >= $5
CROSS JOIN LATERAL trail_parts(c.day, c.parts) p WHERE p.from_at < $6 AND p.to_at >= $5`

// rawTracks reads the fixes of the stretches that the scope covers and hands
// them on, those of a stretch ordered by time, from several goroutines.
func (r Reading) rawTracks(ctx context.Context, q Querier, list []personStretch, take func(s personStretch, fixes []Tracked) error) error {
	return inGroups(list, func(group []personStretch) error {
		a := r.asked(group)
		came, err := r.came(ctx, q, a)
		if err != nil {
			return err
		}
		// In this order: a partition is dropped only after its fixes are archived.
		if err := r.addKept(ctx, q, group, came); err != nil {
			return err
		}
		var keys []seenKey
		for i, fixes := range came {
			for k := range fixes {
				if k == 0 || fixes[k].Session != fixes[k-1].Session {
					keys = append(keys, seenKey{int32(i), fixes[k].Session})
				}
			}
		}
		seen, err := r.seen(ctx, q, a, keys)
		if err != nil {
			return err
		}
		for i, fixes := range came {
			kept := fixes[:0]
			for k := range fixes {
				if seen[seenKey{int32(i), fixes[k].Session}] {
					kept = append(kept, fixes[k])
				}
			}
			if len(kept) == 0 {
				continue
			}
			if err := take(group[i], kept); err != nil {
				return err
			}
			came[i] = nil
		}
		return nil
	})
}

// came reads fixes as they came, rounded as the archive rounds.
func (r Reading) came(ctx context.Context, q Querier, a asked) ([][]Tracked, error) {
	lists := make([][]Tracked, len(a.nr))
	rows, err := q.Query(ctx, sqlPlayRaw, a.nr, a.region, a.worker, a.from, a.to, a.first, a.last)
	if err != nil {
		return nil, fmt.Errorf("read the fixes: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		v := rows.RawValues()
		t := scanRaw(v[1:])
		t.Fix = t.Stored()
		nr := binary.BigEndian.Uint32(v[0])
		lists[nr] = append(lists[nr], t)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the fixes: %w", err)
	}
	for i := range lists {
		sortTracks(lists[i])
	}
	return lists, nil
}

// addKept adds, to stretches of which both are read, what the archive alone has.
func (r Reading) addKept(ctx context.Context, q Querier, group []personStretch, came [][]Tracked) error {
	var d keptDays
	var from, to time.Time
	for i, s := range group {
		if s.mixed {
			d.add(r.People[s.number], int32(i), s.from)
			if from.IsZero() || s.from.Before(from) {
				from = s.from
			}
			to = latest(to, s.to)
		}
	}
	if len(d.number) == 0 {
		return nil
	}
	fail := func(err error) error { return fmt.Errorf("read the archive: %w", err) }
	rows, err := q.Query(ctx, sqlPlayKept, d.number, d.region, d.worker, d.day, from, to)
	if err != nil {
		return fail(err)
	}
	var (
		kept    = make([][]Tracked, len(group))
		fixes   []trail.Fix
		nr      int32
		device  int64
		session *uuid.UUID
		body    []byte
	)
	if _, err := pgx.ForEachRow(rows, []any{&nr, &device, &session, &body}, func() error {
		if fixes, err = trail.Decode(fixes[:0], body); err != nil {
			return err
		}
		t := Tracked{Device: device, kept: true}
		if session != nil {
			t.Session = *session
		}
		for _, t.Fix = range within(fixes, group[nr].from, group[nr].to) {
			kept[nr] = append(kept[nr], t)
		}
		return nil
	}); err != nil {
		return fail(err)
	}
	for i := range kept {
		came[i] = withKept(came[i], kept[i])
	}
	return nil
}

// seenKey is a duty session of a stretch; the zero session stands for none.
type seenKey struct {
	nr      int32
	session uuid.UUID
}

// A session whose row is gone counts as none, as in every other reading.
const sqlPlaySeen = `
SELECT n.nr, n.session FROM unnest($1::integer[], $2::bigint[], $3::uuid[]) AS n(nr, worker, session)
JOIN worker w ON w.id = n.worker LEFT JOIN duty_session d ON d.id = n.session
WHERE COALESCE(d.org_id, w.org_id) = ANY (ARRAY(SELECT id FROM org WHERE path LIKE ANY ($4)))`

// seen says of which of the sessions the scope covers the organisation.
func (r Reading) seen(ctx context.Context, q Querier, a asked, keys []seenKey) (map[seenKey]bool, error) {
	seen := make(map[seenKey]bool, len(keys))
	if len(keys) == 0 {
		return seen, nil
	}
	nr, worker, session := make([]int32, len(keys)), make([]int64, len(keys)), make([]uuid.UUID, len(keys))
	for i, k := range keys {
		nr[i], worker[i], session[i] = k.nr, a.worker[k.nr], k.session
	}
	rows, err := q.Query(ctx, sqlPlaySeen, nr, worker, session, Under(r.Scope))
	if err != nil {
		return nil, fmt.Errorf("read the sessions' organisations: %w", err)
	}
	var k seenKey
	if _, err := pgx.ForEachRow(rows, []any{&k.nr, &k.session}, func() error { seen[k] = true; return nil }); err != nil {
		return nil, fmt.Errorf("read the sessions' organisations: %w", err)
	}
	return seen, nil
}
