package simulate

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha1"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// socket is the client's end of a WebSocket (RFC 6455). It is written here,
// and not taken from the library that the server uses, so that a mistake of
// that library on both ends cannot cancel itself out; and it reads into one
// buffer for as long as it lives, so that hundreds of screens cost little.
type socket struct {
	conn net.Conn
	in   *bufio.Reader
	buf  []byte
	wmu  sync.Mutex
	sent []byte
}

const (
	opContinue, opText, opBinary = 0x0, 0x1, 0x2
	opClose, opPing, opPong      = 0x8, 0x9, 0xa

	largestMessage = 64 << 20
	subprotocol    = "gridward.1"
)

// Closed is a close frame: what the server said when it left.
type Closed struct {
	Code   int
	Reason string
}

func (c *Closed) Error() string { return fmt.Sprintf("closed with %d %s", c.Code, c.Reason) }

// dial opens the live socket of the server at base (http or https).
func dial(ctx context.Context, base, cookie string, trust *tls.Config) (*socket, error) {
	u, err := url.Parse(base)
	if err != nil {
		return nil, err
	}
	host := u.Host
	if u.Port() == "" {
		host = net.JoinHostPort(u.Hostname(), map[string]string{"http": "80", "https": "443"}[u.Scheme])
	}
	conn, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, "tcp", host)
	if err != nil {
		return nil, &Refusal{Cause: err}
	}
	if u.Scheme == "https" {
		conf := trust.Clone()
		if conf == nil {
			conf = &tls.Config{}
		}
		conf.ServerName = u.Hostname()
		conn = tls.Client(conn, conf)
	}
	s := &socket{conn: conn, in: bufio.NewReaderSize(conn, 64<<10)}
	if err := s.shake(u, cookie); err != nil {
		conn.Close()
		return nil, err
	}
	return s, nil
}

// shake upgrades the connection.
func (s *socket) shake(u *url.URL, cookie string) error {
	var nonce [16]byte
	if _, err := rand.Read(nonce[:]); err != nil {
		return err
	}
	key := base64.StdEncoding.EncodeToString(nonce[:])
	req := &http.Request{Method: http.MethodGet, URL: &url.URL{Scheme: u.Scheme, Host: u.Host, Path: "/ws"}, Host: u.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{
		"Upgrade": {"websocket"}, "Connection": {"Upgrade"}, "Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {key},
		"Sec-Websocket-Protocol": {subprotocol}, "Origin": {u.Scheme + "://" + u.Host}, "User-Agent": {client},
	}}
	if cookie != "" {
		req.Header.Set("Cookie", cookie)
	}
	s.conn.SetDeadline(time.Now().Add(15 * time.Second))
	defer s.conn.SetDeadline(time.Time{})
	if err := req.Write(s.conn); err != nil {
		return &Refusal{Cause: err}
	}
	res, err := http.ReadResponse(s.in, req)
	if err != nil {
		return &Refusal{Cause: err}
	}
	defer res.Body.Close() // empty after an upgrade
	if res.StatusCode != http.StatusSwitchingProtocols {
		text, _ := io.ReadAll(io.LimitReader(res.Body, 200))
		return &Refusal{Status: res.StatusCode, Cause: errors.New(strings.TrimSpace(string(text)))}
	}
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	if got, want := res.Header.Get("Sec-Websocket-Accept"), base64.StdEncoding.EncodeToString(sum[:]); got != want {
		return fmt.Errorf("the upgrade answers %q, want %q", got, want)
	}
	if got := res.Header.Get("Sec-Websocket-Protocol"); got != subprotocol {
		return fmt.Errorf("the server speaks %q, want %q", got, subprotocol)
	}
	return nil
}

// read returns the next text or binary message. The bytes are good until the
// next read. Pings are answered on the way; silence is how long nothing at
// all may come.
func (s *socket) read(silence time.Duration) (binaryMessage bool, msg []byte, err error) {
	s.buf = s.buf[:0]
	kind := byte(0)
	for {
		if err := s.conn.SetReadDeadline(time.Now().Add(silence)); err != nil {
			return false, nil, err
		}
		var head [10]byte
		if _, err := io.ReadFull(s.in, head[:2]); err != nil {
			return false, nil, err
		}
		final, op, size := head[0]&0x80 != 0, head[0]&0x0f, uint64(head[1]&0x7f)
		if head[0]&0x70 != 0 || head[1]&0x80 != 0 {
			return false, nil, errors.New("the server sent a masked frame or set a reserved bit")
		}
		switch size {
		case 126:
			if _, err := io.ReadFull(s.in, head[2:4]); err != nil {
				return false, nil, err
			}
			size = uint64(binary.BigEndian.Uint16(head[2:4]))
		case 127:
			if _, err := io.ReadFull(s.in, head[2:10]); err != nil {
				return false, nil, err
			}
			size = binary.BigEndian.Uint64(head[2:10])
		}
		if op >= opClose {
			if size > 125 || !final {
				return false, nil, errors.New("the server sent a control frame that is too long or in pieces")
			}
			payload := make([]byte, size)
			if _, err := io.ReadFull(s.in, payload); err != nil {
				return false, nil, err
			}
			switch op {
			case opPing:
				if err := s.write(opPong, payload); err != nil {
					return false, nil, err
				}
			case opClose:
				c := &Closed{Code: 1005}
				if size >= 2 {
					c.Code, c.Reason = int(binary.BigEndian.Uint16(payload)), string(payload[2:])
				}
				_ = s.write(opClose, payload[:min(2, len(payload))]) // the answer is a courtesy: the link ends here
				return false, nil, c
			}
			continue
		}
		if (kind == 0) == (op == opContinue) {
			return false, nil, fmt.Errorf("the server sent a frame of kind %d out of turn", op)
		}
		if kind == 0 {
			kind = op
		}
		if uint64(len(s.buf))+size > largestMessage {
			return false, nil, fmt.Errorf("the server sent a message of more than %d bytes", largestMessage)
		}
		n := len(s.buf)
		if need := n + int(size); need > cap(s.buf) {
			s.buf = append(make([]byte, 0, max(need, 2*cap(s.buf))), s.buf...)
		}
		s.buf = s.buf[:n+int(size)]
		if _, err := io.ReadFull(s.in, s.buf[n:]); err != nil {
			return false, nil, err
		}
		if final {
			return kind == opBinary, s.buf, nil
		}
	}
}

// write sends one frame, masked as a client must.
func (s *socket) write(op byte, payload []byte) error {
	s.wmu.Lock()
	defer s.wmu.Unlock()
	b := append(s.sent[:0], 0x80|op)
	switch {
	case len(payload) < 126:
		b = append(b, 0x80|byte(len(payload)))
	case len(payload) < 1<<16:
		b = append(b, 0x80|126)
		b = binary.BigEndian.AppendUint16(b, uint16(len(payload)))
	default:
		b = append(b, 0x80|127)
		b = binary.BigEndian.AppendUint64(b, uint64(len(payload)))
	}
	var mask [4]byte
	if _, err := rand.Read(mask[:]); err != nil {
		return err
	}
	b = append(b, mask[:]...)
	for i, c := range payload {
		b = append(b, c^mask[i%4])
	}
	s.sent = b
	s.conn.SetWriteDeadline(time.Now().Add(10 * time.Second))
	_, err := s.conn.Write(b)
	return err
}

func (s *socket) close() { s.conn.Close() }
