package incident

import (
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/workday"
)

// Whistle (吹哨报到): a community that cannot settle a matter alone calls
// departments to the scene, they report in there, and the community rates each
// of them. It may stand over an incident, whose own clock keeps running, or
// over a place alone. It is the row and the JSON.
type Whistle struct {
	ID              uuid.UUID  `json:"id"`
	Region          int64      `json:"region"`
	No              string     `json:"no"`
	Version         int32      `json:"version"`
	Incident        *uuid.UUID `json:"incident,omitempty"`
	IncidentNo      string     `json:"case_no,omitempty"`
	IncidentTitle   string     `json:"incident_title,omitempty"`
	Kind            string     `json:"kind"` // mass 群众诉求哨, enforcement 综合执法哨, emergency 应急哨
	KindName        string     `json:"kind_name"`
	State           string     `json:"state"`
	Drill           bool       `json:"drill,omitempty"`
	Sensitivity     string     `json:"sensitivity"`
	Org             int64      `json:"org"` // who raised it
	OrgPath         string     `json:"-"`
	OrgName         string     `json:"org_name"`
	RaisedBy        int64      `json:"raised_by,omitempty"`
	RaisedByName    string     `json:"raised_by_name"`
	RaisedAt        time.Time  `json:"raised_at"`
	Reason          string     `json:"reason"`
	Point           *orb.Point `json:"point,omitempty"`
	Address         string     `json:"address,omitempty"`
	GeofenceM       int32      `json:"geofence_m"`
	ConfirmedByName string     `json:"confirmed_by_name,omitempty"`
	ConfirmedAt     *time.Time `json:"confirmed_at,omitempty"`
	ConfirmNote     string     `json:"confirm_note,omitempty"`
	RespondDue      *time.Time `json:"respond_due,omitempty"`
	ArriveDue       *time.Time `json:"arrive_due,omitempty"`
	Provisional     bool       `json:"provisional,omitempty"` // a due instant stands on a day not announced yet
	ClosedByName    string     `json:"closed_by_name,omitempty"`
	ClosedAt        *time.Time `json:"closed_at,omitempty"`
	CloseNote       string     `json:"close_note,omitempty"`
	ClientID        string     `json:"client_id,omitempty"`
	Need            []Called   `json:"need"`
}

// Called is a department that a whistle calls, and how far it has come.
type Called struct {
	Org             int64      `json:"org"`
	Path            string     `json:"path,omitempty"` // kept out of replies by Public
	Region          int64      `json:"region,omitempty"`
	Name            string     `json:"name"`
	State           string     `json:"state"`
	RespondedAt     *time.Time `json:"responded_at,omitempty"`
	RespondedByName string     `json:"responded_by_name,omitempty"`
	CheckedInAt     *time.Time `json:"checked_in_at,omitempty"`
	CheckedInByName string     `json:"checked_in_by_name,omitempty"`
	DistanceM       *float32   `json:"distance_m,omitempty"`
	Outside         bool       `json:"outside,omitempty"` // reported in from beyond the fence, with a reason
	OutsideReason   string     `json:"outside_reason,omitempty"`
	WorkingAt       *time.Time `json:"working_at,omitempty"`
	WorkNote        string     `json:"work_note,omitempty"`
	RepliedAt       *time.Time `json:"replied_at,omitempty"`
	RepliedByName   string     `json:"replied_by_name,omitempty"`
	Reply           string     `json:"reply,omitempty"`
	Result          string     `json:"result,omitempty"`
	RatedAt         *time.Time `json:"rated_at,omitempty"`
	RatedByName     string     `json:"rated_by_name,omitempty"`
	Grade           *int16     `json:"grade,omitempty"` // 5 best
	RateNote        string     `json:"rate_note,omitempty"`
}

// States of a whistle. Between confirmed and rated it is as far as the slowest
// of the departments it calls.
const (
	WhistleRaised    = "raised"    // 已吹哨
	WhistleConfirmed = "confirmed" // 指挥室确认
	WhistleResponded = "responded" // 已响应
	WhistleOnSite    = "on_site"   // 已报到
	WhistleWorking   = "working"   // 处置中
	WhistleReplied   = "replied"   // 已反馈
	WhistleRated     = "rated"     // 已评价
	WhistleClosed    = "closed"    // 销哨
	WhistleRefused   = "refused"   // 不予吹哨
)

// departmentCalled is where a department begins; its further states are the
// whistle's own.
const departmentCalled = "called"

