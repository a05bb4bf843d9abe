package api

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/assess"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/postgres"
)

// scoreRow is a score as it is listed. The figures are for showing; final is exact.
type scoreRow struct {
	postgres.AssessScore
	Shown    *float64        `json:"shown" doc:"two decimals, rounded half up"`
	Base     *float64        `json:"base"`
	Special  *float64        `json:"special"`
	Now      assess.Fraction `json:"now" doc:"with what was adjusted since"`
	NowShown *float64        `json:"now_shown"`
	NowRank  int             `json:"now_rank"`
	NowBand  string          `json:"now_band"`
	Own      bool            `json:"own"`
}

type scoreList struct {
	Period postgres.AssessPeriod `json:"period"`
	Level  assess.Level          `json:"level"`
	Ranked bool                  `json:"ranked" doc:"persons are not"`
	Scores []scoreRow            `json:"scores"`
}

type scoreDetail struct {
	Period      postgres.AssessPeriod       `json:"period"`
	Template    assess.Template             `json:"template"`
	Score       scoreRow                    `json:"score"`
	Adjustments []postgres.AssessAdjustment `json:"adjustments"`
	Appeals     []postgres.AssessAppeal     `json:"appeals"`
	Marks       []postgres.AssessMark       `json:"marks"`
	MayAppeal   bool                        `json:"may_appeal"`
	Shown       map[string]itemShown        `json:"shown" doc:"each item's figures in decimals"`
}

// itemShown is an item's figures for showing.
type itemShown struct {
	N         string   `json:"n"`
	D         string   `json:"d"`
	Score     *float64 `json:"score"`
	Effective *float64 `json:"effective" doc:"per cent of the whole"`
	Points    *float64 `json:"points"`
}

type thingList struct {
	Unit   assess.Unit            `json:"unit"`
	Name   string                 `json:"name"`
	N      string                 `json:"n"`
	D      string                 `json:"d"`
	Things []postgres.AssessThing `json:"things"`
	Next   string                 `json:"next,omitempty"`
}

func (l thingList) table() ([]string, [][]string) {
	rows := make([][]string, len(l.Things))
	for i, t := range l.Things {
		rows[i] = []string{localTime(t.At), t.Title, t.State, strconv.FormatInt(t.N, 10), strconv.FormatInt(t.D, 10), t.Ref}
	}
	return []string{"时间", "内容", "状态", "计入分子", "计入分母", "编号"}, rows
}

// figureText writes a figure: whole numbers as they are, others with two decimals.
func figureText(f assess.Fraction) string {
	if r := f.Rat(); r != nil && r.IsInt() {
		return r.RatString()
	}
	return f.Text()
}

// rows are the scores of one level as the caller sees them, with the ranks that
// adjustments have made. The ranks are of all, whoever is shown.
func (a *API) scoreRows(ctx context.Context, p postgres.AssessPeriod, v assessView, level assess.Level) ([]scoreRow, error) {
	list, err := postgres.AssessScores(ctx, a.DB.Pool, p.ID, level, nil)
	if err != nil {
		return nil, err
	}
	template, _ := p.Template(level)
	var placed []assess.Placed
	for _, s := range list {
		if s.Counted && !level.Personal() {
			placed = append(placed, assess.Placed{Key: s.Subject, Name: s.Name, Score: s.Now()})
		}
	}
	rank := map[int64]int{}
	for _, r := range assess.Rank(placed) {
		rank[r.Key] = r.Rank
	}
	out := []scoreRow{}
	for _, s := range list {
		if !v.sees(s) {
			continue
		}
		row := scoreRow{AssessScore: s, Shown: s.Final.Shown(), Base: s.Result.Base.Shown(), Special: s.Result.Special.Shown(), Now: s.Now(), NowShown: s.Now().Shown(), NowRank: rank[s.Subject], Own: v.mine(s.Level, s.Subject)}
		row.NowBand, _ = template.Plan.Grade(row.Now)
		out = append(out, row)
	}
	return out, nil
}

type subjectPath struct {
	ID      int64        `path:"id"`
	Level   assess.Level `path:"level" enum:"grid,guide,community,department"`
	Subject int64        `path:"subject"`
}

// scoreFor reads one score as far as it is there for the caller.
func (a *API) scoreFor(ctx context.Context, who access.Session, in subjectPath) (p postgres.AssessPeriod, row scoreRow, err error) {
	missing := fault.New(fault.Missing, "没有这个考核对象，或者不在您的管辖范围")
	if p, err = a.periodFor(ctx, who, in.ID); err != nil {
		return p, row, err
	}
	v, err := a.assessView(ctx, who, p)
	if err != nil {
		return p, row, err
	}
	rows, err := a.scoreRows(ctx, p, v, in.Level)
	if err != nil {
		return p, row, err
	}
	for _, r := range rows {
		if r.Subject == in.Subject {
			return p, r, nil
		}
	}
	return p, row, missing
}

