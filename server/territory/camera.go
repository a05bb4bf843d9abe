package territory

import (
	"math"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/paulmach/orb"

	"github.com/gridward/gridward/geo/sector"
)

// Camera is a point of view (视频点位): the row and the JSON.
type Camera struct {
	ID          int64     `json:"id"`
	Region      int64     `json:"region"`
	Org         int64     `json:"org"`
	OrgPath     string    `json:"-"`
	OrgName     string    `json:"org_name"`
	GBID        string    `json:"gb_id" doc:"GB/T 28181, 20 digits"`
	Name        string    `json:"name"`
	Kind        string    `json:"kind" enum:"ptz,bullet,dome,ai"`
	Place       string    `json:"place,omitempty"`
	Point       orb.Point `json:"point"`
	Heading     *float32  `json:"heading,omitempty" doc:"degrees from north; none: it looks all around"`
	FOV         float32   `json:"fov"`
	RangeM      float32   `json:"range_m"`
	Network     string    `json:"network" enum:"private,internet,government"`
	Stream      string    `json:"stream,omitempty" doc:"what the gateway calls it; none: its gb_id"`
	Status      string    `json:"status" enum:"unknown,online,offline,fault,retired"`
	Sensitivity string    `json:"sensitivity" enum:"normal,high"`
	Version     int32     `json:"version"`

	Where   string `json:"-" db:"-"` // in an imported table
	OrgCode string `json:"-" db:"-"`
}

// View is what the camera can see.
func (c Camera) View() sector.View {
	v := sector.View{From: c.Point, Heading: math.NaN(), FOV: float64(c.FOV), Range: float64(c.RangeM)}
	if c.Heading != nil {
		v.Heading = float64(*c.Heading)
	}
	return v
}

// GBID is a GB/T 28181 number taken apart: eight digits of the centre (six of
// the division, two below it), two of the industry, three of what it is, one of
// the network, six in sequence.
type GBID struct{ Centre, Industry, Type, Network, Serial string }

// ParseGBID takes a number apart; wrong says in words what is not right about
// it. The type must be a channel's, not a recorder's or a platform's: what is
// registered is what looks. (131 and 132 are cameras, 134 an alarm input; some
// gateways number channels by the recorder's 111 or 118.)
func ParseGBID(s string) (id GBID, wrong string) {
	if len(s) != 20 || strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' }) {
		return id, "国标编码应为 20 位数字"
	}
	id = GBID{Centre: s[:8], Industry: s[8:10], Type: s[10:13], Network: s[13:14], Serial: s[14:]}
	switch {
	case id.Centre[:2] == "00":
		return id, "国标编码的前两位应为省级区划代码"
	case id.Type >= "200" && id.Type <= "299":
		return id, "这是平台编码，不是摄像头编码"
	}
	return id, ""
}

var streamName = regexp.MustCompile(`^[A-Za-z0-9_.\-]+(/[A-Za-z0-9_.\-]+)*$`)

// StreamName reports whether a gateway's name of a stream can stand in a path
// without leading anywhere else.
func StreamName(s string) bool {
	if len(s) > 120 || !streamName.MatchString(s) {
		return false
	}
	for part := range strings.SplitSeq(s, "/") {
		if strings.Trim(part, ".") == "" {
			return false
		}
	}
	return true
}

// cameraWords are the values that each word about a camera may have, the
// default first, with the words that tables use for them.
var cameraWords = map[string][]struct{ value, word string }{
	"kind":        {{"bullet", "枪机"}, {"ptz", "球机"}, {"dome", "半球"}, {"ai", "AI"}},
	"network":     {{"private", "专网"}, {"internet", "互联网"}, {"government", "政务外网"}},
	"status":      {{"unknown", "未知"}, {"online", "在线"}, {"offline", "离线"}, {"fault", "故障"}, {"retired", "停用"}},
	"sensitivity": {{"normal", "普通"}, {"high", "敏感"}},
}

// CameraWord reads a word about a camera as a program or a person writes it;
// "" is the default.
func CameraWord(what, text string) (value string, ok bool) {
	words := cameraWords[what]
	if text == "" {
		return words[0].value, true
	}
	for _, w := range words {
		if strings.EqualFold(text, w.value) || strings.EqualFold(text, w.word) {
			return w.value, true
		}
	}
	return "", false
}

// Checked returns the camera with its defaults filled in, and what is wrong
// with it by field.
func (c Camera) Checked() (Camera, map[string]string) {
	wrong := map[string]string{}
	c.GBID, c.Name, c.Place, c.Stream = strings.TrimSpace(c.GBID), strings.TrimSpace(c.Name), strings.TrimSpace(c.Place), strings.TrimSpace(c.Stream)
	if _, text := ParseGBID(c.GBID); text != "" {
		wrong["gb_id"] = text
	}
	for field, text := range map[string]string{"name": c.Name, "place": c.Place} {
		if utf8.RuneCountInString(text) > 100 || !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			wrong[field] = "太长，或含有无法保存的字符"
		}
	}
	if c.Name == "" {
		wrong["name"] = "请填写名称"
	}
	if p := c.Point; !(math.Abs(p[0]) <= 180 && math.Abs(p[1]) <= 90) || p == (orb.Point{}) {
		wrong["point"] = "请填写经纬度"
	}
	if c.Heading != nil && !(*c.Heading >= 0 && *c.Heading < 360) {
		wrong["heading"] = "朝向应为 0 至 359 度"
	}
	if c.FOV == 0 {
		c.FOV = 90
	}
	if !(c.FOV > 0 && c.FOV <= 360) {
		wrong["fov"] = "视场角应为 1 至 360 度"
	}
	if c.RangeM == 0 {
		c.RangeM = 80
	}
	if !(c.RangeM > 0 && c.RangeM <= 5000) {
		wrong["range_m"] = "可视距离应为 1 至 5000 米"
	}
	if c.Stream != "" && !StreamName(c.Stream) {
		wrong["stream"] = "流名称只能用字母、数字、- _ . 和 /"
	}
	for field, to := range map[string]*string{"kind": &c.Kind, "network": &c.Network, "status": &c.Status, "sensitivity": &c.Sensitivity} {
		value, ok := CameraWord(field, *to)
		if !ok {
			wrong[field] = "没有这个选项"
		}
		*to = value
	}
	return c, wrong
}
