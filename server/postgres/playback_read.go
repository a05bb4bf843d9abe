package postgres

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/gridward/gridward/geo/trail"
)

// Reading reads a playback's tracks: whose, when, and by what scope.
type Reading struct {
	People   []PlayPerson
	From, To time.Time
	Scope    []string
}

// plan says what the archive answers for, as columns, and what only raw fixes do.
type plan struct {
	number         []int32 // of the person, for each kept day
	region, worker []int64
	day            []time.Time
	raw            []personStretch // of which the archive does not have all, by person
}

// personStretch is a time of a person; mixed says that fixes came after it was
// archived, so that both are read.
type personStretch struct {
	mixed  bool
	number int32
	stretch
}

const sqlPlayDays = `
SELECT n.nr, t.day, t.until, t.dirty FROM unnest($1::integer[], $2::bigint[], $3::bigint[]) AS n(nr, region, worker)
JOIN trail_day t ON t.region_id = n.region AND t.worker_id = n.worker AND t.day BETWEEN $4 AND $5 AND t.until IS NOT NULL`

func (r Reading) plan(ctx context.Context, q Querier) (plan, error) {
	var p plan
	n := len(r.People)
	number, region, worker := make([]int32, n), make([]int64, n), make([]int64, n)
	for i, person := range r.People {
		number[i], region[i], worker[i] = int32(i), person.Region, person.ID
	}
	rows, err := q.Query(ctx, sqlPlayDays, number, region, worker, dayDate(r.From), dayDate(r.To))
	if err != nil {
		return p, fmt.Errorf("look what is archived: %w", err)
	}
	type key struct {
		number int32
		day    time.Time
	}
	until, mixed := map[key]time.Time{}, map[key]bool{}
	var nr int32
	var day, till time.Time
	var dirty bool
	if _, err := pgx.ForEachRow(rows, []any{&nr, &day, &till, &dirty}, func() error {
		if k := (key{nr, day.UTC()}); dirty {
			mixed[k] = true
		} else {
			until[k] = till
		}
		return nil
	}); err != nil {
		return p, fmt.Errorf("look what is archived: %w", err)
	}
	for d := BusinessDay(r.From); d.Before(r.To); d = d.Add(dayLong) {
		for i := range r.People {
			since := d
			if till, ok := until[key{int32(i), dayDate(d)}]; ok && till.After(d) {
				p.number, p.region, p.worker, p.day = append(p.number, int32(i)), append(p.region, region[i]), append(p.worker, worker[i]), append(p.day, dayDate(d))
				since = till
			}
			s := stretch{latest(since, r.From), earliest(d.Add(dayLong), r.To)}
			if !s.from.Before(s.to) {
				continue
			}
			p.raw = append(p.raw, personStretch{mixed[key{int32(i), dayDate(d)}], int32(i), s})
		}
	}
	slices.SortStableFunc(p.raw, func(a, b personStretch) int { return cmp.Compare(a.number, b.number) })
	return p, nil
}

// The chunks of the kept days that touch [$5, $6), as far as the scope covers
// what they were for. The organisations are looked up once: joined, the planner
// would read the days again for each of them.
const playChunks = ` FROM unnest($1::integer[], $2::bigint[], $3::bigint[], $4::date[]) AS n(nr, region, worker, day)
JOIN trail_chunk c ON c.region_id = n.region AND c.day = n.day AND c.worker_id = n.worker AND c.from_at < $6 AND c.to_at >= $5
JOIN worker w ON w.id = n.worker LEFT JOIN duty_session d ON d.id = c.session_id`

const playSeen = ` WHERE COALESCE(d.org_id, w.org_id) = ANY (ARRAY(SELECT id FROM org WHERE path LIKE ANY ($7)))`

const playParts = playChunks + ` CROSS JOIN LATERAL trail_parts(c.day, c.parts) p` + playSeen + ` AND p.from_at < $6 AND p.to_at >= $5`

