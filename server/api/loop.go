package api

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/desk"
	"github.com/gridward/gridward/server/dispatch"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/postgres"
)

// caseBody is a case with all that hangs on it, and what the caller may do now.
type caseBody struct {
	incidentDetail
	Orders []dispatch.Order `json:"orders"`
	postgres.CaseFile
	Clocks  []incident.Countdown `json:"clocks"`
	Archive *archiveRef          `json:"archive,omitempty"`
	May     []incident.Choice    `json:"may"`
}

type archiveRef struct {
	Number    string    `json:"number"`
	At        time.Time `json:"at"`
	KeepUntil string    `json:"keep_until"`
	SHA256    string    `json:"sha256"`
}

// actionInput is a request to do something to a case.
type actionInput struct {
	ID      uuid.UUID `path:"id"`
	IfMatch string    `header:"If-Match" doc:"the version that the caller looked at, as \"7\""`
	Body    incident.Deed
}

// version reads If-Match; 0 when there is none.
func version(header string) (int32, error) {
	text := strings.Trim(strings.TrimPrefix(strings.TrimSpace(header), "W/"), `"`)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 1 {
		return 0, fault.New(fault.Invalid, "If-Match 应为事件的版本号，例如 \"7\"")
	}
	return int32(n), nil
}

func (a *API) loopRoutes() {
	for _, do := range incident.Actions() {
		route(a, http.MethodPost, "/incidents/{id}/"+string(do), do.Name()+": answers with the case as it stands afterwards", person,
			func(ctx context.Context, who access.Session, in *actionInput) (*incidentReply, error) {
				v, err := version(in.IfMatch)
				if err != nil {
					return nil, err
				}
				if v == 0 {
					return nil, fault.New(fault.Invalid, "请在 If-Match 中带上事件的版本号，以免覆盖别人的操作")
				}
				deed, err := a.deed(in.Body)
				if err != nil {
					return nil, err
				}
				inc, err := a.Desk.Act(ctx, who.Principal, in.ID, v, do, deed)
				if err != nil {
					return nil, err
				}
				return &incidentReply{http.StatusOK, shown(who, inc)}, nil
			})
	}
	for _, do := range incident.OrderActions() {
		route(a, http.MethodPost, "/orders/{id}/"+string(do), do.Name()+": answers with the order as it stands afterwards", person,
			func(ctx context.Context, who access.Session, in *actionInput) (*struct{ Body dispatch.Order }, error) {
				v, err := version(in.IfMatch)
				if err != nil {
					return nil, err
				}
				deed, err := a.deed(in.Body)
				if err != nil {
					return nil, err
				}
				o, err := a.Desk.ActOnOrder(ctx, who.Principal, in.ID, v, do, deed)
				return &struct{ Body dispatch.Order }{o}, err
			})
	}
	a.myOrderRoutes()
	route(a, http.MethodGet, "/incidents/{id}/archive", "The sealed package of an archived case", person, func(ctx context.Context, who access.Session, in *struct {
		ID uuid.UUID `path:"id"`
	}) (*struct {
		ETag        string `header:"ETag"`
		Disposition string `header:"Content-Disposition"`
		ContentType string `header:"Content-Type"`
		Body        []byte
	}, error) {
		if err := a.mayReadIncident(ctx, who, in.ID); err != nil {
			return nil, err
		}
		row, ok, err := postgres.ReadArchive(ctx, a.DB.Pool, in.ID)
		if err != nil {
			return nil, err
		}
		inc, err := postgres.IncidentByID(ctx, a.DB.Pool, in.ID)
		if err != nil {
			return nil, err
		}
		if !ok || who.MaskFor(inc.OrgPath) == access.MaskPeople { // the package holds names as they are
			return nil, fault.New(fault.Missing, "这个事件还没有归档，或者您不能查看归档包")
		}
		zip, err := gzip.NewReader(bytes.NewReader(row.Package))
		if err != nil {
			return nil, fmt.Errorf("open the archive: %w", err)
		}
		text, err := io.ReadAll(zip)
		if err != nil {
			return nil, fmt.Errorf("open the archive: %w", err)
		}
		if err := a.audit(ctx, a.DB.Pool, who, "archive.read", in.ID.String(), nil); err != nil {
			return nil, err
		}
		return &struct {
			ETag        string `header:"ETag"`
			Disposition string `header:"Content-Disposition"`
			ContentType string `header:"Content-Type"`
			Body        []byte
		}{fmt.Sprintf(`"%x"`, row.SHA256), `attachment; filename="` + row.Number + `.json"`, "application/json", text}, nil
	})
}

