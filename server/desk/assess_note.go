package desk

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/assess"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/postgres"
)

// subjects are all of a level in a period.
func (d *Desk) subjects(ctx context.Context, q postgres.Querier, p postgres.AssessPeriod, level assess.Level) ([]postgres.AssessSubject, error) {
	switch level {
	case assess.Grid:
		return postgres.AssessGrids(ctx, q, p.Region, p.From, p.To)
	case assess.Guide:
		return postgres.AssessGuides(ctx, q, p.Region, p.From, p.To)
	case assess.Community:
		return postgres.AssessOrgs(ctx, q, p.Region, []string{"village", "community"}, p.From, p.To)
	case assess.Department:
		return postgres.AssessOrgs(ctx, q, p.Region, []string{"department"}, p.From, p.To)
	}
	return nil, field("level", "没有这一级考核")
}

// mayMark checks that the subject exists and that the caller inspects there.
func (d *Desk) mayMark(ctx context.Context, tx pgx.Tx, by access.Principal, p postgres.AssessPeriod, m postgres.AssessMark) error {
	if (!by.May(access.Inspect, p.RegionPath)) && !by.May(access.Assess, p.RegionPath) {
		return fault.New(fault.Missing, "没有这个考核期，或者不在您的管辖范围")
	}
	subjects, err := d.subjects(ctx, tx, p, m.Level)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(subjects, func(s postgres.AssessSubject) bool { return s.Key == m.Subject }) {
		return fault.New(fault.Missing, "没有这个考核对象，或者不在您的管辖范围")
	}
	own, err := postgres.AssessMine(ctx, tx, by.Account)
	if err != nil {
		return err
	}
	if slices.Contains(own, postgres.AssessOwn{Level: m.Level, Subject: m.Subject}) {
		return fault.New(fault.Denied, "不能给自己评分")
	}
	return nil
}

// GiveMark writes a mark for an item, or points above or below (专项), with the reason.
func (d *Desk) GiveMark(ctx context.Context, by access.Principal, period int64, m postgres.AssessMark) (postgres.AssessMark, error) {
	var err error
	if m.Reason, err = words("reason", m.Reason, 2); err != nil {
		return m, err
	}
	if (m.Score == nil) == (m.Points == nil) || m.Score != nil && m.Item == "" || m.Points != nil && m.Item != "" {
		return m, field("score", "请给一个指标评分，或者给专项加减分")
	}
	if m.ID, err = newID(); err != nil {
		return m, err
	}
	m.By, m.ByName, m.At, m.Inspection = by.Account, by.Name, d.now(), nil
	_, err = d.onPeriod(ctx, by, period, "", assess.Mark, "", func(ctx context.Context, tx pgx.Tx, p *postgres.AssessPeriod, step *postgres.AssessStep, _ *assessBody) error {
		if err := d.mayMark(ctx, tx, by, *p, m); err != nil {
			return err
		}
		if err := d.checkMark(ctx, tx, *p, m); err != nil {
			return err
		}
		step.Detail["mark"] = m.ID
		return postgres.InsertAssessMark(ctx, tx, p.ID, m)
	})
	return m, err
}

// checkMark holds a mark against the template in force.
func (d *Desk) checkMark(ctx context.Context, tx pgx.Tx, p postgres.AssessPeriod, m postgres.AssessMark) error {
	templates, err := postgres.AssessTemplates(ctx, tx, p.Region)
	if err != nil {
		return err
	}
	for _, t := range templates {
		if t.Level != m.Level {
			continue
		}
		if m.Item != "" {
			if item, ok := t.Plan.Item(m.Item); !ok || item.Source != "marks" {
				return field("item", "这个指标不由人工评分")
			}
		}
		if m.Points != nil && t.Plan.Special == 0 {
			return field("points", "这一级的模板没有专项加减分")
		}
		if m.Points != nil && (int64(*m.Points) > t.Plan.Special || int64(*m.Points) < -t.Plan.Special) {
			return field("points", fmt.Sprintf("专项加减分不超过 ±%s", assess.Hundredths(t.Plan.Special).Text()))
		}
	}
	if m.Score != nil && (*m.Score < 0 || *m.Score > 10_000) {
		return field("score", "评分应在 0 到 100 之间")
	}
	return nil
}

