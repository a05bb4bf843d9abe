package courier

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/smtp"
	"net/textproto"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// mailer sends the letter as a mail in plain text.
type mailer struct {
	set      map[string]string
	password string
	clock    func() time.Time
}

// ports of the three ways to be private, when none is set.
var ports = map[string]string{"starttls": "587", "tls": "465", "none": "25"}

func (m *mailer) send(ctx context.Context, l letter) (receipt, error) {
	from, err := mail.ParseAddress(m.set["from"])
	if err != nil {
		return receipt{}, never("发件人地址有误", nil)
	}
	to, err := mail.ParseAddressList(m.set["to"])
	if err != nil {
		return receipt{}, never("收件人地址有误", nil)
	}
	client, err := m.connect(ctx)
	if err != nil {
		return receipt{}, err
	}
	defer func() { _ = client.Close() }()
	if err := client.Mail(from.Address); err != nil {
		return receipt{}, mailRefusal(err)
	}
	var refused error
	taken := 0
	for _, one := range to {
		if err := client.Rcpt(one.Address); err != nil {
			refused = err
			continue
		}
		taken++
	}
	if taken == 0 {
		return receipt{}, mailRefusal(refused)
	}
	w, err := client.Data()
	if err != nil {
		return receipt{}, mailRefusal(err)
	}
	if _, err := w.Write(compose(l, from, to, m.clock())); err != nil {
		return receipt{}, mailRefusal(err)
	}
	if err := w.Close(); err != nil { // the server takes the mail here
		return receipt{}, mailRefusal(err)
	}
	_ = client.Quit() // it has the mail, whatever it says now
	r := receipt{number: messageID(l, from)}
	if refused != nil {
		r.note = "部分收件人被邮件服务器拒绝"
	}
	return r, nil
}

// connect opens a session: encrypted unless the channel says none, never less
// than it says, and signed in when it has a user.
func (m *mailer) connect(ctx context.Context) (*smtp.Client, error) {
	host, security := m.set["host"], m.set["security"]
	if security == "" {
		security = "starttls"
	}
	port := m.set["port"]
	if port == "" {
		port = ports[security]
	}
	secure := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	if ca := m.set["ca"]; ca != "" {
		secure.RootCAs = x509.NewCertPool()
		secure.RootCAs.AppendCertsFromPEM([]byte(ca))
	}
	conn, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "tcp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, later(networkWords(err), err)
	}
	if until, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(until)
	}
	if security == "tls" {
		conn = tls.Client(conn, secure)
	}
	client, err := smtp.NewClient(conn, host)
	if err != nil {
		conn.Close()
		return nil, mailRefusal(err)
	}
	if err := m.greet(client, security, secure); err != nil {
		_ = client.Close()
		return nil, err
	}
	return client, nil
}

func (m *mailer) greet(client *smtp.Client, security string, secure *tls.Config) error {
	hello := m.set["hello"]
	if hello == "" {
		hello = "gridward"
	}
	if err := client.Hello(hello); err != nil {
		return mailRefusal(err)
	}
	if security == "starttls" {
		if ok, _ := client.Extension("STARTTLS"); !ok {
			return never("邮件服务器不支持 STARTTLS，没有发送", nil)
		}
		if err := client.StartTLS(secure); err != nil {
			return mailRefusal(err)
		}
	}
	if m.set["user"] == "" {
		return nil
	}
	_, offered := client.Extension("AUTH")
	var auth smtp.Auth
	switch methods := strings.Fields(strings.ToUpper(offered)); {
	case slices.Contains(methods, "PLAIN"):
		auth = smtp.PlainAuth("", m.set["user"], m.password, m.set["host"])
	case slices.Contains(methods, "LOGIN"):
		auth = &loginAuth{user: m.set["user"], password: m.password}
	case slices.Contains(methods, "CRAM-MD5"):
		auth = smtp.CRAMMD5Auth(m.set["user"], m.password)
	default:
		return never("邮件服务器不提供可用的登录方式", nil)
	}
	if security == "none" && !thisMachine(m.set["host"]) {
		return never("没有加密时不发送邮箱密码，请选择 starttls 或 tls", nil)
	}
	if err := client.Auth(auth); err != nil {
		return mailRefusal(err)
	}
	return nil
}

