package pgtest

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gridward/gridward/server/postgres"
)

// Case is a row of incident as Scatter made it: a test holds what the house
// says against these.
type Case struct {
	ID           uuid.UUID  `json:"id"`
	RegionID     int64      `json:"region_id"`
	CaseNo       string     `json:"case_no"`
	State        string     `json:"state"`
	Kind         string     `json:"kind"`
	Source       string     `json:"source"`
	Title        string     `json:"title"`
	Category     string     `json:"category"`
	Tier         *int16     `json:"tier"`
	Urgency      string     `json:"urgency"`
	OrgID        int64      `json:"org_id"`
	GridID       *int64     `json:"grid_id"`
	Address      string     `json:"address"`
	Drill        bool       `json:"drill"`
	ReportedAt   time.Time  `json:"reported_at"`
	OwnerOrg     *int64     `json:"owner_org"`
	Handler      *int64     `json:"handler_org"`
	HandleDue    *time.Time `json:"handle_due"`
	AcceptDue    *time.Time `json:"accept_due"`
	AcceptedAt   *time.Time `json:"accepted_at"`
	DispatchedAt *time.Time `json:"dispatched_at"`
	FedBackAt    *time.Time `json:"fed_back_at"`
	CheckedAt    *time.Time `json:"checked_at"`
	ClosedAt     *time.Time `json:"closed_at"`
	CaseDue      *time.Time `json:"case_due"`
	CaseWarn     *time.Time `json:"case_warn"`
	StageDue     *time.Time `json:"stage_due"`
	StageWarn    *time.Time `json:"stage_warn"`
	Paused       bool       `json:"paused"`
	SelfHandled  bool       `json:"self_handled"`
	ReturnCount  int16      `json:"return_count"`
	ReworkCount  int16      `json:"rework_count"`
	DelayCount   int16      `json:"delay_count"`
	DelayAsked   bool       `json:"delay_asked"`
	Supervise    string     `json:"supervise"`
	CloseReason  string     `json:"close_reason"`
	Satisfaction *int16     `json:"satisfaction"`
	AcceptMin    *int32     `json:"accept_minutes"`
	HandleMin    *int32     `json:"handle_minutes"`
	SetRight     bool       `json:"set_right"`
	Party        int64      `json:"party"` // an organisation that sees the case, or 0
}

const scatterCases = `
INSERT INTO incident (id, region_id, case_no, state, kind, source, title, category, tier, urgency, org_id, grid_id, address, drill, reported_at, updated_at, owner_org, handler_org, handle_due, accept_due,
  accepted_at, dispatched_at, fed_back_at, checked_at, closed_at, case_due, case_warn, stage_due, stage_warn, paused, self_handled, return_count, rework_count, delay_count, delay_asked, supervise, close_reason, satisfaction, accept_minutes, handle_minutes, set_right)
SELECT id, region_id, case_no, state, kind, source, title, category, tier, urgency, org_id, grid_id, address, drill, reported_at, reported_at, owner_org, handler_org, handle_due, accept_due,
  accepted_at, dispatched_at, fed_back_at, checked_at, closed_at, case_due, case_warn, stage_due, stage_warn, paused, self_handled, return_count, rework_count, delay_count, delay_asked, supervise, close_reason, satisfaction, accept_minutes, handle_minutes, set_right
FROM jsonb_populate_recordset(NULL::incident, $1)`

const scatterParties = `
INSERT INTO incident_party (incident_id, org_id, role) SELECT id, party, 'lead' FROM jsonb_to_recordset($1) AS c(id uuid, party bigint) WHERE party <> 0`

