package postgres_test

import (
	"context"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/gridward/gridward/fixtures"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/metric"
	"github.com/gridward/gridward/server/pgtest"
	"github.com/gridward/gridward/server/postgres"
)

// BenchmarkMillion fills a database with a million archived cases and twenty
// thousand open ones, which takes minutes, and measures what a desk asks of it
// all day: pages of lists with their counts, queues, the figures of the
// overview, and statistics of a month and of a year with the periods they are
// held against. The baseline is fifty bare rows by the primary key, through
// the same pool. Run it with -benchtime 1x; GRIDWARD_MILLION names another
// number of archived cases, GRIDWARD_MILLION_URL a database that is full already.
func BenchmarkMillion(b *testing.B) {
	for b.Loop() {
		million(b)
	}
}

// filled is a database full of cases: the one at GRIDWARD_MILLION_URL, or a fresh one.
func filled(b *testing.B, now time.Time) *postgres.DB {
	ctx := b.Context()
	if url := os.Getenv("GRIDWARD_MILLION_URL"); url != "" {
		db, err := postgres.Open(ctx, url, postgres.Options{MaxConns: 4})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(db.Close)
		return db
	}
	db := pgtest.New(b)
	street, err := fixtures.Street()
	if err != nil {
		b.Fatal(err)
	}
	if err := postgres.SeedStreet(ctx, db, street); err != nil {
		b.Fatal(err)
	}
	archived := int64(1_000_000)
	if n, err := strconv.ParseInt(os.Getenv("GRIDWARD_MILLION"), 10, 64); err == nil {
		archived = n
	}
	if err := postgres.AddCases(ctx, db, postgres.Bulk{RegionCode: fixtures.StreetCode, Seed: 1, Now: now, Days: 730, Batch: 50_000}, archived, archived/50, func(int64) {}); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(archived+archived/50)/time.Since(now).Seconds(), "filled/s")
	return db
}

func million(b *testing.B) {
	ctx, now := b.Context(), time.Now()
	db := filled(b, now)
	place := func(code string) (id int64, scope []string) {
		var path string
		if err := db.Pool.QueryRow(ctx, `SELECT id, path FROM org WHERE code = $1`, code).Scan(&id, &path); err != nil {
			b.Fatal(err)
		}
		return id, []string{path}
	}
	top, all := place(fixtures.StreetCode)
	dept, ofDept := place(fixtures.StreetCode + "-KS03")
	station, ofStation := place(fixtures.StreetCode + "003")
	yes := func(_ any, err error) error { return err }
	p50 := func(name string, ask func(context.Context) error) float64 {
		var took []float64
		for i := range 12 {
			began := time.Now()
			if err := ask(ctx); err != nil {
				b.Fatalf("%s: %v", name, err)
			}
			if i > 1 { // twice to warm up
				took = append(took, float64(time.Since(began).Microseconds())/1000)
			}
		}
		slices.Sort(took)
		b.ReportMetric(took[len(took)/2], name)
		return took[len(took)/2]
	}
	bare := p50("bare_ms", func(ctx context.Context) error {
		rows, err := db.Pool.Query(ctx, `SELECT * FROM incident ORDER BY id DESC LIMIT 50`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			if _, err := rows.Values(); err != nil {
				return err
			}
		}
		return rows.Err()
	})
	worst := 0.0
	list := func(name string, f postgres.IncidentFilter) float64 {
		f.Now, f.Limit = now, 51
		took := p50(name, func(ctx context.Context) error { return yes(postgres.ListIncidents(ctx, db.Pool, f, true)) })
		worst = max(worst, took)
		return took
	}
	page := list("newest_ms", postgres.IncidentFilter{Scope: all})
	list("archived_ms", postgres.IncidentFilter{Scope: all, State: "archived"})
	list("late_ms", postgres.IncidentFilter{Scope: all, SLA: "late", Due: true})
	list("mine_ms", postgres.IncidentFilter{Scope: all, Queue: incident.QueueMine, Acting: postgres.Acting{Orgs: []int64{top}}, Due: true})
	list("tier_ms", postgres.IncidentFilter{Scope: all, Tier: 4, Source: "alarm"})
	list("owner_ms", postgres.IncidentFilter{Scope: all, Owner: &dept})
	list("dept_ms", postgres.IncidentFilter{Scope: ofDept})
	list("dept_mine_ms", postgres.IncidentFilter{Scope: ofDept, Queue: incident.QueueMine, Acting: postgres.Acting{Depts: []int64{dept}}, Due: true})
	list("station_ms", postgres.IncidentFilter{Scope: ofStation, Category: "CJ"})
	list("station_mine_ms", postgres.IncidentFilter{Scope: ofStation, Queue: incident.QueueMine, Acting: postgres.Acting{Depts: []int64{station}, Orgs: []int64{station}}, Due: true})
	b.ReportMetric(worst, "worst_ms")
	b.ReportMetric(bare/page, "bare/page")
	p50("queues_ms", func(ctx context.Context) error {
		return yes(postgres.OpenCases(ctx, db.Pool, all, 1, postgres.Acting{Orgs: []int64{top}}, now))
	})
	p50("overview_ms", func(ctx context.Context) error {
		return yes(postgres.CaseCounts(ctx, db.Pool, now.Truncate(24*time.Hour)))
	})
	statistic := func(name string, p metric.Span) {
		p50(name, func(ctx context.Context) error {
			for _, p := range []metric.Span{p, p.Before(), p.LastYear()} {
				for _, cohort := range metric.Cohorts() {
					if _, err := postgres.CountAlike(ctx, db.Pool, cohort, postgres.StatisticFilter{Scope: all, From: p.From, To: p.To, Now: now, By: "org"}); err != nil {
						return err
					}
				}
			}
			return nil
		})
	}
	statistic("month_ms", metric.Span{From: now.AddDate(0, -2, 0), To: now.AddDate(0, -1, 0)})
	statistic("year_ms", metric.Span{From: now.AddDate(-1, 0, 0), To: now})
}
