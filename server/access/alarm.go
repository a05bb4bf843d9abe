package access

import (
	"bytes"
	"encoding/json"
)

// alarmHidden are the fields of an alarm's event that only those see who may
// see people: whose device it is, what it sent, what was said about it.
var alarmHidden = map[string]bool{"contact": true, "phone": true, "raw": true, "settings": true, "note": true, "reason": true, "by": true, "acked_by": true, "ended_by": true}

// alarmNames are its fields that hold a person's name.
var alarmNames = []string{"by_name", "acked_name", "ended_name"}

// MaskAlarm returns the body of an alarm.… event as a shared wall may show it,
// nil when it cannot be read. The socket and the journal's list both read it.
func MaskAlarm(body json.RawMessage) json.RawMessage {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var fields map[string]any
	if err := decoder.Decode(&fields); err != nil || fields == nil {
		return nil
	}
	for _, key := range alarmNames {
		if s, ok := fields[key].(string); ok {
			fields[key] = MaskName(s)
		}
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(maskValue(fields)); err != nil {
		return nil
	}
	return bytes.TrimSpace(out.Bytes())
}

func maskValue(v any) any {
	switch v := v.(type) {
	case string:
		return MaskText(v)
	case []any:
		for i := range v {
			v[i] = maskValue(v[i])
		}
	case map[string]any:
		for key, inner := range v {
			if alarmHidden[key] {
				delete(v, key)
				continue
			}
			v[key] = maskValue(inner)
		}
	}
	return v
}
