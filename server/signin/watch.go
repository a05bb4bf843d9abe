package signin

import (
	"context"
	"time"

	"github.com/gridward/gridward/server/postgres"
)

// watchEvery is how often the credentials behind open sockets are looked at
// again: a revocation on another node is seen within it.
const watchEvery = 3 * time.Second

type watcher struct{ gone func() }

// Watch calls gone once when the credential is revoked or ends. The caller
// stops watching with the function returned; gone must not block.
func (s *Signin) Watch(credential int64, gone func()) (stop func()) {
	w := &watcher{gone: gone}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.watch[credential] == nil {
		s.watch[credential] = map[*watcher]struct{}{}
	}
	s.watch[credential][w] = struct{}{}
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.watch[credential], w)
		if len(s.watch[credential]) == 0 {
			delete(s.watch, credential)
		}
	}
}

// fire tells everybody who watches the credential that it is over.
func (s *Signin) fire(credential int64) {
	s.mu.Lock()
	watchers := s.watch[credential]
	delete(s.watch, credential)
	s.mu.Unlock()
	for w := range watchers {
		w.gone()
	}
}

// Run looks after watched credentials until ctx ends.
func (s *Signin) Run(ctx context.Context) error {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := s.look(ctx); err != nil && ctx.Err() == nil {
				s.log.WarnContext(ctx, "credentials of open sockets could not be checked", "err", err)
			}
		}
	}
}

// look fires every watched credential that is no longer good.
func (s *Signin) look(ctx context.Context) error {
	s.mu.Lock()
	ids := make([]int64, 0, len(s.watch))
	for id := range s.watch {
		ids = append(ids, id)
	}
	s.mu.Unlock()
	if len(ids) == 0 {
		return nil
	}
	living, err := postgres.LivingCredentials(ctx, s.db.Pool, ids, s.clock())
	if err != nil {
		return err
	}
	good := make(map[int64]bool, len(living))
	for _, id := range living {
		good[id] = true
	}
	for _, id := range ids {
		if !good[id] {
			s.fire(id)
		}
	}
	return nil
}
