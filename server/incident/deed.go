package incident

import (
	"time"

	"github.com/google/uuid"
	"github.com/paulmach/orb"
)

// Deed is what an action carries; each action reads the fields it needs.
type Deed struct {
	Reason      string      `json:"reason,omitempty" maxLength:"1000"`
	Code        string      `json:"code,omitempty" maxLength:"40" doc:"reason code: not_my_duty, wrong_location, duplicate, insufficient_info"`
	Note        string      `json:"note,omitempty" maxLength:"1000"`
	Text        string      `json:"text,omitempty" maxLength:"4000"`
	Measures    string      `json:"measures,omitempty" maxLength:"2000"`
	Tier        int16       `json:"tier,omitempty" minimum:"0" maximum:"4"`
	Severity    *int16      `json:"severity,omitempty" doc:"1 特别重大 … 4 一般, 0 none"`
	Category    string      `json:"category,omitempty" maxLength:"40"`
	Urgency     Urgency     `json:"urgency,omitempty"`
	Sensitivity string      `json:"sensitivity,omitempty" enum:"normal,high,"`
	Lead        *Target     `json:"lead,omitempty"`
	Assist      []Target    `json:"assist,omitempty" maxItems:"20"`
	Inform      []Target    `json:"inform,omitempty" maxItems:"50"`
	Ranking     *uuid.UUID  `json:"ranking,omitempty" doc:"the candidates that were shown"`
	Requirement string      `json:"requirement,omitempty" maxLength:"2000"`
	Worker      int64       `json:"worker,omitempty"`
	Org         int64       `json:"org,omitempty"`
	Result      string      `json:"result,omitempty" doc:"of a feedback: solved partly cannot not_exist; of a verification: pass fail not_found duplicate"`
	Photos      []uuid.UUID `json:"photos,omitempty" maxItems:"18"`
	Point       *orb.Point  `json:"point,omitempty" doc:"[longitude, latitude]"`
	Accuracy    *float32    `json:"accuracy,omitempty"`
	CRS         string      `json:"crs,omitempty" enum:"wgs84,gcj02,bd09,"`
	Into        *uuid.UUID  `json:"into,omitempty" doc:"the case that this one is merged into"`
	Days        int16       `json:"days,omitempty" minimum:"0" maximum:"365"`
	Approve     bool        `json:"approve,omitempty"`
	ReviewAt    *time.Time  `json:"review_at,omitempty"`
	Grade       int16       `json:"grade,omitempty" minimum:"0" maximum:"5" doc:"5 非常满意 … 1 非常不满意"`
	Speed       int16       `json:"speed,omitempty" minimum:"0" maximum:"5"`
	Effect      int16       `json:"effect,omitempty" minimum:"0" maximum:"5"`
	Attitude    int16       `json:"attitude,omitempty" minimum:"0" maximum:"5"`
	Rater       string      `json:"rater,omitempty" enum:"resident,reporter,grid,station,operator,"`
	Level       string      `json:"level,omitempty" enum:"yellow,red,listed,"`
	Due         *time.Time  `json:"due,omitempty"`
	Reply       string      `json:"reply,omitempty" maxLength:"2000"`
	Supervision *uuid.UUID  `json:"supervision,omitempty"`
	ClientID    string      `json:"client_id,omitempty" maxLength:"64"`

	// Draw is the lot, in [0, 1), that decides whether a self-handled case is
	// checked. The desk draws it; a caller cannot.
	Draw float64 `json:"-"`
}

// Target is who is to act: an organisation, or one of its workers.
type Target struct {
	Org    int64 `json:"org,omitempty"`
	Worker int64 `json:"worker,omitempty"`
}

// Facts is what a decision needs to know beyond the case itself.
type Facts struct {
	Lead         *Assignee  // of the open lead order
	Assists      []Assignee // of the open assisting orders
	OpenAssists  int        // assisting orders that are neither fed back nor ended
	Checker      *Assignee  // of the pending verification
	Handlers     []int64    // accounts that signed or fed back: they do not check themselves
	Feedbacks    int
	AfterPhotos  int
	PhotoAfter   bool          // the category demands a photo afterwards
	CheckShare   float64       // share of self-handled cases that are checked
	ReturnUntil  *time.Time    // until when an order may be returned; nil = any time before it is signed
	MaxDelay     int16         // working days by which a limit may be put off
	Parent       *Incident     // of a merge: the case merged into
	Distance     *float64      // metres between where a check was made and the case
	ArchiveAfter time.Duration // how long after its end the case is sealed
}

// Done is what the record says of an action: the deed of a journal entry.
type Done struct {
	Action     Action     `json:"action"`
	ByName     string     `json:"by_name,omitempty"`
	As         Capacity   `json:"as,omitempty"`
	From       State      `json:"from"`
	To         State      `json:"to"`
	Reason     string     `json:"reason,omitempty"`
	Code       string     `json:"code,omitempty"`
	Note       string     `json:"note,omitempty"`
	Result     string     `json:"result,omitempty"`
	Order      *uuid.UUID `json:"order,omitempty"`
	OrderState string     `json:"order_state,omitempty"`
	OrgName    string     `json:"org_name,omitempty"`
	WorkerName string     `json:"worker_name,omitempty"`
	Distance   *float64   `json:"distance_m,omitempty"`
	Was        string     `json:"was,omitempty"` // of a correction: what it was before
	OldDue     *time.Time `json:"old_due,omitempty"`
	NewDue     *time.Time `json:"new_due,omitempty"`
	Other      *uuid.UUID `json:"other,omitempty"` // the other case of a merge or a reopening
}

// Record is the body of an incident's journal entries: the case as it stands
// after the deed, and the deed.
type Record struct {
	Incident
	Deed *Done `json:"deed,omitempty"`
}
