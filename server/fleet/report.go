package fleet

import (
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/paulmach/orb"
)

// Report is what a device said once, as it said it: not yet converted, located
// or judged. Decoders make it, ingest turns it into a Fix.
type Report struct {
	At       time.Time // zero = it came without a time
	Point    orb.Point // in the datum CRS
	Placed   bool      // it came with coordinates; a report without is only a sign of life
	Speed    float32   // m/s
	Course   float32
	Accuracy float32
	Altitude float32
	Battery  int16 // per cent, -1 unknown
	Flags    Flag  // what the device said or left out: Mock, SOS, InvalidFix, NoZone
	CRS      CRS   // "" = the device's own
}

// Blank is a report that says nothing yet.
func Blank() Report {
	u := Unknown()
	return Report{Speed: u, Course: u, Accuracy: u, Altitude: u, Battery: -1}
}

// DutyReport is a client's record of the start, and later the end, of a session.
type DutyReport struct {
	ID        uuid.UUID
	Purpose   string
	StartedAt time.Time
	EndedAt   time.Time // zero = still on duty
	Consent   string
}

// Provider is the flag for what a device calls the source of a position; a
// source that mixes several, or one unknown, has none.
func Provider(name string) Flag {
	switch strings.ToLower(name) {
	case "gps", "gnss", "bds":
		return Satellite
	case "network", "cell", "wifi":
		return Terrestrial
	}
	return 0
}

// Purposes are what a duty session may be for.
var Purposes = []string{"patrol", "visit", "emergency", "event_task", "window"}

// Reason says why a record is held in quarantine.
type Reason string

const (
	BadNumber     Reason = "bad_number"
	BadTime       Reason = "bad_time"
	BadPlace      Reason = "bad_place"
	BadJSON       Reason = "bad_json"
	BadForm       Reason = "bad_form"
	BadGzip       Reason = "bad_gzip"
	TooLarge      Reason = "too_large"
	TooMany       Reason = "too_many"
	NoKey         Reason = "no_key"
	WrongKey      Reason = "wrong_key"
	BadSession    Reason = "bad_session"
	BadCRS        Reason = "bad_crs"
	NotUnderstood Reason = "not_understood"
	Refused       Reason = "refused"
	UnknownDevice Reason = "unknown_device"
)

// Reasons is the dictionary of quarantine: what each reason means, in Chinese and English.
var Reasons = map[Reason][2]string{
	BadNumber:     {"数值无法识别", "a number that is none"},
	BadTime:       {"时间无法识别", "a time that is none"},
	BadPlace:      {"经纬度超出范围", "coordinates out of range"},
	BadJSON:       {"JSON 格式错误", "malformed JSON"},
	BadForm:       {"请求参数格式错误", "malformed query or form"},
	BadGzip:       {"压缩内容损坏", "a damaged gzip body"},
	TooLarge:      {"内容超过大小上限", "larger than the limit"},
	TooMany:       {"一次上报的记录过多", "too many records at once"},
	NoKey:         {"内容已加密，设备未登记密钥", "encrypted, and the device has no key"},
	WrongKey:      {"密钥不符，无法解密", "cannot be decrypted with the device's key"},
	BadSession:    {"在岗记录不合规", "a duty record that cannot be"},
	BadCRS:        {"坐标系未知", "an unknown datum"},
	NotUnderstood: {"无法识别的内容", "content of no known kind"},
	Refused:       {"数据库拒绝入库", "refused by the database"},
	UnknownDevice: {"设备未登记", "a device that is not registered"},
}

// Unreadable is a decoder's error: content that can never become a fix, so
// that sending it again would be in vain. It goes to quarantine, not back.
type Unreadable struct {
	Reason Reason
	Detail string // what was wrong, short, without the rest of the record
}

func (u *Unreadable) Error() string { return string(u.Reason) + ": " + u.Detail }