const sqlPlayCounts = `SELECT n.nr, p.from_at, p.to_at, p.fixes, CASE WHEN p.from_at < $5 OR p.to_at >= $6 THEN substring(c.body FROM p.start FOR p.size) END` + playParts

const sqlPlayLines = `SELECT n.nr, c.from_at, c.to_at, c.line` + playChunks + playSeen + ` ORDER BY n.nr, c.day, c.hour, c.seq`

// What is sorted are references; the bodies are read afterwards, in that order.
const sqlPlayBodies = `
SELECT s.nr, s.from_at, s.to_at, substring(s.body FROM s.start FOR s.size)
FROM (SELECT n.nr, p.*, c.body` + playParts + ` ORDER BY n.nr, c.day, c.hour, c.seq, p.start) s`

const sqlPlayRawCounts = `
SELECT f.session_id, f.hour, count(*)::integer, min(f.at), max(f.at) FROM (
  SELECT f.session_id, f.at, date_trunc('hour', f.at) AS hour FROM fix f WHERE f.region_id = $1 AND f.worker_id = $2 AND f.at >= $3 AND f.at < $4
  UNION ALL
  SELECT f.session_id, f.at, date_trunc('hour', f.at) FROM fix_outside f WHERE f.region_id = $1 AND f.worker_id = $2 AND f.at >= $3 AND f.at < $4
    AND NOT EXISTS (SELECT FROM fix r WHERE r.region_id = f.region_id AND r.worker_id = f.worker_id AND r.at = f.at AND r.device_id = f.device_id)
) f GROUP BY 1, 2`

// Heard is how much of a person there is in a playback.
type Heard struct {
	Fixes       int
	First, Last time.Time // zero: nothing
}

func (h *Heard) add(n int, first, last time.Time) {
	if n == 0 {
		return
	}
	if h.Fixes == 0 || first.Before(h.First) {
		h.First = first
	}
	if h.Fixes == 0 || last.After(h.Last) {
		h.Last = last
	}
	h.Fixes += n
}

// HourFixes is how many fixes an hour holds.
type HourFixes struct {
	At    time.Time `json:"at"`
	Fixes int       `json:"fixes"`
}

// Count says how many fixes there are of each person, and in which hours.
func (r Reading) Count(ctx context.Context, q Querier) ([]Heard, []HourFixes, error) {
	heard, hours := make([]Heard, len(r.People)), map[int64]int{}
	fail := func(err error) ([]Heard, []HourFixes, error) {
		return nil, nil, fmt.Errorf("count a playback's fixes: %w", err)
	}
	p, err := r.plan(ctx, q)
	if err != nil {
		return nil, nil, err
	}
	add := func(nr int32, n int, first, last time.Time) {
		heard[nr].add(n, first, last)
		if n > 0 {
			hours[first.Truncate(hourLong).Unix()] += n
		}
	}
	var (
		nr, n       int32
		first, last time.Time
		body        []byte
		fixes       []trail.Fix
	)
	rows, err := q.Query(ctx, sqlPlayCounts, p.number, p.region, p.worker, p.day, r.From, r.To, Under(r.Scope))
	if err != nil {
		return fail(err)
	}
	if _, err := pgx.ForEachRow(rows, []any{&nr, &first, &last, &n, &body}, func() error {
		if body == nil {
			add(nr, int(n), first, last)
			return nil
		}
		if fixes, err = trail.Decode(fixes[:0], body); err != nil {
			return err
		}
		if part := within(fixes, r.From, r.To); len(part) > 0 {
			add(nr, len(part), time.UnixMilli(part[0].Ms), time.UnixMilli(part[len(part)-1].Ms))
		}
		return nil
	}); err != nil {
		return fail(err)
	}
	var mu sync.Mutex
	err = together(p.raw, func(s personStretch) error {
		list, err := r.rawCounts(ctx, q, s)
		mu.Lock()
		defer mu.Unlock()
		for _, c := range list {
			add(s.number, c.fixes, c.first, c.last)
		}
		return err
	})
	if err != nil {
		return fail(err)
	}
	out := make([]HourFixes, 0, len(hours))
	for _, h := range slices.Sorted(maps.Keys(hours)) {
		out = append(out, HourFixes{time.Unix(h, 0).UTC(), hours[h]})
	}
	return heard, out, nil
}

