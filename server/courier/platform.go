package courier

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// answer is what both platforms say: HTTP 200 and a code of their own.
type answer struct {
	Code        *int            `json:"errcode"`
	SubCode     string          `json:"sub_code"`
	AccessToken string          `json:"access_token"`
	ExpiresIn   int             `json:"expires_in"`
	Task        json.Number     `json:"task_id"` // 钉钉
	MsgID       json.RawMessage `json:"msgid"`   // 企业微信
	InvalidUser string          `json:"invaliduser"`
	InvalidDept string          `json:"invalidparty"`
	InvalidTag  string          `json:"invalidtag"`
}

// Codes of the platforms, from their public lists. Whatever is not here is
// taken for "never": it names a setting that somebody must put right.
var (
	staleToken = []int{40001, 40014, 41001, 42001, 88} // 88: 钉钉鉴权异常
	busyCodes  = map[int]string{
		-1: "平台系统繁忙", 6000: "平台数据冲突", 45009: "接口调用超过频率限制", 45033: "接口并发超过限制", 90018: "接口调用超过频率限制",
		143103: "应用每分钟发送量超限", 143104: "企业每分钟发送量超限", 143105: "当日推送量超限", 1430003: "平台系统保护",
	}
	wrongCodes = map[int]string{
		40013: "企业编号无效", 40056: "应用编号无效", 60011: "应用没有权限", 60020: "本机 IP 不在平台的可信 IP 名单中", 81013: "接收人都无效", 40089: "应用标识或密钥有误",
		33012: "接收人无效", 33001: "企业编号无效", 50002: "成员不在应用的可见范围", 301002: "应用没有权限", 1430000: "没有接收人", 1430002: "内容被平台拒绝",
	}
)

func (a answer) judge() error {
	switch {
	case a.Code == nil:
		return later("平台的应答不是预期的格式，请检查地址", nil)
	case *a.Code == 0:
		return nil
	case busyCodes[*a.Code] != "":
		return later(fmt.Sprintf("%s（%d）", busyCodes[*a.Code], *a.Code), nil)
	case wrongCodes[*a.Code] != "":
		return never(fmt.Sprintf("%s（%d）", wrongCodes[*a.Code], *a.Code), nil)
	}
	return never(fmt.Sprintf("平台拒绝（错误码 %d），请检查通道设置", *a.Code), nil)
}

// stale reports whether the platform no longer knows our token.
func (a answer) stale() bool {
	if a.Code == nil {
		return false
	}
	for _, code := range staleToken {
		if *a.Code == code {
			return true
		}
	}
	return false
}

// ask sends one request to a platform. Its address holds a token or a key, so
// no error of it may be logged whole: exchange takes the address off.
func ask(ctx context.Context, client *http.Client, method, address string, body any) (answer, error) {
	var (
		a    answer
		text []byte
	)
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return a, never("消息内容无法写成 JSON", err)
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(text))
	if err != nil {
		return a, never("平台地址有误", nil)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json; charset=utf-8")
	}
	resp, got, err := exchange(client, req)
	if err != nil {
		return a, err
	}
	if err := judgeStatus(resp); err != nil {
		return a, err
	}
	if json.Unmarshal(got, &a) != nil {
		return answer{}, nil // judged as a foreign format
	}
	return a, nil
}

// tokens keep each channel's access token while it is good, in memory only.
type tokens struct {
	mu  sync.Mutex
	all map[int64]*accessToken
}

// of returns the token of a channel as it is now; a changed channel begins with none.
func (t *tokens) of(channel int64, version int32) *accessToken {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.all == nil {
		t.all = map[int64]*accessToken{}
	}
	if k := t.all[channel]; k != nil && k.version == version {
		return k
	}
	k := &accessToken{version: version}
	t.all[channel] = k
	return k
}

type accessToken struct {
	version int32
	mu      sync.Mutex
	value   string
	until   time.Time
}

// get returns the token, fetched anew when it is old. The platforms give the
// same token twice within its life and punish asking often.
func (t *accessToken) get(ctx context.Context, client *http.Client, address string, now time.Time) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.value != "" && now.Before(t.until) {
		return t.value, nil
	}
	a, err := ask(ctx, client, http.MethodGet, address, nil)
	if err == nil {
		if a.stale() {
			err = never(fmt.Sprintf("平台不认可应用标识或密钥（%d）", *a.Code), nil)
		} else {
			err = a.judge()
		}
	}
	if err == nil && a.AccessToken == "" {
		err = later("平台没有给出访问凭证", nil)
	}
	if err != nil {
		return "", err
	}
	life := time.Duration(a.ExpiresIn) * time.Second
	t.value, t.until = a.AccessToken, now.Add(max(life-5*time.Minute, life/2))
	return t.value, nil
}

