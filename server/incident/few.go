package incident

import (
	"encoding/json"
	"strings"

	"github.com/gridward/gridward/server/access"
)

// few are kinds of journal entries that are addressed to somebody: whoever may
// not see people is told that they are there, and reads these fields only.
var few = map[string][]string{
	"command.": {"id", "at", "incident", "need_ack", "ack_due", "org", "org_name", "count", "acked"},
	"notice.":  {"id", "at", "kind", "title", "top", "need_read", "valid_until", "org", "org_name"},
}

// MaskAddressed returns the body of an addressed entry with its public fields,
// and whether the kind is of that sort.
func MaskAddressed(kind string, body json.RawMessage) (json.RawMessage, bool) {
	prefix, _, _ := strings.Cut(kind, ".")
	keys, ok := few[prefix+"."]
	if !ok {
		return nil, false
	}
	var all map[string]json.RawMessage
	if json.Unmarshal(body, &all) != nil {
		return json.RawMessage("{}"), true
	}
	out := make(map[string]json.RawMessage, len(keys))
	for _, k := range keys {
		v, ok := all[k]
		if !ok {
			continue
		}
		var text string
		if json.Unmarshal(v, &text) == nil {
			v, _ = json.Marshal(access.MaskText(text))
		}
		out[k] = v
	}
	shown, err := json.Marshal(out)
	if err != nil {
		return json.RawMessage("{}"), true
	}
	return shown, true
}
