package api

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/dispatch"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/postgres"
)

// The printed forms, 交办单 and 督办单: whole pages for A4, in the order in which
// such forms are filled in, with the signatures that paper wants.
//
//go:embed form
var formFiles embed.FS

var (
	forms = template.Must(template.New("").Funcs(template.FuncMap{
		"local": formTime, "maybe": maybeTime, "degrees": func(d float64) string { return fmt.Sprintf("%.6f", d) },
	}).ParseFS(formFiles, "form/*.html"))
	formStyle = mustRead("form/form.css")
	// formPolicy lets a form have its own style, font and photos, and nothing run.
	formPolicy = "default-src 'none'; style-src 'sha256-" + styleSum() + "'; font-src 'self'; img-src 'self'; frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
)

func mustRead(name string) string {
	b, err := formFiles.ReadFile(name)
	if err != nil {
		panic(err) // it is embedded
	}
	return string(b)
}

func styleSum() string {
	sum := sha256.Sum256([]byte(formStyle))
	return base64.StdEncoding.EncodeToString(sum[:])
}

func formTime(t time.Time) string {
	return t.In(incident.BusinessZone()).Format("2006年1月2日 15:04")
}

func formDay(t time.Time) string {
	return t.In(incident.BusinessZone()).Format("2006年1月2日")
}

func maybeTime(t *time.Time) string {
	if t == nil || t.IsZero() {
		return "—"
	}
	return formTime(*t)
}

// form is what both forms say.
type form struct {
	CSS                        template.CSS
	Title, Number, Issuer      string
	Marks, Water               []string
	Case                       incident.Incident
	Category, Source           string
	Tier, Urgency, Severity    string
	State, Hidden              string
	PrintedBy, PrintedAt       string
	Photos                     []uuid.UUID
	MorePhotos                 int
	Order                      dispatch.Order
	Mode, Others               string
	Feedbacks                  []formFeedback
	Checks                     []formCheck
	Supervision                postgres.Supervision
	Level, Responsible, Counts string
	Late, OnTime               string
}

type formFeedback struct {
	At                     time.Time
	Result, Text, Measures string
}

type formCheck struct {
	At           *time.Time
	Result, Text string
}

var (
	formTiers     = []string{"待定", "一级（网格）", "二级（村社区）", "三级（街道部门）", "四级（指挥室统筹）"}
	urgencyNames  = map[incident.Urgency]string{incident.Critical: "特急", incident.Urgent: "紧急", incident.Normal: "一般", incident.Notice: "提示"}
	severityNames = []string{"", "Ⅰ级（特别重大）", "Ⅱ级（重大）", "Ⅲ级（较大）", "Ⅳ级（一般）"}
	modeNames     = map[string]string{dispatch.Lead: "主办", dispatch.Assist: "协办", dispatch.Inform: "抄送"}
	resultNames   = map[string]string{"solved": "已解决", "partly": "部分解决", "cannot": "无法解决", "not_exist": "事件不存在", "pass": "核查通过", "fail": "核查不通过，返工", "not_found": "未发现", "duplicate": "重复"}
	levelNames    = map[string]string{"yellow": "黄牌督办", "red": "红牌督办", "listed": "挂牌督办", "": "督办"}
)

// printRoutes are pages, not JSON: described here and served beside huma.
func (a *API) printRoutes(mux *http.ServeMux) {
	for path, page := range map[string]struct {
		id, summary string
		params      []string
		draw        func(context.Context, access.Session, *http.Request) (string, form, error)
	}{
		"/incidents/{id}/print/order/{order}": {"get-incidents-id-print-order-order", "The order as a form for A4 (交办单)", []string{"id", "order"}, a.orderForm},
		"/supervisions/{id}/print":            {"get-supervisions-id-print", "The demand as a form for A4 (督办单)", []string{"id"}, a.supervisionForm},
	} {
		full := "/api/v1" + path
		a.routes = append(a.routes, Route{http.MethodGet, full, person.word})
		op := &huma.Operation{Method: http.MethodGet, Path: full, OperationID: page.id, Summary: page.summary, Description: "Needs: person. Printing is recorded.",
			Security: []map[string][]string{{"session": {}}}, Responses: map[string]*huma.Response{"200": {Description: "An HTML page", Content: map[string]*huma.MediaType{"text/html": {}}}}}
		for _, name := range page.params {
			op.Parameters = append(op.Parameters, &huma.Param{Name: name, In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString, Format: "uuid"}})
		}
		a.huma.OpenAPI().AddOperation(op)
		mux.HandleFunc("GET "+full, func(w http.ResponseWriter, r *http.Request) {
			ctx := context.WithValue(r.Context(), requestKey{}, r)
			who, err := a.admit(ctx, person)
			if err == nil {
				err = a.sendForm(ctx, w, r, who, page.draw)
			}
			if err != nil {
				a.refuse(ctx, w, err)
			}
		})
	}
}

