// Package patrol judges patrols: was a grid really walked, was it enough, and
// how does anybody know.
//
// A Policy says what is asked of whom (three half-days of two hours a week, two
// rounds a day, a weekly sweep, objects by their cycle, checkpoints) and with
// which parameters it is measured. Measure turns the fixes, duty sessions and
// visits of one worker and day into a DayMeasure; Week puts the days of a grid
// or a worker to the working calendar and says 达标, 未达标 or 免考.
//
// Every minute is accounted for: a DayMeasure's intervals cover the time between
// the day's fixes without overlap, each counted or not and with its reason. The
// same input gives the same answer in whatever order it comes and however often
// a fix is repeated. What is doubtful is judged elsewhere and by people: a
// doubt takes no minute away.
//
// It decides and touches nothing: no clock, no database.
package patrol

import "github.com/gridward/gridward/server/workday"

// Half is a half of a day.
type Half uint8

// The halves, in their order.
const (
	AM Half = iota // before the split, 12:30 by custom
	PM
)

var halfWords = [2]string{"am", "pm"}

func (h Half) String() string { return halfWords[h] }

// MarshalText writes "am" or "pm".
func (h Half) MarshalText() ([]byte, error) { return []byte(halfWords[h]), nil }

// UnmarshalText reads "am" or "pm"; anything else is the afternoon.
func (h *Half) UnmarshalText(b []byte) error {
	*h = PM
	if string(b) == halfWords[AM] {
		*h = AM
	}
	return nil
}

// The reasons for which time counts, or does not. Time between two accepted
// fixes has one of them.
const (
	WhyOK       = "ok"         // both fixes accepted, inside the assigned grid, close enough in time
	WhyIndoor   = "indoor"     // a gap indoors, explained by a visit inside it
	WhyGap      = "gap"        // nothing was heard for too long
	WhyVague    = "inaccurate" // fixes came, but none was accurate enough
	WhyMock     = "mock"       // fixes came, but the device said that they were made up
	WhyOutlier  = "outlier"    // fixes came, but from where nobody could have been
	WhyOutside  = "outside"    // outside the assigned grids and their margin
	WhyNoGrid   = "no_grid"    // no grid is assigned to the worker
	WhyPurpose  = "purpose"    // on duty for something that is no patrol, the window for instance
	WhyOffDuty  = "off_duty"   // between two sessions, or under a call for help alone
	WhyWindow   = "window"     // before 06:00 or after 22:00
	WhyNoRecord = "no_record"  // of a half-day: no fix at all
)

// Whys are the reasons in Chinese.
func Whys() map[string]string {
	return map[string]string{
		WhyOK: "计入", WhyIndoor: "入户走访计入", WhyGap: "定位中断", WhyVague: "定位精度不足", WhyMock: "设备标记为模拟定位", WhyOutlier: "定位异常点",
		WhyOutside: "不在责任网格内", WhyNoGrid: "没有责任网格", WhyPurpose: "在岗事由不计入巡查", WhyOffDuty: "离岗", WhyWindow: "不在计时时段", WhyNoRecord: "没有定位记录",
	}
}

// Interval is a stretch of a day and whether it counts. Times are Unix milliseconds.
type Interval struct {
	From    int64  `json:"from" doc:"Unix milliseconds"`
	To      int64  `json:"to" doc:"Unix milliseconds"`
	Counted bool   `json:"counted"`
	Why     string `json:"why" doc:"ok, indoor: counted; gap, inaccurate, mock, outlier, outside, no_grid, purpose, off_duty, window: not"`
	Half    Half   `json:"half" enum:"am,pm"`
	Grid    int64  `json:"grid,omitempty" doc:"the assigned grid it counts for"`
	Visit   string `json:"visit,omitempty" doc:"of indoor: the visit that explains it"`
}

// HalfDay is what one half of a day came to.
type HalfDay struct {
	Ms        int64 `json:"ms" doc:"effective milliseconds"`
	IndoorMs  int64 `json:"indoor_ms" doc:"of these credited by the indoor rule"`
	Qualified bool  `json:"qualified"`
}

// Minutes are the whole effective minutes.
func (h HalfDay) Minutes() int { return int(h.Ms / 60_000) }

// GridShare is what a worker did in one of the grids assigned to him.
type GridShare struct {
	Grid    int64      `json:"grid"`
	Halves  [2]HalfDay `json:"halves" doc:"morning, afternoon"`
	NightMs int64      `json:"night_ms,omitempty" doc:"effective time at night in this grid"`
	Night   bool       `json:"night,omitempty" doc:"a night patrol of this grid"`
	Short   int        `json:"short,omitempty" doc:"走过场: visits in this grid of less than three minutes"`
}

// Called is a visit as the track shows it.
type Called struct {
	Visit   string `json:"visit"`
	Target  string `json:"target,omitempty"`
	At      int64  `json:"at" doc:"Unix milliseconds"`
	DwellMs *int64 `json:"dwell_ms" doc:"time within 50 m of the target around the visit; null when nothing is known of it"`
	Short   bool   `json:"short" doc:"走过场: known, and less than three minutes"`
	Attempt bool   `json:"attempt" doc:"nobody was met: an attempt, no visit"`
}