// atOnce is how many people's raw fixes are read at a time.
const atOnce = 4

// together does something for each of the stretches: one after the other for a
// person, for several people at a time.
func together(list []personStretch, do func(s personStretch) error) error {
	var all errgroup.Group
	all.SetLimit(atOnce)
	for len(list) > 0 {
		n := 1
		for n < len(list) && list[n].number == list[0].number {
			n++
		}
		own := list[:n]
		list = list[n:]
		all.Go(func() error {
			for _, s := range own {
				if err := do(s); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return all.Wait()
}

type rawCount struct {
	session     uuid.UUID
	fixes       int
	first, last time.Time
}

// rawCounts counts the raw fixes of a stretch that the scope covers, by hour and session.
func (r Reading) rawCounts(ctx context.Context, q Querier, s personStretch) ([]rawCount, error) {
	person := r.People[s.number]
	if s.mixed {
		tracks, err := r.tracks(ctx, q, s)
		list := make([]rawCount, len(tracks))
		for i := range tracks {
			at := time.UnixMilli(tracks[i].Ms)
			list[i] = rawCount{fixes: 1, first: at, last: at}
		}
		return list, err
	}
	rows, err := q.Query(ctx, sqlPlayRawCounts, person.Region, person.ID, s.from, s.to)
	if err != nil {
		return nil, err
	}
	var (
		list    []rawCount
		session *uuid.UUID
		hour    time.Time
		c       rawCount
	)
	if _, err := pgx.ForEachRow(rows, []any{&session, &hour, &c.fixes, &c.first, &c.last}, func() error {
		if c.session = (uuid.UUID{}); session != nil {
			c.session = *session
		}
		list = append(list, c)
		return nil
	}); err != nil || len(list) == 0 {
		return nil, err
	}
	of := make([]Tracked, len(list))
	for i := range list {
		of[i].Session = list[i].session
	}
	seen, err := seenSessions(ctx, q, person.ID, of, r.Scope)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(list, func(c rawCount) bool { return !seen[c.session] }), nil
}

// tracks reads the fixes of a stretch that the scope covers, by time.
func (r Reading) tracks(ctx context.Context, q Querier, s personStretch) ([]Tracked, error) {
	person := r.People[s.number]
	if s.mixed {
		return SeenTracks(ctx, q, person.Region, person.ID, s.from, s.to, r.Scope)
	}
	list, err := readRaw(ctx, q, person.Region, person.ID, s.from, s.to)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	for i := range list {
		list[i].Fix = list[i].Stored()
	}
	return seenTracks(ctx, q, person.ID, list, r.Scope)
}

// within are the fixes, ordered by time, of [from, to).
func within(fixes []trail.Fix, from, to time.Time) []trail.Fix {
	by := func(f trail.Fix, ms int64) int { return cmp.Compare(f.Ms, ms) }
	a, _ := slices.BinarySearchFunc(fixes, from.UnixMilli(), by)
	b, _ := slices.BinarySearchFunc(fixes, to.UnixMilli(), by)
	return fixes[a:max(a, b)]
}

// between is the part of a simplified way in [from, to): where a step of it
// crosses a border, the place there is its end.
func between(line []trail.Fix, from, to time.Time) []trail.Fix {
	part := within(line, from, to)
	start, end := from.UnixMilli(), to.UnixMilli()-1
	after := func(ms int64) int { // the first that is later
		n, there := slices.BinarySearchFunc(line, ms, func(f trail.Fix, ms int64) int { return cmp.Compare(f.Ms, ms) })
		if there {
			n++
		}
		return n
	}
	out := make([]trail.Fix, 0, len(part)+2)
	if i := after(start); i > 0 && i < len(line) && line[i-1].Ms < start {
		out = append(out, onWay(line[i-1], line[i], start))
	}
	out = append(out, part...)
	if i := after(end); i > 0 && i < len(line) && line[i-1].Ms < end && start < end {
		out = append(out, onWay(line[i-1], line[i], end))
	}
	return out
}

// onWay is where somebody who goes from a to b is in between.
func onWay(a, b trail.Fix, ms int64) trail.Fix {
	k := float64(ms-a.Ms) / float64(b.Ms-a.Ms)
	b.Ms = ms
	b.Point[0], b.Point[1] = a.Point[0]+k*(b.Point[0]-a.Point[0]), a.Point[1]+k*(b.Point[1]-a.Point[1])
	return b
}

// frame appends one frame of a playback: the person's number, a length, a chunk.
func frame(dst []byte, number int32, chunk []byte) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(number))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(chunk)))
	return append(dst, chunk...)
}

