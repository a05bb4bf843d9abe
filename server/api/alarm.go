package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/alarm"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/postgres"
)

// alarmDo is a button of the alarm desk.
type alarmDo struct {
	Action alarm.Action `json:"action"`
	Name   string       `json:"name"`
}

type alarmBody struct {
	postgres.Alarm
	KindName  string    `json:"kind_name"`
	StateName string    `json:"state_name"`
	May       []alarmDo `json:"may" doc:"what this caller can do to it now"`
}

type alarmList struct {
	Alarms []alarmBody `json:"alarms"`
	Next   string      `json:"next,omitempty"`
}

func (l alarmList) table() ([]string, [][]string) {
	rows := make([][]string, len(l.Alarms))
	for i, a := range l.Alarms {
		class, ended := "报警", ""
		if a.Class == "offline" {
			class = "失联"
		}
		if a.EndedAt != nil {
			ended = localTime(*a.EndedAt)
		}
		rows[i] = []string{localTime(a.At), localTime(a.LastAt), a.Ident, a.DeviceName, a.KindName, a.Place, a.OrgName, a.GridName, class, a.Code, a.Text, string(a.Level), strconv.Itoa(int(a.Count)), a.StateName,
			a.AckedName, a.EndedName, ended, a.CaseNo, a.Note}
	}
	return []string{"报警时间", "最近一次", "设备编号", "设备名称", "设备类型", "位置", "所属机构", "网格", "类别", "代码", "内容", "级别", "次数", "状态", "接警人", "办结人", "办结时间", "事件编号", "备注"}, rows
}

type alarmDetail struct {
	alarmBody
	Device     postgres.AlarmDevice  `json:"device_detail"`
	Nearest    []nearWorker          `json:"nearest"`
	DistanceBy string                `json:"distance_by" enum:"straight" doc:"how distance_m was measured"`
	Cameras    []postgres.NearCamera `json:"cameras" doc:"within 300 m"`
}

// shownAlarm is the alarm as this caller may read it: on a wall neither who
// owns the device nor who took it, nor what it sent.
func shownAlarm(who access.Session, a postgres.Alarm) alarmBody {
	b := alarmBody{Alarm: a, KindName: a.Kind.Name(), StateName: a.State.Name(), May: []alarmDo{}}
	if who.MaskFor(a.OrgPath) == access.MaskPeople {
		b.Contact, b.Phone, b.Raw, b.Note = "", "", nil, ""
		b.AckedBy, b.EndedBy, b.AckedName, b.EndedName = nil, nil, access.MaskName(b.AckedName), access.MaskName(b.EndedName)
		b.Text, b.Place, b.DeviceName = access.MaskText(b.Text), access.MaskText(b.Place), access.MaskText(b.DeviceName)
	}
	if who.May(access.AnswerAlarm, a.OrgPath) {
		for _, do := range a.State.May() {
			b.May = append(b.May, alarmDo{do, do.Name()})
		}
	}
	return b
}

type alarmCursor struct {
	At time.Time `json:"t"`
	ID uuid.UUID `json:"i"`
}

type alarmReply struct{ Body alarmBody }

