package incident

import (
	"strings"
	"testing"

	"github.com/gridward/gridward/server/journal"
)

func TestAlarmsInTheJournalsList(t *testing.T) {
	t.Parallel()
	e := MaskEntry(journal.Entry{Kind: "alarm.raised", Actor: 3, Body: []byte(`{"ident":"A","contact":"王五","phone":"13812345678","raw":{"name":"王五"},"note":"王五","text":"打13812345678","by_name":"周值班"}`)})
	if e.Actor != 0 || strings.Contains(string(e.Body), "王五") || strings.Contains(string(e.Body), "13812345678") || !strings.Contains(string(e.Body), "周师傅") {
		t.Errorf("%d %s", e.Actor, e.Body)
	}
	for kind, body := range map[string]string{"alarm.raised": `7`, "video.opened": `{"actor":"周值班"}`} {
		if e := MaskEntry(journal.Entry{Kind: kind, Body: []byte(body)}); e.Body != nil {
			t.Errorf("%s: %s", kind, e.Body)
		}
	}
}