// Overview writes the simplified ways of all people as frames: at once what is
// archived, then the others as they become ready. Several read from q at a time.
func (r Reading) Overview(ctx context.Context, q Querier, w io.Writer) error {
	return r.frames(ctx, q, w, sqlPlayLines, between, func(dst []byte, number int32, list []Tracked) []byte {
		good := judge(list).good
		for _, device := range slices.Sorted(maps.Keys(good)) {
			dst = frame(dst, number, sketch(good[device]))
		}
		return dst
	})
}

// Chunks writes every fix of all people as frames, those of a person ordered by time.
func (r Reading) Chunks(ctx context.Context, q Querier, w io.Writer) error {
	return r.frames(ctx, q, w, sqlPlayBodies, within, func(dst []byte, number int32, list []Tracked) []byte {
		byDevice := map[int64][]trail.Fix{}
		for i := range list {
			byDevice[list[i].Device] = append(byDevice[list[i].Device], list[i].Fix)
		}
		for _, device := range slices.Sorted(maps.Keys(byDevice)) {
			for part := range slices.Chunk(byDevice[device], trail.MaxChunk) {
				dst = frame(dst, number, trail.Encode(nil, part))
			}
		}
		return dst
	})
}

func (r Reading) frames(ctx context.Context, q Querier, w io.Writer, sql string, cut func(fixes []trail.Fix, from, to time.Time) []trail.Fix, put func(dst []byte, number int32, list []Tracked) []byte) error {
	fail := func(err error) error { return fmt.Errorf("read a playback: %w", err) }
	p, err := r.plan(ctx, q)
	if err != nil {
		return err
	}
	var (
		out         []byte
		nr          int32
		first, last time.Time
		chunk       []byte
		fixes       []trail.Fix
	)
	rows, err := q.Query(ctx, sql, p.number, p.region, p.worker, p.day, r.From, r.To, Under(r.Scope))
	if err != nil {
		return fail(err)
	}
	if _, err := pgx.ForEachRow(rows, []any{&nr, &first, &last, &chunk}, func() error {
		if !first.Before(r.From) && last.Before(r.To) {
			out = frame(out, nr, chunk)
			return nil
		}
		// The record says which days were looked at: nothing beyond them is handed out.
		if fixes, err = trail.Decode(fixes[:0], chunk); err != nil {
			return err
		}
		if part := cut(fixes, r.From, r.To); len(part) > 0 {
			out = frame(out, nr, trail.Encode(nil, part))
		}
		return nil
	}); err != nil {
		return fail(err)
	}
	if _, err := w.Write(out); err != nil {
		return fail(err)
	}
	var mu sync.Mutex
	if err := together(p.raw, func(s personStretch) error {
		list, err := r.tracks(ctx, q, s)
		if err != nil || len(list) == 0 {
			return err
		}
		part := put(nil, s.number, list)
		mu.Lock()
		defer mu.Unlock()
		_, err = w.Write(part)
		return err
	}); err != nil {
		return fail(err)
	}
	return nil
}
