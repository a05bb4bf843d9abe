package postgres_test

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/pgtest"
	"github.com/gridward/gridward/server/postgres"
)

// town is a street with two communities and two departments, and a street
// beside it, all full of scattered cases.
type town struct {
	db    *postgres.DB
	org   map[string]int64
	path  map[string]string
	cases []pgtest.Case
	now   time.Time
}

func newTown(t *testing.T, n int) *town {
	t.Helper()
	w := &town{db: pgtest.New(t), org: map[string]int64{}, path: map[string]string{}, now: time.Now().Truncate(time.Second)}
	for i, o := range []struct{ name, parent, kind string }{
		{"明湖街道", "", "street"}, {"东湖社区", "明湖街道", "community"}, {"西山社区", "明湖街道", "community"}, {"执法队", "明湖街道", "department"}, {"执法一中队", "执法队", "department"}, {"应急办", "明湖街道", "department"},
		{"邻街道", "", "street"}, {"邻社区", "邻街道", "community"},
	} {
		var id int64
		region, parent := "明湖街道", o.parent
		if i >= 6 {
			region = "邻街道"
		}
		err := w.db.Pool.QueryRow(t.Context(), `INSERT INTO org (region_id, parent_id, path, code, kind, name) VALUES ($1, NULLIF($2::bigint, 0), '', $3, $4, $5) RETURNING id`, w.org[region], w.org[parent], fmt.Sprint(i), o.kind, o.name).Scan(&id)
		if err != nil {
			t.Fatal(err)
		}
		w.org[o.name], w.path[o.name] = id, fmt.Sprintf("%s%d.", w.path[parent], id)
		if _, err := w.db.Pool.Exec(t.Context(), `UPDATE org SET path = $2, region_id = CASE WHEN region_id = 0 THEN id ELSE region_id END WHERE id = $1`, id, w.path[o.name]); err != nil {
			t.Fatal(err)
		}
		if parent == "" {
			if _, err := w.db.Pool.Exec(t.Context(), `INSERT INTO region (id) VALUES ($1)`, id); err != nil {
				t.Fatal(err)
			}
		}
	}
	depts := []int64{w.org["执法队"], w.org["执法一中队"], w.org["应急办"]}
	w.cases = pgtest.Scatter(t, w.db, 1, n, w.org["明湖街道"], []int64{w.org["东湖社区"], w.org["西山社区"], w.org["明湖街道"]}, depts, 7, w.now)
	w.cases = append(w.cases, pgtest.Scatter(t, w.db, 2, n/4, w.org["邻街道"], []int64{w.org["邻社区"]}, depts, 0, w.now)...) // next door, sometimes sent to us
	return w
}

// sees is the oracle of who sees a case.
func (w *town) sees(scope []string, c pgtest.Case) bool {
	under := func(org int64) bool {
		for name, id := range w.org {
			if id == org {
				return slices.ContainsFunc(scope, func(s string) bool { return strings.HasPrefix(w.path[name], s) })
			}
		}
		return false
	}
	return under(c.OrgID) || c.Party != 0 && under(c.Party)
}

func due(c pgtest.Case) time.Time {
	d := time.Unix(1<<40, 0)
	for _, at := range []*time.Time{c.StageDue, c.CaseDue} {
		if at != nil && at.Before(d) && !c.Paused {
			d = *at
		}
	}
	return d
}

func warn(c pgtest.Case) time.Time {
	c.StageDue, c.CaseDue = c.StageWarn, c.CaseWarn
	return due(c)
}

