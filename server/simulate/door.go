package simulate

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/paulmach/orb"
)

// Fix is one position as a phone would send it, WGS-84. NaN, and -1 for the
// battery, mean that the phone does not know.
type Fix struct {
	At                                time.Time
	Point                             orb.Point
	Accuracy, Speed, Course, Altitude float64
	Battery                           int
}

// Session is a stretch of duty, named by the phone.
type Session struct {
	ID        uuid.UUID
	Purpose   string
	StartedAt time.Time
	EndedAt   time.Time // zero while it lasts
}

// Receipt is what the native door says was done with a batch. The other
// doors only say that they took it.
type Receipt struct {
	Stored      int `json:"stored"`
	Duplicate   int `json:"duplicate"`
	OffDuty     int `json:"off_duty"`
	Quarantined []struct {
		Index  int    `json:"index"`
		Reason string `json:"reason"`
	} `json:"quarantined"`
}

// Door is one server as its clients see it.
type Door struct {
	base   string
	client *http.Client
}

// NewDoor prepares to talk to the server at base, with at most conns
// connections, all kept open. trust may be nil: then the machine's own
// certificates count.
func NewDoor(base string, conns int, trust *tls.Config) *Door {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig = trust
	t.MaxConnsPerHost, t.MaxIdleConns, t.MaxIdleConnsPerHost = conns, conns, conns
	t.DialContext = (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}).DialContext
	return NewDoorVia(base, t)
}

