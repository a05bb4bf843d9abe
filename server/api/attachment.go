package api

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/blob"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/postgres"
)

type attachmentBody struct {
	ID      uuid.UUID  `json:"id"`
	Kind    string     `json:"kind"`
	Mime    string     `json:"mime"`
	Width   int        `json:"width"`
	Height  int        `json:"height"`
	TakenAt *time.Time `json:"taken_at,omitempty"`
	Point   *orb.Point `json:"point,omitempty" doc:"where the photo says it was taken"`
}

func (a *API) attachmentRoutes(mux *http.ServeMux) {
	route(a, http.MethodPost, "/attachments", "Upload a photo (JPEG, PNG or WebP); a report then names its id", power(access.Report),
		func(ctx context.Context, who access.Session, in *struct {
			RawBody huma.MultipartFormFiles[struct {
				File huma.FormFile `form:"file" required:"true"`
				Kind string        `form:"kind" enum:"near,far,ref,before,after,"`
			}]
		}) (*struct {
			Body attachmentBody
		}, error) {
			form := in.RawBody.Data()
			defer in.RawBody.Form.RemoveAll()
			defer form.File.Close()
			if !form.File.IsSet {
				return nil, fault.New(fault.Invalid, "没有收到照片")
			}
			at, err := a.Desk.Attach(ctx, who.Principal, form.Kind, form.File)
			if err != nil {
				return nil, err
			}
			return &struct{ Body attachmentBody }{attachmentBody{at.ID, at.Kind, at.Mime, at.Width, at.Height, at.TakenAt, at.Point}}, nil
		}, func(op *huma.Operation) {
			op.DefaultStatus = http.StatusCreated
			op.MaxBodyBytes = blob.MaxBytes + 1<<20
		})

	// The bytes are streamed with ranges and ETags, which is net/http's work:
	// the route is described here and served beside huma.
	a.routes = append(a.routes, Route{http.MethodGet, "/api/v1/attachments/{id}", settled.word})
	mux.HandleFunc("GET /api/v1/attachments/{id}", a.serveAttachment)
	a.huma.OpenAPI().AddOperation(&huma.Operation{
		Method: http.MethodGet, Path: "/api/v1/attachments/{id}", OperationID: "get-attachments-id", Summary: "A photo, or with w a thumbnail at least so wide",
		Description: "Needs: settled.", Security: []map[string][]string{{"session": {}}},
		Parameters: []*huma.Param{
			{Name: "id", In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString, Format: "uuid"}},
			{Name: "w", In: "query", Schema: &huma.Schema{Type: huma.TypeInteger}},
		},
		Responses: map[string]*huma.Response{"200": {Description: "The photo", Content: map[string]*huma.MediaType{"image/jpeg": {}, "image/png": {}, "image/webp": {}}}},
	})
}

func (a *API) serveAttachment(w http.ResponseWriter, r *http.Request) {
	ctx := context.WithValue(r.Context(), requestKey{}, r)
	who, err := a.admit(ctx, settled)
	if err == nil {
		err = a.sendAttachment(ctx, w, r, who)
	}
	if err != nil {
		a.refuse(ctx, w, err)
	}
}

func (a *API) sendAttachment(ctx context.Context, w http.ResponseWriter, r *http.Request, who access.Session) error {
	missing := fault.New(fault.Missing, "没有这张照片，或者不在您的管辖范围")
	id, err := uuid.Parse(r.PathValue("id"))
	if err != nil {
		return missing
	}
	at, err := postgres.AttachmentByID(ctx, a.DB.Pool, id)
	if err != nil {
		return err
	}
	switch {
	case at.Visit != nil:
		if ok, err := a.maySeeVisitPhoto(ctx, who, *at.Visit, at.ID); err != nil || !ok {
			return missing
		}
	case at.Incident == nil:
		if at.By != who.Account || who.Account == 0 {
			ok, err := a.mayReadDoubtPhoto(ctx, who, id)
			if err == nil && !ok {
				ok, err = a.mayReadAppealPhoto(ctx, who, id)
			}
			if err != nil || !ok {
				return missing
			}
		}
	default:
		if who.Kiosk != 0 { // a photo may show a face or a plate: never on a shared wall
			return fault.New(fault.Denied, "大屏不显示照片")
		}
		if err := a.mayReadIncident(ctx, who, *at.Incident); err != nil {
			return missing
		}
	}
	sum := [32]byte(at.SHA256)
	mime, tag := at.Mime, fmt.Sprintf(`"%x"`, sum[:12])
	f, err := a.Blob.Get(sum)
	if width, bad := strconv.Atoi(r.URL.Query().Get("w")); bad == nil && width > 0 && err == nil {
		f.Close()
		f, mime, err = a.Blob.Thumbnail(sum, at.Mime, width)
		tag = fmt.Sprintf(`"%x-%d"`, sum[:12], width)
	}
	if err != nil {
		return err
	}
	defer f.Close()
	h := w.Header()
	h.Set("Content-Type", mime)
	h.Set("Content-Disposition", `inline; filename="`+id.String()+`"`)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "private, max-age=3600")
	h.Set("ETag", tag)
	http.ServeContent(w, r, "", time.Time{}, f)
	return nil
}