// deed converts the point of a deed, once, at the door.
func (a *API) deed(d incident.Deed) (incident.Deed, error) {
	var err error
	d.Point, err = a.toWGS84(d.CRS, d.Point)
	return d, err
}

// myOrder is an order with its case, as the worker's page lists it.
type myOrder struct {
	dispatch.Order
	Case incident.Incident `json:"case"`
}

type myCheck struct {
	postgres.Verification
	Case incident.Incident `json:"case"`
	May  []incident.Choice `json:"may"`
}

type myOrders struct {
	Orders []myOrder `json:"orders"`
	Checks []myCheck `json:"checks" doc:"what the caller is asked to verify or check"`
	Next   string    `json:"next,omitempty"`
}

func (a *API) myOrderRoutes() {
	route(a, http.MethodGet, "/me/orders", "The orders given to the caller in person, newest first, and what he is asked to look at", power(access.Handle),
		func(ctx context.Context, who access.Session, in *struct {
			Paging
			State string `query:"state" enum:"open,done" default:"open"`
		}) (*struct{ Body myOrders }, error) {
			out := &struct{ Body myOrders }{myOrders{Orders: []myOrder{}, Checks: []myCheck{}}}
			if who.Worker == 0 {
				return out, nil
			}
			var at incidentCursor
			var beforeAt *time.Time
			var beforeID *uuid.UUID
			if ok, err := in.read(&at); err != nil {
				return nil, err
			} else if ok {
				beforeAt, beforeID = &at.At, &at.ID
			}
			list, err := postgres.OrdersOfWorker(ctx, a.DB.Pool, who.Worker, in.State != "done", beforeAt, beforeID, in.rows())
			if err != nil {
				return nil, err
			}
			list, out.Body.Next = cut(in.Paging, list, func(o dispatch.Order) any { return incidentCursor{o.IssuedAt, o.ID} })
			for _, o := range list {
				inc, err := postgres.IncidentByID(ctx, a.DB.Pool, o.Incident)
				if err != nil {
					return nil, err
				}
				o.May = o.Choices(who.Principal, inc)
				out.Body.Orders = append(out.Body.Orders, myOrder{o, shown(who, inc)})
			}
			if in.State == "done" {
				return out, nil
			}
			checks, err := postgres.VerificationsOfWorker(ctx, a.DB.Pool, who.Worker)
			if err != nil {
				return nil, err
			}
			for _, v := range checks {
				inc, may, err := a.choices(ctx, who, v.Incident)
				if err != nil {
					return nil, err
				}
				out.Body.Checks = append(out.Body.Checks, myCheck{v, shown(who, inc), may})
			}
			return out, nil
		})
}

// choices reads a case and what the caller may do to it.
func (a *API) choices(ctx context.Context, who access.Session, id uuid.UUID) (incident.Incident, []incident.Choice, error) {
	inc, err := postgres.IncidentByID(ctx, a.DB.Pool, id)
	if err != nil {
		return inc, nil, err
	}
	orders, err := postgres.OrdersOf(ctx, a.DB.Pool, id)
	if err != nil {
		return inc, nil, err
	}
	facts, err := postgres.ReadCaseFacts(ctx, a.DB.Pool, id)
	if err != nil {
		return inc, nil, err
	}
	return inc, inc.May(who.Principal, desk.FactsOf(orders, facts), a.Clock()), nil
}

