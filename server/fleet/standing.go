package fleet

import (
	"time"

	"github.com/google/uuid"
)

// Person is what the map says about a worker or a vehicle besides where it is.
type Person struct {
	ID      int64  `json:"id"`
	Name    string `json:"name"`
	Role    string `json:"role"`
	Kind    string `json:"kind"` // person or vehicle
	OrgName string `json:"org_name"`
}

// Vehicle reports whether the person is a vehicle: always on duty.
func (p Person) Vehicle() bool { return p.Kind == "vehicle" }

// Standing is a worker as it stands now: its newest plausible fix, who it is,
// since when it has not moved, and whether it calls for help.
type Standing struct {
	Fix
	Person
	StillSince time.Time
	Calling    bool // an SOS of this worker is open or acknowledged
}

// Presence judges the newest fix at the instant now, against the interval of
// the device that sent it.
func (s *Standing) Presence(now time.Time) Presence {
	if s.Calling {
		return InSOS
	}
	var still time.Duration
	if !s.StillSince.IsZero() {
		still = now.Sub(s.StillSince)
	}
	return PresenceAt(now.Sub(s.At), s.Interval, still)
}

// OnDuty is one reason why a worker may be drawn: an open session, a shift
// that holds now, or an open SOS.
type OnDuty struct {
	Worker  int64
	Session uuid.UUID // zero: not a session
	Shift   bool
	SOS     bool
}
