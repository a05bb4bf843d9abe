package courier

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/journal"
	"github.com/gridward/gridward/server/postgres"
)

// letter is what leaves: the entry for programs, and its words for people.
type letter struct {
	ID      uuid.UUID       `json:"id"` // of the delivery: the same at every attempt
	Event   string          `json:"event"`
	Region  int64           `json:"region,omitempty"`
	Seq     int64           `json:"seq,omitempty"`
	At      time.Time       `json:"at"`
	Subject string          `json:"subject,omitempty"`
	Masked  bool            `json:"masked"`
	Body    json.RawMessage `json:"body,omitempty"`
	Ack     string          `json:"ack,omitempty"` // POST here to acknowledge
	Title   string          `json:"title"`
	Text    string          `json:"text"`
	Attempt int16           `json:"-"`
}

// facts are what a channel's filter looks at.
type facts struct {
	CaseNo      string `json:"case_no"`
	Category    string `json:"category"`
	Tier        *int16 `json:"tier"`
	Urgency     string `json:"urgency"`
	Sensitivity string `json:"sensitivity"`
	Drill       bool   `json:"drill"`
	readable    bool
}

func factsOf(e journal.Entry) facts {
	var f facts
	f.readable = json.Unmarshal(e.Body, &f) == nil
	return f
}

// inScope reports whether the entry happened in the subtree of the channel's
// organisation, or one of the subtree is a party to it.
func inScope(c postgres.Channel, e journal.Entry) bool {
	return access.Covers(c.OrgPath, e.OrgPath) || slices.ContainsFunc(e.Parties, func(path string) bool { return access.Covers(c.OrgPath, path) })
}

// wantedBy reports whether the channel is told of the entry.
func (f facts) wantedBy(c postgres.Channel, e journal.Entry) bool {
	switch {
	case !f.readable, !inScope(c, e), strings.HasPrefix(e.Kind, "watch."), strings.HasPrefix(e.Kind, "video."), // the room's own log, and who looked at what, stay in the house
		e.At.Before(c.Since), !slices.ContainsFunc(c.Events, func(pattern string) bool { return matches(pattern, e.Kind) }):
		return false
	case f.Sensitivity == "high" && !c.People, f.Drill && !c.Drills:
		return false
	case !strings.HasPrefix(e.Kind, "incident."):
		return true // the rest of the filter is about cases
	case len(c.Tiers) > 0 && (f.Tier == nil || !slices.Contains(c.Tiers, *f.Tier)):
		return false
	case len(c.Urgencies) > 0 && !slices.Contains(c.Urgencies, f.Urgency):
		return false
	}
	return c.Category == "" || f.Category == c.Category || strings.HasPrefix(f.Category, c.Category+"-")
}

// matches reports whether a kind is meant by a pattern: itself, or all of its family.
func matches(pattern, kind string) bool {
	family, all := strings.CutSuffix(pattern, "*")
	return pattern == kind || all && strings.HasPrefix(kind, family)
}

func newLetter(c postgres.Channel, e journal.Entry, claim postgres.Claim, ack string) letter {
	l := letter{ID: claim.ID, Event: e.Kind, Region: e.Region, Seq: e.Seq, At: e.At, Subject: e.Subject, Masked: !c.People, Body: e.Body, Ack: ack, Attempt: claim.Attempts}
	if l.Masked {
		l.Body = masked(e)
	}
	l.Title, l.Text = words(c, e, l.Body)
	return l
}

func trialLetter(c postgres.Channel, claim postgres.Claim, ack string) letter {
	title := fmt.Sprintf("【%s】消息通道测试：%s", c.OrgName, c.Name)
	return letter{ID: claim.ID, Event: KindTrial, At: claim.CreatedAt.UTC(), Masked: !c.People, Ack: ack, Attempt: claim.Attempts,
		Title: title, Text: "这是一条测试消息，收到说明通道可用，不需要处理。\n发送时间：" + local(claim.CreatedAt)}
}

// things are the names in a body that are no person's. A field that ends in
// _name and is not here is taken for one: rather a place hidden than a person shown.
var things = []string{"org_name", "grid_name", "owner_name", "region_name", "category_name", "kind_name", "device_name", "camera_name", "level_name", "state_name", "code_name"}

// hidden are the fields by which a person could be found, and what devices said word for word.
var hidden = []string{"phone", "caller", "actor", "by", "client_id", "contact", "account", "first_account", "raised_by", "signed_by", "acked_by", "ended_by", "login", "raw"}