func (a *API) alarmRoutes() {
	route(a, http.MethodGet, "/alarms", "Alarms of the scope, newest first", power(access.SeeMap), func(ctx context.Context, who access.Session, in *struct {
		Paging
		State  string    `query:"state" enum:"open,new,acked,verifying,dispatched,resolved,false,test," doc:"open: new, acked or verifying"`
		Kind   string    `query:"kind" maxLength:"20"`
		Level  string    `query:"level" enum:"notice,normal,urgent,critical,"`
		Class  string    `query:"class" enum:"alarm,offline,"`
		Device int64     `query:"device"`
		Org    int64     `query:"org"`
		From   time.Time `query:"from"`
		To     time.Time `query:"to"`
		Q      string    `query:"q" maxLength:"40" doc:"device, place or code"`
		Quiet  bool      `query:"quiet" doc:"also what disarmed and bypassed devices said"`
	}) (*struct {
		ListHead
		Body alarmList
	}, error) {
		f := postgres.AlarmFilter{Scope: who.Scope(access.SeeMap), State: in.State, Kind: in.Kind, Level: in.Level, Class: in.Class, Device: in.Device, Org: some(in.Org), From: instant(in.From), To: instant(in.To),
			Query: in.Q, Quiet: in.Quiet, Limit: in.rows()}
		var at alarmCursor
		if ok, err := in.read(&at); err != nil {
			return nil, err
		} else if ok {
			f.BeforeAt, f.BeforeID = &at.At, &at.ID
		}
		list, err := postgres.ListAlarms(ctx, a.DB.Pool, f)
		if err != nil {
			return nil, err
		}
		if err := a.exported(ctx, in.Paging, who, "alarms.exported", "", map[string]any{"rows": len(list)}); err != nil {
			return nil, err
		}
		list, next := cut(in.Paging, list, func(x postgres.Alarm) any { return alarmCursor{x.At, x.ID} })
		out := alarmList{Alarms: make([]alarmBody, len(list)), Next: next}
		for i := range list {
			list[i].Raw = nil // the detail has it
			out.Alarms[i] = shownAlarm(who, list[i])
		}
		return &struct {
			ListHead
			Body alarmList
		}{head(in.Paging, "alarms", a.Clock()), out}, nil
	})

	route(a, http.MethodGet, "/alarms/{id}", "One alarm with its device, the nearest people on duty and the cameras within 300 m", power(access.SeeMap), func(ctx context.Context, who access.Session, in *struct {
		ID uuid.UUID `path:"id"`
	}) (*struct{ Body alarmDetail }, error) {
		x, err := postgres.AlarmByID(ctx, a.DB.Pool, in.ID, false)
		if err == nil && !who.May(access.SeeMap, x.OrgPath) {
			err = fault.New(fault.Missing, "没有这条报警，或者不在您的管辖范围")
		}
		if err != nil {
			return nil, err
		}
		out := alarmDetail{alarmBody: shownAlarm(who, x), DistanceBy: "straight"}
		if out.Device, err = postgres.AlarmDeviceByID(ctx, a.DB.Pool, x.Device, false); err != nil {
			return nil, err
		}
		if err := a.judgeDevices(ctx, who, []*postgres.AlarmDevice{&out.Device}); err != nil {
			return nil, err
		}
		if out.Nearest, err = a.nearestBut(ctx, who, x.Point, 5, 0); err != nil {
			return nil, err
		}
		out.Cameras, err = a.camerasNear(ctx, who, x.Point, 300, 20)
		return &struct{ Body alarmDetail }{out}, err
	})

	for _, x := range []struct {
		do      alarm.Action
		summary string
	}{
		{alarm.Ack, "Take an alarm"}, {alarm.Verify, "Have an alarm looked at"}, {alarm.Resolve, "An alarm is dealt with"}, {alarm.MarkFalse, "An alarm was false"}, {alarm.MarkTest, "An alarm was a test"},
		{alarm.Raise, "Make an alarm an incident, at its device's place and as urgent as the alarm"},
	} {
		do := x.do
		route(a, http.MethodPost, "/alarms/{id}/"+string(do), x.summary+"; doing it again changes nothing", power(access.AnswerAlarm), func(ctx context.Context, who access.Session, in *struct {
			ID   uuid.UUID `path:"id"`
			Body struct {
				Note string `json:"note,omitempty" maxLength:"500"`
			}
		}) (*alarmReply, error) {
			x, err := a.Desk.AnswerAlarm(ctx, who.Principal, in.ID, do, strings.TrimSpace(in.Body.Note))
			return &alarmReply{shownAlarm(who, x)}, err
		})
	}
	a.alarmDeviceRoutes()
	a.alarmSourceRoutes()
}

