package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gridward/gridward/fixtures"
	"github.com/gridward/gridward/geo/trail"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/pgtest"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/simulate"
	"github.com/gridward/gridward/server/timekeeper"
	"github.com/gridward/gridward/server/workday"
)

// scaleOf is a number of the environment, or what it is by default.
func scaleOf(b *testing.B, name string, d int) int {
	text := os.Getenv(name)
	if text == "" {
		return d
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		b.Fatalf("%s=%q", name, text)
	}
	return n
}

// BenchmarkTrails fills the past with people on foot, eight hours a day and a
// fix every five seconds, archives it as the nightly job does, and plays a day
// of everybody. The baseline is the same run's raw partition: its bytes a row
// with the index, and the time to read a day, an hour or a worker-day out of it.
// GRIDWARD_TRAIL_WORKERS and GRIDWARD_TRAIL_DAYS make it larger. Each worker
// has two days of his own, which then repeat. One more day is played before it
// is archived, and while its hours are.
func BenchmarkTrails(b *testing.B) {
	workers, days := scaleOf(b, "GRIDWARD_TRAIL_WORKERS", 60), scaleOf(b, "GRIDWARD_TRAIL_DAYS", 2)
	for b.Loop() {
		s := newScale(b, workers, days)
		s.fill()
		s.sizes()
		s.play()
		s.playOn()
		s.today()
	}
}

type scale struct {
	b             *testing.B
	ctx           context.Context
	db            *postgres.DB
	people        []fixtures.Person
	ids           []postgres.PlayPerson
	path          string
	days          int
	first, last   workday.Day // of the archived days, and the day after them
	own           [][2]simulate.Outing
	fixes         int
	dayOf         func(d workday.Day) (from, to time.Time)
	raw, archived float64 // bytes a fix
}

func (s *scale) must(err error) {
	s.b.Helper()
	if err != nil {
		s.b.Fatal(err)
	}
}

func newScale(b *testing.B, workers, days int) *scale {
	s := &scale{b: b, ctx: b.Context(), db: pgtest.New(b), days: days}
	street, err := fixtures.Street()
	s.must(err)
	s.must(postgres.SeedStreet(s.ctx, s.db, street))
	for _, p := range street.People {
		if len(p.Grids) > 0 && len(s.people) < workers {
			s.people = append(s.people, p)
		}
	}
	if len(s.people) < workers {
		b.Fatalf("the street has %d people with a grid", len(s.people))
	}
	s.last = workday.DayOf(time.Now().In(incident.BusinessZone())) - 1
	s.first = s.last - workday.Day(days)
	_, err = postgres.KeepPartitions(s.ctx, s.db.Pool, days+2)
	s.must(err)
	s.dayOf = func(d workday.Day) (time.Time, time.Time) { return d.Start(), d.Start().Add(24 * time.Hour) }
	s.must(s.db.Pool.QueryRow(s.ctx, `SELECT path FROM org WHERE code = $1`, fixtures.StreetCode).Scan(&s.path))
	for _, p := range s.people {
		var id postgres.PlayPerson
		s.must(s.db.Pool.QueryRow(s.ctx, `SELECT id, region_id FROM worker WHERE code = $1`, p.Code).Scan(&id.ID, &id.Region))
		s.ids = append(s.ids, id)
	}
	return s
}

// say tells how far it is: at full size it takes a while.
func (s *scale) say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%s "+format+"\n", append([]any{time.Now().Format(time.TimeOnly)}, args...)...)
}

// fill makes two days of everybody, writes them again and again, day by day, and
// does at the end of each what its night would have done.
func (s *scale) fill() {
	ground, err := simulate.Street()
	s.must(err)
	s.own = make([][2]simulate.Outing, len(s.people))
	var all errgroup.Group
	all.SetLimit(4)
	base := s.first.Start().Add(8 * time.Hour)
	for i, p := range s.people {
		all.Go(func() error {
			for k := range 2 {
				s.own[i][k] = ground.Outing(p.Grids[0], uint64(i*2+k), simulate.Plan{From: base.Add(time.Duration(i%600) * time.Second), Long: 8 * time.Hour, Step: 5 * time.Second})
			}
			return nil
		})
	}
	s.must(all.Wait())
	var filling, archiving time.Duration
	for d := range s.days {
		began := time.Now()
		n := s.write(s.first + workday.Day(d))
		s.fixes += n
		filling += time.Since(began)
		began = time.Now()
		day := s.first + workday.Day(d)
		run, err := timekeeper.ArchiveTrails(s.ctx, s.db, day.Start(), (day + 1).Start().Add(time.Hour))
		s.must(err)
		if run.Days != len(s.people) || int(run.Fixes) != n || run.Failed > 0 {
			s.b.Fatalf("archived %d worker-days of %d, %d fixes of %d, %d failed", run.Days, len(s.people), run.Fixes, n, run.Failed)
		}
		archiving += time.Since(began)
		s.say("day %d of %d: %d fixes, archived in %.1f s", d+1, s.days, n, time.Since(began).Seconds())
	}
	s.b.ReportMetric(float64(s.fixes), "fixes")
	s.b.ReportMetric(float64(s.fixes)/filling.Seconds(), "filled/s")
	s.b.ReportMetric(archiving.Seconds()/float64(s.days), "night_s")
	s.b.ReportMetric(float64(s.fixes)/archiving.Seconds(), "archived/s")
	_, err = s.db.Pool.Exec(s.ctx, `ANALYZE fix, trail_chunk, trail_day`)
	s.must(err)
}