// masked is an entry's body for those who may not see people: first by the
// rule of its kind, then every name, telephone and number that is left.
func masked(e journal.Entry) json.RawMessage {
	e = incident.MaskEntry(e)
	var body map[string]any
	if json.Unmarshal(e.Body, &body) != nil {
		return json.RawMessage("{}")
	}
	out, err := json.Marshal(mask("", false, body))
	if err != nil {
		return json.RawMessage("{}")
	}
	return out
}

// mask hides people in a value; thing says that the object it stands in is no person.
func mask(field string, thing bool, v any) any {
	switch v := v.(type) {
	case string:
		if person(field, thing) && !strings.HasSuffix(v, "师傅") {
			return access.MaskName(v)
		}
		return access.MaskText(v)
	case []any:
		for i := range v {
			v[i] = mask(field, thing, v[i])
		}
	case map[string]any:
		_, worker := v["worker"]
		_, org := v["org"]
		_, orgName := v["org_name"]
		_, device := v["ident"]
		thing = device || org && !orgName && !worker // a department among others, an alarm device
		for name, inner := range v {
			if slices.Contains(hidden, name) || strings.HasPrefix(name, "reporter_") || strings.HasPrefix(name, "caller_") || strings.HasSuffix(name, "_phone") || strings.HasSuffix(name, "_account") {
				delete(v, name)
				continue
			}
			v[name] = mask(name, thing, inner)
		}
	}
	return v
}

// person reports whether a field of this name holds a person's name.
func person(field string, thing bool) bool {
	return field == "name" && !thing || strings.HasSuffix(field, "_name") && !slices.Contains(things, field)
}

// events are the words for what happened, as a message's title says it.
var events = map[string]string{
	"incident.reported": "新事件上报", "incident.verify_requested": "下达核实", "incident.verified": "已核实", "incident.accepted": "已受理", "incident.rejected": "不予受理",
	"incident.appealed": "已申诉", "incident.merged": "已并案", "incident.inherited": "主案已结案", "incident.self_handled": "自行处置", "incident.dispatched": "已派遣，请签收", "incident.reported_up": "已上报上级",
	"incident.pushed_down": "已下派", "incident.signed": "已签收", "incident.returned": "已退回", "incident.refused": "已拒绝", "incident.recalled": "已撤回", "incident.reassigned": "已改派",
	"incident.assisted": "增加协办", "incident.waived": "协办免办", "incident.arrived": "已到场", "incident.delay_requested": "申请延期", "incident.delay_decided": "延期已审批",
	"incident.suspend_requested": "申请挂账", "incident.suspend_decided": "挂账已审批", "incident.suspended": "已挂账", "incident.resumed": "恢复处置", "incident.fed_back": "已反馈", "incident.check_assigned": "下达核查",
	"incident.checked": "核查通过", "incident.reworked": "核查不通过，返工", "incident.evaluated": "已评价并结案", "incident.force_closed": "强制结案", "incident.closed": "已结案", "incident.archived": "已归档",
	"incident.reopened": "重新立案", "incident.voided": "已作废", "incident.urged": "催办", "incident.supervised": "督办", "incident.supervision_replied": "督办已回复",
	KindTrial: "通道测试", "incident.changed": "信息已更正", "incident.whistled": "吹哨报到", "incident.due_soon": "即将到期", "incident.overdue": "已逾期",
	"sos.opened": "一键求助", "sos.unacked": "求助无人接警", "sos.acked": "求助已接警", "sos.closed": "求助已解除",
	"whistle.raised": "吹哨", "whistle.confirmed": "指挥室已确认吹哨", "whistle.responded": "已响应吹哨", "whistle.checked_in": "已到场报到", "whistle.worked": "吹哨处置中", "whistle.replied": "吹哨已反馈", "whistle.rated": "吹哨已评价", "whistle.closed": "已销哨", "whistle.refused": "吹哨未通过",
	"whistle.respond_overdue": "吹哨响应超时", "whistle.arrive_overdue": "吹哨到场超时", "command.overdue": "指令超时未回执",
	"alarm.raised": "设备报警", "alarm.repeated": "设备重复报警", "alarm.acked": "报警已接警", "alarm.verifying": "报警复核中", "alarm.dispatched": "报警已转事件", "alarm.resolved": "报警已处置", "alarm.false": "报警为误报",
	"alarm.test": "报警为测试", "alarm.armed": "设备已布防", "alarm.disarmed": "设备已撤防", "alarm.bypassed": "设备已旁路",
	"command.sent": "新指令", "command.acked": "指令已签收", "notice.posted": "通知公告", "duty.started": "上岗", "duty.ended": "离岗", "territory.changed": "网格已更新",
}

