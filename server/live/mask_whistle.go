package live

import (
	"encoding/json"
	"strings"

	"github.com/gridward/gridward/server/incident"
)

// private are the kinds of which nobody hears who may not see people: the
// room's watch log.
const private = "watch."

// maskWhistle is a whistle's event for whoever may not see people: surnames
// and no numbers. A wall never gets as far when the matter is sensitive.
func maskWhistle(body json.RawMessage) json.RawMessage {
	var r incident.WhistleRecord
	if err := json.Unmarshal(body, &r); err != nil {
		return emptyBody
	}
	out, err := json.Marshal(r.Masked(false))
	if err != nil {
		return emptyBody
	}
	return out
}

// hidden reports whether an event does not exist for a masked audience.
func hidden(kind string) bool { return strings.HasPrefix(kind, private) }
