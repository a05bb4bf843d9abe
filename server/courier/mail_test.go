package courier

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"mime"
	"net"
	"net/mail"
	"strings"
	"sync"
	"testing"
	"time"
)

// mailServer is a small SMTP server: STARTTLS, AUTH PLAIN and LOGIN, and
// refusals as it is told.
type mailServer struct {
	t      *testing.T
	listen net.Listener
	secure *tls.Config
	ca     string

	mu       sync.Mutex
	login    string // PLAIN, LOGIN or "" for no AUTH
	noTLS    bool
	refuse   map[string]string // command or address → answer
	messages []gotMail
	sessions []string // what was said in the clear and under TLS: "C:" and "S:" lines
}

type gotMail struct {
	from, user string
	to         []string
	secure     bool
	data       string
}

func newMailServer(t *testing.T) *mailServer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	about := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, about, about, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	s := &mailServer{t: t, login: "PLAIN", refuse: map[string]string{}, ca: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		secure: &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}}
	if s.listen, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := s.listen.Accept()
			if err != nil {
				return
			}
			all.Go(func() { s.serve(c) })
		}
	})
	t.Cleanup(func() { s.listen.Close(); all.Wait() })
	return s
}

func (s *mailServer) settings(change map[string]string) map[string]string {
	_, port, _ := net.SplitHostPort(s.listen.Addr().String())
	set := map[string]string{"host": "127.0.0.1", "port": port, "from": "网格平台 <gridward@street.example>", "to": "a@street.example,李四 <b@street.example>", "user": "gridward", "ca": s.ca}
	for k, v := range change {
		set[k] = v
	}
	return set
}

func (s *mailServer) mails() []gotMail {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]gotMail(nil), s.messages...)
}

