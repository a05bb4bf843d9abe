package desk

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/patrol"
	"github.com/gridward/gridward/server/postgres"
)

// CheckDoubts looks at a worker's day and raises, renews or withdraws the doubt
// about it. It never touches one that somebody has decided: then it says that
// the data have changed since. Doing it again changes nothing.
func (d *Desk) CheckDoubts(ctx context.Context, w postgres.WorkerDay) error {
	p, err := postgres.DoubtPolicyOf(ctx, d.db.Pool, w.Region)
	if err != nil {
		return err
	}
	look, err := d.lookForDoubts(ctx, w, p)
	if err != nil {
		return err
	}
	now := d.clock().UTC()
	score := patrol.DoubtScore(look.signals)
	codes := signalCodes(look.signals)
	return d.db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		there, found, err := postgres.DoubtOfDay(ctx, tx, w.Region, w.Worker, w.Day)
		if err != nil {
			return err
		}
		switch {
		case found:
			err = d.renewDoubt(ctx, tx, there, look.signals, score, codes, p, now)
		case score >= p.Threshold:
			err = raiseDoubt(ctx, tx, w, look.signals, score, codes, p, now)
		}
		if err != nil {
			return err
		}
		if err := postgres.PutSignature(ctx, tx, w, look.signature); err != nil {
			return err
		}
		return postgres.PutDoubtCheck(ctx, tx, postgres.DoubtCheck{WorkerDay: w, Score: score, Codes: codes, Partners: look.partners, Fixes: look.fixes, RuleVersion: p.RuleVersion(), At: now})
	})
}

type doubtLook struct {
	signals   []patrol.Signal
	signature patrol.Signature
	partners  []int64
	fixes     int
}

// lookForDoubts reads what the day shows.
func (d *Desk) lookForDoubts(ctx context.Context, w postgres.WorkerDay, p patrol.DoubtPolicy) (doubtLook, error) {
	from, to, q := w.Day, w.Day.AddDate(0, 0, 1), d.db.Pool
	var out doubtLook
	fixes, err := postgres.DayFixes(ctx, q, w.Region, w.Worker, from, to)
	if err != nil {
		return out, err
	}
	day := patrol.DoubtDay{Fixes: fixes, OnFoot: true}
	if day.Arrivals, err = postgres.Arrivals(ctx, q, w.Region, w.Worker, from, to); err != nil {
		return out, err
	}
	if day.Phones, err = postgres.PhoneUses(ctx, q, w.Worker, from); err != nil {
		return out, err
	}
	if day.Photos, err = postgres.PhotoSpots(ctx, q, w.Region, w.Worker, from, to); err != nil {
		return out, err
	}
	out.fixes, out.signature = len(fixes), patrol.NewSignature(fixes, from.UnixMilli())
	out.signals = patrol.FindDoubts(day, p)

	replay := p.Rule(patrol.DoubtReplay)
	before, err := postgres.EarlierSignatures(ctx, q, w, from.AddDate(0, 0, -p.LookBack()))
	if err != nil {
		return out, err
	}
	var earlier []patrol.Earlier
	for _, b := range before {
		lags := out.signature.Lags(b.Signature, replay)
		if len(lags) == 0 {
			continue
		}
		then, err := postgres.DayFixes(ctx, q, w.Region, w.Worker, b.Day, b.Day.AddDate(0, 0, 1))
		if err != nil {
			return out, err
		}
		earlier = append(earlier, patrol.Earlier{Day: b.Day.Format(time.DateOnly), Start: b.Day.UnixMilli(), Lags: lags, Fixes: then})
	}
	if s, ok := patrol.FindReplay(fixes, from.UnixMilli(), earlier, p); ok {
		out.signals = append(out.signals, s)
	}

	others, err := postgres.OthersSignatures(ctx, q, w)
	if err != nil {
		return out, err
	}
	var peers []patrol.Peer
	for _, o := range others {
		if !out.signature.Beside(o.Signature, p.Rule(patrol.DoubtTwin)) {
			continue
		}
		peer := patrol.Peer{Worker: o.Worker, Name: o.Name, Day: from.Format(time.DateOnly)}
		if peer.Fixes, err = postgres.DayFixes(ctx, q, w.Region, o.Worker, from, to); err != nil {
			return out, err
		}
		if peer.Together, err = d.together(ctx, w, o.Worker, day, peer); err != nil {
			return out, err
		}
		peers = append(peers, peer)
	}
	if s, ok := patrol.FindTwin(fixes, peers, p); ok {
		out.signals = append(out.signals, s)
		for _, e := range s.Evidence {
			if !slices.Contains(out.partners, e.Other.Worker) {
				out.partners = append(out.partners, e.Other.Worker)
			}
		}
		slices.Sort(out.partners)
	}
	patrol.SortSignals(out.signals)
	return out, nil
}

