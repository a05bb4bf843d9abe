package live

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/gorilla/websocket"

	"github.com/gridward/gridward/server/journal"
)

// What a client may say. The limits are generous for a screen and small for us.
const (
	maxMessage = 16 << 10
	maxResume  = 1000
)

// incoming is any client message; kind decides which fields count.
type incoming struct {
	Type   string   `json:"type"`
	Resume []cursor `json:"resume"`
	View   *view    `json:"view"` // of hello
	view            // of view
}

type cursor struct {
	Region int64  `json:"region"`
	Epoch  string `json:"epoch"`
	After  int64  `json:"after"`
}

// view is what a screen looks at.
type view struct {
	Box  []float64 `json:"bbox"` // reserved: a room is a scope, not a window
	Zoom float64   `json:"zoom"`
	Mode string    `json:"mode"`
}

var errProtocol = errors.New("not the live protocol")

// parse reads a client message.
func parse(data []byte) (incoming, error) {
	var in incoming
	if len(data) > maxMessage {
		return in, fmt.Errorf("%w: %d bytes", errProtocol, len(data))
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return in, fmt.Errorf("%w: %v", errProtocol, err)
	}
	if in.Type == "" {
		return in, fmt.Errorf("%w: no type", errProtocol)
	}
	if len(in.Resume) > maxResume {
		return in, fmt.Errorf("%w: %d cursors", errProtocol, len(in.Resume))
	}
	if in.View == nil {
		v := in.view
		in.View = &v
	}
	if n := len(in.View.Box); n != 0 && n != 4 {
		return in, fmt.Errorf("%w: a bbox of %d numbers", errProtocol, n)
	}
	switch in.View.Mode {
	case "":
		in.View.Mode = "auto"
	case "auto", "points", "bins":
	default:
		return in, fmt.Errorf("%w: an unknown mode", errProtocol)
	}
	in.View.Zoom = math.Min(math.Max(in.View.Zoom, 0), 24)
	return in, nil
}

type welcome struct {
	Type    string          `json:"type"`
	At      int64           `json:"at"`
	Server  string          `json:"server"`
	TickMs  int64           `json:"tick_ms"`
	Regions []regionWelcome `json:"regions"`
	Mask    uint8           `json:"mask"`
	Scope   []string        `json:"scope"`
}

type regionWelcome struct {
	Region int64  `json:"region"`
	Epoch  string `json:"epoch"`
	Seq    int64  `json:"seq"`
}

type reset struct {
	Type   string `json:"type"`
	Region int64  `json:"region"`
	Epoch  string `json:"epoch"`
	Seq    int64  `json:"seq"`
	Reason string `json:"reason"`
}

type name struct {
	Handle  uint32 `json:"h"`
	ID      int64  `json:"id"`
	Name    string `json:"name"`
	Role    string `json:"role"`
	Kind    string `json:"kind"`
	Org     int64  `json:"org"`
	OrgName string `json:"org_name"`
}

type modeMessage struct {
	Type string `json:"type"`
	Mode string `json:"mode"`
	Res  int    `json:"res"`
}

type event struct {
	Type    string          `json:"type"`
	Region  int64           `json:"region"`
	Seq     int64           `json:"seq"`
	At      time.Time       `json:"at"`
	Kind    string          `json:"kind"`
	Subject string          `json:"subject"`
	Body    json.RawMessage `json:"body"`
}

type skip struct {
	Type   string `json:"type"`
	Region int64  `json:"region"`
	Seq    int64  `json:"seq"`
	To     int64  `json:"to"`
}

var (
	liveMessage = []byte(`{"type":"live"}`)
	emptyBody   = json.RawMessage("{}")
)

// letter is one message that several screens may receive: framed once.
type letter struct {
	frame *websocket.PreparedMessage
	size  int
	kind  string // for the metrics: positions, bins, events
	count int    // positions in it
}

func textLetter(kind string, body []byte) letter {
	return makeLetter(websocket.TextMessage, kind, body, 0)
}

func makeLetter(typ int, kind string, body []byte, count int) letter {
	frame, err := websocket.NewPreparedMessage(typ, body)
	if err != nil { // it writes into memory
		panic(fmt.Sprintf("live: frame a message: %v", err))
	}
	return letter{frame, len(body), kind, count}
}

func mustJSON(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil { // our own structs, and bodies that were read as JSON before
		panic(fmt.Sprintf("live: write a message: %v", err))
	}
	return data
}

// eventLetter writes an entry as it goes to everybody with the same right to see people.
func eventLetter(e journal.Entry, masked bool) letter {
	body := e.Body
	if len(body) == 0 || !json.Valid(body) {
		body = emptyBody // erased
	} else if masked {
		body = MaskBody(e.Kind, body)
	}
	return textLetter("events", mustJSON(event{"event", e.Region, e.Seq, e.At, e.Kind, e.Subject, body}))
}

func skipLetter(region, from, to int64) letter {
	return textLetter("events", mustJSON(skip{"skip", region, from, to}))
}
