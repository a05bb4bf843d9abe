package incident

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/journal"
)

func TestWhatMayBeReported(t *testing.T) {
	now := time.Date(2026, 11, 22, 1, 0, 0, 0, time.UTC)
	here := orb.Point{114.2, 22.7}
	swapped := orb.Point{22.7, 114.2}
	later := now.Add(time.Hour)
	good := Draft{Title: "井盖缺失", Point: &here}
	for sentence, c := range map[string]struct {
		change func(*Draft)
		field  string // the field that is wrong, "" = taken
	}{
		"a title and a point are enough":        {func(*Draft) {}, ""},
		"an address serves in place of a point": {func(d *Draft) { d.Point, d.Address = nil, "明湖路 1 号" }, ""},
		"neither point nor address is refused":  {func(d *Draft) { d.Point = nil }, "point"},
		"blank titles are refused":              {func(d *Draft) { d.Title = "  " }, "title"},
		"titles are short":                      {func(d *Draft) { d.Title = strings.Repeat("长", 81) }, "title"},
		"a NUL cannot be stored":                {func(d *Draft) { d.Description = "a\x00b" }, "description"},
		"an unknown urgency is refused":         {func(d *Draft) { d.Urgency = "panic" }, "urgency"},
		"an unknown source is refused":          {func(d *Draft) { d.Source = "rumour" }, "source"},
		"latitude first is refused":             {func(d *Draft) { d.Point = &swapped }, "point"},
		"what happens in an hour is refused":    {func(d *Draft) { d.OccurredAt = &later }, "occurred_at"},
		"ten photos are too many":               {func(d *Draft) { d.Photos = make([]uuid.UUID, 10) }, "photos"},
	} {
		d := good
		c.change(&d)
		inc, err := New(uuid.New(), d, access.Principal{Account: 7, Name: "李明"}, Place{Region: 4, Org: 17, OrgPath: "1.4.17."}, now)
		if c.field == "" {
			if err != nil {
				t.Errorf("%s: %v", sentence, err)
			} else if inc.State != Reported || inc.Version != 1 || inc.Urgency != Normal || *inc.ReporterAccount != 7 {
				t.Errorf("%s: %+v", sentence, inc)
			}
			continue
		}
		var f *fault.Fault
		if !errors.As(err, &f) || f.Kind != fault.Invalid || f.Fields[c.field] == "" {
			t.Errorf("%s: %v", sentence, err)
		}
	}
}

func TestAMaskedEntryNamesNobody(t *testing.T) {
	account := int64(9)
	body, _ := json.Marshal(Incident{Title: "王丽 13800138000 来电", ReporterName: "王丽", ReporterPhone: "13800138000", ReporterAccount: &account, ReporterWorker: &account})
	for _, e := range []journal.Entry{
		{Kind: KindReported, Actor: 9, Body: body},
		{Kind: "sos.opened", Actor: 9, Body: json.RawMessage(`{"name":"王丽","phone":"13800138000","org":17}`)},
		{Kind: "sos.acked", Body: json.RawMessage(`not json 王丽`)},
	} {
		masked := MaskEntry(e)
		if s := string(masked.Body); strings.Contains(s, "王丽\"") || strings.Contains(s, "13800138000") || strings.Contains(s, `"reporter_`) || masked.Actor != 0 {
			t.Errorf("%s: %s", e.Kind, s)
		}
	}
}
