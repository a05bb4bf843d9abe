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

// Reported (已上报) is step one of six: 发现上报.
const Reported State = "reported"

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
