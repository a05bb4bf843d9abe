package api

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/assess"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/postgres"
)

// How an assessment leaves the house: as a workbook, as a printed sheet, and
// as the snapshot to the byte, whose digest stands in the journal.

// scoreBook is a period as a workbook: a sheet of each level that the caller
// sees, adjustments, appeals, and what it all stands on.
type scoreBook struct {
	Period      postgres.AssessPeriod            `json:"period"`
	Levels      map[assess.Level][]scoreRow      `json:"levels"`
	Adjustments []postgres.AssessAdjustment      `json:"adjustments"`
	Appeals     []postgres.AssessAppeal          `json:"appeals"`
	templates   map[assess.Level]assess.Template `json:"-"`
}

var (
	adjustmentNames = map[string]string{"appeal": "申诉成立", "data": "数据更正", "decision": "核定调整"}
	verdictNames    = map[string]string{"upheld": "成立", "partly": "部分成立", "rejected": "不成立", "": "待决定"}
)

func decimal(v *float64) any {
	if v == nil {
		return "—"
	}
	return *v
}

func rankText(n int) any {
	if n == 0 {
		return "—"
	}
	return n
}

// book lays the period out.
func (b scoreBook) book() []sheet {
	var sheets []sheet
	for _, level := range assess.Levels() {
		rows, there := b.Levels[level]
		if !there {
			continue
		}
		t := b.templates[level]
		s := sheet{name: level.Name(), head: []string{"名次", "名称", "所属", "得分", "等次"}}
		if level == assess.Grid {
			s.head = append(s.head, "奖补(元)")
		}
		s.head = append(s.head, "调整后得分", "调整后名次", "基础分", "专项")
		for _, d := range t.Plan.Dimensions {
			s.head = append(s.head, fmt.Sprintf("%s(%s)", d.Name, d.Weight.Text()))
			for _, it := range d.Items {
				s.head = append(s.head, it.Name+" 分子", it.Name+" 分母", fmt.Sprintf("%s 得分(%s)", it.Name, it.Weight.Text()))
			}
		}
		for _, r := range rows {
			row := []any{rankText(r.Rank), r.Name, r.OrgName, decimal(r.Shown), cmp.Or(r.Result.Band, "—")}
			if level == assess.Grid {
				if r.Result.Bonus != nil {
					row = append(row, float64(*r.Result.Bonus)/100)
				} else {
					row = append(row, "—")
				}
			}
			row = append(row, decimal(r.NowShown), rankText(r.NowRank), decimal(r.Base), decimal(r.Special))
			for _, d := range r.Result.Dimensions {
				row = append(row, decimal(d.Score.Shown()))
				for _, it := range d.Items {
					row = append(row, decimal(it.Figure.N.Shown()), decimal(it.Figure.D.Shown()), decimal(it.Score.Shown()))
				}
			}
			s.rows = append(s.rows, row)
		}
		sheets = append(sheets, s)
	}
	adjusted := sheet{name: "调整", head: []string{"时间", "级别", "对象", "类别", "加减分", "理由", "经办人"}}
	for _, x := range b.Adjustments {
		adjusted.rows = append(adjusted.rows, []any{localTime(x.At), x.Level.Name(), x.Name, adjustmentNames[x.Kind], decimal(x.Delta.Shown()), x.Reason, x.ByName})
	}
	appeals := sheet{name: "申诉", head: []string{"时间", "级别", "对象", "申诉人", "理由", "依据", "决定", "答复", "决定人", "决定时间"}}
	for _, x := range b.Appeals {
		at := ""
		if x.DecidedAt != nil {
			at = localTime(*x.DecidedAt)
		}
		appeals.rows = append(appeals.rows, []any{localTime(x.At), x.Level.Name(), x.Name, x.ByName, x.Reason, x.Evidence, verdictNames[x.Verdict], x.Answer, x.DecidedBy, at})
	}
	words := sheet{name: "说明", head: []string{"项目", "内容"}, rows: [][]any{
		{"考核期", b.Period.Title}, {"期间", localTime(b.Period.From) + " 至 " + localTime(b.Period.To)}, {"状态", b.Period.StateName}, {"公布快照 SHA-256", cmp.Or(b.Period.Digest, "未公布")},
		{"无法计算的指标", "分母为零的指标不计，其权重由同一维度的其他指标按比例分担；得分以精确分数计算和排名，两位小数仅供显示"},
		{"排名", "同分同名次，其后名次顺延（1、2、2、4）；在册不足半期的网格不排名，不计入均分；个人不排名"},
	}}
	for _, level := range assess.Levels() {
		if t, ok := b.templates[level]; ok {
			for _, it := range t.Plan.Items() {
				m, _ := assess.MeasureByCode(it.Source)
				words.rows = append(words.rows, []any{level.Name() + "·" + it.Name, m.Explain})
			}
		}
	}
	return append(sheets, adjusted, appeals, words)
}

