package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/incident"
)

const sqlLocate = `
SELECT g.region_id, g.org_id, g.org_path, g.org_name, g.id, g.version, g.name
FROM grid_now g WHERE g.layer = 'operative' AND ST_Covers(g.geom, $1) ORDER BY g.code LIMIT 1`

// Locate finds the operative grid that covers p; on a shared border the
// smallest code wins, as in geo/fence. ok is false outside every grid.
func Locate(ctx context.Context, q Querier, p orb.Point) (at incident.Place, ok bool, err error) {
	var (
		grid    int64
		version int32
	)
	err = q.QueryRow(ctx, sqlLocate, p).Scan(&at.Region, &at.Org, &at.OrgPath, &at.OrgName, &grid, &version, &at.GridName)
	if errors.Is(err, pgx.ErrNoRows) {
		return incident.Place{}, false, nil
	}
	if err != nil {
		return incident.Place{}, false, fmt.Errorf("locate the point: %w", err)
	}
	at.Grid, at.GridVersion = &grid, &version
	return at, true, nil
}

const sqlNextCase = `
INSERT INTO case_counter (region_id, day, seq) VALUES ($1, $2::date, 1)
ON CONFLICT (region_id, day) DO UPDATE SET seq = case_counter.seq + 1
RETURNING seq, (SELECT upper(left(regexp_replace(o.pinyin, '[^A-Za-z]', '', 'g'), 2)) FROM org o WHERE o.id = $1)`

// NextCaseNumber returns the region's next case number of the day, as spoken
// on the telephone: MH261122-007 is the seventh of 22 November 2026 of 明湖.
// The counter's row is the lock; it is held until the transaction ends.
func NextCaseNumber(ctx context.Context, tx pgx.Tx, region int64, day time.Time) (string, error) {
	var (
		seq     int
		letters string
	)
	if err := tx.QueryRow(ctx, sqlNextCase, region, day.Format(time.DateOnly)).Scan(&seq, &letters); err != nil {
		return "", fmt.Errorf("take a case number: %w", err)
	}
	if letters == "" {
		letters = fmt.Sprintf("R%d-", region)
	}
	return fmt.Sprintf("%s%s-%03d", letters, day.Format("060102"), seq), nil
}

const sqlInsertIncident = `
INSERT INTO incident (id, region_id, case_no, version, state, kind, source, title, description, category, urgency, org_id, grid_id, grid_version,
  geom, accuracy, address, src_crs, reporter_account, reporter_worker, reporter_name, reporter_phone, client_id, drill, occurred_at, reported_at, updated_at,
  tier, severity, sensitivity, state_since, owner_org, first_account, reopened_from, recurrence)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, NULLIF($23, ''), $24, $25, $26, $27, $28, $29, $30, $26, $31, $32, $33, $34)`

// InsertIncident stores a new incident. A client_id that the region knows
// already violates incident_client.
func InsertIncident(ctx context.Context, q Querier, i incident.Incident) error {
	_, err := q.Exec(ctx, sqlInsertIncident, i.ID, i.Region, i.CaseNo, i.Version, string(i.State), i.Kind, i.Source, i.Title, i.Description, i.Category,
		string(i.Urgency), i.Org, i.Grid, i.GridVersion, i.Point, i.Accuracy, i.Address, i.SrcCRS, i.ReporterAccount, i.ReporterWorker, i.ReporterName,
		i.ReporterPhone, i.ClientID, i.Drill, i.OccurredAt, i.ReportedAt, i.UpdatedAt,
		i.Tier, i.Severity, i.Sensitivity, i.OwnerOrg, i.FirstAccount, i.ReopenedFrom, i.Recurrence)
	if err != nil {
		return fmt.Errorf("store the incident: %w", err)
	}
	return nil
}

const sqlIncidentByID = `SELECT * FROM incident_shown WHERE id = $1`

const sqlIncidentByClient = `SELECT * FROM incident_shown WHERE region_id = $1 AND client_id = $2`

// IncidentByID returns one incident, whoever asks.
func IncidentByID(ctx context.Context, q Querier, id uuid.UUID) (incident.Incident, error) {
	return oneIncident(ctx, q, sqlIncidentByID, id)
}

// IncidentByClient returns the incident that the region knows by the client's own id.
func IncidentByClient(ctx context.Context, q Querier, region int64, clientID string) (incident.Incident, error) {
	return oneIncident(ctx, q, sqlIncidentByClient, region, clientID)
}

func oneIncident(ctx context.Context, q Querier, sql string, args ...any) (incident.Incident, error) {
	list, err := collectIncidents(ctx, q, sql, args...)
	if err != nil {
		return incident.Incident{}, err
	}
	if len(list) == 0 {
		return incident.Incident{}, fault.New(fault.Missing, "没有这个事件，或者不在您的管辖范围")
	}
	return list[0], nil
}

