package uplink

import (
	"bytes"
	"io"
	"net/http"
	"strings"

	"github.com/klauspost/compress/gzip"

	"github.com/gridward/gridward/server/fleet"
	"github.com/gridward/gridward/server/ingest"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/protocol/gpslogger"
	"github.com/gridward/gridward/server/protocol/native"
	"github.com/gridward/gridward/server/protocol/osmand"
	"github.com/gridward/gridward/server/protocol/owntracks"
)

const (
	mostPacked   = 1 << 20
	mostUnpacked = 8 << 20
	mostHeld     = 64 << 10 // of a body too large to be read, so much is kept
)

// visit is one request on its way through a door. Its memory is used again.
type visit struct {
	u                          *Uplink
	door                       string // the protocol of the path; "" = the device's own
	pathToken                  string
	token                      string // that was good; it is cut out of what quarantine keeps
	method, query, contentType string
	buf                        bytes.Buffer
	body                       []byte
	who                        key
	protocol                   string // that the content turned out to be
	batch                      ingest.Batch
	native                     native.Batch
	reports                    [1]fleet.Report
	kept                       bool // somebody else may still read its memory
}

func (v *visit) reset(u *Uplink, r *http.Request) {
	*v = visit{u: u, buf: v.buf, native: v.native, method: r.Method, query: r.URL.RawQuery, contentType: r.Header.Get("Content-Type")}
	v.buf.Reset()
	if v.buf.Cap() > mostPacked {
		v.buf = bytes.Buffer{}
	}
	if len(v.query) > mostHeld {
		v.query = v.query[:mostHeld]
	}
}

var errGone = &fleet.Unreadable{Reason: fleet.NotUnderstood, Detail: "the connection broke"}

// read reads the body, unpacked. errGone means that the client is not there any more.
func (v *visit) read(r *http.Request) *fleet.Unreadable {
	if r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0 {
		return nil
	}
	if n := r.ContentLength; n > 0 && n <= mostPacked {
		v.buf.Grow(int(n) + bytes.MinRead)
	}
	packed := io.LimitReader(r.Body, mostPacked+1)
	n, err := v.buf.ReadFrom(packed)
	v.body = v.buf.Bytes()
	if err != nil {
		return errGone
	}
	if n > mostPacked {
		v.body = v.body[:mostHeld]
		return &fleet.Unreadable{Reason: fleet.TooLarge, Detail: "more than 1 MiB"}
	}
	if !strings.EqualFold(r.Header.Get("Content-Encoding"), "gzip") {
		return nil
	}
	z, err := gzip.NewReader(bytes.NewReader(v.body))
	if err != nil {
		return &fleet.Unreadable{Reason: fleet.BadGzip, Detail: fleet.Clip(err.Error())}
	}
	var plain bytes.Buffer
	m, err := plain.ReadFrom(io.LimitReader(z, mostUnpacked+1))
	switch {
	case err != nil:
		v.body = v.body[:min(len(v.body), mostHeld)]
		return &fleet.Unreadable{Reason: fleet.BadGzip, Detail: fleet.Clip(err.Error())}
	case m > mostUnpacked:
		v.body = plain.Bytes()[:mostHeld]
		return &fleet.Unreadable{Reason: fleet.TooLarge, Detail: "more than 8 MiB unpacked"}
	}
	v.body = plain.Bytes()
	return nil
}

func (v *visit) doorOr(protocol string) string {
	if v.door != "" {
		return v.door
	}
	return protocol
}

// isJSON looks at the body: content types lie.
func (v *visit) isJSON() bool {
	b := bytes.TrimLeft(v.body, " \t\r\n")
	return len(b) > 0 && (b[0] == '{' || b[0] == '[')
}

// decode reads the content by the protocol of the door or of the device, unless
// the content itself says that it is another's.
func (v *visit) decode() ([]native.Bad, error) {
	v.protocol = v.doorOr(v.who.dev.Protocol)
	if v.protocol == "jt808" {
		v.protocol = "osmand"
	}
	if v.protocol != "native" && v.isJSON() && bytes.Contains(v.body, []byte(`"_type"`)) {
		v.protocol = "owntracks"
	}
	if v.protocol == "owntracks" && v.door == "" && !v.isJSON() && v.query != "" && osmandLike(v.query) {
		v.protocol = "osmand"
	}
	v.batch = ingest.Batch{Protocol: v.protocol, Source: sources[v.protocol]}
	var err error
	r := &v.reports[0]
	switch v.protocol {
	case "native":
		if err := native.Decode(v.body, &v.native); err != nil {
			return nil, err
		}
		v.batch.Client, v.batch.Sessions, v.batch.Reports = v.native.Client, v.native.Sessions, v.native.Fixes
		return v.native.Bad, nil
	case "owntracks":
		var m owntracks.Message
		m, err = owntracks.Decode(v.body, v.who.habits, v.who.secret)
		*r, v.batch.Client = m.Report, "owntracks"
	case "gpslogger":
		v.batch.Client = "gpslogger"
		if v.isJSON() {
			*r, err = gpslogger.JSON(v.body, v.who.habits)
		} else {
			*r, err = gpslogger.Query(v.form(), v.who.habits)
		}
	default:
		var m osmand.Message
		if v.isJSON() {
			v.batch.Client = "traccar-client"
			m, err = osmand.JSON(v.body, v.who.habits)
		} else {
			v.batch.Client = "osmand"
			m, err = osmand.Query(v.form(), v.who.habits)
		}
		*r = m.Report
	}
	v.batch.Reports = v.reports[:]
	return nil, err
}

// sources are the doors' numbers in the rows.
var sources = map[string]fleet.Source{"osmand": fleet.FromOsmAnd, "owntracks": fleet.FromOwnTracks, "gpslogger": fleet.FromGPSLogger, "native": fleet.FromNative}

func osmandLike(query string) bool {
	return strings.Contains(query, "lat=") || strings.Contains(query, "location=")
}

// form is the query, or the body where there is none.
func (v *visit) form() string {
	if v.query == "" {
		return string(bytes.TrimSpace(v.body))
	}
	return v.query
}

// held is how quarantine keeps this visit: whole, but for the device's token.
func (v *visit) held(reason fleet.Reason, detail string) postgres.Held {
	h := postgres.Held{
		ReceivedAt: v.u.d.Clock(), Device: v.who.dev.ID, Region: v.who.dev.Region, Protocol: v.protocol, Reason: reason, Detail: detail,
		Method: v.method, Query: clean(v.query), ContentType: clean(v.contentType), Body: bytes.Clone(v.body),
	}
	if v.token != "" {
		h.Query = strings.ReplaceAll(h.Query, v.token, "***")
		h.Detail = strings.ReplaceAll(h.Detail, v.token, "***")
		h.Body = bytes.ReplaceAll(h.Body, []byte(v.token), []byte("***"))
	}
	return h
}

// clean makes a text that a database can hold.
func clean(s string) string {
	return strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "?")
}
