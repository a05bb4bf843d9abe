package courier

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/gridward/gridward/server/journal"
	"github.com/gridward/gridward/server/postgres"
)

// Bodies of every family of entries, as they are written, with a person and a
// number in every place where one can stand.
var bodies = map[string]string{
	"incident.dispatched": `{"id":"01990000-0000-7000-8000-000000000001","case_no":"MH261126-001","title":"井盖 13800138000","urgency":"urgent","org_name":"东湖社区","grid_name":"第一网格","owner_name":"城建办","owner_worker_name":"赵一","reporter_name":"王丽","reporter_phone":"13800138000","reporter_account":7,"first_account":8,"open":true,"sensitivity":"normal",
		"deed":{"action":"dispatch","by_name":"孙二","worker_name":"赵一","org_name":"城建办","reason":"请联系 13800138000","from":"accepted","to":"dispatched"}}`,
	"sos.opened":             `{"id":"01990000-0000-7000-8000-000000000002","worker":7,"name":"赵一","org":17,"org_name":"东湖社区","state":"open","by":3,"by_name":"孙二","note":"王丽 13800138000"}`,
	"duty.started":           `{"session":"01990000-0000-7000-8000-000000000003","worker":7,"name":"赵一","org":17,"org_name":"东湖社区"}`,
	"whistle.raised":         `{"id":"01990000-0000-7000-8000-000000000004","no":"MH-S-3","kind":"mass","kind_name":"群众诉求哨","case_no":"MH261126-001","incident_title":"井盖 13800138000","org":17,"org_name":"东湖社区","raised_by":3,"raised_by_name":"孙二","reason":"联系 13800138000","sensitivity":"normal","need":[{"org":19,"name":"城建办","state":"called","responded_by_name":"赵一"}],"deed":{"action":"raise","by_name":"孙二"}}`,
	"alarm.raised":           `{"id":"01990000-0000-7000-8000-000000000005","ident":"SM-7","device_name":"烟感 7 号","place":"明湖路 1 号","contact":"王丽","phone":"13800138000","org":17,"org_name":"东湖社区","level":"critical","text":"烟雾 13800138000","raw":{"owner":"王丽"},"acked_by":3,"acked_name":"孙二","by_name":"孙二"}`,
	"alarm.armed":            `{"id":7,"ident":"SM-7","name":"烟感 7 号","kind":"smoke","mode":"armed","place":"明湖路 1 号","by_name":"孙二"}`,
	"command.sent":           `{"id":"01990000-0000-7000-8000-000000000006","by_name":"孙二","text":"到岗 13800138000","need_ack":true,"org":17,"org_name":"东湖社区","targets":[{"nr":1,"worker":7,"name":"赵一","account":9}],"count":1}`,
	"command.overdue":        `{"id":"01990000-0000-7000-8000-000000000008","by_name":"孙二","text":"到岗 13800138000","need_ack":true,"ack_due":"2026-11-26T01:00:00Z","org":17,"org_name":"东湖社区","targets":[{"nr":1,"worker":7,"name":"赵一","account":9}],"count":2,"acked":1}`,
	"whistle.arrive_overdue": `{"id":"01990000-0000-7000-8000-000000000004","no":"MH-S-3","kind":"mass","kind_name":"群众诉求哨","org":17,"org_name":"东湖社区","raised_by":3,"raised_by_name":"孙二","reason":"联系 13800138000","sensitivity":"normal","arrive_due":"2026-11-26T01:00:00Z","need":[{"org":19,"name":"城建办","state":"called"}],"deed":{"action":"arrive_overdue","by_name":"系统","note":"城建办至 11-26 09:00 未到场报到"}}`,
	"notice.posted":          `{"id":"01990000-0000-7000-8000-000000000007","org":17,"org_name":"东湖社区","by_name":"孙二","title":"防汛通知","text":"值班电话 13800138000"}`,
	"new.kind":               `{"id":1,"somebody_name":"王丽","name":"赵一","phone":"13800138000","deep":[{"caller_phone":"13800138000","checked_by_name":"孙二"}]}`,
}

