package desk

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/assess"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/journal"
	"github.com/gridward/gridward/server/postgres"
)

// Assessment: a period is opened, computed as often as is liked, published
// once, appealed against, and locked. Every step is noted; what the region's
// record needs is written into its journal: that something was done, and the
// digest of what was published, never a person's score.

// assessBody is the body of assess.* entries.
type assessBody struct {
	Period int64        `json:"period"`
	Title  string       `json:"title"`
	State  assess.State `json:"state"`
	Digest string       `json:"digest,omitempty"`
	Level  assess.Level `json:"level,omitempty"`
	Name   string       `json:"name,omitempty"`
	Result string       `json:"result,omitempty"`
}

// onPeriod does something to a period that the caller may do it to: it holds
// the period, checks power and state, notes the step, and journals kind unless
// it is empty. do may add to the step and to the entry; without a power it asks
// for what the caller needs itself.
func (d *Desk) onPeriod(ctx context.Context, by access.Principal, id int64, power access.Power, action assess.Action, kind string,
	do func(ctx context.Context, tx pgx.Tx, p *postgres.AssessPeriod, step *postgres.AssessStep, body *assessBody) error,
) (p postgres.AssessPeriod, err error) {
	err = d.db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if p, err = postgres.LockAssessPeriod(ctx, tx, id); err != nil {
			return err
		}
		if power != "" && !by.May(power, p.RegionPath) {
			return fault.New(fault.Missing, "没有这个考核期，或者不在您的管辖范围")
		}
		next, wrong := p.State.After(action)
		if power != "" && wrong != nil {
			return wrong
		}
		step := postgres.AssessStep{At: d.now(), Action: string(action), ByName: by.Name, Detail: map[string]any{}}
		p.State = next
		body := assessBody{Period: p.ID, Title: p.Title, State: next}
		if err := do(ctx, tx, &p, &step, &body); err != nil {
			return err
		}
		if wrong != nil { // said only to those who may know that the period is there
			return wrong
		}
		if err := postgres.UpdateAssessPeriod(ctx, tx, p); err != nil {
			return err
		}
		if err := postgres.InsertAssessStep(ctx, tx, p.ID, step, by.Account); err != nil {
			return err
		}
		if p, err = postgres.AssessPeriodByID(ctx, tx, id); err != nil || kind == "" {
			return err
		}
		e, err := journal.About(kind, fmt.Sprint(p.ID), p.RegionPath, by.Account, body)
		if err != nil {
			return err
		}
		_, err = postgres.AppendJournal(ctx, tx, p.Region, e)
		return err
	})
	if err == nil && kind != "" {
		d.ring(p.Region)
	}
	return p, err
}

// AssessRegion is the region whose assessment the caller keeps: the one asked
// for, or the first of his posts.
func AssessRegion(by access.Principal, region int64, power access.Power) (int64, error) {
	for _, p := range by.Posts {
		if slices.Contains(access.Powers(p.Role), power) && p.Org == p.Region && (region == 0 || region == p.Region) {
			return p.Region, nil
		}
	}
	return 0, fault.New(fault.Missing, "没有这个区域，或者不在您的管辖范围")
}

// OpenPeriod opens a period of a region.
func (d *Desk) OpenPeriod(ctx context.Context, by access.Principal, region int64, kind assess.Kind, label string) (p postgres.AssessPeriod, err error) {
	if region, err = AssessRegion(by, region, access.Assess); err != nil {
		return p, err
	}
	from, to, err := assess.Span(kind, strings.TrimSpace(label), incident.BusinessZone())
	if err != nil {
		return p, err
	}
	if !from.Before(d.now()) {
		return p, field("label", "这个期间还没有开始")
	}
	err = d.db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		id, err := postgres.InsertAssessPeriod(ctx, tx, postgres.AssessPeriod{Region: region, Kind: kind, Label: strings.TrimSpace(label), From: from, To: to, OpenedAt: d.now(), OpenedName: by.Name}, by.Account)
		if err != nil {
			return err
		}
		if p, err = postgres.AssessPeriodByID(ctx, tx, id); err != nil {
			return err
		}
		if err := postgres.InsertAssessStep(ctx, tx, id, postgres.AssessStep{At: d.now(), Action: "open", ByName: by.Name}, by.Account); err != nil {
			return err
		}
		e, err := journal.About("assess.opened", fmt.Sprint(id), p.RegionPath, by.Account, assessBody{Period: id, Title: p.Title, State: p.State})
		if err != nil {
			return err
		}
		_, err = postgres.AppendJournal(ctx, tx, region, e)
		return err
	})
	if err != nil {
		return p, err
	}
	d.ring(region)
	return p, nil
}

// ComputePeriod makes the draft anew: everything is counted as it stands now.
func (d *Desk) ComputePeriod(ctx context.Context, by access.Principal, id int64) (postgres.AssessPeriod, error) {
	return d.onPeriod(ctx, by, id, access.Assess, assess.Compute, "", func(ctx context.Context, tx pgx.Tx, p *postgres.AssessPeriod, step *postgres.AssessStep, _ *assessBody) error {
		if err := postgres.ClearAssessDraft(ctx, tx, p.ID); err != nil {
			return err
		}
		now := d.now()
		templates, err := postgres.AssessTemplates(ctx, tx, p.Region)
		if err != nil {
			return err
		}
		p.Templates = p.Templates[:0]
		for _, t := range templates {
			p.Templates = append(p.Templates, t.Template)
		}
		scores, err := count(ctx, tx, *p, now, true)
		if err != nil {
			return err
		}
		if err := postgres.InsertAssessScores(ctx, tx, p.ID, scores); err != nil {
			return err
		}
		p.ComputedAt = &now
		step.Detail["scores"] = len(scores)
		return nil
	})
}