// scoreBookOf reads what of a period may leave the house with the caller.
func (a *API) scoreBookOf(ctx context.Context, who access.Session, id int64) (b scoreBook, err error) {
	if b.Period, err = a.periodFor(ctx, who, id); err != nil {
		return b, err
	}
	v, err := a.assessView(ctx, who, b.Period)
	if err != nil {
		return b, err
	}
	b.Levels, b.templates = map[assess.Level][]scoreRow{}, map[assess.Level]assess.Template{}
	for _, level := range assess.Levels() {
		rows, err := a.scoreRows(ctx, b.Period, v, level)
		if err != nil {
			return b, err
		}
		if t, ok := b.Period.Template(level); ok && len(rows) > 0 {
			b.Levels[level], b.templates[level] = rows, t
		}
	}
	seen := func(level assess.Level, subject int64) bool {
		for _, r := range b.Levels[level] {
			if r.Subject == subject {
				return true
			}
		}
		return false
	}
	adjustments, err := postgres.AssessAdjustments(ctx, a.DB.Pool, b.Period.ID, "", nil)
	if err != nil {
		return b, err
	}
	for _, x := range adjustments {
		if seen(x.Level, x.Subject) {
			b.Adjustments = append(b.Adjustments, x)
		}
	}
	appeals, err := postgres.AssessAppeals(ctx, a.DB.Pool, b.Period.ID)
	if err != nil {
		return b, err
	}
	for _, x := range appeals {
		if v.all || x.By == who.Account || v.mine(x.Level, x.Subject) {
			b.Appeals = append(b.Appeals, x)
		}
	}
	return b, nil
}

// assessForm is the printed sheet of a level.
type assessForm struct {
	CSS                              template.CSS
	Title, Number, Issuer            string
	Water                            []string
	PrintedBy, PrintedAt, State      string
	Period                           postgres.AssessPeriod
	Level                            assess.Level
	Personal, Special                bool
	From, To, Published, AppealUntil string
	Dimensions                       []assess.Dimension
	Rows                             []formScore
	Adjustments                      []formAdjustment
	Grades                           string
}

type formScore struct {
	Rank, Name, Org, Final, Band, Now, Bonus, Special string
	Parts                                             []string
}

type formAdjustment struct{ At, Name, Kind, Delta, Reason, By string }

func (a *API) assessForm(ctx context.Context, who access.Session, r *http.Request) (f assessForm, err error) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	level := assess.Level(cmp.Or(r.URL.Query().Get("level"), string(assess.Community)))
	if err != nil {
		return f, fault.New(fault.Missing, "没有这个考核期，或者不在您的管辖范围")
	}
	b, err := a.scoreBookOf(ctx, who, id)
	if err != nil {
		return f, err
	}
	if level.Name() == "" {
		return f, fault.New(fault.Invalid, "没有这一级考核")
	}
	now := localTime(a.Clock())
	f = assessForm{
		CSS: template.CSS(formStyle), Title: level.Name() + "考核结果", Number: b.Period.Label, Issuer: b.Period.RegionName, PrintedBy: who.Name + "（" + who.Login + "）", PrintedAt: now, State: b.Period.StateName,
		Period: b.Period, Level: level, Personal: level.Personal(), From: formDay(b.Period.From), To: formDay(b.Period.To.AddDate(0, 0, -1)), Published: maybeTime(b.Period.PublishedAt), AppealUntil: maybeTime(b.Period.AppealUntil),
	}
	for range 12 {
		f.Water = append(f.Water, who.Name+" "+now)
	}
	t := b.templates[level]
	f.Dimensions, f.Special = t.Plan.Dimensions, t.Plan.Special > 0
	var grades []string
	for _, g := range t.Plan.Bands {
		grades = append(grades, g.Name+" ≥ "+strings.TrimSuffix(assess.Hundredths(g.AtLeast).Text(), ".00"))
	}
	f.Grades = strings.Join(grades, "，")
	for _, row := range b.Levels[level] {
		s := formScore{Rank: fmt.Sprint(rankText(row.Rank)), Name: row.Name, Org: row.OrgName, Final: row.Final.Text(), Band: cmp.Or(row.Result.Band, "—"), Special: row.Result.Special.Text(), Now: "—", Bonus: "—"}
		if len(row.Deltas) > 0 {
			s.Now = row.Now.Text()
		}
		if row.Result.Bonus != nil {
			s.Bonus = fmt.Sprintf("%d", *row.Result.Bonus/100)
		}
		for _, d := range row.Result.Dimensions {
			s.Parts = append(s.Parts, d.Score.Text())
		}
		f.Rows = append(f.Rows, s)
	}
	for _, x := range b.Adjustments {
		if x.Level == level {
			f.Adjustments = append(f.Adjustments, formAdjustment{localTime(x.At), x.Name, adjustmentNames[x.Kind], x.Delta.Text(), x.Reason, x.ByName})
		}
	}
	return f, nil
}