// Inspect begins a joint inspection (联合督查): its grids are drawn by lot from
// those in force, by a seed that is kept with it.
func (d *Desk) Inspect(ctx context.Context, by access.Principal, period int64, i postgres.AssessInspection, draw int) (postgres.AssessInspection, error) {
	var err error
	if i.Title, err = words("title", i.Title, 2); err != nil {
		return i, err
	}
	members := []string{}
	for _, m := range i.Members {
		if m = strings.TrimSpace(m); m != "" {
			members = append(members, m)
		}
	}
	if i.Members = members; len(members) == 0 || len(members) > 30 || slices.ContainsFunc(members, func(m string) bool { return utf8.RuneCountInString(m) > 60 }) {
		return i, field("members", "请填写督查组成员（1 到 30 人）")
	}
	if draw < 0 || draw > 200 {
		return i, field("draw", "抽查网格数应在 0 到 200 之间")
	}
	if i.ID, err = newID(); err != nil {
		return i, err
	}
	i.Seed, i.ByName, i.At = i.ID.String(), by.Name, d.now()
	_, err = d.onPeriod(ctx, by, period, access.Inspect, assess.Mark, "assess.inspected", func(ctx context.Context, tx pgx.Tx, p *postgres.AssessPeriod, step *postgres.AssessStep, body *assessBody) error {
		grids, err := postgres.AssessGrids(ctx, tx, p.Region, p.From, p.To)
		if err != nil {
			return err
		}
		codes, ids := make([]string, len(grids)), map[string]int64{}
		for n, g := range grids {
			codes[n], ids[g.Code] = g.Code, g.Key
		}
		i.Sampled = []int64{}
		for _, code := range assess.Sample(i.Seed, codes, draw) {
			i.Sampled = append(i.Sampled, ids[code])
		}
		step.Detail["inspection"], step.Detail["drawn"], body.Name = i.ID, len(i.Sampled), i.Title
		return postgres.InsertAssessInspection(ctx, tx, p.ID, i, by.Account)
	})
	if err != nil {
		return i, err
	}
	i, _, err = postgres.AssessInspectionByID(ctx, d.db.Pool, i.ID)
	return i, err
}

// Find writes what an inspection found at a subject: a mark, points, or words alone.
func (d *Desk) Find(ctx context.Context, by access.Principal, inspection uuid.UUID, m postgres.AssessMark) (postgres.AssessMark, error) {
	var err error
	if m.Reason, err = words("reason", m.Reason, 2); err != nil {
		return m, err
	}
	of, period, err := postgres.AssessInspectionByID(ctx, d.db.Pool, inspection)
	if err != nil {
		return m, err
	}
	if m.ID, err = newID(); err != nil {
		return m, err
	}
	m.By, m.ByName, m.At, m.Inspection, m.Item = by.Account, by.Name, d.now(), &of.ID, ""
	_, err = d.onPeriod(ctx, by, period, access.Inspect, assess.Mark, "", func(ctx context.Context, tx pgx.Tx, p *postgres.AssessPeriod, step *postgres.AssessStep, _ *assessBody) error {
		if err := d.mayMark(ctx, tx, by, *p, m); err != nil {
			return err
		}
		if err := d.checkMark(ctx, tx, *p, m); err != nil {
			return err
		}
		if m.Incident != nil {
			if _, err := postgres.CaseForLog(ctx, tx, *m.Incident, p.RegionPath); err != nil {
				return err
			}
		}
		step.Detail["inspection"], step.Detail["mark"] = of.ID, m.ID
		return postgres.InsertAssessMark(ctx, tx, p.ID, m)
	})
	return m, err
}