func TestNoPersonLeavesByAMaskedChannel(t *testing.T) {
	t.Parallel()
	for kind, body := range bodies {
		e := journal.Entry{Kind: kind, At: time.Now(), Actor: 3, Body: json.RawMessage(body)}
		l := newLetter(postgres.Channel{OrgName: "明湖街道"}, e, postgres.Claim{}, "")
		all, err := json.Marshal(l)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{"王丽", "赵一", "孙二", "13800138000", `"reporter_`, `"phone"`, `_phone"`, "account", "raw"} {
			if strings.Contains(string(all), secret) {
				t.Errorf("%s tells of %s: %s", kind, secret, all)
			}
		}
		for _, name := range []string{"东湖社区", "城建办", "第一网格", "烟感 7 号"} {
			if kind != "alarm.armed" && strings.Contains(body, name) && !strings.Contains(string(l.Body), name) {
				t.Errorf("%s hides %s, which is nobody: %s", kind, name, l.Body)
			}
		}
		open := newLetter(postgres.Channel{OrgName: "明湖街道", People: true}, e, postgres.Claim{}, "")
		if string(open.Body) != body || open.Masked {
			t.Errorf("%s: a channel for people changes the body: %s", kind, open.Body)
		}
	}
}

func TestWhatALetterSays(t *testing.T) {
	t.Parallel()
	for kind, want := range map[string]string{
		"incident.dispatched":    "【明湖街道】MH261126-001 已派遣，请签收：井盖 138****8000",
		"whistle.raised":         "【明湖街道】MH261126-001 吹哨：井盖 138****8000",
		"alarm.raised":           "【明湖街道】设备报警：烟感 7 号",
		"sos.opened":             "【明湖街道】一键求助",
		"notice.posted":          "【明湖街道】通知公告：防汛通知",
		"command.overdue":        "【明湖街道】指令超时未回执",
		"whistle.arrive_overdue": "【明湖街道】吹哨到场超时",
	} {
		l := newLetter(postgres.Channel{OrgName: "明湖街道"}, journal.Entry{Kind: kind, At: time.Date(2026, 11, 26, 2, 0, 0, 0, time.UTC), Body: json.RawMessage(bodies[kind])}, postgres.Claim{}, "")
		if l.Title != want || !strings.HasSuffix(l.Text, "时间：2026-11-26 10:00") {
			t.Errorf("%s: %q\n%s", kind, l.Title, l.Text)
		}
	}
	l := newLetter(postgres.Channel{OrgName: "明湖街道"}, journal.Entry{Kind: "whistle.raised", Body: json.RawMessage(bodies["whistle.raised"])}, postgres.Claim{}, "")
	if !strings.Contains(l.Text, "吹哨：MH-S-3 群众诉求哨\n") || !strings.Contains(l.Text, "被吹哨单位：城建办\n") || !strings.Contains(l.Text, "事由：联系 138****8000\n") {
		t.Errorf("%s", l.Text)
	}
}

func TestALetterSaysWhoIsLate(t *testing.T) {
	t.Parallel()
	for kind, want := range map[string]string{
		"command.overdue":        "未回执：赵一\n",
		"whistle.arrive_overdue": "到场期限：2026-11-26 09:00\n说明：城建办至 11-26 09:00 未到场报到\n",
	} {
		l := newLetter(postgres.Channel{OrgName: "明湖街道", People: true}, journal.Entry{Kind: kind, Body: json.RawMessage(bodies[kind])}, postgres.Claim{}, "")
		if !strings.Contains(l.Text, want) {
			t.Errorf("%s: %s", kind, l.Text)
		}
	}
}

// The log of the room, and who looked through which camera, stay in the house,
// whatever a channel asks for.
func TestWhatNeverLeaves(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"watch.noted", "video.opened"} {
		e := journal.Entry{Kind: kind, OrgPath: "1.", At: time.Now(), Body: json.RawMessage(`{}`)}
		if factsOf(e).wantedBy(postgres.Channel{OrgPath: "1.", Events: []string{"watch.*", "video.*"}, People: true}, e) {
			t.Errorf("%s left", kind)
		}
	}
}
