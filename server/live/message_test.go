package live

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestMaskBody(t *testing.T) {
	for what, tc := range map[string]struct{ kind, body, want string }{
		"a reporter is nobody": {
			"incident.reported", `{"title":"噪音","reporter_name":"李娜","reporter_phone":"13812345678","reporter_worker":7,"client_id":"x","case_no":"MH1122-007"}`,
			`{"case_no":"MH1122-007","title":"噪音"}`},
		"numbers in free text are blotted": {
			"incident.reported", `{"description":"联系13812345678，证件11010519491231002X"}`,
			`{"description":"联系138****5678，证件1101**********002X"}`},
		"a grid code stays": {
			"incident.reported", `{"grid_code":"440307012001003","version":1}`, `{"grid_code":"440307012001003","version":1}`},
		"a call for help names nobody": {
			"incident.reported", `{"kind":"sos","title":"张小伟 一键求助"}`, `{"kind":"sos","title":"张师傅 一键求助"}`},
		"photos inside are blotted too": {
			"incident.reported", `{"photos":[{"id":"a","phone":"1"}]}`, `{"photos":[{"id":"a"}]}`},
		"whoever calls for help keeps the family name": {
			"sos.opened", `{"name":"欧阳修","worker":7,"by":3,"by_name":"王强","org_name":"明湖社区","phone":"13812345678"}`,
			`{"by_name":"王师傅","name":"欧师傅","org_name":"明湖社区","worker":7}`},
		"duty":                      {"duty.ended", `{"name":"张伟","worker":12345678901234567}`, `{"name":"张师傅","worker":12345678901234567}`},
		"the territory is nobody's": {"territory.changed", `{"epoch":3}`, `{"epoch":3}`},
		"a command is there, and nothing is said of it": {
			"command.sent", `{"id":"c","text":"去张伟家","by_name":"李","targets":[{"name":"张伟","worker":7}],"need_ack":true,"count":1,"org_name":"明湖社区"}`,
			`{"count":1,"id":"c","need_ack":true,"org_name":"明湖社区"}`},
		"who acknowledged it is nobody": {"command.acked", `{"id":"c","acked":1,"count":2,"reply":"收到","targets":[{"name":"张伟","acked_name":"张伟"}]}`, `{"acked":1,"count":2,"id":"c"}`},
		"a notice has its title":        {"notice.posted", `{"id":"n","title":"联系13812345678","by_name":"李"}`, `{"id":"n","title":"联系138****5678"}`},
		"a notice that is no object":    {"notice.posted", `["张伟"]`, `{}`},
		"a new kind is not shown":       {"visit.planned", `{"name":"张伟"}`, `{}`},
		"a list is no body":             {"incident.reported", `["张伟"]`, `{}`},
		"what is no JSON is no body":    {"incident.reported", `{"a":`, `{}`},
		"an alarm tells neither whose the device is nor what it sent": {
			"alarm.acked", `{"id":"a","device_name":"一楼烟感","contact":"王五","phone":"13812345678","raw":{"x":1},"text":"请打13812345678","note":"户主不在","acked_by":3,"acked_name":"周值班","by_name":"周值班","count":2}`,
			`{"acked_name":"周师傅","by_name":"周师傅","count":2,"device_name":"一楼烟感","id":"a","text":"请打138****5678"}`},
		"nor why it was put to sleep": {"alarm.bypassed", `{"ident":"MC-9","reason":"户主外出","by_name":"周值班"}`, `{"by_name":"周师傅","ident":"MC-9"}`},
		"an alarm that is no object":  {"alarm.raised", `7`, `{}`},
		"nobody's looking is shown":   {"video.opened", `{"camera":1,"actor":"周值班"}`, `{}`},
		"nobody has taken a call":     {"sos.unacked", `{"name":"张伟","phone":"1","worker":7}`, `{"name":"张师傅","worker":7}`},
	} {
		t.Run(what, func(t *testing.T) {
			if got := string(MaskBody(tc.kind, json.RawMessage(tc.body))); got != tc.want {
				t.Errorf("got %s\nwant %s", got, tc.want)
			}
		})
	}
}

