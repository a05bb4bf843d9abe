package incident

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/journal"
)

// Kinds of journal entries that an incident makes.
const KindReported = "incident.reported"

// Sources an incident can come from, with their Chinese names.
var sources = map[string]string{
	"patrol": "巡查发现", "visit": "走访发现", "resident": "群众反映", "hotline": "值班电话", "hotline12345": "12345热线",
	"camera": "视频巡查", "alarm": "设备报警", "window_transfer": "窗口流转", "whistle": "吹哨报到", "leader": "领导交办",
	"dept": "部门移交", "campaign": "专项行动", "wechat": "微信", "qq": "QQ", "walk_in": "来访", "sos": "一键求助",
}

// Sources returns the code and Chinese name of every source.
func Sources() map[string]string { return sources }

// urgencies in rising order.
var urgencies = []Urgency{Notice, Normal, Urgent, Critical}

// Draft is what somebody reports (上报), before it has a number and a place in the world.
type Draft struct {
	ClientID    string // makes an offline report idempotent
	Kind        string // "" = incident
	Title       string
	Category    string
	Description string
	Urgency     Urgency
	Source      string
	Point       *orb.Point // WGS-84: the door has converted it
	Accuracy    *float32
	Address     string
	SrcCRS      string
	OccurredAt  *time.Time
	Drill       bool
	Photos      []uuid.UUID
	Caller      *Caller    // somebody else tells it: a caller, a visitor
	Recurrence  *uuid.UUID // the case that has come back
	Sensitive   bool       // found with somebody who is shown on no wall
}

// Caller is who told a case to the person that writes it down. Both fields may
// be empty: people may stay unnamed.
type Caller struct{ Name, Phone string }

// Place is where a report was found to lie: the organisation that answers for it, and the grid if any.
type Place struct {
	Region      int64
	Org         int64
	OrgPath     string
	OrgName     string
	Grid        *int64
	GridVersion *int32
	GridName    string
}

// New checks a draft and makes the incident it becomes, in the state Reported.
// The case number is given later, inside the transaction that stores it.
func New(id uuid.UUID, d Draft, by access.Principal, at Place, now time.Time) (Incident, error) {
	d.Title, d.Description, d.Address = strings.TrimSpace(d.Title), strings.TrimSpace(d.Description), strings.TrimSpace(d.Address)
	wrong := map[string]string{}
	short := func(field, s string, limit int) {
		if utf8.RuneCountInString(s) > limit {
			wrong[field] = "太长"
		} else if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
			wrong[field] = "含有无法保存的字符"
		}
	}
	if d.Title == "" {
		wrong["title"] = "请填写标题"
	}
	short("title", d.Title, 80)
	short("description", d.Description, 4000)
	short("address", d.Address, 200)
	short("client_id", d.ClientID, 64)
	if d.Point == nil && d.Address == "" {
		wrong["point"] = "请在地图上选点或填写地址"
	}
	if p := d.Point; p != nil && !(math.Abs(p[0]) <= 180 && math.Abs(p[1]) <= 90) {
		wrong["point"] = "坐标超出范围，应为 [经度, 纬度]"
	}
	if d.Urgency == "" {
		d.Urgency = Normal
	}
	if !known(d.Urgency) {
		wrong["urgency"] = "没有这种紧急程度"
	}
	if d.Source == "" {
		d.Source = "patrol"
	}
	if _, ok := sources[d.Source]; !ok {
		wrong["source"] = "没有这种来源"
	}
	if d.Kind == "" {
		d.Kind = "incident"
	}
	if d.OccurredAt != nil && d.OccurredAt.After(now.Add(5*time.Minute)) {
		wrong["occurred_at"] = "发生时间在将来"
	}
	if len(d.Photos) > 9 {
		wrong["photos"] = "最多 9 张照片"
	}
	if c := d.Caller; c != nil {
		short("caller_name", c.Name, 40)
		if c.Phone != "" && !callable(c.Phone) {
			wrong["caller_phone"] = "电话号码只能有数字、加号、连字符和空格"
		}
	}
	if len(wrong) > 0 {
		f := fault.New(fault.Invalid, "上报内容有误，请检查标出的项目")
		f.Fields = wrong
		return Incident{}, f
	}
	if d.SrcCRS == "" {
		d.SrcCRS = "wgs84"
	}
	now = now.UTC().Truncate(time.Microsecond)
	inc := Incident{
		ID: id, Region: at.Region, Version: 1, State: Reported, Kind: d.Kind, Source: d.Source,
		Title: d.Title, Description: d.Description, Category: d.Category, Urgency: d.Urgency,
		Org: at.Org, OrgPath: at.OrgPath, OrgName: at.OrgName, Grid: at.Grid, GridVersion: at.GridVersion, GridName: at.GridName,
		Point: d.Point, Accuracy: d.Accuracy, Address: d.Address, SrcCRS: d.SrcCRS, ReporterName: by.Name,
		ClientID: d.ClientID, Drill: d.Drill, OccurredAt: d.OccurredAt, ReportedAt: now, UpdatedAt: now,
		Sensitivity: "normal", StateSince: now, OwnerOrg: &at.Org, OwnerPath: at.OrgPath, OwnerName: at.OrgName, Open: true,
	}
	if by.Account != 0 {
		inc.ReporterAccount = &by.Account
	}
	if by.Worker != 0 {
		inc.ReporterWorker = &by.Worker
	}
	inc.Recurrence = d.Recurrence
	if c := d.Caller; c != nil {
		inc.ReporterName, inc.ReporterPhone, inc.ReporterWorker = strings.TrimSpace(c.Name), strings.TrimSpace(c.Phone), nil
	}
	return inc, nil
}

