package courier

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"maps"
	"net"
	"net/mail"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/postgres"
)

// Defaults of the two message platforms; a 专有钉钉 or 政务微信 has an address of its own.
const (
	dingTalkBase = "https://oapi.dingtalk.com"
	weComBase    = "https://qyapi.weixin.qq.com"
)

// kinds say what each kind of channel must, may and does keep secret.
var kinds = map[string]struct{ must, may, secret []string }{
	"webhook":  {must: []string{"url"}, may: []string{"ca"}, secret: []string{"secret"}},
	"smtp":     {must: []string{"host", "from", "to"}, may: []string{"port", "security", "user", "ca", "hello"}, secret: []string{"password"}},
	"dingtalk": {must: []string{"app_key", "agent_id"}, may: []string{"base", "to_users", "to_depts", "ca"}, secret: []string{"app_secret"}},
	"wecom":    {must: []string{"corp_id", "agent_id"}, may: []string{"base", "to_users", "to_parties", "to_tags", "ca"}, secret: []string{"corp_secret"}},
}

var (
	patternShape = regexp.MustCompile(`^[a-z_]+\.(\*|[a-z_]+)$`)
	numbersShape = regexp.MustCompile(`^[0-9]+(,[0-9]+)*$`)
	usersShape   = regexp.MustCompile(`^[A-Za-z0-9._@-]+(,[A-Za-z0-9._@-]+)*$`)
)