type alarmDeviceList struct {
	Devices []postgres.AlarmDevice `json:"devices"`
	Kinds   []alarmKind            `json:"kinds"`
	Next    string                 `json:"next,omitempty"`
}

type alarmKind struct {
	Code     alarm.Kind `json:"code"`
	Name     string     `json:"name"`
	Watchful bool       `json:"watchful" doc:"sleeps while disarmed; the others guard life and never do"`
}

func alarmKinds() []alarmKind {
	out := []alarmKind{}
	for _, k := range alarm.Kinds() {
		out = append(out, alarmKind{k, k.Name(), k.Watchful()})
	}
	return out
}

var armNames = map[alarm.Mode]string{alarm.Armed: "布防", alarm.Disarmed: "撤防", alarm.Bypassed: "旁路"}

func (l alarmDeviceList) table() ([]string, [][]string) {
	rows := make([][]string, len(l.Devices))
	for i, d := range l.Devices {
		seen, rate := "", "—"
		if d.LastSeen != nil {
			seen = localTime(*d.LastSeen)
		}
		if d.FalseRate.Value != nil {
			rate = strconv.FormatFloat(*d.FalseRate.Value*100, 'f', 2, 64) + "%"
		}
		rows[i] = []string{d.Ident, d.Name, d.Kind.Name(), d.Protocol, d.OrgName, d.GridName, d.Place, strconv.FormatFloat(d.Point[0], 'f', 6, 64), strconv.FormatFloat(d.Point[1], 'f', 6, 64),
			d.Contact, d.Phone, armNames[d.Mode], d.Health, seen, rate}
	}
	return []string{"设备编号", "名称", "类型", "接入方式", "所属机构", "网格", "位置", "经度", "纬度", "联系人", "电话", "布防状态", "健康状态", "最近上线", "误报率(90天)"}, rows
}

// judgeDevices fills in what is not in the row, and hides what is not for this caller.
func (a *API) judgeDevices(ctx context.Context, who access.Session, list []*postgres.AlarmDevice) error {
	now := a.Clock()
	ids := make([]int64, len(list))
	for i, d := range list {
		ids[i] = d.ID
	}
	rates, err := postgres.FalseRates(ctx, a.DB.Pool, ids, now.AddDate(0, 0, -90))
	if err != nil {
		return err
	}
	for _, d := range list {
		d.FalseRate, d.ArmedNow = rates[d.ID], alarm.ArmedAt(d.Mode, d.Schedule, now)
		keeps := who.May(access.ManageDevices, d.OrgPath)
		if !keeps && who.MaskFor(d.OrgPath) == access.MaskPeople {
			d.Contact, d.Phone, d.Name, d.Place = "", "", access.MaskText(d.Name), access.MaskText(d.Place)
		}
		if !keeps {
			d.Settings = nil
		}
	}
	return nil
}

// alarmDeviceIn is a device as somebody registers it.
type alarmDeviceIn struct {
	Ident     string          `json:"ident,omitempty" doc:"what the device calls itself; it stays"`
	Org       int64           `json:"org,omitempty" doc:"none: the organisation of the grid it hangs in"`
	Name      string          `json:"name"`
	Kind      alarm.Kind      `json:"kind"`
	Protocol  string          `json:"protocol,omitempty" enum:"webhook,mqtt,jt808,gb28181,modbus-gw,"`
	Place     string          `json:"place,omitempty"`
	Point     *orb.Point      `json:"point"`
	CRS       string          `json:"crs,omitempty" enum:"wgs84,gcj02,bd09,"`
	Contact   string          `json:"contact,omitempty"`
	Phone     string          `json:"phone,omitempty"`
	Schedule  []alarm.Window  `json:"schedule,omitempty"`
	IntervalS int32           `json:"interval_s,omitempty" minimum:"0" maximum:"604800"`
	Settings  json.RawMessage `json:"settings,omitempty"`
	Status    string          `json:"status,omitempty" enum:"active,retired,"`
}

