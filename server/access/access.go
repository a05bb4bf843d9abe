// Package access decides who may do what, and where.
//
// A Principal is somebody signed in (or a paired kiosk, or a device's worker);
// its posts give it roles on organisations. A role's power reaches the whole
// subtree of its organisation and nothing beside it. Mask says how much of a
// person is shown to it.
package access

import (
	"slices"
	"strings"
)

// Role is a post's role. The Chinese names are in docs/glossary.md.
type Role string

const (
	GridWorker  Role = "grid_worker" // 网格员
	GridLeader  Role = "grid_leader" // 网格长
	GridGuide   Role = "grid_guide"  // 网格指导员
	Station     Role = "station"     // 村(社区)社会服务管理站
	DeptClerk   Role = "dept_clerk"  // 职能部门经办
	DeptHead    Role = "dept_head"   // 职能部门负责人
	Operator    Role = "operator"    // 指挥室值班员
	Commander   Role = "commander"   // 指挥长
	Inspector   Role = "inspector"   // 联合督查组
	Assessor    Role = "assessor"    // 考核管理员
	SysAdmin    Role = "sysadmin"    // 系统管理员
	SecAdmin    Role = "secadmin"    // 安全管理员
	Auditor     Role = "auditor"     // 审计管理员
	KioskRole   Role = "kiosk"       // 大屏只读
	Integration Role = "integration" // 对接账号
)

// Power is one thing a role may do.
type Power string

const (
	SeeMap        Power = "see_map"        // grids, live positions, incidents of the scope
	SeePeople     Power = "see_people"     // unmasked names and phones
	SeeTrack      Power = "see_track"      // a worker's track of a day, with a purpose, recorded
	Report        Power = "report"         // report an incident
	OnDuty        Power = "on_duty"        // start and end duty, send positions of oneself
	AnswerSOS     Power = "answer_sos"     // acknowledge and close an SOS
	SeeDevices    Power = "see_devices"    // device list, quarantine list
	ManageDevices Power = "manage_devices" // add, rotate, revoke; replay and discard quarantine
	ManageUsers   Power = "manage_users"   // accounts and posts
	PairKiosk     Power = "pair_kiosk"     // pair and revoke wall screens
	SeeAudit      Power = "see_audit"

	Triage       Power = "triage"        // accept, reject, merge, move between tiers
	Dispatch     Power = "dispatch"      // give orders, send commands (指令), urge
	Handle       Power = "handle"        // sign, arrive, feed back, return: act on orders given to one's organisation
	Check        Power = "check"         // 核实 and 核查
	Command      Power = "command"       // approve 挂账 and 延期, 督办, force close, void
	Whistle      Power = "whistle"       // 吹哨: call departments to the scene
	AnswerAlarm  Power = "answer_alarm"  // the alarm desk: acknowledge, arm and disarm
	SeeVideo     Power = "see_video"     // play a camera, with a reason, recorded
	WatchLog     Power = "watch_log"     // 值班日志, 交接班
	SeeStatistic Power = "see_statistic" // statistics, drill-down, exports
	KeepVisits   Power = "keep_visits"   // visit objects, and a supervisor's word on a visit
	ManageRules  Power = "manage_rules"  // calendars, limits, catalogues, departments, gazetteer, channels
	Inspect      Power = "inspect"       // marks, points and joint inspections (联合督查)
	Assess       Power = "assess"        // templates and periods of assessment: compute, publish, decide appeals, lock
)