func (a *API) sendForm(ctx context.Context, w http.ResponseWriter, r *http.Request, who access.Session, draw func(context.Context, access.Session, *http.Request) (string, form, error)) error {
	name, f, err := draw(ctx, who, r)
	if err != nil {
		return err
	}
	var page bytes.Buffer
	if err := forms.ExecuteTemplate(&page, name+".html", f); err != nil {
		return fmt.Errorf("draw the form %s: %w", name, err)
	}
	if err := a.audit(ctx, a.DB.Pool, who, name+".printed", f.Number, map[string]any{"incident": f.Case.ID}); err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", formPolicy)
	_, _ = w.Write(page.Bytes())
	return nil
}

// caseForm is what both forms say of the case, as this caller may see it.
func (a *API) caseForm(ctx context.Context, who access.Session, id uuid.UUID) (form, caseBody, error) {
	if err := a.mayReadIncident(ctx, who, id); err != nil {
		return form{}, caseBody{}, err
	}
	inc, err := postgres.IncidentByID(ctx, a.DB.Pool, id)
	if err != nil {
		return form{}, caseBody{}, err
	}
	file, err := a.caseFile(ctx, who, incidentDetail{Incident: inc})
	if err != nil {
		return form{}, caseBody{}, err
	}
	issuer, category, err := postgres.FormNames(ctx, a.DB.Pool, inc.Region, inc.Category)
	if err != nil {
		return form{}, caseBody{}, err
	}
	now := a.Clock().In(incident.BusinessZone()).Format("2006-01-02 15:04:05")
	f := form{
		CSS: template.CSS(formStyle), Case: shown(who, inc), Issuer: issuer + "综合指挥室", Category: category, Source: incident.Sources()[inc.Source],
		Tier: formTiers[0], Urgency: urgencyNames[inc.Urgency], State: inc.State.Name(), Hidden: "—",
		PrintedBy: who.Name + "（" + who.Login + "）", PrintedAt: now,
	}
	for range 12 {
		f.Water = append(f.Water, who.Name+" "+now)
	}
	if n := inc.Tier; n != nil && int(*n) < len(formTiers) {
		f.Tier = formTiers[*n]
	}
	if n := inc.Severity; n != nil && int(*n) < len(severityNames) {
		f.Severity = severityNames[*n]
	}
	if f.Case.ReporterName == "" && inc.ReporterName != "" {
		f.Hidden = "（按权限不显示）"
	}
	if inc.Urgency == incident.Critical || inc.Urgency == incident.Urgent {
		f.Marks = append(f.Marks, f.Urgency)
	}
	if inc.Sensitivity == "high" {
		f.Marks = append(f.Marks, "涉敏 注意保密")
	}
	if inc.Drill {
		f.Marks = append(f.Marks, "演练")
	}
	return f, file, nil
}

// formIDs reads the ids of a path; what is no id is nothing that exists.
func formIDs(r *http.Request, names ...string) ([]uuid.UUID, error) {
	ids := make([]uuid.UUID, len(names))
	for i, name := range names {
		id, err := uuid.Parse(r.PathValue(name))
		if err != nil {
			return nil, fault.New(fault.Missing, "没有这张单据，或者不在您的管辖范围")
		}
		ids[i] = id
	}
	return ids, nil
}

