package desk

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/patrol"
	"github.com/gridward/gridward/server/postgres"
)

// Marked is how much is computed again because of a change.
type Marked struct {
	Days  int64 `json:"days"`
	Weeks int64 `json:"weeks"`
}

// PutPolicy makes a patrol policy, or the next version of one whose version the
// caller has seen (0 = whichever). Everything that the old version or the new
// one holds for is computed again, and says why. may is asked, in the
// transaction, whether the caller may change what holds for the organisation.
func (d *Desk) PutPolicy(ctx context.Context, p patrol.Policy, audit postgres.Audit, may func(ctx context.Context, q postgres.Querier, org *int64) error) (patrol.Policy, Marked, error) {
	p.Name, p.Note = strings.TrimSpace(p.Name), strings.TrimSpace(p.Note)
	var marked Marked
	if err := p.Check(); err != nil {
		return p, marked, err
	}
	if p.Rule == patrol.HalfDayQuota && p.Params.Required == 0 {
		p.Params.Required = patrol.Defaults().Required
	}
	now := d.clock().UTC().Truncate(time.Microsecond)
	err := d.db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := may(ctx, tx, p.Org); err != nil {
			return err
		}
		seen := p.Version
		p.Version = 1
		mark := func(of patrol.Policy) error {
			days, weeks, err := postgres.MarkPolicy(ctx, tx, of.OrgPath, of.ValidFrom, of.ValidTo)
			marked.Days, marked.Weeks = max(marked.Days, days), max(marked.Weeks, weeks)
			return err
		}
		if p.ID != 0 {
			old, err := postgres.LockPatrolPolicy(ctx, tx, p.ID)
			if err != nil {
				return err
			}
			if err := may(ctx, tx, old.Org); err != nil {
				return err
			}
			if seen != 0 && seen != old.Version {
				return fault.New(fault.Conflict, "这项巡查制度已被他人修改，请刷新后再改")
			}
			if old.Rule != p.Rule {
				return fault.New(fault.Invalid, "制度的种类不能修改，请另设一项")
			}
			p.Version = old.Version + 1
			if err := mark(old); err != nil {
				return err
			}
		}
		if p.Org != nil {
			path, err := postgres.OrgPlace(ctx, tx, *p.Org)
			if err != nil {
				return err
			}
			p.OrgPath = path
		}
		id, err := postgres.PutPatrolPolicy(ctx, tx, p, audit.Account, now)
		if err != nil {
			return err
		}
		p.ID = id
		if err := mark(p); err != nil {
			return err
		}
		audit.Action, audit.Detail = "patrol_policy.put", map[string]any{"id": id, "version": p.Version, "rule": p.Rule, "days": marked.Days, "weeks": marked.Weeks}
		return postgres.WriteAudit(ctx, tx, audit)
	})
	return p, marked, err
}

// GrantLeave records approved leave of a worker. The weeks that it touches are
// computed again; no minute changes.
func (d *Desk) GrantLeave(ctx context.Context, l postgres.LeaveRow, audit postgres.Audit) (postgres.LeaveRow, error) {
	wrong := map[string]string{}
	today := d.today()
	switch {
	case l.ToDay < l.FromDay || l.ToDay == l.FromDay && l.ToHalf < l.FromHalf:
		wrong["to_day"] = "结束早于开始"
	case l.ToDay-l.FromDay > 366 || l.FromDay < today-366 || l.FromDay > today+366:
		wrong["from_day"] = "请假日期应在前后一年之内"
	}
	l.Reason = strings.TrimSpace(l.Reason)
	if utf8.RuneCountInString(l.Reason) > 200 || !utf8.ValidString(l.Reason) || strings.ContainsRune(l.Reason, 0) {
		wrong["reason"] = "事由太长或含有无法保存的字符"
	}
	if len(wrong) > 0 {
		f := fault.New(fault.Invalid, "请假有误，请检查标出的项目")
		f.Fields = wrong
		return l, f
	}
	err := d.db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		id, err := postgres.InsertLeave(ctx, tx, l, audit.Account, d.clock().UTC())
		if err != nil {
			return err
		}
		if err := postgres.MarkLeave(ctx, tx, l.Worker, l.FromDay, l.ToDay); err != nil {
			return err
		}
		if l, err = postgres.LockLeave(ctx, tx, id); err != nil {
			return err
		}
		audit.Action, audit.Detail = "leave.granted", map[string]any{"leave": id, "worker": l.Worker}
		return postgres.WriteAudit(ctx, tx, audit)
	})
	return l, err
}

// WithdrawLeave takes approved leave back; doing it again changes nothing.
func (d *Desk) WithdrawLeave(ctx context.Context, id int64, audit postgres.Audit, may func(postgres.LeaveRow) error) (out postgres.LeaveRow, err error) {
	err = d.db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		l, err := postgres.LockLeave(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := may(l); err != nil {
			return err
		}
		if l.Cancelled == nil {
			if err := postgres.CancelLeave(ctx, tx, id, audit.Account, d.clock().UTC()); err != nil {
				return err
			}
			if err := postgres.MarkLeave(ctx, tx, l.Worker, l.FromDay, l.ToDay); err != nil {
				return err
			}
			audit.Action, audit.Detail = "leave.withdrawn", map[string]any{"leave": id, "worker": l.Worker}
			if err := postgres.WriteAudit(ctx, tx, audit); err != nil {
				return err
			}
		}
		out, err = postgres.LockLeave(ctx, tx, id)
		return err
	})
	return out, err
}