// together finds what explains that two people were at one place: visits for
// which they are declared companions, a case both were sent to, a roster, a
// vehicle that both were in.
func (d *Desk) together(ctx context.Context, w postgres.WorkerDay, other int64, mine patrol.DoubtDay, peer patrol.Peer) (func(ms int64) patrol.Together, error) {
	from, to := w.Day, w.Day.AddDate(0, 0, 1)
	joint, err := postgres.Joints(ctx, d.db.Pool, w.Region, w.Worker, other, from, to)
	if err != nil {
		return nil, err
	}
	vehicles, err := postgres.VehiclesOut(ctx, d.db.Pool, w.Region, from, to)
	if err != nil {
		return nil, err
	}
	var rides []func(ms int64) bool
	for _, v := range vehicles {
		fixes, err := postgres.DayFixes(ctx, d.db.Pool, w.Region, v, from, to)
		if err != nil {
			return nil, err
		}
		me, he := patrol.Near(mine.Fixes, fixes, 30), patrol.Near(peer.Fixes, fixes, 30)
		rides = append(rides, func(ms int64) bool { return me(ms) && he(ms) })
	}
	return func(ms int64) patrol.Together {
		at := time.UnixMilli(ms)
		for _, j := range joint {
			if !at.Before(j.From) && !at.After(j.To) {
				return j.Why
			}
		}
		for _, ride := range rides {
			if ride(ms) {
				return patrol.OneVehicle
			}
		}
		return ""
	}, nil
}

func signalCodes(signals []patrol.Signal) []string {
	codes := []string{}
	for _, s := range signals {
		codes = append(codes, string(s.Code))
	}
	return codes
}

func sayCodes(codes []string) string {
	names := make([]string, len(codes))
	for i, c := range codes {
		names[i] = patrol.DoubtCode(c).Name()
	}
	return strings.Join(names, "、")
}

func raiseDoubt(ctx context.Context, tx pgx.Tx, w postgres.WorkerDay, signals []patrol.Signal, score int, codes []string, p patrol.DoubtPolicy, now time.Time) error {
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("make an id: %w", err)
	}
	row := postgres.Doubt{ID: id, Region: w.Region, Worker: w.Worker, Score: score, RuleVersion: p.RuleVersion(), RaisedAt: now, ExplainUntil: now.AddDate(0, 0, p.ExplainDays)}
	if err := postgres.InsertDoubt(ctx, tx, row, w.Day); err != nil {
		return err
	}
	if err := postgres.PutDoubtSignals(ctx, tx, id, signals); err != nil {
		return err
	}
	return postgres.InsertDoubtStep(ctx, tx, id, postgres.DoubtStep{At: now, Kind: "raised", Text: fmt.Sprintf("系统提示存疑，%d 分：%s。仅供参考，由人认定", score, sayCodes(codes)), Score: score, Codes: codes})
}

