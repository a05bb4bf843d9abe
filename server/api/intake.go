package api

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/desk"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/territory"
	"github.com/gridward/gridward/server/territory/intake"
)

// imported is the answer to a file: what went in, or would, and every row that
// could not be taken. One bad row keeps the whole file out.
type imported struct {
	Added     int           `json:"added"`
	Changed   int           `json:"changed"`
	Unchanged int           `json:"unchanged"`
	DryRun    bool          `json:"dry_run"`
	Problems  []importFault `json:"problems" doc:"rows that keep the file out; at most 100 are listed"`
	Refused   int           `json:"refused" doc:"how many rows have a problem"`
}

type importFault struct {
	Where  string `json:"where" doc:"line 7"`
	Name   string `json:"name,omitempty"`
	Reason string `json:"reason"`
}

// problems lists what a report refuses.
func problems(r territory.Report) (list []importFault, n int) {
	list = []importFault{}
	for _, f := range r {
		if !f.Error {
			continue
		}
		if n++; n <= 100 {
			list = append(list, importFault{f.Where, f.Code, f.Reason})
		}
	}
	return list, n
}

// errDryRun rolls a dry run back.
var errDryRun = errors.New("dry run")

// largestFile bounds a file that is sent over HTTP; larger ones go in by the command line.
const largestFile = 16 << 20

func takesFile(op *huma.Operation) { op.MaxBodyBytes = largestFile }