// PlaceDwell is how long the worker was near a place that matters.
type PlaceDwell struct {
	Place   string `json:"place"`
	Kind    string `json:"kind"`
	Grid    int64  `json:"grid"`
	Ms      int64  `json:"ms" doc:"accepted time within 50 m"`
	FirstAt int64  `json:"first_at" doc:"Unix milliseconds"`
}

// DayMeasure is what a worker's day came to, with its evidence.
type DayMeasure struct {
	Halves    [2]HalfDay   `json:"halves" doc:"morning, afternoon"`
	Grids     []GridShare  `json:"grids" doc:"the grids assigned on the day"`
	Twice     bool         `json:"twice" doc:"一日两巡: a session of 30 effective minutes before the split and one after"`
	NightMs   int64        `json:"night_ms" doc:"effective time at night, inside the grid"`
	Night     bool         `json:"night" doc:"a night patrol"`
	InMs      int64        `json:"in_ms" doc:"time heard of inside the assigned grids"`
	OutMs     int64        `json:"out_ms" doc:"time heard of outside them"`
	DistanceM float64      `json:"distance_m" doc:"cleaned length"`
	Fixes     int          `json:"fixes"`
	Accepted  int          `json:"accepted"`
	Refused   Refusals     `json:"refused" doc:"fixes not accepted, by reason"`
	GapMs     int64        `json:"gap_ms" doc:"time between accepted fixes of one session"`
	Gaps      int          `json:"gaps" doc:"how many such gaps; gap_ms / gaps is the average gap"`
	Visits    int          `json:"visits"`
	Attempts  int          `json:"attempts" doc:"visits where nobody was met"`
	Short     int          `json:"short" doc:"visits of less than three minutes (走过场)"`
	Found     int          `json:"found" doc:"problems found on visits"`
	Called    []Called     `json:"called" doc:"each visit as the track shows it"`
	Places    []PlaceDwell `json:"places" doc:"key objects and checkpoints that were reached"`
	Intervals []Interval   `json:"intervals" doc:"the whole day between the first and the last fix, counted or not, and why"`
}

// Refusals are fixes that were not accepted, by reason.
type Refusals struct {
	Inaccurate int `json:"inaccurate"`
	Mock       int `json:"mock"`
	Outlier    int `json:"outlier"`
	OffDuty    int `json:"off_duty"`
}

// Qualified is how many half-days of the day qualify.
func (d *DayMeasure) Qualified() int {
	n := 0
	for _, h := range d.Halves {
		if h.Qualified {
			n++
		}
	}
	return n
}

// Of is what the day came to in one grid; nothing when it is not assigned.
func (d *DayMeasure) Of(grid int64) [2]HalfDay {
	for _, g := range d.Grids {
		if g.Grid == grid {
			return g.Halves
		}
	}
	return [2]HalfDay{}
}

// Frac is a numerator over a denominator; over nothing it has no value ("—").
type Frac struct {
	N int64 `json:"n"`
	D int64 `json:"d"`
}

// Coverage are four figures that are never blended into one.
type Coverage struct {
	Area       Frac `json:"area" doc:"cells of walkable ground (about 50 m) within 25 m of an accepted track"`
	Household  Frac `json:"household" doc:"households and enterprises visited in the week"`
	Object     Frac `json:"object" doc:"objects due in the week that were visited"`
	Checkpoint Frac `json:"checkpoint" doc:"checkpoints reached"`
}

// State is a week's verdict.
type State string

// The verdicts.
const (
	Met    State = "met"    // 达标
	Unmet  State = "unmet"  // 未达标
	Exempt State = "exempt" // 免考: nothing was required
)

// Name is the verdict's Chinese word.
func (s State) Name() string {
	return map[State]string{Met: "达标", Unmet: "未达标", Exempt: "免考"}[s]
}

// HalfOf is one half-day of a week.
type HalfOf struct {
	Day       workday.Day `json:"day"`
	Half      Half        `json:"half" enum:"am,pm"`
	Minutes   int         `json:"minutes"`
	Qualified bool        `json:"qualified"`
	Worker    int64       `json:"worker,omitempty" doc:"of a grid: whose half-day it is"`
	Rest      bool        `json:"rest,omitempty" doc:"nothing is asked of it: no working day, or leave"`
	Leave     bool        `json:"leave,omitempty" doc:"approved leave"`
	Needed    int         `json:"needed,omitempty" doc:"minutes from which it qualifies, by the policy of its day"`
}

// RuleResult is what a week came to under one more policy.
type RuleResult struct {
	Policy int64  `json:"policy"`
	Rule   string `json:"rule"`
	Name   string `json:"name"`
	N      int64  `json:"n"`
	D      int64  `json:"d"`
	State  State  `json:"state"`
}

// WeekMeasure is what a grid's or a worker's week came to.
type WeekMeasure struct {
	Week        workday.Day  `json:"week" doc:"its Monday"`
	WorkingDays int          `json:"working_days"`
	LeaveHalves int          `json:"leave_halves" doc:"half-days of approved leave that were taken off"`
	Required    int          `json:"required"`
	Qualified   int          `json:"qualified"`
	State       State        `json:"state" enum:"met,unmet,exempt"`
	HalfDays    []HalfOf     `json:"half_days" doc:"fourteen"`
	Twice       int          `json:"twice" doc:"days with two rounds (一日两巡)"`
	Rules       []RuleResult `json:"rules,omitempty"`
	RuleVersion string       `json:"rule_version"`
}
