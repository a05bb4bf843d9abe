// Package incident is an incident's life (事件): what is known of it, which
// states it passes, and who may move it. It decides and touches nothing: no
// clock, no database, no bus.
package incident

import (
	"time"

	"github.com/google/uuid"
	"github.com/paulmach/orb"
)

// State is where an incident stands in its life.
type State string

// The states of an incident. The six steps of the loop are Step's.
const (
	Reported   State = "reported"   // 已上报
	Verifying  State = "verifying"  // 核实中
	Accepted   State = "accepted"   // 已受理，待分流
	Dispatched State = "dispatched" // 已派遣，待签收
	Returned   State = "returned"   // 已退回
	Handling   State = "handling"   // 处置中
	Suspended  State = "suspended"  // 挂账
	FedBack    State = "feedback"   // 已反馈，待核查
	Checking   State = "checking"   // 核查中
	Evaluating State = "evaluating" // 待评价
	Closed     State = "closed"     // 已结案
	Archived   State = "archived"   // 已归档
	Rejected   State = "rejected"   // 不予受理
	Void       State = "void"       // 作废
	Merged     State = "merged"     // 并案
)

// Urgency is how soon somebody must act. It is neither the handling tier
// (一级…四级) nor the severity (Ⅰ…Ⅳ).
type Urgency string

const (
	Notice   Urgency = "notice"   // 提示
	Normal   Urgency = "normal"   // 一般
	Urgent   Urgency = "urgent"   // 紧急
	Critical Urgency = "critical" // 特急
)