func (a *API) intakeRoutes() {
	route(a, http.MethodPost, "/intake", "Take down what a caller or a visitor tells; without a point the place is looked up in the gazetteer", power(access.Triage),
		func(ctx context.Context, who access.Session, in *struct {
			Body struct {
				ClientID    string           `json:"client_id,omitempty" maxLength:"64"`
				CallerName  string           `json:"caller_name,omitempty"`
				CallerPhone string           `json:"caller_phone,omitempty"`
				Title       string           `json:"title"`
				Description string           `json:"description,omitempty"`
				Category    string           `json:"category,omitempty"`
				Urgency     incident.Urgency `json:"urgency,omitempty"`
				Source      string           `json:"source,omitempty" doc:"hotline unless told; hotline12345, resident, wechat, qq, walk_in, leader, dept, campaign"`
				Address     string           `json:"address,omitempty"`
				Point       *orb.Point       `json:"point,omitempty" doc:"[longitude, latitude]"`
				CRS         string           `json:"crs,omitempty" enum:"wgs84,gcj02,bd09,"`
				OccurredAt  *time.Time       `json:"occurred_at,omitempty"`
				Photos      []uuid.UUID      `json:"photos,omitempty"`
				Drill       bool             `json:"drill,omitempty" doc:"演练: kept out of every figure"`
				Recurrence  *uuid.UUID       `json:"recurrence,omitempty" doc:"the case that has come back"`
			}
		}) (*incidentReply, error) {
			b := in.Body
			point, err := a.toWGS84(b.CRS, b.Point)
			if err != nil {
				return nil, err
			}
			inc, created, err := a.Desk.Intake(ctx, who.Principal, incident.Draft{
				ClientID: b.ClientID, Title: b.Title, Description: b.Description, Category: b.Category, Urgency: b.Urgency, Source: b.Source, Address: b.Address, Point: point, SrcCRS: b.CRS,
				OccurredAt: b.OccurredAt, Photos: b.Photos, Drill: b.Drill, Recurrence: b.Recurrence, Caller: &incident.Caller{Name: b.CallerName, Phone: b.CallerPhone},
			})
			if err != nil {
				return nil, err
			}
			status := http.StatusOK
			if created {
				status = http.StatusCreated
			}
			return &incidentReply{status, shown(who, inc)}, nil
		})

	route(a, http.MethodGet, "/intake/suggest", "Kinds that a text may be about, by the catalogue's words and earlier cases", power(access.Report),
		func(ctx context.Context, who access.Session, in *struct {
			Text string `query:"text" required:"true" minLength:"1" maxLength:"500"`
		}) (*struct {
			Body struct {
				Categories []incident.Suggestion `json:"categories"`
			}
		}, error) {
			catalogue, err := postgres.Catalogue(ctx, a.DB.Pool, nil, false)
			if err != nil {
				return nil, err
			}
			history, err := postgres.PastCases(ctx, a.DB.Pool, desk.Regions(who.Principal, access.Report), 500)
			if err != nil {
				return nil, err
			}
			out := &struct {
				Body struct {
					Categories []incident.Suggestion `json:"categories"`
				}
			}{}
			out.Body.Categories = incident.Suggest(in.Text, catalogue, history)
			return out, nil
		})

	route(a, http.MethodGet, "/incidents/similar", "Open cases near by that may be the same, and closed ones that may have come back", power(access.SeeMap),
		func(ctx context.Context, who access.Session, in *struct {
			Lon      float64 `query:"lon" required:"true" minimum:"-180" maximum:"180"`
			Lat      float64 `query:"lat" required:"true" minimum:"-90" maximum:"90"`
			Category string  `query:"category" maxLength:"40"`
			Text     string  `query:"text" maxLength:"500"`
			Radius   int     `query:"radius_m" minimum:"0" maximum:"2000" doc:"the category's own unless told"`
			Drill    bool    `query:"drill" doc:"look among drills instead"`
		}) (*struct {
			Body struct {
				RadiusM int              `json:"radius_m"`
				Similar []incident.Alike `json:"similar"`
			}
		}, error) {
			radius := in.Radius
			if radius == 0 {
				var err error
				if radius, err = a.alikeRadius(ctx, in.Category); err != nil {
					return nil, err
				}
			}
			list, err := a.alike(ctx, who, in.Category, in.Text, orb.Point{in.Lon, in.Lat}, float64(radius), in.Drill)
			if err != nil {
				return nil, err
			}
			out := &struct {
				Body struct {
					RadiusM int              `json:"radius_m"`
					Similar []incident.Alike `json:"similar"`
				}
			}{}
			out.Body.RadiusM, out.Body.Similar = radius, list
			return out, nil
		})

	route(a, http.MethodGet, "/gazetteer", "Places by name, part of an address, pinyin initials or full pinyin; at most 20, the likeliest first", power(access.Report),
		func(ctx context.Context, who access.Session, in *struct {
			Q     string `query:"q" required:"true" minLength:"1" maxLength:"60"`
			Limit int    `query:"limit" minimum:"1" maximum:"20" default:"20"`
		}) (*struct {
			Body struct {
				Places []postgres.PlaceHit `json:"places"`
			}
		}, error) {
			out := &struct {
				Body struct {
					Places []postgres.PlaceHit `json:"places"`
				}
			}{}
			out.Body.Places = []postgres.PlaceHit{}
			if strings.TrimSpace(in.Q) == "" {
				return out, nil
			}
			list, err := postgres.Gazetteer(ctx, a.DB.Pool, who.Scope(access.Report), desk.Regions(who.Principal, access.Report), in.Q, in.Limit)
			if err != nil {
				return nil, err
			}
			out.Body.Places = append(out.Body.Places, list...)
			return out, nil
		})

	route(a, http.MethodPost, "/gazetteer", "Import 地名地址 from CSV (UTF-8 or GBK): name, address, aliases, kind, org_code, lon, lat", power(access.ManageRules),
		func(ctx context.Context, who access.Session, in *struct {
			CRS     string `query:"crs" enum:"wgs84,gcj02,bd09," doc:"of the file's coordinates; wgs84 unless told"`
			Region  int64  `query:"region" doc:"the caller's first region unless told"`
			DryRun  bool   `query:"dry_run"`
			RawBody []byte `contentType:"text/csv"`
		}) (*struct{ Body imported }, error) {
			region, err := a.ruledRegion(ctx, who, in.Region)
			if err != nil {
				return nil, err
			}
			list, report, err := intake.Addresses(in.RawBody)
			if err != nil {
				return nil, fault.Because(err, fault.Invalid, "文件无法读取：应为带表头的 CSV，至少有名称、经度、纬度三列")
			}
			kinds, err := postgres.OrgKinds(ctx, a.DB.Pool)
			if err != nil {
				return nil, err
			}
			crs := in.CRS
			if crs == "" {
				crs = "wgs84"
			}
			for i := range list {
				p := list[i].Point
				if to, err := a.toWGS84(crs, &p); err == nil {
					list[i].Point = *to
				}
			}
			if len(list) > 0 || len(report) == 0 {
				report = append(report, territory.CheckAddresses(list, kinds)...)
			}
			return a.takeIn(ctx, who, in.DryRun, report, "gazetteer.imported", func(ctx context.Context, tx pgx.Tx) (postgres.Outcome, error) {
				return postgres.PutAddresses(ctx, tx, region, list, crs, "http")
			})
		}, takesFile)
}

