package tiles

import (
	"container/list"
	"sync"
)

// cache keeps the tiles asked for last, up to a number of bytes.
type cache struct {
	limit int

	mu    sync.Mutex
	size  int
	order *list.List // newest first
	byKey map[string]*list.Element
}

type kept struct {
	key  string
	tile tile
}

// tile is one answer: gzipped when packed says so, empty when there is nothing to draw.
type tile struct {
	body   []byte
	mime   string
	packed bool
}

func newCache(limit int) *cache {
	return &cache{limit: limit, order: list.New(), byKey: map[string]*list.Element{}}
}

func (c *cache) get(key string) (tile, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.byKey[key]
	if e == nil {
		return tile{}, false
	}
	c.order.MoveToFront(e)
	return e.Value.(*kept).tile, true
}

// overhead is what an entry costs besides its bytes, so that empty tiles count too.
const overhead = 256

func (c *cache) put(key string, t tile) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.byKey[key]; e != nil {
		c.drop(e)
	}
	c.byKey[key] = c.order.PushFront(&kept{key, t})
	c.size += len(t.body) + len(key) + overhead
	for c.size > c.limit {
		c.drop(c.order.Back())
	}
}

func (c *cache) drop(e *list.Element) {
	k := c.order.Remove(e).(*kept)
	delete(c.byKey, k.key)
	c.size -= len(k.tile.body) + len(k.key) + overhead
}