func (a *API) alarmDeviceOf(ctx context.Context, who access.Session, in alarmDeviceIn) (postgres.AlarmDevice, error) {
	d := postgres.AlarmDevice{Ident: strings.TrimSpace(in.Ident), Org: in.Org, Name: strings.TrimSpace(in.Name), Kind: in.Kind, Protocol: in.Protocol, Place: strings.TrimSpace(in.Place), Contact: strings.TrimSpace(in.Contact),
		Phone: strings.TrimSpace(in.Phone), Mode: alarm.Armed, Schedule: in.Schedule, IntervalS: in.IntervalS, Settings: in.Settings, Status: in.Status}
	if d.Protocol == "" {
		d.Protocol = "webhook"
	}
	if d.Status == "" {
		d.Status = "active"
	}
	wrong := map[string]string{}
	if d.Ident == "" || utf8.RuneCountInString(d.Ident) > 64 {
		wrong["ident"] = "请填写设备编号，最多 64 个字符"
	}
	if d.Kind.Name() == "" {
		wrong["kind"] = "没有这种设备类型"
	}
	for field, text := range map[string]string{"ident": d.Ident, "name": d.Name, "place": d.Place, "contact": d.Contact, "phone": d.Phone} {
		if utf8.RuneCountInString(text) > 100 || !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			wrong[field] = "太长，或含有无法保存的字符"
		}
	}
	var object map[string]any
	if len(d.Settings) > 0 && (len(d.Settings) > 4000 || json.Unmarshal(d.Settings, &object) != nil) {
		wrong["settings"] = "应为 JSON 对象，最多 4000 字节"
	}
	p, err := a.toWGS84(in.CRS, in.Point)
	if err != nil {
		return d, err
	}
	if p == nil || !(p[0] >= -180 && p[0] <= 180 && p[1] >= -90 && p[1] <= 90) {
		wrong["point"] = "请在地图上选点"
	}
	if len(wrong) > 0 {
		f := fault.New(fault.Invalid, "设备信息有误，请检查标出的项目")
		f.Fields = wrong
		return d, f
	}
	if err := alarm.CheckSchedule(d.Schedule); err != nil {
		return d, err
	}
	d.Point = *p
	d.Org, d.Grid, err = a.placed(ctx, who, in.Org, d.Point)
	return d, err
}