func (a *API) assessScoreRoutes() {
	route(a, http.MethodGet, "/assess/periods/{id}/scores", "The scores of a level, best first: a draft for those who assess, what is published as far as it is the caller's", person, func(ctx context.Context, who access.Session, in *struct {
		ID    int64        `path:"id"`
		Level assess.Level `query:"level" enum:"grid,guide,community,department" default:"grid"`
	}) (*struct{ Body scoreList }, error) {
		p, err := a.periodFor(ctx, who, in.ID)
		if err != nil {
			return nil, err
		}
		v, err := a.assessView(ctx, who, p)
		if err != nil {
			return nil, err
		}
		rows, err := a.scoreRows(ctx, p, v, in.Level)
		if err != nil {
			return nil, err
		}
		return &struct{ Body scoreList }{scoreList{p, in.Level, !in.Level.Personal(), rows}}, nil
	})

	route(a, http.MethodGet, "/assess/periods/{id}/scores/{level}/{subject}", "One score with everything it is made of: weights, numerators, denominators, marks, adjustments, appeals", person, func(ctx context.Context, who access.Session, in *subjectPath) (*struct{ Body scoreDetail }, error) {
		p, row, err := a.scoreFor(ctx, who, *in)
		if err != nil {
			return nil, err
		}
		out := scoreDetail{Period: p, Score: row, Appeals: []postgres.AssessAppeal{}, Shown: map[string]itemShown{}}
		out.Template, _ = p.Template(in.Level)
		if out.Adjustments, err = postgres.AssessAdjustments(ctx, a.DB.Pool, p.ID, in.Level, &in.Subject); err != nil {
			return nil, err
		}
		if out.Marks, err = postgres.AssessMarksOf(ctx, a.DB.Pool, p.ID, in.Level, in.Subject); err != nil {
			return nil, err
		}
		appeals, err := postgres.AssessAppeals(ctx, a.DB.Pool, p.ID)
		if err != nil {
			return nil, err
		}
		for _, one := range appeals {
			if one.Level == in.Level && one.Subject == in.Subject {
				out.Appeals = append(out.Appeals, one)
			}
		}
		for _, d := range row.Result.Dimensions {
			for _, it := range d.Items {
				shown := itemShown{N: figureText(it.Figure.N), D: figureText(it.Figure.D), Score: it.Score.Shown(), Points: it.Points.Shown()}
				if it.Effective != "" {
					shown.Effective = percentOf(it.Effective)
				}
				out.Shown[it.Code] = shown
			}
		}
		station := row.Level == assess.Grid && func() bool {
			for _, post := range who.Posts {
				if post.Role == access.Station && access.Covers(post.Path, row.OrgPath) {
					return true
				}
			}
			return false
		}()
		open := p.State == assess.Published || p.State == assess.Appealing
		out.MayAppeal = open && (row.Own || station) && (p.AppealUntil == nil || !a.Clock().After(*p.AppealUntil))
		return &struct{ Body scoreDetail }{out}, nil
	})

	route(a, http.MethodGet, "/assess/periods/{id}/scores/{level}/{subject}/evidence", "What is behind a figure: as it was when the score was made, one row for each thing counted", person, func(ctx context.Context, who access.Session, in *struct {
		Paging
		ID      int64        `path:"id"`
		Level   assess.Level `path:"level" enum:"grid,guide,community,department"`
		Subject int64        `path:"subject"`
		Item    string       `query:"item" required:"true" maxLength:"40"`
		Part    string       `query:"part" enum:"n,rest,all" default:"all" doc:"n: those above the line; rest: those that are below it alone"`
	}) (*struct {
		ListHead
		Body thingList
	}, error) {
		p, row, err := a.scoreFor(ctx, who, subjectPath{in.ID, in.Level, in.Subject})
		if err != nil {
			return nil, err
		}
		out := thingList{Things: []postgres.AssessThing{}}
		for _, d := range row.Result.Dimensions {
			for _, it := range d.Items {
				if it.Code == in.Item {
					out.Unit, out.Name, out.N, out.D = it.Unit, it.Name, figureText(it.Figure.N), figureText(it.Figure.D)
				}
			}
		}
		if out.Unit == "" {
			return nil, fault.New(fault.Missing, "没有这个指标")
		}
		f := postgres.AssessThings{Period: p.ID, Level: in.Level, Subject: in.Subject, Item: in.Item, Unit: out.Unit, Part: in.Part, Limit: in.rows()}
		var after postgres.AssessThing
		if ok, err := in.read(&after); err != nil {
			return nil, err
		} else if ok {
			f.After = &after
		}
		list, err := postgres.ThingsBehind(ctx, a.DB.Pool, f)
		if err != nil {
			return nil, err
		}
		list, out.Next = cut(in.Paging, list, func(t postgres.AssessThing) any { return postgres.AssessThing{Ref: t.Ref, At: t.At} })
		if out.Things = list; out.Unit == assess.Grids {
			if err := a.nameGrids(ctx, p, out.Things); err != nil {
				return nil, err
			}
		}
		said := map[string]string{}
		if out.Unit == assess.Marks {
			marks, err := postgres.AssessMarksOf(ctx, a.DB.Pool, p.ID, in.Level, in.Subject)
			if err != nil {
				return nil, err
			}
			for _, m := range marks {
				said[m.ID.String()] = m.ByName + "：" + m.Reason
			}
		}
		mask := who.MaskFor(row.OrgPath) == access.MaskPeople
		for i := range out.Things {
			t := &out.Things[i]
			switch {
			case out.Unit == assess.Marks:
				t.Title = said[t.Ref]
			case t.Ref == "target":
				t.Title = fmt.Sprintf("目标 %d 天", t.D)
			case out.Unit == assess.Days:
				t.Title = t.Ref + " 到岗"
			case out.Unit == assess.Weeks:
				t.Title = weekTitle(t.Ref) + " 合格半天／应完成半天"
			case out.Unit == assess.Objects:
				t.Title = weekTitle(t.Ref) + " 已走访／到期应走访"
			}
			if mask {
				t.Title = access.MaskText(t.Title)
			}
		}
		if err := a.exported(ctx, in.Paging, who, "assess.exported", in.Item, map[string]any{"period": p.ID, "rows": len(out.Things), "format": in.Format}); err != nil {
			return nil, err
		}
		return &struct {
			ListHead
			Body thingList
		}{head(in.Paging, "evidence", a.Clock()), out}, nil
	})

	route(a, http.MethodGet, "/me/assess", "One's own published scores: one's grids, oneself as a guide, one's community or department", person, func(ctx context.Context, who access.Session, _ *struct{}) (*struct {
		Body struct {
			Periods []myPeriod `json:"periods"`
		}
	}, error) {
		out := &struct {
			Body struct {
				Periods []myPeriod `json:"periods"`
			}
		}{}
		out.Body.Periods = []myPeriod{}
		own, err := postgres.AssessMine(ctx, a.DB.Pool, who.Account)
		if err != nil {
			return nil, err
		}
		regions := []int64{}
		for _, p := range who.Posts {
			regions = append(regions, p.Region)
		}
		periods, err := postgres.AssessPeriods(ctx, a.DB.Pool, regions)
		if err != nil {
			return nil, err
		}
		for _, p := range periods {
			if !p.State.Public() || len(out.Body.Periods) == 24 {
				continue
			}
			mine := myPeriod{Period: p, Scores: []scoreRow{}}
			for _, level := range assess.Levels() {
				rows, err := a.scoreRows(ctx, p, assessView{own: own}, level)
				if err != nil {
					return nil, err
				}
				mine.Scores = append(mine.Scores, rows...)
			}
			if mine.Period.Templates, mine.Period.Appeals = nil, 0; len(mine.Scores) > 0 {
				out.Body.Periods = append(out.Body.Periods, mine)
			}
		}
		return out, nil
	})
}

type myPeriod struct {
	Period postgres.AssessPeriod `json:"period"`
	Scores []scoreRow            `json:"scores"`
}

func percentOf(f assess.Fraction) *float64 { return f.Times(100).Shown() }

// nameGrids says which grids a mean is of, and what each has.
func (a *API) nameGrids(ctx context.Context, p postgres.AssessPeriod, things []postgres.AssessThing) error {
	rows, err := a.scoreRows(ctx, p, assessView{all: true}, assess.Grid)
	if err != nil {
		return err
	}
	by := map[string]scoreRow{}
	for _, r := range rows {
		by[strconv.FormatInt(r.Subject, 10)] = r
	}
	for i := range things {
		if r, ok := by[things[i].Ref]; ok {
			things[i].Title, things[i].State = r.Name+"　"+r.OrgName, r.Final.Text()
		}
	}
	return nil
}

// weekTitle names a week by its days: 10月5日–10月11日.
func weekTitle(monday string) string {
	day, err := time.Parse(time.DateOnly, monday)
	if err != nil {
		return monday
	}
	return day.Format("1月2日") + "–" + day.AddDate(0, 0, 6).Format("1月2日")
}
