package territory

import "github.com/paulmach/orb"

// Resource is what may be of use near a case (周边资源): the row, and what the API shows.
type Resource struct {
	ID        int64     `json:"id"`
	Region    int64     `json:"-"`
	Org       int64     `json:"org"`
	OrgCode   string    `json:"org_code,omitempty"`
	OrgName   string    `json:"org_name"`
	OrgPath   string    `json:"-"`
	Code      string    `json:"code"`
	Kind      string    `json:"kind"`
	KindName  string    `json:"kind_name"`
	Name      string    `json:"name"`
	Point     orb.Point `json:"point"`
	Address   string    `json:"address,omitempty"`
	Contact   string    `json:"contact,omitempty"`
	Phone     string    `json:"phone,omitempty"`
	Hours     string    `json:"hours,omitempty"`
	Note      string    `json:"note,omitempty"`
	Status    string    `json:"status"`
	DistanceM *float64  `json:"distance_m,omitempty"`

	Where string `json:"-"` // in the file that it was imported from
}

// ResourceKind is a kind of resource and what it is called.
type ResourceKind struct {
	Code string `json:"code"`
	Name string `json:"name"`
}

var resourceKinds = []ResourceKind{
	{"hydrant", "消防栓"}, {"aed", "AED"}, {"supply", "物资点"}, {"shelter", "避难场所"}, {"rescue", "救援队"},
	{"party_centre", "党群服务中心"}, {"grid_station", "网格服务站"}, {"medical", "医疗点"}, {"lookout", "瞭望点"}, {"other", "其他"},
}

// ResourceKinds lists the kinds in the order in which pages show them.
func ResourceKinds() []ResourceKind { return resourceKinds }

// ResourceKindName is what a kind is called; "" when there is no such kind.
func ResourceKindName(code string) string {
	for _, k := range resourceKinds {
		if k.Code == code {
			return k.Name
		}
	}
	return ""
}

// ResourceKindOf finds the kind that a file means by its code or its name.
func ResourceKindOf(text string) (string, bool) {
	for _, k := range resourceKinds {
		if k.Code == text || k.Name == text {
			return k.Code, true
		}
	}
	return "", false
}