func (s *mailServer) serve(c net.Conn) {
	defer func() { c.Close() }()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	s.mu.Lock()
	login, noTLS := s.login, s.noTLS
	refuse := func(what string) string {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.refuse[what]
	}
	s.mu.Unlock()
	in := bufio.NewReader(c)
	say := func(line string) { fmt.Fprintf(c, "%s\r\n", line) }
	var m gotMail
	say("220 mail.example ESMTP")
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		s.mu.Lock()
		s.sessions = append(s.sessions, fmt.Sprintf("%v %s", m.secure, line))
		s.mu.Unlock()
		word, rest, _ := strings.Cut(line, " ")
		word = strings.ToUpper(word)
		if no := refuse(word); no != "" {
			say(no)
			continue
		}
		switch word {
		case "EHLO":
			say("250-mail.example")
			if !noTLS && !m.secure {
				say("250-STARTTLS")
			}
			if login != "" {
				say("250-AUTH " + login)
			}
			say("250 8BITMIME")
		case "STARTTLS":
			say("220 go ahead")
			secure := tls.Server(c, s.secure)
			if secure.Handshake() != nil {
				return
			}
			c, in, m.secure = secure, bufio.NewReader(secure), true
		case "AUTH":
			m.user = s.auth(rest, in, say)
			if m.user != "gridward/mail-password" {
				say("535 5.7.8 authentication failed for gridward")
				continue
			}
			say("235 welcome")
		case "MAIL":
			m.from = rest
			say("250 ok")
		case "RCPT":
			if no := refuse(rest); no != "" {
				say(no)
				continue
			}
			m.to = append(m.to, rest)
			say("250 ok")
		case "DATA":
			say("354 go on")
			var data bytes.Buffer
			for {
				text, err := in.ReadString('\n')
				if err != nil {
					return
				}
				if text == ".\r\n" {
					break
				}
				data.WriteString(text)
			}
			if no := refuse("END"); no != "" {
				say(no)
				continue
			}
			m.data = data.String()
			s.mu.Lock()
			s.messages = append(s.messages, m)
			s.mu.Unlock()
			say("250 queued")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

func (s *mailServer) auth(rest string, in *bufio.Reader, say func(string)) string {
	decode := func(t string) string {
		b, _ := base64.StdEncoding.DecodeString(strings.TrimSpace(t))
		return string(b)
	}
	method, first, _ := strings.Cut(rest, " ")
	if method == "PLAIN" {
		parts := strings.Split(decode(first), "\x00")
		return parts[1] + "/" + parts[2]
	}
	say("334 " + base64.StdEncoding.EncodeToString([]byte("Username:")))
	user, _ := in.ReadString('\n')
	say("334 " + base64.StdEncoding.EncodeToString([]byte("Password:")))
	pass, _ := in.ReadString('\n')
	return decode(user) + "/" + decode(pass)
}

func TestMailToARealServer(t *testing.T) {
	t.Parallel()
	for sentence, c := range map[string]struct {
		shape    func(*mailServer)
		set      map[string]string
		password string
		state    string
		said     string
		mails    int
	}{
		"STARTTLS and PLAIN":                        {func(*mailServer) {}, nil, "mail-password", "sent", "", 1},
		"AUTH LOGIN, for servers that know no more": {func(s *mailServer) { s.login = "LOGIN" }, nil, "mail-password", "sent", "", 1},
		"no user, in the clear, where that is said": {func(s *mailServer) { s.login, s.noTLS = "", true }, map[string]string{"security": "none", "user": ""}, "", "sent", "", 1},
		"no TLS there: nothing is sent":             {func(s *mailServer) { s.noTLS = true }, nil, "mail-password", "dead", "邮件服务器不支持 STARTTLS，没有发送", 0},
		"a certificate of somebody else":            {func(*mailServer) {}, map[string]string{"ca": ""}, "mail-password", "failed", "对方的证书不受信任，请检查证书或填写其根证书", 0},
		"a wrong password":                          {func(*mailServer) {}, nil, "wrong-password", "dead", "邮箱用户名或密码有误（535）", 0},
		"greylisted":                                {func(s *mailServer) { s.refuse["DATA"] = "451 4.7.1 try later, a@street.example" }, nil, "mail-password", "failed", "邮件服务器暂时不接收（451）", 0},
		"refused after it was read":                 {func(s *mailServer) { s.refuse["END"] = "554 5.7.1 spam" }, nil, "mail-password", "dead", "邮件服务器拒绝（554），请检查地址和权限", 0},
		"one of two recipients is unknown":          {func(s *mailServer) { s.refuse["TO:<b@street.example>"] = "550 5.1.1 no such user" }, nil, "mail-password", "sent", "部分收件人被邮件服务器拒绝", 1},
		"no recipient is known":                     {func(s *mailServer) { s.refuse["RCPT"] = "550 5.1.1 no such user" }, nil, "mail-password", "dead", "邮件服务器拒绝（550），请检查地址和权限", 0},
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			w, s := newWorld(t), newMailServer(t)
			c.shape(s)
			secrets := map[string]string{"password": c.password}
			if c.password == "" {
				secrets = nil
			}
			id := w.channel(w.street, "smtp", s.settings(c.set), secrets, nil)
			inc := w.happens("incident.overdue", w.east, w.eastPath, nil, nil)
			w.round()
			d := w.only(id)
			if d.State != c.state || d.LastError != c.said || len(s.mails()) != c.mails {
				t.Fatalf("%+v, %d mails\n%s", d, len(s.mails()), strings.Join(s.sessions, "\n"))
			}
			for _, line := range s.sessions {
				if strings.HasPrefix(line, "false AUTH") {
					t.Errorf("the password was sent in the clear")
				}
			}
			if strings.Contains(w.log.String(), "password") || strings.Contains(w.log.String(), "a@street") {
				t.Errorf("the log tells: %s", w.log)
			}
			if c.mails == 0 {
				return
			}
			m, err := mail.ReadMessage(strings.NewReader(s.mails()[0].data))
			if err != nil {
				t.Fatal(err)
			}
			for _, line := range strings.Split(s.mails()[0].data, "\r\n") {
				if len(line) > 78 {
					t.Errorf("a line of %d bytes: %s", len(line), line)
				}
			}
			subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
			if err != nil || subject != "【明湖街道】"+inc.CaseNo+" 已逾期：井盖缺失，请联系 138****8000" {
				t.Errorf("subject %q %v", subject, err)
			}
			from, err := m.Header.AddressList("From")
			if err != nil || from[0].Name != "网格平台" || m.Header.Get("Message-ID") != "<"+d.ID.String()+"@street.example>" {
				t.Errorf("%v %v", from, m.Header)
			}
			text, err := io.ReadAll(base64.NewDecoder(base64.StdEncoding, m.Body))
			if err != nil || !strings.Contains(string(text), "案号："+inc.CaseNo+"\r\n") || !strings.Contains(string(text), "https://gridward.example"+AckPath) || strings.Contains(string(text), "13800138000") {
				t.Errorf("%s %v", text, err)
			}
		})
	}
}

func TestASubjectCannotAddAHeader(t *testing.T) {
	t.Parallel()
	s := encodeSubject("井盖\r\nBcc: thief@example.com\x00" + strings.Repeat("长", 80))
	got, err := new(mime.WordDecoder).DecodeHeader(strings.ReplaceAll(s, "\r\n", ""))
	if err != nil || !strings.HasPrefix(got, "井盖  Bcc: thief@example.com 长") {
		t.Errorf("%q %v", got, err)
	}
	for i, line := range strings.Split(s, "\r\n") {
		if len(line) > 78 || i > 0 && line[0] != ' ' {
			t.Errorf("%q", line)
		}
	}
}