func (a *API) assessSheetRoutes(mux *http.ServeMux) {
	route(a, http.MethodGet, "/assess/periods/{id}/scores.xlsx", "A period as a workbook, as far as it is the caller's", person, func(ctx context.Context, who access.Session, in *struct {
		ID int64 `path:"id"`
	}) (*struct {
		ListHead
		Body scoreBook
	}, error) {
		b, err := a.scoreBookOf(ctx, who, in.ID)
		if err != nil {
			return nil, err
		}
		if err := a.audit(ctx, a.DB.Pool, who, "assess.exported", b.Period.Label, map[string]any{"period": in.ID, "format": "xlsx"}); err != nil {
			return nil, err
		}
		return &struct {
			ListHead
			Body scoreBook
		}{head(Paging{Format: "xlsx"}, "assess-"+b.Period.Label, a.Clock()), b}, nil
	})

	route(a, http.MethodGet, "/assess/periods/{id}/snapshot", "What was published, to the byte, and whether it still has the digest that stands in the journal", power(access.Assess), func(ctx context.Context, who access.Session, in *struct {
		ID int64 `path:"id"`
	}) (*struct{ Body snapshot }, error) {
		p, err := a.periodFor(ctx, who, in.ID)
		if err != nil {
			return nil, err
		}
		if !who.May(access.Assess, p.RegionPath) {
			return nil, fault.New(fault.Missing, "没有这个考核期，或者不在您的管辖范围")
		}
		digest, text, err := postgres.AssessSheet(ctx, a.DB.Pool, p.ID)
		if err != nil {
			return nil, err
		}
		return &struct{ Body snapshot }{snapshot{Digest: digest, Intact: assess.Digest(text) == digest, Text: string(text)}}, nil
	})

	full := "/api/v1/assess/periods/{id}/print"
	a.routes = append(a.routes, Route{http.MethodGet, full, person.word})
	a.huma.OpenAPI().AddOperation(&huma.Operation{
		Method: http.MethodGet, Path: full, OperationID: operationID(http.MethodGet, "/assess/periods/{id}/print"), Summary: "The scores of a level as a sheet for A4", Description: "Needs: person. Printing is recorded.",
		Security: []map[string][]string{{"session": {}}}, Responses: map[string]*huma.Response{"200": {Description: "An HTML page", Content: map[string]*huma.MediaType{"text/html": {}}}},
		Parameters: []*huma.Param{
			{Name: "id", In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeInteger, Format: "int64"}},
			{Name: "level", In: "query", Schema: &huma.Schema{Type: huma.TypeString, Enum: []any{"grid", "guide", "community", "department"}}},
		},
	})
	mux.HandleFunc("GET "+full, func(w http.ResponseWriter, r *http.Request) {
		ctx := context.WithValue(r.Context(), requestKey{}, r)
		who, err := a.admit(ctx, person)
		if err == nil {
			err = a.sendAssessForm(ctx, w, r, who)
		}
		if err != nil {
			a.refuse(ctx, w, err)
		}
	})
}

type snapshot struct {
	Digest string `json:"digest"`
	Intact bool   `json:"intact" doc:"the text has this SHA-256"`
	Text   string `json:"text" doc:"JSON; its bytes are what is digested"`
}

func (a *API) sendAssessForm(ctx context.Context, w http.ResponseWriter, r *http.Request, who access.Session) error {
	f, err := a.assessForm(ctx, who, r)
	if err != nil {
		return err
	}
	var page bytes.Buffer
	if err := forms.ExecuteTemplate(&page, "assess.html", f); err != nil {
		return fmt.Errorf("draw the assessment: %w", err)
	}
	if err := a.audit(ctx, a.DB.Pool, who, "assess.printed", f.Number, map[string]any{"period": f.Period.ID, "level": f.Level}); err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", formPolicy)
	_, _ = w.Write(page.Bytes())
	return nil
}
