package signin

import (
	"container/list"
	"sync"
	"time"
)

// throttle counts failures by key (an address, an unknown login) in a window
// that begins with the first of them. It keeps the newest keys only: its
// memory does not grow with the number of attackers.
type throttle struct {
	limit  int
	window time.Duration
	size   int

	mu   sync.Mutex
	keys map[string]*list.Element
	old  *list.List // least recently failed first
}

type tally struct {
	key   string
	n     int
	until time.Time
}

func newThrottle(limit int, window time.Duration, size int) *throttle {
	return &throttle{limit: limit, window: window, size: size, keys: map[string]*list.Element{}, old: list.New()}
}

// blocked returns how long the key must wait, zero when it need not.
func (t *throttle) blocked(key string, now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.keys[key]
	if e == nil {
		return 0
	}
	c := e.Value.(*tally)
	if !now.Before(c.until) {
		t.drop(e)
		return 0
	}
	if c.n < t.limit {
		return 0
	}
	return c.until.Sub(now)
}

// fail counts one failure. The failure that reaches the limit starts the wait anew.
func (t *throttle) fail(key string, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.keys[key]
	if e != nil && !now.Before(e.Value.(*tally).until) {
		t.drop(e)
		e = nil
	}
	if e == nil {
		e = t.old.PushBack(&tally{key: key, until: now.Add(t.window)})
		t.keys[key] = e
		if t.old.Len() > t.size {
			t.drop(t.old.Front())
		}
	}
	c := e.Value.(*tally)
	if c.n++; c.n == t.limit {
		c.until = now.Add(t.window)
	}
	t.old.MoveToBack(e)
}

// forgive forgets the key's failures.
func (t *throttle) forgive(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e := t.keys[key]; e != nil {
		t.drop(e)
	}
}

func (t *throttle) drop(e *list.Element) {
	delete(t.keys, e.Value.(*tally).key)
	t.old.Remove(e)
}