// renewDoubt brings a doubt that is there up to date, as far as nobody has decided it.
func (d *Desk) renewDoubt(ctx context.Context, tx pgx.Tx, row postgres.Doubt, signals []patrol.Signal, score int, codes []string, p patrol.DoubtPolicy, now time.Time) error {
	same := row.Score == score && slices.Equal(row.Codes, codes)
	act, kind, text := patrol.ActRenew, "renewed", fmt.Sprintf("数据或规则有变，重新计算为 %d 分：%s", score, sayCodes(codes))
	switch {
	case row.State == patrol.DoubtWithdrawn && score >= p.Threshold:
		act, kind, text = patrol.ActRaise, "raised", fmt.Sprintf("数据有变，再次提示存疑，%d 分：%s", score, sayCodes(codes))
	case row.State == patrol.DoubtWithdrawn:
		return nil
	case row.State != patrol.DoubtRaised && row.State != patrol.DoubtExplained:
		if same {
			return nil
		}
		return lateData(ctx, tx, row, score, codes, now)
	case score < p.Threshold:
		act, kind, text = patrol.ActWithdraw, "withdrawn", fmt.Sprintf("补传数据到达或规则变动后重新计算为 %d 分，不足 %d 分，系统撤回存疑", score, p.Threshold)
	case same:
		return postgres.PutDoubtSignals(ctx, tx, row.ID, signals) // the words and places may have changed
	}
	life, err := row.Life().Move(patrol.DoubtMove{Act: act}, access.Principal{}, now, p)
	if err != nil {
		return err
	}
	row.State, row.ExplainUntil, row.Score, row.RuleVersion = life.State, life.ExplainUntil, score, p.RuleVersion()
	if act == patrol.ActRaise {
		row.RaisedAt, row.ExplainedAt = now, nil
	}
	if err := postgres.PutDoubtSignals(ctx, tx, row.ID, signals); err != nil {
		return err
	}
	if err := postgres.UpdateDoubt(ctx, tx, row); err != nil {
		return err
	}
	return postgres.InsertDoubtStep(ctx, tx, row.ID, postgres.DoubtStep{At: now, Kind: kind, Text: text, Score: score, Codes: codes})
}

// lateData says, once for each new outcome, that a decided doubt would look otherwise today.
func lateData(ctx context.Context, tx pgx.Tx, row postgres.Doubt, score int, codes []string, now time.Time) error {
	steps, err := postgres.DoubtSteps(ctx, tx, row.ID)
	if err != nil {
		return err
	}
	for _, s := range slices.Backward(steps) {
		if s.Kind == "late_data" {
			if s.Score == score && slices.Equal(s.Codes, codes) {
				return nil
			}
			break
		}
	}
	text := fmt.Sprintf("认定之后数据有变，现在重新计算为 %d 分；认定结果不自动改变", score)
	return postgres.InsertDoubtStep(ctx, tx, row.ID, postgres.DoubtStep{At: now, Kind: "late_data", Text: text, Score: score, Codes: codes})
}

// DoubtWords is what a worker says of a doubt about his day.
type DoubtWords struct {
	Text   string
	Photos []uuid.UUID
	Client string // of the phone: said twice, it counts once
}

// ExplainDoubt is the worker's own word on it (说明).
func (d *Desk) ExplainDoubt(ctx context.Context, by access.Principal, id uuid.UUID, w DoubtWords) error {
	return d.moveDoubt(ctx, by, id, nil, patrol.DoubtMove{Act: patrol.ActExplain, Text: w.Text}, w)
}

// AppealDoubt asks for somebody else's decision (申诉).
func (d *Desk) AppealDoubt(ctx context.Context, by access.Principal, id uuid.UUID, w DoubtWords) error {
	return d.moveDoubt(ctx, by, id, nil, patrol.DoubtMove{Act: patrol.ActAppeal, Text: w.Text}, w)
}

// DecideDoubt is a person's decision (认定), with its reason. It changes nothing but the doubt.
func (d *Desk) DecideDoubt(ctx context.Context, by access.Principal, id uuid.UUID, verdict patrol.DoubtVerdict, reason string) error {
	return d.moveDoubt(ctx, by, id, by.Scope(access.SeeTrack), patrol.DoubtMove{Act: patrol.ActDecide, Verdict: verdict, Text: reason}, DoubtWords{})
}

