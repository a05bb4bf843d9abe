package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/postgres"
)

// problem is an error as it leaves the building (RFC 9457).
type problem struct {
	Status int                 `json:"status"`
	Title  string              `json:"title"`
	Detail string              `json:"detail"`
	Kind   fault.Kind          `json:"kind,omitempty"`
	Errors []*huma.ErrorDetail `json:"errors,omitempty"`
	header http.Header
}

func (p *problem) Error() string               { return p.Detail }
func (p *problem) GetStatus() int              { return p.Status }
func (p *problem) GetHeaders() http.Header     { return p.header }
func (p *problem) ContentType(_ string) string { return "application/problem+json" }

// statuses of the kinds of faults.
var statuses = map[fault.Kind]int{
	fault.Invalid: http.StatusUnprocessableEntity, fault.Unknown: http.StatusUnauthorized, fault.Denied: http.StatusForbidden,
	fault.Missing: http.StatusNotFound, fault.Conflict: http.StatusConflict, fault.Busy: http.StatusServiceUnavailable,
}

func newProblem(status int, kind fault.Kind, detail string) *problem {
	return &problem{Status: status, Title: http.StatusText(status), Detail: detail, Kind: kind, header: http.Header{}}
}

// problem turns an error into its public half. Only surprises are logged.
func (a *API) problem(ctx context.Context, err error) error {
	var (
		f    *fault.Fault
		wait interface{ RetryAfter() time.Duration }
		p    *problem
	)
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &wait):
		p = newProblem(http.StatusTooManyRequests, fault.Busy, err.Error())
		p.header.Set("Retry-After", strconv.Itoa(int(wait.RetryAfter()/time.Second)+1))
		return p
	case errors.As(err, &f):
		p = newProblem(statuses[f.Kind], f.Kind, f.Public)
		for field, message := range f.Fields {
			p.Errors = append(p.Errors, &huma.ErrorDetail{Location: "body." + field, Message: message})
		}
		slices.SortFunc(p.Errors, func(x, y *huma.ErrorDetail) int { return strings.Compare(x.Location, y.Location) })
		if f.Kind == fault.Busy {
			p.header.Set("Retry-After", "2")
		}
		return p
	case ctx.Err() != nil:
		return newProblem(499, fault.Busy, "请求已取消")
	case postgres.Unavailable(err):
		a.Log.WarnContext(ctx, "the database is away", "err", err)
		p = newProblem(http.StatusServiceUnavailable, fault.Busy, "数据库暂时无法访问，请稍后再试")
		p.header.Set("Retry-After", "2")
		return p
	}
	a.Log.ErrorContext(ctx, "a request failed", "route", request(ctx).Pattern, "err", err)
	return newProblem(http.StatusInternalServerError, "", "服务器出错了，请稍后再试")
}

// translateErrors turns huma's own errors (validation, content type) into
// problems of our shape. They are about what the caller sent, and carry no
// value back.
func translateErrors(_ huma.Context, _ string, v any) (any, error) {
	e, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	p := newProblem(e.Status, fault.Invalid, "请求内容有误，请检查标出的项目")
	if e.Status >= 500 {
		return newProblem(e.Status, "", "服务器出错了，请稍后再试"), nil
	}
	for _, d := range e.Errors {
		if d != nil {
			p.Errors = append(p.Errors, &huma.ErrorDetail{Location: d.Location, Message: d.Message})
		}
	}
	return p, nil
}

// describeProblem adds to the schema of errors what ours carry beyond huma's.
func describeProblem(o *huma.OpenAPI) {
	if s := o.Components.Schemas.Map()["ErrorModel"]; s != nil {
		s.Properties["kind"] = &huma.Schema{Type: huma.TypeString, Description: "What the caller can do next.", Enum: []any{"invalid", "unknown", "denied", "missing", "conflict", "busy"}}
	}
}

// operationID makes a stable id: get-workers-id, post-sos-id-ack.
func operationID(method, path string) string {
	id := strings.NewReplacer("/", "-", "{", "", "}", "").Replace(strings.ToLower(method) + path)
	return strings.Trim(id, "-")
}

// refuse answers outside huma's own writing.
func (a *API) refuse(ctx context.Context, w http.ResponseWriter, err error) {
	var p *problem
	if !errors.As(a.problem(ctx, err), &p) {
		return
	}
	for k, v := range p.header {
		w.Header()[k] = v
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p)
}
