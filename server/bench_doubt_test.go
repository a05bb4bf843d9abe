package main

import (
	"context"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gridward/gridward/geo/trail"
	"github.com/gridward/gridward/server/desk"
	"github.com/gridward/gridward/server/patrol"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/simulate"
	"github.com/gridward/gridward/server/workday"
)

// BenchmarkDoubts looks for doubts in the last day of many people, each with
// four weeks of days behind it: a copied day, two phones in one pocket and a
// made-up track among them. The baseline compares the fixes themselves, of
// each earlier day and of everybody else, at the same time of day alone; the
// house compares signatures at every lag first. GRIDWARD_DOUBT_WORKERS and
// GRIDWARD_DOUBT_DAYS make it larger.
func BenchmarkDoubts(b *testing.B) {
	workers, days := scaleOf(b, "GRIDWARD_DOUBT_WORKERS", 60), scaleOf(b, "GRIDWARD_DOUBT_DAYS", 30)
	for b.Loop() {
		s := newScale(b, workers, days)
		n := s.doubtful()
		d := desk.New(s.db, nil, time.Now, func(int64) {})
		last := s.first + workday.Day(days-1)
		at := func(i int) postgres.WorkerDay {
			return postgres.WorkerDay{Region: s.ids[i].Region, Worker: s.ids[i].ID, Day: last.Start()}
		}
		began := time.Now()
		for i := range s.people {
			s.must(d.CheckDoubts(s.ctx, at(i)))
		}
		first := time.Since(began)
		began = time.Now() // as if something had come late for everybody: now all of the day's signatures are there
		for i := range s.people {
			s.must(d.CheckDoubts(s.ctx, at(i)))
		}
		night := max(first, time.Since(began))
		var raised int
		s.must(s.db.Pool.QueryRow(s.ctx, `SELECT count(*) FROM doubt WHERE state = 'raised'`).Scan(&raised))
		if raised != n {
			b.Fatalf("%d doubts of %d", raised, n)
		}
		few := min(5, workers)
		began = time.Now()
		for i := range few {
			s.plain(i)
		}
		plain := time.Since(began).Seconds() / float64(few)
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(night.Seconds(), "night_s")
		b.ReportMetric(night.Seconds()*1000/float64(workers), "worker_day_ms")
		b.ReportMetric(plain*1000, "plain_ms")
		b.ReportMetric(plain/(night.Seconds()/float64(workers)), "plain/house")
		b.Logf("%d people with %d days behind each: the night took %v", workers, days-1, night)
	}
}

// doubtful fills the last day of everybody and the signatures of the days before
// (and their fixes, of a few), and returns how many days should be looked at.
func (s *scale) doubtful() int {
	ground, err := simulate.Street()
	s.must(err)
	const few = 5
	outings := make([][]simulate.Outing, len(s.people))
	var all errgroup.Group
	all.SetLimit(2)
	for i, p := range s.people {
		all.Go(func() error {
			for k := range s.days {
				from := (s.first + workday.Day(k)).Start().Add(8*time.Hour + time.Duration(i%600)*time.Second)
				outings[i] = append(outings[i], ground.Outing(p.Grids[0], uint64(i*1000+k), simulate.Plan{From: from, Long: 3 * time.Hour, Step: 5 * time.Second}))
			}
			return nil
		})
	}
	s.must(all.Wait())
	last := s.days - 1
	outings[0][last] = outings[0][last/2].Again(time.Duration(last-last/2) * 24 * time.Hour)
	outings[1][last] = ground.Outing(s.people[1].Grids[0], 77, simulate.Plan{From: outings[1][last].From, Long: 3 * time.Hour, Step: 5 * time.Second, Habit: simulate.Mocking})
	past := make([]postgres.PastOuting, 0, len(s.people)+few*s.days)
	for i, p := range s.people {
		for k, o := range outings[i] {
			if k == last || i < few {
				past = append(past, postgres.PastOuting{Worker: p.Code, Session: o.Session, Purpose: o.Purpose, From: o.From, To: o.To, Fixes: o.Fixes})
			}
			if k == last {
				continue
			}
			day := (s.first + workday.Day(k)).Start()
			s.must(postgres.PutSignature(s.ctx, s.db.Pool, postgres.WorkerDay{Region: s.ids[i].Region, Worker: s.ids[i].ID, Day: day}, patrol.NewSignature(o.Fixes, day.UnixMilli())))
		}
	}
	n, err := postgres.AddPast(s.ctx, s.db, postgres.Past{Outings: past})
	s.must(err)
	s.b.Logf("%d fixes and %d signatures written", n, len(s.people)*last)
	_, err = s.db.Pool.Exec(s.ctx, `ANALYZE fix, track_signature`)
	s.must(err)
	return 2
}

// plain is the comparison without signatures: every fix of the earlier days and of everybody else's day is read.
func (s *scale) plain(i int) {
	p := patrol.DefaultDoubtPolicy()
	last := s.first + workday.Day(s.days-1)
	read := func(ctx context.Context, worker int64, day workday.Day) []trail.Fix {
		fixes, err := postgres.DayFixes(ctx, s.db.Pool, s.ids[i].Region, worker, day.Start(), day.Start().Add(24*time.Hour))
		s.must(err)
		return fixes
	}
	mine := read(s.ctx, s.ids[i].ID, last)
	for day := s.first; day < last; day++ {
		then := read(s.ctx, s.ids[i].ID, day)
		_, _ = patrol.FindReplay(mine, last.Start().UnixMilli(), []patrol.Earlier{{Day: day.String(), Start: day.Start().UnixMilli(), Lags: []int{0}, Fixes: then}}, p)
	}
	for k := range s.ids {
		if k != i {
			_, _ = patrol.FindTwin(mine, []patrol.Peer{{Worker: s.ids[k].ID, Fixes: read(s.ctx, s.ids[k].ID, last)}}, p)
		}
	}
}