// progress are a department's states in order, and the state of a whistle
// whose slowest department stands there.
var progress = []struct{ department, whistle string }{
	{departmentCalled, WhistleConfirmed}, {"responded", WhistleResponded}, {"on_site", WhistleOnSite},
	{"working", WhistleWorking}, {"replied", WhistleReplied}, {"rated", WhistleRated},
}

// Whistlers: who may do a step.
const (
	byRaiser     = "raiser"     // whoever holds the power whistle on the raising organisation
	byRoom       = "room"       // the command room
	byDepartment = "department" // whoever handles for the department
)

// whistleStep is a line of the whistle's table.
type whistleStep struct {
	Action string
	Name   string
	Who    []string
	From   []string // of the whistle, or of the department where To is empty
	To     string   // of the whistle
	Dept   string   // what the department becomes
}

// called, open: from where departments may act, and from where one may close.
var (
	whistleCalled = []string{WhistleConfirmed, WhistleResponded, WhistleOnSite, WhistleWorking, WhistleReplied}
	whistleOpen   = append([]string{WhistleRaised, WhistleRated}, whistleCalled...)
)

// whistleLife is the whole of it: the guard, the buttons and the property test read it.
var whistleLife = []whistleStep{
	{Action: "confirm", Name: "确认吹哨", Who: []string{byRoom}, From: []string{WhistleRaised}, To: WhistleConfirmed},
	{Action: "refuse", Name: "不予吹哨", Who: []string{byRoom}, From: []string{WhistleRaised}, To: WhistleRefused},
	{Action: "respond", Name: "响应", Who: []string{byDepartment}, From: []string{departmentCalled}, Dept: "responded"},
	{Action: "check_in", Name: "现场报到", Who: []string{byDepartment}, From: []string{departmentCalled, "responded", "on_site", "working"}, Dept: "on_site"},
	{Action: "work", Name: "开始处置", Who: []string{byDepartment}, From: []string{"on_site"}, Dept: "working"},
	{Action: "reply", Name: "反馈结果", Who: []string{byDepartment}, From: []string{"on_site", "working"}, Dept: "replied"},
	{Action: "rate", Name: "评价部门", Who: []string{byRaiser}, From: []string{"replied"}, Dept: "rated"},
	{Action: "close", Name: "销哨", Who: []string{byRaiser, byRoom}, From: whistleOpen, To: WhistleClosed},
}

// WhistleStates are the states of a whistle in order.
func WhistleStates() []string {
	return append(slices.Clone(whistleOpen[:1]), append(slices.Clone(whistleCalled), WhistleRated, WhistleClosed, WhistleRefused)...)
}

// WhistleRule are the parameters of one kind: limits, fence, and whether
// departments are called without waiting for the command room.
type WhistleRule struct {
	Kind      string        `json:"kind"`
	Name      string        `json:"name"`
	Respond   workday.Limit `json:"respond"`
	Arrive    workday.Limit `json:"arrive"`
	GeofenceM int32         `json:"geofence_m"`
	AtOnce    bool          `json:"at_once"`
	Version   int32         `json:"version"`
}

// Dues are the deadlines of a whistle, counted from when departments were called.
type Dues struct {
	Respond, Arrive time.Time
	Provisional     bool
}

// NewWhistle checks what somebody raises and makes the whistle it becomes.
// over is the incident it stands over, or nil; dues count only when the rule
// calls departments at once.
func NewWhistle(w Whistle, over *Incident, rule WhistleRule, by access.Principal, dues Dues, now time.Time) (Whistle, error) {
	w.Reason, w.Address = strings.TrimSpace(w.Reason), strings.TrimSpace(w.Address)
	wrong := map[string]string{}
	if n := utf8.RuneCountInString(w.Reason); n < 2 || n > 500 {
		wrong["reason"] = "请说明吹哨事由（2 至 500 字）"
	}
	if over != nil {
		w.Incident, w.IncidentNo, w.IncidentTitle, w.Drill, w.Sensitivity = &over.ID, over.CaseNo, over.Title, over.Drill, over.Sensitivity
		if w.Point == nil {
			w.Point = over.Point
		}
		if w.Address == "" {
			w.Address = over.Address
		}
		if !mayWhistle(*over, w.Kind) {
			return w, fault.New(fault.Conflict, "这个事件目前的状态不能吹哨")
		}
	}
	if w.Point == nil && w.Address == "" {
		wrong["point"] = "请在地图上选点或填写地址"
	}
	if p := w.Point; p != nil && !(math.Abs(p[0]) <= 180 && math.Abs(p[1]) <= 90) {
		wrong["point"] = "坐标超出范围，应为 [经度, 纬度]"
	}
	if len(w.Need) == 0 || len(w.Need) > 12 {
		wrong["need"] = "请选择 1 至 12 个要报到的部门"
	}
	if len(wrong) > 0 {
		f := fault.New(fault.Invalid, "吹哨内容有误，请检查标出的项目")
		f.Fields = wrong
		return w, f
	}
	if w.Sensitivity == "" {
		w.Sensitivity = "normal"
	}
	now = now.UTC().Truncate(time.Microsecond)
	w.Version, w.State, w.KindName, w.GeofenceM = 1, WhistleRaised, rule.Name, rule.GeofenceM
	w.RaisedBy, w.RaisedByName, w.RaisedAt = by.Account, by.Name, now
	for i := range w.Need {
		w.Need[i].State = departmentCalled
	}
	if rule.AtOnce {
		w.call(dues, now)
		w.ConfirmNote = "应急哨直接呼叫部门"
	}
	return w, nil
}