// Check puts a channel's settings in order and says what is wrong with them.
// secrets are those that come with the request, known those that are set already.
func Check(c *postgres.Channel, secrets map[string]string, known []string) error {
	wrong := map[string]string{}
	c.Name = strings.TrimSpace(c.Name)
	if c.Name == "" {
		wrong["name"] = "请填写名称"
	}
	if len(c.Events) == 0 {
		wrong["events"] = "请至少选择一种消息"
	}
	for _, e := range c.Events {
		if !patternShape.MatchString(e) {
			wrong["events"] = "消息种类应写成 incident.dispatched 或 incident.* 的形式"
		}
	}
	for _, t := range c.Tiers {
		if t < 1 || t > 4 {
			wrong["tiers"] = "处置层级为 1 至 4"
		}
	}
	for _, u := range c.Urgencies {
		if urgencyWords[u] == "" {
			wrong["urgencies"] = "没有这种紧急程度"
		}
	}
	shape, ok := kinds[c.Kind]
	if !ok {
		wrong["kind"] = "没有这种消息通道"
	} else {
		checkSettings(c, wrong, shape.must, shape.may)
		for name := range secrets {
			if !slices.Contains(shape.secret, name) {
				wrong["secrets."+name] = "没有这一项"
			}
		}
		for _, name := range shape.secret {
			value, given := secrets[name]
			optional := c.Kind == "smtp" && c.Settings["user"] == ""
			if !optional && (given && value == "" || !given && !slices.Contains(known, name)) {
				wrong["secrets."+name] = "请填写"
			}
			if c.Kind == "webhook" && given && value != "" && len(value) < 16 {
				wrong["secrets."+name] = "签名密钥至少 16 个字符"
			}
			if strings.ContainsAny(value, "\r\n\x00") || len(value) > 512 {
				wrong["secrets."+name] = "含有不能使用的字符，或者太长"
			}
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	f := fault.New(fault.Invalid, "消息通道的设置有误，请检查标出的项目")
	f.Fields = wrong
	return f
}

func checkSettings(c *postgres.Channel, wrong map[string]string, must, may []string) {
	kept := map[string]string{}
	for name, value := range c.Settings {
		if value = strings.TrimSpace(value); value == "" {
			continue
		}
		if !slices.Contains(must, name) && !slices.Contains(may, name) {
			wrong["settings."+name] = "没有这一项"
			continue
		}
		if len(value) > 16<<10 || name != "ca" && strings.ContainsAny(value, "\r\n\x00") {
			wrong["settings."+name] = "含有不能使用的字符，或者太长"
			continue
		}
		kept[name] = value
		if said := checkSetting(c.Kind, name, value); said != "" {
			wrong["settings."+name] = said
		}
	}
	for _, name := range must {
		if kept[name] == "" && wrong["settings."+name] == "" {
			wrong["settings."+name] = "请填写"
		}
	}
	nobody := kept["to_users"]+kept["to_depts"]+kept["to_parties"]+kept["to_tags"] == ""
	if (c.Kind == "dingtalk" || c.Kind == "wecom") && nobody && wrong["settings.to_users"] == "" {
		wrong["settings.to_users"] = "请填写接收人或接收部门"
	}
	c.Settings = kept
}

// checkSetting says what is wrong with one setting, or nothing.
func checkSetting(kind, name, value string) string {
	switch name {
	case "url", "base":
		u, err := url.Parse(value)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil || u.Fragment != "" || name == "base" && u.RawQuery != "" {
			return "请填写完整的 http(s) 地址，不带用户名和密码"
		}
	case "host":
		if strings.ContainsAny(value, "/@ ") || net.ParseIP(value) == nil && strings.Contains(value, ":") {
			return "请填写主机名或 IP 地址"
		}
	case "port":
		if n, err := strconv.Atoi(value); err != nil || n < 1 || n > 65535 {
			return "端口为 1 至 65535"
		}
	case "security":
		if !slices.Contains([]string{"starttls", "tls", "none"}, value) {
			return "加密方式为 starttls、tls 或 none"
		}
	case "from":
		if _, err := mail.ParseAddress(value); err != nil {
			return "发件人地址有误"
		}
	case "to":
		if list, err := mail.ParseAddressList(value); err != nil || len(list) > 50 {
			return "收件人地址有误，多个地址用逗号分开，最多 50 个"
		}
	case "agent_id":
		if _, err := strconv.ParseInt(value, 10, 64); err != nil {
			return "应用编号应为数字"
		}
	case "to_users":
		if value != "@all" && !usersShape.MatchString(value) {
			return "用户编号用英文逗号分开"
		}
	case "to_depts", "to_parties", "to_tags":
		if !numbersShape.MatchString(value) {
			return "编号用英文逗号分开"
		}
	case "ca":
		if !x509.NewCertPool().AppendCertsFromPEM([]byte(value)) {
			return "不是 PEM 格式的证书"
		}
	}
	return ""
}

// NewSecret makes a webhook's signing key.
func NewSecret() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // it never fails
	return hex.EncodeToString(b)
}

// NewAckKey makes the key of a channel's receipts.
func NewAckKey() []byte {
	b := make([]byte, 32)
	_, _ = rand.Read(b)
	return b
}

// Elsewhere reports whether the settings or the secrets send a channel's
// messages to another receiver than before.
func Elsewhere(before, after map[string]string, secrets map[string]string) bool {
	return len(secrets) > 0 || !maps.Equal(before, after)
}

// sender takes letters to one receiver.
type sender interface {
	// send returns nil when the receiver has taken the letter, and otherwise a refusal.
	send(ctx context.Context, l letter) (receipt, error)
}

// open makes the sender of a channel; the second result closes its connections.
func (p *Post) open(c postgres.Channel, secrets map[string]string) (sender, func()) {
	if c.Kind == "smtp" {
		return &mailer{set: c.Settings, password: secrets["password"], clock: p.Clock}, func() {}
	}
	client := newClient(c.Settings["ca"])
	switch c.Kind {
	case "dingtalk":
		return &dingTalk{set: c.Settings, secret: secrets["app_secret"], token: p.tokens.of(c.ID, c.Version), http: client, clock: p.Clock}, client.CloseIdleConnections
	case "wecom":
		return &weCom{set: c.Settings, secret: secrets["corp_secret"], token: p.tokens.of(c.ID, c.Version), http: client, clock: p.Clock}, client.CloseIdleConnections
	}
	return &webhook{url: c.Settings["url"], secret: secrets["secret"], http: client, clock: p.Clock}, client.CloseIdleConnections
}
