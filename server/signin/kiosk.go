package signin

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/postgres"
)

const (
	pairingFor      = 10 * time.Minute
	pairingAttempts = 30 // wrong codes, from anywhere, that end every open code
	kioskLife       = 400 * 24 * time.Hour
)

// codeLetters can be told apart on a wall and on the telephone.
const codeLetters = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"

// NewPairing makes a one-time code for a wall screen, good for ten minutes.
// Only its hash is kept; earlier codes of the kiosk end.
func (s *Signin) NewPairing(ctx context.Context, q postgres.Querier, kiosk int64) (code string, expires time.Time, err error) {
	b := make([]byte, 8)
	_, _ = rand.Read(b)
	for i := range b {
		b[i] = codeLetters[int(b[i])%len(codeLetters)] // 32 letters: no bias
	}
	now := s.clock()
	expires = now.Add(pairingFor)
	if err := postgres.InsertPairing(ctx, q, kiosk, sha256.Sum256(b), now, expires); err != nil {
		return "", time.Time{}, err
	}
	return string(b[:4]) + "-" + string(b[4:]), expires, nil
}

// Pair exchanges a one-time code for a cookie that shows the big screen and can do nothing else.
func (s *Signin) Pair(ctx context.Context, r *http.Request, code string) (access.Session, *http.Cookie, error) {
	now, from := s.clock(), s.Address(r)
	if wait := s.pairing.blocked(from, now); wait > 0 {
		return access.Session{}, nil, &Locked{wait}
	}
	code = strings.ToUpper(strings.NewReplacer("-", "", " ", "").Replace(code))
	addr, err := netip.ParseAddr(from)
	if err != nil {
		addr = netip.IPv4Unspecified()
	}
	token := randomText(32)
	hash := sha256.Sum256([]byte(token))
	expires := now.Add(kioskLife)
	var kiosk int64
	var ended []int64
	ok := false
	err = s.db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		var err error
		if kiosk, ok, err = postgres.TakePairing(ctx, tx, sha256.Sum256([]byte(code)), addr, pairingAttempts, now); err != nil || !ok {
			return err
		}
		if ended, err = postgres.RevokeKioskCredentials(ctx, tx, kiosk); err != nil {
			return err
		}
		if _, err := postgres.InsertCredential(ctx, tx, postgres.Credential{
			Kind: "kiosk", Hash: hash, Prefix: token[:6], Kiosk: kiosk, ExpiresAt: &expires, IP: from, Agent: clip(r.UserAgent(), 200),
		}, now); err != nil {
			return err
		}
		return postgres.WriteAudit(ctx, tx, postgres.Audit{Actor: "kiosk", IP: from, Action: "kiosk.paired", Detail: map[string]any{"kiosk": kiosk}})
	})
	if err != nil {
		return access.Session{}, nil, err
	}
	if !ok {
		s.pairing.fail(from, now)
		s.audit(ctx, postgres.Audit{Actor: "kiosk", IP: from, Action: "kiosk.paired", Result: "denied"})
		return access.Session{}, nil, fault.New(fault.Unknown, "配对码不正确或已过期")
	}
	for _, id := range ended {
		s.fire(id)
	}
	b, found, err := postgres.FindBearer(ctx, s.db.Pool, hash, now)
	if err != nil {
		return access.Session{}, nil, err
	}
	if !found {
		return access.Session{}, nil, fault.New(fault.Unknown, "这块大屏已停用")
	}
	b.Session.IP = from
	return b.Session, s.cookie(r, token, kioskLife), nil
}

// RevokeKiosk takes a wall screen out of service and shuts its sockets.
func (s *Signin) RevokeKiosk(ctx context.Context, by access.Session, kiosk int64) error {
	var ended []int64
	err := s.db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := postgres.RevokeKiosk(ctx, tx, kiosk); err != nil {
			return err
		}
		var err error
		if ended, err = postgres.RevokeKioskCredentials(ctx, tx, kiosk); err != nil {
			return err
		}
		return postgres.WriteAudit(ctx, tx, postgres.Audit{Account: by.Account, Actor: by.Login, IP: by.IP, Action: "kiosk.revoked", Detail: map[string]any{"kiosk": kiosk}})
	})
	if err != nil {
		return err
	}
	for _, id := range ended {
		s.fire(id)
	}
	return nil
}