var (
	urgencyWords = map[string]string{"critical": "特急", "urgent": "紧急", "normal": "一般", "notice": "提示"}
	tierWords    = []string{"", "一级（网格）", "二级（村社区）", "三级（街道部门）", "四级（指挥室统筹）"}
)

// words say in Chinese what happened: a title and some lines. body is what the
// channel may see.
func words(c postgres.Channel, e journal.Entry, body json.RawMessage) (title, text string) {
	what := events[e.Kind]
	if what == "" {
		what = e.Kind
	}
	var about struct {
		incident.Incident
		Name       string     `json:"name"`
		Note       string     `json:"note"`
		Text       string     `json:"text"`
		Reason     string     `json:"reason"`
		No         string     `json:"no"`             // of a whistle
		CaseTitle  string     `json:"incident_title"` // of a whistle's case
		KindName   string     `json:"kind_name"`
		Device     string     `json:"device_name"`
		Place      string     `json:"place"`
		RespondDue *time.Time `json:"respond_due"`
		ArriveDue  *time.Time `json:"arrive_due"`
		AckDue     *time.Time `json:"ack_due"`
		Targets    []struct {
			Name string `json:"name"`
		} `json:"targets"`
		Need []struct {
			Name string `json:"name"`
		} `json:"need"`
		Deed *struct {
			Reason string `json:"reason"`
			Note   string `json:"note"`
		} `json:"deed"`
	}
	_ = json.Unmarshal(body, &about) // what cannot be read is not said
	var lines []string
	line := func(label, value string) {
		if value = strings.TrimSpace(value); value != "" {
			lines = append(lines, label+"："+value)
		}
	}
	due := func(label string, at *time.Time) {
		if at != nil {
			line(label, local(*at))
		}
	}
	head := what
	if about.CaseNo != "" {
		head = about.CaseNo + " " + what
	}
	title = fmt.Sprintf("【%s】%s", c.OrgName, head)
	if subject := cmp.Or(about.Title, about.CaseTitle, about.Device); subject != "" {
		title += "：" + subject
	}
	if about.Drill {
		title = "【演练】" + title
	}
	line("事件", about.Title)
	line("案号", about.CaseNo)
	line("吹哨", strings.TrimSpace(about.No+" "+about.KindName))
	line("设备", about.Device)
	line("位置", about.Place)
	line("名称", about.Name)
	line("紧急程度", urgencyWords[string(about.Urgency)])
	if about.Tier != nil && int(*about.Tier) < len(tierWords) && *about.Tier > 0 {
		line("处置层级", tierWords[*about.Tier])
	}
	line("地点", about.Address)
	line("所属", strings.TrimSpace(about.OrgName+" "+about.GridName))
	line("当前责任单位", about.OwnerName)
	called := make([]string, len(about.Need))
	for i, n := range about.Need {
		called[i] = n.Name
	}
	line("被吹哨单位", strings.Join(called, "、"))
	due("响应期限", about.RespondDue)
	if e.Kind == "whistle.arrive_overdue" {
		due("到场期限", about.ArriveDue)
	}
	due("签收期限", about.AckDue)
	if e.Kind == "command.overdue" {
		missing := make([]string, len(about.Targets))
		for i, t := range about.Targets {
			missing[i] = t.Name
		}
		line("未回执", strings.Join(missing, "、"))
	}
	if about.Open {
		due("环节期限", about.StageDue)
		due("办结期限", about.CaseDue)
	}
	if about.Deed != nil {
		line("说明", strings.TrimSpace(about.Deed.Reason+" "+about.Deed.Note))
	}
	line("事由", about.Reason)
	line("内容", about.Text)
	line("备注", about.Note)
	line("时间", local(e.At))
	return title, strings.Join(lines, "\n")
}

func local(t time.Time) string { return t.In(incident.BusinessZone()).Format("2006-01-02 15:04") }

// Events returns the kinds of messages with their Chinese words.
func Events() map[string]string { return events }