// thisMachine reports whether the host is this machine.
func thisMachine(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// loginAuth is AUTH LOGIN, the one way some mail servers know.
type loginAuth struct{ user, password string }

func (a *loginAuth) Start(*smtp.ServerInfo) (string, []byte, error) { return "LOGIN", nil, nil }

func (a *loginAuth) Next(prompt []byte, more bool) ([]byte, error) {
	if !more {
		return nil, nil
	}
	if strings.HasPrefix(strings.ToLower(string(prompt)), "user") {
		return []byte(a.user), nil
	}
	return []byte(a.password), nil
}

// mailRefusal judges what a mail server said. Its text may quote an address, so
// only the code is shown.
func mailRefusal(err error) error {
	var said *textproto.Error
	if !errors.As(err, &said) {
		return later(networkWords(err), err)
	}
	code := errors.New(fmt.Sprint("smtp ", said.Code))
	switch {
	case said.Code >= 400 && said.Code < 500:
		return later(fmt.Sprintf("邮件服务器暂时不接收（%d）", said.Code), code)
	case said.Code == 535, said.Code == 534, said.Code == 530:
		return never(fmt.Sprintf("邮箱用户名或密码有误（%d）", said.Code), code)
	}
	return never(fmt.Sprintf("邮件服务器拒绝（%d），请检查地址和权限", said.Code), code)
}

func messageID(l letter, from *mail.Address) string {
	_, domain, _ := strings.Cut(from.Address, "@")
	return "<" + l.ID.String() + "@" + domain + ">"
}

// compose writes the mail. Its Message-ID is the delivery's, so that a mail
// sent twice is seen to be the same.
func compose(l letter, from *mail.Address, to []*mail.Address, now time.Time) []byte {
	var b bytes.Buffer
	addresses := make([]string, len(to))
	for i, a := range to {
		addresses[i] = folded(a)
	}
	for _, h := range [][2]string{
		{"From", folded(from)}, {"To", strings.Join(addresses, ",\r\n ")}, {"Subject", encodeSubject(l.Title)}, {"Date", now.Format(time.RFC1123Z)},
		{"Message-ID", messageID(l, from)}, {"MIME-Version", "1.0"}, {"Content-Type", "text/plain; charset=utf-8"}, {"Content-Transfer-Encoding", "base64"},
		{"Auto-Submitted", "auto-generated"}, {"X-Gridward-Event", l.Event},
	} {
		fmt.Fprintf(&b, "%s: %s\r\n", h[0], h[1])
	}
	b.WriteString("\r\n")
	text := strings.ReplaceAll(l.Text, "\n", "\r\n") + "\r\n"
	if l.Ack != "" {
		text += "\r\n收到请打开下面的链接回执：\r\n" + l.Ack + "\r\n"
	}
	encoded := base64.StdEncoding.EncodeToString([]byte(text))
	for len(encoded) > 76 {
		b.WriteString(encoded[:76] + "\r\n")
		encoded = encoded[76:]
	}
	b.WriteString(encoded + "\r\n")
	return b.Bytes()
}

// encodeSubject writes UTF-8 into a header (RFC 2047), folded; what could end the header is a space.
func encodeSubject(s string) string {
	var words []string
	word := ""
	for _, r := range s {
		if r < ' ' || r == 0x7f {
			r = ' '
		}
		if len(word)+utf8.RuneLen(r) > 36 {
			words = append(words, encodedWord(word))
			word = ""
		}
		word += string(r)
	}
	return strings.Join(append(words, encodedWord(word)), "\r\n ")
}

func encodedWord(s string) string {
	return "=?utf-8?b?" + base64.StdEncoding.EncodeToString([]byte(s)) + "?="
}

// folded is an address with its name on a line of its own.
func folded(a *mail.Address) string { return strings.Replace(a.String(), "?= <", "?=\r\n <", 1) }