// AppealScore is an appeal by somebody whose work was scored.
func (d *Desk) AppealScore(ctx context.Context, by access.Principal, a postgres.AssessAppeal) (postgres.AssessAppeal, error) {
	var err error
	if a.Reason, err = words("reason", a.Reason, 5); err != nil {
		return a, err
	}
	if a.Evidence, err = words("evidence", a.Evidence, 0); err != nil {
		return a, err
	}
	if len(a.Incidents) > 50 {
		return a, field("incidents", "最多附 50 件案件")
	}
	if a.Incidents == nil {
		a.Incidents = []uuid.UUID{}
	}
	if len(a.Photos) > 9 {
		return a, field("photos", "最多 9 张照片")
	}
	if a.Photos == nil {
		a.Photos = []uuid.UUID{}
	}
	if a.ID, err = newID(); err != nil {
		return a, err
	}
	a.By, a.ByName, a.At = by.Account, by.Name, d.now()
	_, err = d.onPeriod(ctx, by, a.Period, "", assess.Appeal, "assess.appealed", func(ctx context.Context, tx pgx.Tx, p *postgres.AssessPeriod, step *postgres.AssessStep, body *assessBody) error {
		own, err := postgres.AssessMine(ctx, tx, by.Account)
		if err != nil {
			return err
		}
		at, err := postgres.AssessScoreOf(ctx, tx, p.ID, a.Level, a.Subject)
		if err != nil {
			return err
		}
		stands := slices.Contains(own, postgres.AssessOwn{Level: a.Level, Subject: a.Subject}) ||
			a.Level == assess.Grid && slices.ContainsFunc(by.Posts, func(post access.Post) bool {
				return post.Role == access.Station && access.Covers(post.Path, at.OrgPath)
			})
		switch {
		case !stands:
			return fault.New(fault.Missing, "没有这个考核对象，或者不在您的管辖范围")
		case p.AppealUntil != nil && a.At.After(*p.AppealUntil):
			return fault.New(fault.Conflict, "申诉期已于 %s 结束", p.AppealUntil.In(incident.BusinessZone()).Format("2006-01-02 15:04"))
		}
		if _, ok := item(at.Result, a.Item); a.Item != "" && !ok {
			return field("item", "没有这个指标")
		}
		before, err := postgres.AssessAppeals(ctx, tx, p.ID)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(before, func(o postgres.AssessAppeal) bool {
			return o.Level == a.Level && o.Subject == a.Subject && o.Item == a.Item && o.Verdict == ""
		}) {
			return fault.New(fault.Conflict, "同一事项已有一件申诉等待决定")
		}
		for _, id := range a.Incidents {
			if _, err := postgres.CaseForLog(ctx, tx, id, p.RegionPath); err != nil {
				return err
			}
		}
		if a.Name, body.Level = at.Name, a.Level; !a.Level.Personal() {
			body.Name = at.Name
		}
		step.Detail["appeal"] = a.ID
		if err := postgres.InsertAssessAppeal(ctx, tx, a); err != nil || len(a.Photos) == 0 {
			return err
		}
		n, err := postgres.ClaimAppealPhotos(ctx, tx, a, p.Region)
		if err == nil && n != int64(len(a.Photos)) {
			err = field("photos", "有照片没有上传成功，请重新上传")
		}
		return err
	})
	return a, err
}

func item(r assess.Result, code string) (assess.ItemScore, bool) {
	for _, d := range r.Dimensions {
		for _, it := range d.Items {
			if it.Code == code {
				return it, true
			}
		}
	}
	return assess.ItemScore{}, false
}

// DecideAppeal decides an appeal: never by whoever appealed. Upheld in whole or
// in part it may adjust the score, beside what was published.
func (d *Desk) DecideAppeal(ctx context.Context, by access.Principal, id uuid.UUID, verdict, answer string, points int32) (a postgres.AssessAppeal, err error) {
	if answer, err = words("answer", answer, 2); err != nil {
		return a, err
	}
	if !slices.Contains([]string{"upheld", "partly", "rejected"}, verdict) {
		return a, field("verdict", "请选择成立、部分成立或不成立")
	}
	if points != 0 && verdict == "rejected" || points < -10_000 || points > 10_000 {
		return a, field("points", "不成立的申诉不调整分数")
	}
	if a, err = postgres.AssessAppealByID(ctx, d.db.Pool, id); err != nil {
		return a, err
	}
	_, err = d.onPeriod(ctx, by, a.Period, access.Assess, assess.Decide, "assess.decided", func(ctx context.Context, tx pgx.Tx, p *postgres.AssessPeriod, step *postgres.AssessStep, body *assessBody) error {
		if a, err = postgres.AssessAppealByID(ctx, tx, id); err != nil { // as it stands, the period being held
			return err
		}
		own, err := postgres.AssessMine(ctx, tx, by.Account)
		if err != nil {
			return err
		}
		switch {
		case a.Verdict != "":
			return fault.New(fault.Conflict, "这件申诉已经有了决定")
		case a.By == by.Account, slices.Contains(own, postgres.AssessOwn{Level: a.Level, Subject: a.Subject}):
			return fault.New(fault.Denied, "申诉应由申诉人以外的人决定")
		}
		now := d.now()
		a.Verdict, a.Answer, a.DecidedBy, a.DecidedAt = verdict, answer, by.Name, &now
		if points != 0 {
			adj := postgres.AssessAdjustment{Level: a.Level, Subject: a.Subject, Kind: "appeal", Delta: inHundredths(points), Reason: answer, ByName: by.Name, At: now}
			if adj.ID, err = newID(); err != nil {
				return err
			}
			if err := postgres.InsertAssessAdjustment(ctx, tx, p.ID, adj, by.Account); err != nil {
				return err
			}
			a.Adjustment = &adj.ID
		}
		step.Detail["appeal"], step.Detail["verdict"], body.Level, body.Result = a.ID, verdict, a.Level, verdict
		if !a.Level.Personal() {
			body.Name = a.Name
		}
		return postgres.InsertAssessDecision(ctx, tx, a, by.Account)
	})
	return a, err
}

