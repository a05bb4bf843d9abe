package desk

import (
	"context"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/postgres"
)

// toldSources are the ways by which somebody tells a case to the desk.
var toldSources = []string{"hotline", "hotline12345", "resident", "wechat", "qq", "walk_in", "leader", "dept", "campaign"}

// Intake takes down what a caller or a visitor tells (来电登记): a report whose
// reporter is the caller. Where the form has no point, the place that the
// address names is looked up in the gazetteer. Taken down in a command room,
// it is a line of the room's log at the same time: nobody writes it twice.
func (d *Desk) Intake(ctx context.Context, by access.Principal, draft incident.Draft) (incident.Incident, bool, error) {
	if draft.Source == "" {
		draft.Source = "hotline"
	}
	if !slices.Contains(toldSources, draft.Source) {
		return incident.Incident{}, false, fault.New(fault.Invalid, "来电登记没有这种来源").At("source")
	}
	if draft.Caller == nil {
		draft.Caller = &incident.Caller{}
	}
	if draft.Point == nil && draft.Address != "" {
		p, ok, err := postgres.PlaceOfAddress(ctx, d.db.Pool, by.Scope(access.Report), Regions(by, access.Report), draft.Address)
		if err != nil {
			return incident.Incident{}, false, err
		}
		if ok {
			draft.Point, draft.SrcCRS = &p, "wgs84"
		}
	}
	if draft.Recurrence != nil {
		first, err := d.firstOf(ctx, by, *draft.Recurrence)
		if err != nil {
			return incident.Incident{}, false, err
		}
		draft.Recurrence = &first
	}
	return d.report(ctx, by, draft, func(ctx context.Context, tx pgx.Tx, inc incident.Incident) error {
		i := slices.IndexFunc(by.Posts, func(p access.Post) bool {
			return slices.Contains(access.Powers(p.Role), access.WatchLog) && access.Covers(p.Path, inc.OrgPath)
		})
		if i < 0 {
			return nil
		}
		id, err := uuid.NewV7()
		if err != nil {
			return err
		}
		return postgres.InsertWatchEntry(ctx, tx, postgres.WatchEntry{
			ID: id, Region: by.Posts[i].Region, Room: by.Posts[i].Org, At: inc.ReportedAt, Kind: "call",
			Text: incident.Sources()[inc.Source] + "：" + inc.Title, Incident: &inc.ID, By: by.Account, ByName: by.Name,
		})
	})
}

// firstOf is the first case of the row to which a case that has come back belongs.
func (d *Desk) firstOf(ctx context.Context, by access.Principal, id uuid.UUID) (uuid.UUID, error) {
	old, err := postgres.IncidentByID(ctx, d.db.Pool, id)
	if err != nil && !fault.Is(err, fault.Missing) {
		return id, err
	}
	if err != nil || !access.Within(by.Scope(access.SeeMap), old.OrgPath) {
		return id, field("recurrence", "没有这个事件，或者不在您的管辖范围")
	}
	if old.Recurrence != nil {
		return *old.Recurrence, nil
	}
	return old.ID, nil
}

// Regions are those in which by holds the power, each once.
func Regions(by access.Principal, power access.Power) []int64 {
	out := []int64{}
	for _, p := range by.Posts {
		if slices.Contains(access.Powers(p.Role), power) && !slices.Contains(out, p.Region) {
			out = append(out, p.Region)
		}
	}
	return out
}

// AllRegions are those in which by has any post, each once.
func AllRegions(by access.Principal) []int64 {
	out := []int64{}
	for _, p := range by.Posts {
		if !slices.Contains(out, p.Region) {
			out = append(out, p.Region)
		}
	}
	return out
}