func TestParseRefusesWhatNoScreenSays(t *testing.T) {
	for what, tc := range map[string]struct {
		text string
		good bool
	}{
		"hello":            {`{"type":"hello","resume":[{"region":2,"epoch":"e","after":41}],"view":{"bbox":[1,2,3,4],"zoom":14.2,"mode":"auto"}}`, true},
		"a bare hello":     {`{"type":"hello"}`, true},
		"view":             {`{"type":"view","bbox":[1,2,3,4],"zoom":3,"mode":"bins"}`, true},
		"pong":             {`{"type":"pong"}`, true},
		"the future":       {`{"type":"wave","hand":2}`, true},
		"nothing":          {``, false},
		"a list":           {`[]`, false},
		"no type":          {`{}`, false},
		"a text as zoom":   {`{"type":"view","zoom":"14"}`, false},
		"a box of five":    {`{"type":"view","bbox":[1,2,3,4,5]}`, false},
		"an unknown mode":  {`{"type":"view","mode":"x"}`, false},
		"too many cursors": {`{"type":"hello","resume":[` + strings.Repeat("{},", maxResume) + `{}]}`, false},
	} {
		if _, err := parse([]byte(tc.text)); (err == nil) != tc.good {
			t.Errorf("%s: %v", what, err)
		}
	}
	in, err := parse([]byte(`{"type":"view","zoom":99,"bbox":[1,2,3,4]}`))
	if err != nil || in.View.Zoom != 24 || in.View.Mode != "auto" || len(in.View.Box) != 4 {
		t.Errorf("%+v %v", in.View, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"type":"hello","resume":[{"region":2,"epoch":"e","after":41}],"view":{"bbox":[1,2,3,4],"zoom":14.2,"mode":"auto"}}`))
	f.Add([]byte(`{"type":"view","bbox":[1,2,3,4],"zoom":1e308,"mode":"bins"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		in, err := parse(data)
		if err != nil {
			return
		}
		if in.View == nil || !(in.View.Zoom >= 0 && in.View.Zoom <= 24) || len(in.Resume) > maxResume || in.Type == "" {
			t.Errorf("took %+v", in)
		}
	})
}

func FuzzMaskBody(f *testing.F) {
	f.Add("incident.reported", []byte(`{"title":"a","reporter_phone":"13812345678"}`))
	f.Add("sos.opened", []byte(`{"name":"张伟"}`))
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		if !json.Valid(body) || !utf8.Valid(body) || strings.HasPrefix(kind, bare) {
			return
		}
		var fields map[string]any
		if got := MaskBody(kind, body); json.Unmarshal(got, &fields) != nil {
			t.Errorf("%s of %q became %q", kind, body, got)
		} else if fields["reporter_phone"] != nil || fields["reporter_name"] != nil {
			t.Errorf("a reporter is left in %q", got)
		}
	})
}

func TestTheLedgerTellsEverythingOnceAndInOrder(t *testing.T) {
	l := newLedger("names", "names")
	for range 5 {
		l.add([]byte("1"))
	}
	if m, ok := l.since(0); !ok || len(m) != 1 || m[0].size != len(`{"type":"names","names":[1,1,1,1,1]}`) {
		t.Errorf("%v %v", m, ok)
	}
	if m, ok := l.since(5); !ok || m != nil {
		t.Error("somebody who was told everything was told again")
	}
	if _, ok := l.since(-1); ok {
		t.Error("a newcomer got a part")
	}
	for range 3 * perMessage {
		l.add([]byte("2"))
	}
	l.trim(0)
	if _, ok := l.since(5); ok {
		t.Error("what was dropped was told")
	}
	if m, ok := l.since(l.end() - 1); !ok || len(m) != 1 {
		t.Error("the newest was dropped")
	}
	l.forget()
	if m, ok := l.since(l.end()); !ok || m != nil {
		t.Error("forgetting told somebody something")
	}
}