// write writes everybody's day as fixes that came.
func (s *scale) write(day workday.Day) int {
	past := make([]postgres.PastOuting, len(s.people))
	for i, p := range s.people {
		o := s.own[i][(day-s.first)%2].Again(time.Duration(day-s.first) * 24 * time.Hour)
		past[i] = postgres.PastOuting{Worker: p.Code, Session: o.Session, Purpose: o.Purpose, From: o.From, To: o.To, Fixes: o.Fixes}
	}
	n, err := postgres.AddPast(s.ctx, s.db, postgres.Past{Outings: past})
	s.must(err)
	return n
}

func (s *scale) sizes() {
	var raw, kept, body int64
	s.must(s.db.Pool.QueryRow(s.ctx, `SELECT sum(pg_total_relation_size(i.inhrelid))::bigint FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
		WHERE i.inhparent = 'fix'::regclass AND c.relname BETWEEN $1 AND $2`, "fix_"+s.first.Start().UTC().Format("20060102"), "fix_"+s.last.Start().UTC().Format("20060102")).Scan(&raw))
	s.must(s.db.Pool.QueryRow(s.ctx, `SELECT pg_total_relation_size('trail_chunk') + pg_total_relation_size('trail_day'), (SELECT sum(length(body)) FROM trail_chunk)`).Scan(&kept, &body))
	var heap, toast, index, lines, day int64
	s.must(s.db.Pool.QueryRow(s.ctx, `SELECT pg_relation_size('trail_chunk'), pg_total_relation_size(reltoastrelid), pg_indexes_size('trail_chunk'), (SELECT sum(length(line)) FROM trail_chunk), pg_total_relation_size('trail_day')
		FROM pg_class WHERE oid = 'trail_chunk'::regclass`).Scan(&heap, &toast, &index, &lines, &day))
	each := func(n int64) float64 { return float64(n) / float64(s.fixes) }
	s.say("B/fix: rows with their lines %.3f (lines %.3f), TOAST %.3f (bodies %.3f), indexes %.3f, trail_day %.3f", each(heap), each(lines), each(toast), each(body), each(index), each(day))
	s.raw, s.archived = float64(raw)/float64(s.fixes), float64(kept)/float64(s.fixes)
	s.b.ReportMetric(s.raw, "raw_B/fix")
	s.b.ReportMetric(s.archived, "B/fix")
	s.b.ReportMetric(float64(body)/float64(s.fixes), "chunk_B/fix")
	s.b.ReportMetric(s.raw/s.archived, "raw/archive")
}

// timed is the median of several times.
func (s *scale) timed(n int, do func()) float64 {
	var took []float64
	for range n {
		began := time.Now()
		do()
		took = append(took, float64(time.Since(began).Microseconds())/1000)
	}
	return median(took)
}

func (s *scale) play() {
	day := s.first + workday.Day(s.days/2)
	from, to := s.dayOf(day)
	whole := postgres.Reading{People: s.ids, From: from, To: to, Scope: []string{s.path}}
	var frames bytes.Buffer
	first := s.timed(5, func() {
		frames.Reset()
		s.must(whole.Overview(s.ctx, s.db.Pool, &frames, from, to))
	})
	if frames.Len() == 0 {
		s.b.Fatal("an empty overview")
	}
	s.b.ReportMetric(first, "first_ms")
	s.b.ReportMetric(float64(frames.Len())/1024, "first_KiB")
	hour := whole
	hour.From, hour.To = from.Add(10*time.Hour), from.Add(11*time.Hour)
	s.b.ReportMetric(s.timed(5, func() {
		frames.Reset()
		s.must(hour.Chunks(s.ctx, s.db.Pool, &frames, hour.From, hour.To))
	}), "hour_ms")
	read := func(a, b time.Time, workers []int64) (n int) {
		rows, err := s.db.Pool.Query(s.ctx, `SELECT worker_id, at, geom, accuracy, speed, course, flags, source FROM fix WHERE worker_id = ANY ($1) AND region_id = $2 AND at >= $3 AND at < $4 ORDER BY worker_id, at`,
			workers, s.ids[0].Region, a, b)
		s.must(err)
		for rows.Next() {
			n++
		}
		s.must(rows.Err())
		return n
	}
	var everybody []int64
	for _, p := range s.ids {
		everybody = append(everybody, p.ID)
	}
	rawDay := s.timed(3, func() { _ = read(from, to, everybody) })
	s.b.ReportMetric(rawDay, "raw_day_ms")
	s.b.ReportMetric(rawDay/first, "raw/first")
	s.b.ReportMetric(s.timed(3, func() { _ = read(hour.From, hour.To, everybody) }), "raw_hour_ms")
	one := s.ids[len(s.ids)/2]
	var fixes []trail.Fix
	kept := s.timed(21, func() {
		var err error
		fixes, err = postgres.DayFixes(s.ctx, s.db.Pool, one.Region, one.ID, from, to)
		s.must(err)
	})
	s.b.ReportMetric(kept, "worker_day_ms")
	s.b.ReportMetric(s.timed(21, func() {
		if n := read(from, to, []int64{one.ID}); n != len(fixes) {
			s.b.Fatalf("%d fixes in the archive, %d raw", len(fixes), n)
		}
	})/kept, "raw/worker_day")
	var chunks [][]byte
	for h := 0; h < len(fixes); h += 720 {
		chunks = append(chunks, trail.Encode(nil, fixes[h:min(h+720, len(fixes))]))
	}
	into := make([]trail.Fix, 0, len(fixes))
	s.b.ReportMetric(s.timed(101, func() {
		into = into[:0]
		for _, c := range chunks {
			var err error
			into, err = trail.Decode(into, c)
			s.must(err)
		}
	})*1000, "decode_us")
}