// mostAppealDays bounds how long may be appealed.
const mostAppealDays = 60

// PublishPeriod freezes the draft that was looked at: version is the one of the
// period that showed it.
func (d *Desk) PublishPeriod(ctx context.Context, by access.Principal, id int64, version int32, appealDays int) (postgres.AssessPeriod, error) {
	if appealDays < 1 || appealDays > mostAppealDays {
		return postgres.AssessPeriod{}, field("appeal_days", "申诉期应在 1 到 60 天之间")
	}
	return d.onPeriod(ctx, by, id, access.Assess, assess.Publish, "assess.published", func(ctx context.Context, tx pgx.Tx, p *postgres.AssessPeriod, step *postgres.AssessStep, body *assessBody) error {
		now := d.now()
		switch {
		case now.Before(p.To):
			return fault.New(fault.Conflict, "%s尚未结束，不能公布", p.Title)
		case version != 0 && version != p.Version:
			return fault.New(fault.Conflict, "试算结果刚被重新计算过，请看过再公布")
		case p.Stale:
			return fault.New(fault.Conflict, "试算以后又有新的评分，请重新计算再公布")
		}
		scores, err := postgres.AssessScores(ctx, tx, p.ID, "", nil)
		if err != nil {
			return err
		}
		sheet := assess.Sheet{Region: p.Region, Period: p.Label, Kind: p.Kind, From: p.From, To: p.To, Computed: *p.ComputedAt, Templates: p.Templates}
		for _, s := range scores {
			sheet.Lines = append(sheet.Lines, assess.Line{Level: s.Level, Subject: s.Subject, Name: s.Name, OrgPath: s.OrgPath, Rank: s.Rank, Of: s.Of, Counted: s.Counted, Result: s.Result})
		}
		text, digest, err := sheet.Seal()
		if err != nil {
			return err
		}
		if err := postgres.InsertAssessSheet(ctx, tx, p.ID, now, by.Account, digest, text); err != nil {
			return err
		}
		until := now.AddDate(0, 0, appealDays)
		p.PublishedAt, p.AppealUntil = &now, &until
		step.Detail["digest"], step.Detail["appeal_until"], body.Digest = digest, until, digest
		return nil
	})
}

// LockPeriod ends a period: nothing of it changes any more. While appeals may
// still come it takes a reason.
func (d *Desk) LockPeriod(ctx context.Context, by access.Principal, id int64, reason string) (postgres.AssessPeriod, error) {
	reason = strings.TrimSpace(reason)
	return d.onPeriod(ctx, by, id, access.Assess, assess.Lock, "assess.locked", func(_ context.Context, _ pgx.Tx, p *postgres.AssessPeriod, step *postgres.AssessStep, body *assessBody) error {
		now := d.now()
		if p.Appeals > 0 {
			return fault.New(fault.Conflict, "还有 %d 件申诉没有决定，不能锁定", p.Appeals)
		}
		if p.AppealUntil != nil && now.Before(*p.AppealUntil) && utf8.RuneCountInString(reason) < 2 {
			return field("reason", "申诉期还没有结束，提前锁定请说明原因")
		}
		p.LockedAt = &now
		step.Detail["reason"], body.Digest = reason, p.Digest
		return nil
	})
}

// PutTemplate makes a version of a region's template.
func (d *Desk) PutTemplate(ctx context.Context, by access.Principal, region int64, t assess.Template, seen int32) (out assess.Template, err error) {
	if region, err = AssessRegion(by, region, access.Assess); err != nil {
		return t, err
	}
	t.Name = strings.TrimSpace(t.Name)
	wrong := t.Plan.Wrong(t.Level)
	if n := utf8.RuneCountInString(t.Name); n < 2 || n > 60 {
		wrong["name"] = "请填写模板名称（2 到 60 字）"
	}
	if !slices.Contains(assess.Levels(), t.Level) {
		wrong["level"] = "没有这一级考核"
	}
	if len(wrong) > 0 {
		f := fault.New(fault.Invalid, "模板有误，请检查标出的项目")
		f.Fields = wrong
		return t, f
	}
	err = d.db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if out, err = postgres.PutAssessTemplate(ctx, tx, region, t, seen, by.Account, d.now()); err != nil {
			return err
		}
		at, err := postgres.OrgByID(ctx, tx, region)
		if err != nil {
			return err
		}
		e, err := journal.About("assess.template", fmt.Sprintf("%d/%d", out.ID, out.Version), at.Path, by.Account, out)
		if err != nil {
			return err
		}
		_, err = postgres.AppendJournal(ctx, tx, region, e)
		return err
	})
	if err != nil {
		return out, err
	}
	d.ring(region)
	return out, nil
}

// words is a text that a person has to give, of bounded length.
func words(name, text string, least int) (string, error) {
	text = strings.TrimSpace(text)
	if n := utf8.RuneCountInString(text); n < least || n > 2000 || !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return "", field(name, fmt.Sprintf("请说明（%d 到 2000 字）", least))
	}
	return text, nil
}
