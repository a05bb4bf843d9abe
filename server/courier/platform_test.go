package courier

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// platform plays 钉钉 and 企业微信: tokens that run out, and codes as it is told.
type platform struct {
	*httptest.Server
	mu       sync.Mutex
	issued   int
	good     string // the token that is good now
	code     int    // of the next messages
	extra    string
	messages []map[string]any
	paths    []string
}

func newPlatform(t *testing.T) *platform {
	p := &platform{}
	token := func(w http.ResponseWriter, key, secret string) {
		if key != "key-1" || secret != "platform-secret" {
			fmt.Fprint(w, `{"errcode":40089,"errmsg":"不合法的corpid或corpsecret"}`)
			return
		}
		p.issued++
		p.good = fmt.Sprintf("token-%d", p.issued)
		fmt.Fprintf(w, `{"errcode":0,"errmsg":"ok","access_token":%q,"expires_in":7200}`, p.good)
	}
	message := func(w http.ResponseWriter, r *http.Request, answer string) {
		if r.URL.Query().Get("access_token") != p.good {
			fmt.Fprint(w, `{"errcode":40014,"errmsg":"不合法的access_token"}`)
			return
		}
		if p.code != 0 {
			fmt.Fprintf(w, `{"errcode":%d,"errmsg":"no"}`, p.code)
			return
		}
		var m map[string]any
		_ = json.NewDecoder(r.Body).Decode(&m)
		p.messages = append(p.messages, m)
		fmt.Fprint(w, answer)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /gettoken", func(w http.ResponseWriter, r *http.Request) {
		token(w, r.URL.Query().Get("appkey"), r.URL.Query().Get("appsecret"))
	})
	mux.HandleFunc("GET /cgi-bin/gettoken", func(w http.ResponseWriter, r *http.Request) {
		token(w, r.URL.Query().Get("corpid"), r.URL.Query().Get("corpsecret"))
	})
	mux.HandleFunc("POST /topapi/message/corpconversation/asyncsend_v2", func(w http.ResponseWriter, r *http.Request) {
		message(w, r, `{"errcode":0,"errmsg":"ok","task_id":256271667526,"request_id":"x"}`)
	})
	mux.HandleFunc("POST /cgi-bin/message/send", func(w http.ResponseWriter, r *http.Request) {
		message(w, r, `{"errcode":0,"errmsg":"ok","msgid":"m-77"`+p.extra+`}`)
	})
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.paths = append(p.paths, r.URL.Path)
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *platform) set(change func()) { p.mu.Lock(); defer p.mu.Unlock(); change() }

func (w *world) dingTalk(base string) int64 {
	return w.channel(w.street, "dingtalk", map[string]string{"base": base, "app_key": "key-1", "agent_id": "123", "to_users": "u1,u2", "to_depts": "7"}, map[string]string{"app_secret": "platform-secret"}, nil)
}

func (w *world) weCom(base string) int64 {
	return w.channel(w.street, "wecom", map[string]string{"base": base + "/", "corp_id": "key-1", "agent_id": "1000002", "to_users": "u1,u2", "to_parties": "3"}, map[string]string{"corp_secret": "platform-secret"}, nil)
}

func TestDingTalkWorkNotice(t *testing.T) {
	t.Parallel()
	w, p := newWorld(t), newPlatform(t)
	id := w.dingTalk(p.URL)
	inc := w.happens("incident.dispatched", w.east, w.eastPath, nil, nil)
	w.round()
	if d := w.only(id); d.State != "sent" || d.Receipt != "256271667526" {
		t.Fatalf("%+v %v", d, p.paths)
	}
	m := p.messages[0]
	content := m["msg"].(map[string]any)["text"].(map[string]any)["content"].(string)
	if m["agent_id"] != float64(123) || m["userid_list"] != "u1,u2" || m["dept_id_list"] != "7" || !strings.Contains(content, inc.CaseNo+" 已派遣，请签收") || !strings.Contains(content, "收到请回执：https://") || strings.Contains(content, "13800138000") {
		t.Errorf("%v", m)
	}
	// the token is used again while it is good, and fetched anew when the platform forgets it or its time is over
	w.happens("incident.signed", w.east, w.eastPath, nil, nil)
	w.round()
	if p.issued != 1 {
		t.Errorf("%d tokens for two messages", p.issued)
	}
	p.set(func() { p.good = "forgotten" })
	w.happens("incident.fed_back", w.east, w.eastPath, nil, nil)
	w.round()
	w.later(2 * time.Hour)
	w.happens("incident.closed", w.east, w.eastPath, nil, nil)
	w.round()
	if p.issued != 3 || len(p.messages) != 4 {
		t.Errorf("%d tokens, %d messages", p.issued, len(p.messages))
	}
}

