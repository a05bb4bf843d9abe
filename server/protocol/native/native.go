// Package native reads the batch that Gridward's own clients send to
// POST /api/v1/fixes (docs/protocol.md, section 1).
//
// There are two readers of the same format. The fast one knows exactly the
// members and spellings that our clients write and allocates next to nothing;
// at the first thing it does not know it gives up, and the whole body is read
// again by encoding/json, which is the one that defines what a body means. A
// fuzz test holds them equal.
package native

import (
	"encoding/json"
	"errors"
	"slices"

	"github.com/google/uuid"

	"github.com/gridward/gridward/server/fleet"
)

// MostFixes and MostSessions bound one batch. They are ten times what
// docs/protocol.md asks of clients: one that sends more than it should is not
// punished with its fixes, only what nobody sends by mistake is refused.
const (
	MostFixes    = 5000
	MostSessions = 200
)

// Batch is a decoded body. Records that cannot be read are in Bad; the rest stands.
type Batch struct {
	Client   string
	Sessions []fleet.DutyReport
	Fixes    []fleet.Report
	Bad      []Bad
}

// Bad is a record that can never be a fix or a session.
type Bad struct {
	Index  int // in "fixes"; sessions count from -1 downwards
	Reason fleet.Reason
	Detail string
	Body   []byte // a batch of this record alone, for quarantine and replay
}

// Reset empties the batch and keeps its memory.
func (b *Batch) Reset() {
	b.Client, b.Sessions, b.Fixes, b.Bad = "", b.Sessions[:0], b.Fixes[:0], b.Bad[:0]
}

// Decode reads a body into b, whose memory it reuses. An error is a
// *fleet.Unreadable: the body as a whole is not a batch.
func Decode(raw []byte, b *Batch) error {
	b.Reset()
	if fast(raw, b) && len(b.Fixes) <= MostFixes && len(b.Sessions) <= MostSessions {
		return nil
	}
	b.Reset()
	return slow(raw, b)
}

type wireBatch struct {
	Client   text              `json:"client"`
	Sessions []json.RawMessage `json:"sessions"`
	Fixes    []json.RawMessage `json:"fixes"`
	Tampered bool              `json:"tampered"`
}

type wireFix struct {
	At       text    `json:"at"`
	Lon      *number `json:"lon"`
	Lat      *number `json:"lat"`
	Accuracy *number `json:"accuracy"`
	Speed    *number `json:"speed"`
	Course   *number `json:"course"`
	Altitude *number `json:"altitude"`
	Battery  *number `json:"battery"`
	Mock     bool    `json:"mock"`
	SOS      bool    `json:"sos"`
	CRS      string  `json:"crs"`
	Provider text    `json:"provider"`
}

type wireSession struct {
	ID        string `json:"id"`
	Purpose   string `json:"purpose"`
	StartedAt text   `json:"started_at"`
	EndedAt   text   `json:"ended_at"`
	Consent   string `json:"consent"`
}

type (
	text   = fleet.Text
	number = fleet.Number
)

// slow reads any body and defines what it means.
func slow(raw []byte, b *Batch) error {
	var w wireBatch
	if err := json.Unmarshal(raw, &w); err != nil {
		return &fleet.Unreadable{Reason: fleet.BadJSON, Detail: fleet.Clip(err.Error())}
	}
	if len(w.Fixes) > MostFixes || len(w.Sessions) > MostSessions {
		return &fleet.Unreadable{Reason: fleet.TooMany, Detail: "at most 500 fixes and 20 sessions are asked for, 5000 and 200 taken"}
	}
	b.Client = fleet.Clip(string(w.Client))
	for i, one := range w.Sessions {
		s, err := session(one)
		if err != nil {
			b.bad(-1-i, err, "sessions", one)
			continue
		}
		b.Sessions = append(b.Sessions, s)
	}
	for i, one := range w.Fixes {
		r, err := fix(one)
		if err != nil {
			b.bad(i, err, "fixes", one)
			continue
		}
		if w.Tampered {
			r.Flags |= fleet.Tampered
		}
		b.Fixes = append(b.Fixes, r)
	}
	return nil
}