func (a *API) alarmDeviceRoutes() {
	type reply struct{ Body postgres.AlarmDevice }
	shown := func(ctx context.Context, who access.Session, id int64) (*reply, error) {
		d, err := postgres.AlarmDeviceByID(ctx, a.DB.Pool, id, false)
		if err == nil {
			err = a.judgeDevices(ctx, who, []*postgres.AlarmDevice{&d})
		}
		return &reply{d}, err
	}
	route(a, http.MethodGet, "/alarm-devices", "Alarm devices of the scope", settled, func(ctx context.Context, who access.Session, in *struct {
		Paging
		Q      string `query:"q" maxLength:"40" doc:"ident, name or place"`
		Kind   string `query:"kind" maxLength:"20"`
		Mode   string `query:"mode" enum:"armed,disarmed,bypassed,"`
		Health string `query:"health" enum:"unknown,ok,low_battery,fault,offline,"`
		Org    int64  `query:"org"`
	}) (*struct {
		ListHead
		Body alarmDeviceList
	}, error) {
		scope, err := registerScope(who)
		if err != nil {
			return nil, err
		}
		f := postgres.AlarmDeviceFilter{Scope: scope, Query: in.Q, Kind: in.Kind, Mode: in.Mode, Health: in.Health, Org: some(in.Org), Limit: in.rows()}
		if _, err := in.read(&f.After); err != nil {
			return nil, err
		}
		list, err := postgres.ListAlarmDevices(ctx, a.DB.Pool, f)
		if err != nil {
			return nil, err
		}
		list, next := cut(in.Paging, list, func(d postgres.AlarmDevice) any { return d.ID })
		refs := make([]*postgres.AlarmDevice, len(list))
		for i := range list {
			refs[i] = &list[i]
		}
		if err := a.judgeDevices(ctx, who, refs); err != nil {
			return nil, err
		}
		return &struct {
			ListHead
			Body alarmDeviceList
		}{head(in.Paging, "alarm-devices", a.Clock()), alarmDeviceList{list, alarmKinds(), next}}, nil
	})

	route(a, http.MethodPost, "/alarm-devices", "Register an alarm device", power(access.ManageDevices), func(ctx context.Context, who access.Session, in *struct{ Body alarmDeviceIn }) (*reply, error) {
		d, err := a.alarmDeviceOf(ctx, who, in.Body)
		if err != nil {
			return nil, err
		}
		err = a.DB.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
			if d.ID, err = postgres.AddAlarmDevice(ctx, tx, d); err != nil {
				return err
			}
			return a.audit(ctx, tx, who, "alarm_device.added", d.Ident, nil)
		})
		if err != nil {
			return nil, err
		}
		return shown(ctx, who, d.ID)
	}, created)

	route(a, http.MethodPut, "/alarm-devices/{id}", "Change an alarm device; its ident stays, so do schedule and settings that are not said, and arming has a route of its own", power(access.ManageDevices), func(ctx context.Context, who access.Session, in *struct {
		ID      int64  `path:"id"`
		IfMatch string `header:"If-Match" doc:"the version that was looked at"`
		Body    alarmDeviceIn
	}) (*reply, error) {
		old, err := postgres.AlarmDeviceByID(ctx, a.DB.Pool, in.ID, false)
		if err == nil && !who.May(access.ManageDevices, old.OrgPath) {
			err = fault.New(fault.Missing, "没有这个报警设备，或者不在您的管辖范围")
		}
		if err != nil {
			return nil, err
		}
		if in.Body.Ident != "" && in.Body.Ident != old.Ident {
			return nil, fault.New(fault.Invalid, "设备编号不能修改，请登记为新的设备").At("ident")
		}
		in.Body.Ident = old.Ident
		if in.Body.Schedule == nil {
			in.Body.Schedule = old.Schedule
		}
		if len(in.Body.Settings) == 0 {
			in.Body.Settings = old.Settings
		}
		if in.Body.Status == "" {
			in.Body.Status = old.Status
		}
		d, err := a.alarmDeviceOf(ctx, who, in.Body)
		if err != nil {
			return nil, err
		}
		d.ID = old.ID
		if d.Version, err = version(in.IfMatch); err != nil {
			return nil, err
		} else if d.Version == 0 {
			d.Version = old.Version
		}
		err = a.DB.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
			if err := postgres.SetAlarmDevice(ctx, tx, d); err != nil {
				return err
			}
			return a.audit(ctx, tx, who, "alarm_device.changed", d.Ident, map[string]any{"status": d.Status})
		})
		if err != nil {
			return nil, err
		}
		return shown(ctx, who, d.ID)
	})

	route(a, http.MethodPost, "/alarm-devices/{id}/arm", "Arm, disarm or bypass a device (布防 撤防 旁路)", power(access.AnswerAlarm), func(ctx context.Context, who access.Session, in *struct {
		ID   int64 `path:"id"`
		Body struct {
			Mode   alarm.Mode `json:"mode" enum:"armed,disarmed,bypassed"`
			Reason string     `json:"reason,omitempty" maxLength:"200"`
		}
	}) (*reply, error) {
		if _, err := a.Desk.ArmDevice(ctx, who.Principal, in.ID, in.Body.Mode, strings.TrimSpace(in.Body.Reason)); err != nil {
			return nil, err
		}
		return shown(ctx, who, in.ID)
	})
}