// powers is the one table that the guard, the console's buttons and the tests read.
var powers = map[Role][]Power{
	GridWorker:  {Report, OnDuty, Handle, Check},
	GridLeader:  {Report, OnDuty, Handle, Check, Whistle},
	GridGuide:   {SeeMap, Report},
	Station:     {SeeMap, SeePeople, SeeTrack, Report, AnswerSOS, SeeDevices, Triage, Dispatch, Handle, Check, Whistle, SeeStatistic, KeepVisits},
	DeptClerk:   {SeeMap, Report, Handle},
	DeptHead:    {SeeMap, Report, Handle, SeeStatistic},
	Operator:    {SeeMap, SeePeople, Report, AnswerSOS, SeeDevices, SeeTrack, Triage, Dispatch, Check, AnswerAlarm, SeeVideo, WatchLog, SeeStatistic},
	Commander:   {SeeMap, SeePeople, SeeTrack, Report, AnswerSOS, SeeDevices, ManageDevices, PairKiosk, Triage, Dispatch, Check, Command, AnswerAlarm, SeeVideo, WatchLog, SeeStatistic, KeepVisits, ManageRules, Assess},
	Inspector:   {SeeMap, SeePeople, SeeTrack, SeeStatistic, Inspect},
	Assessor:    {SeeMap, SeeStatistic, Assess},
	SysAdmin:    {SeeDevices, ManageDevices, PairKiosk, ManageUsers, ManageRules},
	SecAdmin:    {ManageUsers, SeeAudit},
	Auditor:     {SeeAudit},
	KioskRole:   {SeeMap},
	Integration: {SeeMap, Report},
}

// Powers returns what a role may do.
func Powers(r Role) []Power { return powers[r] }

// Roles returns every role there is, in a stable order.
func Roles() []Role {
	all := make([]Role, 0, len(powers))
	for r := range powers {
		all = append(all, r)
	}
	slices.Sort(all)
	return all
}

// Post is a role on an organisation (任职). Path is the organisation's chain of ids, "1.4.17.".
type Post struct {
	Org    int64  `json:"org"`
	Path   string `json:"path"`
	Region int64  `json:"region"`
	Name   string `json:"name"` // the organisation's name
	Role   Role   `json:"role"`
}

// Mask says how much of a person a principal is shown.
type Mask uint8

const (
	MaskNone   Mask = iota // names as they are
	MaskPeople             // 张师傅 instead of a name, no phone, no reporter
)

// Principal is who is asking.
type Principal struct {
	Account int64  `json:"account"` // 0 for a kiosk
	Kiosk   int64  `json:"kiosk,omitempty"`
	Worker  int64  `json:"worker,omitempty"` // the worker this person is, or 0
	Login   string `json:"login"`
	Name    string `json:"name"`
	Posts   []Post `json:"posts"`
}

// Scope returns the organisation paths on which p holds the power, outermost
// only and sorted; empty means nowhere.
func (p Principal) Scope(power Power) []string {
	var paths []string
	for _, post := range p.Posts {
		if slices.Contains(powers[post.Role], power) {
			paths = append(paths, post.Path)
		}
	}
	return Outermost(paths)
}

// May reports whether p holds the power on the organisation with this path.
func (p Principal) May(power Power, orgPath string) bool {
	for _, post := range p.Posts {
		if Covers(post.Path, orgPath) && slices.Contains(powers[post.Role], power) {
			return true
		}
	}
	return false
}

// Has reports whether p holds the power anywhere.
func (p Principal) Has(power Power) bool { return len(p.Scope(power)) > 0 }

// Mask returns how much of people p is shown: everything where one of its
// posts may see people, masked otherwise.
func (p Principal) Mask() Mask {
	if len(p.Scope(SeePeople)) > 0 {
		return MaskNone
	}
	return MaskPeople
}

// Covers reports whether the subtree at path holds the organisation orgPath.
func Covers(path, orgPath string) bool { return path != "" && strings.HasPrefix(orgPath, path) }

// Within reports whether one of the scope's paths covers orgPath.
func Within(scope []string, orgPath string) bool {
	for _, s := range scope {
		if Covers(s, orgPath) {
			return true
		}
	}
	return false
}

// Outermost sorts paths and drops those that lie under another.
func Outermost(paths []string) []string {
	slices.Sort(paths)
	kept := paths[:0]
	for _, p := range paths {
		if len(kept) == 0 || !Covers(kept[len(kept)-1], p) {
			kept = append(kept, p)
		}
	}
	return kept
}

// MaskName hides a person's name but for the family name: 张伟 → 张师傅.
func MaskName(name string) string {
	for _, r := range name {
		return string(r) + "师傅"
	}
	return ""
}
