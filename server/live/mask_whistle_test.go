package live

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/journal"
)

// A whistle names officials and quotes residents: who may not see people is
// told surnames and no numbers; a wall is not told of a sensitive one at all,
// and nobody without the power hears of the room's log.
func TestWhoHearsOfAWhistleAndOfTheWatch(t *testing.T) {
	t.Parallel()
	w := incident.Whistle{RaisedBy: 7, RaisedByName: "唐海博", Reason: "居民 13912345678 反映占道", Sensitivity: "normal", ClientID: "c-1",
		Need: []incident.Called{{Org: 3, Path: "1.3.", Name: "综合行政执法队", State: "replied", RepliedByName: "李平刚", Reply: "已回复 13912345678"}}}
	body, err := json.Marshal(incident.WhistleRecord{Whistle: w, Deed: incident.WhistleDone{Action: "reply", ByName: "李平刚", OrgName: "综合行政执法队"}})
	if err != nil {
		t.Fatal(err)
	}
	told := string(MaskBody("whistle.replied", body))
	for _, word := range []string{"唐海博", "李平刚", "13912345678", "c-1", `"raised_by":7`, "1.3."} {
		if strings.Contains(told, word) {
			t.Errorf("tells %q: %s", word, told)
		}
	}
	for _, word := range []string{"唐师傅", "李师傅", "综合行政执法队", "139****5678", `"deed"`} {
		if !strings.Contains(told, word) {
			t.Errorf("does not tell %q: %s", word, told)
		}
	}
	if MaskBody("whistle.replied", []byte("[")) == nil || string(MaskBody("whistle.replied", []byte("["))) != string(emptyBody) {
		t.Error("what cannot be read was passed on")
	}

	station := audience(access.Principal{Account: 1, Posts: []access.Post{{Org: 1, Path: "1.", Region: 1, Role: access.Operator}}}, []*region{{id: 1, path: "1."}})
	guide := audience(access.Principal{Account: 2, Posts: []access.Post{{Org: 1, Path: "1.", Region: 1, Role: access.GridGuide}}}, []*region{{id: 1, path: "1."}})
	wall := audience(access.Principal{Kiosk: 3, Posts: []access.Post{{Org: 1, Path: "1.", Region: 1, Role: access.KioskRole}}}, []*region{{id: 1, path: "1."}})
	watch := &journal.Entry{Kind: "watch.noted", OrgPath: "1.", Body: []byte(`{}`)}
	w.Sensitivity = "high"
	body, _ = json.Marshal(incident.WhistleRecord{Whistle: w})
	secret := &journal.Entry{Kind: "whistle.raised", OrgPath: "1.", Body: body}
	for name, c := range map[string]struct {
		who   *hall
		entry *journal.Entry
		hears bool
	}{
		"an operator hears of the log":                {station, watch, true},
		"a guide does not":                            {guide, watch, false},
		"a wall does not":                             {wall, watch, false},
		"an operator hears of a sensitive whistle":    {station, secret, true},
		"a guide hears of it, masked":                 {guide, secret, true},
		"a wall does not hear of a sensitive whistle": {wall, secret, false},
	} {
		if hears, _ := c.who.sees(c.entry); hears != c.hears {
			t.Errorf("%s: %v", name, hears)
		}
	}
}