// alikeRadius is how near two cases of a category are taken for one, in metres.
func (a *API) alikeRadius(ctx context.Context, category string) (int, error) {
	entry, err := postgres.CatalogueEntry(ctx, a.DB.Pool, category)
	if fault.Is(err, fault.Missing) {
		return 200, nil
	}
	return int(entry.AlikeM), err
}

// alike are at most 20 cases near p that may be the same matter, as the caller may read them.
func (a *API) alike(ctx context.Context, who access.Session, category, text string, p orb.Point, radius float64, drill bool) ([]incident.Alike, error) {
	now := a.Clock()
	near, err := postgres.NearCases(ctx, a.DB.Pool, who.Scope(access.SeeMap), p, radius, now.AddDate(0, 0, -incident.RecurrenceDays), drill, who.Kiosk != 0)
	if err != nil {
		return nil, err
	}
	list := incident.FindAlike(category, text, near, radius, now)
	list = list[:min(len(list), 20)]
	ids := make([]uuid.UUID, len(list))
	for i, a := range list {
		ids[i] = a.Incident.ID
	}
	whole, err := postgres.IncidentsByID(ctx, a.DB.Pool, ids)
	if err != nil {
		return nil, err
	}
	for i := range list {
		list[i].Incident = shown(who, whole[ids[i]])
	}
	return list, nil
}

// alikeTo are the cases that may be the same as one that is not given to
// anybody yet; of any other there is nothing to compare.
func (a *API) alikeTo(ctx context.Context, who access.Session, inc incident.Incident) ([]incident.Alike, error) {
	if inc.Point == nil || !slices.Contains([]incident.State{incident.Reported, incident.Verifying, incident.Accepted}, inc.State) || !who.Has(access.Triage) {
		return nil, nil
	}
	radius, err := a.alikeRadius(ctx, inc.Category)
	if err != nil {
		return nil, err
	}
	list, err := a.alike(ctx, who, inc.Category, inc.Title+" "+inc.Description, *inc.Point, float64(radius), inc.Drill)
	return slices.DeleteFunc(list, func(a incident.Alike) bool { return a.Incident.ID == inc.ID }), err
}

// takeIn writes an import that has no refused row, in one transaction with its
// audit; a dry run is rolled back.
func (a *API) takeIn(ctx context.Context, who access.Session, dry bool, report territory.Report, action string, put func(ctx context.Context, tx pgx.Tx) (postgres.Outcome, error)) (*struct{ Body imported }, error) {
	out := &struct{ Body imported }{}
	out.Body.DryRun = dry
	if out.Body.Problems, out.Body.Refused = problems(report); out.Body.Refused > 0 {
		return out, nil
	}
	err := a.DB.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		outcome, err := put(ctx, tx)
		if err != nil {
			return err
		}
		out.Body.Added, out.Body.Changed, out.Body.Unchanged = outcome.Added, outcome.Changed, outcome.Unchanged
		if dry {
			return errDryRun
		}
		return a.audit(ctx, tx, who, action, "", map[string]any{"added": outcome.Added, "changed": outcome.Changed, "unchanged": outcome.Unchanged})
	})
	if err != nil && !errors.Is(err, errDryRun) {
		return nil, err
	}
	return out, nil
}