// mayWhistle says over which incidents one may whistle: those taken up and not
// handled yet; an emergency also before they are taken up.
func mayWhistle(inc Incident, kind string) bool {
	switch inc.State {
	case Accepted, Dispatched, Returned, Handling:
		return true
	case Reported, Verifying:
		return kind == "emergency"
	}
	return false
}

func (w *Whistle) call(dues Dues, now time.Time) {
	w.State, w.ConfirmedAt = WhistleConfirmed, &now
	if !dues.Respond.IsZero() {
		w.RespondDue, w.ArriveDue, w.Provisional = &dues.Respond, &dues.Arrive, dues.Provisional
	}
}

// WhistleDo is one step of a whistle and what comes with it.
type WhistleDo struct {
	Action    string
	Org       int64    // the department that acts or is rated
	Need      []Called // confirm: the departments to call, if other than asked
	Dues      Dues     // confirm
	Note      string   // confirm, refuse, work, rate, close
	Reply     string
	Result    string
	Grade     int16
	DistanceM *float64 // check_in; nil: the place has no point
	Reason    string   // check_in from beyond the fence
}

// Apply returns the whistle as it stands after the step. A step that is done
// already is no error and changes nothing: changed is false.
func (w Whistle) Apply(do WhistleDo, by access.Principal, now time.Time) (out Whistle, changed bool, err error) {
	i := slices.IndexFunc(whistleLife, func(s whistleStep) bool { return s.Action == do.Action })
	if i < 0 {
		return w, false, fault.New(fault.Invalid, "没有这个操作")
	}
	s := whistleLife[i]
	now = now.UTC().Truncate(time.Microsecond)
	do.Note, do.Reply, do.Reason = strings.TrimSpace(do.Note), strings.TrimSpace(do.Reply), strings.TrimSpace(do.Reason)
	for field, text := range map[string]string{"note": do.Note, "reply": do.Reply, "reason": do.Reason} {
		if utf8.RuneCountInString(text) > 1000 || !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			return w, false, invalid(field, "太长，或含有无法保存的字符")
		}
	}
	w.Need = slices.Clone(w.Need)
	if s.To != "" {
		if w.State == s.To && s.To != WhistleConfirmed {
			return w, false, nil
		}
		if !slices.Contains(s.From, w.State) {
			return w, false, fault.New(fault.Conflict, "哨单现在是“%s”，不能%s", whistleNames[w.State], s.Name)
		}
		return w.move(s, do, by, now)
	}
	if !slices.Contains(whistleCalled, w.State) {
		return w, false, fault.New(fault.Conflict, "哨单现在是“%s”，不能%s", whistleNames[w.State], s.Name)
	}
	n := slices.IndexFunc(w.Need, func(c Called) bool { return c.Org == do.Org })
	if n < 0 {
		return w, false, fault.New(fault.Missing, "这个哨单没有呼叫该部门")
	}
	c := &w.Need[n]
	if !slices.Contains(s.From, c.State) {
		if c.State == s.Dept {
			return w, false, nil
		}
		return w, false, fault.New(fault.Conflict, "%s现在是“%s”，不能%s", c.Name, calledNames[c.State], s.Name)
	}
	if err := c.step(s, do, by, now, w.GeofenceM); err != nil {
		return w, false, err
	}
	w.State = w.slowest()
	w.Version++
	return w, true, nil
}

