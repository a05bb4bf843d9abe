package courier

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"syscall"
	"time"
)

// receipt is what a receiver answered when it took a letter.
type receipt struct {
	number string // its own number for it
	note   string // what it complained of all the same, a sentence that may be shown
}

// refusal is why an attempt failed.
type refusal struct {
	public string // a sentence that may be shown: no secret, no address, no content
	cause  error  // private, without the address that may hold a secret
	never  bool   // trying again changes nothing until somebody acts
	after  time.Duration
}

func (r *refusal) Error() string { return r.public }
func (r *refusal) Unwrap() error { return r.cause }

func later(public string, cause error) *refusal { return &refusal{public: public, cause: bare(cause)} }
func never(public string, cause error) *refusal {
	return &refusal{public: public, cause: bare(cause), never: true}
}

// bare takes off an error the URL that net/http wraps around it: tokens and keys stand in some.
func bare(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

func (r *refusal) private() string {
	if r.cause == nil {
		return ""
	}
	return r.cause.Error()
}

func reason(err error) *refusal {
	var r *refusal
	if errors.As(err, &r) {
		return r
	}
	return later(networkWords(err), err)
}

// pauses between the attempts at one delivery; after the last it is given up
// until somebody asks for it again.
var pauses = []time.Duration{30 * time.Second, 2 * time.Minute, 10 * time.Minute, time.Hour, 6 * time.Hour, 24 * time.Hour}

// longest is what a receiver may ask for with Retry-After.
const longest = time.Hour

// next is when to try again after the given attempt, or nil.
func (r *refusal) next(attempt int16, now time.Time) *time.Time {
	if r.never || int(attempt) > len(pauses) {
		return nil
	}
	at := now.Add(max(pauses[max(0, attempt-1)], min(r.after, longest)))
	return &at
}

// networkWords says what is wrong with a line, in words for an administrator.
func networkWords(err error) string {
	var (
		dns  *net.DNSError
		cert *tls.CertificateVerificationError
		slow net.Error
	)
	switch {
	case errors.As(err, &dns):
		return "找不到对方主机，请检查地址和域名解析"
	case errors.As(err, &cert):
		return "对方的证书不受信任，请检查证书或填写其根证书"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "对方拒绝连接，请检查地址和端口"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &slow) && slow.Timeout():
		return "连接或应答超时"
	}
	return "网络连接中断"
}

// judgeStatus says what an HTTP status means for a letter; nil = taken.
func judgeStatus(resp reply) error {
	switch code := resp.StatusCode; {
	case code >= 200 && code < 300:
		return nil
	case code >= 300 && code < 400:
		return never(fmt.Sprintf("对方要求转到别的地址（%d），为安全起见不跟随，请直接填写最终地址", code), nil)
	case code == http.StatusRequestTimeout, code == http.StatusTooEarly, code == http.StatusTooManyRequests, code >= 500:
		r := later(fmt.Sprintf("对方暂时无法接收（%d）", code), nil)
		r.after = retryAfter(resp.Header.Get("Retry-After"))
		return r
	default:
		return never(fmt.Sprintf("对方不接受（%d），请检查地址、密钥和对方的设置", code), nil)
	}
}

// retryAfter reads the header's seconds; its dates are not used by the receivers we know.
func retryAfter(s string) time.Duration {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > 1<<20 {
		return 0
	}
	return time.Duration(n) * time.Second
}