// AdjustScore puts points beside a published score by a decision of its own.
func (d *Desk) AdjustScore(ctx context.Context, by access.Principal, period int64, level assess.Level, subject int64, points int32, reason string) (postgres.AssessPeriod, error) {
	reason, err := words("reason", reason, 2)
	if err != nil {
		return postgres.AssessPeriod{}, err
	}
	if points == 0 || points < -10_000 || points > 10_000 {
		return postgres.AssessPeriod{}, field("points", "请填写要加减的分数")
	}
	return d.onPeriod(ctx, by, period, access.Assess, assess.Adjust, "assess.adjusted", func(ctx context.Context, tx pgx.Tx, p *postgres.AssessPeriod, step *postgres.AssessStep, body *assessBody) error {
		at, err := postgres.AssessScoreOf(ctx, tx, p.ID, level, subject)
		if err != nil {
			return err
		}
		adj := postgres.AssessAdjustment{Level: level, Subject: subject, Kind: "decision", Delta: inHundredths(points), Reason: reason, ByName: by.Name, At: d.now()}
		if adj.ID, err = newID(); err != nil {
			return err
		}
		if body.Level = level; !level.Personal() {
			body.Name = at.Name
		}
		step.Detail["adjustment"] = adj.ID
		return postgres.InsertAssessAdjustment(ctx, tx, p.ID, adj, by.Account)
	})
}

// RecheckPeriod holds the published scores against the data as it is today, and
// those that stand on grids against what was decided about the grids since.
// Where a score would be another, the difference becomes an adjustment beside
// it; doing it again adds nothing.
func (d *Desk) RecheckPeriod(ctx context.Context, by access.Principal, id int64) (moved int, err error) {
	_, err = d.onPeriod(ctx, by, id, access.Assess, assess.Recheck, "assess.rechecked", func(ctx context.Context, tx pgx.Tx, p *postgres.AssessPeriod, step *postgres.AssessStep, body *assessBody) error {
		fresh, err := count(ctx, tx, *p, d.now(), false)
		if err != nil {
			return err
		}
		known, err := postgres.AssessAdjustments(ctx, tx, p.ID, "", nil)
		if err != nil {
			return err
		}
		published, err := postgres.AssessScores(ctx, tx, p.ID, "", nil)
		if err != nil {
			return err
		}
		today := map[postgres.AssessOwn]postgres.AssessScore{}
		for _, s := range fresh {
			today[postgres.AssessOwn{Level: s.Level, Subject: s.Subject}] = s
		}
		for _, was := range published {
			now, ok := today[postgres.AssessOwn{Level: was.Level, Subject: was.Subject}]
			if !ok || now.Final == "" || was.Final == "" {
				continue
			}
			delta := now.Final.Minus(was.Final)
			for _, k := range known {
				if k.Kind == "data" && k.Level == was.Level && k.Subject == was.Subject {
					delta = delta.Minus(k.Delta)
				}
			}
			if delta.Rat().Sign() == 0 {
				continue
			}
			adj := postgres.AssessAdjustment{Level: was.Level, Subject: was.Subject, Kind: "data", Delta: delta, Reason: recheckReasons[was.Level == assess.Community || was.Level == assess.Guide], Detail: others(was.Result, now.Result), ByName: by.Name, At: d.now()}
			if adj.ID, err = newID(); err != nil {
				return err
			}
			if err := postgres.InsertAssessAdjustment(ctx, tx, p.ID, adj, by.Account); err != nil {
				return err
			}
			moved++
		}
		step.Detail["moved"], body.Result = moved, fmt.Sprint(moved)
		return nil
	})
	return moved, err
}

// recheckReasons say why a score would be another one: of what stands on grids, and of the rest.
var recheckReasons = map[bool]string{false: "公布后数据有更正", true: "所辖（挂钩）网格的得分或数据有更正、调整"}

// others are the figures that are not what they were.
func others(was, now assess.Result) []postgres.AssessMoved {
	out := []postgres.AssessMoved{}
	for _, d := range was.Dimensions {
		for _, it := range d.Items {
			if n, ok := item(now, it.Code); ok && n.Figure != it.Figure {
				out = append(out, postgres.AssessMoved{Item: it.Code, Name: it.Name, Before: it.Figure, After: n.Figure})
			}
		}
	}
	return out
}