func (a *API) orderForm(ctx context.Context, who access.Session, r *http.Request) (string, form, error) {
	ids, err := formIDs(r, "id", "order")
	if err != nil {
		return "", form{}, err
	}
	f, file, err := a.caseForm(ctx, who, ids[0])
	if err != nil {
		return "", form{}, err
	}
	var others []string
	found := false
	for _, o := range file.Orders {
		if o.ID == ids[1] {
			f.Order, found = o, true
		} else if o.State.Open() || o.State == dispatch.Done || o.State == dispatch.Informed {
			others = append(others, modeNames[o.Mode]+"："+strings.TrimSpace(o.OrgName+" "+o.WorkerName))
		}
	}
	if !found {
		return "", form{}, fault.New(fault.Missing, "没有这张单据，或者不在您的管辖范围")
	}
	f.Title, f.Number, f.Mode, f.Others = "事件交办单", fmt.Sprintf("%s-%02d", f.Case.CaseNo, f.Order.Seq), modeNames[f.Order.Mode], strings.Join(others, "；")
	f.State = f.Order.State.Name() + "，事件" + f.State
	for _, p := range f.Case.Photos {
		if strings.HasPrefix(p.Mime, "image/") && p.Kind != "after" {
			if len(f.Photos) < 3 {
				f.Photos = append(f.Photos, p.ID)
			}
			f.MorePhotos++
		}
	}
	if f.MorePhotos <= len(f.Photos) {
		f.MorePhotos = 0
	}
	for _, b := range file.Feedbacks {
		if b.Order != nil && *b.Order == f.Order.ID {
			f.Feedbacks = append(f.Feedbacks, formFeedback{b.At, resultNames[b.Result], b.Text, b.Measures})
		}
	}
	for _, v := range file.Verifications {
		if v.Kind == "check" && v.State == "done" && f.Order.Mode == dispatch.Lead {
			f.Checks = append(f.Checks, formCheck{v.DoneAt, resultNames[v.Result], v.Text})
		}
	}
	return "order", f, nil
}

func (a *API) supervisionForm(ctx context.Context, who access.Session, r *http.Request) (string, form, error) {
	ids, err := formIDs(r, "id")
	if err != nil {
		return "", form{}, err
	}
	of, err := postgres.IncidentOfSupervision(ctx, a.DB.Pool, ids[0])
	if err != nil {
		return "", form{}, err
	}
	f, file, err := a.caseForm(ctx, who, of)
	if err != nil {
		return "", form{}, err
	}
	n := 0
	for _, s := range file.Supervisions {
		n++
		if s.ID == ids[0] {
			f.Supervision, f.Number = s, fmt.Sprintf("%s-督%02d", f.Case.CaseNo, n)
		}
	}
	f.Level, f.Title = levelNames[f.Supervision.Level], "督办单"
	if f.Supervision.Kind == "urge" {
		f.Level, f.Title = "催办", "催办单"
	}
	f.Responsible = strings.TrimSpace(f.Case.OwnerName + " " + f.Case.OwnerWorkerName)
	for _, o := range file.Orders {
		if f.Supervision.Order != nil && o.ID == *f.Supervision.Order {
			f.Responsible = strings.TrimSpace(o.OrgName + " " + o.WorkerName)
		}
	}
	f.Late, f.OnTime = lateness(f.Case, a.Clock())
	for _, c := range []struct {
		name string
		n    int16
	}{{"退回", f.Case.ReturnCount}, {"返工", f.Case.ReworkCount}, {"延期", f.Case.DelayCount}, {"催办", f.Case.UrgeCount}} {
		if c.n > 0 {
			f.Counts += fmt.Sprintf("%s %d 次　", c.name, c.n)
		}
	}
	f.Counts = cmp.Or(strings.TrimSpace(f.Counts), "无退回、返工、延期")
	return "supervision", f, nil
}

// lateness says how a case stands to its limit: late, or not.
func lateness(inc incident.Incident, now time.Time) (late, onTime string) {
	end := now
	if inc.ClosedAt != nil {
		end = *inc.ClosedAt
	}
	switch {
	case inc.CaseDue == nil:
		return "", "未设期限"
	case inc.Paused:
		return "", "挂账，计时暂停"
	case end.After(*inc.CaseDue):
		over := end.Sub(*inc.CaseDue)
		if days := int(over / (24 * time.Hour)); days > 0 {
			return fmt.Sprintf("已逾期 %d 天 %d 小时", days, int(over/time.Hour)%24), ""
		}
		return fmt.Sprintf("已逾期 %d 小时 %d 分", int(over/time.Hour), int(over/time.Minute)%60), ""
	}
	return "", "未逾期"
}
