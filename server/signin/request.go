package signin

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/postgres"
)

// The cookie's name over TLS, and on a loopback without it: __Host- needs Secure.
const (
	secureCookie = "__Host-gridward"
	plainCookie  = "gridward"
)

// secure reports whether the browser speaks TLS, to us or to a trusted proxy.
func (s *Signin) secure(r *http.Request) bool {
	if r.TLS != nil {
		return true
	}
	peer, ok := peerOf(r)
	return ok && s.trusted(peer) && strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
}

func (s *Signin) token(r *http.Request) string {
	name := plainCookie
	if s.secure(r) {
		name = secureCookie
	}
	c, err := r.Cookie(name)
	if err != nil || len(c.Value) < 40 || len(c.Value) > 64 {
		return ""
	}
	return c.Value
}

func (s *Signin) cookie(r *http.Request, token string, life time.Duration) *http.Cookie {
	c := &http.Cookie{Name: plainCookie, Value: token, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode, MaxAge: int(life / time.Second)}
	if life < 0 {
		c.MaxAge = -1
	}
	if s.secure(r) {
		c.Name, c.Secure = secureCookie, true
	}
	return c
}

// CookieHeader is the Cookie header of a program in this house that holds a
// session's token, whichever way it reaches us.
func CookieHeader(token string) string {
	return plainCookie + "=" + token + "; " + secureCookie + "=" + token
}

func peerOf(r *http.Request) (netip.Addr, bool) {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}, false
	}
	return at.Addr().Unmap().WithZone(""), true
}

func (s *Signin) trusted(a netip.Addr) bool {
	for _, p := range s.proxies {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// Address is the client's address. X-Forwarded-For counts only as far as
// configured proxies wrote it: it is read from the right, and the first address
// that is no proxy of ours is the client.
func (s *Signin) Address(r *http.Request) string {
	addr, ok := peerOf(r)
	if !ok {
		return r.RemoteAddr // a Unix socket, a test
	}
	chain := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(chain) - 1; i >= 0 && s.trusted(addr); i-- {
		next, err := netip.ParseAddr(strings.TrimSpace(chain[i]))
		if err != nil {
			break
		}
		addr = next.Unmap().WithZone("")
	}
	return addr.String()
}

// Middleware puts the session of a good cookie into the request's context. A
// request without one passes as nobody: each door says itself what it needs.
func (s *Signin) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.token(r) == "" {
			next.ServeHTTP(w, r)
			return
		}
		session, err := s.Authenticate(r)
		switch {
		case err == nil:
			r = r.WithContext(access.With(r.Context(), session))
		case fault.Is(err, fault.Unknown):
			// as nobody
		case r.Context().Err() != nil:
			return // the client left
		case postgres.Unavailable(err):
			w.Header().Set("Retry-After", "2")
			refuse(w, http.StatusServiceUnavailable, fault.Busy, "数据库暂时无法访问，请稍后再试")
			return
		default:
			s.log.ErrorContext(r.Context(), "a session could not be checked", "err", err)
			refuse(w, http.StatusInternalServerError, "", "服务器出错了")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// Guard sets the headers that every answer carries and refuses requests that
// another site's page made (Fetch metadata and Origin; see
// http.CrossOriginProtection). Paths in deviceDoors are for devices, which
// carry their own token and no cookie.
func Guard(next http.Handler, deviceDoors ...string) http.Handler {
	cross := http.NewCrossOriginProtection()
	for _, path := range deviceDoors {
		cross.AddInsecureBypassPattern(path)
	}
	cross.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, http.StatusForbidden, fault.Denied, "请求来自其他网站，已拒绝")
	}))
	inner := cross.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("X-Frame-Options", "SAMEORIGIN")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		if r.TLS != nil {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		if strings.HasPrefix(r.URL.Path, "/api/") {
			h.Set("Content-Security-Policy", apiPolicy)
			h.Set("Cache-Control", "no-store") // photos say otherwise
		}
		inner.ServeHTTP(w, r)
	})
}

// apiPolicy is the policy of answers: JSON or a photo opened by itself may run
// and load nothing. Pages and their scripts bring their own: a worker's script
// carries the policy that the worker lives under.
const apiPolicy = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; sandbox"

func refuse(w http.ResponseWriter, status int, kind fault.Kind, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"status": status, "title": http.StatusText(status), "detail": detail, "kind": kind})
}