// playOn reads the whole day hour by hour, as a player does, and decodes it.
func (s *scale) playOn() {
	from, to := s.dayOf(s.first + workday.Day(s.days/2))
	hours, fixes := 0, []trail.Fix{}
	var frames bytes.Buffer
	began := time.Now()
	for at := from; at.Before(to); at = at.Add(time.Hour) {
		hour := postgres.Reading{People: s.ids, From: at, To: at.Add(time.Hour), Scope: []string{s.path}}
		frames.Reset()
		s.must(hour.Chunks(s.ctx, s.db.Pool, &frames, hour.From, hour.To))
		b := frames.Bytes()
		if len(b) > 0 {
			hours++
		}
		for len(b) > 0 {
			size := binary.LittleEndian.Uint32(b[4:])
			var err error
			fixes, err = trail.Decode(fixes[:0], b[8:8+size])
			s.must(err)
			b = b[8+size:]
		}
	}
	s.b.ReportMetric(float64(hours)*3600/time.Since(began).Seconds(), "x_played")
}

// today plays a day that is not in the archive, one of which all hours are but
// the one that goes on and half of the one before, and one to which fixes came
// late. The first picture is what is known when the playback is opened and the
// piece of the overview that is asked for first, from ten in the morning on; the
// baseline is the same run's reading of the raw day.
func (s *scale) today() {
	n := s.write(s.last)
	_, err := s.db.Pool.Exec(s.ctx, `ANALYZE fix`)
	s.must(err)
	from, to := s.dayOf(s.last)
	r := postgres.Reading{People: s.ids, From: from, To: to, Scope: []string{s.path}}
	ten := from.Add(10 * time.Hour)
	var frames bytes.Buffer
	picture := func(archived bool) {
		_, all, err := r.Heard(s.ctx, s.db.Pool)
		s.must(err)
		frames.Reset()
		s.must(r.Overview(s.ctx, s.db.Pool, &frames, ten.Add(-2*time.Minute), ten.Add(3*time.Minute)))
		if frames.Len() == 0 || all != archived {
			s.b.Fatalf("%d bytes of an overview, archived %v", frames.Len(), all)
		}
	}
	whole := func(what string) {
		frames.Reset()
		began := time.Now()
		s.must(r.Overview(s.ctx, s.db.Pool, &frames, r.From, r.To))
		if frames.Len() == 0 {
			s.b.Fatal("an empty overview")
		}
		s.b.ReportMetric(float64(time.Since(began).Milliseconds()), what)
	}
	first := s.timed(5, func() { picture(false) })
	s.b.ReportMetric(first, "unarchived_first_ms")
	s.b.ReportMetric(s.timed(3, func() {
		rows, err := s.db.Pool.Query(s.ctx, `SELECT worker_id, at, geom, accuracy, speed, course, flags, source FROM fix WHERE region_id = $1 AND at >= $2 AND at < $3 ORDER BY worker_id, at`, s.ids[0].Region, from, to)
		s.must(err)
		for rows.Next() {
		}
		s.must(rows.Err())
	})/first, "raw_day/unarchived_first")
	whole("unarchived_ms")
	now := from.Add(15*time.Hour + 50*time.Minute)
	for h := 9; h < 16; h++ {
		_, err := timekeeper.ArchiveTrails(s.ctx, s.db, from, from.Add(time.Duration(h)*time.Hour+50*time.Minute))
		s.must(err)
	}
	r.To = now
	whole("today_ms")
	_, err = s.db.Pool.Exec(s.ctx, `UPDATE trail_day SET dirty = true WHERE day = $1`, from.Add(12*time.Hour).UTC())
	s.must(err)
	r.To = to
	s.b.ReportMetric(s.timed(5, func() { picture(false) }), "late_first_ms")
	s.say("a day of %d fixes, played before it was archived and at %s", n, now.Format(time.TimeOnly))
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}
