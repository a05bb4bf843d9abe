package uplink

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/fleet"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/protocol/osmand"
)

// key is a device that has shown a good token, and its ways.
type key struct {
	dev    fleet.Device
	habits fleet.Habits
	secret string // for encrypted OwnTracks messages
	until  time.Time
}

func keyFor(dev fleet.Device, secret string) key {
	zone, err := time.LoadLocation(dev.Zone)
	if err != nil {
		zone = time.UTC
	}
	return key{dev: dev, habits: fleet.Habits{Zone: zone, SpeedUnit: dev.SpeedUnit}, secret: secret}
}

// A token's device is remembered for this long, so that a phone that reports
// every second asks the database every few. It is also how long a token may
// outlive its revocation on another node; here Forget ends it at once.
const remember = 10 * time.Second

// mostKeys bounds the keyring; when it is full it starts anew.
const mostKeys = 100_000

type keyring struct {
	mu sync.RWMutex
	by map[[32]byte]key
}

// Forget makes every token be looked up again: after a device was changed.
func (u *Uplink) Forget() {
	u.known.mu.Lock()
	defer u.known.mu.Unlock()
	clear(u.known.by)
}

// lookup returns the device of a token; a key with device 0 is nobody's.
func (u *Uplink) lookup(ctx context.Context, token string) (key, error) {
	if !strings.HasPrefix(token, "gw_") || len(token) > 100 {
		return key{}, nil // no token of ours; the device's own name, perhaps
	}
	hash := postgres.HashToken(token)
	return u.recall(hash, func(now time.Time) (key, error) {
		dev, secret, ok, err := postgres.DeviceByToken(ctx, u.d.DB.Pool, hash, now)
		if err != nil || !ok {
			return key{}, err
		}
		return keyFor(dev, secret), nil
	})
}

func (u *Uplink) recall(hash [32]byte, find func(now time.Time) (key, error)) (key, error) {
	now := u.d.Clock()
	u.known.mu.RLock()
	k, ok := u.known.by[hash]
	u.known.mu.RUnlock()
	if ok && now.Before(k.until) {
		return k, nil
	}
	k, err := find(now)
	if fault.Is(err, fault.Denied) {
		return key{}, nil
	}
	if err != nil {
		return key{}, unavailable(err)
	}
	if k.dev.ID == 0 {
		return k, nil // nobody is not remembered: a token may be made any moment
	}
	k.until = now.Add(remember)
	u.known.mu.Lock()
	defer u.known.mu.Unlock()
	if len(u.known.by) >= mostKeys {
		clear(u.known.by)
	}
	u.known.by[hash] = k
	return k, nil
}

// identify finds the device that sends. Unmodified clients can put the token in
// one place only, each in another; the first good one counts.
func (u *Uplink) identify(r *http.Request, v *visit) (key, error) {
	ctx := r.Context()
	try := func(token string) (key, bool, error) {
		if token == "" {
			return key{}, false, nil
		}
		k, err := u.lookup(ctx, token)
		if k.dev.ID != 0 {
			v.token = token
		}
		return k, err != nil || k.dev.ID != 0, err
	}
	if k, done, err := try(v.pathToken); done {
		return k, err
	}
	if auth := r.Header.Get("Authorization"); auth != "" {
		if len(auth) > 7 && strings.EqualFold(auth[:7], "Bearer ") {
			if k, done, err := try(strings.TrimSpace(auth[7:])); done {
				return k, err
			}
		} else if user, password, ok := r.BasicAuth(); ok {
			for _, token := range []string{password, user} {
				if k, done, err := try(token); done {
					return k, err
				}
			}
		}
	}
	if k, done, err := try(r.Header.Get("X-Device-Token")); done {
		return k, err
	}
	if k, done, err := try(osmand.ID(v.query)); done {
		return k, err
	}
	if v.isJSON() {
		if v.door == "osmand" || v.door == "" {
			if k, done, err := try(osmand.JSONID(v.body)); done {
				return k, err
			}
		}
	} else if v.query == "" && len(v.body) > 0 {
		if k, done, err := try(osmand.ID(string(v.body))); done {
			return k, err
		}
	}
	if v.door != "native" || u.d.Worker == nil {
		return key{}, nil
	}
	worker, err := u.d.Worker(r)
	if err != nil {
		return key{}, unavailable(err)
	}
	if worker == 0 {
		return key{}, nil
	}
	return u.recall(postgres.HashToken("worker "+strconv.FormatInt(worker, 10)), func(time.Time) (key, error) {
		dev, err := postgres.PageDevice(ctx, u.d.DB.Pool, worker)
		if err != nil {
			return key{}, err
		}
		return keyFor(dev, ""), nil
	})
}