// move takes the whistle itself a step on.
func (w Whistle) move(s whistleStep, do WhistleDo, by access.Principal, now time.Time) (Whistle, bool, error) {
	switch s.Action {
	case "confirm":
		if len(do.Need) > 0 {
			w.Need = slices.Clone(do.Need)
			for i := range w.Need {
				w.Need[i].State = departmentCalled
			}
		}
		w.call(do.Dues, now)
		w.ConfirmedByName, w.ConfirmNote = by.Name, do.Note
	default:
		if do.Note == "" && (s.Action == "refuse" || w.State != WhistleRated) {
			return w, false, invalid("note", "请写明原因")
		}
		w.State, w.ClosedByName, w.ClosedAt, w.CloseNote = s.To, by.Name, &now, do.Note
	}
	w.Version++
	return w, true, nil
}

// step takes one department a step on.
func (c *Called) step(s whistleStep, do WhistleDo, by access.Principal, now time.Time, fence int32) error {
	switch s.Action {
	case "respond":
		c.RespondedAt, c.RespondedByName = &now, by.Name
	case "check_in":
		outside := do.DistanceM != nil && *do.DistanceM > float64(fence)
		if outside && utf8.RuneCountInString(do.Reason) < 2 {
			return invalid("reason", "您距现场超过规定范围，请说明原因后再报到")
		}
		if c.CheckedInAt != nil { // a second person of the department: recorded, moves nothing
			return nil
		}
		if c.RespondedAt == nil { // who stands there has responded
			c.RespondedAt, c.RespondedByName = &now, by.Name
		}
		c.CheckedInAt, c.CheckedInByName, c.Outside = &now, by.Name, outside
		if do.DistanceM != nil {
			m := float32(math.Round(*do.DistanceM*10) / 10)
			c.DistanceM = &m
		}
		if outside {
			c.OutsideReason = do.Reason
		}
	case "work":
		c.WorkingAt, c.WorkNote = &now, do.Note
	case "reply":
		if do.Reply == "" {
			return invalid("reply", "请填写处置结果")
		}
		if do.Result == "" {
			do.Result = "solved"
		}
		if !slices.Contains([]string{"solved", "partly", "cannot", "not_exist"}, do.Result) {
			return invalid("result", "没有这种结果")
		}
		c.RepliedAt, c.RepliedByName, c.Reply, c.Result = &now, by.Name, do.Reply, do.Result
	case "rate":
		if do.Grade < 1 || do.Grade > 5 {
			return invalid("grade", "评价为 1 至 5 分")
		}
		grade := do.Grade
		c.RatedAt, c.RatedByName, c.Grade, c.RateNote = &now, by.Name, &grade, do.Note
	}
	c.State = s.Dept
	return nil
}

// slowest is the state that the departments together give the whistle.
func (w Whistle) slowest() string {
	least := len(progress) - 1
	for _, c := range w.Need {
		least = min(least, slices.IndexFunc(progress, func(p struct{ department, whistle string }) bool { return p.department == c.State }))
	}
	return progress[max(least, 0)].whistle
}

// Over reports whether nothing is owed on the whistle any more.
func (w Whistle) Over() bool { return w.State == WhistleClosed || w.State == WhistleRefused }

// Told reports whether departments have been called.
func (w Whistle) Told() bool { return w.ConfirmedAt != nil }

// Late are the departments that have not responded, or not come (arrive), and
// the instant by which they were to; nil where no limit runs.
func (w Whistle) Late(arrive bool) (due *time.Time, names []string) {
	due = w.RespondDue
	if arrive {
		due = w.ArriveDue
	}
	for _, c := range w.Need {
		if !arrive && c.RespondedAt == nil || arrive && c.CheckedInAt == nil {
			names = append(names, c.Name)
		}
	}
	return due, names
}

// WhistleButton is a step that a caller may take now, for one of the
// departments Orgs where the step is one's.
type WhistleButton struct {
	Action string  `json:"action"`
	Name   string  `json:"name"`
	Orgs   []int64 `json:"orgs,omitempty"`
}

