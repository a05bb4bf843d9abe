package api_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/gridward/gridward/server/courier"
	"github.com/gridward/gridward/server/postgres"
)

// A channel's whole life over the API: its secret goes in and never comes out,
// what it sends can be seen, sent again and acknowledged by a stranger.
func TestAChannelFromOpeningToClosing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var got []string
	status := http.StatusForbidden
	target := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = append(got, string(body))
		rw.WriteHeader(status)
	}))
	t.Cleanup(target.Close)
	post := courier.New(courier.Deps{DB: w.db, Seal: w.seal, Log: slog.New(slog.NewTextHandler(testLog{t}, nil)), PublicURL: func() string { return w.server.URL }})
	round := func() {
		t.Helper()
		if err := post.Round(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	read := func(body string, into any) {
		t.Helper()
		if err := json.Unmarshal([]byte(body), into); err != nil {
			t.Fatalf("%v: %s", err, body)
		}
	}
	hook := map[string]any{"org": w.org["东湖"], "kind": "webhook", "name": "区平台", "enabled": true, "events": []string{"incident.reported"}, "settings": map[string]string{"url": target.URL}}
	code, body, _ := w.call("commander1", "POST", "/api/v1/channels", hook)
	var made struct {
		Channel postgres.Channel
		Secret  string
	}
	read(body, &made)
	if code != 201 || len(made.Secret) != 64 || len(made.Channel.Secrets) != 1 || made.Channel.Secrets[0] != "secret" || made.Channel.OrgName != "东湖社区" {
		t.Fatalf("%d %s", code, body)
	}
	path := "/api/v1/channels/" + strconv.FormatInt(made.Channel.ID, 10)
	var lies string
	if err := w.db.Pool.QueryRow(t.Context(), `SELECT secrets::text || encode(ack_key, 'escape') FROM channel`).Scan(&lies); err != nil || strings.Contains(lies, made.Secret) || strings.Count(lies, "sealed:1:"+w.seal.Name()) != 2 {
		t.Errorf("in the database lies %s, %v", lies, err)
	}
	for _, p := range []string{"/api/v1/channels", "/api/v1/deliveries"} {
		if _, body, _ := w.call("commander1", "GET", p, nil); strings.Contains(body, made.Secret) {
			t.Errorf("%s tells the secret: %s", p, body)
		}
	}
	for _, login := range []string{"commander2", "sysadmin2"} { // of the neighbour
		for method, p := range map[string]string{"PUT": path, "DELETE": path, "POST": path + "/try"} {
			if code, body, _ := w.call(login, method, p, hook); code != 404 {
				t.Errorf("%s %s as %s: %d %s", method, p, login, code, body)
			}
		}
		if _, body, _ := w.call(login, "GET", "/api/v1/channels", nil); strings.Contains(body, "区平台") {
			t.Errorf("%s sees %s", login, body)
		}
	}

	// on trial, and what happens
	if code, body, _ := w.call("commander1", "POST", path+"/try", nil); code != 202 || !strings.Contains(body, `"state":"waiting"`) {
		t.Fatalf("%d %s", code, body)
	}
	if len(got) != 0 {
		t.Fatal("sent inside the request")
	}
	if code, body, _ := w.call("grid_worker1", "POST", "/api/v1/incidents", map[string]any{"title": "占道经营 13800138000", "point": middle["东湖"]}); code != 201 {
		t.Fatalf("%d %s", code, body)
	}
	w.call("grid_worker2", "POST", "/api/v1/incidents", map[string]any{"title": "西山的事", "point": middle["西山"]})
	round()
	var list struct {
		Deliveries []postgres.Delivery
		Total      int
	}
	_, body, _ = w.call("commander1", "GET", "/api/v1/deliveries?state=dead,failed", nil)
	read(body, &list)
	if list.Total != 2 || list.Deliveries[0].Kind != "incident.reported" || list.Deliveries[0].LastError == "" || list.Deliveries[0].CaseNo == "" || len(got) != 2 || strings.Contains(strings.Join(got, ""), "西山") {
		t.Fatalf("%s\n%v", body, got)
	}
	id := list.Deliveries[0].ID.String()
	if _, body, _ := w.call("commander2", "GET", "/api/v1/deliveries", nil); !strings.Contains(body, `"total":0`) {
		t.Errorf("the neighbour sees %s", body)
	}
	if code, body, _ := w.call("commander2", "POST", "/api/v1/deliveries/"+id+"/retry", nil); code != 404 {
		t.Errorf("%d %s", code, body)
	}
	if _, body, head := w.call("commander1", "GET", "/api/v1/deliveries?format=csv", nil); !strings.Contains(body, "新事件上报") || !strings.Contains(body, "发送失败，已停止") || !strings.Contains(head.Get("Content-Disposition"), "deliveries") {
		t.Errorf("%s", body)
	}

	// put right, sent again, acknowledged
	status = http.StatusOK
	hook["version"], hook["secrets"] = made.Channel.Version, map[string]string{"secret": "another-secret-of-ours"}
	code, body, _ = w.call("commander1", "PUT", path, hook)
	if code != 200 || strings.Contains(body, "another-secret") {
		t.Fatalf("%d %s", code, body)
	}
	if code, _, _ := w.call("commander1", "PUT", path, hook); code != 409 {
		t.Errorf("a stale change: %d", code)
	}
	if code, body, _ := w.call("commander1", "POST", "/api/v1/deliveries/"+id+"/retry", nil); code != 200 || !strings.Contains(body, `"state":"waiting"`) {
		t.Fatalf("%d %s", code, body)
	}
	round()
	var letter struct{ Ack, Event string }
	read(got[len(got)-1], &letter)
	ack, found := strings.CutPrefix(letter.Ack, w.server.URL)
	if !found {
		t.Fatalf("%q", letter.Ack)
	}
	if code, body, head := w.call("", "GET", ack, nil); code != 200 || !strings.Contains(body, "<button>我已收到") || !strings.Contains(head.Get("Content-Security-Policy"), "form-action 'self'") {
		t.Errorf("%d %s %v", code, body, head)
	}
	if _, body, _ := w.call("commander1", "GET", "/api/v1/deliveries?state=acked", nil); !strings.Contains(body, `"total":0`) {
		t.Errorf("looking is no receipt: %s", body)
	}
	req, _ := http.NewRequestWithContext(t.Context(), "POST", w.server.URL+ack, strings.NewReader(url.Values{"by": {"区<b>平台</b>"}}.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "text/html")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	page, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	if resp.StatusCode != 200 || !strings.Contains(string(page), "回执。") || strings.Contains(string(page), "<button>") {
		t.Errorf("%d %s", resp.StatusCode, page)
	}
	if code, body, _ := w.call("", "POST", ack, map[string]string{"by": "另一个"}); code != 200 || !strings.Contains(body, "acked_at") {
		t.Errorf("%d %s", code, body)
	}
	_, body, _ = w.call("commander1", "GET", "/api/v1/deliveries?state=acked", nil)
	read(body, &list)
	if list.Total != 1 || list.Deliveries[0].AckedBy != "区<b>平台</b>" {
		t.Errorf("%s", body)
	}
	for _, bad := range []string{courier.AckPath + "x", ack + "x"} {
		if code, body, _ := w.call("", "POST", bad, nil); code != 404 || strings.Contains(body, "acked_at") {
			t.Errorf("%d %s", code, body)
		}
	}

	if code, body, _ := w.call("commander1", "DELETE", path, nil); code != 204 && code != 200 {
		t.Errorf("%d %s", code, body)
	}
	if _, body, _ := w.call("commander1", "GET", "/api/v1/channels", nil); !strings.Contains(body, `"channels":[]`) {
		t.Errorf("%s", body)
	}
	var secrets, audits string
	if err := w.db.Pool.QueryRow(t.Context(), `SELECT secrets::text, (SELECT string_agg(action || detail::text, ' ') FROM audit) FROM channel`).Scan(&secrets, &audits); err != nil {
		t.Fatal(err)
	}
	if secrets != "{}" || strings.Contains(audits, "another-secret") || strings.Contains(audits, made.Secret) {
		t.Errorf("%s %s", secrets, audits)
	}
	for _, action := range []string{"channel.added", "channel.tried", "channel.changed", "delivery.retried", "channel.removed", "deliveries.exported"} {
		if !strings.Contains(audits, action) {
			t.Errorf("the audit has no %s: %s", action, audits)
		}
	}
}

// Whoever may not see people cannot have them sent to an address of his own.
func TestPeopleLeaveOnlyByTheHandOfWhoMaySeeThem(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	hook := func(url string, people bool, version int) map[string]any {
		return map[string]any{"org": w.org["东湖"], "kind": "webhook", "name": "区平台", "enabled": true, "people": people, "events": []string{"incident.*"}, "settings": map[string]string{"url": url}, "version": version}
	}
	if code, body, _ := w.call("sysadmin1", "POST", "/api/v1/channels", hook("https://a.example/", true, 0)); code != 403 {
		t.Errorf("%d %s", code, body)
	}
	code, body, _ := w.call("commander1", "POST", "/api/v1/channels", hook("https://a.example/", true, 0))
	if code != 201 {
		t.Fatalf("%d %s", code, body)
	}
	var made struct{ Channel postgres.Channel }
	if err := json.Unmarshal([]byte(body), &made); err != nil {
		t.Fatal(err)
	}
	path := "/api/v1/channels/" + strconv.FormatInt(made.Channel.ID, 10)
	withSecret := hook("https://a.example/", true, 1)
	withSecret["secrets"] = map[string]string{"secret": "a-secret-that-he-knows"}
	for sentence, change := range map[string]any{"to another address": hook("https://mine.example/", true, 1), "with a secret he made": withSecret} {
		if code, body, _ := w.call("sysadmin1", "PUT", path, change); code != 403 {
			t.Errorf("%s: %d %s", sentence, code, body)
		}
	}
	if code, body, _ := w.call("sysadmin1", "PUT", path, hook("https://a.example/", true, 1)); code != 200 { // the receiver stays
		t.Errorf("%d %s", code, body)
	}
	if code, body, _ := w.call("sysadmin1", "PUT", path, hook("https://mine.example/", false, 2)); code != 200 { // no people any more
		t.Errorf("%d %s", code, body)
	}
}

func TestAChannelThatCannotWorkIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for sentence, c := range map[string]struct {
		kind     string
		settings map[string]string
		secrets  map[string]string
		field    string
	}{
		"no address":                  {"webhook", map[string]string{}, nil, "settings.url"},
		"an address with a password":  {"webhook", map[string]string{"url": "https://u:p@a.example/"}, nil, "settings.url"},
		"a file":                      {"webhook", map[string]string{"url": "file:///etc/passwd"}, nil, "settings.url"},
		"a short secret":              {"webhook", map[string]string{"url": "https://a.example/"}, map[string]string{"secret": "short"}, "secrets.secret"},
		"a setting of another kind":   {"webhook", map[string]string{"url": "https://a.example/", "host": "a"}, nil, "settings.host"},
		"a secret among the settings": {"smtp", map[string]string{"host": "mail", "from": "a@b.cn", "to": "c@d.cn", "password": "x"}, nil, "settings.password"},
		"no recipient":                {"smtp", map[string]string{"host": "mail", "from": "a@b.cn"}, nil, "settings.to"},
		"a header in an address":      {"smtp", map[string]string{"host": "mail", "from": "a@b.cn", "to": "c@d.cn\r\nBcc: e@f.cn"}, nil, "settings.to"},
		"a user without a password":   {"smtp", map[string]string{"host": "mail", "from": "a@b.cn", "to": "c@d.cn", "user": "a"}, nil, "secrets.password"},
		"nobody to tell":              {"dingtalk", map[string]string{"app_key": "k", "agent_id": "1"}, map[string]string{"app_secret": "s"}, "settings.to_users"},
		"an agent that is no number":  {"wecom", map[string]string{"corp_id": "k", "agent_id": "x", "to_users": "u"}, map[string]string{"corp_secret": "s"}, "settings.agent_id"},
		"no secret":                   {"wecom", map[string]string{"corp_id": "k", "agent_id": "1", "to_users": "u"}, nil, "secrets.corp_secret"},
		"no certificate":              {"webhook", map[string]string{"url": "https://a.example/", "ca": "x"}, nil, "settings.ca"},
	} {
		code, body, _ := w.call("commander1", "POST", "/api/v1/channels", map[string]any{"org": w.org["东湖"], "kind": c.kind, "name": "区平台", "enabled": true, "events": []string{"incident.*"}, "settings": c.settings, "secrets": c.secrets})
		if code != 422 || !strings.Contains(body, `"body.`+c.field+`"`) {
			t.Errorf("%s: %d %s", sentence, code, body)
		}
	}
}
