package api

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/metric"
	"github.com/gridward/gridward/server/postgres"
)

// Statistics: every number and every ratio of the dictionary (metric.Counts,
// metric.Rates), laid out by a property of the cases, with the same of the
// period before and of last year. Every number opens to exactly its cases.

// StatisticQuery is which statistics are wanted: exported, so that its fields are read where it is embedded.
type StatisticQuery struct {
	From     string `query:"from" maxLength:"40" doc:"a day (2026-11-01) or an instant; 30 days ago unless told"`
	To       string `query:"to" maxLength:"40" doc:"a day, which is included, or an instant, which is not; now unless told"`
	By       string `query:"by" enum:"org,category,kind,tier,source,worker,department" default:"org" doc:"org: whose ground; category: the seven, kind: their kinds; worker and department: who handles"`
	Org      int64  `query:"org" doc:"only on this ground or handled from here, and below"`
	Category string `query:"category" doc:"only this category and those below it"`
}

// period reads what the caller asks for.
func (in StatisticQuery) period(now time.Time) (p metric.Span, err error) {
	zone := incident.BusinessZone()
	read := func(field, text string, missing time.Time, lastDay bool) time.Time {
		if text == "" {
			return missing
		}
		if day, bad := time.ParseInLocation(time.DateOnly, text, zone); bad == nil {
			if lastDay {
				day = day.AddDate(0, 0, 1)
			}
			return day.UTC()
		}
		at, bad := time.Parse(time.RFC3339Nano, text)
		if bad != nil && err == nil {
			err = fault.New(fault.Invalid, "日期应为 2026-11-01 或带时区的时刻").At(field)
		}
		return at.UTC()
	}
	y, m, d := now.In(zone).Date()
	p.From = read("from", in.From, time.Date(y, m, d-29, 0, 0, 0, 0, zone).UTC(), false)
	p.To = read("to", in.To, time.Date(y, m, d+1, 0, 0, 0, 0, zone).UTC(), true)
	if err == nil && (!p.From.Before(p.To) || p.To.Sub(p.From) > 10*366*24*time.Hour) {
		err = fault.New(fault.Invalid, "统计期间应从早到晚，不超过十年")
	}
	return p, err
}

func (in StatisticQuery) filter(who access.Session, p metric.Span, now time.Time) postgres.StatisticFilter {
	return postgres.StatisticFilter{Scope: who.Scope(access.SeeStatistic), From: p.From, To: p.To, Now: now, By: in.By, Org: some(in.Org), Category: in.Category}
}

// figures are the numbers and ratios of some cases.
type figures struct {
	Counters  map[string]int64          `json:"counters"`
	Rates     map[string]metric.Ratio   `json:"rates"`
	Durations map[string]metric.Minutes `json:"durations" doc:"working minutes"`
}

type statisticRow struct {
	Key  string `json:"key" doc:"what GET /statistics/cases takes as key; empty: without one"`
	Name string `json:"name"`
	figures
	MoM map[string]metric.Ratio `json:"mom" doc:"环比: each number against the period before"`
	YoY map[string]metric.Ratio `json:"yoy" doc:"同比: each number against the same period last year"`
}

type statisticBody struct {
	At         time.Time         `json:"at"`
	Period     metric.Span       `json:"period"`
	Previous   metric.Span       `json:"previous"`
	LastYear   metric.Span       `json:"last_year"`
	By         string            `json:"by"`
	Rows       []statisticRow    `json:"rows"`
	Totals     statisticRow      `json:"totals"`
	Dictionary []dictionaryEntry `json:"dictionary"`
}

// dictionaryEntry is a number; with Over and Under, a ratio; with Under and a Unit, a duration.
type dictionaryEntry struct {
	Code    string        `json:"code"`
	Name    string        `json:"name"`
	Cohort  metric.Cohort `json:"cohort,omitempty" doc:"of a number: by which instant a case falls into the period"`
	Over    string        `json:"numerator,omitempty"`
	Under   string        `json:"denominator,omitempty" doc:"of a duration: whose cases"`
	Unit    string        `json:"unit,omitempty" doc:"of a duration: min, working minutes"`
	Better  int           `json:"better" doc:"of a ratio: 1 more is better, -1 less is, 0 neither"`
	Explain string        `json:"explain"`
}