// May lists what by may do with the whistle now. room is the path of the region.
func (w Whistle) May(by access.Principal, room string) []WhistleButton {
	out := []WhistleButton{}
	for _, s := range whistleLife {
		if s.To != "" {
			if slices.Contains(s.From, w.State) && w.who(s, by, room, "") {
				out = append(out, WhistleButton{Action: s.Action, Name: s.Name})
			}
			continue
		}
		if !slices.Contains(whistleCalled, w.State) {
			continue
		}
		button := WhistleButton{Action: s.Action, Name: s.Name}
		for _, c := range w.Need {
			if slices.Contains(s.From, c.State) && w.who(s, by, room, c.Path) {
				button.Orgs = append(button.Orgs, c.Org)
			}
		}
		if len(button.Orgs) > 0 {
			out = append(out, button)
		}
	}
	return out
}

// Allowed is nil when by may take the step, for the department with the path dept.
func (w Whistle) Allowed(action string, by access.Principal, room, dept string) error {
	for _, s := range whistleLife {
		if s.Action == action && w.who(s, by, room, dept) {
			return nil
		}
	}
	if action == "rate" {
		return fault.New(fault.Denied, "只有吹哨的社区可以评价部门")
	}
	return fault.New(fault.Denied, "您没有这项权限")
}

func (w Whistle) who(s whistleStep, by access.Principal, room, dept string) bool {
	return slices.ContainsFunc(s.Who, func(who string) bool {
		switch who {
		case byRaiser:
			return by.May(access.Whistle, w.OrgPath)
		case byRoom:
			return by.May(access.Dispatch, room)
		}
		return dept != "" && by.May(access.Handle, dept)
	})
}

// Public is the whistle as it leaves the building.
func (w Whistle) Public() Whistle {
	w.Need = slices.Clone(w.Need)
	for i := range w.Need {
		w.Need[i].Path, w.Need[i].Region = "", 0
	}
	return w
}

// Masked is the whistle as somebody who may not see people reads it; on a
// shared wall (wall) nothing is told of a sensitive matter but that it is there.
func (w Whistle) Masked(wall bool) Whistle {
	w = w.Public()
	w.RaisedBy, w.ClientID = 0, ""
	for _, name := range []*string{&w.RaisedByName, &w.ConfirmedByName, &w.ClosedByName} {
		*name = access.MaskName(*name)
	}
	for _, text := range []*string{&w.Reason, &w.Address, &w.ConfirmNote, &w.CloseNote, &w.IncidentTitle} {
		*text = access.MaskText(*text)
	}
	hidden := wall && w.Sensitivity == "high"
	if hidden {
		w.Reason, w.Address, w.ConfirmNote, w.CloseNote, w.IncidentTitle, w.Point = "", "", "", "", "", nil
	}
	for i := range w.Need {
		c := &w.Need[i]
		for _, name := range []*string{&c.RespondedByName, &c.CheckedInByName, &c.RepliedByName, &c.RatedByName} {
			*name = access.MaskName(*name)
		}
		for _, text := range []*string{&c.OutsideReason, &c.WorkNote, &c.Reply, &c.RateNote} {
			*text = access.MaskText(*text)
			if hidden {
				*text = ""
			}
		}
	}
	return w
}

// WhistleRecord is the body of whistle.* entries: the whistle as it stands after the deed, and the deed.
type WhistleRecord struct {
	Whistle
	Deed WhistleDone `json:"deed"`
}

// WhistleDone is what was done to a whistle.
type WhistleDone struct {
	Action  string `json:"action"`
	ByName  string `json:"by_name"`
	From    string `json:"from"`
	To      string `json:"to"`
	Org     int64  `json:"org,omitempty"`
	OrgName string `json:"org_name,omitempty"`
	Note    string `json:"note,omitempty"`
}

// Masked is the record as somebody who may not see people reads it.
func (r WhistleRecord) Masked(wall bool) WhistleRecord {
	r.Deed.ByName, r.Deed.Note = access.MaskName(r.Deed.ByName), access.MaskText(r.Deed.Note)
	if wall && r.Sensitivity == "high" {
		r.Deed.Note = ""
	}
	r.Whistle = r.Whistle.Masked(wall)
	return r
}

var whistleNames = map[string]string{
	WhistleRaised: "已吹哨", WhistleConfirmed: "已确认", WhistleResponded: "已响应", WhistleOnSite: "已报到", WhistleWorking: "处置中",
	WhistleReplied: "已反馈", WhistleRated: "已评价", WhistleClosed: "已销哨", WhistleRefused: "不予吹哨",
}

var calledNames = map[string]string{
	departmentCalled: "待响应", "responded": "已响应", "on_site": "已报到", "working": "处置中", "replied": "已反馈", "rated": "已评价",
}