// caseFile reads what hangs on a case, as the caller may see it.
func (a *API) caseFile(ctx context.Context, who access.Session, d incidentDetail) (caseBody, error) {
	body := caseBody{incidentDetail: d, Orders: []dispatch.Order{}, May: []incident.Choice{}}
	inc, err := postgres.IncidentByID(ctx, a.DB.Pool, d.ID) // unmasked: what may be done is judged by it
	if err != nil {
		return body, err
	}
	if body.Orders, err = postgres.OrdersOf(ctx, a.DB.Pool, d.ID); err != nil {
		return body, err
	}
	facts, err := postgres.ReadCaseFacts(ctx, a.DB.Pool, d.ID)
	if err != nil {
		return body, err
	}
	if who.Account != 0 {
		body.May = inc.May(who.Principal, desk.FactsOf(body.Orders, facts), a.Clock())
	}
	if body.CaseFile, err = postgres.ReadCaseFile(ctx, a.DB.Pool, d.ID); err != nil {
		return body, err
	}
	if body.Clocks, err = postgres.ClocksOf(ctx, a.DB.Pool, d.ID); err != nil {
		return body, err
	}
	row, ok, err := postgres.ReadArchive(ctx, a.DB.Pool, d.ID)
	if err != nil {
		return body, err
	}
	if ok {
		body.Archive = &archiveRef{row.Number, row.At.UTC(), row.KeepUntil.Format(time.DateOnly), fmt.Sprintf("%x", row.SHA256)}
	}
	masked := who.MaskFor(inc.OrgPath) == access.MaskPeople
	for i := range body.Orders {
		o := &body.Orders[i]
		if who.Account != 0 {
			o.May = o.Choices(who.Principal, inc)
		}
		if masked {
			o.WorkerName, o.IssuedName, o.SignedName = access.MaskName(o.WorkerName), access.MaskName(o.IssuedName), access.MaskName(o.SignedName)
			o.WorkerPhone, o.IssuedBy, o.SignedBy = "", nil, nil
		}
	}
	if masked {
		body.CaseFile = maskFile(body.CaseFile)
	}
	return body, nil
}

// maskFile hides the people of a case file, and what free text tells of them.
func maskFile(f postgres.CaseFile) postgres.CaseFile {
	for i := range f.Feedbacks {
		r := &f.Feedbacks[i]
		r.ByName, r.Text, r.Measures = access.MaskName(r.ByName), access.MaskText(r.Text), access.MaskText(r.Measures)
	}
	for i := range f.Verifications {
		r := &f.Verifications[i]
		r.WorkerName, r.AskedName, r.DoneName, r.Text = access.MaskName(r.WorkerName), access.MaskName(r.AskedName), access.MaskName(r.DoneName), access.MaskText(r.Text)
	}
	for i := range f.Delays {
		r := &f.Delays[i]
		r.AskedName, r.DecidedName, r.Reason, r.Note = access.MaskName(r.AskedName), access.MaskName(r.DecidedName), access.MaskText(r.Reason), access.MaskText(r.Note)
	}
	for i := range f.Suspensions {
		r := &f.Suspensions[i]
		r.AskedName, r.DecidedName, r.Reason, r.Note = access.MaskName(r.AskedName), access.MaskName(r.DecidedName), access.MaskText(r.Reason), access.MaskText(r.Note)
	}
	for i := range f.Evaluations {
		r := &f.Evaluations[i]
		r.ByName, r.Text = access.MaskName(r.ByName), access.MaskText(r.Text)
	}
	for i := range f.Supervisions {
		r := &f.Supervisions[i]
		r.ByName, r.RepliedName, r.Requirement, r.Reply = access.MaskName(r.ByName), access.MaskName(r.RepliedName), access.MaskText(r.Requirement), access.MaskText(r.Reply)
	}
	return f
}
