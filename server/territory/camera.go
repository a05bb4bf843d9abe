package territory

import (
	"regexp"
	"strings"
)

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
