// Package desk carries out every command that changes the city: it
// authorises, lets the pure packages decide, and records the decision, all in
// one transaction whose last act is the journal entry. After the commit it
// rings the bell; a lost ring loses nothing, because the journal is numbered.
package desk

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/blob"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/journal"
	"github.com/gridward/gridward/server/postgres"
)

// Desk runs commands.
type Desk struct {
	db    *postgres.DB
	blob  *blob.Store
	clock func() time.Time
	ring  func(region int64)
	since time.Time // when it began to listen: what was silent before, it did not hear
	terms terms

	archiveAfter time.Duration
	walkable     walkable // of patrols
}

// New makes the desk. ring is called after each commit that wrote into a
// region's journal; it must not block.
func New(db *postgres.DB, photos *blob.Store, clock func() time.Time, ring func(region int64)) *Desk {
	return &Desk{db: db, blob: photos, clock: clock, ring: ring, since: clock(), archiveAfter: incident.ArchiveAfter}
}

// ArchiveAfter says how long after its end a case is sealed; call it before the first command.
func (d *Desk) ArchiveAfter(after time.Duration) { d.archiveAfter = after }

// Report takes an incident in (上报). Sent again with the same ClientID it
// answers with the incident that is there already, and created is false.
func (d *Desk) Report(ctx context.Context, by access.Principal, draft incident.Draft) (inc incident.Incident, created bool, err error) {
	return d.report(ctx, by, draft, nil)
}

// report is Report; also, if any, is done in its transaction before the journal is written.
func (d *Desk) report(ctx context.Context, by access.Principal, draft incident.Draft, also func(context.Context, pgx.Tx, incident.Incident) error) (inc incident.Incident, created bool, err error) {
	at, err := d.place(ctx, by, draft)
	if err != nil {
		return incident.Incident{}, false, err
	}
	now := d.clock()
	id, err := uuid.NewV7()
	if err != nil {
		return incident.Incident{}, false, fmt.Errorf("make an id: %w", err)
	}
	draft.Kind = "incident"
	if inc, err = incident.New(id, draft, by, at, now); err != nil {
		return incident.Incident{}, false, err
	}
	if draft.ClientID != "" {
		known, err := postgres.IncidentByClient(ctx, d.db.Pool, at.Region, draft.ClientID)
		if err == nil {
			return sameReport(known, by)
		}
		if !fault.Is(err, fault.Missing) {
			return incident.Incident{}, false, err
		}
	}
	err = d.db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		row, err := postgres.CategoryOf(ctx, tx, inc.Category)
		if err != nil {
			return err
		}
		if !row.Known {
			return fault.New(fault.Invalid, "没有这个事件类别").At("category")
		}
		inc.File(row.DefaultTier, row.Sensitive || draft.Sensitive)
		if inc, err = d.store(ctx, tx, inc, draft.Photos, by, now); err != nil {
			return err
		}
		if also != nil {
			if err := also(ctx, tx, inc); err != nil {
				return err
			}
		}
		return record(ctx, tx, inc, by, nil)
	})
	if postgres.Violates(err, "incident_client") { // the same report came twice at once
		known, err := postgres.IncidentByClient(ctx, d.db.Pool, at.Region, draft.ClientID)
		if err != nil {
			return incident.Incident{}, false, err
		}
		return sameReport(known, by)
	}
	if err != nil {
		return incident.Incident{}, false, err
	}
	d.ring(inc.Region)
	return inc, true, nil
}

func sameReport(known incident.Incident, by access.Principal) (incident.Incident, bool, error) {
	if known.ReporterAccount == nil || *known.ReporterAccount != by.Account {
		return incident.Incident{}, false, fault.New(fault.Conflict, "这个 client_id 已被其他人使用")
	}
	return known, false, nil
}

// place finds whose ground the report lies on: the operative grid under its
// point, or, where there is none, the reporter's own organisation. One may
// report beyond one's own grid, but not beyond one's region.
func (d *Desk) place(ctx context.Context, by access.Principal, draft incident.Draft) (incident.Place, error) {
	var home *access.Post
	for i, post := range by.Posts {
		if slices.Contains(access.Powers(post.Role), access.Report) {
			home = &by.Posts[i]
			break
		}
	}
	if home == nil {
		return incident.Place{}, fault.New(fault.Denied, "您没有上报事件的权限")
	}
	if draft.Point != nil {
		at, ok, err := postgres.Locate(ctx, d.db.Pool, *draft.Point)
		if err != nil {
			return incident.Place{}, err
		}
		if ok {
			for _, post := range by.Posts {
				if slices.Contains(access.Powers(post.Role), access.Report) && (post.Region == at.Region || access.Covers(post.Path, at.OrgPath)) {
					return at, nil
				}
			}
			return incident.Place{}, fault.New(fault.Denied, "这个位置不在您所在的街道")
		}
	}
	return incident.Place{Region: home.Region, Org: home.Org, OrgPath: home.Path, OrgName: home.Name}, nil
}

// store gives the incident its number, writes it and its photos, starts its
// clocks, and reads it back as everybody will see it.
func (d *Desk) store(ctx context.Context, tx pgx.Tx, inc incident.Incident, photos []uuid.UUID, by access.Principal, now time.Time) (incident.Incident, error) {
	var err error
	if inc.CaseNo, err = postgres.NextCaseNumber(ctx, tx, inc.Region, now.In(incident.BusinessZone())); err != nil {
		return inc, err
	}
	if err := postgres.InsertIncident(ctx, tx, inc); err != nil {
		return inc, err
	}
	if len(photos) > 0 {
		n, err := postgres.ClaimAttachments(ctx, tx, inc.ID, photos, by.Account, inc.Region)
		if err != nil {
			return inc, err
		}
		if n != int64(len(photos)) {
			return inc, fault.New(fault.Invalid, "有照片没有上传成功，请重新上传").At("photos")
		}
	}
	if err := d.setClocks(ctx, tx, &inc, incident.Incident{}, now); err != nil {
		return inc, err
	}
	if err := postgres.UpdateIncident(ctx, tx, inc); err != nil {
		return inc, err
	}
	return postgres.IncidentByID(ctx, tx, inc.ID)
}

// record writes the journal entry of a new incident. It takes the region's
// row: call it last.
func record(ctx context.Context, tx pgx.Tx, inc incident.Incident, by access.Principal, parties []string) error {
	e, err := reported(inc, by, parties)
	if err != nil {
		return err
	}
	_, err = postgres.AppendJournal(ctx, tx, inc.Region, e)
	return err
}

// reported is the journal entry of a new incident.
func reported(inc incident.Incident, by access.Principal, parties []string) (journal.Entry, error) {
	done := incident.Done{Action: "report", ByName: by.Name, As: incident.AsReporter, To: inc.State}
	e, err := journal.About(incident.KindReported, inc.ID.String(), inc.OrgPath, by.Account, incident.Record{Incident: inc, Deed: &done})
	e.Region, e.Parties = inc.Region, parties
	return e, err
}
