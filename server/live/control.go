package live

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gridward/gridward/server/access"
)

// Control is one thing that a console has the wall do: fly somewhere, show a
// layer, choose a case. It is news of the moment: it has no number, nobody
// keeps it, and a screen that is not there has missed it.
type Control struct {
	From   int64           `json:"from"` // the account
	ByName string          `json:"by_name"`
	At     time.Time       `json:"at"`
	Region int64           `json:"region"`
	Scope  []string        `json:"scope"` // where the account may give orders
	Do     json.RawMessage `json:"do"`    // an object with "do" and what belongs to it
}

// MaxControl is how many bytes a control may have.
const MaxControl = 4 << 10

// controls are what a wall can be told; a newer page may know more, an older one ignores it.
var controls = []string{"fly", "layer", "select", "popup", "close", "filter", "around", "time"}

// ErrControl says that a control is none.
var ErrControl = errors.New("not a control")

// check reads what a control is to do.
func (c *Control) check() (map[string]any, error) {
	if len(c.Do) > MaxControl {
		return nil, fmt.Errorf("%w: %d bytes", ErrControl, len(c.Do))
	}
	var fields map[string]any
	if err := json.Unmarshal(c.Do, &fields); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrControl, err)
	}
	do, _ := fields["do"].(string)
	if !slices.Contains(controls, do) {
		return nil, fmt.Errorf("%w: do %q", ErrControl, do)
	}
	for _, ours := range []string{"type", "from", "by_name", "at"} {
		delete(fields, ours)
	}
	return fields, nil
}

// Control has the screens do it: those of the same account, and kiosks all of
// whose scope the account may give orders in. It says how many were told. A
// screen that is far behind with its events is spared it.
func (l *Live) Control(c Control) (told int, err error) {
	fields, err := c.check()
	if err != nil {
		return 0, err
	}
	l.mu.Lock()
	var own, walls []*screen
	for s := range l.screens {
		switch {
		case s.hall == nil:
		case s.who.Kiosk == 0 && s.who.Account == c.From:
			own = append(own, s)
		case s.who.Kiosk != 0 && covered(s.hall.scope, c.Scope):
			walls = append(walls, s)
		}
	}
	l.mu.Unlock()
	for _, audience := range []struct {
		screens []*screen
		masked  bool
	}{{own, false}, {walls, true}} {
		if len(audience.screens) == 0 {
			continue
		}
		m := c.letter(fields, audience.masked)
		for _, s := range audience.screens {
			if s.nudge(m) {
				told++
			}
		}
	}
	return told, nil
}

// covered reports whether all of a scope lies within another; an empty one does not.
func covered(scope, within []string) bool {
	for _, path := range scope {
		if !access.Within(within, path) {
			return false
		}
	}
	return len(scope) > 0
}

// letter writes the control; on a wall personal text is blotted out.
func (c *Control) letter(fields map[string]any, masked bool) letter {
	message := make(map[string]any, len(fields)+4)
	for k, v := range fields {
		message[k] = v
	}
	by := c.ByName
	if masked {
		by = access.MaskName(by)
		var own map[string]any // blot changes what it is given
		_ = json.Unmarshal(mustJSON(fields), &own)
		message, _ = blot(own).(map[string]any)
	}
	message["type"], message["from"], message["by_name"], message["at"] = "control", c.From, by, c.At.UTC()
	return textLetter("control", mustJSON(message))
}

// nudge queues a message that may be lost: not when the queue is half full.
func (s *screen) nudge(m letter) bool {
	s.mu.Lock()
	room := s.queued+m.size <= s.live.MaxQueue/2 && !s.closing
	if room {
		s.queue = append(s.queue, m)
		s.queued += m.size
	}
	s.mu.Unlock()
	if room {
		s.wake()
	}
	return room
}
