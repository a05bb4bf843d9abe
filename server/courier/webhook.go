package courier

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// newClient is a client that goes where it was told and nowhere else: it
// follows no redirect and no proxy of the environment, and reads little.
func newClient(ca string) *http.Client {
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if ca != "" {
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool()
		}
		pool.AppendCertsFromPEM([]byte(ca))
		conf.RootCAs = pool
	}
	return &http.Client{
		Timeout:       patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext:            (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
			TLSClientConfig:        conf,
			TLSHandshakeTimeout:    5 * time.Second,
			ForceAttemptHTTP2:      true,
			MaxIdleConnsPerHost:    4,
			IdleConnTimeout:        10 * time.Second,
			MaxResponseHeaderBytes: 64 << 10,
		},
	}
}

// exchange sends a request and reads the beginning of the answer.
func exchange(client *http.Client, req *http.Request) (reply, []byte, error) {
	req.Header.Set("User-Agent", "Gridward")
	resp, err := client.Do(req)
	if err != nil {
		return reply{}, nil, later(networkWords(err), err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return reply{}, nil, later(networkWords(err), err)
	}
	return reply{resp.StatusCode, resp.Header}, body, nil
}

// reply is what an answer says before its body.
type reply struct {
	StatusCode int
	Header     http.Header
}

// webhook posts the letter as JSON, signed (docs/protocol.md, 3).
type webhook struct {
	url, secret string
	http        *http.Client
	clock       func() time.Time
}

func (w *webhook) send(ctx context.Context, l letter) (receipt, error) {
	body, err := json.Marshal(l)
	if err != nil {
		return receipt{}, never("消息内容无法写成 JSON", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(body))
	if err != nil {
		return receipt{}, never("地址有误", err)
	}
	at := strconv.FormatInt(w.clock().Unix(), 10)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Gridward-Event", l.Event)
	req.Header.Set("X-Gridward-Delivery", l.ID.String())
	req.Header.Set("X-Gridward-Attempt", strconv.Itoa(int(l.Attempt)))
	req.Header.Set("X-Gridward-Timestamp", at)
	req.Header.Set("X-Gridward-Signature", Sign(w.secret, at, l.ID.String(), body))
	resp, _, err := exchange(w.http, req)
	if err != nil {
		return receipt{}, err
	}
	return receipt{}, judgeStatus(resp)
}

// Sign is the signature of a webhook: HMAC-SHA256 over time, delivery and body.
func Sign(secret, timestamp, delivery string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(timestamp + "." + delivery + "."))
	mac.Write(body)
	return "v1=" + hex.EncodeToString(mac.Sum(nil))
}
