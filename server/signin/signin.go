// Package signin says who is asking: passwords, sessions, paired wall screens.
//
// A session is 32 random bytes in an HttpOnly cookie, kept as SHA-256 in the
// table of credentials; there is nothing in it to forge. It ends after half an
// hour without a request, after twelve hours in any case, at sign-out, and when
// the password or a post changes. Sockets that were opened under it watch it
// and close with it.
//
// Guessing is slow: five wrong passwords lock an account for a quarter of an
// hour, twenty from one address lock the address. A login that does not exist
// behaves, locks and costs exactly like one that does.
package signin

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/postgres"
)

const (
	idle         = 30 * time.Minute
	absolute     = 12 * time.Hour
	lockAfter    = 5
	lockFor      = 15 * time.Minute
	addressLimit = 20 // failures of one address within lockFor: an office shares one
	touchEvery   = time.Minute
)

// Options shape the door.
type Options struct {
	Clock   func() time.Time
	Log     *slog.Logger
	Proxies []netip.Prefix // whose forwarded addresses count
}

// Signin knows who is asking.
type Signin struct {
	db      *postgres.DB
	clock   func() time.Time
	log     *slog.Logger
	proxies []netip.Prefix

	dummy     string        // a hash nobody has the password of
	hashing   chan struct{} // argon2 takes 19 MiB: only so many at once
	addresses *throttle
	strangers *throttle // logins that do not exist
	pairing   *throttle

	mu    sync.Mutex
	watch map[int64]map[*watcher]struct{}
}

// New makes the door.
func New(db *postgres.DB, o Options) *Signin {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return &Signin{
		db: db, clock: o.Clock, log: o.Log, proxies: o.Proxies,
		dummy: HashPassword(randomText(16)), hashing: make(chan struct{}, 4),
		addresses: newThrottle(addressLimit, lockFor, 4096), strangers: newThrottle(lockAfter, lockFor, 4096), pairing: newThrottle(5, pairingFor, 4096),
		watch: map[int64]map[*watcher]struct{}{},
	}
}

// Locked says that the door is shut for a while; doors answer it with 429.
type Locked struct{ Wait time.Duration }

func (l *Locked) Error() string { return "尝试次数过多，请稍后再试" }

// RetryAfter is how long the caller must wait.
func (l *Locked) RetryAfter() time.Duration { return l.Wait }

// errWrong never says which half was wrong.
func errWrong() error { return fault.New(fault.Unknown, "登录名或密码不正确") }

// Login checks a password and opens a session. It returns the session and the
// cookie that carries it.
func (s *Signin) Login(ctx context.Context, r *http.Request, login, password string) (access.Session, *http.Cookie, error) {
	now := s.clock()
	login = strings.ToLower(strings.TrimSpace(login))
	from := s.Address(r)
	if wait := s.addresses.blocked(from, now); wait > 0 {
		return access.Session{}, nil, &Locked{wait}
	}
	if wait := s.strangers.blocked(login, now); wait > 0 {
		return access.Session{}, nil, &Locked{wait}
	}
	if len(login) > 100 || len(password) > 1024 {
		s.addresses.fail(from, now)
		return access.Session{}, nil, errWrong()
	}
	a, ok, err := postgres.ChargeAttempt(ctx, s.db.Pool, login, lockAfter, lockFor, now)
	if err != nil {
		return access.Session{}, nil, err
	}
	if !ok && a.ID != 0 {
		s.addresses.fail(from, now)
		return access.Session{}, nil, &Locked{a.LockedUntil.Sub(now)}
	}
	hash := s.dummy
	if ok && a.Active {
		hash = a.PasswordHash
	}
	good, err := s.verify(ctx, hash, password)
	if err != nil {
		return access.Session{}, nil, err
	}
	if !good || !ok || !a.Active {
		s.addresses.fail(from, now)
		if a.ID == 0 {
			s.strangers.fail(login, now)
		}
		s.audit(ctx, postgres.Audit{Account: a.ID, Actor: login, IP: from, Action: "session.opened", Result: "denied"})
		return access.Session{}, nil, errWrong()
	}
	s.addresses.forgive(from)

	token := randomText(32)
	expires := now.Add(absolute)
	session := access.Session{
		Principal:  access.Principal{Account: a.ID, Worker: a.Worker, Login: a.Login, Name: a.Name},
		MustChange: a.MustChange, ExpiresAt: expires, IP: from,
	}
	err = s.db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := postgres.ForgiveAttempts(ctx, tx, a.ID); err != nil {
			return err
		}
		if session.Posts, err = postgres.Posts(ctx, tx, a.ID); err != nil {
			return err
		}
		session.Credential, err = postgres.InsertCredential(ctx, tx, postgres.Credential{
			Kind: "session", Hash: sha256.Sum256([]byte(token)), Prefix: token[:6], Account: a.ID, ExpiresAt: &expires, IP: from, Agent: clip(r.UserAgent(), 200),
		}, now)
		if err != nil {
			return err
		}
		return postgres.WriteAudit(ctx, tx, postgres.Audit{Account: a.ID, Actor: a.Login, IP: from, Action: "session.opened"})
	})
	if err != nil {
		return access.Session{}, nil, err
	}
	return session, s.cookie(r, token, absolute), nil
}

