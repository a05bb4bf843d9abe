// Package fleet holds who moves: workers and vehicles, their devices, their
// duty sessions, the fixes they send, and what "online" means.
//
// Coordinates are orb points, lon before lat, in degrees WGS-84 unless a field
// says otherwise. Speeds are m/s, courses degrees clockwise from north,
// accuracies and altitudes metres. NaN means "the device did not say".
package fleet

import (
	"math"
	"time"

	"github.com/google/uuid"
	"github.com/paulmach/orb"
)

// Flag is a bit set of what is remarkable about a fix. A flag never deletes a
// fix; the implausible ones never move the marker.
type Flag uint32

const (
	FutureClock Flag = 1 << iota // fix time after the server's clock by more than the tolerance
	OldClock                     // fix time before the partitions kept
	NullIsland                   // within 0.01° of 0,0
	Swapped                      // lat and lon look exchanged; stored as they came
	OutOfRegion                  // farther than 50 km from the territory
	TooFast                      // implausible speed from the fix before
	Inaccurate                   // accuracy worse than 100 m; stored, never scored
	Mock                         // the device says that a mock provider made it
	Late                         // older than the newest known of this worker when it came
	NoZone                       // its time came without a zone; the device's zone was assumed
	NoTime                       // it came without a time; the server's was used
	SOS                          // carries an SOS; passes every filter
	OffDutySOS                   // stored off duty, under an open SOS
	Converted                    // came in GCJ-02 or BD-09 and was converted at the door
	InvalidFix                   // the device itself says the fix is not valid
	Satellite                    // the device says that satellites gave the position
	Terrestrial                  // the device says that it came from cells or wireless networks alone
	Tampered                     // the app says that it runs on a rooted or hooked phone
)

// Implausible are the flags that keep a fix from moving the marker or a presence.
const Implausible = FutureClock | OldClock | NullIsland | Swapped | OutOfRegion | TooFast | InvalidFix

// flagWords are the public words of the flags, in bit order.
var flagWords = []string{"future_clock", "old_clock", "null_island", "swapped", "out_of_region", "too_fast", "inaccurate", "mock", "late", "no_zone", "no_time", "sos", "off_duty_sos", "converted", "invalid_fix", "satellite", "terrestrial", "tampered"}

// Words lists the flags that are set.
func (f Flag) Words() []string {
	words := []string{}
	for i, w := range flagWords {
		if f&(1<<i) != 0 {
			words = append(words, w)
		}
	}
	return words
}

// Source is the door that a fix came through.
type Source uint8

const (
	FromUnknown Source = iota
	FromOsmAnd
	FromOwnTracks
	FromGPSLogger
	FromNative
	FromJT808
)

// Duty says when a device may be stored.
type Duty string

const (
	DutySession  Duty = "session"  // inside a duty session
	DutySchedule Duty = "schedule" // inside an imported shift, or a session
	DutyAlways   Duty = "always"   // vehicles only
)

// CRS is the datum a device reports in.
type CRS string

const (
	WGS84 CRS = "wgs84"
	GCJ02 CRS = "gcj02"
	BD09  CRS = "bd09"
)

// Device is a registered sender with the worker or vehicle it speaks for.
type Device struct {
	ID        int64         `json:"id"`
	Region    int64         `json:"region"`
	Worker    int64         `json:"worker"`
	Org       int64         `json:"org"`      // the worker's leaf organisation
	OrgPath   string        `json:"org_path"` // and its path
	Vehicle   bool          `json:"vehicle"`
	Ident     string        `json:"ident"`
	Protocol  string        `json:"protocol"`
	Duty      Duty          `json:"duty"`
	CRS       CRS           `json:"crs"`
	Zone      string        `json:"zone"`
	SpeedUnit string        `json:"speed_unit"` // "" = the protocol's own
	Interval  time.Duration `json:"-"`
	Priority  int16         `json:"priority"`
}

// Fix is one position of one worker: the row, and the thing the board keeps.
type Fix struct {
	Region, Worker, Device int64
	At                     time.Time // the device's time: it orders tracks, it decides no deadline
	ReceivedAt             time.Time
	Point                  orb.Point // lon, lat, WGS-84
	Speed, Course          float32
	Accuracy, Altitude     float32
	Battery                int16 // per cent, -1 unknown
	Source                 Source
	Flags                  Flag
	Grid                   int64 // 0 = in no grid
	GridVersion            int32
	Session                uuid.UUID // zero = none (shift, vehicle, SOS)
	Org                    int64     // leaf organisation of the duty: decides who sees the worker
	OrgPath                string
	Interval               time.Duration // how often this device reports: online is judged by it
	Priority               int16
}

// Plausible reports whether the fix may move the marker. An SOS may come from
// anywhere, however fast; but a wrong clock or no place at all still moves
// nothing, for it would hold the marker where nobody is.
func (f *Fix) Plausible() bool {
	if f.Flags&SOS != 0 {
		return f.Flags&(Implausible&^(TooFast|OutOfRegion)) == 0
	}
	return f.Flags&Implausible == 0
}

// Unknown is the value of a figure the device did not send.
func Unknown() float32 { return float32(math.NaN()) }

// Session is a stretch of duty (在岗会话). A personal position is stored only inside one.
type Session struct {
	ID         uuid.UUID  `json:"id"`
	Region     int64      `json:"region"`
	Worker     int64      `json:"worker"`
	Org        int64      `json:"org"`
	OrgPath    string     `json:"-"`
	Device     int64      `json:"device,omitempty"`
	Purpose    string     `json:"purpose"`
	StartedAt  time.Time  `json:"started_at"`
	EndedAt    *time.Time `json:"ended_at,omitempty"`
	AutoClosed bool       `json:"auto_closed"`
	Limit      time.Time  `json:"-"` // of an automatically closed session: the last instant that a late fix may reopen it for
	Consent    string     `json:"consent,omitempty"`
}

// LongestDuty is how long a session may last without an explicit end.
const LongestDuty = 16 * time.Hour

// Covers reports whether the session holds the instant. Its ends belong to it.
// An automatic close is provisional: fixes that were on their way reopen the
// session, up to its limit. No session covers more than LongestDuty unless its
// end was said.
func (s Session) Covers(at time.Time) bool {
	switch {
	case at.Before(s.StartedAt):
		return false
	case s.EndedAt == nil:
		return !at.After(s.StartedAt.Add(LongestDuty))
	case s.AutoClosed && !at.After(s.Limit):
		return true
	}
	return !at.After(*s.EndedAt)
}

// Presence is how current a worker's newest fix is.
type Presence uint8

const (
	Offline Presence = iota // 离线: nothing for a long time, or never
	Stale                   // 信号陈旧: overdue against the device's own interval
	Idle                    // 停留: reporting, but has not moved
	Online                  // 在线
	InSOS                   // 求助
)

var presenceWords = [...]string{"offline", "stale", "idle", "online", "sos"}

func (p Presence) String() string { return presenceWords[p] }

// MarshalText writes the presence's word.
func (p Presence) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// PresenceAt judges a newest fix of age age from a device that reports every
// interval: online within max(2 min, 3 intervals), stale within max(30 min, 10
// intervals), offline after; idle when online but unmoved for ten minutes.
func PresenceAt(age, interval, still time.Duration) Presence {
	switch {
	case age <= max(2*time.Minute, 3*interval):
		if still >= 10*time.Minute {
			return Idle
		}
		return Online
	case age <= max(30*time.Minute, 10*interval):
		return Stale
	}
	return Offline
}
