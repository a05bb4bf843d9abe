package live

import "bytes"

// perMessage is how many names or cells go into one message.
const perMessage = 1000

// ledger is what a room has announced, in order: the names of handles, or the
// outlines of cells. A screen remembers how far it has been told; the next
// frame it takes is preceded by the rest. Nothing is announced twice to a
// screen that keeps up, and nothing is used before it is announced, however
// slow the screen.
type ledger struct {
	head, tail []byte // the message around the items
	items      [][]byte
	base       int // number of items dropped from the front
	made       map[int][]letter
}

func newLedger(kind, list string) ledger {
	return ledger{head: []byte(`{"type":"` + kind + `","` + list + `":[`), tail: []byte("]}"), made: map[int][]letter{}}
}

// end is how far one who was told everything has been told.
func (l *ledger) end() int { return l.base + len(l.items) }

func (l *ledger) add(item []byte) {
	l.items = append(l.items, item)
	clear(l.made)
}

// trim drops the older half when the ledger is much longer than what it is about.
func (l *ledger) trim(living int) {
	if n := len(l.items); n > 2*living+perMessage {
		l.items = append([][]byte(nil), l.items[n/2:]...)
		l.base += n / 2
		clear(l.made)
	}
}

// forget drops everything; who was told all of it stays told.
func (l *ledger) forget() {
	l.base, l.items = l.end(), nil
	clear(l.made)
}

// since returns the messages for one who was told up to told; ok is false when
// that is too long ago (or never), and everything living must be told instead.
func (l *ledger) since(told int) (messages []letter, ok bool) {
	if told < l.base {
		return nil, false
	}
	if told >= l.end() {
		return nil, true
	}
	if messages, ok := l.made[told]; ok {
		return messages, true
	}
	messages = l.write(l.items[told-l.base:])
	if len(l.made) < 64 {
		l.made[told] = messages
	}
	return messages, true
}

// whole returns the messages that tell all the items given, made once until
// the ledger grows.
func (l *ledger) whole(living func() [][]byte) []letter {
	if messages, ok := l.made[-1]; ok {
		return messages
	}
	messages := l.write(living())
	l.made[-1] = messages
	return messages
}

func (l *ledger) write(items [][]byte) []letter {
	var messages []letter
	for len(items) > 0 {
		n := min(len(items), perMessage)
		var b bytes.Buffer
		b.Write(l.head)
		for i, item := range items[:n] {
			if i > 0 {
				b.WriteByte(',')
			}
			b.Write(item)
		}
		b.Write(l.tail)
		messages = append(messages, textLetter("names", b.Bytes()))
		items = items[n:]
	}
	return messages
}
