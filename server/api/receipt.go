package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"html/template"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/gridward/gridward/server/courier"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/postgres"
)

// receiptPolicy lets the page that asks for a receipt send its one form.
const receiptPolicy = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

// A link in a mail is opened by whoever scans it, so opening it acknowledges
// nothing: the page has a button.
var receiptPage = template.Must(template.New("receipt").Parse(`<!doctype html>
<html lang="zh-CN"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="robots" content="noindex"><title>消息回执</title>
<style>body{font:17px/1.7 system-ui,"Noto Sans SC","Microsoft YaHei",sans-serif;max-width:26em;margin:3em auto;padding:0 1em;color:#1b2430}h1{font-size:1.3em}
input{font:inherit;width:100%;box-sizing:border-box;padding:.5em;border:1px solid #8a94a3;border-radius:4px}button{font:inherit;margin-top:1em;width:100%;padding:.7em;border:0;border-radius:4px;background:#0b5cad;color:#fff}</style>
<h1>消息回执</h1>
{{if .Problem}}<p>{{.Problem}}</p>
{{else}}<p>{{.What}}{{with .CaseNo}}（案号 {{.}}）{{end}}</p>
{{if .AckedAt}}<p>已于 {{.AckedAt}} 回执。</p>
{{else}}<form method="post"><label>回执人（单位或姓名，可不填）<input name="by" maxlength="40" autocomplete="name"></label><button>我已收到</button></form>
{{end}}{{end}}</html>
`))

// receiptRoutes are for the receiver of a message, who has no account here: the
// token in the link is what he proves himself with.
func (a *API) receiptRoutes(mux *http.ServeMux) {
	const path = courier.AckPath + "{token}"
	for method, handle := range map[string]func(context.Context, string, *http.Request) (postgres.Ack, error){
		http.MethodGet: a.lookAtReceipt, http.MethodPost: a.giveReceipt,
	} {
		a.routes = append(a.routes, Route{method, path, anyone.word})
		mux.HandleFunc(method+" "+path, func(w http.ResponseWriter, r *http.Request) {
			ctx := context.WithValue(r.Context(), requestKey{}, r)
			ack, err := handle(ctx, r.PathValue("token"), r)
			a.answerReceipt(ctx, w, r, ack, err)
		})
	}
	token := []*huma.Param{{Name: "token", In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString}}}
	page := map[string]*huma.Response{"200": {Description: "A page with a button", Content: map[string]*huma.MediaType{"text/html": {}}}}
	a.huma.OpenAPI().AddOperation(&huma.Operation{Method: http.MethodGet, Path: path, OperationID: "get-delivery-ack-token", Summary: "A page on which the receiver of a message acknowledges it", Parameters: token, Responses: page})
	a.huma.OpenAPI().AddOperation(&huma.Operation{Method: http.MethodPost, Path: path, OperationID: "post-delivery-ack-token", Summary: "The receiver of a message acknowledges it; the first time counts", Parameters: token,
		Responses: map[string]*huma.Response{"200": {Description: "Acknowledged", Content: map[string]*huma.MediaType{"application/json": {}, "text/html": {}}}}})
}

func (a *API) lookAtReceipt(ctx context.Context, token string, _ *http.Request) (postgres.Ack, error) {
	return postgres.DeliveryByToken(ctx, a.DB.Pool, courier.TokenHash(token))
}

func (a *API) giveReceipt(ctx context.Context, token string, r *http.Request) (postgres.Ack, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 4<<10))
	if err != nil {
		return postgres.Ack{}, fault.Because(err, fault.Invalid, "没有收到完整的请求")
	}
	var said struct {
		By string `json:"by"`
	}
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind == "application/x-www-form-urlencoded" {
		r.Body = io.NopCloser(bytes.NewReader(body))
		said.By = r.FormValue("by")
	} else if len(body) > 0 {
		_ = json.Unmarshal(body, &said) // a receipt is a receipt, whatever else it says
	}
	by := []rune(strings.TrimSpace(strings.ToValidUTF8(strings.ReplaceAll(said.By, "\x00", ""), "")))
	return postgres.AckDelivery(ctx, a.DB.Pool, courier.TokenHash(token), a.Clock(), string(by[:min(len(by), 40)]))
}

func (a *API) answerReceipt(ctx context.Context, w http.ResponseWriter, r *http.Request, ack postgres.Ack, err error) {
	if !strings.Contains(r.Header.Get("Accept"), "text/html") && r.Method == http.MethodPost {
		if err != nil {
			a.refuse(ctx, w, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]time.Time{"acked_at": ack.AckedAt.UTC()})
		return
	}
	shown := struct{ Problem, What, CaseNo, AckedAt string }{What: courier.Events()[ack.Kind], CaseNo: ack.CaseNo}
	if shown.What == "" {
		shown.What = "消息"
	}
	if ack.AckedAt.Unix() > 0 {
		shown.AckedAt = localTime(ack.AckedAt)
	}
	status := http.StatusOK
	if err != nil {
		var p *problem
		if !errors.As(a.problem(ctx, err), &p) {
			return
		}
		status, shown.Problem = p.Status, p.Detail
		for k, v := range p.header {
			w.Header()[k] = v
		}
	}
	var page bytes.Buffer
	if err := receiptPage.Execute(&page, shown); err != nil {
		a.refuse(ctx, w, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", receiptPolicy)
	h.Set("Referrer-Policy", "no-referrer") // the address is the token
	w.WriteHeader(status)
	_, _ = w.Write(page.Bytes())
}