func TestWeComMessage(t *testing.T) {
	t.Parallel()
	w, p := newWorld(t), newPlatform(t)
	id := w.weCom(p.URL)
	p.set(func() { p.extra = `,"invaliduser":"u2"` })
	w.happens("incident.dispatched", w.east, w.eastPath, nil, nil)
	w.round()
	if d := w.only(id); d.State != "sent" || d.Receipt != "m-77" || d.LastError != "部分接收人无效，未收到消息" {
		t.Fatalf("%+v", d)
	}
	if m := p.messages[0]; m["touser"] != "u1|u2" || m["toparty"] != "3" || m["agentid"] != float64(1000002) || m["msgtype"] != "text" || m["enable_duplicate_check"] != float64(1) {
		t.Errorf("%v", m)
	}
}

func TestWhatAPlatformSays(t *testing.T) {
	t.Parallel()
	for sentence, c := range map[string]struct {
		change func(w *world, p *platform, channel int64)
		state  string
		said   string
	}{
		"busy":               {func(_ *world, p *platform, _ int64) { p.code = -1 }, "failed", "平台系统繁忙（-1）"},
		"too often":          {func(_ *world, p *platform, _ int64) { p.code = 45009 }, "failed", "接口调用超过频率限制（45009）"},
		"nobody to send to":  {func(_ *world, p *platform, _ int64) { p.code = 81013 }, "dead", "接收人都无效（81013）"},
		"not from here":      {func(_ *world, p *platform, _ int64) { p.code = 60020 }, "dead", "本机 IP 不在平台的可信 IP 名单中（60020）"},
		"something unheard":  {func(_ *world, p *platform, _ int64) { p.code = 99999 }, "dead", "平台拒绝（错误码 99999），请检查通道设置"},
		"never a good token": {func(_ *world, p *platform, _ int64) { p.code = 42001 }, "failed", "平台不认可访问凭证（42001）"},
		"a wrong secret": {func(w *world, _ *platform, channel int64) {
			w.exec(`UPDATE channel SET secrets = '{"corp_secret": "no-platform-secret"}' WHERE id = $1`, channel)
		}, "dead", "应用标识或密钥有误（40089）"},
		"another program at that address": {func(w *world, _ *platform, channel int64) {
			page := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { fmt.Fprint(rw, "<html>") }))
			w.t.Cleanup(page.Close)
			w.exec(`UPDATE channel SET settings = settings || jsonb_build_object('base', $2::text) WHERE id = $1`, channel, page.URL)
		}, "failed", "平台的应答不是预期的格式，请检查地址"},
		"nobody there": {func(w *world, p *platform, _ int64) { p.Close() }, "failed", "对方拒绝连接，请检查地址和端口"},
		"no such host": {func(w *world, _ *platform, channel int64) {
			w.exec(`UPDATE channel SET settings = settings || '{"base": "http://no-such-host.invalid"}' WHERE id = $1`, channel)
		}, "failed", "找不到对方主机，请检查地址和域名解析"},
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			w, p := newWorld(t), newPlatform(t)
			id := w.weCom(p.URL)
			c.change(w, p, id)
			w.happens("incident.dispatched", w.east, w.eastPath, nil, nil)
			w.round()
			if d := w.only(id); d.State != c.state || d.LastError != c.said {
				t.Errorf("%+v", d)
			}
			if log := w.log.String(); strings.Contains(log, "platform-secret") || strings.Contains(log, "token-1") || !strings.Contains(log, "a message was not delivered") {
				t.Errorf("the log says: %s", log)
			}
		})
	}
}

func TestCutKeepsCharactersWhole(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]string{"短": "短", "一二三四五": "一二…", "abcdefghijk": "abcdefg…"} {
		if got := cut(s, 10); got != want {
			t.Errorf("%q: %q", s, got)
		}
	}
}