// verify compares a password with a hash, a few at a time.
func (s *Signin) verify(ctx context.Context, hash, password string) (bool, error) {
	select {
	case s.hashing <- struct{}{}:
		defer func() { <-s.hashing }()
	case <-ctx.Done():
		return false, fault.Because(ctx.Err(), fault.Busy, "登录的人太多，请稍后再试")
	}
	return matches(hash, password)
}

// Logout ends the session and returns the cookie that makes the browser forget it.
func (s *Signin) Logout(ctx context.Context, r *http.Request, of access.Session) (*http.Cookie, error) {
	if err := postgres.RevokeCredential(ctx, s.db.Pool, of.Credential); err != nil {
		return nil, err
	}
	s.audit(ctx, postgres.Audit{Account: of.Account, Actor: of.Login, IP: of.IP, Action: "session.closed"})
	s.fire(of.Credential)
	return s.cookie(r, "", -1), nil
}

// ChangePassword replaces the caller's own password and ends every other session of theirs.
func (s *Signin) ChangePassword(ctx context.Context, of access.Session, old, fresh string) error {
	if of.Account == 0 {
		return fault.New(fault.Denied, "大屏没有密码")
	}
	now := s.clock()
	a, ok, err := postgres.ChargeAttempt(ctx, s.db.Pool, of.Login, lockAfter, lockFor, now)
	if err != nil {
		return err
	}
	if !ok {
		return &Locked{lockFor}
	}
	good, err := s.verify(ctx, a.PasswordHash, old)
	if err != nil {
		return err
	}
	if !good {
		return fault.New(fault.Invalid, "原密码不正确").At("old")
	}
	if err := CheckPassword(a.Login, fresh); err != nil {
		return err
	}
	if fresh == old {
		return fault.New(fault.Invalid, "新密码不能与原密码相同").At("new")
	}
	hash := HashPassword(fresh)
	var ended []int64
	err = s.db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := postgres.SetPassword(ctx, tx, a.ID, hash, false); err != nil {
			return err
		}
		if ended, err = postgres.RevokeAccount(ctx, tx, a.ID, of.Credential); err != nil {
			return err
		}
		return postgres.WriteAudit(ctx, tx, postgres.Audit{Account: a.ID, Actor: a.Login, IP: of.IP, Action: "password.changed"})
	})
	if err != nil {
		return err
	}
	for _, id := range ended {
		s.fire(id)
	}
	return nil
}

// Authenticate returns who holds the request's cookie. It is a fault of kind
// Unknown when nobody does.
func (s *Signin) Authenticate(r *http.Request) (access.Session, error) {
	ctx, now := r.Context(), s.clock()
	token := s.token(r)
	if token == "" {
		return access.Session{}, fault.New(fault.Unknown, "请先登录")
	}
	b, ok, err := postgres.FindBearer(ctx, s.db.Pool, sha256.Sum256([]byte(token)), now)
	if err != nil {
		return access.Session{}, err
	}
	gone := fault.New(fault.Unknown, "登录已失效，请重新登录")
	if !ok {
		return access.Session{}, gone
	}
	session := b.Session
	session.IP = s.Address(r)
	if session.Kiosk == 0 && now.Sub(b.UsedAt) > idle {
		if err := postgres.RevokeCredential(ctx, s.db.Pool, session.Credential); err != nil {
			return access.Session{}, err
		}
		s.fire(session.Credential)
		return access.Session{}, gone
	}
	if b.CIDR != nil {
		if addr, err := netip.ParseAddr(session.IP); err != nil || !b.CIDR.Contains(addr) {
			return access.Session{}, fault.New(fault.Unknown, "这块大屏不在允许的网段")
		}
	}
	if now.Sub(b.UsedAt) > touchEvery {
		if err := postgres.TouchCredential(ctx, s.db.Pool, session.Credential, session.Kiosk, now); err != nil {
			return access.Session{}, err
		}
	}
	return session, nil
}

// audit notes what could not be part of a transaction; a failure is logged and stops nothing.
func (s *Signin) audit(ctx context.Context, a postgres.Audit) {
	if err := postgres.WriteAudit(ctx, s.db.Pool, a); err != nil {
		s.log.ErrorContext(ctx, "the audit could not be written", "action", a.Action, "err", err)
	}
}

// randomText returns n random bytes as URL-safe text.
func randomText(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}

func clip(s string, n int) string {
	s = strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "?")
	if len(s) > n {
		return strings.ToValidUTF8(s[:n], "")
	}
	return s
}

// String keeps a Locked out of logs as anything but its wait.
func (l *Locked) String() string { return fmt.Sprintf("locked for %s", l.Wait) }
