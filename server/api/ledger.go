package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/workday"
)

// ledgerBody is the ledger (工作台账) of grids and a period.
type ledgerBody struct {
	From   string                 `json:"from" format:"date"`
	To     string                 `json:"to" format:"date" doc:"its last day"`
	Rows   []postgres.LedgerRow   `json:"rows"`
	Totals []postgres.LedgerTotal `json:"totals" doc:"grid by grid; with the first page"`
	Next   string                 `json:"next,omitempty"`
}

var (
	ledgerKinds   = map[string]string{"visit": "走访", "duty": "在岗", "incident": "事件", "task": "任务"}
	dutyPurposes  = map[string]string{"patrol": "巡查", "visit": "走访", "emergency": "应急", "event_task": "专项任务", "window": "窗口"}
	orderModes    = map[string]string{"lead": "主办", "assist": "协办", "inform": "抄送"}
	orderStates   = map[string]string{"pending": "待签收", "handling": "处置中", "fed_back": "已反馈", "done": "已办结", "returned": "已退回", "refused": "退回未准", "recalled": "已撤回", "reassigned": "已改派", "waived": "已免办", "informed": "已告知"}
	dutyEnds      = map[string]string{"open": "在岗", "auto": "自动离岗", "ended": "已离岗"}
	ledgerHeading = []string{"时间", "结束时间", "台账类别", "社区(村)", "网格", "人员", "事项", "对象或标题", "结果", "案号", "说明"}
)

// words are a row's codes in Chinese.
func ledgerWords(r postgres.LedgerRow) (what, result string) {
	switch r.Kind {
	case "visit":
		return r.What, visitOutcomes[r.Result]
	case "duty":
		return dutyPurposes[r.What], dutyEnds[r.Result]
	case "task":
		return orderModes[r.What], orderStates[r.Result]
	}
	return r.What, incident.State(r.Result).Name()
}

func (l ledgerBody) table() ([]string, [][]string) {
	rows := make([][]string, len(l.Rows))
	for i, r := range l.Rows {
		until := ""
		if r.Until != nil {
			until = localTime(*r.Until)
		}
		what, result := ledgerWords(r)
		rows[i] = []string{localTime(r.At), until, ledgerKinds[r.Kind], r.OrgName, r.GridName, r.Who, what, r.Title, result, r.No, r.Note}
	}
	return ledgerHeading, rows
}

func (l ledgerBody) book() []sheet {
	head, text := l.table()
	detail := sheet{name: "台账", head: head, rows: make([][]any, len(text))}
	for i, row := range text {
		for _, cell := range row {
			detail.rows[i] = append(detail.rows[i], cell)
		}
	}
	sums := sheet{name: "汇总 " + l.From + " 至 " + l.To, head: []string{"社区(村)", "网格", "走访次数", "未遇、拒访", "发现问题", "在岗次数", "在岗分钟", "事件数", "已结案", "任务数", "已完成任务"}}
	for _, t := range l.Totals {
		sums.rows = append(sums.rows, []any{t.OrgName, t.GridName, t.Visits, t.Attempts, t.Found, t.Sessions, t.Minutes, t.Incidents, t.Closed, t.Tasks, t.Done})
	}
	return []sheet{sums, detail}
}

// mostLedgerDays is how long a period of the ledger may be.
const mostLedgerDays = 366

func (a *API) ledgerRoutes() {
	route(a, http.MethodGet, "/ledger", "The ledger (工作台账) of grids and a period: visits, duty, cases and orders as they are; nobody writes it", power(access.SeeStatistic), func(ctx context.Context, who access.Session, in *struct {
		Paging
		Org  int64  `query:"org"`
		Grid int64  `query:"grid"`
		From string `query:"from" format:"date" doc:"the first day; the Monday of this week unless told"`
		To   string `query:"to" format:"date" doc:"the last day; today unless told"`
		Kind string `query:"kind" enum:"visit,duty,incident,task,"`
	}) (*struct {
		ListHead
		Body ledgerBody
	}, error) {
		from, to, err := a.period(in.From, in.To)
		if err != nil {
			return nil, err
		}
		f := postgres.LedgerFilter{Scope: who.Scope(access.SeeStatistic), Org: some(in.Org), Grid: some(in.Grid), Kind: in.Kind, From: from.Start(), To: (to + 1).Start(), Limit: in.rows()}
		var at struct {
			At  time.Time
			Ref string
		}
		more, err := in.read(&at)
		if err != nil {
			return nil, err
		}
		if more {
			f.AfterAt, f.AfterRef = at.At, at.Ref
		}
		out := ledgerBody{From: from.String(), To: to.String(), Totals: []postgres.LedgerTotal{}}
		list, err := postgres.Ledger(ctx, a.DB.Pool, f)
		if err != nil {
			return nil, err
		}
		if !more {
			if out.Totals, err = postgres.LedgerTotals(ctx, a.DB.Pool, f); err != nil {
				return nil, err
			}
		}
		if err := a.exported(ctx, in.Paging, who, "ledger.exported", "", map[string]any{"rows": len(list), "from": out.From, "to": out.To, "grid": in.Grid, "org": in.Org}); err != nil {
			return nil, err
		}
		out.Rows, out.Next = cut(in.Paging, list, func(r postgres.LedgerRow) any {
			at.At, at.Ref = r.At, r.Ref
			return at
		})
		for i, r := range out.Rows {
			out.Rows[i] = shownLine(who, r, in.export())
		}
		return &struct {
			ListHead
			Body ledgerBody
		}{head(in.Paging, fmt.Sprintf("ledger-%s-%s", out.From, out.To), a.Clock()), out}, nil
	})
}

// shownLine is a line of the ledger as this caller may read it.
func shownLine(who access.Session, r postgres.LedgerRow, leaves bool) postgres.LedgerRow {
	people := who.MaskFor(r.OrgPath) != access.MaskPeople
	if r.Sensitive && (leaves || !people) {
		r.Note = ""
		if r.Title = maskTarget(r.Title); r.Kind != "visit" {
			r.Title = "敏感事件"
		}
	} else if r.Person && r.Kind == "visit" && !people {
		r.Title = maskTarget(r.Title)
	}
	if !people && (r.Kind != "task" || r.Person) {
		r.Who = access.MaskName(r.Who)
	}
	return r
}

// period reads two days of the business zone, both included.
func (a *API) period(from, to string) (first, last workday.Day, err error) {
	wrong := func(field, what string) error {
		return fault.New(fault.Invalid, "%s", what).At(field)
	}
	last = workday.DayOf(a.Clock())
	if to != "" {
		if last, err = workday.ParseDay(to); err != nil {
			return 0, 0, wrong("to", "日期有误")
		}
	}
	first = last - workday.Day(last.Weekday()-1)
	if from != "" {
		if first, err = workday.ParseDay(from); err != nil {
			return 0, 0, wrong("from", "日期有误")
		}
	}
	if first > last || last-first >= mostLedgerDays {
		return 0, 0, wrong("from", "请选择不超过一年的时段")
	}
	return first, last, nil
}
