package desk

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/patrol"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/workday"
)

// VisitDraft is a visit as a worker writes it down.
type VisitDraft struct {
	ClientID   string
	Target     int64 // a visit object, or 0: then a kind and a name
	Kind, Name string
	ArrivedAt  time.Time
	LeftAt     time.Time
	Point      *orb.Point // WGS-84: the door has converted it
	Accuracy   *float32
	Method     string
	Outcome    string
	Activities []string
	Content    string
	Answers    []postgres.VisitAnswer
	Companions []int64
	Photos     []uuid.UUID
	Incident   *incident.Draft // a problem that is reported in the same gesture
}

// oldestVisit is how far back a visit may be written down.
const oldestVisit = 90 * 24 * time.Hour

// RecordVisit writes a visit into the log, and reports the problem that it
// found, in one transaction. Sent again with the same ClientID it answers with
// the visit that is there already.
func (d *Desk) RecordVisit(ctx context.Context, by access.Principal, draft VisitDraft) (v postgres.Visit, created bool, err error) {
	home, err := d.visitor(ctx, by)
	if err != nil {
		return v, false, err
	}
	if draft.ClientID == "" || utf8.RuneCountInString(draft.ClientID) > 48 {
		return v, false, field("client_id", "缺少记录编号，或者太长")
	}
	if known, err := postgres.VisitByClient(ctx, d.db.Pool, home.Region, home.ID, draft.ClientID); err == nil {
		return known, false, nil
	} else if !fault.Is(err, fault.Missing) {
		return v, false, err
	}
	now := d.now()
	if v, err = d.visit(ctx, by, home, &draft, now); err != nil {
		return v, false, err
	}
	write := func(ctx context.Context, tx pgx.Tx, found *incident.Incident) error {
		return d.writeVisit(ctx, tx, &v, draft, found, now)
	}
	if draft.Incident != nil {
		draft.Incident.ClientID, draft.Incident.Source = "visit:"+draft.ClientID, "visit"
		draft.Incident.Sensitive = v.Sensitive
		if draft.Incident.Point == nil && draft.Incident.Address == "" {
			if draft.Incident.Point = v.Point; v.Point == nil {
				draft.Incident.Point = v.TargetAt
			}
		}
		_, _, err = d.report(ctx, by, *draft.Incident, func(ctx context.Context, tx pgx.Tx, inc incident.Incident) error { return write(ctx, tx, &inc) })
	} else {
		err = d.db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error { return write(ctx, tx, nil) })
	}
	if err != nil && !postgres.Violates(err, "visit_client") { // else the same visit came twice at once
		return v, false, err
	}
	v, known := postgres.VisitByClient(ctx, d.db.Pool, home.Region, home.ID, draft.ClientID)
	return v, err == nil, known
}

// visitor is the worker that by is, if he may be on duty.
func (d *Desk) visitor(ctx context.Context, by access.Principal) (postgres.WorkerHome, error) {
	if by.Worker == 0 || !by.Has(access.OnDuty) {
		return postgres.WorkerHome{}, fault.New(fault.Denied, "这个账号没有对应的在册人员")
	}
	return postgres.HomeOf(ctx, d.db.Pool, by.Worker)
}

