package video

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"strings"

	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/postgres"
)

// mark is how every playlist begins (RFC 8216).
const mark = "#EXTM3U"

// sealRef is what stands in a rewritten playlist for a path at the gateway: the
// path, sealed with the ticket's key so that nobody reads or makes one, with the
// ending that players look at. The same path is always the same reference, as
// players expect: the nonce is a MAC of the path, so it never comes twice for
// two paths.
func sealRef(key []byte, target string) string {
	ext := ""
	if p, _, _ := strings.Cut(target, "?"); plainExt.MatchString(path.Ext(p)) {
		ext = path.Ext(p)
	}
	box := boxOf(key)
	nonce := subkey(key, "nonce "+target)[:box.NonceSize()]
	return base64.RawURLEncoding.EncodeToString(box.Seal(nonce, nonce, []byte(target), nil)) + ext
}

var plainExt = regexp.MustCompile(`^\.[A-Za-z0-9]{1,5}$`)

// openRef returns the path that a reference holds, if this ticket sealed it.
func openRef(key []byte, ref string) (target string, ok bool) {
	sealed, _, _ := strings.Cut(ref, ".")
	b, err := base64.RawURLEncoding.DecodeString(sealed)
	box := boxOf(key)
	if err != nil || len(b) <= box.NonceSize() {
		return "", false
	}
	plain, err := box.Open(nil, b[:box.NonceSize()], b[box.NonceSize():], nil)
	return string(plain), err == nil && sealRef(key, string(plain)) == ref
}

func boxOf(key []byte) cipher.AEAD {
	block, err := aes.NewCipher(subkey(key, "box"))
	if err != nil {
		panic(err) // a key of 32 bytes is one
	}
	box, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) // AES has blocks of 16
	}
	return box
}

func subkey(key []byte, what string) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(what))
	return m.Sum(nil)
}

var uriAttribute = regexp.MustCompile(`([:,]URI=)"([^"]*)"`)

// rewrite replaces every reference in a playlist that was fetched from base by
// what seal makes of its path and query. A reference to anywhere but the
// gateway makes the whole playlist an error.
func rewrite(text string, base *url.URL, ours func(*url.URL) bool, seal func(target string) string) (string, error) {
	var wrong error
	turn := func(ref string) string {
		u, err := url.Parse(strings.TrimSpace(ref))
		if err == nil {
			u = base.ResolveReference(u)
		}
		if err != nil || !ours(u) || u.Opaque != "" || u.User != nil {
			wrong = errors.New("a reference leads away from the gateway")
			return ""
		}
		return seal((&url.URL{Path: u.Path, RawPath: u.RawPath, RawQuery: u.RawQuery}).String())
	}
	var out strings.Builder
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		switch {
		case strings.TrimSpace(line) == "":
		case strings.HasPrefix(line, "#EXT"):
			line = uriAttribute.ReplaceAllStringFunc(line, func(found string) string {
				parts := uriAttribute.FindStringSubmatch(found)
				return parts[1] + `"` + turn(parts[2]) + `"`
			})
		case strings.HasPrefix(line, "#"):
			continue // a comment may name the gateway
		default:
			line = turn(line)
		}
		out.WriteString(line)
		out.WriteByte('\n')
	}
	return out.String(), wrong
}

// statuses of the kinds of faults.
var statuses = map[fault.Kind]int{fault.Unknown: http.StatusUnauthorized, fault.Denied: http.StatusForbidden, fault.Missing: http.StatusNotFound, fault.Busy: http.StatusServiceUnavailable}

// refuse answers with a problem document, as the API does.
func (v *Video) refuse(ctx context.Context, w http.ResponseWriter, err error) {
	status, kind, detail := http.StatusInternalServerError, fault.Kind(""), "服务器出错了，请稍后再试"
	var f *fault.Fault
	switch {
	case errors.As(err, &f):
		status, kind, detail = statuses[f.Kind], f.Kind, f.Public
	case postgres.Unavailable(err):
		status, kind, detail = http.StatusServiceUnavailable, fault.Busy, "数据库暂时无法访问，请稍后再试"
	default:
		v.d.Log.ErrorContext(ctx, "a video request failed", "err", fmt.Errorf("video: %w", err))
	}
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "2")
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"status": status, "title": http.StatusText(status), "detail": detail, "kind": kind})
}
