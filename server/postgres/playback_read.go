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

	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/geo/trail"
)

const (
	// toJudge is how long before and after a piece of an overview fixes are read
	// to judge those in it.
	toJudge = 5 * time.Minute
	// heardOften is the longest step in the overview of fixes that are not
	// archived: a longer one is a gap, and shows as one before the events are known.
	heardOften = 100 * time.Second
)

// Reading reads a playback's tracks: whose, when, and by what scope.
type Reading struct {
	People   []PlayPerson
	From, To time.Time
	Scope    []string
}

// plan says what the archive answers for, and what only raw fixes do.
type plan struct {
	kept keptDays
	raw  []personStretch // of which the archive does not have all, by person
}

// keptDays are people's days in the archive, as columns.
type keptDays struct {
	number         []int32 // of the person
	region, worker []int64
	day            []time.Time
}

func (k *keptDays) add(person PlayPerson, number int32, at time.Time) {
	k.number, k.region, k.worker, k.day = append(k.number, number), append(k.region, person.Region), append(k.worker, person.ID), append(k.day, dayDate(at))
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
				p.kept.add(r.People[i], int32(i), d)
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

// Heard is when a person was heard first and last in a playback; zero: never.
type Heard struct{ First, Last time.Time }

func (h *Heard) add(first, last time.Time) {
	if h.First.IsZero() || first.Before(h.First) {
		h.First = first
	}
	if h.Last.IsZero() || last.After(h.Last) {
		h.Last = last
	}
}

// HourFixes is how many fixes an hour holds.
type HourFixes struct {
	At    time.Time `json:"at"`
	Fixes int       `json:"fixes"`
}

// Heard says between which instants each person was heard, without reading what
// is not archived, and whether the archive has all of it.
func (r Reading) Heard(ctx context.Context, q Querier) (heard []Heard, archived bool, err error) {
	heard = make([]Heard, len(r.People))
	p, err := r.plan(ctx, q)
	if err != nil {
		return nil, false, err
	}
	kept := p.kept
	for _, s := range p.raw {
		if s.mixed {
			kept.add(r.People[s.number], s.number, s.from)
		}
	}
	if err := r.archive(ctx, q, kept, func(nr int32, _ int, first, last time.Time) { heard[nr].add(first, last) }); err != nil {
		return nil, false, err
	}
	raw, err := r.rawEnds(ctx, q, p.raw, func(nr int32, first, last time.Time) { heard[nr].add(first, last) })
	return heard, raw == 0, err
}

// Count says how many fixes there are of each person, and in which hours. What
// is not archived is counted fix by fix.
func (r Reading) Count(ctx context.Context, q Querier) ([]int, []HourFixes, error) {
	fixes, hours := make([]int, len(r.People)), map[int64]int{}
	p, err := r.plan(ctx, q)
	if err != nil {
		return nil, nil, err
	}
	var mu sync.Mutex
	add := func(nr int32, n int, first time.Time) {
		mu.Lock()
		defer mu.Unlock()
		fixes[nr] += n
		hours[first.Truncate(hourLong).Unix()] += n
	}
	if err := r.archive(ctx, q, p.kept, func(nr int32, n int, first, _ time.Time) { add(nr, n, first) }); err != nil {
		return nil, nil, err
	}
	if err := r.rawCounts(ctx, q, p.raw, add); err != nil {
		return nil, nil, err
	}
	out := make([]HourFixes, 0, len(hours))
	for _, h := range slices.Sorted(maps.Keys(hours)) {
		out = append(out, HourFixes{time.Unix(h, 0).UTC(), hours[h]})
	}
	return fixes, out, nil
}

// archive tells of each chunk of the days, as far as it lies in the playback,
// how many fixes it holds, and the first and the last of them.
func (r Reading) archive(ctx context.Context, q Querier, d keptDays, tell func(nr int32, n int, first, last time.Time)) error {
	fail := func(err error) error { return fmt.Errorf("count a playback's fixes: %w", err) }
	if len(d.number) == 0 {
		return nil
	}
	rows, err := q.Query(ctx, sqlPlayCounts, d.number, d.region, d.worker, d.day, r.From, r.To, Under(r.Scope))
	if err != nil {
		return fail(err)
	}
	var (
		nr, n       int32
		first, last time.Time
		body        []byte
		fixes       []trail.Fix
	)
	if _, err := pgx.ForEachRow(rows, []any{&nr, &first, &last, &n, &body}, func() error {
		if body == nil {
			tell(nr, int(n), first, last)
			return nil
		}
		if fixes, err = trail.Decode(fixes[:0], body); err != nil {
			return err
		}
		if part := within(fixes, r.From, r.To); len(part) > 0 {
			tell(nr, len(part), time.UnixMilli(part[0].Ms), time.UnixMilli(part[len(part)-1].Ms))
		}
		return nil
	}); err != nil {
		return fail(err)
	}
	return nil
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

// around are the fixes of a simplified way in [from, to), and one to either side:
// what lies between two of them is known from both.
func around(line []trail.Fix, from, to time.Time) []trail.Fix {
	by := func(f trail.Fix, ms int64) int { return cmp.Compare(f.Ms, ms) }
	a, _ := slices.BinarySearchFunc(line, from.UnixMilli(), by)
	b, _ := slices.BinarySearchFunc(line, to.UnixMilli(), by)
	return line[max(0, a-1):min(len(line), max(a, b)+1)]
}

// Overview writes the simplified ways of all people in [from, to) as frames: at
// once what is archived, then the others as they become ready. Several read from
// q at a time.
func (r Reading) Overview(ctx context.Context, q Querier, w io.Writer, from, to time.Time) error {
	piece, wide := r, r
	piece.From, piece.To = latest(from, r.From), earliest(to, r.To)
	wide.From, wide.To = latest(from.Add(-toJudge), r.From), earliest(to.Add(toJudge), r.To)
	if !piece.From.Before(piece.To) {
		return nil
	}
	p, err := wide.plan(ctx, q)
	if err != nil {
		return err
	}
	if err := piece.frames(ctx, q, w, sqlPlayLines, p.kept, func(line []trail.Fix) []trail.Fix {
		return around(between(line, r.From, r.To), piece.From, piece.To)
	}); err != nil {
		return err
	}
	return r.write(ctx, q, w, p.raw, func(dst []byte, number int32, list []Tracked) []byte {
		good := judge(list).good
		for _, device := range slices.Sorted(maps.Keys(good)) {
			if fixes := within(good[device], piece.From, piece.To); len(fixes) > 0 {
				dst = frame(dst, number, sketch(fixes, heardOften))
			}
		}
		return dst
	})
}

// Chunks writes every fix of all people in [from, to) as frames, those of a
// person ordered by time.
func (r Reading) Chunks(ctx context.Context, q Querier, w io.Writer, from, to time.Time) error {
	if r.From, r.To = latest(from, r.From), earliest(to, r.To); !r.From.Before(r.To) {
		return nil
	}
	p, err := r.plan(ctx, q)
	if err != nil {
		return err
	}
	if err := r.frames(ctx, q, w, sqlPlayBodies, p.kept, func(fixes []trail.Fix) []trail.Fix { return within(fixes, r.From, r.To) }); err != nil {
		return err
	}
	return r.write(ctx, q, w, p.raw, func(dst []byte, number int32, list []Tracked) []byte {
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

// frames writes what the archive has of the days.
func (r Reading) frames(ctx context.Context, q Querier, w io.Writer, sql string, d keptDays, cut func(fixes []trail.Fix) []trail.Fix) error {
	fail := func(err error) error { return fmt.Errorf("read a playback: %w", err) }
	if len(d.number) == 0 {
		return nil
	}
	var (
		out         []byte
		nr          int32
		first, last time.Time
		chunk       []byte
		fixes       []trail.Fix
	)
	rows, err := q.Query(ctx, sql, d.number, d.region, d.worker, d.day, r.From, r.To, Under(r.Scope))
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
		if part := cut(fixes); len(part) > 0 {
			out = frame(out, nr, trail.Encode(nil, part))
		}
		return nil
	}); err != nil {
		return fail(err)
	}
	if _, err := w.Write(out); err != nil {
		return fail(err)
	}
	return nil
}

// write writes what put makes of the fixes of each stretch, as it becomes ready.
func (r Reading) write(ctx context.Context, q Querier, w io.Writer, list []personStretch, put func(dst []byte, number int32, list []Tracked) []byte) error {
	var mu sync.Mutex
	return r.rawTracks(ctx, q, list, func(s personStretch, fixes []Tracked) error {
		part := put(nil, s.number, fixes)
		mu.Lock()
		defer mu.Unlock()
		if _, err := w.Write(part); err != nil {
			return fmt.Errorf("write a playback: %w", err)
		}
		return nil
	})
}
