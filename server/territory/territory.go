// Package territory knows the ground and who answers for it: the tree of
// organisations, grids and their versions, the people assigned to them.
//
// It holds the nouns and the rules that need no database: what a code must
// look like, which grid an import may bring in, when a grid is fully staffed.
// What needs exact geometry (validity, overlaps, gaps) is asked of PostGIS by
// server/postgres; reading files is the work of territory/intake.
package territory

import (
	"slices"

	"github.com/paulmach/orb"
)

// Org is an organisation (组织机构): the row, and what the API shows.
type Org struct {
	ID         int64      `json:"id"`
	Region     int64      `json:"region"` // the nearest ancestor-or-self with a journal of its own
	Parent     int64      `json:"parent,omitempty"`
	ParentCode string     `json:"-"` // the code of the one above, "" for a root
	Path       string     `json:"path"`
	Code       string     `json:"code"`
	Kind       string     `json:"kind"`
	Name       string     `json:"name"`
	Short      string     `json:"short_name,omitempty"`
	USCC       string     `json:"-"` // 统一社会信用代码
	Phone      string     `json:"-"`
	Location   *orb.Point `json:"location,omitempty"`
}

// Grid is one grid (网格) in its newest version.
type Grid struct {
	ID          int64            `json:"id"`
	Code        string           `json:"code"`
	Name        string           `json:"name"`
	Org         int64            `json:"org"`
	OrgCode     string           `json:"org_code"`
	OrgName     string           `json:"org_name"`
	OrgPath     string           `json:"-"`
	Region      int64            `json:"region"`
	Layer       string           `json:"-"`
	Kind        string           `json:"kind"`
	Setting     string           `json:"setting"`
	IsExecution bool             `json:"is_execution"`
	Households  int              `json:"households"`
	Population  int              `json:"population"`
	AreaM2      float64          `json:"area_m2"`
	Label       orb.Point        `json:"label"`
	Version     int32            `json:"version"`
	Shape       orb.MultiPolygon `json:"-"`

	// Where the grid came from, for the messages of an import.
	Where string `json:"-"`
}

// Worker is somebody or something that reports positions, as an import brings it.
type Worker struct {
	Code    string
	Name    string
	Role    string // grid_worker, grid_leader, grid_guide, volunteer, patrol_car
	OrgCode string
	Phone   string
	Vehicle bool
	Grids   []string // codes of the grids the worker answers for, the primary one first
	Where   string
}

// Shift is planned duty (排班), as an import brings it.
type Shift struct {
	Worker  string // code
	OrgCode string // "" = the worker's own
	Post    string
	Start   string // RFC 3339
	End     string
	Where   string
}

// Kinds of organisations; regional ones keep a journal of their own.
var (
	orgKinds      = []string{"city", "county", "street", "department", "district_dept", "village", "community", "station", "command_room", "inspection", "partner"}
	regionalKinds = []string{"city", "county", "street"}
	roles         = []string{"grid_worker", "grid_leader", "grid_guide", "volunteer", "patrol_car"}
	posts         = []string{"window", "grid", "command", "patrol_team"}
)

// Regional reports whether an organisation of this kind has a command room,
// and so a journal of its own.
func Regional(kind string) bool { return slices.Contains(regionalKinds, kind) }

// AssignmentRole is the place in 1+1+1+X that a worker's role fills.
func AssignmentRole(role string) string {
	switch role {
	case "grid_leader":
		return "leader"
	case "grid_guide":
		return "guide"
	case "volunteer":
		return "volunteer"
	}
	return "worker"
}