func collectIncidents(ctx context.Context, q Querier, sql string, args ...any) ([]incident.Incident, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("read incidents: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (i incident.Incident, err error) {
		err = row.Scan(&i.ID, &i.Region, &i.CaseNo, &i.Version, &i.State, &i.Kind, &i.Source, &i.Title, &i.Description, &i.Category, &i.Tier, &i.Severity, &i.Urgency,
			&i.Org, &i.OrgPath, &i.OrgName, &i.Grid, &i.GridVersion, &i.GridName,
			&i.Point, &i.Accuracy, &i.Address, &i.SrcCRS, &i.ReporterAccount, &i.ReporterWorker, &i.ReporterName, &i.ReporterPhone,
			&i.ClientID, &i.Drill, &i.OccurredAt, &i.ReportedAt, &i.UpdatedAt, &i.Photos,
			&i.Sensitivity, &i.StdCode, &i.StateSince, &i.OwnerOrg, &i.OwnerPath, &i.OwnerName, &i.OwnerWorker, &i.OwnerWorkerName,
			&i.FirstAccount, &i.LeadOrder, &i.SelfHandled, &i.CheckedByLot, &i.ReworkCount, &i.ReturnCount, &i.DelayCount, &i.UrgeCount, &i.PushCount, &i.Supervise,
			&i.SuspendedAt, &i.ReviewAt, &i.SuspendAsked, &i.DelayAsked, &i.Whistles, &i.Appealed, &i.MergedInto, &i.ReopenedFrom, &i.Recurrence, &i.PublicReply,
			&i.AcceptedAt, &i.DispatchedAt, &i.SignedAt, &i.FedBackAt, &i.CheckedAt, &i.ClosedAt, &i.CloseReason, &i.Satisfaction, &i.ArchivedAt,
			&i.Stage, &i.StageDue, &i.StageWarn, &i.StageFrom, &i.CaseDue, &i.CaseWarn, &i.CaseFrom, &i.Provisional, &i.Paused, &i.Open, &i.AcceptMinutes, &i.HandleMinutes)
		i.ReportedAt, i.UpdatedAt, i.StateSince = i.ReportedAt.UTC(), i.UpdatedAt.UTC(), i.StateSince.UTC()
		for _, at := range []*time.Time{i.OccurredAt, i.SuspendedAt, i.ReviewAt, i.AcceptedAt, i.DispatchedAt, i.SignedAt, i.FedBackAt, i.CheckedAt, i.ClosedAt, i.ArchivedAt,
			i.StageDue, i.StageWarn, i.CaseDue, i.CaseWarn} {
			if at != nil {
				*at = at.UTC()
			}
		}
		return i, err
	})
	if err != nil {
		return nil, fmt.Errorf("read incidents: %w", err)
	}
	return list, nil
}

// likeText escapes what a person typed for use inside LIKE.
func likeText(s string) string {
	out := make([]rune, 0, len(s))
	for _, r := range s {
		if r == '%' || r == '_' || r == '\\' {
			out = append(out, '\\')
		}
		out = append(out, r)
	}
	return string(out)
}

const sqlIncidentVisible = `
SELECT EXISTS (SELECT FROM incident s JOIN org o ON o.id = s.org_id
  WHERE s.id = $1 AND (NOT $5 OR s.sensitivity = 'normal') AND (o.path LIKE ANY ($2) OR s.reporter_account = NULLIF($3::bigint, 0)
    OR EXISTS (SELECT FROM incident_party p JOIN org po ON po.id = p.org_id WHERE p.incident_id = s.id AND po.path LIKE ANY ($2))
    OR $4 <> 0 AND (EXISTS (SELECT FROM dispatch_order d WHERE d.incident_id = s.id AND d.worker_id = $4)
      OR EXISTS (SELECT FROM verification v WHERE v.incident_id = s.id AND v.worker_id = $4)
      OR EXISTS (SELECT FROM grid_assignment ga WHERE ga.grid_id = s.grid_id AND ga.worker_id = $4 AND ga.role IN ('leader', 'worker') AND ga.valid_to IS NULL))))`

// Viewer is who wants to see a case.
type Viewer struct {
	Scope   []string // organisations whose cases are seen
	Account int64    // sees what it reported
	Worker  int64    // sees what he has an order for, or is to verify, and his own grids
	Wall    bool     // a shared screen: nothing sensitive
}

// IncidentVisible reports whether the viewer may see the incident.
func IncidentVisible(ctx context.Context, q Querier, id uuid.UUID, v Viewer) (bool, error) {
	var ok bool
	if err := q.QueryRow(ctx, sqlIncidentVisible, id, Under(v.Scope), v.Account, v.Worker, v.Wall).Scan(&ok); err != nil {
		return false, fmt.Errorf("check who sees the incident: %w", err)
	}
	return ok, nil
}

// Category is an entry of the incident catalogue.
type Category struct {
	Code   string `json:"code"`
	Parent string `json:"parent,omitempty"`
	Name   string `json:"name"`
}

const sqlCategories = `SELECT code, COALESCE(parent_code, '') AS parent, name FROM category WHERE NOT retired ORDER BY sort, code`

// Categories returns the catalogue in its order.
func Categories(ctx context.Context, q Querier) ([]Category, error) {
	rows, err := q.Query(ctx, sqlCategories)
	if err != nil {
		return nil, fmt.Errorf("read the categories: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[Category])
	if err != nil {
		return nil, fmt.Errorf("read the categories: %w", err)
	}
	return list, nil
}

const sqlAnyIncident = `SELECT EXISTS (SELECT FROM incident)`

// AnyIncident reports whether the house has had a case yet.
func AnyIncident(ctx context.Context, q Querier) (some bool, err error) {
	if err := q.QueryRow(ctx, sqlAnyIncident).Scan(&some); err != nil {
		return false, fmt.Errorf("look for incidents: %w", err)
	}
	return some, nil
}