// Incident is one case: the row and the JSON. Point is [lon, lat] WGS-84.
type Incident struct {
	ID              uuid.UUID  `json:"id"`
	Region          int64      `json:"region"`
	CaseNo          string     `json:"case_no"`
	Version         int32      `json:"version"`
	State           State      `json:"state"`
	Kind            string     `json:"kind"`
	Source          string     `json:"source"`
	Title           string     `json:"title"`
	Description     string     `json:"description,omitempty"`
	Category        string     `json:"category,omitempty"`
	Tier            *int16     `json:"tier,omitempty"`
	Severity        *int16     `json:"severity,omitempty"`
	Urgency         Urgency    `json:"urgency"`
	Org             int64      `json:"org"`
	OrgPath         string     `json:"-"`
	OrgName         string     `json:"org_name,omitempty"`
	Grid            *int64     `json:"grid,omitempty"`
	GridVersion     *int32     `json:"grid_version,omitempty"`
	GridName        string     `json:"grid_name,omitempty"`
	Point           *orb.Point `json:"point,omitempty"`
	Accuracy        *float32   `json:"accuracy,omitempty"`
	Address         string     `json:"address,omitempty"`
	SrcCRS          string     `json:"src_crs,omitempty"`
	ReporterAccount *int64     `json:"reporter_account,omitempty"`
	ReporterWorker  *int64     `json:"reporter_worker,omitempty"`
	ReporterName    string     `json:"reporter_name,omitempty"`
	ReporterPhone   string     `json:"reporter_phone,omitempty"`
	ClientID        string     `json:"client_id,omitempty"`
	Drill           bool       `json:"drill,omitempty"`
	OccurredAt      *time.Time `json:"occurred_at,omitempty"`
	ReportedAt      time.Time  `json:"reported_at"`
	UpdatedAt       time.Time  `json:"updated_at"`
	Photos          []Photo    `json:"photos,omitempty"`

	Sensitivity     string     `json:"sensitivity"` // normal or high; high never reaches a shared wall
	StdCode         string     `json:"std_code,omitempty"`
	StateSince      time.Time  `json:"state_since"`
	OwnerOrg        *int64     `json:"owner_org,omitempty"` // in whose court the ball is
	OwnerPath       string     `json:"-"`
	OwnerName       string     `json:"owner_name,omitempty"`
	OwnerWorker     *int64     `json:"owner_worker,omitempty"`
	OwnerWorkerName string     `json:"owner_worker_name,omitempty"`
	FirstAccount    *int64     `json:"first_account,omitempty"` // 首问责任人
	LeadOrder       *uuid.UUID `json:"lead_order,omitempty"`    // the order that the state follows
	SelfHandled     bool       `json:"self_handled,omitempty"`
	CheckedByLot    *bool      `json:"checked_by_lot,omitempty"`
	ReworkCount     int16      `json:"rework_count,omitempty"`
	ReturnCount     int16      `json:"return_count,omitempty"`
	DelayCount      int16      `json:"delay_count,omitempty"`
	UrgeCount       int16      `json:"urge_count,omitempty"`
	PushCount       int16      `json:"push_count,omitempty"`
	Supervise       string     `json:"supervise,omitempty"` // yellow 黄牌, red 红牌, listed 挂牌
	SuspendedAt     *time.Time `json:"suspended_at,omitempty"`
	ReviewAt        *time.Time `json:"review_at,omitempty"`
	SuspendAsked    bool       `json:"suspend_asked,omitempty"`
	DelayAsked      bool       `json:"delay_asked,omitempty"`
	Whistles        int16      `json:"whistles,omitempty"` // open ones
	Appealed        bool       `json:"appealed,omitempty"`
	MergedInto      *uuid.UUID `json:"merged_into,omitempty"`
	ReopenedFrom    *uuid.UUID `json:"reopened_from,omitempty"`
	Recurrence      *uuid.UUID `json:"recurrence,omitempty"`
	PublicReply     string     `json:"public_reply,omitempty"`
	AcceptedAt      *time.Time `json:"accepted_at,omitempty"`
	DispatchedAt    *time.Time `json:"dispatched_at,omitempty"`
	SignedAt        *time.Time `json:"signed_at,omitempty"`
	FedBackAt       *time.Time `json:"fed_back_at,omitempty"`
	CheckedAt       *time.Time `json:"checked_at,omitempty"`
	ClosedAt        *time.Time `json:"closed_at,omitempty"`
	CloseReason     string     `json:"close_reason,omitempty"`
	Satisfaction    *int16     `json:"satisfaction,omitempty"` // 5 非常满意 … 1 非常不满意
	ArchivedAt      *time.Time `json:"archived_at,omitempty"`
	AcceptMinutes   *int32     `json:"accept_minutes,omitempty"` // working minutes from the report to the acceptance
	HandleMinutes   *int32     `json:"handle_minutes,omitempty"` // working minutes for which it was handled, up to the last feedback

	// The two clocks as they stand. A due instant that stands on a day not
	// announced yet is provisional; while paused neither counts.
	Stage       string     `json:"stage,omitempty"`
	StageDue    *time.Time `json:"stage_due,omitempty"`
	StageWarn   *time.Time `json:"stage_warn,omitempty"`
	StageFrom   string     `json:"stage_from,omitempty"` // where the limit comes from, in words
	CaseDue     *time.Time `json:"case_due,omitempty"`
	CaseWarn    *time.Time `json:"case_warn,omitempty"`
	CaseFrom    string     `json:"case_from,omitempty"`
	Provisional bool       `json:"provisional,omitempty"`
	Paused      bool       `json:"paused,omitempty"`
	Open        bool       `json:"open"`
}

// Over reports whether a state is the end of a life: nothing is owed any more.
func (s State) Over() bool {
	switch s {
	case Closed, Archived, Rejected, Void, Merged:
		return true
	}
	return false
}

// Step is which of the six steps of the loop a state belongs to:
// 1 发现上报, 2 调度分流, 3 处置反馈, 4 任务核查, 5 评价考核, 6 结单归档.
func (s State) Step() int {
	switch s {
	case Accepted, Dispatched, Returned:
		return 2
	case Handling, Suspended, FedBack:
		return 3
	case Checking:
		return 4
	case Evaluating:
		return 5
	case Closed, Archived, Rejected, Void, Merged:
		return 6
	}
	return 1
}

// Photo is an attachment as a screen sees it; its bytes are at /api/v1/attachments/{id}.
type Photo struct {
	ID      uuid.UUID  `json:"id"`
	Kind    string     `json:"kind"`
	Mime    string     `json:"mime"`
	Width   int        `json:"width,omitempty"`
	Height  int        `json:"height,omitempty"`
	TakenAt *time.Time `json:"taken_at,omitempty"`
}