func (b *Batch) bad(index int, err error, list string, one json.RawMessage) {
	var u *fleet.Unreadable
	if !errors.As(err, &u) {
		u = &fleet.Unreadable{Reason: fleet.NotUnderstood, Detail: fleet.Clip(err.Error())}
	}
	body := append([]byte(`{"`+list+`":[`), one...)
	b.Bad = append(b.Bad, Bad{index, u.Reason, u.Detail, append(body, "]}"...)})
}

func fix(raw []byte) (fleet.Report, error) {
	r := fleet.Blank()
	var w wireFix
	if err := json.Unmarshal(raw, &w); err != nil {
		return r, err
	}
	if w.At == "" {
		return r, &fleet.Unreadable{Reason: fleet.BadTime, Detail: "no time"}
	}
	at, flag, err := fleet.ParseTime(string(w.At), fleet.Habits{})
	if err != nil {
		return r, err
	}
	r.At, r.Flags = at, flag
	if w.Mock {
		r.Flags |= fleet.Mock
	}
	if w.SOS {
		r.Flags |= fleet.SOS
	}
	r.Flags |= fleet.Provider(string(w.Provider))
	switch crs := fleet.CRS(w.CRS); crs {
	case "", fleet.WGS84, fleet.GCJ02, fleet.BD09:
		r.CRS = crs
	default:
		return r, &fleet.Unreadable{Reason: fleet.BadCRS, Detail: fleet.Clip(w.CRS)}
	}
	figure(w.Accuracy, &r.Accuracy)
	figure(w.Speed, &r.Speed)
	if w.Course != nil {
		r.Course = fleet.Course(float64(*w.Course))
	}
	if w.Altitude != nil {
		r.Altitude = float32(*w.Altitude)
	}
	if w.Battery != nil {
		r.Battery = fleet.Percent(float64(*w.Battery))
	}
	if w.Lon == nil && w.Lat == nil && w.SOS {
		return r, nil // a call for help without a place is still one
	}
	if w.Lon == nil || w.Lat == nil {
		return r, &fleet.Unreadable{Reason: fleet.BadPlace, Detail: "lon or lat is missing"}
	}
	r.Point, err = fleet.Place(float64(*w.Lon), float64(*w.Lat))
	r.Placed = err == nil
	return r, err
}

func figure(n *number, to *float32) {
	if n != nil {
		*to = fleet.Figure(float64(*n))
	}
}

func session(raw []byte) (fleet.DutyReport, error) {
	var w wireSession
	bad := func(detail string) error {
		return &fleet.Unreadable{Reason: fleet.BadSession, Detail: fleet.Clip(detail)}
	}
	if err := json.Unmarshal(raw, &w); err != nil {
		return fleet.DutyReport{}, bad(err.Error())
	}
	s := fleet.DutyReport{Purpose: w.Purpose, Consent: fleet.Clip(w.Consent)}
	var err error
	if s.ID, err = uuid.Parse(w.ID); err != nil {
		return s, bad("id: " + w.ID)
	}
	if !slices.Contains(fleet.Purposes, s.Purpose) {
		return s, bad("purpose: " + w.Purpose)
	}
	if s.StartedAt, _, err = fleet.ParseTime(string(w.StartedAt), fleet.Habits{}); err != nil {
		return s, bad("started_at: " + string(w.StartedAt))
	}
	if w.EndedAt != "" {
		if s.EndedAt, _, err = fleet.ParseTime(string(w.EndedAt), fleet.Habits{}); err != nil || s.EndedAt.Before(s.StartedAt) {
			return s, bad("ended_at: " + string(w.EndedAt))
		}
	}
	return s, nil
}