func (t *accessToken) forget(value string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.value == value {
		t.value = ""
	}
}

// tell sends with the token, and once more with a fresh one when the platform
// no longer knows it.
func tell(ctx context.Context, client *http.Client, t *accessToken, clock func() time.Time, tokenAddress string, address func(token string) string, body any) (answer, error) {
	for try := 0; ; try++ {
		token, err := t.get(ctx, client, tokenAddress, clock())
		if err != nil {
			return answer{}, err
		}
		a, err := ask(ctx, client, http.MethodPost, address(token), body)
		if err != nil {
			return a, err
		}
		if a.stale() {
			t.forget(token)
			if try == 0 {
				continue
			}
			return a, later(fmt.Sprintf("平台不认可访问凭证（%d）", *a.Code), nil)
		}
		return a, a.judge()
	}
}

// dingTalk sends work notices (钉钉工作通知).
type dingTalk struct {
	set    map[string]string
	secret string
	token  *accessToken
	http   *http.Client
	clock  func() time.Time
}

func (d *dingTalk) send(ctx context.Context, l letter) (receipt, error) {
	base := strings.TrimRight(d.set["base"], "/")
	if base == "" {
		base = dingTalkBase
	}
	agent, _ := strconv.ParseInt(d.set["agent_id"], 10, 64) // Check has read it
	body := map[string]any{
		"agent_id": agent,
		"msg":      map[string]any{"msgtype": "text", "text": map[string]string{"content": cut(l.forPeople(), 2000)}},
	}
	switch users, depts := d.set["to_users"], d.set["to_depts"]; {
	case users == "@all":
		body["to_all_user"] = true
	default:
		if users != "" {
			body["userid_list"] = users
		}
		if depts != "" {
			body["dept_id_list"] = depts
		}
	}
	login := base + "/gettoken?" + url.Values{"appkey": {d.set["app_key"]}, "appsecret": {d.secret}}.Encode()
	a, err := tell(ctx, d.http, d.token, d.clock, login, func(token string) string {
		return base + "/topapi/message/corpconversation/asyncsend_v2?" + url.Values{"access_token": {token}}.Encode()
	}, body)
	return receipt{number: a.Task.String()}, err
}

// weCom sends application messages (企业微信应用消息).
type weCom struct {
	set    map[string]string
	secret string
	token  *accessToken
	http   *http.Client
	clock  func() time.Time
}

func (w *weCom) send(ctx context.Context, l letter) (receipt, error) {
	base := strings.TrimRight(w.set["base"], "/")
	if base == "" {
		base = weComBase
	}
	agent, _ := strconv.ParseInt(w.set["agent_id"], 10, 64)
	list := func(name string) string { return strings.ReplaceAll(w.set[name], ",", "|") }
	body := map[string]any{
		"touser": list("to_users"), "toparty": list("to_parties"), "totag": list("to_tags"), "msgtype": "text", "agentid": agent,
		"text": map[string]string{"content": cut(l.forPeople(), 2000)},
		// The same words within half an hour are a repetition of ours: the platform shows them once.
		"enable_duplicate_check": 1, "duplicate_check_interval": 1800,
	}
	login := base + "/cgi-bin/gettoken?" + url.Values{"corpid": {w.set["corp_id"]}, "corpsecret": {w.secret}}.Encode()
	a, err := tell(ctx, w.http, w.token, w.clock, login, func(token string) string {
		return base + "/cgi-bin/message/send?" + url.Values{"access_token": {token}}.Encode()
	}, body)
	r := receipt{number: strings.Trim(string(a.MsgID), `"`)}
	if a.InvalidUser+a.InvalidDept+a.InvalidTag != "" {
		r.note = "部分接收人无效，未收到消息"
	}
	return r, err
}

// forPeople is the letter as a person reads it.
func (l letter) forPeople() string {
	text := l.Title + "\n" + l.Text
	if l.Ack != "" {
		text += "\n收到请回执：" + l.Ack
	}
	return text
}

// cut shortens s to so many bytes without breaking a character.
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	end := limit - len("…")
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}
