package territory

import "github.com/paulmach/orb"

// VisitObject is somebody or something to be visited, as an import brings it.
type VisitObject struct {
	Code      string // the customer's own; "" = a new one each time
	Kind      string
	Name      string
	OrgCode   string // "" = of the grid under the point
	Address   string
	Phone     string
	Point     orb.Point
	CycleN    int16 // 0 = its plan's, or its kind's
	CycleUnit string
	FirstDue  string // YYYY-MM-DD; "" = one cycle after its entry
	Guardian  string // a worker's code
	Sensitive bool
	Note      string
	Where     string
}

// CycleUnits are the units of a cycle with their Chinese words, shortest first.
var CycleUnits = []struct{ Unit, Word string }{{"day", "天"}, {"week", "周"}, {"month", "月"}, {"quarter", "季度"}, {"year", "年"}}