// Every filter, both orders, page by page, held against the cases themselves.
func TestListsHoldExactlyWhatIsAskedFor(t *testing.T) {
	t.Parallel()
	w := newTown(t, 400)
	ctx := t.Context()
	r := rand.New(rand.NewPCG(3, 3))
	pick := func(all ...string) string { return all[r.IntN(len(all))] }
	scopes := map[string][]string{"street": {w.path["明湖街道"]}, "community": {w.path["东湖社区"]}, "department": {w.path["执法队"]}, "both": {w.path["西山社区"], w.path["应急办"]}, "next door": {w.path["邻街道"]}, "all": {""}}
	names := slices.Sorted(maps.Keys(scopes))
	long := 0
	for round := range 96 {
		place := names[r.IntN(len(names))]
		f := postgres.IncidentFilter{Scope: scopes[place], Now: w.now, Limit: 20 + r.IntN(80)}
		open := func(c pgtest.Case) bool { return !incident.State(c.State).Over() }
		keep := []func(pgtest.Case) bool{func(c pgtest.Case) bool { return w.sees(f.Scope, c) }}
		with := func(ok func(pgtest.Case) bool) { keep = append(keep, ok) }
		switch round % 12 {
		case 0:
			f.State = pick("archived", "handling", "returned", "void")
			with(func(c pgtest.Case) bool { return c.State == f.State })
		case 1:
			f.Urgency, f.Kind = "critical", pick("", "sos", "incident")
			with(func(c pgtest.Case) bool { return c.Urgency == "critical" && (f.Kind == "" || c.Kind == f.Kind) })
		case 2:
			f.Category = pick("01", "02-1")
			with(func(c pgtest.Case) bool {
				return c.Category == f.Category || strings.HasPrefix(c.Category, f.Category+"-")
			})
		case 3:
			f.Tier, f.Source = int16(1+r.IntN(4)), pick("", "patrol", "alarm")
			with(func(c pgtest.Case) bool {
				return c.Tier != nil && *c.Tier == f.Tier && (f.Source == "" || c.Source == f.Source)
			})
		case 4:
			org := w.org["西山社区"]
			f.Owner = &org
			with(func(c pgtest.Case) bool { return open(c) && c.OwnerOrg != nil && *c.OwnerOrg == org })
		case 5:
			org := w.org["明湖街道"]
			f.Org = &org
			with(func(c pgtest.Case) bool { return c.RegionID == org })
		case 6:
			f.SLA = pick("late", "soon")
			with(func(c pgtest.Case) bool {
				late := !due(c).After(w.now)
				return open(c) && (f.SLA == "late" && late || f.SLA == "soon" && !late && !warn(c).After(w.now))
			})
		case 7:
			from, to := w.now.AddDate(0, 0, -40), w.now.AddDate(0, 0, -10)
			f.From, f.To = &from, &to
			with(func(c pgtest.Case) bool { return !c.ReportedAt.Before(from) && c.ReportedAt.Before(to) })
		case 8:
			f.Query = pick("井盖", "50%折扣_", "%", "TT261121-00", "tt261121-0011", "TT261121-0012", "TT261121-9999")
			with(func(c pgtest.Case) bool {
				return strings.Contains(c.Title, f.Query) || strings.Contains(c.CaseNo, strings.ToUpper(f.Query))
			})
		case 9:
			drill := r.IntN(2) == 0
			f.Drill = &drill
			with(func(c pgtest.Case) bool { return c.Drill == drill })
		case 10:
			grid := int64(7)
			f.Grid = &grid
			with(func(c pgtest.Case) bool { return c.GridID != nil })
		}
		if f.Due = r.IntN(2) == 0; f.Due {
			if f.State != "" && incident.State(f.State).Over() {
				f.Due = false
			} else {
				with(open)
			}
		}
		var want []pgtest.Case
		for _, c := range w.cases {
			if !slices.ContainsFunc(keep, func(ok func(pgtest.Case) bool) bool { return !ok(c) }) {
				want = append(want, c)
			}
		}
		slices.SortFunc(want, func(x, y pgtest.Case) int {
			if f.Due {
				return cmp.Or(due(x).Compare(due(y)), cmp.Compare(x.ID.String(), y.ID.String()))
			}
			return cmp.Or(y.ReportedAt.Compare(x.ReportedAt), cmp.Compare(y.ID.String(), x.ID.String()))
		})
		var got []uuid.UUID
		for {
			page, err := postgres.ListIncidents(ctx, w.db.Pool, f, f.After == nil)
			if err != nil {
				t.Fatal(err)
			}
			if f.After == nil && (page.Total != int64(len(want)) || page.Capped) {
				t.Fatalf("%s %+v: %d in all, want %d", place, f, page.Total, len(want))
			}
			for _, i := range page.Incidents {
				got = append(got, i.ID)
			}
			if len(page.Incidents) < f.Limit {
				break
			}
			last := page.Incidents[f.Limit-1]
			f.After = &incident.ListCursor{At: &last.ReportedAt, ID: last.ID}
			if f.Due {
				f.After.At = last.NextDue()
			}
		}
		if len(got) != len(want) {
			t.Fatalf("%s %+v: %d cases, want %d", place, f, len(got), len(want))
		}
		for i := range want {
			if got[i] != want[i].ID {
				t.Fatalf("%s %+v: case %d is %v, want %v", place, f, i, got[i], want[i].ID)
			}
		}
		long += len(got)
	}
	t.Logf("%d cases in 96 lists", long)
}

// A queue's count is what its list holds, for every queue.
func TestQueuesCountWhatTheirListsHold(t *testing.T) {
	t.Parallel()
	w := newTown(t, 400)
	ctx := t.Context()
	codes := []incident.Queue{"mine", "late", "soon", "returned", "unsigned", "triage", "dispatch", "check", "evaluate", "approve", "supervised", "suspended", "open", "noground"}
	if _, err := w.db.Pool.Exec(ctx, `INSERT INTO dispatch_order (id, region_id, incident_id, seq, mode, org_id, state, issued_at)
		SELECT gen_random_uuid(), region_id, id, 1, 'assist', $1, CASE WHEN return_count = 0 THEN 'pending' ELSE 'done' END, reported_at FROM incident WHERE source = 'alarm'`, w.org["执法一中队"]); err != nil {
		t.Fatal(err)
	}
	for place, acting := range map[string]postgres.Acting{
		"明湖街道": {Orgs: []int64{w.org["明湖街道"]}}, "东湖社区": {Orgs: []int64{w.org["东湖社区"]}, Depts: []int64{w.org["东湖社区"]}}, "执法队": {Depts: []int64{w.org["执法队"]}}, "邻街道": {},
	} {
		scope := []string{w.path[place]}
		open, err := postgres.OpenCases(ctx, w.db.Pool, scope, 0, acting, w.now)
		if err != nil {
			t.Fatal(err)
		}
		mine := 0
		for _, q := range codes {
			list, err := postgres.ListIncidents(ctx, w.db.Pool, postgres.IncidentFilter{Scope: scope, Queue: q, Acting: acting, Now: w.now, Limit: 1}, true)
			if err != nil {
				t.Fatal(err)
			}
			count := incident.CountQueue(q, open)
			if int64(count.Count) != list.Total {
				t.Errorf("%s, %s: counted %d, listed %d", place, q, count.Count, list.Total)
			}
			late, err := postgres.ListIncidents(ctx, w.db.Pool, postgres.IncidentFilter{Scope: scope, Queue: q, SLA: "late", Acting: acting, Now: w.now, Limit: 1}, true)
			if err != nil {
				t.Fatal(err)
			}
			if int64(count.Late) != late.Total {
				t.Errorf("%s, %s: %d late, %d listed", place, q, count.Late, late.Total)
			}
			if q == "mine" {
				mine = count.Count
			}
		}
		if (mine == 0) != (place == "邻街道") {
			t.Errorf("%s has %d of its own", place, mine)
		}
	}
}