func dictionary() (list []dictionaryEntry) {
	for _, c := range metric.Counts() {
		list = append(list, dictionaryEntry{Code: c.Code, Name: c.Name, Cohort: c.Cohort, Explain: c.Explain})
	}
	for _, r := range metric.Rates() {
		list = append(list, dictionaryEntry{Code: r.Code, Name: r.Name, Over: r.Over, Under: r.Under, Better: r.Better, Explain: r.Explain})
	}
	for _, d := range metric.Durations() {
		list = append(list, dictionaryEntry{Code: d.Code, Name: d.Name, Under: d.Cases, Unit: "min", Better: -1, Explain: d.Explain})
	}
	return list
}

// table of cases by key and cohort.
type tallied map[string]map[metric.Cohort][]metric.Alike

func keyOf(r postgres.StatisticRow) string {
	switch {
	case r.Num != nil:
		return strconv.FormatInt(*r.Num, 10)
	case r.Word != nil:
		return *r.Word
	}
	return ""
}

// tally reads all cohorts of several periods side by side.
func (a *API) tally(ctx context.Context, filters ...postgres.StatisticFilter) ([]tallied, error) {
	cohorts := metric.Cohorts()
	found := make([][]postgres.StatisticRow, len(filters)*len(cohorts))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(2) // a report must not take the pool from the desk
	for i, f := range filters {
		for j, cohort := range cohorts {
			group.Go(func() (err error) {
				found[i*len(cohorts)+j], err = postgres.CountAlike(ctx, a.DB.Pool, cohort, f)
				return err
			})
		}
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	out := make([]tallied, len(filters))
	for i := range filters {
		out[i] = tallied{}
		for j, cohort := range cohorts {
			for _, r := range found[i*len(cohorts)+j] {
				key := keyOf(r)
				if out[i][key] == nil {
					out[i][key] = map[metric.Cohort][]metric.Alike{}
				}
				out[i][key][cohort] = append(out[i][key][cohort], metric.Alike{Tally: r.Tally, Past: r.Past, N: r.N})
			}
		}
	}
	return out, nil
}

// lengths are how long the stretches took, by key, and in all.
type lengths struct {
	by    map[string]map[metric.Stretch]metric.Lengths
	whole map[metric.Stretch]metric.Lengths
}

func (a *API) lengths(ctx context.Context, f postgres.StatisticFilter) (lengths, error) {
	out := lengths{map[string]map[metric.Stretch]metric.Lengths{}, map[metric.Stretch]metric.Lengths{}}
	for _, d := range metric.Durations() {
		if _, done := out.whole[d.Stretch]; done {
			continue
		}
		cases, _ := metric.CountByCode(d.Cases)
		rows, err := postgres.MeasureLengths(ctx, a.DB.Pool, d.Stretch, cases, f)
		if err != nil {
			return out, err
		}
		for _, r := range rows {
			if r.Whole {
				out.whole[d.Stretch] = r.Lengths
				continue
			}
			key := keyOf(postgres.StatisticRow{Num: r.Num, Word: r.Word})
			if out.by[key] == nil {
				out.by[key] = map[metric.Stretch]metric.Lengths{}
			}
			out.by[key][d.Stretch] = r.Lengths
		}
	}
	return out, nil
}

func numbers(cases map[metric.Cohort][]metric.Alike) map[string]int64 {
	n := map[string]int64{}
	for _, c := range metric.Counts() {
		n[c.Code] = c.Of(cases[c.Cohort])
	}
	return n
}

func withRates(n map[string]int64, took map[metric.Stretch]metric.Lengths) figures {
	f := figures{n, map[string]metric.Ratio{}, map[string]metric.Minutes{}}
	for _, d := range metric.Durations() {
		f.Durations[d.Code] = d.Of(took[d.Stretch])
	}
	for _, r := range metric.Rates() {
		f.Rates[r.Code] = metric.NewRatio(n[r.Over], n[r.Under])
	}
	return f
}

func changes(now, before map[string]int64) map[string]metric.Ratio {
	out := map[string]metric.Ratio{}
	for code, n := range now {
		out[code] = metric.Change(n, before[code])
	}
	return out
}

func (a *API) statistics(ctx context.Context, who access.Session, in *StatisticQuery) (*statisticBody, error) {
	now := a.Clock()
	p, err := in.period(now)
	if err != nil {
		return nil, err
	}
	b := &statisticBody{At: now.UTC(), Period: p, Previous: p.Before(), LastYear: p.LastYear(), By: in.By, Dictionary: dictionary()}
	periods := []metric.Span{b.Period, b.Previous}
	if b.LastYear != b.Previous {
		periods = append(periods, b.LastYear)
	}
	filters := make([]postgres.StatisticFilter, len(periods))
	for i, p := range periods {
		filters[i] = in.filter(who, p, now)
	}
	by, err := a.tally(ctx, filters...)
	if err != nil {
		return nil, err
	}
	if len(by) == 2 {
		by = append(by, by[1])
	}
	took, err := a.lengths(ctx, filters[0])
	if err != nil {
		return nil, err
	}
	names, err := a.statisticNames(ctx, who, in.By, slices.Sorted(maps.Keys(by[0])))
	if err != nil {
		return nil, err
	}
	var sums [3]map[string]int64
	for i := range sums {
		sums[i] = map[string]int64{}
		for _, cases := range by[i] {
			for code, n := range numbers(cases) {
				sums[i][code] += n
			}
		}
	}
	b.Rows = make([]statisticRow, 0, len(by[0]))
	for key, cases := range by[0] {
		n := numbers(cases)
		if !slices.ContainsFunc(slices.Collect(maps.Values(n)), func(n int64) bool { return n > 0 }) {
			continue // drills and void cases alone
		}
		b.Rows = append(b.Rows, statisticRow{key, names(key), withRates(n, took.by[key]), changes(n, numbers(by[1][key])), changes(n, numbers(by[2][key]))})
	}
	slices.SortFunc(b.Rows, func(x, y statisticRow) int {
		return cmp.Or(cmp.Compare(len(x.Key), len(y.Key)), cmp.Compare(x.Key, y.Key))
	})
	b.Totals = statisticRow{"", "合计", withRates(sums[0], took.whole), changes(sums[0], sums[1]), changes(sums[0], sums[2])}
	return b, nil
}

// statisticNames returns what names the keys of a layout.
func (a *API) statisticNames(ctx context.Context, who access.Session, by string, keys []string) (func(key string) string, error) {
	var (
		ids   []int64
		named map[int64]string
		err   error
	)
	for _, k := range keys {
		if id, bad := strconv.ParseInt(k, 10, 64); bad == nil {
			ids = append(ids, id)
		}
	}
	missing, words := "未填", map[string]string{}
	switch by {
	case "org", "department":
		missing = "未派遣"
		named, err = postgres.OrgNames(ctx, a.DB.Pool, ids)
	case "worker":
		missing = "未派到人"
		named, err = postgres.WorkerNames(ctx, a.DB.Pool, ids, func(name, path string) string { return personName(who, name, path) })
	case "tier":
		missing = metric.TierName(0)
		named = map[int64]string{}
		for _, t := range []int16{1, 2, 3, 4} {
			named[int64(t)] = metric.TierName(t)
		}
	case "source":
		words = incident.Sources()
	default:
		var list []postgres.Category
		list, err = postgres.Categories(ctx, a.DB.Pool)
		for _, c := range list {
			words[c.Code] = c.Name
		}
	}
	return func(key string) string {
		id, _ := strconv.ParseInt(key, 10, 64)
		return cmp.Or(named[id], words[key], map[bool]string{true: missing, false: key}[key == ""])
	}, err
}

// book lays the statistics out as a workbook: numbers, ratios, and what they mean.
func (b statisticBody) book() []sheet {
	count, rate, took := sheet{name: "数量", head: []string{"名称"}}, sheet{name: "比率", head: []string{"名称"}}, sheet{name: "时长", head: []string{"名称"}}
	for _, d := range metric.Durations() {
		took.head = append(took.head, d.Name+"(工作分钟)", d.Name)
	}
	for _, c := range metric.Counts() {
		count.head = append(count.head, c.Name)
	}
	for _, r := range metric.Rates() {
		rate.head = append(rate.head, r.Name+"(%)")
	}
	for _, row := range append(slices.Clone(b.Rows), b.Totals) {
		c, r, m := []any{row.Name}, []any{row.Name}, []any{row.Name}
		for _, d := range metric.Durations() {
			if v := row.Durations[d.Code].Value; v != nil {
				m = append(m, *v, hoursText(*v))
			} else {
				m = append(m, "—", "—")
			}
		}
		for _, k := range metric.Counts() {
			c = append(c, row.Counters[k.Code])
		}
		for _, k := range metric.Rates() {
			if v := row.Rates[k.Code].Value; v != nil {
				r = append(r, *v)
			} else {
				r = append(r, "—")
			}
		}
		count.rows, rate.rows, took.rows = append(count.rows, c), append(rate.rows, r), append(took.rows, m)
	}
	change := sheet{name: "同比环比", head: []string{"指标", "本期", "上期", "环比(%)", "去年同期", "同比(%)"}}
	for _, k := range metric.Counts() {
		mom, yoy := b.Totals.MoM[k.Code], b.Totals.YoY[k.Code]
		change.rows = append(change.rows, []any{k.Name, b.Totals.Counters[k.Code], mom.D, percent(mom), yoy.D, percent(yoy)})
	}
	words := sheet{name: "指标说明", head: []string{"指标", "算法"}}
	for _, d := range b.Dictionary {
		words.rows = append(words.rows, []any{d.Name, d.Explain})
	}
	words.rows = append(words.rows, []any{"网格在线率", "即时指标，不按期间统计，见总览"})
	words.rows = append(words.rows, []any{"统计期间", localTime(b.Period.From) + " 至 " + localTime(b.Period.To)})
	return []sheet{count, rate, took, change, words}
}

// hoursText is a working duration in words: hours are not made into days, whose length differs.
func hoursText(minutes int64) string {
	switch h, m := minutes/60, minutes%60; {
	case h == 0:
		return fmt.Sprintf("%d 分钟", m)
	case m == 0:
		return fmt.Sprintf("%d 小时", h)
	default:
		return fmt.Sprintf("%d 小时 %d 分", h, m)
	}
}

func percent(r metric.Ratio) any {
	if r.Value == nil {
		return "—"
	}
	return *r.Value
}

type casesQuery struct {
	Paging
	StatisticQuery
	Metric string `query:"metric" required:"true" doc:"code of a number; of a ratio its numerator is meant, with part=d its denominator"`
	Part   string `query:"part" enum:"n,d," default:"n"`
	Key    string `query:"key" maxLength:"60" doc:"of a row; with keyed=false, the totals"`
	Keyed  bool   `query:"keyed" default:"true"`
}

// behind reads which number it is whose cases are wanted.
func (in casesQuery) behind() (f postgres.StatisticCases, err error) {
	code := in.Metric
	for _, r := range metric.Rates() {
		if r.Code == in.Metric {
			if code = r.Over; in.Part == "d" {
				code = r.Under
			}
		}
	}
	for _, d := range metric.Durations() {
		if d.Code == in.Metric {
			code = d.Cases
		}
	}
	var ok bool
	if f.Count, ok = metric.CountByCode(code); !ok {
		return f, fault.New(fault.Invalid, "没有这个指标").At("metric")
	}
	f.Keyed = in.Keyed
	if in.Key != "" {
		switch in.By {
		case "org", "department", "worker", "tier":
			n, bad := strconv.ParseInt(in.Key, 10, 64)
			if bad != nil {
				return f, fault.Because(bad, fault.Invalid, "没有这一行")
			}
			f.Num = &n
		default:
			f.Word = &in.Key
		}
	} else if in.By == "category" || in.By == "kind" || in.By == "source" {
		f.Word = &in.Key // a case without a category has an empty one
	}
	return f, nil
}

type trendQuery struct {
	From     string `query:"from" maxLength:"40"`
	To       string `query:"to" maxLength:"40"`
	Bucket   string `query:"bucket" enum:"day,hour" default:"day" doc:"hour: at most 31 days"`
	Org      int64  `query:"org"`
	Category string `query:"category"`
}

type trendPoint struct {
	At time.Time `json:"at" doc:"when the day or hour begins, in the business zone"`
	figures
}

type trendBody struct {
	Bucket string       `json:"bucket"`
	Period metric.Span  `json:"period"`
	Points []trendPoint `json:"points"`
}

func (a *API) trend(ctx context.Context, who access.Session, in *trendQuery) (*trendBody, error) {
	now := a.Clock()
	q := StatisticQuery{From: in.From, To: in.To, By: in.Bucket, Org: in.Org, Category: in.Category}
	p, err := q.period(now)
	if err != nil {
		return nil, err
	}
	step := 24 * time.Hour
	if in.Bucket == "hour" {
		step = time.Hour
	}
	if p.To.Sub(p.From) > 31*24*time.Hour && in.Bucket == "hour" || p.To.Sub(p.From) > 5*366*24*time.Hour {
		return nil, fault.New(fault.Invalid, "期间太长：按小时最多 31 天，按天最多五年")
	}
	by, err := a.tally(ctx, q.filter(who, p, now))
	if err != nil {
		return nil, err
	}
	took, err := a.lengths(ctx, q.filter(who, p, now))
	if err != nil {
		return nil, err
	}
	b := &trendBody{Bucket: in.Bucket, Period: p}
	_, offset := p.From.In(incident.BusinessZone()).Zone()
	shift := time.Duration(offset) * time.Second // the zone keeps one offset all year
	for at := p.From.Add(shift).Truncate(step).Add(-shift); at.Before(p.To); at = at.Add(step) {
		key := strconv.FormatInt(at.Unix(), 10)
		b.Points = append(b.Points, trendPoint{at, withRates(numbers(by[0][key]), took.by[key])})
	}
	return b, nil
}

func (a *API) statisticRoutes() {
	route(a, http.MethodGet, "/statistics", "The numbers and ratios of a period, each opening to its cases", power(access.SeeStatistic), func(ctx context.Context, who access.Session, in *StatisticQuery) (*struct{ Body statisticBody }, error) {
		b, err := a.statistics(ctx, who, in)
		if err != nil {
			return nil, err
		}
		return &struct{ Body statisticBody }{*b}, nil
	})

	route(a, http.MethodGet, "/statistics.xlsx", "The same as a workbook", power(access.SeeStatistic), func(ctx context.Context, who access.Session, in *StatisticQuery) (*struct {
		ListHead
		Body statisticBody
	}, error) {
		b, err := a.statistics(ctx, who, in)
		if err != nil {
			return nil, err
		}
		if err := a.audit(ctx, a.DB.Pool, who, "statistics.exported", "", map[string]any{"by": in.By, "from": b.Period.From, "to": b.Period.To}); err != nil {
			return nil, err
		}
		return &struct {
			ListHead
			Body statisticBody
		}{head(Paging{Format: "xlsx"}, "statistics", a.Clock()), *b}, nil
	})

	route(a, http.MethodGet, "/statistics/cases", "The cases behind a number: as many as it says", power(access.SeeStatistic), func(ctx context.Context, who access.Session, in *casesQuery) (*struct {
		ListHead
		Body incidentList
	}, error) {
		now := a.Clock()
		p, err := in.period(now)
		if err != nil {
			return nil, err
		}
		f, err := in.behind()
		if err != nil {
			return nil, err
		}
		f.StatisticFilter, f.Limit = in.filter(who, p, now), in.rows()
		var after incident.ListCursor
		if ok, err := in.read(&after); err != nil {
			return nil, err
		} else if ok {
			f.After = &after
		}
		found, when, err := postgres.CasesBehind(ctx, a.DB.Pool, f)
		if err != nil {
			return nil, err
		}
		if err := a.exported(ctx, in.Paging, who, "incidents.exported", in.Metric, map[string]any{"rows": len(found.Incidents), "format": in.Format, "by": in.By, "key": in.Key}); err != nil {
			return nil, err
		}
		list, next := cut(in.Paging, found.Incidents, func(i incident.Incident) any {
			at := when[i.ID]
			return incident.ListCursor{At: &at, ID: i.ID}
		})
		list = onScreen(who, list)
		return &struct {
			ListHead
			Body incidentList
		}{head(in.Paging, "cases", now), incidentList{list, next, found.Total, false}}, nil
	})

	route(a, http.MethodGet, "/statistics/trend", "The same numbers day by day or hour by hour", power(access.SeeStatistic), func(ctx context.Context, who access.Session, in *trendQuery) (*struct{ Body trendBody }, error) {
		b, err := a.trend(ctx, who, in)
		if err != nil {
			return nil, err
		}
		return &struct{ Body trendBody }{*b}, nil
	})
}