// File takes over what the catalogue says of the case's category: the tier that
// is proposed for it, and whether it may be shown on a shared wall.
func (inc *Incident) File(tier int16, sensitive bool) {
	if inc.Tier == nil && tier != 0 {
		inc.Tier = &tier
	}
	if sensitive {
		inc.Sensitivity = "high"
	}
}

// callable reports whether s looks like a telephone number as people write it.
func callable(s string) bool {
	return len(s) <= 30 && strings.Trim(s, "0123456789+-() 转") == "" && strings.ContainsAny(s, "0123456789")
}

func known(u Urgency) bool {
	for _, k := range urgencies {
		if k == u {
			return true
		}
	}
	return false
}

// Masked is the incident as a shared wall may show it: no reporter, no numbers
// that name a person.
func (inc Incident) Masked() Incident {
	inc.ReporterName, inc.ReporterPhone, inc.ReporterAccount, inc.ReporterWorker, inc.ClientID = "", "", nil, nil, ""
	inc.FirstAccount, inc.OwnerWorkerName = nil, access.MaskName(inc.OwnerWorkerName)
	inc.PublicReply = access.MaskText(inc.PublicReply)
	inc.Title, inc.Description, inc.Address = access.MaskText(inc.Title), access.MaskText(inc.Description), access.MaskText(inc.Address)
	return inc
}

// masked is the record as somebody who may not see people reads it.
func (r Record) masked() Record {
	r.Incident = r.Incident.Masked()
	if r.Deed != nil {
		d := *r.Deed
		d.ByName, d.WorkerName = access.MaskName(d.ByName), access.MaskName(d.WorkerName)
		d.Reason, d.Note = access.MaskText(d.Reason), access.MaskText(d.Note)
		r.Deed = &d
	}
	return r
}

// Sensitive reports whether an entry is about a case that is never shown on a
// shared screen (管控对象, 信访 and the like). What cannot be read is.
func Sensitive(e journal.Entry) bool {
	if !bytes.Contains(e.Body, []byte(`"sensitivity"`)) {
		return false
	}
	var body struct {
		Sensitivity string `json:"sensitivity"`
	}
	return json.Unmarshal(e.Body, &body) != nil || body.Sensitivity == "high"
}

// MaskEntry returns a journal entry as somebody who may not see people reads
// it: incidents masked as a whole, the names and telephones of other bodies hidden.
func MaskEntry(e journal.Entry) journal.Entry {
	e.Actor = 0
	if e.Body == nil {
		return e
	}
	if body, ok := MaskAddressed(e.Kind, e.Body); ok {
		e.Body = body
		return e
	}
	if strings.HasPrefix(e.Kind, "incident.") {
		var r Record
		if err := json.Unmarshal(e.Body, &r); err == nil {
			e.Body, _ = json.Marshal(r.masked())
			return e
		}
	}
	switch {
	case strings.HasPrefix(e.Kind, "whistle."):
		var r WhistleRecord
		if err := json.Unmarshal(e.Body, &r); err != nil {
			e.Body = nil
			return e
		}
		e.Body, _ = json.Marshal(r.Masked(true))
		return e
	case strings.HasPrefix(e.Kind, "alarm."):
		e.Body = access.MaskAlarm(e.Body)
		return e
	case strings.HasPrefix(e.Kind, "video."), // who looks is no wall's business
		strings.HasPrefix(e.Kind, "watch."): // the room's own business
		e.Body = nil
		return e
	}
	var body map[string]any
	if err := json.Unmarshal(e.Body, &body); err != nil {
		e.Body = nil // what cannot be read cannot be masked
		return e
	}
	for _, field := range []string{"name", "by_name", "worker_name"} {
		if s, ok := body[field].(string); ok {
			body[field] = access.MaskName(s)
		}
	}
	for _, field := range []string{"phone", "by", "note"} {
		delete(body, field)
	}
	e.Body, _ = json.Marshal(body)
	return e
}