// visit checks a draft and makes the visit it becomes.
func (d *Desk) visit(ctx context.Context, by access.Principal, home postgres.WorkerHome, draft *VisitDraft, now time.Time) (v postgres.Visit, err error) {
	draft.Content, draft.Name = strings.TrimSpace(draft.Content), strings.TrimSpace(draft.Name)
	wrong := map[string]string{}
	if !slices.Contains([]string{patrol.OnSite, patrol.ByPhone, patrol.ByVideo, patrol.InGroup}, draft.Method) {
		wrong["method"] = "请选择走访方式"
	}
	if !slices.Contains([]string{patrol.Normal, patrol.NoOne, patrol.Refused, patrol.Problem}, draft.Outcome) {
		wrong["outcome"] = "请选择走访结果"
	}
	for _, a := range draft.Activities {
		if patrol.Activities()[a] == "" {
			wrong["activities"] = "没有这种走访事项"
		}
	}
	if !sound(draft.Content, 2000) {
		wrong["content"] = "太长（不超过 2000 字），或含有无法保存的字符"
	}
	switch {
	case draft.ArrivedAt.IsZero() || draft.LeftAt.Before(draft.ArrivedAt) || draft.LeftAt.Sub(draft.ArrivedAt) > 24*time.Hour:
		wrong["left_at"] = "离开时间应晚于到达时间，一次走访不超过 24 小时"
	case now.Sub(draft.LeftAt) > oldestVisit:
		wrong["arrived_at"] = "只能补录最近 90 天的走访"
	case draft.LeftAt.Sub(now) > 24*time.Hour:
		wrong["left_at"] = "离开时间在将来，请校准手机时钟"
	}
	if len(draft.Photos) > 9 || len(draft.Companions) > 20 || len(draft.Answers) > 60 {
		wrong["photos"] = "照片、同行人员或清单项太多"
	}
	if draft.Incident != nil && draft.Outcome != patrol.Problem {
		wrong["incident"] = "发现问题时才能一并上报事件"
	}
	for _, a := range draft.Answers {
		if !sound(a.Value, 300) || !sound(a.Note, 300) {
			wrong["answers"] = "清单答案太长（不超过 300 字）"
		}
	}
	if draft.Target == 0 && (draft.Kind == "" || draft.Name == "" || !sound(draft.Name, 60)) {
		wrong["target"] = "请选择走访对象，或填写类型和名称"
	}
	if len(wrong) > 0 {
		return v, &fault.Fault{Kind: fault.Invalid, Public: "走访记录有误：" + firstOf(wrong), Fields: wrong}
	}
	v = postgres.Visit{Region: home.Region, Worker: home.ID, Org: home.Org, TargetKind: draft.Kind, TargetName: draft.Name, ArrivedAt: draft.ArrivedAt.UTC(), LeftAt: draft.LeftAt.UTC(),
		Point: draft.Point, Accuracy: draft.Accuracy, Method: draft.Method, Outcome: draft.Outcome, Activities: append([]string{}, draft.Activities...), Content: draft.Content,
		ClientID: draft.ClientID, Account: by.Account, ReceivedAt: now}
	if v.ID, err = uuid.NewV7(); err != nil {
		return v, fmt.Errorf("make an id: %w", err)
	}
	for _, c := range draft.Companions {
		if c != home.ID {
			v.Companions = append(v.Companions, postgres.VisitFellow{ID: c})
		}
	}
	if err := d.aim(ctx, by, home, &v, draft.Target, now); err != nil {
		return v, err
	}
	return v, d.checkVisit(ctx, &v)
}

// aim finds what was visited, and whose ground it lies on: the object's, else
// that of the grid under the visit's place, else the worker's own organisation.
func (d *Desk) aim(ctx context.Context, by access.Principal, home postgres.WorkerHome, v *postgres.Visit, target int64, now time.Time) error {
	if target != 0 {
		ok, err := postgres.MayVisit(ctx, d.db.Pool, target, home.ID, by.Scope(access.OnDuty))
		if err != nil {
			return err
		}
		if !ok {
			return postgres.NoVisitObject()
		}
		o, err := postgres.VisitObjectByID(ctx, d.db.Pool, target, now)
		if err != nil {
			return err
		}
		v.Target, v.TargetKind, v.TargetName, v.TargetAt, v.Sensitive, v.Org, v.Grid = &o.ID, o.Kind, "", &o.Point, o.Sensitive, o.Org, o.Grid
		return nil
	}
	kinds, err := postgres.VisitKinds(ctx, d.db.Pool)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(kinds, func(k postgres.VisitKind) bool { return k.Code == v.TargetKind && !k.Retired })
	if i < 0 {
		return field("target_kind", "没有这个走访对象类型")
	}
	v.Sensitive = kinds[i].Class == "control"
	if v.Point != nil {
		at, ok, err := postgres.Locate(ctx, d.db.Pool, *v.Point)
		if err != nil {
			return err
		}
		if ok && at.Region == home.Region {
			v.Org, v.Grid = at.Org, at.Grid
		}
	}
	return nil
}