// Scatter adds n cases in which everything is left to chance, also what no
// real case would come to: they lie on one of the grounds (0 = no grid), are
// handled by and shown to one of the others, and happened within the sixty
// days before now. Instants are whole seconds; many are equal.
func Scatter(t testing.TB, db *postgres.DB, seed uint64, n int, region int64, grounds, others []int64, grid int64, now time.Time) []Case {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 1))
	word := func(all ...string) string { return all[r.IntN(len(all))] }
	maybe := func(chance float64, at time.Time) *time.Time {
		if r.Float64() >= chance {
			return nil
		}
		return &at
	}
	small := func(chance float64) int16 {
		if r.Float64() < chance {
			return 1
		}
		return 0
	}
	cases := make([]Case, n)
	for i := range cases {
		at := func(from time.Time, hours int) time.Time { return from.Add(time.Duration(r.IntN(hours+1)) * time.Hour) }
		reported := now.Truncate(time.Second).Add(-time.Duration(r.IntN(60*24)) * time.Hour)
		c := Case{
			ID: uuid.UUID{0: byte(r.UintN(256)), 1: byte(r.UintN(256)), 6: 0x70, 8: 0x80, 12: byte(i >> 8), 13: byte(i), 14: byte(seed >> 8), 15: byte(seed)}, RegionID: region, CaseNo: fmt.Sprintf("TT26112%d-%04d", seed, i),
			State: word("reported", "verifying", "accepted", "dispatched", "returned", "handling", "suspended", "feedback", "checking", "evaluating", "closed", "archived", "archived", "archived", "rejected", "void", "merged"),
			Kind:  word("incident", "incident", "incident", "micro", "info", "sos"), Source: word("patrol", "resident", "alarm"), Title: word("井盖缺失", "占道经营", "50%折扣_纠纷"),
			Category: word("", "01", "02", "01-1", "02-1"), Urgency: word("notice", "normal", "urgent", "critical"), OrgID: grounds[r.IntN(len(grounds))], Address: "某路", Drill: r.IntN(12) == 0, ReportedAt: reported,
			AcceptDue: maybe(0.6, at(reported, 8)), AcceptedAt: maybe(0.8, at(reported, 8)), DispatchedAt: maybe(0.7, at(reported, 20)), HandleDue: maybe(0.7, at(reported, 200)), FedBackAt: maybe(0.6, at(reported, 200)),
			CheckedAt: maybe(0.5, at(reported, 300)), CaseDue: maybe(0.9, at(reported, 400)), CaseWarn: maybe(0.9, at(reported, 300)), StageDue: maybe(0.7, at(reported, 100)), StageWarn: maybe(0.7, at(reported, 90)),
			Paused: r.IntN(8) == 0, SelfHandled: r.IntN(5) == 0, ReturnCount: small(0.2), ReworkCount: small(0.2), DelayCount: small(0.2), DelayAsked: r.IntN(6) == 0, Supervise: word("", "", "yellow"),
		}
		if tier := int16(r.IntN(5)); tier > 0 {
			c.Tier = &tier
		}
		if r.IntN(4) > 0 && grid != 0 {
			c.GridID = &grid
		}
		if n := r.Int32N(900); n > 200 {
			c.AcceptMin = &n
		}
		if n := r.Int32N(5000); n > 1000 {
			c.HandleMin = &n
		}
		c.SetRight = r.IntN(3) == 0
		if len(others) > 0 {
			if r.IntN(2) == 0 {
				c.Handler = &others[r.IntN(len(others))]
			}
			if r.IntN(3) == 0 {
				c.Party = others[r.IntN(len(others))]
			}
		}
		if r.IntN(3) > 0 {
			c.OwnerOrg = &c.OrgID
		}
		if c.State == "closed" || c.State == "archived" {
			closed := at(reported, 500)
			c.ClosedAt, c.CloseReason = &closed, word("evaluated", "default", "self", "forced")
			if grade := int16(r.IntN(8)); grade >= 1 && grade <= 5 {
				c.Satisfaction = &grade
			}
		}
		cases[i] = c
	}
	body, err := json.Marshal(cases)
	if err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{scatterCases, scatterParties} {
		if _, err := db.Pool.Exec(t.Context(), sql, body); err != nil {
			t.Fatalf("scatter cases: %v", err)
		}
	}
	return cases
}
