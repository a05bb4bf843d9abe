package main

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// The doors of alarm systems and of cameras are open in the whole house, and
// neither lets in who does not show what it asks for. An alarm system is no
// browser: the rules for foreign pages are not for it.
func TestTheDoorsOfTheWatch(t *testing.T) {
	h, stop := open(t, "-video-gateway", "http://127.0.0.1:1/live/{stream}/index.m3u8")
	defer func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	}()
	for sentence, c := range map[string]struct {
		method, path string
		want         int
		words        string
	}{
		"an alarm system signs":           {"POST", "/alarm-hook/hub", 401, "signature"},
		"a webhook is posted":             {"GET", "/alarm-hook/hub", 404, ""},
		"whoever looks signs in":          {"GET", "/video/nothing/index.m3u8", 401, "请先登录"},
		"nothing is written to a camera":  {"POST", "/video/nothing/index.m3u8", 403, ""}, // a foreign page's
		"a camera has no other addresses": {"GET", "/video/nothing/a/b", 404, ""},
		"and upwards leads out of it":     {"GET", "/video/../alarm-hook/hub", 404, ""},
	} {
		r, err := http.NewRequestWithContext(t.Context(), c.method, h.url+c.path, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode != c.want || !strings.Contains(string(body), c.words) {
			t.Errorf("%s: %s %s: %d %s", sentence, c.method, c.path, res.StatusCode, body)
		}
	}
}