// checkVisit judges the visit: by distance, duty and time.
func (d *Desk) checkVisit(ctx context.Context, v *postgres.Visit) (err error) {
	rule, err := postgres.VisitRuleOf(ctx, d.db.Pool, v.Region)
	if err != nil {
		return err
	}
	if v.Session, err = postgres.VisitSession(ctx, d.db.Pool, v.Worker, v.ArrivedAt); err != nil {
		return err
	}
	pure := v.Pure()
	c := patrol.Circumstances{Received: v.ReceivedAt, OnDuty: v.Session != nil, Short: pure.Quick()}
	where := v.TargetAt
	if where == nil {
		where = v.Point
	}
	if where != nil {
		if c.Overlaps, err = postgres.VisitOverlaps(ctx, d.db.Pool, v.Worker, v.ArrivedAt, v.LeftAt, *where, rule.NearM); err != nil {
			return err
		}
	}
	if m, ok := pure.DistanceM(); ok {
		short := float32(m)
		v.DistanceM = &short
	}
	v.Verified = patrol.AutoOK
	if v.Doubts = rule.Check(&pure, c); len(v.Doubts) > 0 {
		v.Verified = patrol.Doubtful
	}
	return nil
}

func (d *Desk) writeVisit(ctx context.Context, tx pgx.Tx, v *postgres.Visit, draft VisitDraft, found *incident.Incident, now time.Time) error {
	if len(v.Companions) > 0 {
		n, err := postgres.CountWorkers(ctx, tx, v.Region, draft.Companions)
		if err != nil {
			return err
		}
		if n != len(uniq(draft.Companions)) {
			return field("companions", "同行人员不在本街道")
		}
	}
	if err := postgres.InsertVisit(ctx, tx, *v); err != nil {
		return err
	}
	for _, a := range draft.Answers {
		id, err := uuid.NewV7()
		if err != nil {
			return fmt.Errorf("make an id: %w", err)
		}
		r := postgres.InfoRecord{ID: id, Region: v.Region, Org: v.Org, Grid: v.Grid, Worker: v.Worker, Visit: &v.ID, Target: v.Target, Item: a.Item, At: v.LeftAt, Value: a.Value, Issue: a.Issue, Note: a.Note, ReceivedAt: now}
		if err := postgres.InsertInfoRecord(ctx, tx, r); err != nil {
			return err
		}
	}
	if len(draft.Photos) > 0 {
		n, err := postgres.ClaimVisitPhotos(ctx, tx, v.ID, draft.Photos, v.Account, v.Region)
		if err != nil {
			return err
		}
		if n != int64(len(draft.Photos)) {
			return field("photos", "有照片没有上传成功，请重新上传")
		}
	}
	if found != nil {
		if err := postgres.LinkVisit(ctx, tx, v.ID, found.ID); err != nil {
			return err
		}
	}
	return visitChanged(ctx, tx, *v)
}

// visitChanged has the days that a visit touches judged again.
func visitChanged(ctx context.Context, tx pgx.Tx, v postgres.Visit) error {
	from, to := workday.DayOf(v.ArrivedAt.In(incident.BusinessZone())), workday.DayOf(v.LeftAt.In(incident.BusinessZone()))
	for day := from; day <= to; day++ {
		if err := postgres.MarkPatrolDirty(ctx, tx, v.Region, v.Worker, day, postgres.WhyVisit); err != nil {
			return err
		}
	}
	return nil
}

// DecideVisit is a supervisor's word on a visit: manual_ok (人工核实) or rejected
// (人工认定无效), with a reason. Nobody decides on his own.
func (d *Desk) DecideVisit(ctx context.Context, by access.Principal, id uuid.UUID, version int32, verdict, why string) (v postgres.Visit, err error) {
	why = strings.TrimSpace(why)
	if verdict != patrol.ManualOK && verdict != patrol.Rejected {
		return v, field("verdict", "请选择核实结论")
	}
	if utf8.RuneCountInString(why) < 2 || !sound(why, 500) {
		return v, field("reason", "请填写理由（2 至 500 字）")
	}
	if v, err = postgres.VisitByID(ctx, d.db.Pool, id); err != nil {
		return v, err
	}
	switch {
	case !by.May(access.KeepVisits, v.OrgPath):
		return v, postgres.NoVisit()
	case by.Worker == v.Worker && by.Worker != 0:
		return v, fault.New(fault.Denied, "不能核实本人的走访记录")
	}
	err = d.db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := postgres.DecideVisit(ctx, tx, id, version, verdict, by.Account, by.Name, d.now(), why); err != nil {
			return err
		}
		a := postgres.Audit{Account: by.Account, Actor: by.Login, Action: "visit.decided", Object: id.String(), Detail: map[string]any{"verdict": verdict, "was": v.Verified, "worker": v.Worker, "reason": why}}
		if err := postgres.WriteAudit(ctx, tx, a); err != nil {
			return err
		}
		return visitChanged(ctx, tx, v)
	})
	if err != nil {
		return v, err
	}
	return postgres.VisitByID(ctx, d.db.Pool, id)
}