// NewDoorVia is NewDoor over a transport of the caller's.
func NewDoorVia(base string, t http.RoundTripper) *Door {
	return &Door{base: strings.TrimRight(base, "/"), client: &http.Client{Transport: t, Timeout: 60 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// Refusal is an answer that is not "taken".
type Refusal struct {
	Status int           // 0: no answer at all
	After  time.Duration // from Retry-After
	Cause  error
}

func (r *Refusal) Error() string {
	if r.Status == 0 {
		return fmt.Sprintf("no answer: %v", r.Cause)
	}
	return fmt.Sprintf("answered %d", r.Status)
}

func (r *Refusal) Unwrap() error { return r.Cause }

// Final reports whether asking again is no use: the credential is not good.
func (r *Refusal) Final() bool {
	return r.Status == http.StatusUnauthorized || r.Status == http.StatusForbidden || r.Status == http.StatusNotFound
}

const (
	largestBatch  = 500
	metresPerKnot = 1852.0 / 3600
	client        = "simulate/1.0"
	consent       = "2026-01"
)

// Most is how many fixes one request of the protocol carries.
func Most(protocol string) int {
	if protocol == "native" {
		return largestBatch
	}
	return 1
}

// Send hands over sessions and fixes in one request and returns when the
// server has acknowledged them. Sessions, and fixes by the native protocol,
// go to the batch door; OsmAnd and OwnTracks carry one fix and no session.
func (d *Door) Send(ctx context.Context, ident, token, protocol string, sessions []Session, fixes []Fix) (Receipt, error) {
	var req *http.Request
	var err error
	switch {
	case protocol == "native" || len(sessions) > 0:
		req, err = http.NewRequestWithContext(ctx, http.MethodPost, d.base+"/api/v1/fixes", bytes.NewReader(appendBatch(nil, sessions, fixes)))
		if err == nil {
			req.Header.Set("Authorization", "Bearer "+token)
			req.Header.Set("Content-Type", "application/json")
		}
	case len(fixes) != 1:
		return Receipt{}, fmt.Errorf("%s carries one fix a request, not %d", protocol, len(fixes))
	case protocol == "osmand":
		req, err = http.NewRequestWithContext(ctx, http.MethodPost, d.base+"/d/"+url.PathEscape(token)+"?"+osmand(ident, fixes[0]), http.NoBody)
	case protocol == "owntracks":
		req, err = http.NewRequestWithContext(ctx, http.MethodPost, d.base+"/owntracks", bytes.NewReader(owntracks(ident, fixes[0])))
		if err == nil {
			req.SetBasicAuth(ident, token)
			req.Header.Set("Content-Type", "application/json")
		}
	default:
		return Receipt{}, fmt.Errorf("no phone here speaks %q", protocol)
	}
	if err != nil {
		return Receipt{}, err
	}
	body, err := d.do(req)
	if err != nil {
		return Receipt{}, err
	}
	var r Receipt
	if protocol == "native" || len(sessions) > 0 {
		if err := json.Unmarshal(body, &r); err != nil {
			return Receipt{}, &Refusal{Status: http.StatusOK, Cause: fmt.Errorf("read the receipt: %w", err)}
		}
		return r, nil
	}
	r.Stored = len(fixes)
	return r, nil
}

// do sends a request and reads a 2xx answer; anything else is a Refusal.
func (d *Door) do(req *http.Request) ([]byte, error) {
	res, err := d.client.Do(req)
	if err != nil {
		return nil, &Refusal{Cause: err}
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return nil, &Refusal{Cause: err}
	}
	if res.StatusCode/100 != 2 {
		after, _ := strconv.Atoi(res.Header.Get("Retry-After"))
		return body, &Refusal{Status: res.StatusCode, After: time.Duration(min(max(after, 0), 600)) * time.Second, Cause: errors.New(strings.TrimSpace(string(body[:min(len(body), 200)])))}
	}
	return body, nil
}

// SignIn returns the Cookie header of a new session.
func (d *Door) SignIn(ctx context.Context, login, password string) (string, error) {
	body, err := json.Marshal(map[string]string{"login": login, "password": password})
	if err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.base+"/api/v1/session", bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := d.client.Do(req)
	if err != nil {
		return "", fmt.Errorf("sign in as %s: %w", login, err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(res.Body, 300))
		return "", fmt.Errorf("sign in as %s: answered %d: %s", login, res.StatusCode, strings.TrimSpace(string(text)))
	}
	var cookies []string
	for _, c := range res.Cookies() {
		cookies = append(cookies, c.Name+"="+c.Value)
	}
	return strings.Join(cookies, "; "), nil
}

func appendNumber(b []byte, name string, v float64, decimals int) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return b
	}
	b = append(b, `,"`...)
	b = append(b, name...)
	b = append(b, `":`...)
	return strconv.AppendFloat(b, v, 'f', decimals, 64)
}

const milli = "2006-01-02T15:04:05.000Z07:00"

// appendBatch writes a native batch.
func appendBatch(b []byte, sessions []Session, fixes []Fix) []byte {
	b = append(b, `{"client":"`+client+`","sessions":[`...)
	for i, s := range sessions {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"id":"`...)
		b = append(b, s.ID.String()...)
		b = append(b, `","purpose":"`...)
		b = append(b, s.Purpose...)
		b = append(b, `","consent":"`+consent+`","started_at":"`...)
		b = s.StartedAt.UTC().AppendFormat(b, milli)
		b = append(b, `","ended_at":`...)
		if s.EndedAt.IsZero() {
			b = append(b, "null}"...)
		} else {
			b = append(b, '"')
			b = s.EndedAt.UTC().AppendFormat(b, milli)
			b = append(b, `"}`...)
		}
	}
	b = append(b, `],"fixes":[`...)
	for i, f := range fixes {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"at":"`...)
		b = f.At.UTC().AppendFormat(b, milli)
		b = append(b, '"')
		b = appendNumber(b, "lon", f.Point[0], 7)
		b = appendNumber(b, "lat", f.Point[1], 7)
		b = appendNumber(b, "accuracy", f.Accuracy, 1)
		b = appendNumber(b, "speed", f.Speed, 2)
		b = appendNumber(b, "course", f.Course, 1)
		b = appendNumber(b, "altitude", f.Altitude, 1)
		if f.Battery >= 0 {
			b = append(b, `,"battery":`...)
			b = strconv.AppendInt(b, int64(f.Battery), 10)
		}
		b = append(b, '}')
	}
	return append(b, "]}"...)
}

// osmand writes the query of the OsmAnd protocol: time in ms, speed in knots.
func osmand(ident string, f Fix) string {
	b := append([]byte("id="), url.QueryEscape(ident)...)
	b = append(b, "&timestamp="...)
	b = strconv.AppendInt(b, f.At.UnixMilli(), 10)
	add := func(name string, v float64, decimals int) {
		if !math.IsNaN(v) {
			b = append(b, '&')
			b = append(b, name...)
			b = append(b, '=')
			b = strconv.AppendFloat(b, v, 'f', decimals, 64)
		}
	}
	add("lat", f.Point[1], 7)
	add("lon", f.Point[0], 7)
	add("speed", f.Speed/metresPerKnot, 3)
	add("bearing", f.Course, 1)
	add("altitude", f.Altitude, 1)
	add("accuracy", f.Accuracy, 1)
	if f.Battery >= 0 {
		add("batt", float64(f.Battery), 0)
	}
	return string(b)
}

// owntracks writes an OwnTracks location: time in whole seconds, speed in
// km/h, and zero figures left out, as the app does.
func owntracks(ident string, f Fix) []byte {
	b := []byte(`{"_type":"location","tid":`)
	b = strconv.AppendQuote(b, ident[max(0, len(ident)-2):])
	b = append(b, `,"tst":`...)
	b = strconv.AppendInt(b, f.At.Unix(), 10)
	b = appendNumber(b, "lat", f.Point[1], 7)
	b = appendNumber(b, "lon", f.Point[0], 7)
	add := func(name string, v float64) {
		if v = math.Round(v); v != 0 {
			b = appendNumber(b, name, v, 0)
		}
	}
	add("acc", f.Accuracy)
	add("vel", f.Speed*3.6)
	add("cog", f.Course)
	add("alt", f.Altitude)
	if f.Battery >= 0 {
		add("batt", float64(f.Battery))
	}
	return append(b, `,"t":"u","conn":"m"}`...)
}
