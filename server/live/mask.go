package live

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/incident"
)

// bare are the kinds that say nothing about a person.
const bare = "territory."

// persons are the kinds whose body is about one worker, named in "name".
var persons = []string{"sos.", "duty."}

// dropped are fields that only those see who may see people: who reported, how
// to call them, and ids by which either could be looked up.
var dropped = map[string]bool{
	"reporter_name": true, "reporter_phone": true, "reporter_account": true, "reporter_worker": true,
	"phone": true, "client_id": true, "actor": true, "by": true, "first_account": true,
}

// MaskBody returns the body of an event of the kind as it is shown to whoever
// may not see people: no reporter, no telephone, 张师傅 instead of a name, and
// citizen numbers, telephones and bank cards in free text blotted out. A kind
// that it does not know is shown without a body: a new kind of event must be
// thought about before it reaches a public wall.
func MaskBody(kind string, body json.RawMessage) json.RawMessage {
	if shown, ok := incident.MaskAddressed(kind, body); ok {
		return shown
	}
	return maskKnown(kind, body)
}

// maskKnown masks the kinds that are about a case or a person.
func maskKnown(kind string, body json.RawMessage) json.RawMessage {
	named, ofCase := false, false
	switch {
	case strings.HasPrefix(kind, bare):
		return body
	case strings.HasPrefix(kind, "incident."):
		ofCase = true
	case strings.HasPrefix(kind, persons[0]), strings.HasPrefix(kind, persons[1]):
		named = true
	case strings.HasPrefix(kind, "alarm."):
		if masked := access.MaskAlarm(body); masked != nil {
			return masked
		}
		return emptyBody
	case strings.HasPrefix(kind, "whistle."):
		return maskWhistle(body)
	default:
		return emptyBody
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var content any
	if err := decoder.Decode(&content); err != nil {
		return emptyBody
	}
	fields, ok := content.(map[string]any)
	if !ok {
		return emptyBody
	}
	if named {
		maskNames(fields, "name", "by_name")
	}
	if ofCase {
		maskNames(fields, "owner_worker_name")
		if deed, ok := fields["deed"].(map[string]any); ok {
			maskNames(deed, "by_name", "worker_name")
		}
	}
	// The title of a call for help begins with who calls.
	if title, ok := fields["title"].(string); ok && ofCase && fields["kind"] == "sos" {
		if who, rest, ok := strings.Cut(title, " "); ok {
			fields["title"] = access.MaskName(who) + " " + rest
		}
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(blot(fields)); err != nil {
		return emptyBody
	}
	return bytes.TrimSpace(out.Bytes())
}

// maskNames leaves the family names of the persons in these fields.
func maskNames(fields map[string]any, keys ...string) {
	for _, key := range keys {
		if s, ok := fields[key].(string); ok {
			fields[key] = access.MaskName(s)
		}
	}
}

// blot drops the fields that are for few and masks every text that is left.
func blot(v any) any {
	switch v := v.(type) {
	case string:
		return access.MaskText(v)
	case []any:
		for i := range v {
			v[i] = blot(v[i])
		}
	case map[string]any:
		for key, inner := range v {
			if dropped[key] {
				delete(v, key)
				continue
			}
			v[key] = blot(inner)
		}
	}
	return v
}