// InfoDraft is information as a worker reports it (信息报送): it is filed, not dispatched.
type InfoDraft struct {
	ClientID string
	Item     string
	Value    string
	Issue    bool
	Note     string
	At       time.Time
	Point    *orb.Point
	Grid     int64 // of the worker's own; 0: the one under the point, or his first
}

// FileInfo files information. The same ClientID again changes nothing.
func (d *Desk) FileInfo(ctx context.Context, by access.Principal, draft InfoDraft) (r postgres.InfoRecord, err error) {
	home, err := d.visitor(ctx, by)
	if err != nil {
		return r, err
	}
	now := d.now()
	draft.Value, draft.Note = strings.TrimSpace(draft.Value), strings.TrimSpace(draft.Note)
	switch {
	case draft.ClientID == "" || utf8.RuneCountInString(draft.ClientID) > 48:
		return r, field("client_id", "缺少记录编号，或者太长")
	case draft.Value == "" || !sound(draft.Value, 300):
		return r, field("value", "请填写内容（不超过 300 字）")
	case !sound(draft.Note, 300):
		return r, field("note", "太长（不超过 300 字）")
	case draft.At.IsZero() || draft.At.Sub(now) > 24*time.Hour || now.Sub(draft.At) > oldestVisit:
		return r, field("at", "时间有误")
	}
	grids, err := postgres.GridsOf(ctx, d.db.Pool, home.ID)
	if err != nil {
		return r, err
	}
	r = postgres.InfoRecord{Region: home.Region, Org: home.Org, Worker: home.ID, Item: draft.Item, At: draft.At.UTC(), Value: draft.Value, Issue: draft.Issue, Note: draft.Note, ClientID: &draft.ClientID, ReceivedAt: now}
	if r.ID, err = uuid.NewV7(); err != nil {
		return r, fmt.Errorf("make an id: %w", err)
	}
	switch i := slices.IndexFunc(grids, func(g postgres.OwnGrid) bool { return g.ID == draft.Grid }); {
	case i >= 0:
		r.Grid, r.Org = &grids[i].ID, grids[i].Org
	case draft.Grid != 0:
		return r, fault.New(fault.Missing, "没有这个网格，或者不在您的管辖范围")
	case draft.Point != nil:
		at, ok, err := postgres.Locate(ctx, d.db.Pool, *draft.Point)
		if err != nil {
			return r, err
		}
		if ok && at.Region == home.Region {
			r.Grid, r.Org = at.Grid, at.Org
		}
	case len(grids) > 0:
		r.Grid, r.Org = &grids[0].ID, grids[0].Org
	}
	if err := postgres.InsertInfoRecord(ctx, d.db.Pool, r); err != nil {
		return r, err
	}
	r, ok, err := postgres.InfoByClient(ctx, d.db.Pool, home.Region, home.ID, draft.ClientID)
	if err == nil && !ok {
		err = fmt.Errorf("the information %s is not where it was written", strconv.Quote(draft.ClientID))
	}
	return r, err
}

// sound reports whether text can be kept and is no longer than limit.
func sound(text string, limit int) bool {
	return utf8.RuneCountInString(text) <= limit && utf8.ValidString(text) && !strings.ContainsRune(text, 0)
}

func uniq(ids []int64) []int64 {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	return slices.Compact(ids)
}

// firstOf is what is wrong with the first field, so that the sentence is the same each time.
func firstOf(wrong map[string]string) string {
	var fields []string
	for f := range wrong {
		fields = append(fields, f)
	}
	slices.Sort(fields)
	return wrong[fields[0]]
}
