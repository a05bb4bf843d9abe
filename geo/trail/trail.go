// Package trail makes an honest track of what a phone said: it judges every fix
// and changes none.
//
// Clean sorts the fixes of one worker by time and says of each whether it is
// good, and if not, why not: a repeat, null island, a wrong clock, a place
// nobody could have reached, a spike out and back, a frozen receiver, a fix that
// says of itself that it is vague, a burst of noise. Out of the good ones come
// the gaps (nothing is known), the stays (arrived, left, where, how sure), and a
// length that does not grow with noise. Pedestrians are not snapped to roads: a
// yard is not a road, and a verdict must not rest on a guess.
//
// The answer depends on the set of fixes only: any order of arrival and any
// number of repeats give the same one. Cleaner is the same machine live: one
// pass, bounded memory, and it says when a fix came too late for its reorder
// window, so that the caller does the day again with Clean.
//
// Encode and Decode are the compact chunk in which an archive keeps fixes; its
// layout is the comment of Encode, and docs/protocol.md §6.
//
// Coordinates are orb points, longitude first, degrees WGS-84. Times are Unix
// milliseconds: this package has no clock. Distances are metres.
package trail

import (
	"math"

	"github.com/paulmach/orb"
)

// Fix is one position as it was told. NaN means that the device did not say.
type Fix struct {
	Ms       int64 // Unix milliseconds
	Point    orb.Point
	Accuracy float32 // metres
	Speed    float32 // m/s
	Course   float32 // degrees clockwise from north
	Flags    uint32  // what the caller found remarkable; see Options.Reject
	Source   uint8   // the door it came through
}

// Reason says why a fix is not part of the trail; Good ones are.
type Reason uint8

// The reasons, in the order in which they are looked for.
const (
	Good       Reason = iota
	Duplicate         // another fix of the same instant stands for it
	NullIsland        // 0°, 0°
	BadClock          // its time cannot be
	Flagged           // carries a flag of Options.Reject
	Inaccurate        // says of itself that it is vaguer than Options.Accuracy
	Teleport          // a place that nobody could have reached and come back from
	Spike             // out and back within a moment
	Frozen            // the receiver repeats itself, to a millionth of a degree
	Noise             // one of a burst that jumps about
)

var reasonWords = [...]string{"good", "duplicate", "null_island", "bad_clock", "flagged", "inaccurate", "teleport", "spike", "frozen", "noise"}

// String is the reason's code.
func (r Reason) String() string {
	if int(r) < len(reasonWords) {
		return reasonWords[r]
	}
	return "unknown"
}

// MarshalText writes the reason's code.
func (r Reason) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// Judged is a fix with the reason.
type Judged struct {
	Fix
	Why Reason
}

// Gap is a time of which nothing is known. It is neither a stay nor an absence.
type Gap struct {
	From, To int64 // the last good fix before, the first after
	A, B     orb.Point
	M        float64 // metres between them, in a straight line
}

// Stay is a place where somebody remained.
type Stay struct {
	From, To  int64 // arrived, left
	Point     orb.Point
	RadiusM   float64 // half of the fixes are nearer than this to Point
	Fixes     int
	Certainty float32 // 0…1: how much of the time was seen, and how well
}

// Trail is what became of the fixes.
type Trail struct {
	Fixes   []Judged // all of them, by time
	Gaps    []Gap
	Stays   []Stay
	LengthM float64
}

// Options are the limits of the judgement. A zero field means its default.
type Options struct {
	GapMs      int64   // a longer silence is a gap: 120 s
	Accuracy   float64 // metres; vaguer fixes are not part of the trail: 50
	MaxSpeed   float64 // m/s; nobody here is faster: 45
	StayMs     int64   // a stay lasts at least this long: 4 min
	StayRadius float64 // metres around its place: 35, and up to half as much again amid noise
	Frozen     int     // so many identical fixes are a frozen receiver: 8
	From, To   int64   // fixes at other times have a wrong clock: any
	ClockFlags uint32  // flags that say that the clock is wrong: none
	Reject     uint32  // flags that rule a fix out: none
	ReorderMs  int64   // how long a Cleaner waits for fixes that were overtaken: 60 s
	BorderM    float64 // metres beyond the border of an area: surely out: 30
	DwellMs    int64   // nearer than that: out after so long: 60 s

	widest float64 // what StayRadius may become amid noise
}

func orInt[T int | int64](v, d T) T {
	if v == 0 {
		return d
	}
	return v
}

func orFloat(v, d float64) float64 {
	if v == 0 {
		return d
	}
	return v
}

func (o Options) filled() Options {
	o.GapMs = orInt(o.GapMs, 120_000)
	o.Accuracy = orFloat(o.Accuracy, 50)
	o.MaxSpeed = orFloat(o.MaxSpeed, 45)
	o.StayMs = orInt(o.StayMs, 240_000)
	if o.widest = o.StayRadius; o.StayRadius == 0 {
		o.StayRadius, o.widest = 35, 52.5
	}
	o.Frozen = orInt(o.Frozen, 8)
	o.ReorderMs = orInt(o.ReorderMs, 60_000)
	o.BorderM = orFloat(o.BorderM, 30)
	o.DwellMs = orInt(o.DwellMs, 60_000)
	return o
}

const metresPerDegree = math.Pi * 6371008.8 / 180

// Metres is the distance on the plane that touches the globe between two
// points: within 0.01 % of the great circle for the steps of a walk, which is
// what it is for.
func Metres(a, b orb.Point) float64 {
	x := (b[0] - a[0]) * math.Cos((a[1]+b[1])/2*math.Pi/180)
	return math.Hypot(x, b[1]-a[1]) * metresPerDegree
}