// moveDoubt carries out what a person does. scope is nil for the worker himself.
func (d *Desk) moveDoubt(ctx context.Context, by access.Principal, id uuid.UUID, scope []string, m patrol.DoubtMove, w DoubtWords) error {
	photos := w.Photos
	if len(photos) > 9 {
		return fault.New(fault.Invalid, "最多 9 张照片")
	}
	return d.db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		row, err := postgres.DoubtForUpdate(ctx, tx, id)
		if err != nil {
			return err
		}
		if mine := by.Worker != 0 && by.Worker == row.Worker; m.Act == patrol.ActDecide && !mine && !access.Within(scope, row.OrgPath) || m.Act != patrol.ActDecide && !mine {
			return fault.New(fault.Missing, "没有这条存疑记录，或者不在您的管辖范围")
		}
		if said, err := postgres.DoubtSaid(ctx, tx, id, w.Client); err != nil || said {
			return err
		}
		p, err := postgres.DoubtPolicyOf(ctx, tx, row.Region)
		if err != nil {
			return err
		}
		now := d.clock().UTC()
		life, err := row.Life().Move(m, by, now, p)
		if err != nil {
			return err
		}
		row.State, row.Verdict, row.FirstBy, row.AppealUntil = life.State, life.Verdict, life.FirstBy, life.AppealUntil
		step := postgres.DoubtStep{At: now, Account: &by.Account, By: by.Name, Text: strings.TrimSpace(m.Text), Photos: photos, Score: row.Score, Codes: row.Codes, Client: w.Client}
		switch m.Act {
		case patrol.ActExplain:
			step.Kind = "explained"
			if row.ExplainedAt == nil {
				row.ExplainedAt = &now
			}
		case patrol.ActAppeal:
			step.Kind, row.AppealedAt = "appealed", &now
		default:
			step.Kind, step.Verdict, row.DecidedAt = "decided", m.Verdict, &now
		}
		if len(photos) > 0 {
			n, err := postgres.ClaimDoubtPhotos(ctx, tx, id, photos, by.Account, row.Region)
			if err != nil {
				return err
			}
			if n != int64(len(photos)) {
				return fault.New(fault.Invalid, "有照片没有上传成功，请重新上传").At("photos")
			}
		}
		if err := postgres.InsertDoubtStep(ctx, tx, id, step); err != nil {
			return err
		}
		if row.State == patrol.DoubtClosed {
			row.ClosedAt = &now
			why := "排除存疑，办结"
			if row.AppealedAt != nil {
				why = "申诉已复核，办结"
			}
			if err := postgres.InsertDoubtStep(ctx, tx, id, postgres.DoubtStep{At: now, Kind: "closed", Text: why, Score: row.Score, Codes: row.Codes}); err != nil {
				return err
			}
		}
		return postgres.UpdateDoubt(ctx, tx, row)
	})
}

// CloseDoubts ends those that nobody has appealed against in time, and says how many.
func (d *Desk) CloseDoubts(ctx context.Context) (int, error) {
	n := 0
	err := d.db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		now := d.clock().UTC()
		list, err := postgres.DoubtsToClose(ctx, tx, now)
		if err != nil {
			return err
		}
		for _, row := range list {
			life, err := row.Life().Move(patrol.DoubtMove{Act: patrol.ActClose}, access.Principal{}, now, patrol.DoubtPolicy{})
			if err != nil {
				return err
			}
			row.State, row.ClosedAt = life.State, &now
			if err := postgres.UpdateDoubt(ctx, tx, row); err != nil {
				return err
			}
			if err := postgres.InsertDoubtStep(ctx, tx, row.ID, postgres.DoubtStep{At: now, Kind: "closed", Text: "申诉期内没有申诉，办结", Score: row.Score, Codes: row.Codes}); err != nil {
				return err
			}
		}
		n = len(list)
		return nil
	})
	return n, err
}

// SetDoubtPolicy makes the next version of the policy of the caller's region.
func (d *Desk) SetDoubtPolicy(ctx context.Context, by access.Principal, region int64, p patrol.DoubtPolicy, note string) (patrol.DoubtPolicy, error) {
	if err := p.Check(); err != nil {
		return p, err
	}
	now := d.clock().UTC()
	p.Version++
	err := d.db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		inForce, err := postgres.DoubtPolicyOf(ctx, tx, region)
		if err != nil {
			return err
		}
		if inForce.Version != p.Version-1 {
			return fault.New(fault.Conflict, "存疑规则刚被他人修改，请刷新后再改").At("version")
		}
		if err := postgres.InsertDoubtPolicy(ctx, tx, region, p, note, now, by.Account, by.Name); err != nil {
			return err
		}
		return postgres.WriteAudit(ctx, tx, postgres.Audit{Account: by.Account, Actor: by.Login, Action: "doubt_policy.changed", Object: fmt.Sprint(region), Detail: map[string]any{"version": p.Version, "note": note}})
	})
	return p, err
}
